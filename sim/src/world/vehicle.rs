//! Vehicles: where they are, what they do next, and what stops them.

use super::calendar::{hours, minutes, secs};
use super::geo::Fix;
use super::queue::{Event, Rank};
use super::{Message, World};
use crate::rng::{Purpose, Stream};
use firmware_schemas::id::{CommandId, VehicleId};
use firmware_schemas::network::{Mode, TemperatureClass, VehicleKind};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

/// Share of its speed by which a vehicle goes faster and slower under way.
const WOBBLE: f64 = 0.15;
const SPEED_CV: f64 = 0.06;

/// A lane, in its direction or against it. Against it only where the network has no lane back; then the
/// vehicle is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) lane: u32,
    pub(crate) reversed: bool,
}

/// One way from site to site.
#[derive(Clone, Debug)]
pub(crate) struct Leg {
    step: Step,
    to: u32,
    /// Time on the move that it takes, had so far up to `since`, and since when it moves; `None`: it stands.
    duration: i64,
    moved: i64,
    since: Option<i64>,
    waves: f64,
    detour: Option<Detour>,
}

/// A stretch of the leg, in shares of it, that leaves the lane by up to so many metres to the right.
#[derive(Clone, Copy, Debug)]
struct Detour {
    from: f64,
    to: f64,
    aside_m: f64,
}

#[derive(Clone, Debug)]
pub(crate) enum Place {
    Site(u32),
    Leg(Leg),
}

/// What a vehicle was told to do.
#[derive(Clone, Debug)]
pub(crate) struct Mission {
    pub(crate) command: CommandId,
    pub(crate) device: u32,
    pub(crate) steps: VecDeque<Step>,
    /// Shipments to load when it stands at this site.
    pub(crate) load_at: Option<(u32, Vec<u64>)>,
}

/// A truck, ship or the like.
#[derive(Clone, Debug)]
pub(crate) struct Vehicle {
    pub(crate) id: VehicleId,
    pub(crate) subject: u64,
    pub(crate) kind: VehicleKind,
    pub(crate) mode: Mode,
    pub(crate) capacity_g: u64,
    pub(crate) class: TemperatureClass,
    pub(crate) speed_m_per_s: f64,
    /// Its round trip.
    pub(crate) round: Vec<Step>,
    /// The next step of it.
    pub(crate) round_at: usize,
    pub(crate) place: Place,
    pub(crate) cargo: Vec<u64>,
    pub(crate) mission: Option<Mission>,
    /// Number of the planned arrival or departure that counts; older ones do not.
    pub(crate) plan: u32,
    pub(crate) legs: u32,
    pub(crate) breakdowns: u32,
    pub(crate) broken: bool,
    pub(crate) holds: u32,
    pub(crate) held: bool,
}

/// Where a vehicle is and how it moves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Motion {
    pub(crate) fix: Fix,
    pub(crate) speed_mm_per_s: u32,
    pub(crate) lane: Option<u32>,
    pub(crate) site: Option<u32>,
}

impl Vehicle {
    /// How long it stands at a site to unload and load.
    fn dwell(&self) -> i64 {
        match self.kind {
            VehicleKind::Ship => hours(18),
            VehicleKind::Barge => hours(6),
            VehicleKind::Train => hours(3),
            VehicleKind::Aircraft => hours(2),
            VehicleKind::Truck => minutes(50),
            VehicleKind::Van => minutes(15),
            VehicleKind::Agv => minutes(1),
        }
    }

    fn runs(&self) -> bool {
        !self.broken && !self.held
    }
}

impl Leg {
    fn elapsed(&self, now: i64) -> i64 {
        (self.moved + self.since.map_or(0, |since| now - since)).min(self.duration)
    }

    /// Share of the way, and speed as a factor on the average.
    fn share(&self, now: i64) -> (f64, f64) {
        let x = self.elapsed(now) as f64 / self.duration.max(1) as f64;
        let turn = core::f64::consts::TAU * self.waves;
        let (sin, cos) = libm::sincos(turn * x);
        (x + WOBBLE * sin / turn, if self.since.is_some() { 1.0 + WOBBLE * cos } else { 0.0 })
    }
}

impl World {
    /// Where a vehicle is now.
    pub(super) fn motion(&self, vehicle: u32) -> Motion {
        match &self.vehicles[vehicle as usize].place {
            Place::Site(site) => Motion {
                fix: Fix { position: self.sites[*site as usize].position, heading_cdeg: 0 },
                speed_mm_per_s: 0,
                lane: None,
                site: Some(*site),
            },
            Place::Leg(leg) => {
                let lane = &self.lanes[leg.step.lane as usize];
                let (share, faster) = leg.share(self.now);
                let aside_m = leg.detour.map_or(0.0, |detour| {
                    let u = (share - detour.from) / (detour.to - detour.from);
                    if (0.0..1.0).contains(&u) { detour.aside_m * 16.0 * u * u * (1.0 - u) * (1.0 - u) } else { 0.0 }
                });
                let average = lane.distance_m / (leg.duration.max(1) as f64 / 1e12);
                Motion {
                    fix: lane.track.at(share, leg.step.reversed, aside_m),
                    speed_mm_per_s: (average * faster) as u32,
                    lane: Some(leg.step.lane),
                    site: None,
                }
            }
        }
    }

    /// Puts a vehicle where it is at the start.
    /// Puts a vehicle on a step of its round, so many thousandths along it, or at its home.
    pub(super) fn place_vehicle(&mut self, index: u32, on: Option<(usize, u16)>) {
        let vehicle = &self.vehicles[index as usize];
        let mut draw = Stream::new(self.config.seed, vehicle.subject, Purpose::Driving, 0);
        let begun = on.and_then(|(at, permille)| Some((at, permille, *vehicle.round.get(at)?)));
        match (begun, vehicle.round.first()) {
            (Some((at, permille, step)), Some(_)) => {
                self.vehicles[index as usize].round_at = (at + 1) % vehicle.round.len();
                self.start_leg(index, step, f64::from(permille.min(999)) / 1e3);
            }
            (None, Some(_)) => {
                let leaves = self.now + secs(vehicle.dwell() as f64 / 1e9 * draw.uniform());
                self.plan_departure(index, leaves);
            }
            (_, None) => {}
        }
        self.plan_breakdown(index);
    }

    fn plan_departure(&mut self, index: u32, at: i64) {
        let vehicle = &mut self.vehicles[index as usize];
        vehicle.plan += 1;
        self.queue.plan(at, Rank::Departure, index, Event::Departure(index, vehicle.plan));
    }

    fn start_leg(&mut self, index: u32, step: Step, share: f64) {
        let vehicle = &mut self.vehicles[index as usize];
        let lane = &self.lanes[step.lane as usize];
        vehicle.legs += 1;
        let mut draw = Stream::new(self.config.seed, vehicle.subject, Purpose::Driving, vehicle.legs);
        let usual =
            if vehicle.speed_m_per_s > 0.0 { lane.distance_m / vehicle.speed_m_per_s } else { lane.lead as f64 / 1e9 };
        let duration = secs(usual * draw.factor(SPEED_CV)).max(minutes(1));
        let strays = draw.chance(self.config.faults.detours_permille / 1e3) && vehicle.mode == Mode::Road;
        let detour = strays.then(|| {
            let from = draw.between(0.1, 0.6);
            Detour { from, to: from + draw.between(0.15, 0.35), aside_m: stray_m(lane.distance_m, draw.chance(0.5)) }
        });
        let moved = (duration as f64 * share) as i64 / 1_000_000 * 1_000_000;
        vehicle.place = Place::Leg(Leg {
            step,
            to: if step.reversed { lane.from } else { lane.to },
            duration,
            moved,
            since: None,
            waves: f64::from(1 + draw.below(4)),
            detour,
        });
        self.move_on(index);
    }

    /// Lets a vehicle move that nothing stops, and plans its arrival.
    pub(super) fn move_on(&mut self, index: u32) {
        let vehicle = &mut self.vehicles[index as usize];
        if !vehicle.runs() {
            return;
        }
        match &mut vehicle.place {
            Place::Leg(leg) if leg.since.is_none() => {
                leg.since = Some(self.now);
                vehicle.plan += 1;
                let arrives = self.now + leg.duration - leg.moved;
                self.queue.plan(arrives, Rank::Arrival, index, Event::Arrival(index, vehicle.plan));
            }
            Place::Leg(_) => {}
            Place::Site(_) => self.plan_departure(index, self.now + minutes(5)),
        }
    }

    fn stop(&mut self, index: u32) {
        let vehicle = &mut self.vehicles[index as usize];
        vehicle.plan += 1;
        if let Place::Leg(leg) = &mut vehicle.place {
            leg.moved = leg.elapsed(self.now);
            leg.since = None;
        }
    }

    pub(super) fn arrive(&mut self, index: u32, plan: u32) {
        let vehicle = &mut self.vehicles[index as usize];
        let Place::Leg(leg) = &vehicle.place else { return };
        if vehicle.plan != plan {
            return;
        }
        let site = leg.to;
        vehicle.place = Place::Site(site);
        let dwell = vehicle.dwell();
        let unloaded = self.now + dwell / 3;
        let (here, further): (Vec<u64>, Vec<u64>) = std::mem::take(&mut vehicle.cargo)
            .into_iter()
            .partition(|shipment| self.shipments.get(shipment).is_none_or(|shipment| shipment.ashore == site));
        vehicle.cargo = further;
        let mut draw = Stream::new(self.config.seed, vehicle.subject, Purpose::Driving, vehicle.legs | 1 << 31);
        let mut leaves = self.now + secs(dwell as f64 / 1e9 * draw.between(0.7, 1.4));
        for number in here {
            if let Some(shipment) = self.shipments.get_mut(&number) {
                shipment.unloading = true;
                let there = unloaded.max(shipment.not_before) + shipment.onward;
                self.queue.plan(there, Rank::Receipt, shipment.to, Event::Delivered(number));
            }
        }
        if self.mission_goes_on(index) {
            leaves = self.now + dwell / 2;
        }
        self.plan_departure(index, leaves);
    }

    pub(super) fn depart(&mut self, index: u32, plan: u32, out: &mut Vec<Message>) {
        let vehicle = &mut self.vehicles[index as usize];
        let Place::Site(site) = vehicle.place else { return };
        if vehicle.plan != plan || !vehicle.runs() {
            return;
        }
        if vehicle.mission.is_some() {
            self.load_mission(index, site);
            let next = self.vehicles[index as usize].mission.as_mut().and_then(|mission| mission.steps.pop_front());
            match next {
                Some(step) => self.start_leg(index, step, 0.0),
                None => self.mission_done(index),
            }
            return;
        }
        let Some(&step) = vehicle.round.get(vehicle.round_at) else { return };
        let lane = &self.lanes[step.lane as usize];
        let starts = if step.reversed { lane.to } else { lane.from };
        if starts != site {
            self.rejoin_round(index, site);
            return;
        }
        vehicle.round_at = (vehicle.round_at + 1) % vehicle.round.len();
        if !step.reversed {
            self.dispatch(step.lane, Some(index), out);
        }
        self.start_leg(index, step, 0.0);
    }

    /// Back to the round: at the step that starts here, else by the shortest way to the next one.
    fn rejoin_round(&mut self, index: u32, site: u32) {
        let start_of = |world: &Self, step: Step| {
            let lane = &world.lanes[step.lane as usize];
            if step.reversed { lane.to } else { lane.from }
        };
        let vehicle = &self.vehicles[index as usize];
        if let Some(here) = vehicle.round.iter().position(|step| start_of(self, *step) == site) {
            self.vehicles[index as usize].round_at = here;
            self.plan_departure(index, self.now);
            return;
        }
        let goal = start_of(self, vehicle.round[vehicle.round_at]);
        if let Some(first) = self.way(index, site, goal).and_then(|way| way.first().copied()) {
            self.start_leg(index, first, 0.0);
        }
    }

    /// The steps by which a vehicle gets from one site to another: along lanes of its mode, and where there is
    /// no lane back, back against one. `None` where it cannot get.
    pub(super) fn way(&self, index: u32, from: u32, to: u32) -> Option<Vec<Step>> {
        let mode = self.vehicles[index as usize].mode;
        let forward = |lane| Step { lane, reversed: false };
        if let Some(path) = self.shortest(from, to, |lane| lane.mode == mode) {
            return Some(path.into_iter().map(forward).collect());
        }
        if let Some(back) = self.shortest(to, from, |lane| lane.mode == mode) {
            return Some(back.into_iter().rev().map(|lane| Step { lane, reversed: true }).collect());
        }
        self.mixed_way(mode, from, to)
    }

    /// The shortest way along some lanes and against others.
    fn mixed_way(&self, mode: Mode, from: u32, to: u32) -> Option<Vec<Step>> {
        let mut steps: BTreeMap<u32, Vec<(u32, Step)>> = BTreeMap::new();
        for (lane, at) in (0..).zip(&self.lanes).filter(|(_, at)| at.mode == mode) {
            steps.entry(at.from).or_default().push((at.to, Step { lane, reversed: false }));
            steps.entry(at.to).or_default().push((at.from, Step { lane, reversed: true }));
        }
        let mut best: BTreeMap<u32, (u64, Option<(u32, Step)>)> = BTreeMap::from([(from, (0, None))]);
        let mut open = BinaryHeap::from([Reverse((0_u64, from))]);
        while let Some(Reverse((metres, site))) = open.pop() {
            if best.get(&site).is_some_and(|(known, _)| *known < metres) {
                continue;
            }
            for (next, step) in steps.get(&site).into_iter().flatten() {
                let there = metres + self.lanes[step.lane as usize].distance_m as u64 + 1;
                if best.get(next).is_none_or(|(known, _)| there < *known) {
                    best.insert(*next, (there, Some((site, *step))));
                    open.push(Reverse((there, *next)));
                }
            }
        }
        let (mut way, mut at) = (Vec::new(), to);
        while let Some((before, step)) = best.get(&at)?.1 {
            way.push(step);
            at = before;
        }
        way.reverse();
        Some(way)
    }

    /// The site where a vehicle stands or gets to next.
    pub(super) fn next_site(&self, index: u32) -> u32 {
        match &self.vehicles[index as usize].place {
            Place::Site(site) => *site,
            Place::Leg(leg) => leg.to,
        }
    }

    fn plan_breakdown(&mut self, index: u32) {
        let rate = self.config.faults.breakdowns_per_vehicle_year;
        if rate > 0.0 {
            let vehicle = &self.vehicles[index as usize];
            let mut draw = Stream::new(self.config.seed, vehicle.subject, Purpose::Breakdown, vehicle.breakdowns);
            let at = self.now.saturating_add(secs(draw.exponential(31_557_600.0 / rate)));
            self.queue.plan(at, Rank::Fault, index, Event::Breakdown(index));
        }
    }

    /// The vehicle stands still for 1 to 8 hours, if it was under way.
    pub(super) fn breakdown(&mut self, index: u32) {
        let vehicle = &self.vehicles[index as usize];
        let mut draw = Stream::new(self.config.seed, vehicle.subject, Purpose::Breakdown, vehicle.breakdowns | 1 << 31);
        self.break_down_for(index, secs(3_600.0 * draw.between(1.0, 8.0)));
        self.plan_breakdown(index);
    }

    pub(super) fn break_down_for(&mut self, index: u32, span: i64) {
        let vehicle = &mut self.vehicles[index as usize];
        vehicle.breakdowns += 1;
        if vehicle.broken || !matches!(vehicle.place, Place::Leg(_)) {
            return;
        }
        vehicle.broken = true;
        self.stop(index);
        self.queue.plan(self.now + span, Rank::Fault, index, Event::Repaired(index));
    }

    pub(super) fn repaired(&mut self, index: u32) {
        self.vehicles[index as usize].broken = false;
        self.move_on(index);
    }

    /// Stops a vehicle until some time, or until it is told otherwise.
    pub(super) fn hold(&mut self, index: u32, until: Option<i64>) {
        let vehicle = &mut self.vehicles[index as usize];
        vehicle.holds += 1;
        vehicle.held = true;
        let number = vehicle.holds;
        self.stop(index);
        if let Some(until) = until {
            self.queue.plan(until.max(self.now), Rank::Fault, index, Event::Released(index, number));
        }
    }

    pub(super) fn released(&mut self, index: u32, number: u32) {
        let vehicle = &mut self.vehicles[index as usize];
        if vehicle.held && vehicle.holds == number {
            vehicle.held = false;
            self.move_on(index);
        }
    }

    /// Leads a vehicle off its lane from now on, for this share of the way. False if it is not under way.
    pub(super) fn stray(&mut self, index: u32, shares: f64) -> bool {
        let now = self.now;
        let Place::Leg(leg) = &mut self.vehicles[index as usize].place else { return false };
        let from = leg.share(now).0;
        let aside_m = stray_m(self.lanes[leg.step.lane as usize].distance_m, true);
        leg.detour = Some(Detour { from, to: (from + shares).min(1.0), aside_m });
        true
    }

    /// The lane that a vehicle is on, and the share of it that it has before it; `None` where it stands at a site.
    pub(super) fn share_left(&self, index: u32) -> Option<(u32, f64)> {
        match &self.vehicles[index as usize].place {
            Place::Leg(leg) => Some((leg.step.lane, 1.0 - leg.share(self.now).0)),
            Place::Site(_) => None,
        }
    }

    /// How much of its way a vehicle has before it, in time; `None` where it stands.
    pub(super) fn time_left(&self, index: u32) -> Option<i64> {
        match &self.vehicles[index as usize].place {
            Place::Leg(leg) if leg.since.is_some() => Some(leg.duration - leg.elapsed(self.now)),
            _ => None,
        }
    }
}

/// How far a detour leads from a lane of this length: far enough to be seen, not across the sea.
fn stray_m(distance_m: f64, right: bool) -> f64 {
    let aside = (0.2 * distance_m).clamp(3_000.0, 50_000.0);
    if right { aside } else { -aside }
}
