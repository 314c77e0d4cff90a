//! Webhooks over HTTP: who wants to be told what, and how that went.

use crate::id::{MessageId, SiteId, WebhookId};
use crate::quantity::Timestamp;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The most characters of an address.
pub const URL_MAX: usize = 2_000;
/// The most sites in a filter.
pub const SITES_MAX: usize = 1_000;

macro_rules! event_types {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// What an event is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[non_exhaustive]
        pub enum EventType {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)+
        }

        impl EventType {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As it stands in `type`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

event_types! {
    /// An order or a reservation was taken and promised.
    OrderTaken = "order.taken",
    /// An order was changed and promised anew.
    OrderAmended = "order.amended",
    /// An order was cancelled, or a reservation expired.
    OrderEnded = "order.ended",
    /// A rule found something that needs a person.
    AlertRaised = "alert.raised",
    /// An open alert changed.
    AlertUpdated = "alert.updated",
    /// A person has seen an alert.
    AlertAcknowledged = "alert.acknowledged",
    /// What an alert was about is over.
    AlertCleared = "alert.cleared",
    /// A planning run was made; open proposals of the one before are over.
    ReplenishmentPlanned = "replenishment.planned",
    /// A proposal was approved or rejected.
    ProposalDecided = "proposal.decided",
    /// Goods were ordered from a supplier, or from another site.
    SupplyOrderPlaced = "supply_order.placed",
    /// Whoever is to send them will.
    SupplyOrderConfirmed = "supply_order.confirmed",
    /// What has not been sent is no longer wanted.
    SupplyOrderCancelled = "supply_order.cancelled",
    /// Goods left a site for another.
    ShipmentDispatched = "shipment.dispatched",
    /// A shipment came in.
    ShipmentArrived = "shipment.arrived",
    /// A device answered a command.
    CommandAnswered = "command.answered",
    /// A message of a device was refused and is kept.
    PayloadQuarantined = "payload.quarantined",
    /// Somebody tries whether it arrives. It comes whatever the filter.
    WebhookTest = "webhook.test",
}

choice! {
    /// How a receiver does.
    WebhookState {
        /// It takes what it is sent.
        Active,
        /// It has not taken the last few; it is tried again.
        Failing,
        /// It is sent nothing: somebody, or it, wanted that, or it failed for too long.
        Off,
    }
}

/// Asks to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookRequest {
    /// Where events are posted to: `https`, to a host that the gateway's configuration allows.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = URL_MAX)))]
    pub url: String,
    /// Only these; all when empty.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 64)))]
    pub event_types: Vec<EventType>,
    /// Only what concerns one of these sites; all when empty.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = SITES_MAX)))]
    pub sites: Vec<SiteId>,
    /// For people, at most 200 characters.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 200)))]
    pub description: Option<String>,
    /// What signatures are made with: `whsec_` and 24 to 64 bytes in base64. Made by the gateway when left out.
    #[serde(default)]
    pub secret: Option<String>,
}

/// Changes what is given; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookChange {
    /// Where to.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = URL_MAX)))]
    pub url: Option<String>,
    /// Only these; all when empty.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 64)))]
    pub event_types: Option<Vec<EventType>>,
    /// Only what concerns one of these sites; all when empty.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = SITES_MAX)))]
    pub sites: Option<Vec<SiteId>>,
    /// For people.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 200)))]
    pub description: Option<String>,
    /// False switches it off; true on again, from where it stopped.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Another secret. For 24 hours signatures are made with the former one as well.
    #[serde(default)]
    pub secret: Option<String>,
    /// Have another secret made; it is shown in the answer.
    #[serde(default)]
    pub new_secret: bool,
}

shape! {
    /// A receiver of webhooks.
    WebhookView {
        /// Its id, which was the idempotency key.
        webhook: WebhookId,
        /// Where events are posted to.
        url: String,
        /// Only these; all when empty.
        event_types: Vec<EventType>,
        /// Only what concerns one of these sites; all when empty.
        sites: Vec<SiteId>,
        /// For people.
        description: Option<String>,
        /// Whether anybody wants it to be told.
        enabled: bool,
        /// How it does.
        state: WebhookState,
        /// Why it is failing or off.
        reason: Option<String>,
        /// What signatures are made with: shown once, by the answer to the request that made it.
        secret: Option<String>,
        /// When it was made.
        created_at: Timestamp,
        /// When somebody last changed it.
        changed_at: Timestamp,
        /// Since when it takes nothing.
        failing_since: Option<Timestamp>,
        /// When it last took an event, since the gateway was started.
        delivered_at: Option<Timestamp>,
        /// Records of the journal that have not been looked at for it.
        behind_records: u64,
        /// Records that the journal had dropped before they were looked at: their events were not sent.
        skipped_records: u64,
        /// Events that are tried again.
        waiting: u64,
        /// Events that are tried no more until somebody wants it.
        dead_letters: u64,
    }
}
shape! {
    /// The answer to removing one.
    WebhookDeleted {
        /// Which.
        webhook: WebhookId,
        /// False when there was none.
        deleted: bool,
    }
}
choice! {
    /// How a try went.
    DeliveryOutcome {
        /// It was taken (2xx).
        Delivered,
        /// It was answered with another status.
        Refused,
        /// There was no answer, or no connection.
        Unanswered,
    }
}
shape! {
    /// One try.
    DeliveryView {
        /// Its number, from 1 at the start of the gateway.
        number: u64,
        /// The header `webhook-id`.
        message: MessageId,
        /// What it was about.
        event_type: EventType,
        /// The how-manieth try of this event.
        attempt: u32,
        /// When.
        at: Timestamp,
        /// How long it took.
        took_millis: u64,
        /// How it went.
        outcome: DeliveryOutcome,
        /// The HTTP status.
        status: Option<u16>,
        /// In words.
        detail: String,
    }
}
shape! {
    /// An event that was not taken.
    LetterView {
        /// The header `webhook-id`.
        message: MessageId,
        /// What it is about.
        event_type: EventType,
        /// When the event was.
        at: Timestamp,
        /// When it was first tried.
        first_tried_at: Timestamp,
        /// How many tries there were.
        attempts: u32,
        /// When it is tried again; `null` of a dead letter.
        next_at: Option<Timestamp>,
        /// How the last try went.
        last_error: String,
    }
}
shape! {
    /// An event that was not taken, with what is posted.
    LetterBody {
        /// What is known about it.
        #[serde(flatten)]
        about: LetterView,
        /// The body as it is signed and posted: JSON as text.
        body: String,
    }
}
shape! {
    /// The answer to sending dead letters again, or throwing one away.
    LettersMoved {
        /// How many.
        count: u64,
    }
}
