//! What goes beyond lengths, loads and windows: breaks, trips, soft windows, speeds by the hour, what may not ride
//! together. Each is empty by default; a problem that has none of it is searched by faster means.

use super::{MAX_TIME, Window};

/// A pause that a driver must make.
///
/// It must begin within one of the windows, unless the route departs after the last of them ended, or ends, without
/// the break, before it does. It is made wherever the vehicle is, on the way as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// When it may begin: in order, apart, at least one.
    pub windows: Vec<Window>,
    /// How long it takes.
    pub duration: i64,
}

/// Coming back to a depot between two trips of one route: what was collected is left there, and goods for the next
/// trip are taken in. No shipment may be in the vehicle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// Depots where it can be done.
    pub depots: Vec<usize>,
    /// How long it takes.
    pub duration: i64,
    /// The most trips of a route; at least one.
    pub max_trips: u32,
}

/// What a vehicle must keep beyond its loads, its shift and its limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VehicleRules {
    /// Pauses of its driver, each made once, in this order.
    pub breaks: Vec<Break>,
    /// Whether it can come back for more.
    pub reload: Option<Reload>,
    /// The most stops of a route; a shipment has two.
    pub max_stops: Option<u32>,
    /// The longest time at the wheel: without waiting, service, breaks and reloads.
    pub max_driving: Option<i64>,
    /// Cost of a unit of time at the wheel.
    pub driving_cost: i64,
    /// Index of its profile of speed; `None`: durations are as they are written.
    pub speed: Option<usize>,
}

impl VehicleRules {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// When service should begin, and what it costs if it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soft {
    /// When it should.
    pub window: Window,
    /// Cost of a unit of time before.
    pub early_cost: i64,
    /// Cost of a unit of time after.
    pub late_cost: i64,
}

/// What a job asks for beyond its stops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobRules {
    /// Of its first stop: the only one, or the pickup.
    pub soft: Option<Soft>,
    /// Of the delivery of a shipment.
    pub soft_delivery: Option<Soft>,
    /// Class of its goods; see [`Rules::apart`].
    pub class: Option<u32>,
    /// What a delivery takes along from the same stop, one number for each dimension; empty: nothing.
    pub collects: Vec<i64>,
}

impl JobRules {
    /// Whether there is nothing to ask for. A class matters only if it must be kept apart from one.
    pub fn is_empty(&self) -> bool {
        self.soft.is_none() && self.soft_delivery.is_none() && self.collects.is_empty()
    }
}

/// How fast vehicles are by the hour: shares of the speed that durations are written for.
///
/// Whoever leaves later does not come earlier: a way is driven at each moment with the speed of that moment
/// (Ichoua, Gendreau, Potvin 2003).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeedProfile {
    /// After how much time it begins again; 86,400 for days in seconds.
    pub period: i64,
    /// Beginnings of pieces, the first at 0, in order, all below the period; and speeds in thousandths, each
    /// within 1 to 1,000,000.
    pub pieces: Vec<(i64, u32)>,
}

impl SpeedProfile {
    /// The same speed at all times.
    pub fn constant(thousandths: u32) -> Self {
        Self { period: MAX_TIME, pieces: vec![(0, thousandths)] }
    }

    /// What is driven in a period, in thousandths of a duration.
    fn work_of_turn(&self) -> i128 {
        let ends = self.pieces.iter().skip(1).map(|p| p.0).chain([self.period]);
        self.pieces.iter().zip(ends).map(|(p, end)| i128::from(p.1) * i128::from(end - p.0)).sum()
    }

    /// The speed at a moment, and until when it holds.
    fn at(&self, moment: i64) -> (i64, i64) {
        let (turn, within) = (moment.div_euclid(self.period), moment.rem_euclid(self.period));
        let piece = self.pieces.partition_point(|p| p.0 <= within).max(1) - 1;
        let until = self.pieces.get(piece + 1).map_or(self.period, |p| p.0);
        (
            i64::from(self.pieces.get(piece).map_or(1_000, |p| p.1)),
            turn.saturating_mul(self.period).saturating_add(until),
        )
    }
}

/// What is left of a way, and when: driving can be interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drive<'p> {
    profile: Option<&'p SpeedProfile>,
    /// Duration in thousandths at the speed that durations are written for.
    left: i128,
}

impl<'p> Drive<'p> {
    /// A way of this duration, which is at least 0.
    pub fn new(duration: i64, profile: Option<&'p SpeedProfile>) -> Self {
        Self { profile, left: i128::from(duration) * 1_000 }
    }

    /// When it ends if it is driven from `now` on without a pause, rounded up.
    pub fn arrival(&self, now: i64) -> i64 {
        let Some(profile) = self.profile else { return now.saturating_add((self.left / 1_000) as i64) };
        // Whole turns are passed over at once: a very long way is not driven hour by hour.
        let turn = profile.work_of_turn();
        let turns = (self.left - 1).max(0) / turn;
        let mut left = self.left - turns * turn;
        let mut at = now.saturating_add(i64::try_from(turns * i128::from(profile.period)).unwrap_or(i64::MAX / 4));
        loop {
            let (speed, until) = profile.at(at);
            let (speed, span) = (i128::from(speed), i128::from(until - at));
            if left <= speed * span || span <= 0 {
                return at.saturating_add(((left + speed - 1) / speed) as i64);
            }
            left -= speed * span;
            at = until;
        }
    }

    /// Drives from `now` to `until`, not beyond the end of the way.
    pub fn drive_until(&mut self, now: i64, until: i64) {
        let mut at = now;
        if let Some(profile) = self.profile {
            let turn = profile.work_of_turn();
            let turns = (i128::from(until - now) / i128::from(profile.period)).min(self.left / turn).max(0);
            self.left -= turns * turn;
            at += (turns * i128::from(profile.period)) as i64;
        }
        while at < until && self.left > 0 {
            let (speed, end) = match self.profile {
                None => (1_000, until),
                Some(profile) => profile.at(at),
            };
            let end = end.min(until);
            self.left = (self.left - i128::from(speed) * i128::from(end - at)).max(0);
            at = end;
        }
    }
}

/// What concerns all vehicles and jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Profiles of speed, which vehicles name by index.
    pub speeds: Vec<SpeedProfile>,
    /// Classes of goods that may not be in a vehicle at the same time. A pair of the same class twice: at most one
    /// job of it.
    pub apart: Vec<[u32; 2]>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rush() -> SpeedProfile {
        SpeedProfile { period: 24, pieces: vec![(0, 1_000), (7, 500), (9, 1_000), (20, 1_250)] }
    }

    #[track_caller]
    fn check(now: i64, duration: i64, expected: i64) {
        let profile = rush();
        assert_eq!(Drive::new(duration, Some(&profile)).arrival(now), expected, "{duration} from {now}");
    }

    #[test]
    fn a_way_is_driven_at_the_speed_of_each_moment() {
        check(0, 5, 5);
        check(5, 4, 10); // Two before the rush, one within its two, one after.
        check(7, 1, 9);
        check(20, 5, 24);
        check(19, 7, 25); // One, five in four, one after midnight.
        check(24 + 5, 4, 24 + 10);
        check(3, 0, 3);
    }

    proptest! {
        #[test]
        fn whoever_leaves_later_does_not_come_earlier(
            now in -50_i64..200, later in 0_i64..50, duration in 0_i64..200,
            speeds in prop::collection::vec(1_u32..3_000, 1..6),
        ) {
            let pieces = (0..).zip(&speeds).map(|(i, &s)| (7 * i, s)).collect();
            let profile = SpeedProfile { period: 60, pieces };
            let drive = Drive::new(duration, Some(&profile));
            prop_assert!(drive.arrival(now) <= drive.arrival(now + later));
            prop_assert!(drive.arrival(now) >= now);
        }

        #[test]
        fn an_interruption_of_no_length_changes_nothing(
            now in 0_i64..100, after in 0_i64..100, duration in 0_i64..100,
            speeds in prop::collection::vec(1_u32..3_000, 1..6),
        ) {
            let pieces = (0..).zip(&speeds).map(|(i, &s)| (7 * i, s)).collect();
            let profile = SpeedProfile { period: 60, pieces };
            let mut drive = Drive::new(duration, Some(&profile));
            let whole = drive.arrival(now);
            let pause = (now + after).min(whole);
            drive.drive_until(now, pause);
            prop_assert_eq!(drive.arrival(pause), whole);
        }

        #[test]
        fn driving_is_what_it_is_moment_by_moment(
            now in 0_i64..100, duration in 0_i64..60, speeds in prop::collection::vec(100_u32..3_000, 1..6),
        ) {
            let pieces: Vec<(i64, u32)> = (0..).zip(&speeds).map(|(i, &s)| (7 * i, s)).collect();
            let profile = SpeedProfile { period: 60, pieces: pieces.clone() };
            let (mut left, mut at) = (duration * 1_000, now);
            while left > 0 {
                let piece = pieces.iter().rev().find(|p| p.0 <= at % 60).expect("the first begins at 0");
                left -= i64::from(piece.1);
                at += 1;
            }
            prop_assert_eq!(Drive::new(duration, Some(&profile)).arrival(now), at);
        }
    }
}
