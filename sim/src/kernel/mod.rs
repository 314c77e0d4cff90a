//! The simulation kernel: whole supply networks, day by day, in whole pieces.
//!
//! ```text
//! Situation ─▶ Model (groups of like structure, tables, calendars)
//!                └─ replications × members ─▶ tiles of 16 lanes ─▶ Tally (whole numbers) ─▶ KPIs
//! ```
//!
//! A lane is one independent part of the network (goods that share no stock, recipe or capacity with others) in
//! one replication; 16 lanes go through all days together, in vector registers where the processor has them.
//! Random words are functions of seed, replication, site, SKU, day and purpose, and all sums are of integers,
//! so a result is the same bytes for any number of threads, width of a tile or order of sites.

#![expect(clippy::needless_range_loop, reason = "lanes are walked by number, in several arrays at once")]

mod calendar;
mod dispatch;
mod journeys;
mod lanes;
mod model;
mod perish;
mod random;
mod ration;
mod routes;
mod tally;
mod tile;
mod trace;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub use journeys::{Journey, Journeys};
pub use model::{Model, TooLarge};
pub use tally::{BUCKET_DAYS, SERIES, Stat, Tally};
pub use trace::{DayOfPosition, Trace};

use calendar::Calendar;
use tile::Tile;

/// Lanes of a tile.
const WIDTH: usize = 16;

/// How a run is made. None of it changes a result.
#[derive(Clone, Copy, Debug)]
pub struct Effort<'a> {
    /// At least 1.
    pub threads: usize,
    /// One lane at a time, for comparison.
    pub scalar: bool,
    /// Set by another to have the run given up.
    pub stop: Option<&'a AtomicBool>,
}

impl Default for Effort<'_> {
    fn default() -> Self {
        Self { threads: 1, scalar: false, stop: None }
    }
}

impl Model {
    /// Runs `replications` of this seed; `None` if it was told to stop.
    pub fn run(&self, seed: u64, replications: Range<u32>, effort: Effort<'_>) -> Option<Tally> {
        let calendar = Calendar::new(self, seed, replications.clone());
        if effort.scalar {
            self.run_tiles::<1>(seed, &calendar, effort)
        } else {
            self.run_tiles::<WIDTH>(seed, &calendar, effort)
        }
    }

    fn run_tiles<const W: usize>(&self, seed: u64, calendar: &Calendar, effort: Effort<'_>) -> Option<Tally> {
        let per_member = calendar.replications.len();
        let tiles: Vec<(usize, usize)> = (0..self.groups.len())
            .flat_map(|g| (0..self.groups[g].members * per_member).step_by(W).map(move |first| (g, first)))
            .collect();
        let next = AtomicUsize::new(0);
        let is_stopped = || effort.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        let work = || {
            let mut tally = Tally::new(&self.book, calendar.replications.clone());
            while let Some(&(g, first)) = tiles.get(next.fetch_add(1, Ordering::Relaxed)) {
                if is_stopped() {
                    break;
                }
                let group = &self.groups[g];
                let n_lanes = (group.members * per_member - first).min(W);
                let mut tile = Tile::<W>::new(self, group, calendar, seed, first, n_lanes);
                dispatch::run_tile(&mut tile, &mut tally);
            }
            tally
        };
        let threads = effort.threads.clamp(1, tiles.len().max(1));
        let tally = work_with(threads, &work);
        (!is_stopped()).then_some(tally)
    }

    /// Sites and classes that a [`Tally`] sums by: index of the site, and the class.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = (u32, &str)> {
        self.book.cells.iter().map(|(site, class)| (*site, self.book.classes[*class as usize].as_str()))
    }

    /// The classes of goods, in order.
    pub fn classes(&self) -> &[String] {
        &self.book.classes
    }

    /// Echelons that a [`Tally`] has series of.
    pub fn tiers(&self) -> &[u8] {
        &self.book.tiers
    }

    /// Days that are counted.
    pub fn counted_days(&self) -> u32 {
        self.days.saturating_sub(self.warm_up_days)
    }
}

/// Does the work on this thread and `threads - 1` others, and adds up.
fn work_with(threads: usize, work: &(impl Fn() -> Tally + Sync)) -> Tally {
    std::thread::scope(|scope| {
        let spawn = |i: usize| {
            let name = format!("simulate-{i}");
            std::thread::Builder::new().name(name).spawn_scoped(scope, work)
        };
        // A thread that cannot be had leaves its work to the others.
        let others: Vec<_> = (1..threads).filter_map(|i| spawn(i).ok()).collect();
        let mut sum = work();
        for other in others {
            match other.join() {
                Ok(tally) => sum.add(&tally),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        sum
    })
}

#[cfg(test)]
mod tests;
