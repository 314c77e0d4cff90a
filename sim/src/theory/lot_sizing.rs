//! Lot sizes for known demand that changes from period to period.

use super::{TheoryError, not_negative};

/// One period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Period {
    /// Pieces needed.
    pub demand: f64,
    /// Cost of ordering at all.
    pub setup: f64,
    /// Cost of one piece left at the end of the period.
    pub holding: f64,
    /// Cost of ordering one piece.
    pub unit_cost: f64,
}

/// What to order when.
#[derive(Clone, Debug, PartialEq)]
pub struct LotPlan {
    /// Pieces ordered in each period, there before its demand.
    pub orders: Vec<f64>,
    /// Of all periods together.
    pub cost: f64,
}

/// What a plan costs; `None` where it leaves demand unmet or has another number of periods.
#[must_use]
pub fn plan_cost(periods: &[Period], orders: &[f64]) -> Option<f64> {
    if orders.len() != periods.len() {
        return None;
    }
    let (mut stock, mut cost) = (0.0, 0.0);
    for (period, order) in periods.iter().zip(orders) {
        stock += order - period.demand;
        if stock < -1e-9 || *order < 0.0 {
            return None;
        }
        cost += period.holding * stock + period.unit_cost * order;
        if *order > 0.0 {
            cost += period.setup;
        }
    }
    Some(cost)
}

/// The cheapest plan without backorders, from empty stock (Wagner and Whitin 1958).
///
/// O(n²) in the number of periods; later periods' zero demand is ordered nowhere. Of plans that cost the same,
/// the one whose last order is earliest.
pub fn wagner_whitin(periods: &[Period]) -> Result<LotPlan, TheoryError> {
    for period in periods {
        not_negative("demand", period.demand)?;
        not_negative("setup cost", period.setup)?;
        not_negative("holding cost", period.holding)?;
        not_negative("unit cost", period.unit_cost)?;
    }
    let n = periods.len();
    // best[t]: cost of the first t periods; from[t]: the period whose order serves period t − 1 in it.
    let mut best = vec![f64::INFINITY; n + 1];
    let mut from = vec![None; n + 1];
    best[0] = 0.0;
    for start in 0..n {
        // A period without demand can also be passed by.
        if periods[start].demand == 0.0 && best[start] < best[start + 1] {
            best[start + 1] = best[start];
            from[start + 1] = None;
        }
        let mut cost = best[start] + periods[start].setup;
        let mut carried = periods[start].unit_cost; // what a piece costs that is kept until `end`
        for end in start..n {
            cost += carried * periods[end].demand;
            carried += periods[end].holding;
            if cost < best[end + 1] {
                best[end + 1] = cost;
                from[end + 1] = Some(start);
            }
        }
    }
    let mut orders = vec![0.0; n];
    let mut end = n;
    while end > 0 {
        let Some(start) = from[end] else {
            end -= 1;
            continue;
        };
        orders[start] = periods[start..end].iter().map(|period| period.demand).sum();
        end = start;
    }
    Ok(LotPlan { orders, cost: best[n] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn periods(demand: &[f64], setup: f64, holding: f64) -> Vec<Period> {
        demand.iter().map(|demand| Period { demand: *demand, setup, holding, unit_cost: 0.0 }).collect()
    }

    #[test]
    fn a_setup_pays_when_holding_costs_more() {
        let plan = wagner_whitin(&periods(&[90.0, 120.0, 80.0, 70.0], 500.0, 2.0)).unwrap();
        assert_eq!(plan.cost, 1_380.0);
        assert_eq!(plan_cost(&periods(&[90.0, 120.0, 80.0, 70.0], 500.0, 2.0), &plan.orders), Some(1_380.0));
    }

    #[test]
    fn nothing_is_ordered_for_nothing() {
        let plan = wagner_whitin(&periods(&[0.0, 5.0, 0.0], 10.0, 1.0)).unwrap();
        assert_eq!(plan, LotPlan { orders: vec![0.0, 5.0, 0.0], cost: 10.0 });
        assert_eq!(wagner_whitin(&[]), Ok(LotPlan { orders: vec![], cost: 0.0 }));
        assert!(wagner_whitin(&periods(&[-1.0], 1.0, 1.0)).is_err());
    }

    #[test]
    fn a_plan_that_runs_short_has_no_cost() {
        assert_eq!(plan_cost(&periods(&[1.0, 2.0], 1.0, 1.0), &[1.0, 1.0]), None);
        assert_eq!(plan_cost(&periods(&[1.0], 1.0, 1.0), &[]), None);
    }

    proptest! {
        #[test]
        fn no_choice_of_order_periods_costs_less(
            rows in prop::collection::vec((0_u32..30, 0_u32..60, 0_u32..4, 0_u32..3), 1..9),
        ) {
            let periods: Vec<Period> = rows
                .iter()
                .map(|(demand, setup, holding, unit_cost)| Period {
                    demand: f64::from(*demand),
                    setup: f64::from(*setup),
                    holding: f64::from(*holding),
                    unit_cost: f64::from(*unit_cost),
                })
                .collect();
            let plan = wagner_whitin(&periods).unwrap();
            prop_assert!((plan_cost(&periods, &plan.orders).unwrap() - plan.cost).abs() < 1e-9);
            for chosen in 0_u32..1 << periods.len() {
                // Each chosen period orders up to the next chosen one.
                let mut orders = vec![0.0; periods.len()];
                let mut last = None;
                for (t, period) in periods.iter().enumerate() {
                    if chosen >> t & 1 == 1 {
                        last = Some(t);
                    }
                    if let Some(last) = last {
                        orders[last] += period.demand;
                    }
                }
                if let Some(cost) = plan_cost(&periods, &orders) {
                    prop_assert!(plan.cost <= cost + 1e-9, "{orders:?} costs {cost}, {plan:?}");
                }
            }
        }
    }
}
