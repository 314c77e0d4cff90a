//! Newsvendor and base stock: how much to have against uncertain demand.

use super::continuous::Normal;
use super::distribution::Pmf;
use super::{TheoryError, positive};

/// A ratio is reached also where rounding takes the last digits.
const RATIO_SLACK: f64 = 1e-12;

/// What too much and too little cost.
///
/// Invariant: both are finite and positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StockCosts {
    holding: f64,
    backorder: f64,
}

impl StockCosts {
    /// Cost of a piece left, and of a piece missing, at the end of a period (or per unit of time).
    pub fn new(holding: f64, backorder: f64) -> Result<Self, TheoryError> {
        Ok(Self { holding: positive("holding cost", holding)?, backorder: positive("backorder cost", backorder)? })
    }

    /// Cost of a piece left.
    #[must_use]
    pub fn holding(self) -> f64 {
        self.holding
    }

    /// Cost of a piece missing.
    #[must_use]
    pub fn backorder(self) -> f64 {
        self.backorder
    }

    /// The probability with which the best stock meets demand.
    #[must_use]
    pub fn critical_ratio(self) -> f64 {
        self.backorder / (self.holding + self.backorder)
    }
}

/// When the order of a period is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// Before the demand of the period is seen: a base stock covers the lead time and one period more.
    OrderBeforeDemand,
    /// After it is seen: a base stock covers the lead time.
    OrderAfterDemand,
}

impl Timing {
    /// Periods of demand that a base stock must cover.
    #[must_use]
    pub fn covered_periods(self, lead_time: f64) -> f64 {
        match self {
            Self::OrderBeforeDemand => lead_time + 1.0,
            Self::OrderAfterDemand => lead_time,
        }
    }
}

/// How much to have, and what that costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stocking<Level> {
    /// Pieces in stock and on order after ordering.
    pub level: Level,
    /// Expected holding and backorder cost of a period.
    pub cost: f64,
}

/// The best level for normal demand (FoSCT 4.3.2).
#[must_use]
pub fn normal(costs: StockCosts, demand: Normal) -> Stocking<f64> {
    let level = demand.quantile(costs.critical_ratio());
    Stocking { level, cost: normal_cost(costs, demand, level) }
}

/// What a level costs under normal demand.
#[must_use]
pub fn normal_cost(costs: StockCosts, demand: Normal, level: f64) -> f64 {
    costs.holding * demand.left_over(level) + costs.backorder * demand.loss(level)
}

/// The best level for demand in pieces: the smallest that meets it with the critical ratio.
#[must_use]
pub fn discrete(costs: StockCosts, demand: &Pmf) -> Stocking<i64> {
    let level = demand.quantile(costs.critical_ratio() - RATIO_SLACK);
    Stocking { level, cost: discrete_cost(costs, demand, level) }
}

/// What a level costs under demand in pieces.
#[must_use]
pub fn discrete_cost(costs: StockCosts, demand: &Pmf, level: i64) -> f64 {
    costs.holding * demand.left_over(level) + costs.backorder * demand.loss(level)
}

/// The best base stock for independent normal demands of `demand` a period and a constant lead time, with the
/// cost of a period's end (FoSCT 4.3.4). The lead time need not be whole.
pub fn base_stock_normal(
    costs: StockCosts,
    demand: Normal,
    lead_time: f64,
    timing: Timing,
) -> Result<Stocking<f64>, TheoryError> {
    super::not_negative("lead time", lead_time)?;
    Ok(normal(costs, demand.sum_of(timing.covered_periods(lead_time))?))
}

/// The best base stock for independent demands in pieces and a constant lead time in whole periods.
pub fn base_stock_discrete(
    costs: StockCosts,
    demand: &Pmf,
    lead_time: u32,
    timing: Timing,
) -> Result<Stocking<i64>, TheoryError> {
    let covered = match timing {
        Timing::OrderBeforeDemand => lead_time.saturating_add(1),
        Timing::OrderAfterDemand => lead_time,
    };
    Ok(discrete(costs, &demand.sum_of(covered)?))
}

/// The derivative of the expected cost by the level: h P(D ≤ S) − p P(D > S), which infinitesimal perturbation
/// analysis estimates without a second run.
#[must_use]
pub fn cost_derivative(costs: StockCosts, met: f64) -> f64 {
    costs.holding * met - costs.backorder * (1.0 - met)
}

/// The expected cost at a level, g(y) = E(h (y − D)⁺ + p (D − y)⁺), for many neighbouring levels: each further
/// one is O(log n), by g(y + 1) − g(y) = (h + p) P(D ≤ y) − p.
#[derive(Clone, Debug)]
pub(super) struct LevelCosts<'a> {
    costs: StockCosts,
    demand: &'a Pmf,
    /// The cheapest level.
    pub(super) best: i64,
    from_best: Vec<f64>,
    below_best: Vec<f64>,
}

impl<'a> LevelCosts<'a> {
    pub(super) fn new(costs: StockCosts, demand: &'a Pmf) -> Self {
        let Stocking { level, cost } = discrete(costs, demand);
        Self { costs, demand, best: level, from_best: vec![cost], below_best: Vec::new() }
    }

    fn step(&self, level: i64) -> f64 {
        (self.costs.holding + self.costs.backorder) * self.demand.cdf(level) - self.costs.backorder
    }

    pub(super) fn at(&mut self, level: i64) -> f64 {
        if level >= self.best {
            let idx = (level - self.best) as usize;
            while self.from_best.len() <= idx {
                let last = self.from_best.len() - 1;
                self.from_best.push(self.from_best[last] + self.step(self.best + last as i64));
            }
            return self.from_best[idx];
        }
        let idx = (self.best - level) as usize - 1;
        while self.below_best.len() <= idx {
            let n = self.below_best.len();
            let above = if n == 0 { self.from_best[0] } else { self.below_best[n - 1] };
            self.below_best.push(above - self.step(self.best - 1 - n as i64));
        }
        self.below_best[idx]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn costs() -> StockCosts {
        StockCosts::new(0.18, 0.7).unwrap()
    }

    #[test]
    fn the_normal_level_costs_its_closed_form() {
        let demand = Normal::new(50.0, 8.0).unwrap();
        let best = normal(costs(), demand);
        let z = (best.level - 50.0) / 8.0;
        let closed = (0.18 + 0.7) * super::super::continuous::normal_density(z) * 8.0;
        assert!((best.cost - closed).abs() < 1e-12, "{best:?} {closed}");
        assert!(cost_derivative(costs(), demand.cdf(best.level)).abs() < 1e-12);
    }

    #[test]
    fn ordering_before_demand_covers_one_period_more() {
        let demand = Normal::new(50.0, 8.0).unwrap();
        let before = base_stock_normal(costs(), demand, 4.0, Timing::OrderBeforeDemand).unwrap();
        let after = base_stock_normal(costs(), demand, 5.0, Timing::OrderAfterDemand).unwrap();
        assert_eq!(before, after);
        let pieces = Pmf::poisson(3.0).unwrap();
        let before = base_stock_discrete(costs(), &pieces, 2, Timing::OrderBeforeDemand).unwrap();
        let expected = discrete(costs(), &Pmf::poisson(9.0).unwrap());
        assert_eq!(before.level, expected.level);
        assert!((before.cost - expected.cost).abs() < 1e-12);
    }

    #[test]
    fn costs_must_be_positive() {
        assert!(StockCosts::new(0.0, 1.0).is_err());
        assert!(StockCosts::new(1.0, f64::INFINITY).is_err());
    }

    proptest! {
        #[test]
        fn no_level_costs_less(
            holding in 0.1_f64..5.0,
            backorder in 0.1_f64..50.0,
            samples in prop::collection::vec(0_u32..40, 1..30),
        ) {
            let costs = StockCosts::new(holding, backorder).unwrap();
            let demand = Pmf::empirical(&samples).unwrap();
            let best = discrete(costs, &demand);
            let mut levels = LevelCosts::new(costs, &demand);
            for level in -5..50 {
                let cost = discrete_cost(costs, &demand, level);
                prop_assert!(best.cost <= cost + 1e-9, "{level} costs {cost}, {best:?}");
                prop_assert!((levels.at(level) - cost).abs() < 1e-9);
            }
        }
    }
}
