//! (r, Q): one stock under continuous review; when its position falls to r, Q pieces are ordered.

use super::distribution::Pmf;
use super::newsvendor::{LevelCosts, StockCosts};
use super::{TheoryError, positive};

/// When to order how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReorderPlan {
    /// The position (on hand, on order, less owed) at which an order is placed.
    pub reorder_point: i64,
    /// Pieces an order.
    pub order_quantity: u64,
    /// Ordering, holding and backorder cost per unit of time.
    pub cost: f64,
}

/// What a reorder point and quantity cost, for customers who come one piece at a time at `demand_rate`.
pub fn plan_for(
    costs: StockCosts,
    fixed_cost: f64,
    demand_rate: f64,
    lead_time_demand: &Pmf,
    reorder_point: i64,
    order_quantity: u64,
) -> Result<ReorderPlan, TheoryError> {
    check(fixed_cost, demand_rate)?;
    positive("order quantity", order_quantity as f64)?;
    let mut levels = LevelCosts::new(costs, lead_time_demand);
    let last = reorder_point.saturating_add(i64::try_from(order_quantity).unwrap_or(i64::MAX));
    let held: f64 = (reorder_point + 1..=last).map(|position| levels.at(position)).sum();
    let cost = (fixed_cost * demand_rate + held) / order_quantity as f64;
    Ok(ReorderPlan { reorder_point, order_quantity, cost })
}

/// The cheapest reorder point and quantity (Federgruen and Zheng 1992; FoSCT 5.5).
///
/// The position is uniform on r + 1 … r + Q, hence the cost is (K λ + Σ g(y)) / Q over these. Positions are
/// taken in, cheapest first, as long as they cost less than the average.
pub fn reorder_plan(
    costs: StockCosts,
    fixed_cost: f64,
    demand_rate: f64,
    lead_time_demand: &Pmf,
) -> Result<ReorderPlan, TheoryError> {
    check(fixed_cost, demand_rate)?;
    let mut levels = LevelCosts::new(costs, lead_time_demand);
    let (mut below, mut above) = (levels.best - 1, levels.best + 1);
    let mut sum = fixed_cost * demand_rate + levels.at(levels.best);
    let mut quantity = 1_u64;
    loop {
        let (low, high) = (levels.at(below), levels.at(above));
        if low.min(high) >= sum / quantity as f64 {
            break;
        }
        if low <= high {
            below -= 1;
        } else {
            above += 1;
        }
        sum += low.min(high);
        quantity += 1;
    }
    Ok(ReorderPlan { reorder_point: below, order_quantity: quantity, cost: sum / quantity as f64 })
}

/// The cheapest reorder point and quantity for Poisson customers and a constant lead time.
pub fn reorder_plan_poisson(
    costs: StockCosts,
    fixed_cost: f64,
    demand_rate: f64,
    lead_time: f64,
) -> Result<ReorderPlan, TheoryError> {
    reorder_plan(costs, fixed_cost, demand_rate, &Pmf::poisson(demand_rate * lead_time)?)
}

fn check(fixed_cost: f64, demand_rate: f64) -> Result<(), TheoryError> {
    super::not_negative("fixed cost", fixed_cost)?;
    positive("demand rate", demand_rate)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_a_fixed_cost_every_piece_is_ordered_at_once() {
        let costs = StockCosts::new(1.0, 9.0).unwrap();
        let plan = reorder_plan_poisson(costs, 0.0, 2.0, 3.0).unwrap();
        assert_eq!(plan.order_quantity, 1);
        let best = super::super::newsvendor::discrete(costs, &Pmf::poisson(6.0).unwrap());
        assert_eq!(plan.reorder_point + 1, best.level);
        assert_eq!(plan.cost, best.cost);
        assert!(reorder_plan_poisson(costs, 0.0, 0.0, 3.0).is_err());
    }

    proptest! {
        #[test]
        fn no_plan_costs_less(
            holding in 0.5_f64..5.0,
            backorder in 1.0_f64..30.0,
            fixed in 0.0_f64..40.0,
            rate in 0.2_f64..6.0,
            lead_time in 0.0_f64..2.0,
        ) {
            let costs = StockCosts::new(holding, backorder).unwrap();
            let demand = Pmf::poisson(rate * lead_time).unwrap();
            let best = reorder_plan(costs, fixed, rate, &demand).unwrap();
            let own = plan_for(costs, fixed, rate, &demand, best.reorder_point, best.order_quantity).unwrap();
            prop_assert!((own.cost - best.cost).abs() < 1e-9 * best.cost);
            for reorder_point in -15..20 {
                for quantity in 1..30 {
                    let plan = plan_for(costs, fixed, rate, &demand, reorder_point, quantity).unwrap();
                    prop_assert!(best.cost <= plan.cost * (1.0 + 1e-12), "{plan:?} {best:?}");
                }
            }
        }
    }
}
