//! The read model, made from the state by hand.

use crate::apply::Touched;
use crate::state::{LaneIdx, SiteIdx, SkuIdx, StockIdx, Twin, VehicleIdx};
use firmware_schemas::fact::{AlertId, DeviceIdx, QuarantineId, SeriesId};
use firmware_schemas::id::{ShipmentId, TenantId};
use firmware_schemas::network::SkuSpec;
use firmware_schemas::quantity::{Pieces, Timestamp};
use firmware_schemas::view::{
    AlertState, AlertView, Change, DeviceView, Freshness, LaneView, LastReadingView, MetricView, NetworkView,
    QuarantineView, ReadingView, ShipmentState, ShipmentView, SiteView, SkuView, Snapshot, StockSummary, StockView,
    VehicleView,
};
use std::collections::BTreeSet;

impl Twin {
    /// The head of the network; of an empty twin only the tenant.
    pub fn network_view(&self, tenant: &TenantId) -> NetworkView {
        match &self.head {
            Some(head) => NetworkView {
                name: head.name.clone(),
                tenant: head.tenant.clone(),
                currency: head.currency.clone(),
                time_zone: head.time_zone.clone(),
            },
            None => NetworkView {
                name: String::new(),
                tenant: tenant.clone(),
                currency: "XXX".into(), // ISO 4217: no currency
                time_zone: "UTC".into(),
            },
        }
    }

    /// One site.
    pub fn site_view(&self, at: SiteIdx) -> SiteView {
        let site = &self.sites[at.at()];
        let spec = &site.spec;
        SiteView {
            site: spec.site.clone(),
            kind: spec.kind,
            name: spec.name.clone(),
            name_zh: spec.name_zh.clone(),
            position: spec.position,
            country: spec.country.clone(),
            time_zone: spec.time_zone.clone(),
            tier: spec.tier,
            partner_class: spec.partner_class.clone(),
            stock: StockSummary {
                positions: site.positions,
                on_hand: site.on_hand,
                in_transit: site.in_transit,
                below_reorder_point: site.below_reorder_point,
                out_of_stock: site.out_of_stock,
            },
            open_alerts: site.open_alerts,
            gln: self.gln_by_site.get(&at).copied(),
        }
    }

    /// One lane.
    pub fn lane_view(&self, at: LaneIdx) -> LaneView {
        let lane = &self.lanes[at.at()];
        LaneView {
            lane: lane.lane.clone(),
            from: lane.from.clone(),
            to: lane.to.clone(),
            mode: lane.mode,
            lead_time_secs: lane.lead_time_secs,
            distance_m: lane.distance_m,
            via: lane.via.clone(),
        }
    }

    /// One SKU.
    pub fn sku_view(&self, at: SkuIdx) -> SkuView {
        let SkuSpec { sku, name, name_zh, unit, mass_g, value_minor, temperature, .. } = self.skus[at.at()].clone();
        let spec = &self.skus[at.at()];
        SkuView {
            sku,
            name,
            name_zh,
            unit,
            mass_g,
            value_minor,
            temperature,
            temperature_min_milli_c: spec.temperature_min_milli_c,
            temperature_max_milli_c: spec.temperature_max_milli_c,
            shelf_life_days: spec.shelf_life_days,
            gtin: self.gtin_by_sku.get(&at).copied(),
        }
    }

    /// One stock position, as seen at `now`.
    pub fn stock_view(&self, at: StockIdx, now: Timestamp) -> StockView {
        let stock = &self.stock[at.at()];
        let available = stock.on_hand.saturating_sub(stock.reserved);
        let issued_per_day = stock.issued.per_day(now);
        StockView {
            site: self.sites[stock.site.at()].spec.site.clone(),
            sku: self.skus[stock.sku.at()].sku.clone(),
            on_hand: Pieces(stock.on_hand),
            reserved: Pieces(stock.reserved),
            available: Pieces(available),
            in_transit: Pieces(stock.in_transit),
            on_order: Pieces(stock.on_order),
            reorder_point: stock.reorder_point.map(Pieces),
            order_up_to: stock.order_up_to.map(Pieces),
            source: stock.source.map(|source| self.sites[source.at()].spec.site.clone()),
            days_of_cover: (issued_per_day > 0.0).then(|| available.max(0) as f64 / issued_per_day),
            issued_per_day,
            changed_at: stock.changed_at,
        }
    }

    /// One device with its last readings, as seen at `now`.
    pub fn device_view(&self, at: DeviceIdx, now: Timestamp) -> DeviceView {
        let device = &self.devices[at.0 as usize];
        let freshness = match device.online {
            Some(false) => Freshness::Lost,
            _ => Freshness::of(device.heard_at, device.interval_secs, now),
        };
        DeviceView {
            device: device.device.clone(),
            site: self.sites[device.site.at()].spec.site.clone(),
            kind: device.kind,
            vehicle: device.vehicle.map(|at| self.vehicles[at.at()].spec.vehicle.clone()),
            interval_secs: device.interval_secs,
            online: device.online,
            heard_at: device.heard_at,
            freshness,
            metrics: device.series.iter().map(|series| self.metric_view(*series)).collect(),
        }
    }

    /// One metric with its last reading.
    pub fn metric_view(&self, series: SeriesId) -> MetricView {
        let series = &self.series[series.0 as usize];
        MetricView {
            metric: series.metric.clone(),
            unit: series.unit.as_str().into(),
            kind: series.kind,
            min: series.min,
            max: series.max,
            last: series.last.as_ref().map(|last| ReadingView {
                at: last.at,
                value: last.value.clone(),
                quality: last.quality,
            }),
        }
    }

    /// The newest reading of a series; `None` before the first.
    pub fn last_reading_view(&self, series: SeriesId) -> Option<LastReadingView> {
        let series = &self.series[series.0 as usize];
        let last = series.last.as_ref()?;
        Some(LastReadingView {
            device: self.devices[series.device as usize].device.clone(),
            metric: series.metric.clone(),
            at: last.at,
            value: last.value.clone(),
            quality: last.quality,
            received_at: last.received_at,
        })
    }

    /// One vehicle with its last fix, as seen at `now`.
    pub fn vehicle_view(&self, at: VehicleIdx, now: Timestamp) -> VehicleView {
        let vehicle = &self.vehicles[at.at()];
        let (spec, fix) = (&vehicle.spec, vehicle.fix.as_ref());
        let tracker = fix
            .map(|fix| fix.device)
            .or_else(|| spec.device.as_ref().and_then(|device| self.device_by_id.get(device).copied()));
        let interval_secs =
            tracker.map_or(crate::apply::DEFAULT_INTERVAL, |device| self.devices[device as usize].interval_secs);
        VehicleView {
            vehicle: spec.vehicle.clone(),
            kind: spec.kind,
            mode: spec.mode,
            name: spec.name.clone(),
            capacity_g: spec.capacity_g,
            home: spec.home.clone(),
            position: fix.map(|fix| fix.position),
            at: fix.map(|fix| fix.at),
            speed_mm_per_s: fix.and_then(|fix| fix.speed_mm_per_s),
            heading_cdeg: fix.and_then(|fix| fix.heading_cdeg),
            lane: fix.and_then(|fix| fix.lane.clone()),
            site: fix.and_then(|fix| fix.site.clone()),
            interval_secs,
            freshness: Freshness::of(fix.map(|fix| fix.at), interval_secs, now),
            shipments: vehicle.shipments.to_vec(),
        }
    }

    /// One shipment.
    pub fn shipment_view(&self, id: &ShipmentId) -> Option<ShipmentView> {
        let shipment = self.shipments.get(id)?;
        let site = |at: SiteIdx| self.sites[at.at()].spec.site.clone();
        Some(ShipmentView {
            shipment: id.clone(),
            from: site(shipment.from),
            to: site(shipment.to),
            lane: shipment.lane.clone(),
            vehicle: shipment.vehicle.clone(),
            state: if shipment.arrived_at.is_some() { ShipmentState::Arrived } else { ShipmentState::InTransit },
            dispatched_at: shipment.dispatched_at,
            due_at: shipment.due_at,
            arrived_at: shipment.arrived_at,
            lines: shipment.lines.to_vec(),
        })
    }

    /// One alert.
    pub fn alert_view(&self, id: AlertId) -> Option<AlertView> {
        let alert = self.alerts.get(&id)?;
        let state = match (alert.cleared_at, &alert.acknowledged) {
            (Some(_), _) => AlertState::Cleared,
            (None, Some(_)) => AlertState::Acknowledged,
            (None, None) => AlertState::Open,
        };
        Some(AlertView {
            id,
            state,
            severity: alert.severity,
            subject: alert.subject.clone(),
            site: self.site_of(&alert.subject).map(|at| self.sites[at.at()].spec.site.clone()),
            message: (*alert.message).into(),
            raised_at: alert.raised_at,
            updated_at: alert.updated_at,
            acknowledged_by: alert.acknowledged.as_ref().map(|(by, _)| (**by).into()),
            note: alert.acknowledged.as_ref().and_then(|(_, note)| note.as_deref().map(Into::into)),
            cleared_at: alert.cleared_at,
        })
    }

    /// One payload in quarantine.
    pub fn quarantine_view(&self, id: QuarantineId) -> Option<QuarantineView> {
        let record = self.quarantine.get(&id)?;
        Some(QuarantineView {
            id,
            received_at: record.received_at,
            topic: (*record.topic).into(),
            payload_len: record.payload_len,
            refused_by: record.refused_by,
            reason: (*record.reason).into(),
        })
    }

    /// Everything, as seen at `now`; stock position by position only when asked for.
    pub fn snapshot(&self, tenant: &TenantId, seq: u64, now: Timestamp, with_stock: bool) -> Snapshot {
        let stock = if with_stock {
            self.stock_by_key.values().map(|at| self.stock_view(*at, now)).collect()
        } else {
            Vec::new()
        };
        Snapshot {
            seq,
            at: now,
            network: self.network_view(tenant),
            sites: self.site_by_id.values().map(|at| self.site_view(*at)).collect(),
            lanes: self.lane_by_id.values().map(|at| self.lane_view(*at)).collect(),
            skus: self.sku_by_id.values().map(|at| self.sku_view(*at)).collect(),
            stock,
            devices: self.device_by_id.values().map(|at| self.device_view(DeviceIdx(*at), now)).collect(),
            vehicles: self.vehicle_by_id.values().map(|at| self.vehicle_view(*at, now)).collect(),
            shipments: self
                .shipments
                .iter()
                .filter(|(_, shipment)| shipment.arrived_at.is_none())
                .filter_map(|(id, _)| self.shipment_view(id))
                .collect(),
            alerts: self.open_alerts.values().filter_map(|id| self.alert_view(*id)).collect(),
        }
    }

    /// What was touched, each entity once, as it is in this state.
    pub fn changes(&self, touched: &TouchedSet, tenant: &TenantId, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        if touched.head {
            changes.push(Change::Network(self.network_view(tenant)));
        }
        changes.extend(touched.skus.iter().map(|at| Change::Sku(self.sku_view(*at))));
        changes.extend(touched.sites.iter().map(|at| Change::Site(self.site_view(*at))));
        changes.extend(touched.lanes.iter().map(|at| Change::Lane(self.lane_view(*at))));
        changes.extend(touched.stock.iter().map(|at| Change::Stock(self.stock_view(*at, now))));
        changes.extend(touched.devices.iter().map(|at| Change::Device(self.device_view(*at, now))));
        let readings = touched.series.iter().filter_map(|series| self.last_reading_view(*series));
        changes.extend(readings.map(Change::Reading));
        changes.extend(touched.vehicles.iter().map(|at| Change::Vehicle(self.vehicle_view(*at, now))));
        changes.extend(touched.shipments.iter().filter_map(|id| self.shipment_view(id)).map(Change::Shipment));
        changes.extend(touched.alerts.iter().filter_map(|id| self.alert_view(*id)).map(Change::Alert));
        changes
    }
}

/// What was touched, each entity once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TouchedSet {
    head: bool,
    sites: BTreeSet<SiteIdx>,
    lanes: BTreeSet<LaneIdx>,
    skus: BTreeSet<SkuIdx>,
    stock: BTreeSet<StockIdx>,
    devices: BTreeSet<DeviceIdx>,
    series: BTreeSet<SeriesId>,
    vehicles: BTreeSet<VehicleIdx>,
    shipments: BTreeSet<ShipmentId>,
    alerts: BTreeSet<AlertId>,
}

impl TouchedSet {
    /// Adds what a fact touched in `state`; a stock position touches its site, an alert the site it is about.
    pub fn add(&mut self, touched: &Touched, state: &Twin) {
        match touched {
            Touched::Head => self.head = true,
            Touched::Site(at) => _ = self.sites.insert(*at),
            Touched::Lane(at) => _ = self.lanes.insert(*at),
            Touched::Sku(at) => _ = self.skus.insert(*at),
            Touched::Stock(at) => {
                self.stock.insert(*at);
                self.sites.insert(state.stock[at.at()].site);
            }
            Touched::Device(at) => _ = self.devices.insert(*at),
            Touched::Series(series) => _ = self.series.insert(*series),
            Touched::Vehicle(at) => _ = self.vehicles.insert(*at),
            Touched::Shipment(id) => _ = self.shipments.insert(id.clone()),
            Touched::Alert(id) => {
                self.alerts.insert(*id);
                self.sites.extend(state.alerts.get(id).and_then(|alert| state.site_of(&alert.subject)));
            }
            Touched::Quarantine(_) => {}
        }
    }

    /// True when nothing that clients see was touched.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
