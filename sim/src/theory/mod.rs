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
//!
//! `FoSCT` is Snyder and Shen, *Fundamentals of Supply Chain Theory*, 2nd edition (2019).

pub mod continuous;
pub mod distribution;

pub mod economic_order;
pub mod joint_replenishment;
pub mod lot_sizing;

pub mod lost_sales;
pub mod min_max;
pub mod newsvendor;
pub mod perishable;
pub mod reorder_point;

pub mod bullwhip;
pub mod serial;
pub mod transshipment;
pub mod two_echelon;

pub mod disruption;
pub mod ranking;
pub mod service;

use continuous::ContinuousError;
use distribution::DistributionError;

/// Why a question of inventory theory has no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TheoryError {
    #[error("{what} is {value}, and must be finite and positive")]
    NotPositive { what: &'static str, value: f64 },
    #[error("{what} is {value}, and must be finite and not negative")]
    Negative { what: &'static str, value: f64 },
    #[error("{what} is {value}, and must lie between 0 and 1")]
    NotFraction { what: &'static str, value: f64 },
    #[error("no {0} given")]
    None(&'static str),
    #[error("{actual} of {what}, but {expected} are needed")]
    Count { what: &'static str, expected: usize, actual: usize },
    #[error("price breaks must start at 0, ascend, and not raise the price (break {idx})")]
    PriceBreak { idx: usize },
    #[error("demand of a period can be {0}, less than nothing")]
    NegativeDemand(i64),
    #[error("demand is always 0")]
    NoDemand,
    #[error("{states} states, more than {max}")]
    TooLarge { states: usize, max: usize },
    #[error("no convergence in {rounds} rounds")]
    NotConverged { rounds: u32 },
    #[error("the distribution: {0}")]
    Distribution(#[from] DistributionError),
    #[error("the distribution: {0}")]
    Continuous(#[from] ContinuousError),
}

fn positive(what: &'static str, value: f64) -> Result<f64, TheoryError> {
    if value.is_finite() && value > 0.0 { Ok(value) } else { Err(TheoryError::NotPositive { what, value }) }
}

fn not_negative(what: &'static str, value: f64) -> Result<f64, TheoryError> {
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err(TheoryError::Negative { what, value }) }
}

fn fraction(what: &'static str, value: f64) -> Result<f64, TheoryError> {
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(TheoryError::NotFraction { what, value }) }
}

fn demand_of_period(demand: &distribution::Pmf) -> Result<(), TheoryError> {
    if demand.min() < 0 {
        return Err(TheoryError::NegativeDemand(demand.min()));
    }
    if demand.max() == 0 { Err(TheoryError::NoDemand) } else { Ok(()) }
}
