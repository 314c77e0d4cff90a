//! Goods on their way: which lanes they take, when they leave, and what happens when they are there.

use super::calendar::{hours, minutes, secs};
use super::geo::Track;
use super::queue::{Event, Rank};
use super::stock::Order;
use super::{Message, World};
use crate::rng::{Purpose, Stream, mix};
use firmware_schemas::id::{LaneId, ShipmentId};
use firmware_schemas::network::{Mode, SiteKind};
use firmware_schemas::quantity::{Pieces, Timestamp};
use firmware_schemas::telemetry::{GoodsLine, Happening, SHIPMENT_LINES_MAX};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

/// A connection between two sites.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) id: LaneId,
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) mode: Mode,
    /// Mean and deviation of the lead time.
    pub(crate) lead: i64,
    pub(crate) lead_sd: i64,
    pub(crate) distance_m: f64,
    pub(crate) track: Track,
    pub(crate) departs_every: Option<i64>,
    /// True where a vehicle's route runs along it.
    pub(crate) has_vehicle: bool,
    pub(crate) subject: u64,
    /// Orders that wait to leave, oldest first.
    pub(crate) waiting: VecDeque<u64>,
    pub(crate) carrier_called: bool,
    pub(crate) carriers: u32,
}

impl Lane {
    /// From leaving to being usable, as promised: late only once in a while.
    pub(crate) fn promised(&self) -> i64 {
        self.lead + 2 * self.lead_sd + self.lead / 20 + minutes(30)
    }
}

/// Goods between two sites.
#[derive(Clone, Debug)]
pub(crate) struct Shipment {
    pub(crate) id: ShipmentId,
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) lane: Option<u32>,
    pub(crate) vehicle: Option<u32>,
    /// SKU and pieces.
    pub(crate) lines: Vec<(u32, i64)>,
    pub(crate) due: i64,
    /// Where its vehicle unloads it, and the time from there to its destination.
    pub(crate) ashore: u32,
    pub(crate) onward: i64,
    /// It cannot leave there before, however fast the vehicle: customs, handling.
    pub(crate) not_before: i64,
    /// True while nobody has fetched it at `from`.
    pub(crate) waits: bool,
    /// True once its vehicle is there.
    pub(crate) unloading: bool,
    /// Something keeps it from arriving before.
    pub(crate) held_until: i64,
}

/// How goods get from a seller to a buyer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// The main leg.
    pub(crate) lane: u32,
    /// Mean times before and after it.
    pub(crate) before: i64,
    pub(crate) onward: i64,
}

impl World {
    /// How goods get from a seller to a buyer; `None` where they cannot.
    pub(super) fn way_of_goods(&mut self, seller: u32, buyer: u32) -> Option<Way> {
        let path = self.path(seller, buyer)?;
        let lane = |leg: &usize| &self.lanes[path[*leg] as usize];
        let main =
            (0..path.len()).max_by_key(|leg| (lane(leg).has_vehicle, lane(leg).lead, std::cmp::Reverse(*leg)))?;
        let span = |legs: std::ops::Range<usize>| legs.map(|leg| lane(&leg).lead).sum();
        Some(Way { lane: path[main], before: span(0..main), onward: span(main + 1..path.len()) })
    }

    /// The lanes from one site to another with the least mean lead time; by air only if there is no other way.
    ///
    /// `None` where there is no way; empty from a site to itself.
    pub(super) fn path(&mut self, from: u32, to: u32) -> Option<Vec<u32>> {
        if let Some(known) = self.paths.get(&(from, to)) {
            return known.clone();
        }
        let by_land_and_sea = self.shortest(from, to, |lane| lane.mode != Mode::Air);
        let path = by_land_and_sea.or_else(|| self.shortest(from, to, |_| true));
        self.paths.insert((from, to), path.clone());
        path
    }

    /// The lanes with the least mean lead time among those allowed; never through a customer.
    pub(super) fn shortest(&self, from: u32, to: u32, allowed: impl Fn(&Lane) -> bool) -> Option<Vec<u32>> {
        let mut best: BTreeMap<u32, (i64, Option<u32>)> = BTreeMap::from([(from, (0, None))]);
        let mut open = BinaryHeap::from([Reverse((0_i64, from))]);
        while let Some(Reverse((cost, site))) = open.pop() {
            if site == to {
                break;
            }
            let passes = site == from || self.sites[site as usize].kind != SiteKind::Customer;
            if !passes || best.get(&site).is_some_and(|(known, _)| *known < cost) {
                continue;
            }
            for &lane in &self.sites[site as usize].lanes_out {
                let at = &self.lanes[lane as usize];
                let there = cost.saturating_add(at.lead.max(1));
                if allowed(at) && best.get(&at.to).is_none_or(|(known, _)| there < *known) {
                    best.insert(at.to, (there, Some(lane)));
                    open.push(Reverse((there, at.to)));
                }
            }
        }
        let mut path = Vec::new();
        let mut at = to;
        while let Some(lane) = best.get(&at)?.1 {
            path.push(lane);
            at = self.lanes[lane as usize].from;
        }
        path.reverse();
        Some(path)
    }

    /// Has a carrier come for what waits on a lane, unless one is coming already.
    ///
    /// He comes 2 to 5 hours later, or at the lane's next scheduled departure. Where a vehicle of ours runs
    /// the lane he is given 12 hours more, at sea 48, in which it may take the goods itself.
    pub(super) fn call_carrier(&mut self, lane: u32) {
        let at = &mut self.lanes[lane as usize];
        if at.carrier_called {
            return;
        }
        at.carrier_called = true;
        at.carriers += 1;
        let mut draw = Stream::new(self.config.seed, at.subject, Purpose::Transport, at.carriers);
        let mut comes = self.now + secs(3_600.0 * draw.between(2.0, 5.0));
        if at.has_vehicle {
            comes += if at.mode == Mode::Sea { hours(48) } else { hours(12) };
        }
        if let Some(every) = at.departs_every {
            comes = comes.div_euclid(every).saturating_add(1).saturating_mul(every);
        }
        self.queue.plan(comes, Rank::Departure, lane, Event::Carrier(lane));
    }

    /// A carrier takes all that waits and is there.
    pub(super) fn carrier_comes(&mut self, lane: u32, out: &mut Vec<Message>) {
        self.lanes[lane as usize].carrier_called = false;
        self.dispatch(lane, None, out);
    }

    /// Loads what waits on a lane into a vehicle, as far as it can carry, or onto a carrier's.
    pub(super) fn dispatch(&mut self, lane: u32, vehicle: Option<u32>, out: &mut Vec<Message>) {
        let mut room_g = vehicle.map_or(u64::MAX, |vehicle| self.room_g(vehicle));
        let class = vehicle.map(|vehicle| self.vehicles[vehicle as usize].class);
        let waiting = std::mem::take(&mut self.lanes[lane as usize].waiting);
        let mut still = VecDeque::with_capacity(waiting.len());
        for serial in waiting {
            let Some(mut order) = self.orders.remove(&serial) else { continue };
            let mut load = Vec::new();
            for line in &mut order.lines {
                let (row, sku) = (self.row(order.seller, line.sku), &self.skus[line.sku as usize]);
                if class.is_some_and(|class| sku.class > class) || load.len() == SHIPMENT_LINES_MAX {
                    continue;
                }
                let fits = room_g.checked_div(sku.mass_g).map_or(i64::MAX, |n| i64::try_from(n).unwrap_or(i64::MAX));
                let place = &mut self.rows[row];
                let pieces = (line.wanted - line.shipped).min(place.available()).min(fits);
                if pieces > 0 {
                    room_g -= sku.mass_g * pieces as u64;
                    line.shipped += pieces;
                    place.on_hand -= pieces;
                    place.owed -= pieces;
                    load.push((line.sku, pieces));
                }
            }
            if !load.is_empty() {
                order.shipments += 1;
                self.leave(&order, vehicle, load, out);
            }
            if order.lines.iter().any(|line| line.shipped < line.wanted) {
                self.orders.insert(serial, order);
                still.push_back(serial);
            }
        }
        self.lanes[lane as usize].waiting = still;
    }

    /// Sends part of an order on its way.
    fn leave(&mut self, order: &Order, vehicle: Option<u32>, load: Vec<(u32, i64)>, out: &mut Vec<Message>) {
        let subject = mix(order.subject, u64::from(order.shipments));
        let at = &self.lanes[order.lane as usize];
        let mut draw = Stream::new(self.config.seed, subject, Purpose::Transport, 0);
        let mut deviation = || draw.normal().clamp(-3.0, 4.0);
        let took = at.lead + (deviation() * at.lead_sd as f64) as i64;
        let took = whole_millis(took.max(at.lead / 3).max(minutes(1)));
        let onward = whole_millis((order.onward as f64 * (1.0 + 0.08 * deviation())) as i64);
        let (not_before, due) = (self.now + took, self.now + at.promised() + order.onward / 100 * 115);
        let id = ShipmentId::new(&format!("sh-{subject:016x}"));
        let id = id.unwrap_or_else(|why| unreachable!("hexadecimal digits are an identifier: {why}"));
        let goods = |(sku, pieces): &(u32, i64)| GoodsLine {
            sku: self.skus[*sku as usize].id.clone(),
            pieces: Pieces(*pieces),
        };
        let happening = Happening::ShipmentDispatched {
            shipment: id.clone(),
            to: self.sites[order.buyer as usize].id.clone(),
            lane: Some(at.id.clone()),
            vehicle: vehicle.map(|vehicle| self.vehicles[vehicle as usize].id.clone()),
            due_at: Some(Timestamp::from_nanos(due)),
            order: Some(order.id.clone()),
            lines: load.iter().map(goods).collect(),
        };
        let ashore = at.to;
        for (sku, pieces) in &load {
            let row = self.row(order.buyer, *sku);
            self.rows[row].on_order -= pieces;
            self.rows[row].in_transit += pieces;
        }
        let shipment = Shipment {
            id,
            from: order.seller,
            to: order.buyer,
            lane: Some(order.lane),
            vehicle,
            lines: load,
            due,
            ashore,
            onward,
            not_before,
            waits: false,
            unloading: false,
            held_until: i64::MIN,
        };
        let number = self.next_serial();
        self.shipments.insert(number, shipment);
        match vehicle {
            Some(vehicle) => self.vehicles[vehicle as usize].cargo.push(number),
            None => self.queue.plan(not_before + onward, Rank::Receipt, order.buyer, Event::Delivered(number)),
        }
        self.report(order.seller, vec![happening], out);
    }

    /// How much more a vehicle can carry.
    pub(super) fn room_g(&self, vehicle: u32) -> u64 {
        let vehicle = &self.vehicles[vehicle as usize];
        let loads = vehicle.cargo.iter().filter_map(|shipment| self.shipments.get(shipment));
        let lines = loads.flat_map(|shipment| &shipment.lines);
        let carried = lines.map(|(sku, pieces)| self.skus[*sku as usize].mass_g.saturating_mul(*pieces as u64));
        vehicle.capacity_g.saturating_sub(carried.fold(0, u64::saturating_add))
    }

    /// A shipment is there and unpacked.
    pub(super) fn delivered(&mut self, number: u64, out: &mut Vec<Message>) {
        let now = self.now;
        let on_board = |shipment: &Shipment| shipment.vehicle.is_some() && !shipment.unloading;
        if self.shipments.get(&number).is_none_or(|shipment| on_board(shipment) || now < shipment.held_until) {
            return; // a vehicle fetched what a carrier would have brought now, or it is held up
        }
        let Some(shipment) = self.shipments.remove(&number) else { return };
        for (sku, pieces) in &shipment.lines {
            let row = self.row(shipment.to, *sku);
            self.rows[row].in_transit -= pieces;
            self.rows[row].on_hand += pieces;
        }
        self.totals.shipments += 1;
        self.totals.shipments_late += i64::from(self.now > shipment.due);
        let arrived = Happening::ShipmentArrived { shipment: shipment.id, lines: None };
        self.report(shipment.to, vec![arrived], out);
        let skus: Vec<u32> = shipment.lines.iter().map(|(sku, _)| *sku).collect();
        self.after_receipt(shipment.to, &skus, out);
    }
}

/// Rounded down, since times are whole milliseconds.
pub(crate) fn whole_millis(nanos: i64) -> i64 {
    nanos / 1_000_000 * 1_000_000
}
