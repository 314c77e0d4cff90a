//! Order lines of a shop or wholesaler, as a stream from CSV.
//!
//! ```text
//! ordered_at,customer,country,sku,quantity,unit_price_pence
//! 2010-12-01T08:26Z,C17850,United Kingdom,SKU-0843,8,275
//! ```
//!
//! The header may have its columns in any order: `ordered_at` (RFC 3339, seconds may be missing), `customer`,
//! one of `site` and `country`, `sku`, `quantity` (pieces; negative: returned) and one price in the minor
//! unit of its currency: `unit_price_minor`, `unit_price_pence`, `unit_price_cents` or `unit_price_fen`.
//! Any other column is refused by name. Fields may be quoted, and a record is one line.
//!
//! ```
//! let text = "ordered_at,customer,country,sku,quantity,unit_price_pence\n\
//!             2010-12-01T08:26Z,C17850,United Kingdom,SKU-0843,8,275\n";
//! let lines = twin::import::order_lines::OrderLines::new(text.as_bytes())?;
//! for line in lines {
//!     assert_eq!(line?.quantity.0, 8);
//! }
//! # Ok::<(), twin::import::order_lines::OrderLineError>(())
//! ```

use std::io::{self, BufRead, Read};

use compact_str::CompactString;
use firmware_schemas::id::{SiteId, SkuId};
use firmware_schemas::quantity::{MinorUnits, Pieces, Timestamp};

use crate::network::Cause;
use crate::network::field;

/// The longest line, in bytes.
pub const LINE_LEN_MAX: usize = 8_192;
/// The most columns.
const COLUMNS_MAX: usize = 32;

/// One SKU of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderLine {
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// By whom.
    pub customer: SiteId,
    /// From where or to where.
    pub place: Place,
    /// What.
    pub sku: SkuId,
    /// How many; negative: returned. Never zero.
    pub quantity: Pieces,
    /// Price of one piece.
    pub unit_price: MinorUnits,
}

/// What the file says of the place of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The site that serves it.
    Site(SiteId),
    /// The customer's country, in the file's own words.
    Country(CompactString),
}

/// Why order lines cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OrderLineError {
    /// The reader failed.
    #[error("line {line}: {source}")]
    Read {
        /// The line that was read.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// A line that is not as it should be; the next can be read.
    #[error("line {line}: {cause}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// What is wrong.
        cause: Cause,
    },
    /// A field that is not as it should be; the next line can be read.
    #[error("line {line}: {field}: {cause}")]
    Field {
        /// Which line, from 1.
        line: u64,
        /// Which column.
        field: String,
        /// What is wrong.
        cause: Cause,
    },
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    OrderedAt,
    Customer,
    Site,
    Country,
    Sku,
    Quantity,
    UnitPrice,
}

const KNOWN: &[(&str, Column)] = &[
    ("ordered_at", Column::OrderedAt),
    ("customer", Column::Customer),
    ("site", Column::Site),
    ("country", Column::Country),
    ("sku", Column::Sku),
    ("quantity", Column::Quantity),
    ("unit_price_minor", Column::UnitPrice),
    ("unit_price_pence", Column::UnitPrice),
    ("unit_price_cents", Column::UnitPrice),
    ("unit_price_fen", Column::UnitPrice),
];

/// Order lines as they are read. Holds one line at a time, at most [`LINE_LEN_MAX`] bytes.
///
/// Each item is a line or what is wrong with it; after [`OrderLineError::Read`] the stream ends.
#[derive(Debug)]
pub struct OrderLines<R> {
    reader: R,
    columns: Vec<(&'static str, Column)>,
    buffer: Vec<u8>,
    line: u64,
    ended: bool,
}

impl<R: BufRead> OrderLines<R> {
    /// Reads the header.
    pub fn new(reader: R) -> Result<Self, OrderLineError> {
        let mut lines = Self { reader, columns: Vec::new(), buffer: Vec::new(), line: 0, ended: false };
        if !lines.next_line()? {
            return Err(OrderLineError::Line { line: 1, cause: Cause::Syntax("no header".into()) });
        }
        let text = lines.text()?.trim_start_matches('\u{feff}').to_owned();
        let at_header = |field: &str, cause| OrderLineError::Field { line: 1, field: field.into(), cause };
        for name in split(&text).map_err(|cause| OrderLineError::Line { line: 1, cause })? {
            let Some(&(name, column)) = KNOWN.iter().find(|(known, _)| *known == name) else {
                let known = KNOWN.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
                return Err(at_header(&crate::network::shortened(&name), Cause::UnknownField { known }));
            };
            if lines.has(column) {
                return Err(at_header(name, Cause::ColumnTwice));
            }
            lines.columns.push((name, column));
        }
        let needed = [
            ("ordered_at", Column::OrderedAt),
            ("customer", Column::Customer),
            ("sku", Column::Sku),
            ("quantity", Column::Quantity),
            ("unit_price_minor", Column::UnitPrice),
        ];
        if let Some((name, _)) = needed.into_iter().find(|(_, column)| !lines.has(*column)) {
            return Err(at_header(name, Cause::FieldMissing));
        }
        match (lines.has(Column::Site), lines.has(Column::Country)) {
            (true, true) => {
                Err(at_header("country", Cause::Contradiction("the site says where, and the country again".into())))
            }
            (false, false) => Err(at_header("site", Cause::FieldMissing)),
            _ => Ok(lines),
        }
    }

    fn has(&self, column: Column) -> bool {
        self.columns.iter().any(|(_, other)| *other == column)
    }

    /// Puts the next line into the buffer, without its end; false at the end of the file.
    fn next_line(&mut self) -> Result<bool, OrderLineError> {
        self.line += 1;
        self.buffer.clear();
        let line = self.line;
        let read = |source| OrderLineError::Read { line, source };
        let limit = LINE_LEN_MAX as u64 + 2; // with the line's end
        let taken = self.reader.by_ref().take(limit).read_until(b'\n', &mut self.buffer).map_err(read)?;
        if taken == 0 {
            return Ok(false);
        }
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
        } else if taken as u64 == limit {
            self.skip_line().map_err(read)?;
        }
        if self.buffer.last() == Some(&b'\r') {
            self.buffer.pop();
        }
        if self.buffer.len() > LINE_LEN_MAX {
            let cause = Cause::Syntax(format!("a line of more than {LINE_LEN_MAX} bytes"));
            return Err(OrderLineError::Line { line: self.line, cause });
        }
        Ok(true)
    }

    /// Reads on to the next line without keeping anything.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let chunk = self.reader.fill_buf()?;
            let (n, done) = match chunk.iter().position(|b| *b == b'\n') {
                Some(end) => (end + 1, true),
                None => (chunk.len(), chunk.is_empty()),
            };
            self.reader.consume(n);
            if done {
                return Ok(());
            }
        }
    }

    fn text(&self) -> Result<&str, OrderLineError> {
        std::str::from_utf8(&self.buffer).map_err(|_not_utf8| OrderLineError::Line {
            line: self.line,
            cause: Cause::Syntax("not UTF-8 text".into()),
        })
    }

    fn order_line(&self) -> Result<OrderLine, OrderLineError> {
        let line = self.line;
        let fields = split(self.text()?).map_err(|cause| OrderLineError::Line { line, cause })?;
        if fields.len() != self.columns.len() {
            let cause = Cause::RowLength { expected: self.columns.len(), found: fields.len() };
            return Err(OrderLineError::Line { line, cause });
        }
        let mut parts = PartsOfLine::default();
        for ((name, column), text) in self.columns.iter().zip(&fields) {
            parts.read(*column, text).map_err(|expected| OrderLineError::Field {
                line,
                field: (*name).into(),
                cause: Cause::Malformed { expected, found: crate::network::shortened(text) },
            })?;
        }
        // The header has every column, so that every part was read.
        let missing = || OrderLineError::Line { line, cause: Cause::FieldMissing };
        Ok(OrderLine {
            ordered_at: parts.ordered_at.ok_or_else(missing)?,
            customer: parts.customer.ok_or_else(missing)?,
            place: parts.place.ok_or_else(missing)?,
            sku: parts.sku.ok_or_else(missing)?,
            quantity: parts.quantity.ok_or_else(missing)?,
            unit_price: parts.unit_price.ok_or_else(missing)?,
        })
    }
}

#[derive(Default)]
struct PartsOfLine {
    ordered_at: Option<Timestamp>,
    customer: Option<SiteId>,
    place: Option<Place>,
    sku: Option<SkuId>,
    quantity: Option<Pieces>,
    unit_price: Option<MinorUnits>,
}

impl PartsOfLine {
    fn read(&mut self, column: Column, text: &str) -> Result<(), field::Expected> {
        match column {
            Column::OrderedAt => self.ordered_at = Some(time(text).ok_or("a time such as 2010-12-01T08:26Z")?),
            Column::Customer => self.customer = Some(field::id(text)?),
            Column::Site => self.place = Some(Place::Site(field::id(text)?)),
            Column::Country => {
                let wrong = text.is_empty() || text.len() > 64 || text.chars().any(char::is_control);
                if wrong {
                    return Err("the name of a country, up to 64 bytes".into());
                }
                self.place = Some(Place::Country(text.into()));
            }
            Column::Sku => self.sku = Some(field::id(text)?),
            Column::Quantity => {
                let pieces: i64 = field::whole(text)?;
                if pieces == 0 || pieces.unsigned_abs() > 1_000_000_000 {
                    return Err("from 1 to 1000000000 pieces, or as many returned".into());
                }
                self.quantity = Some(Pieces(pieces));
            }
            Column::UnitPrice => {
                let price: u32 = field::whole(text)?;
                self.unit_price = Some(MinorUnits(i64::from(price)));
            }
        }
        Ok(())
    }
}

/// RFC 3339, where the seconds may be missing.
fn time(text: &str) -> Option<Timestamp> {
    if let Some(minute) = text.strip_suffix('Z').filter(|minute| minute.len() == 16 && minute.is_ascii()) {
        let mut whole = *b"0000-00-00T00:00:00Z";
        whole[..16].copy_from_slice(minute.as_bytes());
        return Timestamp::parse_rfc3339(std::str::from_utf8(&whole).ok()?);
    }
    Timestamp::parse_rfc3339(text)
}

/// The fields of a line; a quoted one may hold commas and doubled quotes.
fn split(line: &str) -> Result<Vec<CompactString>, Cause> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        if fields.len() == COLUMNS_MAX {
            return Err(Cause::TooMany { max: COLUMNS_MAX });
        }
        if let Some(mut quoted) = rest.strip_prefix('"') {
            let mut field = CompactString::default();
            loop {
                let Some((part, after)) = quoted.split_once('"') else {
                    return Err(Cause::Syntax("a quote that is not closed on its line".into()));
                };
                field.push_str(part);
                let Some(after) = after.strip_prefix('"') else {
                    quoted = after;
                    break;
                };
                field.push('"');
                quoted = after;
            }
            fields.push(field);
            match quoted.strip_prefix(',') {
                Some(next) => rest = next,
                None if quoted.is_empty() => return Ok(fields),
                None => return Err(Cause::Syntax("text after a closing quote".into())),
            }
        } else {
            match rest.split_once(',') {
                Some((field, next)) => {
                    fields.push(field.trim_ascii().into());
                    rest = next;
                }
                None => {
                    fields.push(rest.trim_ascii().into());
                    return Ok(fields);
                }
            }
        }
    }
}

impl<R: BufRead> Iterator for OrderLines<R> {
    type Item = Result<OrderLine, OrderLineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        loop {
            match self.next_line() {
                Ok(true) if self.buffer.is_empty() => {} // a blank line
                Ok(true) => return Some(self.order_line()),
                Ok(false) => {
                    self.ended = true;
                    return None;
                }
                Err(why) => {
                    self.ended = matches!(why, OrderLineError::Read { .. });
                    return Some(Err(why));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: &str = "ordered_at,customer,country,sku,quantity,unit_price_pence\n";

    #[track_caller]
    fn check(line: &str, expected: Result<(&str, i64, i64), &str>) {
        let text = format!("{HEADER}{line}\n");
        let found: Vec<_> = OrderLines::new(text.as_bytes()).unwrap().collect();
        assert_eq!(found.len(), 1, "{line:?}");
        match (&found[0], expected) {
            (Ok(found), Ok((at, quantity, price))) => {
                assert_eq!(found.ordered_at.to_string(), at, "{line:?}");
                assert_eq!((found.quantity, found.unit_price), (Pieces(quantity), MinorUnits(price)), "{line:?}");
            }
            (Err(found), Err(expected)) => assert_eq!(found.to_string(), expected, "{line:?}"),
            _ => panic!("{line:?} gave {:?}, expected {expected:?}", found[0]),
        }
    }

    #[test]
    fn a_line_is_read_or_says_what_is_wrong() {
        check("2010-12-01T08:26Z,C1,United Kingdom,S1,8,275", Ok(("2010-12-01T08:26:00Z", 8, 275)));
        check("2010-12-01T09:26:30+01:00,C1,\"Bonaire, \"\"BQ\"\"\",S1,-8,0", Ok(("2010-12-01T08:26:30Z", -8, 0)));
        check(
            "yesterday,C1,UK,S1,8,275",
            Err("line 2: ordered_at: expected a time such as 2010-12-01T08:26Z, found \"yesterday\""),
        );
        check(
            "2010-12-01T08:26Z,C1,UK,S1,eight,275",
            Err("line 2: quantity: expected a whole number in range, found \"eight\""),
        );
        check(
            "2010-12-01T08:26Z,C1,UK,S1,0,275",
            Err("line 2: quantity: expected from 1 to 1000000000 pieces, or as many returned, found \"0\""),
        );
        check(
            "2010-12-01T08:26Z,C1,UK,S1,1,-275",
            Err("line 2: unit_price_pence: expected a whole number in range, found \"-275\""),
        );
        check("2010-12-01T08:26Z,C1,UK,S1,1", Err("line 2: expected 6 fields as in the header, found 5"));
        check("2010-12-01T08:26Z,C1,\"UK,S1,1,2", Err("line 2: a quote that is not closed on its line"));
        check(&"x".repeat(1 << 20), Err("line 2: a line of more than 8192 bytes"));
    }

    #[test]
    fn the_header_is_checked_by_name() {
        let refused = |header: &str| OrderLines::new(header.as_bytes()).err().map(|why| why.to_string());
        assert_eq!(refused(""), Some("line 1: no header".into()));
        assert_eq!(refused("customer,sku\n"), Some("line 1: ordered_at: required and missing".into()));
        assert_eq!(refused("sku,sku\n"), Some("line 1: sku: this column stands twice in the header".into()));
        assert!(
            refused("ordered_at,colour\n")
                .is_some_and(|why| why.starts_with("line 1: colour: unknown, expected one of"))
        );
        assert!(refused("ordered_at,customer,site,country,sku,quantity,unit_price_fen").is_some());
        assert_eq!(refused("unit_price_cents,quantity,sku,site,customer,ordered_at\n"), None);
    }

    #[test]
    fn a_bad_line_does_not_hide_the_next() {
        let text = format!("{HEADER}\r\n{}\r\nbad\n\n2010-12-01T08:26Z,C1,UK,S1,8,275", "y".repeat(20_000));
        let lines: Vec<_> = OrderLines::new(text.as_bytes()).unwrap().collect();
        let errors: Vec<_> = lines.iter().filter_map(|line| line.as_ref().err().map(ToString::to_string)).collect();
        assert_eq!(
            errors,
            ["line 3: a line of more than 8192 bytes", "line 4: expected 6 fields as in the header, found 1"]
        );
        assert!(lines.last().is_some_and(Result::is_ok));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic_or_stop(lines in prop::collection::vec("[\\PC\",\r\u{0}]{0,60}", 0..20)) {
            let text = format!("{HEADER}{}", lines.join("\n"));
            let expected = lines.join("\n").split('\n').filter(|line| !line.strip_suffix('\r').unwrap_or(line).is_empty()).count();
            prop_assert_eq!(OrderLines::new(text.as_bytes()).unwrap().count(), expected);
        }

        #[test]
        fn any_bytes_at_all_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut text = HEADER.as_bytes().to_vec();
            text.extend(bytes);
            prop_assert!(OrderLines::new(text.as_slice()).unwrap().count() <= text.len());
        }
    }
}
