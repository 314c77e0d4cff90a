//! A tile before the first day.

use std::array::from_fn;

use super::super::WIDTH;
use super::super::calendar::Calendar;
use super::super::lanes::{V, by_lane};
use super::super::model::{ArcParams, FromShape, Group, LeadShape, Model, NodeParams, PolicyShape, history_at};
use super::super::perish::Lots;
use super::super::random::TableOf;
use super::super::tally::{N_COUNTED, SERIES};
use super::book::Run;
use super::{Arc, Keys, Node, Tile};
use crate::rng::{BlockKey, Purpose};

impl<'a, const W: usize> Tile<'a, W> {
    /// Lanes from `first` on of a group whose lanes are numbered member by member, replication by replication.
    pub(in super::super) fn new(
        model: &'a Model,
        group: &'a Group,
        calendar: &'a Calendar,
        seed: u64,
        first: usize,
        n_lanes: usize,
    ) -> Self {
        let per_member = calendar.replications.len();
        // Idle lanes repeat the last one; nothing of them is counted.
        let lane = |l: usize| first + l.min(n_lanes - 1);
        let members: [usize; W] = from_fn(|l| lane(l) / per_member);
        let replications: [u32; W] = from_fn(|l| calendar.replications.start + (lane(l) % per_member) as u32);
        let (n_nodes, n_arcs) = (group.shape.nodes.len(), group.shape.arcs.len());
        let mut rings = Vec::new();
        let bounded: Vec<bool> = {
            let mut bounded = vec![false; n_arcs];
            for (_, arcs) in &group.shape.capacities {
                arcs.iter().for_each(|(arc, _)| bounded[*arc as usize] = true);
            }
            bounded
        };
        let arcs: Vec<Arc<W>> = (0..n_arcs)
            .map(|a| {
                let shape = &group.shape.arcs[a];
                let params: [&ArcParams; W] = from_fn(|l| &group.arcs[members[l] * n_arcs + a]);
                let longest = match shape.lead {
                    LeadShape::Fixed(days) => u32::from(days),
                    LeadShape::Random => params.iter().map(|p| u32::from(p.lead_max)).max().unwrap_or(1),
                    LeadShape::Timetable => {
                        params.iter().map(|p| calendar.pairs[p.pair as usize].days_max).max().unwrap_or(1)
                    }
                };
                let ring = rings.len();
                let ring_len = longest as usize + 2;
                rings.resize(ring + ring_len, V::ZERO);
                let n_parts = if let FromShape::Recipe(parts) = &shape.from { parts.len() } else { 0 };
                Arc {
                    owed: V::ZERO,
                    in_transit: V::ZERO,
                    shipped: V::ZERO,
                    held: V::ZERO,
                    set_aside: V::ZERO,
                    parts: vec![V::ZERO; n_parts],
                    ring,
                    ring_len,
                    now: 0,
                    last_arrival: V::ZERO,
                    words: [[0; W]; 4],
                    words_until: 0,
                    table: TableOf::new(by_lane(|l| params[l].table)),
                    pair: by_lane(|l| params[l].pair),
                    subject: [by_lane(|l| params[l].subject as u32), by_lane(|l| (params[l].subject >> 32) as u32)],
                    has_way: shape.lead == LeadShape::Timetable || params.iter().any(|p| p.way.is_some()),
                    is_bounded: bounded[a] || n_parts > 0,
                }
            })
            .collect();
        let nodes: Vec<Node<W>> = (0..n_nodes)
            .map(|n| {
                let shape = &group.shape.nodes[n];
                let params: [&NodeParams; W] = from_fn(|l| &group.nodes[members[l] * n_nodes + n]);
                let incoming_len = if shape.has_incoming {
                    let last = params.iter().flat_map(|p| &p.arriving).map(|(day, _)| usize::from(*day)).max();
                    let pool = group.shape.pools.iter().find(|pool| pool.nodes.contains(&(n as u32)));
                    let under_way = pool.and_then(|pool| pool.proactive).map_or(0, |(_, days)| usize::from(days));
                    last.unwrap_or(0).max(under_way) + 2
                } else {
                    0
                };
                let mut incoming = vec![V::ZERO; incoming_len];
                let mut on_order = V::ZERO;
                for (l, params) in params.iter().enumerate() {
                    for (day, pieces) in &params.arriving {
                        incoming[usize::from(*day)].0[l] += pieces;
                        on_order.0[l] += pieces;
                    }
                }
                let lane = |pick: fn(&NodeParams) -> i32| V::from_fn(|l| pick(params[l]));
                let before = if let PolicyShape::MovingAverage(days) = shape.policy { usize::from(days) } else { 0 };
                let start = V::from_fn(|l| (params[l].start_forecast >> 16) as i32);
                Node {
                    on_hand: lane(|p| p.on_hand),
                    backlog: lane(|p| p.backlog),
                    owed: V::ZERO,
                    on_order,
                    demand: V::ZERO,
                    unmet: V::ZERO,
                    lost: V::ZERO,
                    received: V::ZERO,
                    ordered: V::ZERO,
                    seen: V::ZERO,
                    echelon: V::ZERO,
                    shut: V::ZERO,
                    short: V::ZERO,
                    countdown: lane(|p| p.first),
                    trigger: lane(|p| p.trigger),
                    target: lane(|p| p.target),
                    lot: lane(|p| p.lot.max(1)),
                    order_min: lane(|p| p.order_min),
                    order_multiple: lane(|p| p.order_multiple),
                    every: lane(|p| p.every),
                    weekdays: lane(|p| p.weekdays),
                    table: TableOf::new(by_lane(|l| params[l].table)),
                    tier: by_lane(|l| model.book.tier_of[params[l].position as usize]),
                    factor: by_lane(|l| params[l].factor),
                    one_factor: params.iter().all(|p| p.factor == params[0].factor),
                    row: by_lane(|l| params[l].row),
                    history: by_lane(|l| history_at(members[l], model.days) as u32),
                    waiting: by_lane(|l| ((params[l].backorder_permille as u32) << 20) / 1_000),
                    subject: [by_lane(|l| params[l].subject as u32), by_lane(|l| (params[l].subject >> 32) as u32)],
                    words: [[0; W]; 4],
                    counted: [V::ZERO; N_COUNTED],
                    in_series: [V::ZERO; SERIES.len()],
                    squares: [[0; W]; 2],
                    totals: [[0; W]; 2],
                    purchases: [0; W],
                    forecast: by_lane(|l| params[l].start_forecast),
                    smoothing: by_lane(|l| params[l].smoothing),
                    cover: by_lane(|l| params[l].cover),
                    seen_before: vec![start; before],
                    incoming,
                    scheduled: [0; W],
                    levels_until: 0,
                }
            })
            .collect();
        let lots = group.shape.nodes.iter().any(|node| node.is_perishable).then(|| {
            let life = |n: usize, l: usize| group.nodes[members[l] * n_nodes + n].shelf_life;
            let mut lots = Lots::new(n_nodes, n_arcs, W, &life);
            for (n, node) in nodes.iter().enumerate() {
                for l in 0..W {
                    lots.start(n, l, node.on_hand.0[l]);
                    for (day, pieces) in &group.nodes[members[l] * n_nodes + n].arriving {
                        lots.start_incoming(n, l, u32::from(*day), *pieces);
                    }
                }
            }
            lots
        });
        let key = |purpose| BlockKey::new(seed, purpose).words();
        Self {
            is_coupled: arcs.iter().any(|arc| arc.is_bounded),
            is_by_echelon: group.shape.nodes.iter().any(|node| node.policy.is_by_echelon()),
            helps: !group.shape.pools.is_empty(),
            model,
            group,
            calendar,
            nodes,
            arcs,
            rings,
            replications,
            members,
            n_lanes,
            members_in_step: per_member == 1 && W == WIDTH,
            runs: Run::all(&members, &replications, n_lanes),
            keys: Keys { demand: key(Purpose::KernelDemand), lead_time: key(Purpose::KernelLeadTime) },
            lots,
            wants: Vec::new(),
            given: Vec::new(),
            leaves: Vec::new(),
        }
    }
}
