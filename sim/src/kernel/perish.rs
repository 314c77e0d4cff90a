//! Lots with a last day, first expired first out.
//!
//! A shadow of the engine's integers: how much moves is decided there, which lots move is kept here.

use std::collections::VecDeque;

/// Pieces usable up to and including a day.
#[derive(Clone, Copy, Debug)]
struct Lot {
    last_day: u32,
    pieces: i32,
}

/// The lots of all nodes and arcs of a tile.
#[derive(Clone, Debug)]
pub(super) struct Lots {
    width: usize,
    life: Vec<u32>,
    on_hand: Vec<VecDeque<Lot>>,
    /// With the day they arrive.
    moving: Vec<Vec<(u32, Lot)>>,
    incoming: Vec<Vec<(u32, Lot)>>,
    /// By node and lane: no lot arrives or expires before this day.
    due: Vec<u32>,
}

impl Lots {
    /// Nothing yet; `life` gives the days from making to throwing away, 0 for ever, by node and lane.
    pub(super) fn new(n_nodes: usize, n_arcs: usize, width: usize, life: &dyn Fn(usize, usize) -> u32) -> Self {
        Self {
            width,
            life: (0..n_nodes * width).map(|i| life(i / width, i % width)).collect(),
            on_hand: vec![VecDeque::new(); n_nodes * width],
            moving: vec![Vec::new(); n_arcs * width],
            incoming: vec![Vec::new(); n_nodes * width],
            due: vec![0; n_nodes * width],
        }
    }

    fn lasts(&self, n: usize, l: usize, made_on: u32) -> u32 {
        match self.life[n * self.width + l] {
            0 => u32::MAX,
            life => made_on.saturating_add(life),
        }
    }

    /// Stock at the start; half of its life is over.
    pub(super) fn start(&mut self, n: usize, l: usize, pieces: i32) {
        let at = n * self.width + l;
        if pieces > 0 {
            let last_day = if self.life[at] == 0 { u32::MAX } else { self.life[at].div_ceil(2) };
            self.on_hand[at].push_back(Lot { last_day, pieces });
        }
    }

    /// Goods under way at the start; made when it began.
    pub(super) fn start_incoming(&mut self, n: usize, l: usize, arrives: u32, pieces: i32) {
        let last_day = self.lasts(n, l, 0);
        self.incoming[n * self.width + l].push((arrives, Lot { last_day, pieces }));
    }

    /// Whether anything may arrive or expire on `day`.
    #[inline(always)]
    pub(super) fn is_due(&self, n: usize, l: usize, day: u32) -> bool {
        self.due[n * self.width + l] <= day
    }

    /// Takes in what arrives on `day` at a node over its arcs, the first and how many, and throws away what may
    /// no longer be used: how much. A shut site has what arrives wait.
    pub(super) fn morning(&mut self, n: usize, l: usize, day: u32, shut: bool, arcs: (u32, u32)) -> i32 {
        self.receive(n, l, day, shut, arcs);
        let wasted = self.expire(n, l, day);
        let at = n * self.width + l;
        let expires = self.on_hand[at].front().map_or(u32::MAX, |lot| lot.last_day.saturating_add(1));
        let moving = (arcs.0..arcs.0 + arcs.1).flat_map(|a| &self.moving[a as usize * self.width + l]);
        let arrives = moving.chain(&self.incoming[at]).map(|(arrives, _)| *arrives).min().unwrap_or(u32::MAX);
        self.due[at] = expires.min(arrives);
        wasted
    }

    fn receive(&mut self, n: usize, l: usize, day: u32, shut: bool, arcs: (u32, u32)) {
        let at = n * self.width + l;
        let shelf = &mut self.on_hand[at];
        let moving = (arcs.0..arcs.0 + arcs.1).map(|a| a as usize * self.width + l);
        let all = moving.map(|i| (true, i)).chain([(false, at)]);
        for (is_arc, i) in all {
            let list = if is_arc { &mut self.moving[i] } else { &mut self.incoming[i] };
            list.retain_mut(|(arrives, lot)| {
                if *arrives > day {
                    return true;
                }
                if shut {
                    *arrives = day + 1;
                    return true;
                }
                put(shelf, *lot);
                false
            });
        }
    }

    fn expire(&mut self, n: usize, l: usize, day: u32) -> i32 {
        let shelf = &mut self.on_hand[n * self.width + l];
        let mut wasted = 0;
        while let Some(lot) = shelf.front()
            && lot.last_day < day
        {
            wasted += lot.pieces;
            shelf.pop_front();
        }
        wasted
    }

    /// Takes pieces from the shelf for good.
    pub(super) fn issue(&mut self, n: usize, l: usize, pieces: i32) {
        take(&mut self.on_hand[n * self.width + l], pieces, |_| {});
    }

    /// Puts pieces on their way: from a shelf, or newly made.
    #[expect(clippy::too_many_arguments, reason = "one movement has these ends")]
    pub(super) fn send(
        &mut self,
        from: Option<usize>,
        to: usize,
        a: usize,
        l: usize,
        pieces: i32,
        day: u32,
        arrives: u32,
    ) {
        let due = &mut self.due[to * self.width + l];
        *due = arrives.min(*due);
        let fresh = Lot { last_day: self.lasts(to, l, day), pieces };
        let moving = &mut self.moving[a * self.width + l];
        match from {
            Some(from) => take(&mut self.on_hand[from * self.width + l], pieces, |lot| moving.push((arrives, lot))),
            None => moving.push((arrives, fresh)),
        }
    }

    /// Moves pieces to another site of the echelon.
    pub(super) fn lend(&mut self, from: usize, to: usize, l: usize, pieces: i32, arrives: u32) {
        let due = &mut self.due[to * self.width + l];
        *due = arrives.min(*due);
        let incoming = &mut self.incoming[to * self.width + l];
        take(&mut self.on_hand[from * self.width + l], pieces, |lot| incoming.push((arrives, lot)));
    }
}

fn put(shelf: &mut VecDeque<Lot>, lot: Lot) {
    let at = shelf.partition_point(|other| other.last_day <= lot.last_day);
    match at.checked_sub(1).and_then(|before| shelf.get_mut(before)) {
        Some(same) if same.last_day == lot.last_day => same.pieces += lot.pieces,
        _ => shelf.insert(at, lot),
    }
}

fn take(shelf: &mut VecDeque<Lot>, mut pieces: i32, mut taken: impl FnMut(Lot)) {
    while pieces > 0
        && let Some(lot) = shelf.front_mut()
    {
        let part = pieces.min(lot.pieces);
        taken(Lot { pieces: part, ..*lot });
        lot.pieces -= part;
        pieces -= part;
        if lot.pieces == 0 {
            shelf.pop_front();
        }
    }
}
