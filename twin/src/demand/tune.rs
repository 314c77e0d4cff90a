//! Which methods are trusted, how much, and how far they stray: learned once for a panel, used until the next tuning.

use super::blend::{Loss, Restraint, Window, learn};
use super::forecast::{Forecast, Reason};
use super::intervals::{Errors, errors_of, spread};
use super::maths::pow;
use super::members::{Family, Method, forecasts};
use super::metrics::{Accuracy, Score, naive_error, naive_squared_error};
use super::parallel;
use super::plan::{Aim, Plan};
use super::series::{fill, median, naive2};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was learned for one family of series.
#[derive(Clone, Debug)]
struct Learned {
    weights: Vec<(Method, f64)>,
    steps: Arc<Errors>,
    totals: Arc<Errors>,
    windows: usize,
    accuracy: Accuracy,
    naive: Accuracy,
    /// The middle of the spreads over the mean sizes.
    typical: f64,
}

/// The result of a tuning: weights and distributions of errors for each family of series.
///
/// Tune again each quarter, or when the panel becomes another; in between it forecasts any panel like the one tuned on.
#[derive(Clone, Debug)]
pub struct Tuned {
    plan: Plan,
    families: BTreeMap<Family, Learned>,
}

/// How a tuning turned out for a family of series.
#[derive(Clone, Debug, PartialEq)]
pub struct Backtest {
    /// Which.
    pub family: Family,
    /// Windows of the past that were forecast.
    pub windows: usize,
    /// Each method's weight. Their sum may be below 1 for intermittent demand.
    pub weights: Vec<(Method, f64)>,
    /// How well the combination would have done.
    pub accuracy: Accuracy,
    /// How well Naive2 would have done.
    pub naive: Accuracy,
}

/// So many windows' worth counts what is known before any.
const PRIOR_WINDOWS: f64 = 3.0;
/// With fewer windows there is nothing to be learned.
const WINDOWS_MIN: usize = 20;
/// So many series of a family, evenly from all, are enough to learn from.
const SERIES_MAX: usize = 256;

impl Plan {
    /// The season that a scaled error (MASE) refers to: that of M4.
    fn lag(&self) -> usize {
        if self.calendar.season() > 24 { 1 } else { self.calendar.season() }
    }

    /// Periods that a window's past must have.
    fn past_min(&self, family: Family) -> usize {
        let season = if family == Family::Regular { self.calendar.season() } else { 1 };
        12.max(if season > 24 { season } else { 2 * season })
    }
}

/// Compares all methods on windows of the past and learns their weights and errors.
///
/// `panel` holds one series each, oldest first, that all end in the same period; what is not a number is missing.
/// Nothing of a series after the beginning of a window is seen when the window is forecast. Costs `plan.origins`
/// forecasts of the whole panel.
#[must_use]
pub fn tune(panel: &[&[f64]], plan: &Plan) -> Tuned {
    let filled = parallel::map(panel.len(), plan.threads, |at| fill(panel[at], plan.calendar.season()));
    let mut families = BTreeMap::new();
    for family in [Family::Regular, Family::Irregular] {
        let members = filled.iter().map(|y| &y[..]).filter(|y| Family::of(y, plan.calendar) == family).collect();
        let members = sample(members);
        families.insert(family, Learned::from(&members, family, plan));
    }
    Tuned { plan: *plan, families }
}

/// The methods, each with a weight, so that each is tried.
fn all_of(methods: &[(Method, f64)]) -> Vec<(Method, f64)> {
    methods.iter().map(|(method, _)| (*method, 1.0)).collect()
}

/// At most [`SERIES_MAX`] of `members`, evenly.
fn sample(members: Vec<&[f64]>) -> Vec<&[f64]> {
    let n = members.len();
    if n <= SERIES_MAX { members } else { (0..SERIES_MAX).map(|k| members[k * n / SERIES_MAX]).collect() }
}

impl Learned {
    fn from(members: &[&[f64]], family: Family, plan: &Plan) -> Self {
        let horizon = plan.steps();
        let methods = plan.methods(family);
        let aim = if family == Family::Regular { Aim::Absolute } else { Aim::RootSquared };
        let (mut windows, mut pasts, mut base, mut fulls) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for back in 1..=plan.origins {
            let cut = back * horizon;
            let seen: Vec<&[f64]> =
                members.iter().copied().filter(|y| y.len() >= cut + plan.past_min(family)).collect();
            let known: Vec<&[f64]> = seen.iter().map(|y| &y[..y.len() - cut]).collect();
            for ((y, past), forecasts) in
                seen.iter().zip(&known).zip(forecasts(&known, &all_of(&methods), family, plan))
            {
                let (Some(scale), Some(scale_squared)) = (naive_error(past, plan.lag()), naive_squared_error(past))
                else {
                    continue;
                };
                let actual = y[past.len()..past.len() + horizon].to_vec();
                base.extend(Score::new(past, plan.lag(), &actual, &naive2(past, plan.lag(), horizon)));
                windows.push(Window { forecasts, actual, scale, scale_squared });
                pasts.push(*past);
                fulls.push(y.len());
            }
        }
        let naive = Accuracy::of(&base);
        let longest = members.iter().map(|y| y.len()).max().unwrap_or(0);
        let learned: Vec<f64> = if windows.len() < WINDOWS_MIN {
            methods.iter().map(|(_, weight)| *weight).collect()
        } else {
            let loss = match aim {
                Aim::Absolute => Loss::Absolute { smape: naive.smape.max(1e-6), mase: naive.mase.max(1e-6) },
                Aim::RootSquared => Loss::RootSquared,
            };
            // What falls all year long may be drawn down; of less than a year it cannot be known.
            let draws = aim == Aim::RootSquared && longest >= plan.calendar.year() + horizon;
            let prior: Vec<f64> = methods.iter().map(|(_, weight)| *weight).collect();
            // Windows of one period share its fate: those of less than a year are too few fates to learn from.
            let known = longest.saturating_sub(horizon).min(plan.origins * horizon);
            let prior_windows = if known < plan.calendar.year() { 10.0 * windows.len() as f64 } else { PRIOR_WINDOWS };
            let learned = learn(&windows, &prior, loss, Restraint { prior_windows, whole: !draws });
            // What hardly counts is not worth its time.
            let least = 0.01;
            let (before, kept): (f64, f64) =
                (learned.iter().sum(), learned.iter().filter(|weight| **weight >= least).sum());
            let all_of_it = if kept > 0.0 { before / kept } else { 1.0 };
            learned.iter().map(|weight| if *weight >= least { weight * all_of_it } else { 0.0 }).collect()
        };
        let weights: Vec<(Method, f64)> = methods.iter().zip(learned).map(|((method, _), w)| (*method, w)).collect();
        let (mut scores, mut by_step, mut of_totals) = (Vec::new(), Vec::new(), Vec::new());
        let typical = typical_spread(members, plan.calendar.season(), family);
        // Who knows less than half of what is known now strays farther than we shall.
        let like_now: Vec<bool> = pasts.iter().zip(&fulls).map(|(past, full)| 2 * past.len() >= *full).collect();
        let enough = like_now.iter().filter(|like| **like).count() >= WINDOWS_MIN;
        for (at, (window, past)) in windows.iter().zip(&pasts).enumerate() {
            let mean = blended(&window.forecasts, &weights, horizon);
            scores.extend(Score::new(past, plan.lag(), &window.actual, &mean));
            if enough && !like_now[at] {
                continue;
            }
            let spread = steadied(past, plan.calendar.season(), family, typical);
            let errors = errors_of(&window.actual, &mean, spread);
            of_totals.push(running_sums(&errors));
            by_step.push(errors);
        }
        Self {
            weights,
            steps: Arc::new(Errors::collect(&by_step, horizon)),
            totals: Arc::new(Errors::collect(&of_totals, horizon)),
            windows: windows.len(),
            accuracy: Accuracy::of(&scores),
            naive,
            typical,
        }
    }
}

impl Tuned {
    /// Forecasts every series of `panel`, in its order; they all end in the same period.
    #[must_use]
    pub fn forecast(&self, panel: &[&[f64]]) -> Vec<Forecast> {
        let plan = &self.plan;
        let horizon = plan.steps();
        let filled = parallel::map(panel.len(), plan.threads, |at| fill(panel[at], plan.calendar.season()));
        let mut made: Vec<Option<Forecast>> = vec![None; panel.len()];
        for (&family, learned) in &self.families {
            let at: Vec<usize> =
                (0..panel.len()).filter(|at| Family::of(&filled[*at], plan.calendar) == family).collect();
            let members: Vec<&[f64]> = at.iter().map(|at| &filled[*at][..]).collect();
            let all = forecasts(&members, &learned.weights, family, plan);
            let of_one = |index: usize| learned.forecast(members[index], &all[index], family, plan);
            for (at, forecast) in at.iter().zip(parallel::map(members.len(), plan.threads, of_one)) {
                made[*at] = Some(forecast);
            }
        }
        made.into_iter().map(|forecast| forecast.unwrap_or_else(|| Forecast::zero(horizon))).collect()
    }

    /// How the tuning turned out.
    #[must_use]
    pub fn backtests(&self) -> Vec<Backtest> {
        let report = |(family, learned): (&Family, &Learned)| Backtest {
            family: *family,
            windows: learned.windows,
            weights: learned.weights.clone(),
            accuracy: learned.accuracy,
            naive: learned.naive,
        };
        self.families.iter().map(report).collect()
    }

    /// Whether a quarter has passed, `periods` after the tuning.
    #[must_use]
    pub const fn is_due(&self, periods: usize) -> bool {
        periods >= self.plan.calendar.quarter()
    }

    /// What was tuned for.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }
}

impl Learned {
    fn forecast(&self, y: &[f64], all: &[Vec<f64>], family: Family, plan: &Plan) -> Forecast {
        let horizon = plan.steps();
        let mean = blended(all, &self.weights, horizon);
        let mut reasons = vec![Reason::History { periods: y.len() }, Reason::Backtest { windows: self.windows }];
        let mut used: Vec<(Method, f64)> =
            self.weights.iter().copied().filter(|(_, weight)| *weight >= 0.005).collect();
        used.sort_by(|a, b| b.1.total_cmp(&a.1));
        reasons.extend(used.iter().map(|(method, weight)| Reason::Weight { method: *method, weight: *weight }));
        let spread = steadied(y, plan.calendar.season(), family, self.typical);
        let not_negative = y.iter().all(|value| *value >= 0.0);
        Forecast::new(family, mean, spread, not_negative, Arc::clone(&self.steps), Arc::clone(&self.totals), reasons)
    }
}

/// The mean size of `y`.
fn size_of(y: &[f64]) -> f64 {
    y.iter().map(|value| value.abs()).sum::<f64>() / y.len().max(1) as f64
}

/// The middle of the series' spreads in units of their mean sizes.
fn typical_spread(members: &[&[f64]], season: usize, family: Family) -> f64 {
    let of = |y: &&[f64]| spread(y, season, family == Family::Irregular) / size_of(y);
    let mut ratios: Vec<f64> = members.iter().map(of).filter(|ratio| ratio.is_normal()).collect();
    median(&mut ratios).unwrap_or(1.0)
}

/// The spread of a series, drawn a little towards what is typical: one that was calm for a while need not stay so.
fn steadied(y: &[f64], season: usize, family: Family, typical: f64) -> f64 {
    let (own, usual) = (spread(y, season, family == Family::Irregular), typical * size_of(y));
    if family == Family::Regular && usual.is_normal() { own * pow(usual / own, 0.2) } else { own }
}

fn blended(forecasts: &[Vec<f64>], weights: &[(Method, f64)], horizon: usize) -> Vec<f64> {
    let mut mean = vec![0.0; horizon];
    for (forecast, (_, weight)) in forecasts.iter().zip(weights) {
        for (value, add) in mean.iter_mut().zip(forecast) {
            *value += weight * add;
        }
    }
    mean
}

fn running_sums(values: &[f64]) -> Vec<f64> {
    let sum = |sum: &mut f64, value: &f64| {
        *sum += value;
        Some(*sum)
    };
    values.iter().scan(0.0, sum).collect()
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Calendar, Tried};
    use super::*;
    use proptest::prelude::*;

    /// Reproducible series: level, trend, season and noise differ.
    fn panel(n: usize, periods: usize, season: usize) -> Vec<Vec<f64>> {
        let noise = |k: usize, t: usize| {
            let word = ((k * 7_919 + t * 104_729 + 17) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            word as f64 / f64::from(1 << 24) - 0.5
        };
        let of = |k: usize| {
            let value = |t: usize| {
                let wave = if t % season < season / 2 { 10.0 } else { -10.0 };
                100.0 + k as f64 + 0.2 * t as f64 + wave + 12.0 * noise(k, t)
            };
            (0..periods).map(value).collect()
        };
        (0..n).map(of).collect()
    }

    fn views(panel: &[Vec<f64>]) -> Vec<&[f64]> {
        panel.iter().map(|y| &y[..]).collect()
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let panel = panel(40, 84, 12);
        let made = |threads| {
            let plan = Plan { threads, ..Plan::new(Calendar::Months, 12) };
            tune(&views(&panel), &plan).forecast(&views(&panel))
        };
        assert_eq!(made(1), made(3));
    }

    #[test]
    fn intervals_cover_what_they_say() {
        let full = panel(120, 96, 12);
        let past: Vec<&[f64]> = full.iter().map(|y| &y[..84]).collect();
        let forecasts = tune(&past, &Plan::new(Calendar::Months, 12)).forecast(&past);
        let (mut within, mut all) = (0, 0);
        for (y, forecast) in full.iter().zip(&forecasts) {
            for (actual, (low, high)) in y[84..].iter().zip(forecast.interval(0.9)) {
                all += 1;
                within += usize::from((low..=high).contains(actual));
            }
        }
        let covered = f64::from(within as u32) / f64::from(all);
        assert!((0.85..0.95).contains(&covered), "{covered} of 0.9");
    }

    #[test]
    fn the_combination_beats_naive2_in_the_backtest() {
        let panel = panel(60, 96, 12);
        let tuned = tune(&views(&panel), &Plan::new(Calendar::Months, 12));
        let backtests = tuned.backtests();
        let regular = backtests.iter().find(|backtest| backtest.family == Family::Regular).unwrap();
        assert_eq!(regular.windows, 180);
        assert!(tuned.is_due(3) && !tuned.is_due(2));
        let owa = regular.accuracy.owa(&regular.naive).unwrap();
        assert!(owa < 0.9, "OWA {owa}");
        let sum: f64 = regular.weights.iter().map(|(_, weight)| weight).sum();
        assert!((sum - 1.0).abs() < 1e-9, "weights add up to {sum}");
    }

    #[test]
    fn a_forecast_says_what_it_rests_on() {
        let panel = panel(30, 72, 12);
        let tuned = tune(&views(&panel), &Plan::new(Calendar::Months, 12));
        let reasons = tuned.forecast(&views(&panel))[0].reasons().to_vec();
        assert!(reasons.contains(&Reason::History { periods: 72 }));
        assert!(reasons.contains(&Reason::Backtest { windows: 90 }));
        let weights = reasons.iter().filter_map(|reason| match reason {
            Reason::Weight { weight, .. } => Some(*weight),
            _ => None,
        });
        assert!(weights.clone().is_sorted_by(|a, b| a >= b) && weights.sum::<f64>() > 0.95, "{reasons:?}");
    }

    #[test]
    fn a_plan_may_ask_for_the_network_beside_the_others() {
        let panel = panel(30, 48, 4);
        let plan = Plan { tried: Tried::Everything, ..Plan::new(Calendar::Quarters, 4) };
        let tuned = tune(&views(&panel), &plan);
        for backtest in tuned.backtests() {
            let methods: Vec<Method> = backtest.weights.iter().map(|(method, _)| *method).collect();
            assert!(methods.contains(&Method::Lstm), "{methods:?}");
        }
        let sums = [Family::Regular, Family::Irregular].map(|family| plan.methods(family).iter().map(|(_, w)| w).sum());
        assert!(sums.iter().all(|sum: &f64| (sum - 1.0).abs() < 1e-9), "{sums:?}");
        let usual = Plan::new(Calendar::Quarters, 4).methods(Family::Regular);
        assert!(usual.iter().all(|(method, _)| *method != Method::Lstm));
        let mean = tuned.forecast(&views(&panel))[0].mean().to_vec();
        assert!(mean.iter().all(|value| (80.0..150.0).contains(value)), "{mean:?}");
    }

    #[test]
    fn quantiles_rise_with_their_level() {
        let panel = panel(30, 72, 12);
        let forecast = &tune(&views(&panel), &Plan::new(Calendar::Months, 6)).forecast(&views(&panel))[3];
        let levels = [0.01, 0.1, 0.5, 0.9, 0.99];
        for pair in levels.windows(2) {
            let (low, high) = (forecast.quantile(pair[0]), forecast.quantile(pair[1]));
            assert!(low.iter().zip(&high).all(|(low, high)| low <= high), "{pair:?}");
            assert!(forecast.total_quantile(4, pair[0]) <= forecast.total_quantile(4, pair[1]), "{pair:?}");
        }
    }

    fn foreign() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => -1e3..1e3_f64,
            2 => 0.0..50.0_f64,
            2 => Just(0.0),
            1 => Just(f64::NAN),
            1 => Just(f64::INFINITY),
            1 => Just(-1e300),
            1 => Just(1e300),
            1 => Just(1e-300),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn no_panel_makes_it_panic_or_say_what_is_not_a_number(
            panel in proptest::collection::vec(proptest::collection::vec(foreign(), 0..90), 0..14),
            calendar in prop_oneof![Just(Calendar::Days), Just(Calendar::Weeks), Just(Calendar::Months), Just(Calendar::Quarters)],
            horizon in 0..9_usize,
        ) {
            let views = views(&panel);
            let forecasts = tune(&views, &Plan::new(calendar, horizon)).forecast(&views);
            prop_assert_eq!(forecasts.len(), panel.len());
            for forecast in &forecasts {
                prop_assert_eq!(forecast.mean().len(), horizon);
                let intervals = forecast.interval(0.95);
                let numbers = forecast.mean().iter().chain(intervals.iter().flat_map(|(low, high)| [low, high]));
                prop_assert!(numbers.clone().all(|value| value.is_finite()), "{:?}", forecast);
                prop_assert!(intervals.iter().all(|(low, high)| low <= high), "{:?}", intervals);
                prop_assert!(forecast.total_quantile(horizon, 0.9).is_finite());
            }
        }

        #[test]
        fn a_constant_series_is_forecast_as_it_is(value in 0.5..1e6_f64, n in 1..80_usize) {
            let y = vec![value; n];
            let forecast = &tune(&[&y], &Plan::new(Calendar::Months, 4)).forecast(&[&y])[0];
            for mean in forecast.mean() {
                prop_assert!((mean / value - 1.0).abs() < 1e-6, "{} of {}", mean, value);
            }
        }
    }
}
