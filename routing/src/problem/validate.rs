//! Every reason why a problem cannot be.

use super::{
    Job, MAX_COORDINATE, MAX_ENTRY, NO_WAY, Soft, Spec, SpeedProfile, Stop, Task, Terminal, Travel, Vehicle, Window,
};
use crate::plan::{Part, Visit};
use std::collections::BTreeMap;

/// The greatest amount and capacity in one dimension.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000;
/// The latest moment, and the longest service.
pub const MAX_TIME: i64 = 1_000_000_000_000;
/// The highest cost of a unit of distance or time.
pub const MAX_UNIT_COST: i64 = 1_000_000_000;
/// The most dimensions of load.
pub const MAX_DIMENSIONS: usize = 16;

/// Why a problem is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    #[error("matrix of {n} locations has {len} entries of {what}")]
    MatrixSize { what: &'static str, n: usize, len: usize },
    #[error("{what} from {from} to {to} is {value}, outside 0 to {max}", max = MAX_ENTRY)]
    MatrixEntry { what: &'static str, from: usize, to: usize, value: i64 },
    #[error("{more} more entries of the matrix of {what} are out of bounds")]
    MatrixEntries { what: &'static str, more: usize },
    #[error("coordinate {value} of location {location} is outside ±{max}", max = MAX_COORDINATE)]
    Coordinate { location: usize, value: i64 },
    #[error("location {location} is not on the earth")]
    NotOnEarth { location: usize },
    #[error("pace of {numerator}/{denominator} is outside 0 to 1,000,000")]
    Pace { numerator: u32, denominator: u32 },
    #[error("{n} dimensions of load exceed the limit of {max}", max = MAX_DIMENSIONS)]
    Dimensions { n: usize },
    #[error("{whose} is at location {location}, but there are only {n}")]
    Location { whose: Whose, location: usize, n: usize },
    #[error("vehicle {vehicle} belongs to depot {depot}, but there are only {n}")]
    UnknownDepot { vehicle: usize, depot: usize, n: usize },
    #[error("{whose} has a window from {start} to {end}")]
    Window { whose: Whose, start: i64, end: i64 },
    #[error("{whose} has no window")]
    NoWindow { whose: Whose },
    #[error("windows of {whose} overlap or are out of order at {at}")]
    WindowOrder { whose: Whose, at: i64 },
    #[error("{whose} has {len} amounts of load for {n} dimensions")]
    AmountDimensions { whose: Whose, len: usize, n: usize },
    #[error("{whose} has {value} in dimension {dimension}, outside 0 to {max}", max = MAX_AMOUNT)]
    Amount { whose: Whose, dimension: usize, value: i64 },
    #[error("{field} of {whose} is {value}, outside 0 to {max}")]
    OutOfRange { whose: Whose, field: &'static str, value: i64, max: i64 },
    #[error("there is no vehicle")]
    NoVehicle,
    #[error("job {job} must be served and fits no vehicle")]
    FitsNoVehicle { job: usize },
    #[error("job {job} must be served and no vehicle has all its skills")]
    SkillsOfNobody { job: usize },
    #[error("release {release} of job {job} is after its last window")]
    ReleasedTooLate { job: usize, release: i64 },
    #[error("given route {route} is of vehicle {vehicle}, but there are only {n}")]
    GivenVehicle { route: usize, vehicle: usize, n: usize },
    #[error("more given routes of vehicle {vehicle} than the {count} there are")]
    GivenTooMany { vehicle: usize, count: u32 },
    #[error("given route {route} names job {job}, {part:?}, which is not there")]
    GivenVisit { route: usize, job: usize, part: Part },
    #[error("given routes visit job {job}, {part:?}, more than once")]
    GivenTwice { job: usize, part: Part },
    #[error("given route {route} freezes {frozen} of {len} stops")]
    GivenFrozen { route: usize, frozen: usize, len: usize },
    #[error("given route {route} departed at {departure} and has no frozen stop, or not within the shift")]
    GivenDeparture { route: usize, departure: i64 },
    #[error("given route {route} freezes the delivery of job {job} and not its pickup before it")]
    GivenHalf { route: usize, job: usize },
    #[error("vehicle {vehicle} reloads at depot {depot}, but there are only {n}")]
    ReloadDepot { vehicle: usize, depot: usize, n: usize },
    #[error("vehicle {vehicle} may reload and has nowhere to, or no trip")]
    Reload { vehicle: usize },
    #[error("vehicle {vehicle} has speed profile {profile}, but there are only {n}")]
    UnknownSpeed { vehicle: usize, profile: usize, n: usize },
    #[error(
        "speed profile {profile} is empty, does not begin at 0, is out of order at {at}, or has a speed outside 1 to 1,000,000"
    )]
    Speed { profile: usize, at: i64 },
    #[error("job {job} collects and is no delivery")]
    Collects { job: usize },
    #[error("job {job} has a soft window of a delivery and is no shipment")]
    SoftDelivery { job: usize },
    #[error("costs may exceed what 64 bits hold")]
    CostOverflow,
}

impl Refusal {
    /// A short name that stays the same from version to version.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::MatrixSize { .. } => "matrix_size",
            Self::MatrixEntry { .. } => "matrix_entry",
            Self::MatrixEntries { .. } => "matrix_entries",
            Self::Coordinate { .. } => "coordinate",
            Self::NotOnEarth { .. } => "not_on_earth",
            Self::Pace { .. } => "pace",
            Self::Dimensions { .. } => "dimensions",
            Self::Location { .. } => "location",
            Self::UnknownDepot { .. } => "unknown_depot",
            Self::Window { .. } => "window",
            Self::NoWindow { .. } => "no_window",
            Self::WindowOrder { .. } => "window_order",
            Self::AmountDimensions { .. } => "amount_dimensions",
            Self::Amount { .. } => "amount",
            Self::OutOfRange { .. } => "out_of_range",
            Self::NoVehicle => "no_vehicle",
            Self::FitsNoVehicle { .. } => "fits_no_vehicle",
            Self::SkillsOfNobody { .. } => "skills_of_nobody",
            Self::ReleasedTooLate { .. } => "released_too_late",
            Self::GivenVehicle { .. } => "given_vehicle",
            Self::GivenTooMany { .. } => "given_too_many",
            Self::GivenVisit { .. } => "given_visit",
            Self::GivenTwice { .. } => "given_twice",
            Self::GivenFrozen { .. } => "given_frozen",
            Self::GivenDeparture { .. } => "given_departure",
            Self::GivenHalf { .. } => "given_half",
            Self::ReloadDepot { .. } => "reload_depot",
            Self::Reload { .. } => "reload",
            Self::UnknownSpeed { .. } => "unknown_speed",
            Self::Speed { .. } => "speed",
            Self::Collects { .. } => "collects",
            Self::SoftDelivery { .. } => "soft_delivery",
            Self::CostOverflow => "cost_overflow",
        }
    }
}

/// Whom a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Depot(usize),
    Vehicle(usize),
    Job(usize),
    /// A break of a vehicle.
    Break(usize, usize),
}

impl std::fmt::Display for Whose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Depot(i) => write!(f, "depot {i}"),
            Self::Vehicle(i) => write!(f, "vehicle {i}"),
            Self::Job(i) => write!(f, "job {i}"),
            Self::Break(i, pause) => write!(f, "break {pause} of vehicle {i}"),
        }
    }
}

pub(super) fn refusals(spec: &Spec) -> Vec<Refusal> {
    let mut out = Vec::new();
    travel(&spec.travel, &mut out);
    if spec.n_dimensions > MAX_DIMENSIONS {
        out.push(Refusal::Dimensions { n: spec.n_dimensions });
    }
    let n = spec.travel.n_locations();
    for (i, depot) in spec.depots.iter().enumerate() {
        location(Whose::Depot(i), depot.location, n, &mut out);
        window(Whose::Depot(i), depot.open, &mut out);
    }
    if !spec.vehicles.iter().any(|v| v.count > 0) {
        out.push(Refusal::NoVehicle);
    }
    for (i, v) in spec.vehicles.iter().enumerate() {
        vehicle(spec, i, v, &mut out);
    }
    for (i, j) in spec.jobs.iter().enumerate() {
        job(spec, i, j, &mut out);
    }
    for (profile, speed) in spec.rules.speeds.iter().enumerate() {
        speeds(profile, speed, &mut out);
    }
    given(spec, &mut out);
    if out.is_empty() {
        fits(spec, &mut out);
        if overflows(spec) {
            out.push(Refusal::CostOverflow);
        }
    }
    out
}

fn travel(travel: &Travel, out: &mut Vec<Refusal>) {
    match travel {
        Travel::Matrix { n, distance, duration } => {
            matrix("distance", *n, distance, out);
            if let Some(duration) = duration {
                matrix("duration", *n, duration, out);
            }
        }
        Travel::Plane { points, pace, .. } => {
            for (location, point) in points.iter().enumerate() {
                for value in *point {
                    if !(-MAX_COORDINATE..=MAX_COORDINATE).contains(&value) {
                        out.push(Refusal::Coordinate { location, value });
                    }
                }
            }
            pace_bounds(*pace, out);
        }
        Travel::Sphere { points, pace } => {
            for (location, point) in points.iter().enumerate() {
                if !(point.lat.abs() <= 90.0 && point.lon.abs() <= 360.0) {
                    out.push(Refusal::NotOnEarth { location });
                }
            }
            pace_bounds(*pace, out);
        }
    }
}

fn pace_bounds(pace: super::Pace, out: &mut Vec<Refusal>) {
    let (numerator, denominator) = (pace.numerator, pace.denominator);
    if denominator == 0 || u64::from(numerator) > 1_000_000 * u64::from(denominator) {
        out.push(Refusal::Pace { numerator, denominator });
    }
}

/// At most eight entries are named one by one.
fn matrix(what: &'static str, n: usize, entries: &[i64], out: &mut Vec<Refusal>) {
    if n.checked_mul(n) != Some(entries.len()) {
        out.push(Refusal::MatrixSize { what, n, len: entries.len() });
        return;
    }
    let bad = |&(_, &value): &(usize, &i64)| value != NO_WAY && !(0..=MAX_ENTRY).contains(&value);
    let mut bad = entries.iter().enumerate().filter(bad);
    for (i, &value) in bad.by_ref().take(8) {
        out.push(Refusal::MatrixEntry { what, from: i / n, to: i % n, value });
    }
    let more = bad.count();
    if more > 0 {
        out.push(Refusal::MatrixEntries { what, more });
    }
}

fn location(whose: Whose, location: usize, n: usize, out: &mut Vec<Refusal>) {
    if location >= n {
        out.push(Refusal::Location { whose, location, n });
    }
}

fn window(whose: Whose, window: Window, out: &mut Vec<Refusal>) {
    if window.start < 0 || window.end < window.start || window.end > MAX_TIME {
        out.push(Refusal::Window { whose, start: window.start, end: window.end });
    }
}

fn amounts(whose: Whose, amounts: &[i64], n: usize, out: &mut Vec<Refusal>) {
    if amounts.len() != n {
        out.push(Refusal::AmountDimensions { whose, len: amounts.len(), n });
    }
    for (dimension, &value) in amounts.iter().enumerate() {
        if !(0..=MAX_AMOUNT).contains(&value) {
            out.push(Refusal::Amount { whose, dimension, value });
        }
    }
}

fn range(whose: Whose, field: &'static str, value: i64, max: i64, out: &mut Vec<Refusal>) {
    if !(0..=max).contains(&value) {
        out.push(Refusal::OutOfRange { whose, field, value, max });
    }
}

fn vehicle(spec: &Spec, i: usize, v: &Vehicle, out: &mut Vec<Refusal>) {
    let whose = Whose::Vehicle(i);
    amounts(whose, &v.capacity, spec.n_dimensions, out);
    for terminal in [v.start, v.end] {
        match terminal {
            Terminal::Depot(depot) if depot >= spec.depots.len() => {
                out.push(Refusal::UnknownDepot { vehicle: i, depot, n: spec.depots.len() });
            }
            Terminal::Location(at) => location(whose, at, spec.travel.n_locations(), out),
            Terminal::Depot(_) | Terminal::Open => {}
        }
    }
    range(whose, "fixed_cost", v.fixed_cost, MAX_AMOUNT, out);
    range(whose, "distance_cost", v.distance_cost, MAX_UNIT_COST, out);
    range(whose, "time_cost", v.time_cost, MAX_UNIT_COST, out);
    window(whose, v.shift, out);
    range(whose, "max_distance", v.max_distance.unwrap_or(0), MAX_TIME, out);
    range(whose, "max_duration", v.max_duration.unwrap_or(0), MAX_TIME, out);
    range(whose, "max_driving", v.rules.max_driving.unwrap_or(0), MAX_TIME, out);
    range(whose, "driving_cost", v.rules.driving_cost, MAX_UNIT_COST, out);
    for (pause, b) in v.rules.breaks.iter().enumerate() {
        let whose = Whose::Break(i, pause);
        windows(whose, &b.windows, out);
        range(whose, "duration", b.duration, MAX_TIME, out);
    }
    if let Some(reload) = &v.rules.reload {
        if reload.depots.is_empty() || reload.max_trips == 0 {
            out.push(Refusal::Reload { vehicle: i });
        }
        for &depot in reload.depots.iter().filter(|&&depot| depot >= spec.depots.len()) {
            out.push(Refusal::ReloadDepot { vehicle: i, depot, n: spec.depots.len() });
        }
        range(whose, "reload duration", reload.duration, MAX_TIME, out);
    }
    if let Some(profile) = v.rules.speed.filter(|&s| s >= spec.rules.speeds.len()) {
        out.push(Refusal::UnknownSpeed { vehicle: i, profile, n: spec.rules.speeds.len() });
    }
}

fn speeds(profile: usize, speed: &SpeedProfile, out: &mut Vec<Refusal>) {
    let mut last = -1;
    for &(at, thousandths) in &speed.pieces {
        let begins = if last < 0 { at == 0 } else { at > last };
        if !begins || at >= speed.period || !(1..=1_000_000).contains(&thousandths) {
            out.push(Refusal::Speed { profile, at });
        }
        last = at;
    }
    if speed.pieces.is_empty() || !(1..=MAX_TIME).contains(&speed.period) {
        out.push(Refusal::Speed { profile, at: 0 });
    }
}

fn job(spec: &Spec, i: usize, job: &Job, out: &mut Vec<Refusal>) {
    let whose = Whose::Job(i);
    match &job.task {
        Task::Delivery(at) | Task::Pickup(at) => stop(spec, whose, at, out),
        Task::Shipment { pickup, delivery } => {
            stop(spec, whose, pickup, out);
            stop(spec, whose, delivery, out);
        }
    }
    amounts(whose, &job.amount, spec.n_dimensions, out);
    range(whose, "release", job.release, MAX_TIME, out);
    range(whose, "prize", job.prize.unwrap_or(0), MAX_AMOUNT, out);
    let (Task::Delivery(first) | Task::Pickup(first) | Task::Shipment { pickup: first, .. }) = &job.task;
    if first.windows.last().is_some_and(|w| w.end < job.release) {
        out.push(Refusal::ReleasedTooLate { job: i, release: job.release });
    }
    let rules = &job.rules;
    for soft in [rules.soft, rules.soft_delivery].into_iter().flatten() {
        window(whose, soft.window, out);
        range(whose, "early_cost", soft.early_cost, MAX_UNIT_COST, out);
        range(whose, "late_cost", soft.late_cost, MAX_UNIT_COST, out);
    }
    if rules.soft_delivery.is_some() && !matches!(job.task, Task::Shipment { .. }) {
        out.push(Refusal::SoftDelivery { job: i });
    }
    if !rules.collects.is_empty() {
        if !matches!(job.task, Task::Delivery(_)) {
            out.push(Refusal::Collects { job: i });
        }
        amounts(whose, &rules.collects, spec.n_dimensions, out);
    }
}

fn windows(whose: Whose, windows: &[Window], out: &mut Vec<Refusal>) {
    if windows.is_empty() {
        out.push(Refusal::NoWindow { whose });
    }
    for &w in windows {
        window(whose, w, out);
    }
    for pair in windows.windows(2) {
        if pair[1].start <= pair[0].end {
            out.push(Refusal::WindowOrder { whose, at: pair[1].start });
        }
    }
}

fn stop(spec: &Spec, whose: Whose, stop: &Stop, out: &mut Vec<Refusal>) {
    location(whose, stop.location, spec.travel.n_locations(), out);
    windows(whose, &stop.windows, out);
    range(whose, "service", stop.service, MAX_TIME, out);
}

fn given(spec: &Spec, out: &mut Vec<Refusal>) {
    let mut seen: BTreeMap<Visit, u32> = BTreeMap::new();
    let mut used: BTreeMap<usize, u32> = BTreeMap::new();
    for (r, route) in spec.given.iter().enumerate() {
        match spec.vehicles.get(route.vehicle) {
            None => out.push(Refusal::GivenVehicle { route: r, vehicle: route.vehicle, n: spec.vehicles.len() }),
            Some(v) => {
                let n = used.entry(route.vehicle).or_default();
                *n += 1;
                if *n == v.count.saturating_add(1) {
                    out.push(Refusal::GivenTooMany { vehicle: route.vehicle, count: v.count });
                }
                if let Some(departure) = route.departure
                    && (route.frozen == 0 || !(v.shift.start..=v.shift.end).contains(&departure))
                {
                    out.push(Refusal::GivenDeparture { route: r, departure });
                }
            }
        }
        if route.frozen > route.visits.len() {
            out.push(Refusal::GivenFrozen { route: r, frozen: route.frozen, len: route.visits.len() });
        }
        for (position, &visit) in route.visits.iter().enumerate() {
            let Visit { job, part } = visit;
            let known = spec.jobs.get(job).is_some_and(|j| match j.task {
                Task::Shipment { .. } => part != Part::Service,
                Task::Delivery(_) | Task::Pickup(_) => part == Part::Service,
            });
            if !known {
                out.push(Refusal::GivenVisit { route: r, job, part });
            }
            let n = seen.entry(visit).or_default();
            *n += 1;
            if *n == 2 {
                out.push(Refusal::GivenTwice { job, part });
            }
            let before = &route.visits[..position];
            if position < route.frozen && part == Part::Delivery && !before.contains(&Visit { job, part: Part::Pickup })
            {
                out.push(Refusal::GivenHalf { route: r, job });
            }
        }
    }
}

fn fits(spec: &Spec, out: &mut Vec<Refusal>) {
    for (i, job) in spec.jobs.iter().enumerate().filter(|(_, j)| j.prize.is_none()) {
        let able = |v: &&Vehicle| v.count > 0 && job.skills.iter().all(|s| v.skills.contains(s));
        if !spec.vehicles.iter().any(|v| able(&v)) {
            out.push(Refusal::SkillsOfNobody { job: i });
        } else if !spec.vehicles.iter().filter(able).any(|v| fits_in(job, v)) {
            out.push(Refusal::FitsNoVehicle { job: i });
        }
    }
}

fn fits_in(job: &Job, vehicle: &Vehicle) -> bool {
    let fits = |amounts: &[i64]| amounts.iter().zip(&vehicle.capacity).all(|(a, c)| a <= c);
    fits(&job.amount) && fits(&job.rules.collects)
}

/// Twice the stops, so that a route of nothing but there and back is covered as well.
fn overflows(spec: &Spec) -> bool {
    let longest = |entries: &[i64]| entries.iter().copied().filter(|&e| e != NO_WAY).max().unwrap_or(0);
    let (distance, duration) = match &spec.travel {
        Travel::Matrix { distance, duration, .. } => {
            (longest(distance), duration.as_ref().map_or_else(|| longest(distance), |d| longest(d)))
        }
        Travel::Plane { pace, .. } => plane_entries(3 * MAX_COORDINATE, *pace),
        Travel::Sphere { pace, .. } => plane_entries(21_000_000, *pace),
    };
    let arcs = 4 * spec.jobs.len() as i128 + 4;
    let most = |cost: fn(&Vehicle) -> i64| i128::from(spec.vehicles.iter().map(cost).max().unwrap_or(0));
    let end = i128::from(spec.vehicles.iter().map(|v| v.shift.end).max().unwrap_or(0));
    // At a thousandth of the speed, with reloads beside every stop, and breaks.
    let slowest = spec.rules.speeds.iter().flat_map(|s| &s.pieces).map(|p| p.1).min().unwrap_or(1_000).clamp(1, 1_000);
    let pauses: i128 = spec.vehicles.iter().map(longest_pauses).max().unwrap_or(0);
    let time = (i128::from(duration) * arcs * 1_000 / i128::from(slowest) + pauses * arcs).max(end * (arcs / 4));
    let softs: i128 = spec.jobs.iter().map(|j| dearest_miss(j, end)).sum();
    let prizes: i128 = spec.jobs.iter().map(|j| i128::from(j.prize.unwrap_or(0))).sum();
    let cost = i128::from(distance) * arcs * most(|v| v.distance_cost)
        + time * (most(|v| v.time_cost) + most(|v| v.rules.driving_cost))
        + most(|v| v.fixed_cost) * arcs
        + softs
        + prizes;
    // The search adds penalties of about as much again; loads are sums of amounts.
    let load: i128 =
        spec.jobs.iter().flat_map(|j| j.amount.iter().chain(&j.rules.collects)).map(|&a| i128::from(a)).sum();
    cost > i128::from(i64::MAX) / 64 || load > i128::from(i64::MAX) / 64
}

fn plane_entries(longest: i64, pace: super::Pace) -> (i64, i64) {
    (longest, longest.saturating_mul(i64::from(pace.numerator)) / i64::from(pace.denominator.max(1)) + 1)
}

fn longest_pauses(vehicle: &Vehicle) -> i128 {
    let breaks: i128 = vehicle.rules.breaks.iter().map(|b| i128::from(b.duration)).sum();
    breaks + i128::from(vehicle.rules.reload.as_ref().map_or(0, |r| r.duration))
}

/// The most that the soft windows of a job can cost: the vehicle is back by `end`.
fn dearest_miss(job: &Job, end: i128) -> i128 {
    let miss = |soft: Option<Soft>, stop: &Stop| {
        let last = stop.windows.last().map_or(0, |w| i128::from(w.end)).min(end);
        soft.map_or(0, |s| {
            let late = (last - i128::from(s.window.end)).max(0) * i128::from(s.late_cost);
            late.max(i128::from(s.window.start) * i128::from(s.early_cost))
        })
    };
    match &job.task {
        Task::Delivery(stop) | Task::Pickup(stop) => miss(job.rules.soft, stop),
        Task::Shipment { pickup, delivery } => miss(job.rules.soft, pickup) + miss(job.rules.soft_delivery, delivery),
    }
}
