//! Sites of an echelon help each other.

use super::super::tally::Stat;
use super::Tile;

impl<'a, const W: usize> Tile<'a, W> {
    /// Sites of an echelon help each other.
    pub(super) fn help(&mut self, day: u32) {
        let group = self.group;
        for pool in &group.shape.pools {
            match pool.proactive {
                None => (0..W).for_each(|l| self.help_now(&pool.nodes, l)),
                Some((every, days)) if day.is_multiple_of(u32::from(every.max(1))) => {
                    (0..W).for_each(|l| self.even_out(&pool.nodes, l, day + u32::from(days.max(1))));
                }
                Some(_) => {}
            }
        }
    }

    pub(super) fn help_now(&mut self, pool: &[u32], l: usize) {
        let mut givers = pool.iter().map(|n| *n as usize);
        let mut giver = givers.next();
        for &taker in pool {
            let taker = taker as usize;
            let mut lacks = self.nodes[taker].backlog.0[l] + self.nodes[taker].unmet.0[l];
            while lacks > 0
                && let Some(from) = giver
            {
                let node = &mut self.nodes[from];
                let moved = lacks.min(if node.shut.0[l] == 0 { node.on_hand.0[l] } else { 0 });
                if from == taker || moved == 0 {
                    giver = givers.next();
                    continue;
                }
                node.on_hand.0[l] -= moved;
                node.counted[Stat::Transshipped as usize].0[l] += moved;
                if let Some(lots) = &mut self.lots {
                    lots.issue(from, l, moved);
                }
                let node = &mut self.nodes[taker];
                let old = moved.min(node.backlog.0[l]);
                node.backlog.0[l] -= old;
                node.unmet.0[l] -= moved - old;
                lacks -= moved;
            }
        }
    }

    pub(super) fn even_out(&mut self, pool: &[u32], l: usize, arrives: u32) {
        let nodes = || pool.iter().map(|n| *n as usize);
        let weight: i128 = nodes().map(|n| i128::from(self.params(n, l).weight)).sum();
        let has = |tile: &Self, n: usize| i128::from(tile.nodes[n].on_hand.0[l] + tile.nodes[n].on_order.0[l]);
        let all: i128 = nodes().map(|n| has(self, n)).sum();
        if weight == 0 || all <= 0 {
            return;
        }
        let surplus: Vec<i32> =
            nodes().map(|n| (has(self, n) - all * i128::from(self.params(n, l).weight) / weight) as i32).collect();
        let mut taker = 0;
        let mut taken = 0;
        for (i, from) in nodes().enumerate() {
            let usable = if self.nodes[from].shut.0[l] == 0 { self.nodes[from].on_hand.0[l] } else { 0 };
            let mut spare = surplus[i].min(usable);
            while spare > 0 && taker < pool.len() {
                let lacks = -surplus[taker] - taken;
                if lacks <= 0 {
                    (taker, taken) = (taker + 1, 0);
                    continue;
                }
                let moved = lacks.min(spare);
                (spare, taken) = (spare - moved, taken + moved);
                let to = pool[taker] as usize;
                let node = &mut self.nodes[from];
                node.on_hand.0[l] -= moved;
                node.counted[Stat::Transshipped as usize].0[l] += moved;
                let node = &mut self.nodes[to];
                node.on_order.0[l] += moved;
                let slot = arrives as usize % node.incoming.len();
                node.incoming[slot].0[l] += moved;
                if let Some(lots) = &mut self.lots {
                    lots.lend(from, to, l, moved, arrives);
                }
            }
        }
    }
}
