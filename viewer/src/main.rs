//! Portolan's viewer: a window on a running supply network, or a picture of it.
#![allow(clippy::print_stdout, reason = "this is a command")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use firmware_schemas::api::what_if::WhatIfResult;
use firmware_schemas::id::SiteId;
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::Snapshot;
use serde_json::Value;
use viewer::Settings;
use viewer::app::{WindowOptions, run_window};
use viewer::ask::{ask_once, snapshot_at};
use viewer::bench::{Part, START_SECS_MAX, Scale};
use viewer::desk::{Answer, Question};
use viewer::feed::fetch_snapshot;
use viewer::look_back::look_back;
use viewer::palette::Theme;
use viewer::record::read_recording;
use viewer::render::{LookAt, Over, RenderOptions, render};
use viewer::scene::history::Line;
use viewer::scene::overlay::Heat;
use viewer::scene::plan::SitePlan;
use viewer::scene::what_if::Compare;
use viewer::scene::{Known, Language, Layers, Link, Units, Words, Zone};

/// Shows a running supply network.
///
/// Drag to move, wheel to zoom, click for facts, ? for all keys.
#[derive(Parser)]
#[command(name = "viewer", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    window: WindowArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Draw one picture without a window.
    Render(Box<RenderArgs>),
    /// Measure what drawing costs.
    Bench(BenchArgs),
}

#[derive(clap::Args)]
struct BenchArgs {
    /// A snapshot of the demo network, as `GET /v1/snapshot` gives it.
    #[arg(long, value_name = "FILE", required_unless_present = "past")]
    snapshot: Option<PathBuf>,
    /// Measure only how long looks back take, at the gateway with this URL.
    #[arg(long, value_name = "URL", conflicts_with_all = ["snapshot", "only"])]
    past: Option<String>,
    /// So many looks back.
    #[arg(long, default_value_t = 9)]
    moments: u32,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// Vehicles that move.
    #[arg(long, default_value_t = 100_000)]
    vehicles: usize,
    /// Frames that count.
    #[arg(long, default_value_t = 120)]
    frames: usize,
    /// Measure only this, in this process: driver, start, frames, memory, or card (frames a second).
    #[arg(long, value_parser = parse_part)]
    only: Option<Part>,
}

#[derive(clap::Args)]
struct Common {
    /// Width and height in pixels.
    #[arg(long, default_value = "1600x900", value_parser = parse_size)]
    size: (u32, u32),
    /// Colours: night (or dark), day (or light).
    #[arg(long, default_value = "night", value_parser = parse_theme)]
    theme: Theme,
    /// Language: en or zh.
    #[arg(long = "lang", default_value = "en", value_parser = parse_language)]
    language: Language,
    /// Units: metric or imperial.
    #[arg(long, default_value = "metric", value_parser = parse_units)]
    units: Units,
    /// Whose clock: utc, mine or site.
    #[arg(long, default_value = "utc", value_parser = parse_zone)]
    zone: Zone,
    /// Heat map: off, stock-out, dwell or temperature.
    #[arg(long, default_value = "off", value_parser = parse_heat)]
    heat: Heat,
    /// Layers to leave out: borders, cities, lanes, flows, sites, vehicles, stock, clusters, legend.
    #[arg(long, value_name = "LAYER", value_delimiter = ',', value_parser = parse_layer)]
    hide: Vec<usize>,
    /// The plan of a warehouse, as JSON; may be given for several.
    #[arg(long = "plan", value_name = "FILE")]
    plans: Vec<PathBuf>,
    /// Select a site, vehicle, SKU, device or shipment by its id.
    #[arg(long, value_name = "ID")]
    select: Option<String>,
}

impl Common {
    fn settings(&self) -> Settings {
        let mut layers = Layers::default();
        for layer in &self.hide {
            layers.0[*layer] = false;
        }
        let words = Words {
            language: self.language,
            units: self.units,
            zone: self.zone,
            my_zone: my_zone(),
            ..Words::default()
        };
        Settings { theme: self.theme, words, layers, heat: self.heat }
    }
}

/// The IANA name of the zone of this machine; empty when nothing says it.
fn my_zone() -> String {
    if let Ok(zone) = std::env::var("TZ")
        && !zone.is_empty()
    {
        return zone.trim_start_matches(':').to_owned();
    }
    if let Ok(zone) = std::fs::read_to_string("/etc/timezone") {
        return zone.trim().to_owned();
    }
    let link = std::fs::read_link("/etc/localtime").unwrap_or_default();
    let link = link.to_string_lossy();
    link.split_once("zoneinfo/").map(|(_, zone)| zone.to_owned()).unwrap_or_default()
}

#[derive(clap::Args)]
struct WindowArgs {
    /// The gateway.
    #[arg(long, env = "PORTOLAN_URL", default_value = "http://127.0.0.1:8460")]
    url: String,
    #[command(flatten)]
    common: Common,
    /// Close the window after so many seconds.
    #[arg(long, value_name = "SECS")]
    exit_after: Option<f64>,
    /// Save a picture of the window just before it closes.
    #[arg(long, value_name = "FILE", requires = "exit_after")]
    screenshot: Option<PathBuf>,
}

#[derive(clap::Args)]
struct RenderArgs {
    /// The gateway.
    #[arg(long, env = "PORTOLAN_URL", default_value = "http://127.0.0.1:8460", conflicts_with_all = ["snapshot", "recording"])]
    url: String,
    /// A snapshot from a file instead, as `GET /v1/snapshot` gives it.
    #[arg(long, value_name = "FILE", conflicts_with = "recording")]
    snapshot: Option<PathBuf>,
    /// A recording instead.
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
    /// The moment to show, such as 2026-11-22T06:40:00Z: of the gateway's past, or of the recording; else now, or its
    /// end.
    #[arg(long, value_name = "TIME", value_parser = parse_time, conflicts_with = "snapshot")]
    at: Option<Timestamp>,
    #[command(flatten)]
    common: Common,
    /// What to show: `network`, `world`, `inside:SITE`, the id of something, or latitude, longitude and pixels to a degree.
    #[arg(long, value_name = "VIEW", allow_hyphen_values = true, default_value = "network")]
    view: String,
    /// Lay a what-if over it: the id of a run of the gateway, or a file with its result `by=site`.
    #[arg(long, value_name = "ID|FILE")]
    what_if: Option<String>,
    /// How: ghost, side-by-side or differences.
    #[arg(long, default_value = "ghost", value_parser = parse_compare)]
    compare: Compare,
    /// The clock of the what-if, in days from its beginning.
    #[arg(long, value_name = "DAYS", default_value_t = 0.0)]
    what_if_day: f64,
    /// Lay a list over it: help, alerts, proposals or what-if.
    #[arg(long, value_parser = parse_over)]
    over: Option<Over>,
    /// Where to save the picture.
    #[arg(short, long, value_name = "FILE", default_value = "portolan.png")]
    out: PathBuf,
}

fn parse_part(text: &str) -> Result<Part, String> {
    Part::from_name(text).ok_or_else(|| "want driver, start, frames, memory or card".to_owned())
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let (width, height) = text.split_once('x').ok_or("want WIDTHxHEIGHT, such as 1600x900")?;
    let side = |text: &str| match text.parse() {
        Ok(side @ 64..=16_384) => Ok(side),
        _ => Err(format!("{text:?} is not a number from 64 to 16384")),
    };
    Ok((side(width)?, side(height)?))
}

fn parse_theme(text: &str) -> Result<Theme, String> {
    Theme::from_name(text).ok_or_else(|| "want night or day".to_owned())
}

fn parse_language(text: &str) -> Result<Language, String> {
    Language::from_name(text).ok_or_else(|| "want en or zh".to_owned())
}

fn parse_units(text: &str) -> Result<Units, String> {
    Units::from_name(text).ok_or_else(|| "want metric or imperial".to_owned())
}

fn parse_zone(text: &str) -> Result<Zone, String> {
    Zone::from_name(text).ok_or_else(|| "want utc, mine or site".to_owned())
}

fn parse_heat(text: &str) -> Result<Heat, String> {
    Heat::from_name(text).ok_or_else(|| "want off, stock-out, dwell or temperature".to_owned())
}

fn parse_layer(text: &str) -> Result<usize, String> {
    let names = Layers::NAMES.map(|(en, _)| en);
    names.iter().position(|name| *name == text).ok_or_else(|| format!("want one of {}", names.join(", ")))
}

fn parse_compare(text: &str) -> Result<Compare, String> {
    match text {
        "ghost" => Ok(Compare::Ghost),
        "side-by-side" => Ok(Compare::SideBySide),
        "differences" => Ok(Compare::Differences),
        _ => Err("want ghost, side-by-side or differences".to_owned()),
    }
}

fn parse_over(text: &str) -> Result<Over, String> {
    match text {
        "help" => Ok(Over::Help),
        "alerts" => Ok(Over::Alerts),
        "proposals" => Ok(Over::Proposals),
        "what-if" => Ok(Over::WhatIf),
        _ => Err("want help, alerts, proposals or what-if".to_owned()),
    }
}

fn read_plans(paths: &[PathBuf]) -> anyhow::Result<Vec<SitePlan>> {
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        SitePlan::from_json(&text).with_context(|| format!("the plan {}", path.display()))
    };
    paths.iter().map(read).collect()
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| "want a time such as 2026-11-22T06:40:00Z".to_owned())
}

fn parse_look_at(text: &str) -> Option<LookAt> {
    let numbers: Vec<f64> = text.split(',').filter_map(|part| part.trim().parse().ok()).collect();
    match numbers[..] {
        [lat, lon, scale] if lat.abs() <= 90.0 && lon.abs() <= 180.0 && scale > 0.0 => Some(LookAt { lat, lon, scale }),
        _ => None,
    }
}

fn main() -> anyhow::Result<()> {
    let Cli { command, window } = Cli::parse();
    match command {
        Some(Command::Render(args)) => draw_picture(*args),
        Some(Command::Bench(args)) => measure(args),
        None => {
            let WindowArgs { url, common, exit_after, screenshot } = window;
            let exit_after = exit_after.map(Duration::try_from_secs_f64).transpose().context("--exit-after")?;
            let settings = common.settings();
            let plans = read_plans(&common.plans)?;
            let Common { size, select, .. } = common;
            let options = WindowOptions { url, size, settings, select, plans, exit_after, screenshot };
            run_window(options).context("opening the window")
        }
    }
}

fn measure(args: BenchArgs) -> anyhow::Result<()> {
    let BenchArgs { snapshot, past, moments, json, vehicles, frames, only } = args;
    if let Some(url) = past {
        for figure in look_back(&url, moments).with_context(|| format!("looking back at {url}"))? {
            print_figure(&serde_json::to_value(&figure)?, json);
        }
        return Ok(());
    }
    let snapshot = snapshot.context("--snapshot FILE")?;
    let Some(part) = only else { return measure_all(&snapshot, json, vehicles, frames) };
    let text = std::fs::read(&snapshot).with_context(|| format!("reading {}", snapshot.display()))?;
    let demo = serde_json::from_slice(&text).with_context(|| format!("{} is not a snapshot", snapshot.display()))?;
    let scale = Scale { n_vehicles: vehicles, n_frames: frames, ..Scale::default() };
    for figure in viewer::bench::run(part, &demo, scale)? {
        print_figure(&serde_json::to_value(&figure)?, json);
    }
    Ok(())
}

/// Each part in a process of its own; the start three times, of which the medians count.
fn measure_all(snapshot: &std::path::Path, json: bool, vehicles: usize, frames: usize) -> anyhow::Result<()> {
    let own = std::env::current_exe().context("finding this program")?;
    let child = |part: Part| {
        let mut child = std::process::Command::new(&own);
        child.args(["bench", "--json", "--only", part.name(), "--snapshot"]).arg(snapshot);
        child.args(["--vehicles", &vehicles.to_string(), "--frames", &frames.to_string()]);
        let output = child.stderr(std::process::Stdio::inherit()).output().context("starting this program again")?;
        anyhow::ensure!(output.status.success(), "{} ended with {}", part.name(), output.status);
        let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).context("a figure")).collect::<anyhow::Result<Vec<Value>>>()
    };
    let mut wall_secs = Vec::new();
    for part in Part::ALL {
        let rounds = if matches!(part, Part::Driver | Part::Start) { 3 } else { 1 };
        let mut figures: Vec<Vec<Value>> = (0..rounds).map(|_| child(part)).collect::<anyhow::Result<_>>()?;
        figures.sort_by(|a, b| f64::total_cmp(&value(&a[0]), &value(&b[0])));
        let figures = figures.swap_remove(rounds / 2);
        figures.iter().for_each(|figure| print_figure(figure, json));
        wall_secs.extend(figures.first().map(value));
        if part == Part::Start {
            let beyond = wall_secs[1] - wall_secs[0];
            let figure = viewer::bench::figure("start beyond the driver's own", beyond, "s", Some(START_SECS_MAX));
            print_figure(&serde_json::to_value(&figure)?, json);
        }
    }
    Ok(())
}

fn value(figure: &Value) -> f64 {
    figure["value"].as_f64().unwrap_or(f64::NAN)
}

fn print_figure(figure: &Value, json: bool) {
    if json {
        println!("{figure}");
        return;
    }
    let limit = figure["at_most"].as_f64().map(|at_most| format!("  at most {at_most}")).unwrap_or_default();
    let holds = figure["holds"].as_bool().map(|holds| if holds { "  holds" } else { "  DOES NOT HOLD" });
    let (name, unit) = (figure["figure"].as_str().unwrap_or_default(), figure["unit"].as_str().unwrap_or_default());
    println!("{name:<72}{:>10.2} {unit}{limit}{}", value(figure), holds.unwrap_or_default());
}

fn draw_picture(args: RenderArgs) -> anyhow::Result<()> {
    let RenderArgs { url, snapshot, recording, at, common, view, what_if, compare, what_if_day, over, out } = args;
    let from_gateway = snapshot.is_none() && recording.is_none();
    let of_past = from_gateway && at.is_some();
    let (snapshot, link) = match (snapshot, recording, at) {
        (Some(path), ..) => {
            let text = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            let snapshot =
                serde_json::from_slice(&text).with_context(|| format!("{} is not a snapshot", path.display()))?;
            (snapshot, Link::File)
        }
        (None, Some(path), at) => (recorded(&path, at)?, Link::File),
        (None, None, Some(at)) => {
            let then = snapshot_at(&url, at).with_context(|| format!("asking {url} for the snapshot of {at}"))?;
            (then, Link::Past)
        }
        (None, None, None) => {
            (fetch_snapshot(&url).with_context(|| format!("asking {url} for a snapshot"))?, Link::Live)
        }
    };
    let settings = common.settings();
    let plans = read_plans(&common.plans)?;
    let Common { size, select, .. } = common;
    let inside = view.strip_prefix("inside:").map(SiteId::new).transpose().context("--view inside:SITE")?;
    let what_if = what_if.map(|what| read_what_if(&what, &url)).transpose()?.map(|result| {
        let name = result.head.cases.get(1).cloned().unwrap_or_default();
        (result, name, compare)
    });
    let (look_at, select) = match view.as_str() {
        _ if inside.is_some() => (None, select),
        "network" => (None, select),
        "world" => (Some(LookAt { lat: 20.0, lon: 0.0, scale: 0.1 }), select),
        other => match parse_look_at(other) {
            Some(look_at) => (Some(look_at), select),
            None => (place_of(&snapshot, other)?, select.or(Some(other.to_owned()))),
        },
    };
    let over = over.unwrap_or_default();
    let url = from_gateway.then_some(url);
    let options = RenderOptions {
        size,
        settings,
        select,
        look_at,
        link,
        inside,
        plans,
        what_if,
        movements: None,
        what_if_day,
        over,
        of_past,
        url,
    };
    let picture = render(snapshot, options)?;
    picture.image.save(&out).with_context(|| format!("saving {}", out.display()))?;
    println!("{}", out.display());
    Ok(())
}

/// What came out of a what-if: from a file, or from the gateway.
fn read_what_if(what: &str, url: &str) -> anyhow::Result<WhatIfResult> {
    if let Ok(text) = std::fs::read(what) {
        return serde_json::from_slice(&text).with_context(|| format!("{what} is not a result"));
    }
    match ask_once(url, &Question::Outcome(what.to_owned())).with_context(|| format!("asking for {what}"))? {
        Answer::Outcome(result) => Ok(*result),
        _ => anyhow::bail!("{what} has no result"),
    }
}

/// Where something is that has a place.
fn place_of(snapshot: &Snapshot, id: &str) -> anyhow::Result<Option<LookAt>> {
    let site = snapshot.sites.iter().find(|site| site.site.as_str() == id).map(|site| site.position);
    let vehicle = || snapshot.vehicles.iter().find(|vehicle| vehicle.vehicle.as_str() == id)?.position;
    let position = site.or_else(vehicle).with_context(|| format!("--view {id:?} is neither a view nor a place"))?;
    Ok(Some(LookAt { lat: position.lat(), lon: position.lon(), scale: 60.0 }))
}

/// What was known at a moment of a recording.
fn recorded(path: &std::path::Path, at: Option<Timestamp>) -> anyhow::Result<Snapshot> {
    let mut known = Known::default();
    for line in read_recording(path).with_context(|| format!("reading {}", path.display()))? {
        match line {
            Line::Snapshot(snapshot) if known.at.is_none() || at.is_none_or(|at| snapshot.at <= at) => {
                known.take_snapshot(*snapshot);
            }
            Line::Delta(delta) if at.is_none_or(|at| delta.at <= at) => {
                known.take_delta(*delta);
            }
            _ => break,
        }
    }
    if let Some(at) = at {
        known.at = known.at.max(Some(at));
    }
    known.to_snapshot().with_context(|| format!("{} has no snapshot", path.display()))
}
