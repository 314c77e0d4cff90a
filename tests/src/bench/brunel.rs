//! A day of real orders of a microchip maker: which plant, port and carrier line each should have had, beside those
//! it had.
//!
//! The data say where an order left, by which carrier and service, and what everything costs; they have no places, so
//! there is nothing to drive: an order's way is a line of the tariff. What is shared is what a plant can send in a
//! day. So the plan is an assignment of orders to plants, each by its cheapest line, and the least cost of all: orders
//! go in one by one along the cheapest chain of moves between plants (successive shortest paths), which is exact.

use super::{Figure, Goal, Options};
use crate::shared;
use anyhow::{Context, Result, ensure};
use sim::situation::carbon;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Costs are in millionths of a dollar.
const USD: f64 = 1e6;
/// What an order that is not sent counts: more than any chain of moves.
const UNSENT: i64 = 1_000_000_000_000;

type Row = BTreeMap<String, String>;
/// Carrier, port, service, days, whether by air.
type Line = (String, String, String, u32, bool);
/// Least weight in kilograms, least cost in dollars, dollars for a kilogram.
type Band = (f64, f64, f64);

/// An order of the day.
struct Order {
    product: String,
    customer: String,
    plant: String,
    port: String,
    carrier: String,
    service: String,
    days: u32,
    units: f64,
    kg: f64,
}

/// A line of the tariff: bands by least weight, with the least cost and that of a kilogram.
struct Tariff {
    carrier: String,
    port: String,
    service: String,
    days: u32,
    is_air: bool,
    bands: Vec<Band>,
}

impl Tariff {
    /// The band that an order's weight falls into; the lowest where it is lighter than all.
    fn freight_usd(&self, kg: f64) -> f64 {
        let at = self.bands.partition_point(|band| band.0 <= kg).saturating_sub(1);
        let (_, least, rate) = self.bands[at];
        least.max(rate * kg)
    }
}

/// The rules of the data.
struct Rules {
    tariffs: Vec<Tariff>,
    plants: Vec<String>,
    capacity: Vec<usize>,
    per_unit_usd: Vec<f64>,
    ports: BTreeMap<String, BTreeSet<String>>,
    makers: BTreeMap<String, BTreeSet<String>>,
    customers: BTreeMap<String, BTreeSet<String>>,
}

/// One way to send an order.
#[derive(Clone, Copy, Debug)]
struct Way {
    plant: usize,
    /// `None` where the customer has it fetched.
    tariff: Option<usize>,
    /// Millionths of a dollar.
    cost: i64,
}

pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let folder = options.data.clone().unwrap_or_else(|| shared::root().join("data/network/brunel"));
    let rules = Rules::read(&folder)?;
    let orders = orders(&folder)?;
    let mut nearest = 0;
    let had: Vec<Way> = orders.iter().map(|order| rules.as_is(order, &mut nearest)).collect::<Result<_>>()?;
    let ways: Vec<Vec<Way>> = orders.iter().zip(&had).map(|(order, had)| rules.ways(order, had)).collect();
    let mut sent_before = vec![0_usize; rules.plants.len()];
    had.iter().for_each(|way| sent_before[way.plant] += 1);
    let beyond: usize = sent_before.iter().zip(&rules.capacity).map(|(n, most)| n.saturating_sub(*most)).sum();
    let count = |what: &str, n: usize| Figure::alone(what, n as f64, "orders", Goal::None);
    let mut figures = vec![
        count("of the day", orders.len()),
        count("as it was: beyond what their plant can send", beyond),
        count("as it was: tariff has other days, next line taken", nearest),
    ];
    let wide: Vec<usize> = sent_before.iter().zip(&rules.capacity).map(|(n, most)| *n.max(most)).collect();
    for (name, capacity) in [("plants as full as they were", &wide), ("within capacity", &rules.capacity)] {
        let plan = assign(&ways, capacity);
        rules.judge(&orders, &had, &plan, capacity)?;
        figures.extend(compared(name, &rules, &orders, &had, &plan));
    }
    Ok(figures)
}

/// Cost and carbon of a plan beside the same orders as they were sent.
fn compared(name: &str, rules: &Rules, orders: &[Order], had: &[Way], plan: &[Option<Way>]) -> Vec<Figure> {
    let sent: Vec<usize> = (0..orders.len()).filter(|o| plan[*o].is_some()).collect();
    let of = |plan: &dyn Fn(usize) -> Option<Way>| {
        let (mut usd, mut freight, mut grams) = (0.0, 0.0, 0.0);
        for (order, way) in sent.iter().filter_map(|o| Some((&orders[*o], plan(*o)?))) {
            usd += way.cost as f64 / USD;
            let Some(tariff) = way.tariff.map(|at| &rules.tariffs[at]) else { continue };
            freight += tariff.freight_usd(order.kg);
            let factor = if tariff.is_air { carbon::AIR } else { carbon::ROAD };
            grams += order.kg / 1e3 * factor.grams_per_tonne_km * 1e3;
        }
        (usd, freight, grams / 1e6)
    };
    let (new, old) = (of(&|o| plan[o]), of(&|o| Some(had[o])));
    let moved = sent.iter().filter(|o| plan[**o].is_some_and(|way| way.plant != had[**o].plant)).count();
    let beside = |what: &str, value: f64, was: f64, unit| Figure {
        figure: format!("{name}: {what}"),
        value,
        unit,
        against: Some(("as it was".to_owned(), was)),
        goal: Goal::None,
    };
    let count = |what: &str, n: usize| Figure::alone(format!("{name}: {what}"), n as f64, "orders", Goal::None);
    vec![
        count("sent", sent.len()),
        count("not sent", orders.len() - sent.len()),
        count("from another plant", moved),
        beside("cost of those sent", new.0, old.0, "USD"),
        beside("of that, freight", new.1, old.1, "USD"),
        beside("carbon, for 1,000 km of way", new.2, old.2, "t CO2e"),
    ]
}

fn table(folder: &Path, file: &str) -> Result<Vec<Row>> {
    let mut reader = csv::Reader::from_path(folder.join(file)).with_context(|| format!("reading {file}"))?;
    let head = reader.headers()?.clone();
    let row =
        |record: csv::StringRecord| head.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect();
    reader.records().map(|record| Ok(row(record?))).collect()
}

fn text(row: &Row, field: &str) -> Result<String> {
    row.get(field).cloned().with_context(|| format!("no column {field}"))
}

fn number(row: &Row, field: &str) -> Result<f64> {
    let text = text(row, field)?;
    text.parse().with_context(|| format!("{field}: {text:?} is no number"))
}

fn sets(rows: &[Row], key: &str, value: &str) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut sets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        sets.entry(text(row, key)?).or_default().insert(text(row, value)?);
    }
    Ok(sets)
}

fn orders(folder: &Path) -> Result<Vec<Order>> {
    let order = |row: &Row| {
        Ok(Order {
            product: text(row, "product_id")?,
            customer: text(row, "customer")?,
            plant: text(row, "plant_code")?,
            port: text(row, "origin_port")?,
            carrier: text(row, "carrier")?,
            service: text(row, "service_level")?,
            days: number(row, "tpt_days")? as u32,
            units: number(row, "unit_quantity")?,
            kg: number(row, "weight_kg")?,
        })
    };
    table(folder, "orders.csv")?.iter().map(order).collect()
}

impl Rules {
    fn read(folder: &Path) -> Result<Self> {
        let mut tariffs: BTreeMap<Line, Vec<Band>> = BTreeMap::new();
        for row in table(folder, "freight_rates.csv")? {
            let is_air = text(&row, "mode")? == "AIR";
            let days = number(&row, "transport_days")? as u32;
            let key = (text(&row, "carrier")?, text(&row, "orig_port")?, text(&row, "service_code")?, days, is_air);
            let band =
                (number(&row, "min_weight_kg")?, number(&row, "minimum_cost_usd")?, number(&row, "rate_usd_per_kg")?);
            tariffs.entry(key).or_default().push(band);
        }
        let tariff = |((carrier, port, service, days, is_air), mut bands): (Line, Vec<Band>)| {
            bands.sort_by(|a, b| a.0.total_cmp(&b.0));
            Tariff { carrier, port, service, days, is_air, bands }
        };
        let capacities = table(folder, "whcapacities.csv")?;
        let costs = table(folder, "whcosts.csv")?;
        let mut plants = Vec::new();
        let (mut capacity, mut per_unit_usd) = (Vec::new(), Vec::new());
        for row in &capacities {
            let plant = text(row, "plant")?;
            let cost = costs.iter().find(|cost| cost.get("plant") == Some(&plant));
            per_unit_usd.push(number(cost.with_context(|| format!("no cost of {plant}"))?, "cost_usd_per_unit")?);
            capacity.push(number(row, "daily_capacity_orders")? as usize);
            plants.push(plant);
        }
        Ok(Self {
            tariffs: tariffs.into_iter().map(tariff).collect(),
            plants,
            capacity,
            per_unit_usd,
            ports: sets(&table(folder, "plantports.csv")?, "plant", "port")?,
            makers: sets(&table(folder, "productsperplant.csv")?, "product_id", "plant")?,
            customers: sets(&table(folder, "vmicustomers.csv")?, "plant", "customer")?,
        })
    }

    fn cost(&self, order: &Order, plant: usize, tariff: Option<usize>) -> i64 {
        let freight = tariff.map_or(0.0, |at| self.tariffs[at].freight_usd(order.kg));
        ((self.per_unit_usd[plant] * order.units + freight) * USD).round() as i64
    }

    /// Customers who have it fetched pay the carrier themselves.
    fn is_fetched(order: &Order) -> bool {
        order.service == "CRF"
    }

    /// How an order was sent. Where the tariff of its carrier, port and service has other days than it took, the line
    /// with the most days within those is taken, or the quickest.
    fn as_is(&self, order: &Order, nearest: &mut usize) -> Result<Way> {
        let plant = self.plants.iter().position(|plant| *plant == order.plant).context("an unknown plant")?;
        if Self::is_fetched(order) {
            return Ok(Way { plant, tariff: None, cost: self.cost(order, plant, None) });
        }
        let fits = |tariff: &Tariff| {
            tariff.carrier == order.carrier && tariff.port == order.port && tariff.service == order.service
        };
        let lines: Vec<usize> = (0..self.tariffs.len()).filter(|at| fits(&self.tariffs[*at])).collect();
        let within = |at: &&usize| self.tariffs[**at].days <= order.days;
        let slowest = lines.iter().filter(within).max_by_key(|at| self.tariffs[**at].days);
        let line = slowest.or_else(|| lines.iter().min_by_key(|at| self.tariffs[**at].days));
        let line =
            *line.with_context(|| format!("no tariff of {} from {}, {}", order.carrier, order.port, order.service))?;
        *nearest += usize::from(self.tariffs[line].days != order.days);
        Ok(Way { plant, tariff: Some(line), cost: self.cost(order, plant, Some(line)) })
    }

    /// Whether a plant may send an order.
    fn may_send(&self, order: &Order, plant: usize) -> bool {
        let name = &self.plants[plant];
        self.makers.get(&order.product).is_some_and(|makers| makers.contains(name))
            && self.customers.get(name).is_none_or(|customers| customers.contains(&order.customer))
    }

    /// The cheapest way of each plant that may send it: from one of its ports, with the same service, in no more days
    /// than it took. Who fetches it comes to the port where he did.
    fn ways(&self, order: &Order, had: &Way) -> Vec<Way> {
        let none = BTreeSet::new();
        let days = had.tariff.map_or(0, |at| self.tariffs[at].days).max(order.days);
        let mut ways = Vec::new();
        for plant in (0..self.plants.len()).filter(|plant| self.may_send(order, *plant)) {
            let ports = self.ports.get(&self.plants[plant]).unwrap_or(&none);
            if Self::is_fetched(order) {
                if ports.contains(&order.port) {
                    ways.push(Way { plant, tariff: None, cost: self.cost(order, plant, None) });
                }
                continue;
            }
            let fits = |tariff: &Tariff| {
                ports.contains(&tariff.port) && tariff.service == order.service && tariff.days <= days
            };
            let lines = (0..self.tariffs.len()).filter(|at| fits(&self.tariffs[*at]));
            let line = lines.min_by_key(|at| (self.cost(order, plant, Some(*at)), *at));
            ways.extend(line.map(|at| Way { plant, tariff: Some(at), cost: self.cost(order, plant, Some(at)) }));
        }
        ways
    }

    /// Everything that a plan must keep, from the tables once more.
    fn judge(&self, orders: &[Order], had: &[Way], plan: &[Option<Way>], capacity: &[usize]) -> Result<()> {
        let mut sent = vec![0; self.plants.len()];
        for ((order, had), way) in orders.iter().zip(had).zip(plan) {
            let Some(way) = way else { continue };
            sent[way.plant] += 1;
            ensure!(self.may_send(order, way.plant), "{} may not send {}", self.plants[way.plant], order.product);
            let port = way.tariff.map_or(&order.port, |at| &self.tariffs[at].port);
            ensure!(self.ports[&self.plants[way.plant]].contains(port), "{} has no {port}", self.plants[way.plant]);
            ensure!(way.tariff.is_none() == Self::is_fetched(order), "who fetches it");
            if let (Some(new), Some(old)) = (way.tariff, had.tariff) {
                let (new, old) = (&self.tariffs[new], &self.tariffs[old]);
                ensure!(new.service == order.service && new.days <= old.days.max(order.days), "service and days");
            }
            ensure!(way.cost == self.cost(order, way.plant, way.tariff), "its cost");
        }
        for (plant, (n, most)) in sent.iter().zip(capacity).enumerate() {
            ensure!(n <= most, "{} sends {n}, and can {most}", self.plants[plant]);
        }
        Ok(())
    }
}

/// Orders by plant; the last group is of those that are not sent.
struct Groups<'w> {
    ways: &'w [Vec<Way>],
    at: Vec<usize>,
    orders: Vec<BTreeSet<usize>>,
    /// By plant and plant: the cheapest order to move, and what that costs.
    moves: Vec<Vec<Option<(i64, usize)>>>,
}

impl Groups<'_> {
    fn n(&self) -> usize {
        self.orders.len()
    }

    /// What an order costs in a group; `None` if it may not be there.
    fn cost(&self, order: usize, group: usize) -> Option<i64> {
        if group + 1 == self.n() {
            return Some(UNSENT);
        }
        self.ways[order].iter().find(|way| way.plant == group).map(|way| way.cost)
    }

    fn refresh(&mut self, from: usize) {
        let n = self.n();
        for to in (0..n).filter(|to| *to != from) {
            let step = |order: &usize| Some((self.cost(*order, to)? - self.cost(*order, from)?, *order));
            let best = self.orders[from].iter().filter_map(step).min();
            self.moves[from][to] = best;
        }
    }

    fn put(&mut self, order: usize, group: usize) {
        let before = self.at[order];
        if before != usize::MAX {
            self.orders[before].remove(&order);
        }
        self.at[order] = group;
        self.orders[group].insert(order);
    }

    /// The cheapest chain from what an order costs in each group to one with room, as groups.
    fn chain(&self, order: usize, capacity: &[usize]) -> Option<Vec<usize>> {
        let n = self.n();
        let mut cost: Vec<Option<i64>> = (0..n).map(|group| self.cost(order, group)).collect();
        let mut before: Vec<Option<usize>> = vec![None; n];
        // No chain is longer than there are groups, for no cycle is cheaper than none.
        for _ in 0..n {
            let mut changed = false;
            for from in 0..n {
                let Some(here) = cost[from] else { continue };
                for to in (0..n).filter(|to| *to != from) {
                    let Some((step, _)) = self.moves[from][to] else { continue };
                    if cost[to].is_none_or(|known| here + step < known) {
                        (cost[to], before[to]) = (Some(here + step), Some(from));
                        changed = true;
                    }
                }
            }
            if !changed {
                break;
            }
        }
        let has_room = |group: &usize| *group + 1 == n || self.orders[*group].len() < capacity[*group];
        let end = (0..n).filter(has_room).filter(|group| cost[*group].is_some()).min_by_key(|group| cost[*group])?;
        let mut chain = vec![end];
        while let Some(from) = before[chain[chain.len() - 1]] {
            chain.push(from);
        }
        chain.reverse();
        Some(chain)
    }
}

/// The cheapest assignment of as many orders as can be sent.
fn assign(ways: &[Vec<Way>], capacity: &[usize]) -> Vec<Option<Way>> {
    let n = capacity.len() + 1;
    let mut groups = Groups {
        ways,
        at: vec![usize::MAX; ways.len()],
        orders: vec![BTreeSet::new(); n],
        moves: vec![vec![None; n]; n],
    };
    for order in 0..ways.len() {
        let Some(chain) = groups.chain(order, capacity) else { continue };
        let moved: Vec<usize> =
            chain.windows(2).filter_map(|pair| groups.moves[pair[0]][pair[1]].map(|step| step.1)).collect();
        groups.put(order, chain[0]);
        for (order, to) in moved.into_iter().zip(&chain[1..]) {
            groups.put(order, *to);
        }
        chain.into_iter().for_each(|group| groups.refresh(group));
    }
    let way = |(order, at): (usize, &usize)| ways[order].iter().find(|way| way.plant == *at).copied();
    groups.at.iter().enumerate().map(way).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every assignment of a few orders, the cheapest by trying all.
    fn cheapest(ways: &[Vec<Way>], capacity: &[usize]) -> i64 {
        fn try_all(ways: &[Vec<Way>], room: &mut [usize], so_far: i64, best: &mut i64) {
            let Some((first, rest)) = ways.split_first() else {
                *best = (*best).min(so_far);
                return;
            };
            try_all(rest, room, so_far + UNSENT, best);
            for way in first {
                if room[way.plant] > 0 {
                    room[way.plant] -= 1;
                    try_all(rest, room, so_far + way.cost, best);
                    room[way.plant] += 1;
                }
            }
        }
        let mut best = i64::MAX;
        try_all(ways, &mut capacity.to_vec(), 0, &mut best);
        best
    }

    #[test]
    fn no_assignment_is_cheaper_than_the_one_that_is_found() {
        let mut state = 7_u64;
        let mut below = |most: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % most
        };
        for case in 0..300 {
            let capacity: Vec<usize> = (0..3).map(|_| below(4) as usize).collect();
            let ways: Vec<Vec<Way>> = (0..7)
                .map(|_| {
                    let plants: Vec<usize> = (0..3).filter(|_| below(3) > 0).collect();
                    plants.into_iter().map(|plant| Way { plant, tariff: None, cost: below(100) as i64 }).collect()
                })
                .collect();
            let plan = assign(&ways, &capacity);
            let cost: i64 = plan.iter().map(|way| way.map_or(UNSENT, |way| way.cost)).sum();
            assert_eq!(cost, cheapest(&ways, &capacity), "case {case}: {ways:?} {capacity:?}");
        }
    }
}
