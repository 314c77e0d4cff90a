//! Orders, reservations and promises over HTTP.

use crate::id::{OrderId, SiteId, SkuId};
use crate::order::{OrderLine, OrderSpec, PromiseReason};
use crate::quantity::{Pieces, Timestamp};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

choice! {
    /// How far an order, or a reservation, is.
    OrderStatus {
        /// A reservation that holds.
        Reserved,
        /// An order that is not fulfilled.
        Open,
        /// All of it has been issued.
        Fulfilled,
        /// Somebody cancelled it.
        Cancelled,
        /// A reservation that nobody confirmed in time.
        Expired,
        /// A reservation that an order has taken over.
        TakenOver,
    }
}
shape! {
    /// An order or a reservation.
    OrderView {
        /// Its id.
        order: OrderId,
        /// How far it is.
        status: OrderStatus,
        /// 1, and 1 more with every amendment.
        version: u32,
        /// The site that serves it.
        site: SiteId,
        /// Who wants it.
        customer: Option<String>,
        /// Not before this.
        wanted_at: Option<Timestamp>,
        /// Of no use after this.
        last_at: Option<Timestamp>,
        /// Each line in one piece.
        together: bool,
        /// The reservation that it has taken over.
        reservation: Option<OrderId>,
        /// For people.
        note: Option<String>,
        /// When it was taken.
        taken_at: Timestamp,
        /// When anything of it last changed.
        changed_at: Timestamp,
        /// Until when a reservation holds.
        expires_at: Option<Timestamp>,
        /// Why it ended, for people.
        reason: Option<String>,
        /// What is wanted and promised.
        lines: Vec<OrderLineView>,
    }
}
shape! {
    /// A line, and what is promised of it.
    OrderLineView {
        /// What.
        sku: SkuId,
        /// How many are wanted.
        pieces: Pieces,
        /// How many of them can be had in time; the others have no date.
        promised: Pieces,
        /// How many have gone to the customer.
        issued: Pieces,
        /// The day on which all of it is at the site; `null` while some have no date.
        complete_at: Option<Timestamp>,
        /// When and from where.
        parts: Vec<PartView>,
    }
}
shape! {
    /// Pieces of a line for a day.
    PartView {
        /// How many.
        pieces: Pieces,
        /// The site whose stock or receipts they come from; of what is to be bought, the supplier.
        from: SiteId,
        /// The day on which they leave there, at 00:00 UTC.
        leaves_at: Timestamp,
        /// The day on which they are at the site that serves the order, at 00:00 UTC.
        at: Timestamp,
        /// Why from there and for then.
        why: PromiseReason,
        /// Set aside by the warehouse, and not yet issued.
        reserved: Pieces,
        /// Gone to the customer.
        issued: Pieces,
    }
}

/// Asks what could be promised; nothing is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AvailabilityRequest {
    /// The site that is asked.
    pub site: SiteId,
    /// Not before this; now when absent.
    #[serde(default)]
    pub wanted_at: Option<Timestamp>,
    /// Of no use after this; 90 days from now when absent.
    #[serde(default)]
    pub last_at: Option<Timestamp>,
    /// Each line in one piece.
    #[serde(default)]
    pub together: bool,
    /// What is wanted: 1 to 500 lines.
    #[cfg_attr(feature = "schema", schemars(extend("minItems" = 1, "maxItems" = crate::order::ORDER_LINES_MAX)))]
    pub lines: Vec<OrderLine>,
}

shape! {
    /// What could be promised at this moment.
    AvailabilityView {
        /// The state of the twin that this is of.
        revision: u64,
        /// The site that was asked.
        site: SiteId,
        /// True if all of it can be had in time.
        complete: bool,
        /// Each line.
        lines: Vec<OrderLineView>,
    }
}

/// Keeps goods for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReservationRequest {
    /// Until when: at most 30 days from now.
    pub expires_at: Timestamp,
    /// What is wanted; the id is that of the reservation.
    pub wanted: OrderSpec,
}

/// Changes an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OrderAmendment {
    /// The version that you have seen; if it is another by now, nothing is changed.
    #[serde(default)]
    pub version: Option<u32>,
    /// All of the order, as it shall be.
    pub order: OrderSpec,
}

/// Ends an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OrderCancellation {
    /// The version that you have seen; if it is another by now, nothing is changed.
    #[serde(default)]
    pub version: Option<u32>,
    /// Why, for people, at most 1,000 characters.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A line of a bulk of orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BulkOrder {
    /// As the header `Idempotency-Key`; the order's id when absent.
    #[serde(default)]
    pub key: Option<String>,
    /// The order.
    pub order: OrderSpec,
}

choice! {
    /// What became of a line of a bulk of orders.
    BulkOutcome {
        /// It is taken, and durable.
        Taken,
        /// It had been taken before.
        Before,
        /// It is refused; nothing of it is kept.
        Refused,
    }
}
shape! {
    /// The answer to a line of a bulk of orders.
    BulkAnswer {
        /// Which line, from 1.
        line: u64,
        /// The order's id, where it could be read.
        order: Option<OrderId>,
        /// What became of it.
        outcome: BulkOutcome,
        /// Why it was refused.
        problem: Option<crate::api::Problem>,
    }
}
