//! One receiver's worker: reads the journal by a cursor of its own, posts, and tries again.
//!
//! ```text
//! journal ─▶ events that it wants ─▶ first try ─┬─ taken ─▶ cursor moves
//!                 ▲                             └─ not ──▶ letter, durable ─▶ cursor moves
//!                 └ nothing is read while it is failing: the rest waits in the journal
//! letters ─▶ tried again by the schedule ─▶ taken: gone · tried enough: dead, until somebody wants it
//! ```
//!
//! Workers share nothing but threads, and each waits only for its own receiver.

use super::Shared;
use super::endpoint::{Endpoint, Inner};
use super::event::{body, events_of, may_have_events, message_id};
use super::post::Outcome;
use super::schedule::wait_after;
use super::shelf::Letter;
use crate::clock::SystemClock;
use crate::journal::{ReadError, Records, Seq};
use crate::ports::Clock;
use firmware_schemas::api::webhook::EventType;
use firmware_schemas::fact::Fact;
use firmware_schemas::id::{MessageId, WebhookId};
use firmware_schemas::quantity::Timestamp;
use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::{JoinSet, block_in_place};
use tracing::{info, warn};

/// Records looked at before others get their turn.
const RECORDS_AT_ONCE: usize = 4_096;
/// How often the end of the journal is looked at.
const POLL: Duration = Duration::from_millis(50);
/// More letters than this do not wait: the oldest are dead before their time.
const WAITING_MAX: usize = 1_000;
/// The cursor is kept this often when an event was settled, and when none was.
const KEEP_CURSOR: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// A stop waits so long for tries that are under way.
const STOP_WITHIN: Duration = Duration::from_secs(2);
/// What cannot be read or kept is tried again after this.
const STUCK: Duration = Duration::from_secs(5);

/// An event on its way to a receiver for the first time.
struct Message {
    place: (u64, usize),
    id: MessageId,
    event_type: EventType,
    at: Timestamp,
    body: String,
}

/// What a try was of.
enum Of {
    First(Message),
    /// A letter, its body, and whether this try is one of the schedule.
    Letter(MessageId, EventType, String, bool),
}

struct Done {
    of: Of,
    at: Timestamp,
    outcome: Outcome,
}

struct Worker {
    shared: Arc<Shared>,
    endpoint: Arc<Endpoint>,
    webhook: WebhookId,
    records: Option<Records>,
    /// The last record that was looked at.
    read_to: Seq,
    queue: VecDeque<Message>,
    /// Events that were read, and are neither taken nor a letter.
    open: BTreeSet<(u64, usize)>,
    tries: JoinSet<Done>,
    letters_under_way: BTreeSet<MessageId>,
    /// Tried, not taken, and not yet kept, as the disk did not take them.
    unkept: Vec<(Message, Done)>,
    stuck_until: Duration,
    kept_cursor: (Seq, Duration),
    settled_any: bool,
}

/// Serves a receiver until it is removed, or the gateway stops.
pub(super) async fn run(shared: Arc<Shared>, endpoint: Arc<Endpoint>) {
    let settled = Seq(endpoint.settled.load(Ordering::Acquire));
    let webhook = endpoint.lock().record.webhook.clone();
    let mut stop = shared.stop.subscribe();
    let mut worker = Worker {
        shared,
        endpoint,
        webhook,
        records: None,
        read_to: settled,
        queue: VecDeque::new(),
        open: BTreeSet::new(),
        tries: JoinSet::new(),
        letters_under_way: BTreeSet::new(),
        unkept: Vec::new(),
        stuck_until: Duration::ZERO,
        kept_cursor: (settled, SystemClock.monotonic()),
        settled_any: false,
    };
    while !*stop.borrow() {
        if worker.endpoint.lock().removed {
            return;
        }
        let wait = worker.step();
        let endpoint = Arc::clone(&worker.endpoint);
        tokio::select! {
            Some(done) = worker.tries.join_next() => worker.joined(done),
            () = endpoint.wake.notified() => {}
            _ = stop.changed() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    let under_way = async {
        while let Some(done) = worker.tries.join_next().await {
            worker.joined(done);
        }
    };
    // What is cut off is sent again after the start, with the same id.
    tokio::time::timeout(STOP_WITHIN, under_way).await.ok();
    if !worker.endpoint.lock().removed {
        worker.keep_cursor(true);
    }
}

impl Worker {
    /// Starts what is due; gives how long there is nothing to do.
    fn step(&mut self) -> Duration {
        let now = SystemClock.now();
        block_in_place(|| self.keep_cursor(false));
        self.keep_unkept();
        if SystemClock.monotonic() < self.stuck_until {
            return POLL.max(Duration::from_millis(500));
        }
        let endpoint = Arc::clone(&self.endpoint);
        {
            let mut inner = endpoint.lock();
            self.switch_off_what_fails_for_too_long(&mut inner, now);
            if !inner.record.enabled || inner.rest_until.is_some_and(|until| now < until) {
                return Duration::from_millis(500);
            }
        }
        let (is_failing, n_waiting, n_dead) = {
            let inner = endpoint.lock();
            let waiting = inner.n_waiting();
            (inner.is_failing(), waiting, inner.letters.len() as u64 - waiting)
        };
        // A receiver that takes nothing is asked by one try at a time.
        let slots = if is_failing { 1 } else { self.shared.config.in_flight_max };
        self.start_letters(now, slots, is_failing);
        while self.tries.len() < slots {
            let Some(message) = self.queue.pop_front() else { break };
            self.start(Of::First(message));
        }
        let may_read = self.unkept.is_empty() && self.queue.is_empty() && self.tries.len() < slots;
        if !may_read || (is_failing && n_waiting > 0) {
            return POLL;
        }
        if n_dead >= self.shared.config.dead_letters_max {
            let why = format!("{n_dead} dead letters: send them again or throw them away, then it goes on");
            endpoint.lock().stuck = Some(why);
            return Duration::from_millis(500);
        }
        match block_in_place(|| self.read()) {
            Ok(at_end) => {
                endpoint.lock().stuck = None;
                if at_end && self.queue.is_empty() { POLL } else { Duration::ZERO }
            }
            Err(why) => {
                warn!(webhook = %self.webhook, %why, "the journal cannot be read for a receiver of webhooks");
                endpoint.lock().stuck = Some(why);
                self.records = None;
                self.stuck_until = SystemClock.monotonic() + STUCK;
                POLL
            }
        }
    }

    /// Starts tries of letters whose time has come, and one before its time where the receiver takes nothing.
    fn start_letters(&mut self, now: Timestamp, slots: usize, is_failing: bool) {
        let probe_after = Duration::from_secs(self.shared.config.probe_secs);
        loop {
            if self.tries.len() >= slots {
                return;
            }
            let chosen = {
                let inner = self.endpoint.lock();
                let idle = inner.letters.values().filter(|it| !self.letters_under_way.contains(&it.message));
                let next = idle.filter_map(|letter| Some((letter.next_at?, letter))).min_by_key(|(at, _)| *at);
                let last = inner.letters.values().map(|letter| letter.last_tried_at).max();
                next.and_then(|(next_at, letter)| {
                    let is_due = next_at <= now;
                    let is_probe = is_failing && last.is_none_or(|last| last.saturating_add(probe_after) <= now);
                    (is_due || is_probe).then(|| (letter.message.clone(), letter.event_type, is_due))
                })
            };
            let Some((message, event_type, is_due)) = chosen else { return };
            match block_in_place(|| self.shared.shelf.body(&self.webhook, &message)) {
                Ok(body) => self.start(Of::Letter(message, event_type, body, is_due)),
                Err(why) => {
                    warn!(webhook = %self.webhook, %message, %why, "an event cannot be read, and waits");
                    let mut inner = self.endpoint.lock();
                    if let Some(letter) = inner.letters.get_mut(&message) {
                        letter.next_at = Some(now.saturating_add(STUCK));
                        letter.last_tried_at = now;
                    }
                    return;
                }
            }
        }
    }

    fn start(&mut self, of: Of) {
        let (url, secrets) = {
            let inner = self.endpoint.lock();
            (inner.record.url.clone(), inner.secrets(SystemClock.now()))
        };
        let (message, body) = match &of {
            Of::First(message) => (message.id.clone(), message.body.clone()),
            Of::Letter(message, _, body, _) => {
                self.letters_under_way.insert(message.clone());
                (message.clone(), body.clone())
            }
        };
        let shared = Arc::clone(&self.shared);
        self.tries.spawn(async move {
            let outcome = shared.poster.post(&url, &secrets, &message, body).await;
            Done { of, at: SystemClock.now(), outcome }
        });
    }

    fn joined(&mut self, done: Result<Done, tokio::task::JoinError>) {
        match done {
            Ok(done) => block_in_place(|| self.settle(done)),
            Err(why) => {
                // A bug of ours. All that is open is read and tried again.
                warn!(webhook = %self.webhook, %why, "a try of a webhook panicked");
                self.tries.abort_all();
                self.letters_under_way.clear();
                self.queue.clear();
                self.open.clear();
                self.records = None;
                self.read_to = Seq(self.endpoint.settled.load(Ordering::Acquire));
            }
        }
    }

    fn settle(&mut self, mut done: Done) {
        self.settled_any = true;
        self.shared.count(done.outcome.outcome);
        let endpoint = Arc::clone(&self.endpoint);
        let mut inner = endpoint.lock();
        if inner.removed {
            return;
        }
        let (message, event_type, attempt) = match &done.of {
            Of::First(message) => (message.id.clone(), message.event_type, 1),
            Of::Letter(id, event_type, ..) => {
                let attempts = inner.letters.get(id).map_or(0, |letter| letter.attempts);
                (id.clone(), *event_type, attempts + 1)
            }
        };
        inner.remember(&message, event_type, attempt, done.at, &done.outcome);
        if !done.outcome.is_delivered() {
            self.not_taken(&mut inner, &done);
        } else if inner.has_taken(done.at) {
            info!(webhook = %self.webhook, "a receiver of webhooks takes events again");
            self.keep_record(&inner);
        }
        drop(inner);
        // A first try that was not taken is open until it is a letter.
        match std::mem::replace(&mut done.of, Of::Letter(message.clone(), event_type, String::new(), false)) {
            Of::First(first) if done.outcome.is_delivered() => _ = self.open.remove(&first.place),
            Of::First(first) => {
                self.unkept.push((first, done));
                self.keep_unkept();
            }
            Of::Letter(id, _, body, counts) => {
                self.letters_under_way.remove(&id);
                self.letter_tried(&id, &body, counts, &done);
            }
        }
    }

    fn not_taken(&self, inner: &mut Inner, done: &Done) {
        inner.has_not_taken(&done.outcome);
        if let Some(rest) = done.outcome.retry_after {
            inner.rest_until = Some(done.at.saturating_add(rest));
        }
        if inner.is_failing() && inner.record.failing_since.is_none() {
            warn!(webhook = %self.webhook, why = %done.outcome.detail, "a receiver of webhooks takes nothing; the rest waits in the journal");
            inner.record.failing_since = Some(done.at);
            self.keep_record(inner);
        }
        if done.outcome.is_gone() && inner.record.enabled {
            warn!(webhook = %self.webhook, "a receiver of webhooks is gone (410), and is switched off");
            inner.record.enabled = false;
            inner.record.off_because = Some("it answered 410: it wants nothing more".into());
            self.keep_record(inner);
        }
    }

    fn switch_off_what_fails_for_too_long(&self, inner: &mut Inner, now: Timestamp) {
        let limit = Duration::from_secs(self.shared.config.off_after_secs);
        let Some(since) = inner.record.failing_since.filter(|since| since.saturating_add(limit) <= now) else { return };
        if inner.record.enabled && inner.is_failing() {
            let last = inner.last_error.clone().unwrap_or_default();
            warn!(webhook = %self.webhook, %since, why = %last, "a receiver of webhooks failed for too long, and is switched off");
            inner.record.enabled = false;
            inner.record.off_because = Some(format!("it has taken nothing since {since}; last: {last}"));
            self.keep_record(inner);
        }
    }

    /// What cannot be kept now is kept with the next change; until then a restart knows the state before.
    fn keep_record(&self, inner: &Inner) {
        if let Err(why) = self.shared.shelf.keep(&inner.record) {
            warn!(webhook = %self.webhook, %why, "the state of a receiver of webhooks is not kept");
        }
    }

    /// Makes letters of what was tried for the first time and not taken.
    fn keep_unkept(&mut self) {
        if SystemClock.monotonic() < self.stuck_until {
            return;
        }
        while let Some((message, done)) = self.unkept.pop() {
            let letter = Letter {
                message: message.id.clone(),
                event_type: message.event_type,
                at: message.at,
                first_tried_at: done.at,
                attempts: 1,
                next_at: self.next_at(&message.id, 1, &done),
                last_tried_at: done.at,
                last_error: done.outcome.detail.clone(),
            };
            let endpoint = Arc::clone(&self.endpoint);
            let mut inner = endpoint.lock();
            if inner.removed {
                return;
            }
            match self.shared.shelf.keep_letter(&self.webhook, &letter, &message.body) {
                Ok(()) => {
                    inner.letters.insert(letter.message.clone(), letter);
                    self.open.remove(&message.place);
                    self.retire_the_oldest(&mut inner);
                }
                Err(why) => {
                    drop(inner);
                    warn!(webhook = %self.webhook, %why, "an event that was not taken cannot be kept; the journal has it");
                    self.unkept.push((message, done));
                    self.stuck_until = SystemClock.monotonic() + STUCK;
                    return;
                }
            }
        }
    }

    /// Where too many wait, the oldest is dead before its time, so that one kind of event that is never taken does not
    /// keep the others back.
    fn retire_the_oldest(&self, inner: &mut Inner) {
        if inner.n_waiting() as usize <= WAITING_MAX {
            return;
        }
        let idle = inner.letters.values().filter(|it| it.next_at.is_some());
        let idle = idle.filter(|it| !self.letters_under_way.contains(&it.message));
        let Some(oldest) = idle.min_by_key(|letter| letter.first_tried_at).map(|letter| letter.message.clone()) else {
            return;
        };
        self.change_letter(inner, &oldest, None, |letter| letter.next_at = None);
    }

    /// When the next try is; never before the receiver wants it.
    fn next_at(&self, message: &MessageId, attempts: u32, done: &Done) -> Option<Timestamp> {
        let mut hasher = DefaultHasher::new();
        message.hash(&mut hasher);
        let wait = wait_after(&self.shared.config.retry_secs, attempts, hasher.finish())?;
        Some(done.at.saturating_add(wait.max(done.outcome.retry_after.unwrap_or_default())))
    }

    fn letter_tried(&mut self, id: &MessageId, body: &str, counts: bool, done: &Done) {
        let endpoint = Arc::clone(&self.endpoint);
        let mut inner = endpoint.lock();
        if done.outcome.is_delivered() {
            if inner.letters.remove(id).is_some() {
                self.shared.shelf.forget_letter(&self.webhook, id);
            }
            return;
        }
        let attempts = inner.letters.get(id).map_or(0, |letter| letter.attempts) + u32::from(counts);
        let next_at = self.next_at(id, attempts, done);
        self.change_letter(&mut inner, id, Some(body), |letter| {
            letter.last_tried_at = done.at;
            letter.last_error = done.outcome.detail.clone();
            // Thrown away or sent again by somebody meanwhile: that stands.
            if counts && letter.next_at.is_some() {
                letter.attempts = attempts;
                letter.next_at = next_at;
            }
        });
    }

    /// Changes a letter, and keeps it; what is not kept is as before after a restart.
    fn change_letter(&self, inner: &mut Inner, id: &MessageId, body: Option<&str>, change: impl FnOnce(&mut Letter)) {
        let Some(letter) = inner.letters.get_mut(id) else { return };
        change(letter);
        let body = match body {
            Some(body) => Ok(body.to_owned()),
            None => self.shared.shelf.body(&self.webhook, id),
        };
        let kept = body.map_err(|why| why.to_string()).and_then(|body| {
            self.shared.shelf.keep_letter(&self.webhook, letter, &body).map_err(|why| why.to_string())
        });
        if let Err(why) = kept {
            warn!(webhook = %self.webhook, message = %id, why, "how an event stands is not kept");
        }
        if letter.next_at.is_none() {
            warn!(webhook = %self.webhook, message = %id, why = %letter.last_error, "an event was not taken, and is a dead letter");
        }
    }

    /// Reads on until there is something to send or others should have their turn; true at the journal's end. Nothing
    /// that readers do not see yet is read: the twin must know the names.
    fn read(&mut self) -> Result<bool, String> {
        let published = self.shared.published.load_full();
        let visible = Seq(published.twin.revision);
        if self.read_to >= visible {
            return Ok(true);
        }
        if self.records.is_none() && !self.open_journal()? {
            return Ok(true);
        }
        let Some(records) = self.records.as_mut() else { return Ok(true) };
        for _ in 0..RECORDS_AT_ONCE {
            if Records::position(records) > visible {
                return Ok(true);
            }
            let Some(record) = records.next_record().map_err(|why| why.to_string())? else { return Ok(true) };
            let seq = record.seq;
            if may_have_events(record.payload) {
                let fact = Fact::decode(record.payload).map_err(|why| format!("journal record {seq}: {why}"))?;
                let inner = self.endpoint.lock();
                for (index, event) in events_of(&fact, &published.twin).into_iter().enumerate() {
                    if !inner.wants(event.event_type, &event.sites) {
                        continue;
                    }
                    let id = message_id(self.shared.source, seq, index, record.payload);
                    let id = id.ok_or_else(|| format!("journal record {seq}: event {index} gets no id"))?;
                    // Read again after a crash: it is kept already.
                    if inner.letters.contains_key(&id) {
                        continue;
                    }
                    self.open.insert((seq.0, index));
                    let (event_type, at, body) = (event.event_type, event.at, body(&event, Some(seq)));
                    self.queue.push_back(Message { place: (seq.0, index), id, event_type, at, body });
                }
            }
            self.read_to = seq;
            if !self.queue.is_empty() {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Opens the journal behind what was read. What it no longer has is skipped, and that is said.
    fn open_journal(&mut self) -> Result<bool, String> {
        match self.shared.journal.read_from(self.read_to.next()) {
            Ok(records) => self.records = Some(records),
            Err(ReadError::Dropped { asked, first }) => {
                let skipped = first.0 - asked.0;
                warn!(webhook = %self.webhook, skipped, "the journal has dropped records before a receiver of webhooks had their events");
                let mut inner = self.endpoint.lock();
                inner.record.skipped_records += skipped;
                self.keep_record(&inner);
                self.read_to = Seq(first.0 - 1);
                return Ok(false);
            }
            Err(ReadError::Ahead { durable, .. }) => {
                warn!(webhook = %self.webhook, read_to = self.read_to.0, durable = durable.0, "the journal ends before what was sent: it is another, and is read from its end");
                self.read_to = durable;
                return Ok(false);
            }
            Err(why) => return Err(why.to_string()),
        }
        Ok(true)
    }

    fn keep_cursor(&mut self, now: bool) {
        let settled = self.open.first().map_or(self.read_to, |(seq, _)| Seq(seq - 1));
        self.endpoint.settled.store(settled.0, Ordering::Release);
        let (kept, at) = self.kept_cursor;
        let every = KEEP_CURSOR[usize::from(!self.settled_any)];
        let monotonic = SystemClock.monotonic();
        if settled == kept || (!now && monotonic.saturating_sub(at) < every) {
            return;
        }
        match self.shared.shelf.keep_cursor(&self.webhook, settled) {
            Ok(()) => {
                self.kept_cursor = (settled, monotonic);
                self.settled_any = false;
            }
            Err(why) => {
                warn!(webhook = %self.webhook, %why, "how far a receiver of webhooks is cannot be kept; a restart sends more again");
                self.kept_cursor.1 = monotonic;
            }
        }
    }
}
