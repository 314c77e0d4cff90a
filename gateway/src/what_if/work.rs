//! What is asked for and what is done, whether scenarios are compared or better levels are looked for; with the
//! gateway or without.

use super::cases::{Asked, Case};
use super::improve::{AskedImprovement, Improved};
use super::movements;
use super::report;
use super::summary::{self, Summary};
use super::{Settings, WhatIfError};
use firmware_schemas::api::Fault;
use firmware_schemas::api::what_if::{
    ImproveRequest, ImprovementView, Moment, OperationKind, PageLanguage, WhatIfHead, WhatIfMovements, WhatIfRequest,
};
use sim::experiment::{self, Kpi, Outcome, Plan, Progress, Selected};
use sim::situation::Situation;
use std::sync::atomic::AtomicBool;

/// What is to be simulated.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// What would be.
    WhatIf(WhatIfRequest),
    /// Better levels.
    Improve(Box<ImproveRequest>),
}

impl From<WhatIfRequest> for Request {
    fn from(request: WhatIfRequest) -> Self {
        Self::WhatIf(request)
    }
}

impl From<ImproveRequest> for Request {
    fn from(request: ImproveRequest) -> Self {
        Self::Improve(Box::new(request))
    }
}

impl Request {
    /// What kind of operation it becomes.
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::WhatIf(_) => OperationKind::WhatIf,
            Self::Improve(_) => OperationKind::Improve,
        }
    }

    /// Where it begins.
    pub fn from(&self) -> Moment {
        match self {
            Self::WhatIf(request) => request.from,
            Self::Improve(request) => request.from,
        }
    }

    /// Reads it without the network that it is about; `Err` holds everything that is wrong with it.
    pub fn read(&self) -> Result<Task, Vec<Fault>> {
        match self {
            Self::WhatIf(request) => Asked::read(request).map(Task::WhatIf),
            Self::Improve(request) => AskedImprovement::read(request).map(Task::Improve),
        }
    }

    /// Reads it, and tries it on a network; `Err` holds everything that is wrong or does not fit.
    pub fn read_for(&self, base: Situation, settings: &Settings) -> Result<Task, Vec<Fault>> {
        match self {
            Self::WhatIf(request) => {
                let (asked, _) = Asked::read_for(request, base, settings.memory_bytes_max)?;
                Ok(Task::WhatIf(asked))
            }
            Self::Improve(request) => {
                let (asked, _) = AskedImprovement::read_for(request, base, settings)?;
                Ok(Task::Improve(asked))
            }
        }
    }
}

/// A request that has been read.
#[derive(Clone, Debug)]
pub enum Task {
    /// Cases are run and compared.
    WhatIf(Asked),
    /// Better levels are looked for.
    Improve(AskedImprovement),
}

impl Task {
    /// How it is simulated.
    pub fn plan(&self) -> &Plan {
        match self {
            Self::WhatIf(asked) => &asked.plan,
            Self::Improve(asked) => asked.plan(),
        }
    }

    /// Does it in the network `base`; `None` if `stop` was set.
    pub fn perform(
        &self,
        base: Situation,
        settings: &Settings,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<Work>, WhatIfError> {
        let threads = settings.threads;
        match self {
            Self::WhatIf(asked) => {
                let cases = asked.cases(base, settings.memory_bytes_max).map_err(WhatIfError::Wrong)?;
                let named = cases.iter().map(|case| (case.name.clone(), case.situation.clone())).collect();
                let plan = &asked.plan;
                let Some((kpi, total)) = asked.select else {
                    let outcomes = experiment::run(named, plan, threads, Some(stop), progress);
                    return Ok(outcomes.map(|outcomes| Work { cases, outcomes, found: Found::Nothing }));
                };
                let selection = experiment::select(named, kpi, plan, total, threads, Some(stop), progress);
                Ok(selection.map(|it| Work {
                    cases,
                    outcomes: it.outcomes,
                    found: Found::Best { kpi, probability_correct: it.probability_correct, ranking: it.ranking },
                }))
            }
            Self::Improve(asked) => {
                let ready = asked.ready(base, settings).map_err(WhatIfError::Wrong)?;
                let improved = asked.run(ready, threads, stop, progress);
                Ok(improved.map(|(cases, outcomes, improved)| Work {
                    cases,
                    outcomes,
                    found: Found::Levels(Box::new(improved)),
                }))
            }
        }
    }
}

/// What was done.
#[derive(Clone, Debug)]
pub struct Work {
    cases: Vec<Case>,
    outcomes: Vec<Outcome>,
    found: Found,
}

#[derive(Clone, Debug)]
enum Found {
    Nothing,
    Best { kpi: Kpi, probability_correct: f64, ranking: Vec<Selected> },
    Levels(Box<Improved>),
}

impl Work {
    /// The figures. `head` has no names and replications yet.
    pub fn summary(&self, head: WhatIfHead) -> Summary {
        let mut summary = Summary::of(head, &self.cases, &self.outcomes);
        if let Found::Best { kpi, probability_correct, ranking } = &self.found {
            summary.result.selection = Some(summary::selection(*kpi, *probability_correct, ranking, &self.outcomes));
        }
        summary
    }

    /// What moves in one replication; `None` if `stop` was set.
    pub fn movements(&self, head: &WhatIfHead, stop: &AtomicBool) -> Option<WhatIfMovements> {
        movements::movements(head, &self.outcomes, stop)
    }

    /// The levels that were found, where they were looked for.
    pub fn improvement(&self, summary: &Summary) -> Option<ImprovementView> {
        match &self.found {
            Found::Levels(improved) => Some(improved.view(&summary.result)),
            Found::Nothing | Found::Best { .. } => None,
        }
    }

    /// The same as a scenario; `None` where nothing would change.
    pub fn proposal(&self) -> Option<&str> {
        match &self.found {
            Found::Levels(improved) => improved.toml.as_deref(),
            Found::Nothing | Found::Best { .. } => None,
        }
    }

    /// The page for people.
    pub fn page(&self, head: &WhatIfHead, language: PageLanguage) -> String {
        report::html(head, &self.cases, &self.outcomes, language)
    }

    /// The table for other programs.
    pub fn table(&self) -> String {
        report::csv(&self.outcomes)
    }
}
