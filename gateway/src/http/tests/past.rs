//! The twin as it was: what was seen then is seen again, and changes lead from one moment to another.

use super::plane::{NOW, Plane};
use crate::http::error::Kind;
use crate::journal::Seq;
use crate::journal::milestone::{self, Mark};
use crate::recover::RecoverError;
use axum::http::StatusCode;
use firmware_schemas::api::past::{ChangesView, PastView};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::{AlertState, Change, Delta, Freshness, MetricView, ReadingView, ShipmentState, Snapshot};
use std::sync::Arc;
use std::time::Duration;
use twin::snapshot::SNAPSHOT_VERSION;

fn after(secs: u64) -> Timestamp {
    Timestamp::parse_rfc3339(NOW).unwrap().saturating_add(Duration::from_secs(secs))
}

/// An afternoon: temperatures in and out of range, positions, goods that leave and arrive, rubbish.
fn live_through(plane: &Plane, n_steps: u64, mut each: impl FnMut(Timestamp)) {
    let mut secs = 0;
    for n in 0..n_steps {
        secs += 7 + n * 13 % 90;
        let at = after(secs);
        plane.hear_temperature(secs, if n % 10 > 5 { 11.0 } else { 4.0 } + n as f64 / 100.0);
        match n % 6 {
            0 => plane.hear(
                "portolan/v1/acme/WH-HAM/GPS-1/position",
                &format!(
                    r#"{{"device":"GPS-1","boot":1,"seq":{n},"at":"{at}","position":{{"lat":{},"lon":10.02}}}}"#,
                    53.5 + n as f64 / 1_000.0
                ),
            ),
            1 => event(
                plane,
                n,
                at,
                &format!(r#""site":"SHOP-1","happening":{{"stock_issued":{{"sku":"TEA-01","pieces":{}}}}}"#, 1 + n % 3),
            ),
            2 => event(
                plane,
                n,
                at,
                &format!(
                    r#""site":"WH-HAM","happening":{{"shipment_dispatched":{{"shipment":"S-{n}","to":"SHOP-1","lane":"WH-SHOP-1","vehicle":"TRUCK-1","lines":[{{"sku":"TEA-01","pieces":3}}]}}}}"#
                ),
            ),
            3 => event(
                plane,
                n,
                at,
                &format!(r#""site":"SHOP-1","happening":{{"shipment_arrived":{{"shipment":"S-{}"}}}}"#, n - 1),
            ),
            4 => plane.hear("portolan/v1/acme/WH-HAM/COLD-1/telemetry", "no frame"),
            _ => {}
        }
        plane.step(crate::control::Event::Tick);
        each(at);
    }
}

fn event(plane: &Plane, n: u64, at: Timestamp, rest: &str) {
    let frame = format!(r#"{{"device":"SCAN-1","boot":1,"seq":{n},"events":[{{"at":"{at}",{rest}}}]}}"#);
    plane.hear("portolan/v1/acme/WH-HAM/SCAN-1/event", &frame);
}

/// A client that replaces what a delta brings.
fn fold(snapshot: &mut Snapshot, delta: Delta) {
    fn put<T>(items: &mut Vec<T>, new: T, same: impl Fn(&T) -> bool) {
        match items.iter_mut().find(|item| same(item)) {
            Some(item) => *item = new,
            None => items.push(new),
        }
    }
    assert!(delta.seq > snapshot.seq && delta.at > snapshot.at, "{} {} after {}", delta.seq, delta.at, snapshot.at);
    (snapshot.seq, snapshot.at) = (delta.seq, delta.at);
    for change in delta.changes {
        match change {
            Change::Network(it) => snapshot.network = it,
            Change::Site(it) => put(&mut snapshot.sites, it.clone(), |old| old.site == it.site),
            Change::Lane(it) => put(&mut snapshot.lanes, it.clone(), |old| old.lane == it.lane),
            Change::Sku(it) => put(&mut snapshot.skus, it.clone(), |old| old.sku == it.sku),
            Change::Stock(it) => {
                put(&mut snapshot.stock, it.clone(), |old| (&old.site, &old.sku) == (&it.site, &it.sku));
            }
            Change::Device(it) => put(&mut snapshot.devices, it.clone(), |old| old.device == it.device),
            Change::Vehicle(it) => put(&mut snapshot.vehicles, it.clone(), |old| old.vehicle == it.vehicle),
            Change::Reading(it) => {
                let device = snapshot.devices.iter_mut().find(|device| device.device == it.device).unwrap();
                device.heard_at = device.heard_at.max(Some(it.received_at));
                let kind = it.value.kind();
                let last = Some(ReadingView { at: it.at, value: it.value, quality: it.quality });
                let metric = it.metric;
                match device.metrics.iter_mut().find(|known| known.metric == metric) {
                    Some(known) => known.last = last,
                    None => device.metrics.push(MetricView {
                        metric,
                        unit: String::new(),
                        kind,
                        min: None,
                        max: None,
                        last,
                    }),
                }
            }
            Change::Shipment(it) if it.state == ShipmentState::Arrived => {
                snapshot.shipments.retain(|old| old.shipment != it.shipment);
            }
            Change::Shipment(it) => put(&mut snapshot.shipments, it.clone(), |old| old.shipment == it.shipment),
            Change::Alert(it) if it.state == AlertState::Cleared => snapshot.alerts.retain(|old| old.id != it.id),
            Change::Alert(it) => put(&mut snapshot.alerts, it.clone(), |old| old.id == it.id),
        }
    }
}

/// Without what the passing of time alone changes, in the order of a snapshot.
fn timeless(mut snapshot: Snapshot) -> Snapshot {
    snapshot.seq = 0;
    snapshot.at = after(0);
    for device in &mut snapshot.devices {
        device.freshness = Freshness::Never;
        // A delta says with a reading that a device was heard, and not with a position or an event.
        if device.metrics.iter().all(|metric| metric.last.is_none()) {
            device.heard_at = None;
        }
    }
    snapshot.vehicles.iter_mut().for_each(|vehicle| vehicle.freshness = Freshness::Never);
    for row in &mut snapshot.stock {
        (row.days_of_cover, row.issued_per_day) = (None, 0.0);
    }
    snapshot.shipments.sort_by(|a, b| a.shipment.cmp(&b.shipment));
    snapshot.alerts.sort_by_key(|alert| alert.id);
    snapshot
}

async fn snapshot(plane: &Plane, at: Timestamp) -> Snapshot {
    serde_json::from_value(plane.get(&format!("/v1/snapshot?at={at}&stock=all")).await.ok()).unwrap()
}

/// All pages of a span.
async fn changes(plane: &Plane, from: Timestamp, to: Timestamp, step_secs: u64) -> Vec<Delta> {
    let (mut deltas, mut begin) = (Vec::new(), from);
    loop {
        let path = format!("/v1/changes?from={begin}&to={to}&step_secs={step_secs}&stock=all");
        let page: ChangesView = serde_json::from_value(plane.get(&path).await.ok()).unwrap();
        assert_eq!(page.from, begin);
        deltas.extend(page.deltas);
        match page.next {
            Some(next) => begin = next,
            None => {
                assert_eq!(page.to, to);
                return deltas;
            }
        }
    }
}

#[tokio::test]
async fn what_was_seen_then_is_seen_again_to_the_byte() {
    let plane = Plane::new(|_| {});
    let mut moments = Vec::new();
    live_through(&plane, 120, |at| moments.push((at, plane.published.load_full())));
    let tenant = firmware_schemas::id::TenantId::new("acme").unwrap();
    // In no order, so that neither going on nor beginning anew matters.
    for nth in (0..moments.len()).map(|n| n * 37 % moments.len()) {
        let (at, published) = &moments[nth];
        let seen = published.twin.snapshot(&tenant, published.delta_seq, *at, true);
        let answer = plane.get(&format!("/v1/snapshot?at={at}&stock=all")).await;
        assert_eq!(std::str::from_utf8(&answer.body).unwrap(), serde_json::to_string(&seen).unwrap(), "{at}");
    }
    let past: PastView = serde_json::from_value(plane.get("/v1/past").await.ok()).unwrap();
    assert_eq!((past.begins, past.milestones), (Some(after(0)), 0));
}

#[tokio::test]
async fn a_snapshot_and_the_changes_behind_it_are_the_later_snapshot() {
    let plane = Plane::new(|_| {});
    let mut moments = Vec::new();
    live_through(&plane, 90, |at| moments.push(at));
    let end = *moments.last().unwrap();
    for (n, step_secs) in [1, 7, 60, 600, 86_400].into_iter().enumerate() {
        for (from, to) in [(n * 3, 80), (n * 11, n * 11 + 5), (20 + n, 20 + n)] {
            // Between what happened as well as when it did.
            let (from, to) =
                (moments[from].saturating_add(Duration::from_secs(n as u64)), moments[to].max(moments[from]));
            let to = to.saturating_add(Duration::from_secs(2 * n as u64)).min(end);
            let mut folded = snapshot(&plane, from).await;
            let deltas = changes(&plane, from, to, step_secs).await;
            assert!(deltas.iter().all(|delta| delta.at > from && delta.at <= to), "{from} to {to}");
            deltas.into_iter().for_each(|delta| fold(&mut folded, delta));
            assert_eq!(timeless(folded), timeless(snapshot(&plane, to).await), "{from} to {to} by {step_secs}");
        }
    }
}

#[tokio::test]
async fn a_milestone_on_the_way_changes_nothing_but_the_time_it_takes() {
    let plane = Plane::new(|_| {});
    let mut moments = Vec::new();
    let mut mark = None;
    live_through(&plane, 60, |at| {
        moments.push(at);
        if moments.len() == 30 {
            let twin = plane.published.load().twin.clone();
            let state = Mark { seq: Seq(twin.revision), at };
            mark = Some((state, twin.to_bytes().unwrap()));
        }
    });
    let before: Vec<_> = [29, 30, 45, 59].map(|n| moments[n]).to_vec();
    let mut seen = Vec::new();
    for at in &before {
        seen.push(snapshot(&plane, *at).await);
    }
    let (mark, bytes) = mark.unwrap();
    milestone::save(plane.disk.as_ref(), mark, SNAPSHOT_VERSION, &bytes).unwrap();
    let again = crate::past::Past::new(
        plane.disk.clone(),
        plane.journal(),
        firmware_schemas::id::TenantId::new("acme").unwrap(),
        1,
    );
    for (at, seen) in before.into_iter().zip(seen) {
        let standing = again.standing(at, &|| false).unwrap();
        let tenant = firmware_schemas::id::TenantId::new("acme").unwrap();
        assert_eq!(standing.twin.snapshot(&tenant, standing.twin.revision, at, true), seen, "{at}");
    }
    assert_eq!(again.view().unwrap().milestones, 1);
}

#[tokio::test]
async fn who_is_called_off_leaves_what_was_worked_out() {
    let plane = Plane::new(|_| {});
    live_through(&plane, 300, |_| {});
    let looks = std::cell::Cell::new(0);
    let stop = || {
        looks.set(looks.get() + 1);
        looks.get() > 2
    };
    assert!(matches!(plane.past.standing(after(30_000), &stop), Err(RecoverError::Stopped)));
    assert_eq!(looks.get(), 3, "once before it began, and on the way");
    let whole = plane.past.standing(after(30_000), &|| false).unwrap();
    assert_eq!(whole.twin.to_bytes().unwrap(), plane.published.load().twin.to_bytes().unwrap());
}

#[tokio::test]
async fn a_moment_that_cannot_be_had_is_a_problem_that_says_why() {
    let plane = Plane::new(|_| {});
    let check = async |path: &str, kind: Kind, words: &str| {
        let answer = plane.get(path).await;
        assert_eq!(answer.status, kind.status(), "{path}: {answer:?}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(words), "{path}: {answer:?}");
        answer
    };
    live_through(&plane, 3, |_| {});
    check("/v1/snapshot?at=2027-01-01T00:00:00Z", Kind::BadParameter, "future").await;
    check("/v1/snapshot?at=2026-11-22T11:59:59Z", Kind::Gone, "begins at 2026-11-22T12:00:00Z").await;
    check("/v1/changes?to=2026-11-22T12:00:07Z", Kind::BadParameter, "from").await;
    let span = "from=2026-11-22T12:00:07Z&to=2026-11-22T12:00:07Z";
    check(&format!("/v1/changes?{span}&step_secs=0"), Kind::BadParameter, "step_secs").await;
    check("/v1/changes?from=2026-11-22T12:00:08Z&to=2026-11-22T12:00:07Z", Kind::BadParameter, "after").await;
    check("/v1/changes?from=2026-11-22T11:00:00Z&to=2026-11-22T12:00:07Z", Kind::Gone, "too early").await;
    // All places taken.
    let taken = Arc::clone(&plane.past.permits).acquire_owned().await.unwrap();
    let busy = check(&format!("/v1/changes?{span}"), Kind::Unavailable, "too many").await;
    assert_eq!(busy.header("retry-after"), "1");
    drop(taken);
    assert_eq!(plane.get(&format!("/v1/changes?{span}")).await.status, StatusCode::OK);
}
