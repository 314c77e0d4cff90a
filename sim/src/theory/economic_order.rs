//! Economic order quantities: constant known demand, an order at a fixed cost whenever stock runs out.

use super::{TheoryError, not_negative, positive};

/// Constant demand served from one stock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConstantDemand {
    /// Cost of an order, whatever its size.
    pub fixed_cost: f64,
    /// Cost of one piece in stock per unit of time.
    pub holding: f64,
    /// Pieces per unit of time.
    pub demand: f64,
}

impl ConstantDemand {
    fn checked(self) -> Result<Self, TheoryError> {
        positive("fixed cost", self.fixed_cost)?;
        positive("holding cost", self.holding)?;
        positive("demand", self.demand)?;
        Ok(self)
    }

    /// Ordering and holding cost per unit of time of ordering `quantity` each time.
    #[must_use]
    pub fn cost(&self, quantity: f64) -> f64 {
        self.fixed_cost * self.demand / quantity + self.holding * quantity / 2.0
    }
}

/// How much to order each time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EconomicOrder {
    /// Pieces an order.
    pub quantity: f64,
    /// Ordering and holding cost per unit of time.
    pub cost: f64,
}

/// The economic order quantity (Harris 1913).
pub fn economic_order(model: ConstantDemand) -> Result<EconomicOrder, TheoryError> {
    let ConstantDemand { fixed_cost, holding, demand } = model.checked()?;
    Ok(EconomicOrder {
        quantity: libm::sqrt(2.0 * fixed_cost * demand / holding),
        cost: libm::sqrt(2.0 * fixed_cost * demand * holding),
    })
}

/// How much to order each time, and how much of it to owe already when it comes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackorderedOrder {
    /// Pieces an order.
    pub quantity: f64,
    /// The share of demand that waits.
    pub stockout_fraction: f64,
    /// Ordering, holding and backorder cost per unit of time.
    pub cost: f64,
}

/// The economic order quantity where customers may wait, at `backorder` per piece and unit of time
/// (FoSCT 3.5).
pub fn with_backorders(model: ConstantDemand, backorder: f64) -> Result<BackorderedOrder, TheoryError> {
    let ConstantDemand { fixed_cost, holding, demand } = model.checked()?;
    positive("backorder cost", backorder)?;
    let both = holding + backorder;
    Ok(BackorderedOrder {
        quantity: libm::sqrt(2.0 * fixed_cost * demand / holding * (both / backorder)),
        stockout_fraction: holding / both,
        cost: libm::sqrt(2.0 * fixed_cost * demand * holding * (backorder / both)),
    })
}

/// A price that holds for a whole order of at least so many pieces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PriceBreak {
    /// The smallest order with this price.
    pub from: f64,
    /// Price of a piece.
    pub unit_cost: f64,
}

/// How much to order under price breaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiscountedOrder {
    /// Pieces an order.
    pub quantity: f64,
    /// Which price break that is.
    pub break_idx: usize,
    /// Purchase, ordering and holding cost per unit of time.
    pub cost: f64,
}

/// The order quantity under an all-units discount, where a piece in stock costs `holding_rate` times its price
/// per unit of time (FoSCT 3.4.2).
///
/// Breaks start at 0 and ascend, and their prices do not rise.
pub fn all_units_discount(
    fixed_cost: f64,
    holding_rate: f64,
    demand: f64,
    breaks: &[PriceBreak],
) -> Result<DiscountedOrder, TheoryError> {
    let mut best: Option<DiscountedOrder> = None;
    for (idx, PriceBreak { from, unit_cost }) in breaks.iter().copied().enumerate() {
        let fits =
            if idx == 0 { from == 0.0 } else { breaks[idx - 1].from < from && breaks[idx - 1].unit_cost >= unit_cost };
        if !(fits && from.is_finite()) {
            return Err(TheoryError::PriceBreak { idx });
        }
        positive("unit cost", unit_cost)?;
        let model = ConstantDemand { fixed_cost, holding: holding_rate * unit_cost, demand };
        let quantity = economic_order(model)?.quantity.max(from);
        if breaks.get(idx + 1).is_some_and(|next| quantity >= next.from) {
            continue; // the next price is no higher and holds already
        }
        let cost = unit_cost * demand + model.cost(quantity);
        if best.is_none_or(|best| cost < best.cost) {
            best = Some(DiscountedOrder { quantity, break_idx: idx, cost });
        }
    }
    best.ok_or(TheoryError::None("price break"))
}

/// The order quantity when the supplier is up and down for exponential times (Parlar and Berkin 1991, in the
/// form of Berk and Arreola-Risa 1994; FoSCT 9.2.1).
///
/// An order is placed when stock runs out, and waits where the supplier is down then. `stockout` is paid for
/// each piece demanded meanwhile; `disruption_rate` and `recovery_rate` are ends of up and down times per unit
/// of time.
pub fn with_disruptions(
    model: ConstantDemand,
    stockout: f64,
    disruption_rate: f64,
    recovery_rate: f64,
) -> Result<EconomicOrder, TheoryError> {
    let ConstantDemand { fixed_cost, holding, demand } = model.checked()?;
    not_negative("stockout cost", stockout)?;
    not_negative("disruption rate", disruption_rate)?;
    positive("recovery rate", recovery_rate)?;
    let rates = disruption_rate + recovery_rate;
    // Cost and length of a cycle, and their derivatives. `down` is the chance that the order must wait.
    let cycle = |quantity: f64| {
        let passed = libm::exp(-rates * quantity / demand);
        let down = disruption_rate / rates * (1.0 - passed);
        let down_slope = disruption_rate / demand * passed;
        let cost =
            fixed_cost + holding * quantity * quantity / (2.0 * demand) + stockout * demand * down / recovery_rate;
        let cost_slope = holding * quantity / demand + stockout * demand * down_slope / recovery_rate;
        let length = quantity / demand + down / recovery_rate;
        let length_slope = 1.0 / demand + down_slope / recovery_rate;
        (cost, cost_slope, length, length_slope)
    };
    let rises = |quantity: f64| {
        let (cost, cost_slope, length, length_slope) = cycle(quantity);
        cost_slope * length > cost * length_slope
    };
    let mut high = economic_order(model)?.quantity;
    while !rises(high) {
        high *= 2.0;
        positive("order quantity", high)?;
    }
    let mut low = 0.0;
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if rises(middle) { high = middle } else { low = middle }
    }
    let (cost, _, length, _) = cycle(high);
    Ok(EconomicOrder { quantity: high, cost: cost / length })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn model() -> ConstantDemand {
        ConstantDemand { fixed_cost: 8.0, holding: 0.225, demand: 1_300.0 }
    }

    #[track_caller]
    fn close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() <= 1e-9 * expected.abs(), "{actual} is not {expected}");
    }

    #[test]
    fn the_economic_order_balances_ordering_and_holding() {
        let plan = economic_order(model()).unwrap();
        close(plan.cost, model().cost(plan.quantity));
        close(model().fixed_cost * model().demand / plan.quantity, model().holding * plan.quantity / 2.0);
    }

    #[test]
    fn backorders_make_larger_orders_and_cost_less() {
        let (plain, waiting) = (economic_order(model()).unwrap(), with_backorders(model(), 5.0).unwrap());
        assert!(waiting.quantity > plain.quantity && waiting.cost < plain.cost);
        let dear = with_backorders(model(), 1e12).unwrap();
        close(dear.quantity, plain.quantity);
    }

    #[test]
    fn a_discount_is_taken_when_it_pays() {
        let breaks = [(0.0, 0.75), (400.0, 0.72), (800.0, 0.68)];
        let breaks = breaks.map(|(from, unit_cost)| PriceBreak { from, unit_cost });
        let plan = all_units_discount(8.0, 0.3, 1_300.0, &breaks).unwrap();
        assert_eq!((plan.quantity, plan.break_idx), (800.0, 2));
        let rising = [PriceBreak { from: 0.0, unit_cost: 1.0 }, PriceBreak { from: 5.0, unit_cost: 2.0 }];
        assert_eq!(all_units_discount(8.0, 0.3, 1.0, &rising), Err(TheoryError::PriceBreak { idx: 1 }));
        assert_eq!(all_units_discount(8.0, 0.3, 1.0, &[]), Err(TheoryError::None("price break")));
    }

    #[test]
    fn a_supplier_that_never_fails_leaves_the_economic_order() {
        let plan = with_disruptions(model(), 5.0, 0.0, 14.0).unwrap();
        close(plan.quantity, economic_order(model()).unwrap().quantity);
        close(plan.cost, economic_order(model()).unwrap().cost);
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        let none = ConstantDemand { demand: 0.0, ..model() };
        assert_eq!(economic_order(none), Err(TheoryError::NotPositive { what: "demand", value: 0.0 }));
        assert!(with_backorders(model(), f64::NAN).is_err());
    }

    proptest! {
        #[test]
        fn no_other_quantity_costs_less(
            fixed_cost in 0.1_f64..1e3, holding in 0.01_f64..10.0, demand in 1.0_f64..1e4, factor in 0.2_f64..5.0,
        ) {
            let model = ConstantDemand { fixed_cost, holding, demand };
            let plan = economic_order(model).unwrap();
            prop_assert!(model.cost(plan.quantity * factor) >= plan.cost * (1.0 - 1e-12));
        }

        #[test]
        fn disruptions_never_make_it_cheaper(
            stockout in 0.5_f64..50.0, down in 0.0_f64..10.0, up in 1.0_f64..50.0,
        ) {
            let plan = with_disruptions(model(), stockout, down, up).unwrap();
            prop_assert!(plan.cost.is_finite() && plan.quantity > 0.0);
            // Paying for each piece short can cost less than ordering only where the penalty is tiny.
            let always_short = stockout * model().demand;
            prop_assert!(plan.cost >= economic_order(model()).unwrap().cost.min(always_short) * (1.0 - 1e-9));
        }
    }
}
