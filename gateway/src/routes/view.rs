//! A plan as times, places and reasons.

use super::{Day, MUST, PARTS, Truck};
use firmware_schemas::api::routes::{
    RepairView, RouteStopView, RouteView, RoutedView, RoutesView, UnservedReason, UnservedView,
};
use firmware_schemas::id::OperationId;
use firmware_schemas::network::{Mode, VehicleKind};
use firmware_schemas::quantity::{Grams, Metres, MinorUnits, Seconds, Timestamp};
use routing::check;
use routing::emissions::{Emissions, Intensity, Units, of_plan};
use routing::plan::{Part, Plan, Route, Visit};
use routing::problem::{Task, Terminal};
use sim::situation::carbon;
use std::collections::BTreeMap;
use std::time::Duration;

impl Day {
    pub(super) fn view(&self, id: OperationId, plan: &Plan, iterations: u64) -> Result<RoutesView, String> {
        let totals = check::check(&self.problem, plan).map_err(|violations| format!("{violations:?}"))?;
        let mut routes = Vec::new();
        let mut shipments = Vec::new();
        for (route, emitted) in plan.routes.iter().zip(self.emissions(plan)) {
            let schedule = check::schedule(&self.problem, route).map_err(|violation| format!("{violation:?}"))?;
            routes.push(self.route(route, &schedule));
            let shares: BTreeMap<usize, u64> = emitted.jobs.into_iter().collect();
            for (visit, times) in route.visits.iter().zip(&schedule.stops) {
                if visit.part != Part::Pickup {
                    let co2e_g = shares.get(&visit.job).copied().unwrap_or_default();
                    shipments.push(self.routed(route.vehicle, visit.job, times.begin, co2e_g));
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
        let repair = self.promised.map(|promised| self.kept(promised, &routes, &shipments));
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
            repair,
        })
    }

    /// What each route emits, by tonnes and kilometres, of the factor of its vehicle.
    fn emissions(&self, plan: &Plan) -> Vec<Emissions> {
        let units = Units { millimetres: 1_000, mass: 0, grams: 1 };
        let intensity = |vehicle: usize| {
            let truck = &self.trucks[vehicle];
            let factor = match truck.kind {
                VehicleKind::Van => carbon::VAN.grams_per_tonne_km,
                _ => carbon::of(Mode::Road, truck.temperature),
            };
            // Average laden, with its empty running: nothing for the kilometre besides.
            Intensity { mg_per_km: 0, mg_per_tonne_km: (factor * 1e3) as u64 }
        };
        let distance = |from, to| self.problem.travel().distance(from, to);
        of_plan(&self.problem, plan, units, &intensity, &distance, &distance)
    }

    /// What became of promised times.
    fn kept(&self, promised: usize, routes: &[RouteView], shipments: &[RoutedView]) -> RepairView {
        let free = Duration::from_secs(self.costs.moved_free_secs.into());
        let moves = shipments.iter().filter_map(|it| {
            let promised_at = it.promised_at?;
            Some(it.arrive_at.since(promised_at).max(promised_at.since(it.arrive_at)))
        });
        let moves: Vec<Duration> = moves.collect();
        let used = |truck: &&Truck| routes.iter().any(|route| route.vehicle == truck.id);
        let idle = |truck: &&Truck| truck.begun.is_some() && !used(truck);
        RepairView {
            promised: moves.len() as u32,
            moved: moves.iter().filter(|span| **span > free).count() as u32,
            moved_most_secs: Seconds(moves.iter().max().map_or(0, Duration::as_secs)),
            broken: promised.saturating_sub(moves.len()) as u32,
            idle: self.trucks.iter().filter(idle).map(|truck| truck.id.clone()).collect(),
        }
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
        let stops: Vec<RouteStopView> = stops.into_iter().map(|(_, stop)| stop).collect();
        RouteView {
            vehicle: truck.id.clone(),
            from: truck.position,
            leave_at: self.time(schedule.departure),
            end_at: self.time(schedule.end),
            distance_m: Metres(distance as u64),
            load_max_g: Grams(load_max),
            capacity_g: Grams(truck.capacity_g),
            goes_on: truck.begun.as_ref().map(|begun| begun.point(&stops)),
            stops,
        }
    }

    fn place_of(&self, visit: &Visit) -> usize {
        match &self.problem.jobs()[visit.job].task {
            Task::Delivery(stop) | Task::Pickup(stop) => stop.location,
            Task::Shipment { pickup, .. } if visit.part == Part::Pickup => pickup.location,
            Task::Shipment { delivery, .. } => delivery.location,
        }
    }

    fn routed(&self, vehicle: usize, job: usize, arrival: i64, co2e_g: u64) -> RoutedView {
        let (truck, load) = (&self.trucks[vehicle], &self.loads[job]);
        let arrive_at = self.time(arrival);
        let to = self.place_of(&Visit { job, part: Part::Delivery });
        RoutedView {
            shipment: load.id.clone(),
            vehicle: truck.id.clone(),
            to: self.places.name(to),
            arrive_at,
            due_at: load.due_at,
            late_secs: Seconds(load.due_at.map_or(0, |due| arrive_at.since(due).as_secs())),
            promised_at: load.promised_at,
            co2e_g,
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
