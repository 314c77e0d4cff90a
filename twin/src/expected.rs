//! When vehicles with routes are expected at their stops, how sure that is, and what is learnt from how it came.
//!
//! ```text
//! command goes out ─▶ Leg: forecast, usual time ─┐
//! route is given ───▶ said: forecast of each stop ┴─▶ answer `done` ─▶ Learnt (Speeds, Misses) ─▶ Expected
//! ```
//!
//! All of it is folded from facts: the same journal gives the same forecasts.

use crate::route::metres;
use crate::state::{Twin, VehicleState};
use firmware_schemas::id::{ShipmentId, SiteId, VehicleId};
use firmware_schemas::quantity::{Position, Timestamp};
use routing::eta::{Misses, Speeds};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How much longer roads are than great circles, and the speed of a vehicle that has none, in metres an hour.
const DETOUR: f64 = 1.3;
const SPEED_M_PER_H: u32 = 60_000;
/// Shorter legs say nothing about speeds.
const LEG_SECS_MIN: u64 = 60;

/// What routes that were driven have taught.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Learnt {
    /// How much longer legs take than at the vehicle's usual speed, by its kind, its home and the hour (UTC).
    pub speeds: Speeds,
    /// How wrong forecasts were.
    pub misses: Misses,
}

/// A leg that a vehicle is told to drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// When it was told.
    pub began_at: Timestamp,
    /// What it would take at its usual speed, in seconds.
    pub usual_secs: u64,
    /// What was forecast, in seconds.
    pub forecast_secs: u64,
}

/// When something is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The forecast.
    pub at: Timestamp,
    /// One in ten comes before.
    pub earliest_at: Timestamp,
    /// One in ten comes after.
    pub latest_at: Timestamp,
}

impl Twin {
    /// When a vehicle will be at its stops to come: from where it was last seen to the next, and from stop to stop as
    /// long as was planned, ways at the speed that was learnt for the hour in which they begin.
    pub fn expected_at_stops(&self, vehicle: &VehicleId, now: Timestamp) -> Vec<Expected> {
        let (Some(route), Some(at)) = (self.routes.get(vehicle), self.vehicle_by_id.get(vehicle)) else {
            return Vec::new();
        };
        let state = &self.vehicles[at.at()];
        let Some(first) = route.to_come().first() else { return Vec::new() };
        let mut secs = match &state.fix {
            Some(fix) if fix.site.as_ref() == Some(&first.site) => 0.0,
            Some(fix) => {
                let way = self.position_of(&first.site).map_or(0, |there| metres(fix.position, there));
                usual_secs(state, way) * self.ratio(state, now)
            }
            None => first.arrive_at.since(now).as_secs_f64(),
        };
        let mut expected = Vec::with_capacity(route.to_come().len());
        expected.push(self.within(now, secs));
        for pair in route.to_come().windows(2) {
            let [from, to] = pair else { continue };
            let ends = self.position_of(&from.site).zip(self.position_of(&to.site));
            let way = usual_secs(state, ends.map_or(0, |(from, to)| metres(from, to)));
            // What was planned beyond the way is the stop.
            let stop = (to.arrive_at.since(from.arrive_at).as_secs_f64() - way).max(0.0);
            let leaves = now.saturating_add(Duration::from_secs_f64(secs + stop));
            secs += stop + way * self.ratio(state, leaves);
            expected.push(self.within(now, secs));
        }
        expected
    }

    /// When a shipment that a vehicle was told to bring will be there.
    pub fn expected_by_route(&self, shipment: &ShipmentId, now: Timestamp) -> Option<Expected> {
        let vehicle = self.routed.get(shipment)?;
        let stops = self.routes.get(vehicle)?.to_come();
        let at = stops.iter().position(|stop| stop.unload.contains(shipment))?;
        self.expected_at_stops(vehicle, now).get(at).copied()
    }

    /// How likely what is expected then comes after `limit`, 0 to 1.
    pub fn later_than(&self, expected: Expected, limit: Timestamp, now: Timestamp) -> f64 {
        let forecast = expected.at.since(now).as_secs_f64();
        self.learnt.misses.later_than(forecast, limit.since(now).as_secs_f64())
    }

    /// The leg that begins with a command to the next stop of a vehicle's route.
    pub(crate) fn leg_begun(&self, vehicle: &VehicleId, now: Timestamp) -> Option<Leg> {
        let first = self.routes.get(vehicle)?.to_come().first()?;
        let state = &self.vehicles[self.vehicle_by_id.get(vehicle)?.at()];
        let way = metres(state.fix.as_ref()?.position, self.position_of(&first.site)?);
        let forecast_secs = self.expected_at_stops(vehicle, now).first()?.at.since(now).as_secs();
        Some(Leg { began_at: now, usual_secs: usual_secs(state, way) as u64, forecast_secs })
    }

    /// What comes of a leg, and of what was said of its end when the route was given.
    pub(crate) fn leg_driven(&mut self, vehicle: &VehicleId, leg: Leg, said: Option<(Timestamp, u64)>, at: Timestamp) {
        if leg.usual_secs < LEG_SECS_MIN {
            return;
        }
        let Some(state) = self.vehicle_by_id.get(vehicle).map(|index| &self.vehicles[index.at()]) else { return };
        let (class, home) = (state.spec.kind as u32, self.home_of(state));
        let took = at.since(leg.began_at).as_secs_f64();
        let mut pairs = vec![(leg.forecast_secs as f64, took)];
        // The first leg was forecast twice for the same.
        let earlier = said.filter(|(said_at, _)| *said_at < leg.began_at);
        pairs.extend(earlier.map(|(said_at, secs)| (secs as f64, at.since(said_at).as_secs_f64())));
        let learnt = Arc::make_mut(&mut self.learnt);
        learnt.speeds.learn(class, home, hour(leg.began_at), leg.usual_secs as f64, took);
        learnt.misses.learn_all(&pairs);
    }

    fn ratio(&self, state: &VehicleState, leaves: Timestamp) -> f64 {
        self.learnt.speeds.ratio(state.spec.kind as u32, self.home_of(state), hour(leaves))
    }

    fn home_of(&self, state: &VehicleState) -> u32 {
        self.site_by_id.get(&state.spec.home).map_or(u32::MAX, |home| home.0)
    }

    fn within(&self, now: Timestamp, secs: f64) -> Expected {
        let (earliest, latest) = self.learnt.misses.interval(secs);
        let after = |secs: f64| now.saturating_add(Duration::from_secs(secs as u64));
        Expected { at: after(secs), earliest_at: after(earliest.min(secs)), latest_at: after(latest.max(secs)) }
    }

    fn position_of(&self, site: &SiteId) -> Option<Position> {
        self.site_by_id.get(site).map(|at| self.sites[at.at()].spec.position)
    }
}

fn usual_secs(state: &VehicleState, way_m: u64) -> f64 {
    let speed = Some(state.spec.speed_m_per_h).filter(|speed| *speed > 0).unwrap_or(SPEED_M_PER_H);
    way_m as f64 * DETOUR * 3_600.0 / f64::from(speed)
}

fn hour(at: Timestamp) -> u8 {
    (at.as_nanos().div_euclid(3_600_000_000_000)).rem_euclid(24) as u8
}
