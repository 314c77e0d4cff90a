//! A cost over many small decisions of which each pair has a cost of its own: what [`super::reduction`] makes of
//! a chain, and what elimination, bounds and search work on.

use std::collections::BTreeMap;
use std::rc::Rc;

/// Decisions and their costs. The cost of an assignment is the constant, the cost of every variable's label
/// and the cost of every edge's pair of labels.
#[derive(Clone, Debug, Default)]
pub(super) struct Field {
    pub(super) variables: Vec<Variable>,
    pub(super) edges: Vec<Edge>,
    pub(super) constant: f64,
}

/// One decision: a choice of one value, by its label (its index).
#[derive(Clone, Debug)]
pub(super) struct Variable {
    /// Ascending.
    pub(super) values: Vec<i32>,
    pub(super) cost: Vec<f64>,
}

/// What a pair of labels costs.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) a: usize,
    pub(super) b: usize,
    pub(super) cost: Pair,
    /// What the bound has moved from this edge to the labels of `a`. Not a part of the cost.
    pub(super) to_a: Vec<f64>,
    /// The same for `b`.
    pub(super) to_b: Vec<f64>,
}

/// The cost of a pair as a function of it.
#[derive(Clone, Debug)]
pub(super) enum Pair {
    /// Nothing where the value of `a` is at most that of `b`; such pairs only.
    Order,
    /// `table[zero + value of a - value of b]`.
    Difference { table: Rc<[f64]>, zero: i32 },
    /// `table[label of a * labels of b + label of b]`.
    Dense(Rc<[f64]>),
}

/// Pairs of at most so many labels are written out as a table.
const DENSE_MAX: usize = 1 << 16;

/// A variable with two neighbours is eliminated when that costs at most this much work.
const PAIR_WORK_MAX: usize = 1_000_000;

impl Edge {
    pub(super) fn new(a: usize, b: usize, cost: Pair, n_a: usize, n_b: usize) -> Self {
        Self { a, b, cost, to_a: vec![0.0; n_a], to_b: vec![0.0; n_b] }
    }

    pub(super) fn at(&self, variables: &[Variable], label_a: usize, label_b: usize) -> f64 {
        let (a, b) = (&variables[self.a], &variables[self.b]);
        match &self.cost {
            Pair::Order if a.values[label_a] <= b.values[label_b] => 0.0,
            Pair::Order => f64::INFINITY,
            Pair::Difference { table, zero } => table[(zero + a.values[label_a] - b.values[label_b]) as usize],
            Pair::Dense(table) => table[label_a * b.values.len() + label_b],
        }
    }

    /// The other end.
    pub(super) fn other(&self, end: usize) -> usize {
        if self.a == end { self.b } else { self.a }
    }

    /// What the bound has moved to the labels of this end.
    pub(super) fn moved_to(&self, end: usize) -> &[f64] {
        if self.a == end { &self.to_a } else { &self.to_b }
    }

    /// For every label of the other end, the least of `costs` of a label of `from` and the pair.
    pub(super) fn carry(&self, variables: &[Variable], from: usize, costs: &[f64], out: &mut Vec<f64>) {
        let (a, b) = (&variables[self.a].values, &variables[self.b].values);
        let forward = from == self.a;
        out.clear();
        out.resize(if forward { b.len() } else { a.len() }, f64::INFINITY);
        match &self.cost {
            Pair::Order if forward => {
                let (mut least, mut next) = (f64::INFINITY, 0);
                for (slot, value) in out.iter_mut().zip(b) {
                    while next < a.len() && a[next] <= *value {
                        least = lesser(least, costs[next]);
                        next += 1;
                    }
                    *slot = least;
                }
            }
            Pair::Order => {
                let (mut least, mut next) = (f64::INFINITY, b.len());
                for (slot, value) in out.iter_mut().zip(a).rev() {
                    while next > 0 && b[next - 1] >= *value {
                        next -= 1;
                        least = lesser(least, costs[next]);
                    }
                    *slot = least;
                }
            }
            Pair::Difference { table, zero } if forward => {
                for (slot, value) in out.iter_mut().zip(b) {
                    for (cost, other) in costs.iter().zip(a) {
                        *slot = lesser(*slot, cost + table[(zero + other - value) as usize]);
                    }
                }
            }
            Pair::Difference { table, zero } => {
                for (slot, value) in out.iter_mut().zip(a) {
                    for (cost, other) in costs.iter().zip(b) {
                        *slot = lesser(*slot, cost + table[(zero + value - other) as usize]);
                    }
                }
            }
            Pair::Dense(table) if forward => {
                for (cost, row) in costs.iter().zip(table.chunks_exact(b.len())) {
                    for (slot, pair) in out.iter_mut().zip(row) {
                        *slot = lesser(*slot, cost + pair);
                    }
                }
            }
            Pair::Dense(table) => {
                for (slot, row) in out.iter_mut().zip(table.chunks_exact(b.len())) {
                    *slot = least_sum(costs, row);
                }
            }
        }
    }

    /// Cells that [`Self::carry`] looks at.
    pub(super) fn work(&self, variables: &[Variable]) -> usize {
        let (a, b) = (variables[self.a].values.len(), variables[self.b].values.len());
        match &self.cost {
            Pair::Order => a + b,
            Pair::Difference { .. } | Pair::Dense(_) => a * b,
        }
    }

    /// True when every pair may occur.
    fn soft(&self) -> bool {
        match &self.cost {
            Pair::Order => false,
            Pair::Difference { table, .. } | Pair::Dense(table) => table.iter().all(|cost| cost.is_finite()),
        }
    }

    fn dense(&self, variables: &[Variable]) -> Rc<[f64]> {
        let (n_a, n_b) = (variables[self.a].values.len(), variables[self.b].values.len());
        match &self.cost {
            Pair::Dense(table) => Rc::clone(table),
            Pair::Order | Pair::Difference { .. } => {
                (0..n_a).flat_map(|a| (0..n_b).map(move |b| self.at(variables, a, b))).collect()
            }
        }
    }
}

#[inline]
pub(super) fn lesser(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}

/// The least sum of two rows, eight at a time.
pub(super) fn least_sum(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [f64::INFINITY; 8];
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            lanes[lane] = lesser(lanes[lane], a[lane] + b[lane]);
        }
    }
    let least = lanes.into_iter().fold(f64::INFINITY, lesser);
    a_rest.iter().zip(b_rest).fold(least, |least, (a, b)| lesser(least, a + b))
}

/// The index of the least, the first of equals.
pub(super) fn least_at(costs: &[f64]) -> usize {
    let mut best = 0;
    for (label, cost) in costs.iter().enumerate() {
        if *cost < costs[best] {
            best = label;
        }
    }
    best
}

/// How an assignment of a condensed field becomes one of the field it was made from.
#[derive(Clone, Debug)]
pub(super) struct Undo {
    /// For each variable of the condensed field, the one it was.
    pub(super) origin: Vec<usize>,
    /// For each variable of the old field, which old label each kept label was.
    kept: Vec<Vec<u32>>,
    steps: Vec<Step>,
    /// Cells that were looked at.
    pub(super) work: u64,
}

#[derive(Clone, Debug)]
enum Step {
    Fixed { variable: usize, label: u32 },
    Leaf { variable: usize, neighbour: usize, best: Vec<u32> },
    Pair { variable: usize, a: usize, b: usize, n_b: usize, best: Vec<u32> },
}

impl Undo {
    /// The assignment of the old field with the least cost that agrees with this one.
    pub(super) fn expand(&self, labels: &[usize]) -> Vec<usize> {
        let mut old = vec![0_usize; self.kept.len()];
        for (label, variable) in labels.iter().zip(&self.origin) {
            old[*variable] = *label;
        }
        for step in self.steps.iter().rev() {
            match step {
                Step::Fixed { variable, label } => old[*variable] = *label as usize,
                Step::Leaf { variable, neighbour, best } => old[*variable] = best[old[*neighbour]] as usize,
                Step::Pair { variable, a, b, n_b, best } => old[*variable] = best[old[*a] * n_b + old[*b]] as usize,
            }
        }
        old.iter().zip(&self.kept).map(|(label, kept)| kept[*label] as usize).collect()
    }

    /// The labels that the condensed field's variables have in an assignment of the old one.
    ///
    /// `None` where one of them was not kept.
    pub(super) fn shrink(&self, old: &[usize]) -> Option<Vec<usize>> {
        self.origin.iter().map(|variable| self.kept[*variable].binary_search(&(old[*variable] as u32)).ok()).collect()
    }
}

impl Field {
    /// What an assignment costs; infinite where it breaks an order.
    pub(super) fn cost(&self, labels: &[usize]) -> f64 {
        let own: f64 = self.variables.iter().zip(labels).map(|(variable, label)| variable.cost[*label]).sum();
        let pairs: f64 = self.edges.iter().map(|edge| edge.at(&self.variables, labels[edge.a], labels[edge.b])).sum();
        self.constant + own + pairs
    }

    /// Every label of every variable.
    pub(super) fn all_labels(&self) -> Vec<Vec<u32>> {
        self.variables.iter().map(|variable| (0..variable.values.len() as u32).collect()).collect()
    }

    /// Edges of each variable.
    pub(super) fn incident(&self) -> Vec<Vec<usize>> {
        let mut incident = vec![Vec::new(); self.variables.len()];
        for (at, edge) in self.edges.iter().enumerate() {
            incident[edge.a].push(at);
            incident[edge.b].push(at);
        }
        incident
    }

    /// Numbers that this field holds in memory.
    pub(super) fn size(&self) -> usize {
        let own: usize = self.variables.iter().map(|variable| 2 * variable.values.len()).sum();
        let pairs: usize = self
            .edges
            .iter()
            .map(|edge| {
                let table = match &edge.cost {
                    Pair::Dense(table) => table.len(),
                    Pair::Order | Pair::Difference { .. } => 0,
                };
                edge.to_a.len() + edge.to_b.len() + table + 16
            })
            .sum();
        own + pairs
    }

    /// The parts that share no edge: for each, its variables. The constant belongs to none.
    pub(super) fn parts(&self) -> Vec<Vec<usize>> {
        let incident = self.incident();
        let mut part = vec![usize::MAX; self.variables.len()];
        let mut parts: Vec<Vec<usize>> = Vec::new();
        for start in 0..self.variables.len() {
            if part[start] != usize::MAX {
                continue;
            }
            part[start] = parts.len();
            let mut members = vec![start];
            let mut next = 0;
            while next < members.len() {
                let at = members[next];
                next += 1;
                for edge in &incident[at] {
                    let other = self.edges[*edge].other(at);
                    if part[other] == usize::MAX {
                        part[other] = parts.len();
                        members.push(other);
                    }
                }
            }
            members.sort_unstable();
            parts.push(members);
        }
        parts
    }

    /// The field of some variables only, with the others at their labels in `labels`. The constant is left out.
    pub(super) fn part(&self, members: &[usize], labels: Option<&[usize]>) -> Field {
        let place: BTreeMap<usize, usize> = members.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        let mut field = Field {
            variables: members.iter().map(|member| self.variables[*member].clone()).collect(),
            edges: Vec::new(),
            constant: 0.0,
        };
        for edge in &self.edges {
            match (place.get(&edge.a), place.get(&edge.b), labels) {
                (Some(a), Some(b), _) => field.edges.push(Edge { a: *a, b: *b, ..edge.clone() }),
                (Some(a), None, Some(labels)) => {
                    for (label, cost) in field.variables[*a].cost.iter_mut().enumerate() {
                        *cost += edge.at(&self.variables, label, labels[edge.b]);
                    }
                }
                (None, Some(b), Some(labels)) => {
                    for (label, cost) in field.variables[*b].cost.iter_mut().enumerate() {
                        *cost += edge.at(&self.variables, labels[edge.a], label);
                    }
                }
                _ => {}
            }
        }
        field
    }

    /// The field with these labels only, without those that no neighbour's label goes with, and without the
    /// variables that are decided or that have at most two neighbours: for such a variable the best answer to
    /// its neighbours becomes their cost. On a tree nothing remains but the constant, which is then the least
    /// cost; this is the dynamic program of Graves and Willems.
    ///
    /// `None` where no assignment is left.
    pub(super) fn condense(&self, mut keep: Vec<Vec<u32>>) -> Option<(Field, Undo)> {
        for (variable, keep) in self.variables.iter().zip(&mut keep) {
            keep.retain(|label| variable.cost[*label as usize].is_finite());
        }
        self.drop_unsupported(&mut keep)?;
        let mut work = Condenser::new(self, &keep);
        work.run();
        Some(work.finish(keep))
    }

    /// Removes labels without a partner until all have one.
    fn drop_unsupported(&self, keep: &mut [Vec<u32>]) -> Option<()> {
        let hard: Vec<&Edge> = self.edges.iter().filter(|edge| !edge.soft()).collect();
        loop {
            let mut changed = false;
            for edge in &hard {
                let mut mine = core::mem::take(&mut keep[edge.a]);
                let mut theirs = core::mem::take(&mut keep[edge.b]);
                let before = mine.len() + theirs.len();
                if matches!(edge.cost, Pair::Order) {
                    let (a, b) = (&self.variables[edge.a].values, &self.variables[edge.b].values);
                    let highest = b[*theirs.last()? as usize];
                    mine.retain(|label| a[*label as usize] <= highest);
                    let lowest = a[*mine.first()? as usize];
                    theirs.retain(|label| b[*label as usize] >= lowest);
                } else {
                    let fits = |a: &u32, b: &u32| edge.at(&self.variables, *a as usize, *b as usize).is_finite();
                    mine.retain(|a| theirs.iter().any(|b| fits(a, b)));
                    theirs.retain(|b| mine.iter().any(|a| fits(a, b)));
                }
                changed |= mine.len() + theirs.len() != before;
                if mine.is_empty() || theirs.is_empty() {
                    return None;
                }
                keep[edge.a] = mine;
                keep[edge.b] = theirs;
            }
            if !changed {
                return keep.iter().all(|labels| !labels.is_empty()).then_some(());
            }
        }
    }
}

/// A field from which variables are being taken out.
struct Condenser {
    variables: Vec<Variable>,
    edges: Vec<Option<Edge>>,
    incident: Vec<Vec<usize>>,
    constant: f64,
    gone: Vec<bool>,
    steps: Vec<Step>,
    work: u64,
}

impl Condenser {
    fn new(field: &Field, keep: &[Vec<u32>]) -> Self {
        let pick = |from: &[f64], labels: &[u32]| labels.iter().map(|label| from[*label as usize]).collect::<Vec<_>>();
        let variables: Vec<Variable> = field
            .variables
            .iter()
            .zip(keep)
            .map(|(variable, labels)| Variable {
                values: labels.iter().map(|label| variable.values[*label as usize]).collect(),
                cost: pick(&variable.cost, labels),
            })
            .collect();
        let edges = field
            .edges
            .iter()
            .map(|edge| {
                let (a, b) = (&keep[edge.a], &keep[edge.b]);
                let whole =
                    a.len() == field.variables[edge.a].values.len() && b.len() == field.variables[edge.b].values.len();
                let n_b = field.variables[edge.b].values.len();
                let cost = match &edge.cost {
                    Pair::Dense(table) if !whole => {
                        let cells = a.iter().flat_map(|a| b.iter().map(|b| table[*a as usize * n_b + *b as usize]));
                        Pair::Dense(cells.collect())
                    }
                    Pair::Difference { .. } if a.len() * b.len() <= DENSE_MAX => {
                        let cells = a
                            .iter()
                            .flat_map(|a| b.iter().map(|b| edge.at(&field.variables, *a as usize, *b as usize)));
                        Pair::Dense(cells.collect())
                    }
                    other => other.clone(),
                };
                Some(Edge { cost, to_a: pick(&edge.to_a, a), to_b: pick(&edge.to_b, b), ..*edge })
            })
            .collect();
        let n = variables.len();
        Self {
            variables,
            edges,
            incident: field.incident(),
            constant: field.constant,
            gone: vec![false; n],
            steps: Vec::new(),
            work: 0,
        }
    }

    fn run(&mut self) {
        let mut todo: Vec<usize> = (0..self.variables.len()).rev().collect();
        let mut waiting = vec![true; self.variables.len()];
        while let Some(variable) = todo.pop() {
            waiting[variable] = false;
            if self.gone[variable] {
                continue;
            }
            let neighbours: Vec<usize> = self.incident[variable]
                .iter()
                .filter_map(|edge| self.edges[*edge].as_ref())
                .map(|edge| edge.other(variable))
                .collect();
            let taken = if self.variables[variable].values.len() == 1 {
                self.fix(variable);
                true
            } else {
                match self.incident[variable].len() {
                    0 => self.settle(variable),
                    1 => self.fold_leaf(variable),
                    2 => self.fold_pair(variable),
                    _ => false,
                }
            };
            if taken {
                self.gone[variable] = true;
                for neighbour in neighbours {
                    if !self.gone[neighbour] && !waiting[neighbour] {
                        waiting[neighbour] = true;
                        todo.push(neighbour);
                    }
                }
            }
        }
    }

    fn detach(&mut self, at: usize) -> Option<Edge> {
        let edge = self.edges[at].take()?;
        self.incident[edge.a].retain(|other| *other != at);
        self.incident[edge.b].retain(|other| *other != at);
        Some(edge)
    }

    fn fix(&mut self, variable: usize) {
        self.constant += self.variables[variable].cost[0];
        for at in self.incident[variable].clone() {
            if let Some(edge) = self.detach(at) {
                let other = edge.other(variable);
                let mut costs = Vec::new();
                edge.carry(&self.variables, variable, &[0.0], &mut costs);
                for (cost, extra) in self.variables[other].cost.iter_mut().zip(costs) {
                    *cost += extra;
                }
            }
        }
        self.steps.push(Step::Fixed { variable, label: 0 });
    }

    fn settle(&mut self, variable: usize) -> bool {
        let costs = &self.variables[variable].cost;
        let label = least_at(costs);
        self.constant += costs[label];
        self.steps.push(Step::Fixed { variable, label: label as u32 });
        true
    }

    fn fold_leaf(&mut self, variable: usize) -> bool {
        let Some(edge) = self.detach(self.incident[variable][0]) else { return false };
        let neighbour = edge.other(variable);
        let own = &self.variables[variable].cost;
        let n = self.variables[neighbour].values.len();
        self.work += 2 * (n * own.len()) as u64;
        let mut costs = Vec::new();
        edge.carry(&self.variables, variable, own, &mut costs);
        let best = (0..n)
            .map(|there| {
                let reached = own.iter().enumerate().position(|(here, own)| {
                    let (a, b) = if edge.a == variable { (here, there) } else { (there, here) };
                    own + edge.at(&self.variables, a, b) <= costs[there]
                });
                reached.unwrap_or(0) as u32
            })
            .collect();
        for (cost, extra) in self.variables[neighbour].cost.iter_mut().zip(costs) {
            *cost += extra;
        }
        self.steps.push(Step::Leaf { variable, neighbour, best });
        true
    }

    fn fold_pair(&mut self, variable: usize) -> bool {
        let [first, second] = self.incident[variable][..] else { return false };
        let (Some(to_first), Some(to_second)) = (&self.edges[first], &self.edges[second]) else { return false };
        let (a, b) = (to_first.other(variable), to_second.other(variable));
        let (n, n_a, n_b) =
            (self.variables[variable].values.len(), self.variables[a].values.len(), self.variables[b].values.len());
        if n * n_a * n_b > PAIR_WORK_MAX {
            return false;
        }
        self.work += (n * n_a * n_b) as u64;
        let (Some(to_a), Some(to_b)) = (self.detach(first), self.detach(second)) else { return false };
        let row = |edge: &Edge, there: usize| -> Vec<f64> {
            (0..n)
                .map(|here| {
                    let (a, b) = if edge.a == variable { (here, there) } else { (there, here) };
                    edge.at(&self.variables, a, b)
                })
                .collect()
        };
        let rows_b: Vec<Vec<f64>> = (0..n_b).map(|there| row(&to_b, there)).collect();
        let mut table = Vec::with_capacity(n_a * n_b);
        let mut best = Vec::with_capacity(n_a * n_b);
        for there in 0..n_a {
            let mut costs = row(&to_a, there);
            for (cost, own) in costs.iter_mut().zip(&self.variables[variable].cost) {
                *cost += own;
            }
            for row_b in &rows_b {
                let least = least_sum(&costs, row_b);
                let at = costs.iter().zip(row_b).position(|(a, b)| a + b <= least).unwrap_or(0);
                table.push(least);
                best.push(at as u32);
            }
        }
        self.steps.push(Step::Pair { variable, a, b, n_b, best });
        let both =
            self.incident[a].iter().copied().find(|at| self.edges[*at].as_ref().is_some_and(|edge| edge.other(a) == b));
        let mut merged =
            Edge { a, b, cost: Pair::Order, to_a: to_a.moved_to(a).to_vec(), to_b: to_b.moved_to(b).to_vec() };
        if let Some(old) = both.and_then(|at| self.detach(at)) {
            for (at, cell) in table.iter_mut().enumerate() {
                let (label_a, label_b) = (at / n_b, at % n_b);
                let (x, y) = if old.a == a { (label_a, label_b) } else { (label_b, label_a) };
                *cell += old.at(&self.variables, x, y);
            }
            for (to, more) in merged.to_a.iter_mut().zip(old.moved_to(a)) {
                *to += more;
            }
            for (to, more) in merged.to_b.iter_mut().zip(old.moved_to(b)) {
                *to += more;
            }
        }
        merged.cost = Pair::Dense(table.into());
        let at = self.edges.len();
        self.incident[a].push(at);
        self.incident[b].push(at);
        self.edges.push(Some(merged));
        true
    }

    fn finish(self, kept: Vec<Vec<u32>>) -> (Field, Undo) {
        let origin: Vec<usize> = (0..self.variables.len()).filter(|at| !self.gone[*at]).collect();
        let mut place = vec![usize::MAX; self.variables.len()];
        for (new, old) in origin.iter().enumerate() {
            place[*old] = new;
        }
        let mut variables: Vec<Option<Variable>> = self.variables.into_iter().map(Some).collect();
        let field = Field {
            variables: origin.iter().filter_map(|old| variables[*old].take()).collect(),
            edges: self
                .edges
                .into_iter()
                .flatten()
                .map(|edge| Edge { a: place[edge.a], b: place[edge.b], ..edge })
                .collect(),
            constant: self.constant,
        };
        (field, Undo { origin, kept, steps: self.steps, work: self.work })
    }
}

/// All edges as tables for [`super::elimination`].
pub(super) fn table_of(edge: &Edge, variables: &[Variable]) -> Rc<[f64]> {
    edge.dense(variables)
}
