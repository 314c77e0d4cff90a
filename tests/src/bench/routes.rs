//! Gaps to the best known plans of open instances after 10 and 30 seconds of processor time on one core: by seed, by
//! instance and by class, with `--peers` beside other solvers in the same run. And how soon a plan is good again after
//! some of its stops were taken out.

use super::{Figure, Goal, Options};
use crate::shared;
use anyhow::{Context, Result, anyhow, bail, ensure};
use routing::check::check;
use routing::format::{Instance, Scale, read_li_lim, read_vrplib};
use routing::problem::{GivenRoute, Problem};
use routing::search::{Outcome, Settings, Tick, solve};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// Solvers that are run with `--peers`, by the names of `tests/peers/routing.py`.
const PEERS: [&str; 4] = ["pyvrp", "hygese", "vroom", "ortools"];

/// Seconds of processor time that each run has.
const BUDGETS: [f64; 2] = [10.0, 30.0];

/// A plan that stops are taken out of, how many, and the gaps that are to be reached after so many seconds.
const WARM: (&str, usize, [(f64, f64); 2]) = ("X-n1001-k43", 50, [(0.2, 0.6), (1.0, 0.3)]);

/// Runs all instances of `bks.csv` in the folder, or of the one that `--data` names; `--n` seeds, 3 by default. With
/// `--secs` that budget alone.
pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let folder = options.data.clone().unwrap_or_else(|| shared::root().join("bench/routing"));
    let table = std::fs::read_to_string(folder.join("bks.csv")).context("reading bks.csv")?;
    let python = if options.peers { Some(install()?) } else { None };
    let n_seeds = options.n.unwrap_or(3);
    ensure!(n_seeds > 0, "--n must be at least 1");
    let mut figures = Vec::new();
    // By class, budget and solver, ours first: the gaps of its instances.
    let mut classes: BTreeMap<(String, u64, &str), Vec<f64>> = BTreeMap::new();
    for row in table.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let [name, file, class, .., bks, _, _, _] = fields[..] else { bail!("row of bks.csv: {row:?}") };
        let best_known: f64 = bks.parse().with_context(|| format!("bks of {name}"))?;
        let (instance, unit) = read(&folder, file, class)?;
        let budgets = options.secs.map_or(BUDGETS.to_vec(), |secs| vec![secs]);
        for secs in budgets {
            let k = BUDGETS.iter().position(|b| *b == secs);
            let (mut gaps, mut rate) = (Vec::new(), 0.0);
            for seed in 0..n_seeds {
                let (outcome, used) = search(&instance, seed, secs)?;
                let totals = match check(&instance.problem, &outcome.plan) {
                    Ok(totals) => totals,
                    Err(faults) => bail!("{name}: {}", faults[0]),
                };
                let gap = 100.0 * (totals.cost as f64 / unit / best_known - 1.0);
                figures.push(Figure::alone(format!("{name}, {secs} s, seed {seed}: gap"), gap, "%", Goal::None));
                gaps.push(gap);
                rate += outcome.iterations as f64 / used / n_seeds as f64;
            }
            let goal = GOALS.iter().find(|g| g.0 == name).zip(k).map_or(Goal::None, |(g, k)| Goal::AtMost(g.1[k]));
            figures.push(Figure::alone(format!("{name}, {class}, {secs} s: gap"), mean(&gaps), "%", goal));
            figures.push(Figure::alone(format!("{name}, {secs} s: iterations"), rate, "/s", Goal::None));
            classes.entry((class.to_owned(), (1_000.0 * secs) as u64, "")).or_default().push(mean(&gaps));
            for peer in PEERS {
                let Some(python) = &python else { break };
                let (mut gaps, mut rates) = (Vec::new(), Vec::new());
                for seed in 0..n_seeds {
                    if let Some((cost, rate)) = peer_run(python, peer, &folder.join(file), class, secs, seed)? {
                        gaps.push(100.0 * (cost / best_known - 1.0));
                        rates.push(rate);
                    }
                }
                if gaps.len() as u64 == n_seeds {
                    let figure = format!("{name}, {secs} s: {peer}: gap");
                    figures.push(Figure::alone(figure, mean(&gaps), "%", Goal::None));
                    classes.entry((class.to_owned(), (1_000.0 * secs) as u64, peer)).or_default().push(mean(&gaps));
                    if mean(&rates) > 0.0 {
                        let figure = format!("{name}, {secs} s: {peer}: iterations");
                        figures.push(Figure::alone(figure, mean(&rates), "/s", Goal::None));
                    }
                }
            }
        }
        if name == WARM.0 {
            figures.extend(warm(&instance, &folder.join(file).with_extension("sol"), best_known, n_seeds)?);
        }
    }
    ensure!(!figures.is_empty(), "bks.csv has no rows");
    for ((class, millis, solver), gaps) in &classes {
        let of = if solver.is_empty() { String::new() } else { format!("{solver}: ") };
        let figure = format!("{class}, {} s: {of}mean gap of {} instances", *millis as f64 / 1_000.0, gaps.len());
        figures.push(Figure::alone(figure, mean(gaps), "%", Goal::None));
    }
    Ok(figures)
}

/// The gap some time after random stops were taken out of the best known plan.
fn warm(instance: &Instance, sol: &Path, best_known: f64, n_seeds: u64) -> Result<Vec<Figure>> {
    let (name, n_out, goals) = WARM;
    let text = std::fs::read_to_string(sol).with_context(|| format!("reading {}", sol.display()))?;
    let best = instance.read_sol(&text, 1)?.plan;
    let mut gaps = [Vec::new(), Vec::new()];
    for seed in 0..n_seeds {
        let mut spec = instance.problem.clone().into_spec();
        let mut state = seed + 1;
        let mut out = Vec::new();
        while out.len() < n_out {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let job = (state >> 33) as usize % spec.jobs.len();
            if !out.contains(&job) {
                out.push(job);
            }
        }
        spec.given = best
            .routes
            .iter()
            .map(|route| GivenRoute {
                vehicle: route.vehicle,
                visits: route.visits.iter().filter(|v| !out.contains(&v.job)).copied().collect(),
                frozen: 0,
                departure: None,
            })
            .filter(|route| !route.visits.is_empty())
            .collect();
        let problem = Problem::new(spec).map_err(|refusals| anyhow!("{}", refusals[0]))?;
        let given = Instance { problem, ..instance.clone() };
        for (k, (secs, _)) in goals.into_iter().enumerate() {
            let (outcome, _) = search(&given, seed, secs)?;
            let totals = check(&given.problem, &outcome.plan).map_err(|faults| anyhow!("{name}: {}", faults[0]))?;
            gaps[k].push(100.0 * (totals.cost as f64 / best_known - 1.0));
        }
    }
    let figure = |(k, (secs, goal)): (usize, (f64, f64))| {
        let what = format!("{name}, {n_out} stops put back, {secs} s: gap");
        Figure::alone(what, mean(&gaps[k]), "%", Goal::AtMost(goal))
    };
    Ok(goals.into_iter().enumerate().map(figure).collect())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The Python that has the peers.
fn install() -> Result<String> {
    let output = Command::new(scripts().join("routing.sh")).output().context("tests/peers/routing.sh")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn scripts() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// Cost and iterations a second of a peer; `None` if it cannot do the class or has no plan in time.
fn peer_run(python: &str, peer: &str, file: &Path, class: &str, secs: f64, seed: u64) -> Result<Option<(f64, f64)>> {
    let output = Command::new(python)
        .arg(scripts().join("routing.py"))
        .arg(peer)
        .arg(file)
        .args([class.to_owned(), secs.to_string(), seed.to_string()])
        .env("OMP_NUM_THREADS", "1")
        .output()
        .context("tests/peers/routing.py")?;
    if output.status.code() == Some(3) {
        return Ok(None);
    }
    ensure!(output.status.success(), "{peer} on {}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().last().context("a peer that prints nothing")?;
    let cells: Vec<f64> =
        line.split('\t').map(str::parse).collect::<Result<_, _>>().context("a line of another shape")?;
    let [cost, rate, _] = cells[..] else { bail!("a line of another shape: {line:?}") };
    Ok(Some((cost, rate)))
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
pub(super) fn search(instance: &Instance, seed: u64, secs: f64) -> Result<(Outcome, f64)> {
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
pub(super) fn cpu_secs() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").context("reading the processor time")?;
    let nanos = stat.split_whitespace().next().context("processor time")?;
    Ok(nanos.parse::<f64>()? / 1e9)
}
