//! `GET /v1/stream`: a snapshot, then what changes, as server-sent events.
//!
//! ```text
//! core ── publish(delta) ──▶ Hub: one ring of the newest deltas ◀── each client's cursor ── socket
//! ```
//!
//! The ring is the only queue. A client is a number, the seq of the last delta it was given; it asks for what
//! comes after. When the ring no longer has that (the client reads too slowly, or was away too long) it is
//! given a new snapshot, so a slow client costs nothing and never slows the core. A delta becomes text when
//! the first client asks for it, and all others share that text.

use super::api::{About, Api, read_params};
use super::error::{Kind, Problem};
use super::params::{Param, query_params};
use super::past;
use super::snapshot::{self, Pieces, Stopped};
use super::{App, Published};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::{Change, Delta, Snapshot};
use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::{mpsc, watch};

/// Deltas taken from the ring at once.
const BATCH: usize = 64;
/// Pieces of text between a client's task and its socket.
const PIECES: usize = 4;
/// After the last client left, so many more deltas are made, for it may come back and resume.
const LINGER: usize = 2_048;

/// The newest deltas, for any number of clients.
#[derive(Debug)]
pub struct Hub {
    changes_max: usize,
    ring: Mutex<Ring>,
    /// The newest seq; `None` when the hub is closed.
    newest: watch::Sender<Option<u64>>,
    subscribers: AtomicUsize,
    linger: AtomicUsize,
}

#[derive(Debug)]
struct Ring {
    deltas: VecDeque<Arc<Entry>>,
    /// Changes in all of them.
    changes: usize,
    /// The newest seq that is no longer in the ring, or never was.
    dropped: u64,
}

#[derive(Debug)]
struct Entry {
    delta: Delta,
    with_stock: OnceLock<Bytes>,
    /// Empty when nothing but stock changed.
    without_stock: OnceLock<Bytes>,
}

impl Entry {
    fn event(&self, with_stock: bool) -> Bytes {
        let cell = if with_stock { &self.with_stock } else { &self.without_stock };
        cell.get_or_init(|| encode(&self.delta, with_stock)).clone()
    }
}

#[derive(Serialize)]
struct DeltaRef<'a> {
    seq: u64,
    at: Timestamp,
    changes: Vec<&'a Change>,
}

fn encode(delta: &Delta, with_stock: bool) -> Bytes {
    let changes: Vec<&Change> =
        delta.changes.iter().filter(|change| with_stock || !matches!(change, Change::Stock(_))).collect();
    if changes.is_empty() {
        return Bytes::new();
    }
    let mut text = format!("event: delta\nid: {}\ndata: ", delta.seq).into_bytes();
    let shown = DeltaRef { seq: delta.seq, at: delta.at, changes };
    match serde_json::to_writer(&mut text, &shown) {
        Ok(()) => {
            text.extend_from_slice(b"\n\n");
            Bytes::from(text)
        }
        Err(why) => {
            tracing::error!(seq = delta.seq, error = %why, "a delta cannot be written");
            Bytes::new()
        }
    }
}

/// What comes after a client's cursor.
enum Next {
    /// These, up to this seq.
    Events(Vec<Arc<Entry>>, u64),
    /// Nothing yet.
    Nothing,
    /// The ring has not got all of it.
    Missing,
}

impl Hub {
    /// A hub that keeps at most `changes_max` changes, of a twin published up to the delta `at_seq`.
    #[must_use]
    pub fn new(changes_max: usize, at_seq: u64) -> Self {
        Self {
            changes_max,
            ring: Mutex::new(Ring { deltas: VecDeque::new(), changes: 0, dropped: at_seq }),
            newest: watch::Sender::new(Some(at_seq)),
            subscribers: AtomicUsize::new(0),
            linger: AtomicUsize::new(0),
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a delta to all clients. Never blocks; the oldest deltas fall out of a full ring.
    ///
    /// Publish the twin that contains the delta first. `seq` grows from call to call, and from one run of the
    /// program to the next (the journal's numbers do), so that an old `Last-Event-ID` is never mistaken.
    pub fn publish(&self, delta: Delta) {
        let seq = delta.seq;
        let entry = Arc::new(Entry { delta, with_stock: OnceLock::new(), without_stock: OnceLock::new() });
        let mut old = Vec::new(); // dropped when the lock is released
        {
            let mut ring = self.ring();
            ring.changes += entry.delta.changes.len();
            ring.deltas.push_back(entry);
            while ring.changes > self.changes_max {
                let Some(oldest) = ring.deltas.pop_front() else { break };
                ring.changes -= oldest.delta.changes.len();
                ring.dropped = oldest.delta.seq;
                old.push(oldest);
            }
        }
        if self.subscribers.load(Ordering::Acquire) == 0 {
            self.linger.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).ok();
        }
        self.wake(seq);
    }

    /// True when somebody reads, or did a moment ago. When not, [`Hub::skip`] spares making a delta.
    pub fn is_watched(&self) -> bool {
        self.subscribers.load(Ordering::Acquire) > 0 || self.linger.load(Ordering::Acquire) > 0
    }

    /// Says that the twin moved on to `seq` without a delta; who was before gets a snapshot.
    pub fn skip(&self, seq: u64) {
        let old = {
            let mut ring = self.ring();
            ring.dropped = seq;
            ring.changes = 0;
            std::mem::take(&mut ring.deltas)
        };
        drop(old);
        self.wake(seq);
    }

    /// Ends all streams, and refuses new ones.
    pub fn close(&self) {
        self.newest.send_replace(None);
    }

    /// How many clients follow.
    pub fn n_subscribers(&self) -> usize {
        self.subscribers.load(Ordering::Acquire)
    }

    fn wake(&self, seq: u64) {
        self.newest.send_if_modified(|newest| match newest {
            Some(before) => {
                *before = seq;
                true
            }
            None => false,
        });
    }

    /// True when what follows `seq` is in the ring.
    fn can_resume(&self, seq: u64) -> bool {
        let ring = self.ring();
        let newest = ring.deltas.back().map_or(ring.dropped, |entry| entry.delta.seq);
        (ring.dropped..=newest).contains(&seq)
    }

    fn after(&self, seq: u64) -> Next {
        let ring = self.ring();
        if seq < ring.dropped {
            return Next::Missing;
        }
        let from = ring.deltas.partition_point(|entry| entry.delta.seq <= seq);
        let batch: Vec<Arc<Entry>> = ring.deltas.iter().skip(from).take(BATCH).cloned().collect();
        match batch.last().map(|entry| entry.delta.seq) {
            Some(last) => Next::Events(batch, last),
            None => Next::Nothing,
        }
    }

    /// One more client, unless there are `max`.
    fn subscribe(self: &Arc<Self>, max: usize) -> Result<Subscription, Problem> {
        if self.newest.borrow().is_none() {
            return Err(Problem::new(Kind::Unavailable, "the gateway is shutting down"));
        }
        let more = |n: usize| (n < max).then_some(n + 1);
        match self.subscribers.fetch_update(Ordering::AcqRel, Ordering::Acquire, more) {
            Ok(_) => Ok(Subscription { hub: Arc::clone(self), newest: self.newest.subscribe() }),
            Err(_full) => {
                Err(Problem::new(Kind::Unavailable, format!("{max} clients follow already, the most allowed")))
            }
        }
    }
}

/// One client's place at the hub, for as long as it lives.
struct Subscription {
    hub: Arc<Hub>,
    newest: watch::Receiver<Option<u64>>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.linger.store(LINGER, Ordering::Release);
        self.hub.subscribers.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Whether stock is told position by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum StockDetail {
    /// Every position.
    All,
    /// Only the sums of each site.
    None,
}

impl Param for StockDetail {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "none" => Ok(Self::None),
            other => Err(format!("{other:?} is neither all nor none")),
        }
    }

    fn schema(schemas: &mut SchemaGenerator) -> Schema {
        schemas.subschema_for::<Self>()
    }
}

query_params! {
    /// How much of it.
    StockDetailQuery {
        /// Stock position by position (`all`), or only the sums of each site (`none`, the default).
        stock: StockDetail = "none",
    }
}

query_params! {
    /// Of when, and how much of it.
    SnapshotQuery {
        /// The state as it was then; as it is now where this is left out.
        at: Timestamp = "2026-11-22T06:40:00Z",
        /// Stock position by position (`all`), or only the sums of each site (`none`, the default).
        stock: StockDetail = "none",
    }
}

impl StockDetailQuery {
    fn with_stock(&self) -> bool {
        self.stock == Some(StockDetail::All)
    }
}

pub(super) fn add_to(api: &mut Api) {
    let snapshot_schema = api.schema::<Snapshot>();
    api.schema::<Delta>();
    let about = About {
        path: "/v1/snapshot",
        id: "get_snapshot",
        tag: "live",
        summary: "Everything at once",
        description: "One consistent state; follow it with `/v1/stream` and the header `Last-Event-ID: {seq}`. With \
            `stock=all` it can be long, and comes in pieces. With `at` it is the state as it was then, worked out from \
            the journal: what was known by that moment, and nothing that came later. `410` where it is not kept any \
            more (`/v1/past` says from when on it is), `503` while too many ask for the past.",
    };
    let responses = json!({ "200": {
        "description": "The state.",
        "content": { "application/json": { "schema": snapshot_schema } },
    } });
    api.get_raw::<(), SnapshotQuery>(about, responses, get(get_snapshot));
    let about = About {
        path: "/v1/stream",
        id: "follow",
        tag: "live",
        summary: "Everything, and then what changes",
        description: "Server-sent events. First an event `snapshot` (a `Snapshot`), then events `delta` (a `Delta` \
            each), every one with its `seq` as id. After a break send the last id in `Last-Event-ID` (an `EventSource` \
            does so by itself): what was missed follows, or a new `snapshot` when it is too much. A client that reads \
            too slowly is given a new `snapshot` as well; a `snapshot` always replaces all that was known. Comments \
            keep a quiet connection open.",
    };
    let responses = json!({ "200": {
        "description": "Events without end.",
        "content": { "text/event-stream": {
            "schema": { "type": "string", "description": "Events `snapshot` and `delta`." },
            "example": "event: delta\nid: 42\ndata: {\"seq\":42,\"at\":\"2026-11-22T06:40:00Z\",\"changes\":[]}\n\n",
        } },
    } });
    api.get_raw::<(), StockDetailQuery>(about, responses, get(follow));
}

async fn get_snapshot(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let ((), SnapshotQuery { at, stock }) = read_params::<(), SnapshotQuery>(&mut parts).await?;
    let (published, now) = match at {
        None => (app.published.load_full(), app.clock.now()),
        Some(at) => (Arc::new(past::published_at(&app, at).await?), at),
    };
    // It counts as a client: so many at once, and no more.
    let subscription = app.hub.subscribe(app.limits.streams_max)?;
    let (out, pieces) = mpsc::channel(PIECES);
    app.metrics.snapshot_begun(false);
    tokio::spawn(async move {
        let _subscription = subscription;
        let mut out = Pieces::new(out);
        let with_stock = stock == Some(StockDetail::All);
        let written = snapshot::write(&mut out, &published, &app.tenant, now, with_stock).await;
        if written.is_ok() {
            out.flush().await.ok();
        }
    });
    Ok(([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body(pieces))
        .into_response())
}

fn body(mut pieces: mpsc::Receiver<Bytes>) -> Body {
    Body::from_stream(poll_fn(move |context| pieces.poll_recv(context)).map(Ok::<_, Infallible>))
}

async fn follow(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let ((), query) = read_params::<(), StockDetailQuery>(&mut parts).await?;
    let last_event_id = last_event_id(&parts.headers)?;
    let subscription = app.hub.subscribe(app.limits.streams_max)?;
    let (out, pieces) = mpsc::channel(PIECES);
    tokio::spawn(async move {
        let gone = out.clone();
        let client = Client { app, subscription, with_stock: query.with_stock(), out };
        tokio::select! {
            _stopped = client.run(last_event_id) => {}
            () = gone.closed() => {}
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"), // proxies: do not collect
    ];
    Ok((headers, body(pieces)).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.parse().map(Some);
    number.map_err(|why| Problem::header("Last-Event-ID", format!("{text:?} is not an id of this stream: {why}")))
}

/// Serves one client until it goes or the gateway stops.
struct Client {
    app: Arc<App>,
    subscription: Subscription,
    with_stock: bool,
    out: mpsc::Sender<Bytes>,
}

impl Client {
    async fn run(mut self, last_event_id: Option<u64>) -> Result<(), Stopped> {
        let hub = Arc::clone(&self.subscription.hub);
        // Says at once that the stream stands, and how soon to come back.
        self.send(Bytes::from_static(b"retry: 1000\n\n")).await?;
        let mut seq = match last_event_id.filter(|seq| hub.can_resume(*seq)) {
            Some(seq) => seq,
            None => self.snapshot(false).await?,
        };
        loop {
            // Marked as seen before looking, so that what comes meanwhile wakes us.
            if self.subscription.newest.borrow_and_update().is_none() {
                return Ok(());
            }
            match hub.after(seq) {
                Next::Events(entries, last) => {
                    for entry in entries {
                        let event = entry.event(self.with_stock);
                        if !event.is_empty() {
                            self.send(event).await?;
                        }
                    }
                    seq = last;
                }
                Next::Missing => seq = self.snapshot(true).await?,
                Next::Nothing => {
                    let news = self.subscription.newest.changed();
                    match tokio::time::timeout(self.app.limits.keep_alive, news).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_hub_gone)) => return Ok(()),
                        Err(_quiet) => self.send(Bytes::from_static(b": still here\n\n")).await?,
                    }
                }
            }
        }
    }

    async fn send(&self, text: Bytes) -> Result<(), Stopped> {
        self.out.send(text).await.map_err(|_gone| Stopped)
    }

    /// Sends a snapshot; gives its seq.
    async fn snapshot(&self, cut_off: bool) -> Result<u64, Stopped> {
        let published: Arc<Published> = self.app.published.load_full();
        self.app.metrics.snapshot_begun(cut_off);
        let mut out = Pieces::new(self.out.clone());
        out.text(&format!("event: snapshot\nid: {}\ndata: ", published.delta_seq));
        snapshot::write(&mut out, &published, &self.app.tenant, self.app.clock.now(), self.with_stock).await?;
        out.text("\n\n");
        out.flush().await?;
        Ok(published.delta_seq)
    }
}
