//! A problem with what its file calls things: what every writer of plans works from.

use super::Instance;
use crate::LatLon;
use crate::check::Reason;
use crate::plan::{Part, Visit};
use crate::problem::{Problem, Task, Travel};

/// Where the locations of a problem are.
#[derive(Clone, Debug, PartialEq)]
pub enum Places {
    /// On the earth; `None`: not said.
    Earth(Vec<Option<LatLon>>),
    /// In a plane.
    Plane(Vec<[i64; 2]>),
    /// Nowhere: there is only a matrix.
    Unknown,
}

/// What a file calls vehicles, jobs, depots and breaks; by index in the problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// Ids of vehicles.
    pub vehicles: Vec<u64>,
    /// Ids of the first and the second stop of each job; the same twice if there is one.
    pub jobs: Vec<[u64; 2]>,
    /// Descriptions of the stops of each job.
    pub descriptions: Vec<[String; 2]>,
    /// Ids of depots.
    pub depots: Vec<u64>,
    /// Ids of the breaks of each vehicle.
    pub breaks: Vec<Vec<u64>>,
    /// Priorities of jobs.
    pub priorities: Vec<i64>,
    /// Where locations are.
    pub places: Places,
}

/// A problem, its labels, and its money.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Its name; empty if the file has none.
    pub name: String,
    /// The problem.
    pub problem: Problem,
    /// What the file calls things.
    pub labels: Labels,
    /// Units of the problem's money in one of the file's.
    pub money: i64,
    /// Real distances, row by row, where the problem's are costs.
    pub(super) distances: Option<Vec<i64>>,
}

impl Case {
    /// The distance that is driven from one location to another, whatever the search takes for it.
    pub fn distance(&self, from: usize, to: usize) -> i64 {
        let n = self.problem.travel().n_locations();
        self.distances.as_ref().map_or_else(|| self.problem.travel().distance(from, to), |d| d[from * n + to])
    }

    /// The id of a visited stop.
    pub fn id(&self, visit: Visit) -> u64 {
        self.labels.jobs[visit.job][usize::from(visit.part == Part::Delivery)]
    }

    /// A reason with its costs in the file's money.
    pub fn reason(&self, reason: &Reason) -> Reason {
        match reason {
            Reason::NotWorthIt { adds, prize } => {
                Reason::NotWorthIt { adds: self.cost(*adds), prize: self.cost(*prize) }
            }
            Reason::Overlooked { adds } => Reason::Overlooked { adds: self.cost(*adds) },
            other => other.clone(),
        }
    }

    /// A cost in the file's money, rounded to nearest.
    pub fn cost(&self, cost: i64) -> i64 {
        (cost + self.money / 2).div_euclid(self.money)
    }
}

impl From<Instance> for Case {
    /// Stops are called by their row in the file, from 0; vehicles and depots by their number from 1.
    fn from(instance: Instance) -> Self {
        let Instance { name, problem, rows } = instance;
        let mut jobs = vec![[0; 2]; problem.jobs().len()];
        for (row, visit) in (0_u64..).zip(&rows) {
            if let Some(Visit { job, part }) = *visit {
                let is_pair = matches!(problem.jobs()[job].task, Task::Shipment { .. });
                match (is_pair, part) {
                    (true, Part::Delivery) => jobs[job][1] = row,
                    (true, _) => jobs[job][0] = row,
                    (false, _) => jobs[job] = [row; 2],
                }
            }
        }
        let places = match problem.travel() {
            Travel::Plane { points, .. } => Places::Plane(points.clone()),
            Travel::Sphere { points, .. } => Places::Earth(points.iter().copied().map(Some).collect()),
            Travel::Matrix { .. } => Places::Unknown,
        };
        let n_vehicles = problem.vehicles().len();
        let labels = Labels {
            vehicles: (1..=n_vehicles as u64).collect(),
            descriptions: vec![[const { String::new() }; 2]; jobs.len()],
            priorities: vec![0; jobs.len()],
            jobs,
            depots: (1..=problem.depots().len() as u64).collect(),
            breaks: vec![Vec::new(); n_vehicles],
            places,
        };
        Self { name, problem, labels, money: 1, distances: None }
    }
}
