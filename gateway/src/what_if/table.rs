//! Results as CSV: one row for each case, part and key figure.

use super::summary::Parts;
use firmware_schemas::api::what_if::{KpiView, WhatIfResult};

/// The columns.
const HEADER: [&str; 12] = [
    "case",
    "by",
    "part",
    "kpi",
    "unit",
    "mean",
    "half_width",
    "sd",
    "n",
    "difference",
    "difference_half_width",
    "significant",
];

/// The table. Rows of the whole network have `all` as `by` and no `part`.
pub fn csv(result: &WhatIfResult, parts: &Parts) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for case in &result.results {
        for kpi in &case.kpis {
            row(&mut writer, &case.case, "all", "", kpi)?;
        }
    }
    for (division, cases) in &parts.divisions {
        let by = serde_json::to_value(division).ok();
        let by = by.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
        for (case, parts) in result.head.cases.iter().zip(cases) {
            for part in parts {
                for kpi in &part.kpis {
                    row(&mut writer, case, by, &part.part, kpi)?;
                }
            }
        }
    }
    writer.into_inner().map_err(|why| csv::Error::from(why.into_error()))
}

fn row(writer: &mut csv::Writer<Vec<u8>>, case: &str, by: &str, part: &str, kpi: &KpiView) -> Result<(), csv::Error> {
    let difference = kpi.difference.as_ref();
    let number = |number: f64| number.to_string();
    writer.write_record([
        case,
        by,
        part,
        &kpi.kpi,
        &kpi.unit,
        &number(kpi.mean),
        &number(kpi.half_width),
        &number(kpi.sd),
        &kpi.n.to_string(),
        &difference.map(|it| number(it.mean)).unwrap_or_default(),
        &difference.map(|it| number(it.half_width)).unwrap_or_default(),
        &difference.map(|it| it.significant.to_string()).unwrap_or_default(),
    ])
}
