//! The least cost of a field as far as the effort goes, and a bound on it.
//!
//! Parts that share nothing are solved one by one. A part small enough is eliminated. Of any other, the bound
//! and a good assignment together rule labels out, which may break it into smaller parts; what is then left
//! is divided, label by label, always where the bound is lowest.

use super::Effort;
use super::bound::Bound;
use super::elimination::{Order, eliminate};
use super::field::{Field, Pair, Undo, least_at};
use crate::rng::{Purpose, Stream};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) labels: Vec<usize>,
    pub(super) cost: f64,
    pub(super) bound: f64,
}

/// A part whose elimination takes at most this many cells is eliminated at once.
const CELLS_AT_ONCE: f64 = 3e6;

/// Bounds this close to the cost, relatively, are as good as equal.
const CLOSE: f64 = 1e-9;

/// Numbers kept for fields that wait to be divided; beyond that those nearest to done go first.
const WAITING_MAX: usize = 40_000_000;

/// The best assignment and bound for this effort, from a feasible one.
pub(super) fn minimise(field: &Field, start: Vec<usize>, effort: &Effort) -> Found {
    minimise_with(field, start, effort, Limits { at_once: CELLS_AT_ONCE, later: 0.8 })
}

/// How much may be eliminated.
#[derive(Clone, Copy)]
struct Limits {
    /// Cells, before anything else is tried.
    at_once: f64,
    /// The share of the cells that are left, after the bound.
    later: f64,
}

fn minimise_with(field: &Field, start: Vec<usize>, effort: &Effort, limits: Limits) -> Found {
    let random = Stream::new(effort.seed, 0, Purpose::SafetyStock, 0);
    let mut search = Search { effort, limits, spent: 0, stopped: false, random };
    search.solve(field, start, effort.cells)
}

/// [`minimise`] without eliminating more than a handful of labels, for tests of the rest.
#[cfg(test)]
pub(super) fn minimise_by_division(field: &Field, start: Vec<usize>, effort: &Effort) -> Found {
    minimise_with(field, start, effort, Limits { at_once: 4.0, later: 0.0 })
}

struct Search<'a> {
    effort: &'a Effort<'a>,
    limits: Limits,
    spent: u64,
    stopped: bool,
    random: Stream,
}

impl Search<'_> {
    fn spend(&mut self, cells: u64) {
        let before = self.spent >> 22;
        self.spent += cells;
        if self.spent >> 22 != before {
            self.stopped |= self.effort.stop.is_some_and(|stop| stop());
        }
    }

    fn over(&self, until: u64) -> bool {
        self.stopped || self.spent >= until
    }

    /// Solves a field part by part, with `until` cells spent at most.
    fn solve(&mut self, field: &Field, labels: Vec<usize>, until: u64) -> Found {
        let Some((condensed, undo)) = field.condense(field.all_labels()) else {
            let cost = field.cost(&labels);
            return Found { labels, cost, bound: cost };
        };
        let Some(mut inner) = undo.shrink(&labels) else {
            let cost = field.cost(&labels);
            return Found { labels, cost, bound: f64::NEG_INFINITY };
        };
        self.spend(undo.work);
        let mut bound = condensed.constant;
        let parts = condensed.parts();
        let mut weights: Vec<u64> = Vec::new();
        let mut fields: Vec<Field> = Vec::new();
        for part in &parts {
            let field = condensed.part(part, None);
            weights.push(Bound::new(&field).sweep_work);
            fields.push(field);
        }
        let mut order: Vec<usize> = (0..parts.len()).collect();
        order.sort_by_key(|part| weights[*part]);
        let mut left: u64 = weights.iter().sum();
        for at in order {
            let (part, field) = (&parts[at], &fields[at]);
            let share = until.saturating_sub(self.spent) as f64 * weights[at] as f64 / left.max(1) as f64;
            left -= weights[at];
            let own = part.iter().map(|variable| inner[*variable]).collect();
            let found = self.solve_part(field, own, self.spent + share as u64);
            bound += found.bound;
            for (variable, label) in part.iter().zip(found.labels) {
                inner[*variable] = label;
            }
        }
        let labels = undo.expand(&inner);
        let cost = field.cost(&labels);
        Found { labels, cost, bound: bound.min(cost) }
    }

    /// Solves a field of one part.
    fn solve_part(&mut self, field: &Field, labels: Vec<usize>, until: u64) -> Found {
        if let Some(order) = Order::plan(field, self.limits.at_once) {
            return self.eliminated(field, &order);
        }
        let mut field = field.clone();
        let mut best = Best { cost: field.cost(&labels), labels };
        let mut bound = Bound::new(&field);
        let n_labels: usize = field.variables.iter().map(|variable| variable.values.len()).sum();
        let began = self.spent;
        let allowed = until.saturating_sub(began);
        let mut radius = 8;
        let mut stale = 0;
        let mut checked = 0;
        for round in 0_u32.. {
            let before = bound.value;
            for _ in 0..5 {
                bound.sweep(&mut field, true, Some(best.limit()));
                bound.sweep(&mut field, false, Some(best.limit()));
                self.spend(2 * bound.sweep_work);
            }
            best.offer(&field, bound.read(&field));
            let sweeps_work = 10 * bound.sweep_work;
            self.improve(&field, &mut best, &mut radius, sweeps_work.min(allowed / 10));
            if best.cost - bound.value <= CLOSE * best.cost {
                break;
            }
            // Fewer labels: begin again with what is left of them.
            if bound.n_dead > checked + n_labels / 20 {
                checked = bound.n_dead;
                let found = self.solve_alive(&field, &bound, &best, until);
                if let Some(found) = found {
                    return found;
                }
            }
            let raised = bound.value - before;
            stale = if raised < 0.003 * (best.cost - bound.value) { stale + 1 } else { 0 };
            if stale >= 3 || self.over(began + allowed / 3) && round > 0 || self.over(until) {
                break;
            }
        }
        let found =
            |best: Best, bound: f64| Found { bound: bound.min(best.cost), cost: best.cost, labels: best.labels };
        if best.cost - bound.value <= CLOSE * best.cost {
            return found(best, bound.value);
        }
        if let Some(order) = Order::plan(&field, until.saturating_sub(self.spent) as f64 * self.limits.later) {
            return self.eliminated(&field, &order);
        }
        let bounded = self.divide(field, bound, &mut best, until);
        found(best, bounded)
    }

    fn eliminated(&mut self, field: &Field, order: &Order) -> Found {
        self.spend(order.work as u64);
        let (cost, labels) = eliminate(field, order);
        Found { labels, cost, bound: cost }
    }

    /// Solves what the bound has left of a field, where that is less or falls apart.
    fn solve_alive(&mut self, field: &Field, bound: &Bound, best: &Best, until: u64) -> Option<Found> {
        let (condensed, undo) = field.condense(alive(&bound.dead))?;
        self.spend(undo.work);
        let labels = undo.shrink(&best.labels)?;
        let found = self.solve(&condensed, labels, until);
        let labels = undo.expand(&found.labels);
        let cost = field.cost(&labels);
        // Labels that were ruled out cost more than the limit.
        Some(Found { labels, cost, bound: found.bound.min(best.cost).min(cost) })
    }

    /// Divides the field where the bound is lowest until the effort is spent, and gives the bound.
    fn divide(&mut self, field: Field, bound: Bound, best: &mut Best, until: u64) -> f64 {
        let root = field.clone();
        let mut waiting: BTreeMap<(u64, u64), Open> = BTreeMap::new();
        let mut held = 0;
        let mut serial = 0_u64;
        let mut radius = 8;
        let key = |value: f64, serial: u64| (ordered(value), serial);
        let first = Open { field, bound: bound.value, lineage: None };
        held += first.field.size();
        waiting.insert(key(first.bound, serial), first);
        // The least bound of what was closed without being solved better than the best.
        while !self.over(until) {
            let next = if held > WAITING_MAX { waiting.pop_last() } else { waiting.pop_first() };
            let Some((_, open)) = next else { break };
            held -= open.field.size();
            if open.bound >= best.cost * (1.0 - CLOSE) {
                continue;
            }
            let children = self.branch(&open);
            for keep in children {
                if self.over(until) {
                    // Not looked at: its bound is that of its parent.
                    serial += 1;
                    let again = Open { field: open.field.clone(), ..open.clone() };
                    held += again.field.size();
                    waiting.insert(key(again.bound, serial), again);
                    break;
                }
                if let Some(child) = self.refine(&open, keep, best, &root) {
                    serial += 1;
                    held += child.field.size();
                    waiting.insert(key(child.bound, serial), child);
                }
            }
            self.improve(&root, best, &mut radius, bound.sweep_work);
        }
        let open = waiting.values().map(|open| open.bound).fold(f64::INFINITY, f64::min);
        // Whatever was closed is no better than the best but for rounding.
        open.min(best.cost * (1.0 - CLOSE)).max(bound.value)
    }

    /// The labels of the children of an open field.
    fn branch(&mut self, open: &Open) -> Vec<Vec<Vec<u32>>> {
        let field = &open.field;
        let mut bound = Bound::new(field);
        let labels = bound.read(field);
        let incident = field.incident();
        let mut totals = Vec::new();
        let mut excess = vec![0.0; labels.len()];
        let mut favourite = vec![0; labels.len()];
        for (variable, label) in labels.iter().enumerate() {
            let totals = Bound::totals(field, &incident[variable], variable, &mut totals);
            favourite[variable] = least_at(totals);
            excess[variable] += totals[*label] - totals[favourite[variable]];
        }
        for edge in &field.edges {
            let (a, b) = (labels[edge.a], labels[edge.b]);
            let here = edge.at(&field.variables, a, b) - edge.to_a[a] - edge.to_b[b];
            let mut least = here;
            for (x, to_a) in edge.to_a.iter().enumerate() {
                least = least.min(edge.at(&field.variables, x, b) - to_a - edge.to_b[b]);
            }
            for (x, to_b) in edge.to_b.iter().enumerate() {
                least = least.min(edge.at(&field.variables, a, x) - edge.to_a[a] - to_b);
            }
            let extra = if here.is_finite() { here - least } else { 0.0 };
            excess[edge.a] += extra;
            excess[edge.b] += extra;
        }
        self.spend(bound.sweep_work);
        let mut candidates: Vec<usize> = (0..labels.len()).filter(|at| field.variables[*at].values.len() > 1).collect();
        candidates.sort_by(|x, y| excess[*y].total_cmp(&excess[*x]).then(x.cmp(y)));
        candidates.truncate(4);
        let mut best: Option<(f64, Vec<Vec<Vec<u32>>>)> = None;
        for variable in candidates {
            let children = divided(field, variable, labels[variable], favourite[variable]);
            let mut score = 1.0;
            for keep in &children {
                let gain = match field.condense(keep.clone()) {
                    None => f64::INFINITY,
                    Some((mut child, _)) => {
                        let mut bound = Bound::new(&child);
                        bound.sweep(&mut child, true, None);
                        bound.sweep(&mut child, false, None);
                        self.spend(2 * bound.sweep_work);
                        bound.value - open.bound
                    }
                };
                score *= gain.max(1e-9 * open.bound.abs()).min(1e9 * open.bound.abs().max(1.0));
            }
            // Three children count as two.
            let score = score.powf(1.0 / children.len() as f64);
            if best.as_ref().is_none_or(|(most, _)| score > *most) {
                best = Some((score, children));
            }
        }
        // A field in which every variable is decided is settled, not branched.
        best.map_or_else(|| vec![field.all_labels()], |(_, children)| children)
    }

    /// A child, bounded; `None` where nothing in it is better than the best.
    fn refine(&mut self, parent: &Open, keep: Vec<Vec<u32>>, best: &mut Best, root: &Field) -> Option<Open> {
        let (mut field, undo) = parent.field.condense(keep)?;
        self.spend(undo.work);
        let mut lineage = Rc::new(Lineage { undo, parent: parent.lineage.clone() });
        let mut value = parent.bound;
        for _ in 0..3 {
            if self.settle(&field, &lineage, best, root) {
                return None;
            }
            let mut bound = Bound::new(&field);
            let mut before = f64::NEG_INFINITY;
            for _ in 0..8 {
                bound.sweep(&mut field, true, Some(best.limit()));
                bound.sweep(&mut field, false, Some(best.limit()));
                self.spend(2 * bound.sweep_work);
                if bound.value >= best.cost * (1.0 - CLOSE) {
                    return None;
                }
                if bound.value - before < 0.02 * (best.cost - bound.value) {
                    break;
                }
                before = bound.value;
            }
            best.offer(root, lineage.expand(bound.read(&field)));
            value = value.max(bound.value);
            if bound.n_dead == 0 {
                break;
            }
            let (smaller, undo) = field.condense(alive(&bound.dead))?;
            field = smaller;
            lineage = Rc::new(Lineage { undo, parent: Some(lineage) });
        }
        let settled = self.settle(&field, &lineage, best, root);
        (!settled).then_some(Open { field, bound: value, lineage: Some(lineage) })
    }

    /// Eliminates a field that is small enough; true when done.
    fn settle(&mut self, field: &Field, lineage: &Lineage, best: &mut Best, root: &Field) -> bool {
        let Some(order) = Order::plan(field, self.limits.at_once) else { return false };
        self.spend(order.work as u64);
        let (cost, labels) = eliminate(field, &order);
        if cost < best.cost {
            best.offer(root, lineage.expand(labels));
        }
        true
    }

    /// Betters an assignment by solving neighbourhoods of it exactly.
    fn improve(&mut self, field: &Field, best: &mut Best, radius: &mut usize, cells: u64) {
        let incident = field.incident();
        let until = self.spent + cells;
        let n = field.variables.len();
        let mut inside = vec![false; n];
        while self.spent < until && !self.stopped {
            let mut members = vec![self.random.below(n as u32) as usize];
            inside[members[0]] = true;
            let mut tries = 0;
            while members.len() < (*radius).min(n) && tries < 4 * *radius {
                tries += 1;
                let from = members[self.random.below(members.len() as u32) as usize];
                if incident[from].is_empty() {
                    break;
                }
                let edge = incident[from][self.random.below(incident[from].len() as u32) as usize];
                let other = field.edges[edge].other(from);
                if !inside[other] {
                    inside[other] = true;
                    members.push(other);
                }
            }
            for member in &members {
                inside[*member] = false;
            }
            members.sort_unstable();
            let own: usize = members.iter().map(|member| 40 * incident[*member].len() + 200).sum();
            self.spend(own as u64 + field.edges.len() as u64);
            let mut around = field.part(&members, Some(&best.labels));
            around.constant = 0.0;
            let Some((condensed, undo)) = around.condense(around.all_labels()) else { continue };
            let Some(order) = Order::plan(&condensed, 2e6) else {
                *radius = (*radius - 1).max(2);
                continue;
            };
            self.spend(undo.work + order.work as u64);
            let (_, labels) = eliminate(&condensed, &order);
            let labels = undo.expand(&labels);
            let mut changed = best.labels.clone();
            for (member, label) in members.iter().zip(&labels) {
                changed[*member] = *label;
            }
            let cost = field.cost(&changed);
            if cost <= best.cost {
                *best = Best { cost, labels: changed };
            }
            if order.work < 5e5 && self.random.chance(0.2) {
                *radius = (*radius + 1).min(n).min(400);
            }
        }
    }
}

/// The best assignment so far.
struct Best {
    cost: f64,
    labels: Vec<usize>,
}

impl Best {
    /// Labels whose bound exceeds this are of no use.
    fn limit(&self) -> f64 {
        self.cost * (1.0 + CLOSE)
    }

    fn offer(&mut self, field: &Field, mut labels: Vec<usize>) {
        repair(field, &mut labels);
        let cost = field.cost(&labels);
        if cost < self.cost {
            *self = Self { cost, labels };
        }
    }
}

/// Lowers what is out of order.
fn repair(field: &Field, labels: &mut [usize]) {
    for _ in 0..20 {
        let mut changed = false;
        for edge in &field.edges {
            if !matches!(edge.cost, Pair::Order) {
                continue;
            }
            let highest = field.variables[edge.b].values[labels[edge.b]];
            let values = &field.variables[edge.a].values;
            if values[labels[edge.a]] > highest {
                labels[edge.a] = values.partition_point(|value| *value <= highest).saturating_sub(1);
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

/// A field that is not decided yet.
#[derive(Clone)]
struct Open {
    field: Field,
    bound: f64,
    lineage: Option<Rc<Lineage>>,
}

/// What a field was made from.
struct Lineage {
    undo: Undo,
    parent: Option<Rc<Lineage>>,
}

impl Lineage {
    /// The assignment of the first field of the line.
    fn expand(&self, labels: Vec<usize>) -> Vec<usize> {
        let mut labels = self.undo.expand(&labels);
        let mut next = &self.parent;
        while let Some(lineage) = next {
            labels = lineage.undo.expand(&labels);
            next = &lineage.parent;
        }
        labels
    }
}

/// A number whose order is that of the value.
fn ordered(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn alive(dead: &[Vec<bool>]) -> Vec<Vec<u32>> {
    dead.iter().map(|dead| (0..dead.len() as u32).filter(|label| !dead[*label as usize]).collect()).collect()
}

/// The field's labels, with those of a variable divided between two that different sides want, or around one.
fn divided(field: &Field, variable: usize, one: usize, other: usize) -> Vec<Vec<Vec<u32>>> {
    let n = field.variables[variable].values.len();
    let cuts = if one == other {
        vec![0..one, one..one + 1, one + 1..n]
    } else {
        let middle = (one + other).div_ceil(2);
        vec![0..middle, middle..n]
    };
    cuts.into_iter()
        .filter(|cut| !cut.is_empty())
        .map(|cut| {
            let mut keep = field.all_labels();
            keep[variable] = (cut.start as u32..cut.end as u32).collect();
            keep
        })
        .collect()
}
