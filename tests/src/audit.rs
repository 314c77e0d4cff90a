//! What a journal holds, held against what the devices sent: nothing acknowledged is missing, nothing is
//! there twice, nothing was invented, and the stock is what arithmetic says.
//!
//! It reads facts, but shares no code with the fold: stock is added up here once more.

use crate::devices::{Content, Message, Script};
use firmware_schemas::fact::Fact;
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::{EventFrame, Happening, Quality, Value};
use gateway::journal::{JournalReader, Seq};
use gateway::recover::rebuild;
use gateway::store::{SeriesId, Store};
use std::collections::{BTreeMap, BTreeSet};
use twin::Twin;

type FrameId = (String, u64, u64);
type ReadingId = (String, String, Timestamp);

/// What a journal holds.
#[derive(Debug, Default)]
pub struct Ledger {
    readings: BTreeMap<ReadingId, (Value, Quality)>,
    numbered: BTreeSet<FrameId>,
    /// Frames of events in the order in which they took effect.
    events: Vec<FrameId>,
    fixes: BTreeSet<(String, Timestamp)>,
    births: BTreeSet<(String, Option<Timestamp>)>,
    statuses: BTreeSet<(String, Option<Timestamp>)>,
    settings: BTreeSet<(String, String)>,
    quarantined: BTreeMap<u64, (String, Vec<u8>)>,
    resolved: BTreeSet<u64>,
}

/// Stock of one SKU at one site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shelf {
    on_hand: i64,
    reserved: i64,
    in_transit: i64,
    on_order: i64,
}

impl Ledger {
    /// Reads the whole journal, whose fold is `twin`. Panics where a frame took effect twice.
    pub fn read(reader: &JournalReader, twin: &Twin) -> Self {
        let mut ledger = Self::default();
        let mut records = reader.read_from(Seq::FIRST).expect("the journal can be read");
        while let Some(record) = records.next_record().expect("a durable record can be read") {
            let fact = Fact::decode(record.payload).expect("a record is a fact");
            ledger.add(record.seq.0, fact, twin);
        }
        ledger
    }

    fn number(&mut self, device: &str, boot: u64, seq: u64) -> FrameId {
        let frame = (device.to_owned(), boot, seq);
        assert!(self.numbered.insert(frame.clone()), "frame {frame:?} took effect twice");
        frame
    }

    fn add(&mut self, seq: u64, fact: Fact, twin: &Twin) {
        let name = |device: u32| twin.devices[device as usize].device.as_str().to_owned();
        match fact {
            Fact::Readings { device, number, readings, .. } => {
                if let Some(number) = number {
                    self.number(&name(device.0), number.boot, number.seq);
                }
                for reading in readings {
                    let series = &twin.series[reading.series.0 as usize];
                    assert_eq!(series.device, device.0, "a series of another device in record {seq}");
                    let key = (name(device.0), series.metric.as_str().to_owned(), reading.at);
                    self.readings.insert(key, (reading.value, reading.quality));
                }
            }
            Fact::Happened { device, number, .. } => {
                let frame = self.number(&name(device.0), number.boot, number.seq);
                self.events.push(frame);
            }
            Fact::Positioned { device, number, fix, .. } => {
                if let Some(number) = number {
                    self.number(&name(device.0), number.boot, number.seq);
                }
                self.fixes.insert((name(device.0), fix.at));
            }
            Fact::DeviceBorn { device, birth, .. } => {
                self.births.insert((name(device.0), birth.at));
            }
            Fact::DeviceStatus { device, status, .. } => {
                self.statuses.insert((name(device.0), status.at));
            }
            Fact::SettingsReported { device, settings, .. } => {
                self.settings.insert((name(device.0), format!("{settings:?}")));
            }
            Fact::Quarantined { topic, payload, .. } => {
                self.quarantined.insert(seq, (topic, payload));
            }
            Fact::QuarantineResolved { id, .. } => {
                assert!(self.resolved.insert(id.0), "{id:?} was resolved twice");
            }
            _ => {}
        }
    }

    /// What is still in quarantine, with the payloads.
    pub fn open_quarantine(&self) -> impl Iterator<Item = (u64, &str, &[u8])> {
        let open = self.quarantined.iter().filter(|(id, _)| !self.resolved.contains(id));
        open.map(|(id, (topic, payload))| (*id, topic.as_str(), payload.as_slice()))
    }

    fn is_quarantined(&self, topic: &str, payload: &[u8]) -> bool {
        self.quarantined.values().any(|(t, bytes)| t == topic && bytes == payload)
    }

    /// Why a message that was acknowledged is not there; `None` when all of it is, as data or in quarantine.
    fn missing(&self, script: &Script, message: &Message) -> Option<String> {
        let in_quarantine = || self.is_quarantined(&message.topic, &message.payload);
        let is_there = match &message.content {
            Content::Telemetry(frames) => {
                for sent in frames {
                    let device = sent.frame.device.as_str().to_owned();
                    let keys = || {
                        let readings = sent.frame.readings.iter();
                        readings.map(|reading| (device.clone(), reading.metric.as_str().to_owned(), reading.at))
                    };
                    let is_data = keys().all(|key| self.readings.contains_key(&key));
                    let is_part = keys().any(|key| self.readings.contains_key(&key));
                    let refused = in_quarantine() || self.is_quarantined(&message.topic, &sent.alone);
                    let fits = if sent.is_good { is_data || refused && !is_part } else { refused && !is_part };
                    if !fits {
                        return Some(format!("frame {sent:?}: data {is_data}, in part {is_part}, refused {refused}"));
                    }
                }
                true
            }
            Content::Event(frame) => self.events.contains(&event_id(frame)) || in_quarantine(),
            Content::Position(frame) => {
                self.fixes.contains(&(frame.device.as_str().to_owned(), frame.at)) || in_quarantine()
            }
            Content::Birth(frame) => self.births.contains(&(frame.device.as_str().to_owned(), frame.at)),
            Content::Status(frame) => self.statuses.contains(&(frame.device.as_str().to_owned(), frame.at)),
            Content::Reported(frame) => {
                let settings: Vec<_> = frame.settings.iter().map(|(name, setting)| (name, &setting.0)).collect();
                self.settings.contains(&(frame.device.as_str().to_owned(), format!("{settings:?}")))
            }
            Content::Bad => in_quarantine(),
        };
        let sender = &script.senders[message.sender];
        (!is_there).then(|| format!("{sender} on {}: {:?}", message.topic, message.content))
    }

    /// Panics unless every message of `acknowledged` is there, as data or in quarantine.
    pub fn check_nothing_lost<'a>(&self, script: &Script, acknowledged: impl IntoIterator<Item = &'a usize>) {
        for &message in acknowledged {
            if let Some(why) = self.missing(script, &script.messages[message]) {
                panic!("message {message} was acknowledged and is not in the journal: {why}");
            }
        }
    }

    /// Panics where the journal holds what no device sent.
    pub fn check_nothing_invented(&self, script: &Script) {
        for (key, found) in &self.readings {
            assert_eq!(Some(found), script.readings.get(key), "reading {key:?} is not what was sent");
        }
        let known = event_frames(script);
        for frame in &self.events {
            assert!(known.contains_key(frame), "events {frame:?} were never sent");
        }
        for (id, (topic, payload)) in &self.quarantined {
            let was_sent = script.messages.iter().any(|message| {
                let is_alone = match &message.content {
                    Content::Telemetry(frames) => frames.iter().any(|sent| sent.alone == *payload),
                    _ => false,
                };
                message.topic == *topic && (message.payload == payload || is_alone)
            });
            assert!(was_sent, "quarantine {id} was never sent: {topic} {payload:?}");
        }
    }

    /// Panics unless the store holds each reading of the journal once, with its value, and nothing else.
    pub fn check_store(&self, twin: &Twin, store: &dyn Store) {
        let mut found = BTreeMap::new();
        for (at, series) in twin.series.iter().enumerate() {
            let device = twin.devices[series.device as usize].device.as_str();
            let span = Timestamp::MIN..Timestamp::MAX;
            let page = store.range(SeriesId(at as u32), span, usize::MAX, None).expect("the store can be read");
            assert_eq!(page.next, None);
            for point in page.points {
                let key = (device.to_owned(), series.metric.as_str().to_owned(), point.at);
                let twice = found.insert(key.clone(), (point.value, point.quality));
                assert_eq!(twice, None, "the store has {key:?} twice");
            }
        }
        if found != self.readings {
            let missing: Vec<_> = self.readings.iter().filter(|(key, _)| !found.contains_key(key)).take(3).collect();
            let other: Vec<_> = found.iter().filter(|(key, it)| self.readings.get(key) != Some(it)).take(3).collect();
            panic!(
                "the store has {} points, the journal {}; missing {missing:?}, not of the journal {other:?}",
                found.len(),
                self.readings.len()
            );
        }
    }

    /// Panics unless the twin's stock is what the network began with, changed by each frame of events in the
    /// journal once.
    pub fn check_stock(&self, script: &Script, twin: &Twin) {
        let mut books = Books::new(script);
        let frames = event_frames(script);
        for frame in &self.events {
            if let Some((site, frame)) = frames.get(frame) {
                books.happen(site, frame);
            }
        }
        let stock = shelves(twin);
        if stock.is_empty() {
            assert!(self.events.is_empty(), "events before the network is known");
            return;
        }
        // What the plane itself ordered is on order as well, and goes down with what comes, whoever sent it.
        let mut ours: BTreeMap<(String, String), i64> = BTreeMap::new();
        for order in twin.supply.by_id.values().filter(|order| order.is_ours) {
            for line in order.lines.iter() {
                let site = twin.sites[order.to.at()].spec.site.to_string();
                *ours.entry((site, twin.skus[line.sku.at()].sku.to_string())).or_default() += line.pieces;
            }
        }
        for (key, shelf) in &books.shelves {
            let mut found = stock.get(key).copied().unwrap_or_default();
            if let Some(ours) = ours.get(key) {
                let most = shelf.on_order + ours;
                assert!((0..=most).contains(&found.on_order), "{} of {key:?} on order, at most {most}", found.on_order);
                found.on_order = shelf.on_order;
            }
            assert_eq!(found, *shelf, "stock of {key:?}: the twin on the left, arithmetic on the right");
        }
        assert_eq!(stock.len(), books.shelves.len());
        for site in &twin.sites {
            let name = site.spec.site.as_str();
            let here = || books.shelves.iter().filter(|((at, _), _)| at == name).map(|(_, shelf)| shelf);
            assert_eq!(site.on_hand.0, here().map(|shelf| shelf.on_hand).sum::<i64>(), "sum on hand at {name}");
            assert_eq!(site.in_transit.0, here().map(|shelf| shelf.in_transit).sum::<i64>(), "in transit to {name}");
        }
    }

    /// How many readings there are.
    pub fn n_readings(&self) -> usize {
        self.readings.len()
    }

    /// How many frames of events took effect.
    pub fn n_events(&self) -> usize {
        self.events.len()
    }

    /// How many payloads were put in quarantine.
    pub fn n_quarantined(&self) -> usize {
        self.quarantined.len()
    }
}

/// The twin rebuilt from the whole journal, which must be `twin` to the byte.
pub fn check_twin(reader: &JournalReader, twin: &Twin) {
    let rebuilt = rebuild(reader, Twin::default(), &mut |_, _| {}).expect("the journal can be folded");
    let (rebuilt, bytes) = (rebuilt.to_bytes(), twin.to_bytes());
    assert!(rebuilt == bytes, "the twin at {} is not the fold of the journal", twin.revision);
}

fn event_id(frame: &EventFrame) -> FrameId {
    (frame.device.as_str().to_owned(), frame.boot, frame.seq)
}

fn event_frames(script: &Script) -> BTreeMap<FrameId, (String, &EventFrame)> {
    let events = script.messages.iter().filter_map(|message| match &message.content {
        Content::Event(frame) => Some((message, frame)),
        _ => None,
    });
    let site = |message: &Message| message.topic.split('/').nth(3).unwrap_or_default().to_owned();
    events.map(|(message, frame)| (event_id(frame), (site(message), frame))).collect()
}

/// The stock of a twin by site and SKU.
pub fn shelves(twin: &Twin) -> BTreeMap<(String, String), Shelf> {
    let stock = twin.stock.iter().map(|stock| {
        let site = twin.sites[stock.site.at()].spec.site.as_str().to_owned();
        let sku = twin.skus[stock.sku.at()].sku.as_str().to_owned();
        let (on_hand, reserved, in_transit, on_order) =
            (stock.on_hand, stock.reserved, stock.in_transit, stock.on_order);
        ((site, sku), Shelf { on_hand, reserved, in_transit, on_order })
    });
    stock.collect()
}

/// Stock added up from events, by site and SKU.
struct Books {
    shelves: BTreeMap<(String, String), Shelf>,
    reserved: BTreeMap<(String, String, String), i64>,
    /// Goods under way: to which site, SKU and pieces.
    under_way: BTreeMap<String, (String, Vec<(String, i64)>)>,
}

impl Books {
    fn new(script: &Script) -> Self {
        let positions = script.network.stock().iter().map(|spec| {
            let shelf = Shelf {
                on_hand: spec.on_hand.0,
                reserved: spec.reserved.0,
                in_transit: spec.in_transit.0,
                on_order: spec.on_order.0,
            };
            ((spec.site.as_str().to_owned(), spec.sku.as_str().to_owned()), shelf)
        });
        Self { shelves: positions.collect(), reserved: BTreeMap::new(), under_way: BTreeMap::new() }
    }

    fn at(&mut self, site: &str, sku: &str) -> &mut Shelf {
        self.shelves.entry((site.to_owned(), sku.to_owned())).or_default()
    }

    fn release(&mut self, site: &str, sku: &str, order: &str, pieces: i64) {
        let key = (order.to_owned(), site.to_owned(), sku.to_owned());
        let promised = self.reserved.get(&key).copied().unwrap_or(0);
        let released = promised.min(pieces);
        self.reserved.insert(key, promised - released);
        self.at(site, sku).reserved -= released;
    }

    fn happen(&mut self, site: &str, frame: &EventFrame) {
        for event in &frame.events {
            let less = |on_order: i64, pieces: i64| if on_order > 0 { (on_order - pieces).max(0) } else { on_order };
            match &event.happening {
                Happening::StockCounted { sku, on_hand } => self.at(site, sku.as_str()).on_hand = on_hand.0,
                Happening::StockReceived { sku, pieces, order } => {
                    let shelf = self.at(site, sku.as_str());
                    shelf.on_hand += pieces.0;
                    if order.is_some() {
                        shelf.on_order = less(shelf.on_order, pieces.0);
                    }
                }
                Happening::StockIssued { sku, pieces, order, .. } => {
                    self.at(site, sku.as_str()).on_hand -= pieces.0;
                    if let Some(order) = order {
                        self.release(site, sku.as_str(), order.as_str(), pieces.0);
                    }
                }
                Happening::StockReturned { sku, pieces, .. } | Happening::StockAdjusted { sku, pieces, .. } => {
                    self.at(site, sku.as_str()).on_hand += pieces.0;
                }
                Happening::StockReserved { sku, pieces, order } => {
                    self.at(site, sku.as_str()).reserved += pieces.0;
                    let key = (order.as_str().to_owned(), site.to_owned(), sku.as_str().to_owned());
                    *self.reserved.entry(key).or_default() += pieces.0;
                }
                Happening::ReservationReleased { sku, pieces, order } => {
                    self.release(site, sku.as_str(), order.as_str(), pieces.0);
                }
                Happening::StockOrdered { sku, pieces, .. } => self.at(site, sku.as_str()).on_order += pieces.0,
                Happening::OrderCancelled { sku, pieces, .. } => {
                    let shelf = self.at(site, sku.as_str());
                    shelf.on_order = less(shelf.on_order, pieces.0);
                }
                Happening::ShipmentDispatched { shipment, to, lines, .. } => {
                    for line in lines {
                        self.at(site, line.sku.as_str()).on_hand -= line.pieces.0;
                        let shelf = self.at(to.as_str(), line.sku.as_str());
                        shelf.in_transit += line.pieces.0;
                        shelf.on_order = less(shelf.on_order, line.pieces.0);
                    }
                    let lines = lines.iter().map(|line| (line.sku.as_str().to_owned(), line.pieces.0)).collect();
                    self.under_way.insert(shipment.as_str().to_owned(), (to.as_str().to_owned(), lines));
                }
                Happening::ShipmentArrived { shipment, lines } => {
                    let (to, sent) = self.under_way.remove(shipment.as_str()).expect("it was dispatched, once");
                    for (sku, pieces) in &sent {
                        self.at(&to, sku).in_transit -= pieces;
                    }
                    let came = lines
                        .as_ref()
                        .map(|lines| lines.iter().map(|line| (line.sku.as_str().to_owned(), line.pieces.0)).collect());
                    for (sku, pieces) in came.unwrap_or(sent) {
                        self.at(&to, &sku).on_hand += pieces;
                    }
                }
            }
        }
    }
}
