//! The embedded broker: rmqtt in our own process, so that one binary is enough.
//!
//! A device's PUBLISH passes through [`Gate::admit`] before rmqtt may answer it. The gate hands it to the
//! same bounded channel as [`super::mqtt`] does and waits until the core says that it is durable; only then
//! does the PUBACK leave. rmqtt asks two hooks about a message. `message_publish` cannot refuse, so the
//! gate sits in `message_publish_check_acl`, which can: a message that the core gave up closes the
//! connection without PUBACK, and the device sends it again. A last will passes only the first hook, and
//! is admitted there.
//!
//! A connection's messages are taken in turn, so one connection does at most one message per commit; many
//! connections share commits. Everything admitted is routed to ordinary subscribers as well. Sessions and
//! retained messages live in memory: after a restart devices find no session, subscribe and announce
//! themselves again.
//!
//! The broker has its own threads, so a flood of connections does not slow HTTP.

use super::letter::{Letter, enqueue};
use super::mapping::Mappings;
use super::{Ack, Credentials, Inbound, PACKET_BYTES_MAX, is_upward};
use crate::ports::{Bus, BusError, Ticket, Undelivered};
use async_trait::async_trait;
use bytes::Bytes;
use rmqtt::codec::types::Publish as CodecPublish;
use rmqtt::context::ServerContext;
use rmqtt::hook::{Handler, HookResult, Parameter, Register, ReturnType, Type};
use rmqtt::net::{Builder, Listener};
use rmqtt::retain::{DefaultRetainStorage, RetainStorage};
use rmqtt::server::MqttServer;
use rmqtt::session::SessionState;
use rmqtt::types::{
    AuthResult, ConnectInfo, From, FromType, Id, PublishAclResult, QoS, Retain, TopicFilter, TopicName,
};
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::{self, Runtime};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

/// How long a device is kept waiting before its connection is closed because its message could not be
/// made durable. Devices come back at once; this keeps them from doing so in a tight loop.
const REFUSAL_PAUSE: Duration = Duration::from_secs(1);

/// How an embedded [`Broker`] listens and what it holds.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// Addresses for plain MQTT. Port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    pub listen_tls: Vec<TlsListen>,
    /// Who may connect. Empty: everybody.
    pub users: Vec<Credentials>,
    pub session_expiry: Duration,
    /// Messages towards one subscriber that may be unacknowledged.
    pub in_flight_max: u16,
    /// Messages that wait for one slow or absent subscriber; then the oldest is dropped. Ingest is not a
    /// subscriber and drops nothing.
    pub subscriber_queue_max: usize,
    /// Retained messages; a new topic beyond that is not retained.
    pub retained_max: usize,
    /// Commands that may wait to be routed; one more is refused with [`BusError::Full`].
    pub queue_max: usize,
    pub connections_max: usize,
    pub threads: usize,
    /// Topics outside the contract that go to the core too.
    pub mappings: Arc<Mappings>,
}

/// A TLS listener with its certificate chain and key, PEM files.
#[derive(Clone, Debug)]
pub struct TlsListen {
    pub address: SocketAddr,
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Devices must show a certificate signed by one of these.
    pub device_roots: Option<PathBuf>,
}

impl BrokerConfig {
    pub fn new(listen: Vec<SocketAddr>) -> Self {
        Self {
            listen,
            listen_tls: Vec::new(),
            users: Vec::new(),
            session_expiry: Duration::from_secs(7 * 24 * 3600),
            in_flight_max: 1_024,
            subscriber_queue_max: 10_000,
            retained_max: 1_000_000,
            queue_max: 4_096,
            connections_max: 100_000,
            threads: 2,
            mappings: Arc::default(),
        }
    }
}

/// Why the broker did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    #[error("no address to listen on")]
    NoAddress,
    #[error("cannot listen on {address}: {reason}")]
    Bind { address: SocketAddr, reason: String },
    #[error("cannot start the broker's threads: {0}")]
    Threads(#[from] std::io::Error),
    #[error("the broker ended while it started")]
    Ended,
}

/// What the gate has counted since the start.
#[derive(Debug, Default)]
pub struct GateCounters {
    pub admitted: AtomicU64,
    /// Messages that the core gave up, whose connections were closed without PUBACK.
    pub refused: AtomicU64,
    /// Connections refused for user or password.
    pub denied: AtomicU64,
}

/// A running broker. [`Broker::stop`] ends it in order; dropping it ends it at once.
#[derive(Debug)]
pub struct Broker {
    addresses: Vec<SocketAddr>,
    gate: Arc<Gate>,
    letters: mpsc::Sender<Letter>,
    accepting: JoinHandle<()>,
    runtime: Option<Runtime>,
}

impl Broker {
    /// Starts listening. All addresses are bound when this returns. Blocks the caller meanwhile, but may be
    /// called from anywhere.
    pub fn start(config: BrokerConfig, inbound: mpsc::Sender<Inbound>) -> Result<Self, BrokerError> {
        if config.listen.is_empty() && config.listen_tls.is_empty() {
            return Err(BrokerError::NoAddress);
        }
        let runtime = runtime::Builder::new_multi_thread()
            .thread_name("mqtt-broker")
            .worker_threads(config.threads.max(1))
            .enable_all()
            .build()?;
        let gate = Arc::new(Gate::new(inbound, config.mappings.clone()));
        let (letters, queue) = mpsc::channel(config.queue_max.max(1));
        // Not `block_on`, which panics on a thread of another runtime.
        let (started, answer) = std::sync::mpsc::sync_channel(1);
        let accepting = runtime.spawn(run(config, gate.clone(), queue, started));
        let result = answer.recv().unwrap_or(Err(BrokerError::Ended));
        match result {
            Ok(addresses) => Ok(Self { addresses, gate, letters, accepting, runtime: Some(runtime) }),
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// Where it listens, plain addresses first, with the ports that were found free.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub fn counters(&self) -> &GateCounters {
        &self.gate.counters
    }

    /// Messages that wait for the core right now.
    pub fn waiting(&self) -> usize {
        self.gate.waiting.load(Ordering::Acquire)
    }

    /// Stops accepting connections and messages, waits up to `grace` for messages already handed to the
    /// core to be acknowledged, then closes every connection. No last will is published for that.
    pub async fn stop(mut self, grace: Duration) {
        self.accepting.abort();
        self.gate.close();
        if timeout(grace, self.gate.idle()).await.is_err() {
            warn!(
                waiting = self.waiting(),
                "stopping with messages that were never made durable; their senders will send them again"
            );
        }
        // Let the last PUBACKs reach their sockets.
        sleep(Duration::from_millis(50)).await;
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.gate.close();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Bus for Broker {
    /// Delivered means handed to the sessions of all subscribers there are.
    fn publish(&self, topic: &str, payload: Bytes, retain: bool) -> Result<Ticket, BusError> {
        enqueue(&self.letters, topic, payload, retain)
    }
}

/// Binds, registers the hooks, reports, and accepts until aborted.
async fn run(
    config: BrokerConfig,
    gate: Arc<Gate>,
    queue: mpsc::Receiver<Letter>,
    started: std::sync::mpsc::SyncSender<Result<Vec<SocketAddr>, BrokerError>>,
) {
    let listeners = match bind(&config) {
        Ok(listeners) => listeners,
        Err(error) => {
            started.send(Err(error)).ok();
            return;
        }
    };
    // Its overload check refuses connections by CPU load, which the devices of a full replay would cause.
    let context = ServerContext::new().busy_check_enable(false).build().await;
    *context.extends.retain_mut().await = Box::new(Retained::new(config.retained_max));
    let hooks = context.extends.hook_mgr().register();
    register(hooks.as_ref(), &gate, &config.users).await;

    let mut addresses = Vec::new();
    let mut server = MqttServer::new(context.clone());
    for (index, listener) in listeners.into_iter().enumerate() {
        if let Ok(address) = listener.local_addr() {
            addresses.push(address);
        }
        server = server.listener_by_id(listener, u16::try_from(index + 1).unwrap_or(u16::MAX));
    }
    tokio::spawn(post(context, queue));
    info!(?addresses, "embedded broker listens");
    if started.send(Ok(addresses)).is_err() {
        return;
    }
    if let Err(error) = server.build().run().await {
        error!(%error, "the embedded broker's listeners ended");
    }
}

fn bind(config: &BrokerConfig) -> Result<Vec<Listener>, BrokerError> {
    let plain = config.listen.iter().map(|address| {
        let refused = |error: rmqtt::Error| BrokerError::Bind { address: *address, reason: error.to_string() };
        settings(config, *address).bind().and_then(Listener::tcp).map_err(refused)
    });
    let tls = config.listen_tls.iter().map(|listen| {
        let refused = |error: rmqtt::Error| BrokerError::Bind { address: listen.address, reason: format!("{error:#}") };
        settings(config, listen.address)
            .tls_cert(Some(listen.certificate.display().to_string()))
            .tls_key(Some(listen.key.display().to_string()))
            .tls_cross_certificate(listen.device_roots.is_some())
            .tls_client_ca_certs(listen.device_roots.as_ref().map(|path| path.display().to_string()))
            .bind()
            .and_then(Listener::tls)
            .map_err(refused)
    });
    plain.chain(tls).collect()
}

fn settings(config: &BrokerConfig, address: SocketAddr) -> Builder {
    Builder::new()
        .name("portolan")
        .laddr(address)
        .nodelay(true)
        // A restart must get its port back while old connections linger in TIME_WAIT.
        .reuseaddr(Some(true))
        .max_packet_size(PACKET_BYTES_MAX)
        .allow_anonymous(config.users.is_empty())
        .max_connections(config.connections_max)
        .max_handshaking_limit(config.connections_max)
        .max_inflight(NonZeroU16::new(config.in_flight_max).unwrap_or(NonZeroU16::MIN))
        .max_mqueue_len(config.subscriber_queue_max)
        .session_expiry_interval(config.session_expiry)
        .max_session_expiry_interval(config.session_expiry)
        // Zero is never: a retained birth or a command for an absent vehicle must not vanish.
        .message_expiry_interval(Duration::ZERO)
        .max_clientid_len(1_024)
}

/// Where messages pass on their way to the core.
#[derive(Debug)]
struct Gate {
    inbound: mpsc::Sender<Inbound>,
    mappings: Arc<Mappings>,
    open: AtomicBool,
    waiting: AtomicUsize,
    idle: Notify,
    counters: GateCounters,
}

/// The core gave a message up: it is not durable and must not be acknowledged.
struct NotDurable;

impl Gate {
    fn new(inbound: mpsc::Sender<Inbound>, mappings: Arc<Mappings>) -> Self {
        Self {
            inbound,
            mappings,
            open: AtomicBool::new(true),
            waiting: AtomicUsize::new(0),
            idle: Notify::new(),
            counters: GateCounters::default(),
        }
    }

    /// Whether messages of this topic go to the core.
    fn is_for_core(&self, topic: &str) -> bool {
        is_upward(topic) || self.mappings.covers(topic)
    }

    /// Waits until the core has room for a message and, unless nobody waits for an answer, until it is
    /// durable.
    async fn admit(&self, publish: &CodecPublish, acknowledged: bool) -> Result<(), NotDurable> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let result = self.admit_counted(publish, acknowledged).await;
        if self.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.idle.notify_waiters();
        }
        let counter = if result.is_ok() { &self.counters.admitted } else { &self.counters.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        result
    }

    async fn admit_counted(&self, publish: &CodecPublish, acknowledged: bool) -> Result<(), NotDurable> {
        if !self.open.load(Ordering::Acquire) {
            return Err(NotDurable);
        }
        let (ack, durable) = if acknowledged {
            let (sender, receiver) = oneshot::channel();
            (Ack::Embedded(sender), Some(receiver))
        } else {
            (Ack::None, None)
        };
        let message =
            Inbound { topic: publish.topic.to_string(), payload: publish.payload.clone(), retain: publish.retain, ack };
        self.inbound.send(message).await.map_err(|_closed| NotDurable)?;
        match durable {
            Some(durable) => durable.await.map_err(|_dropped| NotDurable),
            None => Ok(()),
        }
    }

    fn close(&self) {
        self.open.store(false, Ordering::Release);
    }

    async fn idle(&self) {
        loop {
            let notified = self.idle.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.waiting.load(Ordering::Acquire) == 0 {
                return;
            }
            notified.await;
        }
    }
}

async fn register(hooks: &dyn Register, gate: &Arc<Gate>, users: &[Credentials]) {
    hooks.add(Type::MessagePublishCheckAcl, Box::new(Publishing(gate.clone()))).await;
    hooks.add(Type::MessagePublish, Box::new(Wills(gate.clone()))).await;
    if !users.is_empty() {
        hooks.add(Type::ClientAuthenticate, Box::new(Doorkeeper { users: users.to_vec(), gate: gate.clone() })).await;
    }
    hooks.start().await;
}

/// Admits what devices publish, and refuses what did not become durable.
struct Publishing(Arc<Gate>);

#[async_trait]
impl Handler for Publishing {
    async fn hook(&self, parameter: &Parameter, so_far: Option<HookResult>) -> ReturnType {
        let Parameter::MessagePublishCheckAcl(_, publish) = parameter else {
            return (true, so_far);
        };
        if !self.0.is_for_core(&publish.topic) {
            return (true, so_far);
        }
        match self.0.admit(&publish.inner, publish.qos != QoS::AtMostOnce).await {
            Ok(()) => (true, so_far),
            Err(NotDurable) => {
                if self.0.open.load(Ordering::Acquire) {
                    sleep(REFUSAL_PAUSE).await;
                }
                let disconnect = true;
                (false, Some(HookResult::PublishAclResult(PublishAclResult::rejected(disconnect, None))))
            }
        }
    }
}

/// Admits last wills. There is nobody to refuse them to.
struct Wills(Arc<Gate>);

#[async_trait]
impl Handler for Wills {
    async fn hook(&self, parameter: &Parameter, so_far: Option<HookResult>) -> ReturnType {
        if let Parameter::MessagePublish(_, from, publish) = parameter
            && matches!(from.typ(), FromType::LastWill)
            && self.0.is_for_core(&publish.topic)
            && self.0.admit(&publish.inner, true).await.is_err()
            // A plane that has stopped says so itself, once.
            && !self.0.inbound.is_closed()
            && self.0.open.load(Ordering::Acquire)
        {
            warn!(topic = ?publish.topic, "a last will could not be made durable");
        }
        (true, so_far)
    }
}

/// Checks user and password.
struct Doorkeeper {
    users: Vec<Credentials>,
    gate: Arc<Gate>,
}

#[async_trait]
impl Handler for Doorkeeper {
    async fn hook(&self, parameter: &Parameter, so_far: Option<HookResult>) -> ReturnType {
        let Parameter::ClientAuthenticate(connect) = parameter else {
            return (true, so_far);
        };
        let superuser = false;
        let result = if self.knows(connect) {
            AuthResult::Allow(superuser, None)
        } else {
            self.gate.counters.denied.fetch_add(1, Ordering::Relaxed);
            AuthResult::BadUsernameOrPassword
        };
        (false, Some(HookResult::AuthResult(result)))
    }
}

impl Doorkeeper {
    /// Looks at every user and every byte, so that the time taken tells nothing.
    fn knows(&self, connect: &ConnectInfo) -> bool {
        let user: &str = connect.username().map_or("", |name| name);
        let password: &[u8] = connect.password().map_or(&[], |password| password);
        self.users.iter().fold(false, |known, login| {
            let same_user = same(login.user.as_bytes(), user.as_bytes());
            let same_password = same(login.password.reveal().as_bytes(), password);
            known | (same_user & same_password)
        })
    }
}

fn same(ours: &[u8], theirs: &[u8]) -> bool {
    let mut difference = ours.len() ^ theirs.len();
    for (index, byte) in theirs.iter().enumerate() {
        let our_byte = ours.get(index).copied().unwrap_or(0);
        difference |= usize::from(our_byte ^ byte);
    }
    difference == 0
}

/// Routes the gateway's own messages, in order.
async fn post(context: ServerContext, mut queue: mpsc::Receiver<Letter>) {
    let sender = Id::new(context.node.id(), 0, None, None, "portolan".into(), None);
    while let Some(letter) = queue.recv().await {
        let publish = CodecPublish {
            dup: false,
            retain: letter.retain,
            qos: QoS::AtLeastOnce,
            topic: letter.topic.into(),
            packet_id: None,
            payload: letter.payload,
            properties: None,
        };
        let from = From::from_system(sender.clone());
        let stored = false;
        let routed = SessionState::forwards(&context, from, publish.into(), stored, None).await;
        letter.ticket.resolve(routed.map_err(|error| Undelivered::Refused { reason: error.to_string() }));
    }
}

/// Retained messages in memory. rmqtt's own default stores nothing and says so in its log; its tree does
/// the work here.
struct Retained {
    tree: DefaultRetainStorage,
    max: usize,
}

impl Retained {
    fn new(max: usize) -> Self {
        Self { tree: DefaultRetainStorage::new(), max }
    }
}

#[async_trait]
impl RetainStorage for Retained {
    fn enable(&self) -> bool {
        true
    }

    async fn set(&self, topic: &TopicName, retain: Retain, expiry: Option<Duration>) -> rmqtt::Result<()> {
        let full = usize::try_from(self.tree.count().await).unwrap_or(0) >= self.max;
        if full && !retain.publish.payload.is_empty() && self.tree.get_message(topic).await?.is_empty() {
            warn!(?topic, max = self.max, "no room for another retained message");
            return Ok(());
        }
        let expiry = expiry.filter(|expiry| !expiry.is_zero());
        self.tree.set_with_timeout(topic, retain, expiry).await
    }

    async fn get(&self, filter: &TopicFilter) -> rmqtt::Result<Vec<(TopicName, Retain)>> {
        self.tree.get_message(filter).await
    }

    async fn count(&self) -> isize {
        self.tree.count().await
    }

    async fn max(&self) -> isize {
        self.tree.max().await
    }
}
