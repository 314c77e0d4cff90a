//! A plant brings the history of its InfluxDB along.

use super::no_loss::{base_millis, with_network};
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;
use tests::gateway::{Gateway, portolan, wait_until};
use tests::influxd::{BUCKET, Influxd, OPERATOR_TOKEN, ORG};

const N_INSTANTS: i64 = 8_000;

/// As Telegraf writes: two machines at the same instants, four fields of four types, and one name that is no device.
fn history(base_millis: i64) -> String {
    let mut lines = String::new();
    for i in 0..N_INSTANTS {
        let at = base_millis + i;
        for machine in ["press-1", "press-2"] {
            let fields = format!("temp={}.25,count={i}i,open={},note=\"a, \\\"b\\\" {i}\"", i % 40, i % 2 == 0);
            writeln!(lines, "plant,machine={machine},hall=A {fields} {at}").expect("a string");
        }
    }
    writeln!(lines, "plant,machine=no\\ device,hall=A temp=1.5 {base_millis}").expect("a string");
    lines
}

#[test]
fn the_history_of_a_bucket_is_brought_along_and_can_be_resumed() {
    let Some(influxd) = Influxd::start("history") else { return };
    let base = base_millis() as i64;
    let answer = reqwest::blocking::Client::new()
        .post(format!("{}/api/v2/write?org={ORG}&bucket={BUCKET}&precision=ms", influxd.url()))
        .header("Authorization", format!("Token {OPERATOR_TOKEN}"))
        .body(history(base))
        .send()
        .expect("an answer");
    assert!(answer.status().is_success(), "{}", answer.status());
    let options = with_network("history");
    let gateway = Gateway::start(&options);
    let (token, resume) = (options.data.with_extension("token"), options.data.with_extension("resume"));
    fs::write(&token, OPERATOR_TOKEN).expect("a token file");
    fs::remove_file(&resume).ok();
    let import = |to: Option<i64>| -> (Option<i32>, serde_json::Value) {
        let mut command = portolan();
        command
            .args(["import", "influx", "--json", "--measurement", "plant", "--device-tag", "machine"])
            .args(["--site", "WH", "--broker", &format!("127.0.0.1:{}", gateway.mqtt_port()), "--resume"])
            .arg(&resume)
            .args(["--set", "tenant=t", "--set", &format!("store.influxdb2.url={}", influxd.url())])
            .args(["--set", &format!("store.influxdb2.token_file={}", token.display())]);
        if let Some(to) = to {
            let to = firmware_schemas::quantity::Timestamp::from_nanos((base + to) * 1_000_000);
            command.args(["--to", &to.to_string()]);
        }
        let output = command.output().expect("the binary");
        let text = String::from_utf8_lossy(&output.stdout);
        let report = serde_json::from_str(&text)
            .unwrap_or_else(|why| panic!("{why}: {text}{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code(), report)
    };
    // The first part, then the rest from where it stopped, then nothing.
    let (first, part) = import(Some(3_000));
    assert_eq!((first, &part["readings"]), (Some(6), &serde_json::json!(3_000 * 2 * 4)), "{part}");
    assert!(part["left_out"].to_string().contains("no device"), "{part}");
    let (second, rest) = import(None);
    assert_eq!((second, &rest["readings"]), (Some(0), &serde_json::json!((N_INSTANTS - 3_000) * 2 * 4)), "{rest}");
    assert_eq!(import(None).1["readings"], 0);
    let n_readings = N_INSTANTS as u64 * 2 * 4;
    wait_until("stored", Duration::from_secs(30), || match gateway.metric("portolan_readings_stored_total") as u64 {
        n if n == n_readings => Ok(()),
        n => Err(n),
    });
    for machine in ["press-1", "press-2"] {
        for (metric, value) in [
            ("temp", serde_json::json!(39.25)),
            ("count", serde_json::json!(7_999.0)), // a number is a float until its device declares an integer
            ("open", serde_json::json!(false)),
            ("note", serde_json::json!("a, \"b\" 7999")),
        ] {
            let readings = gateway.get_all(&format!("/v1/devices/{machine}/metrics/{metric}/readings?limit=10000"));
            assert_eq!(readings.len() as i64, N_INSTANTS, "{machine}/{metric}");
            assert_eq!(readings.last().map(|reading| &reading["value"]), Some(&value), "{machine}/{metric}");
        }
    }
    println!("{n_readings} readings, {part}");
    gateway.stop();
}
