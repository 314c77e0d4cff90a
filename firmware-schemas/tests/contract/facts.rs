//! `golden/facts-v1.txt`: every fact, and every choice within, as the journals of version 1 hold it.
//!
//! A line is a name and the fact's bytes in hexadecimal; `samples` says what fact that is. Both the bytes
//! and their meaning are frozen: a new variant adds lines, and nothing changes one.

use crate::{at, updating, write};
use firmware_schemas::command::{Action, CommandFrame};
use firmware_schemas::fact::*;
use firmware_schemas::id::*;
use firmware_schemas::network::*;
use firmware_schemas::order::*;
use firmware_schemas::quantity::*;
use firmware_schemas::route::*;
use firmware_schemas::supply::*;
use firmware_schemas::telemetry::*;
use std::collections::BTreeMap;

const GOLDEN: &str = "golden/facts-v1.txt";

fn id<T: std::str::FromStr<Err = IdError>>(text: &str) -> T {
    text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
}

fn time(secs: i64) -> Timestamp {
    Timestamp::from_nanos((1_795_329_600 + secs) * 1_000_000_000 + 123_456_789)
}

fn place(lat: f64, lon: f64) -> Position {
    Position::from_degrees(lat, lon).unwrap()
}

fn network_samples() -> Vec<Fact> {
    let site = |kind: SiteKind| SiteSpec {
        site: id("WH-01"),
        kind,
        name: "Hamburg".into(),
        name_zh: Some("汉堡".into()),
        position: place(53.55, 9.99),
        country: Some("DE".into()),
        time_zone: "Europe/Berlin".into(),
        tier: Some(2),
        partner_class: Some("key".into()),
    };
    let lane = |mode: Mode| LaneSpec {
        lane: id("PORT-1~WH-01"),
        from: id("PORT-1"),
        to: id("WH-01"),
        mode,
        lead_time_secs: Seconds(86_400),
        lead_time_sd_secs: Seconds(7_200),
        distance_m: Metres(412_345),
        via: vec![place(-33.9, -151.2), place(0.0, 0.0)],
        cost_minor: MinorUnits(-125),
        cost_per_tonne_minor: MinorUnits(4_200),
        capacity_g_per_day: Some(Grams(20_000_000_000)),
        departs_every_secs: Some(Seconds(604_800)),
    };
    let sku = |temperature: TemperatureClass| SkuSpec {
        sku: id("SKU-1"),
        name: "Peas, frozen".into(),
        name_zh: None,
        unit: "carton".into(),
        mass_g: Grams(10_400),
        volume_ml: 18_000,
        value_minor: MinorUnits(1_299),
        temperature,
        temperature_min_milli_c: Some(MilliCelsius(-25_000)),
        temperature_max_milli_c: Some(MilliCelsius(-18_000)),
        shelf_life_days: Some(540),
    };
    let vehicle = |kind: VehicleKind| VehicleSpec {
        vehicle: id("truck-12"),
        kind,
        mode: Mode::Road,
        name: "HH-PT 12".into(),
        capacity_g: Grams(24_000_000),
        temperature: TemperatureClass::Chilled,
        home: id("WH-01"),
        route: vec![id("WH-01~WH-02"), id("WH-02~WH-01")],
        progress_permille: Some(250),
        speed_m_per_h: 72_000,
        device: Some(id("gps-12")),
    };
    let device = |kind: DeviceKind| DeviceSpec {
        device: id("cold-7"),
        site: id("WH-01"),
        kind,
        vehicle: Some(id("truck-12")),
        interval_secs: Seconds(60),
        metrics: MetricKind::ALL
            .iter()
            .map(|kind| MetricSpec {
                metric: id(kind.as_str()),
                unit: "Cel".into(),
                kind: *kind,
                min_milli: Some(-2_000),
                max_milli: None,
            })
            .collect(),
    };
    let stock = StockSpec {
        site: id("WH-01"),
        sku: id("SKU-1"),
        on_hand: Pieces(-3),
        reserved: Pieces(0),
        in_transit: Pieces(48),
        on_order: Pieces(1_000_000_000_000),
        reorder_point: Some(Pieces(24)),
        order_up_to: Some(Pieces(96)),
        source: Some(id("SUP-2")),
    };
    let shipment = ShipmentSpec {
        shipment: id("SH-1"),
        from: id("SUP-2"),
        to: id("WH-01"),
        lane: Some(id("SUP-2~WH-01")),
        vehicle: None,
        due_in_secs: Seconds(3_600),
        lines: vec![ShipmentLineSpec { sku: id("SKU-1"), quantity: Pieces(48) }],
    };
    vec![
        Fact::NetworkDefined(NetworkSpec {
            name: "Acme".into(),
            tenant: id("acme"),
            currency: "EUR".into(),
            time_zone: "Europe/Berlin".into(),
        }),
        Fact::SitesDefined(SiteKind::ALL.iter().map(|kind| site(*kind)).collect()),
        Fact::SitesDefined(vec![SiteSpec {
            name_zh: None,
            country: None,
            tier: None,
            partner_class: None,
            ..site(SiteKind::Port)
        }]),
        Fact::LanesDefined(Mode::ALL.iter().map(|mode| lane(*mode)).collect()),
        Fact::LanesDefined(vec![LaneSpec {
            via: vec![],
            capacity_g_per_day: None,
            departs_every_secs: None,
            ..lane(Mode::Sea)
        }]),
        Fact::SkusDefined(TemperatureClass::ALL.iter().map(|class| sku(*class)).collect()),
        Fact::VehiclesDefined(VehicleKind::ALL.iter().map(|kind| vehicle(*kind)).collect()),
        Fact::DevicesDefined(DeviceKind::ALL.iter().map(|kind| device(*kind)).collect()),
        Fact::StockDefined(vec![stock]),
        Fact::ShipmentsDefined { at: time(0), shipments: vec![shipment] },
    ]
}

fn happenings() -> Vec<Happening> {
    let (sku, pieces, order): (SkuId, _, OrderId) = (id("SKU-1"), Pieces(12), id("SO-5"));
    vec![
        Happening::StockCounted { sku: sku.clone(), on_hand: Pieces(240) },
        Happening::StockReceived { sku: sku.clone(), pieces, order: Some(order.clone()) },
        Happening::StockIssued { sku: sku.clone(), pieces, order: Some(order.clone()), customer: Some(id("CUST-9")) },
        Happening::StockReturned { sku: sku.clone(), pieces, customer: None },
        Happening::StockAdjusted { sku: sku.clone(), pieces: Pieces(-3), reason: Some("broken".into()) },
        Happening::StockReserved { sku: sku.clone(), pieces, order: order.clone() },
        Happening::ReservationReleased { sku: sku.clone(), pieces, order: order.clone() },
        Happening::StockOrdered {
            sku: sku.clone(),
            pieces,
            order: order.clone(),
            source: Some(id("SUP-2")),
            due_at: Some(time(86_400)),
        },
        Happening::OrderCancelled { sku: sku.clone(), pieces, order: order.clone() },
        Happening::ShipmentDispatched {
            shipment: id("SH-1"),
            to: id("WH-02"),
            lane: Some(id("WH-01~WH-02")),
            vehicle: Some(id("truck-12")),
            due_at: Some(time(7_200)),
            order: Some(order),
            lines: vec![GoodsLine { sku: sku.clone(), pieces }],
        },
        Happening::ShipmentArrived { shipment: id("SH-1"), lines: Some(vec![GoodsLine { sku, pieces }]) },
        Happening::ShipmentArrived { shipment: id("SH-2"), lines: None },
    ]
}

fn actions() -> Vec<Action> {
    vec![
        Action::GoTo { site: id("WH-02"), lane: None },
        Action::Carry { shipments: vec![id("SH-1")], to: id("WH-02"), lane: Some(id("WH-01~WH-02")) },
        Action::Hold { until: Some(time(60)) },
        Action::ReportEvery { interval_secs: 30 },
        Action::Rebirth {},
        Action::Deliver {
            order: id("PO-7"),
            to: id("WH-02"),
            due_at: time(86_400),
            lines: vec![GoodsLine { sku: id("SKU-1"), pieces: Pieces(48) }],
        },
    ]
}

fn subjects() -> Vec<AlertSubject> {
    vec![
        AlertSubject::OutOfRange { device: id("cold-7"), metric: id("temperature") },
        AlertSubject::BelowReorderPoint { site: id("WH-01"), sku: id("SKU-1") },
        AlertSubject::RunsOut { site: id("WH-01"), sku: id("SKU-1") },
        AlertSubject::DeviceSilent { device: id("cold-7") },
        AlertSubject::OffLane { vehicle: id("truck-12") },
        AlertSubject::Late { shipment: id("SH-1") },
        AlertSubject::NegativeStock { site: id("WH-01"), sku: id("SKU-1") },
        AlertSubject::Stranded { vehicle: id("truck-12") },
    ]
}

fn device_samples() -> Vec<Fact> {
    let device = DeviceIdx(300);
    let received_at = time(1);
    let number = FrameNumber { boot: 41, seq: u64::MAX };
    let reading =
        |value: Value, quality: Quality| SeriesReading { series: SeriesId(70_000), at: time(0), value, quality };
    let declaration = |kind: &MetricKind| MetricDeclaration {
        name: id(kind.as_str()),
        unit: "Cel".into(),
        kind: *kind,
        min: Some(-2.5),
        max: None,
    };
    let birth = |metrics| BirthFrame {
        device: id("cold-7"),
        boot: Some(41),
        at: Some(time(0)),
        interval_secs: Some(60),
        vehicle: Some(id("truck-12")),
        firmware: Some("acme 2.4.1".into()),
        metrics,
    };
    let least =
        BirthFrame { boot: None, at: None, interval_secs: None, vehicle: None, firmware: None, ..birth(vec![]) };
    let fix = Fix {
        vehicle: id("truck-12"),
        at: time(0),
        position: place(53.5461, -9.9661),
        speed_mm_per_s: Some(22_350),
        heading_cdeg: Some(35_999),
        lane: Some(id("WH-01~WH-02")),
        site: None,
    };
    let events = happenings().into_iter().enumerate().map(|(n, happening)| EventRecord {
        at: time(n as i64),
        site: (n % 2 == 0).then(|| id("WH-02")),
        happening,
    });
    let settings = BTreeMap::from([("a", Value::Float(4.5)), ("b", Value::Boolean(true))]);
    vec![
        Fact::DeviceSeen { device: id("cold-7"), site: id("WH-01"), at: time(0) },
        Fact::DeviceBorn { device, received_at, birth: birth(MetricKind::ALL.iter().map(declaration).collect()) },
        Fact::DeviceBorn { device, received_at, birth: least },
        Fact::DeviceStatus {
            device,
            received_at,
            status: StatusFrame {
                device: id("cold-7"),
                boot: Some(41),
                online: false,
                at: None,
                reason: Some("connection lost".into()),
            },
        },
        Fact::SeriesDefined { device, metric: id("temperature"), kind: MetricKind::Float, unit: "Cel".into() },
        Fact::Readings {
            device,
            received_at,
            number: Some(number),
            readings: vec![
                reading(Value::Float(-0.1), Quality::Good),
                reading(Value::Integer(-INTEGER_MAX), Quality::Suspect),
                reading(Value::Boolean(true), Quality::Bad),
                reading(Value::Text("温度".into()), Quality::Good),
                reading(Value::Text("longer than fits inline in the value".into()), Quality::Good),
            ],
        },
        Fact::Readings { device: DeviceIdx(0), received_at: Timestamp::MIN, number: None, readings: vec![] },
        Fact::Positioned { device, received_at, number: Some(number), fix: fix.clone() },
        Fact::Positioned {
            device,
            received_at,
            number: None,
            fix: Fix { speed_mm_per_s: None, heading_cdeg: None, lane: None, site: Some(id("WH-01")), ..fix },
        },
        Fact::Happened { device, received_at, number, site: id("WH-01"), events: events.collect() },
        Fact::SettingsReported {
            device,
            received_at,
            settings: settings.into_iter().map(|(name, value)| (id(name), value)).collect(),
        },
    ]
}

fn plane_samples() -> Vec<Fact> {
    let device = DeviceIdx(300);
    let mut facts = Vec::new();
    for action in actions() {
        let command = CommandFrame { command: id("cmd-17"), issued_at: time(0), expires_at: Some(time(3_600)), action };
        facts.push(Fact::CommandIssued { device, command });
    }
    facts.push(Fact::CommandDelivered { command: id("cmd-17"), at: time(1) });
    for outcome in [Outcome::Accepted, Outcome::Done, Outcome::Rejected] {
        let answer = AckFrame {
            device: id("cold-7"),
            command: id("cmd-17"),
            at: Some(time(2)),
            outcome,
            reason: (outcome == Outcome::Rejected).then(|| "battery low".into()),
        };
        facts.push(Fact::CommandAnswered { device, received_at: time(3), answer });
    }
    for refused_by in [RefusedBy::Topic, RefusedBy::Frame, RefusedBy::Twin, RefusedBy::Database] {
        facts.push(Fact::Quarantined {
            received_at: time(0),
            topic: "factory/line1".into(),
            payload: vec![0, 127, 128, 255],
            refused_by,
            reason: "topic does not start with portolan/v1/".into(),
        });
    }
    for discarded in [false, true] {
        facts.push(Fact::QuarantineResolved { id: QuarantineId(1 << 40), at: time(0), discarded });
    }
    for (n, subject) in (0..).zip(subjects()) {
        facts.push(Fact::AlertRaised {
            id: AlertId(n),
            at: time(0),
            subject,
            severity: Severity::Watch,
            message: "temperature above 8 °C".into(),
        });
    }
    for severity in [Severity::Info, Severity::Watch, Severity::Critical] {
        facts.push(Fact::AlertUpdated { id: AlertId(1), at: time(1), severity, message: String::new() });
    }
    let by: String = "Li Na".into();
    facts.push(Fact::AlertAcknowledged { id: AlertId(1), at: time(2), by: by.clone(), note: Some("on it".into()) });
    facts.push(Fact::AlertAcknowledged { id: AlertId(1), at: time(2), by, note: None });
    facts.push(Fact::AlertCleared { id: AlertId(1), at: Timestamp::MAX });
    facts.extend(order_samples());
    facts.extend(supply_samples());
    facts
}

fn order_samples() -> Vec<Fact> {
    let order = OrderSpec {
        order: id("SO-1001"),
        site: id("WH-01"),
        customer: Some("Li Na".into()),
        wanted_at: Some(time(86_400)),
        last_at: Some(time(172_800)),
        together: true,
        reservation: Some(id("R-7")),
        note: Some("call first".into()),
        lines: vec![OrderLine { sku: id("SKU-1"), pieces: Pieces(12) }],
    };
    let bare = OrderSpec {
        customer: None,
        wanted_at: None,
        last_at: None,
        together: false,
        reservation: None,
        note: None,
        ..order.clone()
    };
    let part = |why: PromiseReason| PromisedPart {
        line: 0,
        from: id("PORT-1"),
        leaves_at: time(0),
        at: time(86_400),
        pieces: Pieces(2),
        why,
    };
    let whys = [
        PromiseReason::FreeOnDay,
        PromiseReason::FreeLater,
        PromiseReason::OtherSite,
        PromiseReason::Bought,
        PromiseReason::WaitsForRest,
    ];
    let parts: Vec<PromisedPart> = whys.map(part).into();
    vec![
        Fact::OrderTaken {
            at: time(1),
            key: Some("k-1".into()),
            expires_at: Some(time(60)),
            order: order.clone(),
            parts: parts.clone(),
        },
        Fact::OrderTaken { at: time(1), key: None, expires_at: None, order: bare, parts: Vec::new() },
        Fact::OrderAmended { at: time(2), order, parts },
        Fact::OrderEnded {
            at: time(3),
            order: id("SO-1001"),
            how: OrderEnd::Cancelled,
            reason: Some("not wanted".into()),
        },
        Fact::OrderEnded { at: time(3), order: id("R-7"), how: OrderEnd::Expired, reason: None },
    ]
}

fn reasons() -> Vec<ProposalReason> {
    let (from, to) = (10, 12);
    let mut all = vec![
        ProposalReason::Horizon { lead_days: 3, cover_days: 7 },
        ProposalReason::Forecast { mean: 16.5, deviation: 4.25 },
        ProposalReason::OnHand { pieces: 10 },
        ProposalReason::InTransit { pieces: 3 },
        ProposalReason::Reserved { pieces: 2 },
        ProposalReason::Backorders { pieces: 1 },
        ProposalReason::Target { pieces: 18, level_permille: 980 },
        ProposalReason::Need { pieces: 7 },
        ProposalReason::Shared { wanted: 10, given: 7, priority: 2 },
        ProposalReason::EconomicLot { from, to },
        ProposalReason::PriceBreak { from, to, price_minor: 95 },
        ProposalReason::Risk { short_permille: 12, without_permille: 700, short_pieces: 0.25 },
    ];
    for mode in [PlanningMode::Automatic, PlanningMode::Proposed, PlanningMode::Off] {
        all.push(ProposalReason::Due { mode, next_days: 1 });
    }
    use SourceChoice::{Cheapest, Only, Priority, RestOfNeed, TransferFirst};
    for why in [Only, Priority, Cheapest, TransferFirst, RestOfNeed] {
        all.push(ProposalReason::Source { from: id("WH-01"), of: 2, why });
    }
    for rule in [RoundedTo::Minimum, RoundedTo::Multiple, RoundedTo::Pallet, RoundedTo::Container] {
        all.push(ProposalReason::Rounded { rule, from, to });
    }
    for why in [JointAim::Minimum, JointAim::Truck] {
        all.push(ProposalReason::Joint { why, from, to });
    }
    for limit in [CutBy::Source, CutBy::Supplier, CutBy::Site, CutBy::Budget, CutBy::Truck, CutBy::ShelfLife] {
        all.push(ProposalReason::Cut { limit, from, to });
    }
    all
}

fn supply_samples() -> Vec<Fact> {
    let proposal = |kind: SupplyKind, class: AbcClass| ProposalSpec {
        site: id("WH-01"),
        sku: id("SKU-1"),
        from: id("SUP-2"),
        kind,
        pieces: Pieces(48),
        cost_minor: MinorUnits(4_560),
        due_at: time(86_400),
        next_review_at: time(172_800),
        mode: PlanningMode::Proposed,
        class,
        reasons: reasons(),
    };
    let order = |kind: SupplyKind| SupplyOrderSpec {
        order: id("PO-7"),
        kind,
        from: id("SUP-2"),
        to: id("WH-01"),
        due_at: time(86_400),
        lines: vec![SupplyLineSpec {
            sku: id("SKU-1"),
            pieces: Pieces(48),
            cost_minor: MinorUnits(4_560),
            proposal: Some(ProposalId(3)),
        }],
    };
    let (by, note) = (Some("Li Na".to_owned()), Some("as agreed".to_owned()));
    let position = Some((id("WH-01"), id("SKU-1")));
    let document = Some(r#"{"mode":"off"}"#.to_owned());
    let week = |pieces: Option<Pieces>| OverriddenWeek { week: time(0), pieces, statistical_milli: 12_345 };
    vec![
        Fact::ReplenishmentDecided { at: time(0), by: by.clone(), position, document },
        Fact::ReplenishmentDecided { at: time(0), by: None, position: None, document: None },
        Fact::Planned {
            at: time(1),
            is_first: true,
            proposals: vec![
                proposal(SupplyKind::Purchase, AbcClass::A),
                proposal(SupplyKind::Transfer, AbcClass::B),
                proposal(SupplyKind::Purchase, AbcClass::C),
            ],
        },
        Fact::Planned { at: time(1), is_first: false, proposals: Vec::new() },
        Fact::ProposalDecided {
            at: time(2),
            id: ProposalId(3),
            decision: Decision::Approve,
            by: by.clone(),
            note: note.clone(),
        },
        Fact::ProposalDecided { at: time(2), id: ProposalId(4), decision: Decision::Reject, by: None, note: None },
        Fact::SupplyOrderPlaced { at: time(3), order: order(SupplyKind::Purchase) },
        Fact::SupplyOrderPlaced { at: time(3), order: order(SupplyKind::Transfer) },
        Fact::SupplyOrderCancelled { at: time(4), order: id("PO-7"), reason: note.clone() },
        Fact::SupplyOrderConfirmed { at: time(4), order: id("PO-7"), due_at: Some(time(90_000)) },
        Fact::DemandGiven { site: id("WH-01"), sku: id("SKU-1"), from: time(0), weeks: vec![(12, 0), (0, 7)] },
        Fact::RoutesGiven {
            at: time(5),
            plan: id("monday"),
            by: by.clone(),
            routes: vec![RouteSpec {
                vehicle: id("truck-12"),
                device: id("gps-12"),
                stops: vec![RouteStopSpec {
                    site: id("WH-01"),
                    arrive_at: time(600),
                    load: vec![id("SH-1")],
                    unload: vec![id("SH-2"), id("SH-3")],
                }],
            }],
            stopped: vec![id("truck-13")],
        },
        Fact::LaneSwitched {
            at: time(5),
            lane: id("LANE-1"),
            is_closed: true,
            by: by.clone(),
            reason: Some("snow".to_owned()),
        },
        Fact::LaneSwitched { at: time(6), lane: id("LANE-1"), is_closed: false, by: None, reason: None },
        Fact::RoutesReplanned {
            at: time(6),
            plan: id("replan-7"),
            causes: vec![
                ReplanCause::Stranded { vehicle: id("truck-12"), alert: AlertId(4) },
                ReplanCause::Waits { shipment: id("SH-4") },
                ReplanCause::LaneClosed { lane: id("LANE-1"), record: 9 },
            ],
            outcome: ReplanOutcome::Given,
        },
        replanned(ReplanOutcome::Proposed),
        replanned(ReplanOutcome::Unchanged),
        replanned(ReplanOutcome::Failed),
        Fact::KeysDefined {
            gtins: vec![
                GtinSpec { sku: id("SKU-1"), gtin: "9521234543213".parse().unwrap() },
                GtinSpec { sku: id("SKU-2"), gtin: "95212340".parse().unwrap() },
            ],
            glns: vec![GlnSpec { site: id("WH-01"), gln: "9521234000006".parse().unwrap() }],
        },
        Fact::PlansDefined(vec![SitePlanSpec {
            site: id("WH-01"),
            parts: PlanPartKind::ALL
                .iter()
                .map(|kind| PlanPart {
                    kind: *kind,
                    x_mm: -1_500,
                    y_mm: 20_000,
                    width_mm: if kind.is_dock() { 0 } else { 2_700 },
                    height_mm: if kind.is_dock() { 0 } else { 1_200 },
                    sku: (*kind == PlanPartKind::Slot).then(|| id("SKU-1")),
                    sensor: kind.is_zone().then(|| id("cold-7")),
                })
                .collect(),
        }]),
        Fact::ForecastOverridden {
            at: time(5),
            site: id("WH-01"),
            sku: id("SKU-1"),
            by,
            note,
            weeks: vec![week(Some(Pieces(20))), week(None)],
        },
    ]
}

fn replanned(outcome: ReplanOutcome) -> Fact {
    Fact::RoutesReplanned { at: time(6), plan: id("replan-8"), causes: Vec::new(), outcome }
}

fn variant(fact: &Fact) -> String {
    format!("{fact:?}").split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().into()
}

/// Every sample with its name: the variant, and its number among the samples of that variant.
fn samples() -> Vec<(String, Fact)> {
    let mut counts = BTreeMap::<String, u32>::new();
    let facts = network_samples().into_iter().chain(device_samples()).chain(plane_samples());
    facts
        .map(|fact| {
            let variant = variant(&fact);
            let n = counts.entry(variant.clone()).or_default();
            *n += 1;
            (format!("{variant}-{n}"), fact)
        })
        .collect()
}

pub(crate) fn encode(fact: &Fact) -> Vec<u8> {
    let mut bytes = Vec::new();
    fact.encode_into(&mut bytes).unwrap();
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn kept() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(at(GOLDEN)).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(name, bytes)| (name.to_owned(), bytes.to_owned())).collect()
}

pub(crate) fn golden_bytes() -> Vec<Vec<u8>> {
    kept().values().map(|bytes| unhex(bytes)).collect()
}

#[test]
fn facts_of_version_1_are_read_for_ever() {
    let mut kept = kept();
    if updating() {
        for (name, fact) in samples() {
            kept.entry(name).or_insert_with(|| hex(&encode(&fact)));
        }
        let lines = kept.iter().map(|(name, bytes)| format!("{name} {bytes}\n"));
        write(&at(GOLDEN), lines.collect::<String>());
    }
    let samples: BTreeMap<_, _> = samples().into_iter().collect();
    assert_eq!(kept.keys().collect::<Vec<_>>(), samples.keys().collect::<Vec<_>>(), "golden lines and samples");
    for (name, fact) in samples {
        let bytes = unhex(&kept[&name]);
        assert_eq!(Fact::decode(&bytes).as_ref(), Ok(&fact), "{name}: the meaning of {}", kept[&name]);
        assert_eq!(hex(&encode(&fact)), kept[&name], "{name}: the bytes of {fact:?}");
    }
}

#[test]
fn every_variant_has_a_sample() {
    // A variant that exists runs out of bytes; one that does not is refused by its number.
    let exists = |n: u8| match Fact::decode(&[FACT_VERSION, n]) {
        Err(FactError::Encoding(why)) => why.contains("end of buffer"),
        other => panic!("variant {n}: {other:?}"),
    };
    let last = (0..).take_while(|n| exists(*n)).count();
    let numbers: std::collections::BTreeSet<u8> = samples().iter().map(|(_, fact)| encode(fact)[1]).collect();
    assert_eq!(numbers, (0..last as u8).collect(), "{last} variants");
}

#[test]
fn a_foreign_fact_is_refused_with_its_reason() {
    #[track_caller]
    fn check(bytes: &[u8], why: &str) {
        match Fact::decode(bytes) {
            Err(found) if found.to_string().contains(why) => {}
            other => panic!("{bytes:?}: {other:?}"),
        }
    }
    check(&[], "cannot be empty");
    check(&[0], "fact of version 0");
    check(&[2, 0], "fact of version 2");
    check(&[1, 250], "not a fact of version 1");
    for (_name, fact) in samples() {
        let mut bytes = encode(&fact);
        bytes.push(0);
        check(&bytes, "trailing bytes");
        bytes.truncate(bytes.len() - 2);
        check(&bytes, "not a fact of version 1");
    }
}
