//! The C header: topics, member names, choices and limits, for firmware in C and C++.

use super::schema::definitions;
use crate::id::ID_LEN_MAX;
use crate::telemetry::{
    DEPTH_MAX, EVENTS_MAX, FRAMES_MAX, INTEGER_MAX, METRICS_MAX, PAYLOAD_LEN_MAX, PIECES_MAX, READINGS_MAX,
    SHIPMENT_LINES_MAX, TEXT_LEN_MAX,
};
use crate::topic::{Channel, PREFIX, QOS, TOPIC_LEN_MAX};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde_json::{Map, Value};

const HEAD: &str = r#"/* The wire contract of Portolan, version 1, for firmware in C and C++.
 *
 * Made from the types of the crate firmware-schemas; a test compares. docs/contract.md explains.
 *
 * Payloads are JSON or CBOR, told apart by the first byte: a CBOR payload begins with a map or an array,
 * without a tag before it. Both carry the same members, with two differences:
 *
 *                JSON                                         CBOR
 *   Timestamp    "2026-11-22T06:40:00Z", or milliseconds      integer (int64), nanoseconds since 1970-01-01T00:00:00Z
 *   Position     {"lat": 53.5461, "lon": 9.9661} in degrees   [lat_e7, lon_e7], ten-millionths of a degree
 *
 * Members that are not required may be left out or null. Unknown members are ignored. A number is never
 * read from a text. Map keys are texts.
 */
#ifndef PORTOLAN_H
#define PORTOLAN_H

#include <stddef.h>
#include <stdint.h>

#define PORTOLAN_VERSION 1
"#;

const TAIL: &str = r#"
/* ---- Helpers ----------------------------------------------------------------------------------------- */

/* 1 if `text` is an identifier (1 to PORTOLAN_ID_LEN_MAX bytes, [A-Za-z0-9][A-Za-z0-9._~:-]*), else 0. */
static inline int portolan_id_is_valid(const char *text) {
    size_t len = 0;
    if (text == NULL) {
        return 0;
    }
    for (; text[len] != '\0'; len++) {
        const char c = text[len];
        const int alphanumeric = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        const int other = c == '.' || c == '_' || c == '~' || c == ':' || c == '-';
        if (len >= PORTOLAN_ID_LEN_MAX || !(alphanumeric || (other && len > 0))) {
            return 0;
        }
    }
    return len > 0;
}

/* A time in CBOR. */
static inline int64_t portolan_nanos(int64_t unix_secs, int32_t nanos) {
    return unix_secs * INT64_C(1000000000) + nanos;
}

/* A latitude or longitude in CBOR, from degrees. */
static inline int32_t portolan_e7(double degrees) {
    return (int32_t)(degrees * 1e7 + (degrees < 0.0 ? -0.5 : 0.5));
}

#endif /* PORTOLAN_H */
"#;

/// The text of `portolan.h`.
pub fn c_header() -> String {
    let mut out = Lines(String::from(HEAD));
    topics(&mut out);
    limits(&mut out);
    members_and_choices(&mut out);
    out.0.push_str(TAIL);
    out.0
}

struct Lines(String);

impl Lines {
    fn section(&mut self, title: &str) {
        let rule = "-".repeat(98_usize.saturating_sub(title.len()));
        self.0.push_str(&format!("\n/* ---- {title} {rule} */\n"));
    }

    /// A comment on a line of its own, after an empty one.
    fn comment(&mut self, text: &str) {
        self.0.push_str(&format!("\n/* {} */\n", plain(text)));
    }

    fn define(&mut self, name: &str, value: &str, comment: &str) {
        let comment = if comment.is_empty() { String::new() } else { format!(" /* {} */", plain(comment)) };
        self.0.push_str(&format!("#define PORTOLAN_{name} {value}{comment}\n"));
    }
}

/// The text in ASCII, as old compilers want it, and safe inside a comment.
fn plain(text: &str) -> String {
    let text = text.replace('±', "+-").replace('→', "->").replace("…", "...").replace('–', "-").replace("*/", "* /");
    text.chars().filter(|c| *c != '`').map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// `MetricDeclaration` and `cold_room` to `METRIC_DECLARATION` and `COLD_ROOM`.
fn screaming(name: &str) -> String {
    let mut out = String::new();
    for (at, c) in name.char_indices() {
        if at > 0 && c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    }
    out
}

fn topics(out: &mut Lines) {
    out.section("Topics");
    out.comment(
        "PREFIX/TENANT/SITE/DEVICE/CHANNEL. Tenant, site and device are identifiers; the format strings take them \
         in this order.",
    );
    out.define("PREFIX", &quoted(PREFIX), "");
    out.define("TOPIC_FORMAT", &quoted(&format!("{PREFIX}/%s/%s/%s/%s")), "tenant, site, device, channel");
    out.define("TOPIC_LEN_MAX", &TOPIC_LEN_MAX.to_string(), "bytes, without the end mark");
    out.define("QOS", &QOS.to_string(), "of every channel; 0 is taken too, and not acknowledged");
    for channel in Channel::UP.into_iter().chain(Channel::DOWN) {
        let (name, upper) = (channel.as_str(), screaming(channel.as_str()));
        let way = if channel.is_up() { "device -> Portolan" } else { "Portolan -> device" };
        out.comment(&format!("{name}: {way}{}", if channel.is_retained() { ", retained" } else { "" }));
        out.define(&format!("CHANNEL_{upper}"), &quoted(name), "");
        out.define(&format!("TOPIC_{upper}"), &quoted(&format!("{PREFIX}/%s/%s/%s/{name}")), "tenant, site, device");
        out.define(&format!("RETAIN_{upper}"), if channel.is_retained() { "1" } else { "0" }, "");
    }
}

fn limits(out: &mut Lines) {
    out.section("Limits");
    out.0.push('\n');
    out.define("ID_LEN_MAX", &ID_LEN_MAX.to_string(), "bytes of an identifier: [A-Za-z0-9][A-Za-z0-9._~:-]*");
    out.define("PAYLOAD_LEN_MAX", &PAYLOAD_LEN_MAX.to_string(), "bytes of a payload");
    out.define("DEPTH_MAX", &DEPTH_MAX.to_string(), "arrays and objects within one another");
    out.define("FRAMES_MAX", &FRAMES_MAX.to_string(), "telemetry frames in an array");
    out.define("READINGS_MAX", &READINGS_MAX.to_string(), "readings in a telemetry frame");
    out.define("EVENTS_MAX", &EVENTS_MAX.to_string(), "events in an event frame");
    out.define("METRICS_MAX", &METRICS_MAX.to_string(), "metrics in a birth, settings in a report");
    out.define("SHIPMENT_LINES_MAX", &SHIPMENT_LINES_MAX.to_string(), "lines of a shipment");
    out.define("TEXT_LEN_MAX", &TEXT_LEN_MAX.to_string(), "bytes of a text value or free text");
    out.define("INTEGER_MAX", &format!("INT64_C({INTEGER_MAX})"), "largest magnitude of an integer value");
    out.define("PIECES_MAX", &format!("INT64_C({PIECES_MAX})"), "largest number of pieces in an event");
}

fn members_and_choices(out: &mut Lines) {
    out.section("Members and choices");
    for (name, schema) in definitions() {
        let prefix = screaming(name.strip_suffix("Frame").unwrap_or(&name));
        let what = schema["description"].as_str().unwrap_or_default();
        if schema["properties"].is_object() {
            out.comment(&format!("{name}: {what}"));
            members(out, &prefix, &schema);
        } else if let Some(choices) = schema["oneOf"].as_array().filter(|_| name != "Timestamp") {
            out.comment(&format!("{name}: {what}"));
            choices.iter().for_each(|choice| describe_choice(out, &prefix, choice));
        }
    }
}

/// A bare name, or an object with one member.
fn describe_choice(out: &mut Lines, prefix: &str, choice: &Value) {
    let what = choice["description"].as_str().unwrap_or_default();
    if let Some(name) = choice["const"].as_str() {
        out.define(&format!("{prefix}_{}", screaming(name)), &quoted(name), what);
    }
    for (name, body) in choice["properties"].as_object().into_iter().flatten() {
        let prefix = format!("{prefix}_{}", screaming(name));
        out.define(&prefix, &quoted(name), &format!("object. {what}"));
        members(out, &prefix, body);
    }
}

fn members(out: &mut Lines, prefix: &str, schema: &Value) {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let empty = Map::new();
    for (name, member) in schema["properties"].as_object().unwrap_or(&empty) {
        let needed = if required.contains(&name.as_str()) { "required" } else { "optional" };
        let what = member["description"].as_str().unwrap_or_default();
        out.define(
            &format!("{prefix}_{}", screaming(name)),
            &quoted(name),
            &format!("{needed}, {}. {what}", kind(member)),
        );
    }
}

/// The type of a member in a word or three.
fn kind(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        return target.rsplit('/').next().unwrap_or_default().into();
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        return choices.iter().find(|choice| choice["type"] != "null").map(kind).unwrap_or_default();
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => alloc::vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect(),
        _ => Vec::new(),
    };
    match types.as_slice() {
        ["array"] => format!("array of {}", kind(&schema["items"])),
        ["integer"] => schema["format"].as_str().unwrap_or("integer").into(),
        several => several.join(" or "),
    }
}
