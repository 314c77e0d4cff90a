//! The encoder, judged by a reader of line protocol that shares nothing with it.

use super::*;
use proptest::prelude::*;

/// One line as InfluxDB 2.7 understands it, written after its `models/points.go`.
#[derive(Debug, PartialEq)]
struct Line {
    measurement: String,
    tags: Vec<(String, String)>,
    fields: Vec<(String, Field)>,
    nanos: i64,
}

#[derive(Debug, PartialEq)]
enum Field {
    Float(f64),
    Integer(i64),
    Boolean(bool),
    Text(String),
}

/// Splits at `separator` where it stands without a backslash before it.
fn split(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = ' ';
    for character in text.chars() {
        if character == separator && before != '\\' {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(character);
        }
        before = character;
    }
    parts
}

fn unescape(text: &str) -> String {
    text.replace("\\,", ",").replace("\\ ", " ").replace("\\=", "=")
}

fn field(text: &str) -> Field {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut plain = String::new();
        let mut rest = quoted.strip_suffix('"').expect("a closing quote").chars();
        while let Some(character) = rest.next() {
            match (character, rest.clone().next()) {
                ('\\', Some(next @ ('\\' | '"'))) => {
                    plain.push(next);
                    rest.next();
                }
                ('"', _) => panic!("a quote inside {text:?}"),
                _ => plain.push(character),
            }
        }
        return Field::Text(plain);
    }
    match text {
        "t" | "T" | "true" => Field::Boolean(true),
        "f" | "F" | "false" => Field::Boolean(false),
        _ => match text.strip_suffix('i') {
            Some(digits) => Field::Integer(digits.parse().unwrap()),
            None => Field::Float(text.parse().unwrap()),
        },
    }
}

/// The lines in `bytes`, as InfluxDB cuts them: it looks for quotes only where a field's value may be, and skips
/// what follows a backslash.
fn lines(bytes: &[u8]) -> Vec<String> {
    let (mut lines, mut start, mut at) = (Vec::new(), 0, 0);
    let (mut quoted, mut fields, mut equals, mut commas) = (false, false, 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if at + 2 < bytes.len() => {
                at += 2;
                continue;
            }
            b' ' => fields = true,
            b'=' if fields && !quoted => equals += 1,
            b',' if fields && !quoted => commas += 1,
            b'"' if fields && equals > commas => quoted = !quoted,
            b'\n' if !quoted => {
                lines.push(String::from_utf8(bytes[start..at].to_vec()).unwrap());
                (start, quoted, fields, equals, commas) = (at + 1, false, false, 0, 0);
            }
            _ => {}
        }
        at += 1;
    }
    assert_eq!(start, bytes.len(), "a last line without an end");
    lines
}

/// The end of the key: the first space without a backslash before it.
fn parse(line: &str) -> Line {
    let bytes = line.as_bytes();
    let key_end = (1..bytes.len()).find(|&at| bytes[at] == b' ' && bytes[at - 1] != b'\\').unwrap();
    let (key, rest) = (&line[..key_end], &line[key_end + 1..]);
    let time_start = rest.rfind(' ').unwrap();
    let (fields, time) = (&rest[..time_start], &rest[time_start + 1..]);
    let mut parts = split(key, ',').into_iter();
    let measurement = parts.next().unwrap();
    let tag = |part: String| {
        let pair = split(&part, '=');
        let [name, value] = pair.as_slice() else { panic!("not a tag: {part:?}") };
        assert!(!value.is_empty(), "an empty tag");
        (unescape(name), unescape(value))
    };
    let tags = parts.map(tag).collect();
    let mut cut = Vec::new();
    let (mut start, mut at, mut quoted) = (0, 0, false);
    let bytes = fields.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                cut.push(&fields[start..at]);
                start = at + 1;
            }
            b' ' if !quoted => panic!("a space among the fields of {line:?}"),
            _ => {}
        }
        at += 1;
    }
    assert!(!quoted, "an open quote in {line:?}");
    cut.push(&fields[start..]);
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').expect("a field");
        (name.to_owned(), field(value))
    };
    Line { measurement, tags, fields: cut.into_iter().map(pair).collect(), nanos: time.parse().unwrap() }
}

/// What must be read, whatever is written.
#[track_caller]
fn check(key: SeriesKey<'_>, points: &[(i64, Value, Quality)]) {
    let prefix = Prefix::new(&key).unwrap();
    let mut out = Vec::new();
    for (at, value, quality) in points {
        encode(&mut out, &prefix, Timestamp::from_nanos(*at), value, *quality).unwrap();
    }
    let read = lines(&out);
    assert_eq!(read.len(), points.len(), "{}", String::from_utf8_lossy(&out));
    for (line, (at, value, quality)) in read.iter().zip(points) {
        let tags = [("device", key.device), ("metric", key.metric), ("site", key.site)];
        let (kind, field) = match value {
            Value::Float(x) => (0, ("float", Field::Float(*x))),
            Value::Integer(n) => (1, ("integer", Field::Integer(*n))),
            Value::Boolean(b) => (2, ("boolean", Field::Boolean(*b))),
            Value::Text(text) => (3, ("text", Field::Text(text.to_string()))),
        };
        let kind =
            kind + 10 * [Quality::Good, Quality::Suspect, Quality::Bad].iter().position(|q| q == quality).unwrap();
        let expected = Line {
            measurement: "reading".to_owned(),
            tags: tags.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            fields: vec![("kind".to_owned(), Field::Integer(kind as i64)), (field.0.to_owned(), field.1)],
            nanos: *at,
        };
        assert_eq!(parse(line), expected, "{line:?}");
        assert_eq!(quality_of_kind(kind as i64), Some(*quality));
        assert_eq!(field_of_kind(kind as i64), Some(field.0));
    }
}

const KEY: SeriesKey<'static> = SeriesKey { site: "WH-01", device: "cold:7", metric: "door.open" };

fn awkward() -> impl Strategy<Value = String> {
    let part =
        proptest::sample::select(vec!["a", ",", "=", " ", "\"", "\\", "\n", "冷", "🧊", "\r", "\t", "i", "#", "\u{0}"]);
    prop_oneof![3 => proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat()), 1 => any::<String>()]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Value::Float),
        any::<i64>().prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Boolean),
        awkward().prop_map(|text| Value::Text(text.as_str().into())),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_itself(
        site in awkward(),
        device in awkward(),
        metric in awkward(),
        points in proptest::collection::vec(
            (i64::MIN + 2..i64::MAX, value(), proptest::sample::select(vec![Quality::Good, Quality::Suspect, Quality::Bad])),
            1..5,
        ),
    ) {
        let key = SeriesKey { site: &site, device: &device, metric: &metric };
        match Prefix::new(&key) {
            Ok(_) => check(key, &points),
            Err(_) => check(KEY, &points),
        }
    }
}

#[test]
fn a_line_looks_like_this() {
    let mut out = Vec::new();
    let prefix = Prefix::new(&SeriesKey { site: "a b", device: "c,d", metric: "e=f" }).unwrap();
    let at = Timestamp::from_nanos(-7);
    encode(&mut out, &prefix, at, &Value::Float(-3.5), Quality::Good).unwrap();
    encode(&mut out, &prefix, at, &Value::Integer(-3), Quality::Suspect).unwrap();
    encode(&mut out, &prefix, at, &Value::Boolean(true), Quality::Bad).unwrap();
    encode(&mut out, &prefix, at, &Value::Text("say \"\\\"".into()), Quality::Good).unwrap();
    let key = r"reading,device=c\,d,metric=e\=f,site=a\ b";
    let fields = ["kind=0i,float=-3.5", "kind=11i,integer=-3i", "kind=22i,boolean=t", r#"kind=3i,text="say \"\\\"""#];
    let expected: String = fields.iter().map(|fields| format!("{key} {fields} -7\n")).collect();
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn names_that_influxdb_cannot_hold_are_refused() {
    for bad in ["", "a\\", "a\\,b", "a\\=b", "a\\ b", "a\nb", "\\"] {
        let key = SeriesKey { site: "x", device: bad, metric: "y" };
        assert_eq!(Prefix::new(&key), Err(LineError::Tag { tag: "device", value: bad.to_owned() }));
    }
    let long = "x".repeat(PREFIX_BYTES_MAX);
    let key = SeriesKey { site: &long, device: "x", metric: "y" };
    assert!(matches!(Prefix::new(&key), Err(LineError::NamesTooLong { .. })));
}

#[test]
fn points_that_influxdb_cannot_hold_are_refused_and_nothing_is_appended() {
    let prefix = Prefix::new(&KEY).unwrap();
    let mut out = b"before".to_vec();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let refused = encode(&mut out, &prefix, Timestamp::EPOCH, &Value::Float(value), Quality::Good);
        assert!(matches!(refused, Err(LineError::NotFinite { at: Timestamp::EPOCH, .. })));
    }
    for at in [i64::MIN, i64::MIN + 1, i64::MAX].map(Timestamp::from_nanos) {
        let refused = encode(&mut out, &prefix, at, &Value::Boolean(true), Quality::Good);
        assert_eq!(refused, Err(LineError::Time { at }));
    }
    let long = Value::Text("x".repeat(TEXT_BYTES_MAX + 1).as_str().into());
    let refused = encode(&mut out, &prefix, Timestamp::EPOCH, &long, Quality::Good);
    assert_eq!(refused, Err(LineError::TextTooLong { at: Timestamp::EPOCH, len: TEXT_BYTES_MAX + 1 }));
    assert_eq!(out, b"before");
}

/// `cargo test --release -p gateway --lib influx::line -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "it measures and prints")]
fn speed() {
    let prefix = Prefix::new(&KEY).unwrap();
    let mut out = Vec::new();
    let start = std::time::Instant::now();
    let count = 3_000_000_i64;
    for n in 0..count {
        if n % 5_000 == 0 {
            out.clear();
        }
        let value = Value::Float(20.0 + (n % 977) as f64 / 10.0);
        let at = Timestamp::from_nanos(1_795_329_600_000_000_000 + n * 1_000_000);
        encode(&mut out, &prefix, at, &value, Quality::Good).unwrap();
    }
    println!("{:.2} million points/s", count as f64 / start.elapsed().as_secs_f64() / 1e6);
}
