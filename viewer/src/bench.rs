//! What drawing costs: the benchmark `viewer`.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::time::{Duration, Instant};

use bevy::prelude::*;
use firmware_schemas::id::{LaneId, SiteId, VehicleId};
use firmware_schemas::network::{Mode, SiteKind, VehicleKind};
use firmware_schemas::quantity::{Grams, Metres, Pieces, Position, Seconds, Timestamp};
use firmware_schemas::view::{Change, Delta, Freshness, LaneView, SiteView, Snapshot, StockSummary, VehicleView};
use serde::Serialize;

use crate::app::OwnSystems;
use crate::chart::Chart;
use crate::feed::FeedEvent;
use crate::panel;
use crate::record::Recorder;
use crate::render::{RenderError, RenderOptions, Studio};
use crate::scene::history::Line;

/// A figure, as every benchmark of the repository prints them.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// `viewer`.
    pub bench: &'static str,
    /// What.
    pub figure: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What it must not exceed.
    pub at_most: Option<f64>,
    /// Whether it does not.
    pub holds: Option<bool>,
}

fn figure(name: &str, value: f64, unit: &'static str, at_most: Option<f64>) -> Figure {
    let holds = at_most.map(|at_most| value <= at_most);
    Figure { bench: "viewer", figure: name.to_owned(), value, unit, at_most, holds }
}

/// When the systems of a frame began, and what they took.
#[derive(Resource)]
struct Stopwatch {
    began: Instant,
    frames: Vec<Duration>,
    spent: Duration,
}

fn begin(mut watch: ResMut<Stopwatch>) {
    watch.began = Instant::now();
}

fn end(mut watch: ResMut<Stopwatch>) {
    let took = watch.began.elapsed();
    watch.spent += took;
}

/// A made-up network: sites on a grid over Europe and Asia, each with a lane to the next, vehicles on all of them.
///
/// `snapshot.sites` of the network that is given are not used; its head, SKUs and clock are.
pub fn big_network(like: &Snapshot, n_sites: usize, n_vehicles: usize) -> Snapshot {
    let side = (n_sites as f64).sqrt().ceil() as usize;
    let place = |nth: usize| {
        let (row, column) = (nth / side, nth % side);
        let lat = 10.0 + 50.0 * row as f64 / side as f64;
        let lon = -8.0 + 120.0 * column as f64 / side as f64;
        Position::from_degrees(lat, lon)
    };
    let site_id = |nth: usize| SiteId::new(&format!("S-{nth:06}")).ok();
    let mut snapshot = Snapshot {
        sites: Vec::new(),
        lanes: Vec::new(),
        devices: Vec::new(),
        vehicles: Vec::new(),
        shipments: Vec::new(),
        alerts: Vec::new(),
        stock: Vec::new(),
        ..like.clone()
    };
    for nth in 0..n_sites {
        let (Some(site), Some(position)) = (site_id(nth), place(nth)) else { continue };
        let kind = match nth % 20 {
            0 => SiteKind::RegionalWarehouse,
            1..5 => SiteKind::Shop,
            _ => SiteKind::Customer,
        };
        let stock = StockSummary {
            positions: if nth % 20 < 5 { 40 } else { 0 },
            on_hand: Pieces(900),
            in_transit: Pieces(30),
            below_reorder_point: (nth % 7) as u32,
            out_of_stock: (nth % 3) as u32,
        };
        let name = format!("Site {nth}");
        let like = SiteView {
            site: site.clone(),
            kind,
            name,
            name_zh: None,
            position,
            country: None,
            time_zone: "UTC".to_owned(),
            tier: None,
            partner_class: None,
            stock,
            gln: None,
            open_alerts: 0,
        };
        snapshot.sites.push(like);
        let (Ok(lane), Some(to)) = (LaneId::new(&format!("L-{nth:06}")), site_id((nth * 7 + 13) % n_sites)) else {
            continue;
        };
        snapshot.lanes.push(LaneView {
            lane,
            from: site,
            to,
            mode: if nth % 3 == 0 { Mode::Sea } else { Mode::Road },
            lead_time_secs: Seconds(86_400),
            distance_m: Metres(1_000_000),
            via: Vec::new(),
        });
    }
    snapshot.vehicles = (0..n_vehicles).filter_map(|nth| vehicle(&snapshot, nth, snapshot.at)).collect();
    snapshot
}

/// A vehicle on its lane, a fix of which was heard at `at`.
fn vehicle(snapshot: &Snapshot, nth: usize, at: Timestamp) -> Option<VehicleView> {
    let lane = &snapshot.lanes[nth % snapshot.lanes.len()];
    let site =
        |id: &SiteId| snapshot.sites.binary_search_by(|site| site.site.cmp(id)).ok().map(|at| &snapshot.sites[at]);
    let (from, to) = (site(&lane.from)?.position, site(&lane.to)?.position);
    // How far along depends on the clock, so that a newer fix is farther.
    let share = ((nth * 37 % 1_000) as f64 / 1_000.0 + at.as_secs() as f64 / 100_000.0).fract();
    let between = |a: f64, b: f64| a + (b - a) * share;
    let position = Position::from_degrees(between(from.lat(), to.lat()), between(from.lon(), to.lon()))?;
    Some(VehicleView {
        vehicle: VehicleId::new(&format!("V-{nth:07}")).ok()?,
        kind: if lane.mode == Mode::Sea { VehicleKind::Ship } else { VehicleKind::Truck },
        mode: lane.mode,
        name: format!("Vehicle {nth}"),
        capacity_g: Grams(20_000_000),
        home: lane.from.clone(),
        position: Some(position),
        at: Some(at),
        speed_mm_per_s: Some(15_000),
        heading_cdeg: None,
        lane: Some(lane.lane.clone()),
        site: None,
        interval_secs: Seconds(60),
        freshness: Freshness::Live,
        shipments: Vec::new(),
    })
}

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Vehicles, all moving, each with a fix a minute.
    pub n_vehicles: usize,
    /// Sites.
    pub n_sites: usize,
    /// Frames that count.
    pub n_frames: usize,
    /// Hours of steps for the memory.
    pub hours: u64,
}

impl Default for Scale {
    fn default() -> Self {
        Self { n_vehicles: 100_000, n_sites: 10_000, n_frames: 120, hours: 24 }
    }
}

/// All figures; `demo` is a snapshot of the demo network, for the start.
pub fn run(demo: &Snapshot, scale: Scale) -> Result<Vec<Figure>, RenderError> {
    let mut figures = start(demo)?;
    figures.extend(frames(demo, scale)?);
    figures.extend(memory(demo, scale.hours));
    Ok(figures)
}

/// From nothing to the first complete picture, less what the driver needs for a picture of nothing.
fn start(demo: &Snapshot) -> Result<Vec<Figure>, RenderError> {
    const SIZE: (u32, u32) = (1_600, 900);
    let began = Instant::now();
    let mut studio = Studio::bare(SIZE)?;
    studio.frame();
    let driver = began.elapsed();
    drop(studio);
    let began = Instant::now();
    Studio::new(SIZE)?.draw(demo.clone(), RenderOptions::new(SIZE))?;
    let whole = began.elapsed();
    let beyond = whole.saturating_sub(driver).as_secs_f64();
    Ok(vec![
        figure("driver alone, one frame of nothing", driver.as_secs_f64(), "s", None),
        figure("start to the first complete picture of the demo", whole.as_secs_f64(), "s", None),
        figure("start beyond the driver's own", beyond, "s", Some(2.0)),
    ])
}

/// CPU time of our own systems in a frame at 60 frames a second, all vehicles moving and reporting each minute.
fn frames(demo: &Snapshot, scale: Scale) -> Result<Vec<Figure>, RenderError> {
    const SIZE: (u32, u32) = (1_600, 900);
    // Few pixels: filling them is the card's work, or takes seconds without one.
    const TARGET: (u32, u32) = (160, 90);
    let snapshot = big_network(demo, scale.n_sites, scale.n_vehicles);
    let mut studio = Studio::new(TARGET)?;
    let app = studio.app_mut();
    app.insert_resource(Stopwatch { began: Instant::now(), frames: Vec::new(), spent: Duration::ZERO })
        .add_systems(Update, (begin.before(OwnSystems), end.after(OwnSystems)));
    panel::add_stopwatch(app, begin, end);
    let mut chart = Chart::new(SIZE, crate::Settings::default(), None);
    chart.generation = 1;
    chart.take(FeedEvent::Snapshot(Box::new(snapshot.clone())));
    app.insert_resource(chart);
    for _ in 0..8 {
        studio.frame();
    }
    let n_changes = scale.n_vehicles.div_ceil(60 * 60);
    let mut next = 0;
    for nth in 0..scale.n_frames {
        let world = studio.app_mut().world_mut();
        let at = snapshot.at.saturating_add(Duration::from_millis(17 * nth as u64));
        let changes = (next..next + n_changes).filter_map(|nth| vehicle(&snapshot, nth % scale.n_vehicles, at));
        let changes = changes.map(Change::Vehicle).collect();
        next += n_changes;
        let seq = snapshot.seq + 1 + nth as u64;
        let mut chart = world.resource_mut::<Chart>();
        let began = Instant::now();
        chart.take(FeedEvent::Delta(Box::new(Delta { seq, at, changes })));
        let taking = began.elapsed();
        world.resource_mut::<Stopwatch>().spent = taking;
        studio.frame();
        let mut watch = studio.app_mut().world_mut().resource_mut::<Stopwatch>();
        let spent = watch.spent;
        watch.frames.push(spent);
    }
    let world = studio.app_mut().world_mut();
    let mut millis: Vec<f64> =
        world.resource::<Stopwatch>().frames.iter().map(|span| span.as_secs_f64() * 1_000.0).collect();
    millis.sort_by(f64::total_cmp);
    let at = |share: f64| millis[((millis.len() - 1) as f64 * share) as usize];
    let mean = millis.iter().sum::<f64>() / millis.len() as f64;
    let mut drawn = world.query_filtered::<&ViewVisibility, With<Mesh2d>>();
    let n_meshes = drawn.iter(world).filter(|visibility| visibility.get()).count();
    let n_texts = panel::n_paint_jobs(world);
    let draws = (n_meshes + n_texts) as f64;
    let label = format!("{} vehicles moving, {} sites", scale.n_vehicles, scale.n_sites);
    Ok(vec![
        figure(&format!("own CPU a frame, mean ({label})"), mean, "ms", Some(4.0)),
        figure("own CPU a frame, median", at(0.5), "ms", None),
        figure("own CPU a frame, 99 of 100", at(0.99), "ms", None),
        figure("draw calls", draws, "", Some(40.0)),
    ])
}

/// Resident memory after a simulated day of steps, as a share of what it was after the first hour.
fn memory(demo: &Snapshot, hours: u64) -> Vec<Figure> {
    let mut recorder = Recorder::default();
    let mut chart = Chart::new((1_600, 900), crate::Settings::default(), None);
    let first = Line::Snapshot(Box::new(demo.clone()));
    recorder.take(&first).ok();
    chart.take(FeedEvent::Snapshot(Box::new(demo.clone())));
    let (mut after_hour, mut seq, mut n_steps) = (0.0, demo.seq, 0u64);
    for minute in 0..hours * 60 {
        let at = demo.at.saturating_add(Duration::from_secs(60 * minute));
        for vehicle in &demo.vehicles {
            seq += 1;
            n_steps += 1;
            let mut vehicle = vehicle.clone();
            vehicle.at = Some(at);
            let delta = Delta { seq, at, changes: vec![Change::Vehicle(vehicle)] };
            recorder.take(&Line::Delta(Box::new(delta.clone()))).ok();
            chart.take(FeedEvent::Delta(Box::new(delta)));
        }
        chart.keep_up();
        if minute == 59 {
            after_hour = resident_mib();
        }
    }
    let after_day = resident_mib();
    vec![
        figure("steps in the simulated time", n_steps as f64, "", None),
        figure("memory after an hour", after_hour, "MiB", None),
        figure("memory after a day", after_day, "MiB", None),
        figure("memory after a day less that after an hour", 100.0 * (after_day / after_hour - 1.0), "%", Some(5.0)),
    ]
}

/// Of this process, as Linux tells it; zero elsewhere.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()).unwrap_or(0.0) / 1_024.0
}
