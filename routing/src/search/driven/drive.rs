//! What a route costs when it is driven: loads by trip, breaks where they delay least, soft windows, speeds by the
//! hour. Linear in the stops of the route, times the square of the breaks of its vehicle.

use crate::plan::{Part, Pause, PauseKind, Visit};
use crate::problem::{Break, Drive, NO_WAY, Problem, Soft, Stop, Task, Terminal, Window};

/// An item of a route at or above this is a reload at the depot with what is left as its index.
pub(super) const RELOAD: u32 = 1 << 31;

/// Up to this many locations lengths are worked out once.
const TABLE_MAX: usize = 2_000;

/// A stop as the driver reads it.
pub(super) struct StopData<'p> {
    pub(super) visit: Visit,
    pub(super) stop: &'p Stop,
    /// Service does not begin before.
    ready: i64,
    /// Of goods that are loaded at the depot.
    release: i64,
    soft: Option<Soft>,
    /// By dimension: in the vehicle from the beginning of the trip because of it.
    pub(super) carried: Vec<i64>,
    /// By dimension: what it changes.
    pub(super) change: Vec<i64>,
    class: Option<u32>,
    /// Whether its goods leave the vehicle here, or come in.
    leaves: bool,
    enters: bool,
    from_start: bool,
}

/// What a route costs, and when it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Price {
    pub(super) cost: i64,
    pub(super) departure: i64,
    waits: bool,
}

impl Price {
    /// Of what cannot be priced: a route that is late already and must stay.
    pub(super) const fn broken(departed: Option<i64>) -> Self {
        let departure = match departed {
            Some(departed) => departed,
            None => 0,
        };
        Self { cost: 0, departure, waits: false }
    }
}

pub(super) struct Driver<'p> {
    pub(super) problem: &'p Problem,
    pub(super) stops: Vec<StopData<'p>>,
    /// By job: its first stop, and its second if it is a shipment.
    pub(super) jobs: Vec<(u32, Option<u32>)>,
    table: Vec<(i64, i64)>,
    n_locations: usize,
    /// By vehicle: its breaks by the time they begin.
    breaks: Vec<Vec<(usize, &'p Break)>>,
}

/// One way through a route so far, with so many breaks made.
#[derive(Clone, Copy)]
struct Run {
    now: i64,
    soft: i64,
    driving: i64,
    /// How much later it may all begin until a window is missed, and what the first wait is.
    slack: i64,
    first_wait: Option<i64>,
}

/// The end of a run.
struct Ran {
    cost: i64,
    feasible: bool,
    shift: i64,
}

impl<'p> Driver<'p> {
    pub(super) fn new(problem: &'p Problem) -> Self {
        let n = problem.travel().n_locations();
        let travel = problem.travel();
        let table = match n <= TABLE_MAX {
            true => (0..n * n).map(|i| (travel.distance(i / n, i % n), travel.duration(i / n, i % n))).collect(),
            false => Vec::new(),
        };
        let in_order = |v: &'p crate::problem::Vehicle| {
            let mut breaks: Vec<(usize, &Break)> = v.rules.breaks.iter().enumerate().collect();
            breaks.sort_by_key(|(i, b)| (b.windows.first().map(|w| w.start), *i));
            breaks
        };
        let breaks = problem.vehicles().iter().map(in_order).collect();
        let mut driver = Self { problem, stops: Vec::new(), jobs: Vec::new(), table, n_locations: n, breaks };
        for job in 0..problem.jobs().len() {
            driver.add(job);
        }
        driver
    }

    fn add(&mut self, index: usize) {
        let job = &self.problem.jobs()[index];
        let first = self.stops.len() as u32;
        let nothing = vec![0; job.amount.len()];
        let out: Vec<i64> = job.amount.iter().map(|a| -a).collect();
        let base = |part, stop, soft| StopData {
            visit: Visit { job: index, part },
            stop,
            ready: 0,
            release: 0,
            soft,
            carried: nothing.clone(),
            change: nothing.clone(),
            class: job.rules.class,
            leaves: false,
            enters: false,
            from_start: false,
        };
        match &job.task {
            Task::Delivery(stop) => {
                let collects = |k: usize| job.rules.collects.get(k).copied().unwrap_or(0);
                self.stops.push(StopData {
                    release: job.release,
                    carried: job.amount.clone(),
                    change: out.iter().enumerate().map(|(k, a)| a + collects(k)).collect(),
                    leaves: job.rules.collects.is_empty(),
                    from_start: true,
                    ..base(Part::Service, stop, job.rules.soft)
                });
            }
            Task::Pickup(stop) => self.stops.push(StopData {
                ready: job.release,
                change: job.amount.clone(),
                enters: true,
                ..base(Part::Service, stop, job.rules.soft)
            }),
            Task::Shipment { pickup, delivery } => {
                self.stops.push(StopData {
                    ready: job.release,
                    change: job.amount.clone(),
                    enters: true,
                    ..base(Part::Pickup, pickup, job.rules.soft)
                });
                self.stops.push(StopData {
                    change: out,
                    leaves: true,
                    ..base(Part::Delivery, delivery, job.rules.soft_delivery)
                });
            }
        }
        let second = (self.stops.len() as u32 > first + 1).then_some(first + 1);
        self.jobs.push((first, second));
    }

    #[inline]
    pub(super) fn lengths(&self, from: Option<usize>, to: Option<usize>) -> (i64, i64) {
        let (Some(from), Some(to)) = (from, to) else { return (0, 0) };
        match self.table.get(from * self.n_locations + to) {
            Some(&lengths) => lengths,
            None => (self.problem.travel().distance(from, to), self.problem.travel().duration(from, to)),
        }
    }

    pub(super) fn place(&self, terminal: Terminal) -> Option<usize> {
        match terminal {
            Terminal::Depot(depot) => Some(self.problem.depots()[depot].location),
            Terminal::Location(at) => Some(at),
            Terminal::Open => None,
        }
    }

    pub(super) fn location(&self, item: u32) -> usize {
        match item.checked_sub(RELOAD) {
            Some(depot) => self.problem.depots()[depot as usize].location,
            None => self.stops[item as usize].stop.location,
        }
    }

    /// Whether a vehicle has all that a job asks for.
    pub(super) fn able(&self, vehicle: usize, job: usize) -> bool {
        let (v, job) = (&self.problem.vehicles()[vehicle], &self.problem.jobs()[job]);
        job.skills.iter().all(|s| v.skills.contains(s))
    }

    /// What these items cost as a route of a vehicle; `None` if they may not be one.
    pub(super) fn price(&self, vehicle: usize, items: &[u32], departed: Option<i64>) -> Option<Price> {
        let distance = self.contents(vehicle, items)?;
        let v = &self.problem.vehicles()[vehicle];
        let (ready, latest) = self.departures(vehicle, items);
        if departed.unwrap_or(ready) < ready || departed.unwrap_or(ready) > latest {
            return None;
        }
        let is_early = |i: &u32| *i < RELOAD && self.stops[*i as usize].soft.is_some_and(|s| s.early_cost > 0);
        let early = items.iter().any(is_early);
        let puts_off = departed.is_none() && (early || v.time_cost > 0 || v.max_duration.is_some());
        let mut best: Option<Price> = None;
        for waits in [false, true] {
            if waits && !early {
                break;
            }
            let mut departure = departed.unwrap_or(ready);
            for _ in 0..if puts_off { 4 } else { 1 } {
                let Some(ran) = self.run(vehicle, items, departure, waits, None) else { break };
                let cost = v.fixed_cost + v.distance_cost * distance + ran.cost;
                if ran.feasible && best.is_none_or(|b| cost < b.cost) {
                    best = Some(Price { cost, departure, waits });
                }
                let shift = ran.shift.min(latest - departure);
                if shift <= 0 {
                    break;
                }
                departure += shift;
            }
        }
        best
    }

    /// The pauses of a route that was priced.
    pub(super) fn pauses(&self, vehicle: usize, items: &[u32], price: Price) -> Vec<Pause> {
        let mut pauses = Vec::new();
        self.run(vehicle, items, price.departure, price.waits, Some(&mut pauses));
        pauses
    }

    /// Earliest and latest departure.
    fn departures(&self, vehicle: usize, items: &[u32]) -> (i64, i64) {
        let v = &self.problem.vehicles()[vehicle];
        let hours = match v.start {
            Terminal::Depot(depot) => self.problem.depots()[depot].open,
            Terminal::Location(_) | Terminal::Open => Window::ALWAYS,
        };
        let ready = hours.start.max(v.shift.start).max(self.released(items));
        (ready, hours.end.min(v.shift.end))
    }

    /// When all goods of the trip that these items begin are there.
    fn released(&self, items: &[u32]) -> i64 {
        let trip = items.iter().take_while(|i| **i < RELOAD);
        trip.map(|&i| self.stops[i as usize].release).max().unwrap_or(0)
    }

    /// Loads, classes, trips and stops; gives the distance.
    fn contents(&self, vehicle: usize, items: &[u32]) -> Option<i64> {
        let v = &self.problem.vehicles()[vehicle];
        let trips = items.split(|i| *i >= RELOAD).count();
        let n_stops = items.len() + 1 - trips;
        let most_trips = v.rules.reload.as_ref().map_or(1, |r| r.max_trips as usize);
        if trips > most_trips || v.rules.max_stops.is_some_and(|max| n_stops > max as usize) {
            return None;
        }
        for trip in items.split(|i| *i >= RELOAD) {
            self.trip(&v.capacity, trip)?;
        }
        let mut distance = 0;
        let mut at = self.place(v.start);
        for to in items.iter().map(|&i| Some(self.location(i))).chain([self.place(v.end)]) {
            let (length, duration) = self.lengths(at, to);
            if length == NO_WAY || duration == NO_WAY {
                return None;
            }
            distance += length;
            at = to.or(at);
        }
        v.max_distance.is_none_or(|max| distance <= max).then_some(distance)
    }

    fn trip(&self, capacity: &[i64], trip: &[u32]) -> Option<()> {
        for (k, &room) in capacity.iter().enumerate() {
            let mut load: i64 = trip.iter().map(|&i| self.stops[i as usize].carried[k]).sum();
            let mut most = load;
            for &i in trip {
                load += self.stops[i as usize].change[k];
                most = most.max(load);
            }
            if most > room {
                return None;
            }
        }
        // A shipment is whole in its trip.
        let open = |part| trip.iter().filter(|i| self.stops[**i as usize].visit.part == part).count();
        if open(Part::Pickup) != open(Part::Delivery) {
            return None;
        }
        let apart = &self.problem.rules().apart;
        for &[a, b] in apart {
            let of = |class: u32| trip.iter().filter(move |i| self.stops[**i as usize].class == Some(class));
            if of(a).next().is_none() || of(b).next().is_none() {
                continue;
            }
            let mut aboard = [a, b].map(|class| of(class).filter(|i| self.stops[**i as usize].from_start).count());
            let meet = |n: [usize; 2]| if a == b { n[0] > 1 } else { n[0] > 0 && n[1] > 0 };
            if meet(aboard) {
                return None;
            }
            for stop in trip.iter().map(|&i| &self.stops[i as usize]) {
                for (n, class) in aboard.iter_mut().zip([a, b]) {
                    if stop.class == Some(class) {
                        *n = (*n + usize::from(stop.enters)).saturating_sub(usize::from(stop.leaves));
                    }
                }
                if meet(aboard) {
                    return None;
                }
            }
        }
        Some(())
    }

    /// Drives the route from a departure on. Notes pauses if asked to.
    fn run(
        &self,
        vehicle: usize,
        items: &[u32],
        departure: i64,
        waits: bool,
        notes: Option<&mut Vec<Pause>>,
    ) -> Option<Ran> {
        let v = &self.problem.vehicles()[vehicle];
        if self.breaks[vehicle].is_empty() && notes.is_none() {
            return self.run_straight(vehicle, items, departure, waits);
        }
        let breaks: Vec<(usize, &Break)> = self.breaks[vehicle]
            .iter()
            .filter(|(_, b)| b.windows.last().is_some_and(|w| w.end >= departure))
            .copied()
            .collect();
        let n_states = breaks.len() + 1;
        let start = Run { now: departure, soft: 0, driving: 0, slack: i64::MAX, first_wait: None };
        let mut states: Vec<Option<Run>> = vec![None; n_states];
        states[0] = Some(start);
        // By item and number of breaks: how many were made before it, and until when it waits.
        let mut trace: Vec<(usize, i64)> = Vec::new();
        let records = notes.is_some();
        let mut at = self.place(v.start);
        let targets = items.iter().map(|&i| (Some(i), Some(self.location(i)))).chain([(None, self.place(v.end))]);
        for (position, (item, to)) in targets.enumerate() {
            let duration = self.lengths(at, to).1;
            let profile = v.rules.speed.map(|s| &self.problem.rules().speeds[s]);
            let mut reached: Vec<Option<(Run, usize, i64)>> = vec![None; n_states];
            for (made, state) in states.iter().enumerate() {
                let Some(mut run) = *state else { continue };
                let mut drive = Drive::new(duration, profile);
                for more in made..n_states {
                    if more > made {
                        let pause = breaks[more - 1].1;
                        let Some(window) = pause.windows.iter().find(|w| w.end >= run.now) else { break };
                        let begin = window.start.max(run.now);
                        run.driving += drive.arrival(run.now).min(begin) - run.now;
                        drive.drive_until(run.now, begin);
                        run.slack = run.slack.min(window.end - begin);
                        run.now = begin + pause.duration;
                    }
                    let arrival = drive.arrival(run.now);
                    let mut there = run;
                    there.driving += arrival - run.now;
                    there.now = arrival;
                    let Some(wait) = self.serve(&mut there, vehicle, items, position, item, waits) else { continue };
                    let known = &mut reached[more];
                    let key = |r: &Run| (r.soft + v.time_cost * r.now + v.rules.driving_cost * r.driving, r.now);
                    if known.as_ref().is_none_or(|(r, _, _)| key(&there) < key(r)) {
                        *known = Some((there, made, wait));
                    }
                }
            }
            if reached.iter().all(Option::is_none) {
                return None;
            }
            if records {
                trace.extend(reached.iter().map(|r| r.map_or((0, 0), |(_, made, wait)| (made, wait))));
            }
            states.clear();
            states.extend(reached.iter().map(|r| r.map(|(run, _, _)| run)));
            at = to.or(at);
        }
        let mut best: Option<(Ran, usize)> = None;
        for (made, run) in states.iter().enumerate() {
            let Some(run) = run else { continue };
            let due = |b: &Break| b.windows.last().is_some_and(|w| run.now > w.end);
            if breaks[made..].iter().any(|(_, b)| due(b)) {
                continue;
            }
            let ran = self.ran(vehicle, departure, run);
            if best.as_ref().is_none_or(|(b, _)| (!ran.feasible, ran.cost) < (!b.feasible, b.cost)) {
                best = Some((ran, made));
            }
        }
        let (ran, made) = best?;
        if let Some(notes) = notes {
            self.note(items, &breaks, &trace, made, notes);
        }
        Some(ran)
    }

    /// The same for a vehicle without breaks, with nothing noted.
    fn run_straight(&self, vehicle: usize, items: &[u32], departure: i64, waits: bool) -> Option<Ran> {
        let v = &self.problem.vehicles()[vehicle];
        let profile = v.rules.speed.map(|s| &self.problem.rules().speeds[s]);
        let mut run = Run { now: departure, soft: 0, driving: 0, slack: i64::MAX, first_wait: None };
        let mut at = self.place(v.start);
        let targets = items.iter().map(|&i| (Some(i), Some(self.location(i)))).chain([(None, self.place(v.end))]);
        for (position, (item, to)) in targets.enumerate() {
            let duration = self.lengths(at, to).1;
            let arrival = match profile {
                None => run.now + duration,
                Some(_) => Drive::new(duration, profile).arrival(run.now),
            };
            run.driving += arrival - run.now;
            run.now = arrival;
            self.serve(&mut run, vehicle, items, position, item, waits)?;
            at = to.or(at);
        }
        Some(self.ran(vehicle, departure, &run))
    }

    fn ran(&self, vehicle: usize, departure: i64, run: &Run) -> Ran {
        let v = &self.problem.vehicles()[vehicle];
        let duration = run.now - departure;
        Ran {
            cost: v.time_cost * duration + run.soft + v.rules.driving_cost * run.driving,
            feasible: run.now <= self.closes(vehicle)
                && v.max_duration.is_none_or(|max| duration <= max)
                && v.rules.max_driving.is_none_or(|max| run.driving <= max),
            shift: run.first_wait.map_or(0, |wait| wait.min(run.slack)),
        }
    }

    /// When the vehicle could leave each item at the earliest, its start first, if it made no break. Nobody comes
    /// earlier than from there, whatever else the route is given.
    pub(super) fn earliest(&self, vehicle: usize, items: &[u32], departed: Option<i64>, out: &mut Vec<i64>) {
        let v = &self.problem.vehicles()[vehicle];
        out.clear();
        let ready = departed.unwrap_or_else(|| self.departures(vehicle, items).0);
        let mut run = Run { now: ready, soft: 0, driving: 0, slack: i64::MAX, first_wait: None };
        out.push(ready);
        let mut at = self.place(v.start);
        for (position, &item) in items.iter().enumerate() {
            let to = Some(self.location(item));
            run.now = self.reaches(vehicle, run.now, at, to);
            if self.serve(&mut run, vehicle, items, position, Some(item), false).is_none() {
                // A frozen route that is late already: nothing is ruled out.
                out.clear();
                return;
            }
            out.push(run.now);
            at = to;
        }
    }

    /// When a vehicle comes to a place that it leaves for at a moment.
    fn reaches(&self, vehicle: usize, now: i64, from: Option<usize>, to: Option<usize>) -> i64 {
        let duration = self.lengths(from, to).1;
        if duration == NO_WAY {
            return i64::MAX;
        }
        let profile = self.problem.vehicles()[vehicle].rules.speed.map(|s| &self.problem.rules().speeds[s]);
        Drive::new(duration, profile).arrival(now)
    }

    /// Whether a stop can still be served by who leaves a place at a moment.
    pub(super) fn in_time(&self, vehicle: usize, now: i64, from: Option<usize>, item: u32) -> bool {
        let stop = &self.stops[item as usize];
        let last = stop.stop.windows.last().map_or(i64::MAX, |w| w.end);
        self.reaches(vehicle, now, from, Some(stop.stop.location)) <= last
    }

    /// Serves an item, or reaches the end; gives the moment it waits for beyond what it must, 0 if it does not.
    fn serve(
        &self,
        run: &mut Run,
        vehicle: usize,
        items: &[u32],
        position: usize,
        item: Option<u32>,
        waits: bool,
    ) -> Option<i64> {
        let v = &self.problem.vehicles()[vehicle];
        let Some(item) = item else {
            if let Terminal::Depot(depot) = v.end {
                run.now = run.now.max(self.problem.depots()[depot].open.start);
            }
            return Some(0);
        };
        if let Some(depot) = item.checked_sub(RELOAD) {
            let open = self.problem.depots()[depot as usize].open;
            let begin = run.now.max(open.start);
            if begin > open.end {
                return None;
            }
            let takes = v.rules.reload.as_ref().map_or(0, |r| r.duration);
            let leave = (begin + takes).max(self.released(&items[position + 1..]));
            run.note_wait(leave - takes - run.now, open.end - begin);
            run.now = leave;
            return Some(0);
        }
        let stop = &self.stops[item as usize];
        let begin_from = |moment: i64| {
            let window = stop.stop.windows.iter().find(|w| w.end >= moment)?;
            Some((window.start.max(moment), window.end))
        };
        let (mut begin, mut end) = begin_from(run.now.max(stop.ready))?;
        let mut waited = begin - run.now;
        let mut wait_until = 0;
        if let Some(soft) = stop.soft {
            let pays = waits && begin < soft.window.start && soft.early_cost > v.time_cost;
            if let Some((later, until)) = begin_from(soft.window.start).filter(|_| pays) {
                (begin, end, wait_until) = (later, until, later);
                waited = begin - run.now;
            }
            let early = (soft.window.start - begin).max(0);
            run.soft += early * soft.early_cost + (begin - soft.window.end).max(0) * soft.late_cost;
            waited = waited.max(early);
        }
        run.note_wait(waited, end - begin);
        run.now = begin + stop.stop.service;
        Some(wait_until)
    }

    /// The latest end of a route.
    fn closes(&self, vehicle: usize) -> i64 {
        let v = &self.problem.vehicles()[vehicle];
        match v.end {
            Terminal::Depot(depot) => self.problem.depots()[depot].open.end.min(v.shift.end),
            Terminal::Location(_) | Terminal::Open => v.shift.end,
        }
    }

    /// Follows the trace back: which breaks are made before which item.
    fn note(
        &self,
        items: &[u32],
        breaks: &[(usize, &Break)],
        trace: &[(usize, i64)],
        mut made: usize,
        notes: &mut Vec<Pause>,
    ) {
        let n_states = breaks.len() + 1;
        // By item: breaks made on the way to it, and its wait.
        let mut by_item = Vec::with_capacity(items.len() + 1);
        for position in (0..=items.len()).rev() {
            let (before, wait) = trace[position * n_states + made];
            by_item.push((before..made, wait));
            made = before;
        }
        let mut before = 0;
        for (position, (made, wait)) in by_item.into_iter().rev().enumerate() {
            notes.extend(breaks[made].iter().map(|(index, _)| Pause { before, kind: PauseKind::Break(*index) }));
            match items.get(position).map(|i| (i, i.checked_sub(RELOAD))) {
                Some((_, Some(depot))) => notes.push(Pause { before, kind: PauseKind::Reload(depot as usize) }),
                Some(_) => {
                    if wait > 0 {
                        notes.push(Pause { before, kind: PauseKind::WaitUntil(wait) });
                    }
                    before += 1;
                }
                None => {}
            }
        }
    }
}

impl Run {
    /// A wait of this length where service could begin so much later. Only the first one can be saved by leaving
    /// later, and only by as much as everything before it allows.
    fn note_wait(&mut self, wait: i64, slack: i64) {
        if self.first_wait.is_some() {
            return;
        }
        if wait > 0 {
            self.first_wait = Some(wait);
        } else {
            self.slack = self.slack.min(slack);
        }
    }
}
