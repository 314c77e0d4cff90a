//! Rows of a CSV file with a known set of columns, in any order, and the errors in them.

use std::collections::BTreeMap;

use super::error::{Cause, Errors, NetworkError, Place, Reported, shortened};
use super::field::Expected;

/// The longest field, in bytes.
const FIELD_LEN_MAX: usize = 65_536;

/// A column of a file's format.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
}

/// A column that the header must have and every row must fill.
pub(crate) const fn required(name: &'static str) -> Column {
    Column { name, required: true }
}

/// A column that may be missing or empty.
pub(crate) const fn optional(name: &'static str) -> Column {
    Column { name, required: false }
}

/// A file's rows. Reading them is one pass; nothing is kept but the current row.
pub(crate) struct Table<'t> {
    file: &'static str,
    text: &'t str,
    reader: csv::Reader<&'t [u8]>,
    columns: &'static [Column],
    /// Where each of `columns` stands in the file.
    positions: Vec<Option<usize>>,
    n_fields: usize,
    record: csv::StringRecord,
}

/// One row.
pub(crate) struct Row<'r> {
    pub(crate) place: Place,
    pub(crate) errors: &'r mut Errors,
    columns: &'static [Column],
    positions: &'r [Option<usize>],
    record: &'r csv::StringRecord,
}

impl<'t> Table<'t> {
    /// Reads the header. `None` when it cannot be used; then the errors say why.
    pub(crate) fn open(
        file: &'static str,
        text: &'t str,
        columns: &'static [Column],
        errors: &mut Errors,
    ) -> Option<Self> {
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .comment(Some(b'#'))
            .from_reader(text.as_bytes());
        let mut header = csv::StringRecord::new();
        let place = match reader.read_record(&mut header) {
            Ok(true) => Place { file, line: line_of(text, &header) },
            Ok(false) => Place { file, line: 1 },
            Err(why) => {
                errors.push(syntax(file, &why));
                return None;
            }
        };
        let n_errors = errors.len();
        let mut found = BTreeMap::new();
        for (position, name) in header.iter().map(str::trim).enumerate() {
            if !columns.iter().any(|column| column.name == name) {
                let known = columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
                errors.field(place, &shortened(name), Cause::UnknownField { known });
            } else if found.insert(name, position).is_some() {
                errors.field(place, name, Cause::ColumnTwice);
            }
        }
        for column in columns.iter().filter(|column| column.required && !found.contains_key(column.name)) {
            errors.field(place, column.name, Cause::FieldMissing);
        }
        let positions = columns.iter().map(|column| found.get(column.name).copied()).collect();
        let n_fields = header.len();
        let table = Self { file, text, reader, columns, positions, n_fields, record: header };
        (errors.len() == n_errors).then_some(table)
    }

    /// The next row, or `None` at the end of the file and once there are too many errors.
    pub(crate) fn next<'r>(&'r mut self, errors: &'r mut Errors) -> Option<Row<'r>> {
        loop {
            if errors.is_full() {
                return None;
            }
            match self.reader.read_record(&mut self.record) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(why) => {
                    errors.push(syntax(self.file, &why));
                    return None;
                }
            }
            let place = Place { file: self.file, line: line_of(self.text, &self.record) };
            if self.record.len() != self.n_fields {
                let cause = Cause::RowLength { expected: self.n_fields, found: self.record.len() };
                errors.push(NetworkError { file: place.file, line: Some(place.line), field: None, cause });
                continue;
            }
            let (columns, positions, record) = (self.columns, &self.positions, &self.record);
            return Some(Row { place, errors, columns, positions, record });
        }
    }
}

/// The line where a record starts, from 1. The reader's own position is before any blank and comment lines.
fn line_of(text: &str, record: &csv::StringRecord) -> u64 {
    let Some(position) = record.position() else { return 1 };
    let mut line = position.line();
    let mut rest = text.as_bytes().get(position.byte() as usize..).unwrap_or_default();
    loop {
        match rest.first() {
            Some(b'\n') => line += 1,
            Some(b'\r') => {}
            Some(b'#') => {
                let Some(end) = rest.iter().position(|b| *b == b'\n') else { return line };
                rest = &rest[end..];
                continue;
            }
            _ => return line,
        }
        rest = &rest[1..];
    }
}

fn syntax(file: &'static str, why: &csv::Error) -> NetworkError {
    let line = why.position().map(csv::Position::line);
    NetworkError { file, line, field: None, cause: Cause::Syntax(format!("not a CSV file: {why}")) }
}

impl<'r> Row<'r> {
    /// The field of a column, by the column's number in the format; empty where the file has no such column.
    fn raw(&self, column: usize) -> &'r str {
        let position = self.positions.get(column).copied().flatten();
        position.and_then(|position| self.record.get(position)).unwrap_or("").trim_ascii()
    }

    /// The first column's name and field: what the row is called by those that refer to it.
    pub(crate) fn key(&self) -> (&'static str, &'r str) {
        (self.columns[0].name, self.raw(0))
    }

    pub(crate) fn is_empty(&self, column: usize) -> bool {
        self.raw(column).is_empty()
    }

    /// Reads a field that may be empty.
    pub(crate) fn optional<T>(
        &mut self,
        column: usize,
        read: impl FnOnce(&str) -> Result<T, Expected>,
    ) -> Result<Option<T>, Reported> {
        let text = self.raw(column);
        if text.is_empty() {
            return Ok(None);
        }
        let value = if text.len() > FIELD_LEN_MAX {
            Err(Expected::Owned(format!("a field of at most {FIELD_LEN_MAX} bytes")))
        } else {
            read(text)
        };
        value.map(Some).map_err(|expected| {
            let cause = Cause::Malformed { expected, found: shortened(text) };
            self.errors.field(self.place, self.columns[column].name, cause)
        })
    }

    /// Reads a field that must not be empty.
    pub(crate) fn required<T>(
        &mut self,
        column: usize,
        read: impl FnOnce(&str) -> Result<T, Expected>,
    ) -> Result<T, Reported> {
        match self.optional(column, read)? {
            Some(value) => Ok(value),
            None => Err(self.wrong(column, Cause::FieldMissing)),
        }
    }

    /// Reads a field that has a default.
    pub(crate) fn or<T>(
        &mut self,
        column: usize,
        default: T,
        read: impl FnOnce(&str) -> Result<T, Expected>,
    ) -> Result<T, Reported> {
        Ok(self.optional(column, read)?.unwrap_or(default))
    }

    /// Notes that a field is wrong.
    pub(crate) fn wrong(&mut self, column: usize, cause: Cause) -> Reported {
        self.errors.field(self.place, self.columns[column].name, cause)
    }
}
