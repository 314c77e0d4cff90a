//! A series before any method sees it: gaps filled, the season found and taken out, numbers of a size to reckon with.

use super::maths::{ln, powi2};

/// Beyond this a number is held to be a mistake, and cut.
const MAGNITUDE_MAX: f64 = 1e100;

/// `y` with every missing point (not a number) filled from one season before it, or by the median at the start.
///
/// Infinite points count as missing, and what is beyond ±1e100 is cut to it. An empty series stays empty; one with
/// nothing but missing points is zero throughout.
#[must_use]
pub fn fill(y: &[f64], season: usize) -> Vec<f64> {
    let mut known: Vec<f64> = y.iter().copied().filter(|value| value.is_finite()).map(cut).collect();
    let median = median(&mut known).unwrap_or(0.0);
    let mut filled = Vec::with_capacity(y.len());
    for (at, &value) in y.iter().enumerate() {
        filled.push(if value.is_finite() {
            cut(value)
        } else if season > 0 && at >= season {
            filled[at - season]
        } else {
            median
        });
    }
    filled
}

fn cut(value: f64) -> f64 {
    value.clamp(-MAGNITUDE_MAX, MAGNITUDE_MAX)
}

/// The median, which sorts `values`; `None` if there are none.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(0.5 * values[middle - 1] + 0.5 * values[middle]),
    }
}

/// The mean; 0 of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// The power of two nearest below the mean size of `y`, so that dividing by it rounds nothing; 1 for a zero series.
pub(super) fn scale_of(y: &[f64]) -> f64 {
    let size = y.iter().map(|value| value.abs()).sum::<f64>() / y.len().max(1) as f64;
    powi2(size)
}

/// Whether the autocorrelation at the season's lag is beyond 90 % of what noise shows: the test of the M4 organisers.
///
/// False with fewer than three seasons.
#[must_use]
pub fn is_seasonal(y: &[f64], season: usize) -> bool {
    let n = y.len();
    if season <= 1 || n < 3 * season {
        return false;
    }
    let mean = mean(y);
    let z: Vec<f64> = y.iter().map(|value| value - mean).collect();
    let total: f64 = z.iter().map(|value| value * value).sum();
    if total <= 0.0 {
        return false;
    }
    let at_lag = |lag: usize| z[lag..].iter().zip(&z).map(|(a, b)| a * b).sum::<f64>() / total;
    let before: f64 = (1..season).map(|lag| at_lag(lag) * at_lag(lag)).sum();
    at_lag(season).abs() > 1.645 / (n as f64).sqrt() * (1.0 + 2.0 * before).sqrt()
}

/// Classical multiplicative seasonal indices by position (time modulo `season`), with mean 1: R's `decompose`.
///
/// `None` where a moving average is zero, or an index not positive and finite.
#[must_use]
pub fn classical_indices(y: &[f64], season: usize) -> Option<Vec<f64>> {
    let trend = centred_average(y, season)?;
    let half = season / 2;
    let (mut sums, mut counts) = (vec![0.0; season], vec![0.0; season]);
    for (at, level) in trend.iter().enumerate() {
        sums[(at + half) % season] += y[at + half] / level;
        counts[(at + half) % season] += 1.0;
    }
    let raw: Vec<f64> = sums.iter().zip(&counts).map(|(sum, count)| sum / count).collect();
    let level = mean(&raw);
    let indices: Vec<f64> = raw.iter().map(|index| index / level).collect();
    indices.iter().all(|index| index.is_finite() && *index > 0.0).then_some(indices)
}

/// The centred moving average over one season, of length `n − 2 (season / 2)`; `None` if the series is shorter.
pub(super) fn centred_average(y: &[f64], season: usize) -> Option<Vec<f64>> {
    let half = season / 2;
    let width = 2 * half + 1;
    if season < 2 || y.len() < width {
        return None;
    }
    let edge = if season.is_multiple_of(2) { 0.5 } else { 1.0 };
    let average = |window: &[f64]| {
        let inner: f64 = window[1..width - 1].iter().sum();
        (inner + edge * (window[0] + window[width - 1])) / season as f64
    };
    Some(y.windows(width).map(average).collect())
}

/// The M4 organisers' Naive2: the last value, seasonally adjusted where [`is_seasonal`].
#[must_use]
pub fn naive2(y: &[f64], season: usize, horizon: usize) -> Vec<f64> {
    let Some(&last) = y.last() else { return vec![0.0; horizon] };
    let indices =
        if is_seasonal(y, season) && y.iter().all(|value| *value >= 0.0) { classical_indices(y, season) } else { None };
    let Some(indices) = indices else { return vec![last; horizon] };
    let n = y.len();
    let level = last / indices[(n - 1) % season];
    (n..n + horizon).map(|at| level * indices[at % season]).collect()
}

/// How a season is taken out and put back.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Season {
    /// There is none.
    None,
    /// Factors by position.
    Factors(Vec<f64>),
    /// Summands by position.
    Summands(Vec<f64>),
}

impl Season {
    pub(super) fn remove(&self, y: &[f64]) -> Vec<f64> {
        match self {
            Self::None => y.to_vec(),
            Self::Factors(factors) => y.iter().zip(factors.iter().cycle()).map(|(value, by)| value / by).collect(),
            Self::Summands(summands) => y.iter().zip(summands.iter().cycle()).map(|(value, by)| value - by).collect(),
        }
    }

    /// Puts the season back into what follows `n` observations.
    pub(super) fn restore(&self, n: usize, forecast: &mut [f64]) {
        match self {
            Self::None => {}
            Self::Factors(factors) => {
                for (step, value) in forecast.iter_mut().enumerate() {
                    *value *= factors[(n + step) % factors.len()];
                }
            }
            Self::Summands(summands) => {
                for (step, value) in forecast.iter_mut().enumerate() {
                    *value += summands[(n + step) % summands.len()];
                }
            }
        }
    }
}

/// Seasonal indices drawn towards none by how little of their spread is more than noise (James–Stein; Miller and
/// Williams, *Shrinkage estimators of time series seasonal factors*, 2003).
///
/// Long seasons (more than 24 positions) are smoothed over their neighbours first. Factors if the series is positive,
/// summands otherwise; none where there are fewer than two seasons.
pub(super) fn shrunken_season(y: &[f64], season: usize) -> Season {
    let positive = y.iter().all(|value| *value > 0.0);
    if season <= 1 || y.len() < 2 * season {
        return Season::None;
    }
    let x: Vec<f64> = if positive { y.iter().map(|value| ln(*value)).collect() } else { y.to_vec() };
    let Some(trend) = centred_average(&x, season) else { return Season::None };
    let half = season / 2;
    let mut by_position: Vec<Vec<f64>> = vec![Vec::new(); season];
    for (at, level) in trend.iter().enumerate() {
        by_position[(at + half) % season].push(x[at + half] - level);
    }
    // The middle of three or more, for robustness against single outliers: the mean of the inner half.
    let mut effects: Vec<f64> = by_position.iter_mut().map(|values| inner_mean(values)).collect();
    let level = mean(&effects);
    effects.iter_mut().for_each(|effect| *effect -= level);
    let n_seen: f64 = by_position.iter().map(|values| values.len() as f64).sum();
    let within: f64 = by_position
        .iter()
        .zip(&effects)
        .map(|(values, effect)| values.iter().map(|v| (v - level - effect) * (v - level - effect)).sum::<f64>())
        .sum::<f64>()
        / (n_seen - season as f64).max(1.0);
    let per_position = (n_seen / season as f64).max(1.0);
    let mut noise = within / per_position;
    if season > 24 {
        let raw = effects.clone();
        const KERNEL: [f64; 5] = [1.0, 2.0, 3.0, 2.0, 1.0];
        for (at, effect) in effects.iter_mut().enumerate() {
            let sum: f64 = KERNEL.iter().enumerate().map(|(k, w)| w * raw[(at + season + k - 2) % season]).sum();
            *effect = sum / 9.0;
        }
        noise *= 19.0 / 81.0;
    }
    let spread = effects.iter().map(|effect| effect * effect).sum::<f64>() / (season as f64 - 1.0);
    let kept = if spread > 0.0 { (1.0 - noise / spread).clamp(0.0, 1.0) } else { 0.0 };
    if !kept.is_finite() || kept <= 0.0 {
        return Season::None;
    }
    if positive {
        Season::Factors(effects.iter().map(|effect| super::maths::exp(kept * effect)).collect())
    } else {
        Season::Summands(effects.iter().map(|effect| kept * effect).collect())
    }
}

/// The mean without the lowest and the highest, where there are at least five.
fn inner_mean(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    if n >= 5 { mean(&values[1..n - 1]) } else { mean(values) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_take_the_value_one_season_before_or_the_median() {
        let filled = fill(&[f64::NAN, 1.0, 3.0, f64::NAN, f64::INFINITY], 2);
        assert_eq!(filled, [2.0, 1.0, 3.0, 1.0, 3.0]);
        assert_eq!(fill(&[f64::NAN; 2], 7), [0.0, 0.0]);
    }

    #[test]
    fn indices_of_a_pure_season_are_its_factors() {
        let y: Vec<f64> = (0..24).map(|t| 100.0 * [0.5, 1.0, 1.5, 1.0][t % 4]).collect();
        assert!(is_seasonal(&y, 4));
        let indices = classical_indices(&y, 4).unwrap();
        for (found, expected) in indices.iter().zip([0.5, 1.0, 1.5, 1.0]) {
            assert!((found - expected).abs() < 1e-12, "{indices:?}");
        }
        let ahead = naive2(&y, 4, 4);
        assert!((ahead[0] - 50.0).abs() < 1e-9 && (ahead[2] - 150.0).abs() < 1e-9, "{ahead:?}");
    }

    #[test]
    fn a_season_that_is_noise_is_shrunk_away() {
        let noise: Vec<f64> =
            (0..48_u64).map(|t| 100.0 + ((t * 7_919 + 13) * 2_654_435_761 % 1_000) as f64 / 100.0).collect();
        if let Season::Factors(by) = shrunken_season(&noise, 12) {
            assert!(by.iter().all(|factor| (factor - 1.0).abs() < 0.04), "{by:?}");
        }
    }
}
