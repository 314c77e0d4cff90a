//! Whether a stop fits at a position, and what it adds there, in constant time.

use super::Place;
use crate::search::model::{Model, NONE};
use crate::search::state::State;

/// Whether a route's vehicle may serve the stop and has room for it somewhere.
#[inline]
pub(super) fn may_join(state: &State<'_>, route: u32, stop: u32) -> bool {
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
pub(super) fn fits_after(state: &State<'_>, route: u32, node: u32, pickup: u32) -> bool {
    let model = state.model;
    let d = model.n_dimensions;
    let capacity = &model.classes[state.class(route) as usize].vehicle.capacity;
    (0..d).all(|k| state.after[node as usize * d + k] + model.change[pickup as usize * d + k] <= capacity[k])
}

/// Whether a delivery fits in all of the route before, or a pickup in all after.
pub(super) fn profile_fits(state: &State<'_>, route: u32, stop: u32, prev: u32) -> bool {
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

/// One position of one stop, if it costs less than `below`.
#[inline(always)]
pub(super) fn try_single(
    state: &State<'_>,
    stop: u32,
    prev: u32,
    next: u32,
    route: u32,
    (there, back): (i64, i64),
    below: i64,
) -> Option<Place> {
    let model = state.model;
    let slot = &state.slots[route as usize];
    let vehicle = &model.classes[slot.class as usize].vehicle;
    let mut added = there + back - i64::from(state.nodes[next as usize].arc);
    let mut fixed = 0;
    if slot.n_stops == 0 {
        (added, fixed) = (there + back, vehicle.fixed_cost);
    }
    let mut cost = fixed + vehicle.distance_cost * added;
    if cost >= below && vehicle.time_cost == 0 {
        return None;
    }
    let is_frozen = state.has_frozen && state.nodes[prev as usize].position < slot.frozen;
    if Model::blocked(there) || Model::blocked(back) || is_frozen {
        return None;
    }
    if vehicle.max_distance.is_some_and(|max| if slot.n_stops == 0 { added } else { slot.distance + added } > max) {
        return None;
    }
    if model.timed {
        cost += vehicle.time_cost * time_added(state, stop, prev, next, route, (there, back))?;
        if cost >= below {
            return None;
        }
    }
    if model.profiled && !profile_fits(state, route, stop, prev) {
        return None;
    }
    Some(Place { cost, route, first: prev, second: NONE })
}

/// How much longer the route takes, if that is asked at all; `None` if it is not in time.
#[inline]
pub(super) fn time_added(
    state: &State<'_>,
    stop: u32,
    prev: u32,
    next: u32,
    route: u32,
    lengths: (i64, i64),
) -> Option<i64> {
    let model = state.model;
    let slot = &state.slots[route as usize];
    let release = model.jobs[model.stops[stop as usize].job as usize].release;
    let s = &model.stops[stop as usize];
    let (there, back) =
        if model.time_is_distance() { lengths } else { (state.duration(prev, stop), state.duration(stop, next)) };
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
pub(super) fn lasts(state: &State<'_>, route: u32, duration: i64) -> Option<i64> {
    let slot = &state.slots[route as usize];
    let vehicle = &state.model.classes[slot.class as usize].vehicle;
    if vehicle.max_duration.is_some_and(|max| duration > max) {
        return None;
    }
    Some(duration - if slot.n_stops > 0 { slot.duration } else { 0 })
}

/// A stop whose goods make the whole route leave later: the way is driven again.
pub(super) fn released(state: &State<'_>, stop: u32, prev: u32, route: u32) -> Option<i64> {
    let duration = exact(state, route, &[(stop, prev)])?;
    if state.model.lasting { lasts(state, route, duration) } else { Some(0) }
}

/// The duration of a route with more stops, each after a node.
pub(super) fn exact(state: &State<'_>, route: u32, more: &[(u32, u32)]) -> Option<i64> {
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
    crate::search::exact::shortest(model, class, ready, slot.departed, &stops).map(|(_, duration)| duration)
}
