//! Why a job is not served.
//!
//! Each job of a plan that is in no route is tried alone in every kind of vehicle, which says what is in its way, or
//! that it only lacks a vehicle that is free. Breaks, speeds by the hour and what may not ride together are left out.
//! Nothing here comes from the search or the judge.

use crate::plan::Plan;
use crate::problem::{Job, NO_WAY, Problem, Stop, Task, Terminal, Vehicle, Window};

/// Why a job is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No vehicle has all the skills that it needs.
    NoVehicleHasTheSkills,
    /// It fits in no vehicle that has the skills; `dimension` is the first in which it fits none.
    TooHeavyForAnyVehicle {
        /// The dimension of load; of those that each fit somewhere but never together, the first.
        dimension: usize,
    },
    /// No vehicle that may serve it has a way there and on to its end.
    NoWay,
    /// Alone in a vehicle it is still out of time: its windows, its release, or the vehicle's hours.
    NoWindowReachable,
    /// Alone it is farther, or takes longer, than any vehicle may drive.
    TooFarForAnyVehicle,
    /// A vehicle is free for it, and would cost more than the prize.
    NotWorthItsPrize {
        /// What is lost without it.
        prize: i64,
        /// What it costs alone in the cheapest vehicle that is free.
        cost: i64,
    },
    /// It could be served alone, but every vehicle that could is taken, and has no room or time left.
    NoRoomLeft,
    /// A vehicle is free for it and would be worth it: the search ended too early.
    NotTriedEnough,
}

impl Reason {
    /// A short name that stays.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoVehicleHasTheSkills => "no_vehicle_has_the_skills",
            Self::TooHeavyForAnyVehicle { .. } => "too_heavy_for_any_vehicle",
            Self::NoWay => "no_way",
            Self::NoWindowReachable => "no_window_reachable",
            Self::TooFarForAnyVehicle => "too_far_for_any_vehicle",
            Self::NotWorthItsPrize { .. } => "not_worth_its_prize",
            Self::NoRoomLeft => "no_room_left",
            Self::NotTriedEnough => "not_tried_enough",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoVehicleHasTheSkills => write!(f, "no vehicle has the skills"),
            Self::TooHeavyForAnyVehicle { dimension } => {
                write!(f, "too heavy for any vehicle in dimension {dimension}")
            }
            Self::NoWay => write!(f, "no way there"),
            Self::NoWindowReachable => write!(f, "no window can be reached"),
            Self::TooFarForAnyVehicle => write!(f, "too far for any vehicle"),
            Self::NotWorthItsPrize { prize, cost } => write!(f, "costs {cost} alone and its prize is {prize}"),
            Self::NoRoomLeft => write!(f, "every vehicle that could serve it is full"),
            Self::NotTriedEnough => write!(f, "a vehicle is free: the search ended too early"),
        }
    }
}

/// The jobs that a plan does not serve, in order, each with its reason.
///
/// O(jobs unserved × kinds of vehicles × windows).
pub fn reasons(problem: &Problem, plan: &Plan) -> Vec<(usize, Reason)> {
    let mut free: Vec<i64> = problem.vehicles().iter().map(|v| i64::from(v.count)).collect();
    plan.routes.iter().for_each(|r| free[r.vehicle] -= 1);
    plan.unserved.iter().map(|&job| (job, reason(problem, &free, &problem.jobs()[job]))).collect()
}

fn reason(problem: &Problem, free: &[i64], job: &Job) -> Reason {
    let able = |v: &&(usize, &Vehicle)| job.skills.iter().all(|s| v.1.skills.contains(s));
    let kinds: Vec<(usize, &Vehicle)> = problem.vehicles().iter().enumerate().filter(|(_, v)| v.count > 0).collect();
    let kinds: Vec<(usize, &Vehicle)> = kinds.iter().filter(able).copied().collect();
    if kinds.is_empty() {
        return Reason::NoVehicleHasTheSkills;
    }
    let over = |v: &Vehicle| job.amount.iter().zip(&v.capacity).position(|(amount, capacity)| amount > capacity);
    let roomy: Vec<(usize, &Vehicle)> = kinds.iter().filter(|v| over(v.1).is_none()).copied().collect();
    if roomy.is_empty() {
        let fits = |k: usize| kinds.iter().any(|v| job.amount[k] <= v.1.capacity[k]);
        let never = (0..job.amount.len()).find(|&k| !fits(k));
        let dimension = never.or_else(|| kinds.iter().filter_map(|v| over(v.1)).min()).unwrap_or(0);
        return Reason::TooHeavyForAnyVehicle { dimension };
    }
    let alone: Vec<(usize, Alone)> = roomy.iter().map(|&(i, v)| (i, alone(problem, v, job))).collect();
    let costs = alone.iter().filter_map(|(i, a)| if let Alone::Costs(cost) = a { Some((*i, *cost)) } else { None });
    let costs: Vec<(usize, i64)> = costs.collect();
    if costs.is_empty() {
        return if alone.iter().any(|a| a.1 == Alone::TooFar) {
            Reason::TooFarForAnyVehicle
        } else if alone.iter().any(|a| a.1 == Alone::OutOfTime) {
            Reason::NoWindowReachable
        } else {
            Reason::NoWay
        };
    }
    match (costs.iter().filter(|c| free[c.0] > 0).map(|c| c.1).min(), job.prize) {
        (Some(cost), Some(prize)) if cost >= prize => Reason::NotWorthItsPrize { prize, cost },
        (Some(_), _) => Reason::NotTriedEnough,
        (None, _) => Reason::NoRoomLeft,
    }
}

/// What a job alone in a vehicle comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alone {
    NoWay,
    OutOfTime,
    TooFar,
    Costs(i64),
}

fn alone(problem: &Problem, vehicle: &Vehicle, job: &Job) -> Alone {
    let stops: Vec<&Stop> = match &job.task {
        Task::Delivery(stop) | Task::Pickup(stop) => vec![stop],
        Task::Shipment { pickup, delivery } => vec![pickup, delivery],
    };
    let at = |terminal| match terminal {
        Terminal::Depot(depot) => Some(problem.depots()[depot].location),
        Terminal::Location(location) => Some(location),
        Terminal::Open => None,
    };
    let hours = |terminal| match terminal {
        Terminal::Depot(depot) => problem.depots()[depot].open,
        Terminal::Location(_) | Terminal::Open => Window::ALWAYS,
    };
    let mut places: Vec<Option<usize>> = vec![at(vehicle.start)];
    places.extend(stops.iter().map(|s| Some(s.location)));
    places.push(at(vehicle.end));
    // Ways and times of the arcs between; nothing where a route begins or ends anywhere.
    let (mut distance, mut times) = (0, Vec::new());
    for pair in places.windows(2) {
        let (way, time) = match (pair[0], pair[1]) {
            (Some(from), Some(to)) => (problem.travel().distance(from, to), problem.travel().duration(from, to)),
            _ => (0, 0),
        };
        if way == NO_WAY || time == NO_WAY {
            return Alone::NoWay;
        }
        distance += way;
        times.push(time);
    }
    let is_delivery = matches!(job.task, Task::Delivery(_));
    let open = hours(vehicle.start);
    let earliest = open.start.max(vehicle.shift.start).max(if is_delivery { job.release } else { 0 });
    let latest = open.end.min(vehicle.shift.end);
    let close = Window { start: hours(vehicle.end).start, end: hours(vehicle.end).end.min(vehicle.shift.end) };
    let trip = Trip { stops: &stops, times: &times, release: if is_delivery { 0 } else { job.release }, close };
    if earliest > latest || trip.drive(earliest).is_none() {
        return Alone::OutOfTime;
    }
    // The shortest departs so late that one of its windows is just met, or as early as it may.
    let mut departures = vec![earliest];
    let mut elapsed = 0;
    for (stop, time) in stops.iter().zip(&times) {
        elapsed += time;
        departures.extend(stop.windows.iter().flat_map(|w| [w.start.max(trip.release), w.end]).map(|t| t - elapsed));
        elapsed += stop.service;
    }
    departures.push(close.start - elapsed - times[stops.len()]);
    let allowed = departures.iter().map(|d| (*d).clamp(earliest, latest));
    let duration = allowed.filter_map(|d| trip.drive(d).map(|end| end - d)).min().unwrap_or(0);
    if vehicle.max_distance.is_some_and(|max| distance > max) || vehicle.max_duration.is_some_and(|max| duration > max)
    {
        return Alone::TooFar;
    }
    Alone::Costs(vehicle.fixed_cost + vehicle.distance_cost * distance + vehicle.time_cost * duration)
}

/// A vehicle with one job.
struct Trip<'a> {
    stops: &'a [&'a Stop],
    /// Of the arcs to each stop and to the end.
    times: &'a [i64],
    /// Service at the first stop does not begin before.
    release: i64,
    close: Window,
}

impl Trip<'_> {
    /// When it ends if it begins at `departure`; `None` if it is late somewhere.
    fn drive(&self, departure: i64) -> Option<i64> {
        let mut now = departure;
        for (i, stop) in self.stops.iter().enumerate() {
            let arrival = (now + self.times[i]).max(if i == 0 { self.release } else { 0 });
            let window = stop.windows.iter().find(|w| w.end >= arrival)?;
            now = arrival.max(window.start) + stop.service;
        }
        let end = (now + self.times[self.stops.len()]).max(self.close.start);
        (end <= self.close.end).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Depot, Pace, Rounding, Rules, Spec, Travel};

    fn at_ten() -> Stop {
        Stop { location: 1, windows: vec![Window::ALWAYS], service: 2 }
    }

    fn delivery(stop: Stop) -> Job {
        Job::new(Task::Delivery(stop), vec![5])
    }

    #[track_caller]
    fn check(vehicle: Vehicle, job: Job, expected: Reason) {
        let spec = Spec {
            travel: Travel::Plane { points: vec![[0, 0], [10, 0]], rounding: Rounding::Nearest, pace: Pace::UNIT },
            n_dimensions: 1,
            depots: vec![Depot { location: 0, open: Window::ALWAYS }],
            vehicles: vec![vehicle],
            jobs: vec![job],
            given: vec![],
            rules: Rules::default(),
        };
        let problem = Problem::new(spec).expect("the problem can be");
        let plan = Plan { routes: vec![], unserved: vec![0] };
        assert_eq!(reasons(&problem, &plan), vec![(0, expected)]);
    }

    fn truck() -> Vehicle {
        Vehicle::at_depot(0, vec![8])
    }

    #[test]
    fn a_job_that_needs_what_no_vehicle_can_do_says_so() {
        // One that must be served would be refused with the problem.
        let job = Job { skills: vec![3], prize: Some(100), ..delivery(at_ten()) };
        check(truck(), job, Reason::NoVehicleHasTheSkills);
    }

    #[test]
    fn a_job_too_heavy_names_the_dimension() {
        let job = Job { amount: vec![9], prize: Some(100), ..delivery(at_ten()) };
        check(truck(), job, Reason::TooHeavyForAnyVehicle { dimension: 0 });
    }

    #[test]
    fn a_window_that_ends_before_a_vehicle_can_come_is_not_reachable() {
        let early = Stop { windows: vec![Window { start: 0, end: 9 }], ..at_ten() };
        check(truck(), delivery(early), Reason::NoWindowReachable);
        let released =
            Job { release: 50, ..delivery(Stop { windows: vec![Window { start: 0, end: 55 }], ..at_ten() }) };
        check(truck(), released, Reason::NoWindowReachable);
    }

    #[test]
    fn a_job_beyond_the_longest_way_is_too_far() {
        check(Vehicle { max_distance: Some(19), ..truck() }, delivery(at_ten()), Reason::TooFarForAnyVehicle);
        check(Vehicle { max_duration: Some(21), ..truck() }, delivery(at_ten()), Reason::TooFarForAnyVehicle);
    }

    #[test]
    fn a_job_is_not_worth_a_prize_below_its_cost() {
        let job = Job { prize: Some(20), ..delivery(at_ten()) };
        check(truck(), job, Reason::NotWorthItsPrize { prize: 20, cost: 20 });
        check(truck(), Job { prize: Some(21), ..delivery(at_ten()) }, Reason::NotTriedEnough);
    }

    #[test]
    fn the_wait_for_a_window_is_spent_at_the_depot() {
        let late = Stop { windows: vec![Window { start: 500, end: 600 }], ..at_ten() };
        let vehicle = Vehicle { max_duration: Some(22), time_cost: 1, ..truck() };
        let job = Job { prize: Some(40), ..delivery(late) };
        check(vehicle, job, Reason::NotWorthItsPrize { prize: 40, cost: 42 });
    }

    #[test]
    fn a_job_without_a_free_vehicle_finds_no_room() {
        let job = delivery(at_ten());
        let spec = Spec {
            travel: Travel::Plane { points: vec![[0, 0], [10, 0]], rounding: Rounding::Nearest, pace: Pace::UNIT },
            n_dimensions: 1,
            depots: vec![Depot { location: 0, open: Window::ALWAYS }],
            vehicles: vec![truck()],
            jobs: vec![job.clone(), job],
            given: vec![],
            rules: Rules::default(),
        };
        let problem = Problem::new(spec).expect("the problem can be");
        let settings = crate::search::Settings { iterations: Some(64), ..crate::search::Settings::default() };
        let go_on = &mut |_: &_| crate::search::Tick::Continue;
        let plan = crate::search::solve(&problem, &settings, go_on, &mut |_, _| {}).plan;
        assert_eq!(reasons(&problem, &plan).iter().map(|r| r.1).collect::<Vec<_>>(), [Reason::NoRoomLeft]);
    }
}
