//! `portolan whatif …`.

mod improve;
#[cfg(feature = "parquet")]
mod parquet;
mod remote;
mod table;

use self::remote::Gateway;
use super::serve::runtime;
use super::{Configured, Ended, Failure};
use anyhow::{Context, anyhow};
use clap::Args;
use firmware_schemas::api::Fault;
use firmware_schemas::api::what_if::{
    CaseRequest, Goal, ImprovementView, Moment, OperationKind, OperationState, PageLanguage, Select, WhatIfHead,
    WhatIfRequest, WhatIfResult,
};
use firmware_schemas::id::OperationId;
use firmware_schemas::quantity::Timestamp;
use gateway::clock::SystemClock;
use gateway::ports::Clock;
use gateway::what_if::library;
use gateway::what_if::work::Request;
use gateway::what_if::{Settings, WhatIfError};
use sim::situation::{Assumptions, Situation};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Run scenarios and compare them with the network as it is.
    Run(Box<RunFlags>),
    /// Look for better levels of stock positions, and judge them beside today's.
    Improve(Box<improve::Flags>),
    /// Put results side by side: by id, or from files that `run --json` wrote.
    Compare {
        /// Ids or files.
        #[arg(required = true)]
        results: Vec<String>,
        #[command(flatten)]
        at: At,
    },
    /// List the results that a gateway keeps.
    List {
        #[command(flatten)]
        at: At,
    },
    /// List the scenarios of the library; with a name, print its text.
    Scenarios {
        /// One of them.
        name: Option<String>,
    },
}

#[derive(Args)]
pub(crate) struct At {
    /// The gateway to ask; the one that `http.listen` names when left out.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

#[derive(Args)]
pub(crate) struct RunFlags {
    /// A file, or a scenario of the library; each is a case of its own.
    #[arg(long, value_name = "FILE|NAME")]
    scenario: Vec<String>,
    /// Leave out the case in which nothing is changed; the others are compared with the first.
    #[arg(long)]
    no_base: bool,
    /// Look for the best case by a key figure (`relevant_cost` when none is named): replications go where they tell it
    /// from its rivals.
    #[arg(long, value_name = "KPI", num_args = 0..=1, default_missing_value = "relevant_cost")]
    select: Option<String>,
    /// Replications of all cases together, with --select; four times those of --replications for each case when left
    /// out.
    #[arg(long, value_name = "N", requires = "select")]
    budget: Option<u32>,
    #[command(flatten)]
    experiment: Experiment,
}

/// What any experiment needs.
#[derive(Args)]
pub(crate) struct Experiment {
    /// `live`, a time of the past such as 2026-11-22T06:40:00Z, or a network folder, which needs no gateway.
    #[arg(long, default_value = "live", value_name = "live|TIME|FOLDER")]
    from: String,
    /// When day 0 of a network folder begins; now when left out.
    #[arg(long, value_name = "TIME", value_parser = time)]
    start: Option<Timestamp>,
    #[command(flatten)]
    at: At,
    /// Days that are simulated, those of the warm-up included.
    #[arg(long, default_value_t = WhatIfRequest::default().days)]
    days: u32,
    /// The first days, which are not counted.
    #[arg(long, default_value_t = 0, value_name = "DAYS")]
    warm_up: u32,
    /// Replications of each case; with a goal, or with --select, the fewest.
    #[arg(long, default_value_t = WhatIfRequest::default().replications_min, value_name = "N")]
    replications: u32,
    /// The most replications where there are goals; 16 times the fewest when left out.
    #[arg(long, value_name = "N")]
    replications_max: Option<u32>,
    /// Of all random draws.
    #[arg(long, default_value_t = WhatIfRequest::default().seed)]
    seed: u64,
    /// Go on until the half-width of a key figure's interval is this share of its mean, such as `fill_rate=1%`.
    #[arg(long, value_name = "KPI=SHARE", value_parser = goal)]
    goal: Vec<Goal>,
    /// Write a page for people.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// What the page is written in.
    #[arg(long, value_enum, default_value_t = Language::En)]
    language: Language,
    /// Write all figures, also by site, class, tier and lane, as CSV.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// The same as Parquet.
    #[cfg(feature = "parquet")]
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
    /// Threads, where no gateway is asked; 0 is half of the cores.
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Language {
    En,
    Zh,
}

impl Language {
    fn page(self) -> PageLanguage {
        match self {
            Self::En => PageLanguage::En,
            Self::Zh => PageLanguage::Zh,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }
}

impl Experiment {
    /// Whether the table is needed.
    fn wants_table(&self) -> bool {
        #[cfg(feature = "parquet")]
        if self.parquet.is_some() {
            return true;
        }
        self.csv.is_some()
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| "not a time such as 2026-11-01T00:00:00Z".to_owned())
}

fn goal(text: &str) -> Result<Goal, String> {
    let wrong = || "not a key figure and a share such as fill_rate=1% or fill_rate=0.01".to_owned();
    let (kpi, share) = text.split_once('=').ok_or_else(wrong)?;
    let (number, unit) = share.strip_suffix('%').map_or((share, 1.0), |percent| (percent, 100.0));
    let share: f64 = number.trim().parse().map_err(|_not_a_number| wrong())?;
    Ok(Goal { kpi: kpi.trim().to_owned(), half_width: share / unit })
}

pub(crate) fn run(configured: &Configured, command: &Command) -> Ended {
    match command {
        Command::Run(flags) => run_cases_of(configured, flags),
        Command::Improve(flags) => improve::run(configured, flags),
        Command::Compare { results, at } => compare(configured, results, at),
        Command::List { at } => list(configured, at),
        Command::Scenarios { name } => scenarios(configured, name.as_deref()),
    }
}

/// The gateway that was named, or the one of the configuration.
fn gateway(configured: &Configured, at: &At) -> Result<Gateway, Failure> {
    let url = match &at.url {
        Some(url) => url.clone(),
        None => format!("http://{}", configured.load(&[])?.config.http.listen),
    };
    Gateway::new(&url)
}

/// What came out, with what is needed to write files of it.
struct Done {
    result: WhatIfResult,
    improvement: Option<ImprovementView>,
    proposal: Option<Vec<u8>>,
    report: Option<Vec<u8>>,
    csv: Option<Vec<u8>>,
}

impl Done {
    /// Writes the files that were asked for.
    fn write(&self, experiment: &Experiment) -> Ended {
        for (path, bytes) in [(&experiment.report, &self.report), (&experiment.csv, &self.csv)] {
            if let (Some(path), Some(bytes)) = (path, bytes) {
                std::fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))?;
            }
        }
        #[cfg(feature = "parquet")]
        if let (Some(path), Some(table)) = (&experiment.parquet, &self.csv) {
            let bytes = parquet::of(table).context("making the Parquet file")?;
            std::fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }
}

fn run_cases_of(configured: &Configured, flags: &RunFlags) -> Ended {
    let RunFlags { scenario: names, no_base, select, budget, experiment } = flags;
    let mut request = WhatIfRequest {
        scenarios: names.iter().map(|name| scenario(name)).collect::<Result<Vec<_>, Failure>>()?,
        base: !no_base,
        from: Moment::Live,
        days: experiment.days,
        warm_up_days: experiment.warm_up,
        replications_min: experiment.replications,
        replications_max: experiment.replications_max,
        goals: experiment.goal.clone(),
        seed: experiment.seed,
        select: select.as_ref().map(|kpi| Select { kpi: kpi.clone(), replications_total: *budget }),
    };
    let origin = Origin::of(experiment)?;
    if let Origin::Gateway(from) = origin {
        request.from = from;
    }
    let done = perform(configured, experiment, names, &request.into(), &origin)?;
    done.write(experiment)?;
    if configured.json {
        println!("{}", serde_json::to_string(&done.result)?);
    } else {
        print!("{}", table::of_one(&done.result));
    }
    Ok(())
}

/// Where an experiment is made.
enum Origin {
    Gateway(Moment),
    Folder(PathBuf),
}

impl Origin {
    fn of(experiment: &Experiment) -> Result<Self, Failure> {
        match (experiment.from.as_str(), Timestamp::parse_rfc3339(&experiment.from)) {
            ("live", _) => Ok(Self::Gateway(Moment::Live)),
            (_, Some(at)) => Ok(Self::Gateway(Moment::At(at))),
            (folder, None) if Path::new(folder).is_dir() => Ok(Self::Folder(folder.into())),
            (other, None) => {
                let why = format!("--from {other:?} is neither `live`, nor a time, nor a folder");
                Err(Failure::Usage(anyhow!(why)))
            }
        }
    }
}

fn perform(
    configured: &Configured,
    experiment: &Experiment,
    names: &[String],
    request: &Request,
    origin: &Origin,
) -> Result<Done, Failure> {
    match origin {
        Origin::Gateway(_) => runtime()?.block_on(remotely(configured, experiment, names, request)),
        Origin::Folder(folder) => locally(experiment, names, request, folder),
    }
}

/// A file, or the name of a scenario of the library.
fn scenario(name: &str) -> Result<CaseRequest, Failure> {
    if library::text(name).is_some() {
        return Ok(CaseRequest { library: Some(name.to_owned()), ..CaseRequest::default() });
    }
    let text = match std::fs::read_to_string(name) {
        Ok(text) => text,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
            let known: Vec<&str> = library::LIBRARY.iter().map(|(id, _)| *id).collect();
            let why = anyhow!("{name:?} is neither a file nor a scenario of the library: {}", known.join(", "));
            return Err(Failure::NotFound(why));
        }
        Err(why) => return Err(anyhow::Error::new(why).context(format!("reading {name}")).into()),
    };
    if text.trim_start().starts_with('{') {
        let json = serde_json::from_str(&text).map_err(|why| Failure::Usage(anyhow!("{name}: {why}")))?;
        return Ok(CaseRequest { json: Some(json), ..CaseRequest::default() });
    }
    Ok(CaseRequest { toml: Some(text), ..CaseRequest::default() })
}

/// Each fault on a line of its own, with the file that it stands in.
fn told(faults: &[Fault], scenarios: &[String]) -> anyhow::Error {
    let lines = faults.iter().map(|fault| {
        let pointer = fault.pointer.as_deref().unwrap_or_default().trim_start_matches('#');
        let in_scenario = pointer.strip_prefix("/scenarios/").and_then(|rest| {
            let (number, rest) = rest.split_once('/').unwrap_or((rest, ""));
            let name = scenarios.get(number.parse::<usize>().ok()?)?;
            let rest = rest.split_once('/').map_or("", |(_, rest)| rest);
            Some((name.clone(), rest.to_owned()))
        });
        let (mut place, rest) =
            in_scenario.unwrap_or_else(|| (pointer.trim_start_matches('/').to_owned(), String::new()));
        if let Some(line) = fault.line {
            place.push_str(&format!(":{line}"));
        }
        let field = fault.field.clone().or_else(|| (!rest.is_empty()).then(|| format!("/{rest}")));
        let field = field.map(|field| format!("{field}: ")).unwrap_or_default();
        format!("\n  {place}: {field}{}", fault.detail)
    });
    anyhow!("nothing was started, {} thing(s) are wrong:{}", faults.len(), lines.collect::<String>())
}

async fn remotely(
    configured: &Configured,
    experiment: &Experiment,
    names: &[String],
    request: &Request,
) -> Result<Done, Failure> {
    let gateway = gateway(configured, &experiment.at)?;
    let id = format!("cli-{}-{}", SystemClock.now().as_nanos(), std::process::id());
    let operation = gateway.ask(&id, request, names).await?;
    let mut bar = Bar::new();
    let ended = tokio::select! {
        ended = gateway.follow(&operation.id, |view| bar.show(view.progress)) => ended?,
        _ = tokio::signal::ctrl_c() => {
            bar.end();
            gateway.cancel(&operation.id).await?;
            return Err(anyhow!("called off").into());
        }
    };
    bar.end();
    match (ended.state, ended.problem) {
        (OperationState::Succeeded, _) => {}
        (OperationState::Cancelled, _) => return Err(anyhow!("operation {id} was called off by somebody else").into()),
        (_, Some(problem)) => return Err(remote::failure(problem, names)),
        (state, None) => return Err(anyhow!("operation {id} ended as {state:?}").into()),
    }
    let report = match &experiment.report {
        Some(_) => {
            let language = experiment.language.as_str();
            Some(gateway.bytes(&format!("/v1/what-if/{id}/report.html?language={language}")).await?)
        }
        None => None,
    };
    let csv = if experiment.wants_table() {
        Some(gateway.bytes(&format!("/v1/what-if/{id}/result.csv")).await?)
    } else {
        None
    };
    let improvement = match request.kind() {
        OperationKind::WhatIf | OperationKind::Routes => None,
        OperationKind::Improve => Some(gateway.improvement(&operation.id).await?),
    };
    let proposal = match &improvement {
        Some(found) if !found.levels.is_empty() => {
            Some(gateway.bytes(&format!("/v1/what-if/{id}/proposal.toml")).await?)
        }
        _ => None,
    };
    Ok(Done { result: gateway.result(&id).await?, improvement, proposal, report, csv })
}

fn locally(experiment: &Experiment, names: &[String], request: &Request, folder: &Path) -> Result<Done, Failure> {
    let wrong = |faults: Vec<Fault>| Failure::Usage(told(&faults, names));
    let network = gateway::network::load(folder)?;
    let created_at = SystemClock.now();
    let start = experiment.start.unwrap_or(created_at);
    let situation = Situation::from_network(&network, start, &Assumptions::default());
    let currency = situation.currency.clone();
    let defaults = gateway::config::WhatIf { threads: experiment.threads, ..gateway::config::WhatIf::default() };
    let settings = Settings::from(&defaults);
    let task = request.read_for(situation.clone(), &settings).map_err(wrong)?;
    let stop = Arc::new(AtomicBool::new(false));
    let work = runtime()?.block_on(async {
        let called_off = stop.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                called_off.store(true, Ordering::Relaxed);
            }
        });
        tokio::task::block_in_place(|| {
            let mut bar = Bar::new();
            let work = task.perform(situation, &settings, &stop, &mut |progress| {
                bar.show(progress.done as f64 / progress.of.max(1) as f64);
            });
            bar.end();
            work
        })
    });
    let work = work.map_err(|why| match why {
        WhatIfError::Wrong(faults) => wrong(faults),
        why => anyhow::Error::new(why).into(),
    })?;
    let Some(work) = work else { return Err(anyhow!("called off").into()) };
    let plan = task.plan();
    let summary = work.summary(WhatIfHead {
        id: OperationId::new(&format!("local-{}", created_at.as_nanos())).context("an id")?,
        created_at,
        ended_at: SystemClock.now(),
        start,
        revision: None,
        currency,
        days: plan.days,
        warm_up_days: plan.warm_up_days,
        replications: 0,
        seed: plan.seed,
        cases: Vec::new(),
        kind: request.kind(),
    });
    let head = &summary.result.head;
    let report = experiment.report.is_some().then(|| work.page(head, experiment.language.page()).into_bytes());
    let csv = experiment.wants_table().then(|| work.table().into_bytes());
    let proposal = work.proposal().map(|text| text.as_bytes().to_vec());
    Ok(Done { improvement: work.improvement(&summary), proposal, report, csv, result: summary.result })
}

fn compare(configured: &Configured, names: &[String], at: &At) -> Ended {
    let (files, ids): (Vec<_>, Vec<_>) = names.iter().partition(|name| Path::new(name).is_file());
    let gateway = if ids.is_empty() { None } else { Some(gateway(configured, at)?) };
    let runtime = runtime()?;
    let mut results = Vec::new();
    for name in names {
        let result: WhatIfResult = match &gateway {
            Some(gateway) if !files.contains(&name) => runtime.block_on(gateway.result(name))?,
            _ => {
                let text = std::fs::read_to_string(name).with_context(|| format!("reading {name}"))?;
                serde_json::from_str(&text)
                    .map_err(|why| Failure::Usage(anyhow!("{name} is not what `whatif run --json` writes: {why}")))?
            }
        };
        results.push(result);
    }
    if configured.json {
        println!("{}", serde_json::to_string(&results)?);
        return Ok(());
    }
    match results.as_slice() {
        [one] => print!("{}", table::of_one(one)),
        several => print!("{}", table::side_by_side(several)),
    }
    Ok(())
}

fn list(configured: &Configured, at: &At) -> Ended {
    let heads = runtime()?.block_on(gateway(configured, at)?.heads())?;
    if configured.json {
        println!("{}", serde_json::to_string(&heads)?);
    } else {
        print!("{}", table::of_heads(&heads));
    }
    Ok(())
}

fn scenarios(configured: &Configured, name: Option<&str>) -> Ended {
    let views = library::views();
    if let Some(name) = name {
        let none = || Failure::NotFound(anyhow!("there is no scenario {name:?} in the library"));
        let text = library::text(name).ok_or_else(none)?;
        print!("{text}");
        return Ok(());
    }
    if configured.json {
        println!("{}", serde_json::to_string(&views)?);
        return Ok(());
    }
    let chinese = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok());
    let chinese = chinese.is_some_and(|language| language.starts_with("zh"));
    let width = views.iter().map(|view| view.id.len()).max().unwrap_or_default();
    for view in views {
        let (name, story) = match (chinese, view.name_zh, view.story_zh) {
            (true, Some(name), Some(story)) => (name, story),
            _ => (view.name, view.story),
        };
        println!("{:width$}  {name}\n{:width$}  {story}", view.id, "");
    }
    Ok(())
}

/// A bar of progress, only where a person sees it.
struct Bar {
    shown: Option<u32>,
    is_seen: bool,
}

impl Bar {
    const WIDTH: usize = 40;

    fn new() -> Self {
        Self { shown: None, is_seen: std::io::stderr().is_terminal() }
    }

    fn show(&mut self, share: f64) {
        let percent = (share.clamp(0.0, 1.0) * 100.0) as u32;
        if !self.is_seen || self.shown == Some(percent) {
            return;
        }
        self.shown = Some(percent);
        let full = percent as usize * Self::WIDTH / 100;
        eprint!("\r[{}{}] {percent:>3} %", "#".repeat(full), ".".repeat(Self::WIDTH - full));
        std::io::stderr().flush().ok();
    }

    fn end(&mut self) {
        if self.shown.take().is_some() {
            eprint!("\r{}\r", " ".repeat(Self::WIDTH + 8));
        }
    }
}
