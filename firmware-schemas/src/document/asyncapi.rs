//! The AsyncAPI 3.0 description: every channel with its operations, messages, schemas and examples.

use super::schema::{Payload, components};
use crate::codec::Encoding;
use crate::telemetry::{
    DEPTH_MAX, EVENTS_MAX, FRAMES_MAX, METRICS_MAX, PAYLOAD_LEN_MAX, READINGS_MAX, SHIPMENT_LINES_MAX, TEXT_LEN_MAX,
};
use crate::topic::{Channel, PREFIX, QOS};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde_json::{Map, Value, json};

const PARAMETERS: [(&str, &str, &str); 3] = [
    ("tenant", "Whose network.", "acme"),
    ("site", "The site that the device belongs to.", "WH-01"),
    ("device", "The sender or receiver; the same as in the body.", "cold-7"),
];

/// The whole document. `receive` is what Portolan receives, `send` what it sends.
pub fn asyncapi() -> Value {
    let (mut channels, mut operations, mut messages, mut schemas) = (Map::new(), Map::new(), Map::new(), Map::new());
    for encoding in [Encoding::Json, Encoding::Cbor] {
        let (roots, definitions) = components(encoding);
        schemas.extend(definitions);
        for (payload, schema) in roots {
            if encodings(payload).contains(&encoding) {
                messages.insert(message_name(payload, encoding), message(payload, encoding, schema));
            }
        }
    }
    for channel in Channel::UP.into_iter().chain(Channel::DOWN) {
        channels.insert(channel.as_str().into(), describe_channel(channel));
        operations.insert(operation_name(channel), describe_operation(channel));
    }
    channels.insert("stream".into(), stream_channel());
    operations.insert("sendStream".into(), stream_operation());
    keep_what_is_used(&mut schemas, &messages);
    let parameters: Map<String, Value> = PARAMETERS
        .into_iter()
        .map(|(name, what, example)| {
            let description = format!(
                "{what} An identifier: 1 to {} bytes of `A-Z a-z 0-9 . _ ~ : -`, the first a letter or digit.",
                crate::id::ID_LEN_MAX
            );
            (name.into(), json!({ "description": description, "examples": [example] }))
        })
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Portolan wire contract",
            "version": "1.0.0",
            "description": "What devices send to Portolan over MQTT, what it sends to them, and the stream of the live \
                twin. Payloads are JSON or CBOR, told apart by the first byte. Portolan acknowledges (PUBACK) a \
                message when it is durable, as data or in quarantine.",
            "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "localhost:1883",
                "protocol": "mqtt",
                "description": "Portolan's embedded broker, or the one that it is told to use. MQTT 3.1.1 or 5.",
            },
            "gateway": {
                "host": "localhost:8460",
                "protocol": "http",
                "description": "Portolan's HTTP interface, for the event stream.",
            },
        },
        "channels": channels,
        "operations": operations,
        "components": { "parameters": parameters, "messages": messages, "schemas": schemas },
        "x-limits": {
            "payload_bytes_max": PAYLOAD_LEN_MAX,
            "nesting_max": DEPTH_MAX,
            "frames_per_payload_max": FRAMES_MAX,
            "readings_per_frame_max": READINGS_MAX,
            "events_per_frame_max": EVENTS_MAX,
            "metrics_per_device_max": METRICS_MAX,
            "lines_per_shipment_max": SHIPMENT_LINES_MAX,
            "text_bytes_max": TEXT_LEN_MAX,
        },
    })
}

const fn encodings(payload: Payload) -> &'static [Encoding] {
    match payload {
        Payload::Channel(channel) if channel.is_up() => &[Encoding::Json, Encoding::Cbor],
        Payload::Channel(_) | Payload::Snapshot | Payload::Delta => &[Encoding::Json],
    }
}

const fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => "json",
        Encoding::Cbor => "cbor",
    }
}

fn message_name(payload: Payload, encoding: Encoding) -> String {
    format!("{}.{}", payload.name(), encoding_name(encoding))
}

const fn summary(payload: Payload) -> &'static str {
    match payload {
        Payload::Channel(Channel::Birth) => "What a device is and measures.",
        Payload::Channel(Channel::Telemetry) => "Readings: one frame, or an array of frames of one device.",
        Payload::Channel(Channel::Event) => "What happened to stock and shipments.",
        Payload::Channel(Channel::Position) => "Where a vehicle is.",
        Payload::Channel(Channel::Status) => "A device is online or not; also its last will.",
        Payload::Channel(Channel::Reported) => "The settings in force on a device.",
        Payload::Channel(Channel::Ack) => "The answer to a command.",
        Payload::Channel(Channel::Desired) => "The settings that should be in force on a device.",
        Payload::Channel(Channel::Command) => "Do this, once.",
        Payload::Snapshot => "Everything a client of the stream needs to start.",
        Payload::Delta => "What changed since.",
    }
}

fn message(payload: Payload, encoding: Encoding, schema: Value) -> Value {
    let mut message = json!({
        "name": message_name(payload, encoding),
        "title": payload.name(),
        "summary": summary(payload),
        "contentType": format!("application/{}", encoding_name(encoding)),
        "payload": schema,
    });
    let examples = examples(payload, encoding);
    if !examples.is_empty() {
        message["examples"] = Value::Array(examples);
    }
    message
}

fn describe_channel(channel: Channel) -> Value {
    let name = channel.as_str();
    let reference = |kind: &str, name: &str| json!({ "$ref": format!("#/components/{kind}/{name}") });
    let messages: Map<String, Value> = encodings(Payload::Channel(channel))
        .iter()
        .map(|encoding| {
            let component = reference("messages", &message_name(Payload::Channel(channel), *encoding));
            (encoding_name(*encoding).into(), component)
        })
        .collect();
    let parameters: Map<String, Value> =
        PARAMETERS.iter().map(|(name, ..)| ((*name).into(), reference("parameters", name))).collect();
    json!({
        "address": format!("{PREFIX}/{{tenant}}/{{site}}/{{device}}/{name}"),
        "title": name,
        "summary": summary(Payload::Channel(channel)),
        "servers": [{ "$ref": "#/servers/broker" }],
        "parameters": parameters,
        "messages": messages,
    })
}

fn operation_name(channel: Channel) -> String {
    let verb = if channel.is_up() { "receive" } else { "send" };
    let name = channel.as_str();
    format!("{verb}{}{}", name[..1].to_uppercase(), &name[1..])
}

fn describe_operation(channel: Channel) -> Value {
    let name = channel.as_str();
    let on = |name: &str| json!({ "$ref": format!("#/channels/{name}") });
    let messages_of = |channel: Channel| -> Vec<Value> {
        let encodings = encodings(Payload::Channel(channel)).iter();
        let reference = |encoding: &Encoding| json!({ "$ref": format!("#/channels/{}/messages/{}", channel.as_str(), encoding_name(*encoding)) });
        encodings.map(reference).collect()
    };
    let mut operation = json!({
        "action": if channel.is_up() { "receive" } else { "send" },
        "channel": on(name),
        "summary": summary(Payload::Channel(channel)),
        "messages": messages_of(channel),
        "bindings": { "mqtt": { "qos": QOS, "retain": channel.is_retained(), "bindingVersion": "0.2.0" } },
    });
    if channel == Channel::Command {
        operation["reply"] = json!({ "channel": on("ack"), "messages": messages_of(Channel::Ack) });
    }
    operation
}

fn stream_channel() -> Value {
    json!({
        "address": "/v1/stream",
        "title": "stream",
        "summary": "Server-sent events: a snapshot, then deltas; resumed with `Last-Event-ID`.",
        "servers": [{ "$ref": "#/servers/gateway" }],
        "messages": {
            "snapshot": { "$ref": "#/components/messages/snapshot.json" },
            "delta": { "$ref": "#/components/messages/delta.json" },
        },
    })
}

fn stream_operation() -> Value {
    json!({
        "action": "send",
        "channel": { "$ref": "#/channels/stream" },
        "summary": "The live twin, for viewers and other clients.",
        "messages": [
            { "$ref": "#/channels/stream/messages/snapshot" },
            { "$ref": "#/channels/stream/messages/delta" },
        ],
        "bindings": { "http": { "method": "GET", "bindingVersion": "0.3.0" } },
    })
}

/// The golden frames that stand as examples, each as (name, JSON, CBOR).
macro_rules! golden {
    ($($name:literal),+) => {
        &[$((
            $name,
            include_str!(concat!("../../golden/valid/", $name, ".json")),
            include_bytes!(concat!("../../golden/valid/", $name, ".cbor")),
        )),+]
    };
}

type Golden = (&'static str, &'static str, &'static [u8]);

fn golden(channel: Channel) -> &'static [Golden] {
    match channel {
        Channel::Birth => golden!("birth-full"),
        Channel::Telemetry => golden!("telemetry-one", "telemetry-batch"),
        Channel::Event => golden!("event-stock", "event-shipment"),
        Channel::Position => golden!("position-full"),
        Channel::Status => golden!("status-online", "status-will"),
        Channel::Reported => golden!("reported-settings"),
        Channel::Ack => golden!("ack-done", "ack-rejected"),
        Channel::Desired => golden!("desired-settings"),
        Channel::Command => golden!("command-go-to", "command-carry", "command-deliver", "command-rebirth"),
    }
}

fn examples(payload: Payload, encoding: Encoding) -> Vec<Value> {
    let Payload::Channel(channel) = payload else { return Vec::new() };
    let read = |(name, json, cbor): &Golden| {
        let payload: Option<Value> = match encoding {
            Encoding::Json => serde_json::from_str(json).ok(),
            Encoding::Cbor => minicbor_serde::from_slice(cbor).ok(),
        };
        json!({ "name": name, "payload": payload })
    };
    golden(channel).iter().map(read).collect()
}

/// Drops the definitions that no message leads to.
fn keep_what_is_used(schemas: &mut Map<String, Value>, messages: &Map<String, Value>) {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Object(members) => {
                for (name, member) in members {
                    match member.as_str().and_then(|target| target.strip_prefix("#/components/schemas/")) {
                        Some(target) if name == "$ref" => found.push(target.into()),
                        _ => collect(member, found),
                    }
                }
            }
            _ => {}
        }
    }
    let mut waiting = Vec::new();
    messages.values().for_each(|message| collect(message, &mut waiting));
    let mut used = alloc::collections::BTreeSet::new();
    while let Some(name) = waiting.pop() {
        if let Some(schema) = schemas.get(&name)
            && used.insert(name)
        {
            collect(schema, &mut waiting);
        }
    }
    schemas.retain(|name, _| used.contains(name));
}
