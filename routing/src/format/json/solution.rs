//! The JSON solution: written, and read back to be judged.

use super::convert::Visits;
use super::input::{SolutionIn, StepIn};
use super::locate::Path;
use super::{Fault, JsonError, parse};
use crate::check::{Schedule, Violation, check, reasons, schedule};
use crate::format::{Case, Places};
use crate::plan::{Part, Pause, PauseKind, Plan, Route, Visit};
use crate::problem::{Task, Terminal};
use serde::Serialize;

#[derive(Serialize)]
struct Solution<'c> {
    code: u8,
    summary: Summary,
    unassigned: Vec<Unassigned<'c>>,
    routes: Vec<RouteOut<'c>>,
}

#[derive(Serialize, Default)]
struct Summary {
    cost: i64,
    routes: usize,
    unassigned: usize,
    delivery: Vec<i64>,
    pickup: Vec<i64>,
    setup: i64,
    service: i64,
    duration: i64,
    waiting_time: i64,
    priority: i64,
    distance: i64,
    /// Time between departures and ends.
    on_duty: i64,
    /// Part of the cost: soft windows missed.
    soft_cost: i64,
}

#[derive(Serialize)]
struct Unassigned<'c> {
    id: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'c str,
    #[serde(flatten)]
    place: PlaceOut,
    reason: &'static str,
    reason_text: String,
}

#[derive(Serialize)]
struct PlaceOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<[f64; 2]>,
    location_index: usize,
}

#[derive(Serialize)]
struct RouteOut<'c> {
    vehicle: u64,
    cost: i64,
    delivery: Vec<i64>,
    pickup: Vec<i64>,
    setup: i64,
    service: i64,
    duration: i64,
    waiting_time: i64,
    priority: i64,
    distance: i64,
    on_duty: i64,
    steps: Vec<StepOut<'c>>,
}

#[derive(Serialize)]
struct StepOut<'c> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'c str,
    #[serde(flatten)]
    place: Option<PlaceOut>,
    arrival: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_until: Option<i64>,
    setup: i64,
    service: i64,
    waiting_time: i64,
    load: Vec<i64>,
    distance: i64,
}

/// Writes a plan of a case, in the form of VROOM's solutions.
///
/// # Errors
/// What is wrong with the plan; jobs that must be served and are not are no error here, but unassigned.
pub fn write_solution(case: &Case, plan: &Plan) -> Result<String, Vec<Violation>> {
    let problem = &case.problem;
    let serious = |v: &Violation| !matches!(v, Violation::MandatoryUnserved { .. });
    if let Err(violations) = check(problem, plan)
        && violations.iter().any(serious)
    {
        return Err(violations);
    }
    let mut routes = Vec::with_capacity(plan.routes.len());
    let mut summary = Summary { routes: plan.routes.len(), unassigned: plan.unserved.len(), ..Summary::default() };
    summary.delivery = vec![0; problem.n_dimensions()];
    summary.pickup = summary.delivery.clone();
    let (mut cost, mut soft) = (0, 0);
    for route in &plan.routes {
        // A route of a plan that was judged has a schedule.
        let times = schedule(problem, route).map_err(|violation| vec![violation])?;
        let alone = Plan { routes: vec![route.clone()], unserved: Vec::new() };
        let own = crate::check::cost_of_routes(problem, &alone);
        cost += own.cost;
        soft += own.soft_cost;
        let out = route_out(case, route, &times, own.cost);
        summary.service += out.service;
        summary.duration += out.duration;
        summary.waiting_time += out.waiting_time;
        summary.priority += out.priority;
        summary.distance += out.distance;
        summary.on_duty += out.on_duty;
        for (sum, more) in summary.delivery.iter_mut().zip(&out.delivery) {
            *sum += more;
        }
        for (sum, more) in summary.pickup.iter_mut().zip(&out.pickup) {
            *sum += more;
        }
        routes.push(out);
    }
    (summary.cost, summary.soft_cost) = (case.cost(cost), case.cost(soft));
    let why = reasons(problem, plan);
    let mut unassigned = Vec::new();
    for (&job, reason) in plan.unserved.iter().zip(&why) {
        for visit in visits_of(case, job) {
            unassigned.push(Unassigned {
                id: case.id(visit),
                kind: kind(visit),
                description: &case.labels.descriptions[job][usize::from(visit.part == Part::Delivery)],
                place: place(case, crate::check::location(problem, visit)),
                reason: reason.code(),
                reason_text: case.reason(reason).to_string(),
            });
        }
    }
    let solution = Solution { code: 0, summary, unassigned, routes };
    // Numbers, strings and lists of them: nothing that could not be written.
    Ok(serde_json::to_string_pretty(&solution).unwrap_or_default() + "\n")
}

pub(in crate::format) fn visits_of(case: &Case, job: usize) -> Vec<Visit> {
    match case.problem.jobs()[job].task {
        Task::Shipment { .. } => vec![Visit { job, part: Part::Pickup }, Visit { job, part: Part::Delivery }],
        Task::Delivery(_) | Task::Pickup(_) => vec![Visit { job, part: Part::Service }],
    }
}

fn kind(visit: Visit) -> &'static str {
    match visit.part {
        Part::Service => "job",
        Part::Pickup => "pickup",
        Part::Delivery => "delivery",
    }
}

fn place(case: &Case, location: usize) -> PlaceOut {
    let at = match &case.labels.places {
        Places::Earth(places) => places[location].map(|p| [p.lon, p.lat]),
        Places::Plane(points) => Some(points[location].map(|x| x as f64)),
        Places::Unknown => None,
    };
    PlaceOut { location: at, location_index: location }
}

fn route_out<'c>(case: &'c Case, route: &Route, times: &Schedule, cost: i64) -> RouteOut<'c> {
    let problem = &case.problem;
    let d = problem.n_dimensions();
    let vehicle = &problem.vehicles()[route.vehicle];
    let terminal = |t| match t {
        Terminal::Depot(depot) => Some(problem.depots()[depot].location),
        Terminal::Location(at) => Some(at),
        Terminal::Open => None,
    };
    let mut out = RouteOut {
        vehicle: case.labels.vehicles[route.vehicle],
        cost: case.cost(cost),
        delivery: vec![0; d],
        pickup: vec![0; d],
        setup: 0,
        service: 0,
        duration: times.driving,
        waiting_time: 0,
        priority: 0,
        distance: 0,
        on_duty: times.end - times.departure,
        steps: Vec::new(),
    };
    for visit in &route.visits {
        let job = &problem.jobs()[visit.job];
        let delivers = matches!(job.task, Task::Delivery(_)) || visit.part == Part::Delivery;
        for k in 0..d {
            let collects = job.rules.collects.get(k).copied().unwrap_or(0);
            if delivers {
                out.delivery[k] += job.amount[k];
            } else {
                out.pickup[k] += job.amount[k];
            }
            out.pickup[k] += collects;
        }
        if visit.part != Part::Delivery {
            out.priority += case.labels.priorities[visit.job];
        }
    }
    // Trips: what the deliveries of each bring into the vehicle at its beginning.
    let mut trips = crate::check::trips(route).into_iter();
    let mut trip_load = || {
        let (from, to) = trips.next().unwrap_or((0, 0));
        let mut load = vec![0; d];
        for job in route.visits[from..to].iter().map(|v| &problem.jobs()[v.job]) {
            if matches!(job.task, Task::Delivery(_)) {
                load.iter_mut().zip(&job.amount).for_each(|(l, a)| *l += a);
            }
        }
        load
    };
    let mut at = terminal(vehicle.start);
    let mut load = trip_load();
    let step = |kind, id, arrival, location: Option<usize>| StepOut {
        kind,
        id,
        description: "",
        place: location.map(|l| place(case, l)),
        arrival,
        wait_until: None,
        setup: 0,
        service: 0,
        waiting_time: 0,
        load: Vec::new(),
        distance: 0,
    };
    out.steps.push(StepOut { load: load.clone(), ..step("start", None, times.departure, at) });
    let mut moved = 0;
    for position in 0..=route.visits.len() {
        let mut wait_until = None;
        let pauses = route.pauses.iter().zip(&times.pauses).filter(|(p, _)| p.before == position);
        for (pause, when) in pauses {
            match pause.kind {
                PauseKind::WaitUntil(moment) => wait_until = Some(moment),
                PauseKind::Break(index) => out.steps.push(StepOut {
                    service: when.leave - when.begin,
                    load: load.clone(),
                    distance: moved,
                    ..step("break", case.labels.breaks[route.vehicle].get(index).copied(), when.begin, None)
                }),
                PauseKind::Reload(depot) => {
                    let to = problem.depots()[depot].location;
                    moved += at.map_or(0, |from| case.distance(from, to));
                    at = Some(to);
                    load = trip_load();
                    out.steps.push(StepOut {
                        waiting_time: when.begin - when.arrival,
                        service: when.leave - when.begin,
                        load: load.clone(),
                        distance: moved,
                        ..step("reload", Some(case.labels.depots[depot]), when.arrival, at)
                    });
                    out.waiting_time += when.begin - when.arrival;
                }
            }
        }
        let Some(&visit) = route.visits.get(position) else { break };
        let job = &problem.jobs()[visit.job];
        let when = times.stops[position];
        let to = crate::check::location(problem, visit);
        moved += at.map_or(0, |from| case.distance(from, to));
        at = Some(to);
        for (k, load) in load.iter_mut().enumerate() {
            match (&job.task, visit.part) {
                (Task::Pickup(_), _) | (_, Part::Pickup) => *load += job.amount[k],
                _ => *load += job.rules.collects.get(k).unwrap_or(&0) - job.amount[k],
            }
        }
        out.service += when.leave - when.begin;
        out.waiting_time += when.begin - when.arrival;
        out.steps.push(StepOut {
            description: &case.labels.descriptions[visit.job][usize::from(visit.part == Part::Delivery)],
            wait_until,
            service: when.leave - when.begin,
            waiting_time: when.begin - when.arrival,
            load: load.clone(),
            distance: moved,
            ..step(kind(visit), Some(case.id(visit)), when.arrival, at)
        });
    }
    let end = terminal(vehicle.end);
    if let (Some(from), Some(to)) = (at, end) {
        moved += case.distance(from, to);
    }
    out.distance = moved;
    out.steps.push(StepOut { load, distance: moved, ..step("end", None, times.end, end.or(at)) });
    out
}

/// A solution that was read, and what its file claims of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPlan {
    /// The plan. Jobs that no route names are unserved.
    pub plan: Plan,
    /// Metres of the whole plan.
    pub distance: Option<i64>,
}

impl JsonPlan {
    /// Reads a solution of a case: ours, or VROOM's. What it says of times, loads and costs is not needed: they are
    /// worked out again. Of `start` the arrival is taken as the departure.
    ///
    /// # Errors
    /// Where the text is no such JSON, or every vehicle, job, break and depot that does not exist.
    pub fn read(case: &Case, text: &str) -> Result<Self, JsonError> {
        let input: SolutionIn = parse(text)?;
        let visits = Visits::of_case(case);
        let mut faults = Vec::new();
        let mut plan = Plan::default();
        let root = Path::default().key("routes");
        for (i, route) in input.routes.iter().enumerate() {
            let at = root.index(i);
            let mut fault = |at: &Path, code, what: String| {
                faults.push(Fault { line: at.line(text), field: at.to_string(), code, what });
            };
            let Some(vehicle) = case.labels.vehicles.iter().position(|&id| id == route.vehicle) else {
                fault(&at.key("vehicle"), "unknown_vehicle", format!("there is no vehicle {}", route.vehicle));
                continue;
            };
            let mut read = Route::new(vehicle, Vec::new());
            for (k, step) in route.steps.iter().enumerate() {
                let at = at.key("steps").index(k);
                let before = read.visits.len();
                if let Some(moment) = step.wait_until {
                    read.pauses.push(Pause { before, kind: PauseKind::WaitUntil(moment) });
                }
                match (visits.of(step), step.kind.as_str()) {
                    (Ok(Some(visit)), _) => read.visits.push(visit),
                    (Ok(None), "start") => read.departure = step.arrival,
                    (Ok(None), "break") => match pause(&case.labels.breaks[vehicle], step) {
                        Some(index) => read.pauses.push(Pause { before, kind: PauseKind::Break(index) }),
                        None => fault(&at, "unknown_break", "the vehicle has no such break".to_owned()),
                    },
                    (Ok(None), "reload") => match pause(&case.labels.depots, step) {
                        Some(depot) => read.pauses.push(Pause { before, kind: PauseKind::Reload(depot) }),
                        None => fault(&at, "unknown_depot", "there is no such depot".to_owned()),
                    },
                    (Ok(None), _) => {}
                    (Err(what), _) => fault(&at, "unknown_step", what),
                }
            }
            if !read.visits.is_empty() {
                plan.routes.push(read);
            }
        }
        if !faults.is_empty() {
            return Err(JsonError::Wrong(faults));
        }
        let mut served = vec![false; case.problem.jobs().len()];
        plan.routes.iter().flat_map(|r| &r.visits).for_each(|v| served[v.job] = true);
        plan.unserved = (0..served.len()).filter(|&job| !served[job]).collect();
        Ok(Self { plan, distance: input.summary.and_then(|s| s.distance) })
    }
}

fn pause(ids: &[u64], step: &StepIn) -> Option<usize> {
    ids.iter().position(|&id| Some(id) == step.id)
}
