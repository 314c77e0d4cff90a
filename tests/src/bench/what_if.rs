//! How long a planner waits: a question about a year of a real retailer, a fork of a large live twin, and how much
//! common random numbers are worth.

use super::{Figure, Goal, Options, median};
use crate::big_network::{self, Size};
use crate::shared;
use anyhow::{Context, Result};
use firmware_schemas::quantity::Timestamp;
use sim::experiment::{Kpi, Plan, Scope, run as run_experiment};
use sim::situation::{
    Assumptions, Demand, Disruption, FACTOR_ONE, Origin, Policy, Review, Route, Situation, StockPosition, Struck, When,
};
use sim::theory::distribution::Pmf;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const DAYS: u32 = 364;
const REPLICATIONS: u32 = 100;
const RUNS: usize = 3;

pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let folder = options.data.clone().unwrap_or_else(|| shared::root().join("data/network/vn2"));
    figures.extend(retailer(&folder)?);
    figures.extend(demo()?);
    figures.push(fork()?);
    Ok(figures)
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// From the files to intervals of all key figures and their differences.
fn retailer(folder: &Path) -> Result<Vec<Figure>> {
    let mut secs = Vec::new();
    let mut stocks = 0;
    let mut ratio = f64::NAN;
    for _ in 0..RUNS {
        let base = vn2(folder)?;
        stocks = base.positions.len();
        let begun = Instant::now();
        let mut busy = base.clone();
        busy.factors.push([FACTOR_ONE / 10 * 13].into());
        for position in &mut busy.positions {
            if let Demand::Random { factor, .. } = &mut position.demand {
                *factor = Some(0);
            }
        }
        let cases = vec![("as is".to_owned(), Arc::new(base)), ("demand + 30 %".to_owned(), Arc::new(busy))];
        let plan = Plan::fixed(1, DAYS, REPLICATIONS);
        let outcomes = run_experiment(cases, &plan, threads(), None, &mut |_| {}).context("stopped")?;
        let mut told = 0;
        for kpi in Kpi::ALL {
            told += usize::from(outcomes[1].difference(&outcomes[0], *kpi, Scope::All).is_some());
        }
        anyhow::ensure!(told > 10, "only {told} key figures");
        secs.push(begun.elapsed().as_secs_f64());
        ratio = outcomes[1].variance_ratio(&outcomes[0], Kpi::Demand).unwrap_or(f64::NAN);
    }
    let what = format!("what-if of {stocks} stocks, a year, 2 × {REPLICATIONS} replications");
    Ok(vec![
        Figure::alone(what, median(secs), "s", Goal::AtMost(2.0)),
        Figure::alone("variance of a difference in demand over independent ones", ratio, "", Goal::None),
    ])
}

/// The 599 stocks of the challenge with demand by day as their sales of a week tell it: negative binomial.
fn vn2(folder: &Path) -> Result<Situation> {
    let read = |file: &str| -> Result<Vec<Vec<String>>> {
        let mut reader = csv::Reader::from_path(folder.join(file)).with_context(|| file.to_owned())?;
        reader.records().map(|row| Ok(row?.iter().map(str::to_owned).collect())).collect()
    };
    let (sales, in_stock) = (read("sales_history_wide.csv")?, read("in_stock_wide.csv")?);
    let mut s = Situation::empty();
    let (mut sites, mut skus) = (BTreeMap::new(), BTreeMap::new());
    for (sold, seen) in sales.iter().zip(&in_stock) {
        let weeks: Vec<f64> = sold[2..]
            .iter()
            .zip(&seen[2..])
            .filter(|(_, seen)| *seen == "1")
            .map(|(sold, _)| sold.parse::<f64>())
            .collect::<Result<_, _>>()?;
        let n = weeks.len().max(2) as f64;
        let mean = (weeks.iter().sum::<f64>() / n / 7.0).max(0.01);
        let variance = weeks.iter().map(|week| (week - mean * 7.0).powi(2)).sum::<f64>() / (n - 1.0) / 7.0;
        let level = (mean * 21.0 + 2.0 * (variance * 21.0).sqrt()).ceil() as i64;
        let site = *sites.entry(sold[0].clone()).or_insert_with(|| s.add_site(&format!("STORE-{}", sold[0]), 0));
        let sku = *skus.entry(sold[1].clone()).or_insert_with(|| s.add_sku(&format!("PRODUCT-{}", sold[1])));
        s.add(StockPosition {
            on_hand: level / 2,
            policy: Policy::BaseStock { level },
            review: Review { every_days: 7, ..Review::DAILY },
            demand: Demand::random(Pmf::negative_binomial(mean, variance.max(mean * 1.001))?),
            backorder_permille: 0,
            holding_minor_per_year: 0.2 * 52.0 * 100.0,
            lost_minor: 100.0,
            ..StockPosition::new(site, sku).from(Origin::Outside { site: None }, Route::days(14))
        });
    }
    Ok(s)
}

/// The demo network, Felixstowe closed three weeks.
fn demo() -> Result<Vec<Figure>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../networks/demo"));
    let read = |name: &str| Some(std::fs::read_to_string(folder.join(name)).ok()?.into());
    let network = twin::network::parse(&read).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let start = Timestamp::parse_rfc3339("2026-11-23T00:00:00Z").context("a time")?;
    let base = Situation::from_network(&network, start, &Assumptions::default());
    let mut closed = base.clone();
    let port = base.sites.iter().position(|site| site.site.as_str() == "GBFXT").context("no Felixstowe")? as u32;
    closed.disruptions.push(Disruption {
        name: "port".to_owned(),
        strikes: Struck::Site(port),
        when: When::Days { from: 10, until: 31 },
    });
    let n = base.positions.len();
    let cases = vec![("as is".to_owned(), Arc::new(base)), ("port closed".to_owned(), Arc::new(closed))];
    let begun = Instant::now();
    let plan = Plan::fixed(1, 365, REPLICATIONS);
    let outcomes = run_experiment(cases, &plan, threads(), None, &mut |_| {}).context("stopped")?;
    let secs = begun.elapsed().as_secs_f64();
    let kpis = [Kpi::FillRate, Kpi::MeanOnHand, Kpi::TotalCost, Kpi::HoldingCost];
    let ratios = kpis.iter().filter_map(|kpi| outcomes[1].variance_ratio(&outcomes[0], *kpi));
    let worst = ratios.fold(0.0, f64::max);
    let what = format!("what-if of the demo network, {n} stocks, a year, 2 × {REPLICATIONS} replications");
    Ok(vec![
        Figure::alone(what, secs, "s", Goal::None),
        Figure::alone("demo: variance of a difference over independent ones, worst of 4", worst, "", Goal::AtMost(0.2)),
    ])
}

/// A twin of a million stock positions becomes a situation.
fn fork() -> Result<Figure> {
    let texts = big_network::texts(Size::FULL, 1);
    let network = twin::network::parse(&|name: &str| texts.get(name).map(|text| text.as_str().into()))
        .map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    drop(texts);
    let now = Timestamp::parse_rfc3339("2026-11-23T00:00:00Z").context("a time")?;
    let mut twin = twin::Twin::default();
    let mut touched = Vec::new();
    for (seq, fact) in (1..).zip(twin.define(&network, now)) {
        twin.apply(seq, &fact, &mut touched)?;
    }
    let mut secs = Vec::new();
    for _ in 0..RUNS {
        let begun = Instant::now();
        let situation = Situation::of(&twin, &network, now, &Assumptions::default());
        secs.push(begun.elapsed().as_secs_f64());
        anyhow::ensure!(situation.positions.len() == 1_000_000, "{} positions", situation.positions.len());
    }
    Ok(Figure::alone("fork of a live twin of 1,000,000 stock positions", median(secs), "s", Goal::AtMost(1.0)))
}
