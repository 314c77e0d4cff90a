//! How far it is from one location to another, and how long it takes.

use crate::LatLon;

/// How a length that is no whole number becomes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the next lower whole number (DIMACS, with coordinates in tenths).
    Down,
    /// To the nearest, halves up: `floor(x + 0.5)` (TSPLIB).
    Nearest,
    /// To the next higher whole number.
    Up,
}

/// A duration as a share of a distance: `distance * numerator / denominator`, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Units of time that `denominator` units of distance take.
    pub numerator: u32,
    /// Not 0.
    pub denominator: u32,
}

impl Pace {
    /// A unit of time for a unit of distance.
    pub const UNIT: Self = Self { numerator: 1, denominator: 1 };

    fn duration(self, distance: i64) -> i64 {
        if self.numerator == self.denominator {
            return distance;
        }
        (distance * i64::from(self.numerator)).div_ceil_positive(i64::from(self.denominator))
    }
}

/// `i64::div_ceil` is not stable; both sides are known to be at least 0 here.
trait DivCeil {
    fn div_ceil_positive(self, by: i64) -> i64;
}

impl DivCeil for i64 {
    fn div_ceil_positive(self, by: i64) -> i64 {
        (self + by - 1) / by
    }
}

/// Travel between locations, which are numbers from 0.
///
/// All but `Matrix` are worked out when asked for and take no memory beyond the points.
#[derive(Clone, Debug, PartialEq)]
pub enum Travel {
    /// Row by row, `n * n` entries, each in `0..=MAX_ENTRY` or [`NO_WAY`].
    Matrix {
        /// Number of locations.
        n: usize,
        /// Distance from row to column.
        distance: Vec<i64>,
        /// Time from row to column; `None`: as the distance.
        duration: Option<Vec<i64>>,
    },
    /// Straight lines between points of whole coordinates, each within ±[`MAX_COORDINATE`].
    Plane {
        /// x and y, in units of distance.
        points: Vec<[i64; 2]>,
        /// What becomes of the fraction.
        rounding: Rounding,
        /// Time for a distance.
        pace: Pace,
    },
    /// Great circles in metres; see [`crate::distance_m`].
    Sphere {
        /// Where each location lies.
        points: Vec<LatLon>,
        /// Time for a distance.
        pace: Pace,
    },
}

/// The greatest distance or duration between two locations.
pub const MAX_ENTRY: i64 = 1_000_000_000;

/// The greatest coordinate of a plane: squares of lengths stay exact in a double.
pub const MAX_COORDINATE: i64 = 8_000_000;

/// A matrix entry that says there is no way.
pub const NO_WAY: i64 = i64::MAX;

impl Travel {
    /// Number of locations.
    pub fn n_locations(&self) -> usize {
        match self {
            Self::Matrix { n, .. } => *n,
            Self::Plane { points, .. } => points.len(),
            Self::Sphere { points, .. } => points.len(),
        }
    }

    /// Distance from one location to another, [`NO_WAY`] if there is none.
    #[inline]
    pub fn distance(&self, from: usize, to: usize) -> i64 {
        match self {
            Self::Matrix { n, distance, .. } => distance[from * n + to],
            Self::Plane { points, rounding, .. } => length(points[from], points[to], *rounding),
            Self::Sphere { points, .. } => crate::distance_m(points[from], points[to]) as i64,
        }
    }

    /// Time from one location to another, [`NO_WAY`] if there is none.
    #[inline]
    pub fn duration(&self, from: usize, to: usize) -> i64 {
        match self {
            Self::Matrix { n, duration: Some(duration), .. } => duration[from * n + to],
            Self::Matrix { duration: None, .. } => self.distance(from, to),
            Self::Plane { pace, .. } | Self::Sphere { pace, .. } => pace.duration(self.distance(from, to)),
        }
    }

    /// Whether time and distance are the same number everywhere.
    pub fn time_is_distance(&self) -> bool {
        match self {
            Self::Matrix { distance, duration, .. } => duration.as_ref().is_none_or(|d| d == distance),
            Self::Plane { pace, .. } | Self::Sphere { pace, .. } => pace.numerator == pace.denominator,
        }
    }

    /// Whether the way back is as long as the way there, everywhere.
    pub fn is_symmetric(&self) -> bool {
        match self {
            Self::Matrix { n, distance, duration } => {
                let even = |m: &[i64]| (0..*n).all(|i| (0..i).all(|j| m[i * n + j] == m[j * n + i]));
                even(distance) && duration.as_ref().is_none_or(|d| even(d))
            }
            Self::Plane { .. } | Self::Sphere { .. } => true,
        }
    }
}

fn length(a: [i64; 2], b: [i64; 2], rounding: Rounding) -> i64 {
    straight(a.map(|x| x as f64), b.map(|x| x as f64), rounding)
}

/// Between points of whole coordinates. The square is a whole number below 2^50, so its root in a double lies on the right
/// side of every half: the nearest square of a half differs by at least 1/4, which moves the root by more than its rounding.
#[inline(always)]
pub(crate) fn straight(a: [f64; 2], b: [f64; 2], rounding: Rounding) -> i64 {
    let (dx, dy) = (a[0] - b[0], a[1] - b[1]);
    let root = (dx * dx + dy * dy).sqrt();
    match rounding {
        Rounding::Down => root as i64,
        Rounding::Nearest => (root + 0.5) as i64,
        Rounding::Up => root.ceil() as i64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rounding: Rounding, to: [i64; 2], expected: i64) {
        let travel = Travel::Plane { points: vec![[0, 0], to], rounding, pace: Pace::UNIT };
        assert_eq!(travel.distance(0, 1), expected, "{rounding:?} to {to:?}");
    }

    #[test]
    fn lengths_are_rounded_as_stated() {
        check(Rounding::Nearest, [3, 4], 5);
        check(Rounding::Nearest, [1, 1], 1);
        check(Rounding::Nearest, [2, 2], 3);
        check(Rounding::Down, [2, 2], 2);
        check(Rounding::Up, [1, 1], 2);
        check(Rounding::Up, [3, 4], 5);
    }

    #[test]
    fn roots_are_exact_at_the_edge_of_the_plane() {
        // k² + k lies just below (k + 1/2)², k² + k + 1 just above it.
        for k in [1_i64, 1_000, 4_000_000, 7_999_999] {
            let root = |square: i64| ((square as f64).sqrt() + 0.5) as i64;
            assert_eq!((root(k * k + k), root(k * k + k + 1)), (k, k + 1), "at {k}");
        }
    }

    #[test]
    fn durations_follow_the_pace_and_round_up() {
        let pace = Pace { numerator: 2, denominator: 3 };
        let travel = Travel::Plane { points: vec![[0, 0], [10, 0]], rounding: Rounding::Nearest, pace };
        assert_eq!(travel.duration(0, 1), 7);
    }
}
