//! Reading single values: each function takes a field without surrounding space, and says what it expected
//! when it gets something else.

use std::borrow::Cow;

use firmware_schemas::gs1::Gs1Error;
use firmware_schemas::id::IdError;
use firmware_schemas::network::{MetricKind, MetricSpec};
use firmware_schemas::quantity::{MilliCelsius, Position, Seconds};

/// What a field should have been.
pub(crate) type Expected = Cow<'static, str>;

/// The longest name or other text for people, in bytes.
const TEXT_LEN_MAX: usize = 256;
/// Points of one lane between its ends.
const WAYPOINTS_MAX: usize = 1_000;
/// Metrics of one device, and lanes of one route.
const LIST_LEN_MAX: usize = 100;

pub(crate) fn id<T: std::str::FromStr<Err = IdError>>(text: &str) -> Result<T, Expected> {
    text.parse().map_err(|why: IdError| Cow::Owned(format!("an identifier ({why})")))
}

/// A GTIN or a GLN.
pub(crate) fn gs1<T: std::str::FromStr<Err = Gs1Error>>(text: &str) -> Result<T, Expected> {
    text.parse().map_err(|why: Gs1Error| Cow::Owned(format!("a GS1 key ({why})")))
}

pub(crate) fn text(text: &str) -> Result<String, Expected> {
    if text.len() > TEXT_LEN_MAX {
        return Err(Cow::Owned(format!("at most {TEXT_LEN_MAX} bytes of text")));
    }
    if text.chars().any(char::is_control) {
        return Err("text without control characters".into());
    }
    Ok(text.into())
}

/// One of a closed set of names.
pub(crate) fn choice<T: Copy + std::fmt::Display>(
    all: &'static [T],
    from_name: fn(&str) -> Option<T>,
) -> impl Fn(&str) -> Result<T, Expected> {
    move |text| {
        from_name(text).ok_or_else(|| {
            let names: Vec<String> = all.iter().map(ToString::to_string).collect();
            Cow::Owned(format!("one of {}", names.join(", ")))
        })
    }
}

pub(crate) fn boolean(text: &str) -> Result<bool, Expected> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("true or false".into()),
    }
}

/// A whole number that fits `T`, in digits, with a minus sign where `T` has one.
pub(crate) fn whole<T: TryFrom<i64>>(text: &str) -> Result<T, Expected> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let number = digits.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<i64>().ok()).flatten();
    number.and_then(|number| T::try_from(number).ok()).ok_or("a whole number in range".into())
}

/// A decimal number with at most `places` digits after the point, as a multiple of 10^-places. Exact.
pub(crate) fn decimal(text: &str, places: u32) -> Result<i64, Expected> {
    let expected = || Cow::Owned(format!("a decimal number with at most {places} digits after the point"));
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(part) || part.len() > places as usize {
        return Err(expected());
    }
    let sum = whole
        .bytes()
        .chain(part.bytes())
        .chain(std::iter::repeat_n(b'0', places as usize - part.len()))
        .try_fold(0_i64, |sum, digit| sum.checked_mul(10)?.checked_add(i64::from(digit - b'0')));
    sum.map(|sum| if negative { -sum } else { sum }).ok_or_else(expected)
}

/// A decimal number that is not negative, in multiples of 10^-places.
pub(crate) fn positive_decimal(text: &str, places: u32) -> Result<u64, Expected> {
    u64::try_from(decimal(text, places)?).map_err(|_negative| "a number that is not negative".into())
}

pub(crate) fn seconds(text: &str) -> Result<Seconds, Expected> {
    whole::<u64>(text).map(Seconds)
}

pub(crate) fn hours(text: &str) -> Result<Seconds, Expected> {
    scaled_seconds(text, 3_600)
}

pub(crate) fn days(text: &str) -> Result<Seconds, Expected> {
    scaled_seconds(text, 86_400)
}

fn scaled_seconds(text: &str, scale: u64) -> Result<Seconds, Expected> {
    let millis = positive_decimal(text, 3)?.checked_mul(scale).ok_or("a span of time in range")?;
    Ok(Seconds(millis.saturating_add(500) / 1_000))
}

/// Metres with up to three decimals, as millimetres.
pub(crate) fn millimetres(text: &str) -> Result<i32, Expected> {
    i32::try_from(decimal(text, 3)?).map_err(|_too_large| "a length in range".into())
}

pub(crate) fn celsius(text: &str) -> Result<MilliCelsius, Expected> {
    let milli = decimal(text, 3)?;
    i32::try_from(milli).map(MilliCelsius).map_err(|_too_large| "a temperature in range".into())
}

fn degrees(text: &str, limit: f64) -> Result<f64, Expected> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.'));
    let found = plain.then(|| text.parse::<f64>().ok()).flatten();
    found
        .filter(|degrees| degrees.abs() <= limit)
        .ok_or_else(|| Cow::Owned(format!("degrees from -{limit} to {limit}")))
}

pub(crate) fn latitude(text: &str) -> Result<f64, Expected> {
    degrees(text, 90.0)
}

pub(crate) fn longitude(text: &str) -> Result<f64, Expected> {
    degrees(text, 180.0)
}

/// `lat lon;lat lon;…`
pub(crate) fn waypoints(text: &str) -> Result<Vec<Position>, Expected> {
    let points = list(text, WAYPOINTS_MAX, |point| {
        let mut degrees = point.split_ascii_whitespace();
        match (degrees.next(), degrees.next(), degrees.next()) {
            (Some(lat), Some(lon), None) => {
                Position::from_degrees(latitude(lat)?, longitude(lon)?).ok_or(Cow::Borrowed("a point on the globe"))
            }
            _ => Err("points as \"lat lon\", with ; between them".into()),
        }
    })?;
    Ok(points)
}

/// Identifiers with `;` between them.
pub(crate) fn ids<T: std::str::FromStr<Err = IdError>>(text: &str) -> Result<Vec<T>, Expected> {
    list(text, LIST_LEN_MAX, id)
}

/// `name:unit:kind` or `name:unit:kind:min..max`, with `;` between metrics.
pub(crate) fn metrics(text: &str) -> Result<Vec<MetricSpec>, Expected> {
    list(text, LIST_LEN_MAX, metric)
}

fn metric(text: &str) -> Result<MetricSpec, Expected> {
    let parts: Vec<&str> = text.split(':').map(str::trim).collect();
    let (name, unit, kind, range) = match parts[..] {
        [name, unit, kind] => (name, unit, kind, ".."),
        [name, unit, kind, range] => (name, unit, kind, range),
        _ => return Err("metrics as name:unit:kind or name:unit:kind:min..max, with ; between them".into()),
    };
    let (min, max) = range.split_once("..").ok_or("limits as min..max")?;
    let limit = |text: &str| if text.is_empty() { Ok(None) } else { decimal(text, 3).map(Some) };
    Ok(MetricSpec {
        metric: id(name)?,
        unit: self::text(unit)?,
        kind: choice(MetricKind::ALL, MetricKind::from_name)(kind)?,
        min_milli: limit(min.trim())?,
        max_milli: limit(max.trim())?,
    })
}

fn list<T>(text: &str, max: usize, item: impl Fn(&str) -> Result<T, Expected>) -> Result<Vec<T>, Expected> {
    let mut items = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        if items.len() == max {
            return Err(Cow::Owned(format!("at most {max} entries")));
        }
        items.push(item(part)?);
    }
    Ok(items)
}

/// A name of the IANA time zone database, by its form: `Europe/London`, `UTC`.
pub(crate) fn time_zone(text: &str) -> Result<String, Expected> {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+'))
    };
    let right = text.len() <= 64 && text.split('/').all(part);
    right.then(|| text.into()).ok_or("an IANA time zone such as Europe/London".into())
}

/// An ISO 3166-1 alpha-2 code, by its form.
pub(crate) fn country(text: &str) -> Result<String, Expected> {
    capitals(text, 2).ok_or("an ISO 3166-1 country code such as GB".into())
}

/// An ISO 4217 code, by its form.
pub(crate) fn currency(text: &str) -> Result<String, Expected> {
    capitals(text, 3).ok_or("an ISO 4217 currency code such as EUR".into())
}

fn capitals(text: &str, len: usize) -> Option<String> {
    (text.len() == len && text.bytes().all(|b| b.is_ascii_uppercase())).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, places: u32, expected: Option<i64>) {
        assert_eq!(decimal(text, places).ok(), expected, "{text:?} to {places} places");
    }

    #[test]
    fn decimals_are_exact_and_refuse_what_would_be_rounded() {
        check("2", 3, Some(2_000));
        check("-18.5", 3, Some(-18_500));
        check("0.001", 3, Some(1));
        check("0.0001", 3, None);
        check("1e3", 3, None);
        check("", 3, None);
        check(".", 3, None);
        check("-", 0, None);
        check("+1", 0, None);
        check("9223372036854775807", 0, Some(i64::MAX));
        check("9223372036854775808", 0, None);
        check("9223372036854775807", 1, None);
    }

    #[test]
    fn a_metric_has_a_unit_a_kind_and_perhaps_limits() {
        let metrics = metrics("temperature:Cel:float:2..8.5; door.open::boolean; humidity:%:float:..80").unwrap();
        let limits: Vec<_> = metrics.iter().map(|m| (m.metric.as_str(), m.min_milli, m.max_milli)).collect();
        let expected =
            [("temperature", Some(2_000), Some(8_500)), ("door.open", None, None), ("humidity", None, Some(80_000))];
        assert_eq!(limits, expected);
        for wrong in ["temperature", "a:b:c", "a:Cel:float:8", "a:Cel:float:x..", "a b:Cel:float"] {
            assert!(super::metrics(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hours_and_days_become_whole_seconds() {
        assert_eq!(hours("1.5").ok(), Some(Seconds(5_400)));
        assert_eq!(days("0.5").ok(), Some(Seconds(43_200)));
        assert!(hours("-1").is_err() && days("99999999999999999").is_err() && hours("nan").is_err());
    }

    proptest! {
        #[test]
        fn a_decimal_is_what_it_says(value in any::<i32>(), places in 0..9_u32) {
            let scale = 10_i64.pow(places);
            let (whole, part) = (i64::from(value).abs() / scale, i64::from(value).abs() % scale);
            let sign = if value < 0 { "-" } else { "" };
            let text = if places == 0 { format!("{sign}{whole}") } else {
                format!("{sign}{whole}.{part:0width$}", width = places as usize)
            };
            prop_assert_eq!(decimal(&text, places).ok(), Some(i64::from(value)));
        }

        #[test]
        fn no_text_makes_a_field_panic(text in "\\PC{0,40}") {
            let found = (
                id::<firmware_schemas::id::SiteId>(&text).is_ok(), self::text(&text).is_ok(), whole::<u16>(&text).is_ok(),
                decimal(&text, 6).is_ok(), hours(&text).is_ok(), celsius(&text).is_ok(), waypoints(&text).is_ok(),
                metrics(&text).is_ok(), time_zone(&text).is_ok(), currency(&text).is_ok(),
            );
            prop_assert!(found.1 || text.len() > TEXT_LEN_MAX || text.chars().any(char::is_control));
        }
    }
}
