//! How far demand strays from its forecast: learned from windows of the past, conformally, and never assumed normal.
//!
//! The error of each step, in units of the series' own spread, is collected over all series and windows; the quantiles
//! of these errors are those of the future as long as past and future are alike. Source: Vovk, Gammerman and Shafer,
//! *Algorithmic Learning in a Random World* (2005); Stankevičiūtė et al., *Conformal time-series forecasting* (2021).

use super::maths::{exp, ln};
use super::series::{Season, mean, scale_of, shrunken_season};

/// Errors that each quantile should rest on; neighbouring steps are taken together until there are as many.
const ERRORS_MIN: usize = 1_500;
/// Points kept of a distribution.
const POINTS_MAX: usize = 400;

/// Distributions of errors in units of a series' spread, by step.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Errors {
    by_step: Vec<Vec<f64>>,
}

impl Errors {
    /// From the errors of windows (each a list by step; they may be of different length).
    pub(super) fn collect(windows: &[Vec<f64>], horizon: usize) -> Self {
        let seen: Vec<Vec<f64>> = (0..horizon)
            .map(|step| {
                windows.iter().filter_map(|window| window.get(step).copied()).filter(|e| e.is_finite()).collect()
            })
            .collect();
        let pooled = |step: usize| {
            let mut reach = 0;
            loop {
                let steps = step.saturating_sub(reach)..(step + reach + 1).min(horizon);
                let n: usize = seen[steps.clone()].iter().map(Vec::len).sum();
                // No further than a quarter of the step itself, or errors of the near would pass for those of the far.
                if n >= ERRORS_MIN || reach >= (step + 1) / 4 {
                    let mut errors: Vec<f64> = seen[steps].iter().flatten().copied().collect();
                    errors.sort_by(f64::total_cmp);
                    return thin(errors);
                }
                reach += 1;
            }
        };
        Self { by_step: (0..horizon).map(pooled).collect() }
    }

    /// The error that is not exceeded with probability `level`, `step` periods ahead (0 is the next).
    ///
    /// Where nothing was learned: that of a random walk with normal steps.
    pub(super) fn quantile(&self, step: usize, level: f64) -> f64 {
        let level = if level.is_finite() { level.clamp(0.0005, 0.9995) } else { 0.5 };
        let points = self.by_step.get(step).or(self.by_step.last()).map_or(&[][..], |points| points);
        if points.len() < 20 {
            return 1.2533 * ((step + 1) as f64).sqrt() * normal_quantile(level);
        }
        // One more than there are: what is still to come counts as well.
        let n = points.len() as f64;
        let place = (level * (n + 1.0) - 1.0).clamp(0.0, n - 1.0);
        let (below, part) = (place as usize, place.fract());
        let above = (below + 1).min(points.len() - 1);
        points[below] + part * (points[above] - points[below])
    }
}

/// At most [`POINTS_MAX`] of many sorted points, evenly, the ends with them.
fn thin(points: Vec<f64>) -> Vec<f64> {
    if points.len() <= POINTS_MAX {
        return points;
    }
    let last = (points.len() - 1) as f64;
    let at = |k: usize| points[(k as f64 * last / (POINTS_MAX - 1) as f64 + 0.5) as usize];
    (0..POINTS_MAX).map(at).collect()
}

/// Of the standard normal distribution, to 1e-9: Acklam's approximation.
fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_5,
        -275.928_510_446_968_7,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -54.476_098_798_224_06,
        161.585_836_858_040_9,
        -155.698_979_859_886_6,
        66.801_311_887_719_72,
        -13.280_681_552_885_72,
    ];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_293,
        -0.322_396_458_041_136_5,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [0.007_784_695_709_041_462, 0.322_467_129_070_039_8, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let tail = |p: f64| {
        let q = (-2.0 * ln(p)).sqrt();
        let up = C.iter().fold(0.0, |sum, c| sum * q + c);
        up / (D.iter().fold(0.0, |sum, d| sum * q + d) * q + 1.0)
    };
    if p < 0.02425 {
        tail(p)
    } else if p > 1.0 - 0.02425 {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        q * A.iter().fold(0.0, |sum, a| sum * r + a) / (B.iter().fold(0.0, |sum, b| sum * r + b) * r + 1.0)
    }
}

/// What a series' errors are measured in: how much it moves from period to period, lately more than long ago.
///
/// Of regular series the mean step of the seasonally adjusted values; of intermittent ones the deviation from the mean.
/// Positive, and never less than a thousandth of the mean size.
pub(super) fn spread(y: &[f64], season: usize, intermittent: bool) -> f64 {
    let scale = scale_of(y);
    let y: Vec<f64> = y.iter().map(|value| value / scale).collect();
    let size = mean(&y.iter().map(|value| value.abs()).collect::<Vec<_>>());
    let least = if size > 0.0 { 1e-3 * size } else { 1e-9 };
    let found = if intermittent { of_intermittent(&y) } else { of_regular(&y, season) };
    scale * if found.is_finite() { found.max(least) } else { least }
}

fn of_intermittent(y: &[f64]) -> f64 {
    let half_life = 13.0;
    let level = recent_mean(y.iter().copied(), y.len(), half_life);
    let variance = recent_mean(y.iter().map(|value| (value - level) * (value - level)), y.len(), half_life);
    let overall = mean(y);
    let variance_overall = mean(&y.iter().map(|value| (value - overall) * (value - overall)).collect::<Vec<_>>());
    (0.5 * variance + 0.5 * variance_overall).sqrt()
}

fn of_regular(y: &[f64], season: usize) -> f64 {
    let positive = y.iter().all(|value| *value > 0.0);
    let adjusted: Vec<f64> = match shrunken_season(y, season) {
        season @ Season::Factors(_) => season.remove(y).iter().map(|value| ln(*value)).collect(),
        Season::None if positive => y.iter().map(|value| ln(*value)).collect(),
        season => season.remove(y),
    };
    let n = adjusted.len();
    if n < 2 {
        return 0.0;
    }
    // Four years of months or quarters, one of weeks or days.
    let half_life = match season {
        7 => 364.0,
        24.. => 52.0,
        _ => 4.0 * season.max(4) as f64,
    };
    let step = recent_mean(adjusted.windows(2).map(|pair| (pair[1] - pair[0]).abs()), n - 1, half_life);
    // How far it strays in a longer time, apart from its drift, says more of the far steps.
    let lag = (if season >= 24 { 6 } else { season.max(2) }).min(n / 2).max(1);
    let drift = (adjusted[n - 1] - adjusted[0]) / (n - 1) as f64 * lag as f64;
    let strays = adjusted.iter().zip(&adjusted[lag..]).map(|(a, b)| (b - a - drift).abs());
    let far = recent_mean(strays, n - lag, half_life);
    let step = libm::cbrt(step * far * far);
    if positive {
        // Steps of logarithms are shares of the level at which the series now is.
        let width = season.clamp(1, 12).min(n);
        step * exp(mean(&adjusted[n - width..]))
    } else {
        step
    }
}

/// The mean of `n` values in which one `half_life` periods older weighs half as much.
fn recent_mean(values: impl Iterator<Item = f64>, n: usize, half_life: f64) -> f64 {
    let keep = exp(-core::f64::consts::LN_2 / half_life);
    let (mut sum, mut weight) = (0.0, 0.0);
    for value in values {
        sum = keep * sum + value;
        weight = keep * weight + 1.0;
    }
    if n > 0 && weight > 0.0 { sum / weight } else { 0.0 }
}

/// The share of a series' own forecast error: `actual − forecast` in units of `spread`, by step.
pub(super) fn errors_of(actual: &[f64], forecast: &[f64], spread: f64) -> Vec<f64> {
    actual.iter().zip(forecast).map(|(a, f)| (a - f) / spread).collect()
}
