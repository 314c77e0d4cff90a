//! Goods with a last day of use, and the order in which lots leave the shelf.

/// Pieces that perish together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lot {
    /// How many.
    pub quantity: u64,
    /// The last day on which they can be issued.
    pub last_usable_day: u32,
}

/// Which lot is issued first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issue {
    /// What expires first.
    FirstExpired,
    /// What expires last, as customers take it who may choose.
    LastExpired,
}

/// What became of lots and demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Pieces discarded at the start of each day.
    pub waste_by_day: Vec<u64>,
    /// Pieces asked for in vain on each day; they are lost.
    pub short_by_day: Vec<u64>,
    /// Pieces left of each lot after the last day, in the order of the lots.
    pub left: Vec<u64>,
}

impl Issued {
    /// Pieces discarded on all days.
    #[must_use]
    pub fn waste(&self) -> u64 {
        self.waste_by_day.iter().sum()
    }

    /// Pieces asked for in vain on all days.
    #[must_use]
    pub fn short(&self) -> u64 {
        self.short_by_day.iter().sum()
    }
}

/// Serves the demand of days 0, 1, … from lots that are all there on day 0; each day begins with discarding
/// what could last be used on an earlier one. Lots with the same last day are issued in the order given.
#[must_use]
pub fn issue(lots: &[Lot], demand_by_day: &[u64], rule: Issue) -> Issued {
    let mut left: Vec<u64> = lots.iter().map(|lot| lot.quantity).collect();
    let mut order: Vec<usize> = (0..lots.len()).collect();
    match rule {
        Issue::FirstExpired => order.sort_by_key(|i| lots[*i].last_usable_day),
        Issue::LastExpired => order.sort_by_key(|i| core::cmp::Reverse(lots[*i].last_usable_day)),
    }
    let (mut waste_by_day, mut short_by_day) = (Vec::new(), Vec::new());
    for (day, demand) in demand_by_day.iter().enumerate() {
        let mut waste = 0;
        for (lot, left) in lots.iter().zip(&mut left) {
            if (lot.last_usable_day as usize) < day {
                waste += core::mem::take(left);
            }
        }
        let mut short = *demand;
        for idx in &order {
            let taken = short.min(left[*idx]);
            left[*idx] -= taken;
            short -= taken;
        }
        waste_by_day.push(waste);
        short_by_day.push(short);
    }
    Issued { waste_by_day, short_by_day, left }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lot(quantity: u64, last_usable_day: u32) -> Lot {
        Lot { quantity, last_usable_day }
    }

    #[test]
    fn a_lot_can_be_used_on_its_last_day_and_is_discarded_on_the_next() {
        let issued = issue(&[lot(10, 1)], &[2, 3, 4], Issue::FirstExpired);
        assert_eq!((issued.waste_by_day, issued.short_by_day, issued.left), (vec![0, 0, 5], vec![0, 0, 4], vec![0]));
    }

    proptest! {
        #[test]
        fn first_expired_first_out_wastes_and_misses_no_more(
            lots in prop::collection::vec((0_u64..30, 0_u32..12), 0..8),
            demand in prop::collection::vec(0_u64..15, 0..14),
        ) {
            let lots: Vec<Lot> = lots.into_iter().map(|(quantity, day)| lot(quantity, day)).collect();
            let first = issue(&lots, &demand, Issue::FirstExpired);
            let last = issue(&lots, &demand, Issue::LastExpired);
            prop_assert!(first.waste() <= last.waste(), "{first:?} {last:?}");
            prop_assert!(first.short() <= last.short(), "{first:?} {last:?}");
            let there: u64 = lots.iter().map(|lot| lot.quantity).sum();
            let asked: u64 = demand.iter().sum();
            for issued in [first, last] {
                let left: u64 = issued.left.iter().sum();
                prop_assert_eq!(there, asked - issued.short() + issued.waste() + left);
            }
        }
    }
}
