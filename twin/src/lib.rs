//! The live digital twin of a supply network: a pure fold over facts.
//!
//! ```text
//! frame ─▶ Twin::observe ─▶ facts ─▶ (journal) ─▶ Twin::apply ─▶ Touched ─▶ alert::reconcile ─▶ facts
//!                                                      └──────▶ view: Snapshot, Change
//! ```
//!
//! No clock, no bytes from strangers, no files: time comes in as an argument, text comes in as text.
//! [`Twin`] is a value: cloning it is O(1), so a reader or a what-if takes a clone and is alone with it.

pub mod alert;
pub mod allocate;
pub mod apply;
pub mod define;
pub mod demand;
pub mod demand_book;
pub mod expected;
pub mod import;
mod lead_times;
pub mod network;
pub mod observe;
pub mod order;
pub mod planning;
pub mod promise;
mod query;
pub mod replan;
pub mod replenish;
pub mod route;
pub mod snapshot;
pub mod state;
mod structure;
pub mod supply;
pub mod view;

pub use apply::Touched;
pub use state::Twin;
