//! HTTP: what is asked of the gateway, and what it shows.
//!
//! ```text
//! GET  ─▶ api ─▶ twin, readings, alerts, quarantine, commands ─▶ published twin, store, journal
//! POST ─▶ api ─▶ Asked ─▶ (bounded queue) ─▶ the core thread ─▶ journal ─▶ Reply
//! POST /v1/what-if ─▶ what_if ─▶ (bounded queue) ─▶ the thread of experiments ─▶ results on disk
//! GET /v1/stream ─▶ stream: a snapshot, then deltas from the Hub's ring
//! ```
//!
//! Readers see only what is durable: the runtime publishes a clone of the twin that never runs ahead of the
//! journal. Nothing here holds up the core: it is asked through a bounded queue, and it hands deltas to a
//! ring that drops the oldest.

mod api;
mod params;

pub mod error;
pub mod stream;

mod alerts;
mod bulk;
mod commands;
mod docs;
mod forecasts;
mod openapi30;
mod operations;
mod orders;
mod page;
mod past;
mod quarantine;
mod readings;
mod replenishment;
mod routes;
mod serve;
mod snapshot;
mod supply;
mod twin;
mod webhooks;
mod what_if;

#[cfg(test)]
mod tests;

pub use serve::serve;

use self::error::{Kind, Problem};
use crate::caller::Presence;
use crate::control::{Reply, Request, RequestError};
use crate::instrument::{Health, Metrics};
use crate::journal::JournalReader;
use crate::past::Past;
use crate::planning::Planner;
use crate::ports::Clock;
use crate::store::Store;
use crate::webhooks::Webhooks;
use crate::what_if::WhatIf;
use ::twin::Twin;
use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use firmware_schemas::id::TenantId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::CorsLayer;

/// What readers see: the twin as far as it is durable.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// The twin.
    pub twin: Twin,
    /// The newest delta that it contains; the `seq` of snapshots.
    pub delta_seq: u64,
}

/// One request to the core, and where to answer it.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub request: Request,
    /// To be answered once what follows is durable *and published*, so that whoever asked sees it.
    pub reply: oneshot::Sender<Result<Reply, RequestError>>,
}

/// How much is allowed.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest body of a request.
    pub body_bytes_max: usize,
    /// A request other than a stream takes at most this long.
    pub request_timeout: Duration,
    /// The core answers within this, or the client is told that it does not know.
    pub reply_timeout: Duration,
    /// A client sends the head of a request within this.
    pub header_timeout: Duration,
    /// At most so many connections; the next waits until one ends.
    pub connections_max: usize,
    /// At most so many streams and snapshots at once; one more is refused.
    pub streams_max: usize,
    /// At most so many reads of store and journal at once; one more waits.
    pub reads_max: usize,
    /// A stream that has nothing to say sends a comment this often.
    pub keep_alive: Duration,
    /// How long open requests may go on after the gateway was told to stop.
    pub shutdown_grace: Duration,
    /// Origins of web pages that may ask (`https://viewer.example`). None by default.
    pub cors_origins: Vec<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 1 << 20,
            request_timeout: Duration::from_secs(30),
            reply_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            connections_max: 1_024,
            streams_max: 256,
            reads_max: 16,
            keep_alive: Duration::from_secs(15),
            shutdown_grace: Duration::from_secs(5),
            cors_origins: Vec::new(),
        }
    }
}

/// All that the endpoints need.
pub struct App {
    /// Whose network this is.
    pub tenant: TenantId,
    /// The twin that readers see.
    pub published: Arc<ArcSwap<Published>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// To the core. When it is full, who asks is told to try again.
    pub requests: mpsc::Sender<Asked>,
    /// Deltas for streams.
    pub hub: Arc<stream::Hub>,
    /// Series.
    pub store: Arc<dyn Store>,
    /// The bytes of payloads in quarantine.
    pub journal: JournalReader,
    /// How the parts of the gateway are.
    pub health: Arc<Health>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How much is allowed.
    pub limits: Limits,
    /// Permits for blocking reads; [`App::reads`] makes it.
    pub reads: Arc<Semaphore>,
    /// What-if experiments.
    pub what_if: Arc<WhatIf>,
    /// Forecasts and replenishment.
    pub planner: Arc<Planner>,
    /// Receivers of webhooks.
    pub webhooks: Arc<Webhooks>,
    /// Permits for those who follow operations; [`App::followers`] makes it.
    pub followers: Arc<Semaphore>,
    /// The twin as it was.
    pub past: Arc<Past>,
}

impl App {
    /// The permits for blocking reads that these limits allow.
    pub fn reads(limits: &Limits) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(limits.reads_max.max(1)))
    }

    /// The permits for streams of operations that these limits allow.
    pub fn followers(limits: &Limits) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(limits.streams_max))
    }

    /// Asks the core, and waits for what follows to be durable.
    async fn ask(&self, request: Request) -> Result<Reply, Problem> {
        let (reply, answer) = oneshot::channel();
        match self.requests.try_send(Asked { request, reply }) {
            Ok(()) => self.answered(answer).await,
            Err(mpsc::error::TrySendError::Full(_)) => {
                Err(Problem::new(Kind::Unavailable, "too many requests wait for the core"))
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {
                Err(Problem::new(Kind::Unavailable, "the gateway is shutting down"))
            }
        }
    }

    /// Asks the core, and waits for a place in its queue: for what has much to ask, one after the other.
    async fn ask_in_turn(&self, request: Request) -> Result<Reply, Problem> {
        let (reply, answer) = oneshot::channel();
        match self.requests.send(Asked { request, reply }).await {
            Ok(()) => self.answered(answer).await,
            Err(_closed) => Err(Problem::new(Kind::Unavailable, "the gateway is shutting down")),
        }
    }

    async fn answered(&self, answer: oneshot::Receiver<Result<Reply, RequestError>>) -> Result<Reply, Problem> {
        match tokio::time::timeout(self.limits.reply_timeout, answer).await {
            Ok(Ok(result)) => result.map_err(Problem::from),
            Ok(Err(_dropped)) => Err(Problem::new(Kind::Unavailable, "the gateway is shutting down")),
            Err(_elapsed) => Err(Problem::new(
                Kind::TimedOut,
                format!(
                    "no answer within {:?}; it may still be done, and asking again is safe",
                    self.limits.reply_timeout
                ),
            )),
        }
    }

    /// Runs what reads the disk, or takes long, on a thread that may block; it can tell when the client has left.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&App) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let closed = |_closed| Problem::new(Kind::Unavailable, "the gateway is shutting down");
        let permit = Arc::clone(&self.reads).acquire_owned().await.map_err(closed)?;
        let app = Arc::clone(self);
        let presence = Presence::default();
        let done = tokio::task::spawn_blocking(presence.around(move || {
            let _permit = permit;
            work(&app)
        }));
        done.await.map_err(|why| Problem::new(Kind::Internal, format!("a read failed: {why}")))?
    }
}

/// All endpoints.
pub fn router(app: App) -> Router {
    let app = Arc::new(app);
    let mut api = api::Api::new();
    twin::add_to(&mut api);
    readings::add_to(&mut api);
    commands::add_to(&mut api);
    orders::add_to(&mut api);
    replenishment::add_to(&mut api);
    supply::add_to(&mut api);
    forecasts::add_to(&mut api);
    alerts::add_to(&mut api);
    quarantine::add_to(&mut api);
    stream::add_to(&mut api);
    past::add_to(&mut api);
    what_if::add_to(&mut api);
    routes::add_to(&mut api);
    webhooks::add_to(&mut api);
    operations::add_to(&mut api);
    let (endpoints, document) = api.finish();
    let endpoints = endpoints.layer(middleware::from_fn_with_state(Arc::clone(&app), time_out));
    let mut router = endpoints
        .merge(docs::routes(document))
        .fallback(|| async { Problem::new(Kind::NotFound, "there is nothing at this path; /docs lists what there is") })
        .layer(CatchPanicLayer::custom(|_| {
            Problem::new(Kind::Internal, "a bug of ours; the log has the rest").into_response()
        }))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_compressing()))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard))
        .layer(middleware::from_fn(error::render))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), count));
    if let Some(cors) = cors(&app.limits.cors_origins) {
        router = router.layer(cors);
    }
    router.with_state(app)
}

/// Long answers only: a short one costs more time to compress than to send.
fn worth_compressing() -> impl Predicate {
    SizeAbove::new(4 * 1024).and(NotForContentType::IMAGES).and(NotForContentType::SSE)
}

/// Allows the origins that the configuration names; what is not an origin is left out.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok()).collect();
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
            .allow_headers([
                header::CONTENT_TYPE,
                header::IF_MATCH,
                header::IF_NONE_MATCH,
                HeaderName::from_static("idempotency-key"),
                HeaderName::from_static("last-event-id"),
            ])
            .expose_headers([header::ETAG, header::LOCATION, header::RETRY_AFTER])
            .max_age(Duration::from_secs(600))
    })
}

/// Ends what takes too long. Of a stream only the beginning counts.
async fn time_out(State(app): State<Arc<App>>, request: HttpRequest, next: Next) -> Response {
    let limit = app.limits.request_timeout;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => Problem::new(Kind::TimedOut, format!("not done within {limit:?}")).into_response(),
    }
}

/// Refuses changes that a browser asks for on behalf of another site, which CORS alone does not stop.
async fn guard(State(app): State<Arc<App>>, request: HttpRequest, next: Next) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD && request.method() != Method::OPTIONS {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let allowed = |origin: &str| app.limits.cors_origins.iter().any(|one| one == origin);
        let cross_site = match (header("sec-fetch-site"), header("origin")) {
            (_, Some(origin)) if allowed(origin) => false,
            (Some(site), _) => !matches!(site, "same-origin" | "none"),
            (None, Some(origin)) => {
                let host = header("host").unwrap_or_default();
                origin.split_once("://").is_none_or(|(_, authority)| authority != host)
            }
            (None, None) => false,
        };
        if cross_site {
            let detail = "a browser asked for this on behalf of another site, which the configuration does not allow";
            return Problem::new(Kind::CrossSite, detail).into_response();
        }
    }
    next.run(request).await
}

/// Counts responses by their status.
async fn count(State(app): State<Arc<App>>, request: HttpRequest, next: Next) -> Response {
    let began = app.clock.monotonic();
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    app.metrics.http_response(response.status().as_u16(), app.clock.monotonic().saturating_sub(began));
    response
}
