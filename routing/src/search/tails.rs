//! Two routes exchange what follows the strings they lost, or one is cut in two there (2-opt*, Potvin and Rousseau 1995):
//! many stops at once go where ruin and recreate would have to carry them one by one.

use super::model::NONE;
use super::rng::Rng;
use super::state::State;

/// Fewer stops are as easily put back one by one.
const LEAST: usize = 2;

/// A route, and the node behind which it lost a string.
pub(super) type Gap = (u32, u32);

/// Room for the stops of two routes, as they were and as they may become.
#[derive(Default)]
pub(super) struct Tails {
    old: [Vec<u32>; 2],
    new: [Vec<u32>; 2],
}

impl Tails {
    /// Exchanges the tails behind two of the gaps, or gives one of them a vehicle of its own, if that may be and costs at
    /// most `limit`. Not for problems with shipments, whose halves would come apart.
    pub(super) fn exchange(&mut self, state: &mut State<'_>, rng: &mut Rng, gaps: &[Gap], limit: f64) {
        if gaps.is_empty() {
            return;
        }
        let (a, b) = (rng.below(gaps.len()), rng.below(gaps.len()));
        let spare = || state.spare[state.class(gaps[a].0) as usize].last();
        let other = if a == b { spare().map(|&route| (route, state.start(route))) } else { Some(gaps[b]) };
        let Some(other) = other else { return };
        let both = [gaps[a], other];
        if both.iter().all(|&gap| is_free(state, gap)) && may_pay(state, both, limit) {
            self.swap(state, both, limit);
        }
    }

    fn swap(&mut self, state: &mut State<'_>, gaps: [Gap; 2], limit: f64) {
        let mut cut = [0; 2];
        for (k, (route, after)) in gaps.into_iter().enumerate() {
            let stops = &mut self.old[k];
            stops.clear();
            stops.extend(state.stops(route));
            cut[k] = stops.iter().position(|&s| s == after).map_or(0, |i| i + 1);
        }
        let tails = [0, 1].map(|k| self.old[k].len() - cut[k]);
        if tails[0].max(tails[1]).min(cut[0].max(cut[1])) < LEAST {
            return;
        }
        for k in 0..2 {
            self.new[k].clear();
            self.new[k].extend_from_slice(&self.old[k][..cut[k]]);
            self.new[k].extend_from_slice(&self.old[1 - k][cut[1 - k]..]);
        }
        let model = state.model;
        if let (Some(capacity), false) = (model.one_capacity, model.profiled) {
            let load = |stops: &Vec<u32>| stops.iter().map(|&s| model.carried[s as usize]).sum::<i64>();
            if self.new.iter().any(|stops| load(stops) > capacity) {
                return;
            }
        }
        let before = state.cost;
        let routes = gaps.map(|g| g.0);
        routes.iter().for_each(|&r| state.touch(r));
        let in_time = [0, 1].map(|k| state.relink(routes[k], &self.new[k]));
        let fits = in_time == [true, true] && routes.iter().all(|&r| state.fits(r));
        if !fits || (state.cost - before) as f64 > limit {
            for (&route, stops) in routes.iter().zip(&self.old) {
                state.relink(route, stops);
            }
        }
    }
}

/// Whether what follows the gap is there still, and tied to no vehicle.
fn is_free(state: &State<'_>, (route, after): Gap) -> bool {
    let slot = &state.slots[route as usize];
    let is_frozen = state.has_frozen && state.nodes[after as usize].position < slot.frozen;
    state.nodes[after as usize].route == route && slot.given == NONE && slot.departed.is_none() && !is_frozen
}

/// Whether two routes of one class could do with the new arcs, in length and time.
fn may_pay(state: &State<'_>, [(a, after_a), (b, after_b)]: [Gap; 2], limit: f64) -> bool {
    if state.class(a) != state.class(b) {
        return true;
    }
    let next = |after: u32| state.nodes[after as usize].next;
    let head_of = |next: u32, end: u32| if state.is_stop(next) { next } else { end };
    let (to_a, to_b) = (head_of(next(after_b), state.end(a)), head_of(next(after_a), state.end(b)));
    let arc = |to: u32| i64::from(state.nodes[to as usize].arc);
    let change =
        state.distance(after_a, to_a) + state.distance(after_b, to_b) - arc(next(after_a)) - arc(next(after_b));
    let vehicle = &state.model.classes[state.class(a) as usize].vehicle;
    if vehicle.time_cost == 0 && (vehicle.distance_cost * change) as f64 > limit {
        return false;
    }
    let late = |from: u32, to: u32| {
        state.nodes[from as usize].leave + state.duration(from, to) > state.nodes[to as usize].latest
    };
    !state.model.timed || !(late(after_a, to_a) || late(after_b, to_b))
}
