//! Portolan: tests.

pub mod big_network;
pub mod disk;
pub mod mosquitto;
