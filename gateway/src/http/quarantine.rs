//! Payloads that were refused: listed, shown, tried again, thrown away.

use super::App;
use super::api::{About, Answer, Api, Call, Key};
use super::error::{Kind, Problem};
use super::page::collect;
use super::params::{Limit, Text, path_params, query_params};
use crate::control::{Reply, Request};
use crate::journal::Seq;
use axum::http::StatusCode;
use base64::Engine;
use firmware_schemas::api::{Discarded, Page, QuarantinedPayload, RedriveOutcome, Redriven};
use firmware_schemas::fact::{Fact, QuarantineId, RefusedBy};
use firmware_schemas::view::QuarantineView;
use std::ops::Bound;
use std::sync::Arc;

/// How much of a payload is shown as text.
const TEXT_BYTES: usize = 4_096;

pub(super) fn add_to(api: &mut Api) {
    let about = |path, id, summary, description| About { path, id, tag: "quarantine", summary, description };
    let list_text = "The newest 100,000 are listed.";
    api.get(about("/v1/quarantine", "list_quarantine", "Payloads in quarantine, newest first", list_text), list);
    let one_text = "With its bytes, as long as the journal keeps them.";
    api.get(about("/v1/quarantine/{id}", "get_quarantined", "One payload in quarantine", one_text), one);
    let text = "Decodes and applies it as if it had come now, for instance after a device was made known. If it is \
        refused again it stays, and `reason` says why.";
    let redrive_about = about("/v1/quarantine/{id}/redrive", "redrive_quarantined", "Try a payload again", text);
    api.post(redrive_about, StatusCode::OK, Key::Natural, redrive);
    let text = "Takes it out of quarantine for good. The journal remembers that it was there.";
    let discard_about = about("/v1/quarantine/{id}/discard", "discard_quarantined", "Throw a payload away", text);
    api.post(discard_about, StatusCode::OK, Key::Natural, discard);
}

path_params! {
    /// Names a payload in quarantine.
    QuarantinePath {
        /// The payload's id.
        id: u64 = 4711,
    }
}
query_params! {
    /// Which payloads.
    QuarantineQuery {
        /// Only refused by this part.
        refused_by: RefusedBy = "frame",
        /// Only with this text in the topic.
        topic: Text = "COLD-DAVENTRY-1",
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: u64 = 4711,
    }
}

async fn list(call: Call<(), QuarantineQuery>) -> Result<Page<QuarantineView>, Problem> {
    let (published, query) = (call.app.published.load_full(), call.query);
    let twin = &published.twin;
    let before = query.cursor.map(QuarantineId);
    let rest = twin.quarantine.range((Bound::Unbounded, before.map_or(Bound::Unbounded, Bound::Excluded)));
    let wanted = rest.rev().filter(|(_, record)| {
        query.refused_by.is_none_or(|by| record.refused_by == by)
            && query.topic.as_ref().is_none_or(|Text(text)| record.topic.contains(text.as_str()))
    });
    let views = wanted.filter_map(|(id, _)| twin.quarantine_view(*id));
    Ok(collect(query.limit, views, |view| view.id.0.to_string()))
}

fn find(app: &App, id: QuarantineId) -> Result<QuarantineView, Problem> {
    let view = app.published.load().twin.quarantine_view(id);
    view.ok_or_else(|| Problem::not_found("payload in quarantine", id.0))
}

/// The bytes of a payload, from the journal.
fn payload(app: &App, id: QuarantineId) -> Result<Vec<u8>, Problem> {
    let mut records = app.journal.read_from(Seq(id.0))?;
    let record = records.next_record()?.ok_or_else(|| Problem::not_found("payload in quarantine", id.0))?;
    match Fact::decode(record.payload) {
        Ok(Fact::Quarantined { payload, .. }) => Ok(payload),
        Ok(_) => Err(Problem::new(Kind::Internal, format!("record {} of the journal is no payload", id.0))),
        Err(why) => Err(Problem::new(Kind::Internal, format!("record {} of the journal: {why}", id.0))),
    }
}

async fn one(call: Call<QuarantinePath>) -> Result<QuarantinedPayload, Problem> {
    let id = QuarantineId(call.path.id);
    call.app
        .blocking(move |app| {
            let about = find(app, id)?;
            let bytes = match payload(app, id) {
                Ok(bytes) => Some(bytes),
                Err(problem) if problem.kind == Kind::Gone => None,
                Err(problem) => return Err(problem),
            };
            let text = |bytes: &Vec<u8>| String::from_utf8_lossy(&bytes[..bytes.len().min(TEXT_BYTES)]).into_owned();
            Ok(QuarantinedPayload {
                about,
                payload_base64: bytes.as_ref().map(|bytes| base64::engine::general_purpose::STANDARD.encode(bytes)),
                payload_text: bytes.as_ref().map(text),
            })
        })
        .await
}

async fn redrive(call: Call<QuarantinePath>) -> Result<Answer<Redriven>, Problem> {
    let (app, id) = (call.app, QuarantineId(call.path.id));
    let Some(payload) = payload_of_listed(&app, id).await? else {
        return Ok(Redriven { id, outcome: RedriveOutcome::Already, reason: None }.into());
    };
    let (outcome, reason) = match app.ask(Request::Redrive { id, payload }).await? {
        Reply::Done => (RedriveOutcome::Taken, None),
        Reply::Already | Reply::Orders(_) | Reply::Placed(_) => (RedriveOutcome::Already, None),
        Reply::RefusedAgain(reason) => (RedriveOutcome::RefusedAgain, Some(reason)),
    };
    Ok(Redriven { id, outcome, reason }.into())
}

/// The payload of what is in quarantine; `None` when it was there and is out.
async fn payload_of_listed(app: &Arc<App>, id: QuarantineId) -> Result<Option<Vec<u8>>, Problem> {
    app.blocking(move |app| match find(app, id) {
        Ok(_) => payload(app, id).map(Some),
        Err(not_found) => match payload(app, id) {
            Ok(_) => Ok(None),
            Err(_) => Err(not_found),
        },
    })
    .await
}

async fn discard(call: Call<QuarantinePath>) -> Result<Answer<Discarded>, Problem> {
    let (app, id) = (call.app, QuarantineId(call.path.id));
    if find(&app, id).is_err() {
        // It may have been there: then the same was asked before.
        return match payload_of_listed(&app, id).await? {
            None => Ok(Discarded { id, discarded: false }.into()),
            Some(_) => Err(Problem::new(Kind::Conflict, "it came into quarantine just now; ask again")),
        };
    }
    let discarded = app.ask(Request::Discard { id }).await? == Reply::Done;
    Ok(Discarded { id, discarded }.into())
}
