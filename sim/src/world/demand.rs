//! What customers ask for: Poisson orders with a seasonal rate, drawn a day at a time.
//!
//! The orders of a customer for a SKU on a day are a function of the seed and of these three alone.

use super::calendar::{civil, day_start, hours, local_day, secs, weekday};
use super::queue::{Event, Rank};
use super::{Message, World};
use crate::rng::{Purpose, Stream};
use firmware_schemas::id::{SiteId, SkuId};
use firmware_schemas::quantity::Timestamp;
use std::collections::BTreeMap;

/// What one site asks of one SKU.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    pub(crate) site: u32,
    pub(crate) subject: u64,
    /// Orders a day, over a whole year.
    pub(crate) orders_per_day: f64,
    /// Mean and squared coefficient of variation of the pieces in one.
    pub(crate) size: f64,
    pub(crate) size_cv2: f64,
    pub(crate) season: Option<u32>,
    /// The row that serves it; `None`: nobody can.
    pub(crate) row: Option<u32>,
}

/// How demand goes up and down; each factor is about 1.
#[derive(Clone, Debug)]
pub(crate) struct Season {
    pub(crate) weekday: Vec<f64>,
    pub(crate) month: Vec<f64>,
    /// The share of a day's orders up to the end of each hour.
    pub(crate) hours_up_to: Vec<f64>,
}

/// One order of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Drawn {
    at: i64,
    demand: u32,
    order: u64,
    pieces: i64,
}

/// Sites with the same local time.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    pub(crate) offset_secs: i64,
    pub(crate) demand: Vec<u32>,
    /// Today's orders from the last to the next.
    pub(crate) today: Vec<Drawn>,
}

impl Season {
    /// A time of day, as a share, for a number between 0 and 1.
    fn time_of_day(&self, u: f64) -> f64 {
        let hour = self.hours_up_to.partition_point(|up_to| *up_to < u).min(23);
        let from = hour.checked_sub(1).map_or(0.0, |before| self.hours_up_to[before]);
        let width = self.hours_up_to[hour] - from;
        let within = if width > 0.0 { (u - from) / width } else { 0.5 };
        (hour as f64 + within.clamp(0.0, 0.999_999)) / 24.0
    }
}

/// What was asked of one SKU at one site before the world began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Where.
    pub site: SiteId,
    /// What.
    pub sku: SkuId,
    /// Pieces by week, the week before the beginning last. Weeks begin on Monday.
    pub pieces: Vec<u32>,
}

impl World {
    /// The Monday with which [`World::asked_before`] begins, and what customers asked for in so many weeks until the
    /// Monday before now: the same draws as if the world had run then.
    pub fn asked_before(&self, weeks: u32) -> (Timestamp, Vec<Asked>) {
        let today = local_day(self.now, 0);
        let last = today - (today + 3).rem_euclid(7);
        let first = last - 7 * i64::from(weeks);
        let mut by_row: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for asked in &self.demand {
            let Some(row) = asked.row else { continue };
            let season = asked.season.map(|season| &self.seasons[season as usize]);
            let mut pieces = vec![0_u32; weeks as usize];
            for day in first..last {
                let (_, month, _) = civil(day);
                let factor = season.map_or(1.0, |s| s.weekday[weekday(day)] * s.month[month as usize - 1]);
                let mut draw = Stream::new(self.config.seed, asked.subject, Purpose::Demand, day as u32);
                for _ in 0..draw.poisson(asked.orders_per_day * factor) {
                    let (_time, _order) = (draw.uniform(), draw.bits());
                    let size = draw.order_size(asked.size, asked.size_cv2);
                    let week = &mut pieces[((day - first) / 7) as usize];
                    *week = week.saturating_add(u32::try_from(size).unwrap_or(0));
                }
            }
            let sums = by_row.entry(row).or_insert_with(|| vec![0; weeks as usize]);
            sums.iter_mut().zip(&pieces).for_each(|(sum, more)| *sum = sum.saturating_add(*more));
        }
        let named = by_row.into_iter().map(|(row, pieces)| {
            let place = &self.rows[row as usize];
            let (site, sku) = (&self.sites[place.site as usize].id, &self.skus[place.sku as usize].id);
            Asked { site: site.clone(), sku: sku.clone(), pieces }
        });
        (Timestamp::from_nanos(day_start(first, 0)), named.collect())
    }

    /// Draws the orders of a day.
    pub(super) fn midnight(&mut self, zone: u32) {
        let offset = self.zones[zone as usize].offset_secs;
        let day = local_day(self.now, offset);
        let start = day_start(day, offset);
        let (_, month, _) = civil(day);
        let mut today = std::mem::take(&mut self.zones[zone as usize].today);
        for &demand in &self.zones[zone as usize].demand {
            let asked = &self.demand[demand as usize];
            let season = asked.season.map(|season| &self.seasons[season as usize]);
            let factor = season.map_or(1.0, |s| s.weekday[weekday(day)] * s.month[month as usize - 1]);
            let mut draw = Stream::new(self.config.seed, asked.subject, Purpose::Demand, day as u32);
            for _ in 0..draw.poisson(asked.orders_per_day * factor) {
                let u = draw.uniform();
                let share = season.map_or(u, |season| season.time_of_day(u));
                let at = start + secs(share * 86_400.0);
                let (order, pieces) = (draw.bits(), draw.order_size(asked.size, asked.size_cv2));
                if at >= self.now {
                    today.push(Drawn { at, demand, order, pieces });
                }
            }
        }
        today.sort_unstable_by(|a, b| b.cmp(a));
        if let Some(first) = today.last() {
            self.queue.plan(first.at, Rank::Demand, zone, Event::Demand(zone));
        }
        self.zones[zone as usize].today = today;
        self.queue.plan(start + hours(24), Rank::Midnight, zone, Event::Midnight(zone));
    }

    /// The next customer orders.
    pub(super) fn next_demand(&mut self, zone: u32, out: &mut Vec<Message>) {
        let today = &mut self.zones[zone as usize].today;
        let Some(Drawn { demand, order, pieces, .. }) = today.pop() else { return };
        if let Some(next) = today.last() {
            self.queue.plan(next.at, Rank::Demand, zone, Event::Demand(zone));
        }
        self.totals.customer_orders += 1;
        let asked = &self.demand[demand as usize];
        let customer = asked.site;
        match asked.row {
            Some(row) => self.ask(row, customer, order, pieces, out),
            None => {
                self.totals.demanded += pieces;
                self.totals.lost += pieces;
            }
        }
    }
}
