//! Routes that vehicles are on, as what a new search begins with.
//!
//! What a vehicle has begun stays: it goes where it was told to go, and brings what it has on board. All else may change
//! hands, and what that does to promised times costs money.

use super::{Load, Truck};
use ::twin::Twin;
use ::twin::route::RouteState;
use firmware_schemas::api::routes::{RoutePoint, RouteStopView};
use firmware_schemas::id::{OperationId, ShipmentId};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::route::RouteStopSpec;
use routing::plan::{Part, Visit};
use routing::problem::GivenRoute;
use std::collections::{BTreeMap, BTreeSet};

/// A route that is being driven.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    plan: OperationId,
    done: u32,
    under_way: bool,
    to_come: Vec<RouteStopSpec>,
}

impl Begun {
    /// Where these stops go on, and whether they are what was to come anyway.
    pub(super) fn point(&self, stops: &[RouteStopView]) -> RoutePoint {
        let unchanged = stops.len() == self.to_come.len()
            && stops
                .iter()
                .zip(&self.to_come)
                .all(|(new, old)| new.site == old.site && same(&new.load, &old.load) && same(&new.unload, &old.unload));
        RoutePoint { plan: self.plan.clone(), done: self.done, under_way: self.under_way, unchanged }
    }
}

/// Whether the same goods are named, in whatever order.
pub(super) fn same(a: &[ShipmentId], b: &[ShipmentId]) -> bool {
    a.len() == b.len() && a.iter().collect::<BTreeSet<_>>() == b.iter().collect()
}

/// When a shipment is to be there by the route that it is in.
pub(super) fn promised_at(twin: &Twin, shipment: &ShipmentId) -> Option<Timestamp> {
    let route = twin.routes.get(twin.routed.get(shipment)?)?;
    route.to_come().iter().find(|stop| stop.unload.contains(shipment)).map(|stop| stop.arrive_at)
}

/// The routes of these vehicles as far as they are to come, the next stop frozen if its vehicle is on its way there.
pub(super) fn given(twin: &Twin, loads: &[Load], trucks: &mut [Truck]) -> Vec<GivenRoute> {
    let job_of: BTreeMap<&ShipmentId, usize> = loads.iter().enumerate().map(|(job, load)| (&load.id, job)).collect();
    let mut given = Vec::new();
    for (vehicle, truck) in trucks.iter_mut().enumerate() {
        let going = |route: &&RouteState| !route.is_over() && route.trouble.is_none();
        let Some(route) = twin.routes.get(&truck.id).filter(going) else { continue };
        let under_way = route.is_under_way();
        truck.begun =
            Some(Begun { plan: route.plan.clone(), done: route.done, under_way, to_come: route.to_come().to_vec() });
        let (visits, frozen) = visits(route, under_way, vehicle, loads, &job_of);
        if !visits.is_empty() {
            given.push(GivenRoute { vehicle, visits, frozen, departure: (frozen > 0).then_some(0) });
        }
    }
    given
}

/// Visits of a route to come, and how many of them are frozen.
fn visits(
    route: &RouteState,
    under_way: bool,
    vehicle: usize,
    loads: &[Load],
    job_of: &BTreeMap<&ShipmentId, usize>,
) -> (Vec<Visit>, usize) {
    let mut visits: Vec<Visit> = Vec::new();
    let mut picked = BTreeSet::new();
    let pick = |ids: &[ShipmentId], visits: &mut Vec<Visit>, picked: &mut BTreeSet<usize>| {
        for job in ids.iter().filter_map(|id| job_of.get(id).copied()) {
            if loads[job].on_board.is_none() && picked.insert(job) {
                visits.push(Visit { job, part: Part::Pickup });
            }
        }
    };
    // It stands where these are, and was not told to take them yet.
    let left = (route.done as usize).checked_sub(1).and_then(|at| route.stops.get(at));
    if let Some(left) = left.filter(|_| !under_way) {
        pick(&left.load, &mut visits, &mut picked);
    }
    let mut frozen = 0;
    for (k, stop) in route.to_come().iter().enumerate() {
        for job in stop.unload.iter().filter_map(|id| job_of.get(id).copied()) {
            match loads[job].on_board {
                Some(other) if other == vehicle => visits.push(Visit { job, part: Part::Service }),
                None if picked.contains(&job) => visits.push(Visit { job, part: Part::Delivery }),
                _ => {}
            }
        }
        pick(&stop.load, &mut visits, &mut picked);
        if k == 0 && under_way {
            frozen = visits.len();
        }
    }
    // What is fetched and never brought is no part of a route.
    let brought: BTreeSet<usize> =
        visits.iter().filter(|visit| visit.part == Part::Delivery).map(|visit| visit.job).collect();
    let whole = |visit: &Visit| visit.part != Part::Pickup || brought.contains(&visit.job);
    frozen = visits[..frozen].iter().filter(|visit| whole(visit)).count();
    visits.retain(whole);
    (visits, frozen)
}
