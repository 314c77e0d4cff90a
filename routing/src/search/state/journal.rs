//! What routes were before they changed, to take changes back.

use super::State;
use crate::search::model::NONE;

impl State<'_> {
    /// From now on changes can be taken back to here.
    pub(in crate::search) fn mark(&mut self) {
        self.now += 1;
        self.touched.clear();
        self.saved.clear();
        self.saved_stops.clear();
        self.saved_arcs.clear();
        self.saved_cost = self.cost;
        self.saved_absent.clear();
        self.saved_absent.extend_from_slice(&self.absent);
    }

    /// Keeps what a route is, before its first change since the mark.
    pub(in crate::search) fn touch(&mut self, route: u32) {
        let r = route as usize;
        if self.stamp[r] == self.now {
            return;
        }
        self.stamp[r] = self.now;
        self.touched.push(route);
        self.saved.push((self.slots[r], self.saved_stops.len() as u32));
        // A version that is taken back may be given again: nothing is remembered of routes that are changing.
        self.slots[r].version = self.slots[r].version.wrapping_add(1);
        let mut at = self.nodes[self.start(route) as usize].next;
        while self.is_stop(at) {
            self.saved_stops.push(at);
            self.saved_arcs.push(self.nodes[at as usize].arc);
            at = self.nodes[at as usize].next;
        }
        // The end of a route has its arc where the next route's first stop would be.
        self.saved_stops.push(at);
        self.saved_arcs.push(self.nodes[at as usize].arc);
    }

    /// Whether a route changed since the mark.
    #[inline]
    pub(in crate::search) fn is_touched(&self, route: u32) -> bool {
        self.stamp[route as usize] == self.now
    }

    /// Whether all is as it was at the mark; then the routes have their versions again.
    pub(in crate::search) fn is_as_before(&mut self) -> bool {
        if self.cost != self.saved_cost || self.absent.len() != self.saved_absent.len() {
            return false;
        }
        for t in 0..self.touched.len() {
            let from = self.saved[t].1 as usize;
            let to = self.saved.get(t + 1).map_or(self.saved_stops.len(), |s| s.1 as usize);
            let was = self.saved_stops[from..to - 1].iter().copied();
            if !self.stops(self.touched[t]).eq(was) {
                return false;
            }
        }
        for t in 0..self.touched.len() {
            self.slots[self.touched[t] as usize].version = self.saved[t].0.version;
        }
        true
    }

    /// Takes back all changes since the mark.
    pub(in crate::search) fn undo(&mut self) {
        // All stops of changed routes first become unserved: one may have moved from one to another.
        for t in 0..self.touched.len() {
            let mut at = self.nodes[self.start(self.touched[t]) as usize].next;
            while self.is_stop(at) {
                let next = self.nodes[at as usize].next;
                self.nodes[at as usize].route = NONE;
                at = next;
            }
        }
        for t in 0..self.touched.len() {
            let route = self.touched[t];
            let (slot, from) = self.saved[t];
            let to = self.saved.get(t + 1).map_or(self.saved_stops.len(), |s| s.1 as usize);
            self.slots[route as usize] = slot;
            let mut last = self.start(route);
            for i in from as usize..to {
                let (stop, arc) = (self.saved_stops[i], self.saved_arcs[i]);
                self.nodes[last as usize].next = stop;
                let node = &mut self.nodes[stop as usize];
                (node.prev, node.route, node.arc) = (last, route, arc);
                last = stop;
            }
            self.update(route);
        }
        self.cost = self.saved_cost;
        std::mem::swap(&mut self.absent, &mut self.saved_absent);
    }

    /// Becomes another plan, of stops by slot; a route that is not feasible is left empty.
    pub(in crate::search) fn load(&mut self, plan: &[Vec<u32>]) {
        self.mark();
        for (slot, stops) in plan.iter().enumerate() {
            if !self.stops(slot as u32).eq(stops.iter().copied()) {
                self.touch(slot as u32);
            }
        }
        let touched = self.touched.clone();
        for &route in &touched {
            let stops: Vec<u32> = self.stops(route).collect();
            for stop in stops {
                self.nodes[stop as usize].route = NONE;
            }
        }
        for &route in &touched {
            let stops = &plan[route as usize];
            let ok = self.relink(route, stops) && self.fits(route);
            if !ok && self.slots[route as usize].frozen == 0 {
                stops.iter().for_each(|&s| self.nodes[s as usize].route = NONE);
                self.relink(route, &[]);
            }
        }
        let model = self.model;
        let lost = |absent: &[u32]| absent.iter().map(|&j| model.jobs[j as usize].penalty).sum::<i64>();
        self.cost -= lost(&self.absent);
        self.absent.clear();
        for job in 0..model.jobs.len() as u32 {
            if self.nodes[model.jobs[job as usize].first as usize].route == NONE {
                self.absent.push(job);
            }
        }
        self.cost += lost(&self.absent);
    }
}
