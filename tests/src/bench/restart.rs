//! How long a gateway with ten million readings takes from its start to `/readyz`, after `kill -9`.

use super::store::frames;
use super::{Figure, Goal, Options, median};
use crate::gateway::{Gateway, GatewayOptions};
use crate::mosquitto::{Mosquitto, MosquittoOptions};
use anyhow::{Context, Result};
use firmware_schemas::codec::Encoding;
use gateway::clock::SystemClock;
use gateway::ports::Clock;
use std::time::Instant;

pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let n = options.n;
    const FRAMES_AT_ONCE: u64 = 20_000;
    let n_readings = n.unwrap_or(10_000_000);
    let mut options = GatewayOptions::new("restart");
    options.data = super::folder("restart")?.join("data");
    crate::gateway::small_network(&options.data.with_extension("network"), "t", &["A".to_owned()])?;
    options.network = Some(options.data.with_extension("network"));
    let now = SystemClock.now();
    let all = frames(n_readings / 50, now, Encoding::Cbor, "WH", "t")?;
    let mosquitto = Mosquitto::start("bench_restart", &MosquittoOptions::default()).context("mosquitto is missing")?;
    options.broker = Some(mosquitto.port());
    let gateway = Gateway::start(&options);
    let publisher = crate::publisher::Publisher::start("bench", mosquitto.port(), 1_000);
    let mut number = 0;
    for chunk in all.chunks(FRAMES_AT_ONCE as usize) {
        for (topic, payload) in chunk {
            publisher.send(number, topic.clone(), payload.to_vec());
            number += 1;
        }
    }
    let acknowledged = publisher.finish(true).len() as u64;
    anyhow::ensure!(acknowledged == number, "{acknowledged} of {number} frames were acknowledged");
    crate::gateway::wait_until("stored", std::time::Duration::from_secs(60), || {
        let stored = gateway.metric("portolan_store_points") as u64;
        if stored >= number * 50 { Ok(()) } else { Err(stored) }
    });
    gateway.kill();
    let mut secs = Vec::new();
    for _round in 0..5 {
        let began = Instant::now();
        let gateway = Gateway::start(&options);
        secs.push(began.elapsed().as_secs_f64());
        anyhow::ensure!(gateway.metric("portolan_store_points") as u64 >= number * 50, "readings are missing");
        gateway.kill();
    }
    let report = crate::gateway::verify(&options.data);
    anyhow::ensure!(report["same_twin"] == true, "{report}");
    std::fs::remove_dir_all(options.data.parent().context("a parent")?)?;
    let what = format!("ready after kill -9 with {} readings, median of 5", number * 50);
    Ok(vec![Figure::alone(what, median(secs), "s", Goal::AtMost(3.0))])
}
