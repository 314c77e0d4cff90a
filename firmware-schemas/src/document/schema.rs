//! A JSON Schema for every payload.

use crate::command::{CommandFrame, DesiredFrame};
use crate::telemetry::{
    AckFrame, BirthFrame, EventFrame, FRAMES_MAX, PositionFrame, ReportedFrame, StatusFrame, TelemetryFrame,
};
use crate::topic::Channel;
use crate::view::{Delta, Snapshot};
use alloc::format;
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
    Value::Object(document)
}
