//! Both stops of a shipment: n² positions of a route, of which few are driven.

use super::added::{exact, fits_after, may_join};
use super::{Inserter, Place};
use crate::search::model::{Model, NONE, Segment};
use crate::search::neighbours::Neighbours;
use crate::search::rng::Rng;
use crate::search::state::State;

impl Inserter {
    pub(super) fn pair(&mut self, state: &State<'_>, near: &Neighbours, rng: &mut Rng, job: u32, none: Place) -> Place {
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
            for &route in &routes {
                if may_join(state, route, data.first) {
                    self.scan_pair(state, rng, job, route, true, &mut best);
                }
            }
            if best.route != NONE {
                break;
            }
        }
        self.routes = routes;
        best
    }

    /// All positions of a shipment in a route.
    pub(super) fn scan_pair(
        &mut self,
        state: &State<'_>,
        rng: &mut Rng,
        job: u32,
        route: u32,
        blink: bool,
        best: &mut Place,
    ) {
        let model = state.model;
        let (slot, data) = (&state.slots[route as usize], model.jobs[job as usize]);
        let vehicle = &model.classes[slot.class as usize].vehicle;
        let (pickup, delivery, end) = (data.first, data.second, state.end(route));
        let rate = vehicle.distance_cost;
        let fixed = if slot.n_stops == 0 { vehicle.fixed_cost } else { 0 };
        let bounds = slot.n_stops > 0 && vehicle.time_cost == 0;
        let mut bounded = false;
        let mut at = state.start(route);
        while at != end {
            let next = state.nodes[at as usize].next;
            let from = at;
            at = next;
            let (node, behind) = (&state.nodes[from as usize], &state.nodes[next as usize]);
            if state.has_frozen && node.position < slot.frozen {
                continue;
            }
            let mut leave = 0;
            if model.timed {
                let s = &model.stops[pickup as usize];
                if node.leave > s.close {
                    // Whoever comes later is too late as well.
                    break;
                }
                if node.leave.max(s.open) + s.service > behind.latest {
                    continue;
                }
                let begin = model.begin(pickup, node.leave + state.time_toward(from, pickup));
                leave = begin + s.service;
                if begin > s.close || leave > behind.latest {
                    continue;
                }
            }
            let to_pickup = state.toward(from, pickup);
            let from_pickup = state.distance(pickup, next);
            let arc = if slot.n_stops == 0 { 0 } else { i64::from(behind.arc) };
            let lower = fixed + rate * (to_pickup + from_pickup - arc);
            if Model::blocked(to_pickup) || (lower >= best.cost && model.symmetric && vehicle.time_cost == 0) {
                continue;
            }
            if !fits_after(state, route, from, pickup) {
                continue;
            }
            if bounds {
                if !std::mem::replace(&mut bounded, true) {
                    self.bound_deliveries(state, delivery, route, node.position as usize + 1);
                }
                let apart = to_pickup + from_pickup - arc + self.tails[node.position as usize + 1];
                let joint = to_pickup + state.distance(pickup, delivery) + state.distance(delivery, next) - arc;
                if rate * apart.min(joint) >= best.cost {
                    continue;
                }
            }
            self.try_delivery(state, rng, route, from, leave, (pickup, delivery), fixed, blink, best);
        }
    }

    /// For each position of a route from `first` on, the least that a delivery there or later adds to its length.
    fn bound_deliveries(&mut self, state: &State<'_>, delivery: u32, route: u32, first: usize) {
        let model = state.model;
        let s = &model.stops[delivery as usize];
        let mut next = state.end(route);
        let n = state.slots[route as usize].n_stops as usize;
        self.tails.resize(n + 2, 0);
        let mut least = i64::MAX / 4;
        self.tails[n + 1] = least;
        for position in (first..=n).rev() {
            let at = state.nodes[next as usize].prev;
            let (node, behind) = (&state.nodes[at as usize], &state.nodes[next as usize]);
            let in_time = !model.timed
                || (node.leave <= s.close
                    && node.leave.max(s.open) + s.service + state.duration(delivery, next) <= behind.latest);
            if in_time {
                let added = state.toward(at, delivery) + state.distance(delivery, next) - i64::from(behind.arc);
                least = least.min(added);
            }
            self.tails[position] = least;
            next = at;
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
        blink: bool,
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
        let added = state.toward(from, pickup) - arc;
        loop {
            // The length added before `delivery`, whose own detour is between `last` and `next`.
            let passed = if last == pickup { added } else { added + state.distance(pickup, first) };
            let gap = if last == pickup { 0 } else { i64::from(state.nodes[next as usize].arc) };
            let (there, back) = (state.toward(last, delivery), state.distance(delivery, next));
            let distance = passed + there + back - gap;
            let cost = fixed + vehicle.distance_cost * distance;
            let blocked = Model::blocked(there) || Model::blocked(back) || distance > i64::from(u32::MAX) / 2;
            if vehicle.time_cost == 0 && last != pickup {
                // What is left to try costs at least this.
                let position = state.nodes[last as usize].position as usize;
                if vehicle.distance_cost * (passed + self.tails[position]) >= best.cost {
                    return;
                }
            }
            let close_enough = cost < best.cost || vehicle.time_cost > 0;
            if close_enough && !blocked && self.shunned != (from, last) {
                let place = Place { cost, route, first: from, second: last };
                let judged = judge_pair(state, place, leave, ahead, (delivery, next), distance, joins);
                if let Some(place) = judged.filter(|p| p.cost < best.cost)
                    && !(blink && self.blinks.next(rng))
                {
                    *best = place;
                }
            }
            if !state.is_stop(next) {
                return;
            }
            if model.timed {
                let arrival = leave + state.step_duration(last, next, pickup);
                if arrival > state.nodes[next as usize].latest {
                    return;
                }
                leave = model.begin(next, arrival) + model.stops[next as usize].service;
            }
            if joins {
                match ahead.then(model.segment(next), state.step_duration(last, next, pickup)) {
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
}

/// What it costs to have a shipment's delivery before `next`, all counted; `None` if that is not feasible.
fn judge_pair(
    state: &State<'_>,
    mut place: Place,
    leave: i64,
    ahead: Segment,
    (delivery, next): (u32, u32),
    distance: i64,
    joins: bool,
) -> Option<Place> {
    let model = state.model;
    let slot = &state.slots[place.route as usize];
    let vehicle = &model.classes[slot.class as usize].vehicle;
    let before = if slot.n_stops == 0 { 0 } else { slot.distance };
    if vehicle.max_distance.is_some_and(|max| before + distance > max) {
        return None;
    }
    if model.timed {
        let s = &model.stops[delivery as usize];
        let begin = model.begin(delivery, leave + state.time_toward(place.second, delivery));
        if begin > s.close || begin + s.service + state.duration(delivery, next) > state.nodes[next as usize].latest {
            return None;
        }
    }
    if model.lasting {
        let duration = if joins {
            let own = ahead.then(model.segment(delivery), state.duration(place.second, delivery))?;
            own.then(state.behind[next as usize], state.duration(delivery, next))?.duration
        } else {
            let pickup = model.stops[delivery as usize].partner;
            exact(state, place.route, &[(pickup, place.first), (delivery, place.second)])?
        };
        if vehicle.max_duration.is_some_and(|max| duration > max) {
            return None;
        }
        place.cost += vehicle.time_cost * (duration - if slot.n_stops > 0 { slot.duration } else { 0 });
    }
    Some(place)
}
