//! Quantities with their units. Each kind of number has a type of its own, so that a mass cannot be
//! added to a distance; arithmetic that could overflow is checked or saturates, and says which.

use core::fmt;
use core::time::Duration;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant, in nanoseconds since 1970-01-01T00:00:00Z (UTC, leap seconds not counted).
///
/// For people and in JSON an RFC 3339 string such as `2026-11-22T06:40:00Z`; a bare integer on the wire
/// is milliseconds since the epoch. Spans the years 1678 to 2261.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

const NANOS_PER_MILLI: i64 = 1_000_000;
const NANOS_PER_SEC: i64 = 1_000_000_000;

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);
    /// The earliest instant that can be held.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant that can be held.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds since the epoch; `None` outside the years that nanoseconds can hold.
    pub const fn from_millis(millis: i64) -> Option<Self> {
        match millis.checked_mul(NANOS_PER_MILLI) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// From whole seconds since the epoch; `None` outside the years that nanoseconds can hold.
    pub const fn from_secs(secs: i64) -> Option<Self> {
        match secs.checked_mul(NANOS_PER_SEC) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(NANOS_PER_MILLI)
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(NANOS_PER_SEC)
    }

    /// Later by `span`, stopping at [`Timestamp::MAX`].
    pub fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// Earlier by `span`, stopping at [`Timestamp::MIN`].
    pub fn saturating_sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// The span from `earlier` to `self`; zero when `earlier` is the later one.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }

    /// Reads RFC 3339, with any offset. `None` if it is not such a string or out of range.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        if let Some(fast) = parse_utc_fast(text.as_bytes()) {
            return Some(fast);
        }
        if !has_rfc3339_shape(text.as_bytes()) {
            return None;
        }
        let at: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(at.as_nanosecond()).ok().map(Self)
    }
}

/// `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH:MM)`. The general parser takes more than RFC 3339: times without
/// seconds, names of time zones, a space for the `T`.
fn has_rfc3339_shape(text: &[u8]) -> bool {
    fn fits(text: &[u8], shape: &[u8]) -> bool {
        let fits = |(b, s): (&u8, &u8)| if *s == b'0' { b.is_ascii_digit() } else { b.eq_ignore_ascii_case(s) };
        text.len() == shape.len() && text.iter().zip(shape).all(fits)
    }
    let Some((date_time, rest)) = text.split_at_checked(19) else { return false };
    let fraction = match rest {
        [b'.', digits @ ..] => 1 + digits.iter().take_while(|b| b.is_ascii_digit()).count(),
        _ => 0,
    };
    let offset = &rest[fraction..];
    fits(date_time, b"0000-00-00T00:00:00")
        && fraction != 1
        && (fits(offset, b"Z") || fits(offset, b"+00:00") || fits(offset, b"-00:00"))
}

/// The common form `YYYY-MM-DDTHH:MM:SS[.fraction]Z`, about six times as fast as the general parser.
fn parse_utc_fast(text: &[u8]) -> Option<Timestamp> {
    fn digits(bytes: &[u8]) -> Option<i64> {
        bytes.iter().try_fold(0_i64, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
    }
    let (date_time, rest) = text.split_at_checked(19)?;
    let fraction = rest.strip_suffix(b"Z")?;
    if date_time[4] != b'-'
        || date_time[7] != b'-'
        || date_time[10] != b'T'
        || date_time[13] != b':'
        || date_time[16] != b':'
    {
        return None;
    }
    let (year, month, day) = (digits(&date_time[..4])?, digits(&date_time[5..7])?, digits(&date_time[8..10])?);
    let (hour, minute, second) =
        (digits(&date_time[11..13])?, digits(&date_time[14..16])?, digits(&date_time[17..19])?);
    if !(1700..2200).contains(&year) || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=month_days).contains(&day) {
        return None;
    }
    let nanos = match fraction.strip_prefix(b".") {
        None if fraction.is_empty() => 0,
        Some(f) if (1..=9).contains(&f.len()) => digits(f)? * 10_i64.pow(9 - f.len() as u32),
        _ => return None,
    };
    // Days since 1970-01-01 by Howard Hinnant's `days_from_civil`.
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(Timestamp(((days * 24 + hour) * 60 + minute) * 60 * NANOS_PER_SEC + second * NANOS_PER_SEC + nanos))
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(at) => write!(f, "{at}"),
            Err(_out_of_range) => write!(f, "{}ns", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OnTheWire;
        impl Visitor<'_> for OnTheWire {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time or integer milliseconds since 1970")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::parse_rfc3339(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
            fn visit_i64<E: de::Error>(self, millis: i64) -> Result<Timestamp, E> {
                Timestamp::from_millis(millis).ok_or_else(|| E::invalid_value(de::Unexpected::Signed(millis), &self))
            }
            fn visit_u64<E: de::Error>(self, millis: u64) -> Result<Timestamp, E> {
                let wide = i64::try_from(millis).ok().and_then(Timestamp::from_millis);
                wide.ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(millis), &self))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(OnTheWire)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> alloc::borrow::Cow<'static, str> {
        "Timestamp".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        if generator.contract().is_serialize() {
            return schemars::json_schema!({
                "description": "RFC 3339 time, in UTC.",
                "type": "string",
                "format": "date-time",
            });
        }
        let millis_max = Self::MAX.as_millis();
        schemars::json_schema!({
            "description": "RFC 3339 time, or integer milliseconds since 1970-01-01T00:00:00Z.",
            "oneOf": [
                { "type": "string", "format": "date-time" },
                { "type": "integer", "minimum": -millis_max, "maximum": millis_max },
            ],
        })
    }
}

macro_rules! integer_quantity {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl $name {
            /// None at all.
            pub const ZERO: Self = Self(0);

            /// The sum, stopping at the ends of the range.
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// The difference, stopping at the ends of the range.
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }

            /// The sum; `None` if it cannot be held.
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

integer_quantity! {
    /// A count of goods, in pieces. Negative where the books say more left than was there.
    Pieces(i64)
}
integer_quantity! {
    /// A mass, in grams.
    Grams(u64)
}
integer_quantity! {
    /// A distance, in metres.
    Metres(u64)
}
integer_quantity! {
    /// A temperature, in thousandths of a degree Celsius.
    MilliCelsius(i32)
}
integer_quantity! {
    /// Money, in the minor unit of its ISO 4217 currency (cents, pence, fen).
    MinorUnits(i64)
}
integer_quantity! {
    /// A span of time, in whole seconds.
    Seconds(u64)
}

impl Seconds {
    /// As a standard duration.
    pub const fn to_duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

/// A place on the earth, WGS 84, in ten-millionths of a degree (about a centimetre).
///
/// Invariant: latitude within ±90°, longitude within ±180°. On the wire degrees: `{"lat": 53.55, "lon": 9.99}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    lat_e7: i32,
    lon_e7: i32,
}

const DEGREE_E7: f64 = 1e7;

impl Position {
    /// From degrees; `None` if not finite or off the globe.
    pub fn from_degrees(lat: f64, lon: f64) -> Option<Self> {
        if !(-90.0..=90.0).contains(&lat) || !(-180.0..=180.0).contains(&lon) {
            return None; // also NaN
        }
        // `round` is not in core; adding half away from zero and truncating is the same here.
        let e7 = |degrees: f64| (degrees * DEGREE_E7 + if degrees < 0.0 { -0.5 } else { 0.5 }) as i32;
        Some(Self { lat_e7: e7(lat), lon_e7: e7(lon) })
    }

    /// From ten-millionths of a degree; `None` off the globe.
    pub fn from_e7(lat_e7: i32, lon_e7: i32) -> Option<Self> {
        let on_globe =
            (-900_000_000..=900_000_000).contains(&lat_e7) && (-1_800_000_000..=1_800_000_000).contains(&lon_e7);
        on_globe.then_some(Self { lat_e7, lon_e7 })
    }

    /// Degrees north, -90 to 90.
    pub fn lat(self) -> f64 {
        f64::from(self.lat_e7) / DEGREE_E7
    }

    /// Degrees east, -180 to 180.
    pub fn lon(self) -> f64 {
        f64::from(self.lon_e7) / DEGREE_E7
    }
}

/// A place on the earth, WGS 84, in degrees.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Position"))]
struct Degrees {
    /// Degrees north.
    #[cfg_attr(feature = "schema", schemars(range(min = -90, max = 90)))]
    lat: f64,
    /// Degrees east.
    #[cfg_attr(feature = "schema", schemars(range(min = -180, max = 180)))]
    lon: f64,
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            Degrees { lat: self.lat(), lon: self.lon() }.serialize(serializer)
        } else {
            (self.lat_e7, self.lon_e7).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Only by name: a bare pair of degrees could be either way round.
        struct Named;
        impl<'de> Visitor<'de> for Named {
            type Value = Degrees;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with lat and lon in degrees")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Degrees, A::Error> {
                Degrees::deserialize(de::value::MapAccessDeserializer::new(map))
            }
        }
        let place = if deserializer.is_human_readable() {
            let Degrees { lat, lon } = deserializer.deserialize_map(Named)?;
            Self::from_degrees(lat, lon)
        } else {
            let (lat_e7, lon_e7) = <(i32, i32)>::deserialize(deserializer)?;
            Self::from_e7(lat_e7, lon_e7)
        };
        place.ok_or_else(|| de::Error::custom("a position off the globe: lat is within ±90, lon within ±180"))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Position {
    fn schema_name() -> alloc::borrow::Cow<'static, str> {
        "Position".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Degrees::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, nanos: Option<i64>) {
        assert_eq!(Timestamp::parse_rfc3339(text).map(Timestamp::as_nanos), nanos, "{text}");
    }

    #[test]
    fn rfc_3339_times_are_read_with_any_offset() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("2026-11-22T06:40:00Z", Some(1_795_329_600_000_000_000));
        check("2026-11-22T08:40:00.5+02:00", Some(1_795_329_600_500_000_000));
        check("2000-02-29T12:00:00.123456789Z", Some(951_825_600_123_456_789));
        check("2026-11-22t06:40:00.0z", Some(1_795_329_600_000_000_000));
        check("2026-11-21T23:40:00-07:00", Some(1_795_329_600_000_000_000));
        check("2026-11-22T06:40:00.Z", None);
        check("2026-11-22 06:40:00Z", None);
        check("2026-11-22T06:40Z", None);
        check("2026-11-22T06:40:00", None);
        check("2026-11-22T06:40:00+00:00[UTC]", None);
        check("2026-11-22T06:40:00+0200", None);
        check("2026-02-29T00:00:00Z", None);
        check("2026-11-22", None);
        check("yesterday", None);
    }

    #[test]
    fn the_fast_parser_agrees_with_the_general_one() {
        for day in 0..60_000_i64 {
            let at = Timestamp::from_nanos((day - 20_000) * 86_400 * NANOS_PER_SEC + day * 1_234_567);
            let text = alloc::format!("{at}");
            assert_eq!(parse_utc_fast(text.as_bytes()), Some(at), "{text}");
        }
    }

    #[test]
    fn a_position_is_on_the_globe() {
        assert!(Position::from_degrees(90.1, 0.0).is_none());
        assert!(Position::from_degrees(f64::NAN, 0.0).is_none());
        let hamburg = Position::from_degrees(53.55, 9.99).unwrap();
        assert!((hamburg.lat() - 53.55).abs() < 1e-7 && (hamburg.lon() - 9.99).abs() < 1e-7);
    }
}
