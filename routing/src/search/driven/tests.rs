use crate::check::check;
use crate::plan::{Part, Plan, Visit};
use crate::problem::*;
use crate::search::rng::Rng;
use crate::search::{Settings, Tick, solve};
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

/// A small problem of any mix of rules, from random numbers.
fn problem(seed: u64, n_jobs: usize, rules: u32) -> Option<Problem> {
    let mut rng = Rng::new(seed);
    let has = |rule: u32| rules >> rule & 1 == 1;
    let n = n_jobs + 2;
    let points: Vec<[i64; 2]> = (0..n).map(|_| [rng.below(100) as i64, rng.below(100) as i64]).collect();
    let plane = Travel::Plane { points, rounding: Rounding::Nearest, pace: Pace { numerator: 3, denominator: 2 } };
    let mut travel = plane.clone();
    if has(0) {
        let noise: Vec<i64> = (0..n * n).map(|_| rng.below(30) as i64).collect();
        let entries = |f: &dyn Fn(usize, usize) -> i64| (0..n * n).map(|i| f(i / n, i % n) + noise[i]).collect();
        let distance: Vec<i64> = entries(&|a, b| plane.distance(a, b));
        travel = Travel::Matrix { n, distance, duration: Some(entries(&|a, b| plane.duration(a, b))) };
    }
    let window = |rng: &mut Rng, from: usize| {
        let start = from as i64 + rng.below(300) as i64;
        Window { start, end: start + 40 + rng.below(200) as i64 }
    };
    let stop = |rng: &mut Rng| {
        let mut windows = vec![if has(1) { window(rng, 0) } else { Window { start: 0, end: 3_000 } }];
        if has(2) && has(1) {
            let from = windows[0].end + 20;
            windows.push(Window { start: from, end: from + 200 });
        }
        Stop { location: rng.below(n), windows, service: rng.below(15) as i64 }
    };
    let soft = |rng: &mut Rng| {
        let (early_cost, late_cost) = (rng.below(4) as i64, rng.below(4) as i64);
        has(3).then(|| Soft { window: window(rng, 100), early_cost, late_cost })
    };
    let mut jobs = Vec::new();
    for _ in 0..n_jobs {
        let task = match rng.below(5) {
            0 => Task::Pickup(stop(&mut rng)),
            1 if has(4) => Task::Shipment { pickup: stop(&mut rng), delivery: stop(&mut rng) },
            _ => Task::Delivery(stop(&mut rng)),
        };
        let is_shipment = matches!(task, Task::Shipment { .. });
        let collects = has(5) && matches!(task, Task::Delivery(_)) && rng.below(2) == 0;
        jobs.push(Job {
            amount: vec![rng.below(8) as i64, 1],
            skills: if rng.below(6) == 0 { vec![1] } else { vec![] },
            release: if has(6) && rng.below(3) == 0 { rng.below(150) as i64 } else { 0 },
            prize: (rng.below(3) == 0).then(|| rng.below(300) as i64),
            rules: JobRules {
                soft: soft(&mut rng),
                soft_delivery: soft(&mut rng).filter(|_| is_shipment),
                class: has(7).then(|| rng.below(4) as u32),
                collects: if collects { vec![rng.below(6) as i64, 1] } else { vec![] },
            },
            ..Job::new(task, vec![])
        });
    }
    let open = Window { start: 5, end: 1_500 };
    let depots = vec![Depot { location: 0, open }, Depot { location: 1, open: Window { start: 0, end: 700 } }];
    let lunch = Break { windows: vec![Window { start: 120, end: 180 }], duration: 30 };
    let tea = Break { windows: vec![Window { start: 60, end: 80 }, Window { start: 250, end: 320 }], duration: 10 };
    let vehicles = (0..3).map(|v| Vehicle {
        count: 1 + v as u32,
        capacity: vec![15 + 5 * v, 6],
        end: if v == 1 && has(8) { Terminal::Open } else { Terminal::Depot(0) },
        start: if v == 2 && has(8) { Terminal::Location(1) } else { Terminal::Depot(0) },
        fixed_cost: 20 * v,
        time_cost: i64::from(has(9)),
        shift: Window { start: 10 * v, end: 1_200 },
        max_distance: has(10).then_some(900),
        max_duration: has(11).then_some(600),
        skills: vec![1; v as usize % 2],
        rules: VehicleRules {
            breaks: if has(12) { [lunch.clone(), tea.clone()][..1 + v as usize % 2].to_vec() } else { vec![] },
            reload: has(13).then(|| Reload { depots: vec![0, 1], duration: 15, max_trips: 3 }),
            max_stops: has(14).then_some(5),
            max_driving: has(15).then_some(300),
            speed: has(16).then_some(v as usize % 2),
            driving_cost: i64::from(has(18)),
        },
        ..Vehicle::at_depot(0, vec![])
    });
    let rush = SpeedProfile { period: 400, pieces: vec![(0, 1_000), (100, 600), (200, 1_300)] };
    let mut given = Vec::new();
    if has(17) {
        let first = jobs.iter().position(|j| matches!(j.task, Task::Delivery(_)) && j.skills.is_empty());
        let visits: Vec<Visit> = first.map(|job| Visit { job, part: Part::Service }).into_iter().collect();
        given.push(GivenRoute { vehicle: 2, visits, frozen: 0, departure: None });
    }
    Problem::new(Spec {
        travel,
        n_dimensions: 2,
        depots,
        vehicles: vehicles.collect(),
        jobs,
        given,
        rules: Rules { speeds: vec![rush, SpeedProfile::constant(800)], apart: vec![[0, 1], [2, 2]] },
    })
    .ok()
}

fn quick(problem: &Problem, seed: u64, iterations: u64) -> (Plan, i64) {
    let settings = Settings { seed, iterations: Some(iterations), ..Settings::default() };
    let mut best = i64::MAX;
    let plan = solve(problem, &settings, &mut |_| Tick::Continue, &mut |p, _| best = p.best_cost).plan;
    (plan, best)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_judge_accepts_every_plan_under_rules_at_its_cost(seed: u64, n_jobs in 1_usize..14, rules: u32) {
        if let Some(problem) = problem(seed, n_jobs, rules) {
            let (plan, best) = quick(&problem, seed, 64);
            match check(&problem, &plan) {
                Ok(totals) => {
                    // The last improvement may have come after the last report.
                    assert!(totals.cost <= best, "{} for {best}, rules {rules:b}", totals.cost);
                    let again = quick(&problem, seed, 64).0;
                    prop_assert_eq!(plan, again);
                }
                Err(faults) => {
                    let bad: Vec<_> = faults.iter().filter(|f| f.code() != "mandatory_unserved").collect();
                    assert!(bad.is_empty(), "{bad:?}, rules {rules:b}, {plan:?}");
                }
            }
        }
    }
}

#[test]
fn most_mixes_of_rules_make_a_problem_of_which_something_is_served() {
    let mut n = [0, 0];
    for seed in 0..100_u64 {
        let rules = Rng::new(seed).next() as u32;
        let Some(problem) = problem(seed, 10, rules) else { continue };
        n[0] += 1;
        let plan = quick(&problem, seed, 16).0;
        n[1] += usize::from(plan.unserved.len() < 7 && plan.routes.iter().any(|r| !r.pauses.is_empty()));
    }
    assert!(n[0] > 80 && n[1] > 25, "{n:?}");
}

/// A street of locations 100 apart, the depot at its beginning, and deliveries at the others; a vehicle for 2 of them.
fn street(n_jobs: usize) -> Spec {
    let points = (0..=n_jobs as i64).map(|i| [100 * i, 0]).collect();
    let stop = |location| Stop { location, windows: vec![Window { start: 0, end: 5_000 }], service: 0 };
    Spec {
        travel: Travel::Plane { points, rounding: Rounding::Nearest, pace: Pace::UNIT },
        n_dimensions: 1,
        depots: vec![Depot { location: 0, open: Window { start: 0, end: 10_000 } }],
        vehicles: vec![Vehicle { count: 1, shift: Window { start: 0, end: 9_000 }, ..Vehicle::at_depot(0, vec![2]) }],
        jobs: (1..=n_jobs).map(|l| Job::new(Task::Delivery(stop(l)), vec![1])).collect(),
        given: vec![],
        rules: Rules::default(),
    }
}

#[track_caller]
fn check_cost(change: impl FnOnce(&mut Spec), expected: i64) {
    let mut spec = street(4);
    change(&mut spec);
    let problem = Problem::new(spec).expect("the problem can be");
    let (plan, _) = quick(&problem, 3, 400);
    let totals = check(&problem, &plan).unwrap_or_else(|e| panic!("{e:?} {plan:?}"));
    assert_eq!(totals.cost, expected, "{plan:?}");
}

#[test]
fn one_vehicle_comes_back_for_more() {
    let reload = Reload { depots: vec![0], duration: 60, max_trips: 2 };
    check_cost(|s| s.vehicles[0].rules.reload = Some(reload), 2 * 200 + 2 * 400);
}

#[test]
fn a_break_is_made_on_the_way_and_delays_what_follows() {
    let lunch = Break { windows: vec![Window { start: 150, end: 150 }], duration: 50 };
    check_cost(
        |s| {
            s.vehicles[0].capacity = vec![4];
            s.vehicles[0].time_cost = 1;
            s.vehicles[0].rules.breaks = vec![lunch];
        },
        800 + 850,
    );
}

#[test]
fn a_vehicle_waits_for_a_soft_window_if_that_is_cheaper() {
    let soft = Soft { window: Window { start: 1_000, end: 1_000 }, early_cost: 5, late_cost: 5 };
    check_cost(
        |s| {
            s.vehicles[0].capacity = vec![4];
            s.vehicles[0].time_cost = 1;
            s.jobs[3].rules.soft = Some(soft);
            s.vehicles[0].shift.end = 1_400;
        },
        800 + 800,
    );
}

#[test]
fn goods_that_must_not_meet_ride_in_turn() {
    check_cost(
        |s| {
            s.vehicles[0].capacity = vec![4];
            s.vehicles[0].rules.reload = Some(Reload { depots: vec![0], duration: 0, max_trips: 3 });
            s.rules.apart = vec![[1, 2]];
            s.jobs[0].rules.class = Some(1);
            s.jobs[3].rules.class = Some(2);
        },
        800 + 200,
    );
}

#[test]
fn a_slow_hour_is_waited_for_in_no_route_that_pays_for_time() {
    // Half the speed for the first 1,000, double after that: the way takes 800 at the speed it is written for.
    check_cost(
        |s| {
            s.vehicles[0].capacity = vec![4];
            s.vehicles[0].time_cost = 1;
            s.vehicles[0].rules.speed = Some(0);
            s.rules.speeds = vec![SpeedProfile { period: 10_000, pieces: vec![(0, 500), (1_000, 2_000)] }];
        },
        800 + 1_150,
    );
}
