//! What vehicles were told to do, and how far they are.
//!
//! A route is driven one stop at a time: a command goes out, the vehicle answers that it is there, and the next one
//! goes out. Goods count as on board once the vehicle has said that it will take them.

use crate::apply::{Dangling, Touched, dangling};
use crate::state::Twin;
use firmware_schemas::command::Action;
use firmware_schemas::fact::DeviceIdx;
use firmware_schemas::id::{CommandId, OperationId, ShipmentId, SiteId, VehicleId};
use firmware_schemas::quantity::{Position, Timestamp};
use firmware_schemas::route::{RouteSpec, RouteStopSpec};
use firmware_schemas::telemetry::{AckFrame, Outcome};
use routing::LatLon;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Every command of a route has an id that begins so.
const COMMAND: &str = "rt-";
/// A vehicle that is farther from where it was has moved.
const MOVED_M: u64 = 200;
/// How much longer roads are than great circles, and the speed of a vehicle that has none, in metres an hour.
const DETOUR: f64 = 1.3;
const SPEED_M_PER_H: u32 = 60_000;

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
}

impl RouteState {
    /// True when there is nothing more to do.
    pub fn is_over(&self) -> bool {
        self.to_come().is_empty()
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
            };
            self.routes.insert(route.vehicle.clone(), state);
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

    /// What is to be said next to the vehicle of a route, if it waits for that.
    pub fn next_command(&self, route: &RouteState) -> Option<(CommandId, Action)> {
        if route.command.is_some() || route.trouble.is_some() {
            return None;
        }
        let site = route.to_come().first()?.site.clone();
        let before = (route.done as usize).checked_sub(1).and_then(|at| route.stops.get(at));
        let here = |id: &&ShipmentId| self.shipments.get(*id).is_some_and(|it| it.arrived_at.is_none());
        let shipments: Vec<ShipmentId> = before.iter().flat_map(|stop| &stop.load).filter(here).cloned().collect();
        let action = if shipments.is_empty() {
            Action::GoTo { site, lane: None }
        } else {
            Action::Carry { shipments, to: site, lane: None }
        };
        Some((route.command_id()?, action))
    }

    /// A command was given: it may be one of a route.
    pub(crate) fn route_commanded(&mut self, id: &CommandId) {
        if !id.as_str().starts_with(COMMAND) {
            return;
        }
        let waits = |route: &RouteState| route.command.is_none() && route.command_id().as_ref() == Some(id);
        let vehicle = self.routes.iter().find(|(_, route)| waits(route)).map(|(vehicle, _)| vehicle.clone());
        if let Some(route) = vehicle.and_then(|vehicle| self.routes.get_mut(&vehicle)) {
            route.command = Some(id.clone());
        }
    }

    /// A device answered a command: a vehicle may have taken goods in, or may be where it was to go.
    pub(crate) fn route_answered(&mut self, answer: &AckFrame, touched: &mut Vec<Touched>) {
        let id = &answer.command;
        if !id.as_str().starts_with(COMMAND) {
            return;
        }
        let known = self.routes.iter().find(|(_, route)| route.command.as_ref() == Some(id));
        let Some(vehicle) = known.map(|(vehicle, _)| vehicle.clone()) else { return };
        if answer.outcome != Outcome::Rejected
            && let Some(Action::Carry { shipments, .. }) = self.commands.get(id).map(|record| &record.frame.action)
        {
            for shipment in shipments.clone() {
                self.take_on_board(&vehicle, &shipment, touched);
            }
        }
        let Some(route) = self.routes.get_mut(&vehicle) else { return };
        match answer.outcome {
            Outcome::Accepted => {}
            Outcome::Done => {
                route.done += 1;
                route.command = None;
            }
            Outcome::Rejected => {
                route.trouble =
                    Some(Arc::from(answer.reason.as_deref().unwrap_or("it will not, and does not say why")));
            }
        }
        touched.extend(self.vehicle_by_id.get(&vehicle).map(|at| Touched::Vehicle(*at)));
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

    /// When a vehicle will be at its stops to come: from where it was last seen to the next, and then as planned.
    pub fn expected_at_stops(&self, vehicle: &VehicleId, now: Timestamp) -> Vec<Timestamp> {
        let (Some(route), Some(at)) = (self.routes.get(vehicle), self.vehicle_by_id.get(vehicle)) else {
            return Vec::new();
        };
        let state = &self.vehicles[at.at()];
        let Some(first) = route.to_come().first() else { return Vec::new() };
        let next = match &state.fix {
            Some(fix) if fix.site.as_ref() == Some(&first.site) => now.min(first.arrive_at).max(fix.at),
            Some(fix) => {
                let way = self.position_of(&first.site).map_or(0, |there| metres(fix.position, there)) as f64 * DETOUR;
                let speed = Some(state.spec.speed_m_per_h).filter(|speed| *speed > 0).unwrap_or(SPEED_M_PER_H);
                now.saturating_add(Duration::from_secs((way * 3_600.0 / f64::from(speed)) as u64))
            }
            None => first.arrive_at.max(now),
        };
        let mut expected = Vec::with_capacity(route.to_come().len());
        expected.push(next);
        for pair in route.to_come().windows(2) {
            let [from, to] = pair else { continue };
            let last = expected.last().copied().unwrap_or(next);
            expected.push(last.saturating_add(to.arrive_at.since(from.arrive_at)));
        }
        expected
    }

    /// When a shipment that a vehicle was told to bring will be there.
    pub fn expected_by_route(&self, shipment: &ShipmentId, now: Timestamp) -> Option<Timestamp> {
        let vehicle = self.routed.get(shipment)?;
        let stops = self.routes.get(vehicle)?.to_come();
        let at = stops.iter().position(|stop| stop.unload.contains(shipment))?;
        self.expected_at_stops(vehicle, now).get(at).copied()
    }

    fn position_of(&self, site: &SiteId) -> Option<Position> {
        self.site_by_id.get(site).map(|at| self.sites[at.at()].spec.position)
    }
}

fn metres(a: Position, b: Position) -> u64 {
    let point = |at: Position| LatLon { lat: at.lat(), lon: at.lon() };
    routing::distance_m(point(a), point(b))
}
