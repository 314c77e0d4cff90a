//! The network as a graph, built from the lanes when first asked for and shared by all clones until the
//! lanes change.

use crate::lead_times::LeadTimes;
use crate::state::{LaneIdx, SiteIdx};
use firmware_schemas::network::LaneSpec;
use firmware_schemas::quantity::{Metres, Position, Seconds};
use imbl::Vector;
use petgraph::graph::DiGraph;
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

/// What is computed from sites and lanes. The memory of lead times holds at most one entry for each pair
/// of sites that was asked for, and is dropped when a lane changes.
#[derive(Debug, Default)]
pub struct Structure {
    graph: OnceLock<Built>,
    lead_times: Mutex<BTreeMap<(SiteIdx, SiteIdx), Option<Seconds>>>,
}

type Built = (DiGraph<SiteIdx, LaneIdx>, Option<LeadTimes>);

impl Structure {
    fn built(&self, n_sites: usize, lanes: &Lanes<'_>) -> &Built {
        self.graph.get_or_init(|| {
            let mut graph = DiGraph::with_capacity(n_sites, lanes.specs.len());
            for site in 0..n_sites as u32 {
                graph.add_node(SiteIdx(site));
            }
            let mut arcs = Vec::with_capacity(lanes.specs.len());
            for (at, lane) in lanes.specs.iter().enumerate() {
                let (Some(from), Some(to)) = ((lanes.site)(&lane.from), (lanes.site)(&lane.to)) else { continue };
                graph.add_edge(from.0.into(), to.0.into(), LaneIdx(at as u32));
                arcs.push((lane.mode, routing::Arc { from: from.0, to: to.0, weight: lane.lead_time_secs.0 }));
            }
            // Every arc joins two of the nodes, so the only error there is cannot occur.
            (graph, LeadTimes::new(n_sites as u32, &arcs).ok())
        })
    }

    /// Sites as nodes, lanes as edges.
    pub(crate) fn graph(&self, n_sites: usize, lanes: &Lanes<'_>) -> &DiGraph<SiteIdx, LaneIdx> {
        &self.built(n_sites, lanes).0
    }

    /// The shortest lead time from one site to another, by air only where nothing else leads; `None` where no
    /// way leads there.
    pub(crate) fn lead_time(&self, n_sites: usize, lanes: &Lanes<'_>, from: SiteIdx, to: SiteIdx) -> Option<Seconds> {
        let known = |times: &BTreeMap<_, _>| times.get(&(from, to)).copied();
        if let Some(time) = known(&self.lead_times.lock().unwrap_or_else(PoisonError::into_inner)) {
            return time;
        }
        let lead_times = self.built(n_sites, lanes).1.as_ref();
        let time = lead_times.and_then(|lead_times| lead_times.between(from.0, to.0));
        self.lead_times.lock().unwrap_or_else(PoisonError::into_inner).insert((from, to), time);
        time
    }
}

/// The lanes, and how to find the sites that they name.
pub(crate) struct Lanes<'a> {
    pub(crate) specs: &'a Vector<LaneSpec>,
    pub(crate) site: &'a dyn Fn(&firmware_schemas::id::SiteId) -> Option<SiteIdx>,
}

fn lat_lon(position: Position) -> routing::LatLon {
    routing::LatLon { lat: position.lat(), lon: position.lon() }
}

/// How a place lies to a lane's way.
pub(crate) struct OnLane {
    /// From the place to the way.
    pub(crate) off: Metres,
    /// Where on the way, 0 to 1.
    pub(crate) fraction: f64,
}

/// Where `at` lies to the way through these places; `None` for a way of no places.
pub(crate) fn place_on(at: Position, way: impl Iterator<Item = Position>) -> Option<OnLane> {
    let way: Vec<_> = way.map(lat_lon).collect();
    let nearest = routing::Polyline::new(&way)?.nearest(lat_lon(at));
    Some(OnLane { off: Metres(nearest.distance_m), fraction: nearest.fraction })
}
