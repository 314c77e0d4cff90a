//! Search under rules: breaks, trips, soft windows, speeds by the hour, goods that are kept apart.
//!
//! Ruin and recreate as for other problems, but every candidate route is driven from its start, which takes time
//! linear in its stops. Candidates are driven in the order of the distance that they add, and only while that alone
//! costs less than the best found.

mod drive;

use super::rng::{Blinks, Rng};
use super::{Outcome, Progress, Settings, Tick};
use crate::plan::{Part, Plan, Route};
use crate::problem::{NO_WAY, Problem};
use drive::{Driver, Price, RELOAD};
use std::collections::HashMap;

/// Iterations between two questions to the caller.
const ASK: u64 = 8;

/// Neighbours of a stop among whose routes its job is put back first.
const NEAR: usize = 40;

/// A route as it stands.
#[derive(Clone)]
struct Tour {
    vehicle: usize,
    items: Vec<u32>,
    /// Items from the first that must stay.
    frozen: usize,
    departed: Option<i64>,
    price: Price,
    /// Another for every change.
    version: u64,
}

/// The cheapest place of a job in a route, or that none adds less than so much.
enum Known {
    Place { added: i64, items: Vec<u32>, price: Price },
    NoneBelow(i64),
}

/// Places of a job in a route that are driven at most.
const MOST_TRIED: usize = 400;

/// The most places remembered; then all are forgotten.
const MOST_KNOWN: usize = 50_000;

#[derive(Clone)]
struct State {
    tours: Vec<Tour>,
    absent: Vec<usize>,
    cost: i64,
}

struct Search<'p> {
    driver: Driver<'p>,
    problem: &'p Problem,
    /// By job: what it costs not to serve it.
    penalty: Vec<i64>,
    /// By job: jobs near it, nearest first.
    near: Vec<Vec<u32>>,
    rng: Rng,
    blinks: Blinks,
    leaves: Vec<i64>,
    settings: &'p Settings,
    /// By job and version of a route; routes without a stop have versions by vehicle.
    known: HashMap<(usize, u64), Known>,
    versions: u64,
}

/// Where a job goes in.
struct Place {
    added: i64,
    tour: usize,
    vehicle: usize,
    items: Vec<u32>,
    price: Price,
}

/// As [`super::solve`], for problems with rules.
pub(super) fn solve(
    problem: &Problem,
    settings: &Settings,
    tick: &mut dyn FnMut(&Progress) -> Tick,
    improved: &mut dyn FnMut(&Progress, &dyn Fn() -> Plan),
) -> Outcome {
    let mut search = Search::new(problem, settings);
    let mut state = search.begin();
    let mut best = state.clone();
    let mut iteration = 0;
    let n_jobs = problem.jobs().len();
    if n_jobs == 0 {
        return Outcome { plan: search.plan(&best), iterations: 0 };
    }
    let mean_arc = search.mean_arc(&state);
    let given: usize = problem.given().iter().map(|g| g.visits.len()).sum();
    let cold = settings.cold * mean_arc;
    let hot = settings.hot * mean_arc * if 5 * given > 4 * search.driver.stops.len() { 0.1 } else { 1.0 };
    let hot = hot.max(cold).max(1e-9);
    let cold = cold.max(1e-9);
    let (mut temperature, mut reported) = (hot, i64::MAX);
    loop {
        if iteration % ASK == 0 {
            if settings.iterations.is_some_and(|n| iteration >= n) {
                break;
            }
            let progress = Progress { iteration, best_cost: best.cost, unserved: best.absent.len() };
            if best.cost < reported {
                reported = best.cost;
                improved(&progress, &|| search.plan(&best));
            }
            let spent = match tick(&progress) {
                Tick::Stop => break,
                Tick::Spent(share) => share,
                Tick::Continue => match settings.iterations {
                    Some(n) => iteration as f64 / n as f64,
                    None => (iteration % 4_096) as f64 / 4_096.0,
                },
            };
            temperature = hot * libm::pow(cold / hot, spent.clamp(0.0, 1.0));
        }
        let mut next = state.clone();
        search.ruin(&mut next);
        search.recreate(&mut next);
        iteration += 1;
        let limit = state.cost as f64 - temperature * libm::log(search.rng.unit());
        if (next.cost as f64) < limit {
            if next.cost < best.cost {
                best.clone_from(&next);
            }
            state = next;
        }
    }
    Outcome { plan: search.plan(&best), iterations: iteration }
}

impl<'p> Search<'p> {
    /// What an arc between two stops costs on average.
    fn mean_arc(&self, state: &State) -> f64 {
        let (mut sum, mut n) = (0.0, 0.0);
        for tour in &state.tours {
            let v = &self.problem.vehicles()[tour.vehicle];
            for pair in tour.items.windows(2).filter(|p| !p.contains(&RELOAD)) {
                let [from, to] = [pair[0], pair[1]].map(|item| Some(self.driver.location(item)));
                let (distance, duration) = self.driver.lengths(from, to);
                sum += (v.distance_cost * distance + v.time_cost * duration) as f64;
                n += 1.0;
            }
        }
        if sum > 0.0 { sum / n } else { (state.cost as f64 / (1.0 + self.driver.stops.len() as f64)).max(1.0) }
    }

    fn new(problem: &'p Problem, settings: &'p Settings) -> Self {
        let driver = Driver::new(problem);
        let mut search = Self {
            near: near(&driver),
            penalty: Vec::new(),
            rng: Rng::new(settings.seed),
            blinks: Blinks::default(),
            leaves: Vec::new(),
            driver,
            problem,
            settings,
            known: HashMap::new(),
            versions: 0,
        };
        search.penalty = search.penalties();
        search
    }

    /// Not to serve a job that must be costs more than to serve any alone with any vehicle, several times.
    fn penalties(&self) -> Vec<i64> {
        let alone = |job: usize| {
            let (first, second) = self.driver.jobs[job];
            let items: Vec<u32> = [first].into_iter().chain(second).collect();
            let vehicles = 0..self.problem.vehicles().len();
            vehicles.filter_map(|v| self.driver.price(v, &items, None)).map(|p| p.cost).max().unwrap_or(0)
        };
        let jobs = self.problem.jobs();
        let dearest = (0..jobs.len()).map(alone).max().unwrap_or(0);
        jobs.iter().map(|j| j.prize.unwrap_or(10 * dearest + 1_000)).collect()
    }

    fn begin(&mut self) -> State {
        let mut state = State { tours: Vec::new(), absent: Vec::new(), cost: self.penalty.iter().sum() };
        let mut served = vec![false; self.problem.jobs().len()];
        let mut given: Vec<_> = self.problem.given().iter().collect();
        given.sort_by_key(|g| g.frozen == 0);
        for g in given {
            let stop = |v: &crate::plan::Visit| {
                let (first, second) = self.driver.jobs[v.job];
                if v.part == Part::Delivery { second.unwrap_or(first) } else { first }
            };
            let all: Vec<u32> = g.visits.iter().map(stop).collect();
            let whole = |job: usize| {
                let (first, second) = self.driver.jobs[job];
                let at = |s: u32| all.iter().position(|&i| i == s);
                at(first).is_some() && second.is_none_or(|s| at(s) > at(first))
            };
            let visit = |i: u32| self.driver.stops[i as usize].visit;
            let free = |i: &u32| !served[visit(*i).job];
            let mut items: Vec<u32> = all.iter().copied().filter(|&i| whole(visit(i).job)).filter(free).collect();
            let mut price = self.driver.price(g.vehicle, &items, g.departure);
            if price.is_none() {
                items = all[..g.frozen].to_vec();
                for &i in &all[..g.frozen] {
                    let last = self.driver.jobs[visit(i).job].1;
                    items.extend(last.filter(|s| !items.contains(s)));
                }
                price = self.driver.price(g.vehicle, &items, g.departure);
            }
            if items.is_empty() || (price.is_none() && g.frozen == 0) {
                continue;
            }
            for &i in &items {
                let job = visit(i).job;
                if !std::mem::replace(&mut served[job], true) {
                    state.cost -= self.penalty[job];
                }
            }
            let price = price.unwrap_or(Price::broken(g.departure));
            state.cost += price.cost;
            let version = self.version();
            let tour = Tour { vehicle: g.vehicle, items, frozen: g.frozen, departed: g.departure, price, version };
            state.tours.push(tour);
        }
        state.absent = (0..served.len()).filter(|&j| !served[j]).collect();
        self.recreate(&mut state);
        state
    }

    fn version(&mut self) -> u64 {
        self.versions += 1;
        self.versions
    }

    /// Takes strings of jobs out around a random one; now and then a whole route.
    fn ruin(&mut self, state: &mut State) {
        let n_jobs = self.problem.jobs().len();
        let mut out: Vec<usize> = Vec::new();
        if self.rng.below(20) == 0 && !state.tours.is_empty() {
            let tour = self.rng.below(state.tours.len());
            out.extend(self.jobs_of(&state.tours[tour]));
        } else {
            let served: usize = state.tours.iter().map(|t| t.items.len()).sum();
            let mean = served as f64 / state.tours.len().max(1) as f64;
            let longest = self.settings.ruin_string.min(mean).max(1.0);
            let strings = 4.0 * self.settings.ruin_stops / (1.0 + longest) - 1.0;
            let n_strings = 1 + (self.rng.unit() * strings.max(0.0)) as usize;
            let seed = self.rng.below(n_jobs);
            let mut ruined: Vec<usize> = Vec::new();
            let near = std::mem::take(&mut self.near[seed]);
            for job in [seed].into_iter().chain(near.iter().map(|&j| j as usize)) {
                if ruined.len() >= n_strings {
                    break;
                }
                let first = self.driver.jobs[job].0;
                let Some(tour) = state.tours.iter().position(|t| t.items.contains(&first)) else { continue };
                if ruined.contains(&tour) {
                    continue;
                }
                ruined.push(tour);
                let items = &state.tours[tour].items;
                let at = items.iter().position(|&i| i == first).unwrap_or(0);
                let length = (1 + (self.rng.unit() * longest) as usize).min(items.len());
                let low = (at + 1).saturating_sub(length);
                let high = at.min(items.len() - length);
                let from = low + self.rng.below(high - low + 1);
                let stops = items[from..from + length].iter().filter(|i| **i < RELOAD);
                out.extend(stops.map(|&i| self.driver.stops[i as usize].visit.job));
            }
            self.near[seed] = near;
        }
        out.sort_unstable();
        out.dedup();
        self.remove(state, &out);
    }

    fn jobs_of(&self, tour: &Tour) -> Vec<usize> {
        let stops = tour.items.iter().filter(|i| **i < RELOAD);
        stops.map(|&i| self.driver.stops[i as usize].visit.job).collect()
    }

    /// Takes jobs out, as far as nothing of them is frozen, and prices the routes they were in.
    fn remove(&mut self, state: &mut State, jobs: &[usize]) {
        for tour in &mut state.tours {
            self.versions += 1;
            let job_of = |i: &u32| (*i < RELOAD).then(|| self.driver.stops[*i as usize].visit.job);
            let kept: Vec<usize> = tour.items[..tour.frozen].iter().filter_map(job_of).collect();
            let leaves = |i: &u32| job_of(i).is_some_and(|j| jobs.binary_search(&j).is_ok() && !kept.contains(&j));
            if !tour.items.iter().any(leaves) {
                continue;
            }
            let mut gone: Vec<usize> = tour.items.iter().filter(|i| leaves(i)).filter_map(job_of).collect();
            tour.items.retain(|i| !leaves(i));
            tidy(&mut tour.items);
            tour.version = self.versions;
            let mut price = self.driver.price(tour.vehicle, &tour.items, tour.departed);
            if price.is_none() && !tour.items.is_empty() {
                // Without them it cannot be: it loses all it can.
                gone.extend(tour.items.iter().filter_map(job_of).filter(|j| !kept.contains(j)));
                tour.items.retain(|i| job_of(i).is_some_and(|j| kept.contains(&j)));
                price = self.driver.price(tour.vehicle, &tour.items, tour.departed);
            }
            gone.sort_unstable();
            gone.dedup();
            state.cost += gone.iter().map(|&j| self.penalty[j]).sum::<i64>() - tour.price.cost;
            state.absent.extend(gone);
            tour.price = price.unwrap_or(Price::broken(tour.departed));
            if !tour.items.is_empty() {
                state.cost += tour.price.cost;
            }
        }
        state.tours.retain(|t| !t.items.is_empty());
    }

    /// Puts back what is absent, in an order that chance chooses.
    fn recreate(&mut self, state: &mut State) {
        let mut waiting = std::mem::take(&mut state.absent);
        for i in (1..waiting.len()).rev() {
            waiting.swap(i, self.rng.below(i + 1));
        }
        let first = |j: usize| &self.driver.stops[self.driver.jobs[j].0 as usize];
        match self.rng.below(10) {
            0..4 => {}
            4..6 => waiting.sort_by_key(|&j| -first(j).change.iter().map(|c| c.abs()).sum::<i64>()),
            6 => waiting.sort_by_key(|&j| first(j).stop.windows[0].start),
            7 => waiting.sort_by_key(|&j| first(j).stop.windows.last().map_or(0, |w| w.end)),
            8 => waiting.sort_by_key(|&j| -self.penalty[j]),
            _ => waiting.sort_by_key(|&j| -self.far(j)),
        }
        for job in waiting {
            match self.best(state, job) {
                Some(place) => {
                    state.cost += place.added - self.penalty[job];
                    let version = self.version();
                    match state.tours.get_mut(place.tour) {
                        Some(tour) => {
                            (tour.items, tour.price, tour.version) = (place.items, place.price, version);
                        }
                        None => {
                            let Place { vehicle, items, price, .. } = place;
                            state.tours.push(Tour { vehicle, items, frozen: 0, departed: None, price, version });
                        }
                    }
                }
                None => state.absent.push(job),
            }
        }
        state.absent.sort_unstable();
    }

    fn far(&self, job: usize) -> i64 {
        let to = self.driver.location(self.driver.jobs[job].0);
        let v = &self.problem.vehicles()[0];
        self.driver.lengths(self.driver.place(v.start), Some(to)).0
    }

    /// The cheapest place of a job found, cheaper than not to serve it.
    fn best(&mut self, state: &State, job: usize) -> Option<Place> {
        let mut best: Option<Place> = None;
        let near = |tour: &Tour| {
            let of = &self.near[job][..NEAR.min(self.near[job].len())];
            tour.items.iter().any(|i| *i < RELOAD && of.contains(&(self.driver.stops[*i as usize].visit.job as u32)))
        };
        let n = state.tours.len();
        let (close, others): (Vec<usize>, Vec<usize>) = (0..n).partition(|&t| n <= 12 || near(&state.tours[t]));
        for tour in close {
            let t = &state.tours[tour];
            self.recall(job, tour, t.version, (t.vehicle, &t.items, t.frozen, t.departed), t.price.cost, &mut best);
        }
        let vehicles = self.problem.vehicles();
        for vehicle in 0..vehicles.len() {
            let used = state.tours.iter().filter(|t| t.vehicle == vehicle).count();
            let alike = |other: &usize| {
                let count = vehicles[vehicle].count;
                vehicles[*other]
                    == crate::problem::Vehicle { count: vehicles[*other].count, ..vehicles[vehicle].clone() }
                    && count > 0
            };
            let one_by_one = vehicles[vehicle].count == 1 && vehicle > 0 && {
                // Of vehicles that are alike the first free one will do.
                let before = (0..vehicle).rev().take(8).find(alike);
                before
                    .is_some_and(|o| state.tours.iter().filter(|t| t.vehicle == o).count() < vehicles[o].count as usize)
            };
            if used < vehicles[vehicle].count as usize && !one_by_one {
                self.recall(job, n, u64::MAX - vehicle as u64, (vehicle, &[], 0, None), 0, &mut best);
            }
        }
        if best.is_none() {
            for tour in others {
                let t = &state.tours[tour];
                self.recall(job, tour, t.version, (t.vehicle, &t.items, t.frozen, t.departed), t.price.cost, &mut best);
            }
        }
        best
    }

    /// The best place in a route, remembered until the route changes; now and then another one.
    fn recall(
        &mut self,
        job: usize,
        tour: usize,
        version: u64,
        route: (usize, &[u32], usize, Option<i64>),
        before: i64,
        best: &mut Option<Place>,
    ) {
        let limit = best.as_ref().map_or(self.penalty[job], |b| b.added);
        let key = (job, version);
        match self.known.get(&key) {
            Some(Known::NoneBelow(least)) if *least >= limit => return,
            Some(Known::Place { added, .. }) if *added >= limit => return,
            Some(Known::Place { .. }) => {}
            Some(Known::NoneBelow(_)) | None => {
                let mut found = best.as_ref().map(|b| Place { added: b.added, items: Vec::new(), ..*b });
                self.try_tour(job, tour, route, before, false, &mut found);
                if self.known.len() >= MOST_KNOWN {
                    self.known.clear();
                }
                let Some(Place { added, items, price, .. }) = found.filter(|place| place.added < limit) else {
                    self.known.insert(key, Known::NoneBelow(limit));
                    return;
                };
                self.known.insert(key, Known::Place { added, items, price });
            }
        }
        if self.blinks.next(&mut self.rng) {
            return self.try_tour(job, tour, route, before, true, best);
        }
        if let Some(Known::Place { added, items, price }) = self.known.get(&key) {
            *best = Some(Place { added: *added, tour, vehicle: route.0, items: items.clone(), price: *price });
        }
    }

    /// All places of a job in a route, the nearest first; `passes_over` the first that would do.
    fn try_tour(
        &mut self,
        job: usize,
        tour: usize,
        (vehicle, items, frozen, departed): (usize, &[u32], usize, Option<i64>),
        before: i64,
        mut passes_over: bool,
        best: &mut Option<Place>,
    ) {
        if !self.driver.able(vehicle, job) {
            return;
        }
        let v = &self.problem.vehicles()[vehicle];
        let fixed = if items.is_empty() { v.fixed_cost } else { 0 };
        let mut leaves = std::mem::take(&mut self.leaves);
        self.driver.earliest(vehicle, items, departed, &mut leaves);
        let mut candidates = self.candidates(vehicle, items, frozen, job, &leaves);
        self.leaves = leaves;
        candidates.sort_by_key(|c| c.0);
        for (distance, pieces) in candidates.into_iter().take(MOST_TRIED) {
            let limit = best.as_ref().map_or(self.penalty[job], |b| b.added);
            // No way at all is longer than any.
            if fixed.saturating_add(v.distance_cost.saturating_mul(distance)) >= limit {
                break;
            }
            let with = put(items, &pieces);
            let Some(price) = self.driver.price(vehicle, &with, departed) else { continue };
            let added = price.cost - before;
            if added < limit && !std::mem::take(&mut passes_over) {
                *best = Some(Place { added, tour, vehicle, items: with, price });
            }
        }
    }

    /// Where a job can go into a route: the distance it adds, and what goes before which item.
    fn candidates(
        &self,
        vehicle: usize,
        items: &[u32],
        frozen: usize,
        job: usize,
        leaves: &[i64],
    ) -> Vec<(i64, Vec<(usize, u32)>)> {
        let v = &self.problem.vehicles()[vehicle];
        let (first, second) = self.driver.jobs[job];
        let n = items.len();
        let place = |i: usize| match i {
            0 => self.driver.place(v.start),
            i if i == n + 1 => self.driver.place(v.end),
            i => Some(self.driver.location(items[i - 1])),
        };
        let length = |a, b| match self.driver.lengths(a, b).0 {
            NO_WAY => i64::MAX / 64,
            length => length,
        };
        let at = |item: u32| Some(self.driver.location(item));
        let detour = |i: usize, item: u32| {
            let arc = if n == 0 { 0 } else { length(place(i), place(i + 1)) };
            length(place(i), at(item)) + length(at(item), place(i + 1)) - arc
        };
        let mut out = Vec::new();
        // Nobody is there earlier than from what stands before.
        let late = |i: usize, item: u32| {
            leaves.get(i).is_some_and(|&leave| !self.driver.in_time(vehicle, leave, place(i), item))
        };
        for i in frozen..=n {
            if late(i, first) {
                continue;
            }
            let alone = detour(i, first);
            let Some(second) = second else {
                out.push((alone, vec![(i, first)]));
                continue;
            };
            let arc = if n == 0 { 0 } else { length(place(i), place(i + 1)) };
            let both = length(place(i), at(first)) + length(at(first), at(second)) + length(at(second), place(i + 1));
            out.push((both - arc, vec![(i, first), (i, second)]));
            for j in i + 1..=n {
                // A shipment does not ride through a reload.
                if items[j - 1] >= RELOAD {
                    break;
                }
                if late(j, second) {
                    continue;
                }
                out.push((alone + detour(j, second), vec![(i, first), (j, second)]));
            }
        }
        let trips = 1 + items.iter().filter(|i| **i >= RELOAD).count();
        if let Some(reload) = v.rules.reload.as_ref().filter(|r| trips < r.max_trips as usize && n > 0) {
            for i in frozen..=n {
                for &depot in &reload.depots {
                    let depot = RELOAD + depot as u32;
                    let stops = [Some(first), second].into_iter().flatten();
                    // A new trip before or after what goes in here.
                    let orders: [Vec<u32>; 2] =
                        [[depot].into_iter().chain(stops.clone()).collect(), stops.chain([depot]).collect()];
                    for (k, order) in orders.into_iter().enumerate() {
                        if (k == 0 && i == 0) || (k == 1 && i == n) {
                            continue;
                        }
                        let way: Vec<Option<usize>> =
                            [place(i)].into_iter().chain(order.iter().map(|&o| at(o))).chain([place(i + 1)]).collect();
                        let sum: i64 = way.windows(2).map(|w| length(w[0], w[1])).sum();
                        out.push((sum - length(place(i), place(i + 1)), order.iter().map(|&o| (i, o)).collect()));
                    }
                }
            }
        }
        out
    }

    fn plan(&self, state: &State) -> Plan {
        let mut plan = Plan { routes: Vec::new(), unserved: state.absent.clone() };
        for tour in &state.tours {
            let stops = tour.items.iter().filter(|i| **i < RELOAD);
            plan.routes.push(Route {
                vehicle: tour.vehicle,
                departure: Some(tour.departed.unwrap_or(tour.price.departure)),
                visits: stops.map(|&i| self.driver.stops[i as usize].visit).collect(),
                pauses: self.driver.pauses(tour.vehicle, &tour.items, tour.price),
            });
        }
        plan.routes.sort_by_key(|r| r.vehicle);
        plan.unserved.sort_unstable();
        plan
    }
}

/// Items with more of them, each before a position, in order.
fn put(items: &[u32], pieces: &[(usize, u32)]) -> Vec<u32> {
    let mut out = Vec::with_capacity(items.len() + pieces.len());
    let mut pieces = pieces.iter().peekable();
    for i in 0..=items.len() {
        while let Some((_, piece)) = pieces.next_if(|p| p.0 == i) {
            out.push(*piece);
        }
        out.extend(items.get(i));
    }
    out
}

/// Takes out reloads that begin or end a route, or follow each other.
fn tidy(items: &mut Vec<u32>) {
    while items.last().is_some_and(|i| *i >= RELOAD) {
        items.pop();
    }
    let mut last_is_reload = true;
    items.retain(|&i| {
        let is_reload = i >= RELOAD;
        let keep = !(is_reload && last_is_reload);
        last_is_reload = is_reload;
        keep
    });
}

/// For each job the jobs near it: by the distances between all their stops.
fn near(driver: &Driver<'_>) -> Vec<Vec<u32>> {
    let n = driver.jobs.len();
    let places = |job: usize| {
        let (first, second) = driver.jobs[job];
        [Some(first), second].into_iter().flatten().map(|s| driver.location(s)).collect::<Vec<_>>()
    };
    let all: Vec<Vec<usize>> = (0..n).map(places).collect();
    let gap = |a: usize, b: usize| {
        let pairs = all[a].iter().flat_map(|&x| all[b].iter().map(move |&y| (x, y)));
        pairs.map(|(x, y)| driver.lengths(Some(x), Some(y)).0).min().unwrap_or(0)
    };
    let of = |job: usize| {
        let mut found: Vec<(i64, u32)> = (0..n).filter(|&o| o != job).map(|o| (gap(job, o), o as u32)).collect();
        let width = found.len().min(2 * NEAR);
        if found.len() > width {
            found.select_nth_unstable(width);
            found.truncate(width);
        }
        found.sort_unstable();
        found.into_iter().map(|f| f.1).collect()
    };
    (0..n).map(of).collect()
}

#[cfg(test)]
mod tests;
