//! ARIMA with moving averages of steps and of seasons, (1−φB)(1−Bˢ) z = (1−θB)(1−ΘBˢ) e, averaged over its parameters.
//!
//! With φ = 1 it is the airline model of Box and Jenkins; with φ below 1 the level returns. The errors are conditional sums of squares
//! (those before the first are zero). Source: Box, Jenkins, Reinsel and Ljung, *Time Series Analysis* (5th ed., 2015).

use super::maths::{exp, ln};

const LANES: usize = 8;
type Lane = [f64; LANES];

const THETAS: Lane = [0.0, 0.15, 0.3, 0.45, 0.6, 0.74, 0.87, 0.97];
const SEASONAL: [f64; 4] = [0.2, 0.5, 0.75, 0.92];
const RETURNS: [f64; 2] = [1.0, 0.9];

/// Forecasts `z`, which must have at least two seasons and two points; `None` otherwise.
pub(super) fn forecast(z: &[f64], season: usize, horizon: usize) -> Option<Vec<f64>> {
    let n = z.len();
    if season < 2 || n < 2 * season + 2 {
        return None;
    }
    let turned: Vec<f64> = z.iter().zip(&z[season..]).map(|(before, now)| now - before).collect();
    let m = turned.len();
    let mut candidates: Vec<(f64, f64, f64, f64, Vec<f64>)> =
        Vec::with_capacity(RETURNS.len() * SEASONAL.len() * LANES);
    let mut errors = vec![[0.0; LANES]; m];
    for phi in RETURNS {
        for big in SEASONAL {
            let mut squares: Lane = [0.0; LANES];
            errors[0] = [0.0; LANES];
            for t in 1..m {
                let step = turned[t] - phi * turned[t - 1];
                let before = errors[t - 1];
                let (year, year_before) = (
                    if t > season { errors[t - season] } else { [0.0; LANES] },
                    if t > season + 1 { errors[t - season - 1] } else { [0.0; LANES] },
                );
                let error = &mut errors[t];
                for k in 0..LANES {
                    let theta = THETAS[k];
                    error[k] = step + theta * before[k] + big * (year[k] - theta * year_before[k]);
                    squares[k] += error[k] * error[k];
                }
            }
            for k in 0..LANES {
                let tail = errors[m - (season + 1).min(m)..].iter().map(|error| error[k]).collect();
                candidates.push((phi, big, THETAS[k], squares[k], tail));
            }
        }
    }
    let least = candidates.iter().map(|candidate| candidate.3).fold(f64::INFINITY, f64::min);
    let total: f64 = candidates.iter().map(|candidate| candidate.3).sum();
    let floor = 1e-12 * total / candidates.len() as f64 + f64::MIN_POSITIVE;
    let half = 0.5 * (m - 1) as f64;
    let weigh = |squares: f64| exp(-half * ln((squares + floor) / (least + floor)));
    let all: f64 = candidates.iter().map(|candidate| weigh(candidate.3)).sum();
    let mut mean = vec![0.0; horizon];
    for (phi, big, theta, squares, tail) in &candidates {
        let weight = weigh(*squares) / all;
        if weight < 1e-3 {
            continue;
        }
        // The error `back` periods before the step; those to come are zero.
        let error = |step: usize, back: usize| {
            if back > step && back - step <= tail.len() { tail[tail.len() + step - back] } else { 0.0 }
        };
        let mut last = turned[m - 1];
        let mut path = Vec::with_capacity(horizon);
        for step in 0..horizon {
            let moved = -theta * error(step, 1) - big * (error(step, season) - theta * error(step, season + 1));
            last = phi * last + moved;
            let before = if step < season { z[n - season + step] } else { path[step - season] };
            path.push(before + last);
            mean[step] += weight * path[step];
        }
    }
    Some(mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn air_passengers_fly_on_as_in_box_and_jenkins() {
        // SARIMAX(log y, (0,1,1)(0,1,1,12)) of statsmodels 0.15.0, whose optimum is theta 0.40, Theta 0.56.
        let expected = [450.4, 425.7, 479.0, 492.4, 509.1, 583.3, 670.0, 667.1, 558.2, 497.2, 429.9, 477.2];
        let z: Vec<f64> = super::super::smooth::tests::PASSENGERS.iter().map(|value| ln(f64::from(*value))).collect();
        let ahead = forecast(&z, 12, 12).unwrap();
        for (found, expected) in ahead.iter().zip(expected) {
            assert!((exp(*found) / expected - 1.0).abs() < 0.02, "{}, not {expected}", exp(*found));
        }
    }

    #[test]
    fn what_repeats_itself_on_a_line_goes_on() {
        let value = |t: usize| 0.5 * t as f64 + [3.0, -1.0, 0.0, 2.0][t % 4];
        let z: Vec<f64> = (0..40).map(value).collect();
        for (step, found) in forecast(&z, 4, 9).unwrap().iter().enumerate() {
            assert!((found - value(40 + step)).abs() < 0.2, "step {step}: {found}, not {}", value(40 + step));
        }
    }

    #[test]
    fn less_than_two_seasons_are_too_few() {
        assert_eq!(forecast(&[1.0; 25], 12, 3), None);
        assert_eq!(forecast(&[1.0; 40], 1, 3), None);
    }
}
