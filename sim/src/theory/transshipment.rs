//! Sites that help each other out after demand is seen.

use super::distribution::Pmf;
use super::{TheoryError, not_negative};

/// A site for one period.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Pieces at the start.
    pub level: i64,
    /// Demand of the period, independent of the other sites'.
    pub demand: Pmf,
}

/// What a piece costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoolingCosts {
    /// Left at the end.
    pub holding: f64,
    /// Asked for in vain.
    pub penalty: f64,
    /// Moved from a site to another.
    pub transship: f64,
}

/// The expected cost of the period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pooled {
    /// With transshipment.
    pub cost: f64,
    /// Each site for itself.
    pub cost_without: f64,
    /// Pieces moved.
    pub transshipped: f64,
}

/// One period in which whatever is left at some sites goes to where it is missing, as far as it reaches
/// (complete pooling; Tagaras 1989 for two sites).
///
/// What is left everywhere, once all is moved, is what all sites together would have left; hence it is exact
/// for any number of sites.
pub fn pooled(costs: PoolingCosts, sites: &[Site]) -> Result<Pooled, TheoryError> {
    let PoolingCosts { holding, penalty, transship } = costs;
    not_negative("holding cost", holding)?;
    not_negative("penalty", penalty)?;
    not_negative("transshipment cost", transship)?;
    let (mut together, mut level) = (Pmf::point(0), 0_i64);
    let (mut left, mut missing) = (0.0, 0.0);
    for site in sites {
        together = together.convolve(&site.demand)?;
        level = level.saturating_add(site.level);
        left += site.demand.left_over(site.level);
        missing += site.demand.loss(site.level);
    }
    let (left_pooled, missing_pooled) = (together.left_over(level), together.loss(level));
    let transshipped = (left - left_pooled).max(0.0);
    Ok(Pooled {
        cost: holding * left_pooled + penalty * missing_pooled + transship * transshipped,
        cost_without: holding * left + penalty * missing,
        transshipped,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By going through all demands of three sites.
    fn enumerated(costs: PoolingCosts, sites: &[Site; 3]) -> Pooled {
        let mut sum = Pooled { cost: 0.0, cost_without: 0.0, transshipped: 0.0 };
        for (a, p) in sites[0].demand.iter() {
            for (b, q) in sites[1].demand.iter() {
                for (c, r) in sites[2].demand.iter() {
                    let net = [sites[0].level - a, sites[1].level - b, sites[2].level - c];
                    let left: i64 = net.iter().map(|x| (*x).max(0)).sum();
                    let missing: i64 = net.iter().map(|x| (-*x).max(0)).sum();
                    let moved = left.min(missing) as f64;
                    let (left, missing) = (left as f64, missing as f64);
                    let weight = p * q * r;
                    sum.cost += weight
                        * (costs.holding * (left - moved)
                            + costs.penalty * (missing - moved)
                            + costs.transship * moved);
                    sum.cost_without += weight * (costs.holding * left + costs.penalty * missing);
                    sum.transshipped += weight * moved;
                }
            }
        }
        sum
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn it_is_what_enumeration_gives(
            means in [0.5_f64..5.0, 0.5_f64..5.0, 0.5_f64..5.0],
            levels in [0_i64..8, 0_i64..8, 0_i64..8],
            transship in 0.0_f64..3.0,
        ) {
            let costs = PoolingCosts { holding: 1.0, penalty: 7.0, transship };
            let site = |i: usize| Site { level: levels[i], demand: Pmf::poisson(means[i]).unwrap() };
            let sites = [site(0), site(1), site(2)];
            let (exact, expected) = (pooled(costs, &sites).unwrap(), enumerated(costs, &sites));
            prop_assert!((exact.cost - expected.cost).abs() < 1e-9);
            prop_assert!((exact.cost_without - expected.cost_without).abs() < 1e-9);
            prop_assert!((exact.transshipped - expected.transshipped).abs() < 1e-9);
            prop_assert!(exact.cost <= exact.cost_without + 1e-9, "moving costs less than it saves");
        }
    }
}
