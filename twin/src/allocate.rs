//! Who gets how much when there is not enough for all.

/// What somebody should get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Lower numbers are served first.
    pub priority: u32,
    /// Pieces.
    pub quantity: u64,
}

/// Pieces for each claim, in their order: classes of equal priority are served one after the other, and the
/// first that does not fit gets a fair share, see [`share`].
#[must_use]
pub fn allocate(available: u64, claims: &[Claim]) -> Vec<u64> {
    let mut given = vec![0; claims.len()];
    let mut left = available;
    let mut by_priority: Vec<usize> = (0..claims.len()).collect();
    by_priority.sort_by_key(|i| claims[*i].priority);
    for class in by_priority.chunk_by(|a, b| claims[*a].priority == claims[*b].priority) {
        let quantities: Vec<u64> = class.iter().map(|i| claims[*i].quantity).collect();
        for (idx, pieces) in class.iter().zip(share(left, &quantities)) {
            given[*idx] = pieces;
            left -= pieces;
        }
    }
    given
}

/// Pieces for each of several quantities wanted: all of them where there is enough, else in proportion,
/// rounded down, and what is left piece by piece to the largest remainders, of equal ones to the earlier.
///
/// They sum to what is available or wanted, whichever is less, and none exceeds what is wanted.
#[must_use]
pub fn share(available: u64, wanted: &[u64]) -> Vec<u64> {
    let total: u128 = wanted.iter().map(|it| u128::from(*it)).sum();
    if u128::from(available) >= total {
        return wanted.to_vec();
    }
    // Division by `total` is safe: it is more than what is available.
    let scaled = |wanted: u64| u128::from(wanted) * u128::from(available);
    let mut given: Vec<u64> = wanted.iter().map(|it| (scaled(*it) / total) as u64).collect();
    let mut left = available - given.iter().sum::<u64>();
    let mut by_remainder: Vec<usize> = (0..wanted.len()).collect();
    by_remainder.sort_by_key(|i| std::cmp::Reverse(scaled(wanted[*i]) % total));
    for idx in by_remainder {
        if left == 0 {
            break;
        }
        given[idx] += 1;
        left -= 1;
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(available: u64, claims: &[(u32, u64)], expected: &[u64]) {
        let claims: Vec<Claim> =
            claims.iter().map(|(priority, quantity)| Claim { priority: *priority, quantity: *quantity }).collect();
        assert_eq!(allocate(available, &claims), expected, "{available} for {claims:?}");
    }

    #[test]
    fn the_first_class_that_does_not_fit_shares_and_the_rest_gets_nothing() {
        check(100, &[(1, 60), (1, 50), (2, 40)], &[55, 45, 0]);
        check(100, &[(2, 40), (1, 60), (1, 30)], &[10, 60, 30]);
        check(0, &[(1, 60)], &[0]);
        check(5, &[], &[]);
    }

    #[test]
    fn equal_remainders_go_to_the_earlier() {
        check(2, &[(1, 1), (1, 1), (1, 1)], &[1, 1, 0]);
        check(u64::MAX - 1, &[(1, u64::MAX), (1, u64::MAX)], &[u64::MAX / 2, u64::MAX / 2]);
    }

    proptest! {
        #[test]
        fn allocations_sum_to_what_is_there_and_none_exceeds_its_claim(
            available in 0_u64..300,
            claims in prop::collection::vec((0_u32..4, 0_u64..60), 0..10),
        ) {
            let claims: Vec<Claim> =
                claims.into_iter().map(|(priority, quantity)| Claim { priority, quantity }).collect();
            let given = allocate(available, &claims);
            let wanted: u64 = claims.iter().map(|claim| claim.quantity).sum();
            prop_assert_eq!(given.iter().sum::<u64>(), available.min(wanted));
            for (idx, claim) in claims.iter().enumerate() {
                prop_assert!(given[idx] <= claim.quantity);
                for (other, pieces) in claims.iter().zip(&given) {
                    let is_short = given[idx] < claim.quantity;
                    prop_assert!(!(is_short && other.priority > claim.priority && *pieces > 0), "{claims:?} {given:?}");
                }
            }
        }
    }
}
