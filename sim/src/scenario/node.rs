//! A document as a tree, whether it came as TOML or as JSON, and reading it key by key.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use toml::de::{DeTable, DeValue};

use super::error::{At, Cause, Errors, Place, Reported, nearest, shortened};

/// The longest document, in bytes.
const LEN_MAX: usize = 1 << 20;

/// A value in the document.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// Of its key, or of itself in a list.
    line: Option<u64>,
    value: Value,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    /// A date or time as TOML writes it.
    Date(String),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Integer(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value}"),
            Value::Text(value) => write!(f, "{:?}", shortened(value)),
            Value::Date(value) => f.write_str(value),
            Value::List(_) => f.write_str("a list"),
            Value::Table(_) => f.write_str("a table"),
        }
    }
}

/// Reads a document: JSON where it opens with a brace, else TOML.
pub(super) fn parse(text: &str, errors: &mut Errors) -> Result<(Place, Node), Reported> {
    let is_json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
    let top = Place { line: None, path: String::new(), is_json };
    if text.len() > LEN_MAX {
        let why = format!("{} bytes are more than {LEN_MAX}", text.len());
        return Err(errors.push(&top, Cause::Syntax(why)));
    }
    let text = text.trim_start_matches('\u{feff}');
    if is_json {
        let node = serde_json::from_str::<Node>(text).map_err(|why| {
            let place = Place { line: Some(why.line() as u64), ..top.clone() };
            errors.push(&place, Cause::Syntax(why.to_string()))
        })?;
        return Ok((top, node));
    }
    let lines = Lines::new(text);
    let table = DeTable::parse(text).map_err(|why| {
        let line = why.span().map(|span| lines.of(span.start));
        let place = Place { line, ..top.clone() };
        errors.push(&place, Cause::Syntax(why.message().to_owned()))
    })?;
    Ok((top, from_toml(&lines, DeValue::Table(table.into_inner()), None)))
}

struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at).collect())
    }

    fn of(&self, at: usize) -> u64 {
        1 + self.0.partition_point(|newline| *newline < at) as u64
    }
}

fn from_toml(lines: &Lines, value: DeValue<'_>, line: Option<u64>) -> Node {
    let value = match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            parsed.map_or_else(|_| Value::Text(number.as_str().to_owned()), Value::Integer)
        }
        DeValue::Float(number) => {
            number.as_str().parse().map_or_else(|_| Value::Text(number.as_str().to_owned()), Value::Float)
        }
        DeValue::Boolean(value) => Value::Bool(value),
        DeValue::Datetime(value) => Value::Date(value.to_string()),
        DeValue::Array(list) => Value::List(
            list.into_iter()
                .map(|item| {
                    let line = lines.of(item.span().start);
                    from_toml(lines, item.into_inner(), Some(line))
                })
                .collect(),
        ),
        DeValue::Table(table) => {
            let mut entries: Vec<_> = table.into_iter().collect();
            entries.sort_by_key(|(key, _)| key.span().start);
            let entry = |(key, value): (toml::Spanned<toml::de::DeString<'_>>, toml::Spanned<DeValue<'_>>)| {
                let line = lines.of(key.span().start);
                (key.into_inner().into_owned(), from_toml(lines, value.into_inner(), Some(line)))
            };
            Value::Table(entries.into_iter().map(entry).collect())
        }
    };
    Node { line, value }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Integer(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Integer))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(Value::Float(value))
            }
            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Value::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut entries: Vec<(String, Node)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, Node>()? {
                    if entries.iter().any(|(known, _)| *known == key) {
                        return Err(A::Error::custom(format!("key {key:?} stands twice")));
                    }
                    entries.push((key, value));
                }
                Ok(Value::Table(entries))
            }
        }
        Ok(Self { line: None, value: deserializer.deserialize_any(Any)? })
    }
}

/// Something that can be read from a value.
pub(super) trait Read: Sized {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported>;
}

fn malformed(
    errors: &mut Errors,
    place: &Place,
    expected: impl Into<Cow<'static, str>>,
    found: impl fmt::Display,
) -> Reported {
    errors.push(place, Cause::Malformed { expected: expected.into(), found: found.to_string() })
}

impl Read for String {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        const BYTES_MAX: usize = 1_024;
        match node.value {
            Value::Text(text) if text.len() <= BYTES_MAX => Ok(text),
            Value::Text(_) => Err(malformed(errors, place, "a text of at most 1024 bytes", node)),
            _ => Err(malformed(errors, place, "a text", node)),
        }
    }
}

impl Read for bool {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        match node.value {
            Value::Bool(value) => Ok(value),
            _ => Err(malformed(errors, place, "true or false", node)),
        }
    }
}

impl<T: Read> Read for At<T> {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        Ok(Self { place: place.clone(), value: T::read(node, place, errors)? })
    }
}

/// A list; one value alone is a list of one.
impl<T: Read> Read for Vec<T> {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        match node.value {
            Value::List(items) if items.is_empty() => Err(malformed(errors, place, "at least one", "none")),
            Value::List(items) => {
                let read: Vec<_> = items
                    .into_iter()
                    .enumerate()
                    .map(|(at, item)| {
                        let place = place.item(at, item.line);
                        T::read(item, &place, errors)
                    })
                    .collect(); // so that each entry is looked at, also after a bad one
                read.into_iter().collect()
            }
            _ => Ok(vec![T::read(node, place, errors)?]),
        }
    }
}

/// A whole number between two others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Whole<const MIN: i64, const MAX: i64>(pub(super) i64);

impl<const MIN: i64, const MAX: i64> Read for Whole<MIN, MAX> {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        match node.value {
            Value::Integer(number) if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(malformed(errors, place, format!("a whole number from {MIN} to {MAX}"), node)),
        }
    }
}

/// A number between 0 and a million, whole or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number(pub(super) f64);

impl Read for Number {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        Ok(Self(number(node, place, errors, 0.0, 1e6, "a number from 0 to 1000000")?))
    }
}

/// An amount of money in minor units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Money(pub(super) f64);

impl Read for Money {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        Ok(Self(number(node, place, errors, 0.0, 1e12, "an amount of money, not negative")?))
    }
}

/// Degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Degrees(pub(super) f64);

impl Read for Degrees {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        Ok(Self(number(node, place, errors, -180.0, 180.0, "degrees from -180 to 180")?))
    }
}

fn number(
    node: Node,
    place: &Place,
    errors: &mut Errors,
    min: f64,
    max: f64,
    expected: &'static str,
) -> Result<f64, Reported> {
    let number = match node.value {
        Value::Integer(number) => number as f64,
        Value::Float(number) => number,
        _ => f64::NAN,
    };
    if (min..=max).contains(&number) { Ok(number) } else { Err(malformed(errors, place, expected, node)) }
}

/// A closed set of words.
pub(super) trait Word: Copy + 'static {
    /// Each with its word.
    fn all() -> Vec<(&'static str, Self)>;
}

impl<T: Word> Read for Choice<T> {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        let all = T::all();
        if let Value::Text(text) = &node.value
            && let Some((_, value)) = all.iter().find(|(word, _)| word == text)
        {
            return Ok(Self(*value));
        }
        let words: Vec<&str> = all.iter().map(|(word, _)| *word).collect();
        let mut expected = format!("one of {}", words.join(", "));
        if let Value::Text(text) = &node.value
            && let Some(nearest) = nearest(text, words.into_iter())
        {
            expected.push_str(&format!(" (perhaps {nearest})"));
        }
        Err(malformed(errors, place, expected, node))
    }
}

/// One of a closed set of words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice<T>(pub(super) T);

/// A day: a date, or counted from the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Day {
    /// Days since 1970-01-01.
    Date(i64),
    /// Days since the start.
    Number(u32),
}

/// No run goes on for longer, in days.
pub(super) const DAY_MAX: u32 = 36_500;

impl Read for Day {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        let number = |number: i64| u32::try_from(number).ok().filter(|day| *day <= DAY_MAX).map(Day::Number);
        let day = match &node.value {
            Value::Integer(days) => number(*days),
            Value::Date(text) => date(text),
            Value::Text(text) => {
                let text = text.trim();
                let counted = text.strip_prefix("day ").or_else(|| text.strip_prefix('+')?.strip_suffix('d'));
                match counted {
                    Some(digits) => digits.trim().parse().ok().and_then(number),
                    None => date(text),
                }
            }
            _ => None,
        };
        day.ok_or_else(|| malformed(errors, place, "a date such as 2026-12-01, \"day 14\" or \"+14d\"", node))
    }
}

/// `YYYY-MM-DD`.
fn date(text: &str) -> Option<Day> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let digits = |from: usize, until: usize| {
        let digits = &bytes[from..until];
        digits.iter().all(u8::is_ascii_digit).then(|| digits.iter().fold(0, |sum, b| sum * 10 + i64::from(b - b'0')))
    };
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Howard Hinnant's `days_from_civil`.
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    let (_, same_month, same_day) = crate::world::calendar::civil(days);
    ((i64::from(same_month), i64::from(same_day)) == (month, day)).then_some(Day::Date(days))
}

/// A table whose keys are taken one by one; what is left is unknown.
pub(super) struct Keys {
    pub(super) place: Place,
    entries: Vec<(String, Node)>,
    known: Vec<&'static str>,
}

impl Read for Keys {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        match node.value {
            Value::Table(entries) => Ok(Self { place: place.clone(), entries, known: Vec::new() }),
            _ => Err(malformed(errors, place, "a table", node)),
        }
    }
}

impl Keys {
    /// Whether a key is there. Does not take it.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name == key)
    }

    /// `Ok(None)` where the key is missing.
    pub(super) fn optional<T: Read>(&mut self, key: &'static str, errors: &mut Errors) -> Result<Option<T>, Reported> {
        self.known.push(key);
        let Some(at) = self.entries.iter().position(|(name, _)| name == key) else { return Ok(None) };
        let (_, node) = self.entries.remove(at);
        let place = self.place.key(key, node.line);
        T::read(node, &place, errors).map(Some)
    }

    pub(super) fn required<T: Read>(&mut self, key: &'static str, errors: &mut Errors) -> Result<T, Reported> {
        match self.optional(key, errors)? {
            Some(value) => Ok(value),
            None => Err(errors.push(&self.place.key(key, None), Cause::FieldMissing)),
        }
    }

    /// Takes keys without looking at their values.
    pub(super) fn pass_over(&mut self, keys: &[&'static str]) {
        self.known.extend(keys);
        self.entries.retain(|(name, _)| !keys.contains(&name.as_str()));
    }

    /// Refuses the keys that nobody took.
    pub(super) fn finish(self, errors: &mut Errors) -> Result<(), Reported> {
        let mut result = Ok(());
        for (name, node) in self.entries {
            let place = self.place.key(&shortened(&name), node.line);
            let nearest = nearest(&name, self.known.iter().copied());
            result = Err(errors.push(&place, Cause::UnknownField { nearest, known: self.known.join(", ") }));
        }
        result
    }
}
