//! Vehicle routing: a problem in, a plan out that its own judge accepts; distances over the earth and shortest
//! ways through a network of lanes.
//!
//! ```text
//! text ──► format ──► Spec ──► Problem ──► search::solve ──► Plan ──► check::check ──► Totals, or Violations
//!
//! LatLon ──► Polyline: length, point at a fraction, how far off it a vehicle is
//! Arc    ──► LaneGraph ──► ShortestTree ──► Path: nodes, arcs, total
//! ```
//!
//! Nothing here knows what a site or a lane is: nodes and arcs are numbers, weights are whole numbers of
//! whatever the caller adds up (seconds, metres, cents). Equal ways are told apart by a stated rule, so the
//! same graph always gives the same path.
//!
//! ```
//! use routing::{check, format, search};
//!
//! let text = "DIMENSION : 3\nCAPACITY : 10\nNODE_COORD_SECTION\n1 0 0\n2 3 4\n3 6 8\n\
//!             DEMAND_SECTION\n1 0\n2 4\n3 5\nDEPOT_SECTION\n1\n-1\n";
//! let instance = format::read_vrplib(text, format::Scale::WHOLE)?;
//! let settings = search::Settings { iterations: Some(1_000), ..search::Settings::default() };
//! let go_on = &mut |_: &_| search::Tick::Continue;
//! let plan = search::solve(&instance.problem, &settings, go_on, &mut |_, _| {}).plan;
//! assert_eq!(check::check(&instance.problem, &plan).map(|totals| totals.cost), Ok(20));
//! # Ok::<(), format::FormatError>(())
//! ```
//!
//! ```
//! use routing::{Arc, LaneGraph, LatLon};
//!
//! let rotterdam = LatLon { lat: 51.95, lon: 4.14 };
//! let new_york = LatLon { lat: 40.67, lon: -74.04 };
//! assert_eq!(routing::distance_m(rotterdam, new_york), 5_836_179);
//!
//! // Two ways from 0 to 2, in hours: direct in 30, or over 1 in 8 + 20.
//! let arcs = [(0, 2, 30), (0, 1, 8), (1, 2, 20)].map(|(from, to, weight)| Arc { from, to, weight });
//! let graph = LaneGraph::new(3, &arcs)?;
//! let path = graph.shortest_path(0, 2).expect("2 can be reached");
//! assert_eq!((path.nodes, path.arcs, path.total), (vec![0, 1, 2], vec![1, 2], 28));
//! # Ok::<(), routing::GraphError>(())
//! ```

pub mod plan;
pub mod problem;

pub mod check;
pub mod format;
pub mod search;

pub mod emissions;
pub mod eta;

mod great_circle;
mod lane_graph;
pub mod lane_ways;
#[cfg(feature = "osm")]
pub mod roads;
pub mod sea;

pub use great_circle::{EARTH_RADIUS_M, LatLon, Nearest, Polyline, distance_m};
pub use lane_graph::{Arc, GraphError, LaneGraph, Path, ShortestTree};
