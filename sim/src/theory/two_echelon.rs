//! One warehouse and its retailers: every piece sold is ordered again at once, at both levels.

use super::distribution::Pmf;
use super::{TheoryError, not_negative, positive};

/// A retailer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retailer {
    /// Pieces in stock and on order, less owed.
    pub base_stock: u32,
    /// Customers per unit of time, one piece each.
    pub demand_rate: f64,
    /// From the warehouse to it.
    pub lead_time: f64,
}

/// One warehouse and its retailers; all customers wait, and the warehouse serves in the order of asking.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoEchelon {
    /// Pieces in stock and on order at the warehouse, less owed.
    pub warehouse_base_stock: u32,
    /// From the supplier to the warehouse.
    pub supplier_lead_time: f64,
    /// The retailers.
    pub retailers: Vec<Retailer>,
}

/// What a retailer has on average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetailerLevel {
    /// Pieces on hand.
    pub on_hand: f64,
    /// Pieces that customers wait for.
    pub backorders: f64,
    /// The share of customers that find stock.
    pub fill_rate: f64,
}

/// What all have on average.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoEchelonLevels {
    /// Pieces on hand at the warehouse.
    pub warehouse_on_hand: f64,
    /// Pieces that retailers wait for.
    pub warehouse_backorders: f64,
    /// The retailers, in their order.
    pub retailers: Vec<RetailerLevel>,
}

impl TwoEchelonLevels {
    /// Holding and backorder cost per unit of time; pieces under way cost nothing.
    ///
    /// `holding` is the warehouse's and then each retailer's, `backorder` each retailer's.
    pub fn cost(&self, holding: &[f64], backorder: &[f64]) -> Result<f64, TheoryError> {
        let n = self.retailers.len();
        if holding.len() != n + 1 {
            return Err(TheoryError::Count { what: "holding costs", expected: n + 1, actual: holding.len() });
        }
        if backorder.len() != n {
            return Err(TheoryError::Count { what: "backorder costs", expected: n, actual: backorder.len() });
        }
        let retailers = self.retailers.iter().zip(&holding[1..]).zip(backorder);
        let at_retailers: f64 = retailers.map(|((it, h), p)| h * it.on_hand + p * it.backorders).sum();
        Ok(holding[0] * self.warehouse_on_hand + at_retailers)
    }
}

/// The exact levels for Poisson customers and constant lead times (Simon 1971; Graves 1985).
///
/// What is on order at the warehouse is Poisson; what it owes is shared among the retailers by their rates, piece
/// by piece; and what a retailer has on order is its share of that and its own demand since.
pub fn levels(system: &TwoEchelon) -> Result<TwoEchelonLevels, TheoryError> {
    not_negative("supplier lead time", system.supplier_lead_time)?;
    for retailer in &system.retailers {
        not_negative("demand rate", retailer.demand_rate)?;
        not_negative("lead time", retailer.lead_time)?;
    }
    let rate: f64 = system.retailers.iter().map(|retailer| retailer.demand_rate).sum();
    positive("demand rate", rate)?;
    let base = i64::from(system.warehouse_base_stock);
    let on_order = Pmf::poisson(rate * system.supplier_lead_time)?;
    let owed = on_order.clone().shifted(-base).at_least(0);
    let mut retailers = Vec::new();
    for retailer in &system.retailers {
        let own = Pmf::compound(&owed, &Pmf::binomial(1, (retailer.demand_rate / rate).min(1.0))?)?;
        let outstanding = own.convolve(&Pmf::poisson(retailer.demand_rate * retailer.lead_time)?)?;
        let base = i64::from(retailer.base_stock);
        retailers.push(RetailerLevel {
            on_hand: outstanding.left_over(base),
            backorders: outstanding.loss(base),
            fill_rate: outstanding.cdf(base - 1),
        });
    }
    Ok(TwoEchelonLevels {
        warehouse_on_hand: on_order.left_over(base),
        warehouse_backorders: on_order.loss(base),
        retailers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn retailer(base_stock: u32, demand_rate: f64, lead_time: f64) -> Retailer {
        Retailer { base_stock, demand_rate, lead_time }
    }

    #[test]
    fn a_warehouse_that_never_runs_out_leaves_the_retailers_alone() {
        let retailers = vec![retailer(3, 1.0, 2.0), retailer(1, 0.5, 1.0)];
        let levels = levels(&TwoEchelon { warehouse_base_stock: 60, supplier_lead_time: 2.0, retailers }).unwrap();
        let demand = Pmf::poisson(2.0).unwrap();
        assert!((levels.retailers[0].on_hand - demand.left_over(3)).abs() < 1e-12);
        assert!((levels.retailers[0].fill_rate - demand.cdf(2)).abs() < 1e-12);
        assert!(levels.cost(&[1.0], &[1.0, 1.0]).is_err());
    }

    #[test]
    fn a_warehouse_without_stock_only_adds_its_lead_time() {
        let retailers = vec![retailer(4, 1.0, 1.5), retailer(6, 2.0, 0.5)];
        let levels = levels(&TwoEchelon { warehouse_base_stock: 0, supplier_lead_time: 2.0, retailers }).unwrap();
        for (level, (base, mean)) in levels.retailers.iter().zip([(4, 3.5), (6, 5.0)]) {
            let demand = Pmf::poisson(mean).unwrap();
            assert!((level.backorders - demand.loss(base)).abs() < 1e-12);
            assert!((level.on_hand - demand.left_over(base)).abs() < 1e-12);
        }
    }

    proptest! {
        #[test]
        fn stock_and_backorders_balance(
            base in 0_u32..15,
            supply in 0.1_f64..4.0,
            rows in prop::collection::vec((0_u32..8, 0.1_f64..3.0, 0.0_f64..3.0), 1..5),
        ) {
            let retailers: Vec<Retailer> = rows.into_iter().map(|(s, rate, lead)| retailer(s, rate, lead)).collect();
            let rate: f64 = retailers.iter().map(|it| it.demand_rate).sum();
            let system = TwoEchelon { warehouse_base_stock: base, supplier_lead_time: supply, retailers };
            let levels = levels(&system).unwrap();
            let net = levels.warehouse_on_hand - levels.warehouse_backorders;
            prop_assert!((net - (f64::from(base) - rate * supply)).abs() < 1e-9);
            for (level, retailer) in levels.retailers.iter().zip(&system.retailers) {
                let waiting = levels.warehouse_backorders * retailer.demand_rate / rate;
                let on_order = waiting + retailer.demand_rate * retailer.lead_time;
                let net = level.on_hand - level.backorders;
                prop_assert!((net - (f64::from(retailer.base_stock) - on_order)).abs() < 1e-9);
            }
        }
    }
}
