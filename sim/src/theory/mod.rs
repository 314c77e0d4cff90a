//! Closed forms and exact algorithms of inventory theory: what the simulator is judged by, and where
//! searches for parameters start.
//!
//! ```text
//! a model's numbers ─▶ one function ─▶ the decision (order quantity, base stock, …) and its expected cost
//! ```
//!
//! Functions are pure and read nothing but their arguments. Costs are in any one currency, quantities in
//! pieces, times in any one unit (a period, a day, a year), as long as a call keeps to it; rates are per that
//! unit. These are statistics, hence `f64`; all transcendental functions are `libm`'s, so that every machine
//! gives the same bits.

pub mod continuous;
pub mod distribution;
