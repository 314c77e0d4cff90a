//! A chain from the columns that planners have: costs added, times, demand and service levels.

use super::{Chain, ChainError, Stage};
use crate::theory::continuous::normal_quantile;

/// One stage as a row of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StageRow {
    /// What this stage adds to the cost of a unit.
    pub cost_added: f64,
    /// Periods it takes; rounded to the nearest whole number, halves up.
    pub time: f64,
    /// What its customers are quoted; `None` where it only supplies other stages.
    pub quote: Option<Quote>,
}

/// What the customers of a stage want and are quoted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quote {
    /// Standard deviation of a period's demand.
    pub demand_sd: f64,
    /// The share of periods in which all demand is met; its quantile is the `z` of the demand bound. At most
    /// one half needs no safety stock.
    pub service_level: f64,
    /// The longest wait the customers accept; rounded down.
    pub service_time_max: f64,
}

/// A chain with the holding costs and demand bounds that follow from its rows.
///
/// A unit at a stage is worth the cost added there and at all stages it is made of, one unit of each supplier
/// to a unit; holding it costs `holding_rate` of that. Demands are independent: the bound of a stage is the
/// root of the sum of squares of its customers' bounds, each as often as there are paths to it.
pub fn chain_of_rows(
    rows: &[StageRow],
    arcs: Vec<(usize, usize)>,
    holding_rate: f64,
) -> Result<Chain, Vec<ChainError>> {
    let mut errors = Vec::new();
    for (stage, row) in rows.iter().enumerate() {
        let mut check = |what: &'static str, value: f64| {
            if !(value.is_finite() && value >= 0.0) {
                errors.push(ChainError::NotAQuantity { stage, what, value });
            }
        };
        check("cost added", row.cost_added);
        check("time", row.time);
        check("holding rate", holding_rate);
        if let Some(quote) = row.quote {
            check("standard deviation of demand", quote.demand_sd);
            check("longest service time", quote.service_time_max);
            if !(0.0..1.0).contains(&quote.service_level) {
                errors.push(ChainError::NotAServiceLevel { stage, value: quote.service_level });
            }
        }
    }
    let bare = rows.iter().map(|row| Stage { processing_time: whole(row.time + 0.5), ..Stage::default() }).collect();
    let mut chain = match Chain::new(bare, arcs) {
        Ok(chain) if errors.is_empty() => chain,
        Ok(_) => return Err(errors),
        Err(more) => {
            errors.extend(more);
            return Err(errors);
        }
    };
    let mut worth: Vec<f64> = rows.iter().map(|row| row.cost_added).collect();
    for stage in chain.upstream_first.clone() {
        worth[stage] += chain.predecessors[stage].iter().map(|supplier| worth[*supplier]).sum::<f64>();
        chain.stages[stage].holding_cost = holding_rate * worth[stage];
    }
    let mut squares = vec![0.0; rows.len()];
    let mut paths = vec![0.0; rows.len()];
    for (customer, row) in rows.iter().enumerate() {
        let Some(quote) = row.quote else { continue };
        chain.stages[customer].outbound_service_time_max = Some(whole(quote.service_time_max));
        let bound = normal_quantile(quote.service_level).max(0.0) * quote.demand_sd;
        paths.fill(0.0);
        paths[customer] = 1.0;
        for stage in chain.upstream_first.iter().rev() {
            if paths[*stage] > 0.0 {
                squares[*stage] += (paths[*stage] * bound) * (paths[*stage] * bound);
                for supplier in &chain.predecessors[*stage] {
                    paths[*supplier] += paths[*stage];
                }
            }
        }
    }
    for (stage, square) in chain.stages.iter_mut().zip(squares) {
        stage.demand_bound = square.sqrt();
    }
    let overflow = |stage: usize, what: &'static str, value: f64| {
        (!value.is_finite()).then_some(ChainError::NotAQuantity { stage, what, value })
    };
    errors.extend(chain.stages.iter().enumerate().flat_map(|(at, stage)| {
        [overflow(at, "holding cost", stage.holding_cost), overflow(at, "demand bound", stage.demand_bound)]
            .into_iter()
            .flatten()
    }));
    if errors.is_empty() { Ok(chain) } else { Err(errors) }
}

/// Rounded down, and within range.
fn whole(value: f64) -> u32 {
    value.floor().clamp(0.0, f64::from(u32::MAX)) as u32
}
