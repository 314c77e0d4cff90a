//! What devices send up: birth, telemetry, position, events, status and reported settings.
//!
//! JSON is for people, CBOR for small devices; both carry the same members. In JSON a time is an RFC 3339
//! string (or integer milliseconds) and a position `{"lat", "lon"}` in degrees; in CBOR a time is an
//! integer of nanoseconds since 1970 and a position `[lat_e7, lon_e7]`. Unknown members are ignored,
//! `null` for an optional member means that it is absent, and a number is never read from a string.

use crate::id::{CommandId, DeviceId, LaneId, MetricName, OrderId, ShipmentId, SiteId, SkuId, VehicleId};
use crate::quantity::{Pieces, Position, Timestamp};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use compact_str::CompactString;
use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The largest payload, in bytes.
pub const PAYLOAD_LEN_MAX: usize = 1 << 20;
/// The deepest nesting of arrays and objects in a payload.
pub const DEPTH_MAX: usize = 32;
/// The most frames in a payload that is an array.
pub const FRAMES_MAX: usize = 500;
/// The most readings in one frame.
pub const READINGS_MAX: usize = 1_000;
/// The most events in one frame.
pub const EVENTS_MAX: usize = 1_000;
/// The most metrics that one device declares.
pub const METRICS_MAX: usize = 1_000;
/// The most lines of one shipment.
pub const SHIPMENT_LINES_MAX: usize = 10_000;
/// The longest text value or free text, in bytes.
pub const TEXT_LEN_MAX: usize = 1_024;
/// The most pieces in one event: more than any site holds, and a million of them sum within 64 bits.
pub const PIECES_MAX: i64 = 1_000_000_000_000;
/// The largest magnitude of an integer value: every double up to here is exact.
pub const INTEGER_MAX: i64 = 1 << 53;

/// What one reading says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// A number. Finite.
    Float(f64),
    /// A whole number, within ±2^53.
    Integer(i64),
    /// On or off, open or shut.
    Boolean(bool),
    /// A code or a short text.
    Text(CompactString),
}

impl Value {
    /// The number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(x) => Some(*x),
            Self::Integer(n) => Some(*n as f64), // exact: within ±2^53
            Self::Boolean(_) | Self::Text(_) => None,
        }
    }

    /// The kind of metric that carries such values.
    pub fn kind(&self) -> MetricKind {
        match self {
            Self::Float(_) => MetricKind::Float,
            Self::Integer(_) => MetricKind::Integer,
            Self::Boolean(_) => MetricKind::Boolean,
            Self::Text(_) => MetricKind::Text,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float(x) => write!(f, "{x}"),
            Self::Integer(n) => write!(f, "{n}"),
            Self::Boolean(b) => write!(f, "{b}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A [`Value`] as it stands on the wire: a bare number, boolean or string.
///
/// Use as `#[serde(with = "bare")]`.
pub mod bare {
    use super::{CompactString, Deserializer, Serializer, Value, de, fmt};

    /// Writes the bare scalar.
    pub fn serialize<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Value::Float(x) => serializer.serialize_f64(*x),
            Value::Integer(n) => serializer.serialize_i64(*n),
            Value::Boolean(b) => serializer.serialize_bool(*b),
            Value::Text(text) => serializer.serialize_str(text),
        }
    }

    /// Reads a bare scalar; its kind is what the encoding says.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(Scalar)
    }

    struct Scalar;
    impl de::Visitor<'_> for Scalar {
        type Value = Value;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number, boolean or string")
        }
        fn visit_bool<E: de::Error>(self, b: bool) -> Result<Value, E> {
            Ok(Value::Boolean(b))
        }
        fn visit_i64<E: de::Error>(self, n: i64) -> Result<Value, E> {
            Ok(Value::Integer(n))
        }
        fn visit_u64<E: de::Error>(self, n: u64) -> Result<Value, E> {
            i64::try_from(n)
                .map(Value::Integer)
                .map_err(|_too_big| E::invalid_value(de::Unexpected::Unsigned(n), &self))
        }
        fn visit_f64<E: de::Error>(self, x: f64) -> Result<Value, E> {
            Ok(Value::Float(x))
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
            Ok(Value::Text(CompactString::from(text)))
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Value {
    fn schema_name() -> alloc::borrow::Cow<'static, str> {
        "Value".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A bare number (an integer within ±2^53), boolean or string.",
            "type": ["number", "boolean", "string"],
            "maxLength": TEXT_LEN_MAX,
        })
    }
}

pub use crate::network::MetricKind;

/// How far a reading can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// As measured.
    #[default]
    Good,
    /// Outside its declared limits, or doubted by the sender.
    Suspect,
    /// The sender says that it is wrong.
    Bad,
}

// Absent and `null` read as the default, so the value is an option in every encoding: it must be written as
// one too, or an encoding without names (the journal's) could not read it back.
fn some<S: Serializer, T: Serialize>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(value)
}

fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// One measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reading {
    /// What was measured.
    pub metric: MetricName,
    /// When, by the device's clock.
    pub at: Timestamp,
    /// What it was, in the unit that the birth declares.
    #[serde(with = "bare")]
    #[cfg_attr(feature = "schema", schemars(with = "Value"))]
    pub value: Value,
    /// How far it can be trusted; good unless said otherwise.
    #[serde(default, serialize_with = "some", deserialize_with = "null_is_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Quality>"))]
    pub quality: Quality,
}

/// Readings of one device, taken whole or not at all.
///
/// `(device, boot, seq)` is the frame's identity where both are given; else each reading's is
/// `(device, metric, at)`. The same again is one reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TelemetryFrame {
    /// The sender; the same as in the topic.
    pub device: DeviceId,
    /// Which start of the device: grows with each.
    #[serde(default)]
    pub boot: Option<u64>,
    /// Number of the frame since that start, over all channels: 0, 1, 2, …
    #[serde(default)]
    pub seq: Option<u64>,
    /// When it was sent, by the device's clock.
    #[serde(default)]
    pub sent_at: Option<Timestamp>,
    /// 1 to [`READINGS_MAX`] readings.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = READINGS_MAX)))]
    pub readings: Vec<Reading>,
}

/// What one metric of a device is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MetricDeclaration {
    /// Its name, unique within the device.
    pub name: MetricName,
    /// Its unit as a UCUM code: `Cel`, `%`, `km/h`, `V`, `1` for none.
    #[cfg_attr(feature = "schema", schemars(length(max = TEXT_LEN_MAX)))]
    pub unit: String,
    /// Its kind of values.
    pub kind: MetricKind,
    /// A value below is suspect.
    #[serde(default)]
    pub min: Option<f64>,
    /// A value above is suspect.
    #[serde(default)]
    pub max: Option<f64>,
}

/// What a device is and measures. Retained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BirthFrame {
    /// The sender; the same as in the topic.
    pub device: DeviceId,
    /// Which start of the device: grows with each.
    #[serde(default)]
    pub boot: Option<u64>,
    /// When it started, by its clock.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// How often it means to report, in seconds; silence beyond is noticed.
    #[serde(default)]
    pub interval_secs: Option<u32>,
    /// The vehicle that carries it, if one does.
    #[serde(default)]
    pub vehicle: Option<VehicleId>,
    /// Make and firmware version, free text.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = TEXT_LEN_MAX)))]
    pub firmware: Option<String>,
    /// What it measures.
    #[serde(default, serialize_with = "some", deserialize_with = "null_is_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<MetricDeclaration>>", length(max = METRICS_MAX)))]
    pub metrics: Vec<MetricDeclaration>,
}

/// Online or not. Retained, and given to the broker as the last will (the device's death).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StatusFrame {
    /// The sender; the same as in the topic.
    pub device: DeviceId,
    /// Which start of the device this speaks of; an older one's death is ignored.
    #[serde(default)]
    pub boot: Option<u64>,
    /// False in the last will.
    pub online: bool,
    /// When, by the device's clock; absent in a last will.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// Why, free text.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = TEXT_LEN_MAX)))]
    pub reason: Option<String>,
}

/// Where a vehicle is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PositionFrame {
    /// The sender; the same as in the topic.
    pub device: DeviceId,
    /// Which start of the device: grows with each.
    #[serde(default)]
    pub boot: Option<u64>,
    /// Number of the frame since that start.
    #[serde(default)]
    pub seq: Option<u64>,
    /// The vehicle; the one that carries the device when absent.
    #[serde(default)]
    pub vehicle: Option<VehicleId>,
    /// When the fix was taken.
    pub at: Timestamp,
    /// Where.
    pub position: Position,
    /// Speed over ground, in millimetres per second.
    #[serde(default)]
    pub speed_mm_per_s: Option<u32>,
    /// Direction of travel, in hundredths of a degree clockwise from north, below 36,000.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(max = 35_999)))]
    pub heading_cdeg: Option<u16>,
    /// The lane that it follows, when it knows.
    #[serde(default)]
    pub lane: Option<LaneId>,
    /// The site where it stands, when it stands at one.
    #[serde(default)]
    pub site: Option<SiteId>,
}

/// One line of goods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GoodsLine {
    /// What.
    pub sku: SkuId,
    /// How much, at least 1.
    #[cfg_attr(feature = "schema", schemars(extend("minimum" = 1, "maximum" = PIECES_MAX)))]
    pub pieces: Pieces,
}

/// What happened to stock or a shipment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// The stock was counted: on hand is now this.
    StockCounted {
        /// Which SKU.
        sku: SkuId,
        /// What is there, at least 0.
        #[cfg_attr(feature = "schema", schemars(extend("minimum" = 0, "maximum" = PIECES_MAX)))]
        on_hand: Pieces,
    },
    /// Goods came in from outside any known shipment.
    StockReceived {
        /// Which SKU.
        sku: SkuId,
        /// How much, at least 1.
        #[cfg_attr(feature = "schema", schemars(extend("minimum" = 1, "maximum" = PIECES_MAX)))]
        pieces: Pieces,
        /// The purchase or transfer order that it fills; `on_order` falls by as much.
        #[serde(default)]
        order: Option<OrderId>,
    },
    /// Goods left for a customer.
    StockIssued {
        /// Which SKU.
        sku: SkuId,
        /// How much, at least 1.
        #[cfg_attr(feature = "schema", schemars(extend("minimum" = 1, "maximum" = PIECES_MAX)))]
        pieces: Pieces,
        /// The customer's order; what was reserved for it falls by as much.
        #[serde(default)]
        order: Option<OrderId>,
        /// Who got it.
        #[serde(default)]
        customer: Option<SiteId>,
    },
    /// A customer sent goods back.
    StockReturned {
        /// Which SKU.
        sku: SkuId,
        /// How much, at least 1.
        #[cfg_attr(feature = "schema", schemars(extend("minimum" = 1, "maximum" = PIECES_MAX)))]
        pieces: Pieces,
        /// Who sent it.
        #[serde(default)]
        customer: Option<SiteId>,
    },
    /// The books were corrected by this much, up or down.
    StockAdjusted {
        /// Which SKU.
        sku: SkuId,
        /// By how much, not 0.
        #[cfg_attr(feature = "schema", schemars(extend("minimum" = -PIECES_MAX, "maximum" = PIECES_MAX, "not" = serde_json::json!({"const": 0}))))]
        pieces: Pieces,
        /// Why, free text.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schemars(length(max = TEXT_LEN_MAX)))]
        reason: Option<String>,
    },
    /// Goods on hand were promised to an order.
    StockReserved {
        /// Which SKU.
        sku: SkuId,
        /// How much, at least 1.
        #[cfg_attr(feature = "schema", schemars(extend("minimum" = 1, "maximum" = PIECES_MAX)))]
        pieces: Pieces,
        /// For whom.
        order: OrderId,
    },
    /// A promise was taken back.
    ReservationReleased {
        /// Which SKU.
        sku: SkuId,
        /// How much, at least 1.
        #[cfg_attr(feature = "schema", schemars(extend("minimum" = 1, "maximum" = PIECES_MAX)))]
        pieces: Pieces,
        /// Whose.
        order: OrderId,
    },
    /// More was ordered for this site: `on_order` grows.
    StockOrdered {
        /// Which SKU.
        sku: SkuId,
        /// How much, at least 1.
        #[cfg_attr(feature = "schema", schemars(extend("minimum" = 1, "maximum" = PIECES_MAX)))]
        pieces: Pieces,
        /// The purchase or transfer order.
        order: OrderId,
        /// From where.
        #[serde(default)]
        source: Option<SiteId>,
        /// When it should be here.
        #[serde(default)]
        due_at: Option<Timestamp>,
    },
    /// An order for this site was cancelled in part or whole: `on_order` falls.
    OrderCancelled {
        /// Which SKU.
        sku: SkuId,
        /// How much, at least 1.
        #[cfg_attr(feature = "schema", schemars(extend("minimum" = 1, "maximum" = PIECES_MAX)))]
        pieces: Pieces,
        /// The purchase or transfer order.
        order: OrderId,
    },
    /// Goods left this site for another: on hand falls here; there `on_order` falls and `in_transit` grows.
    ShipmentDispatched {
        /// Its id, new.
        shipment: ShipmentId,
        /// Where it goes.
        to: SiteId,
        /// Along which lane.
        #[serde(default)]
        lane: Option<LaneId>,
        /// In which vehicle.
        #[serde(default)]
        vehicle: Option<VehicleId>,
        /// When it should arrive.
        #[serde(default)]
        due_at: Option<Timestamp>,
        /// The order that it fills.
        #[serde(default)]
        order: Option<OrderId>,
        /// What is in it, 1 to [`SHIPMENT_LINES_MAX`] lines.
        #[cfg_attr(feature = "schema", schemars(length(min = 1, max = SHIPMENT_LINES_MAX)))]
        lines: Vec<GoodsLine>,
    },
    /// A shipment came in at this site: `in_transit` falls by what was sent, on hand grows by what came.
    ShipmentArrived {
        /// Which.
        shipment: ShipmentId,
        /// What came, when it is not all that was sent.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schemars(length(max = SHIPMENT_LINES_MAX)))]
        lines: Option<Vec<GoodsLine>>,
    },
}

/// One thing that happened at a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventRecord {
    /// When.
    pub at: Timestamp,
    /// Where; the topic's site when absent.
    #[serde(default)]
    pub site: Option<SiteId>,
    /// What: an object with one member named after the kind.
    pub happening: Happening,
}

/// Events of one device, taken whole or not at all, each once: `boot` and `seq` are required.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventFrame {
    /// The sender; the same as in the topic.
    pub device: DeviceId,
    /// Which start of the device: grows with each.
    pub boot: u64,
    /// Number of the frame since that start, over all channels.
    pub seq: u64,
    /// When it was sent, by the device's clock.
    #[serde(default)]
    pub sent_at: Option<Timestamp>,
    /// 1 to [`EVENTS_MAX`] events, applied in this order.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = EVENTS_MAX)))]
    pub events: Vec<EventRecord>,
}

/// The settings in force on a device. Retained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReportedFrame {
    /// The sender; the same as in the topic.
    pub device: DeviceId,
    /// When, by the device's clock.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// Setting → value.
    #[cfg_attr(feature = "schema", schemars(extend("maxProperties" = METRICS_MAX)))]
    pub settings: BTreeMap<MetricName, Setting>,
}

/// One setting of a device, a bare value on the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting(pub Value);

impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        bare::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bare::deserialize(deserializer).map(Self)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Setting {
    fn schema_name() -> alloc::borrow::Cow<'static, str> {
        "Setting".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Value::json_schema(generator)
    }
}

/// How a device answered a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Understood, will be done.
    Accepted,
    /// Done.
    Done,
    /// Will not be done.
    Rejected,
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AckFrame {
    /// The sender; the same as in the topic.
    pub device: DeviceId,
    /// The command that it answers.
    pub command: CommandId,
    /// When, by the device's clock.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// How.
    pub outcome: Outcome,
    /// Why, free text.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = TEXT_LEN_MAX)))]
    pub reason: Option<String>,
}
