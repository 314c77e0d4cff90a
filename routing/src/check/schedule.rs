//! When a route is where.

use super::Violation;
use crate::plan::{Part, Route, Visit};
use crate::problem::{Problem, Stop, Task, Terminal};

/// The times of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// When it leaves its start.
    pub departure: i64,
    /// One for each visit.
    pub stops: Vec<StopTimes>,
    /// One for each pause.
    pub pauses: Vec<PauseTimes>,
    /// Time at the wheel.
    pub driving: i64,
    /// When it reaches its end, and its depot is open; when it leaves its last stop, if it has no end.
    pub end: i64,
}

/// The times of one stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopTimes {
    /// When the vehicle comes.
    pub arrival: i64,
    /// When service begins.
    pub begin: i64,
    /// When the vehicle leaves.
    pub leave: i64,
}

/// The times of one pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PauseTimes {
    /// When it becomes due, or the vehicle comes to reload.
    pub arrival: i64,
    /// When it begins.
    pub begin: i64,
    /// When it is over.
    pub leave: i64,
}

/// The times of a route whose visits exist: from its own departure, or from the one that makes it shortest, the
/// earliest of these.
///
/// # Errors
/// [`Violation::Late`] with route 0 where no departure is in time, for the earliest possible one; under rules, also
/// a pause that cannot be made, and no way.
pub fn schedule(problem: &Problem, route: &Route) -> Result<Schedule, Violation> {
    if problem.has_rules() || !route.pauses.is_empty() {
        return super::driven::drive(problem, 0, route).map(|driven| driven.schedule);
    }
    if let Some(departure) = route.departure {
        return times(problem, route, departure);
    }
    let mut best: Option<Schedule> = None;
    let mut refused = None;
    for departure in departures(problem, route) {
        match times(problem, route, departure) {
            Ok(s) => {
                if best.as_ref().is_none_or(|b| s.end - s.departure < b.end - b.departure) {
                    best = Some(s);
                }
            }
            Err(violation) => refused = refused.or(Some(violation)),
        }
    }
    match (best, refused) {
        (Some(best), _) => Ok(best),
        (None, Some(violation)) => Err(violation),
        (None, None) => times(problem, route, earliest(problem, route)),
    }
}

pub(super) fn stop_of(problem: &Problem, visit: Visit) -> &Stop {
    match (&problem.jobs()[visit.job].task, visit.part) {
        (Task::Delivery(stop) | Task::Pickup(stop), _) => stop,
        (Task::Shipment { pickup, .. }, Part::Pickup) => pickup,
        (Task::Shipment { delivery, .. }, _) => delivery,
    }
}

/// The earliest begin of service for a vehicle that comes at `arrival`; the end of the last window if there is none.
pub(super) fn begin(problem: &Problem, visit: Visit, arrival: i64) -> Result<i64, i64> {
    let stop = stop_of(problem, visit);
    let job = &problem.jobs()[visit.job];
    let waits_for_release = visit.part != Part::Delivery && !matches!(job.task, Task::Delivery(_));
    let ready = if waits_for_release { arrival.max(job.release) } else { arrival };
    let open = stop.windows.iter().find(|w| w.end >= ready);
    open.map(|w| w.start.max(ready)).ok_or_else(|| stop.windows.last().map_or(0, |w| w.end))
}

pub(super) fn start_at(problem: &Problem, terminal: Terminal) -> Option<usize> {
    match terminal {
        Terminal::Depot(depot) => Some(problem.depots()[depot].location),
        Terminal::Location(at) => Some(at),
        Terminal::Open => None,
    }
}

pub(super) fn opens(problem: &Problem, route: &Route) -> Option<i64> {
    match problem.vehicles()[route.vehicle].end {
        Terminal::Depot(depot) => Some(problem.depots()[depot].open.start),
        Terminal::Location(_) | Terminal::Open => None,
    }
}

fn times(problem: &Problem, route: &Route, departure: i64) -> Result<Schedule, Violation> {
    let vehicle = &problem.vehicles()[route.vehicle];
    let (mut now, mut at) = (departure, start_at(problem, vehicle.start));
    let mut stops = Vec::with_capacity(route.visits.len());
    let mut driving = 0;
    for (position, &visit) in route.visits.iter().enumerate() {
        let stop = stop_of(problem, visit);
        let arrival = at.map_or(now, |from| now.saturating_add(problem.travel().duration(from, stop.location)));
        let begin =
            begin(problem, visit, arrival).map_err(|end| Violation::Late { route: 0, position, arrival, end })?;
        driving += arrival - now;
        now = begin + stop.service;
        stops.push(StopTimes { arrival, begin, leave: now });
        at = Some(stop.location);
    }
    if let (Some(from), Some(to)) = (at, start_at(problem, vehicle.end)) {
        let way = problem.travel().duration(from, to);
        (now, driving) = (now.saturating_add(way), driving.saturating_add(way));
    }
    now = now.max(opens(problem, route).unwrap_or(now));
    Ok(Schedule { departure, stops, pauses: Vec::new(), driving, end: now })
}

pub(super) fn earliest(problem: &Problem, route: &Route) -> i64 {
    let vehicle = &problem.vehicles()[route.vehicle];
    let opens = match vehicle.start {
        Terminal::Depot(depot) => problem.depots()[depot].open.start,
        Terminal::Location(_) | Terminal::Open => 0,
    };
    let carried = |v: &&Visit| matches!(problem.jobs()[v.job].task, Task::Delivery(_));
    // Under rules only the first trip is loaded at the start.
    let first_trip = super::driven::trips(route)[0].1;
    let released = route.visits[..first_trip].iter().filter(carried).map(|v| problem.jobs()[v.job].release).max();
    vehicle.shift.start.max(opens).max(released.unwrap_or(0))
}

/// Departures among which the shortest route is: a route only shortens with a later departure while it waits
/// somewhere, and its first wait is over when it leaves just so late that it comes as a window opens; it can be
/// put off no longer when it comes as a window ends, or ends as its depot opens.
fn departures(problem: &Problem, route: &Route) -> Vec<i64> {
    let vehicle = &problem.vehicles()[route.vehicle];
    let earliest = earliest(problem, route);
    let mut out = vec![earliest];
    let (mut elapsed, mut at) = (0_i64, start_at(problem, vehicle.start));
    for &visit in &route.visits {
        let stop = stop_of(problem, visit);
        elapsed += at.map_or(0, |from| problem.travel().duration(from, stop.location));
        let release = problem.jobs()[visit.job].release;
        let moments = stop.windows.iter().flat_map(|w| [w.start, w.end]).chain([release]);
        out.extend(moments.map(|moment| moment - elapsed));
        elapsed += stop.service;
        at = Some(stop.location);
    }
    if let (Some(from), Some(to)) = (at, start_at(problem, vehicle.end)) {
        elapsed += problem.travel().duration(from, to);
    }
    out.extend(opens(problem, route).map(|open| open - elapsed));
    let close = match vehicle.start {
        Terminal::Depot(depot) => problem.depots()[depot].open.end,
        Terminal::Location(_) | Terminal::Open => vehicle.shift.end,
    };
    out.retain(|d| (earliest..=close.min(vehicle.shift.end).max(earliest)).contains(d));
    out.sort_unstable();
    out.dedup();
    out
}

/// Shift, opening hours and releases of what is loaded at the start, for these visits.
pub(super) fn limits(
    problem: &Problem,
    r: usize,
    route: &Route,
    loaded: &[Visit],
    (departure, end): (i64, i64),
    out: &mut Vec<Violation>,
) {
    let vehicle = &problem.vehicles()[route.vehicle];
    if departure < vehicle.shift.start {
        out.push(Violation::DepartsBeforeShift { route: r, departure, start: vehicle.shift.start });
    }
    if let Terminal::Depot(depot) = vehicle.start {
        let hours = problem.depots()[depot].open;
        if departure < hours.start {
            out.push(Violation::DepartsBeforeOpening { route: r, departure, open: hours.start });
        }
        if departure > hours.end {
            out.push(Violation::DepartsAfterClosing { route: r, departure, close: hours.end });
        }
    }
    for visit in loaded {
        let job = &problem.jobs()[visit.job];
        if matches!(job.task, Task::Delivery(_)) && departure < job.release {
            out.push(Violation::DepartsBeforeRelease { route: r, departure, job: visit.job, release: job.release });
        }
    }
    if end > vehicle.shift.end {
        out.push(Violation::EndsAfterShift { route: r, end, shift: vehicle.shift.end });
    }
    if let Terminal::Depot(depot) = vehicle.end {
        let hours = problem.depots()[depot].open;
        if end > hours.end {
            out.push(Violation::EndsAfterClosing { route: r, end, close: hours.end });
        }
    }
}
