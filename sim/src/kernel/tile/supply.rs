//! Orders to suppliers, and what they send.

use super::super::calendar::CLOSED;
use super::super::lanes::{V, by_lane};
use super::super::model::{ArcParams, FromShape, LeadShape};
use super::super::random::{TableOf, four_days};
use super::super::ration::{Want, in_proportion, ration};
use super::super::tally::Tally;
use super::Tile;

impl<'a, const W: usize> Tile<'a, W> {
    /// Has sent what is ordered outside.
    #[inline(always)]
    pub(super) fn fetch(&mut self, n: usize, day: u32, tally: &mut Tally) {
        let shape = &self.group.shape.nodes[n];
        for a in shape.arcs.0 as usize..(shape.arcs.0 + shape.arcs.1) as usize {
            if self.group.shape.arcs[a].from == FromShape::Outside {
                let leaves = self.arcs[a].owed & self.is_open(a, day);
                if self.arcs[a].is_bounded {
                    self.arcs[a].held = leaves;
                } else {
                    self.arcs[a].owed -= leaves;
                    self.send(a, leaves, day, tally);
                }
            }
        }
    }

    /// Whether goods can leave on an arc today.
    #[inline(always)]
    pub(super) fn is_open(&self, a: usize, day: u32) -> V<W> {
        if self.group.shape.arcs[a].lead != LeadShape::Timetable {
            return V::ALL;
        }
        let arc = &self.arcs[a];
        V::from_fn(|l| -i32::from(self.calendar.pair_day(arc.pair[l], self.replications[l], day) != CLOSED))
    }

    /// Books an order at a supplier.
    #[inline(always)]
    pub(super) fn assign(&mut self, a: usize, quantity: V<W>) {
        let shape = &self.group.shape.arcs[a];
        self.arcs[a].owed += quantity;
        match &shape.from {
            FromShape::Node(from) => {
                let supplier = &mut self.nodes[*from as usize];
                supplier.owed += quantity;
                supplier.seen += quantity;
            }
            FromShape::Recipe(parts) => {
                for (part, units) in parts {
                    let needed = quantity.times(V::splat(*units));
                    let supplier = &mut self.nodes[*part as usize];
                    supplier.owed += needed;
                    supplier.seen += needed;
                }
            }
            FromShape::Outside => {}
        }
        if shape.has_prices && quantity.any() {
            let n_arcs = self.group.shape.arcs.len();
            for l in 0..W {
                let pieces = quantity.0[l];
                if pieces > 0 {
                    let prices = &self.group.arcs[self.members[l] * n_arcs + a].prices;
                    let at = prices.partition_point(|(from, _)| *from <= pieces).saturating_sub(1);
                    let cost = f64::from(pieces) * prices[at].1 * 1e6;
                    self.nodes[shape.child as usize].purchases[l] += cost as i64;
                }
            }
        }
    }

    /// Divides an order among several sources.
    pub(super) fn divide(&mut self, n: usize, quantity: V<W>, day: u32) {
        let shape = &self.group.shape.nodes[n];
        let arcs = shape.arcs.0 as usize..(shape.arcs.0 + shape.arcs.1) as usize;
        let open: Vec<V<W>> = arcs.clone().map(|a| self.is_open(a, day)).collect();
        let mut parts = vec![V::ZERO; open.len()];
        if shape.sourcing == 1 {
            for l in 0..W {
                let mut wants: Vec<Want> = Vec::with_capacity(open.len());
                let any_open = open.iter().any(|open| open.0[l] != 0);
                for (open, a) in open.iter().zip(arcs.clone()) {
                    let share = i32::from(self.group.shape.arcs[a].share_permille);
                    wants.push(Want { pieces: if any_open { share & open.0[l] } else { share }, priority: 0 });
                }
                let mut given = vec![0; wants.len()];
                if wants.iter().all(|want| want.pieces == 0) {
                    wants[0].pieces = 1;
                }
                in_proportion(quantity.0[l], &wants, &mut given);
                given.iter().zip(&mut parts).for_each(|(given, part)| part.0[l] = *given);
            }
        } else {
            let mut rest = quantity;
            for ((part, open), a) in parts.iter_mut().zip(&open).zip(arcs.clone()) {
                let limit = match &self.group.shape.arcs[a].from {
                    FromShape::Node(from) => {
                        let supplier = &self.nodes[*from as usize];
                        (supplier.on_hand - supplier.owed - supplier.backlog).max(V::ZERO)
                    }
                    _ => V::splat(i32::MAX),
                };
                *part = rest.min(limit) & *open;
                rest -= *part;
            }
            // What nobody has waits at the first that is open, or at the first.
            for l in 0..W {
                if rest.0[l] > 0 {
                    let first = open.iter().position(|open| open.0[l] != 0).unwrap_or(0);
                    parts[first].0[l] += rest.0[l];
                }
            }
        }
        for (part, a) in parts.into_iter().zip(arcs) {
            self.assign(a, part);
        }
    }

    /// Sends to those who order here what there is.
    #[inline(always)]
    pub(super) fn ship(&mut self, n: usize, day: u32, tally: &mut Tally) {
        let shape = &self.group.shape.nodes[n];
        if shape.out.is_empty() && shape.used_by.is_empty() {
            return;
        }
        let node = &self.nodes[n];
        let usable = if shape.has_rows { node.on_hand & node.shut.not() } else { node.on_hand };
        let enough = node.owed.at_most(usable);
        let is_short = enough != V::ALL;
        if is_short {
            self.ration_lanes(n, usable, enough, day);
        }
        // Where there is enough everybody gets all; closed arcs keep theirs.
        for (i, &a) in shape.out.iter().enumerate() {
            let a = a as usize;
            let leaves = if is_short { self.leaves[i] } else { self.arcs[a].owed & self.is_open(a, day) };
            self.leave(n, a, leaves, day, tally);
        }
        for (i, &(a, units)) in (shape.out.len()..).zip(&shape.used_by) {
            let part = self.part_of(a as usize, n);
            let taken = if is_short { self.leaves[i] } else { self.arcs[a as usize].owed.times(V::splat(units)) };
            self.arcs[a as usize].parts[part] = taken;
            self.nodes[n].on_hand -= taken;
        }
    }

    pub(super) fn part_of(&self, a: usize, n: usize) -> usize {
        match &self.group.shape.arcs[a].from {
            FromShape::Recipe(parts) => parts.iter().position(|(part, _)| *part as usize == n).unwrap_or(0),
            _ => 0,
        }
    }

    #[inline(always)]
    pub(super) fn leave(&mut self, n: usize, a: usize, leaves: V<W>, day: u32, tally: &mut Tally) {
        self.nodes[n].on_hand -= leaves;
        if self.arcs[a].is_bounded {
            self.arcs[a].held = leaves;
            self.arcs[a].set_aside = leaves;
        } else {
            self.nodes[n].owed -= leaves;
            self.arcs[a].owed -= leaves;
            self.send(a, leaves, day, tally);
        }
    }

    /// What leaves on each arc and to each recipe, where there may not be enough.
    fn ration_lanes(&mut self, n: usize, usable: V<W>, enough: V<W>, day: u32) {
        let shape = &self.group.shape.nodes[n];
        let n_out = shape.out.len();
        let mut leaves = std::mem::take(&mut self.leaves);
        leaves.clear();
        for &a in &shape.out {
            leaves.push(self.arcs[a as usize].owed & self.is_open(a as usize, day));
        }
        for &(a, units) in &shape.used_by {
            leaves.push(self.arcs[a as usize].owed.times(V::splat(units)));
        }
        for l in 0..W {
            if enough.0[l] != 0 {
                continue;
            }
            if usable.0[l] <= 0 {
                leaves.iter_mut().for_each(|leaves| leaves.0[l] = 0);
                continue;
            }
            let priority = |i: usize| {
                let a = if i < n_out { shape.out[i] } else { shape.used_by[i - n_out].0 };
                self.group.shape.arcs[a as usize].priority
            };
            self.wants.clear();
            self.wants.extend(leaves.iter().enumerate().map(|(i, it)| Want { pieces: it.0[l], priority: priority(i) }));
            self.given.clear();
            self.given.resize(self.wants.len(), 0);
            ration(shape.allocation, usable.0[l], &self.wants, &mut self.given);
            for (i, (given, want)) in self.given.iter().zip(&self.wants).enumerate() {
                let whole = i < n_out && !self.group.shape.arcs[shape.out[i] as usize].partial && *given < want.pieces;
                leaves[i].0[l] = if whole { 0 } else { *given };
            }
        }
        self.leaves = leaves;
    }

    /// What recipes can make of the parts set aside, and what capacities let through.
    pub(super) fn make_and_bound(&mut self, day: u32, tally: &mut Tally) {
        let group = self.group;
        for (a, shape) in group.shape.arcs.iter().enumerate() {
            if let FromShape::Recipe(parts) = &shape.from {
                let mut made = self.arcs[a].owed;
                for (i, (_, units)) in parts.iter().enumerate() {
                    made = made.min(self.arcs[a].parts[i].divided_down(V::splat(*units)));
                }
                if group.shape.nodes[shape.child as usize].has_rows {
                    made = made & self.nodes[shape.child as usize].shut.not();
                }
                self.arcs[a].held = made;
            }
        }
        for (capacity, arcs) in &group.shape.capacities {
            for l in 0..W {
                let most = self.calendar.capacity(*capacity, self.replications[l], day);
                let load = |tile: &Self, (a, each): &(u32, i64)| i64::from(tile.arcs[*a as usize].held.0[l]) * each;
                let all: i64 = arcs.iter().map(|arc| load(self, arc)).sum();
                if all <= most {
                    continue;
                }
                let mut left = most;
                let before: Vec<i32> = arcs.iter().map(|(a, _)| self.arcs[*a as usize].held.0[l]).collect();
                for (a, each) in arcs {
                    let held = &mut self.arcs[*a as usize].held.0[l];
                    *held = (i128::from(*held) * i128::from(most) / i128::from(all)) as i32;
                    left -= i64::from(*held) * each;
                }
                // What rounding left over goes to the first who can use it.
                for ((a, each), before) in arcs.iter().zip(before) {
                    let held = &mut self.arcs[*a as usize].held.0[l];
                    let more = i64::from(before - *held).min(left / each);
                    *held += more as i32;
                    left -= more * each;
                }
            }
        }
        for (a, shape) in group.shape.arcs.iter().enumerate() {
            if !self.arcs[a].is_bounded {
                continue;
            }
            let leaves = self.arcs[a].held;
            match &shape.from {
                FromShape::Node(from) => {
                    let set_aside = self.arcs[a].set_aside;
                    let supplier = &mut self.nodes[*from as usize];
                    supplier.on_hand += set_aside - leaves;
                    supplier.owed -= leaves;
                }
                FromShape::Recipe(parts) => {
                    for (i, (part, units)) in parts.iter().enumerate() {
                        let used = leaves.times(V::splat(*units));
                        let set_aside = self.arcs[a].parts[i];
                        let supplier = &mut self.nodes[*part as usize];
                        supplier.on_hand += set_aside - used;
                        supplier.owed -= used;
                        if group.shape.nodes[*part as usize].is_perishable
                            && let Some(lots) = &mut self.lots
                        {
                            for l in 0..W {
                                lots.issue(*part as usize, l, used.0[l]);
                            }
                        }
                    }
                }
                FromShape::Outside => {}
            }
            self.arcs[a].owed -= leaves;
            self.arcs[a].held = V::ZERO;
            self.arcs[a].set_aside = V::ZERO;
            self.arcs[a].parts.iter_mut().for_each(|part| *part = V::ZERO);
            self.send(a, leaves, day, tally);
        }
    }

    /// Puts goods on their way.
    #[inline(always)]
    pub(super) fn send(&mut self, a: usize, leaves: V<W>, day: u32, tally: &mut Tally) {
        let shape = &self.group.shape.arcs[a];
        self.arcs[a].shipped = leaves;
        if !leaves.any() {
            return;
        }
        self.arcs[a].in_transit += leaves;
        let mut arrives = [0; W];
        match shape.lead {
            LeadShape::Fixed(days) => {
                let arc = &self.arcs[a];
                let slot = arc.now + usize::from(days) - 1;
                let slot = arc.ring + if slot >= arc.ring_len { slot - arc.ring_len } else { slot };
                self.rings[slot] += leaves;
                arrives = [day + u32::from(days); W];
            }
            LeadShape::Random => {
                let arc = &mut self.arcs[a];
                if arc.words_until <= day {
                    arc.words = four_days(self.keys.lead_time, day, &self.replications, &arc.subject);
                    arc.words_until = (day | 3) + 1;
                }
                let days = self.model.tables.draw(&arc.table, &arc.words[day as usize & 3]).max(V::splat(1));
                let today = V::splat(day as i32);
                let mut at = today + days;
                if !shape.may_cross {
                    at = at.max(arc.last_arrival);
                    arc.last_arrival = leaves.positive().pick(at, arc.last_arrival);
                }
                let slot = at - today + V::splat(arc.now as i32 - 1);
                let ring_len = V::splat(arc.ring_len as i32);
                let slot = slot - (ring_len & ring_len.at_most(slot));
                let ring = &mut self.rings[arc.ring..arc.ring + arc.ring_len];
                for l in 0..W {
                    if leaves.0[l] != 0 {
                        ring[slot.0[l] as usize].0[l] += leaves.0[l];
                    }
                }
                arrives = by_lane(|l| at.0[l] as u32);
            }
            LeadShape::Timetable => {
                let words = four_days(self.keys.lead_time, day, &self.replications, &self.arcs[a].subject);
                for l in 0..W {
                    if leaves.0[l] == 0 {
                        continue;
                    }
                    let today = self.calendar.pair_day(self.arcs[a].pair[l], self.replications[l], day);
                    let way = &self.calendar.pairs[self.arcs[a].pair[l] as usize].ways[(today >> 16) as usize];
                    let days = match way.fixed {
                        Some(days) => u32::from(days),
                        None => {
                            let V([days]) =
                                self.calendar.tables.draw(&TableOf::new([way.table]), &[words[day as usize & 3][l]]);
                            days as u32
                        }
                    };
                    arrives[l] = self.arrive(a, l, leaves.0[l], day, days.max(1) + (today & 0xffff));
                    if l < self.n_lanes {
                        let params = self.arc_params(a, l);
                        let grams = i64::from(leaves.0[l]) * params.mass_g;
                        tally.carry(self.replications[l], &way.legs, day, grams, params.is_cooled);
                        tally.note(&way.legs, day, arrives[l], leaves.0[l]);
                    }
                }
            }
        }
        if self.arcs[a].has_way && shape.lead != LeadShape::Timetable {
            for l in 0..self.n_lanes {
                let params = self.arc_params(a, l);
                if let Some(way) = &params.way
                    && leaves.0[l] > 0
                {
                    let grams = i64::from(leaves.0[l]) * params.mass_g;
                    tally.carry(self.replications[l], way, day, grams, params.is_cooled);
                    tally.note(way, day, arrives[l], leaves.0[l]);
                }
            }
        }
        if self.group.shape.nodes[shape.child as usize].is_perishable
            && let Some(lots) = &mut self.lots
        {
            let from = if let FromShape::Node(from) = shape.from { Some(from as usize) } else { None };
            for l in 0..W {
                if leaves.0[l] > 0 {
                    lots.send(from, shape.child as usize, a, l, leaves.0[l], day, arrives[l]);
                }
            }
        }
    }

    #[inline(always)]
    pub(super) fn arc_params(&self, a: usize, l: usize) -> &'a ArcParams {
        &self.group.arcs[self.members[l] * self.group.shape.arcs.len() + a]
    }

    /// Plans an arrival in one lane, and gives its day.
    #[inline(always)]
    pub(super) fn arrive(&mut self, a: usize, l: usize, pieces: i32, day: u32, days: u32) -> u32 {
        if pieces == 0 {
            return 0;
        }
        let may_cross = self.group.shape.arcs[a].may_cross;
        let arc = &mut self.arcs[a];
        let mut at = day + days;
        if !may_cross {
            at = at.max(arc.last_arrival.0[l] as u32);
            arc.last_arrival.0[l] = at as i32;
        }
        let slot = (arc.now + (at - day) as usize - 1) % arc.ring_len;
        self.rings[arc.ring + slot].0[l] += pieces;
        at
    }
}
