//! What the gateway sends through an external broker: commands and desired states, QoS 1.
//!
//! Its own connection, so that a command never waits behind ingest. The queue is ours and survives
//! reconnections: *delivered* means that the broker's PUBACK was seen, and until then the message is sent
//! again after every connection. The MQTT session is clean, since for a sender it would hold nothing more.

use super::letter::{Letter, enqueue};
use super::mqtt::{LinkError, is_true, seed};
use super::wire::{Backoff, BrokerAddress, Connection, Hello, Incoming, WireError};
use super::{LinkState, PACKET_BYTES_MAX};
use crate::ports::{Bus, BusError, Clock, Ticket, Undelivered};
use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnAck, Packet, PingReq, PubAck, PubAckReason, Publish};
use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::warn;

/// How an [`Outbound`] connects and how much it holds.
#[derive(Clone, Debug)]
pub struct OutboundConfig {
    pub broker: BrokerAddress,
    pub client_id: String,
    pub keep_alive: Duration,
    /// Messages that may wait; one more is refused with [`BusError::Full`].
    pub queue_max: usize,
    /// Messages that may be sent and not yet acknowledged; the broker may ask for fewer.
    pub in_flight_max: u16,
    pub backoff_first: Duration,
    pub backoff_max: Duration,
}

impl OutboundConfig {
    pub fn new(broker: BrokerAddress, client_id: impl Into<String>) -> Self {
        Self {
            broker,
            client_id: client_id.into(),
            keep_alive: Duration::from_secs(30),
            queue_max: 4_096,
            in_flight_max: 256,
            backoff_first: Duration::from_millis(250),
            backoff_max: Duration::from_secs(30),
        }
    }
}

/// A running sender. Dropping it ends it, and every open [`Ticket`] resolves to [`Undelivered`].
#[derive(Debug)]
pub struct Outbound {
    queue: mpsc::Sender<Letter>,
    state: watch::Receiver<LinkState>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Outbound {
    /// Starts connecting, and keeps at it until stopped. Call it within a tokio runtime.
    pub fn start(config: OutboundConfig, clock: Arc<dyn Clock>) -> Result<Self, LinkError> {
        if config.client_id.is_empty() {
            return Err(LinkError::NoClientId);
        }
        if let Some(tls) = &config.broker.tls {
            tls.client_config()?;
        }
        let (queue, letters) = mpsc::channel(config.queue_max.max(1));
        let (state_sender, state) = watch::channel(LinkState::Connecting);
        let (stop, stopped) = watch::channel(false);
        let seed = seed(&config.client_id, clock.as_ref());
        let worker = Worker {
            backoff: Backoff::new(config.backoff_first, config.backoff_max, seed),
            config,
            clock,
            letters,
            state: state_sender,
            stopped,
            open: BTreeMap::new(),
            next_order: 0,
        };
        let task = tokio::spawn(worker.run());
        Ok(Self { queue, state, stop, task })
    }

    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// Stops at once; what is not acknowledged by now resolves to [`Undelivered`].
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            warn!(%error, "the task of the outbound link ended badly");
        }
    }
}

impl Bus for Outbound {
    fn publish(&self, topic: &str, payload: Bytes, retain: bool) -> Result<Ticket, BusError> {
        enqueue(&self.queue, topic, payload, retain)
    }
}

/// A letter that was sent in this connection, or waits to be.
struct Open {
    letter: Letter,
    packet_id: Option<u16>,
}

struct Worker {
    config: OutboundConfig,
    clock: Arc<dyn Clock>,
    letters: mpsc::Receiver<Letter>,
    state: watch::Sender<LinkState>,
    stopped: watch::Receiver<bool>,
    backoff: Backoff,
    /// Taken from the queue and not acknowledged, in the order in which they were given to us.
    open: BTreeMap<u64, Open>,
    next_order: u64,
}

/// Which letter each packet identifier of a connection stands for.
struct InFlight {
    orders: Vec<Option<u64>>,
    free: Vec<u16>,
}

impl InFlight {
    fn new(window: u16) -> Self {
        Self { orders: vec![None; usize::from(window) + 1], free: (1..=window).rev().collect() }
    }

    fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    fn put(&mut self, order: u64) -> Option<u16> {
        let packet_id = self.free.pop()?;
        self.orders[usize::from(packet_id)] = Some(order);
        Some(packet_id)
    }

    fn take(&mut self, packet_id: u16) -> Option<u64> {
        let order = self.orders.get_mut(usize::from(packet_id)).and_then(Option::take)?;
        self.free.push(packet_id);
        Some(order)
    }
}

impl Worker {
    async fn run(mut self) {
        loop {
            let Err(error) = self.connect_and_serve().await else { break };
            self.failed(&error);
            let wait = self.backoff.next_wait();
            tokio::select! {
                () = is_true(&mut self.stopped) => break,
                () = sleep(wait) => {}
            }
        }
        self.state.send_replace(LinkState::Closed);
    }

    fn failed(&self, error: &WireError) {
        let reason = error.to_string();
        let was = self.state.borrow().clone();
        let next = match (&was, error.is_refusal()) {
            (_, true) => LinkState::Refused { reason },
            (LinkState::Lost { since, .. }, false) => LinkState::Lost { since: *since, reason },
            (_, false) => LinkState::Lost { since: self.clock.now(), reason },
        };
        if mem::discriminant(&was) != mem::discriminant(&next) {
            warn!(broker = %self.config.broker.host, port = self.config.broker.port, state = %next, "cannot send to the broker, will retry");
        }
        self.state.send_replace(next);
    }

    /// `Ok` when stopped.
    async fn connect_and_serve(&mut self) -> Result<(), WireError> {
        let hello = Hello {
            client_id: &self.config.client_id,
            clean_start: true,
            session_expiry_secs: 0,
            keep_alive: self.config.keep_alive,
            receive_max: 16,
        };
        let (mut connection, answer) = tokio::select! {
            () = is_true(&mut self.stopped) => return Ok(()),
            opened = Connection::open(&self.config.broker, hello) => opened?,
        };
        let opened_at = Instant::now();
        let result = self.serve(&mut connection, &answer).await;
        match &result {
            Ok(()) => connection.close().await,
            Err(_) if opened_at.elapsed() > self.config.backoff_max => self.backoff.reset(),
            Err(_) => {}
        }
        result
    }

    async fn serve(&mut self, connection: &mut Connection, answer: &ConnAck) -> Result<(), WireError> {
        self.backoff.reset();
        self.state
            .send_replace(LinkState::Connected { since: self.clock.now(), session_present: answer.session_present });
        let properties = answer.properties.as_ref();
        let window =
            properties.and_then(|given| given.receive_max).unwrap_or(u16::MAX).min(self.config.in_flight_max).max(1);
        let packet_bytes_max = properties.and_then(|given| given.max_packet_size).unwrap_or(PACKET_BYTES_MAX);
        let keep_alive = properties
            .and_then(|given| given.server_keep_alive)
            .map_or(self.config.keep_alive, |secs| Duration::from_secs(secs.into()));
        let mut tick = interval(keep_alive.max(Duration::from_secs(1)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.reset();
        let mut heard = true;
        let mut in_flight = InFlight::new(window);
        for open in self.open.values_mut() {
            open.packet_id = None;
        }
        // What an earlier connection left, in order, and first.
        let mut again: Vec<u64> = self.open.keys().rev().copied().collect();
        loop {
            while let Some(packet) = connection.next_packet()? {
                if let Incoming::Other(packet) = packet
                    && let Packet::PubAck(ack) = *packet
                {
                    self.acknowledged(&mut in_flight, &ack);
                }
            }
            while in_flight.has_room() {
                let Some(order) = again.pop() else { break };
                self.send(connection, &mut in_flight, order, packet_bytes_max)?;
            }
            connection.flush().await?;
            let may_take = again.is_empty() && in_flight.has_room();
            tokio::select! {
                biased;
                () = is_true(&mut self.stopped) => return Ok(()),
                read = connection.fill() => {
                    read?;
                    heard = true;
                }
                letter = self.letters.recv(), if may_take => {
                    let Some(letter) = letter else { return Ok(()) };
                    let order = self.next_order;
                    self.next_order += 1;
                    self.open.insert(order, Open { letter, packet_id: None });
                    self.send(connection, &mut in_flight, order, packet_bytes_max)?;
                }
                _ = tick.tick() => {
                    if !mem::take(&mut heard) {
                        return Err(WireError::TimedOut(keep_alive));
                    }
                    connection.queue(&Packet::PingReq(PingReq))?;
                }
            }
        }
    }

    /// Queues one letter on the connection. One that this broker does not take for its size is given back.
    fn send(
        &mut self,
        connection: &mut Connection,
        in_flight: &mut InFlight,
        order: u64,
        packet_bytes_max: u32,
    ) -> Result<(), WireError> {
        let Some(open) = self.open.get_mut(&order) else { return Ok(()) };
        let mut publish = Publish::new(open.letter.topic.clone(), QoS::AtLeastOnce, open.letter.payload.clone(), None);
        publish.retain = open.letter.retain;
        publish.pkid = 1;
        if publish.size() > packet_bytes_max as usize {
            if let Some(open) = self.open.remove(&order) {
                let reason = format!("the broker takes packets of at most {packet_bytes_max} bytes");
                open.letter.ticket.resolve(Err(Undelivered::Refused { reason }));
            }
            return Ok(());
        }
        let Some(packet_id) = in_flight.put(order) else { return Ok(()) };
        open.packet_id = Some(packet_id);
        publish.pkid = packet_id;
        connection.queue(&Packet::Publish(publish))
    }

    fn acknowledged(&mut self, in_flight: &mut InFlight, ack: &PubAck) {
        let Some(open) = in_flight.take(ack.pkid).and_then(|order| self.open.remove(&order)) else {
            warn!(packet_id = ack.pkid, "PUBACK for nothing that we sent");
            return;
        };
        let result = match ack.reason {
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Ok(()),
            refusal => Err(Undelivered::Refused { reason: format!("{refusal:?}") }),
        };
        open.letter.ticket.resolve(result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_identifiers_are_never_used_twice_at_once() {
        let mut in_flight = InFlight::new(3);
        let first: Vec<u16> = (0..3).filter_map(|order| in_flight.put(order)).collect();
        assert_eq!(first, [1, 2, 3]);
        assert!(!in_flight.has_room());
        assert_eq!(in_flight.put(3), None);
        assert_eq!(in_flight.take(2), Some(1));
        assert_eq!(in_flight.put(4), Some(2));
        assert_eq!(in_flight.take(9), None);
        assert_eq!(in_flight.take(2), Some(4));
        assert_eq!(in_flight.take(2), None);
    }
}
