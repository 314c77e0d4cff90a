//! Choices by backtest: every way of learning and every quantile plays every window of the past; what was cheapest
//! on the windows that had ended is chosen.

use super::super::{Figure, Goal};
use super::game::{Challenge, WEEKS, play, recent_mean};
use super::policies::{Ours, class_of, forecasts};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use twin::replenish::history::Learning;

/// Weeks that must be known before a window is of use: a season takes a year.
pub(super) const WEEKS_MIN: usize = 65;

/// Chances of having enough that are tried.
const LEVELS: [f64; 7] = [0.68, 0.71, 0.74, 0.77, 0.80, 0.83, 0.86];

/// Ways of learning that are tried.
fn ways() -> Vec<Learning> {
    let mut ways = Vec::new();
    for (half_life_weeks, slow_half_life_weeks) in [(3.0, 40.0), (5.0, 60.0), (8.0, 40.0), (8.0, 80.0)] {
        for season_trust in [0.7, 1.0] {
            ways.push(Learning { half_life_weeks, slow_half_life_weeks, season_trust, ..Learning::default() });
        }
    }
    ways
}

/// What was chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    learning: Learning,
    levels: [f64; 3],
}

impl Choice {
    /// The policy that it makes.
    pub(super) fn policy(self) -> Ours<'static> {
        Ours::new(self.learning, self.levels)
    }

    /// What was chosen, for people.
    pub(super) fn figures(self) -> Vec<Figure> {
        let Choice { learning, levels } = self;
        let mut figures = vec![
            Figure::alone("chosen: half-life of the level", learning.half_life_weeks, "weeks", Goal::None),
            Figure::alone("chosen: half-life of the slow level", learning.slow_half_life_weeks, "weeks", Goal::None),
            Figure::alone("chosen: share of the season believed", learning.season_trust, "", Goal::None),
        ];
        for (name, level) in ["slow", "middling", "fast"].into_iter().zip(levels) {
            figures.push(Figure::alone(
                format!("chosen: chance of having enough, {name} movers"),
                level,
                "",
                Goal::None,
            ));
        }
        figures
    }
}

/// What every choice costs in every window.
pub(super) struct Trials<'a> {
    ways: Vec<Learning>,
    windows: &'a [usize],
    /// Cents by way, window, class and level.
    cents: Vec<Vec<[[u64; LEVELS.len()]; 3]>>,
}

impl<'a> Trials<'a> {
    /// Plays them all. `windows` are the weeks known at the start of each.
    pub(super) fn new(challenge: &Challenge, windows: &'a [usize]) -> Result<Self> {
        let ways = ways();
        let cents = ways.iter().map(|learning| try_way(challenge, windows, *learning)).collect::<Result<_>>()?;
        Ok(Self { ways, windows, cents })
    }

    /// The cheapest on the windows that had ended when `known` weeks were known; the first where none had.
    pub(super) fn choose(&self, known: usize) -> Choice {
        let ended: Vec<usize> = (0..self.windows.len()).filter(|it| self.windows[*it] + WEEKS <= known).collect();
        let mut best: Option<(u64, Choice)> = None;
        for (learning, of_window) in self.ways.iter().zip(&self.cents) {
            let (mut total, mut levels) = (0, [LEVELS[3]; 3]);
            for (class, level) in levels.iter_mut().enumerate() {
                let sums: Vec<u64> = (0..LEVELS.len())
                    .map(|idx| ended.iter().map(|window| of_window[*window][class][idx]).sum())
                    .collect();
                let at = (0..LEVELS.len()).min_by_key(|idx| (sums[*idx], idx.abs_diff(3))).unwrap_or(3);
                (*level, total) = (LEVELS[at], total + sums[at]);
            }
            if best.is_none_or(|(least, _)| total < least) {
                best = Some((total, Choice { learning: *learning, levels }));
            }
        }
        best.map_or(Choice { learning: Learning::default(), levels: [LEVELS[3]; 3] }, |(_, choice)| choice)
    }
}

fn try_way(challenge: &Challenge, windows: &[usize], learning: Learning) -> Result<Vec<[[u64; LEVELS.len()]; 3]>> {
    let weeks_known: BTreeSet<usize> = windows.iter().flat_map(|known| *known..=*known + WEEKS).collect();
    let made = forecasts(&challenge.panel, learning, weeks_known);
    windows
        .iter()
        .map(|known| {
            let (past, start, weeks) = challenge.window(*known).context("a window beyond the history")?;
            let mut cents = [[0; LEVELS.len()]; 3];
            for (idx, level) in LEVELS.into_iter().enumerate() {
                let mut policy = Ours::new(learning, [level; 3]).with(&made);
                let outcome = play(&past, &start, &weeks, &mut policy, false)?;
                for (series, spent) in outcome.of_series.iter().enumerate() {
                    cents[class_of(recent_mean(&past, series))][idx] += spent;
                }
            }
            Ok(cents)
        })
        .collect()
}
