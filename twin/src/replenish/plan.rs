//! A planning run: from positions to proposals.

use super::ReplenishError;
use super::cut::{Measure, cut};
use super::lot::price;
use super::need::{Need, facts, horizon, in_parts, look, most_before_spoilt, requirement};
use super::position::{Inputs, Mode, Origin, Position};
use super::projection::Projector;
use super::purchase::purchases;
use super::reason::{Gate, Limit, Reason};
use super::together::{drop_below_minimum, fill_up};
use super::transfer::transfers;
use std::collections::BTreeMap;

/// An order on its way to being proposed.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Index of the position.
    pub(super) position: usize,
    /// Index of its source.
    pub(super) source: usize,
    /// Pieces.
    pub(super) quantity: u64,
    /// What was done so far.
    pub(super) reasons: Vec<Reason>,
}

/// What to order, move or ask for approval.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Index of the position in the inputs.
    pub position: usize,
    /// Its site.
    pub site: u32,
    /// Its SKU.
    pub sku: u32,
    /// Where it comes from.
    pub origin: Origin,
    /// Pieces.
    pub quantity: u64,
    /// The last day on which it should come, days since 1970-01-01.
    pub due_day: u32,
    /// What may be done with it.
    pub mode: Mode,
    /// What it costs, minor units.
    pub cost_minor: u64,
    /// Why it is as it is, in the order in which it came about.
    pub reasons: Vec<Reason>,
}

/// A position that wanted to order and may not, or could not be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// Index of the position in the inputs.
    pub position: usize,
    /// Why.
    pub gate: Gate,
}

/// The outcome of a planning run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// By SKU, site and origin.
    pub proposals: Vec<Proposal>,
    /// By SKU and site; those that have enough are not listed.
    pub held: Vec<Held>,
}

pub(super) fn cost_minor(inputs: &Inputs, line: &Line, quantity: u64) -> u128 {
    let source = &inputs.positions[line.position].sources[line.source];
    if quantity == 0 {
        return 0;
    }
    u128::from(price(&source.prices, quantity)) * u128::from(quantity) + u128::from(source.order_cost_minor)
}

/// The place in `group` (positions of one SKU by site) of a site.
pub(super) fn site_in(positions: &[Position], group: &[usize], site: u32) -> Option<usize> {
    group.binary_search_by_key(&site, |idx| positions[*idx].site).ok()
}

fn check(inputs: &Inputs, order: &[usize]) -> Result<(), ReplenishError> {
    let positions = &inputs.positions;
    for pair in order.windows(2) {
        let (a, b) = (&positions[pair[0]], &positions[pair[1]]);
        if (a.sku, a.site) == (b.sku, b.site) {
            return Err(ReplenishError::Twice { site: a.site, sku: a.sku });
        }
    }
    for position in positions {
        for source in &position.sources {
            let known = match source.origin {
                Origin::Supplier(supplier) => (supplier as usize) < inputs.suppliers.len(),
                Origin::Warehouse(site) | Origin::Neighbour(site) => site != position.site,
            };
            if !known {
                return Err(ReplenishError::Origin { site: position.site, sku: position.sku, origin: source.origin });
            }
        }
        let end = horizon(position, inputs.today);
        let (lead, mean) = (end.lead_days, position.demand.mean(0, end.lead_days.min(400) + end.cover_days));
        if !((0.0..1e12).contains(&mean) && lead <= 3_650) {
            return Err(ReplenishError::Demand { site: position.site, sku: position.sku, mean, lead_days: lead });
        }
    }
    Ok(())
}

/// Plans all positions. The same inputs give the same plan whatever the number of threads, and the order of
/// positions changes only their indices.
///
/// Steps: each position by itself (gate, horizon, target, need); transfers, where what is short is divided by
/// priority; purchases with lots, prices and rounding; minima and trucks of suppliers; limits of suppliers, sites
/// and budget, in this order, each cutting the pieces that are worth least; last, what is below a minimum is left.
/// Before the limits, no order is left larger than what will be sold before it spoils.
pub fn plan(inputs: &Inputs, threads: usize) -> Result<Plan, ReplenishError> {
    let positions = &inputs.positions;
    let mut order: Vec<usize> = (0..positions.len()).collect();
    order.sort_unstable_by_key(|idx| (positions[*idx].sku, positions[*idx].site));
    check(inputs, &order)?;
    let groups: Vec<&[usize]> = order.chunk_by(|a, b| positions[*a].sku == positions[*b].sku).collect();
    let gives = givers(positions, &groups);

    let needs: Vec<Need> = in_parts(positions.len(), threads, |part| {
        let mut projector = Projector::default();
        part.map(|idx| look(&mut projector, inputs, &positions[idx], gives[idx])).collect()
    });
    let mut missing: Vec<i64> = needs.iter().map(|it| it.missing).collect();

    let mut lines = Vec::new();
    for group in &groups {
        if group.iter().any(|idx| needs[*idx].gate.is_none()) {
            lines.extend(transfers(inputs, &needs, group, &mut missing));
        }
    }
    let mut moved = vec![false; positions.len()];
    for line in &lines {
        moved[line.position] = true;
    }
    let wants: Vec<usize> = order.iter().copied().filter(|idx| needs[*idx].gate.is_none()).collect();
    lines.extend(in_parts(wants.len(), threads, |part| {
        part.map(|i| wants[i])
            .filter(|idx| missing[*idx] > 0)
            .flat_map(|idx| purchases(inputs, idx, missing[idx], moved[idx]))
            .collect()
    }));

    let mut held: Vec<Held> = Vec::new();
    for idx in &order {
        if let Some(gate) = needs[*idx].gate.filter(|gate| *gate != Gate::Enough) {
            held.push(Held { position: *idx, gate });
        }
    }
    let mut served = vec![false; positions.len()];
    for line in &lines {
        served[line.position] = true;
    }
    held.extend(wants.iter().filter(|idx| !served[**idx]).map(|idx| Held { position: *idx, gate: Gate::SourcesEmpty }));

    let mut projector = Projector::default();
    fill_up(&mut projector, inputs, &needs, &order, &mut lines, &mut held);
    spoils(&mut projector, inputs, &mut lines, &mut held);
    limits(&mut projector, inputs, &mut lines, &mut held);
    drop_below_minimum(inputs, &mut lines, &mut held);
    lines.retain(|line| line.quantity > 0);
    lines.sort_by_key(|line| {
        let position = &positions[line.position];
        (position.sku, position.site, position.sources[line.source].origin, line.source)
    });
    held.sort_by_key(|it| (positions[it.position].sku, positions[it.position].site, it.gate));
    held.dedup();

    let mut ordered = vec![0_u64; positions.len()];
    for line in &lines {
        ordered[line.position] += line.quantity;
    }
    let proposals = in_parts(lines.len(), threads, |part| {
        let mut projector = Projector::default();
        part.map(|i| {
            propose(&mut projector, inputs, &lines[i], needs[lines[i].position].missing, ordered[lines[i].position])
        })
        .collect()
    });
    Ok(Plan { proposals, held })
}

/// True for positions that some position of the same SKU names as neighbour: they must know what they can spare.
fn givers(positions: &[Position], groups: &[&[usize]]) -> Vec<bool> {
    let mut gives = vec![false; positions.len()];
    for group in groups {
        for idx in *group {
            for source in &positions[*idx].sources {
                if let Origin::Neighbour(site) = source.origin
                    && let Some(at) = site_in(positions, group, site)
                {
                    gives[group[at]] = true;
                }
            }
        }
    }
    gives
}

/// Cuts each position's lines, the last first, to what will be sold before it spoils.
fn spoils(projector: &mut Projector, inputs: &Inputs, lines: &mut [Line], held: &mut Vec<Held>) {
    let mut of_position: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (idx, line) in lines.iter().enumerate() {
        if line.quantity > 0 && inputs.positions[line.position].shelf_life_days.is_some() {
            of_position.entry(line.position).or_default().push(idx);
        }
    }
    for (at, of) in of_position {
        let position = &inputs.positions[at];
        let Some(most) = most_before_spoilt(projector, position, &horizon(position, inputs.today)) else { continue };
        let mut left = most;
        for idx in of {
            let line = &mut lines[idx];
            let from = line.quantity;
            let to = if from <= left { from } else { position.sources[line.source].lot.round_down(left) };
            left -= to;
            if to < from {
                line.quantity = to;
                line.reasons.push(Reason::Cut { limit: Limit::ShelfLife, from, to });
                if to == 0 {
                    held.push(Held { position: at, gate: Gate::WouldSpoil });
                }
            }
        }
    }
}

/// Cuts to what suppliers give, sites take in and the budget allows.
fn limits(projector: &mut Projector, inputs: &Inputs, lines: &mut [Line], held: &mut Vec<Held>) {
    let mut by_supplier: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    let mut by_site: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    let mut bought = Vec::new();
    for (idx, line) in lines.iter().enumerate() {
        let position = &inputs.positions[line.position];
        if let Origin::Supplier(supplier) = position.sources[line.source].origin {
            bought.push(idx);
            if inputs.suppliers[supplier as usize].capacity.is_some() {
                by_supplier.entry(supplier).or_default().push(idx);
            }
        }
        if inputs.site_capacity.get(position.site as usize).is_some_and(Option::is_some) {
            by_site.entry(position.site).or_default().push(idx);
        }
    }
    let mut apply = |scope: &[usize], limit: Option<u64>, measure: Measure, name: Limit, gate: Gate| {
        let Some(limit) = limit else { return };
        let there: Vec<usize> = scope.iter().copied().filter(|it| lines[*it].quantity > 0).collect();
        cut(projector, inputs, lines, &there, u128::from(limit), measure, name);
        let gone = there.into_iter().filter(|it| lines[*it].quantity == 0);
        held.extend(gone.map(|it| Held { position: lines[it].position, gate }));
    };
    for (supplier, scope) in &by_supplier {
        let limit = inputs.suppliers[*supplier as usize].capacity;
        apply(scope, limit, Measure::Pieces, Limit::Supplier, Gate::SourcesEmpty);
    }
    for (site, scope) in &by_site {
        apply(scope, inputs.site_capacity[*site as usize], Measure::Pieces, Limit::Site, Gate::SiteFull);
    }
    apply(&bought, inputs.budget_minor, Measure::Money, Limit::Budget, Gate::BudgetSpent);
}

fn propose(projector: &mut Projector, inputs: &Inputs, line: &Line, missing: i64, ordered: u64) -> Proposal {
    let position = &inputs.positions[line.position];
    let source = &position.sources[line.source];
    let mut reasons = facts(inputs, position, missing);
    reasons.extend_from_slice(&line.reasons);
    let requirement = requirement(projector, position, &horizon(position, inputs.today));
    let permille = |service: f64| libm::round((1.0 - service).clamp(0.0, 1.0) * 1_000.0) as u32;
    reasons.push(Reason::Risk {
        short_permille: permille(requirement.service(ordered)),
        without_permille: permille(requirement.service(0)),
        short_pieces: requirement.short(ordered),
    });
    Proposal {
        position: line.position,
        site: position.site,
        sku: position.sku,
        origin: source.origin,
        quantity: line.quantity,
        due_day: inputs.today + source.lead.longest(),
        mode: inputs.modes.of(position.site, position.class),
        cost_minor: u64::try_from(cost_minor(inputs, line, line.quantity)).unwrap_or(u64::MAX),
        reasons,
    }
}

#[cfg(test)]
mod tests;
