//! What is in the network already goes where it is missing, before more is bought.

use super::need::Need;
use super::plan::{Line, site_in};
use super::position::{Inputs, Origin};
use super::reason::{Reason, SourceWhy};
use crate::allocate::{Claim, allocate};

/// Transfers of one SKU, whose positions are `group` (indices, by site). `missing` is lowered by what is moved.
///
/// Round by round each position asks its next transfer source: a warehouse gives what it has free, a neighbour what
/// it can spare beyond its own target. What is short is divided by priority.
pub(super) fn transfers(inputs: &Inputs, needs: &[Need], group: &[usize], missing: &mut [i64]) -> Vec<Line> {
    let positions = &inputs.positions;
    let mut left: Vec<u64> = group.iter().map(|idx| positions[*idx].free().max(0) as u64).collect();
    let mut spare: Vec<u64> = group.iter().map(|idx| needs[*idx].missing.min(0).unsigned_abs()).collect();
    // Per asking position: its transfer sources in the order in which it asks them.
    let asked: Vec<Vec<usize>> = group
        .iter()
        .map(|idx| {
            let sources = &positions[*idx].sources;
            let mut order: Vec<usize> =
                (0..sources.len()).filter(|it| !matches!(sources[*it].origin, Origin::Supplier(_))).collect();
            order.sort_by_key(|it| (sources[*it].priority, sources[*it].origin));
            order
        })
        .collect();
    let rounds = asked.iter().map(Vec::len).max().unwrap_or(0);
    let mut lines = Vec::new();
    for round in 0..rounds {
        // (giver, asker, source, wanted), all but the last as places in `group` or in the sources.
        let mut claims: Vec<(usize, usize, usize, u64)> = Vec::new();
        for (asker, idx) in group.iter().enumerate() {
            if needs[*idx].gate.is_some() || missing[*idx] <= 0 {
                continue;
            }
            let Some(source_idx) = asked[asker].get(round).copied() else { continue };
            let source = &positions[*idx].sources[source_idx];
            let (Origin::Warehouse(site) | Origin::Neighbour(site)) = source.origin else { continue };
            let Some(giver) = site_in(positions, group, site).filter(|it| *it != asker) else { continue };
            let rounded = source.lot.round_up(missing[*idx] as u64, |_, _, _| {});
            let wanted = source.capacity.map_or(rounded, |most| source.lot.round_down(most.min(rounded)));
            if wanted > 0 {
                claims.push((giver, asker, source_idx, wanted));
            }
        }
        claims.sort_by_key(|(giver, asker, ..)| (*giver, *asker));
        for of_giver in claims.chunk_by(|a, b| a.0 == b.0) {
            let giver = of_giver[0].0;
            // Those for whom the giver is their warehouse come first, then its neighbours, who get what it can spare.
            for neighbours in [false, true] {
                let part: Vec<_> = of_giver
                    .iter()
                    .filter(|(_, asker, source, _)| {
                        let origin = positions[group[*asker]].sources[*source].origin;
                        matches!(origin, Origin::Neighbour(_)) == neighbours
                    })
                    .collect();
                let available = if neighbours { left[giver].min(spare[giver]) } else { left[giver] };
                let wanted: Vec<Claim> = part
                    .iter()
                    .map(|(_, asker, _, quantity)| Claim {
                        priority: positions[group[*asker]].priority,
                        quantity: *quantity,
                    })
                    .collect();
                for ((_, asker, source_idx, wanted), given) in part.iter().zip(allocate(available, &wanted)) {
                    let idx = group[*asker];
                    let position = &positions[idx];
                    let source = &position.sources[*source_idx];
                    let quantity = source.lot.round_down(given);
                    if quantity == 0 {
                        continue;
                    }
                    let needed = missing[idx] as u64;
                    left[giver] -= quantity;
                    spare[giver] = spare[giver].saturating_sub(quantity);
                    missing[idx] -= quantity as i64;
                    let why = if position.sources.len() == 1 {
                        SourceWhy::Only
                    } else if round > 0 {
                        SourceWhy::RestOfNeed
                    } else if position.sources.iter().any(|it| matches!(it.origin, Origin::Supplier(_))) {
                        SourceWhy::TransferFirst
                    } else {
                        SourceWhy::Priority
                    };
                    let mut reasons =
                        vec![Reason::Source { origin: source.origin, of: position.sources.len() as u32, why }];
                    source.lot.round_up(needed, |rule, from, to| reasons.push(Reason::Rounded { rule, from, to }));
                    if quantity < *wanted {
                        reasons.push(Reason::Shared { wanted: *wanted, given: quantity, priority: position.priority });
                    }
                    lines.push(Line { position: idx, source: *source_idx, quantity, reasons });
                }
            }
        }
    }
    lines
}
