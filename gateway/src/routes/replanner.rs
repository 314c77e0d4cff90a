//! Looks for routes anew when a vehicle with a route is stranded, a shipment comes to wait, or a lane is closed.
//!
//! ```text
//! twin: causes nobody looked into ─▶ thread `replanner` ─▶ WhatIf::ask (an operation, as anybody's)
//!        ▲                                                    │ routes
//!        └── facts: RoutesReplanned, RoutesGiven ◀── Control ◀┘ `automatic`; else a person gives them
//! ```
//!
//! Causes are folded from facts, and so is what was done about them: after a restart nothing is looked into twice.

use super::dispatch::give;
use crate::config::Replan;
use crate::control::{Reply, Request, RequestError};
use crate::http::{Asked, Published};
use crate::ports::Clock;
use crate::what_if::{WhatIf, WhatIfError};
use arc_swap::ArcSwap;
use firmware_schemas::api::routes::{RouteCosts, RoutesRequest, RoutesView};
use firmware_schemas::api::what_if::OperationState;
use firmware_schemas::id::{IdError, OperationId, VehicleId};
use firmware_schemas::route::{ReplanCause, ReplanOutcome};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

/// How often the thread looks at the twin.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often it looks whether routes are found.
const FOLLOW_EVERY: Duration = Duration::from_millis(10);
/// Vehicles that have gone on meanwhile are planned for again, so many times.
const TRIES: usize = 5;
/// Who gives routes.
const BY: &str = "the plane";

/// Why nothing came of a look.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplanError {
    /// It was not taken, or could not be done.
    #[error(transparent)]
    Look(#[from] WhatIfError),
    /// The core did not take it.
    #[error(transparent)]
    Refused(#[from] RequestError),
    /// The operation cannot be named.
    #[error(transparent)]
    Name(#[from] IdError),
    /// The gateway is about to end.
    #[error("the gateway is shutting down")]
    Stopping,
}

/// What to do, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is done.
    pub replan: Replan,
    /// How long to look, in seconds.
    pub search_secs: u32,
    /// What comes within this is looked into together.
    pub wait: Duration,
    /// When vehicles must be back, in seconds from then.
    pub horizon_secs: u32,
    /// What driving, being late, and moving a promised time cost.
    pub costs: RouteCosts,
    /// At most so many steps of the search.
    pub iterations: Option<u64>,
}

impl From<&crate::config::Routes> for Settings {
    fn from(config: &crate::config::Routes) -> Self {
        let crate::config::Routes { replan, search_secs, wait_secs, horizon_secs, costs } = *config;
        let wait = Duration::from_secs(wait_secs);
        Self { replan, search_secs, wait, horizon_secs, costs, iterations: None }
    }
}

/// Looks for routes by itself.
pub struct Replanner {
    settings: Settings,
    published: Arc<ArcSwap<Published>>,
    clock: Arc<dyn Clock>,
    requests: mpsc::Sender<Asked>,
    what_if: Arc<WhatIf>,
    stopping: Mutex<bool>,
    wake: Condvar,
}

/// A thread that looks, until it is stopped.
pub struct Runner {
    replanner: Arc<Replanner>,
    thread: Option<JoinHandle<()>>,
}

impl Runner {
    /// Ends it. A look under way is not waited for: it ends with what-if experiments.
    pub fn stop(self) {
        *self.replanner.stopping() = true;
        self.replanner.wake.notify_all();
        drop(self.thread);
    }
}

impl Replanner {
    /// One that has not looked yet.
    pub fn new(
        settings: Settings,
        published: Arc<ArcSwap<Published>>,
        clock: Arc<dyn Clock>,
        requests: mpsc::Sender<Asked>,
        what_if: Arc<WhatIf>,
    ) -> Arc<Self> {
        Arc::new(Self {
            settings,
            published,
            clock,
            requests,
            what_if,
            stopping: Mutex::new(false),
            wake: Condvar::new(),
        })
    }

    /// Starts the thread, unless it is to do nothing.
    pub fn start(self: &Arc<Self>) -> std::io::Result<Runner> {
        let thread = match self.settings.replan {
            Replan::Off => None,
            Replan::Propose | Replan::Automatic => {
                let replanner = self.clone();
                Some(std::thread::Builder::new().name("replanner".into()).spawn(move || replanner.run())?)
            }
        };
        Ok(Runner { replanner: self.clone(), thread })
    }

    fn stopping(&self) -> MutexGuard<'_, bool> {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so long; false when it is to end.
    fn wait(&self, span: Duration) -> bool {
        let stopping = self.stopping();
        if *stopping {
            return false;
        }
        let waited = self.wake.wait_timeout(stopping, span);
        !*waited.map_or_else(|it| it.into_inner().0, |(it, _)| it)
    }

    fn run(&self) {
        let mut since = None;
        while self.wait(LOOK_EVERY) {
            if self.published.load().twin.causes_to_replan().is_empty() {
                since = None;
                continue;
            }
            let now = self.clock.monotonic();
            if now.saturating_sub(*since.get_or_insert(now)) < self.settings.wait {
                continue;
            }
            match self.look() {
                Ok(outcome) => info!(?outcome, "looked for routes anew"),
                Err(ReplanError::Stopping) => return,
                Err(why) => warn!(%why, "routes were not looked for anew; it is tried again"),
            }
            since = None;
        }
    }

    /// Looks into what nobody has looked into; `None` if there is nothing.
    ///
    /// # Errors
    /// Nothing was done about it, and nothing is kept.
    pub fn look(&self) -> Result<Option<ReplanOutcome>, ReplanError> {
        for attempt in 0..TRIES {
            let published = self.published.load_full();
            let twin = &published.twin;
            let causes = twin.causes_to_replan();
            if causes.is_empty() {
                return Ok(None);
            }
            let without = twin.stranded();
            let vehicles: Vec<VehicleId> = twin.routes.keys().filter(|it| !without.contains(it)).cloned().collect();
            let plan = OperationId::new(&format!("replan-{}-{attempt}", twin.revision))?;
            let Some(found) = self.routes(&plan, vehicles, without.clone())? else {
                self.keep(plan, causes, ReplanOutcome::Failed)?;
                return Ok(Some(ReplanOutcome::Failed));
            };
            let published = self.published.load_full();
            let made = give(found, &published.twin, &[], without, Some(BY.to_owned()), causes.clone());
            let outcome = match made {
                Ok(give) if give.routes.is_empty() && give.stopped.is_empty() => {
                    self.keep(plan, causes, ReplanOutcome::Unchanged)?;
                    ReplanOutcome::Unchanged
                }
                Ok(_) if self.settings.replan != Replan::Automatic => {
                    self.keep(plan, causes, ReplanOutcome::Proposed)?;
                    ReplanOutcome::Proposed
                }
                Ok(give) => match self.ask(Request::GiveRoutes(Box::new(give))) {
                    Ok(_) => ReplanOutcome::Given,
                    Err(ReplanError::Refused(RequestError::Conflict(_))) => continue,
                    Err(why) => return Err(why),
                },
                Err(RequestError::Conflict(_)) => continue,
                Err(why) => return Err(why.into()),
            };
            return Ok(Some(outcome));
        }
        Err(RequestError::Conflict("vehicles go on faster than they can be planned for".to_owned()).into())
    }

    /// `None` if there are none: the operation says why, if it was taken.
    fn routes(
        &self,
        plan: &OperationId,
        vehicles: Vec<VehicleId>,
        without: Vec<VehicleId>,
    ) -> Result<Option<RoutesView>, ReplanError> {
        if vehicles.is_empty() {
            // None named would be all.
            return Ok(None);
        }
        let request = RoutesRequest {
            vehicles,
            without,
            repair: true,
            costs: self.settings.costs,
            horizon_secs: self.settings.horizon_secs,
            search_secs: self.settings.search_secs,
            iterations: self.settings.iterations,
            ..RoutesRequest::default()
        };
        match self.what_if.ask(plan.clone(), request) {
            Ok(_) => {}
            Err(WhatIfError::Wrong(faults)) => {
                warn!(?faults, "there is nothing to look for");
                return Ok(None);
            }
            Err(why) => return Err(why.into()),
        }
        let operation = self.what_if.follow(plan)?;
        loop {
            let state = operation.borrow().state;
            match state {
                OperationState::Succeeded => return Ok(Some(self.what_if.routes(plan)?)),
                OperationState::Failed | OperationState::Cancelled => return Ok(None),
                OperationState::Queued | OperationState::Running => {}
            }
            if *self.what_if.closed().borrow() || !self.wait(FOLLOW_EVERY) {
                return Err(ReplanError::Stopping);
            }
        }
    }

    fn keep(&self, plan: OperationId, causes: Vec<ReplanCause>, outcome: ReplanOutcome) -> Result<(), ReplanError> {
        self.ask(Request::Replanned { plan, causes, outcome }).map(|_| ())
    }

    fn ask(&self, request: Request) -> Result<Reply, ReplanError> {
        let (reply, answer) = oneshot::channel();
        self.requests.blocking_send(Asked { request, reply }).map_err(|_closed| ReplanError::Stopping)?;
        Ok(answer.blocking_recv().map_err(|_closed| ReplanError::Stopping)??)
    }
}
