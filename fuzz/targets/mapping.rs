//! Payloads of mapped topics. The first byte chooses the format (`0` to `2`), the rest is the payload.
//!
//! Whatever comes, there are frames within the contract's limits or there is a reason; and no reading of one
//! device and metric stands twice at one time.
#![no_main]

use firmware_schemas::codec::{self, Encoding, Frame};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::topic::Channel;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use std::sync::LazyLock;

#[path = "../../gateway/src/ingest/mapping/mod.rs"]
#[allow(dead_code)]
mod mapping;

use mapping::Mappings;
use mapping::config::MappingConfig;

const CONFIG: &str = r#"[
    {"topics": ["0/{x}"], "format": "json", "site": "WH", "device": "{x}.{/id}", "escape": true,
     "metrics": [{"field": "/a/b", "metric": "ab", "type": "float"}], "all_fields": true, "string_fields": ["s*"],
     "time": {"field": "ts", "format": "unix_ms"}},
    {"topics": ["1/{x}"], "format": "line_protocol", "site": "WH", "device": "{tag:host}",
     "metric": "{measurement}.{field}", "precision": "us"},
    {"topics": ["2/{x}"], "format": "value", "site": "WH", "device": "{x}"}
]"#;

static MAPPINGS: LazyLock<Mappings> = LazyLock::new(|| {
    let configs: Vec<MappingConfig> = serde_json::from_str(CONFIG).expect("mappings");
    Mappings::new(&configs).expect("mappings that can work")
});

fuzz_target!(|input: &[u8]| {
    let Some((choice, payload)) = input.split_first() else { return };
    let topic = format!("{}/x", choice.wrapping_sub(b'0') % 3);
    let decoded = MAPPINGS.decode(&topic, payload, Timestamp::EPOCH).expect("a mapping that covers it");
    let mapped = match decoded {
        Ok(mapped) => mapped,
        Err(why) => {
            assert!(!why.to_string().is_empty());
            return;
        }
    };
    let mut seen = BTreeSet::new();
    for mapping::MappedFrame { frame, .. } in &mapped.frames {
        for reading in &frame.readings {
            let key = (frame.device.clone(), reading.metric.clone(), reading.at);
            assert!(seen.insert(key), "twice: {reading:?}");
        }
        let bytes = codec::encode(frame, Encoding::Cbor).expect("it can be written");
        match codec::decode(Channel::Telemetry, frame.device.as_str(), &bytes) {
            Ok(Frame::Telemetry(again)) => assert_eq!(again, [frame.clone()]),
            Err(codec::FrameError::TooLong { .. }) => {}
            other => panic!("{other:?} of {frame:?}"),
        }
    }
});
