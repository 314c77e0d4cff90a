use super::*;
use crate::{Arc, LaneGraph};
use proptest::prelude::*;

/// A town: a one-way ring of primary roads with a residential street across it, a motorway past it, and a private
/// yard. Nodes 1 to 4 are the ring, 5 and 6 the motorway.
const TOWN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<osm version="0.6" generator="by hand">
  <!-- <node id="0" lat="99" lon="0"/> -->
  <node id="1" lat="48.00" lon="16.00"/>
  <node id="2" lat="48.00" lon="16.02"/>
  <node id="3" lat="48.02" lon="16.02"/>
  <node id="4" lat="48.02" lon="16.00"><tag k="name" v="a > b"/></node>
  <node id="5" lat="48.05" lon="16.00"/>
  <node id="6" lat="48.05" lon="16.30"/>
  <node id="7" lat="48.03" lon="16.02"/>
  <way id="10"><nd ref="1"/><nd ref="2"/><nd ref="3"/><nd ref="4"/><nd ref="1"/>
    <tag k="highway" v="primary"/><tag k="oneway" v="yes"/></way>
  <way id="11"><nd ref="1"/><nd ref="3"/><tag k='highway' v='residential'/><tag k="maxspeed" v="20 mph"/></way>
  <way id="12"><nd ref="4"/><nd ref="5"/><nd ref="999"/><nd ref="6"/><tag k="highway" v="secondary"/></way>
  <way id="13"><nd ref="5"/><nd ref="6"/><tag k="highway" v="motorway"/><tag k="oneway" v="no"/></way>
  <way id="14"><nd ref="3"/><nd ref="7"/><tag k="highway" v="service"/><tag k="access" v="private"/></way>
  <way id="15"><nd ref="2"/><nd ref="7"/><tag k="building" v="yes"/></way>
  <relation id="20"><member type="way" ref="10" role=""/></relation>
</osm>
"#;

const fn at(lat: f64, lon: f64) -> LatLon {
    LatLon { lat, lon }
}

#[track_caller]
fn check(user: RoadUser, from: LatLon, to: LatLon, nodes: usize, distance_m: u64, secs: u64) {
    let roads = RoadNetwork::read(TOWN, user).expect("well formed");
    let way = roads.way(from, to).expect("there is a way");
    assert_eq!((way.points.len(), way.distance_m, way.duration_millis / 1_000), (nodes, distance_m, secs), "{way:?}");
}

#[test]
fn the_fastest_way_keeps_to_the_rules_of_the_road() {
    // Along the ring at 70 km/h is faster than 20 miles an hour across.
    check(RoadUser::VAN, at(48.0, 16.0), at(48.02, 16.02), 3, 1_488 + 2_224, 190);
    // Back the ring leads over 4.
    check(RoadUser::VAN, at(48.02, 16.02), at(48.0, 16.0), 3, 1_488 + 2_224, 190);
    // Against the ring from 2 to 1: right round it, or over 3 and across.
    check(RoadUser::VAN, at(48.0, 16.021), at(48.0, 16.0), 4, 2_224 + 1_488 + 2_224, 305);
    // The motorway for a lorry at 80 instead of 110.
    check(RoadUser::VAN, at(48.05, 16.0), at(48.05, 16.3), 2, 22_300, 729);
    check(RoadUser::LORRY, at(48.05, 16.0), at(48.05, 16.3), 2, 22_300, 1_003);
}

#[test]
fn what_is_private_or_no_road_is_not_used_and_a_matrix_says_so() {
    let roads = RoadNetwork::read(TOWN, RoadUser::VAN).expect("well formed");
    assert_eq!(roads.size(), (6, 4 + 2 + 2 + 2));
    let places = [at(48.0, 16.0), at(48.0301, 16.0201), at(48.05, 16.29)];
    let travel = roads.travel(&places);
    // The yard at 7 is not on the network: the ring's corner 3 is nearest.
    assert_eq!((travel.distance(0, 1), travel.duration(0, 1)), (3_712, 191));
    assert_eq!(travel.distance(1, 1), 0);
    let one_way = TOWN.replace(
        "<tag k=\"highway\" v=\"secondary\"/>",
        "<tag k=\"highway\" v=\"secondary\"/><tag k=\"oneway\" v=\"-1\"/>",
    );
    let roads = RoadNetwork::read(&one_way, RoadUser::VAN).expect("well formed");
    assert_eq!(roads.travel(&places).distance(0, 2), NO_WAY);
}

#[track_caller]
fn check_refused(change: (&str, &str), expected: &str) {
    assert!(TOWN.contains(change.0), "{change:?}");
    let text = TOWN.replacen(change.0, change.1, 1);
    let refused = RoadNetwork::read(&text, RoadUser::VAN).err().expect("it is broken");
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn errors_name_line_and_attribute() {
    check_refused(("lat=\"48.05\" lon=\"16.30\"", "lat=\"48.05\""), "line 9: node has no lon");
    check_refused(("lat=\"48.05\" lon=\"16.30\"", "lat=\"98.05\" lon=\"0\""), "line 9: node 6 is not on the earth");
    check_refused(("lon=\"16.30\"", "lon=\"east\""), "line 9: lon of node is no number: \"east\"");
    check_refused(("id=\"7\"", "id=\"6\""), "line 10: node 6 is there twice");
    check_refused(("ref=\"999\"", "ref=\"9e9\""), "line 14: ref of nd is no number: \"9e9\"");
    check_refused(("<osm version=\"0.6\"", "<gpx version=\"0.6\""), "line 2: \"gpx\" where an osm element was due");
    check_refused(("role=\"\"/>", "role=\"/>"), "line 18: a tag does not end");
    for text in ["<", "nonsense ", "<osm>", "<osm a=\"", "<!--", "<node id=\"1\" "] {
        let read = RoadNetwork::read(&text.repeat(1_000_000 / text.len()), RoadUser::VAN);
        assert!(read.is_err(), "{text:?}");
    }
    let roads = TOWN.replace("highway", "railway");
    assert_eq!(RoadNetwork::read(&roads, RoadUser::VAN).err(), Some(OsmError::NoRoads));
}

proptest! {
    #[test]
    fn hierarchies_find_what_dijkstra_finds(
        pieces in prop::collection::vec((0..12_u32, 0..12_u32, 1..50_u32), 1..60),
    ) {
        let arcs: Vec<Arc> =
            pieces.iter().map(|&(from, to, millis)| Arc { from, to, weight: u64::from(millis) }).collect();
        let dijkstra = LaneGraph::new(12, &arcs).expect("all nodes are there");
        let nodes: Vec<LatLon> = (0..12).map(|i| at(f64::from(i), 0.0)).collect();
        let piece = |&(from, to, millis): &(u32, u32, u32)| Piece { from, to, millis, metres: 2 * millis };
        let mut all: Vec<Piece> = pieces.iter().map(piece).filter(|p| p.from != p.to).collect();
        // The last node is joined, so that the network has as many as there are.
        all.push(Piece { from: 10, to: 11, millis: 1_000, metres: 2_000 });
        let roads = RoadNetwork::prepared(nodes, all);
        let with: Vec<Arc> = arcs.iter().copied().chain([Arc { from: 10, to: 11, weight: 1_000 }]).collect();
        let dijkstra = LaneGraph::new(12, &with).unwrap_or(dijkstra);
        for from in 0..12 {
            let tree = dijkstra.shortest_from(from);
            for to in 0..12 {
                let way = roads.way(at(f64::from(from), 0.0), at(f64::from(to), 0.0));
                prop_assert_eq!(way.as_ref().map(|w| w.duration_millis), tree.total(to));
                // Metres are twice the milliseconds on every piece, so on every way.
                prop_assert!(way.is_none_or(|w| w.distance_m == 2 * w.duration_millis));
            }
        }
    }

    #[test]
    fn the_nearest_node_is_the_nearest_of_all(
        nodes in prop::collection::vec((-80_i32..80, -170_i32..170), 1..40), lat in -85.0..85.0_f64, lon in -175.0..175.0_f64,
    ) {
        // Within a few degrees, as extracts are.
        let nodes: Vec<LatLon> = nodes.iter().map(|&(a, b)| at(48.0 + f64::from(a) / 60.0, 16.0 + f64::from(b) / 60.0)).collect();
        let place = at(48.0 + lat / 40.0, 16.0 + lon / 40.0);
        let found = Grid::new(&nodes).nearest(&nodes, place);
        let best = nodes.iter().map(|&n| distance_m(place, n)).min();
        prop_assert_eq!(Some(distance_m(place, nodes[found as usize])), best);
    }

    #[test]
    fn no_change_of_a_byte_makes_it_panic(at in 0_usize..1_400, byte in 32_u8..127) {
        let mut text = TOWN.to_owned().into_bytes();
        let at = at % text.len();
        text[at] = byte;
        if let Ok(text) = String::from_utf8(text) {
            let _read = RoadNetwork::read(&text, RoadUser::VAN).is_ok();
        }
    }
}
