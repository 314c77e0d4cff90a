//! `portolan whatif improve`.

use super::{Experiment, Origin, perform, scenario, table};
use crate::cli::{Configured, Ended, Failure};
use anyhow::{Context, anyhow};
use clap::Args;
use firmware_schemas::api::what_if::{BeginWith, ImproveRequest, Moment, StockFilter};
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Flags {
    /// A file, or a scenario of the library, applied first; several are applied one after the other.
    #[arg(long, value_name = "FILE|NAME")]
    scenario: Vec<String>,
    /// Only levels at these sites may change; a `*` at the end stands for any rest.
    #[arg(long, value_name = "SITE", value_delimiter = ',')]
    sites: Vec<String>,
    /// Only levels of these SKUs.
    #[arg(long, value_name = "SKU", value_delimiter = ',')]
    skus: Vec<String>,
    /// Only levels of these classes of SKUs, such as A.
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    classes: Vec<String>,
    /// Where the search begins: today's levels, or those of the guaranteed-service model.
    #[arg(long, value_enum, default_value_t = Begin::Today)]
    begin_with: Begin,
    /// Steps of the search.
    #[arg(long, default_value_t = ImproveRequest::default().rounds, value_name = "N")]
    rounds: u32,
    /// Write the proposal as a scenario, for `whatif run --scenario FILE`.
    #[arg(long, value_name = "FILE")]
    proposal: Option<PathBuf>,
    #[command(flatten)]
    experiment: Experiment,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Begin {
    Today,
    GuaranteedService,
}

pub(super) fn run(configured: &Configured, flags: &Flags) -> Ended {
    let Flags { scenario: names, sites, skus, classes, begin_with, rounds, proposal, experiment } = flags;
    let mut request = ImproveRequest {
        scenarios: names.iter().map(|name| scenario(name)).collect::<Result<Vec<_>, Failure>>()?,
        from: Moment::Live,
        only: StockFilter { sites: sites.clone(), skus: skus.clone(), classes: classes.clone() },
        begin_with: match begin_with {
            Begin::Today => BeginWith::Today,
            Begin::GuaranteedService => BeginWith::GuaranteedService,
        },
        rounds: *rounds,
        days: experiment.days,
        warm_up_days: experiment.warm_up,
        replications_min: experiment.replications,
        replications_max: experiment.replications_max,
        goals: experiment.goal.clone(),
        seed: experiment.seed,
    };
    let origin = Origin::of(experiment)?;
    if let Origin::Gateway(from) = origin {
        request.from = from;
    }
    let done = perform(configured, experiment, names, &request.into(), &origin)?;
    done.write(experiment)?;
    if let (Some(path), Some(text)) = (proposal, &done.proposal) {
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    let found = done.improvement.ok_or_else(|| anyhow!("the gateway told of no improvement"))?;
    if configured.json {
        println!("{}", serde_json::to_string(&found)?);
        return Ok(());
    }
    print!("{}", table::of_improvement(&found));
    match (proposal, &done.proposal) {
        (Some(path), None) => eprintln!("{} is not written: nothing changes.", path.display()),
        (Some(path), Some(_)) => {
            eprintln!("The proposal is in {0}: portolan whatif run --scenario {0}", path.display())
        }
        (None, _) => {}
    }
    Ok(())
}
