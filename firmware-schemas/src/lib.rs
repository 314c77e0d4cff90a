//! The wire contract of Portolan: identifiers, quantities with units, topics, frames, commands, the
//! facts that the journal keeps, and the read model that viewers and clients get.
//!
//! ```text
//! device ─ topic + payload ─▶ codec::decode ─▶ Frame ─▶ (the twin) ─▶ Fact ─▶ journal
//!                                                            └──────▶ view::{Snapshot, Delta} ─▶ clients
//! ```
//!
//! ```
//! use firmware_schemas::{codec, topic::{Channel, Topic}};
//!
//! let topic = Topic::parse("portolan/v1/acme/WH-01/cold-7/telemetry").unwrap();
//! let body = br#"{"device": "cold-7", "readings":
//!     [{"metric": "temperature", "at": "2026-11-22T06:40:00Z", "value": 4.1}]}"#;
//! let frame = codec::decode(Channel::Telemetry, topic.device, body).unwrap();
//! assert_eq!(frame.device().as_str(), "cold-7");
//! ```
#![cfg_attr(not(any(feature = "std", test)), no_std)]

extern crate alloc;

pub mod api;
pub mod codec;
pub mod command;
#[cfg(feature = "schema")]
pub mod document;
pub mod fact;
pub mod gs1;
pub mod id;
pub mod network;
pub mod order;
pub mod quantity;
pub mod route;
pub mod supply;
pub mod telemetry;
pub mod topic;
pub mod view;
