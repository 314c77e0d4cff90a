//! Land: Natural Earth's coasts at 1:110 million, and at 1:50 million for closer looks, cut into triangles.

use crate::palette::Rgba;
use crate::scene::mesh::Triangles;
use crate::scene::{ChartPoint, Detail};

const LAND_110M: &str = include_str!("../assets/land_110m.geojson");
const LAND_50M: &str = include_str!("../assets/land_50m.geojson");

/// Why land cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LandError {
    /// Not JSON.
    #[error("not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Not a collection of polygons.
    #[error("feature {at}: {why}")]
    Feature {
        /// Which.
        at: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// A polygon that cannot be cut into triangles.
    #[error("feature {at}: {why}")]
    Triangles {
        /// Which.
        at: usize,
        /// The cutter's words.
        why: earcutr::Error,
    },
}

/// The land that is built in.
pub fn land(detail: Detail, colour: Rgba) -> Result<Triangles, LandError> {
    match detail {
        Detail::World => triangles(LAND_110M, colour),
        Detail::Region => triangles(LAND_50M, colour),
    }
}

/// The polygons of a GeoJSON feature collection as triangles. Positions are longitude, latitude.
pub fn triangles(geojson: &str, colour: Rgba) -> Result<Triangles, LandError> {
    let document: serde_json::Value = serde_json::from_str(geojson)?;
    let features = document["features"].as_array().ok_or(LandError::Feature { at: 0, why: "no features" })?;
    let mut all = Triangles::default();
    for (at, feature) in features.iter().enumerate() {
        let geometry = &feature["geometry"];
        let coordinates = geometry["coordinates"].as_array();
        let coordinates = coordinates.ok_or(LandError::Feature { at, why: "no coordinates" })?;
        match geometry["type"].as_str() {
            Some("Polygon") => polygon(at, coordinates, colour, &mut all)?,
            Some("MultiPolygon") => {
                for rings in coordinates {
                    let rings = rings.as_array().ok_or(LandError::Feature { at, why: "a polygon without rings" })?;
                    polygon(at, rings, colour, &mut all)?;
                }
            }
            _ => return Err(LandError::Feature { at, why: "neither a Polygon nor a MultiPolygon" }),
        }
    }
    Ok(all)
}

fn polygon(at: usize, rings: &[serde_json::Value], colour: Rgba, all: &mut Triangles) -> Result<(), LandError> {
    let mut places = Vec::new();
    let mut flat = Vec::new();
    let mut holes = Vec::new();
    for (nth, ring) in rings.iter().enumerate() {
        let ring = ring.as_array().ok_or(LandError::Feature { at, why: "a ring without positions" })?;
        if nth > 0 {
            holes.push(places.len());
        }
        // A ring ends where it began; the cutter wants that corner once.
        for position in ring.iter().take(ring.len().saturating_sub(1)) {
            let (Some(lon), Some(lat)) = (position[0].as_f64(), position[1].as_f64()) else {
                return Err(LandError::Feature { at, why: "a position that is not two numbers" });
            };
            let place = ChartPoint::from_degrees(lat, lon);
            places.push(place);
            flat.extend([place.x, place.y]);
        }
    }
    let indices = earcutr::earcut(&flat, &holes, 2).map_err(|why| LandError::Triangles { at, why })?;
    all.area(&places, &indices, colour);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::palette::Theme;

    fn is_land(all: &Triangles, lat: f64, lon: f64) -> bool {
        let at = ChartPoint::from_degrees(lat, lon);
        let side = |a: ChartPoint, b: ChartPoint| (b.x - a.x) * (at.y - a.y) - (b.y - a.y) * (at.x - a.x);
        all.indices.chunks_exact(3).any(|corners| {
            let [a, b, c] = [0, 1, 2].map(|nth| all.vertices[corners[nth] as usize].at);
            let sides = [side(a, b), side(b, c), side(c, a)];
            sides.iter().all(|side| *side >= 0.0) || sides.iter().all(|side| *side <= 0.0)
        })
    }

    #[test]
    fn land_is_where_land_is() {
        for detail in [Detail::World, Detail::Region] {
            check(detail);
        }
    }

    #[track_caller]
    fn check(detail: Detail) {
        let all = land(detail, Theme::DARK.land).unwrap();
        for (name, lat, lon) in
            [("Berlin", 52.5, 13.4), ("Wuhan", 30.6, 114.3), ("Chicago", 41.6, -88.5), ("Perth", -31.5, 117.0)]
        {
            assert!(is_land(&all, lat, lon), "{name} at {detail:?}");
        }
        for (name, lat, lon) in [("Atlantic", 30.0, -40.0), ("Pacific", 0.0, -150.0), ("Bight", -35.0, 130.0)] {
            assert!(!is_land(&all, lat, lon), "{name} at {detail:?}");
        }
    }

    #[test]
    fn what_is_no_map_is_refused() {
        for bad in [
            "",
            "{}",
            r#"{"features":[{}]}"#,
            r#"{"features":[{"geometry":{"type":"Polygon","coordinates":[[["x"],0]]}}]}"#,
        ] {
            assert!(triangles(bad, Theme::DARK.land).is_err(), "{bad}");
        }
    }
}
