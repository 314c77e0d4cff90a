use super::config::{MappingConfig, indexed};
use super::*;
use firmware_schemas::telemetry::Quality;
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    #[serde(deserialize_with = "indexed")]
    mappings: Vec<MappingConfig>,
}

fn mappings(toml: &str) -> Result<Mappings, String> {
    let file: File = toml::from_str(toml).map_err(|why| why.to_string())?;
    Mappings::new(&file.mappings).map_err(|why| why.to_string())
}

const ARRIVED: Timestamp = Timestamp::from_nanos(1_790_000_000_000_000_000);

/// `site device metric=value@nanos`, one a line; what came without a time says `now`.
fn told(mapped: &Mapped) -> String {
    let mut lines = Vec::new();
    for MappedFrame { site, frame } in &mapped.frames {
        assert_eq!((frame.boot, frame.seq, frame.sent_at), (None, None, None));
        for Reading { metric, at, value, quality } in &frame.readings {
            assert_eq!(*quality, Quality::Good);
            let at = if *at == ARRIVED { "now".to_owned() } else { at.as_nanos().to_string() };
            let unit = mapped.units.get(metric).map_or(String::new(), |unit| format!(" {unit}"));
            lines.push(format!("{site} {} {metric}={value:?}{unit} @{at}", frame.device));
        }
    }
    lines.join("\n")
}

#[track_caller]
fn check(mapping: &str, topic: &str, payload: &str, expected: &str) {
    let mappings = mappings(&format!("[[mappings]]\n{mapping}")).unwrap_or_else(|why| panic!("{mapping}: {why}"));
    let found = match mappings.decode(topic, payload.as_bytes(), ARRIVED) {
        None => "not covered".to_owned(),
        Some(Ok(mapped)) => told(&mapped),
        Some(Err(why)) => why.to_string(),
    };
    assert_eq!(found, expected, "{mapping}\n{topic}\n{payload}");
}

const PLANT: &str = "topics = ['plant/{site}/line/{device}/sensors']\nsite = '{site}'\ndevice = '{device}'\n";

#[track_caller]
fn check_json(more: &str, payload: &str, expected: &str) {
    check(&format!("{PLANT}format = 'json'\n{more}"), "plant/WH/line/d1/sensors", payload, expected);
}

#[track_caller]
fn check_lines(more: &str, payload: &str, expected: &str) {
    let mapping = format!("topics = ['t/#']\nformat = 'line_protocol'\nsite = 'WH'\n{more}");
    check(&mapping, "t/x", payload, expected);
}

#[test]
fn the_json_of_telegrafs_manual_has_the_fields_that_telegraf_gives_it() {
    let payload = r#"{"a": 5, "b": {"c": 6}, "ignored": "I'm a string"}"#;
    check_json("", payload, "WH d1 a=Integer(5) @now\nWH d1 b_c=Integer(6) @now");
    let payload =
        r#"{"a": 5, "b": {"c": 6, "time":"2006-01-02T15:04:05Z"}, "my_tag_1": "foo", "on": true, "none": null}"#;
    check_json(
        "time = { field = 'b_time', format = 'rfc3339' }\nstring_fields = ['my_*', 'on']",
        payload,
        "WH d1 a=Integer(5) @1136214245000000000\nWH d1 b_c=Integer(6) @1136214245000000000\n\
         WH d1 my_tag_1=Text(\"foo\") @1136214245000000000\nWH d1 on=Boolean(true) @1136214245000000000",
    );
    let payload = r#"{"a": [1, {"x": 2.5}, [3]]}"#;
    check_json("", payload, "WH d1 a_0=Integer(1) @now\nWH d1 a_1_x=Float(2.5) @now\nWH d1 a_2_0=Integer(3) @now");
    let payload = r#"[{"a": 5, "t": 1}, {"a": 7, "t": 2}]"#;
    let time = "time = { field = '/t', format = 'unix' }";
    check_json(time, payload, "WH d1 a=Integer(5) @1000000000\nWH d1 a=Integer(7) @2000000000");
}

#[test]
fn a_query_finds_objects_and_placeholders_read_from_them_and_from_the_root() {
    let mapping = "topics = ['r/+']\nformat = 'json'\nsite = 'WH'\ndevice = '{root:/id}'\nquery = '/obj/list'\n\
        metric = '{/s}.{field}'\ntime = { field = 'root:/ts', format = 'unix_ms' }";
    let payload = r#"{"id": "d7", "ts": 3, "obj": {"list": [{"s": "x", "v": 1}, {"s": "y", "v": 2}]}}"#;
    check(mapping, "r/1", payload, "WH d7 x.v=Integer(1) @3000000\nWH d7 y.v=Integer(2) @3000000");
    check(mapping, "r/1", r#"{"obj": {"list": [{"s": "x", "v": 1}]}}"#, "no time at \"root:/ts\"");
    check(
        mapping,
        "r/1",
        r#"{"ts": 3, "obj": {"list": [{"s": "x", "v": 1}]}}"#,
        "device: the message has no {root:/id}",
    );
    check(mapping, "r/1", r#"{"obj": {"list": 4}}"#, "\"/obj/list\" leads to no object and no array of objects");
    check(mapping, "r/1/2", "{}", "not covered");
}

#[test]
fn listed_fields_get_their_metric_unit_and_type() {
    let metrics = "unit = '1'\nmetrics = [{ field = '/env/temp', metric = 'temperature', unit = 'Cel' }, \
        { field = 'door' }, { field = 'text', metric = 'n', type = 'integer' }]";
    let payload = r#"{"env": {"temp": 4.5, "hum": 60}, "door": "open", "text": "12"}"#;
    let listed = "WH d1 temperature=Float(4.5) Cel @now\nWH d1 door=Text(\"open\") 1 @now\nWH d1 n=Integer(12) 1 @now";
    check_json(metrics, payload, listed);
    let payload = r#"{"env": {"temp": 4.5, "hum": 60}}"#;
    let all = "WH d1 temperature=Float(4.5) Cel @now\nWH d1 env_hum=Integer(60) 1 @now";
    check_json(&format!("{metrics}\nall_fields = true"), payload, all);
    check_json(
        &format!("{metrics}\nall_fields = true\nexclude = ['env_*']"),
        payload,
        "WH d1 temperature=Float(4.5) Cel @now",
    );
    check_json(metrics, r#"{"text": "x12"}"#, "field \"text\": not a value of type Integer: \"x12\"");
}

#[test]
fn a_time_is_read_exactly_in_every_format() {
    let check = |format: &str, found: &str, nanos: &str| {
        let time = format!("time = {{ field = 't', format = '{format}' }}");
        check_json(&time, &format!(r#"{{"v": 1, "t": {found}}}"#), nanos);
    };
    check("unix", "1700000000.123", "WH d1 v=Integer(1) @1700000000123000000");
    check("unix", "\"1700000000.123456789\"", "WH d1 v=Integer(1) @1700000000123456789");
    check("unix_ms", "1700000000123.5", "WH d1 v=Integer(1) @1700000000123500000");
    check("unix_us", "1700000000123456", "WH d1 v=Integer(1) @1700000000123456000");
    check("unix_ns", "1700000000123456789", "WH d1 v=Integer(1) @1700000000123456789");
    check("unix", "-1.5", "WH d1 v=Integer(1) @-1500000000");
    check("rfc3339", "\"2023-11-14T23:13:20.5+01:00\"", "WH d1 v=Integer(1) @1700000000500000000");
    check("rfc3339", "1700000000", "time \"1700000000\" is not Rfc3339, or beyond what can be held");
    check("unix", "\"noon\"", "time \"noon\" is not Unix, or beyond what can be held");
    check("unix", "1e18", "time \"1000000000000000000\" is not Unix, or beyond what can be held");
    check("unix", "null", "no time at \"t\"");
    check("unix", "true", "time \"true\" is not Unix, or beyond what can be held");
}

#[test]
fn line_protocol_gives_a_reading_for_each_field_and_a_frame_for_each_device() {
    let payload = "cpu,host=a,cpu=0 usage=1.5,n=2i 1000\ncpu,host=b usage=3 2000\nmem,host=a on=t,s=\"x y\" 1000\n";
    check_lines(
        "device = '{tag:host}'\nmetric = '{measurement}.{field}'",
        payload,
        "WH a cpu.usage=Float(1.5) @1000\nWH a cpu.n=Integer(2) @1000\nWH a mem.on=Boolean(true) @1000\n\
         WH a mem.s=Text(\"x y\") @1000\nWH b cpu.usage=Float(3.0) @2000",
    );
    let device = "device = 'd'\n";
    check_lines(device, "m v=1", "WH d v=Float(1.0) @now");
    for (precision, nanos) in [("ns", "5"), ("us", "5000"), ("ms", "5000000"), ("s", "5000000000")] {
        let more = format!("{device}precision = '{precision}'");
        check_lines(&more, "m v=1 5", &format!("WH d v=Float(1.0) @{nanos}"));
    }
    let too_late = "time \"9223372036854775807\" is not Unix, or beyond what can be held";
    check_lines(&format!("{device}precision = 's'"), "m v=1 9223372036854775807", too_late);
    check_lines(
        device,
        "m v=1 1\nm v=oops 2",
        "not line protocol: line 2, byte 12: neither a number, a boolean nor a text in quotes: \"oops\"",
    );
    check_lines(device, "# nothing\n", "no field of the payload is a metric of the mapping");
    check_lines(device, "m v=9007199254740993i", "metric \"v\": integer 9007199254740993 is beyond ±2^53");
}

#[test]
fn a_bare_value_becomes_a_metric_that_the_topic_names() {
    let mapping = "topics = ['v/{device}/{m}']\nformat = 'value'\nsite = 'WH'\ndevice = '{device}'\nmetric = '{m}'\n";
    check(&format!("{mapping}unit = 'Cel'"), "v/d1/temp", " 21.5\n", "WH d1 temp=Float(21.5) Cel @now");
    check(&format!("{mapping}value_type = 'integer'"), "v/d1/n", "-3", "WH d1 n=Integer(-3) @now");
    check(&format!("{mapping}value_type = 'boolean'"), "v/d1/n", "1", "WH d1 n=Boolean(true) @now");
    check(&format!("{mapping}value_type = 'text'"), "v/d1/n", "open wide", "WH d1 n=Text(\"open wide\") @now");
    check(mapping, "v/d1/n", "warm", "field \"value\": not a value of type Float: \"warm\"");
    check(mapping, "v/d1/n", "inf", "field \"value\": not a value of type Float: \"inf\"");
    check(mapping, "v/d1/n", "", "payload is empty");
}

#[test]
fn what_identifiers_do_not_allow_is_refused_or_escaped_and_never_falls_together() {
    let character =
        "an identifier starts with a letter or digit and holds only A-Z a-z 0-9 . _ ~ : -, not ' ' at byte 1";
    check_json("", r#"{"a b": 1}"#, &format!("metric \"a b\": {character}"));
    check_json(
        "escape = true",
        r#"{"a b": 1, "a~b": 2, "ü": 3}"#,
        "metric \"~c3~bc\": an identifier starts with a letter or digit and holds only A-Z a-z 0-9 . _ ~ : -, not '~' at byte 0",
    );
    check_json(
        "escape = true",
        r#"{"a b": 1, "a~20b": 2}"#,
        "WH d1 a~20b=Integer(1) @now\nWH d1 a~7e20b=Integer(2) @now",
    );
    check_json("", r#"{"a_b": 1, "a": {"b": 2}}"#, "two fields are called \"a_b\"");
    check_json("", r#"{"a": 1, "a": 2}"#, "not JSON: the member \"a\" stands twice at line 1 column 16");
    check_json(
        "",
        r#"[{"a": 1}, {"a": 2}]"#,
        "metric \"a\" of device \"d1\" has two different values at 2026-09-21T14:13:20Z",
    );
    check_json("", r#"[{"a": 1}, {"a": 1}]"#, "WH d1 a=Integer(1) @now");
    check_json("", "{}", "no field of the payload is a metric of the mapping");
    check_json("", "[1]", "\"\" leads to no object and no array of objects");
    let joined = "topics = ['j/{a}/{b}']\nformat = 'value'\nsite = 'WH'\ndevice = '{a}-{b}'";
    check(joined, "j/x/y-z", "1", "WH x-y-z value=Float(1.0) @now");
    check(joined, "j/x-y/z", "1", "device: the separator '-' stands in \"x-y\" too: two different values would be one");
    let long = format!(r#"{{"{}": 1}}"#, "k".repeat(300));
    check_json("", &long, "a field's name or pointer of 301 bytes exceeds the limit of 256");
}

#[test]
fn a_mapping_that_cannot_work_is_refused_when_it_is_loaded() {
    let check = |toml: &str, parts: &[&str]| {
        let why = mappings(toml).err().unwrap_or_else(|| panic!("taken: {toml}"));
        assert!(parts.iter().all(|part| why.contains(part)), "{toml}\n{why}");
    };
    let good = "[[mappings]]\ntopics = ['a/{d}']\nformat = 'json'\nsite = 'WH'\ndevice = '{d}'\n";
    assert!(mappings(good).is_ok());
    let second = |text: &str| format!("{good}[[mappings]]\n{text}");
    check(&second(""), &["mapping 1", "topics"]);
    check(&format!("{good}nonsense = 1"), &["mapping 0", "nonsense"]);
    check(&good.replace("json", "xml"), &["mapping 0", "xml"]);
    check(&good.replace("a/{d}", "a/{d"), &["mapping 0", "topics", "{d"]);
    check(&good.replace("a/{d}", "#"), &["topics", "contract"]);
    check(&good.replace("a/{d}", "+/+/+/+/{d}/+"), &["topics", "contract"]);
    check(&good.replace("a/{d}", "portolan/v1/acme/+/{d}/telemetry"), &["topics", "contract"]);
    check(&good.replace("['a/{d}']", "['a/{d}', '+/{d}']"), &["topics", "in common"]);
    check(&good.replace("['a/{d}']", "['a/{d}', 'b/+']"), &["device", "\"d\"", "b/+"]);
    check(&good.replace("['a/{d}']", "[]"), &["topics", "empty"]);
    check(&second(&good.replace("[[mappings]]", "")), &["mapping 1", "topics", "mapping 0"]);
    check(&good.replace("'{d}'", "'{tag:x}'"), &["device", "tag"]);
    check(&good.replace("'{d}'", "'{field}'"), &["device", "field"]);
    check(&good.replace("'{d}'", "'{d}{/x}'"), &["device", "separator"]);
    check(&good.replace("'WH'", "'W H'"), &["site", "character"]);
    check(&good.replace("'WH'", "'-WH'"), &["site", "letter or digit"]);
    check(&good.replace("'WH'", "''"), &["site"]);
    check(&format!("{good}precision = 's'"), &["precision", "Json"]);
    check(&format!("{good}value_type = 'text'"), &["value_type", "Json"]);
    check(&format!("{good}query = 'a.b'"), &["query", "pointer"]);
    check(&format!("{good}metrics = [{{ field = 'a b' }}]"), &["metrics.metric", "a b"]);
    check(
        &format!("{good}metrics = [{{ field = 'a' }}, {{ field = 'b', metric = 'a' }}]"),
        &["metrics.metric", "twice"],
    );
    check(&format!("{good}metrics = [{{ field = 'a', units = 'x' }}]"), &["mapping 0", "units"]);
}

#[test]
fn subscriptions_are_plain_mqtt_and_shared_when_a_group_is_named() {
    let toml = "[[mappings]]\ntopics = ['a/{d}/#', 'b/{d}']\nformat = 'json'\nsite = 'WH'\ndevice = '{d}'\n";
    let mappings = mappings(toml).unwrap();
    assert_eq!(mappings.subscriptions(None), ["a/+/#", "b/+"]);
    assert_eq!(mappings.subscriptions(Some("g")), ["$share/g/a/+/#", "$share/g/b/+"]);
}

#[test]
fn a_star_stands_for_anything() {
    for (pattern, name, expected) in [
        ("a*c", "abc", true),
        ("a*c", "ac", true),
        ("*", "", true),
        ("a*", "ba", false),
        ("a*b*c", "aXbXc", true),
        ("ab*ba", "aba", false),
        ("a", "ab", false),
    ] {
        assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
    }
}

proptest::proptest! {
    #[test]
    fn no_payload_makes_a_mapping_panic(text in "[{}\\[\\]\":,0-9a-z. =\\\\\n-]{0,80}", any: Vec<u8>) {
        for format in ["json", "line_protocol", "value"] {
            let toml = format!("[[mappings]]\ntopics = ['t']\nformat = '{format}'\nsite = 'WH'\ndevice = 'd'");
            let mappings = mappings(&toml).unwrap();
            for payload in [text.as_bytes(), &any] {
                if let Some(Ok(mapped)) = mappings.decode("t", payload, ARRIVED) {
                    assert!(!mapped.frames.is_empty());
                }
            }
        }
    }
}
