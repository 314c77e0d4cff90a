//! When to commit.

use super::Pending;
use std::time::Duration;

/// How long records may wait for company before they are committed: whichever limit is reached first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitPolicy {
    /// Since the oldest waiting record was appended.
    pub max_wait: Duration,
    /// Waiting records.
    pub max_records: usize,
    /// Waiting bytes.
    pub max_bytes: usize,
}

impl Default for CommitPolicy {
    fn default() -> Self {
        Self { max_wait: Duration::from_millis(5), max_records: 256, max_bytes: 1 << 20 }
    }
}

impl CommitPolicy {
    /// True when what is `pending`, the oldest of it for `waited`, should be committed now.
    pub fn due(&self, pending: Pending, waited: Duration) -> bool {
        pending.records > 0
            && (waited >= self.max_wait || pending.records >= self.max_records || pending.bytes >= self.max_bytes)
    }

    /// How long to go on waiting for more; zero when a commit is due, `None` when nothing waits.
    pub fn wait_left(&self, pending: Pending, waited: Duration) -> Option<Duration> {
        if pending.records == 0 {
            None
        } else if self.due(pending, waited) {
            Some(Duration::ZERO)
        } else {
            Some(self.max_wait.saturating_sub(waited))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(records: usize, bytes: usize, waited_millis: u64, expected_left_millis: Option<u64>) {
        let pending = Pending { records, bytes };
        let left = CommitPolicy::default().wait_left(pending, Duration::from_millis(waited_millis));
        assert_eq!(left, expected_left_millis.map(Duration::from_millis), "{pending:?} after {waited_millis} ms");
    }

    #[test]
    fn a_commit_is_due_at_the_first_of_time_records_and_bytes() {
        check(0, 0, 1_000, None);
        check(1, 100, 0, Some(5));
        check(255, 1_000, 3, Some(2));
        check(1, 100, 5, Some(0));
        check(1, 100, 7, Some(0));
        check(256, 1_000, 0, Some(0));
        check(2, 1 << 20, 0, Some(0));
    }
}
