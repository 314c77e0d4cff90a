//! The demo: its network, and the driver that joins a simulated world to the broker by MQTT only.

use crate::clock::SystemClock;
use crate::network::NetworkLoadError;
use crate::ports::Clock;
use firmware_schemas::quantity::Timestamp;
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
