//! Seasons that change from year to year, taken out by local regressions: STL, and MSTL for several of them.
//!
//! Sources: Cleveland, Cleveland, McRae and Terpenning, *STL: a seasonal-trend decomposition procedure based on loess*
//! (1990); Bandara, Hyndman and Bergmeir, *MSTL* (2021).

/// The seasonal component of each of `periods` (sorted), and what is left of `y` without them.
///
/// Periods that `y` does not have twice are left out.
pub(super) fn seasons(y: &[f64], periods: &[usize]) -> (Vec<(usize, Vec<f64>)>, Vec<f64>) {
    let usable = periods.iter().copied().filter(|period| *period >= 2 && 2 * period <= y.len());
    let mut found: Vec<(usize, Vec<f64>)> = usable.map(|period| (period, vec![0.0; y.len()])).collect();
    let mut rest = y.to_vec();
    let rounds = if found.len() > 1 { 2 } else { 1 };
    for _ in 0..rounds {
        for (at, (period, season)) in found.iter_mut().enumerate() {
            rest.iter_mut().zip(season.iter()).for_each(|(value, by)| *value += by);
            // The windows of R's mstl: 11, 15, …
            *season = stl_season(&rest, *period, 11 + 4 * at);
            rest.iter_mut().zip(season.iter()).for_each(|(value, by)| *value -= by);
        }
    }
    (found, rest)
}

/// The last cycle of each season, again and again.
pub(super) fn ahead(seasons: &[(usize, Vec<f64>)], horizon: usize) -> Vec<f64> {
    let of = |step: usize| {
        let last = |(period, season): &(usize, Vec<f64>)| season[season.len() - period + step % period];
        seasons.iter().map(last).sum()
    };
    (0..horizon).map(of).collect()
}

fn next_odd(x: f64) -> usize {
    let whole = libm::ceil(x) as usize;
    whole + (whole + 1) % 2
}

/// The seasonal component by STL with lines of `window` cycles; `y` has two cycles or more.
fn stl_season(y: &[f64], period: usize, window: usize) -> Vec<f64> {
    let n = y.len();
    let trend_window = next_odd(1.5 * period as f64 / (1.0 - 1.5 / window as f64));
    let low_window = next_odd(period as f64);
    let mut trend = vec![0.0; n];
    let mut season = vec![0.0; n];
    for _ in 0..2 {
        // Each position of the season smoothed by itself, a cycle beyond either end.
        let mut cycles = vec![0.0; n + 2 * period];
        for position in 0..period {
            let own: Vec<f64> = (position..n).step_by(period).map(|at| y[at] - trend[at]).collect();
            for k in 0..own.len() + 2 {
                cycles[position + k * period] = loess(&own, k as f64 - 1.0, window);
            }
        }
        // What of it is slow is trend, not season.
        let low = moving_mean(&moving_mean(&moving_mean(&cycles, period), period), 3);
        let low = smoothed(&low, low_window);
        for at in 0..n {
            season[at] = cycles[period + at] - low[at];
        }
        let adjusted: Vec<f64> = y.iter().zip(&season).map(|(value, by)| value - by).collect();
        trend = smoothed(&adjusted, trend_window);
    }
    season
}

fn moving_mean(x: &[f64], width: usize) -> Vec<f64> {
    x.windows(width).map(|window| window.iter().sum::<f64>() / width as f64).collect()
}

/// [`loess`] at every tenth of the window, and straight lines in between.
fn smoothed(x: &[f64], window: usize) -> Vec<f64> {
    let n = x.len();
    let jump = window.div_ceil(10).max(1);
    let mut result = vec![0.0; n];
    let (mut from, mut value) = (0, loess(x, 0.0, window));
    while from + 1 < n {
        let to = (from + jump).min(n - 1);
        let next = loess(x, to as f64, window);
        for (past, between) in result[from..=to].iter_mut().enumerate() {
            *between = value + past as f64 / (to - from) as f64 * (next - value);
        }
        (from, value) = (to, next);
    }
    if n == 1 {
        result[0] = value;
    }
    result
}

/// The local line through the `window` points nearest to `at` (which may lie outside), by tricube weights.
fn loess(x: &[f64], at: f64, window: usize) -> f64 {
    let n = x.len();
    let width = window.min(n);
    let left = (at - (width as f64 - 1.0) / 2.0).clamp(0.0, (n - width) as f64) as usize;
    let right = left + width;
    let mut reach = f64::max(at - left as f64, (right - 1) as f64 - at);
    if window > n {
        reach += ((window - n) / 2) as f64;
    }
    let (mut w0, mut w1, mut w2, mut s0, mut s1) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (k, value) in x.iter().enumerate().take(right).skip(left) {
        let distance = k as f64 - at;
        let part = (distance / reach).abs();
        if part >= 0.999 {
            continue;
        }
        let weight = if part > 0.001 {
            let rest = 1.0 - part * part * part;
            rest * rest * rest
        } else {
            1.0
        };
        w0 += weight;
        w1 += weight * distance;
        w2 += weight * distance * distance;
        s0 += weight * value;
        s1 += weight * distance * value;
    }
    if w0 <= 0.0 {
        return x[(at.max(0.0) as usize).min(n - 1)];
    }
    let spread = w2 - w1 * w1 / w0;
    // Where the points stand too close together for a slope, their mean.
    if spread.max(0.0).sqrt() > 0.001 * (n as f64 - 1.0) * w0.sqrt() {
        (s0 - w1 * (s1 - w1 * s0 / w0) / spread) / w0
    } else {
        s0 / w0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: &[f64], expected: &[f64], tolerance: f64) {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < tolerance, "{found:?}, not {expected:?}");
        }
    }

    #[test]
    fn the_season_of_air_passengers_is_that_of_statsmodels() {
        // STL(period=12, seasonal=11, trend_jump=3, low_pass_jump=2).fit(inner_iter=2) of statsmodels 0.15.0.
        let y: Vec<f64> = super::super::smooth::tests::PASSENGERS.iter().map(|value| f64::from(*value)).collect();
        let (found, _) = seasons(&y, &[12]);
        let expected = [
            -42.8808, -70.6604, -27.217, -19.0006, -4.7841, 61.0386, 137.447, 134.0428, 25.689, -33.1346, -97.0434,
            -60.1757,
        ];
        check(&found[0].1[132..], &expected, 1e-4);
        check(&found[0].1[..3], &[-8.8492, 1.1354, 12.6832], 1e-4);
        assert_eq!(ahead(&found, 14)[12..], found[0].1[132..134]);
    }

    #[test]
    fn two_seasons_are_told_apart_as_by_statsmodels() {
        // MSTL(periods=(7, 28), windows=(11, 15)) of statsmodels 0.15.0; loess at every point there.
        let value = |t: usize| {
            let week = 3.0 * libm::sin(core::f64::consts::TAU * t as f64 / 7.0);
            10.0 + week + ((t * 37) % 23) as f64 / 5.0 + if t % 28 < 10 { 4.0 } else { 0.0 }
        };
        let y: Vec<f64> = (0..200).map(value).collect();
        let (found, rest) = seasons(&y, &[7, 28, 150]);
        assert_eq!(found.len(), 2, "a season that is not known twice is left out");
        check(&found[0].1[197..], &[3.2339, 2.6253, 1.0859], 0.05);
        check(&found[1].1[197..], &[3.7388, 2.3805, 0.4644], 0.05);
        check(&[rest[9] + found[0].1[9] + found[1].1[9]], &[y[9]], 1e-9);
    }

    #[test]
    fn a_line_is_no_season() {
        let line: Vec<f64> = (0..60).map(|t| 5.0 + 0.5 * f64::from(t)).collect();
        check(&seasons(&line, &[12]).0[0].1, &[0.0; 60], 1e-9);
    }
}
