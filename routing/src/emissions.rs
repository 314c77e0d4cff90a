//! Greenhouse gases of a plan, well to wheel, and whose they are.
//!
//! After ISO 14083 and the GLEC framework: what a route emits is shared among its shipments by transport activity,
//! which is mass times the direct distance from where the goods come in to where they leave, so that nobody pays for
//! the detours of others. The shares of a route add up to what it emits, to the gram.
//!
//! Factors come from the caller (the twin's are those of DESNZ 2025); nothing here knows a fuel.

use crate::check::{legs, location, trips};
use crate::plan::{Part, Plan, Route};
use crate::problem::{NO_WAY, Problem, Task, Terminal};
use std::collections::BTreeMap;

/// What a vehicle emits, well to wheel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Intensity {
    /// Milligrams of carbon dioxide equivalent for a kilometre, whatever it carries. 0 where the factor of the
    /// tonne-kilometre includes empty running, as default factors do.
    pub mg_per_km: u64,
    /// Milligrams for a tonne and a kilometre.
    pub mg_per_tonne_km: u64,
}

/// How the problem's numbers are metres and kilograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units {
    /// Metres in a unit of distance, times 1,000.
    pub millimetres: u64,
    /// The dimension of load that is mass.
    pub mass: usize,
    /// Grams in a unit of it.
    pub grams: u64,
}

/// What a route emits, and the share of each job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emissions {
    /// Grams of carbon dioxide equivalent of the whole route.
    pub grams: u64,
    /// By job, in order: grams; they add up to those of the route.
    pub jobs: Vec<(usize, u64)>,
    /// Tonne-kilometres by direct distance, in gram-metres.
    pub activity: u128,
}

/// What each route of a plan emits. `intensity` is asked for a vehicle's index, `distance` for the way between two
/// locations, `direct` for the direct distance (great circle, or the shortest that can be driven); both in units of
/// distance.
///
/// Goods that weigh nothing share by distance alone if none of the route weighs anything, and equally if none
/// travels.
pub fn of_plan(
    problem: &Problem,
    plan: &Plan,
    units: Units,
    intensity: &dyn Fn(usize) -> Intensity,
    distance: &dyn Fn(usize, usize) -> i64,
    direct: &dyn Fn(usize, usize) -> i64,
) -> Vec<Emissions> {
    plan.routes.iter().map(|r| of_route(problem, r, units, intensity(r.vehicle), distance, direct)).collect()
}

fn of_route(
    problem: &Problem,
    route: &Route,
    units: Units,
    intensity: Intensity,
    distance: &dyn Fn(usize, usize) -> i64,
    direct: &dyn Fn(usize, usize) -> i64,
) -> Emissions {
    let metres = |length: i64| match length {
        NO_WAY => 0,
        length => u128::from(length.max(0) as u64) * u128::from(units.millimetres) / 1_000,
    };
    let mass = |amount: &[i64]| {
        u128::from(amount.get(units.mass).copied().unwrap_or(0).max(0) as u64) * u128::from(units.grams)
    };
    // What is emitted: every leg with the load it is driven with.
    let legs = legs(problem, route);
    let mut picograms = 0_u128;
    for leg in &legs {
        let way = metres(distance(leg.from, leg.to));
        let load: u128 = leg.aboard.iter().map(|&job| mass(&problem.jobs()[job].amount)).sum::<u128>()
            + leg.collected.iter().map(|&job| mass(&problem.jobs()[job].rules.collects)).sum::<u128>();
        // A tonne-kilometre is 10⁹ gram-metres, a milligram 10⁹ picograms; mg/km is 10⁶ pg/m.
        picograms += way * u128::from(intensity.mg_per_km) * 1_000_000;
        picograms += way * load * u128::from(intensity.mg_per_tonne_km);
    }
    let grams = u64::try_from((picograms + 500_000_000_000) / 1_000_000_000_000).unwrap_or(u64::MAX);
    let activity = activities(problem, route, &|amount| mass(amount), &|a, b| metres(direct(a, b)));
    let total: u128 = activity.values().map(|a| a.0).sum();
    let weights: Vec<u128> = match (total, activity.values().map(|a| a.1).sum::<u128>()) {
        (0, 0) => vec![1; activity.len()],
        (0, _) => activity.values().map(|a| a.1).collect(),
        _ => activity.values().map(|a| a.0).collect(),
    };
    let shares = shared(grams, &weights);
    Emissions { grams, jobs: activity.keys().copied().zip(shares).collect(), activity: total }
}

/// By job: gram-metres and metres of its goods by direct distance.
fn activities(
    problem: &Problem,
    route: &Route,
    mass: &dyn Fn(&[i64]) -> u128,
    direct: &dyn Fn(usize, usize) -> u128,
) -> BTreeMap<usize, (u128, u128)> {
    let vehicle = &problem.vehicles()[route.vehicle];
    let terminal = |t| match t {
        Terminal::Depot(depot) => Some(problem.depots()[depot].location),
        Terminal::Location(at) => Some(at),
        Terminal::Open => None,
    };
    let reloads: Vec<usize> = route
        .pauses
        .iter()
        .filter_map(|p| match p.kind {
            crate::plan::PauseKind::Reload(depot) => Some(problem.depots()[depot].location),
            _ => None,
        })
        .collect();
    let mut out: BTreeMap<usize, (u128, u128)> = BTreeMap::new();
    for (trip, &(from, to)) in trips(route).iter().enumerate() {
        let visits = &route.visits[from..to];
        let (Some(first), Some(last)) = (visits.first(), visits.last()) else { continue };
        let start = trip.checked_sub(1).and_then(|t| reloads.get(t).copied()).or_else(|| match trip {
            0 => terminal(vehicle.start),
            _ => None,
        });
        let end = reloads.get(trip).copied().or_else(|| terminal(vehicle.end));
        // A route that begins or ends nowhere takes its goods from its first stop, or to its last.
        let start = start.unwrap_or_else(|| location(problem, *first));
        let end = end.unwrap_or_else(|| location(problem, *last));
        let mut picked: BTreeMap<usize, usize> = BTreeMap::new();
        for &visit in visits {
            let here = location(problem, visit);
            let job = &problem.jobs()[visit.job];
            let mut add = |amount: &[i64], a: usize, b: usize| {
                let sum = out.entry(visit.job).or_default();
                let metres = direct(a, b);
                sum.0 += mass(amount) * metres;
                sum.1 += metres;
            };
            match (&job.task, visit.part) {
                (Task::Delivery(_), _) => {
                    add(&job.amount, start, here);
                    if !job.rules.collects.is_empty() {
                        add(&job.rules.collects, here, end);
                    }
                }
                (Task::Pickup(_), _) => add(&job.amount, here, end),
                (Task::Shipment { .. }, Part::Delivery) => {
                    add(&job.amount, picked.get(&visit.job).copied().unwrap_or(start), here);
                }
                (Task::Shipment { .. }, _) => {
                    picked.insert(visit.job, here);
                }
            }
        }
    }
    out
}

/// Splits a number into whole shares by weights, which add up to it: the largest remainders are rounded up, of equal
/// ones the first. Without any weight, equally.
pub fn shared(total: u64, weights: &[u128]) -> Vec<u64> {
    let sum: u128 = weights.iter().sum();
    let even = vec![1; weights.len()];
    let (weights, sum) = if sum == 0 { (&even[..], weights.len() as u128) } else { (weights, sum) };
    if weights.is_empty() {
        return Vec::new();
    }
    // Weights are scaled down so that no product is beyond 128 bits.
    let shift = (128 - sum.leading_zeros()).saturating_sub(63);
    let weights: Vec<u128> = weights.iter().map(|w| w >> shift).collect();
    let sum = weights.iter().sum::<u128>().max(1);
    let mut out: Vec<u64> = weights.iter().map(|w| (u128::from(total) * w / sum) as u64).collect();
    let mut rest: Vec<(u128, usize)> =
        weights.iter().enumerate().map(|(i, w)| (u128::from(total) * w % sum, i)).collect();
    rest.sort_by_key(|&(rest, i)| (std::cmp::Reverse(rest), i));
    let left = total - out.iter().sum::<u64>();
    for k in 0..left {
        out[rest[k as usize % rest.len()].1] += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check;
    use crate::plan::{Pause, PauseKind, Visit};
    use crate::problem::{Depot, Job, Pace, Reload, Rounding, Rules, Spec, Stop, Travel, Vehicle, Window};
    use proptest::prelude::*;

    fn visit(job: usize, part: Part) -> Visit {
        Visit { job, part }
    }

    /// A street of locations a kilometre apart; loads in kilograms.
    fn street(jobs: Vec<Job>) -> Problem {
        let points = (0..6).map(|i| [i * 1_000, 0]).collect();
        let reload = Some(Reload { depots: vec![0], duration: 0, max_trips: 3 });
        let mut vehicle = Vehicle::at_depot(0, vec![10_000]);
        vehicle.rules.reload = reload;
        Problem::new(Spec {
            travel: Travel::Plane { points, rounding: Rounding::Nearest, pace: Pace::UNIT },
            n_dimensions: 1,
            depots: vec![Depot { location: 0, open: Window { start: 0, end: 1_000_000 } }],
            vehicles: vec![vehicle],
            jobs,
            given: vec![],
            rules: Rules::default(),
        })
        .expect("the problem can be")
    }

    fn stop(location: usize) -> Stop {
        Stop { location, windows: vec![Window::ALWAYS], service: 0 }
    }

    #[track_caller]
    fn check_route(jobs: Vec<Job>, visits: Vec<Visit>, pauses: Vec<Pause>, grams: u64, shares: &[(usize, u64)]) {
        let problem = street(jobs);
        let plan = Plan { routes: vec![Route { pauses, ..Route::new(0, visits) }], unserved: vec![] };
        check(&problem, &plan).expect("the plan is right");
        let units = Units { millimetres: 1_000, mass: 0, grams: 1_000 };
        // 100 g for a tonne-kilometre, and 500 g for a kilometre of the vehicle.
        let intensity = |_| Intensity { mg_per_km: 500_000, mg_per_tonne_km: 100_000 };
        let distance = |a, b| problem.travel().distance(a, b);
        let found = of_plan(&problem, &plan, units, &intensity, &distance, &distance).remove(0);
        assert_eq!((found.grams, found.jobs.as_slice()), (grams, shares));
    }

    #[test]
    fn a_detour_is_paid_by_all_and_not_by_who_is_served_last() {
        // Two tonnes to 2 km, one to 4 km: 8 km of driving, 2 · 3 t + 2 · 1 t.
        let jobs = vec![Job::new(Task::Delivery(stop(2)), vec![2_000]), Job::new(Task::Delivery(stop(4)), vec![1_000])];
        let visits = vec![visit(0, Part::Service), visit(1, Part::Service)];
        check_route(jobs.clone(), visits, vec![], 4_000 + 800, &[(0, 2_400), (1, 2_400)]);
        // The other way round more is carried further, and the shares are as before.
        let visits = vec![visit(1, Part::Service), visit(0, Part::Service)];
        check_route(jobs, visits, vec![], 4_000 + 1_600, &[(0, 2_800), (1, 2_800)]);
    }

    #[test]
    fn shipments_pickups_and_what_is_taken_along_count_where_they_ride() {
        let mut both = Job::new(Task::Delivery(stop(1)), vec![1_000]);
        both.rules.collects = vec![3_000];
        let jobs = vec![
            both,
            Job::new(Task::Shipment { pickup: stop(2), delivery: stop(4) }, vec![2_000]),
            Job::new(Task::Pickup(stop(5)), vec![1_000]),
        ];
        let visits =
            vec![visit(0, Part::Service), visit(1, Part::Pickup), visit(1, Part::Delivery), visit(2, Part::Service)];
        // Tonnes by kilometre: 1, then 3, 5, 5, 3, and 4 on all five of the way back.
        check_route(
            jobs,
            visits,
            vec![],
            5_000 + 100 * (1 + 3 + 5 + 5 + 3 + 20),
            &[(0, 2_677), (1, 2_677), (2, 3_346)],
        );
    }

    #[test]
    fn each_trip_carries_its_own() {
        let jobs = vec![Job::new(Task::Delivery(stop(1)), vec![1_000]), Job::new(Task::Delivery(stop(1)), vec![1_000])];
        let visits = vec![visit(0, Part::Service), visit(1, Part::Service)];
        let pauses = vec![Pause { before: 1, kind: PauseKind::Reload(0) }];
        check_route(jobs, visits, pauses, 2_000 + 200, &[(0, 1_100), (1, 1_100)]);
    }

    proptest! {
        #[test]
        fn shares_add_up_to_the_whole_and_are_fair(
            total: u64, weights in prop::collection::vec(prop_oneof![Just(0_u128), 0..u128::MAX / 64], 1..20),
        ) {
            let shares = shared(total, &weights);
            prop_assert_eq!(shares.iter().map(|s| u128::from(*s)).sum::<u128>(), u128::from(total));
            for (a, wa) in shares.iter().zip(&weights) {
                for (b, wb) in shares.iter().zip(&weights) {
                    // Who weighs no more pays no more, but for a rounded unit.
                    prop_assert!(wa > wb || *a <= *b + 1);
                }
            }
        }
    }
}
