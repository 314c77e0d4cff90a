//! A report of an experiment: one HTML file that needs nothing else, and flat tables for other programs.
//!
//! ```text
//! Outcomes (the first: as is) + About ─▶ html ─▶ one page: sentences, tables, charts, how it was made
//!                              └───────▶ rows ─▶ csv, or any other writer of tables
//! ```
//!
//! The page has no scripts and fetches nothing; it reads well in print, in the dark, and aloud. What it claims,
//! the numbers show: a difference is called one only where its interval excludes zero. The same outcomes give
//! the same bytes.

mod charts;
mod figures;
mod number;
mod page;
mod rows;
mod style;
mod svg;
mod words;

pub use page::html;
pub use rows::{Row, csv, rows};
pub use words::Language;

/// What a report says of an experiment besides its numbers. Money is in the currency of the first outcome's
/// situation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Of the page.
    pub title: String,
    /// What each case is, in the order of the outcomes; may be shorter.
    pub stories: Vec<String>,
    /// When it was made, as people there write it.
    pub made_at: String,
    /// What the situation was taken from, for instance `live twin at 2026-11-23T10:00Z, revision 1234`.
    pub from: String,
    /// Of all random draws.
    pub seed: u64,
    /// Of the words.
    pub language: Language,
}

#[cfg(test)]
mod tests;
