//! Replenishment: how sites are supplied, what is proposed and why, and the orders that follow.

use crate::id::{OrderId, SiteId, SkuId};
use crate::network::SiteKind;
use crate::quantity::{MinorUnits, Pieces, Timestamp};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A proposal, given out in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct ProposalId(pub u64);

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }
    };
}

choice! {
    /// What may be done with a proposal without asking.
    PlanningMode {
        /// It is ordered.
        Automatic,
        /// Somebody must approve it.
        Proposed,
        /// Nothing is planned.
        Off,
    }
}
choice! {
    /// What becomes of demand that finds no stock.
    UnmetDemand {
        /// It is gone.
        Lost,
        /// It waits.
        Waits,
    }
}
/// A class of SKUs by the value of their demand: A makes the first four fifths, B all but the last twentieth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AbcClass {
    /// The most valuable.
    A,
    /// The middle.
    B,
    /// The rest.
    C,
}

/// How positions are replenished. What is absent is left to what is more general: a rule for all, then the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ReplenishmentParameters {
    /// What may be done without asking; `proposed` by default.
    pub mode: Option<PlanningMode>,
    /// The chance of having enough until the next order comes, in thousandths, 1 to 999; by default it follows from costs.
    pub level_permille: Option<u16>,
    /// Cost of holding stock for a year, in thousandths of its value; 200 by default.
    pub holding_permille_per_year: Option<u32>,
    /// Cost of a piece asked for and not there, in thousandths of its value; 300 by default where it is lost, and
    /// 150 where it waits.
    pub shortage_permille: Option<u32>,
    /// Days of the week on which it is looked at, 1 (Monday) to 7; every day by default.
    pub review_weekdays: Option<Vec<u8>>,
    /// What becomes of demand that finds no stock; lost in shops and waiting elsewhere by default.
    pub unmet: Option<UnmetDemand>,
    /// In a shortage, lower numbers are served first; by default the site's partner class and tier decide.
    pub priority: Option<u32>,
    /// The least that can be ordered, pieces.
    pub minimum: Option<u32>,
    /// Orders are multiples of this, pieces.
    pub multiple: Option<u32>,
    /// Pieces on a pallet; the last one is filled up where it is at least three quarters full.
    pub pallet: Option<u32>,
    /// Cost of an order of the item, minor units.
    pub order_cost_minor: Option<MinorUnits>,
    /// Days until an order comes; by default what was observed, else the lanes' lead times.
    pub lead_days: Option<u16>,
    /// Prices of a piece from some quantity on, ascending; the SKU's value by default.
    pub prices: Option<Vec<PriceFrom>>,
}

/// A price of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PriceFrom {
    /// From so many pieces on.
    pub pieces: u32,
    /// Minor units a piece.
    pub price_minor: MinorUnits,
}

/// Parameters for the positions that all given filters fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct PolicyRule {
    /// Only these sites.
    pub sites: Vec<SiteId>,
    /// Only sites of these kinds.
    pub kinds: Vec<SiteKind>,
    /// Only SKUs of these classes.
    pub classes: Vec<AbcClass>,
    /// Only these SKUs.
    pub skus: Vec<SkuId>,
    /// What holds for them.
    pub set: ReplenishmentParameters,
}

/// What a supplier asks of the orders of one site together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SupplierTerms {
    /// Which.
    pub site: SiteId,
    /// The least value of an order, minor units.
    #[serde(default)]
    pub minimum_value_minor: MinorUnits,
    /// The least number of pieces of an order.
    #[serde(default)]
    pub minimum_pieces: Pieces,
    /// Grams that a truck or container holds; where given, orders fill whole ones.
    #[serde(default)]
    pub truck_g: Option<u64>,
    /// The most pieces that it gives to all sites in a run.
    #[serde(default)]
    pub capacity_pieces: Option<Pieces>,
}

/// Days on which demand is raised by a promotion: taken out of what history teaches, and put into what is ahead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// Only at these sites; everywhere when empty.
    #[serde(default)]
    pub sites: Vec<SiteId>,
    /// Only these SKUs; all when empty.
    #[serde(default)]
    pub skus: Vec<SkuId>,
    /// When it begins.
    pub from: Timestamp,
    /// When it is over.
    pub until: Timestamp,
}

/// The whole policy of replenishment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ReplenishmentPolicy {
    /// For all positions that no rule says otherwise of.
    pub default: ReplenishmentParameters,
    /// For some; of those that fit, the last one that says something counts.
    pub rules: Vec<PolicyRule>,
    /// Terms of suppliers.
    pub suppliers: Vec<SupplierTerms>,
    /// What purchases of one run may cost together, minor units.
    pub budget_minor: Option<MinorUnits>,
    /// Promotions past and planned.
    pub promotions: Vec<Promotion>,
}

/// The most rules, terms and promotions of a policy, each.
pub const POLICY_ENTRIES_MAX: usize = 1_000;

choice! {
    /// Whether goods are bought or moved.
    SupplyKind {
        /// From a supplier or a factory.
        Purchase,
        /// Between own sites.
        Transfer,
    }
}
choice! {
    /// What is done with a proposal.
    Decision {
        /// It is ordered.
        Approve,
        /// It is not wanted; the position is not proposed again before its next review.
        Reject,
    }
}

/// What to order for a position, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProposalSpec {
    /// For which site.
    pub site: SiteId,
    /// What.
    pub sku: SkuId,
    /// From where.
    pub from: SiteId,
    /// Bought or moved.
    pub kind: SupplyKind,
    /// How many.
    pub pieces: Pieces,
    /// What it costs, minor units.
    pub cost_minor: MinorUnits,
    /// The day on which it should come at the latest, 00:00 UTC.
    pub due_at: Timestamp,
    /// The next day on which the position is looked at, 00:00 UTC.
    pub next_review_at: Timestamp,
    /// What may be done with it.
    pub mode: PlanningMode,
    /// The class of the SKU.
    pub class: AbcClass,
    /// Why it is as it is, in the order in which it came about.
    pub reasons: Vec<ProposalReason>,
}

choice! {
    /// Why this source.
    SourceChoice {
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
}
choice! {
    /// What a quantity was rounded to.
    RoundedTo {
        /// The least that can be ordered.
        Minimum,
        /// A multiple.
        Multiple,
        /// A full pallet.
        Pallet,
        /// A full container.
        Container,
    }
}
choice! {
    /// Why items of one supplier were raised together.
    JointAim {
        /// To reach the supplier's minimum.
        Minimum,
        /// To fill a truck or container.
        Truck,
    }
}
choice! {
    /// What limits a quantity.
    CutBy {
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
}

/// One step on the way to a proposal. Pieces unless said otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProposalReason {
    /// The gate it passed: due today, with this mode.
    Due {
        /// What may be done with it.
        mode: PlanningMode,
        /// Days until the next review.
        next_days: u32,
    },
    /// Days until an order comes, and that it must last from then on.
    Horizon {
        /// Days, the longest.
        lead_days: u32,
        /// Days.
        cover_days: u32,
    },
    /// Demand expected over both, and its standard deviation.
    Forecast {
        /// Pieces.
        mean: f64,
        /// Pieces.
        deviation: f64,
    },
    /// On the shelf.
    OnHand {
        /// How many.
        pieces: u64,
    },
    /// Under way.
    InTransit {
        /// How many.
        pieces: u64,
    },
    /// Promised.
    Reserved {
        /// How many.
        pieces: u64,
    },
    /// Owed.
    Backorders {
        /// How many.
        pieces: u64,
    },
    /// What should be there or under way after the order, for this chance of having enough.
    Target {
        /// Pieces.
        pieces: u64,
        /// Chance in thousandths.
        level_permille: u32,
    },
    /// Missing to the target.
    Need {
        /// How many.
        pieces: u64,
    },
    /// Where it comes from, and how many sources there were.
    Source {
        /// From where.
        from: SiteId,
        /// Of so many.
        of: u32,
        /// Why this one.
        why: SourceChoice,
    },
    /// A warehouse was short and divided what it had.
    Shared {
        /// Pieces wanted.
        wanted: u64,
        /// Pieces given.
        given: u64,
        /// The priority of the position.
        priority: u32,
    },
    /// As many as are economic to order at a time.
    EconomicLot {
        /// Before.
        from: u64,
        /// After.
        to: u64,
    },
    /// A cheaper price holds from here on.
    PriceBreak {
        /// Before.
        from: u64,
        /// After.
        to: u64,
        /// Minor units a piece.
        price_minor: u64,
    },
    /// Rounded up.
    Rounded {
        /// To what.
        rule: RoundedTo,
        /// Before.
        from: u64,
        /// After.
        to: u64,
    },
    /// Raised together with other items of the supplier.
    Joint {
        /// To what end.
        why: JointAim,
        /// Before.
        from: u64,
        /// After.
        to: u64,
    },
    /// Cut: other pieces were worth more, or there is no room for more.
    Cut {
        /// By what.
        limit: CutBy,
        /// Before.
        from: u64,
        /// After.
        to: u64,
    },
    /// What can still go wrong: the chance of not having enough until the next order comes.
    Risk {
        /// Thousandths, with the order.
        short_permille: u32,
        /// Thousandths, without any.
        without_permille: u32,
        /// Pieces expected short, with the order.
        short_pieces: f64,
    },
}

/// An order of ours to a supplier, or to another of our sites.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplyOrderSpec {
    /// Its id.
    pub order: OrderId,
    /// Bought or moved.
    pub kind: SupplyKind,
    /// Who sends it.
    pub from: SiteId,
    /// Who gets it.
    pub to: SiteId,
    /// When it should be there.
    pub due_at: Timestamp,
    /// What.
    pub lines: Vec<SupplyLineSpec>,
}

/// Goods ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplyLineSpec {
    /// What.
    pub sku: SkuId,
    /// How many.
    pub pieces: Pieces,
    /// What they cost, minor units.
    pub cost_minor: MinorUnits,
    /// The proposal that it follows from.
    pub proposal: Option<ProposalId>,
}

/// What planners expect in place of the statistical forecast, for a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverriddenWeek {
    /// The Monday it begins with, 00:00 UTC.
    pub week: Timestamp,
    /// Pieces in it; `None` takes an earlier override back.
    pub pieces: Option<Pieces>,
    /// What statistics expected at that moment, thousandths of a piece.
    pub statistical_milli: i64,
}
