//! What may drive, what is to be brought, and what both are in a problem.

use super::ways::Places;
use super::{LOADING_SECS, Load, MUST, PARTS, UNLOADING_SECS, VEHICLE_SKILL, at, repair};
use ::twin::Twin;
use ::twin::state::ShipmentState;
use firmware_schemas::api::Fault;
use firmware_schemas::api::routes::{RouteCosts, RoutesRequest};
use firmware_schemas::id::{ShipmentId, SiteId, VehicleId};
use firmware_schemas::network::{Mode, TemperatureClass};
use firmware_schemas::quantity::Timestamp;
use routing::problem::{Job, JobRules, MAX_TIME, Soft, Stop, Task, Terminal, Vehicle, VehicleRules, Window};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check_numbers(request: &RoutesRequest, faults: &mut Vec<Fault>) {
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
pub(super) fn vehicles(twin: &Twin, request: &RoutesRequest, faults: &mut Vec<Fault>) -> (Vec<usize>, Vec<ShipmentId>) {
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
pub(super) fn loads(twin: &Twin, request: &RoutesRequest, chosen: &[usize], faults: &mut Vec<Fault>) -> Vec<Load> {
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
    let promised_at = |id: &ShipmentId| if request.repair { repair::promised_at(twin, id) } else { None };
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
            promised_at: promised_at(id),
        }
    };
    // What a vehicle was told to take where it stands is taken, if routes are repaired.
    let carried = |index: usize| {
        let state = &twin.vehicles[index];
        if request.repair { twin.on_board(&state.spec.vehicle) } else { state.shipments.iter().cloned().collect() }
    };
    let carried: Vec<(usize, ShipmentId)> = chosen
        .iter()
        .enumerate()
        .flat_map(|(number, index)| carried(*index).into_iter().map(move |id| (number, id)))
        .collect();
    let taken: BTreeSet<&ShipmentId> = carried.iter().map(|(_, id)| id).collect();
    let mine: BTreeSet<&VehicleId> = chosen.iter().map(|index| &twin.vehicles[*index].spec.vehicle).collect();
    let is_asked_for = |id: &ShipmentId| match twin.routed.get(id).filter(|_| request.repair) {
        // What another vehicle is to bring stays with it.
        Some(vehicle) => mine.contains(vehicle) || request.without.contains(vehicle),
        None => wanted.is_empty() || wanted.contains(id),
    };
    let mut loads: Vec<Load> = twin
        .shipments
        .iter()
        .filter(|(id, state)| waits(state) && !taken.contains(*id) && is_asked_for(id))
        .map(|(id, state)| of(id, state, None))
        .collect();
    loads.extend(carried.iter().filter_map(|(number, id)| Some(of(id, twin.shipments.get(id)?, Some(*number)))));
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
            promised_at: None,
        });
    }
    loads
}

pub(super) fn vehicle(
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

pub(super) fn job(load: &Load, places: &Places, request: &RoutesRequest, now: Timestamp) -> Job {
    let always = vec![Window { start: 0, end: request.horizon_secs.into() }];
    let secs_from_now = |at: Timestamp| i64::try_from(at.since(now).as_secs()).unwrap_or(i64::MAX);
    let soft = soft(load, &request.costs, now);
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

/// What it costs to come later than it is due or, where routes are repaired, than it was promised, or earlier than that.
///
/// There is one window with one slope on each side. Beyond a promise that is before the due date an hour costs the
/// greater of both, beyond one that is late already their sum; to come before a late promise costs what is left of
/// moving it once an hour's lateness is saved.
fn soft(load: &Load, costs: &RouteCosts, now: Timestamp) -> Option<Soft> {
    let secs_from_now = |at: Timestamp| i64::try_from(at.since(now).as_secs()).unwrap_or(MAX_TIME).min(MAX_TIME);
    let per_sec = |minor: u32| (i64::from(minor) * PARTS + 1_800) / 3_600;
    let (late, moved) = (per_sec(costs.late_per_hour_minor), per_sec(costs.moved_per_hour_minor));
    let due = load.due_at.map(secs_from_now);
    let Some(promised_at) = load.promised_at.filter(|_| moved > 0) else {
        return due.map(|end| Soft { window: Window { start: 0, end }, early_cost: 0, late_cost: late });
    };
    let (promised, free) = (secs_from_now(promised_at), i64::from(costs.moved_free_secs));
    let window = Window { start: (promised - free).max(0), end: (promised + free).min(MAX_TIME) };
    Some(match due {
        Some(due) if due <= promised => Soft { window, early_cost: (moved - late).max(0), late_cost: moved + late },
        Some(due) => Soft {
            window: Window { end: window.end.min(due.max(window.start)), ..window },
            early_cost: moved,
            late_cost: moved.max(late),
        },
        None => Soft { window, early_cost: moved, late_cost: moved },
    })
}
