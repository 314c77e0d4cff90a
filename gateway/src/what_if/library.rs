//! The scenarios that come with the gateway.

use firmware_schemas::api::what_if::ScenarioView;
use sim::scenario::Scenario;

macro_rules! library {
    ($($id:literal),+ $(,)?) => {
        &[$(($id, include_str!(concat!("../../../scenarios/", $id, ".toml")))),+]
    };
}

/// Id and text, sorted by id.
pub const LIBRARY: &[(&str, &str)] = library![
    "cold_store_fails",
    "new_regional_warehouse",
    "policy_change",
    "port_closed_three_weeks",
    "promotion_30_percent",
    "suez_closed",
    "supplier_half_capacity",
];

/// The text of a scenario of the library.
pub fn text(id: &str) -> Option<&'static str> {
    LIBRARY.iter().find(|(known, _)| *known == id).map(|(_, text)| *text)
}

/// All of them, for people. A test holds that each can be read.
pub fn views() -> Vec<ScenarioView> {
    let view = |(id, text): &(&str, &str)| {
        let scenario = Scenario::parse(id, text).ok()?;
        Some(ScenarioView {
            id: (*id).to_owned(),
            n_changes: scenario.n_changes(),
            name: scenario.name,
            name_zh: scenario.name_zh,
            story: scenario.story,
            story_zh: scenario.story_zh,
            toml: (*text).to_owned(),
        })
    };
    LIBRARY.iter().filter_map(view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_of_the_library_can_be_read_and_they_are_all_there() {
        for (id, text) in LIBRARY {
            Scenario::parse(id, text).unwrap_or_else(|errors| panic!("{errors:#?}"));
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
            .collect();
        files.sort();
        assert_eq!(files, LIBRARY.iter().map(|(id, _)| *id).collect::<Vec<_>>());
        assert_eq!(views().len(), LIBRARY.len());
    }
}
