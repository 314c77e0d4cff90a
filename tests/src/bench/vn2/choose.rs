//! Choices by backtest: every way of learning and every quantile plays every window of the past; what was cheapest
//! on the windows that had ended is chosen. The product does it, as it would for a planner.

use super::super::{Figure, Goal};
use super::game::{Challenge, FIRST_WEEK, HOLDING_CENTS, SHORTAGE_CENTS, WEEKS};
use super::policies::{CLASSES, LEAD, Ours};
use anyhow::Result;
use twin::replenish::calibrate::{Choice, Grid, Level, Start, Terms, Trials, Windows, calibrate};
use twin::replenish::history::Learning;
use twin::replenish::projection::Unmet;

/// Weeks that must be known before a window is of use: a season takes a year.
pub(super) const WEEKS_MIN: usize = 65;

/// Chances of having enough that are tried.
const LEVELS: [f64; 7] = [0.68, 0.71, 0.74, 0.77, 0.80, 0.83, 0.86];

/// An order comes two weeks later, every week; what is not there is lost.
pub(super) const TERMS: Terms = Terms {
    lead_weeks: LEAD,
    review_weeks: 1,
    unmet: Unmet::Lost,
    holding_minor: HOLDING_CENTS as f64,
    shortage_minor: SHORTAGE_CENTS as f64,
};
const _: () = assert!(FIRST_WEEK == LEAD as usize + 1);

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

/// Plays all choices in all windows. `windows` are the weeks known at the start of each.
pub(super) fn trials(challenge: &Challenge, windows: &[usize]) -> Result<Trials> {
    let grid = Grid { ways: ways(), levels: LEVELS.map(Level::Chance).to_vec(), classes: CLASSES.to_vec() };
    // As the challenge itself begins.
    let start = Start { on_hand_weeks: 1.4, arriving_weeks: vec![0.0, 1.0] };
    let windows = Windows { known: windows.to_vec(), weeks: WEEKS, start };
    Ok(calibrate(&challenge.panel, &[TERMS], &windows, &grid, 1)?)
}

/// The policy that a choice makes.
pub(super) fn policy(choice: &Choice) -> Ours {
    Ours::new(choice.clone())
}

/// What was chosen, for people.
pub(super) fn figures(choice: &Choice) -> Vec<Figure> {
    let learning = choice.learning;
    let mut figures = vec![
        Figure::alone("chosen: half-life of the level", learning.half_life_weeks, "weeks", Goal::None),
        Figure::alone("chosen: half-life of the slow level", learning.slow_half_life_weeks, "weeks", Goal::None),
        Figure::alone("chosen: share of the season believed", learning.season_trust, "", Goal::None),
    ];
    for (name, level) in ["slow", "middling", "fast"].into_iter().zip(&choice.levels) {
        let what = format!("chosen: chance of having enough, {name} movers");
        figures.push(Figure::alone(what, level.chance(&TERMS), "", Goal::None));
    }
    figures
}
