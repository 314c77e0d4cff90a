//! A supply network at a moment: what it has, how it orders, and what will be asked of it.
//!
//! ```text
//! twin + network ─▶ Situation ─ scenario ─▶ Situation ─▶ kernel::Model
//! ```
//!
//! A situation is plain data: a scenario changes its fields. Whether it makes sense is checked once, when a
//! [`crate::kernel::Model`] is made from it. Everything is counted in pieces and days; day 0 begins at
//! [`Situation::start`].

mod by_hand;
pub mod carbon;
pub mod check;
mod demand;
mod flow;
mod index;
mod of;
pub(crate) mod servers;
#[cfg(test)]
pub(crate) mod tests;

pub use check::SituationError;
pub use index::PositionIndex;
pub use of::Assumptions;

use std::sync::Arc;

use firmware_schemas::id::{LaneId, SiteId, SkuId};
use firmware_schemas::network::{Mode, SiteKind, TemperatureClass};
use firmware_schemas::quantity::{Grams, Metres, Position, Timestamp};

use crate::theory::distribution::Pmf;

/// One in the fixed-point numbers of [`Situation::factors`].
pub const FACTOR_ONE: u32 = 1 << 20;

/// A supply network at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Situation {
    /// When day 0 begins.
    pub start: Timestamp,
    /// ISO 4217; all money is in its minor unit.
    pub currency: String,
    /// Places.
    pub sites: Vec<Site>,
    /// Connections.
    pub lanes: Vec<Lane>,
    /// Goods.
    pub skus: Vec<Sku>,
    /// Goods at places; each pair of site and SKU once.
    pub positions: Vec<StockPosition>,
    /// Rows of demand factors, one a day, in [`FACTOR_ONE`]ths; after its end a row begins again.
    pub factors: Vec<Arc<[u32]>>,
    /// What will go wrong, or may.
    pub disruptions: Vec<Disruption>,
}

/// A place.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Its identifier; random numbers follow it, not its place in the list.
    pub site: SiteId,
    /// What it is.
    pub kind: SiteKind,
    /// Echelons from the end customer, who is 0.
    pub tier: u8,
    /// The class of the partner; shortages may be allocated by it.
    pub partner_class: Option<String>,
    /// Where it is.
    pub position: Position,
    /// The most that leaves it in a day.
    pub ships_per_day_max: Option<Capacity>,
}

/// A bound on what is moved in a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// In pieces, whatever their size.
    Pieces(i64),
    /// By mass.
    Grams(i64),
}

/// A connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// Its identifier.
    pub lane: LaneId,
    /// Index of the site where it begins.
    pub from: u32,
    /// Index of the site where it ends.
    pub to: u32,
    /// How goods travel.
    pub mode: Mode,
    /// Points between the ends.
    pub via: Vec<Position>,
    /// Mean time from leaving to being usable, in hours.
    pub lead_time_h: f64,
    /// Its standard deviation, in hours.
    pub lead_time_sd_h: f64,
    /// How far.
    pub distance: Metres,
    /// In minor units, for each day on which anything leaves.
    pub departure_cost_minor: i64,
    /// In minor units, for each tonne.
    pub tonne_cost_minor: i64,
    /// The most in a day.
    pub capacity_per_day: Option<Grams>,
    /// Days between departures; 0 or 1: every day.
    pub departs_every_days: u16,
}

/// Goods.
#[derive(Clone, Debug, PartialEq)]
pub struct Sku {
    /// Its identifier.
    pub sku: SkuId,
    /// What KPIs are split by, for instance `A`, `B`, `C` or `chilled`.
    pub class: String,
    /// Of one piece.
    pub mass: Grams,
    /// Of one piece at cost, in minor units.
    pub value_minor: i64,
    /// What a sale of one piece earns, in minor units: price less cost.
    pub margin_minor: i64,
    /// Days from making to throwing away.
    pub shelf_life_days: Option<u16>,
    /// How warm it may be; what is not dry travels cooled, and spoils where the cold fails.
    pub temperature: TemperatureClass,
}

/// Goods at a place.
#[derive(Clone, Debug, PartialEq)]
pub struct StockPosition {
    /// Index of the site.
    pub site: u32,
    /// Index of the SKU.
    pub sku: u32,
    /// Usable pieces on the shelf.
    pub on_hand: i64,
    /// Pieces that customers wait for.
    pub backorders: i64,
    /// What is under way at the start.
    pub arriving: Vec<Arrival>,
    /// What end customers ask for here.
    pub demand: Demand,
    /// Of every thousand pieces that cannot be served at once, how many wait; the others are lost.
    pub backorder_permille: u16,
    /// When and how much it orders.
    pub policy: Policy,
    /// When it looks.
    pub review: Review,
    /// What an order must be like.
    pub ordering: Ordering,
    /// Where orders may go; none: it is never replenished.
    pub sources: Vec<Source>,
    /// How an order is divided among the sources.
    pub sourcing: Sourcing,
    /// How a shortage is divided among those who order here.
    pub allocation: Allocation,
    /// What a piece costs to keep for a year, in minor units.
    pub holding_minor_per_year: f64,
    /// What a piece that waits costs in a day, in minor units.
    pub backorder_minor_per_day: f64,
    /// What a lost piece costs on top of its margin, in minor units.
    pub lost_minor: f64,
    /// Sites that may help out in a shortage.
    pub lateral: Option<Lateral>,
}

impl StockPosition {
    /// Pieces that end customers ask for in a day, at factor 1; of a history its mean.
    #[must_use]
    pub fn mean_demand(&self) -> f64 {
        match &self.demand {
            Demand::None => 0.0,
            Demand::Random { pieces, .. } => pieces.mean(),
            Demand::History { pieces, .. } => {
                let sum: f64 = pieces.iter().map(|pieces| f64::from(*pieces)).sum();
                if pieces.is_empty() { 0.0 } else { sum / pieces.len() as f64 }
            }
        }
    }
}

/// Pieces under way at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The day at whose start they can be used; 0 is the first day.
    pub day: u16,
    /// How many.
    pub pieces: i64,
}

/// What end customers ask for in a day.
#[derive(Clone, Debug, PartialEq)]
pub enum Demand {
    /// Nothing.
    None,
    /// Independent draws, times the factor of the day; a fraction of a piece is rounded at random, so that the
    /// mean is kept.
    Random {
        /// Pieces a day at factor 1.
        pieces: Arc<Pmf>,
        /// A row of [`Situation::factors`]; `None` is 1 every day.
        factor: Option<u32>,
    },
    /// What was asked for day by day; after its end nothing. Also times the factor of the day.
    History {
        /// Pieces of day 0, 1, …
        pieces: Arc<[u32]>,
        /// A row of [`Situation::factors`]; `None` is 1 every day.
        factor: Option<u32>,
    },
}

/// When and how much a stock position orders. Its inventory position is what is on hand, less what is owed,
/// plus what is on order.
#[derive(Clone, Debug, PartialEq)]
pub enum Policy {
    /// Never.
    Never,
    /// Always up to this.
    BaseStock {
        /// The level S.
        level: i64,
    },
    /// Up to `max` once the position is at or below `min`: (s, S).
    MinMax {
        /// Order at or below it: s.
        min: i64,
        /// Order up to it: S.
        max: i64,
    },
    /// As many lots as lift the position above `reorder_point`, once it is at or below it: (R, Q).
    ReorderLot {
        /// R.
        reorder_point: i64,
        /// Q.
        lot: i64,
    },
    /// The echelon's position (this stock and all that is downstream of it) up to this.
    EchelonBaseStock {
        /// The echelon's level S.
        level: i64,
    },
    /// Up to a forecast of what is seen here, customers and orders together.
    Forecast {
        /// How the forecast is made.
        smoothing: Smoothing,
        /// Days of forecast demand to cover.
        cover_days: f64,
        /// Pieces on top.
        safety: i64,
    },
    /// As [`Policy::MinMax`], by levels that change from day to day: what a planner outside made of what was known.
    Scheduled {
        /// By their first day, ascending, the first from day 0; each holds until the next.
        levels: Arc<[DayLevels]>,
        /// Whether they are levels of the echelon: this stock and all that is downstream of it.
        of_echelon: bool,
    },
}

/// The levels of [`Policy::Scheduled`] from a day on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayLevels {
    /// The first day.
    pub from_day: u32,
    /// Order at or below it.
    pub min: i64,
    /// Order up to it.
    pub max: i64,
    /// No order is smaller; beside [`Ordering::min`], whichever is more.
    pub least: i64,
}

/// How a forecast follows what is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Smoothing {
    /// The mean of the last days.
    MovingAverage {
        /// How many.
        days: u16,
    },
    /// A share of the newest day, the rest of the forecast before.
    Exponential {
        /// The share, in thousandths.
        alpha_permille: u16,
    },
}

/// When a stock position looks whether to order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Review {
    /// Days between two looks; at least 1.
    pub every_days: u16,
    /// The first look.
    pub first_day: u16,
    /// Bit 0 is Monday; a look that falls on another day is made on the next of these.
    pub weekdays: u8,
}

impl Review {
    /// Every day.
    pub const DAILY: Self = Self { every_days: 1, first_day: 0, weekdays: 0x7f };
}

/// What an order must be like.
#[derive(Clone, Debug, PartialEq)]
pub struct Ordering {
    /// No order is smaller: the minimum order quantity.
    pub min: i64,
    /// Every order is a multiple of this; at least 1.
    pub multiple: i64,
    /// How it is made one.
    pub rounding: Rounding,
    /// Of each order, in minor units.
    pub cost_minor: i64,
}

impl Ordering {
    /// Any quantity, without cost.
    pub const FREE: Self = Self { min: 1, multiple: 1, rounding: Rounding::Up, cost_minor: 0 };
}

/// How an order is made a multiple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the next above.
    Up,
    /// To the next below; below one multiple nothing is ordered.
    Down,
    /// To the nearest; a half goes up.
    Nearest,
}

/// Where an order may go.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Who sends the goods.
    pub from: Origin,
    /// How they come, before the first day.
    pub route: Route,
    /// Of a thousand pieces, with [`Sourcing::Share`].
    pub share_permille: u16,
    /// Price of a piece by the size of the order: from how many pieces on, in minor units; ascending, the
    /// first from 0. Empty: nothing is paid, as within one company.
    pub prices: Vec<(i64, f64)>,
    /// Who comes first in a shortage: the smaller number, with [`Allocation::Priority`].
    pub priority: u8,
    /// Whether a part of an order may be sent before the rest.
    pub partial: bool,
}

/// Who sends the goods.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// Somebody who always has them.
    Outside {
        /// The site, if it is one; its closure and capacity count.
        site: Option<u32>,
    },
    /// Another stock position of the same SKU, by index.
    Position(u32),
    /// They are made here of other goods here.
    Recipe {
        /// Index of a stock position at the same site, and pieces of it in each piece made.
        parts: Vec<(u32, u32)>,
        /// Pieces that can be made in a day.
        per_day_max: Option<i64>,
    },
}

/// How goods come.
#[derive(Clone, Debug, PartialEq)]
pub enum Route {
    /// Along lanes: the quickest way that is open when they leave. By air only if nothing else leads there.
    Lanes,
    /// In a time of its own, along no lane.
    Direct {
        /// From leaving to being usable.
        days: LeadTime,
        /// Whether what left later may arrive earlier.
        may_cross: bool,
    },
}

/// Time from leaving to being usable, in whole days. What leaves at the end of day t with a lead time of L can
/// be used at the start of day t + L, so the least is 1.
#[derive(Clone, Debug, PartialEq)]
pub enum LeadTime {
    /// Always the same.
    Constant(u16),
    /// Drawn for each order line that leaves.
    Random(Arc<Pmf>),
}

/// How an order is divided among the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sourcing {
    /// The first source that is open and has goods; what it lacks goes to the next, and what nobody has waits at
    /// the first that is open.
    Priority,
    /// By [`Source::share_permille`] among those that are open.
    Share,
    /// As [`Sourcing::Priority`], from the cheapest to the dearest by price and freight.
    Cheapest,
}

/// How a shortage is divided among those who order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// By what each is owed; fractions by largest remainder, ties to the first.
    Proportional,
    /// By [`Source::priority`], and proportionally within one.
    Priority,
    /// To make what is left open as equal as possible, in pieces.
    FairShare,
}

/// Help between sites of one echelon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lateral {
    /// Positions with the same SKU and pool help each other.
    pub pool: u32,
    /// When.
    pub when: Transshipment,
    /// For each piece, in minor units.
    pub cost_minor: f64,
}

/// When stock is moved within an echelon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transshipment {
    /// When a customer would otherwise wait; the goods are there the same day.
    Reactive,
    /// Every so many days, so that all cover as many days of mean demand; the goods are there after some days.
    Proactive {
        /// Days between.
        every_days: u16,
        /// Days under way; at least 1.
        lead_days: u16,
    },
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Disruption {
    /// For people, and for random numbers: those of one name happen at the same times.
    pub name: String,
    /// What it strikes.
    pub strikes: Struck,
    /// When.
    pub when: When,
}

/// What a disruption strikes.
#[derive(Clone, Debug, PartialEq)]
pub enum Struck {
    /// Nothing enters, leaves or passes a site; customers are not served.
    Site(u32),
    /// Nothing enters a lane, and what is on it stands still.
    Lane(u32),
    /// A lane takes longer, by this factor.
    SlowLane(u32, f64),
    /// A lane takes longer and goes as much farther, by this factor.
    Detour(u32, f64),
    /// A lane takes other goods in a day, as a factor on its capacity.
    LaneCapacity(u32, f64),
    /// A site sends less, as a factor on [`Site::ships_per_day_max`].
    SiteCapacity(u32, f64),
    /// A site's stock of these SKUs is lost on the first day, and it takes none in while it lasts.
    Spoils(u32, Vec<u32>),
}

/// When something happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// From the start of a day up to, not including, another.
    Days {
        /// The first.
        from: u32,
        /// The first after.
        until: u32,
    },
    /// At random, in each replication differently: exponential times between and durations, in days.
    Random {
        /// Mean time from the end of one to the beginning of the next.
        mean_between: f64,
        /// Mean duration.
        mean_lasting: f64,
    },
}
