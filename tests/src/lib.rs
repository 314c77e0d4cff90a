//! Portolan: tests.

pub mod disk;
pub mod mosquitto;
