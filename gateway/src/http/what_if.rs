//! What-if experiments: asking for them, following them, what came out.

use super::App;
use super::api::{About, Answer, Api, Body1, Call, Key, read_params};
use super::error::{Kind, Problem};
use super::page::collect;
use super::params::{Limit, path_params, query_params};
use crate::what_if::{Wanted, WhatIfError, library};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use firmware_schemas::api::Page;
use firmware_schemas::api::what_if::{
    Division, ImproveRequest, ImprovementView, OperationView, PageLanguage, ScenarioView, WhatIfHead, WhatIfMovements,
    WhatIfRequest, WhatIfResult, WhatIfSeries,
};
use firmware_schemas::id::OperationId;
use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Pieces of text between an operation's task and its socket.
const PIECES: usize = 4;

pub(super) fn add_to(api: &mut Api) {
    let about = |path, id, summary, description| About { path, id, tag: "what-if", summary, description };
    api.get(
        about(
            "/v1/scenarios",
            "list_scenarios",
            "Scenarios of the library",
            "Each with its text, to be asked for by id or to be changed.",
        ),
        scenarios,
    );
    api.post_refused_as(
        about(
            "/v1/what-if",
            "ask_what_if",
            "Ask what would be",
            "Runs the network forward from now, or from a moment of the past, as it is and in each scenario, on the \
             same random numbers. All that is wrong with the scenarios is said at once, and nothing is started. The \
             answer is an operation: follow it at its `Location`. Of scenarios from a moment of the past only the text \
             is checked beforehand; what does not fit the network of that time fails the operation, with all errors. \
             With `select` the best case is looked for: replications go where they tell it from its rivals, and the \
             result has a ranking with the probability that its first is truly the best.",
        ),
        StatusCode::ACCEPTED,
        Key::Required,
        &[Kind::BadScenario],
        ask,
    );
    api.post_refused_as(
        about(
            "/v1/improvements",
            "ask_improvement",
            "Ask for better levels",
            "Looks for levels of stock positions with a lower relevant cost (total cost without purchases, and with the \
             margin of lost sales), by gradients of simulated paths, and judges what it finds beside today's levels \
             on replications that the search has not seen. The answer is an operation, as of a what-if: follow it at its \
             `Location`. The figures of both cases are a what-if result at `/v1/what-if/{id}`.",
        ),
        StatusCode::ACCEPTED,
        Key::Required,
        &[Kind::BadScenario],
        ask_improvement,
    );
    api.get(about("/v1/what-if", "list_what_if", "Results, newest first", "Without their figures."), results);
    api.get(
        about(
            "/v1/what-if/{id}",
            "get_what_if",
            "One result",
            "All key figures of every case with their 95 % intervals, and the difference to the first case in pairs.",
        ),
        one,
    );
    api.get(
        about(
            "/v1/what-if/{id}/series",
            "get_what_if_series",
            "A result week by week",
            "By tier: mean, and what one, five and nine replications in ten stayed below.",
        ),
        series,
    );
    api.get(
        about(
            "/v1/what-if/{id}/movements",
            "get_what_if_movements",
            "What moves",
            "Where goods go in one replication of each case: the one of the median relevant cost in the first case. Days \
             are the finest that is told. At most the first 366 days, and 100,000 journeys of all cases together; of \
             more, those of the fewest pieces are left out, and counted. Not found in results from before this was kept.",
        ),
        movements,
    );
    api.get(
        about(
            "/v1/what-if/{id}/improvement",
            "get_improvement",
            "Better levels",
            "Of an operation of kind `improve`: the levels that change, and the key figures of today's levels beside those \
             of the proposal, with 95 % intervals and the difference in pairs. `verdict` says whether it is better.",
        ),
        improvement,
    );
    let text = "A scenario that sets the levels that were found, after the changes of the scenarios that were applied \
        first: run it with `POST /v1/what-if`. Not found where nothing better was.";
    let responses = json!({ "200": { "description": "The scenario.", "content": { "application/toml": {
        "schema": { "type": "string" },
    } } } });
    let path = "/v1/what-if/{id}/proposal.toml";
    let page = about(path, "get_proposal", "Better levels as a scenario", text);
    api.get_raw::<ResultPath, ()>(page, responses, get(proposal));
    let text = "One page for people, which loads nothing from outside.";
    let responses = json!({ "200": { "description": "The page.", "content": { "text/html": {
        "schema": { "type": "string" },
    } } } });
    let path = "/v1/what-if/{id}/report.html";
    let page = about(path, "get_what_if_report", "A result as a page", text);
    api.get_raw::<ResultPath, PageQuery>(page, responses, get(report));
    let text = "One row for each case, part and key figure, with its mean and interval; of the whole network one for \
        each replication as well. RFC 4180.";
    let responses = json!({ "200": { "description": "The table.", "content": { "text/csv": {
        "schema": { "type": "string" },
    } } } });
    let path = "/v1/what-if/{id}/result.csv";
    let page = about(path, "get_what_if_table", "A result as a table", text);
    api.get_raw::<ResultPath, ()>(page, responses, get(csv));
    let text = "What takes longer than a request. The newest 50 (`what_if.kept`) are kept, with their results; the \
        oldest that has ended is forgotten first.";
    api.get(about("/v1/operations", "list_operations", "Operations, newest first", text), operations);
    api.get(about("/v1/operations/{id}", "get_operation", "One operation", "And how far it is."), operation);
    api.schema::<OperationView>();
    let text = "Server-sent events. First an event `state`, an `OperationView`; then one whenever it has changed. After \
        the one with a final state comes an event `end`, and the stream is over. `Last-Event-ID` may be sent and is not \
        needed, since the first event always says how things stand.";
    let responses = json!({ "200": { "description": "Events until the end.", "content": { "text/event-stream": {
        "schema": { "type": "string", "description": "Events `state` and `end`." },
        "example": "event: state\nid: 7\ndata: {\"id\":\"a\",\"state\":\"running\",\"progress\":0.5}\n\n",
    } } } });
    let path = "/v1/operations/{id}/events";
    let page = about(path, "follow_operation", "Follow an operation", text);
    api.get_raw::<OperationPath, ()>(page, responses, get(events));
    api.post(
        about(
            "/v1/operations/{id}/cancel",
            "cancel_operation",
            "Call an operation off",
            "One that waits is cancelled at once, one under way within a moment. One that has ended stays as it is.",
        ),
        StatusCode::OK,
        Key::Natural,
        cancel,
    );
}

path_params! {
    /// Names an operation.
    OperationPath {
        /// The operation's id.
        id: OperationId = "0b8f6e0e-5d0c-4b6c-9c64-6d7f3a2d1c11",
    }
}
path_params! {
    /// Names a result.
    ResultPath {
        /// The id of the operation that it is the result of.
        id: OperationId = "0b8f6e0e-5d0c-4b6c-9c64-6d7f3a2d1c11",
    }
}
query_params! {
    /// Which of a list.
    ListQuery {
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: u64 = 12,
    }
}
query_params! {
    /// In which detail.
    DetailQuery {
        /// Also the figures of each site, class, tier or lane; networks of more than 1,000 of a kind have none.
        by: Division = "site",
    }
}
query_params! {
    /// In which words.
    PageQuery {
        /// What the page is written in; English when left out.
        language: PageLanguage = "en",
    }
}

impl From<WhatIfError> for Problem {
    fn from(why: WhatIfError) -> Self {
        let kind = match &why {
            WhatIfError::Wrong(_) => Kind::BadScenario,
            WhatIfError::KeyTaken(_) | WhatIfError::NoResult { .. } | WhatIfError::NoNetwork => Kind::Conflict,
            WhatIfError::QueueFull(_) | WhatIfError::Stopping | WhatIfError::Interrupted => Kind::Unavailable,
            WhatIfError::Unknown(_)
            | WhatIfError::NoImprovement(_)
            | WhatIfError::NoMovements(_)
            | WhatIfError::NoRoutes(_)
            | WhatIfError::OnlyRoutes(_)
            | WhatIfError::NothingProposed(_) => Kind::NotFound,
            WhatIfError::Past(
                crate::recover::RecoverError::TooEarly { .. } | crate::recover::RecoverError::SnapshotMissing { .. },
            ) => Kind::Gone,
            WhatIfError::Past(_)
            | WhatIfError::Keep(_)
            | WhatIfError::Read(_)
            | WhatIfError::Json(_)
            | WhatIfError::Judged(_)
            | WhatIfError::Panicked(_) => {
                tracing::error!(error = %why, "a what-if experiment");
                Kind::Internal
            }
        };
        let detail = why.to_string();
        let errors = if let WhatIfError::Wrong(faults) = why { faults } else { Vec::new() };
        let mut problem = Self { errors, ..Self::new(kind, detail) };
        if matches!(kind, Kind::Unavailable) {
            // An experiment takes longer than a request.
            problem.retry_after_secs = Some(10);
        }
        problem
    }
}

async fn scenarios(_: Call) -> Result<Page<ScenarioView>, Problem> {
    Ok(Page { items: library::views(), next_cursor: None })
}

async fn ask(call: Call<(), (), Body1<WhatIfRequest>>) -> Result<Answer<OperationView>, Problem> {
    let Call { app, body: Body1(request), idempotency_key, .. } = call;
    begin(app, request, idempotency_key).await
}

async fn ask_improvement(call: Call<(), (), Body1<ImproveRequest>>) -> Result<Answer<OperationView>, Problem> {
    let Call { app, body: Body1(request), idempotency_key, .. } = call;
    begin(app, request, idempotency_key).await
}

pub(super) async fn begin(
    app: Arc<App>,
    request: impl Into<Wanted> + Send + 'static,
    idempotency_key: Option<String>,
) -> Result<Answer<OperationView>, Problem> {
    let id = OperationId::new(idempotency_key.as_deref().unwrap_or_default())
        .map_err(|why| Problem::header("Idempotency-Key", why.to_string()))?;
    let location = Some(format!("/v1/operations/{id}"));
    let view = app.blocking(move |app| Ok(app.what_if.ask(id, request)?)).await?;
    Ok(Answer { status: StatusCode::ACCEPTED, location, body: view })
}

/// A page of what has numbers, newest first.
fn page<T>(query: &ListQuery, all: Vec<(u64, T)>) -> Page<T> {
    let before = all.into_iter().filter(|(number, _)| query.cursor.is_none_or(|cursor| *number < cursor));
    let numbered = collect(query.limit, before, |(number, _)| number.to_string());
    Page { items: numbered.items.into_iter().map(|(_, item)| item).collect(), next_cursor: numbered.next_cursor }
}

async fn results(call: Call<(), ListQuery>) -> Result<Page<WhatIfHead>, Problem> {
    Ok(page(&call.query, call.app.what_if.results()))
}

async fn operations(call: Call<(), ListQuery>) -> Result<Page<OperationView>, Problem> {
    Ok(page(&call.query, call.app.what_if.operations()))
}

async fn operation(call: Call<OperationPath>) -> Result<OperationView, Problem> {
    let view = call.app.what_if.follow(&call.path.id)?.borrow().clone();
    Ok(view)
}

async fn cancel(call: Call<OperationPath>) -> Result<Answer<OperationView>, Problem> {
    let Call { app, path, .. } = call;
    Ok(app.blocking(move |app| Ok(app.what_if.cancel(&path.id)?)).await?.into())
}

async fn one(call: Call<ResultPath, DetailQuery>) -> Result<WhatIfResult, Problem> {
    let Call { app, path, query, .. } = call;
    app.blocking(move |app| {
        let mut result = app.what_if.result(&path.id)?;
        if let Some(by) = query.by {
            let none = || Problem::parameter("by", "the network has too many parts of this kind: more than 1,000");
            let cases = app.what_if.parts(&path.id)?.by(by).ok_or_else(none)?;
            for (case, parts) in result.results.iter_mut().zip(cases) {
                case.parts = parts;
            }
        }
        Ok(result)
    })
    .await
}

async fn improvement(call: Call<ResultPath>) -> Result<ImprovementView, Problem> {
    let Call { app, path, .. } = call;
    app.blocking(move |app| Ok(app.what_if.improvement(&path.id)?)).await
}

async fn proposal(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let (path, ()) = read_params::<ResultPath, ()>(&mut parts).await?;
    let text = app.blocking(move |app| Ok(app.what_if.proposal(&path.id)?)).await?;
    Ok(([(header::CONTENT_TYPE, "application/toml"), (header::CACHE_CONTROL, "no-cache")], text).into_response())
}

async fn series(call: Call<ResultPath>) -> Result<WhatIfSeries, Problem> {
    let Call { app, path, .. } = call;
    app.blocking(move |app| Ok(app.what_if.series(&path.id)?)).await
}

/// The page may style itself, and do nothing else.
const REPORT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'self'";

async fn movements(call: Call<ResultPath>) -> Result<WhatIfMovements, Problem> {
    let Call { app, path, .. } = call;
    app.blocking(move |app| Ok(app.what_if.movements(&path.id)?)).await
}

async fn report(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let (path, query) = read_params::<ResultPath, PageQuery>(&mut parts).await?;
    let language = query.language.unwrap_or(PageLanguage::En);
    let page = app.blocking(move |app| Ok(app.what_if.report(&path.id, language)?)).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, REPORT_POLICY),
    ];
    Ok((headers, page).into_response())
}

async fn csv(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let (path, ()) = read_params::<ResultPath, ()>(&mut parts).await?;
    let table = app.blocking(move |app| Ok(app.what_if.table(&path.id)?)).await?;
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], table)
        .into_response())
}

async fn events(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let (path, ()) = read_params::<OperationPath, ()>(&mut parts).await?;
    let mut view = app.what_if.follow(&path.id)?;
    let full = |_| {
        let detail = format!("{} clients follow operations already, the most allowed", app.limits.streams_max);
        Problem::new(Kind::Unavailable, detail)
    };
    let permit = app.followers.clone().try_acquire_owned().map_err(full)?;
    let mut closed = app.what_if.closed();
    let (out, mut pieces) = mpsc::channel::<Bytes>(PIECES);
    tokio::spawn(async move {
        let _permit = permit;
        let mut id = 0_u64;
        loop {
            let now = view.borrow_and_update().clone();
            id += 1;
            let Ok(data) = serde_json::to_string(&now) else { return };
            let mut text = format!("event: state\nid: {id}\ndata: {data}\n\n");
            if now.state.is_final() {
                text.push_str("event: end\ndata: {}\n\n");
            }
            if out.send(text.into()).await.is_err() || now.state.is_final() {
                return;
            }
            // Until it changes; meanwhile a comment now and then.
            loop {
                tokio::select! {
                    changed = view.changed() => match changed {
                        Ok(()) => break,
                        Err(_forgotten) => return,
                    },
                    () = async { drop(closed.wait_for(|closed| *closed).await) } => return,
                    () = out.closed() => return,
                    () = tokio::time::sleep(app.limits.keep_alive) => {
                        if out.send(Bytes::from_static(b": still here\n\n")).await.is_err() {
                            return;
                        }
                    }
                }
            }
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-accel-buffering"), "no"), // proxies: do not collect
    ];
    let body = Body::from_stream(poll_fn(move |context| pieces.poll_recv(context)).map(Ok::<_, Infallible>));
    Ok((headers, body).into_response())
}
