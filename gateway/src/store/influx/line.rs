//! One point as a line of InfluxDB's line protocol.
//!
//! ```text
//! reading,device=COLD-1,metric=temperature,site=WH-01 kind=0i,float=3.5 1795329600000000000
//! └────────────────── prefix, once a series ───────┘ └─ kind and quality, value ─┘ └─ nanoseconds ─┘
//! ```
//!
//! `docs/influxdb.md` says what the fields mean. The file uses nothing of this crate, so that the fuzz target
//! can include it.

use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::{Quality, Value};
use std::io::Write;

/// The measurement that all readings go to.
pub const MEASUREMENT: &str = "reading";
/// The earliest instant that InfluxDB keeps.
pub const TIME_MIN: Timestamp = Timestamp::from_nanos(i64::MIN + 2);
/// The latest instant that InfluxDB keeps.
pub const TIME_MAX: Timestamp = Timestamp::from_nanos(i64::MAX - 1);
/// The longest text that InfluxDB keeps, in bytes.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// The longest measurement and tags together, in bytes, with room for a field's name behind them.
pub const PREFIX_BYTES_MAX: usize = 65_000;

/// Which series a point belongs to, as InfluxDB knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey<'a> {
    /// The device's site.
    pub site: &'a str,
    /// The device.
    pub device: &'a str,
    /// What the device measures.
    pub metric: &'a str,
}

/// Why a point cannot be written to InfluxDB.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// InfluxDB has no way to hold this tag as it is: it is empty, or has a line break, or a backslash at its
    /// end or before a comma, an equals sign or a space.
    #[error("InfluxDB cannot hold the {tag} {value:?}")]
    Tag {
        /// Which tag.
        tag: &'static str,
        /// What it should hold.
        value: String,
    },
    /// The names are too long together.
    #[error("names of {len} bytes exceed the limit of {PREFIX_BYTES_MAX}")]
    NamesTooLong {
        /// Their length with escapes, in bytes.
        len: usize,
    },
    /// Not a number, or infinite.
    #[error("the number {value} at {at} is not finite")]
    NotFinite {
        /// When it was measured.
        at: Timestamp,
        /// What it is.
        value: f64,
    },
    /// Outside the years that InfluxDB holds.
    #[error("the time {at} is outside what InfluxDB can hold")]
    Time {
        /// When it was measured.
        at: Timestamp,
    },
    /// The text is too long.
    #[error("the text of {len} bytes at {at} exceeds the limit of {TEXT_BYTES_MAX}")]
    TextTooLong {
        /// When it was measured.
        at: Timestamp,
        /// Its length in bytes.
        len: usize,
    },
}

/// What all lines of one series begin with: measurement and tags, escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(Box<[u8]>);

impl Prefix {
    /// Escapes the names of a series.
    pub fn new(key: &SeriesKey<'_>) -> Result<Self, LineError> {
        let mut bytes = MEASUREMENT.as_bytes().to_vec();
        // In the order of their names: InfluxDB sorts them otherwise.
        for (tag, value) in [("device", key.device), ("metric", key.metric), ("site", key.site)] {
            bytes.push(b',');
            bytes.extend(tag.as_bytes());
            bytes.push(b'=');
            push_tag(&mut bytes, tag, value)?;
        }
        bytes.push(b' ');
        match bytes.len() {
            0..=PREFIX_BYTES_MAX => Ok(Self(bytes.into())),
            len => Err(LineError::NamesTooLong { len }),
        }
    }

    /// The bytes, up to and including the space before the fields.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn push_tag(bytes: &mut Vec<u8>, tag: &'static str, value: &str) -> Result<(), LineError> {
    let cannot = || LineError::Tag { tag, value: value.to_owned() };
    let mut after_backslash = true; // so that the empty one is refused too
    for (idx, byte) in value.bytes().enumerate() {
        let special = matches!(byte, b',' | b'=' | b' ');
        // A backslash is itself, unless what follows is special: then both together would be one character.
        if byte == b'\n' || (special && after_backslash && idx > 0) {
            return Err(cannot());
        }
        after_backslash = byte == b'\\';
        if special {
            bytes.push(b'\\');
        }
        bytes.push(byte);
    }
    if after_backslash { Err(cannot()) } else { Ok(()) }
}

/// What the field `kind` holds for `value`, and in which field the value is.
///
/// The names of all fields are here and in [`quality_of_kind`] and [`field_of_kind`].
pub fn kind_of(value: &Value, quality: Quality) -> i64 {
    let field = match value {
        Value::Float(_) => 0,
        Value::Integer(_) => 1,
        Value::Boolean(_) => 2,
        Value::Text(_) => 3,
    };
    let quality = match quality {
        Quality::Good => 0,
        Quality::Suspect => 1,
        Quality::Bad => 2,
    };
    quality * 10 + field
}

/// The quality that a `kind` stands for; `None` if it was not written by us.
pub fn quality_of_kind(kind: i64) -> Option<Quality> {
    match kind.div_euclid(10) {
        0 => Some(Quality::Good),
        1 => Some(Quality::Suspect),
        2 => Some(Quality::Bad),
        _ => None,
    }
}

/// The name of the field that counts with this `kind`; `None` if it was not written by us.
pub fn field_of_kind(kind: i64) -> Option<&'static str> {
    ["float", "integer", "boolean", "text"].get(usize::try_from(kind.rem_euclid(10)).ok()?).copied()
}

/// Appends the point of a series as one line, with its line break. On an error nothing is appended.
pub fn encode(
    out: &mut Vec<u8>,
    prefix: &Prefix,
    at: Timestamp,
    value: &Value,
    quality: Quality,
) -> Result<(), LineError> {
    if !(TIME_MIN..=TIME_MAX).contains(&at) {
        return Err(LineError::Time { at });
    }
    match value {
        Value::Float(number) if !number.is_finite() => return Err(LineError::NotFinite { at, value: *number }),
        Value::Text(text) if text.len() > TEXT_BYTES_MAX => {
            return Err(LineError::TextTooLong { at, len: text.len() });
        }
        _ => {}
    }
    out.extend_from_slice(prefix.as_bytes());
    out.extend_from_slice(b"kind=");
    push_integer(out, kind_of(value, quality));
    match value {
        Value::Float(number) => {
            out.extend_from_slice(b"i,float=");
            push_float(out, *number);
        }
        Value::Integer(number) => {
            out.extend_from_slice(b"i,integer=");
            push_integer(out, *number);
            out.push(b'i');
        }
        Value::Boolean(true) => out.extend_from_slice(b"i,boolean=t"),
        Value::Boolean(false) => out.extend_from_slice(b"i,boolean=f"),
        Value::Text(text) => {
            out.extend_from_slice(b"i,text=\"");
            push_text(out, text);
            out.push(b'"');
        }
    }
    out.push(b' ');
    push_integer(out, at.as_nanos());
    out.push(b'\n');
    Ok(())
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

fn push_integer(out: &mut Vec<u8>, number: i64) {
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[start..]);
}

/// The shortest decimal that reads back as the same number; large and small ones with an exponent.
fn push_float(out: &mut Vec<u8>, number: f64) {
    let size = number.abs();
    let plain = size == 0.0 || (1e-5..1e16).contains(&size);
    let written = if plain { write!(out, "{number}") } else { write!(out, "{number:e}") };
    debug_assert!(written.is_ok(), "writing to a vector cannot fail");
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
