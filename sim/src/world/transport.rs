//! Goods on their way: which lanes they take, when they leave, and what happens when they are there.

use super::calendar::{hours, minutes, secs};
use super::geo::Track;
use super::queue::{Event, Rank};
use super::{Message, World};
use crate::rng::{Purpose, Stream, mix};
use firmware_schemas::id::{LaneId, OrderId, ShipmentId};
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
    /// The order that it fills; none for what was under way at the start.
    pub(crate) order: Option<u64>,
    /// It cannot be usable before, however fast the vehicle: customs, handling.
    pub(crate) not_before: i64,
    /// True while nobody has fetched it at `from`.
    pub(crate) waits: bool,
    /// True once its vehicle is there.
    pub(crate) unloading: bool,
    /// Something keeps it from arriving before.
    pub(crate) held_until: i64,
}

impl World {
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
        let (from, to) = (self.lanes[lane as usize].from, self.lanes[lane as usize].to);
        let mut still = VecDeque::with_capacity(waiting.len());
        for serial in waiting {
            let Some(mut order) = self.orders.remove(&serial) else { continue };
            let mut load = Vec::new();
            for line in &mut order.lines {
                let (row, sku) = (self.row(from, line.sku), &self.skus[line.sku as usize]);
                if class.is_some_and(|class| sku.class > class) || load.len() == SHIPMENT_LINES_MAX {
                    continue;
                }
                let fits = room_g.checked_div(sku.mass_g).map_or(i64::MAX, |n| i64::try_from(n).unwrap_or(i64::MAX));
                let place = &mut self.rows[row];
                let pieces = (line.released - line.shipped).min(place.available()).min(fits);
                if pieces > 0 {
                    room_g -= sku.mass_g * pieces as u64;
                    line.shipped += pieces;
                    place.on_hand -= pieces;
                    if order.from_stock {
                        place.owed -= pieces;
                    }
                    load.push((line.sku, pieces));
                }
            }
            if !load.is_empty() {
                order.shipments_open += 1;
                let subject = mix(order.subject, u64::from(order.shipments));
                order.shipments += 1;
                self.leave(lane, to, vehicle, serial, &order.id, subject, load, out);
            }
            order.queued = order.lines.iter().any(|line| line.shipped < line.released);
            if order.queued {
                still.push_back(serial);
            }
            if order.shipments_open > 0 || order.lines.iter().any(|line| line.shipped < line.wanted) {
                self.orders.insert(serial, order);
            }
        }
        self.lanes[lane as usize].waiting = still;
    }

    #[allow(clippy::too_many_arguments, reason = "one caller, above, which had it all at hand")]
    fn leave(
        &mut self,
        lane: u32,
        to: u32,
        vehicle: Option<u32>,
        serial: u64,
        order: &OrderId,
        subject: u64,
        load: Vec<(u32, i64)>,
        out: &mut Vec<Message>,
    ) {
        let at = &self.lanes[lane as usize];
        let mut draw = Stream::new(self.config.seed, subject, Purpose::Transport, 0);
        let took = at.lead + (draw.normal().clamp(-3.0, 4.0) * at.lead_sd as f64) as i64;
        let took = took.max(at.lead / 3).max(minutes(1)) / 1_000_000 * 1_000_000;
        let (from, due) = (at.from, self.now + at.promised());
        let id = ShipmentId::new(&format!("sh-{subject:016x}"));
        let id = id.unwrap_or_else(|why| unreachable!("hexadecimal digits are an identifier: {why}"));
        let goods = |(sku, pieces): &(u32, i64)| GoodsLine {
            sku: self.skus[*sku as usize].id.clone(),
            pieces: Pieces(*pieces),
        };
        let happening = Happening::ShipmentDispatched {
            shipment: id.clone(),
            to: self.sites[to as usize].id.clone(),
            lane: Some(at.id.clone()),
            vehicle: vehicle.map(|vehicle| self.vehicles[vehicle as usize].id.clone()),
            due_at: Some(Timestamp::from_nanos(due)),
            order: Some(order.clone()),
            lines: load.iter().map(goods).collect(),
        };
        for (sku, pieces) in &load {
            let row = self.row(to, *sku);
            self.rows[row].on_order -= pieces;
            self.rows[row].in_transit += pieces;
        }
        let not_before = self.now + took;
        let shipment = Shipment {
            id,
            from,
            to,
            lane: Some(lane),
            vehicle,
            lines: load,
            due,
            order: Some(serial),
            not_before,
            waits: false,
            unloading: false,
            held_until: i64::MIN,
        };
        let number = self.next_serial();
        self.shipments.insert(number, shipment);
        match vehicle {
            Some(vehicle) => self.vehicles[vehicle as usize].cargo.push(number),
            None => self.queue.plan(not_before, Rank::Receipt, to, Event::Delivered(number)),
        }
        self.report(from, vec![happening], out);
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
        if let Some(serial) = shipment.order
            && let Some(order) = self.orders.get_mut(&serial)
        {
            order.shipments_open -= 1;
            let next = order.next;
            if order.shipments_open == 0 && order.lines.iter().all(|line| line.shipped == line.wanted) {
                self.orders.remove(&serial);
            }
            if let Some(next) = next {
                self.pass_on(next, &shipment.lines);
            }
        }
        let skus: Vec<u32> = shipment.lines.iter().map(|(sku, _)| *sku).collect();
        self.after_receipt(shipment.to, &skus, out);
    }

    /// Releases what came for the next leg.
    fn pass_on(&mut self, next: u64, came: &[(u32, i64)]) {
        let Some(order) = self.orders.get_mut(&next) else { return };
        for (sku, pieces) in came {
            if let Some(line) = order.lines.iter_mut().find(|line| line.sku == *sku) {
                line.released = (line.released + pieces).min(line.wanted);
            }
        }
        self.enqueue(next);
    }
}
