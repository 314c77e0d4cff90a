//! Routes are given to vehicles, and driven stop by stop.

use super::{Answered, Broken, Control, Reply, RequestError, not_found};
use ::twin::route::RouteState;
use firmware_schemas::command::{Action, CommandFrame};
use firmware_schemas::fact::{DeviceIdx, Fact};
use firmware_schemas::id::{CommandId, DeviceId, LaneId, OperationId, VehicleId};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::route::{ReplanCause, ReplanOutcome, RouteSpec};

/// Routes to be given.
#[derive(Clone, Debug, PartialEq)]
pub struct Give {
    /// The operation that found them.
    pub plan: OperationId,
    /// Who gives them.
    pub by: Option<String>,
    /// One for each vehicle.
    pub routes: Vec<RouteSpec>,
    /// Vehicles that are to stop where they can, and have no route any more.
    pub stopped: Vec<VehicleId>,
    /// How far vehicles must be for it to be right.
    pub seen: Vec<Seen>,
    /// Why the plane gives them by itself.
    pub causes: Vec<ReplanCause>,
}

/// How far a vehicle was on its route when another was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which.
    pub vehicle: VehicleId,
    /// The operation that found the route it had.
    pub plan: OperationId,
    /// Stops that were done.
    pub done: u32,
    /// Whether it was told to go to the next.
    pub under_way: bool,
}

impl<T> Control<T> {
    /// Gives vehicles their routes, and holds those that have none any more.
    pub(super) fn give_routes(&mut self, give: Give, now: Timestamp) -> Answered {
        let Give { plan, by, routes, stopped, seen, causes } = give;
        let has_it = |route: &RouteSpec| self.twin.routes.get(&route.vehicle).is_some_and(|known| known.plan == plan);
        if !routes.is_empty() && routes.iter().all(has_it) {
            return Ok(Ok(Reply::Already));
        }
        for Seen { vehicle, plan, done, under_way } in &seen {
            let is_so =
                |route: &RouteState| route.plan == *plan && route.done == *done && route.is_under_way() == *under_way;
            if !self.twin.routes.get(vehicle).is_some_and(is_so) {
                let why = format!("vehicle {vehicle} has gone on since these routes were looked for; look again");
                return Ok(Err(RequestError::Conflict(why)));
            }
        }
        for route in &routes {
            if !self.twin.vehicle_by_id.contains_key(&route.vehicle) {
                return Ok(Err(not_found("vehicle", &route.vehicle)));
            }
            if !self.twin.device_by_id.contains_key(&route.device) {
                return Ok(Err(not_found("device", &route.device)));
            }
        }
        let mut held = Vec::new();
        for vehicle in &stopped {
            let Some(at) = self.twin.vehicle_by_id.get(vehicle) else {
                return Ok(Err(not_found("vehicle", vehicle)));
            };
            held.extend(self.twin.vehicles[at.at()].spec.device.clone());
        }
        if !causes.is_empty() {
            let outcome = ReplanOutcome::Given;
            self.record(Fact::RoutesReplanned { at: now, plan: plan.clone(), causes, outcome }, now)?;
        }
        self.record(Fact::RoutesGiven { at: now, plan, by, routes, stopped }, now)?;
        let fact = self.twin.revision;
        for (place, device) in held.into_iter().enumerate() {
            if let (Ok(command), Some(device)) =
                (CommandId::new(&format!("rt-{fact}-hold-{place}")), self.device(&device))
            {
                self.tell(device, command, Action::Hold { until: None }, now)?;
            }
        }
        self.drive_on(now)?;
        Ok(Ok(Reply::Done))
    }

    /// Closes a lane, or opens it again.
    pub(super) fn switch_lane(
        &mut self,
        lane: LaneId,
        is_closed: bool,
        by: Option<String>,
        reason: Option<String>,
        now: Timestamp,
    ) -> Answered {
        if !self.twin.lane_by_id.contains_key(&lane) {
            return Ok(Err(not_found("lane", &lane)));
        }
        if self.twin.closed_lanes.contains_key(&lane) == is_closed {
            return Ok(Ok(Reply::Already));
        }
        self.record(Fact::LaneSwitched { at: now, lane, is_closed, by, reason }, now)?;
        Ok(Ok(Reply::Done))
    }

    /// Tells every vehicle that waits for it where to go next.
    pub(super) fn drive_on(&mut self, now: Timestamp) -> Result<(), Broken> {
        let due = self.twin.routes.keys().filter_map(|vehicle| self.twin.next_command(vehicle, now));
        for (device, command, action) in due.collect::<Vec<_>>() {
            self.tell(device, command, action, now)?;
        }
        Ok(())
    }

    fn tell(&mut self, device: DeviceIdx, command: CommandId, action: Action, now: Timestamp) -> Result<(), Broken> {
        let frame = CommandFrame { command, issued_at: now, expires_at: None, action };
        self.open.sends.extend(self.command_message(device, &frame));
        self.record(Fact::CommandIssued { device, command: frame }, now)
    }

    fn device(&self, device: &DeviceId) -> Option<DeviceIdx> {
        self.twin.device_by_id.get(device).map(|at| DeviceIdx(*at))
    }
}

/// What a vehicle needs to be given a route.
pub fn driver(twin: &::twin::Twin, vehicle: &VehicleId) -> Result<DeviceId, RequestError> {
    let at = twin.vehicle_by_id.get(vehicle).ok_or_else(|| not_found("vehicle", vehicle))?;
    let device = twin.vehicles[at.at()].spec.device.clone();
    device.ok_or_else(|| RequestError::Conflict(format!("vehicle {vehicle} has no device that takes commands")))
}
