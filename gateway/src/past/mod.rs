//! The twin as it was, and what changed between two moments.
//!
//! ```text
//! milestone before the moment ─▶ Walk: journal, fact by fact ─▶ Standing ─▶ snapshot of then
//! (or one that was just asked for)        └─ what each fact touched ─▶ deltas, one to a step
//! ```
//!
//! The state at a moment is what follows from all records before the first that is of later. Work is on threads that
//! may block, few at once, and neither the core nor the live twin is touched. What was worked out last is held, so
//! that who goes on from there pays only for what lies between.

mod walk;

pub use walk::{Standing, Walk, twin_at};

use crate::journal::{JournalReader, milestone};
use crate::ports::Disk;
use crate::recover::RecoverError;
use firmware_schemas::api::past::{ChangesView, PastView};
use firmware_schemas::id::TenantId;
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::{Change, Delta};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use twin::view::TouchedSet;

/// States that are held for who goes on from there. Each is a twin in memory.
const HELD_MAX: usize = 3;

/// A page of changes ends at the first step after so many.
const PAGE_CHANGES: usize = 20_000;

/// What is asked of the past.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// What was known by then is not told.
    pub from: Timestamp,
    /// The end, included.
    pub to: Timestamp,
    /// One delta for what became known within so long; not zero. Steps begin at multiples of it.
    pub step: Duration,
    /// Stock position by position as well.
    pub with_stock: bool,
}

/// Answers questions about the past.
pub struct Past {
    disk: Arc<dyn Disk>,
    journal: JournalReader,
    tenant: TenantId,
    held: Mutex<VecDeque<Standing>>,
    /// Permits to work on the past.
    pub permits: Arc<Semaphore>,
}

impl Past {
    /// Of this journal; at most `at_once` questions are worked on at once.
    pub fn new(disk: Arc<dyn Disk>, journal: JournalReader, tenant: TenantId, at_once: usize) -> Self {
        let permits = Arc::new(Semaphore::new(at_once.max(1)));
        Self { disk, journal, tenant, held: Mutex::default(), permits }
    }

    /// The state at `at`. `stop` calls it off; who asks again goes on from there.
    pub fn standing(&self, at: Timestamp, stop: &dyn Fn() -> bool) -> Result<Standing, RecoverError> {
        let mut walk = self.walk(at, stop)?;
        let came = walk.to(at, stop, &mut |_, _| {});
        self.hold(walk.standing());
        came.map(|()| walk.standing().clone())
    }

    /// What changed in a span, or in its beginning where that is too much for one answer. Goes on after a page
    /// once `is_over` says so.
    pub fn changes(
        &self,
        span: Span,
        stop: &dyn Fn() -> bool,
        is_over: &dyn Fn() -> bool,
    ) -> Result<ChangesView, RecoverError> {
        let mut walk = self.walk(span.from, stop)?;
        let told = self.tell(&mut walk, span, stop, is_over);
        self.hold(walk.standing());
        told
    }

    fn tell(
        &self,
        walk: &mut Walk,
        span: Span,
        stop: &dyn Fn() -> bool,
        is_over: &dyn Fn() -> bool,
    ) -> Result<ChangesView, RecoverError> {
        let Span { from, to, step, with_stock } = span;
        walk.to(from, stop, &mut |_, _| {})?;
        let (mut deltas, mut n_changes, mut at) = (Vec::new(), 0, from);
        while at < to && n_changes < PAGE_CHANGES && !(at > from && is_over()) {
            // Nothing happens before the record that is next.
            let Some(next) = walk.next_known(to)? else {
                at = to;
                break;
            };
            let before = at;
            at = end_of_step(next.max(at), step).min(to);
            let mut touched = TouchedSet::default();
            walk.to(at, stop, &mut |what, twin| touched.add(what, twin))?;
            let standing = walk.standing();
            let when = standing.newest.filter(|newest| (before..=at).contains(newest)).unwrap_or(at);
            let mut changes = standing.twin.changes(&touched, &self.tenant, when);
            changes.retain(|change| with_stock || !matches!(change, Change::Stock(_)));
            if !changes.is_empty() {
                n_changes += changes.len();
                deltas.push(Delta { seq: standing.twin.revision, at: when, changes });
            }
        }
        Ok(ChangesView { from, to: at, next: (at < to).then_some(at), deltas })
    }

    /// From when on there is a past.
    pub fn view(&self) -> Result<PastView, RecoverError> {
        let first = self.journal.first();
        let marks = milestone::list(self.disk.as_ref())?;
        let n_milestones = marks.len() as u64;
        let begins = match walk::first_known(self.disk.as_ref(), &self.journal)? {
            begins if first == crate::journal::Seq::FIRST => begins,
            begins => marks.iter().map(|mark| mark.at).chain(begins).min(),
        };
        Ok(PastView { begins, milestones: n_milestones })
    }

    /// A way to `at` from the nearest state before it.
    fn walk(&self, at: Timestamp, stop: &dyn Fn() -> bool) -> Result<Walk, RecoverError> {
        if stop() {
            return Err(RecoverError::Stopped);
        }
        let held = {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.iter()
                .filter(|standing| standing.newest.is_some_and(|newest| newest <= at))
                .max_by_key(|standing| standing.twin.revision)
                .cloned()
        };
        let standing = Standing::nearest(self.disk.as_ref(), &self.journal, at, held)?;
        Walk::begin(&self.journal, standing)
    }

    fn hold(&self, standing: &Standing) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|other| other.twin.revision != standing.twin.revision);
        held.push_front(standing.clone());
        let kept = held.len().min(HELD_MAX);
        let old = held.split_off(kept);
        drop(held);
        drop(old); // large, and nobody waits for it
    }
}

/// The end of the step that `at` lies in; a moment between two steps belongs to the one that it ends.
fn end_of_step(at: Timestamp, step: Duration) -> Timestamp {
    let step = i64::try_from(step.as_nanos()).unwrap_or(i64::MAX).max(1);
    let begun = (at.as_nanos().saturating_sub(1)).div_euclid(step);
    Timestamp::from_nanos(begun.saturating_add(1).saturating_mul(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(at_secs: i64, step_secs: u64, expected_secs: i64) {
        let at = Timestamp::from_secs(at_secs).unwrap();
        let end = end_of_step(at, Duration::from_secs(step_secs));
        assert_eq!(end, Timestamp::from_secs(expected_secs).unwrap(), "{at_secs} in steps of {step_secs}");
    }

    #[test]
    fn a_step_ends_at_a_multiple_of_it() {
        check(0, 60, 0);
        check(1, 60, 60);
        check(60, 60, 60);
        check(61, 60, 120);
        check(-59, 60, 0);
    }
}
