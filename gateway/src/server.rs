//! Everything together: recover, listen, run, stop in order.

use crate::config::{BrokerKind, Config, ConfigError};
use crate::control::{ControlConfig, Reply, Request, RequestError};
use crate::disk::Folder;
use crate::http::stream::Hub;
use crate::http::{App, Asked, Limits, Published};
use crate::ingest::broker::{Broker, BrokerConfig, BrokerError, TlsListen};
use crate::ingest::mqtt::{BrokerAddress, Link, LinkConfig, LinkError};
use crate::ingest::outbound::{Outbound, OutboundConfig};
use crate::ingest::tls::{Identity, Roots, TlsOptions};
use crate::ingest::{Credentials, Inbound, LinkState, Secret, upward_filters};
use crate::instrument::{Condition, Health, Metrics, Part};
use crate::journal::cursor::CursorError;
use crate::journal::{JournalConfig, JournalReader};
use crate::network::{self, NetworkLoadError};
use crate::past::Past;
use crate::planning::Planner;
use crate::ports::{Bus, Clock};
use crate::readings::{FeedParts, Readings, StopFeed};
use crate::recover::{RecoverError, journal_disk, recover_from};
use crate::routes::replanner::Replanner;
use crate::runtime::{Parts, Plane, PlaneError, RuntimeConfig};
use crate::webhooks::{WEBHOOKS_FOLDER, WebhookOpenError, WebhookRunner, Webhooks};
use crate::what_if::shelf::WHAT_IF_FOLDER;
use crate::what_if::{Runner, Settings, Sources, WhatIf};
use arc_swap::ArcSwap;
use firmware_schemas::quantity::Timestamp;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tracing::info;
use twin::network::Network;

/// How long the parts may take to stop.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A value of the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkLoadError),
    /// The data folder.
    #[error("data folder {}: {source}", folder.display())]
    Recover {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: RecoverError,
    },
    /// The embedded broker.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The link to an external broker.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A file with a secret.
    #[error("cannot read {}: {source}", path.display())]
    Secret {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// How far a database has read cannot be known.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// What is kept of what-if experiments.
    #[error("what-if results in {}: {source}", folder.display())]
    WhatIf {
        /// Where.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What is kept of webhooks.
    #[error("webhooks in {}: {source}", folder.display())]
    Webhooks {
        /// Where.
        folder: PathBuf,
        /// Why.
        source: WebhookOpenError,
    },
    /// The HTTP port.
    #[error("cannot listen for HTTP on {address}: {source}")]
    Http {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The plane.
    #[error(transparent)]
    Plane(#[from] PlaneError),
}

enum Mqtt {
    Embedded(Arc<Broker>),
    External(Link, Arc<Outbound>),
}

/// A running gateway.
pub struct Server {
    plane: Plane,
    experiments: Runner,
    planning: crate::planning::Runner,
    replanning: crate::routes::replanner::Runner,
    requests: mpsc::Sender<Asked>,
    webhooks: WebhookRunner,
    stop_feed: Option<StopFeed>,
    mqtt: Mqtt,
    http: JoinHandle<()>,
    stop_http: watch::Sender<bool>,
    http_address: SocketAddr,
    mqtt_address: Option<SocketAddr>,
    health: Arc<Health>,
    published: Arc<ArcSwap<Published>>,
}

impl Server {
    /// Recovers the state, loads the network that the configuration names, and listens on the machine's
    /// clock.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let network = load_network(config)?;
        Self::start_with(config, network.as_ref(), |_newest| Arc::new(crate::clock::SystemClock)).await
    }

    /// The same with this network; `clock` makes the clock once the newest time in the recovered state is
    /// known.
    pub async fn start_with(
        config: &Config,
        network: Option<&Network>,
        clock: impl FnOnce(Option<Timestamp>) -> Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let tenant = config.tenant()?;
        // Ports first: a second gateway or a taken port is found before anything is touched.
        let address = config.http.listen;
        let listener = TcpListener::bind(address).await.map_err(|source| StartError::Http { address, source })?;
        let http_address = listener.local_addr().map_err(|source| StartError::Http { address, source })?;
        let journal_config = JournalConfig {
            segment_bytes_max: config.journal.segment_bytes_max,
            free_bytes_min: config.journal.free_bytes_min,
            salt: salt(),
            ..JournalConfig::default()
        };
        let published = Arc::new(ArcSwap::from_pointee(Published::default()));
        let in_folder = |source| StartError::Recover { folder: config.data_folder.clone(), source };
        let disk = journal_disk(&config.data_folder).map_err(in_folder)?;
        let readings = Readings::open(config, &disk, &published)?;
        let store = readings.store.clone();
        let recovered = recover_from(disk.clone(), store.as_ref(), journal_config, &crate::clock::SystemClock)
            .map_err(in_folder)?;
        let clock = clock(crate::recover::newest_time(&recovered.twin));
        let definitions = match network {
            Some(network) => recovered.twin.define(network, clock.now()),
            None => Vec::new(),
        };
        let (inbound_sender, inbound) = mpsc::channel::<Inbound>(config.mqtt.queue_max);
        let (requests, asked) = mpsc::channel(config.http.requests_max);
        let (health, metrics) = (Arc::new(Health::new(clock.clone())), Arc::new(Metrics::new()));
        let delta_seq = recovered.twin.revision;
        published.store(Arc::new(Published { twin: recovered.twin.clone(), delta_seq }));
        let hub = Arc::new(Hub::new(config.http.stream_changes_max, delta_seq));
        let (mqtt, bus, mqtt_address) = start_mqtt(config, inbound_sender, clock.clone(), &health, &metrics)?;
        let sources = Sources {
            published: published.clone(),
            journal: recovered.journal.reader(),
            snapshots: disk.clone(),
            network: network.cloned().map(Arc::new),
            clock: clock.clone(),
        };
        let shelf = Folder::open(config.data_folder.join(WHAT_IF_FOLDER)).map_err(|why| in_folder(why.into()))?;
        let kept = |source| StartError::WhatIf { folder: config.data_folder.join(WHAT_IF_FOLDER), source };
        let what_if = WhatIf::open(Settings::from(&config.what_if), sources, Arc::new(shelf)).map_err(kept)?;
        let webhooks = open_webhooks(config, recovered.journal.reader(), published.clone())?;
        let limits = Limits { cors_origins: config.http.cors_origins.clone(), ..Limits::default() };
        let planner = Planner::new((&config.planning).into(), published.clone(), clock.clone(), requests.clone());
        let replanner = Replanner::new(
            (&config.routes).into(),
            published.clone(),
            clock.clone(),
            requests.clone(),
            what_if.clone(),
        );
        let asking = requests.clone();
        let past = Past::new(disk.clone(), recovered.journal.reader(), tenant.clone(), config.past.at_once);
        let app = App {
            tenant: tenant.clone(),
            published: published.clone(),
            clock: clock.clone(),
            requests,
            hub: hub.clone(),
            store: store.clone(),
            journal: recovered.journal.reader(),
            health: health.clone(),
            metrics: metrics.clone(),
            reads: App::reads(&limits),
            what_if: what_if.clone(),
            planner: planner.clone(),
            webhooks: webhooks.clone(),
            followers: App::followers(&limits),
            past: Arc::new(past),
            limits: limits.clone(),
        };
        let streams = hub.clone();
        let feed_parts = FeedParts {
            journal: recovered.journal.reader(),
            disk,
            published: published.clone(),
            requests: app.requests.clone(),
            health: health.clone(),
            tenant: tenant.clone(),
        };
        let control = ControlConfig {
            tenant,
            observe: config.observe_rules(),
            alerts: config.alert_rules(),
            mappings: Arc::new(config.mappings()?),
        };
        let parts = Parts {
            control,
            twin: recovered.twin,
            journal: recovered.journal,
            snapshots: recovered.disk,
            snapshot_seq: recovered.snapshot_seq,
            store,
            clock,
            inbound,
            requests: asked,
            bus,
            published: published.clone(),
            hub,
            health: health.clone(),
            metrics,
            network: definitions,
        };
        let plane = Plane::start(parts, runtime_config(config))?;
        let experiments = what_if.start().map_err(StartError::Thread)?;
        let planning = planner.start().map_err(StartError::Thread)?;
        let replanning = replanner.start().map_err(StartError::Thread)?;
        let webhooks = webhooks.start().map_err(StartError::Thread)?;
        let stop_feed = readings.start_feed(feed_parts)?;
        let (stop_http, stopped) = watch::channel(false);
        let http = tokio::spawn(crate::http::serve(listener, crate::http::router(app), streams, limits, async move {
            let mut stopped = stopped;
            // An error means that the server is gone, which is a reason to stop as well.
            drop(stopped.wait_for(|stop| *stop).await);
        }));
        info!(%http_address, ?mqtt_address, "ready");
        Ok(Self {
            plane,
            experiments,
            planning,
            replanning,
            requests: asking,
            webhooks,
            stop_feed,
            mqtt,
            http,
            stop_http,
            http_address,
            mqtt_address,
            health,
            published,
        })
    }

    /// Where HTTP listens.
    pub fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// Where the embedded broker listens; `None` with an external one.
    pub fn mqtt_address(&self) -> Option<SocketAddr> {
        self.mqtt_address
    }

    /// How it is.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// The durable twin as it is now.
    pub fn published(&self) -> Arc<Published> {
        self.published.load_full()
    }

    /// Asks the plane, and waits for what follows to be durable; `None` when it has stopped.
    pub async fn ask(&self, request: Request) -> Option<Result<Reply, RequestError>> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Asked { request, reply }).await.ok()?;
        answer.await.ok()
    }

    /// Resolves when the plane has stopped by itself.
    pub fn ended(&self) -> watch::Receiver<bool> {
        self.plane.ended()
    }

    /// Stops in order: no new messages, what was taken is made durable and acknowledged, the twin is saved,
    /// HTTP ends.
    pub async fn stop(self) -> Result<(), PlaneError> {
        let Self { plane, experiments, planning, replanning, webhooks, stop_feed, mqtt, http, stop_http, .. } = self;
        // The plane first: what it took is made durable, and its acknowledgements wait at the broker's door.
        let result = tokio::task::spawn_blocking(move || {
            let result = plane.stop();
            experiments.stop();
            planning.stop();
            replanning.stop();
            webhooks.stop();
            // Then its readings, as far as they are taken within a moment.
            if let Some(stop) = stop_feed {
                stop();
            }
            result
        })
        .await;
        match mqtt {
            Mqtt::Embedded(broker) => {
                // The plane, which held the other handle, has ended.
                if let Some(broker) = Arc::into_inner(broker) {
                    broker.stop(STOP_GRACE).await;
                }
            }
            Mqtt::External(link, outbound) => {
                link.stop().await;
                if let Some(outbound) = Arc::into_inner(outbound) {
                    outbound.stop().await;
                }
            }
        }
        stop_http.send_replace(true);
        // Streams never end by themselves.
        if tokio::time::timeout(Duration::from_secs(1), http).await.is_err() {
            info!("streams were still open and are cut");
        }
        result.unwrap_or(Err(PlaneError::Ended("core")))
    }
}

/// The folder holds secrets, so nobody else may read it.
fn open_webhooks(
    config: &Config,
    journal: JournalReader,
    published: Arc<ArcSwap<Published>>,
) -> Result<Arc<Webhooks>, StartError> {
    use std::os::unix::fs::PermissionsExt;
    let folder = config.data_folder.join(WEBHOOKS_FOLDER);
    let disk = Folder::open(&folder)
        .map_err(|source| StartError::Recover { folder: config.data_folder.clone(), source: source.into() })?;
    let wrong = |source| StartError::Webhooks { folder: folder.clone(), source };
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).map_err(|why| wrong(why.into()))?;
    Webhooks::open((&config.webhooks).into(), journal, published, Arc::new(disk)).map_err(wrong)
}

fn runtime_config(config: &Config) -> RuntimeConfig {
    RuntimeConfig {
        batch_wait: Duration::from_millis(config.journal.batch_wait_millis),
        batch_facts_max: config.journal.batch_facts_max,
        batch_bytes_max: config.journal.batch_bytes_max,
        keep_bytes: config.journal.keep_bytes,
        snapshot_facts: config.journal.snapshot_facts,
        milestones: config.milestones(),
        seal_after: Duration::from_secs(config.store.seal_secs),
        retention: config.retention(),
    }
}

fn load_network(config: &Config) -> Result<Option<Network>, StartError> {
    if config.network_folder.as_os_str().is_empty() {
        return Ok(None);
    }
    let network = network::load(&config.network_folder)?;
    if network.head().tenant.as_str() != config.tenant {
        let why = format!("{:?} is not the tenant {:?} of the network", config.tenant, network.head().tenant.as_str());
        return Err(ConfigError::Value { key: "tenant", why }.into());
    }
    Ok(Some(network))
}

type StartedMqtt = (Mqtt, Arc<dyn Bus>, Option<SocketAddr>);

fn start_mqtt(
    config: &Config,
    inbound: mpsc::Sender<Inbound>,
    clock: Arc<dyn Clock>,
    health: &Arc<Health>,
    metrics: &Arc<Metrics>,
) -> Result<StartedMqtt, StartError> {
    match config.mqtt.broker {
        BrokerKind::Embedded => {
            let broker = Arc::new(Broker::start(broker_config(config)?, inbound)?);
            let address = broker.addresses().first().copied();
            let listening: Vec<_> = broker.addresses().iter().map(ToString::to_string).collect();
            health.ready(Part::Broker, format!("embedded, listening on {}", listening.join(", ")));
            metrics.link(true);
            Ok((Mqtt::Embedded(broker.clone()), broker, address))
        }
        BrokerKind::External => {
            let external = &config.mqtt.external;
            let broker = broker_address(config)?;
            let group = (!external.shared_group.is_empty()).then_some(external.shared_group.as_str());
            let mut filters = upward_filters(&config.tenant()?, group);
            filters.extend(config.mappings()?.subscriptions(group));
            let link_config = LinkConfig {
                in_flight_max: external.in_flight_max,
                ..LinkConfig::new(broker.clone(), external.client_id.clone(), filters)
            };
            let link = Link::start(link_config, inbound, clock.clone())?;
            tokio::spawn(follow(link.state(), health.clone(), metrics.clone()));
            let sender = OutboundConfig::new(broker, format!("{}-out", external.client_id));
            let outbound = Arc::new(Outbound::start(sender, clock)?);
            Ok((Mqtt::External(link, outbound.clone()), outbound, None))
        }
    }
}

/// Says in `/readyz` and metrics how the link stands, until it is closed.
async fn follow(mut state: watch::Receiver<LinkState>, health: Arc<Health>, metrics: Arc<Metrics>) {
    const MEND: &str = "start the broker, check mqtt.external.*, and see portolan doctor";
    loop {
        let now = state.borrow_and_update().clone();
        metrics.link(matches!(now, LinkState::Connected { .. }));
        let said = now.to_string();
        health.set(
            Part::Broker,
            match now {
                LinkState::Connecting => Condition::Starting(said),
                LinkState::Connected { .. } => Condition::Ready(said),
                LinkState::Lost { .. } | LinkState::Refused { .. } | LinkState::Closed => {
                    Condition::Failing { reason: said, mend: MEND.into() }
                }
            },
        );
        if state.changed().await.is_err() {
            return;
        }
    }
}

pub(crate) fn some_path(path: &Path) -> Option<PathBuf> {
    (!path.as_os_str().is_empty()).then(|| path.to_path_buf())
}

fn broker_config(config: &Config) -> Result<BrokerConfig, StartError> {
    let embedded = &config.mqtt.embedded;
    let tls = embedded.listen_tls.iter().map(|address| TlsListen {
        address: *address,
        certificate: embedded.certificate_file.clone(),
        key: embedded.key_file.clone(),
        device_roots: some_path(&embedded.device_roots_file),
    });
    let mut users = Vec::new();
    if let Some(path) = some_path(&embedded.users_file) {
        let text = read_secret(&path)?;
        for (line, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let Some((user, password)) = text.split_once(':') else {
                let why = format!("{}: line {} is not user:password", path.display(), line + 1);
                return Err(ConfigError::Value { key: "mqtt.embedded.users_file", why }.into());
            };
            users.push(Credentials { user: user.to_owned(), password: Secret::new(password) });
        }
    }
    let mappings = Arc::new(config.mappings()?);
    Ok(BrokerConfig { listen_tls: tls.collect(), users, mappings, ..BrokerConfig::new(embedded.listen.clone()) })
}

/// Where the external broker is and how to be let in.
pub fn broker_address(config: &Config) -> Result<BrokerAddress, StartError> {
    let external = &config.mqtt.external;
    let tls = external.tls.then(|| TlsOptions {
        roots: some_path(&external.roots_file).map_or(Roots::System, Roots::File),
        identity: some_path(&external.certificate_file)
            .map(|certificate| Identity { certificate, key: external.key_file.clone() }),
    });
    let credentials = if external.user.is_empty() {
        None
    } else {
        let password = read_secret(&external.password_file)?;
        Some(Credentials {
            user: external.user.clone(),
            password: Secret::new(password.trim_end_matches(['\r', '\n'])),
        })
    };
    Ok(BrokerAddress { host: external.host.clone(), port: external.port, tls, credentials })
}

pub(crate) fn read_secret(path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(|source| StartError::Secret { path: path.to_path_buf(), source })
}

/// A number that strangers cannot guess, from the standard library's randomly keyed hasher.
fn salt() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}
