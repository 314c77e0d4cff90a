//! The network that the real orders are played in. Only orders, countries and prices are real; the rest is assumed,
//! here and in `docs/replenishment.md`.

use firmware_schemas::network::{Mode, SiteKind, TemperatureClass};
use firmware_schemas::quantity::{Grams, Metres, Timestamp};
use sim::situation::{Demand, Lane, Ordering, Origin, Policy, Review, Rounding, Route, Situation, StockPosition};
use std::collections::BTreeMap;
use std::sync::Arc;
use twin::import::order_lines::{OrderLine, Place};

/// Days before the played time: 2010-12-01 to 2011-02-28, what policies may learn from before it.
pub(super) const QUARTER: usize = 90;
/// Weeks that are played, from Tuesday 2011-03-01 on.
pub(super) const WEEKS: usize = 40;
/// All days that are simulated.
pub(super) const DAYS: usize = QUARTER + 7 * WEEKS;
/// Whole weeks before the played time.
pub(super) const WEEKS_BEFORE: usize = QUARTER / 7;
/// Regional warehouses.
pub(super) const REGIONS: usize = 4;
/// Groups of SKUs that intervals are also taken over.
pub(super) const GROUPS: usize = 20;

/// 2010-12-01T00:00Z, a Wednesday.
const START_SECS: i64 = 1_291_161_600;

/// Kinds of suppliers: kilometres, mean hours and their deviation, mode, cost of a departure and of a tonne.
const KINDS: [(&str, i64, f64, f64, Mode, i64, i64); 3] = [
    ("FAR", 19_500, 33.0 * 24.0, 4.0 * 24.0, Mode::Sea, 8_000, 12_000),
    ("MED", 2_900, 10.0 * 24.0, 2.0 * 24.0, Mode::Road, 6_000, 14_000),
    ("NEAR", 350, 4.0 * 24.0, 24.0, Mode::Road, 3_000, 4_000),
];
/// The kind of each supplier.
const SUPPLIERS: [usize; 60] = {
    let mut kinds = [2; 60];
    let mut at = 0;
    while at < 36 {
        kinds[at] = at / 18;
        at += 1;
    }
    kinds
};
/// Regional warehouses: kilometres and mean hours from the central one.
const REGION: [(&str, i64, f64); REGIONS] =
    [("RW-LONDON", 130, 24.0), ("RW-MANCHESTER", 190, 24.0), ("RW-GLASGOW", 530, 36.0), ("RW-VENLO", 680, 48.0)];

/// Of the value of a piece, for a year.
pub(super) const HOLDING: f64 = 0.20;
/// Cost of a line of an order, pence: at the central warehouse and at a regional one.
pub(super) const LINE_PENCE: [f64; 2] = [100.0, 20.0];

/// Demand and terms of one stock position.
#[derive(Clone, Debug)]
pub(super) struct StockPlace {
    /// Its regional warehouse; `None` for the central one.
    pub(super) region: Option<usize>,
    /// Customers' demand by day; at the central warehouse that of all regions.
    pub(super) daily: Vec<u32>,
    /// Days from an order until it can be used, mean and deviation.
    pub(super) lead: (f64, f64),
    /// Days between two reviews, at most.
    pub(super) review: f64,
    /// Value at cost of a piece, pence.
    pub(super) value: f64,
    /// Cost of an order line, pence.
    pub(super) line: f64,
}

/// The whole of it, without policies.
pub(super) struct Network {
    pub(super) situation: Situation,
    pub(super) places: Vec<StockPlace>,
    pub(super) n_skus: usize,
    /// Lanes on which suppliers send; a departure is a purchase order.
    pub(super) purchase_lanes: Vec<usize>,
    /// What was read and what was left out, for people.
    pub(super) said: Vec<(String, f64)>,
}

fn region_of(line: &OrderLine) -> usize {
    let number = line.customer.as_str().bytes().last().map_or(0, |it| usize::from(it % 10));
    let Place::Country(country) = &line.place else { return 0 };
    match country.as_str() {
        "United Kingdom" | "Channel Islands" => [0, 0, 0, 0, 0, 1, 1, 1, 2, 2][number],
        "EIRE" => 1,
        "Australia"
        | "Bahrain"
        | "Brazil"
        | "Canada"
        | "Israel"
        | "Japan"
        | "Lebanon"
        | "RSA"
        | "Saudi Arabia"
        | "Singapore"
        | "USA"
        | "United Arab Emirates"
        | "Unspecified" => 0,
        _ => 3,
    }
}

/// Orders that were taken back in full on the day of the order by the same customer count as never made. Other
/// returns are left out: they are supply of another day.
fn kept(lines: &[OrderLine]) -> Vec<&OrderLine> {
    let day = |line: &OrderLine| line.ordered_at.as_secs().div_euclid(86_400);
    let mut back: BTreeMap<(i64, &str, &str, i64), usize> = BTreeMap::new();
    for line in lines.iter().filter(|it| it.quantity.0 < 0) {
        let key = (day(line), line.customer.as_str(), line.sku.as_str(), -line.quantity.0);
        *back.entry(key).or_default() += 1;
    }
    let mut kept = Vec::new();
    for line in lines.iter().filter(|it| it.quantity.0 > 0) {
        let key = (day(line), line.customer.as_str(), line.sku.as_str(), line.quantity.0);
        match back.get_mut(&key) {
            Some(n) if *n > 0 => *n -= 1,
            _ => kept.push(line),
        }
    }
    kept
}

fn median(values: &mut [i64]) -> i64 {
    values.sort_unstable();
    values[values.len() / 2]
}

impl Network {
    /// Of all order lines.
    pub(super) fn new(lines: &[OrderLine]) -> Self {
        let kept = kept(lines);
        let day_of = |line: &OrderLine| ((line.ordered_at.as_secs() - START_SECS) / 86_400) as usize;
        // What was asked for in the first quarter, with the prices paid in it.
        let mut prices: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for line in kept.iter().filter(|it| day_of(it) < QUARTER) {
            prices.entry(line.sku.as_str()).or_default().push(line.unit_price.0);
        }
        let skus: Vec<&str> = prices.keys().copied().collect();
        let n_skus = skus.len();
        let mut demand = vec![vec![0_u32; DAYS]; n_skus * (REGIONS + 1)];
        let (mut played, mut new) = (0.0, 0.0);
        for line in &kept {
            let (day, pieces) = (day_of(line), line.quantity.0 as u32);
            let Ok(sku) = skus.binary_search(&line.sku.as_str()) else {
                if (QUARTER..DAYS).contains(&day) {
                    new += f64::from(pieces);
                }
                continue;
            };
            if day < DAYS {
                demand[sku * (REGIONS + 1) + region_of(line)][day] += pieces;
                demand[sku * (REGIONS + 1) + REGIONS][day] += pieces;
                if day >= QUARTER {
                    played += f64::from(pieces);
                }
            }
        }
        let said = vec![
            ("order lines read".to_owned(), lines.len() as f64),
            ("of these kept as demand".to_owned(), kept.len() as f64),
            ("SKUs of the first quarter".to_owned(), n_skus as f64),
            ("their pieces in the played time".to_owned(), played),
            ("pieces of SKUs that came later, left out".to_owned(), new),
        ];
        let mut s = Situation::empty();
        s.start = Timestamp::from_secs(START_SECS).unwrap_or_default();
        s.currency = "GBP".to_owned();
        let central = s.add_site("CW-DAVENTRY", 2);
        let regions: Vec<u32> = REGION.iter().map(|(name, ..)| s.add_site(name, 1)).collect();
        let suppliers: Vec<u32> = SUPPLIERS
            .iter()
            .enumerate()
            .map(|(at, kind)| s.add_site(&format!("SUP-{}-{at}", KINDS[*kind].0), 3))
            .collect();
        for site in &suppliers {
            s.sites[*site as usize].kind = SiteKind::Supplier;
        }
        s.sites[central as usize].kind = SiteKind::CentralWarehouse;
        let mut lane = |name: String, from, to, (km, hours, sd): (i64, f64, f64), mode, departure, tonne| {
            s.lanes.push(Lane {
                lane: name.parse().unwrap_or_else(|_| unreachable!("a plain name")),
                from,
                to,
                mode,
                via: Vec::new(),
                lead_time_h: hours,
                lead_time_sd_h: sd,
                distance: Metres((km * 1_000) as u64),
                departure_cost_minor: departure,
                tonne_cost_minor: tonne,
                capacity_per_day: None,
                departs_every_days: 1,
            });
            s.lanes.len() - 1
        };
        let mut purchase_lanes = Vec::new();
        for (at, (site, kind)) in suppliers.iter().zip(SUPPLIERS).enumerate() {
            let (name, km, hours, sd, mode, departure, tonne) = KINDS[kind];
            purchase_lanes.push(lane(
                format!("BUY-{name}-{at}"),
                *site,
                central,
                (km, hours, sd),
                mode,
                departure,
                tonne,
            ));
        }
        for (site, (name, km, hours)) in regions.iter().zip(REGION) {
            lane(format!("TRUNK-{name}"), central, *site, (km, hours, 6.0), Mode::Road, 4_000, 2_500);
        }
        let mut places = Vec::new();
        for (number, (name, paid)) in skus.iter().zip(prices.values_mut()).enumerate() {
            let price = median(paid).max(2);
            let sku = s.add_sku(name);
            let goods = &mut s.skus[sku as usize];
            goods.class = format!("G{:02}", number * 7 % GROUPS);
            goods.value_minor = (price / 2).max(1);
            goods.margin_minor = price - goods.value_minor;
            goods.mass = Grams((100 + price).min(5_000) as u64);
            goods.temperature = TemperatureClass::Dry;
            let value = goods.value_minor as f64;
            let supplier = number % SUPPLIERS.len();
            let kind = SUPPLIERS[supplier];
            let carton = if price < 100 {
                12
            } else if price < 500 {
                6
            } else {
                2
            };
            let rows = &demand[number * (REGIONS + 1)..(number + 1) * (REGIONS + 1)];
            let first = s.positions.len() as u32;
            for (region, site) in regions.iter().enumerate() {
                let mut it =
                    StockPosition::new(*site, sku).from(Origin::Position(first + REGIONS as u32), Route::Lanes);
                it.demand = Demand::History { pieces: rows[region].as_slice().into(), factor: None };
                // Tuesdays and Fridays.
                it.review = Review { every_days: 1, first_day: 0, weekdays: 0b001_0010 };
                it.ordering.cost_minor = LINE_PENCE[1] as i64;
                it.holding_minor_per_year = HOLDING * value;
                s.add(it);
                let (_, _, hours) = REGION[region];
                places.push(StockPlace {
                    region: Some(region),
                    daily: rows[region].clone(),
                    lead: ((hours / 24.0).ceil(), 0.25),
                    review: 4.0,
                    value,
                    line: LINE_PENCE[1],
                });
            }
            let mut it = StockPosition::new(central, sku)
                .from(Origin::Outside { site: Some(suppliers[supplier]) }, Route::Lanes);
            // Tuesdays.
            it.review = Review { every_days: 1, first_day: 0, weekdays: 0b000_0010 };
            it.ordering = Ordering {
                min: carton * [4, 2, 1][kind],
                multiple: carton,
                rounding: Rounding::Up,
                cost_minor: LINE_PENCE[0] as i64,
            };
            it.holding_minor_per_year = HOLDING * value;
            s.add(it);
            let (_, _, hours, sd, ..) = KINDS[kind];
            places.push(StockPlace {
                region: None,
                daily: rows[REGIONS].clone(),
                lead: (hours / 24.0, sd / 24.0),
                review: 7.0,
                value,
                line: LINE_PENCE[0],
            });
        }
        Self { situation: s, places, n_skus, purchase_lanes, said }
    }

    /// The same with a policy for each position; it starts with `on_hand` pieces.
    pub(super) fn with(&self, policies: Vec<(Policy, i64)>) -> Arc<Situation> {
        let mut s = self.situation.clone();
        for (position, (policy, on_hand)) in s.positions.iter_mut().zip(policies) {
            position.policy = policy;
            position.on_hand = on_hand;
        }
        Arc::new(s)
    }
}

/// Three lead times in days that stand for all of a place, with their chances (Gauss and Hermite).
pub(super) fn leads(place: &StockPlace) -> Vec<(u32, f64)> {
    let (mean, sd) = place.lead;
    if sd < 0.5 {
        return vec![(mean as u32, 1.0)];
    }
    let three = 1.732_050_807_568_877_2 * sd;
    [(mean - three, 1.0 / 6.0), (mean, 2.0 / 3.0), (mean + three, 1.0 / 6.0)]
        .map(|(days, chance)| (libm::round(days).max(1.0) as u32, chance))
        .to_vec()
}
