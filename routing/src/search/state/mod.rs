//! Routes as linked stops, with what is needed to judge a change in constant time, and a journal to take it back.

mod journal;
mod update;

use super::model::{Model, NONE, Segment};
use crate::problem::Problem;

/// A stop or an end of a route, as it stands now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) prev: u32,
    pub(super) next: u32,
    /// `NONE`: not served.
    pub(super) route: u32,
    /// 0 for the start; kept for problems of more than lengths and sums of loads.
    pub(super) position: u32,
    pub(super) location: u32,
    /// Length of the arc that leads here.
    pub(super) arc: u32,
    /// When the vehicle leaves here at the earliest.
    pub(super) leave: i64,
    /// When it must be here at the latest.
    pub(super) latest: i64,
}

/// A vehicle's route; empty while it has no stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) class: u32,
    pub(super) n_stops: u32,
    /// Stops from the first that must stay.
    pub(super) frozen: u32,
    /// Index of the given route that it goes on with.
    pub(super) given: u32,
    pub(super) distance: i64,
    pub(super) duration: i64,
    pub(super) cost: i64,
    /// The departure that was, of a vehicle on its way.
    pub(super) departed: Option<i64>,
    /// Earliest departure.
    pub(super) ready: i64,
    /// Another for every order of stops that was kept.
    pub(super) version: u32,
}

pub(super) struct State<'m> {
    pub(super) model: &'m Model,
    pub(super) nodes: Vec<Node>,
    pub(super) slots: Vec<Slot>,
    /// By slot and dimension: what is in the vehicle at its start and stays a stop or more; sums for plain loads.
    pub(super) loads: Vec<i64>,
    /// By node and dimension, for profiled loads: load after it, greatest up to it, greatest from it on.
    pub(super) after: Vec<i64>,
    pub(super) most_before: Vec<i64>,
    pub(super) most_after: Vec<i64>,
    pub(super) ahead: Vec<Segment>,
    pub(super) behind: Vec<Segment>,
    /// By class: slots without a stop, the next to use last.
    pub(super) spare: Vec<Vec<u32>>,
    /// Slots with a stop, in no order that matters, and where each is in it.
    pub(super) used: Vec<u32>,
    used_at: Vec<u32>,
    /// Jobs that are not served.
    pub(super) absent: Vec<u32>,
    pub(super) cost: i64,
    /// Routes changed since the mark, with what they were.
    stamp: Vec<u64>,
    now: u64,
    pub(super) touched: Vec<u32>,
    saved: Vec<(Slot, u32)>,
    saved_stops: Vec<u32>,
    saved_arcs: Vec<u32>,
    saved_cost: i64,
    saved_absent: Vec<u32>,
    pub(super) has_frozen: bool,
    /// Whether `update` must follow every change.
    pub(super) plain: bool,
    /// Whether lengths that are alike in both directions decide where a stop may go.
    pub(super) scans_plain: bool,
}

impl<'m> State<'m> {
    /// Nothing is served but what is frozen.
    pub(super) fn new(model: &'m Model, problem: &Problem) -> Self {
        let n = model.stops.len();
        let mut slots = Vec::new();
        let mut spare = Vec::new();
        for (class, c) in model.classes.iter().enumerate() {
            let count: u64 = c.members.iter().map(|m| u64::from(m.1)).sum();
            let count = count.min(model.jobs.len() as u64 + problem.given().len() as u64) as u32;
            let from = slots.len() as u32;
            spare.push((from..from + count).rev().collect());
            let slot = Slot {
                class: class as u32,
                n_stops: 0,
                frozen: 0,
                given: NONE,
                distance: 0,
                duration: 0,
                cost: 0,
                departed: None,
                ready: c.leave.start,
                version: 0,
            };
            slots.resize(slots.len() + count as usize, slot);
        }
        let node =
            |location| Node { prev: NONE, next: NONE, route: NONE, position: 0, location, arc: 0, leave: 0, latest: 0 };
        let mut nodes: Vec<Node> = model.stops.iter().map(|s| node(s.location)).collect();
        for (r, slot) in slots.iter().enumerate() {
            let class = &model.classes[slot.class as usize];
            nodes.push(Node { route: r as u32, ..node(class.start) });
            nodes.push(Node { route: r as u32, ..node(class.end) });
        }
        let d = model.n_dimensions;
        let profile = if model.profiled { nodes.len() * d } else { 0 };
        let segments = if model.lasting { nodes.len() } else { 0 };
        let n_slots = slots.len();
        let mut state = Self {
            model,
            loads: vec![0; n_slots * d],
            after: vec![0; profile],
            most_before: vec![0; profile],
            most_after: vec![0; profile],
            ahead: vec![Segment::default(); segments],
            behind: vec![Segment::default(); segments],
            spare,
            used: Vec::new(),
            used_at: vec![NONE; n_slots],
            absent: (0..model.jobs.len() as u32).collect(),
            cost: model.jobs.iter().map(|j| j.penalty).sum(),
            stamp: vec![0; n_slots],
            now: 1,
            touched: Vec::new(),
            saved: Vec::new(),
            saved_stops: Vec::new(),
            saved_arcs: Vec::new(),
            saved_cost: 0,
            saved_absent: Vec::new(),
            has_frozen: problem.given().iter().any(|g| g.frozen > 0),
            plain: !(model.timed
                || model.profiled
                || model.limited_distance
                || problem.given().iter().any(|g| g.frozen > 0)),
            scans_plain: false,
            nodes,
            slots,
        };
        state.scans_plain = state.plain && model.symmetric;
        debug_assert!(n <= state.nodes.len());
        for r in 0..n_slots as u32 {
            let (start, end) = (state.start(r), state.end(r));
            state.nodes[start as usize].next = end;
            state.nodes[end as usize].prev = start;
            let ok = state.update(r);
            debug_assert!(ok || model.timed);
        }
        state
    }

    #[inline]
    pub(super) fn start(&self, route: u32) -> u32 {
        self.model.stops.len() as u32 + 2 * route
    }

    #[inline]
    pub(super) fn end(&self, route: u32) -> u32 {
        self.model.stops.len() as u32 + 2 * route + 1
    }

    #[inline]
    pub(super) fn is_stop(&self, node: u32) -> bool {
        (node as usize) < self.model.stops.len()
    }

    #[inline]
    pub(super) fn class(&self, route: u32) -> u32 {
        self.slots[route as usize].class
    }

    #[inline]
    pub(super) fn distance(&self, a: u32, b: u32) -> i64 {
        self.model.distance(self.nodes[a as usize].location, self.nodes[b as usize].location)
    }

    #[inline]
    pub(super) fn duration(&self, a: u32, b: u32) -> i64 {
        self.model.duration(self.nodes[a as usize].location, self.nodes[b as usize].location)
    }

    /// Makes a route of exactly these stops; false if that breaks a limit of time or distance.
    pub(super) fn relink(&mut self, route: u32, stops: &[u32]) -> bool {
        let (mut last, end) = (self.start(route), self.end(route));
        for &stop in stops {
            self.nodes[last as usize].next = stop;
            let node = &mut self.nodes[stop as usize];
            (node.prev, node.route) = (last, route);
            last = stop;
        }
        self.nodes[last as usize].next = end;
        self.nodes[end as usize].prev = last;
        let mut last = self.start(route);
        while last != end {
            let next = self.nodes[last as usize].next;
            self.nodes[next as usize].arc = self.distance(last, next) as u32;
            last = next;
        }
        self.update(route)
    }

    /// The stops of a route in order.
    pub(super) fn stops(&self, route: u32) -> impl Iterator<Item = u32> + '_ {
        let first = self.nodes[self.start(route) as usize].next;
        std::iter::successors(Some(first), |&at| Some(self.nodes[at as usize].next)).take_while(|&at| self.is_stop(at))
    }

    /// Takes a stop out; the caller updates the route.
    pub(super) fn unlink(&mut self, stop: u32) {
        let Node { prev, next, route, .. } = self.nodes[stop as usize];
        self.touch(route);
        self.nodes[prev as usize].next = next;
        self.nodes[next as usize].prev = prev;
        self.nodes[stop as usize].route = NONE;
        let arc = self.distance(prev, next);
        let change = arc - i64::from(self.nodes[stop as usize].arc) - i64::from(self.nodes[next as usize].arc);
        self.nodes[next as usize].arc = arc as u32;
        if self.plain {
            self.add_plain(route, stop, change, -1);
        }
    }

    /// Puts a stop after another; the caller updates the route.
    pub(super) fn link(&mut self, stop: u32, prev: u32) {
        let Node { next, route, .. } = self.nodes[prev as usize];
        self.touch(route);
        self.nodes[prev as usize].next = stop;
        self.nodes[next as usize].prev = stop;
        let (before, behind) = (self.toward(prev, stop), self.distance(stop, next));
        let change = before + behind - i64::from(self.nodes[next as usize].arc);
        let node = &mut self.nodes[stop as usize];
        (node.prev, node.next, node.route, node.arc) = (prev, next, route, before as u32);
        self.nodes[next as usize].arc = behind as u32;
        if self.plain {
            self.add_plain(route, stop, change, 1);
        }
    }

    /// What `update` finds, for problems of lengths and sums of loads only.
    fn add_plain(&mut self, route: u32, stop: u32, distance: i64, sign: i64) {
        let d = self.model.n_dimensions;
        for k in 0..d {
            self.loads[route as usize * d + k] += sign * self.model.carried[stop as usize * d + k];
        }
        let vehicle = &self.model.classes[self.slots[route as usize].class as usize].vehicle;
        let slot = &mut self.slots[route as usize];
        slot.n_stops = (i64::from(slot.n_stops) + sign) as u32;
        slot.distance += distance;
        let fixed = if slot.n_stops > 0 { vehicle.fixed_cost } else { 0 };
        let cost = if slot.n_stops > 0 { fixed + vehicle.distance_cost * slot.distance } else { 0 };
        self.cost += cost - slot.cost;
        slot.cost = cost;
        self.register(route);
    }

    /// Keeps the lists of used and spare slots.
    fn register(&mut self, route: u32) {
        let (r, used) = (route as usize, self.slots[route as usize].n_stops > 0);
        let at = self.used_at[r];
        if used && at == NONE {
            self.used_at[r] = self.used.len() as u32;
            self.used.push(route);
            let spare = &mut self.spare[self.slots[r].class as usize];
            if let Some(i) = spare.iter().rposition(|&s| s == route) {
                spare.remove(i);
            }
        } else if !used && at != NONE {
            self.used.swap_remove(at as usize);
            if let Some(&moved) = self.used.get(at as usize) {
                self.used_at[moved as usize] = at;
            }
            self.used_at[r] = NONE;
            self.spare[self.slots[r].class as usize].push(route);
        }
    }

    /// Whether a route's loads fit its vehicle everywhere, and it may do all its jobs.
    pub(super) fn fits(&self, route: u32) -> bool {
        self.loads_fit(route, self.class(route))
    }

    /// Whether a route's loads fit a vehicle of this class everywhere, and it may do all its jobs.
    pub(super) fn loads_fit(&self, route: u32, class: u32) -> bool {
        let model = self.model;
        let d = model.n_dimensions;
        let capacity = &model.classes[class as usize].vehicle.capacity;
        let last = self.nodes[self.end(route) as usize].prev as usize;
        (0..d).all(|k| {
            let most = if model.profiled { self.most_before[last * d + k] } else { 0 };
            most.max(self.loads[route as usize * d + k]) <= capacity[k]
        }) && (!model.skilled || self.stops(route).all(|s| model.allowed(class, model.stops[s as usize].job)))
    }

    /// Takes a job out of its routes, which the caller updates.
    pub(super) fn remove(&mut self, job: u32) {
        let data = self.model.jobs[job as usize];
        self.unlink(data.first);
        if data.second != NONE {
            self.unlink(data.second);
        }
        self.absent.push(job);
        self.cost += data.penalty;
    }

    /// Whether a job is served and nothing of it is frozen.
    pub(super) fn removable(&self, job: u32) -> bool {
        let data = self.model.jobs[job as usize];
        let free = |stop: u32| {
            let node = &self.nodes[stop as usize];
            node.route != NONE && (!self.has_frozen || node.position > self.slots[node.route as usize].frozen)
        };
        free(data.first) && (data.second == NONE || free(data.second))
    }

    /// Time of the arc between two nodes of a route that follow one another.
    #[inline]
    fn arc_duration(&self, from: u32, to: u32) -> i64 {
        if self.model.time_is_distance() { i64::from(self.nodes[to as usize].arc) } else { self.duration(from, to) }
    }

    /// Time between nodes that follow one another, or from `apart`, which is in no route yet.
    #[inline]
    pub(super) fn step_duration(&self, from: u32, to: u32, apart: u32) -> i64 {
        if from == apart { self.duration(from, to) } else { self.arc_duration(from, to) }
    }

    /// Distance to a node from one of many: where both directions are alike, all lie in one row.
    #[inline]
    pub(super) fn toward(&self, from: u32, to: u32) -> i64 {
        if self.model.symmetric { self.distance(to, from) } else { self.distance(from, to) }
    }

    /// Time to a node from one of many.
    #[inline]
    pub(super) fn time_toward(&self, from: u32, to: u32) -> i64 {
        if self.model.time_is_distance() { self.toward(from, to) } else { self.duration(from, to) }
    }

    /// Where a route may begin, as a stretch of no length.
    pub(super) fn start_segment(&self, route: u32) -> Segment {
        let slot = &self.slots[route as usize];
        let (early, late) = match slot.departed {
            Some(departed) => (departed, departed),
            None => (slot.ready, self.model.classes[slot.class as usize].leave.end),
        };
        Segment { duration: 0, early, late }
    }
}
