//! Where a job that is not served costs least: greedy insertion with blinks.
//! Christiaens and Vanden Berghe (2020), narrowed to the neighbourhood of the job's stops.

use super::model::{Model, NONE, Segment};
use super::neighbours::{Near, Neighbours};
use super::rng::Rng;
use super::state::State;

/// Neighbours that are looked at first.
pub(super) const NARROW: usize = 40;

/// One position in so many is passed over.
const BLINK: usize = 100;

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

/// What insertion needs to remember between calls.
pub(super) struct Inserter {
    narrow: usize,
    until_blink: usize,
    seen: Vec<u32>,
    met: Vec<u32>,
    now: u32,
    routes: Vec<u32>,
}

impl Inserter {
    pub(super) fn new(n_slots: usize, n_nodes: usize, narrow: usize) -> Self {
        Self { narrow, until_blink: BLINK, seen: vec![0; n_slots], met: vec![0; n_nodes], now: 0, routes: Vec::new() }
    }

    /// Whether to pass over this position; on average one in a hundred, with one random number for each.
    #[inline]
    fn blinks(&mut self, rng: &mut Rng) -> bool {
        self.until_blink -= 1;
        if self.until_blink > 0 {
            return false;
        }
        self.until_blink = 1 + rng.below(2 * BLINK - 1);
        true
    }

    /// The cheapest place of a job found, cheaper than not to serve it.
    pub(super) fn best(&mut self, state: &State<'_>, near: &Neighbours, rng: &mut Rng, job: u32) -> Option<Place> {
        let data = state.model.jobs[job as usize];
        let none = Place { cost: data.penalty, route: NONE, first: NONE, second: NONE };
        let place = if data.second == NONE {
            self.single(state, near, rng, data.first, none)
        } else {
            self.pair(state, near, rng, job, none)
        };
        (place.route != NONE).then_some(place)
    }

    /// Whether the position after this node has not been looked at for this stop.
    #[inline]
    fn is_new(&mut self, node: u32) -> bool {
        std::mem::replace(&mut self.met[node as usize], self.now) != self.now
    }

    fn single(&mut self, state: &State<'_>, near: &Neighbours, rng: &mut Rng, stop: u32, none: Place) -> Place {
        let mut best = none;
        self.now = self.now.wrapping_add(1);
        let all = near.of(stop);
        let narrow = self.narrow.min(all.len());
        let model = state.model;
        let one_rate = model.classes[0].vehicle.distance_cost;
        for (ring, others) in [&all[..narrow], &all[narrow..]].into_iter().enumerate() {
            for &Near { stop: other, length } in others {
                if other == NONE {
                    break;
                }
                let node = &state.nodes[other as usize];
                let route = node.route;
                if route == NONE {
                    continue;
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
                if !(after || ahead) || !may_join(state, route, stop) {
                    continue;
                }
                // A position is met from both its ends and blinked at once: a second look would undo the blink.
                if after && self.is_new(other) && !self.blinks(rng) {
                    try_single(state, stop, other, node.next, route, &mut best);
                }
                if ahead && self.is_new(node.prev) && !self.blinks(rng) {
                    try_single(state, stop, node.prev, other, route, &mut best);
                }
            }
            if best.route != NONE {
                break;
            }
            if ring == 1 {
                self.everywhere(state, stop, &mut best);
            }
        }
        for spare in &state.spare {
            if let Some(&route) = spare.last()
                && may_join(state, route, stop)
            {
                try_single(state, stop, state.start(route), state.end(route), route, &mut best);
            }
        }
        best
    }

    /// All positions of all routes: the last resort, while there are not too many.
    fn everywhere(&mut self, state: &State<'_>, stop: u32, best: &mut Place) {
        if state.model.stops.len() > 3_000 && state.spare.iter().any(|s| !s.is_empty()) {
            return;
        }
        for &route in &state.used {
            if may_join(state, route, stop) {
                let mut at = state.start(route);
                while at != state.end(route) {
                    let next = state.nodes[at as usize].next;
                    try_single(state, stop, at, next, route, best);
                    at = next;
                }
            }
        }
    }

    fn pair(&mut self, state: &State<'_>, near: &Neighbours, rng: &mut Rng, job: u32, none: Place) -> Place {
        let data = state.model.jobs[job as usize];
        let mut best = none;
        let mut routes = std::mem::take(&mut self.routes);
        for wide in [false, true] {
            routes.clear();
            self.now = self.now.wrapping_add(1);
            for stop in [data.first, data.second] {
                let all = near.of(stop);
                let width = if wide { all.len() } else { self.narrow.min(all.len()) };
                for other in all[..width].iter().map(|n| n.stop).take_while(|&o| o != NONE) {
                    let route = state.nodes[other as usize].route;
                    if route != NONE && self.seen[route as usize] != self.now {
                        self.seen[route as usize] = self.now;
                        routes.push(route);
                    }
                }
            }
            if wide && state.model.stops.len() <= 3_000 {
                routes.clear();
                routes.extend_from_slice(&state.used);
            }
            for &route in &routes {
                self.try_pair(state, rng, job, route, &mut best);
            }
            if best.route != NONE {
                break;
            }
        }
        self.routes = routes;
        for spare in &state.spare {
            if let Some(&route) = spare.last() {
                self.try_pair(state, rng, job, route, &mut best);
            }
        }
        best
    }

    /// All positions of a shipment in a route.
    fn try_pair(&mut self, state: &State<'_>, rng: &mut Rng, job: u32, route: u32, best: &mut Place) {
        let model = state.model;
        let (slot, data) = (&state.slots[route as usize], model.jobs[job as usize]);
        if !model.allowed(slot.class, job) {
            return;
        }
        let vehicle = &model.classes[slot.class as usize].vehicle;
        let (pickup, delivery, end) = (data.first, data.second, state.end(route));
        let rate = vehicle.distance_cost;
        let fixed = if slot.n_stops == 0 { vehicle.fixed_cost } else { 0 };
        let mut at = state.start(route);
        while at != end {
            let next = state.nodes[at as usize].next;
            let from = at;
            at = next;
            let node = &state.nodes[from as usize];
            if state.has_frozen && node.position < slot.frozen {
                continue;
            }
            let to_pickup = state.distance(from, pickup);
            let from_pickup = state.distance(pickup, next);
            let arc = if slot.n_stops == 0 { 0 } else { i64::from(state.nodes[next as usize].arc) };
            let lower = fixed + rate * (to_pickup + from_pickup - arc);
            if Model::blocked(to_pickup) || (lower >= best.cost && model.symmetric) {
                continue;
            }
            let mut leave = 0;
            if model.timed {
                let begin = model.begin(pickup, node.leave + state.duration(from, pickup));
                if begin > model.stops[pickup as usize].close {
                    // Whoever comes later is too late as well.
                    break;
                }
                leave = begin + model.stops[pickup as usize].service;
            }
            if !fits_after(state, route, from, pickup) || self.blinks(rng) {
                continue;
            }
            self.try_delivery(state, rng, route, from, leave, (pickup, delivery), fixed, best);
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn try_delivery(
        &mut self,
        state: &State<'_>,
        rng: &mut Rng,
        route: u32,
        from: u32,
        mut leave: i64,
        (pickup, delivery): (u32, u32),
        fixed: i64,
        best: &mut Place,
    ) {
        let model = state.model;
        let slot = &state.slots[route as usize];
        let vehicle = &model.classes[slot.class as usize].vehicle;
        let first = state.nodes[from as usize].next;
        // The route from the pickup on, as it would be without the delivery yet: `last` is its last node so far.
        let (mut last, mut next) = (pickup, first);
        let mut ahead = Segment::default();
        let joins = model.lasting && !model.several_windows;
        if joins {
            match state.ahead[from as usize].then(model.segment(pickup), state.duration(from, pickup)) {
                Some(joined) => ahead = joined,
                None => return,
            }
        }
        let arc = if slot.n_stops == 0 { 0 } else { i64::from(state.nodes[first as usize].arc) };
        let added = state.distance(from, pickup) - arc;
        loop {
            // The length added before `delivery`, whose own detour is between `last` and `next`.
            let passed = if last == pickup { added } else { added + state.distance(pickup, first) };
            let gap = if last == pickup { 0 } else { i64::from(state.nodes[next as usize].arc) };
            let (there, back) = (state.distance(last, delivery), state.distance(delivery, next));
            let distance = passed + there + back - gap;
            let cost = fixed + vehicle.distance_cost * distance;
            let blocked = Model::blocked(there) || Model::blocked(back) || distance > i64::from(u32::MAX) / 2;
            let close_enough = cost < best.cost || vehicle.time_cost > 0;
            if close_enough && !blocked && !self.blinks(rng) {
                let place = Place { cost, route, first: from, second: last };
                self.judge_pair(state, place, leave, ahead, (delivery, next), distance, joins, best);
            }
            if !state.is_stop(next) {
                return;
            }
            if model.timed {
                let arrival = leave + state.duration(last, next);
                if arrival > state.nodes[next as usize].latest {
                    return;
                }
                leave = model.begin(next, arrival) + model.stops[next as usize].service;
            }
            if joins {
                match ahead.then(model.segment(next), state.duration(last, next)) {
                    Some(joined) => ahead = joined,
                    None => return,
                }
            }
            if !fits_after(state, route, next, pickup) {
                return;
            }
            (last, next) = (next, state.nodes[next as usize].next);
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn judge_pair(
        &self,
        state: &State<'_>,
        mut place: Place,
        leave: i64,
        ahead: Segment,
        (delivery, next): (u32, u32),
        distance: i64,
        joins: bool,
        best: &mut Place,
    ) {
        let model = state.model;
        let slot = &state.slots[place.route as usize];
        let vehicle = &model.classes[slot.class as usize].vehicle;
        let before = if slot.n_stops == 0 { 0 } else { slot.distance };
        if vehicle.max_distance.is_some_and(|max| before + distance > max) {
            return;
        }
        if model.timed {
            let s = &model.stops[delivery as usize];
            let begin = model.begin(delivery, leave + state.duration(place.second, delivery));
            if begin > s.close {
                return;
            }
            if begin + s.service + state.duration(delivery, next) > state.nodes[next as usize].latest {
                return;
            }
        }
        if model.lasting {
            let duration = if joins {
                let own = ahead.then(model.segment(delivery), state.duration(place.second, delivery));
                own.and_then(|o| o.then(state.behind[next as usize], state.duration(delivery, next)))
                    .map(|s| s.duration)
            } else {
                let pickup = model.stops[delivery as usize].partner;
                exact(state, place.route, &[(pickup, place.first), (delivery, place.second)])
            };
            let Some(duration) = duration else { return };
            if vehicle.max_duration.is_some_and(|max| duration > max) {
                return;
            }
            place.cost += vehicle.time_cost * (duration - if slot.n_stops > 0 { slot.duration } else { 0 });
        }
        if place.cost < best.cost {
            *best = place;
        }
    }
}

/// Whether a route's vehicle may serve the stop and has room for it somewhere.
#[inline]
fn may_join(state: &State<'_>, route: u32, stop: u32) -> bool {
    let model = state.model;
    let class = state.class(route);
    if !model.allowed(class, model.stops[stop as usize].job) {
        return false;
    }
    let capacity = &model.classes[class as usize].vehicle.capacity;
    let d = model.n_dimensions;
    (0..d).all(|k| {
        let load = state.loads[route as usize * d + k] + model.carried[stop as usize * d + k];
        load <= capacity[k] && model.change[stop as usize * d + k] <= capacity[k]
    })
}

/// Whether what is taken in at `pickup` fits beside what is in the vehicle after `node`.
#[inline]
fn fits_after(state: &State<'_>, route: u32, node: u32, pickup: u32) -> bool {
    let model = state.model;
    let d = model.n_dimensions;
    let capacity = &model.classes[state.class(route) as usize].vehicle.capacity;
    (0..d).all(|k| state.after[node as usize * d + k] + model.change[pickup as usize * d + k] <= capacity[k])
}

/// Whether a delivery fits in all of the route before, or a pickup in all after.
fn profile_fits(state: &State<'_>, route: u32, stop: u32, prev: u32) -> bool {
    let model = state.model;
    let d = model.n_dimensions;
    let capacity = &model.classes[state.class(route) as usize].vehicle.capacity;
    (0..d).all(|k| {
        let change = model.change[stop as usize * d + k];
        let at = prev as usize * d + k;
        if change <= 0 {
            return state.most_before[at] - change <= capacity[k];
        }
        let next = state.nodes[prev as usize].next;
        let rest = if state.is_stop(next) { state.most_after[next as usize * d + k] } else { i64::MIN / 2 };
        state.after[at].max(rest) + change <= capacity[k]
    })
}

/// One position of one stop.
#[inline]
fn try_single(state: &State<'_>, stop: u32, prev: u32, next: u32, route: u32, best: &mut Place) {
    let model = state.model;
    let (here, before, behind) =
        (state.nodes[stop as usize].location, &state.nodes[prev as usize], &state.nodes[next as usize]);
    let (there, back) = if model.symmetric {
        (model.distance(here, before.location), model.distance(here, behind.location))
    } else {
        (model.distance(before.location, here), model.distance(here, behind.location))
    };
    let slot = &state.slots[route as usize];
    let vehicle = &model.classes[slot.class as usize].vehicle;
    let mut added = there + back - i64::from(behind.arc);
    let mut fixed = 0;
    if slot.n_stops == 0 {
        (added, fixed) = (there + back, vehicle.fixed_cost);
    }
    let mut cost = fixed + vehicle.distance_cost * added;
    if cost >= best.cost && vehicle.time_cost == 0 {
        return;
    }
    if Model::blocked(there) || Model::blocked(back) || (state.has_frozen && before.position < slot.frozen) {
        return;
    }
    if vehicle.max_distance.is_some_and(|max| if slot.n_stops == 0 { added } else { slot.distance + added } > max) {
        return;
    }
    if model.timed {
        let Some(change) = time_added(state, stop, prev, next, route) else { return };
        cost += vehicle.time_cost * change;
        if cost >= best.cost {
            return;
        }
    }
    if model.profiled && !profile_fits(state, route, stop, prev) {
        return;
    }
    *best = Place { cost, route, first: prev, second: NONE };
}

/// How much longer the route takes, if that is asked at all; `None` if it is not in time.
#[inline]
fn time_added(state: &State<'_>, stop: u32, prev: u32, next: u32, route: u32) -> Option<i64> {
    let model = state.model;
    let slot = &state.slots[route as usize];
    let release = model.jobs[model.stops[stop as usize].job as usize].release;
    let s = &model.stops[stop as usize];
    let (there, back) = (state.duration(prev, stop), state.duration(stop, next));
    if release > slot.ready {
        return released(state, stop, prev, route);
    }
    let begin = model.begin(stop, state.nodes[prev as usize].leave + there);
    if begin > s.close || begin + s.service + back > state.nodes[next as usize].latest {
        return None;
    }
    if !model.lasting {
        return Some(0);
    }
    let duration = if model.several_windows {
        exact(state, route, &[(stop, prev)])?
    } else {
        let ahead = state.ahead[prev as usize].then(model.segment(stop), there)?;
        ahead.then(state.behind[next as usize], back)?.duration
    };
    lasts(state, route, duration)
}

/// The change of a route's duration, if its vehicle may be out so long.
fn lasts(state: &State<'_>, route: u32, duration: i64) -> Option<i64> {
    let slot = &state.slots[route as usize];
    let vehicle = &state.model.classes[slot.class as usize].vehicle;
    if vehicle.max_duration.is_some_and(|max| duration > max) {
        return None;
    }
    Some(duration - if slot.n_stops > 0 { slot.duration } else { 0 })
}

/// A stop whose goods make the whole route leave later: the way is driven again.
fn released(state: &State<'_>, stop: u32, prev: u32, route: u32) -> Option<i64> {
    let duration = exact(state, route, &[(stop, prev)])?;
    if state.model.lasting { lasts(state, route, duration) } else { Some(0) }
}

/// The duration of a route with more stops, each after a node.
fn exact(state: &State<'_>, route: u32, more: &[(u32, u32)]) -> Option<i64> {
    let model = state.model;
    let slot = &state.slots[route as usize];
    let class = &model.classes[slot.class as usize];
    let mut stops = Vec::with_capacity(slot.n_stops as usize + more.len());
    let mut ready = slot.ready;
    let mut at = state.start(route);
    loop {
        if state.is_stop(at) {
            stops.push(at);
        }
        let mut last = at;
        for &(stop, after) in more {
            if after == last {
                stops.push(stop);
                ready = ready.max(model.jobs[model.stops[stop as usize].job as usize].release);
                last = stop;
            }
        }
        at = state.nodes[at as usize].next;
        if at == state.end(route) {
            break;
        }
    }
    if ready > slot.departed.unwrap_or(class.leave.end) {
        return None;
    }
    super::exact::shortest(model, class, ready, slot.departed, &stops).map(|(_, duration)| duration)
}
