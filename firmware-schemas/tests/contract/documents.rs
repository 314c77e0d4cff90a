//! The generated documents: the same as the types say, sound in themselves, and true of the golden frames.

use crate::frames::{DEVICE, channel_of};
use crate::{at, check_generated, file_name, files, read};
use firmware_schemas::codec::{self, FrameError};
use firmware_schemas::document::{self, Payload};
use firmware_schemas::topic::{Channel, Topic};
use jsonschema::Validator;
use serde_json::Value;

fn validator(schema: &Value) -> Validator {
    jsonschema::options().should_validate_formats(true).build(schema).unwrap_or_else(|why| panic!("{why}"))
}

#[test]
fn the_schemas_are_what_the_types_say() {
    for payload in Payload::all() {
        let schema = document::schema(payload);
        if let Err(why) = jsonschema::meta::validate(&schema) {
            panic!("{}: {why}", payload.name());
        }
        check_generated(&format!("schema/{}.schema.json", payload.name()), &document::pretty(&schema));
    }
    let expected: usize = Payload::all().count() + 1; // and asyncapi.json
    assert_eq!(files("schema").len(), expected, "files in {}", at("schema").display());
}

#[test]
fn every_valid_frame_follows_its_schema() {
    let mut seen = 0;
    for path in files("golden/valid") {
        if file_name(&path).ends_with(".cbor") {
            continue;
        }
        seen += 1;
        let frame: Value = serde_json::from_slice(&read(&path)).unwrap();
        let schema = validator(&document::schema(Payload::Channel(channel_of(&path))));
        if let Err(why) = schema.validate(&frame) {
            panic!("{}: {why} at {}", path.display(), why.instance_path());
        }
    }
    assert!(seen >= 58, "only {seen} frames found");
}

/// What JSON Schema cannot say, or says of characters where the contract counts bytes.
const ONLY_THE_DECODER_KNOWS: [&str; 7] = [
    "reported-setting-too-large",
    "telemetry-integer-beyond-2-53",
    "telemetry-integer-beyond-i64",
    "telemetry-member-twice",
    "telemetry-other-device",
    "telemetry-other-device-in-batch",
    "telemetry-too-deep",
];

#[test]
fn a_bad_frame_breaks_its_schema_too() {
    let mut passed = Vec::new();
    for path in files("golden/bad") {
        let channel = channel_of(&path);
        if !file_name(&path).ends_with(".json") || !channel.is_up() {
            continue;
        }
        let Ok(frame) = serde_json::from_slice::<Value>(&read(&path)) else { continue };
        if validator(&document::schema(Payload::Channel(channel))).is_valid(&frame) {
            passed.push(file_name(&path).trim_end_matches(".json").to_owned());
        }
    }
    passed.sort();
    assert_eq!(passed, ONLY_THE_DECODER_KNOWS);
}

/// Every place in a value, as a JSON pointer.
fn places(value: &Value, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    match value {
        Value::Array(items) => (0..).zip(items).for_each(|(n, item)| places(item, &format!("{here}/{n}"), found)),
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| places(member, &format!("{here}/{name}"), found));
        }
        _ => {}
    }
}

/// The schema and the decoder agree on every golden frame with one thing changed, wherever that is.
#[test]
fn the_decoder_takes_what_follows_the_schema_and_nothing_else() {
    let others = serde_json::json!([
        null, true, 0, 1, -1, 1.5, 36000, 9_900_000_000_000_i64, "", "x", "a b", "2026-11-22T06:40:00Z", [], {}, [0], [0, 0],
        {"lat": 0, "lon": 0}, {"x": 1}
    ]);
    let mut tried = 0;
    for path in files("golden/valid") {
        let (name, channel) = (file_name(&path), channel_of(&path));
        if !channel.is_up() || !name.ends_with(".json") {
            continue;
        }
        let frame: Value = serde_json::from_slice(&read(&path)).unwrap();
        let schema = validator(&document::schema(Payload::Channel(channel)));
        let mut found = Vec::new();
        places(&frame, "", &mut found);
        for place in found {
            let mut changed: Vec<Value> = Vec::new();
            for other in others.as_array().unwrap() {
                let mut frame = frame.clone();
                *frame.pointer_mut(&place).unwrap() = other.clone();
                changed.push(frame);
            }
            if let Some((parent, member)) = place.rsplit_once('/') {
                let mut frame = frame.clone();
                if let Some(members) = frame.pointer_mut(parent).and_then(Value::as_object_mut) {
                    members.remove(member);
                    changed.push(frame);
                }
            }
            for frame in changed {
                tried += 1;
                let decoded = codec::decode(channel, DEVICE, frame.to_string().as_bytes());
                match decoded {
                    Err(FrameError::DeviceMismatch { .. }) => {} // not for a schema to know
                    decoded => assert_eq!(schema.is_valid(&frame), decoded.is_ok(), "{name}: {frame}\n{decoded:?}"),
                }
            }
        }
    }
    assert!(tried > 5_000, "only {tried} frames tried");
}

fn asyncapi() -> Value {
    document::asyncapi()
}

#[test]
fn the_asyncapi_document_is_what_the_types_say() {
    check_generated("schema/asyncapi.json", &document::pretty(&asyncapi()));
}

#[test]
fn the_asyncapi_document_follows_the_official_schema() {
    let official: Value = serde_json::from_slice(&read(&at("tests/contract/asyncapi-3.0.0/schema.json"))).unwrap();
    let validator = jsonschema::options().build(&official).unwrap_or_else(|why| panic!("{why}"));
    let errors: Vec<_> =
        validator.iter_errors(&asyncapi()).map(|why| format!("{why} at {}", why.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let mut broken = asyncapi();
    broken["operations"]["receiveTelemetry"]["action"] = "listen".into();
    assert!(!validator.is_valid(&broken), "the official schema lets anything pass");
}

/// Calls `visit` with every reference in the document.
fn each_reference(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| each_reference(item, visit)),
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(target) if name == "$ref" => visit(target),
                    _ => each_reference(member, visit),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn every_reference_of_the_asyncapi_document_leads_somewhere() {
    let document = asyncapi();
    let mut targets = std::collections::BTreeSet::new();
    each_reference(&document, &mut |target| {
        let found = target.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        assert!(found.is_some(), "{target}");
        targets.insert(target.to_owned());
    });
    for (kind, components) in document["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys() {
            assert!(targets.contains(&format!("#/components/{kind}/{name}")), "nothing uses {kind} {name}");
        }
    }
}

#[test]
fn every_channel_has_its_address_and_operation() {
    let document = asyncapi();
    for channel in Channel::UP.into_iter().chain(Channel::DOWN) {
        let name = channel.as_str();
        let described = &document["channels"][name];
        let address = described["address"].as_str().unwrap();
        let parameters = described["parameters"].as_object().unwrap();
        let filled =
            parameters.keys().fold(address.to_owned(), |address, name| address.replace(&format!("{{{name}}}"), "x"));
        assert_eq!(Topic::parse(&filled).map(|topic| topic.channel), Ok(channel), "{address}");

        let reference = format!("#/channels/{name}");
        let operations: Vec<&Value> = document["operations"]
            .as_object()
            .unwrap()
            .values()
            .filter(|operation| operation["channel"]["$ref"] == reference.as_str())
            .collect();
        let [operation] = operations.as_slice() else { panic!("{name}: {operations:?}") };
        assert_eq!(operation["action"], if channel.is_up() { "receive" } else { "send" }, "{name}");
        assert_eq!(operation["bindings"]["mqtt"]["retain"], channel.is_retained(), "{name}");
        assert_eq!(operation["bindings"]["mqtt"]["qos"], 1, "{name}");
        for message in operation["messages"].as_array().unwrap() {
            let target = message["$ref"].as_str().unwrap();
            assert!(target.starts_with(&format!("{reference}/messages/")), "{target}");
        }
    }
}

#[test]
fn the_examples_of_the_asyncapi_document_follow_their_schemas() {
    let document = asyncapi();
    let mut seen = 0;
    for (name, message) in document["components"]["messages"].as_object().unwrap() {
        let schema = serde_json::json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "allOf": [message["payload"]],
            "components": document["components"],
        });
        let validator = validator(&schema);
        for example in message["examples"].as_array().into_iter().flatten() {
            seen += 1;
            if let Err(why) = validator.validate(&example["payload"]) {
                panic!("{name} {}: {why} at {}", example["name"], why.instance_path());
            }
        }
        assert!(!validator.is_valid(&Value::Null), "{name}: the schema lets anything pass");
    }
    assert!(seen >= 20, "only {seen} examples found");
}

#[test]
fn the_frames_in_the_guide_are_golden_ones() {
    let guide = String::from_utf8(read(&at("../docs/contract.md"))).unwrap();
    let golden: Vec<String> = files("golden/valid")
        .iter()
        .filter(|path| file_name(path).ends_with(".json"))
        .map(|path| String::from_utf8(read(path)).unwrap().trim().to_owned())
        .collect();
    let frames: Vec<&str> = guide.split("```json\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    assert!(frames.len() >= 10, "only {} frames found", frames.len());
    for frame in frames {
        assert!(golden.iter().any(|golden| golden == frame), "not in golden/valid:\n{frame}");
    }
}
