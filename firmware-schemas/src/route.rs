//! Routes that vehicles were given.

use crate::id::{DeviceId, ShipmentId, SiteId, VehicleId};
use crate::quantity::Timestamp;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What one vehicle is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteSpec {
    /// Which.
    pub vehicle: VehicleId,
    /// The device on board that takes its commands.
    pub device: DeviceId,
    /// Where it goes, in order; at least one.
    pub stops: Vec<RouteStopSpec>,
}

/// A stop of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteStopSpec {
    /// Where.
    pub site: SiteId,
    /// When it is to come.
    pub arrive_at: Timestamp,
    /// What it takes in.
    pub load: Vec<ShipmentId>,
    /// What it hands over.
    pub unload: Vec<ShipmentId>,
}
