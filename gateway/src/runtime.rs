//! The plane at work: one core thread that steps [`Control`] and does what it says, a journal thread that
//! makes batches durable, a keeper thread that feeds the time-series store and saves the twin.
//!
//! ```text
//! Inbound ─┐                ┌─ Job ─▶ journal thread ─┐
//! Asked ───┼─▶ core thread ─┤                         ├─▶ Stored
//! Tick ────┘      ▲         ├─ points, twin ─▶ keeper thread ─▶ store, snapshots
//!                 └─────────┴─ published twin, deltas, acknowledgements
//! ```
//!
//! Every queue is bounded. While the journal cannot write, one batch waits there and one fills here; when
//! that is full the core thread stops taking messages, and MQTT pushes back on the senders.

use crate::clock::SystemClock;
use crate::control::{
    Broken, Control, ControlConfig, Counts, Durable, Effect, Event, REFUSERS, Records, Reply, RequestError,
};
use crate::http::stream::Hub;
use crate::http::{Asked, Published};
use crate::ingest::{Ack, Inbound};
use crate::instrument::{Health, Metrics, Part};
use crate::journal::milestone::{self, Mark};
use crate::journal::{CommitError, Journal, JournalReader, Seq, snapshot};
use crate::ports::{Bus, Clock, Disk};
use crate::recover::{newest_time, point};
use crate::store::{Point, Store};
use arc_swap::ArcSwap;
use firmware_schemas::fact::{Fact, SeriesId, SeriesReading};
use firmware_schemas::id::{CommandId, TenantId};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::topic::Channel;
use firmware_schemas::view::Delta;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};
use twin::Twin;
use twin::snapshot::SNAPSHOT_VERSION;

/// How the core thread batches and when the keeper works.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// A batch is closed when the journal is free and the batch is this old, or the queue is empty.
    pub batch_wait: Duration,
    /// … or holds so many facts.
    pub batch_facts_max: usize,
    /// … or so many bytes.
    pub batch_bytes_max: usize,
    /// The journal's oldest segments are dropped when it takes more, as far as they are needed no more.
    pub keep_bytes: u64,
    /// The twin is saved after so many facts.
    pub snapshot_facts: u64,
    /// States that are kept for the past.
    pub milestones: milestone::Keep,
    /// The store's head is sealed when it is this old.
    pub seal_after: Duration,
    /// Readings older than this are forgotten.
    pub retention: Duration,
}

/// What the core thread works on.
pub struct Parts {
    /// The rules.
    pub control: ControlConfig,
    /// The twin, as far as the journal goes.
    pub twin: Twin,
    /// The journal.
    pub journal: Journal,
    /// Where snapshots are saved: the journal's disk.
    pub snapshots: Arc<dyn Disk>,
    /// The record in the newest snapshot.
    pub snapshot_seq: u64,
    /// The time-series store, as far as the journal goes.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Messages.
    pub inbound: mpsc::Receiver<Inbound>,
    /// Requests.
    pub requests: mpsc::Receiver<Asked>,
    /// Where commands go.
    pub bus: Arc<dyn Bus>,
    /// What readers see.
    pub published: Arc<ArcSwap<Published>>,
    /// Deltas for those who follow.
    pub hub: Arc<Hub>,
    /// How we are.
    pub health: Arc<Health>,
    /// Numbers.
    pub metrics: Arc<Metrics>,
    /// Facts that follow from the network that was loaded.
    pub network: Vec<Fact>,
}

/// Why the plane stopped by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaneError {
    /// The journal can never write again in this process.
    #[error("{0}; restart to recover: nothing that was acknowledged is lost")]
    Poisoned(String),
    /// A bug of ours.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
    /// A thread ended that must not.
    #[error("the {0} thread ended")]
    Ended(&'static str),
}

/// A running plane.
pub struct Plane {
    stop: watch::Sender<bool>,
    core: JoinHandle<Result<(), PlaneError>>,
    ended: watch::Receiver<bool>,
}

impl Plane {
    /// Starts the threads.
    pub fn start(parts: Parts, config: RuntimeConfig) -> Result<Self, PlaneError> {
        let (stop, stopped) = watch::channel(false);
        let (end, ended) = watch::channel(false);
        let core = std::thread::Builder::new().name("core".into()).spawn(move || {
            let result = run(parts, config, stopped);
            if let Err(why) = &result {
                error!(%why, "the plane stopped");
            }
            end.send_replace(true);
            result
        })?;
        Ok(Self { stop, core, ended })
    }

    /// Resolves when the plane has stopped by itself.
    pub fn ended(&self) -> watch::Receiver<bool> {
        self.ended.clone()
    }

    /// Takes no more messages, makes durable what was taken, saves the twin, and ends. Blocks.
    pub fn stop(self) -> Result<(), PlaneError> {
        self.stop.send_replace(true);
        self.core.join().unwrap_or(Err(PlaneError::Ended("core")))
    }
}

/// Owed to whoever sent a message or a request.
enum Owed {
    Ack(Ack),
    Reply(oneshot::Sender<Result<Reply, RequestError>>),
}

impl Owed {
    /// Only messages are acknowledged …
    fn acknowledge(self) {
        if let Self::Ack(ack) = self {
            ack.done();
        }
    }

    /// … and only requests are answered. Whoever asked may be gone.
    fn answer(self, answer: Result<Reply, RequestError>) {
        if let Self::Reply(reply) = self {
            drop(reply.send(answer));
        }
    }
}

/// What the journal thread says.
enum Journalled {
    Stored(u64),
    NoSpace(String),
    SpaceAgain,
    Poisoned(String),
}

/// What the keeper thread gets.
struct Kept {
    up_to: u64,
    points: Vec<SeriesReading>,
    twin: Twin,
    at: Timestamp,
}

struct Core {
    control: Control<Owed>,
    clock: Arc<dyn Clock>,
    jobs: SyncSender<Records>,
    keeper: SyncSender<Kept>,
    bus: Arc<dyn Bus>,
    delivered: mpsc::Sender<CommandId>,
    published: Arc<ArcSwap<Published>>,
    hub: Arc<Hub>,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    tenant: TenantId,
    batch_opened: Option<Duration>,
    /// While the disk is full, why.
    blocked: Option<String>,
}

fn run(parts: Parts, config: RuntimeConfig, mut stopped: watch::Receiver<bool>) -> Result<(), PlaneError> {
    /// Messages taken from the queue at once.
    const TAKE: usize = 256;
    let Parts { control, twin, journal, snapshot_seq, store, clock, mut inbound, mut requests, .. } = parts;
    let journal_reader = journal.reader();
    let (jobs, job_queue) = sync_channel(1);
    let (journalled, mut journal_news) = mpsc::channel(16);
    let stopping = Arc::new(AtomicBool::new(false));
    let unneeded = Arc::new(AtomicU64::new(0));
    let journal_thread = std::thread::Builder::new().name("journal".into()).spawn({
        let work = JournalWork {
            metrics: parts.metrics.clone(),
            stopping: stopping.clone(),
            unneeded: unneeded.clone(),
            keep_bytes: config.keep_bytes,
        };
        move || journal_thread(journal, &job_queue, &journalled, &work)
    })?;
    let (keeper, kept) = sync_channel(64);
    let keeper_thread = std::thread::Builder::new().name("keeper".into()).spawn({
        let keeping = Keeper {
            store,
            snapshot_seq,
            health: parts.health.clone(),
            metrics: parts.metrics.clone(),
            config: config.clone(),
            sealed_at: SystemClock.monotonic(),
            counted_at: Duration::ZERO,
            saved_at: Duration::ZERO,
            newest: None,
            newest_at: newest_time(&twin),
            marked: Marked::begin(parts.snapshots.as_ref()),
            snapshots: parts.snapshots,
            journal: journal_reader,
            unneeded,
        };
        move || keeping.run(&kept)
    })?;
    let (delivered, mut deliveries) = mpsc::channel(1_024);
    let tenant = control.tenant.clone();
    let mut core = Core {
        control: Control::new(control, twin, clock.now()),
        clock,
        jobs,
        keeper,
        bus: parts.bus,
        delivered,
        published: parts.published,
        hub: parts.hub,
        health: parts.health,
        metrics: parts.metrics,
        tenant,
        batch_opened: None,
        blocked: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    core.health.ready(Part::Journal, "takes records");
    core.health.ready(Part::Store, "keeps up");
    core.health.ready(Part::Disk, "room to write");
    runtime.block_on(async {
        core.step(Event::NetworkGiven(parts.network))?;
        let undelivered = core.control.undelivered(core.clock.now());
        core.perform(undelivered)?;
        core.step(Event::BatchDue)?;
        // Readers see the network once it is durable: not before, nobody is told to come.
        let mut is_live = !core.control.is_committing();
        if is_live {
            core.health.ready(Part::Twin, "live");
        }
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut messages = Vec::with_capacity(TAKE);
        let mut draining = false;
        loop {
            let has_room = core.has_room(&config);
            // The open batch waits only while the journal is busy, or for messages that are already here.
            let wait = core
                .batch_opened
                .filter(|_| !core.control.is_committing())
                .map(|opened| config.batch_wait.saturating_sub(SystemClock.monotonic().saturating_sub(opened)));
            tokio::select! {
                biased;
                news = journal_news.recv() => match news {
                    Some(Journalled::Stored(up_to)) => {
                        core.step(Event::Stored { up_to })?;
                        if !std::mem::replace(&mut is_live, true) {
                            core.health.ready(Part::Twin, "live");
                        }
                    }
                    Some(Journalled::NoSpace(why)) => core.block(Some(why)),
                    Some(Journalled::SpaceAgain) => core.block(None),
                    Some(Journalled::Poisoned(why)) => {
                        core.health.failing(Part::Journal, &why, "restart the gateway; check the disk");
                        return Err(PlaneError::Poisoned(why));
                    }
                    None => return Err(PlaneError::Ended("journal")),
                },
                n_taken = inbound.recv_many(&mut messages, TAKE), if has_room && !draining => {
                    if n_taken == 0 {
                        draining = true;
                    }
                    core.metrics.core_batch(n_taken);
                    for message in messages.drain(..) {
                        let Inbound { topic, payload, ack, .. } = message;
                        core.step(Event::FrameArrived { ticket: Owed::Ack(ack), topic, payload })?;
                    }
                }
                asked = requests.recv(), if !draining => match asked {
                    Some(Asked { request, reply }) => match &core.blocked {
                        Some(why) => {
                            let answer = Err(RequestError::Unavailable(why.clone()));
                            core.perform(vec![Effect::Answer(Owed::Reply(reply), answer)])?;
                        }
                        None => core.step(Event::Asked { ticket: Owed::Reply(reply), request })?,
                    },
                    None => draining = true,
                },
                Some(command) = deliveries.recv() => core.step(Event::CommandDelivered(command))?,
                _ = ticks.tick(), if has_room => core.step(Event::Tick)?,
                _ = stopped.changed(), if !draining => draining = true,
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {
                    core.step(Event::BatchDue)?;
                }
            }
            core.open_or_close(&config, inbound.is_empty())?;
            if draining && !core.control.is_committing() {
                core.step(Event::BatchDue)?;
                if !core.control.is_committing() {
                    break;
                }
            }
            if draining && core.blocked.is_some() {
                warn!("stopping while the disk is full: what was not acknowledged will be sent again");
                break;
            }
        }
        Ok::<_, PlaneError>(())
    })?;
    stopping.store(true, Ordering::Release);
    drop(core);
    drop(journal_thread.join());
    keeper_thread.join().map_err(|_panicked| PlaneError::Ended("keeper"))?;
    Ok(())
}

impl Core {
    fn step(&mut self, event: Event<Owed>) -> Result<(), PlaneError> {
        let effects = self.control.step(event, self.clock.now())?;
        self.perform(effects)
    }

    /// True while messages may be taken: the batch that fills is not full.
    fn has_room(&self, config: &RuntimeConfig) -> bool {
        // A few times the size at which a batch is closed, so that a commit under way does not stall intake.
        const AHEAD: usize = 16;
        let (bytes, facts) = self.control.pending();
        bytes < AHEAD * config.batch_bytes_max && facts < AHEAD * config.batch_facts_max
    }

    fn open_or_close(&mut self, config: &RuntimeConfig, queue_is_empty: bool) -> Result<(), PlaneError> {
        if !self.control.has_pending() {
            self.batch_opened = None;
            return Ok(());
        }
        let now = SystemClock.monotonic();
        let opened = *self.batch_opened.get_or_insert(now);
        let (bytes, facts) = self.control.pending();
        let is_due = queue_is_empty
            || bytes >= config.batch_bytes_max
            || facts >= config.batch_facts_max
            || now.saturating_sub(opened) >= config.batch_wait;
        if is_due && !self.control.is_committing() {
            self.batch_opened = None;
            self.step(Event::BatchDue)?;
        }
        Ok(())
    }

    fn perform(&mut self, effects: Vec<Effect<Owed>>) -> Result<(), PlaneError> {
        for effect in effects {
            match effect {
                Effect::Commit(records) => {
                    self.jobs.send(records).map_err(|_ended| PlaneError::Ended("journal"))?;
                }
                Effect::Publish(durable) => self.publish(*durable)?,
                Effect::Acknowledge(owed) => owed.acknowledge(),
                Effect::Answer(owed, answer) => owed.answer(answer),
                Effect::Send { command, topic, payload } => self.send(command, &topic, payload),
            }
        }
        Ok(())
    }

    fn publish(&mut self, durable: Durable) -> Result<(), PlaneError> {
        let Durable { twin, touched, points, at, counts } = durable;
        let before = self.published.load().delta_seq;
        let delta_seq = if touched.is_empty() { before } else { twin.revision };
        self.published.store(Arc::new(Published { twin: twin.clone(), delta_seq }));
        if delta_seq != before {
            if self.hub.is_watched() {
                let changes = twin.changes(&touched, &self.tenant, at);
                self.hub.publish(Delta { seq: delta_seq, at, changes });
                self.metrics.deltas.inc();
            } else {
                self.hub.skip(delta_seq);
            }
        }
        self.count(&counts);
        let kept = Kept { up_to: twin.revision, points, twin, at };
        // When the keeper is 64 batches behind, this waits: the store pushes back like the journal does.
        self.keeper.send(kept).map_err(|_ended| PlaneError::Ended("keeper"))
    }

    fn count(&self, counts: &Counts) {
        let metrics = &self.metrics;
        for (channel, n) in Channel::UP.into_iter().zip(counts.messages).filter(|(_, n)| *n > 0) {
            metrics.frames(channel, n);
        }
        for (refused_by, n) in REFUSERS.into_iter().zip(counts.quarantined).filter(|(_, n)| *n > 0) {
            metrics.quarantined(refused_by, n);
        }
        metrics.duplicates.inc_by(counts.duplicates);
        metrics.readings_stored.inc_by(counts.readings);
    }

    fn block(&mut self, why: Option<String>) {
        match &why {
            Some(why) => {
                error!(%why, "nothing can be stored; nothing is acknowledged until there is space");
                self.health.failing(Part::Disk, why, "make room on the disk of the data folder; it goes on by itself");
            }
            None => {
                info!("there is space again");
                self.health.ready(Part::Disk, "room to write");
            }
        }
        self.blocked = why;
    }

    fn send(&self, command: CommandId, topic: &str, payload: Vec<u8>) {
        match self.bus.publish(topic, payload.into(), false) {
            Ok(ticket) => {
                let delivered = self.delivered.clone();
                tokio::spawn(async move {
                    match ticket.await {
                        // The plane has ended: the command is sent again at the next start.
                        Ok(()) => drop(delivered.send(command).await),
                        Err(why) => warn!(%command, %why, "command not delivered; it is sent again after a restart"),
                    }
                });
            }
            Err(why) => warn!(%command, %why, "command not sent; it is sent again after a restart"),
        }
    }
}

struct JournalWork {
    metrics: Arc<Metrics>,
    stopping: Arc<AtomicBool>,
    /// Records up to this one are needed no more.
    unneeded: Arc<AtomicU64>,
    keep_bytes: u64,
}

fn journal_thread(mut journal: Journal, jobs: &Receiver<Records>, news: &mpsc::Sender<Journalled>, work: &JournalWork) {
    const RETRY_EVERY: Duration = Duration::from_millis(500);
    let JournalWork { metrics, stopping, unneeded, keep_bytes } = work;
    // A failing send means that the core thread has ended, and so does this one.
    while let Ok(records) = jobs.recv() {
        for record in records.iter() {
            if let Err(why) = journal.append(record) {
                drop(news.blocking_send(Journalled::Poisoned(why.to_string())));
                return;
            }
        }
        let mut is_blocked = false;
        loop {
            let began = SystemClock.monotonic();
            match journal.commit() {
                Ok(durable) => {
                    metrics.committed(
                        records.len() as u64,
                        records.bytes_len() as u64,
                        SystemClock.monotonic() - began,
                    );
                    if is_blocked && news.blocking_send(Journalled::SpaceAgain).is_err() {
                        return;
                    }
                    if news.blocking_send(Journalled::Stored(durable.0)).is_err() {
                        return;
                    }
                    match journal.keep_within(*keep_bytes, Seq(unneeded.load(Ordering::Acquire)).next()) {
                        Ok(0) => {}
                        Ok(n) => info!(segments = n, first = journal.reader().first().0, "old journal dropped"),
                        Err(why) => warn!(%why, "old journal not dropped, and will be later"),
                    }
                    break;
                }
                Err(why @ CommitError::NoSpace { .. }) => {
                    if !is_blocked && news.blocking_send(Journalled::NoSpace(why.to_string())).is_err() {
                        return;
                    }
                    is_blocked = true;
                    if stopping.load(Ordering::Acquire) {
                        return;
                    }
                    std::thread::sleep(RETRY_EVERY);
                }
                Err(why) => {
                    drop(news.blocking_send(Journalled::Poisoned(why.to_string())));
                    return;
                }
            }
        }
    }
}

/// A large twin under a heavy stream is saved no more often than this.
const SNAPSHOT_REST: Duration = Duration::from_secs(10);

/// The newest milestone.
struct Marked {
    /// When by the gateway's clock; the first is due so long after the first fact.
    at: Option<Timestamp>,
    /// When by ours.
    since: Duration,
}

impl Marked {
    fn begin(disk: &dyn Disk) -> Self {
        let marks = milestone::list(disk).unwrap_or_else(|why| {
            warn!(%why, "the milestones of the past cannot be listed");
            Vec::new()
        });
        Self { at: marks.last().map(|mark| mark.at), since: Duration::ZERO }
    }
}

/// Feeds the store and saves the twin, behind the journal.
struct Keeper {
    store: Arc<dyn Store>,
    snapshots: Arc<dyn Disk>,
    snapshot_seq: u64,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    config: RuntimeConfig,
    sealed_at: Duration,
    counted_at: Duration,
    saved_at: Duration,
    newest: Option<(Twin, Timestamp)>,
    /// No record that was kept is of later.
    newest_at: Option<Timestamp>,
    marked: Marked,
    journal: JournalReader,
    /// Told to the journal thread: up to where snapshots and store stand for the journal.
    unneeded: Arc<AtomicU64>,
}

impl Keeper {
    fn run(mut self, queue: &Receiver<Kept>) {
        self.release();
        loop {
            match queue.recv_timeout(Duration::from_secs(1)) {
                Ok(kept) => self.keep(kept),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.upkeep();
        }
        self.save();
        if let Err(why) = self.store.seal() {
            warn!(%why, "readings in memory were not sealed; they are replayed from the journal");
        }
    }

    fn keep(&mut self, kept: Kept) {
        let Kept { up_to, points, twin, at } = kept;
        let points: Vec<(SeriesId, Point)> = points.into_iter().map(point).collect();
        self.newest = Some((twin, at));
        self.newest_at = self.newest_at.max(Some(at));
        // The store refuses while it cannot seal and its memory is full: wait, which pushes back on the core.
        let mut is_blocked = false;
        while let Err(why) = self.store.append(up_to, &points) {
            self.health.failing(Part::Store, why.to_string(), "make room on the disk of the data folder");
            is_blocked = true;
            std::thread::sleep(Duration::from_millis(500));
            if let Err(why) = self.store.seal() {
                warn!(%why, "the store cannot write");
            }
        }
        if is_blocked {
            self.health.ready(Part::Store, "keeps up");
        }
    }

    fn upkeep(&mut self) {
        let now = SystemClock.monotonic();
        let is_due = |(twin, _): &(Twin, Timestamp)| twin.revision >= self.snapshot_seq + self.config.snapshot_facts;
        if now.saturating_sub(self.saved_at) >= SNAPSHOT_REST && self.newest.as_ref().is_some_and(is_due) {
            self.saved_at = now;
            self.save();
        }
        if now.saturating_sub(self.marked.since) >= SNAPSHOT_REST {
            self.mark(now);
        }
        if now.saturating_sub(self.sealed_at) >= self.config.seal_after {
            self.sealed_at = now;
            if let Err(why) = self.store.seal() {
                warn!(%why, "the store could not seal, and will try again");
            }
            if let Some((_, at)) = &self.newest
                && let Err(why) = self.store.retain(at.saturating_sub(self.config.retention))
            {
                warn!(%why, "old readings could not be removed, and will be later");
            }
            self.release();
        }
        if now.saturating_sub(self.counted_at) >= Duration::from_secs(1) {
            self.counted_at = now;
            if let Ok(free) = self.snapshots.free_bytes() {
                self.metrics.disk_free(free);
            }
        }
    }

    fn save(&mut self) {
        let Some((twin, _)) = &self.newest else { return };
        if twin.revision <= self.snapshot_seq {
            return;
        }
        let saved = twin.to_bytes().map_err(|why| why.to_string()).and_then(|bytes| {
            let disk = self.snapshots.as_ref();
            snapshot::save(disk, Seq(twin.revision), SNAPSHOT_VERSION, &bytes).map_err(|why| why.to_string())
        });
        // Without a snapshot the next start only takes longer. Either way the next try is as far off.
        if let Err(why) = saved {
            warn!(%why, "the twin was not saved; a restart replays more");
        }
        self.snapshot_seq = twin.revision;
        self.release();
    }

    /// Sets a milestone where one is due, and takes away those that are too old.
    fn mark(&mut self, now: Duration) {
        let keep = self.config.milestones;
        let (Some((twin, _)), Some(at)) = (&self.newest, self.newest_at) else { return };
        let since = *self.marked.at.get_or_insert(at);
        if keep.every.is_zero() || at.since(since) < keep.every {
            return;
        }
        let mark = Mark { seq: Seq(twin.revision), at };
        let saved = twin.to_bytes().map_err(|why| why.to_string()).and_then(|bytes| {
            milestone::save(self.snapshots.as_ref(), mark, SNAPSHOT_VERSION, &bytes).map_err(|why| why.to_string())
        });
        // Without it the past is replayed from the one before. Either way the next is as far off.
        if let Err(why) = saved {
            warn!(%why, "no milestone was set; the past takes longer to look at");
        }
        self.marked = Marked { at: Some(at), since: now };
        if let Err(why) = milestone::thin(self.snapshots.as_ref(), &keep, at, self.journal.first()) {
            warn!(%why, "old milestones were not removed, and will be later");
        }
    }

    /// Every snapshot that is kept stays usable, the oldest as well, so that one may turn out damaged.
    fn release(&self) {
        match snapshot::list(self.snapshots.as_ref()) {
            Ok(seqs) if seqs.len() >= snapshot::KEPT => {
                self.unneeded.store(seqs[0].0.min(self.store.applied()), Ordering::Release);
            }
            Ok(_) => {}
            Err(why) => warn!(%why, "the snapshots cannot be listed; the journal keeps its beginning"),
        }
    }
}
