//! Messages per second through the links, against a bare rumqttc subscriber that only counts.
//!
//! ```text
//! cargo run --release -p tests --example mqtt_rate -- PORT [MESSAGES] [PUBLISHERS] [ROUNDS]
//! ```
//!
//! PORT is a broker on this machine with `deploy/mosquitto.conf`; 0 leaves the external part out. Every
//! figure is taken with the same publishers, QoS 1, 200-byte payloads, acknowledged at once and with a
//! commit of 5 ms. Subscribers are measured in turn, round by round, so that a busy machine hits all alike.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a measuring program prints and reads a clock")]

use firmware_schemas::id::TenantId;
use firmware_schemas::quantity::Timestamp;
use gateway::ingest::broker::{Broker, BrokerConfig};
use gateway::ingest::mqtt::{BrokerAddress, Link, LinkConfig};
use gateway::ingest::{Inbound, upward_filters};
use gateway::ports::Clock;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::sleep;

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

#[derive(Clone, Copy)]
struct Load {
    messages: usize,
    publishers: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let port = u16::try_from(arguments.next().unwrap_or(Ok(0))?)?;
    let messages = arguments.next().unwrap_or(Ok(200_000))?;
    let publishers = arguments.next().unwrap_or(Ok(4))?.max(1);
    let rounds = arguments.next().unwrap_or(Ok(3))?;
    let load = Load { messages, publishers };
    for round in 1..=rounds {
        if port != 0 {
            let bare = bare(port, load).await?;
            println!("round {round}: bare rumqttc subscriber            {bare:>9.0} messages/s");
            for commit in [Duration::ZERO, Duration::from_millis(5)] {
                let rate = link(port, load, commit).await?;
                println!(
                    "round {round}: link, commit {commit:>4?}                {rate:>9.0} messages/s, ratio {:.2}",
                    rate / bare
                );
            }
        }
        for (connections, commit) in [(4, 0), (64, 0), (64, 5), (256, 5)] {
            let few = Load { messages: if commit == 0 { messages } else { messages / 4 }, publishers: connections };
            let rate = embedded(few, Duration::from_millis(commit)).await?;
            println!(
                "round {round}: embedded broker, {connections:>3} connections, commit {commit} ms {rate:>9.0} messages/s"
            );
        }
    }
    Ok(())
}

/// A subscriber of rumqttc as it comes: it acknowledges by itself and counts.
async fn bare(port: u16, load: Load) -> anyhow::Result<f64> {
    let mut options = MqttOptions::new("bare", "127.0.0.1", port);
    options.set_max_packet_size(2 << 20, 2 << 20);
    let (client, mut events) = AsyncClient::new(options, 10);
    client.subscribe("portolan/v1/acme/+/+/telemetry", QoS::AtLeastOnce).await?;
    while !matches!(events.poll().await?, Event::Incoming(Packet::SubAck(_))) {}
    let publishing = tokio::spawn(publish(port, load));
    let (mut count, mut since) = (0, None);
    while count < load.messages {
        if let Event::Incoming(Packet::Publish(_)) = events.poll().await? {
            since.get_or_insert_with(Instant::now);
            count += 1;
        }
    }
    let rate = rate(load, since);
    publishing.await??;
    client.disconnect().await?;
    while events.poll().await.is_ok() {}
    Ok(rate)
}

async fn link(port: u16, load: Load, commit: Duration) -> anyhow::Result<f64> {
    let broker = BrokerAddress { host: "127.0.0.1".into(), port, tls: None, credentials: None };
    let tenant = TenantId::new("acme")?;
    let (sender, inbound) = mpsc::channel(8_192);
    let mut config = LinkConfig::new(broker, "rate-link", upward_filters(&tenant, None));
    config.session_expiry = Duration::ZERO; // or the broker would queue the next subscriber's messages for it
    let link = Link::start(config, sender, Arc::new(StandingClock))?;
    let mut state = link.state();
    state.wait_for(|state| matches!(state, gateway::ingest::LinkState::Connected { .. })).await?;
    let core = core(inbound, load, commit)?;
    let publishing = tokio::spawn(publish(port, load));
    let since = tokio::task::spawn_blocking(move || core.join()).await?;
    let rate = since.map_err(|_panicked| anyhow::anyhow!("the core panicked"))?;
    publishing.await??;
    link.stop().await;
    Ok(rate)
}

async fn embedded(load: Load, commit: Duration) -> anyhow::Result<f64> {
    let (sender, inbound) = mpsc::channel(8_192);
    let broker = Broker::start(BrokerConfig::new(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]), sender)?;
    let port = broker.addresses().first().map_or(0, SocketAddr::port);
    let core = core(inbound, load, commit)?;
    let publishing = tokio::spawn(publish(port, load));
    let since = tokio::task::spawn_blocking(move || core.join()).await?;
    let rate = since.map_err(|_panicked| anyhow::anyhow!("the core panicked"))?;
    publishing.await??;
    broker.stop(Duration::from_secs(1)).await;
    Ok(rate)
}

/// A thread that takes batches as the core does, waits for its "commit" and acknowledges.
fn core(
    mut inbound: mpsc::Receiver<Inbound>,
    load: Load,
    commit: Duration,
) -> std::io::Result<std::thread::JoinHandle<f64>> {
    std::thread::Builder::new().name("core".into()).spawn(move || {
        let (mut batch, mut taken, mut since) = (Vec::new(), 0, None);
        while taken < load.messages / load.publishers * load.publishers {
            taken += inbound.blocking_recv_many(&mut batch, 4_096);
            since.get_or_insert_with(Instant::now);
            if !commit.is_zero() {
                std::thread::sleep(commit);
            }
            batch.drain(..).for_each(|message| message.ack.done());
        }
        rate(load, since)
    })
}

fn rate(load: Load, since: Option<Instant>) -> f64 {
    load.messages as f64 / since.map_or(f64::INFINITY, |since| since.elapsed().as_secs_f64())
}

async fn publish(port: u16, load: Load) -> anyhow::Result<()> {
    let mut tasks = Vec::new();
    for index in 0..load.publishers {
        tasks.push(tokio::spawn(publish_one(port, index, load.messages / load.publishers)));
    }
    for task in tasks {
        task.await??;
    }
    Ok(())
}

async fn publish_one(port: u16, index: usize, messages: usize) -> anyhow::Result<()> {
    let mut options = MqttOptions::new(format!("device-{index}"), "127.0.0.1", port);
    options.set_inflight(500);
    let (client, mut events) = AsyncClient::new(options, 1_000);
    let sending = tokio::spawn(async move {
        let topic = format!("portolan/v1/acme/depot-1/device-{index}/telemetry");
        for _ in 0..messages {
            client.publish(&topic, QoS::AtLeastOnce, false, vec![b'x'; 200]).await?;
        }
        anyhow::Ok(client)
    });
    let mut acknowledged = 0;
    while acknowledged < messages {
        if let Event::Incoming(Packet::PubAck(_)) = events.poll().await? {
            acknowledged += 1;
        }
    }
    let client = sending.await??;
    client.disconnect().await?;
    sleep(Duration::from_millis(1)).await;
    events.poll().await.ok();
    Ok(())
}
