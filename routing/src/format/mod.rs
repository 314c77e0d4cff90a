//! Files of other people's problems and plans: text in, text out.
//!
//! | dialect | reader | of |
//! |---|---|---|
//! | `.vrp` | [`read_vrplib`] | TSPLIB, CVRPLIB and their extensions for windows, fleets and several depots |
//! | Solomon, Gehring and Homberger | [`read_solomon`] | capacity and time windows |
//! | Li and Lim | [`read_li_lim`] | pickup and delivery with time windows |
//! | `.sol` | [`Instance::read_sol`], [`Instance::write_sol`] | CVRPLIB's solutions |
//! | JSON | [`read_json`], [`write_solution`], [`JsonPlan::read`] | VROOM's users, and more: see `docs/routing.md` |
//! | GeoJSON, SVG | [`write_geojson`], [`write_svg`] | plans on a map, plans as a picture |
//!
//! A reader takes no more memory than a fixed multiple of the text it was given, whatever the text says about
//! its own size. Errors name line (from 1) and field.

mod case;
mod geojson;
mod json;
mod li_lim;
mod money;
mod number;
mod sol;
mod solomon;
mod svg;
#[cfg(test)]
mod tests;
mod vrplib;

pub use case::{Case, Labels, Places};
pub use geojson::{NoPlaces, write_geojson};
pub use json::{Fault, JsonError, JsonPlan, read_json, write_solution};
pub use li_lim::read_li_lim;
pub use sol::SolText;
pub use solomon::read_solomon;
pub use svg::write_svg;
pub use vrplib::read_vrplib;

use crate::plan::Visit;
use crate::problem::{Problem, Refusal, Rounding, Spec};

/// How lengths, times and money of a file become whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Coordinates, windows, service times and limits are multiplied by this.
    pub factor: i64,
    /// What becomes of the fraction of a length after that.
    pub rounding: Rounding,
}

impl Scale {
    /// TSPLIB's: lengths rounded to whole units.
    pub const WHOLE: Self = Self { factor: 1, rounding: Rounding::Nearest };
    /// DIMACS' for time windows: lengths cut to tenths.
    pub const DIMACS: Self = Self { factor: 10, rounding: Rounding::Down };
    /// Lengths rounded to thousandths.
    pub const THOUSANDTHS: Self = Self { factor: 1_000, rounding: Rounding::Nearest };
}

/// A problem that was read, and what its file calls the stops.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its name; empty if the file has none.
    pub name: String,
    /// The problem.
    pub problem: Problem,
    /// By row of the file from 0: the visit, or `None` for a depot.
    pub rows: Vec<Option<Visit>>,
}

impl Instance {
    fn new(name: String, spec: Spec, rows: Vec<Option<Visit>>) -> Result<Self, FormatError> {
        let problem = Problem::new(spec).map_err(FormatError::Refused)?;
        Ok(Self { name, problem, rows })
    }
}

/// Why a text was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    #[error("line {line}: {field} is no number: {found:?}")]
    NotANumber { line: usize, field: &'static str, found: String },
    #[error("line {line}: {field} is {value}, outside {min} to {max}")]
    OutOfRange { line: usize, field: &'static str, value: i64, min: i64, max: i64 },
    #[error("line {line}: {field} is missing")]
    Missing { line: usize, field: &'static str },
    #[error("line {line}: window ends at {end}, before it starts at {start}")]
    WindowEnds { line: usize, start: i64, end: i64 },
    #[error("line {line}: row {found} of {field} where {expected} was due")]
    RowOrder { line: usize, field: &'static str, expected: usize, found: i64 },
    #[error("line {line}: {field} has {found} rows for {expected}")]
    RowCount { line: usize, field: &'static str, expected: usize, found: usize },
    #[error("line {line}: {field} was given before")]
    Twice { line: usize, field: &'static str },
    #[error("line {line}: pickup and delivery of task {task} do not name each other with opposite amounts")]
    Pair { line: usize, task: usize },
    #[error("line {line}: route names stop {stop}, which is a depot, unknown or of another route")]
    Stop { line: usize, stop: i64 },
    #[error("line {line}: more routes than vehicles")]
    TooManyRoutes { line: usize },
    #[error("line {line}: {field} of this kind is not supported: {found:?}")]
    Unsupported { line: usize, field: &'static str, found: String },
    #[error("line {line}: not understood: {found:?}")]
    NotUnderstood { line: usize, found: String },
    #[error("the problem cannot be: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Refusal>),
}

/// As much of a stranger's text as an error repeats.
fn quote(text: &str) -> String {
    text.trim().chars().take(40).collect()
}
