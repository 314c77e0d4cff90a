//! Scenarios: a text that says what would be different, and the situation that it makes.
//!
//! ```text
//! TOML or JSON ─parse─▶ Scenario ─apply─▶ Situation, changed as a whole or not at all
//!                  └──▶ every error with file, line and field, all at once
//! ```
//!
//! The language is described in `docs/scenarios.md`; `scenarios/` holds examples.

mod apply;
mod change;
mod error;
mod filter;
mod levels;
mod node;
mod passage;
mod which;

pub use error::{Cause, ERRORS_MAX, ScenarioError};
pub use levels::levels_toml;
pub use which::Which;

use apply::Draft;
use change::Change;
use error::{At, Errors, Reported};
use node::{Keys, Read as _};

use crate::situation::{Situation, SituationError};

/// The most changes in one document.
const CHANGES_MAX: usize = 1_000;

/// What would be different.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// A few words.
    pub name: String,
    /// The same in Chinese.
    pub name_zh: Option<String>,
    /// One sentence: what happens.
    pub story: String,
    /// The same in Chinese.
    pub story_zh: Option<String>,
    file: String,
    changes: Vec<Change>,
}

impl Scenario {
    /// Reads a document, as JSON where it opens with a brace, else as TOML. `file` is for errors only.
    ///
    /// # Errors
    /// Everything that is wrong with the text itself, up to [`ERRORS_MAX`] errors. Names of sites and goods are
    /// looked up when it is applied.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<ScenarioError>> {
        let mut errors = Errors::new(file);
        match read(text, &mut errors) {
            Ok(scenario) => errors.into_result(scenario),
            Err(Reported) => Err(errors.into_result(()).err().unwrap_or_default()),
        }
    }

    /// How many changes it makes.
    #[must_use]
    pub fn n_changes(&self) -> usize {
        self.changes.len()
    }

    /// Makes its changes in their order. Several scenarios compose by applying one after the other. The indexes
    /// of the situation must lead somewhere, as those of [`Situation::of`] do.
    ///
    /// # Errors
    /// Everything that does not fit the situation, up to [`ERRORS_MAX`] errors; the situation is then as it was.
    pub fn apply(&self, situation: &mut Situation) -> Result<(), Vec<ScenarioError>> {
        let mut errors = Errors::new(&self.file);
        let mut changed = situation.clone();
        for (number, change) in self.changes.iter().enumerate() {
            self.make(number, change, &mut changed, &mut errors);
        }
        if errors.len() == 0
            && let Err(found) = changed.check()
        {
            self.blame(situation, found, &mut errors);
        }
        errors.into_result(()).map(|()| *situation = changed)
    }

    fn make(&self, number: usize, change: &Change, situation: &mut Situation, errors: &mut Errors) {
        let before = errors.len();
        let made = Draft { situation, errors, scenario: &self.name, number }.make(change);
        // What was reported before need not be reported again, so an error may have added nothing.
        debug_assert!(made.is_err() || errors.len() == before);
    }

    /// Finds for each error the change after which it was there.
    fn blame(&self, situation: &Situation, found: Vec<SituationError>, errors: &mut Errors) {
        let mut draft = situation.clone();
        let mut known = draft.check().err().unwrap_or_default();
        for error in &known {
            errors.push(&error::Place::default(), Cause::Situation(error.clone()));
        }
        for (number, change) in self.changes.iter().enumerate() {
            self.make(number, change, &mut draft, errors);
            for error in draft.check().err().unwrap_or_default() {
                if !known.contains(&error) {
                    if found.contains(&error) {
                        errors.push(&change.place, Cause::Situation(error.clone()));
                    }
                    known.push(error);
                }
            }
        }
    }
}

fn read(text: &str, errors: &mut Errors) -> Result<Scenario, Reported> {
    let (top, node) = node::parse(text, errors)?;
    let mut keys = Keys::read(node, &top, errors)?;
    let name = keys.required::<String>("name", errors);
    let name_zh = keys.optional::<String>("name_zh", errors);
    let story = keys.required::<String>("story", errors);
    let story_zh = keys.optional::<String>("story_zh", errors);
    let changes = keys.required::<At<Vec<Change>>>("change", errors);
    keys.finish(errors)?;
    let changes = changes?;
    if changes.value.len() > CHANGES_MAX {
        let why = format!("{} changes are more than {CHANGES_MAX}", changes.value.len());
        return Err(errors.contradiction(&changes.place, why));
    }
    Ok(Scenario {
        name: name?,
        name_zh: name_zh?,
        story: story?,
        story_zh: story_zh?,
        file: errors.file().to_owned(),
        changes: changes.value,
    })
}

#[cfg(test)]
mod tests;
