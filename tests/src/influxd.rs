//! A real InfluxDB 2 on a free port, for tests that must hold against more than our own code.

use crate::mosquitto::{REQUIRE_PEERS, free_port};
use gateway::ingest::tls::{Roots, TlsOptions};
use gateway::store::influx::{InfluxClient, Patience, Target, Token};
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Names the server to run; else the one that `tests/peers/influxd.sh` builds is run.
pub const INFLUXD: &str = "PORTOLAN_INFLUXD";
/// The token that may do everything.
pub const OPERATOR_TOKEN: &str = "portolan-test-token";
/// The organisation.
pub const ORG: &str = "portolan";
/// The bucket, which keeps everything for ever.
pub const BUCKET: &str = "readings";

/// A running InfluxDB with its own folder. Dropping it kills it and removes the folder.
#[derive(Debug)]
pub struct Influxd {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    arguments: Vec<String>,
    /// Whom to believe when it speaks TLS.
    root: Option<PathBuf>,
    child: Option<Child>,
}

impl Influxd {
    /// Starts one with [`ORG`], [`BUCKET`] and [`OPERATOR_TOKEN`], or says on stdout that `test` is skipped because
    /// there is none, and gives `None`.
    ///
    /// # Panics
    /// When it is missing although [`REQUIRE_PEERS`] is set, and when it does not start.
    pub fn start(test: &str) -> Option<Self> {
        Self::start_in(test, None, &[])
    }

    /// As [`Influxd::start`], speaking TLS with this certificate and key; `root` vouches for them. All are PEM files.
    ///
    /// # Panics
    /// As [`Influxd::start`].
    pub fn start_tls(test: &str, certificate: &Path, key: &Path, root: &Path) -> Option<Self> {
        let [certificate, key] = [certificate, key].map(|path| path.display().to_string());
        Self::start_as(test, None, &["--tls-cert", &certificate, "--tls-key", &key], Some(root))
    }

    /// As [`Influxd::start`], with its data below `engine`, which is not removed, and with more arguments.
    ///
    /// # Panics
    /// As [`Influxd::start`].
    pub fn start_in(test: &str, engine: Option<&Path>, arguments: &[&str]) -> Option<Self> {
        Self::start_as(test, engine, arguments, None)
    }

    fn start_as(test: &str, engine: Option<&Path>, arguments: &[&str], root: Option<&Path>) -> Option<Self> {
        let Some(program) = find() else {
            let message = format!("{test}: no influxd (build it with tests/peers/influxd.sh, or name it in {INFLUXD})");
            assert!(std::env::var_os(REQUIRE_PEERS).is_none_or(|value| value != "1"), "{message}");
            #[expect(clippy::print_stdout, reason = "a skipped test must be seen")]
            {
                println!("SKIPPED {message}");
            }
            return None;
        };
        let folder = std::env::temp_dir().join(format!("portolan-influxd-{}-{test}", std::process::id()));
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder).expect("a folder for influxd");
        let engine = engine.map_or_else(|| folder.join("engine"), |engine| engine.join("engine"));
        let mut all: Vec<String> = Vec::new();
        for (flag, path) in [
            ("--bolt-path", folder.join("meta.bolt")),
            ("--sqlite-path", folder.join("meta.sqlite")),
            ("--engine-path", engine),
        ] {
            all.extend([flag.to_owned(), path.display().to_string()]);
        }
        all.extend(["--reporting-disabled", "--log-level", "error"].map(str::to_owned));
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let mut server =
            Self { program, folder, port: free_port(), arguments: all, root: root.map(Path::to_owned), child: None };
        server.restart();
        server.set_up();
        Some(server)
    }

    /// `http://127.0.0.1:port`, or `https`.
    pub fn url(&self) -> String {
        let scheme = if self.root.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Speaks with it, and believes its certificate.
    ///
    /// # Panics
    /// When its root's file is no certificate.
    pub fn http(&self) -> reqwest::blocking::Client {
        let roots = self.root.iter().map(|root| {
            let pem = fs::read(root).expect("the root's file");
            reqwest::Certificate::from_pem(&pem).expect("a certificate")
        });
        reqwest::blocking::Client::builder().tls_certs_only(roots).build().expect("a client")
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder with its log, gone with the server.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The process that runs; `None` after [`Influxd::kill`].
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// How to reach it, as the operator.
    pub fn target(&self) -> Target {
        Target {
            url: self.url(),
            org: ORG.to_owned(),
            bucket: BUCKET.to_owned(),
            token: Token::new(OPERATOR_TOKEN),
            tls: TlsOptions { roots: self.root.clone().map_or(Roots::System, Roots::File), identity: None },
            patience: Patience::default(),
        }
    }

    /// A client for [`Influxd::target`].
    ///
    /// # Panics
    /// When there can be none.
    pub fn client(&self) -> InfluxClient {
        InfluxClient::new(&self.target()).expect("a client")
    }

    /// SIGKILL: no goodbye to anybody, nothing saved.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// SIGTERM, and waits until it has gone.
    ///
    /// # Panics
    /// When it does not go.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            Command::new("kill").arg(child.id().to_string()).status().expect("kill");
            child.wait().expect("influxd's end");
        }
    }

    /// Starts it again with the same port and folder.
    ///
    /// # Panics
    /// When it does not answer within thirty seconds.
    pub fn restart(&mut self) {
        self.kill();
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log")).expect("a log");
        let child = Command::new(&self.program)
            .args(["--http-bind-address", &format!("127.0.0.1:{}", self.port)])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("the log"))
            .stdout(log)
            .spawn()
            .expect("starting influxd");
        self.child = Some(child);
        let (health, http) = (format!("{}/health", self.url()), self.http());
        for _ in 0..600 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
                && http.get(&health).send().is_ok_and(|answer| answer.status().is_success())
            {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        panic!("influxd does not answer on {}; its log:\n{log}", self.url());
    }

    fn set_up(&self) {
        let body = serde_json::json!({
            "username": "test", "password": "portolan-test", "org": ORG, "bucket": BUCKET, "token": OPERATOR_TOKEN,
        });
        let answer = self
            .http()
            .post(format!("{}/api/v2/setup", self.url()))
            .body(body.to_string())
            .send()
            .expect("an answer to the set-up");
        assert!(answer.status().is_success(), "set-up: {}", answer.text().unwrap_or_default());
    }
}

impl Drop for Influxd {
    fn drop(&mut self) {
        self.kill();
        fs::remove_dir_all(&self.folder).ok();
    }
}

fn find() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
    std::env::var_os(INFLUXD)
        .map(PathBuf::from)
        .or_else(|| cache.map(|cache| cache.join("portolan-peers/influxd")))
        .filter(|program| program.is_file())
}
