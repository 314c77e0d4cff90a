//! What became of forecasts: accuracy by level and step, and whether planners' overrides were worth it.

use super::forecast::Forecast;
use super::metrics::{naive_error, pinball};
use std::collections::BTreeMap;

/// One forecast value beside what came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// What came.
    pub actual: f64,
    /// What was expected.
    pub mean: f64,
    /// The bounds of the interval.
    pub interval: (f64, f64),
    /// The forecast quantile at [`QUANTILE`].
    pub quantile: f64,
    /// What an error is measured in (MASE); 0 where the past was constant.
    pub scale: f64,
}

/// The level at which the pinball loss is taken: a service level that stocks are planned for.
pub const QUANTILE: f64 = 0.95;
/// The coverage that intervals are made for.
pub const COVERAGE: f64 = 0.95;

/// The accuracy of many outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Judgement {
    /// Outcomes.
    pub n: usize,
    /// Mean symmetric percentage error, 0 to 200.
    pub smape: f64,
    /// Mean absolute scaled error, over those with a scale.
    pub mase: f64,
    /// Sum of absolute errors over sum of actual values; accuracy is `1 − wape`.
    pub wape: f64,
    /// Sum of errors over sum of actual values, positive where forecasts were too high.
    pub bias: f64,
    /// Mean pinball loss at [`QUANTILE`], in the unit of demand.
    pub pinball: f64,
    /// The share of outcomes within their interval; should be [`COVERAGE`].
    pub coverage: f64,
}

impl Judgement {
    /// Of `outcomes`; those that are not numbers are left out.
    #[must_use]
    pub fn of(outcomes: &[Outcome]) -> Self {
        let known: Vec<&Outcome> = outcomes.iter().filter(|o| o.actual.is_finite() && o.mean.is_finite()).collect();
        let over = |sum: f64, n: f64| if n > 0.0 { sum / n } else { 0.0 };
        let n = known.len() as f64;
        let sum = |of: &dyn Fn(&Outcome) -> f64| known.iter().map(|outcome| of(outcome)).sum::<f64>();
        let total = sum(&|o| o.actual.abs());
        let scaled: Vec<f64> =
            known.iter().filter(|o| o.scale > 0.0).map(|o| (o.actual - o.mean).abs() / o.scale).collect();
        let relative = |o: &Outcome| {
            let size = o.actual.abs() + o.mean.abs();
            if size > 0.0 { 200.0 * (o.actual - o.mean).abs() / size } else { 0.0 }
        };
        Self {
            n: known.len(),
            smape: over(sum(&relative), n),
            mase: over(scaled.iter().sum(), scaled.len() as f64),
            wape: over(sum(&|o| (o.actual - o.mean).abs()), total),
            bias: over(sum(&|o| o.mean - o.actual), total),
            pinball: over(sum(&|o| pinball(o.actual, o.quantile, QUANTILE)), n),
            coverage: over(sum(&|o| f64::from(u8::from(o.interval.0 <= o.actual && o.actual <= o.interval.1))), n),
        }
    }
}

/// Outcomes gathered by level (SKU, class, site, region, …) and step ahead.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccuracyReport {
    outcomes: BTreeMap<(String, usize), Vec<Outcome>>,
}

impl AccuracyReport {
    /// Adds what became of `forecast`, made at the end of `past`, for a series of `level`. `lag` is the season of MASE.
    pub fn add(&mut self, level: &str, past: &[f64], lag: usize, forecast: &Forecast, actual: &[f64]) {
        let scale = naive_error(past, lag).unwrap_or(0.0);
        let values = forecast.mean().iter().zip(forecast.interval(COVERAGE)).zip(forecast.quantile(QUANTILE));
        for (step, (((mean, interval), quantile), actual)) in values.zip(actual).enumerate() {
            let outcome = Outcome { actual: *actual, mean: *mean, interval, quantile, scale };
            self.outcomes.entry((level.to_owned(), step)).or_default().push(outcome);
        }
    }

    /// For each level and step (0 is the next period), sorted.
    #[must_use]
    pub fn by_level_and_step(&self) -> Vec<(&str, usize, Judgement)> {
        self.outcomes.iter().map(|((level, step), outcomes)| (&level[..], *step, Judgement::of(outcomes))).collect()
    }

    /// For each level over all steps, sorted.
    #[must_use]
    pub fn by_level(&self) -> Vec<(&str, Judgement)> {
        let mut levels: BTreeMap<&str, Vec<Outcome>> = BTreeMap::new();
        for ((level, _), outcomes) in &self.outcomes {
            levels.entry(level).or_default().extend(outcomes);
        }
        levels.into_iter().map(|(level, outcomes)| (level, Judgement::of(&outcomes))).collect()
    }
}

/// What planners put in place of forecasts, kept apart from them. `K` names a series; steps are periods, not steps ahead.
#[derive(Clone, Debug, PartialEq)]
pub struct Overrides<K> {
    values: BTreeMap<(K, u32), f64>,
}

impl<K: Ord + Clone> Default for Overrides<K> {
    fn default() -> Self {
        Self { values: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Overrides<K> {
    /// Puts `mean` in place of the forecast of `series` in `period`; the last one counts. False if it is not a number.
    pub fn set(&mut self, series: K, period: u32, mean: f64) -> bool {
        if mean.is_finite() {
            self.values.insert((series, period), mean);
        }
        mean.is_finite()
    }

    /// Takes an override back.
    pub fn withdraw(&mut self, series: &K, period: u32) -> Option<f64> {
        self.values.remove(&(series.clone(), period))
    }

    /// What planners put for `series` in `period`.
    #[must_use]
    pub fn get(&self, series: &K, period: u32) -> Option<f64> {
        self.values.get(&(series.clone(), period)).copied()
    }

    /// `forecast` (whose first step is `first_period`) as planners have it; the forecast itself stays as it is.
    #[must_use]
    pub fn apply(&self, series: &K, first_period: u32, forecast: &Forecast) -> Forecast {
        let at = |(step, mean): (usize, &f64)| {
            let period = u32::try_from(step).ok().and_then(|step| first_period.checked_add(step));
            period.and_then(|period| self.get(series, period)).unwrap_or(*mean)
        };
        let means: Vec<f64> = forecast.mean().iter().enumerate().map(at).collect();
        forecast.clone().about(&means)
    }
}

/// A period that planners changed: the three forecasts, and what came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overridden {
    /// What a naive forecast would have said.
    pub naive: f64,
    /// What the statistical forecast said.
    pub statistical: f64,
    /// What the planner said.
    pub planned: f64,
    /// What came.
    pub actual: f64,
}

/// Forecast value added: what each stage takes off the error (Gilliland, *The business forecasting deal*, 2010).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ValueAdded {
    /// Periods judged.
    pub n: usize,
    /// Sum of absolute errors over sum of actual values: naive.
    pub naive_wape: f64,
    /// Statistical.
    pub statistical_wape: f64,
    /// Planned.
    pub planned_wape: f64,
    /// Naive less statistical: what the statistics add.
    pub by_statistics: f64,
    /// Statistical less planned: what the planners add; negative where they did harm.
    pub by_planners: f64,
    /// The share of overrides that came nearer than the statistical forecast.
    pub improved_share: f64,
    /// Sum of (planned − actual) over sum of actual values.
    pub planned_bias: f64,
}

impl ValueAdded {
    /// Over `periods`; those that are not numbers are left out.
    #[must_use]
    pub fn of(periods: &[Overridden]) -> Self {
        let finite =
            |p: &&Overridden| [p.naive, p.statistical, p.planned, p.actual].iter().all(|value| value.is_finite());
        let known: Vec<&Overridden> = periods.iter().filter(finite).collect();
        let total: f64 = known.iter().map(|p| p.actual.abs()).sum();
        let wape = |of: &dyn Fn(&Overridden) -> f64| {
            let errors: f64 = known.iter().map(|p| (p.actual - of(p)).abs()).sum();
            if total > 0.0 { errors / total } else { 0.0 }
        };
        let (naive, statistical, planned) = (wape(&|p| p.naive), wape(&|p| p.statistical), wape(&|p| p.planned));
        let nearer = known.iter().filter(|p| (p.planned - p.actual).abs() < (p.statistical - p.actual).abs()).count();
        let bias: f64 = known.iter().map(|p| p.planned - p.actual).sum();
        Self {
            n: known.len(),
            naive_wape: naive,
            statistical_wape: statistical,
            planned_wape: planned,
            by_statistics: naive - statistical,
            by_planners: statistical - planned,
            improved_share: nearer as f64 / known.len().max(1) as f64,
            planned_bias: if total > 0.0 { bias / total } else { 0.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_added_tells_statistics_and_planners_apart() {
        let periods = [
            Overridden { naive: 14.0, statistical: 12.0, planned: 11.0, actual: 10.0 },
            Overridden { naive: 14.0, statistical: 9.0, planned: 15.0, actual: 10.0 },
            Overridden { naive: f64::NAN, statistical: 9.0, planned: 15.0, actual: 10.0 },
        ];
        let added = ValueAdded::of(&periods);
        assert_eq!((added.n, added.naive_wape, added.statistical_wape, added.planned_wape), (2, 0.4, 0.15, 0.3));
        assert_eq!((added.by_statistics, added.improved_share), (0.25, 0.5));
        assert!((added.by_planners + 0.15).abs() < 1e-12);
    }

    #[test]
    fn overrides_leave_the_forecast_as_it_was() {
        let forecast = Forecast::zero(3);
        let mut overrides = Overrides::default();
        assert!(overrides.set("a", 11, 5.0) && !overrides.set("a", 12, f64::NAN));
        assert_eq!(overrides.apply(&"a", 10, &forecast).mean(), [0.0, 5.0, 0.0]);
        assert_eq!(forecast.mean(), [0.0; 3]);
        assert_eq!(overrides.apply(&"b", 10, &forecast), forecast);
        assert_eq!(overrides.withdraw(&"a", 11), Some(5.0));
    }

    #[test]
    fn outcomes_are_judged_by_level_and_step() {
        let mut report = AccuracyReport::default();
        report.add("site", &[1.0, 2.0, 1.0], 1, &Forecast::zero(2), &[0.0, 4.0]);
        let judged = report.by_level_and_step();
        assert_eq!(judged.len(), 2);
        assert_eq!((judged[0].2.coverage, judged[1].2.coverage), (1.0, 0.0));
        assert_eq!((judged[1].2.mase, judged[1].2.wape, judged[1].2.bias), (4.0, 1.0, -1.0));
        assert_eq!(report.by_level()[0].1.n, 2);
    }
}
