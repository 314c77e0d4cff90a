//! When vehicles will be there, from where they are: progress along the way, what is left of it at the speeds that
//! were learnt, and how wrong such a forecast is.
//!
//! ```text
//! position ──► Line::progress ──► metres along, metres off
//!                      │
//! Trip ────────────────┴──► remaining time, at Speeds' ratio of each lane and hour ──► Misses' quantiles ──► Eta
//!
//! lane driven  ──► Speeds::learn       forecast and what came of it ──► Misses::learn
//! ```
//!
//! Pure: time comes in. Updating a vehicle touches the segments around where it was last and the lanes that are
//! left. Intervals are split-conformal (Vovk, Gammerman, Shafer 2005), by how long the way still is: whatever the
//! distribution of the errors, of those to come the asked share falls inside, as long as they are like those seen.

use crate::LatLon;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::VecDeque;

/// Metres in a degree of a great circle.
const METRES_PER_DEGREE: f64 = crate::EARTH_RADIUS_M * std::f64::consts::PI / 180.0;

/// Segments on both sides of where a vehicle was that are looked at first.
const AROUND: usize = 1;

/// Beyond so many metres from them, all segments are looked at.
const LOST_M: f64 = 2_000.0;

/// A way as vehicles follow it. Longitudes go on beyond ±180 inside, so that the date line is no edge.
#[derive(Clone, Debug)]
pub struct Line {
    /// One more than there are segments. What belongs to a segment lies together: a fleet is larger than a cache.
    points: Vec<Point>,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    lat: f64,
    lon: f64,
    /// Metres from the beginning.
    along: f64,
    /// Metres in a degree of longitude at the middle of the segment that begins here.
    wide: f64,
}

/// Where a vehicle is on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Metres from the beginning.
    pub along_m: f64,
    /// Metres beside it.
    pub off_m: f64,
    /// The segment it is on: the next search begins there.
    pub segment: u32,
}

impl Line {
    /// A way through these places; `None` if there are fewer than two, or one is not on the earth.
    pub fn new(places: &[LatLon]) -> Option<Self> {
        let on_earth = |p: &LatLon| p.lat.abs() <= 90.0 && p.lon.abs() <= 540.0;
        if places.len() < 2 || !places.iter().all(on_earth) {
            return None;
        }
        let mut points: Vec<Point> = Vec::with_capacity(places.len());
        for place in places {
            let last = points.last().map_or(place.lon, |p| p.lon);
            points.push(Point { lat: place.lat, lon: last + turned(place.lon - last), along: 0.0, wide: 0.0 });
        }
        for i in 1..points.len() {
            let (from, to) = (points[i - 1], points[i]);
            let wide = METRES_PER_DEGREE * libm::cos(((from.lat + to.lat) / 2.0).to_radians());
            let (x, y) = ((to.lon - from.lon) * wide, (to.lat - from.lat) * METRES_PER_DEGREE);
            points[i - 1].wide = wide;
            points[i].along = from.along + (x * x + y * y).sqrt();
        }
        Some(Self { points })
    }

    /// Metres.
    pub fn length_m(&self) -> f64 {
        self.points[self.points.len() - 1].along
    }

    /// Where a vehicle is that was there last. Near its last place a few segments are looked at, all of them only if
    /// it is far from those.
    pub fn progress(&self, last: Progress, place: LatLon) -> Progress {
        let n = self.points.len() - 1;
        let at = (last.segment as usize).min(n - 1);
        let near = self.nearest(at.saturating_sub(AROUND)..(at + AROUND + 1).min(n), place);
        if near.off_m <= LOST_M { near } else { self.nearest(0..n, place) }
    }

    fn nearest(&self, segments: std::ops::Range<usize>, place: LatLon) -> Progress {
        let (mut best, mut least) = (Progress::default(), f64::INFINITY);
        for (s, pair) in segments.clone().zip(self.points[segments.start..=segments.end].windows(2)) {
            let (from, to) = (pair[0], pair[1]);
            let (bx, by) = ((to.lon - from.lon) * from.wide, (to.lat - from.lat) * METRES_PER_DEGREE);
            let (px, py) = (turned(place.lon - from.lon) * from.wide, (place.lat - from.lat) * METRES_PER_DEGREE);
            let square = bx * bx + by * by;
            let share = if square > 0.0 { ((px * bx + py * by) / square).clamp(0.0, 1.0) } else { 0.0 };
            let (dx, dy) = (px - share * bx, py - share * by);
            let off_square = dx * dx + dy * dy;
            if off_square < least {
                least = off_square;
                best =
                    Progress { along_m: from.along + share * (to.along - from.along), off_m: 0.0, segment: s as u32 };
            }
        }
        best.off_m = least.sqrt();
        best
    }
}

/// A difference of longitudes, the short way.
#[inline]
fn turned(degrees: f64) -> f64 {
    if degrees.abs() <= 180.0 { degrees } else { degrees - 360.0 * (degrees / 360.0 + 0.5).floor() }
}

/// How many observations are remembered of a lane and hour, and of what they fall back to.
const REMEMBERED: usize = 64;

/// So many make a ratio of their own.
const ENOUGH: usize = 8;

/// The last observations, and their median.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Recent {
    values: VecDeque<f64>,
    median: f64,
}

impl Recent {
    fn learn(&mut self, value: f64, room: usize) {
        if self.values.len() == room {
            self.values.pop_front();
        }
        self.values.push_back(value);
        let mut sorted: Vec<f64> = self.values.iter().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let n = sorted.len();
        self.median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0;
    }
}

/// How much longer lanes take than it is written, by class of vehicle, lane and hour of the day: medians of the last
/// that was seen. What was seen too rarely falls back to the lane at all hours, then to the class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Speeds {
    seen: BTreeMap<(u32, Option<u32>, Option<u8>), Recent>,
    row_of: BTreeMap<(u32, u32), u32>,
    rows: Vec<Row>,
    /// By class.
    class_of: BTreeMap<u32, u32>,
    classes: Vec<f32>,
}

/// The ratios of a class and lane, ready to be looked up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    hours: [f32; 24],
    class: u32,
    /// Whether anything was seen of the lane itself.
    is_own: bool,
}

impl Speeds {
    /// The row of a class and lane, which may be new.
    fn row(&mut self, class: u32, lane: u32) -> u32 {
        let next = self.classes.len() as u32;
        let class_at = *self.class_of.entry(class).or_insert(next);
        if class_at == next {
            self.classes.push(1.0);
        }
        let next = self.rows.len() as u32;
        let row = *self.row_of.entry((class, lane)).or_insert(next);
        if row == next {
            self.rows.push(Row { hours: [1.0; 24], class: class_at, is_own: false });
        }
        row
    }

    /// Takes in that a lane took `actual_secs` where `expected_secs` are written, for a vehicle that entered it in
    /// this hour of the day. What is not above 0 is passed over; ratios are kept within 1/20 to 20.
    pub fn learn(&mut self, class: u32, lane: u32, hour: u8, expected_secs: f64, actual_secs: f64) {
        let ratio = actual_secs / expected_secs;
        if !(expected_secs > 0.0 && ratio > 0.0 && ratio.is_finite()) {
            return;
        }
        let ratio = ratio.clamp(0.05, 20.0);
        let hour = hour % 24;
        for key in [(class, Some(lane), Some(hour)), (class, Some(lane), None), (class, None, None)] {
            self.seen.entry(key).or_default().learn(ratio, REMEMBERED);
        }
        let row = self.row(class, lane) as usize;
        let enough = |key: &(u32, Option<u32>, Option<u8>)| {
            self.seen.get(key).filter(|r| r.values.len() >= ENOUGH).map(|r| r.median as f32)
        };
        let of_class = enough(&(class, None, None)).unwrap_or(1.0);
        let of_lane = enough(&(class, Some(lane), None));
        let hours =
            std::array::from_fn(|h| enough(&(class, Some(lane), Some(h as u8))).or(of_lane).unwrap_or(of_class));
        let known = &mut self.rows[row];
        (known.hours, known.is_own) = (hours, of_lane.is_some());
        self.classes[known.class as usize] = of_class;
    }

    /// How many times longer than it is written a lane takes; 1 where nothing is known.
    pub fn ratio(&self, class: u32, lane: u32, hour: u8) -> f64 {
        match self.row_of.get(&(class, lane)) {
            Some(&row) => self.at(row, usize::from(hour % 24)),
            None => self.class_of.get(&class).map_or(1.0, |&c| f64::from(self.classes[c as usize])),
        }
    }

    #[inline]
    fn at(&self, row: u32, hour: usize) -> f64 {
        let row = &self.rows[row as usize];
        f64::from(if row.is_own { row.hours[hour] } else { self.classes[row.class as usize] })
    }
}

/// A lane of a trip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TripLane {
    /// Its number.
    pub lane: u32,
    /// Metres of the trip's line at which it ends.
    pub ends_at_m: f64,
    /// Seconds that are written for it.
    pub secs: f64,
    /// Seconds of stops at its end, but for the last lane's.
    pub stop_secs: f64,
}

/// A trip to a place: its line, and the lanes it is made of.
#[derive(Clone, Debug)]
pub struct Trip {
    line: Line,
    /// Lanes, with their number replaced by their row in the speeds.
    lanes: Vec<TripLane>,
}

/// Seconds since midnight in the zone that hours are counted in: where a day begins is the caller's.
pub type SecondOfDay = u32;

impl Trip {
    /// `None` if there is no lane, lanes do not go forward, or a number is below 0 or none. The trip belongs to these
    /// speeds, and follows what they learn.
    pub fn new(class: u32, line: Line, mut lanes: Vec<TripLane>, speeds: &mut Speeds) -> Option<Self> {
        let good = |l: &TripLane| l.secs >= 0.0 && l.secs.is_finite() && l.stop_secs >= 0.0 && l.stop_secs.is_finite();
        let forward = lanes.windows(2).all(|w| w[0].ends_at_m <= w[1].ends_at_m);
        if lanes.is_empty() || !forward || !lanes.iter().all(good) || lanes[0].ends_at_m.is_nan() {
            return None;
        }
        lanes.iter_mut().for_each(|l| l.lane = speeds.row(class, l.lane));
        Some(Self { line, lanes })
    }

    /// The line.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// Seconds until the end for a vehicle so many metres along: what is left of its lane, and the lanes after it,
    /// each at the ratio of the hour in which it is entered.
    pub fn remaining_secs(&self, along_m: f64, now: SecondOfDay, speeds: &Speeds) -> f64 {
        let mut began = 0.0;
        let mut secs = 0.0;
        let last = self.lanes.len() - 1;
        for (i, lane) in self.lanes.iter().enumerate() {
            let ends = lane.ends_at_m;
            if along_m < ends || (i == last && along_m <= ends) {
                let length = ends - began;
                let share = if length > 0.0 { ((ends - along_m.max(began)) / length).clamp(0.0, 1.0) } else { 0.0 };
                let hour = (f64::from(now) + secs) as u32 / 3_600 % 24;
                secs += lane.secs * share * speeds.at(lane.lane, hour as usize);
                if i < last {
                    secs += lane.stop_secs;
                }
            }
            began = ends;
        }
        secs
    }
}

/// Boundaries of remaining time, in seconds, between which errors are kept apart.
const HORIZONS_SECS: [f64; 5] = [600.0, 1_800.0, 3_600.0, 14_400.0, 86_400.0];

/// How many errors are remembered for each horizon.
const ERRORS: usize = 2_000;

/// How wrong forecasts were: shares of the remaining time, by how long that was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Misses {
    coverage: f64,
    recent: [VecDeque<f64>; HORIZONS_SECS.len() + 1],
    /// By horizon: the shares below and above the forecast between which the coverage lies.
    bounds: [(f64, f64); HORIZONS_SECS.len() + 1],
}

/// Bounds where too little was seen: half to twice the time.
const UNKNOWN: (f64, f64) = (-0.5, 1.0);

/// Shares by which it is later, and how likely more than that is where too little was seen: one in ten beyond either
/// of the [`UNKNOWN`] bounds, straight lines between.
const UNKNOWN_TAIL: [(f64, f64); 5] = [(-1.0, 1.0), (-0.5, 0.9), (0.0, 0.5), (1.0, 0.1), (2.0, 0.0)];

impl Default for Misses {
    /// Intervals that hold eight in ten: one in ten comes before, one after.
    fn default() -> Self {
        Self::new(0.8)
    }
}

impl Misses {
    /// Intervals that hold this share of what comes, 0.5 to 0.99.
    pub fn new(coverage: f64) -> Self {
        let coverage = if coverage.is_nan() { 0.8 } else { coverage.clamp(0.5, 0.99) };
        Self { coverage, recent: Default::default(), bounds: [UNKNOWN; HORIZONS_SECS.len() + 1] }
    }

    fn horizon(secs: f64) -> usize {
        HORIZONS_SECS.iter().take_while(|h| secs > **h).count()
    }

    /// Takes in that `forecast_secs` were forecast and `actual_secs` passed. O(n log n) in the errors remembered:
    /// [`Misses::learn_all`] sorts once for many.
    pub fn learn(&mut self, forecast_secs: f64, actual_secs: f64) {
        self.learn_all(&[(forecast_secs, actual_secs)]);
    }

    /// Takes in many pairs of forecast and actual seconds.
    pub fn learn_all(&mut self, pairs: &[(f64, f64)]) {
        let mut changed = [false; HORIZONS_SECS.len() + 1];
        for &(forecast, actual) in pairs {
            let error = (actual - forecast) / forecast.max(1.0);
            if !error.is_finite() || forecast < 0.0 {
                continue;
            }
            let horizon = Self::horizon(forecast);
            if self.recent[horizon].len() == ERRORS {
                self.recent[horizon].pop_front();
            }
            self.recent[horizon].push_back(error);
            changed[horizon] = true;
        }
        for horizon in (0..changed.len()).filter(|&h| changed[h]) {
            self.bounds[horizon] = conformal(&self.recent[horizon], self.coverage);
        }
    }

    /// The earliest and latest of the asked share, in seconds.
    pub fn interval(&self, forecast_secs: f64) -> (f64, f64) {
        let (below, above) = self.bounds[Self::horizon(forecast_secs)];
        let scale = forecast_secs.max(1.0);
        ((forecast_secs + below * scale).max(0.0), (forecast_secs + above * scale).max(0.0))
    }

    /// How likely it is that more than `limit_secs` pass where `forecast_secs` are forecast, 0 to 1: of n errors seen
    /// at this horizon the share that is greater, with half an error counted on either side, since the next may be
    /// beyond all of them. O(n).
    pub fn later_than(&self, forecast_secs: f64, limit_secs: f64) -> f64 {
        let horizon = Self::horizon(forecast_secs);
        let share = (limit_secs - forecast_secs) / forecast_secs.max(1.0);
        if self.bounds[horizon] != UNKNOWN {
            let seen = &self.recent[horizon];
            let above = seen.iter().filter(|error| **error > share).count();
            return (above as f64 + 0.5) / (seen.len() as f64 + 1.0);
        }
        let line = UNKNOWN_TAIL.windows(2).find(|pair| share < pair[1].0);
        line.map_or(0.0, |pair| {
            let ((from, high), (to, low)) = (pair[0], pair[1]);
            if share <= from { high } else { high + (low - high) * (share - from) / (to - from) }
        })
    }
}

/// The errors of which the share in the middle lies between, with the correction for finitely many: of n errors the
/// one at ⌈(n + 1)(1 − α/2)⌉, and as far from below. [`UNKNOWN`] while there are too few for that.
fn conformal(errors: &VecDeque<f64>, coverage: f64) -> (f64, f64) {
    let n = errors.len();
    let rank = ((n as f64 + 1.0) * (1.0 + coverage) / 2.0).ceil() as usize;
    if rank > n {
        return UNKNOWN;
    }
    let mut sorted: Vec<f64> = errors.iter().copied().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    (sorted[n - rank], sorted[rank - 1])
}

/// When a vehicle will be there, in seconds from now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Eta {
    /// The forecast.
    pub secs: f64,
    /// Not before, at the asked coverage.
    pub earliest_secs: f64,
    /// Not after.
    pub latest_secs: f64,
}

/// Takes a position in and gives progress and ETA.
pub fn update(
    trip: &Trip,
    last: Progress,
    place: LatLon,
    now: SecondOfDay,
    (speeds, misses): (&Speeds, &Misses),
) -> (Progress, Eta) {
    let progress = trip.line.progress(last, place);
    let secs = trip.remaining_secs(progress.along_m, now, speeds);
    let (earliest_secs, latest_secs) = misses.interval(secs);
    (progress, Eta { secs, earliest_secs, latest_secs })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance_m;
    use proptest::prelude::*;

    const fn at(lat: f64, lon: f64) -> LatLon {
        LatLon { lat, lon }
    }

    fn trip(speeds: &mut Speeds) -> Trip {
        let line = Line::new(&[at(50.0, 10.0), at(50.0, 10.5), at(50.0, 11.0)]).expect("a line");
        let half = line.length_m() / 2.0;
        let lane = |lane, ends_at_m| TripLane { lane, ends_at_m, secs: 1_800.0, stop_secs: 600.0 };
        Trip::new(0, line, vec![lane(7, half), lane(8, 2.0 * half)], speeds).expect("a trip")
    }

    #[track_caller]
    fn check(speeds: &mut Speeds, lon: f64, now: SecondOfDay, expected_secs: f64) {
        let trip = trip(speeds);
        let (progress, eta) = update(&trip, Progress::default(), at(50.001, lon), now, (speeds, &Misses::new(0.8)));
        assert!((eta.secs - expected_secs).abs() < 1.0, "{eta:?} {progress:?}");
        assert!((progress.off_m - 111.2).abs() < 0.5, "{progress:?}");
    }

    #[test]
    fn what_is_left_takes_what_is_written_and_the_stops_between() {
        let mut speeds = Speeds::default();
        check(&mut speeds, 10.0, 0, 1_800.0 + 600.0 + 1_800.0);
        check(&mut speeds, 10.25, 0, 900.0 + 600.0 + 1_800.0);
        check(&mut speeds, 10.75, 0, 900.0);
        check(&mut speeds, 11.0, 0, 0.0);
    }

    #[test]
    fn lanes_are_as_slow_as_they_were_at_that_hour() {
        let mut speeds = Speeds::default();
        for _ in 0..ENOUGH {
            speeds.learn(0, 7, 8, 100.0, 200.0);
            speeds.learn(0, 8, 9, 100.0, 50.0);
        }
        // Lane 7 is entered before nine, lane 8 after.
        check(&mut speeds, 10.0, 8 * 3_600 + 1_800, 3_600.0 + 600.0 + 900.0);
        assert_eq!((speeds.ratio(0, 7, 3), speeds.ratio(1, 7, 8), speeds.ratio(0, 9, 0)), (2.0, 1.0, 1.25));
        speeds.learn(0, 7, 8, 0.0, 5.0);
        speeds.learn(0, 7, 8, 5.0, f64::NAN);
        assert_eq!(speeds.ratio(0, 7, 8), 2.0);
    }

    #[test]
    fn who_is_far_from_where_he_was_is_found_again_also_over_the_date_line() {
        let places: Vec<LatLon> =
            (0..40).map(|i| at(10.0, if i < 20 { 160.0 + f64::from(i) } else { -200.0 + f64::from(i) })).collect();
        let line = Line::new(&places).expect("a line");
        let start = line.progress(Progress::default(), places[0]);
        let far = line.progress(start, at(10.0, -175.5));
        assert!((far.along_m / line.length_m() - 24.5 / 39.0).abs() < 1e-9 && far.off_m < 1e-6, "{far:?}");
    }

    #[test]
    fn nothing_that_is_no_trip_is_one() {
        let line = || Line::new(&[at(0.0, 0.0), at(0.0, 1.0)]).expect("a line");
        let lane = TripLane { lane: 0, ends_at_m: 5.0, secs: 1.0, stop_secs: 0.0 };
        let mut none = Speeds::default();
        assert!(Trip::new(0, line(), vec![], &mut none).is_none());
        assert!(Trip::new(0, line(), vec![lane, TripLane { ends_at_m: 4.0, ..lane }], &mut none).is_none());
        assert!(Trip::new(0, line(), vec![TripLane { secs: -1.0, ..lane }], &mut none).is_none());
        assert!(Line::new(&[at(0.0, 0.0)]).is_none() && Line::new(&[at(0.0, 0.0), at(f64::NAN, 0.0)]).is_none());
    }

    /// Numbers in 0 to 1 from a seed.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    #[test]
    fn intervals_hold_the_share_they_were_asked_for() {
        for coverage in [0.5, 0.8, 0.95] {
            let mut numbers = Numbers(7);
            // Skewed errors that differ by horizon: late much more often and further than early.
            let mut pair = || {
                let forecast = 60.0 + 20_000.0 * numbers.next();
                let skew = numbers.next() * numbers.next() * if forecast < 3_600.0 { 1.5 } else { 0.6 };
                (forecast, forecast * (0.9 + skew))
            };
            let mut misses = Misses::new(coverage);
            misses.learn_all(&(0..8_000).map(|_| pair()).collect::<Vec<_>>());
            let mut inside = [(0_u32, 0_u32); 2];
            for _ in 0..20_000 {
                let (forecast, actual) = pair();
                let (early, late) = misses.interval(forecast);
                let count = &mut inside[usize::from(forecast < 3_600.0)];
                count.0 += u32::from((early..=late).contains(&actual));
                count.1 += 1;
            }
            for (held, of) in inside {
                let share = f64::from(held) / f64::from(of);
                assert!((share - coverage).abs() < 0.03, "{share} for {coverage}");
            }
        }
    }

    #[test]
    fn before_enough_was_seen_an_interval_is_wide() {
        let mut misses = Misses::new(0.8);
        assert_eq!(misses.interval(1_000.0), (500.0, 2_000.0));
        (0..8).for_each(|_| misses.learn(1_000.0, 1_100.0));
        assert_eq!(misses.interval(1_000.0), (500.0, 2_000.0));
        misses.learn(1_000.0, 1_100.0);
        assert_eq!(misses.interval(1_000.0), (1_100.0, 1_100.0));
    }

    #[test]
    fn how_likely_it_is_later_follows_what_was_seen() {
        let mut misses = Misses::default();
        let unknown = [(0.0, 1.0), (500.0, 0.9), (1_000.0, 0.5), (1_500.0, 0.3), (2_000.0, 0.1), (3_000.0, 0.0)];
        for (limit, likely) in unknown {
            assert!((misses.later_than(1_000.0, limit) - likely).abs() < 1e-12, "{limit}");
        }
        // From a tenth early to nine tenths late, evenly.
        misses.learn_all(&(0..1_000).map(|i| (1_000.0, 900.0 + f64::from(i))).collect::<Vec<_>>());
        for (limit, likely) in [(800.0, 1.0), (1_150.0, 0.75), (1_400.0, 0.5), (2_000.0, 0.0)] {
            assert!((misses.later_than(1_000.0, limit) - likely).abs() < 2e-3, "{limit}");
        }
    }

    #[test]
    fn what_was_learnt_is_the_same_after_it_was_written_and_read() {
        let (mut speeds, mut misses) = (Speeds::default(), Misses::default());
        for i in 0..300_u32 {
            speeds.learn(i % 2, i % 5, (i % 24) as u8, 600.0, 500.0 + f64::from(i));
            misses.learn(600.0, 500.0 + f64::from(i));
        }
        // JSON has no keys of three parts, so as pairs; the twin writes postcard.
        let read: Misses = serde_json::from_str(&serde_json::to_string(&misses).expect("text")).expect("the same");
        assert_eq!(read, misses);
        let seen: Vec<_> = speeds.seen.iter().collect();
        let text = serde_json::to_string(&seen).expect("text");
        let read: BTreeMap<_, _> = serde_json::from_str::<Vec<_>>(&text).expect("the same").into_iter().collect();
        assert_eq!(read, speeds.seen);
    }

    proptest! {
        #[test]
        fn progress_is_that_of_the_great_circle_within_a_share(
            share in 0.0..1.0_f64, lat in -60.0..60.0_f64, lon in -180.0..180.0_f64, dlat in -0.5..0.5_f64, dlon in -0.5..0.5_f64,
        ) {
            let (from, to) = (at(lat, lon), at(lat + dlat, lon + dlon));
            let line = Line::new(&[from, to]).expect("a line");
            let place = crate::Polyline::new(&[from, to]).expect("a line").at(share);
            let progress = line.progress(Progress::default(), place);
            let whole = distance_m(from, to) as f64;
            prop_assert!((line.length_m() - whole).abs() <= 2.0 + whole * 1e-3);
            prop_assert!((progress.along_m - share * line.length_m()).abs() <= 5.0 + whole * 2e-3, "{:?}", progress);
        }

        #[test]
        fn who_has_come_further_has_less_to_go(a in 0.0..1.0_f64, b in 0.0..1.0_f64, now in 0_u32..86_400) {
            let mut speeds = Speeds::default();
            let trip = trip(&mut speeds);
            let length = trip.line().length_m();
            let (near, far) = (a.min(b) * length, a.max(b) * length);
            prop_assert!(trip.remaining_secs(far, now, &speeds) <= trip.remaining_secs(near, now, &speeds));
        }
    }
}
