//! Messages of other topics, as Telegraf's `mqtt_consumer` takes them, made into telemetry frames.
//!
//! ```text
//! topic ─▶ the one mapping whose filter matches
//! payload ─▶ json | line | value ─▶ records (fields, tags, time) ─▶ site, device, metric ─▶ frames by device
//! ```
//!
//! Pure: bytes, topic and the time of arrival come in, frames or the reason against them go out. A payload is
//! taken whole or not at all. Nothing is guessed and nothing falls together silently: a name that identifiers do
//! not allow is refused (or escaped, if the mapping says so), and so are two different values for one metric of
//! one device at one time. `docs/telegraf.md` has the rules for people.

pub mod config;
pub mod filter;
mod json;
pub mod line;
pub mod template;

use self::config::{Format, Precision, TimeFormat, ValueType};
use self::filter::Filter;
use self::json::Json;
use self::line::LineError;
use self::template::{FillError, Template};
use compact_str::CompactString;
use firmware_schemas::id::{DeviceId, IdError, MetricName, SiteId};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::{
    FRAMES_MAX, INTEGER_MAX, PAYLOAD_LEN_MAX, Quality, READINGS_MAX, Reading, TEXT_LEN_MAX, TelemetryFrame, Value,
};
use std::collections::BTreeMap;
use std::fmt;

/// The longest flattened name or pointer of a JSON field, in bytes: every field carries its own.
const FIELD_LEN_MAX: usize = 256;

/// One value as it stands in a payload.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// Of 64 bits, with or without a sign.
    Integer(i128),
    /// Finite.
    Float(f64),
    Boolean(bool),
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(n) => write!(f, "{n}"),
            Self::Float(x) => write!(f, "{x}"),
            Self::Boolean(b) => write!(f, "{b}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A place in a JSON payload, by pointer or by flattened name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pointer {
    text: String,
    /// From the payload's root, not from the object that the query found.
    is_root: bool,
}

impl Pointer {
    fn parse(text: &str) -> Self {
        match text.strip_prefix("root:") {
            Some(rest) if rest.starts_with('/') => Self { text: rest.to_owned(), is_root: true },
            _ => Self { text: text.to_owned(), is_root: false },
        }
    }

    /// Whether it means the field with this pointer and flattened name.
    fn is_at(&self, pointer: &str, name: &str) -> bool {
        !self.is_root && (self.text == pointer || (!name.is_empty() && self.text == name))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_root { "root:" } else { "" }, self.text)
    }
}

#[derive(Clone, Debug)]
struct TimeSource {
    field: Pointer,
    format: TimeFormat,
}

#[derive(Clone, Debug)]
struct Listed {
    field: String,
    metric: MetricName,
    unit: String,
    value_type: Option<ValueType>,
}

/// One mapping, checked.
#[derive(Clone, Debug)]
struct Mapping {
    filters: Vec<Filter>,
    format: Format,
    site: Template,
    device: Template,
    metric: Template,
    listed: Vec<Listed>,
    unit: String,
    takes_all: bool,
    exclude: Vec<String>,
    escape: bool,
    query: String,
    string_fields: Vec<String>,
    time: Option<TimeSource>,
    precision: Precision,
    value_type: ValueType,
}

/// All mappings, checked. No topic belongs to two.
#[derive(Clone, Debug, Default)]
pub struct Mappings {
    mappings: Vec<Mapping>,
}

/// One object, line or value.
struct Record<'a> {
    measurement: &'a str,
    tags: &'a [(String, String)],
    /// The object that the query found, and the whole payload.
    json: Option<(&'a Json, &'a Json)>,
    at: Option<Timestamp>,
}

/// One field of a record.
struct Field<'a> {
    name: &'a str,
    pointer: &'a str,
    value: &'a Scalar,
}

impl<'a> Record<'a> {
    fn scalar(&self, pointer: &Pointer) -> Option<&'a Scalar> {
        let (object, root) = self.json?;
        let from = if pointer.is_root { root } else { object };
        if pointer.text.starts_with('/') {
            return match from.at(&pointer.text)? {
                Json::Scalar(scalar) => Some(scalar),
                _ => None,
            };
        }
        let mut found = None;
        from.flatten(&mut |name, _, scalar| {
            if name == pointer.text {
                found = found.or(Some(scalar));
            }
        });
        found
    }
}

/// What a payload says about one device.
#[derive(Clone, Debug, PartialEq)]
pub struct MappedFrame {
    pub site: SiteId,
    pub frame: TelemetryFrame,
}

/// A decoded payload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapped {
    /// At least one.
    pub frames: Vec<MappedFrame>,
    /// The units that the mapping knows.
    pub units: BTreeMap<MetricName, String>,
}

/// Why a payload cannot be mapped.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MappedError {
    #[error("payload is empty")]
    Empty,
    #[error("payload of {len} bytes exceeds the limit of {PAYLOAD_LEN_MAX}")]
    TooLong { len: usize },
    #[error("payload is not UTF-8")]
    NotUtf8,
    #[error("not JSON: {0}")]
    Json(String),
    #[error("not line protocol: {0}")]
    Line(#[from] LineError),
    #[error("{0:?} leads to no object and no array of objects")]
    NotObjects(String),
    #[error("no field of the payload is a metric of the mapping")]
    NoReadings,
    #[error("{what}: {why}")]
    Fill { what: &'static str, why: FillError },
    #[error("{what} {text:?}: {why}")]
    Id { what: &'static str, text: String, why: IdError },
    #[error("no time at {0:?}")]
    NoTime(String),
    #[error("time {found:?} is not {format:?}, or beyond what can be held")]
    Time { format: TimeFormat, found: String },
    #[error("a field's name or pointer of {len} bytes exceeds the limit of {FIELD_LEN_MAX}")]
    FieldTooLong { len: usize },
    #[error("two fields are called {0:?}")]
    FieldTwice(String),
    #[error("metric {metric:?} of device {device:?} has two different values at {at}")]
    Twice { device: DeviceId, metric: MetricName, at: Timestamp },
    #[error("metric {metric:?}: integer {found} is beyond ±2^53")]
    IntegerTooLarge { metric: MetricName, found: i128 },
    #[error("metric {metric:?}: text of {len} bytes exceeds the limit of {TEXT_LEN_MAX}")]
    TextTooLong { metric: MetricName, len: usize },
    #[error("field {field:?}: not a value of type {value_type:?}: {found:?}")]
    Type { field: String, value_type: ValueType, found: String },
    #[error("{found} frames, not 1 to {FRAMES_MAX}")]
    TooManyFrames { found: usize },
}

impl Mappings {
    pub fn is_empty(&self) -> bool {
        self.mappings.is_empty()
    }

    /// Whether messages of this topic are mapped.
    pub fn covers(&self, topic: &str) -> bool {
        self.find(topic).is_some()
    }

    /// The subscriptions that hear all of them; `group` makes them shared.
    pub fn subscriptions(&self, group: Option<&str>) -> Vec<String> {
        let filters = self.mappings.iter().flat_map(|mapping| &mapping.filters).map(Filter::mqtt);
        filters
            .map(|filter| match group {
                Some(group) => format!("$share/{group}/{filter}"),
                None => filter,
            })
            .collect()
    }

    fn find(&self, topic: &str) -> Option<(&Mapping, &Filter)> {
        let with_filters = |mapping| Mapping::with_filters(mapping);
        self.mappings.iter().flat_map(with_filters).find(|(_, filter)| filter.matches(topic))
    }

    /// The frames of a payload; `None` when no mapping covers the topic. A reading without a time has that of its
    /// arrival.
    pub fn decode(&self, topic: &str, payload: &[u8], arrived_at: Timestamp) -> Option<Result<Mapped, MappedError>> {
        let (mapping, filter) = self.find(topic)?;
        Some(mapping.decode(filter, topic, payload, arrived_at))
    }
}

impl Mapping {
    fn with_filters(&self) -> impl Iterator<Item = (&Self, &Filter)> {
        self.filters.iter().map(move |filter| (self, filter))
    }

    fn decode(
        &self,
        filter: &Filter,
        topic: &str,
        payload: &[u8],
        arrived_at: Timestamp,
    ) -> Result<Mapped, MappedError> {
        if payload.is_empty() {
            return Err(MappedError::Empty);
        }
        if payload.len() > PAYLOAD_LEN_MAX {
            return Err(MappedError::TooLong { len: payload.len() });
        }
        let mut taking = Taking { mapping: self, filter, topic, arrived_at, frames: Vec::new(), seen: BTreeMap::new() };
        let text = || std::str::from_utf8(payload).map_err(|_invalid| MappedError::NotUtf8);
        match self.format {
            Format::Json => self.decode_json(payload, &mut taking)?,
            Format::LineProtocol => {
                for line in line::parse(text()?)? {
                    let at = line.timestamp.map(|at| self.line_time(at)).transpose()?;
                    let record = Record { measurement: &line.measurement, tags: &line.tags, json: None, at };
                    let fields = line.fields.iter().map(|(name, value)| Field { name, pointer: "", value });
                    taking.take(&record, fields.collect())?;
                }
            }
            Format::Value => {
                let found = text()?.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0');
                let value = typed(self.value_type, "value", found)?;
                let record = Record { measurement: "", tags: &[], json: None, at: None };
                taking.take(&record, vec![Field { name: "value", pointer: "", value: &value }])?;
            }
        }
        let units = self.listed.iter().map(|listed| (listed.metric.clone(), listed.unit.clone()));
        let mut units: BTreeMap<_, _> = units.filter(|(_, unit)| !unit.is_empty()).collect();
        let frames = taking.frames()?;
        if !self.unit.is_empty() {
            let readings = frames.iter().flat_map(|mapped| &mapped.frame.readings);
            for reading in readings {
                if !units.contains_key(&reading.metric) {
                    units.insert(reading.metric.clone(), self.unit.clone());
                }
            }
        }
        Ok(Mapped { frames, units })
    }

    fn decode_json(&self, payload: &[u8], taking: &mut Taking<'_>) -> Result<(), MappedError> {
        let root = Json::parse(payload).map_err(MappedError::Json)?;
        let not_objects = || MappedError::NotObjects(self.query.clone());
        let objects = match root.at(&self.query).ok_or_else(not_objects)? {
            object @ Json::Object(_) => std::slice::from_ref(object),
            Json::Array(items) => items.as_slice(),
            Json::Null | Json::Scalar(_) => return Err(not_objects()),
        };
        for object in objects {
            if !matches!(object, Json::Object(_)) {
                return Err(not_objects());
            }
            let mut leaves: Vec<(String, String, &Scalar)> = Vec::new();
            let mut longest = 0;
            object.flatten(&mut |name, pointer, value| {
                longest = longest.max(name.len()).max(pointer.len());
                if longest <= FIELD_LEN_MAX {
                    leaves.push((name.to_owned(), pointer.to_owned(), value));
                }
            });
            if longest > FIELD_LEN_MAX {
                return Err(MappedError::FieldTooLong { len: longest });
            }
            let mut names: Vec<_> = leaves.iter().map(|(name, ..)| name.as_str()).collect();
            names.sort_unstable();
            if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(MappedError::FieldTwice(pair[0].to_owned()));
            }
            let mut record = Record { measurement: "", tags: &[], json: Some((object, &root)), at: None };
            if let Some(time) = &self.time {
                let found = record.scalar(&time.field);
                let found = found.ok_or_else(|| MappedError::NoTime(time.field.to_string()))?;
                record.at = Some(read_time(time.format, found)?);
            }
            let fields = leaves.iter().map(|(name, pointer, value)| Field { name, pointer, value });
            taking.take(&record, fields.collect())?;
        }
        Ok(())
    }

    fn line_time(&self, at: i64) -> Result<Timestamp, MappedError> {
        let (nanos, format) = match self.precision {
            Precision::Ns => (1, TimeFormat::UnixNs),
            Precision::Us => (1_000, TimeFormat::UnixUs),
            Precision::Ms => (1_000_000, TimeFormat::UnixMs),
            Precision::S => (1_000_000_000, TimeFormat::Unix),
        };
        let found = at.checked_mul(nanos).map(Timestamp::from_nanos);
        found.ok_or_else(|| MappedError::Time { format, found: at.to_string() })
    }

    /// Whether an unlisted field is a metric.
    fn takes(&self, field: &Field<'_>) -> bool {
        let is_number = matches!(field.value, Scalar::Integer(_) | Scalar::Float(_));
        let is_wanted = match self.format {
            Format::Json => is_number || self.string_fields.iter().any(|pattern| fits(pattern, field.name)),
            Format::LineProtocol | Format::Value => true,
        };
        let is_time = self.time.as_ref().is_some_and(|time| time.field.is_at(field.pointer, field.name));
        let is_name = [&self.site, &self.device, &self.metric].iter().any(|template| template.reads(field.pointer));
        let is_excluded = self.exclude.iter().any(|pattern| fits(pattern, field.name));
        self.takes_all && is_wanted && !is_time && !is_name && !is_excluded
    }
}

/// The frames of a payload while it is read.
struct Taking<'a> {
    mapping: &'a Mapping,
    filter: &'a Filter,
    topic: &'a str,
    arrived_at: Timestamp,
    /// In the order of their first reading.
    frames: Vec<(SiteId, DeviceId, Vec<Reading>)>,
    /// Frame, metric and time of every reading, with its place in the frame.
    seen: BTreeMap<(usize, MetricName, Timestamp), usize>,
}

impl Taking<'_> {
    fn take(&mut self, record: &Record<'_>, fields: Vec<Field<'_>>) -> Result<(), MappedError> {
        let mapping = self.mapping;
        let mut place = None;
        for field in fields {
            let is_listed = |listed: &&Listed| listed.field == field.name || listed.field == field.pointer;
            let (metric, value) = match mapping.listed.iter().find(is_listed) {
                Some(listed) => {
                    let typed = listed.value_type.map(|wanted| typed(wanted, field.name, &field.value.to_string()));
                    (listed.metric.clone(), typed.transpose()?.unwrap_or_else(|| field.value.clone()))
                }
                None if mapping.takes(&field) => {
                    (self.id("metric", &mapping.metric, record, field.name, MetricName::new)?, field.value.clone())
                }
                None => continue,
            };
            let value = checked(&metric, value)?;
            let frame = match place {
                Some(frame) => frame,
                None => *place.insert(self.frame_of(record)?),
            };
            self.add(
                frame,
                Reading { metric, at: record.at.unwrap_or(self.arrived_at), value, quality: Quality::Good },
            )?;
        }
        Ok(())
    }

    fn id<T>(
        &self,
        what: &'static str,
        template: &Template,
        record: &Record<'_>,
        field: &str,
        new: impl Fn(&str) -> Result<T, IdError>,
    ) -> Result<T, MappedError> {
        let text = template.fill(self.filter, self.topic, record, field, self.mapping.escape);
        let text = text.map_err(|why| MappedError::Fill { what, why })?;
        new(&text).map_err(|why| MappedError::Id { what, text, why })
    }

    fn frame_of(&mut self, record: &Record<'_>) -> Result<usize, MappedError> {
        let site = self.id("site", &self.mapping.site, record, "", SiteId::new)?;
        let device = self.id("device", &self.mapping.device, record, "", DeviceId::new)?;
        if let Some(at) = self.frames.iter().rposition(|(s, d, _)| *s == site && *d == device) {
            return Ok(at);
        }
        // Before the list grows long: it is searched for every record.
        if self.frames.len() == FRAMES_MAX {
            return Err(MappedError::TooManyFrames { found: FRAMES_MAX + 1 });
        }
        self.frames.push((site, device, Vec::new()));
        Ok(self.frames.len() - 1)
    }

    fn add(&mut self, frame: usize, reading: Reading) -> Result<(), MappedError> {
        let (_, device, readings) = &mut self.frames[frame];
        let key = (frame, reading.metric.clone(), reading.at);
        match self.seen.get(&key) {
            Some(known) if readings[*known].value == reading.value => {}
            Some(_) => {
                let (device, metric, at) = (device.clone(), reading.metric, reading.at);
                return Err(MappedError::Twice { device, metric, at });
            }
            None => {
                self.seen.insert(key, readings.len());
                readings.push(reading);
            }
        }
        Ok(())
    }

    fn frames(self) -> Result<Vec<MappedFrame>, MappedError> {
        let mut frames = Vec::with_capacity(self.frames.len());
        for (site, device, readings) in self.frames {
            for part in readings.chunks(READINGS_MAX) {
                let (device, readings) = (device.clone(), part.to_vec());
                let frame = TelemetryFrame { device, boot: None, seq: None, sent_at: None, readings };
                frames.push(MappedFrame { site: site.clone(), frame });
            }
        }
        match frames.len() {
            0 => Err(MappedError::NoReadings),
            1..=FRAMES_MAX => Ok(frames),
            found => Err(MappedError::TooManyFrames { found }),
        }
    }
}

/// The value as the contract has it.
fn checked(metric: &MetricName, value: Scalar) -> Result<Value, MappedError> {
    match value {
        Scalar::Integer(found) => match i64::try_from(found) {
            Ok(n) if n.unsigned_abs() <= INTEGER_MAX.unsigned_abs() => Ok(Value::Integer(n)),
            _ => Err(MappedError::IntegerTooLarge { metric: metric.clone(), found }),
        },
        Scalar::Float(x) => Ok(Value::Float(x)),
        Scalar::Boolean(b) => Ok(Value::Boolean(b)),
        Scalar::Text(text) if text.len() > TEXT_LEN_MAX => {
            Err(MappedError::TextTooLong { metric: metric.clone(), len: text.len() })
        }
        Scalar::Text(text) => Ok(Value::Text(CompactString::from(text))),
    }
}

/// A text as a value of this type.
fn typed(value_type: ValueType, field: &str, text: &str) -> Result<Scalar, MappedError> {
    let value = match value_type {
        ValueType::Float => decimal(text).map(Scalar::Float),
        ValueType::Integer => text.parse::<i64>().ok().map(|n| Scalar::Integer(n.into())),
        ValueType::Boolean => match text {
            "true" | "True" | "TRUE" | "t" | "T" | "1" => Some(Scalar::Boolean(true)),
            "false" | "False" | "FALSE" | "f" | "F" | "0" => Some(Scalar::Boolean(false)),
            _ => None,
        },
        ValueType::Text => Some(Scalar::Text(text.to_owned())),
    };
    value.ok_or_else(|| MappedError::Type { field: field.to_owned(), value_type, found: text.to_owned() })
}

/// A finite decimal with an optional sign and exponent, and nothing else that Rust takes for a float.
fn decimal(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let begins = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let holds = unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'));
    if begins && holds { text.parse().ok().filter(|x: &f64| x.is_finite()) } else { None }
}

fn read_time(format: TimeFormat, found: &Scalar) -> Result<Timestamp, MappedError> {
    let text = found.to_string();
    let at = match (format, found) {
        (_, Scalar::Boolean(_)) => None,
        (TimeFormat::Rfc3339, Scalar::Text(text)) => Timestamp::parse_rfc3339(text),
        (TimeFormat::Rfc3339, _) => None,
        (TimeFormat::Unix, _) => nanos(&text, 1_000_000_000),
        (TimeFormat::UnixMs, _) => nanos(&text, 1_000_000),
        (TimeFormat::UnixUs, _) => nanos(&text, 1_000),
        (TimeFormat::UnixNs, _) => nanos(&text, 1),
    };
    at.ok_or(MappedError::Time { format, found: text })
}

/// `-?digits[.digits]` of a unit of so many nanoseconds, exactly; what is below a nanosecond is cut off.
fn nanos(text: &str, unit: i128) -> Option<Timestamp> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let mut nanos = whole.parse::<i128>().ok()?.checked_mul(unit)?;
    let mut step = unit / 10;
    for digit in fraction.bytes() {
        nanos = nanos.checked_add(i128::from(digit - b'0') * step)?;
        step /= 10;
    }
    let signed = if text.starts_with('-') { -nanos } else { nanos };
    i64::try_from(signed).ok().map(Timestamp::from_nanos)
}

/// Whether a name fits a pattern in which `*` stands for anything. Linear in the pattern's parts.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or("");
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests;
