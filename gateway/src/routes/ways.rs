//! Where vehicles and goods are, as numbers, and how far it is between them.

use ::twin::Twin;
use ::twin::state::SiteIdx;
use firmware_schemas::api::routes::Ways;
use firmware_schemas::id::{LaneId, SiteId};
use firmware_schemas::network::{LaneSpec, Mode};
use firmware_schemas::quantity::Position;
use routing::problem::{MAX_ENTRY, NO_WAY, Travel};
use routing::{Arc, LaneGraph, LatLon, ShortestTree, distance_m};
use std::collections::BTreeMap;

/// The speed that durations are written for; vehicles with another have a share of it.
pub(super) const SPEED_M_PER_H: u32 = 60_000;
/// What the name of the other direction of a two-way lane ends with.
const BACK: &str = "~back";
/// How much longer roads are than great circles, in thousandths (Ballou, Rahardja, Sakai 2002 measured 1.2 to 1.5).
const DETOUR: u64 = 1_300;

/// Sites, and points where vehicles are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    site: Vec<Option<SiteIdx>>,
    name: Vec<Option<SiteId>>,
    at: Vec<LatLon>,
    by_site: BTreeMap<SiteIdx, usize>,
}

impl Places {
    /// The number of a site, which is given one if it has none.
    pub(super) fn site(&mut self, twin: &Twin, site: SiteIdx) -> usize {
        if let Some(known) = self.by_site.get(&site) {
            return *known;
        }
        let spec = &twin.sites[site.at()].spec;
        let number = self.add(Some(site), Some(spec.site.clone()), spec.position);
        self.by_site.insert(site, number);
        number
    }

    /// The number of a point.
    pub(super) fn point(&mut self, position: Position) -> usize {
        self.add(None, None, position)
    }

    fn add(&mut self, site: Option<SiteIdx>, name: Option<SiteId>, position: Position) -> usize {
        self.site.push(site);
        self.name.push(name);
        self.at.push(LatLon { lat: position.lat(), lon: position.lon() });
        self.at.len() - 1
    }

    /// The number of a site that has one.
    pub(super) fn of(&self, site: SiteIdx) -> usize {
        self.by_site.get(&site).copied().unwrap_or_default()
    }

    /// The site with this number; stops are always at sites.
    pub(super) fn name(&self, number: usize) -> SiteId {
        self.name[number].clone().unwrap_or_else(|| unreachable!("nothing is fetched or brought on the way"))
    }

    /// Lengths in metres and times in seconds between all of them.
    pub(super) fn travel(&self, twin: &Twin, ways: Ways) -> Travel {
        let n = self.at.len();
        let mut distance = vec![0; n * n];
        let (roads, all) = match ways {
            Ways::Lanes if twin.closed_lanes.is_empty() => (roads(twin, false), None),
            Ways::Lanes => (roads(twin, false), roads(twin, true)),
            Ways::Straight => (None, None),
        };
        for from in 0..n {
            let site = self.site[from];
            let (open, all) = (tree(roads.as_ref(), site), tree(all.as_ref(), site));
            for to in (0..n).filter(|to| *to != from) {
                let along = |tree: &Option<ShortestTree<'_>>| {
                    tree.as_ref().zip(self.site[to]).and_then(|(tree, site)| tree.total(site.0))
                };
                let straight = || distance_m(self.at[from], self.at[to]) * DETOUR / 1_000;
                distance[from * n + to] = match (along(&open), along(&all)) {
                    (Some(metres), _) => i64::try_from(metres).unwrap_or(MAX_ENTRY).min(MAX_ENTRY),
                    // Only closed lanes join them.
                    (None, Some(_)) => NO_WAY,
                    (None, None) => i64::try_from(straight()).unwrap_or(MAX_ENTRY).min(MAX_ENTRY),
                };
            }
        }
        let secs = |metres: &i64| match *metres {
            NO_WAY => NO_WAY,
            metres => (metres * 3_600 + i64::from(SPEED_M_PER_H) - 1) / i64::from(SPEED_M_PER_H),
        };
        let duration = distance.iter().map(secs).collect();
        Travel::Matrix { n, distance, duration: Some(duration) }
    }
}

fn tree(roads: Option<&LaneGraph>, site: Option<SiteIdx>) -> Option<ShortestTree<'_>> {
    roads.zip(site).map(|(roads, site)| roads.shortest_from(site.0))
}

/// Whether a lane is closed, or the same one the other way: a road that is closed is closed both ways.
fn is_closed(twin: &Twin, lane: &LaneId) -> bool {
    let name = lane.as_str();
    let other = name.strip_suffix(BACK).map_or_else(|| format!("{name}{BACK}"), str::to_owned);
    twin.closed_lanes.keys().any(|closed| closed == lane || closed.as_str() == other)
}

/// Lanes on the road, which can be driven either way; those that are closed only if they are asked for.
fn roads(twin: &Twin, closed_too: bool) -> Option<LaneGraph> {
    let mut arcs = Vec::new();
    let is_open = |lane: &&LaneSpec| closed_too || !is_closed(twin, &lane.lane);
    for lane in twin.lanes.iter().filter(|lane| lane.mode == Mode::Road).filter(is_open) {
        let (Some(from), Some(to)) = (twin.site_by_id.get(&lane.from), twin.site_by_id.get(&lane.to)) else { continue };
        let weight = lane.distance_m.0;
        arcs.push(Arc { from: from.0, to: to.0, weight });
        arcs.push(Arc { from: to.0, to: from.0, weight });
    }
    LaneGraph::new(u32::try_from(twin.sites.len()).ok()?, &arcs).ok()
}
