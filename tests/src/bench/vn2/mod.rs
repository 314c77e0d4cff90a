//! The VN2 Inventory Planning Challenge: what our replenishment costs on real sales, beside the organisers'
//! benchmark and two usual rules, in the same simulator.

mod choose;
mod game;
mod policies;

use super::{Figure, Goal, Options};
use crate::shared;
use anyhow::{Result, ensure};
use game::{Challenge, FIRST_WEEK, Outcome, Policy, WEEKS, Week, play};
use policies::{Normal, Organisers, WeeksOfMean};
use twin::replenish::calibrate::{Choice, Trials};

/// Weeks from one window of the backtest to the next: the weeks that orders can change (3 to 8 of each window)
/// follow on each other without a gap.
const STEP: usize = 6;
/// Windows that are reported; those before them are only learned from.
const WINDOWS: usize = 9;
/// The chance of having enough of the newsvendor with these costs: 1.0 / (1.0 + 0.2), as standard deviations.
const Z: f64 = 0.967_421_566;

/// Cents of weeks 1 and 2 of the challenge, which no order can change.
const KNOWN_CENTS: [u64; 2] = [38_060, 53_320];

pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let own_folder = shared::root().join("data/network/vn2");
    let folder = options.data.clone().unwrap_or_else(|| own_folder.clone());
    let challenge = Challenge::read(&folder)?;
    let mut figures = Vec::new();

    let begun = challenge.actuals(&folder.join("actual_demand_weeks_1_2.csv"), &[])?;
    let weeks = match &options.actuals {
        Some(path) => challenge.actuals(path, &begun)?,
        None => begun,
    };
    if folder == own_folder && weeks.len() >= KNOWN_CENTS.len() {
        let outcome =
            play(&challenge.panel, &challenge.start, &weeks[..KNOWN_CENTS.len()], &mut WeeksOfMean(3.5), false)?;
        ensure!(outcome.cents == KNOWN_CENTS, "weeks 1 and 2 cost {:?} cents, not {KNOWN_CENTS:?}", outcome.cents);
        figures.push(Figure::alone("weeks 1 and 2, as published", euros(&outcome, 1), "EUR", Goal::None));
    }

    let n_weeks = challenge.panel.n_weeks();
    let mut windows: Vec<usize> = (WEEKS..=n_weeks.saturating_sub(WEEKS)).rev().step_by(STEP).collect();
    windows.retain(|known| *known >= choose::WEEKS_MIN);
    windows.reverse();
    let trials = choose::trials(&challenge, &windows)?;
    figures.extend(backtest(&challenge, &trials, &windows)?);
    let choice = trials.choose(usize::MAX);
    figures.extend(choose::figures(&choice));
    figures.extend(game(&challenge, &choice, &weeks)?);
    Ok(figures)
}

fn euros(outcome: &Outcome, from_week: usize) -> f64 {
    outcome.euros_from(from_week)
}

fn others(challenge: &Challenge) -> Vec<(&'static str, Box<dyn Policy>)> {
    vec![
        ("organisers' benchmark", Box::new(Organisers { first_monday: challenge.mondays[0] })),
        ("up to 3.5 x 13-week mean", Box::new(WeeksOfMean(3.5))),
        ("up to mean + z sigma root L", Box::new(Normal { z: Z })),
    ]
}

/// Each window with choices made on windows that had ended before it began.
fn backtest(challenge: &Challenge, trials: &Trials, windows: &[usize]) -> Result<Vec<Figure>> {
    let (mut figures, mut sums) = (Vec::new(), [0.0; 5]);
    let reported = &windows[windows.len().saturating_sub(WINDOWS)..];
    for known in reported.iter().copied() {
        let Some((past, start, weeks)) = challenge.window(known) else { continue };
        let choice = trials.choose(known);
        let mut row =
            vec![("ours", euros(&play(&past, &start, &weeks, &mut choose::policy(&choice), false)?, FIRST_WEEK))];
        for (name, mut policy) in others(challenge) {
            row.push((name, euros(&play(&past, &start, &weeks, policy.as_mut(), false)?, FIRST_WEEK)));
        }
        row.push((
            "ours, seeing own sales only",
            euros(&play(&past, &start, &weeks, &mut choose::policy(&choice), true)?, FIRST_WEEK),
        ));
        for (sum, (name, value)) in sums.iter_mut().zip(&row) {
            *sum += value;
            figures.push(Figure::alone(format!("after {known} weeks, weeks 3-8: {name}"), *value, "EUR", Goal::None));
        }
    }
    let n = reported.len().max(1) as f64;
    for ((name, _), sum) in others(challenge).into_iter().zip(&sums[1..]) {
        let goal = if name.starts_with("up to mean") { Goal::None } else { Goal::AtMost(0.95) };
        figures.push(Figure {
            against: Some((name.to_owned(), sum / n)),
            ..Figure::alone("mean of the windows, weeks 3-8: ours", sums[0] / n, "EUR", goal)
        });
    }
    figures.push(Figure::alone("mean of the windows: ours, seeing own sales only", sums[4] / n, "EUR", Goal::None));
    Ok(figures)
}

/// The challenge itself, as many weeks as are known.
fn game(challenge: &Challenge, choice: &Choice, weeks: &[Week]) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let mut policies: Vec<(&str, Box<dyn Policy>)> = vec![("ours", Box::new(choose::policy(choice)))];
    policies.extend(others(challenge));
    let mut totals = Vec::new();
    for (name, mut policy) in policies {
        let outcome = play(&challenge.panel, &challenge.start, weeks, policy.as_mut(), false)?;
        for (idx, cents) in outcome.cents.iter().enumerate() {
            let what = format!("week {}: {name} (lost {}, left {})", idx + 1, outcome.lost[idx], outcome.left[idx]);
            figures.push(Figure::alone(what, *cents as f64 / 100.0, "EUR", Goal::None));
        }
        figures.push(Figure::alone(
            format!("all {} weeks: {name}", weeks.len()),
            euros(&outcome, 1),
            "EUR",
            Goal::None,
        ));
        totals.push((name, euros(&outcome, FIRST_WEEK)));
    }
    if weeks.len() >= FIRST_WEEK {
        for (name, total) in &totals[1..] {
            let goal = if name.starts_with("up to mean") { Goal::None } else { Goal::AtMost(1.0) };
            figures.push(Figure {
                against: Some(((*name).to_owned(), *total)),
                ..Figure::alone(format!("weeks 3-{}: ours", weeks.len()), totals[0].1, "EUR", goal)
            });
        }
    }
    Ok(figures)
}
