//! The judge: says of any plan what it costs, or everything that is wrong with it.
//!
//! It shares no code with the search. It drives every route stop by stop and recounts what the plan claims;
//! slow and plain on purpose.

mod driven;
mod schedule;
#[cfg(test)]
mod tests;
mod unserved;

pub(crate) use driven::legs;
pub use schedule::{PauseTimes, Schedule, StopTimes, schedule};
pub use unserved::{Reason, reasons};

use crate::plan::{Part, Plan, Route, Totals, Visit};
use crate::problem::{NO_WAY, Problem, Task, Terminal};
use std::collections::BTreeMap;

/// What is wrong with a plan. `route` is an index into its routes, `position` one into a route's visits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    #[error("route {route} is of vehicle {vehicle}, which does not exist")]
    UnknownVehicle { route: usize, vehicle: usize },
    #[error("{routes} routes of vehicle {vehicle}, of which there are {count}")]
    TooManyRoutes { vehicle: usize, routes: u32, count: u32 },
    #[error("route {route} has no stop")]
    EmptyRoute { route: usize },
    #[error("route {route} visits job {job} at {position}, which does not exist")]
    UnknownJob { route: usize, position: usize, job: usize },
    #[error("route {route} visits job {job} at {position} for its {part:?}, which it does not have")]
    WrongPart { route: usize, position: usize, job: usize, part: Part },
    #[error("job {job} is visited {times} times for its {part:?}")]
    ServedTwice { job: usize, part: Part, times: u32 },
    #[error("job {job} is neither served nor said to be unserved")]
    Forgotten { job: usize },
    #[error("job {job} is served and said to be unserved")]
    ServedAndUnserved { job: usize },
    #[error("job {job} is said to be unserved more than once")]
    UnservedTwice { job: usize },
    #[error("job {job} is said to be unserved and does not exist")]
    UnknownUnserved { job: usize },
    #[error("job {job} must be served")]
    MandatoryUnserved { job: usize },
    #[error("the pickup of job {job} is visited, its delivery is not")]
    DeliveryMissing { job: usize },
    #[error("the delivery of job {job} is visited, its pickup is not")]
    PickupMissing { job: usize },
    #[error("job {job} is picked up by route {pickup} and delivered by route {delivery}")]
    PairSplit { job: usize, pickup: usize, delivery: usize },
    #[error("route {route} delivers job {job} before it picks it up")]
    DeliveryBeforePickup { route: usize, job: usize },
    #[error("route {route} carries {load} of {capacity} in dimension {dimension} when it leaves its start")]
    OverloadAtStart { route: usize, dimension: usize, load: i64, capacity: i64 },
    #[error("route {route} carries {load} of {capacity} in dimension {dimension} after its stop {position}")]
    Overload { route: usize, position: usize, dimension: usize, load: i64, capacity: i64 },
    #[error("vehicle {vehicle} of route {route} lacks skill {skill} of job {job}")]
    SkillMissing { route: usize, vehicle: usize, job: usize, skill: u32 },
    #[error("route {route} has no way to its stop {position}, or from its last to its end")]
    NoWay { route: usize, position: usize },
    #[error("route {route} reaches its stop {position} at {arrival}, after its last window ended at {end}")]
    Late { route: usize, position: usize, arrival: i64, end: i64 },
    #[error("route {route} departs at {departure}, before its shift begins at {start}")]
    DepartsBeforeShift { route: usize, departure: i64, start: i64 },
    #[error("route {route} departs at {departure}, before its depot opens at {open}")]
    DepartsBeforeOpening { route: usize, departure: i64, open: i64 },
    #[error("route {route} departs at {departure}, after its depot closed at {close}")]
    DepartsAfterClosing { route: usize, departure: i64, close: i64 },
    #[error("route {route} departs at {departure}, before job {job} is released at {release}")]
    DepartsBeforeRelease { route: usize, departure: i64, job: usize, release: i64 },
    #[error("route {route} ends at {end}, after its shift ended at {shift}")]
    EndsAfterShift { route: usize, end: i64, shift: i64 },
    #[error("route {route} ends at {end}, after its depot closed at {close}")]
    EndsAfterClosing { route: usize, end: i64, close: i64 },
    #[error("route {route} drives {distance} of at most {max}")]
    TooFar { route: usize, distance: i64, max: i64 },
    #[error("route {route} takes {duration} of at most {max}")]
    TooLong { route: usize, duration: i64, max: i64 },
    #[error("no route begins with the frozen stops of given route {given}")]
    FrozenChanged { given: usize },
    #[error("the route of given route {given} does not depart at {departure}, when it did")]
    FrozenDeparture { given: usize, departure: i64 },
    #[error("route {route} makes a pause before its visit {before}, out of order or beyond its end")]
    PausePlace { route: usize, before: usize },
    #[error("route {route} makes break {pause}, which its vehicle does not have")]
    UnknownBreak { route: usize, pause: usize },
    #[error("route {route} makes break {pause} twice")]
    BreakTwice { route: usize, pause: usize },
    #[error("route {route} is to make break {pause} at {at}, after its last window")]
    BreakLate { route: usize, pause: usize, at: i64 },
    #[error("route {route} does not make break {pause}")]
    BreakMissing { route: usize, pause: usize },
    #[error("route {route} reloads at depot {depot}, where its vehicle cannot")]
    ReloadNotAllowed { route: usize, depot: usize },
    #[error("route {route} comes to reload at depot {depot} at {arrival}, after it closed at {close}")]
    ReloadClosed { route: usize, depot: usize, arrival: i64, close: i64 },
    #[error("route {route} makes {trips} trips of at most {max}")]
    TooManyTrips { route: usize, trips: usize, max: u32 },
    #[error("route {route} has {stops} stops of at most {max}")]
    TooManyStops { route: usize, stops: usize, max: u32 },
    #[error("route {route} reloads with the shipment of job {job} in the vehicle")]
    ShipmentAcrossReload { route: usize, job: usize },
    #[error("route {route} has goods of classes {classes:?} together in the vehicle at its stop {position}")]
    RidesTogether { route: usize, position: usize, classes: [u32; 2] },
    #[error("route {route} is at the wheel for {driving} of at most {max}")]
    TooMuchDriving { route: usize, driving: i64, max: i64 },
    #[error("claimed a cost of {claimed}, it is {actual}")]
    CostClaim { claimed: i64, actual: i64 },
    #[error("claimed a distance of {claimed}, it is {actual}")]
    DistanceClaim { claimed: i64, actual: i64 },
    #[error("claimed a duration of {claimed}, it is {actual}")]
    DurationClaim { claimed: i64, actual: i64 },
    #[error("claimed {claimed} of prizes lost, they are {actual}")]
    PrizesClaim { claimed: i64, actual: i64 },
    #[error("claimed {claimed} for soft windows, it is {actual}")]
    SoftClaim { claimed: i64, actual: i64 },
}

impl Violation {
    /// A short name that stays the same from version to version.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownVehicle { .. } => "unknown_vehicle",
            Self::TooManyRoutes { .. } => "too_many_routes",
            Self::EmptyRoute { .. } => "empty_route",
            Self::UnknownJob { .. } => "unknown_job",
            Self::WrongPart { .. } => "wrong_part",
            Self::ServedTwice { .. } => "served_twice",
            Self::Forgotten { .. } => "forgotten",
            Self::ServedAndUnserved { .. } => "served_and_unserved",
            Self::UnservedTwice { .. } => "unserved_twice",
            Self::UnknownUnserved { .. } => "unknown_unserved",
            Self::MandatoryUnserved { .. } => "mandatory_unserved",
            Self::DeliveryMissing { .. } => "delivery_missing",
            Self::PickupMissing { .. } => "pickup_missing",
            Self::PairSplit { .. } => "pair_split",
            Self::DeliveryBeforePickup { .. } => "delivery_before_pickup",
            Self::OverloadAtStart { .. } => "overload_at_start",
            Self::Overload { .. } => "overload",
            Self::SkillMissing { .. } => "skill_missing",
            Self::NoWay { .. } => "no_way",
            Self::Late { .. } => "late",
            Self::DepartsBeforeShift { .. } => "departs_before_shift",
            Self::DepartsBeforeOpening { .. } => "departs_before_opening",
            Self::DepartsAfterClosing { .. } => "departs_after_closing",
            Self::DepartsBeforeRelease { .. } => "departs_before_release",
            Self::EndsAfterShift { .. } => "ends_after_shift",
            Self::EndsAfterClosing { .. } => "ends_after_closing",
            Self::TooFar { .. } => "too_far",
            Self::TooLong { .. } => "too_long",
            Self::FrozenChanged { .. } => "frozen_changed",
            Self::FrozenDeparture { .. } => "frozen_departure",
            Self::PausePlace { .. } => "pause_place",
            Self::UnknownBreak { .. } => "unknown_break",
            Self::BreakTwice { .. } => "break_twice",
            Self::BreakLate { .. } => "break_late",
            Self::BreakMissing { .. } => "break_missing",
            Self::ReloadNotAllowed { .. } => "reload_not_allowed",
            Self::ReloadClosed { .. } => "reload_closed",
            Self::TooManyTrips { .. } => "too_many_trips",
            Self::TooManyStops { .. } => "too_many_stops",
            Self::ShipmentAcrossReload { .. } => "shipment_across_reload",
            Self::RidesTogether { .. } => "rides_together",
            Self::TooMuchDriving { .. } => "too_much_driving",
            Self::CostClaim { .. } => "cost_claim",
            Self::DistanceClaim { .. } => "distance_claim",
            Self::DurationClaim { .. } => "duration_claim",
            Self::PrizesClaim { .. } => "prizes_claim",
            Self::SoftClaim { .. } => "soft_claim",
        }
    }
}

/// What the plan costs.
///
/// # Errors
/// Everything that is wrong with it: what concerns jobs first, then route by route.
pub fn check(problem: &Problem, plan: &Plan) -> Result<Totals, Vec<Violation>> {
    let mut out = Vec::new();
    served(problem, plan, &mut out);
    let mut totals = Totals::default();
    let mut routes_of: BTreeMap<usize, u32> = BTreeMap::new();
    for (r, route) in plan.routes.iter().enumerate() {
        if route.vehicle >= problem.vehicles().len() {
            out.push(Violation::UnknownVehicle { route: r, vehicle: route.vehicle });
            continue;
        }
        *routes_of.entry(route.vehicle).or_default() += 1;
        if route.visits.is_empty() {
            out.push(Violation::EmptyRoute { route: r });
        } else if route.visits.iter().all(|v| exists(problem, *v)) {
            drive(problem, r, route, &mut totals, &mut out);
        }
    }
    for (&vehicle, &routes) in &routes_of {
        let count = problem.vehicles()[vehicle].count;
        if routes > count {
            out.push(Violation::TooManyRoutes { vehicle, routes, count });
        }
    }
    frozen(problem, plan, &mut out);
    for &job in &plan.unserved {
        totals.prizes_lost += problem.jobs().get(job).and_then(|j| j.prize).unwrap_or(0);
    }
    totals.cost += totals.prizes_lost;
    if out.is_empty() { Ok(totals) } else { Err(out) }
}

/// Checks the plan and what it says of itself.
///
/// # Errors
/// Everything that is wrong with it; claims last, and only if nothing else is.
pub fn check_claim(problem: &Problem, plan: &Plan, claimed: Totals) -> Result<(), Vec<Violation>> {
    let actual = check(problem, plan)?;
    let mut out = Vec::new();
    if claimed.cost != actual.cost {
        out.push(Violation::CostClaim { claimed: claimed.cost, actual: actual.cost });
    }
    if claimed.distance != actual.distance {
        out.push(Violation::DistanceClaim { claimed: claimed.distance, actual: actual.distance });
    }
    if claimed.duration != actual.duration {
        out.push(Violation::DurationClaim { claimed: claimed.duration, actual: actual.duration });
    }
    if claimed.prizes_lost != actual.prizes_lost {
        out.push(Violation::PrizesClaim { claimed: claimed.prizes_lost, actual: actual.prizes_lost });
    }
    if claimed.soft_cost != actual.soft_cost {
        out.push(Violation::SoftClaim { claimed: claimed.soft_cost, actual: actual.soft_cost });
    }
    if out.is_empty() { Ok(()) } else { Err(out) }
}

/// What routes cost, whatever else a plan of them may lack.
pub(crate) fn cost_of_routes(problem: &Problem, plan: &Plan) -> Totals {
    let mut totals = Totals::default();
    for (r, route) in plan.routes.iter().enumerate() {
        drive(problem, r, route, &mut totals, &mut Vec::new());
    }
    totals
}

/// The trips of a route: position of the first visit, and one after the last.
pub(crate) fn trips(route: &Route) -> Vec<(usize, usize)> {
    driven::trips(route)
}

/// Where a visit is, which exists.
pub(crate) fn location(problem: &Problem, visit: Visit) -> usize {
    schedule::stop_of(problem, visit).location
}

fn exists(problem: &Problem, visit: Visit) -> bool {
    problem.jobs().get(visit.job).is_some_and(|job| match job.task {
        Task::Delivery(_) | Task::Pickup(_) => visit.part == Part::Service,
        Task::Shipment { .. } => visit.part != Part::Service,
    })
}

/// Every job is in the plan once, whole, or said not to be.
fn served(problem: &Problem, plan: &Plan, out: &mut Vec<Violation>) {
    let mut at: BTreeMap<Visit, Vec<(usize, usize)>> = BTreeMap::new();
    for (route, r) in plan.routes.iter().enumerate() {
        for (position, &visit) in r.visits.iter().enumerate() {
            let Visit { job, part } = visit;
            if job >= problem.jobs().len() {
                out.push(Violation::UnknownJob { route, position, job });
            } else if !exists(problem, visit) {
                out.push(Violation::WrongPart { route, position, job, part });
            } else {
                at.entry(visit).or_default().push((route, position));
            }
        }
    }
    for (&Visit { job, part }, places) in &at {
        if places.len() > 1 {
            out.push(Violation::ServedTwice { job, part, times: u32::try_from(places.len()).unwrap_or(u32::MAX) });
        }
    }
    let mut unserved = vec![0_u32; problem.jobs().len()];
    for &job in &plan.unserved {
        match unserved.get_mut(job) {
            None => out.push(Violation::UnknownUnserved { job }),
            Some(n) => *n += 1,
        }
    }
    for (job, j) in problem.jobs().iter().enumerate() {
        let first = |part| at.get(&Visit { job, part }).map(|places| places[0]);
        let visited = match j.task {
            Task::Delivery(_) | Task::Pickup(_) => first(Part::Service).is_some(),
            Task::Shipment { .. } => {
                match (first(Part::Pickup), first(Part::Delivery)) {
                    (Some(_), None) => out.push(Violation::DeliveryMissing { job }),
                    (None, Some(_)) => out.push(Violation::PickupMissing { job }),
                    (Some((pickup, _)), Some((delivery, _))) if pickup != delivery => {
                        out.push(Violation::PairSplit { job, pickup, delivery });
                    }
                    (Some((route, p)), Some((_, d))) if d < p => {
                        out.push(Violation::DeliveryBeforePickup { route, job });
                    }
                    _ => {}
                }
                first(Part::Pickup).is_some() || first(Part::Delivery).is_some()
            }
        };
        match (visited, unserved[job]) {
            (false, 0) => out.push(Violation::Forgotten { job }),
            (true, 1..) => out.push(Violation::ServedAndUnserved { job }),
            (false, 1..) if j.prize.is_none() => out.push(Violation::MandatoryUnserved { job }),
            _ => {}
        }
        if unserved[job] > 1 {
            out.push(Violation::UnservedTwice { job });
        }
    }
}

/// Loads, skills, ways and times of one route; adds what it costs.
fn drive(problem: &Problem, r: usize, route: &Route, totals: &mut Totals, out: &mut Vec<Violation>) {
    let vehicle = &problem.vehicles()[route.vehicle];
    for visit in &route.visits {
        // A shipment's skills are asked once, at its pickup.
        for &skill in problem.jobs()[visit.job].skills.iter().filter(|_| visit.part != Part::Delivery) {
            if !vehicle.skills.contains(&skill) {
                out.push(Violation::SkillMissing { route: r, vehicle: route.vehicle, job: visit.job, skill });
            }
        }
    }
    if problem.has_rules() || !route.pauses.is_empty() {
        driven::contents(problem, r, route, out);
        return under_rules(problem, r, route, totals, out);
    }
    for dimension in 0..problem.n_dimensions() {
        load(problem, r, route, (0, route.visits.len()), dimension, out);
    }
    let end_at = |terminal| match terminal {
        Terminal::Depot(depot) => Some(problem.depots()[depot].location),
        Terminal::Location(at) => Some(at),
        Terminal::Open => None,
    };
    let mut way: Vec<usize> = end_at(vehicle.start).into_iter().collect();
    way.extend(route.visits.iter().map(|&v| schedule::stop_of(problem, v).location));
    way.extend(end_at(vehicle.end));
    let first_arc_to = usize::from(end_at(vehicle.start).is_none());
    let mut distance = 0;
    for (i, arc) in way.windows(2).enumerate() {
        let length = problem.travel().distance(arc[0], arc[1]);
        if length == NO_WAY || problem.travel().duration(arc[0], arc[1]) == NO_WAY {
            out.push(Violation::NoWay { route: r, position: i + first_arc_to });
            return;
        }
        distance += length;
    }
    if let Some(max) = vehicle.max_distance.filter(|&max| distance > max) {
        out.push(Violation::TooFar { route: r, distance, max });
    }
    let Schedule { departure, end, .. } = match schedule(problem, route) {
        Ok(schedule) => schedule,
        Err(violation) => {
            out.push(violation.in_route(r));
            return;
        }
    };
    schedule::limits(problem, r, route, &route.visits, (departure, end), out);
    let duration = end - departure;
    if let Some(max) = vehicle.max_duration.filter(|&max| duration > max) {
        out.push(Violation::TooLong { route: r, duration, max });
    }
    totals.distance += distance;
    totals.duration += duration;
    totals.cost += vehicle.fixed_cost + vehicle.distance_cost * distance + vehicle.time_cost * duration;
}

/// Times and cost of a route of a problem with rules.
fn under_rules(problem: &Problem, r: usize, route: &Route, totals: &mut Totals, out: &mut Vec<Violation>) {
    let vehicle = &problem.vehicles()[route.vehicle];
    let driven = match driven::drive(problem, r, route) {
        Ok(driven) => driven,
        Err(violation) => {
            out.push(violation);
            return;
        }
    };
    let (distance, soft_cost) = (driven.distance, driven.soft_cost);
    let Schedule { departure, end, driving, .. } = driven.schedule;
    if let Some(max) = vehicle.max_distance.filter(|&max| distance > max) {
        out.push(Violation::TooFar { route: r, distance, max });
    }
    let first_trip = driven::trips(route)[0].1;
    schedule::limits(problem, r, route, &route.visits[..first_trip], (departure, end), out);
    let duration = end - departure;
    if let Some(max) = vehicle.max_duration.filter(|&max| duration > max) {
        out.push(Violation::TooLong { route: r, duration, max });
    }
    if let Some(max) = vehicle.rules.max_driving.filter(|&max| driving > max) {
        out.push(Violation::TooMuchDriving { route: r, driving, max });
    }
    totals.distance += distance;
    totals.duration += duration;
    totals.soft_cost += soft_cost;
    totals.cost += vehicle.fixed_cost + vehicle.distance_cost * distance + vehicle.time_cost * duration + soft_cost;
    totals.cost += vehicle.rules.driving_cost * driving;
}

impl Violation {
    /// A lateness is found without knowing which route it is in.
    fn in_route(self, route: usize) -> Self {
        match self {
            Self::Late { position, arrival, end, .. } => Self::Late { route, position, arrival, end },
            other => other,
        }
    }
}

/// Loads of a trip: the visits from the first position to before the second.
fn load(
    problem: &Problem,
    r: usize,
    route: &Route,
    (from, to): (usize, usize),
    dimension: usize,
    out: &mut Vec<Violation>,
) {
    let capacity = problem.vehicles()[route.vehicle].capacity[dimension];
    let amount = |v: &Visit| problem.jobs()[v.job].amount[dimension];
    let delivers = |v: &&Visit| matches!(problem.jobs()[v.job].task, Task::Delivery(_));
    let visits = &route.visits[from..to];
    let mut load: i64 = visits.iter().filter(delivers).map(amount).sum();
    if load > capacity {
        out.push(Violation::OverloadAtStart { route: r, dimension, load, capacity });
    }
    let mut over = load > capacity;
    for (i, visit) in visits.iter().enumerate() {
        let job = &problem.jobs()[visit.job];
        match (&job.task, visit.part) {
            (Task::Pickup(_), _) | (_, Part::Pickup) => load += amount(visit),
            _ => load += job.rules.collects.get(dimension).unwrap_or(&0) - amount(visit),
        }
        // Only where it begins: the stops after it carry the same surplus.
        if load > capacity && !over {
            out.push(Violation::Overload { route: r, position: from + i, dimension, load, capacity });
        }
        over = load > capacity;
    }
}

fn frozen(problem: &Problem, plan: &Plan, out: &mut Vec<Violation>) {
    let mut taken = vec![false; plan.routes.len()];
    for (given, g) in problem.given().iter().enumerate().filter(|(_, g)| g.frozen > 0) {
        let found = (0..plan.routes.len()).find(|&r| {
            let route = &plan.routes[r];
            !taken[r] && route.vehicle == g.vehicle && route.visits.starts_with(&g.visits[..g.frozen])
        });
        match found {
            None => out.push(Violation::FrozenChanged { given }),
            Some(r) => {
                taken[r] = true;
                if let Some(departure) = g.departure.filter(|&d| plan.routes[r].departure != Some(d)) {
                    out.push(Violation::FrozenDeparture { given, departure });
                }
            }
        }
    }
}
