//! Cases that a whole network must be run for, or a whole chain optimised.

use super::{Answer, Case, as_list, as_number, as_whole, fields};
use crate::willems;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sim::guaranteed_service::{Chain, Effort, Stage, place};
use sim::kernel::{DayOfPosition, Model, Trace};
use sim::situation::{Allocation, Arrival, Demand, Origin, Policy, Route, Situation, StockPosition};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn run(situation: Situation, days: usize) -> Result<Trace> {
    situation.check().map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    Ok(Model::new(Arc::new(situation), days as u32, 0).trace(1, 0))
}

/// Every row of a run of a serial system or of a warehouse with stores.
pub(super) fn trajectory(case: &Case, shared: &Path) -> Result<Answer> {
    if case.input("base_stock_local").is_ok() { serial_rows(case) } else { warehouse_rows(case, shared) }
}

/// A chain whose first stage sells; the last orders outside.
fn serial(case: &Case) -> Result<(Situation, Vec<u32>)> {
    let levels = case.wholes("base_stock_local")?;
    let leads = case.wholes("lead_time")?;
    let on_hand = case.wholes("initial_on_hand")?;
    let demand = case.wholes("demand")?;
    ensure!(leads.len() == levels.len() && on_hand.len() == levels.len(), "stages differ in number");
    let mut s = Situation::empty();
    let sku = s.add_sku("SKU");
    for i in 0..levels.len() {
        let site = s.add_site(&format!("STAGE-{i:04}"), i as u8);
        let from = match i + 1 == levels.len() {
            true => Origin::Outside { site: None },
            false => Origin::Position(i as u32 + 1),
        };
        s.add(StockPosition {
            on_hand: i64::from(on_hand[i]),
            policy: Policy::BaseStock { level: i64::from(levels[i]) },
            demand: if i == 0 { Demand::history(&demand) } else { Demand::None },
            ..StockPosition::new(site, sku).from(from, Route::days(leads[i] as u16))
        });
    }
    Ok((s, demand))
}

fn serial_rows(case: &Case) -> Result<Answer> {
    let (s, demand) = serial(case)?;
    let n = s.positions.len();
    let holding = case.numbers_for("holding", n)?;
    let backorder = case.number("backorder")?;
    let trace = run(s, demand.len())?;
    let mut rows = Vec::new();
    for (t, demand) in demand.iter().enumerate() {
        let stage = |i: usize| trace.day(t as u32, i);
        let of = |pick: &dyn Fn(&DayOfPosition) -> i32| (0..n).map(|i| pick(stage(i))).collect::<Vec<i32>>();
        let before = if t > 0 { trace.day(t as u32 - 1, 0).backorders } else { 0 };
        let mut shipped = of(&|day| day.sent);
        shipped[0] = before + stage(0).demand - stage(0).lost - stage(0).backorders;
        let on_hand = of(&|day| day.on_hand);
        let held: f64 = on_hand.iter().zip(&holding).map(|(pieces, cost)| f64::from(*pieces) * cost).sum();
        rows.push(json!({
            "t": t,
            "demand": demand,
            "received": of(&|day| day.received),
            "shipped": shipped,
            "on_hand": on_hand,
            "backorder": of(&|day| day.backorders + day.owed),
            "ordered": of(&|day| day.ordered),
            "in_transit": of(&|day| day.in_transit),
            "cost": held + backorder * f64::from(stage(0).backorders),
        }));
    }
    fields(json!({ "rows": rows }))
}

/// The number after `name=` in a policy written as text.
fn parameter(policy: &str, name: &str) -> Result<i64> {
    let found = policy.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    found.with_context(|| format!("no {name} in {policy:?}"))?.parse().with_context(|| policy.to_owned())
}

fn text<'a>(case: &'a Case, name: &str) -> Result<&'a str> {
    case.input(name)?.as_str().with_context(|| format!("{name:?} is no text"))
}

fn warehouse_rows(case: &Case, _: &Path) -> Result<Answer> {
    let days: Vec<Vec<u32>> = as_list(case.input("demand")?)?
        .iter()
        .map(|day| as_list(day)?.iter().map(as_whole).collect())
        .collect::<Result<_>>()?;
    let leads = case.wholes("store_lead")?;
    let stock = case.wholes("store_init")?;
    let (stores, warehouse) = (text(case, "store_policy")?, text(case, "wh_policy")?);
    let mut s = Situation::empty();
    let sku = s.add_sku("SKU");
    let n = leads.len();
    for i in 0..n {
        let site = s.add_site(&format!("STORE-{i:04}"), 0);
        let asked: Vec<u32> = days.iter().map(|day| day[i]).collect();
        s.add(StockPosition {
            on_hand: i64::from(stock[i]),
            policy: Policy::MinMax { min: parameter(stores, "s")?, max: parameter(stores, "S")? },
            demand: Demand::history(&asked),
            ..StockPosition::new(site, sku).from(Origin::Position(n as u32), Route::days(leads[i] as u16))
        });
    }
    let site = s.add_site("WAREHOUSE", 1);
    s.add(StockPosition {
        on_hand: i64::from(case.whole("wh_init")?),
        policy: Policy::ReorderLot { reorder_point: parameter(warehouse, "r")?, lot: parameter(warehouse, "Q")? },
        allocation: Allocation::Proportional,
        ..StockPosition::new(site, sku).from(Origin::Outside { site: None }, Route::days(case.whole("wh_lead")? as u16))
    });
    let trace = run(s, days.len())?;
    let mut owed = vec![0_i64; n];
    let mut rows = Vec::new();
    for (t, demand) in days.iter().enumerate() {
        let day = |i: usize| trace.day(t as u32, i);
        let of = |pick: &dyn Fn(&DayOfPosition) -> i32| (0..n).map(|i| pick(day(i))).collect::<Vec<i32>>();
        for (i, owed) in owed.iter_mut().enumerate() {
            *owed += i64::from(day(i).ordered) - i64::from(day(i).sent_here);
        }
        rows.push(json!({
            "t": t,
            "demand": demand,
            "store_on_hand": of(&|day| day.on_hand),
            "store_backorder": of(&|day| day.backorders),
            "store_order": of(&|day| day.ordered),
            "wh_on_hand": day(n).on_hand,
            "wh_owed": owed,
            "wh_order": day(n).ordered,
            "shipped": of(&|day| day.sent_here),
        }));
    }
    fields(json!({ "rows": rows }))
}

/// Orders and cost of the beer game.
pub(super) fn beer_game(case: &Case, _: &Path) -> Result<Answer> {
    let (s, demand) = serial(case)?;
    let n = s.positions.len();
    let (holding, backorder) = (case.numbers_for("holding", n)?, case.number("backorder_each_stage")?);
    let trace = run(s, demand.len())?;
    let day = |t: usize, i: usize| trace.day(t as u32, i);
    let owed = |t: usize, i: usize| day(t, i).backorders + day(t, i).owed;
    let last = demand.len().checked_sub(1).context("no demand")?;
    let mut cost = 0.0;
    for t in 0..=last {
        cost +=
            (0..n).map(|i| holding[i] * f64::from(day(t, i).on_hand) + backorder * f64::from(owed(t, i))).sum::<f64>();
    }
    let orders: Vec<Vec<i32>> = (0..=last).map(|t| (0..n).map(|i| day(t, i).ordered).collect()).collect();
    fields(json!({
        "total_cost": cost,
        "final_on_hand": (0..n).map(|i| day(last, i).on_hand).collect::<Vec<_>>(),
        "final_backorder": (0..n).map(|i| owed(last, i)).collect::<Vec<_>>(),
        "orders_by_period": orders,
    }))
}

/// Rows of a CSV file, each by column.
fn rows(path: &Path) -> Result<Vec<BTreeMap<String, String>>> {
    let mut reader = csv::Reader::from_path(path).with_context(|| path.display().to_string())?;
    reader.deserialize().collect::<Result<_, _>>().with_context(|| path.display().to_string())
}

fn cell<T: std::str::FromStr>(row: &BTreeMap<String, String>, column: &str) -> Result<T> {
    let text = row.get(column).with_context(|| format!("no column {column:?}"))?;
    text.parse().ok().with_context(|| format!("{column:?} is {text:?}"))
}

/// The folder that `inputs.data` names, such as `shared/data/network/vn2`.
fn folder(case: &Case, shared: &Path) -> Result<std::path::PathBuf> {
    let data = text(case, "data")?;
    let inside = data.split_whitespace().next().unwrap_or_default();
    Ok(shared.join(inside.strip_prefix("shared/").unwrap_or(inside)))
}

/// The first weeks of lost sales on the real data of the VN2 challenge; a day of the kernel is a week here.
pub(super) fn vn2_simulator(case: &Case, shared: &Path) -> Result<Answer> {
    let folder = folder(case, shared)?;
    let mut demand = BTreeMap::new();
    for row in rows(&folder.join("actual_demand_weeks_1_2.csv"))? {
        let weeks: Vec<&String> =
            row.iter().filter(|(name, _)| name.starts_with("week")).map(|(name, _)| name).collect();
        let asked: Vec<u32> =
            weeks.iter().map(|week| cell::<f64>(&row, week).map(|pieces| pieces as u32)).collect::<Result<_>>()?;
        demand.insert((row["store"].clone(), row["product"].clone()), asked);
    }
    let mut s = Situation::empty();
    let (mut sites, mut skus) = (BTreeMap::new(), BTreeMap::new());
    for row in rows(&folder.join("initial_state.csv"))? {
        let key = (row["store"].clone(), row["product"].clone());
        let site = *sites.entry(key.0.clone()).or_insert_with(|| s.add_site(&format!("STORE-{}", key.0), 0));
        let sku = *skus.entry(key.1.clone()).or_insert_with(|| s.add_sku(&format!("PRODUCT-{}", key.1)));
        let pieces = |column: &str| cell::<f64>(&row, column).map(|pieces| pieces as i64);
        let arriving = [(0, "in_transit_week1"), (1, "in_transit_week2")];
        let asked = demand.get(&key).with_context(|| format!("no demand of {key:?}"))?;
        s.add(StockPosition {
            on_hand: pieces("end_stock_week0")?,
            arriving: arriving
                .into_iter()
                .map(|(day, column)| Ok(Arrival { day, pieces: pieces(column)? }))
                .collect::<Result<_>>()?,
            demand: Demand::history(asked),
            backorder_permille: 0,
            ..StockPosition::new(site, sku)
        });
    }
    let n = s.positions.len();
    let (holding, shortage) = (case.number("holding")?, case.number("shortage")?);
    let weeks = demand.values().map(Vec::len).max().unwrap_or(0);
    let trace = run(s, weeks)?;
    let mut answer = serde_json::Map::new();
    let mut cumulative = 0.0;
    for week in 0..weeks {
        let sum = |pick: fn(&DayOfPosition) -> i32| -> i64 {
            (0..n).map(|i| i64::from(pick(trace.day(week as u32, i)))).sum()
        };
        let (stock, lost) = (sum(|day| day.on_hand), sum(|day| day.lost));
        let cost = holding * stock as f64 + shortage * lost as f64;
        cumulative += cost;
        answer.insert(format!("week{}_cost", week + 1), json!(cost));
        answer.insert(format!("week{}_lost_units", week + 1), json!(lost));
        answer.insert(format!("week{}_end_stock", week + 1), json!(stock));
    }
    answer.insert("cumulative".to_owned(), json!(cumulative));
    fields(Value::Object(answer))
}

/// Safety stocks with guaranteed service times, on trees and on the real chains in the shared data.
pub(super) fn guaranteed_service(case: &Case, shared: &Path) -> Result<Answer> {
    let chain = match case.input("chain") {
        Ok(number) => {
            let number = as_whole(number)?;
            let mut chains = willems::read(&folder(case, shared)?, case.number("holding_rate_per_year")?)?;
            chains.remove(&number).with_context(|| format!("no chain {number}"))?
        }
        Err(_) => tree(case)?,
    };
    let placement = place(&chain, &Effort::default());
    let (cost, bound) = (placement.cost, placement.lower_bound);
    let rel = case.tolerance.get("rel").and_then(Value::as_f64).unwrap_or(1e-6);
    let expected = |name: &str| case.expected.get(name).and_then(Value::as_f64);
    // Several placements may be optimal: costs are compared, and our own bound with our own cost.
    let sane = if bound <= cost * (1.0 + 1e-9) { 0.0 } else { f64::INFINITY };
    let error =
        match (expected("cost").or(expected("optimal_cost_usd_per_year")), expected("best_known_cost_usd_per_year")) {
            (Some(optimal), _) => (cost - optimal).abs() / (rel * optimal.abs()),
            (None, Some(best_known)) => {
                let least = expected("proven_lower_bound").context("no lower bound")?;
                let above = (cost - best_known) / (rel * best_known.abs());
                let below = (least - cost) / (rel * least.abs());
                above.max(below).max(0.0)
            }
            (None, None) => f64::INFINITY,
        };
    Ok(Answer::Compared {
        computed: json!({ "cost": cost, "lower_bound": bound, "proven": placement.proven }),
        error: error.max(sane),
    })
}

fn tree(case: &Case) -> Result<Chain> {
    let nodes: Vec<String> = as_list(case.input("nodes")?)?.iter().map(Value::to_string).collect();
    let at = |name: &Value| {
        let name = name.to_string();
        nodes.iter().position(|node| *node == name).with_context(|| format!("no node {name}"))
    };
    let table = |name: &str, node: &str| -> Result<Option<f64>> {
        let Ok(table) = case.input(name) else { return Ok(None) };
        table.get(node).map(as_number).transpose()
    };
    let mut stages = Vec::new();
    for node in &nodes {
        let needed = |name: &str| table(name, node)?.with_context(|| format!("no {name} of node {node}"));
        stages.push(Stage {
            processing_time: needed("processing_time")? as u32,
            holding_cost: needed("holding")?,
            demand_bound: needed("demand_bound_z_times_sigma")?,
            inbound_service_time: table("inbound_service_time_from_outside", node)?.unwrap_or(0.0) as u32,
            outbound_service_time_max: table("max_outbound_service_time", node)?.map(|time| time as u32),
        });
    }
    let arcs = as_list(case.input("arcs")?)?
        .iter()
        .map(|arc| Ok((at(&arc[0])?, at(&arc[1])?)))
        .collect::<Result<Vec<(usize, usize)>>>()?;
    Chain::new(stages, arcs).map_err(|errors| anyhow::anyhow!("{errors:?}"))
}
