//! Acknowledged means durable, over a real mosquitto and over the embedded broker.
//!
//! "Durable" is whatever the test says: it holds the acknowledgements that the core would hold.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use bytes::Bytes;
use firmware_schemas::id::TenantId;
use firmware_schemas::quantity::Timestamp;
use gateway::ingest::broker::{Broker, BrokerConfig, BrokerError, TlsListen};
use gateway::ingest::mqtt::{BrokerAddress, Link, LinkConfig, probe};
use gateway::ingest::outbound::{Outbound, OutboundConfig};
use gateway::ingest::tls::{Identity, Roots, TlsOptions};
use gateway::ingest::{Credentials, Inbound, LinkState, Secret, upward_filters};
use gateway::ports::{Bus, BusError, Clock, Undelivered};
use rumqttc::{AsyncClient, ConnectionError, Event, LastWill, MqttOptions, Outgoing, Packet, QoS};
use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tests::mosquitto::{Mosquitto, MosquittoOptions, free_port};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const TELEMETRY: &str = "portolan/v1/acme/depot-1/scale-7/telemetry";
const PATIENCE: Duration = Duration::from_secs(20);

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(StandingClock)
}

fn address(port: u16) -> BrokerAddress {
    BrokerAddress { host: "127.0.0.1".into(), port, tls: None, credentials: None }
}

fn link_config(broker: BrokerAddress, group: Option<&str>) -> LinkConfig {
    let tenant = TenantId::new("acme").unwrap();
    let mut config = LinkConfig::new(broker, "gateway-1", upward_filters(&tenant, group));
    config.backoff_first = Duration::from_millis(20);
    config.backoff_max = Duration::from_millis(200);
    config
}

/// A link with the receiving end that stands for the core.
struct Core {
    link: Link,
    inbound: mpsc::Receiver<Inbound>,
}

impl Core {
    fn start(config: LinkConfig, capacity: usize) -> Self {
        let (sender, inbound) = mpsc::channel(capacity);
        let link = Link::start(config, sender, clock()).unwrap();
        Self { link, inbound }
    }

    async fn connected(&self) -> bool {
        reach(self.link.state(), |state| matches!(state, LinkState::Connected { .. })).await;
        matches!(*self.link.state().borrow(), LinkState::Connected { session_present: true, .. })
    }

    async fn next(&mut self) -> Inbound {
        next(&mut self.inbound).await
    }
}

async fn next(inbound: &mut mpsc::Receiver<Inbound>) -> Inbound {
    timeout(PATIENCE, inbound.recv()).await.expect("a message in time").expect("an open channel")
}

async fn nothing_more(inbound: &mut mpsc::Receiver<Inbound>) {
    if let Ok(message) = timeout(Duration::from_millis(300), inbound.recv()).await {
        panic!("unexpected: {message:?}");
    }
}

async fn reach(mut state: watch::Receiver<LinkState>, wanted: impl Fn(&LinkState) -> bool) {
    let last = state.clone();
    let result = timeout(PATIENCE, state.wait_for(|state| wanted(state))).await;
    assert!(result.is_ok(), "still {:?}", *last.borrow());
}

/// A device: an ordinary rumqttc client that counts the PUBACKs it got.
struct Device {
    client: AsyncClient,
    acknowledged: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
    refusals: Arc<AtomicU64>,
    subscribed: Arc<AtomicU64>,
    heard: mpsc::Receiver<rumqttc::Publish>,
    task: JoinHandle<()>,
}

impl Device {
    fn options(port: u16, name: &str) -> MqttOptions {
        let mut options = MqttOptions::new(name, "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(5));
        options.set_max_packet_size(2 * 1024 * 1024, 2 * 1024 * 1024);
        options
    }

    fn start(options: MqttOptions) -> Self {
        let (client, mut events) = AsyncClient::new(options, 100);
        let (acknowledged, connections) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (heard_sender, heard) = mpsc::channel(10_000);
        let (subscribed, refusals) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (acks, connects) = (acknowledged.clone(), connections.clone());
        let (grants, refused) = (subscribed.clone(), refusals.clone());
        let task = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::PubAck(_))) => {
                        acks.fetch_add(1, Ordering::SeqCst);
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        grants.fetch_add(1, Ordering::SeqCst);
                    }
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        connects.fetch_add(1, Ordering::SeqCst);
                    }
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        heard_sender.try_send(publish).ok();
                    }
                    Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
                    Ok(_) => {}
                    Err(ConnectionError::ConnectionRefused(_)) => {
                        refused.fetch_add(1, Ordering::SeqCst);
                        sleep(Duration::from_millis(50)).await;
                    }
                    Err(_) => sleep(Duration::from_millis(50)).await,
                }
            }
        });
        Self { client, acknowledged, connections, refusals, subscribed, heard, task }
    }

    fn new(port: u16, name: &str) -> Self {
        Self::start(Self::options(port, name))
    }

    async fn send(&self, topic: &str, text: impl Into<String>) {
        self.client.publish(topic, QoS::AtLeastOnce, false, text.into()).await.unwrap();
    }

    fn acks(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    async fn has_acks(&self, wanted: u64) {
        let all = async {
            while self.acks() < wanted {
                sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(PATIENCE, all).await.is_ok(), "{} of {wanted} PUBACKs", self.acks());
    }

    async fn subscribe(&self, filter: &str) {
        let before = self.subscribed.load(Ordering::SeqCst);
        self.client.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
        let granted = async {
            while self.subscribed.load(Ordering::SeqCst) == before {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, granted).await.expect("a SUBACK in time");
    }

    /// Whether the broker's first answer is yes.
    async fn is_welcome(&self) -> bool {
        let answer = async {
            loop {
                if self.connections.load(Ordering::SeqCst) > 0 {
                    return true;
                }
                if self.refusals.load(Ordering::SeqCst) > 0 {
                    return false;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, answer).await.expect("an answer in time")
    }

    async fn hears(&mut self) -> rumqttc::Publish {
        timeout(PATIENCE, self.heard.recv()).await.expect("a message in time").expect("an open channel")
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn text(payload: &Bytes) -> String {
    String::from_utf8(payload.to_vec()).unwrap()
}

fn persistent() -> MosquittoOptions {
    MosquittoOptions { persistence: true, ..MosquittoOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn unacknowledged_messages_come_again_and_acknowledged_ones_do_not() {
    let Some(broker) = Mosquitto::start("redelivery", &MosquittoOptions::default()) else { return };
    let mut config = link_config(address(broker.port()), None);
    config.stop_grace = Duration::from_millis(100);
    let mut core = Core::start(config, 100);
    assert!(!core.connected().await, "a first connection cannot resume a session");
    let device = Device::new(broker.port(), "scale-7");
    for index in 0..10 {
        device.send(TELEMETRY, index.to_string()).await;
    }
    device.has_acks(10).await;

    // The even ones become durable; the odd ones are lost with the core.
    let mut lost = Vec::new();
    for index in 0..10 {
        let message = core.next().await;
        assert_eq!((message.topic.as_str(), text(&message.payload)), (TELEMETRY, index.to_string()));
        assert!(!message.retain);
        if index % 2 == 0 {
            message.ack.done();
        } else {
            lost.push(message);
        }
    }
    core.link.stop().await;
    drop(lost);

    let mut core = Core::start(link_config(address(broker.port()), None), 100);
    assert!(core.connected().await, "the session is resumed");
    for index in [1, 3, 5, 7, 9] {
        let message = core.next().await;
        assert_eq!(text(&message.payload), index.to_string());
        message.ack.done();
    }
    nothing_more(&mut core.inbound).await;
    core.link.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_while_the_gateway_is_away_waits_for_it() {
    let Some(broker) = Mosquitto::start("away", &MosquittoOptions::default()) else { return };
    let core = Core::start(link_config(address(broker.port()), None), 100);
    core.connected().await;
    core.link.stop().await;
    let device = Device::new(broker.port(), "scale-7");
    for index in 0..500 {
        device.send(TELEMETRY, index.to_string()).await;
    }
    device.has_acks(500).await;
    let mut core = Core::start(link_config(address(broker.port()), None), 16);
    for index in 0..500 {
        let message = core.next().await;
        assert_eq!(text(&message.payload), index.to_string());
        message.ack.done();
    }
    nothing_more(&mut core.inbound).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_broker_is_found_again_and_nothing_that_it_acknowledged_is_lost() {
    let Some(mut broker) = Mosquitto::start("killed", &persistent()) else { return };
    let mut core = Core::start(link_config(address(broker.port()), None), 10_000);
    core.connected().await;
    let mut sent = 0_u32;
    let mut seen = BTreeSet::new();
    for round in 0..3 {
        let device = Device::new(broker.port(), &format!("scale-{round}"));
        for _ in 0..200 {
            device.send(TELEMETRY, sent.to_string()).await;
            sent += 1;
        }
        device.has_acks(200).await;
        drop(device);
        // A killed mosquitto loses what it has not saved: it saves within a second of a change, and
        // what it acknowledged later than that is its own loss, not ours.
        sleep(Duration::from_millis(1_500)).await;
        broker.kill();
        reach(core.link.state(), |state| matches!(state, LinkState::Lost { .. })).await;
        broker.restart();
        assert!(core.connected().await, "round {round}: the session survived the broker");
        while seen.len() < sent as usize {
            let message = core.next().await;
            seen.insert(text(&message.payload).parse::<u32>().unwrap());
            message.ack.done();
        }
    }
    assert_eq!(seen.len(), 600);
    // Subscribed again: new messages still come.
    let device = Device::new(broker.port(), "scale-9");
    device.send(TELEMETRY, "after").await;
    loop {
        let message = core.next().await;
        let last = text(&message.payload) == "after";
        message.ack.done();
        if last {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_session_is_reported() {
    let Some(mut broker) = Mosquitto::start("lost_session", &MosquittoOptions::default()) else { return };
    let core = Core::start(link_config(address(broker.port()), None), 100);
    core.connected().await;
    broker.kill();
    reach(core.link.state(), |state| matches!(state, LinkState::Lost { .. })).await;
    broker.restart();
    assert!(!core.connected().await, "mosquitto without persistence forgets");
    assert_eq!(core.link.counters().sessions_lost.load(Ordering::Relaxed), 1);
    assert_eq!(core.link.counters().connections.load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_channel_stops_reading_and_drops_nothing() {
    let Some(broker) = Mosquitto::start("full", &MosquittoOptions::default()) else { return };
    let mut config = link_config(address(broker.port()), None);
    config.keep_alive = Duration::from_secs(1);
    let mut core = Core::start(config, 4);
    core.connected().await;
    let device = Device::new(broker.port(), "scale-7");
    for index in 0..300 {
        device.send(TELEMETRY, index.to_string()).await;
    }
    device.has_acks(300).await;
    // Longer than mosquitto waits for a silent client: our pings must have kept the connection.
    sleep(Duration::from_secs(4)).await;
    for index in 0..300 {
        let message = core.next().await;
        assert_eq!(text(&message.payload), index.to_string());
        message.ack.done();
    }
    nothing_more(&mut core.inbound).await;
    assert!(core.link.counters().pauses.load(Ordering::Relaxed) > 0);
    assert_eq!(core.link.counters().connections.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_mosquitto_grants_more_than_its_twenty_in_flight() {
    let options = MosquittoOptions { stock: true, ..MosquittoOptions::default() };
    let Some(broker) = Mosquitto::start("stock", &options) else { return };
    let mut core = Core::start(link_config(address(broker.port()), None), 1_000);
    core.connected().await;
    let device = Device::new(broker.port(), "scale-7");
    for index in 0..500 {
        device.send(TELEMETRY, index.to_string()).await;
    }
    device.has_acks(500).await;
    let mut held = Vec::new();
    for _ in 0..500 {
        held.push(core.next().await.ack);
    }
    assert_eq!(held.len(), 500, "all in flight at once, none acknowledged yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_core_gives_up_is_sent_again_without_a_restart() {
    let Some(broker) = Mosquitto::start("given_up", &MosquittoOptions::default()) else { return };
    let mut core = Core::start(link_config(address(broker.port()), None), 100);
    core.connected().await;
    let device = Device::new(broker.port(), "scale-7");
    for index in 0..3 {
        device.send(TELEMETRY, index.to_string()).await;
    }
    let (first, second, third) = (core.next().await, core.next().await, core.next().await);
    first.ack.done();
    third.ack.done();
    drop(second); // the journal is down
    let again = core.next().await;
    assert_eq!(text(&again.payload), "1");
    again.ack.done();
    nothing_more(&mut core.inbound).await;
    assert_eq!(core.link.counters().given_up.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_bytes_are_taken_than_allowed_until_some_are_durable() {
    let Some(broker) = Mosquitto::start("bytes", &MosquittoOptions::default()) else { return };
    let mut config = link_config(address(broker.port()), None);
    config.in_flight_bytes_max = 3 * 512 * 1024;
    config.keep_alive = Duration::from_secs(1);
    let mut core = Core::start(config, 100);
    core.connected().await;
    let device = Device::new(broker.port(), "scale-7");
    for _ in 0..12 {
        device.send(TELEMETRY, "x".repeat(512 * 1024)).await;
    }
    device.has_acks(12).await;
    // Longer than the keep-alive: not reading must not look like a dead broker.
    sleep(Duration::from_secs(4)).await;
    let mut taken = 0;
    while let Ok(Some(message)) = timeout(Duration::from_secs(1), core.inbound.recv()).await {
        taken += 1;
        if taken == 1 {
            let waiting = core.inbound.len() + 1;
            assert!(
                (3..=5).contains(&waiting),
                "{waiting} of 12 messages taken, 3 are allowed and one may be under way"
            );
        }
        message.ack.done();
    }
    assert_eq!(taken, 12);
    assert_eq!(core.link.counters().connections.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_link_waits_for_what_the_core_has() {
    let Some(broker) = Mosquitto::start("stopping", &MosquittoOptions::default()) else { return };
    let mut core = Core::start(link_config(address(broker.port()), None), 100);
    core.connected().await;
    let device = Device::new(broker.port(), "scale-7");
    for index in 0..2 {
        device.send(TELEMETRY, index.to_string()).await;
    }
    let (first, second) = (core.next().await, core.next().await);
    let stopping = tokio::spawn(core.link.stop());
    sleep(Duration::from_millis(200)).await;
    assert!(!stopping.is_finished(), "stopped although the core had two messages");
    first.ack.done();
    drop(second);
    timeout(Duration::from_secs(2), stopping).await.expect("nothing left to wait for").unwrap();
    let mut core = Core::start(link_config(address(broker.port()), None), 100);
    let message = core.next().await;
    assert_eq!(text(&message.payload), "1", "only what was not durable comes again");
    message.ack.done();
    nothing_more(&mut core.inbound).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_with_one_name_are_told_so() {
    let Some(broker) = Mosquitto::start("takeover", &MosquittoOptions::default()) else { return };
    let first = Core::start(link_config(address(broker.port()), None), 10);
    first.connected().await;
    let second = Core::start(link_config(address(broker.port()), None), 10);
    reach(first.link.state(), |state| matches!(state, LinkState::Refused { .. })).await;
    let state = first.link.state().borrow().to_string();
    assert!(state.contains("another gateway") && state.contains("gateway-1"), "{state}");
    second.link.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_can_ask_a_broker_without_leaving_a_trace() {
    let Some(mut broker) = Mosquitto::start("probe", &MosquittoOptions::default()) else { return };
    let found = probe(&address(broker.port()), "portolan-doctor").await.unwrap();
    assert!(found.qos_1 && found.shared_subscriptions, "{found:?}");
    broker.kill();
    let why = probe(&address(broker.port()), "portolan-doctor").await.unwrap_err();
    assert!(!why.refused, "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_subscription_splits_the_messages() {
    let Some(broker) = Mosquitto::start("shared", &MosquittoOptions::default()) else { return };
    let mut config = link_config(address(broker.port()), Some("gateways"));
    let mut first = Core::start(config.clone(), 1_000);
    config.client_id = "gateway-2".into();
    let mut second = Core::start(config, 1_000);
    first.connected().await;
    second.connected().await;
    let device = Device::new(broker.port(), "scale-7");
    for index in 0..200 {
        device.send(TELEMETRY, index.to_string()).await;
    }
    let (mut seen, mut by_first) = (BTreeSet::new(), 0);
    while seen.len() < 200 {
        let message = tokio::select! {
            message = first.next() => { by_first += 1; message }
            message = second.next() => message,
        };
        assert!(seen.insert(text(&message.payload)), "delivered to both: {message:?}");
        message.ack.done();
    }
    assert!((1..200).contains(&by_first), "the first got {by_first} of 200");
    nothing_more(&mut first.inbound).await;
    nothing_more(&mut second.inbound).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_and_tried_again() {
    let folder = scratch("refusal");
    let passwords = folder.join("passwords");
    // mosquitto_passwd is part of the package; its hash of "right" cannot be written by hand.
    let made = std::process::Command::new("mosquitto_passwd")
        .args(["-b", "-c"])
        .arg(&passwords)
        .args(["gateway", "right"])
        .output();
    let Ok(true) = made.map(|output| output.status.success()) else {
        assert!(
            Mosquitto::start("refusal", &MosquittoOptions::default()).is_none(),
            "mosquitto without mosquitto_passwd"
        );
        return;
    };
    let options = MosquittoOptions {
        lines: vec!["allow_anonymous false".into(), format!("password_file {}", passwords.display())],
        ..MosquittoOptions::default()
    };
    let Some(broker) = Mosquitto::start("refusal", &options) else { return };
    let with = |password: &str| BrokerAddress {
        credentials: Some(Credentials { user: "gateway".into(), password: Secret::new(password) }),
        ..address(broker.port())
    };
    let core = Core::start(link_config(with("wrong"), None), 10);
    reach(core.link.state(), |state| matches!(state, LinkState::Refused { .. })).await;
    let state = core.link.state().borrow().to_string();
    assert!(state.contains("NotAuthorized") || state.contains("BadUserName"), "{state}");
    let core = Core::start(link_config(with("right"), None), 10);
    core.connected().await;
    fs::remove_dir_all(folder).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_delivered_when_the_puback_is_seen_and_survive_the_broker() {
    let Some(mut broker) = Mosquitto::start("outbound", &persistent()) else { return };
    let mut config = OutboundConfig::new(address(broker.port()), "gateway-1-out");
    config.backoff_first = Duration::from_millis(20);
    config.backoff_max = Duration::from_millis(200);
    config.queue_max = 100;
    let bus = Outbound::start(config, clock()).unwrap();
    let mut vehicle = Device::new(broker.port(), "truck-1");
    vehicle.subscribe("portolan/v1/acme/depot-1/truck-1/command").await;
    let topic = "portolan/v1/acme/depot-1/truck-1/command";
    bus.publish(topic, Bytes::from_static(b"go"), false).unwrap().await.unwrap();
    assert_eq!(text(&vehicle.hears().await.payload), "go");

    broker.kill();
    let mut tickets = Vec::new();
    for index in 0..50 {
        tickets.push(bus.publish(topic, Bytes::from(index.to_string()), false).unwrap());
    }
    sleep(Duration::from_millis(200)).await;
    assert!(tickets[0].try_result().is_none(), "nothing is delivered to a dead broker");
    broker.restart();
    for ticket in tickets {
        timeout(PATIENCE, ticket).await.expect("in time").unwrap();
    }
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_outbound_queue_refuses_and_a_closed_one_gives_back() {
    let mut config = OutboundConfig::new(address(free_port()), "gateway-1-out");
    config.queue_max = 3;
    let bus = Outbound::start(config, clock()).unwrap();
    let topic = "portolan/v1/acme/depot-1/truck-1/command";
    let mut tickets: Vec<_> = (0..3).map(|_| bus.publish(topic, Bytes::new(), false).unwrap()).collect();
    assert_eq!(bus.publish(topic, Bytes::new(), false).unwrap_err(), BusError::Full);
    assert!(matches!(bus.publish("a/+/b", Bytes::new(), false), Err(BusError::Topic { .. })));
    let long = Bytes::from(vec![0; 2 * 1024 * 1024]);
    assert!(matches!(bus.publish(topic, long, false), Err(BusError::TooLong { .. })));
    bus.stop().await;
    assert_eq!(tickets.pop().unwrap().await, Err(Undelivered::Closed));
}

// ---- TLS ----

/// Certificates of a test's own authority: for a server at 127.0.0.1, and for a client.
struct Papers {
    folder: PathBuf,
}

impl Papers {
    fn make(test: &str) -> Self {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
        let folder = scratch(test);
        let root_key = KeyPair::generate().unwrap();
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.distinguished_name.push(rcgen::DnType::CommonName, "Portolan test root");
        fs::write(folder.join("root.pem"), root.self_signed(&root_key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(root, root_key);
        for (name, subject) in [("server", "127.0.0.1"), ("client", "gateway.test")] {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec![subject.to_owned()]).unwrap();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            fs::write(folder.join(format!("{name}.pem")), params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
            fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        Self { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn options(&self, with_identity: bool) -> TlsOptions {
        let identity =
            with_identity.then(|| Identity { certificate: self.file("client.pem"), key: self.file("client.key") });
        TlsOptions { roots: Roots::File(self.file("root.pem")), identity }
    }
}

impl Drop for Papers {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}

fn scratch(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("portolan-{}-{test}", std::process::id()));
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_a_private_root_and_a_client_certificate() {
    let papers = Papers::make("tls");
    let tls_port = free_port();
    let options = MosquittoOptions {
        lines: vec![
            format!("listener {tls_port} 127.0.0.1"),
            format!("cafile {}", papers.file("root.pem").display()),
            format!("certfile {}", papers.file("server.pem").display()),
            format!("keyfile {}", papers.file("server.key").display()),
            "require_certificate true".into(),
        ],
        ..MosquittoOptions::default()
    };
    let Some(broker) = Mosquitto::start("tls", &options) else { return };
    let over = |tls: TlsOptions| BrokerAddress { tls: Some(tls), ..address(tls_port) };
    let mut core = Core::start(link_config(over(papers.options(true)), None), 10);
    core.connected().await;
    let device = Device::new(broker.port(), "scale-7");
    device.send(TELEMETRY, "over TLS").await;
    let message = core.next().await;
    assert_eq!(text(&message.payload), "over TLS");
    message.ack.done();
    core.link.stop().await;

    // Without a client certificate, and with roots that do not know the server, there is no connection.
    let other = Papers::make("tls_other");
    for (what, tls) in [("no identity", papers.options(false)), ("foreign root", other.options(true))] {
        let core = Core::start(link_config(over(tls), None), 10);
        reach(core.link.state(), |state| matches!(state, LinkState::Lost { .. } | LinkState::Refused { .. })).await;
        assert_eq!(core.link.counters().connections.load(Ordering::Relaxed), 0, "{what}");
    }
}

// ---- the embedded broker ----

fn local() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

fn embedded(capacity: usize) -> (Broker, u16, mpsc::Receiver<Inbound>) {
    let (sender, inbound) = mpsc::channel(capacity);
    let broker = Broker::start(BrokerConfig::new(vec![local()]), sender).unwrap();
    let port = broker.addresses()[0].port();
    (broker, port, inbound)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_broker_acknowledges_only_what_is_durable() {
    let (broker, port, mut inbound) = embedded(10);
    let device = Device::new(port, "scale-7");
    device.send(TELEMETRY, "1").await;
    let message = next(&mut inbound).await;
    assert_eq!((message.topic.as_str(), text(&message.payload)), (TELEMETRY, "1".to_owned()));
    sleep(Duration::from_millis(300)).await;
    assert_eq!(device.acks(), 0, "PUBACK before the message was durable");
    message.ack.done();
    device.has_acks(1).await;
    broker.stop(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_broker_closes_on_what_the_core_gives_up_and_the_device_sends_it_again() {
    let (_broker, port, mut inbound) = embedded(10);
    let mut options = Device::options(port, "scale-7");
    options.set_clean_session(false);
    let device = Device::start(options);
    device.send(TELEMETRY, "1").await;
    drop(next(&mut inbound).await.ack); // the journal is down
    let again = next(&mut inbound).await;
    assert_eq!(text(&again.payload), "1");
    assert_eq!(device.acks(), 0);
    again.ack.done();
    device.has_acks(1).await;
    assert_eq!(device.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn qos_2_is_durable_before_its_first_answer_and_comes_once() {
    let (_broker, port, mut inbound) = embedded(10);
    let (client, mut events) = AsyncClient::new(Device::options(port, "scale-7"), 10);
    client.publish(TELEMETRY, QoS::ExactlyOnce, false, "1").await.unwrap();
    let (answered, mut answers) = mpsc::channel(10);
    let task = tokio::spawn(async move {
        while let Ok(event) = events.poll().await {
            if let Event::Incoming(packet @ (Packet::PubRec(_) | Packet::PubComp(_))) = event {
                answered.send(packet).await.unwrap();
            }
        }
    });
    let message = next(&mut inbound).await;
    assert!(
        timeout(Duration::from_millis(300), answers.recv()).await.is_err(),
        "PUBREC before the message was durable"
    );
    message.ack.done();
    assert!(matches!(timeout(PATIENCE, answers.recv()).await, Ok(Some(Packet::PubRec(_)))));
    assert!(matches!(timeout(PATIENCE, answers.recv()).await, Ok(Some(Packet::PubComp(_)))));
    nothing_more(&mut inbound).await;
    task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_gateway_can_follow_the_embedded_broker_of_the_first() {
    let (broker, port, mut inbound) = embedded(10);
    let mut follower = Core::start(link_config(address(port), None), 10);
    follower.connected().await;
    let device = Device::new(port, "scale-7");
    device.send(TELEMETRY, "1").await;
    let message = next(&mut inbound).await;
    nothing_more(&mut follower.inbound).await; // not before the first has it
    message.ack.done();
    let followed = follower.next().await;
    assert_eq!(text(&followed.payload), "1");
    followed.ack.done();
    device.has_acks(1).await;
    // And a command of the first over MQTT 5 of the second.
    broker.publish("portolan/v1/acme/depot-1/scale-7/event", Bytes::from_static(b"2"), false).unwrap().await.unwrap();
    assert_eq!(text(&follower.next().await.payload), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_devices_share_the_delay_of_a_commit() {
    let (_broker, port, mut inbound) = embedded(1_000);
    let devices: Vec<Device> = (0..64).map(|index| Device::new(port, &format!("scale-{index}"))).collect();
    for device in &devices {
        for index in 0..20 {
            device.send(TELEMETRY, index.to_string()).await;
        }
    }
    // A commit of 5 ms for whatever is there. One after the other, 1,280 messages would take 6.4 s.
    let core = tokio::spawn(async move {
        let (mut batch, mut commits, mut taken) = (Vec::new(), 0, 0);
        while taken < 64 * 20 {
            taken += inbound.recv_many(&mut batch, 256).await;
            sleep(Duration::from_millis(5)).await;
            batch.drain(..).for_each(|message: Inbound| message.ack.done());
            commits += 1;
        }
        commits
    });
    for device in &devices {
        device.has_acks(20).await;
    }
    let commits = core.await.unwrap();
    assert!(commits < 640, "{commits} commits for 1,280 messages");
}

#[tokio::test(flavor = "multi_thread")]
async fn qos_0_is_taken_and_foreign_topics_are_only_routed() {
    let (_broker, port, mut inbound) = embedded(10);
    let mut viewer = Device::new(port, "viewer");
    viewer.subscribe("#").await;
    let device = Device::new(port, "scale-7");
    device.client.publish(TELEMETRY, QoS::AtMostOnce, false, "zero").await.unwrap();
    let message = next(&mut inbound).await;
    assert_eq!(text(&message.payload), "zero");
    message.ack.done();
    device.send("weather/here", "rain").await;
    device.has_acks(1).await;
    nothing_more(&mut inbound).await;
    let mut heard = BTreeSet::new();
    for _ in 0..2 {
        heard.insert(viewer.hears().await.topic);
    }
    assert_eq!(heard, BTreeSet::from([TELEMETRY.to_owned(), "weather/here".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn retained_messages_are_kept_replaced_and_cleared() {
    let (_broker, port, mut inbound) = embedded(10);
    tokio::spawn(async move {
        while let Some(message) = inbound.recv().await {
            assert!(message.retain);
            message.ack.done();
        }
    });
    let device = Device::new(port, "scale-7");
    let birth = "portolan/v1/acme/depot-1/scale-7/birth";
    for (sent, text_kept) in [("one", Some("one")), ("two", Some("two")), ("", None)] {
        let before = device.acks();
        device.client.publish(birth, QoS::AtLeastOnce, true, sent).await.unwrap();
        device.has_acks(before + 1).await;
        let mut viewer = Device::new(port, &format!("viewer-{sent}"));
        viewer.subscribe("portolan/v1/acme/#").await;
        match text_kept {
            Some(kept) => {
                let publish = viewer.hears().await;
                assert_eq!((text(&publish.payload).as_str(), publish.retain), (kept, true));
            }
            None => {
                let came = timeout(Duration::from_millis(300), viewer.heard.recv()).await;
                assert!(came.is_err(), "a cleared message came: {came:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_will_of_a_killed_device_reaches_the_core_and_is_retained() {
    let (_broker, port, mut inbound) = embedded(10);
    let status = "portolan/v1/acme/depot-1/scale-7/status";
    let mut options = Device::options(port, "scale-7");
    options.set_last_will(LastWill::new(status, "offline", QoS::AtLeastOnce, true));
    let device = Device::start(options);
    device.send(TELEMETRY, "1").await;
    next(&mut inbound).await.ack.done();
    device.has_acks(1).await;
    drop(device); // its socket closes without DISCONNECT
    let will = next(&mut inbound).await;
    assert_eq!((will.topic.as_str(), text(&will.payload), will.retain), (status, "offline".to_owned(), true));
    will.ack.done();
    let mut viewer = Device::new(port, "viewer");
    viewer.subscribe(status).await;
    assert_eq!(text(&viewer.hears().await.payload), "offline");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_reach_a_device_of_the_embedded_broker_also_one_that_was_away() {
    let (broker, port, _inbound) = embedded(10);
    let topic = "portolan/v1/acme/depot-1/truck-1/command";
    let options = || {
        let mut options = Device::options(port, "truck-1");
        options.set_clean_session(false);
        options
    };
    let mut vehicle = Device::start(options());
    vehicle.subscribe(topic).await;
    broker.publish(topic, Bytes::from_static(b"go"), false).unwrap().await.unwrap();
    assert_eq!(text(&vehicle.hears().await.payload), "go");
    drop(vehicle);
    sleep(Duration::from_millis(300)).await;
    broker.publish(topic, Bytes::from_static(b"come back"), false).unwrap().await.unwrap();
    let mut vehicle = Device::start(options());
    assert_eq!(text(&vehicle.hears().await.payload), "come back");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_broker_checks_passwords_and_speaks_tls() {
    let papers = Papers::make("embedded_tls");
    let (sender, mut inbound) = mpsc::channel(10);
    let mut config = BrokerConfig::new(vec![local()]);
    config.users = vec![Credentials { user: "scale".into(), password: Secret::new("right") }];
    config.listen_tls = vec![TlsListen {
        address: local(),
        certificate: papers.file("server.pem"),
        key: papers.file("server.key"),
        device_roots: None,
    }];
    let broker = Broker::start(config, sender).unwrap();
    let (plain, secure) = (broker.addresses()[0].port(), broker.addresses()[1].port());
    for (password, welcome) in [("right", true), ("wrong", false), ("righ", false), ("rightt", false), ("", false)] {
        let mut options = Device::options(plain, &format!("scale-{password}"));
        options.set_credentials("scale", password);
        let device = Device::start(options);
        assert_eq!(device.is_welcome().await, welcome, "{password:?}");
    }
    let anonymous = Device::new(plain, "nobody");
    assert!(!anonymous.is_welcome().await, "anonymous");

    // rumqttc asks for the process's default; with two libraries compiled in there is none by itself.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let mut options = Device::options(secure, "scale-tls");
    options.set_credentials("scale", "right");
    let root = fs::read(papers.file("root.pem")).unwrap();
    options.set_transport(rumqttc::Transport::tls(root, None, None));
    let device = Device::start(options);
    device.send(TELEMETRY, "over TLS").await;
    next(&mut inbound).await.ack.done();
    device.has_acks(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named() {
    let (broker, port, _inbound) = embedded(1);
    let taken = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let (sender, _second) = mpsc::channel(1);
    match Broker::start(BrokerConfig::new(vec![taken]), sender) {
        Err(BrokerError::Bind { address, .. }) => assert_eq!(address, taken),
        other => panic!("{other:?}"),
    }
    drop(broker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_broker_finishes_what_the_core_has_and_takes_no_more() {
    let (broker, port, mut inbound) = embedded(10);
    let status = "portolan/v1/acme/depot-1/scale-7/status";
    let mut options = Device::options(port, "scale-7");
    options.set_last_will(LastWill::new(status, "offline", QoS::AtLeastOnce, true));
    let device = Device::start(options);
    device.send(TELEMETRY, "1").await;
    let message = next(&mut inbound).await;
    let stopping = tokio::spawn(broker.stop(Duration::from_secs(5)));
    sleep(Duration::from_millis(100)).await;
    assert!(!stopping.is_finished(), "stopped although a message was with the core");
    message.ack.done();
    device.has_acks(1).await;
    stopping.await.unwrap();
    // No will: the device did not die, we did. And the port is free again.
    nothing_more(&mut inbound).await;
    let (sender, _second) = mpsc::channel(1);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Broker::start(BrokerConfig::new(vec![address]), sender).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_megabyte_passes_and_more_does_not() {
    let (_broker, port, mut inbound) = embedded(10);
    let device = Device::new(port, "scale-7");
    device.send(TELEMETRY, "x".repeat(1024 * 1024)).await;
    let message = next(&mut inbound).await;
    assert_eq!(message.payload.len(), 1024 * 1024);
    message.ack.done();
    device.has_acks(1).await;
    let hog = Device::new(port, "hog");
    hog.send(TELEMETRY, "x".repeat(1024 * 1024 + 256 * 1024)).await;
    nothing_more(&mut inbound).await;
    assert_eq!(hog.acks(), 0);
}
