//! Replenishment: from stock, what is under way and the distribution of demand to proposals that say why.
//!
//! ```text
//! Position ─▶ gate ─▶ horizon ─▶ requirement (lost sales on the way) ─▶ quantile = need
//!     needs ─▶ transfers (shortage by priority) ─▶ purchases (lots, prices, rounding)
//!           ─▶ minima and trucks of suppliers ─▶ limits: shelf life, supplier, site, budget ─▶ Proposal { reasons }
//! ```
//!
//! Quantities and money are integers; chances and costs of holding are floats, and come out as whole pieces.
//! Periods are days, except in [`history`], which learns from weeks.
//!
//! ```
//! use twin::replenish::{Inputs, Origin, Position, ReviewCalendar, Source, Supplier, Target, plan, sentence};
//! use twin::replenish::demand::{DemandDistribution, Rate};
//! use twin::replenish::projection::{Receipt, Unmet};
//!
//! let milk = Position {
//!     site: 0, sku: 0, class: b'A', priority: 1, on_hand: 12, reserved: 2, backorders: 0,
//!     receipts: vec![Receipt { period: 1, pieces: 6 }],
//!     demand: DemandDistribution::Steady(Rate { mean: 4.0, variance: 8.0 }),
//!     unmet: Unmet::Lost,
//!     target: Target { holding_minor_per_day: 3.0, shortage_minor: 80.0, level: None },
//!     review: ReviewCalendar::DAILY,
//!     sources: vec![Source::new(Origin::Supplier(0), 3)],
//!     load_per_piece: 1, shelf_life_days: Some(9),
//! };
//! let inputs = Inputs { today: 20_000, positions: vec![milk], suppliers: vec![Supplier::default()], ..Inputs::default() };
//! let plan = plan(&inputs, 1)?;
//! assert!(plan.proposals[0].quantity > 0);
//! println!("{}", sentence::english(&plan.proposals[0]));
//! # Ok::<(), twin::replenish::ReplenishError>(())
//! ```

mod calendar;
pub mod calibrate;
mod cut;
pub mod demand;
pub mod history;
pub mod joint;
pub mod lot;
mod need;
mod plan;
mod position;
pub mod projection;
mod purchase;
mod reason;
pub mod sentence;
mod together;
mod transfer;

pub use calendar::ReviewCalendar;
pub use plan::{Held, Plan, Proposal, plan};
pub use position::{Inputs, Lead, Mode, Modes, Origin, Position, Source, Supplier, Target};
pub use reason::{Gate, Limit, Reason, SourceWhy, Together};

/// Why nothing can be planned.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplenishError {
    /// A number that must be above 0 and finite.
    #[error("{what} is {value}, not above 0")]
    NotPositive {
        /// What.
        what: &'static str,
        /// How much.
        value: f64,
    },
    /// No price where one is needed.
    #[error("no price")]
    NoPrice,
    /// No item in an order.
    #[error("no item")]
    NoItem,
    /// The same SKU at the same site twice.
    #[error("SKU {sku} at site {site} twice")]
    Twice {
        /// Index of the site.
        site: u32,
        /// Index of the SKU.
        sku: u32,
    },
    /// A supplier that does not exist, or a site that is to serve itself.
    #[error("SKU {sku} at site {site} cannot come from {origin:?}")]
    Origin {
        /// Index of the site.
        site: u32,
        /// Index of the SKU.
        sku: u32,
        /// From where.
        origin: Origin,
    },
    /// Demand or lead time that cannot be.
    #[error("SKU {sku} at site {site}: {mean} pieces expected, {lead_days} days of lead time")]
    Demand {
        /// Index of the site.
        site: u32,
        /// Index of the SKU.
        sku: u32,
        /// Pieces.
        mean: f64,
        /// Days.
        lead_days: u32,
    },
}

fn positive(what: &'static str, value: f64) -> Result<(), ReplenishError> {
    if value > 0.0 && value.is_finite() { Ok(()) } else { Err(ReplenishError::NotPositive { what, value }) }
}
