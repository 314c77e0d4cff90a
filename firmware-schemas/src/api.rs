//! What goes over HTTP beside the read model: pages, requests and their answers, problems, readiness.

use crate::command::Action;
use crate::fact::QuarantineId;
use crate::id::{CommandId, DeviceId, MetricName};
use crate::quantity::{Seconds, Timestamp};
use crate::telemetry::{AckFrame, MetricKind, Value, bare};
use crate::view::{QuarantineView, ReadingView};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

macro_rules! shape {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $ty,)+
        }
    };
}

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

pub mod order;
pub mod past;
pub mod plan;
pub mod routes;
pub mod supply;
pub mod webhook;
pub mod what_if;

/// Some of a list, in a fixed order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "PageOf{T}"))]
pub struct Page<T> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// Give this as `cursor` for the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

shape! {
    /// Readings of one metric, by time.
    MetricReadings {
        /// Whose.
        device: DeviceId,
        /// Which metric.
        metric: MetricName,
        /// UCUM code; empty when unknown.
        unit: String,
        /// Its kind of values.
        kind: MetricKind,
        /// At most as many as were asked for.
        items: Vec<ReadingView>,
        /// Give this as `cursor` for the next page; `null` on the last.
        next_cursor: Option<String>,
    }
}
shape! {
    /// What a metric did in each step of a span.
    MetricBuckets {
        /// Whose.
        device: DeviceId,
        /// Which metric.
        metric: MetricName,
        /// UCUM code; empty when unknown.
        unit: String,
        /// Its kind of values.
        kind: MetricKind,
        /// The length of a step.
        step_secs: Seconds,
        /// Steps in which something was measured, by time.
        items: Vec<BucketView>,
    }
}
shape! {
    /// What a metric did in one step.
    BucketView {
        /// When the step begins.
        start: Timestamp,
        /// How many readings lie in it.
        count: u64,
        /// The last of them.
        #[serde(with = "bare")]
        #[cfg_attr(feature = "schema", schemars(with = "Value"))]
        last: Value,
        /// The smallest number; `null` if none is a number.
        min: Option<f64>,
        /// The largest number.
        max: Option<f64>,
        /// The arithmetic mean of the numbers.
        mean: Option<f64>,
    }
}
shape! {
    /// A payload in quarantine with its bytes.
    QuarantinedPayload {
        /// What is known about it.
        #[serde(flatten)]
        about: QuarantineView,
        /// Its bytes in base64; `null` when the journal no longer keeps them.
        payload_base64: Option<String>,
        /// The first 4,096 bytes as text, with U+FFFD for what is not UTF-8.
        payload_text: Option<String>,
    }
}
choice! {
    /// What became of a payload that was tried again.
    RedriveOutcome {
        /// It was taken, and is no longer in quarantine.
        Taken,
        /// It is refused again, and stays in quarantine.
        RefusedAgain,
        /// It was out of quarantine already.
        Already,
    }
}
shape! {
    /// The answer to trying a payload again.
    Redriven {
        /// Which.
        id: QuarantineId,
        /// What became of it.
        outcome: RedriveOutcome,
        /// Why it is refused again.
        reason: Option<String>,
    }
}
shape! {
    /// The answer to throwing a payload away.
    Discarded {
        /// Which.
        id: QuarantineId,
        /// False when it was out of quarantine already.
        discarded: bool,
    }
}

/// Says who has seen an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// Who, 1 to 200 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 200)))]
    pub by: String,
    /// What they have to say, at most 1,000 characters.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 1_000)))]
    pub note: Option<String>,
}

/// Asks a device to do something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CommandRequest {
    /// What to do: an object with one member named after the kind.
    pub action: Action,
    /// After this it must not be begun.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

choice! {
    /// How far a command got.
    CommandState {
        /// It is durable here, and on its way to the broker.
        Issued,
        /// The broker has it.
        Delivered,
        /// The device will do it.
        Accepted,
        /// The device has done it.
        Done,
        /// The device will not do it.
        Rejected,
    }
}
shape! {
    /// A command and how far it got.
    CommandView {
        /// Its id, which was the idempotency key.
        command: CommandId,
        /// To which device.
        device: DeviceId,
        /// How far it got.
        state: CommandState,
        /// What to do.
        action: Action,
        /// When it was given.
        issued_at: Timestamp,
        /// After this it must not be begun.
        expires_at: Option<Timestamp>,
        /// When the broker had it.
        delivered_at: Option<Timestamp>,
        /// What the device answered last.
        answer: Option<AckFrame>,
    }
}

choice! {
    /// How a part of the gateway is.
    PartState {
        /// Not there yet, without anything being wrong.
        Starting,
        /// Well.
        Ready,
        /// At work, but a person should look.
        Degraded,
        /// Not at work.
        Failing,
    }
}
shape! {
    /// One part of the gateway.
    PartView {
        /// How it is.
        state: PartState,
        /// Since when.
        since: Timestamp,
        /// What can be said about it: of a failing part, the reason.
        detail: String,
        /// What a person can do about it.
        mend: Option<String>,
    }
}
shape! {
    /// Whether the gateway does its work.
    Readiness {
        /// True when no part is starting or failing.
        ready: bool,
        /// When this was made.
        at: Timestamp,
        /// Part by name: `journal`, `store`, `broker`, `twin`, `disk`.
        parts: BTreeMap<String, PartView>,
    }
}

/// Why a request was refused or failed, as RFC 9457 has it (`application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// The kind of problem: a path on this gateway, where it is explained.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schema", schemars(extend("format" = "uri-reference")))]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    #[cfg_attr(feature = "schema", schemars(range(min = 400, max = 599)))]
    pub status: u16,
    /// What was wrong this time.
    pub detail: String,
    /// What was asked for.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "uri-reference")))]
    pub instance: String,
    /// Each thing that was wrong, when there can be several.
    #[serde(default)]
    pub errors: Vec<Fault>,
}

/// One thing that was wrong with a request. One of `pointer`, `parameter` and `header` says where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fault {
    /// What.
    pub detail: String,
    /// In the body: a JSON pointer as a URI fragment, such as `#/action`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// In the path or the query: the parameter's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// In a header: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// In a text that stands in the body, such as a scenario: the line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// In such a text: the field, such as `change[1].factor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}
