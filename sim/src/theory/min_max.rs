//! (s, S), or minimum and maximum: one stock under periodic review; when its position is at most s, it is
//! ordered up to S.

use super::distribution::Pmf;
use super::newsvendor::{LevelCosts, StockCosts, Timing};
use super::{TheoryError, demand_of_period, not_negative};

/// When to order up to where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MinMaxPlan {
    /// The largest position at which an order is placed.
    pub min: i64,
    /// The position after an order.
    pub max: i64,
    /// Expected ordering, holding and backorder cost of a period.
    pub cost: f64,
}

/// One stock with a fixed cost of ordering and backorders.
#[derive(Clone, Debug, PartialEq)]
pub struct MinMaxModel {
    costs: StockCosts,
    fixed_cost: f64,
    /// Demand of a period, never negative and sometimes positive.
    demand: Pmf,
    /// Demand until the end of the period in which an order placed now must last.
    covered: Pmf,
}

impl MinMaxModel {
    /// With independent demands, and a lead time in whole periods; `costs` are of a period's end.
    pub fn new(
        costs: StockCosts,
        fixed_cost: f64,
        demand: &Pmf,
        lead_time: u32,
        timing: Timing,
    ) -> Result<Self, TheoryError> {
        not_negative("fixed cost", fixed_cost)?;
        demand_of_period(demand)?;
        let covered = match timing {
            Timing::OrderBeforeDemand => lead_time.saturating_add(1),
            Timing::OrderAfterDemand => lead_time,
        };
        Ok(Self { costs, fixed_cost, demand: demand.clone(), covered: demand.sum_of(covered)? })
    }

    /// What given levels cost; `min` must be below `max`.
    pub fn plan_for(&self, min: i64, max: i64) -> Result<MinMaxPlan, TheoryError> {
        if min >= max {
            return Err(TheoryError::NotPositive { what: "max less min", value: (max.saturating_sub(min)) as f64 });
        }
        Ok(Evaluator::new(self).plan(min, max))
    }

    /// The cheapest levels (Zheng and Federgruen 1991; FoSCT 4.4.4).
    #[must_use]
    pub fn best(&self) -> MinMaxPlan {
        let mut evaluator = Evaluator::new(self);
        let centre = evaluator.levels.best;
        let mut min = centre - 1;
        while evaluator.plan(min, centre).cost > evaluator.levels.at(min) {
            min -= 1;
        }
        let mut best = evaluator.plan(min, centre);
        let mut max = centre + 1;
        while evaluator.levels.at(max) <= best.cost {
            if evaluator.plan(best.min, max).cost < best.cost {
                let mut min = best.min;
                while min + 1 < max && evaluator.plan(min, max).cost <= evaluator.levels.at(min + 1) {
                    min += 1;
                }
                best = evaluator.plan(min, max);
            }
            max += 1;
        }
        best
    }
}

/// Costs of pairs of levels by renewal: the expected number of periods that the position spends j below `max`
/// before the next order, m(j), does not depend on the levels.
struct Evaluator<'a> {
    model: &'a MinMaxModel,
    levels: LevelCosts<'a>,
    visits: Vec<f64>,
}

impl<'a> Evaluator<'a> {
    fn new(model: &'a MinMaxModel) -> Self {
        let stays = 1.0 - model.demand.pmf(0);
        Self { model, levels: LevelCosts::new(model.costs, &model.covered), visits: vec![1.0 / stays] }
    }

    fn visits(&mut self, below_max: usize) -> f64 {
        let demand = &self.model.demand;
        while self.visits.len() <= below_max {
            let n = self.visits.len();
            let first = demand.min().max(1);
            let last = demand.max().min(n as i64);
            let sum: f64 = (first..=last).map(|d| demand.pmf(d) * self.visits[n - d as usize]).sum();
            self.visits.push(sum * self.visits[0]);
        }
        self.visits[below_max]
    }

    fn plan(&mut self, min: i64, max: i64) -> MinMaxPlan {
        let (mut cost, mut periods) = (self.model.fixed_cost, 0.0);
        for below_max in 0..(max - min) as usize {
            let visits = self.visits(below_max);
            cost += visits * self.levels.at(max - below_max as i64);
            periods += visits;
        }
        MinMaxPlan { min, max, cost: cost / periods }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_a_fixed_cost_it_is_a_base_stock() {
        let costs = StockCosts::new(1.0, 9.0).unwrap();
        let demand = Pmf::poisson(4.0).unwrap();
        let model = MinMaxModel::new(costs, 0.0, &demand, 2, Timing::OrderBeforeDemand).unwrap();
        let best = super::super::newsvendor::discrete(costs, &Pmf::poisson(12.0).unwrap());
        // Ordering after every period with demand.
        assert!((model.plan_for(best.level - 1, best.level).unwrap().cost - best.cost).abs() < 1e-9);
        assert!((model.best().cost - best.cost).abs() < 1e-9);
    }

    #[test]
    fn demand_must_be_some_and_not_negative() {
        let costs = StockCosts::new(1.0, 9.0).unwrap();
        let model = |demand| MinMaxModel::new(costs, 5.0, &demand, 0, Timing::OrderBeforeDemand);
        assert_eq!(model(Pmf::point(0)), Err(TheoryError::NoDemand));
        assert_eq!(model(Pmf::point(-2)), Err(TheoryError::NegativeDemand(-2)));
        assert!(model(Pmf::point(3)).unwrap().plan_for(4, 4).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn no_levels_cost_less(
            holding in 0.5_f64..3.0,
            backorder in 1.0_f64..20.0,
            fixed in 0.0_f64..40.0,
            samples in prop::collection::vec(0_u32..9, 2..12),
            lead_time in 0_u32..3,
            before in any::<bool>(),
        ) {
            prop_assume!(samples.iter().any(|sample| *sample > 0));
            let costs = StockCosts::new(holding, backorder).unwrap();
            let demand = Pmf::empirical(&samples).unwrap();
            let timing = if before { Timing::OrderBeforeDemand } else { Timing::OrderAfterDemand };
            let model = MinMaxModel::new(costs, fixed, &demand, lead_time, timing).unwrap();
            let best = model.best();
            let mut evaluator = Evaluator::new(&model);
            for min in -30..35 {
                for max in min + 1..60 {
                    let plan = evaluator.plan(min, max);
                    prop_assert!(best.cost <= plan.cost * (1.0 + 1e-12), "{plan:?} {best:?}");
                }
            }
        }
    }
}
