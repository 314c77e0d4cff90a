//! Ingest from an external broker: a persistent MQTT 5 session, acknowledged only when durable.
//!
//! MQTT 5 and not 3.1.1, because there the client, not the broker's configuration, says how many messages
//! may be unacknowledged (Receive Maximum; mosquitto alone gives 20, which at a 5 ms commit is 4,000
//! messages/s), how long the session lives, and how large a packet may be (a 3.1.1 session with one packet
//! over the client's limit is delivered it again after every connection, for ever). SUBACK and DISCONNECT
//! say why. See `docs/decisions/mqtt-version.md`.
//!
//! One task owns the socket. It reads packets into the bounded channel; when that is full it stops
//! reading, and only answers pings and writes acknowledgements. Acknowledgements come from any thread over
//! [`PubAckDue`] and leave together in one write. Every connection is a new epoch: what is owed to an
//! earlier one is dropped, since the broker delivers it again under a new packet identifier.

use super::wire::{Backoff, Connection, Hello, Incoming, Received, WireError};
use super::{Ack, Inbound, LinkState};
use crate::ports::Clock;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnAck, Filter, Packet, PingReq, RetainForwardRule, Subscribe, SubscribeReasonCode};
use std::collections::hash_map::DefaultHasher;
use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep};
use tracing::{debug, info, warn};

pub use super::wire::BrokerAddress;

/// The only SUBSCRIBE of a connection has this identifier.
const SUBSCRIBE_ID: u16 = 1;

/// A connection that the broker closes sooner than this was not wanted.
const SHORT_LIFE: Duration = Duration::from_secs(10);

/// So many of them in a row are told as a refusal.
const SHORT_LIVES_MAX: u32 = 3;

/// How a [`Link`] connects and what it asks for.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    pub broker: BrokerAddress,
    /// Must stay the same from run to run: the broker keeps the session under it.
    pub client_id: String,
    /// Topic filters, sent again after every connection; see [`super::upward_filters`].
    pub filters: Vec<String>,
    pub keep_alive: Duration,
    /// How long the broker keeps our session while we are away.
    pub session_expiry: Duration,
    /// How many messages may be unacknowledged at once.
    pub in_flight_max: u16,
    /// How many bytes of payload may be unacknowledged at once; beyond it nothing is read.
    pub in_flight_bytes_max: usize,
    pub backoff_first: Duration,
    pub backoff_max: Duration,
    /// How long [`Link::stop`] waits for messages that the core has taken.
    pub stop_grace: Duration,
}

impl LinkConfig {
    pub fn new(broker: BrokerAddress, client_id: impl Into<String>, filters: Vec<String>) -> Self {
        Self {
            broker,
            client_id: client_id.into(),
            filters,
            keep_alive: Duration::from_secs(30),
            session_expiry: Duration::from_secs(7 * 24 * 3600),
            in_flight_max: 8_192,
            in_flight_bytes_max: 256 * 1024 * 1024,
            backoff_first: Duration::from_millis(250),
            backoff_max: Duration::from_secs(30),
            stop_grace: Duration::from_secs(5),
        }
    }
}

/// Asks a broker whether it would let us in, leaving no session behind: for `doctor`.
///
/// Gives what it said about itself, or why not.
pub async fn probe(broker: &BrokerAddress, client_id: &str) -> Result<Probe, ProbeError> {
    let hello = Hello {
        client_id,
        clean_start: true,
        session_expiry_secs: 0,
        keep_alive: Duration::from_secs(10),
        receive_max: 16,
    };
    let (connection, answer) = Connection::open(broker, hello)
        .await
        .map_err(|error| ProbeError { refused: error.is_refusal(), reason: error.to_string() })?;
    connection.close().await;
    let given = answer.properties.as_ref();
    Ok(Probe {
        session_expiry_secs_max: given.and_then(|given| given.session_expiry_interval),
        packet_bytes_max: given.and_then(|given| given.max_packet_size),
        shared_subscriptions: given.and_then(|given| given.shared_subscription_available) != Some(0),
        qos_1: given.and_then(|given| given.max_qos) != Some(0),
    })
}

/// What a broker says about itself when asked by [`probe`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// `None`: as long as we ask for.
    pub session_expiry_secs_max: Option<u32>,
    /// `None`: any.
    pub packet_bytes_max: Option<u32>,
    pub shared_subscriptions: bool,
    pub qos_1: bool,
}

/// Why [`probe`] was not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ProbeError {
    /// The broker answered and said no, or our own settings cannot work.
    pub refused: bool,
    pub reason: String,
}

/// Why a [`Link`] cannot start. What may mend itself is not here but in [`LinkState`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    #[error("no topic filter to subscribe to")]
    NoFilter,
    #[error("an empty client identifier cannot keep a session")]
    NoClientId,
    #[error(transparent)]
    Tls(#[from] super::tls::TlsError),
}

/// What a [`Link`] has counted since it started.
#[derive(Debug, Default)]
pub struct LinkCounters {
    pub received: AtomicU64,
    pub acknowledged: AtomicU64,
    /// Acknowledgements that came after their connection had ended.
    pub stale_acknowledgements: AtomicU64,
    pub connections: AtomicU64,
    /// Reconnections at which the broker had lost our session.
    pub sessions_lost: AtomicU64,
    /// Messages that the core dropped without acknowledging them.
    pub given_up: AtomicU64,
    /// How often the channel to the core was full.
    pub pauses: AtomicU64,
}

/// A running subscription to an external broker. Dropping it stops it.
#[derive(Debug)]
pub struct Link {
    state: watch::Receiver<LinkState>,
    counters: Arc<LinkCounters>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Link {
    /// Starts connecting, and keeps at it until stopped. Call it within a tokio runtime.
    pub fn start(config: LinkConfig, inbound: mpsc::Sender<Inbound>, clock: Arc<dyn Clock>) -> Result<Self, LinkError> {
        if config.filters.is_empty() {
            return Err(LinkError::NoFilter);
        }
        if config.client_id.is_empty() {
            return Err(LinkError::NoClientId);
        }
        if let Some(tls) = &config.broker.tls {
            tls.client_config()?;
        }
        let (state_sender, state) = watch::channel(LinkState::Connecting);
        let (stop, stopped) = watch::channel(false);
        let counters = Arc::new(LinkCounters::default());
        let worker = Worker {
            backoff: Backoff::new(config.backoff_first, config.backoff_max, seed(&config.client_id, clock.as_ref())),
            config,
            inbound,
            clock,
            state: state_sender,
            counters: counters.clone(),
            desk: Arc::new(AckDesk::default()),
            short_lives: 0,
            stopped,
            unacknowledged: Unacknowledged::new(),
            due: Vec::new(),
        };
        let task = tokio::spawn(worker.run());
        Ok(Self { state, counters, stop, task })
    }

    /// How the connection stands, and every change of it.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    pub fn counters(&self) -> Arc<LinkCounters> {
        self.counters.clone()
    }

    /// Stops reading, waits up to `stop_grace` for what the core still has, writes the acknowledgements and
    /// says goodbye. The session stays at the broker. It returns at once when the core has dropped all it had.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            warn!(%error, "the task of the broker link ended badly");
        }
    }
}

/// A seed that differs between gateways and between runs, to spread their attempts.
pub(super) fn seed(client_id: &str, clock: &dyn Clock) -> u64 {
    let mut hasher = DefaultHasher::new();
    client_id.hash(&mut hasher);
    clock.now().hash(&mut hasher);
    hasher.finish()
}

/// A PUBACK that we owe an external broker.
///
/// Dropped without `done`, it makes the link connect anew after a pause, since a broker sends an
/// unacknowledged message again only to a new connection.
#[derive(Debug)]
pub struct PubAckDue {
    desk: Arc<AckDesk>,
    epoch: u64,
    packet_id: u16,
    settled: bool,
}

impl PubAckDue {
    /// Hands it to the connection's task. Never blocks for longer than a push.
    pub(super) fn done(mut self) {
        self.settled = true;
        self.desk.push(self.epoch, self.packet_id);
    }
}

impl Drop for PubAckDue {
    fn drop(&mut self) {
        if !self.settled {
            self.desk.give_up(self.epoch);
        }
    }
}

/// Where acknowledgements wait for the connection's task.
///
/// Bounded by MQTT: a connection has at most 65,535 packet identifiers, and those of earlier connections
/// are not taken.
#[derive(Debug, Default)]
struct AckDesk {
    due: Mutex<Due>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Due {
    epoch: u64,
    packet_ids: Vec<u16>,
    stale: u64,
    given_up: u64,
}

/// What [`AckDesk::take`] found besides the acknowledgements.
#[derive(Debug, Default, PartialEq, Eq)]
struct Taken {
    /// Acknowledgements that came too late.
    stale: u64,
    /// Messages of this epoch that will never be acknowledged.
    given_up: u64,
}

impl AckDesk {
    fn lock(&self) -> MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, epoch: u64, packet_id: u16) {
        let mut due = self.lock();
        if due.epoch != epoch {
            due.stale += 1;
            return;
        }
        due.packet_ids.push(packet_id);
        let first = due.packet_ids.len() == 1;
        drop(due);
        if first {
            self.wake.notify_one();
        }
    }

    fn give_up(&self, epoch: u64) {
        let mut due = self.lock();
        if due.epoch == epoch {
            due.given_up += 1;
            drop(due);
            self.wake.notify_one();
        }
    }

    /// Starts the next epoch and forgets what is owed to the last.
    fn next_epoch(&self) -> u64 {
        let mut due = self.lock();
        due.stale += due.packet_ids.len() as u64;
        due.packet_ids.clear();
        due.given_up = 0;
        due.epoch += 1;
        due.epoch
    }

    /// Swaps what is owed into `packet_ids`, which must be empty.
    fn take(&self, packet_ids: &mut Vec<u16>) -> Taken {
        let mut due = self.lock();
        mem::swap(&mut due.packet_ids, packet_ids);
        Taken { stale: mem::take(&mut due.stale), given_up: mem::take(&mut due.given_up) }
    }
}

/// The sizes of what is not acknowledged yet, by packet identifier.
struct Unacknowledged {
    bytes: usize,
    sizes: Vec<u32>,
}

impl Unacknowledged {
    fn new() -> Self {
        Self { bytes: 0, sizes: vec![0; usize::from(u16::MAX) + 1] }
    }

    fn put(&mut self, packet_id: u16, bytes: usize) {
        let size = u32::try_from(bytes).unwrap_or(u32::MAX);
        let before = mem::replace(&mut self.sizes[usize::from(packet_id)], size);
        self.bytes = self.bytes + size as usize - before as usize;
    }

    fn take(&mut self, packet_id: u16) {
        self.bytes -= mem::take(&mut self.sizes[usize::from(packet_id)]) as usize;
    }
}

/// Why a connection is over.
enum End {
    Stopped,
    Failed(WireError),
    /// The broker said no to what we want, or seems to.
    Denied(String),
    /// The core gave up messages, and the broker must send them again.
    GivenUp,
}

impl From<WireError> for End {
    fn from(error: WireError) -> Self {
        Self::Failed(error)
    }
}

struct Worker {
    config: LinkConfig,
    inbound: mpsc::Sender<Inbound>,
    clock: Arc<dyn Clock>,
    state: watch::Sender<LinkState>,
    counters: Arc<LinkCounters>,
    desk: Arc<AckDesk>,
    stopped: watch::Receiver<bool>,
    backoff: Backoff,
    /// Connections in a row that the broker closed soon after they were opened.
    short_lives: u32,
    unacknowledged: Unacknowledged,
    /// Scratch for [`AckDesk::take`].
    due: Vec<u16>,
}

impl Worker {
    async fn run(mut self) {
        loop {
            match self.connect_and_serve().await {
                End::Stopped => break,
                End::Failed(error) if error.is_refusal() => self.refused(error.to_string()),
                End::Failed(error) => self.lost(error.to_string()),
                End::Denied(reason) => self.refused(reason),
                End::GivenUp => {
                    self.lost("messages could not be made durable; connecting anew to have them sent again".to_owned())
                }
            }
            let wait = self.backoff.next_wait();
            tokio::select! {
                () = is_true(&mut self.stopped) => break,
                () = sleep(wait) => {}
            }
        }
        self.state.send_replace(LinkState::Closed);
    }

    /// A lost link is told once; the attempts that follow keep the time at which it was lost.
    fn lost(&self, reason: String) {
        let since = match &*self.state.borrow() {
            LinkState::Lost { since, .. } => *since,
            LinkState::Connected { .. } | LinkState::Connecting | LinkState::Refused { .. } | LinkState::Closed => {
                warn!(broker = %self.config.broker.host, port = self.config.broker.port, reason, "broker lost, will retry");
                self.clock.now()
            }
        };
        self.state.send_replace(LinkState::Lost { since, reason });
    }

    fn refused(&self, reason: String) {
        let next = LinkState::Refused { reason };
        if *self.state.borrow() != next {
            warn!(broker = %self.config.broker.host, port = self.config.broker.port, state = %next, "broker refuses us, will retry");
        }
        self.state.send_replace(next);
    }

    async fn connect_and_serve(&mut self) -> End {
        let hello = Hello {
            client_id: &self.config.client_id,
            clean_start: false,
            session_expiry_secs: u32::try_from(self.config.session_expiry.as_secs()).unwrap_or(u32::MAX),
            keep_alive: self.config.keep_alive,
            receive_max: self.config.in_flight_max,
        };
        let opened = tokio::select! {
            () = is_true(&mut self.stopped) => return End::Stopped,
            opened = Connection::open(&self.config.broker, hello) => opened,
        };
        let (mut connection, answer) = match opened {
            Ok(opened) => opened,
            Err(error) => return End::Failed(error),
        };
        let opened_at = Instant::now();
        let Err(end) = self.serve(&mut connection, &answer).await;
        let lived_long = opened_at.elapsed() > self.config.backoff_max.max(SHORT_LIFE);
        if lived_long {
            self.backoff.reset();
            self.short_lives = 0;
        }
        match &end {
            End::Stopped => {
                self.drain(&mut connection).await.ok();
                connection.close().await;
            }
            End::Denied(_) | End::GivenUp => connection.close().await,
            End::Failed(error) if error.is_closed_by_broker() && !lived_long => {
                self.short_lives += 1;
                if self.short_lives >= SHORT_LIVES_MAX {
                    // mosquitto gives no reason when another client takes the session over.
                    let client_id = &self.config.client_id;
                    return End::Denied(format!(
                        "{error}, again and again; is there another gateway with the client identifier {client_id:?}?"
                    ));
                }
            }
            End::Failed(_) => {}
        }
        end
    }

    /// Waits for the acknowledgements that can still come, up to the grace, and writes them.
    async fn drain(&mut self, connection: &mut Connection) -> Result<(), WireError> {
        let deadline = sleep(self.config.stop_grace);
        tokio::pin!(deadline);
        loop {
            // Every open acknowledgement holds the desk; who does not hold it cannot push any more.
            let nobody_left = Arc::strong_count(&self.desk) == 1;
            self.write_acks(connection).await?;
            if nobody_left {
                return Ok(());
            }
            tokio::select! {
                () = &mut deadline => return Ok(()),
                () = self.desk.wake.notified() => {}
                () = sleep(Duration::from_millis(20)) => {}
            }
        }
    }

    /// Writes what is due, and ends the connection if messages were given up.
    async fn settle(&mut self, connection: &mut Connection) -> Result<(), End> {
        if self.write_acks(connection).await? > 0 { Err(End::GivenUp) } else { Ok(()) }
    }

    async fn serve(&mut self, connection: &mut Connection, answer: &ConnAck) -> Result<Infallible, End> {
        let epoch = self.desk.next_epoch();
        self.unacknowledged = Unacknowledged::new();
        let reconnected = self.counters.connections.fetch_add(1, Ordering::Relaxed) > 0;
        if reconnected && !answer.session_present {
            self.counters.sessions_lost.fetch_add(1, Ordering::Relaxed);
            warn!("the broker has lost our session; what it had queued for us is gone");
        }
        let keep_alive = answer
            .properties
            .as_ref()
            .and_then(|properties| properties.server_keep_alive)
            .map_or(self.config.keep_alive, |secs| Duration::from_secs(secs.into()));
        let mut tick = interval(keep_alive.max(Duration::from_secs(1)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.reset();
        connection.queue(&self.subscribe_packet())?;
        connection.flush().await?;
        let mut heard = true;
        loop {
            while let Some(packet) = connection.next_packet()? {
                match packet {
                    Incoming::Publish(publish) => {
                        let message = self.inbound(publish, epoch)?;
                        self.counters.received.fetch_add(1, Ordering::Relaxed);
                        match self.inbound.try_send(message) {
                            Ok(()) => {}
                            Err(TrySendError::Full(message)) => {
                                self.wait_for_room(connection, message, &mut tick).await?
                            }
                            Err(TrySendError::Closed(_)) => return Err(End::Stopped),
                        }
                    }
                    Incoming::Other(packet) => match *packet {
                        Packet::SubAck(grants) if grants.pkid == SUBSCRIBE_ID => {
                            self.check_grants(&grants.return_codes)?;
                            let session_present = answer.session_present;
                            info!(session_present, "subscribed");
                            self.state.send_replace(LinkState::Connected { since: self.clock.now(), session_present });
                        }
                        Packet::PingResp(_) => {}
                        other => debug!(?other, "unexpected packet"),
                    },
                }
            }
            let reading = self.unacknowledged.bytes < self.config.in_flight_bytes_max;
            tokio::select! {
                biased;
                () = is_true(&mut self.stopped) => return Err(End::Stopped),
                () = self.desk.wake.notified() => self.settle(connection).await?,
                read = connection.fill(), if reading => {
                    read?;
                    heard = true;
                }
                _ = tick.tick() => {
                    // Unread answers are no silence.
                    if !mem::take(&mut heard) && reading {
                        return Err(End::Failed(WireError::TimedOut(keep_alive)));
                    }
                    connection.queue(&Packet::PingReq(PingReq))?;
                    connection.flush().await?;
                }
            }
        }
    }

    fn subscribe_packet(&self) -> Packet {
        let filters = self.config.filters.iter().map(|path| {
            let mut filter = Filter::new(path.clone(), QoS::AtLeastOnce);
            filter.preserve_retain = true;
            // A resumed session has queued what we missed; retained messages would only repeat it.
            filter.retain_forward_rule = RetainForwardRule::OnNewSubscribe;
            filter
        });
        let mut subscribe = Subscribe::new_many(filters, None);
        subscribe.pkid = SUBSCRIBE_ID;
        Packet::Subscribe(subscribe)
    }

    fn check_grants(&self, codes: &[SubscribeReasonCode]) -> Result<(), End> {
        if codes.len() != self.config.filters.len() {
            let reason = format!("{} answers to {} subscriptions", codes.len(), self.config.filters.len());
            return Err(End::Failed(WireError::Protocol(reason)));
        }
        for (filter, code) in self.config.filters.iter().zip(codes) {
            match code {
                SubscribeReasonCode::Success(QoS::AtLeastOnce | QoS::ExactlyOnce) => {}
                SubscribeReasonCode::Success(QoS::AtMostOnce) => {
                    return Err(End::Denied(format!("subscription to {filter:?} granted at QoS 0 only")));
                }
                failure => return Err(End::Denied(format!("subscription to {filter:?}: {failure:?}"))),
            }
        }
        Ok(())
    }

    fn inbound(&mut self, publish: Received, epoch: u64) -> Result<Inbound, End> {
        let ack = match publish.qos {
            0 => Ack::None,
            1 => {
                let packet_id = publish.packet_id;
                self.unacknowledged.put(packet_id, publish.payload.len());
                Ack::External(PubAckDue { desk: self.desk.clone(), epoch, packet_id, settled: false })
            }
            _ => {
                let reason = "a QoS 2 message for a QoS 1 subscription".to_owned();
                return Err(End::Failed(WireError::Protocol(reason)));
            }
        };
        Ok(Inbound {
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            payload: publish.payload,
            retain: publish.retain,
            ack,
        })
    }

    /// Waits until the core takes `message`. Nothing is read meanwhile, so the broker holds back; what we
    /// owe it still goes out, or a core that waits for the channel and a broker that waits for us would
    /// wait for ever.
    async fn wait_for_room(
        &mut self,
        connection: &mut Connection,
        message: Inbound,
        tick: &mut Interval,
    ) -> Result<(), End> {
        self.counters.pauses.fetch_add(1, Ordering::Relaxed);
        let inbound = self.inbound.clone();
        let room = inbound.reserve();
        tokio::pin!(room);
        loop {
            tokio::select! {
                biased;
                () = is_true(&mut self.stopped) => return Err(End::Stopped),
                () = self.desk.wake.notified() => self.settle(connection).await?,
                permit = &mut room => {
                    let permit = permit.map_err(|_closed| End::Stopped)?;
                    permit.send(message);
                    // The answers to our pings lie unread; they must not count as silence.
                    tick.reset();
                    return Ok(());
                }
                _ = tick.tick() => {
                    connection.queue(&Packet::PingReq(PingReq))?;
                    connection.flush().await?;
                }
            }
        }
    }

    /// Writes what is due. Returns how many messages the core gave up since the last time.
    async fn write_acks(&mut self, connection: &mut Connection) -> Result<u64, WireError> {
        let taken = self.desk.take(&mut self.due);
        self.counters.stale_acknowledgements.fetch_add(taken.stale, Ordering::Relaxed);
        self.counters.given_up.fetch_add(taken.given_up, Ordering::Relaxed);
        self.counters.acknowledged.fetch_add(self.due.len() as u64, Ordering::Relaxed);
        for packet_id in self.due.drain(..) {
            self.unacknowledged.take(packet_id);
            connection.queue_puback(packet_id);
        }
        connection.flush().await?;
        Ok(taken.given_up)
    }
}

/// Returns once the value is true or its sender is gone.
pub(super) async fn is_true(flag: &mut watch::Receiver<bool>) {
    flag.wait_for(|value| *value).await.ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(desk: &Arc<AckDesk>, epoch: u64, packet_id: u16) -> PubAckDue {
        PubAckDue { desk: desk.clone(), epoch, packet_id, settled: false }
    }

    #[track_caller]
    fn check(desk: &AckDesk, packet_ids: &[u16], stale: u64, given_up: u64) {
        let mut found = Vec::new();
        assert_eq!(desk.take(&mut found), Taken { stale, given_up });
        assert_eq!(found, packet_ids);
    }

    #[test]
    fn acknowledgements_leave_in_the_order_in_which_messages_became_durable() {
        let desk = Arc::new(AckDesk::default());
        let epoch = desk.next_epoch();
        for packet_id in [3, 1, 2] {
            due(&desk, epoch, packet_id).done();
        }
        check(&desk, &[3, 1, 2], 0, 0);
    }

    #[test]
    fn an_acknowledgement_owed_to_an_earlier_connection_is_dropped_and_counted() {
        let desk = Arc::new(AckDesk::default());
        let first = desk.next_epoch();
        due(&desk, first, 1).done();
        let (late, dropped_late) = (due(&desk, first, 2), due(&desk, first, 3));
        let second = desk.next_epoch();
        late.done();
        drop(dropped_late);
        due(&desk, second, 2).done();
        check(&desk, &[2], 2, 0);
    }

    #[test]
    fn a_dropped_acknowledgement_is_none_and_is_told() {
        let desk = Arc::new(AckDesk::default());
        let epoch = desk.next_epoch();
        drop(due(&desk, epoch, 1));
        due(&desk, epoch, 2).done();
        check(&desk, &[2], 0, 1);
        check(&desk, &[], 0, 0);
    }

    #[test]
    fn unacknowledged_bytes_are_counted_once_for_each_packet_identifier() {
        let mut unacknowledged = Unacknowledged::new();
        unacknowledged.put(1, 100);
        unacknowledged.put(u16::MAX, 20);
        unacknowledged.put(1, 50);
        assert_eq!(unacknowledged.bytes, 70);
        unacknowledged.take(1);
        unacknowledged.take(1);
        assert_eq!(unacknowledged.bytes, 20);
    }
}
