//! `portolan route …`: vehicle routing from a file, with no gateway; and the routes of a running one (`live`).

mod live;

use super::{Configured, Ended, Failure, ask};
use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use gateway::clock::SystemClock;
use gateway::ports::Clock;
use routing::check::{Violation, check, reasons, schedule};
use routing::format::{
    Case, FormatError, Instance, JsonError, JsonPlan, Scale, read_json, read_li_lim, read_solomon, read_vrplib,
    write_geojson, write_solution, write_svg,
};
use routing::plan::Plan;
use routing::search::{Progress, Settings, Tick, solve, solve_on_islands};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Look for a cheap plan of a problem.
    Solve(SolveFlags),
    /// Judge a plan: print what it costs, or everything that is wrong with it.
    Check {
        #[command(flatten)]
        problem: ProblemFlags,
        /// The plan: a JSON solution or a `.sol`.
        plan: String,
    },
    /// Draw a plan: as a picture (`.svg`) or for a map (`.geojson`).
    Plot {
        #[command(flatten)]
        problem: ProblemFlags,
        /// The plan: a JSON solution or a `.sol`.
        plan: String,
        /// Where to: the ending says what.
        #[arg(long, short, value_name = "FILE")]
        out: PathBuf,
    },
    /// Look for routes of a running gateway's vehicles for what waits.
    Plan(live::PlanFlags),
    /// Show routes that were found by their id, or those that vehicles are on.
    Show {
        /// The id of the operation that found them; when left out, the routes that were given.
        id: Option<String>,
        #[command(flatten)]
        at: ask::At,
    },
    /// Give vehicles the routes that were found.
    Dispatch(live::DispatchFlags),
}

#[derive(Args)]
pub(crate) struct ProblemFlags {
    /// The problem: JSON, `.vrp`, Solomon or Li-Lim; `-` reads standard input.
    problem: String,
    /// What it is; by its content when left out.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// How lengths of text files become whole numbers: rounded, cut to tenths, or rounded to thousandths. As is usual
    /// for its kind when left out.
    #[arg(long, value_enum)]
    units: Option<Units>,
}

#[derive(Args)]
pub(crate) struct SolveFlags {
    #[command(flatten)]
    problem: ProblemFlags,
    /// How long to look.
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS")]
    seconds: f64,
    /// Stop after so many iterations instead: the same seed then gives the same plan.
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    iterations: Option<u64>,
    /// Chooses the random numbers.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Searches at once, each on a thread of its own, that exchange what they found; best as many as cores.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    islands: u8,
    /// Write the plan here: `.json`, `.sol`, `.svg` or `.geojson`; may be given several times.
    #[arg(long, short, value_name = "FILE")]
    out: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Vrp,
    Solomon,
    LiLim,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Units {
    Whole,
    Tenths,
    Thousandths,
}

/// A problem that was read; the instance if it was a text file, which `.sol` needs.
struct Loaded {
    case: Case,
    instance: Option<Instance>,
}

pub(crate) fn run(configured: &Configured, command: &Command) -> Ended {
    match command {
        Command::Solve(flags) => solve_file(configured, flags),
        Command::Check { problem, plan } => {
            let loaded = load(problem)?;
            let plan = load_plan(&loaded, plan)?;
            judge(configured, &loaded.case, &plan)
        }
        Command::Plot { problem, plan, out } => {
            let loaded = load(problem)?;
            let plan = load_plan(&loaded, plan)?;
            write(&loaded, &plan, out)
        }
        Command::Plan(flags) => live::plan(configured, flags),
        Command::Show { id, at } => live::show(configured, id.as_deref(), at),
        Command::Dispatch(flags) => live::dispatch(configured, flags),
    }
}

fn solve_file(configured: &Configured, flags: &SolveFlags) -> Ended {
    if !(flags.seconds > 0.0 && flags.seconds <= 1e6) {
        return Err(Failure::Usage(anyhow!("--seconds {} is outside 0 to 1000000", flags.seconds)));
    }
    let loaded = load(&flags.problem)?;
    let settings = Settings { seed: flags.seed, iterations: flags.iterations, ..Settings::default() };
    let began = SystemClock.monotonic();
    let spent = || SystemClock.monotonic().saturating_sub(began);
    let talks = std::io::stderr().is_terminal() && !configured.json;
    let tick = |_: &Progress| match (flags.iterations, spent().as_secs_f64() / flags.seconds) {
        (Some(_), _) => Tick::Continue,
        (None, share) if share >= 1.0 => Tick::Stop,
        (None, share) => Tick::Spent(share),
    };
    let told = Mutex::new((Duration::ZERO, i64::MAX));
    let tell = |p: &Progress| {
        let (mut told, now) = (told.lock().unwrap_or_else(PoisonError::into_inner), spent());
        if talks && p.best_cost < told.1 && now.saturating_sub(told.0) > Duration::from_millis(250) {
            *told = (now, p.best_cost);
            eprint!(
                "\r{:>6.1} s  cost {:>14}  unserved {:>5}",
                now.as_secs_f64(),
                loaded.case.cost(p.best_cost),
                p.unserved
            );
        }
    };
    let problem = &loaded.case.problem;
    let outcome = match usize::from(flags.islands) {
        1 => solve(problem, &settings, &mut |p| tick(p), &mut |p, _| tell(p)),
        islands => solve_on_islands(problem, &settings, islands, islands, &|p| {
            tell(p);
            tick(p)
        }),
    };
    if talks {
        eprintln!();
    }
    for out in &flags.out {
        write(&loaded, &outcome.plan, out)?;
    }
    if configured.json {
        print!("{}", solution(&loaded.case, &outcome.plan)?);
    } else {
        print!("{}", table(&loaded.case, &outcome.plan));
        eprintln!("{} iterations in {:.1} s", outcome.iterations, spent().as_secs_f64());
    }
    let must = |v: &Violation| matches!(v, Violation::MandatoryUnserved { .. });
    match check(&loaded.case.problem, &outcome.plan) {
        Err(violations) if violations.iter().any(must) => Err(Failure::FoundProblems),
        _ => Ok(()),
    }
}

fn judge(configured: &Configured, case: &Case, plan: &Plan) -> Ended {
    match check(&case.problem, plan) {
        Ok(totals) if configured.json => {
            let told = serde_json::json!({
                "cost": case.cost(totals.cost), "duration": totals.duration, "routes": plan.routes.len(),
                "unserved": plan.unserved.len(), "violations": [],
            });
            println!("{told}");
            Ok(())
        }
        Ok(totals) => {
            let unserved = plan.unserved.len();
            println!("right: cost {}, {} routes, {unserved} unserved", case.cost(totals.cost), plan.routes.len());
            Ok(())
        }
        Err(violations) => {
            if configured.json {
                let told = violations.iter().map(|v| serde_json::json!({ "code": v.code(), "text": v.to_string() }));
                println!("{}", serde_json::json!({ "violations": told.collect::<Vec<_>>() }));
            } else {
                violations.iter().for_each(|v| println!("{:<22} {v}", v.code()));
            }
            Err(Failure::FoundProblems)
        }
    }
}

fn load(flags: &ProblemFlags) -> Result<Loaded, Failure> {
    let text = ask::read(&flags.problem)?;
    let format = flags.format.unwrap_or_else(|| guess(&text));
    let scale = |usual: Units| match flags.units.unwrap_or(usual) {
        Units::Whole => Scale::WHOLE,
        Units::Tenths => Scale::DIMACS,
        Units::Thousandths => Scale::THOUSANDTHS,
    };
    let read = match format {
        Format::Json => {
            let case = read_json(&text).map_err(|why| refused(&flags.problem, &why))?;
            return Ok(Loaded { case, instance: None });
        }
        Format::Vrp if text.contains("TIME_WINDOW_SECTION") => read_vrplib(&text, scale(Units::Tenths)),
        Format::Vrp => read_vrplib(&text, scale(Units::Whole)),
        Format::Solomon => read_solomon(&text, scale(Units::Tenths)),
        Format::LiLim => read_li_lim(&text, scale(Units::Thousandths)),
    };
    let instance = read.map_err(|why| match why {
        FormatError::Refused(refusals) => {
            refusals.iter().for_each(|r| println!("{}: {:<20} {r}", flags.problem, r.code()));
            Failure::FoundProblems
        }
        why => Failure::Failed(anyhow!("{}: {why}", flags.problem)),
    })?;
    Ok(Loaded { case: Case::from(instance.clone()), instance: Some(instance) })
}

/// Faults are printed one by one; what is no JSON at all is an error.
fn refused(file: &str, why: &JsonError) -> Failure {
    match why {
        JsonError::Wrong(faults) => {
            faults.iter().for_each(|f| println!("{file}:{}: {:<20} {}: {}", f.line, f.code, f.field, f.what));
            Failure::FoundProblems
        }
        why => Failure::Failed(anyhow!("{file}: {why}")),
    }
}

/// What kind of file a text is.
fn guess(text: &str) -> Format {
    let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
    let first = lines.next().unwrap_or_default();
    if first.starts_with('{') {
        return Format::Json;
    }
    let numbers = |line: &str| line.split_whitespace().all(|w| w.parse::<f64>().is_ok());
    if numbers(first) && lines.next().is_some_and(|l| numbers(l) && l.split_whitespace().count() >= 9) {
        return Format::LiLim;
    }
    let keys = ["DIMENSION", "NODE_COORD_SECTION", "EDGE_WEIGHT_TYPE", "TYPE"];
    match keys.iter().any(|key| text.lines().any(|l| l.trim_start().starts_with(key))) {
        true => Format::Vrp,
        false => Format::Solomon,
    }
}

fn load_plan(loaded: &Loaded, file: &str) -> Result<Plan, Failure> {
    let text = ask::read(file)?;
    if text.trim_start().starts_with('{') {
        return Ok(JsonPlan::read(&loaded.case, &text).map_err(|why| refused(file, &why))?.plan);
    }
    let Some(instance) = &loaded.instance else {
        return Err(Failure::Usage(anyhow!("{file}: a .sol belongs to a .vrp, Solomon or Li-Lim file, not to JSON")));
    };
    Ok(instance.read_sol(&text, 1).map_err(|why| anyhow!("{file}: {why}"))?.plan)
}

fn write(loaded: &Loaded, plan: &Plan, out: &Path) -> Ended {
    let Loaded { case, instance } = loaded;
    let text = match (out.extension().and_then(|e| e.to_str()), instance) {
        (Some("svg"), _) => write_svg(case, plan)?,
        (Some("geojson"), _) => write_geojson(case, plan)?,
        (Some("json"), _) => solution(case, plan)?,
        (Some("sol"), Some(instance)) => {
            let cost = check(&case.problem, plan).map(|t| t.cost.to_string()).unwrap_or_default();
            instance.write_sol(plan, &cost)
        }
        _ => {
            let what = "the ending says what to write: .json, .svg, .geojson, or .sol of a text file";
            return Err(Failure::Usage(anyhow!("{}: {what}", out.display())));
        }
    };
    std::fs::write(out, text).with_context(|| format!("writing {}", out.display()))?;
    Ok(())
}

fn solution(case: &Case, plan: &Plan) -> Result<String, Failure> {
    write_solution(case, plan).map_err(|violations| {
        violations.iter().for_each(|v| println!("{:<22} {v}", v.code()));
        Failure::FoundProblems
    })
}

/// A line for each route, the sums, and why jobs are unserved.
fn table(case: &Case, plan: &Plan) -> String {
    let mut out = format!("{:>10} {:>6} {:>12} {:>12}  stops\n", "vehicle", "stops", "departure", "end");
    for route in &plan.routes {
        let times = schedule(&case.problem, route).ok();
        let ids: Vec<String> = route.visits.iter().take(12).map(|&v| case.id(v).to_string()).collect();
        let more = if route.visits.len() > ids.len() { " …" } else { "" };
        let vehicle = case.labels.vehicles[route.vehicle];
        let (departure, end) = times.map_or((0, 0), |t| (t.departure, t.end));
        out += &format!("{vehicle:>10} {:>6} {departure:>12} {end:>12}  {}{more}\n", route.visits.len(), ids.join(" "));
    }
    let cost = match check(&case.problem, plan) {
        Ok(totals) => {
            format!("cost {}, of that {} for unserved jobs", case.cost(totals.cost), case.cost(totals.prizes_lost))
        }
        Err(_) => "jobs that must be served are not".to_owned(),
    };
    out += &format!("{} routes, {} unserved, {cost}\n", plan.routes.len(), plan.unserved.len());
    for (&job, reason) in plan.unserved.iter().zip(reasons(&case.problem, plan)).take(20) {
        out += &format!("unserved {}: {}: {}\n", case.labels.jobs[job][0], reason.code(), case.reason(&reason));
    }
    out
}
