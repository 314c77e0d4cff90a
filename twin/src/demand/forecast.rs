//! A forecast: a distribution for every period to come and for every total, and what it rests on.

use super::intervals::Errors;
use super::members::{Family, Method};
use std::sync::Arc;

/// A number that a forecast rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// Periods of history.
    History {
        /// How many.
        periods: usize,
    },
    /// Windows of the past, over all series, on which the methods were compared.
    Backtest {
        /// How many.
        windows: usize,
    },
    /// A method and its weight.
    Weight {
        /// Which.
        method: Method,
        /// Its part of the mean.
        weight: f64,
    },
    /// Periods whose demand was not seen, because there was no stock.
    Censored {
        /// How many.
        periods: usize,
        /// What they were raised by together.
        raised: f64,
    },
    /// Periods with a promotion, whose demand above the usual was taken out.
    Promoted {
        /// How many.
        periods: usize,
        /// Demand in a promotion over the usual.
        lift: f64,
    },
}

/// The demand to be expected of one series, by period and by total.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    family: Family,
    mean: Vec<f64>,
    spread: f64,
    not_negative: bool,
    steps: Arc<Errors>,
    totals: Arc<Errors>,
    reasons: Vec<Reason>,
}

impl Forecast {
    pub(super) fn new(
        family: Family,
        mean: Vec<f64>,
        spread: f64,
        not_negative: bool,
        steps: Arc<Errors>,
        totals: Arc<Errors>,
        reasons: Vec<Reason>,
    ) -> Self {
        Self { family, mean, spread, not_negative, steps, totals, reasons }
    }

    pub(super) fn zero(horizon: usize) -> Self {
        let nothing = Arc::new(Errors::default());
        Self::new(Family::Regular, vec![0.0; horizon], 0.0, true, Arc::clone(&nothing), nothing, Vec::new())
    }

    /// What kind of series it is of.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// The expected demand of each period, in the unit of the history.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The demand of each period that is not exceeded with probability `level`.
    #[must_use]
    pub fn quantile(&self, level: f64) -> Vec<f64> {
        (0..self.mean.len())
            .map(|step| self.bounded(self.mean[step] + self.spread * self.steps.quantile(step, level)))
            .collect()
    }

    /// The demand of the next `periods` together that is not exceeded with probability `level`: what a stock must
    /// cover over its lead time. `periods` is cut to the horizon.
    #[must_use]
    pub fn total_quantile(&self, periods: usize, level: f64) -> f64 {
        let periods = periods.min(self.mean.len());
        if periods == 0 {
            return 0.0;
        }
        let mean: f64 = self.mean[..periods].iter().sum();
        self.bounded(mean + self.spread * self.totals.quantile(periods - 1, level))
    }

    /// For each period the bounds that demand stays within with probability `coverage`.
    ///
    /// As much is left out above as below; where that would reach below a demand of nothing, all is left out above.
    #[must_use]
    pub fn interval(&self, coverage: f64) -> Vec<(f64, f64)> {
        let coverage = if coverage.is_finite() { coverage.clamp(0.0, 1.0) } else { 0.95 };
        let at = |step: usize, level: f64| self.mean[step] + self.spread * self.steps.quantile(step, level);
        let of = |step: usize| {
            let low = at(step, 0.5 - 0.5 * coverage);
            if self.not_negative && low <= 0.0 {
                // Nothing is left out below; up to there the distribution lies at zero.
                return (0.0, self.bounded(at(step, coverage)));
            }
            (low, self.bounded(at(step, 0.5 + 0.5 * coverage)))
        };
        (0..self.mean.len()).map(of).collect()
    }

    /// The numbers that it rests on, the methods by weight.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// The same forecast with further reasons.
    pub(super) fn with_reasons(mut self, reasons: impl IntoIterator<Item = Reason>) -> Self {
        self.reasons.extend(reasons);
        self
    }

    /// The same distribution about another mean, as planners or a hierarchy have it. Cut or padded to the horizon.
    #[must_use]
    pub fn about(mut self, mean: &[f64]) -> Self {
        for (value, new) in self.mean.iter_mut().zip(mean) {
            if new.is_finite() {
                *value = *new;
            }
        }
        self
    }

    fn bounded(&self, value: f64) -> f64 {
        if self.not_negative { value.max(0.0) } else { value }
    }
}
