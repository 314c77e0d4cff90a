//! What many series have in common through the year, found by looking at them all at once.

use super::maths::{exp, ln};
use super::series::{mean, median};
use super::smooth;

/// The common yearly pattern of a panel whose series all end in the same period.
#[derive(Clone, Debug)]
pub(super) struct YearPattern {
    /// Newest last: the pattern in the past, as long as the longest series.
    past: Vec<f64>,
    /// The pattern in the periods to come.
    future: Vec<f64>,
}

impl YearPattern {
    /// From seasonally adjusted `series`, aligned at their ends, with `year` periods to a year.
    ///
    /// In each period the middle deviation of the series from their means; the mean over years; drawn towards zero by
    /// how little one year says about the next. `None` if less than a year and a horizon is known, or nothing repeats.
    pub(super) fn find(series: &[&[f64]], year: usize, horizon: usize) -> Option<Self> {
        let longest = series.iter().map(|z| z.len()).max()?;
        if year == 0 || longest < year + horizon.max(year / 4) || horizon > year {
            return None;
        }
        let mut common = Vec::with_capacity(longest);
        let means: Vec<f64> = series.iter().map(|z| mean(z)).collect();
        let mut deviations = Vec::new();
        for back in (1..=longest).rev() {
            deviations.clear();
            let seen = series.iter().zip(&means).filter(|(z, _)| z.len() >= back);
            deviations.extend(seen.map(|(z, mean)| z[z.len() - back] - mean));
            common.push(median(&mut deviations).unwrap_or(0.0));
        }
        // How much of a year's deviations was there in the year before.
        let (mut together, mut power) = (0.0, 0.0);
        let (now, then) = (&common[year..], &common[..longest - year]);
        let (centre_now, centre_then) = (mean(now), mean(then));
        for (a, b) in now.iter().zip(then) {
            together += (a - centre_now) * (b - centre_then);
            power += (b - centre_then) * (b - centre_then);
        }
        let kept = if power > 0.0 { (together / power).clamp(0.0, 1.0) } else { 0.0 };
        if kept < 0.1 {
            return None;
        }
        let pattern: Vec<f64> = (0..year)
            .map(|phase| {
                // Phase 0 is the first period to come.
                let offset = (longest + phase) % year;
                let seen: Vec<f64> = common.iter().skip(offset).step_by(year).copied().collect();
                kept * mean(&seen)
            })
            .collect();
        let centre = mean(&pattern);
        let at = |period: usize| pattern[(period + year - longest % year) % year] - centre;
        Some(Self { past: (0..longest).map(at).collect(), future: (longest..longest + horizon).map(at).collect() })
    }

    /// `z` (ending now) without the pattern.
    pub(super) fn remove(&self, z: &[f64]) -> Vec<f64> {
        let skip = self.past.len() - z.len().min(self.past.len());
        z.iter().zip(&self.past[skip..]).map(|(value, by)| value - by).collect()
    }

    /// Puts the pattern back into a forecast.
    pub(super) fn restore(&self, forecast: &mut [f64]) {
        for (value, by) in forecast.iter_mut().zip(&self.future) {
            *value += by;
        }
    }
}

/// The common course of a panel of intermittent series that all end in the same period, and where it goes.
#[derive(Clone, Debug)]
pub(super) struct CommonCourse {
    /// Newest last, about 1.
    past: Vec<f64>,
    future: Vec<f64>,
}

/// More than this times its own mean counts as this for a series, so that no single order moves the course.
const SHARE_MAX: f64 = 3.0;

impl CommonCourse {
    /// The mean over series of demand over the series' own mean, by period, forecast by smoothing of its logarithm.
    ///
    /// `None` with fewer than eight periods or ten series.
    pub(super) fn find(series: &[&[f64]], horizon: usize) -> Option<Self> {
        let longest = series.iter().map(|z| z.len()).max()?;
        if series.len() < 10 || longest < 8 {
            return None;
        }
        let means: Vec<f64> = series.iter().map(|z| mean(z)).collect();
        let mut past = Vec::with_capacity(longest);
        for back in (1..=longest).rev() {
            let seen: Vec<f64> = series
                .iter()
                .zip(&means)
                .filter(|(z, mean)| z.len() >= back && **mean > 0.0)
                .map(|(z, mean)| (z[z.len() - back] / mean).min(SHARE_MAX))
                .collect();
            past.push(mean(&seen).max(0.05));
        }
        let log: Vec<f64> = past.iter().map(|value| ln(*value)).collect();
        let about_a_line = smooth::about_a_line(&log, &[0.0, 0.25, 0.5]).concat();
        let damped = smooth::damped_trend(&log, &[0.8, 0.9, 0.95]);
        let (one, _) = smooth::average(&about_a_line, longest, horizon);
        let (other, _) = smooth::average(&damped, longest, horizon);
        let future = one.iter().zip(&other).map(|(a, b)| exp(0.5 * (a + b))).collect();
        Some(Self { past, future })
    }

    pub(super) fn past(&self) -> &[f64] {
        &self.past
    }

    pub(super) fn future(&self) -> &[f64] {
        &self.future
    }

    /// `y` relative to the course.
    pub(super) fn remove(&self, y: &[f64]) -> Vec<f64> {
        let skip = self.past.len() - y.len().min(self.past.len());
        y.iter().zip(&self.past[skip..]).map(|(value, by)| value / by).collect()
    }
}
