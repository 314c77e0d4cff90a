//! `bench NAME [--json] [--data PATH]`: one benchmark, printed as a table or as one JSON object a line.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use tests::bench::{BENCHES, Figure, Options};

/// Measures Portolan against a peer or a bare limit in the same run.
#[derive(Parser)]
struct Cli {
    /// Which benchmark, or `list`.
    name: String,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    /// Readings or messages to work with; each benchmark has its own default.
    #[arg(long)]
    n: Option<u64>,
    /// Measure the peers beside us as well, where the benchmark has some.
    #[arg(long)]
    peers: bool,
    /// A file or folder to work on, for the benchmarks that take one.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Seconds of processor time for each run, for `routes`; 10 and 30 by default.
    #[arg(long)]
    secs: Option<f64>,
    /// A rolling year ahead on weekly sales, by level of aggregation, for `forecast`.
    #[arg(long)]
    rolling: bool,
    /// Demand of the weeks to play, by pair and week, for `vn2`.
    #[arg(long, value_name = "FILE")]
    actuals: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Cli { name, json, n, peers, data, secs, rolling, actuals } = Cli::parse();
    if name == "list" {
        for bench in BENCHES {
            println!("{:<18} {} (needs: {})", bench.name, bench.what, bench.needs);
        }
        return ExitCode::SUCCESS;
    }
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == name) else {
        eprintln!("no benchmark {name:?}; `bench list` names them");
        return ExitCode::from(2);
    };
    let figures = match (bench.run)(&Options { n, peers, data, secs, rolling, actuals }) {
        Ok(figures) => figures,
        Err(why) => {
            eprintln!("{name}: {why:#}");
            return ExitCode::FAILURE;
        }
    };
    for figure in &figures {
        println!("{}", if json { figure.json(&name) } else { figure.row() });
    }
    if figures.iter().all(Figure::holds) { ExitCode::SUCCESS } else { ExitCode::from(6) }
}
