//! The imperative shell of Portolan.

pub mod ports;

pub mod disk;
pub mod journal;
