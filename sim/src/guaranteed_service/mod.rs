//! Where in a network to hold safety stock: the guaranteed-service model (Graves and Willems 2000).
//!
//! Every stage promises its customers a service time and keeps enough stock for the demand of the days that its
//! suppliers' promises and its own processing leave open, its net replenishment time. Short promises here
//! spare stock there; [`place`] finds the promises that cost least.
//!
//! ```text
//! Chain ─▶ reduction: few decisions ─▶ condense: trees are done ─▶ elimination, or bound and search ─▶ Placement
//! ```
//!
//! On trees, and on networks that are nearly trees, the answer is exact. On any other network it comes with a
//! lower bound, and is proven where the two meet.
//!
//! ```
//! use sim::guaranteed_service::{Chain, Effort, Stage, place};
//!
//! let factory = Stage { processing_time: 6, holding_cost: 1.0, demand_bound: 40.0, ..Stage::default() };
//! let shop = Stage {
//!     processing_time: 2,
//!     holding_cost: 3.0,
//!     demand_bound: 40.0,
//!     outbound_service_time_max: Some(0),
//!     ..Stage::default()
//! };
//! let chain = Chain::new(vec![factory, shop], vec![(0, 1)]).unwrap();
//! let placement = place(&chain, &Effort::default());
//! assert_eq!(placement.outbound, [0, 0]); // the factory holds stock of its own
//! assert!(placement.proven);
//! ```

mod bound;
mod elimination;
mod field;
mod reduction;
mod rows;
mod search;

#[cfg(test)]
mod tests;

pub use rows::{Quote, StageRow, chain_of_rows};

use reduction::{Reduction, root};
use std::collections::BTreeSet;

/// One stage of a chain: an item at a place, with the work that makes or moves it. Times are in periods.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stage {
    /// From having all inputs to being able to serve.
    pub processing_time: u32,
    /// For a unit and a period.
    pub holding_cost: f64,
    /// `z·σ`: stock for `t` periods is this times the root of `t`.
    pub demand_bound: f64,
    /// How long a supplier outside the chain takes; 0 for none.
    pub inbound_service_time: u32,
    /// The longest service time that this stage may quote. A stage without successors and without this one
    /// makes its customers wait, and holds nothing.
    pub outbound_service_time_max: Option<u32>,
}

/// Why stages and arcs are not a chain.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// Holding cost or demand bound is negative, infinite or NaN.
    #[error("stage {stage}: {what} {value} is not a number of at least 0")]
    NotAQuantity {
        /// Index of the stage.
        stage: usize,
        /// Which number.
        what: &'static str,
        /// The number.
        value: f64,
    },
    /// A service level that no stock gives.
    #[error("stage {stage}: service level {value} is not at least 0 and below 1")]
    NotAServiceLevel {
        /// Index of the stage.
        stage: usize,
        /// The number.
        value: f64,
    },
    /// An arc from or to a stage that is not there.
    #[error("arc {from} → {to}: there are {n_stages} stages")]
    UnknownStage {
        /// Where the arc begins.
        from: usize,
        /// Where it ends.
        to: usize,
        /// Stages there are.
        n_stages: usize,
    },
    /// These stages supply each other.
    #[error("stages {0:?} supply each other in a circle")]
    Cycle(Vec<usize>),
    /// The times along a path, together with those from outside, exceed [`HORIZON_MAX`].
    #[error("stage {stage}: up to {periods} periods from raw material, at most {HORIZON_MAX} can be planned")]
    TooLong {
        /// Index of the stage.
        stage: usize,
        /// Periods along the longest path.
        periods: u64,
    },
}

/// The longest path, in periods, that can be planned.
pub const HORIZON_MAX: u32 = 20_000;

/// Stages that supply each other.
///
/// Invariant: no circles, costs and bounds are finite and not negative, no path exceeds [`HORIZON_MAX`].
#[derive(Clone, Debug)]
pub struct Chain {
    stages: Vec<Stage>,
    /// Sorted, without repetition; the same for the successors.
    predecessors: Vec<Vec<usize>>,
    successors: Vec<Vec<usize>>,
    upstream_first: Vec<usize>,
}

impl Chain {
    /// A chain, or everything that is wrong with it. An arc `(i, j)` means that `i` supplies `j`; saying it
    /// twice is saying it once.
    pub fn new(stages: Vec<Stage>, arcs: Vec<(usize, usize)>) -> Result<Self, Vec<ChainError>> {
        let n_stages = stages.len();
        let mut errors = Vec::new();
        for (stage, given) in stages.iter().enumerate() {
            let both = given.holding_cost * given.demand_bound;
            let overflow =
                [given.holding_cost, given.demand_bound].iter().all(|value| value.is_finite()) && both.is_infinite();
            let numbers = [("holding cost", given.holding_cost), ("demand bound", given.demand_bound)];
            for (what, value) in numbers.into_iter().chain(overflow.then_some(("cost of a unit of bound", both))) {
                if !(value.is_finite() && value >= 0.0) {
                    errors.push(ChainError::NotAQuantity { stage, what, value });
                }
            }
        }
        let arcs: BTreeSet<(usize, usize)> = arcs.into_iter().collect();
        let mut predecessors = vec![Vec::new(); n_stages];
        let mut successors = vec![Vec::new(); n_stages];
        for (from, to) in arcs {
            if from < n_stages && to < n_stages {
                predecessors[to].push(from);
                successors[from].push(to);
            } else {
                errors.push(ChainError::UnknownStage { from, to, n_stages });
            }
        }
        let upstream_first = upstream_first(&predecessors, &successors);
        if upstream_first.len() < n_stages {
            errors.push(ChainError::Cycle(in_circles(&predecessors, &successors, &upstream_first)));
        }
        let mut able = vec![0_u64; n_stages];
        for stage in &upstream_first {
            let promised = predecessors[*stage].iter().map(|supplier: &usize| able[*supplier]).max().unwrap_or(0);
            let given = &stages[*stage];
            let periods = promised.max(u64::from(given.inbound_service_time)) + u64::from(given.processing_time);
            if periods > u64::from(HORIZON_MAX) {
                errors.push(ChainError::TooLong { stage: *stage, periods });
            }
            able[*stage] = periods;
        }
        if errors.is_empty() { Ok(Self { stages, predecessors, successors, upstream_first }) } else { Err(errors) }
    }

    /// The stages, as given.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The arcs, sorted.
    pub fn arcs(&self) -> impl Iterator<Item = (usize, usize)> {
        self.successors.iter().enumerate().flat_map(|(from, to)| to.iter().map(move |to| (from, *to)))
    }

    /// What stock for one period costs at a stage.
    fn cost_of(&self, stage: usize) -> f64 {
        self.stages[stage].holding_cost * self.stages[stage].demand_bound
    }

    /// The longest inbound and outbound service time that can matter, for each stage.
    fn latest_times(&self) -> (Vec<i32>, Vec<i32>) {
        let mut inbound = vec![0; self.stages.len()];
        let mut outbound = vec![0; self.stages.len()];
        for stage in self.upstream_first.iter().copied() {
            let given = &self.stages[stage];
            let promised = self.predecessors[stage].iter().map(|supplier| outbound[*supplier]).max().unwrap_or(0);
            inbound[stage] = promised.max(given.inbound_service_time as i32);
            let able = inbound[stage] + given.processing_time as i32;
            outbound[stage] =
                given.outbound_service_time_max.map_or(able, |quote| able.min(quote.min(HORIZON_MAX) as i32));
        }
        (inbound, outbound)
    }
}

/// Every stage after its suppliers; stages in or after a circle are left out.
fn upstream_first(predecessors: &[Vec<usize>], successors: &[Vec<usize>]) -> Vec<usize> {
    let mut awaited: Vec<usize> = predecessors.iter().map(Vec::len).collect();
    let mut ready: BTreeSet<usize> = (0..awaited.len()).filter(|stage| awaited[*stage] == 0).collect();
    let mut order = Vec::with_capacity(awaited.len());
    while let Some(stage) = ready.pop_first() {
        order.push(stage);
        for next in &successors[stage] {
            awaited[*next] -= 1;
            if awaited[*next] == 0 {
                ready.insert(*next);
            }
        }
    }
    order
}

/// Stages that are in a circle or between two.
fn in_circles(predecessors: &[Vec<usize>], successors: &[Vec<usize>], before: &[usize]) -> Vec<usize> {
    let after: BTreeSet<usize> = upstream_first(successors, predecessors).into_iter().collect();
    let before: BTreeSet<usize> = before.iter().copied().collect();
    (0..predecessors.len()).filter(|stage| !after.contains(stage) && !before.contains(stage)).collect()
}

/// How hard to try.
#[derive(Clone, Copy)]
pub struct Effort<'a> {
    /// Table cells to look at: the measure of work that is the same on every machine. A billion takes
    /// one to two seconds. What must be done for any answer at all is done in any case.
    pub cells: u64,
    /// Asked now and then: true ends the search early, for instance because a deadline has passed. The answer
    /// then depends on when.
    pub stop: Option<&'a dyn Fn() -> bool>,
    /// For the random part of the search.
    pub seed: u64,
}

impl Default for Effort<'_> {
    fn default() -> Self {
        Self { cells: 1_500_000_000, stop: None, seed: 1 }
    }
}

impl core::fmt::Debug for Effort<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Effort").field("cells", &self.cells).field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// Service times of every stage, and what they cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// What each stage promises its customers.
    pub outbound: Vec<u32>,
    /// What each stage is promised at worst.
    pub inbound: Vec<u32>,
    /// Periods whose demand each stage's stock covers: inbound, and processing time, less outbound.
    pub net_replenishment_time: Vec<u32>,
    /// Of all safety stock, for a period.
    pub cost: f64,
    /// No placement costs less.
    pub lower_bound: f64,
    /// How much of the cost may be too much: `(cost − lower_bound) / cost`, 0 where the cost is.
    pub gap: f64,
    /// The gap is at most [`PROVEN_GAP`].
    pub proven: bool,
}

/// The largest gap that is called proven; rounding needs some.
pub const PROVEN_GAP: f64 = 1e-7;

impl Placement {
    /// The safety stock of a stage in units, the demand bound times the root of the net replenishment time.
    pub fn safety_stock(&self, chain: &Chain, stage: usize) -> f64 {
        chain.stages[stage].demand_bound * f64::from(self.net_replenishment_time[stage]).sqrt()
    }
}

/// The service times with the least cost that this effort finds, and a bound on the least there is.
///
/// The same chain, cells and seed give the same placement, unless `stop` says so.
pub fn place(chain: &Chain, effort: &Effort) -> Placement {
    let reduction = Reduction::new(chain);
    let found = search::minimise(&reduction.field, reduction.start.clone(), effort);
    let (outbound, inbound) = reduction.times(chain, &found.labels);
    let net_replenishment_time: Vec<u32> = (0..chain.stages.len())
        .map(|stage| inbound[stage] + chain.stages[stage].processing_time - outbound[stage])
        .collect();
    let cost = (0..chain.stages.len())
        .map(|stage| chain.cost_of(stage) * root(net_replenishment_time[stage] as i32))
        .sum::<f64>();
    debug_assert!(cost <= found.cost * (1.0 + 1e-9) + 1e-9, "{cost} exceeds the {} that was found", found.cost);
    debug_assert!(found.bound <= cost * (1.0 + 1e-9) + 1e-9, "bound {} exceeds {cost}", found.bound);
    let lower_bound = found.bound.max(0.0).min(cost);
    let gap = if cost > 0.0 { (cost - lower_bound) / cost } else { 0.0 };
    Placement { outbound, inbound, net_replenishment_time, cost, lower_bound, gap, proven: gap <= PROVEN_GAP }
}
