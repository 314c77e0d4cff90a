//! Learning demand from weekly sales with gaps: a level for each series, a season that like series share, and
//! how far forecasts were off. Weeks in which a series was not on sale say nothing about its demand.
//!
//! ```text
//! sales, on-sale flags ─▶ level of each series (recent weeks count more)
//!                      ─▶ season: what a level a year ago became, by product, group, all ─▶ mean
//!                      ─▶ errors of the same forecast at past origins                    ─▶ variance
//! ```

use super::demand::{DemandDistribution, Rate};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Weekly sales of many series, oldest week first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panel {
    n_series: usize,
    n_weeks: usize,
    /// Series by series.
    sales: Vec<u32>,
    on_sale: Vec<bool>,
    /// For each series the groups that it shares its season with, from the closest to the widest.
    groups: Vec<[u32; GROUPS]>,
}

/// Kinds of groups.
pub const GROUPS: usize = 3;

/// Why rows are no panel.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PanelError {
    /// Rows of different lengths.
    #[error("series {series} has {actual} weeks, not {expected}")]
    Weeks {
        /// Which.
        series: usize,
        /// Weeks of the first series.
        expected: usize,
        /// Weeks of this one.
        actual: usize,
    },
    /// Sales, flags and groups of different numbers of series.
    #[error("sales of {sales} series, flags of {flags} and groups of {groups}")]
    Series {
        /// Rows of sales.
        sales: usize,
        /// Rows of flags.
        flags: usize,
        /// Rows of groups.
        groups: usize,
    },
}

impl Panel {
    /// Sales and on-sale flags by series and week, and the groups of each series.
    pub fn new(sales: &[Vec<u32>], on_sale: &[Vec<bool>], groups: Vec<[u32; GROUPS]>) -> Result<Self, PanelError> {
        if sales.len() != on_sale.len() || sales.len() != groups.len() {
            return Err(PanelError::Series { sales: sales.len(), flags: on_sale.len(), groups: groups.len() });
        }
        let n_weeks = sales.first().map_or(0, Vec::len);
        for (series, (row, flags)) in sales.iter().zip(on_sale).enumerate() {
            for actual in [row.len(), flags.len()] {
                if actual != n_weeks {
                    return Err(PanelError::Weeks { series, expected: n_weeks, actual });
                }
            }
        }
        Ok(Self { n_series: sales.len(), n_weeks, sales: sales.concat(), on_sale: on_sale.concat(), groups })
    }

    /// Number of series.
    #[must_use]
    pub fn n_series(&self) -> usize {
        self.n_series
    }

    /// Number of weeks.
    #[must_use]
    pub fn n_weeks(&self) -> usize {
        self.n_weeks
    }

    /// Pieces sold.
    #[must_use]
    pub fn sold(&self, series: usize, week: usize) -> u32 {
        self.sales[series * self.n_weeks + week]
    }

    /// True where the series was on sale, so that its sales are its demand.
    #[must_use]
    pub fn is_on_sale(&self, series: usize, week: usize) -> bool {
        self.on_sale[series * self.n_weeks + week]
    }

    /// The group of a series, of one kind.
    #[must_use]
    pub fn group(&self, series: usize, kind: usize) -> u32 {
        self.groups[series][kind]
    }

    /// The same without the weeks from `n_weeks` on: what was known then.
    #[must_use]
    pub fn until(&self, n_weeks: usize) -> Self {
        let n = n_weeks.min(self.n_weeks);
        let cut = |row: usize| row * self.n_weeks..row * self.n_weeks + n;
        Self {
            n_series: self.n_series,
            n_weeks: n,
            sales: (0..self.n_series).flat_map(|i| self.sales[cut(i)].iter().copied()).collect(),
            on_sale: (0..self.n_series).flat_map(|i| self.on_sale[cut(i)].iter().copied()).collect(),
            groups: self.groups.clone(),
        }
    }

    /// One more week: sales and flags of each series.
    pub fn push(&mut self, sales: &[u32], on_sale: &[bool]) -> Result<(), PanelError> {
        if sales.len() != self.n_series || on_sale.len() != self.n_series {
            return Err(PanelError::Series { sales: sales.len(), flags: on_sale.len(), groups: self.groups.len() });
        }
        let n = self.n_weeks;
        let grown = |i: usize| i * n..(i + 1) * n;
        let rows = 0..self.n_series;
        self.sales =
            rows.clone().flat_map(|i| self.sales[grown(i)].iter().copied().chain([sales[i]])).collect::<Vec<_>>();
        self.on_sale =
            rows.flat_map(|i| self.on_sale[grown(i)].iter().copied().chain([on_sale[i]])).collect::<Vec<_>>();
        self.n_weeks = n + 1;
        Ok(())
    }
}

/// The choices of the model; all are made by backtest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Learning {
    /// Weeks after which a week of sales counts half in the level.
    pub half_life_weeks: f64,
    /// A second, slower level; the two are averaged.
    pub slow_half_life_weeks: f64,
    /// How many weeks the mean of like series counts as, beside a series' own.
    pub prior_weeks: f64,
    /// Pieces of expected sales at which a group's own season counts half, closest kind first.
    pub season_pieces: [f64; GROUPS],
    /// Weight of the weeks before and after in the season of a week, beside 1 for the week itself.
    pub season_blur: f64,
    /// Share of the season that is believed: 0 none, 1 all.
    pub season_trust: f64,
    /// Weeks of its own errors at which a series' own variance counts half.
    pub variance_weeks: f64,
    /// Coefficient of variation of the level.
    pub level_cv: f64,
}

impl Default for Learning {
    fn default() -> Self {
        Self {
            half_life_weeks: 5.0,
            slow_half_life_weeks: 60.0,
            prior_weeks: 1.0,
            season_pieces: [200.0, 400.0, 400.0],
            season_blur: 0.25,
            season_trust: 0.8,
            variance_weeks: 50.0,
            level_cv: 0.0,
        }
    }
}

/// Weeks of a year in the calendar of weeks: the same weekday after 364 days.
const YEAR: usize = 52;
/// Years that the season looks back.
const YEARS: usize = 2;
/// Past origins whose errors give the variance.
const ERROR_WEEKS: usize = 52;
/// Nothing is ever expected to sell less than this, pieces a week.
const MEAN_MIN: f64 = 0.02;
/// The least weight of weeks on sale that makes a level worth learning a season from.
const SEASON_WEIGHT_MIN: f64 = 3.0;

/// Levels of all series at all weeks: what was known at the end of each.
struct Levels {
    n_weeks: usize,
    /// Weighted sales and weights of weeks on sale, by series and week.
    sold: Vec<f64>,
    weight: Vec<f64>,
}

impl Levels {
    fn new(panel: &Panel, half_life_weeks: f64) -> Self {
        let keep = libm::exp2(-1.0 / half_life_weeks);
        let n = panel.n_weeks;
        let (mut sold, mut weight) = (vec![0.0; panel.sales.len()], vec![0.0; panel.sales.len()]);
        for series in 0..panel.n_series {
            let (mut s, mut w) = (0.0, 0.0);
            for week in 0..n {
                if panel.is_on_sale(series, week) {
                    s = s * keep + f64::from(panel.sold(series, week));
                    w = w * keep + 1.0;
                }
                sold[series * n + week] = s;
                weight[series * n + week] = w;
            }
        }
        Self { n_weeks: n, sold, weight }
    }

    fn at(&self, series: usize, week: usize, prior: f64, prior_weeks: f64) -> f64 {
        let idx = series * self.n_weeks + week;
        (self.sold[idx] + prior * prior_weeks) / (self.weight[idx] + prior_weeks).max(1e-9)
    }
}

/// Means of the coming weeks, and how far such means were off.
pub struct Learned {
    learning: Learning,
    levels: [Levels; 2],
    /// Mean sales of a week on sale, of the closest group that has any, by series and week of origin.
    n_groups: [usize; GROUPS],
}

impl Learned {
    /// Reads the whole panel; forecasts can then be asked for any of its weeks as origin.
    #[must_use]
    pub fn new(panel: &Panel, learning: Learning) -> Self {
        let mut n_groups = [0; GROUPS];
        for groups in &panel.groups {
            for (n, group) in n_groups.iter_mut().zip(groups) {
                *n = (*n).max(*group as usize + 1);
            }
        }
        let levels = [learning.half_life_weeks, learning.slow_half_life_weeks].map(|it| Levels::new(panel, it));
        Self { learning, levels, n_groups }
    }

    /// The level of every series at the end of `origin`: pieces a week.
    fn level_at(&self, panel: &Panel, origin: usize) -> Vec<f64> {
        // The mean of the closest group, each piece of evidence weighted as in the levels.
        let n = self.n_groups[0];
        let (mut sold, mut weight) = (vec![0.0; n], vec![0.0; n]);
        for series in 0..panel.n_series {
            let group = panel.group(series, 0) as usize;
            let idx = series * panel.n_weeks + origin;
            sold[group] += self.levels[1].sold[idx];
            weight[group] += self.levels[1].weight[idx];
        }
        (0..panel.n_series)
            .map(|series| {
                let group = panel.group(series, 0) as usize;
                let prior = sold[group] / weight[group].max(1e-9);
                let [fast, slow] =
                    [0, 1].map(|k: usize| self.levels[k].at(series, origin, prior, self.learning.prior_weeks));
                0.5 * (fast + slow)
            })
            .collect()
    }

    /// What the levels at the end of `origin` will have to be multiplied with `ahead` weeks later (1 is the next
    /// week), for every series: what like levels became in the same weeks of past years.
    fn season_at(&self, panel: &Panel, origin: usize, ahead: usize) -> Vec<f64> {
        let mut all = [0.0; 2];
        let mut by_kind: Vec<Vec<[f64; 2]>> = self.n_groups.iter().map(|n| vec![[0.0; 2]; *n]).collect();
        for year in 1..=YEARS {
            let Some(then) = (origin + 1).checked_sub(year * YEAR).filter(|it| *it > 0).map(|it| it - 1) else { break };
            let target = then + ahead;
            let levels = self.level_at(panel, then);
            for (week, weight) in [
                (target.checked_sub(1).filter(|it| *it > then), self.learning.season_blur),
                (Some(target), 1.0),
                (Some(target + 1), self.learning.season_blur),
            ] {
                let Some(week) = week.filter(|it| *it <= origin) else { continue };
                for (series, level) in levels.iter().enumerate() {
                    let known = self.levels[0].weight[series * panel.n_weeks + then] >= SEASON_WEIGHT_MIN;
                    if !known || !panel.is_on_sale(series, week) {
                        continue;
                    }
                    let pair = [f64::from(panel.sold(series, week)) * weight, level * weight];
                    for (kind, sums) in by_kind.iter_mut().enumerate() {
                        let sum = &mut sums[panel.group(series, kind) as usize];
                        sum[0] += pair[0];
                        sum[1] += pair[1];
                    }
                    all[0] += pair[0];
                    all[1] += pair[1];
                }
            }
        }
        let widest = if all[1] > 0.0 { all[0] / all[1] } else { 1.0 };
        (0..panel.n_series)
            .map(|series| {
                let mut ratio = widest;
                for kind in (0..GROUPS).rev() {
                    let [sold, expected] = by_kind[kind][panel.group(series, kind) as usize];
                    let own = self.learning.season_pieces[kind];
                    ratio = (sold + own * ratio) / (expected + own);
                }
                1.0 + self.learning.season_trust * (ratio - 1.0)
            })
            .collect()
    }

    /// Mean demand of every series in the week `ahead` weeks after `origin` (1 is the next), from what was known at
    /// the end of `origin`.
    #[must_use]
    pub fn mean(&self, panel: &Panel, origin: usize, ahead: usize) -> Vec<f64> {
        let season = self.season_at(panel, origin, ahead);
        self.level_at(panel, origin).into_iter().zip(season).map(|(it, factor)| (it * factor).max(MEAN_MIN)).collect()
    }
}

/// Variance of demand about its mean: `poisson` times the mean and `square` times its square.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Of the mean.
    pub poisson: f64,
    /// Of its square.
    pub square: f64,
}

impl Spread {
    /// The variance at a mean.
    #[must_use]
    pub fn variance(&self, mean: f64) -> f64 {
        self.poisson * mean + self.square * mean * mean
    }
}

/// Mean forecast and squared error of each series in one week; `None` where it was not on sale.
pub type ErrorRow = Vec<Option<(f64, f64)>>;

/// Squared errors of past forecasts, oldest week first.
#[derive(Clone, Debug, Default)]
pub struct Errors {
    rows: Vec<Arc<ErrorRow>>,
}

impl Errors {
    /// How far the means forecast for a week were off what was sold in it.
    #[must_use]
    pub fn row(means: &[f64], panel: &Panel, week: usize) -> Arc<ErrorRow> {
        let row = means.iter().enumerate().map(|(series, mean)| {
            let off = f64::from(panel.sold(series, week)) - mean;
            panel.is_on_sale(series, week).then_some((*mean, off * off))
        });
        Arc::new(row.collect())
    }

    /// Takes one more week.
    pub fn push(&mut self, row: Arc<ErrorRow>) {
        self.rows.push(row);
    }

    /// The spread that fits the last year of errors, by weighted least squares; and for each series the factor of
    /// its own variance, shrunk towards 1.
    #[must_use]
    pub fn fit(&self, n_series: usize, own_weeks: f64) -> (Spread, Vec<f64>) {
        let recent = &self.rows[self.rows.len().saturating_sub(ERROR_WEEKS)..];
        // Minimise Σ (e² − p m − s m²)² / m²: weights by the square of the mean keep the large from ruling.
        let (mut a, mut b, mut c, mut d, mut e) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (mean, square) in recent.iter().flat_map(|row| row.iter()).flatten() {
            let ratio = (square / mean).min(60.0);
            a += 1.0;
            b += mean;
            c += mean * mean;
            d += ratio;
            e += ratio * mean;
        }
        let det = a * c - b * b;
        let mut spread = Spread { poisson: 1.5, square: 0.2 };
        if det > 1e-9 && a > 100.0 {
            let square = ((a * e - b * d) / det).clamp(0.0, 2.0);
            spread = Spread { poisson: ((d - square * b) / a).max(1.0), square };
        }
        let own = (0..n_series)
            .map(|series| {
                let (mut seen, mut expected, mut n) = (0.0, 0.0, 0.0);
                for (mean, square) in recent.iter().filter_map(|row| row[series]) {
                    let variance = spread.variance(mean);
                    seen += (square / variance).min(25.0);
                    expected += 1.0;
                    n += 1.0;
                }
                if n > 0.0 { (seen + own_weeks) / (expected + own_weeks) } else { 1.0 }
            })
            .collect();
        (spread, own)
    }
}

/// The demand of the coming `ahead` weeks, for every series, after each of some numbers of weeks known. None reads a
/// week that was not known then; where less is known than the errors of one forecast need, nothing is expected.
#[must_use]
pub fn forecasts(
    panel: &Panel,
    learning: Learning,
    ahead: usize,
    weeks_known: impl IntoIterator<Item = usize>,
) -> BTreeMap<usize, Vec<DemandDistribution>> {
    let learned = Learned::new(panel, learning);
    let mut rows: BTreeMap<usize, Arc<ErrorRow>> = BTreeMap::new();
    let mut of = |known: usize| {
        let Some(origin) = known.checked_sub(1).filter(|it| *it > ahead) else {
            return vec![DemandDistribution::certain(0.0); panel.n_series];
        };
        let mut errors = Errors::default();
        for past in origin.saturating_sub(ERROR_WEEKS + ahead)..=origin - ahead {
            let row =
                rows.entry(past).or_insert_with(|| Errors::row(&learned.mean(panel, past, ahead), panel, past + ahead));
            errors.push(Arc::clone(row));
        }
        let (spread, own) = errors.fit(panel.n_series, learning.variance_weeks);
        let means: Vec<Vec<f64>> = (1..=ahead).map(|ahead| learned.mean(panel, origin, ahead)).collect();
        (0..panel.n_series)
            .map(|series| {
                let of: Vec<f64> = means.iter().map(|week| week[series]).collect();
                distribution(&of, spread, own[series], learning.level_cv)
            })
            .collect()
    };
    weeks_known.into_iter().map(|known| (known, of(known))).collect()
}

/// The demand of one series: means by week ahead, and their spread.
#[must_use]
pub fn distribution(means: &[f64], spread: Spread, own: f64, level_cv: f64) -> DemandDistribution {
    let rates: Vec<Rate> =
        means.iter().map(|mean| Rate { mean: *mean, variance: (spread.variance(*mean) * own).max(*mean) }).collect();
    DemandDistribution::ByPeriod { rates: Arc::from(rates), level_cv }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two stores of one product and one of another, for years: one week of each sells four times as much.
    fn panel(weeks: usize) -> Panel {
        let sales =
            |base: u32| (0..weeks).map(|week| if week % 52 == 10 { base * 4 } else { base }).collect::<Vec<u32>>();
        let rows = [sales(8), sales(4), sales(20)];
        let flags = vec![vec![true; weeks]; 3];
        Panel::new(&rows, &flags, vec![[0, 0, 0], [0, 0, 0], [1, 0, 0]]).unwrap()
    }

    fn learning() -> Learning {
        Learning {
            season_trust: 1.0,
            season_blur: 0.0,
            season_pieces: [1.0; 3],
            prior_weeks: 0.0,
            ..Learning::default()
        }
    }

    #[test]
    fn a_week_that_sold_more_in_past_years_is_expected_to_do_so_again() {
        let panel = panel(52 * 3 + 8);
        let origin = 52 * 3 + 7;
        let mean = |ahead| Learned::new(&panel, learning()).mean(&panel, origin, ahead);
        assert!((mean(1)[0] - 8.0).abs() < 0.5, "{:?}", mean(1));
        assert!((mean(3)[0] - 32.0).abs() < 2.0, "{:?}", mean(3));
        assert!((mean(3)[2] - 80.0).abs() < 4.0, "{:?}", mean(3));
    }

    #[test]
    fn weeks_not_on_sale_do_not_lower_the_level() {
        let sales = vec![vec![6, 6, 6, 6, 0, 0, 0]];
        let level = |flags: [bool; 7]| {
            let panel = Panel::new(&sales, &[flags.to_vec()], vec![[0; GROUPS]]).unwrap();
            Learned::new(&panel, learning()).mean(&panel, 6, 1)[0]
        };
        assert!((level([true, true, true, true, false, false, false]) - 6.0).abs() < 1e-9);
        assert!(level([true; 7]) < 5.0);
    }

    #[test]
    fn a_forecast_reads_nothing_after_its_origin() {
        let all = panel(160);
        let cut = all.until(140);
        let of = |panel: &Panel| Learned::new(panel, Learning::default()).mean(panel, 139, 3);
        assert_eq!(of(&all), of(&cut));
    }

    #[test]
    fn the_spread_fits_the_errors_it_has_seen() {
        let panel = panel(160);
        let mut errors = Errors::default();
        for week in 100..160 {
            errors.push(Errors::row(&[4.0, 4.0, 20.0], &panel, week));
        }
        let (spread, own) = errors.fit(3, 10.0);
        assert!(spread.poisson >= 1.0 && spread.variance(4.0) > 4.0);
        assert!(own[0] > own[2], "the first is off by 4 every week, the last hardly ever: {own:?}");
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        let error = Panel::new(&[vec![1, 2], vec![1]], &[vec![true; 2], vec![true]], vec![[0; GROUPS]; 2]);
        assert_eq!(error, Err(PanelError::Weeks { series: 1, expected: 2, actual: 1 }));
        assert_eq!(Panel::new(&[vec![1]], &[], vec![]), Err(PanelError::Series { sales: 1, flags: 0, groups: 0 }));
    }
}
