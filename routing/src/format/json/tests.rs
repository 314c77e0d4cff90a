use super::*;
use crate::check::{check, schedule};
use crate::format::{write_geojson, write_svg};
use crate::plan::Plan;
use crate::search::{Settings, Tick, solve};
use proptest::prelude::*;

/// What VROOM's documentation shows, with a matrix, breaks, skills and a shipment.
const VROOM: &str = r#"{
  "vehicles": [
    {"id": 1, "start_index": 0, "end_index": 3, "capacity": [4], "skills": [1, 14],
     "time_window": [28800, 43200],
     "breaks": [{"id": 9, "service": 300, "time_windows": [[32400, 34200]]}]},
    {"id": 2, "start_index": 0, "end_index": 3, "capacity": [4], "skills": [2, 14], "max_tasks": 4}
  ],
  "jobs": [
    {"id": 1, "service": 300, "delivery": [1], "location_index": 1, "skills": [1],
     "time_windows": [[32400, 36000]]},
    {"id": 2, "service": 300, "pickup": [1], "location_index": 2, "skills": [1]},
    {"id": 3, "service": 300, "delivery": [1], "pickup": [2], "location_index": 3, "skills": [2]},
    {"id": 4, "service": 300, "delivery": [9], "location_index": 1, "priority": 10}
  ],
  "shipments": [
    {"amount": [1], "skills": [2],
     "pickup": {"id": 4, "service": 300, "location_index": 2},
     "delivery": {"id": 6, "service": 300, "location_index": 1}}
  ],
  "matrices": {"car": {"durations": [
    [0, 2104, 197, 1299],
    [2103, 0, 2255, 3152],
    [197, 2256, 0, 1102],
    [1299, 3153, 1102, 0]
  ]}},
  "options": {"g": false}
}"#;

/// On the earth, with all that is ours.
const OURS: &str = r#"{
  "name": "Two trips <in> Vienna",
  "speed_kmh": 40,
  "depots": [{"id": 7, "location": [16.37, 48.21], "time_window": [0, 86000]}],
  "vehicles": [{"id": 1, "depot": 7, "count": 2, "capacity": [2], "max_duration": 40000,
    "costs": {"fixed": 50, "per_km": 1, "per_hour": 0, "per_hour_on_duty": 25},
    "speed_profile": "rush", "reload": {"depots": [7], "service": 600, "max_trips": 3}}],
  "jobs": [
    {"id": 1, "location": [16.40, 48.22], "delivery": [1], "goods": "food"},
    {"id": 2, "location": [16.41, 48.20], "delivery": [1], "goods": "paint", "mandatory": true},
    {"id": 3, "location": [16.30, 48.25], "delivery": [1], "prize": 1},
    {"id": 4, "location": [16.35, 48.19], "delivery": [1], "release": 3000,
     "soft_window": {"window": [5000, 6000], "late_cost_per_hour": 30}}
  ],
  "speed_profiles": {"rush": {"pieces": [[0, 1.0], [25200, 0.5], [32400, 1.0]]}},
  "apart": [["food", "paint"]]
}"#;

fn solved(case: &Case) -> Plan {
    let settings = Settings { iterations: Some(300), ..Settings::default() };
    solve(&case.problem, &settings, &mut |_| Tick::Continue, &mut |_, _| {}).plan
}

#[test]
fn what_vrooms_users_send_is_solved_and_told_in_their_form() {
    let case = read_json(VROOM).expect("it is VROOM's form");
    let plan = solved(&case);
    let text = write_solution(&case, &plan).expect("the plan is right");
    let told: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(told["unassigned"][0]["id"], 4);
    assert_eq!(told["unassigned"][0]["reason"], "too_big");
    let summary = &told["summary"];
    assert_eq!(
        (&summary["unassigned"], &summary["routes"], &summary["service"]),
        (&1.into(), &2.into(), &1_500.into())
    );
    // Time at the wheel is what it costs: vehicle 1 by way of 1 and 2, vehicle 2 by way of 2 and 1.
    assert_eq!(summary["cost"], 2_104 + 2_255 + 1_102 + 197 + 2_256 + 3_152);
    assert_eq!(summary["cost"], summary["duration"]);
    let kinds: Vec<_> = told["routes"][0]["steps"].as_array().expect("steps").iter().map(|s| &s["type"]).collect();
    assert!(kinds.contains(&&"break".into()), "{kinds:?}");
}

#[test]
fn a_solution_that_is_read_back_is_the_same_plan() {
    for text in [VROOM, OURS] {
        let case = read_json(text).expect("well formed");
        let plan = solved(&case);
        let text = write_solution(&case, &plan).expect("the plan is right");
        let read = JsonPlan::read(&case, &text).expect("our own form");
        assert_eq!(check(&case.problem, &read.plan).is_ok(), check(&case.problem, &plan).is_ok());
        for (a, b) in read.plan.routes.iter().zip(&plan.routes) {
            assert_eq!((&a.visits, schedule(&case.problem, a)), (&b.visits, schedule(&case.problem, b)));
        }
        assert_eq!(read.plan.unserved, plan.unserved);
    }
}

#[test]
fn what_is_ours_is_read_and_kept() {
    let case = read_json(OURS).expect("well formed");
    let plan = solved(&case);
    let totals = check(&case.problem, &plan).expect("the plan is right");
    // A unit of money, split so that a kilometre at 1 and an hour at 25 are whole by the metre and the second.
    assert_eq!((case.money, case.problem.vehicles()[0].fixed_cost), (18_000, 50 * 18_000));
    assert!(totals.cost > 0 && !plan.unserved.contains(&1));
    let food_and_paint = plan.routes.iter().any(|r| {
        crate::check::trips(r).iter().any(|&(a, b)| {
            let jobs: Vec<usize> = r.visits[a..b].iter().map(|v| v.job).collect();
            jobs.contains(&0) && jobs.contains(&1)
        })
    });
    assert!(!food_and_paint, "{plan:?}");
    let map: serde_json::Value =
        serde_json::from_str(&write_geojson(&case, &plan).expect("it is on the earth")).expect("it is JSON");
    let features = map["features"].as_array().expect("features");
    let of = |kind: &str| features.iter().filter(|f| f["properties"]["kind"] == kind).count();
    assert_eq!((of("depot"), of("route")), (1, plan.routes.len()));
    assert_eq!(of("stop") + of("unserved"), 4);
    let picture = write_svg(&case, &plan).expect("it can be drawn");
    assert!(picture.contains("Two trips &lt;in&gt; Vienna") && picture.ends_with("</svg>\n"), "{picture}");
}

/// After the change the problem is refused with exactly this message.
#[track_caller]
fn check_refused(text: &str, change: (&str, &str), expected: &str) {
    assert!(text.contains(change.0), "{change:?}");
    let text = text.replacen(change.0, change.1, 1);
    assert_eq!(read_json(&text).expect_err("the text is broken").to_string(), expected);
}

#[test]
fn errors_name_line_and_field() {
    let matrix = "line 23: matrices.car.durations[2][1]: -2256 is outside 0 to 1000000000";
    check_refused(VROOM, ("2256", "-2256"), matrix);
    let window = "line 10: jobs[0].time_windows[0]: ends at 32400, before it starts at 36000";
    check_refused(VROOM, ("[32400, 36000]", "[36000, 32400]"), window);
    let demand = "line 9: jobs[0].delivery[0]: 2147483648 is outside 0 to 2147483647";
    check_refused(VROOM, ("\"delivery\": [1]", "\"delivery\": [2147483648]"), demand);
    check_refused(
        VROOM,
        ("\"id\": 9, \"service\": 300", "\"id\": 9, \"service\": \"soon\""),
        "line 5, column 43: vehicles[0].breaks[0].service: invalid type: string \"soon\", expected i64",
    );
    check_refused(
        VROOM,
        ("[2, 14], \"max_tasks\"", "[2, 14], \"max_task\""),
        "line 6, column 94: vehicles[1].max_task: unknown field `max_task`, expected one of `id`, `description`, `profile`, `depot …",
    );
    check_refused(
        OURS,
        ("[16.30, 48.25]", "[48.25, 116.30]"),
        "line 11: jobs[2].location: longitude, then latitude, in degrees",
    );
    check_refused(
        OURS,
        ("\"delivery\": [1], \"goods\": \"paint\"", "\"delivery\": [5], \"goods\": \"paint\""),
        "line 10: jobs[1]: job 1 must be served and fits no vehicle",
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = OURS
        .replace("\"count\": 2", "\"count\": 0")
        .replace("[5000, 6000]", "[6000, 5000]")
        .replace("\"id\": 3", "\"id\": 2");
    let Err(JsonError::Wrong(faults)) = read_json(&text) else { panic!("it is wrong") };
    let codes: Vec<_> = faults.iter().map(|f| (f.line, f.code)).collect();
    assert_eq!(codes, [(13, "window"), (11, "duplicate")]);
    let Err(JsonError::Wrong(faults)) = read_json(&OURS.replace("\"count\": 2", "\"count\": 0")) else { panic!() };
    assert_eq!(faults[0].code, "no_vehicle");
}

#[test]
fn nonsense_is_refused_quickly() {
    let megabyte = |text: &str| text.repeat(1_000_000 / text.len());
    for text in [megabyte("["), megabyte("{\"a\":"), megabyte("7,"), megabyte("\u{0}x"), megabyte("\"\\")] {
        assert!(matches!(read_json(&text), Err(JsonError::Syntax { line: 1, .. })), "{:.20}", text);
    }
    let rows =
        format!("{{\"vehicles\":[],\"matrices\":{{\"car\":{{\"durations\":[{}]}}}}}}", vec!["[-1]"; 200_000].join(","));
    let Err(JsonError::Wrong(faults)) = read_json(&rows) else { panic!("it is wrong") };
    assert!(faults.len() == 100, "{}", faults.len());
}

#[test]
fn steps_are_where_the_search_begins() {
    let steps = ", \"steps\": [{\"type\": \"start\"}, {\"type\": \"job\", \"id\": 2}, {\"type\": \"end\"}], \"frozen_steps\": 1}";
    let text = VROOM
        .replace("\"time_windows\": [[32400, 34200]]}]}", &format!("\"time_windows\": [[32400, 34200]]}}]{steps}"));
    let case = read_json(&text).expect("well formed");
    let plan = solved(&case);
    let route = plan.routes.iter().find(|r| r.vehicle == 0).expect("vehicle 1 is on its way");
    assert_eq!(case.id(route.visits[0]), 2);
    check_refused(
        &text,
        ("\"type\": \"job\", \"id\": 2", "\"type\": \"job\", \"id\": 22"),
        "line 5: vehicles[0].steps[1]: there is no job 22",
    );
}

proptest! {
    #[test]
    fn no_change_of_a_byte_makes_it_panic(at in 0_usize..1_500, byte in 32_u8..127, ours: bool) {
        let mut text = if ours { OURS } else { VROOM }.to_owned().into_bytes();
        let at = at % text.len();
        text[at] = byte;
        if let Ok(text) = String::from_utf8(text)
            && let Ok(case) = read_json(&text)
        {
            let plan = Plan { routes: vec![], unserved: (0..case.problem.jobs().len()).collect() };
            prop_assert!(write_solution(&case, &plan).is_ok());
        }
    }
}
