//! Orders of customers: what is wanted, and what was promised.

use crate::id::{OrderId, SiteId, SkuId};
use crate::quantity::{Pieces, Timestamp};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The most lines of an order.
pub const ORDER_LINES_MAX: usize = 500;
/// The most characters of the name of a customer.
pub const CUSTOMER_MAX: usize = 200;
/// The most characters of a note.
pub const NOTE_MAX: usize = 1_000;

/// What a customer wants, and from which site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OrderSpec {
    /// Its id in the order system; no two orders have the same.
    pub order: OrderId,
    /// The site that serves it: goods of other sites and of suppliers are promised through it.
    pub site: SiteId,
    /// Who wants it.
    #[serde(default)]
    pub customer: Option<String>,
    /// Not before this; now when absent. Days are of UTC.
    #[serde(default)]
    pub wanted_at: Option<Timestamp>,
    /// Of no use after this; 90 days from now when absent.
    #[serde(default)]
    pub last_at: Option<Timestamp>,
    /// Each line in one piece, on the first day on which all of it can be there.
    #[serde(default)]
    pub together: bool,
    /// The reservation that this order takes over.
    #[serde(default)]
    pub reservation: Option<OrderId>,
    /// For people.
    #[serde(default)]
    pub note: Option<String>,
    /// What is wanted: 1 to 500 lines.
    #[cfg_attr(feature = "schema", schemars(extend("minItems" = 1, "maxItems" = ORDER_LINES_MAX)))]
    pub lines: Vec<OrderLine>,
}

/// Goods wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OrderLine {
    /// What.
    pub sku: SkuId,
    /// How many, 1 to 4,294,967,295.
    #[cfg_attr(feature = "schema", schemars(extend("minimum" = 1, "maximum" = u32::MAX)))]
    pub pieces: Pieces,
}

/// Why a part is promised from there and for then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PromiseReason {
    /// Free at the site on the day wanted.
    FreeOnDay,
    /// Free at the site only later: after a receipt, or what is promised to others.
    FreeLater,
    /// The site has no more in time; another has.
    OtherSite,
    /// No site has more; a supplier can bring it. Nothing is bought by this promise.
    Bought,
    /// It waits for the last part, as all is to come together.
    WaitsForRest,
}

/// Pieces of a line, promised for a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PromisedPart {
    /// Which line, from 0.
    pub line: u32,
    /// The site whose stock or receipts it is promised from; of what is bought, the supplier.
    pub from: SiteId,
    /// The day on which it leaves there, at 00:00 UTC.
    pub leaves_at: Timestamp,
    /// The day on which it is at the site that serves the order, at 00:00 UTC.
    pub at: Timestamp,
    /// How many.
    pub pieces: Pieces,
    /// Why from there and for then.
    pub why: PromiseReason,
}

/// How an order ends before it is fulfilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OrderEnd {
    /// Somebody cancelled it.
    Cancelled,
    /// A reservation that nobody confirmed in time.
    Expired,
}
