//! The demo: its network, and the driver that joins a simulated world to the broker by MQTT only.

use crate::clock::SystemClock;
use crate::control::{GivenDemand, Request, RequestError};
use crate::network::NetworkLoadError;
use crate::ports::Clock;
use crate::server::Server;
use firmware_schemas::network::SiteKind;
use firmware_schemas::quantity::{MinorUnits, Timestamp};
use firmware_schemas::supply::{PlanningMode, PolicyRule, ReplenishmentParameters, ReplenishmentPolicy};
use firmware_schemas::topic::PREFIX;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use sim::world::{Message, Pace, World, WorldConfig, WorldError, WorldInput, paced_target};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tracing::warn;
use twin::network::{Network, parse};

macro_rules! demo_files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../networks/demo/", $name)))),+]
    };
}

/// The checked-in network, in the binary, so that the demo needs no files.
const FILES: &[(&str, &str)] = demo_files!(
    "network.toml",
    "sites.csv",
    "lanes.csv",
    "skus.csv",
    "stock.csv",
    "vehicles.csv",
    "devices.csv",
    "demand.csv",
    "shipments.csv",
    "gtins.csv",
    "glns.csv",
    "site_plans.csv",
);

/// The demo's network.
pub fn network() -> Result<Network, NetworkLoadError> {
    let find = |name: &str| FILES.iter().find(|(known, _)| *known == name).map(|(_, text)| Cow::Borrowed(*text));
    parse(&find).map_err(|errors| NetworkLoadError::Wrong { folder: PathBuf::from("networks/demo"), errors })
}

/// Why there is no world.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// The network does not make one.
    #[error(transparent)]
    World(#[from] WorldError),
    /// No thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Why the past of a world was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PastError {
    /// The network does not make a world.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The policy cannot be written.
    #[error(transparent)]
    Policy(#[from] serde_json::Error),
    /// The gateway does not take it.
    #[error(transparent)]
    Refused(#[from] RequestError),
    /// The gateway has stopped.
    #[error("the gateway has stopped")]
    Stopped,
}

/// Tells a gateway what was asked for in the two years before its world began, and, where it is to order without
/// asking, that it may.
pub async fn give_past(
    server: &Server,
    input: &WorldInput,
    config: WorldConfig,
    automatic: bool,
) -> Result<(), PastError> {
    const WEEKS: u32 = 104;
    /// Positions that the plane takes at once.
    const AT_ONCE: usize = 500;
    let (from, asked) = World::new(input, config)?.asked_before(WEEKS);
    let given = asked.into_iter().map(|it| GivenDemand {
        site: it.site,
        sku: it.sku,
        from,
        weeks: it.pieces.into_iter().map(|pieces| (pieces, 0)).collect(),
    });
    let given: Vec<GivenDemand> = given.collect();
    for some in given.chunks(AT_ONCE) {
        server.ask(Request::GiveDemand(some.to_vec())).await.ok_or(PastError::Stopped)??;
    }
    if automatic {
        let document = Some(serde_json::to_string(&policy())?);
        let by = Some("portolan demo --automatic".to_owned());
        let decide = Request::DecideReplenishment { position: None, version: 0, by, document };
        server.ask(decide).await.ok_or(PastError::Stopped)??;
    }
    Ok(())
}

/// Everything is ordered without asking; warehouses look at their stock on Mondays and Thursdays, and order by the
/// dozen, a purchase costing 25.00.
pub fn policy() -> ReplenishmentPolicy {
    let default = ReplenishmentParameters { mode: Some(PlanningMode::Automatic), ..Default::default() };
    let warehouses = PolicyRule {
        kinds: vec![SiteKind::CentralWarehouse, SiteKind::RegionalWarehouse],
        set: ReplenishmentParameters {
            review_weekdays: Some(vec![1, 4]),
            multiple: Some(12),
            order_cost_minor: Some(MinorUnits(2_500)),
            ..Default::default()
        },
        ..PolicyRule::default()
    };
    ReplenishmentPolicy { default, rules: vec![warehouses], ..ReplenishmentPolicy::default() }
}

/// A world that runs on a thread of its own and publishes to a broker.
pub struct Driver {
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Driver {
    /// Starts a world that passes `pace` seconds a second.
    pub fn start(input: &WorldInput, config: WorldConfig, pace: f64, broker: SocketAddr) -> Result<Self, DriverError> {
        let start = config.start;
        let world = World::new(input, config)?;
        let commands = ["command", "desired"].map(|channel| format!("{PREFIX}/{}/+/+/{channel}", input.head.tenant));
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = stopping.clone();
        let thread = std::thread::Builder::new().name("world".into()).spawn(move || {
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(drive(world, start, pace, broker, commands, &stop)),
                Err(why) => warn!(%why, "the world stands still"),
            }
        })?;
        Ok(Self { stopping, thread })
    }

    /// Stops the world.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::Release);
        if self.thread.join().is_err() {
            warn!("the world's thread panicked");
        }
    }
}

async fn drive(
    mut world: World,
    start: Timestamp,
    pace: f64,
    broker: SocketAddr,
    commands: [String; 2],
    stop: &AtomicBool,
) {
    /// The world moves on in steps of this.
    const STEP: Duration = Duration::from_millis(50);
    let mut options = MqttOptions::new("portolan-demo-world", broker.ip().to_string(), broker.port());
    options.set_inflight(1_000).set_max_packet_size(2 << 20, 2 << 20).set_keep_alive(Duration::from_secs(30));
    let (client, mut connection) = AsyncClient::new(options, 1_000);
    let (heard, mut told) = tokio::sync::mpsc::channel(1_000);
    let subscriber = client.clone();
    let polling = tokio::spawn(async move {
        loop {
            match connection.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    for filter in &commands {
                        if let Err(why) = subscriber.try_subscribe(filter, QoS::AtLeastOnce) {
                            warn!(%why, "the world's devices do not hear commands");
                        }
                    }
                }
                // A full channel drops a command: the world is behind by a thousand of them.
                Ok(Event::Incoming(Packet::Publish(command))) => drop(heard.try_send(command)),
                Ok(_) => {}
                Err(why) => {
                    warn!(%why, "the world lost its broker, and tries again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    });
    let began = SystemClock.monotonic();
    let mut messages = Vec::new();
    while !stop.load(Ordering::Acquire) {
        while let Ok(command) = told.try_recv() {
            world.command(&command.topic, &command.payload);
        }
        let target = paced_target(began, SystemClock.monotonic(), start, Pace::Times(pace));
        world.advance_to(target, &mut messages);
        for Message { topic, payload, retain, qos1 } in messages.drain(..) {
            let qos = if qos1 { QoS::AtLeastOnce } else { QoS::AtMostOnce };
            // Waits while a thousand are under way, so a slow gateway slows the world, and nothing is lost.
            if let Err(why) = client.publish(topic, qos, retain, payload).await {
                warn!(%why, "a message of the world was not sent");
            }
        }
        tokio::time::sleep(STEP).await;
    }
    polling.abort();
}
