//! Items that share the cost of an order.

use super::{ReplenishError, positive};

/// One item of a shared order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JointItem {
    /// Cost of having the item in an order.
    pub order_cost: f64,
    /// Cost of one piece in stock per unit of time.
    pub holding: f64,
    /// Pieces per unit of time.
    pub demand: f64,
}

/// When to order, and which item how often.
#[derive(Clone, Debug, PartialEq)]
pub struct JointCycle {
    /// Time between orders.
    pub cycle: f64,
    /// Item i is in every `multiples[i]`-th order.
    pub multiples: Vec<u32>,
    /// Ordering and holding per unit of time.
    pub cost: f64,
}

/// Turns of the search; each adds one to some multiple.
const TURNS_MAX: usize = 200_000;

/// The cheapest cyclic joint order: the shared cost is paid every cycle, each item's own in every m-th.
///
/// Walks the cycle down over the points where some item's best multiple changes, until the shared cost alone
/// leaves nothing to gain (Goyal 1974; Silver, Pyke and Peterson 1998, ch. 11): exact within 200,000 turns.
pub fn joint_cycle(shared_cost: f64, items: &[JointItem]) -> Result<JointCycle, ReplenishError> {
    positive("shared cost", shared_cost)?;
    for item in items {
        positive("order cost of an item", item.order_cost)?;
        positive("holding cost", item.holding)?;
        positive("demand", item.demand)?;
    }
    if items.is_empty() {
        return Err(ReplenishError::NoItem);
    }
    let alone: f64 = items.iter().map(|it| libm::sqrt(2.0 * it.order_cost * it.holding * it.demand)).sum();
    let changes = |item: &JointItem, m: u32| {
        libm::sqrt(2.0 * item.order_cost / (item.holding * item.demand * f64::from(m) * f64::from(m + 1)))
    };
    let at = |multiples: &[u32]| {
        let (mut ordering, mut holding) = (shared_cost, 0.0);
        for (item, m) in items.iter().zip(multiples) {
            ordering += item.order_cost / f64::from(*m);
            holding += item.holding * item.demand * f64::from(*m);
        }
        (libm::sqrt(2.0 * ordering / holding), libm::sqrt(2.0 * ordering * holding))
    };
    let mut multiples = vec![1_u32; items.len()];
    let (cycle, cost) = at(&multiples);
    let mut best = JointCycle { cycle, multiples: multiples.clone(), cost };
    for _ in 0..TURNS_MAX {
        let next = (0..items.len()).map(|i| (changes(&items[i], multiples[i]), i)).max_by(|a, b| a.0.total_cmp(&b.0));
        let Some((below, idx)) = next else { break };
        if best.cost <= alone || below < shared_cost / (best.cost - alone) {
            break;
        }
        multiples[idx] += 1;
        let (cycle, cost) = at(&multiples);
        if cost < best.cost {
            best = JointCycle { cycle, multiples: multiples.clone(), cost };
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(shared: f64, items: &[(f64, f64, f64)], cost: f64, multiples: &[u32], cycle: f64) {
        let items: Vec<JointItem> = items
            .iter()
            .map(|(order_cost, holding, demand)| JointItem {
                order_cost: *order_cost,
                holding: *holding,
                demand: *demand,
            })
            .collect();
        let plan = joint_cycle(shared, &items).unwrap();
        assert!((plan.cost - cost).abs() < 1e-7 * cost && (plan.cycle - cycle).abs() < 1e-7, "{plan:?}");
        assert_eq!(plan.multiples, multiples);
    }

    #[test]
    fn joint_cycles_are_those_of_the_books() {
        check(
            600.0,
            &[(120.0, 160.0, 1.0), (840.0, 20.0, 1.0), (300.0, 50.0, 1.0)],
            837.854_402_6,
            &[1, 3, 1],
            3.103_164_454,
        );
        let costs = [1.87, 5.27, 7.94, 8.19, 8.87];
        let demand = [1_736.0, 656.0, 558.0, 170.0, 142.0];
        let items: Vec<(f64, f64, f64)> = costs.into_iter().zip(demand).map(|(k, d)| (k, 0.2, d)).collect();
        check(10.0, &items, 218.251_585_714, &[1, 1, 2, 3, 3], 0.245_557_589_7);
    }

    #[test]
    fn orders_without_items_are_refused() {
        assert_eq!(joint_cycle(5.0, &[]), Err(ReplenishError::NoItem));
    }
}
