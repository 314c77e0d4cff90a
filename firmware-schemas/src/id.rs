//! Identifiers. All share one grammar, so that each fits a topic level, a URL path segment, a CSV cell
//! and a log line without escaping.

use alloc::string::ToString;
use compact_str::CompactString;
use core::fmt;
use serde::de;
use serde::{Deserialize, Deserializer, Serialize};

/// The longest identifier, in bytes.
pub const ID_LEN_MAX: usize = 64;

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Nothing between the separators.
    #[error("an identifier cannot be empty")]
    Empty,
    /// More than [`ID_LEN_MAX`] bytes.
    #[error("an identifier of {len} bytes exceeds the limit of {ID_LEN_MAX}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A character outside `A-Z a-z 0-9 . _ ~ : -`, or a first character that is not a letter or digit.
    #[error(
        "an identifier starts with a letter or digit and holds only A-Z a-z 0-9 . _ ~ : -, not {found:?} at byte {at}"
    )]
    Character {
        /// Byte position.
        at: usize,
        /// The character there.
        found: char,
    },
}

/// Checks the grammar `[A-Za-z0-9][A-Za-z0-9._~:-]{0,63}`.
pub fn validate_id(text: &str) -> Result<(), IdError> {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return Err(IdError::Empty);
    }
    if bytes.len() > ID_LEN_MAX {
        return Err(IdError::TooLong { len: bytes.len() });
    }
    let allowed =
        |at: usize, b: u8| b.is_ascii_alphanumeric() || (at > 0 && matches!(b, b'.' | b'_' | b'~' | b':' | b'-'));
    match bytes.iter().enumerate().find(|(at, b)| !allowed(*at, **b)) {
        None => Ok(()),
        Some((at, _)) => Err(IdError::Character { at, found: text[at..].chars().next().unwrap_or('\u{fffd}') }),
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(CompactString);

        impl $name {
            /// Checks the grammar of [`validate_id`].
            pub fn new(text: &str) -> Result<Self, IdError> {
                validate_id(text).map(|()| Self(CompactString::from(text)))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl core::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl core::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an identifier")
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::new(text).map_err(|why| E::custom(why.to_string()))
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> alloc::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": "^[A-Za-z0-9][A-Za-z0-9._~:-]{0,63}$",
                })
            }
        }
    };
}

id! {
    /// A customer of one Portolan installation, the second level of every topic.
    TenantId
}
id! {
    /// A place that holds or moves goods: supplier, port, warehouse, shop, customer.
    SiteId
}
id! {
    /// A connection between two sites by one mode of transport.
    LaneId
}
id! {
    /// A stock keeping unit.
    SkuId
}
id! {
    /// A receiver of webhooks.
    WebhookId
}
id! {
    /// One event on its way to receivers of webhooks: the header `webhook-id`.
    MessageId
}
id! {
    /// A sender of frames: sensor, scanner, vehicle tracker, warehouse system.
    DeviceId
}
id! {
    /// A truck, ship, train, aeroplane or AGV.
    VehicleId
}
id! {
    /// Goods on their way from one site to another.
    ShipmentId
}
id! {
    /// A customer's or supplier's order.
    OrderId
}
id! {
    /// What a device measures, unique within the device: `temperature`, `door.open`.
    MetricName
}
id! {
    /// One command to a device; also its idempotency key.
    CommandId
}
id! {
    /// One operation that takes longer than a request; also its idempotency key.
    OperationId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_fit_a_topic_level_and_a_path_segment() {
        for good in ["a", "WH-01", "sku:0001", "truck_7.gps~2", &"x".repeat(64)] {
            assert_eq!(validate_id(good), Ok(()), "{good}");
        }
        for bad in ["", "-x", "a/b", "a+b", "a#", "$share", "a b", "ä", &"x".repeat(65)] {
            assert!(validate_id(bad).is_err(), "{bad}");
        }
    }
}
