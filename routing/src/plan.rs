//! Who drives where: the answer to a problem.

/// Which stop of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The only stop of a delivery or pickup.
    Service,
    /// The first stop of a shipment.
    Pickup,
    /// The second stop of a shipment.
    Delivery,
}

/// One stop of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Visit {
    /// Index of the job.
    pub job: usize,
    /// Which of its stops.
    pub part: Part,
}

/// What a vehicle does between two stops beside driving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pause {
    /// Before which visit of the route; the number of visits: before its end.
    pub before: usize,
    /// What.
    pub kind: PauseKind,
}

/// Kinds of pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseKind {
    /// A break of the vehicle by its index, as early as its windows allow: where the vehicle stands, on the way to
    /// what comes next, or there before service.
    Break(usize),
    /// Back to a depot by its index, to unload and load; the next trip begins.
    Reload(usize),
    /// Service of the visit does not begin before this moment.
    WaitUntil(i64),
}

/// What one vehicle drives, from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Index of the vehicle in the problem.
    pub vehicle: usize,
    /// When it leaves; `None`: at the time that makes the route shortest, or, where the problem has rules
    /// ([`crate::problem::Problem::has_rules`]), as early as it may.
    pub departure: Option<i64>,
    /// Its stops in order, at least one.
    pub visits: Vec<Visit>,
    /// Breaks, reloads and waits, by the visit that they precede and in the order in which they happen.
    pub pauses: Vec<Pause>,
}

impl Route {
    /// A route that leaves when that is best, and makes no pause.
    pub fn new(vehicle: usize, visits: Vec<Visit>) -> Self {
        Self { vehicle, departure: None, visits, pauses: Vec::new() }
    }
}

/// Routes, and the jobs that are in none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Routes that have a stop.
    pub routes: Vec<Route>,
    /// Jobs that are not served, in order.
    pub unserved: Vec<usize>,
}

/// What a plan costs and takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Fixed costs, distance and time at their rates, soft windows missed, and the prizes lost.
    pub cost: i64,
    /// Distance of all routes.
    pub distance: i64,
    /// Time between departure and end of all routes.
    pub duration: i64,
    /// Prizes of the jobs that are not served; part of the cost.
    pub prizes_lost: i64,
    /// What it costs to be before or after soft windows; part of the cost.
    pub soft_cost: i64,
}
