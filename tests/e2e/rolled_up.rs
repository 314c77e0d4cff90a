//! Long questions to a real InfluxDB are answered from what its tasks have summed up, and alike.

use super::influx::{operator, run_task, url_query, wait_for_all, with_influx};
use serde_json::{Value, json};
use tests::gateway::{Gateway, GatewayOptions, run_with};
use tests::influxd::{BUCKET, Influxd, ORG};
use tests::publisher::Publisher;

const HOUR: u64 = 3_600_000;
const HOURS: u64 = 5 * 24;

/// Three readings an hour of each metric: floats, whole numbers, booleans and texts.
fn messages(base: u64) -> impl Iterator<Item = (u64, String, Vec<u8>)> {
    (0..HOURS).map(move |hour| {
        let readings = (0..3_u64).flat_map(|third| {
            let (n, at) = (hour * 3 + third, base + hour * HOUR + third * 20 * 60_000);
            let one = move |metric: &str, value: Value| json!({ "metric": metric, "at": at, "value": value });
            let float = one("x", json!((n as f64 * 0.7).sin()));
            [float, one("n", json!(n * n)), one("door", json!(n % 8 == 2)), one("note", json!(format!("text {n}")))]
        });
        let payload = json!({ "device": "d1", "boot": 1, "seq": hour, "readings": readings.collect::<Vec<_>>() });
        (hour, "portolan/v1/t/WH/d1/telemetry".to_owned(), payload.to_string().into_bytes())
    })
}

/// The steps of all metrics over the whole span, with the numbers rounded to what sums in another order leave alike.
fn steps(options: &GatewayOptions, base: u64, step_secs: u64) -> Vec<Value> {
    let gateway = Gateway::start(options);
    let time = |millis: u64| firmware_schemas::quantity::Timestamp::from_millis(millis as i64).expect("a time");
    let span = url_query(&[("from", &time(base).to_string()), ("to", &time(base + HOURS * HOUR).to_string())]);
    let steps = ["x", "n", "door", "note"].map(|metric| {
        let mut answer = gateway.get(&format!("/v1/devices/d1/metrics/{metric}/buckets?{span}&step_secs={step_secs}"));
        round(&mut answer);
        answer
    });
    gateway.stop();
    steps.into()
}

fn round(json: &mut Value) {
    match json {
        Value::Array(all) => all.iter_mut().for_each(round),
        Value::Object(all) => all.values_mut().for_each(round),
        Value::Number(number) if number.is_f64() => {
            *json = json!(format!("{:.10e}", number.as_f64().expect("a float")));
        }
        _ => {}
    }
}

#[test]
fn long_questions_are_answered_from_what_the_tasks_have_summed_up() {
    let Some(influxd) = Influxd::start("influx_rolled_up") else { return };
    let raw = with_influx("influx_rolled_up", &influxd);
    let operator_file = raw.data.with_extension("token").display().to_string();
    let (code, steps_made, stderr) = run_with(&raw, &["influx", "setup", "--token-file", &operator_file]);
    assert_eq!(code, Some(0), "{steps_made:#}\n{stderr}");
    let mut rolled_up = raw.clone();
    rolled_up.set.push("store.influxdb2.rolled_up_from_days=2".to_owned());

    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis() as u64;
    let base = now / HOUR * HOUR - (HOURS + 24) * HOUR;
    let gateway = Gateway::start(&raw);
    let publisher = Publisher::start("history", gateway.mqtt_port(), 20);
    for (number, topic, payload) in messages(base) {
        publisher.send(number, topic, payload);
    }
    assert_eq!(publisher.finish(true).len() as u64, HOURS);
    wait_for_all(&gateway);
    gateway.stop();

    // Before any task has run there is nothing but the points.
    let hour = steps(&raw, base, 3_600);
    assert_eq!(hour[0]["items"].as_array().map(Vec::len), Some(HOURS as usize), "{:#}", hour[0]);
    assert_eq!(steps(&rolled_up, base, 3_600), hour);

    for end in (24..=HOURS).step_by(24) {
        run_task(&influxd, &format!("portolan {BUCKET} 1h"), base + end * HOUR);
    }
    // The last minutes before a time in the middle of the span.
    run_task(&influxd, &format!("portolan {BUCKET} 1m"), base + 50 * HOUR);
    let by_step = [3_600, 6 * 3_600, 24 * 3_600, 1_200, 100].map(|step_secs| {
        let asked = steps(&raw, base, step_secs);
        assert_eq!(steps(&rolled_up, base, step_secs), asked, "steps of {step_secs} s");
        asked
    });

    // What is gone from the points is still in the sums, except where these may yet change.
    let at = |hour: u64| {
        let millis = (base + hour * HOUR) as i64;
        firmware_schemas::quantity::Timestamp::from_millis(millis).expect("a time").to_string()
    };
    let in_bucket = url_query(&[("org", ORG), ("bucket", BUCKET)]);
    let all = json!({ "start": at(0), "stop": at(HOURS), "predicate": "device=\"d1\"" });
    operator(&influxd, "POST", &format!("delete?{in_bucket}"), Some(&all));
    let kept = steps(&rolled_up, base, 3_600);
    for (kept, asked) in kept.iter().zip(&by_step[0]) {
        let (kept, asked) = (kept["items"].as_array().expect("steps"), asked["items"].as_array().expect("steps"));
        assert_eq!(kept.as_slice(), &asked[..(HOURS - 25) as usize]);
    }
    assert!(steps(&raw, base, 3_600).iter().all(|answer| answer["items"] == json!([])));
}
