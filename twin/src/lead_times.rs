//! Lead times between any two sites, over all lanes of a network.

use firmware_schemas::network::Mode;
use firmware_schemas::quantity::Seconds;
use routing::{Arc, GraphError, LaneGraph};

/// Sites as nodes, lanes as arcs, lead times in seconds as weights.
///
/// Goods go by air only where nothing else leads: a lane by air is nearly always the shortest, and nearly
/// never the one that replenishment takes.
#[derive(Clone, Debug)]
pub(crate) struct LeadTimes {
    /// Without air lanes.
    surface: LaneGraph,
    /// With them; `None` where there are none.
    any: Option<LaneGraph>,
}

impl LeadTimes {
    /// Of lanes between sites `0..n_sites`.
    pub(crate) fn new(n_sites: u32, lanes: &[(Mode, Arc)]) -> Result<Self, GraphError> {
        let graph = |with_air: bool| {
            let taken = lanes.iter().filter(|(mode, _)| with_air || *mode != Mode::Air);
            LaneGraph::new(n_sites, &taken.map(|(_, arc)| *arc).collect::<Vec<_>>())
        };
        let has_air = lanes.iter().any(|(mode, _)| *mode == Mode::Air);
        Ok(Self { surface: graph(false)?, any: if has_air { Some(graph(true)?) } else { None } })
    }

    /// The shortest from one site to another; `None` where no way leads there. O(lanes · log lanes).
    pub(crate) fn between(&self, from: u32, to: u32) -> Option<Seconds> {
        let by_air = || self.any.as_ref()?.shortest_path(from, to);
        self.surface.shortest_path(from, to).or_else(by_air).map(|path| Seconds(path.total))
    }

    /// [`LeadTimes::between`] one site and each of `n_sites`, at the cost of one or two searches.
    pub(crate) fn from(&self, from: u32, n_sites: u32) -> Vec<Option<Seconds>> {
        let surface = self.surface.shortest_from(from);
        let any = self.any.as_ref().map(|any| any.shortest_from(from));
        let by_air = |to| any.as_ref().and_then(|any| any.total(to));
        (0..n_sites).map(|to| surface.total(to).or_else(|| by_air(to)).map(Seconds)).collect()
    }
}
