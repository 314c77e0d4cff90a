//! Whether a situation makes sense: everything that does not, at once.

use std::collections::BTreeMap;

use super::{
    Capacity, Demand, LeadTime, Origin, Policy, Route, Situation, Smoothing, Sourcing, StockPosition, Struck,
    Transshipment, When,
};

/// The largest quantity, in pieces: sums of some of them still fit 32 bits.
pub const PIECES_MAX: i64 = 1 << 27;
/// The longest lead time, in days.
pub const LEAD_DAYS_MAX: u16 = 730;
/// How many errors are reported at once.
pub const ERRORS_MAX: usize = 100;
/// How many positions of a cycle are named.
const CYCLE_NAMED_MAX: usize = 12;

/// Why a situation makes no sense. Stock positions are named as site/SKU.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SituationError {
    /// An index leads nowhere.
    #[error("{of}: there is no {what} {idx}, only {len}")]
    Index {
        /// What has the index.
        of: String,
        /// Of what.
        what: &'static str,
        /// The index.
        idx: u32,
        /// How many there are.
        len: usize,
    },
    /// A site keeps a SKU twice.
    #[error("{of}: stands twice")]
    Twice {
        /// The position.
        of: String,
    },
    /// A number out of its range.
    #[error("{of}: {field} is {value}, expected {expected}")]
    Number {
        /// What has the number.
        of: String,
        /// Which number.
        field: &'static str,
        /// What it is.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// A lead time of no days, or of more than [`LEAD_DAYS_MAX`].
    #[error("{of}: lead time from {min} to {max} days, expected 1 to {LEAD_DAYS_MAX}")]
    LeadTime {
        /// The position.
        of: String,
        /// The shortest.
        min: i64,
        /// The longest.
        max: i64,
    },
    /// Goods go round in a circle.
    #[error("cycle in supply: {}", names(.positions))]
    Cycle {
        /// Each is supplied by the next, the last by the first.
        positions: Vec<String>,
    },
    /// A source or a part that cannot be one.
    #[error("{of}: {source_of} cannot supply it: {why}")]
    Source {
        /// The position.
        of: String,
        /// The other one.
        source_of: String,
        /// Why not.
        why: &'static str,
    },
    /// A position that orders and cannot.
    #[error("{of}: has a policy and no source")]
    NoSource {
        /// The position.
        of: String,
    },
    /// A policy without sense.
    #[error("{of}: {why}")]
    Policy {
        /// The position.
        of: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Shares of the sources that do not make a whole.
    #[error("{of}: shares of its sources sum to {sum}, expected 1000")]
    Shares {
        /// The position.
        of: String,
        /// What they sum to.
        sum: u32,
    },
    /// A price list that does not begin at 0 or does not ascend.
    #[error("{of}: prices must begin from 0 pieces and ascend")]
    Prices {
        /// The position.
        of: String,
    },
    /// Positions that help each other by different rules.
    #[error("{of}: helps in pool {pool} by other rules than {other}")]
    Pool {
        /// The position.
        of: String,
        /// The pool.
        pool: u32,
        /// A position of the same pool and SKU.
        other: String,
    },
    /// A row of demand factors without a day.
    #[error("row {row} of demand factors is empty")]
    NoFactors {
        /// Which row.
        row: usize,
    },
    /// A disruption without sense.
    #[error("{name:?}: {why}")]
    Disruption {
        /// Its name.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
}

fn names(positions: &[String]) -> String {
    let mut text = positions.iter().take(CYCLE_NAMED_MAX).cloned().collect::<Vec<_>>().join(" from ");
    if positions.len() > CYCLE_NAMED_MAX {
        text.push_str(&format!(" and {} more", positions.len() - CYCLE_NAMED_MAX));
    }
    if let Some(first) = positions.first() {
        text.push_str(" from ");
        text.push_str(first);
    }
    text
}

impl Situation {
    /// Finds everything that makes no sense, up to [`ERRORS_MAX`] errors. O(n log n) in the stock positions.
    ///
    /// # Errors
    /// All that was found.
    pub fn check(&self) -> Result<(), Vec<SituationError>> {
        let mut check = Check { situation: self, errors: Vec::new() };
        check.lists();
        check.positions();
        if check.errors.is_empty() {
            // Only now do all indexes lead somewhere.
            check.cycles();
        }
        check.disruptions();
        check.errors.truncate(ERRORS_MAX);
        if check.errors.is_empty() { Ok(()) } else { Err(check.errors) }
    }

    /// A stock position as people name it: site/SKU. Indexes that lead nowhere are shown as numbers.
    #[must_use]
    pub fn label(&self, position: usize) -> String {
        let Some(position) = self.positions.get(position) else { return format!("position {position}") };
        let site = self.sites.get(position.site as usize).map(|site| site.site.as_str());
        let sku = self.skus.get(position.sku as usize).map(|sku| sku.sku.as_str());
        let name = |name: Option<&str>, idx: u32| name.map_or_else(|| idx.to_string(), str::to_owned);
        format!("{}/{}", name(site, position.site), name(sku, position.sku))
    }
}

struct Check<'a> {
    situation: &'a Situation,
    errors: Vec<SituationError>,
}

/// Whose number it is; the name is only made when it is wrong.
#[derive(Clone, Copy)]
enum Whose {
    Site(usize),
    Lane(usize),
    Sku(usize),
    Position(usize),
}

impl Check<'_> {
    fn name(&self, whose: Whose) -> String {
        match whose {
            Whose::Site(at) => format!("site {}", self.situation.sites[at].site),
            Whose::Lane(at) => format!("lane {}", self.situation.lanes[at].lane),
            Whose::Sku(at) => format!("SKU {}", self.situation.skus[at].sku),
            Whose::Position(at) => self.situation.label(at),
        }
    }

    fn is_full(&self) -> bool {
        self.errors.len() >= ERRORS_MAX
    }

    fn that(&mut self, holds: bool, whose: Whose, field: &'static str, value: f64, expected: &'static str) {
        if !holds && !self.is_full() {
            let of = self.name(whose);
            self.errors.push(SituationError::Number { of, field, value, expected });
        }
    }

    fn pieces(&mut self, whose: Whose, field: &'static str, value: i64) {
        let holds = (0..=PIECES_MAX).contains(&value);
        self.that(holds, whose, field, value as f64, "0 to 134217728");
    }

    fn level(&mut self, whose: Whose, field: &'static str, value: i64) {
        let holds = (-PIECES_MAX..=PIECES_MAX).contains(&value);
        self.that(holds, whose, field, value as f64, "-134217728 to 134217728");
    }

    fn money(&mut self, whose: Whose, field: &'static str, value: f64) {
        self.that(value.is_finite() && value >= 0.0, whose, field, value, "a finite number, not negative");
    }

    fn index(&mut self, whose: Whose, what: &'static str, idx: u32, len: usize) -> bool {
        let holds = (idx as usize) < len;
        if !holds && !self.is_full() {
            let of = self.name(whose);
            self.errors.push(SituationError::Index { of, what, idx, len });
        }
        holds
    }

    fn lists(&mut self) {
        let all = self.situation;
        for (at, site) in all.sites.iter().enumerate() {
            match site.ships_per_day_max {
                Some(Capacity::Pieces(pieces)) => self.pieces(Whose::Site(at), "ships_per_day_max", pieces),
                Some(Capacity::Grams(grams)) => self.money(Whose::Site(at), "ships_per_day_max", grams as f64),
                None => {}
            }
        }
        for (at, lane) in all.lanes.iter().enumerate() {
            let whose = Whose::Lane(at);
            self.index(whose, "site", lane.from, all.sites.len());
            self.index(whose, "site", lane.to, all.sites.len());
            let hours_max = f64::from(LEAD_DAYS_MAX) * 24.0;
            let hours = lane.lead_time_h;
            self.that((0.0..=hours_max).contains(&hours), whose, "lead time in hours", hours, "0 to 17520");
            let sd = lane.lead_time_sd_h;
            self.that(
                (0.0..=hours_max).contains(&sd),
                whose,
                "standard deviation of the lead time in hours",
                sd,
                "0 to 17520",
            );
            self.money(whose, "cost of a departure", lane.departure_cost_minor as f64);
            self.money(whose, "cost of a tonne", lane.tonne_cost_minor as f64);
        }
        for (at, sku) in all.skus.iter().enumerate() {
            self.money(Whose::Sku(at), "value", sku.value_minor as f64);
            self.that(sku.shelf_life_days != Some(0), Whose::Sku(at), "shelf life in days", 0.0, "at least 1");
        }
        for (row, factors) in all.factors.iter().enumerate() {
            if factors.is_empty() && !self.is_full() {
                self.errors.push(SituationError::NoFactors { row });
            }
        }
    }

    fn positions(&mut self) {
        let all = self.situation;
        let mut pools: BTreeMap<(u32, u32), usize> = BTreeMap::new();
        for (at, position) in all.positions.iter().enumerate() {
            if self.is_full() {
                return;
            }
            let whose = Whose::Position(at);
            self.index(whose, "site", position.site, all.sites.len());
            self.index(whose, "SKU", position.sku, all.skus.len());
            self.quantities(whose, position);
            self.policy(at, position);
            self.sources(at, position);
            if let Some(lateral) = &position.lateral {
                self.money(whose, "cost of moving a piece", lateral.cost_minor);
                if let Transshipment::Proactive { every_days, lead_days } = lateral.when {
                    self.that(every_days >= 1, whose, "days between moves", f64::from(every_days), "at least 1");
                    let days = f64::from(lead_days);
                    self.that((1..=LEAD_DAYS_MAX).contains(&lead_days), whose, "days of a move", days, "1 to 730");
                }
                let first = *pools.entry((lateral.pool, position.sku)).or_insert(at);
                if all.positions[first].lateral.is_some_and(|other| other.when != lateral.when) {
                    let (of, other) = (all.label(at), all.label(first));
                    self.errors.push(SituationError::Pool { of, pool: lateral.pool, other });
                }
            }
        }
        let index = all.index();
        for site in 0..all.sites.len() as u32 {
            for twice in index.at_site(site).windows(2).filter(|two| two[0].0 == two[1].0) {
                if !self.is_full() {
                    self.errors.push(SituationError::Twice { of: all.label(twice[1].1 as usize) });
                }
            }
        }
    }

    fn quantities(&mut self, whose: Whose, position: &StockPosition) {
        self.pieces(whose, "on hand", position.on_hand);
        self.pieces(whose, "backorders", position.backorders);
        for arrival in &position.arriving {
            self.pieces(whose, "arriving", arrival.pieces);
        }
        let permille = position.backorder_permille;
        self.that(permille <= 1_000, whose, "backorder permille", f64::from(permille), "0 to 1000");
        let factor = match &position.demand {
            Demand::None => None,
            Demand::Random { pieces, factor } => {
                self.pieces(whose, "least demand", pieces.min());
                self.pieces(whose, "largest demand", pieces.max());
                *factor
            }
            Demand::History { pieces, factor } => {
                let largest = pieces.iter().copied().max().unwrap_or(0);
                self.pieces(whose, "largest demand", i64::from(largest));
                *factor
            }
        };
        if let Some(row) = factor {
            self.index(whose, "row of demand factors", row, self.situation.factors.len());
        }
        self.money(whose, "holding cost", position.holding_minor_per_year);
        self.money(whose, "backorder cost", position.backorder_minor_per_day);
        self.money(whose, "cost of a lost piece", position.lost_minor);
        let ordering = &position.ordering;
        self.pieces(whose, "least order", ordering.min);
        let holds = (1..=PIECES_MAX).contains(&ordering.multiple);
        self.that(holds, whose, "order multiple", ordering.multiple as f64, "1 to 134217728");
        self.money(whose, "cost of an order", ordering.cost_minor as f64);
        let review = position.review;
        self.that(review.every_days >= 1, whose, "days between reviews", f64::from(review.every_days), "at least 1");
        let weekdays = f64::from(review.weekdays);
        self.that(review.weekdays & 0x7f != 0, whose, "weekdays of reviews", weekdays, "at least one day");
    }

    fn policy(&mut self, at: usize, position: &StockPosition) {
        let whose = Whose::Position(at);
        let mut why = None;
        match &position.policy {
            Policy::Never => return,
            Policy::BaseStock { level } | Policy::EchelonBaseStock { level } => {
                self.level(whose, "base stock", *level);
            }
            Policy::MinMax { min, max } => {
                self.level(whose, "min", *min);
                self.level(whose, "max", *max);
                why = (min > max).then_some("min is above max");
            }
            Policy::ReorderLot { reorder_point, lot } => {
                self.level(whose, "reorder point", *reorder_point);
                let holds = (1..=PIECES_MAX).contains(lot);
                self.that(holds, whose, "lot", *lot as f64, "1 to 134217728");
            }
            Policy::Scheduled { levels, .. } => {
                for it in levels.iter() {
                    self.level(whose, "min", it.min);
                    self.level(whose, "max", it.max);
                    self.level(whose, "least order", it.least);
                }
                let ascend = levels.windows(2).all(|pair| pair[0].from_day < pair[1].from_day);
                why = if levels.iter().any(|it| it.min > it.max) {
                    Some("min is above max")
                } else if levels.first().is_none_or(|it| it.from_day != 0) || !ascend {
                    Some("scheduled levels must begin on day 0 and ascend by day")
                } else {
                    None
                };
            }
            Policy::Forecast { smoothing, cover_days, safety } => {
                self.level(whose, "safety stock", *safety);
                self.that((0.0..=3_650.0).contains(cover_days), whose, "days to cover", *cover_days, "0 to 3650");
                why = match smoothing {
                    Smoothing::MovingAverage { days: 0 } => Some("a moving average needs at least one day"),
                    Smoothing::Exponential { alpha_permille: 0 } => Some("a forecast that never follows"),
                    Smoothing::Exponential { alpha_permille: 1_001.. } => Some("smoothing above 1000 thousandths"),
                    _ => None,
                };
            }
        }
        if let Some(why) = why {
            self.errors.push(SituationError::Policy { of: self.situation.label(at), why });
        }
        if position.sources.is_empty() {
            self.errors.push(SituationError::NoSource { of: self.situation.label(at) });
        }
    }

    fn sources(&mut self, at: usize, position: &StockPosition) {
        let (all, whose) = (self.situation, Whose::Position(at));
        for source in &position.sources {
            let mut refuse = |source_of: String, why: &'static str| {
                self.errors.push(SituationError::Source { of: all.label(at), source_of, why });
            };
            match &source.from {
                Origin::Outside { site: None } => {
                    if source.route == Route::Lanes {
                        refuse("nowhere".into(), "no lane begins there, so it needs a lead time of its own");
                    }
                }
                Origin::Outside { site: Some(site) } => {
                    self.index(whose, "site", *site, all.sites.len());
                }
                Origin::Position(other) => {
                    if let Some(from) = all.positions.get(*other as usize)
                        && from.sku != position.sku
                    {
                        refuse(all.label(*other as usize), "it is another SKU");
                    }
                    self.index(whose, "position", *other, all.positions.len());
                }
                Origin::Recipe { parts, per_day_max } => {
                    if source.route == Route::Lanes {
                        refuse("its recipe".into(), "making takes a time of its own, and no lane");
                    }
                    for (part, _) in parts {
                        if let Some(from) = all.positions.get(*part as usize)
                            && from.site != position.site
                        {
                            refuse(all.label(*part as usize), "it is at another site");
                        }
                    }
                    for (part, pieces) in parts {
                        self.index(whose, "position", *part, all.positions.len());
                        let holds = (1..=PIECES_MAX).contains(&i64::from(*pieces));
                        self.that(holds, whose, "pieces of a part", f64::from(*pieces), "1 to 134217728");
                    }
                    if let Some(pieces) = per_day_max {
                        self.pieces(whose, "pieces made in a day", *pieces);
                    }
                }
            }
            if let Route::Direct { days, .. } = &source.route {
                let (min, max) = match days {
                    LeadTime::Constant(days) => (i64::from(*days), i64::from(*days)),
                    LeadTime::Random(days) => (days.min(), days.max()),
                };
                if min < 1 || max > i64::from(LEAD_DAYS_MAX) {
                    self.errors.push(SituationError::LeadTime { of: all.label(at), min, max });
                }
            }
            let prices = &source.prices;
            for (_, price) in prices {
                self.money(whose, "price", *price);
            }
            let ascend = prices.windows(2).all(|two| two[0].0 < two[1].0);
            if prices.first().is_some_and(|(from, _)| *from != 0) || !ascend {
                self.errors.push(SituationError::Prices { of: all.label(at) });
            }
        }
        if position.sourcing == Sourcing::Share && !position.sources.is_empty() {
            let sum: u32 = position.sources.iter().map(|source| u32::from(source.share_permille)).sum();
            if sum != 1_000 {
                self.errors.push(SituationError::Shares { of: all.label(at), sum });
            }
        }
    }

    /// Depth first along the sources; what is entered again while it is open closes a cycle.
    fn cycles(&mut self) {
        const NEW: u8 = 0;
        const OPEN: u8 = 1;
        const DONE: u8 = 2;
        let all = self.situation;
        let mut state = vec![NEW; all.positions.len()];
        let mut path: Vec<(usize, usize)> = Vec::new(); // a position, and how many of its sources were seen
        for first in 0..all.positions.len() {
            if state[first] != NEW {
                continue;
            }
            path.push((first, 0));
            state[first] = OPEN;
            while let Some((at, seen)) = path.last_mut() {
                let Some(next) = nth_supplier(&all.positions[*at], *seen) else {
                    state[*at] = DONE;
                    path.pop();
                    continue;
                };
                *seen += 1;
                let next = next as usize;
                match state[next] {
                    NEW => {
                        state[next] = OPEN;
                        path.push((next, 0));
                    }
                    OPEN => {
                        let from = path.iter().position(|(at, _)| *at == next).unwrap_or(0);
                        let positions = path[from..].iter().map(|(at, _)| all.label(*at)).collect();
                        if self.is_full() {
                            return;
                        }
                        self.errors.push(SituationError::Cycle { positions });
                    }
                    _ => {}
                }
            }
        }
    }

    fn disruptions(&mut self) {
        let all = self.situation;
        for disruption in &all.disruptions {
            let mut refuse = |why: &'static str| {
                self.errors.push(SituationError::Disruption { name: disruption.name.clone(), why });
            };
            let (n_sites, n_lanes, n_skus) = (all.sites.len(), all.lanes.len(), all.skus.len());
            let is_factor = |factor: f64, least: f64| factor.is_finite() && (least..=1e6).contains(&factor);
            match &disruption.strikes {
                Struck::Site(site) if *site as usize >= n_sites => refuse("strikes a site that is not there"),
                Struck::Lane(lane) if *lane as usize >= n_lanes => refuse("strikes a lane that is not there"),
                Struck::SlowLane(lane, factor) | Struck::Detour(lane, factor) => {
                    if *lane as usize >= n_lanes {
                        refuse("strikes a lane that is not there");
                    }
                    if !is_factor(*factor, 1e-3) {
                        refuse("its factor must be above 0");
                    }
                }
                Struck::LaneCapacity(lane, factor) => {
                    match all.lanes.get(*lane as usize) {
                        None => refuse("strikes a lane that is not there"),
                        Some(lane) if lane.capacity_per_day.is_none() => refuse("strikes a lane without capacity"),
                        Some(_) => {}
                    }
                    if !is_factor(*factor, 0.0) {
                        refuse("its factor must not be negative");
                    }
                }
                Struck::SiteCapacity(site, factor) => {
                    match all.sites.get(*site as usize) {
                        None => refuse("strikes a site that is not there"),
                        Some(site) if site.ships_per_day_max.is_none() => refuse("strikes a site without capacity"),
                        Some(_) => {}
                    }
                    if !is_factor(*factor, 0.0) {
                        refuse("its factor must not be negative");
                    }
                }
                Struck::Spoils(site, skus) => {
                    if *site as usize >= n_sites {
                        refuse("strikes a site that is not there");
                    }
                    if skus.iter().any(|sku| *sku as usize >= n_skus) {
                        refuse("spoils a SKU that is not there");
                    }
                }
                Struck::Site(_) | Struck::Lane(_) => {}
            }
            match disruption.when {
                When::Days { from, until } if from >= until => refuse("ends before it begins"),
                When::Random { mean_between, mean_lasting } => {
                    let is_time = |days: f64| days.is_finite() && days > 0.0;
                    if !(is_time(mean_between) && is_time(mean_lasting)) {
                        refuse("mean days between and lasting must be above 0");
                    }
                }
                When::Days { .. } => {}
            }
        }
    }
}

/// The n-th position that this one is supplied from.
fn nth_supplier(position: &StockPosition, n: usize) -> Option<u32> {
    let mut left = n;
    for source in &position.sources {
        let (here, at) = match &source.from {
            Origin::Outside { .. } => (0, None),
            Origin::Position(next) => (1, Some(*next)),
            Origin::Recipe { parts, .. } => (parts.len(), parts.get(left).map(|(part, _)| *part)),
        };
        if left < here {
            return at;
        }
        left -= here;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::situation::tests::{demo, start};
    use crate::situation::{Arrival, Assumptions, DayLevels, Disruption, Lateral};
    use crate::theory::distribution::Pmf;
    use expect_test::{Expect, expect};
    use std::sync::Arc;

    #[track_caller]
    fn check(spoil: impl Fn(&mut Situation), expected: Expect) {
        let mut situation = Situation::from_network(&demo(), start(), &Assumptions::default());
        assert_eq!(situation.check(), Ok(()));
        spoil(&mut situation);
        let errors = situation.check().err().unwrap_or_default();
        expected.assert_eq(&errors.iter().map(|error| format!("{error}\n")).collect::<String>());
    }

    #[test]
    fn each_thing_without_sense_is_named() {
        check(
            |all| {
                let positions = &mut all.positions;
                positions[0].on_hand = -1;
                positions[1].arriving.push(Arrival { day: 3, pieces: PIECES_MAX + 1 });
                positions[2].backorder_permille = 1_001;
                positions[3].holding_minor_per_year = f64::NAN;
                positions[4].ordering.multiple = 0;
                positions[5].review.every_days = 0;
                positions[6].review.weekdays = 0x80;
                positions[100].policy = Policy::MinMax { min: 3, max: 2 };
                positions[101].policy = Policy::ReorderLot { reorder_point: 3, lot: 0 };
                let from = |from_day, max| DayLevels { from_day, min: 3, max, least: 1 };
                positions[130].policy = Policy::Scheduled { levels: [from(0, 2)].into(), of_echelon: false };
                positions[131].policy = Policy::Scheduled { levels: [from(0, 3), from(0, 3)].into(), of_echelon: true };
                positions[132].policy = Policy::Scheduled { levels: [].into(), of_echelon: true };
                positions[102].policy = Policy::Forecast {
                    smoothing: Smoothing::MovingAverage { days: 0 },
                    cover_days: f64::INFINITY,
                    safety: 0,
                };
                positions[103].sources.clear();
                positions[104].sourcing = Sourcing::Share;
                positions[104].sources[0].share_permille = 999;
                positions[105].sources[0].prices = vec![(1, 2.0)];
                positions[106].sources[0].prices = vec![(0, 2.0), (5, 1.0), (5, -1.0)];
                positions[107].sources[0].route = Route::Direct { days: LeadTime::Constant(0), may_cross: false };
                positions[108].sources[0].route =
                    Route::Direct { days: LeadTime::Random(Arc::new(Pmf::point(731))), may_cross: false };
                positions[109].sources[0].from = Origin::Outside { site: None };
                positions[110].sources[0].from = Origin::Position(1_000_000);
                positions[111].sources[0].from = Origin::Position(0);
                positions[112].site = 9_999;
                positions[114].sku = positions[113].sku;
                positions[114].site = positions[113].site;
                let pool = |when| Some(Lateral { pool: 1, when, cost_minor: 0.0 });
                positions[120].lateral = pool(Transshipment::Reactive);
                positions[121].lateral = pool(Transshipment::Proactive { every_days: 1, lead_days: 0 });
                positions[121].sku = positions[120].sku;
            },
            expect![[r#"
                SUP-YIWU/HOM-01: on hand is -1, expected 0 to 134217728
                SUP-YIWU/HOM-02: arriving is 134217729, expected 0 to 134217728
                SUP-YIWU/HOM-03: backorder permille is 1001, expected 0 to 1000
                SUP-YIWU/HOM-04: holding cost is NaN, expected a finite number, not negative
                SUP-YIWU/HOM-05: order multiple is 0, expected 1 to 134217728
                SUP-YIWU/HOM-06: days between reviews is 0, expected at least 1
                SUP-YIWU/HOM-07: weekdays of reviews is 128, expected at least one day
                CW-DAVENTRY/KIT-09: min is above max
                CW-DAVENTRY/KIT-10: lot is 0, expected 1 to 134217728
                CW-DAVENTRY/KIT-11: days to cover is inf, expected 0 to 3650
                CW-DAVENTRY/KIT-11: a moving average needs at least one day
                CW-DAVENTRY/KIT-12: has a policy and no source
                CW-DAVENTRY/SAI-01: shares of its sources sum to 999, expected 1000
                CW-DAVENTRY/SAI-02: prices must begin from 0 pieces and ascend
                CW-DAVENTRY/SAI-03: price is -1, expected a finite number, not negative
                CW-DAVENTRY/SAI-03: prices must begin from 0 pieces and ascend
                CW-DAVENTRY/SAI-04: lead time from 0 to 0 days, expected 1 to 730
                CW-DAVENTRY/SAI-05: lead time from 731 to 731 days, expected 1 to 730
                CW-DAVENTRY/SAI-06: nowhere cannot supply it: no lane begins there, so it needs a lead time of its own
                CW-DAVENTRY/SAI-07: there is no position 1000000, only 3008
                CW-DAVENTRY/SAI-08: SUP-YIWU/HOM-01 cannot supply it: it is another SKU
                9999/MUM-01: there is no site 9999, only 327
                CW-DAVENTRY/MUM-02: SUP-MUMBAI/MUM-03 cannot supply it: it is another SKU
                CW-DAVENTRY/MUM-09: SUP-MUMBAI/MUM-10 cannot supply it: it is another SKU
                CW-DAVENTRY/MUM-09: days of a move is 0, expected 1 to 730
                CW-DAVENTRY/MUM-09: helps in pool 1 by other rules than CW-DAVENTRY/MUM-09
                CW-DAVENTRY/AEG-07: min is above max
                CW-DAVENTRY/AEG-08: scheduled levels must begin on day 0 and ascend by day
                CW-DAVENTRY/AEG-09: scheduled levels must begin on day 0 and ascend by day
                RW-LONDON/MUM-03: CW-DAVENTRY/MUM-02 cannot supply it: it is another SKU
                RW-LONDON/MUM-10: CW-DAVENTRY/MUM-09 cannot supply it: it is another SKU
                RW-MANCHESTER/MUM-03: CW-DAVENTRY/MUM-02 cannot supply it: it is another SKU
                RW-MANCHESTER/MUM-10: CW-DAVENTRY/MUM-09 cannot supply it: it is another SKU
                RW-GLASGOW/MUM-03: CW-DAVENTRY/MUM-02 cannot supply it: it is another SKU
                RW-GLASGOW/MUM-10: CW-DAVENTRY/MUM-09 cannot supply it: it is another SKU
                RW-BRISTOL/MUM-03: CW-DAVENTRY/MUM-02 cannot supply it: it is another SKU
                RW-BRISTOL/MUM-10: CW-DAVENTRY/MUM-09 cannot supply it: it is another SKU
                RW-DUBLIN/MUM-03: CW-DAVENTRY/MUM-02 cannot supply it: it is another SKU
                RW-DUBLIN/MUM-10: CW-DAVENTRY/MUM-09 cannot supply it: it is another SKU
                RW-VENLO/MUM-03: CW-DAVENTRY/MUM-02 cannot supply it: it is another SKU
                RW-VENLO/MUM-10: CW-DAVENTRY/MUM-09 cannot supply it: it is another SKU
                CW-DAVENTRY/MUM-02: stands twice
                CW-DAVENTRY/MUM-09: stands twice
            "#]],
        );
    }

    #[test]
    fn lanes_factors_and_disruptions_are_looked_at() {
        check(
            |all| {
                all.lanes[0].to = 9_999;
                all.lanes[1].lead_time_h = -1.0;
                all.lanes[2].lead_time_sd_h = f64::NAN;
                all.sites[0].ships_per_day_max = Some(Capacity::Pieces(-1));
                all.skus[0].shelf_life_days = Some(0);
                all.factors.push(Arc::from([]));
                let days = When::Days { from: 0, until: 1 };
                let mut add = |name: &str, strikes, when| {
                    all.disruptions.push(Disruption { name: name.into(), strikes, when });
                };
                add("a", Struck::Site(9_999), days);
                add("b", Struck::Lane(0), When::Days { from: 3, until: 3 });
                add("c", Struck::Lane(0), When::Random { mean_between: 0.0, mean_lasting: 1.0 });
                add("d", Struck::SlowLane(0, 0.0), days);
                add("e", Struck::LaneCapacity(0, 0.5), days);
                add("f", Struck::SiteCapacity(1, f64::NAN), days);
                add("g", Struck::Spoils(1, vec![9_999]), days);
            },
            expect![[r#"
                site SUP-YIWU: ships_per_day_max is -1, expected 0 to 134217728
                lane PRE-YIWU: there is no site 9999, only 327
                lane PRE-YIWU~back: lead time in hours is -1, expected 0 to 17520
                lane PRE-SHENZHEN: standard deviation of the lead time in hours is NaN, expected 0 to 17520
                SKU HOM-01: shelf life in days is 0, expected at least 1
                row 2 of demand factors is empty
                "a": strikes a site that is not there
                "b": ends before it begins
                "c": mean days between and lasting must be above 0
                "d": its factor must be above 0
                "e": strikes a lane without capacity
                "f": strikes a site without capacity
                "f": its factor must not be negative
                "g": spoils a SKU that is not there
            "#]],
        );
    }

    #[test]
    fn a_cycle_is_named_by_its_positions() {
        check(
            |all| {
                let recipe = |part| Origin::Recipe { parts: vec![(part, 2)], per_day_max: None };
                let days = Route::Direct { days: LeadTime::Constant(1), may_cross: false };
                // The first three are of one site: the first is made of the second, and so on in a circle.
                for (at, part) in [(0, 1), (1, 2), (2, 0)] {
                    all.positions[at].sources[0].from = recipe(part);
                    all.positions[at].sources[0].route = days.clone();
                }
                all.positions[5].sources[0].from = Origin::Position(5);
            },
            expect![[r#"
                cycle in supply: SUP-YIWU/HOM-01 from SUP-YIWU/HOM-02 from SUP-YIWU/HOM-03 from SUP-YIWU/HOM-01
                cycle in supply: SUP-YIWU/HOM-06 from SUP-YIWU/HOM-06
            "#]],
        );
    }
}
