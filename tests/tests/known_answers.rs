//! Inventory theory with known answers: each case of the shared file is a test of its own.

use std::collections::BTreeSet;
use tests::known_answers::{self, Case, Verdict};
use tests::shared;

/// The cases of the shared file; `None`, said aloud, where there is none.
fn cases(test: &str) -> Option<Vec<Case>> {
    shared::folder(test, "bench/inventory")?;
    let file = shared::root().join(known_answers::FILE);
    Some(known_answers::read(&file).unwrap_or_else(|why| panic!("{why:#}")))
}

#[track_caller]
fn check(name: &str) {
    let Some(cases) = cases(name) else { return };
    let case = cases.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"));
    let outcome = known_answers::judge(case, &shared::root());
    assert_eq!(
        outcome.verdict,
        Verdict::Right,
        "{name}: {}\ncomputed {}\nexpected {}",
        outcome.why,
        outcome.computed,
        outcome.expected
    );
}

/// A test for each case, and the list of their names.
macro_rules! cases {
    ($($name:ident,)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        $(
            #[test]
            #[allow(non_snake_case, reason = "named as in the file")]
            fn $name() {
                check(stringify!($name));
            }
        )*
    };
}

cases! {
    eoq,
    eoq_backorders,
    eoq_all_units_discount,
    joint_replenishment,
    wagner_whitin,
    newsvendor_normal_and_basestock,
    newsvendor_poisson_and_empirical,
    r_q_poisson_exact_1,
    r_q_poisson_exact_2,
    s_S_exact_poisson_10,
    s_S_exact_poisson_20,
    s_S_exact_poisson_30,
    clark_scarf_normal_3stage,
    clark_scarf_poisson_4stage,
    lost_sales_L1_p4,
    lost_sales_L2_p4,
    one_warehouse_multi_retailer_exact,
    lateral_transshipment_2,
    bullwhip,
    eoq_with_disruptions,
    base_stock_with_disruptions,
    service_levels_and_safety_stock,
    ocba_allocation,
    allocation_under_shortage,
    available_to_promise,
    perishables_fefo,
    gsm_tree_4,
    gsm_tree_10_assembly,
    gsm_willems_chain_01,
    gsm_willems_chain_02,
    gsm_willems_chain_03,
    gsm_willems_chain_04,
    gsm_willems_chain_06,
    gsm_willems_chain_07,
    gsm_willems_chain_08,
    gsm_willems_chain_10,
    gsm_willems_chain_11,
    gsm_willems_chain_14,
    gsm_willems_chain_15,
    gsm_willems_chain_22_bounds,
    gsm_willems_chain_20_bounds,
    trajectory_serial_base_stock,
    trajectory_owmr_sS_proportional,
    beer_game_base_stock,
    vn2_simulator_weeks_1_2,
}

#[test]
fn every_case_of_the_file_is_a_test() {
    let Some(cases) = cases("every_case_of_the_file_is_a_test") else { return };
    let in_file: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(in_file.len(), cases.len(), "names are unique");
    assert_eq!(in_file, NAMES.iter().copied().collect());
}
