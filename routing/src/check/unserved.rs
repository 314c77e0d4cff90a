//! Why a job is in no route.

use super::{Totals, Violation, drive};
use crate::plan::{Part, Plan, Route, Visit};
use crate::problem::{Problem, Task};
use std::collections::BTreeMap;

/// Routes that are driven to find reasons; jobs after that are not examined.
const EFFORT: usize = 200_000;

/// Why a job is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No vehicle has all its skills.
    Skills,
    /// It fits no vehicle that has its skills.
    TooBig,
    /// Even alone no vehicle could serve it: the code of what is in the way.
    Impossible(&'static str),
    /// Wherever it is put in, something is in the way, and no vehicle is free: the code met most often.
    NoRoom(&'static str),
    /// The cheapest place found for it costs more than it brings.
    NotWorthIt {
        /// What it would add to the cost.
        adds: i64,
        /// What is lost without it.
        prize: i64,
    },
    /// There is a place for it that costs less than to leave it: the search was stopped too early.
    Overlooked {
        /// What it would add to the cost.
        adds: i64,
    },
    /// Too many jobs are unserved to examine them all.
    NotExamined,
}

impl Reason {
    /// A short name that stays the same from version to version.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Skills => "skills",
            Self::TooBig => "too_big",
            Self::Impossible(_) => "impossible",
            Self::NoRoom(_) => "no_room",
            Self::NotWorthIt { .. } => "not_worth_it",
            Self::Overlooked { .. } => "overlooked",
            Self::NotExamined => "not_examined",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Skills => write!(f, "no vehicle has all its skills"),
            Self::TooBig => write!(f, "it fits no vehicle with its skills"),
            Self::Impossible(code) => write!(f, "no vehicle could serve it even alone: {code}"),
            Self::NoRoom(code) => write!(f, "no vehicle is free and no route has room for it: mostly {code}"),
            Self::NotWorthIt { adds, prize } => write!(f, "it would cost {adds} and brings {prize}"),
            Self::Overlooked { adds } => write!(f, "it could be served for {adds}: the search stopped too early"),
            Self::NotExamined => write!(f, "not examined: too many jobs are unserved"),
        }
    }
}

/// Why each unserved job of a plan is, in the order of the plan. The plan's vehicles and jobs must exist.
pub fn reasons(problem: &Problem, plan: &Plan) -> Vec<Reason> {
    let mut effort = EFFORT;
    plan.unserved.iter().map(|&job| reason(problem, plan, job, &mut effort)).collect()
}

fn reason(problem: &Problem, plan: &Plan, job: usize, effort: &mut usize) -> Reason {
    let j = &problem.jobs()[job];
    let vehicles = problem.vehicles();
    let able: Vec<usize> = (0..vehicles.len())
        .filter(|&v| vehicles[v].count > 0 && j.skills.iter().all(|s| vehicles[v].skills.contains(s)))
        .collect();
    if able.is_empty() {
        return Reason::Skills;
    }
    let fits = |v: &&usize| {
        let capacity = &vehicles[**v].capacity;
        [&j.amount, &j.rules.collects].iter().all(|amount| amount.iter().zip(capacity).all(|(a, c)| a <= c))
    };
    let able: Vec<usize> = able.iter().filter(fits).copied().collect();
    if able.is_empty() {
        return Reason::TooBig;
    }
    if *effort == 0 {
        return Reason::NotExamined;
    }
    let visits = match j.task {
        Task::Shipment { .. } => vec![Visit { job, part: Part::Pickup }, Visit { job, part: Part::Delivery }],
        Task::Delivery(_) | Task::Pickup(_) => vec![Visit { job, part: Part::Service }],
    };
    let mut cheapest: Option<i64> = None;
    let mut obstacles: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut possible = false;
    for &vehicle in &able {
        *effort = effort.saturating_sub(1);
        let used = plan.routes.iter().filter(|r| r.vehicle == vehicle).count();
        match price(problem, &Route::new(vehicle, visits.clone())) {
            Ok(cost) => {
                possible = true;
                if used < vehicles[vehicle].count as usize {
                    cheapest = Some(cheapest.map_or(cost, |c| c.min(cost)));
                }
            }
            Err(violation) => *obstacles.entry(violation.code()).or_default() += 1,
        }
    }
    let most = |obstacles: &BTreeMap<&'static str, usize>| {
        let most = obstacles.iter().max_by_key(|(code, n)| (**n, std::cmp::Reverse(**code)));
        most.map_or("too_many_routes", |(code, _)| *code)
    };
    if !possible {
        return Reason::Impossible(most(&obstacles));
    }
    obstacles.clear();
    for route in plan.routes.iter().filter(|r| able.contains(&r.vehicle)) {
        let Ok(before) = price(problem, route) else { continue };
        let n = route.visits.len();
        for first in 0..=n {
            let lasts = if visits.len() > 1 { first..=n } else { first..=first };
            for last in lasts {
                if *effort == 0 {
                    return cheapest.map_or(Reason::NotExamined, |adds| judged(problem, job, adds));
                }
                *effort -= 1;
                match price(problem, &with(route, &visits, first, last)) {
                    Ok(cost) => cheapest = Some(cheapest.map_or(cost - before, |c| c.min(cost - before))),
                    Err(violation) => *obstacles.entry(violation.code()).or_default() += 1,
                }
            }
        }
    }
    cheapest.map_or_else(|| Reason::NoRoom(most(&obstacles)), |adds| judged(problem, job, adds))
}

fn judged(problem: &Problem, job: usize, adds: i64) -> Reason {
    match problem.jobs()[job].prize {
        Some(prize) if adds >= prize => Reason::NotWorthIt { adds, prize },
        _ => Reason::Overlooked { adds },
    }
}

/// The route with the first visit before a position, and the second before another.
fn with(route: &Route, visits: &[Visit], first: usize, last: usize) -> Route {
    let mut with = route.clone();
    if let Some(&second) = visits.get(1) {
        with.visits.insert(last, second);
    }
    with.visits.insert(first, visits[0]);
    for pause in &mut with.pauses {
        let by = usize::from(pause.before > first) + usize::from(visits.len() > 1 && pause.before > last);
        pause.before += by;
    }
    with
}

/// What a route costs alone.
fn price(problem: &Problem, route: &Route) -> Result<i64, Violation> {
    let (mut totals, mut out) = (Totals::default(), Vec::new());
    drive(problem, 0, route, &mut totals, &mut out);
    out.into_iter().next().map_or(Ok(totals.cost), Err)
}
