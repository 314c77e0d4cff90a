//! Choosing the best of many: where to spend replications.
//!
//! Source: C.-H. Chen, J. Lin, E. Yücesan, S. E. Chick, "Simulation budget allocation for further enhancing the
//! efficiency of ordinal optimization", Discrete Event Dynamic Systems 10 (2000).

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Estimate, Kpi, Outcome, Scope};
use crate::kernel::{Effort, Model};
use crate::situation::Situation;
use crate::theory::ranking::{Sampled, budget_shares};

/// A candidate after the choice.
#[derive(Clone, Debug)]
pub struct Selected {
    /// Which of the cases given.
    pub case: usize,
    /// Of the KPI.
    pub estimate: Estimate,
    /// The estimated probability that it is the best, by normal approximation (Bonferroni): of the first only.
    pub probability_best: Option<f64>,
}

/// Ranks candidates by a KPI, from best to worst, with at most `total` replications in all; `None` if stopped.
///
/// Each gets `first` replications, then OCBA says where the next go. Random numbers are common.
pub fn select(
    cases: &[Arc<Situation>],
    kpi: Kpi,
    days: u32,
    (seed, first, total): (u64, u32, u32),
    threads: usize,
    stop: Option<&AtomicBool>,
) -> Option<Vec<Selected>> {
    let sign = if kpi.better() > 0 { -1.0 } else { 1.0 };
    let first = first.max(5);
    let mut outcomes = Vec::with_capacity(cases.len());
    for situation in cases {
        let model = Arc::new(Model::new(situation.clone(), days, 0));
        let tally = model.run(seed, 0..first, Effort { threads, stop, ..Effort::default() })?;
        outcomes.push(Outcome { name: String::new(), model, tally });
    }
    let estimates = |outcomes: &[Outcome]| -> Vec<Estimate> {
        let nothing = Estimate { mean: f64::MAX, half_width: 0.0, sd: 0.0, n: 0 };
        outcomes.iter().map(|outcome| outcome.estimate(kpi, Scope::All).unwrap_or(nothing)).collect()
    };
    let mut spent = first * cases.len() as u32;
    let step = (total.saturating_sub(spent) / 10).max(1);
    while spent < total {
        let now = estimates(&outcomes);
        // Candidates without variance are told apart already; a little keeps the formula finite.
        let sampled = |e: &Estimate| Sampled { mean: sign * e.mean, sd: e.sd.max(1e-12 * (1.0 + e.mean.abs())) };
        let shares = budget_shares(&now.iter().map(sampled).collect::<Vec<_>>(), true).unwrap_or_default();
        let goal = f64::from((spent + step).min(total));
        let mut grew = false;
        for (outcome, share) in outcomes.iter_mut().zip(shares) {
            let has = outcome.tally.replications().end;
            let more = ((share * goal).ceil() as u32).saturating_sub(has).min(total - spent);
            if more > 0 {
                let tally = outcome.model.run(seed, has..has + more, Effort { threads, stop, ..Effort::default() })?;
                outcome.tally.append(tally);
                spent += more;
                grew = true;
            }
        }
        if !grew {
            break;
        }
    }
    let now = estimates(&outcomes);
    let mut order: Vec<usize> = (0..now.len()).collect();
    order.sort_by(|a, b| (sign * now[*a].mean).total_cmp(&(sign * now[*b].mean)));
    let mut ranked: Vec<Selected> =
        order.into_iter().map(|case| Selected { case, estimate: now[case], probability_best: None }).collect();
    if let Some((best, others)) = ranked.split_first_mut() {
        let variance = |e: &Estimate| e.variance() / f64::from(e.n.max(1));
        let wrong: f64 = others
            .iter()
            .map(|other| {
                let gap = sign * (other.estimate.mean - best.estimate.mean);
                let sd = libm::sqrt(variance(&other.estimate) + variance(&best.estimate));
                if sd > 0.0 { crate::theory::continuous::normal_cdf(-gap / sd) } else { 0.0 }
            })
            .sum();
        best.probability_best = Some((1.0 - wrong).max(0.0));
    }
    Some(ranked)
}
