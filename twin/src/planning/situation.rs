//! What a planning run is given, from the twin.

use super::forecasts::Forecasts;
use super::settings::Settings;
use crate::demand_book::{Week, day_of, week_of};
use crate::order::Day;
use crate::replenish::calibrate::Terms;
use crate::replenish::demand::DemandDistribution;
use crate::replenish::lot::{Fill, LotRules, PriceBreak};
use crate::replenish::projection::Receipt;
use crate::replenish::{Inputs, Lead, Mode, Modes, Origin, Position, Source, Supplier, Target};
use crate::state::{SECS_PER_DAY, SiteIdx, SkuIdx, StockIdx, StockState, Twin};
use crate::supply::is_supplier;
use firmware_schemas::id::OrderId;
use firmware_schemas::supply::{AbcClass, PlanningMode};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Neighbours that are asked for what they can spare.
const NEIGHBOURS_MAX: usize = 4;
/// The last pallet is filled up where it is at least so full.
const PALLET_FROM_PERMILLE: u32 = 750;
/// The last truck is filled up where it is at least so full, and else left behind.
const TRUCK_FROM_PERMILLE: u32 = 500;

/// Which positions are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// One, as if it were due today and alone in wanting what others have.
    Position(StockIdx),
}

/// The inputs of a run, and which position is which.
#[derive(Clone, Debug)]
pub struct Situation {
    /// What is planned. Suppliers have the indices of their sites.
    pub inputs: Inputs,
    /// The twin's position of each.
    pub positions: Vec<StockIdx>,
}

/// Pieces that come, by days from today.
type Coming = BTreeMap<u32, i64>;

impl Situation {
    /// As it stands on `today`.
    pub fn of(twin: &Twin, forecasts: &Forecasts, today: Day, scope: Scope) -> Self {
        let policy = twin.supply.policy.as_ref().map(|it| it.value.clone()).unwrap_or_default();
        let mut suppliers = vec![Supplier::default(); twin.sites.len()];
        for terms in &policy.suppliers {
            let Some(site) = twin.site_by_id.get(&terms.site) else { continue };
            suppliers[site.at()] = Supplier {
                min_value_minor: terms.minimum_value_minor.0.max(0) as u64,
                min_pieces: terms.minimum_pieces.0.max(0) as u64,
                truck_load: terms.truck_g,
                fill_from_permille: TRUCK_FROM_PERMILLE,
                capacity: terms.capacity_pieces.map(|pieces| pieces.0.max(0) as u64),
            };
        }
        let wanted: Vec<StockIdx> = match scope {
            Scope::All => (0..twin.stock.len()).map(|at| StockIdx(at as u32)).collect(),
            Scope::Position(at) => {
                let stock = &twin.stock[at.at()];
                let givers = Ways::into_site(twin, stock.site).into_iter().chain(stock.source);
                let mut all: Vec<StockIdx> =
                    givers.filter_map(|site| twin.stock_by_key.get(&(site, stock.sku)).copied()).chain([at]).collect();
                all.sort_unstable();
                all.dedup();
                all
            }
        };
        let (ordered, ways) = match scope {
            Scope::All => (ordered(twin, today, None), Ways::of(twin)),
            Scope::Position(at) => {
                let site = twin.stock[at.at()].site;
                let ways = Ways { into: BTreeMap::from([(site, Ways::into_site(twin, site))]) };
                (ordered(twin, today, Some(&wanted)), ways)
            }
        };
        let mut positions = Vec::with_capacity(wanted.len());
        let mut all = Vec::with_capacity(wanted.len());
        for at in wanted {
            let stock = &twin.stock[at.at()];
            if is_supplier(twin.sites[stock.site.at()].spec.kind) {
                continue;
            }
            all.push(position(twin, forecasts, &ways, today, at, ordered.get(&at), scope));
            positions.push(at);
        }
        let inputs = Inputs {
            today: u32::try_from(today).unwrap_or(0),
            positions: all,
            suppliers,
            site_capacity: Vec::new(),
            budget_minor: policy.budget_minor.filter(|_| scope == Scope::All).map(|it| it.0.max(0) as u64),
            modes: Modes {
                rules: vec![
                    (None, Some(PlanningMode::Automatic as u8), Mode::Automatic),
                    (None, Some(PlanningMode::Proposed as u8), Mode::Proposed),
                    (None, Some(PlanningMode::Off as u8), Mode::Off),
                ],
            },
        };
        Self { inputs, positions }
    }
}

/// Where each site can get goods by a lane of its own.
struct Ways {
    into: BTreeMap<SiteIdx, Vec<SiteIdx>>,
}

impl Ways {
    fn into_site(twin: &Twin, site: SiteIdx) -> Vec<SiteIdx> {
        let name = &twin.sites[site.at()].spec.site;
        let lanes = twin.lanes.iter().filter(|lane| lane.to == *name);
        let mut from: Vec<SiteIdx> = lanes.filter_map(|lane| twin.site_by_id.get(&lane.from).copied()).collect();
        from.sort_unstable();
        from.dedup();
        from
    }

    fn of(twin: &Twin) -> Self {
        let mut into: BTreeMap<SiteIdx, Vec<SiteIdx>> = BTreeMap::new();
        for lane in &twin.lanes {
            if let (Some(from), Some(to)) = (twin.site_by_id.get(&lane.from), twin.site_by_id.get(&lane.to)) {
                into.entry(*to).or_default().push(*from);
            }
        }
        into.values_mut().for_each(|from| {
            from.sort_unstable();
            from.dedup();
        });
        Self { into }
    }
}

/// What was ordered, or approved and not yet ordered, and has not been sent, by position and day; of some positions, or
/// of all.
fn ordered(twin: &Twin, today: Day, some: Option<&[StockIdx]>) -> BTreeMap<StockIdx, Coming> {
    let mut all: BTreeMap<StockIdx, Coming> = BTreeMap::new();
    let mut add = |site: SiteIdx, sku: SkuIdx, day: Day, pieces: i64| {
        if pieces > 0
            && let Some(position) = twin.stock_by_key.get(&(site, sku))
            && some.is_none_or(|some| some.binary_search(position).is_ok())
        {
            // What is overdue comes tomorrow, if at all.
            let ahead = u32::try_from(day.saturating_sub(today)).unwrap_or(1).max(1);
            *all.entry(*position).or_default().entry(ahead).or_default() += pieces;
        }
    };
    let mut add_order = |id: &OrderId| {
        let Some(order) = twin.supply.by_id.get(id) else { return };
        let day = day_of(order.due_at.unwrap_or(order.placed_at));
        for line in order.lines.iter() {
            add(order.to, line.sku, day, line.unsent());
        }
    };
    match some {
        None => twin.supply.open_to.keys().for_each(|(_, id)| add_order(id)),
        Some(some) => {
            let mut sites: Vec<SiteIdx> = some.iter().map(|at| twin.stock[at.at()].site).collect();
            sites.dedup();
            for site in sites {
                // No identifier comes before the shortest with the least character.
                let Ok(least) = OrderId::new("0") else { continue };
                let of_site = twin.supply.open_to.range((site, least)..).take_while(|((to, _), ())| *to == site);
                of_site.for_each(|((_, id), ())| add_order(id));
            }
        }
    }
    for id in twin.supply.approved.keys() {
        let Some(state) = twin.supply.proposals.get(id) else { continue };
        let spec = &state.spec;
        if let (Some(site), Some(sku)) = (twin.site_by_id.get(&spec.site), twin.sku_by_id.get(&spec.sku)) {
            add(*site, *sku, day_of(spec.due_at), spec.pieces.0);
        }
    }
    all
}

fn position(
    twin: &Twin,
    forecasts: &Forecasts,
    ways: &Ways,
    today: Day,
    at: StockIdx,
    ordered: Option<&Coming>,
    scope: Scope,
) -> Position {
    let stock = &twin.stock[at.at()];
    let sku = &twin.skus[stock.sku.at()];
    let class = forecasts.class_of(stock.sku);
    let settings = Settings::of(twin, at, class);
    let pieces = |pieces: i64| u32::try_from(pieces.max(0)).unwrap_or(u32::MAX);
    let committed: i64 = twin.orders.committed.range((at, Day::MIN)..=(at, Day::MAX)).map(|(_, it)| it).sum();
    let value = sku.value_minor.0.max(0) as f64;
    let overridden: BTreeMap<Week, f64> = twin
        .supply
        .overrides
        .range((at, week_of(today))..=(at, Week::MAX))
        .map(|((_, week), it)| (*week, it.pieces as f64))
        .collect();
    let demand = forecasts
        .of(at)
        .map_or(DemandDistribution::certain(0.0), |it| it.by_day(forecasts.first_week, today, &overridden));
    let is_rejected = twin.supply.rejected_until.get(&at).is_some_and(|until| today < *until);
    let mode = if is_rejected && scope == Scope::All { PlanningMode::Off } else { settings.mode };
    let sources = sources(twin, ways, stock, &settings);
    let lead = sources.first().map_or(1, |source| source.lead.longest());
    Position {
        site: stock.site.0,
        sku: stock.sku.0,
        class: mode as u8,
        priority: settings.priority,
        on_hand: pieces(stock.on_hand),
        reserved: pieces(stock.reserved.saturating_add(committed)),
        backorders: pieces(-stock.on_hand),
        receipts: receipts(twin, stock, at, today, ordered, lead),
        demand,
        unmet: settings.unmet,
        target: Target {
            holding_minor_per_day: value * f64::from(settings.holding_permille_per_year) / 365_000.0,
            shortage_minor: value * f64::from(settings.shortage_permille) / 1_000.0,
            level: settings.level_permille.map(|it| f64::from(it) / 1_000.0).or_else(|| {
                let terms = terms(&settings, value, lead);
                forecasts.level(at, &terms)
            }),
        },
        review: if scope == Scope::All { settings.review } else { due_now(&settings, today) },
        sources,
        load_per_piece: u32::try_from(sku.mass_g.0).unwrap_or(u32::MAX).max(1),
        shelf_life_days: sku.shelf_life_days,
    }
}

/// For a single answer every position counts as due; the next review is still its own.
fn due_now(settings: &Settings, today: Day) -> crate::replenish::ReviewCalendar {
    let today = u32::try_from(today).unwrap_or(0);
    let next = settings.review.days_until_next(today);
    crate::replenish::ReviewCalendar::Days(Arc::from([today, today.saturating_add(next)]))
}

/// What is under way with a date, what was ordered, and the rest of what the books say, after the usual time.
fn receipts(
    twin: &Twin,
    stock: &StockState,
    at: StockIdx,
    today: Day,
    ordered: Option<&Coming>,
    lead_days: u32,
) -> Vec<Receipt> {
    let mut coming = Coming::new();
    let (mut dated, mut on_order) = (0, 0);
    for ((_, day), pieces) in twin.orders.receipts.range((at, Day::MIN)..=(at, Day::MAX)) {
        let ahead = u32::try_from(day.saturating_sub(today)).unwrap_or(1);
        *coming.entry(ahead).or_default() += pieces;
        dated += pieces;
    }
    for (day, pieces) in ordered.into_iter().flatten() {
        *coming.entry(*day).or_default() += pieces;
        on_order += pieces;
    }
    let rest = (stock.in_transit - dated).max(0) + (stock.on_order - on_order).max(0);
    if rest > 0 {
        *coming.entry(lead_days).or_default() += rest;
    }
    let receipt = |(period, pieces): (u32, i64)| Receipt { period, pieces: u32::try_from(pieces).unwrap_or(u32::MAX) };
    coming.into_iter().filter(|(_, pieces)| *pieces > 0).map(receipt).collect()
}

/// Days until an order from `from` comes: as set, as observed, or as the lanes say.
fn lead(twin: &Twin, stock: &StockState, settings: &Settings, from: SiteIdx) -> Option<Lead> {
    match (settings.lead_days, twin.supply.lead_days(from, stock.site)) {
        (Some(days), _) if Some(from) == stock.source => Some(Lead::Days(u32::from(days))),
        (_, Some(seen)) => Some(Lead::Mixed(seen.into())),
        _ => {
            let secs = twin.lead_time(from, stock.site)?.0;
            Some(Lead::Days(u32::try_from(secs.div_ceil(SECS_PER_DAY as u64)).unwrap_or(3_650).clamp(1, 3_650)))
        }
    }
}

/// What backtests are told of a position whose SKU has this value.
fn terms(settings: &Settings, value: f64, lead_days: u32) -> Terms {
    Terms {
        lead_weeks: lead_days / 7,
        review_weeks: 1,
        unmet: settings.unmet,
        holding_minor: value * f64::from(settings.holding_permille_per_year) / 52_000.0,
        shortage_minor: value * f64::from(settings.shortage_permille) / 1_000.0,
    }
}

/// The terms of a position, before forecasts are made; `None` where nothing supplies it.
pub(super) fn terms_of(twin: &Twin, at: StockIdx) -> Option<Terms> {
    let stock = &twin.stock[at.at()];
    let settings = Settings::of(twin, at, AbcClass::C);
    let lead_days = lead(twin, stock, &settings, stock.source?)?.longest();
    let value = twin.skus[stock.sku.at()].value_minor.0.max(0) as f64;
    Some(terms(&settings, value, lead_days))
}

fn sources(twin: &Twin, ways: &Ways, stock: &StockState, settings: &Settings) -> Vec<Source> {
    let Some(first) = stock.source else { return Vec::new() };
    let mut found = Vec::new();
    let sku = &twin.skus[stock.sku.at()];
    let lot = LotRules {
        min: u64::from(settings.minimum),
        multiple: u64::from(settings.multiple),
        pallet: settings.pallet.map(|it| Fill { pieces: u64::from(it), from_permille: PALLET_FROM_PERMILLE }),
        container: None,
    };
    if let Some(lead) = lead(twin, stock, settings, first) {
        let is_bought = is_supplier(twin.sites[first.at()].spec.kind);
        let price = |from: u64, price_minor: i64| PriceBreak { from, price_minor: price_minor.max(0) as u64 };
        let prices = match (&settings.prices, is_bought) {
            (_, false) => Vec::new(),
            (Some(prices), true) => prices.iter().map(|it| price(u64::from(it.pieces), it.price_minor.0)).collect(),
            (None, true) => vec![price(1, sku.value_minor.0)],
        };
        found.push(Source {
            origin: if is_bought { Origin::Supplier(first.0) } else { Origin::Warehouse(first.0) },
            lead,
            priority: 0,
            lot,
            prices: prices.into(),
            order_cost_minor: settings.order_cost_minor,
            capacity: None,
        });
    }
    let neighbours = ways.into.get(&stock.site).into_iter().flatten().copied().filter(|from| {
        *from != first
            && !is_supplier(twin.sites[from.at()].spec.kind)
            && twin.stock_by_key.get(&(*from, stock.sku)).is_some()
    });
    for from in neighbours.take(NEIGHBOURS_MAX) {
        let Some(lead) = lead(twin, stock, settings, from) else { continue };
        found.push(Source { lead, priority: 1, lot, ..Source::new(Origin::Neighbour(from.0), 1) });
    }
    found
}
