//! Routes that were found, as what vehicles are to be told.

use super::repair::same;
use crate::control::RequestError;
use crate::control::routes::{Give, Seen, driver};
use ::twin::Twin;
use ::twin::route::RouteState;
use firmware_schemas::api::routes::{RoutePoint, RouteStopView, RouteView, RoutesView};
use firmware_schemas::id::VehicleId;
use firmware_schemas::route::{ReplanCause, RouteSpec, RouteStopSpec};

/// What is to be told to these vehicles, all when none is named. Who drives on as before is told nothing, and stops that
/// were done since the search are left out as long as they are as they were.
///
/// # Errors
/// A vehicle is unknown, has no device, or has gone on to where its new route does not lead.
pub fn give(
    found: RoutesView,
    twin: &Twin,
    vehicles: &[VehicleId],
    stopped: Vec<VehicleId>,
    by: Option<String>,
    causes: Vec<ReplanCause>,
) -> Result<Give, RequestError> {
    let RoutesView { id: plan, routes, repair, .. } = found;
    let is_wanted = |vehicle: &VehicleId| vehicles.is_empty() || vehicles.contains(vehicle);
    let (mut specs, mut seen) = (Vec::new(), Vec::new());
    for route in routes.into_iter().filter(|route| is_wanted(&route.vehicle)) {
        let device = driver(twin, &route.vehicle)?;
        let RouteView { vehicle, goes_on, stops, .. } = route;
        let known = twin.routes.get(&vehicle);
        let stops = match goes_on {
            Some(point) if point.unchanged && known.is_some_and(|known| known.plan == point.plan) => continue,
            Some(point) => {
                let known = known.filter(|known| known.plan == point.plan);
                let left = known.and_then(|known| left_of(known, &point, stops));
                let gone = || {
                    RequestError::Conflict(format!(
                        "vehicle {vehicle} has gone on since these routes were looked for; look again"
                    ))
                };
                let (Some(known), Some(left)) = (known, left) else { return Err(gone()) };
                let (plan, done, under_way) = (known.plan.clone(), known.done, known.is_under_way());
                seen.push(Seen { vehicle: vehicle.clone(), plan, done, under_way });
                left
            }
            None => stops,
        };
        if !stops.is_empty() {
            let stops = stops.into_iter().map(stop).collect();
            specs.push(RouteSpec { vehicle, device, stops });
        }
    }
    // Who has nothing to do any more goes where it was told to, and no further.
    for vehicle in repair.map(|it| it.idle).unwrap_or_default().into_iter().filter(|it| is_wanted(it)) {
        let route = twin.routes.get(&vehicle).filter(|route| !route.is_over() && route.trouble.is_none());
        let Some(first) = route.and_then(|route| route.to_come().first()) else { continue };
        let stops = vec![RouteStopSpec { load: Vec::new(), unload: Vec::new(), ..first.clone() }];
        let device = driver(twin, &vehicle)?;
        specs.push(RouteSpec { vehicle, device, stops });
    }
    Ok(Give { plan, by, routes: specs, stopped, seen, causes })
}

/// The stops that are not done meanwhile; `None` if the vehicle is on its way to elsewhere.
fn left_of(known: &RouteState, point: &RoutePoint, mut stops: Vec<RouteStopView>) -> Option<Vec<RouteStopView>> {
    if known.done == point.done && known.is_under_way() == point.under_way {
        return Some(stops);
    }
    let ahead = known.done.checked_sub(point.done)? as usize;
    let before = known.stops.get(point.done as usize..known.done as usize)?;
    let as_before = |(new, old): (&RouteStopView, &RouteStopSpec)| {
        new.site == old.site && same(&new.load, &old.load) && same(&new.unload, &old.unload)
    };
    if stops.len() < ahead || !stops.iter().zip(before).all(as_before) {
        return None;
    }
    let left = stops.split_off(ahead);
    let next = known.to_come().first().filter(|_| known.is_under_way());
    let leads_there = next.is_none_or(|next| left.first().is_some_and(|stop| stop.site == next.site));
    leads_there.then_some(left)
}

fn stop(it: RouteStopView) -> RouteStopSpec {
    RouteStopSpec { site: it.site, arrive_at: it.arrive_at, load: it.load, unload: it.unload }
}
