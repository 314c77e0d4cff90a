//! Portolan: tests.

pub mod mosquitto;
