//! What is counted, and when it is booked.

use super::super::lanes::V;
use super::super::tally::{BUCKET_DAYS, N_COUNTED, SERIES, Stat, Tally};
use super::{Tile, count};

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
            node.sums = [[0; W]; 4];
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
    fn draw_point(&mut self, n: usize, bucket: usize, tally: &mut Tally) {
        let tier_of = &self.model.book.tier_of;
        for l in 0..self.n_lanes {
            let tier = tier_of[self.position(n, l) as usize];
            let points = tally.series_mut(self.replications[l], tier, bucket);
            let node = &self.nodes[n];
            for ((point, stat), before) in points.iter_mut().zip(SERIES).zip(&node.in_series) {
                *point += i64::from(node.counted[stat as usize].0[l] - before.0[l]);
            }
        }
        let node = &mut self.nodes[n];
        node.in_series = SERIES.map(|stat| node.counted[stat as usize]);
    }

    fn book(&mut self, n: usize, tally: &mut Tally) {
        for l in 0..self.n_lanes {
            let position = self.position(n, l) as usize;
            let book = &self.model.book;
            let rates = book.rates[position];
            let node = &mut self.nodes[n];
            let counted = |stat: Stat| i64::from(node.counted[stat as usize].0[l]);
            let cell = tally.cell_mut(self.replications[l], book.cell_of[position]);
            for (sum, counted) in cell.iter_mut().zip(&node.counted) {
                *sum += i64::from(counted.0[l]);
            }
            let on_hand = counted(Stat::OnHandDays);
            cell[Stat::HoldingCost as usize] += on_hand * rates.holding;
            cell[Stat::BackorderCost as usize] += counted(Stat::BackorderDays) * rates.backorder;
            cell[Stat::LostCost as usize] += counted(Stat::Lost) * rates.lost;
            cell[Stat::LostMargin as usize] += counted(Stat::Lost) * rates.margin;
            cell[Stat::OrderCost as usize] += counted(Stat::Orders) * rates.order;
            cell[Stat::PurchaseCost as usize] += node.purchases[l];
            cell[Stat::TransshipmentCost as usize] += counted(Stat::Transshipped) * rates.transshipment;
            cell[Stat::WasteCost as usize] += counted(Stat::Wasted) * rates.value;
            cell[Stat::ValueDays as usize] += on_hand * (rates.value / 1_000_000);
            let served = counted(Stat::Demand) - counted(Stat::Lost);
            cell[Stat::ServedValue as usize] += served * (rates.value / 1_000_000);
            node.purchases[l] = 0;
        }
        let node = &mut self.nodes[n];
        node.counted = [V::ZERO; N_COUNTED];
        node.in_series = [V::ZERO; SERIES.len()];
    }

    pub(super) fn finish(&mut self, n: usize, tally: &mut Tally) {
        let days = i128::from(self.model.days.saturating_sub(self.model.warm_up_days).max(1));
        for l in 0..self.n_lanes {
            let sums = &self.nodes[n].sums;
            let spread =
                |sum: i64, squares: i64| (i128::from(squares) - i128::from(sum) * i128::from(sum) / days) as i64;
            let position = self.position(n, l) as usize;
            let cell = tally.cell_mut(self.replications[l], self.model.book.cell_of[position]);
            cell[Stat::OrderedSpread as usize] += spread(sums[0][l], sums[1][l]);
            cell[Stat::SeenSpread as usize] += spread(sums[2][l], sums[3][l]);
        }
    }
}
