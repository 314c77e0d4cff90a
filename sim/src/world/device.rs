//! Devices: what they say, when, and what keeps them from it.

use super::calendar::{NANOS_PER_MILLI, NANOS_PER_SEC, hours, local_second, minutes, secs};
use super::climate::{Climate, outside_c};
use super::hall::Hauler;
use super::queue::{Event, FaultKind, Rank};
use super::vehicle::Motion;
use super::wire::{self, Origin, Sample, Whereabouts};
use super::{Message, World};
use crate::rng::{Purpose, Stream, block, mix};
use firmware_schemas::codec::Encoding;
use firmware_schemas::id::{CommandId, DeviceId, MetricName};
use firmware_schemas::network::{DeviceKind, MetricKind, MetricSpec};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::{BirthFrame, MetricDeclaration, Outcome, StatusFrame};
use firmware_schemas::topic::Channel;
use std::collections::VecDeque;

/// The most frames that a device keeps while it is out of reach; then it forgets the oldest.
const KEPT_FRAMES_MAX: usize = 2_000;
/// The most messages that wait to come a second time; beyond, none is doubled.
const RESENDS_MAX: usize = 10_000;
/// The most telemetry frames that a device sends in one message when it catches up.
const CATCH_UP_MAX: usize = 100;
/// What firmware the devices say they run.
const FIRMWARE: &str = concat!("portolan-sim ", env!("CARGO_PKG_VERSION"));

/// What a metric is about, told by its name and kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Model {
    Temperature,
    Humidity,
    Door,
    Battery,
    /// Battery in volts.
    Volts,
    /// Any other number, wandering between its limits, with its span and lowest value in thousandths.
    Level {
        low: i64,
        span: i64,
    },
    /// Metres to the east and to the north in the hall.
    InHall {
        axis: usize,
    },
    /// Speed of the vehicle, in thousandths of this many of the unit to a millimetre a second.
    Speed {
        per_mm_s: f64,
    },
    /// Orders that are being picked at the site.
    OpenOrders,
    /// Frames about goods so far.
    Scans,
    /// Any other whole number: counts up.
    Count,
    Switch,
    Words,
}

/// Whether a device can be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It publishes.
    Online,
    /// It measures and keeps what it would publish.
    Outage,
    /// It does nothing.
    Dead,
}

/// A sender of frames.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) id: DeviceId,
    pub(crate) subject: u64,
    pub(crate) site: u32,
    pub(crate) vehicle: Option<u32>,
    pub(crate) kind: DeviceKind,
    pub(crate) encoding: Encoding,
    /// The topic up to the channel.
    pub(crate) base: String,
    pub(crate) telemetry_topic: String,
    pub(crate) interval: i64,
    pub(crate) metrics: Vec<MetricSpec>,
    pub(crate) models: Vec<Model>,
    /// What it measured last.
    pub(crate) samples: Vec<(MetricName, Sample)>,
    pub(crate) climate: Climate,
    pub(crate) locates: bool,
    /// Where it goes, of a vehicle in a hall.
    pub(crate) hauler: Option<Box<Hauler>>,
    /// It reports goods; such devices have power and a wire, and do not fail.
    pub(crate) reports_goods: bool,
    pub(crate) offset_secs: i64,
    pub(crate) boot: u64,
    pub(crate) seq: u64,
    pub(crate) ticks: u64,
    pub(crate) reports: i64,
    pub(crate) measured_at: i64,
    pub(crate) said_something: bool,
    pub(crate) reach: Reach,
    pub(crate) clock_off: i64,
    pub(crate) faults: u32,
    pub(crate) kept: VecDeque<Message>,
    pub(crate) inbox: VecDeque<(Channel, Vec<u8>)>,
    /// Commands of late and how they were answered.
    pub(crate) answered: VecDeque<(CommandId, Outcome, Option<&'static str>)>,
}

impl Device {
    pub(crate) fn next_seq(&mut self) -> u64 {
        let seq = self.seq;
        self.seq += 1;
        self.said_something = true;
        seq
    }

    pub(crate) fn has_temperature(&self) -> bool {
        self.models.contains(&Model::Temperature)
    }

    pub(crate) fn local_time(&self, now: i64) -> Timestamp {
        Timestamp::from_nanos(now.saturating_add(self.clock_off))
    }
}

/// What a metric of this specification measures.
pub(crate) fn model(metric: &MetricSpec) -> Model {
    let name = metric.metric.as_str().to_ascii_lowercase();
    match metric.kind {
        MetricKind::Float if name.contains("temp") => Model::Temperature,
        MetricKind::Float if name.contains("humid") => Model::Humidity,
        MetricKind::Float if name.contains("batt") && metric.unit == "V" => Model::Volts,
        MetricKind::Float | MetricKind::Integer if name.contains("batt") => Model::Battery,
        MetricKind::Float if name.contains("speed") => {
            Model::Speed { per_mm_s: if metric.unit == "km/h" { 3.6 } else { 1.0 } }
        }
        MetricKind::Integer if name.contains("order") => Model::OpenOrders,
        MetricKind::Integer if name.contains("scan") => Model::Scans,
        MetricKind::Float => {
            let (low, high) = (metric.min_milli.unwrap_or(0), metric.max_milli.unwrap_or(100_000));
            Model::Level { low, span: high.saturating_sub(low).clamp(1, 1 << 40) }
        }
        MetricKind::Integer => Model::Count,
        MetricKind::Boolean if name.contains("door") => Model::Door,
        MetricKind::Boolean => Model::Switch,
        MetricKind::Text => Model::Words,
    }
}

impl World {
    /// A device starts: it says what it is and that it is online, and will report from now on.
    pub(super) fn begin(&mut self, index: u32, out: &mut Vec<Message>) {
        self.say_birth(index, out);
        self.say_status(index, true, None, out);
        let device = &mut self.devices[index as usize];
        device.measured_at = self.now;
        let phase = (device.subject >> 8) as i64 & 0x7fff_ffff;
        let first = 1 + phase % (device.interval / NANOS_PER_MILLI).max(1);
        self.queue.plan_tick(self.now + first * NANOS_PER_MILLI, index);
        self.plan_fault(index);
    }

    /// A device's time to report.
    #[inline]
    pub(super) fn tick(&mut self, index: u32, out: &mut Vec<Message>) {
        let device = &mut self.devices[index as usize];
        self.queue.tick_again(self.now + device.interval);
        if device.reach == Reach::Dead {
            return;
        }
        let (locates, measures, vehicle) = (device.locates, !device.models.is_empty(), device.vehicle);
        let motion = vehicle.map(|vehicle| self.motion(vehicle));
        if let (true, Some(vehicle), Some(motion)) = (locates, vehicle, motion) {
            self.say_position(index, vehicle, motion, out);
        }
        if measures {
            self.say_telemetry(index, motion, out);
        } else if !self.devices[index as usize].said_something {
            self.say_status(index, true, None, out);
        }
        self.devices[index as usize].said_something = false;
    }

    fn say_telemetry(&mut self, index: u32, motion: Option<Motion>, out: &mut Vec<Message>) {
        let device = &mut self.devices[index as usize];
        let words = block(self.measuring, device.subject, device.ticks);
        device.ticks += 1;
        let in_hall = device.hauler.as_mut().map_or([0, 0], |hauler| hauler.at(self.config.seed, self.now));
        let second = local_second(self.now, device.offset_secs);
        let passed = (self.now - device.measured_at) as f64 / 1e9;
        device.measured_at = self.now;
        let is_open = (6 * 3_600..20 * 3_600).contains(&second);
        let doors_per_hour = match motion {
            Some(motion) if motion.site.is_none() => 0.0,
            _ if is_open => 1.5,
            _ => 0.1,
        };
        device.climate.pass(passed, outside_c(second), doors_per_hour, words);
        for (i, ((_, sample), model)) in device.samples.iter_mut().zip(&device.models).enumerate() {
            let word = words[3].rotate_left(i as u32 * 7);
            *sample = match *model {
                Model::Temperature => Sample::Milli(device.climate.temperature_milli_c(word)),
                Model::Humidity => Sample::Milli(device.climate.humidity_milli()),
                Model::Door => Sample::Boolean(device.climate.door_is_open()),
                Model::Battery => {
                    let percent = device.climate.battery;
                    match sample {
                        Sample::Integer(_) => Sample::Integer(percent as i64),
                        _ => Sample::Milli((percent * 10.0) as i64 * 100),
                    }
                }
                Model::Volts => Sample::Milli(2_700 + (device.climate.battery * 9.0) as i64),
                Model::Level { low, span } => {
                    let before = if let Sample::Milli(before) = *sample { before } else { low };
                    let move_by = i64::from(word as i16) * (span / 40).max(1) / 32_768;
                    let pull = (low + span / 2 - before) / 16;
                    Sample::Milli((before + move_by + pull).clamp(low, low + span))
                }
                Model::Speed { per_mm_s } => {
                    Sample::Milli((f64::from(motion.map_or(0, |motion| motion.speed_mm_per_s)) * per_mm_s) as i64)
                }
                Model::InHall { axis } => Sample::Milli(in_hall[axis]),
                Model::OpenOrders => Sample::Integer(self.sites[device.site as usize].open_picks),
                Model::Scans => Sample::Integer(device.reports),
                Model::Count => {
                    let before = if let Sample::Integer(before) = *sample { before } else { 0 };
                    Sample::Integer(before + i64::from(word & 7))
                }
                Model::Switch => match *sample {
                    Sample::Boolean(on) if word & 0x1f == 0 => Sample::Boolean(!on),
                    same => same,
                },
                Model::Words => Sample::Text("ok"),
            };
        }
        let at = device.local_time(self.now);
        let seq = device.next_seq();
        let origin = Origin { device: &device.id, boot: device.boot, seq, at };
        let payload = wire::telemetry(origin, device.encoding, &device.samples, &mut self.clock);
        self.send(index, Channel::Telemetry, payload, out);
        let garbage = self.config.faults.garbage_permille;
        let heard = self.devices[index as usize].reach == Reach::Online;
        if garbage > 0.0 && heard && self.accident(index, seq, 1) < garbage / 1e3 {
            self.say_garbage(index, seq, out);
        }
    }

    fn say_position(&mut self, index: u32, vehicle: u32, motion: Motion, out: &mut Vec<Message>) {
        let device = &mut self.devices[index as usize];
        let seq = device.next_seq();
        let at = device.local_time(self.now);
        let origin = Origin { device: &device.id, boot: device.boot, seq, at };
        let fix = Whereabouts {
            vehicle: &self.vehicles[vehicle as usize].id,
            position: motion.fix.position,
            speed_mm_per_s: motion.speed_mm_per_s,
            heading_cdeg: motion.lane.map(|_| motion.fix.heading_cdeg),
            lane: motion.lane.map(|lane| &self.lanes[lane as usize].id),
            site: motion.site.map(|site| &self.sites[site as usize].id),
        };
        let payload = wire::position(origin, device.encoding, fix, &mut self.clock);
        self.send(index, Channel::Position, payload, out);
    }

    /// Bytes that no version of the contract accepts.
    fn say_garbage(&mut self, index: u32, seq: u64, out: &mut Vec<Message>) {
        let device = &self.devices[index as usize];
        let mut draw = Stream::new(self.config.seed, device.subject, Purpose::FrameFault, seq as u32);
        let payload = match draw.below(3) {
            0 => format!("{{\"device\":\"{}\",\"readings\":[", device.id).into_bytes(),
            1 => (0..1 + draw.below(64)).map(|_| draw.below(256) as u8 | 0xc0).collect(),
            _ => format!("{{\"device\":\"{}\",\"readings\":[]}}", device.id).into_bytes(),
        };
        self.send(index, Channel::Telemetry, payload, out);
    }

    pub(super) fn say_birth(&mut self, index: u32, out: &mut Vec<Message>) {
        let device = &self.devices[index as usize];
        let limit = |milli: Option<i64>| milli.map(|milli| milli as f64 / 1e3);
        let metrics = device.metrics.iter().map(|metric| MetricDeclaration {
            name: metric.metric.clone(),
            unit: metric.unit.clone(),
            kind: metric.kind,
            min: limit(metric.min_milli),
            max: limit(metric.max_milli),
        });
        let frame = BirthFrame {
            device: device.id.clone(),
            boot: Some(device.boot),
            at: Some(device.local_time(self.now)),
            interval_secs: u32::try_from((device.interval / NANOS_PER_SEC).max(1)).ok(),
            vehicle: device.vehicle.map(|vehicle| self.vehicles[vehicle as usize].id.clone()),
            firmware: Some(FIRMWARE.into()),
            metrics: metrics.collect(),
        };
        let payload = wire::encode(&frame, device.encoding);
        self.send(index, Channel::Birth, payload, out);
    }

    fn say_status(&mut self, index: u32, online: bool, reason: Option<&str>, out: &mut Vec<Message>) {
        let device = &self.devices[index as usize];
        let frame = StatusFrame {
            device: device.id.clone(),
            boot: Some(device.boot),
            online,
            at: online.then(|| device.local_time(self.now)), // a last will cannot know when it will be used
            reason: reason.map(str::to_owned),
        };
        let payload = wire::encode(&frame, device.encoding);
        self.send(index, Channel::Status, payload, out);
    }

    /// Publishes, or keeps for later when the device is out of reach.
    pub(super) fn send(&mut self, index: u32, channel: Channel, payload: Vec<u8>, out: &mut Vec<Message>) {
        let device = &mut self.devices[index as usize];
        let topic = if channel == Channel::Telemetry {
            device.telemetry_topic.clone()
        } else {
            let mut topic = String::with_capacity(device.base.len() + 9);
            topic.push_str(&device.base);
            topic.push_str(channel.as_str());
            topic
        };
        let message = Message { topic, payload, retain: channel.is_retained(), qos1: channel != Channel::Position };
        if device.reach == Reach::Outage && channel != Channel::Status {
            if device.kept.len() == KEPT_FRAMES_MAX {
                device.kept.pop_front();
                self.totals.frames_dropped += 1;
            }
            device.kept.push_back(message);
            return;
        }
        let duplicates = self.config.faults.duplicates_permille;
        if duplicates > 0.0 && !message.retain && message.qos1 {
            let (seq, draw) = (device.seq, 2);
            if self.accident(index, seq, draw) < duplicates / 1e3 && self.resends.len() < RESENDS_MAX {
                let again = self.next_serial();
                let after = secs(30.0 * self.accident(index, seq, 3));
                self.resends.insert(again, message.clone());
                self.queue.plan(self.now + after, Rank::Resend, index, Event::Resend(again));
            }
        }
        self.totals.messages += 1;
        out.push(message);
    }

    pub(super) fn resend(&mut self, message: u64, out: &mut Vec<Message>) {
        if let Some(message) = self.resends.remove(&message) {
            self.totals.messages += 1;
            out.push(message);
        }
    }

    /// A number between 0 and 1 for one accident of one frame.
    fn accident(&self, index: u32, seq: u64, which: u64) -> f64 {
        let device = &self.devices[index as usize];
        let bits = mix(mix(self.config.seed ^ device.subject, device.boot ^ which << 48), seq);
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn plan_fault(&mut self, index: u32) {
        let rate: f64 = self.fault_rates(index).iter().map(|(_, rate)| rate).sum();
        if rate > 0.0 {
            let device = &mut self.devices[index as usize];
            device.faults += 1;
            let mut draw = Stream::new(self.config.seed, device.subject, Purpose::DeviceFault, device.faults);
            let at = self.now.saturating_add(secs(draw.exponential(31_557_600.0 / rate)));
            self.queue.plan(at, Rank::Fault, index, Event::Fault(index));
        }
    }

    /// Kinds of faults and their yearly rates for a device.
    fn fault_rates(&self, index: u32) -> [(FaultKind, f64); 4] {
        let (device, rates) = (&self.devices[index as usize], &self.config.faults);
        let on = |yes: bool, rate: f64| if yes { rate.max(0.0) } else { 0.0 };
        let fails = !device.reports_goods;
        [
            (FaultKind::Compressor, on(fails && device.has_temperature(), rates.compressors_per_device_year)),
            (FaultKind::Battery, on(fails, rates.batteries_per_device_year)),
            (FaultKind::Outage, on(fails, rates.outages_per_device_year)),
            (FaultKind::Clock, on(fails, rates.clocks_per_device_year)),
        ]
    }

    /// Something goes wrong with a device, and the next time is drawn.
    pub(super) fn fault(&mut self, index: u32, out: &mut Vec<Message>) {
        let device = &self.devices[index as usize];
        let mut draw = Stream::new(self.config.seed, device.subject, Purpose::DeviceFault, device.faults | 1 << 31);
        let rates = self.fault_rates(index);
        let total: f64 = rates.iter().map(|(_, rate)| rate).sum();
        let mut at = draw.uniform() * total;
        let kind = rates.iter().find(|(_, rate)| {
            at -= rate;
            at <= 0.0
        });
        let kind = kind.map_or(FaultKind::Outage, |(kind, _)| *kind);
        let (low, high) = match kind {
            FaultKind::Compressor => (120.0, 360.0),
            FaultKind::Battery => (240.0, 2_880.0),
            FaultKind::Outage => (5.0, 180.0),
            FaultKind::Clock => (60.0, 720.0),
        };
        let span = secs(60.0 * draw.between(low, high));
        let clock_off = secs(draw.between(-7_200.0, 7_200.0));
        self.fault_begins(index, kind, span, clock_off, out);
        self.plan_fault(index);
    }

    /// Lets a device fail in this way for a while. What has failed already does not fail twice.
    pub(super) fn fault_begins(
        &mut self,
        index: u32,
        kind: FaultKind,
        span: i64,
        clock_off: i64,
        out: &mut Vec<Message>,
    ) {
        let device = &mut self.devices[index as usize];
        match kind {
            FaultKind::Compressor if !device.climate.failed => device.climate.failed = true,
            FaultKind::Clock if device.clock_off == 0 => device.clock_off = clock_off,
            FaultKind::Battery if device.reach == Reach::Online => {
                self.say_status(index, false, Some("connection lost"), out);
                self.devices[index as usize].reach = Reach::Dead;
            }
            FaultKind::Outage if device.reach == Reach::Online => {
                self.say_status(index, false, Some("connection lost"), out);
                self.devices[index as usize].reach = Reach::Outage;
            }
            _ => return,
        }
        self.queue.plan(self.now + span, Rank::Fault, index, Event::FaultEnd(index, kind));
    }

    /// A device is as it should be again.
    pub(super) fn fault_ends(&mut self, index: u32, kind: FaultKind, out: &mut Vec<Message>) {
        let device = &mut self.devices[index as usize];
        match kind {
            FaultKind::Compressor => device.climate.failed = false,
            FaultKind::Clock => device.clock_off = 0,
            FaultKind::Battery => {
                device.reach = Reach::Online;
                device.boot += 1;
                device.seq = 0;
                device.measured_at = device.measured_at.max(self.now - hours(6));
                device.climate.new_battery();
                self.say_birth(index, out);
                self.say_status(index, true, None, out);
            }
            FaultKind::Outage => {
                device.reach = Reach::Online;
                let kept = std::mem::take(&mut device.kept);
                self.say_status(index, true, None, out);
                let before = out.len();
                catch_up(kept, out);
                self.totals.messages += (out.len() - before) as u64;
            }
        }
        let inbox = std::mem::take(&mut self.devices[index as usize].inbox);
        for (channel, payload) in inbox {
            self.obey(index, channel, &payload);
        }
    }

    /// Sets a device's reporting interval from its next report on.
    pub(super) fn report_every(&mut self, index: u32, interval_secs: u32) {
        let interval = i64::from(interval_secs.clamp(1, 31 * 86_400)) * NANOS_PER_SEC;
        self.devices[index as usize].interval = interval.min(minutes(60 * 24 * 31));
    }
}

/// Sends what was kept, neighbouring telemetry frames together in one array.
fn catch_up(kept: VecDeque<Message>, out: &mut Vec<Message>) {
    let mut run: Vec<Message> = Vec::new();
    let flush = |run: &mut Vec<Message>, out: &mut Vec<Message>| match run.len() {
        0 | 1 => out.append(run),
        _ => {
            let payload = wire::array(run.iter().map(|message| message.payload.as_slice()));
            out.extend(run.first().map(|first| Message { payload, ..first.clone() }));
            run.clear();
        }
    };
    for message in kept {
        let joins = message.topic.ends_with(Channel::Telemetry.as_str());
        if !joins || run.len() == CATCH_UP_MAX {
            flush(&mut run, out);
        }
        if joins { run.push(message) } else { out.push(message) }
    }
    flush(&mut run, out);
}
