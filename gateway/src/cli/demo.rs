//! `portolan demo`: broker, gateway and a simulated world in one process, joined by MQTT only.

use super::serve::{Signals, announce, runtime, until_signal};
use super::{Configured, Ended, Failure};
use anyhow::Context;
use clap::Args;
use firmware_schemas::quantity::Timestamp;
use gateway::clock::{PacedClock, SystemClock};
use gateway::config::Loaded;
use gateway::demo::{self, Driver};
use gateway::ports::Clock;
use gateway::server::Server;
use sim::world::{WorldConfig, WorldInput};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[derive(Args)]
pub(crate) struct Flags {
    /// How many simulated seconds pass in a second.
    #[arg(long, default_value_t = 60.0, value_parser = pace)]
    pace: f64,
    /// Of all random draws of the world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Another network than the demo's own.
    #[arg(long, value_name = "FOLDER")]
    network: Option<PathBuf>,
    /// Sites order nothing by themselves: what the gateway plans is ordered without asking.
    #[arg(long)]
    automatic: bool,
    /// Keep the data here and go on from it; else a new temporary folder is used and removed at the end.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Where HTTP listens.
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Option<String>,
    /// Where the embedded broker listens.
    #[arg(long, value_name = "ADDRESS:PORT")]
    mqtt: Option<String>,
    /// Stop after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    stop_after: Option<u64>,
}

fn pace(text: &str) -> Result<f64, String> {
    let pace: f64 = text.parse().map_err(|_not| "not a number".to_owned())?;
    if (0.1..=10_000.0).contains(&pace) { Ok(pace) } else { Err("not within 0.1 to 10000".to_owned()) }
}

pub(crate) fn run(configured: &Configured, flags: &Flags) -> Ended {
    let network = match &flags.network {
        Some(folder) => gateway::network::load(folder)?,
        None => demo::network().context("the demo network")?,
    };
    let temporary = match &flags.data {
        Some(_) => None,
        None => Some(std::env::temp_dir().join(format!("portolan-demo-{}", std::process::id()))),
    };
    let data = flags.data.clone().or_else(|| temporary.clone()).unwrap_or_default();
    let Loaded { mut config, .. } = configured.load(&[
        ("data_folder", Some(data.display().to_string()), "--data"),
        ("http.listen", flags.http.clone(), "--http"),
        ("mqtt.embedded.listen", flags.mqtt.as_ref().map(|address| format!("[{address:?}]")), "--mqtt"),
        ("tenant", Some(network.head().tenant.to_string()), "the network"),
    ])?;
    config.network_folder = PathBuf::new();
    let pace = flags.pace;
    let ended = runtime()?.block_on(async {
        let mut start = SystemClock.now();
        let mut goes_on = false;
        let signals = Signals::hear()?;
        let server = Server::start_with(&config, Some(&network), |newest: Option<Timestamp>| {
            // What was recovered may be ahead of the wall clock by the pace of earlier runs.
            start = start.max(newest.unwrap_or(start));
            goes_on = newest.is_some();
            Arc::new(PacedClock::new(start, pace)) as Arc<dyn Clock>
        })
        .await?;
        let Some(broker) = server.mqtt_address() else {
            return Err(Failure::Usage(anyhow::anyhow!("the demo runs on the embedded broker only")));
        };
        announce(&config, &server);
        eprint!("  world     {pace} simulated seconds a second, seed {}", flags.seed);
        let (input, seed) = if goes_on {
            eprintln!(", going on from {start}");
            // Other draws than before, or its orders would have the names of those that were.
            let seed = sim::rng::mix(flags.seed, start.as_nanos().unsigned_abs());
            (WorldInput::of(&server.published().twin, &network, start), seed)
        } else {
            eprintln!();
            ((&network).into(), flags.seed)
        };
        let sites_order = !flags.automatic;
        let world = WorldConfig { demo_story: !goes_on, sites_order, ..WorldConfig::new(seed, start) };
        if !goes_on {
            demo::give_past(&server, &input, world.clone(), flags.automatic).await.context("the world's past")?;
        }
        let driver = Driver::start(&input, world, pace, broker).context("starting the world")?;
        // The world stops first: devices that lose their broker would only complain.
        until_signal(&server, signals, flags.stop_after.map(Duration::from_secs)).await;
        driver.stop();
        server.stop().await.map_err(Failure::from)
    });
    if let Some(folder) = temporary {
        std::fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    ended
}
