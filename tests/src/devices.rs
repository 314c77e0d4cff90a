//! What the devices of a small network send: a script that follows from a seed alone, so that the same
//! devices can be run through any faults.
//!
//! Devices are sensible where the outcome would otherwise depend on the network's mood: a device says what
//! happened to its site's stock in order, one frame at a time; goods arrive after their sender was told
//! that the dispatch is known. Where [`Temper::hasty`], they do not wait, and the gateway must refuse.

use crate::disk::SplitMix64;
use bytes::Bytes;
use firmware_schemas::codec::{self, Encoding};
use firmware_schemas::id::{DeviceId, MetricName, OrderId, ShipmentId, SiteId, SkuId, TenantId, VehicleId};
use firmware_schemas::network::{
    DeviceKind, DeviceSpec, LaneSpec, MetricKind, MetricSpec, Mode, NetworkSpec, SiteKind, SiteSpec, SkuSpec,
    StockSpec, TemperatureClass, VehicleKind, VehicleSpec,
};
use firmware_schemas::quantity::{Grams, Metres, MinorUnits, Pieces, Position, Seconds, Timestamp};
use firmware_schemas::telemetry::{
    BirthFrame, EventFrame, EventRecord, GoodsLine, Happening, MetricDeclaration, PositionFrame, Quality, Reading,
    ReportedFrame, Setting, StatusFrame, TelemetryFrame, Value,
};
use firmware_schemas::topic::{Channel, topic};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::str::FromStr;
use std::time::Duration;
use twin::network::{Network, Parts};

/// The network's owner.
pub const TENANT: &str = "acme";
const SITES: [&str; 3] = ["central", "north", "south"];
const SKUS: [&str; 3] = ["apples", "bread", "cheese"];
const TRUCK: &str = "truck-1";
/// How long the devices go on sending.
const SCRIPT_SECS: u64 = 3_600;

/// What the devices do that makes order matter or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Temper {
    /// Goods may arrive before anybody knows that they left.
    pub hasty: bool,
    /// Only changes of stock whose order does not matter.
    pub commutes: bool,
}

/// What a message says, as its device meant it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the frames say what they are")]
pub enum Content {
    /// One frame, or the frames of an array.
    Telemetry(Vec<Sent>),
    Event(EventFrame),
    Position(PositionFrame),
    Birth(BirthFrame),
    Status(StatusFrame),
    Reported(ReportedFrame),
    /// Not a frame that can be taken, whenever it comes.
    Bad,
}

/// One telemetry frame.
#[derive(Clone, Debug)]
pub struct Sent {
    /// What it says.
    pub frame: TelemetryFrame,
    /// Its bytes, as it is put in quarantine when it is refused alone.
    pub alone: Vec<u8>,
    /// False when the gateway must refuse it.
    pub is_good: bool,
}

/// One message of the script.
#[derive(Clone, Debug)]
pub struct Message {
    /// Whose, by its place in [`Script::senders`].
    pub sender: usize,
    /// Where to.
    pub topic: String,
    /// What.
    pub payload: Bytes,
    /// Not sent before this.
    pub at: Timestamp,
    /// Not sent before these were acknowledged.
    pub after: Vec<usize>,
    /// What it says.
    pub content: Content,
}

/// The devices, and all that they will ever send.
#[derive(Clone, Debug)]
pub struct Script {
    /// Their network.
    pub network: Network,
    /// The devices' ids.
    pub senders: Vec<String>,
    /// In the order in which they came to be.
    pub messages: Vec<Message>,
    /// When it begins.
    pub start: Timestamp,
    /// What every reading must become: by device, metric and time.
    pub readings: BTreeMap<(String, String, Timestamp), (Value, Quality)>,
}

fn id<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("an id of this file is one")
}

fn place(lat: f64, lon: f64) -> Position {
    Position::from_degrees(lat, lon).expect("a place of this file is on the globe")
}

/// When every script begins.
pub fn start() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap_or(Timestamp::EPOCH)
}

/// Three sites, three SKUs, a truck, and the devices that the network names.
fn network() -> Network {
    let mut parts = Parts::empty(NetworkSpec {
        name: "Small".into(),
        tenant: id::<TenantId>(TENANT),
        currency: "EUR".into(),
        time_zone: "UTC".into(),
    });
    for (at, site) in SITES.into_iter().enumerate() {
        parts.sites.push(SiteSpec {
            site: id(site),
            kind: if at == 0 { SiteKind::CentralWarehouse } else { SiteKind::RegionalWarehouse },
            name: site.into(),
            name_zh: None,
            position: place(50.0 + at as f64, 8.0),
            country: None,
            time_zone: "UTC".into(),
            tier: None,
            partner_class: None,
        });
        parts.devices.push(DeviceSpec {
            device: id(&format!("scanner-{site}")),
            site: id(site),
            kind: DeviceKind::Scanner,
            vehicle: None,
            interval_secs: Seconds(600),
            metrics: vec![metric("battery", MetricKind::Integer)],
        });
        for sku in SKUS {
            parts.stock.push(StockSpec {
                site: id(site),
                sku: id(sku),
                on_hand: Pieces(500),
                reserved: Pieces(0),
                in_transit: Pieces(0),
                on_order: Pieces(0),
                reorder_point: Some(Pieces(450)),
                order_up_to: Some(Pieces(600)),
                source: (at > 0).then(|| id(SITES[0])),
            });
        }
    }
    for to in [1, 2] {
        parts.lanes.push(LaneSpec {
            lane: id(&format!("to-{}", SITES[to])),
            from: id(SITES[0]),
            to: id(SITES[to]),
            mode: Mode::Road,
            lead_time_secs: Seconds(7_200),
            lead_time_sd_secs: Seconds(0),
            distance_m: Metres(100_000),
            via: Vec::new(),
            cost_minor: MinorUnits(100),
            cost_per_tonne_minor: MinorUnits(10),
            capacity_g_per_day: None,
            departs_every_secs: None,
        });
    }
    for sku in SKUS {
        parts.skus.push(SkuSpec {
            sku: id(sku),
            name: sku.into(),
            name_zh: None,
            unit: "piece".into(),
            mass_g: Grams(1_000),
            volume_ml: 1_000,
            value_minor: MinorUnits(100),
            temperature: TemperatureClass::Chilled,
            temperature_min_milli_c: None,
            temperature_max_milli_c: None,
            shelf_life_days: None,
        });
    }
    parts.vehicles.push(VehicleSpec {
        vehicle: id(TRUCK),
        kind: VehicleKind::Truck,
        mode: Mode::Road,
        name: TRUCK.into(),
        capacity_g: Grams(10_000_000),
        temperature: TemperatureClass::Chilled,
        home: id(SITES[0]),
        route: Vec::new(),
        progress_permille: None,
        speed_m_per_h: 60_000,
        device: None,
    });
    Network::new(parts).expect("the network of this file is right")
}

fn metric(name: &str, kind: MetricKind) -> MetricSpec {
    MetricSpec { metric: id(name), unit: "1".into(), kind, min_milli: None, max_milli: None }
}

/// What kind of device a sender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Says what happens to the stock of its site, and how its battery is.
    Scanner,
    /// Born, numbered, several metrics with limits, arrays after an outage.
    ColdRoom,
    /// Announced by nobody, numbers nothing.
    Plain,
    /// On the truck.
    Tracker,
}

struct Device {
    id: String,
    site: &'static str,
    role: Role,
    boot: u64,
    next_seq: u64,
    encoding: Encoding,
    /// What all other messages of it wait for.
    birth: Option<usize>,
    /// Its last message that must stay in order.
    last_ordered: Option<usize>,
    used_times: BTreeSet<Timestamp>,
}

/// Goods that left, for the site that waits for them.
struct Leaving {
    shipment: String,
    to: usize,
    lines: Vec<GoodsLine>,
    dispatch: usize,
}

struct Writer {
    random: SplitMix64,
    temper: Temper,
    devices: Vec<Device>,
    messages: Vec<Message>,
    readings: BTreeMap<(String, String, Timestamp), (Value, Quality)>,
    /// Ordered by a site from the centre: site, SKU, pieces, order, the message that said so.
    orders: Vec<(usize, usize, i64, String, usize)>,
    leaving: Vec<Leaving>,
    /// Reserved: site, SKU, pieces, order.
    reserved: Vec<(usize, usize, i64, String)>,
    now: Timestamp,
}

impl Script {
    /// The script of a seed: about `n_messages`, more where one leads to others.
    pub fn new(seed: u64, n_messages: usize, temper: Temper) -> Self {
        let mut writer = Writer {
            random: SplitMix64(seed),
            temper,
            devices: Vec::new(),
            messages: Vec::new(),
            readings: BTreeMap::new(),
            orders: Vec::new(),
            leaving: Vec::new(),
            reserved: Vec::new(),
            now: start(),
        };
        writer.introduce();
        let step = Duration::from_secs(SCRIPT_SECS) / n_messages.max(1) as u32;
        while writer.messages.len() < n_messages {
            let micros = writer.random.below(2 * step.as_micros() as u64);
            writer.now = writer.now.saturating_add(Duration::from_micros(micros));
            writer.something();
        }
        writer.arrive_all();
        let senders = writer.devices.iter().map(|device| device.id.clone()).collect();
        Self { network: network(), senders, messages: writer.messages, start: start(), readings: writer.readings }
    }
}

impl Writer {
    fn introduce(&mut self) {
        for site in SITES {
            self.add(format!("scanner-{site}"), site, Role::Scanner);
            self.add(format!("cold-{site}"), site, Role::ColdRoom);
            self.add(format!("plain-{site}"), site, Role::Plain);
        }
        self.add("tracker".to_owned(), SITES[0], Role::Tracker);
        for device in 0..self.devices.len() {
            self.be_born(device);
        }
    }

    fn add(&mut self, id: String, site: &'static str, role: Role) {
        let encoding = if self.random.chance(50) { Encoding::Json } else { Encoding::Cbor };
        self.devices.push(Device {
            id,
            site,
            role,
            boot: 1,
            next_seq: 0,
            encoding,
            birth: None,
            last_ordered: None,
            used_times: BTreeSet::new(),
        });
    }

    fn something(&mut self) {
        let device = self.random.below(self.devices.len() as u64) as usize;
        let role = self.devices[device].role;
        match self.random.below(100) {
            0..6 => self.bad(device),
            6..8 => self.status(device),
            8..10 => self.reported(device),
            10..12 if self.devices[device].boot == 1 => self.reboot(device),
            _ if role == Role::Scanner && self.random.chance(85) => self.event(device),
            _ if role == Role::Tracker && self.random.chance(70) => self.position(device),
            _ => self.telemetry(device),
        }
    }

    fn push(
        &mut self,
        device: usize,
        channel: Channel,
        payload: Vec<u8>,
        after: Vec<usize>,
        content: Content,
    ) -> usize {
        let sender = &self.devices[device];
        let topic = topic(&id(TENANT), &id(sender.site), &id(&sender.id), channel);
        let after = after.into_iter().chain(sender.birth).collect();
        self.messages.push(Message { sender: device, topic, payload: payload.into(), at: self.now, after, content });
        self.messages.len() - 1
    }

    fn bytes<F: Serialize>(&self, device: usize, frame: &F) -> Vec<u8> {
        codec::encode(frame, self.devices[device].encoding).expect("a frame can be encoded")
    }

    fn number(&mut self, device: usize) -> (u64, u64) {
        let device = &mut self.devices[device];
        device.next_seq += 1;
        (device.boot, device.next_seq - 1)
    }

    /// A time that this device has used for no reading yet: now, or up to `back_secs` ago.
    fn time(&mut self, device: usize, back_secs: u64) -> Timestamp {
        loop {
            let back = Duration::from_millis(self.random.below(back_secs.max(1) * 1_000));
            let at = Timestamp::from_millis(self.now.saturating_sub(back).as_millis()).unwrap_or(self.now);
            if self.devices[device].used_times.insert(at) {
                return at;
            }
        }
    }

    fn be_born(&mut self, device: usize) {
        let limits = |name: &str, min, max, kind| MetricDeclaration {
            name: id::<MetricName>(name),
            unit: "Cel".into(),
            kind,
            min,
            max,
        };
        let metrics = match self.devices[device].role {
            Role::ColdRoom => vec![
                limits("temperature", Some(2.0), Some(self.warmest(device)), MetricKind::Float),
                limits("door_open", None, None, MetricKind::Boolean),
                limits("openings", None, Some(90.0), MetricKind::Integer),
            ],
            Role::Tracker => vec![limits("speed", None, Some(90.0), MetricKind::Float)],
            Role::Scanner | Role::Plain => return,
        };
        let vehicle = (self.devices[device].role == Role::Tracker).then(|| id::<VehicleId>(TRUCK));
        let birth = BirthFrame {
            device: id(&self.devices[device].id),
            boot: Some(self.devices[device].boot),
            at: Some(self.now),
            interval_secs: Some(30 + self.random.below(300) as u32),
            vehicle,
            firmware: Some(format!("v{}", self.devices[device].boot)),
            metrics,
        };
        let payload = self.bytes(device, &birth);
        // New limits hold for what comes after: all that was said under the old ones is known by then.
        let said = (0..self.messages.len()).filter(|at| self.messages[*at].sender == device).collect();
        let at = self.push(device, Channel::Birth, payload, said, Content::Birth(birth));
        self.devices[device].birth = Some(at);
    }

    /// The upper limit of the temperature, which a restart may have changed.
    fn warmest(&self, device: usize) -> f64 {
        if self.devices[device].boot > 1 && !self.temper.commutes { 6.0 } else { 8.0 }
    }

    fn reboot(&mut self, device: usize) {
        self.devices[device].boot += 1;
        self.devices[device].next_seq = 0;
        self.be_born(device);
    }

    fn status(&mut self, device: usize) {
        let frame = StatusFrame {
            device: id(&self.devices[device].id),
            boot: Some(self.devices[device].boot),
            online: self.random.chance(50),
            at: Some(self.now),
            reason: None,
        };
        let payload = self.bytes(device, &frame);
        self.push(device, Channel::Status, payload, Vec::new(), Content::Status(frame));
    }

    fn reported(&mut self, device: usize) {
        let value = Value::Integer(self.messages.len() as i64);
        let settings = BTreeMap::from([(id::<MetricName>("report_every"), Setting(value))]);
        let frame = ReportedFrame { device: id(&self.devices[device].id), at: Some(self.now), settings };
        let payload = self.bytes(device, &frame);
        self.push(device, Channel::Reported, payload, Vec::new(), Content::Reported(frame));
    }

    fn value(&mut self, metric: &str) -> Value {
        match metric {
            "temperature" => Value::Float(self.random.below(48) as f64 / 4.0),
            "speed" => Value::Float(self.random.below(400) as f64 / 4.0 + 0.125),
            "door_open" => Value::Boolean(self.random.chance(20)),
            "mode" => Value::Text(["auto", "manual", "off"][self.random.below(3) as usize].into()),
            _ => Value::Integer(self.random.below(100) as i64),
        }
    }

    /// Mostly small frames; some late ones, some arrays, some arrays with one frame that must be refused.
    fn telemetry(&mut self, device: usize) {
        let role = self.devices[device].role;
        let metrics: &[&str] = match role {
            Role::Scanner => &["battery"],
            Role::ColdRoom => &["temperature", "door_open", "openings"],
            Role::Plain => &["count", "mode"],
            Role::Tracker => &["speed"],
        };
        let n_frames = if self.random.chance(15) { 2 + self.random.below(5) as usize } else { 1 };
        let back_secs = if self.random.chance(20) { 86_400 } else { 20 };
        let numbered = role != Role::Plain && !(role == Role::Tracker && self.random.chance(50));
        let mut frames = Vec::new();
        for _ in 0..n_frames {
            let mut readings = Vec::new();
            for _ in 0..1 + self.random.below(3) {
                let at = self.time(device, back_secs);
                for &metric in metrics {
                    if self.random.chance(80) || readings.is_empty() {
                        let value = self.value(metric);
                        let quality = if self.random.chance(5) { Quality::Bad } else { Quality::Good };
                        readings.push(Reading { metric: id(metric), at, value, quality });
                    }
                }
            }
            let number = numbered.then(|| self.number(device));
            let is_good = n_frames == 1 || !self.random.chance(10);
            if !is_good {
                let far = self.now.saturating_add(Duration::from_secs(86_400 * 30));
                readings.iter_mut().for_each(|reading| reading.at = far);
            }
            let frame = TelemetryFrame {
                device: id(&self.devices[device].id),
                boot: number.map(|(boot, _)| boot),
                seq: number.map(|(_, seq)| seq),
                sent_at: Some(self.now),
                readings,
            };
            if is_good {
                self.expect_readings(device, &frame);
            }
            let alone = codec::encode(&frame, Encoding::Json).expect("a frame can be encoded");
            frames.push(Sent { frame, alone, is_good });
        }
        let payload = match frames.as_slice() {
            [only] => self.bytes(device, &only.frame),
            several => {
                let frames: Vec<_> = several.iter().map(|sent| &sent.frame).collect();
                self.bytes(device, &frames)
            }
        };
        self.push(device, Channel::Telemetry, payload, Vec::new(), Content::Telemetry(frames));
    }

    /// What the readings of a frame must become. Without a birth a number is a float.
    fn expect_readings(&mut self, device: usize, frame: &TelemetryFrame) {
        let (role, warmest) = (self.devices[device].role, self.warmest(device));
        for reading in &frame.readings {
            let value = match &reading.value {
                Value::Integer(n) if role == Role::Plain => Value::Float(*n as f64),
                value => value.clone(),
            };
            let limits = match reading.metric.as_str() {
                "temperature" => 2.0..=warmest,
                "openings" | "speed" => f64::MIN..=90.0,
                _ => f64::MIN..=f64::MAX,
            };
            let is_outside = value.as_f64().is_some_and(|x| !limits.contains(&x));
            let quality = if is_outside { reading.quality.max(Quality::Suspect) } else { reading.quality };
            let key = (frame.device.as_str().to_owned(), reading.metric.as_str().to_owned(), reading.at);
            self.readings.insert(key, (value, quality));
        }
    }

    fn position(&mut self, device: usize) {
        let number = self.random.chance(70).then(|| self.number(device));
        let frame = PositionFrame {
            device: id(&self.devices[device].id),
            boot: number.map(|(boot, _)| boot),
            seq: number.map(|(_, seq)| seq),
            vehicle: self.random.chance(50).then(|| id(TRUCK)),
            at: self.time(device, 60),
            position: place(50.0 + self.random.below(2_000) as f64 / 1_000.0, 8.0),
            speed_mm_per_s: Some(self.random.below(25_000) as u32),
            heading_cdeg: None,
            lane: Some(id("to-north")),
            site: None,
        };
        let payload = self.bytes(device, &frame);
        self.push(device, Channel::Position, payload, Vec::new(), Content::Position(frame));
    }

    /// A frame of one to three events, after all earlier ones of this device.
    fn event(&mut self, device: usize) {
        let site = SITES.iter().position(|site| *site == self.devices[device].site).unwrap_or(0);
        let mut after = Vec::new();
        let (mut events, mut ordered, mut left) = (Vec::new(), Vec::new(), None);
        for _ in 0..1 + self.random.below(3) {
            let happening = self.happening(site, &mut after, &mut ordered, &mut left);
            let at = self.now.saturating_sub(Duration::from_millis(self.random.below(5_000)));
            events.push(EventRecord { at, site: None, happening });
        }
        let message = self.push_events(device, events, after);
        self.orders.extend(ordered.into_iter().map(|(sku, pieces, order)| (site, sku, pieces, order, message)));
        if let Some((shipment, to, lines)) = left {
            self.leaving.push(Leaving { shipment, to, lines, dispatch: message });
        }
    }

    fn push_events(&mut self, device: usize, events: Vec<EventRecord>, mut after: Vec<usize>) -> usize {
        let (boot, seq) = self.number(device);
        let device_id = id::<DeviceId>(&self.devices[device].id);
        let frame = EventFrame { device: device_id, boot, seq, sent_at: None, events };
        let payload = self.bytes(device, &frame);
        after.extend(self.devices[device].last_ordered);
        let message = self.push(device, Channel::Event, payload, after, Content::Event(frame));
        self.devices[device].last_ordered = Some(message);
        message
    }

    fn happening(
        &mut self,
        site: usize,
        after: &mut Vec<usize>,
        ordered: &mut Vec<(usize, i64, String)>,
        left: &mut Option<(String, usize, Vec<GoodsLine>)>,
    ) -> Happening {
        let at_sku = self.random.below(SKUS.len() as u64) as usize;
        let sku = id::<SkuId>(SKUS[at_sku]);
        let n = 1 + self.random.below(20) as i64;
        let pieces = Pieces(n);
        let name = |kind: &str, n: usize| format!("{kind}-{n}-{}", SITES[site]);
        let order = name("o", self.messages.len() * 8 + ordered.len() + self.reserved.len() % 8);
        match self.random.below(12) {
            0..2 => Happening::StockReceived { sku, pieces, order: None },
            2..4 => Happening::StockIssued { sku, pieces, order: None, customer: None },
            4 => Happening::StockReturned { sku, pieces, customer: None },
            5 => Happening::StockAdjusted { sku, pieces: Pieces(if n % 2 == 0 { n } else { -n }), reason: None },
            6 if !self.temper.commutes => Happening::StockCounted { sku, on_hand: Pieces(400 + n) },
            7 if !self.temper.commutes && self.reserved.iter().all(|(_, _, _, known)| *known != order) => {
                self.reserved.push((site, at_sku, n, order.clone()));
                Happening::StockReserved { sku, pieces, order: id::<OrderId>(&order) }
            }
            8 if self.reserved.iter().any(|(at, ..)| *at == site) => {
                let place = self.reserved.iter().position(|(at, ..)| *at == site).unwrap_or(0);
                let (_, at_sku, pieces, order) = self.reserved.remove(place);
                let (sku, pieces, order) = (id(SKUS[at_sku]), Pieces(pieces), id(&order));
                if n % 2 == 0 {
                    Happening::ReservationReleased { sku, pieces, order }
                } else {
                    Happening::StockIssued { sku, pieces, order: Some(order), customer: None }
                }
            }
            9 if site > 0 && !self.temper.commutes => {
                ordered.push((at_sku, n, order.clone()));
                Happening::StockOrdered { sku, pieces, order: id(&order), source: Some(id(SITES[0])), due_at: None }
            }
            9..12 if site == 0 && left.is_none() => {
                let (to, lines, order) = match self.orders.pop() {
                    Some((to, at_sku, pieces, order, said)) => {
                        after.push(said);
                        (to, vec![GoodsLine { sku: id(SKUS[at_sku]), pieces: Pieces(pieces) }], Some(id(&order)))
                    }
                    None => (1 + self.random.below(2) as usize, vec![GoodsLine { sku, pieces }], None),
                };
                // What was not ordered must not lower what is on order.
                if order.is_none() && !self.temper.commutes {
                    return Happening::StockReturned { sku: id(SKUS[at_sku]), pieces, customer: None };
                }
                let shipment = format!("s-{}", self.messages.len());
                *left = Some((shipment.clone(), to, lines.clone()));
                Happening::ShipmentDispatched {
                    shipment: id::<ShipmentId>(&shipment),
                    to: id::<SiteId>(SITES[to]),
                    lane: Some(id(&format!("to-{}", SITES[to]))),
                    vehicle: self.random.chance(50).then(|| id(TRUCK)),
                    due_at: Some(self.now.saturating_add(Duration::from_secs(1_200))),
                    order,
                    lines,
                }
            }
            _ if site > 0 && self.leaving.iter().any(|leaving| leaving.to == site) => {
                let place = self.leaving.iter().position(|leaving| leaving.to == site).unwrap_or(0);
                let leaving = self.leaving.remove(place);
                self.arrival(leaving, after)
            }
            _ => Happening::StockReceived { sku, pieces, order: None },
        }
    }

    fn arrival(&mut self, leaving: Leaving, after: &mut Vec<usize>) -> Happening {
        if !(self.temper.hasty && self.random.chance(70)) {
            after.push(leaving.dispatch);
        }
        let mut lines = leaving.lines;
        let some_are_missing = self.random.chance(20);
        if some_are_missing {
            lines.iter_mut().for_each(|line| line.pieces = Pieces((line.pieces.0 / 2).max(1)));
        }
        Happening::ShipmentArrived { shipment: id(&leaving.shipment), lines: some_are_missing.then_some(lines) }
    }

    /// All goods under way arrive.
    fn arrive_all(&mut self) {
        while let Some(leaving) = self.leaving.pop() {
            let scanner = format!("scanner-{}", SITES[leaving.to]);
            let device = self.devices.iter().position(|device| device.id == scanner).unwrap_or(0);
            let mut after = Vec::new();
            let happening = self.arrival(leaving, &mut after);
            self.push_events(device, vec![EventRecord { at: self.now, site: None, happening }], after);
        }
    }

    /// Something that can never be taken.
    fn bad(&mut self, device: usize) {
        let sender = self.devices[device].id.clone();
        let site = self.devices[device].site;
        let n = self.messages.len();
        let far = self.now.saturating_add(Duration::from_secs(86_400 * 30));
        let good =
            |at: Timestamp| format!(r#"{{"device":"{sender}","readings":[{{"metric":"m","at":"{at}","value":{n}}}]}}"#);
        let usual = |channel: &str| format!("portolan/v1/{TENANT}/{site}/{sender}/{channel}");
        let events = |happening: &str| {
            let boot = 1_000 + n;
            format!(
                r#"{{"device":"{sender}","boot":{boot},"seq":0,"events":[{{"at":"{}","happening":{happening}}}]}}"#,
                self.now
            )
        };
        let (topic, payload): (String, Vec<u8>) = match self.random.below(14) {
            0 => (usual("telemetry"), Vec::new()),
            1 => (usual("telemetry"), (0..40).map(|i| (n * 31 + i * 7) as u8 | 0xc0).collect()),
            2 => (usual("telemetry"), good(self.now).into_bytes()[..30].to_vec()),
            3 => (usual("telemetry"), good(self.now).replace(&sender, "somebody-else").into()),
            4 => (usual("telemetry"), good(far).into()),
            5 => (
                usual("telemetry"),
                good(self.now).replace(&format!("\"value\":{n}"), "\"value\":9007199254740993").into(),
            ),
            6 => (usual("gossip"), good(self.now).into()),
            7 => (format!("portolan/v1/other/{site}/{sender}/telemetry"), good(self.now).into()),
            8 => (format!("portolan/v1/{TENANT}/nowhere/{sender}/telemetry"), good(self.now).into()),
            9 => (format!("factory/line-1/{n}"), good(self.now).into()),
            10 => (usual("event"), events(r#"{"stock_received":{"sku":"unheard-of","pieces":1}}"#).into()),
            11 => (usual("event"), events(r#"{"shipment_arrived":{"shipment":"never-sent"}}"#).into()),
            12 => (usual("event"), events(r#"{"stock_issued":{"sku":"apples","pieces":-4}}"#).into()),
            _ => {
                let text = format!(
                    r#"{{"device":"{sender}","vehicle":"no-truck","at":"{}","position":{{"lat":1,"lon":{}}}}}"#,
                    self.now,
                    n % 90
                );
                (usual("position"), text.into())
            }
        };
        let at = self.push(device, Channel::Telemetry, payload, Vec::new(), Content::Bad);
        self.messages[at].topic = topic;
    }
}
