//! What may be asked for: the distribution of demand by period.

use std::sync::Arc;

/// Pieces asked for in one period: mean and variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Pieces.
    pub mean: f64,
    /// Pieces squared.
    pub variance: f64,
}

/// The distribution of demand over coming periods (days in a network, weeks in a weekly plan); period 0 is the
/// first one not yet over.
#[derive(Clone, Debug, PartialEq)]
pub enum DemandDistribution {
    /// Independent periods with the same mean and variance.
    Steady(Rate),
    /// Independent periods, each with its own; beyond the last, the last again. `level_cv` is the coefficient
    /// of variation of one factor common to all periods: how badly the level itself is known.
    ByPeriod {
        /// Mean and variance of periods 0, 1, …, given the level.
        rates: Arc<[Rate]>,
        /// Standard deviation of the common factor, whose mean is 1.
        level_cv: f64,
    },
    /// Equally likely futures of some model, pieces by period; beyond the last period, its mean.
    Paths {
        /// Periods in each path.
        n_periods: usize,
        /// `n_periods` numbers for each path, one path after the other.
        pieces: Arc<[u32]>,
    },
}

/// Three levels that stand for all (Gauss–Hermite): factor in standard deviations, and chance.
const LEVELS: [(f64, f64); 3] =
    [(-1.732_050_807_568_877_2, 1.0 / 6.0), (0.0, 2.0 / 3.0), (1.732_050_807_568_877_2, 1.0 / 6.0)];

impl DemandDistribution {
    /// A distribution that cannot vary: exactly this much in every period.
    #[must_use]
    pub fn certain(pieces_per_period: f64) -> Self {
        Self::Steady(Rate { mean: pieces_per_period, variance: 0.0 })
    }

    /// Expected pieces in the periods from `from` until before `until`.
    #[must_use]
    pub fn mean(&self, from: u32, until: u32) -> f64 {
        match self {
            Self::Paths { n_periods, pieces } => {
                let n_paths = pieces.len() / (*n_periods).max(1);
                (0..n_paths).map(|path| path_sum(pieces, *n_periods, path, from, until)).sum::<f64>()
                    / n_paths.max(1) as f64
            }
            _ => self.sum(from, until).mean,
        }
    }

    /// Standard deviation of the pieces in the periods from `from` until before `until`.
    #[must_use]
    pub fn deviation(&self, from: u32, until: u32) -> f64 {
        let variance = match self {
            Self::Paths { n_periods, pieces } => {
                let n_paths = pieces.len() / (*n_periods).max(1);
                let mean = self.mean(from, until);
                let squares =
                    (0..n_paths).map(|path| path_sum(pieces, *n_periods, path, from, until) - mean).map(|it| it * it);
                squares.sum::<f64>() / n_paths.max(1) as f64
            }
            Self::Steady(_) => self.sum(from, until).variance,
            Self::ByPeriod { level_cv, .. } => {
                let Rate { mean, variance } = self.sum(from, until);
                variance + level_cv * level_cv * mean * mean
            }
        };
        libm::sqrt(variance)
    }

    /// The levels to reckon with and their chances; one where the level is known.
    pub(super) fn levels(&self) -> impl Iterator<Item = (f64, f64)> {
        let cv = match self {
            Self::ByPeriod { level_cv, .. } => *level_cv,
            _ => 0.0,
        };
        let used = if cv > 0.0 { &LEVELS[..] } else { &[(0.0, 1.0)] };
        used.iter().map(move |(deviations, chance)| ((1.0 + deviations * cv).max(0.05), *chance))
    }

    /// Mean and variance over some periods at the middle level; of paths, none.
    pub(super) fn sum(&self, from: u32, until: u32) -> Rate {
        let n = f64::from(until.saturating_sub(from));
        match self {
            Self::Steady(rate) => Rate { mean: rate.mean * n, variance: rate.variance * n },
            Self::ByPeriod { rates, .. } => {
                let (mut mean, mut variance) = (0.0, 0.0);
                let Some(last) = rates.len().checked_sub(1) else { return Rate { mean, variance } };
                for period in from..until {
                    let rate = rates[(period as usize).min(last)];
                    mean += rate.mean;
                    variance += rate.variance;
                }
                Rate { mean, variance }
            }
            Self::Paths { .. } => Rate { mean: 0.0, variance: 0.0 },
        }
    }
}

/// Pieces of one path in the periods from `from` until before `until`.
pub(super) fn path_sum(pieces: &[u32], n_periods: usize, path: usize, from: u32, until: u32) -> f64 {
    let row = &pieces[path * n_periods..(path + 1) * n_periods];
    let (from, until) = (from as usize, until as usize);
    let inside: u64 = row.iter().take(until).skip(from).map(|it| u64::from(*it)).sum();
    let beyond = until.saturating_sub(from.max(n_periods));
    let usual = row.iter().map(|it| u64::from(*it)).sum::<u64>() as f64 / n_periods.max(1) as f64;
    inside as f64 + beyond as f64 * usual
}

/// Chances of 0, 1, 2, … times `unit` pieces for a demand of this mean and variance, until hardly anything is
/// left: a negative binomial where the variance is above the mean, Poisson where it equals it, else a gamma
/// cut into cells; a single value (or two neighbours) where it cannot vary.
pub(super) fn chances(rate: Rate, unit: f64, into: &mut Vec<f64>) {
    into.clear();
    let mean = (rate.mean / unit).max(0.0);
    let variance = (rate.variance / (unit * unit)).max(0.0);
    if mean <= 0.0 {
        into.push(1.0);
        return;
    }
    if variance < 1e-4 * mean.max(1.0) {
        let whole = libm::floor(mean);
        into.resize(whole as usize, 0.0);
        into.extend([1.0 - (mean - whole), mean - whole]);
        return;
    }
    let len = (mean + 7.0 * libm::sqrt(variance) + 3.0) as usize + 1;
    // Chances below this no longer move any quantile that is asked for.
    const TAIL: f64 = 1e-9;
    if variance >= 0.999 * mean {
        let size = if variance > mean * 1.001 { mean * mean / (variance - mean) } else { f64::INFINITY };
        let (first, ratio) = if size.is_finite() {
            (libm::exp(size * libm::log(size / (size + mean))), mean / (size + mean))
        } else {
            (libm::exp(-mean), mean)
        };
        if first > 1e-290 {
            let (mut chance, mut total) = (first, 0.0);
            for k in 0..=4 * len {
                into.push(chance);
                total += chance;
                if 1.0 - total < TAIL {
                    break;
                }
                let k = k as f64;
                chance *= if size.is_finite() { (k + size) / (k + 1.0) * ratio } else { ratio / (k + 1.0) };
            }
            normalise(into);
            return;
        }
    }
    // Wilson and Hilferty 1931: the cube root of a gamma is nearly normal.
    let shape = mean * mean / variance;
    let below = |x: f64| {
        let z = (libm::cbrt(x / mean) - 1.0 + 1.0 / (9.0 * shape)) * 3.0 * libm::sqrt(shape);
        0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
    };
    // Below this, seven deviations under the middle, a cell has nothing in it that a number would show.
    let root = 1.0 - 1.0 / (9.0 * shape) - 7.0 / (3.0 * libm::sqrt(shape));
    let empty = (mean * root.max(0.0) * root * root - 0.5).max(0.0) as usize;
    into.resize(empty, 0.0);
    let mut before = 0.0;
    for k in empty..=4 * len {
        let now = below(k as f64 + 0.5);
        into.push((now - before).max(0.0));
        before = now;
        if 1.0 - now < TAIL {
            break;
        }
    }
    normalise(into);
}

fn normalise(chances: &mut [f64]) {
    let total: f64 = chances.iter().sum();
    for chance in chances.iter_mut() {
        *chance /= total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check_moments(rate: Rate, unit: f64, tolerance: f64) {
        let mut cells = Vec::new();
        chances(rate, unit, &mut cells);
        let mean: f64 = cells.iter().enumerate().map(|(k, p)| k as f64 * unit * p).sum();
        let variance: f64 = cells.iter().enumerate().map(|(k, p)| (k as f64 * unit - mean).powi(2) * p).sum();
        assert!((mean - rate.mean).abs() <= tolerance * (1.0 + rate.mean), "{rate:?}: mean {mean}");
        let slack = tolerance * (1.0 + rate.variance) * 4.0 + unit * unit / 4.0;
        assert!((variance - rate.variance).abs() <= slack, "{rate:?}: variance {variance}");
    }

    #[test]
    fn counts_have_the_mean_and_variance_asked_for() {
        for (mean, variance) in [(0.3, 0.3), (2.5, 2.5), (2.5, 9.0), (40.0, 40.0), (40.0, 300.0)] {
            check_moments(Rate { mean, variance }, 1.0, 1e-4);
        }
        for (mean, variance) in [(900.0, 900.0), (900.0, 40_000.0), (900.0, 100.0)] {
            check_moments(Rate { mean, variance }, 10.0, 0.01);
        }
    }

    #[test]
    fn what_cannot_vary_is_one_value_or_two_neighbours() {
        let mut cells = Vec::new();
        chances(Rate { mean: 3.0, variance: 0.0 }, 1.0, &mut cells);
        assert_eq!(cells, [0.0, 0.0, 0.0, 1.0, 0.0]);
        chances(Rate { mean: 0.0, variance: 5.0 }, 1.0, &mut cells);
        assert_eq!(cells, [1.0]);
    }

    #[test]
    fn paths_go_on_at_their_mean() {
        let demand = DemandDistribution::Paths { n_periods: 2, pieces: Arc::from([1_u32, 3, 5, 7]) };
        assert!((demand.mean(0, 2) - 8.0).abs() < 1e-12);
        assert!((demand.mean(1, 4) - (5.0 + 2.0 * 4.0)).abs() < 1e-12);
        assert!((demand.deviation(0, 1) - 2.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn chances_sum_to_one(mean in 0.01_f64..500.0, ratio in 0.0_f64..20.0, unit in 1_u32..20) {
            let mut cells = Vec::new();
            chances(Rate { mean, variance: mean * ratio }, f64::from(unit), &mut cells);
            let total: f64 = cells.iter().sum();
            prop_assert!((total - 1.0).abs() < 1e-9 && cells.iter().all(|p| *p >= 0.0), "{total}");
        }
    }
}
