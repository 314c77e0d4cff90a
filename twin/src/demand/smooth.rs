//! Exponential smoothing averaged over a grid of parameters instead of searched for one optimum.
//!
//! Eight candidates go through the series side by side. The state at the start is not searched either: errors are
//! linear in it, so that the best start is a least-squares solution. A candidate weighs `exp(−n/2 ln(its squared
//! error / the least))`, its likelihood, which is Bayesian averaging with a flat prior over the grid: it is smoother
//! in the data than an optimum and does not overfit short series. Models: Hyndman et al., *Forecasting with
//! Exponential Smoothing* (2008); Assimakopoulos and Nikolopoulos, *The theta model* (2000); Hyndman and Billah,
//! *Unmasking the Theta method* (2003).

use super::maths::{exp, ln};

const LANES: usize = 8;
type Lane = [f64; LANES];

/// What a candidate has come to at the end of the series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub level: f64,
    /// Of the first step ahead, before damping.
    pub trend: f64,
    pub damping: f64,
    /// Sum of squared one-step errors.
    pub squares: f64,
    /// Added to the logarithm of its weight.
    pub prior: f64,
}

const SES_ALPHAS: [f64; 16] =
    [0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.26, 0.33, 0.4, 0.48, 0.56, 0.65, 0.74, 0.83, 0.92, 0.99];

/// Single exponential smoothing about the line with `share` of the whole slope of the series, for each of `shares`:
/// 0 is SES, one half is the Theta method, 1 is SES about the full line. The last entry of the result averages none.
pub(super) fn about_a_line(z: &[f64], shares: &[f64]) -> Vec<Vec<Candidate>> {
    let mut found: Vec<Vec<Candidate>> = shares.iter().map(|_| Vec::with_capacity(SES_ALPHAS.len())).collect();
    let Some(&first) = z.first() else { return found };
    let slope = slope(z);
    let n = z.len() as f64;
    for alphas in SES_ALPHAS.chunks_exact(LANES) {
        let mut alpha: Lane = [0.0; LANES];
        alpha.copy_from_slice(alphas);
        // Responses of the one-step error to the series, to time and to the level at the start.
        let (mut of_z, mut of_time, mut start): (Lane, Lane, Lane) = ([first; LANES], [0.0; LANES], [1.0; LANES]);
        let mut sums = [[0.0; LANES]; 6];
        for (at, &value) in z.iter().enumerate() {
            let time = at as f64;
            for k in 0..LANES {
                let (a, b, c) = (value - of_z[k], time - of_time[k], start[k]);
                sums[0][k] += a * a;
                sums[1][k] += a * b;
                sums[2][k] += b * b;
                sums[3][k] += a * c;
                sums[4][k] += b * c;
                sums[5][k] += c * c;
                of_z[k] += alpha[k] * a;
                of_time[k] += alpha[k] * b;
                start[k] -= alpha[k] * c;
            }
        }
        for (share, candidates) in shares.iter().zip(&mut found) {
            let drift = share * slope;
            for k in 0..LANES {
                // Error = a − drift b − shift c, with the shift of the level that makes its squares least.
                let with_start = sums[3][k] - drift * sums[4][k];
                let shift = if sums[5][k] > 0.0 { with_start / sums[5][k] } else { 0.0 };
                let squares = sums[0][k] - 2.0 * drift * sums[1][k] + drift * drift * sums[2][k] - shift * with_start;
                let level = of_z[k] - drift * of_time[k] + shift * start[k];
                candidates.push(Candidate {
                    level: level + drift * (n - 1.0),
                    trend: drift,
                    damping: 1.0,
                    squares: squares.max(0.0),
                    prior: 0.0,
                });
            }
        }
    }
    found
}

/// The slope of the least-squares line, a step.
pub(super) fn slope(z: &[f64]) -> f64 {
    let n = z.len() as f64;
    if z.len() < 2 {
        return 0.0;
    }
    let centre = (n - 1.0) / 2.0;
    let moment: f64 = z.iter().enumerate().map(|(at, value)| (at as f64 - centre) * value).sum();
    moment / (n * (n * n - 1.0) / 12.0)
}

const HOLT_ALPHAS: [f64; 8] = [0.05, 0.12, 0.22, 0.35, 0.5, 0.66, 0.82, 0.97];
/// Of alpha.
const HOLT_BETAS: [f64; 3] = [0.03, 0.12, 0.35];

/// Holt's method with a damped local trend, every alpha × beta, for each of `dampings`.
pub(super) fn damped_trend(z: &[f64], dampings: &[f64]) -> Vec<Candidate> {
    let mut found = Vec::with_capacity(dampings.len() * HOLT_BETAS.len() * LANES);
    let Some(&first) = z.first() else { return found };
    for &phi in dampings {
        for &ratio in &HOLT_BETAS {
            let alpha: Lane = HOLT_ALPHAS;
            let beta: Lane = HOLT_ALPHAS.map(|alpha| alpha * ratio);
            // Level and trend: of the series, and the responses to a level and to a trend at the start.
            let mut l: [Lane; 3] = [[first; LANES], [1.0; LANES], [0.0; LANES]];
            let mut b: [Lane; 3] = [[0.0; LANES], [0.0; LANES], [1.0; LANES]];
            let mut sums = [[0.0; LANES]; 6];
            for &value in z {
                for k in 0..LANES {
                    let (m0, m1, m2) = (l[0][k] + phi * b[0][k], l[1][k] + phi * b[1][k], l[2][k] + phi * b[2][k]);
                    let e = value - m0;
                    sums[0][k] += e * e;
                    sums[1][k] += e * m1;
                    sums[2][k] += e * m2;
                    sums[3][k] += m1 * m1;
                    sums[4][k] += m1 * m2;
                    sums[5][k] += m2 * m2;
                    l[0][k] = m0 + alpha[k] * e;
                    b[0][k] = phi * b[0][k] + beta[k] * e;
                    l[1][k] = m1 - alpha[k] * m1;
                    b[1][k] = phi * b[1][k] - beta[k] * m1;
                    l[2][k] = m2 - alpha[k] * m2;
                    b[2][k] = phi * b[2][k] - beta[k] * m2;
                }
            }
            for k in 0..LANES {
                // The prior on the trend at the start is one error's worth: short series keep it small.
                let (s11, s12, s22) = (sums[3][k] + 1e-9, sums[4][k], sums[5][k] + 1.0);
                let determinant = s11 * s22 - s12 * s12;
                let (mut level, mut trend) = (0.0, 0.0);
                if determinant > 0.0 {
                    level = (sums[1][k] * s22 - sums[2][k] * s12) / determinant;
                    trend = (sums[2][k] * s11 - sums[1][k] * s12) / determinant;
                }
                let squares = sums[0][k] - level * sums[1][k] - trend * sums[2][k];
                found.push(Candidate {
                    level: l[0][k] + level * l[1][k] + trend * l[2][k],
                    trend: b[0][k] + level * b[1][k] + trend * b[2][k],
                    damping: phi,
                    squares: squares.max(0.0),
                    prior: 0.0,
                });
            }
        }
    }
    found
}

/// Exponential smoothing that returns to a mean, every alpha for each of `returns` (what is left of a deviation after
/// a step, below 1): an ARMA(1, 1) about the mean that fits best.
pub(super) fn reverting(z: &[f64], returns: &[f64]) -> Vec<Candidate> {
    let mut found = Vec::with_capacity(returns.len() * LANES);
    let centre = super::series::mean(z);
    for &rho in returns {
        let alpha: Lane = HOLT_ALPHAS;
        let (mut of_z, mut of_one): (Lane, Lane) = ([0.0; LANES], [0.0; LANES]);
        let mut sums = [[0.0; LANES]; 3];
        for value in z {
            let value = value - centre;
            for k in 0..LANES {
                let (m0, m1) = (rho * of_z[k], rho * of_one[k]);
                let (a, b) = (value - m0, 1.0 - m1);
                sums[0][k] += a * a;
                sums[1][k] += a * b;
                sums[2][k] += b * b;
                of_z[k] = m0 + alpha[k] * a;
                of_one[k] = m1 + alpha[k] * b;
            }
        }
        for k in 0..LANES {
            let shift = sums[1][k] / (sums[2][k] + 1e-9);
            let deviation = of_z[k] - shift * of_one[k];
            found.push(Candidate {
                level: centre + shift + deviation,
                trend: (1.0 - 1.0 / rho) * deviation,
                damping: rho,
                squares: (sums[0][k] - shift * sums[1][k]).max(0.0),
                prior: 0.0,
            });
        }
    }
    found
}

/// The mean of the candidates' forecasts by likelihood, and the squared error of a step under it.
pub(super) fn average(candidates: &[Candidate], n: usize, horizon: usize) -> (Vec<f64>, f64) {
    let weights = weights(candidates, n);
    let mut forecast = vec![0.0; horizon];
    let mut variance = 0.0;
    let mut at = 0;
    while at < candidates.len() {
        // Candidates of one damping stand together and share the sum over steps.
        let damping = candidates[at].damping;
        let (mut level, mut trend) = (0.0, 0.0);
        while at < candidates.len() && candidates[at].damping == damping {
            level += weights[at] * candidates[at].level;
            trend += weights[at] * candidates[at].trend;
            variance += weights[at] * candidates[at].squares / n.max(1) as f64;
            at += 1;
        }
        let (mut power, mut steps) = (1.0, 0.0);
        for value in &mut forecast {
            power *= damping;
            steps += power;
            *value += level + trend * steps;
        }
    }
    (forecast, variance)
}

/// The weights of the candidates, with sum 1.
fn weights(candidates: &[Candidate], n: usize) -> Vec<f64> {
    let least = candidates.iter().map(|candidate| candidate.squares).fold(f64::INFINITY, f64::min);
    let total: f64 = candidates.iter().map(|candidate| candidate.squares).sum();
    // Fits that are perfect but for rounding are all alike.
    let floor = 1e-12 * total / candidates.len().max(1) as f64 + f64::MIN_POSITIVE;
    let half = 0.5 * n as f64;
    let raw: Vec<f64> = candidates
        .iter()
        .map(|candidate| {
            let ratio = (candidate.squares + floor) / (least + floor);
            // What weighs less than e⁻³⁰ needs no logarithm.
            if half * (1.0 - 1.0 / ratio) > 40.0 { 0.0 } else { exp(candidate.prior - half * ln(ratio)) }
        })
        .collect();
    let sum: f64 = raw.iter().sum();
    if sum > 0.0 {
        raw.iter().map(|weight| weight / sum).collect()
    } else {
        vec![1.0 / raw.len().max(1) as f64; raw.len()]
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::series::{Season, classical_indices};
    use super::*;

    /// Airline passengers by month, 1949 to 1960 (Box and Jenkins), in thousands.
    pub(in super::super) const PASSENGERS: [u16; 144] = [
        112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118, 115, 126, 141, 135, 125, 149, 170, 170, 158, 133,
        114, 140, 145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166, 171, 180, 193, 181, 183, 218, 230, 242,
        209, 191, 172, 194, 196, 196, 236, 235, 229, 243, 264, 272, 237, 211, 180, 201, 204, 188, 235, 227, 234, 264,
        302, 293, 259, 229, 203, 229, 242, 233, 267, 269, 270, 315, 364, 347, 312, 274, 237, 278, 284, 277, 317, 313,
        318, 374, 413, 405, 355, 306, 271, 306, 315, 301, 356, 348, 355, 422, 465, 467, 404, 347, 305, 336, 340, 318,
        362, 348, 363, 435, 491, 505, 404, 359, 310, 337, 360, 342, 406, 396, 420, 472, 548, 559, 463, 407, 362, 405,
        417, 391, 419, 461, 472, 535, 622, 606, 508, 461, 390, 432,
    ];

    #[test]
    fn theta_averaged_over_alpha_is_near_that_of_statsforecast() {
        // Theta(season_length=12) of statsforecast 2.0.2 on the same series.
        let expected = [441.0, 429.2, 490.7, 476.7, 480.6, 546.5, 604.0, 602.3, 525.0, 457.5, 398.7, 448.5];
        let y: Vec<f64> = PASSENGERS.iter().map(|value| f64::from(*value)).collect();
        let season = Season::Factors(classical_indices(&y, 12).unwrap());
        let candidates = about_a_line(&season.remove(&y), &[0.5]).concat();
        let (mut ahead, _) = average(&candidates, y.len(), 12);
        season.restore(y.len(), &mut ahead);
        for (found, expected) in ahead.iter().zip(expected) {
            assert!((found / expected - 1.0).abs() < 0.02, "{found}, not {expected}");
        }
    }

    #[test]
    fn the_best_start_makes_errors_least() {
        // With a fixed start at the first value the squares can only be larger.
        let z = [5.0, 9.0, 8.0, 9.5, 9.0, 8.5, 9.2, 9.1, 8.8, 9.3];
        for (candidate, alpha) in about_a_line(&z, &[0.0])[0].iter().zip(SES_ALPHAS) {
            let (mut level, mut squares) = (z[0], 0.0);
            for value in z {
                squares += (value - level) * (value - level);
                level += alpha * (value - level);
            }
            assert!(candidate.squares <= squares + 1e-12, "alpha {alpha}: {} > {squares}", candidate.squares);
        }
    }

    #[test]
    fn a_line_is_continued_by_every_method_with_a_trend() {
        let line: Vec<f64> = (0..60).map(|t| 10.0 + 0.5 * f64::from(t)).collect();
        let (about, _) = average(&about_a_line(&line, &[1.0])[0], 60, 2);
        assert!((about[0] - 40.0).abs() < 1e-6 && (about[1] - 40.5).abs() < 1e-6, "{about:?}");
        let (damped, _) = average(&damped_trend(&line, &[0.97]), 60, 2);
        assert!((damped[0] - 40.0).abs() < 0.2, "{damped:?}");
    }
}
