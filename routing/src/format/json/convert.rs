//! From the JSON problem to a problem.

use super::Fault;
use super::input::{CostsIn, EndIn, Input, JobIn, Lon, ShipmentIn, SoftIn, StepIn, VehicleIn};
use super::locate::Path;
use crate::LatLon;
use crate::format::{Case, Labels, Places};
use crate::plan::{Part, Visit};
use crate::problem::{
    Break, Depot, GivenRoute, Job, JobRules, MAX_ENTRY, MAX_TIME, NO_WAY, Pace, Problem, Refusal, Reload, Rules, Soft,
    Spec, SpeedProfile, Stop, Task, Terminal, Travel, Vehicle, VehicleRules, Whose, Window,
};
use std::collections::BTreeMap;

/// The greatest amount of load.
const MAX_LOAD: i64 = i32::MAX as i64;

/// The most faults that are told.
const MAX_FAULTS: usize = 100;

/// The most locations between which great circles are written out.
const MAX_PLACES: usize = 4_000;

/// A year, beyond the latest moment that is named.
const HORIZON_SECS: i64 = 366 * 86_400;

/// What is found on the way.
struct Reading<'t> {
    text: &'t str,
    faults: Vec<Fault>,
    /// Whether locations are numbers of a matrix.
    by_index: bool,
    n_locations: usize,
    index_of: BTreeMap<[u64; 2], usize>,
    places: Vec<Option<LatLon>>,
    n_dimensions: usize,
    goods: BTreeMap<String, u32>,
    /// By index of depot: location.
    depots: BTreeMap<u64, usize>,
    latest: i64,
}

pub(super) fn case(text: &str, mut input: Input) -> Result<Case, Vec<Fault>> {
    let root = Path::default();
    if let Some(durations) = input.matrix.take() {
        let matrix = super::input::MatrixIn { durations: Some(durations), distances: None };
        input.matrices.insert("car".to_owned(), matrix);
    }
    let mut reading = Reading {
        text,
        faults: Vec::new(),
        by_index: !input.matrices.is_empty(),
        n_locations: 0,
        index_of: BTreeMap::new(),
        places: Vec::new(),
        n_dimensions: dimensions(&input),
        goods: BTreeMap::new(),
        depots: BTreeMap::new(),
        latest: 0,
    };
    let matrix = reading.matrix(&root, &mut input);
    let depots = reading.depots(&root, &input);
    let mut labels = labels(&input);
    let mut jobs = Vec::new();
    let mut penalties = Vec::new();
    for (i, job) in input.jobs.iter().enumerate() {
        let at = root.key("jobs").index(i);
        jobs.push(reading.job(&at, job));
        penalties.push((job.priority, job.prize, job.mandatory));
    }
    for (i, shipment) in input.shipments.iter().enumerate() {
        let at = root.key("shipments").index(i);
        jobs.push(reading.shipment(&at, shipment));
        penalties.push((shipment.priority, shipment.prize, shipment.mandatory));
    }
    let mut speeds = Vec::new();
    let mut vehicles = Vec::new();
    for (i, vehicle) in input.vehicles.iter().enumerate() {
        let at = root.key("vehicles").index(i);
        let read = reading.vehicle(&at, vehicle, &input, &mut speeds);
        vehicles.push(read);
    }
    reading.unique(&root, &input);
    let given = reading.given(&root, &input);
    let apart = input.apart.iter().map(|[a, b]| [reading.class(a), reading.class(b)]).collect();
    let travel = reading.travel(&root, matrix, &input);
    if !reading.faults.is_empty() {
        return Err(reading.faults);
    }
    labels.places = match reading.places.iter().any(Option::is_some) {
        true => Places::Earth(reading.places.clone()),
        false => Places::Unknown,
    };
    let spec = Spec {
        travel,
        n_dimensions: reading.n_dimensions,
        depots,
        vehicles,
        jobs,
        given,
        rules: Rules { speeds, apart },
    };
    let horizon = (reading.latest + HORIZON_SECS).min(MAX_TIME);
    let (spec, money, distances) = super::super::money::priced(spec, &input_costs(&input), &penalties, horizon);
    let problem = Problem::new(spec).map_err(|refusals| reading.refused(&refusals, &input))?;
    Ok(Case { name: input.name, problem, labels, money, distances })
}

fn input_costs(input: &Input) -> Vec<super::super::money::Costs> {
    let costs = |c: &CostsIn| super::super::money::Costs {
        fixed: c.fixed,
        per_hour: c.per_hour,
        per_km: c.per_km,
        per_hour_on_duty: c.per_hour_on_duty,
    };
    input.vehicles.iter().map(|v| costs(&v.costs)).collect()
}

fn dimensions(input: &Input) -> usize {
    let jobs = input.jobs.iter().flat_map(|j| [j.delivery.len(), j.pickup.len()]);
    let shipments = input.shipments.iter().map(|s| s.amount.len());
    let vehicles = input.vehicles.iter().map(|v| v.capacity.len());
    jobs.chain(shipments).chain(vehicles).max().unwrap_or(0)
}

fn labels(input: &Input) -> Labels {
    let jobs = input.jobs.iter().map(|j| [j.id; 2]);
    let shipments = input.shipments.iter().map(|s| [s.pickup.id, s.delivery.id]);
    let words = input.jobs.iter().map(|j| [j.description.clone(), String::new()]);
    let more = input.shipments.iter().map(|s| [s.pickup.description.clone(), s.delivery.description.clone()]);
    Labels {
        vehicles: input.vehicles.iter().map(|v| v.id).collect(),
        jobs: jobs.chain(shipments).collect(),
        descriptions: words.chain(more).collect(),
        depots: input.depots.iter().map(|d| d.id).collect(),
        breaks: input.vehicles.iter().map(|v| v.breaks.iter().map(|b| b.id).collect()).collect(),
        priorities: input.jobs.iter().map(|j| j.priority).chain(input.shipments.iter().map(|s| s.priority)).collect(),
        places: Places::Unknown,
    }
}

impl Reading<'_> {
    fn fault(&mut self, at: &Path, code: &'static str, what: impl Into<String>) {
        // A matrix of nothing but mistakes is not repeated whole, and finding a line takes time.
        if self.faults.len() < MAX_FAULTS {
            let fault = Fault { line: at.line(self.text), field: at.to_string(), code, what: what.into() };
            self.faults.push(fault);
        }
    }

    fn bounds(&mut self, at: &Path, value: i64, max: i64) -> i64 {
        if !(0..=max).contains(&value) {
            self.fault(at, "out_of_range", format!("{value} is outside 0 to {max}"));
            return 0;
        }
        value
    }

    /// The matrix that the vehicles use: durations, distances.
    fn matrix(&mut self, root: &Path, input: &mut Input) -> Option<(Vec<i64>, Option<Vec<i64>>)> {
        if !self.by_index {
            return None;
        }
        let profile = input.vehicles.first().map_or("car", |v| &v.profile).to_owned();
        for (i, vehicle) in input.vehicles.iter().enumerate() {
            if vehicle.profile != profile {
                let at = root.key("vehicles").index(i).key("profile");
                self.fault(&at, "several_profiles", "vehicles of several profiles are not supported: use speed_factor");
            }
        }
        let at = root.key("matrices").key(&profile);
        let Some(matrix) = input.matrices.remove(&profile) else {
            self.fault(&root.key("matrices"), "no_matrix", format!("there is none for profile {profile:?}"));
            return None;
        };
        let Some(durations) = matrix.durations.as_ref().or(matrix.distances.as_ref()) else {
            self.fault(&at, "no_matrix", "there are neither durations nor distances");
            return None;
        };
        self.n_locations = durations.len();
        self.places = vec![None; self.n_locations];
        let what = if matrix.durations.is_some() { "durations" } else { "distances" };
        let first = self.entries(&at.key(what), durations);
        let second = match (&matrix.durations, &matrix.distances) {
            (Some(_), Some(distances)) => Some(self.entries(&at.key("distances"), distances)),
            _ => None,
        };
        Some((first, second))
    }

    fn entries(&mut self, at: &Path, rows: &[Vec<Option<i64>>]) -> Vec<i64> {
        let n = self.n_locations;
        if rows.len() != n {
            self.fault(at, "matrix_size", format!("{} rows where {n} were due", rows.len()));
        }
        let mut out = Vec::new();
        for (i, row) in rows.iter().enumerate() {
            if row.len() != n {
                self.fault(&at.index(i), "matrix_size", format!("{} entries in a row of {n}", row.len()));
            }
            for (j, entry) in row.iter().enumerate() {
                match *entry {
                    Some(value) if (0..=MAX_ENTRY).contains(&value) => out.push(value),
                    Some(value) if self.faults.len() < MAX_FAULTS => {
                        let what = format!("{value} is outside 0 to {MAX_ENTRY}");
                        self.fault(&at.index(i).index(j), "matrix_entry", what);
                    }
                    Some(_) => {}
                    None => out.push(NO_WAY),
                }
            }
        }
        out
    }

    /// Between places on the earth, at one speed.
    fn travel(&mut self, root: &Path, matrix: Option<(Vec<i64>, Option<Vec<i64>>)>, input: &Input) -> Travel {
        let n = self.n_locations;
        if let Some((durations, distances)) = matrix {
            return match distances {
                Some(distance) => Travel::Matrix { n, distance, duration: Some(durations) },
                None => Travel::Matrix { n, distance: durations, duration: None },
            };
        }
        let speed = input.speed_kmh.unwrap_or(50.0);
        if !(0.1..=2_000.0).contains(&speed) {
            self.fault(&root.key("speed_kmh"), "out_of_range", format!("{speed} is outside 0.1 to 2000"));
        }
        let points: Vec<LatLon> = self.places.iter().flatten().copied().collect();
        // Metres an hour: whole, so that the pace is a fraction of whole numbers.
        let pace = Pace { numerator: 3_600, denominator: ((speed * 1_000.0 + 0.5) as u32).max(1) };
        let sphere = Travel::Sphere { points, pace };
        let free = input.vehicles.iter().all(|v| v.costs.per_hour == 0);
        if n > MAX_PLACES {
            if !free {
                let what =
                    format!("{n} locations without a matrix, of which at most {MAX_PLACES} can cost by the hour");
                self.fault(&root.key("vehicles"), "too_many_locations", what);
            }
            return sphere;
        }
        let entries = |f: &dyn Fn(usize, usize) -> i64| (0..n * n).map(|i| f(i / n, i % n)).collect();
        Travel::Matrix {
            n,
            distance: entries(&|a, b| sphere.distance(a, b)),
            duration: Some(entries(&|a, b| sphere.duration(a, b))),
        }
    }

    /// The location of a place, which may be new.
    fn place(&mut self, at: &Path, lon: Option<Lon>, index: Option<usize>) -> usize {
        let here = lon.map(|[lon, lat]| LatLon { lat, lon });
        if let Some(place) = here
            && !(place.lat.abs() <= 90.0 && place.lon.abs() <= 360.0)
        {
            self.fault(&at.key("location"), "not_on_earth", "longitude, then latitude, in degrees");
            return 0;
        }
        if self.by_index {
            let Some(index) = index else {
                self.fault(at, "no_location", "needs the index of a row of the matrix");
                return 0;
            };
            if index >= self.n_locations {
                self.fault(at, "location", format!("index {index} of a matrix of {}", self.n_locations));
                return 0;
            }
            self.places[index] = self.places[index].or(here);
            return index;
        }
        let Some(place) = here else {
            self.fault(at, "no_location", "needs a location: there is no matrix");
            return 0;
        };
        let next = self.index_of.len();
        let index = *self.index_of.entry([place.lon.to_bits(), place.lat.to_bits()]).or_insert(next);
        if index == next {
            self.places.push(here);
            self.n_locations += 1;
        }
        index
    }

    fn window(&mut self, at: &Path, [start, end]: [i64; 2]) -> Window {
        if end < start {
            self.fault(at, "window", format!("ends at {end}, before it starts at {start}"));
        } else if start < 0 || end > MAX_TIME {
            self.fault(at, "window", format!("{start} to {end} is outside 0 to {MAX_TIME}"));
        } else {
            // An end far away says that there is none.
            self.latest = self.latest.max(if end < MAX_TIME / 4 { end } else { start });
        }
        Window { start, end }
    }

    fn windows(&mut self, at: &Path, windows: Option<&Vec<[i64; 2]>>) -> Vec<Window> {
        let Some(windows) = windows else { return vec![Window::ALWAYS] };
        let at = at.key("time_windows");
        let mut out: Vec<Window> = Vec::with_capacity(windows.len());
        for (i, &window) in windows.iter().enumerate() {
            let window = self.window(&at.index(i), window);
            if out.last().is_some_and(|last| window.start <= last.end) {
                self.fault(&at.index(i), "window_order", "overlaps the one before it, or is out of order");
            }
            out.push(window);
        }
        if out.is_empty() {
            self.fault(&at, "no_window", "has none");
        }
        out
    }

    fn amounts(&mut self, at: &Path, amounts: &[i64]) -> Vec<i64> {
        if !amounts.is_empty() && amounts.len() != self.n_dimensions {
            let what = format!("has {} amounts for {} dimensions", amounts.len(), self.n_dimensions);
            self.fault(at, "amount_dimensions", what);
        }
        let mut out: Vec<i64> =
            amounts.iter().enumerate().map(|(i, &a)| self.bounds(&at.index(i), a, MAX_LOAD)).collect();
        out.resize(self.n_dimensions, 0);
        out
    }

    fn depots(&mut self, root: &Path, input: &Input) -> Vec<Depot> {
        let mut out = Vec::new();
        for (i, depot) in input.depots.iter().enumerate() {
            let at = root.key("depots").index(i);
            let location = self.place(&at, depot.location, depot.location_index);
            let open = depot.time_window.map_or(Window::ALWAYS, |w| self.window(&at.key("time_window"), w));
            if self.depots.insert(depot.id, i).is_some() {
                self.fault(&at.key("id"), "duplicate", format!("depot {} is there twice", depot.id));
            }
            out.push(Depot { location, open });
        }
        out
    }

    fn stop(&mut self, at: &Path, end: &EndIn) -> Stop {
        let location = self.place(at, end.location, end.location_index);
        if end.setup != 0 {
            self.fault(&at.key("setup"), "unsupported", "setup times are not supported: add them to service");
        }
        let service = self.bounds(&at.key("service"), end.service, MAX_TIME);
        Stop { location, windows: self.windows(at, end.time_windows.as_ref()), service }
    }

    fn soft(&mut self, at: &Path, soft: Option<&SoftIn>) -> Option<Soft> {
        let soft = soft?;
        let at = at.key("soft_window");
        Some(Soft {
            window: self.window(&at.key("window"), soft.window),
            early_cost: self.bounds(&at.key("early_cost_per_hour"), soft.early_cost_per_hour, 100_000_000),
            late_cost: self.bounds(&at.key("late_cost_per_hour"), soft.late_cost_per_hour, 100_000_000),
        })
    }

    fn class(&mut self, name: &str) -> u32 {
        let next = self.goods.len() as u32;
        *self.goods.entry(name.to_owned()).or_insert(next)
    }

    fn weight(&mut self, at: &Path, priority: i64, prize: Option<i64>, mandatory: bool) {
        self.bounds(&at.key("priority"), priority, 100);
        self.bounds(&at.key("prize"), prize.unwrap_or(0), 10_000_000);
        if mandatory && (prize.is_some() || priority != 0) {
            self.fault(&at.key("mandatory"), "mandatory_prize", "what must be served has no prize and no priority");
        }
    }

    fn job(&mut self, at: &Path, job: &JobIn) -> Job {
        let end = EndIn {
            id: job.id,
            description: String::new(),
            location: job.location,
            location_index: job.location_index,
            setup: job.setup,
            service: job.service,
            time_windows: job.time_windows.clone(),
            soft_window: None,
        };
        let stop = self.stop(at, &end);
        let delivery = self.amounts(&at.key("delivery"), &job.delivery);
        let pickup = self.amounts(&at.key("pickup"), &job.pickup);
        let collects =
            if pickup.iter().all(|&a| a == 0) || delivery.iter().all(|&a| a == 0) { vec![] } else { pickup.clone() };
        let is_pickup = collects.is_empty() && pickup.iter().any(|&a| a > 0);
        self.weight(at, job.priority, job.prize, job.mandatory);
        Job {
            task: if is_pickup { Task::Pickup(stop) } else { Task::Delivery(stop) },
            amount: if is_pickup { pickup } else { delivery },
            skills: job.skills.clone(),
            release: self.bounds(&at.key("release"), job.release, MAX_TIME),
            prize: None,
            rules: JobRules {
                soft: self.soft(at, job.soft_window.as_ref()),
                soft_delivery: None,
                class: job.goods.as_ref().map(|g| self.class(g)),
                collects,
            },
        }
    }

    fn shipment(&mut self, at: &Path, shipment: &ShipmentIn) -> Job {
        let pickup = self.stop(&at.key("pickup"), &shipment.pickup);
        let delivery = self.stop(&at.key("delivery"), &shipment.delivery);
        self.weight(at, shipment.priority, shipment.prize, shipment.mandatory);
        Job {
            task: Task::Shipment { pickup, delivery },
            amount: self.amounts(&at.key("amount"), &shipment.amount),
            skills: shipment.skills.clone(),
            release: self.bounds(&at.key("release"), shipment.release, MAX_TIME),
            prize: None,
            rules: JobRules {
                soft: self.soft(&at.key("pickup"), shipment.pickup.soft_window.as_ref()),
                soft_delivery: self.soft(&at.key("delivery"), shipment.delivery.soft_window.as_ref()),
                class: shipment.goods.as_ref().map(|g| self.class(g)),
                collects: vec![],
            },
        }
    }

    fn vehicle(&mut self, at: &Path, v: &VehicleIn, input: &Input, speeds: &mut Vec<SpeedProfile>) -> Vehicle {
        let (mut start, mut end) = (Terminal::Open, Terminal::Open);
        if let Some(id) = v.depot {
            match self.depots.get(&id) {
                Some(&depot) => (start, end) = (Terminal::Depot(depot), Terminal::Depot(depot)),
                None => self.fault(&at.key("depot"), "unknown_depot", format!("there is no depot {id}")),
            }
        }
        if v.start.is_some() || v.start_index.is_some() {
            start = Terminal::Location(self.place(&at.key("start"), v.start, v.start_index));
        }
        if v.end.is_some() || v.end_index.is_some() {
            end = Terminal::Location(self.place(&at.key("end"), v.end, v.end_index));
        }
        let capacity = match v.capacity.is_empty() {
            // Nothing said of room: as much as may be loaded at all.
            true => vec![MAX_LOAD; self.n_dimensions],
            false => self.amounts(&at.key("capacity"), &v.capacity),
        };
        let costs = at.key("costs");
        for (key, value) in [
            ("fixed", v.costs.fixed),
            ("per_hour", v.costs.per_hour),
            ("per_km", v.costs.per_km),
            ("per_hour_on_duty", v.costs.per_hour_on_duty),
        ] {
            self.bounds(&costs.key(key), value, 10_000_000);
        }
        let mut breaks = Vec::new();
        for (i, b) in v.breaks.iter().enumerate() {
            let at = at.key("breaks").index(i);
            let windows = self.windows(&at, b.time_windows.as_ref());
            breaks.push(Break { windows, duration: self.bounds(&at.key("service"), b.service, MAX_TIME) });
        }
        let reload = v.reload.as_ref().map(|reload| {
            let at = at.key("reload");
            let mut depots = Vec::new();
            for (i, id) in reload.depots.iter().enumerate() {
                match self.depots.get(id) {
                    Some(&depot) => depots.push(depot),
                    None => self.fault(&at.key("depots").index(i), "unknown_depot", format!("there is no depot {id}")),
                }
            }
            let duration = self.bounds(&at.key("service"), reload.service, MAX_TIME);
            if depots.is_empty() || reload.max_trips == 0 {
                self.fault(&at, "reload", "needs a depot and a trip");
            }
            Reload { depots, duration, max_trips: reload.max_trips }
        });
        let limit =
            |this: &mut Self, key: &str, value: Option<i64>| value.map(|m| this.bounds(&at.key(key), m, MAX_TIME));
        Vehicle {
            count: v.count,
            capacity,
            start,
            end,
            fixed_cost: 0,
            distance_cost: 0,
            time_cost: 0,
            shift: v.time_window.map_or(Window::ALWAYS, |w| self.window(&at.key("time_window"), w)),
            max_distance: limit(self, "max_distance", v.max_distance),
            max_duration: limit(self, "max_duration", v.max_duration),
            skills: v.skills.clone(),
            rules: VehicleRules {
                breaks,
                reload,
                max_stops: v.max_tasks,
                max_driving: limit(self, "max_travel_time", v.max_travel_time),
                driving_cost: 0,
                speed: self.speed(at, v, input, speeds),
            },
        }
    }

    /// The profile of a vehicle: its own by the hour, times its factor.
    fn speed(&mut self, at: &Path, v: &VehicleIn, input: &Input, speeds: &mut Vec<SpeedProfile>) -> Option<usize> {
        let factor = v.speed_factor.unwrap_or(1.0);
        if !(0.001..=1_000.0).contains(&factor) {
            self.fault(&at.key("speed_factor"), "out_of_range", format!("{factor} is outside 0.001 to 1000"));
            return None;
        }
        let thousandths = |share: f64| (share * factor * 1_000.0 + 0.5) as u32;
        let profile = match &v.speed_profile {
            None if v.speed_factor.is_none() => return None,
            None => SpeedProfile::constant(thousandths(1.0)),
            Some(name) => {
                let Some(given) = input.speed_profiles.get(name) else {
                    self.fault(&at.key("speed_profile"), "unknown_speed", format!("there is no profile {name:?}"));
                    return None;
                };
                let pieces = given.pieces.iter().map(|&(from, share)| (from, thousandths(share))).collect();
                SpeedProfile { period: given.period, pieces }
            }
        };
        let known = speeds.iter().position(|s| *s == profile);
        Some(known.unwrap_or_else(|| {
            speeds.push(profile);
            speeds.len() - 1
        }))
    }

    /// Ids are unique among jobs, pickups, deliveries and vehicles.
    fn unique(&mut self, root: &Path, input: &Input) {
        let shipments = |f: fn(&ShipmentIn) -> u64| input.shipments.iter().map(f).collect::<Vec<_>>();
        for (list, end, ids) in [
            ("vehicles", "", input.vehicles.iter().map(|v| v.id).collect::<Vec<_>>()),
            ("jobs", "", input.jobs.iter().map(|j| j.id).collect()),
            ("shipments", "pickup", shipments(|s| s.pickup.id)),
            ("shipments", "delivery", shipments(|s| s.delivery.id)),
        ] {
            let mut seen = BTreeMap::new();
            for (i, id) in ids.into_iter().enumerate() {
                if let Some(first) = seen.insert(id, i) {
                    let at = root.key(list).index(i);
                    let at = if end.is_empty() { at } else { at.key(end) };
                    self.fault(&at.key("id"), "duplicate", format!("{id} is the id of {list}[{first}] as well"));
                }
            }
        }
    }

    fn given(&mut self, root: &Path, input: &Input) -> Vec<GivenRoute> {
        let visits = Visits::new(input);
        let mut out = Vec::new();
        for (i, v) in input.vehicles.iter().enumerate().filter(|(_, v)| !v.steps.is_empty()) {
            let at = root.key("vehicles").index(i).key("steps");
            let mut route = Vec::new();
            for (k, step) in v.steps.iter().enumerate() {
                match visits.of(step) {
                    Ok(visit) => route.extend(visit),
                    Err(what) => self.fault(&at.index(k), "given_visit", what),
                }
            }
            out.push(GivenRoute { vehicle: i, visits: route, frozen: v.frozen_steps, departure: v.departed });
        }
        out
    }

    /// What [`Problem::new`] refuses, at its field.
    fn refused(mut self, refusals: &[Refusal], input: &Input) -> Vec<Fault> {
        let root = Path::default();
        let n_jobs = input.jobs.len();
        let job = |i: usize| match i.checked_sub(n_jobs) {
            None => root.key("jobs").index(i),
            Some(i) => root.key("shipments").index(i),
        };
        let vehicle = |i: usize| root.key("vehicles").index(i);
        for refusal in refusals {
            let at = match *refusal {
                Refusal::NoWindow { whose }
                | Refusal::Window { whose, .. }
                | Refusal::WindowOrder { whose, .. }
                | Refusal::Location { whose, .. }
                | Refusal::Amount { whose, .. }
                | Refusal::AmountDimensions { whose, .. }
                | Refusal::OutOfRange { whose, .. } => match whose {
                    Whose::Job(i) => job(i),
                    Whose::Vehicle(i) => vehicle(i),
                    Whose::Depot(i) => root.key("depots").index(i),
                    Whose::Break(v, b) => vehicle(v).key("breaks").index(b),
                },
                Refusal::FitsNoVehicle { job: i } | Refusal::SkillsOfNobody { job: i } => job(i),
                Refusal::ReleasedTooLate { job: i, .. } => job(i).key("release"),
                Refusal::Reload { vehicle: v } | Refusal::ReloadDepot { vehicle: v, .. } => vehicle(v).key("reload"),
                Refusal::GivenVisit { route, .. }
                | Refusal::GivenFrozen { route, .. }
                | Refusal::GivenDeparture { route, .. }
                | Refusal::GivenHalf { route, .. } => {
                    let with_steps = input.vehicles.iter().enumerate().filter(|(_, v)| !v.steps.is_empty());
                    vehicle(with_steps.map(|(i, _)| i).nth(route).unwrap_or(0)).key("steps")
                }
                Refusal::Speed { .. } => root.key("speed_profiles"),
                _ => root.clone(),
            };
            self.fault(&at, refusal.code(), refusal.to_string());
        }
        self.faults
    }
}

/// Visits by kind and id.
pub(super) struct Visits(BTreeMap<(&'static str, u64), Visit>);

impl Visits {
    fn new(input: &Input) -> Self {
        let n = input.jobs.len();
        let mut out = BTreeMap::new();
        for (job, j) in input.jobs.iter().enumerate() {
            out.insert(("job", j.id), Visit { job, part: Part::Service });
        }
        for (i, s) in input.shipments.iter().enumerate() {
            out.insert(("pickup", s.pickup.id), Visit { job: n + i, part: Part::Pickup });
            out.insert(("delivery", s.delivery.id), Visit { job: n + i, part: Part::Delivery });
        }
        Self(out)
    }

    /// Those of a case.
    pub(super) fn of_case(case: &Case) -> Self {
        let mut out = BTreeMap::new();
        for (job, (j, ids)) in case.problem.jobs().iter().zip(&case.labels.jobs).enumerate() {
            match j.task {
                Task::Shipment { .. } => {
                    out.insert(("pickup", ids[0]), Visit { job, part: Part::Pickup });
                    out.insert(("delivery", ids[1]), Visit { job, part: Part::Delivery });
                }
                Task::Delivery(_) | Task::Pickup(_) => {
                    out.insert(("job", ids[0]), Visit { job, part: Part::Service });
                }
            }
        }
        Self(out)
    }

    /// The visit of a step; `None` for what is none, such as a break.
    pub(super) fn of(&self, step: &StepIn) -> Result<Option<Visit>, String> {
        let kind = match step.kind.as_str() {
            "job" => "job",
            "pickup" => "pickup",
            "delivery" => "delivery",
            "start" | "end" | "break" | "reload" => return Ok(None),
            other => return Err(format!("steps of type {:?} are not known", crate::format::quote(other))),
        };
        let Some(id) = step.id else { return Err(format!("a step of type {kind} needs an id")) };
        self.0.get(&(kind, id)).copied().map(Some).ok_or_else(|| format!("there is no {kind} {id}"))
    }
}
