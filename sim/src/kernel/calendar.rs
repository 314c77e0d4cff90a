//! What happens on which day of which replication: closures, delays, capacities.

use std::ops::Range;

use super::model::{Model, is_random};
use super::random::{Table, Tables, block};
use super::routes::{Closures, Struck1, Way, Ways};
use crate::rng::{BlockKey, Purpose};
use crate::situation::{Capacity, LeadTime, Origin, Struck, When};

/// A pair of sites whose way changes from day to day.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) from: u32,
    pub(super) to: u32,
    /// Not along lanes, but in this time.
    pub(super) direct: Option<LeadTime>,
}

/// What bounds how much is moved in a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CapacityRow {
    Site(u32),
    Lane(u32),
    /// Making at a position.
    Making(u32),
}

/// A disruption as it is asked for.
#[derive(Clone, Debug)]
pub(super) struct Struck0 {
    pub(super) strikes: Struck,
    pub(super) when: When,
    pub(super) subject: u64,
}

/// Nothing leaves on this day.
pub(super) const CLOSED: u32 = u32::MAX;

/// A stock position on a day.
pub(super) mod state {
    pub(in super::super) const OPEN: u8 = 0;
    pub(in super::super) const SHUT: u8 = 1;
    pub(in super::super) const SPOILS: u8 = 2;
}

/// A way in the calendar.
#[derive(Clone, Debug)]
pub(super) struct WayInfo {
    /// Days, if always the same.
    pub(super) fixed: Option<u16>,
    pub(super) table: Table,
    /// Lanes, and metres on each.
    pub(super) legs: Vec<(u32, i64)>,
}

/// The days of some replications.
#[derive(Debug)]
pub(super) struct Calendar {
    pub(super) replications: Range<u32>,
    /// Whether each replication has rows of its own.
    is_random: bool,
    days: u32,
    pub(super) tables: Tables,
    /// By pair: ways, rows of `way << 16 | days lost` or [`CLOSED`], and the longest time under way.
    pub(super) pairs: Vec<PairDays>,
    node_rows: Vec<Vec<u8>>,
    capacities: Vec<Vec<i64>>,
}

#[derive(Debug, Default)]
pub(super) struct PairDays {
    pub(super) ways: Vec<WayInfo>,
    rows: Vec<u32>,
    pub(super) days_max: u32,
}

impl Calendar {
    pub(super) fn new(model: &Model, seed: u64, replications: Range<u32>) -> Self {
        let is_random = model.struck.iter().any(|struck| is_random(&struck.when));
        let rows = if is_random { replications.clone() } else { replications.start..replications.start + 1 };
        let mut calendar = Self {
            replications,
            is_random,
            days: model.days,
            tables: Tables::default(),
            pairs: model.pairs.iter().map(|_| PairDays::default()).collect(),
            node_rows: vec![Vec::new(); model.node_rows.len()],
            capacities: vec![Vec::new(); model.capacities.len()],
        };
        let ways = Ways::new(&model.situation);
        let mut found: Vec<Vec<Way>> = vec![Vec::new(); model.pairs.len()];
        for replication in rows {
            let struck = struck_in(model, seed, replication);
            let closures = Closures::of(&struck);
            for (i, pair) in model.pairs.iter().enumerate() {
                calendar.add_pair(i, pair, &ways, &closures, &mut found[i], &struck);
            }
            for (row, (site, sku)) in calendar.node_rows.iter_mut().zip(&model.node_rows) {
                add_node_row(row, *site, *sku, model.days, &struck);
            }
            for (row, what) in calendar.capacities.iter_mut().zip(&model.capacities) {
                add_capacity_row(row, *what, model, &struck);
            }
        }
        calendar
    }

    fn add_pair(
        &mut self,
        i: usize,
        pair: &Pair,
        ways: &Ways<'_>,
        closures: &Closures,
        found: &mut Vec<Way>,
        struck: &[Struck1],
    ) {
        let days = &mut self.pairs[i];
        if let Some(direct) = &pair.direct {
            if days.ways.is_empty() {
                let (fixed, table, longest) = match direct {
                    LeadTime::Constant(days) => (Some((*days).max(1)), Table::default(), u32::from(*days)),
                    LeadTime::Random(pmf) => (None, self.tables.add(pmf), pmf.max().clamp(1, 730) as u32),
                };
                days.ways.push(WayInfo { fixed, table, legs: Vec::new() });
                days.days_max = longest.max(1);
            }
            let shut = |day: u32| {
                let here = |s: &Struck1| s.strikes == Struck::Site(pair.from) && (s.from..s.until).contains(&day);
                struck.iter().any(here)
            };
            days.rows.extend((0..self.days).map(|day| if shut(day) { CLOSED } else { 0 }));
            return;
        }
        let table = ways.timetable((pair.from, pair.to), self.days, closures, found);
        for way in &found[days.ways.len()..] {
            let (fixed, table) = match way.lead_days() {
                Ok(days) => (Some(days), Table::default()),
                Err(pmf) => {
                    days.days_max = days.days_max.max(pmf.max() as u32);
                    (None, self.tables.add(&pmf))
                }
            };
            days.days_max = days.days_max.max(u32::from(fixed.unwrap_or(1)));
            days.ways.push(WayInfo { fixed, table, legs: way.legs() });
        }
        let delay_max = table.iter().flatten().map(|(_, delay)| u32::from(*delay)).max().unwrap_or(0);
        let lead_max = |way: &WayInfo| u32::from(way.fixed.unwrap_or(0));
        let fixed_max = days.ways.iter().map(lead_max).max().unwrap_or(0);
        let random_max = found.iter().filter_map(|way| way.lead_days().err()).map(|pmf| pmf.max() as u32).max();
        days.days_max = days.days_max.max(fixed_max.max(random_max.unwrap_or(0)) + delay_max);
        days.rows.extend(table.into_iter().map(|day| match day {
            Some((way, delay)) => u32::from(way) << 16 | u32::from(delay),
            None => CLOSED,
        }));
    }

    fn row(&self, replication: u32) -> usize {
        if self.is_random { (replication - self.replications.start) as usize } else { 0 }
    }

    #[inline]
    pub(super) fn pair_day(&self, pair: u32, replication: u32, day: u32) -> u32 {
        self.pairs[pair as usize].rows[self.row(replication) * self.days as usize + day as usize]
    }

    #[inline]
    pub(super) fn node_day(&self, row: u32, replication: u32, day: u32) -> u8 {
        self.node_rows[row as usize][self.row(replication) * self.days as usize + day as usize]
    }

    #[inline]
    pub(super) fn capacity(&self, capacity: u32, replication: u32, day: u32) -> i64 {
        self.capacities[capacity as usize][self.row(replication) * self.days as usize + day as usize]
    }
}

fn struck_in(model: &Model, seed: u64, replication: u32) -> Vec<Struck1> {
    let mut all = Vec::new();
    let key = BlockKey::new(seed, Purpose::Disruption);
    for struck in &model.struck {
        match struck.when {
            When::Days { from, until } => all.push(Struck1 { strikes: struck.strikes.clone(), from, until }),
            When::Random { mean_between, mean_lasting } => {
                let mut at = 0.0;
                for n in 0.. {
                    let words = block(key.words(), n, replication, struck.subject);
                    let exponential =
                        |word: u32, mean: f64| -mean * libm::log((f64::from(word) + 0.5) / 4_294_967_296.0);
                    let from = at + exponential(words[0], mean_between);
                    at = from + exponential(words[1], mean_lasting).max(1.0);
                    if from >= f64::from(model.days) {
                        break;
                    }
                    let until = libm::round(at) as u32;
                    all.push(Struck1 { strikes: struck.strikes.clone(), from: from as u32, until });
                }
            }
        }
    }
    all
}

fn add_node_row(row: &mut Vec<u8>, site: u32, sku: u32, days: u32, struck: &[Struck1]) {
    let begins = row.len();
    row.resize(begins + days as usize, state::OPEN);
    let row = &mut row[begins..];
    let span = |s: &Struck1| s.from.min(days) as usize..s.until.min(days) as usize;
    for s in struck {
        match &s.strikes {
            Struck::Site(at) if *at == site => row[span(s)].fill(state::SHUT),
            Struck::Spoils(at, skus) if *at == site && skus.contains(&sku) => {
                row[span(s)].fill(state::SHUT);
                if let Some(first) = row.get_mut(s.from as usize) {
                    *first = state::SPOILS;
                }
            }
            _ => {}
        }
    }
}

fn add_capacity_row(row: &mut Vec<i64>, what: CapacityRow, model: &Model, struck: &[Struck1]) {
    let s = &model.situation;
    let usual = match what {
        CapacityRow::Site(site) => match s.sites[site as usize].ships_per_day_max {
            Some(Capacity::Pieces(most) | Capacity::Grams(most)) => most,
            None => i64::MAX,
        },
        CapacityRow::Lane(lane) => s.lanes[lane as usize].capacity_per_day.map_or(i64::MAX, |most| most.0 as i64),
        CapacityRow::Making(position) => {
            let made = s.positions[position as usize].sources.iter().find_map(|source| match source.from {
                Origin::Recipe { per_day_max, .. } => per_day_max,
                _ => None,
            });
            made.unwrap_or(i64::MAX)
        }
    };
    let begins = row.len();
    row.resize(begins + model.days as usize, usual);
    for s in struck {
        let factor = match s.strikes {
            Struck::LaneCapacity(lane, factor) if what == CapacityRow::Lane(lane) => factor,
            Struck::SiteCapacity(site, factor) if what == CapacityRow::Site(site) => factor,
            _ => continue,
        };
        let span = s.from.min(model.days) as usize..s.until.min(model.days) as usize;
        for day in &mut row[begins..][span] {
            *day = (*day as f64 * factor) as i64;
        }
    }
}
