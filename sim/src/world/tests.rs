//! Stories of a small world, and what must hold in every world.

use super::*;
use firmware_schemas::codec::{self, Encoding, Frame};
use firmware_schemas::command::{Action, CommandFrame};
use firmware_schemas::id::{CommandId, MetricName, ShipmentId};
use firmware_schemas::network::*;
use firmware_schemas::quantity::{Grams, Metres, MinorUnits, Pieces, Position, Seconds};
use firmware_schemas::telemetry::{Happening, Outcome};
use firmware_schemas::topic::Topic;
use proptest::prelude::*;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

fn start() -> Timestamp {
    Timestamp::parse_rfc3339("2026-03-02T00:00:00Z").unwrap()
}

fn site(name: &str, kind: SiteKind, lat: f64, lon: f64) -> SiteSpec {
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

fn lane(from: &str, to: &str, mode: Mode, hours: u64) -> LaneSpec {
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

fn sku(name: &str, temperature: TemperatureClass) -> SkuSpec {
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

fn stock(site: &str, sku: &str, on_hand: i64, policy: Option<(i64, i64)>, source: Option<&str>) -> StockSpec {
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

fn metric(name: &str, kind: MetricKind, limits: Option<(i64, i64)>) -> MetricSpec {
    MetricSpec {
        metric: MetricName::new(name).unwrap(),
        unit: "1".into(),
        kind,
        min_milli: limits.map(|(low, _)| low),
        max_milli: limits.map(|(_, high)| high),
    }
}

fn device(name: &str, site: &str, kind: DeviceKind, vehicle: Option<&str>, secs: u64) -> DeviceSpec {
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

fn vehicle(
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

fn demand(site: &str, sku: &str, pieces_per_day: u64, order_size: u64) -> DemandSpec {
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
fn network() -> WorldInput {
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

fn config(seed: u64) -> WorldConfig {
    WorldConfig::new(seed, start())
}

fn run(world: &mut World, span: Duration) -> Vec<Message> {
    let mut out = Vec::new();
    let until = world.now().saturating_add(span);
    world.advance_to(until, &mut out);
    out
}

fn frame(message: &Message) -> (DeviceId, Frame) {
    let topic = Topic::parse(&message.topic).unwrap();
    let frame = codec::decode(topic.channel, topic.device, &message.payload).unwrap_or_else(|why| {
        panic!("{}: {why}: {:?}", message.topic, String::from_utf8_lossy(&message.payload));
    });
    (DeviceId::new(topic.device).unwrap(), frame)
}

/// What a listener knows of the stock, who has heard every frame once, kept by rules of its own.
#[derive(Default)]
struct Books {
    stock: BTreeMap<(SiteId, SkuId), [i64; 4]>, // on hand, reserved, in transit, on order
    shipments: BTreeMap<ShipmentId, (SiteId, Vec<(SkuId, i64)>)>,
    reserved: BTreeMap<(String, SkuId), i64>,
    made: i64,
    issued: i64,
    seen: BTreeMap<DeviceId, std::collections::BTreeSet<(u64, u64)>>,
}

impl Books {
    fn open(input: &WorldInput) -> Self {
        let mut books = Self::default();
        for spec in &input.stock {
            let all = [spec.on_hand.0, spec.reserved.0, spec.in_transit.0, spec.on_order.0];
            books.stock.insert((spec.site.clone(), spec.sku.clone()), all);
        }
        for spec in &input.shipments {
            let lines = spec.lines.iter().map(|line| (line.sku.clone(), line.quantity.0)).collect();
            books.shipments.insert(spec.shipment.clone(), (spec.to.clone(), lines));
        }
        books
    }

    fn at(&mut self, site: &SiteId, sku: &SkuId) -> &mut [i64; 4] {
        self.stock.entry((site.clone(), sku.clone())).or_default()
    }

    fn hear(&mut self, message: &Message) {
        let (device, frame) = frame(message);
        let number = match &frame {
            Frame::Telemetry(frames) => frames[0].boot.zip(frames[0].seq),
            Frame::Position(frame) => frame.boot.zip(frame.seq),
            Frame::Event(frame) => Some((frame.boot, frame.seq)),
            _ => None,
        };
        if let Some(number) = number
            && !self.seen.entry(device).or_default().insert(number)
        {
            return;
        }
        let Frame::Event(frame) = frame else { return };
        let own = SiteId::new(Topic::parse(&message.topic).unwrap().site).unwrap();
        for record in frame.events {
            let site = record.site.unwrap_or_else(|| own.clone());
            self.enter(&site, record.happening);
        }
    }

    fn enter(&mut self, site: &SiteId, happening: Happening) {
        match happening {
            Happening::StockReserved { sku, pieces, order } => {
                self.at(site, &sku)[1] += pieces.0;
                *self.reserved.entry((order.to_string(), sku)).or_default() += pieces.0;
            }
            Happening::StockIssued { sku, pieces, order, .. } => {
                self.at(site, &sku)[0] -= pieces.0;
                self.issued += pieces.0;
                if let Some(order) = order {
                    self.at(site, &sku)[1] -= pieces.0;
                    *self.reserved.get_mut(&(order.to_string(), sku)).expect("reserved before it is issued") -=
                        pieces.0;
                }
            }
            Happening::StockReceived { sku, pieces, order } => {
                self.at(site, &sku)[0] += pieces.0;
                self.at(site, &sku)[3] -= if order.is_some() { pieces.0 } else { 0 };
                self.made += pieces.0;
            }
            Happening::StockOrdered { sku, pieces, .. } => self.at(site, &sku)[3] += pieces.0,
            Happening::ShipmentDispatched { shipment, to, lines, .. } => {
                for line in &lines {
                    self.at(site, &line.sku)[0] -= line.pieces.0;
                    self.at(&to, &line.sku)[3] -= line.pieces.0;
                    self.at(&to, &line.sku)[2] += line.pieces.0;
                }
                let lines = lines.into_iter().map(|line| (line.sku, line.pieces.0)).collect();
                assert!(self.shipments.insert(shipment, (to, lines)).is_none(), "a shipment id is new");
            }
            Happening::ShipmentArrived { shipment, lines: None } => {
                let (to, lines) = self.shipments.remove(&shipment).expect("dispatched before it arrives");
                assert_eq!(to, *site);
                for (sku, pieces) in lines {
                    self.at(&to, &sku)[2] -= pieces;
                    self.at(&to, &sku)[0] += pieces;
                }
            }
            other => panic!("the world does not say {other:?}"),
        }
    }

    #[track_caller]
    fn agree_with(&self, truth: &Truth) {
        let pieces = |row: &TrueStock| [row.on_hand.0, row.reserved.0, row.in_transit.0, row.on_order.0];
        let known: BTreeMap<_, _> =
            truth.stock.iter().map(|row| ((row.site.clone(), row.sku.clone()), pieces(row))).collect();
        assert_eq!(self.stock, known);
        for (at, [on_hand, reserved, in_transit, on_order]) in &self.stock {
            assert!(*on_hand >= 0 && (0..=*on_hand).contains(reserved), "{at:?}: {on_hand}, {reserved} reserved");
            assert!(*in_transit >= 0 && *on_order >= 0, "{at:?}: {in_transit} in transit, {on_order} on order");
        }
        let open: Vec<_> = truth.shipments.iter().map(|shipment| shipment.shipment.clone()).collect();
        assert_eq!(self.shipments.keys().cloned().collect::<Vec<_>>(), open);
        assert_eq!((self.made, self.issued), (truth.totals.made, truth.totals.issued));
    }
}

/// Pieces on shelves and under way.
fn mass(truth: &Truth) -> i64 {
    let shelves: i64 = truth.stock.iter().map(|row| row.on_hand.0).sum();
    shelves + truth.shipments.iter().flat_map(|shipment| &shipment.lines).map(|(_, pieces)| pieces.0).sum::<i64>()
}

#[test]
fn in_sixty_days_goods_come_only_from_makers_and_go_only_to_customers() {
    let input = network();
    let mut world = World::new(&input, config(11)).unwrap();
    let mut books = Books::open(&input);
    let before = mass(&world.truth());
    for _ in 0..60 {
        for message in run(&mut world, DAY) {
            books.hear(&message);
        }
        let truth = world.truth();
        books.agree_with(&truth);
        assert_eq!(mass(&truth), before + truth.totals.made - truth.totals.issued);
    }
    let totals = world.totals();
    assert!(totals.made > 1_000 && totals.issued > 3_000, "the network lives: {totals:?}");
    assert!(totals.shipments > 40, "{totals:?}");
    assert!(totals.lost * 5 < totals.demanded, "most customers get what they want: {totals:?}");
    assert_eq!(totals.unroutable, 0);
}

#[test]
fn demand_has_the_rate_that_was_asked_for() {
    let mut world = World::new(&network(), config(5)).unwrap();
    run(&mut world, DAY * 70);
    let (demanded, asked) = (world.totals().demanded as f64, 87.0 * 70.0);
    assert!((demanded / asked - 1.0).abs() < 0.06, "{demanded} of {asked}");
}

#[test]
fn each_devices_numbers_have_no_gap_and_its_frames_are_of_the_contract() {
    let mut settings = config(3);
    settings.faults.outages_per_device_year = 2_000.0;
    settings.faults.batteries_per_device_year = 500.0;
    settings.faults.duplicates_permille = 50.0;
    let mut world = World::new(&network(), settings).unwrap();
    let mut numbers: BTreeMap<(DeviceId, u64), Vec<u64>> = BTreeMap::new();
    let (mut born, mut silent_until_born) = (0, true);
    for message in run(&mut world, DAY) {
        let (device, frame) = frame(&message);
        let number = match frame {
            Frame::Telemetry(frames) => frames[0].boot.zip(frames[0].seq),
            Frame::Position(frame) => frame.boot.zip(frame.seq),
            Frame::Event(frame) => Some((frame.boot, frame.seq)),
            Frame::Birth(_) => {
                born += 1;
                None
            }
            _ => None,
        };
        silent_until_born &= born > 0;
        if let Some((boot, seq)) = number {
            numbers.entry((device, boot)).or_default().push(seq);
        }
    }
    assert!(silent_until_born && born > 9, "{born} births: some devices got a new battery");
    let mut twice = 0;
    for ((device, boot), mut seqs) in numbers {
        let n = seqs.len();
        seqs.sort_unstable();
        seqs.dedup();
        twice += n - seqs.len();
        let lost_at_the_end = seqs.len() as u64;
        assert_eq!(seqs, (0..lost_at_the_end).collect::<Vec<_>>(), "{device} since start {boot}");
    }
    assert!(twice > 20, "{twice} frames came twice");
}

#[test]
fn vehicles_move_smoothly_along_their_lanes() {
    let mut settings = config(4);
    settings.faults = FaultRates::NONE;
    let input = network();
    let mut world = World::new(&input, settings).unwrap();
    let mut before: BTreeMap<VehicleId, (Timestamp, Position)> = BTreeMap::new();
    let mut at_sites = std::collections::BTreeSet::new();
    for message in run(&mut world, DAY * 3) {
        let (_, Frame::Position(fix)) = frame(&message) else { continue };
        let vehicle = fix.vehicle.unwrap();
        if let Some(site) = fix.site {
            at_sites.insert((vehicle.clone(), site));
        }
        if let Some((at, place)) = before.insert(vehicle.clone(), (fix.at, fix.position)) {
            let hours = fix.at.since(at).as_secs_f64() / 3_600.0;
            let (north, east) = (fix.position.lat() - place.lat(), fix.position.lon() - place.lon());
            let km = 111.2 * north.hypot(east * place.lat().to_radians().cos());
            assert!(km <= 60.0 * 1.5 * hours + 0.05, "{vehicle} made {km} km in {hours} h");
        }
    }
    let visits = |vehicle: &str| at_sites.iter().filter(|(v, _)| v.as_str() == vehicle).count();
    assert_eq!((visits("T1"), visits("T2"), visits("T3")), (2, 2, 1), "{at_sites:?}");
}

#[test]
fn the_demo_shows_something_of_each_kind_within_its_first_hours() {
    let mut settings = config(1);
    settings.demo_story = true;
    settings.faults = FaultRates::NONE;
    let input = network();
    let mut world = World::new(&input, settings).unwrap();
    let mut books = Books::open(&input);
    let (mut hot, mut silent, mut off_lane) = (false, false, 0.0_f64);
    let mut due = BTreeMap::new();
    let mut below = false;
    for message in run(&mut world, Duration::from_secs(3 * 3_600)) {
        books.hear(&message);
        below |= input.stock.iter().any(|spec| {
            let [on_hand, reserved, in_transit, on_order] = *books.at(&spec.site, &spec.sku);
            let position = on_hand - reserved + in_transit + on_order;
            spec.reorder_point.is_some_and(|low| position <= low.0)
        });
        match frame(&message).1 {
            Frame::Telemetry(frames) => {
                hot |= frames[0]
                    .readings
                    .iter()
                    .any(|r| r.metric.as_str() == "temperature" && r.value.as_f64().unwrap() > 8.0);
            }
            Frame::Status(status) => silent |= !status.online,
            Frame::Position(fix) if fix.lane.as_ref().is_some_and(|lane| lane.as_str() == "CW~RW") => {
                // Across the line from one end to the other, in degrees of latitude.
                let t = (fix.position.lon() - 6.8) / (11.6 - 6.8);
                off_lane = off_lane.max((fix.position.lat() - (51.2 + t * (48.1 - 51.2))).abs());
            }
            Frame::Event(frame) => {
                for record in frame.events {
                    if let Happening::ShipmentArrived { shipment, .. } = record.happening {
                        due.insert(shipment, record.at);
                    }
                }
            }
            _ => {}
        }
    }
    assert!(hot, "a cold room is too warm");
    assert!(silent, "a device is silent");
    assert!(below, "some stock is at its reorder point");
    assert!(off_lane > 0.15, "a truck is off its lane by {off_lane}°");
    let late = ShipmentId::new("sea-1").unwrap();
    assert!(!due.contains_key(&late), "due after two hours, and not here after three");
    for message in run(&mut world, DAY) {
        books.hear(&message);
    }
    assert!(!books.shipments.contains_key(&late), "and it comes in the end");
}

fn command(id: &str, action: Action) -> Vec<u8> {
    let command = CommandId::new(id).unwrap();
    let frame = CommandFrame { command, issued_at: start(), expires_at: None, action };
    codec::encode(&frame, Encoding::Json).unwrap()
}

/// The answers to one command, in order.
fn answers(messages: &[Message], id: &str) -> Vec<Outcome> {
    let of = |message: &Message| match frame(message).1 {
        Frame::Ack(ack) if ack.command.as_str() == id => Some(ack.outcome),
        _ => None,
    };
    messages.iter().filter_map(of).collect()
}

#[test]
fn devices_obey_commands_once_and_answer() {
    let mut settings = config(6);
    settings.faults = FaultRates::NONE;
    let mut world = World::new(&network(), settings).unwrap();
    run(&mut world, Duration::from_secs(600));
    let site = |name: &str| SiteId::new(name).unwrap();
    let (to_t1, to_t3) = ("portolan/v1/acme/CW/T1-gps/command", "portolan/v1/acme/CW/T3-gps/command");

    let hold = command("hold", Action::Hold { until: world.now().saturating_add(DAY / 24).into() });
    world.command(to_t1, &hold);
    world.command(to_t1, &hold);
    let out = run(&mut world, Duration::from_secs(1_800));
    assert_eq!(answers(&out, "hold"), [Outcome::Done, Outcome::Done]);
    let speeds = |out: &[Message]| -> Vec<u32> {
        let fixes = out.iter().filter(|m| m.topic.ends_with("T1-gps/position"));
        fixes.map(|m| if let Frame::Position(fix) = frame(m).1 { fix.speed_mm_per_s.unwrap() } else { 9 }).collect()
    };
    assert!(speeds(&out).iter().all(|speed| *speed == 0), "it stands");
    let out = run(&mut world, Duration::from_secs(3_600));
    assert!(speeds(&out).last().is_some_and(|speed| *speed > 10_000), "it goes on");

    let carry = Action::Carry { shipments: vec![ShipmentId::new("waits-1").unwrap()], to: site("CW"), lane: None };
    world.command(to_t3, &command("carry", carry));
    world.command(to_t3, &command("nowhere", Action::GoTo { site: site("P1"), lane: None }));
    world.command(
        "portolan/v1/acme/CW/cold-cw/command",
        &command("drive", Action::GoTo { site: site("RW"), lane: None }),
    );
    let out = run(&mut world, DAY);
    assert_eq!(answers(&out, "carry"), [Outcome::Accepted, Outcome::Done]);
    assert_eq!(answers(&out, "nowhere"), [Outcome::Rejected]);
    assert_eq!(answers(&out, "drive"), [Outcome::Rejected]);
    let arrived = |m: &Message| {
        matches!(frame(m).1, Frame::Event(e) if e.events.iter().any(|r|
        matches!(&r.happening, Happening::ShipmentArrived { shipment, .. } if shipment.as_str() == "waits-1")))
    };
    assert_eq!(out.iter().filter(|m| arrived(m)).count(), 1, "what it fetched is there");

    world.command("portolan/v1/acme/CW/cold-cw/command", &command("often", Action::ReportEvery { interval_secs: 5 }));
    world.command("portolan/v1/acme/CW/cold-cw/command", &command("again", Action::Rebirth {}));
    world.command("portolan/v1/acme/RW/cold-rw/desired", br#"{"at": 0, "settings": {"report_interval_secs": 10}}"#);
    let out = run(&mut world, Duration::from_secs(600));
    let count = |end: &str| out.iter().filter(|m| m.topic.ends_with(end)).count();
    assert_eq!((answers(&out, "often"), answers(&out, "again")), (vec![Outcome::Done], vec![Outcome::Done]));
    assert!(count("cold-cw/telemetry") > 100 && count("cold-rw/telemetry") > 45);
    assert_eq!((count("birth"), count("cold-cw/reported"), count("cold-rw/reported")), (1, 1, 1));

    let ignored = world.totals().commands_ignored;
    world.command("portolan/v1/acme/CW/nobody/command", &hold);
    world.command("portolan/v1/acme/RW/T1-gps/command", &hold);
    world.command(to_t1, b"{}");
    assert_eq!(world.totals().commands_ignored, ignored + 3);
}

#[test]
fn another_customer_leaves_the_orders_of_the_rest_as_they_were() {
    let orders_of_c2 = |input: &WorldInput| {
        let mut world = World::new(input, config(9)).unwrap();
        let out = run(&mut world, DAY * 2);
        let mut found = Vec::new();
        for message in &out {
            if let Frame::Event(frame) = frame(message).1 {
                for record in frame.events {
                    if let Happening::StockIssued { order: Some(order), customer: Some(customer), pieces, .. } =
                        record.happening
                        && customer.as_str() == "C2"
                    {
                        found.push((order, pieces));
                    }
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    };
    let mut input = network();
    let before = orders_of_c2(&input);
    input.demand.remove(0);
    assert_eq!(orders_of_c2(&input), before);
    assert!(before.len() > 5);
}

#[test]
fn an_input_that_names_what_is_not_there_is_refused_by_name() {
    let check = |change: &dyn Fn(&mut WorldInput), why: &str| {
        let mut input = network();
        change(&mut input);
        assert_eq!(World::new(&input, config(1)).unwrap_err().to_string(), why);
    };
    let nowhere = || SiteId::new("X").unwrap();
    check(&|input| input.lanes[0].to = nowhere(), r#"lane "SUP~P1" names the site "X", which is not in the network"#);
    check(
        &|input| input.stock[0].source = Some(nowhere()),
        r#"stock "salt of SUP" names the site "X", which is not in the network"#,
    );
    check(
        &|input| input.vehicles[0].route.push(LaneId::new("P1~P2").unwrap()),
        r#"vehicle "T1": lane "P1~P2" does not start where the one before it ends"#,
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn the_same_seed_gives_the_same_bytes_however_time_is_cut(
        seed in any::<u64>(),
        cuts in prop::collection::vec(0..86_400_000_i64, 0..12),
        limit in 1..50_usize,
        when in 0..80_000_000_i64,
    ) {
        let mut settings = config(seed);
        settings.demo_story = true;
        settings.faults.garbage_permille = 5.0;
        settings.faults.outages_per_device_year = 1_000.0;
        settings.faults.clocks_per_device_year = 100.0;
        let at = |millis: i64| Timestamp::from_nanos(start().as_nanos() + millis * 1_000_000);
        let told = command("go", Action::GoTo { site: SiteId::new("RW").unwrap(), lane: None });
        let tell = |world: &mut World| world.command("portolan/v1/acme/CW/T3-gps/command", &told);

        let mut whole = World::new(&network(), settings.clone()).unwrap();
        let mut in_one = Vec::new();
        whole.advance_to(at(when), &mut in_one);
        tell(&mut whole);
        whole.advance_to(at(86_400_000), &mut in_one);

        let mut cut = World::new(&network(), settings).unwrap();
        let mut in_steps = Vec::new();
        let mut cuts = cuts;
        cuts.extend([when, 86_400_000]);
        cuts.sort_unstable();
        let mut told_already = false;
        for millis in cuts {
            loop {
                let mut some = Vec::new();
                let done = cut.advance_within(at(millis), limit, &mut some);
                in_steps.append(&mut some);
                if done {
                    break;
                }
            }
            if millis == when && !told_already {
                tell(&mut cut);
                told_already = true;
            }
        }
        prop_assert_eq!(in_one.len(), in_steps.len());
        prop_assert!(in_one == in_steps);
        prop_assert_eq!(whole.truth(), cut.truth());
    }
}

/// The demo network as it is checked in.
fn demo() -> WorldInput {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../networks/demo");
    let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).ok().map(Into::into);
    WorldInput::from(&twin::network::parse(&read).unwrap())
}

#[test]
fn the_demo_network_lives_for_sixty_days() {
    let input = demo();
    let mut settings = config(2);
    settings.interval_scale = 30.0; // stock is what counts here
    let mut world = World::new(&input, settings).unwrap();
    let mut books = Books::open(&input);
    let before = mass(&world.truth());
    for _ in 0..60 {
        for message in run(&mut world, DAY) {
            books.hear(&message);
        }
        let truth = world.truth();
        books.agree_with(&truth);
        assert_eq!(mass(&truth), before + truth.totals.made - truth.totals.issued);
    }
    let totals = world.totals();
    assert!(totals.made > 5_000 && totals.issued > 30_000 && totals.shipments > 2_000, "{totals:?}");
    assert!(totals.lost * 20 < totals.demanded && totals.unroutable == 0, "{totals:?}");
}
