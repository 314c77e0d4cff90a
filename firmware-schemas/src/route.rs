//! Routes that vehicles were given.

use crate::fact::AlertId;
use crate::id::{DeviceId, LaneId, ShipmentId, SiteId, VehicleId};
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

/// Why the plane looks for routes by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReplanCause {
    /// A vehicle does not go on.
    Stranded {
        /// Which.
        vehicle: VehicleId,
        /// The alert that says so.
        alert: AlertId,
    },
    /// A shipment waits, and no vehicle is to bring it.
    Waits {
        /// Which.
        shipment: ShipmentId,
    },
    /// A lane was closed.
    LaneClosed {
        /// Which.
        lane: LaneId,
        /// The journal's record that says so: closed once more it is another cause.
        record: u64,
    },
}

/// What became of routes that the plane looked for by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReplanOutcome {
    /// A person is to give them.
    Proposed,
    /// They were given.
    Given,
    /// Vehicles do best to drive on as they were told.
    Unchanged,
    /// There are none; the operation says why.
    Failed,
}
