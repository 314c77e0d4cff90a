//! Whether whoever asked still waits for the answer.
//!
//! Work on a blocking thread cannot be dropped as a future can. It runs with a flag that the future of its caller
//! raises when it is dropped, and looks at the flag where it waits for somebody else.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    static LEFT: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// Held by who waits; when it is dropped the caller has left.
#[derive(Debug, Default)]
pub struct Presence(Arc<AtomicBool>);

impl Presence {
    /// Makes `work` look at this caller.
    pub fn around<T, F: FnOnce() -> T>(&self, work: F) -> impl FnOnce() -> T + use<T, F> {
        let left = Arc::clone(&self.0);
        move || {
            let before = LEFT.replace(Some(left));
            let done = work();
            LEFT.set(before);
            done
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// True when the caller of this thread's work has left; false where there is none.
pub fn has_left() -> bool {
    LEFT.with_borrow(|left| left.as_ref().is_some_and(|left| left.load(Ordering::Acquire)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_left_when_its_presence_is_dropped() {
        let presence = Presence::default();
        let before = presence.around(has_left);
        let after = presence.around(has_left);
        assert!(!before() && !has_left());
        drop(presence);
        assert!(after() && !has_left());
    }
}
