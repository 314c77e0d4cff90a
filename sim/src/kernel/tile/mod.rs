//! The engine: `W` lanes, each one member of a group in one replication, through all days.
//!
//! ```text
//! each day:  receive ─▶ ask ─▶ serve ─▶ (help) ─▶ review, order ─▶ ration, ship ─▶ (make, capacities)
//!                                                  └─ from downstream to upstream ─┘
//! ```
//!
//! An order reaches its supplier on the day; what leaves at the end of day t with a lead time of L can be used
//! at the start of day t + L. So levels cover review period plus lead time, counted from the order.

mod book;
mod help;
mod setup;
mod supply;

use book::Run;

use super::WIDTH;
use super::calendar::{Calendar, state};
use super::lanes::{V, by_lane};
use super::model::{DemandShape, Group, Model, NONE, PolicyShape, RoundingShape, UnmetShape};
use super::perish::Lots;
use super::random::{TableOf, four_days, scaled, share};
use super::ration::Want;
use super::tally::{N_COUNTED, SERIES, Stat, Tally};
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
    table: TableOf<W>,
    tier: [u32; W],
    factor: [u32; W],
    /// All lanes have the same.
    one_factor: bool,
    row: [u32; W],
    /// Where in the group's history of this node.
    history: [u32; W],
    /// Of those who are not served at once, the share that waits, in 2⁻²⁰.
    waiting: [u32; W],
    subject: [[u32; W]; 2],
    words: [[u32; W]; 4],
    pub(super) counted: [V<W>; N_COUNTED],
    /// What of it was in the series before this week.
    in_series: [V<W>; SERIES.len()],
    /// Of what is ordered and seen on a day: sums of squares, and sums of what is booked.
    squares: [[i64; W]; 2],
    totals: [[i64; W]; 2],
    purchases: [i64; W],
    forecast: [i64; W],
    smoothing: [i64; W],
    cover: [i64; W],
    seen_before: Vec<V<W>>,
    incoming: Vec<V<W>>,
    /// Levels taken from each lane's schedule so far, and the first day on which any lane has others.
    scheduled: [u32; W],
    levels_until: u32,
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
    last_arrival: V<W>,
    /// Random words of four days, and the first day they are not for.
    words: [[u32; W]; 4],
    words_until: u32,
    table: TableOf<W>,
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
    runs: Vec<Run>,
    /// The lanes are members side by side, in one replication, as histories are kept.
    members_in_step: bool,
    keys: Keys,
    lots: Option<Lots>,
    wants: Vec<Want>,
    given: Vec<i32>,
    leaves: Vec<V<W>>,
    is_coupled: bool,
    is_by_echelon: bool,
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

use count;

impl<'a, const W: usize> Tile<'a, W> {
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
        let days = self.model.days;
        for day in 0..=days {
            for n in 0..n_nodes {
                if day > 0 {
                    self.close(n, day, tally);
                }
                if day == days {
                    self.finish(n, tally);
                    continue;
                }
                self.open(n, day);
                if !self.helps {
                    self.settle(n, day);
                }
            }
            if day == days {
                break;
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
            _ => self.demand(n, day),
        };
        let node = &mut self.nodes[n];
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

    /// What customers ask for today.
    #[inline(always)]
    fn demand(&mut self, n: usize, day: u32) -> V<W> {
        let (model, shape, node) = (self.model, &self.group.shape.nodes[n], &mut self.nodes[n]);
        let is_random = shape.demand == DemandShape::Random || shape.has_factor || shape.unmet == UnmetShape::Divided;
        if day & 3 == 0 && is_random {
            node.words = four_days(self.keys.demand, day, &self.replications, &node.subject);
        }
        let words = &node.words[day as usize & 3];
        let mut asked = if shape.demand == DemandShape::Random {
            model.tables.draw(&node.table, words)
        } else {
            let today = &self.group.histories[n][day as usize * WIDTH..];
            match self.members_in_step {
                true => V::from_slice(&today[node.history[0] as usize..]),
                false => V::from_fn(|l| today[node.history[l] as usize]),
            }
        };
        if shape.has_factor {
            let factor = |row: u32| match row {
                NONE => FACTOR_ONE,
                row => {
                    let row = &model.situation.factors[row as usize];
                    row[day as usize % row.len()]
                }
            };
            let factor =
                if node.one_factor { [factor(node.factor[0]); W] } else { by_lane(|l| factor(node.factor[l])) };
            asked = V::from_fn(|l| scaled(asked.0[l], factor[l], words[l]));
        }
        asked
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
                V::from_fn(|l| share(unmet.0[l], node.waiting[l], words[l]))
            }
            UnmetShape::Divided => V::ZERO,
        };
        node.lost = unmet - waits;
        node.backlog += waits;
        if shape.unmet != UnmetShape::Waits {
            count!(node, Lost, node.lost);
        }
        node.short = node.short | unmet.positive();
        count!(node, Demand, node.demand);
        count!(node, ServedAtOnce, node.demand - unmet);
        count!(node, ShortDays, unmet.sign());
        count!(node, DemandDays, node.demand.sign());
    }

    /// Looks at the inventory position and orders.
    #[inline(always)]
    fn review(&mut self, n: usize, day: u32) {
        let shape = &self.group.shape.nodes[n];
        let any_echelon = shape.policy.is_by_echelon();
        if matches!(shape.policy, PolicyShape::Scheduled { .. }) && day >= self.nodes[n].levels_until {
            self.take_levels(n, day);
        }
        let node = &mut self.nodes[n];
        node.ordered = V::ZERO;
        // Where nobody orders, what is seen is demand, and is counted there.
        if !shape.is_last() {
            count!(node, Seen, node.seen);
        }
        add_squares(&mut node.squares[1], node.seen);
        if self.is_by_echelon {
            node.echelon = node.on_hand - node.backlog;
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
        add_squares(&mut node.squares[0], quantity);
        if shape.arcs.1 == 1 {
            self.assign(shape.arcs.0 as usize, quantity);
        } else if quantity.any() {
            self.divide(n, quantity, day);
        }
    }
}

impl<'a, const W: usize> Tile<'a, W> {
    /// Takes the levels that hold on `day` from the schedules.
    #[cold]
    fn take_levels(&mut self, n: usize, day: u32) {
        let mut until = u32::MAX;
        for l in 0..W {
            let params = self.params(n, l);
            let node = &mut self.nodes[n];
            while let Some(it) = params.schedule.get(node.scheduled[l] as usize) {
                if it.from_day > day {
                    until = until.min(it.from_day);
                    break;
                }
                node.scheduled[l] += 1;
                (node.trigger.0[l], node.target.0[l]) = (it.min as i32, it.max as i32);
                node.order_min.0[l] = params.order_min.max(it.least as i32);
            }
        }
        self.nodes[n].levels_until = until;
    }
}

#[inline(always)]
fn add_squares<const W: usize>(sums: &mut [i64; W], value: V<W>) {
    for l in 0..W {
        let value = i64::from(value.0[l]);
        sums[l] += value * value;
    }
}
