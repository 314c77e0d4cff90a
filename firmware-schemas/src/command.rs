//! What Portolan sends down to devices: commands, and the settings that should be in force.

use crate::id::{CommandId, LaneId, MetricName, OrderId, ShipmentId, SiteId};
use crate::quantity::Timestamp;
use crate::telemetry::{GoodsLine, Setting};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Do this, once: the id is the idempotency key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CommandFrame {
    /// Its id, echoed in the answer.
    pub command: CommandId,
    /// When it was given.
    pub issued_at: Timestamp,
    /// After this it must not be begun.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// What to do: an object with one member named after the kind.
    pub action: Action,
}

/// What a device can be asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A vehicle drives to a site.
    GoTo {
        /// Where to.
        site: SiteId,
        /// Along which lane; the shortest way when absent.
        #[serde(default)]
        lane: Option<LaneId>,
    },
    /// A vehicle fetches shipments where they wait, and goes to a site with them. Those that are for that site are handed
    /// over there; the others stay on board.
    Carry {
        /// What to load.
        shipments: Vec<ShipmentId>,
        /// Where to.
        to: SiteId,
        /// Along which lane.
        #[serde(default)]
        lane: Option<LaneId>,
    },
    /// A vehicle stops where it can and waits.
    Hold {
        /// Until when; for ever when absent.
        #[serde(default)]
        until: Option<Timestamp>,
    },
    /// A device reports every so many seconds.
    ReportEvery {
        /// At least 1.
        #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
        interval_secs: u32,
    },
    /// A device sends its birth again.
    Rebirth {},
    /// A site sends goods to another. The answer says whether it will; shipments name the order.
    Deliver {
        /// The purchase or transfer order.
        order: OrderId,
        /// Where to.
        to: SiteId,
        /// When they should be there.
        due_at: Timestamp,
        /// What.
        lines: Vec<GoodsLine>,
    },
}

/// The settings that should be in force on a device. Retained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DesiredFrame {
    /// When it was decided.
    pub at: Timestamp,
    /// Setting → value.
    pub settings: BTreeMap<MetricName, Setting>,
}
