//! How the gateway itself is: alive, ready, measured.

use super::App;
use super::api::{About, Api};
use super::error::{AsItIs, Kind, Problem};
use crate::instrument::Sizes;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use firmware_schemas::api::Readiness;
use serde_json::json;
use std::sync::Arc;

pub(super) fn add_to(api: &mut Api) {
    let about = |path, id, summary, description| About { path, id, tag: "operations", summary, description };
    let text = "Says only that the process runs and answers.";
    let responses = json!({ "200": { "description": "Alive.", "content": { "text/plain": {
        "schema": { "type": "string", "const": "alive\n" },
    } } } });
    api.get_raw::<(), ()>(about("/healthz", "get_health", "Alive", text), responses, get(async || "alive\n"));
    let text = "Names each part with its state; what is not at work says why, and how to mend it.";
    let schema = api.schema::<Readiness>();
    let readiness =
        |description| json!({ "description": description, "content": { "application/json": { "schema": schema } } });
    let responses = json!({ "200": readiness("All parts work."), "503": readiness("A part is starting or failing.") });
    api.get_raw::<(), ()>(about("/readyz", "get_readiness", "Ready", text), responses, get(readyz));
    let text = "OpenMetrics text, as Prometheus reads it.";
    let responses = json!({ "200": { "description": "The metrics.", "content": { "application/openmetrics-text": {
        "schema": { "type": "string" },
    } } } });
    api.get_raw::<(), ()>(about("/metrics", "get_metrics", "What is counted", text), responses, get(metrics));
}

async fn readyz(State(app): State<Arc<App>>) -> Response {
    let readiness = app.health.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = (status, [(header::CACHE_CONTROL, "no-store")], Json(readiness)).into_response();
    response.extensions_mut().insert(AsItIs);
    response
}

async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let text = app
        .blocking(|app| {
            let published = app.published.load();
            let twin = &published.twin;
            let store = app.store.stats();
            let sizes = Sizes {
                twin_revision: twin.revision,
                sites: twin.sites.len(),
                devices: twin.devices.len(),
                series: twin.series.len(),
                open_alerts: twin.open_alerts.len(),
                orders_open: twin.orders.by_id.len() - twin.orders.closed.len(),
                proposals_open: twin.supply.open.len(),
                supply_orders_open: twin.supply.open_to.len(),
                quarantine: twin.quarantine.len(),
                store_behind: store.lacking_since.map(|at| app.clock.now().since(at)).unwrap_or_default(),
                store,
                store_behind_records: app.journal.durable().0.saturating_sub(app.store.applied()),
                stream_subscribers: app.hub.n_subscribers(),
                requests_waiting: app.requests.max_capacity() - app.requests.capacity(),
                what_if: app.what_if.census(),
                webhooks: app.webhooks.census(),
            };
            let text = app.metrics.text(&sizes, &app.health.readiness());
            text.map_err(|why| Problem::new(Kind::Internal, format!("the metrics cannot be written: {why}")))
        })
        .await?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-store")], text).into_response())
}
