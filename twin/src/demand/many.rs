//! Demand of many intermittent series learned together: boosted trees on what each has done lately.

use super::boost::{Boosted, Growth};
use super::intermittent as it;
use super::series::{mean, median};

/// Trees that say the mean demand of the horizon, in units of the size of a series' steps.
#[derive(Clone, Debug)]
pub(super) struct Many {
    model: Boosted,
}

/// Periods that must be known before the first row.
const PAST_MIN: usize = 12;

/// The root of the mean squared step.
fn unit(y: &[f64]) -> f64 {
    let steps: Vec<f64> = y.windows(2).map(|pair| (pair[1] - pair[0]) * (pair[1] - pair[0])).collect();
    mean(&steps).sqrt()
}

fn features(y: &[f64], unit: f64, course: &[f64]) -> Vec<f64> {
    let n = y.len();
    let recent = |width: usize| &y[n.saturating_sub(width)..];
    let happened =
        |width: usize| mean(&recent(width).iter().map(|v| f64::from(u8::from(*v != 0.0))).collect::<Vec<_>>());
    let mut last = recent(13).to_vec();
    let since = y.iter().rev().take_while(|v| **v == 0.0).count() as f64;
    let top = y.iter().copied().fold(0.0, f64::max);
    let c = |width: usize| mean(&course[n.min(course.len()).saturating_sub(width)..n.min(course.len())]);
    vec![
        mean(recent(2)) / unit,
        mean(recent(4)) / unit,
        mean(recent(8)) / unit,
        mean(recent(16)) / unit,
        mean(y) / unit,
        it::imapa(y) / unit,
        median(&mut last).unwrap_or(0.0) / unit,
        happened(4),
        happened(13),
        happened(n),
        since,
        top / unit,
        c(3) / c(10).max(1e-9),
        c(4) / c(n).max(1e-9),
    ]
}

const GROWTH: Growth = Growth { trees: 60, depth: 3, rate: 0.1, leaf_min: 40.0, penalty: 5.0 };
const ROWS_MIN: usize = 200;

impl Many {
    /// Learns from every period of the past after which a whole horizon is known.
    ///
    /// `root` makes the root mean squared error of a series small, else its square. `None` where less than a
    /// `year` and a horizon is known: then season and behaviour cannot be told apart.
    pub(super) fn fit(series: &[&[f64]], horizon: usize, year: usize, course: &[f64], root: bool) -> Option<Self> {
        if horizon == 0 || course.len() < year + horizon {
            return None;
        }
        let (mut x, mut rows, mut width) = (Vec::new(), Vec::new(), 0);
        for y in series {
            let offset = course.len() - y.len().min(course.len());
            for end in PAST_MIN..=y.len().saturating_sub(horizon) {
                let (past, next) = (&y[..end], &y[end..end + horizon]);
                let unit = unit(past);
                if unit <= 0.0 {
                    continue;
                }
                let seen = features(past, unit, &course[offset..]);
                width = seen.len();
                x.extend(seen);
                let level = mean(next) / unit;
                let squares: Vec<f64> = next.iter().map(|v| (v / unit - level) * (v / unit - level)).collect();
                rows.push((level, mean(&squares)));
            }
        }
        if rows.len() < ROWS_MIN {
            return None;
        }
        let base = mean(&rows.iter().map(|(level, _)| level.min(3.0)).collect::<Vec<_>>());
        let derivatives = |row: usize, value: f64| {
            let (level, spread): (f64, f64) = rows[row];
            let error = value - level;
            let size = if root { (spread + error * error + 0.01).sqrt() } else { 1.0 };
            (error / size, 1.0 / size)
        };
        Some(Self { model: Boosted::fit(&x, width, base, GROWTH, &derivatives) })
    }

    /// The mean demand of a period over the horizon.
    pub(super) fn forecast(&self, y: &[f64], course: &[f64]) -> f64 {
        let unit = unit(y);
        if unit <= 0.0 {
            return it::imapa(y);
        }
        let offset = course.len() - y.len().min(course.len());
        (unit * self.model.predict(&features(y, unit, &course[offset..]))).max(0.0)
    }
}
