//! Makes the changes of a scenario, one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use firmware_schemas::id::{LaneId, SiteId};
use firmware_schemas::network::{Mode, SiteKind, TemperatureClass};
use firmware_schemas::quantity::{Grams, Metres, Position};

use super::change::{
    Amount, Change, Cost, Days, Filter, Kind, LaneFilter, LateralChange, NewLane, NewSite, NewSource, PolicyChange,
    Price, Quantity, Timing,
};
use super::error::{At, Cause, Errors, Place, Reported};
use super::filter::named_sites;
use super::node::{DAY_MAX, Day};
use super::passage::Passage;
use crate::situation::check::{LEAD_DAYS_MAX, PIECES_MAX};
use crate::situation::{
    Capacity, DayLevels, Demand, Disruption, FACTOR_ONE, Lane, Lateral, LeadTime, Ordering, Origin, Policy,
    PositionIndex, Review, Route, Site, Situation, Source, Sourcing, StockPosition, Struck, Transshipment, When,
};
use crate::theory::distribution::Pmf;
use crate::world::calendar;
use crate::world::geo::Track;

/// Days in a row of factors that a change makes where there was none: whole weeks.
const FACTOR_DAYS: usize = 364;
/// In grams a day: above it nothing limits a lane. A power of two, so that a share of it is exact.
const GRAMS_UNLIMITED: u64 = 1 << 50;

/// A situation that is being changed.
pub(super) struct Draft<'a> {
    pub(super) situation: &'a mut Situation,
    pub(super) errors: &'a mut Errors,
    pub(super) scenario: &'a str,
    /// Which change is being made, from 0.
    pub(super) number: usize,
}

impl Draft<'_> {
    /// Makes one change. What was wrong stands in the errors, and then the draft is of no more use.
    pub(super) fn make(&mut self, change: &Change) -> Result<(), Reported> {
        match &change.kind {
            Kind::Demand { filter, factor, timing } => self.demand(filter, *factor, timing),
            Kind::SiteClosed { filter, timing } => {
                let when = self.when(timing)?;
                for site in filter.sites(self.situation, "site", |_| true, self.errors)? {
                    let of = self.situation.sites[site].site.to_string();
                    self.strike(change, &of, Struck::Site(site as u32), when);
                }
                Ok(())
            }
            Kind::LaneClosed { filter, timing } => {
                let when = self.when(timing)?;
                for lane in filter.lanes(self.situation, self.errors)? {
                    let of = self.situation.lanes[lane].lane.to_string();
                    self.strike(change, &of, Struck::Lane(lane as u32), when);
                }
                Ok(())
            }
            Kind::SiteCapacity { filter, only_suppliers, amount, timing } => {
                self.site_capacity(change, filter, *only_suppliers, *amount, timing)
            }
            Kind::LaneSlower { filter, factor, timing } => {
                let when = self.when(timing)?;
                for at in filter.lanes(self.situation, self.errors)? {
                    if *timing == Timing::Always {
                        slow(&mut self.situation.lanes[at], *factor);
                    } else {
                        let of = self.situation.lanes[at].lane.to_string();
                        self.strike(change, &of, Struck::SlowLane(at as u32, *factor), when);
                    }
                }
                Ok(())
            }
            Kind::LaneCapacity { filter, amount, timing } => self.lane_capacity(change, filter, *amount, timing),
            Kind::LeadTime { filter, from_sites, days, may_cross } => {
                self.lead_time(filter, from_sites, days, *may_cross)
            }
            Kind::LaneLeadTime { filter, days } => {
                let (mean, variance) = match days {
                    Days::Constant(days) => (f64::from(*days), 0.0),
                    Days::Weights(rows) => self.pmf(&filter.place, rows).map(|pmf| (pmf.mean(), pmf.variance()))?,
                };
                for at in filter.lanes(self.situation, self.errors)? {
                    let lane = &mut self.situation.lanes[at];
                    lane.lead_time_h = mean * 24.0;
                    lane.lead_time_sd_h = libm::sqrt(variance) * 24.0;
                }
                Ok(())
            }
            Kind::Price { filter, from_sites, price } => self.price(filter, from_sites, price),
            Kind::Cost { filter, cost } => self.cost(filter, cost),
            Kind::Freight { filter, factor } => {
                for at in filter.lanes(self.situation, self.errors)? {
                    let lane = &mut self.situation.lanes[at];
                    lane.departure_cost_minor = times(lane.departure_cost_minor, *factor);
                    lane.tonne_cost_minor = times(lane.tonne_cost_minor, *factor);
                }
                Ok(())
            }
            Kind::Policy { filter, policy } => self.policy(filter, policy),
            Kind::Levels(levels) => super::levels::set(self.situation, levels, self.errors),
            Kind::Ordering { filter, min, multiple, rounding } => self.each(filter, |position| {
                let ordering = &mut position.ordering;
                *ordering = Ordering {
                    min: min.unwrap_or(ordering.min),
                    multiple: multiple.unwrap_or(ordering.multiple),
                    rounding: rounding.unwrap_or(ordering.rounding),
                    cost_minor: ordering.cost_minor,
                };
            }),
            Kind::Review { filter, every_days, first_day, weekdays } => self.each(filter, |position| {
                let review = position.review;
                position.review = Review {
                    every_days: every_days.unwrap_or(review.every_days),
                    first_day: first_day.unwrap_or(review.first_day),
                    weekdays: weekdays.unwrap_or(review.weekdays),
                };
            }),
            Kind::Sourcing { filter, sourcing, sources } => self.sourcing(filter, *sourcing, sources.as_deref()),
            Kind::Allocation { filter, allocation } => self.each(filter, |position| position.allocation = *allocation),
            Kind::Backorders { filter, permille } => {
                self.each(filter, |position| position.backorder_permille = *permille)
            }
            Kind::NewSite(new) => {
                let made = self.new_site(new);
                if made.is_err() {
                    self.errors.refuse(&new.site.value);
                }
                made
            }
            Kind::NewLane(new) => {
                let index = self.site_by_id();
                let from = self.end(&index, new.from.as_ref())?;
                let to = self.end(&index, new.to.as_ref())?;
                self.new_lane(new, from, to)
            }
            Kind::RemoveLane { filter } => self.remove_lanes(filter),
            Kind::PassageClosed { passage, detour, timing } => self.passage(change, passage, *detour, timing),
            Kind::ColdStoreFails { filter, timing } => self.cold_store(change, filter, timing),
            Kind::Lateral { filter, lateral } => self.lateral(filter, lateral),
        }
    }

    fn each(&mut self, filter: &Filter, change: impl Fn(&mut StockPosition)) -> Result<(), Reported> {
        for at in filter.positions(self.situation, "stock position", |_| true, self.errors)? {
            change(&mut self.situation.positions[at]);
        }
        Ok(())
    }

    /// Adds a disruption. The names of two are the same only if they are to happen at the same times.
    fn strike(&mut self, change: &Change, of: &str, strikes: Struck, when: When) {
        let name = format!("{}: {}. {} {of}", self.scenario, self.number + 1, change.name);
        self.situation.disruptions.push(Disruption { name, strikes, when });
    }

    /// The number of a day, counted from the start; the date of a day is that of its middle in UTC. What is
    /// before the start is 0.
    fn day(&self, day: Day) -> u32 {
        match day {
            Day::Number(number) => number,
            Day::Date(date) => {
                let middle = self.situation.start.as_nanos().saturating_add(calendar::hours(12));
                let days = date.saturating_sub(calendar::local_day(middle, 0));
                u32::try_from(days.max(0)).unwrap_or(u32::MAX)
            }
        }
    }

    fn when(&mut self, timing: &Timing) -> Result<When, Reported> {
        match timing {
            Timing::Always => Ok(When::Days { from: 0, until: u32::MAX }),
            Timing::Random { mean_between, mean_lasting } => {
                Ok(When::Random { mean_between: *mean_between, mean_lasting: *mean_lasting })
            }
            Timing::Days { from, until } => {
                let (from, until) = self.days(from.as_ref(), until.as_ref())?;
                Ok(When::Days { from, until })
            }
        }
    }

    fn days(&mut self, from: Option<&At<Day>>, until: Option<&At<Day>>) -> Result<(u32, u32), Reported> {
        let first = from.map_or(0, |at| self.day(at.value));
        let end = until.map_or(u32::MAX, |at| self.day(at.value));
        for at in [from, until].into_iter().flatten() {
            if self.day(at.value) > DAY_MAX {
                let why = "is more than a hundred years from the start";
                return Err(self.errors.contradiction(&at.place, why));
            }
        }
        match until {
            Some(at) if end == 0 => Err(self.errors.contradiction(&at.place, "is over before the start")),
            Some(at) if end <= first => Err(self.errors.contradiction(&at.place, "not after from")),
            _ => Ok((first, end)),
        }
    }

    fn demand(&mut self, filter: &Filter, factor: f64, timing: &Timing) -> Result<(), Reported> {
        let (from, until) = match timing {
            Timing::Days { from, until } => self.days(from.as_ref(), until.as_ref())?,
            Timing::Always | Timing::Random { .. } => (0, u32::MAX),
        };
        let is_asked = |position: &StockPosition| position.demand != Demand::None;
        let what = "stock position with demand";
        let mut made = BTreeMap::new();
        for at in filter.positions(self.situation, what, is_asked, self.errors)? {
            self.scale_demand(at, factor, from, until, &mut made);
        }
        self.situation.share_rows();
        Ok(())
    }

    /// Multiplies the demand of a position on some days.
    fn scale_demand(&mut self, at: usize, factor: f64, from: u32, until: u32, made: &mut BTreeMap<Option<u32>, u32>) {
        let (Demand::Random { factor: row, .. } | Demand::History { factor: row, .. }) =
            &mut self.situation.positions[at].demand
        else {
            return;
        };
        let factors = &mut self.situation.factors;
        *row = Some(*made.entry(*row).or_insert_with(|| {
            let old: &[u32] = match row.and_then(|row| factors.get(row as usize)) {
                Some(old) if !old.is_empty() => old,
                _ => &[FACTOR_ONE; FACTOR_DAYS],
            };
            // Long enough that the change does not come again.
            let last = if until == u32::MAX { from } else { until };
            let repeats = (last as usize).div_ceil(old.len()).max(1);
            let scaled = |(day, old): (u32, u32)| {
                if (from..until).contains(&day) { libm::round(f64::from(old) * factor) as u32 } else { old }
            };
            let days = (0..).zip(old.iter().copied().cycle().take(old.len() * repeats));
            let new: Arc<[u32]> = days.map(scaled).collect();
            factors.push(new);
            factors.len() as u32 - 1
        }));
    }

    fn site_capacity(
        &mut self,
        change: &Change,
        filter: &Filter,
        only_suppliers: bool,
        amount: Amount,
        timing: &Timing,
    ) -> Result<(), Reported> {
        let when = self.when(timing)?;
        let is_supplier = |at: usize| {
            !only_suppliers || matches!(self.situation.sites[at].kind, SiteKind::Supplier | SiteKind::Factory)
        };
        let what = if only_suppliers { "supplier" } else { "site" };
        let sites = filter.sites(self.situation, what, is_supplier, self.errors)?;
        let flow = match amount {
            Amount::Factor(_) => self.flow_of_sites(),
            _ => Vec::new(),
        };
        for at in sites {
            let site = &mut self.situation.sites[at];
            let is_always = *timing == Timing::Always;
            // The capacity from now on, and the share of it that is left.
            let (usual, share) = match (site.ships_per_day_max, amount) {
                (Some(Capacity::Pieces(usual)), Amount::Factor(factor)) => (Capacity::Pieces(usual), factor),
                (Some(Capacity::Grams(usual)), Amount::Factor(factor)) => (Capacity::Grams(usual), factor),
                (None, Amount::Factor(factor)) => {
                    let left = libm::ceil(flow[at] * factor);
                    if flow[at] <= 0.0 {
                        let why = format!("nothing leaves {}, so a factor has no meaning", site.site);
                        return Err(self.errors.contradiction(&filter.place, why));
                    }
                    (Capacity::Pieces(PIECES_MAX), left / PIECES_MAX as f64)
                }
                (Some(Capacity::Pieces(usual)), Amount::Pieces(left)) if usual > 0 => {
                    (Capacity::Pieces(usual), left as f64 / usual as f64)
                }
                (Some(Capacity::Grams(usual)), Amount::Grams(left)) if usual > 0 => {
                    (Capacity::Grams(usual), left as f64 / usual as f64)
                }
                (None, Amount::Pieces(left)) => (Capacity::Pieces(PIECES_MAX), left as f64 / PIECES_MAX as f64),
                (None, Amount::Grams(left)) => {
                    (Capacity::Grams(GRAMS_UNLIMITED as i64), left as f64 / GRAMS_UNLIMITED as f64)
                }
                (Some(_), _) if is_always => (Capacity::Pieces(PIECES_MAX), 0.0), // replaced below
                (Some(_), _) => {
                    let why = format!("the capacity of {} is in another unit, or 0: give a factor", site.site);
                    return Err(self.errors.contradiction(&filter.place, why));
                }
            };
            if is_always {
                site.ships_per_day_max = Some(match amount {
                    Amount::Pieces(pieces) => Capacity::Pieces(pieces),
                    Amount::Grams(grams) => Capacity::Grams(grams),
                    Amount::Factor(_) => match usual {
                        Capacity::Pieces(pieces) => Capacity::Pieces(times(pieces, share)),
                        Capacity::Grams(grams) => Capacity::Grams(times(grams, share)),
                    },
                });
            } else {
                site.ships_per_day_max = Some(usual);
                let of = site.site.to_string();
                self.strike(change, &of, Struck::SiteCapacity(at as u32, share), when);
            }
        }
        Ok(())
    }

    /// Pieces that leave each site on an average day.
    fn flow_of_sites(&self) -> Vec<f64> {
        let mut flow = vec![0.0; self.situation.sites.len()];
        for (position, through) in self.situation.positions.iter().zip(self.situation.mean_flow()) {
            if let Some(sum) = flow.get_mut(position.site as usize) {
                *sum += through;
            }
        }
        flow
    }

    fn lane_capacity(
        &mut self,
        change: &Change,
        filter: &LaneFilter,
        amount: Amount,
        timing: &Timing,
    ) -> Result<(), Reported> {
        let when = self.when(timing)?;
        for at in filter.lanes(self.situation, self.errors)? {
            let lane = &mut self.situation.lanes[at];
            let (usual, share) = match (lane.capacity_per_day, amount) {
                (Some(Grams(usual)), Amount::Factor(factor)) => (usual, factor),
                (None, Amount::Factor(_)) => {
                    let why = format!("nothing limits {}, so a factor has no meaning: give tonnes_per_day", lane.lane);
                    return Err(self.errors.contradiction(&filter.place, why));
                }
                (usual, Amount::Grams(left) | Amount::Pieces(left)) => {
                    let usual = usual.map_or(GRAMS_UNLIMITED, |Grams(usual)| usual.max(1));
                    (usual, left as f64 / usual as f64)
                }
            };
            if *timing == Timing::Always {
                lane.capacity_per_day = Some(Grams(libm::round(usual as f64 * share) as u64));
            } else {
                lane.capacity_per_day = Some(Grams(usual));
                let of = lane.lane.to_string();
                self.strike(change, &of, Struck::LaneCapacity(at as u32, share), when);
            }
        }
        Ok(())
    }

    fn pmf(&mut self, place: &Place, rows: &[(u16, f64)]) -> Result<Pmf, Reported> {
        let (min, max) = (rows.iter().map(|row| row.0).min(), rows.iter().map(|row| row.0).max());
        let (Some(min), Some(max)) = (min, max) else {
            return Err(self.errors.contradiction(place, "needs at least one lead time"));
        };
        let mut weights = vec![0.0; usize::from(max - min) + 1];
        for (days, weight) in rows {
            weights[usize::from(days - min)] += weight;
        }
        Pmf::from_weights(i64::from(min), &weights).map_err(|why| self.errors.contradiction(place, why.to_string()))
    }

    fn lead_time(
        &mut self,
        filter: &Filter,
        from_sites: &Option<Vec<At<String>>>,
        days: &Days,
        may_cross: bool,
    ) -> Result<(), Reported> {
        let days = match days {
            Days::Constant(days) => LeadTime::Constant(*days),
            Days::Weights(rows) => LeadTime::Random(Arc::new(self.pmf(&filter.place, rows)?)),
        };
        let route = Route::Direct { days, may_cross };
        self.sources(filter, from_sites, "stock position with such a source", |source| source.route = route.clone())
    }

    /// Changes the sources of the positions that pass, those at certain sites where such are named.
    fn sources(
        &mut self,
        filter: &Filter,
        from_sites: &Option<Vec<At<String>>>,
        what: &'static str,
        change: impl Fn(&mut Source),
    ) -> Result<(), Reported> {
        let from = named_sites(from_sites, self.situation, self.errors);
        let (chosen, from) = (filter.choose(self.situation, self.errors)?, from?);
        let site_of: Vec<u32> = self.situation.positions.iter().map(|position| position.site).collect();
        let is_from = |source: &Source| {
            let Some(from) = &from else { return true };
            let site = match &source.from {
                Origin::Outside { site } => *site,
                Origin::Position(position) => site_of.get(*position as usize).copied(),
                Origin::Recipe { .. } => None,
            };
            site.is_some_and(|site| from.get(site as usize) == Some(&true))
        };
        let mut n_changed = 0;
        for position in self.situation.positions.iter_mut().filter(|position| chosen.has(position)) {
            for source in position.sources.iter_mut().filter(|source| is_from(source)) {
                change(source);
                n_changed += 1;
            }
        }
        if n_changed == 0 { Err(self.errors.push(&filter.place, Cause::MatchesNothing { what })) } else { Ok(()) }
    }

    fn price(&mut self, filter: &Filter, from_sites: &Option<Vec<At<String>>>, price: &Price) -> Result<(), Reported> {
        self.sources(filter, from_sites, "stock position with such a source", |source| match price {
            Price::Factor(factor) => source.prices.iter_mut().for_each(|(_, minor)| *minor *= factor),
            Price::List(list) => source.prices.clone_from(list),
        })
    }

    fn cost(&mut self, filter: &Filter, cost: &Cost) -> Result<(), Reported> {
        self.each(filter, |position| {
            let scale = |value: &mut f64, factor: Option<f64>| *value *= factor.unwrap_or(1.0);
            scale(&mut position.holding_minor_per_year, cost.holding);
            scale(&mut position.backorder_minor_per_day, cost.backorder);
            scale(&mut position.lost_minor, cost.lost);
            let order = &mut position.ordering.cost_minor;
            *order = cost.order_minor.map_or(*order, |minor| minor as i64);
            *order = times(*order, cost.order.unwrap_or(1.0));
        })
    }

    fn policy(&mut self, filter: &Filter, policy: &PolicyChange) -> Result<(), Reported> {
        if let PolicyChange::Scale(factor) = policy {
            let has_levels = |position: &StockPosition| position.policy != Policy::Never;
            let what = "stock position with a policy";
            for at in filter.positions(self.situation, what, has_levels, self.errors)? {
                scale_policy(&mut self.situation.positions[at].policy, *factor);
            }
            return Ok(());
        }
        let flow = self.situation.mean_flow();
        let can_order = |position: &StockPosition| *policy == PolicyChange::Never || !position.sources.is_empty();
        let what = "stock position with a source";
        for at in filter.positions(self.situation, what, can_order, self.errors)? {
            let new = new_policy(policy, flow[at]);
            if let Policy::MinMax { min, max } = new
                && min > max
            {
                let why = format!("at {} min would be {min} and max {max}", self.situation.label(at));
                return Err(self.errors.contradiction(&filter.place, why));
            }
            self.situation.positions[at].policy = new;
        }
        Ok(())
    }

    fn sourcing(
        &mut self,
        filter: &Filter,
        sourcing: Option<Sourcing>,
        sources: Option<&[NewSource]>,
    ) -> Result<(), Reported> {
        let positions = filter.positions(self.situation, "stock position", |_| true, self.errors)?;
        let sites = self.site_by_id();
        let ends: Vec<Option<Result<u32, Reported>>> = sources
            .unwrap_or_default()
            .iter()
            .map(|source| source.site.as_ref().map(|site| self.end(&sites, Some(site))))
            .collect();
        let ends = ends.into_iter().map(Option::transpose).collect::<Result<Vec<_>, _>>()?;
        let index = self.situation.index();
        for at in positions {
            let (site, sku) = (self.situation.positions[at].site, self.situation.positions[at].sku);
            let mut new = Vec::new();
            for (source, end) in sources.unwrap_or_default().iter().zip(&ends) {
                if *end == Some(site) {
                    let why = format!("{} cannot be its own source", self.situation.label(at));
                    return Err(self.errors.contradiction(&source.place, why));
                }
                new.push(self.source(source, *end, sku, &index));
            }
            let position = &mut self.situation.positions[at];
            if sources.is_some() {
                position.sources = new;
            }
            position.sourcing = sourcing.unwrap_or(position.sourcing);
        }
        Ok(())
    }

    fn source(&self, new: &NewSource, site: Option<u32>, sku: u32, index: &PositionIndex) -> Source {
        let bought = |site: u32| self.situation.sites[site as usize].kind == SiteKind::Supplier;
        let value = self.situation.skus[sku as usize].value_minor as f64;
        let price = new.price_minor.or_else(|| site.is_some_and(bought).then_some(value));
        Source {
            from: match site {
                Some(from) => match index.get(from, sku) {
                    Some(position) => Origin::Position(position),
                    None => Origin::Outside { site: Some(from) },
                },
                None => Origin::Outside { site: None },
            },
            route: match new.lead_time_days {
                Some(days) => Route::Direct { days: LeadTime::Constant(days), may_cross: false },
                None => Route::Lanes,
            },
            share_permille: new.share_permille,
            prices: price.map(|price| vec![(0, price)]).unwrap_or_default(),
            priority: new.priority,
            partial: new.partial,
        }
    }

    fn site_by_id(&self) -> BTreeMap<String, u32> {
        (0..).zip(&self.situation.sites).map(|(at, site)| (site.site.to_string(), at)).collect()
    }

    /// A site that is named.
    fn end(&mut self, sites: &BTreeMap<String, u32>, name: Option<&At<String>>) -> Result<u32, Reported> {
        let Some(name) = name else { return Err(Reported) }; // was refused when it was read
        match sites.get(&name.value) {
            Some(site) => Ok(*site),
            None => Err(self.errors.unknown(name, "site", sites.keys().map(String::as_str))),
        }
    }

    fn new_lane(&mut self, new: &NewLane, from: u32, to: u32) -> Result<(), Reported> {
        if from == to {
            return Err(self.errors.contradiction(&new.place, "a lane ends elsewhere than it begins"));
        }
        if !(0.0..=f64::from(LEAD_DAYS_MAX) * 24.0).contains(&new.lead_time_h) {
            return Err(self.errors.contradiction(&new.place, "a lane takes at most 730 days"));
        }
        let id = |at: u32| self.situation.sites[at as usize].site.to_string();
        let name = new.lane.as_ref().map_or_else(|| format!("{}-{}", id(from), id(to)), |lane| lane.value.clone());
        let place = new.lane.as_ref().map_or(&new.place, |lane| &lane.place);
        let ways =
            if new.two_way { vec![(false, name.clone()), (true, format!("{name}~back"))] } else { vec![(false, name)] };
        for (is_back, name) in ways {
            let Ok(lane) = LaneId::new(&name) else {
                let why = format!("{name:?} cannot be an identifier");
                return Err(self.errors.contradiction(place, why));
            };
            if self.situation.lanes.iter().any(|known| known.lane == lane) {
                return Err(self.errors.push(place, Cause::Taken { what: "lane", found: name }));
            }
            let (from, to) = if is_back { (to, from) } else { (from, to) };
            let mut via = new.via.clone();
            if is_back {
                via.reverse();
            }
            let at = |site: u32| self.situation.sites[site as usize].position;
            let length = || libm::round(Track::new(at(from), via.iter().copied().chain([at(to)])).length_m()) as u64;
            self.situation.lanes.push(Lane {
                lane,
                from,
                to,
                mode: new.mode,
                distance: Metres(new.distance_m.unwrap_or_else(length)),
                via,
                lead_time_h: new.lead_time_h,
                lead_time_sd_h: new.lead_time_sd_h,
                departure_cost_minor: new.departure_cost_minor,
                tonne_cost_minor: new.tonne_cost_minor,
                capacity_per_day: new.capacity_g.map(Grams),
                departs_every_days: new.departs_every_days,
            });
        }
        Ok(())
    }

    fn remove_lanes(&mut self, filter: &LaneFilter) -> Result<(), Reported> {
        let gone = filter.lanes(self.situation, self.errors)?;
        let mut left = 0;
        let mut index: Vec<Option<u32>> = Vec::with_capacity(self.situation.lanes.len());
        for at in 0..self.situation.lanes.len() {
            let stays = gone.binary_search(&at).is_err();
            index.push(stays.then_some(left));
            left += u32::from(stays);
        }
        let mut at = 0;
        self.situation.lanes.retain(|_| {
            at += 1;
            index[at - 1].is_some()
        });
        self.situation.disruptions.retain_mut(|disruption| match &mut disruption.strikes {
            Struck::Lane(lane)
            | Struck::SlowLane(lane, _)
            | Struck::Detour(lane, _)
            | Struck::LaneCapacity(lane, _) => {
                let new = index.get(*lane as usize).copied().flatten();
                *lane = new.unwrap_or(*lane);
                new.is_some()
            }
            Struck::Site(_) | Struck::SiteCapacity(..) | Struck::Spoils(..) => true,
        });
        Ok(())
    }

    /// Of one name, so that all lanes through it close at the same times.
    fn passage(
        &mut self,
        change: &Change,
        passage: &Passage,
        detour: Option<f64>,
        timing: &Timing,
    ) -> Result<(), Reported> {
        let when = self.when(timing)?;
        let position = |site: u32| self.situation.sites.get(site as usize).map(|site| site.position);
        let passes = |lane: &Lane| -> bool {
            let way: Option<Vec<Position>> = std::iter::once(position(lane.from))
                .chain(lane.via.iter().map(|point| Some(*point)))
                .chain([position(lane.to)])
                .collect();
            lane.mode == Mode::Sea && way.is_some_and(|way| passage.is_on(way.into_iter()))
        };
        let lanes: Vec<usize> =
            self.situation.lanes.iter().enumerate().filter(|(_, lane)| passes(lane)).map(|(at, _)| at).collect();
        if lanes.is_empty() {
            return Err(self.errors.push(&change.place, Cause::MatchesNothing { what: "lane through the passage" }));
        }
        for at in lanes {
            match detour {
                None => self.strike(change, passage.name, Struck::Lane(at as u32), when),
                Some(factor) if *timing == Timing::Always => {
                    let lane = &mut self.situation.lanes[at];
                    slow(lane, factor);
                    lane.distance = Metres(libm::round(lane.distance.0 as f64 * factor) as u64);
                }
                Some(factor) => self.strike(change, passage.name, Struck::Detour(at as u32, factor), when),
            }
        }
        Ok(())
    }

    fn cold_store(&mut self, change: &Change, filter: &Filter, timing: &Timing) -> Result<(), Reported> {
        let when = self.when(timing)?;
        let is_cold = |position: &StockPosition| {
            let sku = self.situation.skus.get(position.sku as usize);
            sku.is_some_and(|sku| sku.temperature != TemperatureClass::Dry)
        };
        let what = "stock position of chilled or frozen goods";
        let mut spoilt: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for at in filter.positions(self.situation, what, is_cold, self.errors)? {
            let position = &self.situation.positions[at];
            spoilt.entry(position.site).or_default().push(position.sku);
        }
        for (site, mut skus) in spoilt {
            skus.sort_unstable();
            let of = self.situation.sites[site as usize].site.to_string();
            self.strike(change, &of, Struck::Spoils(site, skus), when);
        }
        Ok(())
    }

    fn lateral(&mut self, filter: &Filter, lateral: &LateralChange) -> Result<(), Reported> {
        let pools = self.situation.positions.iter().filter_map(|position| position.lateral.map(|known| known.pool));
        let pool = lateral.pool.unwrap_or_else(|| pools.max().map_or(0, |pool| pool.saturating_add(1)));
        let when = match lateral.proactive {
            None => Transshipment::Reactive,
            Some((every_days, lead_days)) => Transshipment::Proactive { every_days, lead_days },
        };
        self.each(filter, |position| {
            position.lateral = Some(Lateral { pool, when, cost_minor: lateral.cost_minor });
        })
    }

    fn new_site(&mut self, new: &NewSite) -> Result<(), Reported> {
        let sites = self.site_by_id();
        let Ok(id) = SiteId::new(&new.site.value) else {
            let why = format!("{:?} cannot be an identifier", new.site.value);
            return Err(self.errors.contradiction(&new.site.place, why));
        };
        if sites.contains_key(&new.site.value) {
            let found = new.site.value.clone();
            return Err(self.errors.push(&new.site.place, Cause::Taken { what: "site", found }));
        }
        let source = self.end(&sites, Some(&new.source));
        let goods = new.goods.choose(self.situation, self.errors);
        let serves = new.serves.as_ref().map(|serves| serves.choose(self.situation, self.errors)).transpose();
        let takes: Vec<_> = new.takes_demand.iter().map(|(from, _)| self.end(&sites, Some(from))).collect();
        let here = self.situation.sites.len() as u32;
        let mut ends = Vec::new();
        for lane in &new.lanes {
            let other = lane.from.as_ref().or(lane.to.as_ref());
            ends.push(self.end(&sites, other));
        }
        let (source, goods, serves) = (source?, goods?, serves?);
        let takes = takes.into_iter().collect::<Result<Vec<_>, _>>()?;
        let ends = ends.into_iter().collect::<Result<Vec<_>, _>>()?;

        self.situation.sites.push(Site {
            site: id,
            kind: new.kind,
            tier: new.tier,
            partner_class: new.partner_class.clone(),
            position: new.position,
            ships_per_day_max: new.ships_per_day_max.map(Capacity::Pieces),
        });
        for (lane, other) in new.lanes.iter().zip(ends) {
            let (from, to) = if lane.from.is_some() { (other, here) } else { (here, other) };
            self.new_lane(lane, from, to)?;
        }
        if !self.reached_from(source)[here as usize] {
            let why = format!("no lane leads there from {:?}", new.source.value);
            return Err(self.errors.contradiction(&new.source.place, why));
        }

        let index = self.situation.index();
        let kept: Vec<(u32, u32)> =
            index.at_site(source).iter().copied().filter(|(sku, _)| goods.skus[*sku as usize]).collect();
        if kept.is_empty() {
            let what = "stock of its source";
            return Err(self.errors.push(&new.goods.place, Cause::MatchesNothing { what }));
        }
        let bought = self.situation.sites[source as usize].kind == SiteKind::Supplier;
        let first = self.situation.positions.len();
        // Costs are as where the same SKU costs most to keep: at a supplier, that is nothing.
        let mut dearest: Vec<Option<usize>> = vec![None; self.situation.skus.len()];
        for (at, position) in self.situation.positions.iter().enumerate() {
            let known = &mut dearest[position.sku as usize];
            let cost = |at: usize| self.situation.positions[at].holding_minor_per_year;
            if known.is_none_or(|known| cost(known) < cost(at)) {
                *known = Some(at);
            }
        }
        let mut here_by_sku: BTreeMap<u32, u32> = BTreeMap::new();
        for (sku, from) in kept {
            let like = dearest[sku as usize].map(|at| self.situation.positions[at].clone());
            let Some(like) = like else { continue };
            here_by_sku.insert(sku, self.situation.positions.len() as u32);
            let value = self.situation.skus[sku as usize].value_minor as f64;
            self.situation.positions.push(StockPosition {
                site: here,
                sku,
                on_hand: 0,
                backorders: 0,
                arriving: Vec::new(),
                demand: Demand::None,
                policy: Policy::Never,
                sources: vec![Source {
                    from: Origin::Position(from),
                    route: Route::Lanes,
                    share_permille: 1_000,
                    prices: if bought { vec![(0, value)] } else { Vec::new() },
                    priority: 0,
                    partial: true,
                }],
                sourcing: Sourcing::Priority,
                lateral: None,
                ..like
            });
        }
        if let Some(serves) = &serves {
            let reached = self.reached_from(here);
            let mut n_served = 0;
            for at in 0..first {
                let position = &self.situation.positions[at];
                let Some(from) = here_by_sku.get(&position.sku).copied().filter(|_| serves.has(position)) else {
                    continue;
                };
                if !reached[position.site as usize] {
                    let site = self.situation.sites[position.site as usize].site.to_string();
                    let why = format!("no lane leads from {:?} to {site:?}", new.site.value);
                    return Err(self.errors.contradiction(&new.site.place, why));
                }
                let position = &mut self.situation.positions[at];
                position.sources = vec![Source {
                    from: Origin::Position(from),
                    route: Route::Lanes,
                    share_permille: 1_000,
                    prices: Vec::new(),
                    priority: position.sources.first().map_or(0, |source| source.priority),
                    partial: true,
                }];
                position.sourcing = Sourcing::Priority;
                n_served += 1;
            }
            if n_served == 0 {
                let place = new.serves.as_ref().map_or(&new.site.place, |serves| &serves.place);
                return Err(self.errors.push(place, Cause::MatchesNothing { what: "stock position of what it keeps" }));
            }
        }
        for ((name, permille), from) in new.takes_demand.iter().zip(takes) {
            self.take_demand(name, *permille, from, &here_by_sku)?;
        }
        self.situation.share_rows();
        let flow = self.situation.mean_flow();
        for (position, flow) in self.situation.positions.iter_mut().zip(flow).skip(first) {
            position.policy = new_policy(&new.policy, flow);
            position.on_hand = pieces(Quantity::Days(new.initial_days), flow);
        }
        Ok(())
    }

    /// Moves a share of what is asked for at a site to the new one.
    fn take_demand(
        &mut self,
        name: &At<String>,
        permille: u16,
        from: u32,
        here_by_sku: &BTreeMap<u32, u32>,
    ) -> Result<(), Reported> {
        let share = f64::from(permille) / 1e3;
        let (mut taken, mut left) = (BTreeMap::new(), BTreeMap::new());
        let mut n_taken = 0;
        for at in 0..self.situation.positions.len() {
            let position = &self.situation.positions[at];
            if position.site != from || position.demand == Demand::None {
                continue;
            }
            let Some(here) = here_by_sku.get(&position.sku).map(|here| *here as usize) else { continue };
            if self.situation.positions[here].demand != Demand::None {
                let why = "takes demand for the same SKU from two sites: give one";
                return Err(self.errors.contradiction(&name.place, why));
            }
            self.situation.positions[here].demand = self.situation.positions[at].demand.clone();
            self.scale_demand(here, share, 0, u32::MAX, &mut taken);
            self.scale_demand(at, 1.0 - share, 0, u32::MAX, &mut left);
            n_taken += 1;
        }
        if n_taken == 0 {
            let what = "demand there for what it keeps";
            return Err(self.errors.push(&name.place, Cause::MatchesNothing { what }));
        }
        Ok(())
    }

    /// To which sites any way leads from one, not through a customer.
    fn reached_from(&self, from: u32) -> Vec<bool> {
        let mut reached = vec![false; self.situation.sites.len()];
        let mut out: Vec<Vec<u32>> = vec![Vec::new(); self.situation.sites.len()];
        for lane in &self.situation.lanes {
            if let Some(ends) = out.get_mut(lane.from as usize) {
                ends.push(lane.to);
            }
        }
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut reached[at as usize], true) {
                continue;
            }
            if at == from || self.situation.sites[at as usize].kind != SiteKind::Customer {
                open.extend(out[at as usize].iter().copied().filter(|next| (*next as usize) < out.len()));
            }
        }
        reached
    }
}

fn times(amount: i64, factor: f64) -> i64 {
    libm::round(amount as f64 * factor) as i64
}

fn slow(lane: &mut Lane, factor: f64) {
    lane.lead_time_h *= factor;
    lane.lead_time_sd_h *= factor;
}

fn pieces(quantity: Quantity, flow: f64) -> i64 {
    match quantity {
        Quantity::Pieces(pieces) => pieces,
        Quantity::Days(days) => libm::ceil(days * flow - 1e-9) as i64,
    }
}

fn new_policy(policy: &PolicyChange, flow: f64) -> Policy {
    let level = |quantity: &Quantity| pieces(*quantity, flow);
    match policy {
        PolicyChange::Never | PolicyChange::Scale(_) => Policy::Never,
        PolicyChange::BaseStock { level: up_to } => Policy::BaseStock { level: level(up_to) },
        PolicyChange::MinMax { min, max } => Policy::MinMax { min: level(min), max: level(max) },
        PolicyChange::ReorderLot { reorder_point, lot } => {
            Policy::ReorderLot { reorder_point: level(reorder_point), lot: level(lot).max(1) }
        }
        PolicyChange::EchelonBaseStock { level: up_to } => Policy::EchelonBaseStock { level: level(up_to) },
        PolicyChange::Forecast { smoothing, cover_days, safety } => {
            Policy::Forecast { smoothing: *smoothing, cover_days: *cover_days, safety: level(safety) }
        }
    }
}

fn scale_policy(policy: &mut Policy, factor: f64) {
    let scale = |level: &mut i64| *level = times(*level, factor);
    match policy {
        Policy::Never => {}
        Policy::BaseStock { level } | Policy::EchelonBaseStock { level } => scale(level),
        Policy::MinMax { min, max } => {
            scale(min);
            scale(max);
        }
        Policy::ReorderLot { reorder_point, .. } => scale(reorder_point),
        Policy::Scheduled { levels, .. } => {
            let scaled =
                levels.iter().map(|it| DayLevels { min: times(it.min, factor), max: times(it.max, factor), ..*it });
            *levels = scaled.collect();
        }
        Policy::Forecast { cover_days, safety, .. } => {
            *cover_days *= factor;
            scale(safety);
        }
    }
}
