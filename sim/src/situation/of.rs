//! From a live twin, or from a network at its start, to a situation.
//!
//! What nobody says is assumed, and [`Assumptions`] says what:
//!
//! - What is reserved is as good as gone: the stock is what is promised to nobody. Where more is promised than
//!   is there, customers wait for the rest.
//! - What is under way arrives when its shipment is due, on day 0 where it is overdue. Pieces in transit in no
//!   shipment arrive after the usual lead time.
//! - What is ordered and not yet on its way is ordered again at the first review, from stock that the source
//!   still has: nothing is under way, and nothing is counted twice.
//! - A position without source is made there if it has a policy; suppliers and factories make to order what
//!   has none. A source that keeps no stock of the SKU always has it.
//! - Goods of suppliers cost nothing to keep until they are bought, at their value.

use std::collections::BTreeMap;
use std::sync::Arc;

use firmware_schemas::id::{SiteId, SkuId};
use firmware_schemas::network::{LaneSpec, SeasonalitySpec, SiteKind, SiteSpec, SkuSpec};
use firmware_schemas::quantity::{Seconds, Timestamp};
use firmware_schemas::telemetry::GoodsLine;
use twin::Twin;
use twin::network::Network;
use twin::state::{SiteIdx, StockState};

use super::demand::{Demands, Orders};
use super::servers::{SERVERS_MAX, Search, Servers};
use super::{
    Allocation, Arrival, Demand, FACTOR_ONE, Lane, LeadTime, Ordering, Origin, Policy, PositionIndex, Review, Route,
    Site, Situation, Sku, Source, Sourcing, StockPosition,
};
use crate::world::calendar;

/// Days in a row of demand factors: three years of whole weeks.
const FACTOR_DAYS: i64 = 156 * 7;
const NANOS_PER_DAY: i64 = 86_400 * calendar::NANOS_PER_SEC;
const NANOS_PER_HALF_DAY: i64 = NANOS_PER_DAY / 2;

/// What a network does not say.
#[derive(Clone, Debug, PartialEq)]
pub struct Assumptions {
    /// Days in which goods are made where nobody delivers them.
    pub make_days: u16,
    /// What a piece costs to keep for a year, as a share of its value.
    pub holding_share_per_year: f64,
    /// What a piece that waits costs in a day, as a share of its value.
    pub backorder_share_per_day: f64,
    /// What a lost piece costs on top of its margin, as a share of its value.
    pub lost_share: f64,
    /// What a sale of a piece earns, as a share of its value.
    pub margin_share: f64,
    /// Of every thousand pieces that cannot be served at once, how many wait.
    pub backorder_permille: u16,
    /// The same in shops, whose customers take what is there.
    pub shop_backorder_permille: u16,
    /// When positions look whether to order.
    pub review: Review,
    /// Of each order, in minor units.
    pub order_cost_minor: i64,
    /// Names of classes of SKUs, and up to which share of the value of a year's demand each goes; SKUs by
    /// falling value. The last one takes the rest.
    pub classes: Vec<(String, f64)>,
}

impl Default for Assumptions {
    /// Goods are made in 2 days, as in the simulated world. Keeping a piece costs a fifth of its value a year,
    /// waiting a hundredth a day, a lost sale a tenth and the margin, which is 0.4 of the value. Shops lose
    /// what they do not have, elsewhere customers wait. All look daily; orders cost nothing. Classes A, B and
    /// C end at 80 %, 95 % and 100 %.
    fn default() -> Self {
        Self {
            make_days: 2,
            holding_share_per_year: 0.2,
            backorder_share_per_day: 0.01,
            lost_share: 0.1,
            margin_share: 0.4,
            backorder_permille: 1_000,
            shop_backorder_permille: 0,
            review: Review::DAILY,
            order_cost_minor: 0,
            classes: vec![("A".into(), 0.8), ("B".into(), 0.95), ("C".into(), 1.0)],
        }
    }
}

impl Situation {
    /// The network as the twin knows it at `start`, with the demand that the network states. What only the
    /// twin knows, and the network does not name, is left out.
    ///
    /// O(n log n) in the stock positions.
    #[must_use]
    pub fn of(twin: &Twin, network: &Network, start: Timestamp, assumptions: &Assumptions) -> Self {
        let mut ground = Ground::default();
        let sites: Vec<Option<u32>> = twin
            .sites
            .iter()
            .map(|site| network.site_idx(site.spec.site.as_str()).map(|_| ground.site(&site.spec)))
            .collect();
        let skus: Vec<Option<u32>> =
            twin.skus.iter().map(|spec| network.sku_idx(spec.sku.as_str()).map(|_| ground.sku(spec))).collect();
        for lane in twin.lanes.iter().filter(|lane| network.lane_idx(lane.lane.as_str()).is_some()) {
            ground.lane(lane);
        }
        let at = |column: &[Option<u32>], idx: usize| column.get(idx).copied().flatten();
        ground.rows = Vec::with_capacity(twin.stock.len());
        let row = |stock: &StockState| {
            Some(Row {
                site: at(&sites, stock.site.at())?,
                sku: at(&skus, stock.sku.at())?,
                on_hand: stock.on_hand,
                reserved: stock.reserved,
                in_transit: stock.in_transit,
                reorder_point: stock.reorder_point,
                order_up_to: stock.order_up_to,
                source: stock.source.and_then(|source| at(&sites, source.at())),
            })
        };
        ground.rows.extend(twin.stock.iter().filter_map(row));
        for shipment in twin.shipments.values().filter(|shipment| shipment.arrived_at.is_none()) {
            let Some(site) = at(&sites, shipment.to.at()) else { continue };
            let usual = || usual_lead_time(twin, shipment.from, shipment.to).to_duration();
            let due_at = shipment.due_at.unwrap_or_else(|| shipment.dispatched_at.saturating_add(usual()));
            let due_nanos = due_at.as_nanos().saturating_sub(start.as_nanos());
            for GoodsLine { sku, pieces } in shipment.lines.iter() {
                let sku = twin.sku_by_id.get(sku).and_then(|sku| at(&skus, sku.at()));
                ground.due.extend(sku.map(|sku| Due { site, sku, day: days_up(due_nanos), pieces: pieces.0 }));
            }
        }
        ground.situation(network, start, assumptions)
    }

    /// A network at its start, which is `start`.
    #[must_use]
    pub fn from_network(network: &Network, start: Timestamp, assumptions: &Assumptions) -> Self {
        let mut ground = Ground::default();
        for spec in network.sites() {
            ground.site(spec);
        }
        for spec in network.skus() {
            ground.sku(spec);
        }
        for spec in network.lanes() {
            ground.lane(spec);
        }
        let site = |id: &SiteId| network.site_idx(id.as_str()).map(|at| at as u32);
        let sku = |id: &SkuId| network.sku_idx(id.as_str()).map(|at| at as u32);
        for spec in network.stock() {
            let (Some(at), Some(sku)) = (site(&spec.site), sku(&spec.sku)) else { continue };
            ground.rows.push(Row {
                site: at,
                sku,
                on_hand: spec.on_hand.0,
                reserved: spec.reserved.0,
                in_transit: spec.in_transit.0,
                reorder_point: spec.reorder_point.map(|pieces| pieces.0),
                order_up_to: spec.order_up_to.map(|pieces| pieces.0),
                source: spec.source.as_ref().and_then(site),
            });
        }
        for shipment in network.shipments() {
            let Some(to) = site(&shipment.to) else { continue };
            let due_nanos = i64::try_from(shipment.due_in_secs.to_duration().as_nanos()).unwrap_or(i64::MAX);
            for line in &shipment.lines {
                let due = |sku| Due { site: to, sku, day: days_up(due_nanos), pieces: line.quantity.0 };
                ground.due.extend(sku(&line.sku).map(due));
            }
        }
        ground.situation(network, start, assumptions)
    }
}

fn usual_lead_time(twin: &Twin, from: SiteIdx, to: SiteIdx) -> Seconds {
    twin.lead_time(from, to).unwrap_or(Seconds(86_400))
}

/// The first day at whose start something is there that comes in so many nanoseconds.
fn days_up(nanos: i64) -> u16 {
    let days = nanos.max(0).div_euclid(NANOS_PER_DAY) + i64::from(nanos.max(0) % NANOS_PER_DAY > 0);
    u16::try_from(days).unwrap_or(u16::MAX)
}

/// One SKU at one place, as the twin and the network both have it.
#[derive(Clone, Copy, Debug)]
struct Row {
    site: u32,
    sku: u32,
    on_hand: i64,
    reserved: i64,
    in_transit: i64,
    reorder_point: Option<i64>,
    order_up_to: Option<i64>,
    source: Option<u32>,
}

/// Pieces that a shipment brings.
#[derive(Clone, Copy, Debug)]
struct Due {
    site: u32,
    sku: u32,
    day: u16,
    pieces: i64,
}

/// What a situation is made from, by index.
#[derive(Debug, Default)]
struct Ground<'a> {
    sites: Vec<&'a SiteSpec>,
    site_by_id: BTreeMap<&'a str, u32>,
    skus: Vec<&'a SkuSpec>,
    sku_by_id: BTreeMap<&'a str, u32>,
    lanes: Vec<(&'a LaneSpec, u32, u32)>,
    rows: Vec<Row>,
    due: Vec<Due>,
}

impl<'a> Ground<'a> {
    fn site(&mut self, spec: &'a SiteSpec) -> u32 {
        let at = self.sites.len() as u32; // a network has at most ten million
        self.sites.push(spec);
        self.site_by_id.insert(spec.site.as_str(), at);
        at
    }

    fn sku(&mut self, spec: &'a SkuSpec) -> u32 {
        let at = self.skus.len() as u32;
        self.skus.push(spec);
        self.sku_by_id.insert(spec.sku.as_str(), at);
        at
    }

    fn lane(&mut self, spec: &'a LaneSpec) {
        let ends = (self.site_by_id.get(spec.from.as_str()), self.site_by_id.get(spec.to.as_str()));
        if let (Some(from), Some(to)) = ends {
            self.lanes.push((spec, *from, *to));
        }
    }

    fn situation(mut self, network: &Network, start: Timestamp, assumptions: &Assumptions) -> Situation {
        let mut index = self.index();
        let missing: Vec<Row> = self
            .due
            .iter()
            .filter(|due| index.get(due.site, due.sku).is_none())
            .map(|due| Row {
                site: due.site,
                sku: due.sku,
                on_hand: 0,
                reserved: 0,
                in_transit: 0,
                reorder_point: None,
                order_up_to: None,
                source: None,
            })
            .collect();
        if !missing.is_empty() {
            let mut missing = missing;
            missing.sort_by_key(|row| (row.site, row.sku));
            missing.dedup_by_key(|row| (row.site, row.sku));
            self.rows.extend(missing);
            index = self.index();
        }
        let passes = self.sites.iter().map(|site| site.kind != SiteKind::Customer).collect();
        let lead = |spec: &LaneSpec| i64::try_from(spec.lead_time_secs.0).unwrap_or(i64::MAX);
        let servers = Servers::new(passes, self.lanes.iter().map(|(spec, from, to)| (*from, *to, lead(spec))));
        let mut near: Vec<Option<Search>> = self.sites.iter().map(|_| None).collect();
        let asked = self.assign(network, &index, &servers, &mut near);
        let mut situation = Situation {
            start,
            currency: network.head().currency.clone(),
            sites: self.sites.iter().map(|spec| site(spec)).collect(),
            lanes: self.lanes.iter().map(|(spec, from, to)| lane(spec, *from, *to)).collect(),
            skus: self.skus.iter().map(|spec| sku(spec, assumptions)).collect(),
            positions: self.positions(&index, assumptions),
            factors: Vec::new(),
            disruptions: Vec::new(),
        };
        self.arrive(&mut situation, &index, assumptions, &servers, &mut near);
        self.classify(&mut situation, &asked, assumptions);
        self.ask(&mut situation, network, asked);
        situation
    }

    fn index(&self) -> PositionIndex {
        PositionIndex::new(self.sites.len(), self.rows.iter().map(|row| (row.site, row.sku)))
    }

    fn positions(&self, index: &PositionIndex, assumptions: &Assumptions) -> Vec<StockPosition> {
        let made = || Source {
            from: Origin::Outside { site: None },
            route: Route::Direct { days: LeadTime::Constant(assumptions.make_days.max(1)), may_cross: false },
            share_permille: 1_000,
            prices: Vec::new(),
            priority: 0,
            partial: true,
        };
        let position = |row: &Row| {
            let spec = self.skus[row.sku as usize];
            let kind = self.sites[row.site as usize].kind;
            let value = spec.value_minor.0 as f64;
            let is_supplier = kind == SiteKind::Supplier;
            let makes = matches!(kind, SiteKind::Supplier | SiteKind::Factory);
            let levels = row.reorder_point.zip(row.order_up_to);
            let source = row.source.filter(|source| *source != row.site);
            let sources = match source {
                Some(source) => {
                    let bought = self.sites[source as usize].kind == SiteKind::Supplier && !is_supplier;
                    let from = match index.get(source, row.sku) {
                        Some(position) => Origin::Position(position),
                        None => Origin::Outside { site: Some(source) },
                    };
                    let prices = if bought { vec![(0, value)] } else { Vec::new() };
                    vec![Source { from, route: Route::Lanes, prices, ..made() }]
                }
                None if levels.is_some() || makes => vec![made()],
                None => Vec::new(),
            };
            let policy = match levels {
                Some((min, max)) => Policy::MinMax { min, max: max.max(min) },
                None if makes && source.is_none() => Policy::BaseStock { level: 0 },
                None => Policy::Never,
            };
            let (on_hand, reserved) = (row.on_hand.max(0), row.reserved.max(0));
            StockPosition {
                site: row.site,
                sku: row.sku,
                on_hand: (on_hand - reserved).max(0),
                backorders: (reserved - on_hand).max(0),
                arriving: Vec::new(),
                demand: Demand::None,
                backorder_permille: match kind {
                    SiteKind::Shop => assumptions.shop_backorder_permille,
                    _ => assumptions.backorder_permille,
                },
                policy,
                review: assumptions.review,
                ordering: Ordering { cost_minor: assumptions.order_cost_minor, ..Ordering::FREE },
                sources,
                sourcing: Sourcing::Priority,
                allocation: Allocation::Proportional,
                holding_minor_per_year: if is_supplier { 0.0 } else { value * assumptions.holding_share_per_year },
                backorder_minor_per_day: value * assumptions.backorder_share_per_day,
                lost_minor: value * assumptions.lost_share,
                lateral: None,
            }
        };
        self.rows.iter().map(position).collect()
    }

    /// Puts what is under way where it arrives.
    fn arrive(
        &mut self,
        situation: &mut Situation,
        index: &PositionIndex,
        assumptions: &Assumptions,
        servers: &Servers,
        near: &mut [Option<Search>],
    ) {
        self.due.sort_by_key(|due| (due.site, due.sku, due.day));
        for due in self.due.iter().filter(|due| due.pieces > 0) {
            let Some(at) = index.get(due.site, due.sku) else { continue };
            let arriving = &mut situation.positions[at as usize].arriving;
            match arriving.last_mut() {
                Some(last) if last.day == due.day => last.pieces = last.pieces.saturating_add(due.pieces),
                _ => arriving.push(Arrival { day: due.day, pieces: due.pieces }),
            }
        }
        for (row, position) in self.rows.iter().zip(&mut situation.positions) {
            let in_shipments: i64 = position.arriving.iter().map(|arrival| arrival.pieces).sum();
            let pieces = row.in_transit.saturating_sub(in_shipments);
            if pieces > 0 {
                let lead_secs = row.source.and_then(|source| {
                    let search = near[row.site as usize].get_or_insert_with(|| servers.search(row.site));
                    let mut found = (0..SERVERS_MAX * 4).map_while(|n| search.nth(servers, n));
                    found.find(|(site, _)| *site == source).map(|(_, lead)| lead)
                });
                let day = lead_secs.map_or(assumptions.make_days.max(1), |lead| {
                    days_up(lead.saturating_mul(calendar::NANOS_PER_SEC)).max(1)
                });
                position.arriving.push(Arrival { day, pieces });
                position.arriving.sort_by_key(|arrival| arrival.day);
            }
        }
    }

    /// The demand of the network's customers and shops, each row with the position that serves it: its own
    /// site's, else that of the site with the shortest lead time that keeps the SKU, as in the simulated world.
    fn assign(
        &self,
        network: &Network,
        index: &PositionIndex,
        servers: &Servers,
        near: &mut [Option<Search>],
    ) -> Vec<Asked> {
        let by_name: BTreeMap<&str, u32> =
            (0..).zip(network.seasonality()).map(|(at, profile)| (profile.name.as_str(), at)).collect();
        let here = |known: Option<&u32>| known.copied();
        let site_here: Vec<Option<u32>> =
            network.sites().iter().map(|spec| here(self.site_by_id.get(spec.site.as_str()))).collect();
        let sku_here: Vec<Option<u32>> =
            network.skus().iter().map(|spec| here(self.sku_by_id.get(spec.sku.as_str()))).collect();
        let mut last_site: Option<(&SiteId, Option<u32>)> = None;
        let mut asked = Vec::with_capacity(network.demand().len());
        for spec in network.demand() {
            let site = match last_site {
                Some((known, at)) if *known == spec.site => at,
                _ => network.site_idx(spec.site.as_str()).and_then(|at| site_here[at]),
            };
            last_site = Some((&spec.site, site));
            let sku = network.sku_idx(spec.sku.as_str()).and_then(|at| sku_here[at]);
            let Some((site, sku)) = site.zip(sku) else { continue };
            let search = near[site as usize].get_or_insert_with(|| servers.search(site));
            let sites = (0..SERVERS_MAX).map_while(|n| search.nth(servers, n));
            let serves = |at: &u32| {
                let row = &self.rows[*at as usize];
                row.site == site
                    || row.reorder_point.zip(row.order_up_to).is_some()
                    || row.on_hand > 0
                    || row.source.is_some()
            };
            let position = sites.filter_map(|(from, _)| index.get(from, sku)).find(serves);
            asked.push(Asked {
                position: position.unwrap_or(u32::MAX),
                sku,
                pieces_per_day: spec.rate_micro as f64 / 1e6,
                orders: Orders {
                    per_day: spec.rate_micro as f64 / spec.order_size_milli.max(1_000) as f64 / 1e3,
                    size_milli: spec.order_size_milli.max(1_000),
                    cv2_milli: spec.order_size_cv2_milli,
                },
                season: spec.seasonality.as_ref().and_then(|name| by_name.get(name.as_str())).copied(),
            });
        }
        if !asked.is_sorted_by_key(|asked| asked.position) {
            asked.sort_by_key(|asked| asked.position); // stable: within a position by row
        }
        asked
    }

    /// ABC by the value of a year's demand.
    fn classify(&self, situation: &mut Situation, asked: &[Asked], assumptions: &Assumptions) {
        let mut value = vec![0.0; self.skus.len()];
        for row in asked {
            value[row.sku as usize] += row.pieces_per_day * self.skus[row.sku as usize].value_minor.0.max(0) as f64;
        }
        let total: f64 = value.iter().sum();
        let mut order: Vec<usize> = (0..value.len()).collect();
        order.sort_by(|a, b| value[*b].total_cmp(&value[*a]).then(a.cmp(b)));
        let mut before = 0.0;
        for at in order {
            // A SKU belongs to the class in which the share before it lies; without demand, to the last.
            let share = if value[at] > 0.0 { before / total } else { 1.0 };
            let class = assumptions.classes.iter().find(|(_, up_to)| share < *up_to).or(assumptions.classes.last());
            situation.skus[at].class = class.map(|(name, _)| name.clone()).unwrap_or_default();
            before += value[at];
        }
    }

    /// Demand and its seasons, position by position.
    fn ask(&self, situation: &mut Situation, network: &Network, asked: Vec<Asked>) {
        let mut demands = Demands::default();
        let mut seasons =
            Seasons { profiles: network.seasonality(), start: situation.start, known: BTreeMap::new(), last: None };
        let mut orders = Vec::new();
        for group in asked.chunk_by(|a, b| a.position == b.position) {
            let Some(position) = situation.positions.get_mut(group[0].position as usize) else { continue };
            orders.clear();
            orders.extend(group.iter().map(|row| row.orders));
            let Some(pieces) = demands.of(&mut orders) else { continue };
            let offset = calendar::solar_offset_secs(self.sites[position.site as usize].position.lon());
            let factor = seasons.row(group, offset, &mut situation.factors);
            position.demand = Demand::Random { pieces, factor };
        }
    }
}

/// One row of the network's demand, and who serves it; `u32::MAX` where nobody can.
#[derive(Clone, Copy, Debug)]
struct Asked {
    position: u32,
    sku: u32,
    pieces_per_day: f64,
    orders: Orders,
    season: Option<u32>,
}

/// Makes rows of factors, each once.
struct Seasons<'a> {
    profiles: &'a [SeasonalitySpec],
    start: Timestamp,
    known: BTreeMap<RowKey, Option<u32>>,
    /// The last one that was asked for, of a single profile.
    last: Option<(SingleKey, Option<u32>)>,
}

/// The offset from UTC, and a profile.
type SingleKey = (i64, Option<u32>);

/// The offset from UTC, and profiles with their shares in thousandths.
type RowKey = (i64, Vec<(Option<u32>, u16)>);

impl Seasons<'_> {
    /// The row of a group: the mean of its profiles by what is asked for with each, in thousandths. `None`
    /// where every day is alike. Days begin at the site's midnight by the sun, as in the simulated world; a
    /// day of the simulation is the one that its middle falls in.
    fn row(&mut self, group: &[Asked], offset_secs: i64, factors: &mut Vec<Arc<[u32]>>) -> Option<u32> {
        let first = group[0].season;
        if group.iter().all(|row| row.season == first) {
            if let Some((_, known)) = self.last.filter(|(known, _)| *known == (offset_secs, first)) {
                return known;
            }
            let at = self.known_row((offset_secs, vec![(first, 1_000)]), factors);
            self.last = Some(((offset_secs, first), at));
            return at;
        }
        let total: f64 = group.iter().map(|row| row.pieces_per_day).sum();
        let mut shares: BTreeMap<Option<u32>, f64> = BTreeMap::new();
        for row in group {
            *shares.entry(row.season).or_default() += row.pieces_per_day / total;
        }
        let shares: Vec<(Option<u32>, u16)> =
            shares.into_iter().map(|(season, share)| (season, libm::round(share * 1e3) as u16)).collect();
        self.known_row((offset_secs, shares), factors)
    }

    fn known_row(&mut self, key: RowKey, factors: &mut Vec<Arc<[u32]>>) -> Option<u32> {
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let row = self.make(key.0, &key.1);
        let at = row.map(|row| {
            let known = factors.iter().position(|known| **known == row[..]);
            known.unwrap_or_else(|| {
                factors.push(row.into());
                factors.len() - 1
            }) as u32
        });
        self.known.insert(key, at);
        at
    }

    fn make(&self, offset_secs: i64, shares: &[(Option<u32>, u16)]) -> Option<Vec<u32>> {
        let total: f64 = shares.iter().map(|(_, permille)| f64::from(*permille)).sum();
        if total == 0.0 || shares.iter().all(|(season, _)| season.is_none()) {
            return None;
        }
        let middle = self.start.as_nanos().saturating_add(NANOS_PER_HALF_DAY);
        let first = calendar::local_day(middle, offset_secs);
        let factor = |day: i64| {
            let (_, month, _) = calendar::civil(day);
            let of = |season: &Option<u32>| {
                let Some(profile) = season.and_then(|at| self.profiles.get(at as usize)) else { return 1.0 };
                let permille = |list: &[u32], at: usize| list.get(at).map_or(1.0, |it| f64::from(*it) / 1e3);
                permille(&profile.weekday_permille, calendar::weekday(day))
                    * permille(&profile.month_permille, month as usize - 1)
            };
            let sum: f64 = shares.iter().map(|(season, permille)| f64::from(*permille) * of(season)).sum();
            libm::round(sum / total * f64::from(FACTOR_ONE)) as u32
        };
        Some((first..first + FACTOR_DAYS).map(factor).collect())
    }
}

fn site(spec: &SiteSpec) -> Site {
    Site {
        site: spec.site.clone(),
        kind: spec.kind,
        tier: spec.tier.unwrap_or(match spec.kind {
            SiteKind::Customer | SiteKind::Shop => 0,
            SiteKind::RegionalWarehouse | SiteKind::CrossDock => 1,
            SiteKind::CentralWarehouse => 2,
            SiteKind::Port | SiteKind::Airport => 3,
            SiteKind::Factory => 4,
            SiteKind::Supplier => 5,
        }),
        partner_class: spec.partner_class.clone(),
        position: spec.position,
        ships_per_day_max: None,
    }
}

fn lane(spec: &LaneSpec, from: u32, to: u32) -> Lane {
    let days = |every: Seconds| u16::try_from((every.0 + 43_200) / 86_400).unwrap_or(u16::MAX);
    Lane {
        lane: spec.lane.clone(),
        from,
        to,
        mode: spec.mode,
        via: spec.via.clone(),
        lead_time_h: spec.lead_time_secs.0 as f64 / 3_600.0,
        lead_time_sd_h: spec.lead_time_sd_secs.0 as f64 / 3_600.0,
        distance: spec.distance_m,
        departure_cost_minor: spec.cost_minor.0,
        tonne_cost_minor: spec.cost_per_tonne_minor.0,
        capacity_per_day: spec.capacity_g_per_day,
        departs_every_days: spec.departs_every_secs.map_or(0, days),
    }
}

fn sku(spec: &SkuSpec, assumptions: &Assumptions) -> Sku {
    let value = spec.value_minor.0;
    Sku {
        sku: spec.sku.clone(),
        class: String::new(),
        mass: spec.mass_g,
        value_minor: value,
        margin_minor: libm::round(value as f64 * assumptions.margin_share) as i64,
        shelf_life_days: spec.shelf_life_days.map(|days| u16::try_from(days).unwrap_or(u16::MAX)),
        temperature: spec.temperature,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::situation::tests::{demo, start};
    use std::time::Instant;
    use twin::network::Parts;

    fn assumed(network: &Network) -> Situation {
        Situation::from_network(network, start(), &Assumptions::default())
    }

    fn twin_of(network: &Network) -> Twin {
        let mut twin = Twin::default();
        for (seq, fact) in (1..).zip(Twin::default().define(network, start())) {
            twin.apply(seq, &fact, &mut Vec::new()).unwrap();
        }
        twin
    }

    #[test]
    fn the_demo_is_asked_for_what_its_files_say() {
        let network = demo();
        let situation = assumed(&network);
        let stated: f64 = network.demand().iter().map(|spec| spec.rate_micro as f64 / 1e6).sum();
        let mean: f64 = situation.positions.iter().map(StockPosition::mean_demand).sum();
        assert!((mean / stated - 1.0).abs() < 1e-9, "{mean} of {stated}");
        // The factors of a year are 1 on average, but for the days of the week on which its months begin.
        for row in &situation.factors {
            let year = row[..364].iter().map(|factor| f64::from(*factor)).sum::<f64>() / 364.0;
            assert!((year / f64::from(FACTOR_ONE) - 1.0).abs() < 0.02, "{year}");
        }
        assert!(situation.factors.len() < 20, "{}", situation.factors.len());
    }

    #[test]
    fn what_is_asked_for_in_the_demo_can_be_replenished() {
        let situation = assumed(&demo());
        let leads_to_outside = |mut at: usize| {
            for _ in 0..10 {
                let position = &situation.positions[at];
                match position.sources.first().map(|source| &source.from) {
                    Some(Origin::Position(next)) => at = *next as usize,
                    Some(Origin::Outside { .. }) => return position.policy != Policy::Never,
                    _ => return false,
                }
            }
            false
        };
        for (at, position) in situation.positions.iter().enumerate() {
            assert!(position.demand == Demand::None || leads_to_outside(at), "{position:?}");
        }
        let classes: Vec<usize> = ["A", "B", "C"]
            .iter()
            .map(|class| situation.skus.iter().filter(|sku| sku.class == *class).count())
            .collect();
        assert_eq!(classes.iter().sum::<usize>(), situation.skus.len());
        assert!(classes[0] < classes[2], "{classes:?}");
    }

    #[test]
    fn a_twin_that_was_just_loaded_is_the_network() {
        let network = demo();
        let (live, loaded) =
            (Situation::of(&twin_of(&network), &network, start(), &Assumptions::default()), assumed(&network));
        assert_eq!(live.sites, loaded.sites);
        assert_eq!(live.lanes, loaded.lanes);
        assert_eq!(live.factors, loaded.factors);
        assert_eq!(live, loaded);
    }

    #[test]
    fn what_is_under_way_is_neither_lost_nor_doubled() {
        let network = demo();
        let situation = assumed(&network);
        let arriving: i64 =
            situation.positions.iter().flat_map(|position| &position.arriving).map(|arrival| arrival.pieces).sum();
        let stated: i64 = network.stock().iter().map(|stock| stock.in_transit.0).sum();
        assert_eq!(arriving, stated);
        let promised: i64 = network.stock().iter().map(|stock| stock.reserved.0).sum();
        let on_hand: i64 = network.stock().iter().map(|stock| stock.on_hand.0).sum();
        let net: i64 = situation.positions.iter().map(|position| position.on_hand - position.backorders).sum();
        assert_eq!(net, on_hand - promised);
    }

    #[test]
    fn days_are_counted_up() {
        assert_eq!([-1, 0, 1, NANOS_PER_DAY, NANOS_PER_DAY + 1, i64::MAX].map(days_up), [0, 0, 1, 1, 2, u16::MAX]);
    }

    /// 10,000 sites with 100 SKUs each, and a demand of its own for each position.
    fn large(n_sites: u32, n_skus: u32, per_site: u32, with_demand: bool) -> Network {
        let mut parts = demo().into_parts();
        let (site, sku, stock, lane) =
            (parts.sites[0].clone(), parts.skus[0].clone(), parts.stock[0].clone(), parts.lanes[0].clone());
        let asked = parts.demand[0].clone();
        let id = |i: u32| SiteId::new(&format!("S{i:05}")).unwrap();
        let goods = |i: u32| SkuId::new(&format!("K{i:05}")).unwrap();
        let kind = |i: u32| if i == 0 { SiteKind::Supplier } else { SiteKind::Shop };
        let mut large = Parts::empty(parts.network.clone());
        large.seasonality = std::mem::take(&mut parts.seasonality);
        large.sites = (0..n_sites).map(|i| SiteSpec { site: id(i), kind: kind(i), ..site.clone() }).collect();
        large.skus = (0..n_skus).map(|i| SkuSpec { sku: goods(i), ..sku.clone() }).collect();
        let name = |i: u32| firmware_schemas::id::LaneId::new(&format!("L{i}")).unwrap();
        large.lanes =
            (1..n_sites).map(|i| LaneSpec { lane: name(i), from: id(i / 10), to: id(i), ..lane.clone() }).collect();
        for i in 0..n_sites {
            for k in 0..per_site {
                let k = (i / 7 + k) % n_skus;
                let levels = (i > 0).then_some(firmware_schemas::quantity::Pieces(i64::from(k % 50 + 5)));
                let source = (i > 0).then(|| id(i / 10));
                let row = firmware_schemas::network::StockSpec {
                    site: id(i),
                    sku: goods(k),
                    reorder_point: levels,
                    order_up_to: levels,
                    source,
                    ..stock.clone()
                };
                large.stock.push(row);
                if with_demand {
                    let rate_micro = 10_000 + u64::from(i * 131 + k * 7919) % 500_000;
                    large.demand.push(firmware_schemas::network::DemandSpec {
                        site: id(i),
                        sku: goods(k),
                        rate_micro,
                        ..asked.clone()
                    });
                }
            }
        }
        Network::new(large).unwrap()
    }

    /// Prints how long forks take: `cargo test --release -p sim situation -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    #[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "it measures time, and says so")]
    fn forks_are_quick() {
        let time = |what: &str, network: &Network| {
            let twin = twin_of(network);
            let begun = Instant::now();
            let situation = Situation::of(&twin, network, start(), &Assumptions::default());
            let n = situation.positions.len();
            eprintln!("{what}: {n} positions in {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
            let begun = Instant::now();
            assert_eq!(situation.check(), Ok(()));
            eprintln!("{what}: checked in {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
            let begun = Instant::now();
            let copied = situation.clone();
            eprintln!("{what}: copied in {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
            drop(copied);
        };
        time("demo", &demo());
        time("large, no demand", &large(10_000, 2_000, 100, false));
        time("large, each with its own demand", &large(10_000, 2_000, 100, true));
    }
}
