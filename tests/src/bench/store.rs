//! Readings a second into journal and store, and what they weigh there.

use super::pipeline::Pipeline;
use super::{Figure, Goal, Options, folder, median};
use anyhow::{Context, Result};
use bytes::Bytes;
use firmware_schemas::codec::{Encoding, encode};
use firmware_schemas::id::{DeviceId, MetricName};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::{Quality, Reading, TelemetryFrame, Value};
use gateway::clock::SystemClock;
use gateway::disk::Folder;
use gateway::ports::{Clock, Disk};
use gateway::store::Store;
use sim::world::{Message, World, WorldConfig, WorldInput};
use std::time::{Duration, Instant};

const READINGS_IN_A_FRAME: u64 = 50;
const FRAMES_IN_A_COMMIT: usize = 256;
const N_DEVICES: u64 = 100;

/// Frames of 50 readings: ten metrics at five instants, rounded like a sensor's, devices in turn.
pub(super) fn frames(
    n_frames: u64,
    now: Timestamp,
    encoding: Encoding,
    site: &str,
    tenant: &str,
) -> Result<Vec<(String, Bytes)>> {
    let metrics: Vec<_> = (0..10).map(|i| MetricName::new(&format!("m{i}"))).collect::<Result<_, _>>()?;
    let mut random = crate::disk::SplitMix64(3);
    let mut levels = vec![200_i64; (N_DEVICES * 10) as usize];
    let start = now.saturating_sub(Duration::from_secs(3_600 * 24 * 30));
    (0..n_frames)
        .map(|number| {
            let (device, seq) = (number % N_DEVICES, number / N_DEVICES);
            let mut readings = Vec::with_capacity(READINGS_IN_A_FRAME as usize);
            for instant in 0..5 {
                let at = start.saturating_add(Duration::from_secs((seq * 5 + instant) * 10));
                for (i, metric) in metrics.iter().enumerate() {
                    let level = &mut levels[device as usize * 10 + i];
                    *level += random.below(5) as i64 - 2;
                    let value = Value::Float(*level as f64 / 10.0);
                    readings.push(Reading { metric: metric.clone(), at, value, quality: Quality::Good });
                }
            }
            let device = DeviceId::new(&format!("bench-{device}"))?;
            let topic = format!("portolan/v1/{tenant}/{site}/{device}/telemetry");
            let frame = TelemetryFrame { device, boot: Some(1), seq: Some(seq), sent_at: None, readings };
            Ok((topic, Bytes::from(encode(&frame, encoding)?)))
        })
        .collect()
}

pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let n = options.n;
    let n_frames = n.unwrap_or(2_000_000) / READINGS_IN_A_FRAME;
    let mut figures = Vec::new();
    for (name, encoding) in [("JSON", Encoding::Json), ("CBOR", Encoding::Cbor)] {
        let (mut rates, mut bare_rates) = (Vec::new(), Vec::new());
        for _round in 0..3 {
            let (rate, written) = through(n_frames, encoding)?;
            rates.push(rate);
            let secs = bare(written)?;
            bare_rates.push((n_frames * READINGS_IN_A_FRAME) as f64 / secs);
        }
        let (rate, bare_rate) = (median(rates), median(bare_rates));
        figures.push(Figure {
            figure: format!("{name} frames of 50 → decoded, twin, durable, store"),
            value: rate,
            unit: "readings/s",
            against: Some(("the same bytes and fsyncs alone".into(), bare_rate)),
            goal: Goal::AtLeast(0.5),
        });
        figures.push(Figure::alone(format!("{name}: the target on one core"), rate, "readings/s", Goal::AtLeast(1e6)));
    }
    figures.push(bytes_per_reading()?);
    Ok(figures)
}

/// Readings a second through everything, and what was written.
fn through(n_frames: u64, encoding: Encoding) -> Result<(f64, (u64, u64))> {
    let folder = folder("store")?;
    let now = SystemClock.now();
    let network = gateway::demo::network()?;
    let frames = frames(n_frames, now, encoding, "CW-DAVENTRY", network.head().tenant.as_str())?;
    let mut pipeline = Pipeline::new(&folder, &network, now)?;
    pipeline.written = (0, 0);
    let began = Instant::now();
    for chunk in frames.chunks(FRAMES_IN_A_COMMIT) {
        for (topic, payload) in chunk {
            pipeline.take(topic, payload.clone(), now)?;
        }
        pipeline.commit(now)?;
    }
    let secs = began.elapsed().as_secs_f64();
    let written = pipeline.written;
    drop(pipeline);
    std::fs::remove_dir_all(&folder)?;
    Ok(((n_frames * READINGS_IN_A_FRAME) as f64 / secs, written))
}

/// Seconds to write so many bytes with so many syncs, preallocated as the journal does.
fn bare((bytes, commits): (u64, u64)) -> Result<f64> {
    let path = folder("bare")?;
    let disk = Folder::open(&path)?;
    let file = disk.create("bare")?;
    let each = vec![7_u8; (bytes / commits.max(1)) as usize];
    let began = Instant::now();
    let (mut at, mut allocated) = (0_u64, 0_u64);
    for _ in 0..commits {
        while at + each.len() as u64 > allocated {
            allocated += 16 << 20;
            file.allocate(allocated)?;
        }
        file.write_all_at(&each, at)?;
        file.sync()?;
        at += each.len() as u64;
    }
    let secs = began.elapsed().as_secs_f64();
    std::fs::remove_dir_all(&path)?;
    Ok(secs)
}

/// A week of the demo's sensors, sealed and compacted.
fn bytes_per_reading() -> Result<Figure> {
    let folder = folder("bytes")?;
    let network = gateway::demo::network()?;
    let end = SystemClock.now();
    let start = end.saturating_sub(Duration::from_secs(7 * 86_400));
    let mut world = World::new(&WorldInput::from(&network), WorldConfig::new(1, start))?;
    let mut pipeline = Pipeline::new(&folder, &network, start)?;
    let mut messages: Vec<Message> = Vec::new();
    let mut at = start;
    while at < end {
        at = at.saturating_add(Duration::from_secs(3_600));
        world.advance_to(at, &mut messages);
        for Message { topic, payload, .. } in messages.drain(..) {
            pipeline.take(&topic, payload.into(), at)?;
        }
        // Some of the world's devices send rubbish on purpose, which goes to quarantine; only points count here.
        pipeline.commit(at).ok();
    }
    pipeline.store.seal()?;
    pipeline.store.compact()?;
    let stats = pipeline.store.stats();
    let bytes = stats.bytes_per_point().context("no point was stored")?;
    let what =
        format!("bytes of a stored reading, {} of {} sensors in a week", stats.points, pipeline.twin()?.series.len());
    drop(pipeline);
    std::fs::remove_dir_all(&folder)?;
    Ok(Figure::alone(what, bytes, "bytes", Goal::AtMost(3.0)))
}
