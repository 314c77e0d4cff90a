//! One LSTM for all series of a panel: what a window of each, about its level and in units of its steps, lets expect.

use super::lstm::{Error, LANES, Lanes, Network, Part, Random, Shape, Training};
use super::members::Family;
use super::plan::Calendar;
use super::series::mean;

/// What the network sees of a series, and how it is trained.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// Periods that it looks back.
    pub periods: usize,
    /// Periods whose mean is the level that a window is taken about.
    pub level: usize,
    /// Periods after which the calendar repeats; each gives a sine and a cosine. 0 is none.
    pub seasons: [usize; 2],
    /// Demand that is often zero: the unit is the root of the mean squared step, and what is made small a root as well.
    pub irregular: bool,
    /// Cells.
    pub hidden: usize,
    /// Steps of training.
    pub steps: usize,
}

/// A network that has seen a panel.
#[derive(Clone, Debug)]
pub(super) struct Recurrent {
    network: Network,
    sight: Sight,
    horizon: usize,
}

/// Times eight are the windows in a batch.
const PARTS: usize = 4;
const RATE: f32 = 0.01;
/// Of the first weights and of the windows that are drawn.
const SEED: u64 = 0x706f_7274_6f6c_616e;
/// Beyond this many units a value is cut, so that no single one leads.
const VALUE_MAX: f64 = 12.0;
/// With fewer windows nothing is learned.
const WINDOWS_MIN: usize = 200;

/// What a series' values are measured in; `None` where nothing ever moved.
fn unit(z: &[f64], irregular: bool) -> Option<f64> {
    let steps: Vec<f64> = z.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let size =
        if irregular { mean(&steps.iter().map(|step| step * step).collect::<Vec<_>>()).sqrt() } else { mean(&steps) };
    Some(size).filter(|size| size.is_normal())
}

impl Sight {
    /// What did best in windows of the training parts of the open sets. Without a `year` and a horizon there is no yearly calendar.
    pub(super) fn of(family: Family, calendar: Calendar, year: bool) -> Self {
        let irregular = family == Family::Irregular;
        let (periods, level, hidden, steps) = match (family, calendar) {
            (Family::Irregular, _) => (12, 8, 8, 300),
            (_, Calendar::Days) => (28, 28, 16, 600),
            (_, Calendar::Weeks) => (26, 1, 24, 1_500),
            (_, Calendar::Months) => (24, 1, 16, 2_000),
            (_, Calendar::Quarters) => (8, 1, 16, 600),
        };
        let yearly = if year { calendar.year() } else { 0 };
        let seasons = match (family, calendar) {
            (Family::Regular, Calendar::Days) => [calendar.season(), yearly],
            (Family::Irregular, Calendar::Months) => [yearly, 0],
            _ => [0, 0],
        };
        Self { periods, level, seasons, irregular, hidden, steps }
    }

    fn inputs(self) -> usize {
        2 + 2 * self.seasons.iter().filter(|season| **season > 0).count()
    }

    /// The level at the end of `seen`.
    fn level(self, seen: &[f64]) -> f64 {
        mean(&seen[seen.len().saturating_sub(self.level.max(1))..])
    }

    /// Puts the window that ends with `seen`, `ago` periods before now, into lane `lane`.
    fn write(self, seen: &[f64], ago: usize, level: f64, unit: f64, lane: usize, into: &mut [Lanes]) {
        let (n, width) = (seen.len(), self.inputs());
        for (period, row) in into.chunks_exact_mut(width).enumerate() {
            let back = self.periods - period;
            let known = back <= n;
            let value = if known { ((seen[n - back] - level) / unit).clamp(-VALUE_MAX, VALUE_MAX) } else { 0.0 };
            row[0][lane] = value as f32;
            row[1][lane] = if known { 1.0 } else { 0.0 };
            for (at, season) in self.seasons.iter().filter(|season| **season > 0).enumerate() {
                let phase = ((ago + back - 1) % season) as f64 / *season as f64 * core::f64::consts::TAU;
                row[2 + 2 * at][lane] = libm::sin(phase) as f32;
                row[3 + 2 * at][lane] = libm::cos(phase) as f32;
            }
        }
    }

    fn blank(self) -> Vec<Lanes> {
        vec![[0.0; LANES]; self.periods * self.inputs()]
    }
}

impl Recurrent {
    /// Learns from all windows of `series` (as the methods see them) after which a whole horizon is known.
    ///
    /// `None` where there are too few. The time that it takes does not depend on how many series there are.
    pub(super) fn fit(series: &[&[f64]], horizon: usize, sight: Sight, threads: usize) -> Option<Self> {
        let past_min = (sight.periods / 2).max(4);
        let mut usable: Vec<(&[f64], f64)> = Vec::new();
        let mut n_windows = 0;
        for z in series {
            let ends = (z.len() + 1).saturating_sub(past_min + horizon);
            if let (true, Some(unit)) = (ends > 0 && horizon > 0, unit(z, sight.irregular)) {
                usable.push((z, unit));
                n_windows += ends;
            }
        }
        if n_windows < WINDOWS_MIN {
            return None;
        }
        let draw = |random: &mut Random| {
            let mut part = Part { inputs: sight.blank(), targets: vec![[0.0; LANES]; horizon], counts: [1.0; LANES] };
            for lane in 0..LANES {
                let (z, whole) = usable[random.below(usable.len())];
                let end = past_min + random.below(z.len() + 1 - past_min - horizon);
                let seen = &z[..end];
                let unit = if sight.irregular { unit(seen, true).unwrap_or(whole) } else { whole };
                let level = sight.level(seen);
                sight.write(seen, z.len() - end, level, unit, lane, &mut part.inputs);
                for (target, value) in part.targets.iter_mut().zip(&z[end..end + horizon]) {
                    target[lane] = ((value - level) / unit).clamp(-2.0 * VALUE_MAX, 2.0 * VALUE_MAX) as f32;
                }
            }
            Some(part)
        };
        let shape = Shape { inputs: sight.inputs(), hidden: sight.hidden, outputs: horizon, periods: sight.periods };
        let error = if sight.irregular { Error::Root } else { Error::Absolute };
        let training = Training { steps: sight.steps, parts: PARTS, rate: RATE, error };
        Some(Self { network: Network::train(shape, training, SEED, threads, draw), sight, horizon })
    }

    /// Whether it takes demand as it is, and not seasonally adjusted.
    pub(super) const fn is_irregular(&self) -> bool {
        self.sight.irregular
    }

    /// Forecasts one series that ends now.
    pub(super) fn forecast(&self, z: &[f64]) -> Vec<f64> {
        let level = self.sight.level(z);
        let Some(unit) = unit(z, self.sight.irregular) else { return vec![level; self.horizon] };
        let mut inputs = self.sight.blank();
        self.sight.write(z, 0, level, unit, 0, &mut inputs);
        self.network.outputs(&inputs).iter().map(|output| level + unit * f64::from(output[0])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel() -> Vec<Vec<f64>> {
        // A hump every eight periods, at a place of its own for each series: only the newest periods tell when the next comes.
        let value = |k: usize, t: usize| if (t + 3 * k) % 8 < 3 { 9.0 } else { 1.0 };
        (0..24).map(|k| (0..60).map(|t| value(k, t)).collect()).collect()
    }

    fn sight() -> Sight {
        Sight { steps: 1_000, ..Sight::of(Family::Regular, Calendar::Quarters, true) }
    }

    #[test]
    fn it_knows_a_rhythm_that_it_has_seen_in_others() {
        let panel = panel();
        let seen: Vec<&[f64]> = panel[..20].iter().map(|y| &y[..]).collect();
        let network = Recurrent::fit(&seen, 4, sight(), 1).unwrap();
        for y in &panel[20..] {
            let ahead = network.forecast(&y[..50]);
            let miss = ahead.iter().zip(&y[50..]).map(|(a, b)| (a - b).abs()).sum::<f64>() / 4.0;
            assert!(miss < 1.5, "{ahead:?}, not {:?}", &y[50..54]);
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let panel = panel();
        let seen: Vec<&[f64]> = panel.iter().map(|y| &y[..]).collect();
        let made =
            |threads| Recurrent::fit(&seen, 4, Sight { steps: 20, ..sight() }, threads).unwrap().forecast(&panel[0]);
        assert_eq!(made(1), made(3));
    }

    #[test]
    fn from_too_little_nothing_is_learned() {
        let short = vec![vec![1.0, 2.0, 1.0, 2.0, 1.0, 2.0]; 50];
        let seen: Vec<&[f64]> = short.iter().map(|y| &y[..]).collect();
        assert!(Recurrent::fit(&seen, 4, sight(), 1).is_none());
        assert!(Recurrent::fit(&[&[3.0; 400]], 4, sight(), 1).is_none(), "nothing ever moved");
    }
}
