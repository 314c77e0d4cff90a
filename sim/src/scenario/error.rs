//! Why a scenario was refused: file, line and field, what was found and what was expected.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use crate::situation::SituationError;

/// How many errors are reported at once.
pub const ERRORS_MAX: usize = 100;

/// One thing wrong in a scenario, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioError {
    /// The file.
    pub file: String,
    /// The line, from 1; `None` in JSON, but for its syntax.
    pub line: Option<u64>,
    /// The key: `change[1].factor` in TOML, the pointer `/change/1/factor` in JSON; both count from 0.
    pub field: Option<String>,
    /// What is wrong with it.
    pub cause: Cause,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The text is not of its format.
    #[error("{0}")]
    Syntax(String),
    /// A key that is not of the language.
    #[error("unknown{}, expected one of {known}", perhaps(.nearest.as_ref()))]
    UnknownField {
        /// The one that is most like it.
        nearest: Option<String>,
        /// Those that are.
        known: String,
    },
    /// A key that must be there.
    #[error("required and missing")]
    FieldMissing,
    /// A value that cannot be read.
    #[error("expected {expected}, found {found}")]
    Malformed {
        /// What would have been right.
        expected: Cow<'static, str>,
        /// What is there, shortened.
        found: String,
    },
    /// A name that nothing has.
    #[error("no {what} is called {found:?}{}", perhaps(.nearest.as_ref()))]
    Unknown {
        /// What it should be: `site`, `lane`, …
        what: &'static str,
        /// The name.
        found: String,
        /// The name that is most like it.
        nearest: Option<String>,
    },
    /// A name that something already has.
    #[error("there is already a {what} called {found:?}")]
    Taken {
        /// What: `site` or `lane`.
        what: &'static str,
        /// The name.
        found: String,
    },
    /// A filter that lets nothing through.
    #[error("matches no {what}")]
    MatchesNothing {
        /// What is looked for.
        what: &'static str,
    },
    /// Values that can be read and cannot be.
    #[error("{0}")]
    Contradiction(Cow<'static, str>),
    /// What comes out makes no sense.
    #[error("{0}")]
    Situation(SituationError),
}

fn perhaps(nearest: Option<&String>) -> String {
    nearest.map(|nearest| format!(", perhaps {nearest:?}")).unwrap_or_default()
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(field) = &self.field {
            write!(f, ": {field}")?;
        }
        write!(f, ": {}", self.cause)
    }
}

impl std::error::Error for ScenarioError {}

/// An error was found, and stands in [`Errors`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported;

/// Where something stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Place {
    pub(super) line: Option<u64>,
    /// Empty at the top.
    pub(super) path: String,
    pub(super) is_json: bool,
}

impl Place {
    /// A key of a table here.
    pub(super) fn key(&self, key: &str, line: Option<u64>) -> Self {
        let path = match (self.is_json, self.path.is_empty()) {
            (true, _) => format!("{}/{}", self.path, key.replace('~', "~0").replace('/', "~1")),
            (false, true) => key.to_owned(),
            (false, false) => format!("{}.{key}", self.path),
        };
        Self { line: line.or(self.line), path, is_json: self.is_json }
    }

    /// An entry of a list here.
    pub(super) fn item(&self, at: usize, line: Option<u64>) -> Self {
        let path = if self.is_json { format!("{}/{at}", self.path) } else { format!("{}[{at}]", self.path) };
        Self { line: line.or(self.line), path, is_json: self.is_json }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct At<T> {
    pub(super) place: Place,
    pub(super) value: T,
}

/// The errors found so far, at most [`ERRORS_MAX`]; what comes after is dropped.
#[derive(Debug)]
pub(super) struct Errors {
    file: String,
    found: Vec<ScenarioError>,
    /// Names of what would be new and was refused: who refers to it is not refused again.
    refused: BTreeSet<String>,
}

impl Errors {
    pub(super) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), found: Vec::new(), refused: BTreeSet::new() }
    }

    pub(super) fn push(&mut self, place: &Place, cause: Cause) -> Reported {
        let field = (!place.path.is_empty()).then(|| place.path.clone());
        let error = ScenarioError { file: self.file.clone(), line: place.line, field, cause };
        if self.found.len() < ERRORS_MAX && !self.found.contains(&error) {
            self.found.push(error);
        }
        Reported
    }

    pub(super) fn contradiction(&mut self, place: &Place, why: impl Into<Cow<'static, str>>) -> Reported {
        self.push(place, Cause::Contradiction(why.into()))
    }

    /// A name that nothing has; those that it might have meant are all names that there are.
    pub(super) fn unknown<'n>(
        &mut self,
        at: &At<String>,
        what: &'static str,
        names: impl Iterator<Item = &'n str>,
    ) -> Reported {
        if self.refused.contains(&at.value) {
            return Reported;
        }
        let nearest = nearest(&at.value, names);
        self.push(&at.place, Cause::Unknown { what, found: shortened(&at.value), nearest })
    }

    pub(super) fn refuse(&mut self, name: &str) {
        self.refused.insert(name.to_owned());
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    pub(super) fn into_result<T>(self, value: T) -> Result<T, Vec<ScenarioError>> {
        if self.found.is_empty() { Ok(value) } else { Err(self.found) }
    }
}

/// What a stranger wrote, cut to a length that fits a message.
pub(super) fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    match text.char_indices().nth(CHARS_MAX) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// The name most like one: at most a third of its letters inserted, left out, changed or swapped with the
/// next. Case does not count.
pub(super) fn nearest<'n>(found: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    const CHARS_MAX: usize = 64;
    let letters = |text: &str| text.chars().take(CHARS_MAX).map(|c| c.to_ascii_lowercase()).collect::<Vec<_>>();
    let wanted = letters(found);
    let limit = wanted.len().div_ceil(3);
    let best = names.map(|name| (distance(&wanted, &letters(name)), name)).min()?;
    (best.0 <= limit).then(|| best.1.to_owned())
}

/// The number of edits from one to the other; swapping neighbours is one.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut next = vec![i + 1; b.len() + 1];
        for j in 0..b.len() {
            let changed = row[j] + usize::from(a[i] != b[j]);
            next[j + 1] = changed.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                next[j + 1] = next[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_when_it_is_near() {
        let names = ["GBFXT", "GBSOU", "NLRTM", "RW-LONDON"];
        let check = |found: &str, expected: Option<&str>| {
            assert_eq!(nearest(found, names.into_iter()).as_deref(), expected, "{found}");
        };
        check("GBFTX", Some("GBFXT"));
        check("gbfxt", Some("GBFXT"));
        check("RW-LONDN", Some("RW-LONDON"));
        check("Shanghai", None);
        check("", None);
    }
}
