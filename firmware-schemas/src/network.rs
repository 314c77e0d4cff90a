//! What a supply network is made of: the specifications that the network loader reads from a folder, the
//! journal keeps as facts, and the read model shows.
//!
//! Field names end in their unit, because in JSON and CSV only a bare number stands there. Every field is
//! always written: the journal's encoding has no names, so a field that is sometimes missing would shift
//! the rest.

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::gs1::{Gln, Gtin};
use crate::id::{DeviceId, LaneId, MetricName, ShipmentId, SiteId, SkuId, TenantId, VehicleId};
use crate::quantity::{Grams, Metres, MilliCelsius, MinorUnits, Pieces, Position, Seconds};

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name on the wire and in files.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// The one with this name; `None` for any other text.
            pub fn from_name(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

choice! {
    /// What a site does in the network. New kinds are added at the end: the journal keeps their numbers.
    SiteKind {
        /// Sells to us.
        Supplier = "supplier",
        /// Makes or assembles.
        Factory = "factory",
        /// Where sea lanes start and end.
        Port = "port",
        /// Where air lanes start and end.
        Airport = "airport",
        /// Feeds the regional warehouses.
        CentralWarehouse = "central_warehouse",
        /// Feeds shops and customers.
        RegionalWarehouse = "regional_warehouse",
        /// Goods change vehicle here and are not kept.
        CrossDock = "cross_dock",
        /// Sells to the public from its own stock.
        Shop = "shop",
        /// Orders from us.
        Customer = "customer",
    }
}
choice! {
    /// How goods move on a lane.
    Mode {
        /// By ship over sea.
        Sea = "sea",
        /// By truck or van.
        Road = "road",
        /// By train.
        Rail = "rail",
        /// By aeroplane.
        Air = "air",
        /// By barge on rivers and canals.
        Barge = "barge",
        /// Inside one place: conveyor, AGV, handling.
        Internal = "internal",
    }
}
choice! {
    /// What kind of vehicle.
    VehicleKind {
        /// A sea-going ship.
        Ship = "ship",
        /// A lorry.
        Truck = "truck",
        /// A delivery van.
        Van = "van",
        /// A train.
        Train = "train",
        /// An aeroplane.
        Aircraft = "aircraft",
        /// An inland barge.
        Barge = "barge",
        /// An automated guided vehicle inside a site.
        Agv = "agv",
    }
}
choice! {
    /// What kind of sender.
    DeviceKind {
        /// Measures air: temperature, humidity, a cold room's door.
        ColdRoom = "cold_room",
        /// A hand-held or fixed scanner that reports goods movements.
        Scanner = "scanner",
        /// A warehouse management system that reports stock.
        WarehouseSystem = "warehouse_system",
        /// Position, and often temperature, of a vehicle.
        Tracker = "tracker",
        /// A machine's controller.
        Controller = "controller",
        /// Any other sender.
        Other = "other",
    }
}
choice! {
    /// How warm goods may be.
    TemperatureClass {
        /// No control.
        Dry = "dry",
        /// Usually 2 to 8 °C.
        Chilled = "chilled",
        /// Usually -18 °C and below.
        Frozen = "frozen",
    }
}
choice! {
    /// The type of a metric's values, fixed at its birth.
    MetricKind {
        /// A 64-bit float.
        Float = "float",
        /// A whole number within ±2^53.
        Integer = "integer",
        /// True or false.
        Boolean = "boolean",
        /// A short text.
        Text = "text",
    }
}

/// The head of a network: what is true of all its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NetworkSpec {
    /// For people.
    pub name: String,
    /// Whose network; the second level of every topic.
    pub tenant: TenantId,
    /// ISO 4217 code of every amount of money.
    pub currency: String,
    /// IANA name of the time zone of sites that name none.
    pub time_zone: String,
}

/// A place that holds or moves goods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SiteSpec {
    /// Its identifier.
    pub site: SiteId,
    /// What it does.
    pub kind: SiteKind,
    /// For people.
    pub name: String,
    /// The same in Chinese.
    pub name_zh: Option<String>,
    /// Where it is.
    pub position: Position,
    /// ISO 3166-1 alpha-2 code.
    pub country: Option<String>,
    /// IANA name; the network's own when a file names none.
    pub time_zone: String,
    /// Echelons from the end customer, who is 0.
    pub tier: Option<u8>,
    /// How important a partner: `A`, `key`, or whatever the owner calls it.
    pub partner_class: Option<String>,
}

/// A connection from one site to another by one mode. A lane has one direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LaneSpec {
    /// Its identifier.
    pub lane: LaneId,
    /// Where it starts.
    pub from: SiteId,
    /// Where it ends; never `from`.
    pub to: SiteId,
    /// How goods move on it.
    pub mode: Mode,
    /// From leaving `from` to being usable at `to`, on average.
    pub lead_time_secs: Seconds,
    /// Standard deviation of the lead time; zero where it is fixed.
    pub lead_time_sd_secs: Seconds,
    /// Along its points; computed over great circles when a file gives none.
    pub distance_m: Metres,
    /// Points between the two ends, in order.
    pub via: Vec<Position>,
    /// For each departure.
    pub cost_minor: MinorUnits,
    /// For each tonne carried, on top.
    pub cost_per_tonne_minor: MinorUnits,
    /// The most that may go in a day; `None` where nothing limits it.
    pub capacity_g_per_day: Option<Grams>,
    /// Time between scheduled departures; `None` where it leaves on demand.
    pub departs_every_secs: Option<Seconds>,
}

/// A stock keeping unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SkuSpec {
    /// Its identifier.
    pub sku: SkuId,
    /// For people.
    pub name: String,
    /// The same in Chinese.
    pub name_zh: Option<String>,
    /// What one piece is: `piece`, `carton`, `kg bag`.
    pub unit: String,
    /// Of one piece.
    pub mass_g: Grams,
    /// Of one piece, in millilitres.
    pub volume_ml: u64,
    /// Of one piece, at cost.
    pub value_minor: MinorUnits,
    /// How warm it may be.
    pub temperature: TemperatureClass,
    /// The coldest it may get; `None` where nothing is said.
    pub temperature_min_milli_c: Option<MilliCelsius>,
    /// The warmest it may get; `None` where nothing is said.
    pub temperature_max_milli_c: Option<MilliCelsius>,
    /// From making to throwing away; `None` where it keeps.
    pub shelf_life_days: Option<u32>,
}

/// The stock of one SKU at one site, at the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockSpec {
    /// Where.
    pub site: SiteId,
    /// What.
    pub sku: SkuId,
    /// On the shelf.
    pub on_hand: Pieces,
    /// Promised, of what is on hand.
    pub reserved: Pieces,
    /// On its way here.
    pub in_transit: Pieces,
    /// Ordered, and not yet on its way.
    pub on_order: Pieces,
    /// Order when the position falls to this; `None` where nobody orders for it.
    pub reorder_point: Option<Pieces>,
    /// Order up to this; never below `reorder_point`.
    pub order_up_to: Option<Pieces>,
    /// The site that replenishes it; `None` where it is made here or nobody orders for it.
    pub source: Option<SiteId>,
}

/// A truck, ship, train, aeroplane or AGV.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VehicleSpec {
    /// Its identifier.
    pub vehicle: VehicleId,
    /// What kind.
    pub kind: VehicleKind,
    /// How it moves.
    pub mode: Mode,
    /// For people.
    pub name: String,
    /// What it can carry.
    pub capacity_g: Grams,
    /// The coldest class of goods it can carry.
    pub temperature: TemperatureClass,
    /// Where it belongs; its devices report under this site.
    pub home: SiteId,
    /// The lanes that it runs in turn, each starting where the one before ends; empty: it goes where it is sent.
    pub route: Vec<LaneId>,
    /// How far along the first lane of `route` it is at the start, in thousandths; `None`: it stands at home.
    pub progress_permille: Option<u16>,
    /// Usual speed, in metres an hour.
    pub speed_m_per_h: u32,
    /// The tracker on board.
    pub device: Option<DeviceId>,
}

/// A sender of frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeviceSpec {
    /// Its identifier.
    pub device: DeviceId,
    /// The site that it reports under; a vehicle's home for what is on board.
    pub site: SiteId,
    /// What kind.
    pub kind: DeviceKind,
    /// The vehicle that it is on; `None` where it stands in the site.
    pub vehicle: Option<VehicleId>,
    /// Time between two frames; one that is silent for longer is late.
    pub interval_secs: Seconds,
    /// What it measures.
    pub metrics: Vec<MetricSpec>,
}

/// What a SKU is to everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GtinSpec {
    /// Which.
    pub sku: SkuId,
    /// Its GTIN.
    pub gtin: Gtin,
}

/// What a site is to everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlnSpec {
    /// Which.
    pub site: SiteId,
    /// Its GLN.
    pub gln: Gln,
}

choice! {
    /// What a part of a site's plan is. New ones are added at the end: the journal keeps their numbers.
    PlanPartKind {
        /// The hall itself; everything else is in it.
        Hall = "hall",
        /// Where goods come in.
        Receiving = "receiving",
        /// Racks at the temperature of the hall.
        Dry = "dry",
        /// Racks in the cold.
        Chilled = "chilled",
        /// Racks in the frost.
        Frozen = "frozen",
        /// Where goods go out.
        Shipping = "shipping",
        /// A place in a rack.
        Slot = "slot",
        /// A door for goods that come in.
        DockIn = "dock_in",
        /// A door for goods that go out.
        DockOut = "dock_out",
    }
}

impl PlanPartKind {
    /// An area of the hall, rather than the hall, a slot or a door.
    pub const fn is_zone(self) -> bool {
        matches!(self, Self::Receiving | Self::Dry | Self::Chilled | Self::Frozen | Self::Shipping)
    }

    /// A door.
    pub const fn is_dock(self) -> bool {
        matches!(self, Self::DockIn | Self::DockOut)
    }
}

/// A part of a site's plan: a rectangle in millimetres, `x` to the east and `y` to the north of a corner of the
/// site's choice. Of a door only its middle in the wall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPart {
    /// What it is.
    pub kind: PlanPartKind,
    /// West edge.
    pub x_mm: i32,
    /// South edge.
    pub y_mm: i32,
    /// To the east; 0 of a door.
    pub width_mm: i32,
    /// To the north; 0 of a door.
    pub height_mm: i32,
    /// What a slot is for.
    pub sku: Option<SkuId>,
    /// The device that measures a zone's air.
    pub sensor: Option<DeviceId>,
}

/// A site seen from above. Its hall is the first part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SitePlanSpec {
    /// Whose.
    pub site: SiteId,
    /// The hall, zones, slots and doors.
    pub parts: Vec<PlanPart>,
}

/// One thing that a device measures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MetricSpec {
    /// Unique within the device.
    pub metric: MetricName,
    /// UCUM code: `Cel`, `%`, `1`.
    pub unit: String,
    /// The type of its values.
    pub kind: MetricKind,
    /// The lowest value that is in order, in thousandths of the unit.
    pub min_milli: Option<i64>,
    /// The highest value that is in order, in thousandths of the unit.
    pub max_milli: Option<i64>,
}

/// What a site asks of one SKU: the parameters that the simulated world draws orders from.
///
/// Orders arrive as a Poisson process of `rate_micro / order_size_milli / 1000` a day, times the seasonal
/// factors; each asks for a quantity of mean `order_size_milli` and squared coefficient of variation
/// `order_size_cv2_milli`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DemandSpec {
    /// Who asks.
    pub site: SiteId,
    /// For what.
    pub sku: SkuId,
    /// Mean, in millionths of a piece a day over a whole year.
    pub rate_micro: u64,
    /// Mean quantity of one order, in thousandths of a piece; at least 1000.
    pub order_size_milli: u64,
    /// Variance over squared mean of the quantity of one order, in thousandths.
    pub order_size_cv2_milli: u64,
    /// The name of a [`SeasonalitySpec`]; `None`: every hour alike.
    pub seasonality: Option<String>,
}

/// How demand goes up and down, as factors in thousandths. Each list averages to 1000.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SeasonalitySpec {
    /// Its name.
    pub name: String,
    /// Monday first; 7 factors.
    pub weekday_permille: Vec<u32>,
    /// January first; 12 factors.
    pub month_permille: Vec<u32>,
    /// From midnight in the site's time zone; 24 factors.
    pub hour_permille: Vec<u32>,
}

/// Goods on their way at the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShipmentSpec {
    /// Its identifier.
    pub shipment: ShipmentId,
    /// Where it left.
    pub from: SiteId,
    /// Where it goes.
    pub to: SiteId,
    /// The lane that it is on now; `None` while it waits at `from`.
    pub lane: Option<LaneId>,
    /// The vehicle that carries it.
    pub vehicle: Option<VehicleId>,
    /// From the start of the network to its arrival at `to`.
    pub due_in_secs: Seconds,
    /// What is in it.
    pub lines: Vec<ShipmentLineSpec>,
}

/// So many pieces of one SKU in a shipment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShipmentLineSpec {
    /// What.
    pub sku: SkuId,
    /// How many; more than zero.
    pub quantity: Pieces,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_found_by_the_name_that_serde_gives_it() {
        fn check<T: Copy + PartialEq + core::fmt::Debug + Serialize>(
            all: &[T],
            as_str: impl Fn(T) -> &'static str,
            from_name: impl Fn(&str) -> Option<T>,
        ) {
            for &choice in all {
                let text = as_str(choice);
                assert_eq!(from_name(text), Some(choice), "{text}");
                assert_eq!(serde_json::to_value(choice).unwrap(), text, "{choice:?}");
            }
            assert_eq!(from_name(""), None);
        }
        check(SiteKind::ALL, SiteKind::as_str, SiteKind::from_name);
        check(Mode::ALL, Mode::as_str, Mode::from_name);
        check(VehicleKind::ALL, VehicleKind::as_str, VehicleKind::from_name);
        check(DeviceKind::ALL, DeviceKind::as_str, DeviceKind::from_name);
        check(TemperatureClass::ALL, TemperatureClass::as_str, TemperatureClass::from_name);
        check(MetricKind::ALL, MetricKind::as_str, MetricKind::from_name);
    }
}
