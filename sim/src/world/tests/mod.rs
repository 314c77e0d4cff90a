//! Stories of a small world, and what must hold in every world.

mod books;
mod small;
mod speed;
mod twin;

use super::*;
use books::{Books, mass};
use firmware_schemas::codec::{self, Encoding, Frame};
use firmware_schemas::command::{Action, CommandFrame};
use firmware_schemas::id::{CommandId, ShipmentId};
use firmware_schemas::quantity::Position;
use firmware_schemas::telemetry::{Happening, Outcome};
use proptest::prelude::*;
use small::{DAY, config, demo, frame, network, numbers, run, start};
use std::time::Duration;

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
    let mut seen: BTreeMap<(DeviceId, u64), Vec<u64>> = BTreeMap::new();
    let (mut born, mut together, mut silent_until_born) = (0, 0, true);
    for message in run(&mut world, DAY) {
        let (device, frame) = frame(&message);
        born += usize::from(matches!(frame, Frame::Birth(_)));
        together += usize::from(matches!(&frame, Frame::Telemetry(frames) if frames.len() > 1));
        silent_until_born &= born > 0;
        for (boot, seq) in numbers(&frame) {
            seen.entry((device.clone(), boot)).or_default().push(seq);
        }
    }
    assert!(silent_until_born && born > 9, "{born} births: some devices got a new battery");
    let mut twice = 0;
    for ((device, boot), mut seqs) in seen {
        let n = seqs.len();
        seqs.sort_unstable();
        seqs.dedup();
        twice += n - seqs.len();
        let lost_at_the_end = seqs.len() as u64;
        assert_eq!(seqs, (0..lost_at_the_end).collect::<Vec<_>>(), "{device} since start {boot}");
    }
    assert!(twice > 20, "{twice} frames came twice");
    assert!(together > 5, "{together} times a device that was out of reach caught up");
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

#[test]
fn the_demos_agvs_say_where_they_are_in_the_hall() {
    let hour = |seed: u64| {
        let mut world = World::new(&demo(), config(seed)).unwrap();
        let mut ways: BTreeMap<DeviceId, Vec<(f64, f64)>> = BTreeMap::new();
        for message in run(&mut world, Duration::from_secs(3_600)) {
            let (device, frame) = frame(&message);
            let Frame::Telemetry(frames) = frame else { continue };
            for frame in frames.iter().filter(|_| device.as_str().starts_with("NAV-AGV-")) {
                let metric = |name: &str| {
                    let reading = frame.readings.iter().find(|reading| reading.metric.as_str() == name).unwrap();
                    match reading.value {
                        firmware_schemas::telemetry::Value::Float(value) => value,
                        ref other => panic!("{other:?}"),
                    }
                };
                ways.entry(device.clone()).or_default().push((metric("x"), metric("y")));
            }
        }
        ways
    };
    let ways = hour(1);
    assert_eq!(ways.len(), 4);
    for (device, way) in &ways {
        assert!(way.len() > 200, "{device}: {}", way.len());
        assert!(way.iter().all(|(x, y)| (0.0..=84.0).contains(x) && (0.0..=60.0).contains(y)), "{device}: {way:?}");
        let spread = |of: fn(&(f64, f64)) -> f64| {
            way.iter().map(of).fold(f64::MIN, f64::max) - way.iter().map(of).fold(f64::MAX, f64::min)
        };
        assert!(spread(|at| at.0) > 20.0 && spread(|at| at.1) > 20.0, "{device} gets about: {way:?}");
    }
    assert_eq!(hour(1), ways);
    assert_ne!(hour(2), ways);
}
