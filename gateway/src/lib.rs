//! The imperative shell of Portolan.

pub mod ingest;
pub mod ports;

pub mod disk;
pub mod journal;
