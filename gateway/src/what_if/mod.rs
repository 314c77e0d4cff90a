//! What-if experiments, and better levels: asked for over HTTP, run one at a time behind everything else, kept with
//! their results.
//!
//! ```text
//! POST ─▶ ask: read, fork the published twin, apply the scenarios ─▶ (bounded queue) ─▶ thread `what-if`
//!                    └─ all that is wrong, and nothing is started             │ experiment::{run, select, improve}
//! GET …/events ◀── watch of the operation ◀───────────────────────────────────┤
//! GET result, series, report, levels ◀── shelf (a folder) ◀── summary, report ◀┘
//! ```
//!
//! The live twin is never touched: a fork is a clone that shares its columns. An accepted operation is durable,
//! and so is a result before its operation is seen to have succeeded. What was not done when the gateway
//! stopped has failed, and says so: the moment that it would have begun with is gone.

pub mod cases;
pub mod improve;
pub mod library;
pub mod movements;
pub mod report;
pub mod shelf;
pub mod summary;
pub mod work;

use self::shelf::{File, Record, Shelf};
use self::summary::Parts;
use self::work::{Request, Task};
use crate::http::Published;
use crate::http::error::Problem;
use crate::journal::{JournalReader, ReplaceError};
use crate::past::twin_at;
use crate::ports::{Clock, Disk};
use crate::recover::RecoverError;
use crate::routes::Day;
use ::twin::Twin;
use ::twin::network::Network;
use arc_swap::ArcSwap;
use firmware_schemas::api::Fault;
use firmware_schemas::api::routes::{RoutesRequest, RoutesView};
use firmware_schemas::api::what_if::{
    ImproveRequest, ImprovementView, Moment, OperationKind, OperationState, OperationView, PageLanguage, WhatIfHead,
    WhatIfMovements, WhatIfRequest, WhatIfResult, WhatIfSeries,
};
use firmware_schemas::id::OperationId;
use firmware_schemas::quantity::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sim::experiment::Progress;
use sim::situation::{Assumptions, Situation};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;
use tracing::{error, info, warn};

/// How nice its threads are to all others (0 to 19).
const NICE: i32 = 10;

/// Why an experiment was not taken, or could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WhatIfError {
    /// Something is wrong with what was asked.
    #[error("{} thing(s) are wrong with what was asked; the first: {}", .0.len(), first(.0))]
    Wrong(Vec<Fault>),
    /// The key was used for something else.
    #[error("operation {0} was asked for before, with another body")]
    KeyTaken(OperationId),
    /// Too many wait.
    #[error("{0} experiments wait already, the most allowed")]
    QueueFull(usize),
    /// The gateway is about to end.
    #[error("the gateway is shutting down")]
    Stopping,
    /// There is no demand to simulate.
    #[error("this gateway was started without a network folder, so the demand of its customers is not known")]
    NoNetwork,
    /// The state of the past cannot be had.
    #[error(transparent)]
    Past(#[from] RecoverError),
    /// The folder cannot be written.
    #[error("what-if results cannot be kept: {0}")]
    Keep(#[from] ReplaceError),
    /// The folder cannot be read.
    #[error("what-if results cannot be read: {0}")]
    Read(#[from] io::Error),
    /// What is kept is not what was written, or cannot be written.
    #[error("what-if results and JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A bug of ours.
    #[error("a bug of ours, while it was run: {0}")]
    Panicked(String),
    /// The gateway was stopped before it was done.
    #[error("the gateway was stopped before it was done; ask for it again")]
    Interrupted,
    /// No such operation.
    #[error("there is no operation {:?}", .0.as_str())]
    Unknown(OperationId),
    /// Another kind of operation.
    #[error("operation {0} did not look for better levels")]
    NoImprovement(OperationId),
    /// Another kind of operation.
    #[error("operation {0} did not look for routes")]
    NoRoutes(OperationId),
    /// Another kind of operation.
    #[error("operation {0} looked for routes, which are at /v1/routes/{0}")]
    OnlyRoutes(OperationId),
    /// A bug of ours.
    #[error("a bug of ours: the judge refuses the routes: {0}")]
    Judged(String),
    /// Nothing was listed.
    #[error("operation {0} was run before what moves was kept; ask for it again")]
    NoMovements(OperationId),
    /// It found nothing.
    #[error("operation {0} found nothing better than today's levels, so there is no proposal")]
    NothingProposed(OperationId),
    /// It has no result, and may get one.
    #[error("operation {id} is {state:?}, and has no result")]
    NoResult {
        /// Which.
        id: OperationId,
        /// How it stands.
        state: OperationState,
    },
}

fn first(faults: &[Fault]) -> &str {
    faults.first().map_or("", |fault| &fault.detail)
}

/// What an operation was asked for, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub enum Wanted {
    /// Routes of the day.
    Routes(Box<RoutesRequest>),
    /// Something that is simulated.
    Simulated(Request),
}

/// The same with one name for each kind.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Request(WhatIfRequest),
    Improve(Box<ImproveRequest>),
    Routes(Box<RoutesRequest>),
}

impl From<Written> for Wanted {
    fn from(written: Written) -> Self {
        match written {
            Written::Request(request) => Self::Simulated(Request::WhatIf(request)),
            Written::Improve(request) => Self::Simulated(Request::Improve(request)),
            Written::Routes(request) => Self::Routes(request),
        }
    }
}

impl From<Wanted> for Written {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Simulated(Request::WhatIf(request)) => Self::Request(request),
            Wanted::Simulated(Request::Improve(request)) => Self::Improve(request),
            Wanted::Routes(request) => Self::Routes(request),
        }
    }
}

impl Wanted {
    fn kind(&self) -> OperationKind {
        match self {
            Self::Routes(_) => OperationKind::Routes,
            Self::Simulated(request) => request.kind(),
        }
    }
}

impl From<RoutesRequest> for Wanted {
    fn from(request: RoutesRequest) -> Self {
        Self::Routes(Box::new(request))
    }
}

impl<R: Into<Request>> From<R> for Wanted {
    fn from(request: R) -> Self {
        Self::Simulated(request.into())
    }
}

/// How much is allowed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads of an experiment, at least 1.
    pub threads: usize,
    /// Operations that are kept.
    pub kept: usize,
    /// Experiments that may wait.
    pub queue_max: usize,
    /// What an experiment may count.
    pub memory_bytes_max: u64,
}

impl From<&crate::config::WhatIf> for Settings {
    fn from(config: &crate::config::WhatIf) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if config.threads == 0 { cores.div_ceil(2) } else { config.threads };
        let crate::config::WhatIf { kept, queue_max, memory_bytes_max, .. } = *config;
        Self { threads, kept, queue_max, memory_bytes_max }
    }
}

/// What experiments begin with.
pub struct Sources {
    /// The twin as far as it is durable.
    pub published: Arc<ArcSwap<Published>>,
    /// The past.
    pub journal: JournalReader,
    /// Where its snapshots are.
    pub snapshots: Arc<dyn Disk>,
    /// The network as it was loaded, with the demand of its customers.
    pub network: Option<Arc<Network>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// All experiments: those that wait, the one under way, and those that have ended.
pub struct WhatIf {
    settings: Settings,
    sources: Sources,
    shelf: Shelf,
    state: Mutex<State>,
    work: Condvar,
    /// Held while an operation is taken, so that a key is taken once.
    asking: Mutex<()>,
    /// True once nothing more will happen.
    closed: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    operations: BTreeMap<u64, Operation>,
    numbers: BTreeMap<OperationId, u64>,
    queue: VecDeque<(u64, Job)>,
    stopping: bool,
    /// How many have ended since the start, succeeded, failed, and cancelled.
    ended: BTreeMap<OperationState, u64>,
    /// When those under way began, at most one of each queue.
    running_since: BTreeMap<u64, Timestamp>,
}

/// How many operations there are, for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Of those that are kept, by their state.
    pub kept: BTreeMap<OperationState, u64>,
    /// Of those that have ended since the start, by how.
    pub ended: BTreeMap<OperationState, u64>,
    /// How many wait.
    pub waiting: usize,
    /// For how long the oldest is under way; zero if none is.
    pub running_for: Duration,
}

struct Operation {
    request: Wanted,
    view: watch::Sender<OperationView>,
    stop: Arc<AtomicBool>,
    head: Option<WhatIfHead>,
}

/// What is to be run. A fork shares its columns with the live twin, so that waiting costs little.
struct Job {
    id: OperationId,
    created_at: Timestamp,
    what: What,
    stop: Arc<AtomicBool>,
}

enum What {
    Simulate { kind: OperationKind, task: Box<Task>, start: Timestamp, live: Option<Box<Twin>>, network: Arc<Network> },
    Route(Box<Day>),
}

/// What came of a job, as far as there is something to list.
enum Done {
    Result(WhatIfHead),
    Routes,
}

/// The threads that run experiments and look for routes, until they are stopped.
pub struct Runner {
    what_if: Arc<WhatIf>,
    threads: Vec<JoinHandle<()>>,
}

/// What a thread does: vehicles do not wait until an experiment is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Routes,
    Experiments,
}

impl Line {
    fn takes(self, job: &Job) -> bool {
        matches!(job.what, What::Route(_)) == (self == Self::Routes)
    }
}

impl Runner {
    /// Calls off what is under way, and waits for the thread. What was not done is seen as failed after a restart.
    pub fn stop(self) {
        self.what_if.close();
        for thread in self.threads {
            if thread.join().is_err() {
                warn!("a thread of what-if experiments panicked");
            }
        }
    }
}

impl WhatIf {
    /// Loads what is kept on `disk`.
    pub fn open(settings: Settings, sources: Sources, disk: Arc<dyn Disk>) -> io::Result<Arc<Self>> {
        let shelf = Shelf::new(disk);
        let mut state = State::default();
        for mut record in shelf.load()? {
            if !record.view.state.is_final() {
                record.view = failed(record.view, WhatIfError::Interrupted, sources.clock.now());
                if let Err(error) = keep(&shelf, &record) {
                    warn!(%error, id = %record.view.id, "that a what-if experiment was interrupted is not kept");
                }
            }
            let Record { number, request, view, head } = record;
            state.numbers.insert(view.id.clone(), number);
            let view = watch::Sender::new(view);
            state.operations.insert(number, Operation { request, view, stop: Arc::default(), head });
        }
        let what_if = Self {
            settings,
            sources,
            shelf,
            state: Mutex::new(state),
            work: Condvar::new(),
            asking: Mutex::new(()),
            closed: watch::Sender::new(false),
        };
        Ok(Arc::new(what_if))
    }

    /// Starts the threads that run what is asked for: one for routes, and one for all else.
    pub fn start(self: &Arc<Self>) -> io::Result<Runner> {
        let mut threads = Vec::new();
        for (name, line, nice) in [("what-if", Line::Experiments, NICE), ("routes", Line::Routes, 0)] {
            let what_if = self.clone();
            threads.push(std::thread::Builder::new().name(name.into()).spawn(move || {
                // The threads that it starts are as nice as it is.
                if let Err(error) = rustix::process::nice(nice) {
                    warn!(%error, "what-if experiments run with the priority of everything else");
                }
                what_if.run(line);
            })?);
        }
        Ok(Runner { what_if: self.clone(), threads })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an operation; durable on return. The same again gives the operation that there is.
    ///
    /// Blocks for as long as it takes to read the scenarios and to apply them to the live network.
    pub fn ask(&self, id: OperationId, request: impl Into<Wanted>) -> Result<OperationView, WhatIfError> {
        let request = request.into();
        let _one_at_a_time = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.known(&id, &request)? {
            return Ok(known);
        }
        let now = self.sources.clock.now();
        let what = match &request {
            Wanted::Simulated(request) => self.simulate(request, now)?,
            Wanted::Routes(request) => {
                let published = self.sources.published.load_full();
                What::Route(Box::new(Day::of(&published.twin, request, now).map_err(WhatIfError::Wrong)?))
            }
        };
        let kind = request.kind();
        let stop = Arc::new(AtomicBool::new(false));
        let job = Job { id: id.clone(), created_at: now, what, stop: stop.clone() };
        let view = OperationView {
            id: id.clone(),
            kind,
            state: OperationState::Queued,
            progress: 0.0,
            created_at: now,
            started_at: None,
            ended_at: None,
            result: None,
            problem: None,
        };
        let number = {
            let state = self.state();
            if state.stopping {
                return Err(WhatIfError::Stopping);
            }
            if state.queue.len() >= self.settings.queue_max {
                return Err(WhatIfError::QueueFull(self.settings.queue_max));
            }
            state.operations.last_key_value().map_or(1, |(number, _)| number + 1)
        };
        keep(&self.shelf, &Record { number, request: request.clone(), view: view.clone(), head: None })?;
        let mut state = self.state();
        state.numbers.insert(id, number);
        let sender = watch::Sender::new(view.clone());
        state.operations.insert(number, Operation { request, view: sender, stop, head: None });
        state.queue.push_back((number, job));
        drop(state);
        self.work.notify_all();
        Ok(view)
    }

    /// Reads a request, and tries it on the live network where it begins with that.
    fn simulate(&self, request: &Request, now: Timestamp) -> Result<What, WhatIfError> {
        let network = self.sources.network.clone().ok_or(WhatIfError::NoNetwork)?;
        let (task, start, live) = match request.from() {
            Moment::Live => {
                let published = self.sources.published.load_full();
                let situation = Situation::of(&published.twin, &network, now, &Assumptions::default());
                // The cases only show that it can be done; they are made again when their turn comes.
                let task = request.read_for(situation, &self.settings).map_err(WhatIfError::Wrong)?;
                (task, now, Some(Box::new(published.twin.clone())))
            }
            Moment::At(at) => {
                let mut faults = Vec::new();
                if at > now {
                    let detail = format!("{at} has not come yet; it is {now}");
                    faults.push(Fault { detail, pointer: Some("#/from/at".into()), ..Fault::default() });
                }
                match request.read() {
                    Ok(task) if faults.is_empty() => (task, at, None),
                    Ok(_) => return Err(WhatIfError::Wrong(faults)),
                    Err(more) => {
                        faults.extend(more);
                        return Err(WhatIfError::Wrong(faults));
                    }
                }
            }
        };
        Ok(What::Simulate { kind: request.kind(), task: Box::new(task), start, live, network })
    }

    /// The operation that was asked for with this key, if it was for the same.
    fn known(&self, id: &OperationId, request: &Wanted) -> Result<Option<OperationView>, WhatIfError> {
        let state = self.state();
        let Some(operation) = state.numbers.get(id).and_then(|number| state.operations.get(number)) else {
            return Ok(None);
        };
        if operation.request != *request {
            return Err(WhatIfError::KeyTaken(id.clone()));
        }
        Ok(Some(operation.view.borrow().clone()))
    }

    /// One operation, and what becomes of it.
    pub fn follow(&self, id: &OperationId) -> Result<watch::Receiver<OperationView>, WhatIfError> {
        let state = self.state();
        let number = state.numbers.get(id).ok_or_else(|| WhatIfError::Unknown(id.clone()))?;
        let operation = state.operations.get(number).ok_or_else(|| WhatIfError::Unknown(id.clone()))?;
        Ok(operation.view.subscribe())
    }

    /// Operations with their numbers, newest first.
    pub fn operations(&self) -> Vec<(u64, OperationView)> {
        let state = self.state();
        state.operations.iter().rev().map(|(number, it)| (*number, it.view.borrow().clone())).collect()
    }

    /// What the results are about, with their numbers, newest first.
    pub fn results(&self) -> Vec<(u64, WhatIfHead)> {
        let state = self.state();
        state.operations.iter().rev().filter_map(|(number, it)| Some((*number, it.head.clone()?))).collect()
    }

    /// Resolves to true when nothing more will happen.
    pub fn closed(&self) -> watch::Receiver<bool> {
        self.closed.subscribe()
    }

    /// The figures of the whole network.
    pub fn result(&self, id: &OperationId) -> Result<WhatIfResult, WhatIfError> {
        self.kept(id, File::Result)
    }

    /// Those of its parts.
    pub fn parts(&self, id: &OperationId) -> Result<Parts, WhatIfError> {
        self.kept(id, File::Parts)
    }

    /// Week by week.
    pub fn series(&self, id: &OperationId) -> Result<WhatIfSeries, WhatIfError> {
        self.kept(id, File::Series)
    }

    /// What moves in one replication.
    pub fn movements(&self, id: &OperationId) -> Result<WhatIfMovements, WhatIfError> {
        self.kept(id, File::Movements).map_err(|why| match why {
            WhatIfError::Read(why) if why.kind() == io::ErrorKind::NotFound => WhatIfError::NoMovements(id.clone()),
            why => why,
        })
    }

    /// The page for people.
    pub fn report(&self, id: &OperationId, language: PageLanguage) -> Result<Vec<u8>, WhatIfError> {
        self.check_result(id)?;
        let file = match language {
            PageLanguage::En => File::Report,
            PageLanguage::Zh => File::ReportZh,
        };
        Ok(self.shelf.read(id, file)?)
    }

    /// The table for other programs.
    pub fn table(&self, id: &OperationId) -> Result<Vec<u8>, WhatIfError> {
        self.check_result(id)?;
        Ok(self.shelf.read(id, File::Table)?)
    }

    /// The levels that an operation found.
    pub fn improvement(&self, id: &OperationId) -> Result<ImprovementView, WhatIfError> {
        self.check_improvement(id)?;
        self.kept(id, File::Improvement)
    }

    /// The routes that an operation found.
    pub fn routes(&self, id: &OperationId) -> Result<RoutesView, WhatIfError> {
        let (kind, state) = {
            let view = self.follow(id)?;
            let view = view.borrow();
            (view.kind, view.state)
        };
        match (kind, state) {
            (OperationKind::WhatIf | OperationKind::Improve, _) => Err(WhatIfError::NoRoutes(id.clone())),
            (OperationKind::Routes, OperationState::Succeeded) => {
                Ok(serde_json::from_slice(&self.shelf.read(id, File::Routes)?)?)
            }
            (OperationKind::Routes, state) => Err(WhatIfError::NoResult { id: id.clone(), state }),
        }
    }

    /// The same as a scenario.
    pub fn proposal(&self, id: &OperationId) -> Result<Vec<u8>, WhatIfError> {
        self.check_improvement(id)?;
        self.shelf.read(id, File::Proposal).map_err(|why| match why.kind() {
            io::ErrorKind::NotFound => WhatIfError::NothingProposed(id.clone()),
            _ => why.into(),
        })
    }

    fn check_improvement(&self, id: &OperationId) -> Result<(), WhatIfError> {
        let kind = self.follow(id)?.borrow().kind;
        if kind != OperationKind::Improve {
            return Err(WhatIfError::NoImprovement(id.clone()));
        }
        self.check_result(id)
    }

    /// How many operations there are.
    pub fn census(&self) -> Census {
        let now = self.sources.clock.now();
        let state = self.state();
        let mut kept = BTreeMap::new();
        for operation in state.operations.values() {
            *kept.entry(operation.view.borrow().state).or_default() += 1;
        }
        let running_for = state.running_since.values().map(|since| now.since(*since)).max().unwrap_or_default();
        Census { kept, ended: state.ended.clone(), waiting: state.queue.len(), running_for }
    }

    fn kept<T: DeserializeOwned>(&self, id: &OperationId, file: File) -> Result<T, WhatIfError> {
        self.check_result(id)?;
        Ok(serde_json::from_slice(&self.shelf.read(id, file)?)?)
    }

    fn check_result(&self, id: &OperationId) -> Result<(), WhatIfError> {
        let view = self.follow(id)?.borrow().clone();
        if view.kind == OperationKind::Routes {
            return Err(WhatIfError::OnlyRoutes(id.clone()));
        }
        let state = view.state;
        if state == OperationState::Succeeded { Ok(()) } else { Err(WhatIfError::NoResult { id: id.clone(), state }) }
    }

    /// Calls an operation off; gives how it stands then. One under way ends within a moment, and one that has
    /// ended is left as it is.
    pub fn cancel(&self, id: &OperationId) -> Result<OperationView, WhatIfError> {
        let mut state = self.state();
        let number = *state.numbers.get(id).ok_or_else(|| WhatIfError::Unknown(id.clone()))?;
        let waits = state.queue.iter().any(|(waiting, _)| *waiting == number);
        state.queue.retain(|(waiting, _)| *waiting != number);
        let Some(operation) = state.operations.get(&number) else { return Err(WhatIfError::Unknown(id.clone())) };
        operation.stop.store(true, Ordering::Relaxed);
        let view = operation.view.borrow().clone();
        drop(state);
        if !waits {
            return Ok(view);
        }
        self.end(number, None, |view| OperationView { state: OperationState::Cancelled, ..view });
        Ok(self.follow(id)?.borrow().clone())
    }

    /// Calls off what is under way, takes nothing more, and ends the streams of those who follow.
    pub fn close(&self) {
        let mut state = self.state();
        state.stopping = true;
        state.operations.values().for_each(|operation| operation.stop.store(true, Ordering::Relaxed));
        drop(state);
        self.work.notify_all();
        self.closed.send_replace(true);
    }

    fn run(&self, line: Line) {
        while let Some((number, job)) = self.next_job(line) {
            let started_at = self.sources.clock.now();
            self.state().running_since.insert(number, started_at);
            self.change(number, |view| {
                view.state = OperationState::Running;
                view.started_at = Some(started_at);
            });
            let done = catch_unwind(AssertUnwindSafe(|| self.perform(number, &job)));
            let done = done.unwrap_or_else(|panic| Err(WhatIfError::Panicked(said(panic.as_ref()))));
            match done {
                Ok(Some(done)) => {
                    info!(id = %job.id, "operation done");
                    let (result, head) = match done {
                        Done::Routes => (format!("/v1/routes/{}", job.id), None),
                        Done::Result(head) if head.kind == OperationKind::Improve => {
                            (format!("/v1/what-if/{}/improvement", job.id), Some(head))
                        }
                        Done::Result(head) => (format!("/v1/what-if/{}", job.id), Some(head)),
                    };
                    self.end(number, head, |view| OperationView {
                        state: OperationState::Succeeded,
                        progress: 1.0,
                        result: Some(result),
                        ..view
                    });
                }
                // Called off by a person, or because the gateway stops: then it has failed, after a restart.
                Ok(None) | Err(WhatIfError::Past(RecoverError::Stopped)) if self.state().stopping => return,
                Ok(None) | Err(WhatIfError::Past(RecoverError::Stopped)) => {
                    self.end(number, None, |view| OperationView { state: OperationState::Cancelled, ..view });
                }
                Err(why) => {
                    warn!(id = %job.id, %why, "what-if experiment failed");
                    let now = self.sources.clock.now();
                    self.end(number, None, |view| failed(view, why, now));
                }
            }
        }
    }

    fn next_job(&self, line: Line) -> Option<(u64, Job)> {
        let mut state = self.state();
        loop {
            if state.stopping {
                return None;
            }
            let mine = state.queue.iter().position(|(_, job)| line.takes(job));
            if let Some(job) = mine.and_then(|at| state.queue.remove(at)) {
                return Some(job);
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// `None` when it was called off.
    fn perform(&self, number: u64, job: &Job) -> Result<Option<Done>, WhatIfError> {
        let (kind, task, start, live, network) = match &job.what {
            What::Simulate { kind, task, start, live, network } => (*kind, task, *start, live, network),
            What::Route(day) => return self.route(number, job, day),
        };
        let rebuilt;
        let twin = match live {
            Some(twin) => twin,
            None => {
                rebuilt = twin_at(self.sources.snapshots.as_ref(), &self.sources.journal, start, &job.stop)?;
                &rebuilt
            }
        };
        let situation = Situation::of(twin, network, start, &Assumptions::default());
        let currency = situation.currency.clone();
        let mut progress = |Progress { done, of }: Progress| {
            // The rest is for the summary.
            let share = 0.95 * done as f64 / of.max(1) as f64;
            self.change(number, |view| view.progress = share);
        };
        let done = task.perform(situation, &self.settings, &job.stop, &mut progress)?;
        let Some(work) = done else { return Ok(None) };
        let plan = task.plan();
        let head = WhatIfHead {
            id: job.id.clone(),
            created_at: job.created_at,
            ended_at: self.sources.clock.now(),
            start,
            revision: Some(twin.revision),
            currency,
            days: plan.days,
            warm_up_days: plan.warm_up_days,
            replications: 0,
            seed: plan.seed,
            cases: Vec::new(),
            kind,
        };
        let summary = work.summary(head);
        let Some(movements) = work.movements(&summary.result.head, &job.stop) else { return Ok(None) };
        self.shelf.write(&job.id, File::Movements, &serde_json::to_vec(&movements)?)?;
        for (file, language) in [(File::Report, PageLanguage::En), (File::ReportZh, PageLanguage::Zh)] {
            let page = work.page(&summary.result.head, language);
            self.shelf.write(&job.id, file, page.as_bytes())?;
        }
        self.shelf.write(&job.id, File::Table, work.table().as_bytes())?;
        if let Some(improvement) = work.improvement(&summary) {
            self.shelf.write(&job.id, File::Improvement, &serde_json::to_vec(&improvement)?)?;
        }
        if let Some(proposal) = work.proposal() {
            self.shelf.write(&job.id, File::Proposal, proposal.as_bytes())?;
        }
        self.shelf.write(&job.id, File::Series, &serde_json::to_vec(&summary.series)?)?;
        self.shelf.write(&job.id, File::Parts, &serde_json::to_vec(&summary.parts)?)?;
        self.shelf.write(&job.id, File::Result, &serde_json::to_vec(&summary.result)?)?;
        Ok(Some(Done::Result(summary.result.head)))
    }

    /// `None` when it was called off.
    fn route(&self, number: u64, job: &Job, day: &Day) -> Result<Option<Done>, WhatIfError> {
        // The machine's time, however fast the demo's goes by.
        let now = || self.sources.clock.monotonic();
        let stop = || job.stop.load(Ordering::Relaxed);
        let progress = |share| self.change(number, |view| view.progress = share);
        let found = day.solve(job.id.clone(), now, stop, progress).map_err(WhatIfError::Judged)?;
        let Some(routes) = found else { return Ok(None) };
        self.shelf.write(&job.id, File::Routes, &serde_json::to_vec(&routes)?)?;
        Ok(Some(Done::Routes))
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut OperationView)) {
        if let Some(operation) = self.state().operations.get(&number) {
            operation.view.send_modify(change);
        }
    }

    /// Keeps how it ended, then shows it; then forgets the oldest of those that have ended.
    fn end(&self, number: u64, head: Option<WhatIfHead>, change: impl FnOnce(OperationView) -> OperationView) {
        let now = self.sources.clock.now();
        let record = self.state().operations.get(&number).map(|operation| {
            let view = OperationView { ended_at: Some(now), ..change(operation.view.borrow().clone()) };
            Record { number, request: operation.request.clone(), view, head: head.clone() }
        });
        let Some(mut record) = record else { return };
        if let Err(why) = keep(&self.shelf, &record) {
            error!(id = %record.view.id, %why, "how a what-if experiment ended is not kept");
            record.view = failed(record.view, why, now);
            record.head = None;
        }
        let mut state = self.state();
        *state.ended.entry(record.view.state).or_default() += 1;
        state.running_since.remove(&number);
        if let Some(operation) = state.operations.get_mut(&number) {
            operation.head = record.head;
            operation.view.send_replace(record.view);
        }
        let ended = |operation: &Operation| operation.view.borrow().state.is_final();
        let mut old = Vec::new();
        while state.operations.values().filter(|operation| ended(operation)).count() > self.settings.kept {
            let Some(oldest) = state.operations.iter().find(|(_, it)| ended(it)).map(|(number, _)| *number) else {
                break;
            };
            if let Some(operation) = state.operations.remove(&oldest) {
                let id = operation.view.borrow().id.clone();
                state.numbers.remove(&id);
                old.push(id);
            }
        }
        drop(state);
        old.iter().for_each(|id| self.shelf.forget(id));
    }
}

fn keep(shelf: &Shelf, record: &Record) -> Result<(), WhatIfError> {
    Ok(shelf.write(&record.view.id, File::Operation, &serde_json::to_vec(record)?)?)
}

fn failed(view: OperationView, why: WhatIfError, now: Timestamp) -> OperationView {
    let instance = format!("/v1/operations/{}", view.id);
    let problem = Some(Problem::from(why).document(instance));
    OperationView { state: OperationState::Failed, ended_at: Some(now), problem, result: None, ..view }
}

/// What a panic says.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
