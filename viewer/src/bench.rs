//! What drawing costs: the benchmark `viewer`. Each part is measured in a process of its own, so that none leaves
//! anything behind for the next.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::time::{Duration, Instant};

use bevy::ecs::schedule::{ScheduleLabel, SingleThreadedExecutor};
use bevy::prelude::*;
use bevy::time::TimeUpdateStrategy;
use bevy_egui::EguiPrimaryContextPass;
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
use crate::scene::history;
use crate::scene::motion::Line;

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

/// A figure, and whether it keeps its goal.
pub fn figure(name: &str, value: f64, unit: &'static str, at_most: Option<f64>) -> Figure {
    let holds = at_most.map(|at_most| value <= at_most);
    Figure { bench: "viewer", figure: name.to_owned(), value, unit, at_most, holds }
}

/// What this thread has had of a processor. On other systems than Unix the wall's clock stands in, which is never less.
#[cfg(unix)]
fn thread_cpu() -> Duration {
    cpu(rustix::time::ClockId::ThreadCPUTime)
}

/// What this process has had of all processors.
#[cfg(unix)]
fn process_cpu() -> Duration {
    cpu(rustix::time::ClockId::ProcessCPUTime)
}

#[cfg(unix)]
fn cpu(clock: rustix::time::ClockId) -> Duration {
    let at = rustix::time::clock_gettime(clock);
    Duration::new(at.tv_sec.unsigned_abs(), at.tv_nsec as u32) // less than a second of nanoseconds
}

#[cfg(not(unix))]
fn thread_cpu() -> Duration {
    process_cpu()
}

#[cfg(not(unix))]
fn process_cpu() -> Duration {
    static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    BEGAN.get_or_init(Instant::now).elapsed()
}

/// What the systems of a frame took of one core: the clock of the thread that all of them run on here, so that what
/// others do on a busy machine does not count.
#[derive(Resource, Default)]
struct Stopwatch {
    began: Duration,
    spent: Duration,
}

fn begin(mut watch: ResMut<Stopwatch>) {
    watch.began = thread_cpu();
}

fn end(mut watch: ResMut<Stopwatch>) {
    let took = thread_cpu().saturating_sub(watch.began);
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
        // Most lanes are short; one in twenty goes far.
        let to = if nth % 20 == 0 { nth * 7 + 13 } else { nth + 1 + (nth % 5) * side };
        let (Ok(lane), Some(to)) = (LaneId::new(&format!("L-{nth:06}")), site_id(to % n_sites)) else {
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
    let ways = Ways::of(&snapshot);
    snapshot.vehicles = (0..n_vehicles).filter_map(|nth| vehicle(&snapshot, &ways, nth, 0, snapshot.at)).collect();
    snapshot
}

/// The lanes of a made-up network as lines.
struct Ways(Vec<Option<Line>>);

impl Ways {
    fn of(snapshot: &Snapshot) -> Self {
        let place = |id: &SiteId| {
            let at = snapshot.sites.binary_search_by(|site| site.site.cmp(id)).ok()?;
            Some(snapshot.sites[at].position)
        };
        let line = |lane: &LaneView| Line::through(&[place(&lane.from)?, place(&lane.to)?]);
        Self(snapshot.lanes.iter().map(line).collect())
    }
}

/// A vehicle on its lane, a fix of which was heard at `at`. Now and then it has taken another lane since the last.
fn vehicle(snapshot: &Snapshot, ways: &Ways, nth: usize, turn: usize, at: Timestamp) -> Option<VehicleView> {
    let lane = (nth + 31 * ((nth + turn) / 60)) % snapshot.lanes.len();
    let (lane, way) = (&snapshot.lanes[lane], ways.0[lane].as_ref()?);
    // How far along depends on the clock, so that a newer fix is farther: fifteen metres a second.
    let start = (nth * 37 % 1_000) as f64 / 1_000.0;
    let along = (start * way.length_m() + 15.0 * (at.since(snapshot.at)).as_secs_f64()) % way.length_m();
    let place = way.at(along);
    Some(VehicleView {
        vehicle: VehicleId::new(&format!("V-{nth:07}")).ok()?,
        kind: if lane.mode == Mode::Sea { VehicleKind::Ship } else { VehicleKind::Truck },
        mode: lane.mode,
        name: format!("Vehicle {nth}"),
        capacity_g: Grams(20_000_000),
        home: lane.from.clone(),
        position: Some(Position::from_degrees(place.lat(), place.lon())?),
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

/// What is measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The driver alone: one frame of nothing.
    Driver,
    /// The first complete frame of the demo.
    Start,
    /// Frames of a large network.
    Frames,
    /// Frames of a large network, as many a second as come out: for a graphics card.
    Card,
    /// Memory after many steps.
    Memory,
}

impl Part {
    /// All but the one that needs a graphics card.
    pub const ALL: [Self; 4] = [Self::Driver, Self::Start, Self::Frames, Self::Memory];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Driver => "driver",
            Self::Start => "start",
            Self::Frames => "frames",
            Self::Card => "card",
            Self::Memory => "memory",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Driver, Self::Start, Self::Frames, Self::Card, Self::Memory].into_iter().find(|part| part.name() == name)
    }
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

/// The figures of one part; `demo` is a snapshot of the demo network.
pub fn run(part: Part, demo: &Snapshot, scale: Scale) -> Result<Vec<Figure>, RenderError> {
    match part {
        Part::Driver => driver(),
        Part::Start => start(demo),
        Part::Frames => frames(demo, scale),
        Part::Card => card(demo, scale),
        Part::Memory => Ok(memory(demo, scale.hours)),
    }
}

const SIZE: (u32, u32) = (1_600, 900);

/// What must not be exceeded beyond the driver's own, by the wall's clock, from the start to the first complete frame.
pub const START_SECS_MAX: f64 = 2.0;

/// From nothing to a picture of nothing.
fn driver() -> Result<Vec<Figure>, RenderError> {
    let began = Instant::now();
    let mut studio = Studio::bare(SIZE)?;
    studio.frame();
    Ok(vec![
        figure("driver alone, one frame of nothing", began.elapsed().as_secs_f64(), "s", None),
        figure("driver alone, CPU of all threads", process_cpu().as_secs_f64(), "s", None),
    ])
}

/// From nothing to the first frame in which everything is there.
fn start(demo: &Snapshot) -> Result<Vec<Figure>, RenderError> {
    let began = Instant::now();
    let before = process_cpu();
    let mut studio = Studio::new(SIZE)?;
    let woken = began.elapsed();
    let nth = studio.begin(demo.clone(), RenderOptions::new(SIZE))?;
    let whole = began.elapsed();
    let cpu = process_cpu().saturating_sub(before);
    drop(studio);
    // Once more with a picture of that frame and one of a later one: it was complete if they are the same.
    let mut studio = Studio::new(SIZE)?;
    studio.show_file(demo.clone(), RenderOptions::new(SIZE));
    (1..nth).for_each(|_| studio.frame());
    let (first, later) = (studio.picture()?, studio.picture()?);
    let n_differ = first.pixels().zip(later.pixels()).filter(|(first, later)| first != later).count();
    Ok(vec![
        figure("start to the first complete frame of the demo", whole.as_secs_f64(), "s", None),
        figure("start, CPU of all threads", cpu.as_secs_f64(), "s", None),
        figure("start, before the first frame", woken.as_secs_f64(), "s", None),
        figure("which frame was the first complete one", f64::from(nth), "", None),
        figure("pixels that change after it", n_differ as f64, "", Some(0.0)),
    ])
}

/// A studio with a large network, warmed up.
fn large(demo: &Snapshot, scale: Scale, draws: bool) -> Result<(Studio, Snapshot, Ways), RenderError> {
    let snapshot = big_network(demo, scale.n_sites, scale.n_vehicles);
    let ways = Ways::of(&snapshot);
    let mut studio = Studio::new(SIZE)?;
    let app = studio.app_mut();
    let mut chart = Chart::new(SIZE, crate::Settings::default(), None);
    chart.generation = 1;
    chart.take(FeedEvent::Snapshot(Box::new(snapshot.clone())));
    app.insert_resource(chart);
    set_drawing(app, draws);
    for _ in 0..24 {
        studio.frame();
    }
    Ok((studio, snapshot, ways))
}

/// The pace of a screen.
const FRAME: Duration = Duration::from_nanos(16_666_667);

/// Everything but the drawing itself goes on without it.
fn set_drawing(app: &mut App, draws: bool) {
    let world = app.world_mut();
    let mut cameras = world.query::<&mut Camera>();
    cameras.iter_mut(world).for_each(|mut camera| camera.is_active = draws);
}

/// CPU time of our own systems in a frame at 60 frames a second, all vehicles moving and reporting each minute.
fn frames(demo: &Snapshot, scale: Scale) -> Result<Vec<Figure>, RenderError> {
    // A hundred thousand symbols are ten seconds of a driver without a card, and it is not the driver that is measured.
    let (mut studio, snapshot, ways) = large(demo, scale, false)?;
    let app = studio.app_mut();
    // All on one thread, whose clock is read.
    for schedule in [Update.intern(), EguiPrimaryContextPass.intern()] {
        app.edit_schedule(schedule, |schedule| {
            schedule.set_executor(SingleThreadedExecutor::new());
        });
    }
    app.init_resource::<Stopwatch>().add_systems(Update, (begin.before(OwnSystems), end.after(OwnSystems)));
    panel::add_stopwatch(app, begin, end);
    // Sixty frames a second, however long the driver takes for one.
    app.insert_resource(TimeUpdateStrategy::ManualDuration(FRAME));
    studio.frame();
    let n_changes = scale.n_vehicles.div_ceil(60 * 60);
    let (mut next, mut own, mut all, mut taken) = (0, Vec::new(), Vec::new(), Duration::ZERO);
    for nth in 0..scale.n_frames {
        let world = studio.app_mut().world_mut();
        let at = snapshot.at.saturating_add(FRAME * (1 + nth as u32));
        let heard = next..next + n_changes;
        let (n_vehicles, turn) = (scale.n_vehicles, next / scale.n_vehicles);
        let changes = heard.filter_map(|nth| vehicle(&snapshot, &ways, nth % n_vehicles, turn + 1, at));
        let changes = changes.map(Change::Vehicle).collect();
        next += n_changes;
        let seq = snapshot.seq + 1 + nth as u64;
        world.resource_mut::<Stopwatch>().spent = Duration::ZERO;
        let began = thread_cpu();
        world.resource_mut::<Chart>().take(FeedEvent::Delta(Box::new(Delta { seq, at, changes })));
        let taking = thread_cpu().saturating_sub(began);
        studio.update();
        all.push(thread_cpu().saturating_sub(began).as_secs_f64() * 1_000.0);
        taken += taking;
        let spent = studio.app_mut().world().resource::<Stopwatch>().spent + taking;
        own.push(spent.as_secs_f64() * 1_000.0);
        studio.wait();
    }
    set_drawing(studio.app_mut(), true);
    studio.update();
    let world = studio.app_mut().world_mut();
    let mut drawn = world.query_filtered::<&ViewVisibility, With<Mesh2d>>();
    let n_meshes = drawn.iter(world).filter(|visibility| visibility.get()).count();
    let n_texts = panel::n_paint_jobs(world);
    let draws = (n_meshes + n_texts) as f64;
    let label = format!("{} vehicles moving, {} sites", scale.n_vehicles, scale.n_sites);
    let mean = |millis: &[f64]| millis.iter().sum::<f64>() / millis.len().max(1) as f64;
    let (own_mean, all_mean) = (mean(&own), mean(&all));
    own.sort_by(f64::total_cmp);
    let at = |share: f64| own.get(((own.len().max(1) - 1) as f64 * share) as usize).copied().unwrap_or(0.0);
    Ok(vec![
        figure(&format!("own CPU a frame, mean ({label})"), own_mean, "ms", Some(4.0)),
        figure("own CPU a frame, median", at(0.5), "ms", None),
        figure("own CPU a frame, 99 of 100", at(0.99), "ms", None),
        figure("of it, taking what was heard", taken.as_secs_f64() * 1_000.0 / own.len().max(1) as f64, "ms", None),
        figure("main thread a frame, Bevy's systems included, without drawing", all_mean, "ms", None),
        figure("draw calls", draws, "", Some(40.0)),
    ])
}

/// Frames a second of a graphics card, which is named.
fn card(demo: &Snapshot, scale: Scale) -> Result<Vec<Figure>, RenderError> {
    let (mut studio, ..) = large(demo, scale, true)?;
    let name = studio.adapter();
    let began = Instant::now();
    for _ in 0..scale.n_frames {
        studio.frame();
    }
    let rate = scale.n_frames as f64 / began.elapsed().as_secs_f64();
    let label = format!("frames a second on {name}, {} vehicles moving", scale.n_vehicles);
    Ok(vec![figure(&label, rate, "/s", None)])
}

/// Resident memory after a simulated day of steps, as a share of what it was after the first hour.
fn memory(demo: &Snapshot, hours: u64) -> Vec<Figure> {
    let mut recorder = Recorder::default();
    let mut chart = Chart::new((1_600, 900), crate::Settings::default(), None);
    let first = history::Line::Snapshot(Box::new(demo.clone()));
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
            recorder.take(&history::Line::Delta(Box::new(delta.clone()))).ok();
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
