//! What happened, as the journal keeps it: the only input of the twin's fold.
//!
//! A fact is written as one version byte and [postcard](https://postcard.jamesmunns.com/wire-format). Within a
//! version, variants and fields are only ever appended at the end of an enum; anything else is a new
//! version, and the old one stays readable (`golden/facts-*.bin` are read by a test for ever).

use crate::command::CommandFrame;
use crate::id::{CommandId, DeviceId, LaneId, MetricName, OperationId, OrderId, SiteId, SkuId, VehicleId};
use crate::network::{
    DeviceSpec, GlnSpec, GtinSpec, LaneSpec, NetworkSpec, ShipmentSpec, SitePlanSpec, SiteSpec, SkuSpec, StockSpec,
    VehicleSpec,
};
use crate::order::{OrderEnd, OrderSpec, PromisedPart};
use crate::quantity::{Position, Timestamp};
use crate::route::{ReplanCause, ReplanOutcome, RouteSpec};
use crate::supply::{Decision, OverriddenWeek, ProposalId, ProposalSpec, SupplyOrderSpec};
use crate::telemetry::{AckFrame, BirthFrame, EventRecord, MetricKind, Quality, StatusFrame, Value};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The version of the encoding, the first byte of every fact.
pub const FACT_VERSION: u8 = 1;

/// A device's place in the twin's registry, given out in the order of the facts that introduce devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceIdx(pub u32);

/// One metric of one device, given out in the order of the facts that introduce series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeriesId(pub u32);

/// One alert for as long as it lasts, given out in the order in which alerts are raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct AlertId(pub u64);

/// One payload in quarantine: the journal's number of the fact that put it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct QuarantineId(pub u64);

/// A reading whose series is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesReading {
    /// Of which series.
    pub series: SeriesId,
    /// When, by the device's clock.
    pub at: Timestamp,
    /// What.
    pub value: Value,
    /// How far it can be trusted.
    pub quality: Quality,
}

/// Which frame of a device this was, when the device says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameNumber {
    /// Which start of the device.
    pub boot: u64,
    /// Number of the frame since that start.
    pub seq: u64,
}

/// A vehicle's fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    /// Which vehicle.
    pub vehicle: VehicleId,
    /// When the fix was taken.
    pub at: Timestamp,
    /// Where.
    pub position: Position,
    /// Speed over ground, in millimetres per second.
    pub speed_mm_per_s: Option<u32>,
    /// Direction of travel, in hundredths of a degree clockwise from north.
    pub heading_cdeg: Option<u16>,
    /// The lane that it follows, when it knows.
    pub lane: Option<LaneId>,
    /// The site where it stands, when it stands at one.
    pub site: Option<SiteId>,
}

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a look.
    Info,
    /// Will become a problem.
    Watch,
    /// Is a problem now.
    Critical,
}

/// What an alert is about: one rule and one subject. At most one alert is open for each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlertSubject {
    /// A metric is outside its limits for longer than allowed.
    OutOfRange {
        /// Whose.
        device: DeviceId,
        /// Which metric.
        metric: MetricName,
    },
    /// Stock position at or under its reorder point.
    BelowReorderPoint {
        /// Where.
        site: SiteId,
        /// What.
        sku: crate::id::SkuId,
    },
    /// Stock on hand runs out before more can be here.
    RunsOut {
        /// Where.
        site: SiteId,
        /// What.
        sku: crate::id::SkuId,
    },
    /// A device has been silent beyond its interval.
    DeviceSilent {
        /// Which.
        device: DeviceId,
    },
    /// A vehicle is farther from its lane than allowed.
    OffLane {
        /// Which.
        vehicle: VehicleId,
    },
    /// A shipment is past its due time, or will be.
    Late {
        /// Which.
        shipment: crate::id::ShipmentId,
    },
    /// The books say that less than nothing is on hand.
    NegativeStock {
        /// Where.
        site: SiteId,
        /// What.
        sku: crate::id::SkuId,
    },
    /// A vehicle does not do what its route says: it stands still on the way, or will not.
    Stranded {
        /// Which.
        vehicle: VehicleId,
    },
}

/// Which part of the machine a payload was refused by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefusedBy {
    /// The topic is not of the contract.
    Topic,
    /// The bytes are not a frame of the contract.
    Frame,
    /// The frame contradicts what the twin knows.
    Twin,
    /// The database behind the journal does not take the reading; the twin has it.
    Database,
}

/// One fact. What it refers to by index was introduced by an earlier fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Fact {
    /// The network has this head.
    NetworkDefined(NetworkSpec),
    /// These sites exist, new or changed.
    SitesDefined(Vec<SiteSpec>),
    /// These lanes exist, new or changed.
    LanesDefined(Vec<LaneSpec>),
    /// These SKUs exist, new or changed.
    SkusDefined(Vec<SkuSpec>),
    /// These vehicles exist, new or changed.
    VehiclesDefined(Vec<VehicleSpec>),
    /// These devices exist, new or changed.
    DevicesDefined(Vec<DeviceSpec>),
    /// These stock positions exist; quantities count only where the position is new.
    StockDefined(Vec<StockSpec>),
    /// These shipments were under way when the network was defined.
    ShipmentsDefined {
        /// From when their due times count.
        at: Timestamp,
        /// The shipments.
        shipments: Vec<ShipmentSpec>,
    },
    /// A device that no file names sent its first frame.
    DeviceSeen {
        /// Its id.
        device: DeviceId,
        /// The topic's site.
        site: SiteId,
        /// When it was heard.
        at: Timestamp,
    },
    /// A device described itself.
    DeviceBorn {
        /// Which.
        device: DeviceIdx,
        /// When it was heard.
        received_at: Timestamp,
        /// What it said.
        birth: BirthFrame,
    },
    /// A device said that it is online or not.
    DeviceStatus {
        /// Which.
        device: DeviceIdx,
        /// When it was heard.
        received_at: Timestamp,
        /// What it said.
        status: StatusFrame,
    },
    /// A device has a metric that was not known.
    SeriesDefined {
        /// Which device.
        device: DeviceIdx,
        /// The metric.
        metric: MetricName,
        /// Its kind, from now on.
        kind: MetricKind,
        /// UCUM code; empty when no birth said it.
        unit: String,
    },
    /// A device sent readings.
    Readings {
        /// Which.
        device: DeviceIdx,
        /// When they were heard.
        received_at: Timestamp,
        /// Which frame.
        number: Option<FrameNumber>,
        /// The readings.
        readings: Vec<SeriesReading>,
    },
    /// A device said where a vehicle is.
    Positioned {
        /// Which device.
        device: DeviceIdx,
        /// When it was heard.
        received_at: Timestamp,
        /// Which frame.
        number: Option<FrameNumber>,
        /// The fix.
        fix: Fix,
    },
    /// A device said what happened.
    Happened {
        /// Which device.
        device: DeviceIdx,
        /// When it was heard.
        received_at: Timestamp,
        /// Which frame.
        number: FrameNumber,
        /// Where, for events that name no site.
        site: SiteId,
        /// What, in order.
        events: Vec<EventRecord>,
    },
    /// A device reported the settings in force.
    SettingsReported {
        /// Which.
        device: DeviceIdx,
        /// When it was heard.
        received_at: Timestamp,
        /// Setting → value, by name.
        settings: Vec<(MetricName, Value)>,
    },
    /// A command was given to a device.
    CommandIssued {
        /// To which.
        device: DeviceIdx,
        /// The command.
        command: CommandFrame,
    },
    /// The broker has a command: it was published and acknowledged.
    CommandDelivered {
        /// Which.
        command: CommandId,
        /// When.
        at: Timestamp,
    },
    /// A device answered a command.
    CommandAnswered {
        /// Which device.
        device: DeviceIdx,
        /// When it was heard.
        received_at: Timestamp,
        /// The answer.
        answer: AckFrame,
    },
    /// A payload was refused and is kept.
    Quarantined {
        /// When it was heard.
        received_at: Timestamp,
        /// Its topic.
        topic: String,
        /// Its bytes.
        payload: Vec<u8>,
        /// By what.
        refused_by: RefusedBy,
        /// Why.
        reason: String,
    },
    /// A payload in quarantine was taken after all: what followed from it comes after this fact.
    QuarantineResolved {
        /// Which.
        id: QuarantineId,
        /// When.
        at: Timestamp,
        /// True when it was thrown away instead.
        discarded: bool,
    },
    /// A rule found something.
    AlertRaised {
        /// Its id, the next one.
        id: AlertId,
        /// When.
        at: Timestamp,
        /// About what.
        subject: AlertSubject,
        /// How urgent.
        severity: Severity,
        /// A sentence for people.
        message: String,
    },
    /// An open alert changed.
    AlertUpdated {
        /// Which.
        id: AlertId,
        /// When.
        at: Timestamp,
        /// How urgent now.
        severity: Severity,
        /// The new sentence.
        message: String,
    },
    /// A person has seen an alert.
    AlertAcknowledged {
        /// Which.
        id: AlertId,
        /// When.
        at: Timestamp,
        /// Who, as they gave it.
        by: String,
        /// What they said.
        note: Option<String>,
    },
    /// What an alert was about is over.
    AlertCleared {
        /// Which.
        id: AlertId,
        /// When.
        at: Timestamp,
    },
    /// An order, or a reservation, was taken and promised.
    OrderTaken {
        /// When.
        at: Timestamp,
        /// The idempotency key, where it is not the order's id.
        key: Option<String>,
        /// Until when a reservation holds; `None` of an order.
        expires_at: Option<Timestamp>,
        /// What is wanted.
        order: OrderSpec,
        /// What was promised; what of a line is not in here has no date.
        parts: Vec<PromisedPart>,
    },
    /// An order was changed, and promised anew.
    OrderAmended {
        /// When.
        at: Timestamp,
        /// All of it, as it is now.
        order: OrderSpec,
        /// What is promised now.
        parts: Vec<PromisedPart>,
    },
    /// An order, or a reservation, is no longer wanted.
    OrderEnded {
        /// When.
        at: Timestamp,
        /// Which.
        order: OrderId,
        /// How.
        how: OrderEnd,
        /// Why, for people.
        reason: Option<String>,
    },
    /// How positions are replenished was decided.
    ReplenishmentDecided {
        /// When.
        at: Timestamp,
        /// By whom, as they gave it.
        by: Option<String>,
        /// Of which position; of all when absent.
        position: Option<(SiteId, SkuId)>,
        /// A `ReplenishmentPolicy`, or the position's `ReplenishmentParameters`, as JSON; `None` takes them back.
        document: Option<String>,
    },
    /// A planning run was made. What an earlier one proposed and nobody decided on is over.
    Planned {
        /// When.
        at: Timestamp,
        /// False of the parts of a long plan after the first.
        is_first: bool,
        /// What it proposes; they get the next ids.
        proposals: Vec<ProposalSpec>,
    },
    /// Somebody, or the policy, decided on a proposal.
    ProposalDecided {
        /// When.
        at: Timestamp,
        /// Which.
        id: ProposalId,
        /// What.
        decision: Decision,
        /// By whom; the policy when absent.
        by: Option<String>,
        /// What they said.
        note: Option<String>,
    },
    /// Goods were ordered from a supplier, or from another site.
    SupplyOrderPlaced {
        /// When.
        at: Timestamp,
        /// The order.
        order: SupplyOrderSpec,
    },
    /// What of an order to a supplier has not been sent is no longer wanted.
    SupplyOrderCancelled {
        /// When.
        at: Timestamp,
        /// Which.
        order: OrderId,
        /// Why, for people.
        reason: Option<String>,
    },
    /// Whoever is to send the goods of an order will.
    SupplyOrderConfirmed {
        /// When.
        at: Timestamp,
        /// Which.
        order: OrderId,
        /// When they should be there, where that has changed.
        due_at: Option<Timestamp>,
    },
    /// What was asked for before the twin listened, by week.
    DemandGiven {
        /// Where.
        site: SiteId,
        /// What.
        sku: SkuId,
        /// The Monday that the first week begins with, 00:00 UTC.
        from: Timestamp,
        /// Pieces asked for, by week, and days of it without stock.
        weeks: Vec<(u32, u8)>,
    },
    /// Planners expect otherwise than statistics.
    ForecastOverridden {
        /// When.
        at: Timestamp,
        /// Where.
        site: SiteId,
        /// What.
        sku: SkuId,
        /// By whom, as they gave it.
        by: Option<String>,
        /// Why.
        note: Option<String>,
        /// What.
        weeks: Vec<OverriddenWeek>,
    },
    /// These SKUs and sites are known to everybody by these keys of GS1.
    KeysDefined {
        /// Of SKUs.
        gtins: Vec<GtinSpec>,
        /// Of sites.
        glns: Vec<GlnSpec>,
    },
    /// Vehicles were given routes, in place of those that they had.
    RoutesGiven {
        /// When.
        at: Timestamp,
        /// The operation that found them.
        plan: OperationId,
        /// Who gave them.
        by: Option<String>,
        /// One for each vehicle.
        routes: Vec<RouteSpec>,
        /// Vehicles that have none any more.
        stopped: Vec<VehicleId>,
    },
    /// A lane can be used no more, or again.
    LaneSwitched {
        /// When.
        at: Timestamp,
        /// Which.
        lane: LaneId,
        /// Whether it is closed from now on.
        is_closed: bool,
        /// Who says so.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
    },
    /// The plane looked for routes by itself.
    RoutesReplanned {
        /// When it had looked.
        at: Timestamp,
        /// The operation.
        plan: OperationId,
        /// Why it did.
        causes: Vec<ReplanCause>,
        /// What came of it.
        outcome: ReplanOutcome,
    },
    /// These sites look so from above, in place of what was known of them.
    PlansDefined(Vec<SitePlanSpec>),
}

/// Why bytes are not a fact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FactError {
    /// No bytes.
    #[error("a fact cannot be empty")]
    Empty,
    /// Written by a version that this one does not know.
    #[error("fact of version {0}, this build reads up to {FACT_VERSION}")]
    Version(u8),
    /// Not what the version says.
    #[error("not a fact of version {FACT_VERSION}: {0}")]
    Encoding(String),
}

impl Fact {
    /// When it became known, by the clock of the gateway; `None` where the fact does not say, as definitions do
    /// not: those were known when the fact after them was.
    pub fn known_at(&self) -> Option<Timestamp> {
        match self {
            Self::NetworkDefined(_)
            | Self::SitesDefined(_)
            | Self::LanesDefined(_)
            | Self::SkusDefined(_)
            | Self::VehiclesDefined(_)
            | Self::DevicesDefined(_)
            | Self::StockDefined(_)
            | Self::SeriesDefined { .. }
            | Self::DemandGiven { .. }
            | Self::KeysDefined { .. }
            | Self::PlansDefined(_) => None,
            Self::ShipmentsDefined { at, .. }
            | Self::RoutesGiven { at, .. }
            | Self::LaneSwitched { at, .. }
            | Self::RoutesReplanned { at, .. }
            | Self::DeviceSeen { at, .. }
            | Self::CommandDelivered { at, .. }
            | Self::QuarantineResolved { at, .. }
            | Self::AlertRaised { at, .. }
            | Self::AlertUpdated { at, .. }
            | Self::AlertAcknowledged { at, .. }
            | Self::AlertCleared { at, .. }
            | Self::OrderTaken { at, .. }
            | Self::OrderAmended { at, .. }
            | Self::OrderEnded { at, .. }
            | Self::ReplenishmentDecided { at, .. }
            | Self::Planned { at, .. }
            | Self::ProposalDecided { at, .. }
            | Self::SupplyOrderPlaced { at, .. }
            | Self::SupplyOrderCancelled { at, .. }
            | Self::SupplyOrderConfirmed { at, .. }
            | Self::ForecastOverridden { at, .. } => Some(*at),
            Self::DeviceBorn { received_at, .. }
            | Self::DeviceStatus { received_at, .. }
            | Self::Readings { received_at, .. }
            | Self::Positioned { received_at, .. }
            | Self::Happened { received_at, .. }
            | Self::SettingsReported { received_at, .. }
            | Self::CommandAnswered { received_at, .. }
            | Self::Quarantined { received_at, .. } => Some(*received_at),
            Self::CommandIssued { command, .. } => Some(command.issued_at),
        }
    }

    /// Appends the fact's bytes to `out`.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), FactError> {
        out.push(FACT_VERSION);
        let taken = core::mem::take(out);
        *out = postcard::to_extend(self, taken).map_err(|why| FactError::Encoding(why.to_string()))?;
        Ok(())
    }

    /// Reads one fact from all of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, FactError> {
        let (version, body) = bytes.split_first().ok_or(FactError::Empty)?;
        if *version != FACT_VERSION {
            return Err(FactError::Version(*version));
        }
        let (fact, rest) = postcard::take_from_bytes(body).map_err(|why| FactError::Encoding(why.to_string()))?;
        if rest.is_empty() { Ok(fact) } else { Err(FactError::Encoding("trailing bytes".into())) }
    }
}
