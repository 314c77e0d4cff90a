//! The language as a whole: what it does to the demo network, and what it says when something is wrong.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::situation::tests::{demo, start};
use crate::situation::{Assumptions, Capacity, Demand, FACTOR_ONE, Origin, Policy, Route, StockPosition, Struck, When};
use std::sync::OnceLock;

fn before() -> Situation {
    static DEMO: OnceLock<Situation> = OnceLock::new();
    DEMO.get_or_init(|| Situation::from_network(&demo(), start(), &Assumptions::default())).clone()
}

#[track_caller]
fn applied(text: &str) -> Situation {
    let mut situation = before();
    let result = Scenario::parse("test.toml", text).and_then(|scenario| scenario.apply(&mut situation));
    result.unwrap_or_else(|errors| panic!("{text}\n{}", lines(&errors)));
    situation
}

/// A document of these changes.
fn document(changes: &str) -> String {
    format!("name = \"test\"\nstory = \"It is tested.\"\n{changes}")
}

#[track_caller]
fn changed(change: &str) -> Situation {
    applied(&document(&format!("change = [{change}]")))
}

fn lines(errors: &[ScenarioError]) -> String {
    errors.iter().map(|error| format!("{error}\n")).collect()
}

fn read(path: &str) -> String {
    let path = format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path}: {why}"))
}

fn at<'s>(situation: &'s Situation, site: &str, sku: &str) -> &'s StockPosition {
    let site = situation.sites.iter().position(|spec| spec.site.as_str() == site).unwrap();
    let sku = situation.skus.iter().position(|spec| spec.sku.as_str() == sku).unwrap();
    &situation.positions[situation.index().get(site as u32, sku as u32).unwrap() as usize]
}

const LIBRARY: [&str; 7] = [
    "port_closed_three_weeks",
    "suez_closed",
    "supplier_half_capacity",
    "promotion_30_percent",
    "cold_store_fails",
    "new_regional_warehouse",
    "policy_change",
];

#[test]
fn the_library_applies_to_the_demo() {
    assert_eq!(before().check(), Ok(()));
    for name in LIBRARY {
        let text = read(&format!("scenarios/{name}.toml"));
        let scenario = Scenario::parse(name, &text).unwrap_or_else(|errors| panic!("{}", lines(&errors)));
        let mut situation = before();
        scenario.apply(&mut situation).unwrap_or_else(|errors| panic!("{}", lines(&errors)));
        assert_ne!(situation, before(), "{name} changes nothing");
        assert_eq!(situation.check(), Ok(()), "{name}");
        assert!(scenario.story.ends_with('.') && scenario.story_zh.is_some() && scenario.name_zh.is_some(), "{name}");
    }
    let n_files = std::fs::read_dir(format!("{}/../scenarios", env!("CARGO_MANIFEST_DIR"))).unwrap().count();
    assert_eq!(n_files, LIBRARY.len(), "each file of the library is tested");
}

#[test]
fn all_scenarios_of_the_library_compose() {
    let mut situation = before();
    for name in LIBRARY {
        let text = read(&format!("scenarios/{name}.toml"));
        Scenario::parse(name, &text).unwrap().apply(&mut situation).unwrap();
    }
    assert_eq!(situation.check(), Ok(()));
}

/// What the page shows for each kind, as it stands there.
fn examples() -> Vec<String> {
    let page = read("docs/scenarios.md");
    page.split('`').filter(|code| code.starts_with("{ kind = ")).map(str::to_owned).collect()
}

#[test]
fn every_kind_has_an_example_in_the_documentation_that_works() {
    for (kind, _) in change::KINDS {
        let start = format!("{{ kind = \"{kind}\"");
        assert!(examples().iter().any(|example| example.starts_with(&start)), "{kind} has no example");
    }
    for example in examples() {
        assert_ne!(changed(&example), before(), "{example} changes nothing");
    }
}

#[test]
fn the_same_document_in_json_says_the_same() {
    let toml = "[[change]]\nkind = \"policy\"\nsite_kinds = [\"shop\"]\nscale = 1.5\n";
    let json = r#"{"name": "test", "story": "It is tested.",
                   "change": [{"kind": "policy", "site_kinds": ["shop"], "scale": 1.5}]}"#;
    assert_eq!(applied(&document(toml)), applied(json));
}

#[test]
fn levels_that_are_written_are_read_again_as_they_were() {
    let mut situation = before();
    let levelled = |position: &StockPosition| !matches!(position.policy, Policy::Never | Policy::Forecast { .. });
    let all: Vec<u32> = (0..).zip(&situation.positions).filter(|(_, it)| levelled(it)).map(|(at, _)| at).collect();
    assert!(all.len() > 1_000, "{}", all.len());
    for (n, at) in all.iter().enumerate() {
        let level = n as i64;
        situation.positions[*at as usize].policy = match n % 4 {
            0 => Policy::BaseStock { level },
            1 => Policy::MinMax { min: level, max: 2 * level },
            2 => Policy::ReorderLot { reorder_point: level, lot: 7 },
            _ => Policy::EchelonBaseStock { level },
        };
    }
    assert_eq!(applied(&document(&levels_toml(&situation, all))), situation);
}

#[test]
fn positions_are_meant_by_names_and_all_wrong_names_are_said() {
    let which = |sites: &[&str], skus: &[&str], classes: &[&str]| {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Which { sites: list(sites), skus: list(skus), classes: list(classes) }.positions(&before())
    };
    let count = |found: Vec<bool>| found.into_iter().filter(|is| *is).count();
    let all = before().positions.len();
    assert_eq!(which(&[], &[], &[]).map(count), Ok(all));
    let [a, rest] = [["A"].as_slice(), &["B", "C"]].map(|classes| count(which(&[], &[], classes).unwrap()));
    assert!(a > 0 && a + rest == all, "{a} + {rest} of {all}");
    assert!(count(which(&["RW-*"], &["HOM-*"], &["A", "B", "C"]).unwrap()) < all);
    let errors = which(&["RW-LONDN"], &["HOM-07", "NOTHING-*"], &["Z"]).unwrap_err();
    let fields: Vec<&str> = errors.iter().filter_map(|error| error.field.as_deref()).collect();
    assert_eq!(fields, ["/sites/0", "/skus/1", "/classes/0"], "{errors:#?}");
}

#[test]
fn a_closed_port_is_closed_on_the_days_that_are_named() {
    let check = |times: &str, expected: When| {
        let situation = changed(&format!("{{ kind = \"site_closed\", sites = \"GBFXT\", {times} }}"));
        let [disruption] = situation.disruptions.as_slice() else { panic!("{:?}", situation.disruptions) };
        assert_eq!(disruption.when, expected, "{times}");
        assert!(matches!(disruption.strikes, Struck::Site(_)));
        assert_eq!(disruption.name, "test: 1. site_closed GBFXT");
    };
    check("from = \"day 14\", until = \"+35d\"", When::Days { from: 14, until: 35 });
    check("from = 2026-11-24, until = \"2026-12-01\"", When::Days { from: 1, until: 8 });
    check("from = 2026-10-01, until = 2026-11-25", When::Days { from: 0, until: 2 });
    check("until = 3", When::Days { from: 0, until: 3 });
    check("mean_days_between = 90, mean_days_lasting = 4.5", When::Random { mean_between: 90.0, mean_lasting: 4.5 });
}

#[test]
fn a_promotion_changes_the_factors_of_its_days_alone() {
    let change = "{ kind = \"demand\", skus = [\"HOM-07\"], factor = 1.5, from = 10, until = 12 }";
    let situation = changed(change);
    let row = |situation: &Situation, sku: &str, day: usize| {
        let Demand::Random { factor: Some(row), .. } = at(situation, "RW-LONDON", sku).demand else { panic!("{sku}") };
        f64::from(situation.factors[row as usize][day]) / f64::from(FACTOR_ONE)
    };
    for day in [0, 9, 10, 11, 12, 300] {
        let factor = if (10..12).contains(&day) { 1.5 } else { 1.0 };
        let (old, new) = (row(&before(), "HOM-07", day), row(&situation, "HOM-07", day));
        assert!((new - old * factor).abs() < 1e-5, "{day}: {old} {new}");
        assert_eq!(row(&before(), "SOU-02", day), row(&situation, "SOU-02", day));
    }
    // Twice makes no more rows than there are positions that differ.
    let twice = changed(&format!("{change}, {change}"));
    assert_eq!(twice.factors.len(), situation.factors.len());
}

#[test]
fn half_a_capacity_is_half_of_what_is_sent() {
    let flow = |situation: &Situation| -> f64 {
        let site = situation.sites.iter().position(|spec| spec.site.as_str() == "SUP-YIWU").unwrap() as u32;
        let through = situation.mean_flow();
        situation.positions.iter().zip(through).filter(|(at, _)| at.site == site).map(|(_, flow)| flow).sum()
    };
    let usual = flow(&before());
    assert!(usual > 1.0, "{usual}");
    let for_ever = changed("{ kind = \"supplier_capacity\", sites = \"SUP-YIWU\", factor = 0.5 }");
    let site = for_ever.sites.iter().find(|spec| spec.site.as_str() == "SUP-YIWU").unwrap();
    assert_eq!(site.ships_per_day_max, Some(Capacity::Pieces((usual * 0.5).ceil() as i64)));
    let for_a_while = changed("{ kind = \"supplier_capacity\", sites = \"SUP-YIWU\", factor = 0.5, until = 9 }");
    let site = for_a_while.sites.iter().find(|spec| spec.site.as_str() == "SUP-YIWU").unwrap();
    let (Some(Capacity::Pieces(all)), Struck::SiteCapacity(_, share)) =
        (site.ships_per_day_max, &for_a_while.disruptions[0].strikes)
    else {
        panic!("{:?}", for_a_while.disruptions)
    };
    assert_eq!(all as f64 * share, (usual * 0.5).ceil());
}

#[test]
fn a_closed_canal_strikes_the_lanes_through_it_together() {
    let situation =
        changed("{ kind = \"passage_closed\", passage = \"suez\", mean_days_between = 400, mean_days_lasting = 9 }");
    let names: Vec<&str> = situation.disruptions.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["test: 1. passage_closed suez"; 10]); // five lanes from Asia, and back
    let round = changed("{ kind = \"passage_closed\", passage = \"suez\", detour_factor = 2 }");
    let lane = |situation: &Situation| {
        situation.lanes.iter().find(|lane| lane.lane.as_str() == "SEA-NGB-FXT").unwrap().clone()
    };
    let (old, new) = (lane(&before()), lane(&round));
    assert_eq!((new.lead_time_h, new.distance.0), (2.0 * old.lead_time_h, 2 * old.distance.0));
    assert_eq!(round.disruptions, []);
}

#[test]
fn a_new_site_takes_its_place_in_the_network() {
    let text = read("scenarios/new_regional_warehouse.toml");
    let situation = applied(&text);
    let mean = |situation: &Situation| -> f64 {
        let mut flow = situation.clone();
        flow.positions.iter_mut().for_each(|position| position.sources.clear());
        flow.mean_flow().iter().sum()
    };
    assert!((mean(&situation) / mean(&before()) - 1.0).abs() < 1e-5, "demand is moved, not made");
    let leeds = at(&situation, "RW-LEEDS", "HOM-07");
    assert!(leeds.on_hand > 0 && leeds.holding_minor_per_year > 0.0);
    assert!(matches!(leeds.policy, Policy::MinMax { min, max } if 0 < min && min < max));
    let shop =
        situation.positions.iter().find(|position| situation.sites[position.site as usize].site.as_str() == "SHOP-113");
    let Origin::Position(source) = shop.unwrap().sources[0].from else { panic!("{shop:?}") };
    assert_eq!(situation.sites[situation.positions[source as usize].site as usize].site.as_str(), "RW-LEEDS");
    assert!(situation.lanes.iter().any(|lane| lane.lane.as_str() == "RW-LEEDS-SHOP-113" && lane.distance.0 > 500));
    assert!(situation.lanes.iter().any(|lane| lane.lane.as_str() == "TRUNK-LEEDS~back"));
}

#[test]
fn what_strikes_a_lane_still_does_when_others_are_removed() {
    let situation = changed(
        "{ kind = \"lane_closed\", lanes = [\"HAUL-FXT\", \"PRE-YIWU\"], until = 3 }, \
         { kind = \"remove_lane\", lanes = \"PRE-*\" }",
    );
    let [disruption] = situation.disruptions.as_slice() else { panic!("{:?}", situation.disruptions) };
    let Struck::Lane(lane) = disruption.strikes else { panic!("{disruption:?}") };
    assert_eq!(situation.lanes[lane as usize].lane.as_str(), "HAUL-FXT");
}

#[test]
fn a_lead_time_replaces_the_way() {
    let situation = changed(
        "{ kind = \"lead_time\", sites = \"CW-DAVENTRY\", from_sites = \"SUP-YIWU\", days = 3, may_cross = true }",
    );
    let direct = |position: &&StockPosition| {
        position.sources.iter().any(|source| matches!(source.route, Route::Direct { may_cross: true, .. }))
    };
    let n_direct = situation.positions.iter().filter(direct).count();
    assert!((1..76).contains(&n_direct), "{n_direct}");
}

#[track_caller]
fn check(changes: &str, expected: Expect) {
    check_text("test.toml", &document(changes), expected);
}

#[track_caller]
fn check_text(file: &str, text: &str, expected: Expect) {
    let mut situation = before();
    let result = Scenario::parse(file, text).and_then(|scenario| scenario.apply(&mut situation));
    expected.assert_eq(&lines(&result.err().unwrap_or_default()));
    assert_eq!(situation, before(), "nothing is half applied");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    check(
        r#"
[[change]]
kind = "site_closed"
sites = ["GBFTX"]
from = "day 14"

[[change]]
kind = "lane_slower"
lanes = ["SEA-NGB-FX"]
factor = 2

[[change]]
kind = "cold_store_fails"
sites = ["SHOP-001"]
skus = ["HOM-01"]
"#,
        expect![[r#"
            test.toml:6: change[0].sites[0]: no site is called "GBFTX", perhaps "GBFXT"
            test.toml:11: change[1].lanes[0]: no lane is called "SEA-NGB-FX", perhaps "SEA-NGB-FXT"
            test.toml:14: change[2]: matches no stock position of chilled or frozen goods
        "#]],
    );
}

#[test]
fn values_that_cannot_be_are_refused_all_at_once() {
    check(
        r#"
[[change]]
kind = "lead_time"
sites = "CW-DAVENTRY"
days = -3

[[change]]
kind = "lead_time"
sites = "CW-DAVENTRY"
distribution = [{ days = 2, probability = 0.5 }, { days = 4, probability = 0.4 }]

[[change]]
kind = "site_closed"
sites = "GBFXT"
from = 2026-12-24
until = 2026-12-01
because = "strike"

[[change]]
kind = "sight_closed"

[[change]]
kind = "ordering"
multiple = 0

[[change]]
kind = "sourcing"
sites = "RW-LONDON"
sourcing = "share"
sources = [{ site = "CW-DAVENTRY", share_permille = 600 }, { outside = true, lead_time_days = 2, share_permille = 300 }]

[[change]]
kind = "price"
prices = [{ from = 0, minor = 5 }, { from = 0, minor = 4 }]

[[change]]
kind = "policy"
policy = "min_max"
min = 20
max = 10
"#,
        expect![[r#"
            test.toml:7: change[0].days: expected a whole number from 1 to 730, found -3
            test.toml:12: change[1].distribution: probabilities sum to 0.9, expected 1
            test.toml:18: change[2].until: not after from
            test.toml:19: change[2].because: unknown, expected one of kind, sites, site_kinds, partner_classes, tiers, from, until, mean_days_between, mean_days_lasting
            test.toml:22: change[3].kind: expected one of demand, site_closed, lane_closed, supplier_capacity, site_capacity, lane_slower, lane_capacity, lead_time, price, cost, freight, policy, levels, ordering, review, sourcing, allocation, backorders, new_site, new_lane, remove_lane, passage_closed, cold_store_fails, lateral (perhaps site_closed), found "sight_closed"
            test.toml:26: change[4].multiple: expected a whole number from 1 to 134217728, found 0
            test.toml:32: change[5].sources: share_permille sums to 900, expected 1000
            test.toml:36: change[6].prices[1].from: price lists begin from 0 pieces and ascend
            test.toml:38: change[7]: min is above max
        "#]],
    );
}

#[test]
fn a_situation_that_makes_no_sense_is_laid_to_the_change_that_made_it() {
    check(
        r#"
[[change]]
kind = "review"
site_kinds = "shop"
weekdays = "mon"

[[change]]
kind = "sourcing"
sites = "CW-DAVENTRY"
skus = "HOM-01"
sources = [{ site = "RW-LONDON" }]
"#,
        expect![[r#"
            test.toml:9: change[1]: cycle in supply: CW-DAVENTRY/HOM-01 from RW-LONDON/HOM-01 from CW-DAVENTRY/HOM-01
        "#]],
    );
}

#[test]
fn json_is_refused_with_pointers() {
    check_text(
        "test.json",
        "{\"name\": \"x\", \n \"story\": }",
        expect![[r#"
        test.json:2: expected value at line 2 column 11
    "#]],
    );
    check_text(
        "test.json",
        r#"{"name": "x", "story": "y.", "more": 1, "change": [{"kind": "demand", "factor": -1}, {"kind": "policy", "polcy": 3, "min": 2}]}"#,
        expect![[r#"
            test.json: /change/0/factor: expected a number from 0 to 1000000, found -1
            test.json: /change/1: needs either policy or scale
            test.json: /change/1/polcy: unknown, perhaps "policy", expected one of kind, sites, site_kinds, partner_classes, tiers, skus, classes, temperatures, scale, policy, level, level_days, min, min_days, max, max_days, reorder_point, reorder_point_days, lot, lot_days, average_days, alpha_permille, cover_days, safety, safety_days
            test.json: /more: unknown, expected one of name, name_zh, story, story_zh, change
        "#]],
    );
    check_text(
        "test.json",
        r#"{"name": "x", "story": "y.", "change": [{"kind": "demand", "sites": ["C-002"], "factor": 1},
            {"kind": "demand", "sites": ["SHOP-001", "CW-DAVENTRI"], "factor": 1},
            {"kind": "new_site", "site": "GBFXT", "site_kind": "shop", "lat": 0, "lon": 0, "source": "CW-DAVENTRY",
             "lanes": [{"mode": "road", "from": "GBFXT", "lead_time_h": 1}], "policy": "never"}]}"#,
        expect![[r#"
            test.json: /change/0: matches no stock position with demand
            test.json: /change/1/sites/1: no site is called "CW-DAVENTRI", perhaps "CW-DAVENTRY"
            test.json: /change/2/site: there is already a site called "GBFXT"
        "#]],
    );
}

#[test]
fn documents_that_are_none_are_refused() {
    check_text(
        "test.toml",
        "name = ",
        expect![[r#"
        test.toml:1: string values must be quoted, expected literal string
    "#]],
    );
    check_text(
        "test.toml",
        "",
        expect![[r#"
        test.toml: name: required and missing
        test.toml: story: required and missing
        test.toml: change: required and missing
    "#]],
    );
    check_text(
        "test.toml",
        &document("change = []"),
        expect![[r#"
        test.toml:3: change: expected at least one, found none
    "#]],
    );
    check_text(
        "test.toml",
        &document("change = [1, { kind = \"demand\" }]"),
        expect![[r#"
        test.toml:3: change[0]: expected a table, found 1
        test.toml:3: change[1].factor: required and missing
    "#]],
    );
}

#[test]
fn a_new_site_that_was_refused_is_not_missed_again() {
    check(
        r#"
[[change]]
kind = "new_site"
site = "RW-LEEDS"
site_kind = "regional_warehouse"
lat = 53.8
lon = -1.5
source = "CW-DAVENTRY"
lanes = [{ to = "RW-LONDON", mode = "road", lead_time_h = 3 }]
policy = "base_stock"
level_days = 9

[[change]]
kind = "site_closed"
sites = "RW-LEEDS"
until = 4
"#,
        expect![[r#"
            test.toml:10: change[0].source: no lane leads there from "CW-DAVENTRY"
        "#]],
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Words of the examples, in places where they do not belong.
    #[test]
    fn no_document_makes_it_panic(
        picks in prop::collection::vec((0_usize..1_000, 0_usize..1_000, 0_usize..1_000), 1..6),
        text in "[ -~\n]{0,40}",
    ) {
        let examples = examples();
        let others =
            ["-1", "0", "1e300", "nan", "\"\"", "[]", "{}", "99999999999", "\"*\"", "\"day 3\"", "true", "1979-05-27"];
        let words: Vec<&str> = examples.iter().flat_map(|example| example.split([',', '=', '[', ']'])).collect();
        let mut changes = Vec::new();
        for (example, word, by) in picks {
            let example = &examples[example % examples.len()];
            let own: Vec<&str> = example.split([',', '=', '[', ']']).collect();
            let old = own[word % own.len()];
            let all = words.len() + others.len();
            let new = words.get(by * 7 % all).copied().unwrap_or(others[by % others.len()]);
            changes.push(if old.trim().is_empty() { example.clone() } else { example.replacen(old, new, 1) });
        }
        let mutated = document(&format!("change = [{}]", changes.join(", ")));
        for text in [mutated, document(&text), text] {
            let mut situation = before();
            if let Ok(scenario) = Scenario::parse("test.toml", &text)
                && scenario.apply(&mut situation).is_err()
            {
                prop_assert_eq!(situation, before());
            }
        }
    }
}
