//! Better levels: pathwise gradients from simulated paths, steps along them, and the simulated cost of today's
//! levels beside the proposal's.
//!
//! Raising all levels of a stock position by a piece leaves its orders as they are and puts one piece more into
//! the path. Where that piece is on each day follows from the path itself (infinitesimal perturbation analysis:
//! P. Glasserman and S. Tayur, "Sensitivity analysis for base-stock levels in multiechelon production-inventory
//! systems", Management Science 41 (1995); M. Fu, "Sample path derivatives for (s, S) inventory systems",
//! Operations Research 42 (1994)): on the shelf, or with a customer who would have waited, or lower down with
//! those who order here. With whole pieces the derivative to the right is the difference that a piece makes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Estimate, Kpi, Outcome, Plan, Scope};
use crate::guaranteed_service::{self, Chain, Stage, place};
use crate::kernel::{Effort, Model, Trace};
use crate::situation::{Origin, Policy, Situation};
use crate::theory::continuous::normal_quantile;

/// By how much the cost of a day changes, in minor units, when all levels of a position are a piece higher.
///
/// One entry a position; 0 where it has no levels. Exact for backorders with one source, constant lead times and
/// customers served before other sites; where several order in a shortage, by their shares; where sales are
/// lost, without the earlier orders that one sale more may cause; random lead times count by their mean.
pub fn gradient(model: &Model, seed: u64, replications: std::ops::Range<u32>) -> Vec<f64> {
    let s = model.situation();
    let network = Below::of(model);
    let mut sums = vec![0.0; s.positions.len()];
    let n = replications.len().max(1) as f64;
    for replication in replications {
        let trace = model.trace(seed, replication);
        for (position, sum) in sums.iter_mut().enumerate() {
            if has_levels(&s.positions[position].policy) {
                *sum += network.of_one_more(model, &trace, position);
            }
        }
    }
    let days = f64::from(model.counted_days()).max(1.0);
    sums.iter().map(|sum| sum / (n * days)).collect()
}

fn has_levels(policy: &Policy) -> bool {
    matches!(
        policy,
        Policy::BaseStock { .. } | Policy::MinMax { .. } | Policy::ReorderLot { .. } | Policy::EchelonBaseStock { .. }
    )
}

/// Who orders where.
struct Below {
    children: Vec<Vec<u32>>,
    lead_days: Vec<u32>,
}

impl Below {
    fn of(model: &Model) -> Self {
        let s = model.situation();
        let mut children = vec![Vec::new(); s.positions.len()];
        for (i, position) in (0_u32..).zip(&s.positions) {
            if let Some(Origin::Position(from)) = position.sources.first().map(|source| &source.from) {
                children[*from as usize].push(i);
            }
        }
        let days = |days: Option<f64>| days.map_or(1, |days| (days + 0.5) as u32);
        Self { children, lead_days: model.usual_lead_days().into_iter().map(days).collect() }
    }

    /// The change in cost over all counted days, by one piece more at `top`.
    fn of_one_more(&self, model: &Model, trace: &Trace, top: usize) -> f64 {
        let n_days = model.days() as usize;
        let mut cost = 0.0;
        // What more a position has, on the shelf or less owed, at the end of each day.
        let mut open = vec![(top, vec![1.0_f64; n_days])];
        while let Some((at, more)) = open.pop() {
            let passed_on = self.stay(model, trace, at, &more, &mut cost);
            if passed_on.iter().all(|more| *more == 0.0) {
                continue;
            }
            let owed_to = |child: u32, day: usize| {
                let child = trace.day(day as u32, child as usize);
                f64::from(child.on_order - child.in_transit)
            };
            for &child in &self.children[at] {
                let lead = self.lead_days[child as usize] as usize;
                let arrives = |day: usize| {
                    let sent = day.checked_sub(lead)?;
                    let all: f64 = self.children[at].iter().map(|child| owed_to(*child, sent)).sum();
                    (all > 0.0).then(|| passed_on[sent] * owed_to(child, sent) / all)
                };
                let below: Vec<f64> = (0..n_days).map(|day| arrives(day).unwrap_or(0.0)).collect();
                open.push((child as usize, below));
            }
        }
        cost
    }

    /// Adds what `more` changes at this position, and gives what those who order here get more by each day.
    fn stay(&self, model: &Model, trace: &Trace, at: usize, more: &[f64], cost: &mut f64) -> Vec<f64> {
        let s = model.situation();
        let position = &s.positions[at];
        let first = model.days() - model.counted_days();
        let (holding, waiting) = (position.holding_minor_per_year / 365.0, position.backorder_minor_per_day);
        let losing = position.lost_minor + s.skus[position.sku as usize].margin_minor as f64;
        let loses = position.backorder_permille < 1_000;
        let back_after = self.lead_days[at] as usize + usize::from(position.review.every_days.max(1)) - 1;
        let mut returns = vec![0.0; more.len() + back_after + 1];
        let mut gone = 0.0;
        let mut passed_on = vec![0.0; more.len()];
        for (day, more) in more.iter().enumerate() {
            gone -= returns[day];
            let counts = if day as u32 >= first { 1.0 } else { 0.0 };
            let now = trace.day(day as u32, at);
            let mut here = more - gone;
            if loses && now.lost > 0 {
                // One sale more; its piece is ordered again.
                *cost -= counts * here * losing;
                returns[day + back_after] += here;
                gone += here;
                here = 0.0;
            }
            if now.backorders > 0 {
                *cost -= counts * here * waiting;
            } else if now.owed > 0 {
                passed_on[day] = here;
            } else {
                *cost += counts * here * holding;
            }
        }
        passed_on
    }
}

/// Today's levels beside better ones.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The network with the levels proposed; today's where nothing better was found.
    pub situation: Situation,
    /// Total cost of today's levels over the counted days, in minor units.
    pub today: Estimate,
    /// Total cost of the proposal.
    pub proposed: Estimate,
    /// Proposal less today, replication by replication.
    pub difference: Estimate,
    /// Positions whose levels change, and by how many pieces.
    pub moves: Vec<(u32, i64)>,
}

/// Replications that a gradient is taken from; others judge.
const PATHS: u32 = 8;

/// Looks for levels with a lower total cost, for so many rounds; `None` if stopped. The proposal is judged on
/// replications of its own, which no gradient has seen.
pub fn improve(
    today: &Situation,
    plan: &Plan,
    rounds: u32,
    threads: usize,
    stop: Option<&AtomicBool>,
) -> Option<Proposal> {
    let n = today.positions.len();
    let judged = PATHS..PATHS + plan.replications_min.max(2);
    let run = |situation: &Situation| -> Option<Outcome> {
        let model = Arc::new(Model::new(Arc::new(situation.clone()), plan.days, plan.warm_up_days));
        let tally = model.run(plan.seed, judged.clone(), Effort { threads, stop, ..Effort::default() })?;
        Some(Outcome { name: String::new(), model, tally })
    };
    let cost = |outcome: &Outcome| outcome.estimate(Kpi::TotalCost, Scope::All);
    let base = run(today)?;
    let mut best: Option<(f64, Vec<i64>, Outcome)> = None;
    let mut shift = vec![0_i64; n];
    // Resilient steps (Riedmiller and Braun 1993): only the sign of a gradient counts.
    let mut step: Vec<f64> = today.positions.iter().map(|p| (level_of(&p.policy) as f64 / 8.0).max(1.0)).collect();
    let mut before = vec![0.0; n];
    for _ in 0..rounds {
        if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return None;
        }
        let here = shifted(today, &shift);
        let model = Model::new(Arc::new(here), plan.days, plan.warm_up_days);
        let slope = gradient(&model, plan.seed, 0..PATHS);
        for i in 0..n {
            let turned = before[i] * slope[i];
            step[i] = (step[i]
                * if turned > 0.0 {
                    1.2
                } else if turned < 0.0 {
                    0.5
                } else {
                    1.0
                })
            .max(0.5);
            let down = if slope[i] > 0.0 { -1.0 } else { 1.0 };
            if slope[i] != 0.0 {
                shift[i] += (down * step[i]).round() as i64;
            }
            before[i] = slope[i];
            shift[i] = shift[i].max(-level_of(&today.positions[i].policy));
        }
        let outcome = run(&shifted(today, &shift))?;
        let found = cost(&outcome)?.mean;
        if best.as_ref().is_none_or(|(least, ..)| found < *least) {
            best = Some((found, shift.clone(), outcome));
        }
    }
    let today_cost = cost(&base)?;
    let (shift, outcome) = match best {
        Some((found, shift, outcome)) if found < today_cost.mean => (shift, outcome),
        _ => (vec![0; n], base.clone()),
    };
    Some(Proposal {
        today: today_cost,
        proposed: cost(&outcome)?,
        difference: outcome.difference(&base, Kpi::TotalCost, Scope::All)?,
        situation: shifted(today, &shift),
        moves: (0_u32..).zip(shift).filter(|(_, by)| *by != 0).collect(),
    })
}

/// The lowest level, which must not fall below 0.
fn level_of(policy: &Policy) -> i64 {
    match policy {
        Policy::BaseStock { level } | Policy::EchelonBaseStock { level } => *level,
        Policy::MinMax { min, .. } => *min,
        Policy::ReorderLot { reorder_point, .. } => *reorder_point,
        Policy::Never | Policy::Forecast { .. } => 0,
    }
}

fn shifted(today: &Situation, by: &[i64]) -> Situation {
    let mut situation = today.clone();
    for (position, by) in situation.positions.iter_mut().zip(by) {
        match &mut position.policy {
            Policy::BaseStock { level } | Policy::EchelonBaseStock { level } => *level += by,
            Policy::MinMax { min, max } => {
                *min += by;
                *max += by;
            }
            Policy::ReorderLot { reorder_point, .. } => *reorder_point += by,
            Policy::Never | Policy::Forecast { .. } => {}
        }
    }
    situation
}

/// The network with base stocks as guaranteed service places them: a start for [`improve`].
///
/// Every position with demand below it and a first source gets one; customers wait for nothing. The bound on
/// demand is the quantile that waiting (or losing) and keeping a piece ask for. Positions that cannot be placed,
/// as in a chain that makes goods of others, keep their policy.
pub fn place_safety_stock(today: &Situation, days: u32) -> Situation {
    let mut situation = today.clone();
    let model = Model::new(Arc::new(today.clone()), days.max(1), 0);
    let lead_days = model.usual_lead_days();
    let flow = today.mean_flow();
    let n = today.positions.len();
    // Variance of a day's demand at and below each position.
    let mut variance = vec![0.0; n];
    for (i, position) in today.positions.iter().enumerate() {
        let own = match &position.demand {
            crate::situation::Demand::Random { pieces, .. } => pieces.variance(),
            _ => position.mean_demand(),
        };
        let mut at = i;
        for _ in 0..n {
            variance[at] += own;
            match today.positions[at].sources.first().map(|source| &source.from) {
                Some(Origin::Position(from)) => at = *from as usize,
                _ => break,
            }
        }
    }
    let mut by_sku = std::collections::BTreeMap::<u32, Vec<usize>>::new();
    for (i, position) in today.positions.iter().enumerate() {
        if flow[i] > 0.0 && lead_days[i].is_some() && has_levels(&position.policy) {
            by_sku.entry(position.sku).or_default().push(i);
        }
    }
    for members in by_sku.into_values() {
        let stage = |at: &usize| {
            let position = &today.positions[*at];
            let holding = (position.holding_minor_per_year / 365.0).max(1e-9);
            let lacking = if position.backorder_permille < 1_000 {
                position.lost_minor + today.skus[position.sku as usize].margin_minor as f64
            } else {
                position.backorder_minor_per_day
            };
            let served = (lacking.max(holding) / (lacking.max(holding) + holding)).clamp(0.5, 0.9999);
            let review = f64::from(position.review.every_days.max(1)) - 1.0;
            Stage {
                processing_time: (lead_days[*at].unwrap_or(1.0) + review + 0.5) as u32,
                holding_cost: holding,
                demand_bound: normal_quantile(served).max(0.0) * libm::sqrt(variance[*at]),
                inbound_service_time: 0,
                outbound_service_time_max: (position.mean_demand() > 0.0).then_some(0),
            }
        };
        let place_of = |position: u32| members.iter().position(|member| *member == position as usize);
        let arcs = members.iter().enumerate().filter_map(|(i, at)| {
            match today.positions[*at].sources.first().map(|source| &source.from) {
                Some(Origin::Position(from)) => Some((place_of(*from)?, i)),
                _ => None,
            }
        });
        let Ok(chain) = Chain::new(members.iter().map(stage).collect(), arcs.collect()) else { continue };
        let effort = guaranteed_service::Effort { cells: 10_000_000, ..guaranteed_service::Effort::default() };
        let placement = place(&chain, &effort);
        for (i, at) in members.iter().enumerate() {
            let covered = f64::from(placement.net_replenishment_time[i]);
            let level = (flow[*at] * covered + placement.safety_stock(&chain, i)).ceil() as i64;
            situation.positions[*at].policy = Policy::BaseStock { level };
        }
    }
    situation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Stat;
    use crate::situation::{Demand, Route, StockPosition};
    use crate::theory::distribution::Pmf;

    /// A warehouse and two shops, or a chain; holding 1 and waiting 9 a piece and day.
    fn network(levels: &[i64; 3], chain: bool, permille: u16) -> Situation {
        let mut s = Situation::empty();
        let sku = s.add_sku("SKU");
        for (i, level) in levels.iter().enumerate() {
            let site = s.add_site(&format!("SITE-{i}"), i as u8);
            let from = match (i, chain) {
                (2, _) => Origin::Outside { site: None },
                (0, true) => Origin::Position(1),
                _ => Origin::Position(2),
            };
            let sells = i == 0 || (i == 1 && !chain);
            s.add(StockPosition {
                on_hand: *level,
                policy: Policy::BaseStock { level: *level },
                demand: if sells { Demand::random(Pmf::poisson(4.0).unwrap()) } else { Demand::None },
                backorder_permille: permille,
                holding_minor_per_year: 365.0,
                backorder_minor_per_day: 9.0,
                lost_minor: 20.0,
                ..StockPosition::new(site, sku).from(from, Route::days(1 + i as u16))
            });
        }
        s
    }

    fn cost(s: &Situation, replications: std::ops::Range<u32>) -> f64 {
        let model = Model::new(Arc::new(s.clone()), 100, 20);
        let tally = model.run(5, replications.clone(), Effort::default()).unwrap();
        let stats = [Stat::HoldingCost, Stat::BackorderCost, Stat::LostCost, Stat::LostMargin];
        let sum: i64 = replications.clone().flat_map(|r| stats.map(|stat| tally.total(r, stat))).sum();
        sum as f64 / 1e6 / 80.0 / replications.len() as f64
    }

    #[track_caller]
    fn check(levels: &[i64; 3], chain: bool, permille: u16, off: f64) {
        let s = network(levels, chain, permille);
        let slope = gradient(&Model::new(Arc::new(s.clone()), 100, 20), 5, 0..40);
        let here = cost(&s, 0..40);
        for at in 0..3 {
            let mut more = s.clone();
            more.positions[at].on_hand += 1;
            let mut by = [0; 3];
            by[at] = 1;
            let difference = cost(&shifted(&more, &by), 0..40) - here;
            assert!(
                (slope[at] - difference).abs() < off + 1e-6,
                "level {at} of {levels:?}, chain {chain}, {permille}: {} is not {difference}",
                slope[at]
            );
        }
    }

    #[test]
    fn the_gradient_is_the_difference_that_a_piece_makes() {
        check(&[9, 9, 14], true, 1_000, 0.0);
        check(&[14, 10, 22], true, 1_000, 0.0);
        check(&[4, 3, 2], true, 1_000, 0.0);
        // Whole pieces are rationed: a share of a piece goes to one shop or the other.
        check(&[12, 14, 20], false, 1_000, 0.3);
        check(&[9, 12, 40], false, 0, 0.3);
    }

    #[test]
    fn levels_get_better_and_the_proposal_shows_todays_cost() {
        let today = network(&[30, 30, 60], false, 1_000);
        let plan = Plan { warm_up_days: 30, ..Plan::fixed(3, 200, 40) };
        let proposal = improve(&today, &plan, 20, 1, None).unwrap();
        assert!(proposal.difference.mean < 0.0 && proposal.difference.is_significant(), "{proposal:?}");
        assert!((proposal.today.mean + proposal.difference.mean - proposal.proposed.mean).abs() < 1e-3);
        assert!(!proposal.moves.is_empty());
        let placed = place_safety_stock(&today, 200);
        let better = improve(&placed, &plan, 10, 1, None).unwrap();
        assert!(better.proposed.mean < proposal.today.mean);
    }
}
