//! Two things that share scenarios and random streams: the simulated world of devices and vehicles, which
//! stands in for a real supply network, and the kernels that run a network forward for what-if questions.
//!
//! ```text
//! WorldInput + WorldConfig ─▶ World ─ advance_to(t) ─▶ Message{topic, payload} ─▶ (a broker) ─▶ Portolan
//!                               ▲                                                                  │
//!                               └──────────────── command(topic, payload) ◀────────────────────────┘
//! ```
//!
//! Beside them, [`guaranteed_service`] says where in a network to hold safety stock.
//!
//! Nothing here reads a clock, a file or a socket: time comes in, messages go out, and the same seed and
//! commands give the same bytes.

pub mod guaranteed_service;
pub mod rng;
pub mod world;
