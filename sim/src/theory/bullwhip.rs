//! The bullwhip effect: how much more orders vary than the demand they answer.
//!
//! One site orders up to its forecast of the demand over `lead_time` periods (review included), without safety
//! stock and with returns allowed; demands are independent and alike. Chen, Drezner, Ryan and Simchi-Levi,
//! Management Science 46:436 (2000).

use super::{TheoryError, not_negative, positive};

/// Variance of orders over variance of demand, when the forecast is the mean of the last `window` periods:
/// 1 + 2L/p + 2L²/p².
pub fn moving_average(lead_time: f64, window: f64) -> Result<f64, TheoryError> {
    let per_window = not_negative("lead time", lead_time)? / positive("window", window)?;
    Ok(1.0 + 2.0 * per_window + 2.0 * per_window * per_window)
}

/// Variance of orders over variance of demand, when the forecast is exponential smoothing that gives the newest
/// demand the weight `alpha`: 1 + 2Lα + 2L²α² / (2 − α).
pub fn exponential_smoothing(lead_time: f64, alpha: f64) -> Result<f64, TheoryError> {
    let weighed = not_negative("lead time", lead_time)? * super::fraction("smoothing weight", alpha)?;
    Ok(1.0 + 2.0 * weighed + 2.0 * weighed * weighed / (2.0 - alpha))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    /// Variance of orders over variance of demand in a run, for a forecast that is fed each demand.
    fn ratio(lead_time: f64, mut forecast: impl FnMut(f64) -> f64) -> f64 {
        let mut stream = Stream::new(11, 1, Purpose::Demand, 0);
        let (mut last, mut demands, mut orders) = (f64::NAN, Vec::new(), Vec::new());
        for t in 0..200_000 {
            let demand = 100.0 + 20.0 * stream.normal();
            let level = lead_time * forecast(demand);
            if t > 500 {
                demands.push(demand);
                orders.push(level - last + demand);
            }
            last = level;
        }
        let variance = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / values.len() as f64
        };
        variance(&orders) / variance(&demands)
    }

    #[track_caller]
    fn close(actual: f64, expected: f64) {
        assert!((actual / expected - 1.0).abs() < 0.02, "{actual} is not {expected}");
    }

    #[test]
    fn a_run_has_the_ratio_of_the_formula() {
        let mut window = std::collections::VecDeque::new();
        let simulated = ratio(4.0, |demand| {
            window.push_back(demand);
            if window.len() > 5 {
                window.pop_front();
            }
            window.iter().sum::<f64>() / window.len() as f64
        });
        close(simulated, moving_average(4.0, 5.0).unwrap());
        let mut level = 100.0;
        let simulated = ratio(2.0, |demand| {
            level += 0.1 * (demand - level);
            level
        });
        close(simulated, exponential_smoothing(2.0, 0.1).unwrap());
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        assert!(moving_average(1.0, 0.0).is_err());
        assert!(exponential_smoothing(1.0, 1.5).is_err());
    }
}
