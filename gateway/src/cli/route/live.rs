//! Routes of a running gateway: asked for, shown as a planner reads them, and given to vehicles.

use crate::cli::ask::{At, Gateway, Query, path, read_json, table};
use crate::cli::serve::runtime;
use crate::cli::{Configured, Ended, Failure};
use anyhow::anyhow;
use clap::Args;
use firmware_schemas::quantity::Timestamp;
use gateway::clock::SystemClock;
use gateway::ports::Clock;
use serde_json::{Value as Json, json};
use std::io::IsTerminal;
use std::time::Duration;

/// How often an operation is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// So many shipments of a stop are named.
const NAMED: usize = 4;

#[derive(Args)]
pub(crate) struct PlanFlags {
    /// Only this vehicle; may be given several times. All on the road when left out.
    #[arg(long = "vehicle", value_name = "ID")]
    vehicles: Vec<String>,
    /// Only vehicles that belong to this site; may be given several times.
    #[arg(long = "home", value_name = "SITE")]
    homes: Vec<String>,
    /// Not this vehicle; may be given several times.
    #[arg(long, value_name = "ID")]
    without: Vec<String>,
    /// Only this of the shipments that wait; may be given several times.
    #[arg(long = "shipment", value_name = "ID")]
    shipments: Vec<String>,
    /// Begin with the routes that vehicles are on, and move few promised times.
    #[arg(long)]
    repair: bool,
    /// How long to look, 1 to 600.
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    seconds: u32,
    /// When vehicles must be back, in hours from now.
    #[arg(long, default_value_t = 24, value_name = "HOURS")]
    horizon: u32,
    /// The whole request as JSON from a file, or from standard input for `-`, in place of all of these.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["vehicles", "homes", "without", "shipments", "repair"])]
    request: Option<String>,
    /// What the routes are called: the same again is the same plan. Made from the time when left out.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    at: At,
}

#[derive(Args)]
pub(crate) struct DispatchFlags {
    /// The id of the operation that found them.
    id: String,
    /// Only to this vehicle; may be given several times.
    #[arg(long = "vehicle", value_name = "ID")]
    vehicles: Vec<String>,
    /// This vehicle stops where it can and loses the route that it has; may be given several times.
    #[arg(long, value_name = "ID")]
    stop: Vec<String>,
    /// Who gives them.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    at: At,
}

pub(super) fn plan(configured: &Configured, flags: &PlanFlags) -> Ended {
    let body = match &flags.request {
        Some(file) => read_json(file)?,
        None => json!({
            "vehicles": flags.vehicles, "homes": flags.homes, "without": flags.without, "shipments": flags.shipments,
            "repair": flags.repair, "search_secs": flags.seconds,
            "horizon_secs": u64::from(flags.horizon) * 3_600,
        }),
    };
    let id = flags.id.clone().unwrap_or_else(|| format!("routes-{}", SystemClock.now().as_nanos() / 1_000_000));
    runtime()?.block_on(async {
        let gateway = Gateway::new(configured, &flags.at)?;
        gateway.post("/v1/routes:plan", Some(&id), &body).await?;
        let operation = followed(&gateway, &id, configured.json).await?;
        if operation["state"] != "succeeded" {
            let why = operation["problem"]["detail"].as_str().unwrap_or("it was called off");
            return Err(Failure::Failed(anyhow!("routes {id} were not found: {why}")));
        }
        gateway.print(&gateway.get(&path(&["routes", &id])).await?, found)
    })
}

/// An operation, once it has ended.
async fn followed(gateway: &Gateway, id: &str, quiet: bool) -> Result<Json, Failure> {
    let talks = std::io::stderr().is_terminal() && !quiet;
    loop {
        let operation = gateway.get(&path(&["operations", id])).await?;
        if talks {
            eprint!("\r{:>3.0} %", 100.0 * operation["progress"].as_f64().unwrap_or(0.0));
        }
        if !matches!(operation["state"].as_str(), Some("queued" | "running")) {
            if talks {
                eprintln!();
            }
            return Ok(operation);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

pub(super) fn show(configured: &Configured, id: Option<&str>, at: &At) -> Ended {
    runtime()?.block_on(async {
        let gateway = Gateway::new(configured, at)?;
        match id {
            Some(id) => gateway.print(&gateway.get(&path(&["routes", id])).await?, found),
            None => {
                let routes = gateway.list("/v1/active-routes", Query::new()).await?;
                gateway.print(&Json::Array(routes), active)
            }
        }
    })
}

pub(super) fn dispatch(configured: &Configured, flags: &DispatchFlags) -> Ended {
    runtime()?.block_on(async {
        let gateway = Gateway::new(configured, &flags.at)?;
        let body = json!({ "by": flags.by, "vehicles": flags.vehicles, "stop": flags.stop });
        let mut given = gateway.post(&(path(&["routes", &flags.id]) + "/dispatch"), None, &body).await?;
        gateway.print(&given["items"].take(), active)
    })
}

fn list(value: &Json) -> &[Json] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or("–")
}

/// `08:15` of a time; the date is in the head.
fn clock(value: &Json) -> String {
    let at = value.as_str().and_then(Timestamp::parse_rfc3339).map(|at| at.to_string());
    at.and_then(|at| at.get(11..16).map(str::to_owned)).unwrap_or_else(|| "–".to_owned())
}

fn ids(value: &Json) -> String {
    let all = list(value);
    let named: Vec<&str> = all.iter().take(NAMED).map(text).collect();
    let more = all.len().saturating_sub(NAMED);
    if more > 0 { format!("{} +{more}", named.join(" ")) } else { named.join(" ") }
}

fn spelled(secs: &Json) -> String {
    let minutes = secs.as_u64().unwrap_or(0) / 60;
    if minutes < 60 { format!("{minutes} min") } else { format!("{} h {:02} min", minutes / 60, minutes % 60) }
}

fn km(metres: &Json) -> String {
    format!("{:.1} km", metres.as_f64().unwrap_or(0.0) / 1e3)
}

/// Of money in minor units; of most currencies there are a hundred.
fn money(routes: &Json) -> String {
    format!("{} {:.2}", text(&routes["currency"]), routes["cost_minor"].as_f64().unwrap_or(0.0) / 100.0)
}

/// Routes that were found: the sums, each vehicle with its stops, and what is not done.
fn found(routes: &Json) -> String {
    let at = text(&routes["at"]);
    let mut out = format!(
        "{} for {}: {}, {}, {}, {:.1} kg CO2e, {} routes\n",
        text(&routes["id"]),
        at.get(..16).unwrap_or(at).replace('T', " "),
        money(routes),
        km(&routes["distance_m"]),
        spelled(&routes["duration_secs"]),
        routes["co2e_g"].as_f64().unwrap_or(0.0) / 1e3,
        list(&routes["routes"]).len(),
    );
    if let Some(repair) = routes["repair"].as_object() {
        let n = |field: &str| repair.get(field).and_then(Json::as_u64).unwrap_or(0);
        let most = repair.get("moved_most_secs").map(spelled).unwrap_or_default();
        let (promised, moved, broken) = (n("promised"), n("moved"), n("broken"));
        out += &format!("of {promised} promised times {moved} move, by {most} at most; {broken} are not kept at all\n");
    }
    let late = |id: &str| {
        let shipment = list(&routes["shipments"]).iter().find(|it| it["shipment"] == id);
        shipment.filter(|it| it["late_secs"].as_u64() > Some(0)).map(|it| format!("{id} {}", spelled(&it["late_secs"])))
    };
    for route in list(&routes["routes"]) {
        let tonnes = |field: &str| route[field].as_f64().unwrap_or(0.0) / 1e6;
        out += &format!(
            "\n{}  leaves {}, back {}, {}, {:.2} of {:.2} t{}\n",
            text(&route["vehicle"]),
            clock(&route["leave_at"]),
            clock(&route["end_at"]),
            km(&route["distance_m"]),
            tonnes("load_max_g"),
            tonnes("capacity_g"),
            if route["goes_on"]["unchanged"] == true { ", as before" } else { "" },
        );
        let rows = list(&route["stops"]).iter().map(|stop| {
            let late: Vec<String> = list(&stop["unload"]).iter().filter_map(|id| late(text(id))).collect();
            vec![
                format!("  {}", clock(&stop["arrive_at"])),
                clock(&stop["leave_at"]),
                text(&stop["site"]).to_owned(),
                ids(&stop["load"]),
                ids(&stop["unload"]),
                late.join(", "),
            ]
        });
        out += &table(&["  from", "to", "site", "takes in", "hands over", "late"], rows.collect());
    }
    for unserved in list(&routes["unserved"]) {
        out += &format!("\nnot done: {} ({})", text(&unserved["shipment"]), text(&unserved["reason"]));
    }
    out
}

/// Routes that vehicles are on: stops to come with when they are expected.
fn active(routes: &Json) -> String {
    let mut out = String::new();
    for route in list(routes) {
        let stops = list(&route["stops"]);
        let done = stops.iter().filter(|stop| stop["done"] == true).count();
        let trouble = route["trouble"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
        out += &format!(
            "{}  {}{trouble}, {done} of {} stops done, routes {}\n",
            text(&route["vehicle"]),
            text(&route["progress"]),
            stops.len(),
            text(&route["plan"]),
        );
        let to_come = stops.iter().filter(|stop| stop["done"] != true).map(|stop| {
            vec![
                format!("  {}", clock(&stop["planned_at"])),
                clock(&stop["expected_at"]),
                format!("{} – {}", clock(&stop["earliest_at"]), clock(&stop["latest_at"])),
                text(&stop["site"]).to_owned(),
                ids(&stop["load"]),
                ids(&stop["unload"]),
            ]
        });
        let rows: Vec<Vec<String>> = to_come.collect();
        if !rows.is_empty() {
            out += &table(&["  planned", "expected", "8 in 10", "site", "takes in", "hands over"], rows);
        }
        out.push('\n');
    }
    if out.is_empty() { "no vehicle has a route".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_that_were_found_are_a_table_with_sums() {
        let stop = json!({ "site": "C-003", "arrive_at": "2026-11-23T09:05:00Z", "leave_at": "2026-11-23T09:20:00Z",
            "load": [], "unload": ["S-1", "S-2", "S-3", "S-4", "S-5"] });
        let routes = json!({
            "id": "monday", "at": "2026-11-23T08:00:00Z", "currency": "GBP", "cost_minor": 12_345,
            "distance_m": 40_500, "duration_secs": 7_500, "co2e_g": 1_250,
            "routes": [{ "vehicle": "VAN-01", "leave_at": "2026-11-23T08:00:00Z", "end_at": "2026-11-23T10:05:00Z",
                "distance_m": 40_500, "load_max_g": 250_000, "capacity_g": 1_000_000, "stops": [stop] }],
            "unserved": [{ "shipment": "S-9", "reason": "too_heavy" }],
            "shipments": [{ "shipment": "S-2", "late_secs": 300 }],
            "repair": { "promised": 5, "moved": 1, "moved_most_secs": 4_000, "broken": 0 },
        });
        let expected = "\
monday for 2026-11-23 08:00: GBP 123.45, 40.5 km, 2 h 05 min, 1.2 kg CO2e, 1 routes
of 5 promised times 1 move, by 1 h 06 min at most; 0 are not kept at all

VAN-01  leaves 08:00, back 10:05, 40.5 km, 0.25 of 1.00 t
  from   to     site   takes in  hands over          late
  09:05  09:20  C-003            S-1 S-2 S-3 S-4 +1  S-2 5 min

not done: S-9 (too_heavy)";
        assert_eq!(found(&routes), expected);
    }

    #[test]
    fn routes_under_way_say_when_what_is_left_is_expected() {
        let stop = |done, at: &str| {
            json!({ "site": "C-003", "done": done, "planned_at": at, "expected_at": at,
            "earliest_at": at, "latest_at": at, "load": ["S-1"], "unload": [] })
        };
        let routes = json!([{ "vehicle": "VAN-01", "plan": "monday", "progress": "driving", "trouble": null,
            "stops": [stop(true, "2026-11-23T08:05:00Z"), stop(false, "2026-11-23T09:05:00Z")] }]);
        let expected = "\
VAN-01  driving, 1 of 2 stops done, routes monday
  planned  expected  8 in 10        site   takes in  hands over
  09:05    09:05     09:05 – 09:05  C-003  S-1

";
        assert_eq!(active(&routes), expected);
        assert_eq!(active(&json!([])), "no vehicle has a route");
    }
}
