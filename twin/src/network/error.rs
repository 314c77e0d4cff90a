//! Why a network was refused: file, line and field, what was found and what was expected.

use std::borrow::Cow;
use std::fmt;

/// How many errors are reported at once; reading stops there.
pub const ERRORS_MAX: usize = 100;

/// One thing wrong in a network, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkError {
    /// The file, such as `lanes.csv`.
    pub file: &'static str,
    /// The line, from 1; for a network not read from text, the entry's place in its list.
    pub line: Option<u64>,
    /// The column or key.
    pub field: Option<String>,
    /// What is wrong with it.
    pub cause: Cause,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// A file that every network has is not there.
    #[error("this file is required and was not found")]
    FileMissing,
    /// The text is not of its format.
    #[error("{0}")]
    Syntax(String),
    /// A column or key that the format does not have.
    #[error("unknown, expected one of {known}")]
    UnknownField {
        /// Those that it has.
        known: String,
    },
    /// A column or key that must be there.
    #[error("required and missing")]
    FieldMissing,
    /// The header names a column twice.
    #[error("this column stands twice in the header")]
    ColumnTwice,
    /// A row with another number of fields than the header.
    #[error("expected {expected} fields as in the header, found {found}")]
    RowLength {
        /// Columns of the header.
        expected: usize,
        /// Fields in the row.
        found: usize,
    },
    /// A value that cannot be read.
    #[error("expected {expected}, found {found:?}")]
    Malformed {
        /// What would have been right.
        expected: Cow<'static, str>,
        /// What is there, shortened.
        found: String,
    },
    /// Two entries with one identifier.
    #[error("{found:?} is already on line {first_line}")]
    Duplicate {
        /// The identifier.
        found: String,
        /// Where it was first.
        first_line: u64,
    },
    /// An entry that refers to one that does not exist.
    #[error("no {what} is called {found:?}")]
    Dangling {
        /// What it refers to: `site`, `lane`, `sku`.
        what: &'static str,
        /// The name used.
        found: String,
    },
    /// A value that can be read and cannot be.
    #[error("{0}")]
    Contradiction(String),
    /// More entries than the format allows.
    #[error("more than {max} entries")]
    TooMany {
        /// The limit.
        max: usize,
    },
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(field) = &self.field {
            write!(f, ": {field}")?;
        }
        write!(f, ": {}", self.cause)
    }
}

impl std::error::Error for NetworkError {}

/// An error was found, and stands in [`Errors`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reported;

/// For a caller that reads on: what was wrong stands in [`Errors`].
pub(crate) fn noted(_: Result<(), Reported>) {}

/// Where something stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) file: &'static str,
    pub(crate) line: u64,
}

/// The errors found so far, at most [`ERRORS_MAX`]; what comes after is dropped.
#[derive(Debug, Default)]
pub(crate) struct Errors(Vec<NetworkError>);

impl Errors {
    pub(crate) fn push(&mut self, error: NetworkError) -> Reported {
        if !self.is_full() {
            self.0.push(error);
        }
        Reported
    }

    /// Notes what is wrong with one field.
    pub(crate) fn field(&mut self, place: Place, field: &str, cause: Cause) -> Reported {
        let line = Some(place.line);
        self.push(NetworkError { file: place.file, line, field: Some(field.into()), cause })
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= ERRORS_MAX
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn into_inner(self) -> Vec<NetworkError> {
        self.0
    }
}

/// What a stranger wrote, cut to a length that fits a message.
pub(crate) fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    match text.char_indices().nth(CHARS_MAX) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
