//! `portolan import influx`: the history of a bucket, sent to the broker as telemetry of its devices.

use super::{Configured, Ended, Failure};
use anyhow::Context;
use clap::Args;
use firmware_schemas::codec::{Encoding, encode};
use firmware_schemas::id::{DeviceId, MetricName, SiteId};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::{Reading, TelemetryFrame};
use firmware_schemas::topic::{Channel, topic};
use gateway::clock::SystemClock;
use gateway::config::Loaded;
use gateway::ingest::mqtt::{BrokerAddress, probe};
use gateway::ingest::outbound::{Outbound, OutboundConfig};
use gateway::ports::{Bus, Clock, Ticket};
use gateway::store::influx::history::{History, Past, Source};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Readings in one frame.
const FRAME_READINGS: usize = 500;
/// Frames that wait for their acknowledgement.
const IN_FLIGHT_MAX: usize = 1_000;

#[derive(Args)]
pub(crate) struct Flags {
    /// The measurement; where the bucket is say the keys `store.influxdb2.*`.
    #[arg(long, default_value = "reading")]
    measurement: String,
    /// The tag that names the device.
    #[arg(long, default_value = "device")]
    device_tag: String,
    /// The tag that names the metric; without it each field is a metric.
    #[arg(long)]
    metric_tag: Option<String>,
    /// The site that the devices report under.
    #[arg(long)]
    site: SiteId,
    /// From when on; all when left out.
    #[arg(long, value_parser = instant)]
    from: Option<Timestamp>,
    /// Until when; now when left out.
    #[arg(long, value_parser = instant)]
    to: Option<Timestamp>,
    /// Remembers here how far it came, and goes on from there.
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// The broker of the gateway, HOST:PORT, without TLS.
    #[arg(long, default_value = "127.0.0.1:1883")]
    broker: String,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| format!("{text:?} is no time such as 2026-11-22T06:40:00Z"))
}

#[derive(Default)]
struct Done {
    readings: u64,
    frames: u64,
    /// What was left out, by why, and how often.
    left_out: BTreeMap<String, u64>,
}

pub(crate) fn run(configured: &Configured, flags: &Flags) -> Ended {
    let Loaded { config, .. } = configured.load(&[])?;
    let tenant = config.tenant().context("the tenant")?;
    let client = gateway::readings::influx::client(&config).context("store.influxdb2")?;
    let (host, port) = flags
        .broker
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)))
        .ok_or_else(|| Failure::Usage(anyhow::anyhow!("--broker {:?} is not HOST:PORT", flags.broker)))?;
    let resumed = flags.resume.as_deref().map(load).transpose()?.flatten();
    let before = |at: Timestamp| Timestamp::from_nanos(at.as_nanos().saturating_sub(1));
    let after = resumed.max(flags.from.map(before));
    let to = flags.to.unwrap_or_else(|| SystemClock.now());
    let source = Source {
        measurement: flags.measurement.clone(),
        device_tag: flags.device_tag.clone(),
        metric_tag: flags.metric_tag.clone(),
    };
    let done = super::serve::runtime()?.block_on(async {
        let unreachable = |why: String| Failure::Unreachable(anyhow::anyhow!(why));
        let mut history = History::open(client, source, after, to).await.map_err(|why| unreachable(why.to_string()))?;
        if history.is_empty() {
            return Err(Failure::Usage(anyhow::anyhow!("the bucket has no measurement {:?}", flags.measurement)));
        }
        let address = BrokerAddress { host, port, tls: None, credentials: None };
        probe(&address, "portolan-import-influx-probe")
            .await
            .map_err(|why| unreachable(format!("broker {}: {why}", flags.broker)))?;
        let outbound =
            Outbound::start(OutboundConfig::new(address, "portolan-import-influx".to_owned()), Arc::new(SystemClock))?;
        let mut done = Done::default();
        while let Some(page) = history.next_page().await.map_err(|why| unreachable(why.to_string()))? {
            let mut tickets: VecDeque<Ticket> = VecDeque::new();
            for frame in frames(page, &mut done) {
                let payload = encode(&frame, Encoding::Cbor)?;
                let topic = topic(&tenant, &flags.site, &frame.device, Channel::Telemetry);
                done.frames += 1;
                if tickets.len() >= IN_FLIGHT_MAX
                    && let Some(oldest) = tickets.pop_front()
                {
                    oldest.await?;
                }
                tickets.push_back(outbound.publish(&topic, payload.into(), false)?);
            }
            for ticket in tickets {
                ticket.await?;
            }
            // Only what the gateway has acknowledged counts as done; the same once more changes nothing.
            if let (Some(file), Some(at)) = (&flags.resume, history.position()) {
                save(file, at)?;
            }
            if let Some(at) = history.position() {
                eprintln!("{} readings in {} frames acknowledged, up to {at}", done.readings, done.frames);
            }
        }
        outbound.stop().await;
        Ok::<_, Failure>(done)
    })?;
    if configured.json {
        println!(
            "{}",
            serde_json::json!({"readings": done.readings, "frames": done.frames, "left_out": done.left_out})
        );
    } else {
        println!("{} readings in {} frames, all acknowledged", done.readings, done.frames);
        for (why, n) in &done.left_out {
            println!("{n} left out: {why}");
        }
    }
    if done.left_out.is_empty() { Ok(()) } else { Err(Failure::FoundProblems) }
}

/// The values of a page as frames, device by device.
fn frames(page: Vec<Past>, done: &mut Done) -> Vec<TelemetryFrame> {
    let mut by_device: BTreeMap<DeviceId, Vec<Reading>> = BTreeMap::new();
    for Past { device, metric, at, value, quality } in page {
        let named = DeviceId::new(&device)
            .map_err(|why| format!("device {device:?}: {why}"))
            .and_then(|id| Ok((id, MetricName::new(&metric).map_err(|why| format!("metric {metric:?}: {why}"))?)));
        match named {
            Ok((device, metric)) => {
                by_device.entry(device).or_default().push(Reading { metric, at, value, quality });
                done.readings += 1;
            }
            Err(why) => *done.left_out.entry(why).or_default() += 1,
        }
    }
    let frame = |device: &DeviceId, readings: &[Reading]| TelemetryFrame {
        device: device.clone(),
        boot: None,
        seq: None,
        sent_at: None,
        readings: readings.to_vec(),
    };
    let of_device = |(device, readings): (&DeviceId, &Vec<Reading>)| -> Vec<TelemetryFrame> {
        readings.chunks(FRAME_READINGS).map(|chunk| frame(device, chunk)).collect()
    };
    by_device.iter().flat_map(of_device).collect()
}

fn load(file: &Path) -> Result<Option<Timestamp>, Failure> {
    match std::fs::read_to_string(file) {
        Ok(text) => {
            let at = instant(text.trim()).map_err(|why| anyhow::anyhow!("{}: {why}", file.display()))?;
            Ok(Some(at))
        }
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(anyhow::Error::new(why).context(format!("reading {}", file.display())).into()),
    }
}

/// Beside it first, so that a crash leaves the old one.
fn save(file: &Path, at: Timestamp) -> Result<(), Failure> {
    let beside = file.with_extension("tmp");
    std::fs::write(&beside, format!("{at}\n")).with_context(|| format!("writing {}", beside.display()))?;
    std::fs::rename(&beside, file).with_context(|| format!("writing {}", file.display()))?;
    Ok(())
}
