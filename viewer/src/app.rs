//! The scene in Bevy: receives, redraws the layers that changed, and moves the chart.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use bevy::asset::embedded_asset;
use bevy::camera::visibility::NoFrustumCulling;
use bevy::log::LogPlugin;
use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::sprite_render::Material2dPlugin;
use bevy::window::{PresentMode, WindowResolution};
use bevy::winit::{EventLoopProxyWrapper, UpdateMode, WinitSettings, WinitUserEvent};
use bevy_egui::{EguiGlobalSettings, EguiPlugin, PrimaryEguiContext};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::Snapshot;

use crate::feed::{self, FeedEvent};
use crate::material::{ChartMaterial, mesh};
use crate::palette::Theme;
use crate::scene::chart::{ChartPoint, WORLD};
use crate::scene::known::Epochs;
use crate::scene::mark::{ItemId, Mark};
use crate::scene::mesh::Triangles;
use crate::scene::{Detail, Known, Link, Look, View, fleet, network};
use crate::{camera, land, panel};

/// How to show a network in a window.
#[derive(Clone, Debug)]
pub struct WindowOptions {
    /// Of the gateway, such as `http://127.0.0.1:8460`.
    pub url: String,
    /// In logical pixels.
    pub size: (u32, u32),
    /// The colours.
    pub theme: Theme,
    /// What to select, by the id of a site or a vehicle.
    pub select: Option<String>,
    /// Close the window after so long.
    pub exit_after: Option<Duration>,
    /// Save a picture of the window to here just before it closes.
    pub screenshot: Option<PathBuf>,
}

/// Everything that the systems share.
#[derive(Resource)]
pub(crate) struct Chart {
    /// What the gateway told us.
    pub(crate) known: Known,
    /// Where the link stands.
    pub(crate) link: Link,
    /// The gateway's clock when it was last heard, and ours then.
    pub(crate) heard: Option<(Timestamp, Duration)>,
    /// Our clock when the link last gave a sign of life.
    signed: Duration,
    /// Our clock: since the start.
    pub(crate) elapsed: Duration,
    /// What the window shows.
    pub(crate) view: View,
    /// The person has moved the chart, so a new snapshot does not.
    pub(crate) moved: bool,
    /// The colours.
    pub(crate) theme: Theme,
    /// What the panel shows.
    pub(crate) selected: Option<ItemId>,
    /// What is under the pointer.
    pub(crate) hovered: Option<ItemId>,
    /// What keys and pointer do is written in a corner.
    pub(crate) hints_shown: bool,
    /// Names are shown.
    pub(crate) labels_shown: bool,
    /// The sides on which names were last placed.
    pub(crate) label_sides: BTreeMap<ItemId, u8>,
    /// The symbols as last drawn.
    pub(crate) site_marks: Vec<Mark>,
    /// The symbols as last drawn.
    pub(crate) vehicle_marks: Vec<Mark>,
    /// Select this when it is known.
    wanted: Option<String>,
    /// When the vehicles were last drawn, by our clock.
    vehicles_drawn: Duration,
}

impl Chart {
    pub(crate) fn new(size: (u32, u32), theme: Theme, select: Option<String>) -> Self {
        Self {
            known: Known::default(),
            link: Link::Connecting,
            heard: None,
            signed: Duration::ZERO,
            elapsed: Duration::ZERO,
            view: View::world(f64::from(size.0), f64::from(size.1)),
            moved: false,
            theme,
            selected: None,
            hovered: None,
            hints_shown: true,
            labels_shown: true,
            label_sides: BTreeMap::new(),
            site_marks: Vec::new(),
            vehicle_marks: Vec::new(),
            wanted: select,
            vehicles_drawn: Duration::ZERO,
        }
    }

    /// Shows a snapshot from a file, as at the time when it was made.
    pub(crate) fn show_file(&mut self, snapshot: Snapshot) {
        self.take_snapshot(snapshot);
        self.hints_shown = false;
        self.link = Link::File;
    }

    /// The gateway's clock, carried on by ours since it was last heard. `None` before the first snapshot.
    pub(crate) fn now(&self) -> Option<Timestamp> {
        let (at, heard_at) = self.heard?;
        if self.link == Link::File {
            return Some(at);
        }
        Some(at.saturating_add(self.elapsed.saturating_sub(heard_at)))
    }

    pub(crate) fn look(&self) -> Look {
        Look { theme: self.theme, greyed: matches!(self.link, Link::Lost { .. }) }
    }

    /// Brings the whole network into the window.
    pub(crate) fn fit(&mut self) {
        network::fit(&self.known, &mut self.view, self.selected.is_some());
    }

    /// Where the selected thing is.
    pub(crate) fn selected_place(&self) -> Option<ChartPoint> {
        match self.selected.as_ref()? {
            ItemId::Site(id) => self.known.sites.get(id).map(|site| ChartPoint::of(site.position)),
            ItemId::Vehicle(id) => fleet::place(&self.known, self.known.vehicles.get(id)?),
        }
    }

    fn take_snapshot(&mut self, snapshot: Snapshot) {
        self.heard = Some((snapshot.at, self.elapsed));
        self.known.take_snapshot(snapshot);
        if let Some(wanted) = self.wanted.take() {
            let site = self.known.sites.keys().find(|id| id.as_str() == wanted).cloned().map(ItemId::Site);
            let vehicle = self.known.vehicles.keys().find(|id| id.as_str() == wanted).cloned().map(ItemId::Vehicle);
            self.selected = site.or(vehicle);
        }
        if !self.moved {
            self.fit();
        }
    }

    fn take(&mut self, event: FeedEvent) {
        if !matches!(event, FeedEvent::Lost(_)) {
            self.signed = self.elapsed;
        }
        match event {
            FeedEvent::Snapshot(snapshot) => {
                self.take_snapshot(*snapshot);
                self.link = Link::Live;
            }
            FeedEvent::Delta(delta) => {
                let at = delta.at;
                if self.known.take_delta(*delta) {
                    self.heard = Some((self.known.at.unwrap_or(at), self.elapsed));
                }
                self.link = Link::Live;
            }
            FeedEvent::Following | FeedEvent::Heard => self.link = Link::Live,
            FeedEvent::Lost(why) => {
                let since = match &self.link {
                    Link::Lost { since, .. } => *since,
                    _ => self.now().map(|now| now.saturating_sub(self.elapsed.saturating_sub(self.signed))),
                };
                self.link = Link::Lost { since, reason: why.to_string() };
            }
        }
    }
}

#[derive(Resource)]
struct Inbox(Mutex<Receiver<FeedEvent>>);

/// What lies under what.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Land,
    Lanes,
    Sites,
    Vehicles,
}

impl Layer {
    const ALL: [Self; 4] = [Self::Land, Self::Lanes, Self::Sites, Self::Vehicles];
}

#[derive(Resource)]
struct Layers {
    meshes: [Handle<Mesh>; 4],
    /// For the copies of the world at -360°, 0° and 360°.
    materials: [Handle<ChartMaterial>; 3],
    drawn: [Option<Drawn>; 4],
    view: Option<View>,
}

/// What a layer was drawn from.
#[derive(Clone, Copy, PartialEq)]
struct Drawn {
    epoch: u64,
    look: Look,
    detail: Detail,
}

/// The chart without a source of data: for a window and for an image alike.
pub(crate) struct ChartPlugin;

impl Plugin for ChartPlugin {
    fn build(&self, app: &mut App) {
        embedded_asset!(app, "map.wgsl");
        app.add_plugins((Material2dPlugin::<ChartMaterial>::default(), EguiPlugin::default()))
            .add_systems(Startup, make_layers)
            .add_systems(Update, (tell_time, receive, camera::measure, camera::steer, draw, show_view).chain());
        panel::add(app);
        // The camera that has the texts is ours to choose: see `spawn_camera`.
        app.world_mut().resource_mut::<EguiGlobalSettings>().auto_create_primary_context = false;
    }
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
    let WindowOptions { url, size, theme, select, exit_after, screenshot } = options;
    let window = Window {
        title: "Portolan".to_owned(),
        name: Some("portolan".to_owned()),
        resolution: WindowResolution::new(size.0, size.1),
        present_mode: PresentMode::AutoVsync,
        ..default()
    };
    let second = Duration::from_secs(1);
    let mut app = App::new();
    app.add_plugins(DefaultPlugins.set(WindowPlugin { primary_window: Some(window), ..default() }).set(log_plugin()))
        .insert_resource(WinitSettings {
            focused_mode: UpdateMode::reactive(second),
            unfocused_mode: UpdateMode::reactive_low_power(second),
        })
        .insert_resource(Chart::new(size, theme, select))
        .add_plugins(ChartPlugin)
        .add_systems(Startup, |mut commands: Commands| {
            commands.spawn(camera_parts());
        });
    let proxy = (**app.world().resource::<EventLoopProxyWrapper>()).clone();
    let wake = move || {
        // It fails when the window is closing, and then nobody needs to be woken.
        proxy.send_event(WinitUserEvent::WakeUp).ok();
    };
    let inbox = feed::start(&url, wake)?;
    app.insert_resource(Inbox(Mutex::new(inbox)));
    if let Some(after) = exit_after {
        app.insert_resource(Curtain { after, screenshot, taken: false }).add_systems(Update, close_in_time);
    }
    app.run();
    Ok(())
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
    chart.elapsed = time.elapsed();
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

fn make_layers(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>, mut materials: ResMut<Assets<ChartMaterial>>) {
    let materials = std::array::from_fn(|_| materials.add(ChartMaterial::default()));
    let meshes = Layer::ALL.map(|_| meshes.add(mesh(&nothing())));
    for (layer, mesh) in Layer::ALL.into_iter().zip(&meshes) {
        for material in &materials {
            commands.spawn((
                layer,
                Mesh2d(mesh.clone()),
                MeshMaterial2d(material.clone()),
                Transform::from_xyz(0.0, 0.0, layer as u8 as f32),
                NoFrustumCulling,
            ));
        }
    }
    commands.insert_resource(Layers { meshes, materials, drawn: [None; 4], view: None });
}

/// One triangle without extent: a mesh without vertices cannot be sent to the graphics card.
fn nothing() -> Triangles {
    let mut triangles = Triangles::default();
    triangles.area(&[ChartPoint { x: 0.0, y: 0.0 }; 3], &[0, 1, 2], Theme::DARK.water.with_alpha(0));
    triangles
}

/// Vehicles age, so they are drawn again at least so often.
const VEHICLES_EVERY: Duration = Duration::from_secs(1);

fn draw(
    mut chart: ResMut<Chart>,
    mut layers: ResMut<Layers>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut clear: ResMut<ClearColor>,
) {
    let chart = chart.bypass_change_detection();
    let look = chart.look();
    let detail = Detail::of(chart.view.scale);
    let Epochs { sites, lanes, vehicles } = chart.known.epochs;
    if chart.elapsed.saturating_sub(chart.vehicles_drawn) >= VEHICLES_EVERY {
        layers.drawn[Layer::Vehicles as usize] = None;
        chart.vehicles_drawn = chart.elapsed;
    }
    for (layer, epoch) in Layer::ALL.into_iter().zip([0, lanes, sites, vehicles]) {
        let drawn = Some(Drawn { epoch, look, detail });
        if layers.drawn[layer as usize] == drawn {
            continue;
        }
        layers.drawn[layer as usize] = drawn;
        let mut triangles = Triangles::default();
        match layer {
            Layer::Land => {
                let [r, g, b, _] = look.of(look.theme.water).0;
                clear.0 = Color::srgb_u8(r, g, b);
                match land::land(detail, look.of(look.theme.land)) {
                    Ok(land) => triangles = land,
                    Err(why) => error!("no land: {why}"),
                }
            }
            Layer::Lanes => network::lanes(&chart.known, &look).iter().for_each(|path| triangles.line(path)),
            Layer::Sites => {
                chart.site_marks = network::sites(&chart.known, &look, detail);
                chart.site_marks.iter().for_each(|mark| triangles.mark(mark, &look));
            }
            Layer::Vehicles => {
                let now = chart.now().unwrap_or(Timestamp::EPOCH);
                chart.vehicle_marks = fleet::vehicles(&chart.known, now, &look, detail);
                chart.vehicle_marks.iter().for_each(|mark| triangles.mark(mark, &look));
            }
        }
        if triangles.indices.is_empty() {
            triangles = nothing();
        }
        if let Err(why) = meshes.insert(&layers.meshes[layer as usize], mesh(&triangles)) {
            error!("{layer:?} cannot be drawn: {why}");
        }
    }
}

fn show_view(chart: Res<Chart>, mut layers: ResMut<Layers>, mut materials: ResMut<Assets<ChartMaterial>>) {
    if layers.view == Some(chart.view) {
        return;
    }
    layers.view = Some(chart.view);
    for (handle, shift) in layers.materials.iter().zip([-WORLD, 0.0, WORLD]) {
        if let Some(mut material) = materials.get_mut(handle) {
            *material = ChartMaterial::new(&chart.view, shift);
        }
    }
}
