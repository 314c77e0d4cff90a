//! The engine: `W` lanes, each one member of a group in one replication, through all days.
//!
//! ```text
//! each day:  receive ─▶ ask ─▶ serve ─▶ (help) ─▶ review, order ─▶ ration, ship ─▶ (make, capacities)
//!                                                  └─ from downstream to upstream ─┘
//! ```
//!
//! An order reaches its supplier on the day; what leaves at the end of day t with a lead time of L can be used
//! at the start of day t + L. So levels cover review period plus lead time, counted from the order.

use std::array::from_fn;

use super::calendar::{CLOSED, Calendar, state};
use super::lanes::{V, by_lane};
use super::model::{
    DemandShape, FromShape, Group, LeadShape, Model, NONE, NodeShape, PolicyShape, RoundingShape, UnmetShape,
};
use super::perish::Lots;
use super::random::{Table, four_days, scaled, share};
use super::ration::{Want, ration};
use super::tally::{BUCKET_DAYS, N_COUNTED, SERIES, Stat, Tally};
use crate::rng::{BlockKey, Purpose};
use crate::situation::FACTOR_ONE;

/// One stock position in each lane.
#[derive(Clone, Debug)]
pub(super) struct Node<const W: usize> {
    pub(super) on_hand: V<W>,
    pub(super) backlog: V<W>,
    /// To those who order here.
    pub(super) owed: V<W>,
    pub(super) on_order: V<W>,
    pub(super) demand: V<W>,
    pub(super) unmet: V<W>,
    pub(super) lost: V<W>,
    pub(super) received: V<W>,
    pub(super) ordered: V<W>,
    seen: V<W>,
    /// What this position and all below it have, with what is on its way to them.
    echelon: V<W>,
    shut: V<W>,
    short: V<W>,
    countdown: V<W>,
    trigger: V<W>,
    target: V<W>,
    lot: V<W>,
    order_min: V<W>,
    order_multiple: V<W>,
    every: V<W>,
    weekdays: V<W>,
    table: [Table; W],
    factor: [u32; W],
    row: [u32; W],
    history: [(u32, u32); W],
    permille: V<W>,
    subject: [[u32; W]; 2],
    words: [[u32; W]; 4],
    pub(super) counted: [V<W>; N_COUNTED],
    sums: [[i64; W]; 4],
    purchases: [i64; W],
    forecast: [i64; W],
    smoothing: [i64; W],
    cover: [i64; W],
    seen_before: Vec<V<W>>,
    incoming: Vec<V<W>>,
}

/// One supply in each lane.
#[derive(Clone, Debug)]
pub(super) struct Arc<const W: usize> {
    /// Ordered and not yet sent.
    pub(super) owed: V<W>,
    pub(super) in_transit: V<W>,
    /// Sent on this day.
    pub(super) shipped: V<W>,
    /// What may leave today: there are goods, and then also capacity.
    held: V<W>,
    /// Of the supplier's stock set aside.
    set_aside: V<W>,
    /// Parts set aside for a recipe.
    parts: Vec<V<W>>,
    ring: usize,
    ring_len: usize,
    now: usize,
    last_arrival: [u32; W],
    table: [Table; W],
    pair: [u32; W],
    subject: [[u32; W]; 2],
    has_way: bool,
    is_bounded: bool,
}

/// The state of a group in `W` lanes.
pub(super) struct Tile<'a, const W: usize> {
    pub(super) model: &'a Model,
    pub(super) group: &'a Group,
    calendar: &'a Calendar,
    pub(super) nodes: Vec<Node<W>>,
    pub(super) arcs: Vec<Arc<W>>,
    rings: Vec<V<W>>,
    replications: [u32; W],
    members: [usize; W],
    n_lanes: usize,
    keys: Keys,
    lots: Option<Lots>,
    wants: Vec<Want>,
    given: Vec<i32>,
    is_coupled: bool,
    helps: bool,
}

#[derive(Clone, Copy)]
struct Keys {
    demand: [u32; 2],
    lead_time: [u32; 2],
}

/// Looks at a tile after each day.
pub(super) trait Observe<const W: usize> {
    fn after(&mut self, day: u32, tile: &Tile<'_, W>);
}

/// Nobody looks.
pub(super) struct Unseen;

impl<const W: usize> Observe<W> for Unseen {
    #[inline(always)]
    fn after(&mut self, _: u32, _: &Tile<'_, W>) {}
}

macro_rules! count {
    ($node:expr, $stat:ident, $value:expr) => {
        $node.counted[Stat::$stat as usize] += $value
    };
}

impl<'a, const W: usize> Tile<'a, W> {
    /// Lanes from `first` on of a group whose lanes are numbered member by member, replication by replication.
    pub(super) fn new(
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
                let params: [&super::model::ArcParams; W] = from_fn(|l| &group.arcs[members[l] * n_arcs + a]);
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
                    last_arrival: [0; W],
                    table: params.map(|p| p.table),
                    pair: params.map(|p| p.pair),
                    subject: [params.map(|p| p.subject as u32), params.map(|p| (p.subject >> 32) as u32)],
                    has_way: shape.lead == LeadShape::Timetable || params.iter().any(|p| p.way.is_some()),
                    is_bounded: bounded[a] || n_parts > 0,
                }
            })
            .collect();
        let nodes: Vec<Node<W>> = (0..n_nodes)
            .map(|n| {
                let shape = &group.shape.nodes[n];
                let params: [&super::model::NodeParams; W] = from_fn(|l| &group.nodes[members[l] * n_nodes + n]);
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
                let lane = |pick: fn(&super::model::NodeParams) -> i32| V::from_fn(|l| pick(params[l]));
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
                    table: params.map(|p| p.table),
                    factor: params.map(|p| p.factor),
                    row: params.map(|p| p.row),
                    history: params.map(|p| p.history),
                    permille: lane(|p| p.backorder_permille),
                    subject: [params.map(|p| p.subject as u32), params.map(|p| (p.subject >> 32) as u32)],
                    words: [[0; W]; 4],
                    counted: [V::ZERO; N_COUNTED],
                    sums: [[0; W]; 4],
                    purchases: [0; W],
                    forecast: params.map(|p| p.start_forecast),
                    smoothing: params.map(|p| p.smoothing),
                    cover: params.map(|p| p.cover),
                    seen_before: vec![start; before],
                    incoming,
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
            keys: Keys { demand: key(Purpose::KernelDemand), lead_time: key(Purpose::KernelLeadTime) },
            lots,
            wants: Vec::new(),
            given: Vec::new(),
        }
    }

    /// The stock position of a node in a lane.
    pub(super) fn position(&self, n: usize, l: usize) -> u32 {
        self.params(n, l).position
    }

    /// The supplies of a node.
    pub(super) fn arcs_of(&self, n: usize) -> impl Iterator<Item = &Arc<W>> {
        let (first, count) = self.group.shape.nodes[n].arcs;
        self.arcs[first as usize..(first + count) as usize].iter()
    }

    #[inline(always)]
    fn params(&self, n: usize, l: usize) -> &'a super::model::NodeParams {
        &self.group.nodes[self.members[l] * self.group.shape.nodes.len() + n]
    }

    /// Runs all days.
    #[inline(always)]
    pub(super) fn run(&mut self, tally: &mut Tally, observer: &mut impl Observe<W>) {
        let n_nodes = self.nodes.len();
        for day in 0..self.model.days {
            for n in 0..n_nodes {
                if day > 0 {
                    self.close(n, day, tally);
                }
                self.open(n, day);
                if !self.helps {
                    self.settle(n, day);
                }
            }
            if self.helps {
                self.help(day);
                (0..n_nodes).for_each(|n| self.settle(n, day));
            }
            for n in 0..n_nodes {
                self.review(n, day);
                self.fetch(n, day, tally);
                self.ship(n, day, tally);
            }
            if self.is_coupled {
                self.make_and_bound(day, tally);
            }
            observer.after(day, self);
        }
        for n in 0..n_nodes {
            self.close(n, self.model.days, tally);
            self.finish(n, tally);
        }
    }

    /// The morning: goods come in, customers ask and are served.
    #[inline(always)]
    fn open(&mut self, n: usize, day: u32) {
        let shape = &self.group.shape.nodes[n];
        if shape.has_rows {
            self.look_up_row(n, day);
        }
        let mut received = V::ZERO;
        for a in shape.arcs.0 as usize..(shape.arcs.0 + shape.arcs.1) as usize {
            let arc = &mut self.arcs[a];
            let slot = arc.ring + arc.now;
            arc.now = if arc.now + 1 == arc.ring_len { 0 } else { arc.now + 1 };
            let mut arrived = self.rings[slot];
            self.rings[slot] = V::ZERO;
            if shape.has_rows {
                let waits = arrived & self.nodes[n].shut;
                self.rings[arc.ring + arc.now] += waits;
                arrived -= waits;
            }
            arc.in_transit -= arrived;
            received += arrived;
        }
        let node = &mut self.nodes[n];
        if shape.has_incoming {
            let slot = day as usize % node.incoming.len();
            let mut arrived = node.incoming[slot];
            node.incoming[slot] = V::ZERO;
            if shape.has_rows {
                let waits = arrived & node.shut;
                let next = (slot + 1) % node.incoming.len();
                node.incoming[next] += waits;
                arrived -= waits;
            }
            received += arrived;
        }
        node.on_hand += received;
        node.on_order -= received;
        node.received = received;
        count!(node, Received, received);
        let got = received.positive();
        count!(node, Cycles, got & V::splat(1));
        count!(node, CyclesShort, got & node.short & V::splat(1));
        node.short = node.short & got.not();
        if shape.is_perishable
            && let Some(lots) = &mut self.lots
        {
            let due: [bool; W] = by_lane(|l| lots.is_due(n, l, day));
            if due.contains(&true) {
                let mut wasted = V::ZERO;
                for l in 0..W {
                    if due[l] {
                        wasted.0[l] = lots.morning(n, l, day, node.shut.0[l] != 0, shape.arcs);
                    }
                }
                node.on_hand -= wasted;
                count!(node, Wasted, wasted);
            }
        }
        let demand = match shape.demand {
            DemandShape::None => V::ZERO,
            _ => demand(self.model, shape, node, day, self.keys.demand, &self.replications),
        };
        node.demand = demand;
        node.seen = demand;
        let usable = if shape.has_rows { node.on_hand & node.shut.not() } else { node.on_hand };
        let wanted = node.backlog + demand;
        let served = usable.min(wanted);
        node.on_hand -= served;
        // Those who wait longest come first.
        let still = wanted - served;
        node.unmet = still.min(demand);
        node.backlog = still - node.unmet;
        if shape.is_perishable
            && let Some(lots) = &mut self.lots
        {
            for l in 0..W {
                if served.0[l] > 0 {
                    lots.issue(n, l, served.0[l]);
                }
            }
        }
    }

    #[cold]
    fn look_up_row(&mut self, n: usize, day: u32) {
        let node = &mut self.nodes[n];
        let mut spoilt = V::ZERO;
        for l in 0..W {
            let state = match node.row[l] {
                NONE => state::OPEN,
                row => self.calendar.node_day(row, self.replications[l], day),
            };
            node.shut.0[l] = -i32::from(state != state::OPEN);
            if state == state::SPOILS {
                spoilt.0[l] = node.on_hand.0[l];
                if let Some(lots) = &mut self.lots {
                    lots.issue(n, l, spoilt.0[l]);
                }
            }
        }
        node.on_hand -= spoilt;
        count!(node, Wasted, spoilt);
    }

    /// Who was not served waits or goes.
    #[inline(always)]
    fn settle(&mut self, n: usize, day: u32) {
        let shape = &self.group.shape.nodes[n];
        if shape.demand == DemandShape::None {
            return;
        }
        let node = &mut self.nodes[n];
        let unmet = node.unmet;
        let waits = match shape.unmet {
            UnmetShape::Waits => unmet,
            UnmetShape::Lost => V::ZERO,
            UnmetShape::Divided if unmet.any() => {
                let words = &node.words[day as usize & 3];
                V::from_fn(|l| share(unmet.0[l], node.permille.0[l], words[l]))
            }
            UnmetShape::Divided => V::ZERO,
        };
        node.lost = unmet - waits;
        node.backlog += waits;
        node.short = node.short | unmet.positive();
        count!(node, Demand, node.demand);
        count!(node, ServedAtOnce, node.demand - unmet);
        count!(node, Lost, node.lost);
        count!(node, ShortDays, unmet.sign());
        count!(node, DemandDays, node.demand.sign());
    }

    /// Looks at the inventory position and orders.
    #[inline(always)]
    fn review(&mut self, n: usize, day: u32) {
        let shape = &self.group.shape.nodes[n];
        let any_echelon = shape.policy == PolicyShape::Echelon;
        let node = &mut self.nodes[n];
        node.ordered = V::ZERO;
        count!(node, Seen, node.seen);
        add_moments(&mut node.sums, 2, node.seen);
        node.echelon = node.on_hand - node.backlog;
        if !shape.out.is_empty() {
            let mut below = V::ZERO;
            for &a in &shape.out {
                let child = self.group.shape.arcs[a as usize].child as usize;
                below += self.arcs[a as usize].in_transit + self.nodes[child].echelon;
            }
            self.nodes[n].echelon += below;
        }
        if shape.policy == PolicyShape::Never || shape.arcs.1 == 0 {
            return;
        }
        let node = &mut self.nodes[n];
        match shape.policy {
            PolicyShape::Exponential => {
                for l in 0..W {
                    let seen = i64::from(node.seen.0[l]) << 16;
                    node.forecast[l] += ((seen - node.forecast[l]) * node.smoothing[l]) >> 16;
                }
            }
            PolicyShape::MovingAverage(days) => {
                let slot = day as usize % usize::from(days);
                for l in 0..W {
                    let change = i64::from(node.seen.0[l]) - i64::from(node.seen_before[slot].0[l]);
                    // The sum over the window; divided when it is used.
                    if day == 0 {
                        node.forecast[l] = (node.forecast[l] >> 16) * i64::from(days);
                    }
                    node.forecast[l] += change;
                }
                node.seen_before[slot] = node.seen;
            }
            _ => {}
        }
        let due = if shape.reviews_daily {
            V::ALL
        } else {
            let today = V::splat(1 << (day % 7));
            let due = node.countdown.at_most(V::ZERO) & (node.weekdays & today).positive();
            node.countdown = due.pick(node.every, node.countdown) - V::splat(1);
            due
        };
        if !shape.reviews_daily && !due.any() {
            return;
        }
        let position = match any_echelon {
            true => node.echelon,
            false => node.on_hand - node.backlog - node.owed,
        } + node.on_order;
        let (trigger, target) = match shape.policy {
            PolicyShape::Exponential | PolicyShape::MovingAverage(_) => {
                let days = if let PolicyShape::MovingAverage(days) = shape.policy { i64::from(days) } else { 1 };
                let unit = if shape.policy == PolicyShape::Exponential { 26 } else { 10 };
                let target = V::from_fn(|l| {
                    let covered = node.forecast[l] * node.cover[l] / days;
                    node.target.0[l] + ((covered + (1 << (unit - 1))) >> unit) as i32
                });
                (target - V::splat(1), target)
            }
            _ => (node.trigger, node.target),
        };
        let lack = match shape.policy {
            PolicyShape::Lots => node.lot.times((trigger + V::splat(1) - position).max(V::ZERO).divided_up(node.lot)),
            _ => target - position,
        };
        let mut quantity = (lack & position.at_most(trigger) & due).max(V::ZERO);
        if let Some(rounding) = shape.rounding {
            let wanted = quantity.positive();
            let (least, multiple) = (node.order_min, node.order_multiple);
            let times = match rounding {
                RoundingShape::Up => quantity.max(least).divided_up(multiple),
                RoundingShape::Down => quantity.max(least).divided_down(multiple),
                RoundingShape::Nearest => {
                    let twice = quantity.max(least) + quantity.max(least) + multiple;
                    twice.divided_down(multiple + multiple)
                }
            };
            quantity = multiple.times(times) & wanted;
        }
        node.ordered = quantity;
        node.on_order += quantity;
        count!(node, Orders, quantity.sign());
        count!(node, Ordered, quantity);
        add_moments(&mut node.sums, 0, quantity);
        if shape.arcs.1 == 1 {
            self.assign(shape.arcs.0 as usize, quantity);
        } else if quantity.any() {
            self.divide(n, quantity, day);
        }
    }

    /// Has sent what is ordered outside.
    #[inline(always)]
    fn fetch(&mut self, n: usize, day: u32, tally: &mut Tally) {
        let shape = &self.group.shape.nodes[n];
        for a in shape.arcs.0 as usize..(shape.arcs.0 + shape.arcs.1) as usize {
            if self.group.shape.arcs[a].from == FromShape::Outside {
                let leaves = self.arcs[a].owed & self.is_open(a, day);
                if self.arcs[a].is_bounded {
                    self.arcs[a].held = leaves;
                } else {
                    self.arcs[a].owed -= leaves;
                    self.send(a, leaves, day, tally);
                }
            }
        }
    }

    /// Whether goods can leave on an arc today.
    #[inline(always)]
    fn is_open(&self, a: usize, day: u32) -> V<W> {
        if self.group.shape.arcs[a].lead != LeadShape::Timetable {
            return V::ALL;
        }
        let arc = &self.arcs[a];
        V::from_fn(|l| -i32::from(self.calendar.pair_day(arc.pair[l], self.replications[l], day) != CLOSED))
    }

    /// Books an order at a supplier.
    #[inline(always)]
    fn assign(&mut self, a: usize, quantity: V<W>) {
        let shape = &self.group.shape.arcs[a];
        self.arcs[a].owed += quantity;
        match &shape.from {
            FromShape::Node(from) => {
                let supplier = &mut self.nodes[*from as usize];
                supplier.owed += quantity;
                supplier.seen += quantity;
            }
            FromShape::Recipe(parts) => {
                for (part, units) in parts {
                    let needed = quantity.times(V::splat(*units));
                    let supplier = &mut self.nodes[*part as usize];
                    supplier.owed += needed;
                    supplier.seen += needed;
                }
            }
            FromShape::Outside => {}
        }
        if shape.has_prices && quantity.any() {
            let n_arcs = self.group.shape.arcs.len();
            for l in 0..W {
                let pieces = quantity.0[l];
                if pieces > 0 {
                    let prices = &self.group.arcs[self.members[l] * n_arcs + a].prices;
                    let at = prices.partition_point(|(from, _)| *from <= pieces).saturating_sub(1);
                    let cost = f64::from(pieces) * prices[at].1 * 1e6;
                    self.nodes[shape.child as usize].purchases[l] += cost as i64;
                }
            }
        }
    }

    /// Divides an order among several sources.
    fn divide(&mut self, n: usize, quantity: V<W>, day: u32) {
        let shape = &self.group.shape.nodes[n];
        let arcs = shape.arcs.0 as usize..(shape.arcs.0 + shape.arcs.1) as usize;
        let open: Vec<V<W>> = arcs.clone().map(|a| self.is_open(a, day)).collect();
        let mut parts = vec![V::ZERO; open.len()];
        if shape.sourcing == 1 {
            for l in 0..W {
                let mut wants: Vec<Want> = Vec::with_capacity(open.len());
                let any_open = open.iter().any(|open| open.0[l] != 0);
                for (open, a) in open.iter().zip(arcs.clone()) {
                    let share = i32::from(self.group.shape.arcs[a].share_permille);
                    wants.push(Want { pieces: if any_open { share & open.0[l] } else { share }, priority: 0 });
                }
                let mut given = vec![0; wants.len()];
                if wants.iter().all(|want| want.pieces == 0) {
                    wants[0].pieces = 1;
                }
                super::ration::in_proportion(quantity.0[l], &wants, &mut given);
                given.iter().zip(&mut parts).for_each(|(given, part)| part.0[l] = *given);
            }
        } else {
            let mut rest = quantity;
            for ((part, open), a) in parts.iter_mut().zip(&open).zip(arcs.clone()) {
                let limit = match &self.group.shape.arcs[a].from {
                    FromShape::Node(from) => {
                        let supplier = &self.nodes[*from as usize];
                        (supplier.on_hand - supplier.owed - supplier.backlog).max(V::ZERO)
                    }
                    _ => V::splat(i32::MAX),
                };
                *part = rest.min(limit) & *open;
                rest -= *part;
            }
            // What nobody has waits at the first that is open, or at the first.
            for l in 0..W {
                if rest.0[l] > 0 {
                    let first = open.iter().position(|open| open.0[l] != 0).unwrap_or(0);
                    parts[first].0[l] += rest.0[l];
                }
            }
        }
        for (part, a) in parts.into_iter().zip(arcs) {
            self.assign(a, part);
        }
    }

    /// Sends to those who order here what there is.
    #[inline(always)]
    fn ship(&mut self, n: usize, day: u32, tally: &mut Tally) {
        let shape = &self.group.shape.nodes[n];
        if shape.out.is_empty() && shape.used_by.is_empty() {
            return;
        }
        let node = &self.nodes[n];
        let usable = if shape.has_rows { node.on_hand & node.shut.not() } else { node.on_hand };
        let enough = node.owed.at_most(usable);
        if enough == V::ALL {
            // Everybody gets all; closed arcs keep theirs.
            for &a in &shape.out {
                let a = a as usize;
                let leaves = self.arcs[a].owed & self.is_open(a, day);
                self.leave(n, a, leaves, day, tally);
            }
            for &(a, units) in &shape.used_by {
                let part = self.part_of(a as usize, n);
                let taken = self.arcs[a as usize].owed.times(V::splat(units));
                self.arcs[a as usize].parts[part] = taken;
                self.nodes[n].on_hand -= taken;
            }
        } else {
            self.ship_short(n, usable, day, tally);
        }
    }

    fn part_of(&self, a: usize, n: usize) -> usize {
        match &self.group.shape.arcs[a].from {
            FromShape::Recipe(parts) => parts.iter().position(|(part, _)| *part as usize == n).unwrap_or(0),
            _ => 0,
        }
    }

    #[inline(always)]
    fn leave(&mut self, n: usize, a: usize, leaves: V<W>, day: u32, tally: &mut Tally) {
        self.nodes[n].on_hand -= leaves;
        if self.arcs[a].is_bounded {
            self.arcs[a].held = leaves;
            self.arcs[a].set_aside = leaves;
        } else {
            self.nodes[n].owed -= leaves;
            self.arcs[a].owed -= leaves;
            self.send(a, leaves, day, tally);
        }
    }

    fn ship_short(&mut self, n: usize, usable: V<W>, day: u32, tally: &mut Tally) {
        let shape = &self.group.shape.nodes[n];
        let n_out = shape.out.len();
        let mut leaves = vec![V::ZERO; n_out + shape.used_by.len()];
        let open: Vec<V<W>> = shape.out.iter().map(|a| self.is_open(*a as usize, day)).collect();
        for l in 0..W {
            self.wants.clear();
            for (&a, open) in shape.out.iter().zip(&open) {
                let pieces = self.arcs[a as usize].owed.0[l] & open.0[l];
                self.wants.push(Want { pieces, priority: self.group.shape.arcs[a as usize].priority });
            }
            for &(a, units) in &shape.used_by {
                let pieces = self.arcs[a as usize].owed.0[l] * units;
                self.wants.push(Want { pieces, priority: self.group.shape.arcs[a as usize].priority });
            }
            self.given.clear();
            self.given.resize(self.wants.len(), 0);
            ration(shape.allocation, usable.0[l].max(0), &self.wants, &mut self.given);
            for (i, (given, want)) in self.given.iter().zip(&self.wants).enumerate() {
                let whole = i < n_out && !self.group.shape.arcs[shape.out[i] as usize].partial && *given < want.pieces;
                leaves[i].0[l] = if whole { 0 } else { *given };
            }
        }
        for (i, &a) in shape.out.iter().enumerate() {
            self.leave(n, a as usize, leaves[i], day, tally);
        }
        for (i, &(a, _)) in shape.used_by.iter().enumerate() {
            let part = self.part_of(a as usize, n);
            self.arcs[a as usize].parts[part] = leaves[n_out + i];
            self.nodes[n].on_hand -= leaves[n_out + i];
        }
    }

    /// What recipes can make of the parts set aside, and what capacities let through.
    fn make_and_bound(&mut self, day: u32, tally: &mut Tally) {
        let group = self.group;
        for (a, shape) in group.shape.arcs.iter().enumerate() {
            if let FromShape::Recipe(parts) = &shape.from {
                let mut made = self.arcs[a].owed;
                for (i, (_, units)) in parts.iter().enumerate() {
                    made = made.min(self.arcs[a].parts[i].divided_down(V::splat(*units)));
                }
                if group.shape.nodes[shape.child as usize].has_rows {
                    made = made & self.nodes[shape.child as usize].shut.not();
                }
                self.arcs[a].held = made;
            }
        }
        for (capacity, arcs) in &group.shape.capacities {
            for l in 0..W {
                let most = self.calendar.capacity(*capacity, self.replications[l], day);
                let load = |tile: &Self, (a, each): &(u32, i64)| i64::from(tile.arcs[*a as usize].held.0[l]) * each;
                let all: i64 = arcs.iter().map(|arc| load(self, arc)).sum();
                if all <= most {
                    continue;
                }
                let mut left = most;
                let before: Vec<i32> = arcs.iter().map(|(a, _)| self.arcs[*a as usize].held.0[l]).collect();
                for (a, each) in arcs {
                    let held = &mut self.arcs[*a as usize].held.0[l];
                    *held = (i128::from(*held) * i128::from(most) / i128::from(all)) as i32;
                    left -= i64::from(*held) * each;
                }
                // What rounding left over goes to the first who can use it.
                for ((a, each), before) in arcs.iter().zip(before) {
                    let held = &mut self.arcs[*a as usize].held.0[l];
                    let more = i64::from(before - *held).min(left / each);
                    *held += more as i32;
                    left -= more * each;
                }
            }
        }
        for (a, shape) in group.shape.arcs.iter().enumerate() {
            if !self.arcs[a].is_bounded {
                continue;
            }
            let leaves = self.arcs[a].held;
            match &shape.from {
                FromShape::Node(from) => {
                    let set_aside = self.arcs[a].set_aside;
                    let supplier = &mut self.nodes[*from as usize];
                    supplier.on_hand += set_aside - leaves;
                    supplier.owed -= leaves;
                }
                FromShape::Recipe(parts) => {
                    for (i, (part, units)) in parts.iter().enumerate() {
                        let used = leaves.times(V::splat(*units));
                        let set_aside = self.arcs[a].parts[i];
                        let supplier = &mut self.nodes[*part as usize];
                        supplier.on_hand += set_aside - used;
                        supplier.owed -= used;
                        if group.shape.nodes[*part as usize].is_perishable
                            && let Some(lots) = &mut self.lots
                        {
                            for l in 0..W {
                                lots.issue(*part as usize, l, used.0[l]);
                            }
                        }
                    }
                }
                FromShape::Outside => {}
            }
            self.arcs[a].owed -= leaves;
            self.arcs[a].held = V::ZERO;
            self.arcs[a].set_aside = V::ZERO;
            self.arcs[a].parts.iter_mut().for_each(|part| *part = V::ZERO);
            self.send(a, leaves, day, tally);
        }
    }

    /// Puts goods on their way.
    #[inline(always)]
    fn send(&mut self, a: usize, leaves: V<W>, day: u32, tally: &mut Tally) {
        let shape = &self.group.shape.arcs[a];
        self.arcs[a].shipped = leaves;
        if !leaves.any() {
            return;
        }
        self.arcs[a].in_transit += leaves;
        let mut arrives = [0; W];
        match shape.lead {
            LeadShape::Fixed(days) => {
                let arc = &self.arcs[a];
                let slot = arc.now + usize::from(days) - 1;
                let slot = arc.ring + if slot >= arc.ring_len { slot - arc.ring_len } else { slot };
                self.rings[slot] += leaves;
                arrives = [day + u32::from(days); W];
            }
            LeadShape::Random => {
                let words = four_days(self.keys.lead_time, day, &self.replications, &self.arcs[a].subject);
                let days = self.model.tables.draw(&self.arcs[a].table, &words[day as usize & 3]);
                for l in 0..W {
                    arrives[l] = self.arrive(a, l, leaves.0[l], day, days.0[l].max(1) as u32);
                }
            }
            LeadShape::Timetable => {
                let words = four_days(self.keys.lead_time, day, &self.replications, &self.arcs[a].subject);
                for l in 0..W {
                    if leaves.0[l] == 0 {
                        continue;
                    }
                    let today = self.calendar.pair_day(self.arcs[a].pair[l], self.replications[l], day);
                    let way = &self.calendar.pairs[self.arcs[a].pair[l] as usize].ways[(today >> 16) as usize];
                    let days = match way.fixed {
                        Some(days) => u32::from(days),
                        None => {
                            let V([days]) = self.calendar.tables.draw(&[way.table], &[words[day as usize & 3][l]]);
                            days as u32
                        }
                    };
                    arrives[l] = self.arrive(a, l, leaves.0[l], day, days.max(1) + (today & 0xffff));
                    if l < self.n_lanes {
                        let params = self.arc_params(a, l);
                        let grams = i64::from(leaves.0[l]) * params.mass_g;
                        tally.carry(self.replications[l], &way.legs, day, grams, params.is_cooled);
                    }
                }
            }
        }
        if self.arcs[a].has_way && shape.lead != LeadShape::Timetable {
            for l in 0..self.n_lanes {
                let params = self.arc_params(a, l);
                if let Some(way) = &params.way
                    && leaves.0[l] > 0
                {
                    let grams = i64::from(leaves.0[l]) * params.mass_g;
                    tally.carry(self.replications[l], way, day, grams, params.is_cooled);
                }
            }
        }
        if self.group.shape.nodes[shape.child as usize].is_perishable
            && let Some(lots) = &mut self.lots
        {
            let from = if let FromShape::Node(from) = shape.from { Some(from as usize) } else { None };
            for l in 0..W {
                if leaves.0[l] > 0 {
                    lots.send(from, shape.child as usize, a, l, leaves.0[l], day, arrives[l]);
                }
            }
        }
    }

    #[inline(always)]
    fn arc_params(&self, a: usize, l: usize) -> &'a super::model::ArcParams {
        &self.group.arcs[self.members[l] * self.group.shape.arcs.len() + a]
    }

    /// Plans an arrival in one lane, and gives its day.
    #[inline(always)]
    fn arrive(&mut self, a: usize, l: usize, pieces: i32, day: u32, days: u32) -> u32 {
        if pieces == 0 {
            return 0;
        }
        let may_cross = self.group.shape.arcs[a].may_cross;
        let arc = &mut self.arcs[a];
        let mut at = day + days;
        if !may_cross {
            at = at.max(arc.last_arrival[l]);
            arc.last_arrival[l] = at;
        }
        let slot = (arc.now + (at - day) as usize - 1) % arc.ring_len;
        self.rings[arc.ring + slot].0[l] += pieces;
        at
    }

    /// Sites of an echelon help each other.
    fn help(&mut self, day: u32) {
        let group = self.group;
        for pool in &group.shape.pools {
            match pool.proactive {
                None => (0..W).for_each(|l| self.help_now(&pool.nodes, l)),
                Some((every, days)) if day % u32::from(every.max(1)) == 0 => {
                    (0..W).for_each(|l| self.even_out(&pool.nodes, l, day + u32::from(days.max(1))));
                }
                Some(_) => {}
            }
        }
    }

    fn help_now(&mut self, pool: &[u32], l: usize) {
        let mut givers = pool.iter().map(|n| *n as usize);
        let mut giver = givers.next();
        for &taker in pool {
            let taker = taker as usize;
            let mut lacks = self.nodes[taker].backlog.0[l] + self.nodes[taker].unmet.0[l];
            while lacks > 0
                && let Some(from) = giver
            {
                let node = &mut self.nodes[from];
                let moved = lacks.min(if node.shut.0[l] == 0 { node.on_hand.0[l] } else { 0 });
                if from == taker || moved == 0 {
                    giver = givers.next();
                    continue;
                }
                node.on_hand.0[l] -= moved;
                node.counted[Stat::Transshipped as usize].0[l] += moved;
                if let Some(lots) = &mut self.lots {
                    lots.issue(from, l, moved);
                }
                let node = &mut self.nodes[taker];
                let old = moved.min(node.backlog.0[l]);
                node.backlog.0[l] -= old;
                node.unmet.0[l] -= moved - old;
                lacks -= moved;
            }
        }
    }

    fn even_out(&mut self, pool: &[u32], l: usize, arrives: u32) {
        let nodes = || pool.iter().map(|n| *n as usize);
        let weight: i128 = nodes().map(|n| i128::from(self.params(n, l).weight)).sum();
        let has = |tile: &Self, n: usize| i128::from(tile.nodes[n].on_hand.0[l] + tile.nodes[n].on_order.0[l]);
        let all: i128 = nodes().map(|n| has(self, n)).sum();
        if weight == 0 || all <= 0 {
            return;
        }
        let surplus: Vec<i32> =
            nodes().map(|n| (has(self, n) - all * i128::from(self.params(n, l).weight) / weight) as i32).collect();
        let mut taker = 0;
        let mut taken = 0;
        for (i, from) in nodes().enumerate() {
            let usable = if self.nodes[from].shut.0[l] == 0 { self.nodes[from].on_hand.0[l] } else { 0 };
            let mut spare = surplus[i].min(usable);
            while spare > 0 && taker < pool.len() {
                let lacks = -surplus[taker] - taken;
                if lacks <= 0 {
                    (taker, taken) = (taker + 1, 0);
                    continue;
                }
                let moved = lacks.min(spare);
                (spare, taken) = (spare - moved, taken + moved);
                let to = pool[taker] as usize;
                let node = &mut self.nodes[from];
                node.on_hand.0[l] -= moved;
                node.counted[Stat::Transshipped as usize].0[l] += moved;
                let node = &mut self.nodes[to];
                node.on_order.0[l] += moved;
                let slot = arrives as usize % node.incoming.len();
                node.incoming[slot].0[l] += moved;
                if let Some(lots) = &mut self.lots {
                    lots.lend(from, to, l, moved, arrives);
                }
            }
        }
    }

    /// The evening before `day`: what is there is counted, and booked once a week.
    #[inline(always)]
    fn close(&mut self, n: usize, day: u32, tally: &mut Tally) {
        let warm_up = self.model.warm_up_days;
        let node = &mut self.nodes[n];
        count!(node, OnHandDays, node.on_hand);
        count!(node, BackorderDays, node.backlog);
        count!(node, OnOrderDays, node.on_order);
        if day == warm_up {
            node.counted = [V::ZERO; N_COUNTED];
            node.sums = [[0; W]; 4];
            node.purchases = [0; W];
        } else if day > warm_up && ((day - warm_up) % BUCKET_DAYS == 0 || day == self.model.days) {
            self.book(n, ((day - warm_up - 1) / BUCKET_DAYS) as usize, tally);
        }
    }

    fn book(&mut self, n: usize, bucket: usize, tally: &mut Tally) {
        for l in 0..self.n_lanes {
            let position = self.position(n, l) as usize;
            let book = &self.model.book;
            let rates = book.rates[position];
            let node = &mut self.nodes[n];
            let counted = |stat: Stat| i64::from(node.counted[stat as usize].0[l]);
            let cell = tally.cell_mut(self.replications[l], book.cell_of[position]);
            for (sum, counted) in cell.iter_mut().zip(&node.counted) {
                *sum += i64::from(counted.0[l]);
            }
            let on_hand = counted(Stat::OnHandDays);
            cell[Stat::HoldingCost as usize] += on_hand * rates.holding;
            cell[Stat::BackorderCost as usize] += counted(Stat::BackorderDays) * rates.backorder;
            cell[Stat::LostCost as usize] += counted(Stat::Lost) * rates.lost;
            cell[Stat::LostMargin as usize] += counted(Stat::Lost) * rates.margin;
            cell[Stat::OrderCost as usize] += counted(Stat::Orders) * rates.order;
            cell[Stat::PurchaseCost as usize] += node.purchases[l];
            cell[Stat::TransshipmentCost as usize] += counted(Stat::Transshipped) * rates.transshipment;
            cell[Stat::WasteCost as usize] += counted(Stat::Wasted) * rates.value;
            cell[Stat::ValueDays as usize] += on_hand * (rates.value / 1_000_000);
            let served = counted(Stat::Demand) - counted(Stat::Lost);
            cell[Stat::ServedValue as usize] += served * (rates.value / 1_000_000);
            let points = tally.series_mut(self.replications[l], book.tier_of[position], bucket);
            for (point, stat) in points.iter_mut().zip(SERIES) {
                *point += counted(stat);
            }
            node.purchases[l] = 0;
        }
        self.nodes[n].counted = [V::ZERO; N_COUNTED];
    }

    fn finish(&mut self, n: usize, tally: &mut Tally) {
        let days = i128::from(self.model.days.saturating_sub(self.model.warm_up_days).max(1));
        for l in 0..self.n_lanes {
            let sums = &self.nodes[n].sums;
            let spread =
                |sum: i64, squares: i64| (i128::from(squares) - i128::from(sum) * i128::from(sum) / days) as i64;
            let position = self.position(n, l) as usize;
            let cell = tally.cell_mut(self.replications[l], self.model.book.cell_of[position]);
            cell[Stat::OrderedSpread as usize] += spread(sums[0][l], sums[1][l]);
            cell[Stat::SeenSpread as usize] += spread(sums[2][l], sums[3][l]);
        }
    }
}

/// Adds to a sum and to the sum of squares after it.
#[inline(always)]
fn add_moments<const W: usize>(sums: &mut [[i64; W]; 4], first: usize, value: V<W>) {
    for l in 0..W {
        let value = i64::from(value.0[l]);
        sums[first][l] += value;
        sums[first + 1][l] += value * value;
    }
}

/// What customers ask for today.
#[inline(always)]
fn demand<const W: usize>(
    model: &Model,
    shape: &NodeShape,
    node: &mut Node<W>,
    day: u32,
    key: [u32; 2],
    replications: &[u32; W],
) -> V<W> {
    let word = |node: &Node<W>| node.words[day as usize & 3];
    let is_random = shape.demand == DemandShape::Random || shape.has_factor || shape.unmet == UnmetShape::Divided;
    if day & 3 == 0 && is_random {
        node.words = four_days(key, day, replications, &node.subject);
    }
    let mut asked = if shape.demand == DemandShape::Random {
        model.tables.draw(&node.table, &word(node))
    } else {
        V::from_fn(|l| {
            let (from, len) = node.history[l];
            if day < len { model.history[(from + day) as usize] } else { 0 }
        })
    };
    if shape.has_factor {
        let factors = &model.situation.factors;
        let words = word(node);
        let factor: [u32; W] = by_lane(|l| match node.factor[l] {
            NONE => FACTOR_ONE,
            row => {
                let row = &factors[row as usize];
                row[day as usize % row.len()]
            }
        });
        asked = V::from_fn(|l| scaled(asked.0[l], factor[l], words[l]));
    }
    asked
}
