//! Orders of one site to one supplier: raised to its minimum or to full trucks, or left for the next review.

use super::cut::{Measure, cut};
use super::need::Need;
use super::plan::{Held, Line};
use super::position::{Inputs, Origin, Position, Supplier};
use super::projection::Projector;
use super::reason::{Gate, Limit, Reason, SourceWhy, Together};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Lines by supplier and site.
fn by_order(inputs: &Inputs, lines: &[Line]) -> BTreeMap<(u32, u32), Vec<usize>> {
    let mut orders: BTreeMap<(u32, u32), Vec<usize>> = BTreeMap::new();
    for (idx, line) in lines.iter().enumerate().filter(|(_, line)| line.quantity > 0) {
        let position = &inputs.positions[line.position];
        if let Origin::Supplier(supplier) = position.sources[line.source].origin {
            orders.entry((supplier, position.site)).or_default().push(idx);
        }
    }
    orders
}

fn total(inputs: &Inputs, lines: &[Line], order: &[usize], measure: Measure) -> u128 {
    order.iter().map(|it| measure.of(inputs, &lines[*it], lines[*it].quantity)).sum()
}

/// The minima of a supplier, with what counts toward them.
fn minima(supplier: &Supplier) -> impl Iterator<Item = (Measure, u128)> {
    [(Measure::Money, u128::from(supplier.min_value_minor)), (Measure::Pieces, u128::from(supplier.min_pieces))]
        .into_iter()
        .filter(|(_, least)| *least > 0)
}

/// True where a part is so near to the whole that it is filled up.
fn nearly(part: u128, whole: u128, from_permille: u32) -> bool {
    part.saturating_mul(1_000) >= whole.saturating_mul(u128::from(from_permille))
}

/// Raises orders to minima and full trucks where they are near, cuts the rest of a truck off where it is far, and
/// leaves orders below the minimum. `due` are the positions that may join an order although they have enough, by
/// supplier and site.
pub(super) fn fill_up(
    projector: &mut Projector,
    inputs: &Inputs,
    needs: &[Need],
    order_of_positions: &[usize],
    lines: &mut Vec<Line>,
    held: &mut Vec<Held>,
) {
    if inputs.suppliers.iter().all(|it| *it == Supplier::default()) {
        return;
    }
    let mut may_join: BTreeMap<(u32, u32), Vec<usize>> = BTreeMap::new();
    for idx in order_of_positions.iter().copied().filter(|it| needs[*it].gate == Some(Gate::Enough)) {
        let position = &inputs.positions[idx];
        for source in &position.sources {
            if let Origin::Supplier(supplier) = source.origin {
                may_join.entry((supplier, position.site)).or_default().push(idx);
            }
        }
    }
    for (key, mut order) in by_order(inputs, lines) {
        let Some(supplier) = inputs.suppliers.get(key.0 as usize) else { continue };
        let mut joined = false;
        for (measure, least) in minima(supplier) {
            let now = total(inputs, lines, &order, measure);
            if now >= least {
                continue;
            }
            if !nearly(now, least, supplier.fill_from_permille) {
                drop_order(lines, &order, held);
                order.clear();
                break;
            }
            join(inputs, &may_join, key, lines, &mut order, &mut joined);
            raise(inputs, lines, &order, measure, least, None, Together::Minimum);
        }
        let Some(truck) = supplier.truck_load.filter(|it| *it > 0 && !order.is_empty()).map(u128::from) else {
            continue;
        };
        let load = total(inputs, lines, &order, Measure::Load);
        let rest = load % truck;
        if rest == 0 {
            continue;
        }
        if nearly(rest, truck, supplier.fill_from_permille) {
            join(inputs, &may_join, key, lines, &mut order, &mut joined);
            raise(
                inputs,
                lines,
                &order,
                Measure::Load,
                load - rest + truck,
                Some(load - rest + truck),
                Together::Truck,
            );
        } else if load < truck {
            drop_order(lines, &order, held);
        } else {
            cut(projector, inputs, lines, &order, load - rest, Measure::Load, Limit::Truck);
        }
    }
}

/// Leaves orders that limits have cut below their supplier's minimum.
pub(super) fn drop_below_minimum(inputs: &Inputs, lines: &mut [Line], held: &mut Vec<Held>) {
    for (key, order) in by_order(inputs, lines) {
        let Some(supplier) = inputs.suppliers.get(key.0 as usize) else { continue };
        if minima(supplier).any(|(measure, least)| total(inputs, lines, &order, measure) < least) {
            drop_order(lines, &order, held);
        }
    }
}

fn drop_order(lines: &mut [Line], order: &[usize], held: &mut Vec<Held>) {
    for idx in order {
        lines[*idx].quantity = 0;
        held.push(Held { position: lines[*idx].position, gate: Gate::BelowSupplierMinimum });
    }
}

/// Adds empty lines for positions that have enough, once.
fn join(
    inputs: &Inputs,
    may_join: &BTreeMap<(u32, u32), Vec<usize>>,
    key: (u32, u32),
    lines: &mut Vec<Line>,
    order: &mut Vec<usize>,
    joined: &mut bool,
) {
    if std::mem::replace(joined, true) {
        return;
    }
    for idx in may_join.get(&key).into_iter().flatten().copied() {
        let sources = &inputs.positions[idx].sources;
        let Some(source) = sources.iter().position(|it| it.origin == Origin::Supplier(key.0)) else { continue };
        let why = if sources.len() == 1 { SourceWhy::Only } else { SourceWhy::Priority };
        let reasons = vec![Reason::Source { origin: Origin::Supplier(key.0), of: sources.len() as u32, why }];
        order.push(lines.len());
        lines.push(Line { position: idx, source, quantity: 0, reasons });
    }
}

/// Days that a position lasts with so many pieces more.
fn lasts(position: &Position, quantity: u64) -> f64 {
    let have = position.free() as f64 + position.in_transit() as f64 + quantity as f64;
    have / position.demand.mean(0, 28).max(1e-9) * 28.0
}

/// Raises the line that would run out first by one multiple (or to its minimum), again and again, until `goal` is
/// reached; never beyond `most`, where there is one, nor beyond what the source gives.
fn raise(
    inputs: &Inputs,
    lines: &mut [Line],
    order: &[usize],
    measure: Measure,
    goal: u128,
    most: Option<u128>,
    why: Together,
) {
    let before: Vec<u64> = order.iter().map(|it| lines[*it].quantity).collect();
    // Days as ordered bits: they are finite, and below 0 only where pieces are owed.
    let key = |line: &Line| (lasts(&inputs.positions[line.position], line.quantity).max(0.0)).to_bits();
    let mut heap: BinaryHeap<Reverse<(u64, usize)>> = order.iter().map(|it| Reverse((key(&lines[*it]), *it))).collect();
    let mut now = total(inputs, lines, order, measure);
    while now < goal {
        let Some(Reverse((_, idx))) = heap.pop() else { break };
        let position = &inputs.positions[lines[idx].position];
        if position.demand.mean(0, 28) <= 0.0 {
            continue; // what nobody asks for fills no truck
        }
        let source = &position.sources[lines[idx].source];
        let to = source.lot.round_up(lines[idx].quantity + 1, |_, _, _| {});
        let after = now - measure.of(inputs, &lines[idx], lines[idx].quantity) + measure.of(inputs, &lines[idx], to);
        if source.capacity.is_some_and(|it| to > it) || most.is_some_and(|it| after > it) {
            continue; // no further with this one
        }
        lines[idx].quantity = to;
        now = after;
        heap.push(Reverse((key(&lines[idx]), idx)));
    }
    for (idx, from) in order.iter().zip(before) {
        let to = lines[*idx].quantity;
        if to != from {
            lines[*idx].reasons.push(Reason::Joint { why, from, to });
        }
    }
}
