//! Limits on many orders together: pieces that are worth the least go first.

use super::lot::price;
use super::need::{horizon, requirement};
use super::plan::{Line, cost_minor};
use super::position::Inputs;
use super::projection::Projector;
use super::reason::{Limit, Reason};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Pieces.
    Pieces,
    /// Minor units paid.
    Money,
    /// Load of the supplier's trucks.
    Load,
}

impl Measure {
    pub(super) fn of(self, inputs: &Inputs, line: &Line, quantity: u64) -> u128 {
        match self {
            Self::Pieces => u128::from(quantity),
            Self::Money => cost_minor(inputs, line, quantity),
            Self::Load => u128::from(quantity) * u128::from(inputs.positions[line.position].load_per_piece.max(1)),
        }
    }
}

/// A step by which a line can be cut: what its pieces are worth for each unit of what is scarce.
struct Step {
    worth: f64,
    line: usize,
    to: u64,
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Step {}
impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Step {
    fn cmp(&self, other: &Self) -> Ordering {
        self.worth.total_cmp(&other.worth).then(self.line.cmp(&other.line))
    }
}

/// Parts in which a line is cut.
const PARTS: u64 = 16;

/// Cuts the lines of `scope` until they are within `limit` together. Lines are cut from the end, in steps of whole
/// multiples, those whose last pieces avert the least cost of shortage for what they take first; a line that falls
/// below its minimum goes as a whole. Ties go by the order of lines.
pub(super) fn cut(
    projector: &mut Projector,
    inputs: &Inputs,
    lines: &mut [Line],
    scope: &[usize],
    limit: u128,
    measure: Measure,
    name: Limit,
) {
    let mut total: u128 = scope.iter().map(|it| measure.of(inputs, &lines[*it], lines[*it].quantity)).sum();
    if total <= limit {
        return;
    }
    let before: Vec<u64> = scope.iter().map(|it| lines[*it].quantity).collect();
    let mut heap: BinaryHeap<Reverse<Step>> =
        scope.iter().filter_map(|it| step(projector, inputs, lines, *it, measure)).collect();
    while total > limit {
        let Some(Reverse(Step { line, to, .. })) = heap.pop() else { break };
        total -= measure.of(inputs, &lines[line], lines[line].quantity);
        lines[line].quantity = to;
        total += measure.of(inputs, &lines[line], to);
        heap.extend(step(projector, inputs, lines, line, measure));
    }
    for (line, from) in scope.iter().zip(before) {
        let to = lines[*line].quantity;
        if to != from {
            lines[*line].reasons.push(Reason::Cut { limit: name, from, to });
        }
    }
}

/// The next step of a line, if anything is left of it.
fn step(
    projector: &mut Projector,
    inputs: &Inputs,
    lines: &[Line],
    idx: usize,
    measure: Measure,
) -> Option<Reverse<Step>> {
    let line = &lines[idx];
    if line.quantity == 0 {
        return None;
    }
    let position = &inputs.positions[line.position];
    let source = &position.sources[line.source];
    let multiple = source.lot.multiple.max(1);
    let part = (line.quantity / PARTS / multiple * multiple).max(multiple);
    let to = source.lot.round_down(line.quantity.saturating_sub(part));
    let horizon = horizon(position, inputs.today);
    let requirement = requirement(projector, position, &horizon);
    let averted = position.target.shortage_minor * (requirement.short(to) - requirement.short(line.quantity));
    let saved = measure.of(inputs, line, line.quantity).saturating_sub(measure.of(inputs, line, to));
    // Equal worth, as of pieces far beyond the need: the dearer goes first.
    let nudge = 1e-12 * price(&source.prices, line.quantity) as f64;
    Some(Reverse(Step { worth: averted / (saved as f64).max(1e-9) - nudge, line: idx, to }))
}
