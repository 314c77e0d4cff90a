//! Methods for demand that is mostly zero. All forecast the mean demand of a period, the same for every step.
//!
//! Sources: Croston, *Forecasting and stock control for intermittent demands* (1972); Syntetos and Boylan, *The
//! accuracy of intermittent demand estimates* (2005); Teunter, Syntetos and Babai, *Intermittent demand: linking
//! forecasting to inventory obsolescence* (2011); Nikolopoulos et al., *An aggregate–disaggregate intermittent demand
//! approach* (2011); Petropoulos and Kourentzes, *Forecast combinations for intermittent demand* (2015).

/// Single exponential smoothing that starts at the first value.
pub(super) fn ses(y: &[f64], alpha: f64) -> f64 {
    let Some((&first, rest)) = y.split_first() else { return 0.0 };
    rest.iter().fold(first, |level, value| level + alpha * (value - level))
}

/// [`ses`] with the smoothing from 0.1 to 0.3 that makes the one-step errors least.
pub(super) fn ses_optimised(y: &[f64]) -> f64 {
    let squares = |alpha: f64| {
        let Some((&first, rest)) = y.split_first() else { return 0.0 };
        let (mut level, mut sum) = (first, 0.0);
        for value in rest {
            let error = value - level;
            sum += error * error;
            level += alpha * error;
        }
        sum
    };
    // Golden section; the ends are looked at too, for the best is often there.
    let golden = 0.618_033_988_749_894_8;
    let (mut low, mut high) = (0.1, 0.3);
    let (mut left, mut right) = (high - golden * (high - low), low + golden * (high - low));
    let (mut at_left, mut at_right) = (squares(left), squares(right));
    for _ in 0..20 {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - golden * (high - low);
            at_left = squares(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + golden * (high - low);
            at_right = squares(right);
        }
    }
    let best = [0.1, 0.3, 0.5 * (low + high)].into_iter().min_by(|a, b| squares(*a).total_cmp(&squares(*b)));
    ses(y, best.unwrap_or(0.1))
}

/// The demands that are not zero, and the periods from each to the one before (the first counts from the start).
fn demands(y: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut sizes, mut intervals) = (Vec::new(), Vec::new());
    let mut since = 0.0;
    for &value in y {
        since += 1.0;
        if value != 0.0 {
            sizes.push(value);
            intervals.push(since);
            since = 0.0;
        }
    }
    (sizes, intervals)
}

/// Croston's method: size and interval of demand are smoothed apart.
#[must_use]
pub fn croston(y: &[f64], alpha: f64) -> f64 {
    let (sizes, intervals) = demands(y);
    let interval = ses(&intervals, alpha);
    if interval > 0.0 { ses(&sizes, alpha) / interval } else { 0.0 }
}

/// Croston's method less its bias, after Syntetos and Boylan.
#[must_use]
pub fn sba(y: &[f64], alpha: f64) -> f64 {
    (1.0 - alpha / 2.0) * croston(y, alpha)
}

/// Size smoothed when there is demand, probability in every period: falls when demand ceases.
#[must_use]
pub fn tsb(y: &[f64], alpha_size: f64, alpha_probability: f64) -> f64 {
    let (sizes, _) = demands(y);
    let happened: Vec<f64> = y.iter().map(|value| f64::from(u8::from(*value != 0.0))).collect();
    ses(&sizes, alpha_size) * ses(&happened, alpha_probability)
}

/// Sums of `width` periods, the newest complete; what does not fill a sum is left out at the start.
fn aggregated(y: &[f64], width: usize) -> Vec<f64> {
    y[y.len() % width..].chunks_exact(width).map(|chunk| chunk.iter().sum()).collect()
}

/// The mean interval between demands, rounded; at least 1 and at most the length.
fn mean_interval(y: &[f64]) -> usize {
    let (_, intervals) = demands(y);
    let mean = super::series::mean(&intervals);
    (mean.round_ties_even() as usize).clamp(1, y.len().max(1))
}

/// ADIDA: smoothed after summing up to the mean interval between demands.
#[must_use]
pub fn adida(y: &[f64]) -> f64 {
    let width = mean_interval(y);
    ses_optimised(&aggregated(y, width)) / width as f64
}

/// IMAPA: the mean of ADIDA over all widths up to the mean interval.
#[must_use]
pub fn imapa(y: &[f64]) -> f64 {
    let width_max = mean_interval(y);
    let sum: f64 = (1..=width_max).map(|width| ses_optimised(&aggregated(y, width)) / width as f64).sum();
    sum / width_max as f64
}

/// The mean of the newest `width` periods, or of all if there are fewer.
pub(super) fn window_mean(y: &[f64], width: usize) -> f64 {
    super::series::mean(&y[y.len().saturating_sub(width)..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const LUMPS: [f64; 20] = [0., 0., 3., 0., 1., 0., 0., 0., 5., 2., 0., 0., 1., 0., 0., 4., 0., 0., 0., 2.];

    #[track_caller]
    fn check(actual: f64, expected: f64, tolerance: f64) {
        assert!((actual - expected).abs() <= tolerance, "{actual}, not {expected}");
    }

    // Expected values: statsforecast 2.0.2 on LUMPS (CrostonClassic, CrostonSBA, TSB(0.1, 0.15), ADIDA, IMAPA).

    #[test]
    fn croston_sba_and_tsb_are_those_of_statsforecast() {
        check(croston(&LUMPS, 0.1), 0.934_969_759_463_867_8, 1e-12);
        check(sba(&LUMPS, 0.1), 0.888_221_271_490_674_4, 1e-12);
        check(tsb(&LUMPS, 0.1, 0.15), 0.978_816_431_687_178_5, 1e-12);
    }

    #[test]
    fn adida_and_imapa_are_those_of_statsforecast() {
        check(adida(&LUMPS), 1.171_080_395_464_164_6, 1e-4);
        check(imapa(&LUMPS), 0.914_350_347_202_294_2, 1e-4);
    }

    #[test]
    fn what_was_never_asked_for_is_forecast_as_zero() {
        for y in [&[][..], &[0.0; 12]] {
            for forecast in [croston(y, 0.1), sba(y, 0.1), tsb(y, 0.1, 0.1), adida(y), imapa(y), window_mean(y, 8)] {
                check(forecast, 0.0, 0.0);
            }
        }
    }
}
