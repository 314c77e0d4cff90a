//! Vehicles as symbols: shape for what it is, colour for how it is, filling for how sure we are.

use firmware_schemas::network::VehicleKind;
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::{Freshness, VehicleView};

use super::chart::{ChartPoint, great_circle};
use super::mark::{Fill, ItemId, Mark, Shape};
use super::{Detail, Known, Look};
use crate::palette;

/// The symbols of all vehicles with a place, at `now` by the gateway's clock.
///
/// One that stands at a site and about which nothing is wrong is not drawn: the site's panel counts it.
pub fn vehicles(known: &Known, now: Timestamp, look: &Look, detail: Detail) -> Vec<Mark> {
    let severities = known.severity_by_vehicle();
    let mut marks = Vec::with_capacity(known.vehicles.len());
    for (id, vehicle) in &known.vehicles {
        let Some(at) = place(known, vehicle) else { continue };
        if vehicle.site.is_some() && !severities.contains_key(id) {
            continue;
        }
        let freshness = known.vehicle_freshness(vehicle, now);
        let colour = match severities.get(id) {
            Some(severity) => Shape::of_severity(*severity).1,
            None if freshness == Freshness::Never => palette::UNKNOWN,
            None => palette::OK,
        };
        let radius = radius_px(vehicle.kind, detail);
        let symbol = Mark {
            at,
            offset_px: [0.0, 0.0],
            shape: Shape::of_vehicle(vehicle.kind),
            radius_px: radius,
            turn_rad: heading_rad(known, vehicle),
            fill: fill(freshness),
            colour: look.of(colour),
            item: Some(ItemId::Vehicle(id.clone())),
        };
        if let (Freshness::Stale, Some(heard_at), Detail::Region) = (freshness, vehicle.at, detail) {
            // It may be anywhere in a circle that grows while we hear nothing.
            let intervals =
                now.since(heard_at).as_secs_f64() / vehicle.interval_secs.to_duration().as_secs_f64().max(1.0);
            let uncertainty = radius + 4.0 + (intervals - 5.0).clamp(0.0, 15.0) * 1.2;
            let (shape, fill) = (Shape::Circle, Fill::Ring);
            marks.push(Mark { shape, fill, radius_px: uncertainty, item: None, ..symbol.clone() });
        }
        if let Some(severity) = severities.get(id) {
            let (shape, colour) = Shape::of_severity(*severity);
            let colour = look.of(colour);
            marks.push(symbol.clone());
            let offset_px = [radius * 0.95, radius * 0.95];
            marks.push(Mark {
                shape,
                colour,
                offset_px,
                radius_px: 4.5,
                turn_rad: 0.0,
                fill: Fill::Solid,
                item: None,
                ..symbol
            });
        } else {
            marks.push(symbol);
        }
    }
    marks
}

/// The filling that says how fresh a fix is.
pub fn fill(freshness: Freshness) -> Fill {
    match freshness {
        Freshness::Live => Fill::Solid,
        Freshness::Late | Freshness::Never => Fill::Hollow,
        Freshness::Stale => Fill::Hatched,
        Freshness::Lost => Fill::Cross,
    }
}

/// The radius of a vehicle's symbol, in pixels.
pub fn radius_px(kind: VehicleKind, detail: Detail) -> f64 {
    let factor = match (detail, kind) {
        (Detail::World, VehicleKind::Truck | VehicleKind::Van | VehicleKind::Agv) => 0.5,
        (Detail::World, _) => 0.85,
        (Detail::Region, _) => 1.0,
    };
    factor * radius_up_close_px(kind)
}

fn radius_up_close_px(kind: VehicleKind) -> f64 {
    match kind {
        VehicleKind::Ship => 8.5,
        VehicleKind::Train | VehicleKind::Barge => 7.5,
        VehicleKind::Aircraft => 7.0,
        VehicleKind::Truck => 6.5,
        VehicleKind::Van => 5.5,
        VehicleKind::Agv => 4.0,
    }
}

/// Its last fix, else the site where it stands. `None` if neither is known.
pub fn place(known: &Known, vehicle: &VehicleView) -> Option<ChartPoint> {
    let position = match (vehicle.position, &vehicle.site) {
        (Some(fix), _) => fix,
        (None, Some(site)) => known.sites.get(site)?.position,
        (None, None) => return None,
    };
    Some(ChartPoint::of(position))
}

/// Where its front points, clockwise from north: by its own word, else along its lane at the nearest point of it.
fn heading_rad(known: &Known, vehicle: &VehicleView) -> f64 {
    if let Some(heading) = vehicle.heading_cdeg {
        return (f64::from(heading) / 100.0).to_radians();
    }
    along_lane(known, vehicle).unwrap_or(0.0)
}

fn along_lane(known: &Known, vehicle: &VehicleView) -> Option<f64> {
    let at = ChartPoint::of(vehicle.position?);
    let lane = known.lanes.get(vehicle.lane.as_ref()?)?;
    let (from, to) = (known.sites.get(&lane.from)?, known.sites.get(&lane.to)?);
    let stops: Vec<_> = std::iter::once(from.position).chain(lane.via.iter().copied()).chain([to.position]).collect();
    let line = great_circle(&stops);
    let far = |pair: &[ChartPoint]| {
        let at = at.nearest_to(pair[0].x);
        let (dx, dy) = ((pair[0].x + pair[1].x) / 2.0 - at.x, (pair[0].y + pair[1].y) / 2.0 - at.y);
        dx * dx + dy * dy
    };
    let leg = line.windows(2).min_by(|a, b| far(a).total_cmp(&far(b)))?;
    Some((leg[1].x - leg[0].x).atan2(leg[1].y - leg[0].y))
}
