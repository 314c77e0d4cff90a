//! Great circles: distances, points along a line, and how far off the line something is.
//!
//! The earth is taken as a sphere of [`EARTH_RADIUS_M`], which is within 0.56 % of the ellipsoid of WGS 84
//! everywhere. Points are turned into unit vectors (Gade, "A Non-singular Horizontal Position
//! Representation", 2010), so that the poles and the date line need no special case.

/// The mean radius R₁ of the earth, in metres (Moritz, "Geodetic Reference System 1980", IUGG).
pub const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// A place on the earth, in degrees north and east.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatLon {
    /// Degrees north, -90 to 90.
    pub lat: f64,
    /// Degrees east, -180 to 180.
    pub lon: f64,
}

/// The great-circle distance, rounded to a metre.
pub fn distance_m(a: LatLon, b: LatLon) -> u64 {
    metres(haversine(a, b))
}

/// The angle between two places, in radians, by the haversine formula (Sinnott, "Virtues of the Haversine",
/// 1984): exact also for places that lie close together.
fn haversine(a: LatLon, b: LatLon) -> f64 {
    let half_lat = ((b.lat - a.lat).to_radians() / 2.0).sin();
    let half_lon = ((b.lon - a.lon).to_radians() / 2.0).sin();
    let h = half_lat * half_lat + a.lat.to_radians().cos() * b.lat.to_radians().cos() * half_lon * half_lon;
    2.0 * h.clamp(0.0, 1.0).sqrt().asin()
}

fn metres(angle: f64) -> u64 {
    (angle * EARTH_RADIUS_M).round() as u64
}

/// A unit vector from the earth's centre: x to (0°, 0°), y to (0°, 90° E), z to the north pole.
#[derive(Clone, Copy, Debug)]
struct Direction([f64; 3]);

impl Direction {
    fn of(place: LatLon) -> Self {
        let (sin_lat, cos_lat) = place.lat.to_radians().sin_cos();
        let (sin_lon, cos_lon) = place.lon.to_radians().sin_cos();
        Self([cos_lat * cos_lon, cos_lat * sin_lon, sin_lat])
    }

    fn place(self) -> LatLon {
        let Self([x, y, z]) = self;
        LatLon { lat: z.atan2(x.hypot(y)).to_degrees(), lon: y.atan2(x).to_degrees() }
    }

    fn dot(self, other: Self) -> f64 {
        let (Self([a, b, c]), Self([x, y, z])) = (self, other);
        a * x + b * y + c * z
    }

    /// Perpendicular to both; its length is the sine of the angle between them.
    fn cross(self, other: Self) -> Self {
        let (Self([a, b, c]), Self([x, y, z])) = (self, other);
        Self([b * z - c * y, c * x - a * z, a * y - b * x])
    }

    fn length(self) -> f64 {
        self.dot(self).sqrt()
    }

    fn angle_to(self, other: Self) -> f64 {
        self.cross(other).length().atan2(self.dot(other))
    }

    fn scaled(self, by: f64) -> Self {
        Self(self.0.map(|coordinate| coordinate * by))
    }

    fn plus(self, other: Self) -> Self {
        let (Self([a, b, c]), Self([x, y, z])) = (self, other);
        Self([a + x, b + y, c + z])
    }
}

/// Where a [`Polyline`] comes nearest to a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// From the place to the line, in metres: the cross-track distance, or the distance to an end.
    pub distance_m: u64,
    /// Where on the line, from 0 at its start to 1 at its end.
    pub fraction: f64,
    /// That point.
    pub place: LatLon,
}

/// A line of great-circle arcs through given points, in order.
///
/// Invariant: at least one point. Two points exactly opposite each other have no shortest arc; one is chosen.
#[derive(Clone, Debug)]
pub struct Polyline {
    points: Vec<Direction>,
    /// Angle from the start to each point, in radians.
    angles: Vec<f64>,
}

impl Polyline {
    /// Through `points`; `None` if there is none, or one is not a finite number.
    pub fn new(points: &[LatLon]) -> Option<Self> {
        if points.is_empty() || points.iter().any(|p| !p.lat.is_finite() || !p.lon.is_finite()) {
            return None;
        }
        let directions: Vec<_> = points.iter().map(|place| Direction::of(*place)).collect();
        let mut angles = vec![0.0];
        let mut sum = 0.0;
        for pair in points.windows(2) {
            sum += haversine(pair[0], pair[1]);
            angles.push(sum);
        }
        Some(Self { points: directions, angles })
    }

    /// Its whole length, rounded to a metre.
    pub fn length_m(&self) -> u64 {
        metres(self.angle())
    }

    fn angle(&self) -> f64 {
        self.angles.last().copied().unwrap_or(0.0)
    }

    /// The point at `fraction` of the length; below 0 (and for NaN) the start, above 1 the end.
    pub fn at(&self, fraction: f64) -> LatLon {
        let wanted = if fraction > 0.0 { fraction.min(1.0) * self.angle() } else { 0.0 };
        let after = self.angles.partition_point(|angle| *angle < wanted);
        if after == 0 {
            return self.points[0].place();
        }
        let (start, end) = (after - 1, after.min(self.points.len() - 1));
        let span = self.angles[end] - self.angles[start];
        let part = if span > 0.0 { (wanted - self.angles[start]) / span } else { 0.0 };
        between(self.points[start], self.points[end], part).place()
    }

    /// Where the line comes nearest to `place`; of points equally near, the first. O(number of points).
    pub fn nearest(&self, place: LatLon) -> Nearest {
        let p = Direction::of(place);
        let mut best = (p.angle_to(self.points[0]), 0.0, self.points[0]);
        for (i, pair) in self.points.windows(2).enumerate() {
            let (from, to) = (pair[0], pair[1]);
            let (distance, along, point) = nearest_on_arc(from, to, p);
            if distance < best.0 {
                best = (distance, self.angles[i] + along, point);
            }
        }
        let (distance, along, point) = best;
        let fraction = if self.angle() > 0.0 { (along / self.angle()).clamp(0.0, 1.0) } else { 0.0 };
        Nearest { distance_m: metres(distance), fraction, place: point.place() }
    }
}

/// The point of the arc `from`–`to` nearest to `p`: its angle from `p`, its angle from `from`, itself.
fn nearest_on_arc(from: Direction, to: Direction, p: Direction) -> (f64, f64, Direction) {
    let normal = from.cross(to);
    let length = normal.length();
    if length > 1e-15 {
        let pole = normal.scaled(1.0 / length);
        // `p` laid down onto the plane of the arc.
        let foot = p.plus(pole.scaled(-p.dot(pole)));
        let foot_length = foot.length();
        if foot_length > 1e-15 {
            let foot = foot.scaled(1.0 / foot_length);
            let inside = pole.dot(from.cross(foot)) >= 0.0 && pole.dot(foot.cross(to)) >= 0.0;
            if inside {
                return (p.angle_to(foot), from.angle_to(foot), foot);
            }
        }
    }
    let (to_start, to_end) = (p.angle_to(from), p.angle_to(to));
    if to_start <= to_end { (to_start, 0.0, from) } else { (to_end, from.angle_to(to), to) }
}

/// The point at `part` (0 to 1) of the arc, by spherical linear interpolation.
fn between(from: Direction, to: Direction, part: f64) -> Direction {
    let angle = from.angle_to(to);
    let sine = angle.sin();
    if sine < 1e-12 {
        // Together, or opposite each other: there any way is shortest, and we take the one over `side`.
        if angle < 1.0 {
            return from;
        }
        let axis = if from.0[2].abs() < 0.9 { Direction([0.0, 0.0, 1.0]) } else { Direction([1.0, 0.0, 0.0]) };
        let side = axis.plus(from.scaled(-axis.dot(from)));
        let side = side.scaled(1.0 / side.length());
        return from.scaled((part * angle).cos()).plus(side.scaled((part * angle).sin()));
    }
    let (a, b) = (((1.0 - part) * angle).sin() / sine, (part * angle).sin() / sine);
    from.scaled(a).plus(to.scaled(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn at(lat: f64, lon: f64) -> LatLon {
        LatLon { lat, lon }
    }

    #[track_caller]
    fn check(a: LatLon, b: LatLon, expected_m: u64) {
        assert_eq!(distance_m(a, b), expected_m, "{a:?} to {b:?}");
    }

    #[test]
    fn distances_are_those_of_the_sphere() {
        // A quarter and a half of the circumference 2πR.
        check(at(0.0, 0.0), at(0.0, 90.0), 10_007_557);
        check(at(0.0, 0.0), at(0.0, 180.0), 20_015_114);
        check(at(90.0, 0.0), at(-90.0, 77.0), 20_015_114);
        check(at(51.5, 0.1), at(51.5, 0.1), 0);
        // Over the date line: two degrees of the equator.
        check(at(0.0, 179.0), at(0.0, -179.0), 222_390);
    }

    #[test]
    fn a_point_is_found_at_its_share_of_the_way() {
        let line = Polyline::new(&[at(0.0, 170.0), at(0.0, -170.0), at(10.0, -170.0)]).unwrap();
        let near = |place: LatLon, lat: f64, lon: f64| distance_m(place, at(lat, lon)) <= 1;
        assert!(near(line.at(0.0), 0.0, 170.0), "{:?}", line.at(0.0));
        assert!(near(line.at(1.0 / 3.0), 0.0, 180.0), "{:?}", line.at(1.0 / 3.0));
        assert!(near(line.at(5.0 / 6.0), 5.0, -170.0), "{:?}", line.at(5.0 / 6.0));
        assert!(near(line.at(f64::NAN), 0.0, 170.0) && near(line.at(7.0), 10.0, -170.0));
        assert_eq!(line.length_m(), 3_335_852);
    }

    #[test]
    fn opposite_points_are_joined_by_one_of_the_shortest_ways() {
        for (from, to) in [(at(0.0, 0.0), at(0.0, 180.0)), (at(90.0, 0.0), at(-90.0, 0.0))] {
            let line = Polyline::new(&[from, to]).unwrap();
            let middle = line.at(0.5);
            assert!(distance_m(from, middle).abs_diff(distance_m(middle, to)) <= 1, "{middle:?}");
        }
    }

    #[test]
    fn off_the_lane_is_measured_across_it_and_past_its_ends_to_the_end() {
        let line = Polyline::new(&[at(0.0, 0.0), at(0.0, 10.0)]).unwrap();
        let nearest = line.nearest(at(1.0, 2.5));
        assert_eq!(nearest.distance_m, 111_195); // one degree
        assert!((nearest.fraction - 0.25).abs() < 1e-9, "{nearest:?}");
        assert_eq!(line.nearest(at(0.0, -1.0)).distance_m, 111_195);
        assert_eq!(line.nearest(at(0.0, 12.0)).fraction, 1.0);
        let one_point = Polyline::new(&[at(0.0, 0.0)]).unwrap();
        assert_eq!(one_point.nearest(at(0.0, 1.0)).distance_m, 111_195);
        assert!(Polyline::new(&[]).is_none() && Polyline::new(&[at(f64::NAN, 0.0)]).is_none());
    }

    fn any_place() -> impl Strategy<Value = LatLon> {
        (-90.0..=90.0_f64, -180.0..=180.0_f64).prop_map(|(lat, lon)| LatLon { lat, lon })
    }

    proptest! {
        #[test]
        fn no_detour_is_shorter(a in any_place(), b in any_place(), c in any_place()) {
            prop_assert!(distance_m(a, c) <= distance_m(a, b) + distance_m(b, c) + 1); // 1 m of rounding
            prop_assert_eq!(distance_m(a, b), distance_m(b, a));
        }

        #[test]
        fn a_point_of_the_line_is_on_the_line(places in prop::collection::vec(any_place(), 1..6), part in 0.0..=1.0_f64) {
            let line = Polyline::new(&places).unwrap();
            let point = line.at(part);
            prop_assert!(line.nearest(point).distance_m <= 1, "{:?} {:?}", point, line.nearest(point));
        }

        #[test]
        fn nothing_on_the_line_is_nearer_than_the_nearest(
            places in prop::collection::vec(any_place(), 1..6), p in any_place(), part in 0.0..=1.0_f64,
        ) {
            let line = Polyline::new(&places).unwrap();
            let nearest = line.nearest(p);
            prop_assert!(nearest.distance_m <= distance_m(p, line.at(part)) + 1);
            prop_assert!(nearest.distance_m.abs_diff(distance_m(p, nearest.place)) <= 1);
            prop_assert!(distance_m(line.at(nearest.fraction), nearest.place) <= 2);
        }
    }
}
