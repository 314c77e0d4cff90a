//! Choosing the best of many: where to spend replications.
//!
//! Source: C.-H. Chen, J. Lin, E. Yücesan, S. E. Chick, "Simulation budget allocation for further enhancing the
//! efficiency of ordinal optimization", Discrete Event Dynamic Systems 10 (2000).

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Estimate, Kpi, Outcome, Plan, Progress, Scope};
use crate::kernel::{Effort, Model};
use crate::situation::Situation;
use crate::theory::continuous::normal_cdf;
use crate::theory::ranking::{Sampled, budget_shares};

/// The fewest replications of a candidate.
const FIRST_MIN: u32 = 5;
/// In how many steps replications are handed out.
const STEPS: u32 = 10;

/// A candidate after the choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected {
    /// Which of the cases given.
    pub case: usize,
    /// Of the KPI; `None` where it says nothing.
    pub estimate: Option<Estimate>,
    /// This less the best, over the replications that both have; `None` for the best itself.
    pub behind: Option<Estimate>,
    /// The estimated probability that it is truly worse than the best one, by normal approximation in pairs;
    /// `None` for the best itself.
    pub worse: Option<f64>,
}

/// Candidates after the choice.
#[derive(Clone, Debug)]
pub struct Selection {
    /// From best to worst.
    pub ranking: Vec<Selected>,
    /// The least probability that the first is truly the best: one less the sum of the probabilities that another
    /// is better (Bonferroni), not below 0.
    pub probability_correct: f64,
    /// All cases in the order in which they were given, each with the replications that it got.
    pub outcomes: Vec<Outcome>,
}

/// Ranks cases by a KPI with about `total` replications in all; `None` if stopped.
///
/// Each gets `plan.replications_min`, 5 at least, then OCBA says where the next go. Random numbers are common.
/// Goals of the plan do not count. The same cases, plan and total give the same for any number of threads.
pub fn select(
    cases: Vec<(String, Arc<Situation>)>,
    kpi: Kpi,
    plan: &Plan,
    total: u32,
    threads: usize,
    stop: Option<&AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Option<Selection> {
    let sign = if kpi.better() > 0 { -1.0 } else { 1.0 };
    let effort = Effort { threads, stop, ..Effort::default() };
    let first = plan.replications_min.max(FIRST_MIN);
    let total = total.max(first.saturating_mul(cases.len() as u32));
    let mut spent = 0;
    let mut told = |spent: u32| progress(Progress { done: u64::from(spent), of: u64::from(total) });
    let mut outcomes = Vec::with_capacity(cases.len());
    for (name, situation) in cases {
        let model = Arc::new(Model::new(situation, plan.days, plan.warm_up_days));
        let tally = model.run(plan.seed, 0..first, effort)?;
        outcomes.push(Outcome { name, model, tally: Arc::new(tally) });
        spent += first;
        told(spent);
    }
    let step = (total.saturating_sub(spent) / STEPS).max(1);
    while spent < total {
        // What says nothing is as bad as can be.
        let sampled = |outcome: &Outcome| match outcome.estimate(kpi, Scope::All) {
            // Candidates without variance are told apart already; a little keeps the formula finite.
            Some(e) => Sampled { mean: sign * e.mean, sd: e.sd.max(1e-12 * (1.0 + e.mean.abs())) },
            None => Sampled { mean: f64::MAX, sd: 1e-12 },
        };
        let shares = budget_shares(&outcomes.iter().map(sampled).collect::<Vec<_>>(), true).unwrap_or_default();
        let goal = f64::from((spent + step).min(total));
        let mut grew = false;
        for (outcome, share) in outcomes.iter_mut().zip(shares) {
            let has = outcome.tally.replications().end;
            let more = ((share * goal).ceil() as u32).saturating_sub(has).min(total - spent);
            if more > 0 {
                let tally = outcome.model.run(plan.seed, has..has + more, effort)?;
                Arc::make_mut(&mut outcome.tally).append(tally);
                spent += more;
                told(spent);
                grew = true;
            }
        }
        if !grew {
            break;
        }
    }
    let ranking = ranked(&outcomes, kpi, sign);
    let wrong: f64 = ranking.iter().filter_map(|it| it.worse).map(|worse| 1.0 - worse).sum();
    let probability_correct = (1.0 - wrong).clamp(0.0, 1.0);
    Some(Selection { ranking, probability_correct, outcomes })
}

fn ranked(outcomes: &[Outcome], kpi: Kpi, sign: f64) -> Vec<Selected> {
    let estimates: Vec<Option<Estimate>> = outcomes.iter().map(|outcome| outcome.estimate(kpi, Scope::All)).collect();
    let key = |case: usize| estimates[case].map_or(f64::MAX, |it| sign * it.mean);
    let mut order: Vec<usize> = (0..outcomes.len()).collect();
    order.sort_by(|a, b| key(*a).total_cmp(&key(*b)));
    let best = order.first().copied();
    let of = |case: usize| {
        let rival = best.filter(|best| *best != case);
        let behind = rival.and_then(|best| outcomes[case].difference(&outcomes[best], kpi, Scope::All));
        let worse = behind.map(|it| {
            let sd_of_mean = it.sd / libm::sqrt(f64::from(it.n.max(1)));
            match sign * it.mean {
                gap if sd_of_mean > 0.0 => normal_cdf(gap / sd_of_mean),
                // The same in every replication: equally good, or told apart without doubt.
                gap if gap >= 0.0 => 1.0,
                _ => 0.0,
            }
        });
        Selected { case, estimate: estimates[case], behind, worse }
    };
    order.iter().map(|case| of(*case)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::situation::{Demand, Origin, Policy, Route, StockPosition};
    use crate::theory::distribution::Pmf;

    /// One shop with this level; holding 1 and waiting 9 a piece and day, demand of 4 a day.
    fn shop(level: i64) -> Arc<Situation> {
        let mut s = Situation::empty();
        let (sku, site) = (s.add_sku("SKU"), s.add_site("SHOP", 0));
        s.add(StockPosition {
            on_hand: level,
            policy: Policy::BaseStock { level },
            demand: Demand::random(Pmf::poisson(4.0).unwrap()),
            holding_minor_per_year: 365.0,
            backorder_minor_per_day: 9.0,
            ..StockPosition::new(site, sku).from(Origin::Outside { site: None }, Route::days(3))
        });
        Arc::new(s)
    }

    fn selected(levels: &[i64], total: u32, threads: usize) -> Selection {
        let cases = levels.iter().map(|level| (level.to_string(), shop(*level))).collect();
        let plan = Plan { warm_up_days: 10, ..Plan::fixed(5, 60, 8) };
        let mut last = 0;
        let mut progress = |it: Progress| {
            assert!(it.done > last && it.done <= it.of, "{it:?}");
            last = it.done;
        };
        select(cases, Kpi::RelevantCost, &plan, total, threads, None, &mut progress).unwrap()
    }

    #[test]
    fn the_best_level_comes_first_and_close_rivals_get_the_replications() {
        // The newsvendor's level for 3 days of demand at 9 : 1.
        let levels = [4, 8, 13, 17, 21, 26, 35];
        let found = selected(&levels, 400, 1);
        assert_eq!(levels[found.ranking[0].case], 17, "{:#?}", found.ranking);
        assert!(found.probability_correct > 0.95, "{}", found.probability_correct);
        let n = |level: i64| {
            let at = levels.iter().position(|it| *it == level).unwrap();
            found.outcomes[at].tally.replications().len()
        };
        assert_eq!((n(4), n(35)), (8, 8), "what is far off gets no more");
        assert!(n(17) > 40 && n(13) + n(21) > 60, "{} {} {}", n(13), n(17), n(21));
        let all: usize = found.outcomes.iter().map(|outcome| outcome.tally.replications().len()).sum();
        assert!(all <= 400, "{all}");
    }

    #[test]
    fn a_ranking_is_the_same_for_any_number_of_threads() {
        let levels = [18, 20, 21, 22];
        assert_eq!(selected(&levels, 100, 1).ranking, selected(&levels, 100, 3).ranking);
    }

    #[test]
    fn twins_cannot_be_told_apart_and_one_alone_is_the_best() {
        let twins = selected(&[21, 21], 60, 1);
        assert_eq!(twins.ranking[1].behind.unwrap().mean, 0.0);
        assert_eq!(selected(&[21], 60, 1).probability_correct, 1.0);
    }
}
