//! The VN2 Inventory Planning Challenge: what our replenishment costs on real sales, beside the organisers'
//! benchmark and two usual rules, in the same simulator.

mod game;
mod policies;

use super::{Figure, Goal, Options};
use crate::shared;
use anyhow::{Context, Result, ensure};
use game::{Challenge, FIRST_WEEK, Policy, play};
use policies::{Normal, Organisers, Ours, WeeksOfMean};
use twin::replenish::history::Learning;

/// Weeks known at the start of each window of the backtest: every six weeks, so that the weeks that orders can
/// change (3 to 8 of each) follow on each other. Choices were made on the first; the rest was kept apart.
const WINDOWS_CHOSEN_ON: [usize; 7] = [95, 101, 107, 113, 119, 125, 131];
const WINDOWS_APART: [usize; 3] = [137, 143, 149];

pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let folder = options.data.clone().unwrap_or_else(|| shared::root().join("data/network/vn2"));
    let challenge = Challenge::read(&folder)?;
    if std::env::var_os("VN2_TUNE").is_some() {
        return tune(&challenge);
    }
    let mut figures = Vec::new();
    Ok(figures)
}

fn tune(challenge: &Challenge) -> Result<Vec<Figure>> {
    let env = |name: &str, or: f64| std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(or);
    let d = Learning::default();
    let learning = Learning {
        half_life_weeks: env("HL", d.half_life_weeks),
        slow_half_life_weeks: env("SHL", d.slow_half_life_weeks),
        prior_weeks: env("PW", d.prior_weeks),
        season_pieces: [
            env("SP0", d.season_pieces[0]),
            env("SP1", d.season_pieces[1]),
            env("SP2", d.season_pieces[2]),
        ],
        season_blur: env("SB", d.season_blur),
        season_trust: env("ST", d.season_trust),
        variance_weeks: env("VW", d.variance_weeks),
        level_cv: env("LCV", d.level_cv),
    };
    let q = env("Q", 0.8);
    let quantile = [env("Q0", q), env("Q1", q), env("Q2", q)];
    let mut policies: Vec<(&str, Box<dyn Policy>)> = vec![("ours", Box::new(Ours::new(learning, quantile)))];
    if env("BASE", 0.0) > 0.0 {
        policies.push(("organisers", Box::new(Organisers { first_monday: challenge.mondays[0] })));
        policies.push(("3.5", Box::new(WeeksOfMean(3.5))));
        policies.push(("z", Box::new(Normal { z: 0.967 })));
    }
    let mut out = String::new();
    for (name, mut policy) in policies {
        let mut sums = [0.0; 2];
        let mut line = String::new();
        for (part, windows) in [&WINDOWS_CHOSEN_ON[..], &WINDOWS_APART[..]].iter().enumerate() {
            for known in *windows {
                let (past, start, weeks) = challenge.window(*known).context("a window")?;
                let euros = play(&past, &start, &weeks, policy.as_mut(), false)?.euros_from(FIRST_WEEK);
                sums[part] += euros;
                line += &format!(" {euros:.0}");
            }
        }
        out += &format!("{name}: {:.0} apart {:.0} | {line}\n", sums[0] / 7.0, sums[1] / 3.0);
    }
    let weeks = challenge.actuals(&shared::root().join("data/network/vn2/actual_demand_weeks_1_2.csv"))?;
    let outcome = play(&challenge.panel, &challenge.start, &weeks, &mut WeeksOfMean(3.5), false)?;
    ensure!(outcome.cents == [38_060, 53_320], "{outcome:?}");
    eprint!("{out}");
    Ok(Vec::new())
}
