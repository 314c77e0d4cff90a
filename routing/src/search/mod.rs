//! Looks for a cheap plan.
//!
//! Ruin and recreate (SISR): strings of neighbouring stops are taken out of a few routes and put back one by one
//! where they cost least, with a blink now and then; simulated annealing decides what stays. Every change is
//! judged in constant time and taken back from a journal: nothing of the size of the plan is copied while
//! searching.
//!
//! The search reads no clock. Its caller is asked every [`TICK`] iterations whether to go on and, if it knows,
//! how much of its budget is spent, which sets the temperature. The same problem, seed and answers give the same
//! plan.

mod driven;
mod exact;
mod fleet;
mod insert;
mod model;
mod neighbours;
mod rng;
mod ruin;
mod start;
mod state;
#[cfg(test)]
mod tests;

use crate::plan::{Plan, Route};
use crate::problem::Problem;
use insert::Inserter;
use model::{Model, NONE};
use neighbours::Neighbours;
use rng::Rng;
use ruin::{RuinSize, Ruiner};
use state::State;

/// Iterations between two questions to the caller.
pub const TICK: u64 = 64;

/// How to search.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Chooses the random numbers.
    pub seed: u64,
    /// Stops after so many iterations; also sets the pace of cooling, if the caller does not.
    pub iterations: Option<u64>,
    /// Temperature at the start, as a share of the mean cost of an arc in the first plan; above a thousand stops
    /// it falls as their number rises, because what a budget can anneal does.
    pub hot: f64,
    /// Temperature at the end.
    pub cold: f64,
    /// Stops taken out at a time, on average.
    pub ruin_stops: f64,
    /// The longest string of stops taken out.
    pub ruin_string: f64,
    /// Neighbours of a stop beside which it is put back.
    pub neighbours: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 0,
            iterations: None,
            hot: 1.0,
            cold: 0.02,
            ruin_stops: 10.0,
            ruin_string: 10.0,
            neighbours: insert::NARROW,
        }
    }
}

/// Where the search stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Iterations done.
    pub iteration: u64,
    /// Cost of the best plan so far; a job that must be served and is not counts more than anything.
    pub best_cost: i64,
    /// Jobs that the best plan does not serve.
    pub unserved: usize,
}

/// What the caller answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tick {
    /// Stop, the best plan is enough.
    Stop,
    /// Go on; nothing is known of the end.
    Continue,
    /// Go on; this share of the budget is spent, 0 to 1.
    Spent(f64),
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The best plan.
    pub plan: Plan,
    /// Iterations done.
    pub iterations: u64,
}

/// Searches until told to stop, or for the iterations of the settings; one of both must end it.
///
/// `tick` is asked every [`TICK`] iterations; `improved` is called at most as often, with the plan as it then
/// stands. Jobs that must be served and cannot be are unserved in the plan.
pub fn solve(
    problem: &Problem,
    settings: &Settings,
    tick: &mut dyn FnMut(&Progress) -> Tick,
    improved: &mut dyn FnMut(&Progress, &dyn Fn() -> Plan),
) -> Outcome {
    if problem.has_rules() {
        return driven::solve(problem, settings, tick, improved);
    }
    let model = Model::new(problem);
    let near = Neighbours::new(&model, problem);
    let mut search = Search::new(problem, &model, &near, settings);
    search.run(tick, improved);
    Outcome { plan: search.best.plan(problem, &search.state), iterations: search.iteration }
}

/// The best plan: stops by slot, brought up to date by the slots that changed since it was the best.
struct Best {
    cost: i64,
    stops: Vec<Vec<u32>>,
    absent: Vec<u32>,
    stale: Vec<u32>,
    is_stale: Vec<bool>,
}

impl Best {
    fn new(state: &State<'_>) -> Self {
        let n = state.slots.len();
        let mut best = Self {
            cost: i64::MAX,
            stops: vec![Vec::new(); n],
            absent: Vec::new(),
            stale: Vec::new(),
            is_stale: vec![false; n],
        };
        best.mark(&state.used);
        best.take(state);
        best
    }

    fn mark(&mut self, routes: &[u32]) {
        for &route in routes {
            if !std::mem::replace(&mut self.is_stale[route as usize], true) {
                self.stale.push(route);
            }
        }
    }

    fn take(&mut self, state: &State<'_>) {
        self.cost = state.cost;
        for route in self.stale.drain(..) {
            self.is_stale[route as usize] = false;
            let stops = &mut self.stops[route as usize];
            stops.clear();
            stops.extend(state.stops(route));
        }
        self.absent.clear();
        self.absent.extend_from_slice(&state.absent);
    }

    fn plan(&self, problem: &Problem, state: &State<'_>) -> Plan {
        let model = state.model;
        let mut left: Vec<Vec<(usize, u32)>> = model.classes.iter().map(|c| c.members.clone()).collect();
        let given = |route: usize| problem.given().get(state.slots[route].given as usize);
        for route in (0..self.stops.len()).filter(|&r| !self.stops[r].is_empty()) {
            if let Some(given) = given(route) {
                let members = &mut left[state.slots[route].class as usize];
                members.iter_mut().filter(|m| m.0 == given.vehicle).for_each(|m| m.1 -= 1);
            }
        }
        let mut plan = Plan::default();
        for (route, stops) in self.stops.iter().enumerate().filter(|(_, s)| !s.is_empty()) {
            let visits = stops.iter().map(|&s| model.visits[s as usize]).collect();
            let slot = &state.slots[route];
            let vehicle = given(route).map(|g| g.vehicle).or_else(|| {
                let member = left[slot.class as usize].iter_mut().find(|m| m.1 > 0)?;
                member.1 -= 1;
                Some(member.0)
            });
            plan.routes
                .extend(vehicle.map(|vehicle| Route { departure: slot.departed, ..Route::new(vehicle, visits) }));
        }
        plan.routes.sort_by_key(|r| r.vehicle);
        plan.unserved = self.absent.iter().map(|&job| job as usize).collect();
        plan.unserved.sort_unstable();
        plan
    }
}

struct Search<'m> {
    problem: &'m Problem,
    state: State<'m>,
    near: &'m Neighbours,
    rng: Rng,
    inserter: Inserter,
    ruiner: Ruiner,
    best: Best,
    iteration: u64,
    settings: &'m Settings,
    mean_arc: f64,
    warm: bool,
    keys: Keys,
    waiting: Vec<u32>,
}

impl<'m> Search<'m> {
    fn new(problem: &'m Problem, model: &'m Model, near: &'m Neighbours, settings: &'m Settings) -> Self {
        let mut state = State::new(model, problem);
        let mut rng = Rng::new(settings.seed);
        let mut inserter = Inserter::new(&state, settings.neighbours);
        let keys = Keys::new(model);
        let given = start::given(&mut state, problem);
        start::build(&mut state, near, &mut inserter, &mut rng, &keys);
        inserter.remember(&state);
        let absence: i64 = state.absent.iter().map(|&j| model.jobs[j as usize].penalty).sum();
        let arcs = model.stops.len() + state.used.len();
        let mean_arc = (state.cost - absence).max(1) as f64 / arcs.max(1) as f64;
        let warm = 5 * given > 4 * model.jobs.len();
        let best = Best::new(&state);
        Self {
            ruiner: Ruiner::default(),
            iteration: 0,
            waiting: Vec::new(),
            problem,
            state,
            near,
            rng,
            inserter,
            best,
            settings,
            mean_arc,
            warm,
            keys,
        }
    }

    fn run(&mut self, tick: &mut dyn FnMut(&Progress) -> Tick, improved: &mut dyn FnMut(&Progress, &dyn Fn() -> Plan)) {
        if self.state.model.jobs.is_empty() {
            return;
        }
        let share = (1_000.0 / self.state.model.stops.len() as f64).min(1.0);
        let cold = self.settings.cold * self.mean_arc;
        let hot = cold.max(self.settings.hot * share * self.mean_arc);
        let hot = if self.warm { cold.max(hot / 10.0) } else { hot };
        let mut temperature = hot;
        let mut reported = i64::MAX;
        loop {
            if self.iteration.is_multiple_of(TICK) {
                if self.settings.iterations.is_some_and(|n| self.iteration >= n) {
                    break;
                }
                let progress =
                    Progress { iteration: self.iteration, best_cost: self.best.cost, unserved: self.best.absent.len() };
                if self.best.cost < reported {
                    reported = self.best.cost;
                    improved(&progress, &|| self.best.plan(self.problem, &self.state));
                }
                let spent = match tick(&progress) {
                    Tick::Stop => break,
                    Tick::Spent(share) => share,
                    Tick::Continue => match self.settings.iterations {
                        Some(n) => self.iteration as f64 / n as f64,
                        None => cycle(self.iteration, self.state.model.stops.len()),
                    },
                };
                temperature = hot * libm::pow(cold / hot, spent.clamp(0.0, 1.0));
            }
            self.step(temperature);
            self.iteration += 1;
        }
    }

    /// One ruin and recreate.
    fn step(&mut self, temperature: f64) {
        self.state.mark();
        let before = self.state.cost;
        let size = RuinSize { stops: self.settings.ruin_stops, string: self.settings.ruin_string };
        self.ruiner.ruin(&mut self.state, self.near, &mut self.rng, size);
        self.recreate();
        if self.state.model.classes.len() > 1 {
            fleet::reassign(&mut self.state, &mut self.rng);
        }
        let limit = before as f64 - temperature * libm::log(self.rng.unit());
        if self.state.is_as_before() {
            return;
        }
        if (self.state.cost as f64) < limit {
            self.best.mark(&self.state.touched);
            if self.state.cost < self.best.cost {
                self.best.take(&self.state);
            }
        } else {
            self.state.undo();
        }
    }

    /// Puts back what is absent.
    fn recreate(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.clear();
        waiting.append(&mut self.state.absent);
        if waiting.len() > 60 {
            // Many that nobody wants: the newest and some of the others.
            let old = waiting.len() - 40;
            for i in 0..20 {
                let j = i + self.rng.below(old - i);
                waiting.swap(i, j);
            }
            self.state.absent.extend(waiting.drain(20..old));
        }
        self.keys.sort(&mut waiting, &mut self.rng);
        for &job in &waiting {
            put(&mut self.state, self.near, &mut self.inserter, &mut self.rng, job);
        }
        self.waiting = waiting;
    }
}

/// Puts one job where it costs least, or among the absent.
fn put(state: &mut State<'_>, near: &Neighbours, inserter: &mut Inserter, rng: &mut Rng, job: u32) {
    let Some(place) = inserter.best(state, near, rng, job) else {
        state.absent.push(job);
        return;
    };
    let data = state.model.jobs[job as usize];
    state.cost -= data.penalty;
    state.link(data.first, place.first);
    if data.second != NONE {
        state.link(data.second, if place.second == NONE { data.first } else { place.second });
    }
    if !state.plain {
        let ok = state.update(place.route);
        debug_assert!(ok, "insertion of job {job} was judged feasible and is not");
    }
}

/// How far a cycle of cooling is, where the end is not known: each takes twice as long as the one before.
fn cycle(iteration: u64, n_stops: usize) -> f64 {
    let first = 200 * n_stops.max(50) as u64;
    let (mut from, mut length) = (0, first);
    while iteration >= from + length {
        from += length;
        length *= 2;
    }
    (iteration - from) as f64 / length as f64
}

/// Ranks of jobs by which they are put back in order.
struct Keys {
    demand: Vec<i64>,
    far: Vec<i64>,
    tight: Vec<i64>,
    early: Vec<i64>,
    late: Vec<i64>,
    timed: bool,
}

impl Keys {
    fn new(model: &Model) -> Self {
        let by = |key: &dyn Fn(u32) -> i64| (0..model.jobs.len() as u32).map(key).collect::<Vec<i64>>();
        let first = |j: u32| &model.stops[model.jobs[j as usize].first as usize];
        let last = |j: u32| {
            let data = &model.jobs[j as usize];
            &model.stops[if data.second == NONE { data.first } else { data.second } as usize]
        };
        let d = model.n_dimensions;
        // The largest share of the largest vehicle, in millionths.
        let largest: Vec<i64> =
            (0..d).map(|k| model.classes.iter().map(|c| c.vehicle.capacity[k]).max().unwrap_or(1).max(1)).collect();
        let share = |j: u32| {
            let at = model.jobs[j as usize].first as usize * d;
            (0..d).map(|k| model.change[at + k].abs().saturating_mul(1_000) / largest[k]).max().unwrap_or(0)
        };
        let depot = |j: u32| {
            let far = |c: &model::Class| model.distance(c.start, first(j).location);
            model.classes.iter().map(far).min().unwrap_or(0)
        };
        Self {
            demand: by(&|j| -share(j)),
            far: by(&|j| -depot(j)),
            tight: by(&|j| (first(j).close - first(j).open).min(last(j).close - last(j).open)),
            early: by(&|j| first(j).open),
            late: by(&|j| -last(j).close),
            timed: model.timed,
        }
    }

    /// Shuffled or by a key, at random; ties by the shuffle.
    fn sort(&self, jobs: &mut [u32], rng: &mut Rng) {
        for i in (1..jobs.len()).rev() {
            jobs.swap(i, rng.below(i + 1));
        }
        let by = |jobs: &mut [u32], key: &[i64]| jobs.sort_by_key(|&j| key[j as usize]);
        match rng.below(if self.timed { 17 } else { 11 }) {
            0..4 => {}
            4..8 => by(jobs, &self.demand),
            8..10 => by(jobs, &self.far),
            10 => jobs.sort_by_key(|&j| -self.far[j as usize]),
            11..13 => by(jobs, &self.tight),
            13..15 => by(jobs, &self.early),
            _ => by(jobs, &self.late),
        }
    }
}
