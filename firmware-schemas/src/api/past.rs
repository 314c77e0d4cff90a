//! The past over HTTP.

use crate::quantity::Timestamp;
use crate::view::Delta;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

shape! {
    /// How far back the twin is known.
    PastView {
        /// The first moment that can be asked for; `null` before anything was heard.
        begins: Option<Timestamp>,
        /// States that are kept on the way, so that a moment is found quickly.
        milestones: u64,
    }
}
shape! {
    /// What changed in a span of the past.
    ChangesView {
        /// The beginning: what was known by then is not told.
        from: Timestamp,
        /// The end of what is told, included.
        to: Timestamp,
        /// Where it was too much for one answer: ask again `from` there. `null` when all is told.
        next: Option<Timestamp>,
        /// The steps, by time. Each has every entity that changed in it once, as it was at the step's end.
        deltas: Vec<Delta>,
    }
}
