//! How a vehicle moves between two fixes: along its lane, smoothly, and never past the next stop.
//!
//! ```text
//! fix ─▶ place along the lane ─▶ Track ─▶ Leg: straight, from one moment to another ─▶ the graphics card moves it
//! ```
//! A leg ends at a bend of the lane, when a correction is made good, or where the estimate stops; then the next is cut.

use std::sync::Arc;
use std::time::Duration;

use firmware_schemas::network::VehicleKind;
use firmware_schemas::quantity::{Position, Timestamp};

use super::chart::{ChartPoint, great_circle};

/// A lane as a line that can be measured along.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// From end to end, `x` running on over the antimeridian.
    pub points: Arc<Vec<ChartPoint>>,
    /// Metres from the beginning to each point, on the sphere.
    metres: Vec<f64>,
}

/// Mean radius of the Earth, in metres (IUGG).
const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// What is farther from its lane than this is not on it: it goes straight from fix to fix.
const OFF_LANE_M: f64 = 60_000.0;

impl Line {
    /// Through `stops`; `None` if all are in one place.
    pub fn through(stops: &[Position]) -> Option<Self> {
        Self::of_points(great_circle(stops))
    }

    /// Of points that are fine enough to draw; `None` if they are fewer than two.
    pub fn of_points(points: Vec<ChartPoint>) -> Option<Self> {
        if points.len() < 2 {
            return None;
        }
        let mut metres = Vec::with_capacity(points.len());
        let mut sum = 0.0;
        metres.push(sum);
        for pair in points.windows(2) {
            sum += distance_m(pair[0], pair[1]);
            metres.push(sum);
        }
        Some(Self { points: Arc::new(points), metres })
    }

    /// From end to end.
    pub fn length_m(&self) -> f64 {
        self.metres[self.metres.len() - 1]
    }

    /// The place so many metres from the beginning; held at the ends.
    pub fn at(&self, along_m: f64) -> ChartPoint {
        let leg = self.leg_at(along_m);
        let (from, to) = (self.metres[leg], self.metres[leg + 1]);
        let t = if to > from { ((along_m - from) / (to - from)).clamp(0.0, 1.0) } else { 0.0 };
        let (a, b) = (self.points[leg], self.points[leg + 1]);
        ChartPoint { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t }
    }

    /// Which straight part is so many metres from the beginning.
    fn leg_at(&self, along_m: f64) -> usize {
        self.metres.partition_point(|metres| *metres <= along_m).saturating_sub(1).min(self.points.len() - 2)
    }

    /// How far along the line is nearest to `place`, and how far off that is, in metres.
    pub fn project(&self, place: ChartPoint) -> (f64, f64) {
        let mut best = (0.0, f64::INFINITY);
        for (leg, pair) in self.points.windows(2).enumerate() {
            let place = place.nearest_to(pair[0].x);
            let (dx, dy) = (pair[1].x - pair[0].x, pair[1].y - pair[0].y);
            let squared = dx * dx + dy * dy;
            let t = ((place.x - pair[0].x) * dx + (place.y - pair[0].y) * dy) / squared.max(1e-18);
            let t = t.clamp(0.0, 1.0);
            let (off_x, off_y) = (pair[0].x + dx * t - place.x, pair[0].y + dy * t - place.y);
            let off = off_x * off_x + off_y * off_y;
            if off < best.1 {
                best = (self.metres[leg] + (self.metres[leg + 1] - self.metres[leg]) * t, off);
            }
        }
        (best.0, distance_m(place, self.at(best.0)))
    }

    /// The next bend beyond `along_m` in the direction of travel.
    fn next_bend(&self, along_m: f64, forward: bool) -> f64 {
        if forward {
            let next = self.metres.partition_point(|metres| *metres <= along_m + 0.01);
            self.metres.get(next).copied().unwrap_or_else(|| self.length_m())
        } else {
            let next = self.metres.partition_point(|metres| *metres < along_m - 0.01);
            next.checked_sub(1).map_or(0.0, |at| self.metres[at])
        }
    }
}

/// Great-circle distance, in metres (haversine).
pub fn distance_m(a: ChartPoint, b: ChartPoint) -> f64 {
    let (lat_a, lat_b) = (a.lat().to_radians(), b.lat().to_radians());
    let (d_lat, d_lon) = (lat_b - lat_a, (b.x - a.x).to_radians());
    let h = (d_lat / 2.0).sin().powi(2) + lat_a.cos() * lat_b.cos() * (d_lon / 2.0).sin().powi(2);
    2.0 * EARTH_RADIUS_M * h.sqrt().min(1.0).asin()
}

/// The fastest that vehicles of a kind go, in metres a second: an estimate is never faster.
pub fn top_speed(kind: VehicleKind) -> f64 {
    match kind {
        VehicleKind::Ship => 16.0,
        VehicleKind::Truck => 32.0,
        VehicleKind::Van => 38.0,
        VehicleKind::Train => 85.0,
        VehicleKind::Aircraft => 310.0,
        VehicleKind::Barge => 9.0,
        VehicleKind::Agv => 4.0,
    }
}

/// A place that moves evenly from one moment to another, and stands before and after.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leg {
    /// Where it begins.
    pub from: ChartPoint,
    /// Where it ends; `x` within half a world of the beginning.
    pub to: ChartPoint,
    /// When it begins.
    pub start: Timestamp,
    /// When it ends; the beginning, where nothing moves.
    pub end: Timestamp,
}

impl Leg {
    /// One that stands.
    pub fn standing(at: ChartPoint, start: Timestamp) -> Self {
        Self { from: at, to: at, start, end: start }
    }

    /// Where it is at `now`.
    pub fn at(&self, now: Timestamp) -> ChartPoint {
        let span = (self.end.as_nanos() - self.start.as_nanos()) as f64;
        if span <= 0.0 {
            return self.from;
        }
        let t = ((now.as_nanos() - self.start.as_nanos()) as f64 / span).clamp(0.0, 1.0);
        ChartPoint { x: self.from.x + (self.to.x - self.from.x) * t, y: self.from.y + (self.to.y - self.from.y) * t }
    }

    /// Whether it goes anywhere.
    pub fn moves(&self) -> bool {
        self.end > self.start && self.from != self.to
    }
}

/// What was heard of a vehicle.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Where it was.
    pub place: ChartPoint,
    /// When.
    pub at: Timestamp,
    /// By its own word, in metres a second.
    pub speed: Option<f64>,
    /// It stands at a site.
    pub stands: bool,
    /// The line that it follows.
    pub line: Option<Arc<Line>>,
    /// How often it reports.
    pub interval: Duration,
    /// What it is.
    pub kind: VehicleKind,
}

/// Where a vehicle is thought to be at any moment.
#[derive(Clone, Debug)]
pub struct Track {
    heard: Heard,
    /// How far along its line the fix was; `None` when it is not on one.
    fix_m: Option<f64>,
    /// Along the line, metres a second; negative towards its beginning.
    speed: f64,
    /// From here a correction is made good: where it was drawn, when, and until when.
    blend: Option<Blend>,
}

#[derive(Clone, Copy, Debug)]
struct Blend {
    /// Metres along the line, or the place itself where there is none.
    from: Result<f64, ChartPoint>,
    start: Timestamp,
    end: Timestamp,
}

/// A correction takes no longer than this.
const BLEND_MAX: Duration = Duration::from_secs(120);

impl Track {
    /// Of a vehicle that is seen for the first time, or again after a jump in time.
    pub fn begin(heard: Heard) -> Self {
        let fix_m = Self::fix_along(&heard);
        let speed = if heard.stands || fix_m.is_none() { 0.0 } else { Self::limit(heard.speed.unwrap_or(0.0), &heard) };
        Self { heard, fix_m, speed, blend: None }
    }

    /// Goes on with a newer fix at `now`, from where it was drawn.
    pub fn go_on(&mut self, heard: Heard, now: Timestamp) {
        let shown = self.at(now);
        let mut next = Self::begin(heard);
        let same_line = match (&self.heard.line, &next.heard.line) {
            (Some(before), Some(after)) => Arc::ptr_eq(before, after),
            _ => false,
        };
        let span_secs = (next.heard.at.as_nanos() - self.heard.at.as_nanos()) as f64 / 1e9;
        if let (true, Some(before), Some(after), false) = (same_line, self.fix_m, next.fix_m, next.heard.stands) {
            if span_secs > 0.0 {
                next.speed = Self::limit((after - before) / span_secs, &next.heard);
            } else {
                next.speed = self.speed;
            }
        }
        let window = next.heard.interval.clamp(Duration::from_secs(1), BLEND_MAX);
        let from = match (&next.heard.line, next.fix_m) {
            (Some(line), Some(_)) => {
                let (along, off_m) = line.project(shown);
                // One that was drawn elsewhere is set down on its lane at once if that is not far.
                if off_m > OFF_LANE_M { Err(shown) } else { Ok(along) }
            }
            _ => Err(shown),
        };
        if distance_m(shown, next.heard.place.nearest_to(shown.x)) < 2_000_000.0 {
            next.blend = Some(Blend { from, start: now, end: now.saturating_add(window) });
        }
        *self = next;
    }

    fn fix_along(heard: &Heard) -> Option<f64> {
        let (along, off_m) = heard.line.as_ref()?.project(heard.place);
        (off_m <= OFF_LANE_M).then_some(along)
    }

    fn limit(speed: f64, heard: &Heard) -> f64 {
        let top = top_speed(heard.kind);
        // What hardly moves stands: a leg of it would last for ever.
        if speed.is_finite() && speed.abs() >= STANDS_BELOW { speed.clamp(-top, top) } else { 0.0 }
    }

    /// How far along its line it is thought to be, a correction left aside.
    fn estimate_m(&self, fix_m: f64, line: &Line, now: Timestamp) -> f64 {
        let secs = ((now.as_nanos() - self.heard.at.as_nanos()) as f64 / 1e9).max(0.0);
        (fix_m + self.speed * secs).clamp(0.0, line.length_m())
    }

    /// Where it is thought to be, and drawn.
    pub fn at(&self, now: Timestamp) -> ChartPoint {
        match self.along(now) {
            Ok((line, along)) => line.at(along),
            Err(place) => place,
        }
    }

    /// Along its line, or the place where it has none.
    fn along(&self, now: Timestamp) -> Result<(&Line, f64), ChartPoint> {
        let blend = self.blend.filter(|blend| now < blend.end);
        let t = blend.map_or(1.0, |blend| {
            let span = (blend.end.as_nanos() - blend.start.as_nanos()) as f64;
            ((now.as_nanos() - blend.start.as_nanos()) as f64 / span.max(1.0)).clamp(0.0, 1.0)
        });
        match (&self.heard.line, self.fix_m, blend.map(|blend| blend.from)) {
            (Some(line), Some(fix_m), None) => Ok((line, self.estimate_m(fix_m, line, now))),
            (Some(line), Some(fix_m), Some(Ok(from))) => {
                let goal = blend.map_or(fix_m, |blend| self.estimate_m(fix_m, line, blend.end));
                Ok((line, from + (goal - from) * t))
            }
            (line, fix_m, from) => {
                let goal = match (line, fix_m, blend) {
                    (Some(line), Some(fix_m), Some(blend)) => line.at(self.estimate_m(fix_m, line, blend.end)),
                    _ => self.heard.place,
                };
                match from {
                    Some(Err(from)) => {
                        let goal = goal.nearest_to(from.x);
                        Err(ChartPoint { x: from.x + (goal.x - from.x) * t, y: from.y + (goal.y - from.y) * t })
                    }
                    _ => Err(goal),
                }
            }
        }
    }

    /// The straight part of its way that begins at `now`; it is good until its end, or for ever where it stands.
    pub fn leg(&self, now: Timestamp) -> Leg {
        let here = self.at(now);
        let blend_end = self.blend.map(|blend| blend.end).filter(|end| *end > now);
        match self.along(now) {
            Ok((line, along)) => {
                // Over a short moment the way is even, so the speed can be read from it.
                let speed = match (blend_end, self.blend, self.fix_m) {
                    (Some(end), Some(Blend { from: Ok(from), start, .. }), Some(fix_m)) => {
                        let goal = self.estimate_m(fix_m, line, end);
                        (goal - from) / ((end.as_nanos() - start.as_nanos()) as f64 / 1e9).max(1e-9)
                    }
                    _ => self.speed,
                };
                if speed.abs() < STANDS_BELOW {
                    let end = blend_end.unwrap_or(now);
                    return Leg { from: here, to: here, start: now, end };
                }
                let bend = line.next_bend(along, speed > 0.0);
                let secs = ((bend - along) / speed).max(0.0);
                if secs <= 1e-6 {
                    return Leg { from: here, to: here, start: now, end: blend_end.unwrap_or(now) };
                }
                let reach = now.saturating_add(Duration::from_secs_f64(secs.min(LEG_MAX_SECS)));
                match blend_end {
                    Some(end) if end < reach => Leg { from: here, to: self.at(end), start: now, end },
                    _ => {
                        let to =
                            if secs <= LEG_MAX_SECS { line.at(bend) } else { line.at(along + speed * LEG_MAX_SECS) };
                        Leg { from: here, to, start: now, end: reach }
                    }
                }
            }
            Err(_) => match blend_end {
                Some(end) => {
                    let to = self.at(end).nearest_to(here.x);
                    Leg { from: here, to, start: now, end }
                }
                None => Leg::standing(here, now),
            },
        }
    }

    /// The last fix itself.
    pub fn fix(&self) -> ChartPoint {
        self.heard.place
    }

    /// When that was.
    pub fn fixed_at(&self) -> Timestamp {
        self.heard.at
    }

    /// What of the way to its stop is behind it and before it, at `now`: for the route of what is followed.
    pub fn route(&self, now: Timestamp) -> Option<(Vec<ChartPoint>, Vec<ChartPoint>)> {
        let line = self.heard.line.as_ref()?;
        let (along, _) = line.project(self.at(now));
        let here = line.at(along);
        let cut = line.metres.partition_point(|metres| *metres <= along);
        let mut behind: Vec<ChartPoint> = line.points[..cut].to_vec();
        behind.push(here);
        let mut before = vec![here];
        before.extend_from_slice(&line.points[cut..]);
        if self.speed < 0.0 { Some((before, behind)) } else { Some((behind, before)) }
    }
}

/// Slower than this is no way at all, in metres a second.
const STANDS_BELOW: f64 = 0.01;

/// A leg is cut anew after this at the latest.
const LEG_MAX_SECS: f64 = 6.0 * 3_600.0;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(secs: f64) -> Timestamp {
        Timestamp::from_nanos((secs * 1e9) as i64)
    }

    fn line() -> Arc<Line> {
        let stops = [(31.2, 121.5), (34.0, -118.0), (36.0, -110.0)];
        let stops: Vec<Position> = stops.iter().map(|(lat, lon)| Position::from_degrees(*lat, *lon).unwrap()).collect();
        Arc::new(Line::through(&stops).unwrap())
    }

    fn heard(line: &Arc<Line>, along_m: f64, secs: f64, speed: f64) -> Heard {
        Heard {
            place: line.at(along_m),
            at: at(secs),
            speed: Some(speed),
            stands: false,
            line: Some(Arc::clone(line)),
            interval: Duration::from_secs(60),
            kind: VehicleKind::Ship,
        }
    }

    #[test]
    fn a_line_is_as_long_as_the_great_circle() {
        let line = line();
        assert!((line.length_m() - 11_230_000.0).abs() < 200_000.0, "{}", line.length_m());
        let (along, off) = line.project(line.at(5_000_000.0));
        assert!((along - 5_000_000.0).abs() < 1.0 && off < 1.0, "{along} {off}");
    }

    proptest! {
        #[test]
        fn an_estimate_never_passes_the_next_stop(along in 0.0..12e6_f64, speed in -50.0..50.0_f64, later in 0.0..1e8_f64) {
            let line = line();
            let track = Track::begin(heard(&line, along, 0.0, speed));
            let end = if speed >= 0.0 { line.at(line.length_m()) } else { line.at(0.0) };
            let (reached, off) = line.project(track.at(at(later)));
            prop_assert!(off < 5.0);
            prop_assert!((-1.0..=line.length_m() + 1.0).contains(&reached));
            if later > 2e7 && speed.abs() > 5.0 {
                prop_assert!(distance_m(track.at(at(later)), end) < 5.0, "it waits at its stop");
            }
        }

        #[test]
        fn a_new_fix_moves_nothing_at_once(along in 0.0..10e6_f64, step in -3000.0..3000.0_f64, speed in 0.0..14.0_f64, when in 1.0..300.0_f64) {
            let line = line();
            let mut track = Track::begin(heard(&line, along, 0.0, speed));
            let before = track.at(at(when));
            track.go_on(heard(&line, (along + speed * when + step).max(0.0), when, speed), at(when));
            let jump = distance_m(before, track.at(at(when)));
            prop_assert!(jump < 30.0, "{jump} metres");
            let soon = distance_m(before, track.at(at(when + 0.1)));
            prop_assert!(soon < 60.0, "{soon} metres in a tenth of a second");
        }

        #[test]
        fn legs_put_together_are_the_track(along in 0.0..11e6_f64, step in -3000.0..3000.0_f64, speed in -14.0..14.0_f64) {
            let line = line();
            let mut track = Track::begin(heard(&line, along, 0.0, speed));
            track.go_on(heard(&line, (along + speed * 60.0 + step).max(0.0), 60.0, speed), at(60.0));
            let mut now = at(60.0);
            for _ in 0..12 {
                let leg = track.leg(now);
                let gap = distance_m(leg.from, track.at(now));
                prop_assert!(gap < 1.0, "{gap}");
                if leg.end <= leg.start {
                    prop_assert!(distance_m(leg.from, track.at(now.saturating_add(Duration::from_secs(1_000)))) < 1.0);
                    break;
                }
                let middle = leg.start.saturating_add(leg.end.since(leg.start) / 2);
                let off = distance_m(leg.at(middle), track.at(middle));
                prop_assert!(off < 3_000.0, "{off} metres off in the middle of a leg");
                now = leg.end;
            }
        }
    }

    #[test]
    fn less_than_a_centimetre_a_second_is_a_stand() {
        let line = line();
        let mut track = Track::begin(heard(&line, 9_325_121.763, 0.0, -0.3));
        track.go_on(heard(&line, 9_325_121.583, 60.0, -0.3), at(60.0));
        assert_eq!(track.at(at(120.0)), track.at(at(9_000.0)));
    }

    #[test]
    fn what_stands_at_a_site_does_not_creep() {
        let line = line();
        let standing = Heard { stands: true, ..heard(&line, 1_000.0, 0.0, 9.0) };
        let track = Track::begin(standing);
        assert_eq!(track.at(at(0.0)), track.at(at(9_000.0)));
    }
}
