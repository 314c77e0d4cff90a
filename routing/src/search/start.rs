//! The first plan.

use super::insert::Inserter;
use super::model::{Model, NONE};
use super::neighbours::Neighbours;
use super::rng::Rng;
use super::state::State;
use super::{Keys, put};
use crate::plan::{Part, Visit};
use crate::problem::{GivenRoute, Problem};

/// Puts in the routes that were given, as far as they are feasible; frozen stops in any case. Gives the number of
/// jobs served.
pub(super) fn given(state: &mut State<'_>, problem: &Problem) -> usize {
    let before = state.absent.len();
    let mut routes: Vec<(usize, &GivenRoute)> = problem.given().iter().enumerate().collect();
    // What is frozen has its vehicle first.
    routes.sort_by_key(|(_, g)| g.frozen == 0);
    for (index, given) in routes {
        let member = |c: &super::model::Class| c.members.iter().any(|m| m.0 == given.vehicle);
        let Some(class) = state.model.classes.iter().position(member) else { continue };
        let Some(&route) = state.spare[class].last() else { continue };
        let stop_of = |v: &Visit| {
            let job = &state.model.jobs[v.job];
            if v.part == Part::Delivery { job.second } else { job.first }
        };
        let all: Vec<u32> = given.visits.iter().map(stop_of).collect();
        let is_whole = |job: u32| {
            let data = &state.model.jobs[job as usize];
            let at = |stop| all.iter().position(|&s| s == stop);
            at(data.first).is_some() && (data.second == NONE || at(data.second) > at(data.first))
        };
        let stops: Vec<u32> = all.iter().copied().filter(|&s| is_whole(state.model.stops[s as usize].job)).collect();
        let slot = &mut state.slots[route as usize];
        (slot.frozen, slot.given, slot.departed) = (given.frozen as u32, index as u32, given.departure);
        if given.frozen == 0 {
            slot.given = NONE;
        }
        if serve(state, route, &stops, false) {
            continue;
        }
        // Of what is frozen, the deliveries that belong to it come at its end.
        let mut kept: Vec<u32> = all[..given.frozen].to_vec();
        for &stop in &all[..given.frozen] {
            let partner = state.model.stops[stop as usize].partner;
            if partner != NONE && !kept.contains(&partner) {
                kept.push(partner);
            }
        }
        serve(state, route, &kept, !kept.is_empty());
    }
    before - state.absent.len()
}

/// Makes a route of these stops if that is feasible, or at any price.
fn serve(state: &mut State<'_>, route: u32, stops: &[u32], at_any_price: bool) -> bool {
    let ok = state.relink(route, stops) && state.fits(route);
    if !ok && !at_any_price {
        for &stop in stops {
            state.nodes[stop as usize].route = NONE;
        }
        state.relink(route, &[]);
        return false;
    }
    for &stop in stops {
        let job = state.model.stops[stop as usize].job;
        if let Some(at) = state.absent.iter().position(|&j| j == job) {
            state.absent.remove(at);
            state.cost -= state.model.jobs[job as usize].penalty;
        }
    }
    true
}

/// Serves what is absent: by savings where the problem is one of lengths and loads only, then one by one.
pub(super) fn build(state: &mut State<'_>, near: &Neighbours, inserter: &mut Inserter, rng: &mut Rng, keys: &Keys) {
    let model = state.model;
    if state.plain && state.used.is_empty() && model.classes.len() == 1 && model.symmetric {
        savings(state, near);
    }
    let n_trials = match state.absent.len() {
        // Nothing to fit into a plan that stands, or little of it stands.
        0 => 1,
        n if state.used.is_empty() || 2 * n > model.jobs.len() => 1,
        n => (INSERTIONS / n).clamp(1, TRIALS),
    };
    let mut best: Option<(i64, Vec<u32>, Rng)> = None;
    for _ in 0..n_trials {
        let mut order = state.absent.clone();
        keys.sort(&mut order, rng);
        let before = rng.clone();
        state.mark();
        serve_all(state, near, inserter, rng, &order);
        if best.as_ref().is_none_or(|b| state.cost < b.0) {
            best = Some((state.cost, order, before));
        }
        if n_trials > 1 {
            state.undo();
        }
    }
    // Once more as it was best.
    if let Some((_, order, mut rng)) = best.filter(|_| n_trials > 1) {
        state.mark();
        serve_all(state, near, inserter, &mut rng, &order);
    }
}

/// Orders that are tried for jobs that a given plan leaves out: the one that fits its vehicles best saves one more,
/// which no small change can do afterwards. And how many insertions they are altogether.
const TRIALS: usize = 200;
const INSERTIONS: usize = 10_000;

/// Serves absent jobs in this order.
fn serve_all(state: &mut State<'_>, near: &Neighbours, inserter: &mut Inserter, rng: &mut Rng, order: &[u32]) {
    state.absent.clear();
    for &job in order {
        put(state, near, inserter, rng, job);
    }
}

/// Clarke and Wright (1964) over neighbours: routes of one stop are joined at their ends, the greatest saving first.
fn savings(state: &mut State<'_>, near: &Neighbours) {
    let model: &Model = state.model;
    let class = &model.classes[0];
    let n = model.stops.len();
    let d = model.n_dimensions;
    let mut pairs: Vec<(i64, u32, u32)> = Vec::new();
    for a in 0..n as u32 {
        for b in near.of(a).iter().map(|n| n.stop).take_while(|&b| b != NONE) {
            let (from, to) = (model.stops[a as usize].location, model.stops[b as usize].location);
            let saving = model.distance(from, class.end) + model.distance(class.start, to) - model.distance(from, to);
            if saving > 0 && (a < b || !near.of(b).iter().any(|n| n.stop == a)) {
                pairs.push((-saving, a, b));
            }
        }
    }
    pairs.sort_unstable();
    let mut chains: Vec<Vec<u32>> = (0..n as u32).map(|s| vec![s]).collect();
    let mut chain_of: Vec<u32> = (0..n as u32).collect();
    let mut loads: Vec<Vec<i64>> = (0..n).map(|s| model.carried[s * d..(s + 1) * d].to_vec()).collect();
    for (_, a, b) in pairs {
        let (x, y) = (chain_of[a as usize] as usize, chain_of[b as usize] as usize);
        let ends = |chain: &[u32], stop| chain.first() == Some(&stop) || chain.last() == Some(&stop);
        let fits = (0..d).all(|k| loads[x][k] + loads[y][k] <= class.vehicle.capacity[k]);
        if x == y || !fits || !ends(&chains[x], a) || !ends(&chains[y], b) {
            continue;
        }
        let (mut head, mut tail) = (std::mem::take(&mut chains[x]), std::mem::take(&mut chains[y]));
        if head.last() != Some(&a) {
            head.reverse();
        }
        if tail.first() != Some(&b) {
            tail.reverse();
        }
        for &stop in &tail {
            chain_of[stop as usize] = x as u32;
        }
        head.extend(tail);
        chains[x] = head;
        let joined = std::mem::take(&mut loads[y]);
        for (load, more) in loads[x].iter_mut().zip(joined) {
            *load += more;
        }
    }
    let mut routes: Vec<usize> = (0..n).filter(|&c| !chains[c].is_empty()).collect();
    routes.sort_by_key(|&c| std::cmp::Reverse(chains[c].len()));
    for c in routes {
        // One that serves only jobs not worth it is left to the insertion.
        let Some(&route) = state.spare[0].last() else { break };
        if !chains[c].iter().any(|&s| model.blocked_from_depot(class, s)) {
            serve(state, route, &chains[c], false);
        }
    }
}
