use super::plane::{NOW, Plane};
use crate::instrument::Part;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Each item's `member`.
#[track_caller]
fn each(page: &Json, member: &str) -> Vec<String> {
    let text = |item: &Json| item[member].as_str().map_or_else(|| item[member].to_string(), str::to_owned);
    page["items"].as_array().unwrap_or_else(|| panic!("{page}")).iter().map(text).collect()
}

#[track_caller]
fn check(page: &Json, member: &str, expected: &[&str]) {
    assert_eq!(each(page, member), expected, "{page:#}");
}

#[tokio::test]
async fn lists_are_filtered() {
    let plane = Plane::new(|_| {});
    for (path, member, expected) in [
        ("/v1/sites", "site", &["PORT-HAM", "PORT-SHA", "SHOP-1", "SHOP-2", "WH-HAM"][..]),
        ("/v1/sites?kind=shop", "site", &["SHOP-1", "SHOP-2"]),
        ("/v1/sites?country=de&kind=shop", "site", &["SHOP-1"]),
        ("/v1/sites?q=hamburg", "site", &["PORT-HAM", "WH-HAM"]),
        ("/v1/sites?q=%E4%B8%8A%E6%B5%B7", "site", &["PORT-SHA"]),
        ("/v1/sites?below_reorder_point=true", "site", &["SHOP-1", "WH-HAM"]),
        ("/v1/lanes?mode=sea", "lane", &["SHA-HAM"]),
        ("/v1/lanes?from=WH-HAM", "lane", &["HAM-WH~back", "WH-SHOP-1"]),
        ("/v1/skus?temperature=chilled", "sku", &["MILK-01"]),
        ("/v1/stock?site=SHOP-1", "sku", &["TEA-01", "MILK-01"]),
        ("/v1/stock?sku=TEA-01", "site", &["WH-HAM", "SHOP-1", "SHOP-2"]),
        ("/v1/stock?sku=TEA-01&site=SHOP-1", "site", &["SHOP-1"]),
        ("/v1/stock?below_reorder_point=true", "sku", &["RICE-01", "TEA-01", "MILK-01"]),
        ("/v1/stock?out_of_stock=true", "sku", &["MILK-01"]),
        ("/v1/sites/WH-HAM/stock?below_reorder_point=true", "sku", &["RICE-01"]),
        ("/v1/vehicles?kind=truck", "vehicle", &["TRUCK-1"]),
        ("/v1/vehicles?kind=ship", "vehicle", &[]),
        ("/v1/devices?kind=cold_room", "device", &["COLD-1"]),
        ("/v1/devices?vehicle=TRUCK-1", "device", &["GPS-1"]),
        ("/v1/devices?freshness=never", "device", &["COLD-1", "GPS-1", "SCAN-1"]),
        ("/v1/shipments", "shipment", &[]),
    ] {
        check(&plane.get(path).await.ok(), member, expected);
    }
}

/// Follows cursors to the end, and collects what the pages hold.
async fn follow(plane: &Plane, path: &str, member: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    for _ in 0..100 {
        let page = plane.get(&format!("{path}{cursor}")).await.ok();
        all.extend(each(&page, member));
        let Some(next) = page["next_cursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
    }
    panic!("{path} does not end");
}

#[tokio::test]
async fn pages_hold_everything_once_in_the_same_order() {
    let plane = Plane::new(|_| {});
    for n in 0..5 {
        plane.hear("portolan/v1/acme/WH-HAM/COLD-1/telemetry", &format!("no frame {n}"));
        plane.hear_temperature(n, 4.0);
    }
    for (path, member) in [
        ("/v1/sites?", "site"),
        ("/v1/lanes?", "lane"),
        ("/v1/skus?", "sku"),
        ("/v1/stock?sku=TEA-01&", "site"),
        ("/v1/stock?site=WH-HAM&", "sku"),
        ("/v1/stock?site=SHOP-1&sku=TEA-01&", "sku"),
        ("/v1/stock?below_reorder_point=false&", "on_hand"),
        ("/v1/devices?", "device"),
        ("/v1/alerts?", "id"),
        ("/v1/quarantine?", "id"),
        ("/v1/devices/COLD-1/metrics/temperature/readings?", "at"),
    ] {
        let whole = each(&plane.get(&format!("{path}limit=1000")).await.ok(), member);
        assert!(!whole.is_empty(), "{path}");
        for limit in 1..4 {
            assert_eq!(follow(&plane, &format!("{path}limit={limit}"), member).await, whole, "{path} by {limit}");
        }
    }
}

#[tokio::test]
async fn one_of_each_is_shown() {
    let plane = Plane::new(|_| {});
    plane.hear_temperature(0, 4.5);
    assert_eq!(plane.get("/v1/network").await.ok()["currency"], "EUR");
    assert_eq!(plane.get("/v1/sites/WH-HAM").await.ok()["stock"]["on_hand"], 610);
    assert_eq!(plane.get("/v1/lanes/SHA-HAM").await.ok()["lead_time_secs"], 720 * 3_600);
    assert_eq!(plane.get("/v1/skus/MILK-01").await.ok()["temperature_max_milli_c"], 8_000);
    assert_eq!(plane.get("/v1/vehicles/TRUCK-1").await.ok()["home"], "WH-HAM");
    let device = plane.get("/v1/devices/COLD-1").await.ok();
    assert_eq!((&device["freshness"], &device["metrics"][0]["last"]["value"]), (&json!("live"), &json!(4.5)));
    plane.clock.pass(Duration::from_secs(200));
    assert_eq!(plane.get("/v1/devices/COLD-1").await.ok()["freshness"], "late");
}

#[tokio::test]
async fn a_series_is_shown_whole_at_an_instant_and_in_steps() {
    let plane = Plane::new(|_| {});
    for n in 0..10 {
        plane.hear_temperature(n * 10, n as f64);
    }
    let series = "/v1/devices/COLD-1/metrics/temperature";
    plane.clock.pass(Duration::from_secs(100));
    let page = plane.get(&format!("{series}/readings")).await.ok();
    assert_eq!((each(&page, "value").len(), &page["unit"]), (10, &json!("Cel")), "{page}");
    let page = plane.get(&format!("{series}/readings?from=2026-11-22T12:00:10Z&to=2026-11-22T12:00:30Z")).await.ok();
    check(&page, "value", &["1.0", "2.0"]);
    let at = plane.get(&format!("{series}/latest?at=2026-11-22T12:00:45Z")).await.ok();
    assert_eq!(at["value"], 4.0);
    assert_eq!(plane.get(&format!("{series}/latest")).await.ok()["value"], 9.0);
    let buckets = plane.get(&format!("{series}/buckets?from={NOW}&step_secs=50")).await.ok();
    let expected = json!({ "start": NOW, "count": 5, "last": 4.0, "min": 0.0, "max": 4.0, "mean": 2.0 });
    assert_eq!((buckets["items"].as_array().map(Vec::len), &buckets["items"][0]), (Some(2), &expected));
    let none = plane.get(&format!("{series}/latest?at=2020-01-01T00:00:00Z")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_known_already_is_not_sent_again() {
    let plane = Plane::new(|_| {});
    let first = plane.get("/v1/sites").await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    let ask = |tag: &str| Request::get("/v1/sites").header("If-None-Match", tag).body(Body::empty()).unwrap();
    let again = plane.send(ask(&format!("\"other\", {tag}"))).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(plane.send(ask("\"other\"")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn long_answers_are_compressed_for_those_who_can_read_it() {
    let plane = Plane::new(|_| {});
    for path in ["/v1/snapshot?stock=all", "/openapi.json", "/start.js"] {
        let request = Request::get(path).header("Accept-Encoding", "gzip").body(Body::empty()).unwrap();
        let answer = plane.send(request).await;
        assert_eq!(answer.header("content-encoding"), "gzip", "{path}");
        assert!(answer.body.starts_with(&[0x1f, 0x8b]), "{path}");
    }
    let request = Request::get("/v1/sites").header("Accept-Encoding", "gzip").body(Body::empty()).unwrap();
    let short = plane.send(request).await;
    assert_eq!((short.header("content-encoding"), short.json()["items"].is_array()), ("", true));
}

#[tokio::test]
async fn readiness_names_the_part_the_reason_and_the_remedy() {
    let plane = Plane::new(|_| {});
    assert_eq!(plane.get("/healthz").await.body, "alive\n");
    assert_eq!(plane.get("/readyz").await.ok()["ready"], true);
    plane.health.failing(Part::Disk, "no room", "free some space");
    let answer = plane.get("/readyz").await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::SERVICE_UNAVAILABLE, "application/json"));
    let expected = json!({ "state": "failing", "since": NOW, "detail": "no room", "mend": "free some space" });
    assert_eq!(answer.json()["parts"]["disk"], expected);
    assert_eq!(plane.get("/healthz").await.status, StatusCode::OK, "alive all the same");
}

#[tokio::test]
async fn metrics_show_what_the_gateway_holds() {
    let plane = Plane::new(|_| {});
    plane.hear_temperature(0, 4.5);
    let text = String::from_utf8(plane.get("/metrics").await.body.to_vec()).unwrap();
    for line in
        ["portolan_sites 5", "portolan_devices 3", "portolan_store_points 1", "portolan_part_ready{part=\"store\"} 1"]
    {
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn pages_for_people_load_nothing_from_outside() {
    let plane = Plane::new(|_| {});
    for path in
        ["/", "/start.js", "/start.css", "/docs/", "/docs/swagger-initializer.js", "/problems", "/problems/conflict"]
    {
        let answer = plane.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") || policy.contains("default-src 'self'"), "{path}: {policy}");
        assert!(!policy.contains("http"), "{path}: {policy}");
        let text = String::from_utf8_lossy(&answer.body).replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("http://") && !text.contains("https://"), "{path} names another host");
    }
    assert_eq!(plane.get("/docs").await.header("location"), "/docs/");
}

#[tokio::test]
async fn a_site_is_seen_from_above_as_its_network_says() {
    let plane = Plane::new(|_| {});
    let plan = plane.get("/v1/sites/WH-HAM/plan").await.ok();
    assert_eq!(plan["hall"], json!({ "x_m": 0.0, "y_m": 0.0, "width_m": 40.0, "height_m": 20.5 }));
    assert_eq!((&plan["zones"][0]["kind"], &plan["zones"][0]["sensor"]), (&json!("chilled"), &json!("COLD-1")));
    assert_eq!((&plan["slots"][0]["sku"], &plan["slots"][1]["sku"]), (&json!("MILK-01"), &json!(null)));
    assert_eq!(plan["docks"], json!([{ "x_m": 10.0, "y_m": 0.0, "inbound": true }]));
    assert_eq!(plane.get("/v1/sites/SHOP-1/plan").await.status, StatusCode::NOT_FOUND);
    assert_eq!(plane.get("/v1/sites/NOWHERE/plan").await.status, StatusCode::NOT_FOUND);
}
