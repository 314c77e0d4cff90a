//! Experiments on models: replications with common random numbers, stopped when they say enough; comparison in
//! pairs; choice among many.
//!
//! ```text
//! cases (a name and a Situation each) + Plan ─▶ run ─▶ Outcome of each case ─▶ Kpi ─▶ Estimate, difference
//!                                            └▶ select: replications where they tell most ─▶ ranking
//! today's levels (─▶ place_safety_stock) ─▶ improve: gradient, steps ─▶ Proposal, run beside today's levels
//! ```

mod estimate;
mod kpi;
mod optimise;
mod placement;
mod select;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use estimate::{Estimate, t_quantile};
pub use kpi::{Kpi, Part, Scope};
pub use optimise::{PROPOSAL_CASES, Proposal, Search, gradient, improve};
pub use placement::{Placed, place_safety_stock};
pub use select::{Selected, Selection, select};

use crate::kernel::{Effort, Model, Tally};
use crate::situation::Situation;

/// How an experiment is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Of all random draws.
    pub seed: u64,
    /// Days that are simulated, those of the warm-up included.
    pub days: u32,
    /// The first days, which are not counted.
    pub warm_up_days: u32,
    /// At least so many replications of each case; 2 or more.
    pub replications_min: u32,
    /// At most so many.
    pub replications_max: u32,
    /// Enough is known when all of these are: a KPI of the whole network, and the half-width of its 95 %
    /// interval as a share of its mean, in every case. Empty: `replications_min` are made.
    pub goals: Vec<(Kpi, f64)>,
}

impl Plan {
    /// So many replications, whatever they say.
    pub fn fixed(seed: u64, days: u32, replications: u32) -> Self {
        Self {
            seed,
            days,
            warm_up_days: 0,
            replications_min: replications,
            replications_max: replications,
            goals: Vec::new(),
        }
    }
}

/// One case, run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// As it was given.
    pub name: String,
    /// What was run.
    pub model: Arc<Model>,
    /// What was counted.
    pub tally: Arc<Tally>,
}

/// How far an experiment is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Replications of all cases that are done.
    pub done: u64,
    /// As many as there will be, as far as is known.
    pub of: u64,
}

/// Replications in one go; progress is reported after each.
const BATCH: u32 = 32;

/// Runs all cases on the same random numbers; `None` if `stop` was set.
///
/// Which replications are made follows from the results alone, so the same plan gives the same bytes for any
/// number of threads.
pub fn run(
    cases: Vec<(String, Arc<Situation>)>,
    plan: &Plan,
    threads: usize,
    stop: Option<&AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Option<Vec<Outcome>> {
    let n_cases = cases.len() as u64;
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(cases.len());
    let first = plan.replications_min.max(2);
    let most = plan.replications_max.max(first);
    let mut until = first;
    let mut done = 0;
    let models: Vec<(String, Arc<Model>)> = cases
        .into_iter()
        .map(|(name, situation)| (name, Arc::new(Model::new(situation, plan.days, plan.warm_up_days))))
        .collect();
    loop {
        for (i, (name, model)) in models.iter().enumerate() {
            let from = outcomes.get(i).map_or(0, |outcome| outcome.tally.replications().end);
            let mut at = from;
            while at < until {
                if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                    return None;
                }
                let next = (at + BATCH).min(until);
                let tally = model.run(plan.seed, at..next, Effort { threads, stop, ..Effort::default() })?;
                match outcomes.get_mut(i) {
                    Some(outcome) => Arc::make_mut(&mut outcome.tally).append(tally),
                    None => {
                        outcomes.push(Outcome { name: name.clone(), model: model.clone(), tally: Arc::new(tally) });
                    }
                }
                done += u64::from(next - at);
                at = next;
                progress(Progress { done, of: n_cases * u64::from(until) });
            }
        }
        if until >= most {
            return Some(outcomes);
        }
        match still_needed(&outcomes, plan, until) {
            0 => return Some(outcomes),
            more => until = (until + more).min(most),
        }
    }
}

/// Replications that are still needed to meet all goals, by the variance seen so far; at least an eighth more,
/// at most four times as many, so that a bad guess is corrected.
fn still_needed(outcomes: &[Outcome], plan: &Plan, n: u32) -> u32 {
    let mut needed = 0.0_f64;
    for (kpi, share) in &plan.goals {
        for outcome in outcomes {
            let Some(estimate) = outcome.estimate(*kpi, Scope::All) else { continue };
            let wanted = share * estimate.mean.abs();
            if estimate.half_width > wanted {
                let ratio = if wanted > 0.0 { estimate.half_width / wanted } else { 2.0 };
                needed = needed.max(f64::from(n) * ratio * ratio);
            }
        }
    }
    if needed == 0.0 { 0 } else { (needed as u32).clamp(n + n.div_ceil(8), n.saturating_mul(4)) - n }
}

impl Outcome {
    /// The KPI of each replication; `None` where it says nothing, as a fill rate without demand.
    pub fn values(&self, kpi: Kpi, scope: Scope) -> Vec<Option<f64>> {
        self.values_over(kpi, &Part::of(&self.model, scope))
    }

    /// The same of a scope that was looked up before.
    pub fn values_over(&self, kpi: Kpi, part: &Part) -> Vec<Option<f64>> {
        self.tally.replications().map(|replication| kpi.over(self, replication, part)).collect()
    }

    /// Mean and interval over the replications; `None` if any says nothing.
    pub fn estimate(&self, kpi: Kpi, scope: Scope) -> Option<Estimate> {
        Estimate::of(&self.values(kpi, scope).into_iter().collect::<Option<Vec<f64>>>()?)
    }

    /// The same of the difference between this and `base`, replication by replication.
    pub fn difference(&self, base: &Self, kpi: Kpi, scope: Scope) -> Option<Estimate> {
        let (here, there) = (self.values(kpi, scope), base.values(kpi, scope));
        let pairs: Option<Vec<f64>> = here.into_iter().zip(there).map(|(a, b)| Some(a? - b?)).collect();
        Estimate::of(&pairs?)
    }

    /// Variance of the difference with common random numbers, over that with independent ones.
    pub fn variance_ratio(&self, base: &Self, kpi: Kpi) -> Option<f64> {
        let alone = self.estimate(kpi, Scope::All)?.variance() + base.estimate(kpi, Scope::All)?.variance();
        let paired = self.difference(base, kpi, Scope::All)?.variance();
        (alone > 0.0).then(|| paired / alone)
    }
}
