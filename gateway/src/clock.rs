//! The only place that reads time.
#![allow(clippy::disallowed_methods)]

use crate::ports::Clock;
use firmware_schemas::quantity::Timestamp;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}

/// A clock that starts at a given instant and runs at a multiple of real time: the demo's.
#[derive(Clone, Copy, Debug)]
pub struct PacedClock {
    start: Timestamp,
    began: Duration,
    pace: f64,
}

impl PacedClock {
    /// Shows `start` now, and passes `pace` seconds each second. `pace` is finite and above zero.
    pub fn new(start: Timestamp, pace: f64) -> Self {
        Self { start, began: SystemClock.monotonic(), pace }
    }
}

impl Clock for PacedClock {
    fn now(&self) -> Timestamp {
        self.start.saturating_add((SystemClock.monotonic() - self.began).mul_f64(self.pace))
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }
}
