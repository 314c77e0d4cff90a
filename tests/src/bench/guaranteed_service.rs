//! Safety stock for every chain of a folder like that of Willems (2008): how long it takes, what it costs, how
//! far the bound is, and how the cost compares with a known optimum.

use super::{Figure, Goal, Options};
use crate::{known_answers, shared, willems};
use anyhow::{Context, Result};
use sim::guaranteed_service::{Effort, place};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A chain may take so many seconds.
const SECS_MAX: f64 = 10.0;

/// After this the search is asked to stop.
const STOP_AFTER: Duration = Duration::from_secs(8);

/// Of the stage cost, a year; the known answers are for this rate.
const HOLDING_RATE: f64 = 0.2;

pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let folder = match &options.data {
        Some(folder) => folder.clone(),
        None => shared::root().join("data/network/willems2008"),
    };
    // Known answers are of the shared data only.
    let known = if options.data.is_none() { known_answers()? } else { BTreeMap::new() };
    let mut figures = Vec::new();
    let (mut n_proven, mut longest) = (0, 0.0_f64);
    let chains = willems::read(&folder, HOLDING_RATE)?;
    for (number, chain) in &chains {
        let began = Instant::now();
        let stop = || began.elapsed() > STOP_AFTER;
        let placement = place(chain, &Effort { stop: Some(&stop), ..Effort::default() });
        let secs = began.elapsed().as_secs_f64();
        longest = longest.max(secs);
        n_proven += usize::from(placement.proven);
        let what = format!("chain {number}, {} stages, {} arcs", chain.stages().len(), chain.arcs().count());
        figures.push(Figure::alone(format!("{what}: placed"), secs, "s", Goal::AtMost(SECS_MAX)));
        let cost = Figure::alone(format!("chain {number}: cost"), placement.cost, "a year", Goal::None);
        figures.push(match known.get(number) {
            Some((peer, cost_known)) => {
                Figure { against: Some((peer.clone(), *cost_known)), goal: Goal::AtMost(1.0 + 1e-5), ..cost }
            }
            None => cost,
        });
        figures.push(Figure::alone(
            format!("chain {number}: lower bound"),
            placement.lower_bound,
            "a year",
            Goal::None,
        ));
        let proven = if placement.proven { "proven" } else { "not proven" };
        let gap = Figure::alone(format!("chain {number}: gap, {proven}"), 100.0 * placement.gap, "%", Goal::None);
        figures.push(gap);
    }
    figures.push(Figure::alone(format!("proven, of {} chains", chains.len()), n_proven as f64, "chains", Goal::None));
    figures.push(Figure::alone("the slowest chain", longest, "s", Goal::AtMost(SECS_MAX)));
    Ok(figures)
}

/// For each chain, what the known cost is and how much.
fn known_answers() -> Result<BTreeMap<u32, (String, f64)>> {
    let path = shared::root().join(known_answers::FILE);
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(BTreeMap::new()) };
    let answers: serde_json::Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let mut known = BTreeMap::new();
    for case in answers["cases"].as_array().into_iter().flatten() {
        let Some(number) = case["inputs"]["chain"].as_u64() else { continue };
        let expected = &case["expected"];
        let answers = [("optimum", "optimal_cost_usd_per_year"), ("best known", "best_known_cost_usd_per_year")];
        for (what, key) in answers {
            if let Some(cost) = expected[key].as_f64() {
                known.insert(u32::try_from(number)?, (what.to_owned(), cost));
            }
        }
    }
    Ok(known)
}
