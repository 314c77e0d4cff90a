//! Milliseconds from publishing a reading to seeing it in `/v1/stream`, at half the maximum rate.

use super::{Figure, Goal, Options};
use crate::gateway::{Gateway, GatewayOptions};
use crate::mosquitto::{Mosquitto, MosquittoOptions};
use crate::publisher::Publisher;
use anyhow::{Context, Result};
use gateway::clock::SystemClock;
use gateway::ports::Clock;
use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// So many, that a device's next reading hardly overtakes its last one on the way.
const N_DEVICES: u64 = 5_000;

/// A reading that says when it was sent.
pub(super) fn message(number: u64) -> (String, Vec<u8>) {
    let (device, seq) = (number % N_DEVICES, number / N_DEVICES);
    // The value is when it was sent, in microseconds: exact in a double.
    let now = SystemClock.now();
    let (at, value) = (now.as_millis(), now.as_nanos() / 1_000);
    let payload = format!(
        r#"{{"device":"s{device}","boot":1,"seq":{seq},"readings":[{{"metric":"sent","at":{at},"value":{value}}}]}}"#
    );
    (format!("portolan/v1/t/WH/s{device}/telemetry"), payload.into_bytes())
}

pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let n = options.n;
    let n_messages = n.unwrap_or(100_000);
    let mut options = GatewayOptions::new("stream");
    let network = options.data.with_extension("network");
    crate::gateway::small_network(&network, "t", &["A".to_owned()])?;
    options.network = Some(network);
    let mosquitto = Mosquitto::start("bench_stream", &MosquittoOptions::default()).context("mosquitto is missing")?;
    options.broker = Some(mosquitto.port());
    let gateway = Gateway::start(&options);
    let start = || -> Vec<Publisher> {
        (0..4).map(|i| Publisher::start(&format!("bench{i}"), mosquitto.port(), 1_000)).collect()
    };
    let all_stored = |n: u64| {
        crate::gateway::wait_until("stored", Duration::from_secs(60), || {
            let stored = gateway.metric("portolan_readings_stored_total") as u64;
            if stored >= n { Ok(()) } else { Err(stored) }
        });
    };
    // The maximum first, with somebody watching.
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = watch(&gateway, stop.clone())?;
    let publishers = start();
    let began = Instant::now();
    for number in 0..n_messages {
        let (topic, payload) = message(number);
        publishers[(number % 4) as usize].send(number, topic, payload);
    }
    for publisher in publishers {
        drop(publisher.finish(true));
    }
    all_stored(n_messages);
    let rate_max = n_messages as f64 / began.elapsed().as_secs_f64();
    stop.store(true, Ordering::Release);
    drop(watcher.join());
    // Then half of it.
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = watch(&gateway, stop.clone())?;
    let publishers = start();
    let rate = rate_max / 2.0;
    let began = Instant::now();
    for number in n_messages..2 * n_messages {
        let due = Duration::from_secs_f64((number - n_messages) as f64 / rate);
        if let Some(early) = due.checked_sub(began.elapsed()) {
            std::thread::sleep(early);
        }
        let (topic, payload) = message(number);
        publishers[(number % 4) as usize].send(number, topic, payload);
    }
    for publisher in publishers {
        drop(publisher.finish(true));
    }
    std::thread::sleep(Duration::from_millis(300));
    stop.store(true, Ordering::Release);
    let mut millis = watcher.join().ok().context("the watcher panicked")?;
    anyhow::ensure!(millis.len() as u64 > n_messages / 2, "only {} of {n_messages} readings were seen", millis.len());
    millis.sort_by(f64::total_cmp);
    let at = |q: f64| millis[((millis.len() - 1) as f64 * q) as usize];
    let what = |q: &str| format!("publish → stream, {q}, at {rate:.0} of {rate_max:.0} messages/s");
    Ok(vec![
        Figure::alone(what("p50"), at(0.5), "ms", Goal::None),
        Figure::alone(what("p99"), at(0.99), "ms", Goal::AtMost(50.0)),
        Figure::alone("readings seen of those sent", millis.len() as f64 / n_messages as f64, "", Goal::None),
    ])
}

/// Follows the stream and gives the delays of all readings that it saw.
pub(super) fn watch(gateway: &Gateway, stop: Arc<AtomicBool>) -> Result<std::thread::JoinHandle<Vec<f64>>> {
    let answer = reqwest::blocking::Client::builder()
        .timeout(None)
        .build()?
        .get(gateway.url("/v1/stream?stock=none"))
        .send()?
        .error_for_status()?;
    let mut lines = BufReader::with_capacity(1 << 20, answer);
    let handle = std::thread::Builder::new().name("watcher".into()).spawn(move || {
        let (mut millis, mut line) = (Vec::new(), String::new());
        let mut in_delta = false;
        while !stop.load(Ordering::Acquire) {
            line.clear();
            if !matches!(lines.read_line(&mut line), Ok(n) if n > 0) {
                break;
            }
            if line.starts_with("event:") {
                in_delta = line.contains("delta");
            }
            if !in_delta || !line.starts_with("data:") {
                continue;
            }
            let now = SystemClock.now().as_nanos() / 1_000;
            for rest in line.split(r#""metric":"sent""#).skip(1) {
                let Some((_, value)) = rest.split_once(r#""value":"#) else { continue };
                let digits: String = value.chars().take_while(|c| c.is_ascii_digit()).collect();
                if let Ok(sent) = digits.parse::<i64>() {
                    millis.push((now - sent) as f64 / 1_000.0);
                }
            }
        }
        millis
    })?;
    Ok(handle)
}
