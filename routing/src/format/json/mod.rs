//! Problems and solutions as JSON: all that VROOM's users send, and more. `docs/routing.md` describes the fields.

mod convert;
mod input;
mod locate;
mod solution;
#[cfg(test)]
mod tests;

pub(super) use solution::visits_of;
pub use solution::{JsonPlan, write_solution};

use super::Case;

/// One thing that is wrong with a JSON problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line of the text, from 1.
    pub line: usize,
    /// The field, as `jobs[3].time_windows[0]`.
    pub field: String,
    /// A short name that stays the same from version to version.
    pub code: &'static str,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}: {}", self.line, self.field, self.what)
    }
}

/// Why a JSON text was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// It is no JSON, or a field has the wrong type or name.
    #[error("line {line}, column {column}: {field}: {why}")]
    Syntax { line: usize, column: usize, field: String, why: String },
    /// Everything that is wrong with the problem, in the order of the fields.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Wrong(Vec<Fault>),
}

/// Reads a problem.
///
/// # Errors
/// Where the text is no such JSON, or everything that is wrong with the problem.
pub fn read_json(text: &str) -> Result<Case, JsonError> {
    let input: input::Input = parse(text)?;
    convert::case(text, input).map_err(JsonError::Wrong)
}

fn parse<'t, T: serde::Deserialize<'t>>(text: &'t str) -> Result<T, JsonError> {
    let mut from = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut from).map_err(|error| {
        let field = match error.path().to_string() {
            path if path == "." => "the whole text".to_owned(),
            path => quote_path(&path),
        };
        let inner = error.inner();
        let why = inner.to_string();
        let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why).to_owned();
        JsonError::Syntax { line: inner.line(), column: inner.column(), field, why: short(&why) }
    })?;
    from.end().map_err(|error| JsonError::Syntax {
        line: error.line(),
        column: error.column(),
        field: "the whole text".to_owned(),
        why: "more after its end".to_owned(),
    })?;
    Ok(value)
}

/// A path may hold keys of a stranger's.
fn quote_path(path: &str) -> String {
    path.chars().take(80).collect()
}

fn short(why: &str) -> String {
    match why.char_indices().nth(80) {
        Some((at, _)) => format!("{} …", &why[..at]),
        None => why.to_owned(),
    }
}
