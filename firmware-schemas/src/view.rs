//! The read model: what viewers and clients get, as a [`Snapshot`] and then [`Delta`]s.
//!
//! Every entity is sent whole when anything about it changed, so a client keeps a map by id and replaces.

use crate::fact::{AlertId, AlertSubject, QuarantineId, RefusedBy, Severity};
use crate::gs1::{Gln, Gtin};
use crate::id::{DeviceId, LaneId, MetricName, ShipmentId, SiteId, SkuId, TenantId, VehicleId};
use crate::network::{DeviceKind, Mode, SiteKind, TemperatureClass, VehicleKind};
use crate::quantity::{Grams, Metres, MilliCelsius, MinorUnits, Pieces, Position, Seconds, Timestamp};
use crate::telemetry::{GoodsLine, MetricKind, Quality, Value, bare};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

macro_rules! view {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $ty,)+
        }
    };
}

view! {
    /// The head of the network.
    NetworkView {
        /// For people; empty before a network is loaded.
        name: String,
        /// Whose.
        tenant: TenantId,
        /// ISO 4217 code of every amount.
        currency: String,
        /// IANA name.
        time_zone: String,
    }
}
view! {
    /// A site with the sum of its stock.
    SiteView {
        /// Its id.
        site: SiteId,
        /// What it does.
        kind: SiteKind,
        /// For people.
        name: String,
        /// The same in Chinese.
        name_zh: Option<String>,
        /// Where it is.
        position: Position,
        /// ISO 3166-1 alpha-2 code.
        country: Option<String>,
        /// IANA name.
        time_zone: String,
        /// Echelons from the end customer.
        tier: Option<u8>,
        /// How important a partner.
        partner_class: Option<String>,
        /// Its stock in sum.
        stock: StockSummary,
        /// Open alerts about it, its stock and its devices.
        open_alerts: u32,
        /// What it is to everybody.
        gln: Option<Gln>,
    }
}
view! {
    /// The stock of a site in sum.
    StockSummary {
        /// How many SKUs it keeps.
        positions: u32,
        /// Pieces on hand.
        on_hand: Pieces,
        /// Pieces on their way here.
        in_transit: Pieces,
        /// How many SKUs are at or under their reorder point, counting what is on its way and on order.
        below_reorder_point: u32,
        /// How many SKUs have nothing on hand.
        out_of_stock: u32,
    }
}
view! {
    /// A lane.
    LaneView {
        /// Its id.
        lane: LaneId,
        /// Where it starts.
        from: SiteId,
        /// Where it ends.
        to: SiteId,
        /// How goods move on it.
        mode: Mode,
        /// From leaving to being usable, on average.
        lead_time_secs: Seconds,
        /// Along its points.
        distance_m: Metres,
        /// Points between its ends.
        via: Vec<Position>,
    }
}
view! {
    /// A stock keeping unit.
    SkuView {
        /// Its id.
        sku: SkuId,
        /// For people.
        name: String,
        /// The same in Chinese.
        name_zh: Option<String>,
        /// What one piece is.
        unit: String,
        /// Of one piece.
        mass_g: Grams,
        /// Of one piece, at cost.
        value_minor: MinorUnits,
        /// How warm it may be.
        temperature: TemperatureClass,
        /// The coldest it may get.
        temperature_min_milli_c: Option<MilliCelsius>,
        /// The warmest it may get.
        temperature_max_milli_c: Option<MilliCelsius>,
        /// From making to throwing away.
        shelf_life_days: Option<u32>,
        /// What it is to everybody.
        gtin: Option<Gtin>,
    }
}
view! {
    /// The stock of one SKU at one site.
    StockView {
        /// Where.
        site: SiteId,
        /// What.
        sku: SkuId,
        /// On the shelf.
        on_hand: Pieces,
        /// Promised, of what is on hand.
        reserved: Pieces,
        /// `on_hand - reserved`.
        available: Pieces,
        /// On its way here.
        in_transit: Pieces,
        /// Ordered, and not yet on its way.
        on_order: Pieces,
        /// Order when the position falls to this.
        reorder_point: Option<Pieces>,
        /// Order up to this.
        order_up_to: Option<Pieces>,
        /// The site that replenishes it.
        source: Option<SiteId>,
        /// Days until nothing is left at the rate of issue of the last 28 days; `None` where nothing went out.
        days_of_cover: Option<f64>,
        /// The average rate of issue, pieces a day.
        issued_per_day: f64,
        /// When it last changed; `None` since the network was loaded.
        changed_at: Option<Timestamp>,
    }
}
/// How fresh what we know of a device is, by its interval T.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// Heard within 2 T.
    Live,
    /// Heard within 5 T.
    Late,
    /// Heard within 20 T.
    Stale,
    /// Not heard for longer than 20 T, or said goodbye.
    Lost,
    /// Never heard.
    Never,
}

impl Freshness {
    /// The freshness of what was last heard at `heard_at`, seen at `now`.
    pub fn of(heard_at: Option<Timestamp>, interval: Seconds, now: Timestamp) -> Self {
        let Some(heard_at) = heard_at else { return Self::Never };
        let age_millis = now.since(heard_at).as_millis();
        let interval_millis = interval.to_duration().as_millis().max(1);
        match age_millis {
            age if age <= 2 * interval_millis => Self::Live,
            age if age <= 5 * interval_millis => Self::Late,
            age if age <= 20 * interval_millis => Self::Stale,
            _ => Self::Lost,
        }
    }
}

view! {
    /// A device with its last readings.
    DeviceView {
        /// Its id.
        device: DeviceId,
        /// The site that it reports under.
        site: SiteId,
        /// What kind.
        kind: DeviceKind,
        /// The vehicle that it is on.
        vehicle: Option<VehicleId>,
        /// How often it means to report.
        interval_secs: Seconds,
        /// Online by its own word; `None` before it said so.
        online: Option<bool>,
        /// When it was last heard, by our clock.
        heard_at: Option<Timestamp>,
        /// How fresh that was when this was made.
        freshness: Freshness,
        /// Its metrics with their last readings.
        metrics: Vec<MetricView>,
    }
}
view! {
    /// A metric with its last reading by event time.
    MetricView {
        /// Its name.
        metric: MetricName,
        /// UCUM code; empty when unknown.
        unit: String,
        /// Its kind of values.
        kind: MetricKind,
        /// The lowest value in order, in the unit.
        min: Option<f64>,
        /// The highest value in order, in the unit.
        max: Option<f64>,
        /// The newest reading.
        last: Option<ReadingView>,
    }
}
view! {
    /// One reading.
    ReadingView {
        /// When, by the device's clock.
        at: Timestamp,
        /// What.
        #[serde(with = "bare")]
        #[cfg_attr(feature = "schema", schemars(with = "Value"))]
        value: Value,
        /// How far it can be trusted.
        quality: Quality,
    }
}
view! {
    /// The newest reading of one metric of one device.
    LastReadingView {
        /// Whose.
        device: DeviceId,
        /// Which metric.
        metric: MetricName,
        /// When, by the device's clock.
        at: Timestamp,
        /// What.
        #[serde(with = "bare")]
        #[cfg_attr(feature = "schema", schemars(with = "Value"))]
        value: Value,
        /// How far it can be trusted.
        quality: Quality,
        /// When we heard it.
        received_at: Timestamp,
    }
}
view! {
    /// A vehicle with its last fix.
    VehicleView {
        /// Its id.
        vehicle: VehicleId,
        /// What kind.
        kind: VehicleKind,
        /// How it moves.
        mode: Mode,
        /// For people.
        name: String,
        /// What it can carry.
        capacity_g: Grams,
        /// Where it belongs.
        home: SiteId,
        /// Where it was.
        position: Option<Position>,
        /// When that was.
        at: Option<Timestamp>,
        /// Speed over ground, in millimetres per second.
        speed_mm_per_s: Option<u32>,
        /// Direction of travel, in hundredths of a degree clockwise from north.
        heading_cdeg: Option<u16>,
        /// The lane that it follows.
        lane: Option<LaneId>,
        /// The site where it stands.
        site: Option<SiteId>,
        /// How often its tracker means to report.
        interval_secs: Seconds,
        /// How fresh the fix was when this was made.
        freshness: Freshness,
        /// The shipments on board.
        shipments: Vec<ShipmentId>,
    }
}
/// Where a shipment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ShipmentState {
    /// Left, and not yet there.
    InTransit,
    /// There.
    Arrived,
}
view! {
    /// Goods on their way.
    ShipmentView {
        /// Its id.
        shipment: ShipmentId,
        /// Where it left.
        from: SiteId,
        /// Where it goes.
        to: SiteId,
        /// Along which lane.
        lane: Option<LaneId>,
        /// In which vehicle.
        vehicle: Option<VehicleId>,
        /// Where it stands.
        state: ShipmentState,
        /// When it left.
        dispatched_at: Timestamp,
        /// When it should arrive.
        due_at: Option<Timestamp>,
        /// When it arrived.
        arrived_at: Option<Timestamp>,
        /// What is in it.
        lines: Vec<GoodsLine>,
    }
}
/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Nobody has said that they saw it.
    Open,
    /// Somebody has.
    Acknowledged,
    /// It is over.
    Cleared,
}
view! {
    /// An alert.
    AlertView {
        /// Its id.
        id: AlertId,
        /// Where it stands.
        state: AlertState,
        /// How urgent.
        severity: Severity,
        /// About what: an object with one member named after the rule.
        subject: AlertSubject,
        /// The site to look at, when there is one.
        site: Option<SiteId>,
        /// A sentence for people.
        message: String,
        /// When it was raised.
        raised_at: Timestamp,
        /// When it last changed.
        updated_at: Timestamp,
        /// Who acknowledged it.
        acknowledged_by: Option<String>,
        /// What they said.
        note: Option<String>,
        /// When it was over.
        cleared_at: Option<Timestamp>,
    }
}
view! {
    /// A payload in quarantine.
    QuarantineView {
        /// Its id.
        id: QuarantineId,
        /// When it was heard.
        received_at: Timestamp,
        /// Its topic.
        topic: String,
        /// Its length in bytes.
        payload_len: u64,
        /// By what it was refused.
        refused_by: RefusedBy,
        /// Why.
        reason: String,
    }
}
view! {
    /// Everything a client needs to start; then it follows [`Delta`]s with a greater `seq`.
    Snapshot {
        /// The newest delta that is contained.
        seq: u64,
        /// When it was made, by the gateway's clock.
        at: Timestamp,
        /// The head.
        network: NetworkView,
        /// All sites, by id.
        sites: Vec<SiteView>,
        /// All lanes, by id.
        lanes: Vec<LaneView>,
        /// All SKUs, by id.
        skus: Vec<SkuView>,
        /// Stock by site and SKU: all of it, or none when the client asked for sums only.
        stock: Vec<StockView>,
        /// All devices, by id.
        devices: Vec<DeviceView>,
        /// All vehicles, by id.
        vehicles: Vec<VehicleView>,
        /// Shipments under way, by id.
        shipments: Vec<ShipmentView>,
        /// Alerts that are not cleared, by id.
        alerts: Vec<AlertView>,
    }
}
view! {
    /// What changed, in one step that is durable.
    Delta {
        /// Grows with each delta; gaps are possible (a filter left some out), going back is not.
        seq: u64,
        /// When, by the gateway's clock.
        at: Timestamp,
        /// Each entity at most once.
        changes: Vec<Change>,
    }
}

/// One entity as it is now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The network's head.
    Network(NetworkView),
    /// A site, or the sum of its stock.
    Site(SiteView),
    /// A lane.
    Lane(LaneView),
    /// A SKU.
    Sku(SkuView),
    /// A stock position.
    Stock(StockView),
    /// A device, other than its readings.
    Device(DeviceView),
    /// The newest reading of a metric.
    Reading(LastReadingView),
    /// A vehicle.
    Vehicle(VehicleView),
    /// A shipment.
    Shipment(ShipmentView),
    /// An alert.
    Alert(AlertView),
}
