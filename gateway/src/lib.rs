//! The imperative shell of Portolan: MQTT, disks, HTTP and the clock around a pure core.
//!
//! ```text
//! ingest ─▶ runtime (one core thread) ─▶ control::step ─▶ effects: journal, acknowledgements,
//!                │                                          published twin, deltas, store
//!                └─ http reads the published twin and the store, and sends requests
//! ```

pub mod caller;
pub mod clock;
pub mod config;
pub mod control;
pub mod demo;
pub mod disk;
pub mod http;
pub mod ingest;
pub mod instrument;
pub mod journal;
pub mod network;
pub mod past;
pub mod planning;
pub mod ports;
pub mod readings;
pub mod recover;
pub mod routes;
pub mod runtime;
pub mod server;
pub mod store;
pub mod webhooks;
pub mod what_if;
