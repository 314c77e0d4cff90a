use super::plane::{NOW, Plane};
use super::what_if::told;
use axum::http::StatusCode;
use firmware_schemas::api::what_if::OperationState;
use serde_json::{Value as Json, json};

fn job(id: &str, from: &str, to: &str, mass_g: u64) -> Json {
    json!({ "id": id, "from": from, "to": to, "mass_g": mass_g })
}

/// Asks for routes and waits for them.
pub(super) async fn planned(plane: &Plane, key: &str, request: &Json) -> Json {
    let asked = plane.post("/v1/routes:plan", Some(key), &request.to_string()).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.json());
    let events = plane.get(&format!("/v1/operations/{key}/events")).await;
    let states = told(&events);
    let last = states.last().unwrap();
    assert_eq!(last.state, OperationState::Succeeded, "{last:?}");
    assert_eq!(last.result.as_deref(), Some(format!("/v1/routes/{key}").as_str()));
    plane.get(&format!("/v1/routes/{key}")).await.ok()
}

#[tokio::test]
async fn a_day_is_planned_with_times_loads_emissions_and_reasons() {
    let plane = Plane::new(|_| {});
    plane.what_if.start().unwrap();
    let mut frozen = job("J-FROZEN", "WH-HAM", "SHOP-1", 1_000);
    frozen["temperature"] = json!("frozen");
    let mut late = job("J-KIEL", "WH-HAM", "SHOP-1", 500_000);
    late["due_at"] = json!("2026-11-22T06:41:00Z");
    let jobs = [
        late,
        job("J-LYON", "WH-HAM", "SHOP-2", 1_000_000),
        frozen,
        job("J-HEAVY", "WH-HAM", "SHOP-1", 10_000_000),
        job("J-FAR", "PORT-SHA", "WH-HAM", 1_000),
    ];
    let request = json!({ "jobs": jobs, "iterations": 2_000, "seed": 7, "horizon_secs": 172_800 });
    let routes = planned(&plane, "r1", &request).await;
    let reasons: Vec<(&str, &str)> = routes["unserved"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["shipment"].as_str().unwrap(), it["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(reasons, [("J-FROZEN", "no_temperature"), ("J-HEAVY", "too_heavy"), ("J-FAR", "no_time")]);
    let route = &routes["routes"][0];
    assert_eq!(route["vehicle"], "TRUCK-1");
    assert_eq!(route["load_max_g"], 1_000_000);
    let stops: Vec<&str> = route["stops"].as_array().unwrap().iter().map(|it| it["site"].as_str().unwrap()).collect();
    // Kiel first, at once: it is late already. The way to Lyon leads past the warehouse again.
    assert_eq!(stops, ["WH-HAM", "SHOP-1", "WH-HAM", "SHOP-2"]);
    assert_eq!(route["stops"][0]["load"], json!(["J-KIEL"]));
    let [kiel, lyon] = [0, 1].map(|i| &routes["shipments"][i]);
    assert_eq!((&kiel["shipment"], &lyon["shipment"]), (&json!("J-KIEL"), &json!("J-LYON")));
    assert!(kiel["late_secs"].as_u64().unwrap() > 3_600 && lyon["late_secs"] == 0, "{routes}");
    // Half a tonne over the lane of 100 km, in a lorry that cools; shares are rounded so that they add up.
    assert!(kiel["co2e_g"].as_u64().unwrap().abs_diff(5_567) <= 1, "{kiel}");
    let all = [kiel, lyon].iter().map(|it| it["co2e_g"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(routes["co2e_g"], all);
    assert_eq!(routes["at"], NOW);

    let again = planned(&plane, "r2", &request).await;
    assert_eq!(again["routes"], routes["routes"]);
    let experiment = plane.get("/v1/what-if/r1").await;
    assert_eq!((experiment.status, &experiment.json()["type"]), (StatusCode::NOT_FOUND, &json!("/problems/not_found")));
    let prized = {
        let mut cheap = job("J-CHEAP", "WH-HAM", "SHOP-2", 1_000);
        cheap["prize_minor"] = json!(100);
        json!({ "jobs": [cheap], "iterations": 500, "horizon_secs": 172_800 })
    };
    let left = planned(&plane, "r3", &prized).await;
    assert_eq!((&left["unserved"][0]["reason"], &left["routes"]), (&json!("not_worth_it"), &json!([])));
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once() {
    let plane = Plane::new(|_| {});
    let request = json!({
        "vehicles": ["TRUCK-9"],
        "shipments": ["SH-NONE"],
        "homes": ["NOWHERE"],
        "jobs": [job("J-1", "WH-HAM", "ATLANTIS", 1), job("J-1", "WH-HAM", "WH-HAM", 1)],
        "horizon_secs": 0,
    });
    let refused = plane.post("/v1/routes:plan", Some("r1"), &request.to_string()).await;
    assert_eq!(
        (refused.status, &refused.json()["type"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("/problems/bad_routes"))
    );
    let problem = refused.json();
    let mut wrong: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|it| it["pointer"].as_str().unwrap()).collect();
    wrong.sort_unstable();
    let expected =
        ["#/homes/0", "#/horizon_secs", "#/jobs/0/to", "#/jobs/1/id", "#/jobs/1/to", "#/shipments/0", "#/vehicles/0"];
    assert_eq!(wrong, expected);
    assert_eq!(plane.get("/v1/operations/r1").await.status, StatusCode::NOT_FOUND);
}
