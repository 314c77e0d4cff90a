use super::plane::Plane;
use axum::http::StatusCode;
use serde_json::{Value as Json, json};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Two years of weeks with about so many pieces.
fn history(site: &str, sku: &str, pieces: u32) -> Json {
    let weeks: Vec<u32> = (0..104).map(|week| pieces + week * 7 % 5).collect();
    json!({ "site": site, "sku": sku, "from": "2024-11-25T00:00:00Z", "pieces": weeks })
}

/// A shop that sells 21 to 25 boxes of tea a week, has four, and a warehouse with 500.
async fn planned() -> std::sync::Arc<Plane> {
    let plane = Plane::new(|_| {});
    let given =
        json!([history("SHOP-1", "TEA-01", 21), history("SHOP-1", "MILK-01", 7), history("WH-HAM", "TEA-01", 28)]);
    let given = plane.post("/v1/demand", None, &given.to_string()).await.ok();
    assert_eq!(given["decided"], 3);
    plane.plan().await;
    // What the shop wants of milk is wanted of the warehouse, too.
    let stands = plane.get("/v1/replenishment/planner").await.ok();
    assert_eq!((&stands["state"], &stands["forecasts"]), (&json!("idle"), &json!(4)), "{stands}");
    plane
}

async fn open_of(plane: &Plane, sku: &str) -> Json {
    let page = plane.get(&format!("/v1/replenishment/proposals?status=open&sku={sku}&site=SHOP-1")).await.ok();
    let items = page["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 1, "{page:#}");
    items[0].clone()
}

#[tokio::test]
async fn a_proposal_says_why_and_becomes_an_order_that_is_followed_until_it_has_come() {
    let plane = planned().await;
    let open = open_of(&plane, "TEA-01").await;
    let what = &open["proposal"];
    assert_eq!((&what["from"], &what["kind"], &what["sku"]), (&json!("WH-HAM"), &json!("transfer"), &json!("TEA-01")));
    let pieces = what["pieces"].as_i64().unwrap();
    assert!((4..60).contains(&pieces), "{what:#}");
    let reasons: Vec<&str> = what["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_object().unwrap().keys().next().unwrap().as_str())
        .collect();
    for expected in ["due", "horizon", "forecast", "on_hand", "target", "need", "source", "risk"] {
        assert!(reasons.contains(&expected), "{expected} of {reasons:?}");
    }
    let english = what["text"]["en"].as_str().unwrap();
    assert!(english.contains("of Green tea to Shop in Kiel from warehouse Hamburg warehouse"), "{english}");
    assert!(what["text"]["zh"].as_str().unwrap().contains("绿茶"), "{what:#}");

    // The same question for the position alone has the same answer.
    let advice = plane.get("/v1/replenishment/advice/SHOP-1/TEA-01").await.ok();
    assert_eq!(advice["proposals"][0]["pieces"], what["pieces"], "{advice:#}");
    assert_eq!(advice["held"], Json::Null);

    let path = format!("/v1/replenishment/proposals/{}", open["id"]);
    let approved = plane.post(&format!("{path}/approve"), None, r#"{"by": "Ana"}"#).await.ok();
    assert_eq!((&approved["status"], &approved["by"]), (&json!("approved"), &json!("Ana")));
    let again = plane.post(&format!("{path}/approve"), None, r#"{"by": "Ben"}"#).await.ok();
    assert_eq!(again, approved, "the first to decide stays the one who did");
    // What is approved counts as coming: it is not proposed twice.
    plane.plan().await;
    let advice = plane.get("/v1/replenishment/advice/SHOP-1/TEA-01").await.ok();
    assert_eq!((&advice["held"]["why"], &advice["coming"]), (&json!("enough"), &json!(pieces)), "{advice:#}");

    let placed = plane.post(&format!("{path}/place"), None, "{}").await.ok();
    let order = placed["order"].as_str().unwrap().to_owned();
    assert_eq!(plane.post(&format!("{path}/place"), None, "{}").await.ok(), placed, "once");
    assert_eq!(plane.post(&format!("{path}/reject"), None, "{}").await.status, StatusCode::CONFLICT);
    let stock = plane.get("/v1/sites/SHOP-1/stock").await.ok();
    let tea = stock["items"].as_array().unwrap().iter().find(|it| it["sku"] == "TEA-01").unwrap().clone();
    assert_eq!(tea["on_order"], json!(pieces), "{tea:#}");
    let of = |order: &str| format!("/v1/supply-orders/{order}");
    let seen = plane.get(&of(&order)).await.ok();
    assert_eq!(
        (&seen["status"], &seen["ours"], &seen["lines"][0]["proposal"]),
        (&json!("placed"), &json!(true), &open["id"])
    );
    let confirmed =
        plane.post(&format!("{}/confirm", of(&order)), None, r#"{"due_at": "2026-11-24T00:00:00Z"}"#).await.ok();
    assert_eq!((&confirmed["status"], &confirmed["due_at"]), (&json!("confirmed"), &json!("2026-11-24T00:00:00Z")));

    let event = |seq: u32, at: &str, happening: Json, site: &str| {
        let event = json!({ "at": at, "site": site, "happening": happening });
        json!({ "device": "SCAN-1", "boot": 1, "seq": seq, "events": [event] }).to_string()
    };
    let lines = json!([{ "sku": "TEA-01", "pieces": pieces }]);
    let sent = json!({ "shipment": "S-9", "to": "SHOP-1", "order": order, "lines": lines });
    let sent = json!({ "shipment_dispatched": sent });
    plane.clock.pass(DAY);
    plane.hear("portolan/v1/acme/WH-HAM/SCAN-1/event", &event(0, "2026-11-23T08:00:00Z", sent, "WH-HAM"));
    let seen = plane.get(&of(&order)).await.ok();
    assert_eq!((&seen["status"], &seen["lines"][0]["shipped"]), (&json!("shipped"), &json!(pieces)), "{seen:#}");
    assert_eq!(plane.post(&format!("{}/cancel", of(&order)), None, "{}").await.status, StatusCode::CONFLICT);
    let came = json!({ "shipment_arrived": { "shipment": "S-9" } });
    plane.hear("portolan/v1/acme/WH-HAM/SCAN-1/event", &event(1, "2026-11-23T11:00:00Z", came, "SHOP-1"));
    let seen = plane.get(&of(&order)).await.ok();
    assert_eq!((&seen["status"], &seen["lines"][0]["received"]), (&json!("received"), &json!(pieces)), "{seen:#}");
    let leads = plane.published.load();
    assert_eq!(leads.twin.supply.leads.values().map(|seen| seen.to_vec()).collect::<Vec<_>>(), [vec![1]]);
    assert_eq!(plane.get("/v1/supply-orders?status=received").await.ok()["items"], json!([seen]));
}

#[tokio::test]
async fn what_is_automatic_is_ordered_and_what_is_rejected_is_not_proposed_before_the_next_review() {
    let plane = planned().await;
    let rejected = open_of(&plane, "MILK-01").await;
    let path = format!("/v1/replenishment/proposals/{}/reject", rejected["id"]);
    let rejected = plane.post(&path, None, r#"{"by": "Ana", "note": "closed for repairs"}"#).await.ok();
    assert_eq!((&rejected["status"], &rejected["note"]), (&json!("rejected"), &json!("closed for repairs")));

    let policy = plane.get("/v1/replenishment/policy").await;
    assert_eq!((policy.header("etag"), &policy.json()["version"]), ("\"v0\"", &json!(0)));
    let wanted =
        json!({ "rules": [{ "skus": ["TEA-01"], "kinds": ["shop"], "set": { "mode": "automatic", "multiple": 6 } }] })
            .to_string();
    let path = "/v1/replenishment/policy";
    assert_eq!(plane.change("PUT", path, "", &wanted).await.status, StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(plane.change("PUT", path, "\"v7\"", &wanted).await.status, StatusCode::PRECONDITION_FAILED);
    let set = plane.change("PUT", path, "\"v0\"", &wanted).await;
    assert_eq!(set.status, StatusCode::OK, "{set:?}");
    assert_eq!(set.header("etag"), format!("\"v{}\"", set.json()["version"]));
    assert_eq!(plane.change("PUT", path, "\"v0\"", &wanted).await.status, StatusCode::PRECONDITION_FAILED);

    plane.plan().await;
    let stands = plane.get("/v1/replenishment/planner").await.ok();
    assert_eq!((&stands["ordered"], &stands["problem"]), (&json!(1), &Json::Null), "{stands:#}");
    let orders = plane.get("/v1/supply-orders?kind=transfer&to=SHOP-1").await.ok();
    assert_eq!(orders["items"].as_array().unwrap().len(), 1, "{orders:#}");
    assert_eq!(orders["items"][0]["lines"][0]["pieces"].as_i64().unwrap() % 6, 0, "{orders:#}");
    let of_milk = plane.get("/v1/replenishment/proposals?status=open&sku=MILK-01").await.ok();
    assert_eq!(of_milk["items"], json!([]), "rejected until the next review");
    plane.clock.pass(DAY);
    plane.plan().await;
    open_of(&plane, "MILK-01").await;

    let own = "/v1/replenishment/parameters/SHOP-1/MILK-01";
    let set = plane.change("PUT", own, "\"v0\"", r#"{"mode": "off"}"#).await;
    assert_eq!(set.json()["effective"]["mode"], "off", "{set:?}");
    assert_eq!(plane.get("/v1/replenishment/parameters").await.ok()["items"][0]["sku"], "MILK-01");
    plane.plan().await;
    let of_milk = plane.get("/v1/replenishment/proposals?status=open&sku=MILK-01").await.ok();
    assert_eq!(of_milk["items"], json!([]));
    let taken_back = plane.change("DELETE", own, set.header("etag"), "").await;
    assert_eq!(taken_back.json()["effective"]["mode"], "proposed", "{taken_back:?}");
}

#[tokio::test]
async fn all_faults_of_a_policy_are_named_at_once() {
    let plane = Plane::new(|_| {});
    let policy = json!({
        "default": { "level_permille": 1000, "review_weekdays": [8] },
        "rules": [{ "sites": ["NOWHERE"], "set": { "multiple": 0 } }],
        "suppliers": [{ "site": "PORT-SHA", "minimum_pieces": -1 }],
        "promotions": [{ "from": "2026-11-22T00:00:00Z", "until": "2026-11-21T00:00:00Z", "skus": ["NOTHING"] }],
    });
    let refused = plane.change("PUT", "/v1/replenishment/policy", "\"v0\"", &policy.to_string()).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let refused = refused.json();
    let mut places: Vec<&str> =
        refused["errors"].as_array().unwrap().iter().map(|it| it["pointer"].as_str().unwrap()).collect();
    places.sort_unstable();
    let expected = [
        "#/default/level_permille",
        "#/default/review_weekdays",
        "#/promotions/0/skus/0",
        "#/promotions/0/until",
        "#/rules/0/set/multiple",
        "#/rules/0/sites/0",
        "#/suppliers/0/minimum_pieces",
    ];
    assert_eq!(places, expected);
}

#[tokio::test]
async fn what_planners_expect_is_planned_with_and_scored_when_the_week_is_over() {
    let plane = planned().await;
    let path = "/v1/forecasts/SHOP-1/TEA-01";
    let forecast = plane.get(path).await.ok();
    assert_eq!((forecast["weeks"].as_array().unwrap().len(), &forecast["history_weeks"]), (52, &json!(103)));
    let week = &forecast["weeks"][0];
    let pieces = |week: &Json, key: &str| week[key].as_f64().unwrap();
    assert!((21.0..25.0).contains(&pieces(week, "statistical")), "{week}");
    assert!(pieces(week, "low") < pieces(week, "statistical") && pieces(week, "statistical") < pieces(week, "high"));
    let before = plane.get("/v1/replenishment/advice/SHOP-1/TEA-01").await.ok();
    let said = json!({ "by": "Ana", "note": "fair in town", "weeks": [
        { "week": forecast["weeks"][0]["week"], "pieces": 60 }, { "week": forecast["weeks"][1]["week"], "pieces": 60 },
    ] });
    let overridden = plane.post(&format!("{path}/overrides"), None, &said.to_string()).await.ok();
    assert_eq!(overridden["weeks"][0]["overridden"]["pieces"], 60, "{overridden}");
    assert_eq!(overridden["weeks"][0]["statistical"], week["statistical"], "statistics stay as they are");
    let after = plane.get("/v1/replenishment/advice/SHOP-1/TEA-01").await.ok();
    let wanted = |advice: &Json| advice["proposals"][0]["pieces"].as_i64().unwrap();
    assert!(wanted(&after) > wanted(&before), "{before} {after}");
    let outside = json!({ "weeks": [{ "week": "2020-01-01T00:00:00Z", "pieces": 1 }] });
    assert_eq!(
        plane.post(&format!("{path}/overrides"), None, &outside.to_string()).await.status,
        StatusCode::BAD_REQUEST
    );

    // The first of the weeks is this one; 40 pieces are sold in it, and it ends.
    let sold = json!({ "device": "SCAN-1", "boot": 1, "seq": 0, "events": [
        { "at": "2026-11-22T11:00:00Z", "site": "SHOP-1", "happening": { "stock_issued": { "sku": "TEA-01", "pieces": 40 } } },
    ] });
    plane.hear("portolan/v1/acme/WH-HAM/SCAN-1/event", &sold.to_string());
    plane.clock.pass(7 * DAY);
    let quality = plane.get("/v1/forecasts:quality").await.ok();
    let added = &quality["overrides"];
    assert_eq!(added["weeks"], 1, "{quality:#}");
    let week_asked = plane.get("/v1/demand/SHOP-1/TEA-01").await.ok();
    let of_week = |it: &&Json| it["week"] == forecast["weeks"][0]["week"];
    let asked = week_asked["weeks"].as_array().unwrap().iter().find(of_week).unwrap()["pieces"].as_f64().unwrap();
    assert!(asked > 60.0, "{week_asked}");
    assert_eq!(added["planners_error"].as_f64().unwrap(), (60.0 - asked).abs(), "{quality:#} {asked}");
}
