//! Where guaranteed service would hold safety stock: a start for better levels, with a bound.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::optimise::has_levels;
use crate::guaranteed_service::{Chain, Effort, Stage, place};
use crate::kernel::Model;
use crate::situation::{Demand, Origin, Policy, Situation};
use crate::theory::continuous::normal_quantile;

/// Work for the chain of one SKU; see [`Effort::cells`].
const CELLS: u64 = 10_000_000;

/// Levels by guaranteed service.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The network with them.
    pub situation: Situation,
    /// Positions that the model covers.
    pub stocks: u32,
    /// Of all safety stock for a day, in minor units.
    pub cost_minor_per_day: f64,
    /// No placement in the model costs less.
    pub lower_bound_minor_per_day: f64,
}

/// The network with levels as guaranteed service places safety stock: a start for [`super::improve`]. `None` if
/// stopped.
///
/// Every position with demand below it and a first source gets one; customers wait for nothing. The bound on
/// demand is the quantile that waiting (or losing) and keeping a piece ask for. Policies keep their kind: a
/// reorder point stands a piece below the base stock, which orders at the same moments. Positions that cannot
/// be placed, as in a chain that makes goods of others, keep their levels, and so do those that may not change.
pub fn place_safety_stock(
    today: &Situation,
    days: u32,
    may_change: Option<&[bool]>,
    stop: Option<&AtomicBool>,
) -> Option<Placed> {
    let is_stopped = || stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
    let mut placed =
        Placed { situation: today.clone(), stocks: 0, cost_minor_per_day: 0.0, lower_bound_minor_per_day: 0.0 };
    let model = Model::new(Arc::new(today.clone()), days.max(1), 0);
    let lead_days = model.usual_lead_days();
    let flow = today.mean_flow();
    let n = today.positions.len();
    // Variance of a day's demand at and below each position.
    let mut variance = vec![0.0; n];
    for (i, position) in today.positions.iter().enumerate() {
        let own = match &position.demand {
            Demand::Random { pieces, .. } => pieces.variance(),
            _ => position.mean_demand(),
        };
        let mut at = i;
        for _ in 0..n {
            variance[at] += own;
            match today.positions[at].sources.first().map(|source| &source.from) {
                Some(Origin::Position(from)) => at = *from as usize,
                _ => break,
            }
        }
    }
    let mut by_sku = BTreeMap::<u32, Vec<usize>>::new();
    for (i, position) in today.positions.iter().enumerate() {
        if flow[i] > 0.0 && lead_days[i].is_some() && has_levels(&position.policy) {
            by_sku.entry(position.sku).or_default().push(i);
        }
    }
    for members in by_sku.into_values() {
        if is_stopped() {
            return None;
        }
        let stage = |at: &usize| {
            let position = &today.positions[*at];
            let holding = (position.holding_minor_per_year / 365.0).max(1e-9);
            let lacking = if position.backorder_permille < 1_000 {
                position.lost_minor + today.skus[position.sku as usize].margin_minor as f64
            } else {
                position.backorder_minor_per_day
            };
            let served = (lacking.max(holding) / (lacking.max(holding) + holding)).clamp(0.5, 0.9999);
            let review = f64::from(position.review.every_days.max(1)) - 1.0;
            Stage {
                processing_time: (lead_days[*at].unwrap_or(1.0) + review + 0.5) as u32,
                holding_cost: holding,
                demand_bound: normal_quantile(served).max(0.0) * libm::sqrt(variance[*at]),
                inbound_service_time: 0,
                outbound_service_time_max: (position.mean_demand() > 0.0).then_some(0),
            }
        };
        let place_of = |position: u32| members.iter().position(|member| *member == position as usize);
        let arcs = members.iter().enumerate().filter_map(|(i, at)| {
            match today.positions[*at].sources.first().map(|source| &source.from) {
                Some(Origin::Position(from)) => Some((place_of(*from)?, i)),
                _ => None,
            }
        });
        let Ok(chain) = Chain::new(members.iter().map(stage).collect(), arcs.collect()) else { continue };
        let placement = place(&chain, &Effort { cells: CELLS, stop: Some(&is_stopped), ..Effort::default() });
        placed.stocks += members.len() as u32;
        placed.cost_minor_per_day += placement.cost;
        placed.lower_bound_minor_per_day += placement.lower_bound;
        for (i, at) in members.iter().enumerate().filter(|(_, at)| may_change.is_none_or(|may| may[**at])) {
            let covered = f64::from(placement.net_replenishment_time[i]);
            let level = (flow[*at] * covered + placement.safety_stock(&chain, i)).ceil() as i64;
            let policy = &mut placed.situation.positions[*at].policy;
            *policy = raised_to(policy, level);
        }
    }
    (!is_stopped()).then_some(placed)
}

/// The policy with its level where base stock would have this one.
fn raised_to(policy: &Policy, level: i64) -> Policy {
    let below = (level - 1).max(0);
    match policy {
        Policy::MinMax { min, max } => Policy::MinMax { min: below, max: below + (max - min) },
        Policy::ReorderLot { lot, .. } => Policy::ReorderLot { reorder_point: below, lot: *lot },
        _ => Policy::BaseStock { level },
    }
}
