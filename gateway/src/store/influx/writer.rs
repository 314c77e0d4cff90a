//! The journal's readings on their way to InfluxDB: a reader of the journal with a cursor, on a thread of its own.
//!
//! ```text
//! journal ─▶ window of points, encoded ─┬─▶ lane 0 ─ POST ─┐
//!   ▲                                   ├─▶ lane 1 ─ POST ─┼─▶ all answered 204 ─▶ cursor moves
//!   └── the next window is made while ──┴─▶ …      ─ POST ─┘
//! ```
//!
//! A series always goes by the same lane and a window waits for the one before it, so of two points of the same
//! time the later to arrive is the later to be written. Nothing waits for this thread: while InfluxDB is away
//! two windows are in memory and the rest is in the journal.

use super::client::{Encoding, InfluxClient, RequestError};
use super::line::{LineError, Prefix, SeriesKey, encode};
use crate::clock::SystemClock;
use crate::control::{Reply, Request};
use crate::http::{Asked, Published};
use crate::ingest::wire::Backoff;
use crate::instrument::{Condition, Health, Part};
use crate::journal::{JournalReader, ReadError, Records, Seq, cursor};
use crate::ports::{Clock, Disk};
use crate::store::{Point, StoreStats};
use arc_swap::ArcSwap;
use bytes::Bytes;
use firmware_schemas::codec;
use firmware_schemas::fact::{Fact, SeriesId};
use firmware_schemas::id::TenantId;
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::{Reading, TelemetryFrame};
use firmware_schemas::topic::{Channel, topic};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

/// The cursor's name beside the journal.
pub const READER: &str = "influxdb2";

/// How readings are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterConfig {
    /// Points sent at once over all connections.
    pub window_points: usize,
    /// A window that is not full is sent when its first point has waited so long.
    pub window_wait: Duration,
    /// Connections, each with its share of the series.
    pub connections: usize,
    /// Compress what is sent.
    pub gzip: bool,
    /// The longest wait between two tries.
    pub retry_ceiling: Duration,
}

impl Default for WriterConfig {
    fn default() -> Self {
        Self {
            window_points: 20_000,
            window_wait: Duration::from_millis(100),
            connections: 2,
            gzip: false,
            retry_ceiling: Duration::from_secs(10),
        }
    }
}

/// What the writer has done and how it is, for whoever asks.
#[derive(Debug, Default)]
pub struct Progress {
    /// The journal record up to which InfluxDB has everything.
    pub written: AtomicU64,
    points: AtomicU64,
    requests: AtomicU64,
    retries: AtomicU64,
    beyond_retention: AtomicU64,
    refused: AtomicU64,
    /// When the oldest reading that InfluxDB lacks was heard, in nanoseconds since 1970; 0 when it lacks none.
    lacking_since_nanos: AtomicI64,
    failing: Mutex<Option<String>>,
}

impl Progress {
    /// A writer that has done everything up to this record.
    pub fn new(written: Seq) -> Self {
        Self { written: AtomicU64::new(written.0), ..Self::default() }
    }

    /// When the oldest reading that InfluxDB lacks was heard, by the gateway's clock; `None` when it lacks none
    /// that the writer knows of.
    pub fn lacking_since(&self) -> Option<Timestamp> {
        match self.lacking_since_nanos.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Timestamp::from_nanos(nanos)),
        }
    }

    /// As the store's state.
    pub fn stats(&self) -> StoreStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StoreStats {
            points: count(&self.points),
            sealed_points: count(&self.points),
            requests: count(&self.requests),
            retries: count(&self.retries),
            beyond_retention: count(&self.beyond_retention),
            refused_points: count(&self.refused),
            lacking_since: self.lacking_since(),
            failing: self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            ..StoreStats::default()
        }
    }
}

/// What the writer works with.
pub struct Parts {
    /// Where to.
    pub client: InfluxClient,
    /// From where.
    pub journal: JournalReader,
    /// Where the cursor is kept: the journal's disk.
    pub disk: Arc<dyn Disk>,
    /// Knows the names of series.
    pub published: Arc<ArcSwap<Published>>,
    /// Takes points that InfluxDB refuses into quarantine.
    pub requests: mpsc::Sender<Asked>,
    /// How we are.
    pub health: Arc<Health>,
    /// What was done.
    pub progress: Arc<Progress>,
    /// Whose readings.
    pub tenant: TenantId,
}

/// How nice its threads are to all others (0 to 19).
const NICE: i32 = 5;

/// A running writer.
pub struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Starts the thread.
    pub fn start(parts: Parts, config: WriterConfig) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("influx-write")
            .on_thread_start(be_nice)
            .enable_all()
            .build()?;
        let stopping = stop.clone();
        let thread = std::thread::Builder::new().name("influx".into()).spawn(move || {
            be_nice();
            let (health, progress) = (parts.health.clone(), parts.progress.clone());
            if let Err(why) = run(parts, config, &stopping, &runtime) {
                let mend = "the journal's readings cannot be handed on: look at the disk, then restart the gateway";
                *progress.failing.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_string());
                health.failing(Part::Store, why.to_string(), mend);
            }
            runtime.shutdown_background();
        })?;
        Ok(Self { stop, thread })
    }

    /// Sends what is durable if InfluxDB takes it within a moment, saves the cursor, and ends. Blocks.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            warn!("the writer to InfluxDB panicked");
        }
    }
}

/// A backlog can wait, what is live cannot: its threads let all others go first. It works without that, too.
fn be_nice() {
    rustix::process::nice(NICE).ok();
}

/// Why the writer cannot go on at all.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("journal record {seq}: {why}")]
    Fact { seq: u64, why: firmware_schemas::fact::FactError },
}

/// Points of one lane, encoded.
#[derive(Default)]
struct Lane {
    lines: Vec<u8>,
    /// Where each line begins.
    starts: Vec<usize>,
    points: Vec<(SeriesId, Point)>,
}

/// The points of some records.
struct Window {
    lanes: Vec<Lane>,
    n_points: usize,
    /// The last record that is in it; every one before is as well.
    up_to: Seq,
    /// Points that no line can hold.
    unwritable: Vec<(SeriesId, Point, String)>,
    opened: Duration,
    /// When its first reading was heard.
    heard_at: Option<Timestamp>,
}

impl Window {
    fn new(n_lanes: usize, up_to: Seq) -> Self {
        let lanes = (0..n_lanes.max(1)).map(|_| Lane::default()).collect();
        Self { lanes, n_points: 0, up_to, unwritable: Vec::new(), opened: Duration::ZERO, heard_at: None }
    }
}

fn run(
    parts: Parts,
    config: WriterConfig,
    stop: &Arc<AtomicBool>,
    runtime: &tokio::runtime::Runtime,
) -> Result<(), Broken> {
    /// The cursor is saved this often: sending again what was sent already changes nothing.
    const SAVE_EVERY: Duration = Duration::from_secs(1);
    /// A stop waits so long for InfluxDB.
    const STOP_WITHIN: Duration = Duration::from_secs(5);
    let start = Seq(parts.progress.written.load(Ordering::Acquire));
    let mut records = parts.journal.read_from(start.next())?;
    let mut prefixes: Vec<Option<Result<Prefix, LineError>>> = Vec::new();
    let mut window = Window::new(config.connections, start);
    let sender = Arc::new(Sender {
        client: parts.client,
        published: parts.published.clone(),
        requests: parts.requests,
        health: parts.health,
        progress: parts.progress.clone(),
        journal: parts.journal,
        tenant: parts.tenant,
        config,
        stop: stop.clone(),
    });
    let mut in_flight: Option<(Seq, tokio::task::JoinHandle<Result<(), Stopped>>)> = None;
    let (mut saved, mut saved_at, mut stop_by) = (start, SystemClock.monotonic(), None);
    info!(from = start.0 + 1, "readings go to InfluxDB");
    loop {
        let at_end = fill(&mut records, &mut window, &mut prefixes, &parts.published, config.window_points, stop)?;
        let now = SystemClock.monotonic();
        let is_stopping = stop.load(Ordering::Acquire);
        let has_points = window.n_points > 0 || !window.unwritable.is_empty();
        let is_due = has_points && (!at_end || is_stopping || now.saturating_sub(window.opened) >= config.window_wait);
        if (is_due || at_end)
            && let Some((up_to, flight)) =
                in_flight.take_if(|(_, flight)| is_due || flight.is_finished() || is_stopping)
        {
            match runtime.block_on(flight) {
                Ok(Ok(())) => sender.progress.written.store(up_to.0, Ordering::Release),
                Ok(Err(Stopped)) => break,
                Err(why) => {
                    warn!(%why, "the writer to InfluxDB panicked, and goes on from its cursor");
                    records = sender.journal.read_from(Seq(sender.progress.written.load(Ordering::Acquire)).next())?;
                    window = Window::new(config.connections, start);
                    continue;
                }
            }
        }
        let written = Seq(sender.progress.written.load(Ordering::Acquire));
        if in_flight.is_none() {
            let nanos = window.heard_at.map_or(0, Timestamp::as_nanos);
            sender.progress.lacking_since_nanos.store(nanos, Ordering::Relaxed);
        }
        if is_due {
            let next = Window::new(config.connections, window.up_to);
            let full = std::mem::replace(&mut window, next);
            let up_to = full.up_to;
            in_flight = Some((up_to, runtime.spawn(deliver(sender.clone(), full))));
        } else if at_end && in_flight.is_none() && !has_points {
            // Records without readings.
            sender.progress.written.store(window.up_to.0, Ordering::Release);
            if is_stopping {
                break;
            }
        }
        if written != saved && (now.saturating_sub(saved_at) >= SAVE_EVERY || is_stopping) {
            saved_at = now;
            match cursor::store(parts.disk.as_ref(), READER, written) {
                Ok(()) => saved = written,
                Err(why) => warn!(%why, "the cursor of InfluxDB is not saved; a restart sends more again"),
            }
        }
        if is_stopping && now >= *stop_by.get_or_insert(now + STOP_WITHIN) {
            break;
        }
        if at_end && !is_due {
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
    let written = Seq(sender.progress.written.load(Ordering::Acquire));
    if written != saved
        && let Err(why) = cursor::store(parts.disk.as_ref(), READER, written)
    {
        warn!(%why, "the cursor of InfluxDB is not saved; a restart sends more again");
    }
    Ok(())
}

/// Takes records into the window until it is full or the journal ends; true at its end.
fn fill(
    records: &mut Records,
    window: &mut Window,
    prefixes: &mut Vec<Option<Result<Prefix, LineError>>>,
    published: &ArcSwap<Published>,
    points_max: usize,
    stop: &AtomicBool,
) -> Result<bool, Broken> {
    while window.n_points < points_max {
        let Some(record) = records.next_record()? else { return Ok(true) };
        let seq = record.seq;
        let fact = Fact::decode(record.payload).map_err(|why| Broken::Fact { seq: seq.0, why })?;
        if let Fact::Readings { readings, received_at, .. } = fact {
            if window.heard_at.is_none() {
                window.opened = SystemClock.monotonic();
                window.heard_at = Some(received_at);
            }
            for reading in readings {
                let (series, point) = crate::recover::point(reading);
                let Some(prefix) = prefix_of(prefixes, published, series, stop) else { return Ok(true) };
                let n_lanes = window.lanes.len();
                let lane = &mut window.lanes[series.0 as usize % n_lanes];
                let start = lane.lines.len();
                let encoded = match prefix {
                    Ok(prefix) => encode(&mut lane.lines, prefix, point.at, &point.value, point.quality),
                    Err(why) => Err(why.clone()),
                };
                match encoded {
                    Ok(()) => {
                        lane.starts.push(start);
                        lane.points.push((series, point));
                    }
                    Err(why) => window.unwritable.push((series, point, why.to_string())),
                }
                window.n_points += 1;
            }
        }
        window.up_to = seq;
    }
    Ok(false)
}

/// What the lines of a series begin with; `None` when it is time to stop. Waits for the twin that knows the
/// series to be published, which happens right after the record became durable.
fn prefix_of<'p>(
    prefixes: &'p mut Vec<Option<Result<Prefix, LineError>>>,
    published: &ArcSwap<Published>,
    series: SeriesId,
    stop: &AtomicBool,
) -> Option<&'p Result<Prefix, LineError>> {
    let at = series.0 as usize;
    if prefixes.len() <= at {
        prefixes.resize_with(at + 1, || None);
    }
    while prefixes[at].is_none() {
        let twin = &published.load().twin;
        if let Some(known) = twin.series.get(at) {
            let device = &twin.devices[known.device as usize];
            let site = &twin.sites[device.site.at()].spec.site;
            let key = SeriesKey { site: site.as_str(), device: device.device.as_str(), metric: known.metric.as_str() };
            prefixes[at] = Some(Prefix::new(&key));
        } else if stop.load(Ordering::Acquire) {
            return None;
        } else {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    prefixes[at].as_ref()
}

/// The gateway stops before InfluxDB has taken what it was sent.
struct Stopped;

struct Sender {
    client: InfluxClient,
    published: Arc<ArcSwap<Published>>,
    requests: mpsc::Sender<Asked>,
    health: Arc<Health>,
    progress: Arc<Progress>,
    journal: JournalReader,
    tenant: TenantId,
    config: WriterConfig,
    stop: Arc<AtomicBool>,
}

/// Brings all points of a window to where they belong: into InfluxDB or into quarantine.
async fn deliver(sender: Arc<Sender>, window: Window) -> Result<(), Stopped> {
    let lanes = window.lanes.into_iter().filter(|lane| !lane.starts.is_empty());
    let tasks: Vec<_> = lanes.map(|lane| tokio::spawn(sender.clone().deliver_lane(lane))).collect();
    let mut outcome = Ok(());
    for task in tasks {
        match task.await {
            Ok(Ok(())) => {}
            Ok(Err(Stopped)) => outcome = Err(Stopped),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
    for (series, point, why) in window.unwritable {
        sender.quarantine(series, point, &why).await?;
    }
    outcome
}

impl Sender {
    async fn deliver_lane(self: Arc<Self>, lane: Lane) -> Result<(), Stopped> {
        let Lane { lines, starts, points } = lane;
        let lines = Bytes::from(lines);
        // Ranges of lines, the next one last; a refused one is halved until the bad point is alone.
        let mut ranges = vec![(0, starts.len())];
        while let Some((from, to)) = ranges.pop() {
            let end = starts.get(to).copied().unwrap_or(lines.len());
            match self.send(lines.slice(starts[from]..end)).await? {
                Ok(()) => {
                    self.progress.points.fetch_add((to - from) as u64, Ordering::Relaxed);
                }
                Err(why) if to - from == 1 => {
                    let (series, point) = points[from].clone();
                    self.quarantine(series, point, &why).await?;
                }
                Err(_halve) => {
                    let middle = from.midpoint(to);
                    ranges.push((middle, to));
                    ranges.push((from, middle));
                }
            }
        }
        Ok(())
    }

    /// Sends until InfluxDB has it. The inner error says why it will never take this.
    async fn send(&self, lines: Bytes) -> Result<Result<(), String>, Stopped> {
        let encoding = if self.config.gzip { Encoding::Gzip } else { Encoding::Identity };
        let seed = lines.as_ptr() as u64;
        let mut backoff = Backoff::new(Duration::from_millis(100), self.config.retry_ceiling, seed);
        loop {
            self.progress.requests.fetch_add(1, Ordering::Relaxed);
            let why = match self.client.write(lines.clone(), encoding).await {
                Ok(written) => {
                    self.progress.beyond_retention.fetch_add(written.beyond_retention, Ordering::Relaxed);
                    self.is_well();
                    return Ok(Ok(()));
                }
                Err(why @ (RequestError::Refused { .. } | RequestError::TooLarge { .. })) => {
                    return Ok(Err(why.to_string()));
                }
                Err(why) => why,
            };
            self.progress.retries.fetch_add(1, Ordering::Relaxed);
            self.is_failing(&why);
            let asked = match &why {
                RequestError::Overloaded { retry_after, .. } => retry_after.unwrap_or_default(),
                _ => Duration::ZERO,
            };
            self.pause(backoff.next_wait().max(asked)).await?;
        }
    }

    /// Waits, unless the gateway stops meanwhile.
    async fn pause(&self, wait: Duration) -> Result<(), Stopped> {
        const STEP: Duration = Duration::from_millis(50);
        let mut left = wait;
        loop {
            if self.stop.load(Ordering::Acquire) {
                return Err(Stopped);
            }
            if left.is_zero() {
                return Ok(());
            }
            tokio::time::sleep(left.min(STEP)).await;
            left = left.saturating_sub(STEP);
        }
    }

    fn is_well(&self) {
        let mut failing = self.progress.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if failing.take().is_some() {
            info!("InfluxDB takes readings again");
            self.health.ready(Part::Store, "InfluxDB takes readings");
        }
    }

    fn is_failing(&self, why: &RequestError) {
        let reason = why.to_string();
        let durable = self.journal.durable();
        let records = durable.0.saturating_sub(self.progress.written.load(Ordering::Acquire));
        let since = self.progress.lacking_since().map(|at| format!(", the oldest heard at {at},")).unwrap_or_default();
        let shown = format!("{reason}; {records} records wait in the journal{since} and nothing is lost");
        let mut failing = self.progress.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if failing.replace(reason.clone()).as_ref() != Some(&reason) {
            warn!(%why, records, "InfluxDB does not take readings; they wait in the journal");
        }
        let mend = mend(why).to_owned();
        self.health.set(Part::Store, Condition::Degraded { reason: shown, mend });
    }

    /// Puts a point into quarantine, as a frame of its device; durable on return.
    async fn quarantine(&self, series: SeriesId, point: Point, why: &str) -> Result<(), Stopped> {
        let Some((topic, payload)) = self.as_frame(series, &point) else {
            warn!(series = series.0, at = %point.at, why, "a point that InfluxDB refuses is no frame either");
            return Ok(());
        };
        let reason = format!("InfluxDB does not take the reading at {}: {why}", point.at);
        warn!(%topic, reason, "a reading goes to quarantine");
        loop {
            let request =
                Request::Quarantine { topic: topic.clone(), payload: payload.clone(), reason: reason.clone() };
            let (reply, answer) = oneshot::channel();
            if self.requests.send(Asked { request, reply }).await.is_err() {
                return Err(Stopped); // the plane has ended
            }
            match answer.await {
                Ok(Ok(Reply::Done)) => {
                    self.progress.refused.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                Ok(Ok(_already)) => return Ok(()),
                Ok(Err(why)) => warn!(%why, "not in quarantine yet"),
                Err(_ended) => return Err(Stopped),
            }
            self.pause(Duration::from_secs(1)).await?;
        }
    }

    fn as_frame(&self, series: SeriesId, point: &Point) -> Option<(String, Vec<u8>)> {
        let twin = &self.published.load().twin;
        let known = twin.series.get(series.0 as usize)?;
        let device = &twin.devices[known.device as usize];
        let Point { at, value, quality } = point.clone();
        let frame = TelemetryFrame {
            device: device.device.clone(),
            boot: None,
            seq: None,
            sent_at: None,
            readings: vec![Reading { metric: known.metric.clone(), at, value, quality }],
        };
        let site = &twin.sites[device.site.at()].spec.site;
        let topic = topic(&self.tenant, site, &device.device, Channel::Telemetry);
        Some((topic, codec::encode(&frame, codec::Encoding::Json).ok()?))
    }
}

/// What a person should do about it.
pub fn mend(why: &RequestError) -> &'static str {
    match why {
        RequestError::Overloaded { .. } => "nothing, if it passes; else give InfluxDB more memory or a faster disk",
        RequestError::Unreachable { .. } => "start InfluxDB, and check store.influxdb2.url and the network",
        RequestError::Failed { .. } | RequestError::Unexpected { .. } => "look into InfluxDB's log",
        RequestError::Unauthorised { .. } => {
            "make the token valid again, or put another into store.influxdb2.token_file, which is read again each time"
        }
        RequestError::Forbidden { .. } => {
            "give the token the right to write the bucket (portolan influx setup makes one)"
        }
        RequestError::Missing { .. } => {
            "check store.influxdb2.org and bucket; portolan influx setup creates the bucket"
        }
        RequestError::Full { .. } => "make room on InfluxDB's disk; restart it if it does not go on by itself",
        _ => "look into InfluxDB's log",
    }
}
