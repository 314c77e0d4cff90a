//! A lower bound on the least cost of a field: sequential tree-reweighted messages (Kolmogorov 2006).
//!
//! The field is covered with chains of ascending variables whose costs add up to the field's. Each chain's least
//! cost is easy, and their sum is a lower bound. Moving cost between the chains raises it; one sweep over the
//! variables, in either direction, never lowers it. What was moved is kept in the edges.

use super::field::{Field, least_at};

/// A bound in the making.
pub(super) struct Bound {
    incident: Vec<Vec<usize>>,
    /// The best bound so far.
    pub(super) value: f64,
    /// Cells that one sweep looks at.
    pub(super) sweep_work: u64,
    totals: Vec<f64>,
    costs: Vec<f64>,
    out: Vec<f64>,
    /// Labels that no assignment better than the limit has, of the last sweep with a limit.
    pub(super) dead: Vec<Vec<bool>>,
    pub(super) n_dead: usize,
}

impl Bound {
    pub(super) fn new(field: &Field) -> Self {
        let pairs: usize = field.edges.iter().map(|edge| 2 * edge.work(&field.variables) + 60).sum();
        let own: usize = field.variables.iter().map(|variable| variable.values.len() + 20).sum();
        Self {
            incident: field.incident(),
            value: f64::NEG_INFINITY,
            sweep_work: (pairs / 2 + own) as u64,
            totals: Vec::new(),
            costs: Vec::new(),
            out: Vec::new(),
            dead: field.variables.iter().map(|variable| vec![false; variable.values.len()]).collect(),
            n_dead: 0,
        }
    }

    /// The cost of each label of a variable, with what was moved to it.
    pub(super) fn totals<'a>(
        field: &Field,
        incident: &[usize],
        variable: usize,
        totals: &'a mut Vec<f64>,
    ) -> &'a [f64] {
        totals.clear();
        totals.extend_from_slice(&field.variables[variable].cost);
        for edge in incident {
            for (total, moved) in totals.iter_mut().zip(field.edges[*edge].moved_to(variable)) {
                *total += moved;
            }
        }
        totals
    }

    /// One sweep. With a limit, labels that cannot be part of anything cheaper than the limit are marked dead.
    pub(super) fn sweep(&mut self, field: &mut Field, forward: bool, limit: Option<f64>) -> f64 {
        let n = field.variables.len();
        let slack = limit.filter(|_| self.value.is_finite()).map(|limit| limit - self.value);
        let mut bound = field.constant;
        let Self { incident, totals, costs, out, dead, n_dead, .. } = self;
        for turn in 0..n {
            let variable = if forward { turn } else { n - 1 - turn };
            Self::totals(field, &incident[variable], variable, totals);
            let least = totals[least_at(totals)];
            if let Some(slack) = slack {
                for (dead, total) in dead[variable].iter_mut().zip(totals.iter()) {
                    if !*dead && total - least > slack {
                        *dead = true;
                        *n_dead += 1;
                    }
                }
            }
            let ahead = |edge: usize| (field.edges[edge].other(variable) > variable) == forward;
            let n_ahead = incident[variable].iter().filter(|edge| ahead(**edge)).count();
            let n_chains = n_ahead.max(incident[variable].len() - n_ahead);
            if n_chains == 0 {
                bound += least;
                continue;
            }
            let share = 1.0 / n_chains as f64;
            bound += (n_chains - n_ahead) as f64 * share * least;
            for at in &incident[variable] {
                let edge = &field.edges[*at];
                let other = edge.other(variable);
                if (other > variable) != forward {
                    continue;
                }
                costs.clear();
                costs.extend(
                    totals
                        .iter()
                        .zip(edge.moved_to(variable))
                        .map(|(total, moved)| if total.is_finite() { total * share - moved } else { f64::INFINITY }),
                );
                edge.carry(&field.variables, variable, costs, out);
                let shift = out[least_at(out)];
                bound += shift;
                let edge = &mut field.edges[*at];
                let moved = if edge.a == other { &mut edge.to_a } else { &mut edge.to_b };
                for (moved, out) in moved.iter_mut().zip(out.iter()) {
                    *moved = out - shift;
                }
            }
        }
        if bound > self.value {
            self.value = bound;
        }
        bound
    }

    /// An assignment read off the messages, variable by variable. It may break an order.
    pub(super) fn read(&mut self, field: &Field) -> Vec<usize> {
        let mut labels = vec![0; field.variables.len()];
        for variable in 0..labels.len() {
            let totals = &mut self.totals;
            totals.clear();
            totals.extend_from_slice(&field.variables[variable].cost);
            for at in &self.incident[variable] {
                let edge = &field.edges[*at];
                let other = edge.other(variable);
                if other > variable {
                    for (total, moved) in totals.iter_mut().zip(edge.moved_to(variable)) {
                        *total += moved;
                    }
                } else {
                    for (label, total) in totals.iter_mut().enumerate() {
                        let (a, b) = if edge.a == variable { (label, labels[other]) } else { (labels[other], label) };
                        *total += edge.at(&field.variables, a, b);
                    }
                }
            }
            labels[variable] = least_at(totals);
        }
        labels
    }
}
