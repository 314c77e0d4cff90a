//! Parameters of paths and queries: read, checked and documented from one declaration.

use firmware_schemas::api::Fault;
use firmware_schemas::quantity::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{Error as TextError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde_json::{Value as Json, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What stands in a path or a query, not yet looked at.
pub(super) struct Raw {
    texts: BTreeMap<String, String>,
    faults: Vec<Fault>,
}

impl Raw {
    /// Of pairs; a name that stands twice is a fault.
    pub(super) fn new<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut raw = Self { texts: BTreeMap::new(), faults: Vec::new() };
        for (name, text) in pairs {
            let name = name.into();
            if raw.texts.insert(name.clone(), text.into()).is_some() {
                raw.fault(&name, "it stands more than once");
            }
        }
        raw
    }

    /// Of the part of a URI behind the question mark.
    pub(super) fn of_query(query: &str) -> Self {
        Self::new(form_urlencoded::parse(query.as_bytes()).map(|(name, text)| (name.into_owned(), text.into_owned())))
    }

    /// Takes the parameter out and reads it; `None` where it is absent or at fault.
    pub(super) fn take<T: Param>(&mut self, name: &str) -> Option<T> {
        let text = self.texts.remove(name)?;
        match T::read(&text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.fault(name, why);
                None
            }
        }
    }

    fn fault(&mut self, name: &str, detail: impl Into<String>) {
        self.faults.push(Fault { detail: detail.into(), parameter: Some(name.into()), ..Fault::default() });
    }

    /// All that was wrong; what nobody took is not known.
    pub(super) fn faults(mut self, known: &[&str]) -> Vec<Fault> {
        for name in std::mem::take(&mut self.texts).into_keys() {
            let known = if known.is_empty() { "none is".to_owned() } else { format!("{} are", known.join(", ")) };
            self.fault(&name, format!("this parameter is not known here; {known}"));
        }
        self.faults
    }
}

/// A value of a parameter.
pub(super) trait Param: Sized {
    /// Reads it; `Err` says to a person what is wrong.
    fn read(text: &str) -> Result<Self, String>;
    /// Its JSON Schema.
    fn schema(schemas: &mut SchemaGenerator) -> Schema;
}

/// Identifiers and choices: whatever is read from a plain string.
impl<T: DeserializeOwned + JsonSchema + Word> Param for T {
    fn read(text: &str) -> Result<Self, String> {
        let text: StrDeserializer<'_, TextError> = text.into_deserializer();
        T::deserialize(text).map_err(|why| why.to_string())
    }

    fn schema(schemas: &mut SchemaGenerator) -> Schema {
        schemas.subschema_for::<T>()
    }
}

/// Types of the contract that are one string in JSON.
pub(super) trait Word {}

macro_rules! words {
    ($($ty:path),+ $(,)?) => { $(impl Word for $ty {})+ };
}
words!(
    firmware_schemas::id::SiteId,
    firmware_schemas::id::LaneId,
    firmware_schemas::id::SkuId,
    firmware_schemas::gs1::Gtin,
    firmware_schemas::gs1::Gln,
    firmware_schemas::id::DeviceId,
    firmware_schemas::id::VehicleId,
    firmware_schemas::id::ShipmentId,
    firmware_schemas::id::MetricName,
    firmware_schemas::id::CommandId,
    firmware_schemas::id::OperationId,
    firmware_schemas::id::OrderId,
    firmware_schemas::id::WebhookId,
    firmware_schemas::id::MessageId,
    firmware_schemas::api::order::OrderStatus,
    firmware_schemas::api::supply::ProposalStatus,
    firmware_schemas::api::supply::TotalLevel,
    firmware_schemas::api::supply::SupplyStatus,
    firmware_schemas::supply::SupplyKind,
    firmware_schemas::supply::AbcClass,
    firmware_schemas::network::SiteKind,
    firmware_schemas::network::Mode,
    firmware_schemas::network::VehicleKind,
    firmware_schemas::network::DeviceKind,
    firmware_schemas::network::TemperatureClass,
    firmware_schemas::fact::Severity,
    firmware_schemas::fact::RefusedBy,
    firmware_schemas::view::Freshness,
    firmware_schemas::view::ShipmentState,
    firmware_schemas::view::AlertState,
    firmware_schemas::api::CommandState,
    firmware_schemas::api::what_if::Division,
    firmware_schemas::api::what_if::PageLanguage,
);

impl Param for Timestamp {
    fn read(text: &str) -> Result<Self, String> {
        // A plus sign that nobody escaped has become a space.
        let text = text.replace(' ', "+");
        let millis = text.parse().ok().and_then(Self::from_millis);
        millis.or_else(|| Self::parse_rfc3339(&text)).ok_or_else(|| {
            format!("{text:?} is not an RFC 3339 time such as 2026-11-22T06:40:00Z, nor milliseconds since 1970")
        })
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "RFC 3339 time, or integer milliseconds since 1970-01-01T00:00:00Z. From the year 1678 to 2261.",
            "oneOf": [{ "type": "string", "format": "date-time" }, { "type": "integer" }],
        })
    }
}

impl Param for bool {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_not_a_bool| format!("{text:?} is neither true nor false"))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

/// Up to what a signed integer holds: many readers of JSON know no larger ones.
impl Param for u64 {
    fn read(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| i64::try_from(*number).is_ok());
        number.ok_or_else(|| format!("{text:?} is not a whole number from 0 to {}", i64::MAX))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "format": "int64", "minimum": 0, "maximum": i64::MAX })
    }
}

/// An instant as nanoseconds since 1970: the cursor of readings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nanos(pub(super) Timestamp);

impl Param for Nanos {
    fn read(text: &str) -> Result<Self, String> {
        let nanos = text.parse().map(|nanos| Self(Timestamp::from_nanos(nanos)));
        nanos.map_err(|_not_a_number| format!("{text:?} is not a cursor of this list"))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX })
    }
}

/// A free text, at most 200 bytes.
#[derive(Debug)]
pub(super) struct Text(pub(super) String);

impl Param for Text {
    fn read(text: &str) -> Result<Self, String> {
        match text.len() {
            0 => Err("it is empty".into()),
            1..=200 => Ok(Self(text.to_owned())),
            len => Err(format!("a text of {len} bytes exceeds the limit of 200")),
        }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 200 })
    }
}

/// How many items of a list are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit(pub(super) usize);

impl Limit {
    const MAX: usize = 1_000;
}

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}

impl Param for Limit {
    fn read(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|limit| (1..=Self::MAX).contains(limit));
        number.map(Self).ok_or_else(|| format!("{text:?} is not a whole number from 1 to {}", Self::MAX))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": Self::MAX, "default": Self::default().0 })
    }
}

/// How many readings of a series are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadingLimit(pub(super) usize);

impl ReadingLimit {
    const MAX: usize = 10_000;
}

impl Default for ReadingLimit {
    fn default() -> Self {
        Self(1_000)
    }
}

impl Param for ReadingLimit {
    fn read(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|limit| (1..=Self::MAX).contains(limit));
        number.map(Self).ok_or_else(|| format!("{text:?} is not a whole number from 1 to {}", Self::MAX))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": Self::MAX, "default": Self::default().0 })
    }
}

/// A group of parameters, as the macros below make it.
pub(super) trait Params: Sized + Send + 'static {
    /// Reads them; `None` where a required one is absent or at fault.
    fn read(raw: &mut Raw) -> Option<Self>;
    /// Their names.
    fn names() -> Vec<&'static str>;
    /// Their OpenAPI parameter objects.
    fn document(schemas: &mut SchemaGenerator) -> Vec<Json>;
}

impl Params for () {
    fn read(_: &mut Raw) -> Option<Self> {
        Some(())
    }

    fn names() -> Vec<&'static str> {
        Vec::new()
    }

    fn document(_: &mut SchemaGenerator) -> Vec<Json> {
        Vec::new()
    }
}

pub(super) fn document<T: Param>(
    schemas: &mut SchemaGenerator,
    place: &str,
    name: &str,
    description: &[&str],
    example: Json,
) -> Json {
    let description: Vec<Cow<'_, str>> = description.iter().map(|line| Cow::Borrowed(line.trim())).collect();
    json!({
        "name": name,
        "in": place,
        "required": place == "path",
        "description": description.join(" "),
        "schema": T::schema(schemas),
        "example": example,
    })
}

/// Optional parameters of a query: `name: type = example`.
macro_rules! query_params {
    ($(#[doc = $doc:literal])* $name:ident {
        $($(#[doc = $field_doc:literal])+ $field:ident: $ty:ty = $example:expr,)+
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug)]
        pub(super) struct $name {
            $($(#[doc = $field_doc])+ pub(super) $field: Option<$ty>,)+
        }

        impl $crate::http::params::Params for $name {
            fn read(raw: &mut $crate::http::params::Raw) -> Option<Self> {
                Some(Self { $($field: raw.take(stringify!($field)),)+ })
            }

            fn names() -> Vec<&'static str> {
                vec![$(stringify!($field)),+]
            }

            fn document(schemas: &mut schemars::SchemaGenerator) -> Vec<serde_json::Value> {
                vec![$($crate::http::params::document::<$ty>(
                    schemas, "query", stringify!($field), &[$($field_doc),+], serde_json::json!($example),
                )),+]
            }
        }
    };
}

/// Required parameters of a path: `name: type = example`.
macro_rules! path_params {
    ($(#[doc = $doc:literal])* $name:ident {
        $($(#[doc = $field_doc:literal])+ $field:ident: $ty:ty = $example:expr,)+
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug)]
        pub(super) struct $name {
            $($(#[doc = $field_doc])+ pub(super) $field: $ty,)+
        }

        impl $crate::http::params::Params for $name {
            fn read(raw: &mut $crate::http::params::Raw) -> Option<Self> {
                $(let $field = raw.take(stringify!($field));)+
                Some(Self { $($field: $field?,)+ })
            }

            fn names() -> Vec<&'static str> {
                vec![$(stringify!($field)),+]
            }

            fn document(schemas: &mut schemars::SchemaGenerator) -> Vec<serde_json::Value> {
                vec![$($crate::http::params::document::<$ty>(
                    schemas, "path", stringify!($field), &[$($field_doc),+], serde_json::json!($example),
                )),+]
            }
        }
    };
}

pub(super) use {path_params, query_params};

#[cfg(test)]
mod tests {
    use super::*;
    use firmware_schemas::id::SiteId;
    use firmware_schemas::network::SiteKind;
    use proptest::prelude::*;

    query_params! {
        /// For the tests.
        Some3 {
            /// One.
            site: SiteId = "a",
            /// Two.
            kind: SiteKind = "port",
            /// Three.
            limit: Limit = 10,
        }
    }

    #[track_caller]
    fn check(query: &str, at_fault: &[&str]) {
        let mut raw = Raw::of_query(query);
        Some3::read(&mut raw);
        let faults = raw.faults(&Some3::names());
        let names: Vec<&str> = faults.iter().filter_map(|fault| fault.parameter.as_deref()).collect();
        assert_eq!(names, at_fault, "{query:?}: {faults:?}");
    }

    #[test]
    fn what_is_right_is_read() {
        let read = Some3::read(&mut Raw::of_query("site=WH-01&kind=port&limit=7"));
        let Some3 { site, kind, limit } = read.unwrap();
        assert_eq!((site, kind), (SiteId::new("WH-01").ok(), Some(SiteKind::Port)));
        assert_eq!(limit.map(|limit| limit.0), Some(7));
    }

    #[test]
    fn every_parameter_at_fault_is_named_at_once() {
        check("site=WH-01&kind=port&limit=7", &[]);
        check("", &[]);
        check("site=a%2Fb&kind=castle&limit=0", &["site", "kind", "limit"]);
        check("limit=1001", &["limit"]);
        check("sites=WH-01", &["sites"]);
        check("site=a&site=b", &["site"]);
    }

    #[test]
    fn a_time_may_have_an_unescaped_plus_or_be_milliseconds() {
        let at = Timestamp::read("2026-11-22T06:40:00Z").unwrap();
        assert_eq!(Timestamp::read("2026-11-22T08:40:00 02:00"), Ok(at));
        assert_eq!(Timestamp::read(&at.as_millis().to_string()), Ok(at));
        assert!(Timestamp::read("soon").is_err());
    }

    proptest! {
        #[test]
        fn no_query_is_a_panic(query in ".{0,200}") {
            let mut raw = Raw::of_query(&query);
            Some3::read(&mut raw);
            raw.faults(&Some3::names());
        }
    }
}
