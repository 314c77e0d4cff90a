//! Levels chosen by backtest: every candidate plays windows of the past in a small simulator of each position, and
//! the cheapest for each class of speed is taken.
//!
//! ```text
//! Panel, Terms ─▶ forecasts of every week, by every way of learning ─▶ windows played at every level
//!               ─▶ Trials { cost of every candidate } ─ choose(weeks known) ─▶ Choice { learning, level by class }
//! ```
//!
//! Once a quarter is often enough. The result goes into [`Target::level`](super::Target):
//!
//! ```
//! use twin::replenish::Target;
//! use twin::replenish::calibrate::{Grid, Start, Terms, Windows, calibrate};
//! use twin::replenish::history::Panel;
//! use twin::replenish::projection::Unmet;
//!
//! let sold: Vec<Vec<u32>> = (0..40).map(|k| (0..60).map(|week| 2 + (week * 7 + k * 5) % 9).collect()).collect();
//! let in_stock = vec![vec![true; 60]; 40];
//! let panel = Panel::new(&sold, &in_stock, vec![[0; 3]; 40])?;
//! // An order comes after two weeks; a piece left costs 2 a week, a piece lost 30.
//! let terms = Terms { lead_weeks: 2, review_weeks: 1, unmet: Unmet::Lost, holding_minor: 2.0, shortage_minor: 30.0 };
//! let windows = Windows { known: vec![36, 44, 52], weeks: 8, start: Start::usual(&terms) };
//! let trials = calibrate(&panel, &[terms], &windows, &Grid::default(), 1)?;
//! let choice = trials.choose(60);
//! let target = Target { holding_minor_per_day: 2.0 / 7.0, shortage_minor: 30.0, level: Some(choice.chance(6.0, &terms)) };
//! assert!(target.level(7) > 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::demand::DemandDistribution;
use super::history::{Learning, Panel, forecasts};
use super::need::in_parts;
use super::projection::{Projector, Receipt, Span, Stock, Unmet};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How a position is replenished, and what its mistakes cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Weeks until an order comes: 0 is before the demand of the next week.
    pub lead_weeks: u32,
    /// Weeks between orders; at least 1.
    pub review_weeks: u32,
    /// What becomes of demand that finds no stock.
    pub unmet: Unmet,
    /// Cost of a piece left at the end of a week, minor units.
    pub holding_minor: f64,
    /// Cost of a piece asked for and not there, minor units; of one that waits, once.
    pub shortage_minor: f64,
}

/// A candidate for the chance of having enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Level {
    /// The chance itself.
    Chance(f64),
    /// What the newsvendor's costs say with shortages counted so many times: for positions of different value.
    OfCosts(f64),
}

impl Level {
    /// The chance of having enough, for a position on these terms.
    #[must_use]
    pub fn chance(&self, terms: &Terms) -> f64 {
        let chance = match self {
            Self::Chance(chance) => *chance,
            Self::OfCosts(times) => {
                let short = times * terms.shortage_minor;
                let held = terms.holding_minor * f64::from(terms.review_weeks.max(1));
                if short > 0.0 { short / (short + held) } else { 0.0 }
            }
        };
        chance.clamp(0.0, 0.9999)
    }
}

/// What is tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Ways to learn demand. The first is taken where nothing is known yet.
    pub ways: Vec<Learning>,
    /// Levels, ascending. The middle one is taken where nothing is known yet, and of equal cost the one nearest to it.
    pub levels: Vec<Level>,
    /// Pieces a week from which on a position is of the second class, the third and so on, ascending.
    pub classes: Vec<f64>,
}

impl Default for Grid {
    /// The usual way of learning, the newsvendor's level with shortages counted a quarter to four times, and slow,
    /// middling and fast movers.
    fn default() -> Self {
        let levels = [0.25, 0.4, 0.6, 1.0, 1.6, 2.5, 4.0].map(Level::OfCosts).to_vec();
        Self { ways: vec![Learning::default()], levels, classes: vec![1.0, 4.0] }
    }
}

/// Stock at the start of a window, in weeks of the mean of the last thirteen.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// On the shelf.
    pub on_hand_weeks: f64,
    /// What comes in the first week, the second and so on; nothing after.
    pub arriving_weeks: Vec<f64>,
}

impl Start {
    /// Half a review's worth on the shelf with a week to spare, and a week's worth in each week until an order comes.
    #[must_use]
    pub fn usual(terms: &Terms) -> Self {
        let on_hand_weeks = 1.0 + 0.5 * f64::from(terms.review_weeks);
        Self { on_hand_weeks, arriving_weeks: vec![1.0; terms.lead_weeks as usize] }
    }
}

/// What is played.
#[derive(Clone, Debug, PartialEq)]
pub struct Windows {
    /// Weeks known at the start of each window.
    pub known: Vec<usize>,
    /// Weeks of each. Those before the first order comes are not counted.
    pub weeks: usize,
    /// What there is at the start.
    pub start: Start,
}

/// Why nothing can be tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrateError {
    /// Neither one for all nor one for each.
    #[error("terms of {terms} positions for {series} series")]
    Terms {
        /// How many there are.
        terms: usize,
        /// Series of the panel.
        series: usize,
    },
    /// A window that reaches beyond what is known.
    #[error("a window of {weeks} weeks after {known}, and the history has {n_weeks}")]
    Window {
        /// Weeks known at its start.
        known: usize,
        /// Its weeks.
        weeks: usize,
        /// Weeks of the history.
        n_weeks: usize,
    },
    /// No way to learn or no level.
    #[error("nothing to try")]
    Empty,
}

/// What every candidate cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Trials {
    grid: Grid,
    windows: Vec<usize>,
    weeks: usize,
    /// By way, window, class and level, minor units.
    costs: Vec<Vec<Vec<Vec<f64>>>>,
}

/// One candidate in one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// Index of the way of learning.
    pub way: usize,
    /// Weeks known at the start.
    pub known: usize,
    /// Class of speed, 0 the slowest.
    pub class: usize,
    /// The level.
    pub level: Level,
    /// Cost of all positions of the class, minor units.
    pub cost_minor: f64,
}

/// What was cheapest.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// How demand is learned.
    pub learning: Learning,
    /// By class of speed, the slowest first.
    pub levels: Vec<Level>,
    /// Pieces a week from which on the next class begins.
    pub classes: Vec<f64>,
    /// What it would have cost on the windows that it was chosen on, minor units.
    pub cost_minor: f64,
}

impl Choice {
    /// The chance of having enough of a position that is expected to sell so many pieces a week.
    #[must_use]
    pub fn chance(&self, pieces_per_week: f64, terms: &Terms) -> f64 {
        self.levels[class_of(&self.classes, pieces_per_week).min(self.levels.len() - 1)].chance(terms)
    }
}

/// The class of a mean: how many bounds it reaches.
fn class_of(classes: &[f64], mean: f64) -> usize {
    classes.iter().filter(|from| mean >= **from).count()
}

/// Weeks of the mean that a window starts from.
const RECENT_WEEKS: usize = 13;

/// Mean sales of the weeks on sale among the last thirteen; 0 where there are none.
#[must_use]
pub fn recent_mean(panel: &Panel, series: usize, known: usize) -> f64 {
    let (mut sold, mut weeks) = (0.0, 0.0);
    for week in known.saturating_sub(RECENT_WEEKS)..known {
        if panel.is_on_sale(series, week) {
            sold += f64::from(panel.sold(series, week));
            weeks += 1.0;
        }
    }
    if weeks > 0.0 { sold / weeks } else { 0.0 }
}

/// Plays every window with every way of learning at every level, for every series of `panel`; `terms` are one for
/// all of them or one for each. A week in which a series was not on sale has no known demand and is not played.
///
/// No forecast reads a week that was not known then. The result is the same for any number of threads. Costs
/// ways × windows × weeks × levels requirements for each position, some microseconds each.
pub fn calibrate(
    panel: &Panel,
    terms: &[Terms],
    windows: &Windows,
    grid: &Grid,
    threads: usize,
) -> Result<Trials, CalibrateError> {
    let n = panel.n_series();
    if terms.len() != 1 && terms.len() != n {
        return Err(CalibrateError::Terms { terms: terms.len(), series: n });
    }
    if grid.ways.is_empty() || grid.levels.is_empty() {
        return Err(CalibrateError::Empty);
    }
    if let Some(known) = windows.known.iter().find(|known| **known + windows.weeks > panel.n_weeks()) {
        return Err(CalibrateError::Window { known: *known, weeks: windows.weeks, n_weeks: panel.n_weeks() });
    }
    let ahead = terms.iter().map(|it| it.lead_weeks + it.review_weeks.max(1)).max().unwrap_or(1) as usize;
    let weeks_known: BTreeSet<usize> = windows.known.iter().flat_map(|known| *known..*known + windows.weeks).collect();
    let n_classes = grid.classes.len() + 1;
    let mut costs = Vec::new();
    for learning in &grid.ways {
        let made = forecasts(panel, *learning, ahead, weeks_known.iter().copied());
        let mut of_windows = Vec::new();
        for known in &windows.known {
            let of_series = in_parts(n, threads, |part| {
                let mut projector = Projector::default();
                part.map(|series| {
                    let terms = &terms[if terms.len() == 1 { 0 } else { series }];
                    let game = Game { panel, series, known: *known, windows, terms, made: &made };
                    grid.levels.iter().map(|level| game.play(&mut projector, level.chance(terms))).collect::<Vec<_>>()
                })
                .collect()
            });
            // In the order of the series, so that sums are the same for any number of threads.
            let mut sums = vec![vec![0.0; grid.levels.len()]; n_classes];
            for (series, costs) in of_series.iter().enumerate() {
                let class = class_of(&grid.classes, recent_mean(panel, series, *known));
                sums[class].iter_mut().zip(costs).for_each(|(sum, cost)| *sum += cost);
            }
            of_windows.push(sums);
        }
        costs.push(of_windows);
    }
    Ok(Trials { grid: grid.clone(), windows: windows.known.clone(), weeks: windows.weeks, costs })
}

impl Trials {
    /// The cheapest on the windows that had ended when `known` weeks were known.
    #[must_use]
    pub fn choose(&self, known: usize) -> Choice {
        let ended: Vec<usize> = (0..self.windows.len()).filter(|it| self.windows[*it] + self.weeks <= known).collect();
        let usual = self.grid.levels.len() / 2;
        let n_classes = self.grid.classes.len() + 1;
        let mut best: Option<Choice> = None;
        for (learning, of_window) in self.grid.ways.iter().zip(&self.costs) {
            let (mut cost_minor, mut levels) = (0.0, Vec::new());
            let mut sums = vec![vec![0.0; self.grid.levels.len()]; n_classes];
            for window in &ended {
                for (sums, costs) in sums.iter_mut().zip(&of_window[*window]) {
                    sums.iter_mut().zip(costs).for_each(|(sum, cost)| *sum += cost);
                }
            }
            for of in sums {
                let nearer = |a: &usize, b: &usize| a.abs_diff(usual).cmp(&b.abs_diff(usual));
                let at = (0..of.len()).min_by(|a, b| of[*a].total_cmp(&of[*b]).then(nearer(a, b))).unwrap_or(usual);
                levels.push(self.grid.levels[at]);
                cost_minor += of[at];
            }
            if best.as_ref().is_none_or(|it| cost_minor < it.cost_minor) {
                best = Some(Choice { learning: *learning, levels, classes: self.grid.classes.clone(), cost_minor });
            }
        }
        best.unwrap_or_else(|| unreachable!("calibrate refuses a grid without ways"))
    }

    /// All candidates in all windows.
    pub fn all(&self) -> impl Iterator<Item = Trial> {
        self.costs.iter().enumerate().flat_map(move |(way, of_window)| {
            self.windows.iter().zip(of_window).flat_map(move |(known, of_class)| {
                of_class.iter().enumerate().flat_map(move |(class, of_level)| {
                    self.grid.levels.iter().zip(of_level).map(move |(level, cost_minor)| Trial {
                        way,
                        known: *known,
                        class,
                        level: *level,
                        cost_minor: *cost_minor,
                    })
                })
            })
        })
    }
}

/// One window of one position.
struct Game<'a> {
    panel: &'a Panel,
    series: usize,
    known: usize,
    windows: &'a Windows,
    terms: &'a Terms,
    made: &'a BTreeMap<usize, Vec<DemandDistribution>>,
}

impl Game<'_> {
    /// What it costs at a level, minor units. Demand that waits is served before that of the week.
    fn play(&self, projector: &mut Projector, level: f64) -> f64 {
        let Terms { lead_weeks, review_weeks, unmet, holding_minor, shortage_minor } = *self.terms;
        let lead = lead_weeks as usize;
        let mean = recent_mean(self.panel, self.series, self.known);
        let pieces = |weeks: f64| libm::round(mean * weeks) as i64;
        let mut stock = pieces(self.windows.start.on_hand_weeks);
        let arriving = &self.windows.start.arriving_weeks;
        let mut pipeline: VecDeque<i64> = (0..lead).map(|k| pieces(arriving.get(k).copied().unwrap_or(0.0))).collect();
        let (mut left, mut short) = (0_i64, 0_i64);
        let mut receipts = Vec::with_capacity(lead);
        for week in 0..self.windows.weeks {
            let now = self.known + week;
            let looks = week.is_multiple_of(review_weeks.max(1) as usize) && week + lead < self.windows.weeks;
            let mut order = 0;
            if let Some(demand) = self.made.get(&now).filter(|_| looks) {
                receipts.clear();
                receipts.extend(
                    (0_u32..).zip(&pipeline).map(|(period, pieces)| Receipt { period, pieces: *pieces as u32 }),
                );
                let span = Span { lead: lead_weeks, cover: review_weeks.max(1) };
                let stock = Stock { free: stock, receipts: &receipts };
                let missing = projector.requirement(stock, &demand[self.series], span, unmet).quantile(level);
                order = i64::try_from(missing).unwrap_or(i64::MAX).min(i64::from(u32::MAX));
            }
            pipeline.push_back(order);
            stock += pipeline.pop_front().unwrap_or(0);
            if !self.panel.is_on_sale(self.series, now) {
                continue;
            }
            let asked = i64::from(self.panel.sold(self.series, now));
            let served = stock.clamp(0, asked);
            stock = if unmet == Unmet::Lost { stock - served } else { stock - asked };
            if week >= lead {
                left += stock.max(0);
                short += asked - served;
            }
        }
        left as f64 * holding_minor + short as f64 * shortage_minor
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn terms(unmet: Unmet) -> Terms {
        Terms { lead_weeks: 2, review_weeks: 1, unmet, holding_minor: 2.0, shortage_minor: 10.0 }
    }

    /// Series that differ, some with weeks off sale.
    fn panel(n: usize, weeks: usize) -> Panel {
        let pieces = |k: usize, week: usize| ((week * week * 7 + k * 13 + week * k) % (3 + k % 11)) as u32;
        let sold: Vec<Vec<u32>> = (0..n).map(|k| (0..weeks).map(|week| pieces(k, week)).collect()).collect();
        let on_sale: Vec<Vec<bool>> =
            (0..n).map(|k| (0..weeks).map(|week| (week * 3 + k) % 17 != 0).collect()).collect();
        Panel::new(&sold, &on_sale, vec![[0; 3]; n]).unwrap()
    }

    fn windows(terms: &Terms) -> Windows {
        Windows { known: vec![20, 28, 36], weeks: 8, start: Start::usual(terms) }
    }

    /// A window whose forecast is certain, played by hand: weeks 0 and 1 cannot be changed.
    #[track_caller]
    fn check(unmet: Unmet, sold: &[u32], start: Start, expected: f64) {
        let rows = [sold.to_vec()];
        let panel = Panel::new(&rows, &[vec![true; sold.len()]], vec![[0; 3]]).unwrap();
        let terms = terms(unmet);
        let known = 13;
        let windows = Windows { known: vec![known], weeks: sold.len() - known, start };
        let made = (0..sold.len()).map(|week| (week, vec![DemandDistribution::certain(4.0)])).collect();
        let game = Game { panel: &panel, series: 0, known, windows: &windows, terms: &terms, made: &made };
        assert_eq!(game.play(&mut Projector::default(), 0.9), expected);
    }

    #[test]
    fn a_window_costs_what_it_costs_by_hand() {
        let past = [4; 13];
        let sold = |weeks: &[u32]| [&past[..], weeks].concat();
        let full = Start { on_hand_weeks: 1.0, arriving_weeks: vec![0.0, 1.0] };
        // Each week 4 come and 4 go, as forecast.
        check(Unmet::Lost, &sold(&[4, 4, 4, 4, 4]), full.clone(), 0.0);
        // Week 2 asks for 7: 3 are lost; week 3 asks for 1: 3 are left at 2 each, and are no more ordered.
        check(Unmet::Lost, &sold(&[4, 4, 7, 1, 4, 4]), full.clone(), 30.0 + 6.0 + 6.0 + 6.0);
        // With backorders the 3 wait, are served in week 3 and ordered again then; week 3 asks for 3 less than expected,
        // so 3 are left in week 5.
        check(Unmet::Waits, &sold(&[4, 4, 7, 1, 4, 4]), full, 30.0 + 6.0);
    }

    #[test]
    fn the_cheapest_of_all_candidates_is_chosen() {
        let terms = terms(Unmet::Lost);
        let grid = Grid {
            ways: vec![Learning::default(), Learning { half_life_weeks: 2.0, ..Learning::default() }],
            ..Grid::default()
        };
        let trials = calibrate(&panel(60, 44), &[terms], &windows(&terms), &grid, 1).unwrap();
        let choice = trials.choose(usize::MAX);
        for way in 0..2 {
            let sum: f64 = (0..3)
                .map(|class| {
                    grid.levels
                        .iter()
                        .map(|level| {
                            let of = |it: &Trial| it.way == way && it.class == class && it.level == *level;
                            trials.all().filter(of).map(|it| it.cost_minor).sum::<f64>()
                        })
                        .fold(f64::INFINITY, f64::min)
                })
                .sum();
            assert!(choice.cost_minor <= sum + 1e-9, "{choice:?} against {sum} of way {way}");
        }
        // Before any window has ended nothing is known.
        assert_eq!(trials.choose(27).levels, vec![Level::OfCosts(1.0); 3]);
    }

    #[test]
    fn dearer_shortages_choose_higher_levels() {
        let chance = |shortage_minor| {
            let terms = Terms { shortage_minor, ..terms(Unmet::Lost) };
            let grid = Grid { levels: [0.5, 0.7, 0.8, 0.9, 0.97].map(Level::Chance).to_vec(), ..Grid::default() };
            let choice = calibrate(&panel(80, 44), &[terms], &windows(&terms), &grid, 1).unwrap().choose(44);
            choice.chance(9.0, &terms)
        };
        assert!(chance(1.0) < chance(40.0), "{} {}", chance(1.0), chance(40.0));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let terms = terms(Unmet::Lost);
        let of = |n_terms: usize, windows: &Windows, grid: &Grid| {
            calibrate(&panel(3, 44), &vec![terms; n_terms], windows, grid, 1).err()
        };
        let (good, grid) = (windows(&terms), Grid::default());
        assert_eq!(of(1, &good, &grid), None);
        assert_eq!(of(2, &good, &grid), Some(CalibrateError::Terms { terms: 2, series: 3 }));
        let late = Windows { known: vec![37], ..good.clone() };
        assert_eq!(of(3, &late, &grid), Some(CalibrateError::Window { known: 37, weeks: 8, n_weeks: 44 }));
        assert_eq!(of(1, &good, &Grid { levels: Vec::new(), ..grid }), Some(CalibrateError::Empty));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn threads_and_later_weeks_change_nothing(n in 1_100_usize..1_400, later in 0_usize..6, unmet in prop::bool::ANY) {
            let unmet = if unmet { Unmet::Lost } else { Unmet::Waits };
            let terms = terms(unmet);
            let grid = Grid { levels: vec![Level::OfCosts(0.5), Level::OfCosts(2.0)], ..Grid::default() };
            let windows = Windows { known: vec![20], weeks: 4, start: Start::usual(&terms) };
            let all = panel(n, 24 + later);
            let one = calibrate(&all, &[terms], &windows, &grid, 1).unwrap();
            prop_assert_eq!(&one, &calibrate(&all, &vec![terms; n], &windows, &grid, 3).unwrap());
            prop_assert_eq!(&one, &calibrate(&all.until(24), &[terms], &windows, &grid, 2).unwrap());
        }
    }
}
