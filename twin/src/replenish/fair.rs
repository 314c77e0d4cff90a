//! Ways to divide what is too little among claims, for those who want another than in proportion
//! (Aumann and Maschler 1985; Thomson 2003).

/// How to divide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fairness {
    /// Each the same part of its claim.
    Proportional,
    /// Each the same, but none more than its claim.
    EqualAwards,
    /// Each lacks the same, but none gets less than nothing.
    EqualLosses,
    /// Each the same until all have half of their claims, and from there each lacks the same: the Talmud's.
    Talmud,
}

/// Shares of each claim; they sum to what is available, or to all claims where that is less. Claims and shares in
/// pieces, at least 0.
#[must_use]
pub fn divide(available: f64, claims: &[f64], by: Fairness) -> Vec<f64> {
    let total: f64 = claims.iter().sum();
    if available >= total || total <= 0.0 {
        return claims.to_vec();
    }
    match by {
        Fairness::Proportional => claims.iter().map(|it| it * available / total).collect(),
        Fairness::EqualAwards => equal_awards(available, claims),
        Fairness::EqualLosses => {
            let losses = equal_awards(total - available, claims);
            claims.iter().zip(losses).map(|(claim, loss)| claim - loss).collect()
        }
        Fairness::Talmud => {
            let halves: Vec<f64> = claims.iter().map(|it| it / 2.0).collect();
            if available <= total / 2.0 {
                return equal_awards(available, &halves);
            }
            let losses = equal_awards(total - available, &halves);
            claims.iter().zip(losses).map(|(claim, loss)| claim - loss).collect()
        }
    }
}

/// The same for each, but none more than its claim: the smallest claims are met first.
fn equal_awards(available: f64, claims: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..claims.len()).collect();
    order.sort_by(|a, b| claims[*a].total_cmp(&claims[*b]));
    let (mut left, mut given) = (available, vec![0.0; claims.len()]);
    for (met, idx) in order.iter().enumerate() {
        given[*idx] = claims[*idx].min(left / (claims.len() - met) as f64);
        left -= given[*idx];
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(available: f64, by: Fairness, expected: [f64; 3]) {
        let shares = divide(available, &[100.0, 200.0, 300.0], by);
        for (share, expected) in shares.iter().zip(expected) {
            assert!((share - expected).abs() < 1e-3, "{by:?} of {available}: {shares:?}");
        }
    }

    #[test]
    fn shares_are_those_of_aumann_and_maschler() {
        check(100.0, Fairness::Talmud, [33.333, 33.333, 33.333]);
        check(200.0, Fairness::Talmud, [50.0, 75.0, 75.0]);
        check(300.0, Fairness::Talmud, [50.0, 100.0, 150.0]);
        check(300.0, Fairness::Proportional, [50.0, 100.0, 150.0]);
        check(200.0, Fairness::Proportional, [33.333, 66.667, 100.0]);
        check(200.0, Fairness::EqualAwards, [66.667, 66.667, 66.667]);
        check(300.0, Fairness::EqualAwards, [100.0, 100.0, 100.0]);
        check(300.0, Fairness::EqualLosses, [0.0, 100.0, 200.0]);
        check(200.0, Fairness::EqualLosses, [0.0, 50.0, 150.0]);
    }

    proptest! {
        #[test]
        fn shares_use_all_and_none_exceeds_its_claim(
            available in 0.0_f64..300.0, claims in prop::collection::vec(0.0_f64..100.0, 1..8), kind in 0_usize..4,
        ) {
            let kinds = [Fairness::Proportional, Fairness::EqualAwards, Fairness::EqualLosses, Fairness::Talmud];
            let shares = divide(available, &claims, kinds[kind]);
            let total: f64 = claims.iter().sum();
            prop_assert!((shares.iter().sum::<f64>() - available.min(total)).abs() < 1e-6);
            prop_assert!(shares.iter().zip(&claims).all(|(share, claim)| (-1e-9..=claim + 1e-9).contains(share)));
        }
    }
}
