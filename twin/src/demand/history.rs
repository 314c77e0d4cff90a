//! What was sold, and what would have been: histories with stock-outs, promotions and returns made into demand.

use super::forecast::{Forecast, Reason};
use super::maths::exp;
use super::plan::{Calendar, Plan};
use super::series::{Season, fill, mean, shrunken_season};
use super::tune::{Tuned, tune};
use firmware_schemas::id::{SiteId, SkuId};

/// What is known of one SKU at one site in one period.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Observation {
    /// What was sold or asked for, before returns; not a number where it is not known.
    pub demand: f64,
    /// There was no stock for a part of the period: the demand was at least what was sold.
    pub stocked_out: bool,
    /// There was a promotion.
    pub promoted: bool,
    /// What came back. It is supply of another day and does not lower demand.
    pub returned: f64,
}

/// The history of one SKU at one site, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Where.
    pub site: SiteId,
    /// What.
    pub sku: SkuId,
    /// By period. All histories that are forecast together end in the same one.
    pub periods: Vec<Observation>,
    /// Whether a promotion is planned, by period ahead; what is not there is not promoted.
    pub promotions_ahead: Vec<bool>,
}

/// A history as demand: what would have been asked for with stock and without promotions.
#[derive(Clone, Debug, PartialEq)]
pub struct Cleaned {
    /// By period; missing points are not numbers.
    pub demand: Vec<f64>,
    /// What a promotion multiplies demand by, drawn towards 1 where there were few.
    pub lift: f64,
    /// What was changed.
    pub reasons: Vec<Reason>,
}

/// Neighbours within so many periods count most.
const REACH_PERIODS: f64 = 4.0;
/// So many promotions without effect are supposed to have been seen already.
const PRIOR_PROMOTIONS: f64 = 2.0;

impl History {
    /// Demand in place of sales.
    ///
    /// A period without stock gets what its neighbours with stock and without promotion (seasonally adjusted, the
    /// near ones more) let expect, never less than what was sold. A promoted period is divided by the mean lift.
    #[must_use]
    pub fn cleaned(&self, calendar: Calendar) -> Cleaned {
        let n = self.periods.len();
        let usual = |at: usize| {
            let period = &self.periods[at];
            period.demand.is_finite() && !period.stocked_out && !period.promoted
        };
        let mut demand: Vec<f64> = self.periods.iter().map(|period| period.demand).collect();
        let plain: Vec<f64> = (0..n).map(|at| if usual(at) { demand[at] } else { f64::NAN }).collect();
        if plain.iter().all(|value| value.is_nan()) {
            return Cleaned { demand, lift: 1.0, reasons: Vec::new() };
        }
        let expected = expected(&plain, calendar.season());
        let promoted: Vec<usize> = (0..n)
            .filter(|at| self.periods[*at].promoted && !self.periods[*at].stocked_out && demand[*at].is_finite())
            .collect();
        let sold: f64 = promoted.iter().map(|at| demand[*at].max(0.0)).sum();
        let base: f64 = promoted.iter().map(|at| expected[*at].max(0.0)).sum();
        let n_promoted = promoted.len() as f64;
        let lift = if base > 0.0 {
            ((sold / base).clamp(0.2, 20.0) * n_promoted + PRIOR_PROMOTIONS) / (n_promoted + PRIOR_PROMOTIONS)
        } else {
            1.0
        };
        let (mut n_censored, mut raised) = (0, 0.0);
        for (at, period) in self.periods.iter().enumerate() {
            let here = if period.promoted { lift } else { 1.0 };
            if period.stocked_out {
                let sold = if demand[at].is_finite() { demand[at] } else { 0.0 };
                let value = sold.max(expected[at] * here);
                (n_censored, raised) = (n_censored + 1, raised + value - sold);
                demand[at] = value;
            }
            demand[at] /= here;
        }
        let mut reasons = Vec::new();
        if n_censored > 0 {
            reasons.push(Reason::Censored { periods: n_censored, raised });
        }
        if !promoted.is_empty() {
            reasons.push(Reason::Promoted { periods: promoted.len(), lift });
        }
        Cleaned { demand, lift, reasons }
    }
}

/// What the known points of `y` let expect in every period.
fn expected(y: &[f64], season: usize) -> Vec<f64> {
    let n = y.len();
    let season = shrunken_season(&between(y), season);
    let adjusted = season.remove(&between(y));
    let known: Vec<usize> = (0..n).filter(|at| y[*at].is_finite()).collect();
    let keep = exp(-1.0 / REACH_PERIODS);
    // Sums from the left and from the right, forgetting: a mean over known neighbours in two passes.
    let mut sums = vec![(0.0, 0.0); n];
    let mut is_known = vec![false; n];
    known.iter().for_each(|at| is_known[*at] = true);
    let mut pass = |order: &mut dyn Iterator<Item = usize>| {
        let (mut sum, mut weight) = (0.0, 0.0);
        for at in order {
            sums[at].0 += sum;
            sums[at].1 += weight;
            if is_known[at] {
                sum += adjusted[at];
                weight += 1.0;
            }
            sum *= keep;
            weight *= keep;
        }
    };
    pass(&mut (0..n));
    pass(&mut (0..n).rev());
    let overall = mean(&known.iter().map(|at| adjusted[*at]).collect::<Vec<_>>());
    let level = |(sum, weight): &(f64, f64)| if *weight > 1e-6 { sum / weight } else { overall };
    let mut expected: Vec<f64> = sums.iter().map(level).collect();
    match &season {
        Season::None => {}
        Season::Factors(by) => expected.iter_mut().zip(by.iter().cycle()).for_each(|(value, by)| *value *= by),
        Season::Summands(by) => expected.iter_mut().zip(by.iter().cycle()).for_each(|(value, by)| *value += by),
    }
    expected
}

/// `y` with missing points on the line between their neighbours.
fn between(y: &[f64]) -> Vec<f64> {
    let mut filled = fill(y, 0);
    let known: Vec<usize> = (0..y.len()).filter(|at| y[*at].is_finite()).collect();
    for pair in known.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        for at in from + 1..to {
            let share = (at - from) as f64 / (to - from) as f64;
            filled[at] = filled[from] + share * (filled[to] - filled[from]);
        }
    }
    if let (Some(&first), Some(&last)) = (known.first(), known.last()) {
        let (head, tail) = (filled[first], filled[last]);
        filled[..first].fill(head);
        filled[last + 1..].fill(tail);
    }
    filled
}

/// [`tune`] on histories.
#[must_use]
pub fn tune_histories(histories: &[History], plan: &Plan) -> Tuned {
    let cleaned: Vec<Cleaned> = histories.iter().map(|history| history.cleaned(plan.calendar)).collect();
    tune(&cleaned.iter().map(|cleaned| &cleaned.demand[..]).collect::<Vec<_>>(), plan)
}

impl Tuned {
    /// Forecasts histories, in their order, with the lift of promotions where they are planned.
    #[must_use]
    pub fn forecast_histories(&self, histories: &[History]) -> Vec<Forecast> {
        let cleaned: Vec<Cleaned> = histories.iter().map(|history| history.cleaned(self.plan().calendar)).collect();
        let panel: Vec<&[f64]> = cleaned.iter().map(|cleaned| &cleaned.demand[..]).collect();
        let forecasts = self.forecast(&panel).into_iter().zip(cleaned).zip(histories);
        let finish = |((forecast, cleaned), history): ((Forecast, Cleaned), &History)| {
            let ahead = history.promotions_ahead.iter().chain(std::iter::repeat(&false));
            let mean: Vec<f64> = forecast
                .mean()
                .iter()
                .zip(ahead)
                .map(|(value, promoted)| if *promoted { value * cleaned.lift } else { *value })
                .collect();
            forecast.about(&mean).with_reasons(cleaned.reasons)
        };
        forecasts.map(finish).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(periods: Vec<Observation>) -> History {
        let site = "GB-LON".parse().expect("an id");
        let sku = "TOY-1".parse().expect("an id");
        History { site, sku, periods, promotions_ahead: vec![true] }
    }

    fn sold(demand: f64) -> Observation {
        Observation { demand, ..Observation::default() }
    }

    fn wavy(t: u32) -> f64 {
        100.0 + f64::from(t * 37 % 11)
    }

    #[test]
    fn stock_outs_do_not_pull_the_forecast_down() {
        let full: Vec<Observation> = (0..60).map(|t| sold(wavy(t))).collect();
        let mut short = full.clone();
        for at in [20, 21, 40, 57, 58, 59] {
            short[at] = Observation { demand: 3.0, stocked_out: true, ..Observation::default() };
        }
        let plan = Plan::new(Calendar::Months, 6);
        let both = [history(full), history(short)];
        let forecasts = tune_histories(&both, &plan).forecast_histories(&both);
        let (whole, censored) = (forecasts[0].mean()[1], forecasts[1].mean()[1]);
        assert!((censored / whole - 1.0).abs() < 0.05, "{censored} where {whole} was asked for");
        assert!(forecasts[1].reasons().iter().any(|reason| matches!(reason, Reason::Censored { periods: 6, .. })));
    }

    #[test]
    fn a_sale_in_a_stock_out_is_never_lowered() {
        let mut periods: Vec<Observation> = (0..30).map(|t| sold(wavy(t))).collect();
        periods[10] = Observation { demand: 500.0, stocked_out: true, ..Observation::default() };
        assert_eq!(history(periods).cleaned(Calendar::Months).demand[10], 500.0);
    }

    #[test]
    fn promotions_are_taken_out_of_the_past_and_put_into_the_future() {
        let mut periods: Vec<Observation> = (0..60).map(|t| sold(wavy(t))).collect();
        for at in (5..60).step_by(6) {
            periods[at] = Observation { demand: 2.0 * periods[at].demand, promoted: true, ..Observation::default() };
        }
        let all = [history(periods)];
        let cleaned = all[0].cleaned(Calendar::Months);
        assert!((1.7..2.1).contains(&cleaned.lift), "{}", cleaned.lift);
        let forecast = &tune_histories(&all, &Plan::new(Calendar::Months, 3)).forecast_histories(&all)[0];
        let lifted = forecast.mean()[0] / forecast.mean()[1];
        assert!((1.5..2.3).contains(&lifted), "{:?}", forecast.mean());
    }

    #[test]
    fn a_history_without_an_ordinary_period_stays_as_it_is() {
        let out = Observation { demand: 1.0, stocked_out: true, ..Observation::default() };
        assert_eq!(history(vec![out; 3]).cleaned(Calendar::Weeks).demand, [1.0; 3]);
    }
}
