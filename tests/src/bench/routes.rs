//! Gaps to the best known plans of open instances after 10 and 30 seconds of processor time on one core.

use super::{Figure, Goal, Options};
use crate::shared;
use anyhow::{Context, Result, bail, ensure};
use routing::check::check;
use routing::format::{Instance, Scale, read_li_lim, read_vrplib};
use routing::search::{Outcome, Settings, Tick, solve};
use std::path::Path;

/// Gaps in percent at 10 and 30 seconds that are to be reached.
const GOALS: &[(&str, [f64; 2])] = &[
    ("X-n303-k21", [0.5, 0.25]),
    ("X-n1001-k43", [0.9, 0.55]),
    ("R112", [0.2, 0.05]),
    ("RC2_2_4", [0.2, 0.05]),
    ("RC1_10_5", [2.0, 1.2]),
    ("LR1_4_6", [0.3, 0.1]),
    ("LRC1_10_5", [1.7, 1.0]),
    ("X200-HD", [0.8, 0.4]),
    ("PR12A", [2.5, 1.2]),
    ("Leuven1", [0.7, 0.55]),
    ("Brussels1", [2.2, 1.5]),
];

/// The best library measured on these instances, its gap at 10 and 30 seconds (`peers.md` of the shared data).
const PEERS: &[(&str, &str, [f64; 2])] = &[
    ("X-n303-k21", "HGS-CVRP", [0.71, 0.26]),
    ("X-n1001-k43", "PyVRP", [3.44, 1.97]),
    ("RC2_2_4", "PyVRP", [0.39, 0.37]),
    ("RC1_10_5", "PyVRP", [6.31, 3.68]),
    ("LR1_4_6", "PyVRP", [0.97, 0.18]),
    ("X200-HD", "PyVRP", [1.08, 0.57]),
];

/// Runs all instances of `bks.csv` in the folder, or of the one that `--data` names; `--n` seeds, 1 by default.
pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let folder = options.data.clone().unwrap_or_else(|| shared::root().join("bench/routing"));
    let table = std::fs::read_to_string(folder.join("bks.csv")).context("reading bks.csv")?;
    let mut figures = Vec::new();
    for row in table.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let [name, file, class, .., bks, _, _, _] = fields[..] else { bail!("row of bks.csv: {row:?}") };
        let best_known: f64 = bks.parse().with_context(|| format!("bks of {name}"))?;
        let (instance, unit) = read(&folder, file, class)?;
        for (k, secs) in [10.0, 30.0].into_iter().enumerate() {
            let (mut gap, mut rate) = (0.0, 0.0);
            let n_seeds = options.n.unwrap_or(1);
            for seed in 0..n_seeds {
                let (outcome, used) = search(&instance, seed, secs)?;
                let totals = match check(&instance.problem, &outcome.plan) {
                    Ok(totals) => totals,
                    Err(faults) => bail!("{name}: {}", faults[0]),
                };
                gap += 100.0 * (totals.cost as f64 / unit / best_known - 1.0) / n_seeds as f64;
                rate += outcome.iterations as f64 / used / n_seeds as f64;
            }
            let goal = GOALS.iter().find(|g| g.0 == name).map_or(Goal::None, |g| Goal::AtMost(g.1[k]));
            figures.push(Figure::alone(format!("{name}, {class}, {secs} s: gap"), gap, "%", goal));
            if let Some((_, peer, gaps)) = PEERS.iter().find(|p| p.0 == name) {
                figures.push(Figure::alone(
                    format!("{name}, {secs} s: {peer}, measured before"),
                    gaps[k],
                    "%",
                    Goal::None,
                ));
            }
            figures.push(Figure::alone(format!("{name}, {secs} s: iterations"), rate, "/s", Goal::None));
        }
    }
    ensure!(!figures.is_empty(), "bks.csv has no rows");
    Ok(figures)
}

/// The instance, and how many units of its money one of the published cost is.
fn read(folder: &Path, file: &str, class: &str) -> Result<(Instance, f64)> {
    let text = std::fs::read_to_string(folder.join(file)).with_context(|| format!("reading {file}"))?;
    let (instance, unit) = match class {
        "cvrp" => (read_vrplib(&text, Scale::WHOLE), 1.0),
        "vrptw" => (read_vrplib(&text, Scale::DIMACS), 10.0),
        "pdptw" => (read_li_lim(&text, Scale::THOUSANDTHS), 1_000.0),
        "hfvrp" => (read_vrplib(&text, Scale::THOUSANDTHS), 100_000.0),
        "mdvrptw" => (read_vrplib(&text, Scale::THOUSANDTHS), 1_000.0),
        _ => bail!("class {class:?} of {file}"),
    };
    Ok((instance.with_context(|| format!("reading {file}"))?, unit))
}

/// Searches for so long; also the time it took, which counts reading the problem into the search.
fn search(instance: &Instance, seed: u64, secs: f64) -> Result<(Outcome, f64)> {
    let began = cpu_secs()?;
    let used = || cpu_secs().unwrap_or(f64::MAX) - began;
    let mut tick = |_: &_| match used() / secs {
        share if share >= 1.0 => Tick::Stop,
        share => Tick::Spent(share),
    };
    let settings = Settings { seed, ..Settings::default() };
    let outcome = solve(&instance.problem, &settings, &mut tick, &mut |_, _| {});
    Ok((outcome, used()))
}

/// Processor time of this thread.
fn cpu_secs() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").context("reading the processor time")?;
    let nanos = stat.split_whitespace().next().context("processor time")?;
    Ok(nanos.parse::<f64>()? / 1e9)
}
