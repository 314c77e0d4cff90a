//! Nothing that was acknowledged is ever lost, whatever is killed, cut off or full.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;
use tests::disk::SplitMix64;
use tests::gateway::{Gateway, GatewayOptions, small_network, verify, wait_until};
use tests::mosquitto::{Mosquitto, MosquittoOptions};
use tests::publisher::Publisher;

pub(super) const N_DEVICES: u64 = 20;

/// One reading a message: message `number` is reading `number / N_DEVICES` of device `number % N_DEVICES`.
pub(super) fn message(number: u64, base_millis: u64) -> (String, Vec<u8>) {
    let (device, seq) = (number % N_DEVICES, number / N_DEVICES);
    let topic = format!("portolan/v1/t/WH/d{device}/telemetry");
    let at = base_millis + seq;
    let payload = format!(
        r#"{{"device":"d{device}","boot":1,"seq":{seq},"readings":[{{"metric":"x","at":{at},"value":{seq}}}]}}"#
    );
    (topic, payload.into_bytes())
}

/// Readings are some minutes old, one a millisecond.
pub(super) fn base_millis() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    now.as_millis() as u64 - 3_600_000
}

/// Every acknowledged reading is in the store once, and nothing else is.
pub(super) fn check_all_there(gateway: &Gateway, acknowledged: &[u64], n_sent: u64) {
    let mut by_device = vec![Vec::new(); N_DEVICES as usize];
    for number in acknowledged {
        by_device[(number % N_DEVICES) as usize].push(number / N_DEVICES);
    }
    for (device, seqs) in by_device.iter_mut().enumerate() {
        seqs.sort_unstable();
        seqs.dedup();
        let readings = gateway.get_all(&format!("/v1/devices/d{device}/metrics/x/readings?limit=10000"));
        let stored: Vec<u64> =
            readings.iter().map(|reading| reading["value"].as_f64().expect("a number") as u64).collect();
        let mut unique = stored.clone();
        unique.dedup();
        assert_eq!(stored.len(), unique.len(), "d{device}: readings are stored twice");
        let missing: Vec<_> = seqs.iter().filter(|seq| stored.binary_search(seq).is_err()).collect();
        assert!(missing.is_empty(), "d{device}: {} acknowledged readings are missing: {missing:?}", missing.len());
        assert!(stored.iter().all(|seq| seq * N_DEVICES + (device as u64) < n_sent), "d{device}: never sent");
    }
}

pub(super) fn seed() -> u64 {
    std::env::var("PORTOLAN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20)
}

/// Publishes at load while the gateway is killed at random moments; then checks every acknowledged reading.
fn killed_at_random_moments(options: &GatewayOptions, mqtt_port: u16) {
    const KILLS: u64 = 20;
    println!("PORTOLAN_SEED={}", seed());
    let mut random = SplitMix64(seed());
    let base = base_millis();
    let publisher = Publisher::start("load", mqtt_port, 500);
    let mut sent = 0;
    let mut gateway = Gateway::start(options);
    for _kill in 0..KILLS {
        // Between none and 400 ms of load, so that start, recovery and full flight are all hit.
        let until = std::time::Duration::from_millis(random.below(400));
        let began = std::time::Instant::now();
        while began.elapsed() < until {
            let (topic, payload) = message(sent, base);
            if publisher.try_send(sent, topic, payload) {
                sent += 1;
            } else {
                thread::sleep(Duration::from_millis(1));
            }
        }
        gateway.kill();
        gateway = if random.chance(50) {
            Gateway::start(options)
        } else {
            // Killed again while it starts.
            let early = Gateway::spawn(options);
            thread::sleep(Duration::from_millis(random.below(120)));
            drop(early);
            Gateway::start(options)
        };
    }
    let acknowledged = publisher.finish(true);
    assert_eq!(acknowledged.len() as u64, sent, "everything is acknowledged in the end");
    assert!(sent > 1_000, "only {sent} messages were sent: no load");
    wait_until("all readings are stored", Duration::from_secs(60), || {
        let n: u64 = (0..N_DEVICES)
            .map(|device| {
                gateway.get_all(&format!("/v1/devices/d{device}/metrics/x/readings?limit=10000")).len() as u64
            })
            .sum();
        if n >= sent { Ok(()) } else { Err(format!("{n} of {sent}")) }
    });
    check_all_there(&gateway, &acknowledged, sent);
    gateway.kill();
    let report = verify(&options.data);
    assert_eq!(report["same_twin"], true, "{report}");
    println!("{KILLS} kills, {sent} readings, {report}");
}

pub(super) fn with_network(test: &str) -> GatewayOptions {
    let mut options = GatewayOptions::new(test);
    let network = options.data.with_extension("network");
    small_network(&network, "t", &["A".to_owned()]).expect("a network folder");
    options.network = Some(network);
    options
}

#[test]
fn no_reading_is_lost_with_mosquitto_when_the_gateway_is_killed_again_and_again() {
    let options = MosquittoOptions { persistence: true, ..MosquittoOptions::default() };
    let Some(mosquitto) = Mosquitto::start("killed_with_mosquitto", &options) else { return };
    let mut options = with_network("killed_with_mosquitto");
    options.broker = Some(mosquitto.port());
    // The session must exist before the first message, or the broker has nowhere to keep it.
    Gateway::start(&options).stop();
    killed_at_random_moments(&options, mosquitto.port());
}

#[test]
fn no_reading_is_lost_with_the_embedded_broker_when_the_gateway_is_killed_again_and_again() {
    let options = with_network("killed_embedded");
    killed_at_random_moments(&options, options.ports.1);
}

#[test]
fn no_reading_is_lost_when_the_external_broker_is_killed() {
    let options = MosquittoOptions { persistence: true, ..MosquittoOptions::default() };
    let Some(mut mosquitto) = Mosquitto::start("broker_killed", &options) else { return };
    let mut options = with_network("broker_killed");
    options.broker = Some(mosquitto.port());
    let gateway = Gateway::start(&options);
    let (base, mut sent, mut acknowledged) = (base_millis(), 0, Vec::new());
    for round in 0..5 {
        let publisher = Publisher::start(&format!("round{round}"), mosquitto.port(), 200);
        for _ in 0..2_000 {
            let (topic, payload) = message(sent, base);
            publisher.send(sent, topic, payload);
            sent += 1;
        }
        acknowledged.extend(publisher.finish(true));
        // What mosquitto acknowledged and has not written to its disk dies with it, so it may deliver first.
        wait_until("delivered", Duration::from_secs(60), || {
            let stored = gateway.metric("portolan_readings_stored_total") as u64;
            if stored >= sent { Ok(()) } else { Err(stored) }
        });
        mosquitto.kill();
        wait_until("/readyz says that the broker is gone", Duration::from_secs(30), || match gateway.readyz() {
            Some((503, body)) if body["parts"]["broker"]["state"] == "failing" => Ok(()),
            other => Err(other),
        });
        mosquitto.restart();
        wait_until("/readyz says that the broker is back", Duration::from_secs(60), || match gateway.readyz() {
            Some((200, _)) => Ok(()),
            other => Err(other),
        });
    }
    check_all_there(&gateway, &acknowledged, sent);
    gateway.kill();
    println!("5 broker kills, {sent} readings, {}", verify(&options.data));
}

/// A small tmpfs; unmounted when dropped.
pub(super) struct Tmpfs<'a>(&'a Path);

impl<'a> Tmpfs<'a> {
    pub(super) fn mount(folder: &'a Path, test: &str, mebibytes: u32) -> Option<Self> {
        fs::create_dir_all(folder).expect("a mount point");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"])
            .arg(folder)
            .output();
        if mounted.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        let why = format!("{test}: a tmpfs cannot be mounted (needs root): {mounted:?}");
        assert!(std::env::var_os("PORTOLAN_REQUIRE_PEERS").is_none_or(|value| value != "1"), "{why}");
        println!("SKIPPED {why}");
        None
    }
}

impl Drop for Tmpfs<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0).status().ok();
    }
}

#[test]
fn a_full_disk_stops_acknowledgements_and_loses_nothing() {
    let mut options = with_network("full_disk");
    let folder = options.data.clone();
    let Some(_tmpfs) = Tmpfs::mount(&folder, "full_disk", 48) else { return };
    options.data = folder.join("data");
    options.set = vec!["journal.free_bytes_min=1048576".into(), "journal.segment_bytes_max=1048576".into()];
    let gateway = Gateway::start(&options);
    let base = base_millis();
    let publisher = Publisher::start("full", options.ports.1, 200);
    let mut sent = 0;
    let mut send = |n: u64| {
        for _ in 0..n {
            let (topic, payload) = message(sent, base);
            while !publisher.try_send(sent, topic.clone(), payload.clone()) {
                thread::sleep(Duration::from_millis(1));
            }
            sent += 1;
        }
    };
    send(2_000);
    wait_until("acknowledged", Duration::from_secs(30), || match publisher.n_acknowledged() {
        2_000 => Ok(()),
        n => Err(n),
    });
    // Leave too little for the next allocation of the journal.
    let filler = folder.join("filler");
    let mut blocks = 0;
    while fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&filler)
        .and_then(|mut file| std::io::Write::write_all(&mut file, &[0; 64 << 10]))
        .is_ok()
    {
        blocks += 1;
        assert!(blocks < 10_000, "the tmpfs never fills");
    }
    // What is allocated already still takes some: send until nothing is acknowledged any more.
    let mut stalled = None;
    for _ in 0..2_000 {
        for _ in 0..100 {
            let (topic, payload) = message(sent, base);
            if publisher.try_send(sent, topic, payload) {
                sent += 1;
            }
        }
        thread::sleep(Duration::from_millis(20));
        if let Some((503, body)) = gateway.readyz() {
            stalled = Some(body);
            break;
        }
    }
    let body = stalled.expect("/readyz says that nothing can be stored");
    assert_eq!(body["parts"]["disk"]["state"], "failing", "{body}");
    assert!(body["parts"]["disk"]["detail"].as_str().is_some_and(|why| why.contains("no space")), "{body}");
    assert!(body["parts"]["disk"]["mend"].as_str().is_some_and(|mend| !mend.is_empty()), "{body}");
    thread::sleep(Duration::from_millis(300));
    let before = publisher.n_acknowledged();
    thread::sleep(Duration::from_millis(700));
    assert_eq!(publisher.n_acknowledged(), before, "something was acknowledged although nothing can be stored");
    assert!(before < sent, "all {sent} were acknowledged");
    fs::remove_file(&filler).expect("room");
    wait_until("/readyz recovers by itself", Duration::from_secs(30), || match gateway.readyz() {
        Some((200, _)) => Ok(()),
        other => Err(other),
    });
    let acknowledged = publisher.finish(true);
    assert_eq!(acknowledged.len() as u64, sent, "the rest is acknowledged once there is space");
    wait_until("stored", Duration::from_secs(30), || {
        let n: usize = (0..N_DEVICES)
            .map(|device| gateway.get_all(&format!("/v1/devices/d{device}/metrics/x/readings?limit=10000")).len())
            .sum();
        if n as u64 >= sent { Ok(()) } else { Err(n) }
    });
    check_all_there(&gateway, &acknowledged, sent);
    gateway.kill();
    println!("full disk: {sent} readings, {} acknowledged before, {}", before, verify(&options.data));
}

/// Messages that are readings, and, in between, long ones that nobody understands, which fill the journal.
fn send_and_stop(options: &GatewayOptions, round: u64, base: u64) -> Vec<u64> {
    const PER_ROUND: u64 = 400;
    const GARBAGE_BYTES: usize = 30_000;
    let gateway = Gateway::start(options);
    let publisher = Publisher::start(&format!("round-{round}"), options.ports.1, 100);
    for n in 0..PER_ROUND {
        let number = round * PER_ROUND + n;
        let (topic, payload) = message(number, base);
        publisher.send(number, topic, payload);
        if n % 4 == 0 {
            publisher.send(u64::MAX - n, "portolan/v1/t/WH/d0/telemetry".to_owned(), vec![b'?'; GARBAGE_BYTES]);
        }
    }
    let mut acknowledged = publisher.finish(true);
    acknowledged.retain(|number| *number < u64::MAX / 2);
    gateway.stop();
    acknowledged
}

#[test]
fn a_journal_that_is_too_long_drops_its_beginning_and_nothing_that_counts() {
    let mut options = with_network("journal_kept");
    options.set = ["journal.segment_bytes_max=1048576", "journal.keep_bytes=3145728", "store.seal_secs=1"]
        .map(str::to_owned)
        .to_vec();
    let base = base_millis();
    let (mut acknowledged, mut sent) = (Vec::new(), 0);
    // Two orderly ends leave two snapshots; only what both hold may go.
    for round in 0..5 {
        acknowledged.extend(send_and_stop(&options, round, base));
        sent += 400;
    }
    assert_eq!(acknowledged.len() as u64, sent, "all is acknowledged");
    let report = verify(&options.data);
    assert!(report["first"].as_u64() > Some(1), "nothing was dropped: {report}");
    assert!(report["rebuilt_from"].as_u64() > Some(0), "{report}");
    let journal = fs::read_dir(options.data.join("journal")).expect("the journal's folder");
    let n_segments = journal.flatten().filter(|entry| entry.path().extension().is_some_and(|it| it == "log")).count();
    assert!((1..12).contains(&n_segments), "{n_segments} segments are left of about fifteen");
    let gateway = Gateway::start(&options);
    check_all_there(&gateway, &acknowledged, sent);
    // The oldest payload in quarantine is still listed; its bytes went with the journal, which is said.
    let quarantined = gateway.get_all("/v1/quarantine?limit=1000");
    let oldest = quarantined.last().expect("quarantined payloads")["id"].clone();
    let one = gateway.get(&format!("/v1/quarantine/{oldest}"));
    assert_eq!((quarantined.len(), &one["payload_base64"]), (500, &serde_json::Value::Null), "{one}");
    let (status, problem) = gateway.post(&format!("/v1/quarantine/{oldest}/redrive"), &serde_json::json!({}));
    assert_eq!(status, 410, "{problem}");
    gateway.kill();
    // Without its snapshots the twin cannot be had any more, and that is said, not glossed over.
    for entry in fs::read_dir(options.data.join("journal")).expect("the journal's folder").flatten() {
        if entry.file_name().to_string_lossy().contains("snapshot") {
            fs::remove_file(entry.path()).expect("removed");
        }
    }
    let refused = Gateway::refuses_to_start(&options);
    assert!(refused.contains("restore a snapshot"), "{refused}");
}
