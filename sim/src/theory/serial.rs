//! Serial systems: stages in a row, each supplied by the next, the last by a source that never runs out.
//!
//! ```text
//! source ─L₃─▶ stage 3 ─L₂─▶ stage 2 ─L₁─▶ stage 1 ─▶ customers
//! ```

use super::continuous::Normal;
use super::distribution::Pmf;
use super::{TheoryError, not_negative, positive};

/// One stage; the first of a list serves the customers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// What a piece costs more to hold here than at the stage before it, per unit of time.
    pub echelon_holding: f64,
    /// From its supplier to it, in units of time.
    pub lead_time: f64,
}

/// How much each stage and all below it should have.
#[derive(Clone, Debug, PartialEq)]
pub struct SerialPlan<Level> {
    /// Of each stage: pieces at it, under way to it and below, less what customers wait for.
    pub echelon_base_stock: Vec<Level>,
    /// Expected cost per unit of time: echelon holding cost of each echelon's net stock, and for each waiting
    /// piece the backorder cost and all echelon holding costs. Pieces under way to a stage are charged at the
    /// rate of the stage that shipped them.
    pub cost: f64,
}

/// Points of the grid to a standard deviation of the demand over all lead times.
const POINTS_TO_SD: f64 = 400.0;

/// The best echelon base stocks for normal demand, by convolution on a grid (Clark and Scarf 1960; FoSCT 6.2).
///
/// `demand` is that of one unit of time, and orders are placed after it is seen: the stock of stage j covers
/// the demand of its lead time.
pub fn serial_normal(stages: &[Stage], backorder: f64, demand: Normal) -> Result<SerialPlan<f64>, TheoryError> {
    let covered: f64 = stages.iter().map(|stage| stage.lead_time).sum();
    not_negative("lead time", covered)?;
    let sd = demand.sd() * libm::sqrt(covered);
    let step = if sd > 0.0 { sd / POINTS_TO_SD } else { 1.0 };
    let mut steps = Vec::new();
    let mut centre = 0.0;
    for stage in stages {
        not_negative("lead time", stage.lead_time)?;
        let noise = Pmf::normal_rounded(0.0, demand.sd() * libm::sqrt(stage.lead_time) / step)?;
        centre += demand.mean() * stage.lead_time;
        steps.push(StageDemand { holding: stage.echelon_holding, centre, noise });
    }
    let plan = clark_scarf(&steps, backorder, step)?;
    let levels = plan.echelon_base_stock.iter().zip(&steps).map(|(k, stage)| stage.centre + step * *k as f64);
    Ok(SerialPlan { echelon_base_stock: levels.collect(), cost: plan.cost })
}

/// The best echelon base stocks for Poisson customers under continuous review; exact.
pub fn serial_poisson(stages: &[Stage], backorder: f64, rate: f64) -> Result<SerialPlan<i64>, TheoryError> {
    let mut demands = Vec::new();
    for stage in stages {
        demands.push((stage.echelon_holding, Pmf::poisson(rate * stage.lead_time)?));
    }
    serial_discrete(&demands, backorder)
}

/// The best echelon base stocks from each stage's echelon holding cost and the demand over its lead time, which
/// is independent of that of the other stages; exact.
pub fn serial_discrete(stages: &[(f64, Pmf)], backorder: f64) -> Result<SerialPlan<i64>, TheoryError> {
    let stages: Vec<StageDemand> = stages
        .iter()
        .map(|(holding, demand)| StageDemand { holding: *holding, centre: 0.0, noise: demand.clone() })
        .collect();
    clark_scarf(&stages, backorder, 1.0)
}

/// A stage on a grid: index k of stage j stands for `centre` + k steps.
struct StageDemand {
    holding: f64,
    /// Where index 0 of the echelon's net stock lies: the sum of what the noise of the demands leaves out.
    centre: f64,
    /// Demand over the lead time in steps, less the difference of the centres.
    noise: Pmf,
}

/// A function on the grid that falls linearly below `min` and is constant above its end.
struct Below {
    min: i64,
    values: Vec<f64>,
    slope: f64,
}

impl Below {
    fn at(&self, k: i64) -> f64 {
        if k < self.min {
            return self.values[0] + self.slope * (k - self.min) as f64;
        }
        let idx = usize::try_from(k - self.min).unwrap_or(usize::MAX).min(self.values.len() - 1);
        self.values[idx]
    }
}

/// Clark and Scarf's recursion: the cost of stage j with echelon position y is Cⱼ(y) = E(hⱼ x + Ĉⱼ₋₁(x)) at
/// x = y − demand, where Ĉⱼ₋₁ is Cⱼ₋₁ with what stage j cannot ship above its best position left out.
fn clark_scarf(stages: &[StageDemand], backorder: f64, step: f64) -> Result<SerialPlan<i64>, TheoryError> {
    const POINTS_MAX: usize = 2_000_000;
    positive("backorder cost", backorder)?;
    if stages.is_empty() {
        return Err(TheoryError::None("stage"));
    }
    for stage in stages {
        positive("echelon holding cost", stage.holding)?;
    }
    let short: f64 = backorder + stages.iter().map(|stage| stage.holding).sum::<f64>();
    let mut below = Below { min: 0, values: vec![0.0], slope: -short * step };
    let mut centre = 0.0; // of the stage below
    let (mut lowest, mut highest) = (0_i64, 0_i64);
    let mut plan = SerialPlan { echelon_base_stock: Vec::new(), cost: 0.0 };
    for stage in stages {
        let noise = &stage.noise;
        lowest = lowest.saturating_add(noise.min()).saturating_sub(1);
        highest = highest.saturating_add(noise.max()).saturating_add(1);
        let points = usize::try_from(highest.saturating_sub(lowest)).unwrap_or(usize::MAX).saturating_add(1);
        if points > POINTS_MAX {
            return Err(TheoryError::TooLarge { states: points, max: POINTS_MAX });
        }
        let from = lowest - noise.max();
        let reached: Vec<f64> = (from..=highest - noise.min()).map(|k| below.at(k)).collect();
        let held_from = centre - step * noise.mean();
        let cost_at = |position: i64| {
            // Σ P(noise = n) reached(position − n), the largest n first.
            let first = (position - noise.max() - from) as usize;
            let later: f64 = noise.weights().iter().rev().zip(&reached[first..]).map(|(p, value)| p * value).sum();
            stage.holding * (held_from + step * position as f64) + later
        };
        let costs: Vec<f64> = (lowest..=highest).map(cost_at).collect();
        let best = costs.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(idx, _)| idx);
        plan.echelon_base_stock.push(lowest + best as i64);
        plan.cost = costs[best];
        let slope = below.slope + stage.holding * step;
        below = Below { min: lowest, values: costs[..=best].to_vec(), slope };
        centre = stage.centre;
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::super::newsvendor::{StockCosts, discrete, normal};
    use super::*;

    #[test]
    fn one_stage_is_a_newsvendor() {
        let costs = StockCosts::new(2.0, 15.0).unwrap();
        let stage = Stage { echelon_holding: 2.0, lead_time: 3.0 };
        let pieces = serial_poisson(&[stage], 15.0, 4.0).unwrap();
        let expected = discrete(costs, &Pmf::poisson(12.0).unwrap());
        assert_eq!(pieces.echelon_base_stock, [expected.level]);
        assert!((pieces.cost - expected.cost).abs() < 1e-10);
        let demand = Normal::new(50.0, 8.0).unwrap();
        let plan = serial_normal(&[stage], 15.0, demand).unwrap();
        let expected = normal(costs, demand.sum_of(3.0).unwrap());
        assert!((plan.echelon_base_stock[0] - expected.level).abs() < 0.04);
        assert!((plan.cost / expected.cost - 1.0).abs() < 1e-4, "{plan:?} {expected:?}");
    }

    /// The long-run cost of two stages with given echelon base stocks, by its definition: stage 1 has what
    /// stage 2 could ship, min(S₁, S₂ − D₂).
    fn two_stages(holding: [f64; 2], backorder: f64, demands: [&Pmf; 2], levels: [i64; 2]) -> f64 {
        let mut cost = 0.0;
        for (d2, p2) in demands[1].iter() {
            for (d1, p1) in demands[0].iter() {
                let upper = levels[1] - d2;
                let lower = levels[0].min(upper) - d1;
                let waiting = (-lower).max(0) as f64;
                cost += p1
                    * p2
                    * (holding[1] * upper as f64
                        + holding[0] * lower as f64
                        + (backorder + holding[0] + holding[1]) * waiting);
            }
        }
        cost
    }

    #[test]
    fn no_two_levels_cost_less() {
        let demands = [Pmf::poisson(2.0).unwrap(), Pmf::negative_binomial(3.0, 6.0).unwrap()];
        let holding = [1.0, 0.5];
        let stages: Vec<(f64, Pmf)> = holding.into_iter().zip(demands.clone()).collect();
        let plan = serial_discrete(&stages, 8.0).unwrap();
        let pair = [&demands[0], &demands[1]];
        let levels = [plan.echelon_base_stock[0], plan.echelon_base_stock[1]];
        assert!((two_stages(holding, 8.0, pair, levels) - plan.cost).abs() < 1e-9, "{plan:?}");
        for lower in 0..12 {
            for upper in 0..18 {
                let cost = two_stages(holding, 8.0, pair, [lower, upper]);
                assert!(cost >= plan.cost - 1e-9, "{lower}, {upper}: {cost}, {plan:?}");
            }
        }
    }

    #[test]
    fn known_demand_needs_no_safety_stock() {
        let stages = [Stage { echelon_holding: 1.0, lead_time: 2.0 }, Stage { echelon_holding: 1.0, lead_time: 1.0 }];
        let plan = serial_normal(&stages, 9.0, Normal::new(5.0, 0.0).unwrap()).unwrap();
        assert_eq!(plan.echelon_base_stock, [10.0, 15.0]);
        // Stage 2 keeps no stock of its own; what is under way to stage 1 costs its echelon rate.
        assert!((plan.cost - 10.0).abs() < 1e-12, "{plan:?}");
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        assert_eq!(serial_discrete(&[], 1.0), Err(TheoryError::None("stage")));
        assert!(serial_poisson(&[Stage { echelon_holding: 1.0, lead_time: -1.0 }], 1.0, 2.0).is_err());
        assert!(serial_poisson(&[Stage { echelon_holding: 0.0, lead_time: 1.0 }], 1.0, 2.0).is_err());
    }
}
