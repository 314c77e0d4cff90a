//! Shortest ways through a directed graph with whole-number weights, by Dijkstra's algorithm.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A directed connection. Two arcs may join the same nodes, and an arc may weigh nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arc {
    /// The node where it starts.
    pub from: u32,
    /// The node where it ends.
    pub to: u32,
    /// What going along it adds: seconds, metres, cents.
    pub weight: u64,
}

/// Why arcs do not make a graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// An arc names a node that there is not.
    #[error("arc {arc} joins node {node}, but there are only {n_nodes} nodes")]
    NoSuchNode {
        /// Position of the arc in the list.
        arc: usize,
        /// The node that it names.
        node: u32,
        /// How many nodes there are.
        n_nodes: u32,
    },
    /// More arcs than can be numbered.
    #[error("{0} arcs exceed the limit of {max}", max = u32::MAX - 1)]
    TooManyArcs(usize),
}

/// A directed graph, packed for searching: the arcs that leave a node lie together.
///
/// Nodes are numbered from 0; an arc keeps its position in the list that the graph was made from.
#[derive(Clone, Debug)]
pub struct LaneGraph {
    /// Of node `n`, the arcs at `first[n]..first[n + 1]` of `outgoing`.
    first: Vec<u32>,
    outgoing: Vec<Outgoing>,
    /// Where each arc starts, by position in the caller's list.
    arc_from: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Outgoing {
    weight: u64,
    to: u32,
    arc: u32,
}

/// A way through the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Every node on it, with both ends.
    pub nodes: Vec<u32>,
    /// Every arc on it, by position in the list that the graph was made from.
    pub arcs: Vec<u32>,
    /// The sum of its arcs' weights.
    pub total: u64,
}

const NONE: u32 = u32::MAX;

/// What is known of a node in a search: ordered by total, then by number of arcs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reach {
    total: u64,
    n_arcs: u32,
    /// The last arc of the way here; [`NONE`] at the start.
    last_arc: u32,
}

const UNREACHED: Reach = Reach { total: u64::MAX, n_arcs: u32::MAX, last_arc: NONE };

/// The shortest ways from one node to all others.
#[derive(Clone, Debug)]
pub struct ShortestTree<'g> {
    graph: &'g LaneGraph,
    reach: Vec<Reach>,
}

impl LaneGraph {
    /// A graph of nodes `0..n_nodes` and these arcs.
    pub fn new(n_nodes: u32, arcs: &[Arc]) -> Result<Self, GraphError> {
        if arcs.len() >= NONE as usize {
            return Err(GraphError::TooManyArcs(arcs.len()));
        }
        let mut first = vec![0_u32; n_nodes as usize + 1];
        for (i, arc) in arcs.iter().enumerate() {
            if let Some(node) = [arc.from, arc.to].into_iter().find(|node| *node >= n_nodes) {
                return Err(GraphError::NoSuchNode { arc: i, node, n_nodes });
            }
            first[arc.from as usize + 1] += 1;
        }
        for node in 0..n_nodes as usize {
            first[node + 1] += first[node];
        }
        let mut next = first.clone();
        let mut outgoing = vec![Outgoing { weight: 0, to: 0, arc: 0 }; arcs.len()];
        for (arc, i) in arcs.iter().zip(0..) {
            let slot = &mut next[arc.from as usize];
            outgoing[*slot as usize] = Outgoing { weight: arc.weight, to: arc.to, arc: i };
            *slot += 1;
        }
        Ok(Self { first, outgoing, arc_from: arcs.iter().map(|arc| arc.from).collect() })
    }

    /// How many nodes there are.
    pub fn n_nodes(&self) -> u32 {
        self.first.len() as u32 - 1 // `first` was made from a u32
    }

    /// How many arcs there are.
    pub fn n_arcs(&self) -> usize {
        self.outgoing.len()
    }

    /// The way from `from` to `to` with the least total; of those with the fewest arcs; of those, looking
    /// back from `to`, with the arc that comes first in the list. `None` if there is no way, a node does
    /// not exist, or every way's total exceeds a `u64`.
    pub fn shortest_path(&self, from: u32, to: u32) -> Option<Path> {
        self.search(from, Some(to)).path(to)
    }

    /// The shortest ways from `from` to every node, chosen as [`LaneGraph::shortest_path`] does.
    /// O(arcs · log arcs).
    pub fn shortest_from(&self, from: u32) -> ShortestTree<'_> {
        self.search(from, None)
    }

    fn arcs_from(&self, node: u32) -> &[Outgoing] {
        let (start, end) = (self.first[node as usize], self.first[node as usize + 1]);
        &self.outgoing[start as usize..end as usize]
    }

    fn search(&self, from: u32, until: Option<u32>) -> ShortestTree<'_> {
        let mut reach = vec![UNREACHED; self.n_nodes() as usize];
        let mut queue = BinaryHeap::new();
        if from < self.n_nodes() {
            reach[from as usize] = Reach { total: 0, n_arcs: 0, last_arc: NONE };
            queue.push(Reverse((0_u64, 0_u32, from)));
        }
        while let Some(Reverse((total, n_arcs, node))) = queue.pop() {
            if until == Some(node) {
                break;
            }
            let here = reach[node as usize];
            if (here.total, here.n_arcs) != (total, n_arcs) {
                continue; // a better way was found after this entry was queued
            }
            for out in self.arcs_from(node) {
                let Some(total) = total.checked_add(out.weight) else { continue };
                let found = Reach { total, n_arcs: n_arcs + 1, last_arc: out.arc };
                let known = &mut reach[out.to as usize];
                // Whoever offers an equally good way has fewer arcs, so it leaves the queue before `out.to`
                // does, and the first arc in the list wins whatever the order of the offers.
                let shorter = (found.total, found.n_arcs) < (known.total, known.n_arcs);
                if found < *known {
                    *known = found;
                }
                if shorter {
                    queue.push(Reverse((found.total, found.n_arcs, out.to)));
                }
            }
        }
        ShortestTree { graph: self, reach }
    }
}

impl ShortestTree<'_> {
    /// The least total to `to`; `None` if it cannot be reached.
    pub fn total(&self, to: u32) -> Option<u64> {
        let reach = self.reach.get(to as usize)?;
        (*reach != UNREACHED).then_some(reach.total)
    }

    /// The way to `to`; `None` if it cannot be reached.
    pub fn path(&self, to: u32) -> Option<Path> {
        let total = self.total(to)?;
        let (mut nodes, mut arcs) = (vec![to], Vec::new());
        let mut node = to;
        loop {
            let last_arc = self.reach[node as usize].last_arc;
            if last_arc == NONE {
                break;
            }
            node = self.graph.arc_from[last_arc as usize];
            arcs.push(last_arc);
            nodes.push(node);
        }
        nodes.reverse();
        arcs.reverse();
        Some(Path { nodes, arcs, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn graph(n_nodes: u32, arcs: &[(u32, u32, u64)]) -> LaneGraph {
        LaneGraph::new(n_nodes, &listed(arcs)).unwrap()
    }

    fn listed(arcs: &[(u32, u32, u64)]) -> Vec<Arc> {
        arcs.iter().map(|&(from, to, weight)| Arc { from, to, weight }).collect()
    }

    #[track_caller]
    fn check(arcs: &[(u32, u32, u64)], from: u32, to: u32, expected: Option<(&[u32], u64)>) {
        let path = graph(5, arcs).shortest_path(from, to);
        let found = path.as_ref().map(|path| (path.arcs.as_slice(), path.total));
        assert_eq!(found, expected, "{from} to {to} in {arcs:?}");
    }

    #[test]
    fn the_lightest_way_wins() {
        check(&[(0, 2, 30), (0, 1, 8), (1, 2, 20)], 0, 2, Some((&[1, 2], 28)));
        check(&[(0, 1, 8)], 1, 0, None);
        check(&[], 3, 3, Some((&[], 0)));
        check(&[(0, 1, 8)], 0, 9, None);
        check(&[(0, 1, 8)], 9, 0, None);
    }

    #[test]
    fn of_equal_ways_the_one_with_fewer_arcs_and_then_the_first_arc_wins() {
        check(&[(0, 1, 1), (1, 2, 1), (0, 2, 2)], 0, 2, Some((&[2], 2)));
        check(&[(0, 1, 5), (0, 1, 5), (0, 1, 7)], 0, 1, Some((&[0], 5)));
        check(&[(2, 3, 1), (1, 3, 1), (0, 1, 1), (0, 2, 1)], 0, 3, Some((&[3, 0], 2)));
        check(&[(0, 1, 0), (1, 0, 0), (1, 2, 0), (2, 1, 0)], 0, 2, Some((&[0, 2], 0)));
    }

    #[test]
    fn a_total_that_cannot_be_held_is_no_way() {
        check(&[(0, 1, u64::MAX), (1, 2, 1)], 0, 1, Some((&[0], u64::MAX)));
        check(&[(0, 1, u64::MAX), (1, 2, 1)], 0, 2, None);
    }

    #[test]
    fn an_arc_to_nowhere_is_refused() {
        let refused = LaneGraph::new(2, &listed(&[(0, 1, 1), (0, 2, 1)]));
        assert_eq!(refused.err(), Some(GraphError::NoSuchNode { arc: 1, node: 2, n_nodes: 2 }));
    }

    /// All shortest totals by Floyd and Warshall's algorithm.
    fn all_pairs(n_nodes: usize, arcs: &[(u32, u32, u64)]) -> Vec<Vec<Option<u64>>> {
        let mut total = vec![vec![None; n_nodes]; n_nodes];
        let least = |known: Option<u64>, found: u64| Some(known.map_or(found, |known| known.min(found)));
        for (i, row) in total.iter_mut().enumerate() {
            row[i] = Some(0);
        }
        for &(from, to, weight) in arcs {
            total[from as usize][to as usize] = least(total[from as usize][to as usize], weight);
        }
        for over in 0..n_nodes {
            for from in 0..n_nodes {
                for to in 0..n_nodes {
                    if let (Some(a), Some(b)) = (total[from][over], total[over][to]) {
                        total[from][to] = least(total[from][to], a + b);
                    }
                }
            }
        }
        total
    }

    proptest! {
        #[test]
        fn totals_are_those_of_floyd_and_warshall(
            arcs in prop::collection::vec((0..8_u32, 0..8_u32, 0..20_u64), 0..40),
        ) {
            let graph = graph(8, &arcs);
            let expected = all_pairs(8, &arcs);
            for from in 0..8 {
                let tree = graph.shortest_from(from);
                for to in 0..8 {
                    prop_assert_eq!(tree.total(to), expected[from as usize][to as usize]);
                    let path = tree.path(to);
                    prop_assert_eq!(&path, &graph.shortest_path(from, to), "stopping early changes the way");
                    if let Some(path) = path {
                        let mut sum = 0;
                        for (step, arc) in path.arcs.iter().enumerate() {
                            let (start, end, weight) = arcs[*arc as usize];
                            prop_assert_eq!((path.nodes[step], path.nodes[step + 1]), (start, end));
                            sum += weight;
                        }
                        prop_assert_eq!(sum, path.total);
                        prop_assert_eq!((path.nodes[0], path.nodes.last()), (from, Some(&to)));
                    }
                }
            }
        }
    }
}
