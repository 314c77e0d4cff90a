use super::*;
use crate::format::{Instance, Scale, read_li_lim, read_vrplib};
use crate::plan::{Pause, PauseKind};
use crate::problem::{
    Break, Depot, GivenRoute, Job, Pace, Reload, Rounding, Soft, Spec, SpeedProfile, Stop, Task, Travel, Vehicle,
    VehicleRules, Window,
};
use std::path::Path;

const fn visit(job: usize, part: Part) -> Visit {
    Visit { job, part }
}

fn stop(location: usize, start: i64, end: i64) -> Stop {
    Stop { location, windows: vec![Window { start, end }], service: 10 }
}

fn job(task: Task) -> Job {
    Job { task, amount: vec![4, 1], skills: vec![], release: 0, prize: None, rules: Default::default() }
}

/// A street of locations 100 apart. Jobs: 0 and 1 deliveries, 2 a pickup, 3 a shipment from 3 to 5, 4 optional at 2.
/// Vehicles: 0 two with room for 8 and skill 7, 1 one with room for 100 and no skill.
fn street() -> Spec {
    let points = (0..6).map(|i| [i * 100, 0]).collect();
    let depot = Depot { location: 0, open: Window { start: 50, end: 4_000 } };
    let at_depot = Vehicle::at_depot(0, vec![8, 8]);
    let shift = Window { start: 100, end: 3_000 };
    let small = Vehicle { count: 2, shift, skills: vec![7], fixed_cost: 30, time_cost: 1, ..at_depot };
    let big = Vehicle { count: 1, shift, capacity: vec![100, 100], ..small.clone() };
    let mut jobs = vec![
        job(Task::Delivery(stop(1, 0, 2_000))),
        job(Task::Delivery(stop(2, 0, 2_000))),
        job(Task::Pickup(stop(3, 0, 2_000))),
        job(Task::Shipment { pickup: stop(3, 0, 2_000), delivery: stop(5, 900, 2_000) }),
        job(Task::Delivery(stop(2, 0, 2_000))),
    ];
    jobs[4].prize = Some(77);
    Spec {
        travel: Travel::Plane { points, rounding: Rounding::Nearest, pace: Pace::UNIT },
        n_dimensions: 2,
        depots: vec![depot],
        vehicles: vec![small, Vehicle { skills: vec![], ..big }],
        jobs,
        given: vec![],
        rules: Default::default(),
    }
}

fn plan() -> Plan {
    let deliveries = [0, 1, 2].map(|job| visit(job, Part::Service)).to_vec();
    let shipment = vec![visit(3, Part::Pickup), visit(3, Part::Delivery)];
    let route = Route::new;
    Plan { routes: vec![route(0, deliveries), route(1, shipment)], unserved: vec![4] }
}

/// What is wrong with the plan after a change to problem and plan is exactly this.
#[track_caller]
fn check_refused(codes: &[&str], change: impl FnOnce(&mut Spec, &mut Plan)) {
    let (mut spec, mut plan) = (street(), plan());
    change(&mut spec, &mut plan);
    let problem = Problem::new(spec).expect("the problem can be");
    let violations = check(&problem, &plan).expect_err("the plan is broken");
    assert_eq!(violations.iter().map(Violation::code).collect::<Vec<_>>(), codes, "{violations:?}");
}

#[test]
fn a_plan_is_priced_by_the_shortest_schedule() {
    let problem = Problem::new(street()).expect("the problem can be");
    // 600 out and back with 30 of service; 1,000 and 20, with the wait saved by a late departure.
    let expected =
        Totals { cost: 60 + 1_600 + 1_650 + 77, distance: 1_600, duration: 1_650, prizes_lost: 77, soft_cost: 0 };
    assert_eq!(check(&problem, &plan()), Ok(expected));
    let times = schedule(&problem, &plan().routes[1]).expect("it is in time");
    assert_eq!((times.departure, times.stops[1].begin, times.end), (390, 900, 1_410));
}

#[test]
fn vehicles_must_exist_and_drive_one_route_each() {
    check_refused(&["unknown_vehicle"], |_, p| p.routes[0].vehicle = 2);
    check_refused(&["too_many_routes"], |s, p| {
        s.vehicles[1].count = 1;
        p.routes[0].vehicle = 1;
    });
    check_refused(&["empty_route"], |_, p| p.routes.push(Route::new(0, vec![])));
}

#[test]
fn every_job_is_served_once_or_said_not_to_be() {
    check_refused(&["unknown_job"], |_, p| p.routes[0].visits.push(visit(5, Part::Service)));
    check_refused(&["wrong_part"], |_, p| p.routes[0].visits.push(visit(4, Part::Pickup)));
    check_refused(&["served_twice"], |_, p| p.routes[1].visits.push(visit(0, Part::Service)));
    check_refused(&["forgotten"], |_, p| p.unserved.clear());
    check_refused(&["served_and_unserved"], |_, p| p.unserved.push(0));
    check_refused(&["unserved_twice"], |_, p| p.unserved.push(4));
    check_refused(&["unknown_unserved"], |_, p| p.unserved.push(5));
    check_refused(&["mandatory_unserved"], |_, p| {
        p.routes[0].visits.remove(0);
        p.unserved.push(0);
    });
}

#[test]
fn a_shipment_is_whole_in_one_route_and_in_order() {
    check_refused(&["delivery_missing"], |_, p| p.routes[1].visits.truncate(1));
    check_refused(&["pickup_missing"], |_, p| p.routes[1].visits = vec![visit(3, Part::Delivery)]);
    check_refused(&["pair_split"], |_, p| {
        let delivery = p.routes[1].visits.remove(1);
        p.routes[0].visits.truncate(2);
        p.routes[0].visits.insert(0, delivery);
        p.routes[1].visits.push(visit(2, Part::Service));
    });
    check_refused(&["delivery_before_pickup"], |_, p| p.routes[1].visits.swap(0, 1));
}

#[test]
fn loads_fit_in_every_dimension_all_the_way() {
    check_refused(&["overload_at_start"], |s, _| s.jobs[0].amount[0] = 5);
    check_refused(&["overload_at_start"], |s, _| s.jobs[0].amount[1] = 8);
    check_refused(&["overload"], |s, p| {
        s.jobs[2].amount[0] = 5;
        p.routes[0].visits.swap(1, 2);
    });
}

#[test]
fn a_vehicle_has_the_skills_of_its_jobs() {
    check_refused(&["skill_missing"], |s, _| s.jobs[3].skills = vec![7]);
}

#[test]
fn there_is_a_way() {
    check_refused(&["no_way"], |s, _| {
        let n = s.travel.n_locations();
        let mut distance: Vec<i64> = (0..n * n).map(|i| s.travel.distance(i / n, i % n)).collect();
        distance[n + 2] = crate::problem::NO_WAY;
        s.travel = Travel::Matrix { n, distance, duration: None };
    });
}

#[test]
fn stops_are_reached_in_time() {
    check_refused(&["late"], |s, _| s.jobs[0].task = Task::Delivery(stop(1, 0, 199)));
    check_refused(&["late"], |_, p| p.routes[0].departure = Some(1_950));
    check_refused(&["late"], |s, _| {
        let mut hours = stop(2, 0, 100);
        hours.windows.push(Window { start: 200, end: 305 });
        s.jobs[1].task = Task::Delivery(hours);
    });
}

#[test]
fn departures_and_ends_keep_the_hours() {
    check_refused(&["departs_before_shift"], |_, p| p.routes[0].departure = Some(99));
    check_refused(&["departs_before_opening"], |s, p| {
        s.vehicles[0].shift.start = 0;
        p.routes[0].departure = Some(49);
    });
    check_refused(&["departs_after_closing", "ends_after_closing"], |s, p| {
        s.depots[0].open.end = 500;
        p.routes.remove(1);
        s.jobs[3].prize = Some(1);
        p.unserved.push(3);
        p.routes[0].departure = Some(501);
    });
    check_refused(&["departs_before_release"], |s, p| {
        s.jobs[1].release = 300;
        p.routes[0].departure = Some(299);
    });
    check_refused(&["ends_after_shift"], |s, _| s.vehicles[0].shift.end = 729);
    check_refused(&["ends_after_closing"], |s, _| s.depots[0].open.end = 1_409);
}

#[test]
fn ways_and_times_are_not_too_long() {
    check_refused(&["too_far"], |s, _| s.vehicles[0].max_distance = Some(599));
    check_refused(&["too_long"], |s, _| s.vehicles[0].max_duration = Some(629));
    check_refused(&["too_long"], |s, p| {
        s.vehicles[1].max_duration = Some(1_020);
        p.routes[1].departure = Some(389);
    });
}

#[test]
fn what_a_vehicle_has_begun_stays() {
    let given = |frozen, departure| GivenRoute {
        vehicle: 0,
        visits: vec![visit(1, Part::Service), visit(0, Part::Service)],
        frozen,
        departure,
    };
    check_refused(&["frozen_changed"], |s, _| s.given = vec![given(1, None)]);
    check_refused(&["frozen_departure"], |s, p| {
        s.given = vec![given(2, Some(120))];
        p.routes[0].visits.swap(0, 1);
        p.routes[0].departure = Some(121);
    });
}

#[test]
fn claims_are_recounted() {
    let problem = Problem::new(street()).expect("the problem can be");
    let right = check(&problem, &plan()).expect("the plan is right");
    assert_eq!(check_claim(&problem, &plan(), right), Ok(()));
    let refused = |claimed| {
        let violations = check_claim(&problem, &plan(), claimed).expect_err("the claim is wrong");
        violations.iter().map(Violation::code).collect::<Vec<_>>()
    };
    assert_eq!(refused(Totals { cost: right.cost - 1, ..right }), ["cost_claim"]);
    assert_eq!(refused(Totals { distance: 0, ..right }), ["distance_claim"]);
    assert_eq!(refused(Totals { duration: 0, ..right }), ["duration_claim"]);
    assert_eq!(refused(Totals { prizes_lost: 0, ..right }), ["prizes_claim"]);
    assert_eq!(refused(Totals { soft_cost: 1, ..right }), ["soft_claim"]);
}

#[test]
fn several_faults_are_all_named() {
    check_refused(&["mandatory_unserved", "overload_at_start", "too_far"], |s, p| {
        s.jobs[0].amount[0] = 5;
        s.vehicles[0].max_distance = Some(10);
        p.routes.truncate(1);
        p.unserved.push(3);
    });
}

fn pause(before: usize, kind: PauseKind) -> Pause {
    Pause { before, kind }
}

/// Vehicle 1 has a break from 500 to 600, reloads once at depot 0, and drives at half its speed until 200.
fn ruled(spec: &mut Spec, plan: &mut Plan) {
    let lunch = Break { windows: vec![Window { start: 500, end: 600 }], duration: 30 };
    let reload = Some(Reload { depots: vec![0], duration: 5, max_trips: 2 });
    spec.rules.speeds = vec![SpeedProfile { period: 10_000, pieces: vec![(0, 500), (200, 1_000)] }];
    spec.vehicles[1].rules = VehicleRules { breaks: vec![lunch], reload, speed: Some(0), ..VehicleRules::default() };
    plan.routes[1].departure = Some(400);
    plan.routes[1].pauses = vec![pause(0, PauseKind::Break(0))];
}

#[track_caller]
fn check_ruled(codes: &[&str], change: impl FnOnce(&mut Spec, &mut Plan)) {
    check_refused(codes, |s, p| {
        ruled(s, p);
        change(s, p);
    });
}

#[test]
fn a_plan_under_rules_is_driven() {
    let (mut spec, mut plan) = (street(), plan());
    ruled(&mut spec, &mut plan);
    plan.routes[1].departure = Some(100);
    plan.routes[1].pauses = vec![pause(1, PauseKind::WaitUntil(930)), pause(1, PauseKind::Break(0))];
    spec.jobs[3].rules.soft_delivery =
        Some(Soft { window: Window { start: 0, end: 900 }, early_cost: 0, late_cost: 3 });
    let problem = Problem::new(spec).expect("the problem can be");
    // At 150 from the depot at 200, at the pickup at 350, there till 360; at 500 on the way or waiting: a break.
    let times = schedule(&problem, &plan.routes[1]).expect("it can be driven");
    assert_eq!((times.stops[0].arrival, times.pauses[1].begin, times.stops[1].arrival), (450, 500, 690));
    assert_eq!((times.stops[1].begin, times.end, times.driving), (930, 1_440, 350 + 200 + 500));
    let totals = check(&problem, &plan).expect("the plan is right");
    assert_eq!(totals.soft_cost, 90);
    // Vehicle 0 leaves as early as it may: it is 630 on its way all the same.
    assert_eq!(totals.cost, 60 + 1_600 + 630 + 1_340 + 77 + 90);
}

#[test]
fn breaks_are_made_once_and_in_time() {
    check_ruled(&["break_missing"], |_, p| p.routes[1].pauses.clear());
    check_ruled(&["unknown_break"], |_, p| p.routes[1].pauses[0].kind = PauseKind::Break(1));
    check_ruled(&["break_twice"], |_, p| p.routes[1].pauses.push(pause(2, PauseKind::Break(0))));
    check_ruled(&["break_late"], |_, p| p.routes[1].pauses[0].before = 1);
    check_ruled(&["pause_place"], |_, p| p.routes[1].pauses[0].before = 3);
    check_ruled(&["pause_place"], |_, p| p.routes[1].pauses.insert(0, pause(2, PauseKind::WaitUntil(0))));
}

#[test]
fn trips_end_where_they_may_and_with_nothing_on_its_way() {
    let reload = |before| pause(before, PauseKind::Reload(0));
    check_ruled(&["shipment_across_reload"], |_, p| p.routes[1].pauses.push(reload(1)));
    check_ruled(&["too_many_trips"], |_, p| p.routes[1].pauses.extend([reload(2), reload(2)]));
    check_ruled(&["reload_not_allowed"], |_, p| p.routes[1].pauses.push(pause(2, PauseKind::Reload(1))));
    check_ruled(&["reload_not_allowed"], |_, p| p.routes[0].pauses.push(reload(1)));
    check_ruled(&["reload_closed"], |s, p| {
        s.depots.push(Depot { location: 0, open: Window { start: 0, end: 900 } });
        s.vehicles[1].rules.reload.iter_mut().for_each(|r| r.depots = vec![1]);
        p.routes[1].pauses.push(pause(2, PauseKind::Reload(1)));
    });
    // With the reload between them, two loads that do not fit together do.
    let (mut spec, mut plan) = (street(), plan());
    ruled(&mut spec, &mut plan);
    (spec.vehicles[1].capacity, spec.vehicles[1].skills) = (vec![4, 1], vec![]);
    plan.routes[1].visits.push(visit(1, Part::Service));
    plan.routes[0].visits.remove(1);
    plan.routes[1].pauses.push(reload(2));
    let problem = Problem::new(spec).expect("the problem can be");
    assert_eq!(check(&problem, &plan).map(|t| t.distance), Ok(600 + 1_000 + 400));
    plan.routes[1].pauses.pop();
    let faults = check(&problem, &plan).expect_err("it is overloaded");
    assert_eq!(faults[0].code(), "overload");
}

#[test]
fn stops_wheel_time_and_company_are_limited() {
    check_ruled(&["too_many_stops"], |s, _| s.vehicles[1].rules.max_stops = Some(1));
    check_ruled(&["too_much_driving"], |s, _| s.vehicles[1].rules.max_driving = Some(999));
    check_ruled(&["rides_together"], |s, _| {
        s.rules.apart = vec![[3, 9], [1, 1]];
        (s.jobs[0].rules.class, s.jobs[2].rules.class) = (Some(3), Some(9));
        (s.jobs[1].rules.class, s.jobs[3].rules.class) = (Some(1), Some(1));
        s.jobs[2].task = Task::Delivery(stop(3, 0, 2_000));
        s.vehicles[0].capacity = vec![12, 12];
    });
    check_ruled(&["overload", "overload"], |s, _| s.jobs[0].rules.collects = vec![5, 0]);
}

/// The problem is refused for exactly these reasons.
#[track_caller]
fn check_impossible(codes: &[&str], change: impl FnOnce(&mut Spec)) {
    let (mut spec, mut plan) = (street(), plan());
    ruled(&mut spec, &mut plan);
    change(&mut spec);
    let refusals = Problem::new(spec).expect_err("the problem cannot be");
    assert_eq!(refusals.iter().map(crate::problem::Refusal::code).collect::<Vec<_>>(), codes, "{refusals:?}");
}

#[test]
fn rules_that_cannot_be_are_all_refused() {
    check_impossible(&["no_window", "out_of_range"], |s| {
        s.vehicles[1].rules.breaks[0] = Break { windows: vec![], duration: -1 };
    });
    check_impossible(&["window"], |s| s.vehicles[1].rules.breaks[0].windows[0].end = 499);
    check_impossible(&["reload"], |s| s.vehicles[1].rules.reload.iter_mut().for_each(|r| r.depots.clear()));
    check_impossible(&["reload_depot"], |s| s.vehicles[1].rules.reload.iter_mut().for_each(|r| r.depots = vec![7]));
    check_impossible(&["unknown_speed"], |s| s.vehicles[1].rules.speed = Some(1));
    check_impossible(&["speed"], |s| s.rules.speeds[0].pieces[1].1 = 0);
    check_impossible(&["speed"], |s| s.rules.speeds[0].pieces.clear());
    check_impossible(&["collects"], |s| s.jobs[2].rules.collects = vec![1, 1]);
    check_impossible(&["amount_dimensions"], |s| s.jobs[0].rules.collects = vec![1]);
    let soft = Soft { window: Window { start: 9, end: 8 }, early_cost: -1, late_cost: 0 };
    check_impossible(&["window", "out_of_range", "soft_delivery"], |s| s.jobs[0].rules.soft_delivery = Some(soft));
}

/// The reasons of all unserved jobs after a change.
#[track_caller]
fn check_reasons(codes: &[&str], change: impl FnOnce(&mut Spec, &mut Plan)) {
    let (mut spec, mut plan) = (street(), plan());
    change(&mut spec, &mut plan);
    let problem = Problem::new(spec).expect("the problem can be");
    let found = reasons(&problem, &plan);
    assert_eq!(found.iter().map(Reason::code).collect::<Vec<_>>(), codes, "{found:?}");
}

#[test]
fn every_unserved_job_has_its_reason() {
    // At 2 beside a stop at 2: 10 for the service at a cost of 1, and what it brings is 77.
    check_reasons(&["overlooked"], |s, _| s.vehicles[0].capacity = vec![12, 12]);
    check_reasons(&["not_worth_it"], |s, _| {
        s.vehicles[0].capacity = vec![12, 12];
        s.jobs[4].prize = Some(10);
    });
    check_reasons(&["skills"], |s, _| s.jobs[4].skills = vec![8]);
    check_reasons(&["too_big"], |s, _| (s.jobs[4].amount, s.jobs[4].skills) = (vec![9, 9], vec![7]));
    check_reasons(&["impossible"], |s, _| s.jobs[4].task = Task::Delivery(stop(2, 0, 199)));
    check_reasons(&["no_room"], |s, _| {
        (s.vehicles[0].count, s.jobs[4].skills) = (1, vec![7]);
    });
    // A shipment is tried at every pair of places, and its pickup alone counts for nothing.
    check_reasons(&["overlooked", "overlooked"], |s, p| {
        s.vehicles[0].capacity = vec![12, 12];
        p.routes.pop();
        p.unserved = vec![3, 4];
    });
}

/// Reads an instance of the open collection and its best-known plan; gives the judged cost.
fn best_known(folder: &Path, file: &str, class: &str) -> (Instance, Plan) {
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).expect("the collection is whole");
    let text = read(file);
    let instance = match class {
        "cvrp" => read_vrplib(&text, Scale::WHOLE),
        "vrptw" => read_vrplib(&text, Scale::DIMACS),
        "pdptw" => read_li_lim(&text, Scale::THOUSANDTHS),
        _ => read_vrplib(&text, Scale::THOUSANDTHS),
    };
    let instance = instance.unwrap_or_else(|e| panic!("{file}: {e}"));
    let (stem, _) = file.rsplit_once('.').expect("files have endings");
    let plan = instance.read_sol(&read(&format!("{stem}.sol")), 1).unwrap_or_else(|e| panic!("{file}: {e}")).plan;
    (instance, plan)
}

#[test]
fn best_known_plans_are_accepted_at_their_published_costs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/bench/routing");
    let Ok(table) = std::fs::read_to_string(folder.join("bks.csv")) else {
        return; // A checkout without the shared data.
    };
    let mut n = 0;
    for row in table.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let (file, class, cost) = (fields[1], fields[2], fields[8]);
        let Ok(published) = cost.parse::<f64>() else { continue };
        let (instance, plan) = best_known(&folder, file, class);
        let totals = check(&instance.problem, &plan).unwrap_or_else(|e| panic!("{file}: {e:?}"));
        // Whole units, tenths, thousandths; of the mixed fleet hundredths of a published unit in thousandths.
        let (unit, digits) = match class {
            "cvrp" => (1.0, 0.5),
            "vrptw" => (10.0, 0.5),
            "hfvrp" => (100_000.0, 1_000.0),
            _ => (1_000.0, 0.5),
        };
        assert!((totals.cost as f64 - published * unit).abs() < digits, "{file}: {} for {published}", totals.cost);
        assert_eq!(totals.prizes_lost, 0);
        n += 1;
    }
    assert!(n >= 15, "{n} plans");
}
