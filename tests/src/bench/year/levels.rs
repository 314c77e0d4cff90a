//! The levels of the three policies, each made only of what was known on its day.

use super::network::{HOLDING, Network, QUARTER, StockPlace, WEEKS, leads};
use sim::situation::{DayLevels, Policy};
use twin::demand::{Calendar, Plan, tune};
use twin::replenish::demand::{DemandDistribution, Rate};
use twin::replenish::history::{Errors, Panel, distribution};
use twin::replenish::projection::{Projector, Stock, Unmet};

/// A policy for each place, and the stock that it starts with.
pub(super) type Set = Vec<(Policy, i64)>;

/// Mean and variance of daily demand from a day until before another; of a place where nothing was asked
/// for then, those of its SKU by the part of its region, with the variance of single pieces.
struct Seen {
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl Seen {
    fn new(network: &Network, from: usize, until: usize) -> Self {
        let n = (until - from) as f64;
        let sum = |place: &StockPlace| place.daily[from..until].iter().map(|it| f64::from(*it)).sum::<f64>();
        let per_sku = network.places.len() / network.n_skus;
        let mut of_region = vec![0.0; per_sku];
        network.places.iter().enumerate().for_each(|(at, place)| of_region[at % per_sku] += sum(place));
        let all = of_region[per_sku - 1];
        let (mut mean, mut variance) = (Vec::new(), Vec::new());
        for (at, place) in network.places.iter().enumerate() {
            let own = sum(place);
            if own > 0.0 {
                let m = own / n;
                let squares = place.daily[from..until].iter().map(|it| (f64::from(*it) - m) * (f64::from(*it) - m));
                mean.push(m);
                variance.push(squares.sum::<f64>() / (n - 1.0));
            } else {
                // The last place of each SKU is the central warehouse. Half a piece where nobody asked at all.
                let of_sku = sum(&network.places[at / per_sku * per_sku + per_sku - 1]).max(0.5);
                let m = 0.5 * of_sku * of_region[at % per_sku] / all / n;
                mean.push(m);
                variance.push(m);
            }
        }
        Self { mean, variance }
    }

    /// Mean demand of lead time and review and `z` of its deviations; the lead time's own deviation counts too.
    fn need(&self, at: usize, place: &StockPlace, z: f64) -> f64 {
        let days = place.lead.0 + place.review;
        let daily = self.mean[at];
        daily * days + z * libm::sqrt(self.variance[at] * days + daily * daily * place.lead.1 * place.lead.1)
    }
}

/// Pieces to order at a time: Harris' lot, at most for 13 weeks.
fn lot(place: &StockPlace, daily: f64) -> f64 {
    let holding = HOLDING * place.value / 365.0;
    libm::sqrt(2.0 * place.line * daily / holding).min(91.0 * daily).max(1.0)
}

fn whole(pieces: f64) -> i64 {
    libm::round(pieces.max(0.0)) as i64
}

/// (a) Min and max from the first quarter, for ever: min is the demand of lead time and review times `factor`, max a
/// lot more.
pub(super) fn min_max(network: &Network, factor: f64) -> Set {
    let seen = Seen::new(network, 0, QUARTER);
    let of = |(place, daily): (&StockPlace, &f64)| {
        let min = whole(factor * daily * (place.lead.0 + place.review));
        let max = min + whole(lot(place, *daily));
        (Policy::MinMax { min, max }, max)
    };
    network.places.iter().zip(&seen.mean).map(of).collect()
}

/// (a) with safety stock by deviation: min is the mean of lead time and review and `factor` deviations, for ever.
pub(super) fn min_max_by_deviation(network: &Network, factor: f64) -> Set {
    let seen = Seen::new(network, 0, QUARTER);
    let of = |(at, place): (usize, &StockPlace)| {
        let min = whole(seen.need(at, place, factor));
        let max = min + whole(lot(place, seen.mean[at]));
        (Policy::MinMax { min, max }, max)
    };
    network.places.iter().enumerate().map(of).collect()
}

/// (b) z·σ·√L on top of the mean of lead time and review, made anew every four weeks from the last 13 weeks.
pub(super) fn textbook(network: &Network, z: f64) -> Set {
    let mut rows: Vec<Vec<DayLevels>> = vec![Vec::new(); network.places.len()];
    for month in 0..WEEKS / 4 {
        let today = QUARTER + 28 * month;
        let seen = Seen::new(network, today - QUARTER, today);
        for (at, place) in network.places.iter().enumerate() {
            let max = whole(seen.need(at, place, z));
            let from_day = if month == 0 { 0 } else { today as u32 };
            rows[at].push(DayLevels { from_day, min: max - 1, max, least: whole(lot(place, seen.mean[at])) });
        }
    }
    scheduled(rows, false)
}

fn scheduled(rows: Vec<Vec<DayLevels>>, of_echelon: bool) -> Set {
    let one = |levels: Vec<DayLevels>| {
        let start = levels.first().map_or(0, |it| it.max);
        (Policy::Scheduled { levels: levels.into(), of_echelon }, start)
    };
    rows.into_iter().map(one).collect()
}

/// Choices of ours that are made on the time before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choices {
    /// Coefficient of variation of the level.
    pub(super) level_cv: f64,
    /// Shortage cost at the central warehouse as a share of that at a regional one.
    pub(super) central: f64,
    /// Weeks of own errors at which a place's own spread counts half.
    pub(super) own_weeks: f64,
    /// What the variance is multiplied by.
    pub(super) spread: f64,
    /// The central warehouse looks at the stock of all, with what is under way to them.
    pub(super) of_echelon: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self { level_cv: 0.2, central: 1.0, own_weeks: 12.0, spread: 1.0, of_echelon: true }
    }
}

impl Choices {
    /// For people.
    pub(super) fn said(self) -> impl Iterator<Item = (&'static str, f64)> {
        [
            ("coefficient of variation of the level", self.level_cv),
            ("shortage cost at the centre, as a share", self.central),
            ("weeks at which own errors count half", self.own_weeks),
            ("factor on the variance", self.spread),
            ("the centre looks at the stock of all", f64::from(u8::from(self.of_echelon))),
        ]
        .into_iter()
    }
}

/// What is tried on the time before the played one; those of a row need the same levels.
pub(super) fn choices_to_try() -> Vec<Vec<Choices>> {
    let mut rows = Vec::new();
    for of_echelon in [true, false] {
        for spread in [1.0, 3.0] {
            let of = |central| Choices { central, spread, of_echelon, ..Choices::default() };
            rows.push([0.2, 1.0, 5.0].map(of).to_vec());
        }
    }
    rows
}

/// Chances of having enough that levels are worked out for; between them they are interpolated.
const GRID: [f64; 24] = [
    0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.84, 0.88, 0.91, 0.93, 0.95, 0.965, 0.975, 0.985, 0.99, 0.994,
    0.997, 0.999, 0.999_5, 0.999_9, 0.999_99,
];

/// Weeks ahead that are forecast: the longest lead time, review and some to spare.
const AHEAD: usize = 7;

/// Sums of a row by week, the weeks ending where the played time begins.
fn weekly(place: &StockPlace) -> Vec<f64> {
    let skip = QUARTER % 7;
    place.daily[skip..].chunks_exact(7).map(|week| week.iter().map(|it| f64::from(*it)).sum()).collect()
}

/// Forecasts of all places, made every week from what was known then, with methods tuned anew every quarter.
pub(super) struct Forecasts {
    first_week: usize,
    weeks: usize,
    /// By kind of place (regional, central): the places, and by week the means ahead and the errors known.
    kinds: [Kind; 2],
}

struct Kind {
    places: Vec<usize>,
    means: Vec<Vec<Vec<f64>>>,
    errors: Vec<Errors>,
}

impl Forecasts {
    /// For `weeks` weeks from `first_week` on.
    pub(super) fn new(network: &Network, first_week: usize, weeks: usize) -> Self {
        let kinds = [false, true].map(|central| {
            let all = 0..network.places.len();
            Kind::new(
                network,
                all.filter(|at| network.places[*at].region.is_none() == central).collect(),
                first_week,
                weeks,
            )
        });
        Self { first_week, weeks, kinds }
    }
}

impl Kind {
    fn new(network: &Network, places: Vec<usize>, first_week: usize, weeks: usize) -> Self {
        let series: Vec<Vec<f64>> = places.iter().map(|at| weekly(&network.places[*at])).collect();
        let mut kind = Self { places, means: Vec::new(), errors: Vec::new() };
        let until = |week: usize| series.iter().map(|it| &it[..week]).collect::<Vec<&[f64]>>();
        let plan = Plan::new(Calendar::Weeks, AHEAD);
        let sales: Vec<Vec<u32>> = series.iter().map(|it| it.iter().map(|it| *it as u32).collect()).collect();
        let flags = vec![vec![true; series[0].len()]; series.len()];
        let Ok(panel) = Panel::new(&sales, &flags, vec![[0; 3]; series.len()]) else { return kind };
        let mut tuned = tune(&until(first_week), &plan);
        let mut errors = Errors::default();
        let mut before: Option<Vec<f64>> = None;
        // The weeks before the first are forecast for their errors only.
        for week in first_week.min(4)..first_week + weeks {
            if week > first_week && (week - first_week).is_multiple_of(Calendar::Weeks.quarter()) {
                tuned = tune(&until(week), &plan);
            }
            let forecasts = tuned.forecast(&until(week));
            let means: Vec<Vec<f64>> =
                forecasts.iter().map(|it| it.mean().iter().map(|mean| mean.max(0.02)).collect()).collect();
            if let Some(before) = before {
                errors.push(Errors::row(&before, &panel, week - 1));
            }
            before = Some(means.iter().map(|it| it[0]).collect());
            if week >= first_week {
                kind.errors.push(errors.clone());
                kind.means.push(means);
            }
        }
        kind
    }
}

/// (c) Ours: by played week and place the order-up-to level at each chance, and the lot.
pub(super) struct Ours {
    first_week: usize,
    weeks: usize,
    targets: Vec<[f32; GRID.len()]>,
    lots: Vec<f32>,
    pub(super) choices: Choices,
}

impl Ours {
    /// The levels that forecasts and choices make.
    pub(super) fn new(network: &Network, forecasts: &Forecasts, choices: Choices) -> Self {
        let (n, weeks) = (network.places.len(), forecasts.weeks);
        let mut of = Self {
            first_week: forecasts.first_week,
            weeks,
            targets: vec![[0.0; GRID.len()]; n * weeks],
            lots: vec![0.0; n * weeks],
            choices,
        };
        let mut projector = Projector::default();
        for kind in &forecasts.kinds {
            for (week, (means, errors)) in kind.means.iter().zip(&kind.errors).enumerate() {
                let (spread, own) = errors.fit(kind.places.len(), choices.own_weeks);
                for ((at, means), own) in kind.places.iter().zip(means).zip(own) {
                    let demand = distribution(means, spread, own * choices.spread, 0.0);
                    if let DemandDistribution::ByPeriod { rates, .. } = demand {
                        of.set(&mut projector, week * n + at, &network.places[*at], &rates);
                    }
                }
            }
        }
        of
    }

    fn set(&mut self, projector: &mut Projector, slot: usize, place: &StockPlace, weeks: &[Rate]) {
        let days: Vec<Rate> = weeks
            .iter()
            .flat_map(|week| std::iter::repeat_n(Rate { mean: week.mean / 7.0, variance: week.variance / 7.0 }, 7))
            .collect();
        let daily = weeks.iter().map(|it| it.mean).sum::<f64>() / (7.0 * weeks.len() as f64);
        let demand = DemandDistribution::ByPeriod { rates: days.into(), level_cv: self.choices.level_cv };
        // An order of this evening comes `lead` mornings later; the first day of demand is tomorrow. The echelon
        // has the way to the regions before it as well.
        let below = if place.region.is_none() && self.choices.of_echelon { 2 } else { 0 };
        let leads: Vec<(u32, f64)> =
            leads(place).into_iter().map(|(days, chance)| (days - 1 + below, chance)).collect();
        let stock = Stock { free: 0, receipts: &[] };
        let requirement = projector.mixed(stock, &demand, &leads, place.review as u32, Unmet::Waits);
        self.targets[slot] = GRID.map(|level| requirement.quantile(level) as f32);
        self.lots[slot] = lot(place, daily) as f32;
    }

    /// Levels where a piece short costs so many pence.
    pub(super) fn levels(&self, network: &Network, shortage: f64) -> Set {
        let n = network.places.len();
        (0..n)
            .map(|at| {
                let place = &network.places[at];
                let is_central = place.region.is_none();
                let short = shortage * if is_central { self.choices.central } else { 1.0 };
                let rows: Vec<DayLevels> = (0..self.weeks)
                    .map(|week| {
                        let slot = week * n + at;
                        let least = whole(f64::from(self.lots[slot]));
                        let held = HOLDING * place.value / 365.0 * place.review;
                        let max = whole(between(&self.targets[slot], short / (short + held)));
                        let from_day = if week == 0 { 0 } else { (QUARTER % 7 + 7 * (self.first_week + week)) as u32 };
                        DayLevels { from_day, min: max - 1, max, least }
                    })
                    .collect();
                let of_echelon = is_central && self.choices.of_echelon;
                let (policy, start) = scheduled(vec![rows], of_echelon).remove(0);
                (policy, if of_echelon { start / 2 } else { start })
            })
            .collect()
    }
}

fn between(targets: &[f32; GRID.len()], level: f64) -> f64 {
    let at = GRID.partition_point(|it| *it < level);
    if at == 0 {
        return f64::from(targets[0]) * level / GRID[0];
    }
    if at == GRID.len() {
        return f64::from(targets[GRID.len() - 1]);
    }
    let part = (level - GRID[at - 1]) / (GRID[at] - GRID[at - 1]);
    f64::from(targets[at - 1]) + part * f64::from(targets[at] - targets[at - 1])
}
