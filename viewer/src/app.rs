//! The chart in Bevy: receives, keeps up with time, and draws.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use bevy::asset::embedded_asset;
use bevy::log::LogPlugin;
use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::sprite_render::Material2dPlugin;
use bevy::window::{PresentMode, RequestRedraw, WindowResolution};
use bevy::winit::{EventLoopProxyWrapper, UpdateMode, WinitSettings, WinitUserEvent};
use bevy_egui::{EguiGlobalSettings, EguiPlugin, PrimaryEguiContext};

use crate::ask::{self, Asker};
use crate::chart::{Chart, Settings};
use crate::feed::{self, FeedEvent};
use crate::material::ChartMaterial;
use crate::past::{self, PastAsker};
use crate::record::{Recorder, SharedRecorder};
use crate::scene::plan::SitePlan;
use crate::symbols::SymbolMaterial;
use crate::{camera, land, layers, panel};

/// How to show a network in a window.
#[derive(Clone, Debug)]
pub struct WindowOptions {
    /// Of the gateway, such as `http://127.0.0.1:8460`.
    pub url: String,
    /// In logical pixels.
    pub size: (u32, u32),
    /// Colours, language, units, layers.
    pub settings: Settings,
    /// What to select, by its id.
    pub select: Option<String>,
    /// Plans of warehouses.
    pub plans: Vec<SitePlan>,
    /// Close the window after so long.
    pub exit_after: Option<Duration>,
    /// Save a picture of the window to here just before it closes.
    pub screenshot: Option<PathBuf>,
}

#[derive(Resource)]
struct Inbox(Mutex<Receiver<FeedEvent>>);

/// The other end of the thread that asks.
#[derive(Resource)]
struct Asking(Mutex<Asker>);

/// Asks what the desk wants, and lays answers on it.
fn ask(asking: Option<Res<Asking>>, mut chart: ResMut<Chart>) {
    let Some(asking) = asking else { return };
    let Ok(asker) = asking.0.lock() else { return };
    let chart = chart.bypass_change_detection();
    for question in chart.desk.take_waiting() {
        if !asker.ask(question.clone()) {
            chart.desk.take(&question, Err("too much is asked at once".to_owned()), chart.elapsed);
        }
    }
    while let Some((question, answer)) = asker.next() {
        chart.take_answer(&question, answer);
    }
}

/// The other end of the thread that asks for the past.
#[derive(Resource)]
struct AskingPast(Mutex<PastAsker>);

/// Asks for the chapter that is wanted, and takes what came.
fn ask_past(asking: Option<Res<AskingPast>>, mut chart: ResMut<Chart>) {
    let Some(asking) = asking else { return };
    let Ok(asker) = asking.0.lock() else { return };
    let chart = chart.bypass_change_detection();
    while let Some(answer) = asker.next() {
        chart.take_past(answer);
    }
    while let Some(question) = chart.past_question() {
        if !asker.ask(question) {
            break;
        }
    }
}

/// Everything before drawing, in order.
#[derive(SystemSet, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OwnSystems;

/// The chart without a source of data: for a window and for an image alike.
pub(crate) struct ChartPlugin {
    /// A person may come close, so that the fine map is read as well.
    pub(crate) in_window: bool,
}

impl Plugin for ChartPlugin {
    fn build(&self, app: &mut App) {
        land::read_ahead(self.in_window);
        embedded_asset!(app, "map.wgsl");
        embedded_asset!(app, "symbols.wgsl");
        app.add_plugins((
            Material2dPlugin::<ChartMaterial>::default(),
            Material2dPlugin::<SymbolMaterial>::default(),
            EguiPlugin::default(),
        ));
        add_systems(app);
        panel::add(app);
        // The camera that has the texts is ours to choose: see `camera_parts`.
        app.world_mut().resource_mut::<EguiGlobalSettings>().auto_create_primary_context = false;
    }
}

/// The systems alone, which run without a graphics card as well.
pub(crate) fn add_systems(app: &mut App) {
    let before = (tell_time, receive, ask, ask_past, camera::measure, camera::steer, keep_up);
    let after = (layers::draw, layers::show_view, layers::send_symbols);
    app.add_systems(Startup, (layers::make_layers, layers::make_tables))
        .add_systems(Update, before.chain().in_set(OwnSystems))
        .add_systems(Update, after.chain().in_set(OwnSystems).after(keep_up));
}

/// What every camera of the chart has.
pub(crate) fn camera_parts() -> impl Bundle {
    (Camera2d, Msaa::Sample4, PrimaryEguiContext)
}

/// What is logged, and how much of it.
pub(crate) fn log_plugin() -> LogPlugin {
    LogPlugin {
        filter: "warn,wgpu=error,naga=error,winit=error,bevy_egui=error,bevy_render=error".to_owned(),
        ..default()
    }
}

/// Opens a window and follows the gateway until the window is closed. Errs when the window could not be made.
pub fn run_window(options: WindowOptions) -> std::io::Result<()> {
    let WindowOptions { url, size, settings, select, plans, exit_after, screenshot } = options;
    let window = Window {
        title: "Portolan".to_owned(),
        name: Some("portolan".to_owned()),
        resolution: WindowResolution::new(size.0, size.1),
        present_mode: PresentMode::AutoVsync,
        ..default()
    };
    let second = Duration::from_secs(1);
    let recorder = SharedRecorder::new(Mutex::new(Recorder::default()));
    let mut chart = Chart::new(size, settings, select);
    chart.recorder = Some(SharedRecorder::clone(&recorder));
    chart.plans = plans.into_iter().map(|plan| (plan.site.clone(), plan)).collect();
    let mut app = App::new();
    app.add_plugins(DefaultPlugins.set(WindowPlugin { primary_window: Some(window), ..default() }).set(log_plugin()))
        .insert_resource(WinitSettings {
            focused_mode: UpdateMode::reactive(second),
            unfocused_mode: UpdateMode::reactive_low_power(second),
        })
        .insert_resource(chart)
        .add_plugins(ChartPlugin { in_window: true })
        .add_systems(Startup, |mut commands: Commands| {
            commands.spawn(camera_parts());
        })
        .add_systems(Last, (redraw, take_picture));
    let proxy = (**app.world().resource::<EventLoopProxyWrapper>()).clone();
    let wake = move || {
        // A loop that is closed needs no waking.
        proxy.send_event(WinitUserEvent::WakeUp).ok();
    };
    app.insert_resource(Inbox(Mutex::new(feed::start(&url, recorder, wake.clone())?)));
    app.insert_resource(Asking(Mutex::new(ask::start(&url, wake.clone())?)));
    app.insert_resource(AskingPast(Mutex::new(past::start(&url, wake.clone())?)));
    if let Some(after) = exit_after {
        app.insert_resource(Curtain { after, screenshot, taken: false }).add_systems(Update, close_in_time);
        // Nothing may happen in the window until then, and it must still wake up.
        let alarm = std::thread::Builder::new().name("alarm".to_owned());
        alarm.spawn(move || {
            std::thread::sleep(after);
            for _ in 0..120 {
                wake();
                std::thread::sleep(Duration::from_millis(500));
            }
        })?;
    }
    app.run();
    Ok(())
}

/// What moves is drawn again at once; what stands waits for news.
fn redraw(chart: Res<Chart>, mut requests: MessageWriter<RequestRedraw>) {
    if chart.animates() {
        requests.write(RequestRedraw);
    }
}

/// A picture that somebody asked for by key is saved beside where the viewer was started.
fn take_picture(mut chart: ResMut<Chart>, mut commands: Commands) {
    if !chart.picture_wanted {
        return;
    }
    chart.picture_wanted = false;
    let path = PathBuf::from(format!("portolan-{}.png", chart.shown().seq));
    let said = chart.words.pick(format!("saved {}", path.display()), format!("已保存 {}", path.display()));
    commands.spawn(Screenshot::primary_window()).observe(
        move |captured: On<ScreenshotCaptured>, mut chart: ResMut<Chart>| {
            let said = match crate::render::save(&captured.image, &path) {
                Ok(()) => said.clone(),
                Err(why) => why.to_string(),
            };
            chart.say(said);
        },
    );
}

/// When to close the window by ourselves.
#[derive(Resource)]
struct Curtain {
    after: Duration,
    screenshot: Option<PathBuf>,
    taken: bool,
}

fn close_in_time(
    time: Res<Time<Real>>,
    mut curtain: ResMut<Curtain>,
    mut commands: Commands,
    mut exit: MessageWriter<AppExit>,
) {
    if curtain.taken || time.elapsed() < curtain.after {
        return;
    }
    curtain.taken = true;
    let Some(path) = curtain.screenshot.clone() else {
        exit.write(AppExit::Success);
        return;
    };
    commands.spawn(Screenshot::primary_window()).observe(
        move |captured: On<ScreenshotCaptured>, mut exit: MessageWriter<AppExit>| {
            let saved = crate::render::save(&captured.image, &path);
            exit.write(match saved {
                Ok(()) => AppExit::Success,
                Err(why) => {
                    error!("saving the picture: {why}");
                    AppExit::error()
                }
            });
        },
    );
}

fn tell_time(time: Res<Time<Real>>, mut chart: ResMut<Chart>) {
    let by = time.elapsed().saturating_sub(chart.elapsed);
    chart.elapsed = time.elapsed();
    chart.what_if.advance(by);
}

/// At most so many events in one frame, so that a flood does not hold up drawing.
const EVENTS_PER_FRAME_MAX: usize = 4_096;

fn receive(inbox: Option<Res<Inbox>>, mut chart: ResMut<Chart>) {
    let Some(inbox) = inbox else { return };
    let Ok(receiver) = inbox.0.lock() else { return };
    for _ in 0..EVENTS_PER_FRAME_MAX {
        match receiver.try_recv() {
            Ok(event) => chart.take(event),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        }
    }
}

fn keep_up(mut chart: ResMut<Chart>) {
    chart.keep_up();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Link;
    use crate::scene::known::testing;
    use crate::scene::mark::ItemId;
    use bevy::asset::AssetPlugin;
    use bevy::input::mouse::MouseWheel;
    use bevy::window::PrimaryWindow;
    use firmware_schemas::network::SiteKind;
    use firmware_schemas::view::{Change, Delta};
    use std::sync::mpsc::{SyncSender, sync_channel};

    /// The systems without a graphics card, and the end that events go into.
    fn app() -> (App, SyncSender<FeedEvent>) {
        let (sender, receiver) = sync_channel(64);
        let mut app = App::new();
        // Not Bevy's own input: it would forget a key that no window pressed.
        app.add_plugins((MinimalPlugins, AssetPlugin::default()))
            .init_resource::<ButtonInput<KeyCode>>()
            .init_resource::<ButtonInput<MouseButton>>()
            .add_message::<MouseWheel>()
            .init_asset::<Mesh>()
            .init_asset::<ChartMaterial>()
            .init_resource::<ClearColor>()
            .insert_resource(Chart::new((1_280, 720), Settings::default(), None))
            .insert_resource(Inbox(Mutex::new(receiver)));
        add_systems(&mut app);
        app.world_mut().spawn((Window { resolution: WindowResolution::new(1_280, 720), ..default() }, PrimaryWindow));
        app.update();
        (app, sender)
    }

    fn press(app: &mut App, key: KeyCode) {
        app.world_mut().resource_mut::<ButtonInput<KeyCode>>().press(key);
        app.update();
        let mut keys = app.world_mut().resource_mut::<ButtonInput<KeyCode>>();
        keys.release(key);
        keys.clear();
        app.update();
    }

    fn snapshot() -> firmware_schemas::view::Snapshot {
        testing::snapshot(vec![
            testing::site("WH-1", SiteKind::RegionalWarehouse, 51.0, 7.0),
            testing::site("SHOP-1", SiteKind::Shop, 48.0, 2.0),
        ])
    }

    #[test]
    fn a_snapshot_and_a_step_reach_the_picture() {
        let (mut app, sender) = app();
        assert_eq!(app.world().resource::<Chart>().link, Link::Connecting);
        sender.send(FeedEvent::Snapshot(Box::new(snapshot()))).unwrap();
        app.update();
        let site = testing::site("WH-2", SiteKind::RegionalWarehouse, 40.0, -3.0);
        let at = snapshot().at;
        sender.send(FeedEvent::Delta(Box::new(Delta { seq: 11, at, changes: vec![Change::Site(site)] }))).unwrap();
        app.update();
        let chart = app.world().resource::<Chart>();
        assert_eq!((chart.known.sites.len(), chart.sites.spots().count()), (3, 3));
        assert_eq!(chart.link, Link::Live);
        sender.send(FeedEvent::Lost(feed::FeedError::Ended)).unwrap();
        app.update();
        assert!(app.world().resource::<Chart>().look().greyed);
    }

    #[test]
    fn keys_move_time_and_the_map_without_a_jump() {
        let (mut app, sender) = app();
        sender.send(FeedEvent::Snapshot(Box::new(snapshot()))).unwrap();
        app.update();
        press(&mut app, KeyCode::Space);
        let paused = app.world().resource::<Chart>().now().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        app.update();
        assert_eq!(app.world().resource::<Chart>().now(), Some(paused));
        let before = app.world().resource::<Chart>().view.scale;
        press(&mut app, KeyCode::Equal);
        assert!(app.world().resource::<Chart>().view.scale > before);
        press(&mut app, KeyCode::End);
        assert!(app.world().resource::<Chart>().timeline.is_live());
    }

    #[test]
    fn a_warehouse_is_entered_and_left_by_key() {
        let (mut app, sender) = app();
        sender.send(FeedEvent::Snapshot(Box::new(snapshot()))).unwrap();
        app.update();
        let id = firmware_schemas::id::SiteId::new("WH-1").unwrap();
        app.world_mut().resource_mut::<Chart>().jump_to(ItemId::Site(id));
        press(&mut app, KeyCode::Enter);
        assert!(app.world().resource::<Chart>().inside.is_some());
        press(&mut app, KeyCode::Escape);
        let chart = app.world().resource::<Chart>();
        assert!(chart.inside.is_none() && chart.selected.is_some(), "one thing at a time");
    }

    /// A ship that goes east from the first site to the second.
    fn under_way(at: firmware_schemas::quantity::Timestamp, lon: f64) -> firmware_schemas::view::VehicleView {
        use firmware_schemas::id::{LaneId, SiteId, VehicleId};
        use firmware_schemas::network::{Mode, VehicleKind};
        use firmware_schemas::quantity::{Grams, Position, Seconds};
        firmware_schemas::view::VehicleView {
            vehicle: VehicleId::new("ship-1").unwrap(),
            kind: VehicleKind::Ship,
            mode: Mode::Sea,
            name: "Ship".to_owned(),
            capacity_g: Grams(1),
            home: SiteId::new("PORT-W").unwrap(),
            position: Position::from_degrees(0.0, lon),
            at: Some(at),
            speed_mm_per_s: Some(12_000),
            heading_cdeg: None,
            lane: Some(LaneId::new("L-1").unwrap()),
            site: None,
            interval_secs: Seconds(600),
            freshness: firmware_schemas::view::Freshness::Live,
            shipments: Vec::new(),
        }
    }

    fn sea() -> firmware_schemas::view::Snapshot {
        use firmware_schemas::id::{LaneId, SiteId};
        use firmware_schemas::network::Mode;
        use firmware_schemas::quantity::{Metres, Seconds};
        let mut snapshot = testing::snapshot(vec![
            testing::site("PORT-W", SiteKind::Port, 0.0, 0.0),
            testing::site("PORT-E", SiteKind::Port, 0.0, 60.0),
        ]);
        snapshot.lanes.push(firmware_schemas::view::LaneView {
            lane: LaneId::new("L-1").unwrap(),
            from: SiteId::new("PORT-W").unwrap(),
            to: SiteId::new("PORT-E").unwrap(),
            mode: Mode::Sea,
            lead_time_secs: Seconds(86_400),
            distance_m: Metres(6_600_000),
            via: Vec::new(),
        });
        snapshot.vehicles.push(under_way(snapshot.at, 10.0));
        snapshot
    }

    #[test]
    fn what_is_followed_stays_in_the_middle_until_the_person_moves_the_chart() {
        let (mut app, sender) = app();
        let first = sea();
        sender.send(FeedEvent::Snapshot(Box::new(first.clone()))).unwrap();
        app.update();
        let id = firmware_schemas::id::VehicleId::new("ship-1").unwrap();
        app.world_mut().resource_mut::<Chart>().jump_to(ItemId::Vehicle(id));
        press(&mut app, KeyCode::KeyV);
        let off_middle = |app: &App| {
            let chart = app.world().resource::<Chart>();
            let place = chart.view.to_screen(chart.selected_place().unwrap());
            let middle = (chart.view.width - crate::scene::network::PANEL_PX) / 2.0;
            (place.x - middle).hypot(place.y - chart.view.height / 2.0)
        };
        let before = app.world().resource::<Chart>().view.centre;
        // Hours later it has gone on by many times the width of the window.
        for step in 1..=6_u64 {
            let at = first.at.saturating_add(Duration::from_secs(600 * step));
            let changes = vec![Change::Vehicle(under_way(at, 10.0 + step as f64))];
            sender.send(FeedEvent::Delta(Box::new(Delta { seq: first.seq + step, at, changes }))).unwrap();
            app.update();
            assert!(off_middle(&app) < 1.0, "{} pixels off the middle", off_middle(&app));
        }
        std::thread::sleep(Duration::from_millis(30));
        app.update();
        assert!(off_middle(&app) < 1.0);
        let after = app.world().resource::<Chart>().view.centre;
        assert!(after.x > before.x, "{before:?} {after:?}");
        // To move the chart by hand is to let go of it.
        press(&mut app, KeyCode::ArrowUp);
        assert!(!app.world().resource::<Chart>().following);
        let let_go = app.world().resource::<Chart>().view.centre;
        app.update();
        assert_eq!(app.world().resource::<Chart>().view.centre, let_go);
    }

    #[test]
    fn heat_goes_round_by_key_and_each_kind_of_it_is_drawn() {
        use crate::scene::overlay::{Heat, heat};
        let (mut app, sender) = app();
        let mut snapshot = sea();
        snapshot.sites[0].stock.positions = 10;
        snapshot.sites[0].stock.out_of_stock = 4;
        sender.send(FeedEvent::Snapshot(Box::new(snapshot))).unwrap();
        app.update();
        let mut seen = Vec::new();
        for _ in 0..4 {
            press(&mut app, KeyCode::KeyH);
            let chart = app.world().resource::<Chart>();
            seen.push((chart.heat, heat(chart.shown(), chart.heat, chart.now().unwrap()).len()));
        }
        // Both ports keep stock; nothing stands, and nothing measures.
        assert_eq!(seen, [(Heat::StockOut, 2), (Heat::Dwell, 0), (Heat::Temperature, 0), (Heat::Off, 0)]);
    }
}
