//! How good a forecast was: by the point (sMAPE, MASE, RMSSE, WAPE, bias, OWA) and by the distribution (pinball loss,
//! coverage).

use super::series::mean;

/// How one forecast of one series turned out. Missing (not a number) actual values are left out.
///
/// Sources: Makridakis et al., *The M4 competition* (sMAPE, MASE, OWA); *The M5 accuracy competition* (RMSSE).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Symmetric mean absolute percentage error, 0 to 200.
    pub smape: f64,
    /// Mean absolute error over that of the seasonal naive forecast in the past; `None` for a constant past.
    pub mase: Option<f64>,
    /// Root mean squared error over that of the naive forecast in the past; `None` for a constant past.
    pub rmsse: Option<f64>,
    /// Error of the total over the horizon, scaled as MASE and by the length.
    pub cumulative: Option<f64>,
    /// Sum of absolute errors.
    pub absolute_error: f64,
    /// Sum of errors, forecast less actual.
    pub bias: f64,
    /// Sum of absolute actual values.
    pub total: f64,
}

impl Score {
    /// Scores `forecast` against `actual`, after the history `past` (filled); `lag` is the season that MASE scales by.
    ///
    /// `None` where no actual value is known. What is beyond the shorter of both is left out.
    #[must_use]
    pub fn new(past: &[f64], lag: usize, actual: &[f64], forecast: &[f64]) -> Option<Self> {
        let pairs: Vec<(f64, f64)> =
            actual.iter().zip(forecast).filter(|(actual, _)| !actual.is_nan()).map(|(a, f)| (*a, *f)).collect();
        if pairs.is_empty() {
            return None;
        }
        let n = pairs.len() as f64;
        let relative = |(actual, forecast): &(f64, f64)| {
            let size = actual.abs() + forecast.abs();
            if size > 0.0 { 200.0 * (actual - forecast).abs() / size } else { 0.0 }
        };
        let absolute_error: f64 = pairs.iter().map(|(a, f)| (a - f).abs()).sum();
        let squared_error: f64 = pairs.iter().map(|(a, f)| (a - f) * (a - f)).sum();
        let bias: f64 = pairs.iter().map(|(a, f)| f - a).sum();
        let (scale, scale_squared) = (naive_error(past, lag), naive_squared_error(past));
        Some(Self {
            smape: pairs.iter().map(relative).sum::<f64>() / n,
            mase: scale.map(|scale| absolute_error / n / scale),
            rmsse: scale_squared.map(|scale| (squared_error / n / scale).sqrt()),
            cumulative: scale.map(|scale| bias.abs() / scale / n),
            absolute_error,
            bias,
            total: pairs.iter().map(|(actual, _)| actual.abs()).sum(),
        })
    }
}

/// The mean absolute error of the seasonal naive forecast within `past`; lag 1 where `past` is not longer than `lag`.
#[must_use]
pub fn naive_error(past: &[f64], lag: usize) -> Option<f64> {
    let lag = if past.len() > lag && lag > 0 { lag } else { 1 };
    let errors: Vec<f64> = past.iter().zip(past.iter().skip(lag)).map(|(a, b)| (b - a).abs()).collect();
    Some(mean(&errors)).filter(|scale| *scale > 0.0)
}

/// The mean squared error of the naive forecast within `past`.
#[must_use]
pub fn naive_squared_error(past: &[f64]) -> Option<f64> {
    let errors: Vec<f64> = past.windows(2).map(|pair| (pair[1] - pair[0]) * (pair[1] - pair[0])).collect();
    Some(mean(&errors)).filter(|scale| *scale > 0.0)
}

/// Means over many series.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Accuracy {
    /// Series scored.
    pub n: usize,
    /// Mean of [`Score::smape`].
    pub smape: f64,
    /// Mean of [`Score::mase`].
    pub mase: f64,
    /// Mean of [`Score::rmsse`].
    pub rmsse: f64,
    /// Mean of [`Score::cumulative`].
    pub cumulative: f64,
    /// Sum of absolute errors over sum of absolute values; `1 − wape` is often called accuracy.
    pub wape: f64,
    /// Sum of errors over sum of absolute values, positive where the forecast was too high.
    pub bias: f64,
}

impl Accuracy {
    /// The means over `scores`.
    #[must_use]
    pub fn of(scores: &[Score]) -> Self {
        let known = |pick: fn(&Score) -> Option<f64>| mean(&scores.iter().filter_map(pick).collect::<Vec<_>>());
        let total: f64 = scores.iter().map(|score| score.total).sum();
        let over_total = |sum: f64| if total > 0.0 { sum / total } else { 0.0 };
        Self {
            n: scores.len(),
            smape: known(|score| Some(score.smape)),
            mase: known(|score| score.mase),
            rmsse: known(|score| score.rmsse),
            cumulative: known(|score| score.cumulative),
            wape: over_total(scores.iter().map(|score| score.absolute_error).sum()),
            bias: over_total(scores.iter().map(|score| score.bias).sum()),
        }
    }

    /// M4's overall weighted average: half of sMAPE and half of MASE, each over that of Naive2.
    ///
    /// `None` where Naive2 made no error.
    #[must_use]
    pub fn owa(&self, naive2: &Self) -> Option<f64> {
        (naive2.smape > 0.0 && naive2.mase > 0.0).then(|| 0.5 * (self.smape / naive2.smape + self.mase / naive2.mase))
    }
}

/// The pinball loss of the forecast `quantile` at `level` (0 to 1): what a shortage costs at `level`, a surplus at the rest.
#[must_use]
pub fn pinball(actual: f64, quantile: f64, level: f64) -> f64 {
    let short = actual - quantile;
    if short >= 0.0 { level * short } else { (level - 1.0) * short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_that_one_reckons_by_hand() {
        let score = Score::new(&[1.0, 3.0, 2.0, 4.0], 2, &[5.0, f64::NAN, 3.0], &[4.0, 9.0, 3.0]).unwrap();
        let expected = Score {
            smape: 100.0 / 9.0,
            mase: Some(0.5),
            rmsse: Some((0.5_f64 / 3.0).sqrt()),
            cumulative: Some(0.5),
            absolute_error: 1.0,
            bias: -1.0,
            total: 8.0,
        };
        assert_eq!(score, expected);
    }

    #[test]
    fn what_cannot_be_scored_is_none() {
        assert_eq!(Score::new(&[1.0], 1, &[f64::NAN], &[1.0]), None);
        let constant = Score::new(&[2.0; 9], 4, &[2.0], &[3.0]).unwrap();
        assert_eq!((constant.mase, constant.rmsse), (None, None));
    }

    #[test]
    fn pinball_costs_a_shortage_by_the_level() {
        assert_eq!(pinball(10.0, 8.0, 0.9), 1.8);
        assert!((pinball(8.0, 10.0, 0.9) - 0.2).abs() < 1e-12);
    }
}
