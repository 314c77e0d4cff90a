//! `portolan serve`.

use super::{Configured, Ended};
use clap::Args;
use gateway::config::{Config, Loaded};
use gateway::server::Server;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Short forms of the keys that are set most often.
#[derive(Args)]
pub(crate) struct Flags {
    /// Where journal, snapshots and store are kept (`data_folder`).
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// The network to load (`network_folder`).
    #[arg(long, value_name = "FOLDER")]
    network: Option<PathBuf>,
    /// Where HTTP listens (`http.listen`).
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Option<String>,
    /// Where the embedded broker listens (`mqtt.embedded.listen`).
    #[arg(long, value_name = "ADDRESS:PORT")]
    mqtt: Option<String>,
    /// Whose network (`tenant`).
    #[arg(long)]
    tenant: Option<String>,
}

impl Flags {
    pub(crate) fn load(&self, configured: &Configured) -> Result<Loaded, super::Failure> {
        self.load_with(configured, &[])
    }

    /// The same, with keys that the command sets itself.
    pub(crate) fn load_with(
        &self,
        configured: &Configured,
        more: &[(&str, Option<String>, &str)],
    ) -> Result<Loaded, super::Failure> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let own = [
            ("data_folder", path(&self.data), "--data"),
            ("network_folder", path(&self.network), "--network"),
            ("http.listen", self.http.clone(), "--http"),
            ("mqtt.embedded.listen", self.mqtt.as_ref().map(|address| format!("[{address:?}]")), "--mqtt"),
            ("tenant", self.tenant.clone(), "--tenant"),
        ];
        configured.load(&[own.as_slice(), more].concat())
    }
}

pub(crate) fn run(configured: &Configured, flags: &Flags) -> Ended {
    let Loaded { config, .. } = flags.load(configured)?;
    runtime()?.block_on(async {
        let signals = Signals::hear()?;
        let server = Server::start(&config).await?;
        announce(&config, &server);
        until_signal(&server, signals, None).await;
        Ok(server.stop().await?)
    })
}

/// The runtime for everything but the core thread and the embedded broker, which have their own.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("io").enable_all().build()
}

/// Where to find it, for people.
pub(crate) fn announce(config: &Config, server: &Server) {
    let http = server.http_address();
    eprintln!("portolan {} is up", env!("CARGO_PKG_VERSION"));
    eprintln!("  twin      http://{http}/");
    eprintln!("  API       http://{http}/docs");
    match server.mqtt_address() {
        Some(mqtt) => eprintln!("  MQTT      {mqtt} (embedded), topics portolan/v1/{}/…", config.tenant),
        None => eprintln!(
            "  MQTT      {}:{} (external), topics portolan/v1/{}/…",
            config.mqtt.external.host, config.mqtt.external.port, config.tenant
        ),
    }
    eprintln!("  data      {}", config.data_folder.display());
    eprintln!("  stop      Ctrl-C");
}

/// Ctrl-C and SIGTERM.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on neither ends the process: whoever sees that it is ready may ask it to stop at once, and is heard.
    pub(crate) fn hear() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }
}

/// Waits for a signal, for the plane to end by itself, or for `limit` to pass.
pub(crate) async fn until_signal(server: &Server, mut signals: Signals, limit: Option<Duration>) {
    let mut ended = server.ended();
    tokio::select! {
        _ = signals.interrupt.recv() => {}
        _ = signals.terminate.recv() => {}
        _ = ended.wait_for(|ended| *ended) => {}
        () = tokio::time::sleep(limit.unwrap_or_default()), if limit.is_some() => {}
    }
    eprintln!("stopping");
}
