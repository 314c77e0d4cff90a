//! Forecasts of all positions: tuned each quarter, made anew each week.

use super::levels::Levels;
use super::totals::{TotalForecast, reconciled};
use crate::demand::{Backtest, Calendar, Forecast, History, Plan, Reason, Tuned, tune_histories};
use crate::demand_book::{Week, monday, week_of};
use crate::order::Day;
use crate::replenish::calibrate::Terms;
use crate::replenish::demand::{DemandDistribution, Rate};
use crate::replenish::projection::Unmet;
use crate::state::{SkuIdx, StockIdx, Twin};
use crate::supply::is_supplier;
use firmware_schemas::supply::AbcClass;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Weeks ahead: a rolling year.
pub const FORECAST_WEEKS: usize = 52;
/// Weeks ahead for which methods are tuned by themselves: what replenishment lives on.
const NEAR_WEEKS: usize = 13;
/// Weeks of history below which the recent rate is all that is known.
const HISTORY_WEEKS_MIN: usize = 8;
/// Weeks to a quarter: after so many, methods are tuned again.
const QUARTER_WEEKS: i32 = 13;

/// What is expected of a position.
#[derive(Clone, Debug)]
pub struct PositionForecast {
    /// The next quarter; `None` where only the recent rate is known.
    near: Option<Forecast>,
    /// The whole year.
    far: Option<Forecast>,
    /// Pieces a week, for all [`FORECAST_WEEKS`], those that other sites will want included.
    mean: Arc<[f32]>,
    /// What other sites will want, where there are any: variance by week.
    dependent: Option<Arc<[f32]>>,
    /// How badly the level itself is known.
    level_cv: f32,
    /// Weeks of history that it rests on.
    pub history_weeks: usize,
}

/// Statistics of one week.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// Pieces expected.
    pub mean: f64,
    /// Demand stays above this in 97.5 % of cases …
    pub low: f64,
    /// … and below this.
    pub high: f64,
}

impl PositionForecast {
    /// Of a steady rate, when there is no history: as uncertain as customers that come one by one, twice over.
    fn of_rate(per_week: f64, history_weeks: usize) -> Self {
        let mean = vec![per_week as f32; FORECAST_WEEKS].into();
        Self { near: None, far: None, mean, dependent: None, level_cv: 0.0, history_weeks }
    }

    fn of(near: Forecast, far: Forecast, history_weeks: usize) -> Self {
        let means = (0..FORECAST_WEEKS).map(|n| near.mean().get(n).or(far.mean().get(n)).copied().unwrap_or(0.0));
        let mean: Arc<[f32]> = means.map(|mean| mean.max(0.0) as f32).collect();
        let mut this = Self { near: Some(near), far: Some(far), mean, dependent: None, level_cv: 0.0, history_weeks };
        this.level_cv = this.own_level_cv() as f32;
        this
    }

    /// Pieces expected, by week.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The methods, weights and corrections that it rests on; empty where it is the recent rate.
    pub fn reasons(&self) -> &[Reason] {
        self.near.as_ref().map_or(&[], Forecast::reasons)
    }

    /// Expected pieces of each week, with the bounds that hold 95 % of cases.
    pub fn weeks(&self) -> Vec<Statistics> {
        self.first_weeks(FORECAST_WEEKS)
    }

    fn first_weeks(&self, n_weeks: usize) -> Vec<Statistics> {
        let of_rate = |mean: f64| {
            let deviation = libm::sqrt(2.0 * mean);
            Statistics { mean, low: (mean - 1.96 * deviation).max(0.0), high: mean + 1.96 * deviation }
        };
        let bounds = |forecast: &Option<Forecast>| forecast.as_ref().map(|it| it.interval(0.95));
        let far = if n_weeks > NEAR_WEEKS { bounds(&self.far) } else { None };
        let near = if self.dependent.is_none() { bounds(&self.near) } else { None };
        let week = |n: usize| {
            let mean = f64::from(self.mean[n]);
            if let Some(variance) = &self.dependent {
                let deviation = libm::sqrt(f64::from(variance[n]));
                return Statistics { mean, low: (mean - 1.96 * deviation).max(0.0), high: mean + 1.96 * deviation };
            }
            let known = near.as_ref().and_then(|it| it.get(n)).or_else(|| far.as_ref()?.get(n));
            known.map_or_else(|| of_rate(mean), |(low, high)| Statistics { mean, low: *low, high: *high })
        };
        (0..self.mean.len().min(n_weeks)).map(week).collect()
    }

    /// Demand by day from `today` on, as planning wants it. The first week is the one of `first`.
    pub(super) fn by_day(&self, first: Week, today: Day, overridden: &BTreeMap<Week, f64>) -> DemandDistribution {
        /// Days that are told one by one; beyond, the last counts.
        const DAYS: i32 = 91;
        let weeks = self.first_weeks(NEAR_WEEKS);
        let Some(last) = weeks.len().checked_sub(1) else { return DemandDistribution::certain(0.0) };
        let of_week = |week: Week| {
            let at = usize::try_from(i64::from(week) - i64::from(first)).unwrap_or(0).min(last);
            let Statistics { mean, low, high } = weeks[at];
            let deviation = (high - low) / (2.0 * 1.96);
            let expected = overridden.get(&week).copied().unwrap_or(mean);
            // Pieces are asked for one by one at least.
            Rate { mean: expected / 7.0, variance: (deviation * deviation).max(expected) / 7.0 }
        };
        let rates: Vec<Rate> = (0..DAYS).map(|ahead| of_week(week_of(today.saturating_add(ahead)))).collect();
        DemandDistribution::ByPeriod { rates: rates.into(), level_cv: f64::from(self.level_cv) }
    }

    /// How badly the level itself is known: what makes four weeks together vary more than four weeks by themselves.
    fn own_level_cv(&self) -> f64 {
        const SPAN: usize = 4;
        let Some(near) = self.near.as_ref().filter(|it| it.mean().len() >= SPAN) else { return 0.0 };
        let weeks = self.weeks();
        let mean: f64 = near.mean()[..SPAN].iter().sum();
        if mean <= 0.0 {
            return 0.0;
        }
        let deviation = (near.total_quantile(SPAN, 0.975) - near.total_quantile(SPAN, 0.025)) / (2.0 * 1.96);
        let square = |it: &Statistics| {
            let deviation = (it.high - it.low) / (2.0 * 1.96);
            deviation * deviation
        };
        let apart: f64 = weeks[..SPAN].iter().map(square).sum();
        libm::sqrt((deviation * deviation - apart).max(0.0)).min(mean) / mean
    }
}

/// Methods as they were tuned at the beginning of a quarter.
#[derive(Clone, Debug)]
struct TunedSet {
    quarter: i32,
    near: Tuned,
    far: Tuned,
    levels: Levels,
}

/// Forecasts of all positions for the year that begins with a week.
#[derive(Clone, Debug)]
pub struct Forecasts {
    /// The week that they begin with.
    pub first_week: Week,
    /// The journal's number of the last fact that they saw.
    pub revision: u64,
    /// Positions of which anything had been asked by then.
    pub books: usize,
    tuned: Arc<TunedSet>,
    by_position: BTreeMap<StockIdx, PositionForecast>,
    classes: BTreeMap<SkuIdx, AbcClass>,
    totals: Vec<TotalForecast>,
}

impl Forecasts {
    /// Forecasts from the week of `today` on. Methods are tuned on what was known at the beginning of the quarter;
    /// `before` spares that where it has them.
    pub fn make(twin: &Twin, today: Day, before: Option<&Self>, threads: usize) -> Self {
        let first_week = week_of(today);
        let quarter = first_week.div_euclid(QUARTER_WEEKS);
        let tuned = before.map(|it| &it.tuned).filter(|it| it.quarter == quarter).cloned();
        let tuned = tuned.unwrap_or_else(|| Arc::new(TunedSet::of(twin, quarter, threads)));
        let mut positions = Vec::new();
        let mut histories = Vec::new();
        let mut by_position = BTreeMap::new();
        for position in twin.demand.keys() {
            let Some(history) = twin.history_of(*position, Week::MIN, today) else { continue };
            if history.periods.len() >= HISTORY_WEEKS_MIN {
                positions.push(*position);
                histories.push(history);
            } else {
                let per_day = twin.stock[position.at()].issued.per_day(crate::demand_book::start_of(today));
                let known = &history.periods;
                let asked = known.iter().map(|it| it.demand).filter(|it| it.is_finite()).sum::<f64>();
                let per_week = if known.is_empty() { 7.0 * per_day } else { asked / known.len() as f64 };
                by_position.insert(*position, PositionForecast::of_rate(per_week.max(0.0), known.len()));
            }
        }
        let (near, near_totals) = reconciled(twin, &positions, &histories, &tuned.near);
        let (far, far_totals) = reconciled(twin, &positions, &histories, &tuned.far);
        let totals = near_totals.into_iter().zip(far_totals).map(|((of, near), (_, far))| {
            let forecast =
                PositionForecast::of(near, far, histories.iter().map(|it| it.periods.len()).max().unwrap_or(0));
            TotalForecast { of, forecast }
        });
        let totals = totals.collect();
        for (((position, history), near), far) in positions.into_iter().zip(histories).zip(near).zip(far) {
            by_position.insert(position, PositionForecast::of(near, far, history.periods.len()));
        }
        let classes = classes(twin, &by_position);
        add_dependent(twin, &mut by_position);
        Self { first_week, revision: twin.revision, books: twin.demand.len(), tuned, by_position, classes, totals }
    }

    /// What is expected of a position; `None` where nothing was ever asked for.
    pub fn of(&self, position: StockIdx) -> Option<&PositionForecast> {
        self.by_position.get(&position)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (StockIdx, &PositionForecast)> {
        self.by_position.iter().map(|(position, forecast)| (*position, forecast))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_position.len()
    }

    /// True when nothing is forecast.
    pub fn is_empty(&self) -> bool {
        self.by_position.is_empty()
    }

    /// The class of a SKU; C where nothing is expected of it.
    pub fn class_of(&self, sku: SkuIdx) -> AbcClass {
        self.classes.get(&sku).copied().unwrap_or(AbcClass::C)
    }

    /// The Monday of the first week.
    pub fn first_day(&self) -> Day {
        monday(self.first_week)
    }

    /// When methods were tuned last: the first week of the quarter.
    pub fn tuned_in(&self) -> Week {
        self.tuned.quarter.saturating_mul(QUARTER_WEEKS)
    }

    /// What is expected of sites, regions and SKUs together; positions add up to it.
    pub fn totals(&self) -> &[TotalForecast] {
        &self.totals
    }

    /// The chance of having enough that was cheapest on the past, for a position on these terms; `None` where too little
    /// is known of any.
    pub fn level(&self, position: StockIdx, terms: &Terms) -> Option<f64> {
        let mean = self.of(position)?.mean();
        let per_week = mean.iter().take(4).map(|it| f64::from(*it)).sum::<f64>() / 4.0;
        self.tuned.levels.of(per_week, terms)
    }

    /// How many times shortages count, by what becomes of unmet demand and by speed, the slowest first.
    pub fn levels(&self) -> Vec<(Unmet, Vec<f64>)> {
        self.tuned.levels.factors()
    }

    /// How the last tuning turned out, for the quarter ahead.
    pub fn backtests(&self) -> Vec<Backtest> {
        self.tuned.near.backtests()
    }
}

impl TunedSet {
    fn of(twin: &Twin, quarter: i32, threads: usize) -> Self {
        let cut = monday(quarter.saturating_mul(QUARTER_WEEKS));
        let all = twin.demand.keys().filter_map(|position| twin.history_of(*position, Week::MIN, cut));
        let histories: Vec<History> = all.filter(|it| it.periods.len() >= HISTORY_WEEKS_MIN).collect();
        let tune = |weeks: usize| tune_histories(&histories, &Plan { threads, ..Plan::new(Calendar::Weeks, weeks) });
        let levels = Levels::calibrated(twin, cut, threads);
        Self { quarter, near: tune(NEAR_WEEKS), far: tune(FORECAST_WEEKS), levels }
    }
}

/// Adds what the sites that a position supplies will want to what its own customers will. Their errors are taken to
/// be independent.
fn add_dependent(twin: &Twin, by_position: &mut BTreeMap<StockIdx, PositionForecast>) {
    /// The longest chain of sources; where they go in a circle, it is cut here.
    const CHAIN_MAX: usize = 8;
    let source_of = |at: StockIdx| {
        let stock = &twin.stock[at.at()];
        let source = stock.source.filter(|source| !is_supplier(twin.sites[source.at()].spec.kind))?;
        twin.stock_by_key.get(&(source, stock.sku)).copied().filter(|source| *source != at)
    };
    let variance = |it: &Statistics| {
        let deviation = (it.high - it.low) / (2.0 * 1.96);
        (deviation * deviation) as f32
    };
    // Each position's own demand goes up its whole chain.
    let mut sums: BTreeMap<StockIdx, Dependent> = BTreeMap::new();
    for (at, own) in by_position.iter() {
        let mut up = source_of(*at);
        if up.is_none() {
            continue;
        }
        let weeks = own.weeks();
        let level = f64::from(own.level_cv) * weeks.iter().take(4).map(|it| it.mean).sum::<f64>();
        for _ in 0..CHAIN_MAX {
            let Some(source) = up else { break };
            let sum = sums.entry(source).or_default();
            for (n, it) in weeks.iter().enumerate() {
                sum.mean[n] += it.mean as f32;
                sum.variance[n] += variance(it);
            }
            sum.level_variance += level * level;
            sum.history_weeks = sum.history_weeks.max(own.history_weeks);
            up = source_of(source);
        }
    }
    for (at, sum) in sums {
        let own = by_position.entry(at).or_insert_with(|| PositionForecast::of_rate(0.0, 0));
        let of_own: Vec<f32> = own.weeks().iter().map(variance).collect();
        let four_weeks = |own: &PositionForecast| own.mean.iter().take(4).map(|it| f64::from(*it)).sum::<f64>();
        let own_level = f64::from(own.level_cv) * four_weeks(own);
        own.mean = own.mean.iter().zip(&sum.mean).map(|(own, more)| own + more).collect();
        own.dependent = Some(of_own.iter().zip(&sum.variance).map(|(own, more)| own + more).collect());
        let level = libm::sqrt(sum.level_variance + own_level * own_level);
        let total = four_weeks(own);
        own.level_cv = if total > 0.0 { (level / total) as f32 } else { 0.0 };
        own.history_weeks = own.history_weeks.max(sum.history_weeks);
    }
}

/// What other sites will want of a position.
struct Dependent {
    mean: [f32; FORECAST_WEEKS],
    variance: [f32; FORECAST_WEEKS],
    /// Of the sum of four weeks, from how badly levels are known.
    level_variance: f64,
    history_weeks: usize,
}

impl Default for Dependent {
    fn default() -> Self {
        let none = [0.0; FORECAST_WEEKS];
        Self { mean: none, variance: none, level_variance: 0.0, history_weeks: 0 }
    }
}

/// Classes by the value of what customers are expected to want in a year.
fn classes(twin: &Twin, forecasts: &BTreeMap<StockIdx, PositionForecast>) -> BTreeMap<SkuIdx, AbcClass> {
    let mut values: BTreeMap<SkuIdx, f64> = BTreeMap::new();
    for (position, forecast) in forecasts {
        let stock = &twin.stock[position.at()];
        let value = twin.skus[stock.sku.at()].value_minor.0.max(1) as f64;
        let pieces: f64 = forecast.mean.iter().map(|it| f64::from(*it)).sum();
        *values.entry(stock.sku).or_default() += pieces * value;
    }
    let mut order: Vec<(SkuIdx, f64)> = values.into_iter().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let total: f64 = order.iter().map(|(_, value)| value).sum();
    let mut before = 0.0;
    let class = |(sku, value): (SkuIdx, f64)| {
        let class = match before {
            _ if value <= 0.0 => AbcClass::C,
            it if it < 0.8 * total => AbcClass::A,
            it if it < 0.95 * total => AbcClass::B,
            _ => AbcClass::C,
        };
        before += value;
        (sku, class)
    };
    order.into_iter().map(class).collect()
}
