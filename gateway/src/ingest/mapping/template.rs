//! Identifiers with placeholders: `{device}` for a named level of the topic, `{tag:host}`, `{measurement}`,
//! `{/json/pointer}`, `{root:/pointer}`, and `{field}` in the name of a metric.

use super::config::Format;
use super::filter::Filter;
use super::{Pointer, Record, Scalar};
use std::borrow::Cow;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    Level(String),
    Tag(String),
    Pointer(Pointer),
    Measurement,
    Field,
}

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

/// Why a text is no template, or not one of this mapping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    #[error("nothing stands there")]
    Empty,
    #[error("a brace has no partner")]
    Brace,
    #[error("a character that identifiers do not allow")]
    Character,
    #[error("no topic level is named {level:?} in {filter:?}")]
    Level { level: String, filter: String },
    #[error("a placeholder that the format does not give, {0}")]
    Format(&'static str),
    #[error("{{field}} stands only in `metric`")]
    Field,
    #[error("between two placeholders there must be a separator")]
    Adjacent,
}

/// Why a template cannot be filled from a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FillError {
    #[error("the message has no {0}")]
    Missing(String),
    #[error("the separator {separator:?} stands in {value:?} too: two different values would be one")]
    Separator { separator: char, value: String },
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, TemplateError> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let Some(inner) = rest.strip_prefix('{') else {
                let end = rest.find('{').unwrap_or(rest.len());
                let literal = &rest[..end];
                if literal.contains('}') {
                    return Err(TemplateError::Brace);
                }
                if !literal.bytes().all(is_id_byte) {
                    return Err(TemplateError::Character);
                }
                parts.push(Part::Literal(literal.to_owned()));
                rest = &rest[end..];
                continue;
            };
            let (name, after) = inner.split_once('}').ok_or(TemplateError::Brace)?;
            parts.push(match name {
                "" => return Err(TemplateError::Empty),
                "measurement" => Part::Measurement,
                "field" => Part::Field,
                name => match name.strip_prefix("tag:") {
                    Some(tag) => Part::Tag(tag.to_owned()),
                    None if name.starts_with('/') || name.starts_with("root:/") => Part::Pointer(Pointer::parse(name)),
                    None => Part::Level(name.to_owned()),
                },
            });
            rest = after;
        }
        let is_literal = |part: &Part| matches!(part, Part::Literal(_));
        if parts.windows(2).any(|pair| !is_literal(&pair[0]) && !is_literal(&pair[1])) {
            return Err(TemplateError::Adjacent);
        }
        if parts.is_empty() { Err(TemplateError::Empty) } else { Ok(Self { parts }) }
    }

    /// Every placeholder must be known before the first message comes.
    pub(super) fn check(&self, format: Format, filters: &[Filter], is_metric: bool) -> Result<(), TemplateError> {
        for part in &self.parts {
            match part {
                Part::Literal(_) => {}
                Part::Level(level) => {
                    if let Some(filter) = filters.iter().find(|filter| !filter.has_name(level)) {
                        let (level, filter) = (level.clone(), filter.as_str().to_owned());
                        return Err(TemplateError::Level { level, filter });
                    }
                }
                Part::Field if is_metric => {}
                Part::Field => return Err(TemplateError::Field),
                Part::Tag(_) if format != Format::LineProtocol => return Err(TemplateError::Format("{tag:…}")),
                Part::Measurement if format != Format::LineProtocol => {
                    return Err(TemplateError::Format("{measurement}"));
                }
                Part::Pointer(_) if format != Format::Json => return Err(TemplateError::Format("{/pointer}")),
                Part::Tag(_) | Part::Measurement | Part::Pointer(_) => {}
            }
        }
        Ok(())
    }

    /// The text, if it has no placeholder.
    pub(super) fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    pub(super) fn reads(&self, pointer: &str) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Pointer(known) if known.is_at(pointer, "")))
    }

    /// The text for one record.
    ///
    /// A value never holds the separator after it, unless it is the last: else `{a}-{b}` would be one text for
    /// two pairs of values.
    pub(super) fn fill(
        &self,
        filter: &Filter,
        topic: &str,
        record: &Record<'_>,
        field: &str,
        escape: bool,
    ) -> Result<String, FillError> {
        let missing = |name: String| FillError::Missing(name);
        let mut text = String::new();
        for (at, part) in self.parts.iter().enumerate() {
            let value: Cow<'_, str> = match part {
                Part::Literal(literal) => {
                    text.push_str(literal);
                    continue;
                }
                Part::Level(name) => filter.part(topic, name).ok_or_else(|| missing(format!("{{{name}}}")))?.into(),
                Part::Measurement => record.measurement.into(),
                Part::Field => field.into(),
                Part::Tag(name) => {
                    let tag = record.tags.iter().find(|(key, _)| key == name);
                    tag.ok_or_else(|| missing(format!("{{tag:{name}}}")))?.1.as_str().into()
                }
                Part::Pointer(pointer) => match record.scalar(pointer) {
                    Some(Scalar::Text(text)) => text.into(),
                    Some(scalar) => scalar.to_string().into(),
                    None => return Err(missing(format!("{{{pointer}}}"))),
                },
            };
            if let Some(Part::Literal(literal)) = self.parts.get(at + 1)
                && at + 2 < self.parts.len()
                && let Some(separator) = literal.chars().next().filter(|first| value.contains(*first))
            {
                return Err(FillError::Separator { separator, value: value.into_owned() });
            }
            if escape {
                escape_into(&value, &mut text);
            } else {
                text.push_str(&value);
            }
        }
        Ok(text)
    }
}

fn is_id_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b':' | b'-')
}

/// Each byte that identifiers do not allow, and `~` itself, as `~` and two hexadecimal digits: two different
/// values never become one.
fn escape_into(value: &str, text: &mut String) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for b in value.bytes() {
        if is_id_byte(b) && b != b'~' {
            text.push(char::from(b));
        } else {
            text.push('~');
            text.push(char::from(HEX[usize::from(b >> 4)]));
            text.push(char::from(HEX[usize::from(b & 15)]));
        }
    }
}
