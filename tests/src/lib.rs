//! Portolan: tests.

pub mod bench;
pub mod big_network;
pub mod disk;
pub mod gateway;
pub mod mosquitto;
pub mod publisher;
pub mod shared;
