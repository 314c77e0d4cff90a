//! The twin as it was: `GET /v1/past`, `/v1/changes`, and the snapshot of a moment.

use super::api::{About, Api, Call};
use super::error::{Kind, Problem};
use super::params::query_params;
use super::stream::StockDetail;
use super::{App, Published};
use crate::caller::{Presence, has_left};
use crate::clock::SystemClock;
use crate::past::{Past, Span};
use crate::ports::Clock;
use crate::recover::RecoverError;
use firmware_schemas::api::past::{ChangesView, PastView};
use firmware_schemas::quantity::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Who asks while all places are taken waits so long for one.
const WAIT: Duration = Duration::from_secs(2);
/// A page of changes ends once it was worked on for so long.
const PAGE_TIME: Duration = Duration::from_secs(5);
/// The longest step of changes.
const STEP_SECS_MAX: u64 = 86_400;

query_params! {
    /// Which span.
    ChangesQuery {
        /// The beginning: what was known by then is not told. Needed.
        from: Timestamp = "2026-11-22T06:40:00Z",
        /// The end, included. Needed.
        to: Timestamp = "2026-11-22T07:40:00Z",
        /// One delta for what changed within so many seconds: 1 (the default) to 86400.
        step_secs: u64 = 60,
        /// Stock position by position (`all`), or only the sums of each site (`none`, the default).
        stock: StockDetail = "none",
    }
}

pub(super) fn add_to(api: &mut Api) {
    let about = About {
        path: "/v1/past",
        id: "get_past",
        tag: "live",
        summary: "How far back the twin is known",
        description: "From `begins` on `/v1/snapshot?at=` and `/v1/changes` have an answer. It moves when the journal \
            drops its oldest records.",
    };
    api.get(about, get_past);
    let about = About {
        path: "/v1/changes",
        id: "get_changes",
        tag: "live",
        summary: "What changed between two moments",
        description: "Deltas as the stream tells them, one for each step of time in which something changed, from the \
            journal. `/v1/snapshot?at={from}` with these deltas applied in turn is `/v1/snapshot?at={to}`, but for what \
            the passing of time alone changes (freshness, days of cover). An answer that would be too long, or take \
            too long, ends earlier and says in `next` from where to go on; who goes on pays only for what is new.",
    };
    api.get(about, get_changes);
}

async fn get_past(call: Call) -> Result<PastView, Problem> {
    work(&call.app, |past| past.view()).await
}

async fn get_changes(call: Call<(), ChangesQuery>) -> Result<ChangesView, Problem> {
    let ChangesQuery { from, to, step_secs, stock } = call.query;
    let needed = |name: &str, at: Option<Timestamp>| at.ok_or_else(|| Problem::parameter(name, "it is needed"));
    let (from, to) = (needed("from", from)?, needed("to", to)?);
    not_future(&call.app, "to", to)?;
    if from > to {
        return Err(Problem::parameter("from", format!("{from} is after {to}, where the span ends")));
    }
    let step_secs = step_secs.unwrap_or(1);
    if !(1..=STEP_SECS_MAX).contains(&step_secs) {
        return Err(Problem::parameter("step_secs", format!("{step_secs} is not from 1 to {STEP_SECS_MAX}")));
    }
    let step = Duration::from_secs(step_secs);
    let span = Span { from, to, step, with_stock: stock == Some(StockDetail::All) };
    work(&call.app, move |past| {
        let began = SystemClock.monotonic();
        let is_over = || SystemClock.monotonic().saturating_sub(began) >= PAGE_TIME;
        past.changes(span, &has_left, &is_over)
    })
    .await
}

/// What readers would have seen at `at`.
pub(super) async fn published_at(app: &Arc<App>, at: Timestamp) -> Result<Published, Problem> {
    not_future(app, "at", at)?;
    let standing = work(app, move |past| past.standing(at, &has_left)).await?;
    let delta_seq = standing.twin.revision;
    Ok(Published { twin: standing.twin, delta_seq })
}

fn not_future(app: &App, name: &str, at: Timestamp) -> Result<(), Problem> {
    let now = app.clock.now();
    if at > now {
        return Err(Problem::parameter(name, format!("{at} lies in the future: it is {now}")));
    }
    Ok(())
}

/// Works on the past on a thread that may block, once there is a place; stops when the client leaves.
async fn work<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&Past) -> Result<T, RecoverError> + Send + 'static,
) -> Result<T, Problem> {
    let places = Arc::clone(&app.past.permits);
    let permit = match tokio::time::timeout(WAIT, places.acquire_owned()).await {
        Ok(Ok(permit)) => permit,
        Ok(Err(_closed)) => return Err(Problem::new(Kind::Unavailable, "the gateway is shutting down")),
        Err(_elapsed) => return Err(Problem::new(Kind::Unavailable, "too many questions about the past at once")),
    };
    let past = Arc::clone(&app.past);
    let presence = Presence::default();
    let done = tokio::task::spawn_blocking(presence.around(move || {
        let _permit = permit;
        work(&past)
    }));
    let done = done.await.map_err(|why| Problem::new(Kind::Internal, format!("a look at the past failed: {why}")))?;
    done.map_err(problem)
}

fn problem(why: RecoverError) -> Problem {
    match why {
        RecoverError::TooEarly { .. } | RecoverError::SnapshotMissing { .. } => {
            Problem::new(Kind::Gone, why.to_string())
        }
        RecoverError::Stopped => Problem::new(Kind::TimedOut, why.to_string()),
        RecoverError::Read(why) => why.into(),
        other => {
            tracing::error!(error = %other, "the past cannot be worked out");
            Problem::new(Kind::Internal, format!("the past cannot be worked out: {other}"))
        }
    }
}
