use super::plane::Plane;
use crate::control::Event;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value as Json, json};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

fn order(id: &str, lines: &[(&str, u64)]) -> Json {
    let lines: Vec<Json> = lines.iter().map(|(sku, pieces)| json!({ "sku": sku, "pieces": pieces })).collect();
    json!({ "order": id, "site": "SHOP-1", "lines": lines })
}

fn parts(line: &Json) -> Vec<(u64, &str, &str, &str)> {
    let text = |part: &Json, key: &str| part[key].as_str().map(str::to_owned).unwrap_or_default();
    let parts = line["parts"].as_array().expect("parts");
    let leak = |text: String| -> &'static str { text.leak() };
    let one = |part: &Json| {
        let day = text(part, "at")[..10].to_owned();
        (part["pieces"].as_u64().unwrap(), leak(text(part, "from")), leak(day), leak(text(part, "why")))
    };
    parts.iter().map(one).collect()
}

#[tokio::test]
async fn an_order_is_taken_once_and_answered_alike_for_ever() {
    let plane = Plane::new(|_| {});
    let asked = order("SO-1", &[("TEA-01", 3)]);
    let taken = plane.post("/v1/orders", Some("k-1"), &asked.to_string()).await;
    assert_eq!((taken.status, taken.header("location")), (StatusCode::CREATED, "/v1/orders/SO-1"), "{taken:?}");
    let first = taken.json();
    assert_eq!((&first["status"], &first["version"]), (&json!("open"), &json!(1)));
    assert_eq!(parts(&first["lines"][0]), [(3, "SHOP-1", "2026-11-22", "free_on_day")]);
    for key in ["k-1", "another"] {
        let again = plane.post("/v1/orders", Some(key), &asked.to_string()).await;
        assert_eq!((again.status, again.json()), (StatusCode::CREATED, first.clone()));
    }
    for other in [order("SO-1", &[("TEA-01", 4)]), order("SO-2", &[("TEA-01", 3)])] {
        let refused = plane.post("/v1/orders", Some("k-1"), &other.to_string()).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
    }
    assert_eq!(plane.post("/v1/orders", None, &asked.to_string()).await.status, StatusCode::BAD_REQUEST);

    let more = json!({ "version": 1, "order": order("SO-1", &[("TEA-01", 4)]) }).to_string();
    let amended = plane.post("/v1/orders/SO-1/amend", None, &more).await.ok();
    assert_eq!((&amended["version"], &amended["lines"][0]["promised"]), (&json!(2), &json!(4)));
    let stale = json!({ "version": 1, "order": order("SO-1", &[("TEA-01", 2)]) }).to_string();
    assert_eq!(plane.post("/v1/orders/SO-1/amend", None, &stale).await.status, StatusCode::CONFLICT);
    let again = plane.post("/v1/orders", Some("k-1"), &asked.to_string()).await;
    assert_eq!(again.json(), first, "the first answer, whatever has happened since");
    assert_eq!(plane.get("/v1/orders/SO-1").await.ok(), amended);
    assert_eq!(plane.get("/v1/orders?status=open&site=SHOP-1").await.ok()["items"], json!([amended]));
    assert_eq!(plane.get("/v1/orders?status=fulfilled").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn what_is_promised_to_one_is_not_free_for_another() {
    let plane = Plane::new(|_| {});
    let ask = json!({ "site": "SHOP-1", "lines": [{ "sku": "TEA-01", "pieces": 10 }] }).to_string();
    let free = plane.post("/v1/availability:check", None, &ask).await.ok();
    let expected = [(4, "SHOP-1", "2026-11-22", "free_on_day"), (6, "WH-HAM", "2026-11-23", "other_site")];
    assert_eq!(parts(&free["lines"][0]), expected);
    assert_eq!((&free["complete"], &free["lines"][0]["complete_at"]), (&json!(true), &json!("2026-11-23T00:00:00Z")));

    plane.post("/v1/orders", Some("a"), &order("SO-1", &[("TEA-01", 3)]).to_string()).await;
    let expected = [(1, "SHOP-1", "2026-11-22", "free_on_day"), (9, "WH-HAM", "2026-11-23", "other_site")];
    let after = plane.post("/v1/availability:check", None, &ask).await.ok();
    assert_eq!(parts(&after["lines"][0]), expected);
    // The warehouse has 500, of which 9 go to the second order.
    plane.post("/v1/orders", Some("b"), &order("SO-2", &[("TEA-01", 10)]).to_string()).await;
    let at_warehouse = json!({ "site": "WH-HAM", "lines": [{ "sku": "TEA-01", "pieces": 600 }] }).to_string();
    let left = plane.post("/v1/availability:check", None, &at_warehouse).await.ok();
    assert_eq!((&left["lines"][0]["promised"], &left["complete"]), (&json!(491), &json!(false)));
    assert_eq!(left["lines"][0]["complete_at"], Json::Null);

    let cancelled = plane.post("/v1/orders/SO-1/cancel", None, r#"{"reason": "not wanted"}"#).await.ok();
    assert_eq!((&cancelled["status"], &cancelled["reason"]), (&json!("cancelled"), &json!("not wanted")));
    assert_eq!(plane.post("/v1/orders/SO-1/cancel", None, "{}").await.ok(), cancelled, "once is enough");
    let after = plane.post("/v1/availability:check", None, &ask).await.ok();
    assert_eq!(parts(&after["lines"][0])[0], (3, "SHOP-1", "2026-11-22", "free_on_day"));
    // One line takes from what the line before has left.
    let two = json!({ "site": "SHOP-1", "last_at": "2026-11-22T20:00:00Z",
        "lines": [{ "sku": "TEA-01", "pieces": 2 }, { "sku": "TEA-01", "pieces": 2 }] });
    let two = plane.post("/v1/availability:check", None, &two.to_string()).await.ok();
    assert_eq!([&two["lines"][0]["promised"], &two["lines"][1]["promised"]], [&json!(2), &json!(1)]);
}

#[tokio::test]
async fn what_the_warehouse_does_for_an_order_is_seen_at_the_order() {
    let plane = Plane::new(|_| {});
    plane.post("/v1/orders", Some("a"), &order("SO-1", &[("TEA-01", 6)]).to_string()).await;
    let event = |seq: u32, what: &str, pieces: u32| {
        let happening = json!({ what: { "sku": "TEA-01", "pieces": pieces, "order": "SO-1" } });
        let events = json!([{ "at": "2026-11-22T12:00:00Z", "site": "SHOP-1", "happening": happening }]);
        let frame = json!({ "device": "SCAN-1", "boot": 1, "seq": seq, "events": events });
        plane.hear("portolan/v1/acme/WH-HAM/SCAN-1/event", &frame.to_string());
    };
    event(0, "stock_reserved", 3);
    let order_now = plane.get("/v1/orders/SO-1").await.ok();
    assert_eq!((&order_now["lines"][0]["parts"][0]["reserved"], &order_now["status"]), (&json!(3), &json!("open")));
    let change = json!({ "order": order("SO-1", &[("TEA-01", 2)]) }).to_string();
    let refused = plane.post("/v1/orders/SO-1/amend", None, &change).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
    // Neither what is reserved nor what is promised counts twice: of 4 here none is left.
    let ask =
        json!({ "site": "SHOP-1", "last_at": "2026-11-22T20:00:00Z", "lines": [{ "sku": "TEA-01", "pieces": 9 }] });
    let free = plane.post("/v1/availability:check", None, &ask.to_string()).await.ok();
    assert_eq!(free["lines"][0]["promised"], 0);
    event(1, "stock_issued", 4);
    let half = plane.get("/v1/orders/SO-1").await.ok();
    assert_eq!((&half["lines"][0]["issued"], &half["status"]), (&json!(4), &json!("open")), "{half}");
    event(2, "stock_received", 2);
    event(3, "stock_issued", 2);
    let done = plane.get("/v1/orders/SO-1").await.ok();
    assert_eq!((&done["lines"][0]["issued"], &done["status"]), (&json!(6), &json!("fulfilled")), "{done}");
    assert_eq!(plane.post("/v1/orders/SO-1/cancel", None, "{}").await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_reservation_holds_until_its_time_or_until_an_order_takes_it_over() {
    let plane = Plane::new(|_| {});
    let reserve =
        |id: &str| json!({ "expires_at": "2026-11-22T13:00:00Z", "wanted": order(id, &[("TEA-01", 4)]) }).to_string();
    let held = plane.post("/v1/reservations", Some("r"), &reserve("R-1")).await;
    assert_eq!((held.status, &held.json()["status"]), (StatusCode::CREATED, &json!("reserved")), "{held:?}");
    let none = plane.post("/v1/orders", Some("a"), &order("SO-1", &[("TEA-01", 1)]).to_string()).await.json();
    assert_eq!(parts(&none["lines"][0]), [(1, "WH-HAM", "2026-11-23", "other_site")]);
    let mut takes_over = order("SO-2", &[("TEA-01", 4)]);
    takes_over["reservation"] = json!("R-1");
    let taken = plane.post("/v1/orders", Some("b"), &takes_over.to_string()).await.json();
    assert_eq!(parts(&taken["lines"][0]), [(4, "SHOP-1", "2026-11-22", "free_on_day")]);
    assert_eq!(plane.get("/v1/orders/R-1").await.ok()["status"], "taken_over");
    takes_over["order"] = json!("SO-3");
    let refused = plane.post("/v1/orders", Some("c"), &takes_over.to_string()).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "it is taken over already: {refused:?}");

    plane.post("/v1/orders/SO-2/cancel", None, "{}").await.ok();
    plane.post("/v1/reservations", Some("s"), &reserve("R-2")).await;
    plane.clock.pass(Duration::from_secs(3_599));
    plane.step(Event::Tick);
    assert_eq!(plane.get("/v1/orders/R-2").await.ok()["status"], "reserved");
    plane.clock.pass(Duration::from_secs(1));
    plane.step(Event::Tick);
    assert_eq!(plane.get("/v1/orders/R-2").await.ok()["status"], "expired");
    let again = plane.post("/v1/reservations", Some("s"), &reserve("R-2")).await;
    assert_eq!((again.status, &again.json()["status"]), (StatusCode::CREATED, &json!("reserved")), "as the first time");
    let late = plane.post("/v1/reservations", Some("t"), &reserve("R-3")).await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST, "{late:?}");
    plane.clock.pass(DAY);
    let ask = json!({ "site": "SHOP-1", "lines": [{ "sku": "TEA-01", "pieces": 4 }] }).to_string();
    let free = plane.post("/v1/availability:check", None, &ask).await.ok();
    assert_eq!(parts(&free["lines"][0]), [(4, "SHOP-1", "2026-11-23", "free_on_day")]);
}

#[tokio::test]
async fn each_line_of_a_bulk_has_its_answer() {
    let plane = Plane::new(|_| {});
    let bulk = |lines: &str| {
        let request = Request::post("/v1/orders:bulk").header("Content-Type", "application/x-ndjson");
        request.body(Body::from(lines.to_owned())).unwrap()
    };
    let line = |id: &str, sku: &str| json!({ "order": order(id, &[(sku, 1)]) }).to_string();
    let lines = [
        line("A-1", "TEA-01"),
        "{\"order\": 3}".into(),
        line("A-2", "NONE"),
        line("A-3", "MILK-01"),
        line("A-1", "TEA-01"),
    ];
    let answer = plane.send(bulk(&lines.join("\n"))).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let answers = |body: &[u8]| -> Vec<Json> {
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).expect("JSON")).collect()
    };
    let told = answers(&answer.body);
    let outcomes: Vec<(u64, &str)> =
        told.iter().map(|it| (it["line"].as_u64().unwrap(), it["outcome"].as_str().unwrap())).collect();
    assert_eq!(outcomes, [(1, "taken"), (2, "refused"), (3, "refused"), (4, "taken"), (5, "before")]);
    assert_eq!(told[2]["problem"]["errors"][0]["pointer"], "#/order/lines/0/sku");
    assert_eq!(plane.get("/v1/orders").await.ok()["items"].as_array().map(Vec::len), Some(2));
    let again = answers(&plane.send(bulk(&lines[0])).await.body);
    assert_eq!(again[0]["outcome"], "before");
    let as_json = Request::post("/v1/orders:bulk").header("Content-Type", "application/json").body(Body::from("{}"));
    assert_eq!(plane.send(as_json.unwrap()).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn all_that_is_wrong_with_an_order_is_said_at_once() {
    let plane = Plane::new(|_| {});
    let wrong = json!({ "order": "SO-1", "site": "NOWHERE", "customer": "x".repeat(201),
        "wanted_at": "2026-11-24T00:00:00Z", "last_at": "2026-11-23T00:00:00Z",
        "lines": [{ "sku": "TEA-01", "pieces": 0 }, { "sku": "NONE", "pieces": 1 }] });
    let refused = plane.post("/v1/orders", Some("k"), &wrong.to_string()).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let json = refused.json();
    let places: Vec<&str> =
        json["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
    assert_eq!(places, ["#/site", "#/customer", "#/last_at", "#/lines/0/pieces", "#/lines/1/sku"]);
    let unknown = plane.post("/v1/orders", Some("k"), r#"{"order": "a", "site": "SHOP-1", "lines": [], "x": 1}"#).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST, "{unknown:?}");
    assert_eq!(plane.get("/v1/orders/SO-1").await.status, StatusCode::NOT_FOUND);
}
