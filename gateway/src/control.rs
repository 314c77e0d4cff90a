//! The control loop: `step(Event, now) -> Vec<Effect>`. Pure: it decides what follows from a frame, a
//! request or the passing of time; the runtime does it.
//!
//! ```text
//! FrameArrived, Asked, Tick ─▶ facts ─▶ working twin ─▶ open batch
//! BatchDue ─▶ Commit(records) ─▶ (journal) ─▶ Stored ─▶ Publish(durable twin, deltas, points),
//!                                                       Acknowledge, Answer, Send
//! ```
//!
//! The working twin is ahead of the journal by the batches that are under way, so that each frame is
//! judged against all that came before it. Nobody else sees it: what is published is the clone that was
//! taken when a batch was closed, and only once that batch is durable.

mod orders;
pub mod routes;
mod supply;

use self::routes::Give;
use crate::ingest::mapping::{Mapped, MappedFrame, Mappings};
use bytes::Bytes;
use firmware_schemas::codec::{self, Encoding, Frame};
use firmware_schemas::command::{Action, CommandFrame};
use firmware_schemas::fact::{
    AlertId, AlertSubject, DeviceIdx, Fact, FactError, QuarantineId, RefusedBy, SeriesReading,
};
use firmware_schemas::id::{CommandId, DeviceId, LaneId, OperationId, OrderId, SiteId, SkuId, TenantId};
use firmware_schemas::order::{OrderEnd, OrderSpec};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::route::{ReplanCause, ReplanOutcome};
use firmware_schemas::supply::{Decision, OverriddenWeek, ProposalId, ProposalSpec};
use firmware_schemas::topic::{Channel, Topic, topic};
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use twin::alert::{self, AlertRules};
use twin::observe::ObserveRules;
use twin::state::QuarantineRecord;
use twin::view::TouchedSet;
use twin::{Touched, Twin};

/// What a person or a program asks the plane to do. Answered once what follows from it is durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// I have seen this alert.
    AcknowledgeAlert {
        /// Which.
        id: AlertId,
        /// Who says so.
        by: String,
        /// What they have to say.
        note: Option<String>,
    },
    /// Try a payload in quarantine again.
    Redrive {
        /// Which.
        id: QuarantineId,
        /// Its bytes, as the journal has them.
        payload: Vec<u8>,
    },
    /// Keep a reading that a database refuses, as a frame of its device.
    Quarantine {
        /// The frame's topic.
        topic: String,
        /// The frame.
        payload: Vec<u8>,
        /// Why it was refused.
        reason: String,
    },
    /// Throw a payload in quarantine away.
    Discard {
        /// Which.
        id: QuarantineId,
    },
    /// Give a device a command. The id is the idempotency key: the same again is the same command.
    Command {
        /// To which device.
        device: DeviceId,
        /// The command's id.
        command: CommandId,
        /// What to do.
        action: Action,
        /// After this it must not be begun.
        expires_at: Option<Timestamp>,
    },
    /// Take these orders or reservations, one after the other.
    TakeOrders(Vec<NewOrder>),
    /// Change an order that is not being picked, and promise it anew.
    AmendOrder {
        /// All of it, as it shall be.
        order: Box<OrderSpec>,
        /// The version that whoever asks has seen.
        version: Option<u32>,
    },
    /// An order, or a reservation, is no longer wanted.
    CancelOrder {
        /// Which.
        order: OrderId,
        /// The version that whoever asks has seen.
        version: Option<u32>,
        /// Why.
        reason: Option<String>,
    },
    /// Set how positions are replenished.
    DecideReplenishment {
        /// Of which position; of all when absent.
        position: Option<(SiteId, SkuId)>,
        /// The version that whoever asks has seen; 0 for none.
        version: u64,
        /// Who.
        by: Option<String>,
        /// A policy, or parameters, as JSON; `None` takes them back.
        document: Option<String>,
    },
    /// Take the outcome of a planning run; what may be done without asking is ordered at once.
    TakePlan {
        /// False for a further part of the same plan.
        is_first: bool,
        /// `Supply::decided_in` of the twin that was planned; of the first part only.
        seen: u64,
        /// What is proposed.
        proposals: Vec<ProposalSpec>,
    },
    /// Decide on proposals, all or none.
    DecideProposals {
        /// Which.
        ids: Vec<ProposalId>,
        /// What.
        decision: Decision,
        /// Who.
        by: Option<String>,
        /// What they have to say.
        note: Option<String>,
    },
    /// Order what these proposals say, one order for each sender and receiver. Open ones are approved by that.
    PlaceProposals {
        /// Which.
        ids: Vec<ProposalId>,
        /// Who.
        by: Option<String>,
    },
    /// The sender of an order says that it will send.
    ConfirmSupply {
        /// Which.
        order: OrderId,
        /// By when it should be there, where that has changed.
        due_at: Option<Timestamp>,
    },
    /// What of an order has not been sent is no longer wanted.
    CancelSupply {
        /// Which.
        order: OrderId,
        /// Why.
        reason: Option<String>,
    },
    /// Keep what planners expect beside what statistics do.
    OverrideForecast {
        /// Where.
        site: SiteId,
        /// What.
        sku: SkuId,
        /// Who.
        by: Option<String>,
        /// Why.
        note: Option<String>,
        /// What.
        weeks: Vec<OverriddenWeek>,
    },
    /// Give vehicles routes, in place of those that they have.
    GiveRoutes(Box<Give>),
    /// Keep that the plane looked for routes by itself, and gave none.
    Replanned {
        /// The operation.
        plan: OperationId,
        /// Why it did.
        causes: Vec<ReplanCause>,
        /// What came of it.
        outcome: ReplanOutcome,
    },
    /// A lane cannot be used, or can again.
    SwitchLane {
        /// Which.
        lane: LaneId,
        /// Whether it is closed from now on.
        is_closed: bool,
        /// Who says so.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
    },
    /// Take what was asked for before the twin listened.
    GiveDemand(Vec<GivenDemand>),
}

/// What was asked for of a position, by week.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenDemand {
    /// Where.
    pub site: SiteId,
    /// What.
    pub sku: SkuId,
    /// The Monday that the first week begins with.
    pub from: Timestamp,
    /// Pieces, and days without stock, by week.
    pub weeks: Vec<(u32, u8)>,
}

/// An order, or a reservation, to be taken.
#[derive(Clone, Debug, PartialEq)]
pub struct NewOrder {
    /// The same key again is the same order; its id when absent.
    pub key: Option<String>,
    /// Until when a reservation holds; `None` of an order.
    pub expires_at: Option<Timestamp>,
    /// What is wanted.
    pub order: OrderSpec,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done, and durable.
    Done,
    /// It was so already; nothing changed.
    Already,
    /// A payload that was tried again is refused again, and stays in quarantine.
    RefusedAgain(String),
    /// Of each order, in order.
    Orders(Vec<Result<Taken, RequestError>>),
    /// These orders were placed.
    Placed(Vec<OrderId>),
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is taken.
    Now,
    /// It had been taken before.
    Before,
}

/// Why a request cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// There is no such thing.
    #[error("no {what} {id:?}")]
    NotFound {
        /// `alert`, `quarantined payload`, `device`.
        what: &'static str,
        /// What it was called.
        id: String,
    },
    /// It contradicts what is so.
    #[error("{0}")]
    Conflict(String),
    /// It has changed since whoever asks saw it.
    #[error("{0}")]
    Changed(String),
    /// The journal takes nothing at the moment; try again later.
    #[error("nothing can be stored: {0}")]
    Unavailable(String),
}

/// What a request comes to, unless the plane itself is broken.
type Answered = Result<Result<Reply, RequestError>, Broken>;

fn not_found(what: &'static str, id: impl fmt::Display) -> RequestError {
    RequestError::NotFound { what, id: id.to_string() }
}

/// What happens to the plane. `T` is what the runtime needs to acknowledge or answer.
#[derive(Debug)]
pub enum Event<T> {
    /// A message came in.
    FrameArrived {
        /// Given back when its fate is durable.
        ticket: T,
        /// As the broker has it.
        topic: String,
        /// As the broker has it.
        payload: Bytes,
    },
    /// Somebody wants something.
    Asked {
        /// Given back with the answer.
        ticket: T,
        /// What they want.
        request: Request,
    },
    /// These facts follow from the network that was loaded.
    NetworkGiven(Vec<Fact>),
    /// The broker has taken a command.
    CommandDelivered(CommandId),
    /// It is time to make durable what is pending.
    BatchDue,
    /// The journal has made everything up to here durable.
    Stored {
        /// The last durable fact.
        up_to: u64,
    },
    /// Time passed.
    Tick,
}

/// What the runtime must do, in this order.
#[derive(Debug)]
pub enum Effect<T> {
    /// Append these records to the journal and make them durable, then say [`Event::Stored`].
    Commit(Records),
    /// Let readers see this.
    Publish(Box<Durable>),
    /// The message's fate is durable: acknowledge it.
    Acknowledge(T),
    /// Answer a request.
    Answer(T, Result<Reply, RequestError>),
    /// Send a command; say [`Event::CommandDelivered`] when the broker has it.
    Send {
        /// The command.
        command: CommandId,
        /// Where to.
        topic: String,
        /// What.
        payload: Vec<u8>,
    },
}

/// Facts as bytes, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The journal's number of the last one.
    pub last: u64,
}

impl Records {
    /// Each record's bytes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all.
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }
}

/// What readers may see, because it cannot be undone.
#[derive(Debug)]
pub struct Durable {
    /// The twin after the batch.
    pub twin: Twin,
    /// What the batch touched.
    pub touched: TouchedSet,
    /// New points for the time-series store.
    pub points: Vec<SeriesReading>,
    /// When it became durable.
    pub at: Timestamp,
    /// What the batch did, in numbers.
    pub counts: Counts,
}

/// What can refuse a payload.
pub const REFUSERS: [RefusedBy; 4] = [RefusedBy::Topic, RefusedBy::Frame, RefusedBy::Twin, RefusedBy::Database];

/// What happened to messages, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that came in, by [`Channel::UP`]'s order.
    pub messages: [u64; Channel::UP.len()],
    /// Frames that said what was known already.
    pub duplicates: u64,
    /// Payloads or frames put in quarantine, by [`REFUSERS`]'s order.
    pub quarantined: [u64; REFUSERS.len()],
    /// Readings taken.
    pub readings: u64,
    /// Events taken.
    pub events: u64,
}

/// The rules of the plane.
#[derive(Clone, Debug)]
pub struct ControlConfig {
    /// Whose messages are taken.
    pub tenant: TenantId,
    /// The rules for what devices send.
    pub observe: ObserveRules,
    /// The rules for alerts.
    pub alerts: AlertRules,
    /// How messages of topics outside the contract become readings.
    pub mappings: Arc<Mappings>,
}

#[derive(Debug)]
struct Batch<T> {
    records: Records,
    touched: TouchedSet,
    points: Vec<SeriesReading>,
    counts: Counts,
    acknowledge: Vec<T>,
    answers: Vec<(T, Result<Reply, RequestError>)>,
    sends: Vec<(CommandId, String, Vec<u8>)>,
}

impl<T> Batch<T> {
    fn new() -> Self {
        Self {
            records: Records::default(),
            touched: TouchedSet::default(),
            points: Vec::new(),
            counts: Counts::default(),
            acknowledge: Vec::new(),
            answers: Vec::new(),
            sends: Vec::new(),
        }
    }
}

/// So many reservations end with one tick; the others with the next.
const EXPIRED_AT_ONCE_MAX: usize = 10_000;

/// An order that nobody has answered is told again after this: whoever is to send the goods may not have listened.
const TELL_AGAIN: Duration = Duration::from_secs(300);

/// The plane's mind: the working twin and what is under way.
#[derive(Debug)]
pub struct Control<T> {
    config: ControlConfig,
    twin: Twin,
    open: Batch<T>,
    /// Closed and handed to the journal, each with the twin as it was when it was closed.
    under_way: VecDeque<(Batch<T>, Twin)>,
    listening_since: Timestamp,
    told_again_at: Timestamp,
    touched: Vec<Touched>,
}

/// A fact could not be encoded or folded: a bug of ours, and the plane must not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// It cannot be written.
    #[error(transparent)]
    Encode(#[from] FactError),
    /// It refers to what is not there.
    #[error(transparent)]
    Dangling(#[from] twin::apply::Dangling),
}

impl<T> Control<T> {
    /// The plane over what the journal holds already.
    pub fn new(config: ControlConfig, twin: Twin, now: Timestamp) -> Self {
        let (open, under_way) = (Batch::new(), VecDeque::new());
        Self { config, twin, open, under_way, listening_since: now, told_again_at: now, touched: Vec::new() }
    }

    /// The twin with everything that is under way.
    pub fn working(&self) -> &Twin {
        &self.twin
    }

    /// Bytes and facts that wait for [`Event::BatchDue`].
    pub fn pending(&self) -> (usize, usize) {
        (self.open.records.bytes_len(), self.open.records.len())
    }

    /// True when a batch could be closed: it has facts, or somebody waits for an answer.
    pub fn has_pending(&self) -> bool {
        let open = &self.open;
        !open.records.is_empty() || !open.acknowledge.is_empty() || !open.answers.is_empty()
    }

    /// True while the journal has something of ours.
    pub fn is_committing(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// Commands that the broker never took, to be sent again after a restart.
    pub fn undelivered(&self, now: Timestamp) -> Vec<Effect<T>> {
        let waiting = self.twin.commands.values().filter(|record| {
            let expired = record.frame.expires_at.is_some_and(|at| at <= now);
            record.delivered_at.is_none() && record.answer.is_none() && !expired
        });
        waiting
            .filter_map(|record| self.command_message(DeviceIdx(record.device), &record.frame))
            .map(|(command, topic, payload)| Effect::Send { command, topic, payload })
            .collect()
    }

    /// Takes one event and says what must be done about it.
    pub fn step(&mut self, event: Event<T>, now: Timestamp) -> Result<Vec<Effect<T>>, Broken> {
        match event {
            Event::FrameArrived { ticket, topic, payload } => {
                self.frame_arrived(&topic, &payload, now)?;
                self.open.acknowledge.push(ticket);
                Ok(Vec::new())
            }
            Event::Asked { ticket, request } => {
                let answer = self.asked(request, now)?;
                self.open.answers.push((ticket, answer));
                Ok(Vec::new())
            }
            Event::NetworkGiven(facts) => {
                facts.into_iter().try_for_each(|fact| self.record(fact, now))?;
                Ok(Vec::new())
            }
            Event::CommandDelivered(command) => {
                if self.twin.commands.get(&command).is_some_and(|record| record.delivered_at.is_none()) {
                    self.record(Fact::CommandDelivered { command, at: now }, now)?;
                }
                Ok(Vec::new())
            }
            Event::BatchDue => Ok(self.close_batch(now)),
            Event::Stored { up_to } => Ok(self.stored(up_to, now)),
            Event::Tick => {
                let mut subjects = BTreeSet::new();
                alert::subjects_due(&self.twin, &mut subjects);
                self.judge(subjects, now)?;
                for order in self.twin.reservations_over(now, EXPIRED_AT_ONCE_MAX) {
                    self.record(Fact::OrderEnded { at: now, order, how: OrderEnd::Expired, reason: None }, now)?;
                }
                self.drive_on(now)?;
                Ok(self.tell_again(now))
            }
        }
    }

    fn close_batch(&mut self, now: Timestamp) -> Vec<Effect<T>> {
        if !self.has_pending() {
            return Vec::new();
        }
        if self.open.records.is_empty() {
            // Duplicates and answers that change nothing: they wait for what they repeat, if it is under way.
            let batch = std::mem::replace(&mut self.open, Batch::new());
            if let Some((last, _)) = self.under_way.back_mut() {
                last.acknowledge.extend(batch.acknowledge);
                last.answers.extend(batch.answers);
                last.counts.add(&batch.counts);
                return Vec::new();
            }
            let twin = self.twin.clone();
            return release(batch, twin, now);
        }
        self.open.records.last = self.twin.revision;
        let mut batch = std::mem::replace(&mut self.open, Batch::new());
        let records = std::mem::take(&mut batch.records);
        batch.records.last = records.last;
        self.under_way.push_back((batch, self.twin.clone()));
        vec![Effect::Commit(records)]
    }

    fn stored(&mut self, up_to: u64, now: Timestamp) -> Vec<Effect<T>> {
        let mut effects = Vec::new();
        while self.under_way.front().is_some_and(|(batch, _)| batch.records.last <= up_to) {
            if let Some((batch, twin)) = self.under_way.pop_front() {
                effects.extend(release(batch, twin, now));
            }
        }
        effects
    }

    /// Appends a fact to the open batch, folds it into the working twin, and lets the rules judge what it
    /// touched.
    fn record(&mut self, fact: Fact, now: Timestamp) -> Result<(), Broken> {
        let mut touched = std::mem::take(&mut self.touched);
        let recorded = self.append(fact, &mut touched);
        let mut subjects = BTreeSet::new();
        if recorded.is_ok() {
            alert::subjects_of(&self.twin, &touched, &mut subjects);
        }
        touched.clear();
        self.touched = touched;
        recorded?;
        self.judge(subjects, now)
    }

    fn judge(&mut self, subjects: BTreeSet<AlertSubject>, now: Timestamp) -> Result<(), Broken> {
        for subject in subjects {
            let fact = alert::reconcile(&self.twin, &self.config.alerts, &subject, now, self.listening_since);
            if let Some(fact) = fact {
                self.append(fact, &mut Vec::new())?;
            }
        }
        Ok(())
    }

    fn append(&mut self, fact: Fact, touched: &mut Vec<Touched>) -> Result<(), Broken> {
        let from = touched.len();
        fact.encode_into(&mut self.open.records.bytes)?;
        self.open.records.ends.push(self.open.records.bytes.len());
        self.twin.apply(self.twin.revision + 1, &fact, touched)?;
        for touched in &touched[from..] {
            self.open.touched.add(touched, &self.twin);
        }
        match fact {
            Fact::Readings { readings, .. } => {
                self.open.counts.readings += readings.len() as u64;
                self.open.points.extend(readings);
            }
            Fact::Happened { events, .. } => self.open.counts.events += events.len() as u64,
            Fact::Quarantined { refused_by, .. } => {
                if let Some(at) = REFUSERS.iter().position(|by| *by == refused_by) {
                    self.open.counts.quarantined[at] += 1;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn frame_arrived(&mut self, topic: &str, payload: &[u8], now: Timestamp) -> Result<(), Broken> {
        match self.take(topic, payload, now, now)? {
            Ok(()) => Ok(()),
            Err((refused_by, reason)) => self.quarantine(topic, payload, refused_by, reason, now),
        }
    }

    fn quarantine(
        &mut self,
        topic: &str,
        payload: &[u8],
        refused_by: RefusedBy,
        reason: String,
        now: Timestamp,
    ) -> Result<(), Broken> {
        /// A foreign topic can be as long as MQTT allows; so much of it is kept.
        const TOPIC_KEPT: usize = 1_024;
        let topic = topic.chars().scan(0, |len, c| {
            *len += c.len_utf8();
            (*len <= TOPIC_KEPT).then_some(c)
        });
        let (topic, payload) = (topic.collect(), payload.to_vec());
        self.record(Fact::Quarantined { received_at: now, topic, payload, refused_by, reason }, now)
    }

    /// Decodes a message and records what follows from it; or says why not, and nothing has changed.
    /// It came at `arrived_at`, which is before `now` when it was in quarantine.
    fn take(
        &mut self,
        topic: &str,
        payload: &[u8],
        arrived_at: Timestamp,
        now: Timestamp,
    ) -> Result<Result<(), (RefusedBy, String)>, Broken> {
        let parsed = match Topic::parse(topic) {
            Ok(parsed) => parsed,
            // No mapping covers a topic of the contract: that is checked when they are loaded.
            Err(why) if !self.config.mappings.is_empty() => {
                return match self.config.mappings.decode(topic, payload, arrived_at) {
                    Some(Ok(mapped)) => self.take_mapped(mapped, now),
                    Some(Err(why)) => Ok(Err((RefusedBy::Frame, why.to_string()))),
                    None => Ok(Err((RefusedBy::Topic, format!("{why}, and no mapping covers it")))),
                };
            }
            Err(why) => return Ok(Err((RefusedBy::Topic, why.to_string()))),
        };
        if parsed.tenant != self.config.tenant.as_str() {
            let why = format!("topic names tenant {:?}, this is {:?}", parsed.tenant, self.config.tenant);
            return Ok(Err((RefusedBy::Topic, why)));
        }
        let site = match SiteId::new(parsed.site) {
            Ok(site) => site,
            Err(why) => return Ok(Err((RefusedBy::Topic, why.to_string()))),
        };
        let frame = match codec::decode(parsed.channel, parsed.device, payload) {
            Ok(frame) => frame,
            Err(why) => return Ok(Err((RefusedBy::Frame, why.to_string()))),
        };
        if let Some(at) = Channel::UP.iter().position(|channel| *channel == parsed.channel) {
            self.open.counts.messages[at] += 1;
        }
        match frame {
            // An array is taken frame by frame: one that is refused does not take the others with it.
            Frame::Telemetry(frames) if frames.len() > 1 => {
                for frame in frames {
                    let bytes = codec::encode(&frame, Encoding::Json);
                    let taken = self.observe(&site, Frame::Telemetry(vec![frame]), now)?;
                    if let (Err(why), Ok(bytes)) = (taken, bytes) {
                        self.quarantine(topic, &bytes, RefusedBy::Twin, why, now)?;
                    }
                }
                Ok(Ok(()))
            }
            frame => Ok(self.observe(&site, frame, now)?.map_err(|why| (RefusedBy::Twin, why))),
        }
    }

    /// Takes all frames of a payload, or none.
    fn take_mapped(&mut self, mapped: Mapped, now: Timestamp) -> Result<Result<(), (RefusedBy, String)>, Broken> {
        let Mapped { frames, units } = mapped;
        if let Some(at) = Channel::UP.iter().position(|channel| *channel == Channel::Telemetry) {
            self.open.counts.messages[at] += 1;
        }
        if frames.len() > 1 {
            // On a clone first, since each frame is judged against those before it.
            let (mut trial, mut touched) = (self.twin.clone(), Vec::new());
            for MappedFrame { site, frame } in &frames {
                let frame = Frame::Telemetry(vec![frame.clone()]);
                match trial.observe(site, frame, now, &self.config.observe) {
                    Ok(facts) => {
                        for fact in facts {
                            trial.apply(trial.revision + 1, &fact, &mut touched)?;
                        }
                    }
                    Err(refusal) => return Ok(Err((RefusedBy::Twin, refusal.to_string()))),
                }
            }
        }
        for MappedFrame { site, frame } in frames {
            match self.twin.observe(&site, Frame::Telemetry(vec![frame]), now, &self.config.observe) {
                Ok(facts) => {
                    self.open.counts.duplicates += u64::from(facts.is_empty());
                    for mut fact in facts {
                        if let Fact::SeriesDefined { metric, unit, .. } = &mut fact
                            && let Some(known) = units.get(metric)
                        {
                            unit.clone_from(known);
                        }
                        self.record(fact, now)?;
                    }
                }
                Err(refusal) => return Ok(Err((RefusedBy::Twin, refusal.to_string()))),
            }
        }
        Ok(Ok(()))
    }

    fn observe(&mut self, site: &SiteId, frame: Frame, now: Timestamp) -> Result<Result<(), String>, Broken> {
        match self.twin.observe(site, frame, now, &self.config.observe) {
            Ok(facts) => {
                self.open.counts.duplicates += u64::from(facts.is_empty());
                facts.into_iter().try_for_each(|fact| self.record(fact, now))?;
                Ok(Ok(()))
            }
            Err(refusal) => Ok(Err(refusal.to_string())),
        }
    }

    fn asked(&mut self, request: Request, now: Timestamp) -> Result<Result<Reply, RequestError>, Broken> {
        match request {
            Request::AcknowledgeAlert { id, by, note } => {
                let Some(alert) = self.twin.alerts.get(&id) else { return Ok(Err(not_found("alert", id.0))) };
                if alert.cleared_at.is_some() {
                    return Ok(Err(RequestError::Conflict(format!("alert {} is cleared already", id.0))));
                }
                // The first to see it stays the one who did.
                if alert.acknowledged.is_some() {
                    return Ok(Ok(Reply::Already));
                }
                self.record(Fact::AlertAcknowledged { id, at: now, by, note }, now)?;
                Ok(Ok(Reply::Done))
            }
            Request::Redrive { id, payload } => {
                let Some(record) = self.twin.quarantine.get(&id) else {
                    return Ok(Err(not_found("quarantined payload", id.0)));
                };
                let (topic, arrived_at) = (record.topic.clone(), record.received_at);
                match self.take(&topic, &payload, arrived_at, now)? {
                    Ok(()) => {
                        self.record(Fact::QuarantineResolved { id, at: now, discarded: false }, now)?;
                        Ok(Ok(Reply::Done))
                    }
                    Err((_, reason)) => Ok(Ok(Reply::RefusedAgain(reason))),
                }
            }
            Request::Quarantine { topic, payload, reason } => {
                let refused_by = RefusedBy::Database;
                // Asked again after a crash, before the cursor was saved.
                let is_same = |known: &QuarantineRecord| {
                    known.refused_by == refused_by && *known.topic == *topic && *known.reason == *reason
                };
                if self.twin.quarantine.values().rev().any(is_same) {
                    return Ok(Ok(Reply::Already));
                }
                self.record(Fact::Quarantined { received_at: now, topic, payload, refused_by, reason }, now)?;
                Ok(Ok(Reply::Done))
            }
            Request::Discard { id } => {
                if !self.twin.quarantine.contains_key(&id) {
                    return Ok(Err(not_found("quarantined payload", id.0)));
                }
                self.record(Fact::QuarantineResolved { id, at: now, discarded: true }, now)?;
                Ok(Ok(Reply::Done))
            }
            Request::Command { device, command, action, expires_at } => {
                let Some(at) = self.twin.device_by_id.get(&device).copied() else {
                    return Ok(Err(not_found("device", device)));
                };
                if let Some(known) = self.twin.commands.get(&command) {
                    let same = known.device == at && known.frame.action == action;
                    let conflict =
                        || RequestError::Conflict(format!("command {command} was given before, and differs"));
                    return Ok(if same { Ok(Reply::Already) } else { Err(conflict()) });
                }
                let frame = CommandFrame { command, issued_at: now, expires_at, action };
                self.open.sends.extend(self.command_message(DeviceIdx(at), &frame));
                self.record(Fact::CommandIssued { device: DeviceIdx(at), command: frame }, now)?;
                Ok(Ok(Reply::Done))
            }
            Request::TakeOrders(orders) => {
                let taken: Result<Vec<_>, Broken> = orders.into_iter().map(|it| self.take_order(it, now)).collect();
                Ok(Ok(Reply::Orders(taken?)))
            }
            Request::AmendOrder { order, version } => self.amend_order(*order, version, now),
            Request::CancelOrder { order, version, reason } => self.cancel_order(order, version, reason, now),
            Request::DecideReplenishment { position, version, by, document } => {
                self.decide_replenishment(position, version, by, document, now)
            }
            Request::TakePlan { is_first, seen, proposals } => self.take_plan(is_first, seen, proposals, now),
            Request::DecideProposals { ids, decision, by, note } => {
                self.decide_proposals(&ids, decision, by.as_deref(), note.as_deref(), now)
            }
            Request::PlaceProposals { ids, by } => self.place_proposals(&ids, by.as_deref(), now),
            Request::ConfirmSupply { order, due_at } => self.confirm_supply(order, due_at, now),
            Request::CancelSupply { order, reason } => self.cancel_supply(order, reason, now),
            Request::OverrideForecast { site, sku, by, note, weeks } => {
                if let Err(why) = self.known_position(&site, &sku) {
                    return Ok(Err(why));
                }
                self.record(Fact::ForecastOverridden { at: now, site, sku, by, note, weeks }, now)?;
                Ok(Ok(Reply::Done))
            }
            Request::GiveRoutes(give) => self.give_routes(*give, now),
            Request::Replanned { plan, causes, outcome } => {
                self.record(Fact::RoutesReplanned { at: now, plan, causes, outcome }, now)?;
                Ok(Ok(Reply::Done))
            }
            Request::SwitchLane { lane, is_closed, by, reason } => self.switch_lane(lane, is_closed, by, reason, now),
            Request::GiveDemand(given) => {
                for GivenDemand { site, sku, from, weeks } in given {
                    self.record(Fact::DemandGiven { site, sku, from, weeks }, now)?;
                }
                Ok(Ok(Reply::Done))
            }
        }
    }

    fn command_message(&self, device: DeviceIdx, frame: &CommandFrame) -> Option<(CommandId, String, Vec<u8>)> {
        let device = self.twin.devices.get(device.0 as usize)?;
        let site = &self.twin.sites[device.site.at()].spec.site;
        let topic = topic(&self.config.tenant, site, &device.device, Channel::Command);
        Some((frame.command.clone(), topic, codec::encode(frame, Encoding::Json).ok()?))
    }
}

impl Counts {
    /// Adds the other's numbers.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.messages.iter_mut().zip(other.messages) {
            *sum += more;
        }
        for (sum, more) in self.quarantined.iter_mut().zip(other.quarantined) {
            *sum += more;
        }
        self.duplicates += other.duplicates;
        self.readings += other.readings;
        self.events += other.events;
    }
}

fn release<T>(batch: Batch<T>, twin: Twin, at: Timestamp) -> Vec<Effect<T>> {
    let Batch { touched, points, counts, acknowledge, answers, sends, .. } = batch;
    let mut effects = Vec::with_capacity(1 + acknowledge.len() + answers.len() + sends.len());
    effects.push(Effect::Publish(Box::new(Durable { twin, touched, points, at, counts })));
    effects.extend(acknowledge.into_iter().map(Effect::Acknowledge));
    effects.extend(answers.into_iter().map(|(ticket, answer)| Effect::Answer(ticket, answer)));
    effects.extend(sends.into_iter().map(|(command, topic, payload)| Effect::Send { command, topic, payload }));
    effects
}
