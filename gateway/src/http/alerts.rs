//! Alerts, and saying that they were seen.

use super::api::{About, Answer, Api, Body1, Call, Key};
use super::error::Problem;
use super::page::collect;
use super::params::{Limit, path_params, query_params};
use crate::control::Request;
use axum::http::StatusCode;
use firmware_schemas::api::{Acknowledgement, Page};
use firmware_schemas::fact::{AlertId, Severity};
use firmware_schemas::id::SiteId;
use firmware_schemas::view::{AlertState, AlertView};
use std::ops::Bound;

pub(super) fn add_to(api: &mut Api) {
    let about = |path, id, summary, description| About { path, id, tag: "alerts", summary, description };
    let list_text = "All that are not cleared, and the 10,000 that were cleared last.";
    api.get(about("/v1/alerts", "list_alerts", "Alerts, newest first", list_text), list);
    api.get(about("/v1/alerts/{alert}", "get_alert", "One alert", "Open, acknowledged or cleared."), one);
    let text = "Says that a person has seen it. An alert that is acknowledged stays so with the first name; one that \
        is cleared cannot be acknowledged.";
    let about = about("/v1/alerts/{alert}/acknowledge", "acknowledge_alert", "Acknowledge an alert", text);
    api.post(about, StatusCode::OK, Key::Natural, acknowledge);
}

path_params! {
    /// Names an alert.
    AlertPath {
        /// The alert's id.
        alert: u64 = 17,
    }
}
query_params! {
    /// Which alerts.
    AlertQuery {
        /// Only in this state.
        state: AlertState = "open",
        /// Only as urgent as this.
        severity: Severity = "critical",
        /// Only where this is the site to look at.
        site: SiteId = "CW-DAVENTRY",
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: u64 = 17,
    }
}

async fn list(call: Call<(), AlertQuery>) -> Result<Page<AlertView>, Problem> {
    let (published, query) = (call.app.published.load_full(), call.query);
    let twin = &published.twin;
    let before = query.cursor.map(AlertId);
    let rest = twin.alerts.range((Bound::Unbounded, before.map_or(Bound::Unbounded, Bound::Excluded)));
    let views = rest.rev().filter_map(|(id, _)| twin.alert_view(*id)).filter(|view| {
        query.state.is_none_or(|state| view.state == state)
            && query.severity.is_none_or(|severity| view.severity == severity)
            && query.site.as_ref().is_none_or(|site| view.site.as_ref() == Some(site))
    });
    Ok(collect(query.limit, views, |view| view.id.0.to_string()))
}

async fn one(call: Call<AlertPath>) -> Result<AlertView, Problem> {
    let view = call.app.published.load().twin.alert_view(AlertId(call.path.alert));
    view.ok_or_else(|| Problem::not_found("alert", call.path.alert))
}

async fn acknowledge(call: Call<AlertPath, (), Body1<Acknowledgement>>) -> Result<Answer<AlertView>, Problem> {
    let Call { app, path, body: Body1(Acknowledgement { by, note }), .. } = call;
    if !(1..=200).contains(&by.trim().chars().count()) {
        return Err(Problem::body("/by", "a name has 1 to 200 characters"));
    }
    if note.as_ref().is_some_and(|note| note.chars().count() > 1_000) {
        return Err(Problem::body("/note", "a note has at most 1,000 characters"));
    }
    let id = AlertId(path.alert);
    app.ask(Request::AcknowledgeAlert { id, by: by.trim().to_owned(), note }).await?;
    let view = app.published.load().twin.alert_view(id);
    Ok(view.ok_or_else(|| Problem::not_found("alert", path.alert))?.into())
}
