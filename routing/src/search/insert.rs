//! Where a job that is not served costs least: greedy insertion with blinks over all positions, after Christiaens and
//! Vanden Berghe (2020). The best place of a job in a route is remembered until the route changes.

use super::model::{Model, NONE, Segment};
use super::neighbours::{Near, Neighbours};
use super::rng::Rng;
use super::state::State;

/// Neighbours that are looked at first.
pub(super) const NARROW: usize = 40;

/// Up to this many jobs all positions of all routes are looked at; above, those beside neighbours.
const EVERYWHERE_UP_TO: usize = 4_000;

/// One position in so many is passed over.
const BLINK: usize = 100;

/// Where to put a job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) cost: i64,
    pub(super) route: u32,
    /// After which node the only stop goes, or the pickup.
    pub(super) first: u32,
    /// After which node the delivery goes; the pickup itself, if it follows at once.
    pub(super) second: u32,
}

/// The best place of a job in a route as it stood at a version of that route.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// `first` is `NONE`: there is no place that costs less.
    cost: i64,
    version: u32,
    first: u32,
}

/// The most entries kept of what is known; above, stops go back beside their neighbours only.
const MOST_KNOWN: usize = 6_000_000;

/// What insertion needs to remember between calls.
pub(super) struct Inserter {
    narrow: usize,
    until_blink: usize,
    seen: Vec<u32>,
    met: Vec<u32>,
    now: u32,
    routes: Vec<u32>,
    /// By job and slot, up to `width` slots; empty where there are too many.
    known: Vec<Known>,
    /// Where the delivery goes, for problems with shipments.
    known_second: Vec<u32>,
    width: usize,
    /// A position to be passed over.
    shunned: (u32, u32),
    /// What a delivery adds at least, by position.
    tails: Vec<i64>,
}

impl Inserter {
    pub(super) fn new(state: &State<'_>, narrow: usize) -> Self {
        let (n_jobs, n_slots) = (state.model.jobs.len(), state.slots.len());
        Self {
            narrow,
            until_blink: BLINK,
            seen: vec![0; n_slots],
            met: vec![0; state.nodes.len()],
            now: 0,
            routes: Vec::new(),
            known: Vec::new(),
            known_second: Vec::new(),
            width: if n_jobs > EVERYWHERE_UP_TO { 0 } else { n_slots.min(MOST_KNOWN / n_jobs.max(1)) },
            shunned: (NONE, NONE),
            tails: Vec::new(),
        }
    }

    /// Makes room for what is to be remembered of places, for plans of about as many routes as there are now.
    pub(super) fn remember(&mut self, state: &State<'_>) {
        let highest = state.used.iter().max().map_or(0, |&r| r as usize + 1);
        self.width = self.width.min(highest + highest / 4 + 8);
        let n = self.width * state.model.jobs.len();
        self.known = vec![Known { cost: 0, version: u32::MAX, first: NONE }; n];
        self.known_second = if state.model.pairs { vec![NONE; n] } else { Vec::new() };
    }

    /// Whether to pass over this position; on average one in a hundred, with one random number for each.
    #[inline]
    fn blinks(&mut self, rng: &mut Rng) -> bool {
        self.until_blink -= 1;
        if self.until_blink > 0 {
            return false;
        }
        self.until_blink = 1 + rng.below(2 * BLINK - 1);
        true
    }

    /// The cheapest place of a job found, cheaper than not to serve it.
    pub(super) fn best(&mut self, state: &State<'_>, near: &Neighbours, rng: &mut Rng, job: u32) -> Option<Place> {
        let data = state.model.jobs[job as usize];
        let mut best = Place { cost: data.penalty, route: NONE, first: NONE, second: NONE };
        if self.width > 0 {
            self.everywhere(state, rng, job, &mut best);
        } else if data.second == NONE {
            best = self.single(state, near, rng, data.first, best);
        } else {
            best = self.pair(state, near, rng, job, best);
        }
        for spare in &state.spare {
            if let Some(&route) = spare.last()
                && may_join(state, route, data.first)
            {
                self.scan(state, rng, job, route, false, &mut best);
            }
        }
        (best.route != NONE).then_some(best)
    }

    /// All positions of all routes. Routes that changed since the mark are driven along; of the others the best
    /// place is remembered until they change.
    fn everywhere(&mut self, state: &State<'_>, rng: &mut Rng, job: u32, best: &mut Place) {
        let stop = state.model.jobs[job as usize].first;
        for &route in &state.touched {
            if state.slots[route as usize].n_stops > 0 && may_join(state, route, stop) {
                self.scan(state, rng, job, route, true, best);
            }
        }
        if let Some(capacity) = state.model.one_capacity {
            let most = capacity - state.model.carried[stop as usize];
            if state.model.change[stop as usize] <= capacity {
                for &route in &state.used {
                    if state.loads[route as usize] <= most && !state.is_touched(route) {
                        self.recall(state, rng, job, route, best);
                    }
                }
            }
            return;
        }
        for &route in &state.used {
            if !state.is_touched(route) && may_join(state, route, stop) {
                self.recall(state, rng, job, route, best);
            }
        }
    }

    /// The best place in a route that did not change since the mark.
    #[inline]
    fn recall(&mut self, state: &State<'_>, rng: &mut Rng, job: u32, route: u32, best: &mut Place) {
        if route as usize >= self.width || self.known.is_empty() {
            return self.scan(state, rng, job, route, true, best);
        }
        let at = job as usize * self.width + route as usize;
        let version = state.slots[route as usize].version;
        let known = self.known[at];
        let mut place = Place { cost: known.cost, route, first: known.first, second: NONE };
        if known.version == version {
            if known.cost >= best.cost {
                return;
            }
            if state.model.pairs {
                place.second = self.known_second[at];
            }
        }
        if known.version != version || known.first == NONE {
            place = Place { cost: best.cost, route: NONE, first: NONE, second: NONE };
            self.scan(state, rng, job, route, false, &mut place);
            self.known[at] = Known { cost: place.cost, version, first: place.first };
            if state.model.pairs {
                self.known_second[at] = place.second;
            }
            if place.route == NONE {
                return;
            }
        }
        if self.blinks(rng) {
            self.shunned = (place.first, place.second);
            self.scan(state, rng, job, route, true, best);
            self.shunned = (NONE, NONE);
        } else {
            *best = place;
        }
    }

    /// All positions of a job in a route.
    fn scan(&mut self, state: &State<'_>, rng: &mut Rng, job: u32, route: u32, blink: bool, best: &mut Place) {
        let data = state.model.jobs[job as usize];
        if state.scans_plain && state.slots[route as usize].n_stops > 0 {
            self.scan_plain(state, rng, data.first, route, blink, best);
        } else if data.second == NONE {
            self.scan_single(state, rng, data.first, route, blink, best);
        } else {
            self.scan_pair(state, rng, job, route, blink, best);
        }
    }

    /// All positions of a stop in a route of which only lengths matter.
    fn scan_plain(&mut self, state: &State<'_>, rng: &mut Rng, stop: u32, route: u32, blink: bool, best: &mut Place) {
        let here = state.nodes[stop as usize].location;
        match state.model.row(here) {
            Some(row) => self.scan_lengths(state, rng, route, blink, best, |to| i64::from(row[to as usize])),
            None => self.scan_lengths(state, rng, route, blink, best, |to| state.model.distance(here, to)),
        }
    }

    #[inline(always)]
    fn scan_lengths(
        &mut self,
        state: &State<'_>,
        rng: &mut Rng,
        route: u32,
        blink: bool,
        best: &mut Place,
        length: impl Fn(u32) -> i64,
    ) {
        let rate = state.model.classes[state.class(route) as usize].vehicle.distance_cost;
        let end = state.end(route);
        let mut at = state.start(route);
        let mut there = length(state.nodes[at as usize].location);
        while at != end {
            let next = state.nodes[at as usize].next;
            let node = &state.nodes[next as usize];
            let back = length(node.location);
            let cost = rate * (there + back - i64::from(node.arc));
            if cost < best.cost
                && !Model::blocked(there)
                && !Model::blocked(back)
                && at != self.shunned.0
                && !(blink && self.blinks(rng))
            {
                *best = Place { cost, route, first: at, second: NONE };
            }
            there = back;
            at = next;
        }
    }

    fn scan_single(&mut self, state: &State<'_>, rng: &mut Rng, stop: u32, route: u32, blink: bool, best: &mut Place) {
        let model = state.model;
        let here = state.nodes[stop as usize].location;
        let (open, close) = (model.stops[stop as usize].open, model.stops[stop as usize].close);
        let end = state.end(route);
        let mut at = state.start(route);
        if model.timed {
            let served = open + model.stops[stop as usize].service;
            // Where this would make the next stop late.
            while at != end && state.nodes[state.nodes[at as usize].next as usize].latest < served {
                at = state.nodes[at as usize].next;
            }
        }
        let mut there = state.toward(at, stop);
        while at != end {
            let next = state.nodes[at as usize].next;
            let back = model.distance(here, state.nodes[next as usize].location);
            // Whoever comes later is too late as well.
            if model.timed && state.nodes[at as usize].leave > close {
                return;
            }
            if let Some(place) = try_single(state, stop, at, next, route, (there, back), best.cost)
                && at != self.shunned.0
                && !(blink && self.blinks(rng))
            {
                *best = place;
            }
            there = if model.symmetric { back } else { model.distance(state.nodes[next as usize].location, here) };
            at = next;
        }
    }

    /// Whether the position after this node has not been looked at for this stop.
    #[inline]
    fn is_new(&mut self, node: u32) -> bool {
        std::mem::replace(&mut self.met[node as usize], self.now) != self.now
    }

    /// Beside the neighbours, and at the ends of their routes.
    fn single(&mut self, state: &State<'_>, near: &Neighbours, rng: &mut Rng, stop: u32, none: Place) -> Place {
        let mut best = none;
        self.now = self.now.wrapping_add(1);
        let all = near.of(stop);
        let narrow = self.narrow.min(all.len());
        let model = state.model;
        let one_rate = model.classes[0].vehicle.distance_cost;
        let room = model.one_capacity.map(|c| c - model.carried[stop as usize]);
        let joins = |route: u32| match room {
            Some(room) if !model.profiled => state.loads[route as usize] <= room,
            _ => may_join(state, route, stop),
        };
        for others in [&all[..narrow], &all[narrow..]] {
            for &Near { stop: other, length } in others {
                if other == NONE {
                    break;
                }
                let node = &state.nodes[other as usize];
                let route = node.route;
                if route == NONE {
                    continue;
                }
                if self.seen[route as usize] != self.now {
                    self.seen[route as usize] = self.now;
                    if joins(route) {
                        // The ends are nobody's neighbours.
                        let (start, end) = (state.start(route), state.end(route));
                        for prev in [start, state.nodes[end as usize].prev] {
                            if self.is_new(prev) {
                                self.try_after(state, rng, stop, prev, route, &mut best);
                            }
                        }
                    }
                }
                // Of an arc's two ends the nearer one finds it: beside the farther it adds at least this much.
                let (mut after, mut ahead) = (true, true);
                if model.symmetric {
                    let rate = match model.classes.len() {
                        1 => one_rate,
                        _ => model.classes[state.class(route) as usize].vehicle.distance_cost,
                    };
                    let twice = 2 * i64::from(length);
                    after = rate * (twice - i64::from(state.nodes[node.next as usize].arc)) < best.cost;
                    ahead = rate * (twice - i64::from(node.arc)) < best.cost;
                }
                if !(after || ahead) || !joins(route) {
                    continue;
                }
                // A position is met from both its ends and blinked at once: a second look would undo the blink.
                if after && self.is_new(other) {
                    self.try_after(state, rng, stop, other, route, &mut best);
                }
                if ahead && self.is_new(node.prev) {
                    self.try_after(state, rng, stop, node.prev, route, &mut best);
                }
            }
            if best.route != NONE {
                break;
            }
        }
        best
    }

    #[inline]
    fn try_after(&mut self, state: &State<'_>, rng: &mut Rng, stop: u32, prev: u32, route: u32, best: &mut Place) {
        let model = state.model;
        let next = state.nodes[prev as usize].next;
        let here = state.nodes[stop as usize].location;
        let there = state.toward(prev, stop);
        let back = model.distance(here, state.nodes[next as usize].location);
        if let Some(place) = try_single(state, stop, prev, next, route, (there, back), best.cost)
            && !self.blinks(rng)
        {
            *best = place;
        }
    }

    fn pair(&mut self, state: &State<'_>, near: &Neighbours, rng: &mut Rng, job: u32, none: Place) -> Place {
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
    fn scan_pair(&mut self, state: &State<'_>, rng: &mut Rng, job: u32, route: u32, blink: bool, best: &mut Place) {
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
                    && !(blink && self.blinks(rng))
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

/// Whether a route's vehicle may serve the stop and has room for it somewhere.
#[inline]
fn may_join(state: &State<'_>, route: u32, stop: u32) -> bool {
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
fn fits_after(state: &State<'_>, route: u32, node: u32, pickup: u32) -> bool {
    let model = state.model;
    let d = model.n_dimensions;
    let capacity = &model.classes[state.class(route) as usize].vehicle.capacity;
    (0..d).all(|k| state.after[node as usize * d + k] + model.change[pickup as usize * d + k] <= capacity[k])
}

/// Whether a delivery fits in all of the route before, or a pickup in all after.
fn profile_fits(state: &State<'_>, route: u32, stop: u32, prev: u32) -> bool {
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
fn try_single(
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
fn time_added(state: &State<'_>, stop: u32, prev: u32, next: u32, route: u32, lengths: (i64, i64)) -> Option<i64> {
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
fn lasts(state: &State<'_>, route: u32, duration: i64) -> Option<i64> {
    let slot = &state.slots[route as usize];
    let vehicle = &state.model.classes[slot.class as usize].vehicle;
    if vehicle.max_duration.is_some_and(|max| duration > max) {
        return None;
    }
    Some(duration - if slot.n_stops > 0 { slot.duration } else { 0 })
}

/// A stop whose goods make the whole route leave later: the way is driven again.
fn released(state: &State<'_>, stop: u32, prev: u32, route: u32) -> Option<i64> {
    let duration = exact(state, route, &[(stop, prev)])?;
    if state.model.lasting { lasts(state, route, duration) } else { Some(0) }
}

/// The duration of a route with more stops, each after a node.
fn exact(state: &State<'_>, route: u32, more: &[(u32, u32)]) -> Option<i64> {
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
    super::exact::shortest(model, class, ready, slot.departed, &stops).map(|(_, duration)| duration)
}
