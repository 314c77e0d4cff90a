use super::plane::{Answer, NOW, Plane};
use crate::disk::Folder;
use crate::journal::test_folder::TestFolder;
use crate::what_if::{Settings, Sources, WhatIf};
use axum::http::StatusCode;
use firmware_schemas::api::what_if::{CaseMovements, OperationState, OperationView, WhatIfMovements, WhatIfRequest};
use firmware_schemas::id::OperationId;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;

pub(super) const CLOSED: &str = r#"
name = "Warehouse closed"
story = "Nothing leaves Hamburg for three weeks."

[[change]]
kind = "site_closed"
sites = ["WH-HAM"]
from = "day 3"
until = "day 24"
"#;

fn closed() -> String {
    json!({ "scenarios": [{ "toml": CLOSED }], "days": 70, "replications_min": 16 }).to_string()
}

/// The states that a stream of events tells, which is read to its end.
pub(super) fn told(events: &Answer) -> Vec<OperationView> {
    let text = String::from_utf8(events.body.to_vec()).unwrap();
    assert!(text.ends_with("event: end\ndata: {}\n\n"), "{text}");
    let data = text.split("\n\n").filter(|block| block.starts_with("event: state\n"));
    data.map(|block| serde_json::from_str(block.lines().last().unwrap().strip_prefix("data: ").unwrap()).unwrap())
        .collect()
}

pub(super) fn kpi<'a>(case: &'a Json, name: &str) -> &'a Json {
    let kpis = case["kpis"].as_array().unwrap();
    kpis.iter().find(|kpi| kpi["kpi"] == name).unwrap_or_else(|| panic!("no {name} in {case}"))
}

#[tokio::test]
async fn an_experiment_is_asked_for_followed_and_read() {
    let plane = Plane::new(|_| {});
    plane.what_if.start().unwrap();
    let before = plane.get("/v1/snapshot?stock=all").await.ok();
    let asked = plane.post("/v1/what-if", Some("k1"), &closed()).await;
    assert_eq!((asked.status, asked.header("location")), (StatusCode::ACCEPTED, "/v1/operations/k1"));
    assert_eq!((&asked.json()["id"], &asked.json()["kind"]), (&json!("k1"), &json!("what_if")));
    let events = plane.get("/v1/operations/k1/events").await;
    assert_eq!(events.header("content-type"), "text/event-stream");
    let states = told(&events);
    assert!(states.iter().all(|view| (0.0..=1.0).contains(&view.progress)), "{states:?}");
    let last = states.last().unwrap();
    assert_eq!((last.state, last.progress), (OperationState::Succeeded, 1.0));
    assert_eq!(last.result.as_deref(), Some("/v1/what-if/k1"));

    let result = plane.get("/v1/what-if/k1").await.ok();
    assert_eq!(result["cases"], json!(["as is", "Warehouse closed"]));
    assert_eq!((&result["start"], &result["replications"]), (&json!(NOW), &json!(16)));
    let [base, case] = [0, 1].map(|i| &result["results"][i]);
    assert_eq!(kpi(base, "fill_rate")["difference"], Json::Null);
    let difference = &kpi(case, "fill_rate")["difference"];
    assert_eq!(difference["significant"], true, "{difference}");
    assert!(difference["mean"].as_f64().unwrap() < 0.0, "closing the only source cannot help: {difference}");
    let paired = difference["mean"].as_f64().unwrap();
    let means = kpi(case, "fill_rate")["mean"].as_f64().unwrap() - kpi(base, "fill_rate")["mean"].as_f64().unwrap();
    assert!((paired - means).abs() < 1e-9, "the mean of differences is the difference of means");

    for (by, part) in [("site", "SHOP-1"), ("tier", "0"), ("lane", "WH-SHOP-1")] {
        let parts = plane.get(&format!("/v1/what-if/k1?by={by}")).await.ok();
        let parts = parts["results"][1]["parts"].as_array().unwrap().clone();
        assert!(parts.iter().any(|it| it["part"] == part), "{by}: {parts:?}");
    }
    let series = plane.get("/v1/what-if/k1/series").await.ok();
    assert_eq!(series["at"].as_array().unwrap().len(), 10, "weeks of 70 days");
    for item in series["items"].as_array().unwrap() {
        for week in 0..10 {
            let [p10, p50, p90] = ["p10", "p50", "p90"].map(|band| item[band][week].as_f64());
            assert!(p10 <= p50 && p50 <= p90, "{item}");
        }
    }
    let table = plane.get("/v1/what-if/k1/result.csv").await;
    assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
    assert!(String::from_utf8_lossy(&table.body).contains("\r\nWarehouse closed,"));
    for language in ["en", "zh"] {
        let page = plane.get(&format!("/v1/what-if/k1/report.html?language={language}")).await;
        let text = String::from_utf8_lossy(&page.body).into_owned();
        assert!(text.starts_with("<!DOCTYPE html>") && text.contains("Warehouse closed"), "{language}: {text:.200}");
        assert!(!text.contains("<script") && page.header("content-security-policy").contains("default-src 'none'"));
    }
    let list = plane.get("/v1/what-if").await.ok();
    assert_eq!(list["items"][0]["id"], "k1");

    let again = plane.post("/v1/what-if", Some("k1"), &closed()).await.ok();
    assert_eq!(again["state"], "succeeded", "the same key is the same operation");
    let other = plane.post("/v1/what-if", Some("k1"), r#"{"days": 7}"#).await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    let cancelled = plane.post("/v1/operations/k1/cancel", None, "").await.ok();
    assert_eq!(cancelled["state"], "succeeded", "what has ended stays as it is");
    assert_eq!(plane.get("/v1/snapshot?stock=all").await.ok(), before, "the live twin is not touched");
}

#[tokio::test]
async fn what_moves_in_the_typical_replication_is_listed_for_each_case() {
    let plane = Plane::new(|_| {});
    plane.what_if.start().unwrap();
    plane.post("/v1/what-if", Some("k1"), &closed()).await;
    plane.post("/v1/what-if", Some("k2"), &closed()).await;
    let read = async |id: &str| {
        let events = plane.get(&format!("/v1/operations/{id}/events")).await;
        assert_eq!(told(&events).last().unwrap().state, OperationState::Succeeded);
        let answer = plane.get(&format!("/v1/what-if/{id}/movements")).await.ok();
        serde_json::from_value::<WhatIfMovements>(answer).unwrap()
    };
    let movements = read("k1").await;
    assert_eq!((movements.days, movements.start.to_string().as_str()), (70, NOW));
    assert!(movements.replication < 16);
    assert_eq!(
        movements.cases.iter().map(|case| case.case.as_str()).collect::<Vec<_>>(),
        ["as is", "Warehouse closed"]
    );
    let from_hamburg = |case: &CaseMovements, nth: usize| {
        let way = &movements.ways[case.way[nth] as usize];
        assert_eq!((way.lanes.len(), way.ends_permille.last()), (way.ends_permille.len(), Some(&1_000)));
        way.lanes[0].as_str().starts_with("WH-")
    };
    let left = movements.cases.iter().map(|case| {
        let n = case.way.len();
        assert!(n > 0 && [&case.leaves, &case.arrives].iter().all(|column| column.len() == n), "{case:?}");
        assert_eq!((case.pieces.len(), case.total, case.left_out), (n, n as u64, 0));
        assert!((0..n).all(|nth| case.leaves[nth] < case.arrives[nth] && case.pieces[nth] > 0), "{case:?}");
        assert!(case.leaves.is_sorted());
        // Closed from day 3 until day 24.
        (0..n).filter(|nth| from_hamburg(case, *nth) && (3..24).contains(&case.leaves[*nth])).count()
    });
    let left: Vec<usize> = left.collect();
    assert!(left[0] > 0 && left[1] == 0, "{left:?} journeys begin at the closed warehouse");
    let again = WhatIfMovements { id: movements.id.clone(), ..read("k2").await };
    assert_eq!(again, movements, "the same seed from the same moment gives the same journeys");
    assert_eq!(plane.get("/v1/what-if/none/movements").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn everything_wrong_with_the_scenarios_is_said_at_once_and_nothing_is_started() {
    let plane = Plane::new(|_| {});
    let wrong = CLOSED.replace("WH-HAM", "NOWHERE");
    let object =
        json!({ "name": "x", "story": "y", "change": [{ "kind": "site_closed", "sites": [] , "from": "soon" }] });
    let check = async |body: Json, expected: &[(&str, Option<u64>)]| {
        let answer = plane.post("/v1/what-if", Some("k1"), &body.to_string()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {answer:?}");
        assert_eq!(answer.json()["type"], "/problems/bad_scenario");
        let errors = answer.json()["errors"].clone();
        for (pointer, line) in expected {
            let found = errors.as_array().unwrap().iter().find(|error| {
                error["pointer"].as_str().is_some_and(|it| it.starts_with(pointer)) && error["line"] == json!(line)
            });
            assert!(found.is_some(), "{body}: {pointer} in line {line:?}: {errors:#}");
        }
        assert!(plane.get("/v1/operations").await.ok()["items"].as_array().unwrap().is_empty(), "{body}");
    };
    check(json!({ "scenarios": [{ "toml": "name = " }] }), &[("#/scenarios/0/toml", Some(1))]).await;
    check(
        json!({
            "scenarios": [{ "toml": "name = 1\nstory = 2\n[[change]]\nkind = \"x\"" }, { "json": object }, { "library": "none" }, {}],
            "days": 0,
            "goals": [{ "kpi": "luck", "half_width": 2.0 }],
        }),
        &[
            ("#/days", None),
            ("#/goals/0/kpi", None),
            ("#/goals/0/half_width", None),
            ("#/scenarios/0/toml", Some(1)),
            ("#/scenarios/0/toml", Some(2)),
            ("#/scenarios/1/json/change/0/from", None),
            ("#/scenarios/2/library", None),
            ("#/scenarios/3", None),
        ],
    )
    .await;
    let second = CLOSED.replace("WH-HAM", "NOBODY").replace("Warehouse closed", "Other");
    check(
        json!({ "scenarios": [{ "toml": wrong }, { "toml": "name = " }] }),
        &[("#/scenarios/0/toml", Some(7)), ("#/scenarios/1/toml", Some(1))],
    )
    .await;
    check(
        json!({ "scenarios": [{ "toml": wrong }, { "toml": second }] }),
        &[("#/scenarios/0/toml", Some(7)), ("#/scenarios/1/toml", Some(7))],
    )
    .await;
    check(json!({ "scenarios": [{ "toml": CLOSED }, { "toml": CLOSED }] }), &[("#/scenarios/1", None)]).await;
    check(json!({ "from": { "at": "2030-01-01T00:00:00Z" } }), &[("#/from/at", None)]).await;
    check(json!({ "base": false }), &[("#/scenarios", None)]).await;
    check(json!({ "replications_min": 10_000, "days": 3_650 }), &[]).await;
}

#[tokio::test]
async fn what_waits_is_bounded_and_can_be_called_off() {
    let plane = Plane::new(|_| {});
    for key in ["a", "b"] {
        assert_eq!(plane.post("/v1/what-if", Some(key), &closed()).await.status, StatusCode::ACCEPTED);
    }
    let full = plane.post("/v1/what-if", Some("c"), &closed()).await;
    assert_eq!((full.status, full.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "10"));
    let early = plane.get("/v1/what-if/a").await;
    assert_eq!(early.status, StatusCode::CONFLICT, "it has no result yet");
    let cancelled = plane.post("/v1/operations/a/cancel", None, "").await.ok();
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(told(&plane.get("/v1/operations/a/events").await).len(), 1, "the state first, and the end");
    assert_eq!(plane.post("/v1/what-if", Some("c"), &closed()).await.status, StatusCode::ACCEPTED);
    assert_eq!(plane.get("/v1/operations/none").await.status, StatusCode::NOT_FOUND);
    assert_eq!(plane.post("/v1/operations/none/cancel", None, "").await.status, StatusCode::NOT_FOUND);
    // Now they run, and the oldest that have ended are forgotten: four are kept.
    plane.what_if.start().unwrap();
    for key in ["c", "d", "e", "f"] {
        assert_eq!(plane.post("/v1/what-if", Some(key), &closed()).await.status, StatusCode::ACCEPTED);
        assert_eq!(told(&plane.get(&format!("/v1/operations/{key}/events")).await).last().unwrap().progress, 1.0);
    }
    let kept = plane.get("/v1/operations").await.ok();
    let kept: Vec<&Json> = kept["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
    assert_eq!(kept, ["f", "e", "d", "c"]);
    assert_eq!(plane.get("/v1/what-if/b").await.status, StatusCode::NOT_FOUND);
    let first = plane.get("/v1/what-if?limit=3").await.ok();
    let path = format!("/v1/what-if?cursor={}", first["next_cursor"].as_str().unwrap());
    assert_eq!(plane.get(&path).await.ok()["items"][0]["id"], "c");
}

#[tokio::test]
async fn one_under_way_is_called_off_within_a_moment() {
    let plane = Plane::new(|_| {});
    plane.what_if.start().unwrap();
    let long = json!({ "days": 3_000, "replications_min": 5_000 }).to_string();
    plane.post("/v1/what-if", Some("long"), &long).await.ok();
    while plane.get("/v1/operations/long").await.ok()["state"] != "running" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    plane.post("/v1/operations/long/cancel", None, "").await.ok();
    let states = told(&plane.get("/v1/operations/long/events").await);
    assert_eq!(states.last().unwrap().state, OperationState::Cancelled);
}

#[tokio::test]
async fn a_moment_of_the_past_is_what_was_known_then() {
    let plane = Plane::new(|_| {});
    plane.what_if.start().unwrap();
    plane.hear_temperature(60, 4.0);
    let event = |seq: u64, at: &str, on_hand: u32| {
        let happening = json!({ "stock_counted": { "sku": "TEA-01", "on_hand": on_hand } });
        let event = json!({ "at": at, "happening": happening });
        json!({ "device": "SCAN-1", "boot": 1, "seq": seq, "events": [event] }).to_string()
    };
    plane.hear_temperature(7_200, 4.0);
    plane.hear("portolan/v1/acme/WH-HAM/SCAN-1/event", &event(1, "2026-11-22T13:59:00Z", 7));
    let stock = plane.get("/v1/sites/WH-HAM/stock?limit=1000").await.ok();
    let tea = stock["items"].as_array().unwrap().iter().find(|item| item["sku"] == "TEA-01").unwrap().clone();
    assert_eq!(tea["on_hand"], 7, "{tea}");
    let run = async |key: &str, from: Json| {
        let body = json!({ "from": from, "days": 1, "replications_min": 4 }).to_string();
        plane.post("/v1/what-if", Some(key), &body).await.ok();
        told(&plane.get(&format!("/v1/operations/{key}/events")).await).pop().unwrap()
    };
    run("then", json!({ "at": "2026-11-22T12:30:00Z" })).await;
    run("now", json!("live")).await;
    let [then, now] = [plane.get("/v1/what-if/then").await.ok(), plane.get("/v1/what-if/now").await.ok()];
    assert!(then["revision"].as_u64() < now["revision"].as_u64(), "{then} {now}");
    assert_eq!(then["start"], "2026-11-22T12:30:00Z");
    let [then, now] = [&then, &now].map(|it| kpi(&it["results"][0], "mean_on_hand")["mean"].as_f64().unwrap());
    assert!(then > now + 300.0, "500 boxes of tea then, 7 now: {then} {now}");
    let early = run("early", json!({ "at": "2020-01-01T00:00:00Z" })).await;
    let problem = early.problem.unwrap();
    assert_eq!((early.state, problem.kind.as_str()), (OperationState::Failed, "/problems/gone"));
    assert!(problem.detail.contains("what is kept begins at"), "{}", problem.detail);
}

#[tokio::test]
async fn what_was_not_done_at_a_restart_has_failed_and_says_so() {
    let plane = Plane::new(|_| {});
    let folder = TestFolder::new("what-if");
    let disk = Arc::new(Folder::open(folder.path()).unwrap());
    let open = || {
        let sources = Sources {
            published: plane.published.clone(),
            journal: plane.journal(),
            snapshots: disk.clone(),
            network: None,
            clock: plane.clock.clone(),
        };
        let settings = Settings { threads: 1, kept: 4, queue_max: 4, memory_bytes_max: 1 << 28 };
        WhatIf::open(settings, sources, disk.clone()).unwrap()
    };
    let id = OperationId::new("k1").unwrap();
    assert!(open().ask(id.clone(), WhatIfRequest::default()).is_err(), "without a network there is nothing to ask");
    let record = json!({
        "number": 3,
        "request": {},
        "view": {
            "id": "k1", "kind": "what_if", "state": "running", "progress": 0.5, "created_at": NOW, "started_at": NOW,
            "ended_at": null, "result": null, "problem": null,
        },
        "head": null,
    });
    std::fs::write(folder.path().join("k1.operation.json"), record.to_string()).unwrap();
    std::fs::write(folder.path().join("k2.operation.json"), "no JSON").unwrap();
    for _ in 0..2 {
        let what_if = open();
        let view = what_if.follow(&id).unwrap().borrow().clone();
        assert_eq!(view.state, OperationState::Failed);
        assert!(view.problem.unwrap().detail.contains("stopped before it was done"));
        assert_eq!(what_if.operations().len(), 1, "what cannot be read is left out");
    }
}
