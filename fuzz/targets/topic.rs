//! Topics. What is taken is written back as it was.
#![no_main]

use firmware_schemas::topic::{TOPIC_LEN_MAX, Topic};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(topic) = Topic::parse(text) {
        assert_eq!(topic.to_string(), text);
        assert!(text.len() <= TOPIC_LEN_MAX);
    }
});
