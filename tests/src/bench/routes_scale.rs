//! How time and memory of the route search grow with the number of customers.

use super::routes::{cpu_secs, search};
use super::{Figure, Goal, Options};
use anyhow::{Context, Result};
use routing::format::{Instance, Scale, read_vrplib};
use routing::search::{Settings, Tick, solve};
use std::fmt::Write as _;

/// Customers of the problems.
const SIZES: [usize; 6] = [100, 300, 1_000, 3_000, 10_000, 20_000];

/// Seconds of processor time that each search has.
const SECS: f64 = 10.0;

/// Up to as many customers as `--n` says, 20,000 by default.
pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let most = options.n.unwrap_or(u64::MAX);
    let mut figures = Vec::new();
    for n in SIZES.into_iter().filter(|&n| n as u64 <= most) {
        let before = memory_kib("VmRSS")?;
        // From here on the peak is this problem's own.
        std::fs::write("/proc/self/clear_refs", "5").context("resetting the peak of memory")?;
        let instance = uniform(n)?;
        let began = cpu_secs()?;
        let mut first_cost = 0;
        solve(&instance.problem, &Settings::default(), &mut |_| Tick::Stop, &mut |progress, _| {
            first_cost = progress.best_cost
        });
        let first_secs = cpu_secs()? - began;
        let mut best_cost = 0;
        let (outcome, used) = search(&instance, 0, SECS)?;
        if let Ok(totals) = routing::check::check(&instance.problem, &outcome.plan) {
            best_cost = totals.cost;
        }
        let peak = memory_kib("VmHWM")?.saturating_sub(before) as f64 / 1024.0;
        let goal = if n >= 10_000 { Goal::AtMost(500.0) } else { Goal::None };
        figures.push(Figure::alone(format!("{n} customers: until the first plan"), first_secs, "s", Goal::None));
        let rate = outcome.iterations as f64 / used;
        figures.push(Figure::alone(format!("{n} customers: iterations"), rate, "/s", Goal::None));
        figures.push(Figure::alone(format!("{n} customers: memory"), peak, "MiB", goal));
        let gain = 100.0 * (1.0 - best_cost as f64 / first_cost.max(1) as f64);
        figures.push(Figure::alone(
            format!("{n} customers: first plan to that of {SECS} s"),
            gain,
            "% less",
            Goal::None,
        ));
    }
    Ok(figures)
}

/// Customers anywhere in a square with the depot in its middle, about 15 to a route.
fn uniform(n: usize) -> Result<Instance> {
    let mut state = n as u64;
    let mut below = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    let (mut points, mut demands) = ("1 5000 5000\n".to_owned(), "1 0\n".to_owned());
    for i in 2..n + 2 {
        writeln!(points, "{i} {} {}", below(10_000), below(10_000))?;
        writeln!(demands, "{i} {}", 1 + below(99))?;
    }
    let text = format!(
        "DIMENSION : {}\nCAPACITY : 750\nEDGE_WEIGHT_TYPE : EUC_2D\nNODE_COORD_SECTION\n{points}\
         DEMAND_SECTION\n{demands}DEPOT_SECTION\n1\n-1\n",
        n + 1
    );
    read_vrplib(&text, Scale::WHOLE).context("a problem of our own")
}

fn memory_kib(field: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("reading the memory in use")?;
    let line = status.lines().find(|l| l.starts_with(field)).context("no such field of memory")?;
    line.split_whitespace().nth(1).context("no memory")?.parse().context("memory")
}
