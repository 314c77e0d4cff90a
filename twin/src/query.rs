//! Questions to the state.

use crate::state::{LaneIdx, SiteIdx, StockIdx, Twin};
use crate::structure::{Lanes, OnLane, place_on};
use firmware_schemas::fact::{AlertSubject, DeviceIdx, SeriesId};
use firmware_schemas::id::{LaneId, MetricName, SiteId, SkuId};
use firmware_schemas::network::LaneSpec;
use firmware_schemas::quantity::{Position, Seconds};
use petgraph::graph::DiGraph;

impl Twin {
    /// The series of a device's metric.
    pub fn series_of(&self, device: DeviceIdx, metric: &MetricName) -> Option<SeriesId> {
        let device = self.devices.get(device.0 as usize)?;
        device.series.iter().copied().find(|series| self.series[series.0 as usize].metric == *metric)
    }

    /// The position of a SKU at a site.
    pub fn stock_of(&self, site: &SiteId, sku: &SkuId) -> Option<StockIdx> {
        let key = (*self.site_by_id.get(site)?, *self.sku_by_id.get(sku)?);
        self.stock_by_key.get(&key).copied()
    }

    /// The positions of a site, by the order in which SKUs were defined.
    pub fn stock_at_site(&self, site: SiteIdx) -> impl Iterator<Item = StockIdx> + '_ {
        use crate::state::SkuIdx;
        self.stock_by_key.range((site, SkuIdx(0))..=(site, SkuIdx(u32::MAX))).map(|(_, at)| *at)
    }

    /// Sites as nodes, lanes as edges.
    pub fn graph(&self) -> &DiGraph<SiteIdx, LaneIdx> {
        let site = |id: &SiteId| self.site_by_id.get(id).copied();
        self.structure.graph(self.sites.len(), &Lanes { specs: &self.lanes, site: &site })
    }

    /// The shortest lead time over any lanes; `None` where no way leads from one to the other.
    pub fn lead_time(&self, from: SiteIdx, to: SiteIdx) -> Option<Seconds> {
        let site = |id: &SiteId| self.site_by_id.get(id).copied();
        self.structure.lead_time(self.sites.len(), &Lanes { specs: &self.lanes, site: &site }, from, to)
    }

    /// The lane with this id.
    pub fn lane(&self, lane: &LaneId) -> Option<&LaneSpec> {
        self.lane_by_id.get(lane).and_then(|at| self.lanes.get(at.at()))
    }

    /// How far along a lane the place on it is that is nearest to `at`, 0 to 1; `None` where an end of the lane
    /// is not known.
    pub fn progress_on(&self, at: Position, lane: &LaneSpec) -> Option<f64> {
        self.place_on_lane(at, lane).map(|on| on.fraction.clamp(0.0, 1.0))
    }

    /// Where a place lies to a lane.
    pub(crate) fn place_on_lane(&self, at: Position, lane: &LaneSpec) -> Option<OnLane> {
        let end = |site: &SiteId| self.site_by_id.get(site).map(|at| self.sites[at.at()].spec.position);
        let (from, to) = (end(&lane.from)?, end(&lane.to)?);
        place_on(at, std::iter::once(from).chain(lane.via.iter().copied()).chain(std::iter::once(to)))
    }

    /// The site to look at for an alert.
    pub fn site_of(&self, subject: &AlertSubject) -> Option<SiteIdx> {
        match subject {
            AlertSubject::OutOfRange { device, .. } | AlertSubject::DeviceSilent { device } => {
                self.device_by_id.get(device).map(|at| self.devices[*at as usize].site)
            }
            AlertSubject::BelowReorderPoint { site, .. }
            | AlertSubject::RunsOut { site, .. }
            | AlertSubject::NegativeStock { site, .. } => self.site_by_id.get(site).copied(),
            AlertSubject::OffLane { vehicle } | AlertSubject::Stranded { vehicle } => {
                let at = self.vehicle_by_id.get(vehicle)?;
                self.site_by_id.get(&self.vehicles[at.at()].spec.home).copied()
            }
            AlertSubject::Late { shipment } => self.shipments.get(shipment).map(|shipment| shipment.to),
        }
    }
}
