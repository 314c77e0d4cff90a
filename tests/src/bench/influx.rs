//! Readings a second from the journal into a real InfluxDB, and with `--peers` Telegraf on the same broker.

use super::pipeline::Pipeline;
use super::store::frames;
use super::{Figure, Goal, Options, folder, median};
use crate::gateway::{Gateway, GatewayOptions};
use crate::influxd::{BUCKET, Influxd, OPERATOR_TOKEN, ORG};
use crate::mosquitto::{Mosquitto, MosquittoOptions};
use crate::publisher::Publisher;
use anyhow::{Context, Result, ensure};
use arc_swap::ArcSwap;
use bytes::Bytes;
use firmware_schemas::codec::Encoding;
use firmware_schemas::fact::Fact;
use gateway::clock::SystemClock;
use gateway::http::Published;
use gateway::instrument::Health;
use gateway::journal::Seq;
use gateway::ports::Clock;
use gateway::recover::{journal_disk, point};
use gateway::store::influx::writer::Parts;
use gateway::store::influx::{self, Prefix, Progress, SeriesKey, Writer, WriterConfig, encode};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const READINGS_IN_A_FRAME: u64 = 50;
const N_DEVICES: u64 = 100;
/// While a backlog drains.
const LIVE_FRAMES_PER_S: u64 = 200;
const IN_TIME: Duration = Duration::from_secs(600);

pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let n_readings = options.n.unwrap_or(2_000_000);
    let mut figures = Vec::new();
    let cursor = cursor_against_bare_posts(n_readings, &mut figures)?;
    backlog(n_readings * 5, cursor, &mut figures)?;
    if options.peers {
        beside_telegraf("single readings", n_readings / 10, 1, [1.6, 1.2], &mut figures)?;
        beside_telegraf("frames of 50", n_readings / 2, READINGS_IN_A_FRAME, [5.0, 2.0], &mut figures)?;
    }
    Ok(figures)
}

fn influxd(name: &str) -> Result<Influxd> {
    Influxd::start(name).context("influxd is missing: tests/peers/influxd.sh builds it")
}

/// The journal's cursor against a loop that posts the same batches, made beforehand.
fn cursor_against_bare_posts(n_readings: u64, figures: &mut Vec<Figure>) -> Result<f64> {
    let folder = folder("influx")?;
    let now = SystemClock.now();
    let network = gateway::demo::network()?;
    let tenant = network.head().tenant.clone();
    let all = frames(n_readings / READINGS_IN_A_FRAME, now, Encoding::Cbor, "CW-DAVENTRY", tenant.as_str())?;
    let mut pipeline = Pipeline::new(&folder, &network, now)?;
    for chunk in all.chunks(256) {
        for (topic, payload) in chunk {
            pipeline.take(topic, payload.clone(), now)?;
        }
        pipeline.commit(now)?;
    }
    let twin = pipeline.twin()?.clone();
    let reader = pipeline.journal_reader();
    let durable = reader.durable();
    let config = WriterConfig::default();
    let batches = prepared(&pipeline, &config)?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..3 {
        let server = influxd(&format!("bench_bare{round}"))?;
        bare.push(n_readings as f64 / post(&server, &batches)?);
        drop(server);
        let server = influxd(&format!("bench_cursor{round}"))?;
        let (requests, _asked) = tokio::sync::mpsc::channel(1);
        let progress = Arc::new(Progress::new(Seq::NONE));
        let parts = Parts {
            client: server.client(),
            journal: reader.clone(),
            disk: journal_disk(&folder.join(format!("cursor{round}")))?,
            published: Arc::new(ArcSwap::from_pointee(Published { twin: twin.clone(), delta_seq: durable.0 })),
            requests,
            health: Arc::new(Health::new(Arc::new(SystemClock))),
            progress: progress.clone(),
            tenant: tenant.clone(),
        };
        let began = Instant::now();
        let writer = Writer::start(parts, config)?;
        while progress.written.load(Ordering::Acquire) < durable.0 {
            ensure!(began.elapsed() < IN_TIME, "InfluxDB has not got all: {:?}", progress.stats());
            thread::sleep(Duration::from_millis(2));
        }
        ours.push(n_readings as f64 / began.elapsed().as_secs_f64());
        writer.stop();
        let counted = count(&server)?;
        ensure!(counted == n_readings, "InfluxDB counts {counted} of {n_readings}");
    }
    std::fs::remove_dir_all(&folder)?;
    let (ours, bare) = (median(ours), median(bare));
    figures.push(Figure {
        figure: format!("journal → InfluxDB by the cursor, {} connections", config.connections),
        value: ours,
        unit: "readings/s",
        against: Some(("posting the same batches, made beforehand".into(), bare)),
        goal: Goal::AtLeast(0.8),
    });
    Ok(ours)
}

/// The bodies that the writer posts, one list a connection.
fn prepared(pipeline: &Pipeline, config: &WriterConfig) -> Result<Vec<Vec<Bytes>>> {
    let twin = pipeline.twin()?;
    let reader = pipeline.journal_reader();
    let mut records = reader.read_from(reader.first())?;
    let mut lanes: Vec<Vec<Bytes>> = vec![Vec::new(); config.connections];
    let mut open: Vec<Vec<u8>> = vec![Vec::new(); config.connections];
    let mut n_points = 0;
    loop {
        let record = records.next_record()?;
        let at_end = record.is_none();
        if let Some(record) = record
            && let Fact::Readings { readings, .. } = Fact::decode(record.payload)?
        {
            for reading in readings {
                let (series, point) = point(reading);
                let known = &twin.series[series.0 as usize];
                let device = &twin.devices[known.device as usize];
                let site = &twin.sites[device.site.at()].spec.site;
                let key =
                    SeriesKey { site: site.as_str(), device: device.device.as_str(), metric: known.metric.as_str() };
                let lane = series.0 as usize % config.connections;
                encode(&mut open[lane], &Prefix::new(&key)?, point.at, &point.value, point.quality)?;
                n_points += 1;
            }
        }
        if n_points >= config.window_points || at_end {
            n_points = 0;
            for (lane, lines) in lanes.iter_mut().zip(&mut open) {
                if !lines.is_empty() {
                    lane.push(Bytes::from(std::mem::take(lines)));
                }
            }
        }
        if at_end {
            return Ok(lanes);
        }
    }
}

/// Seconds to post all of it.
fn post(server: &Influxd, lanes: &[Vec<Bytes>]) -> Result<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let client = server.client();
    let began = Instant::now();
    runtime.block_on(async {
        let tasks: Vec<_> = lanes
            .iter()
            .map(|lane| {
                let (client, lane) = (client.clone(), lane.clone());
                tokio::spawn(async move {
                    for batch in lane {
                        client.write(batch, influx::Encoding::Identity).await?;
                    }
                    Ok::<_, influx::RequestError>(())
                })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        Ok::<_, anyhow::Error>(())
    })?;
    Ok(began.elapsed().as_secs_f64())
}

/// How many readings InfluxDB counts.
fn count(server: &Influxd) -> Result<u64> {
    let field = r#"(r._field == "kind" or r._field == "value")"#;
    let query = format!(
        "from(bucket: \"{BUCKET}\") |> range(start: 0) |> filter(fn: (r) => r._measurement == \"reading\" and \
         {field}) |> count() |> group() |> sum()"
    );
    let answer = reqwest::blocking::Client::builder()
        .timeout(Duration::from_secs(120))
        .build()?
        .post(format!("{}/api/v2/query?org={ORG}", server.url()))
        .header("Authorization", format!("Token {OPERATOR_TOKEN}"))
        .header("Content-Type", "application/vnd.flux")
        .body(query)
        .send()?
        .error_for_status()?
        .text()?;
    let row = answer.lines().filter(|line| !line.trim().is_empty()).nth(1).unwrap_or(",,,0");
    row.trim().rsplit(',').next().context("a column")?.parse().with_context(|| format!("no count in {answer}"))
}

/// Points that the server has stored since its start, by its own metrics.
fn stored(server: &Influxd) -> Result<u64> {
    let text = reqwest::blocking::get(format!("{}/metrics", server.url()))?.text()?;
    let sums = text.lines().filter_map(|line| line.strip_prefix("storage_writer_ok_points_sum"));
    let values = sums.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok());
    Ok(values.sum::<f64>() as u64)
}

fn with_influx(name: &str, server: &Influxd, mosquitto: &Mosquitto) -> Result<GatewayOptions> {
    let mut options = GatewayOptions::new(name);
    let network = options.data.with_extension("network");
    crate::gateway::small_network(&network, "t", &["A".to_owned()])?;
    let token = options.data.with_extension("token");
    std::fs::write(&token, OPERATOR_TOKEN)?;
    options.network = Some(network);
    options.broker = Some(mosquitto.port());
    options.set = vec![
        "store.kind=influxdb2".to_owned(),
        format!("store.influxdb2.url={}", server.url()),
        format!("store.influxdb2.token_file={}", token.display()),
        "store.influxdb2.retry_max_secs=1".to_owned(),
    ];
    Ok(options)
}

/// InfluxDB is away while readings come, and then gets them all while more come.
fn backlog(n_readings: u64, alone: f64, figures: &mut Vec<Figure>) -> Result<()> {
    let mut server = influxd("bench_backlog")?;
    let lines = MosquittoOptions { lines: vec!["max_queued_messages 0".into()], ..MosquittoOptions::default() };
    let mosquitto = Mosquitto::start("bench_backlog", &lines).context("mosquitto is missing")?;
    let options = with_influx("bench_backlog", &server, &mosquitto)?;
    let gateway = Gateway::start(&options);
    let waiting = n_readings / READINGS_IN_A_FRAME;
    let (warm, live) = (waiting as usize / 5, waiting as usize / 4);
    let all = frames((warm + waiting as usize + live) as u64, SystemClock.now(), Encoding::Cbor, "WH", "t")?;
    let publisher = Publisher::start("bench", mosquitto.port(), 1_000);
    let (mut next, mut probes) = (0, 0);
    // As long as the live frames suffice for the drain too.
    let usual_for = Duration::from_secs_f64((live as f64 / 8.0 / LIVE_FRAMES_PER_S as f64).min(30.0));
    let (usual, _) =
        delays_while(&gateway, &publisher, &all, &mut next, &mut probes, &mut |so_far| so_far < usual_for)?;
    // Another process, whose memory is not that of the deltas for a stream.
    gateway.stop();
    let gateway = Gateway::start(&options);
    let stored = || gateway.metric("portolan_readings_stored_total") as u64;
    let behind = || gateway.metric("portolan_store_behind_records");
    let flood = |frames: &[(String, Bytes)], from: usize| -> Result<()> {
        let (had, began) = (stored(), Instant::now());
        for (number, (topic, payload)) in frames.iter().enumerate() {
            publisher.send((from + number) as u64, topic.clone(), payload.to_vec());
        }
        while stored() < had + frames.len() as u64 * READINGS_IN_A_FRAME {
            ensure!(began.elapsed() < IN_TIME, "readings are missing");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    };
    flood(&all[next..next + warm], next)?;
    next += warm;
    while behind() > 0.0 {
        thread::sleep(Duration::from_millis(20));
    }
    let before = gateway.resident_bytes();
    server.kill();
    thread::sleep(Duration::from_millis(500));
    flood(&all[next..next + waiting as usize], next)?;
    next += waiting as usize;
    let grown = gateway.resident_bytes() as f64 - before as f64;
    let away = waiting * READINGS_IN_A_FRAME;
    figures.push(Figure::alone(
        format!("memory grown while InfluxDB was away for {away} readings"),
        grown / f64::from(1 << 20),
        "MiB",
        Goal::AtMost(64.0),
    ));
    let waiting = behind();
    server.restart();
    let first = next;
    let (draining, drained_for) = delays_while(&gateway, &publisher, &all, &mut next, &mut probes, &mut |so_far| {
        so_far < IN_TIME && behind() > waiting / 100.0
    })?;
    ensure!(drained_for < IN_TIME, "the backlog does not end");
    let drained = away + (next - first) as u64 * READINGS_IN_A_FRAME;
    figures.push(Figure {
        figure: format!("a backlog of {away} drains while {LIVE_FRAMES_PER_S} frames/s come"),
        value: drained as f64 / drained_for.as_secs_f64(),
        unit: "readings/s",
        against: Some(("the cursor alone".into(), alone)),
        goal: Goal::AtLeast(0.8),
    });
    figures.push(Figure {
        figure: format!("publish → stream meanwhile, p99 of {}", draining.len()),
        value: p99(&draining),
        unit: "ms",
        against: Some((format!("without a backlog, p99 of {}", usual.len()), p99(&usual))),
        goal: Goal::AtMost(2.0),
    });
    drop(publisher.finish(true));
    Ok(())
}

fn p99(millis: &[f64]) -> f64 {
    millis[(millis.len() - 1) * 99 / 100]
}

/// Sends live frames, and readings that say when they were sent, for as long as `goes_on` says; gives the sorted
/// delays in milliseconds until the latter were in `/v1/stream`, and how long it went on.
fn delays_while(
    gateway: &Gateway,
    publisher: &Publisher,
    frames: &[(String, Bytes)],
    next: &mut usize,
    probes: &mut u64,
    goes_on: &mut dyn FnMut(Duration) -> bool,
) -> Result<(Vec<f64>, Duration)> {
    const PROBES_PER_S: u64 = 100;
    /// Asking costs the gateway something too.
    const ASK_EVERY: Duration = Duration::from_millis(100);
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = super::stream::watch(gateway, stop.clone())?;
    let began = Instant::now();
    let (first, first_probe) = (*next, *probes);
    let mut asked = Duration::ZERO;
    let went_on = loop {
        let so_far = began.elapsed();
        if so_far >= asked + ASK_EVERY {
            if !goes_on(so_far) {
                break so_far;
            }
            asked = so_far;
        }
        let due = |per_s: u64| (so_far.as_secs_f64() * per_s as f64) as u64;
        while *next < first + due(LIVE_FRAMES_PER_S) as usize {
            let (topic, payload) = frames.get(*next).context("more live frames are needed than there are")?;
            publisher.send(*next as u64, topic.clone(), payload.to_vec());
            *next += 1;
        }
        while *probes < first_probe + due(PROBES_PER_S) {
            let (topic, payload) = super::stream::message(*probes);
            publisher.send(frames.len() as u64 + *probes, topic, payload);
            *probes += 1;
        }
        thread::sleep(Duration::from_millis(2));
    };
    thread::sleep(Duration::from_millis(500));
    stop.store(true, Ordering::Release);
    // One more wakes the watcher.
    let (topic, payload) = super::stream::message(*probes);
    publisher.send(frames.len() as u64 + *probes, topic, payload);
    *probes += 1;
    let mut millis = watcher.join().ok().context("the watcher panicked")?;
    let sent = *probes - first_probe;
    ensure!(millis.len() as u64 > sent / 2, "only {} of {sent} readings were seen", millis.len());
    millis.sort_by(f64::total_cmp);
    Ok((millis, went_on))
}

/// One system's way through the same messages.
struct Through {
    /// Readings a second until stored in InfluxDB.
    stored: f64,
    /// Readings a second until durable here; for Telegraf there is no such thing.
    durable: f64,
    /// CPU seconds of the process for a million readings.
    cpu_secs_per_million: f64,
}

fn beside_telegraf(
    what: &str,
    n_readings: u64,
    in_frame: u64,
    [durable, stored]: [f64; 2],
    figures: &mut Vec<Figure>,
) -> Result<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _round in 0..3 {
        theirs.push(through_telegraf(n_readings, in_frame)?);
        ours.push(through_portolan(n_readings, in_frame)?);
    }
    let middle = |all: &[Through], value: fn(&Through) -> f64| median(all.iter().map(value).collect());
    let peer = middle(&theirs, |it| it.stored);
    let telegraf = || "Telegraf until stored".to_owned();
    figures.push(Figure {
        figure: format!("{what}: MQTT until durable here"),
        value: middle(&ours, |it| it.durable),
        unit: "readings/s",
        against: Some((telegraf(), peer)),
        goal: Goal::AtLeast(durable),
    });
    figures.push(Figure {
        figure: format!("{what}: MQTT until stored in InfluxDB"),
        value: middle(&ours, |it| it.stored),
        unit: "readings/s",
        against: Some((telegraf(), peer)),
        goal: Goal::AtLeast(stored),
    });
    figures.push(Figure {
        figure: format!("{what}: CPU of our process for a million, until stored"),
        value: middle(&ours, |it| it.cpu_secs_per_million),
        unit: "s",
        against: Some(("Telegraf's".into(), middle(&theirs, |it| it.cpu_secs_per_million))),
        goal: if in_frame > 1 { Goal::AtMost(1.0 / 3.0) } else { Goal::None },
    });
    Ok(())
}

fn broker(name: &str) -> Result<Mosquitto> {
    let lines = MosquittoOptions { lines: vec!["max_queued_messages 0".into()], ..MosquittoOptions::default() };
    Mosquitto::start(name, &lines).context("mosquitto is missing")
}

/// Readings a second and CPU, from the first look at which something was stored.
fn timed(n_readings: u64, server: &Influxd, pid: u32, mut is_here: impl FnMut() -> bool) -> Result<Through> {
    let (began, cpu_before) = (Instant::now(), cpu_secs(pid)?);
    let mut here = None;
    loop {
        if here.is_none() && is_here() {
            here = Some(began.elapsed().as_secs_f64());
        }
        if here.is_some() && stored(server)? >= n_readings {
            break;
        }
        ensure!(began.elapsed() < IN_TIME, "only {} of {n_readings} are stored", stored(server)?);
        thread::sleep(Duration::from_millis(20));
    }
    let secs = began.elapsed().as_secs_f64();
    let cpu = cpu_secs(pid)? - cpu_before;
    let counted = count(server)?;
    ensure!(counted == n_readings, "InfluxDB counts {counted} of {n_readings}");
    let million = n_readings as f64 / 1e6;
    Ok(Through {
        stored: n_readings as f64 / secs,
        durable: n_readings as f64 / here.unwrap_or(secs),
        cpu_secs_per_million: cpu / million,
    })
}

/// User and system time of a process so far.
fn cpu_secs(pid: u32) -> Result<f64> {
    const TICKS_PER_S: f64 = 100.0; // of every Linux that runs on x86-64 and arm64
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, rest) = stat.rsplit_once(')').context("a process")?;
    let ticks: f64 = rest.split_whitespace().skip(11).take(2).filter_map(|it| it.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_S)
}

fn through_portolan(n_readings: u64, in_frame: u64) -> Result<Through> {
    let (server, mosquitto) = (influxd("bench_ours")?, broker("bench_ours")?);
    let options = with_influx("bench_ours", &server, &mosquitto)?;
    Gateway::start(&options).stop(); // its session exists
    let now = SystemClock.now();
    let messages: Vec<(String, Vec<u8>)> = if in_frame == 1 {
        let base = now.as_millis() - 3_600_000;
        (0..n_readings)
            .map(|number| {
                let (device, seq) = (number % N_DEVICES, number / N_DEVICES);
                let at = base + seq as i64;
                let payload = format!(
                    r#"{{"device":"b{device}","boot":1,"seq":{seq},"readings":[{{"metric":"m0","at":{at},"value":{}.5}}]}}"#,
                    20 + seq % 7
                );
                (format!("portolan/v1/t/WH/b{device}/telemetry"), payload.into_bytes())
            })
            .collect()
    } else {
        let all = frames(n_readings / in_frame, now, Encoding::Json, "WH", "t")?;
        all.into_iter().map(|(topic, payload)| (topic, payload.to_vec())).collect()
    };
    publish(&mosquitto, messages)?;
    let gateway = Gateway::start(&options);
    let through = timed(n_readings, &server, gateway.pid(), || {
        gateway.metric("portolan_readings_stored_total") as u64 >= n_readings
    });
    gateway.stop();
    through
}

fn publish(mosquitto: &Mosquitto, messages: Vec<(String, Vec<u8>)>) -> Result<()> {
    let n = messages.len();
    let publisher = Publisher::start("bench", mosquitto.port(), 1_000);
    for (number, (topic, payload)) in messages.into_iter().enumerate() {
        publisher.send(number as u64, topic, payload);
    }
    ensure!(publisher.finish(true).len() == n, "not all messages were taken by mosquitto");
    Ok(())
}

/// Telegraf with the settings that make it fast: line protocol, its quickest parser, large batches.
struct Telegraf(Child);

impl Telegraf {
    fn start(config: &Path) -> Result<Self> {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache"))).context("a home")?;
        let program =
            std::env::var_os("PORTOLAN_TELEGRAF").map_or(cache.join("portolan-peers/telegraf"), PathBuf::from);
        let child = Command::new(&program)
            .args(["--quiet", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} (tests/peers/telegraf.sh builds it)", program.display()))?;
        Ok(Self(child))
    }
}

impl Drop for Telegraf {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn through_telegraf(n_readings: u64, in_frame: u64) -> Result<Through> {
    let (server, mosquitto) = (influxd("bench_theirs")?, broker("bench_theirs")?);
    let folder = folder("telegraf")?;
    let config = folder.join("telegraf.conf");
    std::fs::write(
        &config,
        format!(
            r#"[agent]
  interval = "1s"
  flush_interval = "200ms"
  metric_batch_size = 10000
  metric_buffer_limit = 10000000
  omit_hostname = true
[[inputs.mqtt_consumer]]
  servers = ["tcp://127.0.0.1:{}"]
  topics = ["plant/+"]
  qos = 1
  client_id = "telegraf"
  persistent_session = true
  max_undelivered_messages = 20000
  topic_tag = ""
  data_format = "influx"
[[outputs.influxdb_v2]]
  urls = ["{}"]
  token = "{OPERATOR_TOKEN}"
  organization = "{ORG}"
  bucket = "{BUCKET}"
  content_encoding = "identity"
"#,
            mosquitto.port(),
            server.url()
        ),
    )?;
    {
        let telegraf = Telegraf::start(&config)?;
        thread::sleep(Duration::from_secs(2)); // its session exists
        Command::new("kill").arg(telegraf.0.id().to_string()).status()?;
        thread::sleep(Duration::from_secs(1));
    }
    let base = SystemClock.now().as_nanos() - 30 * 86_400_000_000_000;
    let messages = (0..n_readings / in_frame).map(|number| {
        let (device, seq) = (number % N_DEVICES, number / N_DEVICES);
        let mut payload = String::new();
        for i in 0..in_frame {
            let at = base + ((seq * in_frame + i) as i64 / 10) * 1_000_000;
            let (metric, value) = (if in_frame == 1 { 0 } else { i % 10 }, 20 + (seq + i) % 7);
            let at = if in_frame == 1 { base + seq as i64 * 1_000_000 } else { at };
            writeln!(payload, "reading,device=b{device},metric=m{metric},site=WH value={value}.5 {at}")
                .unwrap_or_else(|why| unreachable!("writing to a string: {why}"));
        }
        (format!("plant/b{device}"), payload.into_bytes())
    });
    publish(&mosquitto, messages.collect())?;
    let telegraf = Telegraf::start(&config)?;
    let through = timed(n_readings, &server, telegraf.0.id(), || true);
    drop(telegraf);
    std::fs::remove_dir_all(&folder)?;
    through
}
