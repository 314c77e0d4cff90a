//! Pieces free by day, with look-ahead.

/// Pieces that can still be promised for each day, without taking from what is promised already: cumulative
/// available-to-promise with look-ahead.
///
/// `receipts` and `committed` are the pieces that come and go on days 0, 1, …; the longer of the two is the
/// horizon. A piece is free on a day when no later day needs it: the least of what will be there on that day
/// and on all days after it, and never below 0.
#[must_use]
pub fn available_to_promise(on_hand: i64, receipts: &[i64], committed: &[i64]) -> Vec<i64> {
    let mut projected = on_hand;
    let mut free: Vec<i64> = (0..receipts.len().max(committed.len()))
        .map(|day| {
            let of = |days: &[i64]| days.get(day).copied().unwrap_or(0);
            projected = projected.saturating_add(of(receipts)).saturating_sub(of(committed));
            projected
        })
        .collect();
    let mut least = i64::MAX;
    for pieces in free.iter_mut().rev() {
        least = least.min(*pieces);
        *pieces = least.max(0);
    }
    free
}

/// The first day for which `quantity` can be promised; `None` within the horizon of `available`, which is what
/// [`available_to_promise`] gives.
#[must_use]
pub fn earliest_day(available: &[i64], quantity: i64) -> Option<usize> {
    available.iter().position(|pieces| *pieces >= quantity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_later_commitment_holds_earlier_stock_back() {
        let free = available_to_promise(50, &[0, 0, 0, 100], &[0, 30, 0, 0, 60]);
        assert_eq!(free, [20, 20, 20, 60, 60]);
        assert_eq!(earliest_day(&free, 20), Some(0));
        assert_eq!(earliest_day(&free, 21), Some(3));
        assert_eq!(earliest_day(&free, 61), None);
    }

    #[test]
    fn what_is_promised_beyond_all_supply_leaves_nothing() {
        assert_eq!(available_to_promise(5, &[0, 0], &[0, 9]), [0, 0]);
        assert_eq!(available_to_promise(5, &[], &[]), [0; 0]);
    }

    proptest! {
        #[test]
        fn a_new_promise_of_what_is_free_leaves_every_other_kept(
            on_hand in 0_i64..50,
            rows in prop::collection::vec((0_i64..30, 0_i64..30), 1..12),
            asked in 1_i64..60,
        ) {
            let (receipts, mut committed): (Vec<i64>, Vec<i64>) = rows.into_iter().unzip();
            let short = |committed: &[i64]| -> Vec<i64> {
                let mut stock = on_hand;
                receipts.iter().zip(committed).map(|(r, c)| { stock += r - c; stock.min(0) }).collect()
            };
            let free = available_to_promise(on_hand, &receipts, &committed);
            prop_assert!(free.is_sorted());
            let Some(day) = earliest_day(&free, asked) else { return Ok(()) };
            let before = short(&committed);
            committed[day] += asked;
            prop_assert_eq!(before[day..].to_vec(), short(&committed)[day..].to_vec());
        }
    }
}
