//! InfluxDB 2 as the time-series store, for those who run one.
//!
//! ```text
//! journal ─▶ writer (cursor) ─ encode ─▶ InfluxClient::write ─▶ InfluxDB
//!                                                                  │
//!               latest_at, range, downsample ◀─ InfluxStore ◀──────┘
//! ```
//!
//! InfluxDB is a reader of the journal like any other: what a point becomes there is [`line`], how to speak with
//! it is [`client`], and [`read`] answers what the embedded store answers. `docs/influxdb.md` is the schema.

pub mod client;
pub mod history;
pub mod line;
pub mod read;
pub mod writer;

pub mod backfill;
pub mod check;
pub mod setup;

pub use client::{ClientError, Encoding, InfluxClient, Patience, RequestError, Rows, Target, Token, Written};
pub use line::{LineError, Prefix, SeriesKey, encode};
pub use read::{InfluxReader, InfluxStore, MetricKey, SeriesNames};
pub use writer::{Progress, Writer, WriterConfig};

/// `text` as a string literal of Flux, quotes included.
///
/// The open-source InfluxDB takes no parameters for Flux, so this is the only way that anything from outside may
/// get into a Flux query.
pub fn flux_string(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for character in text.chars() {
        match character {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            // `${` would begin an expression.
            '$' => literal.push_str("\\x24"),
            character if character.is_ascii_control() => {
                literal.push_str(&format!("\\x{:02x}", character as u32));
            }
            character => literal.push(character),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What Flux makes of a string literal; `None` if it is not exactly one.
    fn read(literal: &str) -> Option<String> {
        let mut rest = literal.strip_prefix('"')?.strip_suffix('"')?.chars();
        let mut text = String::new();
        while let Some(character) = rest.next() {
            text.push(match character {
                '"' | '$' => return None,
                '\\' => match rest.next()? {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'x' => char::from(
                        u8::from_str_radix(&[rest.next()?, rest.next()?].iter().collect::<String>(), 16).ok()?,
                    ),
                    same @ ('"' | '\\') => same,
                    _ => return None,
                },
                character => character,
            });
        }
        Some(text)
    }

    proptest! {
        #[test]
        fn any_text_is_one_literal_of_flux(text in prop_oneof![any::<String>(), "[\"\\\\$\\{\\}\n\r\tx]{0,12}"]) {
            prop_assert_eq!(read(&flux_string(&text)), Some(text));
        }
    }
}
