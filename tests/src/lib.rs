//! Portolan: tests.

pub mod audit;
pub mod bench;
pub mod big_network;
pub mod bus;
pub mod clock;
pub mod devices;
pub mod disk;
pub mod gateway;
pub mod influxd;
pub mod known_answers;
pub mod mosquitto;
pub mod plane;
pub mod publisher;
pub mod shared;
pub mod willems;
