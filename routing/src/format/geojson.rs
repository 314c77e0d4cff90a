//! Plans on a map: GeoJSON (RFC 7946), longitude first, WGS 84.

use super::{Case, Places};
use crate::LatLon;
use crate::check::{cost_of_routes, location, reasons, schedule};
use crate::plan::{PauseKind, Plan, Route};
use crate::problem::Terminal;
use serde_json::{Value, json};

/// A plan cannot be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoPlaces {
    /// The problem is a matrix, and nothing says where its locations are.
    #[error("the problem does not say where its locations are")]
    Unknown,
    /// Locations are points of a plane, which is nowhere on the earth.
    #[error("locations are points of a plane, not of the earth")]
    NotOnEarth,
}

/// Writes a plan as a collection of features: a line for each route, a point for each stop, depot and unserved job.
/// Locations of which nothing is said are left out.
///
/// # Errors
/// If there is no place on the earth at all.
pub fn write_geojson(case: &Case, plan: &Plan) -> Result<String, NoPlaces> {
    let places = match &case.labels.places {
        Places::Earth(places) => places,
        Places::Plane(_) => return Err(NoPlaces::NotOnEarth),
        Places::Unknown => return Err(NoPlaces::Unknown),
    };
    let at = |location: usize| places[location].map(position);
    let mut features = Vec::new();
    for (depot, id) in case.problem.depots().iter().zip(&case.labels.depots) {
        features.extend(at(depot.location).map(|p| point(&p, json!({ "kind": "depot", "id": id }))));
    }
    for (r, route) in plan.routes.iter().enumerate() {
        let vehicle = case.labels.vehicles[route.vehicle];
        let way = way(case, route);
        let line: Vec<Value> = way.iter().filter_map(|&l| at(l)).collect();
        let times = schedule(&case.problem, route).ok();
        let alone = Plan { routes: vec![route.clone()], unserved: Vec::new() };
        let distance: i64 = way.windows(2).map(|w| case.distance(w[0], w[1])).sum();
        if line.len() > 1 {
            let properties = json!({
                "kind": "route", "route": r, "vehicle": vehicle, "stops": route.visits.len(),
                "distance_m": distance, "cost": case.cost(cost_of_routes(&case.problem, &alone).cost),
                "departure": times.as_ref().map(|t| t.departure), "end": times.as_ref().map(|t| t.end),
                "stroke": super::svg::colour(r),
            });
            let geometry = json!({ "type": "LineString", "coordinates": line });
            features.push(json!({ "type": "Feature", "properties": properties, "geometry": geometry }));
        }
        for (i, &visit) in route.visits.iter().enumerate() {
            let begin = times.as_ref().map(|t| t.stops[i].begin);
            let properties = json!({
                "kind": "stop", "route": r, "vehicle": vehicle, "position": i + 1, "id": case.id(visit), "begin": begin,
                "marker-color": super::svg::colour(r),
            });
            features.extend(at(location(&case.problem, visit)).map(|p| point(&p, properties)));
        }
    }
    for (&job, reason) in plan.unserved.iter().zip(reasons(&case.problem, plan)) {
        for visit in super::json::visits_of(case, job) {
            let properties = json!({ "kind": "unserved", "id": case.id(visit), "reason": reason.code() });
            features.extend(at(location(&case.problem, visit)).map(|p| point(&p, properties)));
        }
    }
    Ok(format!("{}\n", json!({ "type": "FeatureCollection", "features": features })))
}

/// The locations of a route in order.
pub(super) fn way(case: &Case, route: &Route) -> Vec<usize> {
    let problem = &case.problem;
    let vehicle = &problem.vehicles()[route.vehicle];
    let terminal = |t| match t {
        Terminal::Depot(depot) => Some(problem.depots()[depot].location),
        Terminal::Location(at) => Some(at),
        Terminal::Open => None,
    };
    let mut way: Vec<usize> = terminal(vehicle.start).into_iter().collect();
    for position in 0..=route.visits.len() {
        for pause in route.pauses.iter().filter(|p| p.before == position) {
            if let PauseKind::Reload(depot) = pause.kind {
                way.push(problem.depots()[depot].location);
            }
        }
        way.extend(route.visits.get(position).map(|&v| location(problem, v)));
    }
    way.extend(terminal(vehicle.end));
    way
}

fn position(place: LatLon) -> Value {
    json!([place.lon, place.lat])
}

fn point(position: &Value, properties: Value) -> Value {
    json!({ "type": "Feature", "properties": properties, "geometry": { "type": "Point", "coordinates": position } })
}
