//! A chain as a [`Field`]: few decisions, each pair with a cost of its own.
//!
//! Stages with the same predecessors are promised the same: one decision, their inbound service time. Given
//! all inbound times, the best outbound time of a stage is the least of what it can do (inbound and processing
//! time), what it may quote, and what its successors count on. So a stage costs
//! `c · √max(0, inbound + processing − least inbound of its successors)`: a function of the difference of two
//! decisions, where the least over several successors' is a decision too, ordered below each of them. Stages
//! without predecessors, or that only the customer waits for, are the cost of one decision.
//!
//! As every cost is concave between its kinks, there is an optimum at a vertex: every time is reached from a
//! given one (0, an inbound time from outside, a quoted time) along stages that hold nothing or pass on
//! exactly what they are promised. Only such times are labels.

use super::Chain;
use super::field::{Edge, Field, Pair, Variable};
use std::collections::{BTreeMap, BTreeSet};

/// The field of a chain, and how to read its labels.
pub(super) struct Reduction {
    pub(super) field: Field,
    /// The decision that is a stage's inbound time; `None` where it is given.
    inbound: Vec<Option<usize>>,
    /// A feasible assignment.
    pub(super) start: Vec<usize>,
}

/// What a stage counts on, or is counted on for.
#[derive(Clone, Copy)]
enum Time {
    Given(i32),
    Chosen(usize),
}

#[derive(Default)]
struct Node {
    low: i32,
    high: i32,
    /// Given times that this decision may equal.
    given: BTreeSet<i32>,
    /// `cost · √max(0, sign · value + shift)`, with the sign, shift and cost.
    own: Vec<(i32, i32, f64)>,
}

#[derive(Default)]
struct Link {
    /// Processing times and costs of the stages between; empty for a mere order.
    stages: Vec<(i32, f64)>,
    /// The value of the second is at most that of the first.
    ordered: bool,
    /// It is at least that of the first.
    ordered_up: bool,
}

impl Reduction {
    pub(super) fn new(chain: &Chain) -> Self {
        let n = chain.stages.len();
        let (latest_inbound, latest) = chain.latest_times();
        let cost: Vec<f64> = (0..n).map(|stage| chain.cost_of(stage)).collect();
        // A stage that holds nothing of value quotes 0; who quotes 0 binds nobody.
        let binds = |stage: usize| cost[stage] > 0.0 && latest[stage] > 0;
        let suppliers: Vec<Vec<usize>> = chain
            .predecessors
            .iter()
            .map(|suppliers| suppliers.iter().copied().filter(|stage| binds(*stage)).collect())
            .collect();

        // One decision for each set of suppliers.
        let mut nodes: Vec<Node> = Vec::new();
        let mut classes: BTreeMap<(&[usize], u32), usize> = BTreeMap::new();
        let mut sets: Vec<(&[usize], u32)> = Vec::new();
        let mut inbound = vec![None; n];
        for stage in &chain.upstream_first {
            if suppliers[*stage].is_empty() {
                continue;
            }
            let key = (&suppliers[*stage][..], chain.stages[*stage].inbound_service_time);
            let class = *classes.entry(key).or_insert_with(|| {
                let low = key.1 as i32;
                let promised = key.0.iter().map(|supplier| latest[*supplier]).max().unwrap_or(0);
                let high = promised.max(low);
                nodes.push(Node { low, high, given: [low, high].into(), own: Vec::new() });
                sets.push(key);
                nodes.len() - 1
            });
            inbound[*stage] = Some(class);
        }
        let n_classes = nodes.len();

        // Who is promised by fewer waits no longer.
        let mut links: BTreeMap<(usize, usize), Link> = BTreeMap::new();
        let below = subsets(&sets, n);
        for (class, direct) in below.iter().enumerate() {
            for smaller in direct {
                if !direct.iter().any(|between| below[*between].contains(smaller)) {
                    links.entry((class, *smaller)).or_default().ordered = true;
                }
            }
        }

        let mut constant = 0.0;
        let mut promises: BTreeMap<(Vec<usize>, Option<u32>), usize> = BTreeMap::new();
        for stage in chain.upstream_first.iter().copied().filter(|stage| cost[*stage] > 0.0) {
            let given = &chain.stages[stage];
            let processing = given.processing_time as i32;
            let mut customers: Vec<usize> = chain.successors[stage].iter().filter_map(|next| inbound[*next]).collect();
            customers.sort_unstable();
            customers.dedup();
            let least: Vec<usize> = customers
                .iter()
                .copied()
                .filter(|class| !below[*class].iter().any(|smaller| customers.binary_search(smaller).is_ok()))
                .collect();
            let able = (latest_inbound[stage] + processing) as u32;
            let quote = given.outbound_service_time_max.filter(|quote| *quote < able);
            let promised = match (&least[..], quote) {
                _ if latest[stage] == 0 => Time::Given(0),
                ([], None) => continue,
                ([], Some(quote)) => Time::Given(quote as i32),
                ([one], None) => Time::Chosen(*one),
                _ => {
                    let node = *promises.entry((least.clone(), quote)).or_insert_with(|| {
                        nodes.push(Node { given: [0].into(), ..Node::default() });
                        nodes.len() - 1
                    });
                    for class in &least {
                        links.entry((*class, node)).or_default().ordered = true;
                    }
                    nodes[node].high = nodes[node].high.max(latest[stage]);
                    Time::Chosen(node)
                }
            };
            let counted_on = match inbound[stage] {
                Some(class) => Time::Chosen(class),
                None => Time::Given(given.inbound_service_time as i32),
            };
            let cost = cost[stage];
            match (counted_on, promised) {
                (Time::Given(from), Time::Given(to)) => constant += cost * root(from + processing - to),
                (Time::Given(from), Time::Chosen(node)) => {
                    nodes[node].own.push((-1, from + processing, cost));
                    nodes[node].given.insert(from + processing);
                }
                (Time::Chosen(node), Time::Given(to)) => {
                    nodes[node].own.push((1, processing - to, cost));
                    nodes[node].given.insert(to - processing);
                }
                (Time::Chosen(from), Time::Chosen(to)) => {
                    links.entry((from, to)).or_default().stages.push((processing, cost));
                }
            }
        }
        for node in &mut nodes[n_classes..] {
            node.given.insert(node.high);
        }
        // Two decisions share one link.
        let both: Vec<(usize, usize)> = links
            .iter()
            .filter(|((from, to), link)| link.stages.is_empty() && links.contains_key(&(*to, *from)))
            .map(|(ends, _)| *ends)
            .collect();
        for (from, to) in both {
            links.remove(&(from, to));
            links.entry((to, from)).or_default().ordered_up = true;
        }
        let field = assemble(&nodes, &links, constant);
        let start = vec![0; nodes.len()];
        Self { field, inbound, start }
    }

    /// The service times of an assignment: outbound and inbound.
    pub(super) fn times(&self, chain: &Chain, labels: &[usize]) -> (Vec<u32>, Vec<u32>) {
        let mut inbound: Vec<u32> = (0..chain.stages.len())
            .map(|stage| {
                let outside = chain.stages[stage].inbound_service_time;
                let chosen = self.inbound[stage].map_or(0, |node| self.field.variables[node].values[labels[node]]);
                outside.max(chosen as u32)
            })
            .collect();
        let mut outbound = vec![0; chain.stages.len()];
        // Once would do for an assignment of least cost; the second and third time take slack away.
        for _ in 0..3 {
            for stage in chain.upstream_first.iter().copied() {
                let given = &chain.stages[stage];
                if chain.cost_of(stage) > 0.0 {
                    let able = inbound[stage] + given.processing_time;
                    let asked = chain.successors[stage].iter().map(|next| inbound[*next]).min();
                    let quote = given.outbound_service_time_max;
                    outbound[stage] = able.min(asked.unwrap_or(u32::MAX)).min(quote.unwrap_or(u32::MAX));
                }
            }
            for stage in 0..chain.stages.len() {
                let promised = chain.predecessors[stage].iter().map(|supplier| outbound[*supplier]).max();
                inbound[stage] = chain.stages[stage].inbound_service_time.max(promised.unwrap_or(0));
                outbound[stage] = outbound[stage].min(inbound[stage] + chain.stages[stage].processing_time);
            }
        }
        for stage in chain.upstream_first.iter().copied() {
            let promised = chain.predecessors[stage].iter().map(|supplier| outbound[*supplier]).max();
            inbound[stage] = chain.stages[stage].inbound_service_time.max(promised.unwrap_or(0));
            outbound[stage] = outbound[stage].min(inbound[stage] + chain.stages[stage].processing_time);
        }
        (outbound, inbound)
    }
}

pub(super) fn root(days: i32) -> f64 {
    f64::from(days.max(0)).sqrt()
}

/// For each set, the sets that are part of it and need no longer from outside.
fn subsets(sets: &[(&[usize], u32)], n_stages: usize) -> Vec<Vec<usize>> {
    let mut having: Vec<Vec<usize>> = vec![Vec::new(); n_stages];
    for (class, (suppliers, _)) in sets.iter().enumerate() {
        for supplier in *suppliers {
            having[*supplier].push(class);
        }
    }
    let mut below = vec![Vec::new(); sets.len()];
    for (class, (suppliers, outside)) in sets.iter().enumerate() {
        for larger in &having[suppliers[0]] {
            let (others, their_outside) = sets[*larger];
            if *larger != class
                && suppliers.len() <= others.len()
                && *outside <= their_outside
                && suppliers.iter().all(|supplier| others.binary_search(supplier).is_ok())
            {
                below[*larger].push(class);
            }
        }
    }
    below
}

/// The labels and costs of the nodes and links.
fn assemble(nodes: &[Node], links: &BTreeMap<(usize, usize), Link>, constant: f64) -> Field {
    let variables: Vec<Variable> = vertex_times(nodes, links)
        .into_iter()
        .zip(nodes)
        .map(|(values, node)| {
            let own = |value: i32| node.own.iter().map(|(sign, shift, cost)| cost * root(sign * value + shift)).sum();
            Variable { cost: values.iter().map(|value| own(*value)).collect(), values }
        })
        .collect();
    let edges = links
        .iter()
        .map(|((from, to), link)| {
            let (n_from, n_to) = (variables[*from].values.len(), variables[*to].values.len());
            if link.stages.is_empty() {
                return Edge::new(*to, *from, Pair::Order, n_to, n_from);
            }
            let zero = nodes[*to].high;
            let table = (-zero..=nodes[*from].high)
                .map(|difference| {
                    if link.ordered && difference < 0 || link.ordered_up && difference > 0 {
                        return f64::INFINITY;
                    }
                    link.stages.iter().map(|(processing, cost)| cost * root(difference + processing)).sum()
                })
                .collect();
            Edge::new(*from, *to, Pair::Difference { table, zero }, n_from, n_to)
        })
        .collect();
    Field { variables, edges, constant }
}

/// A set of times between 0 and some highest one.
#[derive(Clone, PartialEq, Eq)]
struct Times(Vec<u64>);

impl Times {
    fn add(&mut self, other: &Times) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }

    /// Adds the times of another set, moved by `shift`.
    fn add_moved(&mut self, other: &Times, shift: i32) {
        let (words, bits) = ((shift.unsigned_abs() / 64) as usize, shift.unsigned_abs() % 64);
        let n = self.0.len();
        let word = |at: Option<usize>| at.and_then(|at| other.0.get(at)).copied().unwrap_or(0);
        for at in 0..n {
            let (near, far) = if shift >= 0 {
                (word(at.checked_sub(words)) << bits, word(at.checked_sub(words + 1)).checked_shr(64 - bits))
            } else {
                (word(Some(at + words)) >> bits, word(Some(at + words + 1)).checked_shl(64 - bits))
            };
            self.0[at] |= near | far.unwrap_or(0);
        }
    }
}

/// The times that each decision may have at a vertex.
fn vertex_times(nodes: &[Node], links: &BTreeMap<(usize, usize), Link>) -> Vec<Vec<i32>> {
    let highest = nodes.iter().map(|node| node.high).max().unwrap_or(0).max(0) as usize;
    let none = Times(vec![0; highest / 64 + 1]);
    let mut given = vec![none.clone(); nodes.len()];
    let mut within = given.clone();
    for (at, node) in nodes.iter().enumerate() {
        for time in node.given.iter().filter(|time| (node.low..=node.high).contains(*time)) {
            given[at].0[*time as usize / 64] |= 1 << (time % 64);
        }
        for time in node.low..=node.high {
            within[at].0[time as usize / 64] |= 1 << (time % 64);
        }
    }
    let links: Vec<(usize, usize, Vec<i32>)> = links
        .iter()
        .map(|((from, to), link)| {
            let mut shifts: Vec<i32> = link.stages.iter().map(|(processing, _)| *processing).collect();
            if link.ordered || link.ordered_up {
                shifts.push(0);
            }
            shifts.sort_unstable();
            shifts.dedup();
            (*from, *to, shifts)
        })
        .collect();
    let mut incident: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (at, (from, to, _)) in links.iter().enumerate() {
        incident[*from].push(at);
        incident[*to].push(at);
    }
    // What each link brings to its first and second node, without what came from there itself.
    let mut brought = vec![[none.clone(), none.clone()]; links.len()];
    let side = |link: usize, node: usize| usize::from(links[link].0 != node);
    let mut todo: BTreeSet<usize> = (0..nodes.len()).collect();
    while let Some(node) = todo.pop_first() {
        let around = &incident[node];
        let mut after = vec![none.clone(); around.len() + 1];
        for at in (0..around.len()).rev() {
            let (head, tail) = after.split_at_mut(at + 1);
            head[at].0.copy_from_slice(&tail[0].0);
            head[at].add(&brought[around[at]][side(around[at], node)]);
        }
        let mut before = given[node].clone();
        for (at, link) in around.iter().enumerate() {
            let mut known = before.clone();
            known.add(&after[at + 1]);
            let (from, to, shifts) = &links[*link];
            let (other, sign) = if *from == node { (*to, 1) } else { (*from, -1) };
            let mut news = none.clone();
            for shift in shifts {
                news.add_moved(&known, sign * shift);
            }
            for (word, within) in news.0.iter_mut().zip(&within[other].0) {
                *word &= within;
            }
            let slot = &mut brought[*link][side(*link, other)];
            if *slot != news {
                *slot = news;
                todo.insert(other);
            }
            before.add(&brought[*link][side(*link, node)]);
        }
    }
    (0..nodes.len())
        .map(|node| {
            let mut times = given[node].clone();
            for link in &incident[node] {
                times.add(&brought[*link][side(*link, node)]);
            }
            (nodes[node].low..=nodes[node].high)
                .filter(|time| times.0[*time as usize / 64] >> (time % 64) & 1 == 1)
                .collect()
        })
        .collect()
}
