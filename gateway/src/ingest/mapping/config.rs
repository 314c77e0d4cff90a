//! What stands under `[[ingest.mappings]]`, and its check when the configuration is loaded.

use super::filter::{Filter, FilterError};
use super::template::{Template, TemplateError};
use super::{Listed, Mapping, Mappings, Pointer, TimeSource};
use firmware_schemas::id::{IdError, MetricName};
use firmware_schemas::telemetry::TEXT_LEN_MAX;
use firmware_schemas::topic::{Channel, PREFIX};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeSet;

/// How a payload is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// An object or an array of objects.
    Json,
    /// InfluxDB line protocol.
    LineProtocol,
    /// One bare value.
    Value,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeFormat {
    /// Seconds since 1970, with or without a fraction.
    Unix,
    /// Milliseconds.
    UnixMs,
    /// Microseconds.
    UnixUs,
    /// Nanoseconds.
    UnixNs,
    /// `2026-11-22T06:40:00Z`, with any offset.
    Rfc3339,
}

/// The unit of the timestamps of line protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    Ns,
    Us,
    Ms,
    S,
}

/// What a text is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    Float,
    Integer,
    Boolean,
    Text,
}

/// Where a time stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeConfig {
    /// A flattened name (`meta_ts`), a pointer (`/meta/ts`), or one from the payload's root (`root:/ts`).
    pub field: String,
    /// How it is written.
    pub format: TimeFormat,
}

/// One field that becomes a metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricConfig {
    /// A flattened name (`env_temp`) or a pointer (`/env/temp`).
    pub field: String,
    /// The metric; the field's name when empty.
    #[serde(default)]
    pub metric: String,
    /// Its unit as a UCUM code; the mapping's when empty.
    #[serde(default)]
    pub unit: String,
    /// What its value is read as; as it stands when absent.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub value_type: Option<ValueType>,
}

/// How messages of other topics become readings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingConfig {
    /// MQTT filters; a level may have a name: `plant/{site}/line/{device}`.
    pub topics: Vec<String>,
    /// How payloads are written.
    pub format: Format,
    /// The site, with placeholders.
    pub site: String,
    /// The device, with placeholders.
    pub device: String,
    /// The name of a metric that is not listed, with placeholders.
    #[serde(default = "field")]
    pub metric: String,
    /// The unit of metrics that say no other.
    #[serde(default)]
    pub unit: String,
    /// Fields that become metrics; all numeric ones when there are none.
    #[serde(default)]
    pub metrics: Vec<MetricConfig>,
    /// Take the numeric fields that are not listed too.
    #[serde(default)]
    pub all_fields: bool,
    /// Names of unlisted fields that are no metrics; `*` stands for anything.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Replace what identifiers do not allow by `~` and two hexadecimal digits, instead of refusing it.
    #[serde(default)]
    pub escape: bool,
    /// JSON: pointer to the object or the array of objects.
    #[serde(default)]
    pub query: String,
    /// JSON: names of unlisted text and boolean fields that are metrics too; `*` stands for anything.
    #[serde(default)]
    pub string_fields: Vec<String>,
    /// JSON: where the time stands; the time of arrival when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeConfig>,
    /// Line protocol: the unit of timestamps; nanoseconds when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// Value: what it is; a float when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_type: Option<ValueType>,
}

fn field() -> String {
    "{field}".to_owned()
}

/// Reads the mappings one by one, so that an error names the one that it stands in.
pub(crate) fn indexed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<MappingConfig>, D::Error> {
    let tables = Vec::<serde_json::Value>::deserialize(deserializer)?;
    let read = |(at, table)| {
        MappingConfig::deserialize(table).map_err(|why: serde_json::Error| {
            serde::de::Error::custom(format!("mapping {at} (from 0): {}", why.to_string().trim_end()))
        })
    };
    tables.into_iter().enumerate().map(read).collect()
}

/// Why a mapping cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("mapping {mapping} (from 0), {key}: {why}")]
pub struct MappingError {
    /// Which, from 0.
    pub mapping: usize,
    pub key: &'static str,
    pub why: MappingFault,
}

/// What is wrong with a mapping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MappingFault {
    #[error("is empty")]
    Empty,
    #[error("{why} in {text:?}")]
    Filter { why: FilterError, text: String },
    #[error("{0:?} covers topics of the contract, {PREFIX}/TENANT/SITE/DEVICE/CHANNEL, which are taken already")]
    Contract(String),
    #[error("{text:?} and {other:?} of mapping {mapping} have topics in common")]
    Overlap { text: String, other: String, mapping: usize },
    #[error("{why} in {text:?}")]
    Template { why: TemplateError, text: String },
    #[error("{why}: {text:?}")]
    Id { why: IdError, text: String },
    #[error("not a JSON pointer, which begins with '/': {0:?}")]
    Pointer(String),
    #[error("stands twice: {0:?}")]
    Twice(String),
    #[error("is longer than {TEXT_LEN_MAX} bytes")]
    TooLong,
    #[error("has no meaning with format {0:?}")]
    NotOfFormat(Format),
}

impl Mappings {
    /// Checks all that can be checked before a message comes.
    pub fn new(configs: &[MappingConfig]) -> Result<Self, MappingError> {
        let mut mappings: Vec<Mapping> = Vec::with_capacity(configs.len());
        let mut known: Vec<(usize, Filter)> = Vec::new();
        for (mapping, config) in configs.iter().enumerate() {
            let refuse = |(key, why)| MappingError { mapping, key, why };
            let compiled = compile(config).map_err(refuse)?;
            for filter in &compiled.filters {
                if let Some((at, other)) = known.iter().find(|(_, other)| other.overlaps(filter)) {
                    let (text, other) = (filter.as_str().to_owned(), other.as_str().to_owned());
                    return Err(refuse(("topics", MappingFault::Overlap { text, other, mapping: *at })));
                }
                known.push((mapping, filter.clone()));
            }
            mappings.push(compiled);
        }
        Ok(Self { mappings })
    }
}

type Faulty<T> = Result<T, (&'static str, MappingFault)>;

fn compile(config: &MappingConfig) -> Faulty<Mapping> {
    let filters = filters(&config.topics)?;
    let template = |key: &'static str, text: &str| -> Faulty<Template> {
        let faulty = |why| (key, MappingFault::Template { why, text: text.to_owned() });
        let template = Template::parse(text).map_err(faulty)?;
        template.check(config.format, &filters, key == "metric").map_err(faulty)?;
        if let Some(fixed) = template.fixed() {
            MetricName::new(fixed).map_err(|why| (key, MappingFault::Id { why, text: text.to_owned() }))?;
        }
        Ok(template)
    };
    let (site, device) = (template("site", &config.site)?, template("device", &config.device)?);
    let metric = template("metric", &config.metric)?;
    for (key, is_set, format) in [
        ("query", !config.query.is_empty(), Format::Json),
        ("string_fields", !config.string_fields.is_empty(), Format::Json),
        ("time", config.time.is_some(), Format::Json),
        ("precision", config.precision.is_some(), Format::LineProtocol),
        ("value_type", config.value_type.is_some(), Format::Value),
    ] {
        if is_set && config.format != format {
            return Err((key, MappingFault::NotOfFormat(config.format)));
        }
    }
    if !config.query.is_empty() && !config.query.starts_with('/') {
        return Err(("query", MappingFault::Pointer(config.query.clone())));
    }
    let time = config.time.as_ref().map(|time| {
        let empty = time.field.is_empty().then_some(Err(("time.field", MappingFault::Empty)));
        empty.unwrap_or_else(|| Ok(TimeSource { field: Pointer::parse(&time.field), format: time.format }))
    });
    Ok(Mapping {
        site,
        device,
        metric,
        listed: listed(config)?,
        unit: unit("unit", &config.unit)?,
        takes_all: config.metrics.is_empty() || config.all_fields,
        exclude: config.exclude.clone(),
        escape: config.escape,
        format: config.format,
        query: config.query.clone(),
        string_fields: config.string_fields.clone(),
        time: time.transpose()?,
        precision: config.precision.unwrap_or(Precision::Ns),
        value_type: config.value_type.unwrap_or(ValueType::Float),
        filters,
    })
}

fn filters(topics: &[String]) -> Faulty<Vec<Filter>> {
    if topics.is_empty() {
        return Err(("topics", MappingFault::Empty));
    }
    let mut filters = Vec::with_capacity(topics.len());
    for text in topics {
        let faulty = |why| ("topics", MappingFault::Filter { why, text: text.clone() });
        let filter = Filter::parse(text).map_err(faulty)?;
        for channel in Channel::UP.into_iter().chain(Channel::DOWN) {
            let contract = Filter::parse(&format!("{PREFIX}/+/+/+/{}", channel.as_str())).map_err(faulty)?;
            if contract.overlaps(&filter) {
                return Err(("topics", MappingFault::Contract(text.clone())));
            }
        }
        filters.push(filter);
    }
    Ok(filters)
}

fn listed(config: &MappingConfig) -> Faulty<Vec<Listed>> {
    let (mut fields, mut names) = (BTreeSet::new(), BTreeSet::new());
    let mut listed = Vec::with_capacity(config.metrics.len());
    for metric in &config.metrics {
        if metric.field.is_empty() {
            return Err(("metrics.field", MappingFault::Empty));
        }
        if !fields.insert(&metric.field) {
            return Err(("metrics.field", MappingFault::Twice(metric.field.clone())));
        }
        let text = if metric.metric.is_empty() { &metric.field } else { &metric.metric };
        let name = MetricName::new(text);
        let name = name.map_err(|why| ("metrics.metric", MappingFault::Id { why, text: text.clone() }))?;
        if !names.insert(name.clone()) {
            return Err(("metrics.metric", MappingFault::Twice(text.clone())));
        }
        let unit = unit("metrics.unit", if metric.unit.is_empty() { &config.unit } else { &metric.unit })?;
        listed.push(Listed { field: metric.field.clone(), metric: name, unit, value_type: metric.value_type });
    }
    Ok(listed)
}

fn unit(key: &'static str, unit: &str) -> Faulty<String> {
    if unit.len() > TEXT_LEN_MAX { Err((key, MappingFault::TooLong)) } else { Ok(unit.to_owned()) }
}
