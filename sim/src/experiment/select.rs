//! Choosing the best of many: where to spend replications.
//!
//! Source: C.-H. Chen, J. Lin, E. Yücesan, S. E. Chick, "Simulation budget allocation for further enhancing the
//! efficiency of ordinal optimization", Discrete Event Dynamic Systems 10 (2000).

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Estimate, Kpi, Outcome, Scope};
use crate::kernel::{Effort, Model};
use crate::situation::Situation;

/// Shares of a budget of replications that best tell the smallest mean from the others (OCBA). They sum to 1.
///
/// Equal means are told apart as if they differed by a millionth of the spread of the means.
pub fn budget(means: &[f64], sds: &[f64]) -> Vec<f64> {
    let Some(best) = (0..means.len()).min_by(|a, b| means[*a].total_cmp(&means[*b])) else { return Vec::new() };
    if means.len() == 1 {
        return vec![1.0];
    }
    let widest = means.iter().fold(0.0_f64, |widest, mean| widest.max(mean - means[best]));
    let least = if widest > 0.0 { widest * 1e-6 } else { 1.0 };
    let sd = |i: usize| sds[i].max(1e-12 * (1.0 + means[i].abs()));
    let mut shares: Vec<f64> = (0..means.len())
        .map(|i| {
            let ratio = sd(i) / (means[i] - means[best]).max(least);
            ratio * ratio
        })
        .collect();
    let others: f64 = (0..means.len()).filter(|i| *i != best).map(|i| shares[i] * shares[i] / (sd(i) * sd(i))).sum();
    shares[best] = sd(best) * libm::sqrt(others);
    let sum: f64 = shares.iter().sum();
    shares.iter().map(|share| share / sum).collect()
}

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
        let means: Vec<f64> = now.iter().map(|e| sign * e.mean).collect();
        let sds: Vec<f64> = now.iter().map(|e| e.sd).collect();
        let shares = budget(&means, &sds);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_goes_where_it_is_hard_to_tell() {
        let shares = budget(&[1.0, 2.0, 3.0, 4.0, 5.0], &[3.0; 5]);
        let expected = [0.421_822_988_2, 0.406_134_096_1, 0.101_533_524_0, 0.045_126_010_7, 0.025_383_381_0];
        for (found, expected) in shares.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{shares:?}");
        }
        assert_eq!(budget(&[1.0, 1.0], &[0.0, 0.0]).iter().sum::<f64>(), 1.0);
        assert!(budget(&[], &[]).is_empty());
    }
}
