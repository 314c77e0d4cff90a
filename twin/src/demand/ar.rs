//! Autoregressions of levels and of differences, by Burg's method, averaged over their order by corrected AIC.
//!
//! Source: Burg, *Maximum entropy spectral analysis* (1975); Brockwell and Davis, *Time Series: Theory and Methods*.

use super::maths::{exp, ln};
use super::series::mean;

/// Forecasts `z` by autoregressions of its level (`differences` 0) or its steps (1), of orders 0 to `order_max`.
///
/// `drift` is the share of the mean step that goes on for ever (differences only).
pub(super) fn forecast(z: &[f64], differences: usize, order_max: usize, drift: f64, horizon: usize) -> Vec<f64> {
    let Some(&last) = z.last() else { return vec![0.0; horizon] };
    let x: Vec<f64> = if differences == 0 { z.to_vec() } else { z.windows(2).map(|pair| pair[1] - pair[0]).collect() };
    let centre = if differences == 0 { mean(&x) } else { drift * mean(&x) };
    let x: Vec<f64> = x.iter().map(|value| value - centre).collect();
    let order_max = order_max.min(x.len() / 4);
    let steps = averaged(&x, order_max, horizon);
    if differences == 0 {
        return steps.iter().map(|step| centre + step).collect();
    }
    let mut level = last;
    steps
        .iter()
        .map(|step| {
            level += centre + step;
            level
        })
        .collect()
}

/// The mean forecast of `x` (about zero) over orders, each weighed by its corrected AIC.
fn averaged(x: &[f64], order_max: usize, horizon: usize) -> Vec<f64> {
    let n = x.len();
    let fits = burg(x, order_max);
    let criteria: Vec<f64> = fits
        .iter()
        .map(|(coefficients, variance)| {
            let k = coefficients.len() as f64 + 1.0;
            n as f64 * ln(variance.max(1e-300)) + 2.0 * k + 2.0 * k * (k + 1.0) / (n as f64 - k - 1.0).max(1.0)
        })
        .collect();
    let least = criteria.iter().copied().fold(f64::INFINITY, f64::min);
    let weights: Vec<f64> = criteria.iter().map(|criterion| exp(-0.5 * (criterion - least))).collect();
    let total: f64 = weights.iter().sum();
    let mut forecast = vec![0.0; horizon];
    for ((coefficients, _), weight) in fits.iter().zip(&weights) {
        let weight = weight / total;
        if weight < 1e-3 || coefficients.is_empty() {
            continue;
        }
        let order = coefficients.len();
        let mut path: Vec<f64> = x[n - order..].to_vec();
        for value in &mut forecast {
            let seen = &path[path.len() - order..];
            let next: f64 = coefficients.iter().zip(seen.iter().rev()).map(|(c, v)| c * v).sum();
            path.push(next);
            *value += weight * next;
        }
    }
    forecast
}

/// For each order from 0: the coefficients of lags 1, 2, … and the variance of an error. Always stationary.
pub(super) fn burg(x: &[f64], order_max: usize) -> Vec<(Vec<f64>, f64)> {
    let n = x.len();
    let mut variance = x.iter().map(|value| value * value).sum::<f64>() / n.max(1) as f64;
    let mut fits = vec![(Vec::new(), variance)];
    let (mut forward, mut backward) = (x.to_vec(), x.to_vec());
    let mut coefficients: Vec<f64> = Vec::new();
    for order in 1..=order_max.min(n.saturating_sub(1)) {
        let (mut cross, mut power) = (0.0, 0.0);
        for (f, b) in forward[order..].iter().zip(&backward[order - 1..n - 1]) {
            cross += f * b;
            power += f * f + b * b;
        }
        if power <= 0.0 {
            break;
        }
        let reflection = 2.0 * cross / power;
        let before = coefficients.clone();
        for (at, coefficient) in coefficients.iter_mut().enumerate() {
            *coefficient -= reflection * before[order - 2 - at];
        }
        coefficients.push(reflection);
        for at in (order..n).rev() {
            let (f, b) = (forward[at], backward[at - 1]);
            forward[at] = f - reflection * b;
            backward[at] = b - reflection * f;
        }
        variance *= 1.0 - reflection * reflection;
        fits.push((coefficients.clone(), variance));
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Luteinizing hormone in blood samples at ten-minute intervals (Diggle 1990; R's data set `lh`).
    const LH: [f64; 48] = [
        2.4, 2.4, 2.4, 2.2, 2.1, 1.5, 2.3, 2.3, 2.5, 2.0, 1.9, 1.7, 2.2, 1.8, 3.2, 3.2, 2.7, 2.2, 2.2, 1.9, 1.9, 1.8,
        2.7, 3.0, 2.3, 2.0, 2.0, 2.9, 2.9, 2.7, 2.7, 2.3, 2.6, 2.4, 1.8, 1.7, 1.5, 1.4, 2.1, 3.3, 3.5, 3.5, 3.1, 2.6,
        2.1, 3.4, 3.0, 2.9,
    ];

    #[test]
    fn burg_finds_the_coefficients_that_r_prints() {
        // ar(lh, method = "burg") in R's documentation: 0.6588, -0.0608, -0.2234, variance 0.1786.
        let centre = mean(&LH);
        let x: Vec<f64> = LH.iter().map(|value| value - centre).collect();
        let (coefficients, variance) = &burg(&x, 3)[3];
        for (found, expected) in coefficients.iter().zip([0.6588, -0.0608, -0.2234]) {
            assert!((found - expected).abs() < 5e-5, "{found}, not {expected}");
        }
        assert!((variance - 0.1786).abs() < 5e-5, "{variance}");
    }

    #[test]
    fn a_straight_line_goes_on() {
        let line: Vec<f64> = (0..40).map(|t| 3.0 + 2.0 * f64::from(t)).collect();
        let ahead = forecast(&line, 1, 4, 1.0, 3);
        for (found, expected) in ahead.iter().zip([83.0, 85.0, 87.0]) {
            assert!((found - expected).abs() < 1e-9, "{ahead:?}");
        }
    }
}
