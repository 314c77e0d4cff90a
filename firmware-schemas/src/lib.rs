//! The wire contract of Portolan: identifiers, quantities with units, topics, frames, commands, the
//! facts that the journal keeps, and the read model that viewers and clients get.
#![cfg_attr(not(any(feature = "std", test)), no_std)]

extern crate alloc;

pub mod id;
pub mod quantity;
