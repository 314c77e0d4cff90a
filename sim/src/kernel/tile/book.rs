//! What is counted, and when it is booked.

use std::ops::Range;

use super::super::lanes::V;
use super::super::tally::{BUCKET_DAYS, N_COUNTED, SERIES, Stat, Tally};
use super::{Tile, count};

/// Lanes side by side that are one member in replications one after the other.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) lanes: Range<usize>,
    pub(super) replication: u32,
}

impl Run {
    /// Of the first `n_lanes` lanes, by the member and the replication of each.
    pub(super) fn all(members: &[usize], replications: &[u32], n_lanes: usize) -> Vec<Self> {
        let mut runs: Vec<Self> = Vec::new();
        for l in 0..n_lanes {
            match runs.last_mut() {
                Some(run) if members[l] == members[l - 1] => run.lanes.end += 1,
                _ => runs.push(Self { lanes: l..l + 1, replication: replications[l] }),
            }
        }
        runs
    }
}

impl<'a, const W: usize> Tile<'a, W> {
    /// The evening before `day`: what is there is counted, and booked now and then.
    #[inline(always)]
    pub(super) fn close(&mut self, n: usize, day: u32, tally: &mut Tally) {
        let warm_up = self.model.warm_up_days;
        let node = &mut self.nodes[n];
        count!(node, OnHandDays, node.on_hand);
        count!(node, BackorderDays, node.backlog);
        count!(node, OnOrderDays, node.on_order);
        if day == warm_up {
            node.counted = [V::ZERO; N_COUNTED];
            node.squares = [[0; W]; 2];
            node.totals = [[0; W]; 2];
            node.purchases = [0; W];
            node.in_series = [V::ZERO; SERIES.len()];
        } else if day > warm_up && ((day - warm_up).is_multiple_of(BUCKET_DAYS) || day == self.model.days) {
            self.draw_point(n, ((day - warm_up - 1) / BUCKET_DAYS) as usize, tally);
            if self.model.is_booked_after(day) || day == self.model.days {
                self.book(n, tally);
            }
        }
    }

    /// Adds a week to the series.
    #[inline(always)]
    fn draw_point(&mut self, n: usize, bucket: usize, tally: &mut Tally) {
        let node = &mut self.nodes[n];
        let now = SERIES.map(|stat| node.counted[stat as usize]);
        let mut week = now;
        week.iter_mut().zip(&node.in_series).for_each(|(week, before)| *week -= *before);
        node.in_series = now;
        let tier = |run: &Run| node.tier[run.lanes.start];
        if tally.replications().len() == 1 {
            // Members side by side: mostly of one echelon.
            for alike in self.runs.chunk_by(|a, b| tier(a) == tier(b)) {
                let lanes = alike[0].lanes.start..alike[alike.len() - 1].lanes.end;
                for (series, week) in week.iter().enumerate() {
                    let sum: i64 = week.0[lanes.clone()].iter().map(|pieces| i64::from(*pieces)).sum();
                    tally.series_mut(tier(&alike[0]), bucket, series, alike[0].replication)[0] += sum;
                }
            }
        } else {
            for run in &self.runs {
                for (series, week) in week.iter().enumerate() {
                    let sums = tally.series_mut(tier(run), bucket, series, run.replication);
                    add(sums, &week.0[run.lanes.clone()], 1);
                }
            }
        }
    }

    #[inline(never)]
    fn book(&mut self, n: usize, tally: &mut Tally) {
        let is_last = self.group.shape.nodes[n].is_last();
        if is_last {
            let node = &mut self.nodes[n];
            node.counted[Stat::Seen as usize] = node.counted[Stat::Demand as usize];
        }
        for run in &self.runs {
            let position = self.position(n, run.lanes.start) as usize;
            let (cell, rates) = (self.model.book.cell_of[position], self.model.book.rates[position]);
            let node = &self.nodes[n];
            let counted = |stat: Stat| &node.counted[stat as usize].0[run.lanes.clone()];
            for (stat, counted) in node.counted.iter().enumerate() {
                add(tally.cell_mut(cell, stat, run.replication), &counted.0[run.lanes.clone()], 1);
            }
            let mut cost = |stat: Stat, of: Stat, rate: i64| {
                if rate != 0 {
                    add(tally.cell_mut(cell, stat as usize, run.replication), counted(of), rate);
                }
            };
            cost(Stat::HoldingCost, Stat::OnHandDays, rates.holding);
            cost(Stat::BackorderCost, Stat::BackorderDays, rates.backorder);
            cost(Stat::LostCost, Stat::Lost, rates.lost);
            cost(Stat::LostMargin, Stat::Lost, rates.margin);
            cost(Stat::OrderCost, Stat::Orders, rates.order);
            cost(Stat::TransshipmentCost, Stat::Transshipped, rates.transshipment);
            cost(Stat::WasteCost, Stat::Wasted, rates.value);
            cost(Stat::ValueDays, Stat::OnHandDays, rates.value / 1_000_000);
            cost(Stat::ServedValue, Stat::Demand, rates.value / 1_000_000);
            cost(Stat::ServedValue, Stat::Lost, -(rates.value / 1_000_000));
            let purchases = tally.cell_mut(cell, Stat::PurchaseCost as usize, run.replication);
            let spent = &node.purchases[run.lanes.clone()];
            purchases.iter_mut().zip(spent).for_each(|(sum, spent)| *sum += spent);
        }
        let node = &mut self.nodes[n];
        for (totals, stat) in node.totals.iter_mut().zip([Stat::Ordered, Stat::Seen]) {
            add(totals, &node.counted[stat as usize].0, 1);
        }
        node.purchases = [0; W];
        node.counted = [V::ZERO; N_COUNTED];
        node.in_series = [V::ZERO; SERIES.len()];
    }

    pub(super) fn finish(&mut self, n: usize, tally: &mut Tally) {
        let days = i128::from(self.model.days.saturating_sub(self.model.warm_up_days).max(1));
        let node = &self.nodes[n];
        for l in 0..self.n_lanes {
            let cell = self.model.book.cell_of[self.position(n, l) as usize];
            for (i, stat) in [Stat::OrderedSpread, Stat::SeenSpread].into_iter().enumerate() {
                let (sum, squares) = (i128::from(node.totals[i][l]), i128::from(node.squares[i][l]));
                let spread = (squares - sum * sum / days) as i64;
                tally.cell_mut(cell, stat as usize, self.replications[l])[0] += spread;
            }
        }
    }
}

/// Adds what lanes counted, times a rate, to sums side by side.
fn add(sums: &mut [i64], counted: &[i32], rate: i64) {
    sums.iter_mut().zip(counted).for_each(|(sum, counted)| *sum += i64::from(*counted) * rate);
}
