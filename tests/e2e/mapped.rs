//! A Telegraf replaced: its topics and payloads, through a real mosquitto, as mappings of `portolan.toml` say.

use std::fs;
use std::process::Command;
use std::time::Duration;
use tests::gateway::{Gateway, GatewayOptions, small_network, verify_with, wait_until};
use tests::mosquitto::{Mosquitto, MosquittoOptions};
use tests::publisher::Publisher;

const MAPPINGS: &str = r#"
[[ingest.mappings]]
topics = ["plant/{site}/line/{device}/sensors"]
format = "json"
site = "{site}"
device = "{device}"
time = { field = "ts", format = "unix_ms" }
metrics = [
    { field = "/env/temp", metric = "temperature", unit = "Cel" },
    { field = "door", metric = "door" },
]

[[ingest.mappings]]
topics = ["telegraf/#"]
format = "line_protocol"
site = "{tag:site}"
device = "{tag:host}"
metric = "{measurement}.{field}"

[[ingest.mappings]]
topics = ["scales/{device}/{quantity}"]
format = "value"
site = "WH"
device = "{device}"
metric = "{quantity}"
unit = "kg"
"#;

fn options(test: &str, mappings: &str) -> GatewayOptions {
    let mut options = GatewayOptions::new(test);
    let network = options.data.with_extension("network");
    small_network(&network, "t", &["A".to_owned()]).expect("a network folder");
    options.network = Some(network);
    let file = options.data.with_extension("toml");
    fs::write(&file, mappings).expect("a configuration file");
    options.config = Some(file);
    options
}

fn now_secs() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Values of the metric, oldest first.
#[track_caller]
fn check(gateway: &Gateway, device: &str, metric: &str, expected: &serde_json::Value) {
    wait_until(&format!("{metric} of {device}"), Duration::from_secs(20), || {
        let path = format!("/v1/devices/{device}/metrics/{metric}/readings");
        let (status, body) = gateway.try_get(&path);
        let readings = body["items"].as_array().cloned().unwrap_or_default();
        let values: serde_json::Value = readings.iter().map(|reading| reading["value"].clone()).collect();
        if status == 200 && values == *expected { Ok(()) } else { Err((status, body)) }
    });
}

fn quarantined(gateway: &Gateway, n: usize) -> Vec<serde_json::Value> {
    wait_until("the refused payloads are kept", Duration::from_secs(20), || {
        let kept = gateway.get_all("/v1/quarantine");
        if kept.len() == n { Ok(()) } else { Err(kept) }
    });
    gateway.get_all("/v1/quarantine")
}

fn redrive(gateway: &Gateway, entry: &serde_json::Value) -> serde_json::Value {
    let id = entry["id"].as_u64().expect("an id");
    let (status, body) = gateway.post(&format!("/v1/quarantine/{id}/redrive"), &serde_json::json!({}));
    assert_eq!(status, 200, "{body}");
    body
}

/// Topics and payloads.
type Messages = [(String, String)];

/// The same story for either broker.
fn story(test: &str, broker: Option<u16>, send: &dyn Fn(&Gateway, &Messages)) {
    let mut options = options(test, MAPPINGS);
    options.broker = broker;
    let gateway = Gateway::start(&options);
    let (secs, plant) = (now_secs(), "plant/WH/line/press-1/sensors");
    let json = |ago: u64, temp: &str| {
        (plant.to_owned(), format!(r#"{{"ts":{}000,"env":{{"temp":{temp},"hum":60}},"door":"open"}}"#, secs - ago))
    };
    let lines = format!(
        "# two hosts\ncpu,host=h\\:1,site=WH usage=1.5,n=3i {0}000000000\ncpu,host=h2,site=SHOP usage=2,ok=t,note=\"a \\\"b\\\"\" {0}000000001\n",
        secs - 5
    );
    let letter = |topic: &str, payload: &str| (topic.to_owned(), payload.to_owned());
    send(
        &gateway,
        &[
            json(20, "4.5"),
            json(10, "5"),
            letter("telegraf/edge/cpu", &lines.replace("h\\:1", "h1")),
            letter("scales/scale-7/gross", " 812.5\n"),
            // Refused, each for another reason:
            letter(plant, r#"{"env":{"temp":4}}"#),
            letter("plant/ELSEWHERE/line/press-1/sensors", &json(5, "4").1),
            letter("telegraf/edge", "cpu,host=h1,site=WH usage=abc"),
            letter("scales/scale 8/gross", "1"),
            // h1 belongs to WH: h9 is not taken either.
            letter("telegraf/edge", "cpu,host=h9,site=WH usage=1\ncpu,host=h1,site=SHOP usage=1"),
        ],
    );
    check(&gateway, "press-1", "temperature", &serde_json::json!([4.5, 5.0]));
    check(&gateway, "press-1", "door", &serde_json::json!(["open", "open"]));
    check(&gateway, "h1", "cpu.usage", &serde_json::json!([1.5]));
    check(&gateway, "h1", "cpu.n", &serde_json::json!([3.0]));
    check(&gateway, "h2", "cpu.ok", &serde_json::json!([true]));
    check(&gateway, "h2", "cpu.note", &serde_json::json!(["a \"b\""]));
    check(&gateway, "scale-7", "gross", &serde_json::json!([812.5]));
    let metrics = gateway.get("/v1/devices/press-1").to_string();
    assert!(metrics.contains("\"Cel\""), "{metrics}");
    let kept = quarantined(&gateway, 5);
    let reasons: Vec<_> = kept.iter().rev().map(|entry| entry["reason"].as_str().unwrap_or_default()).collect();
    let expected = [
        "no time at \"ts\"",
        "unknown site \"ELSEWHERE\"",
        "not line protocol: line 1, byte 26: neither a number, a boolean nor a text in quotes: \"abc\"",
        "device \"scale 8\": an identifier starts with a letter or digit and holds only A-Z a-z 0-9 . _ ~ : -, not ' ' at byte 5",
        "device \"h1\" belongs to site \"WH\", the topic names \"SHOP\"; a birth moves it",
    ];
    assert_eq!(reasons, expected);
    assert_eq!(gateway.try_get("/v1/devices/h9").0, 404);
    assert_eq!(redrive(&gateway, &kept[4])["outcome"], "refused_again");
    gateway.stop();

    // The configuration is mended, and what it refused is taken.
    let mended = MAPPINGS
        .replace("time = { field = \"ts\", format = \"unix_ms\" }\n", "")
        .replace("site = \"WH\"\n", "site = \"WH\"\nescape = true\n");
    fs::write(options.config.as_ref().expect("a file"), mended).expect("written");
    let gateway = Gateway::start(&options);
    for at in [1, 4] {
        assert_eq!(redrive(&gateway, &kept[at])["outcome"], "taken", "{}", kept[at]);
    }
    check(&gateway, "scale~208", "gross", &serde_json::json!([1.0]));
    // Without a time it has that of its first arrival.
    check(&gateway, "press-1", "temperature", &serde_json::json!([4.5, 5.0, 4.0]));
    let readings = gateway.get_all("/v1/devices/press-1/metrics/temperature/readings");
    let (newest, arrived) = (readings[2]["at"].as_str(), kept[4]["received_at"].as_str());
    assert_eq!(newest, arrived);
    assert_eq!(quarantined(&gateway, 3).len(), 3);
    gateway.stop();
    assert_eq!(verify_with(&options)["same_twin"], true);
}

#[test]
fn telegrafs_topics_become_readings_through_a_real_mosquitto() {
    let Some(mosquitto) = Mosquitto::start("mapped", &MosquittoOptions::default()) else { return };
    let port = mosquitto.port();
    story("mapped", Some(port), &|_, letters| {
        for (topic, payload) in letters {
            let mut command = Command::new("mosquitto_pub");
            command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-q", "1", "-t", topic, "-m", payload]);
            assert!(command.status().expect("mosquitto_pub (Debian: mosquitto-clients)").success());
        }
    });
}

#[test]
fn telegrafs_topics_become_readings_through_the_embedded_broker_before_they_are_acknowledged() {
    story("mapped_embedded", None, &|gateway, letters| {
        let publisher = Publisher::start("plant", gateway.mqtt_port(), 10);
        for (number, (topic, payload)) in letters.iter().enumerate() {
            publisher.send(number as u64, topic.clone(), payload.clone().into_bytes());
        }
        assert_eq!(publisher.finish(true).len(), letters.len());
        assert_eq!(gateway.metric("portolan_quarantine") as u64, 5, "what is acknowledged is durable");
    });
}

#[test]
fn a_configuration_whose_mappings_overlap_does_not_start_and_says_which() {
    let options = options("mapped_overlap", &MAPPINGS.replace("telegraf/#", "scales/#"));
    let said = Gateway::refuses_to_start(&options);
    for part in ["ingest.mappings", "mapping 2", "scales/{device}/{quantity}", "scales/#"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn gateways_of_one_group_share_mapped_topics_and_take_each_message_once() {
    let Some(mosquitto) = Mosquitto::start("mapped_shared", &MosquittoOptions::default()) else { return };
    let gateways = ["mapped_shared_1", "mapped_shared_2"].map(|name| {
        let mut options = options(name, MAPPINGS);
        options.broker = Some(mosquitto.port());
        options.set.push("mqtt.external.shared_group=plants".to_owned());
        options.set.push(format!("mqtt.external.client_id={name}"));
        Gateway::start(&options)
    });
    let publisher = Publisher::start("scales", mosquitto.port(), 10);
    let (n, secs) = (200, now_secs());
    for number in 0..n {
        let line = format!("cpu,host=h1,site=WH usage={number} {}", (secs - 1_000 + number) * 1_000_000_000);
        publisher.send(number, "telegraf/edge".to_owned(), line.into_bytes());
    }
    let mut values: Vec<Vec<u64>> = Vec::new();
    wait_until("every message is taken", Duration::from_secs(20), || {
        let readings = |gateway: &Gateway| {
            let (status, body) = gateway.try_get("/v1/devices/h1/metrics/cpu.usage/readings?limit=1000");
            let items = body["items"].as_array().filter(|_| status == 200).cloned().unwrap_or_default();
            items.iter().map(|reading| reading["value"].as_f64().expect("a number") as u64).collect()
        };
        values = gateways.iter().map(readings).collect();
        let mut all = values.concat();
        all.sort_unstable();
        if all == (0..n).collect::<Vec<_>>() { Ok(()) } else { Err(values.clone()) }
    });
    assert!(values.iter().all(|values| !values.is_empty()), "both take a share: {values:?}");
    drop(publisher.finish(true));
    // None came twice, or nobody would have waited for it.
    for gateway in gateways {
        assert_eq!(gateway.metric("portolan_quarantine") as u64, 0);
        gateway.stop();
    }
}
