//! One replication, watched day by day.

use super::calendar::Calendar;
use super::model::Model;
use super::tally::{Stat, Tally};
use super::tile::{Observe, Tile};

/// A stock position on a day, at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is what it says, in pieces")]
pub struct DayOfPosition {
    pub demand: i32,
    pub lost: i32,
    pub received: i32,
    pub ordered: i32,
    pub on_hand: i32,
    /// Pieces that customers wait for.
    pub backorders: i32,
    /// Pieces that other positions wait for.
    pub owed: i32,
    pub on_order: i32,
    /// Of these, sent by the supplier.
    pub in_transit: i32,
    /// Sent to this position today by its sources.
    pub sent_here: i32,
    /// Sent from here to other positions, or used up in making other goods.
    pub sent: i32,
    /// Sent from here to help other sites of the echelon.
    pub transshipped: i32,
    /// Thrown away or spoilt.
    pub wasted: i32,
}

/// All positions on all days of one replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    n_positions: usize,
    days: Vec<DayOfPosition>,
    /// By position: what the engine had counted by the day before, since it last booked.
    counted: Vec<[i32; 2]>,
}

impl Trace {
    /// A stock position, by its index in the situation, on a day.
    pub fn day(&self, day: u32, position: usize) -> &DayOfPosition {
        &self.days[day as usize * self.n_positions + position]
    }
}

impl Model {
    /// Runs one replication and keeps every day of every position.
    pub fn trace(&self, seed: u64, replication: u32) -> Trace {
        let n_positions = self.situation.positions.len();
        let blank = vec![DayOfPosition::default(); n_positions * self.days as usize];
        let mut trace = Trace { n_positions, days: blank, counted: vec![[0; 2]; n_positions] };
        let calendar = Calendar::new(self, seed, replication..replication + 1);
        let mut tally = Tally::new(&self.book, replication..replication + 1);
        for group in &self.groups {
            for member in 0..group.members {
                let mut tile = Tile::<1>::new(self, group, &calendar, seed, member, 1);
                tile.run(&mut tally, &mut trace);
            }
        }
        trace
    }
}

impl Observe<1> for Trace {
    fn after(&mut self, day: u32, tile: &Tile<'_, 1>) {
        for (n, node) in tile.nodes.iter().enumerate() {
            let of_arcs = |pick: &dyn Fn(&super::tile::Arc<1>) -> i32| tile.arcs_of(n).map(pick).sum();
            let position = tile.position(n, 0) as usize;
            let now = [Stat::Transshipped, Stat::Wasted].map(|stat| node.counted[stat as usize].0[0]);
            let before = if tile.model.is_booked_after(day) { [0; 2] } else { self.counted[position] };
            self.counted[position] = now;
            self.days[day as usize * self.n_positions + position] = DayOfPosition {
                demand: node.demand.0[0],
                lost: node.lost.0[0],
                received: node.received.0[0],
                ordered: node.ordered.0[0],
                on_hand: node.on_hand.0[0],
                backorders: node.backlog.0[0],
                owed: node.owed.0[0],
                on_order: node.on_order.0[0],
                in_transit: of_arcs(&|arc| arc.in_transit.0[0]),
                sent_here: of_arcs(&|arc| arc.shipped.0[0]),
                sent: tile.sent_from(n),
                transshipped: now[0] - before[0],
                wasted: now[1] - before[1],
            };
        }
    }
}

impl Tile<'_, 1> {
    fn sent_from(&self, n: usize) -> i32 {
        let shape = &self.group.shape.nodes[n];
        let ordered = shape.out.iter().map(|a| self.arcs[*a as usize].shipped.0[0]);
        let used = shape.used_by.iter().map(|(a, units)| self.arcs[*a as usize].shipped.0[0] * units);
        ordered.chain(used).sum()
    }
}
