//! What vehicles were told to do, and how far they are.
//!
//! A route is driven one stop at a time: a command goes out, the vehicle answers that it is there, and the next one
//! goes out. Goods count as on board once the vehicle has said that it will take them.

use crate::apply::{Dangling, Touched, dangling};
use crate::expected::Leg;
use crate::state::Twin;
use firmware_schemas::command::Action;
use firmware_schemas::fact::DeviceIdx;
use firmware_schemas::id::{CommandId, OperationId, ShipmentId, VehicleId};
use firmware_schemas::quantity::{Position, Timestamp};
use firmware_schemas::route::{RouteSpec, RouteStopSpec};
use firmware_schemas::telemetry::{AckFrame, Outcome};
use routing::LatLon;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Every command of a route has an id that begins so.
const COMMAND: &str = "rt-";
/// Who would be earlier at the next stop than this waits where it stands.
const EARLY: Duration = Duration::from_secs(300);
/// A vehicle that is farther from where it was has moved.
const MOVED_M: u64 = 200;

/// The route of a vehicle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteState {
    /// The operation that found it.
    pub plan: OperationId,
    /// The fact that gave it, and its place there: what its commands are called after.
    pub number: (u64, u32),
    /// The device that takes its commands.
    pub device: DeviceIdx,
    /// When it was given.
    pub given_at: Timestamp,
    /// All its stops.
    pub stops: Arc<Vec<RouteStopSpec>>,
    /// How many of them are done.
    pub done: u32,
    /// The command that is under way.
    pub command: Option<CommandId>,
    /// Why it does not go on.
    pub trouble: Option<Arc<str>>,
    /// Where the vehicle last was that is not where it was before, and when.
    pub moved: Option<(Position, Timestamp)>,
    /// The leg that it is to drive now.
    pub leg: Option<Leg>,
    /// What was forecast for each stop when the route was given, in seconds.
    pub said_secs: Arc<Vec<u64>>,
}

impl RouteState {
    /// True when there is nothing more to do.
    pub fn is_over(&self) -> bool {
        self.to_come().is_empty()
    }

    /// True when the vehicle is told to go to its next stop, and nothing is wrong with that.
    pub fn is_under_way(&self) -> bool {
        self.command.is_some() && self.trouble.is_none() && !self.is_over()
    }

    /// The stops that are not done.
    pub fn to_come(&self) -> &[RouteStopSpec] {
        self.stops.get(self.done as usize..).unwrap_or_default()
    }

    fn command_id(&self) -> Option<CommandId> {
        let (fact, place) = self.number;
        CommandId::new(&format!("{COMMAND}{fact}-{place}-{}", self.done)).ok()
    }
}

impl Twin {
    pub(crate) fn give_routes(
        &mut self,
        seq: u64,
        at: Timestamp,
        plan: &OperationId,
        routes: &[RouteSpec],
        stopped: &[VehicleId],
        touched: &mut Vec<Touched>,
    ) -> Result<(), Dangling> {
        for vehicle in stopped.iter().chain(routes.iter().map(|route| &route.vehicle)) {
            self.drop_route(vehicle, touched);
        }
        for (place, route) in routes.iter().enumerate() {
            let device = self.device_by_id.get(&route.device).copied();
            let device = device.ok_or_else(|| dangling(seq, "device", &route.device))?;
            let index = self.vehicle_by_id.get(&route.vehicle).copied();
            let index = index.ok_or_else(|| dangling(seq, "vehicle", &route.vehicle))?;
            for shipment in route.stops.iter().flat_map(|stop| &stop.unload) {
                if let Some(before) = self.routed.insert(shipment.clone(), route.vehicle.clone()) {
                    self.take_from_route(&before, shipment);
                }
                touched.push(Touched::Shipment(shipment.clone()));
            }
            let state = RouteState {
                plan: plan.clone(),
                number: (seq, place as u32),
                device: DeviceIdx(device),
                given_at: at,
                stops: Arc::new(route.stops.clone()),
                done: 0,
                command: None,
                trouble: None,
                moved: self.vehicles[index.at()].fix.as_ref().map(|fix| (fix.position, at)),
                leg: None,
                said_secs: Arc::default(),
            };
            self.routes.insert(route.vehicle.clone(), state);
            let said = self.expected_at_stops(&route.vehicle, at).iter().map(|it| it.at.since(at).as_secs()).collect();
            if let Some(state) = self.routes.get_mut(&route.vehicle) {
                state.said_secs = Arc::new(said);
            }
            touched.push(Touched::Vehicle(index));
        }
        Ok(())
    }

    fn drop_route(&mut self, vehicle: &VehicleId, touched: &mut Vec<Touched>) {
        let Some(route) = self.routes.remove(vehicle) else { return };
        for shipment in route.to_come().iter().flat_map(|stop| &stop.unload) {
            if self.routed.get(shipment) == Some(vehicle) {
                self.routed.remove(shipment);
                touched.push(Touched::Shipment(shipment.clone()));
            }
        }
        touched.extend(self.vehicle_by_id.get(vehicle).map(|at| Touched::Vehicle(*at)));
    }

    /// Another vehicle brings it: its stops stay, so that what was commanded keeps its number, and lose it.
    fn take_from_route(&mut self, vehicle: &VehicleId, shipment: &ShipmentId) {
        if let Some(route) = self.routes.get_mut(vehicle) {
            for stop in Arc::make_mut(&mut route.stops) {
                stop.load.retain(|it| it != shipment);
                stop.unload.retain(|it| it != shipment);
            }
        }
    }

    /// What is to be said next to a vehicle with a route, if it waits for that. One that stands at a site leaves it when
    /// that brings it to its next stop in time: what was promised is neither late nor early.
    pub fn next_command(&self, vehicle: &VehicleId, now: Timestamp) -> Option<(DeviceIdx, CommandId, Action)> {
        let route = self.routes.get(vehicle)?;
        if route.command.is_some() || route.trouble.is_some() {
            return None;
        }
        let stop = route.to_come().first()?;
        let expected_at = self.expected_at_stops(vehicle, now).first()?.at;
        let state = &self.vehicles[self.vehicle_by_id.get(vehicle)?.at()];
        let stands = state.fix.as_ref().is_some_and(|fix| fix.site.is_some());
        if stands && stop.arrive_at.since(expected_at) > EARLY {
            return None;
        }
        let site = stop.site.clone();
        let before = (route.done as usize).checked_sub(1).and_then(|at| route.stops.get(at));
        let here = |id: &&ShipmentId| self.shipments.get(*id).is_some_and(|it| it.arrived_at.is_none());
        let shipments: Vec<ShipmentId> = before.iter().flat_map(|stop| &stop.load).filter(here).cloned().collect();
        let action = if shipments.is_empty() {
            Action::GoTo { site, lane: None }
        } else {
            Action::Carry { shipments, to: site, lane: None }
        };
        Some((route.device, route.command_id()?, action))
    }

    /// A command was given: it may be one of a route.
    pub(crate) fn route_commanded(&mut self, id: &CommandId, at: Timestamp) {
        if !id.as_str().starts_with(COMMAND) {
            return;
        }
        let waits = |route: &RouteState| route.command.is_none() && route.command_id().as_ref() == Some(id);
        let vehicle = self.routes.iter().find(|(_, route)| waits(route)).map(|(vehicle, _)| vehicle.clone());
        let Some(vehicle) = vehicle else { return };
        let leg = self.leg_begun(&vehicle, at);
        if let Some(route) = self.routes.get_mut(&vehicle) {
            route.command = Some(id.clone());
            route.leg = leg;
        }
    }

    /// A device answered a command: a vehicle may have taken goods in, or may be where it was to go.
    pub(crate) fn route_answered(&mut self, answer: &AckFrame, at: Timestamp, touched: &mut Vec<Touched>) {
        let id = &answer.command;
        if !id.as_str().starts_with(COMMAND) {
            return;
        }
        // It has them whatever was decided since it was told to take them.
        if answer.outcome != Outcome::Rejected
            && let Some((vehicle, shipments)) = self.carried_by(id)
        {
            for shipment in shipments {
                self.take_on_board(&vehicle, &shipment, touched);
            }
        }
        let known = self.routes.iter().find(|(_, route)| route.command.as_ref() == Some(id));
        let Some(vehicle) = known.map(|(vehicle, _)| vehicle.clone()) else { return };
        let Some(route) = self.routes.get_mut(&vehicle) else { return };
        let mut driven = None;
        match answer.outcome {
            Outcome::Accepted => {}
            Outcome::Done => {
                let said = route.said_secs.get(route.done as usize).map(|secs| (route.given_at, *secs));
                driven = route.leg.take().map(|leg| (leg, said));
                route.done += 1;
                route.command = None;
            }
            Outcome::Rejected => {
                route.trouble =
                    Some(Arc::from(answer.reason.as_deref().unwrap_or("it will not, and does not say why")));
            }
        }
        if let Some((leg, said)) = driven {
            self.leg_driven(&vehicle, leg, said, at);
        }
        touched.extend(self.vehicle_by_id.get(&vehicle).map(|at| Touched::Vehicle(*at)));
    }

    /// What a command of a route told which vehicle to take along.
    fn carried_by(&self, id: &CommandId) -> Option<(VehicleId, Vec<ShipmentId>)> {
        let record = self.commands.get(id)?;
        let Action::Carry { shipments, .. } = &record.frame.action else { return None };
        let vehicle = self.devices.get(record.device as usize)?.vehicle?;
        Some((self.vehicles[vehicle.at()].spec.vehicle.clone(), shipments.clone()))
    }

    /// What is in a vehicle, and what it was told to take where it stands and has not said yet that it will.
    pub fn on_board(&self, vehicle: &VehicleId) -> Vec<ShipmentId> {
        let Some(index) = self.vehicle_by_id.get(vehicle) else { return Vec::new() };
        let mut on_board: Vec<ShipmentId> = self.vehicles[index.at()].shipments.iter().cloned().collect();
        let told = self.routes.get(vehicle).filter(|route| route.is_under_way());
        let left = told.and_then(|route| route.stops.get((route.done as usize).checked_sub(1)?));
        let waits = |id: &&ShipmentId| {
            self.shipments.get(*id).is_some_and(|it| it.arrived_at.is_none() && it.vehicle.is_none())
        };
        on_board.extend(left.iter().flat_map(|stop| &stop.load).filter(waits).cloned());
        on_board
    }

    fn take_on_board(&mut self, vehicle: &VehicleId, shipment: &ShipmentId, touched: &mut Vec<Touched>) {
        let Some(at) = self.vehicle_by_id.get(vehicle).copied() else { return };
        let waits = |it: &&mut crate::state::ShipmentState| it.arrived_at.is_none() && it.vehicle.is_none();
        let Some(state) = self.shipments.get_mut(shipment).filter(waits) else { return };
        state.vehicle = Some(vehicle.clone());
        Arc::make_mut(&mut self.vehicles[at.at()].shipments).push(shipment.clone());
        touched.push(Touched::Shipment(shipment.clone()));
    }

    /// A fix of a vehicle: whether it moves is kept while it has a route.
    pub(crate) fn route_moved(&mut self, vehicle: &VehicleId, position: Position, at: Timestamp) {
        let Some(route) = self.routes.get_mut(vehicle).filter(|route| !route.is_over()) else { return };
        let moves = route.moved.is_none_or(|(before, _)| metres(before, position) > MOVED_M);
        if moves {
            route.moved = Some((position, at));
        }
    }
}

pub(crate) fn metres(a: Position, b: Position) -> u64 {
    let point = |at: Position| LatLon { lat: at.lat(), lon: at.lon() };
    routing::distance_m(point(a), point(b))
}
