//! Better levels: pathwise gradients from simulated paths, steps along them, and the simulated cost of today's
//! levels beside the proposal's.
//!
//! Raising all levels of a stock position by a piece leaves its orders as they are and puts one piece more into
//! the path. Where that piece is on each day follows from the path itself (infinitesimal perturbation analysis:
//! P. Glasserman and S. Tayur, "Sensitivity analysis for base-stock levels in multiechelon production-inventory
//! systems", Management Science 41 (1995); M. Fu, "Sample path derivatives for (s, S) inventory systems",
//! Operations Research 42 (1994)): on the shelf, or with a customer who would have waited, or lower down with
//! those who order here. With whole pieces the derivative to the right is the difference that a piece makes.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::{Estimate, Kpi, Outcome, Plan, Progress, Scope, run};
use crate::kernel::{Effort, Model, Trace};
use crate::situation::{Origin, Policy, Situation};

/// By how much the cost of a day changes, in minor units, when all levels of a position are a piece higher.
///
/// One entry a position; 0 where it has no levels. Exact for backorders with one source, constant lead times and
/// customers served before other sites; where several order in a shortage, by their shares; where sales are
/// lost, without the earlier orders that one sale more may cause; random lead times count by their mean. Where
/// goods grow too old, the piece is thrown away with them. Freight and the cost of orders do not count.
pub fn gradient(model: &Model, seed: u64, replications: Range<u32>) -> Vec<f64> {
    slope(model, seed, replications, Search::rounds(0)).unwrap_or_default()
}

/// The same for the positions that may change, by several threads; `None` if stopped.
fn slope(model: &Model, seed: u64, replications: Range<u32>, search: Search<'_>) -> Option<Vec<f64>> {
    let s = model.situation();
    let network = Below::of(model);
    let may_change = |at: usize| search.may_change.is_none_or(|may| may[at]);
    let wanted: Vec<usize> =
        (0..s.positions.len()).filter(|at| may_change(*at) && has_levels(&s.positions[*at].policy)).collect();
    let next = AtomicU32::new(replications.start);
    let work = || {
        let mut found = Vec::new();
        loop {
            let replication = next.fetch_add(1, Ordering::Relaxed);
            if replication >= replications.end || search.is_stopped() {
                return found;
            }
            let trace = model.trace(seed, replication);
            let costs: Vec<f64> = wanted.iter().map(|at| network.of_one_more(model, &trace, *at)).collect();
            found.push((replication, costs));
        }
    };
    let mut found = std::thread::scope(|scope| {
        let spawn = |i: usize| std::thread::Builder::new().name(format!("gradient-{i}")).spawn_scoped(scope, work);
        // A thread that cannot be had leaves its work to the others.
        let others: Vec<_> = (1..search.threads.min(replications.len())).filter_map(|i| spawn(i).ok()).collect();
        let mut found = work();
        for other in others {
            match other.join() {
                Ok(more) => found.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        found
    });
    if search.is_stopped() {
        return None;
    }
    // In the order of the replications, so that sums are the same for any number of threads.
    found.sort_by_key(|(replication, _)| *replication);
    let over = replications.len().max(1) as f64 * f64::from(model.counted_days()).max(1.0);
    let mut sums = vec![0.0; s.positions.len()];
    for (_, costs) in found {
        for (at, cost) in wanted.iter().zip(costs) {
            sums[*at] += cost;
        }
    }
    sums.iter_mut().for_each(|sum| *sum /= over);
    Some(sums)
}

pub(super) fn has_levels(policy: &Policy) -> bool {
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
            // For each piece that is owed to those who order here.
            let shares: Vec<f64> = (0..n_days)
                .map(|day| {
                    if passed_on[day] == 0.0 {
                        return 0.0;
                    }
                    let all: f64 = self.children[at].iter().map(|child| owed_to(*child, day)).sum();
                    if all > 0.0 { passed_on[day] / all } else { 0.0 }
                })
                .collect();
            for &child in &self.children[at] {
                let lead = self.lead_days[child as usize] as usize;
                let sent = |day: usize| Some((day, *shares.get(day)?)).filter(|(_, share)| *share != 0.0);
                let arrives = |day: usize| {
                    let (sent, share) = sent(day.checked_sub(lead)?)?;
                    Some(share * owed_to(child, sent))
                };
                let below: Vec<f64> = (0..n_days).map(|day| arrives(day).unwrap_or(0.0)).collect();
                if below.iter().any(|more| *more != 0.0) {
                    open.push((child as usize, below));
                }
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
        let value = s.skus[position.sku as usize].value_minor as f64;
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
            if now.wasted > 0 {
                // One piece more that grows too old, and is ordered again.
                *cost += counts * here * value;
                returns[day + back_after] += here;
                gone += here;
                here = 0.0;
            }
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
    pub situation: Arc<Situation>,
    /// [`Kpi::RelevantCost`] of today's levels over the counted days, in minor units.
    pub today: Estimate,
    /// The same of the proposal.
    pub proposed: Estimate,
    /// Proposal less today, replication by replication.
    pub difference: Estimate,
    /// Positions whose policy changes, by index, ascending.
    pub changed: Vec<u32>,
    /// Today's levels and the proposal, run; what [`run`] gives for the same two cases and plan.
    pub outcomes: [Outcome; 2],
}

/// How better levels are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Steps along the gradient; 0: the start alone is judged.
    pub rounds: u32,
    /// Whether the levels of each position may change; `None`: those of all may.
    pub may_change: Option<&'a [bool]>,
    /// At least 1.
    pub threads: usize,
    /// Set by another to have the search given up.
    pub stop: Option<&'a AtomicBool>,
}

impl Search<'_> {
    /// So many rounds, on one thread, for all positions.
    pub fn rounds(rounds: u32) -> Self {
        Self { rounds, may_change: None, threads: 1, stop: None }
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}

/// Names of the two outcomes of a proposal.
pub const PROPOSAL_CASES: [&str; 2] = ["today's levels", "proposed levels"];

/// Replications that a gradient is taken from.
const PATHS: u32 = 8;
/// Replications by which the best of the rounds is chosen, at most.
const CHOOSING: u32 = 32;
/// Where the replications of the search begin. Those that judge begin at 0 and are none of them, so the judgement
/// owes nothing to luck in the search.
const SEARCH_FROM: u32 = 1 << 24;
/// What a path and its gradient take, in replications of a run.
const PATH_WORK: u64 = 20;

/// Looks for levels with a lower [`Kpi::RelevantCost`] than today's, beginning at `start` (today's levels, or those
/// of [`super::place_safety_stock`], with the same positions); `None` if stopped.
///
/// The best round is chosen on replications that no gradient has seen, and the proposal is judged beside today's
/// levels on those of `plan`, which nothing before has seen.
pub fn improve(
    today: Arc<Situation>,
    start: &Situation,
    plan: &Plan,
    search: Search<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Option<Proposal> {
    let choosing = plan.replications_min.clamp(2, CHOOSING);
    let rounds = u64::from(search.rounds);
    let lots = Lots::of(start, search.may_change);
    let tries = if rounds > 0 { LOT_TRIES * lots.factors.len() as u64 } else { 0 };
    let of_search = u64::from(choosing) * (rounds + 2 + tries) + u64::from(PATHS) * PATH_WORK * rounds;
    let of_run = 2 * u64::from(plan.replications_min.max(2));
    let mut searched = |done: u64| progress(Progress { done, of: of_search + of_run });
    let situation = match better(&today, start, plan, choosing, (search, lots), &mut searched)? {
        Some(found) => Arc::new(found),
        None => today.clone(),
    };
    let cases = PROPOSAL_CASES
        .iter()
        .zip([&today, &situation])
        .map(|(name, case)| ((*name).to_owned(), case.clone()))
        .collect();
    let mut run_on = |it: Progress| progress(Progress { done: of_search + it.done, of: of_search + it.of });
    let outcomes = run(cases, plan, search.threads, search.stop, &mut run_on)?;
    let outcomes: [Outcome; 2] = outcomes.try_into().ok()?;
    let [base, case] = &outcomes;
    let pairs = today.positions.iter().zip(&situation.positions);
    let changed = (0_u32..).zip(pairs).filter(|(_, (old, new))| old.policy != new.policy).map(|(at, _)| at).collect();
    Some(Proposal {
        today: base.estimate(Kpi::RelevantCost, Scope::All)?,
        proposed: case.estimate(Kpi::RelevantCost, Scope::All)?,
        difference: case.difference(base, Kpi::RelevantCost, Scope::All)?,
        changed,
        situation,
        outcomes,
    })
}

/// The most runs in which the lots of a group are tried.
const LOT_TRIES: u64 = 4;
/// By which lots grow or shrink from try to try.
const LOT_STEP: f64 = 1.5;

/// Factors on the lots (of min and max, what lies between) of groups: an echelon's goods that spoil, or do not.
#[derive(Clone, Debug)]
struct Lots {
    group_of: Vec<Option<usize>>,
    factors: Vec<f64>,
}

impl Lots {
    fn of(s: &Situation, may_change: Option<&[bool]>) -> Self {
        let has_lot = |policy: &Policy| matches!(policy, Policy::MinMax { .. } | Policy::ReorderLot { .. });
        let key = |at: usize| {
            let position = &s.positions[at];
            let may = may_change.is_none_or(|may| may[at]) && has_lot(&position.policy);
            let spoils = s.skus[position.sku as usize].shelf_life_days.is_some();
            may.then(|| (s.sites[position.site as usize].tier, spoils))
        };
        let keys: Vec<Option<(u8, bool)>> = (0..s.positions.len()).map(key).collect();
        let known: BTreeSet<(u8, bool)> = keys.iter().flatten().copied().collect();
        let group_of = keys.iter().map(|key| known.iter().position(|known| Some(known) == key.as_ref())).collect();
        Self { group_of, factors: vec![1.0; known.len()] }
    }

    fn with(&self, group: usize, factor: f64) -> Self {
        let mut lots = self.clone();
        lots.factors[group] *= factor;
        lots
    }

    fn set(&self, mut situation: Situation) -> Situation {
        for (position, group) in situation.positions.iter_mut().zip(&self.group_of) {
            let Some(factor) = group.map(|group| self.factors[group]).filter(|factor| *factor != 1.0) else { continue };
            let of = |lot: i64| ((lot as f64 * factor).round() as i64).max(lot.min(1));
            match &mut position.policy {
                Policy::MinMax { min, max } => *max = *min + of(*max - *min),
                Policy::ReorderLot { lot, .. } => *lot = of(*lot),
                _ => {}
            }
        }
        situation
    }
}

/// The best of `start`, other lots, and the rounds; `Some(None)` where today's levels cost no more, `None` if stopped.
///
/// Lots decide how often is ordered, and so freight and the cost of orders, which no gradient sees: they are tried
/// by groups first, and kept where a difference in pairs leaves no doubt.
fn better(
    today: &Arc<Situation>,
    start: &Situation,
    plan: &Plan,
    choosing: u32,
    (search, mut lots): (Search<'_>, Lots),
    searched: &mut dyn FnMut(u64),
) -> Option<Option<Situation>> {
    let n = start.positions.len();
    let chosen_on = SEARCH_FROM + PATHS..SEARCH_FROM + PATHS + choosing;
    let mut done = 0;
    let mut cost = |situation: Arc<Situation>, work: u64| -> Option<Vec<f64>> {
        let model = Arc::new(Model::new(situation, plan.days, plan.warm_up_days));
        let effort = Effort { threads: search.threads, stop: search.stop, ..Effort::default() };
        let tally = model.run(plan.seed, chosen_on.clone(), effort)?;
        done += work;
        searched(done);
        let outcome = Outcome { name: String::new(), model, tally: Arc::new(tally) };
        outcome.values(Kpi::RelevantCost, Scope::All).into_iter().collect()
    };
    let each = u64::from(choosing);
    let of_today = cost(today.clone(), each)?;
    let mut here = cost(Arc::new(start.clone()), each)?;
    // Without rounds only what it begins with is judged.
    let n_groups = if search.rounds > 0 { lots.factors.len() } else { 0 };
    for group in 0..n_groups {
        let mut left = LOT_TRIES;
        for step in [LOT_STEP, 1.0 / LOT_STEP] {
            let mut has_won = false;
            while left > 0 {
                let tried = lots.with(group, step);
                left -= 1;
                let found = cost(Arc::new(tried.set(start.clone())), each)?;
                let pairs: Vec<f64> = found.iter().zip(&here).map(|(a, b)| a - b).collect();
                if !Estimate::of(&pairs).is_some_and(|it| it.mean < 0.0 && it.is_significant()) {
                    break;
                }
                (lots, here, has_won) = (tried, found, true);
            }
            if has_won {
                break;
            }
        }
    }
    let sum = |costs: &[f64]| costs.iter().sum::<f64>();
    let mut best = (sum(&here), vec![0_i64; n]);
    let mut shift = vec![0_i64; n];
    // Resilient steps (Riedmiller and Braun 1993): only the sign of a gradient counts.
    let mut step: Vec<f64> = start.positions.iter().map(|p| (level_of(&p.policy) as f64 / 8.0).max(1.0)).collect();
    let mut before = vec![0.0; n];
    for _ in 0..search.rounds {
        let here = Model::new(Arc::new(lots.set(shifted(start, &shift))), plan.days, plan.warm_up_days);
        let slope = slope(&here, plan.seed, SEARCH_FROM..SEARCH_FROM + PATHS, search)?;
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
            shift[i] = shift[i].max(-level_of(&start.positions[i].policy));
        }
        let work = each + u64::from(PATHS) * PATH_WORK;
        let found = sum(&cost(Arc::new(lots.set(shifted(start, &shift))), work)?);
        if found < best.0 {
            best = (found, shift.clone());
        }
    }
    let (least, shift) = best;
    Some((least < sum(&of_today)).then(|| lots.set(shifted(start, &shift))))
}

/// The lowest level, which must not fall below 0.
fn level_of(policy: &Policy) -> i64 {
    match policy {
        Policy::BaseStock { level } | Policy::EchelonBaseStock { level } => *level,
        Policy::MinMax { min, .. } => *min,
        Policy::ReorderLot { reorder_point, .. } => *reorder_point,
        Policy::Never | Policy::Forecast { .. } | Policy::Scheduled { .. } => 0,
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
            Policy::Never | Policy::Forecast { .. } | Policy::Scheduled { .. } => {}
        }
    }
    situation
}

#[cfg(test)]
mod tests {
    use super::super::place_safety_stock;
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

    fn improved(today: &Situation, start: &Situation, plan: &Plan, search: Search<'_>) -> Proposal {
        let mut last = 0.0;
        let mut progress = |it: Progress| {
            let share = it.done as f64 / it.of as f64;
            assert!(share >= last && share <= 1.0, "{it:?} after {last}");
            last = share;
        };
        let proposal = improve(Arc::new(today.clone()), start, plan, search, &mut progress).unwrap();
        assert_eq!(last, 1.0);
        proposal
    }

    #[test]
    fn levels_get_better_and_the_proposal_shows_todays_cost() {
        let today = network(&[30, 30, 60], false, 1_000);
        let plan = Plan { warm_up_days: 30, ..Plan::fixed(3, 200, 40) };
        let proposal = improved(&today, &today, &plan, Search::rounds(20));
        assert!(proposal.difference.mean < 0.0 && proposal.difference.is_significant(), "{proposal:?}");
        assert!((proposal.today.mean + proposal.difference.mean - proposal.proposed.mean).abs() < 1e-3);
        assert!(!proposal.changed.is_empty());
        let placed = place_safety_stock(&today, 200, None, None).unwrap();
        let better = improved(&today, &placed.situation, &plan, Search::rounds(10));
        assert!(better.difference.mean < 0.0 && better.today == proposal.today, "{better:?}");
        assert!(placed.lower_bound_minor_per_day <= placed.cost_minor_per_day && placed.stocks == 3, "{placed:?}");
    }

    #[test]
    fn lots_grow_where_orders_cost_much() {
        let mut today = network(&[30, 30, 60], false, 1_000);
        for position in &mut today.positions {
            position.policy = Policy::MinMax { min: 15, max: 17 };
            position.ordering.cost_minor = 400;
        }
        let proposal = improved(&today, &today, &Plan::fixed(3, 200, 20), Search::rounds(4));
        assert!(proposal.difference.mean < 0.0 && proposal.difference.is_significant(), "{proposal:?}");
        let lot = |at: usize| match proposal.situation.positions[at].policy {
            Policy::MinMax { min, max } => max - min,
            _ => 0,
        };
        assert!(lot(0) > 4 && lot(1) > 4, "{:?}", proposal.situation.positions);
    }

    #[test]
    fn a_proposal_is_the_same_for_any_number_of_threads() {
        let today = network(&[20, 9, 40], true, 0);
        let plan = Plan::fixed(7, 60, 6);
        let one = improved(&today, &today, &plan, Search::rounds(6));
        let three = improved(&today, &today, &plan, Search { threads: 3, ..Search::rounds(6) });
        assert_eq!((one.situation, one.difference), (three.situation, three.difference));
    }

    #[test]
    fn only_what_may_change_changes() {
        let today = network(&[30, 30, 60], false, 1_000);
        let plan = Plan::fixed(3, 100, 10);
        let may_change = [false, true, false];
        let search = Search { may_change: Some(&may_change), ..Search::rounds(10) };
        assert_eq!(improved(&today, &today, &plan, search).changed, [1]);
        let placed = place_safety_stock(&today, 100, Some(&may_change), None).unwrap();
        assert_eq!(placed.situation.positions[0], today.positions[0]);
        assert_ne!(placed.situation.positions[1], today.positions[1]);
    }

    #[test]
    fn where_nothing_is_better_todays_levels_are_proposed_and_one_that_is_stopped_proposes_nothing() {
        let today = network(&[30, 30, 60], false, 1_000);
        let plan = Plan::fixed(3, 100, 10);
        let none = improved(&today, &today, &plan, Search::rounds(0));
        assert_eq!((none.difference.mean, none.changed.len()), (0.0, 0));
        let stop = AtomicBool::new(true);
        let search = Search { stop: Some(&stop), ..Search::rounds(10) };
        assert!(improve(Arc::new(today.clone()), &today, &plan, search, &mut |_| {}).is_none());
    }
}
