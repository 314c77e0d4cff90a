//! Lanes as lines on the globe.

use firmware_schemas::quantity::Position;

const EARTH_RADIUS_M: f64 = 6_371_008.8;

type Vector = [f64; 3];

/// A point of a track and the direction of travel there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fix {
    pub(crate) position: Position,
    /// Hundredths of a degree clockwise from north, below 36,000.
    pub(crate) heading_cdeg: u16,
}

/// Great-circle segments from one end of a lane to the other.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    points: Vec<Vector>,
    /// Angle of each segment and the sum up to its start, in radians.
    segments: Vec<(f64, f64)>,
    total: f64,
    start: Position,
}

impl Track {
    /// Through these points in order; at least one.
    pub(crate) fn new(start: Position, rest: impl Iterator<Item = Position>) -> Self {
        let mut points = vec![unit(start)];
        let (mut segments, mut total) = (Vec::new(), 0.0);
        for position in rest {
            let (a, b) = (points[points.len() - 1], unit(position));
            let angle = libm::atan2(length(cross(a, b)), dot(a, b));
            if angle > 1e-9 {
                segments.push((angle, total));
                total += angle;
                points.push(b);
            }
        }
        Self { points, segments, total, start }
    }

    pub(crate) fn length_m(&self) -> f64 {
        self.total * EARTH_RADIUS_M
    }

    /// The point at this share of the way, `aside_m` to the right of it.
    pub(crate) fn at(&self, share: f64, reversed: bool, aside_m: f64) -> Fix {
        let share = if reversed { 1.0 - share } else { share };
        let along = share.clamp(0.0, 1.0) * self.total;
        let segment = self.segments.partition_point(|(_, begins)| *begins <= along).saturating_sub(1);
        let Some(&(angle, begins)) = self.segments.get(segment) else {
            return Fix { position: self.start, heading_cdeg: 0 };
        };
        let (a, b) = (self.points[segment], self.points[segment + 1]);
        let done = (along - begins).min(angle);
        let (sin_left, cos_left) = libm::sincos(angle - done);
        let (sin_done, cos_done) = libm::sincos(done);
        let scale = 1.0 / libm::sin(angle);
        let mut point = combine(a, sin_left * scale, b, sin_done * scale);
        let mut ahead = combine(a, -cos_left * scale, b, cos_done * scale);
        if reversed {
            ahead = ahead.map(|x| -x);
        }
        if aside_m != 0.0 {
            point = combine(point, 1.0, cross(ahead, point), aside_m / EARTH_RADIUS_M);
            let norm = length(point);
            point = point.map(|x| x / norm);
        }
        let [x, y, z] = point;
        let flat = libm::sqrt(x * x + y * y);
        let (east, north) = if flat > 1e-12 {
            let (ex, ey) = (-y / flat, x / flat);
            (ahead[0] * ex + ahead[1] * ey, ahead[2] * flat - z * (ahead[0] * x + ahead[1] * y) / flat)
        } else {
            (0.0, 1.0)
        };
        let heading = libm::atan2(east, north).to_degrees().rem_euclid(360.0);
        let position = Position::from_degrees(
            libm::atan2(z, flat).to_degrees().clamp(-90.0, 90.0),
            libm::atan2(y, x).to_degrees().clamp(-180.0, 180.0),
        );
        Fix { position: position.unwrap_or(self.start), heading_cdeg: (heading * 100.0) as u16 % 36_000 }
    }
}

fn unit(position: Position) -> Vector {
    let (sin_lat, cos_lat) = libm::sincos(position.lat().to_radians());
    let (sin_lon, cos_lon) = libm::sincos(position.lon().to_radians());
    [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat]
}

fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn length(a: Vector) -> f64 {
    libm::sqrt(dot(a, a))
}

fn combine(a: Vector, by_a: f64, b: Vector, by_b: f64) -> Vector {
    [a[0] * by_a + b[0] * by_b, a[1] * by_a + b[1] * by_b, a[2] * by_a + b[2] * by_b]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(lat: f64, lon: f64) -> Position {
        Position::from_degrees(lat, lon).unwrap()
    }

    #[track_caller]
    fn check(fix: Fix, lat: f64, lon: f64, heading: f64) {
        let off = (fix.position.lat() - lat).abs() + (fix.position.lon() - lon).abs();
        assert!(off < 2e-6, "{fix:?}, not {lat}, {lon}");
        let turn = (f64::from(fix.heading_cdeg) / 100.0 - heading).abs();
        assert!(turn.min(360.0 - turn) < 0.05, "{fix:?}, not {heading}°");
    }

    #[test]
    fn a_track_goes_from_its_start_over_its_points_to_its_end() {
        let track = Track::new(place(0.0, 0.0), [place(0.0, 10.0), place(10.0, 10.0)].into_iter());
        assert!((track.length_m() - 2_223_901.0).abs() < 10.0, "{}", track.length_m());
        check(track.at(0.0, false, 0.0), 0.0, 0.0, 90.0);
        check(track.at(0.25, false, 0.0), 0.0, 5.0, 90.0);
        check(track.at(0.75, false, 0.0), 5.0, 10.0, 0.0);
        check(track.at(1.0, false, 0.0), 10.0, 10.0, 0.0);
        check(track.at(0.25, true, 0.0), 5.0, 10.0, 180.0);
        check(track.at(0.25, false, EARTH_RADIUS_M * 0.01), -libm::atan(0.01).to_degrees(), 5.0, 90.0);
        check(track.at(7.0, true, 0.0), 0.0, 0.0, 270.0);
    }

    #[test]
    fn a_track_without_length_is_its_start() {
        let track = Track::new(place(50.0, 8.0), [place(50.0, 8.0)].into_iter());
        assert_eq!(track.length_m(), 0.0);
        check(track.at(0.5, false, 5_000.0), 50.0, 8.0, 0.0);
    }

    #[test]
    fn a_track_crosses_the_date_line_the_short_way() {
        let track = Track::new(place(0.0, 179.0), std::iter::once(place(0.0, -179.0)));
        check(track.at(0.25, false, 0.0), 0.0, 179.5, 90.0);
        check(track.at(0.75, false, 0.0), 0.0, -179.5, 90.0);
    }
}
