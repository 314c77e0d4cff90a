//! What was asked for, by position and week: the history that forecasts learn from.
//!
//! An order counts when it is taken, at the site that serves it, in the week in which it is wanted; what leaves for a
//! customer without an order that we took counts when it leaves. What goes to other sites of the network is no demand:
//! what they will want of their sources follows from what will be asked of them.

use crate::demand::{History, Observation};
use crate::order::Day;
use crate::state::{SECS_PER_DAY, StockIdx, Twin};
use firmware_schemas::quantity::{Pieces, Timestamp};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A week since the one of 1970-01-01; weeks begin on Monday, 00:00 UTC.
pub type Week = i32;

/// Weeks of a position that are kept: three years.
pub const WEEKS_MAX: usize = 157;

/// The week that a day lies in. Day 0, 1970-01-01, was a Thursday.
pub fn week_of(day: Day) -> Week {
    day.saturating_add(3).div_euclid(7)
}

/// The Monday of a week.
pub fn monday(week: Week) -> Day {
    week.saturating_mul(7).saturating_sub(3)
}

/// The day of an instant, UTC.
pub fn day_of(at: Timestamp) -> Day {
    i32::try_from(at.as_secs().div_euclid(SECS_PER_DAY)).unwrap_or(i32::MAX)
}

/// When a day begins.
pub fn start_of(day: Day) -> Timestamp {
    Timestamp::from_secs(i64::from(day) * SECS_PER_DAY).unwrap_or(Timestamp::MAX)
}

/// One week of a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeekOfDemand {
    /// Pieces asked for.
    pub asked: u32,
    /// Pieces that came back.
    pub returned: u32,
    /// Days on which there was no stock for at least a part.
    pub days_out: u8,
}

/// The weeks of a position, from the first in which anything was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemandBook {
    first: Week,
    weeks: Arc<Vec<WeekOfDemand>>,
    /// The day from which on there has been no stock, and those of it that are in the weeks already end before this.
    out_since: Option<Day>,
}

impl DemandBook {
    /// The first week, and all from there on.
    pub fn weeks(&self) -> (Week, &[WeekOfDemand]) {
        (self.first, &self.weeks)
    }

    /// The entry of a week; `None` when it is too old to be kept.
    fn at(&mut self, week: Week) -> Option<&mut WeekOfDemand> {
        let weeks = Arc::make_mut(&mut self.weeks);
        if weeks.is_empty() {
            self.first = week;
        }
        let last = self.first.saturating_add(weeks.len() as i32 - 1);
        if week < self.first {
            let more = usize::try_from(i64::from(self.first) - i64::from(week)).ok()?;
            if weeks.len() + more > WEEKS_MAX {
                return None;
            }
            weeks.splice(0..0, std::iter::repeat_n(WeekOfDemand::default(), more));
            self.first = week;
        } else if weeks.is_empty() || week > last {
            let until = i64::from(week) - i64::from(self.first) + 1;
            let drop = usize::try_from(until - WEEKS_MAX as i64).unwrap_or(0);
            if drop >= weeks.len() && drop > 0 {
                weeks.clear();
                self.first = week;
            } else if drop > 0 {
                weeks.drain(..drop);
                self.first = self.first.saturating_add(drop as i32);
            }
            let n = usize::try_from(i64::from(week) - i64::from(self.first) + 1).ok()?;
            weeks.resize(n, WeekOfDemand::default());
        }
        weeks.get_mut(usize::try_from(i64::from(week) - i64::from(self.first)).ok()?)
    }

    fn asked(&mut self, day: Day, pieces: i64) {
        if let Some(week) = self.at(week_of(day)) {
            week.asked = u32::try_from((i64::from(week.asked) + pieces).max(0)).unwrap_or(u32::MAX);
        }
    }

    /// Marks the days from `from` until before `until` as days without stock.
    fn out(&mut self, from: Day, until: Day) {
        let from = from.max(until.saturating_sub(7 * WEEKS_MAX as i32));
        for day in from..until {
            if let Some(week) = self.at(week_of(day)) {
                week.days_out = (week.days_out + 1).min(7);
            }
        }
    }

    /// What it knows of the weeks from `first` until before `end`, as forecasts want it; the days since it ran out count as well.
    /// Weeks before the first are not known.
    pub fn observations(&self, first: Week, end: Week, today: Day) -> Vec<Observation> {
        let open = self.out_since.map(|since| (since, today.saturating_add(1)));
        let of = |week: Week| {
            let known = usize::try_from(i64::from(week) - i64::from(self.first)).ok();
            if known.is_none() || self.weeks.is_empty() {
                return Observation { demand: f64::NAN, ..Observation::default() };
            }
            let it = known.and_then(|at| self.weeks.get(at)).copied().unwrap_or_default();
            let (from, until) = (monday(week), monday(week.saturating_add(1)));
            let is_out_now = open.is_some_and(|(since, end)| since < until && end > from);
            Observation {
                demand: f64::from(it.asked),
                stocked_out: it.days_out > 0 || is_out_now,
                promoted: false,
                returned: f64::from(it.returned),
            }
        };
        (first..end).map(of).collect()
    }
}

/// The books of all positions.
pub type DemandBooks = OrdMap<StockIdx, DemandBook>;

impl Twin {
    /// Pieces asked for of a position at an instant, more or less.
    pub(crate) fn count_demand(&mut self, position: StockIdx, at: Timestamp, pieces: i64) {
        if pieces == 0 || (pieces < 0 && !self.demand.contains_key(&position)) {
            return;
        }
        self.demand.entry(position).or_default().asked(day_of(at), pieces);
    }

    pub(crate) fn count_return(&mut self, position: StockIdx, at: Timestamp, pieces: i64) {
        if let Some(week) = self.demand.entry(position).or_default().at(week_of(day_of(at))) {
            week.returned = week.returned.saturating_add(u32::try_from(pieces).unwrap_or(u32::MAX));
        }
    }

    /// A position has run out, or has stock again. Positions that were never asked for need no mark.
    pub(crate) fn mark_stock(&mut self, position: StockIdx, at: Timestamp) {
        let is_out = self.stock[position.at()].on_hand <= 0;
        let today = day_of(at);
        let Some(book) = self.demand.get(&position) else { return };
        match (book.out_since, is_out) {
            (None, true) => {
                if let Some(book) = self.demand.get_mut(&position) {
                    book.out_since = Some(today);
                }
            }
            (Some(since), false) => {
                if let Some(book) = self.demand.get_mut(&position) {
                    book.out_since = None;
                    book.out(since, today.max(since.saturating_add(1)));
                }
            }
            _ => {}
        }
    }

    pub(crate) fn give_demand(&mut self, position: StockIdx, from: Timestamp, weeks: &[(u32, u8)]) {
        let first = week_of(day_of(from));
        let book = self.demand.entry(position).or_default();
        // The newest first, so that what is too old falls away.
        for (n, (asked, days_out)) in weeks.iter().enumerate().rev() {
            if let Some(week) = book.at(first.saturating_add(n as i32)) {
                (week.asked, week.days_out) = (*asked, (*days_out).min(7));
            }
        }
    }

    /// The history of a position until before the week of `today`; `None` when nothing was ever asked of it.
    pub fn history_of(&self, position: StockIdx, first: Week, today: Day) -> Option<History> {
        let book = self.demand.get(&position)?;
        let stock = &self.stock[position.at()];
        let (site, sku) = (&self.sites[stock.site.at()].spec.site, &self.skus[stock.sku.at()].sku);
        let this_week = week_of(today);
        let mut periods = book.observations(first.max(book.first), this_week, today);
        for (n, period) in periods.iter_mut().enumerate() {
            let week = first.max(book.first).saturating_add(n as i32);
            period.promoted = self.supply.is_promoted(site, sku, week);
        }
        let ahead = (this_week..this_week.saturating_add(53)).map(|week| self.supply.is_promoted(site, sku, week));
        let promotions_ahead: Vec<bool> = ahead.collect();
        Some(History { site: site.clone(), sku: sku.clone(), periods, promotions_ahead })
    }

    /// Pieces of a position that were asked for in a week; `None` where that is not known.
    pub fn asked_in(&self, position: StockIdx, week: Week) -> Option<Pieces> {
        let (first, weeks) = self.demand.get(&position)?.weeks();
        let at = usize::try_from(i64::from(week) - i64::from(first)).ok()?;
        weeks.get(at).map(|week| Pieces(i64::from(week.asked)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn weeks_begin_on_mondays() {
        // 2026-11-23 was a Monday: day 20780.
        assert_eq!(monday(week_of(20_780)), 20_780);
        assert_eq!(week_of(20_779), week_of(20_780) - 1);
        assert_eq!(week_of(0), week_of(3));
        assert_eq!(week_of(0) + 1, week_of(4));
    }

    #[test]
    fn days_without_stock_make_weeks_that_do_not_tell_the_demand() {
        let mut book = DemandBook::default();
        book.asked(monday(100), 5);
        book.out(monday(101) + 5, monday(102) + 1);
        book.asked(monday(103), 2);
        let seen = book.observations(99, 104, monday(104));
        assert!(seen[0].demand.is_nan());
        let out: Vec<bool> = seen[1..].iter().map(|it| it.stocked_out).collect();
        assert_eq!(out, [false, true, true, false]);
        assert_eq!([seen[1].demand, seen[2].demand, seen[4].demand], [5.0, 0.0, 2.0]);
    }

    proptest! {
        #[test]
        fn a_book_keeps_the_newest_weeks_whatever_the_order(
            entries in prop::collection::vec((0_i32..400, 1_i64..50), 1..200),
        ) {
            let (mut book, mut model) = (DemandBook::default(), BTreeMap::<Week, i64>::new());
            for (week, pieces) in &entries {
                let newest = model.keys().next_back().copied().unwrap_or(*week);
                book.asked(monday(*week), *pieces);
                if *week > newest - WEEKS_MAX as i32 {
                    *model.entry(*week).or_default() += pieces;
                }
                let newest = newest.max(*week);
                model.retain(|week, _| *week > newest - WEEKS_MAX as i32);
            }
            let (first, weeks) = book.weeks();
            prop_assert!(weeks.len() <= WEEKS_MAX);
            for (n, week) in weeks.iter().enumerate() {
                let known = model.get(&(first + n as i32)).copied().unwrap_or(0);
                prop_assert_eq!(i64::from(week.asked), known);
            }
            let kept = model.iter().filter(|(week, _)| **week >= first).map(|(_, n)| n).sum::<i64>();
            prop_assert_eq!(weeks.iter().map(|it| i64::from(it.asked)).sum::<i64>(), kept);
        }
    }
}
