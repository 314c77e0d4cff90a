//! Ways through a network of lanes that close and slow down by the hour: the best by time, cost or carbon, and the
//! next best. Dijkstra (1959) where whoever leaves later does not come earlier; alternatives by Yen (1971).

use crate::problem::{Drive, SpeedProfile, Window};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// What is least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aim {
    /// The moment of arrival.
    Time,
    /// Money; of equally cheap ways the one that takes least time.
    Cost,
    /// Grams of carbon dioxide equivalent; of equal ways the one that takes least time.
    Carbon,
}

/// A directed lane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    /// The node where it starts.
    pub from: u32,
    /// The node where it ends.
    pub to: u32,
    /// Metres.
    pub distance_m: u64,
    /// Time at the speed that it is written for; at most 10⁹.
    pub duration: u32,
    /// What it costs.
    pub cost: u64,
    /// Greenhouse gases, in grams.
    pub grams: u64,
    /// Index of its profile of speed; `None`: always the same.
    pub speed: Option<u32>,
    /// When it cannot be entered, in order and apart. Who comes then waits; a window that never ends closes it for
    /// good.
    pub closed: Vec<Window>,
}

/// The end of a window that never ends.
pub const FOREVER: i64 = i64::MAX;

/// Why lanes do not make a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LaneError {
    #[error("lane {lane} joins node {node}, but there are only {n_nodes} nodes")]
    NoSuchNode { lane: usize, node: u32, n_nodes: u32 },
    #[error("lane {lane} has speed profile {profile}, but there are only {n}")]
    NoSuchProfile { lane: usize, profile: u32, n: usize },
    #[error("speed profile {profile} does not begin at 0, is out of order, or has a speed of 0")]
    Profile { profile: usize },
    #[error("closures of lane {lane} overlap, are out of order, or end before they start")]
    Closures { lane: usize },
    #[error("lane {lane} takes {duration}, more than a billion")]
    TooLong { lane: usize, duration: u32 },
}

/// A network of lanes.
#[derive(Clone, Debug)]
pub struct LaneNetwork {
    lanes: Vec<Lane>,
    speeds: Vec<SpeedProfile>,
    /// Of node `n`, the lanes at `first[n]..first[n + 1]` of `leaving`.
    first: Vec<u32>,
    leaving: Vec<u32>,
}

/// A way through the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Lanes by their index, in order.
    pub lanes: Vec<u32>,
    /// When it ends.
    pub arrival: i64,
    /// Metres.
    pub distance_m: u64,
    /// What it costs.
    pub cost: u64,
    /// Grams of carbon dioxide equivalent.
    pub grams: u64,
}

/// What a search may not use.
struct Banned {
    lanes: Vec<bool>,
    nodes: Vec<bool>,
}

impl LaneNetwork {
    /// A network of nodes `0..n_nodes`.
    ///
    /// # Errors
    /// The first lane that cannot be.
    pub fn new(n_nodes: u32, lanes: Vec<Lane>, speeds: Vec<SpeedProfile>) -> Result<Self, LaneError> {
        for (profile, speed) in speeds.iter().enumerate() {
            let ordered = speed.pieces.windows(2).all(|w| w[0].0 < w[1].0);
            let last = speed.pieces.last().map_or(i64::MAX, |p| p.0);
            let begins = speed.pieces.first().is_some_and(|p| p.0 == 0);
            let moves = speed.pieces.iter().all(|p| (1..=1_000_000).contains(&p.1));
            if !ordered || !begins || !moves || last >= speed.period {
                return Err(LaneError::Profile { profile });
            }
        }
        let mut first = vec![0_u32; n_nodes as usize + 1];
        for (i, lane) in lanes.iter().enumerate() {
            if let Some(node) = [lane.from, lane.to].into_iter().find(|&node| node >= n_nodes) {
                return Err(LaneError::NoSuchNode { lane: i, node, n_nodes });
            }
            if let Some(profile) = lane.speed.filter(|&s| s as usize >= speeds.len()) {
                return Err(LaneError::NoSuchProfile { lane: i, profile, n: speeds.len() });
            }
            let apart = lane.closed.windows(2).all(|w| w[0].end < w[1].start);
            if !apart || lane.closed.iter().any(|w| w.end < w.start) {
                return Err(LaneError::Closures { lane: i });
            }
            if lane.duration > 1_000_000_000 {
                return Err(LaneError::TooLong { lane: i, duration: lane.duration });
            }
            first[lane.from as usize + 1] += 1;
        }
        for node in 0..n_nodes as usize {
            first[node + 1] += first[node];
        }
        let mut next = first.clone();
        let mut leaving = vec![0; lanes.len()];
        for (i, lane) in (0_u32..).zip(&lanes) {
            let slot = &mut next[lane.from as usize];
            leaving[*slot as usize] = i;
            *slot += 1;
        }
        Ok(Self { lanes, speeds, first, leaving })
    }

    /// The lanes.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// How many nodes there are.
    pub fn n_nodes(&self) -> u32 {
        self.first.len() as u32 - 1 // `first` was made from a u32
    }

    /// The best way for who leaves at a moment, over lanes that may be used; `None` if there is none.
    ///
    /// Waiting for a lane to open costs nothing but time. Where cost or carbon is asked for and a lane of the best
    /// way closes for good before it is reached, the best way without that lane is given.
    pub fn best(&self, (from, to): (u32, u32), aim: Aim, now: i64, may_use: &dyn Fn(usize) -> bool) -> Option<Way> {
        let mut banned = self.banned(may_use);
        self.search((from, to), aim, now, &mut banned)
    }

    /// At most `k` ways with no node twice, the best first, each different from the others.
    pub fn alternatives(
        &self,
        (from, to): (u32, u32),
        aim: Aim,
        now: i64,
        k: usize,
        may_use: &dyn Fn(usize) -> bool,
    ) -> Vec<Way> {
        let base = self.banned(may_use);
        let mut found: Vec<Way> = Vec::new();
        let mut candidates: BTreeSet<((u64, i64), Vec<u32>)> = BTreeSet::new();
        let mut free = Banned { lanes: base.lanes.clone(), nodes: base.nodes.clone() };
        let mut next = self.search((from, to), aim, now, &mut free);
        while let Some(way) = next.take().filter(|_| found.len() < k) {
            for i in 0..way.lanes.len() {
                let root = &way.lanes[..i];
                let mut banned = Banned { lanes: base.lanes.clone(), nodes: base.nodes.clone() };
                for known in found.iter().chain([&way]).filter(|w| w.lanes.starts_with(root)) {
                    if let Some(&lane) = known.lanes.get(i) {
                        banned.lanes[lane as usize] = true;
                    }
                }
                root.iter().for_each(|&lane| banned.nodes[self.lanes[lane as usize].from as usize] = true);
                let spur = root.last().map_or(from, |&lane| self.lanes[lane as usize].to);
                let Some(reached) = self.drive(root, now) else { break };
                let Some(rest) = self.search((spur, to), aim, reached, &mut banned) else { continue };
                let lanes: Vec<u32> = root.iter().chain(&rest.lanes).copied().collect();
                if let Some(whole) = self.way(lanes, now) {
                    candidates.insert((key(&whole, aim), whole.lanes));
                }
            }
            found.push(way);
            while let Some((_, lanes)) = candidates.pop_first() {
                if !found.iter().any(|w| w.lanes == lanes) {
                    next = self.way(lanes, now);
                    break;
                }
            }
        }
        found
    }

    fn banned(&self, may_use: &dyn Fn(usize) -> bool) -> Banned {
        let lanes = (0..self.lanes.len()).map(|lane| !may_use(lane)).collect();
        Banned { lanes, nodes: vec![false; self.n_nodes() as usize] }
    }

    /// When a lane ends for who comes to its beginning at a moment; `None` if it is closed for good.
    fn arrival(&self, lane: u32, now: i64) -> Option<i64> {
        let lane = &self.lanes[lane as usize];
        let mut enters = now;
        for window in &lane.closed {
            if (window.start..=window.end).contains(&enters) {
                if window.end == FOREVER {
                    return None;
                }
                enters = window.end + 1;
            }
        }
        let profile = lane.speed.map(|s| &self.speeds[s as usize]);
        Some(Drive::new(i64::from(lane.duration), profile).arrival(enters))
    }

    fn drive(&self, lanes: &[u32], now: i64) -> Option<i64> {
        lanes.iter().try_fold(now, |now, &lane| self.arrival(lane, now))
    }

    /// What lanes in order add up to.
    fn way(&self, lanes: Vec<u32>, now: i64) -> Option<Way> {
        let arrival = self.drive(&lanes, now)?;
        let sum = |f: fn(&Lane) -> u64| lanes.iter().map(|&l| f(&self.lanes[l as usize])).fold(0, u64::saturating_add);
        let (distance_m, cost, grams) = (sum(|l| l.distance_m), sum(|l| l.cost), sum(|l| l.grams));
        Some(Way { lanes, arrival, distance_m, cost, grams })
    }

    fn search(&self, ends: (u32, u32), aim: Aim, now: i64, banned: &mut Banned) -> Option<Way> {
        loop {
            let lanes = self.dijkstra(ends, aim, now, banned)?;
            // By cost or carbon, a lane may close for good before it is reached.
            let mut at = now;
            let shut = lanes.iter().find(|&&lane| match self.arrival(lane, at) {
                Some(arrival) => {
                    at = arrival;
                    false
                }
                None => true,
            });
            match shut {
                Some(&lane) => banned.lanes[lane as usize] = true,
                None => return self.way(lanes, now),
            }
        }
    }

    /// The lanes of the best way. Labels are what is least, then time, then the number of lanes; equal labels keep
    /// the lane that comes first in the list.
    fn dijkstra(&self, (from, to): (u32, u32), aim: Aim, now: i64, banned: &Banned) -> Option<Vec<u32>> {
        if from >= self.n_nodes() || to >= self.n_nodes() || banned.nodes[from as usize] {
            return None;
        }
        type Label = (u64, i64, u32);
        let mut labels: Vec<Option<(Label, u32)>> = vec![None; self.n_nodes() as usize];
        let mut queue: BinaryHeap<Reverse<(Label, u32)>> = BinaryHeap::new();
        labels[from as usize] = Some(((0, now, 0), u32::MAX));
        queue.push(Reverse(((0, now, 0), from)));
        while let Some(Reverse((label, node))) = queue.pop() {
            if node == to {
                break;
            }
            if labels[node as usize].is_none_or(|(known, _)| known != label) {
                continue;
            }
            let range = self.first[node as usize] as usize..self.first[node as usize + 1] as usize;
            for &lane in &self.leaving[range] {
                let l = &self.lanes[lane as usize];
                if banned.lanes[lane as usize] || banned.nodes[l.to as usize] {
                    continue;
                }
                let Some(arrival) = self.arrival(lane, label.1) else { continue };
                let more = match aim {
                    Aim::Time => 0,
                    Aim::Cost => l.cost,
                    Aim::Carbon => l.grams,
                };
                let Some(sum) = label.0.checked_add(more) else { continue };
                let found: Label = (sum, arrival, label.2 + 1);
                let known = &mut labels[l.to as usize];
                let better = known.is_none_or(|(known, last)| (found, lane) < (known, last));
                if better {
                    let requeue = known.is_none_or(|(known, _)| found < known);
                    *known = Some((found, lane));
                    if requeue {
                        queue.push(Reverse((found, l.to)));
                    }
                }
            }
        }
        let mut lanes = Vec::new();
        let mut at = to;
        loop {
            let (_, lane) = labels[at as usize]?;
            if lane == u32::MAX {
                break;
            }
            lanes.push(lane);
            at = self.lanes[lane as usize].from;
        }
        lanes.reverse();
        Some(lanes)
    }
}

fn key(way: &Way, aim: Aim) -> (u64, i64) {
    match aim {
        Aim::Time => (0, way.arrival),
        Aim::Cost => (way.cost, way.arrival),
        Aim::Carbon => (way.grams, way.arrival),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// From 0 to 3: by sea over 1, by road over 2, by air directly.
    fn choices() -> Vec<Lane> {
        let lane = |from, to, duration, cost, grams| Lane { from, to, duration, cost, grams, ..Lane::default() };
        vec![
            lane(0, 1, 300, 20, 5),
            lane(1, 3, 300, 20, 5),
            lane(0, 2, 50, 60, 40),
            lane(2, 3, 60, 60, 40),
            lane(0, 3, 10, 900, 700),
        ]
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Vec<Lane>), aim: Aim, now: i64, lanes: &[u32], arrival: i64) {
        let mut all = choices();
        change(&mut all);
        let rush = SpeedProfile { period: 1_000, pieces: vec![(0, 1_000), (100, 500)] };
        let network = LaneNetwork::new(4, all, vec![rush]).expect("the lanes make a network");
        let way = network.best((0, 3), aim, now, &|_| true).expect("there is a way");
        assert_eq!((way.lanes.as_slice(), way.arrival), (lanes, arrival));
    }

    #[test]
    fn each_aim_has_its_way() {
        check(|_| {}, Aim::Time, 0, &[4], 10);
        check(|_| {}, Aim::Cost, 0, &[0, 1], 600);
        check(|l| l[4].grams = 1, Aim::Carbon, 0, &[4], 10);
    }

    #[test]
    fn who_comes_to_a_closed_lane_waits_or_goes_elsewhere() {
        let shut = |end| vec![Window { start: 0, end }];
        check(|l| l[4].closed = shut(50), Aim::Time, 0, &[4], 61);
        check(|l| l[4].closed = shut(150), Aim::Time, 0, &[2, 3], 110);
        check(|l| l[4].closed = shut(FOREVER), Aim::Time, 0, &[2, 3], 110);
        check(|l| l[1].closed = shut(2_000), Aim::Cost, 0, &[0, 1], 2_301);
        // It is open now and closed for good when the ship is there.
        check(|l| l[1].closed = vec![Window { start: 200, end: FOREVER }], Aim::Cost, 0, &[2, 3], 110);
    }

    #[test]
    fn speeds_by_the_hour_change_the_way() {
        check(|l| (l[4].speed, l[4].duration) = (Some(0), 90), Aim::Time, 0, &[4], 90);
        check(|l| (l[4].speed, l[4].duration) = (Some(0), 90), Aim::Time, 60, &[2, 3], 170);
    }

    #[test]
    fn lanes_that_cannot_be_are_refused() {
        let refused = |lane: Lane| LaneNetwork::new(2, vec![lane], vec![]).err();
        let lane = Lane { to: 1, ..Lane::default() };
        assert!(matches!(refused(Lane { to: 2, ..lane.clone() }), Some(LaneError::NoSuchNode { .. })));
        assert!(matches!(refused(Lane { speed: Some(0), ..lane.clone() }), Some(LaneError::NoSuchProfile { .. })));
        let closed = vec![Window { start: 5, end: 4 }];
        assert!(matches!(refused(Lane { closed, ..lane }), Some(LaneError::Closures { .. })));
    }

    /// All ways without a node twice, the best first.
    fn every(network: &LaneNetwork, from: u32, to: u32, aim: Aim, now: i64) -> Vec<(u64, i64)> {
        let mut out = Vec::new();
        let mut stack = vec![(from, Vec::<u32>::new())];
        while let Some((at, lanes)) = stack.pop() {
            if at == to {
                out.extend(network.way(lanes, now).map(|w| key(&w, aim)));
                continue;
            }
            for (i, lane) in (0_u32..).zip(&network.lanes).filter(|(_, l)| l.from == at) {
                let seen = |l: &u32| network.lanes[*l as usize].from == lane.to;
                if lane.to != from && lane.to != at && !lanes.iter().any(seen) {
                    stack.push((lane.to, lanes.iter().copied().chain([i]).collect()));
                }
            }
        }
        out.sort_unstable();
        out
    }

    proptest! {
        #[test]
        fn alternatives_are_the_best_of_all_ways(
            arcs in prop::collection::vec((0..6_u32, 0..6_u32, 1..30_u32, 0..9_u64, prop::option::of(0..60_i64)), 0..18),
            now in 0_i64..40, by_cost: bool,
        ) {
            let lane = |&(from, to, duration, cost, closed): &(u32, u32, u32, u64, Option<i64>)| Lane {
                from, to, duration, cost, speed: (cost % 2 == 0).then_some(0),
                closed: closed.map(|start| Window { start, end: start + 20 }).into_iter().collect(),
                ..Lane::default()
            };
            let rush = SpeedProfile { period: 50, pieces: vec![(0, 1_000), (20, 400)] };
            let network = LaneNetwork::new(6, arcs.iter().map(lane).collect(), vec![rush]).expect("they are right");
            let aim = if by_cost { Aim::Cost } else { Aim::Time };
            let ways = network.alternatives((0, 5), aim, now, 5, &|_| true);
            let found: Vec<_> = ways.iter().map(|w| key(w, aim)).collect();
            let mut expected = every(&network, 0, 5, aim, now);
            expected.truncate(5);
            prop_assert_eq!(found, expected);
            prop_assert_eq!(network.best((0, 5), aim, now, &|_| true), ways.first().cloned());
        }
    }
}
