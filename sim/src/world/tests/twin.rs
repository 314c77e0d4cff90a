//! The twin that hears all frames knows what really happened.

use super::super::*;
use super::small::{DAY, config, demo, network, run};
use ::twin::Twin;
use ::twin::alert::{AlertRules, reconcile, subjects_due, subjects_of};
use ::twin::observe::ObserveRules;
use firmware_schemas::codec::{self, Frame};
use firmware_schemas::fact::{AlertSubject, Fact};
use firmware_schemas::topic::Topic;
use std::collections::BTreeSet;
use std::time::Duration;

/// Folds frames as the gateway does, without its machinery.
struct Listener {
    twin: Twin,
    seq: u64,
    raised: BTreeMap<&'static str, usize>,
    since: Timestamp,
}

fn kind(subject: &AlertSubject) -> &'static str {
    match subject {
        AlertSubject::OutOfRange { .. } => "out of range",
        AlertSubject::BelowReorderPoint { .. } => "below reorder point",
        AlertSubject::RunsOut { .. } => "runs out",
        AlertSubject::DeviceSilent { .. } => "silent",
        AlertSubject::OffLane { .. } => "off lane",
        AlertSubject::Late { .. } => "late",
        AlertSubject::NegativeStock { .. } => "negative",
        AlertSubject::Stranded { .. } => "stranded",
    }
}

impl Listener {
    fn new(input: &WorldInput, start: Timestamp) -> Self {
        let mut listener = Self { twin: Twin::default(), seq: 0, raised: BTreeMap::new(), since: start };
        for fact in [
            Fact::NetworkDefined(input.head.clone()),
            Fact::SitesDefined(input.sites.clone()),
            Fact::LanesDefined(input.lanes.clone()),
            Fact::SkusDefined(input.skus.clone()),
            Fact::VehiclesDefined(input.vehicles.clone()),
            Fact::DevicesDefined(input.devices.clone()),
            Fact::StockDefined(input.stock.clone()),
            Fact::ShipmentsDefined { at: start, shipments: input.shipments.clone() },
        ] {
            listener.apply(&fact, &mut BTreeSet::new());
        }
        listener
    }

    fn apply(&mut self, fact: &Fact, subjects: &mut BTreeSet<AlertSubject>) {
        let mut touched = Vec::new();
        self.seq += 1;
        self.twin.apply(self.seq, fact, &mut touched).unwrap();
        subjects_of(&self.twin, &touched, subjects);
    }

    fn hear(&mut self, message: &Message, now: Timestamp, subjects: &mut BTreeSet<AlertSubject>) {
        let topic = Topic::parse(&message.topic).unwrap();
        let frame = codec::decode(topic.channel, topic.device, &message.payload).unwrap();
        let site = SiteId::new(topic.site).unwrap();
        let one_by_one = match frame {
            Frame::Telemetry(frames) => frames.into_iter().map(|frame| Frame::Telemetry(vec![frame])).collect(),
            frame => vec![frame],
        };
        for frame in one_by_one {
            let facts = self.twin.observe(&site, frame.clone(), now, &ObserveRules::default());
            for fact in facts.unwrap_or_else(|why| panic!("{}: {why}: {frame:?}", message.topic)) {
                self.apply(&fact, subjects);
            }
        }
    }

    fn judge(&mut self, now: Timestamp, mut subjects: BTreeSet<AlertSubject>) {
        subjects_due(&self.twin, &mut subjects);
        for subject in subjects {
            let fact = reconcile(&self.twin, &AlertRules::default(), &subject, now, self.since);
            if let Some(fact) = fact {
                if matches!(fact, Fact::AlertRaised { .. }) {
                    *self.raised.entry(kind(&subject)).or_default() += 1;
                }
                self.apply(&fact, &mut BTreeSet::new());
            }
        }
    }

    /// Hears the world for a while, judging once a minute.
    fn follow(&mut self, world: &mut World, span: Duration) {
        let minute = Duration::from_secs(60);
        for _ in 0..span.as_secs() / 60 {
            let mut subjects = BTreeSet::new();
            for message in run(world, minute) {
                self.hear(&message, world.now(), &mut subjects);
            }
            self.judge(world.now(), subjects);
        }
    }

    #[track_caller]
    fn agree_with(&self, truth: &Truth) {
        for row in &truth.stock {
            let known = self.twin.stock_of(&row.site, &row.sku);
            let known = known.map(|at| &self.twin.stock[at.at()]);
            let known = known.map_or([0; 4], |s| [s.on_hand, s.reserved, s.in_transit, s.on_order]);
            let really = [row.on_hand.0, row.reserved.0, row.in_transit.0, row.on_order.0];
            assert_eq!(known, really, "{} at {}", row.sku, row.site);
        }
        let open = self.twin.shipments.iter().filter(|(_, shipment)| shipment.arrived_at.is_none());
        let open: Vec<_> = open.map(|(id, _)| id.clone()).collect();
        let really: Vec<_> = truth.shipments.iter().map(|shipment| shipment.shipment.clone()).collect();
        assert_eq!(open, really);
    }
}

#[test]
fn the_twin_of_a_faulty_world_is_right_to_the_last_piece() {
    let input = network();
    let mut settings = config(21);
    settings.faults.outages_per_device_year = 500.0;
    settings.faults.batteries_per_device_year = 50.0;
    settings.faults.duplicates_permille = 100.0;
    settings.faults.clocks_per_device_year = 0.0;
    let mut world = World::new(&input, settings).unwrap();
    let mut listener = Listener::new(&input, world.now());
    for _ in 0..5 {
        listener.follow(&mut world, DAY);
        listener.agree_with(&world.truth());
    }
}

#[test]
fn the_demo_raises_an_alert_of_each_kind_within_its_first_hours() {
    let input = demo();
    let mut settings = config(1);
    settings.demo_story = true;
    let mut world = World::new(&input, settings).unwrap();
    let mut listener = Listener::new(&input, world.now());
    let mut first: BTreeMap<&'static str, usize> = BTreeMap::new();
    for ten_minutes in 1..=36 {
        listener.follow(&mut world, Duration::from_secs(600));
        for kind in listener.raised.keys() {
            first.entry(kind).or_insert(ten_minutes * 10);
        }
    }
    listener.agree_with(&world.truth());
    for kind in ["out of range", "below reorder point", "silent", "off lane", "late"] {
        assert!(first.get(kind).is_some_and(|minutes| *minutes <= 270), "{kind}: {first:?} {:?}", listener.raised);
    }
}
