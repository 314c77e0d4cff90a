//! A JSON Schema for every payload.

use crate::codec::Encoding;
use crate::command::{CommandFrame, DesiredFrame};
use crate::telemetry::{
    AckFrame, BirthFrame, EventFrame, FRAMES_MAX, PositionFrame, ReportedFrame, StatusFrame, TelemetryFrame,
};
use crate::topic::Channel;
use crate::view::{Delta, Snapshot};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use schemars::generate::{Contract, SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

/// What crosses a process boundary: a channel of MQTT, or a message of the event stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A payload on an MQTT channel.
    Channel(Channel),
    /// The first message of the stream.
    Snapshot,
    /// Every later message of the stream.
    Delta,
}

impl Payload {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let channels = Channel::UP.into_iter().chain(Channel::DOWN).map(Self::Channel);
        channels.chain([Self::Snapshot, Self::Delta])
    }

    /// The name of its files and components.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Channel(channel) => channel.as_str(),
            Self::Snapshot => "snapshot",
            Self::Delta => "delta",
        }
    }

    /// What we send is described as it is written, what we receive as it is accepted.
    const fn contract(self) -> Contract {
        match self {
            Self::Channel(channel) if channel.is_up() => Contract::Deserialize,
            Self::Channel(_) | Self::Snapshot | Self::Delta => Contract::Serialize,
        }
    }

    fn root(self, generator: &mut SchemaGenerator) -> Schema {
        match self {
            Self::Channel(Channel::Birth) => generator.subschema_for::<BirthFrame>(),
            Self::Channel(Channel::Telemetry) => generator.subschema_for::<TelemetryPayload>(),
            Self::Channel(Channel::Event) => generator.subschema_for::<EventFrame>(),
            Self::Channel(Channel::Position) => generator.subschema_for::<PositionFrame>(),
            Self::Channel(Channel::Status) => generator.subschema_for::<StatusFrame>(),
            Self::Channel(Channel::Reported) => generator.subschema_for::<ReportedFrame>(),
            Self::Channel(Channel::Ack) => generator.subschema_for::<AckFrame>(),
            Self::Channel(Channel::Desired) => generator.subschema_for::<DesiredFrame>(),
            Self::Channel(Channel::Command) => generator.subschema_for::<CommandFrame>(),
            Self::Snapshot => generator.subschema_for::<Snapshot>(),
            Self::Delta => generator.subschema_for::<Delta>(),
        }
    }
}

/// One telemetry frame, or an array of 1 to 500.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum TelemetryPayload {
    /// One frame.
    One(TelemetryFrame),
    /// A batch of frames of one device.
    Batch(#[schemars(length(min = 1, max = FRAMES_MAX))] Vec<TelemetryFrame>),
}

/// The JSON Schema (draft 2020-12) of a payload in JSON.
pub fn schema(payload: Payload) -> Value {
    let contract = payload.contract();
    let mut generator = SchemaSettings::draft2020_12().with(|settings| settings.contract = contract).into_generator();
    let root = payload.root(&mut generator);
    let mut document = Map::new();
    document.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    document.insert("$id".into(), json!(format!("urn:portolan:v1:{}", payload.name())));
    document.insert("title".into(), json!(format!("portolan/v1 {}", payload.name())));
    document.extend(root.to_value().as_object().cloned().unwrap_or_default());
    document.insert("$defs".into(), Value::Object(generator.take_definitions(true)));
    let mut document = Value::Object(document);
    tidy(&mut document);
    document
}

/// Descriptions come from doc comments, whose links lead nowhere here; and `format` alone binds no validator.
fn tidy(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(members) => {
            for (name, member) in &mut *members {
                match member {
                    Value::String(text) if name == "description" => {
                        *text = text.replace("[`", "`").replace("`]", "`");
                    }
                    _ => tidy(member),
                }
            }
            if members.get("format").is_some_and(|format| format == "uint32") {
                members.entry("maximum").or_insert(json!(u32::MAX));
            }
        }
        _ => {}
    }
}

/// The schemas of all payloads in one encoding as AsyncAPI components: (the root of each payload, all definitions).
///
/// AsyncAPI's own schema language is a superset of JSON Schema draft 7.
pub(super) fn components(encoding: Encoding) -> (Vec<(Payload, Value)>, Map<String, Value>) {
    let mut roots = Vec::new();
    let mut definitions = Map::new();
    for contract in [Contract::Deserialize, Contract::Serialize] {
        let suffix = suffix(encoding, &contract);
        let mut generator = SchemaSettings::draft07()
            .with(|settings| {
                settings.contract = contract.clone();
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
            .into_generator();
        for payload in Payload::all().filter(|payload| payload.contract() == contract) {
            let mut root = payload.root(&mut generator).to_value();
            rename_refs(&mut root, suffix);
            roots.push((payload, root));
        }
        for (name, mut definition) in generator.take_definitions(true) {
            if encoding == Encoding::Cbor {
                match name.as_str() {
                    "Timestamp" => definition = cbor_timestamp(),
                    "Position" => definition = cbor_position(),
                    _ => {}
                }
            }
            rename_refs(&mut definition, suffix);
            tidy(&mut definition);
            definitions.insert(name + suffix, definition);
        }
    }
    (roots, definitions)
}

fn suffix(encoding: Encoding, contract: &Contract) -> &'static str {
    match (encoding, contract.is_serialize()) {
        (Encoding::Json, false) => "",
        (Encoding::Json, true) => ".sent",
        (Encoding::Cbor, false) => ".cbor",
        (Encoding::Cbor, true) => ".sent.cbor",
    }
}

fn rename_refs(schema: &mut Value, suffix: &str) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| rename_refs(item, suffix)),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(target) if name == "$ref" => *target = target.to_string() + suffix,
                    _ => rename_refs(member, suffix),
                }
            }
        }
        _ => {}
    }
}

fn cbor_timestamp() -> Value {
    json!({
        "description": "Integer nanoseconds since 1970-01-01T00:00:00Z.",
        "type": "integer",
        "format": "int64",
    })
}

fn cbor_position() -> Value {
    json!({
        "description": "Degrees north and east (WGS 84), in ten-millionths.",
        "type": "array",
        "items": [
            { "type": "integer", "minimum": -900_000_000, "maximum": 900_000_000 },
            { "type": "integer", "minimum": -1_800_000_000, "maximum": 1_800_000_000 },
        ],
        "minItems": 2,
        "maxItems": 2,
    })
}

/// The definitions behind the payloads of all channels, by name, as they are accepted.
pub(super) fn definitions() -> Vec<(String, Value)> {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    for channel in Channel::UP.into_iter().chain(Channel::DOWN) {
        Payload::Channel(channel).root(&mut generator);
    }
    let mut definitions: Vec<_> = generator.take_definitions(true).into_iter().collect();
    definitions.iter_mut().for_each(|(_name, definition)| tidy(definition));
    definitions.sort_by(|a, b| a.0.cmp(&b.0));
    definitions
}
