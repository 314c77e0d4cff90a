//! A year of real orders, played in one network under three ways to replenish it, at equal fill rates.
//!
//! ```text
//! order lines ─▶ network (assumed) ─▶ levels by day: (a) min/max, (b) z·σ·√L, (c) ours ─▶ sim::kernel ─▶ table
//!                                      └─ one knob each, searched until the fill rates are the same
//! ```

mod levels;
mod network;
mod play;

use super::{Figure, Goal, Options};
use crate::shared;
use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use levels::{Choices, Forecasts, Ours, choices_to_try, min_max, min_max_by_deviation, textbook};
use network::{Network, WEEKS, WEEKS_BEFORE};
use play::{Measured, YEAR, play, search};
use sim::experiment::Estimate;
use std::fs::File;
use std::io::BufReader;
use twin::import::order_lines::{OrderLine, OrderLines};

/// Fill rates of customers' pieces at which policies are compared; the first is the one that is judged.
const FILLS: [f64; 3] = [0.90, 0.85, 0.95];
/// A fill rate that is met is within so much.
const NEAR: f64 = 0.001;
/// Replications of the table, and of the searches.
const REPLICATIONS: [u32; 2] = [16, 2];
/// What ours must turn over of (a).
const GOAL: f64 = 1.35;

type Levels<'a> = &'a dyn Fn(f64) -> levels::Set;

fn read() -> Result<Vec<OrderLine>> {
    let path = shared::root().join("data/retail/order_lines.csv.gz");
    let file = File::open(&path).with_context(|| format!("reading {}", path.display()))?;
    let lines = OrderLines::new(BufReader::new(GzDecoder::new(file)))?;
    Ok(lines.collect::<Result<_, _>>()?)
}

/// Choices by playing weeks 7 to 12 of the first quarter from what was known after six, at the judged fill rate.
fn choose(network: &Network) -> Choices {
    let before = Forecasts::new(network, WEEKS_BEFORE / 2, WEEKS_BEFORE - WEEKS_BEFORE / 2);
    let mut best: Option<(f64, Choices)> = None;
    for group in choices_to_try() {
        let mut ours = Ours::new(network, &before, group[0]);
        for choices in group {
            ours.choices = choices;
            let (knob, fill) = search(network, FILLS[0], (0.01, 1e6), play::BEFORE, 2, &|it| ours.levels(network, it));
            let outcome = play(network, ours.levels(network, knob), play::BEFORE, 2);
            let turns = Measured::of(network, &outcome).mean("stock turns");
            // Choices that cannot reach it do not count.
            if (fill - FILLS[0]).abs() < NEAR && best.is_none_or(|(most, _)| turns > most) {
                best = Some((turns, choices));
            }
        }
    }
    best.map_or_else(Choices::default, |(_, choices)| choices)
}

pub(super) fn run(_: &Options) -> Result<Vec<Figure>> {
    let network = Network::new(&read()?);
    let alone = |(name, value): &(String, f64)| Figure::alone(name.clone(), *value, "", Goal::None);
    let mut figures: Vec<Figure> = network.said.iter().map(alone).collect();
    let situation = network.with(min_max(&network, 1.0));
    ensure!(situation.check().is_ok(), "the network makes no sense: {:?}", situation.check());
    sim::kernel::Model::fits(&situation, YEAR.1 as u32)?;

    let choices = choose(&network);
    figures.extend(choices.said().map(|(name, value)| Figure::alone(format!("chosen: {name}"), value, "", Goal::None)));
    let ours = Ours::new(&network, &Forecasts::new(&network, WEEKS_BEFORE, WEEKS), choices);
    let policies: [(&str, (f64, f64), Levels<'_>); 4] = [
        ("(a) min/max of the first quarter", (0.5, 4_000.0), &|it| min_max(&network, it)),
        ("(a') the same by deviation", (0.1, 400.0), &|it| min_max_by_deviation(&network, it)),
        ("(b) z sigma root L, monthly", (0.1, 400.0), &|it| textbook(&network, it)),
        ("(c) ours", (0.01, 1e7), &|it| ours.levels(&network, it)),
    ];
    for fill_rate in FILLS {
        let mut table: Vec<(&str, Measured)> = Vec::new();
        for (name, bounds, levels) in policies {
            let (knob, fill) = search(&network, fill_rate, bounds, YEAR, REPLICATIONS[1], levels);
            let outcome = play(&network, levels(knob), YEAR, REPLICATIONS[0]);
            let measured = Measured::of(&network, &outcome);
            let is_met = (measured.mean("fill rate") - 100.0 * fill_rate).abs() < 100.0 * NEAR;
            figures.push(Figure::alone(format!("at {:.0} %: knob of {name}", 100.0 * fill_rate), knob, "", Goal::None));
            if !is_met {
                figures.push(Figure::alone(
                    format!("at {:.0} %: {name} reaches only", 100.0 * fill_rate),
                    100.0 * fill,
                    "%",
                    Goal::None,
                ));
                continue;
            }
            let asked = measured.mean("pieces asked for");
            ensure!(asked == network.said[3].1, "{name}: {asked} pieces asked for, not {}", network.said[3].1);
            table.push((name, measured));
        }
        figures.extend(rows(fill_rate, &table));
    }
    Ok(figures)
}

/// The table at one fill rate, and what ours does beside the others.
fn rows(fill_rate: f64, table: &[(&str, Measured)]) -> Vec<Figure> {
    let at = format!("at {:.0} %", 100.0 * fill_rate);
    let mut figures = Vec::new();
    for (name, measured) in table {
        for (kpi, unit, values) in &measured.kpis {
            let Some(it) = Estimate::of(values) else { continue };
            figures.push(Figure::alone(
                format!("{at}: {kpi} of {name} ± {:.4}", it.half_width),
                it.mean,
                unit,
                Goal::None,
            ));
        }
    }
    let Some((name, ours)) = table.iter().find(|(name, _)| name.starts_with("(c)")) else { return figures };
    for (other, measured) in table.iter().filter(|(other, _)| other != name) {
        for ((kpi, _, here), (_, _, there)) in ours.kpis.iter().zip(&measured.kpis) {
            let percent: Vec<f64> = here.iter().zip(there).map(|(a, b)| 100.0 * (a / b - 1.0)).collect();
            let Some(it) = Estimate::of(&percent) else { continue };
            let what = format!("{at}: {kpi} of {name} over {other} ± {:.2}", it.half_width);
            figures.push(Figure::alone(what, it.mean, "%", Goal::None));
        }
        let of_groups: Vec<f64> =
            ours.turns_of_groups.iter().zip(&measured.turns_of_groups).map(|(a, b)| 100.0 * (a / b - 1.0)).collect();
        if let Some(it) = Estimate::of(&of_groups) {
            let what = format!("{at}: stock turns by groups of goods, {name} over {other} ± {:.1}", it.half_width);
            figures.push(Figure::alone(what, it.mean, "%", Goal::None));
        }
        let judged = other.starts_with("(a)") && fill_rate == FILLS[0];
        let goal = if judged { Goal::AtLeast(GOAL) } else { Goal::None };
        figures.push(Figure {
            against: Some(((*other).to_owned(), measured.mean("stock turns"))),
            ..Figure::alone(format!("{at}: stock turns, {name}"), ours.mean("stock turns"), "a year", goal)
        });
    }
    figures
}
