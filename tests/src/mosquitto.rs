//! A real mosquitto on a free port, for tests that must hold against more than our own code.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Set to `1` where a missing peer is a failure and not a reason to skip, as in `.ci/run`.
pub const REQUIRE_PEERS: &str = "PORTOLAN_REQUIRE_PEERS";

/// A running mosquitto with its own folder. Dropping it kills it and removes the folder.
#[derive(Debug)]
pub struct Mosquitto {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

/// How to configure a [`Mosquitto`].
#[derive(Clone, Debug, Default)]
pub struct MosquittoOptions {
    /// Keep sessions and retained messages on disk, so that they survive [`Mosquitto::kill`].
    pub persistence: bool,
    /// Lines for the configuration file, after the defaults.
    pub lines: Vec<String>,
    /// Use only `lines` and the port: mosquitto as it comes.
    pub stock: bool,
}

impl Mosquitto {
    /// Starts one, or says on stdout that `test` is skipped because there is none, and gives `None`.
    ///
    /// # Panics
    /// When mosquitto is missing although [`REQUIRE_PEERS`] is set, and when it does not start.
    pub fn start(test: &str, options: &MosquittoOptions) -> Option<Self> {
        let Some(program) = find() else {
            let message = format!("{test}: mosquitto is not installed (Debian: apt-get install mosquitto)");
            assert!(std::env::var_os(REQUIRE_PEERS).is_none_or(|value| value != "1"), "{message}");
            #[expect(clippy::print_stdout, reason = "a skipped test must be seen")]
            {
                println!("SKIPPED {message}");
            }
            return None;
        };
        let folder = std::env::temp_dir().join(format!("portolan-mosquitto-{}-{test}", std::process::id()));
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder).expect("a folder for mosquitto");
        let port = free_port();
        let mut lines = vec![format!("listener {port} 127.0.0.1"), "log_dest none".to_owned()];
        if !options.lines.iter().any(|line| line.starts_with("allow_anonymous")) {
            lines.push("allow_anonymous true".to_owned());
        }
        // Started as root it would change to another user, who may not write here. Else it is ignored.
        lines.push("user root".to_owned());
        if !options.stock {
            lines.push("max_inflight_messages 8192".to_owned());
            lines.push("max_queued_messages 1000000".to_owned());
            lines.push("set_tcp_nodelay true".to_owned());
        }
        if options.persistence {
            lines.push("persistence true".to_owned());
            lines.push(format!("persistence_location {}/", folder.display()));
            lines.push("autosave_interval 1".to_owned());
            lines.push("autosave_on_changes true".to_owned());
        }
        lines.extend(options.lines.iter().cloned());
        fs::write(folder.join("mosquitto.conf"), lines.join("\n") + "\n").expect("mosquitto's configuration");
        let mut broker = Self { program, folder, port, child: None };
        broker.restart();
        Some(broker)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// A folder for certificates and password files, gone with the broker.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// SIGKILL: no goodbye to anybody, nothing saved.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Starts it again with the same port and folder.
    ///
    /// # Panics
    /// When it does not answer within ten seconds.
    pub fn restart(&mut self) {
        self.kill();
        let child = Command::new(&self.program)
            .arg("-c")
            .arg(self.folder.join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starting mosquitto");
        self.child = Some(child);
        for _ in 0..200 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("mosquitto does not listen; its configuration: {}", self.folder.join("mosquitto.conf").display());
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// A TCP port that was free a moment ago.
///
/// # Panics
/// When the machine has none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"].map(PathBuf::from))
        .map(|folder| folder.join("mosquitto"))
        .find(|candidate| candidate.is_file())
}
