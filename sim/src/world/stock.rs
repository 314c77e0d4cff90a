//! Goods on shelves: what is there, promised and owed, who orders what from whom, and what is made.

use super::calendar::{hours, minutes, secs};
use super::hall::Hall;
use super::queue::{Event, Rank};
use super::{Message, World};
use crate::rng::{Purpose, Stream, mix, subject};
use firmware_schemas::id::{OrderId, SiteId, SkuId};
use firmware_schemas::network::{SiteKind, TemperatureClass};
use firmware_schemas::quantity::{Pieces, Position, Timestamp};
use firmware_schemas::telemetry::{EVENTS_MAX, EventFrame, EventRecord, Happening};
use firmware_schemas::topic::Channel;
use std::collections::VecDeque;
use std::sync::Arc;

/// The most back-orders that wait for one SKU at one site; who comes later goes elsewhere.
const BACK_ORDERS_MAX: usize = 1_000;
/// Mean share of deviation of the time to make goods.
const MAKING_CV: f64 = 0.25;

/// A place.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) id: SiteId,
    pub(crate) kind: SiteKind,
    pub(crate) position: Position,
    pub(crate) offset_secs: i64,
    pub(crate) subject: u64,
    pub(crate) lanes_out: Vec<u32>,
    pub(crate) rows: Vec<u32>,
    /// The main legs of what was ordered from here.
    pub(crate) ships_on: Vec<u32>,
    /// The device that reports what happens here.
    pub(crate) reporter: u32,
    /// Steps of replenishment down from here, to order reviews from downstream to upstream.
    pub(crate) height: u32,
    /// How many orders were placed here.
    pub(crate) orders: u64,
    pub(crate) open_picks: i64,
    /// From above, for what drives in it.
    pub(crate) hall: Option<Arc<Hall>>,
}

/// Goods.
#[derive(Clone, Debug)]
pub(crate) struct Sku {
    pub(crate) id: SkuId,
    pub(crate) mass_g: u64,
    pub(crate) class: TemperatureClass,
}

/// One SKU at one site.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) site: u32,
    pub(crate) sku: u32,
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
    pub(crate) in_transit: i64,
    pub(crate) on_order: i64,
    /// Reorder point and order-up-to level.
    pub(crate) policy: Option<(i64, i64)>,
    pub(crate) source: Option<u32>,
    /// Ordered by other sites and not yet shipped.
    pub(crate) owed: i64,
    pub(crate) back_orders: VecDeque<BackOrder>,
    pub(crate) backordered: i64,
}

impl Row {
    /// On hand and promised to nobody.
    pub(crate) fn available(&self) -> i64 {
        (self.on_hand - self.reserved).max(0)
    }

    /// How far the position is above a level.
    pub(crate) fn position_above(&self, level: i64) -> i64 {
        self.position() - level
    }

    fn position(&self) -> i64 {
        self.on_hand + self.in_transit + self.on_order - self.reserved - self.backordered - self.owed
    }
}

/// A customer who waits.
#[derive(Clone, Debug)]
pub(crate) struct BackOrder {
    order: u64,
    customer: u32,
    pieces: i64,
    until: i64,
}

/// Reserved goods on their way to the door.
#[derive(Clone, Debug)]
pub(crate) struct Pick {
    row: u32,
    order: u64,
    customer: u32,
    pieces: i64,
}

/// What one site ordered from another.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: OrderId,
    pub(crate) subject: u64,
    pub(crate) seller: u32,
    pub(crate) buyer: u32,
    /// The main leg of the way, and the mean time from its end to the buyer.
    pub(crate) lane: u32,
    pub(crate) onward: i64,
    pub(crate) lines: Vec<OrderLine>,
    pub(crate) shipments: u32,
}

/// One SKU of an order, in pieces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderLine {
    pub(crate) sku: u32,
    pub(crate) wanted: i64,
    pub(crate) shipped: i64,
}

/// Goods being made.
#[derive(Clone, Debug)]
pub(crate) struct Making {
    site: u32,
    order: OrderId,
    lines: Vec<(u32, i64)>,
}

/// What was on order when the world began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) row: u32,
    pub(crate) pieces: i64,
}

impl World {
    /// The row of a SKU at a site; a new one, without policy, where there was none.
    pub(super) fn row(&mut self, site: u32, sku: u32) -> usize {
        if let Some(row) = self.row_index.get(&(site, sku)) {
            return *row as usize;
        }
        let row = self.rows.len();
        self.rows.push(Row {
            site,
            sku,
            on_hand: 0,
            reserved: 0,
            in_transit: 0,
            on_order: 0,
            policy: None,
            source: None,
            owed: 0,
            back_orders: VecDeque::new(),
            backordered: 0,
        });
        self.row_index.insert((site, sku), row as u32);
        self.sites[site as usize].rows.push(row as u32);
        row
    }

    /// Has the site's device report what happened there.
    pub(super) fn report(&mut self, site: u32, happenings: Vec<Happening>, out: &mut Vec<Message>) {
        let device = self.sites[site as usize].reporter;
        let at = Timestamp::from_nanos(self.now);
        let away = self.devices[device as usize].site != site;
        let named = away.then(|| self.sites[site as usize].id.clone());
        let mut left = happenings.into_iter().peekable();
        while left.peek().is_some() {
            let records = left.by_ref().take(EVENTS_MAX);
            let events = records.map(|happening| EventRecord { at, site: named.clone(), happening }).collect();
            let sender = &mut self.devices[device as usize];
            let seq = sender.next_seq();
            sender.reports += 1;
            let frame = EventFrame { device: sender.id.clone(), boot: sender.boot, seq, sent_at: Some(at), events };
            let payload = super::wire::encode(&frame, sender.encoding);
            self.send(device, Channel::Event, payload, out);
        }
    }

    /// A customer asks a row for goods.
    pub(super) fn ask(&mut self, row: u32, customer: u32, order: u64, pieces: i64, out: &mut Vec<Message>) {
        self.totals.demanded += pieces;
        let place = &self.rows[row as usize];
        let (site, sku) = (place.site, place.sku);
        if self.sites[site as usize].kind == SiteKind::Shop {
            let taken = pieces.min(place.available());
            self.totals.lost += pieces - taken;
            if taken > 0 {
                self.rows[row as usize].on_hand -= taken;
                self.totals.issued += taken;
                let sku = self.skus[sku as usize].id.clone();
                let gone = Happening::StockIssued { sku, pieces: Pieces(taken), order: None, customer: None };
                self.report(site, vec![gone], out);
            }
            return;
        }
        let served = if place.back_orders.is_empty() { pieces.min(place.available()) } else { 0 };
        if served > 0 {
            self.reserve(row, customer, order, served, out);
        }
        let missing = pieces - served;
        if missing > 0 {
            let until = self.now.saturating_add(nanos(self.config.patience));
            let place = &mut self.rows[row as usize];
            if place.back_orders.len() < BACK_ORDERS_MAX {
                place.backordered += missing;
                place.back_orders.push_back(BackOrder { order, customer, pieces: missing, until });
            } else {
                self.totals.lost += missing;
            }
        }
    }

    fn reserve(&mut self, row: u32, customer: u32, order: u64, pieces: i64, out: &mut Vec<Message>) {
        let place = &mut self.rows[row as usize];
        place.reserved += pieces;
        let (site, sku) = (place.site, self.skus[place.sku as usize].id.clone());
        self.report(
            site,
            vec![Happening::StockReserved { sku, pieces: Pieces(pieces), order: customer_order(order) }],
            out,
        );
        let draw = Stream::new(self.config.seed, order, Purpose::Picking, 0).between(1.0, 5.0);
        let pick = self.next_serial();
        self.sites[site as usize].open_picks += 1;
        self.picks.insert(pick, Pick { row, order, customer, pieces });
        self.queue.plan(self.now + secs(draw * 3_600.0), Rank::Issue, site, Event::Issue(pick));
    }

    /// Reserved goods go out.
    pub(super) fn issue(&mut self, pick: u64, out: &mut Vec<Message>) {
        let Some(Pick { row, order, customer, pieces }) = self.picks.remove(&pick) else { return };
        let place = &mut self.rows[row as usize];
        place.on_hand -= pieces;
        place.reserved -= pieces;
        self.totals.issued += pieces;
        let (site, sku) = (place.site, self.skus[place.sku as usize].id.clone());
        self.sites[site as usize].open_picks -= 1;
        let gone = Happening::StockIssued {
            sku,
            pieces: Pieces(pieces),
            order: Some(customer_order(order)),
            customer: (customer != site).then(|| self.sites[customer as usize].id.clone()),
        };
        self.report(site, vec![gone], out);
    }

    /// Goods came in at a site: back-orders first, then what waits to be shipped.
    pub(super) fn after_receipt(&mut self, site: u32, skus: &[u32], out: &mut Vec<Message>) {
        for sku in skus {
            let row = self.row(site, *sku);
            self.serve_back_orders(row as u32, out);
        }
        for i in 0..self.sites[site as usize].ships_on.len() {
            let lane = self.sites[site as usize].ships_on[i];
            if !self.lanes[lane as usize].waiting.is_empty() {
                self.call_carrier(lane);
            }
        }
    }

    fn serve_back_orders(&mut self, row: u32, out: &mut Vec<Message>) {
        loop {
            let place = &mut self.rows[row as usize];
            let available = place.available();
            let Some(first) = place.back_orders.front_mut() else { return };
            let (order, customer) = (first.order, first.customer);
            if first.until < self.now {
                place.backordered -= first.pieces;
                self.totals.lost += first.pieces;
                place.back_orders.pop_front();
                continue;
            }
            let served = first.pieces.min(available);
            if served == 0 {
                return;
            }
            first.pieces -= served;
            place.backordered -= served;
            if first.pieces == 0 {
                place.back_orders.pop_front();
            }
            self.reserve(row, customer, order, served, out);
        }
    }

    /// A site looks at its stock and orders what it lacks.
    pub(super) fn review(&mut self, site: u32, out: &mut Vec<Message>) {
        let next = self.now.saturating_add(nanos(self.config.review_every).max(minutes(1)));
        self.queue.plan(next, Rank::Review, self.sites[site as usize].height, Event::Review(site));
        let mut wanted: Vec<(Option<u32>, u32, i64)> = Vec::new();
        for i in 0..self.sites[site as usize].rows.len() {
            let row = self.sites[site as usize].rows[i];
            let place = &mut self.rows[row as usize];
            while let Some(first) = place.back_orders.front()
                && first.until < self.now
            {
                place.backordered -= first.pieces;
                self.totals.lost += first.pieces;
                place.back_orders.pop_front();
            }
            if let Some((reorder_point, up_to)) = place.policy
                && (self.config.sites_order || place.source.is_none())
                && place.position() <= reorder_point
                && place.position() < up_to
            {
                wanted.push((place.source, place.sku, up_to - place.position()));
            }
        }
        wanted.sort_unstable();
        for group in wanted.chunk_by(|a, b| a.0 == b.0) {
            let lines: Vec<_> = group.iter().map(|(_, sku, pieces)| (*sku, *pieces)).collect();
            match group[0].0 {
                Some(source) => self.order_from(source, site, &lines, Telling::News, out),
                None => self.make(site, &lines, true, 1.0, out),
            }
        }
    }

    /// Begins with what a site was told to deliver.
    pub(super) fn told(&mut self, serial: u64, out: &mut Vec<Message>) {
        if let Some(Delivery { order, seller, buyer, lines }) = self.deliveries.remove(&serial) {
            self.order_from(seller, buyer, &lines, Telling::Told(order), out);
        }
    }

    /// Orders goods from `seller` for `buyer`.
    pub(super) fn order_from(
        &mut self,
        seller: u32,
        buyer: u32,
        lines: &[(u32, i64)],
        telling: Telling,
        out: &mut Vec<Message>,
    ) {
        let Some(way) = self.way_of_goods(seller, buyer) else {
            self.totals.unroutable += lines.iter().map(|(_, pieces)| pieces).sum::<i64>();
            return;
        };
        let number = self.sites[buyer as usize].orders;
        self.sites[buyer as usize].orders += 1;
        let subject = mix(mix(self.sites[buyer as usize].subject, number), self.now as u64);
        let id = match &telling {
            Telling::Told(order) => order.clone(),
            Telling::News | Telling::Old => order_id(&format!("po-{subject:016x}")),
        };
        if let Telling::Told(_) = telling {
            for (sku, pieces) in lines {
                let row = self.row(buyer, *sku);
                self.rows[row].on_order += pieces;
            }
        }
        if let Telling::News = telling {
            let due = self.now + hours(6) + way.before + self.lanes[way.lane as usize].promised() + way.onward;
            let mut happenings = Vec::new();
            for (sku, pieces) in lines {
                let row = self.row(buyer, *sku);
                self.rows[row].on_order += pieces;
                happenings.push(Happening::StockOrdered {
                    sku: self.skus[*sku as usize].id.clone(),
                    pieces: Pieces(*pieces),
                    order: id.clone(),
                    source: Some(self.sites[seller as usize].id.clone()),
                    due_at: Some(Timestamp::from_nanos(due)),
                });
            }
            self.report(buyer, happenings, out);
        }
        let mut short = Vec::new();
        for (sku, pieces) in lines {
            let row = self.row(seller, *sku);
            let place = &mut self.rows[row];
            let free = (place.available() + place.on_order - place.owed).clamp(0, *pieces);
            place.owed += pieces;
            if place.policy.is_none() && place.source.is_none() && free < *pieces {
                short.push((*sku, pieces - free));
            }
        }
        let makes = matches!(self.sites[seller as usize].kind, SiteKind::Supplier | SiteKind::Factory);
        if makes && !short.is_empty() {
            self.make(seller, &short, true, 1.0, out);
        }
        let lines = lines.iter().map(|(sku, wanted)| OrderLine { sku: *sku, wanted: *wanted, shipped: 0 });
        let order = Order {
            id,
            subject,
            seller,
            buyer,
            lane: way.lane,
            onward: way.onward,
            lines: lines.collect(),
            shipments: 0,
        };
        let serial = self.next_serial();
        self.orders.insert(serial, order);
        let ships_on = &mut self.sites[seller as usize].ships_on;
        if let Err(at) = ships_on.binary_search(&way.lane) {
            ships_on.insert(at, way.lane);
        }
        let ready = self.now + way.before;
        self.queue.plan(ready, Rank::Departure, way.lane, Event::Ready(serial));
    }

    /// Goods that were ordered are where their main leg begins, or will be once the seller has them.
    pub(super) fn ready(&mut self, serial: u64) {
        if let Some(order) = self.orders.get(&serial) {
            let lane = order.lane;
            self.lanes[lane as usize].waiting.push_back(serial);
            self.call_carrier(lane);
        }
    }

    /// Has goods made; they are there after the making time, or the given share of it.
    pub(super) fn make(&mut self, site: u32, lines: &[(u32, i64)], announce: bool, share: f64, out: &mut Vec<Message>) {
        let number = self.sites[site as usize].orders;
        self.sites[site as usize].orders += 1;
        let subject = mix(mix(self.sites[site as usize].subject, number), self.now as u64);
        let order = order_id(&format!("mo-{subject:016x}"));
        let mean = self.config.make_time.as_secs_f64();
        let took = mean * share * Stream::new(self.config.seed, subject, Purpose::Making, 0).factor(MAKING_CV);
        let mut happenings = Vec::new();
        for (sku, pieces) in lines {
            let row = self.row(site, *sku);
            if announce {
                self.rows[row].on_order += pieces;
                happenings.push(Happening::StockOrdered {
                    sku: self.skus[*sku as usize].id.clone(),
                    pieces: Pieces(*pieces),
                    order: order.clone(),
                    source: None,
                    due_at: Some(Timestamp::from_nanos(self.now + secs(mean * 1.5))),
                });
            }
        }
        self.report(site, happenings, out);
        let serial = self.next_serial();
        self.making.insert(serial, Making { site, order, lines: lines.to_vec() });
        self.queue.plan(self.now + secs(took), Rank::Receipt, site, Event::Made(serial));
    }

    /// Goods are made.
    pub(super) fn made(&mut self, serial: u64, out: &mut Vec<Message>) {
        let Some(Making { site, order, lines }) = self.making.remove(&serial) else { return };
        let mut happenings = Vec::new();
        for (sku, pieces) in &lines {
            let row = self.row(site, *sku);
            self.rows[row].on_order -= pieces;
            self.rows[row].on_hand += pieces;
            self.totals.made += pieces;
            happenings.push(Happening::StockReceived {
                sku: self.skus[*sku as usize].id.clone(),
                pieces: Pieces(*pieces),
                order: Some(order.clone()),
            });
        }
        self.report(site, happenings, out);
        let skus: Vec<u32> = lines.iter().map(|(sku, _)| *sku).collect();
        self.after_receipt(site, &skus, out);
    }

    /// Places the orders that were open when the world began.
    pub(super) fn place_opening_orders(&mut self, out: &mut Vec<Message>) {
        let opening = std::mem::take(&mut self.opening);
        for Opening { row, pieces } in opening {
            let place = &self.rows[row as usize];
            let (site, sku, source) = (place.site, place.sku, place.source);
            match source {
                Some(source) => self.order_from(source, site, &[(sku, pieces)], Telling::Old, out),
                None => {
                    let name = mix(self.sites[site as usize].subject, subject(&[self.skus[sku as usize].id.as_str()]));
                    let part = Stream::new(self.config.seed, name, Purpose::Making, 1).uniform();
                    self.make(site, &[(sku, pieces)], false, part, out);
                }
            }
        }
    }
}

/// Who knows of an order between sites.
pub(crate) enum Telling {
    /// Nobody yet: the buyer says so.
    News,
    /// It was open when the world began.
    Old,
    /// Whoever told the seller to deliver, under this id.
    Told(OrderId),
}

/// What a site was told to deliver.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) order: OrderId,
    pub(crate) seller: u32,
    pub(crate) buyer: u32,
    pub(crate) lines: Vec<(u32, i64)>,
}

/// A span in nanoseconds, up to centuries.
pub(crate) fn nanos(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX / 4)
}

fn customer_order(order: u64) -> OrderId {
    order_id(&format!("so-{order:016x}"))
}

fn order_id(text: &str) -> OrderId {
    OrderId::new(text).unwrap_or_else(|why| unreachable!("{text:?}: {why}"))
}
