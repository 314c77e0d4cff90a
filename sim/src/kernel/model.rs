//! A situation made ready to run: what is alike gathered into groups, what is fixed worked out once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::WIDTH;
use super::calendar::{CapacityRow, Pair, Struck0};
use super::random::{Table, Tables};
use super::routes::{Closures, Struck1, Way, Ways};
use super::tally::{BUCKET_DAYS, Book};
use crate::rng::{mix, subject};
use crate::situation::{
    Allocation, Capacity, DayLevels, Demand, FACTOR_ONE, Lateral, LeadTime, Origin, Policy, Rounding, Route, Situation,
    Smoothing, Sourcing, StockPosition, Struck, Transshipment, When,
};
use firmware_schemas::network::TemperatureClass;

/// No row, table or site.
pub(super) const NONE: u32 = u32::MAX;
/// The most pieces of a SKU: their sums over [`BOOK_DAYS_MIN`] stay within 32 bits.
const PIECES_MAX: u32 = 1 << 26;
const BOOK_DAYS_MIN: u32 = 28;

/// Quantities that the kernel cannot count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{pieces} pieces of {sku:?} in {days} days are more than the simulator counts: at most 67108864; use a larger unit"
)]
pub struct TooLarge {
    /// Of what.
    pub sku: String,
    /// How many there may be.
    pub pieces: u64,
    /// In how long.
    pub days: u32,
}

/// A supply network ready to be run any number of times. Immutable; runs share it between threads.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) situation: Arc<Situation>,
    pub(super) days: u32,
    pub(super) warm_up_days: u32,
    /// Days of counts in 32 bits, before they go to sums in 64; a multiple of a week.
    book_days: u32,
    pub(super) groups: Vec<Group>,
    pub(super) tables: Tables,
    pub(super) pairs: Vec<Pair>,
    pub(super) node_rows: Vec<(u32, u32)>,
    pub(super) capacities: Vec<CapacityRow>,
    pub(super) struck: Vec<Struck0>,
    pub(super) book: Book,
}

/// Stock positions that are simulated together, and others with the very same structure.
///
/// What is here is the same for all members; a lane of the engine is one member in one replication.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) shape: Shape,
    pub(super) members: usize,
    /// Of member m and node n at `m × nodes + n`.
    pub(super) nodes: Vec<NodeParams>,
    pub(super) arcs: Vec<ArcParams>,
    /// By node, what was asked for in the past: see [`history_at`]. Empty where demand is not of the past.
    pub(super) histories: Vec<Vec<i32>>,
}

/// Where the history of a member begins; its next day is [`WIDTH`] further on. So that of a day, members lie side
/// by side as lanes do.
pub(super) fn history_at(member: usize, days: u32) -> usize {
    member / WIDTH * WIDTH * days as usize + member % WIDTH
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    /// From downstream to upstream.
    pub(super) nodes: Vec<NodeShape>,
    pub(super) arcs: Vec<ArcShape>,
    pub(super) pools: Vec<PoolShape>,
    /// Arcs that share a capacity: its number, the arcs and what a piece of each takes of it.
    pub(super) capacities: Vec<(u32, Vec<(u32, i64)>)>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeShape {
    pub(super) demand: DemandShape,
    pub(super) has_factor: bool,
    pub(super) unmet: UnmetShape,
    pub(super) policy: PolicyShape,
    pub(super) reviews_daily: bool,
    pub(super) rounding: Option<RoundingShape>,
    pub(super) sourcing: u8,
    pub(super) allocation: u8,
    pub(super) has_rows: bool,
    pub(super) is_perishable: bool,
    pub(super) has_incoming: bool,
    /// The arcs that end here: the first and how many.
    pub(super) arcs: (u32, u32),
    /// The arcs that begin here.
    pub(super) out: Vec<u32>,
    /// Recipes that take from here: their arc and the pieces in each piece made.
    pub(super) used_by: Vec<(u32, i32)>,
}

impl NodeShape {
    /// Whether nobody orders here.
    pub(super) fn is_last(&self) -> bool {
        self.out.is_empty() && self.used_by.is_empty()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DemandShape {
    None,
    Random,
    History,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum UnmetShape {
    Waits,
    Lost,
    Divided,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PolicyShape {
    Never,
    UpTo,
    Lots,
    Echelon,
    Exponential,
    MovingAverage(u16),
    /// Levels by day, of the stock or of the echelon.
    Scheduled {
        of_echelon: bool,
    },
}

impl PolicyShape {
    /// Whether it looks at the stock of the whole echelon.
    pub(super) fn is_by_echelon(self) -> bool {
        matches!(self, Self::Echelon | Self::Scheduled { of_echelon: true })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RoundingShape {
    Up,
    Down,
    Nearest,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ArcShape {
    pub(super) child: u32,
    pub(super) from: FromShape,
    pub(super) lead: LeadShape,
    pub(super) may_cross: bool,
    pub(super) partial: bool,
    pub(super) priority: u8,
    pub(super) share_permille: u16,
    pub(super) has_prices: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FromShape {
    Outside,
    Node(u32),
    /// Nodes and pieces of each in a piece made.
    Recipe(Vec<(u32, i32)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LeadShape {
    Fixed(u16),
    Random,
    Timetable,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PoolShape {
    pub(super) nodes: Vec<u32>,
    /// Every so many days, and days under way; `None`: reactive.
    pub(super) proactive: Option<(u16, u16)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct NodeParams {
    pub(super) position: u32,
    pub(super) subject: u64,
    pub(super) on_hand: i32,
    pub(super) backlog: i32,
    pub(super) trigger: i32,
    pub(super) target: i32,
    pub(super) lot: i32,
    pub(super) order_min: i32,
    pub(super) order_multiple: i32,
    pub(super) every: i32,
    pub(super) first: i32,
    pub(super) weekdays: i32,
    pub(super) table: Table,
    pub(super) factor: u32,
    pub(super) backorder_permille: i32,
    pub(super) row: u32,
    pub(super) shelf_life: u32,
    pub(super) smoothing: i64,
    pub(super) cover: i64,
    pub(super) start_forecast: i64,
    pub(super) weight: i64,
    pub(super) arriving: Vec<(u16, i32)>,
    /// Levels that change, by their first day.
    pub(super) schedule: Arc<[DayLevels]>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ArcParams {
    pub(super) subject: u64,
    pub(super) table: Table,
    /// Days under way without disruption, on average.
    pub(super) lead_mean: f64,
    /// The longest time under way in this arc's own distribution.
    pub(super) lead_max: u16,
    pub(super) pair: u32,
    pub(super) prices: Vec<(i32, f64)>,
    pub(super) mass_g: i64,
    pub(super) is_cooled: bool,
    /// Lanes, and metres on each.
    pub(super) way: Option<Arc<[(u32, i64)]>>,
}

impl Model {
    /// Makes a model of `situation` that runs for `days`, of which the first `warm_up_days` are not counted.
    ///
    /// The situation must have passed [`Situation::check`] and [`Model::fits`]; what they refuse is not looked for
    /// here.
    pub fn new(situation: Arc<Situation>, days: u32, warm_up_days: u32) -> Self {
        Builder::new(&situation, days).build(situation.clone(), warm_up_days)
    }

    /// Whether quantities stay within what the engine counts in, whatever happens in `days`: all stock, and all
    /// demand at its highest factor with six standard deviations to spare, are at most 2²⁶ pieces of a SKU, and so
    /// are the parts of all that.
    pub fn fits(situation: &Situation, days: u32) -> Result<(), TooLarge> {
        match most_pieces(situation, days) {
            Some((sku, pieces)) if pieces > f64::from(PIECES_MAX) => {
                Err(TooLarge { sku: situation.skus[sku].sku.to_string(), pieces: pieces as u64, days })
            }
            _ => Ok(()),
        }
    }

    /// What is run.
    pub fn situation(&self) -> &Situation {
        &self.situation
    }

    /// Usual days under way of what each stock position orders from its first source; `None` where it has none, or
    /// nothing leads there.
    pub fn usual_lead_days(&self) -> Vec<Option<f64>> {
        let mut days = vec![None; self.situation.positions.len()];
        for group in &self.groups {
            let (n_nodes, n_arcs) = (group.shape.nodes.len(), group.shape.arcs.len());
            for member in 0..group.members {
                for (n, node) in group.shape.nodes.iter().enumerate().filter(|(_, node)| node.arcs.1 > 0) {
                    let position = group.nodes[member * n_nodes + n].position;
                    days[position as usize] = Some(group.arcs[member * n_arcs + node.arcs.0 as usize].lead_mean);
                }
            }
        }
        days
    }

    /// Days of a run, those of the warm-up included.
    pub fn days(&self) -> u32 {
        self.days
    }

    /// SKU-site-days of one replication.
    pub fn position_days(&self) -> u64 {
        self.situation.positions.len() as u64 * u64::from(self.days)
    }

    /// Whether counts are booked, and begin anew, once `day` days are over.
    pub(super) fn is_booked_after(&self, day: u32) -> bool {
        day >= self.warm_up_days && (day - self.warm_up_days).is_multiple_of(self.book_days)
    }

    /// In how many groups of like structure the stock positions fall.
    pub fn n_groups(&self) -> usize {
        self.groups.len()
    }
}

struct Builder<'a> {
    s: &'a Situation,
    days: u32,
    weekday0: u32,
    ways: Ways<'a>,
    usual: BTreeMap<(u32, u32), Option<Way>>,
    lead_of_way: BTreeMap<(u32, u32), (LeadShape, Table, u16)>,
    touched: Closures,
    tables: Tables,
    table_of: BTreeMap<usize, Table>,
    pairs: Vec<Pair>,
    pair_of: BTreeMap<(u32, u32, u32), u32>,
    directs: Vec<LeadTime>,
    node_rows: Vec<(u32, u32)>,
    row_of: BTreeMap<(u32, u32), u32>,
    capacities: Vec<CapacityRow>,
    capacity_of: BTreeMap<CapacityRow, u32>,
    shut_sites: BTreeSet<u32>,
    spoilt: BTreeSet<(u32, u32)>,
    place: Vec<u32>,
}

impl<'a> Builder<'a> {
    fn new(s: &'a Situation, days: u32) -> Self {
        let once = |d: &crate::situation::Disruption| Struck1 { strikes: d.strikes.clone(), from: 0, until: 1 };
        let all: Vec<Struck1> = s.disruptions.iter().map(once).collect();
        let mut shut_sites = BTreeSet::new();
        let mut spoilt = BTreeSet::new();
        for struck in &all {
            match &struck.strikes {
                Struck::Site(site) => _ = shut_sites.insert(*site),
                Struck::Spoils(site, skus) => spoilt.extend(skus.iter().map(|sku| (*site, *sku))),
                _ => {}
            }
        }
        Self {
            s,
            days,
            weekday0: (s.start.as_secs().div_euclid(86_400) + 3).rem_euclid(7) as u32, // 1970-01-01 was a Thursday
            ways: Ways::new(s),
            usual: BTreeMap::new(),
            lead_of_way: BTreeMap::new(),
            touched: Closures::of(&all),
            tables: Tables::default(),
            table_of: BTreeMap::new(),
            pairs: Vec::new(),
            pair_of: BTreeMap::new(),
            directs: Vec::new(),
            node_rows: Vec::new(),
            row_of: BTreeMap::new(),
            capacities: Vec::new(),
            capacity_of: BTreeMap::new(),
            shut_sites,
            spoilt,
            place: vec![0; s.positions.len()],
        }
    }

    fn build(mut self, situation: Arc<Situation>, warm_up_days: u32) -> Model {
        let s = self.s;
        let heights = heights(s);
        // By name, not by place in a list: whoever comes first in a shortage is the same in any order of sites.
        let site_ranks = ranks(s.sites.iter().map(|site| &site.site));
        let sku_ranks = ranks(s.skus.iter().map(|sku| &sku.sku));
        let mut grouped: BTreeMap<Shape, (Vec<NodeParams>, Vec<ArcParams>)> = BTreeMap::new();
        for mut component in self.components() {
            component.sort_by_key(|at| {
                let position = &s.positions[*at as usize];
                (heights[*at as usize], sku_ranks[position.sku as usize], site_ranks[position.site as usize])
            });
            let (shape, nodes, arcs) = self.member(&component);
            let group = grouped.entry(shape).or_default();
            group.0.extend(nodes);
            group.1.extend(arcs);
        }
        let groups = grouped
            .into_iter()
            .map(|(shape, (nodes, arcs))| Group {
                members: nodes.len() / shape.nodes.len(),
                histories: histories(s, self.days, &shape, &nodes),
                shape,
                nodes,
                arcs,
            })
            .collect();
        let struck = s
            .disruptions
            .iter()
            .map(|d| Struck0 { strikes: d.strikes.clone(), when: d.when, subject: subject(&["disruption", &d.name]) })
            .collect();
        let most = most_pieces(s, self.days).map_or(1.0, |(_, pieces)| pieces.max(1.0));
        // With twice the room that is needed.
        let book_days = (f64::from(i32::MAX / 2) / most) as u32 / BUCKET_DAYS * BUCKET_DAYS;
        Model {
            book: Book::of(s, self.days, warm_up_days),
            book_days: book_days.max(BOOK_DAYS_MIN),
            situation,
            days: self.days,
            warm_up_days,
            groups,
            tables: self.tables,
            pairs: self.pairs,
            node_rows: self.node_rows,
            capacities: self.capacities,
            struck,
        }
    }

    /// Positions that must be simulated together: of one SKU, or joined by a recipe or a capacity.
    fn components(&mut self) -> Vec<Vec<u32>> {
        let s = self.s;
        let mut parent: Vec<u32> = (0..s.skus.len() as u32).collect();
        fn root(parent: &mut [u32], mut at: u32) -> u32 {
            while parent[at as usize] != at {
                parent[at as usize] = parent[parent[at as usize] as usize];
                at = parent[at as usize];
            }
            at
        }
        let mut join = |a: u32, b: u32| {
            let (a, b) = (root(&mut parent, a), root(&mut parent, b));
            parent[a.max(b) as usize] = a.min(b);
        };
        let mut first_of_capacity: BTreeMap<CapacityRow, u32> = BTreeMap::new();
        for position in &s.positions {
            for source in &position.sources {
                if let Origin::Recipe { parts, .. } = &source.from {
                    for (part, _) in parts {
                        join(position.sku, s.positions[*part as usize].sku);
                    }
                }
                for row in self.capacity_rows(position, source) {
                    let first = *first_of_capacity.entry(row).or_insert(position.sku);
                    join(position.sku, first);
                }
            }
        }
        // Positions of one SKU that share no supply are apart: more members, more lanes.
        let mut by_position: Vec<u32> = (0..s.positions.len() as u32).collect();
        let mut pool_first: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        let mut sku_first: BTreeMap<u32, u32> = BTreeMap::new();
        let coupled: Vec<bool> = {
            let mut size = vec![0_u32; s.skus.len()];
            let roots: Vec<u32> = (0..s.skus.len() as u32).map(|sku| root(&mut parent, sku)).collect();
            for r in &roots {
                size[*r as usize] += 1;
            }
            roots.iter().map(|r| size[*r as usize] > 1 || first_of_capacity.values().any(|sku| sku == r)).collect()
        };
        let mut join = |a: u32, b: u32| {
            let (a, b) = (root(&mut by_position, a), root(&mut by_position, b));
            by_position[a.max(b) as usize] = a.min(b);
        };
        for (i, position) in (0_u32..).zip(&s.positions) {
            for source in &position.sources {
                match &source.from {
                    Origin::Position(from) => join(i, *from),
                    Origin::Recipe { parts, .. } => parts.iter().for_each(|(part, _)| join(i, *part)),
                    Origin::Outside { .. } => {}
                }
            }
            if let Some(lateral) = &position.lateral {
                join(i, *pool_first.entry((position.sku, lateral.pool)).or_insert(i));
            }
            if coupled[position.sku as usize] {
                let family = root(&mut parent, position.sku);
                join(i, *sku_first.entry(family).or_insert(i));
            }
        }
        let mut components: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for i in 0..s.positions.len() as u32 {
            components.entry(root(&mut by_position, i)).or_default().push(i);
        }
        components.into_values().collect()
    }

    /// The capacities that goods of a source take up.
    fn capacity_rows(&mut self, position: &StockPosition, source: &crate::situation::Source) -> Vec<CapacityRow> {
        let s = self.s;
        let mut rows = Vec::new();
        let from = match &source.from {
            Origin::Outside { site } => *site,
            Origin::Position(from) => Some(s.positions[*from as usize].site),
            Origin::Recipe { per_day_max, .. } => {
                if per_day_max.is_some() {
                    rows.push(CapacityRow::Making(self.index_of(position)));
                }
                None
            }
        };
        if let Some(from) = from {
            if s.sites[from as usize].ships_per_day_max.is_some() {
                rows.push(CapacityRow::Site(from));
            }
            if source.route == Route::Lanes
                && let Some(way) = self.usual(from, position.site)
            {
                let bound = way.lanes.iter().filter(|lane| s.lanes[**lane as usize].capacity_per_day.is_some());
                rows.extend(bound.map(|lane| CapacityRow::Lane(*lane)));
            }
        }
        rows
    }

    fn index_of(&self, position: &StockPosition) -> u32 {
        self.s.positions.iter().position(|p| std::ptr::eq(p, position)).unwrap_or_default() as u32
    }

    fn usual(&mut self, from: u32, to: u32) -> Option<Way> {
        let ways = &self.ways;
        self.usual.entry((from, to)).or_insert_with(|| ways.find(from, to, 0, &Closures::default())).clone()
    }

    fn table(&mut self, pmf: &Arc<crate::theory::distribution::Pmf>) -> Table {
        let tables = &mut self.tables;
        *self.table_of.entry(Arc::as_ptr(pmf) as usize).or_insert_with(|| tables.add(pmf))
    }

    fn member(&mut self, component: &[u32]) -> (Shape, Vec<NodeParams>, Vec<ArcParams>) {
        let s = self.s;
        for (i, at) in (0_u32..).zip(component) {
            self.place[*at as usize] = i;
        }
        let mut shape = Shape { nodes: Vec::new(), arcs: Vec::new(), pools: Vec::new(), capacities: Vec::new() };
        let mut nodes = Vec::new();
        let mut arcs: Vec<ArcParams> = Vec::new();
        let mut capacities: BTreeMap<u32, Vec<(u32, i64)>> = BTreeMap::new();
        let mut pools: BTreeMap<(u32, u32), PoolShape> = BTreeMap::new();
        for (i, &at) in (0_u32..).zip(component) {
            let p = &s.positions[at as usize];
            let first_arc = shape.arcs.len() as u32;
            let mut sources: Vec<&crate::situation::Source> = p.sources.iter().collect();
            if p.sourcing == Sourcing::Cheapest {
                let cost = |source: &crate::situation::Source| self.unit_cost(p, source);
                let mut priced: Vec<(f64, &crate::situation::Source)> = sources.iter().map(|s| (cost(s), *s)).collect();
                priced.sort_by(|a, b| a.0.total_cmp(&b.0));
                sources = priced.into_iter().map(|(_, source)| source).collect();
            }
            for source in sources {
                let (arc, params) = self.arc(i, p, source);
                let number = shape.arcs.len() as u32;
                for row in self.capacity_rows(p, source) {
                    let all = &mut self.capacities;
                    let id = *self.capacity_of.entry(row).or_insert_with(|| {
                        all.push(row);
                        all.len() as u32 - 1
                    });
                    let by_mass = match row {
                        CapacityRow::Lane(_) => true,
                        CapacityRow::Site(site) => {
                            matches!(s.sites[site as usize].ships_per_day_max, Some(Capacity::Grams(_)))
                        }
                        CapacityRow::Making(_) => false,
                    };
                    let each = if by_mass { params.mass_g.max(1) } else { 1 };
                    capacities.entry(id).or_default().push((number, each));
                }
                shape.arcs.push(arc);
                arcs.push(params);
            }
            if let Some(Lateral { pool, when, .. }) = p.lateral {
                let proactive = match when {
                    Transshipment::Reactive => None,
                    Transshipment::Proactive { every_days, lead_days } => Some((every_days, lead_days)),
                };
                let entry = pools.entry((p.sku, pool));
                entry.or_insert(PoolShape { nodes: Vec::new(), proactive }).nodes.push(i);
            }
            let (node, params) = self.node(at, p, (first_arc, shape.arcs.len() as u32 - first_arc));
            shape.nodes.push(node);
            nodes.push(params);
        }
        for (number, arc) in (0_u32..).zip(&shape.arcs) {
            match &arc.from {
                FromShape::Node(from) => shape.nodes[*from as usize].out.push(number),
                FromShape::Recipe(parts) => {
                    for (part, units) in parts {
                        shape.nodes[*part as usize].used_by.push((number, *units));
                    }
                }
                FromShape::Outside => {}
            }
        }
        shape.pools = pools.into_values().collect();
        shape.capacities = capacities.into_iter().collect();
        (shape, nodes, arcs)
    }

    /// Price of a piece in small orders, and its freight.
    fn unit_cost(&self, p: &StockPosition, source: &crate::situation::Source) -> f64 {
        let s = self.s;
        let price = source.prices.first().map_or(0.0, |(_, price)| *price);
        let from = match &source.from {
            Origin::Outside { site } => *site,
            Origin::Position(from) => Some(s.positions[*from as usize].site),
            Origin::Recipe { .. } => None,
        };
        let Some(from) = from.filter(|_| source.route == Route::Lanes) else { return price };
        let way = self.ways.find(from, p.site, 0, &Closures::default());
        let per_tonne: i64 = way.iter().flat_map(|way| &way.lanes).map(|l| s.lanes[*l as usize].tonne_cost_minor).sum();
        price + per_tonne as f64 * s.skus[p.sku as usize].mass.0 as f64 / 1e6
    }

    fn node(&mut self, at: u32, p: &StockPosition, arcs: (u32, u32)) -> (NodeShape, NodeParams) {
        let s = self.s;
        let sku = &s.skus[p.sku as usize];
        let site = &s.sites[p.site as usize];
        let subject = subject(&[site.site.as_str(), sku.sku.as_str()]);
        let mut params = NodeParams {
            position: at,
            subject,
            on_hand: p.on_hand as i32,
            backlog: p.backorders as i32,
            order_min: p.ordering.min.max(1) as i32,
            order_multiple: p.ordering.multiple.max(1) as i32,
            every: i32::from(p.review.every_days.max(1)),
            first: i32::from(p.review.first_day),
            weekdays: i32::from(rotated(p.review.weekdays, self.weekday0)),
            factor: NONE,
            row: NONE,
            backorder_permille: i32::from(p.backorder_permille.min(1_000)),
            shelf_life: sku.shelf_life_days.map_or(0, u32::from),
            arriving: p.arriving.iter().map(|a| (a.day, a.pieces as i32)).collect(),
            schedule: match &p.policy {
                Policy::Scheduled { levels, .. } => levels.clone(),
                _ => Arc::from([]),
            },
            ..NodeParams::default()
        };
        let mut mean = 0.0;
        let (demand, factor) = match &p.demand {
            Demand::None => (DemandShape::None, None),
            Demand::Random { pieces, factor } => {
                params.table = self.table(pieces);
                mean = pieces.mean();
                (DemandShape::Random, *factor)
            }
            Demand::History { pieces, factor } => {
                mean = pieces.iter().map(|p| f64::from(*p)).sum::<f64>() / pieces.len().max(1) as f64;
                (DemandShape::History, *factor)
            }
        };
        params.factor = factor.unwrap_or(NONE);
        params.weight = (mean * 1e6) as i64;
        let never = (i32::MIN, 0, 0);
        let (policy, (trigger, target, lot)) = match &p.policy {
            Policy::Never => (PolicyShape::Never, never),
            Policy::BaseStock { level } => (PolicyShape::UpTo, (*level as i32 - 1, *level as i32, 0)),
            Policy::MinMax { min, max } => (PolicyShape::UpTo, (*min as i32, *max as i32, 0)),
            Policy::ReorderLot { reorder_point, lot } => {
                (PolicyShape::Lots, (*reorder_point as i32, 0, (*lot).max(1) as i32))
            }
            Policy::EchelonBaseStock { level } => (PolicyShape::Echelon, (*level as i32 - 1, *level as i32, 0)),
            // The kernel takes the levels of a day from the schedule, day 0 included.
            Policy::Scheduled { of_echelon, .. } => (PolicyShape::Scheduled { of_echelon: *of_echelon }, never),
            Policy::Forecast { smoothing, cover_days, safety } => {
                params.cover = (cover_days * 1_024.0) as i64;
                params.start_forecast = (mean * 65_536.0) as i64;
                let shape = match smoothing {
                    Smoothing::MovingAverage { days } => PolicyShape::MovingAverage((*days).max(1)),
                    Smoothing::Exponential { alpha_permille } => {
                        params.smoothing = i64::from(*alpha_permille) * 65_536 / 1_000;
                        PolicyShape::Exponential
                    }
                };
                (shape, (0, *safety as i32, 0))
            }
        };
        (params.trigger, params.target, params.lot) = (trigger, target, lot);
        let has_rows = self.shut_sites.contains(&p.site) || self.spoilt.contains(&(p.site, p.sku));
        if has_rows {
            let rows = &mut self.node_rows;
            let key = (p.site, if self.spoilt.contains(&(p.site, p.sku)) { p.sku } else { NONE });
            params.row = *self.row_of.entry(key).or_insert_with(|| {
                rows.push(key);
                rows.len() as u32 - 1
            });
        }
        let has_least = params.schedule.iter().any(|it| it.least > 1);
        let rounded = p.ordering.multiple > 1 || p.ordering.min > 1 || has_least;
        let shape = NodeShape {
            demand,
            has_factor: factor.is_some(),
            unmet: match p.backorder_permille {
                1_000.. => UnmetShape::Waits,
                0 => UnmetShape::Lost,
                _ => UnmetShape::Divided,
            },
            policy,
            reviews_daily: p.review.every_days <= 1 && p.review.first_day == 0 && p.review.weekdays & 0x7f == 0x7f,
            rounding: rounded.then_some(match p.ordering.rounding {
                Rounding::Up => RoundingShape::Up,
                Rounding::Down => RoundingShape::Down,
                Rounding::Nearest => RoundingShape::Nearest,
            }),
            sourcing: u8::from(p.sourcing == Sourcing::Share),
            allocation: match p.allocation {
                Allocation::Proportional => 0,
                Allocation::Priority => 1,
                Allocation::FairShare => 2,
            },
            has_rows,
            is_perishable: sku.shelf_life_days.is_some(),
            has_incoming: !p.arriving.is_empty()
                || matches!(p.lateral, Some(Lateral { when: Transshipment::Proactive { .. }, .. })),
            arcs,
            out: Vec::new(),
            used_by: Vec::new(),
        };
        (shape, params)
    }

    fn arc(&mut self, child: u32, p: &StockPosition, source: &crate::situation::Source) -> (ArcShape, ArcParams) {
        let s = self.s;
        let (from_site, from, name) = match &source.from {
            Origin::Outside { site } => (*site, FromShape::Outside, "outside"),
            Origin::Position(from) => {
                (Some(s.positions[*from as usize].site), FromShape::Node(self.place[*from as usize]), "position")
            }
            Origin::Recipe { parts, .. } => {
                let parts = parts.iter().map(|(part, units)| (self.place[*part as usize], *units as i32)).collect();
                (Some(p.site), FromShape::Recipe(parts), "recipe")
            }
        };
        let mut params = ArcParams {
            pair: NONE,
            lead_max: 1,
            mass_g: s.skus[p.sku as usize].mass.0 as i64,
            is_cooled: s.skus[p.sku as usize].temperature != TemperatureClass::Dry,
            prices: source.prices.iter().map(|(from, price)| (*from as i32, *price)).collect(),
            ..ArcParams::default()
        };
        let sites = [from_site, Some(p.site)].map(|site| site.map_or("", |site| s.sites[site as usize].site.as_str()));
        params.subject = mix(
            subject(&["supply", name, sites[0], sites[1], s.skus[p.sku as usize].sku.as_str()]),
            u64::from(source.priority),
        );
        let shut = from_site.is_some_and(|site| self.shut_sites.contains(&site));
        let (lead, may_cross) = match (&source.route, from_site) {
            (Route::Direct { days, may_cross }, _) => {
                params.lead_mean = match days {
                    LeadTime::Constant(days) => f64::from((*days).max(1)),
                    LeadTime::Random(pmf) => pmf.mean().max(1.0),
                };
                let direct = self.directs.iter().position(|known| known == days).unwrap_or_else(|| {
                    self.directs.push(days.clone());
                    self.directs.len() - 1
                });
                let lead = if shut && !matches!(from, FromShape::Recipe(_)) {
                    params.pair = self.pair(from_site.unwrap_or(NONE), p.site, direct as u32, Some(days.clone()));
                    LeadShape::Timetable
                } else {
                    match days {
                        LeadTime::Constant(days) => {
                            params.lead_max = (*days).max(1);
                            LeadShape::Fixed((*days).max(1))
                        }
                        LeadTime::Random(pmf) => {
                            params.table = self.table(pmf);
                            params.lead_max = pmf.max().clamp(1, 730) as u16;
                            LeadShape::Random
                        }
                    }
                };
                (lead, *may_cross)
            }
            (Route::Lanes, Some(from)) => {
                let usual = self.usual(from, p.site);
                let timetable = match &usual {
                    Some(way) => self.ways.is_scheduled(way) || self.touched.touch(s, way, from),
                    None => true,
                };
                params.way = usual.as_ref().map(|way| way.legs().into());
                params.lead_mean = usual.as_ref().map_or(1.0, |way| match way.lead_days() {
                    Ok(days) => f64::from(days),
                    Err(pmf) => pmf.mean(),
                });
                let lead = if timetable {
                    params.pair = self.pair(from, p.site, NONE, None);
                    LeadShape::Timetable
                } else {
                    let tables = &mut self.tables;
                    let (lead, table, max) = *self.lead_of_way.entry((from, p.site)).or_insert_with(|| {
                        match usual.as_ref().map(Way::lead_days) {
                            Some(Ok(days)) => (LeadShape::Fixed(days), Table::default(), days),
                            Some(Err(pmf)) => (LeadShape::Random, tables.add(&pmf), pmf.max() as u16),
                            None => (LeadShape::Fixed(1), Table::default(), 1),
                        }
                    });
                    (params.table, params.lead_max) = (table, max);
                    lead
                };
                (lead, false)
            }
            (Route::Lanes, None) => (LeadShape::Fixed(1), false),
        };
        let shape = ArcShape {
            child,
            from,
            lead,
            may_cross,
            partial: source.partial,
            priority: source.priority,
            share_permille: source.share_permille,
            has_prices: !source.prices.is_empty(),
        };
        (shape, params)
    }

    fn pair(&mut self, from: u32, to: u32, direct: u32, days: Option<LeadTime>) -> u32 {
        let pairs = &mut self.pairs;
        *self.pair_of.entry((from, to, direct)).or_insert_with(|| {
            pairs.push(Pair { from, to, direct: days });
            pairs.len() as u32 - 1
        })
    }
}

fn histories(s: &Situation, days: u32, shape: &Shape, nodes: &[NodeParams]) -> Vec<Vec<i32>> {
    let members = nodes.len() / shape.nodes.len();
    let of_node = |n: usize| {
        if shape.nodes[n].demand != DemandShape::History {
            return Vec::new();
        }
        let mut side_by_side = vec![0; members.next_multiple_of(WIDTH) * days as usize];
        for (member, params) in nodes.iter().skip(n).step_by(shape.nodes.len()).enumerate() {
            let Demand::History { pieces, .. } = &s.positions[params.position as usize].demand else { continue };
            let own = side_by_side[history_at(member, days)..].iter_mut().step_by(WIDTH);
            own.zip(pieces.iter().take(days as usize)).for_each(|(own, pieces)| *own = *pieces as i32);
        }
        side_by_side
    };
    (0..shape.nodes.len()).map(of_node).collect()
}

/// The SKU with the most pieces that there may be in `days`, and how many.
fn most_pieces(situation: &Situation, days: u32) -> Option<(usize, f64)> {
    let highest = |row: &Arc<[u32]>| f64::from(row.iter().copied().max().unwrap_or(0)) / f64::from(FACTOR_ONE);
    let highest: Vec<f64> = situation.factors.iter().map(highest).collect();
    let mut pieces = vec![0.0_f64; situation.skus.len()];
    for position in &situation.positions {
        let factor = |row: &Option<u32>| row.map_or(1.0, |row| highest[row as usize]);
        let days = f64::from(days);
        let asked = match &position.demand {
            Demand::None => 0.0,
            Demand::Random { pieces, factor: row } => {
                (days * pieces.mean() + 6.0 * libm::sqrt(days * pieces.variance())) * factor(row)
            }
            Demand::History { pieces, factor: row } => {
                pieces.iter().map(|pieces| f64::from(*pieces)).sum::<f64>() * factor(row)
            }
        };
        let level = match &position.policy {
            Policy::BaseStock { level } | Policy::EchelonBaseStock { level } => *level,
            Policy::MinMax { max, .. } => *max,
            Policy::ReorderLot { reorder_point, lot } => reorder_point.saturating_add(*lot),
            Policy::Forecast { safety, .. } => *safety,
            Policy::Scheduled { levels, .. } => {
                levels.iter().map(|it| it.max.max(0) + it.least.max(0)).max().unwrap_or(0)
            }
            Policy::Never => 0,
        };
        let stock = position.on_hand.saturating_add(position.backorders).saturating_add(level.max(0));
        let stock = stock.saturating_add(position.ordering.min).saturating_add(position.ordering.multiple);
        let arriving: i64 = position.arriving.iter().map(|arrival| arrival.pieces).sum();
        pieces[position.sku as usize] += asked + stock as f64 + arriving as f64;
    }
    // Parts are asked for by what is made of them; those who make come before their parts.
    let mut makers: Vec<usize> = (0..situation.positions.len()).collect();
    makers.retain(|at| situation.positions[*at].sources.iter().any(|s| matches!(s.from, Origin::Recipe { .. })));
    if !makers.is_empty() {
        let heights = heights(situation);
        makers.sort_by_key(|at| heights[*at]);
    }
    for maker in makers {
        let position = &situation.positions[maker];
        for source in &position.sources {
            if let Origin::Recipe { parts, .. } = &source.from {
                for (part, units) in parts {
                    let made = pieces[position.sku as usize];
                    pieces[situation.positions[*part as usize].sku as usize] += made * f64::from(*units);
                }
            }
        }
    }
    pieces.into_iter().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The place of each in the order of their names.
pub(super) fn ranks<T: Ord>(names: impl Iterator<Item = T>) -> Vec<u32> {
    let names: Vec<T> = names.collect();
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|a, b| names[*a].cmp(&names[*b]));
    let mut ranks = vec![0; names.len()];
    order.into_iter().zip(0..).for_each(|(at, rank)| ranks[at] = rank);
    ranks
}

/// Bits by day of the run instead of by weekday.
fn rotated(weekdays: u8, weekday0: u32) -> u8 {
    (0..7).filter(|day| weekdays >> ((day + weekday0) % 7) & 1 == 1).map(|day| 1_u8 << day).sum()
}

/// The longest way down from each position to an end; suppliers are higher than those they serve.
fn heights(s: &Situation) -> Vec<u32> {
    let mut below: Vec<Vec<u32>> = vec![Vec::new(); s.positions.len()];
    let mut waits_for = vec![0_u32; s.positions.len()];
    let mut link = |child: u32, parent: u32| {
        below[child as usize].push(parent);
        waits_for[parent as usize] += 1;
    };
    for (i, position) in (0_u32..).zip(&s.positions) {
        for source in &position.sources {
            match &source.from {
                Origin::Position(from) => link(i, *from),
                Origin::Recipe { parts, .. } => parts.iter().for_each(|(part, _)| link(i, *part)),
                Origin::Outside { .. } => {}
            }
        }
    }
    let mut heights = vec![0; s.positions.len()];
    let mut ready: Vec<u32> = (0..s.positions.len() as u32).filter(|i| waits_for[*i as usize] == 0).collect();
    while let Some(at) = ready.pop() {
        for &parent in &below[at as usize] {
            heights[parent as usize] = heights[parent as usize].max(heights[at as usize] + 1);
            waits_for[parent as usize] -= 1;
            if waits_for[parent as usize] == 0 {
                ready.push(parent);
            }
        }
    }
    heights
}

/// Whether a disruption differs from replication to replication.
pub(super) fn is_random(when: &When) -> bool {
    matches!(when, When::Random { .. })
}
