//! What transport emits: greenhouse gases from well to wheel, by how goods travel.
//!
//! Source: UK Government, Department for Energy Security and Net Zero, *Greenhouse gas reporting: conversion
//! factors 2025*, freighting goods. Crown copyright, used under the Open Government Licence v3.0. Each
//! constant names its row there; "well to wheel" is the row's tank-to-wheel and well-to-tank together, which is
//! what ISO 14083 asks to report.

use firmware_schemas::network::{Mode, TemperatureClass};

/// Container ship, average of all sizes.
pub const SEA: Factor = Factor { row: ["cargo ship", "Container ship", "Average", ""], grams_per_tonne_km: 19.77 };
/// All articulated lorries, diesel, average load.
pub const ROAD: Factor =
    Factor { row: ["hgv (all diesel)", "All artics", "", "Average laden"], grams_per_tonne_km: 96.23 };
/// All articulated lorries with refrigeration, diesel, average load.
pub const ROAD_COOLED: Factor =
    Factor { row: ["hgv refrigerated (all diesel)", "All artics", "", "Average laden"], grams_per_tonne_km: 111.34 };
/// Diesel vans up to 3.5 tonnes. A lane by road does not say what drives on it, so [`of`] never gives this.
pub const VAN: Factor = Factor { row: ["van", "Average (up to 3.5 tonnes)", "", "Diesel"], grams_per_tonne_km: 782.25 };
/// Freight train.
pub const RAIL: Factor = Factor { row: ["rail", "Freight train", "", ""], grams_per_tonne_km: 34.7 };
/// Long-haul freight flight, without radiative forcing: the gases alone, so that modes can be compared.
pub const AIR: Factor =
    Factor { row: ["freight flight", "Long-haul, to/from UK", "", "Without RF"], grams_per_tonne_km: 666.46 };
/// Long-haul freight flight with what it does to the upper air besides, for those who report that.
pub const AIR_WITH_FORCING: Factor =
    Factor { row: ["freight flight", "Long-haul, to/from UK", "", "With RF"], grams_per_tonne_km: 1034.55 };
/// The smallest sea-going general cargo ships. The tables have no inland barges; these come nearest.
pub const BARGE: Factor = Factor { row: ["cargo ship", "General cargo", "0-4999 dwt", ""], grams_per_tonne_km: 17.26 };

/// What carrying a tonne over a kilometre emits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factor {
    /// Mode, class, subclass and variant in the source.
    pub row: [&'static str; 4],
    /// In grams of carbon dioxide equivalent.
    pub grams_per_tonne_km: f64,
}

/// Grams of CO₂e for a tonne carried over a kilometre.
///
/// What is chilled or frozen goes in cooled lorries; for the other modes the tables make no difference. Moving
/// goods inside a site counts as nothing: it is part of the site's own energy.
#[must_use]
pub fn of(mode: Mode, temperature: TemperatureClass) -> f64 {
    let factor = match (mode, temperature) {
        (Mode::Sea, _) => SEA,
        (Mode::Road, TemperatureClass::Dry) => ROAD,
        (Mode::Road, TemperatureClass::Chilled | TemperatureClass::Frozen) => ROAD_COOLED,
        (Mode::Rail, _) => RAIL,
        (Mode::Air, _) => AIR,
        (Mode::Barge, _) => BARGE,
        (Mode::Internal, _) => return 0.0,
    };
    factor.grams_per_tonne_km
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
    fn factors_are_those_of_the_source() {
        let file = "bench/carbon/freight_factors_desnz2025.csv";
        let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").into();
        let root = std::env::var_os("PORTOLAN_SHARED").map_or(beside, std::path::PathBuf::from);
        let Ok(text) = std::fs::read_to_string(root.join(file)) else {
            eprintln!("SKIPPED factors_are_those_of_the_source: no {file} (name its parent with PORTOLAN_SHARED)");
            return;
        };
        let rows: Vec<Vec<String>> = text.lines().map(fields).collect();
        for factor in [SEA, ROAD, ROAD_COOLED, VAN, RAIL, AIR, AIR_WITH_FORCING, BARGE] {
            let row = rows.iter().find(|row| row[..4] == factor.row).unwrap_or_else(|| panic!("{factor:?}: no row"));
            let kilograms: f64 = row[6].parse().unwrap();
            assert!((kilograms * 1e3 - factor.grams_per_tonne_km).abs() < 1e-9, "{factor:?}: {row:?}");
        }
    }

    /// Of a line of CSV.
    fn fields(line: &str) -> Vec<String> {
        let (mut fields, mut is_quoted) = (vec![String::new()], false);
        for c in line.chars() {
            match c {
                '"' => is_quoted = !is_quoted,
                ',' if !is_quoted => fields.push(String::new()),
                _ => fields.last_mut().unwrap().push(c),
            }
        }
        fields
    }

    #[test]
    fn cooled_goods_emit_no_less() {
        for mode in Mode::ALL {
            assert!(of(*mode, TemperatureClass::Frozen) >= of(*mode, TemperatureClass::Dry), "{mode}");
        }
        assert!(of(Mode::Air, TemperatureClass::Dry) > of(Mode::Road, TemperatureClass::Dry));
        assert_eq!(of(Mode::Internal, TemperatureClass::Chilled), 0.0);
    }
}
