//! Routes are given to vehicles, and driven stop by stop.

use super::{Answered, Broken, Control, Reply, RequestError, not_found};
use firmware_schemas::command::{Action, CommandFrame};
use firmware_schemas::fact::{DeviceIdx, Fact};
use firmware_schemas::id::{CommandId, DeviceId, OperationId, VehicleId};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::route::RouteSpec;

impl<T> Control<T> {
    /// Gives vehicles their routes, and holds those that have none any more.
    pub(super) fn give_routes(
        &mut self,
        plan: OperationId,
        by: Option<String>,
        routes: Vec<RouteSpec>,
        stopped: Vec<VehicleId>,
        now: Timestamp,
    ) -> Answered {
        let has_it = |route: &RouteSpec| self.twin.routes.get(&route.vehicle).is_some_and(|known| known.plan == plan);
        if !routes.is_empty() && routes.iter().all(has_it) {
            return Ok(Ok(Reply::Already));
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

    /// Tells every vehicle that waits for it where to go next.
    pub(super) fn drive_on(&mut self, now: Timestamp) -> Result<(), Broken> {
        let next = |route| self.twin.next_command(route);
        let due = self.twin.routes.values().filter_map(|route| Some((route.device, next(route)?)));
        for (device, (command, action)) in due.collect::<Vec<_>>() {
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
