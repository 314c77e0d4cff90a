//! Frames to bytes. The two kinds that make up nearly all traffic are written by hand in JSON, several
//! times as fast as through `serde`; tests read them back through the contract's codec.

use super::calendar::TimeText;
use firmware_schemas::codec::{self, Encoding};
use firmware_schemas::id::{DeviceId, LaneId, MetricName, SiteId, VehicleId};
use firmware_schemas::quantity::{Position, Timestamp};
use firmware_schemas::telemetry::{PositionFrame, Quality, Reading, TelemetryFrame, Value};
use serde::Serialize;

/// One measured value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Sample {
    /// Thousandths of the unit, written as a number with a point.
    Milli(i64),
    Integer(i64),
    Boolean(bool),
    Text(&'static str),
}

/// What starts a frame: who sends it, since which start, and its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) device: &'a DeviceId,
    pub(crate) boot: u64,
    pub(crate) seq: u64,
    /// By the device's clock.
    pub(crate) at: Timestamp,
}

/// The bytes of any contract type.
///
/// Empty if it cannot be encoded, which no frame of this world is; Portolan would put that in quarantine.
pub(crate) fn encode<T: Serialize>(frame: &T, encoding: Encoding) -> Vec<u8> {
    codec::encode(frame, encoding).unwrap_or_default()
}

/// A telemetry frame of one instant.
pub(crate) fn telemetry(
    origin: Origin<'_>,
    encoding: Encoding,
    samples: &[(MetricName, Sample)],
    clock: &mut TimeText,
) -> Vec<u8> {
    let Origin { device, boot, seq, at } = origin;
    if encoding == Encoding::Cbor {
        let readings = samples.iter().map(|(metric, sample)| Reading {
            metric: metric.clone(),
            at,
            value: value(*sample),
            quality: Quality::Good,
        });
        let frame = TelemetryFrame {
            device: device.clone(),
            boot: Some(boot),
            seq: Some(seq),
            sent_at: Some(at),
            readings: readings.collect(),
        };
        return encode(&frame, encoding);
    }
    let mut out = Vec::with_capacity(128 + device.as_str().len() + samples.len() * 88);
    begin(&mut out, device, boot, seq);
    out.extend_from_slice(b",\"sent_at\":\"");
    let from = out.len();
    clock.write(at.as_nanos(), &mut out);
    let to = out.len();
    out.extend_from_slice(b"\",\"readings\":[");
    for (i, (metric, sample)) in samples.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"{\"metric\":\"" } else { b",{\"metric\":\"" });
        out.extend_from_slice(metric.as_str().as_bytes());
        out.extend_from_slice(b"\",\"at\":\"");
        out.extend_from_within(from..to);
        out.extend_from_slice(b"\",\"value\":");
        match sample {
            Sample::Milli(milli) => decimal(&mut out, *milli, 3),
            Sample::Integer(n) => integer(&mut out, *n),
            Sample::Boolean(true) => out.extend_from_slice(b"true"),
            Sample::Boolean(false) => out.extend_from_slice(b"false"),
            Sample::Text(text) => {
                out.push(b'"');
                out.extend_from_slice(text.as_bytes()); // our own words: nothing to escape
                out.push(b'"');
            }
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}

/// Where a vehicle is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whereabouts<'a> {
    pub(crate) vehicle: &'a VehicleId,
    pub(crate) position: Position,
    pub(crate) speed_mm_per_s: u32,
    /// `None` where it stands.
    pub(crate) heading_cdeg: Option<u16>,
    pub(crate) lane: Option<&'a LaneId>,
    pub(crate) site: Option<&'a SiteId>,
}

/// A position frame.
pub(crate) fn position(origin: Origin<'_>, encoding: Encoding, fix: Whereabouts<'_>, clock: &mut TimeText) -> Vec<u8> {
    let Origin { device, boot, seq, at } = origin;
    if encoding == Encoding::Cbor {
        let frame = PositionFrame {
            device: device.clone(),
            boot: Some(boot),
            seq: Some(seq),
            vehicle: Some(fix.vehicle.clone()),
            at,
            position: fix.position,
            speed_mm_per_s: Some(fix.speed_mm_per_s),
            heading_cdeg: fix.heading_cdeg,
            lane: fix.lane.cloned(),
            site: fix.site.cloned(),
        };
        return encode(&frame, encoding);
    }
    let mut out = Vec::with_capacity(320);
    begin(&mut out, device, boot, seq);
    text(&mut out, "vehicle", fix.vehicle.as_str());
    out.extend_from_slice(b",\"at\":\"");
    clock.write(at.as_nanos(), &mut out);
    out.extend_from_slice(b"\",\"position\":{\"lat\":");
    let e7 = |degrees: f64| libm::round(degrees * 1e7) as i64;
    decimal(&mut out, e7(fix.position.lat()), 7);
    out.extend_from_slice(b",\"lon\":");
    decimal(&mut out, e7(fix.position.lon()), 7);
    out.extend_from_slice(b"},\"speed_mm_per_s\":");
    integer(&mut out, i64::from(fix.speed_mm_per_s));
    if let Some(heading) = fix.heading_cdeg {
        out.extend_from_slice(b",\"heading_cdeg\":");
        integer(&mut out, i64::from(heading));
    }
    if let Some(lane) = fix.lane {
        text(&mut out, "lane", lane.as_str());
    }
    if let Some(site) = fix.site {
        text(&mut out, "site", site.as_str());
    }
    out.push(b'}');
    out
}

/// Frames of one encoding as one array, at most 65,535 of them.
pub(crate) fn array<'a>(frames: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut frames = frames.peekable();
    let is_cbor = frames.peek().is_some_and(|first| codec::encoding(first) == Encoding::Cbor);
    let mut out = Vec::new();
    if is_cbor {
        let [high, low] = u16::try_from(frames.len()).unwrap_or(u16::MAX).to_be_bytes();
        out.extend_from_slice(&[0x99, high, low]); // an array whose length takes two bytes
        frames.for_each(|frame| out.extend_from_slice(frame));
        return out;
    }
    for (i, frame) in frames.enumerate() {
        out.push(if i == 0 { b'[' } else { b',' });
        out.extend_from_slice(frame);
    }
    out.push(b']');
    out
}

fn begin(out: &mut Vec<u8>, device: &DeviceId, boot: u64, seq: u64) {
    out.extend_from_slice(b"{\"device\":\"");
    out.extend_from_slice(device.as_str().as_bytes()); // identifiers need no escaping
    out.extend_from_slice(b"\",\"boot\":");
    integer(out, boot as i64);
    out.extend_from_slice(b",\"seq\":");
    integer(out, seq as i64);
}

fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
    out.extend_from_slice(value.as_bytes());
    out.push(b'"');
}

fn value(sample: Sample) -> Value {
    match sample {
        Sample::Milli(milli) => Value::Float(milli as f64 / 1e3),
        Sample::Integer(n) => Value::Integer(n),
        Sample::Boolean(b) => Value::Boolean(b),
        Sample::Text(text) => Value::Text(text.into()),
    }
}

fn integer(out: &mut Vec<u8>, n: i64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut left = n.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if n < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// `n` / 10^`places`, with at least one digit after the point and no needless zeros.
fn decimal(out: &mut Vec<u8>, n: i64, places: u32) {
    let unit = 10_u64.pow(places);
    let (whole, mut fraction) = (n.unsigned_abs() / unit, n.unsigned_abs() % unit);
    if n < 0 {
        out.push(b'-');
    }
    integer(out, whole as i64);
    out.push(b'.');
    let mut digits = [b'0'; 8];
    for place in digits[..places as usize].iter_mut().rev() {
        *place = b'0' + (fraction % 10) as u8;
        fraction /= 10;
    }
    let used = digits[..places as usize].iter().rposition(|d| *d != b'0').map_or(1, |last| last + 1);
    out.extend_from_slice(&digits[..used]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware_schemas::codec::Frame;
    use firmware_schemas::topic::Channel;
    use proptest::prelude::*;

    fn sample() -> impl Strategy<Value = Sample> {
        prop_oneof![
            (-100_000_i64..100_000).prop_map(Sample::Milli),
            (-(1_i64 << 53)..(1 << 53)).prop_map(Sample::Integer),
            any::<bool>().prop_map(Sample::Boolean),
            Just(Sample::Text("ok")),
        ]
    }

    proptest! {
        #[test]
        fn frames_written_by_hand_read_back_as_what_was_meant(
            samples in prop::collection::vec(("[a-z][a-z.]{0,9}", sample()), 1..9),
            boot in 0..1_u64 << 40,
            seq in any::<u32>(),
            at_millis in -2_000_000_000_000_i64..4_000_000_000_000,
            lat_e7 in -900_000_000..=900_000_000_i32,
            lon_e7 in -1_800_000_000..=1_800_000_000_i32,
            heading_cdeg in prop::option::of(0..36_000_u16),
            speed_mm_per_s in any::<u32>(),
        ) {
            let device = DeviceId::new("d-1").unwrap();
            let samples: Vec<_> = samples.iter().map(|(m, s)| (MetricName::new(m).unwrap(), *s)).collect();
            let at = Timestamp::from_millis(at_millis).unwrap();
            let origin = Origin { device: &device, boot, seq: u64::from(seq), at };
            let (vehicle, lane) = (VehicleId::new("v").unwrap(), LaneId::new("l~1").unwrap());
            let fix = Whereabouts {
                vehicle: &vehicle,
                position: Position::from_e7(lat_e7, lon_e7).unwrap(),
                speed_mm_per_s,
                heading_cdeg,
                lane: heading_cdeg.map(|_| &lane),
                site: None,
            };
            let mut clock = TimeText::new();
            let readings = samples
                .iter()
                .map(|(m, s)| Reading { metric: m.clone(), at, value: value(*s), quality: Quality::Good })
                .collect();
            let meant = Frame::Telemetry(vec![TelemetryFrame {
                device: device.clone(), boot: Some(boot), seq: Some(u64::from(seq)), sent_at: Some(at), readings,
            }]);
            let meant_position = Frame::Position(PositionFrame {
                device: device.clone(), boot: Some(boot), seq: Some(u64::from(seq)), vehicle: Some(vehicle.clone()), at,
                position: fix.position, speed_mm_per_s: Some(speed_mm_per_s), heading_cdeg,
                lane: fix.lane.cloned(), site: None,
            });
            for encoding in [Encoding::Json, Encoding::Cbor] {
                let bytes = telemetry(origin, encoding, &samples, &mut clock);
                prop_assert_eq!(codec::decode(Channel::Telemetry, "d-1", &bytes), Ok(meant.clone()));
                let Frame::Telemetry(one) = &meant else { unreachable!() };
                let thrice = array([bytes.as_slice(); 3].into_iter());
                let meant_thrice = Frame::Telemetry([one.as_slice(); 3].concat());
                prop_assert_eq!(codec::decode(Channel::Telemetry, "d-1", &thrice), Ok(meant_thrice));
                let bytes = position(origin, encoding, fix, &mut clock);
                prop_assert_eq!(codec::decode(Channel::Position, "d-1", &bytes), Ok(meant_position.clone()));
            }
        }
    }
}
