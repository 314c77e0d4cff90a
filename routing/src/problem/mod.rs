//! What is to be driven: locations, depots, vehicles and jobs, in whole numbers.
//!
//! A [`Spec`] is what a caller writes down; [`Problem::new`] checks all of it once and gives either a problem,
//! which nothing else has to check again, or every reason why it cannot be. Units are the caller's own: one for
//! distance, one for time, one for money and one for each dimension of load.

mod rules;
mod travel;
mod validate;

pub use rules::{Break, Drive, JobRules, Reload, Rules, Soft, SpeedProfile, VehicleRules};
pub(crate) use travel::straight;
pub use travel::{MAX_COORDINATE, MAX_ENTRY, NO_WAY, Pace, Rounding, Travel};
pub use validate::{MAX_AMOUNT, MAX_DIMENSIONS, MAX_TIME, MAX_UNIT_COST, Refusal, Whose};

use crate::plan::Visit;

/// A span of time during which something may begin; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// Units of time.
    pub start: i64,
    /// Units of time; not before `start`.
    pub end: i64,
}

impl Window {
    /// All the time there is.
    pub const ALWAYS: Self = Self { start: 0, end: MAX_TIME };
}

/// Where vehicles may start and end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depot {
    /// Its location.
    pub location: usize,
    /// When vehicles may leave and arrive.
    pub open: Window,
}

/// One end of a vehicle's route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Terminal {
    /// A depot by its index: its opening hours hold.
    Depot(usize),
    /// A location: where the vehicle stands, or where its driver lives.
    Location(usize),
    /// Nowhere: the route begins at its first stop, or ends at its last.
    Open,
}

/// Vehicles that are all alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vehicle {
    /// How many of them there are.
    pub count: u32,
    /// What fits in, one number for each dimension of load.
    pub capacity: Vec<i64>,
    /// Where a route begins.
    pub start: Terminal,
    /// Where a route ends.
    pub end: Terminal,
    /// Cost of a route that has a stop.
    pub fixed_cost: i64,
    /// Cost of a unit of distance.
    pub distance_cost: i64,
    /// Cost of a unit of time between departure and end.
    pub time_cost: i64,
    /// Departure and end lie within.
    pub shift: Window,
    /// The longest way.
    pub max_distance: Option<i64>,
    /// The longest time between departure and end.
    pub max_duration: Option<i64>,
    /// What it can do; a job is served only by vehicles that have all its skills. Temperature classes and
    /// compatibility are written as skills.
    pub skills: Vec<u32>,
    /// Breaks, trips, speeds.
    pub rules: VehicleRules,
}

impl Vehicle {
    /// One vehicle of one depot with room for `capacity` that pays a unit of money for a unit of distance.
    pub fn at_depot(depot: usize, capacity: Vec<i64>) -> Self {
        Self {
            count: 1,
            capacity,
            start: Terminal::Depot(depot),
            end: Terminal::Depot(depot),
            fixed_cost: 0,
            distance_cost: 1,
            time_cost: 0,
            shift: Window::ALWAYS,
            max_distance: None,
            max_duration: None,
            skills: Vec::new(),
            rules: VehicleRules::default(),
        }
    }
}

/// A place where a vehicle does something for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Where.
    pub location: usize,
    /// When service may begin: in order, apart, at least one. A vehicle that is early waits.
    pub windows: Vec<Window>,
    /// How long it takes.
    pub service: i64,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Goods that are in the vehicle from its start.
    Delivery(Stop),
    /// Goods that stay in the vehicle to its end.
    Pickup(Stop),
    /// Goods that go from one stop to another in the same vehicle.
    Shipment {
        /// Where they are taken in.
        pickup: Stop,
        /// Where they are handed over, later in the same route.
        delivery: Stop,
    },
}

/// Something to be done by one vehicle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What.
    pub task: Task,
    /// How much, one number for each dimension of load.
    pub amount: Vec<i64>,
    /// Skills that its vehicle must have.
    pub skills: Vec<u32>,
    /// The goods are there from now on: a vehicle with a delivery does not depart before, and a pickup does not
    /// begin before.
    pub release: i64,
    /// What is lost if it is not served; `None`: it must be.
    pub prize: Option<i64>,
    /// Soft windows, class of goods, what a delivery takes along.
    pub rules: JobRules,
}

impl Job {
    /// A job that must be done by whoever has room.
    pub fn new(task: Task, amount: Vec<i64>) -> Self {
        Self { task, amount, skills: Vec::new(), release: 0, prize: None, rules: JobRules::default() }
    }
}

/// A route that is given: as a first guess, or because the vehicle is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenRoute {
    /// Index of the vehicle.
    pub vehicle: usize,
    /// The stops in order.
    pub visits: Vec<Visit>,
    /// How many of them, from the first, must stay as they are.
    pub frozen: usize,
    /// When the vehicle left, if it has; needs at least one frozen stop.
    pub departure: Option<i64>,
}

/// A problem as a caller writes it down.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Distances and durations between locations.
    pub travel: Travel,
    /// Number of dimensions of load.
    pub n_dimensions: usize,
    /// Depots.
    pub depots: Vec<Depot>,
    /// Vehicles.
    pub vehicles: Vec<Vehicle>,
    /// Jobs.
    pub jobs: Vec<Job>,
    /// Routes to begin from; at most one for each vehicle of which something is frozen.
    pub given: Vec<GivenRoute>,
    /// Speeds, and goods that are kept apart.
    pub rules: Rules,
}

/// A problem that can be worked on.
///
/// Invariant: [`Problem::new`] found no [`Refusal`].
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    spec: Spec,
}

impl Problem {
    /// Checks all of it.
    ///
    /// # Errors
    /// Every reason why it cannot be, in the order of the fields.
    pub fn new(spec: Spec) -> Result<Self, Vec<Refusal>> {
        let refusals = validate::refusals(&spec);
        if refusals.is_empty() { Ok(Self { spec }) } else { Err(refusals) }
    }

    /// Of a problem that was checked, in another order.
    pub(crate) fn of_checked(spec: Spec) -> Self {
        Self { spec }
    }

    /// Distances and durations.
    pub fn travel(&self) -> &Travel {
        &self.spec.travel
    }

    /// Number of dimensions of load.
    pub fn n_dimensions(&self) -> usize {
        self.spec.n_dimensions
    }

    /// Depots.
    pub fn depots(&self) -> &[Depot] {
        &self.spec.depots
    }

    /// Vehicles.
    pub fn vehicles(&self) -> &[Vehicle] {
        &self.spec.vehicles
    }

    /// Jobs.
    pub fn jobs(&self) -> &[Job] {
        &self.spec.jobs
    }

    /// Routes that were given.
    pub fn given(&self) -> &[GivenRoute] {
        &self.spec.given
    }

    /// Speeds, and goods that are kept apart.
    pub fn rules(&self) -> &Rules {
        &self.spec.rules
    }

    /// Whether any rule goes beyond lengths, loads and windows, so that routes must be driven to be judged.
    pub fn has_rules(&self) -> bool {
        let kept_apart = |job: &Job| job.rules.class.is_some() && !self.spec.rules.apart.is_empty();
        self.spec.vehicles.iter().any(|v| !v.rules.is_empty())
            || self.spec.jobs.iter().any(|j| !j.rules.is_empty() || kept_apart(j))
    }

    /// The way of a vehicle from one location to another, to be driven; `None` if there is none.
    pub fn drive(&self, vehicle: usize, from: usize, to: usize) -> Option<Drive<'_>> {
        let duration = self.spec.travel.duration(from, to);
        let profile = self.spec.vehicles[vehicle].rules.speed.map(|s| &self.spec.rules.speeds[s]);
        (duration != NO_WAY).then(|| Drive::new(duration, profile))
    }

    /// What it was made from, to be changed and checked again.
    pub fn into_spec(self) -> Spec {
        self.spec
    }
}
