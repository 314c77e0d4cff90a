//! Vehicles in a hall: from a door to a slot and back, along the walls and the aisles.
//!
//! A trip keeps clear of the racks: from the door away from the wall, along it to the west edge of the slot's zone, up
//! or down that to the aisle south of the slot's row, and along the aisle. All is in whole millimetres and a function
//! of the seed, the vehicle and the number of the trip.

use super::calendar::{NANOS_PER_MILLI, secs};
use crate::rng::{Purpose, Stream};
use firmware_schemas::network::{PlanPart, PlanPartKind, SitePlanSpec};
use std::sync::Arc;

type PointMm = [i64; 2];

/// How fast it drives.
const SPEED_MM_PER_SEC: i64 = 1_200;
/// How long it stands to load or unload.
const STAND_SECS: f64 = 40.0;
/// It keeps so far from the walls.
const APRON_MM: i64 = 4_000;
/// … and from a slot and the edge of a zone.
const AISLE_MM: i64 = 1_500;

/// The ends of trips.
#[derive(Debug, PartialEq)]
pub(crate) struct Hall {
    /// In front of the doors.
    doors: Vec<PointMm>,
    /// In front of the slots, and the way across that leads there.
    bays: Vec<(PointMm, i64)>,
}

impl Hall {
    /// Of a plan; `None` where there is nothing to drive between.
    pub(crate) fn of(plan: &SitePlanSpec) -> Option<Self> {
        let hall = plan.parts.iter().find(|part| part.kind == PlanPartKind::Hall)?;
        let [west, south, east, north] = edges(hall);
        let inwards = |low: i64, high: i64, at: i64| {
            if at == low {
                at + APRON_MM
            } else if at == high {
                at - APRON_MM
            } else {
                at
            }
        };
        let door =
            |part: &PlanPart| [inwards(west, east, i64::from(part.x_mm)), inwards(south, north, i64::from(part.y_mm))];
        let doors: Vec<PointMm> = plan.parts.iter().filter(|part| part.kind.is_dock()).map(door).collect();
        let zones: Vec<[i64; 4]> = plan.parts.iter().filter(|part| part.kind.is_zone()).map(edges).collect();
        let bay = |part: &PlanPart| {
            let [slot_west, slot_south, slot_east, _] = edges(part);
            let at = [i64::midpoint(slot_west, slot_east), slot_south - AISLE_MM];
            let holding =
                |zone: &&[i64; 4]| (zone[0]..=zone[2]).contains(&at[0]) && (zone[1]..=zone[3]).contains(&slot_south);
            (at, zones.iter().rfind(holding).map_or(west, |zone| zone[0]) + AISLE_MM)
        };
        let bays: Vec<(PointMm, i64)> =
            plan.parts.iter().filter(|part| part.kind == PlanPartKind::Slot).map(bay).collect();
        (!doors.is_empty() && !bays.is_empty()).then_some(Self { doors, bays })
    }
}

fn edges(part: &PlanPart) -> [i64; 4] {
    let (x, y) = (i64::from(part.x_mm), i64::from(part.y_mm));
    [x, y, x + i64::from(part.width_mm), y + i64::from(part.height_mm)]
}

/// A vehicle that goes to and fro.
#[derive(Clone, Debug)]
pub(crate) struct Hauler {
    hall: Arc<Hall>,
    subject: u64,
    n_trips: u32,
    door: usize,
    /// Corners of the trip under way, from its beginning to its end.
    way: Vec<PointMm>,
    left_at: i64,
}

impl Hauler {
    pub(crate) fn new(hall: Arc<Hall>, seed: u64, subject: u64, now: i64) -> Self {
        let door = Stream::new(seed, subject, Purpose::Hauling, u32::MAX).below(hall.doors.len() as u32) as usize;
        let mut hauler = Self { hall, subject, n_trips: 0, door, way: Vec::new(), left_at: now };
        hauler.set_out(seed);
        hauler
    }

    /// The next trip: out to a slot, or back to a door.
    fn set_out(&mut self, seed: u64) {
        // Out and back are one draw: it comes back from where it went.
        let mut draw = Stream::new(seed, self.subject, Purpose::Hauling, self.n_trips / 2);
        let outward = self.n_trips.is_multiple_of(2);
        let bay = draw.below(self.hall.bays.len() as u32) as usize;
        let back_to = draw.below(self.hall.doors.len() as u32) as usize;
        if !outward {
            self.door = back_to;
        }
        let ([door_x, door_y], (at, across_x)) = (self.hall.doors[self.door], self.hall.bays[bay]);
        self.way = vec![[door_x, door_y], [across_x, door_y], [across_x, at[1]], at];
        if !outward {
            self.way.reverse();
        }
        self.n_trips = self.n_trips.wrapping_add(1);
    }

    /// Where it is at `now`, which is not before the last time that was asked.
    pub(crate) fn at(&mut self, seed: u64, now: i64) -> PointMm {
        loop {
            let millis = self.way.windows(2).map(|leg| length(leg[0], leg[1])).sum::<i64>() * 1_000 / SPEED_MM_PER_SEC;
            let over = self.left_at + millis * NANOS_PER_MILLI + secs(STAND_SECS);
            if now < over {
                return self.along((now - self.left_at) / NANOS_PER_MILLI * SPEED_MM_PER_SEC / 1_000);
            }
            self.left_at = over;
            self.set_out(seed);
        }
    }

    fn along(&self, mut gone: i64) -> PointMm {
        for leg in self.way.windows(2) {
            let ([x, y], [to_x, to_y], length) = (leg[0], leg[1], length(leg[0], leg[1]));
            if gone < length {
                return [x + (to_x - x) * gone / length, y + (to_y - y) * gone / length];
            }
            gone -= length;
        }
        self.way.last().copied().unwrap_or_default()
    }
}

/// Ways run along one axis at a time.
fn length(from: PointMm, to: PointMm) -> i64 {
    (to[0] - from[0]).abs() + (to[1] - from[1]).abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: i64 = 1_000_000_000;

    fn demo_plan() -> SitePlanSpec {
        crate::situation::tests::demo().plans()[0].clone()
    }

    #[test]
    fn it_goes_from_doors_to_slots_and_back_and_never_through_a_rack() {
        let plan = demo_plan();
        let hall = Arc::new(Hall::of(&plan).unwrap());
        let slots: Vec<[i64; 4]> =
            plan.parts.iter().filter(|part| part.kind == PlanPartKind::Slot).map(edges).collect();
        let [west, south, east, north] = edges(&plan.parts[0]);
        let mut hauler = Hauler::new(hall.clone(), 1, 7, 0);
        let (mut at_doors, mut at_bays) = (0, 0);
        let mut before = hauler.at(1, 0);
        for second in 0..6 * 3_600 {
            let at = hauler.at(1, second * SEC);
            let [x, y] = at;
            assert!((west..=east).contains(&x) && (south..=north).contains(&y), "{at:?} outside the hall");
            assert!(!slots.iter().any(|it| it[0] < x && x < it[2] && it[1] < y && y < it[3]), "{at:?} in a rack");
            assert!(length(before, at) <= SPEED_MM_PER_SEC + 2, "{before:?} to {at:?} within a second");
            at_doors += usize::from(hall.doors.contains(&at));
            at_bays += usize::from(hall.bays.iter().any(|(bay, _)| *bay == at));
            before = at;
        }
        assert!(at_doors > 1_000 && at_bays > 1_000, "{at_doors} {at_bays}");
    }

    #[test]
    fn where_it_is_does_not_depend_on_how_often_it_is_asked() {
        let hall = Arc::new(Hall::of(&demo_plan()).unwrap());
        let mut often = Hauler::new(hall.clone(), 3, 9, 0);
        for second in 0..5_000 {
            often.at(3, second * SEC);
        }
        assert_eq!(often.at(3, 5_000 * SEC), Hauler::new(hall, 3, 9, 0).at(3, 5_000 * SEC));
    }

    #[test]
    fn a_plan_without_doors_or_slots_has_nowhere_to_go() {
        let mut plan = demo_plan();
        plan.parts.retain(|part| !part.kind.is_dock());
        assert_eq!(Hall::of(&plan), None);
    }
}
