//! A small network, the demo network, and how tests run a world over them.

use super::super::*;
use firmware_schemas::codec::{self, Frame};
use firmware_schemas::id::{MetricName, ShipmentId};
use firmware_schemas::network::*;
use firmware_schemas::quantity::{Grams, Metres, MinorUnits, Pieces, Position, Seconds};
use firmware_schemas::topic::Topic;
use std::time::Duration;

pub(super) const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn start() -> Timestamp {
    Timestamp::parse_rfc3339("2026-03-02T00:00:00Z").unwrap()
}

pub(super) fn site(name: &str, kind: SiteKind, lat: f64, lon: f64) -> SiteSpec {
    SiteSpec {
        site: SiteId::new(name).unwrap(),
        kind,
        name: name.into(),
        name_zh: None,
        position: Position::from_degrees(lat, lon).unwrap(),
        country: None,
        time_zone: "UTC".into(),
        tier: None,
        partner_class: None,
    }
}

pub(super) fn lane(from: &str, to: &str, mode: Mode, hours: u64) -> LaneSpec {
    LaneSpec {
        lane: LaneId::new(&format!("{from}~{to}")).unwrap(),
        from: SiteId::new(from).unwrap(),
        to: SiteId::new(to).unwrap(),
        mode,
        lead_time_secs: Seconds(hours * 3_600),
        lead_time_sd_secs: Seconds(hours * 360),
        distance_m: Metres(0),
        via: Vec::new(),
        cost_minor: MinorUnits(0),
        cost_per_tonne_minor: MinorUnits(0),
        capacity_g_per_day: None,
        departs_every_secs: None,
    }
}

pub(super) fn sku(name: &str, temperature: TemperatureClass) -> SkuSpec {
    SkuSpec {
        sku: SkuId::new(name).unwrap(),
        name: name.into(),
        name_zh: None,
        unit: "piece".into(),
        mass_g: Grams(1_500),
        volume_ml: 2_000,
        value_minor: MinorUnits(100),
        temperature,
        temperature_min_milli_c: None,
        temperature_max_milli_c: None,
        shelf_life_days: None,
    }
}

pub(super) fn stock(
    site: &str,
    sku: &str,
    on_hand: i64,
    policy: Option<(i64, i64)>,
    source: Option<&str>,
) -> StockSpec {
    StockSpec {
        site: SiteId::new(site).unwrap(),
        sku: SkuId::new(sku).unwrap(),
        on_hand: Pieces(on_hand),
        reserved: Pieces(0),
        in_transit: Pieces(0),
        on_order: Pieces(0),
        reorder_point: policy.map(|(low, _)| Pieces(low)),
        order_up_to: policy.map(|(_, high)| Pieces(high)),
        source: source.map(|source| SiteId::new(source).unwrap()),
    }
}

pub(super) fn metric(name: &str, kind: MetricKind, limits: Option<(i64, i64)>) -> MetricSpec {
    MetricSpec {
        metric: MetricName::new(name).unwrap(),
        unit: "1".into(),
        kind,
        min_milli: limits.map(|(low, _)| low),
        max_milli: limits.map(|(_, high)| high),
    }
}

pub(super) fn device(name: &str, site: &str, kind: DeviceKind, vehicle: Option<&str>, secs: u64) -> DeviceSpec {
    let cold = || {
        vec![
            metric("temperature", MetricKind::Float, Some((2_000, 8_000))),
            metric("humidity", MetricKind::Float, None),
            metric("door.open", MetricKind::Boolean, None),
            metric("battery", MetricKind::Integer, None),
        ]
    };
    DeviceSpec {
        device: DeviceId::new(name).unwrap(),
        site: SiteId::new(site).unwrap(),
        kind,
        vehicle: vehicle.map(|vehicle| VehicleId::new(vehicle).unwrap()),
        interval_secs: Seconds(secs),
        metrics: if kind == DeviceKind::ColdRoom { cold() } else { Vec::new() },
    }
}

pub(super) fn vehicle(
    name: &str,
    kind: VehicleKind,
    mode: Mode,
    home: &str,
    route: &[&str],
    progress: Option<u16>,
) -> VehicleSpec {
    VehicleSpec {
        vehicle: VehicleId::new(name).unwrap(),
        kind,
        mode,
        name: name.into(),
        capacity_g: Grams(600_000),
        temperature: TemperatureClass::Chilled,
        home: SiteId::new(home).unwrap(),
        route: route.iter().map(|lane| LaneId::new(lane).unwrap()).collect(),
        progress_permille: progress,
        speed_m_per_h: 60_000,
        device: Some(DeviceId::new(&format!("{name}-gps")).unwrap()),
    }
}

pub(super) fn demand(site: &str, sku: &str, pieces_per_day: u64, order_size: u64) -> DemandSpec {
    DemandSpec {
        site: SiteId::new(site).unwrap(),
        sku: SkuId::new(sku).unwrap(),
        rate_micro: pieces_per_day * 1_000_000,
        order_size_milli: order_size * 1_000,
        order_size_cv2_milli: 800,
        seasonality: Some("week".into()),
    }
}

/// A supplier overseas, two ports, a central and a regional warehouse, a shop and two customers.
pub(super) fn network() -> WorldInput {
    use SiteKind::*;
    let mut central = stock("CW", "milk", 900, Some((800, 2_000)), Some("SUP"));
    central.on_order = Pieces(300);
    central.in_transit = Pieces(100);
    let (mut salt_shipment, mut waiting) = (central.clone(), central.clone());
    salt_shipment.sku = SkuId::new("salt").unwrap();
    waiting.sku = SkuId::new("salt").unwrap();
    WorldInput {
        head: NetworkSpec {
            name: "small".into(),
            tenant: TenantId::new("acme").unwrap(),
            currency: "EUR".into(),
            time_zone: "UTC".into(),
        },
        sites: vec![
            site("SUP", Supplier, 31.2, 121.5),
            site("P1", Port, 30.6, 122.1),
            site("P2", Port, 51.9, 4.1),
            site("CW", CentralWarehouse, 51.2, 6.8),
            site("RW", RegionalWarehouse, 48.1, 11.6),
            site("SHOP", Shop, 48.2, 11.5),
            site("C1", Customer, 48.4, 10.9),
            site("C2", Customer, 49.4, 11.1),
        ],
        lanes: vec![
            lane("SUP", "P1", Mode::Road, 6),
            lane("P1", "P2", Mode::Sea, 200),
            lane("P2", "CW", Mode::Road, 5),
            lane("CW", "P2", Mode::Road, 5),
            lane("CW", "RW", Mode::Road, 12),
            lane("RW", "CW", Mode::Road, 12),
            lane("RW", "SHOP", Mode::Road, 1),
            lane("RW", "C1", Mode::Road, 2),
            lane("RW", "C2", Mode::Road, 3),
        ],
        skus: vec![sku("milk", TemperatureClass::Chilled), sku("salt", TemperatureClass::Dry)],
        stock: vec![
            stock("SUP", "salt", 500, Some((400, 1_500)), None),
            central,
            stock("CW", "salt", 700, Some((600, 1_500)), Some("SUP")),
            stock("RW", "milk", 200, Some((150, 400)), Some("CW")),
            stock("RW", "salt", 210, Some((150, 400)), Some("CW")),
            stock("SHOP", "milk", 40, Some((30, 80)), Some("RW")),
        ],
        vehicles: vec![
            vehicle("T1", VehicleKind::Truck, Mode::Road, "CW", &["CW~RW"], Some(400)),
            vehicle("T2", VehicleKind::Truck, Mode::Road, "RW", &["RW~SHOP"], None),
            vehicle("S1", VehicleKind::Ship, Mode::Sea, "P1", &["P1~P2"], Some(900)),
            vehicle("T3", VehicleKind::Truck, Mode::Road, "CW", &[], None),
        ],
        devices: vec![
            device("wms-cw", "CW", DeviceKind::WarehouseSystem, None, 300),
            device("scan-rw", "RW", DeviceKind::Scanner, None, 300),
            device("cold-cw", "CW", DeviceKind::ColdRoom, None, 60),
            device("cold-rw", "RW", DeviceKind::ColdRoom, None, 120),
            device("T1-gps", "CW", DeviceKind::Tracker, Some("T1"), 30),
            device("T1-air", "CW", DeviceKind::ColdRoom, Some("T1"), 300),
            device("T2-gps", "RW", DeviceKind::Tracker, Some("T2"), 60),
            device("S1-gps", "P1", DeviceKind::Tracker, Some("S1"), 600),
            device("T3-gps", "CW", DeviceKind::Tracker, Some("T3"), 300),
        ],
        demand: vec![
            demand("C1", "milk", 30, 4),
            demand("C2", "milk", 25, 6),
            demand("C2", "salt", 20, 5),
            demand("SHOP", "milk", 12, 1),
        ],
        seasonality: vec![SeasonalitySpec {
            name: "week".into(),
            weekday_permille: vec![1_200, 1_100, 1_000, 1_000, 1_300, 900, 500],
            month_permille: vec![1_000; 12],
            hour_permille: (0..24).map(|hour| if (8..20).contains(&hour) { 2_000 } else { 0 }).collect(),
        }],
        plans: Vec::new(),
        whereabouts: std::collections::BTreeMap::new(),
        shipments: vec![
            ShipmentSpec {
                shipment: ShipmentId::new("sea-1").unwrap(),
                from: SiteId::new("P2").unwrap(),
                to: SiteId::new("CW").unwrap(),
                lane: Some(LaneId::new("P2~CW").unwrap()),
                vehicle: None,
                due_in_secs: Seconds(7_200),
                lines: vec![ShipmentLineSpec { sku: SkuId::new("milk").unwrap(), quantity: Pieces(60) }],
            },
            ShipmentSpec {
                shipment: ShipmentId::new("waits-1").unwrap(),
                from: SiteId::new("P2").unwrap(),
                to: SiteId::new("CW").unwrap(),
                lane: None,
                vehicle: None,
                due_in_secs: Seconds(172_800),
                lines: vec![ShipmentLineSpec { sku: SkuId::new("milk").unwrap(), quantity: Pieces(40) }],
            },
        ],
    }
}

pub(super) fn config(seed: u64) -> WorldConfig {
    WorldConfig::new(seed, start())
}

pub(super) fn run(world: &mut World, span: Duration) -> Vec<Message> {
    let mut out = Vec::new();
    let until = world.now().saturating_add(span);
    world.advance_to(until, &mut out);
    out
}

pub(super) fn frame(message: &Message) -> (DeviceId, Frame) {
    let topic = Topic::parse(&message.topic).unwrap();
    let frame = codec::decode(topic.channel, topic.device, &message.payload).unwrap_or_else(|why| {
        panic!("{}: {why}: {:?}", message.topic, String::from_utf8_lossy(&message.payload));
    });
    (DeviceId::new(topic.device).unwrap(), frame)
}

/// The demo network as it is checked in.
pub(super) fn demo() -> WorldInput {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../networks/demo");
    let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).ok().map(Into::into);
    WorldInput::from(&twin::network::parse(&read).unwrap())
}

/// Boot and number of the frames in a message that have them.
pub(super) fn numbers(frame: &Frame) -> Vec<(u64, u64)> {
    match frame {
        Frame::Telemetry(frames) => frames.iter().filter_map(|frame| frame.boot.zip(frame.seq)).collect(),
        Frame::Position(frame) => frame.boot.zip(frame.seq).into_iter().collect(),
        Frame::Event(frame) => vec![(frame.boot, frame.seq)],
        _ => Vec::new(),
    }
}
