//! Costs by the hour and by the kilometre as whole numbers by the second and by the metre.

use crate::problem::{MAX_AMOUNT, MAX_ENTRY, NO_WAY, Soft, Spec, Travel, Window};

/// What a vehicle costs, in units of a file's money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Costs {
    pub(super) fixed: i64,
    /// Of driving.
    pub(super) per_hour: i64,
    pub(super) per_km: i64,
    /// Of the time between departure and end.
    pub(super) per_hour_on_duty: i64,
}

/// Units of money in one of the file's: hours and kilometres are split into seconds and metres without a rest.
const MONEY: i64 = 18_000;

/// The least that is lost with a job, in units of the file's money.
const LEAST: i64 = 1;

/// Gives vehicles their costs and jobs their prizes. Distances are in metres, durations in seconds; soft windows of
/// the spec cost by the hour. Also gives how many units of the problem's money are one of the file's, and the
/// distances, if the problem's became costs of driving.
///
/// A job has a priority, a prize, and whether it must be served. Without a prize it may be left out at more than any
/// detour costs, times one more than its priority.
pub(super) fn priced(
    mut spec: Spec,
    costs: &[Costs],
    jobs: &[(i64, Option<i64>, bool)],
    horizon: i64,
) -> (Spec, i64, Option<Vec<i64>>) {
    let softs = |spec: &mut Spec, f: &mut dyn FnMut(&mut Soft)| {
        for job in &mut spec.jobs {
            job.rules.soft.iter_mut().chain(&mut job.rules.soft_delivery).for_each(&mut *f);
        }
    };
    // The coarsest unit of money that has no rest.
    let mut divisor = MONEY;
    for c in costs {
        for value in [18 * c.per_km, 5 * c.per_hour, 5 * c.per_hour_on_duty] {
            divisor = gcd(divisor, value);
        }
    }
    softs(&mut spec, &mut |s| divisor = gcd(gcd(divisor, 5 * s.early_cost), 5 * s.late_cost));
    let money = MONEY / divisor;
    softs(&mut spec, &mut |s| {
        (s.early_cost, s.late_cost) = (5 * s.early_cost / divisor, 5 * s.late_cost / divisor);
    });
    let uses_time = |c: &Costs| c.per_hour_on_duty > 0;
    for (vehicle, c) in spec.vehicles.iter_mut().zip(costs) {
        vehicle.fixed_cost = c.fixed * money;
        vehicle.distance_cost = 18 * c.per_km / divisor;
        vehicle.rules.driving_cost = 5 * c.per_hour / divisor;
        vehicle.time_cost = 5 * c.per_hour_on_duty / divisor;
    }
    let has_rules = spec.vehicles.iter().any(|v| {
        let mut rules = v.rules.clone();
        rules.driving_cost = 0;
        !rules.is_empty()
    });
    if costs.iter().any(uses_time) || has_rules {
        for vehicle in spec.vehicles.iter_mut().filter(|v| v.shift == Window::ALWAYS) {
            vehicle.shift.end = horizon;
        }
    }
    let distances = as_costs(&mut spec);
    let lost = dearest_detour(&spec);
    for (job, &(priority, prize, mandatory)) in spec.jobs.iter_mut().zip(jobs) {
        job.prize = match (prize, mandatory) {
            (Some(prize), _) => Some(prize * money),
            (None, true) => None,
            (None, false) => Some((lost.max(LEAST * money)).saturating_mul(1 + priority).min(MAX_AMOUNT)),
        };
    }
    (spec, money, distances)
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Where driving costs by the hour and all vehicles are alike in it, distances become the costs of driving them:
/// then the fast search does. Gives the distances that were.
fn as_costs(spec: &mut Spec) -> Option<Vec<i64>> {
    let first = spec.vehicles.first()?;
    let (by_distance, by_time) = (first.distance_cost, first.rules.driving_cost);
    let alike = spec.vehicles.iter().all(|v| {
        (v.distance_cost, v.rules.driving_cost) == (by_distance, by_time)
            && v.max_distance.is_none()
            && v.rules.speed.is_none()
    });
    let Travel::Matrix { n, distance, duration } = &spec.travel else { return None };
    if !alike || by_time == 0 {
        return None;
    }
    let lasts = duration.as_ref().unwrap_or(distance);
    // One unit of cost for all where only time costs: the matrix is that of the durations.
    let (rate, by_distance, by_time) = if by_distance == 0 { (by_time, 0, 1) } else { (1, by_distance, by_time) };
    let cost = |(&d, &t): (&i64, &i64)| {
        if d == NO_WAY || t == NO_WAY {
            return Some(NO_WAY);
        }
        let cost = i128::from(by_distance) * i128::from(d) + i128::from(by_time) * i128::from(t);
        i64::try_from(cost).ok().filter(|c| *c <= MAX_ENTRY)
    };
    let costs: Vec<i64> = distance.iter().zip(lasts).map(cost).collect::<Option<_>>()?;
    let real = distance.clone();
    let lasts = lasts.clone();
    spec.travel = Travel::Matrix { n: *n, distance: costs, duration: Some(lasts) };
    for vehicle in &mut spec.vehicles {
        vehicle.distance_cost = rate;
        vehicle.rules.driving_cost = 0;
    }
    Some(real)
}

/// More than a job can add to the cost of a route: four times there and back by the dearest vehicle, and its
/// fixed cost.
fn dearest_detour(spec: &Spec) -> i64 {
    let longest = |entries: &[i64]| entries.iter().copied().filter(|&e| e != NO_WAY).max().unwrap_or(0);
    let (distance, duration) = match &spec.travel {
        Travel::Matrix { distance, duration, .. } => {
            (longest(distance), longest(duration.as_ref().unwrap_or(distance)))
        }
        // Round the earth.
        Travel::Plane { .. } | Travel::Sphere { .. } => (20_100_000, 20_100_000),
    };
    let service = |job: &crate::problem::Job| match &job.task {
        crate::problem::Task::Delivery(s) | crate::problem::Task::Pickup(s) => s.service,
        crate::problem::Task::Shipment { pickup, delivery } => pickup.service.saturating_add(delivery.service),
    };
    let service = spec.jobs.iter().map(service).max().unwrap_or(0);
    let of = |v: &crate::problem::Vehicle| {
        let way = v.distance_cost.saturating_mul(distance);
        let time = v.time_cost.saturating_add(v.rules.driving_cost).saturating_mul(duration);
        let at_stops = v.time_cost.saturating_mul(service.min(1_000_000));
        way.saturating_add(time).saturating_mul(8).saturating_add(v.fixed_cost).saturating_add(at_stops)
    };
    spec.vehicles.iter().map(of).max().unwrap_or(0).saturating_add(1).min(MAX_AMOUNT)
}
