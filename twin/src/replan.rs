//! What makes routes that were given wrong, what was done about it, and lanes that are closed.
//!
//! A cause is looked into once: that is a fact, so a restart looks into nothing twice.

use crate::apply::{Dangling, Touched, dangling};
use crate::state::Twin;
use firmware_schemas::fact::AlertSubject;
use firmware_schemas::id::{LaneId, OperationId, VehicleId};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::route::{ReplanCause, ReplanOutcome};
use imbl::OrdSet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// So many of the last are kept.
pub const REPLANS_MAX: usize = 100;

/// A lane that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedLane {
    /// The record that closed it.
    pub record: u64,
    /// Since when.
    pub closed_at: Timestamp,
    /// Who closed it.
    pub by: Option<Arc<str>>,
    /// Why.
    pub reason: Option<Arc<str>>,
}

/// Routes that the plane looked for by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplanRecord {
    /// The operation.
    pub plan: OperationId,
    /// When it had looked.
    pub at: Timestamp,
    /// Why.
    pub causes: Arc<Vec<ReplanCause>>,
    /// What came of it.
    pub outcome: ReplanOutcome,
}

impl Twin {
    /// Why routes that are being driven should be looked for anew, as far as nobody has looked into it; in order.
    pub fn causes_to_replan(&self) -> Vec<ReplanCause> {
        self.causes().into_iter().filter(|cause| !self.looked_into.contains(cause)).collect()
    }

    /// Vehicles with a route that do not go on.
    pub fn stranded(&self) -> Vec<VehicleId> {
        let is_stranded = |vehicle: &&VehicleId| {
            let subject = AlertSubject::Stranded { vehicle: (*vehicle).clone() };
            self.open_alerts.contains_key(&subject)
        };
        self.routes.keys().filter(is_stranded).cloned().collect()
    }

    fn causes(&self) -> BTreeSet<ReplanCause> {
        let mut causes = BTreeSet::new();
        if self.routes.values().all(|route| route.is_over()) {
            return causes;
        }
        for vehicle in self.stranded() {
            let subject = AlertSubject::Stranded { vehicle: vehicle.clone() };
            let alert = self.open_alerts.get(&subject).copied();
            causes.extend(alert.map(|alert| ReplanCause::Stranded { vehicle, alert }));
        }
        for (id, state) in &self.shipments {
            let waits = state.arrived_at.is_none() && state.vehicle.is_none() && state.lane.is_none();
            if waits && !self.routed.contains_key(id) {
                causes.insert(ReplanCause::Waits { shipment: id.clone() });
            }
        }
        let closed = self.closed_lanes.iter();
        causes.extend(closed.map(|(lane, state)| ReplanCause::LaneClosed { lane: lane.clone(), record: state.record }));
        causes
    }

    pub(crate) fn replanned(
        &mut self,
        seq: u64,
        at: Timestamp,
        plan: &OperationId,
        causes: &[ReplanCause],
        outcome: ReplanOutcome,
    ) {
        let record = ReplanRecord { plan: plan.clone(), at, causes: Arc::new(causes.to_vec()), outcome };
        self.replans.insert(seq, record);
        while self.replans.len() > REPLANS_MAX {
            let Some((oldest, _)) = self.replans.get_min().cloned() else { break };
            self.replans.remove(&oldest);
        }
        // What does not last is forgotten: if it comes again, it is new.
        let last = self.causes();
        let known = self.looked_into.iter().chain(causes).filter(|cause| last.contains(*cause));
        self.looked_into = known.cloned().collect::<OrdSet<_>>();
    }

    pub(crate) fn switch_lane(
        &mut self,
        seq: u64,
        at: Timestamp,
        lane: &LaneId,
        is_closed: bool,
        (by, reason): (Option<&str>, Option<&str>),
        touched: &mut Vec<Touched>,
    ) -> Result<(), Dangling> {
        let index = self.lane_by_id.get(lane).copied().ok_or_else(|| dangling(seq, "lane", lane))?;
        if is_closed {
            let (by, reason) = (by.map(Arc::from), reason.map(Arc::from));
            self.closed_lanes.insert(lane.clone(), ClosedLane { record: seq, closed_at: at, by, reason });
        } else {
            self.closed_lanes.remove(lane);
        }
        touched.push(Touched::Lane(index));
        Ok(())
    }
}
