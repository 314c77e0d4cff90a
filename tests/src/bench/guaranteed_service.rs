//! Safety stock for every chain of a folder like that of Willems (2008): how long it takes, what it costs, how
//! far the bound is, and how the cost compares with a known optimum.

use super::{Figure, Goal, Options};
use crate::{known_answers, shared, willems};
use anyhow::{Context, Result};
use sim::guaranteed_service::{Chain, Effort, Quote, StageRow, chain_of_rows, place};
use sim::rng::{Purpose, Stream};
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
    let chains = willems::read(&folder, HOLDING_RATE)?;
    let mut figures = Vec::new();
    let (mut n_proven, mut longest) = (0, 0.0_f64);
    for (number, chain) in &chains {
        let (secs, proven) = measure(&format!("chain {number}"), chain, known.get(number), &mut figures);
        longest = longest.max(secs);
        n_proven += usize::from(proven);
    }
    figures.push(Figure::alone(format!("proven, of {} chains", chains.len()), n_proven as f64, "chains", Goal::None));
    figures.push(Figure::alone("the slowest chain", longest, "s", Goal::AtMost(SECS_MAX)));
    if options.data.is_none() {
        for n_stages in [40, 80, 120, 160, 200, 240] {
            measure(&format!("made network {n_stages}"), &made(n_stages)?, None, &mut figures);
        }
    }
    Ok(figures)
}

/// Places one chain's stock; the seconds it took and whether the cost is proven.
fn measure(name: &str, chain: &Chain, known: Option<&(String, f64)>, figures: &mut Vec<Figure>) -> (f64, bool) {
    let began = Instant::now();
    let stop = || began.elapsed() > STOP_AFTER;
    let placement = place(chain, &Effort { stop: Some(&stop), ..Effort::default() });
    let secs = began.elapsed().as_secs_f64();
    let what = format!("{name}, {} stages, {} arcs", chain.stages().len(), chain.arcs().count());
    figures.push(Figure::alone(format!("{what}: placed"), secs, "s", Goal::AtMost(SECS_MAX)));
    let cost = Figure::alone(format!("{name}: cost"), placement.cost, "a year", Goal::None);
    figures.push(match known {
        Some((peer, cost_known)) => {
            Figure { against: Some((peer.clone(), *cost_known)), goal: Goal::AtMost(1.0 + 1e-5), ..cost }
        }
        None => cost,
    });
    let bound = format!("{name}: lower bound");
    figures.push(Figure::alone(bound, placement.lower_bound, "a year", Goal::None));
    let proven = if placement.proven { "proven" } else { "not proven" };
    figures.push(Figure::alone(format!("{name}: gap, {proven}"), 100.0 * placement.gap, "%", Goal::None));
    (secs, placement.proven)
}

/// Five layers of stages, each supplied by about three of the layer before at random: denser in circles than
/// real chains are, so that not all of them can be proven.
fn made(n_stages: usize) -> Result<Chain> {
    const LAYERS: usize = 5;
    let mut random = Stream::new(n_stages as u64, 7, Purpose::Demand, 0);
    let layer = |stage: usize| stage * LAYERS / n_stages;
    let chance = 3.0 / (n_stages / LAYERS) as f64;
    let mut arcs = Vec::new();
    for from in 0..n_stages {
        for to in 0..n_stages {
            if layer(to) == layer(from) + 1 && random.chance(chance) {
                arcs.push((from, to));
            }
        }
    }
    let rows: Vec<StageRow> = (0..n_stages)
        .map(|stage| StageRow {
            cost_added: random.between(1.0, 50.0),
            time: f64::from(1 + random.below(30)),
            quote: (layer(stage) == LAYERS - 1).then(|| Quote {
                demand_sd: random.between(1.0, 20.0),
                service_level: 0.95,
                service_time_max: f64::from(random.below(5)),
            }),
        })
        .collect();
    chain_of_rows(&rows, arcs, HOLDING_RATE).map_err(|errors| anyhow::anyhow!("{errors:?}"))
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
