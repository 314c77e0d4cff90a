//! The real `portolan` binary as a child process, for stories that kill it.
#![allow(clippy::disallowed_methods, reason = "a child process runs on the machine's clock")]

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long the gateway may take to answer that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How to start a [`Gateway`].
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// Where its data is; kept when the gateway is dropped.
    pub data: PathBuf,
    /// The network to load.
    pub network: Option<PathBuf>,
    /// An external broker's port; the embedded broker when `None`.
    pub broker: Option<u16>,
    /// A configuration file.
    pub config: Option<PathBuf>,
    /// More `KEY=VALUE` settings.
    pub set: Vec<String>,
    /// The tenant.
    pub tenant: String,
    /// Its ports, chosen once so that a restart has the same: HTTP, embedded MQTT.
    pub ports: (u16, u16),
}

impl GatewayOptions {
    /// A gateway of the tenant `t` with its data in a new folder.
    ///
    /// # Panics
    /// When no folder can be made.
    #[must_use]
    pub fn new(test: &str) -> Self {
        let data = std::env::temp_dir().join(format!("portolan-e2e-{}-{test}", std::process::id()));
        fs::remove_dir_all(&data).ok();
        fs::create_dir_all(&data).expect("a data folder");
        let ports = (free_port(), free_port());
        Self { data, network: None, broker: None, config: None, set: Vec::new(), tenant: "t".to_owned(), ports }
    }
}

/// A running gateway. Dropping it kills it.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    options: GatewayOptions,
    client: reqwest::blocking::Client,
}

impl Gateway {
    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// When it does not become ready; says what it wrote.
    #[must_use]
    pub fn start(options: &GatewayOptions) -> Self {
        let mut gateway = Self::spawn(options);
        let began = Instant::now();
        loop {
            if gateway.readyz().is_some_and(|(status, _)| status == 200) {
                return gateway;
            }
            let ended = gateway.child.try_wait().expect("its state");
            if ended.is_some() || began.elapsed() > READY_WITHIN {
                panic!("the gateway is not ready (ended: {ended:?}, {:?}):\n{}", gateway.readyz(), gateway.log());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts it and does not wait.
    ///
    /// # Panics
    /// When the binary cannot be run.
    #[must_use]
    pub fn spawn(options: &GatewayOptions) -> Self {
        let (http, mqtt) = options.ports;
        let log = File::options().create(true).append(true).open(log_path(options)).expect("a log file");
        let mut command = portolan();
        command
            .arg("serve")
            .args(["--http", &format!("127.0.0.1:{http}"), "--tenant", &options.tenant])
            .arg("--data")
            .arg(&options.data);
        if let Some(network) = &options.network {
            command.arg("--network").arg(network);
        }
        match options.broker {
            Some(port) => {
                command.args(["--set", "mqtt.broker=external", "--set", &format!("mqtt.external.port={port}")]);
            }
            None => {
                command.args(["--mqtt", &format!("127.0.0.1:{mqtt}")]);
            }
        }
        if let Some(config) = &options.config {
            command.arg("--config").arg(config);
        }
        for set in &options.set {
            command.args(["--set", set]);
        }
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("the portolan binary");
        let client = reqwest::blocking::Client::builder().timeout(Duration::from_secs(60)).build().expect("a client");
        Self { child, options: options.clone(), client }
    }

    /// Starts it where it must not start; gives what it says.
    ///
    /// # Panics
    /// When it goes on running.
    #[must_use]
    pub fn refuses_to_start(options: &GatewayOptions) -> String {
        let mut gateway = Self::spawn(options);
        wait_until("it ends", READY_WITHIN, || match gateway.child.try_wait().expect("its state") {
            Some(status) if !status.success() => Ok(()),
            other => Err(other),
        });
        gateway.log()
    }

    /// `kill -9`.
    ///
    /// # Panics
    /// When it has ended already.
    pub fn kill(mut self) {
        assert!(self.child.try_wait().expect("its state").is_none(), "it ended by itself:\n{}", self.log());
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }

    /// SIGTERM, and waits for an orderly end.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
        let status = self.child.wait().expect("wait");
        assert!(status.success(), "{status}:\n{}", self.log());
    }

    /// What it wrote to stderr, the last part.
    #[must_use]
    pub fn log(&self) -> String {
        let text = fs::read_to_string(log_path(&self.options)).unwrap_or_default();
        let from = text.char_indices().rev().nth(4_000).map_or(0, |(at, _)| at);
        text[from..].to_owned()
    }

    /// Status and body of `/readyz`; `None` when it does not answer.
    #[must_use]
    pub fn readyz(&self) -> Option<(u16, serde_json::Value)> {
        let answer = self.client.get(self.url("/readyz")).send().ok()?;
        Some((answer.status().as_u16(), answer.json().ok()?))
    }

    /// The full address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.options.ports.0)
    }

    /// The body of a GET as JSON.
    ///
    /// # Panics
    /// When it is refused.
    #[must_use]
    pub fn get(&self, path: &str) -> serde_json::Value {
        let answer =
            self.client.get(self.url(path)).send().unwrap_or_else(|why| panic!("{path}: {why}\n{}", self.log()));
        let status = answer.status();
        let text = answer.text().expect("a body");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("{path}: {why}: {text}"))
    }

    /// Status and JSON of a GET.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn try_get(&self, path: &str) -> (u16, serde_json::Value) {
        let answer =
            self.client.get(self.url(path)).send().unwrap_or_else(|why| panic!("{path}: {why}\n{}", self.log()));
        (answer.status().as_u16(), answer.json().unwrap_or_default())
    }

    /// All items of a listing, page by page.
    #[must_use]
    pub fn get_all(&self, path: &str) -> Vec<serde_json::Value> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let join = if path.contains('?') { '&' } else { '?' };
            let page = match &cursor {
                None => self.get(path),
                Some(cursor) => self.get(&format!("{path}{join}cursor={cursor}")),
            };
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return items,
            }
        }
    }

    /// Status and JSON of a POST.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn post(&self, path: &str, body: &serde_json::Value) -> (u16, serde_json::Value) {
        let answer = self
            .client
            .post(self.url(path))
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .unwrap_or_else(|why| panic!("{path}: {why}\n{}", self.log()));
        (answer.status().as_u16(), answer.json().unwrap_or_default())
    }

    /// The value of a metric without labels.
    #[must_use]
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.client.get(self.url("/metrics")).send().and_then(reqwest::blocking::Response::text);
        let text = text.unwrap_or_else(|why| panic!("/metrics: {why}\n{}", self.log()));
        let line = text.lines().find_map(|line| line.strip_prefix(name).filter(|rest| rest.starts_with(' ')));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("no metric {name} in:\n{text}"))
    }

    /// The address of its embedded broker.
    #[must_use]
    pub fn mqtt_port(&self) -> u16 {
        self.options.ports.1
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory now, in bytes.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        self.memory_bytes("VmRSS:")
    }

    /// Peak resident memory, in bytes.
    #[must_use]
    pub fn peak_memory_bytes(&self) -> u64 {
        self.memory_bytes("VmHWM:")
    }

    fn memory_bytes(&self, what: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(what));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
        kib.unwrap_or(0) * 1_024
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn log_path(options: &GatewayOptions) -> PathBuf {
    options.data.with_extension("log")
}

/// Runs `portolan verify` on a data folder that no gateway uses; gives its report.
///
/// # Panics
/// When it cannot be run or finds problems.
#[must_use]
pub fn verify(data: &Path) -> serde_json::Value {
    verified(portolan().args(["verify", "--json", "--data"]).arg(data))
}

/// The same with all settings of the gateway that used it.
///
/// # Panics
/// As [`verify`].
#[must_use]
pub fn verify_with(options: &GatewayOptions) -> serde_json::Value {
    let mut command = portolan();
    command.args(["verify", "--json", "--tenant", &options.tenant, "--data"]).arg(&options.data);
    verified(command.args(options.set.iter().flat_map(|set| ["--set", set])))
}

/// Runs another command of `portolan` with the settings of a gateway, and `--json`; gives its exit code, what it
/// says on stdout, as JSON or as a string, and what on stderr.
///
/// # Panics
/// When it cannot be run.
#[must_use]
pub fn run_with(options: &GatewayOptions, arguments: &[&str]) -> (Option<i32>, serde_json::Value, String) {
    let mut command = portolan();
    command.args(arguments).args(["--json", "--tenant", &options.tenant, "--data"]).arg(&options.data);
    let (http, mqtt) = options.ports;
    command.args(["--http", &format!("127.0.0.1:{http}"), "--mqtt", &format!("127.0.0.1:{mqtt}")]);
    command.env_remove("INFLUX_TOKEN").args(options.set.iter().flat_map(|set| ["--set", set]));
    let output = command.output().expect("the binary");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout);
    let said = serde_json::from_str(&said).unwrap_or(serde_json::Value::String(said));
    (output.status.code(), said, text(&output.stderr))
}

fn verified(command: &mut Command) -> serde_json::Value {
    let output = command.output().expect("the binary");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "verify: {}\n{text}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).unwrap_or_else(|why| panic!("verify: {why}: {text}"))
}

/// The binary, without the variables of its prefix that are ours and not its.
#[must_use]
pub fn portolan() -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PORTOLAN_") {
            command.env_remove(name);
        }
    }
    command
}

/// The `portolan` binary of this build; built when it is not there.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("PORTOLAN_BIN") {
        return path.into();
    }
    let mut folder = std::env::current_exe().expect("this program's path");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let path = folder.join("portolan");
    if !path.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "-p", "gateway", "--bin", "portolan"]);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo").success(), "the portolan binary cannot be built");
    }
    path
}

/// A port that nobody listens on right now.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Waits until `done` says so.
///
/// # Panics
/// When it does not within `limit`; says `what`, and what `done` said last.
pub fn wait_until<T: std::fmt::Debug>(what: &str, limit: Duration, mut done: impl FnMut() -> Result<(), T>) {
    let began = Instant::now();
    loop {
        match done() {
            Ok(()) => return,
            Err(state) => assert!(began.elapsed() < limit, "not within {limit:?}: {what}; last seen: {state:?}"),
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// A network folder with one site and these SKUs, for tests that need no more.
///
/// # Errors
/// When it cannot be written.
pub fn small_network(folder: &Path, tenant: &str, skus: &[String]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let head = format!("format = 1\nname = \"Test\"\ntenant = \"{tenant}\"\ncurrency = \"EUR\"\ntime_zone = \"UTC\"\n");
    fs::write(folder.join("network.toml"), head)?;
    fs::write(
        folder.join("sites.csv"),
        "site,kind,name,lat,lon\nWH,central_warehouse,Warehouse,53.5,10.0\nSHOP,shop,Shop,52.5,13.4\n",
    )?;
    fs::write(folder.join("lanes.csv"), "lane,from,to,mode,lead_time_h\nWH-SHOP,WH,SHOP,road,5\n")?;
    let rows: String = skus.iter().map(|sku| format!("{sku},{sku},100\n")).collect();
    fs::write(folder.join("skus.csv"), format!("sku,name,mass_g\n{rows}"))
}
