//! Ranking and selection: how to spend simulation runs so that the best of several designs is found.

use super::{TheoryError, positive};

/// What is known of a design so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampled {
    /// Mean of its runs.
    pub mean: f64,
    /// Standard deviation of its runs.
    pub sd: f64,
}

/// The share of further runs for each design that makes choosing the best of them most likely right (optimal
/// computing budget allocation; Chen, Lin, Yücesan and Chick 2000). They sum to 1.
///
/// The lowest mean is best where `minimise`, else the highest; of designs that tie for it, the first. Others
/// that tie with it get no runs of their own: nothing tells them apart.
pub fn budget_shares(designs: &[Sampled], minimise: bool) -> Result<Vec<f64>, TheoryError> {
    for design in designs {
        positive("standard deviation", design.sd)?;
        if !design.mean.is_finite() {
            return Err(TheoryError::NotPositive { what: "mean", value: design.mean });
        }
    }
    let sign = if minimise { 1.0 } else { -1.0 };
    let best = designs.iter().enumerate().min_by(|a, b| (sign * a.1.mean).total_cmp(&(sign * b.1.mean)));
    let Some((best, leader)) = best else { return Err(TheoryError::None("design")) };
    // In units of the closest rival, so that squares neither overflow nor vanish.
    let closest = designs
        .iter()
        .map(|design| libm::fabs(design.mean - leader.mean))
        .filter(|gap| *gap > 0.0)
        .fold(f64::INFINITY, f64::min);
    let mut shares: Vec<f64> = designs
        .iter()
        .map(|design| {
            let gap = libm::fabs(design.mean - leader.mean);
            let ratio = if gap > 0.0 { design.sd / leader.sd * (closest / gap) } else { 0.0 };
            ratio * ratio
        })
        .collect();
    let squares: f64 = shares
        .iter()
        .zip(designs)
        .map(|(share, design)| {
            let ratio = share * leader.sd / design.sd;
            ratio * ratio
        })
        .sum();
    shares[best] = if squares > 0.0 { libm::sqrt(squares) } else { 1.0 };
    let sum: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
    Ok(shares)
}

/// Whole runs of a budget by their shares: rounded down, and what is left to the largest remainders.
#[must_use]
pub fn whole_runs(budget: u32, shares: &[f64]) -> Vec<u32> {
    let ideal: Vec<f64> = shares.iter().map(|share| (share * f64::from(budget)).max(0.0)).collect();
    let mut runs: Vec<u32> = ideal.iter().map(|ideal| libm::floor(*ideal) as u32).collect();
    let mut left = budget.saturating_sub(runs.iter().sum());
    let mut by_remainder: Vec<usize> = (0..shares.len()).collect();
    let remainder = |i: usize| ideal[i] - libm::floor(ideal[i]);
    by_remainder.sort_by(|a, b| remainder(*b).total_cmp(&remainder(*a)));
    for idx in by_remainder {
        if left == 0 {
            break;
        }
        runs[idx] += 1;
        left -= 1;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn designs(means: &[f64], sds: &[f64]) -> Vec<Sampled> {
        means.iter().zip(sds).map(|(mean, sd)| Sampled { mean: *mean, sd: *sd }).collect()
    }

    #[test]
    fn two_designs_share_by_their_deviations() {
        let shares = budget_shares(&designs(&[1.0, 2.0], &[3.0, 1.0]), true).unwrap();
        assert!((shares[0] - 0.75).abs() < 1e-12, "{shares:?}");
        let shares = budget_shares(&designs(&[1.0, 2.0], &[3.0, 1.0]), false).unwrap();
        assert!((shares[0] - 0.75).abs() < 1e-12, "{shares:?}");
    }

    #[test]
    fn no_designs_and_no_deviation_are_refused() {
        assert_eq!(budget_shares(&[], true), Err(TheoryError::None("design")));
        assert!(budget_shares(&designs(&[1.0], &[0.0]), true).is_err());
        assert_eq!(budget_shares(&designs(&[1.0, 1.0], &[2.0, 2.0]), true).unwrap(), [1.0, 0.0]);
    }

    proptest! {
        #[test]
        fn shares_sum_to_one_and_runs_to_the_budget(
            rows in prop::collection::vec((-10.0_f64..10.0, 0.1_f64..5.0), 1..12),
            budget in 0_u32..5_000,
            minimise in any::<bool>(),
        ) {
            let designs: Vec<Sampled> = rows.into_iter().map(|(mean, sd)| Sampled { mean, sd }).collect();
            let shares = budget_shares(&designs, minimise).unwrap();
            prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            prop_assert_eq!(whole_runs(budget, &shares).iter().sum::<u32>(), budget);
        }
    }
}
