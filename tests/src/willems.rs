//! Chains in files like those of Willems (2008): `stages.csv` and `arcs.csv`.

use anyhow::{Context, Result};
use serde::Deserialize;
use sim::guaranteed_service::{Chain, Quote, StageRow, chain_of_rows};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
struct StageLine {
    chain: u32,
    stage: String,
    stage_cost_usd: f64,
    stage_time_days: f64,
    sd_demand_per_day: Option<f64>,
    max_service_time_days: Option<f64>,
    service_level: Option<f64>,
}

#[derive(Deserialize)]
struct ArcLine {
    chain: u32,
    source: String,
    destination: String,
}

/// All chains of a folder, by number, when holding stock for a year costs this share of its worth.
pub fn read(folder: &Path, holding_rate: f64) -> Result<BTreeMap<u32, Chain>> {
    let mut places: BTreeMap<(u32, String), usize> = BTreeMap::new();
    let mut rows: BTreeMap<u32, Vec<StageRow>> = BTreeMap::new();
    for line in lines(&folder.join("stages.csv"))? {
        let line: StageLine = line?;
        let quote = line.sd_demand_per_day.map(|demand_sd| -> Result<Quote> {
            let service_level = line.service_level.context("a demand stage has a service level")?;
            Ok(Quote { demand_sd, service_level, service_time_max: line.max_service_time_days.unwrap_or(0.0) })
        });
        let rows = rows.entry(line.chain).or_default();
        places.insert((line.chain, line.stage), rows.len());
        rows.push(StageRow { cost_added: line.stage_cost_usd, time: line.stage_time_days, quote: quote.transpose()? });
    }
    let mut arcs: BTreeMap<u32, Vec<(usize, usize)>> = BTreeMap::new();
    for line in lines(&folder.join("arcs.csv"))? {
        let line: ArcLine = line?;
        let place = |stage: String| {
            let missing = format!("chain {} has no stage {stage:?}", line.chain);
            places.get(&(line.chain, stage)).copied().context(missing)
        };
        let arc = (place(line.source)?, place(line.destination)?);
        arcs.entry(line.chain).or_default().push(arc);
    }
    rows.into_iter()
        .map(|(number, rows)| {
            let chain = chain_of_rows(&rows, arcs.remove(&number).unwrap_or_default(), holding_rate);
            let chain = chain.map_err(|errors| anyhow::anyhow!("chain {number}: {errors:?}"))?;
            Ok((number, chain))
        })
        .collect()
}

fn lines<T: serde::de::DeserializeOwned>(path: &Path) -> Result<impl Iterator<Item = Result<T>>> {
    let reader = csv::Reader::from_path(path).with_context(|| path.display().to_string())?;
    let path = path.display().to_string();
    Ok(reader.into_deserialize().map(move |line| line.with_context(|| path.clone())))
}
