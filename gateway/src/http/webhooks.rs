//! Receivers of webhooks: made, changed, tried, and what they did not take.

use super::App;
use super::api::{About, Answer, Api, Body1, Call, Key};
use super::error::{Kind, Problem};
use super::orders::refuse;
use super::page::collect;
use super::params::{Limit, path_params, query_params};
use crate::webhooks::signature::Secret;
use crate::webhooks::{WebhookError, Webhooks};
use axum::http::StatusCode;
use firmware_schemas::api::webhook::{
    DeliveryView, LetterBody, LetterView, LettersMoved, SITES_MAX, URL_MAX, WebhookChange, WebhookDeleted,
    WebhookRequest, WebhookView,
};
use firmware_schemas::api::{Fault, Page};
use firmware_schemas::id::{MessageId, SiteId, WebhookId};
use std::sync::Arc;

pub(super) fn add_to(api: &mut Api) {
    let about = |path, id, summary, description| About { path, id, tag: "webhooks", summary, description };
    let text = "Events are posted to `url` from now on, signed as Standard Webhooks has it (docs/webhooks.md). The header \
        `Idempotency-Key` becomes its id. The secret is in this answer and in no other: the same request again gives \
        the same receiver without it.";
    let make = about("/v1/webhooks", "create_webhook", "Be told what happens", text);
    api.post(make, StatusCode::CREATED, Key::Required, create);
    let text = "With how each does. Their secrets are not shown.";
    api.get(about("/v1/webhooks", "list_webhooks", "Receivers of webhooks, by id", text), list);
    let text = "How it does, and how much waits.";
    api.get(about("/v1/webhooks/{webhook}", "get_webhook", "One receiver", text), one);
    let text = "What is given is changed, the rest stays. `enabled: true` switches on again what was switched off, from \
        where it stopped.";
    let path = "/v1/webhooks/{webhook}/change";
    api.post(about(path, "change_webhook", "Change a receiver", text), StatusCode::OK, Key::Natural, change);
    let text = "With all that it has not taken.";
    let path = "/v1/webhooks/{webhook}/delete";
    api.post(about(path, "delete_webhook", "Remove a receiver", text), StatusCode::OK, Key::Natural, delete);
    let text = "Posts an event of the type `webhook.test`, once, and says how that went.";
    let path = "/v1/webhooks/{webhook}/test";
    api.post(about(path, "test_webhook", "Try a receiver", text), StatusCode::OK, Key::Natural, test);
    let text = "The last 500 since the gateway was started.";
    let path = "/v1/webhooks/{webhook}/deliveries";
    api.get(about(path, "list_deliveries", "Tries, newest first", text), deliveries);
    let text = "They are tried again by the schedule.";
    let path = "/v1/webhooks/{webhook}/waiting";
    api.get(about(path, "list_waiting_letters", "Events that are tried again", text), waiting);
    let text =
        "They were tried as often as the schedule has it, and wait for somebody to send them again or throw them away.";
    let path = "/v1/webhooks/{webhook}/dead-letters";
    api.get(about(path, "list_dead_letters", "Events that are tried no more", text), dead);
    let text = "An event that waits or is dead, with the body that is posted.";
    let path = "/v1/webhooks/{webhook}/dead-letters/{message}";
    api.get(about(path, "get_dead_letter", "One event that was not taken", text), letter);
    let text = "As if it were new. One that waits already is left as it is.";
    let path = "/v1/webhooks/{webhook}/dead-letters/{message}/redrive";
    api.post(
        about(path, "redrive_dead_letter", "Send a dead letter again", text),
        StatusCode::OK,
        Key::Natural,
        redrive,
    );
    let text = "It is not sent again.";
    let path = "/v1/webhooks/{webhook}/dead-letters/{message}/discard";
    api.post(about(path, "discard_dead_letter", "Throw a letter away", text), StatusCode::OK, Key::Natural, discard);
    let text = "As if they were new.";
    let path = "/v1/webhooks/{webhook}/redrive";
    api.post(
        about(path, "redrive_dead_letters", "Send all dead letters again", text),
        StatusCode::OK,
        Key::Natural,
        redrive_all,
    );
}

path_params! {
    /// Names a receiver.
    WebhookPath {
        /// The receiver's id.
        webhook: WebhookId = "erp",
    }
}
path_params! {
    /// Names an event on its way to a receiver.
    LetterPath {
        /// The receiver's id.
        webhook: WebhookId = "erp",
        /// The event's `webhook-id`.
        message: MessageId = "msg_5f3a91c2_4711_0_9ae1c0de",
    }
}
query_params! {
    /// Which receivers.
    WebhookQuery {
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: WebhookId = "erp",
    }
}
query_params! {
    /// Which tries.
    DeliveryQuery {
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: u64 = 71,
    }
}
query_params! {
    /// Which letters.
    LetterQuery {
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: MessageId = "msg_5f3a91c2_4711_0_9ae1c0de",
    }
}

impl From<WebhookError> for Problem {
    fn from(why: WebhookError) -> Self {
        let kind = match &why {
            WebhookError::NotFound(_) | WebhookError::NoLetter(_) => Kind::NotFound,
            WebhookError::Conflict(_) | WebhookError::TooMany(_) => Kind::Conflict,
            WebhookError::Target(_) => return Self::body("/url", why.to_string()),
            WebhookError::Secret(_) => return Self::body("/secret", why.to_string()),
            WebhookError::Disk(_) | WebhookError::Stopped => Kind::Unavailable,
        };
        Self::new(kind, why.to_string())
    }
}

async fn create(call: Call<(), (), Body1<WebhookRequest>>) -> Result<Answer<WebhookView>, Problem> {
    let Call { app, body: Body1(asked), idempotency_key, .. } = call;
    let webhook = WebhookId::new(idempotency_key.as_deref().unwrap_or_default())
        .map_err(|why| Problem::header("Idempotency-Key", why.to_string()))?;
    let made = app
        .blocking(move |app| {
            let WebhookRequest { url, event_types: _, sites, description, secret } = &asked;
            refuse(faults(app, Some(url), Some(sites), description.as_ref(), secret.as_ref()))?;
            Ok(app.webhooks.create(webhook, &asked)?)
        })
        .await?;
    let location = Some(format!("/v1/webhooks/{}", made.webhook));
    Ok(Answer { status: StatusCode::CREATED, location, body: made })
}

async fn change(call: Call<WebhookPath, (), Body1<WebhookChange>>) -> Result<Answer<WebhookView>, Problem> {
    let Call { app, path, body: Body1(asked), .. } = call;
    let changed = app.blocking(move |app| {
        app.webhooks.one(&path.webhook)?;
        let WebhookChange { url, sites, description, secret, .. } = &asked;
        refuse(faults(app, url.as_ref(), sites.as_ref(), description.as_ref(), secret.as_ref()))?;
        Ok(app.webhooks.change(&path.webhook, &asked)?)
    });
    Ok(changed.await?.into())
}

/// All that is wrong with a receiver.
fn faults(
    app: &App,
    url: Option<&String>,
    sites: Option<&Vec<SiteId>>,
    description: Option<&String>,
    secret: Option<&String>,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut wrong = |place: String, detail: String| {
        faults.push(Fault { detail, pointer: Some(format!("#{place}")), ..Fault::default() });
    };
    if let Some(url) = url {
        if url.len() > URL_MAX {
            wrong("/url".into(), format!("it has more than {URL_MAX} characters"));
        } else if let Err(why) = app.webhooks.check_url(url) {
            wrong("/url".into(), why.to_string());
        }
    }
    let twin = &app.published.load().twin;
    for (n, site) in sites.into_iter().flatten().enumerate() {
        if n >= SITES_MAX {
            wrong("/sites".into(), format!("there are more than {SITES_MAX}"));
            break;
        }
        if !twin.site_by_id.contains_key(site) {
            wrong(format!("/sites/{n}"), format!("there is no site {:?}", site.as_str()));
        }
    }
    if description.is_some_and(|text| text.chars().count() > 200) {
        wrong("/description".into(), "it has more than 200 characters".into());
    }
    if let Some(Err(why)) = secret.map(|text| Secret::parse(text)) {
        wrong("/secret".into(), why.to_string());
    }
    faults
}

/// Asks on a thread that may block: a receiver is locked while a file of it is written.
async fn ask<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&Webhooks) -> Result<T, WebhookError> + Send + 'static,
) -> Result<T, Problem> {
    app.blocking(move |app| Ok(work(&app.webhooks)?)).await
}

async fn list(call: Call<(), WebhookQuery>) -> Result<Page<WebhookView>, Problem> {
    let WebhookQuery { limit, cursor } = call.query;
    let found = ask(&call.app, move |webhooks| Ok(webhooks.list(cursor.as_ref()))).await?;
    Ok(collect(limit, found.into_iter(), |view| view.webhook.to_string()))
}

async fn one(call: Call<WebhookPath>) -> Result<WebhookView, Problem> {
    ask(&call.app, move |webhooks| webhooks.one(&call.path.webhook)).await
}

async fn delete(call: Call<WebhookPath>) -> Result<Answer<WebhookDeleted>, Problem> {
    let webhook = call.path.webhook;
    let named = webhook.clone();
    let deleted = ask(&call.app, move |webhooks| webhooks.delete(&named)).await?;
    Ok(WebhookDeleted { webhook, deleted }.into())
}

async fn test(call: Call<WebhookPath>) -> Result<Answer<DeliveryView>, Problem> {
    Ok(call.app.webhooks.test(&call.path.webhook).await?.into())
}

async fn deliveries(call: Call<WebhookPath, DeliveryQuery>) -> Result<Page<DeliveryView>, Problem> {
    let DeliveryQuery { limit, cursor } = call.query;
    let found = ask(&call.app, move |webhooks| webhooks.tries(&call.path.webhook, cursor)).await?;
    Ok(collect(limit, found.into_iter(), |view| view.number.to_string()))
}

async fn waiting(call: Call<WebhookPath, LetterQuery>) -> Result<Page<LetterView>, Problem> {
    letters(call, false).await
}

async fn dead(call: Call<WebhookPath, LetterQuery>) -> Result<Page<LetterView>, Problem> {
    letters(call, true).await
}

async fn letters(call: Call<WebhookPath, LetterQuery>, dead: bool) -> Result<Page<LetterView>, Problem> {
    let LetterQuery { limit, cursor } = call.query;
    let found = ask(&call.app, move |webhooks| webhooks.letters(&call.path.webhook, dead, cursor.as_ref())).await?;
    Ok(collect(limit, found.into_iter(), |view| view.message.to_string()))
}

async fn letter(call: Call<LetterPath>) -> Result<LetterBody, Problem> {
    ask(&call.app, move |webhooks| webhooks.letter(&call.path.webhook, &call.path.message)).await
}

async fn redrive(call: Call<LetterPath>) -> Result<Answer<LettersMoved>, Problem> {
    let LetterPath { webhook, message } = call.path;
    let count = ask(&call.app, move |webhooks| webhooks.redrive(&webhook, Some(&message))).await?;
    Ok(LettersMoved { count }.into())
}

async fn redrive_all(call: Call<WebhookPath>) -> Result<Answer<LettersMoved>, Problem> {
    let count = ask(&call.app, move |webhooks| webhooks.redrive(&call.path.webhook, None)).await?;
    Ok(LettersMoved { count }.into())
}

async fn discard(call: Call<LetterPath>) -> Result<Answer<LettersMoved>, Problem> {
    let LetterPath { webhook, message } = call.path;
    let discarded = ask(&call.app, move |webhooks| webhooks.discard(&webhook, &message)).await?;
    Ok(LettersMoved { count: u64::from(discarded) }.into())
}
