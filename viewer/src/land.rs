//! The map: Natural Earth's coasts at 1:110 million and 1:50 million, lakes and borders, and cities.

use std::sync::{Arc, OnceLock};

use crate::palette::Rgba;
use crate::scene::mesh::Triangles;
use crate::scene::network::LanePath;
use crate::scene::{ChartPoint, Detail};

const LAND_110M: &str = include_str!("../assets/land_110m.geojson");
const LAND_50M: &str = include_str!("../assets/land_50m.geojson");
const LAKES_50M: &str = include_str!("../assets/lakes_50m.geojson");
const BORDERS_50M: &str = include_str!("../assets/borders_50m.geojson");
const CITIES: &str = include_str!("../assets/cities.csv");

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

/// Areas cut into triangles, without a colour.
#[derive(Clone, Debug, Default)]
struct Areas {
    places: Vec<ChartPoint>,
    indices: Vec<usize>,
}

impl Areas {
    fn coloured(&self, colour: Rgba) -> Triangles {
        let mut all = Triangles::default();
        all.area(&self.places, &self.indices, colour);
        all
    }
}

/// A part of the map is read and cut once; whoever comes while that is done waits for it.
fn kept(
    kept: &'static OnceLock<Result<Areas, LandError>>,
    geojson: &str,
) -> Result<&'static Areas, &'static LandError> {
    kept.get_or_init(|| areas(geojson)).as_ref()
}

fn land_areas(detail: Detail) -> Result<&'static Areas, &'static LandError> {
    static WORLD: OnceLock<Result<Areas, LandError>> = OnceLock::new();
    static REGION: OnceLock<Result<Areas, LandError>> = OnceLock::new();
    match detail {
        Detail::World => kept(&WORLD, LAND_110M),
        Detail::Region => kept(&REGION, LAND_50M),
    }
}

/// The land that is built in.
pub fn land(detail: Detail, colour: Rgba) -> Result<Triangles, &'static LandError> {
    Ok(land_areas(detail)?.coloured(colour))
}

/// Reads the map in a thread of its own, while the graphics driver wakes up. What is seen up close comes last, and only
/// where somebody may come close: `in_window`.
pub(crate) fn read_ahead(in_window: bool) {
    let read = move || {
        let world = land_areas(Detail::World);
        let lakes = lake_areas();
        let borders = border_lines();
        let n_cities = cities().len();
        let region = in_window.then(|| land_areas(Detail::Region));
        let broken = world.err().or(lakes.err()).or(borders.err()).or(region.and_then(Result::err));
        if let Some(why) = broken {
            bevy::log::error!("the map of {n_cities} cities is broken: {why}");
        }
    };
    // Without the thread it is read when it is drawn.
    std::thread::Builder::new().name("map".to_owned()).spawn(read).ok();
}

fn lake_areas() -> Result<&'static Areas, &'static LandError> {
    static LAKES: OnceLock<Result<Areas, LandError>> = OnceLock::new();
    kept(&LAKES, LAKES_50M)
}

/// The large lakes.
pub fn lakes(colour: Rgba) -> Result<Triangles, &'static LandError> {
    Ok(lake_areas()?.coloured(colour))
}

/// Borders on land, as they are in fact; whoever must show others switches them off.
pub fn borders(colour: Rgba) -> Result<Triangles, &'static LandError> {
    let mut all = Triangles::default();
    for points in border_lines()? {
        all.line(&LanePath { points: Arc::clone(points), colour, width_px: 1.0, dashed: false });
    }
    Ok(all)
}

/// Lines as they are drawn, by many.
type Lines = Vec<Arc<Vec<ChartPoint>>>;

fn border_lines() -> Result<&'static Lines, &'static LandError> {
    static BORDERS: OnceLock<Result<Lines, LandError>> = OnceLock::new();
    BORDERS.get_or_init(|| lines(BORDERS_50M)).as_ref()
}

/// The lines of a GeoJSON feature collection. Positions are longitude, latitude.
fn lines(geojson: &str) -> Result<Lines, LandError> {
    let document: serde_json::Value = serde_json::from_str(geojson)?;
    let features = document["features"].as_array().ok_or(LandError::Feature { at: 0, why: "no features" })?;
    let mut all = Vec::with_capacity(features.len());
    for (at, feature) in features.iter().enumerate() {
        let coordinates = feature["geometry"]["coordinates"].as_array();
        let coordinates = coordinates.ok_or(LandError::Feature { at, why: "no coordinates" })?;
        let mut points: Vec<ChartPoint> = Vec::with_capacity(coordinates.len());
        for position in coordinates {
            let place = place(at, position)?;
            if points.last() != Some(&place) {
                points.push(place);
            }
        }
        if points.len() > 1 {
            all.push(points.into());
        }
    }
    Ok(all)
}

/// A city with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct City {
    /// In English, or its own language in Latin letters.
    pub name: String,
    /// In simplified Chinese, where that is known.
    pub name_zh: Option<String>,
    /// Where.
    pub at: ChartPoint,
    /// The smaller, the greater the city: 0 to 6.
    pub rank: u8,
}

/// Cities of 300,000 people and more, the greatest first.
pub fn cities() -> &'static [City] {
    static CITIES_READ: OnceLock<Vec<City>> = OnceLock::new();
    CITIES_READ.get_or_init(|| CITIES.lines().skip(1).filter_map(city).collect())
}

/// A line of the table: name, latitude, longitude, rank, Chinese name or nothing. Only a name may stand in quotes.
fn city(line: &str) -> Option<City> {
    let (name, rest) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once("\",")?,
        None => line.split_once(',')?,
    };
    let fields: Vec<&str> = rest.split(',').collect();
    let [lat, lon, rank, zh] = fields[..] else { return None };
    Some(City {
        name: name.to_owned(),
        name_zh: (!zh.is_empty()).then(|| zh.to_owned()),
        at: ChartPoint::from_degrees(lat.parse().ok()?, lon.parse().ok()?),
        rank: rank.parse().ok()?,
    })
}

/// The polygons of a GeoJSON feature collection as triangles. Positions are longitude, latitude.
pub fn triangles(geojson: &str, colour: Rgba) -> Result<Triangles, LandError> {
    Ok(areas(geojson)?.coloured(colour))
}

fn areas(geojson: &str) -> Result<Areas, LandError> {
    let document: serde_json::Value = serde_json::from_str(geojson)?;
    let features = document["features"].as_array().ok_or(LandError::Feature { at: 0, why: "no features" })?;
    let mut all = Areas::default();
    for (at, feature) in features.iter().enumerate() {
        let geometry = &feature["geometry"];
        let coordinates = geometry["coordinates"].as_array();
        let coordinates = coordinates.ok_or(LandError::Feature { at, why: "no coordinates" })?;
        match geometry["type"].as_str() {
            Some("Polygon") => polygon(at, coordinates, &mut all)?,
            Some("MultiPolygon") => {
                for rings in coordinates {
                    let rings = rings.as_array().ok_or(LandError::Feature { at, why: "a polygon without rings" })?;
                    polygon(at, rings, &mut all)?;
                }
            }
            _ => return Err(LandError::Feature { at, why: "neither a Polygon nor a MultiPolygon" }),
        }
    }
    Ok(all)
}

fn polygon(at: usize, rings: &[serde_json::Value], all: &mut Areas) -> Result<(), LandError> {
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
            let place = place(at, position)?;
            places.push(place);
            flat.extend([place.x, place.y]);
        }
    }
    let indices = earcutr::earcut(&flat, &holes, 2).map_err(|why| LandError::Triangles { at, why })?;
    let first = all.places.len();
    all.places.extend(places);
    all.indices.extend(indices.into_iter().map(|index| first + index));
    Ok(())
}

fn place(at: usize, position: &serde_json::Value) -> Result<ChartPoint, LandError> {
    let (Some(lon), Some(lat)) = (position[0].as_f64(), position[1].as_f64()) else {
        return Err(LandError::Feature { at, why: "a position that is not two numbers" });
    };
    Ok(ChartPoint::from_degrees(lat, lon))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::palette::Theme;

    fn covers(all: &Triangles, lat: f64, lon: f64) -> bool {
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
            assert!(covers(&all, lat, lon), "{name} at {detail:?}");
        }
        for (name, lat, lon) in [("Atlantic", 30.0, -40.0), ("Pacific", 0.0, -150.0), ("Bight", -35.0, 130.0)] {
            assert!(!covers(&all, lat, lon), "{name} at {detail:?}");
        }
    }

    #[test]
    fn lakes_are_where_lakes_are() {
        let lakes = lakes(Theme::DARK.water).unwrap();
        for (name, lat, lon) in [("Baikal", 53.5, 108.2), ("Victoria", -1.0, 33.0), ("Superior", 47.6, -87.5)] {
            assert!(covers(&lakes, lat, lon), "{name}");
        }
        assert!(!covers(&lakes, 52.5, 13.4));
    }

    #[test]
    fn no_border_jumps_round_the_world() {
        let borders = borders(Theme::DARK.border).unwrap();
        for corners in borders.indices.chunks_exact(3) {
            let xs = [0, 1, 2].map(|nth| borders.vertices[corners[nth] as usize].at.x);
            assert!((xs[0] - xs[1]).abs() < 20.0 && (xs[1] - xs[2]).abs() < 20.0, "{xs:?}");
        }
    }

    #[test]
    fn every_line_of_the_cities_is_read_and_they_come_by_rank() {
        assert_eq!(cities().len(), CITIES.lines().count() - 1);
        assert!(cities().windows(2).all(|pair| pair[0].rank <= pair[1].rank));
        let shanghai = cities().iter().find(|city| city.name == "Shanghai").unwrap();
        assert!((shanghai.at.lat() - 31.2).abs() < 0.3, "{shanghai:?}");
    }

    #[test]
    fn great_cities_have_chinese_names() {
        assert_eq!(cities().iter().filter(|city| city.name_zh.is_some()).count(), 684);
        let zh = |name: &str| cities().iter().find(|city| city.name == name).and_then(|city| city.name_zh.as_deref());
        for (name, expected) in [("Guangzhou", "广州"), ("London", "伦敦"), ("Tokyo", "东京"), ("Kyiv", "基辅")]
        {
            assert_eq!(zh(name), Some(expected));
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
