//! Routes for the day: vehicles and waiting shipments of the twin become a problem, and a plan becomes times and
//! places again.
//!
//! ```text
//! twin, RoutesRequest ─▶ Day (what stands for what) ─▶ routing::search ─▶ routing::check ─▶ RoutesView
//! ```
//!
//! Time is in seconds from the moment planned for, distance in metres, money in thousandths of a minor unit.

mod ways;

use ::twin::Twin;
use ::twin::state::{ShipmentState, SiteIdx};
use firmware_schemas::api::Fault;
use firmware_schemas::api::routes::{
    RouteStopView, RouteView, RoutedView, RoutesRequest, RoutesView, UnservedReason, UnservedView,
};
use firmware_schemas::id::{OperationId, ShipmentId, SiteId, VehicleId};
use firmware_schemas::network::{Mode, TemperatureClass, VehicleKind};
use firmware_schemas::quantity::{Grams, Metres, MinorUnits, Position, Seconds, Timestamp};
use routing::check;
use routing::plan::{Part, Plan, Route, Visit};
use routing::problem::{
    Job, JobRules, Problem, Rules, Soft, Spec, SpeedProfile, Stop, Task, Terminal, Vehicle, VehicleRules, Window,
};
use routing::search::{self, Settings, Tick};
use sim::situation::carbon;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use ways::{Places, SPEED_M_PER_H};

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
}

#[derive(Clone, Debug)]
struct Truck {
    id: VehicleId,
    kind: VehicleKind,
    position: Position,
    capacity_g: u64,
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
            let start = match stands.copied().or(home.filter(|_| state.fix.is_none())) {
                Some(site) => places.site(twin, site),
                None => places.point(position),
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
                position,
                capacity_g: state.spec.capacity_g.0,
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
        let spec = Spec {
            travel: places.travel(twin, request.ways),
            n_dimensions: 1,
            depots: Vec::new(),
            vehicles: fleet,
            jobs,
            given: Vec::new(),
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

    fn view(&self, id: OperationId, plan: &Plan, iterations: u64) -> Result<RoutesView, String> {
        let totals = check::check(&self.problem, plan).map_err(|violations| format!("{violations:?}"))?;
        let mut routes = Vec::new();
        let mut shipments = Vec::new();
        for route in &plan.routes {
            let schedule = check::schedule(&self.problem, route).map_err(|violation| format!("{violation:?}"))?;
            routes.push(self.route(route, &schedule));
            for (visit, times) in route.visits.iter().zip(&schedule.stops) {
                if visit.part != Part::Pickup {
                    shipments.push(self.routed(route.vehicle, visit.job, times.begin));
                }
            }
        }
        shipments.sort_by(|a, b| a.shipment.cmp(&b.shipment));
        let must = plan.unserved.iter().filter(|job| self.loads[**job].prize_minor.is_none()).count() as i64 * MUST;
        let why = check::reasons(&self.problem, plan);
        let mut unserved: Vec<UnservedView> = plan
            .unserved
            .iter()
            .zip(&why)
            .map(|(job, why)| UnservedView { shipment: self.loads[*job].id.clone(), reason: reason(why) })
            .collect();
        let stuck = self.stuck.iter().cloned();
        unserved.extend(stuck.map(|shipment| UnservedView { shipment, reason: UnservedReason::OnBoard }));
        Ok(RoutesView {
            id,
            at: self.at,
            revision: self.revision,
            currency: self.currency.clone(),
            cost_minor: MinorUnits((totals.cost - must) / PARTS),
            distance_m: Metres(totals.distance as u64),
            duration_secs: Seconds(totals.duration as u64),
            co2e_g: shipments.iter().map(|it| it.co2e_g).sum(),
            routes,
            unserved,
            shipments,
            iterations,
        })
    }

    fn time(&self, secs: i64) -> Timestamp {
        self.at.saturating_add(Duration::from_secs(secs.max(0) as u64))
    }

    fn route(&self, route: &Route, schedule: &check::Schedule) -> RouteView {
        let travel = self.problem.travel();
        let vehicle = &self.problem.vehicles()[route.vehicle];
        let truck = &self.trucks[route.vehicle];
        let mut here = match vehicle.start {
            Terminal::Location(location) => location,
            Terminal::Depot(_) | Terminal::Open => unreachable!("days have neither depots nor open starts"),
        };
        let mut distance = 0;
        let is_from_start = |visit: &&Visit| visit.part == Part::Service;
        let mut on_board: u64 =
            route.visits.iter().filter(is_from_start).map(|visit| self.loads[visit.job].mass_g).sum();
        let mut load_max = on_board;
        let mut stops: Vec<(usize, RouteStopView)> = Vec::new();
        for (visit, times) in route.visits.iter().zip(&schedule.stops) {
            let (place, load) = (self.place_of(visit), &self.loads[visit.job]);
            distance += travel.distance(here, place);
            here = place;
            if stops.last().is_none_or(|(last, _)| *last != place) {
                let stop = RouteStopView {
                    site: self.places.name(place),
                    arrive_at: self.time(times.arrival),
                    leave_at: self.time(times.leave),
                    load: Vec::new(),
                    unload: Vec::new(),
                };
                stops.push((place, stop));
            }
            let Some((_, stop)) = stops.last_mut() else { continue };
            stop.leave_at = self.time(times.leave);
            if visit.part == Part::Pickup {
                stop.load.push(load.id.clone());
                on_board += load.mass_g;
            } else {
                stop.unload.push(load.id.clone());
                on_board -= load.mass_g;
            }
            load_max = load_max.max(on_board);
        }
        if let Terminal::Location(end) = vehicle.end {
            distance += travel.distance(here, end);
        }
        RouteView {
            vehicle: truck.id.clone(),
            from: truck.position,
            leave_at: self.time(schedule.departure),
            end_at: self.time(schedule.end),
            distance_m: Metres(distance as u64),
            load_max_g: Grams(load_max),
            capacity_g: Grams(truck.capacity_g),
            stops: stops.into_iter().map(|(_, stop)| stop).collect(),
        }
    }

    fn place_of(&self, visit: &Visit) -> usize {
        match &self.problem.jobs()[visit.job].task {
            Task::Delivery(stop) | Task::Pickup(stop) => stop.location,
            Task::Shipment { pickup, .. } if visit.part == Part::Pickup => pickup.location,
            Task::Shipment { delivery, .. } => delivery.location,
        }
    }

    fn routed(&self, vehicle: usize, job: usize, arrival: i64) -> RoutedView {
        let (truck, load) = (&self.trucks[vehicle], &self.loads[job]);
        let arrive_at = self.time(arrival);
        let to = self.place_of(&Visit { job, part: Part::Delivery });
        let from = match &self.problem.jobs()[job].task {
            Task::Shipment { pickup, .. } => pickup.location,
            Task::Delivery(_) | Task::Pickup(_) => match self.problem.vehicles()[vehicle].start {
                Terminal::Location(start) => start,
                Terminal::Depot(_) | Terminal::Open => to,
            },
        };
        let tonne_km = load.mass_g as f64 / 1e6 * self.problem.travel().distance(from, to) as f64 / 1e3;
        let factor = match truck.kind {
            VehicleKind::Van => carbon::VAN.grams_per_tonne_km,
            _ => carbon::of(Mode::Road, load.temperature),
        };
        RoutedView {
            shipment: load.id.clone(),
            vehicle: truck.id.clone(),
            to: self.places.name(to),
            arrive_at,
            due_at: load.due_at,
            late_secs: Seconds(load.due_at.map_or(0, |due| arrive_at.since(due).as_secs())),
            co2e_g: (tonne_km * factor) as u64,
        }
    }
}

fn reason(why: &check::Reason) -> UnservedReason {
    use check::Reason;
    match why {
        Reason::Skills => UnservedReason::NoTemperature,
        Reason::TooBig => UnservedReason::TooHeavy,
        Reason::Impossible(_) => UnservedReason::NoTime,
        Reason::NoRoom(_) => UnservedReason::NoRoom,
        Reason::NotWorthIt { .. } => UnservedReason::NotWorthIt,
        Reason::Overlooked { .. } | Reason::NotExamined => UnservedReason::Overlooked,
    }
}

fn check_numbers(request: &RoutesRequest, faults: &mut Vec<Fault>) {
    let mut within = |pointer: &str, value: u64, least: u64, most: u64| {
        if !(least..=most).contains(&value) {
            faults.push(at(pointer, format!("{value} is not within {least} to {most}")));
        }
    };
    within("/horizon_secs", request.horizon_secs.into(), 1, 31 * 86_400);
    within("/search_secs", request.search_secs.into(), 1, 600);
    within("/iterations", request.iterations.unwrap_or(1), 1, u64::MAX);
    for (i, job) in request.jobs.iter().enumerate() {
        within(&format!("/jobs/{i}/service_secs"), job.service_secs.into(), 0, 86_400);
        within(&format!("/jobs/{i}/mass_g"), job.mass_g.0, 0, 1_000_000_000_000);
        let prize = job.prize_minor.map_or(0, |it| it.0.clamp(-1, MUST / PARTS + 1));
        within(&format!("/jobs/{i}/prize_minor"), u64::try_from(prize).unwrap_or(u64::MAX), 0, (MUST / PARTS) as u64);
    }
}

/// Vehicles that may be used, by index, and shipments in those that may not.
fn vehicles(twin: &Twin, request: &RoutesRequest, faults: &mut Vec<Fault>) -> (Vec<usize>, Vec<ShipmentId>) {
    let mut named = |list: &str, ids: &[VehicleId]| -> BTreeSet<VehicleId> {
        for (i, id) in ids.iter().enumerate() {
            match twin.vehicle_by_id.get(id).map(|at| &twin.vehicles[at.at()].spec) {
                None => faults.push(at(&format!("/{list}/{i}"), format!("there is no vehicle {id:?}"))),
                Some(spec) if spec.mode != Mode::Road => {
                    faults.push(at(&format!("/{list}/{i}"), format!("{id:?} does not go by road")));
                }
                Some(_) => {}
            }
        }
        ids.iter().cloned().collect()
    };
    let (wanted, without) = (named("vehicles", &request.vehicles), named("without", &request.without));
    for (i, home) in request.homes.iter().enumerate() {
        if twin.site_by_id.get(home).is_none() {
            faults.push(at(&format!("/homes/{i}"), format!("there is no site {home:?}")));
        }
    }
    let homes: BTreeSet<&SiteId> = request.homes.iter().collect();
    let (mut chosen, mut stuck) = (Vec::new(), Vec::new());
    for (index, state) in twin.vehicles.iter().enumerate() {
        let spec = &state.spec;
        if without.contains(&spec.vehicle) {
            stuck.extend(state.shipments.iter().cloned());
        } else if spec.mode == Mode::Road
            && (state.fix.is_some() || twin.site_by_id.contains_key(&spec.home))
            && (wanted.is_empty() || wanted.contains(&spec.vehicle))
            && (homes.is_empty() || homes.contains(&spec.home))
        {
            chosen.push(index);
        }
    }
    (chosen, stuck)
}

/// What waits, what is on board, and what is asked for besides.
fn loads(twin: &Twin, request: &RoutesRequest, chosen: &[usize], faults: &mut Vec<Fault>) -> Vec<Load> {
    let waits = |state: &ShipmentState| state.arrived_at.is_none() && state.vehicle.is_none() && state.lane.is_none();
    for (i, id) in request.shipments.iter().enumerate() {
        let why = match twin.shipments.get(id) {
            None => "there is no such shipment",
            Some(state) if state.arrived_at.is_some() => "it has arrived",
            Some(state) if !waits(state) => "it is on its way",
            Some(_) => continue,
        };
        faults.push(at(&format!("/shipments/{i}"), format!("{id:?}: {why}")));
    }
    let wanted: BTreeSet<&ShipmentId> = request.shipments.iter().collect();
    let of = |id: &ShipmentId, state: &ShipmentState, on_board| {
        let (mut mass_g, mut temperature) = (0_u64, TemperatureClass::Dry);
        for line in state.lines.iter() {
            let Some(sku) = twin.sku_by_id.get(&line.sku).map(|at| &twin.skus[at.at()]) else { continue };
            mass_g = mass_g.saturating_add(sku.mass_g.0.saturating_mul(line.pieces.0.max(0) as u64));
            temperature = temperature.max(sku.temperature);
        }
        Load {
            id: id.clone(),
            from: state.from,
            to: state.to,
            mass_g,
            temperature,
            not_before: None,
            due_at: state.due_at,
            service_secs: UNLOADING_SECS,
            prize_minor: None,
            on_board,
        }
    };
    let mut loads: Vec<Load> = twin
        .shipments
        .iter()
        .filter(|(id, state)| waits(state) && (wanted.is_empty() || wanted.contains(*id)))
        .map(|(id, state)| of(id, state, None))
        .collect();
    for (number, index) in chosen.iter().enumerate() {
        let carried = twin.vehicles[*index].shipments.iter();
        loads.extend(carried.filter_map(|id| Some(of(id, twin.shipments.get(id)?, Some(number)))));
    }
    let mut ids: BTreeMap<ShipmentId, ()> = loads.iter().map(|load| (load.id.clone(), ())).collect();
    for (i, job) in request.jobs.iter().enumerate() {
        if twin.shipments.contains_key(&job.id) || ids.insert(job.id.clone(), ()).is_some() {
            faults.push(at(&format!("/jobs/{i}/id"), format!("{:?} is taken", job.id)));
        }
        let mut site = |field: &str, id: &SiteId| {
            let known = twin.site_by_id.get(id).copied();
            if known.is_none() {
                faults.push(at(&format!("/jobs/{i}/{field}"), format!("there is no site {id:?}")));
            }
            known
        };
        let (from, to) = (site("from", &job.from), site("to", &job.to));
        let (Some(from), Some(to)) = (from, to) else { continue };
        if from == to {
            faults.push(at(&format!("/jobs/{i}/to"), "it is there already".into()));
        }
        loads.push(Load {
            id: job.id.clone(),
            from,
            to,
            mass_g: job.mass_g.0,
            temperature: job.temperature,
            not_before: job.not_before,
            due_at: job.due_at,
            service_secs: job.service_secs.into(),
            prize_minor: job.prize_minor.map(|it| it.0),
            on_board: None,
        });
    }
    loads
}

fn vehicle(
    spec: &firmware_schemas::network::VehicleSpec,
    number: u32,
    start: usize,
    end: Terminal,
    request: &RoutesRequest,
) -> Vehicle {
    let classes = [TemperatureClass::Dry, TemperatureClass::Chilled, TemperatureClass::Frozen];
    let kept = classes.into_iter().filter(|class| *class <= spec.temperature).map(|class| class as u32);
    let costs = &request.costs;
    Vehicle {
        count: 1,
        capacity: vec![i64::try_from(spec.capacity_g.0).unwrap_or(i64::MAX).min(routing::problem::MAX_AMOUNT)],
        start: Terminal::Location(start),
        end,
        fixed_cost: i64::from(costs.vehicle_minor) * PARTS,
        // A kilometre's cost in minor units is a metre's in thousandths.
        distance_cost: costs.per_km_minor.into(),
        time_cost: (i64::from(costs.per_hour_minor) * PARTS + 1_800) / 3_600,
        shift: Window { start: 0, end: request.horizon_secs.into() },
        max_distance: None,
        max_duration: None,
        skills: kept.chain([VEHICLE_SKILL + number]).collect(),
        rules: VehicleRules::default(),
    }
}

fn job(load: &Load, places: &Places, request: &RoutesRequest, now: Timestamp) -> Job {
    let always = vec![Window { start: 0, end: request.horizon_secs.into() }];
    let secs_from_now = |at: Timestamp| i64::try_from(at.since(now).as_secs()).unwrap_or(i64::MAX);
    let soft = load.due_at.map(|due| Soft {
        window: Window { start: 0, end: secs_from_now(due).min(routing::problem::MAX_TIME) },
        early_cost: 0,
        late_cost: (i64::from(request.costs.late_per_hour_minor) * PARTS + 1_800) / 3_600,
    });
    let delivery = Stop { location: places.of(load.to), windows: always.clone(), service: load.service_secs };
    let mut skills = vec![load.temperature as u32];
    let (task, rules) = match load.on_board {
        Some(number) => {
            skills.push(VEHICLE_SKILL + number as u32);
            (Task::Delivery(delivery), JobRules { soft, ..JobRules::default() })
        }
        None => {
            let pickup = Stop { location: places.of(load.from), windows: always, service: LOADING_SECS };
            (Task::Shipment { pickup, delivery }, JobRules { soft_delivery: soft, ..JobRules::default() })
        }
    };
    Job {
        task,
        amount: vec![i64::try_from(load.mass_g).unwrap_or(i64::MAX).min(routing::problem::MAX_AMOUNT)],
        skills,
        release: load.not_before.map_or(0, secs_from_now).clamp(0, routing::problem::MAX_TIME),
        prize: Some(load.prize_minor.map_or(MUST, |it| it.saturating_mul(PARTS).clamp(0, MUST))),
        rules,
    }
}
