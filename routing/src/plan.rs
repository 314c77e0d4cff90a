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

/// What one vehicle drives, from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Index of the vehicle in the problem.
    pub vehicle: usize,
    /// When it leaves; `None`: at the time that makes the route shortest.
    pub departure: Option<i64>,
    /// Its stops in order, at least one.
    pub visits: Vec<Visit>,
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
    /// Fixed costs, distance and time at their rates, and the prizes lost.
    pub cost: i64,
    /// Distance of all routes.
    pub distance: i64,
    /// Time between departure and end of all routes.
    pub duration: i64,
    /// Prizes of the jobs that are not served; part of the cost.
    pub prizes_lost: i64,
}
