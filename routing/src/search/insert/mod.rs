//! Where a job that is not served costs least: greedy insertion with blinks over all positions of the
//! routes near by, after Christiaens and Vanden Berghe (2020). The best place of a job in a route is remembered until the route changes.

mod added;
mod pair;

use super::model::{Model, NONE};
use super::neighbours::{Near, Neighbours};
use super::rng::{Blinks, Rng};
use super::state::State;
use added::{may_join, try_single};

/// Neighbours that are looked at first.
pub(super) const NARROW: usize = 40;

/// A stop goes back into routes that are changing or have one of so many of its nearest stops; into others if none of these
/// can take it.
const CLOSE: usize = 15;

/// Up to this many jobs all positions of such routes are looked at; above, those beside neighbours.
const EVERYWHERE_UP_TO: usize = 4_000;

/// Where to put a job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) cost: i64,
    pub(super) route: u32,
    /// After which node the only stop goes, or the pickup.
    pub(super) first: u32,
    /// After which node the delivery goes; the pickup itself, if it follows at once.
    pub(super) second: u32,
}

/// The best place of a job in a route as it stood at a version of that route.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// `first` is `NONE`: there is no place that costs less.
    cost: i64,
    version: u32,
    first: u32,
}

/// The most entries kept of what is known; above, stops go back beside their neighbours only.
const MOST_KNOWN: usize = 6_000_000;

/// What insertion needs to remember between calls.
pub(super) struct Inserter {
    narrow: usize,
    blinks: Blinks,
    seen: Vec<u32>,
    met: Vec<u32>,
    now: u32,
    routes: Vec<u32>,
    /// By job and slot, up to `width` slots; empty where there are too many.
    known: Vec<Known>,
    /// Where the delivery goes, for problems with shipments.
    known_second: Vec<u32>,
    width: usize,
    /// A position to be passed over.
    shunned: (u32, u32),
    /// What a delivery adds at least, by position.
    tails: Vec<i64>,
}

impl Inserter {
    pub(super) fn new(state: &State<'_>, narrow: usize) -> Self {
        let (n_jobs, n_slots) = (state.model.jobs.len(), state.slots.len());
        Self {
            narrow,
            blinks: Blinks::default(),
            seen: vec![0; n_slots],
            met: vec![0; state.nodes.len()],
            now: 0,
            routes: Vec::new(),
            known: Vec::new(),
            known_second: Vec::new(),
            width: if n_jobs > EVERYWHERE_UP_TO { 0 } else { n_slots.min(MOST_KNOWN / n_jobs.max(1)) },
            shunned: (NONE, NONE),
            tails: Vec::new(),
        }
    }

    /// Makes room for what is to be remembered of places, for plans of about as many routes as there are now.
    pub(super) fn remember(&mut self, state: &State<'_>) {
        let highest = state.used.iter().max().map_or(0, |&r| r as usize + 1);
        self.width = self.width.min(highest + highest / 4 + 8);
        let n = self.width * state.model.jobs.len();
        self.known = vec![Known { cost: 0, version: u32::MAX, first: NONE }; n];
        self.known_second = if state.model.pairs { vec![NONE; n] } else { Vec::new() };
    }

    /// The cheapest place of a job found, cheaper than not to serve it.
    pub(super) fn best(&mut self, state: &State<'_>, near: &Neighbours, rng: &mut Rng, job: u32) -> Option<Place> {
        let data = state.model.jobs[job as usize];
        let mut best = Place { cost: data.penalty, route: NONE, first: NONE, second: NONE };
        if self.width > 0 {
            self.everywhere(state, near, rng, job, &mut best);
        } else if data.second == NONE {
            best = self.single(state, near, rng, data.first, best);
        } else {
            best = self.pair(state, near, rng, job, best);
        }
        for spare in &state.spare {
            if let Some(&route) = spare.last()
                && may_join(state, route, data.first)
            {
                self.scan(state, rng, job, route, false, &mut best);
            }
        }
        (best.route != NONE).then_some(best)
    }

    /// All positions of routes that are near, or of all if none of them has room. Routes that changed since the mark are
    /// driven along; of the others the best place is remembered until they change.
    fn everywhere(&mut self, state: &State<'_>, near: &Neighbours, rng: &mut Rng, job: u32, best: &mut Place) {
        let stop = state.model.jobs[job as usize].first;
        for &route in &state.touched {
            if state.slots[route as usize].n_stops > 0 && may_join(state, route, stop) {
                self.scan(state, rng, job, route, true, best);
            }
        }
        self.now = self.now.wrapping_add(1);
        for other in near.of(stop).iter().take(CLOSE).map(|n| n.stop).take_while(|&other| other != NONE) {
            let route = state.nodes[other as usize].route;
            if route == NONE || std::mem::replace(&mut self.seen[route as usize], self.now) == self.now {
                continue;
            }
            if !state.is_touched(route) && may_join(state, route, stop) {
                self.recall(state, rng, job, route, best);
            }
        }
        if best.route != NONE {
            return;
        }
        if let Some(capacity) = state.model.one_capacity {
            let most = capacity - state.model.carried[stop as usize];
            if state.model.change[stop as usize] <= capacity {
                for &route in &state.used {
                    if state.loads[route as usize] <= most && !state.is_touched(route) {
                        self.recall(state, rng, job, route, best);
                    }
                }
            }
            return;
        }
        for &route in &state.used {
            if !state.is_touched(route) && may_join(state, route, stop) {
                self.recall(state, rng, job, route, best);
            }
        }
    }

    /// The best place in a route that did not change since the mark.
    #[inline]
    fn recall(&mut self, state: &State<'_>, rng: &mut Rng, job: u32, route: u32, best: &mut Place) {
        if route as usize >= self.width || self.known.is_empty() {
            return self.scan(state, rng, job, route, true, best);
        }
        let at = job as usize * self.width + route as usize;
        let version = state.slots[route as usize].version;
        let known = self.known[at];
        let mut place = Place { cost: known.cost, route, first: known.first, second: NONE };
        if known.version == version {
            if known.cost >= best.cost {
                return;
            }
            if state.model.pairs {
                place.second = self.known_second[at];
            }
        }
        if known.version != version || known.first == NONE {
            place = Place { cost: best.cost, route: NONE, first: NONE, second: NONE };
            self.scan(state, rng, job, route, false, &mut place);
            self.known[at] = Known { cost: place.cost, version, first: place.first };
            if state.model.pairs {
                self.known_second[at] = place.second;
            }
            if place.route == NONE {
                return;
            }
        }
        if self.blinks.next(rng) {
            self.shunned = (place.first, place.second);
            self.scan(state, rng, job, route, true, best);
            self.shunned = (NONE, NONE);
        } else {
            *best = place;
        }
    }

    /// All positions of a job in a route.
    fn scan(&mut self, state: &State<'_>, rng: &mut Rng, job: u32, route: u32, blink: bool, best: &mut Place) {
        let data = state.model.jobs[job as usize];
        if state.scans_plain && state.slots[route as usize].n_stops > 0 {
            self.scan_plain(state, rng, data.first, route, blink, best);
        } else if data.second == NONE {
            self.scan_single(state, rng, data.first, route, blink, best);
        } else {
            self.scan_pair(state, rng, job, route, blink, best);
        }
    }

    /// All positions of a stop in a route of which only lengths matter.
    fn scan_plain(&mut self, state: &State<'_>, rng: &mut Rng, stop: u32, route: u32, blink: bool, best: &mut Place) {
        let here = state.nodes[stop as usize].location;
        match state.model.row(here) {
            Some(row) => self.scan_lengths(state, rng, route, blink, best, |to| i64::from(row[to as usize])),
            None => self.scan_lengths(state, rng, route, blink, best, |to| state.model.distance(here, to)),
        }
    }

    #[inline(always)]
    fn scan_lengths(
        &mut self,
        state: &State<'_>,
        rng: &mut Rng,
        route: u32,
        blink: bool,
        best: &mut Place,
        length: impl Fn(u32) -> i64,
    ) {
        let rate = state.model.classes[state.class(route) as usize].vehicle.distance_cost;
        let end = state.end(route);
        let mut at = state.start(route);
        let mut there = length(state.nodes[at as usize].location);
        while at != end {
            let next = state.nodes[at as usize].next;
            let node = &state.nodes[next as usize];
            let back = length(node.location);
            let cost = rate * (there + back - i64::from(node.arc));
            if cost < best.cost
                && !Model::blocked(there)
                && !Model::blocked(back)
                && at != self.shunned.0
                && !(blink && self.blinks.next(rng))
            {
                *best = Place { cost, route, first: at, second: NONE };
            }
            there = back;
            at = next;
        }
    }

    fn scan_single(&mut self, state: &State<'_>, rng: &mut Rng, stop: u32, route: u32, blink: bool, best: &mut Place) {
        let here = state.nodes[stop as usize].location;
        match state.model.row(here) {
            Some(row) if state.model.symmetric => {
                let length = |to: u32| i64::from(row[to as usize]);
                self.scan_timed(state, rng, stop, route, blink, best, length, length);
            }
            _ => {
                let model = state.model;
                let from = |at| if model.symmetric { model.distance(here, at) } else { model.distance(at, here) };
                self.scan_timed(state, rng, stop, route, blink, best, from, |to| model.distance(here, to));
            }
        }
    }

    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "one body for lengths that are looked up and worked out")]
    fn scan_timed(
        &mut self,
        state: &State<'_>,
        rng: &mut Rng,
        stop: u32,
        route: u32,
        blink: bool,
        best: &mut Place,
        from: impl Fn(u32) -> i64,
        to: impl Fn(u32) -> i64,
    ) {
        let model = state.model;
        let (open, close) = (model.stops[stop as usize].open, model.stops[stop as usize].close);
        let end = state.end(route);
        let mut at = state.start(route);
        if model.timed {
            let served = open + model.stops[stop as usize].service;
            // Where this would make the next stop late.
            while at != end && state.nodes[state.nodes[at as usize].next as usize].latest < served {
                at = state.nodes[at as usize].next;
            }
        }
        let mut there = from(state.nodes[at as usize].location);
        while at != end {
            let next = state.nodes[at as usize].next;
            let location = state.nodes[next as usize].location;
            let back = to(location);
            // Whoever comes later is too late as well.
            if model.timed && state.nodes[at as usize].leave > close {
                return;
            }
            if let Some(place) = try_single(state, stop, at, next, route, (there, back), best.cost)
                && at != self.shunned.0
                && !(blink && self.blinks.next(rng))
            {
                *best = place;
            }
            there = if model.symmetric { back } else { from(location) };
            at = next;
        }
    }

    /// Whether the position after this node has not been looked at for this stop.
    #[inline]
    fn is_new(&mut self, node: u32) -> bool {
        std::mem::replace(&mut self.met[node as usize], self.now) != self.now
    }

    /// Beside the neighbours, and at the ends of their routes.
    fn single(&mut self, state: &State<'_>, near: &Neighbours, rng: &mut Rng, stop: u32, none: Place) -> Place {
        let mut best = none;
        self.now = self.now.wrapping_add(1);
        let all = near.of(stop);
        let narrow = self.narrow.min(all.len());
        let model = state.model;
        let one_rate = model.classes[0].vehicle.distance_cost;
        let room = model.one_capacity.map(|c| c - model.carried[stop as usize]);
        let joins = |route: u32| match room {
            Some(room) if !model.profiled => state.loads[route as usize] <= room,
            _ => may_join(state, route, stop),
        };
        for others in [&all[..narrow], &all[narrow..]] {
            for &Near { stop: other, length } in others {
                if other == NONE {
                    break;
                }
                let node = &state.nodes[other as usize];
                let route = node.route;
                if route == NONE {
                    continue;
                }
                if self.seen[route as usize] != self.now {
                    self.seen[route as usize] = self.now;
                    if joins(route) {
                        // The ends are nobody's neighbours.
                        let (start, end) = (state.start(route), state.end(route));
                        for prev in [start, state.nodes[end as usize].prev] {
                            if self.is_new(prev) {
                                self.try_after(state, rng, stop, prev, route, &mut best);
                            }
                        }
                    }
                }
                // Of an arc's two ends the nearer one finds it: beside the farther it adds at least this much.
                let (mut after, mut ahead) = (true, true);
                if model.symmetric {
                    let rate = match model.classes.len() {
                        1 => one_rate,
                        _ => model.classes[state.class(route) as usize].vehicle.distance_cost,
                    };
                    let twice = 2 * i64::from(length);
                    after = rate * (twice - i64::from(state.nodes[node.next as usize].arc)) < best.cost;
                    ahead = rate * (twice - i64::from(node.arc)) < best.cost;
                }
                if !(after || ahead) || !joins(route) {
                    continue;
                }
                // A position is met from both its ends and blinked at once: a second look would undo the blink.
                if after && self.is_new(other) {
                    self.try_after(state, rng, stop, other, route, &mut best);
                }
                if ahead && self.is_new(node.prev) {
                    self.try_after(state, rng, stop, node.prev, route, &mut best);
                }
            }
            if best.route != NONE {
                break;
            }
        }
        best
    }

    #[inline]
    fn try_after(&mut self, state: &State<'_>, rng: &mut Rng, stop: u32, prev: u32, route: u32, best: &mut Place) {
        let model = state.model;
        let next = state.nodes[prev as usize].next;
        let here = state.nodes[stop as usize].location;
        let there = state.toward(prev, stop);
        let back = model.distance(here, state.nodes[next as usize].location);
        if let Some(place) = try_single(state, stop, prev, next, route, (there, back), best.cost)
            && !self.blinks.next(rng)
        {
            *best = place;
        }
    }
}
