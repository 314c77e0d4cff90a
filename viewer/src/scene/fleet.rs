//! Vehicles as symbols: shape for what it is, colour for how it is, filling for how sure we are.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use firmware_schemas::fact::Severity;
use firmware_schemas::id::{LaneId, VehicleId};
use firmware_schemas::network::VehicleKind;
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::{Freshness, VehicleView};

use super::chart::{ChartPoint, ScreenPoint, View};
use super::mark::{Fill, Shape};
use super::motion::{Heard, Leg, Line, Track, top_speed};
use super::pool::{Pool, Symbol};
use super::{Detail, Known};
use crate::palette;

/// Lanes as lines, each made when it is first needed.
#[derive(Clone, Debug, Default)]
pub struct Lines(BTreeMap<LaneId, Option<Arc<Line>>>);

impl Lines {
    /// The line of a lane whose ends are known.
    pub fn of(&mut self, known: &Known, lane: &LaneId) -> Option<Arc<Line>> {
        if let Some(line) = self.0.get(lane) {
            return line.clone();
        }
        let view = known.lanes.get(lane)?;
        let (from, to) = (known.sites.get(&view.from)?, known.sites.get(&view.to)?);
        let stops: Vec<_> =
            std::iter::once(from.position).chain(view.via.iter().copied()).chain([to.position]).collect();
        let line = Line::through(&stops).map(Arc::new);
        self.0.insert(lane.clone(), line.clone());
        line
    }
}

/// Where a vehicle is drawn, and how.
#[derive(Clone, Debug)]
struct Car {
    id: VehicleId,
    kind: VehicleKind,
    at_site: bool,
    interval: Duration,
    heading_rad: Option<f64>,
    track: Option<Track>,
    leg: Leg,
    /// What it is drawn as: its symbol, an estimate, a badge.
    slots: [Option<u32>; 3],
    /// Counts up when it is planned anew, so that older plans are passed over.
    turn: u32,
    freshness: Freshness,
    severity: Option<Severity>,
}

impl Car {
    /// How fresh it is, where it is drawn.
    fn drawn(&self) -> Option<Freshness> {
        self.slots[0].is_some().then_some(self.freshness)
    }
}

/// All vehicles as records that move by themselves.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    pool: Pool,
    cars: Vec<Car>,
    by_id: BTreeMap<VehicleId, u32>,
    /// When each must be looked at again: a leg ends, or it ages.
    agenda: BinaryHeap<Reverse<(Timestamp, u32, u32)>>,
    lines: Lines,
    severities: BTreeMap<VehicleId, Severity>,
    /// How many are drawn of each freshness.
    n_drawn: [usize; 5],
    /// How many have a leg that goes anywhere.
    n_moving: usize,
}

/// A vehicle under the pointer, or beside which its name stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Spot<'a> {
    /// Which.
    pub id: &'a VehicleId,
    /// What it is.
    pub kind: VehicleKind,
    /// Where it is drawn.
    pub at: ChartPoint,
    /// How fresh it is.
    pub freshness: Freshness,
}

impl Fleet {
    /// Starts anew with all vehicles of `known` at `now`.
    pub fn begin(&mut self, known: &Known, now: Timestamp) {
        *self = Self { pool: Pool::new(now), severities: known.severity_by_vehicle(), ..Self::default() };
        for vehicle in known.vehicles.values() {
            self.take(known, vehicle, now);
        }
    }

    /// Takes a vehicle that is new or changed.
    pub fn take(&mut self, known: &Known, vehicle: &VehicleView, now: Timestamp) {
        let heard = self.heard(known, vehicle);
        let at = match self.by_id.get(&vehicle.vehicle) {
            Some(at) => *at,
            None => {
                let at = self.cars.len() as u32; // fewer than 2³² vehicles
                self.by_id.insert(vehicle.vehicle.clone(), at);
                let nowhere = Leg::standing(ChartPoint { x: 0.0, y: 0.0 }, now);
                self.cars.push(Car {
                    id: vehicle.vehicle.clone(),
                    kind: vehicle.kind,
                    at_site: false,
                    interval: Duration::from_secs(1),
                    heading_rad: None,
                    track: None,
                    leg: nowhere,
                    slots: [None; 3],
                    turn: 0,
                    freshness: Freshness::Never,
                    severity: None,
                });
                at
            }
        };
        let car = &mut self.cars[at as usize];
        car.kind = vehicle.kind;
        car.at_site = vehicle.site.is_some();
        car.interval = vehicle.interval_secs.to_duration().max(Duration::from_secs(1));
        car.heading_rad = vehicle.heading_cdeg.map(|heading| (f64::from(heading) / 100.0).to_radians());
        match (&mut car.track, heard) {
            (Some(track), Some(heard)) if heard.at != track.fixed_at() || heard.stands => track.go_on(heard, now),
            (Some(_), Some(_)) => {}
            (track, heard) => *track = heard.map(Track::begin),
        }
        self.plan(at, vehicle.at, now);
    }

    /// Looks at the alerts again.
    pub fn take_alerts(&mut self, known: &Known, now: Timestamp) {
        let severities = known.severity_by_vehicle();
        let differ: Vec<VehicleId> = severities
            .iter()
            .filter(|(id, severity)| self.severities.get(*id) != Some(*severity))
            .map(|(id, _)| id.clone())
            .chain(self.severities.keys().filter(|id| !severities.contains_key(*id)).cloned())
            .collect();
        self.severities = severities;
        for id in differ {
            if let (Some(at), Some(vehicle)) = (self.by_id.get(&id).copied(), known.vehicles.get(&id)) {
                self.plan(at, vehicle.at, now);
            }
        }
    }

    /// Cuts the legs that are over by `now`.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some(Reverse((due, at, turn))) = self.agenda.peek().copied() {
            if due > now {
                break;
            }
            self.agenda.pop();
            if self.cars[at as usize].turn == turn {
                let heard_at = self.cars[at as usize].track.as_ref().map(Track::fixed_at);
                self.plan(at, heard_at, now);
            }
        }
    }

    fn heard(&mut self, known: &Known, vehicle: &VehicleView) -> Option<Heard> {
        let place = place(known, vehicle)?;
        let line = vehicle.lane.as_ref().filter(|_| vehicle.site.is_none());
        Some(Heard {
            place,
            at: vehicle.at.or(known.at)?,
            speed: vehicle.speed_mm_per_s.map(|speed| f64::from(speed) / 1_000.0),
            stands: vehicle.site.is_some(),
            line: line.and_then(|lane| self.lines.of(known, lane)),
            interval: vehicle.interval_secs.to_duration(),
            kind: vehicle.kind,
        })
    }

    /// Cuts the next leg of a vehicle, writes its records and notes when to look again.
    fn plan(&mut self, at: u32, heard_at: Option<Timestamp>, now: Timestamp) {
        let severity = self.severities.get(&self.cars[at as usize].id).copied();
        let car = &mut self.cars[at as usize];
        let before = car.drawn();
        car.severity = severity;
        car.turn = car.turn.wrapping_add(1);
        let interval = firmware_schemas::quantity::Seconds(car.interval.as_secs());
        car.freshness = Freshness::of(heard_at, interval, now);
        let Some(track) = &car.track else {
            let after = car.drawn();
            return self.count(before, after);
        };
        let moved = car.leg.moves();
        car.leg = track.leg(now);
        let moves = car.leg.moves();
        let fix = track.fix();
        let mut due: Vec<Timestamp> = Vec::new();
        if car.leg.end > now {
            due.push(car.leg.end);
        }
        if let Some(heard_at) = heard_at {
            let next_age = [2, 5, 20].map(|n| heard_at.saturating_add(car.interval * n + Duration::from_millis(1)));
            due.extend(next_age.into_iter().find(|at| *at > now));
            if car.freshness == Freshness::Stale {
                due.push(now.saturating_add(car.interval / 2)); // the ring of doubt grows
            }
        }
        if let Some(due) = due.into_iter().min() {
            self.agenda.push(Reverse((due, at, car.turn)));
        }
        let symbols = symbols(car, fix, heard_at, now);
        let mut slots = car.slots;
        for (slot, symbol) in slots.iter_mut().zip(&symbols) {
            match (*slot, symbol) {
                (Some(slot), Some(symbol)) => self.pool.put(slot, symbol),
                (None, Some(symbol)) => {
                    let claimed = self.pool.claim();
                    self.pool.put(claimed, symbol);
                    *slot = Some(claimed);
                }
                (Some(claimed), None) => {
                    self.pool.release(claimed);
                    *slot = None;
                }
                (None, None) => {}
            }
        }
        self.cars[at as usize].slots = slots;
        self.n_moving = self.n_moving + usize::from(moves) - usize::from(moved);
        self.count(before, self.cars[at as usize].drawn());
        // Plans that were overtaken are passed over when they are due; many of them are thrown away at once.
        if self.agenda.len() > 4 * self.cars.len() + 1_024 {
            let cars = &self.cars;
            let current = |plan: &Reverse<(Timestamp, u32, u32)>| cars[plan.0.1 as usize].turn == plan.0.2;
            self.agenda = self.agenda.drain().filter(current).collect();
        }
    }

    fn count(&mut self, before: Option<Freshness>, after: Option<Freshness>) {
        if let Some(before) = before {
            self.n_drawn[before as usize] -= 1;
        }
        if let Some(after) = after {
            self.n_drawn[after as usize] += 1;
        }
    }

    /// How fresh those are that are drawn: what the legend has to explain.
    pub fn freshness_drawn(&self) -> impl Iterator<Item = Freshness> + '_ {
        let all = [Freshness::Live, Freshness::Late, Freshness::Stale, Freshness::Lost, Freshness::Never];
        all.into_iter().filter(|freshness| self.n_drawn[*freshness as usize] > 0)
    }

    /// The records.
    pub fn pool(&mut self) -> &mut Pool {
        &mut self.pool
    }

    /// Whether anything moves.
    pub fn moves(&self) -> bool {
        self.n_moving > 0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.cars.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cars.is_empty()
    }

    /// Which vehicle this is.
    pub fn nth(&self, id: &VehicleId) -> Option<usize> {
        self.by_id.get(id).map(|nth| *nth as usize)
    }

    /// Where a vehicle is drawn at `now`.
    pub fn place(&self, id: &VehicleId, now: Timestamp) -> Option<ChartPoint> {
        let car = &self.cars[*self.by_id.get(id)? as usize];
        Some(drawn_at(car, now, car.track.as_ref()?))
    }

    /// What of the way of a vehicle is behind it and before it.
    pub fn route(&self, id: &VehicleId, now: Timestamp) -> Option<(Vec<ChartPoint>, Vec<ChartPoint>)> {
        let car = &self.cars[*self.by_id.get(id)? as usize];
        if car.at_site { None } else { car.track.as_ref()?.route(now) }
    }

    /// All vehicles that are drawn, and where.
    pub fn spots(&self, now: Timestamp) -> impl Iterator<Item = Spot<'_>> {
        (0..self.cars.len()).filter_map(move |nth| self.spot(nth, now))
    }

    /// What the `nth` vehicle is; `None` where it is not drawn.
    pub fn kind(&self, nth: usize) -> Option<VehicleKind> {
        self.cars.get(nth).filter(|car| car.slots[0].is_some()).map(|car| car.kind)
    }

    /// The `nth` vehicle; `None` where it is not drawn.
    pub fn spot(&self, nth: usize, now: Timestamp) -> Option<Spot<'_>> {
        let car = self.cars.get(nth).filter(|car| car.slots[0].is_some())?;
        let at = drawn_at(car, now, car.track.as_ref()?);
        Some(Spot { id: &car.id, kind: car.kind, at, freshness: car.freshness })
    }

    /// The vehicle nearest to a place of the window, within reach.
    pub fn pick(&self, view: &View, at: ScreenPoint, reach_px: f64, now: Timestamp) -> Option<VehicleId> {
        let detail = Detail::of(view.scale);
        // No symbol is larger than this: most are left out before anything is worked out of them.
        let far = (reach_px + 2.0 * radius_up_close_px(VehicleKind::Ship)) / view.scale;
        let pointed = view.to_chart(at);
        let mut best: Option<(f64, &VehicleId)> = None;
        for spot in self.spots(now) {
            if (spot.at.y - pointed.y).abs() > far {
                continue;
            }
            let place = view.to_screen(spot.at);
            let off = (place.x - at.x).hypot(place.y - at.y) - radius_px(spot.kind, detail);
            if off <= reach_px && best.is_none_or(|(so_far, _)| off <= so_far) {
                best = Some((off, spot.id));
            }
        }
        best.map(|(_, id)| id.clone())
    }
}

/// What is old is drawn where it was last heard, not where it may be by now.
fn drawn_at(car: &Car, now: Timestamp, track: &Track) -> ChartPoint {
    match car.freshness {
        Freshness::Live | Freshness::Late => car.leg.at(now),
        Freshness::Stale | Freshness::Lost | Freshness::Never => track.fix(),
    }
}

/// Its symbol, the estimate where it is too old to be believed, and the badge of its alert.
///
/// One that stands at a site and about which nothing is wrong is not drawn: the site's panel counts it.
fn symbols(car: &Car, fix: ChartPoint, heard_at: Option<Timestamp>, now: Timestamp) -> [Option<Symbol>; 3] {
    if car.at_site && car.severity.is_none() {
        return [None; 3];
    }
    let believed = matches!(car.freshness, Freshness::Live | Freshness::Late);
    let colour = match car.severity {
        Some(severity) => Shape::of_severity(severity).1,
        None if car.freshness == Freshness::Never => palette::UNKNOWN,
        None => palette::OK,
    };
    let leg = if believed { car.leg } else { Leg::standing(fix, now) };
    let turn_rad = match (car.leg.moves(), car.heading_rad) {
        (true, _) => (car.leg.to.x - car.leg.from.x).atan2(car.leg.to.y - car.leg.from.y),
        (false, heading) => heading.unwrap_or(0.0),
    };
    let radius_px = radius_up_close_px(car.kind);
    let symbol = Symbol {
        leg,
        offset_px: [0.0, 0.0],
        shape: Shape::of_vehicle(car.kind),
        radius_px,
        world_percent: world_percent(car.kind),
        turn_rad,
        fill: fill(car.freshness),
        colour,
    };
    let estimate = match (car.freshness, heard_at) {
        // Where it would be by now, drawn as what it is: an outline of dashes.
        (Freshness::Stale, Some(_)) if car.leg.from != fix => {
            Some(Symbol { leg: car.leg, fill: Fill::Dashed, ..symbol })
        }
        // It may be anywhere in a circle that grows while we hear nothing.
        (Freshness::Stale, Some(heard_at)) => {
            let intervals = now.since(heard_at).as_secs_f64() / car.interval.as_secs_f64();
            let radius_px = radius_px + 4.0 + (intervals - 5.0).clamp(0.0, 15.0) * 1.2;
            Some(Symbol { shape: Shape::Circle, fill: Fill::Ring, radius_px, ..symbol })
        }
        _ => None,
    };
    let badge = car.severity.map(|severity| {
        let (shape, colour) = Shape::of_severity(severity);
        let offset_px = [radius_px * 0.95; 2];
        Symbol { shape, colour, offset_px, radius_px: 5.0, turn_rad: 0.0, fill: Fill::Solid, ..symbol }
    });
    [Some(symbol), estimate, badge]
}

/// The filling that says how fresh a fix is.
pub fn fill(freshness: Freshness) -> Fill {
    match freshness {
        Freshness::Live => Fill::Solid,
        Freshness::Late | Freshness::Never => Fill::Hollow,
        Freshness::Stale => Fill::Hatched,
        Freshness::Lost => Fill::Cross,
    }
}

/// The radius of a vehicle's symbol, in pixels.
pub fn radius_px(kind: VehicleKind, detail: Detail) -> f64 {
    let factor = match detail {
        Detail::World => f64::from(world_percent(kind)) / 100.0,
        Detail::Region => 1.0,
    };
    factor * radius_up_close_px(kind)
}

fn world_percent(kind: VehicleKind) -> u8 {
    match kind {
        VehicleKind::Truck | VehicleKind::Van | VehicleKind::Agv => 45,
        _ => 85,
    }
}

fn radius_up_close_px(kind: VehicleKind) -> f64 {
    match kind {
        VehicleKind::Ship => 8.5,
        VehicleKind::Train | VehicleKind::Barge => 7.5,
        VehicleKind::Aircraft => 7.5,
        VehicleKind::Truck => 6.5,
        VehicleKind::Van => 5.5,
        VehicleKind::Agv => 4.0,
    }
}

/// Its last fix, else the site where it stands. `None` if neither is known.
pub fn place(known: &Known, vehicle: &VehicleView) -> Option<ChartPoint> {
    let position = match (vehicle.position, &vehicle.site) {
        (Some(fix), _) => fix,
        (None, Some(site)) => known.sites.get(site)?.position,
        (None, None) => return None,
    };
    Some(ChartPoint::of(position))
}

/// How long it takes to the end of its lane at its speed; `None` where neither is known.
pub fn time_to_stop(known: &Known, vehicle: &VehicleView) -> Option<Duration> {
    let lane = known.lanes.get(vehicle.lane.as_ref()?)?;
    let line = Lines::default().of(known, &lane.lane)?;
    let (along, _) = line.project(place(known, vehicle)?);
    let speed = f64::from(vehicle.speed_mm_per_s?) / 1_000.0;
    if vehicle.site.is_some() || speed < 0.5 || speed > 2.0 * top_speed(vehicle.kind) {
        return None;
    }
    Some(Duration::from_secs_f64((line.length_m() - along).max(0.0) / speed))
}
