//! The generated documents: the same as the types say, sound in themselves, and true of the golden frames.

use crate::frames::channel_of;
use crate::{at, check_generated, file_name, files, read};
use firmware_schemas::document::{self, Payload};
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
    let expected: usize = Payload::all().count();
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
