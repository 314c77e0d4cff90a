//! Routing problems as text. The first byte chooses the reader (`0` `.vrp`, `1` Solomon, `2` Li-Lim); a line `%%`
//! parts the problem from a solution.
//!
//! What is taken and small is searched for a moment: the judge finds nothing in the plan but jobs that must be served
//! and cannot be, and the plan reads back as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use routing::check::check;
use routing::format::{Scale, read_li_lim, read_solomon, read_vrplib};
use routing::search::{Settings, Tick, solve};

fuzz_target!(|input: &str| {
    let mut chars = input.chars();
    let Some(choice) = chars.next() else { return };
    let (problem, solution) = chars.as_str().split_once("%%").unwrap_or((chars.as_str(), ""));
    let read = match choice {
        '0' => read_vrplib(problem, Scale::WHOLE),
        '1' => read_solomon(problem, Scale::DIMACS),
        _ => read_li_lim(problem, Scale::THOUSANDTHS),
    };
    let instance = match read {
        Ok(instance) => instance,
        Err(why) => {
            assert!(!why.to_string().is_empty());
            return;
        }
    };
    if let Ok(read) = instance.read_sol(solution, 1) {
        let _judged = check(&instance.problem, &read.plan).is_ok();
    }
    if instance.problem.jobs().len() > 30 || instance.problem.vehicles().len() > 30 {
        return;
    }
    let settings = Settings { iterations: Some(64), ..Settings::default() };
    let plan = solve(&instance.problem, &settings, &mut |_| Tick::Continue, &mut |_, _| {}).plan;
    if let Err(faults) = check(&instance.problem, &plan) {
        assert!(faults.iter().all(|f| f.code() == "mandatory_unserved"), "{faults:?}");
    }
    let again = instance.read_sol(&instance.write_sol(&plan, "0"), 1).expect("our own form").plan;
    assert_eq!(again.unserved, plan.unserved);
});
