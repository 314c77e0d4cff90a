use super::plane::Plane;
use crate::http::stream::Hub;
use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::{Change, Delta, Snapshot};
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// A client that reads when it is told to.
struct Client {
    body: BodyDataStream,
    text: String,
}

#[derive(Debug, PartialEq)]
enum Event {
    Snapshot(Box<Snapshot>),
    Delta(Delta),
    Comment,
}

impl Client {
    async fn new(plane: &Plane, query: &str, last_event_id: Option<u64>) -> Self {
        let mut request = Request::get(format!("/v1/stream{query}"));
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id.to_string());
        }
        let response = plane.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event; `None` when the stream has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                match parse(&block) {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let piece = tokio::time::timeout(Duration::from_secs(10), self.body.next()).await.expect("an event is due");
            self.text.push_str(std::str::from_utf8(&piece?.unwrap()).unwrap());
        }
    }

    async fn snapshot(&mut self) -> Box<Snapshot> {
        match self.next().await {
            Some(Event::Snapshot(snapshot)) => snapshot,
            other => panic!("no snapshot: {other:?}"),
        }
    }

    async fn delta(&mut self) -> Delta {
        match self.next().await {
            Some(Event::Delta(delta)) => delta,
            other => panic!("no delta: {other:?}"),
        }
    }
}

/// As the standard says; `None` for a block without data.
fn parse(block: &str) -> Option<Event> {
    let (mut event, mut id, mut data) = ("message", None, None);
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("event", name)) => event = name,
            Some(("id", text)) => id = Some(text.parse::<u64>().unwrap()),
            Some(("data", text)) => assert!(data.replace(text).is_none(), "one line of data"),
            Some(("retry", _)) => {}
            Some(("", _)) => return Some(Event::Comment),
            other => panic!("{other:?}"),
        }
    }
    let data = data?;
    let (event, seq) = match event {
        "snapshot" => {
            let snapshot: Snapshot = serde_json::from_str(data).unwrap();
            let seq = snapshot.seq;
            (Event::Snapshot(Box::new(snapshot)), seq)
        }
        "delta" => {
            let delta: Delta = serde_json::from_str(data).unwrap();
            let seq = delta.seq;
            (Event::Delta(delta), seq)
        }
        other => panic!("{other}"),
    };
    assert_eq!(id, Some(seq), "the id is the seq");
    Some(event)
}

fn value_of(delta: &Delta) -> String {
    let reading = delta.changes.iter().find_map(|change| match change {
        Change::Reading(reading) => Some(reading.value.to_string()),
        _ => None,
    });
    reading.unwrap_or_else(|| panic!("{delta:?}"))
}

#[tokio::test]
async fn a_snapshot_in_pieces_is_what_the_twin_says() {
    let plane = Plane::new(|_| {});
    plane.hear_temperature(0, 4.5);
    let published = plane.published.load_full();
    for (query, with_stock) in [("", false), ("?stock=none", false), ("?stock=all", true)] {
        let tenant = firmware_schemas::id::TenantId::new("acme").unwrap();
        let now = Timestamp::parse_rfc3339(super::plane::NOW).unwrap();
        let whole = published.twin.snapshot(&tenant, published.delta_seq, now, with_stock);
        let expected = serde_json::to_string(&whole).unwrap();
        let answer = plane.get(&format!("/v1/snapshot{query}")).await;
        assert_eq!(std::str::from_utf8(&answer.body).unwrap(), expected, "{query}");
        assert_eq!(*Client::new(&plane, query, None).await.snapshot().await, whole, "{query}");
    }
}

#[tokio::test]
async fn a_client_gets_a_snapshot_and_then_every_delta_in_order() {
    let plane = Plane::new(|_| {});
    let mut client = Client::new(&plane, "", None).await;
    let mut seq = client.snapshot().await.seq;
    for n in 0..200 {
        plane.hear_temperature(n, n as f64);
    }
    for n in 0..200 {
        let delta = client.delta().await;
        assert!(delta.seq > seq, "{} after {seq}", delta.seq);
        assert_eq!(value_of(&delta), n.to_string());
        seq = delta.seq;
    }
    assert_eq!(seq, plane.published.load().delta_seq);
}

#[tokio::test]
async fn a_client_that_comes_back_goes_on_where_it_was() {
    let plane = Plane::new(|_| {});
    let mut client = Client::new(&plane, "", None).await;
    let left_at = client.snapshot().await.seq;
    drop(client);
    for n in 0..5 {
        plane.hear_temperature(n, n as f64);
    }
    let mut client = Client::new(&plane, "", Some(left_at)).await;
    for n in 0..5 {
        assert_eq!(value_of(&client.delta().await), n.to_string());
    }
    // Nothing was missed: nothing comes but news.
    let newest = plane.published.load().delta_seq;
    let mut client = Client::new(&plane, "", Some(newest)).await;
    plane.hear_temperature(9, 9.0);
    assert_eq!(value_of(&client.delta().await), "9");
}

#[tokio::test]
async fn a_client_that_was_away_too_long_or_comes_from_elsewhere_gets_a_snapshot() {
    let plane = Plane::new(|_| {});
    for n in 0..1_100 {
        plane.hear_temperature(n, 4.0 + (n % 2) as f64); // the ring keeps 1,000 changes
    }
    for id in [1, 10, u64::MAX] {
        let snapshot = Client::new(&plane, "", Some(id)).await.snapshot().await;
        assert_eq!(snapshot.seq, plane.published.load().delta_seq, "{id}");
    }
}

#[tokio::test]
async fn a_slow_client_gets_a_new_snapshot_and_costs_no_memory() {
    let plane = Plane::new(|_| {});
    let mut slow = Client::new(&plane, "", None).await;
    let mut quick = Client::new(&plane, "", None).await;
    slow.snapshot().await;
    quick.snapshot().await;
    let (mut seen, mut last) = (0, 0);
    for n in 0..3_000 {
        plane.hear_temperature(n, n as f64);
        let delta = quick.delta().await;
        assert_eq!(value_of(&delta), n.to_string(), "the quick one misses nothing");
        last = delta.seq;
    }
    // The slow one reads only now: what was under way to it, then a snapshot, then it is up to date.
    let snapshot = loop {
        match slow.next().await {
            Some(Event::Delta(_)) => seen += 1,
            Some(Event::Snapshot(snapshot)) => break snapshot,
            other => panic!("{other:?}"),
        }
    };
    assert!(seen < 200, "{seen} deltas were kept for it");
    assert_eq!(snapshot.seq, last);
    plane.hear_temperature(5_000, 1.5);
    assert_eq!(value_of(&slow.delta().await), "1.5");
}

#[tokio::test]
async fn without_stock_only_the_sums_of_sites_are_told() {
    let plane = Plane::new(|_| {});
    let (mut with, mut without) = (Client::new(&plane, "?stock=all", None).await, Client::new(&plane, "", None).await);
    assert_eq!((with.snapshot().await.stock.len(), without.snapshot().await.stock.len()), (6, 0));
    let event = r#"{"device":"SCAN-1","boot":1,"seq":0,"events":[{"at":"2026-11-22T12:00:00Z",
        "happening":{"stock_issued":{"sku":"TEA-01","pieces":7}}}]}"#;
    plane.hear("portolan/v1/acme/WH-HAM/SCAN-1/event", event);
    let (with, without) = (with.delta().await, without.delta().await);
    let stock = |delta: &Delta| delta.changes.iter().filter(|change| matches!(change, Change::Stock(_))).count();
    assert_eq!((with.seq, stock(&with), stock(&without)), (without.seq, 1, 0));
    let on_hand = without.changes.iter().find_map(|change| match change {
        Change::Site(site) => Some(site.stock.on_hand.0),
        _ => None,
    });
    assert_eq!(on_hand, Some(603));
}

#[tokio::test]
async fn a_quiet_stream_is_kept_open_by_comments() {
    let plane = Plane::new(|limits| limits.keep_alive = Duration::from_millis(20));
    let newest = plane.published.load().delta_seq;
    let mut client = Client::new(&plane, "", Some(newest)).await;
    for _ in 0..3 {
        assert_eq!(client.next().await, Some(Event::Comment));
    }
}

#[tokio::test]
async fn a_closed_hub_ends_its_streams() {
    let plane = Plane::new(|_| {});
    let mut client = Client::new(&plane, "", None).await;
    client.snapshot().await;
    plane.hub.close();
    assert_eq!(client.next().await, None);
    assert_eq!(plane.get("/v1/stream").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_client_that_left_is_no_longer_counted() {
    let plane = Plane::new(|_| {});
    let mut client = Client::new(&plane, "", None).await;
    client.snapshot().await;
    assert_eq!((plane.hub.n_subscribers(), plane.hub.is_watched()), (1, true));
    drop(client);
    for _ in 0..1_000 {
        if plane.hub.n_subscribers() == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(plane.hub.n_subscribers(), 0);
    assert!(plane.hub.is_watched(), "it may come back and resume");
}

fn delta(seq: u64) -> Delta {
    Delta { seq, at: Timestamp::EPOCH, changes: Vec::new() }
}

#[test]
fn a_hub_that_nobody_watches_says_so_until_somebody_did() {
    let hub = Arc::new(Hub::new(10, 5));
    assert!(!hub.is_watched());
    hub.publish(delta(6));
    hub.skip(7);
    assert!(!hub.is_watched());
}
