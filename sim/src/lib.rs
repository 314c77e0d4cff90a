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
//! Nothing here reads a clock, a file or a socket: time comes in, messages go out, and the same seed and
//! commands give the same bytes.

pub mod rng;
pub mod scenario;
pub mod situation;
pub mod theory;
pub mod world;
