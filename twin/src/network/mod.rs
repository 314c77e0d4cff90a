//! A supply network: its format, its loader, and the model that comes out.
//!
//! ```text
//! network.toml, sites.csv, lanes.csv, …  ──parse──► Network: specifications, indexes, graph, lead times
//! Parts (an importer's)                  ──new───►
//! ```
//!
//! The format is described in `docs/network-format.md`. Nothing here opens a file: the caller hands in texts
//! by name. A network that was built is right: identifiers are unique, references lead somewhere, quantities
//! are within their limits.

mod build;
pub(crate) mod error;
pub(crate) mod field;
mod head;
mod parse;
pub(crate) mod table;
mod write;

use std::hash::Hash;

use firmware_schemas::id::{DeviceId, LaneId, SiteId, SkuId, VehicleId};
use firmware_schemas::network::{
    DemandSpec, DeviceSpec, GlnSpec, GtinSpec, LaneSpec, NetworkSpec, SeasonalitySpec, ShipmentSpec, SitePlanSpec,
    SiteSpec, SkuSpec, StockSpec, VehicleSpec,
};
use firmware_schemas::quantity::{Position, Seconds};
use hashbrown::HashMap;
use petgraph::graph::DiGraph;
use routing::LatLon;

use crate::lead_times::LeadTimes;

pub(crate) use error::shortened;
pub use error::{Cause, ERRORS_MAX, NetworkError};
pub use parse::{FILES, parse};
pub use write::write;

/// Everything that a network is made of, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each list says what it is")]
pub struct Parts {
    pub network: NetworkSpec,
    pub sites: Vec<SiteSpec>,
    pub lanes: Vec<LaneSpec>,
    pub skus: Vec<SkuSpec>,
    pub stock: Vec<StockSpec>,
    pub vehicles: Vec<VehicleSpec>,
    pub devices: Vec<DeviceSpec>,
    pub seasonality: Vec<SeasonalitySpec>,
    pub demand: Vec<DemandSpec>,
    pub shipments: Vec<ShipmentSpec>,
    pub gtins: Vec<GtinSpec>,
    pub glns: Vec<GlnSpec>,
    pub plans: Vec<SitePlanSpec>,
}

impl Parts {
    /// A network of this head and nothing else.
    pub fn empty(network: NetworkSpec) -> Self {
        Self {
            network,
            sites: Vec::new(),
            lanes: Vec::new(),
            skus: Vec::new(),
            stock: Vec::new(),
            vehicles: Vec::new(),
            devices: Vec::new(),
            seasonality: Vec::new(),
            demand: Vec::new(),
            shipments: Vec::new(),
            gtins: Vec::new(),
            glns: Vec::new(),
            plans: Vec::new(),
        }
    }
}

/// Sites and lanes as a graph: node `i` is the site at `i` of [`Network::sites`] and carries `i`; edge `i`
/// is the lane at `i` of [`Network::lanes`] and carries `i`.
pub type SiteGraph = DiGraph<u32, u32>;

/// A checked supply network.
///
/// Invariants: identifiers are unique within their kind, every reference leads to an entry, and every
/// quantity is within the limits of `docs/network-format.md`. Lists keep the order of their files.
#[derive(Clone, Debug)]
pub struct Network {
    parts: Parts,
    index: Index,
    graph: SiteGraph,
    lead_times: LeadTimes,
}

/// Positions in the lists by identifier. For look-ups only, never walked.
#[derive(Clone, Debug, Default)]
struct Index {
    sites: HashMap<SiteId, u32>,
    lanes: HashMap<LaneId, u32>,
    skus: HashMap<SkuId, u32>,
    stock: HashMap<(u32, u32), u32>,
    vehicles: HashMap<VehicleId, u32>,
    devices: HashMap<DeviceId, u32>,
}

fn at<K: Hash + Eq + std::borrow::Borrow<str>>(index: &HashMap<K, u32>, id: &str) -> Option<usize> {
    index.get(id).map(|i| *i as usize)
}

impl Network {
    /// Checks parts that come from elsewhere than files. Errors count entries from 1 as their line.
    pub fn new(parts: Parts) -> Result<Self, Vec<NetworkError>> {
        build::from_parts(parts)
    }

    /// What is true of the whole network.
    pub fn head(&self) -> &NetworkSpec {
        &self.parts.network
    }

    /// All sites, in the order of their file.
    pub fn sites(&self) -> &[SiteSpec] {
        &self.parts.sites
    }

    /// All lanes; a two-way lane of the file is two here, the way back named `…~back`.
    pub fn lanes(&self) -> &[LaneSpec] {
        &self.parts.lanes
    }

    /// All SKUs.
    pub fn skus(&self) -> &[SkuSpec] {
        &self.parts.skus
    }

    /// GTINs of SKUs.
    pub fn gtins(&self) -> &[GtinSpec] {
        &self.parts.gtins
    }

    /// Sites from above, each with its hall as the first part.
    pub fn plans(&self) -> &[SitePlanSpec] {
        &self.parts.plans
    }

    /// GLNs of sites.
    pub fn glns(&self) -> &[GlnSpec] {
        &self.parts.glns
    }

    /// All stock positions at the start.
    pub fn stock(&self) -> &[StockSpec] {
        &self.parts.stock
    }

    /// All vehicles.
    pub fn vehicles(&self) -> &[VehicleSpec] {
        &self.parts.vehicles
    }

    /// All devices.
    pub fn devices(&self) -> &[DeviceSpec] {
        &self.parts.devices
    }

    /// The seasonal profiles that [`DemandSpec::seasonality`] names.
    pub fn seasonality(&self) -> &[SeasonalitySpec] {
        &self.parts.seasonality
    }

    /// What the simulated world asks of the network.
    pub fn demand(&self) -> &[DemandSpec] {
        &self.parts.demand
    }

    /// Goods under way at the start.
    pub fn shipments(&self) -> &[ShipmentSpec] {
        &self.parts.shipments
    }

    /// Where a site stands in [`Network::sites`].
    pub fn site_idx(&self, site: &str) -> Option<usize> {
        at(&self.index.sites, site)
    }

    /// Where a lane stands in [`Network::lanes`].
    pub fn lane_idx(&self, lane: &str) -> Option<usize> {
        at(&self.index.lanes, lane)
    }

    /// Where a SKU stands in [`Network::skus`].
    pub fn sku_idx(&self, sku: &str) -> Option<usize> {
        at(&self.index.skus, sku)
    }

    /// Where a vehicle stands in [`Network::vehicles`].
    pub fn vehicle_idx(&self, vehicle: &str) -> Option<usize> {
        at(&self.index.vehicles, vehicle)
    }

    /// Where a device stands in [`Network::devices`].
    pub fn device_idx(&self, device: &str) -> Option<usize> {
        at(&self.index.devices, device)
    }

    /// The stock of a SKU at a site; `None` if the site does not keep it.
    pub fn stock_of(&self, site: &str, sku: &str) -> Option<&StockSpec> {
        let key = (*self.index.sites.get(site)?, *self.index.skus.get(sku)?);
        self.parts.stock.get(*self.index.stock.get(&key)? as usize)
    }

    /// Sites and lanes as a graph.
    pub fn graph(&self) -> &SiteGraph {
        &self.graph
    }

    /// The shortest lead time from one site to another over lanes, by air only if nothing else leads there;
    /// `None` if there is no way or no such site. O(lanes · log lanes).
    pub fn lead_time(&self, from: &str, to: &str) -> Option<Seconds> {
        let (from, to) = (*self.index.sites.get(from)?, *self.index.sites.get(to)?);
        self.lead_times.between(from, to)
    }

    /// [`Network::lead_time`] from one site to each of [`Network::sites`], at the cost of one or two searches;
    /// empty if there is no such site.
    pub fn lead_times_from(&self, from: &str) -> Vec<Option<Seconds>> {
        let Some(from) = self.index.sites.get(from) else { return Vec::new() };
        self.lead_times.from(*from, self.parts.sites.len() as u32) // checked when the network was built
    }

    /// The points of a lane, with both ends; empty if the lane is not of this network.
    pub fn lane_points(&self, lane: &LaneSpec) -> Vec<LatLon> {
        let position = |site: &SiteId| self.index.sites.get(site).map(|i| self.parts.sites[*i as usize].position);
        match (position(&lane.from), position(&lane.to)) {
            (Some(from), Some(to)) => lane_points(from, &lane.via, to),
            _ => Vec::new(),
        }
    }

    /// What it is made of.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Gives the parts back.
    pub fn into_parts(self) -> Parts {
        self.parts
    }
}

fn lane_points(from: Position, via: &[Position], to: Position) -> Vec<LatLon> {
    let place = |position: &Position| LatLon { lat: position.lat(), lon: position.lon() };
    std::iter::once(&from).chain(via).chain([&to]).map(place).collect()
}

#[cfg(test)]
mod tests;
