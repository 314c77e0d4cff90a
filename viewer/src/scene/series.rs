//! Series as charts: round axes, and a line with its band, in pixels of a frame.

use firmware_schemas::quantity::Timestamp;

/// One point of a series, with what it may be between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeriesPoint {
    /// When.
    pub at: Timestamp,
    /// The value in the middle.
    pub value: f64,
    /// The least.
    pub low: f64,
    /// The most.
    pub high: f64,
}

/// The axes of a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axes {
    /// Left edge.
    pub from: Timestamp,
    /// Right edge; later than the left one.
    pub to: Timestamp,
    /// Lower edge.
    pub min: f64,
    /// Upper edge; greater than the lower one.
    pub max: f64,
}

impl Axes {
    /// Around all points and `levels`, with round edges. `None` without a finite point.
    pub fn around<'a>(points: impl Iterator<Item = &'a SeriesPoint>, levels: &[f64]) -> Option<Self> {
        let mut axes: Option<Self> = None;
        for point in points.filter(|point| point.low.is_finite() && point.high.is_finite() && point.value.is_finite()) {
            let (low, high) = (point.low.min(point.value), point.high.max(point.value));
            let so_far = axes.get_or_insert(Self { from: point.at, to: point.at, min: low, max: high });
            so_far.from = so_far.from.min(point.at);
            so_far.to = so_far.to.max(point.at);
            so_far.min = so_far.min.min(low);
            so_far.max = so_far.max.max(high);
        }
        let mut axes = axes?;
        for level in levels.iter().filter(|level| level.is_finite()) {
            axes.min = axes.min.min(*level);
            axes.max = axes.max.max(*level);
        }
        if axes.to <= axes.from {
            axes.to = axes.from.saturating_add(std::time::Duration::from_secs(1));
        }
        let step = round_step((axes.max - axes.min).max(axes.max.abs() * 1e-3).max(1e-6) / 3.0);
        axes.min = (axes.min / step).floor() * step;
        axes.max = (axes.max / step).ceil() * step;
        if axes.max <= axes.min {
            axes.max = axes.min + step;
        }
        Some(axes)
    }

    /// Where a moment is, from 0 at the left edge to 1 at the right one.
    pub fn x(&self, at: Timestamp) -> f64 {
        (at.as_nanos() - self.from.as_nanos()) as f64 / (self.to.as_nanos() - self.from.as_nanos()) as f64
    }

    /// Where a value is, from 0 at the lower edge to 1 at the upper one.
    pub fn y(&self, value: f64) -> f64 {
        (value - self.min) / (self.max - self.min)
    }

    /// The moment at a share of the width.
    pub fn at(&self, x: f64) -> Timestamp {
        let span = (self.to.as_nanos() - self.from.as_nanos()) as f64;
        Timestamp::from_nanos(self.from.as_nanos() + (x.clamp(0.0, 1.0) * span) as i64)
    }

    /// Round values for lines across: three to seven of them.
    pub fn levels(&self) -> Vec<f64> {
        let step = round_step((self.max - self.min) / 3.0);
        let n = ((self.max - self.min) / step).round().clamp(1.0, 12.0) as i32;
        (0..=n).map(|nth| self.min + f64::from(nth) * step).collect()
    }
}

/// 1, 2 or 5 times a power of ten, at most `step`.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    match step / power {
        share if share >= 5.0 => 5.0 * power,
        share if share >= 2.0 => 2.0 * power,
        _ => power,
    }
}

/// The point nearest to a moment; points are by time.
pub fn nearest(points: &[SeriesPoint], at: Timestamp) -> Option<&SeriesPoint> {
    let after = points.partition_point(|point| point.at < at);
    let candidates = [after.checked_sub(1), Some(after)].into_iter().flatten().filter_map(|nth| points.get(nth));
    candidates.min_by_key(|point| (point.at.as_nanos() - at.as_nanos()).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(secs: i64, value: f64) -> SeriesPoint {
        SeriesPoint { at: Timestamp::from_secs(secs).unwrap(), value, low: value - 1.0, high: value + 1.0 }
    }

    proptest! {
        #[test]
        fn axes_hold_every_point_and_their_levels(values in prop::collection::vec(-1e6..1e6_f64, 1..60)) {
            let points: Vec<_> = values.iter().enumerate().map(|(n, value)| point(n as i64 * 60, *value)).collect();
            let axes = Axes::around(points.iter(), &[]).unwrap();
            for point in &points {
                prop_assert!((-1e-9..=1.0 + 1e-9).contains(&axes.x(point.at)));
                prop_assert!(axes.y(point.low) >= -1e-9 && axes.y(point.high) <= 1.0 + 1e-9);
            }
            let levels = axes.levels();
            prop_assert!((2..=13).contains(&levels.len()), "{:?}", levels);
            prop_assert!(levels.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn what_is_not_a_number_has_no_axes() {
        assert_eq!(Axes::around([point(0, f64::NAN)].iter(), &[]), None);
        assert_eq!(Axes::around([].iter(), &[1.0]), None);
    }

    #[test]
    fn the_nearest_point_is_on_either_side() {
        let points = [point(0, 0.0), point(100, 1.0)];
        let at = |secs| nearest(&points, Timestamp::from_secs(secs).unwrap()).unwrap().value;
        assert_eq!((at(-5), at(49), at(51), at(900)), (0.0, 0.0, 1.0, 1.0));
    }
}
