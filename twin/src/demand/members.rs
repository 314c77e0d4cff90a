//! The statistical methods, and what each forecasts for every series of a panel.

use super::maths::{exp, ln};
use super::panel::{CommonCourse, YearPattern};
use super::plan::{Calendar, Plan, Tried};
use super::recurrent::{Recurrent, Sight};
use super::series::{Season, classical_indices, is_seasonal, mean, naive2, scale_of, shrunken_season};
use super::{airline, ar, intermittent as it, many, parallel, ridge, smooth, stl};

/// A method of forecasting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// The last value, seasonally adjusted.
    Naive2,
    /// The last season again.
    SeasonalNaive,
    /// Exponential smoothing of each position of the season by itself (Mondays, Tuesdays, …).
    SeasonalSmoothed,
    /// The same periods of last year at this year's level.
    YearAgo,
    /// Exponential smoothing, averaged over its parameter.
    Ses,
    /// The Theta family: exponential smoothing about lines of five slopes, averaged.
    Theta,
    /// The same of logarithms, with shrunken seasonal factors.
    LogTheta,
    /// ETS with a damped trend, averaged over its parameters, on classical seasonal adjustment.
    DampedTrend,
    /// The same of logarithms, with shrunken seasonal factors.
    LogDampedTrend,
    /// Autoregression of the steps of seasonally adjusted logarithms (ARIMA(p,1,0)), averaged over p.
    ArSteps,
    /// The same with up to two seasons of lags.
    ArStepsLong,
    /// The same without seasonal adjustment: the lags find the season.
    ArUnadjusted,
    /// Autoregression of the level (ARIMA(p,0,0)).
    ArLevel,
    /// Exponential smoothing that returns to a mean, about the yearly pattern of the panel.
    PanelReverting,
    /// Theta about the yearly pattern of the panel.
    PanelTheta,
    /// One linear autoregression for the whole panel.
    PooledLinear,
    /// Moving averages of steps and of seasons: ARIMA(0,1,1)(0,1,1) and (1,0,1)(0,1,1) of logarithms, averaged over their parameters.
    MovingAverages,
    /// Damped trend about seasons that change (MSTL), of logarithms.
    Mstl,
    /// One LSTM for the whole panel.
    Lstm,
    /// Croston's method less its bias (Syntetos and Boylan).
    Sba,
    /// Teunter, Syntetos and Babai, slow.
    Tsb,
    /// The same, quick.
    TsbQuick,
    /// Smoothing of sums over the mean interval between demands.
    Adida,
    /// The mean of that over all widths.
    Imapa,
    /// The mean of 8 periods.
    Mean8,
    /// The mean of 16 periods.
    Mean16,
    /// The mean of all, relative to the common course of the panel.
    CourseMean,
    /// IMAPA relative to the common course of the panel.
    CourseImapa,
    /// Boosted trees over the panel, for small squared errors.
    Trees,
    /// The same for small root mean squared errors of each series.
    TreesRoot,
}

/// What kind of demand a series shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// There is demand in nearly every period, one is much like the next, and a whole season is known.
    Regular,
    /// Less than a season is known; or in more than a tenth of the periods there is none; or demand is erratic: from period to period it varies
    /// by more than 0.7 of its mean (a squared coefficient of variation above 0.49, after Syntetos and Boylan).
    Irregular,
}

impl Family {
    /// Of a filled series.
    #[must_use]
    pub fn of(y: &[f64], calendar: Calendar) -> Self {
        if y.len() < calendar.season() {
            return Self::Irregular;
        }
        let zeros = y.iter().filter(|value| **value == 0.0).count();
        // Half the squared step is the variance about a level that may wander, or about a season that returns.
        let variance = |lag: usize| {
            let squares = y.iter().zip(y.iter().skip(lag)).map(|(a, b)| 0.5 * (b - a) * (b - a));
            mean(&squares.collect::<Vec<_>>())
        };
        let season = calendar.season();
        let least = if y.len() >= 2 * season { variance(1).min(variance(season)) } else { variance(1) };
        let level = mean(y);
        let erratic = level > 0.0 && least > 0.49 * level * level;
        if 10 * zeros > y.len() || erratic { Self::Irregular } else { Self::Regular }
    }

    /// The methods that are tried, and what each is worth before anything is known.
    ///
    /// The worth is rounded from what the backtests on the training parts of the open sets gave on average.
    #[must_use]
    pub fn methods(self, calendar: Calendar) -> &'static [(Method, f64)] {
        use Method::*;
        match (self, calendar) {
            (Self::Regular, Calendar::Days) => &[
                (SeasonalNaive, 0.0),
                (SeasonalSmoothed, 0.15),
                (YearAgo, 0.2),
                (Theta, 0.0),
                (LogTheta, 0.05),
                (ArLevel, 0.1),
                (ArStepsLong, 0.0),
                (PanelReverting, 0.3),
                (PanelTheta, 0.2),
            ],
            (Self::Regular, Calendar::Weeks) => &[
                (Naive2, 0.03),
                (YearAgo, 0.03),
                (LogTheta, 0.03),
                (LogDampedTrend, 0.03),
                (ArLevel, 0.03),
                (ArSteps, 0.08),
                (ArStepsLong, 0.23),
                (ArUnadjusted, 0.28),
                (PooledLinear, 0.08),
                (MovingAverages, 0.18),
            ],
            (Self::Regular, Calendar::Quarters) => &[
                (SeasonalNaive, 0.0),
                (YearAgo, 0.02),
                (Theta, 0.08),
                (LogTheta, 0.16),
                (DampedTrend, 0.05),
                (LogDampedTrend, 0.1),
                (ArSteps, 0.13),
                (ArUnadjusted, 0.02),
                (ArLevel, 0.04),
                (MovingAverages, 0.4),
            ],
            (Self::Regular, Calendar::Months) => &[
                (SeasonalNaive, 0.03),
                (YearAgo, 0.05),
                (Theta, 0.12),
                (LogTheta, 0.22),
                (DampedTrend, 0.08),
                (LogDampedTrend, 0.15),
                (ArSteps, 0.2),
                (ArUnadjusted, 0.05),
                (ArLevel, 0.1),
            ],
            (Self::Irregular, _) => &[
                (Ses, 0.25),
                (Sba, 0.0),
                (Tsb, 0.1),
                (TsbQuick, 0.25),
                (Adida, 0.1),
                (Imapa, 0.25),
                (Mean8, 0.05),
                (Mean16, 0.0),
                (LogDampedTrend, 0.0),
                (CourseMean, 0.0),
                (CourseImapa, 0.0),
                (Trees, 0.0),
                (TreesRoot, 0.0),
            ],
        }
    }
}

/// What a method that is only tried because the plan says so is worth beside the others.
const TRIED: f64 = 0.1;

impl Plan {
    /// The methods that are tried for a family, with what each is worth before anything is known; these add up to 1.
    pub(super) fn methods(&self, family: Family) -> Vec<(Method, f64)> {
        let mut methods = family.methods(self.calendar).to_vec();
        if self.tried == Tried::Everything {
            let further = match family {
                Family::Regular => &[Method::MovingAverages, Method::Mstl, Method::Lstm][..],
                Family::Irregular => &[Method::Lstm][..],
            };
            for method in further {
                if methods.iter().all(|(known, _)| known != method) {
                    methods.iter_mut().for_each(|(_, weight)| *weight *= 1.0 - TRIED);
                    methods.push((*method, TRIED));
                }
            }
        }
        methods
    }
}

/// A series in the form that a method works on, and the way back.
struct View {
    z: Vec<f64>,
    season: Season,
    log: bool,
}

impl View {
    fn new(y: &[f64], season: Season, log: bool) -> Self {
        let mut z = season.remove(y);
        if log {
            z.iter_mut().for_each(|value| *value = ln(*value));
        }
        Self { z, season, log }
    }

    fn restore(&self, mut forecast: Vec<f64>) -> Vec<f64> {
        if self.log {
            forecast.iter_mut().for_each(|value| *value = exp(*value));
        }
        self.season.restore(self.z.len(), &mut forecast);
        forecast
    }

    fn average(&self, candidates: &[smooth::Candidate], horizon: usize) -> Vec<f64> {
        self.restore(smooth::average(candidates, self.z.len(), horizon).0)
    }
}

/// One series, scaled to a size about 1, seen in the two ways.
struct Prepared {
    y: Vec<f64>,
    scale: f64,
    positive: bool,
    /// Classical seasonal adjustment where the test finds a season.
    plain: View,
    /// Logarithms (where all is positive) with shrunken seasonal factors.
    log: View,
}

impl Prepared {
    fn new(y: &[f64], season: usize) -> Self {
        let scale = scale_of(y);
        let y: Vec<f64> = y.iter().map(|value| value / scale).collect();
        let positive = y.iter().all(|value| *value > 0.0);
        let not_negative = y.iter().all(|value| *value >= 0.0);
        let classical = if not_negative && is_seasonal(&y, season) { classical_indices(&y, season) } else { None };
        let plain = View::new(&y, classical.map_or(Season::None, Season::Factors), false);
        let log = View::new(&y, shrunken_season(&y, season), positive);
        Self { y, scale, positive, plain, log }
    }

    /// Keeps a forecast within what has been seen and a wide margin.
    fn bounded(&self, mut forecast: Vec<f64>) -> Vec<f64> {
        let low = self.y.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let margin = 2.0 * (high - low);
        let floor = if low >= 0.0 { 0.0 } else { low - margin };
        for value in &mut forecast {
            *value = if value.is_finite() { value.clamp(floor, high + margin) } else { mean(&self.y) };
            *value *= self.scale;
        }
        forecast
    }
}

/// Shares of the slope that the Theta family is averaged over.
const SHARES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
const DAMPINGS: [f64; 2] = [0.85, 0.97];
const RETURNS: [f64; 5] = [0.7, 0.85, 0.93, 0.97, 0.99];
/// Lags of [`Method::PooledLinear`].
const POOLED_LAGS: usize = 26;

/// What the panel as a whole has to say.
struct Common {
    year: Option<YearPattern>,
    course: Option<CommonCourse>,
    linear: Option<ridge::Pooled>,
    network: Option<Recurrent>,
    trees: Option<many::Many>,
    trees_root: Option<many::Many>,
}

/// For each series its forecast by every one of `methods` that weighs something, by step; nothing for the others.
///
/// `panel` holds filled series that end in the same period. A series of no points is forecast as zero.
pub(super) fn forecasts(
    panel: &[&[f64]],
    methods: &[(Method, f64)],
    family: Family,
    plan: &Plan,
) -> Vec<Vec<Vec<f64>>> {
    let (season, horizon) = (if family == Family::Regular { plan.calendar.season() } else { 1 }, plan.steps());
    let prepared = parallel::map(panel.len(), plan.threads, |at| Prepared::new(panel[at], season));
    let common = Common::find(panel, &prepared, methods, family, plan);
    parallel::map(panel.len(), plan.threads, |at| of_one(&prepared[at], &common, methods, season, horizon, plan))
}

impl Common {
    fn find(panel: &[&[f64]], prepared: &[Prepared], methods: &[(Method, f64)], family: Family, plan: &Plan) -> Self {
        let horizon = plan.steps();
        let uses = |method: Method| methods.iter().any(|(m, weight)| *m == method && *weight > 0.0);
        let adjusted: Vec<&[f64]> = prepared.iter().map(|one| &one.log.z[..]).collect();
        let year = if uses(Method::PanelTheta) || uses(Method::PanelReverting) {
            let logs: Vec<&[f64]> = prepared.iter().filter(|one| one.log.log).map(|one| &one.log.z[..]).collect();
            // A panel that is not positive is compared as it is.
            let of = if 2 * logs.len() > prepared.len() { &logs } else { &adjusted };
            YearPattern::find(of, plan.calendar.year(), horizon)
        } else {
            None
        };
        let of_course = [Method::CourseMean, Method::CourseImapa, Method::Trees, Method::TreesRoot];
        let course = if of_course.into_iter().any(uses) { CommonCourse::find(panel, horizon) } else { None };
        let linear = uses(Method::PooledLinear).then(|| ridge::Pooled::fit(&adjusted, POOLED_LAGS, horizon, 0.01));
        let network = if uses(Method::Lstm) {
            let longest = panel.iter().map(|y| y.len()).max().unwrap_or(0);
            let sight = Sight::of(family, plan.calendar, longest >= plan.calendar.year() + horizon);
            let raw: Vec<&[f64]> = prepared.iter().map(|one| &one.y[..]).collect();
            let of = if family == Family::Irregular { &raw } else { &adjusted };
            Recurrent::fit(of, horizon, sight, plan.threads)
        } else {
            None
        };
        let trees = |method: Method| {
            let course = course.as_ref().filter(|_| uses(method))?;
            many::Many::fit(panel, horizon, plan.calendar.year(), course.past(), method == Method::TreesRoot)
        };
        let (trees, trees_root) = (trees(Method::Trees), trees(Method::TreesRoot));
        Self { year, course, linear, network, trees, trees_root }
    }
}

fn of_one(
    one: &Prepared,
    common: &Common,
    methods: &[(Method, f64)],
    season: usize,
    horizon: usize,
    plan: &Plan,
) -> Vec<Vec<f64>> {
    if one.y.is_empty() {
        return vec![vec![0.0; horizon]; methods.len()];
    }
    let (y, plain, log) = (&one.y, &one.plain, &one.log);
    let n = y.len();
    let flat = |value: f64| vec![value; horizon];
    let order = if season >= 24 { 12 } else { 2 * season.clamp(2, 8) };
    let order_long = if season >= 24 { 2 * season + 2 } else { 4 * season + 1 };
    let order_unadjusted = 2 * season + 2;
    let ar = |view: &View, differences, order, drift| {
        view.restore(ar::forecast(&view.z, differences, order, drift, horizon))
    };
    let course = |level: fn(&[f64]) -> f64| match &common.course {
        Some(course) => {
            let level = level(&course.remove(y));
            course.future().iter().map(|by| level * by).collect()
        }
        None => flat(level(y)),
    };
    let about_year = |candidates: fn(&[f64]) -> Vec<smooth::Candidate>| match &common.year {
        Some(year) if log.log || !one.positive => {
            let z = year.remove(&log.z);
            let mut forecast = smooth::average(&candidates(&z), n, horizon).0;
            year.restore(&mut forecast);
            log.restore(forecast)
        }
        _ => log.average(&candidates(&log.z), horizon),
    };
    let trees = |trees: &Option<many::Many>| match (trees, &common.course) {
        (Some(trees), Some(course)) => flat(trees.forecast(y, course.past())),
        _ => flat(it::imapa(y)),
    };
    let forecast = |method: Method| match method {
        Method::Naive2 => naive2(y, season, horizon),
        Method::SeasonalNaive => {
            let width = season.clamp(1, n);
            (0..horizon).map(|step| y[n - width + step % width]).collect()
        }
        Method::SeasonalSmoothed => seasonal_smoothed(y, season, horizon),
        Method::YearAgo => year_ago(y, season, plan.calendar.year(), horizon),
        Method::Ses => plain.average(&smooth::about_a_line(&plain.z, &[0.0]).concat(), horizon),
        Method::Theta => plain.average(&smooth::about_a_line(&plain.z, &SHARES).concat(), horizon),
        Method::LogTheta => log.average(&smooth::about_a_line(&log.z, &SHARES).concat(), horizon),
        Method::DampedTrend => plain.average(&smooth::damped_trend(&plain.z, &DAMPINGS), horizon),
        Method::LogDampedTrend => log.average(&smooth::damped_trend(&log.z, &DAMPINGS), horizon),
        Method::ArSteps => ar(log, 1, order, 0.5),
        Method::ArStepsLong => ar(log, 1, order_long, 0.5),
        Method::ArUnadjusted => {
            let raw = View::new(y, Season::None, one.positive);
            ar(&raw, 1, order_unadjusted, 0.5)
        }
        Method::ArLevel => ar(log, 0, order, 0.0),
        Method::PanelReverting => about_year(|z| smooth::reverting(z, &RETURNS)),
        Method::PanelTheta => about_year(|z| smooth::about_a_line(z, &SHARES[..3]).concat()),
        Method::PooledLinear => match &common.linear {
            Some(linear) => log.restore(linear.forecast(&log.z)),
            None => flat(y[n - 1]),
        },
        Method::MovingAverages => {
            let raw = View::new(y, Season::None, one.positive);
            match airline::forecast(&raw.z, season, horizon) {
                Some(forecast) => raw.restore(forecast),
                None => naive2(y, season, horizon),
            }
        }
        Method::Mstl => {
            let raw = View::new(y, Season::None, one.positive);
            let longer = (plan.calendar.year() > season && season > 1).then(|| plan.calendar.year());
            let (seasons, rest) = stl::seasons(&raw.z, &[season].into_iter().chain(longer).collect::<Vec<_>>());
            let mut forecast = smooth::average(&smooth::damped_trend(&rest, &DAMPINGS), n, horizon).0;
            forecast.iter_mut().zip(stl::ahead(&seasons, horizon)).for_each(|(value, by)| *value += by);
            raw.restore(forecast)
        }
        Method::Lstm => match &common.network {
            // Its windows of irregular demand are taken as they are.
            Some(network) if network.is_irregular() => network.forecast(y),
            Some(network) => log.restore(network.forecast(&log.z)),
            None => flat(it::imapa(y)),
        },
        Method::Sba => flat(it::sba(y, 0.1)),
        Method::Tsb => flat(it::tsb(y, 0.1, 0.15)),
        Method::TsbQuick => flat(it::tsb(y, 0.1, 0.4)),
        Method::Adida => flat(it::adida(y)),
        Method::Imapa => flat(it::imapa(y)),
        Method::Mean8 => flat(it::window_mean(y, 8)),
        Method::Mean16 => flat(it::window_mean(y, 16)),
        Method::CourseMean => course(mean),
        Method::CourseImapa => course(it::imapa),
        Method::Trees => trees(&common.trees),
        Method::TreesRoot => trees(&common.trees_root),
    };
    let weighed =
        |(method, weight): &(Method, f64)| if *weight > 0.0 { one.bounded(forecast(*method)) } else { Vec::new() };
    methods.iter().map(weighed).collect()
}

/// Each position of the season smoothed by itself, with a quarter of each new value.
fn seasonal_smoothed(y: &[f64], season: usize, horizon: usize) -> Vec<f64> {
    const ALPHA: f64 = 0.25;
    let (n, season) = (y.len(), season.max(1));
    if n < season {
        return naive2(y, season, horizon);
    }
    let levels: Vec<f64> = (0..season)
        .map(|step| {
            // The position of the step: what is as many whole seasons before it.
            let same = y[(n + step) % season..].iter().step_by(season);
            same.copied().reduce(|level, value| level + ALPHA * (value - level)).unwrap_or(0.0)
        })
        .collect();
    (0..horizon).map(|step| levels[step % season]).collect()
}

/// Last year's values at this year's level; the naive forecast where last year is not known.
fn year_ago(y: &[f64], season: usize, year: usize, horizon: usize) -> Vec<f64> {
    let n = y.len();
    if n < year + season.max(1) || year == 0 {
        return naive2(y, season, horizon);
    }
    let width = horizon.max(season).min(n - year);
    let (now, then) = (mean(&y[n - width..]), mean(&y[n - year - width..n - year]));
    let ratio = if then > 0.0 && now > 0.0 { (now / then).clamp(0.2, 5.0) } else { 1.0 };
    (0..horizon).map(|step| y[n - year + step % year] * ratio).collect()
}
