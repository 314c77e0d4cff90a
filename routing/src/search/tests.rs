use super::rng::Rng;
use super::*;
use crate::check::check;
use crate::plan::{Part, Visit};
use crate::problem::{Depot, GivenRoute, Job, Pace, Rounding, Spec, Stop, Task, Terminal, Travel, Vehicle, Window};
use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

/// A small problem of any mix of features, from random numbers.
fn problem(seed: u64, n_jobs: usize, features: u32) -> Option<Problem> {
    let mut rng = Rng::new(seed);
    let has = |feature: u32| features >> feature & 1 == 1;
    let n = n_jobs + 3;
    let points: Vec<[i64; 2]> = (0..n).map(|_| [rng.below(200) as i64, rng.below(200) as i64]).collect();
    let mut travel = Travel::Plane { points, rounding: Rounding::Nearest, pace: Pace::UNIT };
    if has(0) {
        // Neither even nor shortest: a detour may be shorter than the way.
        let mut distance: Vec<i64> = (0..n * n).map(|i| travel.distance(i / n, i % n)).collect();
        distance.iter_mut().for_each(|d| *d += rng.below(60) as i64);
        let duration = has(1).then(|| distance.iter().map(|d| d * 2 / 3).collect());
        travel = Travel::Matrix { n, distance, duration };
    }
    let n_dimensions = rng.below(3);
    let window = |rng: &mut Rng| {
        let start = rng.below(400) as i64;
        Window { start, end: start + 100 + rng.below(300) as i64 }
    };
    let stop = |rng: &mut Rng| {
        let mut windows = vec![if has(2) { window(rng) } else { Window::ALWAYS }];
        if has(3) && has(2) {
            windows.push(Window { start: windows[0].end + 20, end: windows[0].end + 150 });
        }
        Stop { location: rng.below(n), windows, service: rng.below(12) as i64 }
    };
    let jobs = (0..n_jobs).map(|_| {
        let task = match rng.below(6) {
            0 if has(4) => Task::Pickup(stop(&mut rng)),
            1 | 2 if has(5) => Task::Shipment { pickup: stop(&mut rng), delivery: stop(&mut rng) },
            _ => Task::Delivery(stop(&mut rng)),
        };
        Job {
            task,
            amount: (0..n_dimensions).map(|_| rng.below(8) as i64).collect(),
            skills: if has(6) && rng.below(3) == 0 { vec![rng.below(2) as u32] } else { vec![] },
            release: if has(7) && rng.below(3) == 0 { rng.below(150) as i64 } else { 0 },
            prize: (has(8) && rng.below(2) == 0).then(|| rng.below(250) as i64),
            rules: Default::default(),
        }
    });
    let jobs: Vec<Job> = jobs.collect();
    let open = if has(9) { Window { start: 10, end: 900 } } else { Window::ALWAYS };
    let depots = (0..1 + usize::from(has(10))).map(|location| Depot { location, open }).collect::<Vec<_>>();
    let vehicles = (0..1 + 2 * usize::from(has(11))).map(|v| {
        let depot = Terminal::Depot(v % depots.len());
        let end = if has(12) && v == 0 { Terminal::Open } else { depot };
        Vehicle {
            count: if has(13) { 2 } else { n_jobs as u32 },
            capacity: (0..n_dimensions).map(|_| 15 + 10 * v as i64).collect(),
            start: if has(12) && v == 1 { Terminal::Location(2) } else { depot },
            end,
            fixed_cost: 20 * v as i64,
            distance_cost: 1 + v as i64,
            time_cost: i64::from(has(14)),
            shift: if has(9) { Window { start: 20, end: 800 } } else { Window::ALWAYS },
            max_distance: has(15).then_some(700),
            max_duration: has(16).then_some(500),
            skills: vec![0, 1][..1 + v % 2].to_vec(),
            rules: Default::default(),
        }
    });
    let mut spec = Spec {
        travel,
        n_dimensions,
        vehicles: vehicles.collect(),
        depots,
        jobs,
        given: Vec::new(),
        rules: Default::default(),
    };
    if has(17) && has(8) {
        // A truck on its way to its first job.
        if let Some(job) = spec.jobs.iter().position(|j| matches!(j.task, Task::Delivery(_)) && j.skills.is_empty()) {
            let visits = vec![Visit { job, part: Part::Service }];
            spec.jobs[job].release = 0;
            let vehicle = spec.vehicles.len() - 1;
            spec.given.push(GivenRoute { vehicle, visits, frozen: 1, departure: None });
            let first = Problem::new(spec.clone()).ok()?;
            let route = Route::new(vehicle, spec.given[0].visits.clone());
            let plan = Plan { routes: vec![route], unserved: (0..spec.jobs.len()).filter(|&j| j != job).collect() };
            let faults = check(&first, &plan).err().unwrap_or_default();
            if faults.iter().any(|f| f.code() != "mandatory_unserved") {
                spec.given.clear();
            }
        }
    }
    Problem::new(spec).ok()
}

fn quick(problem: &Problem, seed: u64, iterations: u64) -> Plan {
    let settings = Settings { seed, iterations: Some(iterations), ..Settings::default() };
    solve(problem, &settings, &mut |_| Tick::Continue, &mut |_, _| {}).plan
}

/// The judge finds nothing in the plan but jobs that must be served and could not be.
fn judged(problem: &Problem, plan: &Plan) -> Result<(), String> {
    match check(problem, plan) {
        Err(faults) if faults.iter().any(|f| f.code() != "mandatory_unserved") => Err(format!("{faults:?}")),
        _ => Ok(()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_judge_accepts_every_plan(seed: u64, n_jobs in 1_usize..25, features: u32) {
        if let Some(problem) = problem(seed, n_jobs, features) {
            let plan = quick(&problem, seed, 320);
            prop_assert_eq!(judged(&problem, &plan), Ok(()), "features {:b}", features);
            prop_assert_eq!(plan, quick(&problem, seed, 320));
        }
    }

    #[test]
    fn the_judge_accepts_the_plans_of_crossed_chains(seed: u64, n_jobs in 1_usize..10, features: u32) {
        if let Some(problem) = problem(seed, n_jobs, features) {
            let settings = Settings { seed, iterations: Some(2_000), chains: Some(3), ..Settings::default() };
            let mut improved = Vec::new();
            let run = |improved: &mut Vec<i64>| {
                let keep = &mut |p: &Progress, _: &dyn Fn() -> Plan| improved.push(p.best_cost);
                solve(&problem, &settings, &mut |_| Tick::Continue, keep).plan
            };
            let plan = run(&mut improved);
            prop_assert_eq!(judged(&problem, &plan), Ok(()), "features {:b}", features);
            prop_assert!(improved.is_sorted_by(|a, b| a > b));
            if let Ok(totals) = check(&problem, &plan) {
                prop_assert!(Some(&totals.cost) <= improved.last(), "features {:b}", features);
            }
            prop_assert_eq!(plan, run(&mut Vec::new()));
        }
    }

    #[test]
    fn islands_give_the_same_plan_on_any_number_of_threads(seed: u64, n_jobs in 1_usize..10, features: u32) {
        if let Some(problem) = problem(seed, n_jobs, features) {
            let settings = Settings { seed, iterations: Some(6 * TICK), ..Settings::default() };
            let on = |threads| solve_on_islands(&problem, &settings, 3, threads, &|_| Tick::Continue);
            let alone = on(1);
            prop_assert_eq!(judged(&problem, &alone.plan), Ok(()), "features {:b}", features);
            prop_assert_eq!(&alone, &on(2));
            prop_assert_eq!(&alone, &on(5));
        }
    }

    #[test]
    fn what_is_judged_of_a_change_is_what_it_costs(seed: u64, features: u32) {
        if let Some(problem) = problem(seed, 15, features) {
            let mut best = i64::MAX;
            let settings = Settings { seed, ..Settings::default() };
            let mut falls = true;
            let outcome = solve(&problem, &settings, &mut |p| {
                falls &= p.best_cost <= best;
                best = p.best_cost;
                if p.iteration == 256 { Tick::Stop } else { Tick::Continue }
            }, &mut |p, plan| assert_eq!(p.unserved, plan().unserved.len()));
            prop_assert!(falls);
            if let Ok(totals) = check(&problem, &outcome.plan) {
                prop_assert_eq!(totals.cost, best, "features {:b}", features);
            }
        }
    }
}

#[test]
fn a_ring_is_driven_round() {
    // Eight stops on a square around the depot, all fit one vehicle.
    let mut points = vec![[50, 50]];
    points.extend([[0, 0], [50, 0], [100, 0], [100, 50], [100, 100], [50, 100], [0, 100], [0, 50]]);
    let stop = |location| Stop { location, windows: vec![Window::ALWAYS], service: 0 };
    let delivery = |l| Job {
        task: Task::Delivery(stop(l)),
        amount: vec![1],
        skills: vec![],
        release: 0,
        prize: None,
        rules: Default::default(),
    };
    let problem = Problem::new(Spec {
        travel: Travel::Plane { points, rounding: Rounding::Nearest, pace: Pace::UNIT },
        n_dimensions: 1,
        depots: vec![Depot { location: 0, open: Window::ALWAYS }],
        vehicles: vec![Vehicle { count: 3, ..Vehicle::at_depot(0, vec![8]) }],
        jobs: (1..9).map(delivery).collect(),
        given: vec![],
        rules: Default::default(),
    });
    let problem = problem.expect("the problem can be");
    let totals = check(&problem, &quick(&problem, 1, 2_000)).expect("the plan is right");
    // Seven sides, out to a middle and back from the corner beside it.
    assert_eq!(totals.cost, 7 * 50 + 50 + 71);
}
