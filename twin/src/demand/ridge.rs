//! One linear autoregression for many series: each step ahead is regressed, over all series at once, on what was seen.
//!
//! Source: Montero-Manso and Hyndman, *Principles and algorithms for forecasting groups of time series: locality and
//! globality* (2021).

use super::maths::{factorise, substitute};
use super::series::mean;

/// A fitted regression.
#[derive(Clone, Debug)]
pub(super) struct Pooled {
    lags: usize,
    horizon: usize,
    /// For each step, a coefficient for each feature.
    coefficients: Vec<Vec<f64>>,
}

/// The newest rows of a series that are learned from.
const ROWS_MAX: usize = 150;

/// The size of a step of `z`, by which it is scaled.
fn step_size(z: &[f64]) -> f64 {
    let steps: Vec<f64> = z.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    mean(&steps)
}

/// What is known at the end of `seen`: how far the past was from the newest value, in steps.
fn features(seen: &[f64], lags: usize, scale: f64, into: &mut Vec<f64>) {
    into.clear();
    let n = seen.len();
    let last = seen[n - 1];
    for lag in 1..lags {
        let value = if lag < n { seen[n - 1 - lag] } else { seen[0] };
        into.push((value - last) / scale);
    }
    for width in [2 * lags, 4 * lags] {
        into.push((mean(&seen[n.saturating_sub(width)..]) - last) / scale);
    }
    into.push((mean(seen) - last) / scale);
    into.push(1.0);
}

impl Pooled {
    /// Learns from all `series` (seasonally adjusted, of a like nature). `ridge` is the penalty as a share of the rows.
    pub(super) fn fit(series: &[&[f64]], lags: usize, horizon: usize, ridge: f64) -> Self {
        let width = lags + 3;
        let (mut gram, mut targets) = (vec![0.0; width * width], vec![vec![0.0; width]; horizon]);
        let mut x = Vec::with_capacity(width);
        let mut n_rows = 0.0;
        for z in series {
            let n = z.len();
            let scale = step_size(z);
            if n < lags + horizon + 1 || scale.is_nan() || scale <= 0.0 {
                continue;
            }
            let newest = n - horizon;
            for end in lags.max(newest.saturating_sub(ROWS_MAX))..=newest {
                features(&z[..end], lags, scale, &mut x);
                for a in 0..width {
                    for b in 0..=a {
                        gram[a * width + b] += x[a] * x[b];
                    }
                }
                let last = z[end - 1];
                for (step, target) in targets.iter_mut().enumerate() {
                    // Limits what a single jump can do.
                    let y = ((z[end + step] - last) / scale).clamp(-25.0, 25.0);
                    for (sum, value) in target.iter_mut().zip(&x) {
                        *sum += value * y;
                    }
                }
                n_rows += 1.0;
            }
        }
        for k in 0..width {
            gram[k * width + k] += ridge * n_rows + 1e-9;
        }
        factorise(&mut gram, width);
        for target in &mut targets {
            substitute(&gram, target);
        }
        Self { lags, horizon, coefficients: targets }
    }

    /// Forecasts one series.
    pub(super) fn forecast(&self, z: &[f64]) -> Vec<f64> {
        let Some(&last) = z.last() else { return vec![0.0; self.horizon] };
        let scale = step_size(z);
        if scale.is_nan() || scale <= 0.0 {
            return vec![last; self.horizon];
        }
        let mut x = Vec::new();
        features(z, self.lags, scale, &mut x);
        let step = |c: &Vec<f64>| last + scale * c.iter().zip(&x).map(|(c, x)| c * x).sum::<f64>();
        self.coefficients.iter().map(step).collect()
    }
}
