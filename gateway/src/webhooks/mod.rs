//! Webhooks: events out of the journal, posted to whoever asked, in the format of
//! [Standard Webhooks](https://www.standardwebhooks.com).
//!
//! ```text
//! journal ─▶ event::events_of ─▶ worker (one a receiver, with a cursor of its own) ─▶ post ─▶ receiver
//!                                   │ not taken
//!                                   ▼
//!                                letters: waiting, dead ─▶ tried again, or on demand
//! ```
//!
//! Each event is delivered at least once, with the same id every time. What a receiver does not take holds up no other
//! receiver, and nothing in the gateway waits for any.

mod endpoint;
pub mod event;
pub mod metrics;
mod post;
pub mod schedule;
mod shelf;
pub mod signature;
pub mod target;
mod worker;

pub use self::shelf::WEBHOOKS_FOLDER;

use self::endpoint::Endpoint;
use self::event::{Event, body};
use self::metrics::WebhookCensus;
use self::post::{Outcome, Poster};
use self::shelf::{EndpointRecord, Shelf};
use self::signature::{Secret, SecretError, random_bytes};
use self::target::{Allowed, Network, TargetError};
use crate::clock::SystemClock;
use crate::config;
use crate::http::Published;
use crate::journal::{JournalReader, ReplaceError};
use crate::ports::{Clock, Disk};
use arc_swap::ArcSwap;
use base64::Engine;
use firmware_schemas::api::webhook::{
    DeliveryOutcome, DeliveryView, EventType, LetterBody, LetterView, WebhookChange, WebhookRequest, WebhookState,
    WebhookView,
};
use firmware_schemas::id::{MessageId, WebhookId};
use firmware_schemas::quantity::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;
use tracing::{info, warn};

/// How nice its threads are to all others (0 to 19).
const NICE: i32 = 5;
/// A stop waits so long for the workers.
const STOP_WITHIN: Duration = Duration::from_secs(4);
/// For so long signatures are made with the former secret too.
const FORMER_SECRET: Duration = Duration::from_secs(86_400);

/// How webhooks are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Where they may go.
    pub allowed: Allowed,
    /// Receivers, at most.
    pub endpoints_max: usize,
    /// Tries of one receiver at once.
    pub in_flight_max: usize,
    /// A receiver answers within this.
    pub timeout: Duration,
    /// The waits before the second and further tries, in seconds.
    pub retry_secs: Vec<u64>,
    /// A receiver that takes nothing is tried at least this often.
    pub probe_secs: u64,
    /// After so long it is switched off.
    pub off_after_secs: u64,
    /// Dead letters of one receiver, at most.
    pub dead_letters_max: u64,
}

impl From<&config::Webhooks> for WebhookConfig {
    fn from(config: &config::Webhooks) -> Self {
        Self {
            allowed: Allowed {
                private: config.allow_private,
                // Checked when the configuration was loaded.
                networks: config.networks.iter().filter_map(|text| Network::parse(text)).collect(),
                hosts: config.hosts.clone(),
            },
            endpoints_max: config.receivers_max,
            in_flight_max: config.in_flight_max,
            timeout: Duration::from_secs(config.timeout_secs),
            retry_secs: config.retry_secs.clone(),
            probe_secs: config.probe_secs,
            off_after_secs: config.off_after_secs,
            dead_letters_max: config.dead_letters_max,
        }
    }
}

/// Why a request about webhooks is refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// There is none of this id.
    #[error("there is no webhook {:?}", .0.as_str())]
    NotFound(WebhookId),
    /// It has no such letter.
    #[error("there is no such event {:?} that was not taken", .0.as_str())]
    NoLetter(MessageId),
    /// The id is that of another request.
    #[error("webhook {0} was made by another request with this key")]
    Conflict(WebhookId),
    /// There are as many as there may be.
    #[error("there are {0} webhooks, as many as webhooks.receivers_max allows")]
    TooMany(usize),
    /// The address.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The disk.
    #[error("webhooks cannot be kept: {0}")]
    Disk(String),
    /// They are not sent yet, or no more.
    #[error("webhooks are not being sent: the gateway starts or stops")]
    Stopped,
}

impl From<ReplaceError> for WebhookError {
    fn from(why: ReplaceError) -> Self {
        Self::Disk(why.to_string())
    }
}

/// Why webhooks cannot be sent at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookOpenError {
    /// What is kept of them.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// The HTTP library refuses.
    #[error("HTTP: {0}")]
    Http(#[from] reqwest::Error),
}

/// What every worker works with.
struct Shared {
    journal: JournalReader,
    published: Arc<ArcSwap<Published>>,
    shelf: Shelf,
    poster: Poster,
    config: WebhookConfig,
    /// The gateway's own part of the ids of events.
    source: u32,
    stop: watch::Sender<bool>,
    /// Tries by outcome.
    tries: [AtomicU64; 3],
}

impl Shared {
    fn count(&self, outcome: DeliveryOutcome) {
        let at = match outcome {
            DeliveryOutcome::Delivered => 0,
            DeliveryOutcome::Refused => 1,
            DeliveryOutcome::Unanswered => 2,
        };
        self.tries[at].fetch_add(1, Ordering::Relaxed);
    }
}

/// All receivers.
pub struct Webhooks {
    shared: Arc<Shared>,
    endpoints: Mutex<BTreeMap<WebhookId, Arc<Endpoint>>>,
    /// Where workers run, once they do.
    runtime: Mutex<Option<Handle>>,
    allowed: Allowed,
}

/// Webhooks being sent.
pub struct WebhookRunner {
    webhooks: Arc<Webhooks>,
    runtime: Runtime,
}

impl WebhookRunner {
    /// Starts no more tries, waits a moment for those under way, and keeps how far each receiver is. Blocks.
    pub fn stop(self) {
        self.webhooks.runtime().take();
        self.webhooks.shared.stop.send_replace(true);
        // A worker hears of the stop for as long as it lives.
        let ended = async {
            tokio::time::timeout(STOP_WITHIN, self.webhooks.shared.stop.closed()).await.ok();
        };
        self.runtime.block_on(ended);
        self.runtime.shutdown_background();
    }
}

impl Webhooks {
    /// What is kept on this disk. Nothing is sent before [`Webhooks::start`].
    pub fn open(
        config: WebhookConfig,
        journal: JournalReader,
        published: Arc<ArcSwap<Published>>,
        disk: Arc<dyn Disk>,
    ) -> Result<Arc<Self>, WebhookOpenError> {
        let allowed = config.allowed.clone();
        let poster = Poster::new(Arc::new(allowed.clone()), config.timeout)?;
        let shelf = Shelf::new(disk);
        let source = shelf.source()?;
        let mut endpoints = BTreeMap::new();
        for record in shelf.endpoints()? {
            let webhook = record.webhook.clone();
            let settled = shelf.cursor(&webhook).unwrap_or_else(|| journal.durable());
            let letters = shelf.letters(&webhook)?;
            endpoints.insert(webhook, Arc::new(Endpoint::new(record, settled, letters)));
        }
        let (stop, _) = watch::channel(false);
        let shared = Shared { journal, published, shelf, poster, config, source, stop, tries: Default::default() };
        let endpoints = Mutex::new(endpoints);
        Ok(Arc::new(Self { shared: Arc::new(shared), endpoints, runtime: Mutex::default(), allowed }))
    }

    /// Starts sending.
    pub fn start(self: &Arc<Self>) -> io::Result<WebhookRunner> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("webhooks")
            .on_thread_start(be_nice)
            .enable_all()
            .build()?;
        *self.runtime() = Some(runtime.handle().clone());
        for endpoint in self.endpoints().values() {
            runtime.spawn(worker::run(Arc::clone(&self.shared), Arc::clone(endpoint)));
        }
        Ok(WebhookRunner { webhooks: Arc::clone(self), runtime })
    }

    fn runtime(&self) -> MutexGuard<'_, Option<Handle>> {
        self.runtime.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn endpoints(&self) -> MutexGuard<'_, BTreeMap<WebhookId, Arc<Endpoint>>> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, webhook: &WebhookId) -> Result<Arc<Endpoint>, WebhookError> {
        self.endpoints().get(webhook).cloned().ok_or_else(|| WebhookError::NotFound(webhook.clone()))
    }

    /// Whether an address may be posted to, as far as that can be told without looking up names.
    pub fn check_url(&self, url: &str) -> Result<(), TargetError> {
        self.allowed.url(url).map(drop)
    }

    /// Makes a receiver, which is told what happens from now on; durable on return. The same request again gives the
    /// same receiver, without its secret.
    pub fn create(&self, webhook: WebhookId, asked: &WebhookRequest) -> Result<WebhookView, WebhookError> {
        let digest = digest(asked);
        let mut endpoints = self.endpoints();
        if let Some(known) = endpoints.get(&webhook) {
            let is_the_same = known.lock().record.asked == digest;
            let view = known.view(self.shared.journal.durable());
            return if is_the_same { Ok(view) } else { Err(WebhookError::Conflict(webhook)) };
        }
        if endpoints.len() >= self.shared.config.endpoints_max {
            return Err(WebhookError::TooMany(endpoints.len()));
        }
        self.check_url(&asked.url)?;
        let secret = match &asked.secret {
            Some(text) => Secret::parse(text)?,
            None => Secret::random()?,
        };
        let now = SystemClock.now();
        let number = endpoints.values().map(|it| it.lock().record.number).max().map_or(1, |number| number + 1);
        let record = EndpointRecord {
            number,
            webhook: webhook.clone(),
            asked: digest,
            url: asked.url.clone(),
            event_types: asked.event_types.clone(),
            sites: asked.sites.clone(),
            description: asked.description.clone(),
            enabled: true,
            off_because: None,
            secret: secret.clone(),
            former_secret: None,
            created_at: now,
            changed_at: now,
            failing_since: None,
            skipped_records: 0,
        };
        let settled = self.shared.journal.durable();
        // The cursor first: a receiver without one would begin wherever the journal is by then.
        self.shared.shelf.keep_cursor(&webhook, settled)?;
        self.shared.shelf.keep(&record)?;
        let endpoint = Arc::new(Endpoint::new(record, settled, Vec::new()));
        if let Some(runtime) = self.runtime().as_ref() {
            runtime.spawn(worker::run(Arc::clone(&self.shared), Arc::clone(&endpoint)));
        }
        info!(%webhook, "a receiver of webhooks was made");
        let view = endpoint.view(settled);
        endpoints.insert(webhook, endpoint);
        Ok(WebhookView { secret: Some(secret.reveal()), ..view })
    }

    /// Changes a receiver; durable on return.
    pub fn change(&self, webhook: &WebhookId, change: &WebhookChange) -> Result<WebhookView, WebhookError> {
        let endpoint = self.find(webhook)?;
        if let Some(url) = &change.url {
            self.check_url(url)?;
        }
        let secret = match &change.secret {
            Some(text) => Some(Secret::parse(text)?),
            None if change.new_secret => Some(Secret::random()?),
            None => None,
        };
        let now = SystemClock.now();
        let shown = {
            let mut inner = endpoint.lock();
            if inner.removed {
                return Err(WebhookError::NotFound(webhook.clone()));
            }
            let mut record = inner.record.clone();
            let WebhookChange { url, event_types, sites, description, enabled, .. } = change.clone();
            record.url = url.unwrap_or(record.url);
            record.event_types = event_types.unwrap_or(record.event_types);
            record.sites = sites.unwrap_or(record.sites);
            record.description = description.or(record.description);
            let mut shown = None;
            if let Some(secret) = secret.filter(|secret| *secret != record.secret) {
                shown = Some(secret.reveal());
                let former = std::mem::replace(&mut record.secret, secret);
                record.former_secret = Some((former, now.saturating_add(FORMER_SECRET)));
            }
            let is_switched_on = enabled == Some(true) && !record.enabled;
            if let Some(enabled) = enabled {
                record.enabled = enabled;
                record.off_because = (!enabled).then(|| "somebody switched it off".to_owned());
            }
            if is_switched_on {
                record.failing_since = None;
            }
            record.changed_at = now;
            self.shared.shelf.keep(&record)?;
            inner.record = record;
            if is_switched_on {
                // As if nothing had been tried: what waits is due.
                inner.in_a_row = 0;
                inner.rest_until = None;
                inner.letters.values_mut().for_each(|it| it.next_at = it.next_at.map(|at| at.min(now)));
            }
            shown
        };
        endpoint.wake.notify_one();
        Ok(WebhookView { secret: shown, ..endpoint.view(self.shared.journal.durable()) })
    }

    /// Removes a receiver with all that was not taken; false when there is none.
    pub fn delete(&self, webhook: &WebhookId) -> Result<bool, WebhookError> {
        let mut endpoints = self.endpoints();
        let Some(endpoint) = endpoints.get(webhook).cloned() else { return Ok(false) };
        // Under its lock, so that the worker writes nothing behind us.
        let mut inner = endpoint.lock();
        self.shared.shelf.forget(webhook).map_err(|why| WebhookError::Disk(why.to_string()))?;
        inner.removed = true;
        inner.letters.clear();
        drop(inner);
        endpoints.remove(webhook);
        endpoint.wake.notify_one();
        info!(%webhook, "a receiver of webhooks was removed");
        Ok(true)
    }

    /// All receivers, by id, behind this one.
    pub fn list(&self, beyond: Option<&WebhookId>) -> Vec<WebhookView> {
        let durable = self.shared.journal.durable();
        let endpoints = self.endpoints();
        let behind = endpoints.iter().filter(|(webhook, _)| beyond.is_none_or(|beyond| *webhook > beyond));
        behind.map(|(_, endpoint)| endpoint.view(durable)).collect()
    }

    /// One receiver.
    pub fn one(&self, webhook: &WebhookId) -> Result<WebhookView, WebhookError> {
        Ok(self.find(webhook)?.view(self.shared.journal.durable()))
    }

    /// Tries, newest first, before this number; those since the start of the gateway, the last 500.
    pub fn tries(&self, webhook: &WebhookId, before: Option<u64>) -> Result<Vec<DeliveryView>, WebhookError> {
        let endpoint = self.find(webhook)?;
        let inner = endpoint.lock();
        let older = inner.tries.iter().rev().filter(|it| before.is_none_or(|before| it.number < before));
        Ok(older.cloned().collect())
    }

    /// Events that were not taken, by id, behind this one: the dead ones, or those that wait.
    pub fn letters(
        &self,
        webhook: &WebhookId,
        dead: bool,
        beyond: Option<&MessageId>,
    ) -> Result<Vec<LetterView>, WebhookError> {
        let endpoint = self.find(webhook)?;
        let inner = endpoint.lock();
        let behind = inner.letters.iter().filter(|(id, _)| beyond.is_none_or(|beyond| *id > beyond));
        Ok(behind.filter(|(_, it)| it.next_at.is_none() == dead).map(|(_, letter)| letter.view()).collect())
    }

    /// One event that was not taken, with its body.
    pub fn letter(&self, webhook: &WebhookId, message: &MessageId) -> Result<LetterBody, WebhookError> {
        let endpoint = self.find(webhook)?;
        let inner = endpoint.lock();
        let letter = inner.letters.get(message).ok_or_else(|| WebhookError::NoLetter(message.clone()))?;
        let body = self.shared.shelf.body(webhook, message).map_err(|why| WebhookError::Disk(why.to_string()))?;
        Ok(LetterBody { about: letter.view(), body })
    }

    /// Tries dead letters again as if they were new, this one or all; gives how many. Durable on return.
    pub fn redrive(&self, webhook: &WebhookId, message: Option<&MessageId>) -> Result<u64, WebhookError> {
        let endpoint = self.find(webhook)?;
        let mut inner = endpoint.lock();
        if let Some(message) = message
            && !inner.letters.contains_key(message)
        {
            return Err(WebhookError::NoLetter(message.clone()));
        }
        let wanted = |letter: &&mut shelf::Letter| message.is_none_or(|message| letter.message == *message);
        let mut count = 0;
        for letter in inner.letters.values_mut().filter(|it| it.next_at.is_none()).filter(wanted) {
            let body = self.shared.shelf.body(webhook, &letter.message);
            let body = body.map_err(|why| WebhookError::Disk(why.to_string()))?;
            let again = shelf::Letter { attempts: 0, next_at: Some(SystemClock.now()), ..letter.clone() };
            self.shared.shelf.keep_letter(webhook, &again, &body)?;
            *letter = again;
            count += 1;
        }
        drop(inner);
        endpoint.wake.notify_one();
        Ok(count)
    }

    /// Throws away an event that was not taken; false when there is none.
    pub fn discard(&self, webhook: &WebhookId, message: &MessageId) -> Result<bool, WebhookError> {
        let endpoint = self.find(webhook)?;
        let mut inner = endpoint.lock();
        let known = inner.letters.remove(message).is_some();
        if known {
            self.shared.shelf.forget_letter(webhook, message);
        }
        Ok(known)
    }

    /// Posts an event of the type `webhook.test` once, and says how that went.
    pub async fn test(self: &Arc<Self>, webhook: &WebhookId) -> Result<DeliveryView, WebhookError> {
        let runtime = self.runtime().clone().ok_or(WebhookError::Stopped)?;
        let (this, webhook) = (Arc::clone(self), webhook.clone());
        // Connections live on the runtime of the workers.
        let tried = runtime.spawn(async move { this.try_once(&webhook).await });
        tried.await.map_err(|_cut_off| WebhookError::Stopped)?
    }

    async fn try_once(&self, webhook: &WebhookId) -> Result<DeliveryView, WebhookError> {
        let endpoint = self.find(webhook)?;
        let now = SystemClock.now();
        let random = u64::from_le_bytes(random_bytes::<8>()?);
        let message = MessageId::new(&format!("msg_test_{random:016x}"));
        let message = message.map_err(|why| WebhookError::Disk(why.to_string()))?;
        let data = json!({ "webhook": webhook });
        let event = Event { event_type: EventType::WebhookTest, at: now, sites: Vec::new(), data };
        let (url, secrets) = {
            let inner = endpoint.lock();
            (inner.record.url.clone(), inner.secrets(now))
        };
        let outcome = self.shared.poster.post(&url, &secrets, &message, body(&event, None)).await;
        self.shared.count(outcome.outcome);
        let view = self.tested(&endpoint, &message, now, &outcome);
        endpoint.wake.notify_one();
        Ok(view)
    }

    fn tested(&self, endpoint: &Endpoint, message: &MessageId, at: Timestamp, outcome: &Outcome) -> DeliveryView {
        let mut inner = endpoint.lock();
        let view = inner.remember(message, EventType::WebhookTest, 1, at, outcome);
        if outcome.is_delivered()
            && inner.has_taken(at)
            && !inner.removed
            && let Err(why) = self.shared.shelf.keep(&inner.record)
        {
            warn!(%why, "the state of a receiver of webhooks is not kept");
        }
        view
    }

    /// How all do together.
    pub fn census(&self) -> WebhookCensus {
        let durable = self.shared.journal.durable();
        let tries = std::array::from_fn(|at| self.shared.tries[at].load(Ordering::Relaxed));
        let mut census = WebhookCensus { tries, ..WebhookCensus::default() };
        for endpoint in self.endpoints().values() {
            let behind = endpoint.behind(durable);
            let inner = endpoint.lock();
            match inner.state() {
                WebhookState::Active => census.active += 1,
                WebhookState::Failing => census.failing += 1,
                WebhookState::Off => census.off += 1,
            }
            if inner.record.enabled {
                census.behind_records = census.behind_records.max(behind);
            }
            census.waiting += inner.n_waiting();
            census.dead_letters += inner.letters.len() as u64 - inner.n_waiting();
        }
        census
    }
}

/// What is live cannot wait, webhooks can. They work without that, too.
fn be_nice() {
    rustix::process::nice(NICE).ok();
}

/// Of a request: it has a secret, so it is not kept itself.
fn digest(asked: &WebhookRequest) -> String {
    let bytes = serde_json::to_vec(asked).unwrap_or_default();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
    base64::engine::general_purpose::STANDARD.encode(digest)
}

/// What is wrong with receivers that are kept on a disk, for a person: id and reason.
pub fn findings(disk: Arc<dyn Disk>) -> io::Result<Vec<(WebhookId, String)>> {
    let shelf = Shelf::new(disk);
    let mut found = Vec::new();
    for record in shelf.endpoints()? {
        let dead = shelf.letters(&record.webhook)?.iter().filter(|letter| letter.next_at.is_none()).count();
        match (record.enabled, record.failing_since) {
            (false, _) => {
                let because = record.off_because.unwrap_or_default();
                found.push((record.webhook, format!("it is switched off: {because}")));
            }
            (true, Some(since)) => found.push((record.webhook, format!("it has taken nothing since {since}"))),
            (true, None) if dead > 0 => found.push((record.webhook, format!("it has {dead} dead letters"))),
            (true, None) => {}
        }
    }
    Ok(found)
}
