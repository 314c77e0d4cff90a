//! Sea lanes as GeoJSON and roads as OpenStreetMap XML: the first character says which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use routing::LatLon;
use routing::roads::{RoadNetwork, RoadUser};
use routing::sea::SeaNetwork;

fuzz_target!(|input: &str| {
    let (from, to) = (LatLon { lat: 48.0, lon: 16.0 }, LatLon { lat: 1.0, lon: -170.0 });
    if input.starts_with('{') {
        match SeaNetwork::read(input) {
            Ok(sea) => {
                let ways = sea.alternatives(from, to, &[], 3).expect("nothing is closed");
                for way in &ways {
                    assert_eq!(way.points[0], from);
                }
                assert!(ways.windows(2).all(|w| w[0].distance_m <= w[1].distance_m));
            }
            Err(why) => assert!(!why.to_string().is_empty()),
        }
        return;
    }
    match RoadNetwork::read(input, RoadUser::LORRY) {
        Ok(roads) => {
            if let Some(way) = roads.way(from, to) {
                assert!(!way.points.is_empty());
            }
        }
        Err(why) => assert!(!why.to_string().is_empty()),
    }
});
