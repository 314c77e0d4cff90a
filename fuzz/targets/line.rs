//! Lines for InfluxDB. Of any names and any text a line is made, or an error; of two lines InfluxDB makes two, with
//! the text as it was, whatever it holds.
#![no_main]

use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::{Quality, Value};
use libfuzzer_sys::fuzz_target;

#[path = "../../gateway/src/store/influx/line.rs"]
#[allow(dead_code)]
mod line;

/// Cuts at unescaped breaks outside quotes, as InfluxDB does.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut found, mut start, mut at) = (Vec::new(), 0, 0);
    let (mut quoted, mut fields, mut equals, mut commas) = (false, false, 0_usize, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if at + 2 < bytes.len() => at += 1,
            b' ' => fields = true,
            b'=' if fields && !quoted => equals += 1,
            b',' if fields && !quoted => commas += 1,
            b'"' if fields && equals > commas => quoted = !quoted,
            b'\n' if !quoted => {
                found.push(&bytes[start..at]);
                (start, fields, equals, commas) = (at + 1, false, 0, 0);
            }
            _ => {}
        }
        at += 1;
    }
    assert_eq!(start, bytes.len(), "a line without an end");
    found
}

/// The value of tag number `idx`.
fn tag(key: &str, idx: usize) -> String {
    let mut parts = vec![String::new()];
    let mut before = ' ';
    for character in key.chars() {
        match character {
            ',' | '=' if before != '\\' => parts.push(String::new()),
            _ => parts.last_mut().expect("a part").push(character),
        }
        before = character;
    }
    assert_eq!(parts.len(), 7, "{key:?}");
    parts[2 * idx + 2].replace("\\,", ",").replace("\\ ", " ").replace("\\=", "=")
}

fn unquoted(quoted: &str) -> String {
    let mut text = String::new();
    let mut rest = quoted.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' => text.push(rest.next().expect("an escaped character")),
            '"' => panic!("the text ends early"),
            _ => text.push(character),
        }
    }
    text
}

fuzz_target!(|input: (&str, &str, &str, &str, i64, f64)| {
    let (site, device, metric, text, nanos, number) = input;
    let Ok(prefix) = line::Prefix::new(&line::SeriesKey { site, device, metric }) else { return };
    let at = Timestamp::from_nanos(nanos);
    let mut out = Vec::new();
    if line::encode(&mut out, &prefix, at, &Value::Text(text.into()), Quality::Bad).is_err() {
        assert!(out.is_empty());
        return;
    }
    let taken = line::encode(&mut out, &prefix, at, &Value::Float(number), Quality::Good).is_ok();
    assert_eq!(taken, number.is_finite());
    let lines = lines(&out);
    assert_eq!(lines.len(), 1 + usize::from(taken), "{:?}", String::from_utf8_lossy(&out));
    for one in &lines {
        let one = std::str::from_utf8(one).expect("UTF-8");
        let end = (1..one.len()).find(|&at| one.as_bytes()[at] == b' ' && one.as_bytes()[at - 1] != b'\\');
        let (key, rest) = one.split_at(end.expect("the end of the key"));
        assert_eq!([tag(key, 0), tag(key, 1), tag(key, 2)], [device, metric, site].map(str::to_owned));
        let (fields, time) = rest.rsplit_once(' ').expect("a time");
        assert_eq!(time.parse(), Ok(nanos));
        if let Some(quoted) = fields.strip_prefix(" kind=23i,text=\"") {
            assert_eq!(unquoted(quoted.strip_suffix('"').expect("a closing quote")), text);
        } else {
            let float = fields.strip_prefix(" kind=0i,float=").expect("a float");
            assert_eq!(float.parse::<f64>().map(f64::to_bits), Ok(number.to_bits()));
        }
    }
});
