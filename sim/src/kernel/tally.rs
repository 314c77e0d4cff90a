//! What a run counts, in whole numbers: sums that do not depend on who added first.

use std::collections::BTreeMap;
use std::ops::Range;

use super::journeys::Noted;
use crate::situation::Situation;

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// What is summed by site and class, over the counted days of one replication.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Stat {
            $($(#[$doc])* $name,)+
        }

        impl Stat {
            /// All, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

stats! {
    /// Pieces that end customers asked for.
    Demand,
    /// Of these, served on the day.
    ServedAtOnce,
    /// Of these, lost.
    Lost,
    /// Pieces that waited, summed over the ends of days.
    BackorderDays,
    /// Pieces on hand, summed over the ends of days.
    OnHandDays,
    /// Days on which somebody was not served at once.
    ShortDays,
    /// Days on which anybody asked.
    DemandDays,
    /// Replenishment cycles that ended: receipts.
    Cycles,
    /// Of these, with somebody not served at once.
    CyclesShort,
    /// Orders placed.
    Orders,
    /// Pieces ordered.
    Ordered,
    /// Pieces received.
    Received,
    /// Pieces thrown away or spoilt.
    Wasted,
    /// Pieces sent to help another site of the echelon.
    Transshipped,
    /// Pieces on order, summed over the ends of days.
    OnOrderDays,
    /// Pieces asked for by customers and by the sites that order here.
    Seen,
    /// Squared deviations of a day's order from its mean, by position.
    OrderedSpread,
    /// Squared deviations of a day's [`Stat::Seen`] from its mean, by position.
    SeenSpread,
    /// Keeping stock, in millionths of a minor unit, as all money here.
    HoldingCost,
    /// Customers' waiting.
    BackorderCost,
    /// Lost sales on top of the margin.
    LostCost,
    /// Margin of lost sales.
    LostMargin,
    /// Placing orders.
    OrderCost,
    /// Buying from outside.
    PurchaseCost,
    /// Moving stock within an echelon.
    TransshipmentCost,
    /// Goods thrown away, at cost.
    WasteCost,
    /// Value at cost of what is on hand, summed over the ends of days.
    ValueDays,
    /// Value at cost of what customers got.
    ServedValue,
}

/// Those of [`Stat`] that the engine counts by day.
pub(super) const N_COUNTED: usize = 16;
/// Their number.
pub(super) const N_STATS: usize = Stat::ALL.len();
/// Days of one point of a series.
pub const BUCKET_DAYS: u32 = 7;

/// What a series shows, summed over the days of a [`BUCKET_DAYS`].
pub const SERIES: [Stat; 5] = [Stat::Demand, Stat::ServedAtOnce, Stat::Lost, Stat::BackorderDays, Stat::OnHandDays];

/// Where each position's counts go, and what they cost.
#[derive(Clone, Debug)]
pub(super) struct Book {
    pub(super) classes: Vec<String>,
    pub(super) cells: Vec<(u32, u32)>,
    pub(super) cell_of: Vec<u32>,
    pub(super) tiers: Vec<u8>,
    pub(super) tier_of: Vec<u32>,
    pub(super) rates: Vec<Rates>,
    pub(super) n_lanes: usize,
    pub(super) days: u32,
    pub(super) warm_up_days: u32,
    pub(super) n_buckets: usize,
}

/// In millionths of a minor unit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    pub(super) holding: i64,
    pub(super) backorder: i64,
    pub(super) lost: i64,
    pub(super) margin: i64,
    pub(super) order: i64,
    pub(super) transshipment: i64,
    pub(super) value: i64,
}

fn micro(minor: f64) -> i64 {
    (minor * 1e6).round() as i64
}

impl Book {
    pub(super) fn of(s: &Situation, days: u32, warm_up_days: u32) -> Self {
        let mut classes: Vec<String> = s.skus.iter().map(|sku| sku.class.clone()).collect();
        classes.sort();
        classes.dedup();
        let class_of: Vec<u32> =
            s.skus.iter().map(|sku| classes.partition_point(|class| *class < sku.class) as u32).collect();
        let mut tiers: Vec<u8> = s.positions.iter().map(|p| s.sites[p.site as usize].tier).collect();
        tiers.sort_unstable();
        tiers.dedup();
        let key = |p: &crate::situation::StockPosition| (p.site, class_of[p.sku as usize]);
        let numbers: BTreeMap<(u32, u32), u32> = {
            let mut keys: Vec<(u32, u32)> = s.positions.iter().map(key).collect();
            keys.sort_unstable();
            keys.dedup();
            keys.into_iter().zip(0..).collect()
        };
        let rates = s.positions.iter().map(|p| Rates {
            holding: micro(p.holding_minor_per_year / 365.0),
            backorder: micro(p.backorder_minor_per_day),
            lost: micro(p.lost_minor),
            margin: s.skus[p.sku as usize].margin_minor * 1_000_000,
            order: p.ordering.cost_minor * 1_000_000,
            transshipment: micro(p.lateral.map_or(0.0, |lateral| lateral.cost_minor)),
            value: s.skus[p.sku as usize].value_minor * 1_000_000,
        });
        let tier_of = |p: &crate::situation::StockPosition| {
            tiers.partition_point(|tier| *tier < s.sites[p.site as usize].tier) as u32
        };
        let counted = days.saturating_sub(warm_up_days);
        Self {
            rates: rates.collect(),
            cell_of: s.positions.iter().map(|p| numbers[&key(p)]).collect(),
            cells: numbers.into_keys().collect(),
            tier_of: s.positions.iter().map(tier_of).collect(),
            classes,
            n_lanes: s.lanes.len(),
            days,
            warm_up_days,
            n_buckets: counted.div_ceil(BUCKET_DAYS) as usize,
            tiers,
        }
    }
}

/// Counts of some replications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    replications: Range<u32>,
    n_cells: usize,
    n_buckets: usize,
    n_lanes: usize,
    words_of_days: usize,
    warm_up_days: u32,
    /// By cell, statistic and replication: lanes of a tile lie side by side here too.
    cells: Vec<i64>,
    /// By echelon, week, statistic and replication.
    series: Vec<i64>,
    /// By replication and lane: grams, gram-kilometres of dry goods, gram-kilometres of cooled goods.
    carried: Vec<[i64; 3]>,
    departures: Vec<u64>,
    /// Where goods went, if somebody wants to know.
    pub(super) noted: Option<Box<Noted>>,
}

impl Tally {
    pub(super) fn new(book: &Book, replications: Range<u32>) -> Self {
        let n = replications.len();
        let words_of_days = (book.days as usize).div_ceil(64);
        Self {
            n_cells: book.cells.len(),
            n_buckets: book.n_buckets,
            n_lanes: book.n_lanes,
            words_of_days,
            warm_up_days: book.warm_up_days,
            cells: vec![0; n * book.cells.len() * N_STATS],
            series: vec![0; n * book.tiers.len() * book.n_buckets * SERIES.len()],
            carried: vec![[0; 3]; n * book.n_lanes],
            departures: vec![0; n * book.n_lanes * words_of_days],
            noted: None,
            replications,
        }
    }

    fn at(&self, replication: u32) -> usize {
        (replication - self.replications.start) as usize
    }

    /// The sums of a statistic from a replication on.
    #[inline]
    pub(super) fn cell_mut(&mut self, cell: u32, stat: usize, replication: u32) -> &mut [i64] {
        let at = (cell as usize * N_STATS + stat) * self.replications.len();
        let lanes = at + self.at(replication)..at + self.replications.len();
        &mut self.cells[lanes]
    }

    /// A point of a series from a replication on.
    #[inline]
    pub(super) fn series_mut(&mut self, tier: u32, bucket: usize, series: usize, replication: u32) -> &mut [i64] {
        let at = self.at_point(tier as usize, bucket, series);
        let lanes = at + self.at(replication)..at + self.replications.len();
        &mut self.series[lanes]
    }

    #[inline]
    fn at_point(&self, tier: usize, bucket: usize, series: usize) -> usize {
        ((tier * self.n_buckets + bucket) * SERIES.len() + series) * self.replications.len()
    }

    /// Books goods that leave on lanes, with the metres on each; in the warm-up nothing is counted.
    #[inline]
    pub(super) fn carry(&mut self, replication: u32, legs: &[(u32, i64)], day: u32, grams: i64, is_cooled: bool) {
        if day < self.warm_up_days {
            return;
        }
        for (lane, metres) in legs {
            let at = self.at(replication) * self.n_lanes + *lane as usize;
            let carried = &mut self.carried[at];
            carried[0] += grams;
            carried[1 + usize::from(is_cooled)] += (grams as f64 * *metres as f64 / 1e3) as i64;
            self.departures[at * self.words_of_days + day as usize / 64] |= 1 << (day % 64);
        }
    }

    /// Lists a journey, where they are listed.
    #[inline]
    pub(super) fn note(&mut self, legs: &[(u32, i64)], leaves: u32, arrives: u32, pieces: i32) {
        if let Some(noted) = &mut self.noted {
            noted.add(legs, leaves, arrives, pieces);
        }
    }

    /// Adds what another thread counted of the same replications.
    pub(super) fn add(&mut self, other: &Self) {
        let sum = |to: &mut [i64], from: &[i64]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        sum(&mut self.cells, &other.cells);
        sum(&mut self.series, &other.series);
        for (to, from) in self.carried.iter_mut().zip(&other.carried) {
            sum(to, from);
        }
        self.departures.iter_mut().zip(&other.departures).for_each(|(to, from)| *to |= from);
    }

    /// Adds later replications.
    pub(crate) fn append(&mut self, other: Self) {
        self.cells = side_by_side(&self.cells, self.replications.len(), &other.cells, other.replications.len());
        self.series = side_by_side(&self.series, self.replications.len(), &other.series, other.replications.len());
        self.replications.end = other.replications.end;
        self.carried.extend(other.carried);
        self.departures.extend(other.departures);
    }

    /// Which replications are counted here.
    pub fn replications(&self) -> Range<u32> {
        self.replications.clone()
    }

    /// A sum of one replication, in one of [`super::Model::cells`].
    pub fn sum(&self, replication: u32, cell: usize, stat: Stat) -> i64 {
        self.cells[(cell * N_STATS + stat as usize) * self.replications.len() + self.at(replication)]
    }

    /// A sum of one replication over all sites and classes.
    pub fn total(&self, replication: u32, stat: Stat) -> i64 {
        (0..self.n_cells).map(|cell| self.sum(replication, cell, stat)).sum()
    }

    /// A point of a series: of one replication, one of [`super::Model::tiers`], and one week.
    pub fn point(&self, replication: u32, tier: usize, bucket: usize, series: usize) -> i64 {
        self.series[self.at_point(tier, bucket, series) + self.at(replication)]
    }

    /// Points of a series.
    pub fn n_buckets(&self) -> usize {
        self.n_buckets
    }

    /// Grams that a lane carried in one replication.
    pub fn grams(&self, replication: u32, lane: usize) -> i64 {
        self.carried[self.at(replication) * self.n_lanes + lane][0]
    }

    /// Tonne-kilometres on a lane in one replication: of dry goods, and of cooled ones.
    pub fn tonne_km(&self, replication: u32, lane: usize) -> [f64; 2] {
        let [_, dry, cooled] = self.carried[self.at(replication) * self.n_lanes + lane];
        [dry as f64 / 1e6, cooled as f64 / 1e6]
    }

    /// Days of one replication on which anything left on a lane.
    pub fn departures(&self, replication: u32, lane: usize) -> u32 {
        let at = (self.at(replication) * self.n_lanes + lane) * self.words_of_days;
        self.departures[at..at + self.words_of_days].iter().map(|word| word.count_ones()).sum()
    }
}

/// Rows of `n` and of `m` numbers as rows of `n + m`.
fn side_by_side(a: &[i64], n: usize, b: &[i64], m: usize) -> Vec<i64> {
    let mut rows = Vec::with_capacity(a.len() + b.len());
    for (a, b) in a.chunks_exact(n.max(1)).zip(b.chunks_exact(m.max(1))) {
        rows.extend_from_slice(a);
        rows.extend_from_slice(b);
    }
    rows
}
