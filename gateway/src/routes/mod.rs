//! Routes for the day: vehicles and waiting shipments of the twin become a problem, and a plan becomes times and
//! places again.
//!
//! ```text
//! twin, RoutesRequest ─▶ Day (what stands for what) ─▶ routing::search ─▶ routing::check ─▶ RoutesView
//! ```
//!
//! Routes that are given are begun anew when a vehicle fails, a shipment comes or a lane closes (`replanner`), from
//! where vehicles are on those that they have (`repair`).
//!
//! Time is in seconds from the moment planned for, distance in metres, money in thousandths of a minor unit.

pub mod dispatch;
mod fleet;
mod repair;
pub mod replanner;
mod view;
mod ways;

use self::fleet::{check_numbers, job, loads, vehicle, vehicles};
use self::repair::Begun;
use self::ways::{Places, SPEED_M_PER_H};
use ::twin::Twin;
use ::twin::route::RouteState;
use ::twin::state::SiteIdx;
use firmware_schemas::api::Fault;
use firmware_schemas::api::routes::{RouteCosts, RoutesRequest, RoutesView};
use firmware_schemas::id::{OperationId, ShipmentId, VehicleId};
use firmware_schemas::network::{TemperatureClass, VehicleKind};
use firmware_schemas::quantity::{Position, Timestamp};
use routing::problem::{Problem, Rules, Spec, SpeedProfile, Terminal};
use routing::search::{self, Settings, Tick};
use std::time::Duration;

/// Money in the problem is in so many parts of a minor unit.
const PARTS: i64 = 1_000;
/// What must be done is worth this: more than any day's driving.
const MUST: i64 = 50_000_000_000;
/// Taking a shipment in.
const LOADING_SECS: i64 = 120;
/// Handing over a shipment of the twin.
const UNLOADING_SECS: i64 = 900;
/// Work and vehicles of one plan.
const JOBS_MAX: usize = 10_000;
const VEHICLES_MAX: usize = 2_000;
/// Skills above the temperature classes: to be the vehicle with this index.
const VEHICLE_SKILL: u32 = 100;

/// What is to be taken where.
#[derive(Clone, Debug)]
struct Load {
    id: ShipmentId,
    from: SiteIdx,
    to: SiteIdx,
    mass_g: u64,
    temperature: TemperatureClass,
    not_before: Option<Timestamp>,
    due_at: Option<Timestamp>,
    service_secs: i64,
    prize_minor: Option<i64>,
    /// The vehicle that has it, by index among those that are used.
    on_board: Option<usize>,
    /// When it is promised by the route that it is in, if that is repaired.
    promised_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Truck {
    id: VehicleId,
    kind: VehicleKind,
    temperature: TemperatureClass,
    position: Position,
    capacity_g: u64,
    /// The route that it is on, if that is repaired.
    begun: Option<Begun>,
}

/// A day to be planned: a problem, and what its numbers stand for.
#[derive(Clone, Debug)]
pub struct Day {
    at: Timestamp,
    revision: u64,
    currency: String,
    problem: Problem,
    places: Places,
    trucks: Vec<Truck>,
    loads: Vec<Load>,
    stuck: Vec<ShipmentId>,
    costs: RouteCosts,
    /// How many shipments were promised, if routes are repaired.
    promised: Option<usize>,
    search_for: Duration,
    settings: Settings,
}

fn at(pointer: &str, detail: String) -> Fault {
    Fault { detail, pointer: Some(format!("#{pointer}")), ..Fault::default() }
}

impl Day {
    /// Takes vehicles and shipments from the twin as it stands at `now`.
    ///
    /// # Errors
    /// Everything that is wrong with the request.
    pub fn of(twin: &Twin, request: &RoutesRequest, now: Timestamp) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        check_numbers(request, &mut faults);
        let (chosen, stuck) = vehicles(twin, request, &mut faults);
        let loads = loads(twin, request, &chosen, &mut faults);
        if chosen.is_empty() && faults.is_empty() {
            faults.push(at("/vehicles", "no vehicle on the road fits what is asked for".into()));
        }
        if loads.len() > JOBS_MAX || chosen.len() > VEHICLES_MAX {
            let (n, v) = (loads.len(), chosen.len());
            let most = format!("{n} shipments and {v} vehicles exceed {JOBS_MAX} and {VEHICLES_MAX}: name fewer");
            faults.push(at("/shipments", most));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut places = Places::default();
        for load in &loads {
            places.site(twin, load.to);
            if load.on_board.is_none() {
                places.site(twin, load.from);
            }
        }
        let mut trucks = Vec::new();
        let mut fleet = Vec::new();
        for index in &chosen {
            let state = &twin.vehicles[*index];
            let home = twin.site_by_id.get(&state.spec.home).copied();
            let stands = state.fix.as_ref().and_then(|fix| fix.site.as_ref()).and_then(|id| twin.site_by_id.get(id));
            let position = state.fix.as_ref().map(|fix| fix.position);
            let position = position.or_else(|| home.map(|home| twin.sites[home.at()].spec.position));
            let position = position.unwrap_or_else(|| unreachable!("vehicles that are nowhere are not chosen"));
            // Who was told to go gets there, whatever lane has been closed since.
            let route = twin.routes.get(&state.spec.vehicle).filter(|_| request.repair);
            let start = match stands.copied().or(home.filter(|_| state.fix.is_none())) {
                Some(site) if !route.is_some_and(RouteState::is_under_way) => places.site(twin, site),
                _ => places.point(position),
            };
            let end = match home.filter(|_| request.return_home) {
                Some(home) => Terminal::Location(places.site(twin, home)),
                None => Terminal::Open,
            };
            let number = trucks.len() as u32;
            fleet.push(vehicle(&state.spec, number, start, end, request));
            trucks.push(Truck {
                id: state.spec.vehicle.clone(),
                kind: state.spec.kind,
                temperature: state.spec.temperature,
                position,
                capacity_g: state.spec.capacity_g.0,
                begun: None,
            });
        }
        let mut speeds: Vec<u32> = Vec::new();
        for (vehicle, index) in fleet.iter_mut().zip(&chosen) {
            let speed = twin.vehicles[*index].spec.speed_m_per_h;
            if speed > 0 && speed != SPEED_M_PER_H {
                let thousandths = (u64::from(speed) * 1_000 / u64::from(SPEED_M_PER_H)).clamp(1, 1_000_000) as u32;
                let known = speeds.iter().position(|it| *it == thousandths);
                vehicle.rules.speed = Some(known.unwrap_or_else(|| {
                    speeds.push(thousandths);
                    speeds.len() - 1
                }));
            }
        }
        let jobs = loads.iter().map(|load| job(load, &places, request, now)).collect();
        let given = if request.repair { repair::given(twin, &loads, &mut trucks) } else { Vec::new() };
        let promised = request.repair.then(|| {
            let stuck = stuck.iter().filter(|id| repair::promised_at(twin, id).is_some()).count();
            stuck + loads.iter().filter(|load| load.promised_at.is_some()).count()
        });
        let spec = Spec {
            travel: places.travel(twin, request.ways),
            n_dimensions: 1,
            depots: Vec::new(),
            vehicles: fleet,
            jobs,
            given,
            rules: Rules { speeds: speeds.into_iter().map(SpeedProfile::constant).collect(), ..Rules::default() },
        };
        let problem = Problem::new(spec).map_err(|refusals| {
            refusals.into_iter().take(100).map(|refusal| at("", refusal.to_string())).collect::<Vec<_>>()
        })?;
        Ok(Self {
            at: now,
            revision: twin.revision,
            currency: twin.head.as_ref().map_or_else(|| "XXX".into(), |head| head.currency.clone()),
            problem,
            places,
            trucks,
            loads,
            stuck,
            costs: request.costs,
            promised,
            search_for: Duration::from_secs(request.search_secs.into()),
            settings: Settings { seed: request.seed, iterations: request.iterations, ..Settings::default() },
        })
    }

    /// Looks for routes until the time asked for has passed; `None` if `stop` says so before.
    ///
    /// # Errors
    /// What the judge has against the plan: a bug of ours.
    pub fn solve(
        &self,
        id: OperationId,
        now: impl Fn() -> Duration,
        stop: impl Fn() -> bool,
        mut progress: impl FnMut(f64),
    ) -> Result<Option<RoutesView>, String> {
        let began = now();
        let mut said = 0.0;
        let mut stopped = false;
        let mut tick = |at: &search::Progress| {
            stopped = stop();
            let spent = (now() - began).as_secs_f64() / self.search_for.as_secs_f64();
            let steps = self.settings.iterations.map_or(0.0, |most| at.iteration as f64 / most as f64);
            let share = spent.max(steps).min(1.0);
            if share >= said + 0.01 {
                said = share;
                progress(share);
            }
            if stopped || spent >= 1.0 { Tick::Stop } else { Tick::Spent(share) }
        };
        let outcome = search::solve(&self.problem, &self.settings, &mut tick, &mut |_, _| {});
        if stopped {
            return Ok(None);
        }
        self.view(id, &outcome.plan, outcome.iterations).map(Some)
    }
}
