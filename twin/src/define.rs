//! What loading a network means to the twin: the facts for what is new or differs, and nothing for the rest,
//! so that loading the same network at every start adds nothing to the journal.

use crate::network::Network;
use crate::state::Twin;
use firmware_schemas::fact::{DeviceIdx, Fact};
use firmware_schemas::network::{DeviceSpec, StockSpec};
use firmware_schemas::quantity::Timestamp;

/// Entries in one fact: a fact stays far below the limit of a journal record.
const CHUNK: usize = 1_000;

impl Twin {
    /// The facts that make this twin know `network`. What the network no longer names stays known.
    ///
    /// Quantities of stock and shipments under way count only where the position or the shipment is new:
    /// what the devices said since is nearer the truth.
    pub fn define(&self, network: &Network, at: Timestamp) -> Vec<Fact> {
        let mut facts = Vec::new();
        if self.head.as_deref() != Some(network.head()) {
            facts.push(Fact::NetworkDefined(network.head().clone()));
        }
        let sites = network.sites().iter().filter(|spec| {
            let known = self.site_by_id.get(&spec.site).map(|at| &self.sites[at.at()].spec);
            known != Some(spec)
        });
        chunks(sites.cloned(), &mut facts, Fact::SitesDefined);
        let lanes = network.lanes().iter().filter(|spec| self.lane(&spec.lane) != Some(spec));
        chunks(lanes.cloned(), &mut facts, Fact::LanesDefined);
        let skus = network.skus().iter().filter(|spec| {
            let known = self.sku_by_id.get(&spec.sku).map(|at| &self.skus[at.at()]);
            known != Some(spec)
        });
        chunks(skus.cloned(), &mut facts, Fact::SkusDefined);
        let gtins = network.gtins().iter().filter(|spec| {
            let known = self.sku_by_id.get(&spec.sku).and_then(|at| self.gtin_by_sku.get(at));
            known != Some(&spec.gtin)
        });
        chunks(gtins.cloned(), &mut facts, |gtins| Fact::KeysDefined { gtins, glns: Vec::new() });
        let glns = network.glns().iter().filter(|spec| {
            let known = self.site_by_id.get(&spec.site).and_then(|at| self.gln_by_site.get(at));
            known != Some(&spec.gln)
        });
        chunks(glns.cloned(), &mut facts, |glns| Fact::KeysDefined { gtins: Vec::new(), glns });
        let vehicles = network.vehicles().iter().filter(|spec| {
            let known = self.vehicle_by_id.get(&spec.vehicle).map(|at| &self.vehicles[at.at()].spec);
            known != Some(spec)
        });
        chunks(vehicles.cloned(), &mut facts, Fact::VehiclesDefined);
        let devices = network.devices().iter().filter(|spec| !self.knows_device(spec));
        chunks(devices.cloned(), &mut facts, Fact::DevicesDefined);
        let stock = network.stock().iter().filter(|spec| !self.knows_stock(spec));
        chunks(stock.cloned(), &mut facts, Fact::StockDefined);
        let plans = network.plans().iter().filter(|plan| {
            let known = self.site_by_id.get(&plan.site).and_then(|at| self.plan_by_site.get(at));
            known.map(|known| &**known) != Some(plan)
        });
        facts.extend(plans.map(|plan| Fact::PlansDefined(vec![plan.clone()])));
        let shipments = network.shipments().iter().filter(|spec| !self.shipments.contains_key(&spec.shipment));
        // A network whose shipments arrived long ago must not send them again.
        if self.head.is_none() {
            chunks(shipments.cloned(), &mut facts, |shipments| Fact::ShipmentsDefined { at, shipments });
        }
        facts
    }

    /// A birth may have changed interval and metrics since; site, kind and vehicle are the network's say.
    fn knows_device(&self, spec: &DeviceSpec) -> bool {
        let Some(at) = self.device_by_id.get(&spec.device).copied() else { return false };
        let device = &self.devices[at as usize];
        let vehicle = device.vehicle.map(|at| &self.vehicles[at.at()].spec.vehicle);
        self.sites[device.site.at()].spec.site == spec.site
            && device.kind == spec.kind
            && vehicle == spec.vehicle.as_ref()
            && spec.metrics.iter().all(|metric| self.series_of(DeviceIdx(at), &metric.metric).is_some())
    }

    fn knows_stock(&self, spec: &StockSpec) -> bool {
        self.stock_of(&spec.site, &spec.sku).is_some_and(|at| {
            let stock = &self.stock[at.at()];
            stock.reorder_point == spec.reorder_point.map(|point| point.0)
                && stock.order_up_to == spec.order_up_to.map(|level| level.0)
                && stock.source.map(|at| &self.sites[at.at()].spec.site) == spec.source.as_ref()
        })
    }
}

fn chunks<T>(entries: impl Iterator<Item = T>, facts: &mut Vec<Fact>, fact: impl Fn(Vec<T>) -> Fact) {
    let mut entries = entries.peekable();
    while entries.peek().is_some() {
        facts.push(fact(entries.by_ref().take(CHUNK).collect()));
    }
}
