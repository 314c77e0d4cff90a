//! A rolling year ahead on real weekly sales: tuned again each quarter, reconciled, judged at every level of aggregation.
//!
//! The trade says "92 % accuracy" without saying of what. Accuracy is 1 − WAPE here, and the table says of which level, in
//! which grain of time, and with which weights.
#![allow(clippy::print_stderr)]

use super::super::{Figure, Goal, median};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::path::Path;
use twin::demand::{Calendar, Cleaned, Forecast, Hierarchy, History, Observation, Plan, Reconciliation, tune};

/// Weeks ahead.
const YEAR: usize = 52;
/// Weeks from one tuning to the next.
const QUARTER: usize = 13;
/// What the trade promises, in percent.
const PROMISED: f64 = 92.0;

/// The sales of one product at one store.
struct Pair {
    store: String,
    product: String,
    group: String,
    department: String,
    /// Pieces by week; `None` where it was not in stock.
    sold: Vec<Option<f64>>,
}

/// What came and what was forecast for one series, of one origin, in the weeks and shops where it was in stock.
struct Outcome {
    actual: Vec<f64>,
    mean: Vec<f64>,
    naive: Vec<f64>,
    /// Weeks within their 95 % interval, and all weeks.
    within: (usize, usize),
    /// Whether the year's total was within its 95 % interval.
    total_within: bool,
}

/// All that is judged of one level: by series, one outcome for each origin.
struct Level {
    name: &'static str,
    series: Vec<Vec<Outcome>>,
}

pub(super) fn run(folder: &Path) -> Result<Vec<Figure>> {
    let pairs = read(folder)?;
    let n_weeks = pairs.iter().map(|pair| pair.sold.len()).min().context("no series")?;
    ensure!(n_weeks >= 2 * YEAR + QUARTER, "{n_weeks} weeks are too few");
    let (names, of_level, hierarchy) = levels(&pairs)?;
    // A year to come is known after each, and a year and a quarter before.
    let mut origins: Vec<usize> =
        (0..).map(|k| n_weeks - YEAR - k * QUARTER).take_while(|known| *known >= YEAR + QUARTER).take(8).collect();
    origins.reverse();
    let mut levels: Vec<Level> = names.iter().map(|name| Level { name, series: Vec::new() }).collect();
    for level in &of_level {
        levels[*level].series.push(Vec::new());
    }
    for known in &origins {
        let outcomes = one_origin(&pairs, &hierarchy, *known)?;
        let mut next = vec![0; levels.len()];
        for (outcome, level) in outcomes.into_iter().zip(&of_level) {
            levels[*level].series[next[*level]].push(outcome);
            next[*level] += 1;
        }
    }
    eprintln!(
        "{} origins, {QUARTER} weeks apart, with {origins:?} of {n_weeks} weeks known; each {YEAR} weeks ahead, tuned again. Accuracy is\n\
         1 - WAPE; 'pieces' weighs by what was sold, 'middle' is the unweighted median over series. Months are 4, 4 and 5 weeks.\n\
         Only weeks in which a product was in stock at a store count, at every level.\n",
        origins.len()
    );
    eprintln!(
        "{:<18}{:>7} | by month: {:>7} {:>7} {:>7} | by quarter ahead: {:>4} {:>6} {:>6} {:>6} | whole year: {:>6} {:>7} | {:>6} | 95 % covers: {:>5} {:>6}",
        "level",
        "series",
        "pieces",
        "middle",
        "naive",
        "1",
        "2",
        "3",
        "4",
        "pieces",
        "middle",
        "bias",
        "weeks",
        "years"
    );
    let mut figures = vec![Figure::alone("rolling: origins", origins.len() as f64, "", Goal::None)];
    for level in &levels {
        figures.extend(level.judged());
    }
    Ok(figures)
}

/// The names of the levels, the level of each series of the hierarchy, and the hierarchy.
fn levels(pairs: &[Pair]) -> Result<([&'static str; 6], Vec<usize>, Hierarchy)> {
    let names = ["SKU at a store", "SKU", "product group", "store", "department", "all"];
    let keys: [fn(&Pair) -> &str; 5] =
        [|pair| &pair.product, |pair| &pair.group, |pair| &pair.store, |pair| &pair.department, |_| ""];
    let (mut of_level, mut aggregates) = (vec![0; pairs.len()], Vec::new());
    for (level, key) in keys.iter().enumerate() {
        let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, pair) in pairs.iter().enumerate() {
            members.entry(key(pair)).or_default().push(at);
        }
        of_level.extend(std::iter::repeat_n(level + 1, members.len()));
        aggregates.extend(members.into_values());
    }
    Ok((names, of_level, Hierarchy::new(pairs.len(), aggregates)?))
}

/// Demand of the known weeks, from the first in stock: what was sold, and in weeks without stock what may be expected.
fn demand(pair: &Pair, known: usize) -> Result<Vec<f64>> {
    let begin = pair.sold[..known].iter().position(Option::is_some).unwrap_or(known);
    let observe = |sold: &Option<f64>| Observation {
        demand: sold.unwrap_or(0.0),
        stocked_out: sold.is_none(),
        ..Observation::default()
    };
    let history = History {
        site: pair.store.parse()?,
        sku: pair.product.parse()?,
        periods: pair.sold[begin..known].iter().map(observe).collect(),
        promotions_ahead: Vec::new(),
    };
    let Cleaned { demand, .. } = history.cleaned(Calendar::Weeks);
    Ok(demand)
}

fn one_origin(pairs: &[Pair], hierarchy: &Hierarchy, known: usize) -> Result<Vec<Outcome>> {
    let parts: Vec<Vec<f64>> = pairs.iter().map(|pair| demand(pair, known)).collect::<Result<_>>()?;
    // Before its first week a product adds nothing to the sums.
    let padded = |part: &Vec<f64>| [vec![0.0; known - part.len()], part.clone()].concat();
    let sums = hierarchy.histories(&parts.iter().map(padded).collect::<Vec<_>>());
    let panel: Vec<&[f64]> = parts.iter().chain(&sums[pairs.len()..]).map(|y| &y[..]).collect();
    let base = tune(&panel, &Plan::year_ahead(Calendar::Weeks)).forecast(&panel);
    let made = hierarchy.reconcile_forecasts(&base, &Reconciliation::Structural)?;
    // What counts, by week: pieces sold, forecast and last quarter's mean, of the parts that were in stock.
    let last_quarter = |part: &Vec<f64>| {
        let newest = &part[part.len().saturating_sub(QUARTER)..];
        newest.iter().sum::<f64>() / newest.len().max(1) as f64
    };
    let levels: Vec<f64> = parts.iter().map(last_quarter).collect();
    let mut weeks: [Vec<Vec<f64>>; 3] = std::array::from_fn(|_| vec![Vec::with_capacity(YEAR); made.len()]);
    for step in 0..YEAR {
        let sold = |at: usize| pairs[at].sold[known + step];
        let of_parts: [Vec<f64>; 3] = [
            (0..pairs.len()).map(|at| sold(at).unwrap_or(0.0)).collect(),
            (0..pairs.len()).map(|at| sold(at).map_or(0.0, |_| made[at].mean()[step])).collect(),
            (0..pairs.len()).map(|at| sold(at).map_or(0.0, |_| levels[at])).collect(),
        ];
        for (of, values) in weeks.iter_mut().zip(&of_parts) {
            for (series, value) in of.iter_mut().zip(hierarchy.sums(values)) {
                series.push(value);
            }
        }
    }
    let [actual, mean, naive] = weeks;
    let series = actual.into_iter().zip(mean).zip(naive).zip(&made);
    Ok(series.map(|(((actual, mean), naive), forecast)| outcome(actual, mean, naive, forecast)).collect())
}

/// The distribution is taken about the mean of what was in stock, so that empty shelves are no error of the forecast.
fn outcome(actual: Vec<f64>, mean: Vec<f64>, naive: Vec<f64>, forecast: &Forecast) -> Outcome {
    let mut within = (0, 0);
    for ((actual, mean), (full, (low, high))) in
        actual.iter().zip(&mean).zip(forecast.mean().iter().zip(forecast.interval(0.95)))
    {
        let error = actual - mean;
        within.0 += usize::from(low - full <= error && error <= high - full);
        within.1 += 1;
    }
    let (full, error) = (forecast.mean().iter().sum::<f64>(), actual.iter().sum::<f64>() - mean.iter().sum::<f64>());
    let (low, high) = (forecast.total_quantile(YEAR, 0.025), forecast.total_quantile(YEAR, 0.975));
    let total_within = low - full <= error && error <= high - full;
    Outcome { actual, mean, naive, within, total_within }
}

/// Sums of 4, 4 and 5 weeks.
fn months(weeks: &[f64]) -> Vec<f64> {
    weeks
        .chunks(QUARTER)
        .flat_map(|quarter| {
            let ends = [(0, 4), (4, 8), (8, QUARTER)];
            ends.map(|(from, to)| quarter.get(from..to.min(quarter.len())).unwrap_or_default().iter().sum())
        })
        .collect()
}

/// 100 (1 − sum of absolute errors / sum of what came); `None` where nothing came.
fn accuracy(pairs: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (error, total) = pairs.fold((0.0, 0.0), |sum, (actual, mean)| (sum.0 + (actual - mean).abs(), sum.1 + actual));
    (total > 0.0).then(|| 100.0 * (1.0 - error / total))
}

impl Level {
    fn judged(&self) -> Vec<Figure> {
        let all = || self.series.iter().flatten();
        let by_month = |outcome: &Outcome| -> Vec<(f64, f64)> {
            months(&outcome.actual).into_iter().zip(months(&outcome.mean)).collect()
        };
        let year = |outcome: &Outcome| (outcome.actual.iter().sum::<f64>(), outcome.mean.iter().sum::<f64>());
        let zero = |value: Option<f64>| value.unwrap_or(f64::NAN);
        let middle = |of: &dyn Fn(&Vec<Outcome>) -> Option<f64>| {
            let known: Vec<f64> = self.series.iter().filter_map(of).collect();
            if known.is_empty() { f64::NAN } else { median(known) }
        };
        let monthly = zero(accuracy(all().flat_map(by_month)));
        let monthly_middle = middle(&|series| accuracy(series.iter().flat_map(by_month)));
        let naive =
            |outcome: &Outcome| months(&outcome.actual).into_iter().zip(months(&outcome.naive)).collect::<Vec<_>>();
        let monthly_naive = zero(accuracy(all().flat_map(naive)));
        let quarters: [f64; 4] = std::array::from_fn(|quarter| {
            zero(accuracy(all().flat_map(|outcome| by_month(outcome).into_iter().skip(3 * quarter).take(3))))
        });
        let yearly = zero(accuracy(all().map(year)));
        let yearly_middle = middle(&|series| accuracy(series.iter().map(year)));
        let (came, said) = all().map(year).fold((0.0, 0.0), |sum, (a, f)| (sum.0 + a, sum.1 + f));
        let bias = 100.0 * (said / came - 1.0);
        let (inside, weeks) = all().fold((0, 0), |sum, outcome| (sum.0 + outcome.within.0, sum.1 + outcome.within.1));
        let covered = 100.0 * inside as f64 / weeks as f64;
        let n = all().count() as f64;
        let covered_years = 100.0 * all().filter(|outcome| outcome.total_within).count() as f64 / n;
        let promised = |value: f64| if value >= PROMISED { "*" } else { " " };
        eprintln!(
            "{:<18}{:>7} |           {monthly:>6.1}{} {monthly_middle:>6.1}{} {monthly_naive:>7.1} |                  {:>5.1} {:>6.1} {:>6.1} {:>6.1} |             {yearly:>5.1}{} {yearly_middle:>6.1}{} | {bias:>+5.1}% |              {covered:>5.1} {covered_years:>6.1}",
            self.name,
            self.series.len(),
            promised(monthly),
            promised(monthly_middle),
            quarters[0],
            quarters[1],
            quarters[2],
            quarters[3],
            promised(yearly),
            promised(yearly_middle),
        );
        let figure = |what: &str, value: f64| Figure::alone(format!("{}: {what}", self.name), value, "%", Goal::None);
        let mut figures = vec![
            figure("accuracy by month, by pieces", monthly),
            figure("accuracy by month, median of series", monthly_middle),
            figure("… of last quarter's mean, by pieces", monthly_naive),
        ];
        for (quarter, value) in (1..).zip(quarters) {
            figures.push(figure(&format!("by month, quarter {quarter} ahead, by pieces"), value));
        }
        figures.extend([
            figure("accuracy of the year, by pieces", yearly),
            figure("accuracy of the year, median of series", yearly_middle),
            figure("bias", bias),
            figure("95 % intervals of weeks cover", covered),
            figure("95 % intervals of the year cover", covered_years),
        ]);
        figures
    }
}

/// The files `sales_history_wide.csv`, `in_stock_wide.csv` and `master.csv`.
fn read(folder: &Path) -> Result<Vec<Pair>> {
    let rows = |name: &str| -> Result<Vec<csv::StringRecord>> {
        let path = folder.join(name);
        let mut reader = csv::Reader::from_path(&path).with_context(|| path.display().to_string())?;
        Ok(reader.records().collect::<Result<_, _>>()?)
    };
    let (sales, flags, master) = (rows("sales_history_wide.csv")?, rows("in_stock_wide.csv")?, rows("master.csv")?);
    ensure!(sales.len() == flags.len() && sales.len() == master.len(), "the files have not the same rows");
    let cell = |row: &csv::StringRecord, at: usize| row.get(at).unwrap_or_default().to_owned();
    let mut pairs = Vec::with_capacity(sales.len());
    for ((sales, flags), master) in sales.iter().zip(&flags).zip(&master) {
        let same = |other: &csv::StringRecord| (0..2).all(|at| sales.get(at) == other.get(at));
        ensure!(same(flags) && same(master) && sales.len() == flags.len(), "rows of another order: {sales:?}");
        let week = |at: usize| -> Result<Option<f64>> {
            let sold = cell(sales, at).parse().with_context(|| format!("not a number: {:?}", sales.get(at)))?;
            Ok((flags.get(at) == Some("1")).then_some(sold))
        };
        pairs.push(Pair {
            store: cell(sales, 0),
            product: cell(sales, 1),
            group: cell(master, 2),
            department: cell(master, 4),
            sold: (2..sales.len()).map(week).collect::<Result<_>>()?,
        });
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_has_twelve_months_that_add_up() {
        let weeks: Vec<f64> = (0..YEAR).map(|week| week as f64).collect();
        let months = months(&weeks);
        assert_eq!((months.len(), months[0], months[2]), (12, 6.0, 50.0));
        assert_eq!(months.iter().sum::<f64>(), weeks.iter().sum::<f64>());
    }

    #[test]
    fn accuracy_is_one_less_the_weighted_error() {
        assert_eq!(accuracy([(10.0, 12.0), (30.0, 30.0)].into_iter()), Some(95.0));
        assert_eq!(accuracy([(0.0, 1.0)].into_iter()), None);
    }

    #[test]
    fn what_was_not_in_stock_is_no_error() {
        let pair = |product: &str, sold: Vec<Option<f64>>| Pair {
            store: "1".to_owned(),
            product: product.to_owned(),
            group: "g".to_owned(),
            department: "d".to_owned(),
            sold,
        };
        let steady: Vec<Option<f64>> = (0..120).map(|_| Some(8.0)).collect();
        let gone: Vec<Option<f64>> = (0..120).map(|week| (week < 68).then_some(5.0)).collect();
        let pairs = [pair("a", steady), pair("b", gone)];
        let (_, of_level, hierarchy) = levels(&pairs).expect("a hierarchy");
        let outcomes = one_origin(&pairs, &hierarchy, 68).expect("forecasts");
        assert_eq!(outcomes.len(), of_level.len());
        let all = outcomes.last().expect("the whole");
        let found = accuracy(all.actual.iter().copied().zip(all.mean.iter().copied()));
        assert!(found.is_some_and(|value| value > 99.0), "{found:?}");
        assert_eq!(outcomes[1].actual.iter().sum::<f64>(), 0.0);
    }
}
