//! Stock against a supplier that is down now and then. For order quantities see
//! [`super::economic_order::with_disruptions`].

use super::TheoryError;
use super::newsvendor::StockCosts;
use super::{fraction, positive};

/// How much to order up to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DisruptedStocking {
    /// Pieces after ordering, and after receipt: there is no lead time.
    pub level: f64,
    /// Periods of disruption that the level survives.
    pub survived_periods: u32,
    /// Expected holding and backorder cost of a period.
    pub cost: f64,
}

/// The best base stock under known demand, when in each period a supplier that is up goes down with
/// `disruption` and one that is down recovers with `recovery` (Tomlin 2006; FoSCT 9.2.2).
///
/// Nothing comes while the supplier is down, and customers wait. The number of periods it has been down has a
/// geometric tail; the level survives as many of them as the critical ratio asks for.
pub fn base_stock_with_disruptions(
    costs: StockCosts,
    demand: f64,
    disruption: f64,
    recovery: f64,
) -> Result<DisruptedStocking, TheoryError> {
    const PERIODS_MAX: u32 = 10_000_000;
    positive("demand", demand)?;
    fraction("disruption probability", disruption)?;
    fraction("recovery probability", positive("recovery probability", recovery)?)?;
    let up = recovery / (disruption + recovery);
    let mut survived_periods = 0_u32;
    let mut longer = 1.0 - up; // P(down for more periods than survived)
    let most = 1.0 - costs.critical_ratio();
    while longer > most * (1.0 + 1e-12) {
        longer *= 1.0 - recovery;
        survived_periods += 1;
        if survived_periods >= PERIODS_MAX {
            return Err(TheoryError::NotConverged { rounds: PERIODS_MAX });
        }
    }
    let cost = cost(costs, demand, disruption, recovery, survived_periods);
    Ok(DisruptedStocking { level: demand * f64::from(survived_periods + 1), survived_periods, cost })
}

/// The expected cost of a period when the level covers this many periods of disruption and one more.
fn cost(costs: StockCosts, demand: f64, disruption: f64, recovery: f64, covered: u32) -> f64 {
    let rates = disruption + recovery;
    let last = f64::from(covered);
    let mut holding = recovery / rates * last;
    let mut chance = disruption * recovery / rates; // of having been down for n periods
    for n in 1..=covered {
        holding += chance * (last - f64::from(n));
        chance *= 1.0 - recovery;
    }
    // Beyond the covered periods the tail is geometric: Σ k chance (1 − recovery)^(k − 1).
    let short = chance / (recovery * recovery);
    demand * (costs.holding() * holding + costs.backorder() * short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_supplier_that_never_fails_needs_one_period_of_stock() {
        let costs = StockCosts::new(0.25, 3.0).unwrap();
        let best = base_stock_with_disruptions(costs, 2_000.0, 0.0, 0.5).unwrap();
        assert_eq!(best, DisruptedStocking { level: 2_000.0, survived_periods: 0, cost: 0.0 });
        assert!(base_stock_with_disruptions(costs, 2_000.0, 0.1, 0.0).is_err());
        assert!(base_stock_with_disruptions(costs, 2_000.0, 1.1, 0.5).is_err());
    }

    proptest! {
        #[test]
        fn no_number_of_periods_costs_less(
            backorder in 0.5_f64..50.0, disruption in 0.0_f64..1.0, recovery in 0.05_f64..1.0,
        ) {
            let costs = StockCosts::new(0.25, backorder).unwrap();
            let best = base_stock_with_disruptions(costs, 10.0, disruption, recovery).unwrap();
            for covered in 0..best.survived_periods + 10 {
                prop_assert!(best.cost <= cost(costs, 10.0, disruption, recovery, covered) * (1.0 + 1e-9) + 1e-9);
            }
        }
    }
}
