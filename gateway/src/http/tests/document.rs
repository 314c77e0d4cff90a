use super::plane::Plane;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Every `$ref` in a document.
fn references(value: &Json, found: &mut BTreeSet<String>) {
    match value {
        Json::Object(members) => {
            for (name, member) in members {
                match member {
                    Json::String(to) if name == "$ref" => _ = found.insert(to.clone()),
                    other => references(other, found),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_is_whole_and_every_operation_says_what_it_does() {
    let document = Plane::new(|_| {}).get("/openapi.json").await.ok();
    assert_eq!(document["openapi"], "3.1.0");
    let mut all = BTreeSet::new();
    references(&document, &mut all);
    assert!(all.len() > 30, "{all:?}");
    for reference in &all {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads outside"));
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let mut ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let what = format!("{method} {path}");
            for member in ["operationId", "summary", "description"] {
                assert!(operation[member].as_str().is_some_and(|text| !text.is_empty()), "{what}: {member}");
            }
            assert!(ids.insert(operation["operationId"].to_string()), "{what}: its id stands twice");
            for parameter in operation["parameters"].as_array().unwrap() {
                assert!(parameter["description"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {parameter}");
                assert!(!parameter["example"].is_null(), "{what}: {parameter}");
            }
            let in_path: Vec<String> =
                path.split('{').skip(1).filter_map(|it| it.split_once('}')).map(|it| it.0.into()).collect();
            let parameters = operation["parameters"].as_array().unwrap().iter().filter(|it| it["in"] == "path");
            let declared: Vec<String> = parameters.map(|it| it["name"].as_str().unwrap().into()).collect();
            assert_eq!(in_path, declared, "{what}");
            assert!(operation["responses"]["default"].is_object(), "{what}");
        }
    }
}

#[tokio::test]
async fn answers_are_what_the_document_says() {
    let plane = Plane::new(|_| {});
    plane.hear_temperature(0, 4.5);
    plane.hear("portolan/v1/acme/WH-HAM/COLD-1/telemetry", "no frame");
    plane.what_if.start().unwrap();
    let body = r#"{"scenarios": [{"library": "promotion_30_percent"}], "days": 7, "replications_min": 4}"#;
    plane.post("/v1/what-if", Some("k1"), body).await.ok();
    plane.get("/v1/operations/k1/events").await; // read to its end
    let body = r#"{"days": 30, "replications_min": 4, "rounds": 3, "begin_with": "guaranteed_service"}"#;
    plane.post("/v1/improvements", Some("k2"), body).await.ok();
    plane.get("/v1/operations/k2/events").await;
    let body =
        r#"{"scenarios": [{"library": "promotion_30_percent"}], "days": 7, "replications_min": 5, "select": {}}"#;
    plane.post("/v1/what-if", Some("k3"), body).await.ok();
    plane.get("/v1/operations/k3/events").await;
    plane.post("/v1/webhooks", Some("erp"), r#"{"url": "https://hooks.example/x"}"#).await.ok();
    let document = plane.get("/openapi.json").await.ok();
    for (template, path) in [
        ("/v1/network", "/v1/network"),
        ("/v1/sites", "/v1/sites"),
        ("/v1/sites/{site}", "/v1/sites/WH-HAM"),
        ("/v1/sites/{site}/stock", "/v1/sites/WH-HAM/stock"),
        ("/v1/sites/{site}/plan", "/v1/sites/WH-HAM/plan"),
        ("/v1/lanes", "/v1/lanes"),
        ("/v1/skus", "/v1/skus"),
        ("/v1/stock", "/v1/stock"),
        ("/v1/vehicles", "/v1/vehicles"),
        ("/v1/devices", "/v1/devices"),
        ("/v1/alerts", "/v1/alerts"),
        ("/v1/quarantine", "/v1/quarantine"),
        ("/v1/snapshot", "/v1/snapshot?stock=all"),
        ("/v1/past", "/v1/past"),
        ("/v1/changes", "/v1/changes?from=2026-11-22T12:00:00Z&to=2026-11-22T12:00:00Z"),
        ("/v1/devices/{device}/metrics/{metric}/readings", "/v1/devices/COLD-1/metrics/temperature/readings"),
        ("/v1/devices/{device}/metrics/{metric}/latest", "/v1/devices/COLD-1/metrics/temperature/latest"),
        ("/v1/devices/{device}/metrics/{metric}/buckets", "/v1/devices/COLD-1/metrics/temperature/buckets"),
        ("/v1/scenarios", "/v1/scenarios"),
        ("/v1/operations", "/v1/operations"),
        ("/v1/operations/{id}", "/v1/operations/k1"),
        ("/v1/what-if", "/v1/what-if"),
        ("/v1/what-if/{id}", "/v1/what-if/k1?by=site"),
        ("/v1/what-if/{id}", "/v1/what-if/k3"),
        ("/v1/what-if/{id}/series", "/v1/what-if/k1/series"),
        ("/v1/what-if/{id}/movements", "/v1/what-if/k1/movements"),
        ("/v1/what-if/{id}/improvement", "/v1/what-if/k2/improvement"),
        ("/v1/webhooks", "/v1/webhooks"),
        ("/v1/webhooks/{webhook}", "/v1/webhooks/erp"),
        ("/v1/webhooks/{webhook}/deliveries", "/v1/webhooks/erp/deliveries"),
        ("/readyz", "/readyz"),
    ] {
        let escaped = template.replace('/', "~1");
        let schema = format!("/paths/{escaped}/get/responses/200/content/application~1json/schema");
        let mut schema = document.pointer(&schema).unwrap_or_else(|| panic!("{template}")).clone();
        schema["components"] = document["components"].clone();
        let validator = jsonschema::draft202012::new(&schema).unwrap_or_else(|why| panic!("{template}: {why}"));
        let answer = plane.get(path).await.ok();
        let faults: Vec<String> =
            validator.iter_errors(&answer).map(|fault| format!("{} at {}", fault, fault.instance_path())).collect();
        assert!(faults.is_empty(), "{path}: {faults:#?}\n{answer:#}");
    }
}
