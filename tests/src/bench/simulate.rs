//! How fast the kernel runs, beside the machine's memory and a bare loop of the same recursion.

use super::{Figure, Goal, Options, median};
use anyhow::{Context, Result, ensure};
use sim::kernel::{Effort, Model, Stat};
use sim::situation::{
    Allocation, Demand, FACTOR_ONE, LeadTime, Ordering, Origin, Policy, Review, Rounding, Route, Situation, Source,
    StockPosition,
};
use sim::theory::distribution::Pmf;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

const DAYS: u32 = 364;
/// Of each figure so many runs; the middle one counts.
const RUNS: usize = 5;
const MILLION: f64 = 1e6;

pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let replications = options.n.unwrap_or(64) as u32;
    let copied = copy_gb_per_s();
    let demand: Vec<i32> = (0..20_000 * DAYS).map(|i| (i * 7 % 11) as i32).collect();
    let bare = bare_speed(&[&demand]);
    // Both halves at once: what two threads can be at best on this machine.
    let bare_two = bare_speed(&demand.chunks(demand.len() / 2).collect::<Vec<_>>());
    let full = model(full_network()?);
    let replay = model(replay_network());
    let single = model(single_stocks(600, Policy::MinMax { min: 20, max: 40 })?);
    let one = Effort::default();
    let two = Effort { threads: 2, ..one };
    // In turn, so that a machine that slows down slows both.
    let in_turn =
        || Ok::<_, anyhow::Error>((speed_once(&full, replications, one)?, speed_once(&full, replications, two)?));
    let (ones, twos): (Vec<f64>, Vec<f64>) =
        (0..2 * RUNS).map(|_| in_turn()).collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let (full_speed, two_speed) = (median(ones), median(twos));
    let scalar_speed = speed(&full, replications.div_ceil(8), Effort { scalar: true, ..one })?;
    let replay_speed = speed(&replay, 1, one)?;
    let mut figures = vec![
        Figure::alone("memory copy", copied, "GB/s", Goal::None),
        Figure::alone("bare loop of the recursion, given demand", bare, "million/s", Goal::None),
        Figure::alone("full features, SKU-site-days, one core", full_speed, "million/s", Goal::AtLeast(50.0)),
        against("full features", full_speed, "the bare loop", bare, Goal::None),
        Figure::alone("history replay, SKU-site-days, one core", replay_speed, "million/s", Goal::AtLeast(150.0)),
        against("history replay", replay_speed, "the bare loop", bare, Goal::None),
        against("history replay, demand read (GB/s)", replay_speed * 4e-3, "memory copy", copied, Goal::None),
        Figure::alone(
            "single stocks, random demand, one core",
            speed(&single, replications, one)?,
            "million/s",
            Goal::None,
        ),
        against("full features, two threads", two_speed, "one thread", full_speed, Goal::AtLeast(1.8)),
        against("bare loop, two threads", bare_two, "one thread", bare, Goal::None),
        against("full features, 16 lanes", full_speed, "one lane", scalar_speed, Goal::None),
    ];
    if options.peers {
        let level = Policy::BaseStock { level: 30 };
        let ours = speed(&model(single_stocks(600, level)?), replications, one)?;
        for (peer, theirs) in peers()? {
            figures.push(against("base stock, Poisson demand", ours, &peer, theirs / MILLION, Goal::None));
        }
    }
    Ok(figures)
}

fn against(figure: &str, value: f64, peer: &str, peers: f64, goal: Goal) -> Figure {
    Figure { against: Some((peer.to_owned(), peers)), ..Figure::alone(figure, value, "million/s", goal) }
}

fn model(situation: Situation) -> Model {
    Model::new(Arc::new(situation), DAYS, 0)
}

/// Millions of SKU-site-days a second.
pub(super) fn speed(model: &Model, replications: u32, effort: Effort<'_>) -> Result<f64> {
    Ok(median((0..RUNS).map(|_| speed_once(model, replications, effort)).collect::<Result<_>>()?))
}

fn speed_once(model: &Model, replications: u32, effort: Effort<'_>) -> Result<f64> {
    let begun = Instant::now();
    let tally = model.run(1, 0..replications, effort).context("stopped")?;
    let secs = begun.elapsed().as_secs_f64();
    ensure!(tally.total(0, Stat::Demand) > 0, "nothing was asked for");
    Ok(model.position_days() as f64 * f64::from(replications) / secs / MILLION)
}

fn copy_gb_per_s() -> f64 {
    let from = vec![1_u8; 256 << 20];
    let mut to = vec![0_u8; 256 << 20];
    let secs = (0..RUNS).map(|_| {
        let begun = Instant::now();
        black_box(&mut to).copy_from_slice(black_box(&from));
        begun.elapsed().as_secs_f64()
    });
    (256 << 20) as f64 / median(secs.collect()) / 1e9
}

/// Serve, order up to, receive three days later: nothing else, one stock after the other, a thread for each part.
fn bare_speed(parts: &[&[i32]]) -> f64 {
    let secs = (0..2 * RUNS).map(|_| {
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for part in &parts[1..] {
                scope.spawn(|| bare_loop(part));
            }
            bare_loop(parts[0]);
        });
        begun.elapsed().as_secs_f64()
    });
    parts.iter().map(|part| part.len()).sum::<usize>() as f64 / median(secs.collect()) / MILLION
}

fn bare_loop(demand: &[i32]) {
    let mut held = 0_i64;
    for stock in black_box(demand).chunks_exact(DAYS as usize) {
        let (mut on_hand, mut backlog, mut ring) = (30, 0, [0; 3]);
        for (day, asked) in stock.iter().enumerate() {
            on_hand += ring[day % 3];
            let wanted = backlog + asked;
            let served = on_hand.min(wanted);
            on_hand -= served;
            backlog = wanted - served;
            let under_way = ring[(day + 1) % 3] + ring[(day + 2) % 3];
            let position = on_hand - backlog + under_way;
            ring[day % 3] = if position <= 20 { 40 - position } else { 0 };
            held += i64::from(on_hand);
        }
    }
    black_box(held);
}

fn poisson(mean: f64) -> Result<Demand> {
    Ok(Demand::random(Pmf::poisson(mean)?))
}

fn single_stocks(n: u32, policy: Policy) -> Result<Situation> {
    let mut s = Situation::empty();
    let site = s.add_site("A", 0);
    for i in 0..n {
        let sku = s.add_sku(&format!("SKU-{i}"));
        s.add(StockPosition {
            on_hand: 30,
            policy: policy.clone(),
            demand: poisson(f64::from(i % 40) / 10.0 + 0.1)?,
            ..StockPosition::new(site, sku).from(Origin::Outside { site: None }, Route::days(3))
        });
    }
    Ok(s)
}

fn replay_network() -> Situation {
    let mut s = Situation::empty();
    let site = s.add_site("A", 0);
    for i in 0..20_000_u32 {
        let sku = s.add_sku(&format!("SKU-{i}"));
        let asked: Vec<u32> = (0..DAYS).map(|day| (day * 7 + i * 5) % 11).collect();
        s.add(StockPosition {
            on_hand: 30,
            policy: Policy::MinMax { min: 20, max: 40 },
            demand: Demand::history(&asked),
            ..StockPosition::new(site, sku).from(Origin::Outside { site: None }, Route::days(3))
        });
    }
    s
}

/// A warehouse and twelve shops: seasonal random demand, part of it lost, random lead times, reviews twice a
/// week, order multiples, shortages divided in proportion.
fn full_network() -> Result<Situation> {
    let mut s = Situation::empty();
    let shops: Vec<u32> = (0..12).map(|i| s.add_site(&format!("SHOP-{i:02}"), 0)).collect();
    let warehouse = s.add_site("WAREHOUSE", 1);
    s.factors.push((0..7).map(|day| FACTOR_ONE / 4 * [3, 3, 4, 4, 5, 6, 3][day]).collect());
    let days = LeadTime::Random(Arc::new(Pmf::poisson(2.0)?.at_least(1)));
    for i in 0..100_u32 {
        let sku = s.add_sku(&format!("SKU-{i:03}"));
        let mean = f64::from(i % 20) / 5.0 + 0.2;
        let supplier = s.positions.len() as u32 + 12;
        for shop in &shops {
            s.add(StockPosition {
                on_hand: (mean * 8.0) as i64,
                policy: Policy::MinMax { min: (mean * 6.0) as i64, max: (mean * 10.0) as i64 + 1 },
                review: Review { every_days: 1, first_day: 0, weekdays: 0b001_0010 },
                ordering: Ordering { min: 1, multiple: 2, rounding: Rounding::Up, cost_minor: 100 },
                demand: Demand::Random { pieces: Arc::new(Pmf::negative_binomial(mean, mean * 1.5)?), factor: Some(0) },
                backorder_permille: 400,
                sources: vec![Source {
                    from: Origin::Position(supplier),
                    route: Route::Direct { days: days.clone(), may_cross: false },
                    share_permille: 1_000,
                    prices: Vec::new(),
                    priority: 0,
                    partial: true,
                }],
                holding_minor_per_year: 200.0,
                ..StockPosition::new(*shop, sku)
            });
        }
        s.add(StockPosition {
            on_hand: (mean * 150.0) as i64,
            policy: Policy::ReorderLot { reorder_point: (mean * 130.0) as i64, lot: (mean * 40.0) as i64 + 1 },
            allocation: Allocation::Proportional,
            ..StockPosition::new(warehouse, sku).from(Origin::Outside { site: None }, Route::days(9))
        });
    }
    Ok(s)
}

/// SKU-site-days a second of the same recursion in stockpyl and SimPy.
fn peers() -> Result<Vec<(String, f64)>> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/peers"));
    let installed = Command::new(folder.join("simulators.sh")).output().context("installing the peers")?;
    ensure!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    let python = String::from_utf8(installed.stdout)?;
    let run = Command::new(python.trim())
        .arg(folder.join("simulators.py"))
        .args(["60", "364", "3", "30", "2.05"])
        .output()
        .context("running the peers")?;
    ensure!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout)?
        .lines()
        .map(|line| {
            let (name, speed) = line.split_once(' ').context("a name and a number")?;
            Ok((name.to_owned(), speed.parse()?))
        })
        .collect()
}
