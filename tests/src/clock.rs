//! Time that passes only when the test says so.

use firmware_schemas::quantity::Timestamp;
use gateway::ports::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// A [`Clock`] whose wall clock can be set wrong. Clones show the same time.
#[derive(Clone, Debug)]
pub struct VirtualClock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    start: Timestamp,
    passed_nanos: AtomicU64,
    wrong_by_nanos: AtomicI64,
}

impl VirtualClock {
    /// Shows `start`, and is right.
    pub fn new(start: Timestamp) -> Self {
        let inner = Inner { start, passed_nanos: AtomicU64::new(0), wrong_by_nanos: AtomicI64::new(0) };
        Self { inner: Arc::new(inner) }
    }

    /// Lets time pass.
    pub fn advance(&self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.inner.passed_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Sets the wall clock wrong by this many seconds, ahead if positive; 0 puts it right.
    pub fn set_wrong_by(&self, secs: i64) {
        self.inner.wrong_by_nanos.store(secs.saturating_mul(1_000_000_000), Ordering::Relaxed);
    }

    /// What a clock that is right shows.
    pub fn true_time(&self) -> Timestamp {
        self.inner.start.saturating_add(self.monotonic())
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let wrong_by = self.inner.wrong_by_nanos.load(Ordering::Relaxed);
        Timestamp::from_nanos(self.true_time().as_nanos().saturating_add(wrong_by))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.inner.passed_nanos.load(Ordering::Relaxed))
    }
}
