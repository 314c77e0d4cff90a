//! A device's side of MQTT: publishes at QoS 1, knows which messages were acknowledged, and sends the others
//! again after a reconnection, as MQTT wants it.

use rumqttc::{Client, ClientError, Connection, Event, MqttOptions, Outgoing, Packet, QoS, RecvTimeoutError};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Sends numbered messages; each is sent until it is acknowledged.
pub struct Publisher {
    queue: Option<SyncSender<(u64, String, Vec<u8>)>>,
    acknowledged: Arc<Mutex<Vec<u64>>>,
    n_acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    /// Starts one with a client id; up to `in_flight` messages wait for their acknowledgement.
    ///
    /// # Panics
    /// When no thread can be started.
    #[must_use]
    pub fn start(client_id: &str, port: u16, in_flight: u16) -> Self {
        let (queue, letters) = sync_channel(usize::from(in_flight));
        let (acknowledged, n_acknowledged) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU64::new(0)));
        let stop = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            client_id: client_id.to_owned(),
            port,
            in_flight,
            letters,
            acknowledged: acknowledged.clone(),
            n_acknowledged: n_acknowledged.clone(),
            stop: stop.clone(),
            waiting: VecDeque::new(),
        };
        let thread = thread::Builder::new().name(client_id.to_owned()).spawn(move || worker.run()).expect("a thread");
        Self { queue: Some(queue), acknowledged, n_acknowledged, stop, thread: Some(thread) }
    }

    /// Queues a message; blocks while `in_flight` others wait.
    ///
    /// # Panics
    /// When the publisher has ended.
    pub fn send(&self, number: u64, topic: String, payload: Vec<u8>) {
        self.queue.as_ref().expect("not finished").send((number, topic, payload)).expect("the publisher runs");
    }

    /// Queues a message if there is room.
    #[must_use]
    pub fn try_send(&self, number: u64, topic: String, payload: Vec<u8>) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.try_send((number, topic, payload)).is_ok())
    }

    /// How many are acknowledged.
    #[must_use]
    pub fn n_acknowledged(&self) -> u64 {
        self.n_acknowledged.load(Ordering::Acquire)
    }

    /// Ends, after everything queued is acknowledged when `drain`; gives the numbers acknowledged.
    ///
    /// # Panics
    /// When its thread panicked.
    #[must_use]
    pub fn finish(mut self, drain: bool) -> Vec<u64> {
        if !drain {
            self.stop.store(true, Ordering::Release);
        }
        self.queue = None;
        self.thread.take().expect("not finished").join().expect("the publisher");
        std::mem::take(&mut self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Worker {
    client_id: String,
    port: u16,
    in_flight: u16,
    letters: Receiver<(u64, String, Vec<u8>)>,
    acknowledged: Arc<Mutex<Vec<u64>>>,
    n_acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    /// Not acknowledged, oldest first.
    waiting: VecDeque<(u64, String, Vec<u8>)>,
}

impl Worker {
    fn run(mut self) {
        while !self.connected() {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// One connection; true when all is done.
    fn connected(&mut self) -> bool {
        let mut options = MqttOptions::new(&self.client_id, "127.0.0.1", self.port);
        options.set_clean_session(true).set_inflight(self.in_flight).set_max_packet_size(2 << 20, 2 << 20);
        let (client, mut connection) = Client::new(options, usize::from(self.in_flight) + 16);
        if !wait_for_connack(&mut connection) {
            return false;
        }
        // Ours to number: the packet id that each message got, in the order in which they were handed over.
        let mut unnumbered: VecDeque<u64> = VecDeque::new();
        let mut numbered: BTreeMap<u16, u64> = BTreeMap::new();
        for (number, topic, payload) in &self.waiting {
            if publish(&client, topic, payload).is_err() {
                return false;
            }
            unnumbered.push_back(*number);
        }
        let mut is_open = true;
        loop {
            while is_open && self.waiting.len() < usize::from(self.in_flight) {
                match self.letters.try_recv() {
                    Ok((number, topic, payload)) => {
                        if publish(&client, &topic, &payload).is_err() {
                            self.waiting.push_back((number, topic, payload));
                            return false;
                        }
                        unnumbered.push_back(number);
                        self.waiting.push_back((number, topic, payload));
                    }
                    Err(std::sync::mpsc::TryRecvError::Empty) => break,
                    Err(std::sync::mpsc::TryRecvError::Disconnected) => is_open = false,
                }
            }
            if self.stop.load(Ordering::Acquire) || (!is_open && self.waiting.is_empty()) {
                return true;
            }
            match connection.recv_timeout(Duration::from_millis(1)) {
                Ok(Ok(Event::Outgoing(Outgoing::Publish(id)))) => {
                    if let Some(number) = unnumbered.pop_front() {
                        numbered.insert(id, number);
                    }
                }
                Ok(Ok(Event::Incoming(Packet::PubAck(ack)))) => {
                    if let Some(number) = numbered.remove(&ack.pkid) {
                        if let Some(at) = self.waiting.iter().position(|(waiting, ..)| *waiting == number) {
                            self.waiting.remove(at);
                        }
                        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).push(number);
                        self.n_acknowledged.fetch_add(1, Ordering::AcqRel);
                    }
                }
                Ok(Ok(_)) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}

fn publish(client: &Client, topic: &str, payload: &[u8]) -> Result<(), ClientError> {
    client.try_publish(topic, QoS::AtLeastOnce, false, payload)
}

fn wait_for_connack(connection: &mut Connection) -> bool {
    loop {
        match connection.recv_timeout(Duration::from_secs(2)) {
            Ok(Ok(Event::Incoming(Packet::ConnAck(_)))) => return true,
            Ok(Ok(_)) => {}
            _ => return false,
        }
    }
}
