//! InfluxDB and the embedded store, given the same points in the same order, answer alike.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use firmware_schemas::id::{DeviceId, MetricName};
use firmware_schemas::quantity::Timestamp;
use gateway::store::influx::{
    Encoding, InfluxClient, InfluxReader, InfluxStore, MetricKey, Prefix, RequestError, SeriesKey, encode,
};
use gateway::store::{Bucket, EmbeddedStore, Point, Quality, SeriesId, Store, StoreConfig, StoreError, Upkeep, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tests::disk::TearingDisk;
use tests::influxd::Influxd;
use tokio::runtime::Runtime;

/// Series of one case; each case has its own devices.
const SERIES: u32 = 3;

fn device(series: u32) -> DeviceId {
    DeviceId::new(&format!("COLD~7:{}.x", series / SERIES)).unwrap()
}

fn metric(series: u32) -> MetricName {
    MetricName::new(["temperature", "door.open", "a_b:c-d"][(series % SERIES) as usize]).unwrap()
}

struct Both {
    runtime: Runtime,
    client: InfluxClient,
    influx: InfluxStore,
    server: Influxd,
}

impl Both {
    fn start(test: &str) -> Option<Self> {
        let server = Influxd::start(test)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = server.client();
        let names = |series: SeriesId| Some(MetricKey { device: device(series.0), metric: metric(series.0) });
        let reader = InfluxReader::new(server.client(), Arc::new(names));
        let influx = InfluxStore::new(reader, Arc::default()).unwrap();
        Some(Self { runtime, client, influx, server })
    }

    fn write(&self, points: &[(SeriesId, Point)], encoding: Encoding) {
        let mut lines = Vec::new();
        for (series, point) in points {
            let (device, metric) = (device(series.0), metric(series.0));
            let key = SeriesKey { site: "WH-01", device: device.as_str(), metric: metric.as_str() };
            let prefix = Prefix::new(&key).unwrap();
            encode(&mut lines, &prefix, point.at, &point.value, point.quality).unwrap();
        }
        let written = self.runtime.block_on(self.client.write(lines.into(), encoding));
        assert_eq!(written.map(|written| written.beyond_retention), Ok(0), "{:?}", self.server.folder());
    }
}

fn embedded() -> EmbeddedStore {
    let disk = Arc::new(TearingDisk::new());
    let config = StoreConfig { head_points_max: 40, upkeep: Upkeep::Inline, ..StoreConfig::default() };
    EmbeddedStore::open(disk, config).unwrap()
}

fn nearly(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-300)
}

/// The same, but for the last digits of a mean: numbers are added in another order.
fn alike(a: &[Bucket], b: &[Bucket], scale: f64) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            (a.start, a.count, &a.last) == (b.start, b.count, &b.last)
                && match (a.numbers, b.numbers) {
                    (None, None) => true,
                    (Some(a), Some(b)) => {
                        a.min == b.min
                            && a.max == b.max
                            && (nearly(a.mean, b.mean) || (a.mean - b.mean).abs() <= 1e-9 * scale)
                    }
                    _ => false,
                }
        })
}

fn text() -> impl Strategy<Value = String> {
    let awkward = [
        "",
        " ",
        ",",
        "=",
        "\"",
        "\\",
        "\\\\",
        "a\\",
        "\"\\",
        "\\\"",
        "\n",
        "\r\n",
        "\r",
        "a,b=c d",
        "x\ny",
        "x\\\ny",
        "冷库一号",
        "🧊❄️",
        "\t",
        "\u{0}",
        "\u{1f}",
        "kind=1i 5\nreading,device=x kind=0i,float=1 6",
        "$from",
        "${x}",
        "'; DROP SERIES FROM /.*/; --",
        "null",
        "<&>",
        "\u{2028}",
        "# no comment",
    ];
    prop_oneof![
        proptest::sample::select(awkward.to_vec()).prop_map(str::to_owned),
        proptest::collection::vec(proptest::sample::select(awkward.to_vec()), 0..5).prop_map(|parts| parts.concat()),
        any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    const WHOLE: i64 = 1 << 53;
    prop_oneof![
        4 => (-1_000_i32..1_000).prop_map(|n| Value::Float(f64::from(n) / 8.0)),
        1 => any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(|x| Value::Float(x / 1e10)),
        1 => proptest::sample::select(vec![0.1, 1e-300, 5e-324, 1e16, 123_456_789_012_345_680.0, -2.5e-7, f64::MAX / 1e9])
            .prop_map(Value::Float),
        3 => (-50_i64..50).prop_map(Value::Integer),
        1 => (-WHOLE..=WHOLE).prop_map(Value::Integer),
        1 => proptest::sample::select(vec![WHOLE, -WHOLE, 0]).prop_map(Value::Integer),
        2 => any::<bool>().prop_map(Value::Boolean),
        3 => text().prop_map(|text| Value::Text(text.as_str().into())),
    ]
}

const DAY: i64 = 86_400_000_000_000;

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![
        // Many equal ones, also before the epoch.
        8 => -20_i64..60,
        4 => (0_i64..200).prop_map(|secs| 1_795_329_600_000_000_000 + secs * 1_000_000_000),
        // Shards are weeks.
        2 => (-30_i64..30).prop_map(|days| 1_795_329_600_000_000_000 + days * DAY),
        1 => proptest::sample::select(vec![i64::MIN + 2, i64::MAX - 1, 0, -1]),
    ]
}

fn point() -> impl Strategy<Value = (u32, Point)> {
    let quality = proptest::sample::select(vec![Quality::Good, Quality::Good, Quality::Suspect, Quality::Bad]);
    (0..SERIES, time(), value(), quality)
        .prop_map(|(series, at, value, quality)| (series, Point { at: Timestamp::from_nanos(at), value, quality }))
}

fn bound() -> impl Strategy<Value = i64> {
    prop_oneof![4 => time(), 1 => Just(i64::MIN), 1 => Just(i64::MAX)]
}

fn step() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 1_u64..30,
        3 => (1_u64..100).prop_map(|secs| secs * 1_000_000_000),
        2 => (1_u64..40).prop_map(|days| days * DAY as u64 + days),
        1 => proptest::sample::select(vec![0, i64::MAX as u64, u64::MAX, 1 << 61, 1 << 62]),
    ]
}

fn check(both: &Both, base: u32, records: &[Vec<(u32, Point)>], spans: &[(i64, i64, u64, usize)], gzip: bool) {
    let embedded = embedded();
    let mut all = Vec::new();
    for (idx, record) in records.iter().enumerate() {
        let points: Vec<(SeriesId, Point)> =
            record.iter().map(|(series, point)| (SeriesId(base + series), point.clone())).collect();
        embedded.append(idx as u64 + 1, &points).unwrap();
        if !points.is_empty() {
            both.write(&points, if gzip { Encoding::Gzip } else { Encoding::Identity });
        }
        all.extend(points);
    }
    let sizes = all.iter().filter_map(|(_, point)| point.value.as_f64()).map(f64::abs);
    let scale = sizes.fold(0.0, f64::max);
    let at = Timestamp::from_nanos;
    for series in (base..base + SERIES).map(SeriesId) {
        for &(from, to, step, limit) in spans.iter().chain([&(i64::MIN, i64::MAX, DAY as u64, 1_000)]) {
            for instant in [from, to] {
                let ours = embedded.latest_at(series, at(instant)).unwrap();
                let theirs = both.influx.latest_at(series, at(instant)).unwrap();
                assert_eq!(ours, theirs, "the latest of {series:?} at {instant}");
            }
            let span = at(from)..at(to);
            let mut after = None;
            for page in 0.. {
                let ours = embedded.range(series, span.clone(), limit, after).unwrap();
                let theirs = both.influx.range(series, span.clone(), limit, after).unwrap();
                assert_eq!(ours, theirs, "page {page} of {limit} of {series:?} in {span:?}");
                after = ours.next;
                if after.is_none() || page > 4 {
                    break;
                }
            }
            if from > to {
                continue;
            }
            let step = Duration::from_nanos(step);
            let ours = embedded.downsample(series, span.clone(), step);
            let theirs = both.influx.downsample(series, span.clone(), step);
            match (ours, theirs) {
                (Ok(ours), Ok(theirs)) => {
                    assert!(
                        alike(&ours, &theirs, scale),
                        "{series:?} in {span:?} by {step:?}\nembedded {ours:#?}\ninflux {theirs:#?}"
                    );
                }
                (Err(StoreError::ZeroStep), Err(StoreError::ZeroStep)) => {}
                (ours, theirs) => panic!("{series:?} in {span:?} by {step:?}: {ours:?} and {theirs:?}"),
            }
        }
    }
}

#[test]
fn every_question_is_answered_alike() {
    let Some(both) = Both::start("every_question_is_answered_alike") else { return };
    let next = AtomicU32::new(0);
    let records = proptest::collection::vec(proptest::collection::vec(point(), 0..40), 1..6);
    let spans = proptest::collection::vec((bound(), bound(), step(), 1_usize..30), 1..6);
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(records, spans, any::<bool>()), |(records, spans, gzip)| {
        let base = next.fetch_add(SERIES, Ordering::Relaxed);
        check(&both, base, &records, &spans, gzip);
        Ok(())
    });
    if let Err(why) = outcome {
        panic!("{why}");
    }
}

#[test]
fn long_answers_come_in_pages() {
    let Some(both) = Both::start("long_answers_come_in_pages") else { return };
    let point = |n: i64| {
        let value = if n % 3 == 0 { Value::Integer(n) } else { Value::Float(n as f64 / 4.0) };
        (0, Point { at: Timestamp::from_nanos(n * 1_000_000_000), value, quality: Quality::Good })
    };
    let records: Vec<Vec<_>> = (0..5).map(|k| (k * 5_001..(k + 1) * 5_001).map(point).collect()).collect();
    let second = 1_000_000_000;
    let spans = [
        (0, 30_000 * second, second as u64, 30_000),
        (0, 30_000 * second, second as u64, 10_000),
        (3, 24_999 * second, 60 * second as u64, 9_999),
        (i64::MIN, i64::MAX, i64::MAX as u64, usize::MAX),
    ];
    check(&both, 0, &records, &spans, true);
}

#[test]
fn the_ends_of_time_are_answered_alike() {
    let Some(both) = Both::start("the_ends_of_time_are_answered_alike") else { return };
    let point =
        |at: i64| (0, Point { at: Timestamp::from_nanos(at), value: Value::Float(0.0), quality: Quality::Good });
    let records = [vec![point(i64::MIN + 2), point(i64::MIN + 3), point(0), point(i64::MAX - 2), point(i64::MAX - 1)]];
    let ends = [i64::MIN, i64::MIN + 2, i64::MIN + 3, -1, 0, i64::MAX - 2, i64::MAX - 1, i64::MAX];
    let spans: Vec<_> = ends
        .iter()
        .flat_map(|from| ends.iter().map(move |to| (*from, *to)))
        .flat_map(|(from, to)| [1, 2, 3, 1_000].map(|step| (from, to, step, 10)))
        .collect();
    check(&both, 0, &records, &spans, false);
}

#[test]
fn failures_say_what_is_wrong() {
    let Some(mut both) = Both::start("failures_say_what_is_wrong") else { return };
    let target = both.server.target();
    let write = |both: &Both, target: &gateway::store::influx::Target, lines: &'static [u8]| {
        let client = InfluxClient::new(target).unwrap();
        both.runtime.block_on(client.write(lines.into(), Encoding::Gzip))
    };
    let with = |change: &dyn Fn(&mut gateway::store::influx::Target)| {
        let mut target = target.clone();
        change(&mut target);
        target
    };
    const GOOD: &[u8] = b"reading,device=a,metric=b,site=c kind=0i,float=1 5\n";
    assert_eq!(write(&both, &target, GOOD).map(|written| written.beyond_retention), Ok(0));
    let wrong = with(&|target| target.token = gateway::store::influx::Token::new("wrong"));
    assert!(matches!(write(&both, &wrong, GOOD), Err(RequestError::Unauthorised { .. })));
    let wrong = with(&|target| target.org = "nobody".to_owned());
    assert!(matches!(write(&both, &wrong, GOOD), Err(RequestError::Missing { .. })));
    let wrong = with(&|target| target.bucket = "no-bucket".to_owned());
    assert!(matches!(write(&both, &wrong, GOOD), Err(RequestError::Missing { .. })));
    let refused = write(&both, &target, b"reading,device=a kind= 5\n");
    assert!(
        matches!(&refused, Err(RequestError::Refused { status: 400, reason }) if reason.contains("unable to parse"))
    );
    let conflict = write(&both, &target, b"reading,device=a,metric=b,site=c kind=\"x\" 5\n");
    assert!(matches!(&conflict, Err(RequestError::Refused { status: 422, reason }) if reason.contains("conflict")));

    // A token that may only read that bucket, and a bucket that keeps an hour.
    let client = both.server.client();
    let (org, bucket) = both.runtime.block_on(async {
        let orgs = client.get("orgs", &[("org", "portolan")]).await.unwrap();
        let buckets = client.get("buckets", &[("name", "readings")]).await.unwrap();
        let id = |json: &serde_json::Value| json["id"].as_str().unwrap().to_owned();
        (id(&orgs["orgs"][0]), id(&buckets["buckets"][0]))
    });
    let token = both.runtime.block_on(async {
        let permission =
            serde_json::json!({"action": "read", "resource": {"type": "buckets", "id": bucket, "orgID": org}});
        let body = serde_json::json!({ "orgID": org, "permissions": [permission], "description": "reads" });
        let token = client.post("authorizations", &body).await.unwrap();
        let rule = serde_json::json!({"type": "expire", "everySeconds": 3600});
        let body = serde_json::json!({ "orgID": org, "name": "short", "retentionRules": [rule] });
        client.post("buckets", &body).await.unwrap();
        token["token"].as_str().unwrap().to_owned()
    });
    let reads = with(&|target| target.token = gateway::store::influx::Token::new(&token));
    assert!(matches!(write(&both, &reads, GOOD), Err(RequestError::Forbidden { .. })));
    // It is enough for reading.
    let names = |series: SeriesId| Some(MetricKey { device: device(series.0), metric: metric(series.0) });
    let reader = InfluxReader::new(InfluxClient::new(&reads).unwrap(), Arc::new(names));
    let latest = both.runtime.block_on(reader.latest_at(SeriesId(0), Timestamp::MAX));
    assert!(matches!(latest, Ok(None)), "{latest:?}");
    let short = with(&|target| target.bucket = "short".to_owned());
    assert_eq!(write(&both, &short, GOOD).map(|written| written.beyond_retention), Ok(1));

    both.server.kill();
    assert!(matches!(write(&both, &target, GOOD), Err(RequestError::Unreachable { .. })));
    both.server.restart();
    assert_eq!(write(&both, &target, GOOD).map(|written| written.beyond_retention), Ok(0));
}

#[test]
fn flux_reads_our_literals_as_they_are_meant() {
    let Some(both) = Both::start("flux_reads_our_literals_as_they_are_meant") else { return };
    for text in ["", "plain", "a\"b", "a\\", "${x}", "$", "\n\r\t", "冷库🧊", "\u{1}\u{1f}", "\" |> drop()", "\\\""]
    {
        let literal = gateway::store::influx::flux_string(text);
        let query = format!(
            "import \"array\"\nimport \"strings\"\narray.from(rows: [{{length: strings.strlen(v: {literal})}}])"
        );
        let answer = both.runtime.block_on(both.client.flux(&query)).unwrap();
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        let length =
            answer.lines().map(str::trim_end).rfind(|line| !line.is_empty()).and_then(|line| line.rsplit(',').next());
        assert_eq!(length, Some(text.chars().count().to_string().as_str()), "{text:?}\n{answer}");
    }
}
