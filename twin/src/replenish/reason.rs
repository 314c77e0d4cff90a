//! Why a proposal is as it is, for machines and for people.

use super::lot::LotRule;
use super::position::{Mode, Origin};

/// Why a position is not planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// Its mode is off.
    Off,
    /// It is not a day of review; the next is in so many days.
    NotDue {
        /// Days.
        days: u32,
    },
    /// There is enough.
    Enough,
    /// It has no source.
    NoSource,
    /// No source has anything left, or not as much as its least order.
    SourcesEmpty,
    /// The site cannot take in as much as the least order.
    SiteFull,
    /// The budget does not reach to its least order.
    BudgetSpent,
    /// Its least order would not all be sold before it spoils.
    WouldSpoil,
    /// The order with all other items of the supplier stays below its minimum.
    BelowSupplierMinimum,
}

/// Why this source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceWhy {
    /// There is no other.
    Only,
    /// Its priority is the first.
    Priority,
    /// Of those with the same priority it is the cheapest.
    Cheapest,
    /// What is in the network already is moved before more is bought.
    TransferFirst,
    /// Those before it had not enough.
    RestOfNeed,
}

/// What limits a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// What the source gives of this item.
    Source,
    /// What the supplier gives of all items.
    Supplier,
    /// What the site can take in.
    Site,
    /// What purchases may cost.
    Budget,
    /// A whole number of trucks.
    Truck,
    /// What can be sold before it spoils.
    ShelfLife,
}

/// Why items of one supplier were raised together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Together {
    /// To reach the supplier's minimum.
    Minimum,
    /// To fill a truck or container.
    Truck,
}

/// One step on the way to a proposal, in the order in which they were taken.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// The gate it passed: due today, with this mode; the next review is in so many days.
    Due {
        /// What may be done with it.
        mode: Mode,
        /// Days until the next review.
        next_days: u32,
    },
    /// Days until an order comes, and days that it must last from then on.
    Horizon {
        /// Days, the longest.
        lead_days: u32,
        /// Days.
        cover_days: u32,
    },
    /// Demand expected over both, and its standard deviation, pieces.
    Forecast {
        /// Pieces.
        mean: f64,
        /// Pieces.
        deviation: f64,
    },
    /// Pieces on the shelf.
    OnHand(u64),
    /// Pieces under way.
    InTransit(u64),
    /// Pieces promised.
    Reserved(u64),
    /// Pieces owed.
    Backorders(u64),
    /// Pieces that should be there or under way after the order, for this chance of having enough.
    Target {
        /// Pieces.
        pieces: u64,
        /// Chance in thousandths.
        level_permille: u32,
    },
    /// Pieces missing to the target.
    Need(u64),
    /// Where it comes from, and how many sources there were.
    Source {
        /// From where.
        origin: Origin,
        /// Of so many.
        of: u32,
        /// Why this one.
        why: SourceWhy,
    },
    /// A warehouse was short and divided what it had by priority.
    Shared {
        /// Pieces wanted.
        wanted: u64,
        /// Pieces given.
        given: u64,
        /// Its priority.
        priority: u32,
    },
    /// As many as are economic to order at a time.
    EconomicLot {
        /// Pieces before.
        from: u64,
        /// Pieces after.
        to: u64,
    },
    /// A cheaper price holds from here on.
    PriceBreak {
        /// Pieces before.
        from: u64,
        /// Pieces after.
        to: u64,
        /// Minor units a piece.
        price_minor: u64,
    },
    /// Rounded up.
    Rounded {
        /// By which rule.
        rule: LotRule,
        /// Pieces before.
        from: u64,
        /// Pieces after.
        to: u64,
    },
    /// Raised together with other items of the supplier.
    Joint {
        /// To what end.
        why: Together,
        /// Pieces before.
        from: u64,
        /// Pieces after.
        to: u64,
    },
    /// Cut: other pieces were worth more.
    Cut {
        /// By what.
        limit: Limit,
        /// Pieces before.
        from: u64,
        /// Pieces after.
        to: u64,
    },
    /// What can still go wrong: the chance of not having enough until the next order comes, with this one and
    /// without, and the pieces expected short with it.
    Risk {
        /// Thousandths, with the order.
        short_permille: u32,
        /// Thousandths, without any.
        without_permille: u32,
        /// Pieces, with the order.
        short_pieces: f64,
    },
}
