//! Roads from an OpenStreetMap extract: fastest ways by contraction hierarchies (Geisberger et al. 2008).
//!
//! With the feature `osm`. An extract is read once ([`RoadNetwork::read`]) and prepared; then a way between two
//! places takes microseconds to milliseconds. OpenStreetMap's data is under the ODbL: credit its contributors.

mod osm_xml;

pub use osm_xml::OsmError;

use crate::problem::{MAX_ENTRY, NO_WAY, Travel};
use crate::{LatLon, distance_m};
use fast_paths::{FastGraph, InputGraph, PathCalculator};
use std::collections::BTreeMap;

/// What kind of vehicle drives: which roads it may use, and how fast it is at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoadUser {
    /// Its own limit, in kilometres an hour.
    pub top_speed_kmh: u32,
    /// Whether roads closed to heavy goods vehicles are closed to it.
    pub is_heavy: bool,
}

impl RoadUser {
    /// A lorry of more than 3.5 tonnes.
    pub const LORRY: Self = Self { top_speed_kmh: 80, is_heavy: true };
    /// A van.
    pub const VAN: Self = Self { top_speed_kmh: 130, is_heavy: false };
}

/// Roads, prepared for one kind of vehicle.
pub struct RoadNetwork {
    nodes: Vec<LatLon>,
    graph: FastGraph,
    /// Metres of the fastest road between two nodes that one joins.
    lengths: BTreeMap<(u32, u32), u32>,
    grid: Grid,
}

/// A way over roads.
#[derive(Clone, Debug, PartialEq)]
pub struct RoadWay {
    /// Milliseconds.
    pub duration_millis: u64,
    /// Metres.
    pub distance_m: u64,
    /// Where it goes along, from junction to junction and bend to bend.
    pub points: Vec<LatLon>,
}

/// A directed piece of road.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    from: u32,
    to: u32,
    millis: u32,
    metres: u32,
}

impl RoadNetwork {
    /// Reads an extract in OpenStreetMap's XML and prepares it. Time and memory grow a little faster than the
    /// number of junctions.
    ///
    /// # Errors
    /// The first line that is no OpenStreetMap XML, or that it has no road for this vehicle.
    pub fn read(text: &str, user: RoadUser) -> Result<Self, OsmError> {
        let map = osm_xml::read(text)?;
        let mut index: BTreeMap<i64, u32> = BTreeMap::new();
        let mut nodes: Vec<LatLon> = Vec::new();
        let mut pieces: Vec<Piece> = Vec::new();
        for way in &map.ways {
            let Some(road) = road(&way.tags, user) else { continue };
            let mut last: Option<u32> = None;
            for id in &way.nodes {
                // A road that leaves the extract is cut where it does.
                let Some(&place) = map.nodes.get(id) else {
                    last = None;
                    continue;
                };
                let next = u32::try_from(nodes.len()).map_err(|_refused| OsmError::NoRoads)?;
                let node = *index.entry(*id).or_insert(next);
                if node == next {
                    nodes.push(place);
                }
                if let Some(before) = last.filter(|&before| before != node) {
                    let metres = distance_m(nodes[before as usize], nodes[node as usize]) as u32;
                    let millis = (u64::from(metres) * 3_600).div_ceil(u64::from(road.speed_kmh)).max(1) as u32;
                    let mut add = |from, to| pieces.push(Piece { from, to, millis, metres });
                    if road.forward {
                        add(before, node);
                    }
                    if road.backward {
                        add(node, before);
                    }
                }
                last = Some(node);
            }
        }
        if pieces.is_empty() {
            return Err(OsmError::NoRoads);
        }
        Ok(Self::prepared(nodes, pieces))
    }

    fn prepared(nodes: Vec<LatLon>, mut pieces: Vec<Piece>) -> Self {
        // Of roads between the same nodes only the fastest counts.
        pieces.sort_by_key(|p| (p.from, p.to, p.millis, p.metres));
        pieces.dedup_by_key(|p| (p.from, p.to));
        let mut input = InputGraph::new();
        for p in &pieces {
            input.add_edge(p.from as usize, p.to as usize, p.millis as usize);
        }
        input.freeze();
        let graph = fast_paths::prepare(&input);
        let lengths = pieces.iter().map(|p| ((p.from, p.to), p.metres)).collect();
        let grid = Grid::new(&nodes);
        Self { nodes, graph, lengths, grid }
    }

    /// How many nodes and directed pieces of road there are.
    pub fn size(&self) -> (usize, usize) {
        (self.nodes.len(), self.lengths.len())
    }

    /// The node of a road that is nearest to a place.
    fn snap(&self, place: LatLon) -> u32 {
        self.grid.nearest(&self.nodes, place)
    }

    /// The fastest way between the roads nearest to two places; `None` if there is none.
    pub fn way(&self, from: LatLon, to: LatLon) -> Option<RoadWay> {
        let mut calculator = fast_paths::create_calculator(&self.graph);
        self.between(&mut calculator, self.snap(from), self.snap(to))
    }

    fn between(&self, calculator: &mut PathCalculator, from: u32, to: u32) -> Option<RoadWay> {
        if from == to {
            let points = vec![self.nodes[from as usize]];
            return Some(RoadWay { duration_millis: 0, distance_m: 0, points });
        }
        let path = calculator.calc_path(&self.graph, from as usize, to as usize)?;
        let nodes = path.get_nodes();
        let length = |pair: &[usize]| self.lengths.get(&(pair[0] as u32, pair[1] as u32)).copied().unwrap_or(0);
        Some(RoadWay {
            duration_millis: path.get_weight() as u64,
            distance_m: nodes.windows(2).map(|pair| u64::from(length(pair))).sum(),
            points: nodes.iter().map(|&n| self.nodes[n]).collect(),
        })
    }

    /// Metres and seconds, rounded up, between all of these places, for a [`crate::problem::Spec`].
    pub fn travel(&self, places: &[LatLon]) -> Travel {
        let n = places.len();
        let at: Vec<u32> = places.iter().map(|&p| self.snap(p)).collect();
        let mut calculator = fast_paths::create_calculator(&self.graph);
        let (mut distance, mut duration) = (Vec::with_capacity(n * n), Vec::with_capacity(n * n));
        for &from in &at {
            for &to in &at {
                let (metres, secs) = match self.between(&mut calculator, from, to) {
                    Some(way) => (way.distance_m as i64, way.duration_millis.div_ceil(1_000) as i64),
                    None => (NO_WAY, NO_WAY),
                };
                let within = |value: i64| if value == NO_WAY { value } else { value.min(MAX_ENTRY) };
                distance.push(within(metres));
                duration.push(within(secs));
            }
        }
        Travel::Matrix { n, distance, duration: Some(duration) }
    }
}

/// How a way of the map is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Road {
    speed_kmh: u32,
    forward: bool,
    backward: bool,
}

/// Kinds of roads, and how fast they are where nothing else is said.
const KINDS: [(&str, u32); 14] = [
    ("motorway", 110),
    ("motorway_link", 60),
    ("trunk", 90),
    ("trunk_link", 50),
    ("primary", 70),
    ("primary_link", 45),
    ("secondary", 60),
    ("secondary_link", 40),
    ("tertiary", 50),
    ("tertiary_link", 35),
    ("unclassified", 40),
    ("residential", 30),
    ("service", 15),
    ("living_street", 10),
];

/// `None` if the vehicle may not or cannot use it.
fn road(tags: &BTreeMap<&str, &str>, user: RoadUser) -> Option<Road> {
    let tag = |key: &str| tags.get(key).copied();
    let kind = tag("highway")?;
    let usual = KINDS.iter().find(|k| k.0 == kind)?.1;
    // The most particular that is said holds.
    let access =
        user.is_heavy.then(|| tag("hgv")).flatten().or(tag("motor_vehicle")).or(tag("vehicle")).or(tag("access"));
    if matches!(access, Some("no" | "private" | "agricultural" | "forestry")) || tag("area") == Some("yes") {
        return None;
    }
    let limit = |text: &str| match text.split_once(' ') {
        Some((miles, "mph")) => miles.parse::<u32>().ok().map(|m| m * 1_609 / 1_000),
        _ => text.parse::<u32>().ok(),
    };
    let own = user.is_heavy.then(|| tag("maxspeed:hgv").and_then(limit)).flatten();
    let speed = own.or(tag("maxspeed").and_then(limit)).filter(|s| (5..=200).contains(s)).unwrap_or(usual);
    let (forward, backward) = match tag("oneway") {
        Some("yes" | "1" | "true") => (true, false),
        Some("-1" | "reverse") => (false, true),
        Some("no" | "0" | "false") => (true, true),
        _ if kind == "motorway" || tag("junction") == Some("roundabout") => (true, false),
        _ => (true, true),
    };
    Some(Road { speed_kmh: speed.min(user.top_speed_kmh).max(1), forward, backward })
}

/// Nodes by cells of a hundredth of a degree.
struct Grid {
    cells: BTreeMap<(i32, i32), Vec<u32>>,
    low: (i32, i32),
    high: (i32, i32),
}

impl Grid {
    fn new(nodes: &[LatLon]) -> Self {
        let mut cells: BTreeMap<(i32, i32), Vec<u32>> = BTreeMap::new();
        let (mut low, mut high) = ((i32::MAX, i32::MAX), (i32::MIN, i32::MIN));
        for (i, &node) in (0_u32..).zip(nodes) {
            let cell = Self::cell(node);
            low = (low.0.min(cell.0), low.1.min(cell.1));
            high = (high.0.max(cell.0), high.1.max(cell.1));
            cells.entry(cell).or_default().push(i);
        }
        Self { cells, low, high }
    }

    fn cell(place: LatLon) -> (i32, i32) {
        ((place.lat * 100.0).floor() as i32, (place.lon * 100.0).floor() as i32)
    }

    /// Ring by ring, until no ring further out can hold a nearer node.
    fn nearest(&self, nodes: &[LatLon], place: LatLon) -> u32 {
        let (lat, lon) = Self::cell(place);
        let outside = |at: i32, low: i32, high: i32| (low - at).max(at - high).max(0);
        let first = outside(lat, self.low.0, self.high.0).max(outside(lon, self.low.1, self.high.1));
        let last = first + (self.high.0 - self.low.0).max(self.high.1 - self.low.1) + 2;
        if first > 50 {
            // Far off the map: looking at every node is quicker than looking for the map.
            let all = (0_u32..).zip(nodes).min_by_key(|(_, node)| distance_m(place, **node));
            return all.map_or(0, |(i, _)| i);
        }
        let mut best: Option<(u64, u32)> = None;
        for ring in first..=last {
            for y in lat - ring..=lat + ring {
                let step = if (y - lat).abs() == ring { 1 } else { (2 * ring).max(1) as usize };
                for x in (lon - ring..=lon + ring).step_by(step) {
                    for &node in self.cells.get(&(y, x)).into_iter().flatten() {
                        let found = (distance_m(place, nodes[node as usize]), node);
                        if best.is_none_or(|b| found < b) {
                            best = Some(found);
                        }
                    }
                }
            }
            // A cell is at least so wide in this ring, in metres; meridians meet towards the poles.
            let furthest = (place.lat.abs() + f64::from(ring + 1) / 100.0).min(90.0);
            let narrow = libm::cos(furthest.to_radians()) * 1_000.0;
            if best.is_some_and(|(metres, _)| (metres as f64) < f64::from(ring) * narrow) {
                break;
            }
        }
        best.map_or(0, |(_, node)| node)
    }
}

#[cfg(test)]
mod tests;
