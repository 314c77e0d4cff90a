//! Results for people: aligned, in their units.

use firmware_schemas::api::what_if::{
    BesideView, Better, DifferenceView, ImprovementView, KpiView, LevelPolicy, LevelsView, SelectionView, WhatIfHead,
    WhatIfResult,
};
use std::collections::BTreeSet;
use std::fmt::Write;

/// A result: every case, and its difference to the first.
pub(super) fn of_one(result: &WhatIfResult) -> String {
    let mut text = heading(&result.head);
    for (i, case) in result.results.iter().enumerate() {
        // Writing to a string cannot fail.
        writeln!(text, "  [{}] {}", i + 1, case.case).ok();
    }
    text.push('\n');
    let mut header = vec![String::new(), "unit".to_owned()];
    for i in 0..result.results.len() {
        header.push(format!("[{}]", i + 1));
        if i > 0 {
            header.push(format!("[{}] - [1]", i + 1));
            header.push(String::new());
        }
    }
    let mut rows = vec![header];
    for name in names(result.results.iter().flat_map(|case| &case.kpis)) {
        let found: Vec<Option<&KpiView>> =
            result.results.iter().map(|case| case.kpis.iter().find(|kpi| kpi.kpi == name)).collect();
        let Some(any) = found.iter().flatten().next() else { continue };
        let unit = Unit::of(any, &result.head.currency);
        let mut row = vec![name.replace('_', " "), unit.name.clone()];
        for (i, kpi) in found.iter().enumerate() {
            row.push(kpi.map(|kpi| unit.interval(kpi.mean, kpi.half_width, false)).unwrap_or_default());
            if i > 0 {
                let difference = kpi.and_then(|kpi| kpi.difference.as_ref().map(|it| (kpi.better, it)));
                row.push(difference.map(|(_, it)| unit.interval(it.mean, it.half_width, true)).unwrap_or_default());
                row.push(difference.map(|(better, it)| verdict(better, it)).unwrap_or_default().to_owned());
            }
        }
        rows.push(row);
    }
    text.push_str(&aligned(&rows));
    if let Some(selection) = &result.selection {
        let kpi = result.results.iter().flat_map(|case| &case.kpis).find(|kpi| kpi.kpi == selection.kpi);
        if let Some(kpi) = kpi {
            text.push_str(&ranking(selection, &Unit::of(kpi, &result.head.currency)));
        }
    }
    text
}

/// The order of the cases, and how sure it is.
fn ranking(selection: &SelectionView, unit: &Unit) -> String {
    let SelectionView { kpi, probability_correct, replications_total, ranking } = selection;
    let mut text = format!(
        "\nBest by {}, with {replications_total} replications of all cases; that the first is truly the best has a probability of at least \
         {:.1} %.\n\n",
        kpi.replace('_', " "),
        100.0 * floored(*probability_correct)
    );
    let header = ["", "case", "replications", &unit.name, "behind the first", "truly no better"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (place, it) in ranking.iter().enumerate() {
        let own = it.mean.zip(it.half_width).map(|(mean, half_width)| unit.interval(mean, half_width, false));
        let behind = it.behind.as_ref().map(|it| unit.interval(it.mean, it.half_width, true));
        let worse = it.probability_not_better.map(|share| format!("{:.1} %", 100.0 * floored(share)));
        rows.push(vec![
            format!("{}.", place + 1),
            it.case.clone(),
            it.replications.to_string(),
            own.unwrap_or_else(|| "says nothing".to_owned()),
            behind.unwrap_or_default(),
            worse.unwrap_or_default(),
        ]);
    }
    text.push_str(&aligned(&rows));
    text
}

/// A probability that is not rounded up to one.
fn floored(probability: f64) -> f64 {
    ((probability * 1_000.0).floor() / 1_000.0).min(0.999)
}

/// Positions that are shown; all are in the proposal and in `--json`.
const LEVELS_SHOWN: usize = 20;

/// Better levels, beside today's.
pub(super) fn of_improvement(found: &ImprovementView) -> String {
    let mut text = heading(&found.head);
    // Writing to a string cannot fail.
    writeln!(text, "{}\n", found.summary).ok();
    let kpi = |it: &BesideView| KpiView {
        kpi: it.kpi.clone(),
        unit: it.unit.clone(),
        better: it.better,
        mean: it.today,
        half_width: it.today_half_width,
        sd: 0.0,
        n: 0,
        difference: None,
    };
    let mut rows = vec![["", "unit", "today", "proposed", "proposed - today", ""].map(str::to_owned).to_vec()];
    for figure in &found.figures {
        let unit = Unit::of(&kpi(figure), &found.head.currency);
        rows.push(vec![
            figure.kpi.replace('_', " "),
            unit.name.clone(),
            unit.interval(figure.today, figure.today_half_width, false),
            unit.interval(figure.proposed, figure.proposed_half_width, false),
            unit.interval(figure.difference.mean, figure.difference.half_width, true),
            verdict(figure.better, &figure.difference).to_owned(),
        ]);
    }
    text.push_str(&aligned(&rows));
    let currency = &found.head.currency;
    let scale = 0.1_f64.powi(minor_digits(currency));
    if let Some(model) = &found.guaranteed_service {
        let per_day = |minor: f64| grouped(minor * scale, 2);
        writeln!(
            text,
            "\nIt began with guaranteed service: safety stock of {} positions at {} {currency} a day; no placement of that \
             model costs less than {} (gap {:.3} %).",
            model.n_positions,
            per_day(model.cost_minor_per_day),
            per_day(model.lower_bound_minor_per_day),
            100.0 * model.gap
        )
        .ok();
    }
    let n = found.levels.len();
    writeln!(text, "\n{n} of {} stock positions change.", found.n_positions).ok();
    if n == 0 {
        return text;
    }
    let mut rows = vec![["site", "SKU", "today", "proposed", "ties up"].map(str::to_owned).to_vec()];
    for it in found.levels.iter().take(LEVELS_SHOWN) {
        let tied_up = it.tied_up_minor as f64 * scale;
        let sign = if tied_up > 0.0 { "+" } else { "" };
        rows.push(vec![
            it.site.to_string(),
            it.sku.to_string(),
            levels(&it.today),
            levels(&it.proposed),
            format!("{sign}{} {currency}", grouped(tied_up, 0)),
        ]);
    }
    text.push_str(&left(&rows));
    if n > LEVELS_SHOWN {
        writeln!(text, "… and {} more, in --proposal FILE and with --json.", n - LEVELS_SHOWN).ok();
    }
    text
}

fn levels(it: &LevelsView) -> String {
    let number = |pieces: Option<i64>| pieces.map(|pieces| grouped(pieces as f64, 0)).unwrap_or_default();
    let (reorder_point, order_up_to, lot) = (number(it.reorder_point), number(it.order_up_to), number(it.lot));
    match it.policy {
        LevelPolicy::BaseStock => format!("up to {order_up_to}"),
        LevelPolicy::EchelonBaseStock => format!("echelon up to {order_up_to}"),
        LevelPolicy::MinMax => format!("at {reorder_point} up to {order_up_to}"),
        LevelPolicy::ReorderLot => format!("at {reorder_point} lots of {lot}"),
    }
}

/// Cases of several results. They were not run in pairs, so there is no difference to show.
pub(super) fn side_by_side(results: &[WhatIfResult]) -> String {
    let mut text = String::new();
    let mut columns = Vec::new();
    let mut header = vec![String::new(), "unit".to_owned()];
    for result in results {
        text.push_str(&heading(&result.head));
        for case in &result.results {
            columns.push((case, &result.head.currency));
            header.push(format!("[{}]", columns.len()));
            writeln!(text, "  [{}] {}", columns.len(), case.case).ok();
        }
    }
    text.push('\n');
    let mut rows = vec![header];
    for name in names(columns.iter().flat_map(|(case, _)| &case.kpis)) {
        let found: Vec<_> = columns
            .iter()
            .map(|(case, currency)| Some((case.kpis.iter().find(|kpi| kpi.kpi == name)?, currency)))
            .collect();
        let units: BTreeSet<String> =
            found.iter().flatten().map(|(kpi, currency)| Unit::of(kpi, currency).name).collect();
        let units: Vec<String> = units.into_iter().collect();
        let mut row = vec![name.replace('_', " "), units.join("/")];
        row.extend(found.iter().map(|it| {
            it.map(|(kpi, currency)| Unit::of(kpi, currency).interval(kpi.mean, kpi.half_width, false))
                .unwrap_or_default()
        }));
        rows.push(row);
    }
    text + &aligned(&rows)
}

/// What a gateway keeps.
pub(super) fn of_heads(heads: &[WhatIfHead]) -> String {
    let mut rows = vec![["id", "done", "from", "days", "replications", "cases"].map(str::to_owned).to_vec()];
    for head in heads {
        rows.push(vec![
            head.id.to_string(),
            head.ended_at.to_string(),
            head.start.to_string(),
            head.days.to_string(),
            head.replications.to_string(),
            head.cases.join(" · "),
        ]);
    }
    left(&rows)
}

fn heading(head: &WhatIfHead) -> String {
    let WhatIfHead { id, start, days, warm_up_days, replications, seed, .. } = head;
    let warm_up = if *warm_up_days > 0 { format!(", the first {warm_up_days} not counted") } else { String::new() };
    format!("{id}: {days} days from {start}{warm_up}; {replications} replications, seed {seed}\n")
}

/// In the order in which they come.
fn names<'a>(kpis: impl Iterator<Item = &'a KpiView>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for kpi in kpis {
        if !names.contains(&kpi.kpi) {
            names.push(kpi.kpi.clone());
        }
    }
    names
}

fn verdict(better: Better, difference: &DifferenceView) -> &'static str {
    match (difference.significant, better, difference.mean > 0.0) {
        (false, ..) => "",
        (true, Better::Neither, true) => "more",
        (true, Better::Neither, false) => "less",
        (true, Better::More, true) | (true, Better::Less, false) => "better",
        (true, Better::More, false) | (true, Better::Less, true) => "worse",
    }
}

/// How a figure is shown.
struct Unit {
    name: String,
    /// By which it is multiplied.
    scale: f64,
}

impl Unit {
    fn of(kpi: &KpiView, currency: &str) -> Self {
        let (name, scale) = match (kpi.unit.as_str(), kpi.kpi.as_str()) {
            ("1", "fill_rate" | "cycle_service_level" | "short_days") => ("%", 100.0),
            ("1", _) => ("", 1.0),
            ("minor", _) => (currency, 0.1_f64.powi(minor_digits(currency))),
            ("{piece}", _) => ("pieces", 1.0),
            ("d", _) => ("days", 1.0),
            ("/a", _) => ("a year", 1.0),
            ("t.km", _) => ("t km", 1.0),
            ("kg", "co2e") => ("kg CO2e", 1.0),
            (other, _) => (other, 1.0),
        };
        Self { name: name.to_owned(), scale }
    }

    /// With as many decimals as two digits of the half-width need.
    fn interval(&self, mean: f64, half_width: f64, is_difference: bool) -> String {
        let (mean, half_width) = (mean * self.scale, half_width * self.scale);
        let decimals = match half_width {
            0.0 if mean.fract() == 0.0 => 0,
            0.0 => 2,
            width => (1 - width.log10().floor() as i32).clamp(0, 4) as usize,
        };
        let sign = if is_difference && mean > 0.0 { "+" } else { "" };
        format!("{sign}{} ± {}", grouped(mean, decimals), grouped(half_width, decimals))
    }
}

/// Digits behind the point of a currency's major unit (ISO 4217).
fn minor_digits(currency: &str) -> i32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// With a comma between groups of three digits.
fn grouped(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').map_or((digits, ""), |(whole, fraction)| (whole, fraction));
    let mut out = sign.to_owned();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    (0..columns).map(|at| width(at).unwrap_or_default()).collect()
}

/// The first two columns and those without a heading to the left, the others to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let widths = widths(rows);
    let is_left = |at: usize| at < 2 || rows.first().is_none_or(|header| header[at].is_empty());
    let mut text = String::new();
    for row in rows {
        let cells =
            row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
                if is_left(at) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
        writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end()).ok();
    }
    text
}

fn left(rows: &[Vec<String>]) -> String {
    let widths = widths(rows);
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(text, "{}", cells.join("  ").trim_end()).ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kpi(name: &str, unit: &str) -> KpiView {
        KpiView {
            kpi: name.into(),
            unit: unit.into(),
            better: Better::More,
            mean: 0.0,
            half_width: 0.0,
            sd: 0.0,
            n: 2,
            difference: None,
        }
    }

    #[track_caller]
    fn check(name: &str, unit: &str, currency: &str, mean: f64, half_width: f64, expected: &str) {
        let unit = Unit::of(&kpi(name, unit), currency);
        assert_eq!(format!("{} {}", unit.interval(mean, half_width, false), unit.name), expected);
    }

    #[test]
    fn figures_stand_in_the_units_of_people() {
        check("fill_rate", "1", "EUR", 0.973_21, 0.001_2, "97.32 ± 0.12 %");
        check("total_cost", "minor", "EUR", 123_456_789.0, 45_600.0, "1,234,568 ± 456 EUR");
        check("total_cost", "minor", "JPY", 1_234.0, 12.0, "1,234 ± 12 JPY");
        check("total_cost", "minor", "KWD", 1_234_567.0, 900.0, "1,234.57 ± 0.90 KWD");
        check("orders", "1", "EUR", 1_000.0, 0.0, "1,000 ± 0 ");
        check("bullwhip", "1", "EUR", 2.345, 0.0, "2.35 ± 0.00 ");
        check("lost", "{piece}", "EUR", -12_345.6, 7.0, "-12,345.6 ± 7.0 pieces");
    }
}
