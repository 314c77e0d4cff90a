//! Routes under rules: breaks, trips, soft windows, speeds by the hour. Driven moment by moment.

use super::schedule::{PauseTimes, Schedule, StopTimes, begin, earliest, opens, start_at, stop_of};
use super::{Violation, load};
use crate::plan::{Part, Pause, PauseKind, Route};
use crate::problem::{Drive, NO_WAY, Problem, Soft, Task};
use std::collections::{BTreeMap, BTreeSet};

/// A route that was driven, and what that adds up to.
pub(super) struct Driven {
    pub(super) schedule: Schedule,
    pub(super) distance: i64,
    pub(super) soft_cost: i64,
}

/// Where the vehicle is and what it has done.
struct Journey<'p> {
    problem: &'p Problem,
    route: &'p Route,
    index: usize,
    now: i64,
    at: Option<usize>,
    driving: i64,
    distance: i64,
    taken: BTreeSet<usize>,
    pauses: Vec<PauseTimes>,
}

/// Drives it.
///
/// # Errors
/// The first thing that stops it: no way, too late, a pause that cannot be made.
pub(super) fn drive(problem: &Problem, index: usize, route: &Route) -> Result<Driven, Violation> {
    let vehicle = &problem.vehicles()[route.vehicle];
    let n = route.visits.len();
    let mut last = 0;
    for &Pause { before, kind } in &route.pauses {
        if before < last || before > n || (before == n && matches!(kind, PauseKind::WaitUntil(_))) {
            return Err(Violation::PausePlace { route: index, before });
        }
        last = before;
    }
    let departure = route.departure.unwrap_or_else(|| earliest(problem, route));
    let mut journey = Journey {
        problem,
        route,
        index,
        now: departure,
        at: start_at(problem, vehicle.start),
        driving: 0,
        distance: 0,
        taken: BTreeSet::new(),
        pauses: Vec::with_capacity(route.pauses.len()),
    };
    let mut stops = Vec::with_capacity(n);
    let mut soft_cost = 0;
    for position in 0..n {
        let (arrival, not_before) = journey.reach(position)?;
        let visit = route.visits[position];
        let stop = stop_of(problem, visit);
        let begin = begin(problem, visit, arrival.max(not_before)).map_err(|end| Violation::Late {
            route: index,
            position,
            arrival,
            end,
        })?;
        let rules = &problem.jobs()[visit.job].rules;
        let soft = if visit.part == Part::Delivery { rules.soft_delivery } else { rules.soft };
        soft_cost += soft.map_or(0, |s| price(s, begin));
        journey.now = begin + stop.service;
        stops.push(StopTimes { arrival, begin, leave: journey.now });
    }
    let (now, _) = journey.reach(n)?;
    let end = now.max(opens(problem, route).unwrap_or(now));
    for (i, pause) in vehicle.rules.breaks.iter().enumerate().filter(|(i, _)| !journey.taken.contains(i)) {
        let over = pause.windows.last().map_or(i64::MIN, |w| w.end);
        if departure <= over && end > over {
            return Err(Violation::BreakMissing { route: index, pause: i });
        }
    }
    let schedule = Schedule { departure, stops, pauses: journey.pauses, driving: journey.driving, end };
    Ok(Driven { schedule, distance: journey.distance, soft_cost })
}

fn price(soft: Soft, begin: i64) -> i64 {
    let early = (soft.window.start - begin).max(0);
    let late = (begin - soft.window.end).max(0);
    early * soft.early_cost + late * soft.late_cost
}

impl Journey<'_> {
    /// Makes the pauses before a visit, or before the end, and comes there: when, and not before when service begins.
    fn reach(&mut self, position: usize) -> Result<(i64, i64), Violation> {
        let mut not_before = i64::MIN;
        let mut waiting = Vec::new();
        for (i, pause) in self.route.pauses.iter().enumerate().filter(|(_, p)| p.before == position) {
            debug_assert_eq!(i, self.pauses.len());
            // Filled in when it is known when it is made; pauses stand in the order of the route.
            self.pauses.push(PauseTimes { arrival: 0, begin: 0, leave: 0 });
            match pause.kind {
                PauseKind::Break(index) => {
                    if index >= self.problem.vehicles()[self.route.vehicle].rules.breaks.len() {
                        return Err(Violation::UnknownBreak { route: self.index, pause: index });
                    }
                    if !self.taken.insert(index) {
                        return Err(Violation::BreakTwice { route: self.index, pause: index });
                    }
                    waiting.push((i, index));
                }
                PauseKind::WaitUntil(moment) => {
                    not_before = not_before.max(moment);
                    self.pauses[i] = PauseTimes { arrival: self.now, begin: moment, leave: moment };
                }
                PauseKind::Reload(depot) => self.reload(i, depot, position, &mut waiting)?,
            }
        }
        let to = match self.route.visits.get(position) {
            Some(&visit) => Some(stop_of(self.problem, visit).location),
            None => start_at(self.problem, self.problem.vehicles()[self.route.vehicle].end),
        };
        self.leg(to, position, &mut waiting)?;
        Ok((self.now, not_before))
    }

    fn reload(
        &mut self,
        i: usize,
        depot: usize,
        position: usize,
        waiting: &mut Vec<(usize, usize)>,
    ) -> Result<(), Violation> {
        let route = self.index;
        let rules = self.problem.vehicles()[self.route.vehicle].rules.reload.as_ref();
        let Some(reload) = rules.filter(|r| r.depots.contains(&depot)) else {
            return Err(Violation::ReloadNotAllowed { route, depot });
        };
        let place = &self.problem.depots()[depot];
        self.leg(Some(place.location), position, waiting)?;
        let arrival = self.now;
        let begin = arrival.max(place.open.start);
        if begin > place.open.end {
            return Err(Violation::ReloadClosed { route, depot, arrival, close: place.open.end });
        }
        let next_trip = trip_from(self.route, i, position);
        let released = next_trip
            .filter(|v| matches!(self.problem.jobs()[v.job].task, Task::Delivery(_)))
            .map(|v| self.problem.jobs()[v.job].release)
            .max();
        self.now = (begin + reload.duration).max(released.unwrap_or(0));
        self.pauses[i] = PauseTimes { arrival, begin, leave: self.now };
        Ok(())
    }

    /// Drives to a place, with breaks on the way.
    fn leg(&mut self, to: Option<usize>, position: usize, breaks: &mut Vec<(usize, usize)>) -> Result<(), Violation> {
        let no_way = Violation::NoWay { route: self.index, position };
        let mut drive = Drive::new(0, None);
        if let (Some(from), Some(to)) = (self.at, to) {
            let length = self.problem.travel().distance(from, to);
            let Some(way) = self.problem.drive(self.route.vehicle, from, to).filter(|_| length != NO_WAY) else {
                return Err(no_way);
            };
            drive = way;
            self.distance += length;
        }
        for (i, index) in breaks.drain(..) {
            let pause = &self.problem.vehicles()[self.route.vehicle].rules.breaks[index];
            let Some(window) = pause.windows.iter().find(|w| w.end >= self.now) else {
                return Err(Violation::BreakLate { route: self.index, pause: index, at: self.now });
            };
            let begin = window.start.max(self.now);
            self.driving += drive.arrival(self.now).min(begin) - self.now;
            drive.drive_until(self.now, begin);
            self.pauses[i] = PauseTimes { arrival: self.now, begin, leave: begin + pause.duration };
            self.now = begin + pause.duration;
        }
        let arrival = drive.arrival(self.now);
        self.driving += arrival - self.now;
        (self.now, self.at) = (arrival, to.or(self.at));
        Ok(())
    }
}

/// The visits of the trip that a reload begins.
fn trip_from(route: &Route, pause: usize, position: usize) -> impl Iterator<Item = &crate::plan::Visit> {
    let next = route.pauses[pause + 1..].iter().find(|p| matches!(p.kind, PauseKind::Reload(_)));
    let end = next.map_or(route.visits.len(), |p| p.before);
    route.visits[position.min(end)..end].iter()
}

/// The trips of a route: position of the first visit, and one after the last.
pub(super) fn trips(route: &Route) -> Vec<(usize, usize)> {
    let n = route.visits.len();
    let mut out = Vec::new();
    let mut from = 0;
    for pause in route.pauses.iter().filter(|p| matches!(p.kind, PauseKind::Reload(_))) {
        let to = pause.before.clamp(from, n);
        out.push((from, to));
        from = to;
    }
    out.push((from, n));
    out
}

/// What rules forbid whatever the times are: too many stops and trips, shipments that ride through a reload, loads
/// by trip, goods together.
pub(super) fn contents(problem: &Problem, r: usize, route: &Route, out: &mut Vec<Violation>) {
    let rules = &problem.vehicles()[route.vehicle].rules;
    let stops = route.visits.len();
    if let Some(max) = rules.max_stops.filter(|&max| stops > max as usize) {
        out.push(Violation::TooManyStops { route: r, stops, max });
    }
    let trips = trips(route);
    let most = rules.reload.as_ref().map_or(1, |reload| reload.max_trips);
    if trips.len() > most as usize && rules.reload.is_some() {
        out.push(Violation::TooManyTrips { route: r, trips: trips.len(), max: most });
    }
    for &(from, to) in &trips {
        for dimension in 0..problem.n_dimensions() {
            load(problem, r, route, (from, to), dimension, out);
        }
        together(problem, r, route, (from, to), out);
        let pickups = |part| route.visits[from..to].iter().filter(move |v| v.part == part).map(|v| v.job);
        let (taken, left): (BTreeSet<_>, BTreeSet<_>) =
            (pickups(Part::Pickup).collect(), pickups(Part::Delivery).collect());
        // Whole routes that lack one of both are reported elsewhere.
        for &job in taken.difference(&left) {
            if route.visits[to..].iter().any(|v| v.job == job) {
                out.push(Violation::ShipmentAcrossReload { route: r, job });
            }
        }
    }
}

fn together(problem: &Problem, r: usize, route: &Route, (from, to): (usize, usize), out: &mut Vec<Violation>) {
    let apart = &problem.rules().apart;
    if apart.is_empty() {
        return;
    }
    let class = |job: usize| problem.jobs()[job].rules.class;
    let mut aboard: BTreeMap<u32, u32> = BTreeMap::new();
    for visit in &route.visits[from..to] {
        if let (Task::Delivery(_), Some(class)) = (&problem.jobs()[visit.job].task, class(visit.job)) {
            *aboard.entry(class).or_default() += 1;
        }
    }
    let mut reported = vec![false; apart.len()];
    let mut look = |aboard: &BTreeMap<u32, u32>, position: usize, out: &mut Vec<Violation>| {
        let n = |class: u32| aboard.get(&class).copied().unwrap_or(0);
        for (i, &[a, b]) in apart.iter().enumerate() {
            let meet = if a == b { n(a) > 1 } else { n(a) > 0 && n(b) > 0 };
            if meet && !std::mem::replace(&mut reported[i], true) {
                out.push(Violation::RidesTogether { route: r, position, classes: [a, b] });
            }
        }
    };
    look(&aboard, from, out);
    for (i, visit) in route.visits[from..to].iter().enumerate() {
        let job = &problem.jobs()[visit.job];
        let Some(class) = class(visit.job) else { continue };
        match (&job.task, visit.part) {
            (Task::Pickup(_), _) | (_, Part::Pickup) => *aboard.entry(class).or_default() += 1,
            _ if !job.rules.collects.is_empty() => {}
            _ => *aboard.entry(class).or_default() = aboard.get(&class).copied().unwrap_or(0).saturating_sub(1),
        }
        look(&aboard, from + i, out);
    }
}

/// A leg of a route: from where to where, and whose goods are aboard.
pub(crate) struct Leg {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Jobs of which the amount is aboard.
    pub(crate) aboard: Vec<usize>,
    /// Jobs of which is aboard what was taken along.
    pub(crate) collected: Vec<usize>,
}

/// All legs of a route.
pub(crate) fn legs(problem: &Problem, route: &Route) -> Vec<Leg> {
    let vehicle = &problem.vehicles()[route.vehicle];
    let delivers = |job: usize| matches!(problem.jobs()[job].task, Task::Delivery(_));
    let mut trips = trips(route).into_iter();
    let mut loaded = || {
        let (from, to) = trips.next().unwrap_or((0, 0));
        route.visits[from..to].iter().map(|v| v.job).filter(|&j| delivers(j)).collect::<Vec<_>>()
    };
    let mut out: Vec<Leg> = Vec::new();
    let mut at = start_at(problem, vehicle.start);
    let (mut aboard, mut collected) = (loaded(), Vec::new());
    let mut go = |at: &mut Option<usize>, to: Option<usize>, aboard: &[usize], collected: &[usize]| {
        if let (Some(from), Some(to)) = (*at, to) {
            out.push(Leg { from, to, aboard: aboard.to_vec(), collected: collected.to_vec() });
        }
        *at = to.or(*at);
    };
    for position in 0..=route.visits.len() {
        for pause in route.pauses.iter().filter(|p| p.before == position) {
            if let PauseKind::Reload(depot) = pause.kind {
                go(&mut at, Some(problem.depots()[depot].location), &aboard, &collected);
                (aboard, collected) = (loaded(), Vec::new());
            }
        }
        let Some(&visit) = route.visits.get(position) else { break };
        go(&mut at, Some(stop_of(problem, visit).location), &aboard, &collected);
        let job = &problem.jobs()[visit.job];
        match (&job.task, visit.part) {
            (Task::Pickup(_), _) | (_, Part::Pickup) => aboard.push(visit.job),
            _ => {
                aboard.retain(|&j| j != visit.job);
                if !job.rules.collects.is_empty() {
                    collected.push(visit.job);
                }
            }
        }
    }
    go(&mut at, start_at(problem, vehicle.end), &aboard, &collected);
    out
}
