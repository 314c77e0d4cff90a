//! Looks for a cheap plan.
//!
//! Ruin and recreate (SISR): strings of neighbouring stops are taken out of a few routes and put back one by one
//! where they cost least, with a blink now and then; simulated annealing decides what stays. Every change is
//! judged in constant time and taken back from a journal: nothing of the size of the plan is copied while
//! searching. Where the budget is long for the problem, several chains of annealing come to a few plans, and the
//! rest of it goes into their children: routes of one beside routes of another, a route cut in two or closed.
//!
//! The search reads no clock. Its caller is asked every [`TICK`] iterations whether to go on and, if it knows,
//! how much of its budget is spent, which sets the temperature. The same problem, seed and answers give the same
//! plan.

mod cross;
mod driven;
mod exact;
mod fleet;
mod insert;
mod islands;
mod model;
mod neighbours;
mod order;
mod rng;
mod ruin;
mod start;
mod state;
mod tails;
#[cfg(test)]
mod tests;

use crate::plan::{Plan, Route};
use crate::problem::Problem;
use cross::Elite;
use insert::Inserter;
pub use islands::solve_on_islands;
use model::{Model, NONE};
use neighbours::Neighbours;
use order::Ordered;
use rng::Rng;
use ruin::{RuinSize, Ruiner};
use state::State;
use tails::Tails;

/// Iterations between two questions to the caller.
pub const TICK: u64 = 64;

/// How to search.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Chooses the random numbers.
    pub seed: u64,
    /// Stops after so many iterations; also sets the pace of cooling, if the caller does not.
    pub iterations: Option<u64>,
    /// Temperature at the start, in mean costs of an arc between two stops of the first plan.
    pub hot: f64,
    /// Temperature at the end.
    pub cold: f64,
    /// Stops taken out at a time, on average.
    pub ruin_stops: f64,
    /// The longest string of stops taken out.
    pub ruin_string: f64,
    /// Neighbours of a stop beside which it is put back, where there are too many jobs to look everywhere.
    pub neighbours: usize,
    /// Chains of annealing whose plans are crossed afterwards; `None`: as many as the budget is good for.
    pub chains: Option<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 0,
            iterations: None,
            hot: 2.5,
            cold: 0.03,
            ruin_stops: 10.0,
            ruin_string: 10.0,
            neighbours: insert::NARROW,
            chains: None,
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
    let ordered = Ordered::new(problem);
    let problem = &*ordered.problem;
    let model = Model::new(problem);
    let near = Neighbours::new(&model, problem);
    let mut search = Search::new(problem, &model, &near, settings);
    search.run(tick, &mut |progress, plan| improved(progress, &|| ordered.plan(plan())));
    Outcome { plan: ordered.plan(search.plan()), iterations: search.iteration }
}

/// The best plan: stops by slot, brought up to date by the slots that changed since it was the best.
struct Best {
    cost: i64,
    stops: Vec<Vec<u32>>,
    unserved: usize,
    stale: Vec<u32>,
    is_stale: Vec<bool>,
}

impl Best {
    fn new(state: &State<'_>) -> Self {
        let n = state.slots.len();
        let mut best = Self {
            cost: i64::MAX,
            stops: vec![Vec::new(); n],
            unserved: 0,
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
        self.unserved = state.absent.len();
    }

    /// Forgets what was the best, so that what comes is better.
    fn forget(&mut self, state: &State<'_>) {
        let kept: Vec<u32> = (0..self.stops.len() as u32).filter(|&r| !self.stops[r as usize].is_empty()).collect();
        self.mark(&kept);
        self.mark(&state.used);
        self.take(state);
    }

    fn elite(&self) -> Elite {
        Elite { cost: self.cost, stops: self.stops.clone() }
    }
}

/// What the best plan is, as the caller reads it.
fn plan_of(stops: &[Vec<u32>], problem: &Problem, state: &State<'_>) -> Plan {
    let model = state.model;
    let mut left: Vec<Vec<(usize, u32)>> = model.classes.iter().map(|c| c.members.clone()).collect();
    let given = |route: usize| problem.given().get(state.slots[route].given as usize);
    for route in (0..stops.len()).filter(|&r| !stops[r].is_empty()) {
        if let Some(given) = given(route) {
            let members = &mut left[state.slots[route].class as usize];
            members.iter_mut().filter(|m| m.0 == given.vehicle).for_each(|m| m.1 -= 1);
        }
    }
    let mut plan = Plan::default();
    let mut served = vec![false; model.jobs.len()];
    for (route, stops) in stops.iter().enumerate().filter(|(_, s)| !s.is_empty()) {
        stops.iter().for_each(|&s| served[model.stops[s as usize].job as usize] = true);
        let visits = stops.iter().map(|&s| model.visits[s as usize]).collect();
        let slot = &state.slots[route];
        let vehicle = given(route).map(|g| g.vehicle).or_else(|| {
            let member = left[slot.class as usize].iter_mut().find(|m| m.1 > 0)?;
            member.1 -= 1;
            Some(member.0)
        });
        plan.routes.extend(vehicle.map(|vehicle| Route { departure: slot.departed, ..Route::new(vehicle, visits) }));
    }
    plan.routes.sort_by_key(|r| r.vehicle);
    plan.unserved = (0..served.len()).filter(|&job| !served[job]).collect();
    plan
}

/// From so many iterations for a job on, the budget is shared by several chains, whose plans are then crossed.
const SEVERAL_FROM: f64 = 5_000.0;

/// Chains of annealing, and the share of the budget that they have together.
const CHAINS: usize = 3;
const CHAINS_SHARE: f64 = 0.6;

/// From so many iterations for a job on, the only chain leaves some of the budget to work on parts of its plan.
const CROSSED_FROM: f64 = 2_000.0;
const ONE_CHAIN_SHARE: f64 = 0.8;

/// Temperature at the start of the work on a child, in mean arcs, and its iterations for a stop of changed routes.
const ROUND_HEAT: f64 = 0.6;
const ROUND_LENGTH: u64 = 60;

/// Where most is given, work is done beside what was not, for this share of the budget.
const WARM_FOCUS: f64 = 0.7;
const WARM_NEIGHBOURS: usize = 10;

/// How often tails are exchanged after a ruin: among vehicles that are alike, and otherwise.
const TAILS_SHARE: f64 = 0.5;
const TAILS_SHARE_OF_UNLIKE: f64 = 0.05;

/// What an exchange of tails may cost, in the heat that accepts the whole step. Where time counts, putting back regains more.
const TAILS_HEAT: f64 = 1.0;
const TAILS_HEAT_TIMED: f64 = 4.0;

/// How the budget is spent.
struct Schedule {
    chains: Option<usize>,
    /// Share of the budget that the chains have together.
    share: f64,
    /// Nothing is annealed from the start any more.
    crosses: bool,
}

impl Schedule {
    /// Chains that are done.
    fn chain(&self, spent: f64) -> usize {
        self.chains.map_or(0, |n| ((spent * n as f64 / self.share) as usize).min(n))
    }

    /// How far the chain has cooled, 0 to 1; `None` after the last.
    fn heat(&self, spent: f64) -> Option<f64> {
        match self.chains {
            _ if self.crosses => None,
            None => Some(spent.clamp(0.0, 1.0)),
            Some(n) if self.chain(spent) == n => None,
            Some(n) => Some((spent * n as f64 / self.share).fract()),
        }
    }
}

/// The work on a child.
struct Round {
    parent: usize,
    done: u64,
    length: u64,
}

struct Search<'m> {
    problem: &'m Problem,
    state: State<'m>,
    near: &'m Neighbours,
    rng: Rng,
    inserter: Inserter,
    ruiner: Ruiner,
    tails: Tails,
    tails_share: f64,
    best: Best,
    iteration: u64,
    settings: &'m Settings,
    mean_arc: f64,
    warm: bool,
    keys: Keys,
    waiting: Vec<u32>,
    /// The best plan of chains and rounds before this one, and how many jobs it does not serve.
    champion: Option<(Elite, usize)>,
    /// What the chains came to.
    pool: Vec<Elite>,
    round: Option<Round>,
    /// Stops around which to ruin; all, if there are none.
    focus: Vec<u32>,
    /// Whether only children are worked on.
    crosses: bool,
}

impl<'m> Search<'m> {
    fn new(problem: &'m Problem, model: &'m Model, near: &'m Neighbours, settings: &'m Settings) -> Self {
        let mut state = State::new(model, problem);
        let mut rng = Rng::new(settings.seed);
        let mut inserter = Inserter::new(&state, settings.neighbours);
        let keys = Keys::new(model);
        let given = start::given(&mut state, problem);
        let warm = 5 * given > 4 * model.jobs.len();
        let focus = if warm { beside(model, near, &state.absent) } else { Vec::new() };
        start::build(&mut state, near, &mut inserter, &mut rng, &keys);
        inserter.remember(&state);
        let mean_arc = mean_arc(&state);
        let best = Best::new(&state);
        Self {
            ruiner: Ruiner::default(),
            tails: Tails::default(),
            tails_share: tails_share(model),
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
            champion: None,
            pool: Vec::new(),
            round: None,
            focus,
            crosses: false,
        }
    }

    /// The best plan of all.
    fn plan(&self) -> Plan {
        let stops = match &self.champion {
            Some((elite, _)) if elite.cost <= self.best.cost => &elite.stops,
            _ => &self.best.stops,
        };
        plan_of(stops, self.problem, &self.state)
    }

    fn progress(&self) -> Progress {
        let own = (self.best.cost, self.best.unserved);
        let (best_cost, unserved) = match &self.champion {
            Some((elite, unserved)) if elite.cost <= own.0 => (elite.cost, *unserved),
            _ => own,
        };
        Progress { iteration: self.iteration, best_cost, unserved }
    }

    fn run(&mut self, tick: &mut dyn FnMut(&Progress) -> Tick, improved: &mut dyn FnMut(&Progress, &dyn Fn() -> Plan)) {
        if self.state.model.jobs.is_empty() {
            return;
        }
        let cold = self.settings.cold * self.mean_arc;
        let hot = cold.max(self.settings.hot * self.mean_arc);
        let hot = if self.warm { cold.max(hot / 10.0) } else { hot };
        let mut schedule = Schedule {
            chains: self.settings.chains,
            share: if self.settings.chains == Some(1) { 1.0 } else { CHAINS_SHARE },
            crosses: self.crosses,
        };
        let mut temperature = hot;
        let mut reported = i64::MAX;
        loop {
            if self.iteration.is_multiple_of(TICK) {
                if self.settings.iterations.is_some_and(|n| self.iteration >= n) {
                    break;
                }
                let progress = self.progress();
                if progress.best_cost < reported {
                    reported = progress.best_cost;
                    improved(&progress, &|| self.plan());
                }
                let spent = match tick(&progress) {
                    Tick::Stop => break,
                    Tick::Spent(share) => Some(share),
                    Tick::Continue => self.settings.iterations.map(|n| self.iteration as f64 / n as f64),
                };
                if let Some(spent) = spent {
                    if self.warm && spent > WARM_FOCUS {
                        self.focus.clear();
                    }
                    if schedule.chains.is_none() && spent > 0.01 {
                        let per_job = self.iteration as f64 / spent / self.state.model.jobs.len() as f64;
                        let several = per_job >= SEVERAL_FROM && !self.warm;
                        (schedule.chains, schedule.share) = match several {
                            true => (Some(CHAINS), CHAINS_SHARE),
                            false if per_job >= CROSSED_FROM && !self.warm => (Some(1), ONE_CHAIN_SHARE),
                            false => (Some(1), 1.0),
                        };
                    }
                    let heat = schedule.heat(spent);
                    if schedule.chain(spent) > self.pool.len() {
                        self.keep();
                        self.best.forget(&self.state);
                    }
                    match heat {
                        Some(heat) => temperature = hot * libm::pow(cold / hot, heat),
                        None if self.round.is_none() => self.begin_round(),
                        None => {}
                    }
                } else {
                    temperature = hot * libm::pow(cold / hot, cycle(self.iteration, self.state.model.stops.len()));
                }
            }
            match &mut self.round {
                None => self.step(temperature),
                Some(round) if round.done < round.length => {
                    let cooled = round.done as f64 / round.length as f64;
                    round.done += 1;
                    let from = (ROUND_HEAT * self.mean_arc).max(cold);
                    self.step(from * libm::pow(cold / from, cooled));
                }
                Some(_) => {
                    self.end_round();
                    self.begin_round();
                    continue;
                }
            }
            self.iteration += 1;
        }
    }

    /// From now on works on children of these plans.
    fn cross(&mut self, pool: Vec<Elite>) {
        if self.round.is_some() {
            self.end_round();
        }
        (self.pool, self.crosses) = (pool, true);
    }

    /// Keeps what came out of a chain.
    fn keep(&mut self) {
        let elite = self.best.elite();
        self.crown();
        self.pool.push(elite);
    }

    /// Keeps the best of all, before another begins.
    fn crown(&mut self) {
        if self.champion.as_ref().is_none_or(|c| self.best.cost < c.0.cost) {
            self.champion = Some((self.best.elite(), self.best.unserved));
        }
    }

    /// A child of two plans of the pool, to be worked on.
    fn begin_round(&mut self) {
        let n = self.pool.len();
        let a = self.rng.below(n);
        let b = (a + 1 + self.rng.below((n - 1).max(1))) % n;
        let child = match self.rng.below(5) {
            0 => cross::split(&self.state, &mut self.rng, &self.pool[a]),
            1 => cross::close(&self.state, &mut self.rng, &self.pool[a]),
            _ => cross::child(&self.state, self.near, &mut self.rng, &self.pool[a], &self.pool[b]),
        };
        // First the parent: what the child has otherwise is where to work.
        self.state.load(&self.pool[a].stops);
        self.state.load(&child);
        let mut left = usize::MAX;
        while self.state.absent.len() < left {
            left = self.state.absent.len();
            self.recreate();
        }
        if self.state.model.classes.len() > 1 {
            fleet::reassign(&mut self.state, &mut self.rng);
        }
        self.focus.clear();
        for t in 0..self.state.touched.len() {
            self.focus.extend(self.state.stops(self.state.touched[t]));
        }
        self.best.forget(&self.state);
        // Parents that are alike: the plan is worked on everywhere.
        let stops = if self.focus.is_empty() { self.state.model.stops.len() } else { self.focus.len() };
        let length = ROUND_LENGTH * stops as u64;
        self.round = Some(Round { parent: a, done: 0, length });
    }

    fn end_round(&mut self) {
        let Some(round) = self.round.take() else { return };
        self.crown();
        let known = self.pool.iter().any(|e| e.cost == self.best.cost);
        if !known && self.best.cost < self.pool[round.parent].cost {
            self.pool[round.parent] = self.best.elite();
        }
    }

    /// One ruin and recreate.
    fn step(&mut self, temperature: f64) {
        self.state.mark();
        let before = self.state.cost;
        let seed = match self.focus.len() {
            0 => self.rng.below(self.state.model.stops.len()) as u32,
            n => self.focus[self.rng.below(n)],
        };
        let size = RuinSize { stops: self.settings.ruin_stops, string: self.settings.ruin_string };
        self.ruiner.ruin(&mut self.state, self.near, &mut self.rng, size, seed);
        if self.rng.unit() < self.tails_share {
            let heat = if self.state.model.timed { TAILS_HEAT_TIMED } else { TAILS_HEAT };
            let limit = -heat * temperature * libm::log(self.rng.unit());
            self.tails.exchange(&mut self.state, &mut self.rng, &self.ruiner.gaps, limit);
        }
        self.recreate();
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

/// How often tails are exchanged; never where shipments would come apart.
fn tails_share(model: &Model) -> f64 {
    let of = |k: usize| {
        let v = &model.classes[k].vehicle;
        (&v.capacity, v.fixed_cost, v.distance_cost, v.time_cost)
    };
    match (1..model.classes.len()).all(|k| of(k) == of(0)) {
        _ if model.pairs => 0.0,
        true => TAILS_SHARE,
        false => TAILS_SHARE_OF_UNLIKE,
    }
}

/// What an arc between two stops costs on average; of all arcs, where no route has two stops.
fn mean_arc(state: &State<'_>) -> f64 {
    let (mut inner, mut n_inner, mut all, mut n_all) = (0.0, 0.0, 0.0, 0.0);
    for &route in &state.used {
        let v = &state.model.classes[state.class(route) as usize].vehicle;
        let mut from = state.start(route);
        while from != state.end(route) {
            let to = state.nodes[from as usize].next;
            let cost = v.distance_cost as f64 * f64::from(state.nodes[to as usize].arc)
                + v.time_cost as f64 * state.duration(from, to) as f64;
            if state.is_stop(from) && state.is_stop(to) {
                (inner, n_inner) = (inner + cost, n_inner + 1.0);
            }
            (all, n_all) = (all + cost, n_all + 1.0);
            from = to;
        }
    }
    if inner > 0.0 { inner / n_inner } else { (all / f64::max(n_all, 1.0)).max(1.0) }
}

/// The stops of these jobs, and those near them.
fn beside(model: &Model, near: &Neighbours, jobs: &[u32]) -> Vec<u32> {
    let mut all = Vec::new();
    for &job in jobs {
        let data = model.jobs[job as usize];
        for stop in [data.first, data.second].into_iter().filter(|&s| s != NONE) {
            all.push(stop);
            all.extend(near.of(stop).iter().take(WARM_NEIGHBOURS).map(|n| n.stop).take_while(|&s| s != NONE));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
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
