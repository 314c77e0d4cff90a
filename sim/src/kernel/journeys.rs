//! Where goods go in one replication: what leaves on which day along which lanes, and when it is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use super::calendar::Calendar;
use super::model::Model;
use super::tally::Tally;
use super::tile::Tile;
use super::{WIDTH, dispatch};
use crate::situation::{Origin, Route};

/// About so many journeys are listed at most; where more sites supply each other, fewer days are.
const JOURNEYS_MAX: usize = 500_000;

/// Goods that leave on the same day along the same lanes, and arrive on the same day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Journey {
    /// The day at whose end they leave.
    pub leaves: u32,
    /// Their lanes, by number in [`Journeys::ways`].
    pub way: u32,
    /// The day at whose beginning they can be used.
    pub arrives: u32,
    /// How many, of all SKUs together.
    pub pieces: i64,
}

/// All journeys of one replication that begin before a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journeys {
    /// Lanes of the situation, in the order in which they are passed. Sorted.
    pub ways: Vec<Vec<u32>>,
    /// By day, way and arrival.
    pub journeys: Vec<Journey>,
    /// What leaves from this day on is not listed.
    pub until: u32,
}

/// Journeys while they are being counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    until: u32,
    ways: BTreeMap<Vec<u32>, u32>,
    /// Pieces by the day of leaving, way and day of arrival.
    pieces: BTreeMap<(u32, u32, u32), i64>,
}

impl Noted {
    pub(super) fn add(&mut self, legs: &[(u32, i64)], leaves: u32, arrives: u32, pieces: i32) {
        if leaves >= self.until || legs.is_empty() {
            return;
        }
        let lanes: Vec<u32> = legs.iter().map(|(lane, _)| *lane).collect();
        let next = self.ways.len() as u32;
        let way = *self.ways.entry(lanes).or_insert(next);
        *self.pieces.entry((leaves, way, arrives)).or_default() += i64::from(pieces);
    }

    /// Ways are numbered by their lanes rather than by who came first.
    fn sorted(self) -> Journeys {
        let mut number = vec![0; self.ways.len()];
        let mut ways = Vec::with_capacity(self.ways.len());
        for (sorted, (lanes, noted)) in self.ways.into_iter().enumerate() {
            number[noted as usize] = sorted as u32;
            ways.push(lanes);
        }
        let journey = |((leaves, way, arrives), pieces): ((u32, u32, u32), i64)| Journey {
            leaves,
            way: number[way as usize],
            arrives,
            pieces,
        };
        let mut journeys: Vec<Journey> = self.pieces.into_iter().map(journey).collect();
        journeys.sort_unstable();
        Journeys { ways, journeys, until: self.until }
    }
}

impl Model {
    /// Runs one replication and lists what leaves along lanes within `days`, or within fewer where too many sites
    /// supply each other; `None` if `stop` was set. What does not go along lanes is left out.
    ///
    /// The replication is the one that [`Model::run`] counts under this number.
    pub fn journeys(&self, seed: u64, replication: u32, days: u32, stop: Option<&AtomicBool>) -> Option<Journeys> {
        let calendar = Calendar::new(self, seed, replication..replication + 1);
        let mut tally = Tally::new(&self.book, replication..replication + 1);
        let days_max = JOURNEYS_MAX / self.n_pairs().max(1);
        let until = days.min(self.days).min(u32::try_from(days_max).unwrap_or(u32::MAX).max(1));
        tally.noted = Some(Box::new(Noted { until, ways: BTreeMap::new(), pieces: BTreeMap::new() }));
        for group in &self.groups {
            for first in (0..group.members).step_by(WIDTH) {
                if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                    return None;
                }
                let n_lanes = (group.members - first).min(WIDTH);
                let mut tile = Tile::<WIDTH>::new(self, group, &calendar, seed, first, n_lanes);
                dispatch::run_tile(&mut tile, &mut tally);
            }
        }
        tally.noted.map(|noted| noted.sorted())
    }

    /// Pairs of sites of which one supplies the other along lanes.
    fn n_pairs(&self) -> usize {
        let s = &self.situation;
        let mut pairs = BTreeSet::new();
        for position in &s.positions {
            for source in position.sources.iter().filter(|source| matches!(source.route, Route::Lanes)) {
                let from = match source.from {
                    Origin::Outside { site } => site,
                    Origin::Position(from) => Some(s.positions[from as usize].site),
                    Origin::Recipe { .. } => None,
                };
                pairs.extend(from.map(|from| (from, position.site)));
            }
        }
        pairs.len()
    }
}
