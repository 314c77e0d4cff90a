//! The planner: makes forecasts each week, plans replenishment on a schedule or when asked, and hands what it
//! proposes to the core.
//!
//! ```text
//! schedule, POST ─▶ thread `planner` (nice 10): published twin ─▶ Forecasts ─▶ Situation ─▶ replenish::plan
//!                                                       ▲ tuned each quarter            │
//!        GET advice, forecasts ◀── ArcSwap ─────────────┘     Request::TakePlan ◀───────┘ ─▶ proposals, orders
//! ```
//!
//! What it knows beyond the twin, the forecasts, follows from the twin: after a restart it is made again.

use crate::control::{Reply, Request, RequestError};
use crate::http::{Asked, Published};
use crate::ports::Clock;
use arc_swap::{ArcSwap, ArcSwapOption};
use firmware_schemas::api::supply::{HeldBy, HeldCount, PlannerState, PlannerView};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::supply::{PlanningMode, ProposalSpec};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};
use twin::Twin;
use twin::demand_book::{day_of, monday, start_of, week_of};
use twin::order::Day;
use twin::planning::{Forecasts, Scope, Situation, proposal_of};
use twin::replenish::{self, Gate, ReplenishError};

/// How nice its thread is to all others (0 to 19).
const NICE: i32 = 10;
/// Proposals that the core takes at once.
const AT_ONCE: usize = 10_000;
/// A run whose twin has changed meanwhile is made again, so many times.
const TRIES: usize = 5;
/// How often the thread looks at the clock.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanningError {
    /// The inputs cannot be planned.
    #[error(transparent)]
    Replenish(#[from] ReplenishError),
    /// The core did not take it.
    #[error(transparent)]
    Refused(#[from] RequestError),
    /// The gateway is about to end.
    #[error("the gateway is shutting down")]
    Stopping,
    /// A bug of ours.
    #[error("a bug of ours, while it was planned: {0}")]
    Panicked(String),
}

/// How and when to plan.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Time between two runs; `None` for none but those asked for.
    pub every: Option<Duration>,
    /// Threads of a run, at least 1.
    pub threads: usize,
}

impl From<&crate::config::Planning> for Settings {
    fn from(config: &crate::config::Planning) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if config.threads == 0 { cores.div_ceil(2) } else { config.threads };
        Self { every: (config.every_secs > 0).then(|| Duration::from_secs(config.every_secs)), threads }
    }
}

/// Forecasts, and how planning stands.
pub struct Planner {
    settings: Settings,
    published: Arc<ArcSwap<Published>>,
    clock: Arc<dyn Clock>,
    requests: mpsc::Sender<Asked>,
    forecasts: ArcSwapOption<Forecasts>,
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    view: PlannerView,
    wanted: bool,
    stopping: bool,
    /// When the last run began.
    ran_at: Option<Timestamp>,
}

/// What a run came to.
#[derive(Debug, Default)]
struct Outcome {
    positions: u64,
    proposals: u64,
    ordered: u64,
    held: Vec<HeldCount>,
}

/// A thread that plans, until it is stopped.
pub struct Runner {
    planner: Arc<Planner>,
    thread: JoinHandle<()>,
}

impl Runner {
    /// Ends it. A run under way is not waited for: nothing of it was taken.
    pub fn stop(self) {
        let is_idle = {
            let mut state = self.planner.state();
            state.stopping = true;
            matches!(state.view.state, PlannerState::Idle | PlannerState::Failed)
        };
        self.planner.wake.notify_all();
        if is_idle && self.thread.join().is_err() {
            warn!("the planner's thread panicked");
        }
    }
}

impl Planner {
    /// One that has not planned yet.
    pub fn new(
        settings: Settings,
        published: Arc<ArcSwap<Published>>,
        clock: Arc<dyn Clock>,
        requests: mpsc::Sender<Asked>,
    ) -> Arc<Self> {
        let view = PlannerView {
            state: PlannerState::Idle,
            planned_at: None,
            next_at: None,
            took_secs: None,
            positions: 0,
            proposals: 0,
            ordered: 0,
            held: Vec::new(),
            forecast_from: None,
            forecasts: 0,
            tuned_at: None,
            problem: None,
        };
        let state = Mutex::new(State { view, wanted: false, stopping: false, ran_at: None });
        let forecasts = ArcSwapOption::empty();
        Arc::new(Self { settings, published, clock, requests, forecasts, state, wake: Condvar::new() })
    }

    /// Starts the thread.
    pub fn start(self: &Arc<Self>) -> std::io::Result<Runner> {
        let planner = self.clone();
        let thread = std::thread::Builder::new().name("planner".into()).spawn(move || {
            if let Err(error) = rustix::process::nice(NICE) {
                warn!(%error, "the planner runs with the priority of everything else");
            }
            while planner.wait() {
                planner.run_once();
            }
        })?;
        Ok(Runner { planner: self.clone(), thread })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a run as soon as can be.
    pub fn run_soon(&self) {
        self.state().wanted = true;
        self.wake.notify_all();
    }

    /// How planning stands.
    pub fn view(&self) -> PlannerView {
        let state = self.state();
        let mut view = state.view.clone();
        view.planned_at = self.published.load().twin.supply.planned_at;
        view.next_at = self.settings.every.zip(state.ran_at).map(|(every, at)| at.saturating_add(every));
        view
    }

    /// What is expected, as it was forecast last.
    pub fn forecasts(&self) -> Option<Arc<Forecasts>> {
        self.forecasts.load_full()
    }

    /// Waits until a run is due; false when there will be no more.
    fn wait(&self) -> bool {
        let mut state = self.state();
        loop {
            if state.stopping {
                return false;
            }
            // Nothing is planned before there is a network.
            let is_due = || {
                let every = self.settings.every?;
                let now = self.clock.now();
                Some(state.ran_at.is_none_or(|at| now >= at.saturating_add(every)))
            };
            let has_network = !self.published.load().twin.stock.is_empty();
            if has_network && (state.wanted || is_due() == Some(true)) {
                state.wanted = false;
                state.ran_at = Some(self.clock.now());
                return true;
            }
            state = self.wake.wait_timeout(state, LOOK_EVERY).map_or_else(|it| it.into_inner().0, |(it, _)| it);
        }
    }

    /// Makes forecasts where they are out of date, plans, and has the core take what comes out.
    pub fn run_once(&self) {
        let began = self.clock.monotonic();
        let planned = catch_unwind(AssertUnwindSafe(|| self.plan()));
        let planned = planned.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
            Err(PlanningError::Panicked(text.unwrap_or_default()))
        });
        let took = self.clock.monotonic().saturating_sub(began);
        let mut state = self.state();
        state.view.took_secs = Some(took.as_secs_f64());
        match planned {
            Ok(Outcome { positions, proposals, ordered, held }) => {
                info!(positions, proposals, ordered, ?took, "planned");
                let view = &mut state.view;
                (view.positions, view.proposals, view.ordered, view.held) = (positions, proposals, ordered, held);
                (view.state, view.problem) = (PlannerState::Idle, None);
            }
            Err(why) => {
                warn!(%why, "a planning run failed");
                (state.view.state, state.view.problem) = (PlannerState::Failed, Some(why.to_string()));
            }
        }
    }

    fn plan(&self) -> Result<Outcome, PlanningError> {
        for _ in 0..TRIES {
            let published = self.published.load_full();
            let twin = &published.twin;
            let today = day_of(self.clock.now());
            let forecasts = self.fresh_forecasts(twin, today);
            self.state().view.state = PlannerState::Planning;
            let Planned { proposals, positions, held } = planned(twin, &forecasts, today, self.settings.threads)?;
            let outcome = Outcome {
                positions,
                proposals: proposals.len() as u64,
                ordered: proposals.iter().filter(|spec| spec.mode == PlanningMode::Automatic).count() as u64,
                held,
            };
            let mut rest = proposals.into_iter();
            let mut is_first = true;
            let taken = loop {
                let proposals: Vec<_> = rest.by_ref().take(AT_ONCE).collect();
                if proposals.is_empty() && !is_first {
                    break Ok(());
                }
                let seen = twin.supply.decided_in;
                match self.ask(Request::TakePlan { is_first, seen, proposals }) {
                    Ok(_) => is_first = false,
                    Err(why) => break Err(why),
                }
            };
            match taken {
                Err(PlanningError::Refused(RequestError::Changed(_))) if is_first => {}
                other => return other.map(|()| outcome),
            }
        }
        Err(RequestError::Conflict("orders are decided on faster than they can be planned".to_owned()).into())
    }

    fn fresh_forecasts(&self, twin: &Twin, today: Day) -> Arc<Forecasts> {
        let known = self.forecasts.load_full();
        let is_fresh = |it: &&Arc<Forecasts>| it.first_week == week_of(today) && it.books == twin.demand.len();
        if let Some(known) = known.as_ref().filter(is_fresh) {
            return known.clone();
        }
        self.state().view.state = PlannerState::Forecasting;
        let made = Arc::new(Forecasts::make(twin, today, known.as_deref(), self.settings.threads));
        self.forecasts.store(Some(made.clone()));
        let mut state = self.state();
        state.view.forecast_from = Some(start_of(made.first_day()));
        state.view.forecasts = made.len() as u64;
        state.view.tuned_at = Some(start_of(monday(made.tuned_in())));
        made
    }

    fn ask(&self, request: Request) -> Result<Reply, PlanningError> {
        let (reply, answer) = oneshot::channel();
        let gone = |_closed| PlanningError::Stopping;
        self.requests.blocking_send(Asked { request, reply }).map_err(|_closed| PlanningError::Stopping)?;
        Ok(answer.blocking_recv().map_err(gone)??)
    }
}

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// What is proposed.
    pub proposals: Vec<ProposalSpec>,
    /// Positions that were looked at.
    pub positions: u64,
    /// Positions that wanted to order and may not, by why.
    pub held: Vec<HeldCount>,
}

/// Plans all positions of a twin as of a day. Pure: the same for any number of threads.
pub fn planned(twin: &Twin, forecasts: &Forecasts, today: Day, threads: usize) -> Result<Planned, ReplenishError> {
    let situation = Situation::of(twin, forecasts, today, Scope::All);
    let plan = replenish::plan(&situation.inputs, threads)?;
    let spec = |proposal: &replenish::Proposal| {
        let sku = twin.stock[situation.positions[proposal.position].at()].sku;
        proposal_of(twin, today, forecasts.class_of(sku), proposal)
    };
    let mut held: BTreeMap<HeldBy, u64> = BTreeMap::new();
    plan.held.iter().for_each(|it| *held.entry(held_by(it.gate)).or_default() += 1);
    Ok(Planned {
        proposals: plan.proposals.iter().map(spec).collect(),
        positions: situation.positions.len() as u64,
        held: held.into_iter().map(|(why, positions)| HeldCount { why, positions }).collect(),
    })
}

/// A gate as the contract calls it.
pub fn held_by(gate: Gate) -> HeldBy {
    match gate {
        Gate::Off => HeldBy::Off,
        Gate::NotDue { .. } => HeldBy::NotDue,
        Gate::Enough => HeldBy::Enough,
        Gate::NoSource => HeldBy::NoSource,
        Gate::SourcesEmpty => HeldBy::SourcesEmpty,
        Gate::SiteFull => HeldBy::SiteFull,
        Gate::BudgetSpent => HeldBy::BudgetSpent,
        Gate::WouldSpoil => HeldBy::WouldSpoil,
        Gate::BelowSupplierMinimum => HeldBy::BelowSupplierMinimum,
    }
}
