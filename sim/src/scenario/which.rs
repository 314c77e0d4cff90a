//! Stock positions by names, outside of a scenario.

use super::change::Filter;
use super::error::{At, Errors, Place, ScenarioError};
use crate::situation::Situation;

/// Which stock positions. An empty list lets all through; a `*` at the end of a name stands for any rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Which {
    /// Where.
    pub sites: Vec<String>,
    /// Of what.
    pub skus: Vec<String>,
    /// Of which classes of SKUs.
    pub classes: Vec<String>,
}

impl Which {
    /// Whether each position is meant.
    ///
    /// # Errors
    /// Every name that nothing has, its field a pointer such as `/sites/0`; or that no position is meant.
    pub fn positions(&self, situation: &Situation) -> Result<Vec<bool>, Vec<ScenarioError>> {
        let mut errors = Errors::new("");
        let top = Place { line: None, path: String::new(), is_json: true };
        let names = |key: &str, names: &[String]| {
            let list = top.key(key, None);
            let name = |(at, name): (usize, &String)| At { place: list.item(at, None), value: name.clone() };
            (!names.is_empty()).then(|| names.iter().enumerate().map(name).collect::<Vec<_>>())
        };
        let filter = Filter {
            place: top.clone(),
            sites: names("sites", &self.sites),
            skus: names("skus", &self.skus),
            classes: names("classes", &self.classes),
            ..Filter::default()
        };
        let found = filter.positions(situation, "stock position", |_| true, &mut errors).unwrap_or_default();
        let mut chosen = vec![false; situation.positions.len()];
        found.into_iter().for_each(|at| chosen[at] = true);
        errors.into_result(chosen)
    }
}
