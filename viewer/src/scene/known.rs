//! What the viewer knows: a fold over a snapshot and the deltas behind it.

use std::collections::BTreeMap;

use firmware_schemas::fact::{AlertId, AlertSubject, Severity};
use firmware_schemas::id::{DeviceId, LaneId, ShipmentId, SiteId, SkuId, VehicleId};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::{
    AlertState, AlertView, Change, Delta, DeviceView, Freshness, LaneView, LastReadingView, MetricView, NetworkView,
    ReadingView, ShipmentState, ShipmentView, SiteView, SkuView, Snapshot, StockView, VehicleView,
};

/// Where the link to the gateway stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// Not yet heard from.
    Connecting,
    /// Following the stream.
    Live,
    /// Lost, and being looked for.
    Lost {
        /// The last time that it was heard, by the gateway's clock; `None` if never.
        since: Option<Timestamp>,
        /// What went wrong.
        reason: String,
    },
    /// No link: a file is shown.
    File,
    /// No link: a moment of the gateway's past is shown.
    Past,
}

/// Counts up whenever something of a layer changed, so that only that layer is drawn again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epochs {
    /// Sites, or alerts and devices that colour them.
    pub sites: u64,
    /// Lanes.
    pub lanes: u64,
    /// Everything began anew.
    pub snapshots: u64,
    /// Alerts.
    pub alerts: u64,
    /// Shipments.
    pub flows: u64,
    /// On which lanes something is under way.
    pub busy: u64,
    /// Sums of stock.
    pub stock: u64,
    /// Readings.
    pub readings: u64,
}

/// Everything that the gateway told us.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The newest delta contained.
    pub seq: u64,
    /// When that was, by the gateway's clock; `None` before the first snapshot.
    pub at: Option<Timestamp>,
    /// The head of the network; `None` before the first snapshot.
    pub network: Option<NetworkView>,
    /// By id.
    pub sites: BTreeMap<SiteId, SiteView>,
    /// By id.
    pub lanes: BTreeMap<LaneId, LaneView>,
    /// By id.
    pub skus: BTreeMap<SkuId, SkuView>,
    /// By site and SKU; may be empty where the gateway sends sums only.
    pub stock: BTreeMap<SiteId, BTreeMap<SkuId, StockView>>,
    /// By id.
    pub devices: BTreeMap<DeviceId, DeviceView>,
    /// By id.
    pub vehicles: BTreeMap<VehicleId, VehicleView>,
    /// Under way, by id.
    pub shipments: BTreeMap<ShipmentId, ShipmentView>,
    /// Not cleared, by id.
    pub alerts: BTreeMap<AlertId, AlertView>,
    /// What changed.
    pub epochs: Epochs,
    /// Vehicles that changed since somebody took this list; `None` when all may have.
    pub news: Option<Vec<VehicleId>>,
    /// When each vehicle that stands at a site was first seen there.
    pub standing_since: BTreeMap<VehicleId, Timestamp>,
    /// How many vehicles and shipments are under way on each lane; lanes with none are left out.
    pub busy: BTreeMap<LaneId, u32>,
}

/// The lane that a vehicle is under way on.
fn lane_of(vehicle: &VehicleView) -> Option<&LaneId> {
    vehicle.lane.as_ref().filter(|_| vehicle.site.is_none())
}

/// More news than these are everything.
const NEWS_MAX: usize = 1 << 20;

impl Known {
    /// Starts anew from a snapshot.
    pub fn take_snapshot(&mut self, snapshot: Snapshot) {
        let epochs = self.epochs;
        *self = Self {
            seq: snapshot.seq,
            at: Some(snapshot.at),
            network: Some(snapshot.network),
            sites: snapshot.sites.into_iter().map(|site| (site.site.clone(), site)).collect(),
            lanes: snapshot.lanes.into_iter().map(|lane| (lane.lane.clone(), lane)).collect(),
            skus: snapshot.skus.into_iter().map(|sku| (sku.sku.clone(), sku)).collect(),
            stock: BTreeMap::new(),
            devices: snapshot.devices.into_iter().map(|device| (device.device.clone(), device)).collect(),
            vehicles: snapshot.vehicles.into_iter().map(|vehicle| (vehicle.vehicle.clone(), vehicle)).collect(),
            shipments: BTreeMap::new(),
            alerts: BTreeMap::new(),
            epochs: Epochs {
                sites: epochs.sites + 1,
                lanes: epochs.lanes + 1,
                snapshots: epochs.snapshots + 1,
                alerts: epochs.alerts + 1,
                flows: epochs.flows + 1,
                busy: epochs.busy + 1,
                stock: epochs.stock + 1,
                readings: epochs.readings + 1,
            },
            news: None,
            standing_since: BTreeMap::new(),
            busy: BTreeMap::new(),
        };
        for lane in self.vehicles.values().filter_map(lane_of) {
            *self.busy.entry(lane.clone()).or_default() += 1;
        }
        for vehicle in self.vehicles.values().filter(|vehicle| vehicle.site.is_some()) {
            if let Some(at) = vehicle.at.or(self.at) {
                self.standing_since.insert(vehicle.vehicle.clone(), at);
            }
        }
        for row in snapshot.stock {
            self.take_stock(row);
        }
        for shipment in snapshot.shipments {
            self.take_shipment(shipment);
        }
        for alert in snapshot.alerts {
            self.take_alert(alert);
        }
    }

    /// All of it as a snapshot, as the gateway would give it with the same contents. `None` before there was one.
    pub fn to_snapshot(&self) -> Option<Snapshot> {
        Some(Snapshot {
            seq: self.seq,
            at: self.at?,
            network: self.network.clone()?,
            sites: self.sites.values().cloned().collect(),
            lanes: self.lanes.values().cloned().collect(),
            skus: self.skus.values().cloned().collect(),
            stock: self.stock.values().flat_map(|rows| rows.values().cloned()).collect(),
            devices: self.devices.values().cloned().collect(),
            vehicles: self.vehicles.values().cloned().collect(),
            shipments: self.shipments.values().cloned().collect(),
            alerts: self.alerts.values().cloned().collect(),
        })
    }

    /// Takes one step. False, and nothing taken, if it is not newer than what is known.
    pub fn take_delta(&mut self, delta: Delta) -> bool {
        if self.at.is_none() || delta.seq <= self.seq {
            return false;
        }
        self.seq = delta.seq;
        self.at = self.at.max(Some(delta.at));
        for change in delta.changes {
            self.take_change(change);
        }
        true
    }

    fn take_change(&mut self, change: Change) {
        match change {
            Change::Network(network) => self.network = Some(network),
            Change::Site(site) => {
                let before = self.sites.get(&site.site);
                // Stock moves all the time, and only whether there is any can be seen on the chart.
                let seen = |site: &SiteView| (site.kind, site.position, site.stock.positions > 0);
                self.epochs.sites += u64::from(before.is_none_or(|before| seen(before) != seen(&site)));
                // A site that moved takes its lanes along.
                self.epochs.lanes += u64::from(before.is_none_or(|before| before.position != site.position));
                self.epochs.stock += u64::from(before.is_none_or(|before| before.stock != site.stock));
                self.sites.insert(site.site.clone(), site);
            }
            Change::Lane(lane) => {
                self.epochs.lanes += 1;
                self.lanes.insert(lane.lane.clone(), lane);
            }
            Change::Sku(sku) => {
                self.skus.insert(sku.sku.clone(), sku);
            }
            Change::Stock(row) => self.take_stock(row),
            Change::Device(device) => {
                self.epochs.sites += u64::from(!self.devices.contains_key(&device.device));
                self.devices.insert(device.device.clone(), device);
            }
            Change::Reading(reading) => self.take_reading(reading),
            Change::Vehicle(vehicle) => {
                self.take_vehicle(vehicle);
            }
            Change::Shipment(shipment) => {
                self.epochs.flows += 1;
                self.take_shipment(shipment);
            }
            Change::Alert(alert) => {
                self.epochs.alerts += 1;
                self.take_alert(alert);
            }
        }
    }

    fn take_vehicle(&mut self, vehicle: VehicleView) {
        let id = &vehicle.vehicle;
        let before = self.vehicles.get(id);
        let left = before.and_then(lane_of);
        if left != lane_of(&vehicle) {
            let (left, taken) = (left.cloned(), lane_of(&vehicle).cloned());
            self.moves_over(left.as_ref(), taken.as_ref());
        }
        let id = &vehicle.vehicle;
        let before = self.vehicles.get(id);
        if vehicle.site.is_none() {
            self.standing_since.remove(id);
        } else if before.is_none_or(|before| before.site != vehicle.site)
            && let Some(at) = vehicle.at.or(self.at)
        {
            self.standing_since.insert(id.clone(), at);
        }
        match &mut self.news {
            Some(news) if news.len() < NEWS_MAX => news.push(id.clone()),
            news => *news = None,
        }
        self.vehicles.insert(id.clone(), vehicle);
    }

    fn take_stock(&mut self, row: StockView) {
        self.stock.entry(row.site.clone()).or_default().insert(row.sku.clone(), row);
    }

    fn take_shipment(&mut self, shipment: ShipmentView) {
        let taken = shipment.lane.clone().filter(|_| shipment.state == ShipmentState::InTransit);
        let before = match shipment.state {
            ShipmentState::InTransit => self.shipments.insert(shipment.shipment.clone(), shipment),
            ShipmentState::Arrived => self.shipments.remove(&shipment.shipment),
        };
        self.moves_over(before.and_then(|before| before.lane).as_ref(), taken.as_ref());
    }

    /// Something left a lane, or took one.
    fn moves_over(&mut self, left: Option<&LaneId>, taken: Option<&LaneId>) {
        if left == taken {
            return;
        }
        if let Some(lane) = taken {
            let n = self.busy.entry(lane.clone()).or_default();
            *n += 1;
            self.epochs.busy += u64::from(*n == 1);
        }
        if let Some(lane) = left
            && let Some(n) = self.busy.get_mut(lane)
        {
            *n -= 1;
            if *n == 0 {
                self.busy.remove(lane);
                self.epochs.busy += 1;
            }
        }
    }

    fn take_alert(&mut self, alert: AlertView) {
        match alert.state {
            AlertState::Open | AlertState::Acknowledged => self.alerts.insert(alert.id, alert),
            AlertState::Cleared => self.alerts.remove(&alert.id),
        };
    }

    /// A reading of a device that is not known yet waits for nothing: the device's own change brings it.
    fn take_reading(&mut self, reading: LastReadingView) {
        let Some(device) = self.devices.get_mut(&reading.device) else { return };
        self.epochs.readings += 1;
        device.heard_at = device.heard_at.max(Some(reading.received_at));
        device.freshness = Freshness::Live;
        let last = ReadingView { at: reading.at, value: reading.value, quality: reading.quality };
        match device.metrics.iter_mut().find(|metric| metric.metric == reading.metric) {
            Some(metric) => metric.last = Some(last),
            None => {
                let kind = last.value.kind();
                let unit = String::new();
                let metric = reading.metric;
                device.metrics.push(MetricView { metric, unit, kind, min: None, max: None, last: Some(last) });
            }
        }
    }

    /// How fresh a device is at `now`.
    pub fn device_freshness(&self, device: &DeviceView, now: Timestamp) -> Freshness {
        let by_age = Freshness::of(device.heard_at, device.interval_secs, now);
        // One that said goodbye is lost, however recently it did so.
        if device.online == Some(false) { Freshness::Lost.max(by_age) } else { by_age }
    }

    /// How fresh the fix of a vehicle is at `now`.
    pub fn vehicle_freshness(&self, vehicle: &VehicleView, now: Timestamp) -> Freshness {
        Freshness::of(vehicle.at, vehicle.interval_secs, now)
    }

    /// The gravest open alert about each site, its stock and its devices.
    pub fn severity_by_site(&self) -> BTreeMap<SiteId, Severity> {
        let mut worst = BTreeMap::new();
        for alert in self.alerts.values() {
            if let Some(site) = &alert.site {
                raise(&mut worst, site, alert.severity);
            }
        }
        worst
    }

    /// The gravest open alert about each vehicle, its devices and what is on board.
    pub fn severity_by_vehicle(&self) -> BTreeMap<VehicleId, Severity> {
        let mut worst = BTreeMap::new();
        for alert in self.alerts.values() {
            if let Some(vehicle) = self.vehicle_of(&alert.subject) {
                raise(&mut worst, vehicle, alert.severity);
            }
        }
        worst
    }

    /// The vehicle that an alert is about; `None` if it is about none.
    pub fn vehicle_of<'a>(&'a self, subject: &'a AlertSubject) -> Option<&'a VehicleId> {
        match subject {
            AlertSubject::OffLane { vehicle } | AlertSubject::Stranded { vehicle } => Some(vehicle),
            AlertSubject::OutOfRange { device, .. } | AlertSubject::DeviceSilent { device } => {
                self.devices.get(device)?.vehicle.as_ref()
            }
            AlertSubject::Late { shipment } => self.shipments.get(shipment)?.vehicle.as_ref(),
            AlertSubject::BelowReorderPoint { .. }
            | AlertSubject::RunsOut { .. }
            | AlertSubject::NegativeStock { .. } => None,
        }
    }
}

fn raise<Id: Ord + Clone>(worst: &mut BTreeMap<Id, Severity>, id: &Id, severity: Severity) {
    match worst.get_mut(id) {
        Some(so_far) => *so_far = severity.max(*so_far),
        None => {
            worst.insert(id.clone(), severity);
        }
    }
}

/// Small networks for tests of the scene.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use firmware_schemas::id::TenantId;
    use firmware_schemas::network::SiteKind;
    use firmware_schemas::quantity::{Pieces, Position};
    use firmware_schemas::view::StockSummary;

    pub(crate) fn site(id: &str, kind: SiteKind, lat: f64, lon: f64) -> SiteView {
        SiteView {
            site: SiteId::new(id).unwrap(),
            kind,
            name: id.to_owned(),
            name_zh: None,
            position: Position::from_degrees(lat, lon).unwrap(),
            country: None,
            time_zone: "UTC".to_owned(),
            tier: None,
            partner_class: None,
            stock: StockSummary {
                positions: 1,
                on_hand: Pieces(5),
                in_transit: Pieces(0),
                below_reorder_point: 0,
                out_of_stock: 0,
            },
            gln: None,
            open_alerts: 0,
        }
    }

    pub(crate) fn sku(nth: usize) -> SkuView {
        use firmware_schemas::network::TemperatureClass;
        use firmware_schemas::quantity::{Grams, MinorUnits};
        SkuView {
            sku: SkuId::new(&format!("SKU-{nth:04}")).unwrap(),
            name: format!("Tea {nth}"),
            name_zh: None,
            unit: "tin".to_owned(),
            mass_g: Grams(130),
            value_minor: MinorUnits(340),
            temperature: if nth.is_multiple_of(3) { TemperatureClass::Chilled } else { TemperatureClass::Dry },
            temperature_min_milli_c: None,
            temperature_max_milli_c: None,
            shelf_life_days: None,
            gtin: None,
        }
    }

    pub(crate) fn lane(id: &str, from: &str, to: &str) -> LaneView {
        use firmware_schemas::network::Mode;
        use firmware_schemas::quantity::{Metres, Seconds};
        LaneView {
            lane: LaneId::new(id).unwrap(),
            from: SiteId::new(from).unwrap(),
            to: SiteId::new(to).unwrap(),
            mode: Mode::Sea,
            via: Vec::new(),
            lead_time_secs: Seconds(86_400),
            distance_m: Metres(1_000_000),
        }
    }

    pub(crate) fn snapshot(sites: Vec<SiteView>) -> Snapshot {
        Snapshot {
            seq: 10,
            at: Timestamp::from_secs(100).unwrap(),
            network: NetworkView {
                name: "Test".to_owned(),
                tenant: TenantId::new("test").unwrap(),
                currency: "EUR".to_owned(),
                time_zone: "UTC".to_owned(),
            },
            sites,
            lanes: Vec::new(),
            skus: Vec::new(),
            stock: Vec::new(),
            devices: Vec::new(),
            vehicles: Vec::new(),
            shipments: Vec::new(),
            alerts: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware_schemas::id::TenantId;
    use firmware_schemas::network::SiteKind;
    use firmware_schemas::quantity::{Pieces, Position};
    use firmware_schemas::view::StockSummary;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs).unwrap()
    }

    fn site(on_hand: i64) -> SiteView {
        SiteView {
            site: SiteId::new("WH-01").unwrap(),
            kind: SiteKind::RegionalWarehouse,
            name: "Warehouse".to_owned(),
            name_zh: None,
            position: Position::from_degrees(51.0, 7.0).unwrap(),
            country: None,
            time_zone: "UTC".to_owned(),
            tier: None,
            partner_class: None,
            stock: StockSummary {
                positions: 1,
                on_hand: Pieces(on_hand),
                in_transit: Pieces(0),
                below_reorder_point: 0,
                out_of_stock: 0,
            },
            gln: None,
            open_alerts: 0,
        }
    }

    fn alert(state: AlertState, severity: Severity) -> AlertView {
        let id = SiteId::new("WH-01").unwrap();
        AlertView {
            id: AlertId(1),
            state,
            severity,
            subject: AlertSubject::RunsOut { site: id.clone(), sku: SkuId::new("tea").unwrap() },
            site: Some(id),
            message: "tea runs out".to_owned(),
            raised_at: at(100),
            updated_at: at(100),
            acknowledged_by: None,
            note: None,
            cleared_at: None,
        }
    }

    fn known() -> Known {
        let mut known = Known::default();
        known.take_snapshot(Snapshot {
            seq: 10,
            at: at(100),
            network: NetworkView {
                name: "Test".to_owned(),
                tenant: TenantId::new("test").unwrap(),
                currency: "EUR".to_owned(),
                time_zone: "UTC".to_owned(),
            },
            sites: vec![site(5)],
            lanes: Vec::new(),
            skus: Vec::new(),
            stock: Vec::new(),
            devices: Vec::new(),
            vehicles: Vec::new(),
            shipments: Vec::new(),
            alerts: Vec::new(),
        });
        known
    }

    #[track_caller]
    fn check(known: &mut Known, seq: u64, change: Change, taken: bool) {
        assert_eq!(known.take_delta(Delta { seq, at: at(100 + seq as i64), changes: vec![change] }), taken, "{seq}");
    }

    #[test]
    fn a_step_is_taken_once_and_never_backwards() {
        let mut known = known();
        check(&mut known, 10, Change::Site(site(1)), false);
        check(&mut known, 12, Change::Site(site(2)), true);
        check(&mut known, 12, Change::Site(site(3)), false);
        check(&mut known, 11, Change::Site(site(4)), false);
        assert_eq!(known.sites.values().next().unwrap().stock.on_hand, Pieces(2));
        assert_eq!((known.seq, known.at), (12, Some(at(112))));
    }

    #[test]
    fn a_lane_is_busy_while_something_is_under_way_on_it() {
        use firmware_schemas::id::ShipmentId;
        let mut known = known();
        let lane = LaneId::new("L-1").unwrap();
        let id = SiteId::new("WH-01").unwrap();
        let shipment = |n: u32, state| ShipmentView {
            shipment: ShipmentId::new(&format!("S-{n}")).unwrap(),
            from: id.clone(),
            to: id.clone(),
            lane: Some(lane.clone()),
            vehicle: None,
            state,
            dispatched_at: at(100),
            due_at: None,
            arrived_at: None,
            lines: Vec::new(),
        };
        let before = known.epochs.busy;
        check(&mut known, 11, Change::Shipment(shipment(1, ShipmentState::InTransit)), true);
        check(&mut known, 12, Change::Shipment(shipment(2, ShipmentState::InTransit)), true);
        check(&mut known, 13, Change::Shipment(shipment(2, ShipmentState::InTransit)), true);
        assert_eq!((known.busy.get(&lane), known.epochs.busy), (Some(&2), before + 1), "drawn again once");
        check(&mut known, 14, Change::Shipment(shipment(1, ShipmentState::Arrived)), true);
        check(&mut known, 15, Change::Shipment(shipment(2, ShipmentState::Arrived)), true);
        assert_eq!((known.busy.get(&lane), known.epochs.busy), (None, before + 2));
    }

    #[test]
    fn nothing_is_taken_before_a_snapshot() {
        check(&mut Known::default(), 1, Change::Site(site(1)), false);
    }

    #[test]
    fn moving_stock_does_not_draw_the_sites_again_and_an_alert_does() {
        let mut known = known();
        let before = known.epochs;
        check(&mut known, 11, Change::Site(site(4)), true);
        assert_eq!(Epochs { stock: before.stock, ..known.epochs }, before);
        check(&mut known, 12, Change::Alert(alert(AlertState::Open, Severity::Watch)), true);
        assert!(known.epochs.alerts > before.alerts);
    }

    #[test]
    fn an_alert_colours_its_site_until_it_is_cleared() {
        let mut known = known();
        let id = SiteId::new("WH-01").unwrap();
        check(&mut known, 11, Change::Alert(alert(AlertState::Open, Severity::Watch)), true);
        check(&mut known, 12, Change::Alert(alert(AlertState::Acknowledged, Severity::Critical)), true);
        assert_eq!(known.severity_by_site().get(&id), Some(&Severity::Critical));
        check(&mut known, 13, Change::Alert(alert(AlertState::Cleared, Severity::Critical)), true);
        assert_eq!(known.severity_by_site().get(&id), None);
    }
}
