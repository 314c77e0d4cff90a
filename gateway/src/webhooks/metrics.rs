//! What is counted of webhooks.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByState {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

/// How all receivers do together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WebhookCensus {
    /// Receivers that take what they are sent.
    pub active: u64,
    /// Receivers that do not.
    pub failing: u64,
    /// Receivers that are sent nothing.
    pub off: u64,
    /// Events that are tried again.
    pub waiting: u64,
    /// Events that are tried no more.
    pub dead_letters: u64,
    /// Records of the journal that the receiver that is farthest behind lacks; of those that are not off.
    pub behind_records: u64,
    /// Tries since the start: taken, answered otherwise, not answered.
    pub tries: [u64; 3],
}

/// The same for `/metrics`.
#[derive(Default)]
pub struct WebhookMetrics {
    receivers: Family<ByState, Gauge>,
    letters: Family<ByState, Gauge>,
    behind: Gauge,
    tries: Family<ByOutcome, Counter>,
}

impl WebhookMetrics {
    /// Makes them known.
    pub fn register(&self, r: &mut Registry) {
        r.register("webhooks", "Receivers of webhooks, by state", self.receivers.clone());
        r.register("webhook_letters", "Events that a receiver did not take, by state", self.letters.clone());
        let help = "Journal records not looked at for the receiver that is farthest behind";
        r.register("webhook_behind_records", help, self.behind.clone());
        r.register("webhook_tries", "Posts to receivers since the start, by outcome", self.tries.clone());
    }

    /// Shows these. One at a time.
    pub fn set(&self, census: &WebhookCensus) {
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        for (state, n) in [("active", census.active), ("failing", census.failing), ("off", census.off)] {
            self.receivers.get_or_create(&ByState { state }).set(signed(n));
        }
        for (state, n) in [("waiting", census.waiting), ("dead", census.dead_letters)] {
            self.letters.get_or_create(&ByState { state }).set(signed(n));
        }
        self.behind.set(signed(census.behind_records));
        for (outcome, n) in ["delivered", "refused", "unanswered"].into_iter().zip(census.tries) {
            let counter = self.tries.get_or_create(&ByOutcome { outcome });
            counter.inc_by(n.saturating_sub(counter.get()));
        }
    }
}
