//! What a frame means to the twin: the facts that follow from it, nothing when it is a duplicate, or the
//! reason why it cannot be taken. Nothing changes here.

use crate::state::{Seen, Twin};
use firmware_schemas::codec::Frame;
use firmware_schemas::fact::{DeviceIdx, Fact, Fix, FrameNumber, SeriesId, SeriesReading};
use firmware_schemas::id::{CommandId, DeviceId, MetricName, ShipmentId, SiteId, SkuId, VehicleId};
use firmware_schemas::network::MetricKind;
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::{
    EventFrame, EventRecord, Happening, METRICS_MAX, PositionFrame, Quality, Reading, TelemetryFrame, Value,
};
use std::time::Duration;

/// What is done with a reading outside its declared limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Validation {
    /// The frame is refused.
    Enforce,
    /// The reading is kept as suspect.
    #[default]
    Flag,
    /// Nothing.
    Off,
}

/// The rules for what devices send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObserveRules {
    /// How far ahead of our clock a device's time may be.
    pub future_max: Duration,
    /// How old a reading may be.
    pub retention: Duration,
    /// Whether a device that nobody announced is taken in.
    pub register_unknown_devices: bool,
    /// How many devices there may be in all.
    pub devices_max: usize,
    /// What is done with a reading outside its limits.
    pub validation: Validation,
}

impl Default for ObserveRules {
    fn default() -> Self {
        Self {
            future_max: Duration::from_secs(300),
            retention: Duration::from_secs(400 * 86_400),
            register_unknown_devices: true,
            devices_max: 1_000_000,
            validation: Validation::Flag,
        }
    }
}

/// Why a well-formed frame cannot be taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The topic's site is not in the network.
    #[error("unknown site {0:?}")]
    UnknownSite(SiteId),
    /// The device is not in the network, and unannounced devices are not taken in.
    #[error("unknown device {0:?}")]
    UnknownDevice(DeviceId),
    /// There are as many devices as there may be.
    #[error("device {device:?} is new, and there are {max} devices already")]
    TooManyDevices {
        /// The new one.
        device: DeviceId,
        /// The limit.
        max: usize,
    },
    /// The device reports under another site.
    #[error("device {device:?} belongs to site {known:?}, the topic names {topic:?}; a birth moves it")]
    OtherSite {
        /// Which device.
        device: DeviceId,
        /// Where it belongs.
        known: SiteId,
        /// Where the frame says it is.
        topic: SiteId,
    },
    /// A device's time is too far ahead.
    #[error("{what} at {at} is {ahead_secs} s ahead of our clock, more than {max_secs} s")]
    Future {
        /// Which reading or event.
        what: String,
        /// Its time.
        at: Timestamp,
        /// How far ahead that is.
        ahead_secs: u64,
        /// How far it may be.
        max_secs: u64,
    },
    /// Older than what is kept.
    #[error("{what} at {at} is older than the retention of {retention_days} days")]
    BeyondRetention {
        /// Which reading.
        what: String,
        /// Its time.
        at: Timestamp,
        /// What is kept.
        retention_days: u64,
    },
    /// A value of another kind than the metric's.
    #[error("metric {metric:?} is {kind:?}, not {found:?}")]
    Kind {
        /// Which metric.
        metric: MetricName,
        /// Its kind.
        kind: MetricKind,
        /// The kind of the value.
        found: MetricKind,
    },
    /// A value outside its limits, where limits are enforced.
    #[error("metric {metric:?}: {value} is outside {min:?} to {max:?}")]
    OutOfLimits {
        /// Which metric.
        metric: MetricName,
        /// The value.
        value: Value,
        /// The lowest allowed.
        min: Option<f64>,
        /// The highest allowed.
        max: Option<f64>,
    },
    /// More metrics than one device may have.
    #[error("device {device:?} would have more than {METRICS_MAX} metrics")]
    TooManyMetrics {
        /// Which device.
        device: DeviceId,
    },
    /// A frame of events that may be one that we have had, long ago.
    #[error("frame {seq} of boot {boot} is older than what can be told from a duplicate")]
    CannotTell {
        /// Which start of the device.
        boot: u64,
        /// Which frame.
        seq: u64,
    },
    /// No vehicle named, and the device is on none.
    #[error("the frame names no vehicle and device {0:?} is on none")]
    NoVehicle(DeviceId),
    /// Not in the network.
    #[error("unknown vehicle {0:?}")]
    UnknownVehicle(VehicleId),
    /// Not in the network.
    #[error("event {at}: unknown SKU {sku:?}")]
    UnknownSku {
        /// Which event of the frame, from 0.
        at: usize,
        /// The SKU.
        sku: SkuId,
    },
    /// Not in the network.
    #[error("event {at}: unknown site {site:?}")]
    UnknownEventSite {
        /// Which event of the frame, from 0.
        at: usize,
        /// The site.
        site: SiteId,
    },
    /// Never dispatched, or long forgotten.
    #[error("event {at}: unknown shipment {shipment:?}")]
    UnknownShipment {
        /// Which event of the frame, from 0.
        at: usize,
        /// The shipment.
        shipment: ShipmentId,
    },
    /// Its id is taken, or it has arrived already.
    #[error("event {at}: shipment {shipment:?} was {was} before")]
    ShipmentTwice {
        /// Which event of the frame, from 0.
        at: usize,
        /// The shipment.
        shipment: ShipmentId,
        /// `dispatched` or `arrived`.
        was: &'static str,
    },
    /// Arrived at another site than it was sent to.
    #[error("event {at}: shipment {shipment:?} goes to {to:?}, it cannot arrive at {here:?}")]
    WrongDestination {
        /// Which event of the frame, from 0.
        at: usize,
        /// The shipment.
        shipment: ShipmentId,
        /// Where it goes.
        to: SiteId,
        /// Where it is said to have arrived.
        here: SiteId,
    },
    /// Never given.
    #[error("unknown command {0:?}")]
    UnknownCommand(CommandId),
}

struct Observing<'a> {
    state: &'a Twin,
    rules: &'a ObserveRules,
    received_at: Timestamp,
    facts: Vec<Fact>,
    /// Where the facts so far will put the next series.
    n_series: u32,
}

impl Twin {
    /// The facts that follow from a frame; none when it is a duplicate.
    ///
    /// Of telemetry it takes one frame at a time: the facts of one must be applied before the next.
    pub fn observe(
        &self,
        topic_site: &SiteId,
        frame: Frame,
        received_at: Timestamp,
        rules: &ObserveRules,
    ) -> Result<Vec<Fact>, Refusal> {
        let n_series = self.series.len() as u32;
        let mut observing = Observing { state: self, rules, received_at, facts: Vec::with_capacity(1), n_series };
        observing.observe(topic_site, frame)?;
        Ok(observing.facts)
    }
}

impl Observing<'_> {
    fn observe(&mut self, topic_site: &SiteId, frame: Frame) -> Result<(), Refusal> {
        let device = self.device(frame.device(), topic_site, &frame)?;
        let received_at = self.received_at;
        match frame {
            Frame::Telemetry(frames) => frames.into_iter().try_for_each(|frame| self.telemetry(device, frame)),
            Frame::Event(frame) => self.events(device, topic_site, frame),
            Frame::Position(frame) => self.position(device, frame),
            Frame::Birth(birth) => {
                let known = self.known(device);
                // A retained birth comes again with every subscription.
                if known.is_some_and(|known| known.birth.as_deref() == Some(&birth)) && self.facts.is_empty() {
                    return Ok(());
                }
                if let Some(vehicle) = &birth.vehicle
                    && !self.state.vehicle_by_id.contains_key(vehicle)
                {
                    return Err(Refusal::UnknownVehicle(vehicle.clone()));
                }
                for metric in &birth.metrics {
                    if let Some(series) = self.state.series_of(device, &metric.name) {
                        let kind = self.state.series[series.0 as usize].kind;
                        if kind != metric.kind {
                            let (metric, found) = (metric.name.clone(), metric.kind);
                            return Err(Refusal::Kind { metric, kind, found });
                        }
                    }
                }
                let n_new = birth.metrics.iter().filter(|metric| self.state.series_of(device, &metric.name).is_none());
                if known.map_or(0, |known| known.series.len()) + n_new.count() > METRICS_MAX {
                    return Err(Refusal::TooManyMetrics { device: birth.device });
                }
                self.facts.push(Fact::DeviceBorn { device, received_at, birth });
                Ok(())
            }
            Frame::Status(status) => {
                let is_known = self.known(device).is_some_and(|known| {
                    known.status.as_deref() == Some(&status) && known.online == Some(status.online)
                });
                if is_known {
                    return Ok(());
                }
                self.facts.push(Fact::DeviceStatus { device, received_at, status });
                Ok(())
            }
            Frame::Reported(frame) => {
                let settings: Vec<_> = frame.settings.into_iter().map(|(name, setting)| (name, setting.0)).collect();
                if self.known(device).is_some_and(|known| *known.settings == settings) {
                    return Ok(());
                }
                self.facts.push(Fact::SettingsReported { device, received_at, settings });
                Ok(())
            }
            Frame::Ack(answer) => {
                if !self.state.commands.contains_key(&answer.command) {
                    return Err(Refusal::UnknownCommand(answer.command));
                }
                self.facts.push(Fact::CommandAnswered { device, received_at, answer });
                Ok(())
            }
        }
    }

    fn known(&self, device: DeviceIdx) -> Option<&crate::state::DeviceState> {
        self.state.devices.get(device.0 as usize)
    }

    /// The sender's place, after introducing it when it is new.
    fn device(&mut self, id: &DeviceId, topic_site: &SiteId, frame: &Frame) -> Result<DeviceIdx, Refusal> {
        let site = *self.state.site_by_id.get(topic_site).ok_or_else(|| Refusal::UnknownSite(topic_site.clone()))?;
        if let Some(at) = self.state.device_by_id.get(id) {
            let known = &self.state.devices[*at as usize];
            if known.site != site {
                let known_site = &self.state.sites[known.site.at()].spec.site;
                // A birth moves its device, unless it comes late, from before the newest start.
                if !matches!(frame, Frame::Birth(birth) if !known.has_newer_birth(birth)) {
                    let (device, known, topic) = (id.clone(), known_site.clone(), topic_site.clone());
                    return Err(Refusal::OtherSite { device, known, topic });
                }
                self.facts.push(Fact::DevicesDefined(vec![firmware_schemas::network::DeviceSpec {
                    device: id.clone(),
                    site: topic_site.clone(),
                    kind: known.kind,
                    vehicle: known.vehicle.map(|at| self.state.vehicles[at.at()].spec.vehicle.clone()),
                    interval_secs: known.interval_secs,
                    metrics: Vec::new(),
                }]));
            }
            return Ok(DeviceIdx(*at));
        }
        if !self.rules.register_unknown_devices {
            return Err(Refusal::UnknownDevice(id.clone()));
        }
        if self.state.devices.len() >= self.rules.devices_max {
            return Err(Refusal::TooManyDevices { device: id.clone(), max: self.rules.devices_max });
        }
        self.facts.push(Fact::DeviceSeen { device: id.clone(), site: topic_site.clone(), at: self.received_at });
        Ok(DeviceIdx(self.state.devices.len() as u32))
    }

    fn check_seen(&self, device: DeviceIdx, number: Option<FrameNumber>) -> Seen {
        match (self.known(device), number) {
            (Some(known), Some(FrameNumber { boot, seq })) => known.check_seen(boot, seq),
            _ => Seen::New,
        }
    }

    fn check_not_future(&self, what: impl Fn() -> String, at: Timestamp) -> Result<(), Refusal> {
        let ahead = at.since(self.received_at);
        if ahead > self.rules.future_max {
            let (ahead_secs, max_secs) = (ahead.as_secs(), self.rules.future_max.as_secs());
            return Err(Refusal::Future { what: what(), at, ahead_secs, max_secs });
        }
        Ok(())
    }

    fn check_time(&self, what: impl Fn() -> String, at: Timestamp) -> Result<(), Refusal> {
        self.check_not_future(&what, at)?;
        if self.received_at.since(at) > self.rules.retention {
            let retention_days = self.rules.retention.as_secs() / 86_400;
            return Err(Refusal::BeyondRetention { what: what(), at, retention_days });
        }
        Ok(())
    }

    fn telemetry(&mut self, device: DeviceIdx, frame: TelemetryFrame) -> Result<(), Refusal> {
        let number = frame.boot.zip(frame.seq).map(|(boot, seq)| FrameNumber { boot, seq });
        // A frame too old to tell is taken: each reading's own identity (device, metric, time) still holds.
        if self.check_seen(device, number) == Seen::Already {
            self.facts.clear();
            return Ok(());
        }
        let mut readings = Vec::with_capacity(frame.readings.len());
        let mut new_series: Vec<(MetricName, MetricKind)> = Vec::new();
        let known_series = self.known(device).map(|known| known.series.clone()).unwrap_or_default();
        let mut cursor = 0;
        for reading in frame.readings {
            self.check_time(|| format!("metric {}", reading.metric), reading.at)?;
            readings.push(self.reading(reading, &known_series, &mut cursor, &mut new_series)?);
        }
        // The same reading again, from a device that does not number its frames.
        if number.is_none() && self.facts.is_empty() && new_series.is_empty() {
            readings.retain(|reading| {
                let last = self.state.series[reading.series.0 as usize].last.as_ref();
                !last.is_some_and(|last| last.at == reading.at && last.value == reading.value)
            });
            if readings.is_empty() {
                return Ok(());
            }
        }
        if known_series.len() + new_series.len() > METRICS_MAX {
            return Err(Refusal::TooManyMetrics { device: frame.device });
        }
        self.n_series += new_series.len() as u32;
        for (metric, kind) in new_series {
            self.facts.push(Fact::SeriesDefined { device, metric, kind, unit: String::new() });
        }
        self.facts.push(Fact::Readings { device, received_at: self.received_at, number, readings });
        Ok(())
    }

    /// Finds the series, starting after the last one found: devices send their metrics in one order.
    fn reading(
        &self,
        reading: Reading,
        known: &[SeriesId],
        cursor: &mut usize,
        new: &mut Vec<(MetricName, MetricKind)>,
    ) -> Result<SeriesReading, Refusal> {
        let Reading { metric, at, value, mut quality } = reading;
        let found = (0..known.len())
            .map(|step| (*cursor + step) % known.len())
            .find(|place| self.state.series[known[*place].0 as usize].metric == metric);
        if let Some(place) = found {
            *cursor = place + 1;
            let series = known[place];
            let state = &self.state.series[series.0 as usize];
            let value = of_kind(value, state.kind).map_err(|found| Refusal::Kind {
                metric: metric.clone(),
                kind: state.kind,
                found,
            })?;
            if state.is_out_of_range(&value) {
                match self.rules.validation {
                    Validation::Enforce => {
                        return Err(Refusal::OutOfLimits { metric, value, min: state.min, max: state.max });
                    }
                    Validation::Flag => quality = quality.max(Quality::Suspect),
                    Validation::Off => {}
                }
            }
            return Ok(SeriesReading { series, at, value, quality });
        }
        let place = match new.iter().position(|(name, _)| *name == metric) {
            Some(place) => place,
            None => {
                // Without a birth a number is a float: 4 may be followed by 4.5.
                let kind = match value.kind() {
                    MetricKind::Integer => MetricKind::Float,
                    kind => kind,
                };
                new.push((metric.clone(), kind));
                new.len() - 1
            }
        };
        let kind = new[place].1;
        let value = of_kind(value, kind).map_err(|found| Refusal::Kind { metric, kind, found })?;
        Ok(SeriesReading { series: SeriesId(self.n_series + place as u32), at, value, quality })
    }

    fn position(&mut self, device: DeviceIdx, frame: PositionFrame) -> Result<(), Refusal> {
        let number = frame.boot.zip(frame.seq).map(|(boot, seq)| FrameNumber { boot, seq });
        if self.check_seen(device, number) == Seen::Already {
            self.facts.clear();
            return Ok(());
        }
        self.check_not_future(|| "position".to_owned(), frame.at)?;
        let carrier = self.known(device).and_then(|known| known.vehicle);
        let vehicle = match (frame.vehicle, carrier) {
            (Some(vehicle), _) if self.state.vehicle_by_id.contains_key(&vehicle) => vehicle,
            (Some(vehicle), _) => return Err(Refusal::UnknownVehicle(vehicle)),
            (None, Some(at)) => self.state.vehicles[at.at()].spec.vehicle.clone(),
            (None, None) => return Err(Refusal::NoVehicle(frame.device)),
        };
        let fix = Fix {
            vehicle,
            at: frame.at,
            position: frame.position,
            speed_mm_per_s: frame.speed_mm_per_s,
            heading_cdeg: frame.heading_cdeg,
            lane: frame.lane,
            site: frame.site,
        };
        self.facts.push(Fact::Positioned { device, received_at: self.received_at, number, fix });
        Ok(())
    }

    fn events(&mut self, device: DeviceIdx, topic_site: &SiteId, frame: EventFrame) -> Result<(), Refusal> {
        let number = FrameNumber { boot: frame.boot, seq: frame.seq };
        match self.check_seen(device, Some(number)) {
            Seen::New => {}
            Seen::Already => {
                self.facts.clear();
                return Ok(());
            }
            Seen::CannotTell => return Err(Refusal::CannotTell { boot: frame.boot, seq: frame.seq }),
        }
        let mut in_this_frame = Vec::new();
        for (at, event) in frame.events.iter().enumerate() {
            // However old: what happened to stock counts, retention is for readings.
            self.check_not_future(|| format!("event {at}"), event.at)?;
            self.check_event(at, topic_site, event, &mut in_this_frame)?;
        }
        let (received_at, site) = (self.received_at, topic_site.clone());
        self.facts.push(Fact::Happened { device, received_at, number, site, events: frame.events });
        Ok(())
    }

    /// `shipments` are those that this frame dispatched (with their destination) or let arrive so far.
    fn check_event(
        &self,
        at: usize,
        topic_site: &SiteId,
        event: &EventRecord,
        shipments: &mut Vec<(ShipmentId, Option<SiteId>)>,
    ) -> Result<(), Refusal> {
        let site = |site: &SiteId| {
            let known = self.state.site_by_id.contains_key(site);
            known.then_some(()).ok_or_else(|| Refusal::UnknownEventSite { at, site: site.clone() })
        };
        let sku = |sku: &SkuId| {
            let known = self.state.sku_by_id.contains_key(sku);
            known.then_some(()).ok_or_else(|| Refusal::UnknownSku { at, sku: sku.clone() })
        };
        let here = event.site.as_ref().unwrap_or(topic_site);
        site(here)?;
        match &event.happening {
            Happening::StockCounted { sku: found, .. }
            | Happening::StockReceived { sku: found, .. }
            | Happening::StockIssued { sku: found, .. }
            | Happening::StockReturned { sku: found, .. }
            | Happening::StockAdjusted { sku: found, .. }
            | Happening::StockReserved { sku: found, .. }
            | Happening::ReservationReleased { sku: found, .. }
            | Happening::StockOrdered { sku: found, .. }
            | Happening::OrderCancelled { sku: found, .. } => sku(found),
            Happening::ShipmentDispatched { shipment, to, lines, .. } => {
                site(to)?;
                lines.iter().try_for_each(|line| sku(&line.sku))?;
                let taken =
                    self.state.shipments.contains_key(shipment) || shipments.iter().any(|(known, _)| known == shipment);
                if taken {
                    return Err(Refusal::ShipmentTwice { at, shipment: shipment.clone(), was: "dispatched" });
                }
                shipments.push((shipment.clone(), Some(to.clone())));
                Ok(())
            }
            Happening::ShipmentArrived { shipment, lines } => {
                lines.iter().flatten().try_for_each(|line| sku(&line.sku))?;
                let in_frame = shipments.iter().rfind(|(known, _)| known == shipment).map(|(_, to)| to.clone());
                let to = match (in_frame, self.state.shipments.get(shipment)) {
                    (Some(None), _) => None,
                    (Some(Some(to)), _) => Some(to),
                    (None, Some(known)) if known.arrived_at.is_some() => None,
                    (None, Some(known)) => Some(self.state.sites[known.to.at()].spec.site.clone()),
                    (None, None) => return Err(Refusal::UnknownShipment { at, shipment: shipment.clone() }),
                };
                let Some(to) = to else {
                    return Err(Refusal::ShipmentTwice { at, shipment: shipment.clone(), was: "arrived" });
                };
                if to != *here {
                    let (shipment, here) = (shipment.clone(), here.clone());
                    return Err(Refusal::WrongDestination { at, shipment, to, here });
                }
                shipments.push((shipment.clone(), None));
                Ok(())
            }
        }
    }
}

/// The value as one of this kind; else the kind that it is.
fn of_kind(value: Value, kind: MetricKind) -> Result<Value, MetricKind> {
    match (value, kind) {
        (Value::Integer(n), MetricKind::Float) => Ok(Value::Float(n as f64)), // exact: within ±2^53
        (Value::Float(x), MetricKind::Integer) if x.fract() == 0.0 && x.abs() <= 9_007_199_254_740_992.0 => {
            Ok(Value::Integer(x as i64))
        }
        (value, kind) if value.kind() == kind => Ok(value),
        (value, _) => Err(value.kind()),
    }
}
