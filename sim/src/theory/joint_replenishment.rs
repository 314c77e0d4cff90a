//! Joint replenishment: items that share the fixed cost of an order, each in every m-th order.

use super::{TheoryError, not_negative, positive};

/// One item of a shared order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Item {
    /// Cost of having the item in an order.
    pub fixed_cost: f64,
    /// Cost of one piece in stock per unit of time.
    pub holding: f64,
    /// Pieces per unit of time.
    pub demand: f64,
}

/// When to order, and which item how often.
#[derive(Clone, Debug, PartialEq)]
pub struct CyclicPlan {
    /// Time between orders.
    pub cycle: f64,
    /// Item i is in every `multiples[i]`-th order.
    pub multiples: Vec<u32>,
    /// Ordering and holding cost per unit of time.
    pub cost: f64,
}

/// Most changes of multiples that the search goes through.
const BREAKPOINTS_MAX: usize = 2_000_000;

/// The cheapest cycle for given multiples; the shared cost is paid in every cycle.
pub fn plan_for(shared_cost: f64, items: &[Item], multiples: &[u32]) -> Result<CyclicPlan, TheoryError> {
    check(shared_cost, items)?;
    if multiples.len() != items.len() {
        return Err(TheoryError::Count { what: "multiples", expected: items.len(), actual: multiples.len() });
    }
    if let Some(zero) = multiples.iter().find(|m| **m == 0) {
        return Err(TheoryError::NotPositive { what: "multiple", value: f64::from(*zero) });
    }
    let (mut ordering, mut holding) = (shared_cost, 0.0);
    for (item, multiple) in items.iter().zip(multiples) {
        ordering += item.fixed_cost / f64::from(*multiple);
        holding += item.holding * item.demand * f64::from(*multiple);
    }
    Ok(CyclicPlan {
        cycle: libm::sqrt(2.0 * ordering / holding),
        multiples: multiples.to_vec(),
        cost: libm::sqrt(2.0 * ordering * holding),
    })
}

/// The cheapest cyclic plan.
///
/// Exact: for a cycle T item i is best in every m-th order with m(m−1) < 2kᵢ / (hᵢ dᵢ T²) ≤ m(m+1), so that
/// walking T down over the points where some multiple changes meets every plan that can be best. It ends where
/// the shared cost alone, with every item at its own best, costs more than the best plan found (Goyal 1974;
/// Silver, Pyke and Peterson 1998, ch. 11).
pub fn joint_replenishment(shared_cost: f64, items: &[Item]) -> Result<CyclicPlan, TheoryError> {
    check(shared_cost, items)?;
    let mut multiples = vec![1_u32; items.len()];
    let mut best = plan_for(shared_cost, items, &multiples)?;
    let alone: f64 = items.iter().map(|it| libm::sqrt(2.0 * it.fixed_cost * it.holding * it.demand)).sum();
    // The cycle below which item i goes from m to m + 1.
    let breakpoint = |item: &Item, multiple: u32| {
        let m = f64::from(multiple);
        libm::sqrt(2.0 * item.fixed_cost / (item.holding * item.demand * m * (m + 1.0)))
    };
    let mut next: Vec<f64> = items.iter().map(|item| breakpoint(item, 1)).collect();
    let (mut ordering, mut holding) = (shared_cost, 0.0);
    for item in items {
        ordering += item.fixed_cost;
        holding += item.holding * item.demand;
    }
    for _ in 0..BREAKPOINTS_MAX {
        let Some((idx, cycle)) = next.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)) else { break };
        let spare = best.cost - alone;
        if cycle <= 0.0 || spare <= 0.0 || cycle < shared_cost / spare {
            break;
        }
        let item = &items[idx];
        let before = f64::from(multiples[idx]);
        multiples[idx] += 1;
        next[idx] = breakpoint(item, multiples[idx]);
        ordering += item.fixed_cost * (1.0 / (before + 1.0) - 1.0 / before);
        holding += item.holding * item.demand;
        if libm::sqrt(2.0 * ordering * holding) < best.cost {
            let plan = plan_for(shared_cost, items, &multiples)?;
            if plan.cost < best.cost {
                best = plan;
            }
        }
    }
    Ok(best)
}

fn check(shared_cost: f64, items: &[Item]) -> Result<(), TheoryError> {
    positive("shared fixed cost", shared_cost)?;
    if items.is_empty() {
        return Err(TheoryError::None("item"));
    }
    for item in items {
        not_negative("item's fixed cost", item.fixed_cost)?;
        positive("item's holding cost", item.holding)?;
        positive("item's demand", item.demand)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All multiples up to a bound.
    fn brute_force(shared_cost: f64, items: &[Item], most: u32) -> f64 {
        let n = items.len() as u32;
        (0..most.pow(n))
            .map(|code| {
                let multiples: Vec<u32> = (0..n).map(|i| code / most.pow(i) % most + 1).collect();
                plan_for(shared_cost, items, &multiples).unwrap().cost
            })
            .fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn one_item_is_an_economic_order() {
        let item = Item { fixed_cost: 3.0, holding: 0.2, demand: 100.0 };
        let plan = joint_replenishment(5.0, &[item]).unwrap();
        assert_eq!(plan.multiples, [1]);
        assert!((plan.cost - (2.0_f64 * 8.0 * 0.2 * 100.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        assert_eq!(joint_replenishment(5.0, &[]), Err(TheoryError::None("item")));
        let item = Item { fixed_cost: 3.0, holding: 0.2, demand: 0.0 };
        assert!(joint_replenishment(5.0, &[item]).is_err());
        assert!(plan_for(5.0, &[Item { demand: 1.0, ..item }], &[0]).is_err());
    }

    proptest! {
        #[test]
        fn no_plan_costs_less(
            shared in 0.5_f64..20.0,
            items in prop::collection::vec((0.1_f64..10.0, 0.1_f64..1.0, 5.0_f64..500.0), 1..4),
        ) {
            let items: Vec<Item> = items
                .into_iter()
                .map(|(fixed_cost, holding, demand)| Item { fixed_cost, holding, demand })
                .collect();
            let plan = joint_replenishment(shared, &items).unwrap();
            prop_assert!(plan.cost <= brute_force(shared, &items, 12) * (1.0 + 1e-12));
            let again = plan_for(shared, &items, &plan.multiples).unwrap();
            prop_assert_eq!(again, plan);
        }
    }
}
