//! The fold: one fact changes the state, always in the same way.
//!
//! [`Twin::apply`] trusts that the fact was accepted by [`crate::observe`] against this very state, and
//! says so loudly where it was not: at a restart that means that the journal and this build do not agree.

use crate::order::{OrderStatus, Taken};
use crate::state::{
    ARRIVED_SHIPMENTS_MAX, AlertRecord, CLEARED_ALERTS_MAX, COMMANDS_MAX, CommandRecord, DeviceState, LaneIdx,
    LastReading, QUARANTINE_MAX, QuarantineRecord, SeriesState, ShipmentState, SiteIdx, SiteState, SkuIdx, StockIdx,
    StockState, Twin, VehicleFix, VehicleIdx, VehicleState,
};
use crate::supply::{Reported, SupplyStep};
use firmware_schemas::command::Action;
use firmware_schemas::fact::{
    AlertId, AlertSubject, DeviceIdx, Fact, Fix, FrameNumber, QuarantineId, SeriesId, SeriesReading,
};
use firmware_schemas::id::{DeviceId, ShipmentId, SiteId, SkuId, VehicleId};
use firmware_schemas::network::{DeviceKind, DeviceSpec, GlnSpec, GtinSpec, MetricKind, SiteKind};
use firmware_schemas::quantity::{Pieces, Seconds, Timestamp};
use firmware_schemas::telemetry::{EventRecord, GoodsLine, Happening, Outcome};
use std::sync::Arc;

/// How often a device that did not say is expected to report.
pub const DEFAULT_INTERVAL: Seconds = Seconds(60);

/// What a fact refers to and is not there: a bug, or a journal of another build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fact {seq} refers to {what} {id:?}, which no earlier fact introduced")]
pub struct Dangling {
    /// The journal's number of the fact.
    pub seq: u64,
    /// `site`, `device`, …
    pub what: &'static str,
    /// What it calls it.
    pub id: String,
}

/// What a fact changed, for those who follow: deltas, rules and the time-series store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// The head of the network.
    Head,
    /// A site's specification.
    Site(SiteIdx),
    /// A lane.
    Lane(LaneIdx),
    /// A SKU.
    Sku(SkuIdx),
    /// A stock position (and so the sums of its site).
    Stock(StockIdx),
    /// A device, other than its readings.
    Device(DeviceIdx),
    /// The newest reading of a series.
    Series(SeriesId),
    /// A vehicle.
    Vehicle(VehicleIdx),
    /// A shipment.
    Shipment(ShipmentId),
    /// An alert.
    Alert(AlertId),
    /// The list of payloads in quarantine.
    Quarantine(QuarantineId),
}

fn goods(sku: &SkuId, pieces: Pieces) -> GoodsLine {
    GoodsLine { sku: sku.clone(), pieces }
}

pub(crate) fn dangling(seq: u64, what: &'static str, id: impl ToString) -> Dangling {
    Dangling { seq, what, id: id.to_string() }
}

impl Twin {
    /// Folds the fact with the journal's number `seq` into the state, and tells `touched` what changed.
    pub fn apply(&mut self, seq: u64, fact: &Fact, touched: &mut Vec<Touched>) -> Result<(), Dangling> {
        self.revision = seq;
        match fact {
            Fact::NetworkDefined(head) => {
                self.head = Some(Arc::new(head.clone()));
                touched.push(Touched::Head);
            }
            Fact::SitesDefined(sites) => {
                for spec in sites {
                    touched.push(Touched::Site(self.define_site(spec.clone())));
                }
                self.structure = Arc::default();
            }
            Fact::LanesDefined(lanes) => {
                for spec in lanes {
                    self.site_named(seq, &spec.from)?;
                    self.site_named(seq, &spec.to)?;
                    let at = if let Some(at) = self.lane_by_id.get(&spec.lane).copied() {
                        self.lanes.set(at.at(), spec.clone());
                        at
                    } else {
                        let at = LaneIdx(self.lanes.len() as u32);
                        self.lanes.push_back(spec.clone());
                        self.lane_by_id.insert(spec.lane.clone(), at);
                        at
                    };
                    touched.push(Touched::Lane(at));
                }
                self.structure = Arc::default();
            }
            Fact::SkusDefined(skus) => {
                for spec in skus {
                    let at = if let Some(at) = self.sku_by_id.get(&spec.sku).copied() {
                        self.skus.set(at.at(), spec.clone());
                        at
                    } else {
                        let at = SkuIdx(self.skus.len() as u32);
                        self.skus.push_back(spec.clone());
                        self.sku_by_id.insert(spec.sku.clone(), at);
                        at
                    };
                    touched.push(Touched::Sku(at));
                }
            }
            Fact::VehiclesDefined(vehicles) => {
                for spec in vehicles {
                    self.site_named(seq, &spec.home)?;
                    let at = if let Some(at) = self.vehicle_by_id.get(&spec.vehicle).copied() {
                        self.vehicles[at.at()].spec = spec.clone();
                        at
                    } else {
                        let at = VehicleIdx(self.vehicles.len() as u32);
                        self.vehicles.push_back(VehicleState {
                            spec: spec.clone(),
                            fix: None,
                            shipments: Arc::default(),
                        });
                        self.vehicle_by_id.insert(spec.vehicle.clone(), at);
                        at
                    };
                    touched.push(Touched::Vehicle(at));
                }
            }
            Fact::DevicesDefined(devices) => {
                for spec in devices {
                    let device = self.define_device(seq, spec)?;
                    touched.push(Touched::Device(device));
                }
            }
            Fact::StockDefined(positions) => {
                for spec in positions {
                    let site = self.site_named(seq, &spec.site)?;
                    let sku = self.sku_named(seq, &spec.sku)?;
                    let source = spec.source.as_ref().map(|source| self.site_named(seq, source)).transpose()?;
                    let is_new = !self.stock_by_key.contains_key(&(site, sku));
                    let at = self.stock_at(site, sku);
                    self.change_stock(at, |stock| {
                        stock.reorder_point = spec.reorder_point.map(|point| point.0);
                        stock.order_up_to = spec.order_up_to.map(|level| level.0);
                        stock.source = source;
                        if is_new {
                            stock.on_hand = spec.on_hand.0;
                            stock.reserved = spec.reserved.0;
                            stock.in_transit = spec.in_transit.0;
                            stock.on_order = spec.on_order.0;
                        }
                    });
                    touched.push(Touched::Stock(at));
                }
            }
            Fact::ShipmentsDefined { at, shipments } => {
                for spec in shipments {
                    let shipment = ShipmentState {
                        from: self.site_named(seq, &spec.from)?,
                        to: self.site_named(seq, &spec.to)?,
                        lane: spec.lane.clone(),
                        vehicle: spec.vehicle.clone(),
                        order: None,
                        dispatched_at: *at,
                        due_at: Some(at.saturating_add(spec.due_in_secs.to_duration())),
                        arrived_at: None,
                        lines: Arc::new(
                            spec.lines
                                .iter()
                                .map(|line| GoodsLine { sku: line.sku.clone(), pieces: line.quantity })
                                .collect(),
                        ),
                    };
                    self.load_vehicle(spec.vehicle.as_ref(), &spec.shipment, touched);
                    self.expect_receipts(&shipment, 1);
                    self.shipments.insert(spec.shipment.clone(), shipment);
                    touched.push(Touched::Shipment(spec.shipment.clone()));
                }
            }
            Fact::DeviceSeen { device, site, at } => {
                let site = self.site_named(seq, site)?;
                let device = self.add_device(device.clone(), site, DeviceKind::Other, DEFAULT_INTERVAL);
                self.devices[device.0 as usize].heard_at = Some(*at);
                touched.push(Touched::Device(device));
            }
            Fact::DeviceBorn { device, received_at, birth } => {
                let vehicle = birth.vehicle.as_ref().and_then(|vehicle| self.vehicle_by_id.get(vehicle).copied());
                let state = self.device_mut(seq, *device)?;
                state.heard_at = state.heard_at.max(Some(*received_at));
                if state.has_newer_birth(birth) {
                    return Ok(());
                }
                state.online = Some(true);
                state.vehicle = vehicle.or(state.vehicle);
                if let Some(interval_secs) = birth.interval_secs {
                    state.interval_secs = Seconds(u64::from(interval_secs.max(1)));
                }
                state.birth = Some(Arc::new(birth.clone()));
                for metric in &birth.metrics {
                    let series = self.add_series(*device, &metric.name, metric.kind, &metric.unit);
                    let state = &mut self.series[series.0 as usize];
                    state.min = metric.min;
                    state.max = metric.max;
                    state.unit = metric.unit.as_str().into();
                }
                touched.push(Touched::Device(*device));
            }
            Fact::DeviceStatus { device, received_at, status } => {
                let state = self.device_mut(seq, *device)?;
                let newest_boot = state.seen[0].map(|frames| frames.boot);
                let is_of_older_boot = status.boot.zip(newest_boot).is_some_and(|(said, newest)| said < newest);
                if !is_of_older_boot {
                    state.online = Some(status.online);
                    state.status = Some(Arc::new(status.clone()));
                    if status.online {
                        state.heard_at = state.heard_at.max(Some(*received_at));
                    }
                    touched.push(Touched::Device(*device));
                }
            }
            Fact::SeriesDefined { device, metric, kind, unit } => {
                self.device_mut(seq, *device)?;
                self.add_series(*device, metric, *kind, unit);
                touched.push(Touched::Device(*device));
            }
            Fact::Readings { device, received_at, number, readings } => {
                self.hear(seq, *device, *received_at, *number, touched)?;
                for reading in readings {
                    self.apply_reading(seq, reading, *received_at, touched)?;
                }
                self.readings_total += readings.len() as u64;
            }
            Fact::Positioned { device, received_at, number, fix } => {
                self.hear(seq, *device, *received_at, *number, touched)?;
                self.apply_fix(seq, *device, fix, *received_at, touched)?;
            }
            Fact::Happened { device, received_at, number, site, events } => {
                self.hear(seq, *device, *received_at, Some(*number), touched)?;
                for event in events {
                    self.apply_event(seq, site, event, touched)?;
                }
            }
            Fact::SettingsReported { device, received_at, settings } => {
                let state = self.device_mut(seq, *device)?;
                state.heard_at = state.heard_at.max(Some(*received_at));
                state.settings = Arc::new(settings.clone());
                touched.push(Touched::Device(*device));
            }
            Fact::CommandIssued { device, command } => {
                self.device_mut(seq, *device)?;
                while self.commands.len() >= COMMANDS_MAX {
                    let Some((oldest, id)) = self.command_order.get_min().cloned() else { break };
                    self.command_order.remove(&oldest);
                    self.commands.remove(&id);
                }
                self.command_order.insert(seq, command.command.clone());
                let record =
                    CommandRecord { device: device.0, frame: command.clone(), delivered_at: None, answer: None };
                self.commands.insert(command.command.clone(), record);
                self.route_commanded(&command.command, command.issued_at);
            }
            Fact::CommandDelivered { command, at } => {
                if let Some(record) = self.commands.get_mut(command) {
                    record.delivered_at = Some(*at);
                }
            }
            Fact::CommandAnswered { device, received_at, answer } => {
                self.hear(seq, *device, *received_at, None, touched)?;
                self.route_answered(answer, *received_at, touched);
                if let Some(record) = self.commands.get_mut(&answer.command) {
                    record.answer = Some(answer.clone());
                    if let Action::Deliver { order, .. } = &record.frame.action {
                        let order = order.clone();
                        let will = answer.outcome != Outcome::Rejected;
                        let reason = answer.reason.as_deref();
                        let touched_now = self.supply_answered(&order, will, reason, *received_at);
                        touched.extend(touched_now.into_iter().map(Touched::Stock));
                    }
                }
            }
            Fact::Quarantined { received_at, topic, payload, refused_by, reason } => {
                let id = QuarantineId(seq);
                while self.quarantine.len() >= QUARANTINE_MAX {
                    let Some((oldest, _)) = self.quarantine.get_min().cloned() else { break };
                    self.quarantine.remove(&oldest);
                }
                let record = QuarantineRecord {
                    received_at: *received_at,
                    topic: Arc::from(topic.as_str()),
                    payload_len: payload.len() as u64,
                    refused_by: *refused_by,
                    reason: Arc::from(reason.as_str()),
                };
                self.quarantine.insert(id, record);
                self.quarantined_total += 1;
                touched.push(Touched::Quarantine(id));
            }
            Fact::QuarantineResolved { id, .. } => {
                self.quarantine.remove(id);
                touched.push(Touched::Quarantine(*id));
            }
            Fact::AlertRaised { id, at, subject, severity, message } => {
                let record = AlertRecord {
                    subject: subject.clone(),
                    severity: *severity,
                    message: Arc::from(message.as_str()),
                    raised_at: *at,
                    updated_at: *at,
                    acknowledged: None,
                    cleared_at: None,
                };
                self.count_alert(subject, 1);
                self.alerts.insert(*id, record);
                self.open_alerts.insert(subject.clone(), *id);
                self.next_alert = self.next_alert.max(id.0 + 1);
                touched.push(Touched::Alert(*id));
            }
            Fact::AlertUpdated { id, at, severity, message } => {
                let alert = self.alert_mut(seq, *id)?;
                alert.severity = *severity;
                alert.message = Arc::from(message.as_str());
                alert.updated_at = *at;
                touched.push(Touched::Alert(*id));
            }
            Fact::AlertAcknowledged { id, at, by, note } => {
                let alert = self.alert_mut(seq, *id)?;
                alert.acknowledged = Some((Arc::from(by.as_str()), note.as_deref().map(Arc::from)));
                alert.updated_at = *at;
                touched.push(Touched::Alert(*id));
            }
            Fact::OrderTaken { at, key, expires_at, order, parts } => {
                let taken = Taken { spec: order.clone(), parts: parts.clone() };
                self.take_order(seq, *at, key.as_deref(), *expires_at, taken)?;
            }
            Fact::OrderAmended { at, order, parts } => self.amend_order(seq, *at, order, parts)?,
            Fact::OrderEnded { at, order, how, reason } => {
                self.close_order(order, *at, OrderStatus::Ended(*how), reason.as_deref());
            }
            Fact::ReplenishmentDecided { at, by, position, document } => {
                self.decide_replenishment(seq, *at, by.as_deref(), position.as_ref(), document.as_deref())?;
            }
            Fact::Planned { at, is_first, proposals } => self.take_plan(*at, *is_first, proposals),
            Fact::ProposalDecided { at, id, decision, by, note } => {
                self.decide_proposal(seq, *id, *at, *decision, by.as_deref(), note.as_deref())?;
            }
            Fact::SupplyOrderPlaced { at, order } => {
                touched.extend(self.place_supply(seq, *at, order)?.into_iter().map(Touched::Stock));
            }
            Fact::SupplyOrderCancelled { at, order, reason } => {
                touched.extend(self.cancel_supply(order, *at, reason.as_deref()).into_iter().map(Touched::Stock));
            }
            Fact::RoutesGiven { at, plan, routes, stopped, by: _ } => {
                self.give_routes(seq, *at, plan, routes, stopped, touched)?;
            }
            Fact::LaneSwitched { at, lane, is_closed, by, reason } => {
                let by = (by.as_deref(), reason.as_deref());
                self.switch_lane(seq, *at, lane, *is_closed, by, touched)?;
            }
            Fact::RoutesReplanned { at, plan, causes, outcome } => self.replanned(seq, *at, plan, causes, *outcome),
            Fact::KeysDefined { gtins, glns } => {
                for GtinSpec { sku, gtin } in gtins {
                    let sku = self.sku_named(seq, sku)?;
                    if let Some(before) = self.gtin_by_sku.insert(sku, *gtin) {
                        self.sku_by_gtin.remove(&before);
                    }
                    self.sku_by_gtin.insert(*gtin, sku);
                    touched.push(Touched::Sku(sku));
                }
                for GlnSpec { site, gln } in glns {
                    let site = self.site_named(seq, site)?;
                    if let Some(before) = self.gln_by_site.insert(site, *gln) {
                        self.site_by_gln.remove(&before);
                    }
                    self.site_by_gln.insert(*gln, site);
                    touched.push(Touched::Site(site));
                }
            }
            Fact::PlansDefined(plans) => {
                for plan in plans {
                    let site = self.site_named(seq, &plan.site)?;
                    self.plan_by_site.insert(site, Arc::new(plan.clone()));
                    touched.push(Touched::Site(site));
                }
            }
            Fact::SupplyOrderConfirmed { at, order, due_at } => self.confirm_supply(order, *due_at, *at),
            Fact::DemandGiven { site, sku, from, weeks } => {
                let position = self.stock_at(self.site_named(seq, site)?, self.sku_named(seq, sku)?);
                self.give_demand(position, *from, weeks);
            }
            Fact::ForecastOverridden { at, site, sku, by, note, weeks } => {
                let position = self.stock_at(self.site_named(seq, site)?, self.sku_named(seq, sku)?);
                self.override_forecast(position, *at, by.as_deref(), note.as_deref(), weeks);
            }
            Fact::AlertCleared { id, at } => {
                let alert = self.alert_mut(seq, *id)?;
                alert.cleared_at = Some(*at);
                alert.updated_at = *at;
                let subject = alert.subject.clone();
                self.count_alert(&subject, -1);
                self.open_alerts.remove(&subject);
                self.cleared_alerts.insert(seq, *id);
                while self.cleared_alerts.len() > CLEARED_ALERTS_MAX {
                    let Some((oldest, id)) = self.cleared_alerts.get_min().cloned() else { break };
                    self.cleared_alerts.remove(&oldest);
                    self.alerts.remove(&id);
                }
                touched.push(Touched::Alert(*id));
            }
            _ => return Err(dangling(seq, "fact of a kind", "that this build does not know")),
        }
        Ok(())
    }

    fn site_named(&self, seq: u64, site: &SiteId) -> Result<SiteIdx, Dangling> {
        self.site_by_id.get(site).copied().ok_or_else(|| dangling(seq, "site", site))
    }

    fn sku_named(&self, seq: u64, sku: &SkuId) -> Result<SkuIdx, Dangling> {
        self.sku_by_id.get(sku).copied().ok_or_else(|| dangling(seq, "SKU", sku))
    }

    fn device_mut(&mut self, seq: u64, device: DeviceIdx) -> Result<&mut DeviceState, Dangling> {
        self.devices.get_mut(device.0 as usize).ok_or_else(|| dangling(seq, "device", device.0))
    }

    fn alert_mut(&mut self, seq: u64, id: AlertId) -> Result<&mut AlertRecord, Dangling> {
        self.alerts.get_mut(&id).ok_or_else(|| dangling(seq, "alert", id.0))
    }

    fn define_site(&mut self, spec: firmware_schemas::network::SiteSpec) -> SiteIdx {
        if let Some(at) = self.site_by_id.get(&spec.site).copied() {
            self.sites[at.at()].spec = spec;
            return at;
        }
        let at = SiteIdx(self.sites.len() as u32);
        self.site_by_id.insert(spec.site.clone(), at);
        self.sites.push_back(SiteState {
            spec,
            positions: 0,
            on_hand: Pieces::ZERO,
            in_transit: Pieces::ZERO,
            below_reorder_point: 0,
            out_of_stock: 0,
            open_alerts: 0,
        });
        at
    }

    fn define_device(&mut self, seq: u64, spec: &DeviceSpec) -> Result<DeviceIdx, Dangling> {
        let site = self.site_named(seq, &spec.site)?;
        let device = match self.device_by_id.get(&spec.device).copied() {
            Some(device) => DeviceIdx(device),
            None => self.add_device(spec.device.clone(), site, spec.kind, spec.interval_secs),
        };
        let vehicle = match &spec.vehicle {
            Some(vehicle) => {
                Some(self.vehicle_by_id.get(vehicle).copied().ok_or_else(|| dangling(seq, "vehicle", vehicle))?)
            }
            None => None,
        };
        let state = self.device_mut(seq, device)?;
        state.site = site;
        state.kind = spec.kind;
        state.interval_secs = Seconds(spec.interval_secs.0.max(1));
        state.vehicle = vehicle;
        for metric in &spec.metrics {
            let series = self.add_series(device, &metric.metric, metric.kind, &metric.unit);
            let state = &mut self.series[series.0 as usize];
            let milli = |limit: Option<i64>| limit.map(|milli| milli as f64 / 1_000.0);
            state.min = milli(metric.min_milli);
            state.max = milli(metric.max_milli);
            state.unit = metric.unit.as_str().into();
        }
        Ok(device)
    }

    fn add_device(&mut self, device: DeviceId, site: SiteIdx, kind: DeviceKind, interval_secs: Seconds) -> DeviceIdx {
        let at = self.devices.len() as u32;
        self.device_by_id.insert(device.clone(), at);
        self.devices.push_back(DeviceState {
            device,
            site,
            kind,
            vehicle: None,
            interval_secs,
            online: None,
            heard_at: None,
            seen: [None, None],
            series: Arc::default(),
            birth: None,
            status: None,
            settings: Arc::default(),
        });
        DeviceIdx(at)
    }

    /// The series of a metric; new ones get the next id. A known one keeps its kind.
    fn add_series(
        &mut self,
        device: DeviceIdx,
        metric: &firmware_schemas::id::MetricName,
        kind: MetricKind,
        unit: &str,
    ) -> SeriesId {
        if let Some(known) = self.series_of(device, metric) {
            return known;
        }
        let at = SeriesId(self.series.len() as u32);
        self.series.push_back(SeriesState {
            device: device.0,
            metric: metric.clone(),
            kind,
            unit: unit.into(),
            min: None,
            max: None,
            last: None,
            out_since: None,
            alerting: false,
        });
        Arc::make_mut(&mut self.devices[device.0 as usize].series).push(at);
        at
    }

    fn hear(
        &mut self,
        seq: u64,
        device: DeviceIdx,
        received_at: Timestamp,
        number: Option<FrameNumber>,
        touched: &mut Vec<Touched>,
    ) -> Result<(), Dangling> {
        let state = self.device_mut(seq, device)?;
        let was_away = state.online == Some(false) || state.heard_at.is_none();
        state.heard_at = state.heard_at.max(Some(received_at));
        state.online = Some(true);
        if let Some(FrameNumber { boot, seq }) = number {
            state.mark_seen(boot, seq);
        }
        if was_away {
            touched.push(Touched::Device(device));
        }
        Ok(())
    }

    fn apply_reading(
        &mut self,
        seq: u64,
        reading: &SeriesReading,
        received_at: Timestamp,
        touched: &mut Vec<Touched>,
    ) -> Result<(), Dangling> {
        let series =
            self.series.get_mut(reading.series.0 as usize).ok_or_else(|| dangling(seq, "series", reading.series.0))?;
        // The live value moves by event time, ties by arrival.
        if series.last.as_ref().is_some_and(|last| reading.at < last.at) {
            return Ok(());
        }
        series.out_since =
            if series.is_out_of_range(&reading.value) { series.out_since.or(Some(reading.at)) } else { None };
        series.last =
            Some(LastReading { at: reading.at, value: reading.value.clone(), quality: reading.quality, received_at });
        touched.push(Touched::Series(reading.series));
        Ok(())
    }

    fn apply_fix(
        &mut self,
        seq: u64,
        device: DeviceIdx,
        fix: &Fix,
        received_at: Timestamp,
        touched: &mut Vec<Touched>,
    ) -> Result<(), Dangling> {
        let at = self.vehicle_by_id.get(&fix.vehicle).copied().ok_or_else(|| dangling(seq, "vehicle", &fix.vehicle))?;
        let vehicle = &mut self.vehicles[at.at()];
        if vehicle.fix.as_ref().is_some_and(|known| fix.at < known.at) {
            return Ok(());
        }
        vehicle.fix = Some(VehicleFix {
            at: fix.at,
            position: fix.position,
            speed_mm_per_s: fix.speed_mm_per_s,
            heading_cdeg: fix.heading_cdeg,
            lane: fix.lane.clone(),
            site: fix.site.clone(),
            received_at,
            device: device.0,
        });
        self.route_moved(&fix.vehicle, fix.position, fix.at);
        touched.push(Touched::Vehicle(at));
        Ok(())
    }

    /// The position of a SKU at a site, made when it is not there yet.
    pub(crate) fn stock_at(&mut self, site: SiteIdx, sku: SkuIdx) -> StockIdx {
        if let Some(at) = self.stock_by_key.get(&(site, sku)) {
            return *at;
        }
        let at = StockIdx(self.stock.len() as u32);
        self.stock.push_back(StockState::empty(site, sku));
        self.stock_by_key.insert((site, sku), at);
        let totals = &mut self.sites[site.at()];
        totals.positions += 1;
        totals.out_of_stock += 1; // nothing is on hand yet
        at
    }

    /// Changes a position and keeps the sums of its site true.
    pub(crate) fn change_stock(&mut self, at: StockIdx, change: impl FnOnce(&mut StockState)) {
        let stock = &mut self.stock[at.at()];
        let flags = |stock: &StockState| (u32::from(stock.is_below_reorder_point()), u32::from(stock.on_hand <= 0));
        let (on_hand, in_transit, (below, out)) = (stock.on_hand, stock.in_transit, flags(stock));
        change(stock);
        let (below_now, out_now) = flags(stock);
        let (on_hand_by, in_transit_by) =
            (stock.on_hand.saturating_sub(on_hand), stock.in_transit.saturating_sub(in_transit));
        let totals = &mut self.sites[stock.site.at()];
        totals.on_hand = totals.on_hand.saturating_add(Pieces(on_hand_by));
        totals.in_transit = totals.in_transit.saturating_add(Pieces(in_transit_by));
        totals.below_reorder_point = totals.below_reorder_point + below_now - below;
        totals.out_of_stock = totals.out_of_stock + out_now - out;
    }

    fn apply_event(
        &mut self,
        seq: u64,
        topic_site: &SiteId,
        event: &EventRecord,
        touched: &mut Vec<Touched>,
    ) -> Result<(), Dangling> {
        let site = self.site_named(seq, event.site.as_ref().unwrap_or(topic_site))?;
        let at = event.at;
        let change = |state: &mut Self, touched: &mut Vec<Touched>, sku: &SkuId, change: &dyn Fn(&mut StockState)| {
            let position = state.stock_at(site, state.sku_named(seq, sku)?);
            state.change_stock(position, |stock| {
                change(stock);
                stock.changed_at = stock.changed_at.max(Some(at));
            });
            state.mark_stock(position, at);
            touched.push(Touched::Stock(position));
            Ok(position)
        };
        match &event.happening {
            Happening::StockCounted { sku, on_hand } => {
                change(self, touched, sku, &|stock| stock.on_hand = on_hand.0)?;
            }
            Happening::StockReceived { sku, pieces, order } => {
                change(self, touched, sku, &|stock| {
                    stock.on_hand = stock.on_hand.saturating_add(pieces.0);
                    if order.is_some() {
                        stock.on_order -= stock.on_order.clamp(0, pieces.0);
                    }
                })?;
                if let Some(order) = order {
                    self.supply_moved(order, &[goods(sku, *pieces)], SupplyStep::Came, at);
                }
            }
            Happening::StockIssued { sku, pieces, order, .. } => {
                let position = change(self, touched, sku, &|stock| {
                    stock.on_hand = stock.on_hand.saturating_sub(pieces.0);
                    stock.issued.count(pieces.0, at);
                })?;
                // What an order of ours asked for was counted when it was taken.
                if order.as_ref().is_none_or(|order| !self.orders.by_id.contains_key(order)) {
                    self.count_demand(position, at, pieces.0);
                }
                if let Some(order) = order {
                    let released = self.release(order, position, pieces.0);
                    self.order_moved(order, position, -released, pieces.0, at);
                }
            }
            Happening::StockReturned { sku, pieces, .. } => {
                let position =
                    change(self, touched, sku, &|stock| stock.on_hand = stock.on_hand.saturating_add(pieces.0))?;
                self.count_return(position, at, pieces.0);
            }
            Happening::StockAdjusted { sku, pieces, .. } => {
                change(self, touched, sku, &|stock| stock.on_hand = stock.on_hand.saturating_add(pieces.0))?;
            }
            Happening::StockReserved { sku, pieces, order } => {
                let position =
                    change(self, touched, sku, &|stock| stock.reserved = stock.reserved.saturating_add(pieces.0))?;
                let key = (order.clone(), position);
                let reserved = self.reservations.get(&key).copied().unwrap_or(0).saturating_add(pieces.0);
                self.reservations.insert(key, reserved);
                self.order_moved(order, position, pieces.0, 0, at);
            }
            Happening::ReservationReleased { sku, pieces, order } => {
                let position = change(self, touched, sku, &|_stock| {})?;
                let released = self.release(order, position, pieces.0);
                self.order_moved(order, position, -released, 0, at);
            }
            Happening::StockOrdered { sku, pieces, order, source, due_at } => {
                let from = source.as_ref().and_then(|source| self.site_by_id.get(source).copied());
                let sku_at = self.sku_named(seq, sku)?;
                let said = Reported { to: site, sku: sku_at, pieces: pieces.0, from, due_at: *due_at };
                let is_counted = self.supply_reported(seq, order, said, at);
                let more = if is_counted { 0 } else { pieces.0 };
                change(self, touched, sku, &|stock| stock.on_order = stock.on_order.saturating_add(more))?;
            }
            Happening::OrderCancelled { sku, pieces, order } => {
                change(self, touched, sku, &|stock| stock.on_order -= stock.on_order.clamp(0, pieces.0))?;
                self.supply_moved(order, &[goods(sku, *pieces)], SupplyStep::WillNot, at);
            }
            Happening::ShipmentDispatched { shipment, to, lane, vehicle, due_at, order, lines } => {
                let to = self.site_named(seq, to)?;
                for line in lines {
                    let position = change(self, touched, &line.sku, &|stock| {
                        stock.on_hand = stock.on_hand.saturating_sub(line.pieces.0)
                    })?;
                    let is_sold = self.sites[to.at()].spec.kind == SiteKind::Customer;
                    if is_sold && order.as_ref().is_none_or(|order| !self.orders.by_id.contains_key(order)) {
                        self.count_demand(position, at, line.pieces.0);
                    }
                    if let Some(order) = order {
                        self.order_moved(order, position, 0, line.pieces.0, at);
                    }
                }
                if let Some(order) = order {
                    self.supply_moved(order, lines, SupplyStep::Sent, at);
                }
                for line in lines {
                    let position = self.stock_at(to, self.sku_named(seq, &line.sku)?);
                    self.change_stock(position, |stock| {
                        stock.in_transit = stock.in_transit.saturating_add(line.pieces.0);
                        stock.on_order -= stock.on_order.clamp(0, line.pieces.0);
                        stock.changed_at = stock.changed_at.max(Some(at));
                    });
                    touched.push(Touched::Stock(position));
                }
                self.load_vehicle(vehicle.as_ref(), shipment, touched);
                let state = ShipmentState {
                    from: site,
                    to,
                    lane: lane.clone(),
                    vehicle: vehicle.clone(),
                    order: order.clone(),
                    dispatched_at: at,
                    due_at: *due_at,
                    arrived_at: None,
                    lines: Arc::new(lines.clone()),
                };
                self.expect_receipts(&state, 1);
                self.shipments.insert(shipment.clone(), state);
                touched.push(Touched::Shipment(shipment.clone()));
            }
            Happening::ShipmentArrived { shipment, lines } => {
                let Some(state) = self.shipments.get(shipment).cloned() else {
                    return Err(dangling(seq, "shipment", shipment));
                };
                for line in state.lines.iter() {
                    let position = self.stock_at(state.to, self.sku_named(seq, &line.sku)?);
                    self.change_stock(position, |stock| {
                        stock.in_transit = stock.in_transit.saturating_sub(line.pieces.0);
                        stock.changed_at = stock.changed_at.max(Some(at));
                    });
                    touched.push(Touched::Stock(position));
                }
                for line in lines.as_ref().unwrap_or(&state.lines) {
                    change(self, touched, &line.sku, &|stock| {
                        stock.on_hand = stock.on_hand.saturating_add(line.pieces.0)
                    })?;
                }
                if state.arrived_at.is_none() {
                    self.expect_receipts(&state, -1);
                    if let Some(order) = &state.order {
                        self.supply_moved(order, lines.as_ref().unwrap_or(&state.lines), SupplyStep::Came, at);
                    }
                }
                self.unload_vehicle(state.vehicle.as_ref(), shipment, touched);
                self.routed.remove(shipment);
                if let Some(state) = self.shipments.get_mut(shipment) {
                    state.arrived_at = Some(at);
                }
                self.arrived.insert(self.arrived.get_max().map_or(0, |(last, _)| last + 1), shipment.clone());
                while self.arrived.len() > ARRIVED_SHIPMENTS_MAX {
                    let Some((oldest, id)) = self.arrived.get_min().cloned() else { break };
                    self.arrived.remove(&oldest);
                    self.shipments.remove(&id);
                }
                touched.push(Touched::Shipment(shipment.clone()));
            }
        }
        Ok(())
    }

    /// Gives back up to `pieces` of what is reserved for the order, and says how many.
    fn release(&mut self, order: &firmware_schemas::id::OrderId, position: StockIdx, pieces: i64) -> i64 {
        let key = (order.clone(), position);
        let Some(reserved) = self.reservations.get(&key).copied() else { return 0 };
        let released = reserved.min(pieces);
        if released == reserved {
            self.reservations.remove(&key);
        } else {
            self.reservations.insert(key, reserved - released);
        }
        self.change_stock(position, |stock| stock.reserved = stock.reserved.saturating_sub(released));
        released
    }

    fn load_vehicle(&mut self, vehicle: Option<&VehicleId>, shipment: &ShipmentId, touched: &mut Vec<Touched>) {
        let Some(at) = vehicle.and_then(|vehicle| self.vehicle_by_id.get(vehicle).copied()) else { return };
        Arc::make_mut(&mut self.vehicles[at.at()].shipments).push(shipment.clone());
        touched.push(Touched::Vehicle(at));
    }

    fn unload_vehicle(&mut self, vehicle: Option<&VehicleId>, shipment: &ShipmentId, touched: &mut Vec<Touched>) {
        let Some(at) = vehicle.and_then(|vehicle| self.vehicle_by_id.get(vehicle).copied()) else { return };
        Arc::make_mut(&mut self.vehicles[at.at()].shipments).retain(|on_board| on_board != shipment);
        touched.push(Touched::Vehicle(at));
    }

    /// Keeps the sums of the alert's site, and the mark on its series, true.
    fn count_alert(&mut self, subject: &AlertSubject, by: i32) {
        if let Some(site) = self.site_of(subject) {
            let totals = &mut self.sites[site.at()];
            totals.open_alerts = totals.open_alerts.saturating_add_signed(by);
        }
        if let AlertSubject::OutOfRange { device, metric } = subject
            && let Some(device) = self.device_by_id.get(device).copied()
            && let Some(series) = self.series_of(DeviceIdx(device), metric)
        {
            self.series[series.0 as usize].alerting = by > 0;
        }
    }
}
