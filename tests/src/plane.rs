//! The gateway's runtime on one thread: the real control loop, journal, store, snapshots and recovery, with
//! each step of its three threads taken when the test says so.
//!
//! ```text
//! message, ask, tick ─▶ Control ─ close_batch ─▶ job ─ commit ─▶ journal ─▶ Done::{Published, Acknowledged, …}
//!                                                                  └─▶ kept ─ keep ─▶ store, snapshots
//! ```

use crate::disk::TearingDisk;
use bytes::Bytes;
use firmware_schemas::fact::SeriesReading;
use firmware_schemas::id::CommandId;
use firmware_schemas::quantity::Timestamp;
use gateway::control::{Broken, Control, ControlConfig, Effect, Event, Records, Reply, Request, RequestError};
use gateway::journal::{CommitError, Journal, JournalConfig, Seq, snapshot};
use gateway::ports::{Clock, Disk};
use gateway::recover::{RecoverError, point, recover_from};
use gateway::store::{EmbeddedStore, Store, StoreConfig};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use twin::Twin;
use twin::network::Network;
use twin::snapshot::SNAPSHOT_VERSION;

/// The two disks of one machine.
#[derive(Clone, Debug, Default)]
pub struct Disks {
    /// Of the journal and the snapshots.
    pub journal: TearingDisk,
    /// Of the store.
    pub store: TearingDisk,
}

impl Disks {
    /// Cuts the power, and gives the disks as they are found afterwards.
    pub fn crash(&self, seed: u64) -> Self {
        Self { journal: self.journal.crash(seed), store: self.store.crash(!seed) }
    }

    /// True when one of them has no power: then the machine has none.
    pub fn is_off(&self) -> bool {
        self.journal.is_off() || self.store.is_off()
    }

    /// Takes back every limit and fault that was not met yet.
    pub fn mend(&self) {
        self.journal.mend();
        self.store.mend();
    }
}

/// How a plane is set up.
#[derive(Clone, Debug)]
pub struct PlaneConfig {
    /// The rules.
    pub control: ControlConfig,
    /// The journal's limits.
    pub journal: JournalConfig,
    /// The store's limits.
    pub store: StoreConfig,
    /// Facts that wait at most before messages must wait.
    pub pending_facts_max: usize,
    /// Batches that the store may be behind.
    pub kept_max: usize,
    /// The twin is saved after so many facts.
    pub snapshot_facts: u64,
    /// Readings older than this are forgotten.
    pub retention: Duration,
}

/// What the plane did, for others to see.
#[derive(Debug)]
pub enum Done<T> {
    /// Readers see this revision.
    Published {
        /// The twin's.
        revision: u64,
        /// The journal's last durable record at that moment.
        durable: u64,
    },
    /// A message was acknowledged.
    Acknowledged(T),
    /// A request was answered.
    Answered(T, Result<Reply, RequestError>),
    /// A command was sent.
    Sent(CommandId),
}

/// Why a plane cannot go on in this process.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaneError {
    /// The journal can never write again in this process.
    #[error("{0}")]
    Poisoned(String),
    /// A bug of ours.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// What the store gets, in order.
#[derive(Debug)]
struct Kept {
    up_to: u64,
    points: Vec<SeriesReading>,
    twin: Twin,
    at: Timestamp,
}

/// A plane, from its start to its crash.
pub struct Plane<T> {
    config: PlaneConfig,
    control: Control<T>,
    journal: Journal,
    store: Arc<EmbeddedStore>,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    /// What the journal is to make durable, and whether it was appended.
    job: Option<(Records, bool)>,
    is_blocked: bool,
    kept: VecDeque<Kept>,
    newest: Option<(Twin, Timestamp)>,
    snapshot_seq: u64,
    published: Twin,
}

impl<T> Plane<T> {
    /// Recovers what the disks hold, and defines the network where it is not known yet.
    pub fn start(
        disks: &Disks,
        config: PlaneConfig,
        network: &Network,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Vec<Done<T>>), StartError> {
        let (journal_disk, store_disk) = (Arc::new(disks.journal.clone()), Arc::new(disks.store.clone()));
        let store = Arc::new(EmbeddedStore::open(store_disk, config.store.clone()).map_err(RecoverError::from)?);
        let recovered = recover_from(journal_disk, store.as_ref(), config.journal.clone(), clock.as_ref())?;
        let now = clock.now();
        let facts = recovered.twin.define(network, now);
        let mut plane = Self {
            control: Control::new(config.control.clone(), recovered.twin.clone(), now),
            config,
            journal: recovered.journal,
            store,
            disk: recovered.disk,
            clock,
            job: None,
            is_blocked: false,
            kept: VecDeque::new(),
            newest: None,
            snapshot_seq: recovered.snapshot_seq,
            published: recovered.twin,
        };
        let mut done = plane.step(Event::NetworkGiven(facts))?;
        let undelivered = plane.control.undelivered(now);
        done.extend(plane.perform(undelivered));
        Ok((plane, done))
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The store.
    pub fn store(&self) -> &EmbeddedStore {
        &self.store
    }

    /// The twin that readers see.
    pub fn published(&self) -> &Twin {
        &self.published
    }

    /// True while messages may come in.
    pub fn has_room(&self) -> bool {
        self.control.pending().1 < self.config.pending_facts_max && self.kept.len() < self.config.kept_max
    }

    /// True while the disk is full.
    pub fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// True while the journal has a batch.
    pub fn is_committing(&self) -> bool {
        self.job.is_some()
    }

    /// True when nothing waits anywhere.
    pub fn is_idle(&self) -> bool {
        !self.control.has_pending() && self.job.is_none() && self.kept.is_empty()
    }

    /// A message comes in.
    pub fn message(&mut self, ticket: T, topic: &str, payload: Bytes) -> Result<Vec<Done<T>>, PlaneError> {
        self.step(Event::FrameArrived { ticket, topic: topic.to_owned(), payload })
    }

    /// Somebody asks for something. While the disk is full that is refused at once.
    pub fn ask(&mut self, ticket: T, request: Request) -> Result<Vec<Done<T>>, PlaneError> {
        if self.is_blocked {
            return Ok(vec![Done::Answered(ticket, Err(RequestError::Unavailable("the disk is full".to_owned())))]);
        }
        self.step(Event::Asked { ticket, request })
    }

    /// The broker has a command.
    pub fn command_delivered(&mut self, command: CommandId) -> Result<Vec<Done<T>>, PlaneError> {
        self.step(Event::CommandDelivered(command))
    }

    /// Time passed.
    pub fn tick(&mut self) -> Result<Vec<Done<T>>, PlaneError> {
        self.step(Event::Tick)
    }

    /// Closes the open batch, if the journal is free.
    pub fn close_batch(&mut self) -> Result<Vec<Done<T>>, PlaneError> {
        if self.control.is_committing() || self.kept.len() >= self.config.kept_max {
            return Ok(Vec::new());
        }
        self.step(Event::BatchDue)
    }

    /// One try of the journal's thread. On a full disk the batch waits for the next.
    pub fn commit(&mut self) -> Result<Vec<Done<T>>, PlaneError> {
        if self.kept.len() >= self.config.kept_max {
            return Ok(Vec::new()); // the core waits for the store
        }
        let Some((records, is_appended)) = &mut self.job else { return Ok(Vec::new()) };
        if !*is_appended {
            for record in records.iter() {
                self.journal.append(record).map_err(|why| PlaneError::Poisoned(why.to_string()))?;
            }
            *is_appended = true;
        }
        match self.journal.commit() {
            Ok(Seq(up_to)) => {
                self.job = None;
                self.is_blocked = false;
                self.step(Event::Stored { up_to })
            }
            Err(CommitError::NoSpace { .. }) => {
                self.is_blocked = true;
                Ok(Vec::new())
            }
            Err(why) => Err(PlaneError::Poisoned(why.to_string())),
        }
    }

    /// One step of the keeper's thread: points into the store, and the twin into a snapshot when it is time.
    /// What the store refuses waits for the next.
    pub fn keep(&mut self) {
        if let Some(Kept { up_to, points, .. }) = self.kept.front() {
            let points: Vec<_> = points.iter().cloned().map(point).collect();
            if self.store.append(*up_to, &points).is_err() {
                self.seal();
                return;
            }
        }
        if let Some(Kept { twin, at, .. }) = self.kept.pop_front() {
            self.newest = Some((twin, at));
        }
        let is_due = |twin: &Twin| twin.revision >= self.snapshot_seq + self.config.snapshot_facts;
        if self.newest.as_ref().is_some_and(|(twin, _)| is_due(twin)) {
            self.save();
        }
    }

    /// Seals the store's head and forgets what is older than retention. A failure means a later try.
    pub fn seal(&mut self) {
        self.store.seal().ok();
        if let Some((_, at)) = &self.newest {
            self.store.retain(at.saturating_sub(self.config.retention)).ok();
        }
    }

    fn save(&mut self) {
        let Some((twin, _)) = &self.newest else { return };
        if twin.revision <= self.snapshot_seq {
            return;
        }
        if let Ok(bytes) = twin.to_bytes() {
            // Without a snapshot the next start only takes longer.
            snapshot::save(self.disk.as_ref(), Seq(twin.revision), SNAPSHOT_VERSION, &bytes).ok();
        }
        self.snapshot_seq = twin.revision;
    }

    /// Makes durable what was taken, saves the twin, and ends. A full disk ends it at once.
    pub fn stop(mut self) -> Result<Vec<Done<T>>, PlaneError> {
        let mut done = Vec::new();
        while self.control.has_pending() || self.job.is_some() {
            done.extend(self.close_batch()?);
            done.extend(self.commit()?);
            if self.is_blocked {
                return Ok(done);
            }
            let behind = self.kept.len();
            self.keep();
            if behind > 0 && self.kept.len() == behind {
                return Ok(done); // the store cannot write
            }
        }
        while !self.kept.is_empty() {
            let behind = self.kept.len();
            self.keep();
            if self.kept.len() == behind {
                return Ok(done);
            }
        }
        self.save();
        self.store.seal().ok();
        Ok(done)
    }

    fn step(&mut self, event: Event<T>) -> Result<Vec<Done<T>>, PlaneError> {
        let effects = self.control.step(event, self.clock.now())?;
        Ok(self.perform(effects))
    }

    fn perform(&mut self, effects: Vec<Effect<T>>) -> Vec<Done<T>> {
        let mut done = Vec::new();
        for effect in effects {
            match effect {
                Effect::Commit(records) => self.job = Some((records, false)),
                Effect::Publish(durable) => {
                    let revision = durable.twin.revision;
                    done.push(Done::Published { revision, durable: self.journal.durable().0 });
                    self.published = durable.twin.clone();
                    let (twin, points, at) = (durable.twin, durable.points, durable.at);
                    self.kept.push_back(Kept { up_to: revision, points, twin, at });
                }
                Effect::Acknowledge(ticket) => done.push(Done::Acknowledged(ticket)),
                Effect::Answer(ticket, answer) => done.push(Done::Answered(ticket, answer)),
                Effect::Send { command, .. } => done.push(Done::Sent(command)),
            }
        }
        done
    }
}

/// Why a plane does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// What the disks hold cannot be brought back.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// It ended at once.
    #[error(transparent)]
    Plane(#[from] PlaneError),
}
