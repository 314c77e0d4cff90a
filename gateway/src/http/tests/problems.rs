use super::plane::{Answer, Plane};
use crate::http::error::Kind;
use crate::http::stream::Hub;
use crate::http::{App, Limits, Published, router};
use crate::instrument::{Health, Metrics};
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;

/// Holds that the answer is a problem of this kind about this path, and gives its errors.
#[track_caller]
fn check(answer: &Answer, kind: Kind, path: &str) -> Json {
    assert_eq!(answer.status, kind.status(), "{path}: {answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    let problem = answer.json();
    assert_eq!(problem["type"], format!("/problems/{}", kind.name()), "{path}: {problem}");
    assert_eq!(problem["title"], kind.title(), "{path}");
    assert_eq!(problem["status"], kind.status().as_u16(), "{path}");
    assert_eq!(problem["instance"], path, "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{path}: {problem}");
    problem["errors"].clone()
}

#[tokio::test]
async fn every_refusal_is_a_problem_that_says_what_is_wrong() {
    let plane = Plane::new(|limits| limits.body_bytes_max = 1_000);
    for (path, kind) in [
        ("/v2/sites", Kind::NotFound),
        ("/v1", Kind::NotFound),
        ("/docs/../../etc/passwd", Kind::NotFound),
        ("/problems/none", Kind::NotFound),
        ("/v1/sites/NOWHERE", Kind::NotFound),
        ("/v1/sites/NOWHERE/stock", Kind::NotFound),
        ("/v1/stock?site=NOWHERE", Kind::NotFound),
        ("/v1/devices/NONE/metrics/temperature/readings", Kind::NotFound),
        ("/v1/devices/COLD-1/metrics/none/readings", Kind::NotFound),
        ("/v1/quarantine/1", Kind::NotFound),
        ("/v1/quarantine/99999999", Kind::NotFound),
        ("/v1/commands/none", Kind::NotFound),
        ("/v1/alerts/99999", Kind::NotFound),
        ("/v1/sites/a%20b", Kind::BadParameter),
        ("/v1/sites/%ff", Kind::BadParameter),
        ("/v1/alerts/first", Kind::BadParameter),
        ("/v1/sites?limit=0", Kind::BadParameter),
        ("/v1/sites?cursor=a%2Fb", Kind::BadParameter),
        ("/v1/stock?cursor=nowhere", Kind::BadParameter),
        ("/v1/stock?cursor=NOWHERE%2FTEA-01", Kind::BadParameter),
        ("/v1/alerts?cursor=x", Kind::BadParameter),
        ("/v1/alerts/18446744073709551615", Kind::BadParameter),
        ("/v1/stream?stock=some", Kind::BadParameter),
        ("/v1/devices/COLD-1/metrics/temperature/readings?from=now", Kind::BadParameter),
        (
            "/v1/devices/COLD-1/metrics/temperature/readings?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
            Kind::BadParameter,
        ),
        ("/v1/devices/COLD-1/metrics/temperature/buckets?step_secs=0", Kind::BadParameter),
        ("/v1/devices/COLD-1/metrics/temperature/buckets?step_secs=1", Kind::BadParameter),
    ] {
        check(&plane.get(path).await, kind, path);
    }
}

#[tokio::test]
async fn all_bad_parameters_are_named_at_once() {
    let plane = Plane::new(|_| {});
    let path = "/v1/sites?kind=castle&limit=x&colour=blue";
    let errors = check(&plane.get(path).await, Kind::BadParameter, path);
    let names: Vec<&Json> = errors.as_array().unwrap().iter().map(|error| &error["parameter"]).collect();
    assert_eq!(names, [&json!("kind"), &json!("limit"), &json!("colour")], "{errors}");
}

#[tokio::test]
async fn a_bad_body_is_pointed_at() {
    let plane = Plane::new(|limits| limits.body_bytes_max = 1_000);
    let path = "/v1/devices/COLD-1/commands";
    for (body, pointer) in [
        ("{", "#"),
        ("[]", "#"),
        ("{}", "#"),
        ("{} {}", "#"),
        (r#"{"action": {"report_every": {"interval_secs": "often"}}}"#, "#/action/report_every/interval_secs"),
        (r#"{"action": {"report_every": {"interval_secs": -1}}}"#, "#/action/report_every/interval_secs"),
        (r#"{"action": {"go_to": {"site": "a b"}}}"#, "#/action/go_to/site"),
        (r#"{"action": {"fly": {}}}"#, "#/action"),
        (r#"{"action": {"rebirth": {}}, "expires_at": "later"}"#, "#/expires_at"),
        (r#"{"action": {"rebirth": {}}, "colour": 1}"#, "#/colour"),
    ] {
        let errors = check(&plane.post(path, Some("k"), body).await, Kind::BadBody, path);
        let found = errors[0]["pointer"].as_str().unwrap_or_default();
        assert!(found.starts_with(pointer), "{body}: {errors}");
    }
    let long = format!(r#"{{"action": "{}"}}"#, "x".repeat(2_000));
    check(&plane.post(path, Some("k"), &long).await, Kind::TooLarge, path);
    let text = Request::post(path).header("Idempotency-Key", "k").header("Content-Type", "text/plain");
    let answer = plane.send(text.body(Body::from("{}")).unwrap()).await;
    check(&answer, Kind::UnsupportedMediaType, path);
    for (key, header) in [(None, "Idempotency-Key"), (Some("a b"), "Idempotency-Key"), (Some(""), "Idempotency-Key")] {
        let errors = check(&plane.post(path, key, "{}").await, Kind::BadHeader, path);
        assert_eq!(errors[0]["header"], header, "{key:?}");
    }
    let path = "/v1/alerts/0/acknowledge";
    for (body, pointer) in [(r#"{"by": ""}"#, "#/by"), (r#"{"by": "  "}"#, "#/by")] {
        let errors = check(&plane.post(path, None, body).await, Kind::BadBody, path);
        assert_eq!(errors[0]["pointer"], pointer, "{body}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_one() {
    let plane = Plane::new(|_| {});
    for (method, path, allow) in [
        (Method::DELETE, "/v1/sites", "GET"),
        (Method::GET, "/v1/alerts/1/acknowledge", "POST"),
        (Method::PUT, "/", "GET"),
    ] {
        let answer = plane.send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await;
        check(&answer, Kind::MethodNotAllowed, path);
        assert!(answer.header("allow").contains(allow), "{path}: {answer:?}");
    }
}

/// A gateway whose core takes requests and never answers.
fn deaf(
    plane: &Plane,
    change: impl FnOnce(&mut Limits),
) -> (axum::Router, tokio::sync::mpsc::Receiver<crate::http::Asked>) {
    let mut limits = Limits { reply_timeout: Duration::from_millis(50), ..Limits::default() };
    change(&mut limits);
    let (requests, asked) = tokio::sync::mpsc::channel(1);
    let app = App {
        tenant: firmware_schemas::id::TenantId::new("acme").unwrap(),
        published: Arc::new(arc_swap::ArcSwap::from_pointee(Published::clone(&plane.published.load()))),
        clock: plane.clock.clone(),
        requests,
        hub: Arc::new(Hub::new(10, 0)),
        store: plane.store(),
        journal: plane.journal(),
        health: Arc::new(Health::new(plane.clock.clone())),
        metrics: Arc::new(Metrics::new()),
        reads: App::reads(&limits),
        what_if: plane.what_if.clone(),
        planner: plane.planner.clone(),
        webhooks: plane.webhooks.clone(),
        followers: App::followers(&limits),
        past: plane.past.clone(),
        limits,
    };
    (router(app), asked)
}

#[tokio::test]
async fn a_busy_core_is_a_problem_with_a_time_to_try_again() {
    let plane = Plane::new(|_| {});
    let (router, asked) = deaf(&plane, |_| {});
    let path = "/v1/alerts/0/acknowledge";
    let body = r#"{"by": "Ana"}"#;
    check(&plane.ask(&router, path, body).await, Kind::TimedOut, path);
    let answer = plane.ask(&router, path, body).await;
    check(&answer, Kind::Unavailable, path);
    assert_eq!(answer.header("retry-after"), "1");
    drop(asked);
    check(&plane.ask(&router, path, body).await, Kind::Unavailable, path);
}

#[tokio::test]
async fn what_takes_too_long_is_ended() {
    let plane = Plane::new(|_| {});
    let (router, _asked) = deaf(&plane, |limits| {
        limits.reply_timeout = Duration::from_secs(60);
        limits.request_timeout = Duration::from_millis(50);
    });
    let path = "/v1/alerts/0/acknowledge";
    check(&plane.ask(&router, path, r#"{"by": "Ana"}"#).await, Kind::TimedOut, path);
}

#[tokio::test]
async fn too_many_streams_are_refused() {
    let plane = Plane::new(|limits| limits.streams_max = 0);
    check(&plane.get("/v1/stream").await, Kind::Unavailable, "/v1/stream");
    check(&plane.get("/v1/snapshot").await, Kind::Unavailable, "/v1/snapshot");
}
