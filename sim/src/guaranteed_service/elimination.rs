//! The least cost of a field, exactly, by taking one variable out after the other.
//!
//! Taking a variable out leaves a table over its neighbours, so the work is that of the largest neighbourhoods:
//! a few labels to the power of a few neighbours is quick, more is hopeless. [`Order::plan`] says beforehand.

use super::field::{Field, lesser, table_of};
use std::collections::BTreeSet;
use std::rc::Rc;

/// Tables of at most so many numbers altogether are kept.
const CELLS_MAX: f64 = 3e7;

/// In which order to take the variables out, and what that costs.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// Variables with their neighbours at that time.
    steps: Vec<(usize, Vec<usize>)>,
    /// Cells to look at.
    pub(super) work: f64,
}

impl Order {
    /// The order that always takes the variable with the smallest table next. `None` where the work exceeds `work_max`.
    pub(super) fn plan(field: &Field, work_max: f64) -> Option<Self> {
        let n = field.variables.len();
        let mut neighbours: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); n];
        for edge in &field.edges {
            neighbours[edge.a].insert(edge.b);
            neighbours[edge.b].insert(edge.a);
        }
        let labels: Vec<f64> = field.variables.iter().map(|variable| variable.values.len() as f64).collect();
        let weigh = |neighbours: &BTreeSet<usize>| neighbours.iter().map(|other| labels[*other].ln()).sum::<f64>();
        let mut weights: Vec<f64> = neighbours.iter().map(weigh).collect();
        let mut left: Vec<usize> = (0..n).collect();
        let (mut work, mut cells) = (0.0, 0.0);
        let mut steps = Vec::with_capacity(n);
        while let Some(at) = (0..left.len()).min_by(|x, y| weights[left[*x]].total_cmp(&weights[left[*y]])) {
            let variable = left.swap_remove(at);
            let table = weights[variable].exp();
            cells += table;
            work += table * labels[variable] * (1 + neighbours[variable].len() / 3) as f64;
            if work > work_max || cells > CELLS_MAX {
                return None;
            }
            let around = core::mem::take(&mut neighbours[variable]);
            for one in &around {
                neighbours[*one].remove(&variable);
                for other in &around {
                    if other != one {
                        neighbours[*one].insert(*other);
                    }
                }
            }
            for one in &around {
                weights[*one] = weigh(&neighbours[*one]);
            }
            steps.push((variable, around.into_iter().collect()));
        }
        Some(Self { steps, work })
    }
}

struct Table {
    /// The variable that is taken out last comes first.
    scope: Vec<usize>,
    cells: Rc<[f64]>,
}

/// The least cost and an assignment that has it.
pub(super) fn eliminate(field: &Field, order: &Order) -> (f64, Vec<usize>) {
    let n = field.variables.len();
    let sizes: Vec<usize> = field.variables.iter().map(|variable| variable.values.len()).collect();
    let mut turn = vec![0; n];
    for (at, (variable, _)) in order.steps.iter().enumerate() {
        turn[*variable] = at;
    }
    let mut waiting: Vec<Vec<Table>> = (0..n).map(|_| Vec::new()).collect();
    for edge in &field.edges {
        let cells = table_of(edge, &field.variables);
        let (scope, cells) = if turn[edge.a] > turn[edge.b] {
            (vec![edge.a, edge.b], cells)
        } else {
            let (n_a, n_b) = (sizes[edge.a], sizes[edge.b]);
            let turned = (0..n_b).flat_map(|b| (0..n_a).map(move |a| a * n_b + b)).map(|at| cells[at]).collect();
            (vec![edge.b, edge.a], turned)
        };
        waiting[turn[edge.a].min(turn[edge.b])].push(Table { scope, cells });
    }
    let mut least = field.constant;
    let mut done: Vec<(Vec<usize>, Vec<Table>)> = Vec::with_capacity(n);
    for (at, (variable, around)) in order.steps.iter().enumerate() {
        let mut scope = around.clone();
        scope.sort_unstable_by_key(|other| core::cmp::Reverse(turn[*other]));
        let tables = core::mem::take(&mut waiting[at]);
        let cells = take_out(&field.variables[*variable].cost, &scope, &tables, &sizes);
        if let Some(last) = scope.last() {
            waiting[turn[*last]].push(Table { scope: scope.clone(), cells: cells.into() });
        } else {
            least += cells[0];
        }
        done.push((scope, tables));
    }
    let mut labels = vec![0; n];
    for ((variable, _), (_, tables)) in order.steps.iter().zip(&done).rev() {
        let mut costs = field.variables[*variable].cost.clone();
        for table in tables {
            let (_, others) = table.scope.split_last().unwrap_or((&0, &[]));
            let row = others.iter().fold(0, |row, other| row * sizes[*other] + labels[*other]) * costs.len();
            for (cost, cell) in costs.iter_mut().zip(&table.cells[row..]) {
                *cost += cell;
            }
        }
        labels[*variable] = super::field::least_at(&costs);
    }
    (least, labels)
}

/// The least over a variable of its own cost and the tables it occurs in, for every assignment of `scope`.
fn take_out(own: &[f64], scope: &[usize], tables: &[Table], sizes: &[usize]) -> Vec<f64> {
    let n = own.len();
    let total: usize = scope.iter().map(|other| sizes[*other]).product();
    // For each table, how far one step of each variable in scope moves in it.
    let strides: Vec<Vec<usize>> = tables
        .iter()
        .map(|table| {
            let mut stride = n;
            let mut strides = vec![0; scope.len()];
            for other in table.scope.iter().rev().skip(1) {
                if let Some(at) = scope.iter().position(|it| it == other) {
                    strides[at] = stride;
                }
                stride *= sizes[*other];
            }
            strides
        })
        .collect();
    // Tables that the fastest variable of the scope does not occur in are added up once a round.
    let fastest = scope.len().wrapping_sub(1);
    let (moving, standing): (Vec<usize>, Vec<usize>) =
        (0..tables.len()).partition(|table| !scope.is_empty() && strides[*table][fastest] > 0);
    let mut out = Vec::with_capacity(total);
    let mut at = vec![0_usize; scope.len()];
    let mut rows = vec![0_usize; tables.len()];
    let mut base = vec![0.0; n];
    let mut sums = vec![0.0; n];
    let round = scope.last().map_or(1, |last| sizes[*last]);
    while out.len() < total {
        base.copy_from_slice(own);
        for table in &standing {
            add(&mut base, &tables[*table].cells[rows[*table]..]);
        }
        for step in 0..round {
            let least = match moving[..] {
                [] => base.iter().copied().fold(f64::INFINITY, lesser),
                [one] => {
                    let row = rows[one] + step * strides[one][fastest];
                    least_sum(&base, &tables[one].cells[row..row + n])
                }
                [ref more @ .., last] => {
                    sums.copy_from_slice(&base);
                    for table in more {
                        add(&mut sums, &tables[*table].cells[rows[*table] + step * strides[*table][fastest]..]);
                    }
                    let row = rows[last] + step * strides[last][fastest];
                    least_sum(&sums, &tables[last].cells[row..row + n])
                }
            };
            out.push(least);
        }
        // The next assignment of the slower variables.
        for slower in (0..fastest.min(scope.len())).rev() {
            at[slower] += 1;
            for (row, strides) in rows.iter_mut().zip(&strides) {
                *row += strides[slower];
            }
            if at[slower] < sizes[scope[slower]] {
                break;
            }
            for (row, strides) in rows.iter_mut().zip(&strides) {
                *row -= strides[slower] * at[slower];
            }
            at[slower] = 0;
        }
    }
    out
}

fn add(sums: &mut [f64], row: &[f64]) {
    for (sum, cell) in sums.iter_mut().zip(row) {
        *sum += cell;
    }
}

fn least_sum(a: &[f64], b: &[f64]) -> f64 {
    super::field::least_sum(a, b)
}
