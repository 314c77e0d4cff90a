//! The problem as the search reads it: flat columns by stop, job and class of vehicles.

use crate::plan::{Part, Visit};
use crate::problem::straight;
use crate::problem::{NO_WAY, Problem, Rounding, Stop, Task, Terminal, Travel, Vehicle, Window};

/// No stop, no route.
pub(super) const NONE: u32 = u32::MAX;

/// A length that stands for no way: above every entry.
const BLOCKED: u32 = u32::MAX;

/// Up to this many locations lengths are looked up; above, they are worked out.
const MATRIX_MAX: usize = 4_000;

/// The same for points of a plane, which are quickly worked out.
const PLANE_MATRIX_MAX: usize = 1_500;

/// Distances or durations between locations; the location after the last is nowhere, at no distance from anywhere.
pub(super) enum Lengths {
    Matrix {
        n: usize,
        entries: Vec<u32>,
    },
    /// Straight lines, worked out: their points stay in the first cache where a matrix does not in the second.
    Plane {
        points: Vec<[f64; 2]>,
        rounding: Rounding,
    },
    Computed {
        travel: Travel,
        n: usize,
        duration: bool,
    },
}

impl Lengths {
    /// `open`: whether nowhere is asked for.
    fn new(travel: &Travel, duration: bool, open: bool) -> Self {
        let n = travel.n_locations();
        if let (Travel::Plane { points, rounding, .. }, false) = (travel, duration || open || n <= PLANE_MATRIX_MAX) {
            let points = points.iter().map(|p| p.map(|x| x as f64)).collect();
            return Self::Plane { points, rounding: *rounding };
        }
        let entry = |i, j| if duration { travel.duration(i, j) } else { travel.distance(i, j) };
        let short = |value: i64| if value == NO_WAY { BLOCKED } else { u32::try_from(value).unwrap_or(BLOCKED - 1) };
        if n > MATRIX_MAX {
            return Self::Computed { travel: travel.clone(), n, duration };
        }
        let mut entries = vec![0; (n + 1) * (n + 1)];
        for i in 0..n {
            for j in 0..n {
                entries[i * (n + 1) + j] = short(entry(i, j));
            }
        }
        Self::Matrix { n: n + 1, entries }
    }

    /// Lengths from a location, where they are kept.
    #[inline(always)]
    fn row(&self, from: u32) -> Option<&[u32]> {
        match self {
            Self::Matrix { n, entries } => Some(&entries[from as usize * n..(from as usize + 1) * n]),
            Self::Plane { .. } | Self::Computed { .. } => None,
        }
    }

    #[inline(always)]
    pub(super) fn get(&self, from: u32, to: u32) -> i64 {
        match self {
            Self::Matrix { n, entries } => i64::from(entries[from as usize * n + to as usize]),
            Self::Plane { points, rounding } => straight(points[from as usize], points[to as usize], *rounding),
            Self::Computed { travel, n, duration } => compute(travel, *n, *duration, from as usize, to as usize),
        }
    }
}

#[inline(never)]
fn compute(travel: &Travel, n: usize, duration: bool, from: usize, to: usize) -> i64 {
    if from == n || to == n {
        return 0;
    }
    let length = if duration { travel.duration(from, to) } else { travel.distance(from, to) };
    length.min(i64::from(BLOCKED))
}

/// A stretch of a route: its shortest duration, and the first and last start at which it has it.
/// Vidal, Crainic, Gendreau, Prins (2013), for stretches that are in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) duration: i64,
    pub(super) early: i64,
    pub(super) late: i64,
}

impl Segment {
    /// Both after one another with `travel` between; `None` if the second cannot be reached in time.
    #[inline]
    pub(super) fn then(self, next: Self, travel: i64) -> Option<Self> {
        let elapsed = self.duration + travel;
        if self.early + elapsed > next.late {
            return None;
        }
        let wait = (next.early - elapsed - self.late).max(0);
        Some(Self {
            duration: elapsed + next.duration + wait,
            early: (next.early - elapsed).max(self.early) - wait,
            late: (next.late - elapsed).min(self.late),
        })
    }
}

/// Vehicles that are alike, over all entries of the problem.
pub(super) struct Class {
    pub(super) vehicle: Vehicle,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) leave: Window,
    pub(super) finish: Window,
    /// Entries of the problem and how many of each.
    pub(super) members: Vec<(usize, u32)>,
}

/// A stop's static side.
#[derive(Clone, Copy)]
pub(super) struct StopData {
    pub(super) location: u32,
    pub(super) job: u32,
    pub(super) partner: u32,
    pub(super) open: i64,
    pub(super) close: i64,
    pub(super) service: i64,
    /// Into `Model::windows`; empty where there is one.
    pub(super) windows: (u32, u32),
}

/// A job's static side.
#[derive(Clone, Copy)]
pub(super) struct JobData {
    pub(super) first: u32,
    /// `NONE` unless it is a shipment.
    pub(super) second: u32,
    /// What it costs not to serve it.
    pub(super) penalty: i64,
    /// Of a delivery.
    pub(super) release: i64,
}

pub(super) struct Model {
    pub(super) stops: Vec<StopData>,
    pub(super) jobs: Vec<JobData>,
    pub(super) visits: Vec<Visit>,
    pub(super) windows: Vec<Window>,
    /// By stop and dimension: what is in the vehicle from its start because of it.
    pub(super) carried: Vec<i64>,
    /// By stop and dimension: what it changes.
    pub(super) change: Vec<i64>,
    pub(super) n_dimensions: usize,
    pub(super) classes: Vec<Class>,
    /// By class and job; empty where every class can do every job.
    allowed: Vec<bool>,
    distances: Lengths,
    durations: Option<Lengths>,
    pub(super) symmetric: bool,
    /// Whether time can make a route infeasible.
    pub(super) timed: bool,
    /// Whether durations cost or are limited.
    pub(super) lasting: bool,
    pub(super) several_windows: bool,
    pub(super) released: bool,
    /// Whether it matters where in a route a load is taken in.
    pub(super) profiled: bool,
    pub(super) limited_distance: bool,
    pub(super) pairs: bool,
    /// Whether some vehicle may not do some job.
    pub(super) skilled: bool,
    /// The capacity, where all vehicles have the same of one dimension, and may do every job.
    pub(super) one_capacity: Option<i64>,
}

impl Model {
    pub(super) fn new(problem: &Problem) -> Self {
        let nowhere = problem.travel().n_locations() as u32;
        let classes = classes(problem, nowhere);
        let open = classes.iter().any(|c| c.start == nowhere || c.end == nowhere);
        let mut model = Self {
            stops: Vec::new(),
            jobs: Vec::new(),
            visits: Vec::new(),
            windows: Vec::new(),
            carried: Vec::new(),
            change: Vec::new(),
            n_dimensions: problem.n_dimensions(),
            allowed: Vec::new(),
            distances: Lengths::new(problem.travel(), false, open),
            durations: (!problem.travel().time_is_distance()).then(|| Lengths::new(problem.travel(), true, open)),
            symmetric: problem.travel().is_symmetric(),
            timed: false,
            lasting: classes.iter().any(|c| c.vehicle.time_cost > 0 || c.vehicle.max_duration.is_some()),
            several_windows: false,
            released: false,
            profiled: false,
            limited_distance: classes.iter().any(|c| c.vehicle.max_distance.is_some()),
            pairs: false,
            skilled: false,
            one_capacity: None,
            classes,
        };
        for (i, job) in problem.jobs().iter().enumerate() {
            let first = model.stops.len() as u32;
            let (mut second, mut release) = (NONE, 0);
            match &job.task {
                Task::Delivery(stop) => {
                    release = job.release;
                    model.add(i, Part::Service, stop, 0, &job.amount, -1);
                }
                Task::Pickup(stop) => {
                    model.profiled = true;
                    model.add(i, Part::Service, stop, job.release, &job.amount, 1);
                }
                Task::Shipment { pickup, delivery } => {
                    (model.profiled, model.pairs, second) = (true, true, first + 1);
                    model.add(i, Part::Pickup, pickup, job.release, &job.amount, 1);
                    model.add(i, Part::Delivery, delivery, 0, &job.amount, -1);
                    model.stops[first as usize].partner = second;
                    model.stops[second as usize].partner = first;
                    let from = second as usize * model.n_dimensions;
                    model.carried[from..].fill(0);
                }
            }
            model.released |= release > 0;
            model.jobs.push(JobData { first, second, penalty: job.prize.unwrap_or(-1), release });
        }
        let able = |c: &Class, skills: &[u32]| skills.iter().all(|s| c.vehicle.skills.contains(s));
        if problem.jobs().iter().any(|j| model.classes.iter().any(|c| !able(c, &j.skills))) {
            let all = model.classes.iter().flat_map(|c| problem.jobs().iter().map(move |j| able(c, &j.skills)));
            model.allowed = all.collect();
            model.skilled = true;
        }
        if model.n_dimensions == 1 && model.allowed.is_empty() {
            let capacities: Vec<i64> = model.classes.iter().map(|c| c.vehicle.capacity[0]).collect();
            model.one_capacity = capacities.first().copied().filter(|first| capacities.iter().all(|c| c == first));
        }
        let end = |w: Window| w != Window::ALWAYS;
        model.timed = model.lasting
            || model.released
            || model.stops.iter().any(|s| s.open > 0 || s.close < Window::ALWAYS.end || s.windows.1 > 0)
            || model.classes.iter().any(|c| end(c.leave) || end(c.finish));
        model.price_absence();
        model
    }

    fn add(&mut self, job: usize, part: Part, stop: &Stop, release: i64, amount: &[i64], sign: i64) {
        let open: Vec<Window> = stop
            .windows
            .iter()
            .filter(|w| w.end >= release)
            .map(|w| Window { start: w.start.max(release), end: w.end })
            .collect();
        let (first, last) = (open.first(), open.last());
        let from = self.windows.len() as u32;
        if open.len() > 1 {
            self.windows.extend(&open);
            self.several_windows = true;
        }
        self.stops.push(StopData {
            location: stop.location as u32,
            job: job as u32,
            partner: NONE,
            open: first.map_or(0, |w| w.start),
            close: last.map_or(-1, |w| w.end),
            service: stop.service,
            windows: (from, self.windows.len() as u32 - from),
        });
        self.visits.push(Visit { job, part });
        self.carried.extend(amount.iter().map(|a| if sign < 0 { *a } else { 0 }));
        self.change.extend(amount.iter().map(|a| a * sign));
    }

    /// Not to serve a job that must be costs more than to serve it alone with the dearest vehicle, several times.
    fn price_absence(&mut self) {
        for j in 0..self.jobs.len() {
            if self.jobs[j].penalty >= 0 {
                continue;
            }
            let JobData { first, second, .. } = self.jobs[j];
            let last = if second == NONE { first } else { second };
            let (from, to) = (self.stops[first as usize].location, self.stops[last as usize].location);
            let there = |c: &Class| {
                let way = [(c.start, from), (from, to), (to, c.end)].map(|(a, b)| self.distance(a, b).min(1 << 30));
                let time = [(c.start, from), (from, to), (to, c.end)].map(|(a, b)| self.duration(a, b).min(1 << 30));
                let (way, time) = (way.iter().sum::<i64>(), time.iter().sum::<i64>());
                c.vehicle.fixed_cost + c.vehicle.distance_cost * way + c.vehicle.time_cost * time
            };
            self.jobs[j].penalty = 10 * self.classes.iter().map(there).max().unwrap_or(0) + 1_000;
        }
    }

    /// Distances from a location, where they are kept.
    #[inline(always)]
    pub(super) fn row(&self, from: u32) -> Option<&[u32]> {
        self.distances.row(from)
    }

    #[inline(always)]
    pub(super) fn distance(&self, from: u32, to: u32) -> i64 {
        self.distances.get(from, to)
    }

    #[inline]
    pub(super) fn duration(&self, from: u32, to: u32) -> i64 {
        self.durations.as_ref().unwrap_or(&self.distances).get(from, to)
    }

    /// Whether times are the same numbers as distances.
    #[inline]
    pub(super) fn time_is_distance(&self) -> bool {
        self.durations.is_none()
    }

    /// Whether a length is that of no way.
    #[inline]
    pub(super) fn blocked(length: i64) -> bool {
        length >= i64::from(BLOCKED)
    }

    pub(super) fn blocked_from_depot(&self, class: &Class, stop: u32) -> bool {
        let at = self.stops[stop as usize].location;
        Self::blocked(self.distance(class.start, at)) || Self::blocked(self.distance(at, class.end))
    }

    #[inline]
    pub(super) fn allowed(&self, class: u32, job: u32) -> bool {
        self.allowed.is_empty() || self.allowed[class as usize * self.jobs.len() + job as usize]
    }

    /// When service begins for a vehicle that comes at `arrival`, not after the stop closes.
    #[inline]
    pub(super) fn begin(&self, stop: u32, arrival: i64) -> i64 {
        let s = &self.stops[stop as usize];
        if s.windows.1 == 0 { arrival.max(s.open) } else { self.begin_among(s, arrival) }
    }

    fn begin_among(&self, s: &StopData, arrival: i64) -> i64 {
        let windows = &self.windows[s.windows.0 as usize..(s.windows.0 + s.windows.1) as usize];
        windows.iter().find(|w| w.end >= arrival).map_or(i64::MAX / 4, |w| w.start.max(arrival))
    }

    /// The latest arrival from which service begins at `bound` at the latest; negative if there is none.
    #[inline]
    pub(super) fn latest(&self, stop: u32, bound: i64) -> i64 {
        let s = &self.stops[stop as usize];
        if s.windows.1 == 0 {
            return if bound < s.open { -1 } else { bound.min(s.close) };
        }
        let windows = &self.windows[s.windows.0 as usize..(s.windows.0 + s.windows.1) as usize];
        windows.iter().rev().find(|w| w.start <= bound).map_or(-1, |w| w.end.min(bound))
    }

    #[inline]
    pub(super) fn segment(&self, stop: u32) -> Segment {
        let s = &self.stops[stop as usize];
        Segment { duration: s.service, early: s.open, late: s.close }
    }
}

fn classes(problem: &Problem, nowhere: u32) -> Vec<Class> {
    let mut classes: Vec<Class> = Vec::new();
    for (i, v) in problem.vehicles().iter().enumerate().filter(|(_, v)| v.count > 0) {
        let alike = |c: &&mut Class| c.vehicle == Vehicle { count: c.vehicle.count, ..v.clone() };
        if let Some(class) = classes.iter_mut().find(alike) {
            class.members.push((i, v.count));
            continue;
        }
        let hours = |terminal| match terminal {
            Terminal::Depot(depot) => problem.depots()[depot].open,
            Terminal::Location(_) | Terminal::Open => Window::ALWAYS,
        };
        let within = |w: Window| Window { start: w.start.max(v.shift.start), end: w.end.min(v.shift.end) };
        let at = |terminal| match terminal {
            Terminal::Depot(depot) => problem.depots()[depot].location as u32,
            Terminal::Location(location) => location as u32,
            Terminal::Open => nowhere,
        };
        // A vehicle may come before its depot opens again and waits; the shift has no such start at its end.
        let finish = Window { start: hours(v.end).start, end: hours(v.end).end.min(v.shift.end) };
        classes.push(Class {
            vehicle: v.clone(),
            start: at(v.start),
            end: at(v.end),
            leave: within(hours(v.start)),
            finish,
            members: vec![(i, v.count)],
        });
    }
    classes
}
