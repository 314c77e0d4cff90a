use super::plane::{Answer, Plane};
use super::what_if::{CLOSED, kpi, told};
use axum::http::StatusCode;
use firmware_schemas::api::what_if::OperationState;
use serde_json::{Value as Json, json};
use std::time::Duration;

const PATH: &str = "/v1/improvements";

/// A network whose warehouse keeps far too much, and whose shops keep too little.
fn quick(more: Json) -> String {
    let mut request = json!({ "days": 90, "replications_min": 24, "rounds": 12 });
    if let (Some(request), Json::Object(more)) = (request.as_object_mut(), more) {
        request.extend(more);
    }
    request.to_string()
}

/// Asks, and waits for the end.
async fn ended(plane: &Plane, path: &str, key: &str, body: &str) -> Answer {
    let asked = plane.post(path, Some(key), body).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{body}: {asked:?}");
    plane.get(&format!("/v1/operations/{key}/events")).await
}

#[tokio::test]
async fn better_levels_are_asked_for_followed_read_and_run_again_as_a_scenario() {
    let plane = Plane::new(|_| {});
    plane.what_if.start().unwrap();
    let before = plane.get("/v1/snapshot?stock=all").await.ok();
    let states = told(&ended(&plane, PATH, "b1", &quick(json!({}))).await);
    let last = states.last().unwrap();
    assert_eq!((last.state, last.result.as_deref()), (OperationState::Succeeded, Some("/v1/what-if/b1/improvement")));
    assert!(states.windows(2).all(|two| two[0].progress <= two[1].progress), "{states:?}");
    assert_eq!(plane.get("/v1/operations/b1").await.ok()["kind"], "improve");

    let found = plane.get("/v1/what-if/b1/improvement").await.ok();
    assert_eq!((&found["verdict"], &found["kind"]), (&json!("better"), &json!("improve")), "{found:#}");
    assert!(found["summary"].as_str().unwrap().contains("less than today's"), "{}", found["summary"]);
    let figures = found["figures"].as_array().unwrap();
    let figure = |name: &str| figures.iter().find(|it| it["kpi"] == name).unwrap_or_else(|| panic!("no {name}"));
    for name in ["relevant_cost", "total_cost", "holding_cost", "lost_margin", "fill_rate"] {
        let it = figure(name);
        let [today, proposed, mean] =
            [&it["today"], &it["proposed"], &it["difference"]["mean"]].map(|x| x.as_f64().unwrap());
        assert!((today + mean - proposed).abs() < 1e-9 * today.abs().max(1.0), "{it}");
    }
    let levels = found["levels"].as_array().unwrap();
    assert!(!levels.is_empty() && levels.iter().all(|it| it["today"] != it["proposed"]), "{levels:#?}");

    // As a scenario it gives the same again, digit by digit: same seed, same moment, same replications.
    let text = plane.get("/v1/what-if/b1/proposal.toml").await;
    assert_eq!(text.header("content-type"), "application/toml");
    let text = String::from_utf8(text.body.to_vec()).unwrap();
    assert_eq!(text.matches("sku = ").count(), levels.len(), "{text}");
    let body = json!({ "scenarios": [{ "toml": text }], "days": 90, "replications_min": 24 }).to_string();
    ended(&plane, "/v1/what-if", "b2", &body).await;
    let again = plane.get("/v1/what-if/b2").await.ok();
    let both = plane.get("/v1/what-if/b1").await.ok();
    assert_eq!(both["cases"], json!(["today's levels", "proposed levels"]));
    for case in [0, 1] {
        assert_eq!(again["results"][case]["kpis"], both["results"][case]["kpis"], "case {case}");
    }
    let cost = kpi(&again["results"][1], "relevant_cost");
    assert_eq!(cost["difference"], figure("relevant_cost")["difference"]);

    // The rest is as of any result; the live twin is not touched.
    assert!(plane.get("/v1/what-if/b1/report.html").await.status.is_success());
    assert_eq!(plane.get("/v1/what-if").await.ok()["items"][1]["kind"], "improve");
    for path in ["/v1/what-if/b2/improvement", "/v1/what-if/b2/proposal.toml"] {
        assert_eq!(plane.get(path).await.status, StatusCode::NOT_FOUND, "{path}: it did not look for levels");
    }
    assert_eq!(plane.post(PATH, Some("b1"), &quick(json!({ "seed": 2 }))).await.status, StatusCode::CONFLICT);
    assert_eq!(plane.post(PATH, Some("b2"), &quick(json!({}))).await.status, StatusCode::CONFLICT, "another kind");
    assert_eq!(plane.get("/v1/snapshot?stock=all").await.ok(), before);
}

#[tokio::test]
async fn only_what_may_change_does_after_scenarios_and_from_guaranteed_service() {
    let plane = Plane::new(|_| {});
    plane.what_if.start().unwrap();
    let more = json!({
        "scenarios": [{ "toml": CLOSED }],
        "only": { "sites": ["SHOP-*"], "skus": ["TEA-01"] },
        "begin_with": "guaranteed_service",
        "rounds": 6,
    });
    ended(&plane, PATH, "b1", &quick(more)).await;
    let found = plane.get("/v1/what-if/b1/improvement").await.ok();
    assert_eq!((&found["n_positions"], &found["begin_with"]), (&json!(2), &json!("guaranteed_service")));
    let model = &found["guaranteed_service"];
    let number = |name: &str| model[name].as_f64().unwrap_or_else(|| panic!("{name}: {model}"));
    assert!(number("lower_bound_minor_per_day") <= number("cost_minor_per_day"), "{model}");
    assert!((0.0..=1.0).contains(&number("gap")) && number("n_positions") >= 2.0, "{model}");
    let levels = found["levels"].as_array().unwrap();
    assert!(levels.iter().all(|it| it["sku"] == "TEA-01" && it["site"].as_str().unwrap().starts_with("SHOP-")));
    if levels.is_empty() {
        assert_eq!(found["verdict"], "nothing_found");
        return;
    }
    let text = String::from_utf8(plane.get("/v1/what-if/b1/proposal.toml").await.body.to_vec()).unwrap();
    let body = json!({ "scenarios": [{ "toml": CLOSED }, { "toml": text }], "base": false, "days": 90, "replications_min": 24 });
    ended(&plane, "/v1/what-if", "b2", &body.to_string()).await;
    let [again, both] = [plane.get("/v1/what-if/b2").await.ok(), plane.get("/v1/what-if/b1").await.ok()];
    for case in [0, 1] {
        assert_eq!(again["results"][case]["kpis"], both["results"][case]["kpis"], "case {case}: {text}");
    }
}

#[tokio::test]
async fn where_nothing_better_is_found_it_says_so() {
    let plane = Plane::new(|_| {});
    plane.what_if.start().unwrap();
    ended(&plane, PATH, "b1", &quick(json!({ "rounds": 0 }))).await;
    let found = plane.get("/v1/what-if/b1/improvement").await.ok();
    assert_eq!((&found["verdict"], &found["levels"]), (&json!("nothing_found"), &json!([])));
    assert!(found["summary"].as_str().unwrap().contains("Nothing better"), "{}", found["summary"]);
    assert!(found["figures"].as_array().unwrap().len() > 10, "both are shown all the same");
    let proposal = plane.get("/v1/what-if/b1/proposal.toml").await;
    assert_eq!(proposal.status, StatusCode::NOT_FOUND, "{proposal:?}");
}

#[tokio::test]
async fn everything_wrong_with_a_request_for_levels_is_said_at_once() {
    let plane = Plane::new(|_| {});
    let check = async |body: Json, expected: &[&str]| {
        let answer = plane.post(PATH, Some("b1"), &body.to_string()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {answer:?}");
        let errors = answer.json()["errors"].clone();
        let pointers: Vec<&str> =
            errors.as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!(pointers, expected, "{body}: {errors:#}");
        assert!(plane.get("/v1/operations").await.ok()["items"].as_array().unwrap().is_empty(), "{body}");
    };
    check(
        json!({ "days": 0, "rounds": 501, "only": { "sites": ["SHOP-1", "SHOP-9"], "skus": ["COFFEE-*"], "classes": ["Z"] } }),
        &["#/days", "#/warm_up_days", "#/rounds", "#/only/sites/1", "#/only/skus/0", "#/only/classes/0"],
    )
    .await;
    let wrong = CLOSED.replace("WH-HAM", "NOWHERE");
    check(
        json!({ "scenarios": [{ "toml": wrong }, { "toml": "name = " }] }),
        &["#/scenarios/1/toml", "#/scenarios/0/toml"],
    )
    .await;
    check(json!({ "only": { "sites": ["PORT-SHA"] } }), &["#/only"]).await;
    check(json!({ "days": 3_650, "replications_min": 10_000 }), &["#/replications_max"]).await;
    check(json!({ "from": { "at": "2030-01-01T00:00:00Z" } }), &["#/from/at"]).await;
    let unknown = plane.post(PATH, Some("b1"), r#"{"sites": ["SHOP-1"]}"#).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST, "{unknown:?}");
}

#[tokio::test]
async fn a_search_under_way_is_called_off_within_a_moment() {
    let plane = Plane::new(|_| {});
    plane.what_if.start().unwrap();
    let long = quick(json!({ "days": 3_000, "rounds": 500, "replications_min": 1_000 }));
    plane.post(PATH, Some("long"), &long).await.ok();
    while plane.get("/v1/operations/long").await.ok()["state"] != "running" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    plane.post("/v1/operations/long/cancel", None, "").await.ok();
    let states = told(&plane.get("/v1/operations/long/events").await);
    assert_eq!(states.last().unwrap().state, OperationState::Cancelled);
}

#[tokio::test]
async fn many_cases_are_ranked_and_replications_go_where_they_tell() {
    let plane = Plane::new(|_| {});
    plane.what_if.start().unwrap();
    let scaled = |percent: u32| {
        let scale = f64::from(percent) / 100.0;
        json!({ "json": { "name": format!("{percent} %"), "story": "x", "change": [{ "kind": "policy", "scale": scale }] } })
    };
    let cases: Vec<Json> = (1..=20).map(|i| scaled(10 * i + 5)).collect();
    let body = json!({
        "scenarios": cases, "days": 60, "replications_min": 8,
        "select": { "kpi": "relevant_cost", "replications_total": 600 },
    });
    ended(&plane, "/v1/what-if", "s1", &body.to_string()).await;
    let result = plane.get("/v1/what-if/s1").await.ok();
    let selection = &result["selection"];
    let ranking = selection["ranking"].as_array().unwrap_or_else(|| panic!("{selection}"));
    assert_eq!(ranking.len(), 21);
    let probability = selection["probability_correct"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&probability), "{probability}");
    let total: u64 = ranking.iter().map(|it| it["replications"].as_u64().unwrap()).sum();
    assert!(total <= 600 && selection["replications_total"] == total, "{selection}");
    let n = |place: usize| ranking[place]["replications"].as_u64().unwrap();
    assert_eq!(n(20), 8, "the worst gets no more than all");
    assert!(n(0) > 20, "{selection:#}");
    let costs: Vec<f64> = ranking.iter().map(|it| it["mean"].as_f64().unwrap()).collect();
    assert!(costs.is_sorted(), "{costs:?}");
    assert_eq!(plane.get("/v1/what-if/s1").await.ok()["results"].as_array().unwrap().len(), 21);
    assert!(plane.get("/v1/what-if/s1/report.html").await.status.is_success());

    let wrong = json!({ "select": { "kpi": "demand", "replications_total": 9 }, "goals": [{ "kpi": "demand", "half_width": 0.1 }] });
    let refused = plane.post("/v1/what-if", Some("s2"), &wrong.to_string()).await;
    let errors = refused.json()["errors"].clone();
    let pointers: Vec<&str> =
        errors.as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["#/goals", "#/select/kpi", "#/select", "#/select/replications_total"], "{errors:#}");
    let many: Vec<Json> = (0..17).map(scaled).collect();
    let refused = plane.post("/v1/what-if", Some("s3"), &json!({ "scenarios": many }).to_string()).await;
    assert!(refused.json().to_string().contains("with `select` more"), "{refused:?}");
}

#[tokio::test]
async fn operations_are_counted() {
    let plane = Plane::new(|_| {});
    let metric = async |line: &str| {
        let text = String::from_utf8(plane.get("/metrics").await.body.to_vec()).unwrap();
        assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
    };
    metric("portolan_what_if_operations{state=\"queued\"} 0").await;
    metric("portolan_what_if_running_seconds 0.0").await;
    plane.post(PATH, Some("a"), &quick(json!({}))).await.ok();
    plane.post(PATH, Some("b"), &quick(json!({}))).await.ok();
    metric("portolan_what_if_operations{state=\"queued\"} 2").await;
    metric("portolan_queue_depth{queue=\"what_if\"} 2").await;
    plane.post("/v1/operations/b/cancel", None, "").await.ok();
    plane.what_if.start().unwrap();
    plane.get("/v1/operations/a/events").await;
    for (state, n) in [("queued", 0), ("running", 0), ("succeeded", 1), ("failed", 0), ("cancelled", 1)] {
        metric(&format!("portolan_what_if_operations{{state=\"{state}\"}} {n}")).await;
    }
    metric("portolan_what_if_ended_total{state=\"succeeded\"} 1").await;
    metric("portolan_what_if_ended_total{state=\"cancelled\"} 1").await;
    metric("portolan_queue_depth{queue=\"what_if\"} 0").await;
    metric("portolan_what_if_running_seconds 0.0").await;
}
