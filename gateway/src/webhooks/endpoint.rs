//! One receiver: what is known about it, shared by its worker and by HTTP.

use super::post::Outcome;
use super::shelf::{EndpointRecord, Letter};
use super::signature::Secret;
use crate::journal::Seq;
use firmware_schemas::api::webhook::{DeliveryView, EventType, WebhookState, WebhookView};
use firmware_schemas::id::{MessageId, SiteId};
use firmware_schemas::quantity::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// After so many tries in a row that were not taken, a receiver is failing.
pub(super) const FAILING_AFTER: u32 = 3;
/// Tries that are remembered.
const TRIES_KEPT: usize = 500;

/// A receiver.
pub(super) struct Endpoint {
    inner: Mutex<Inner>,
    /// Something was changed.
    pub(super) wake: Notify,
    /// The record up to which every event was taken or is a letter.
    pub(super) settled: AtomicU64,
}

/// All that changes.
pub(super) struct Inner {
    pub(super) record: EndpointRecord,
    /// What was not taken, waiting and dead.
    pub(super) letters: BTreeMap<MessageId, Letter>,
    pub(super) tries: VecDeque<DeliveryView>,
    n_tries: u64,
    /// Tries that were not taken since the last that was.
    pub(super) in_a_row: u32,
    pub(super) last_error: Option<String>,
    pub(super) delivered_at: Option<Timestamp>,
    /// The receiver asked for rest until then.
    pub(super) rest_until: Option<Timestamp>,
    /// Why nothing can be read for it.
    pub(super) stuck: Option<String>,
    pub(super) removed: bool,
}

impl Endpoint {
    pub(super) fn new(record: EndpointRecord, settled: Seq, letters: Vec<Letter>) -> Self {
        let in_a_row = if record.failing_since.is_some() { FAILING_AFTER } else { 0 };
        Self {
            inner: Mutex::new(Inner {
                record,
                letters: letters.into_iter().map(|letter| (letter.message.clone(), letter)).collect(),
                tries: VecDeque::new(),
                n_tries: 0,
                in_a_row,
                last_error: None,
                delivered_at: None,
                rest_until: None,
                stuck: None,
                removed: false,
            }),
            wake: Notify::new(),
            settled: AtomicU64::new(settled.0),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is whole before the lock is released.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn behind(&self, durable: Seq) -> u64 {
        durable.0.saturating_sub(self.settled.load(Ordering::Acquire))
    }

    pub(super) fn view(&self, durable: Seq) -> WebhookView {
        let behind_records = self.behind(durable);
        let inner = self.lock();
        let (record, state) = (&inner.record, inner.state());
        let reason = match state {
            WebhookState::Off => record.off_because.clone(),
            WebhookState::Failing => inner.last_error.clone().or_else(|| Some("it failed before the restart".into())),
            WebhookState::Active => inner.stuck.clone(),
        };
        WebhookView {
            webhook: record.webhook.clone(),
            url: record.url.clone(),
            event_types: record.event_types.clone(),
            sites: record.sites.clone(),
            description: record.description.clone(),
            enabled: record.enabled,
            state,
            reason,
            secret: None,
            created_at: record.created_at,
            changed_at: record.changed_at,
            failing_since: record.failing_since,
            delivered_at: inner.delivered_at,
            behind_records,
            skipped_records: record.skipped_records,
            waiting: inner.n_waiting(),
            dead_letters: inner.letters.len() as u64 - inner.n_waiting(),
        }
    }
}

impl Inner {
    pub(super) fn state(&self) -> WebhookState {
        match (self.record.enabled, self.is_failing()) {
            (false, _) => WebhookState::Off,
            (true, true) => WebhookState::Failing,
            (true, false) => WebhookState::Active,
        }
    }

    pub(super) fn is_failing(&self) -> bool {
        self.in_a_row >= FAILING_AFTER
    }

    pub(super) fn n_waiting(&self) -> u64 {
        self.letters.values().filter(|letter| letter.next_at.is_some()).count() as u64
    }

    /// What signatures are made with now.
    pub(super) fn secrets(&self, now: Timestamp) -> Vec<Secret> {
        let former = self.record.former_secret.as_ref().filter(|(_, until)| now < *until);
        std::iter::once(&self.record.secret).chain(former.map(|(secret, _)| secret)).cloned().collect()
    }

    /// Whether it wants to be told of this.
    pub(super) fn wants(&self, event_type: EventType, sites: &[SiteId]) -> bool {
        let EndpointRecord { event_types, sites: wanted, .. } = &self.record;
        (event_types.is_empty() || event_types.contains(&event_type))
            && (wanted.is_empty() || sites.is_empty() || sites.iter().any(|site| wanted.contains(site)))
    }

    /// Remembers a try.
    pub(super) fn remember(
        &mut self,
        message: &MessageId,
        event_type: EventType,
        attempt: u32,
        at: Timestamp,
        outcome: &Outcome,
    ) -> DeliveryView {
        self.n_tries += 1;
        let view = DeliveryView {
            number: self.n_tries,
            message: message.clone(),
            event_type,
            attempt,
            at,
            took_millis: u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
            outcome: outcome.outcome,
            status: outcome.status,
            detail: outcome.detail.clone(),
        };
        self.tries.push_back(view.clone());
        if self.tries.len() > TRIES_KEPT {
            self.tries.pop_front();
        }
        view
    }

    /// It has taken something: what waits is due now. True when it had been failing, which is to be kept.
    pub(super) fn has_taken(&mut self, at: Timestamp) -> bool {
        let was_failing = self.is_failing();
        self.in_a_row = 0;
        self.last_error = None;
        self.delivered_at = Some(at);
        self.rest_until = None;
        if was_failing {
            self.record.failing_since = None;
            for letter in self.letters.values_mut() {
                letter.next_at = letter.next_at.map(|next_at| next_at.min(at));
            }
        }
        was_failing
    }

    /// It has not taken something.
    pub(super) fn has_not_taken(&mut self, outcome: &Outcome) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.last_error = Some(outcome.detail.clone());
    }
}
