//! Routing problems as JSON; a line `%%` parts the problem from a solution.
//!
//! What is refused is refused with lines and fields. What is taken and small is searched for a moment: the judge finds
//! nothing in the plan but jobs that must be served and cannot be, and the solution reads back as the plan.
#![no_main]

use libfuzzer_sys::fuzz_target;
use routing::check::check;
use routing::format::{JsonError, JsonPlan, read_json, write_geojson, write_solution, write_svg};
use routing::search::{Settings, Tick, solve};

fuzz_target!(|input: &str| {
    let (problem, solution) = input.split_once("%%").unwrap_or((input, ""));
    let case = match read_json(problem) {
        Ok(case) => case,
        Err(JsonError::Wrong(faults)) => {
            assert!(!faults.is_empty() && faults.len() <= 100);
            assert!(faults.iter().all(|f| f.line >= 1 && !f.what.is_empty()), "{faults:?}");
            return;
        }
        Err(why) => {
            assert!(why.to_string().starts_with("line "), "{why}");
            return;
        }
    };
    if let Ok(read) = JsonPlan::read(&case, solution) {
        let _judged = check(&case.problem, &read.plan).is_ok();
    }
    let problem = &case.problem;
    if problem.jobs().len() > 20 || problem.vehicles().len() > 10 {
        return;
    }
    let settings = Settings { iterations: Some(16), ..Settings::default() };
    let plan = solve(problem, &settings, &mut |_| Tick::Continue, &mut |_, _| {}).plan;
    if let Err(faults) = check(problem, &plan) {
        // What was frozen may be late already.
        let frozen = problem.given().iter().any(|g| g.frozen > 0);
        assert!(frozen || faults.iter().all(|f| f.code() == "mandatory_unserved"), "{faults:?}");
        if frozen {
            return;
        }
    }
    let text = write_solution(&case, &plan).expect("the plan is right");
    let again = JsonPlan::read(&case, &text).expect("our own form").plan;
    assert_eq!(again.unserved, plan.unserved);
    assert_eq!(check(problem, &again).is_ok(), check(problem, &plan).is_ok());
    let _drawn = (write_svg(&case, &plan).is_ok(), write_geojson(&case, &plan).is_ok());
});
