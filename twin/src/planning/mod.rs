//! Planning on the live twin: forecasts of what will be asked for, the inputs of a run, and its outcome as proposals.
//!
//! ```text
//! Twin::demand ─▶ Forecasts (methods and levels tuned each quarter, made each week) ─┐
//! Twin::{stock, orders, supply, lanes} ─ Settings of a position ──┴▶ Situation ─▶ replenish::plan ─▶ ProposalSpec
//! ```
//!
//! Pure: the same twin, forecasts and day give the same proposals with any number of threads.

mod forecasts;
mod levels;
mod outcome;
mod settings;
mod situation;
mod totals;

pub use forecasts::{FORECAST_WEEKS, Forecasts, PositionForecast, Statistics};
pub use outcome::{gate_sentences, proposal_of, reason_of, sentences};
pub use settings::Settings;
pub use situation::{Scope, Situation};
pub use totals::{Total, TotalForecast};
