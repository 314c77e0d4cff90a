use super::plane::Plane;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;
use std::time::Duration;

const COLD: &str = "portolan/v1/acme/WH-HAM/COLD-1/telemetry";

#[tokio::test]
async fn an_alert_is_acknowledged_once_and_seen_at_once() {
    let plane = Plane::new(|_| {});
    let open = plane.get("/v1/alerts?state=open&site=SHOP-1").await.ok();
    let id = open["items"][0]["id"].as_u64().unwrap_or_else(|| panic!("{open}"));
    let path = format!("/v1/alerts/{id}/acknowledge");
    let answer = plane.post(&path, None, r#"{"by": "Ana", "note": "on it"}"#).await.ok();
    assert_eq!((&answer["state"], &answer["acknowledged_by"]), (&json!("acknowledged"), &json!("Ana")));
    let again = plane.post(&path, Some("k1"), r#"{"by": "Bo"}"#).await.ok();
    assert_eq!(again["acknowledged_by"], "Ana", "the first name stays");
    assert_eq!(plane.get(&format!("/v1/alerts/{id}")).await.ok()["note"], "on it");
    assert_eq!(plane.post("/v1/alerts/999/acknowledge", None, r#"{"by": "Ana"}"#).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_payload_in_quarantine_is_shown_tried_again_and_thrown_away() {
    let plane = Plane::new(|_| {});
    plane.hear(COLD, "{\"device\": \"COLD-1\", \u{0} broken");
    // From tomorrow: it will be right tomorrow.
    plane.hear(
        COLD,
        r#"{"device":"COLD-1","readings":[{"metric":"temperature","at":"2026-11-23T12:00:00Z","value":4.0}]}"#,
    );
    let list = plane.get("/v1/quarantine").await.ok();
    let ids: Vec<u64> = list["items"].as_array().unwrap().iter().map(|item| item["id"].as_u64().unwrap()).collect();
    let [early, broken] = ids[..] else { panic!("{list}") };
    assert_eq!(plane.get("/v1/quarantine?refused_by=twin").await.ok()["items"][0]["id"], early);

    let shown = plane.get(&format!("/v1/quarantine/{broken}")).await.ok();
    assert_eq!(shown["payload_text"], "{\"device\": \"COLD-1\", \u{0} broken");
    assert_eq!(shown["payload_base64"], "eyJkZXZpY2UiOiAiQ09MRC0xIiwgACBicm9rZW4=");
    assert_eq!((&shown["topic"], &shown["refused_by"]), (&json!(COLD), &json!("frame")));

    let refused = plane.post(&format!("/v1/quarantine/{early}/redrive"), None, "").await.ok();
    assert_eq!(refused["outcome"], "refused_again", "{refused}");
    assert!(refused["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{refused}");
    plane.clock.pass(Duration::from_secs(86_400));
    let taken = plane.post(&format!("/v1/quarantine/{early}/redrive"), None, "").await.ok();
    assert_eq!(taken, json!({ "id": early, "outcome": "taken", "reason": null }));
    let again = plane.post(&format!("/v1/quarantine/{early}/redrive"), None, "").await.ok();
    assert_eq!(again["outcome"], "already");
    assert_eq!(plane.get("/v1/devices/COLD-1").await.ok()["metrics"][0]["last"]["value"], 4.0);

    let discarded = plane.post(&format!("/v1/quarantine/{broken}/discard"), None, "").await.ok();
    assert_eq!(discarded, json!({ "id": broken, "discarded": true }));
    let again = plane.post(&format!("/v1/quarantine/{broken}/discard"), None, "").await.ok();
    assert_eq!(again["discarded"], false);
    assert_eq!(plane.get("/v1/quarantine").await.ok()["items"], json!([]));
    for id in [0, 1, 1_u64 << 40] {
        for verb in ["redrive", "discard"] {
            let answer = plane.post(&format!("/v1/quarantine/{id}/{verb}"), None, "").await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id} {verb}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn the_same_key_is_the_same_command() {
    let plane = Plane::new(|_| {});
    let path = "/v1/devices/COLD-1/commands";
    let body = r#"{"action": {"report_every": {"interval_secs": 30}}}"#;
    let given = plane.post(path, Some("\"cmd-1\""), body).await;
    assert_eq!((given.status, given.header("location")), (StatusCode::ACCEPTED, "/v1/commands/cmd-1"));
    assert_eq!((&given.json()["state"], &given.json()["device"]), (&json!("issued"), &json!("COLD-1")));
    let again = plane.post(path, Some("cmd-1"), body).await;
    assert_eq!((again.status, again.json()), (StatusCode::ACCEPTED, given.json()));
    let other = plane.post(path, Some("cmd-1"), r#"{"action": {"report_every": {"interval_secs": 60}}}"#).await;
    assert_eq!(other.status, StatusCode::CONFLICT, "{other:?}");
    assert_eq!(plane.post(path, None, body).await.status, StatusCode::BAD_REQUEST, "a key is needed");

    plane.hear("portolan/v1/acme/WH-HAM/COLD-1/ack", r#"{"device":"COLD-1","command":"cmd-1","outcome":"done"}"#);
    assert_eq!(plane.get("/v1/commands/cmd-1").await.ok()["state"], "done");
    plane.post(path, Some("cmd-2"), body).await.ok();
    let list = plane.get("/v1/commands").await.ok();
    assert_eq!((&list["items"][0]["command"], &list["items"][1]["command"]), (&json!("cmd-2"), &json!("cmd-1")));
    assert_eq!(plane.get("/v1/commands?state=issued").await.ok()["items"][0]["command"], "cmd-2");
    assert_eq!(plane.get("/v1/commands?device=GPS-1").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn a_browser_changes_nothing_on_behalf_of_another_site() {
    let plane = Plane::new(|limits| limits.cors_origins.push("https://viewer.example".into()));
    let ask = |headers: &[(&str, &str)]| {
        let mut request = Request::post("/v1/quarantine/1/discard").header("Host", "gateway:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    };
    for (headers, status) in [
        (&[][..], StatusCode::NOT_FOUND),
        (&[("Origin", "http://gateway:8080")], StatusCode::NOT_FOUND),
        (&[("Origin", "http://gateway:8080"), ("Sec-Fetch-Site", "same-origin")], StatusCode::NOT_FOUND),
        (&[("Origin", "https://viewer.example"), ("Sec-Fetch-Site", "cross-site")], StatusCode::NOT_FOUND),
        (&[("Origin", "https://evil.example")], StatusCode::FORBIDDEN),
        (&[("Origin", "null")], StatusCode::FORBIDDEN),
        (&[("Sec-Fetch-Site", "cross-site")], StatusCode::FORBIDDEN),
        (&[("Origin", "http://gateway:9090"), ("Sec-Fetch-Site", "same-site")], StatusCode::FORBIDDEN),
    ] {
        assert_eq!(plane.send(ask(headers)).await.status, status, "{headers:?}");
    }
    let read = Request::get("/v1/network").header("Origin", "https://viewer.example").body(Body::empty()).unwrap();
    assert_eq!(plane.send(read).await.header("access-control-allow-origin"), "https://viewer.example");
}
