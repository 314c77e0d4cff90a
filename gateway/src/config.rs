//! Configuration: flag > environment > file > default, unknown keys refused by name.
//!
//! Every key has one dotted name: `http.listen` stands in `portolan.toml` under `[http]`, in the
//! environment as `PORTOLAN_HTTP__LISTEN` (two underscores for a dot), and on the command line as
//! `--set http.listen=…`.

use crate::ingest::mapping::Mappings;
use crate::ingest::mapping::config::{MappingConfig, indexed};
use crate::journal::milestone::Keep;
use crate::webhooks::target::Network;
use firmware_schemas::api::routes::RouteCosts;
use firmware_schemas::id::TenantId;
use firmware_schemas::quantity::Metres;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::{Table, Value};
use twin::alert::AlertRules;
use twin::observe::{ObserveRules, Validation};

/// The file that is read when it is there and no other is named.
pub const DEFAULT_FILE: &str = "portolan.toml";
/// What the names of our environment variables start with.
pub const ENVIRONMENT_PREFIX: &str = "PORTOLAN_";
/// Environment variables with our prefix that are not configuration keys.
const NOT_KEYS: [&str; 2] = ["PORTOLAN_CONFIG", "PORTOLAN_LOG"];

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty = $default:expr,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $ty,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }
    };
}

section! {
    /// All of it.
    Config {
        /// Whose network: the second level of every topic.
        tenant: String = "demo".into(),
        /// Where journal, snapshots and store are kept.
        data_folder: PathBuf = "portolan-data".into(),
        /// The network that is loaded at the start; none when empty.
        network_folder: PathBuf = PathBuf::new(),
        /// HTTP.
        http: Http = Http::default(),
        /// MQTT.
        mqtt: Mqtt = Mqtt::default(),
        /// The journal.
        journal: Journal = Journal::default(),
        /// The time-series store.
        store: Store = Store::default(),
        /// The rules for what devices send.
        ingest: Ingest = Ingest::default(),
        /// The rules for alerts.
        alerts: Alerts = Alerts::default(),
        /// The twin as it was.
        past: Past = Past::default(),
        /// What-if experiments.
        what_if: WhatIf = WhatIf::default(),
        /// Forecasts and replenishment.
        planning: Planning = Planning::default(),
        /// Routes that are looked for anew.
        routes: Routes = Routes::default(),
        /// Webhooks.
        webhooks: Webhooks = Webhooks::default(),
    }
}
section! {
    /// The HTTP server.
    Http {
        /// Where it listens. Anyone who reaches it may read and command: keep it on loopback or behind a proxy
        /// that asks who is there.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8460)),
        /// Changes that are kept for clients that are behind; who is farther behind gets a snapshot instead.
        stream_changes_max: usize = 200_000,
        /// Origins of web pages that may ask, such as `https://viewer.example`; none by default.
        cors_origins: Vec<String> = Vec::new(),
        /// Requests that wait for the plane; one more is answered 503.
        requests_max: usize = 1_024,
    }
}
/// Which broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrokerKind {
    /// Our own, started with the gateway.
    Embedded,
    /// One that runs already.
    External,
}
section! {
    /// MQTT.
    Mqtt {
        /// Which broker.
        broker: BrokerKind = BrokerKind::Embedded,
        /// Messages that wait for the core thread; when full, nobody reads from the sockets.
        queue_max: usize = 8_192,
        /// Our own broker.
        embedded: Embedded = Embedded::default(),
        /// One that runs already.
        external: External = External::default(),
    }
}
section! {
    /// The broker that the gateway starts.
    Embedded {
        /// Where it listens for plain MQTT.
        listen: Vec<SocketAddr> = vec![SocketAddr::from(([127, 0, 0, 1], 1883))],
        /// Where it listens for MQTT over TLS; needs `certificate_file` and `key_file`.
        listen_tls: Vec<SocketAddr> = Vec::new(),
        /// Its certificate chain, PEM.
        certificate_file: PathBuf = PathBuf::new(),
        /// Its private key, PEM.
        key_file: PathBuf = PathBuf::new(),
        /// Devices must show a certificate signed by one of these, PEM; anybody may come when empty.
        device_roots_file: PathBuf = PathBuf::new(),
        /// A file of `user:password` lines; anybody may come when empty.
        users_file: PathBuf = PathBuf::new(),
    }
}
section! {
    /// The broker that runs already.
    External {
        /// Name or address.
        host: String = "127.0.0.1".into(),
        /// 1883, or 8883 with TLS.
        port: u16 = 1883,
        /// The name that the broker keeps our session under; different for each gateway.
        client_id: String = "portolan".into(),
        /// Gateways of one group share the messages; none when empty.
        shared_group: String = String::new(),
        /// Messages that may be unacknowledged at once.
        in_flight_max: u16 = 8_192,
        /// User name; none when empty.
        user: String = String::new(),
        /// A file that holds the password.
        password_file: PathBuf = PathBuf::new(),
        /// Speak TLS.
        tls: bool = false,
        /// Whom to believe, PEM; the system's roots when empty.
        roots_file: PathBuf = PathBuf::new(),
        /// Our own certificate chain, PEM, when the broker wants one.
        certificate_file: PathBuf = PathBuf::new(),
        /// Its private key, PEM.
        key_file: PathBuf = PathBuf::new(),
    }
}
section! {
    /// The journal and the snapshots of the twin beside it.
    Journal {
        /// A batch is written when it is this old, or the queue is empty, whichever comes first.
        batch_wait_millis: u64 = 5,
        /// … or holds so many facts.
        batch_facts_max: usize = 256,
        /// … or so many bytes.
        batch_bytes_max: usize = 1 << 20,
        /// A segment is closed before it grows past this.
        segment_bytes_max: u64 = 64 << 20,
        /// The oldest segments go when all of them take more than this, once the twin's snapshots and the store
        /// hold what they say.
        keep_bytes: u64 = 16 << 30,
        /// So much of the disk stays free.
        free_bytes_min: u64 = 16 << 20,
        /// The twin is saved after so many facts.
        snapshot_facts: u64 = 50_000,
    }
}
/// Where readings are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// In our own store, below the data folder.
    Embedded,
    /// In an InfluxDB 2 that runs already.
    Influxdb2,
}
section! {
    /// The time-series store.
    Store {
        /// Which store.
        kind: StoreKind = StoreKind::Embedded,
        /// The InfluxDB 2, when it is that.
        influxdb2: Influxdb2 = Influxdb2::default(),
        /// How long readings are kept; in InfluxDB the bucket's own retention counts.
        retention_days: u32 = 400,
        /// Points in memory before they are written as a segment.
        head_points_max: usize = 1_000_000,
        /// … or when the oldest of them has waited so long.
        seal_secs: u64 = 600,
    }
}
section! {
    /// An InfluxDB 2 that runs already.
    Influxdb2 {
        /// Where it is: `http://host:8086` or `https://host`.
        url: String = "http://127.0.0.1:8086".into(),
        /// The organisation's name.
        org: String = "portolan".into(),
        /// The bucket's name.
        bucket: String = "readings".into(),
        /// A file that holds the token.
        token_file: PathBuf = PathBuf::new(),
        /// The token itself, for the environment (`PORTOLAN_STORE__INFLUXDB2__TOKEN`); never shown.
        token: Hidden = Hidden::default(),
        /// Whom to believe, PEM; the system's roots when empty.
        roots_file: PathBuf = PathBuf::new(),
        /// Points sent at once, over all connections.
        batch_points: usize = 20_000,
        /// … or when the first of them has waited so long.
        batch_wait_millis: u64 = 100,
        /// Connections to write with.
        connections: usize = 2,
        /// Compress what is sent.
        gzip: bool = false,
        /// A batch that is not answered within this is sent again.
        timeout_secs: u64 = 30,
        /// The longest wait between two tries.
        retry_max_secs: u64 = 10,
        /// Answer questions over at least so many days, in steps of whole hours or minutes, from what the tasks of
        /// `portolan influx setup` have summed up; 0: never. What came later than they look back is not in there.
        rolled_up_from_days: u32 = 0,
    }
}
/// A secret that is never shown.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// The secret.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn shown(&self) -> &'static str {
        if self.0.is_empty() { "" } else { "(hidden)" }
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shown())
    }
}

impl Serialize for Hidden {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.shown())
    }
}
section! {
    /// The rules for what devices send.
    Ingest {
        /// How far ahead of our clock a device's time may be.
        future_max_secs: u64 = 300,
        /// Take in devices that no network names, under sites that it does.
        register_unknown_devices: bool = true,
        /// How many devices there may be.
        devices_max: usize = 1_000_000,
        /// A reading outside its limits: `enforce` refuses the frame, `flag` keeps it as suspect, `off`.
        limits: Limits = Limits::Flag,
        /// Topics outside the contract whose messages become readings: JSON, line protocol, bare values.
        #[serde(deserialize_with = "indexed")]
        mappings: Vec<MappingConfig> = Vec::new(),
    }
}
/// What is done with a reading outside its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limits {
    /// The frame is refused.
    Enforce,
    /// The reading is kept as suspect.
    Flag,
    /// Nothing.
    Off,
}
section! {
    /// The rules for alerts.
    Alerts {
        /// How long a metric may be outside its limits.
        out_of_range_secs: u64 = 600,
        /// How many intervals a device may be silent.
        silent_intervals: u32 = 3,
        /// After how many it counts as lost.
        lost_intervals: u32 = 20,
        /// How far off its lane a ship may be.
        off_lane_sea_m: u64 = 80_000,
        /// How far off its lane any other vehicle may be.
        off_lane_land_m: u64 = 30_000,
        /// How late a shipment may be.
        late_secs: u64 = 1_800,
        /// How late before it is critical.
        late_critical_secs: u64 = 86_400,
        /// How likely, in per cent, a shipment on a route must be that late before it is; 1 to 100.
        late_risk_percent: u32 = 50,
        /// How long a vehicle may stand between two stops of its route.
        standing_secs: u64 = 1_200,
    }
}
section! {
    /// The twin as it was: milestones on the way through the journal, from which a moment is replayed.
    Past {
        /// Time between two milestones; 0 sets none, and every look back replays from the beginning.
        every_secs: u64 = 3_600,
        /// For so long all of them are kept …
        all_days: u32 = 2,
        /// … and for so long the first of each day.
        daily_days: u32 = 60,
        /// The oldest go when all of them take more than this.
        bytes_max: u64 = 2 << 30,
        /// Questions about the past that are worked on at once; one more waits a moment and is then answered 503.
        at_once: usize = 2,
    }
}
section! {
    /// What-if experiments.
    WhatIf {
        /// Threads that an experiment runs on, behind everything else; 0 is half of the machine's cores.
        threads: usize = 0,
        /// Operations that are kept with their results; the oldest that has ended is forgotten first.
        kept: usize = 50,
        /// Experiments that wait for the one under way; one more is answered 503.
        queue_max: usize = 16,
        /// What an experiment may take for its counts; one that would take more is refused.
        memory_bytes_max: u64 = 1 << 30,
    }
}

section! {
    /// Forecasts and replenishment.
    Planning {
        /// Time between two planning runs; 0 plans only when it is asked for.
        every_secs: u64 = 3_600,
        /// Threads that a run works on, behind everything else; 0 is half of the machine's cores.
        threads: usize = 0,
    }
}

/// What the plane does when a vehicle with a route is stranded, a shipment comes to wait, or a lane is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replan {
    /// Nothing.
    Off,
    /// It looks for routes, for a person to give.
    Propose,
    /// It looks for routes and gives them.
    Automatic,
}
section! {
    /// Routes that are looked for anew while vehicles drive.
    Routes {
        /// What is done when a vehicle with a route is stranded, a shipment comes to wait, or a lane is closed: `off`,
        /// `propose` or `automatic`.
        replan: Replan = Replan::Off,
        /// How long to look, in seconds: 1 to 60. Another half is for reading, judging and keeping 200 shipments.
        search_secs: u32 = 4,
        /// What comes within this is looked into together.
        wait_secs: u64 = 2,
        /// When vehicles must be back, in seconds from then.
        horizon_secs: u32 = 86_400,
        /// What driving, being late and moving a promised time cost, in minor units.
        costs: RouteCosts = RouteCosts::default(),
    }
}

section! {
    /// Webhooks.
    Webhooks {
        /// Allow receivers at private and loopback addresses, also without TLS.
        allow_private: bool = false,
        /// Networks that receivers may be in although they are private, such as `10.1.0.0/16`, also without TLS.
        networks: Vec<String> = Vec::new(),
        /// Only these hosts, `hooks.example` or `*.example`; any when empty.
        hosts: Vec<String> = Vec::new(),
        /// How many receivers there may be; each reads the journal for itself.
        receivers_max: usize = 16,
        /// Tries of one receiver at once.
        in_flight_max: usize = 4,
        /// A receiver answers within this.
        timeout_secs: u64 = 15,
        /// The waits before the second try and those after it, each spread by up to a fifth; after the last the event
        /// is a dead letter.
        retry_secs: Vec<u64> = vec![5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400],
        /// A receiver that takes nothing is tried at least this often.
        probe_secs: u64 = 300,
        /// A receiver that has taken nothing for so long is switched off.
        off_after_secs: u64 = 432_000,
        /// Dead letters that are kept for one receiver; when there are as many, nothing more is sent to it.
        dead_letters_max: u64 = 10_000,
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything else.
    Default,
    /// This file.
    File(PathBuf),
    /// This environment variable.
    Environment(String),
    /// This flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file that was named cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("{origin}: {why}")]
    Wrong {
        /// Where it stands.
        origin: Origin,
        /// What is wrong.
        why: String,
    },
    /// Each value is fine by itself, but they contradict each other or name something impossible.
    #[error("{key}: {why}")]
    Value {
        /// The dotted name.
        key: &'static str,
        /// What is wrong.
        why: String,
    },
}

/// A configuration, with where each value came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Where those came from that are not defaults, by dotted name.
    pub origins: BTreeMap<String, Origin>,
}

/// Reads the file (`None`: [`DEFAULT_FILE`] if it is there), then the environment, then the flags
/// (dotted name, value as text, the flag as it was written).
pub fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
    flags: &[(String, String, String)],
) -> Result<Loaded, ConfigError> {
    let mut layers: Vec<(Origin, Table)> = Vec::new();
    let path = file.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_path_buf);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let origin = Origin::File(path);
            let table = text.parse::<Table>().map_err(|why| wrong(&origin, why))?;
            layers.push((origin, table));
        }
        Err(why) if file.is_none() && why.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(ConfigError::Read { path, source }),
    }
    let mut variables: Vec<_> = environment
        .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX) && !NOT_KEYS.contains(&name.as_str()))
        .collect();
    variables.sort();
    for (name, value) in variables {
        let key = name[ENVIRONMENT_PREFIX.len()..].to_lowercase().replace("__", ".");
        layers.push((Origin::Environment(name), single(&key, &value)));
    }
    for (key, value, flag) in flags {
        layers.push((Origin::Flag(flag.clone()), single(key, value)));
    }
    let (mut merged, mut origins) = (Table::new(), BTreeMap::new());
    for (origin, table) in layers {
        // Each layer by itself, so that an error names the layer that it stands in.
        Config::deserialize(table.clone()).map_err(|why| wrong(&origin, why))?;
        merge(&mut merged, table, "", &origin, &mut origins);
    }
    let config = Config::deserialize(merged).map_err(|why| wrong(&Origin::Default, why))?;
    config.check()?;
    Ok(Loaded { config, origins })
}

fn wrong(origin: &Origin, why: impl fmt::Display) -> ConfigError {
    ConfigError::Wrong { origin: origin.clone(), why: why.to_string().trim_end().to_owned() }
}

/// `a.b.c = value` as nested tables. The value is TOML where it can be, else text.
fn single(key: &str, value: &str) -> Table {
    let parsed = format!("v = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("v"));
    let is_bare = !matches!(parsed, None | Some(Value::String(_) | Value::Datetime(_)));
    let value = match parsed {
        Some(parsed) if is_bare => parsed,
        Some(Value::String(text)) => Value::String(text),
        _ => Value::String(value.to_owned()),
    };
    let mut levels = key.rsplit('.');
    let mut table = Table::new();
    table.insert(levels.next().unwrap_or_default().to_owned(), value);
    for level in levels {
        table = Table::from_iter([(level.to_owned(), Value::Table(table))]);
    }
    table
}

fn merge(into: &mut Table, from: Table, prefix: &str, origin: &Origin, origins: &mut BTreeMap<String, Origin>) {
    for (key, value) in from {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match (into.get_mut(&key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from, &name, origin, origins),
            (_, Value::Table(from)) => {
                let mut table = Table::new();
                merge(&mut table, from, &name, origin, origins);
                into.insert(key, Value::Table(table));
            }
            (_, value) => {
                origins.insert(name, origin.clone());
                into.insert(key, value);
            }
        }
    }
}

impl Loaded {
    /// Every key with its value as TOML and its origin, sorted by name.
    pub fn listed(&self) -> Vec<(String, String, Origin)> {
        let mut listed = Vec::new();
        if let Ok(Value::Table(table)) = Value::try_from(&self.config) {
            list(&table, "", &mut |name, value| {
                let origin = self.origins.get(&name).cloned().unwrap_or(Origin::Default);
                listed.push((name, value.to_string(), origin));
            });
        }
        listed.sort_by(|a, b| a.0.cmp(&b.0));
        listed
    }
}

fn list(table: &Table, prefix: &str, each: &mut impl FnMut(String, &Value)) {
    for (key, value) in table {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(table) => list(table, &name, each),
            value => each(name, value),
        }
    }
}

impl Config {
    /// The tenant; checked when the configuration was loaded.
    pub fn tenant(&self) -> Result<TenantId, ConfigError> {
        TenantId::new(&self.tenant).map_err(|why| ConfigError::Value { key: "tenant", why: why.to_string() })
    }

    /// How messages of other topics become readings; checked when the configuration was loaded.
    pub fn mappings(&self) -> Result<Mappings, ConfigError> {
        let wrong = |why: crate::ingest::mapping::config::MappingError| ConfigError::Value {
            key: "ingest.mappings",
            why: why.to_string(),
        };
        Mappings::new(&self.ingest.mappings).map_err(wrong)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key, why: &str| Err(ConfigError::Value { key, why: why.to_owned() });
        self.tenant()?;
        self.mappings()?;
        let embedded = &self.mqtt.embedded;
        if self.mqtt.broker == BrokerKind::Embedded {
            if embedded.listen.is_empty() && embedded.listen_tls.is_empty() {
                return wrong("mqtt.embedded.listen", "the embedded broker needs an address to listen on");
            }
            let has_identity =
                !embedded.certificate_file.as_os_str().is_empty() && !embedded.key_file.as_os_str().is_empty();
            if !embedded.listen_tls.is_empty() && !has_identity {
                return wrong("mqtt.embedded.listen_tls", "needs certificate_file and key_file");
            }
        }
        if !self.mqtt.external.user.is_empty() && self.mqtt.external.password_file.as_os_str().is_empty() {
            return wrong("mqtt.external.password_file", "a user needs a password");
        }
        let influx = &self.store.influxdb2;
        if self.store.kind == StoreKind::Influxdb2 {
            if cfg!(not(feature = "influxdb2")) {
                return wrong("store.kind", "this build has no influxdb2");
            }
            if influx.token.reveal().is_empty() == influx.token_file.as_os_str().is_empty() {
                return wrong("store.influxdb2.token_file", "needs a token: either token_file, or token");
            }
        }
        if let Some(text) = self.webhooks.networks.iter().find(|text| Network::parse(text).is_none()) {
            return wrong("webhooks.networks", &format!("{text:?} is not a network such as 10.1.0.0/16"));
        }
        if !(1..=60).contains(&self.routes.search_secs) {
            return wrong("routes.search_secs", "must be 1 to 60");
        }
        if !(1..=31 * 86_400).contains(&self.routes.horizon_secs) {
            return wrong("routes.horizon_secs", "must be 1 s to 31 days");
        }
        if !(1..=100).contains(&self.alerts.late_risk_percent) {
            return wrong("alerts.late_risk_percent", "must be 1 to 100");
        }
        if !(1..=25).contains(&self.webhooks.timeout_secs) {
            return wrong("webhooks.timeout_secs", "must be 1 to 25");
        }
        for (key, is_zero) in [
            ("store.influxdb2.batch_points", influx.batch_points == 0),
            ("store.influxdb2.connections", influx.connections == 0),
            ("store.influxdb2.timeout_secs", influx.timeout_secs == 0),
            ("store.influxdb2.retry_max_secs", influx.retry_max_secs == 0),
            ("http.stream_changes_max", self.http.stream_changes_max == 0),
            ("http.requests_max", self.http.requests_max == 0),
            ("mqtt.queue_max", self.mqtt.queue_max == 0),
            ("mqtt.external.in_flight_max", self.mqtt.external.in_flight_max == 0),
            ("journal.batch_facts_max", self.journal.batch_facts_max == 0),
            ("journal.batch_bytes_max", self.journal.batch_bytes_max == 0),
            ("journal.segment_bytes_max", self.journal.segment_bytes_max < 1 << 20),
            ("journal.keep_bytes", self.journal.keep_bytes < 2 * self.journal.segment_bytes_max),
            ("journal.snapshot_facts", self.journal.snapshot_facts == 0),
            ("store.retention_days", self.store.retention_days == 0),
            ("store.head_points_max", self.store.head_points_max == 0),
            ("webhooks.in_flight_max", self.webhooks.in_flight_max == 0),
            ("webhooks.probe_secs", self.webhooks.probe_secs == 0),
            ("past.at_once", self.past.at_once == 0),
            ("what_if.kept", self.what_if.kept == 0),
            ("what_if.queue_max", self.what_if.queue_max == 0),
            ("what_if.memory_bytes_max", self.what_if.memory_bytes_max < 1 << 20),
        ] {
            if is_zero {
                return wrong(key, "is too small");
            }
        }
        Ok(())
    }

    /// The rules for what devices send.
    pub fn observe_rules(&self) -> ObserveRules {
        ObserveRules {
            future_max: Duration::from_secs(self.ingest.future_max_secs),
            retention: self.retention(),
            register_unknown_devices: self.ingest.register_unknown_devices,
            devices_max: self.ingest.devices_max,
            validation: match self.ingest.limits {
                Limits::Enforce => Validation::Enforce,
                Limits::Flag => Validation::Flag,
                Limits::Off => Validation::Off,
            },
        }
    }

    /// Which states are kept for the past.
    pub fn milestones(&self) -> Keep {
        let days = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
        Keep {
            every: Duration::from_secs(self.past.every_secs),
            all_for: days(self.past.all_days),
            daily_for: days(self.past.daily_days),
            bytes_max: self.past.bytes_max,
        }
    }

    /// How long readings are kept.
    pub fn retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.store.retention_days) * 86_400)
    }

    /// The rules for alerts.
    pub fn alert_rules(&self) -> AlertRules {
        let Alerts {
            out_of_range_secs,
            silent_intervals,
            lost_intervals,
            off_lane_sea_m,
            off_lane_land_m,
            late_secs,
            late_critical_secs,
            late_risk_percent,
            standing_secs,
        } = self.alerts;
        AlertRules {
            out_of_range_after: Duration::from_secs(out_of_range_secs),
            silent_after_intervals: silent_intervals,
            lost_after_intervals: lost_intervals,
            off_lane_sea: Metres(off_lane_sea_m),
            off_lane_land: Metres(off_lane_land_m),
            late_after: Duration::from_secs(late_secs),
            late_critical_after: Duration::from_secs(late_critical_secs),
            late_risk_percent,
            standing_after: Duration::from_secs(standing_secs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Loaded, String> {
        let folder = std::env::temp_dir().join(format!("portolan-config-{}-{:p}", std::process::id(), &file));
        std::fs::write(&folder, file).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let flags: Vec<_> =
            flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned(), format!("--set {key}"))).collect();
        let loaded = load(Some(&folder), environment, &flags).map_err(|why| why.to_string());
        std::fs::remove_file(&folder).unwrap();
        loaded
    }

    #[test]
    fn flag_beats_environment_beats_file_beats_default() {
        let file = "tenant = \"file\"\n[http]\nlisten = \"127.0.0.1:1\"\n[store]\nretention_days = 7";
        let environment = [("PORTOLAN_TENANT", "env"), ("PORTOLAN_HTTP__LISTEN", "127.0.0.1:2"), ("OTHER", "x")];
        let loaded = from(file, &environment, &[("tenant", "flag")]).unwrap();
        assert_eq!(loaded.config.tenant, "flag");
        assert_eq!(loaded.config.http.listen.port(), 2);
        assert_eq!(loaded.config.store.retention_days, 7);
        assert_eq!(loaded.config.journal, Journal::default());
        assert_eq!(loaded.origins["http.listen"], Origin::Environment("PORTOLAN_HTTP__LISTEN".into()));
        assert!(!loaded.origins.contains_key("journal.segment_bytes_max"));
    }

    #[test]
    fn an_unknown_key_is_refused_by_name_and_place() {
        let check = |result: Result<Loaded, String>, parts: &[&str]| {
            let why = result.unwrap_err();
            assert!(parts.iter().all(|part| why.contains(part)), "{why}");
        };
        check(from("[http]\nlissten = \"x\"", &[], &[]), &["file", "lissten"]);
        check(from("", &[("PORTOLAN_HTTP__LISSTEN", "x")], &[]), &["PORTOLAN_HTTP__LISSTEN", "lissten"]);
        check(from("", &[], &[("mqtt.qos", "2")]), &["--set mqtt.qos", "qos"]);
        check(from("[store]\nretention_days = \"many\"", &[], &[]), &["file", "retention_days"]);
        check(from("tenant = \"a/b\"", &[], &[]), &["tenant", "'/'"]);
        check(from("[store]\nretention_days = 0", &[], &[]), &["store.retention_days"]);
        let mapping =
            "[[ingest.mappings]]\ntopics = [\"a/{device}\"]\nformat = \"json\"\nsite = \"WH\"\ndevice = \"{device}\"\n";
        assert!(from(mapping, &[], &[]).is_ok());
        let second = format!("{mapping}{}", mapping.replace("a/", "b/"));
        check(from(&format!("{second}jsn = 1"), &[], &[]), &["file", "mapping 1", "jsn"]);
        check(
            from(&format!("{second}time = {{ field = \"ts\", format = \"noon\" }}"), &[], &[]),
            &["mapping 1", "noon"],
        );
        check(
            from(&format!("{mapping}{mapping}"), &[], &[]),
            &["ingest.mappings", "mapping 1", "topics", "a/{device}"],
        );
        let listed = from(mapping, &[], &[]).unwrap().listed();
        assert!(listed.iter().any(|(name, value, _)| name == "ingest.mappings" && value.contains("a/{device}")));
    }
}
