//! The command line. Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 conflict, 5 unreachable, 6 a check
//! found problems.

mod ask;
mod config;
mod demo;
mod doctor;
mod forecast;
mod import;
#[cfg(feature = "influxdb2")]
mod import_influx;
#[cfg(feature = "influxdb2")]
mod influx;
mod network;
mod order;
mod replenish;
mod route;
mod serve;
mod stock;
mod verify;
mod what_if;

use clap::{Args, Parser, Subcommand};
use gateway::config::{ConfigError, Loaded, load};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// How a command ended when it did not end well.
pub(crate) enum Failure {
    /// It failed: 1.
    Failed(anyhow::Error),
    /// It cannot be done as it was asked for: 2.
    Usage(anyhow::Error),
    /// There is no such thing: 3.
    NotFound(anyhow::Error),
    /// It contradicts what is so: 4.
    Conflict(anyhow::Error),
    /// Nobody answers: 5.
    Unreachable(anyhow::Error),
    /// It checked, and found problems, which it has printed: 6.
    FoundProblems,
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(why: E) -> Self {
        Self::Failed(why.into())
    }
}

pub(crate) type Ended = Result<(), Failure>;

/// The control plane of a supply network: listens over MQTT, keeps a live twin, serves it over HTTP.
#[derive(Parser)]
#[command(name = "portolan", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    configured: Configured,
    #[command(subcommand)]
    command: Command,
}

/// What decides the configuration: flag, then PORTOLAN_* in the environment, then the file.
#[derive(Args)]
pub(crate) struct Configured {
    /// The configuration file; `portolan.toml` if it is there.
    #[arg(long, global = true, value_name = "FILE", env = "PORTOLAN_CONFIG")]
    config: Option<PathBuf>,
    /// Set one key, such as `http.listen=127.0.0.1:9000`; see `portolan config show`.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Machine-readable output where there is any.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Start the gateway, with its own MQTT broker unless the configuration names another.
    Serve(serve::Flags),
    /// Start the gateway with the demo network and a simulated world of devices on its own broker.
    Demo(demo::Flags),
    /// Check ports, disk, broker, clock and network, and say how to mend what is wrong.
    Doctor(serve::Flags),
    /// Show the configuration.
    #[command(subcommand)]
    Config(config::Command),
    /// Work with network folders.
    #[command(subcommand)]
    Network(network::Command),
    /// Ask what would be: run the network forward in scenarios, from now, from the past, or from its folder.
    #[command(name = "whatif", subcommand)]
    WhatIf(what_if::Command),
    /// Orders and reservations of a running gateway, and what can be promised.
    #[command(subcommand)]
    Order(order::Command),
    /// What is where, and what was asked for.
    #[command(subcommand)]
    Stock(stock::Command),
    /// What to order, how much, from where, and why.
    #[command(subcommand)]
    Replenish(replenish::Command),
    /// Who drives where: solve, judge and draw routing problems from files.
    #[command(subcommand)]
    Route(route::Command),
    /// What will be asked for.
    #[command(subcommand)]
    Forecast(forecast::Command),
    /// Bring in data from elsewhere.
    #[command(subcommand)]
    Import(import::Command),
    /// Set up an InfluxDB 2, check what is in it, fill it from the journal.
    #[cfg(feature = "influxdb2")]
    #[command(subcommand)]
    Influx(influx::Command),
    /// Rebuild twin and readings from the whole journal, and compare with what a restart would use.
    Verify(serve::Flags),
}

impl Configured {
    /// The configuration; `flags` are the command's own, by dotted key.
    pub(crate) fn load(&self, flags: &[(&str, Option<String>, &str)]) -> Result<Loaded, Failure> {
        let mut layers = Vec::new();
        for pair in &self.set {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(Failure::Usage(anyhow::anyhow!("--set {pair:?} is not KEY=VALUE")));
            };
            layers.push((key.trim().to_owned(), value.trim().to_owned(), format!("--set {key}")));
        }
        for (key, value, flag) in flags {
            if let Some(value) = value {
                layers.push(((*key).to_owned(), value.clone(), (*flag).to_owned()));
            }
        }
        load(self.config.as_deref(), std::env::vars(), &layers)
            .map_err(|why: ConfigError| Failure::Usage(anyhow::Error::new(why)))
    }
}

/// Runs the command that the arguments name.
pub(crate) fn run() -> ExitCode {
    let Cli { configured, command } = Cli::parse();
    // `warn` for the broker's own chatter; ours in full.
    let filter = EnvFilter::try_from_env("PORTOLAN_LOG")
        .unwrap_or_else(|_unset| EnvFilter::new("warn,portolan=info,gateway=info,rmqtt=error"));
    let ansi = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
    let ended = match command {
        Command::Serve(flags) => serve::run(&configured, &flags),
        Command::Demo(flags) => demo::run(&configured, &flags),
        Command::Doctor(flags) => doctor::run(&configured, &flags),
        Command::Config(command) => config::run(&configured, &command),
        Command::Network(command) => network::run(&configured, &command),
        Command::WhatIf(command) => what_if::run(&configured, &command),
        Command::Order(command) => order::run(&configured, &command),
        Command::Stock(command) => stock::run(&configured, &command),
        Command::Replenish(command) => replenish::run(&configured, &command),
        Command::Route(command) => route::run(&configured, &command),
        Command::Forecast(command) => forecast::run(&configured, &command),
        Command::Import(command) => import::run(&configured, &command),
        #[cfg(feature = "influxdb2")]
        Command::Influx(command) => influx::run(&configured, &command),
        Command::Verify(flags) => verify::run(&configured, &flags),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(why)) => told(&why, 1),
        Err(Failure::Usage(why)) => told(&why, 2),
        Err(Failure::NotFound(why)) => told(&why, 3),
        Err(Failure::Conflict(why)) => told(&why, 4),
        Err(Failure::Unreachable(why)) => told(&why, 5),
        Err(Failure::FoundProblems) => ExitCode::from(6),
    }
}

fn told(why: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("portolan: {why:#}");
    ExitCode::from(code)
}
