//! What is still missing is bought: source by source, in economic lots, at the best price, rounded.

use super::lot::{at_best_price, economic_lot, price};
use super::need::horizon;
use super::plan::Line;
use super::position::{Inputs, Origin};
use super::reason::{Limit, Reason, SourceWhy};

/// Purchases of one position that misses so many pieces.
pub(super) fn purchases(inputs: &Inputs, idx: usize, missing: i64, moved: bool) -> Vec<Line> {
    let position = &inputs.positions[idx];
    let mut order: Vec<usize> =
        (0..position.sources.len()).filter(|it| matches!(position.sources[*it].origin, Origin::Supplier(_))).collect();
    let needed = missing.max(0) as u64;
    let cost = |it: &usize| {
        let source = &position.sources[*it];
        let quantity = source.lot.round_up(needed, |_, _, _| {});
        u128::from(price(&source.prices, quantity)) * u128::from(quantity) + u128::from(source.order_cost_minor)
    };
    order.sort_by_key(|it| (position.sources[*it].priority, cost(it), position.sources[*it].origin));
    let horizon = horizon(position, inputs.today);
    let days = horizon.lead_days + horizon.cover_days;
    let per_day = position.demand.mean(0, days) / f64::from(days.max(1));
    let held = position.target.holding_minor_per_day;
    let (mut left, mut lines) = (needed, Vec::new());
    for (rank, source_idx) in order.iter().copied().enumerate() {
        if left == 0 {
            break;
        }
        let source = &position.sources[source_idx];
        let same = order.get(1).is_some_and(|it| position.sources[*it].priority == source.priority);
        let why = match (rank, moved) {
            (0, false) if position.sources.len() == 1 => SourceWhy::Only,
            (0, false) if same => SourceWhy::Cheapest,
            (0, false) => SourceWhy::Priority,
            _ => SourceWhy::RestOfNeed,
        };
        let mut reasons = vec![Reason::Source { origin: source.origin, of: position.sources.len() as u32, why }];
        let mut quantity = left;
        let breaks: Vec<(f64, f64)> = source.prices.iter().map(|it| (it.from as f64, it.price_minor as f64)).collect();
        let unit = price(&source.prices, 0) as f64;
        if source.order_cost_minor > 0 && unit > 0.0 && held > 0.0 && per_day > 0.0 {
            // The holding rate of the position, over its first price.
            if let Ok(lot) = economic_lot(source.order_cost_minor as f64, held / unit, per_day, &breaks) {
                let economic = libm::round(lot.quantity) as u64;
                if economic > quantity {
                    reasons.push(Reason::EconomicLot { from: quantity, to: economic });
                    quantity = economic;
                }
            }
        }
        let best = at_best_price(&source.prices, quantity, held, per_day);
        if best != quantity {
            let price_minor = price(&source.prices, best);
            reasons.push(Reason::PriceBreak { from: quantity, to: best, price_minor });
            quantity = best;
        }
        quantity = source.lot.round_up(quantity, |rule, from, to| reasons.push(Reason::Rounded { rule, from, to }));
        if let Some(most) = source.capacity.filter(|it| *it < quantity) {
            let to = source.lot.round_down(most);
            reasons.push(Reason::Cut { limit: Limit::Source, from: quantity, to });
            quantity = to;
        }
        if quantity > 0 {
            left = left.saturating_sub(quantity);
            lines.push(Line { position: idx, source: source_idx, quantity, reasons });
        }
    }
    lines
}
