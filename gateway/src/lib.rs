//! The imperative shell of Portolan.

pub mod ports;
