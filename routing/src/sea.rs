//! A network of sea lanes: how ships get from port to port, with passages that can be closed.
//!
//! Read from GeoJSON lines, each with or without a `passage` (suez, panama, malacca …). Every point of a line is a
//! node; points at the same place are one, and so are longitudes a whole turn apart, so that the Pacific can be
//! crossed.

use crate::lane_ways::{Aim, Lane, LaneNetwork};
use crate::{LatLon, distance_m};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// Why a text is no network of sea lanes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SeaError {
    #[error("line {line}, column {column}: {field}: {why}")]
    Json { line: usize, column: usize, field: String, why: String },
    #[error("feature {feature} is a {found:?}, not a LineString")]
    NoLine { feature: usize, found: String },
    #[error("feature {feature}: point {point} is not on the earth")]
    NotOnEarth { feature: usize, point: usize },
    #[error("there is no lane")]
    Empty,
    #[error("more lanes than can be numbered")]
    TooMany,
    #[error("there is no passage {0:?}")]
    NoSuchPassage(String),
}

#[derive(Deserialize)]
struct Collection {
    features: Vec<Feature>,
    #[serde(flatten)]
    _rest: IgnoredAny,
}

#[derive(Deserialize)]
struct Feature {
    #[serde(default)]
    properties: Option<Properties>,
    geometry: Geometry,
}

#[derive(Deserialize)]
struct Properties {
    #[serde(default)]
    passage: Option<String>,
}

#[derive(Deserialize)]
struct Geometry {
    #[serde(rename = "type")]
    kind: String,
    coordinates: Vec<[f64; 2]>,
}

/// Sea lanes.
#[derive(Clone, Debug)]
pub struct SeaNetwork {
    network: LaneNetwork,
    nodes: Vec<LatLon>,
    passages: Vec<String>,
    /// By lane: index of its passage.
    passage_of: Vec<Option<u16>>,
}

/// A way over the sea.
#[derive(Clone, Debug, PartialEq)]
pub struct SeaWay {
    /// From the port of departure to that of arrival; longitudes go on beyond ±180 where the date line is crossed.
    pub points: Vec<LatLon>,
    /// Metres, with the way from the ports to the lanes.
    pub distance_m: u64,
    /// Passages in the order in which they are used.
    pub passages: Vec<String>,
}

impl SeaNetwork {
    /// Reads the lanes.
    ///
    /// # Errors
    /// The first thing in the text that is no sea lane.
    pub fn read(text: &str) -> Result<Self, SeaError> {
        let mut from = serde_json::Deserializer::from_str(text);
        let collection: Collection = serde_path_to_error::deserialize(&mut from).map_err(|error| SeaError::Json {
            line: error.inner().line(),
            column: error.inner().column(),
            field: error.path().to_string().chars().take(80).collect(),
            why: cause(&error.inner().to_string()),
        })?;
        let mut passages: Vec<String> =
            collection.features.iter().filter_map(|f| f.properties.as_ref()?.passage.clone()).collect();
        passages.sort_unstable();
        passages.dedup();
        let mut nodes: Vec<LatLon> = Vec::new();
        let mut node_at: BTreeMap<(i64, i64), u32> = BTreeMap::new();
        let (mut lanes, mut passage_of) = (Vec::new(), Vec::new());
        for (feature, f) in collection.features.iter().enumerate() {
            if f.geometry.kind != "LineString" {
                let found = f.geometry.kind.chars().take(40).collect();
                return Err(SeaError::NoLine { feature, found });
            }
            let passage = f.properties.as_ref().and_then(|p| p.passage.as_ref());
            let passage = passage.and_then(|p| passages.binary_search(p).ok()).map(|p| p as u16);
            let mut last: Option<u32> = None;
            for (point, &[lon, lat]) in f.geometry.coordinates.iter().enumerate() {
                if !(lat.abs() <= 90.0 && lon.abs() <= 540.0) {
                    return Err(SeaError::NotOnEarth { feature, point });
                }
                let place = LatLon { lat, lon: around(lon) };
                // A hundred-thousandth of a degree: a metre.
                let key = ((place.lat * 1e5 + 0.5).floor() as i64, (place.lon * 1e5 + 0.5).floor() as i64);
                let next = u32::try_from(nodes.len()).map_err(|_refused| SeaError::TooMany)?;
                let node = *node_at.entry(key).or_insert(next);
                if node == next {
                    nodes.push(place);
                }
                if let Some(before) = last.filter(|&before| before != node) {
                    let length = distance_m(nodes[before as usize], nodes[node as usize]);
                    for (from, to) in [(before, node), (node, before)] {
                        lanes.push(Lane { from, to, distance_m: length, cost: length, ..Lane::default() });
                        passage_of.push(passage);
                    }
                }
                last = Some(node);
            }
        }
        if lanes.is_empty() {
            return Err(SeaError::Empty);
        }
        let n_nodes = u32::try_from(nodes.len()).map_err(|_refused| SeaError::TooMany)?;
        let network = LaneNetwork::new(n_nodes, lanes, Vec::new()).map_err(|_refused| SeaError::TooMany)?;
        Ok(Self { network, nodes, passages, passage_of })
    }

    /// Names of passages, in order.
    pub fn passages(&self) -> &[String] {
        &self.passages
    }

    /// How many nodes and directed lanes there are.
    pub fn size(&self) -> (usize, usize) {
        (self.nodes.len(), self.network.lanes().len())
    }

    /// The shortest way between two ports that uses no closed passage; `None` if there is none.
    ///
    /// # Errors
    /// If a passage to be closed does not exist.
    pub fn way(&self, from: LatLon, to: LatLon, closed: &[&str]) -> Result<Option<SeaWay>, SeaError> {
        Ok(self.alternatives(from, to, closed, 1)?.pop())
    }

    /// At most `k` ways, the shortest first, that differ in the passages they use: for each way that is given, the
    /// next is the shortest that avoids one more of its passages.
    ///
    /// # Errors
    /// If a passage to be closed does not exist.
    pub fn alternatives(&self, from: LatLon, to: LatLon, closed: &[&str], k: usize) -> Result<Vec<SeaWay>, SeaError> {
        let mut shut = vec![false; self.passages.len()];
        for name in closed {
            let of = self.passages.binary_search_by(|p| p.as_str().cmp(name));
            shut[of.map_err(|_refused| SeaError::NoSuchPassage((*name).to_owned()))?] = true;
        }
        let ends = (self.nearest(from), self.nearest(to));
        // Yen's scheme over passages instead of lanes: neighbouring lanes make no ways that anybody would tell apart.
        let mut found: Vec<SeaWay> = Vec::new();
        let mut open: BTreeMap<(u64, Vec<bool>), SeaWay> = BTreeMap::new();
        let add = |shut: Vec<bool>, open: &mut BTreeMap<(u64, Vec<bool>), SeaWay>| {
            if let Some(way) = self.between(from, to, ends, &shut) {
                open.insert((way.distance_m, shut), way);
            }
        };
        if k > 0 {
            add(shut, &mut open);
        }
        while let Some(((_, shut), way)) = open.pop_first() {
            if found.iter().any(|w| w.passages == way.passages) {
                continue;
            }
            for passage in &way.passages {
                let mut more = shut.clone();
                if let Ok(i) = self.passages.binary_search(passage) {
                    more[i] = true;
                }
                add(more, &mut open);
            }
            found.push(way);
            if found.len() == k {
                break;
            }
        }
        Ok(found)
    }

    fn between(&self, from: LatLon, to: LatLon, ends: (u32, u32), shut: &[bool]) -> Option<SeaWay> {
        let may_use = |lane: usize| self.passage_of[lane].is_none_or(|p| !shut[p as usize]);
        let way = self.network.best(ends, Aim::Cost, 0, &may_use)?;
        let mut points = vec![from, self.nodes[ends.0 as usize]];
        let mut passages: Vec<String> = Vec::new();
        for &lane in &way.lanes {
            points.push(self.nodes[self.network.lanes()[lane as usize].to as usize]);
            if let Some(p) = self.passage_of[lane as usize]
                && passages.last() != Some(&self.passages[p as usize])
            {
                passages.push(self.passages[p as usize].clone());
            }
        }
        points.push(to);
        for i in 1..points.len() {
            let turns = ((points[i - 1].lon - points[i].lon) / 360.0 + 0.5).floor();
            points[i].lon += 360.0 * turns;
        }
        let ports = distance_m(from, points[1]) + distance_m(points[points.len() - 2], to);
        Some(SeaWay { points, distance_m: way.distance_m + ports, passages })
    }

    fn nearest(&self, place: LatLon) -> u32 {
        let near = (0_u32..).zip(&self.nodes).min_by_key(|(_, node)| distance_m(place, **node));
        near.map_or(0, |(i, _)| i)
    }
}

/// Without the place, which stands before it.
fn cause(why: &str) -> String {
    why.rsplit_once(" at line ").map_or(why, |(why, _)| why).chars().take(120).collect()
}

/// A longitude in -180 to 180, 180 itself as -180.
fn around(lon: f64) -> f64 {
    let turned = lon - 360.0 * ((lon + 180.0) / 360.0).floor();
    if turned >= 180.0 { turned - 360.0 } else { turned }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two seas joined by a canal at longitude 0 and by a way round over the date line.
    const SMALL: &str = r#"{"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": [[-20, 0], [-5, 0]]}},
        {"type": "Feature", "properties": {"passage": "canal"},
         "geometry": {"type": "LineString", "coordinates": [[-5, 0], [0, 0], [5, 0]]}},
        {"type": "Feature", "properties": null, "geometry": {"type": "LineString", "coordinates": [[5, 0], [90, 0], [180, 0]]}},
        {"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": [[-180, 0], [-100, 0], [-20, 0]]}}
    ]}"#;

    const WEST: LatLon = LatLon { lat: 0.0, lon: -20.0 };
    const EAST: LatLon = LatLon { lat: 0.0, lon: 10.0 };

    #[test]
    fn a_closed_passage_is_sailed_around_over_the_date_line() {
        let sea = SeaNetwork::read(SMALL).expect("well formed");
        assert_eq!(sea.passages(), ["canal"]);
        let degree = 111_195;
        let through = sea.way(WEST, EAST, &[]).expect("known").expect("there is a way");
        assert_eq!(through.passages, ["canal"]);
        assert!(through.distance_m.abs_diff(30 * degree) < 50, "{through:?}");
        let around = sea.way(WEST, EAST, &["canal"]).expect("known").expect("there is a way");
        assert!(around.passages.is_empty() && around.distance_m.abs_diff((160 + 175 + 5) * degree) < 500, "{around:?}");
        assert!(around.points.windows(2).all(|w| (w[0].lon - w[1].lon).abs() <= 180.0), "{around:?}");
        let ways = sea.alternatives(WEST, EAST, &[], 5).expect("known");
        assert_eq!(ways, [through, around]);
    }

    #[track_caller]
    fn check_refused(change: (&str, &str), expected: &str) {
        assert!(SMALL.contains(change.0), "{change:?}");
        let text = SMALL.replacen(change.0, change.1, 1);
        assert_eq!(SeaNetwork::read(&text).expect_err("it is broken").to_string(), expected);
    }

    #[test]
    fn what_is_no_sea_lane_is_refused() {
        check_refused(("LineString", "Polygon"), "feature 0 is a \"Polygon\", not a LineString");
        check_refused(("[-5, 0]]}", "[-5, 91]]}"), "feature 0: point 1 is not on the earth");
        let wrong =
            "line 2, column 111: features[0].geometry.coordinates[1]: invalid length 1, expected an array of length 2";
        check_refused(("[-5, 0]]}", "[-5]]}"), wrong);
        let sea = SeaNetwork::read(SMALL).expect("well formed");
        assert_eq!(sea.way(WEST, EAST, &["kiel"]), Err(SeaError::NoSuchPassage("kiel".to_owned())));
        assert_eq!(SeaNetwork::read("{\"features\": []}").err(), Some(SeaError::Empty));
        for text in ["[", "{\"features\":", "nonsense ", "\u{0}"] {
            let read = SeaNetwork::read(&text.repeat(1_000_000 / text.len()));
            assert!(matches!(read, Err(SeaError::Json { line: 1, .. })), "{text:?}");
        }
    }

    #[test]
    fn the_ways_of_the_world_are_as_long_as_known() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/basemap/sealanes.geojson");
        let Ok(text) = std::fs::read_to_string(file) else {
            return; // A checkout without the shared data.
        };
        let sea = SeaNetwork::read(&text).expect("it is a network");
        assert_eq!(sea.passages().len(), 13, "{:?}", sea.passages());
        let at = |lat, lon| LatLon { lat, lon };
        let (shanghai, los_angeles, rotterdam) = (at(31.23, 121.47), at(33.74, -118.26), at(51.95, 4.14));
        let (singapore, hamburg, new_york) = (at(1.27, 103.83), at(53.54, 9.98), at(40.67, -74.04));
        // Kilometres by the note beside the data, to a percent and a half: its ports are not these.
        for (from, to, closed, km, uses) in [
            (shanghai, los_angeles, "chili", 10_675, ""),
            (shanghai, rotterdam, "chili", 19_610, "suez"),
            (shanghai, rotterdam, "suez", 25_018, "panama"),
            (singapore, hamburg, "chili", 15_990, "suez"),
            (singapore, hamburg, "suez", 22_450, ""),
            (shanghai, new_york, "chili", 19_776, "panama"),
            (shanghai, new_york, "panama", 22_950, "suez"),
        ] {
            let way = sea.way(from, to, &["northwest", "bering", closed]).expect("known").expect("there is a way");
            let off = (way.distance_m as f64 / 1e3 / f64::from(km) - 1.0).abs();
            assert!(off < 0.015, "{} for {km}: {:?}", way.distance_m, way.passages);
            assert!(uses.is_empty() || way.passages.iter().any(|p| p == uses), "{:?}", way.passages);
        }
        let ways = sea.alternatives(singapore, hamburg, &["northwest", "bering"], 3).expect("known");
        assert!(ways.len() == 3 && ways.windows(2).all(|w| w[0].distance_m <= w[1].distance_m));
    }
}
