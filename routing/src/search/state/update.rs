//! What is known of a route, worked out anew: sums, times, loads on the way.

use super::State;
use crate::search::model::{Model, Segment};

impl State<'_> {
    /// Works out all that is known of a route; false if it breaks a limit of time or distance, or has no way.
    pub(in crate::search) fn update(&mut self, route: u32) -> bool {
        let (start, end) = (self.start(route), self.end(route));
        let model = self.model;
        let class = &model.classes[self.slots[route as usize].class as usize];
        let d = model.n_dimensions;
        let mut ok = true;
        let (mut n_stops, mut distance, mut ready) = (0, 0, class.leave.start);
        let loads = &mut self.loads[route as usize * d..(route as usize + 1) * d];
        loads.fill(0);
        let mut last = start;
        loop {
            let at = self.nodes[last as usize].next;
            let node = &mut self.nodes[at as usize];
            let arc = i64::from(node.arc);
            node.position = n_stops + 1;
            distance += arc;
            ok &= !Model::blocked(arc);
            last = at;
            if at == end {
                break;
            }
            n_stops += 1;
            if model.released {
                ready = ready.max(model.jobs[model.stops[at as usize].job as usize].release);
            }
            for (load, more) in loads.iter_mut().zip(&model.carried[at as usize * d..]) {
                *load += more;
            }
        }
        let slot = &mut self.slots[route as usize];
        let (departed, old) = (slot.departed, slot.cost);
        (slot.n_stops, slot.distance, slot.ready, slot.duration) = (n_stops, distance, ready, 0);
        ok &= class.vehicle.max_distance.is_none_or(|max| distance <= max);
        if model.timed {
            ok &= self.update_times(route, departed);
        }
        if model.profiled {
            self.update_profile(route);
        }
        let slot = &mut self.slots[route as usize];
        let v = &class.vehicle;
        slot.cost = match slot.n_stops {
            0 => 0,
            _ => v.fixed_cost + v.distance_cost * slot.distance + v.time_cost * slot.duration,
        };
        self.cost += slot.cost - old;
        self.register(route);
        ok || n_stops == 0
    }

    fn update_times(&mut self, route: u32, departed: Option<i64>) -> bool {
        let (start, end) = (self.start(route), self.end(route));
        let model = self.model;
        let class = &model.classes[self.slots[route as usize].class as usize];
        let ready = self.slots[route as usize].ready;
        let mut leave = match departed {
            Some(departed) => departed,
            None => ready,
        };
        let last_leave = departed.unwrap_or(class.leave.end);
        let mut ok = ready <= last_leave;
        self.nodes[start as usize].leave = leave;
        let mut last = start;
        loop {
            let at = self.nodes[last as usize].next;
            let arrival = leave + self.arc_duration(last, at);
            if at == end {
                ok &= arrival.max(class.finish.start) <= class.finish.end;
                self.nodes[end as usize].leave = arrival.max(class.finish.start);
                break;
            }
            let begin = model.begin(at, arrival);
            ok &= begin <= model.stops[at as usize].close;
            leave = begin + model.stops[at as usize].service;
            self.nodes[at as usize].leave = leave;
            last = at;
        }
        let mut latest = class.finish.end;
        self.nodes[end as usize].latest = latest;
        let mut at = self.nodes[end as usize].prev;
        let mut next = end;
        while at != start {
            let bound = latest - self.arc_duration(at, next) - model.stops[at as usize].service;
            latest = model.latest(at, bound);
            self.nodes[at as usize].latest = latest;
            (next, at) = (at, self.nodes[at as usize].prev);
        }
        self.nodes[start as usize].latest = latest - self.arc_duration(start, next);
        if model.lasting && ok { self.update_duration(route, departed) } else { ok }
    }

    fn update_duration(&mut self, route: u32, departed: Option<i64>) -> bool {
        let (start, end) = (self.start(route), self.end(route));
        let model = self.model;
        let class = &model.classes[self.slots[route as usize].class as usize];
        let slow = model.several_windows;
        let mut segment = self.start_segment(route);
        self.ahead[start as usize] = segment;
        let finish = Segment { duration: 0, early: class.finish.start, late: class.finish.end };
        self.behind[end as usize] = finish;
        if !slow {
            let (mut last, mut at) = (start, self.nodes[start as usize].next);
            loop {
                let own = if at == end { finish } else { model.segment(at) };
                let Some(joined) = segment.then(own, self.arc_duration(last, at)) else { return false };
                segment = joined;
                self.ahead[at as usize] = segment;
                if at == end {
                    break;
                }
                (last, at) = (at, self.nodes[at as usize].next);
            }
            let mut back = finish;
            let mut at = self.nodes[end as usize].prev;
            let mut next = end;
            while at != start {
                let Some(joined) = model.segment(at).then(back, self.arc_duration(at, next)) else { return false };
                back = joined;
                self.behind[at as usize] = back;
                (next, at) = (at, self.nodes[at as usize].prev);
            }
            self.slots[route as usize].duration = segment.duration;
        } else {
            let stops: Vec<u32> = self.stops(route).collect();
            let Some((_, duration)) =
                crate::search::exact::shortest(model, class, self.slots[route as usize].ready, departed, &stops)
            else {
                return false;
            };
            self.slots[route as usize].duration = duration;
        }
        let duration = self.slots[route as usize].duration;
        self.slots[route as usize].n_stops == 0 || class.vehicle.max_duration.is_none_or(|max| duration <= max)
    }

    fn update_profile(&mut self, route: u32) {
        let (start, end, d) = (self.start(route), self.end(route), self.model.n_dimensions);
        for k in 0..d {
            let mut load = self.loads[route as usize * d + k];
            let mut most = load;
            self.after[start as usize * d + k] = load;
            self.most_before[start as usize * d + k] = load;
            let mut at = self.nodes[start as usize].next;
            while at != end {
                load += self.model.change[at as usize * d + k];
                most = most.max(load);
                self.after[at as usize * d + k] = load;
                self.most_before[at as usize * d + k] = most;
                at = self.nodes[at as usize].next;
            }
            let mut most = load;
            while at != start {
                at = self.nodes[at as usize].prev;
                most = most.max(self.after[at as usize * d + k]);
                self.most_after[at as usize * d + k] = most;
            }
        }
    }
}
