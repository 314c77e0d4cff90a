//! Many orders in one request, a line each.

use super::App;
use super::api::{About, Api, content_type, read_body};
use super::error::{Kind, Problem};
use super::orders::{faults, refuse};
use crate::control::{NewOrder, Reply, Request, RequestError, Taken};
use axum::extract::{Request as HttpRequest, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use firmware_schemas::api::order::{BulkAnswer, BulkOrder, BulkOutcome};
use firmware_schemas::id::OrderId;
use serde_json::json;
use std::sync::Arc;

/// The largest body.
const BYTES_MAX: usize = 16 << 20;
/// Orders that the core takes at once: a few milliseconds of its time.
const AT_ONCE: usize = 256;
const PATH: &str = "/v1/orders:bulk";

pub(super) fn add_to(api: &mut Api) {
    let about = About {
        path: PATH,
        id: "take_orders",
        tag: "orders",
        summary: "Take many orders",
        description: "Newline-delimited JSON: a line is an object with the member `order`, and `key` for what the header \
            `Idempotency-Key` is to a single order (the order's id when absent). At most 16 MiB. The answer has a line \
            for each line, in the same order: what was taken is durable; what is refused says why, and does not keep \
            the others from being taken. Sending all of it again changes nothing.",
    };
    let (input, answer) = (api.input_schema::<BulkOrder>(), api.schema::<BulkAnswer>());
    let body = json!({ "required": true, "content": { "application/x-ndjson": { "schema": input } } });
    let answers = json!({ "200": {
        "description": "What became of each line.",
        "content": { "application/x-ndjson": { "schema": answer } },
    } });
    api.post_raw(about, body, answers, post(take_orders));
}

async fn take_orders(State(app): State<Arc<App>>, request: HttpRequest) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let (content_type, essence) = content_type(&parts.headers);
    if !matches!(essence.as_str(), "application/x-ndjson" | "application/jsonl" | "application/jsonlines") {
        let detail = format!("the body must be application/x-ndjson, not {content_type:?}");
        return Err(Problem::new(Kind::UnsupportedMediaType, detail));
    }
    let bytes = read_body(body, BYTES_MAX).await?;
    let mut answers = Vec::new();
    let mut waiting: Vec<(BulkAnswer, NewOrder)> = Vec::new();
    for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if text.trim_ascii().is_empty() {
            continue;
        }
        match read(&app, text) {
            Ok(new) => {
                let order = Some(new.order.order.clone());
                waiting.push((BulkAnswer { line, order, outcome: BulkOutcome::Taken, problem: None }, new));
            }
            Err((order, why)) => {
                // Answers stand in the order of the lines, so what waits goes first.
                take(&app, &mut waiting, &mut answers).await?;
                answers.push(refused(line, order, &why));
            }
        }
        if waiting.len() == AT_ONCE {
            take(&app, &mut waiting, &mut answers).await?;
        }
    }
    take(&app, &mut waiting, &mut answers).await?;
    let mut text = Vec::with_capacity(answers.len() * 64);
    for answer in &answers {
        serde_json::to_writer(&mut text, answer)
            .map_err(|why| Problem::new(Kind::Internal, format!("the answer cannot be written: {why}")))?;
        text.push(b'\n');
    }
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], text).into_response())
}

fn read(app: &App, text: &[u8]) -> Result<NewOrder, (Option<OrderId>, Problem)> {
    let BulkOrder { key, order } =
        serde_json::from_slice(text).map_err(|why| (None, Problem::body("", why.to_string())))?;
    let fit = || {
        if let Some(key) = &key {
            firmware_schemas::id::validate_id(key).map_err(|why| Problem::body("/key", why.to_string()))?;
        }
        refuse(faults(&app.published.load().twin, &order, "/order"))
    };
    match fit() {
        Ok(()) => Ok(NewOrder { key, expires_at: None, order }),
        Err(why) => Err((Some(order.order), why)),
    }
}

/// Has the core take what waits.
async fn take(
    app: &App,
    waiting: &mut Vec<(BulkAnswer, NewOrder)>,
    answers: &mut Vec<BulkAnswer>,
) -> Result<(), Problem> {
    if waiting.is_empty() {
        return Ok(());
    }
    let (lines, orders): (Vec<BulkAnswer>, Vec<NewOrder>) = waiting.drain(..).unzip();
    // One that nobody could ask is refused with the reason: the client sends it again.
    let taken = match app.ask_in_turn(Request::TakeOrders(orders)).await {
        Ok(Reply::Orders(taken)) => taken.into_iter().map(|it| it.map_err(Problem::from)).collect(),
        Ok(_) => vec![Err(Problem::from(RequestError::Unavailable("no answer".into()))); lines.len()],
        Err(why) => vec![Err(why); lines.len()],
    };
    for (line, taken) in lines.into_iter().zip(taken) {
        answers.push(match taken {
            Ok(Taken::Now) => line,
            Ok(Taken::Before) => BulkAnswer { outcome: BulkOutcome::Before, ..line },
            Err(why) => refused(line.line, line.order, &why),
        });
    }
    Ok(())
}

fn refused(line: u64, order: Option<OrderId>, why: &Problem) -> BulkAnswer {
    BulkAnswer { line, order, outcome: BulkOutcome::Refused, problem: Some(why.document(PATH.to_owned())) }
}
