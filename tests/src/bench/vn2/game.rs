//! The rules of the VN2 Inventory Planning Challenge: weekly orders, two weeks until they come, lost sales.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::path::Path;
use twin::replenish::history::Panel;

/// Cents for a piece left at the end of a week.
pub(super) const HOLDING_CENTS: u64 = 20;
/// Cents for a piece that was asked for and not there.
pub(super) const SHORTAGE_CENTS: u64 = 100;
/// Weeks played.
pub(super) const WEEKS: usize = 8;
/// The first week that an order can change.
pub(super) const FIRST_WEEK: usize = 3;

/// Stock of all series at the end of a week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Pieces on the shelf.
    pub(super) on_hand: Vec<u32>,
    /// Pieces that come at the start of the next week.
    pub(super) next: Vec<u32>,
    /// Pieces that come a week later.
    pub(super) after_next: Vec<u32>,
}

/// Says what to order, from what was known at the end of a week.
pub(super) trait Policy {
    /// Pieces to order of each series; they come at the start of the third week from now.
    fn order(&mut self, known: &Panel, state: &State) -> Vec<u32>;
}

/// One week of demand: pieces of each series, and whether they are known to be all that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Week {
    /// Pieces.
    pub(super) demand: Vec<u32>,
    /// False where the series was not on sale: the week is not played for it.
    pub(super) counts: Vec<bool>,
}

/// What a game cost, cents by week from week 1 on, and the pieces behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Cents.
    pub(super) cents: Vec<u64>,
    /// Pieces lost.
    pub(super) lost: Vec<u64>,
    /// Pieces left at the end.
    pub(super) left: Vec<u64>,
}

impl Outcome {
    /// Euros of the weeks from `first` (1 is the first) on.
    pub(super) fn euros_from(&self, first: usize) -> f64 {
        self.cents.iter().skip(first - 1).sum::<u64>() as f64 / 100.0
    }
}

/// Plays the weeks in turn. The policy orders at the end of weeks 0 to 5 and is told each week's demand after it,
/// as in the challenge; where `own_sales`, it is told what it sold, and that a week in which it ran out says
/// nothing of its demand.
pub(super) fn play(
    known: &Panel,
    start: &State,
    weeks: &[Week],
    policy: &mut dyn Policy,
    own_sales: bool,
) -> Result<Outcome> {
    let (mut known, mut state) = (known.clone(), start.clone());
    let mut outcome = Outcome::default();
    for (idx, week) in weeks.iter().enumerate() {
        let orders =
            if idx + FIRST_WEEK <= weeks.len() { policy.order(&known, &state) } else { vec![0; known.n_series()] };
        ensure!(orders.len() == known.n_series(), "{} orders for {} series", orders.len(), known.n_series());
        let (mut lost, mut left) = (0, 0);
        let (mut told, mut flags) = (week.demand.clone(), week.counts.clone());
        for series in 0..known.n_series() {
            let stock = state.on_hand[series] + state.next[series];
            let asked = week.demand[series];
            state.on_hand[series] = stock;
            if !week.counts[series] {
                continue;
            }
            let sold = stock.min(asked);
            state.on_hand[series] = stock - sold;
            lost += u64::from(asked - sold);
            left += u64::from(stock - sold);
            if own_sales {
                told[series] = sold;
                flags[series] = stock > asked;
            }
        }
        state.next = std::mem::replace(&mut state.after_next, orders);
        known.push(&told, &flags)?;
        outcome.cents.push(lost * SHORTAGE_CENTS + left * HOLDING_CENTS);
        outcome.lost.push(lost);
        outcome.left.push(left);
    }
    Ok(outcome)
}

/// The files of the challenge.
pub(super) struct Challenge {
    /// All weeks of history.
    pub(super) panel: Panel,
    /// Monday of each week, as days since 1970-01-01.
    pub(super) mondays: Vec<i64>,
    /// Stock at the end of week 0.
    pub(super) start: State,
    /// Store and product of each series, as written.
    pub(super) names: Vec<(String, String)>,
}

fn rows(path: &Path) -> Result<(Vec<String>, Vec<Vec<String>>)> {
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("reading {}", path.display()))?;
    let header = reader.headers()?.iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| Ok(row?.iter().map(str::to_owned).collect())).collect::<Result<_>>()?;
    Ok((header, rows))
}

fn whole(text: &str) -> Result<u32> {
    let value: f64 = text.trim().parse().with_context(|| format!("{text:?} is no number"))?;
    ensure!(value >= 0.0 && value.fract() == 0.0 && value < 1e9, "{text:?} is no number of pieces");
    Ok(value as u32)
}

fn names(rows: &[Vec<String>]) -> Vec<(String, String)> {
    rows.iter().map(|row| (row[0].clone(), row[1].clone())).collect()
}

/// Days since 1970-01-01 of a date written `2024-04-08`.
fn days_of(date: &str) -> Result<i64> {
    let mut parts = date.split('-').map(|part| part.parse::<i64>());
    let mut next = || parts.next().with_context(|| format!("{date:?} is no date"))?.context("a date");
    let (year, month, day) = (next()?, next()?, next()?);
    // Howard Hinnant, "chrono-compatible low-level date algorithms".
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Ok(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// ISO week number of the week that begins on this Monday.
pub(super) fn iso_week(monday: i64) -> usize {
    let thursday = monday + 3;
    // The year of that Thursday: from the number of days, corrected by the first of January.
    let mut year = 1970 + thursday.div_euclid(366);
    let first = |year: i64| days_of(&format!("{year}-01-01")).unwrap_or(0);
    while first(year + 1) <= thursday {
        year += 1;
    }
    ((thursday - first(year)) / 7 + 1) as usize
}

impl Challenge {
    /// Reads the folder of the challenge.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let (header, sales) = rows(&folder.join("sales_history_wide.csv"))?;
        let (_, flags) = rows(&folder.join("in_stock_wide.csv"))?;
        let (_, master) = rows(&folder.join("master.csv"))?;
        let (_, state) = rows(&folder.join("initial_state.csv"))?;
        let keys = names(&sales);
        for (what, other) in [("in_stock_wide", &flags), ("master", &master), ("initial_state", &state)] {
            ensure!(names(other) == keys, "{what}.csv has other pairs, or in another order, than the sales");
        }
        let numbers = |row: &Vec<String>| row.iter().skip(2).map(|it| whole(it)).collect::<Result<Vec<u32>>>();
        let sold = sales.iter().map(numbers).collect::<Result<Vec<_>>>()?;
        let on_sale: Vec<Vec<bool>> =
            flags.iter().map(|row| Ok(numbers(row)?.into_iter().map(|it| it == 1).collect())).collect::<Result<_>>()?;
        // Like series: the same product elsewhere, its product group, its department.
        let mut known = [const { Vec::<String>::new() }; 3];
        let mut number = |kind: usize, code: &str| -> u32 {
            let codes = &mut known[kind];
            let at = codes.iter().position(|it| it == code).unwrap_or_else(|| {
                codes.push(code.to_owned());
                codes.len() - 1
            });
            at as u32
        };
        let groups = master.iter().map(|row| [number(0, &row[1]), number(1, &row[2]), number(2, &row[4])]).collect();
        let column = |idx: usize| state.iter().map(|row| whole(&row[idx])).collect::<Result<Vec<u32>>>();
        Ok(Self {
            panel: Panel::new(&sold, &on_sale, groups)?,
            mondays: header.iter().skip(2).map(|date| days_of(date)).collect::<Result<_>>()?,
            start: State { on_hand: column(2)?, next: column(3)?, after_next: column(4)? },
            names: keys,
        })
    }

    /// The weeks of a file of actual demand: the pair, in any order, then one column for each week, `weekN_DATE`,
    /// one after the other from week 1 on. Where a file begins later, the weeks before are those of `earlier`.
    pub(super) fn actuals(&self, path: &Path, earlier: &[Week]) -> Result<Vec<Week>> {
        let (header, rows) = rows(path)?;
        ensure!(header.len() > 2, "{}: no weeks", path.display());
        let by_name: BTreeMap<(&str, &str), &Vec<String>> =
            rows.iter().map(|row| ((row[0].as_str(), row[1].as_str()), row)).collect();
        let number = |title: &str| title.strip_prefix("week")?.split('_').next()?.parse::<usize>().ok();
        let first = number(&header[2]).unwrap_or(1);
        ensure!((1..=earlier.len() + 1).contains(&first), "{}: begins with {:?}", path.display(), header[2]);
        let mut weeks = earlier[..first - 1].to_vec();
        for (column, title) in header.iter().enumerate().skip(2) {
            let expected = weeks.len() + 1;
            ensure!(number(title).is_none_or(|it| it == expected), "{title:?} where week {expected} should be");
            let demand = self
                .names
                .iter()
                .map(|(store, product)| {
                    let row = by_name.get(&(store.as_str(), product.as_str()));
                    whole(&row.with_context(|| format!("{}: no {store}, {product}", path.display()))?[column])
                })
                .collect::<Result<Vec<u32>>>()?;
            weeks.push(Week { counts: vec![true; demand.len()], demand });
        }
        Ok(weeks)
    }

    /// A game inside the history that begins after `known` weeks: what was known, a start like that of the
    /// challenge (1.4 weeks on the shelf, nothing coming in week 1 and a week's worth in week 2), and its weeks.
    pub(super) fn window(&self, known: usize) -> Option<(Panel, State, Vec<Week>)> {
        if known < 13 || known + WEEKS > self.panel.n_weeks() {
            return None;
        }
        let past = self.panel.until(known);
        let level: Vec<f64> = (0..past.n_series()).map(|series| recent_mean(&past, series)).collect();
        let times = |weeks: f64| level.iter().map(|it| (it * weeks).round() as u32).collect::<Vec<u32>>();
        let start = State { on_hand: times(1.4), next: times(0.0), after_next: times(1.0) };
        let weeks = (known..known + WEEKS)
            .map(|week| Week {
                demand: (0..past.n_series()).map(|series| self.panel.sold(series, week)).collect(),
                counts: (0..past.n_series()).map(|series| self.panel.is_on_sale(series, week)).collect(),
            })
            .collect();
        Some((past, start, weeks))
    }
}

/// Mean sales of the weeks on sale among the last 13; 0 where there are none.
pub(super) fn recent_mean(panel: &Panel, series: usize) -> f64 {
    twin::replenish::calibrate::recent_mean(panel, series, panel.n_weeks())
}
