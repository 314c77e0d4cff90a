//! What is taken out: strings of stops from routes that are near each other.
//! Christiaens and Vanden Berghe, Slack Induction by String Removals, Transportation Science 54 (2020).

use super::model::NONE;
use super::neighbours::Neighbours;
use super::rng::Rng;
use super::state::State;
use super::tails::Gap;

/// How much is taken out.
#[derive(Clone, Copy, Debug)]
pub(super) struct RuinSize {
    /// Stops on average.
    pub(super) stops: f64,
    /// The longest string.
    pub(super) string: f64,
}

/// Room for what one ruin needs.
#[derive(Default)]
pub(super) struct Ruiner {
    ruined: Vec<u32>,
    order: Vec<u32>,
    jobs: Vec<u32>,
    /// Where strings were.
    pub(super) gaps: Vec<Gap>,
}

impl Ruiner {
    /// Takes stops out around one.
    pub(super) fn ruin(&mut self, state: &mut State<'_>, near: &Neighbours, rng: &mut Rng, size: RuinSize, seed: u32) {
        let n_stops = state.model.stops.len();
        let served = n_stops.saturating_sub(state.absent.len());
        let mean = served as f64 / state.used.len().max(1) as f64;
        let longest = size.string.min(mean).max(1.0);
        let most_strings = 4.0 * size.stops / (1.0 + longest) - 1.0;
        let n_strings = (1.0 + rng.unit() * most_strings.max(0.0)) as usize;
        self.ruined.clear();
        self.gaps.clear();
        self.take(state, rng, seed, longest);
        for stop in near.of(seed).iter().map(|n| n.stop) {
            if self.ruined.len() >= n_strings || stop == NONE {
                break;
            }
            self.take(state, rng, stop, longest);
        }
    }

    /// Takes out a string around `stop`, unless its route has lost one already.
    fn take(&mut self, state: &mut State<'_>, rng: &mut Rng, stop: u32, longest: f64) {
        let route = state.nodes[stop as usize].route;
        if route == NONE || self.ruined.contains(&route) {
            return;
        }
        self.ruined.push(route);
        self.order.clear();
        self.order.extend(state.stops(route));
        let n = self.order.len();
        let at = self.order.iter().position(|&s| s == stop).unwrap_or(0);
        let length = (1.0 + rng.unit() * (longest.min(n as f64))) as usize;
        let length = length.min(n);
        // Half of the strings keep some stops in their middle.
        let mut kept = 0;
        if length > 1 && length < n && rng.below(2) == 0 {
            kept = 1;
            while length + kept < n && rng.unit() < 0.01 {
                kept += 1;
            }
        }
        let span = length + kept;
        let (low, high) = ((at + 1).saturating_sub(span), at.min(n - span));
        let from = low + rng.below(high - low + 1);
        let keep_from = if kept > 0 { from + 1 + rng.below(length - 1) } else { n };
        self.jobs.clear();
        for i in from..from + span {
            if !(keep_from..keep_from + kept).contains(&i) {
                let job = state.model.stops[self.order[i] as usize].job;
                if !self.jobs.contains(&job) {
                    self.jobs.push(job);
                }
            }
        }
        for &job in &self.jobs {
            if state.removable(job) {
                state.remove(job);
            }
        }
        settle(state, route);
        let before = if from == 0 { state.start(route) } else { self.order[from - 1] };
        self.gaps.push((route, before));
    }
}

/// Updates a route that lost stops. Where ways are longer than detours it may have become infeasible: then it
/// loses all it can.
pub(super) fn settle(state: &mut State<'_>, route: u32) {
    if state.plain || state.update(route) {
        return;
    }
    let rest: Vec<u32> = state.stops(route).map(|s| state.model.stops[s as usize].job).collect();
    for job in rest {
        if state.removable(job) {
            state.remove(job);
        }
    }
    state.update(route);
}
