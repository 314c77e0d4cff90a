//! Two plans make a third: some routes of one are replaced by the routes of the other that serve most of the same
//! jobs; after Nagata and Bräysy (2010), selective route exchange.

use super::model::NONE;
use super::neighbours::Neighbours;
use super::rng::Rng;
use super::state::State;

/// A plan to come back to: stops by slot.
#[derive(Clone)]
pub(super) struct Elite {
    pub(super) cost: i64,
    pub(super) stops: Vec<Vec<u32>>,
}

/// Routes that are replaced at most.
const MOST_ROUTES: usize = 8;

/// The stops of the child by slot; jobs may be missing, none is twice.
pub(super) fn child(state: &State<'_>, near: &Neighbours, rng: &mut Rng, a: &Elite, b: &Elite) -> Vec<Vec<u32>> {
    let model = state.model;
    let is_free = |slot: usize| {
        let slot = &state.slots[slot];
        slot.frozen == 0 && slot.given == NONE && slot.departed.is_none()
    };
    let (in_a, in_b) = (slots_of(model.stops.len(), a), slots_of(model.stops.len(), b));
    let n_used = a.stops.iter().filter(|s| !s.is_empty()).count();
    let n_out = 1 + rng.below((n_used / 2).clamp(1, MOST_ROUTES));
    let seed = rng.below(model.stops.len()) as u32;
    let mut out: Vec<usize> = Vec::new();
    for stop in std::iter::once(seed).chain(near.of(seed).iter().map(|n| n.stop)).take_while(|&s| s != NONE) {
        let slot = in_a[stop as usize];
        if out.len() < n_out && slot != NONE && is_free(slot as usize) && !out.contains(&(slot as usize)) {
            out.push(slot as usize);
        }
    }
    // The routes of the other that have most of these stops.
    let mut shared = vec![0_usize; b.stops.len()];
    for &stop in out.iter().flat_map(|&slot| &a.stops[slot]) {
        if in_b[stop as usize] != NONE {
            shared[in_b[stop as usize] as usize] += 1;
        }
    }
    let mut come: Vec<usize> = (0..shared.len()).filter(|&s| shared[s] > 0 && is_free(s)).collect();
    come.sort_by_key(|&s| (std::cmp::Reverse(shared[s]), s));
    come.truncate(out.len());
    let mut child = a.stops.clone();
    for &slot in &out {
        child[slot].clear();
    }
    // Routes that are tied to their vehicles stay as they are.
    let keeps_own = rng.below(2) == 0 || state.has_frozen;
    let stays = |stop: u32| in_a[stop as usize] != NONE && !out.contains(&(in_a[stop as usize] as usize));
    if !keeps_own {
        let comes = |stop: u32| in_b[stop as usize] != NONE && come.contains(&(in_b[stop as usize] as usize));
        for stops in &mut child {
            stops.retain(|&s| !comes(s));
        }
    }
    for &from in &come {
        let class = state.slots[from].class;
        let fits = |slot: &usize| state.slots[*slot].class == class && is_free(*slot) && child[*slot].is_empty();
        let to = out.iter().copied().find(fits).or_else(|| (0..child.len()).find(fits));
        if let Some(to) = to {
            child[to] = b.stops[from].iter().copied().filter(|&s| !(keeps_own && stays(s))).collect();
        }
    }
    child
}

fn slots_of(n_stops: usize, elite: &Elite) -> Vec<u32> {
    let mut slots = vec![NONE; n_stops];
    for (slot, stops) in elite.stops.iter().enumerate() {
        stops.iter().for_each(|&s| slots[s as usize] = slot as u32);
    }
    slots
}

/// The parent with one route cut in two, where a vehicle is left for it.
pub(super) fn split(state: &State<'_>, rng: &mut Rng, parent: &Elite) -> Vec<Vec<u32>> {
    let model = state.model;
    let mut child = parent.stops.clone();
    let Some(slot) = pick(state, rng, parent, 4) else { return child };
    let is_spare = |s: usize| parent.stops[s].is_empty() && state.slots[s].frozen == 0 && state.slots[s].given == NONE;
    let alike = |s: usize| state.slots[s].class == state.slots[slot].class;
    let spares = || (0..child.len()).filter(|&s| is_spare(s));
    let Some(spare) = spares().find(|&s| alike(s)).or_else(|| spares().next()) else { return child };
    let stops = &parent.stops[slot];
    let cut = stops.len() / 4 + rng.below(stops.len() / 2 + 1);
    // A shipment on both sides of the cut is left out, to be put back.
    let whole = |part: &[u32]| -> Vec<u32> {
        let partner = |s: u32| model.stops[s as usize].partner;
        part.iter().copied().filter(|&s| partner(s) == NONE || part.contains(&partner(s))).collect()
    };
    (child[slot], child[spare]) = (whole(&stops[..cut]), whole(&stops[cut..]));
    child
}

/// The parent without one of its routes.
pub(super) fn close(state: &State<'_>, rng: &mut Rng, parent: &Elite) -> Vec<Vec<u32>> {
    let mut child = parent.stops.clone();
    if let Some(slot) = pick(state, rng, parent, 1) {
        child[slot].clear();
    }
    child
}

/// A random route of at least so many stops that is not tied to its vehicle.
fn pick(state: &State<'_>, rng: &mut Rng, parent: &Elite, least: usize) -> Option<usize> {
    let fits =
        |s: &usize| parent.stops[*s].len() >= least && state.slots[*s].frozen == 0 && state.slots[*s].given == NONE;
    let all: Vec<usize> = (0..parent.stops.len()).filter(fits).collect();
    (!all.is_empty()).then(|| all[rng.below(all.len())])
}
