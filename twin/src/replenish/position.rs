//! What a planning run is given.

use super::calendar::ReviewCalendar;
use super::demand::DemandDistribution;
use super::lot::{LotRules, PriceBreak};
use super::projection::{Receipt, Unmet};
use std::sync::Arc;

/// What may be done with a proposal without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// It is ordered.
    Automatic,
    /// Somebody must approve it.
    Proposed,
    /// Nothing is planned.
    Off,
}

/// Modes by site and class; where several rules fit, the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// Site, class and mode; `None` fits all.
    pub rules: Vec<(Option<u32>, Option<u8>, Mode)>,
}

impl Modes {
    /// The mode of a position; proposed for approval where no rule fits.
    #[must_use]
    pub fn of(&self, site: u32, class: u8) -> Mode {
        let fits = |(s, c, _): &&(Option<u32>, Option<u8>, Mode)| {
            s.is_none_or(|it| it == site) && c.is_none_or(|it| it == class)
        };
        self.rules.iter().rev().find(fits).map_or(Mode::Proposed, |(_, _, mode)| *mode)
    }
}

/// How sure to be of having enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Cost of holding a piece for a day, minor units.
    pub holding_minor_per_day: f64,
    /// Cost of a piece asked for and not there, minor units.
    pub shortage_minor: f64,
    /// The chance of having enough until the next order comes, where it is set by hand or by backtest; else it
    /// follows from the costs.
    pub level: Option<f64>,
}

impl Target {
    /// The chance of having enough until the next order comes: what was set, else shortage / (shortage + holding
    /// over the cover), the newsvendor's.
    #[must_use]
    pub fn level(&self, cover_days: u32) -> f64 {
        let held = self.holding_minor_per_day * f64::from(cover_days.max(1));
        let of_costs = if self.shortage_minor > 0.0 { self.shortage_minor / (self.shortage_minor + held) } else { 0.0 };
        self.level.unwrap_or(of_costs).clamp(0.0, 0.9999)
    }
}

/// Where pieces can come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A site that serves this one; what it has is divided where it is short.
    Warehouse(u32),
    /// A site like this one, which gives what it does not need itself.
    Neighbour(u32),
    /// A supplier.
    Supplier(u32),
}

/// Days until goods come.
#[derive(Clone, Debug, PartialEq)]
pub enum Lead {
    /// Always so many.
    Days(u32),
    /// One of several, with their chances.
    Mixed(Arc<[(u32, f64)]>),
}

impl Lead {
    /// The longest.
    #[must_use]
    pub fn longest(&self) -> u32 {
        match self {
            Self::Days(days) => *days,
            Self::Mixed(leads) => leads.iter().map(|(days, _)| *days).max().unwrap_or(0),
        }
    }
}

/// One way to get pieces.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// From where.
    pub origin: Origin,
    /// Until when.
    pub lead: Lead,
    /// Lower numbers are asked first.
    pub priority: u32,
    /// What can be ordered.
    pub lot: LotRules,
    /// Prices by quantity, ascending; of a transfer, the cost of moving a piece. May be empty.
    pub prices: Arc<[PriceBreak]>,
    /// Cost of an order of this item, minor units. With prices it makes lots as large as is economic.
    pub order_cost_minor: u64,
    /// The most that it gives in this run, pieces.
    pub capacity: Option<u64>,
}

impl Source {
    /// A source without costs or limits.
    #[must_use]
    pub fn new(origin: Origin, lead_days: u32) -> Self {
        Self {
            origin,
            lead: Lead::Days(lead_days),
            priority: 0,
            lot: LotRules::default(),
            prices: Arc::from([]),
            order_cost_minor: 0,
            capacity: None,
        }
    }
}

/// One SKU at one site.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// Index of the site.
    pub site: u32,
    /// Index of the SKU.
    pub sku: u32,
    /// Class for modes (A, B, C or what the network calls them).
    pub class: u8,
    /// In a shortage, lower numbers are served first.
    pub priority: u32,
    /// Pieces on the shelf.
    pub on_hand: u32,
    /// Pieces of it that are promised.
    pub reserved: u32,
    /// Pieces owed to customers.
    pub backorders: u32,
    /// What is under way, by days from now.
    pub receipts: Vec<Receipt>,
    /// Demand by days from now.
    pub demand: DemandDistribution,
    /// What becomes of demand that finds no stock.
    pub unmet: Unmet,
    /// How sure to be.
    pub target: Target,
    /// When it is looked at.
    pub review: ReviewCalendar,
    /// Where it can come from.
    pub sources: Vec<Source>,
    /// Load of a piece on a truck or in a container of its supplier, in the supplier's unit.
    pub load_per_piece: u32,
    /// Days that pieces can be sold from the day on which they come; `None` where they do not spoil. Nothing is
    /// ordered beyond what will be asked for until then, at the planned level.
    pub shelf_life_days: Option<u32>,
}

impl Position {
    /// Pieces that can be sold now.
    #[must_use]
    pub fn free(&self) -> i64 {
        i64::from(self.on_hand) - i64::from(self.reserved) - i64::from(self.backorders)
    }

    /// Pieces under way.
    #[must_use]
    pub fn in_transit(&self) -> u64 {
        self.receipts.iter().map(|it| u64::from(it.pieces)).sum()
    }
}

/// What a supplier asks of the orders of one site together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Supplier {
    /// The least value of an order, minor units; 0 for none.
    pub min_value_minor: u64,
    /// The least number of pieces of an order; 0 for none.
    pub min_pieces: u64,
    /// The load that a truck or container holds; where there is one, orders fill whole ones.
    pub truck_load: Option<u64>,
    /// The last truck is filled up where it is at least so full, in thousandths, and else left behind.
    pub fill_from_permille: u32,
    /// The most pieces that it gives to all sites in this run.
    pub capacity: Option<u64>,
}

/// Everything that a planning run reads.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Days since 1970-01-01.
    pub today: u32,
    /// One entry for each site and SKU, in any order.
    pub positions: Vec<Position>,
    /// By index.
    pub suppliers: Vec<Supplier>,
    /// Pieces that a site can still take in, by its index; missing ones are unlimited.
    pub site_capacity: Vec<Option<u64>>,
    /// What purchases may cost together, minor units.
    pub budget_minor: Option<u64>,
    /// What may be done without asking.
    pub modes: Modes,
}
