//! MQTT messages a second through the whole path, against a subscriber that only counts.

use super::{Figure, Goal, Options, median};
use crate::gateway::{Gateway, GatewayOptions};
use crate::mosquitto::{Mosquitto, MosquittoOptions};
use crate::publisher::Publisher;
use anyhow::{Context, Result};
use gateway::clock::SystemClock;
use gateway::ports::Clock;
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use std::time::{Duration, Instant};

const N_DEVICES: u64 = 1_000;

fn message(number: u64, base_millis: i64) -> (String, Vec<u8>) {
    let (device, seq) = (number % N_DEVICES, number / N_DEVICES);
    let at = base_millis + seq as i64;
    let value = 20 + seq % 7;
    let payload = format!(
        r#"{{"device":"b{device}","boot":1,"seq":{seq},"readings":[{{"metric":"temperature","at":{at},"value":{value}.5}}]}}"#
    );
    (format!("portolan/v1/t/WH/b{device}/telemetry"), payload.into_bytes())
}

/// Both sessions exist; mosquitto queues for both; then each drains its queue alone.
pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let n = options.n;
    let n_messages = n.unwrap_or(200_000);
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let mut options = GatewayOptions::new("ingest");
    let network = options.data.with_extension("network");
    crate::gateway::small_network(&network, "t", &["A".to_owned()])?;
    options.network = Some(network);
    let mosquitto = Mosquitto::start("bench_ingest", &MosquittoOptions::default()).context("mosquitto is missing")?;
    options.broker = Some(mosquitto.port());
    for round in 0..3_i64 {
        Gateway::start(&options).stop();
        count(mosquitto.port(), 0)?;
        let base_millis = SystemClock.now().as_millis() - 3_600_000 + round * 400_000;
        let publisher = Publisher::start("bench", mosquitto.port(), 1_000);
        // Frame numbers go on from round to round, or they would be duplicates.
        let first = round as u64 * n_messages;
        for number in first..first + n_messages {
            let (topic, payload) = message(number, base_millis);
            publisher.send(number, topic, payload);
        }
        anyhow::ensure!(publisher.finish(true).len() as u64 == n_messages, "not all messages were taken by mosquitto");
        bare.push(count(mosquitto.port(), n_messages)?);
        ours.push(drain(&options, n_messages)?);
    }
    let mut figures = vec![Figure {
        figure: "mosquitto → decoded, durable, twin, acknowledged".into(),
        value: median(ours),
        unit: "messages/s",
        against: Some(("a bare rumqttc subscriber that counts".into(), median(bare))),
        goal: Goal::AtLeast(0.8),
    }];
    figures.push(embedded(n_messages / 10, 4)?);
    figures.push(embedded(n_messages / 4, 64)?);
    Ok(figures)
}

/// Drains `n` messages with a subscriber that only counts; messages a second from the first to the last.
fn count(port: u16, n: u64) -> Result<f64> {
    let mut options = MqttOptions::new("bench-count", "127.0.0.1", port);
    options.set_clean_session(false).set_max_packet_size(2 << 20, 2 << 20);
    let (client, mut connection) = Client::new(options, 100);
    client.subscribe("portolan/v1/t/+/+/telemetry", QoS::AtLeastOnce)?;
    let (mut counted, mut began) = (0_u64, None);
    for event in connection.iter() {
        match event? {
            Event::Incoming(Packet::Publish(_)) => {
                began.get_or_insert_with(Instant::now);
                counted += 1;
                if counted == n {
                    break;
                }
            }
            Event::Incoming(Packet::SubAck(_)) if n == 0 => return Ok(0.0),
            _ => {}
        }
    }
    let secs = began.context("no message came")?.elapsed().as_secs_f64();
    // Let the last acknowledgements go out.
    client.disconnect()?;
    connection.iter().take_while(Result::is_ok).for_each(drop);
    Ok(n as f64 / secs)
}

/// Drains `n` messages with the gateway; messages a second between two looks at its counter.
fn drain(options: &GatewayOptions, n: u64) -> Result<f64> {
    let gateway = Gateway::start(options);
    let stored = || gateway.metric("portolan_readings_stored_total") as u64;
    let (mut first, began) = (0, Instant::now());
    let mut started = None;
    loop {
        let now = stored();
        if now > 0 && started.is_none() {
            (first, started) = (now, Some(Instant::now()));
        }
        if now >= n {
            break;
        }
        anyhow::ensure!(began.elapsed() < Duration::from_secs(300), "only {now} of {n} came");
        std::thread::sleep(Duration::from_millis(5));
    }
    let started = started.context("nothing came")?;
    let rate = if first >= n / 2 {
        n as f64 / began.elapsed().as_secs_f64()
    } else {
        (n - first) as f64 / started.elapsed().as_secs_f64()
    };
    gateway.stop();
    Ok(rate)
}

/// The embedded broker. It asks for each connection's messages one after the other, so a connection has one
/// message in each group commit, whatever it has in flight: many devices scale, one does not.
fn embedded(n: u64, n_connections: u64) -> Result<Figure> {
    let mut options = GatewayOptions::new("ingest-embedded");
    let network = options.data.with_extension("network");
    crate::gateway::small_network(&network, "t", &["A".to_owned()])?;
    options.network = Some(network);
    let gateway = Gateway::start(&options);
    let base_millis = SystemClock.now().as_millis() - 3_600_000;
    let publishers: Vec<_> =
        (0..n_connections).map(|i| Publisher::start(&format!("bench{i}"), gateway.mqtt_port(), 100)).collect();
    let began = Instant::now();
    for number in 0..n {
        let (topic, payload) = message(number, base_millis);
        publishers[(number % n_connections) as usize].send(number, topic, payload);
    }
    let acknowledged: usize = publishers.into_iter().map(|publisher| publisher.finish(true).len()).sum();
    anyhow::ensure!(acknowledged as u64 == n, "{acknowledged} of {n} were acknowledged");
    let rate = n as f64 / began.elapsed().as_secs_f64();
    Ok(Figure::alone(
        format!("embedded broker, {n_connections} connections, durable, acknowledged"),
        rate,
        "messages/s",
        Goal::None,
    ))
}
