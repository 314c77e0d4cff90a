//! Bytes to frames and back: JSON or CBOR, told apart by the first byte, with every limit checked.
//!
//! A payload is taken whole or refused with its reason; nothing here panics or allocates more than a
//! small multiple of the payload.

mod strict;

use self::strict::Strict;
use crate::id::DeviceId;
use crate::telemetry::{
    AckFrame, BirthFrame, DEPTH_MAX, EVENTS_MAX, EventFrame, FRAMES_MAX, Happening, INTEGER_MAX, METRICS_MAX,
    PAYLOAD_LEN_MAX, PIECES_MAX, PositionFrame, READINGS_MAX, ReportedFrame, SHIPMENT_LINES_MAX, StatusFrame,
    TEXT_LEN_MAX, TelemetryFrame, Value,
};
use crate::topic::Channel;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why the bytes on a topic are not a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// No bytes.
    #[error("payload is empty")]
    Empty,
    /// More than [`PAYLOAD_LEN_MAX`] bytes.
    #[error("payload of {len} bytes exceeds the limit of {PAYLOAD_LEN_MAX}")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("payload nests deeper than {DEPTH_MAX}")]
    TooDeep,
    /// Not JSON, or not the frame that the channel carries.
    #[error("not a JSON frame: {0}")]
    Json(String),
    /// Not CBOR, or not the frame that the channel carries.
    #[error("not a CBOR frame: {0}")]
    Cbor(String),
    /// A count outside its limits.
    #[error("{what}: {found}, not {min} to {max}")]
    Count {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How few there may be.
        min: usize,
        /// How many there may be.
        max: usize,
    },
    /// A number that is not finite.
    #[error("metric {metric:?}: value is not a finite number")]
    NotFinite {
        /// Of which metric.
        metric: String,
    },
    /// An integer that a double cannot hold exactly.
    #[error("metric {metric:?}: integer {found} is beyond ±2^53")]
    IntegerTooLarge {
        /// Of which metric.
        metric: String,
        /// The integer.
        found: i64,
    },
    /// A text longer than [`TEXT_LEN_MAX`].
    #[error("{what}: text of {len} bytes exceeds the limit of {TEXT_LEN_MAX}")]
    TextTooLong {
        /// Where.
        what: String,
        /// Its length.
        len: usize,
    },
    /// A quantity that makes no sense where it stands.
    #[error("event {at}: {what} is {found}, which is out of range")]
    Quantity {
        /// Which event of the frame, from 0.
        at: usize,
        /// Which member.
        what: &'static str,
        /// What it is.
        found: i64,
    },
    /// A number that makes no sense where it stands.
    #[error("{what} is {found}, which is out of range")]
    OutOfRange {
        /// Which member.
        what: &'static str,
        /// What it is.
        found: i64,
    },
    /// The body names another device than the topic.
    #[error("topic names device {topic:?}, body names {body:?}")]
    DeviceMismatch {
        /// The topic's.
        topic: String,
        /// The body's.
        body: String,
    },
    /// A channel that devices do not send on.
    #[error("devices do not send on the channel {0:?}")]
    NotUpward(&'static str),
}

/// A decoded, validated payload.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// From `birth`.
    Birth(BirthFrame),
    /// From `telemetry`: one frame, or the frames of an array.
    Telemetry(Vec<TelemetryFrame>),
    /// From `event`.
    Event(EventFrame),
    /// From `position`.
    Position(PositionFrame),
    /// From `status`.
    Status(StatusFrame),
    /// From `reported`.
    Reported(ReportedFrame),
    /// From `ack`.
    Ack(AckFrame),
}

impl Frame {
    /// The sender that the body names.
    pub fn device(&self) -> &DeviceId {
        match self {
            Self::Birth(frame) => &frame.device,
            Self::Telemetry(frames) => &frames[0].device, // never empty: checked by `decode`
            Self::Event(frame) => &frame.device,
            Self::Position(frame) => &frame.device,
            Self::Status(frame) => &frame.device,
            Self::Reported(frame) => &frame.device,
            Self::Ack(frame) => &frame.device,
        }
    }
}

/// The encodings of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 8259.
    Json,
    /// RFC 8949.
    Cbor,
}

/// Tells the encoding by the first byte: CBOR maps (0xa0–0xbf) and arrays (0x80–0x9f) never begin JSON.
pub fn encoding(payload: &[u8]) -> Encoding {
    if payload.first().is_some_and(|b| (0x80..=0xbf).contains(b)) { Encoding::Cbor } else { Encoding::Json }
}

/// Reads what a device sent on `channel`, and checks every limit of the contract.
pub fn decode(channel: Channel, device: &str, payload: &[u8]) -> Result<Frame, FrameError> {
    let frame = match channel {
        Channel::Telemetry => {
            let frames = decode_telemetry(payload)?;
            count("frames", frames.len(), 1, FRAMES_MAX)?;
            for frame in &frames {
                same_device(device, &frame.device)?;
                check_telemetry(frame)?;
            }
            return Ok(Frame::Telemetry(frames));
        }
        Channel::Birth => Frame::Birth(checked(read(payload)?, check_birth)?),
        Channel::Event => Frame::Event(checked(read(payload)?, check_event)?),
        Channel::Position => Frame::Position(checked(read(payload)?, check_position)?),
        Channel::Status => {
            Frame::Status(checked(read(payload)?, |frame: &StatusFrame| text("reason", frame.reason.as_deref()))?)
        }
        Channel::Reported => Frame::Reported(checked(read(payload)?, check_reported)?),
        Channel::Ack => {
            Frame::Ack(checked(read(payload)?, |frame: &AckFrame| text("reason", frame.reason.as_deref()))?)
        }
        Channel::Desired | Channel::Command => return Err(FrameError::NotUpward(channel.as_str())),
    };
    same_device(device, frame.device())?;
    Ok(frame)
}

/// Writes a frame in the given encoding.
pub fn encode<T: Serialize>(frame: &T, encoding: Encoding) -> Result<Vec<u8>, FrameError> {
    match encoding {
        Encoding::Json => serde_json::to_vec(frame).map_err(|why| FrameError::Json(why.to_string())),
        Encoding::Cbor => minicbor_serde::to_vec(frame).map_err(|why| FrameError::Cbor(why.to_string())),
    }
}

/// Reads any contract type in either encoding, within the limits of length and depth.
pub fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, FrameError> {
    check_size(payload)?;
    match encoding(payload) {
        Encoding::Json => {
            let mut deserializer = serde_json::Deserializer::from_slice(payload);
            let frame = T::deserialize(Strict(&mut deserializer));
            frame.and_then(|frame| deserializer.end().map(|()| frame)).map_err(|why| FrameError::Json(why.to_string()))
        }
        Encoding::Cbor => {
            let mut deserializer = minicbor_serde::Deserializer::new(payload);
            let frame = T::deserialize(Strict(&mut deserializer)).map_err(|why| FrameError::Cbor(why.to_string()))?;
            let end = deserializer.decoder().position();
            if end == payload.len() {
                Ok(frame)
            } else {
                Err(FrameError::Cbor(alloc::format!("trailing bytes at offset {end}")))
            }
        }
    }
}

fn checked<T>(frame: T, check: impl Fn(&T) -> Result<(), FrameError>) -> Result<T, FrameError> {
    check(&frame)?;
    Ok(frame)
}

fn decode_telemetry(payload: &[u8]) -> Result<Vec<TelemetryFrame>, FrameError> {
    let is_array = match encoding(payload) {
        Encoding::Json => payload.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'['),
        Encoding::Cbor => payload.first().is_some_and(|b| (0x80..=0x9f).contains(b)),
    };
    if is_array { read(payload) } else { Ok(vec![read(payload)?]) }
}

fn check_size(payload: &[u8]) -> Result<(), FrameError> {
    if payload.is_empty() {
        return Err(FrameError::Empty);
    }
    if payload.len() > PAYLOAD_LEN_MAX {
        return Err(FrameError::TooLong { len: payload.len() });
    }
    let too_deep = match encoding(payload) {
        Encoding::Json => json_too_deep(payload),
        Encoding::Cbor => cbor_too_deep(payload),
    };
    if too_deep { Err(FrameError::TooDeep) } else { Ok(()) }
}

/// Counts brackets outside strings. On text that is not JSON it may say anything; the parser then refuses.
fn json_too_deep(payload: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &b in payload {
        if in_string {
            match b {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else {
            match b {
                b'"' => in_string = true,
                b'[' | b'{' => {
                    depth += 1;
                    if depth > DEPTH_MAX {
                        return true;
                    }
                }
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    false
}

/// Walks the item heads with a stack of at most [`DEPTH_MAX`] remaining counts.
fn cbor_too_deep(payload: &[u8]) -> bool {
    const UNTIL_BREAK: u64 = u64::MAX;
    let mut open: Vec<u64> = Vec::with_capacity(DEPTH_MAX);
    let mut at = 0;
    while let Some(&head) = payload.get(at) {
        at += 1;
        let (major, info) = (head >> 5, head & 0x1f);
        let argument = match info {
            0..=23 => u64::from(info),
            24..=27 => {
                let len = 1_usize << (info - 24);
                let Some(bytes) = payload.get(at..at + len) else { return false };
                at += len;
                bytes.iter().fold(0, |sum, b| sum << 8 | u64::from(*b))
            }
            31 => UNTIL_BREAK,
            _ => return false, // reserved: the parser refuses it
        };
        let items = match major {
            2 | 3 if argument != UNTIL_BREAK => {
                at = at.saturating_add(usize::try_from(argument).unwrap_or(usize::MAX));
                0
            }
            2..=4 => argument,
            5 if argument == UNTIL_BREAK => UNTIL_BREAK,
            5 => argument.saturating_mul(2),
            6 => 1,
            7 if argument == UNTIL_BREAK => {
                open.pop(); // the break
                0
            }
            _ => 0,
        };
        let is_container = items > 0;
        if is_container {
            if open.len() == DEPTH_MAX {
                return true;
            }
            open.push(items);
            continue;
        }
        while let Some(left) = open.last_mut() {
            if *left == UNTIL_BREAK {
                break;
            }
            *left -= 1;
            if *left > 0 {
                break;
            }
            open.pop();
        }
    }
    false
}

fn count(what: &'static str, found: usize, min: usize, max: usize) -> Result<(), FrameError> {
    if (min..=max).contains(&found) { Ok(()) } else { Err(FrameError::Count { what, found, min, max }) }
}

fn text(what: &'static str, found: Option<&str>) -> Result<(), FrameError> {
    match found {
        Some(text) if text.len() > TEXT_LEN_MAX => Err(FrameError::TextTooLong { what: what.into(), len: text.len() }),
        _ => Ok(()),
    }
}

fn same_device(topic: &str, body: &DeviceId) -> Result<(), FrameError> {
    if body.as_str() == topic {
        Ok(())
    } else {
        Err(FrameError::DeviceMismatch { topic: topic.into(), body: body.as_str().into() })
    }
}

fn check_value(metric: &str, value: &Value) -> Result<(), FrameError> {
    match value {
        Value::Float(x) if !x.is_finite() => Err(FrameError::NotFinite { metric: metric.into() }),
        Value::Integer(n) if n.unsigned_abs() > INTEGER_MAX.unsigned_abs() => {
            Err(FrameError::IntegerTooLarge { metric: metric.into(), found: *n })
        }
        Value::Text(found) if found.len() > TEXT_LEN_MAX => {
            Err(FrameError::TextTooLong { what: alloc::format!("metric {metric:?}"), len: found.len() })
        }
        _ => Ok(()),
    }
}

fn check_telemetry(frame: &TelemetryFrame) -> Result<(), FrameError> {
    count("readings", frame.readings.len(), 1, READINGS_MAX)?;
    frame.readings.iter().try_for_each(|reading| check_value(reading.metric.as_str(), &reading.value))
}

fn check_birth(frame: &BirthFrame) -> Result<(), FrameError> {
    count("metrics", frame.metrics.len(), 0, METRICS_MAX)?;
    text("firmware", frame.firmware.as_deref())?;
    for metric in &frame.metrics {
        text("unit", Some(&metric.unit))?;
        for limit in [metric.min, metric.max].into_iter().flatten() {
            check_value(metric.name.as_str(), &Value::Float(limit))?;
        }
    }
    Ok(())
}

fn check_position(frame: &PositionFrame) -> Result<(), FrameError> {
    match frame.heading_cdeg {
        Some(heading) if heading >= 36_000 => {
            Err(FrameError::OutOfRange { what: "heading_cdeg", found: i64::from(heading) })
        }
        _ => Ok(()),
    }
}

fn check_reported(frame: &ReportedFrame) -> Result<(), FrameError> {
    count("settings", frame.settings.len(), 0, METRICS_MAX)?;
    frame.settings.iter().try_for_each(|(name, setting)| check_value(name.as_str(), &setting.0))
}

fn check_event(frame: &EventFrame) -> Result<(), FrameError> {
    count("events", frame.events.len(), 1, EVENTS_MAX)?;
    for (at, event) in frame.events.iter().enumerate() {
        let within = |what, pieces: i64, min: i64| {
            if (min..=PIECES_MAX).contains(&pieces) {
                Ok(())
            } else {
                Err(FrameError::Quantity { at, what, found: pieces })
            }
        };
        let lines = |lines: &[crate::telemetry::GoodsLine]| {
            count("lines", lines.len(), 1, SHIPMENT_LINES_MAX)?;
            lines.iter().try_for_each(|line| within("pieces", line.pieces.0, 1))
        };
        match &event.happening {
            Happening::StockCounted { on_hand, .. } => within("on_hand", on_hand.0, 0)?,
            Happening::StockReceived { pieces, .. }
            | Happening::StockIssued { pieces, .. }
            | Happening::StockReturned { pieces, .. }
            | Happening::StockReserved { pieces, .. }
            | Happening::ReservationReleased { pieces, .. }
            | Happening::StockOrdered { pieces, .. }
            | Happening::OrderCancelled { pieces, .. } => within("pieces", pieces.0, 1)?,
            Happening::StockAdjusted { pieces, reason, .. } => {
                text("reason", reason.as_deref())?;
                if pieces.0 == 0 {
                    return Err(FrameError::Quantity { at, what: "pieces", found: 0 });
                }
                within("pieces", pieces.0, -PIECES_MAX)?;
            }
            Happening::ShipmentDispatched { lines: sent, .. } => lines(sent)?,
            Happening::ShipmentArrived { lines: came, .. } => {
                if let Some(came) = came {
                    // All may have been lost on the way: an empty list is an answer here.
                    if !came.is_empty() {
                        lines(came)?;
                    }
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(channel: Channel, payload: &[u8], expected: Result<(), &str>) {
        let actual = decode(channel, "d1", payload).map(|_frame| ()).map_err(|why| why.to_string());
        match (&actual, expected) {
            (Ok(()), Ok(())) => {}
            (Err(why), Err(part)) if why.contains(part) => {}
            _ => panic!("{actual:?}, expected {expected:?}, of {:?}", String::from_utf8_lossy(payload)),
        }
    }

    fn telemetry(payload: &str, expected: Result<(), &str>) {
        check(Channel::Telemetry, payload.as_bytes(), expected);
    }

    #[test]
    fn a_frame_is_taken_whole_or_refused_with_its_reason() {
        let at = r#""at":"2026-11-22T06:40:00Z""#;
        telemetry(&alloc::format!(r#"{{"device":"d1","readings":[{{"metric":"t",{at},"value":4.1}}]}}"#), Ok(()));
        telemetry(
            &alloc::format!(
                r#" [{{"device":"d1","seq":null,"novel":{{"a":[1]}},"readings":[{{"metric":"t",{at},"value":true,"quality":null}}]}}]"#
            ),
            Ok(()),
        );
        telemetry(
            &alloc::format!(r#"{{"device":"d2","readings":[{{"metric":"t",{at},"value":4.1}}]}}"#),
            Err("topic names device"),
        );
        telemetry(
            &alloc::format!(r#"{{"device":"d1","readings":[{{"metric":"t",{at},"value":null}}]}}"#),
            Err("not a JSON frame"),
        );
        telemetry(
            &alloc::format!(r#"{{"device":"d1","boot":"7","readings":[{{"metric":"t",{at},"value":1}}]}}"#),
            Err("not a JSON frame"),
        );
        telemetry(
            &alloc::format!(r#"{{"device":"d1","readings":[{{"metric":"t",{at},"value":9007199254740993}}]}}"#),
            Err("beyond ±2^53"),
        );
        telemetry(r#"{"device":"d1","readings":[]}"#, Err("readings: 0"));
        telemetry("[]", Err("frames: 0"));
        telemetry("", Err("empty"));
        telemetry(&alloc::format!("{}{}", "[".repeat(33), "]".repeat(33)), Err("deeper"));
        telemetry(&" ".repeat(PAYLOAD_LEN_MAX + 1), Err("exceeds"));
        check(Channel::Command, b"{}", Err("do not send"));
    }

    #[test]
    fn a_cbor_frame_with_nan_or_excess_depth_is_refused() {
        let mut frame = sample(0, 1.5);
        check(Channel::Telemetry, &encode(&frame, Encoding::Cbor).unwrap(), Ok(()));
        frame.readings[0].value = Value::Float(f64::NAN);
        check(Channel::Telemetry, &encode(&frame, Encoding::Cbor).unwrap(), Err("finite"));
        check(Channel::Telemetry, &[0x81; 40], Err("deeper"));
        check(Channel::Telemetry, &[0x9f; 40], Err("deeper"));
        let mut trailing = encode(&sample(0, 1.5), Encoding::Cbor).unwrap();
        trailing.push(0);
        check(Channel::Telemetry, &trailing, Err("trailing"));
    }

    #[test]
    fn events_need_sensible_quantities() {
        let event = |happening: &str| {
            alloc::format!(r#"{{"device":"d1","boot":1,"seq":2,"events":[{{"at":0,"happening":{happening}}}]}}"#)
        };
        let check = |happening: &str, expected| check(Channel::Event, event(happening).as_bytes(), expected);
        check(r#"{"stock_received":{"sku":"A","pieces":5}}"#, Ok(()));
        check(r#"{"stock_received":{"sku":"A","pieces":0}}"#, Err("out of range"));
        check(r#"{"stock_issued":{"sku":"A","pieces":-5}}"#, Err("out of range"));
        check(r#"{"stock_received":{"sku":"A","pieces":9000000000000000000}}"#, Err("out of range"));
        check(r#"{"stock_teleported":{"sku":"A","pieces":5}}"#, Err("not a JSON frame"));
        check(r#"{"shipment_dispatched":{"shipment":"s","to":"x","lines":[]}}"#, Err("lines: 0"));
    }

    fn sample(seq: u64, value: f64) -> TelemetryFrame {
        let reading = crate::telemetry::Reading {
            metric: crate::id::MetricName::new("t").unwrap(),
            at: crate::quantity::Timestamp::from_nanos(1_795_329_600_000_000_001),
            value: Value::Float(value),
            quality: crate::telemetry::Quality::Good,
        };
        TelemetryFrame {
            device: DeviceId::new("d1").unwrap(),
            boot: Some(1),
            seq: Some(seq),
            sent_at: None,
            readings: vec![reading],
        }
    }

    proptest! {
        #[test]
        fn frames_read_back_in_both_encodings(seq in any::<u64>(), value in -1e300..1e300_f64) {
            for encoding in [Encoding::Json, Encoding::Cbor] {
                let frame = sample(seq, value);
                let bytes = encode(&frame, encoding).unwrap();
                prop_assert_eq!(decode(Channel::Telemetry, "d1", &bytes), Ok(Frame::Telemetry(vec![frame])));
            }
        }

        #[test]
        fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            for channel in Channel::UP {
                let _refused_or_not = decode(channel, "d1", &bytes);
            }
        }

        #[test]
        fn no_mutation_makes_a_decoder_panic(at in 0..120_usize, byte in any::<u8>(), cbor in any::<bool>()) {
            let encoding = if cbor { Encoding::Cbor } else { Encoding::Json };
            let mut bytes = encode(&sample(7, 4.25), encoding).unwrap();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _refused_or_not = decode(Channel::Telemetry, "d1", &bytes);
        }
    }
}
