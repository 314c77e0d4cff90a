//! Readings in a real InfluxDB: whatever is killed, cut off, locked out or full, each is there once.

use super::no_loss::{N_DEVICES, Tmpfs, base_millis, check_all_there, message, seed, with_network};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};
use tests::disk::SplitMix64;
use tests::gateway::{Gateway, GatewayOptions, verify_with, wait_until};
use tests::influxd::{BUCKET, Influxd, OPERATOR_TOKEN, ORG};
use tests::mosquitto::{Mosquitto, MosquittoOptions};
use tests::publisher::Publisher;

/// A gateway whose readings go to `influxd`; its token stands in a file.
fn with_influx(test: &str, influxd: &Influxd) -> GatewayOptions {
    let mut options = with_network(test);
    let token = options.data.with_extension("token");
    fs::write(&token, format!("{OPERATOR_TOKEN}\n")).expect("a token file");
    options.set = vec![
        "store.kind=influxdb2".to_owned(),
        format!("store.influxdb2.url={}", influxd.url()),
        format!("store.influxdb2.org={ORG}"),
        format!("store.influxdb2.bucket={BUCKET}"),
        format!("store.influxdb2.token_file={}", token.display()),
        "store.influxdb2.retry_max_secs=1".to_owned(),
        "store.influxdb2.batch_points=500".to_owned(),
    ];
    options
}

/// How many readings the database counts, asked in Flux by a client that knows nothing of ours.
fn flux_count(influxd: &Influxd) -> u64 {
    let query = format!(
        "from(bucket: \"{BUCKET}\") |> range(start: 0) \
         |> filter(fn: (r) => r._measurement == \"reading\" and r._field == \"kind\") |> group() |> count()"
    );
    let answer = reqwest::blocking::Client::new()
        .post(format!("{}/api/v2/query?org={ORG}", influxd.url()))
        .header("Authorization", format!("Token {OPERATOR_TOKEN}"))
        .header("Content-Type", "application/vnd.flux")
        .body(query)
        .send()
        .expect("an answer");
    assert!(answer.status().is_success(), "{}", answer.status());
    let text = answer.text().expect("CSV");
    let row = text.lines().filter(|line| !line.trim().is_empty()).nth(1).unwrap_or(",,,0").trim().to_owned();
    row.rsplit(',').next().and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no count in:\n{text}"))
}

fn wait_for_all(gateway: &Gateway) {
    wait_until("InfluxDB has all that is durable", Duration::from_secs(120), || {
        match gateway.metric("portolan_store_behind_records") as u64 {
            0 => Ok(()),
            n => Err(format!("{n} records behind: {:?}", gateway.readyz())),
        }
    });
}

/// The store's part of `/readyz`.
fn store_part(gateway: &Gateway) -> (u16, String, String) {
    let (status, body) = gateway.readyz().expect("an answer");
    let text = |key: &str| body["parts"]["store"][key].as_str().unwrap_or_default().to_owned();
    (status, text("state"), format!("{} — {}", text("detail"), text("mend")))
}

fn send_for(publisher: &Publisher, sent: &mut u64, base: u64, span: Duration) {
    let began = Instant::now();
    while began.elapsed() < span {
        let (topic, payload) = message(*sent, base);
        if publisher.try_send(*sent, topic, payload) {
            *sent += 1;
        } else {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn finish(gateway: Gateway, options: &GatewayOptions, influxd: &Influxd, publisher: Publisher, sent: u64) {
    let acknowledged = publisher.finish(true);
    assert_eq!(acknowledged.len() as u64, sent, "everything is acknowledged in the end");
    wait_until("all frames are taken", Duration::from_secs(60), || {
        let page = (0..N_DEVICES).map(|device| {
            gateway.get_all(&format!("/v1/devices/d{device}/metrics/x/readings?limit=10000")).len() as u64
        });
        let n: u64 = page.sum();
        if n >= sent { Ok(()) } else { Err(format!("{n} of {sent}")) }
    });
    wait_for_all(&gateway);
    check_all_there(&gateway, &acknowledged, sent);
    assert_eq!(flux_count(influxd), sent, "by InfluxDB's own count");
    gateway.stop();
    let report = verify_with(options);
    assert_eq!(report["same_twin"], true, "{report}");
    println!("{sent} readings, {report}");
}

#[test]
fn readings_reach_influxdb_once_whatever_is_killed() {
    let Some(mut influxd) = Influxd::start("influx_killed") else { return };
    let broker = MosquittoOptions { persistence: true, ..MosquittoOptions::default() };
    let Some(mosquitto) = Mosquitto::start("influx_killed", &broker) else { return };
    let mut options = with_influx("influx_killed", &influxd);
    options.broker = Some(mosquitto.port());
    Gateway::start(&options).stop();
    println!("PORTOLAN_SEED={}", seed());
    let mut random = SplitMix64(seed());
    let (base, mut sent) = (base_millis(), 0);
    let publisher = Publisher::start("load", mosquitto.port(), 500);
    let mut gateway = Gateway::start(&options);
    // Ten times each alone, five times both, in an order that the seed draws.
    let mut kills: Vec<(bool, bool)> =
        [vec![(true, false); 10], vec![(false, true); 10], vec![(true, true); 5]].concat();
    while !kills.is_empty() {
        let (database, ours) = kills.swap_remove(random.below(kills.len() as u64) as usize);
        send_for(&publisher, &mut sent, base, Duration::from_millis(100 + random.below(300)));
        if database {
            influxd.kill();
        }
        if ours {
            gateway.kill();
            gateway = Gateway::start(&options);
        }
        if database {
            send_for(&publisher, &mut sent, base, Duration::from_millis(random.below(300)));
            influxd.restart();
        }
    }
    finish(gateway, &options, &influxd, publisher, sent);
}

#[test]
fn an_influxdb_that_is_away_or_locks_us_out_costs_nothing() {
    let Some(mut influxd) = Influxd::start("influx_away") else { return };
    let options = with_influx("influx_away", &influxd);
    let token = options.data.with_extension("token");
    let gateway = Gateway::start(&options);
    let (base, mut sent) = (base_millis(), 0);
    let publisher = Publisher::start("load", gateway.mqtt_port(), 100);
    let some_time = Duration::from_secs(2);
    send_for(&publisher, &mut sent, base, some_time);
    wait_for_all(&gateway);
    assert_eq!(store_part(&gateway).1, "ready");

    // Gone for a minute: twin, acknowledgements and /readyz go on, and say what lacks.
    influxd.kill();
    let began = Instant::now();
    send_for(&publisher, &mut sent, base, some_time);
    wait_until("acknowledged without InfluxDB", Duration::from_secs(10), || {
        let n = publisher.n_acknowledged();
        if n >= sent { Ok(()) } else { Err(n) }
    });
    let (status, state, said) = store_part(&gateway);
    assert_eq!((status, state.as_str()), (200, "degraded"), "{said}");
    assert!(said.contains("cannot be reached") && said.contains("start InfluxDB"), "{said}");
    let refused = reqwest::blocking::get(gateway.url("/v1/devices/d0/metrics/x/readings")).expect("an answer");
    assert_eq!(refused.status().as_u16(), 503);
    thread::sleep(Duration::from_secs(60).saturating_sub(began.elapsed()));
    assert!(gateway.metric("portolan_store_behind_records") > 0.0);
    assert!(gateway.metric("portolan_store_behind_seconds") > 50.0);
    influxd.restart();
    wait_for_all(&gateway);
    assert_eq!(store_part(&gateway).1, "ready");

    // Its token revoked, then valid again.
    let client = reqwest::blocking::Client::new();
    let authorized = |request: reqwest::blocking::RequestBuilder| {
        request.header("Authorization", format!("Token {OPERATOR_TOKEN}")).send().expect("an answer")
    };
    let all = format!("{}/api/v2/authorizations", influxd.url());
    let list: serde_json::Value =
        serde_json::from_str(&authorized(client.get(&all)).text().expect("a text")).expect("a list");
    let id = list["authorizations"][0]["id"].as_str().expect("an id").to_owned();
    let org = list["authorizations"][0]["orgID"].as_str().expect("an id").to_owned();
    let limited = serde_json::json!({ "orgID": org, "permissions": [
        { "action": "write", "resource": { "type": "buckets", "orgID": org } },
        { "action": "read", "resource": { "type": "buckets", "orgID": org } },
        { "action": "read", "resource": { "type": "orgs", "id": org } },
    ] });
    let made: serde_json::Value =
        serde_json::from_str(&authorized(client.post(&all).body(limited.to_string())).text().expect("a text"))
            .expect("an authorization");
    assert_ne!(made["id"], serde_json::json!(id));
    let (limited_id, limited_token) = (made["id"].as_str().expect("an id"), made["token"].as_str().expect("a token"));
    fs::write(&token, limited_token).expect("the token file");
    gateway.stop();
    let gateway = Gateway::start(&options);
    send_for(&publisher, &mut sent, base, some_time);
    wait_for_all(&gateway);
    let set = |status: &str| {
        let body = serde_json::json!({ "status": status }).to_string();
        let answer = authorized(client.patch(format!("{all}/{limited_id}")).body(body));
        assert!(answer.status().is_success(), "{status}: {}", answer.status());
    };
    set("inactive");
    send_for(&publisher, &mut sent, base, some_time);
    let (status, state, said) = store_part(&gateway);
    assert_eq!((status, state.as_str()), (200, "degraded"), "{said}");
    assert!(said.contains("token"), "{said}");
    set("active");
    wait_for_all(&gateway);
    assert_eq!(store_part(&gateway).1, "ready");
    finish(gateway, &options, &influxd, publisher, sent);
}

#[test]
fn an_influxdb_whose_disk_is_full_gets_everything_once_there_is_room() {
    let folder = std::env::temp_dir().join(format!("portolan-e2e-{}-influx-tmpfs", std::process::id()));
    let Some(_tmpfs) = Tmpfs::mount(&folder, "influx_full", 256) else { return };
    let Some(mut influxd) = Influxd::start_in("influx_full", Some(&folder), &[]) else { return };
    let options = with_influx("influx_full", &influxd);
    let gateway = Gateway::start(&options);
    let (base, mut sent) = (base_millis(), 0);
    let publisher = Publisher::start("load", gateway.mqtt_port(), 100);
    send_for(&publisher, &mut sent, base, Duration::from_secs(1));
    wait_until("acknowledged", Duration::from_secs(30), || match publisher.n_acknowledged() {
        n if n >= sent => Ok(()),
        n => Err(n),
    });
    wait_for_all(&gateway);
    assert!(sent > 0 && flux_count(&influxd) == sent, "{sent} written before the disk is full");
    let filler = folder.join("filler");
    let fill = || {
        let file = fs::OpenOptions::new().create(true).append(true).open(&filler);
        file.and_then(|mut file| std::io::Write::write_all(&mut file, &[0; 4_096]))
    };
    while fill().is_ok() {}
    send_for(&publisher, &mut sent, base, Duration::from_secs(2));
    wait_until("/readyz says that its disk is full", Duration::from_secs(30), || match store_part(&gateway) {
        (200, state, said) if state == "degraded" && said.contains("make room") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    fs::remove_file(&filler).expect("room");
    // InfluxDB 2.7 goes on refusing after a failed write to its own log, as /readyz says.
    influxd.stop();
    influxd.restart();
    wait_for_all(&gateway);
    finish(gateway, &options, &influxd, publisher, sent);
}

#[test]
fn a_reading_that_influxdb_refuses_is_quarantined_and_the_rest_goes_through() {
    let Some(influxd) = Influxd::start("influx_refused") else { return };
    let options = with_influx("influx_refused", &influxd);
    // Somebody else's point has made the field of one series a text, so that numbers do not fit it.
    let base = base_millis();
    let at = base + 7; // in the same shard
    let answer = reqwest::blocking::Client::new()
        .post(format!("{}/api/v2/write?org={ORG}&bucket={BUCKET}&precision=ms", influxd.url()))
        .header("Authorization", format!("Token {OPERATOR_TOKEN}"))
        .body(format!("reading,device=d3,metric=x,site=WH float=\"not ours\" {at}"))
        .send()
        .expect("an answer");
    assert!(answer.status().is_success(), "{}", answer.status());
    let gateway = Gateway::start(&options);
    let publisher = Publisher::start("load", gateway.mqtt_port(), 100);
    for number in 0..200 {
        let (topic, payload) = message(number, base);
        publisher.send(number, topic, payload);
    }
    assert_eq!(publisher.finish(true).len(), 200);
    wait_for_all(&gateway);
    let quarantined = gateway.get_all("/v1/quarantine?refused_by=database&limit=1000");
    // Only our points have a kind.
    assert_eq!(flux_count(&influxd) + quarantined.len() as u64, 200, "{quarantined:?}");
    assert!(!quarantined.is_empty(), "nothing was refused");
    for entry in &quarantined {
        let reason = entry["reason"].as_str().expect("a reason");
        assert!(reason.contains("conflict"), "InfluxDB's own reason: {reason}");
    }
    gateway.stop();
}
