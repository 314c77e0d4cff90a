//! A bus at QoS 1 that drops, duplicates, delays and reorders, and senders that send again until they hear
//! an acknowledgement.
//!
//! ```text
//! Sender ─ publish ─▶ packets under way ─ deliver ─▶ plane
//!    ▲                                                │ acknowledge
//!    └──────────── acknowledgements under way ◀───────┘
//! ```
//!
//! It is worse than MQTT over TCP: a packet may vanish from a connection that goes on, and an old one may
//! arrive after newer ones. An acknowledgement counts only on the connection that carried its packet.

use crate::disk::SplitMix64;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How bad the bus is, each in percent of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BusFaults {
    /// Packets that vanish.
    pub dropped: u64,
    /// Packets that arrive more than once.
    pub duplicated: u64,
    /// Packets that others overtake.
    pub reordered: u64,
    /// Acknowledgements that vanish.
    pub acks_dropped: u64,
}

/// What must be given back to acknowledge a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Which message.
    pub message: usize,
    /// Whose.
    pub sender: usize,
    /// Which of the sender's connections carried it.
    connection: u64,
}

/// One sender's side: what it must still get across.
#[derive(Debug, Default)]
struct Sender {
    connection: u64,
    /// Sent and not acknowledged, with when to send it again.
    in_flight: BTreeMap<usize, Duration>,
}

/// The bus with all its senders.
#[derive(Debug)]
pub struct FaultyBus {
    faults: BusFaults,
    random: SplitMix64,
    senders: Vec<Sender>,
    packets: Vec<Ticket>,
    acks: Vec<Ticket>,
    acknowledged: BTreeSet<usize>,
}

/// Packets under way at most; more of them vanish, as in any network.
const PACKETS_MAX: usize = 256;
/// A sender sends again after this long without an acknowledgement.
pub const RESEND_AFTER: Duration = Duration::from_secs(20);

impl FaultyBus {
    /// A bus for so many senders.
    pub fn new(n_senders: usize, faults: BusFaults, seed: u64) -> Self {
        let mut senders = Vec::new();
        senders.resize_with(n_senders, Sender::default);
        let (packets, acks, acknowledged) = (Vec::new(), Vec::new(), BTreeSet::new());
        Self { faults, random: SplitMix64(seed), senders, packets, acks, acknowledged }
    }

    /// From now on this bad.
    pub fn set_faults(&mut self, faults: BusFaults) {
        self.faults = faults;
    }

    /// The messages whose senders know that they were taken.
    pub fn acknowledged(&self) -> &BTreeSet<usize> {
        &self.acknowledged
    }

    /// How many messages of `sender` wait for their acknowledgement.
    pub fn in_flight(&self, sender: usize) -> usize {
        self.senders[sender].in_flight.len()
    }

    /// True while packets are under way to the plane.
    pub fn has_packets(&self) -> bool {
        !self.packets.is_empty()
    }

    /// True while acknowledgements are under way to senders.
    pub fn has_acks(&self) -> bool {
        !self.acks.is_empty()
    }

    /// Sends a message for the first time.
    pub fn publish(&mut self, sender: usize, message: usize, now: Duration) {
        self.senders[sender].in_flight.insert(message, now + RESEND_AFTER);
        self.put(sender, message);
    }

    /// Sends again what was not acknowledged for long, in the order of the messages; gives how many.
    pub fn resend_due(&mut self, now: Duration) -> usize {
        let mut due = Vec::new();
        for (sender, state) in self.senders.iter_mut().enumerate() {
            for (message, at) in &mut state.in_flight {
                if *at <= now {
                    *at = now + RESEND_AFTER;
                    due.push((sender, *message));
                }
            }
        }
        due.iter().for_each(|(sender, message)| self.put(*sender, *message));
        due.len()
    }

    /// The broker sends a retained message to the plane once more.
    pub fn deliver_again(&mut self, sender: usize, message: usize) {
        self.put(sender, message);
    }

    fn put(&mut self, sender: usize, message: usize) {
        let ticket = Ticket { message, sender, connection: self.senders[sender].connection };
        let mut copies = u64::from(!self.random.chance(self.faults.dropped));
        while copies > 0 && copies < 4 && self.random.chance(self.faults.duplicated) {
            copies += 1;
        }
        for _ in 0..copies {
            if self.packets.len() < PACKETS_MAX {
                self.packets.push(ticket);
            }
        }
    }

    /// The next packet that arrives.
    pub fn deliver(&mut self) -> Option<Ticket> {
        if self.packets.is_empty() {
            return None;
        }
        let overtakes = self.random.chance(self.faults.reordered);
        let at = if overtakes { self.random.below(self.packets.len() as u64) as usize } else { 0 };
        Some(self.packets.remove(at))
    }

    /// The plane acknowledges a packet. On a connection that is gone that reaches nobody.
    pub fn acknowledge(&mut self, ticket: Ticket) {
        let is_current = self.senders[ticket.sender].connection == ticket.connection;
        if is_current && !self.random.chance(self.faults.acks_dropped) {
            self.acks.push(ticket);
        }
    }

    /// An acknowledgement arrives at its sender.
    pub fn deliver_ack(&mut self) -> Option<Ticket> {
        if self.acks.is_empty() {
            return None;
        }
        let at = self.random.below(self.acks.len() as u64) as usize;
        let ticket = self.acks.remove(at);
        self.senders[ticket.sender].in_flight.remove(&ticket.message);
        self.acknowledged.insert(ticket.message);
        Some(ticket)
    }

    /// A sender's connection breaks: what was under way on it is lost, and what was not acknowledged is
    /// sent again on the next one.
    pub fn reconnect(&mut self, sender: usize, now: Duration) {
        self.packets.retain(|ticket| ticket.sender != sender);
        self.acks.retain(|ticket| ticket.sender != sender);
        let state = &mut self.senders[sender];
        state.connection += 1;
        let again: Vec<usize> = state.in_flight.keys().copied().collect();
        state.in_flight.values_mut().for_each(|at| *at = now + RESEND_AFTER);
        again.into_iter().for_each(|message| self.put(sender, message));
    }

    /// All connections break: the plane, the broker or the network went away.
    pub fn reconnect_all(&mut self, now: Duration) {
        (0..self.senders.len()).for_each(|sender| self.reconnect(sender, now));
    }
}
