//! Two things that share scenarios and random streams: the simulated world of devices and vehicles, which
//! stands in for a real supply network, and the kernels that run a network forward for what-if questions.
//!
//! ```text
//! WorldInput + WorldConfig ─▶ World ─ advance_to(t) ─▶ Message{topic, payload} ─▶ (a broker) ─▶ Portolan
//!                               ▲                                                                  │
//!                               └──────────────── command(topic, payload) ◀────────────────────────┘
//!
//! Twin + Network ─▶ Situation ─ Scenario ─▶ Situation, changed or not ─▶ a run
//! ```
//!
//! [`theory`] has the closed forms and exact algorithms that kernels are judged by, and that searches start from:
//!
//! ```
//! use sim::theory::newsvendor::{StockCosts, Timing, base_stock_discrete};
//! use sim::theory::distribution::Pmf;
//!
//! let costs = StockCosts::new(1.0, 9.0)?; // of a piece left, and of a piece missing, at a day's end
//! let demand = Pmf::poisson(5.0)?; // of a day
//! let best = base_stock_discrete(costs, &demand, 2, Timing::OrderBeforeDemand)?;
//! assert_eq!(best.level, 20);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Beside them, [`guaranteed_service`] says where in a network to hold safety stock.
//!
//! Nothing here reads a clock, a file or a socket: time comes in, messages go out, and the same seed and
//! commands give the same bytes.

pub mod experiment;
pub mod guaranteed_service;
pub mod kernel;
pub mod report;
pub mod rng;
pub mod scenario;
pub mod situation;
pub mod theory;
pub mod world;
