//! How the gateway is: what it counts, and whether each part does its work.
//!
//! Counters are added to once per batch, not per message; what can be read off elsewhere (the store's size,
//! the twin's revision) is read when somebody asks.

use crate::ports::Clock;
use crate::store::StoreStats;
use crate::webhooks::metrics::{WebhookCensus, WebhookMetrics};
use crate::what_if::Census;
use firmware_schemas::api::what_if::OperationState;
use firmware_schemas::api::{PartState, PartView, Readiness};
use firmware_schemas::fact::RefusedBy;
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::topic::Channel;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByChannel {
    channel: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRefuser {
    refused_by: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStatus {
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByPart {
    part: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByQueue {
    queue: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByState {
    state: &'static str,
}

type FloatGauge = Gauge<f64, AtomicU64>;

/// All that is counted. Counters only grow; what is a gauge is set anew.
pub struct Metrics {
    registry: Mutex<Registry>,
    frames: Family<ByChannel, Counter>,
    quarantined: Family<ByRefuser, Counter>,
    /// Readings that became durable.
    pub readings_stored: Counter,
    /// Frames that had been seen before, and changed nothing.
    pub duplicates: Counter,
    /// Messages acknowledged to their senders.
    pub acknowledged: Counter,
    /// Records that the journal took.
    pub journal_records: Counter,
    /// Bytes of those records.
    pub journal_bytes: Counter,
    /// Group commits.
    pub journal_commits: Counter,
    journal_sync_seconds: Histogram,
    durable_seconds: Histogram,
    core_batch_messages: Histogram,
    /// Commands that the broker has.
    pub commands_delivered: Counter,
    /// Deltas made for streams.
    pub deltas: Counter,
    link_connected: Gauge,
    link_reconnects: Counter,
    queue_depth: Family<ByQueue, Gauge>,
    part_ready: Family<ByPart, Gauge>,
    http_responses: Family<ByStatus, Counter>,
    http_response_seconds: Histogram,
    stream_subscribers: Gauge,
    stream_snapshots: Counter,
    stream_cut_off: Counter,
    twin_revision: Gauge,
    sites: Gauge,
    devices: Gauge,
    series: Gauge,
    open_alerts: Gauge,
    orders_open: Gauge,
    proposals_open: Gauge,
    supply_orders_open: Gauge,
    quarantine_size: Gauge,
    store_points: Gauge,
    store_head_points: Gauge,
    store_segments: Gauge,
    store_bytes: Gauge,
    store_bytes_per_reading: FloatGauge,
    store_behind_records: Gauge,
    store_behind_seconds: FloatGauge,
    store_requests: Gauge,
    store_retries: Gauge,
    store_beyond_retention: Gauge,
    store_refused: Gauge,
    disk_free_bytes: Gauge,
    what_if_operations: Family<ByState, Gauge>,
    what_if_ended: Family<ByState, Counter>,
    what_if_running_seconds: FloatGauge,
    webhooks: WebhookMetrics,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Metrics(…)")
    }
}

/// What is read off when somebody asks for the metrics.
#[derive(Clone, Debug, Default)]
pub struct Sizes {
    /// Of the published twin.
    pub twin_revision: u64,
    /// Sites in it.
    pub sites: usize,
    /// Devices in it.
    pub devices: usize,
    /// Series in it.
    pub series: usize,
    /// Alerts that are not cleared.
    pub open_alerts: usize,
    /// Customers' orders and reservations that are neither fulfilled nor over.
    pub orders_open: usize,
    /// Proposals of replenishment that nobody decided.
    pub proposals_open: usize,
    /// Purchase and transfer orders that are not received or called off.
    pub supply_orders_open: usize,
    /// Payloads in quarantine.
    pub quarantine: usize,
    /// The store.
    pub store: StoreStats,
    /// Durable records that the store has not sealed.
    pub store_behind_records: u64,
    /// For how long the oldest reading has waited that a database lacks.
    pub store_behind: Duration,
    /// Clients that follow the stream.
    pub stream_subscribers: usize,
    /// Requests that wait for the core.
    pub requests_waiting: usize,
    /// What-if operations.
    pub what_if: Census,
    /// Webhooks.
    pub webhooks: WebhookCensus,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Everything at zero.
    #[must_use]
    pub fn new() -> Self {
        // From 100 µs, a quick sync, to a minute.
        let seconds = || {
            Histogram::new([
                0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0,
            ])
        };
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("portolan")),
            frames: Family::default(),
            quarantined: Family::default(),
            readings_stored: Counter::default(),
            duplicates: Counter::default(),
            acknowledged: Counter::default(),
            journal_records: Counter::default(),
            journal_bytes: Counter::default(),
            journal_commits: Counter::default(),
            journal_sync_seconds: seconds(),
            durable_seconds: seconds(),
            core_batch_messages: Histogram::new([
                1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0,
            ]),
            commands_delivered: Counter::default(),
            deltas: Counter::default(),
            link_connected: Gauge::default(),
            link_reconnects: Counter::default(),
            queue_depth: Family::default(),
            part_ready: Family::default(),
            http_responses: Family::default(),
            http_response_seconds: seconds(),
            stream_subscribers: Gauge::default(),
            stream_snapshots: Counter::default(),
            stream_cut_off: Counter::default(),
            twin_revision: Gauge::default(),
            sites: Gauge::default(),
            devices: Gauge::default(),
            series: Gauge::default(),
            open_alerts: Gauge::default(),
            orders_open: Gauge::default(),
            proposals_open: Gauge::default(),
            supply_orders_open: Gauge::default(),
            quarantine_size: Gauge::default(),
            store_points: Gauge::default(),
            store_head_points: Gauge::default(),
            store_segments: Gauge::default(),
            store_bytes: Gauge::default(),
            store_bytes_per_reading: FloatGauge::default(),
            store_behind_records: Gauge::default(),
            store_behind_seconds: FloatGauge::default(),
            store_requests: Gauge::default(),
            store_retries: Gauge::default(),
            store_beyond_retention: Gauge::default(),
            store_refused: Gauge::default(),
            disk_free_bytes: Gauge::default(),
            what_if_operations: Family::default(),
            what_if_ended: Family::default(),
            what_if_running_seconds: FloatGauge::default(),
            webhooks: WebhookMetrics::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&self) {
        let mut registry = self.registry();
        let r = &mut *registry;
        // Prometheus adds `_total` to the name of a counter, and the unit to the name of what has one.
        r.register("readings_stored", "Readings that became durable", self.readings_stored.clone());
        r.register("frames", "Messages taken, by channel", self.frames.clone());
        r.register("quarantined", "Payloads put in quarantine, by what refused them", self.quarantined.clone());
        r.register("duplicates", "Frames that had been seen before", self.duplicates.clone());
        r.register("acknowledged", "Messages acknowledged to their senders", self.acknowledged.clone());
        r.register("journal_records", "Records that the journal took", self.journal_records.clone());
        let bytes = self.journal_bytes.clone();
        r.register_with_unit("journal", "Bytes of records that the journal took", Unit::Bytes, bytes);
        r.register("journal_commits", "Group commits", self.journal_commits.clone());
        let sync = self.journal_sync_seconds.clone();
        r.register_with_unit("journal_sync", "Time of a group commit on the disk", Unit::Seconds, sync);
        let durable = self.durable_seconds.clone();
        r.register_with_unit("durable", "From taking a message to its being durable", Unit::Seconds, durable);
        r.register("core_batch_messages", "Messages that the core took at once", self.core_batch_messages.clone());
        r.register("commands_delivered", "Commands that the broker has", self.commands_delivered.clone());
        r.register("deltas", "Deltas made for streams", self.deltas.clone());
        r.register("link_connected", "1 when the link to the broker stands", self.link_connected.clone());
        r.register("link_reconnects", "Times that the link came back", self.link_reconnects.clone());
        r.register("queue_depth", "What waits in a queue", self.queue_depth.clone());
        r.register("part_ready", "1 when a part of the gateway does its work", self.part_ready.clone());
        r.register("http_responses", "HTTP responses, by status", self.http_responses.clone());
        let response = self.http_response_seconds.clone();
        r.register_with_unit(
            "http_response",
            "From the head of a request to that of its response",
            Unit::Seconds,
            response,
        );
        r.register("stream_subscribers", "Clients that follow the stream", self.stream_subscribers.clone());
        r.register("stream_snapshots", "Snapshots begun", self.stream_snapshots.clone());
        let cut_off = self.stream_cut_off.clone();
        r.register("stream_cut_off", "Times that a slow client was given a new snapshot", cut_off);
        r.register("twin_revision", "Journal record that the published twin has come to", self.twin_revision.clone());
        r.register("sites", "Sites", self.sites.clone());
        r.register("devices", "Devices", self.devices.clone());
        r.register("series", "Series", self.series.clone());
        r.register("open_alerts", "Alerts that are not cleared", self.open_alerts.clone());
        r.register("orders_open", "Customers' orders and reservations that are open", self.orders_open.clone());
        r.register("proposals_open", "Proposals of replenishment that nobody decided", self.proposals_open.clone());
        let supply = self.supply_orders_open.clone();
        r.register("supply_orders_open", "Purchase and transfer orders that are open", supply);
        r.register("quarantine", "Payloads in quarantine", self.quarantine_size.clone());
        r.register("store_points", "Readings in the store", self.store_points.clone());
        r.register(
            "store_head_points",
            "Readings of them that are only in memory and journal",
            self.store_head_points.clone(),
        );
        r.register("store_segments", "Segment files of the store", self.store_segments.clone());
        r.register_with_unit("store", "Bytes of the store on the disk", Unit::Bytes, self.store_bytes.clone());
        let each = self.store_bytes_per_reading.clone();
        r.register("store_bytes_per_reading", "Bytes on the disk for each sealed reading", each);
        let behind = self.store_behind_records.clone();
        r.register("store_behind_records", "Durable records that the store has not sealed", behind);
        let behind = self.store_behind_seconds.clone();
        r.register_with_unit(
            "store_behind",
            "Age of the oldest reading that the database lacks",
            Unit::Seconds,
            behind,
        );
        let texts = [
            ("store_requests", "Batches sent to the database since the start", &self.store_requests),
            ("store_retries", "Batches of them that had to be sent again", &self.store_retries),
            (
                "store_beyond_retention",
                "Readings that the database did not take, being older than it keeps",
                &self.store_beyond_retention,
            ),
            ("store_refused", "Readings that the database refused, now in quarantine", &self.store_refused),
        ];
        for (name, help, gauge) in texts {
            r.register(name, help, gauge.clone());
        }
        r.register_with_unit("disk_free", "Room on the disk", Unit::Bytes, self.disk_free_bytes.clone());
        let kept = self.what_if_operations.clone();
        r.register("what_if_operations", "What-if operations that are kept, by state", kept);
        let ended = self.what_if_ended.clone();
        r.register("what_if_ended", "What-if operations that have ended since the start, by state", ended);
        self.webhooks.register(r);
        let running = self.what_if_running_seconds.clone();
        r.register_with_unit(
            "what_if_running",
            "For how long a what-if operation is under way, 0 when none is",
            Unit::Seconds,
            running,
        );
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `n` messages of a channel were taken.
    pub fn frames(&self, channel: Channel, n: u64) {
        self.frames.get_or_create(&ByChannel { channel: channel.as_str() }).inc_by(n);
    }

    /// `n` payloads were put in quarantine.
    pub fn quarantined(&self, refused_by: RefusedBy, n: u64) {
        let refused_by = match refused_by {
            RefusedBy::Topic => "topic",
            RefusedBy::Frame => "frame",
            RefusedBy::Twin => "twin",
            RefusedBy::Database => "database",
        };
        self.quarantined.get_or_create(&ByRefuser { refused_by }).inc_by(n);
    }

    /// A group of records was written and synced.
    pub fn committed(&self, records: u64, bytes: u64, sync: Duration) {
        self.journal_records.inc_by(records);
        self.journal_bytes.inc_by(bytes);
        self.journal_commits.inc();
        self.journal_sync_seconds.observe(sync.as_secs_f64());
    }

    /// The oldest message of a group was taken this long before the group was durable.
    pub fn durable_after(&self, waited: Duration) {
        self.durable_seconds.observe(waited.as_secs_f64());
    }

    /// The core took so many messages at once.
    pub fn core_batch(&self, messages: usize) {
        self.core_batch_messages.observe(messages as f64);
    }

    /// The link to the broker stands, or does not.
    pub fn link(&self, connected: bool) {
        let connected = i64::from(connected);
        if self.link_connected.set(connected) == 0 && connected == 1 {
            self.link_reconnects.inc();
        }
    }

    /// So many things wait in a queue.
    pub fn queue(&self, queue: &'static str, waiting: usize) {
        self.queue_depth.get_or_create(&ByQueue { queue }).set(to_i64(waiting as u64));
    }

    /// So many bytes are free on the disk.
    pub fn disk_free(&self, bytes: u64) {
        self.disk_free_bytes.set(to_i64(bytes));
    }

    /// A response began after `took`.
    pub fn http_response(&self, status: u16, took: Duration) {
        self.http_responses.get_or_create(&ByStatus { status }).inc();
        self.http_response_seconds.observe(took.as_secs_f64());
    }

    /// A snapshot was begun; `cut_off` when its client was too slow for the deltas.
    pub fn snapshot_begun(&self, cut_off: bool) {
        self.stream_snapshots.inc();
        if cut_off {
            self.stream_cut_off.inc();
        }
    }

    /// All of it as OpenMetrics text.
    pub fn text(&self, sizes: &Sizes, readiness: &Readiness) -> Result<String, fmt::Error> {
        self.twin_revision.set(to_i64(sizes.twin_revision));
        self.sites.set(to_i64(sizes.sites as u64));
        self.devices.set(to_i64(sizes.devices as u64));
        self.series.set(to_i64(sizes.series as u64));
        self.open_alerts.set(to_i64(sizes.open_alerts as u64));
        self.orders_open.set(to_i64(sizes.orders_open as u64));
        self.proposals_open.set(to_i64(sizes.proposals_open as u64));
        self.supply_orders_open.set(to_i64(sizes.supply_orders_open as u64));
        self.quarantine_size.set(to_i64(sizes.quarantine as u64));
        self.store_points.set(to_i64(sizes.store.points));
        self.store_head_points.set(to_i64(sizes.store.head_points));
        self.store_segments.set(to_i64(sizes.store.segments));
        self.store_bytes.set(to_i64(sizes.store.bytes_on_disk));
        self.store_bytes_per_reading.set(sizes.store.bytes_per_point().unwrap_or_default());
        self.store_behind_records.set(to_i64(sizes.store_behind_records));
        self.store_behind_seconds.set(sizes.store_behind.as_secs_f64());
        self.store_requests.set(to_i64(sizes.store.requests));
        self.store_retries.set(to_i64(sizes.store.retries));
        self.store_beyond_retention.set(to_i64(sizes.store.beyond_retention));
        self.store_refused.set(to_i64(sizes.store.refused_points));
        self.stream_subscribers.set(to_i64(sizes.stream_subscribers as u64));
        self.queue("requests", sizes.requests_waiting);
        self.queue("what_if", sizes.what_if.waiting);
        self.what_if_running_seconds.set(sizes.what_if.running_for.as_secs_f64());
        // Held so that two who ask at once do not both add what has ended.
        let registry = self.registry();
        for state in STATES {
            let by = ByState { state: name_of(state) };
            let count = |counts: &BTreeMap<OperationState, u64>| counts.get(&state).copied().unwrap_or_default();
            self.what_if_operations.get_or_create(&by).set(to_i64(count(&sizes.what_if.kept)));
            if state.is_final() {
                let counter = self.what_if_ended.get_or_create(&by);
                counter.inc_by(count(&sizes.what_if.ended).saturating_sub(counter.get()));
            }
        }
        self.webhooks.set(&sizes.webhooks);
        for part in Part::ALL {
            let works = readiness.parts.get(part.name()).is_some_and(|view| is_at_work(view.state));
            self.part_ready.get_or_create(&ByPart { part: part.name() }).set(i64::from(works));
        }
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

const STATES: [OperationState; 5] = [
    OperationState::Queued,
    OperationState::Running,
    OperationState::Succeeded,
    OperationState::Failed,
    OperationState::Cancelled,
];

fn name_of(state: OperationState) -> &'static str {
    match state {
        OperationState::Queued => "queued",
        OperationState::Running => "running",
        OperationState::Succeeded => "succeeded",
        OperationState::Failed => "failed",
        OperationState::Cancelled => "cancelled",
    }
}

fn to_i64(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A part of the gateway that can fail by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Takes facts durably.
    Journal,
    /// Keeps series.
    Store,
    /// The link to the broker, or the embedded one.
    Broker,
    /// The state, replayed and published.
    Twin,
    /// Room to write.
    Disk,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Journal, Self::Store, Self::Broker, Self::Twin, Self::Disk];

    /// Its name in `/readyz` and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Store => "store",
            Self::Broker => "broker",
            Self::Twin => "twin",
            Self::Disk => "disk",
        }
    }
}

/// How a part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Not there yet, without anything being wrong: what it does now.
    Starting(String),
    /// Well: what can be said about it.
    Ready(String),
    /// At work, but a person should look.
    Degraded {
        /// Why.
        reason: String,
        /// What to do.
        mend: String,
    },
    /// Not at work.
    Failing {
        /// Why.
        reason: String,
        /// What to do.
        mend: String,
    },
}

impl Condition {
    fn state(&self) -> PartState {
        match self {
            Self::Starting(_) => PartState::Starting,
            Self::Ready(_) => PartState::Ready,
            Self::Degraded { .. } => PartState::Degraded,
            Self::Failing { .. } => PartState::Failing,
        }
    }
}

fn is_at_work(state: PartState) -> bool {
    matches!(state, PartState::Ready | PartState::Degraded)
}

/// How all parts are. Each is starting until somebody says otherwise.
pub struct Health {
    clock: Arc<dyn Clock>,
    parts: Mutex<BTreeMap<Part, (Timestamp, Condition)>>,
}

impl fmt::Debug for Health {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().fmt(out)
    }
}

impl Health {
    /// All parts starting.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        let starting = |part| (part, (now, Condition::Starting("not begun".into())));
        Self { parts: Mutex::new(Part::ALL.map(starting).into()), clock }
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<Part, (Timestamp, Condition)>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how a part is now. `since` moves only when its state changes.
    pub fn set(&self, part: Part, condition: Condition) {
        let now = self.clock.now();
        let mut parts = self.parts();
        let since = match parts.get(&part) {
            Some((since, before)) if before.state() == condition.state() => *since,
            _ => now,
        };
        parts.insert(part, (since, condition));
    }

    /// Shorthand for a part that is well.
    pub fn ready(&self, part: Part, detail: impl Into<String>) {
        self.set(part, Condition::Ready(detail.into()));
    }

    /// Shorthand for a part that does not work.
    pub fn failing(&self, part: Part, reason: impl Into<String>, mend: impl Into<String>) {
        self.set(part, Condition::Failing { reason: reason.into(), mend: mend.into() });
    }

    /// How everything is.
    pub fn readiness(&self) -> Readiness {
        let at = self.clock.now();
        let parts: BTreeMap<String, PartView> = self
            .parts()
            .iter()
            .map(|(part, (since, condition))| {
                let (detail, mend) = match condition {
                    Condition::Starting(detail) | Condition::Ready(detail) => (detail.clone(), None),
                    Condition::Degraded { reason, mend } | Condition::Failing { reason, mend } => {
                        (reason.clone(), Some(mend.clone()))
                    }
                };
                (part.name().into(), PartView { state: condition.state(), since: *since, detail, mend })
            })
            .collect();
        Readiness { ready: parts.values().all(|part| is_at_work(part.state)), at, parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn health() -> Health {
        Health::new(Arc::new(SystemClock))
    }

    #[test]
    fn the_gateway_is_ready_when_no_part_is_starting_or_failing() {
        let health = health();
        assert!(!health.readiness().ready, "parts are starting");
        for part in Part::ALL {
            health.ready(part, "well");
        }
        assert!(health.readiness().ready);
        let look = Condition::Degraded { reason: "compaction fails".into(), mend: "look".into() };
        health.set(Part::Store, look);
        assert!(health.readiness().ready, "degraded is at work");
        health.failing(Part::Disk, "no room", "free some space");
        let readiness = health.readiness();
        assert!(!readiness.ready);
        assert_eq!(readiness.parts["disk"].mend.as_deref(), Some("free some space"));
    }

    #[test]
    fn since_is_kept_while_the_state_is_the_same() {
        let health = health();
        health.failing(Part::Disk, "1 MiB free", "free some space");
        let before = health.readiness().parts["disk"].since;
        health.failing(Part::Disk, "nothing free", "free some space");
        let after = &health.readiness().parts["disk"];
        assert_eq!((after.since, after.detail.as_str()), (before, "nothing free"));
    }

    #[test]
    fn what_was_counted_is_in_the_text() {
        let metrics = Metrics::new();
        metrics.frames(Channel::Telemetry, 3);
        metrics.quarantined(RefusedBy::Frame, 1);
        metrics.readings_stored.inc_by(150);
        metrics.committed(10, 4_096, Duration::from_millis(3));
        metrics.link(true);
        let sizes = Sizes { twin_revision: 42, ..Sizes::default() };
        let text = metrics.text(&sizes, &health().readiness()).unwrap();
        for line in [
            "portolan_frames_total{channel=\"telemetry\"} 3",
            "portolan_quarantined_total{refused_by=\"frame\"} 1",
            "portolan_readings_stored_total 150",
            "portolan_journal_bytes_total 4096",
            "portolan_journal_sync_seconds_bucket{le=\"0.005\"} 1",
            "portolan_twin_revision 42",
            "portolan_link_connected 1",
            "portolan_part_ready{part=\"journal\"} 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
