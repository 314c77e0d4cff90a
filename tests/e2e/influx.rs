//! Readings in a real InfluxDB: whatever is killed, cut off, locked out or full, each is there once.

use super::no_loss::{N_DEVICES, Tmpfs, base_millis, check_all_there, message, seed, with_network};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};
use tests::disk::SplitMix64;
use tests::gateway::{Gateway, GatewayOptions, run_with, verify_with, wait_until};
use tests::influxd::{BUCKET, Influxd, OPERATOR_TOKEN, ORG};
use tests::mosquitto::{Mosquitto, MosquittoOptions};
use tests::publisher::Publisher;

/// A gateway whose readings go to `influxd`; its token stands in a file.
pub(super) fn with_influx(test: &str, influxd: &Influxd) -> GatewayOptions {
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
    let answer = influxd
        .http()
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

pub(super) fn wait_for_all(gateway: &Gateway) {
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
    let checked = check_finds_no_difference(options);
    assert_eq!(checked["points_present"], serde_json::json!(sent), "{checked}");
    println!("{sent} readings, {report}, {checked}");
}

/// What `portolan influx check` says when all is well.
#[track_caller]
fn check_finds_no_difference(options: &GatewayOptions) -> serde_json::Value {
    let (code, checked, stderr) = run_with(options, &["influx", "check"]);
    assert_eq!(code, Some(0), "{checked:#}\n{stderr}");
    assert_eq!(checked["ok"], true, "{checked:#}");
    assert_eq!(checked["points_present"], checked["points_expected"], "{checked:#}");
    checked
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
    // These are told apart, and are no difference.
    let checked = check_finds_no_difference(&options);
    assert_eq!(checked["refused"], serde_json::json!(quarantined.len()), "{checked}");
}

/// Asks InfluxDB's own API as the operator; the answer must be a success.
pub(super) fn operator(
    influxd: &Influxd,
    method: &str,
    path: &str,
    body: Option<&serde_json::Value>,
) -> serde_json::Value {
    let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
    let mut request = influxd
        .http()
        .request(method, format!("{}/api/v2/{path}", influxd.url()))
        .header("Authorization", format!("Token {OPERATOR_TOKEN}"));
    if let Some(body) = body {
        request = request.header("Content-Type", "application/json").body(body.to_string());
    }
    let answer = request.send().expect("an answer");
    let (status, text) = (answer.status(), answer.text().expect("a body"));
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

/// Runs a task as if it were that time, and waits until it has ended well.
pub(super) fn run_task(influxd: &Influxd, name: &str, at_millis: u64) {
    let query = url_query(&[("org", ORG), ("name", name)]);
    let tasks = operator(influxd, "GET", &format!("tasks?{query}"), None);
    let id = tasks["tasks"][0]["id"].as_str().unwrap_or_else(|| panic!("no task {name:?}: {tasks}")).to_owned();
    let at = firmware_schemas::quantity::Timestamp::from_millis(at_millis as i64).expect("a time").to_string();
    let body = serde_json::json!({ "scheduledFor": at });
    let run = operator(influxd, "POST", &format!("tasks/{id}/runs"), Some(&body));
    let run = run["id"].as_str().expect("a run").to_owned();
    // For a moment a run that has ended is in no list.
    wait_until("the task has run", Duration::from_secs(60), || {
        let runs = operator(influxd, "GET", &format!("tasks/{id}/runs"), None);
        let known = runs["runs"].as_array().and_then(|runs| runs.iter().find(|one| one["id"] == run.as_str()));
        match known.and_then(|run| run["status"].as_str()) {
            Some("success") => Ok(()),
            Some("failed") => panic!("the task failed: {runs:#}"),
            _ => Err(runs),
        }
    });
}

pub(super) fn url_query(pairs: &[(&str, &str)]) -> String {
    let url = reqwest::Url::parse_with_params("http://x", pairs).expect("an address");
    url.query().unwrap_or_default().to_owned()
}

/// Rows of a Flux query as column and value; the query gives one table shape.
fn flux_rows(influxd: &Influxd, query: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    let answer = influxd
        .http()
        .post(format!("{}/api/v2/query?org={ORG}", influxd.url()))
        .header("Authorization", format!("Token {OPERATOR_TOKEN}"))
        .header("Content-Type", "application/vnd.flux")
        .body(query.to_owned())
        .send()
        .expect("an answer");
    let (status, text) = (answer.status(), answer.text().expect("CSV"));
    assert!(status.is_success(), "{status} {text}");
    let mut rows = Vec::new();
    let mut header: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim) {
        let cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        if line.is_empty() {
            header.clear();
        } else if header.is_empty() {
            header = cells;
        } else {
            rows.push(header.iter().cloned().zip(cells).collect());
        }
    }
    rows
}

#[test]
fn setup_makes_all_that_a_gateway_needs_and_check_and_backfill_find_and_mend_what_lacks() {
    use serde_json::json;
    let Some(influxd) = Influxd::start("influx_setup") else { return };
    let bucket = "plant ${a}";
    let mut options = with_influx("influx_setup", &influxd);
    let operator_file = options.data.with_extension("token");
    let own_file = options.data.with_extension("own-token");
    fs::remove_file(&own_file).ok();
    options.set.retain(|set| !set.contains("token_file") && !set.contains("bucket"));
    options.set.push(format!("store.influxdb2.bucket={bucket}"));
    options.set.push(format!("store.influxdb2.token_file={}", own_file.display()));
    let org = operator(&influxd, "GET", &format!("orgs?org={ORG}"), None)["orgs"][0]["id"].clone();
    // One of the buckets is there already, and keeps everything.
    let there = json!({ "orgID": org, "name": format!("{bucket}-1h"), "retentionRules": [] });
    operator(&influxd, "POST", "buckets", Some(&there));

    let operator_file = operator_file.display().to_string();
    let setup = |n_made: usize| {
        let (code, steps, stderr) = run_with(&options, &["influx", "setup", "--token-file", &operator_file]);
        assert_eq!(code, Some(0), "{steps:#}\n{stderr}");
        assert!(!format!("{steps}{stderr}").contains(OPERATOR_TOKEN), "{steps:#}\n{stderr}");
        let steps = steps.as_array().expect("steps").clone();
        assert_eq!(steps.len(), 6, "{steps:#?}");
        assert_eq!(steps.iter().filter(|step| step["made"] == true).count(), n_made, "{steps:#?}");
        steps
    };
    let (code, said, stderr) = run_with(&options, &["influx", "setup"]);
    assert_eq!(code, Some(2), "without a token: {said} {stderr}");
    let steps = setup(5);
    let left_alone = &steps[2]["note"];
    assert!(left_alone.as_str().is_some_and(|note| note.contains("for ever") && note.contains("400")), "{left_alone}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&own_file).expect("the file").permissions());
    assert_eq!(mode & 0o777, 0o600);
    let own = fs::read_to_string(&own_file).expect("the token");
    setup(0);
    // Found again, should the file be lost.
    fs::remove_file(&own_file).expect("the file");
    setup(1);
    assert_eq!(fs::read_to_string(&own_file).expect("the token"), own);
    let tokens = operator(&influxd, "GET", "authorizations", None);
    assert_eq!(tokens["authorizations"].as_array().map(Vec::len), Some(2), "{tokens:#}");

    let gateway = Gateway::start(&options);
    let (base, sent) = (base_millis(), 100 * N_DEVICES);
    let publisher = Publisher::start("load", gateway.mqtt_port(), 100);
    for number in 0..sent {
        let (topic, payload) = message(number, base);
        publisher.send(number, topic, payload);
    }
    let payload = format!(
        r#"{{"device":"d90","boot":1,"seq":0,"readings":[{{"metric":"door","at":{base},"value":true}},{{"metric":"note","at":{base},"value":"a, \"b\""}},{{"metric":"n","at":{base},"value":7}}]}}"#
    );
    publisher.send(sent, "portolan/v1/t/WH/d90/telemetry".to_owned(), payload.into_bytes());
    assert_eq!(publisher.finish(true).len() as u64, sent + 1);
    let points = sent + 3;
    wait_for_all(&gateway);
    assert_eq!(store_part(&gateway).1, "ready");
    check_reads_and_doctor(gateway, &options);
    assert_eq!(check_finds_no_difference(&options)["points_present"], json!(points));

    // Some points of one series go, and one comes that nobody sent.
    let at = |millis: u64| {
        firmware_schemas::quantity::Timestamp::from_millis((base + millis) as i64).expect("a time").to_string()
    };
    let hour_of = |millis: u64| {
        let hour = (base + millis) / 3_600_000 * 3_600_000;
        firmware_schemas::quantity::Timestamp::from_millis(hour as i64).expect("a time").to_string()
    };
    let in_bucket = url_query(&[("org", ORG), ("bucket", bucket)]);
    let delete = |from: u64, to: u64, device: &str| {
        let predicate = format!("device=\"{device}\"");
        let body = json!({ "start": at(from), "stop": at(to), "predicate": predicate });
        operator(&influxd, "POST", &format!("delete?{in_bucket}"), Some(&body));
    };
    delete(10, 10, "d3");
    let answer = reqwest::blocking::Client::new()
        .post(format!("{}/api/v2/write?{in_bucket}&precision=ms", influxd.url()))
        .header("Authorization", format!("Token {}", own.trim()))
        .body(format!("reading,device=d4,metric=x,site=WH kind=0i,float=1 {}", base + 500_000))
        .send()
        .expect("an answer");
    assert!(answer.status().is_success(), "the made token writes: {}", answer.status());
    let (code, checked, stderr) = run_with(&options, &["influx", "check"]);
    assert_eq!(code, Some(6), "{checked:#}\n{stderr}");
    let differences = checked["differences"].as_array().expect("a list");
    assert_eq!(differences.len(), 2, "{checked:#}");
    let differs = |device: &str| differences.iter().find(|it| it["device"] == device).expect("the device");
    let (lacks, has) = (differs("d3"), differs("d4"));
    assert_eq!((&lacks["metric"], &lacks["hour"]), (&json!("x"), &json!(hour_of(10))), "{lacks}");
    assert_eq!((&lacks["missing"], &lacks["surplus"]), (&json!(1), &json!(0)), "{lacks}");
    assert_eq!((&has["hour"], &has["missing"], &has["surplus"]), (&json!(hour_of(500_000)), &json!(0), &json!(1)));
    delete(500_000, 500_000, "d4");
    delete(0, 1_000, "d5");
    let (_, checked, _) = run_with(&options, &["influx", "check"]);
    let missing = checked["differences"].as_array().expect("a list").iter().map(|it| it["missing"].as_u64());
    assert_eq!(missing.map(|n| n.expect("a number")).sum::<u64>(), 101, "{checked:#}");

    let (code, filled, stderr) = run_with(&options, &["influx", "backfill", "--from", &at(0), "--to", &at(100)]);
    assert_eq!(code, Some(0), "{filled:#}\n{stderr}");
    assert_eq!(filled["readings"], json!(points), "{filled:#}");
    let checked = check_finds_no_difference(&options);
    assert_eq!((&checked["points_present"], &checked["points_of_other_series"]), (&json!(points), &json!(0)));

    // The tasks' numbers, by minute and by hour.
    for (suffix, step) in [("1m", 60_000), ("1h", 3_600_000)] {
        let end = (base + 99) / step * step + step;
        run_task(&influxd, &format!("portolan {bucket} {suffix}"), end);
        let from = format!("from(bucket: \"plant \\x24{{a}}-{suffix}\") |> range(start: 0)");
        let mut expected: std::collections::BTreeMap<u64, Vec<u64>> = std::collections::BTreeMap::new();
        (0..100).for_each(|seq| expected.entry((base + seq) / step * step).or_default().push(seq));
        let query = format!(
            "{from} |> filter(fn: (r) => r.device == \"d7\") |> pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\") \
             |> keep(columns: [\"_time\", \"min\", \"max\", \"mean\", \"last\", \"count\"])"
        );
        let rows = flux_rows(&influxd, &query);
        assert_eq!(rows.len(), expected.len(), "{rows:?}");
        for (row, (start, seqs)) in rows.iter().zip(expected) {
            let number = |column: &str| row[column].parse::<f64>().unwrap_or_else(|_| panic!("{column}: {row:?}"));
            let start = firmware_schemas::quantity::Timestamp::from_millis(start as i64).expect("a time");
            assert_eq!(row["_time"], start.to_string());
            let (n, sum) = (seqs.len() as f64, seqs.iter().sum::<u64>() as f64);
            let (first, last) = (seqs[0] as f64, seqs[seqs.len() - 1] as f64);
            let found = ["min", "max", "mean", "last", "count"].map(number);
            assert_eq!(found, [first, last, sum / n, last, n], "{suffix} {row:?}");
        }
        let others = flux_rows(
            &influxd,
            &format!(
                "{from} |> filter(fn: (r) => r.device == \"d90\" and (r._field == \"boolean_last\" or r._field == \"boolean_count\" or r._field == \"last\" or r._field == \"text_count\")) |> toString() |> keep(columns: [\"metric\", \"_field\", \"_value\"])"
            ),
        );
        let found: std::collections::BTreeSet<_> =
            others.iter().map(|row| format!("{} {} {}", row["metric"], row["_field"], row["_value"])).collect();
        let expected = ["door boolean_count 1", "door boolean_last true", "n last 7", "note text_count 1"];
        assert_eq!(found, expected.map(str::to_owned).into(), "{suffix}");
    }

    // After a kill the cursor lags behind what was written, which is no difference.
    let gateway = Gateway::start(&options);
    let publisher = Publisher::start("more", gateway.mqtt_port(), 100);
    for number in sent..sent + 200 {
        let (topic, payload) = message(number, base);
        publisher.send(number, topic, payload);
    }
    assert_eq!(publisher.finish(true).len(), 200);
    wait_for_all(&gateway);
    gateway.kill();
    let points = points + 200;
    let checked = check_finds_no_difference(&options);
    println!("after a kill: {checked}");
    let known = [&checked["points_present"], &checked["not_yet"]].map(|n| n.as_u64().expect("a number"));
    assert_eq!(known[0] + known[1], points, "{checked:#}");
    Gateway::start(&options).stop();
    assert_eq!(check_finds_no_difference(&options)["points_present"], json!(points));

    // A bucket that keeps less than the journal.
    let known = operator(&influxd, "GET", &format!("buckets?{}", url_query(&[("org", ORG), ("name", bucket)])), None);
    let id = known["buckets"][0]["id"].as_str().expect("an id");
    let rules = json!([{ "type": "expire", "everySeconds": 3_600, "shardGroupDurationSeconds": 3_600 }]);
    operator(&influxd, "PATCH", &format!("buckets/{id}"), Some(&json!({ "retentionRules": rules })));
    delete(0, 1_000, "d6");
    let checked = check_finds_no_difference(&options);
    assert_eq!((&checked["points_expected"], &checked["beyond_retention"]), (&json!(0), &json!(points)), "{checked:#}");
}

/// Reads through the made token, and asks `portolan doctor` once the gateway has stopped.
fn check_reads_and_doctor(gateway: Gateway, options: &GatewayOptions) {
    assert_eq!(gateway.get_all("/v1/devices/d3/metrics/x/readings?limit=1000").len(), 100);
    gateway.stop();
    let (code, findings, stderr) = run_with(options, &["doctor"]);
    assert_eq!(code, Some(0), "{findings:#}\n{stderr}");
    let ours = findings.as_array().expect("findings").iter().find(|it| it["what"].to_string().contains("InfluxDB"));
    assert!(ours.is_some_and(|it| it["ok"] == true), "{findings:#}");
}

/// Takes every batch, and never answers a question; gives the moments at which questions were given up.
fn silent_influx() -> (String, std::sync::mpsc::Receiver<()>) {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let (tell, given_up) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let tell = tell.clone();
            thread::spawn(move || {
                let (mut heard, mut is_question) = (vec![0; 1 << 16], false);
                while let Ok(n @ 1..) = socket.read(&mut heard) {
                    is_question |= heard[..n].starts_with(b"POST /query");
                    if !is_question {
                        socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok();
                    }
                }
                if is_question {
                    tell.send(()).ok();
                }
            });
        }
    });
    (url, given_up)
}

#[test]
fn a_question_whose_asker_has_left_is_given_up() {
    let (url, given_up) = silent_influx();
    let mut options = with_network("influx_left");
    let token = options.data.with_extension("token");
    fs::write(&token, OPERATOR_TOKEN).expect("a token file");
    options.set = vec![
        "store.kind=influxdb2".to_owned(),
        format!("store.influxdb2.url={url}"),
        format!("store.influxdb2.token_file={}", token.display()),
    ];
    let gateway = Gateway::start(&options);
    let publisher = Publisher::start("one", gateway.mqtt_port(), 10);
    let (topic, payload) = message(0, base_millis());
    publisher.send(0, topic, payload);
    assert_eq!(publisher.finish(true).len(), 1);
    let impatient = reqwest::blocking::Client::builder().timeout(Duration::from_millis(500)).build().expect("a client");
    let asked = impatient.get(gateway.url("/v1/devices/d0/metrics/x/readings")).send();
    assert!(asked.is_err_and(|why| why.is_timeout()), "nobody answers");
    given_up.recv_timeout(Duration::from_secs(5)).expect("InfluxDB's connection is closed soon after");
}

/// Makes a token that may read and write every bucket; gives its identifier and itself.
fn make_token(influxd: &Influxd) -> (String, String) {
    let org = operator(influxd, "GET", &format!("orgs?org={ORG}"), None)["orgs"][0]["id"].clone();
    let may = |action: &str| serde_json::json!({ "action": action, "resource": { "type": "buckets", "orgID": org } });
    let body = serde_json::json!({ "orgID": org, "permissions": [may("read"), may("write")] });
    let made = operator(influxd, "POST", "authorizations", Some(&body));
    let text = |key: &str| made[key].as_str().unwrap_or_else(|| panic!("no {key}: {made}")).to_owned();
    (text("id"), text("token"))
}

#[test]
fn a_token_that_was_changed_is_taken_from_its_file_without_a_restart() {
    let Some(influxd) = Influxd::start("influx_rotated") else { return };
    let options = with_influx("influx_rotated", &influxd);
    let file = options.data.with_extension("token");
    let (old, token) = make_token(&influxd);
    fs::write(&file, token).expect("the token file");
    let gateway = Gateway::start(&options);
    let publisher = Publisher::start("load", gateway.mqtt_port(), 100);
    let (base, mut sent) = (base_millis(), 0);
    send_for(&publisher, &mut sent, base, Duration::from_millis(300));
    wait_for_all(&gateway);
    operator(&influxd, "DELETE", &format!("authorizations/{old}"), None);
    send_for(&publisher, &mut sent, base, Duration::from_millis(300));
    wait_until("/readyz names the token", Duration::from_secs(20), || match store_part(&gateway) {
        (200, state, said) if state == "degraded" && said.contains("token_file, which is read again") => Ok(()),
        other => Err(other),
    });
    let path = "/v1/devices/d0/metrics/x/readings";
    assert_eq!(gateway.try_get(path).0, 503, "reads need it too");
    let (_, token) = make_token(&influxd);
    fs::write(&file, format!("{token}\n")).expect("the token file");
    wait_for_all(&gateway);
    assert_eq!(store_part(&gateway).1, "ready");
    assert_eq!(gateway.try_get(path).0, 200);
    finish(gateway, &options, &influxd, publisher, sent);
}

/// An authority of the test's own, with a certificate for 127.0.0.1, and a stranger's: PEM files in a folder.
fn certificates(test: &str) -> std::path::PathBuf {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    let folder = std::env::temp_dir().join(format!("portolan-e2e-{}-{test}-tls", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    for root in ["root", "stranger"] {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, format!("Portolan test {root}"));
        fs::write(folder.join(format!("{root}.pem")), params.self_signed(&key).expect("a root").pem()).expect("a file");
        if root == "root" {
            let issuer = Issuer::new(params, key);
            let key = KeyPair::generate().expect("a key");
            let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
            let signed = server.signed_by(&key, &issuer).expect("a certificate");
            fs::write(folder.join("server.pem"), signed.pem()).expect("a file");
            fs::write(folder.join("server.key"), key.serialize_pem()).expect("a file");
        }
    }
    folder
}

#[test]
fn influxdb_behind_tls_is_set_up_written_and_read_with_its_root_and_not_without() {
    let folder = certificates("influx_tls");
    let file = |name: &str| folder.join(name);
    let Some(influxd) = Influxd::start_tls("influx_tls", &file("server.pem"), &file("server.key"), &file("root.pem"))
    else {
        return;
    };
    let mut options = with_influx("influx_tls", &influxd);
    assert!(influxd.url().starts_with("https://"));
    let operator_file = options.data.with_extension("token");
    let own_file = options.data.with_extension("own-token");
    fs::remove_file(&own_file).ok();
    options.set.retain(|set| !set.contains("token_file"));
    options.set.push(format!("store.influxdb2.token_file={}", own_file.display()));
    let believing = |root: &str| {
        let mut options = options.clone();
        options.set.push(format!("store.influxdb2.roots_file={}", file(root).display()));
        options
    };
    let operator_file = operator_file.display().to_string();
    let setup = |options: &GatewayOptions| run_with(options, &["influx", "setup", "--token-file", &operator_file]);
    for refused in [options.clone(), believing("stranger.pem")] {
        let (code, _, stderr) = setup(&refused);
        assert!(code.is_some_and(|code| code != 0) && stderr.contains("certificate"), "{code:?} {stderr}");
    }
    let (code, steps, stderr) = setup(&believing("root.pem"));
    assert_eq!(code, Some(0), "{steps:#}\n{stderr}");

    // Believing somebody else costs nothing but time, and says what is wrong.
    let gateway = Gateway::start(&believing("stranger.pem"));
    let publisher = Publisher::start("load", gateway.mqtt_port(), 100);
    let (base, mut sent) = (base_millis(), 0);
    send_for(&publisher, &mut sent, base, Duration::from_millis(300));
    wait_until("/readyz names the certificate", Duration::from_secs(20), || match store_part(&gateway) {
        (200, state, said) if state == "degraded" && said.contains("certificate") => Ok(()),
        other => Err(other),
    });
    gateway.stop();
    let options = believing("root.pem");
    let gateway = Gateway::start(&options);
    send_for(&publisher, &mut sent, base, Duration::from_millis(300));
    finish(gateway, &options, &influxd, publisher, sent);
    fs::remove_dir_all(&folder).ok();
}
