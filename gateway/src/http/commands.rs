//! Commands to devices, and how far they got.

use super::api::{About, Answer, Api, Body1, Call, Key};
use super::error::{Kind, Problem};
use super::page::collect;
use super::params::{Limit, path_params, query_params};
use crate::control::Request;
use ::twin::Twin;
use ::twin::state::CommandRecord;
use axum::http::StatusCode;
use firmware_schemas::api::{CommandRequest, CommandState, CommandView, Page};
use firmware_schemas::id::{CommandId, DeviceId};
use firmware_schemas::telemetry::Outcome;
use std::ops::Bound;

pub(super) fn add_to(api: &mut Api) {
    let about = |path, id, summary, description| About { path, id, tag: "devices", summary, description };
    let list_text = "The newest 10,000 are kept; the oldest answered one is forgotten first.";
    api.get(about("/v1/commands", "list_commands", "Commands, newest first", list_text), list);
    api.get(about("/v1/commands/{command}", "get_command", "One command", "And how far it got."), one);
    let give_text = "The command is durable when this answers, and is sent until the broker has it. The header \
        `Idempotency-Key` becomes its id: the same key with the same body is the same command, with another body a conflict.";
    let path = "/v1/devices/{device}/commands";
    let about = about(path, "give_command", "Give a device a command", give_text);
    api.post(about, StatusCode::ACCEPTED, Key::Required, give);
}

path_params! {
    /// Names a command.
    CommandPath {
        /// The command's id.
        command: CommandId = "0b8f6e0e-5d0c-4b6c-9c64-6d7f3a2d1c11",
    }
}
path_params! {
    /// Names a device.
    DevicePath {
        /// The device's id.
        device: DeviceId = "COLD-DAVENTRY-1",
    }
}
query_params! {
    /// Which commands.
    CommandQuery {
        /// Only to this device.
        device: DeviceId = "COLD-DAVENTRY-1",
        /// Only in this state.
        state: CommandState = "delivered",
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: u64 = 71,
    }
}

async fn list(call: Call<(), CommandQuery>) -> Result<Page<CommandView>, Problem> {
    let (published, query) = (call.app.published.load_full(), call.query);
    let twin = &published.twin;
    let before = query.cursor;
    let rest = twin.command_order.range((Bound::Unbounded, before.map_or(Bound::Unbounded, Bound::Excluded)));
    let found = rest.rev().filter_map(|(order, id)| Some((*order, id, twin.commands.get(id)?)));
    let wanted = found.filter(|(_, _, record)| {
        query.state.is_none_or(|state| state_of(record) == state)
            && query.device.as_ref().is_none_or(|device| *device_of(twin, record) == *device)
    });
    let numbered = collect(query.limit, wanted, |(order, ..)| order.to_string());
    Ok(Page {
        items: numbered.items.into_iter().map(|(_, id, record)| view(twin, id, record)).collect(),
        next_cursor: numbered.next_cursor,
    })
}

async fn one(call: Call<CommandPath>) -> Result<CommandView, Problem> {
    find(&call.app.published.load().twin, &call.path.command)
}

fn find(twin: &Twin, id: &CommandId) -> Result<CommandView, Problem> {
    let record = twin.commands.get(id).ok_or_else(|| Problem::not_found("command", id))?;
    Ok(view(twin, id, record))
}

async fn give(call: Call<DevicePath, (), Body1<CommandRequest>>) -> Result<Answer<CommandView>, Problem> {
    let Call { app, path, body: Body1(asked), idempotency_key, .. } = call;
    let command = CommandId::new(idempotency_key.as_deref().unwrap_or_default())
        .map_err(|why| Problem::header("Idempotency-Key", why.to_string()))?;
    if !app.published.load().twin.device_by_id.contains_key(&path.device) {
        return Err(Problem::not_found("device", &path.device));
    }
    let request = Request::Command {
        device: path.device,
        command: command.clone(),
        action: asked.action,
        expires_at: asked.expires_at,
    };
    app.ask(request).await?;
    let found = find(&app.published.load().twin, &command);
    let view =
        found.map_err(|_not_yet| Problem::new(Kind::Internal, "the command was taken, and is not to be seen"))?;
    Ok(Answer { status: StatusCode::ACCEPTED, location: Some(format!("/v1/commands/{command}")), body: view })
}

fn state_of(record: &CommandRecord) -> CommandState {
    match (&record.answer, record.delivered_at) {
        (Some(answer), _) => match answer.outcome {
            Outcome::Accepted => CommandState::Accepted,
            Outcome::Done => CommandState::Done,
            Outcome::Rejected => CommandState::Rejected,
        },
        (None, Some(_)) => CommandState::Delivered,
        (None, None) => CommandState::Issued,
    }
}

fn device_of<'a>(twin: &'a Twin, record: &CommandRecord) -> &'a DeviceId {
    &twin.devices[record.device as usize].device
}

fn view(twin: &Twin, id: &CommandId, record: &CommandRecord) -> CommandView {
    CommandView {
        command: id.clone(),
        device: device_of(twin, record).clone(),
        state: state_of(record),
        action: record.frame.action.clone(),
        issued_at: record.frame.issued_at,
        expires_at: record.frame.expires_at,
        delivered_at: record.delivered_at,
        answer: record.answer.clone(),
    }
}
