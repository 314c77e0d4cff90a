//! Which vehicle drives a route: routes that changed go over to a vehicle of another kind, or two routes change
//! theirs, where that costs less.

use super::model::NONE;
use super::rng::Rng;
use super::state::State;

/// Other routes that one is compared with.
const OTHERS: usize = 64;

/// Gives the routes that changed since the mark the best vehicles, one after another.
pub(super) fn reassign(state: &mut State<'_>, rng: &mut Rng) {
    for t in 0..state.touched.len() {
        let route = state.touched[t];
        if is_free(state, route) && state.slots[route as usize].n_stops > 0 {
            improve(state, rng, route);
        }
    }
}

/// Whether nothing ties the route to its vehicle.
fn is_free(state: &State<'_>, route: u32) -> bool {
    let slot = &state.slots[route as usize];
    slot.frozen == 0 && slot.given == NONE && slot.departed.is_none()
}

fn improve(state: &mut State<'_>, rng: &mut Rng, route: u32) {
    let mut best = (0, NONE);
    for class in (0..state.model.classes.len() as u32).filter(|&c| c != state.class(route)) {
        if let Some(&spare) = state.spare[class as usize].last()
            && is_free(state, spare)
            && let Some(cost) = cost_with(state, route, class)
        {
            best = best.min((cost - state.slots[route as usize].cost, spare));
        }
    }
    let n = state.used.len();
    let from = rng.below(n);
    for i in 0..n.min(OTHERS) {
        let other = state.used[(from + i) % n];
        let (own, others) = (state.class(route), state.class(other));
        if own == others || !is_free(state, other) {
            continue;
        }
        if let (Some(a), Some(b)) = (cost_with(state, route, others), cost_with(state, other, own)) {
            let change = a + b - state.slots[route as usize].cost - state.slots[other as usize].cost;
            best = best.min((change, other));
        }
    }
    let (change, other) = best;
    if change < 0 {
        let before = state.cost;
        if !exchange(state, route, other) || state.cost >= before {
            exchange(state, route, other);
        }
    }
}

/// What a route costs with a vehicle of another kind, durations as they are; `None` if its loads do not fit.
fn cost_with(state: &State<'_>, route: u32, class: u32) -> Option<i64> {
    let model = state.model;
    let slot = &state.slots[route as usize];
    let (old, new) = (&model.classes[slot.class as usize], &model.classes[class as usize]);
    if !state.loads_fit(route, class) {
        return None;
    }
    let mut distance = slot.distance;
    if (old.start, old.end) != (new.start, new.end) {
        let first = state.nodes[state.nodes[state.start(route) as usize].next as usize].location;
        let last = state.nodes[state.nodes[state.end(route) as usize].prev as usize].location;
        distance += model.distance(new.start, first) - model.distance(old.start, first);
        distance += model.distance(last, new.end) - model.distance(last, old.end);
    }
    let v = &new.vehicle;
    Some(v.fixed_cost + v.distance_cost * distance + v.time_cost * slot.duration)
}

/// Two slots exchange their stops; whether both are feasible then.
fn exchange(state: &mut State<'_>, a: u32, b: u32) -> bool {
    state.touch(a);
    state.touch(b);
    let of_a: Vec<u32> = state.stops(a).collect();
    let of_b: Vec<u32> = state.stops(b).collect();
    let ok = [state.relink(a, &of_b), state.relink(b, &of_a)];
    ok == [true, true] && state.fits(a) && state.fits(b)
}
