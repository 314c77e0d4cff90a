//! The chart as a picture, without a window or a screen: a software Vulkan driver is enough.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bevy::asset::RenderAssetUsages;
use bevy::camera::RenderTarget;
use bevy::prelude::*;
use bevy::render::RenderApp;
use bevy::render::RenderPlugin;
use bevy::render::pipelined_rendering::PipelinedRenderingPlugin;
use bevy::render::render_resource::{
    CachedPipeline, CachedPipelineState, Extent3d, PipelineCache, PipelineDescriptor, PollType, TextureDimension,
    TextureFormat, TextureUsages,
};
use bevy::render::renderer::{RenderAdapterInfo, RenderDevice};
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::window::ExitCondition;
use bevy::winit::WinitPlugin;
use firmware_schemas::api::what_if::{WhatIfMovements, WhatIfResult};
use firmware_schemas::id::SiteId;
use firmware_schemas::view::Snapshot;

use crate::app::{ChartPlugin, camera_parts, log_plugin};
use crate::ask::ask_once;
use crate::chart::{Chart, Settings};
use crate::desk::{Answer, Question};
use crate::scene::mark::ItemId;
use crate::scene::plan::SitePlan;
use crate::scene::what_if::Compare;
use crate::scene::{Link, View};

/// How to draw a picture.
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// In pixels.
    pub size: (u32, u32),
    /// Colours, language, units, layers.
    pub settings: Settings,
    /// What to select, by its id.
    pub select: Option<String>,
    /// What to show, when not everything: the middle in degrees, and pixels to a degree of longitude.
    pub look_at: Option<LookAt>,
    /// The link, as the title bar is to show it.
    pub link: Link,
    /// The inside of this warehouse instead of the map.
    pub inside: Option<SiteId>,
    /// Plans of warehouses.
    pub plans: Vec<SitePlan>,
    /// A what-if, how it is called, and how it is laid over the map.
    pub what_if: Option<(WhatIfResult, String, Compare)>,
    /// What moves in it; else the gateway is asked, where there is one.
    pub movements: Option<WhatIfMovements>,
    /// The clock of the what-if, in days from its beginning.
    pub what_if_day: f64,
    /// What is shown over all: nothing, the help, alerts or proposals.
    pub over: Over,
    /// The snapshot is of the past: the gateway is not asked for the stock of now.
    pub of_past: bool,
    /// The gateway that is asked for series, stock and forecasts; nothing is asked without it.
    pub url: Option<String>,
}

/// What lies over a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Over {
    /// Nothing.
    #[default]
    Nothing,
    /// The keys.
    Help,
    /// The open alerts.
    Alerts,
    /// What is proposed.
    Proposals,
    /// The scenarios, and what came out.
    WhatIf,
}

impl RenderOptions {
    /// A picture of everything, of this size.
    pub fn new(size: (u32, u32)) -> Self {
        Self {
            size,
            settings: Settings::default(),
            select: None,
            look_at: None,
            link: Link::File,
            inside: None,
            plans: Vec::new(),
            what_if: None,
            movements: None,
            what_if_day: 0.0,
            over: Over::Nothing,
            of_past: false,
            url: None,
        }
    }
}

/// A place and how closely to look at it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LookAt {
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
    /// Pixels to a degree of longitude.
    pub scale: f64,
}

/// A picture, and where on it things are.
pub struct Picture {
    /// The pixels.
    pub image: image::RgbImage,
    /// What part of the chart it shows.
    pub view: View,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// Nothing that can draw, not even in software.
    #[error("no Vulkan driver (Debian: apt-get install mesa-vulkan-drivers)")]
    NoDriver,
    /// The driver gave nothing back.
    #[error("the driver gave no picture back within {n_frames} frames")]
    NoPicture {
        /// How many were tried.
        n_frames: u32,
    },
    /// The pixels are in a format that cannot be saved.
    #[error("the picture cannot be converted: {0}")]
    Convert(String),
    /// The file cannot be written.
    #[error("the picture cannot be saved: {0}")]
    Save(#[from] image::ImageError),
}

/// Whether something is there that can draw.
pub fn has_driver() -> bool {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let instance = wgpu::Instance::new(descriptor);
    bevy::tasks::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())).is_ok()
}

/// Frames until the fonts are there, all meshes are on the card and names are placed.
const N_WARM_UP_FRAMES: u32 = 6;

/// Frames until a picture that was asked for must have come back.
const N_PICTURE_FRAMES: u32 = 60;

/// Draws a snapshot as it was when it was made.
pub fn render(snapshot: Snapshot, options: RenderOptions) -> Result<Picture, RenderError> {
    Studio::new(options.size)?.draw(snapshot, options)
}

/// Draws pictures one after the other: the driver is woken once.
pub struct Studio {
    app: App,
    target: Handle<Image>,
    size: (u32, u32),
}

impl Studio {
    /// For pictures of this size.
    pub fn new(size: (u32, u32)) -> Result<Self, RenderError> {
        Self::with(size, |app| {
            app.insert_resource(Chart::new(size, Settings::default(), None))
                .add_plugins(ChartPlugin { in_window: false });
        })
    }

    fn with(size: (u32, u32), add: impl FnOnce(&mut App)) -> Result<Self, RenderError> {
        if !has_driver() {
            return Err(RenderError::NoDriver);
        }
        let mut app = App::new();
        app.add_plugins(
            DefaultPlugins
                .set(WindowPlugin { primary_window: None, exit_condition: ExitCondition::DontExit, ..default() })
                .set(RenderPlugin { synchronous_pipeline_compilation: true, ..default() })
                .set(log_plugin())
                .disable::<WinitPlugin>()
                .disable::<PipelinedRenderingPlugin>(),
        );
        add(&mut app);
        let extent = Extent3d { width: size.0, height: size.1, depth_or_array_layers: 1 };
        let format = TextureFormat::Rgba8UnormSrgb;
        let mut target = Image::new_uninit(extent, TextureDimension::D2, format, RenderAssetUsages::RENDER_WORLD);
        target.texture_descriptor.usage |= TextureUsages::RENDER_ATTACHMENT;
        app.finish();
        app.cleanup();
        let target = app.world_mut().resource_mut::<Assets<Image>>().add(target);
        app.world_mut().spawn((camera_parts(), RenderTarget::Image(target.clone().into())));
        Ok(Self { app, target, size })
    }

    /// One that draws nothing: what the driver needs by itself.
    pub(crate) fn bare(size: (u32, u32)) -> Result<Self, RenderError> {
        Self::with(size, |_| {})
    }

    /// One frame, until the card has drawn it.
    pub(crate) fn frame(&mut self) {
        update(&mut self.app);
    }

    /// One frame, without waiting for the card.
    pub(crate) fn update(&mut self) {
        self.app.update();
    }

    /// Waits until the card has drawn everything.
    pub(crate) fn wait(&mut self) {
        wait(&self.app);
    }

    /// What draws.
    pub(crate) fn adapter(&self) -> String {
        self.app.world().get_resource::<RenderAdapterInfo>().map_or_else(String::new, |info| info.name.clone())
    }

    /// Draws until everything is there: which frame was the first complete one.
    pub(crate) fn begin(&mut self, snapshot: Snapshot, options: RenderOptions) -> Result<u32, RenderError> {
        self.show_file(snapshot, options);
        for nth in 1..=N_PICTURE_FRAMES {
            update(&mut self.app);
            let chart = self.app.world().resource::<Chart>();
            let is_named = chart.labels_for.is_some() && chart.gathering.is_none();
            if is_named && self.draws_all() {
                return Ok(nth);
            }
        }
        Err(RenderError::NoPicture { n_frames: N_PICTURE_FRAMES })
    }

    /// Shows a snapshot from the next frame on.
    pub(crate) fn show_file(&mut self, snapshot: Snapshot, options: RenderOptions) {
        let mut chart = Chart::new(self.size, options.settings, options.select);
        chart.show_file(snapshot);
        chart.generation = 1;
        self.app.insert_resource(chart);
    }

    /// Whether both of our shaders and that of the texts are there and nothing waits to be compiled.
    fn draws_all(&self) -> bool {
        let Some(render) = self.app.get_sub_app(RenderApp) else { return false };
        let Some(cache) = render.world().get_resource::<PipelineCache>() else { return false };
        let labels = |pipeline: &CachedPipeline| match &pipeline.descriptor {
            PipelineDescriptor::RenderPipelineDescriptor(descriptor) => descriptor.label.clone(),
            PipelineDescriptor::ComputePipelineDescriptor(_) => None,
        };
        let ready = |pipeline: &&CachedPipeline| matches!(pipeline.state, CachedPipelineState::Ok(_));
        let n_ready = cache.pipelines().filter(ready).count();
        let n_of_meshes = cache
            .pipelines()
            .filter(ready)
            .filter(|pipeline| labels(pipeline).is_some_and(|label| label.contains("mesh2d")))
            .count();
        n_of_meshes >= 2 && n_ready == cache.pipelines().count()
    }

    /// What it draws with.
    pub(crate) fn app_mut(&mut self) -> &mut App {
        &mut self.app
    }

    /// Draws a snapshot as it was when it was made. `options.size` is that of the studio.
    pub fn draw(&mut self, snapshot: Snapshot, options: RenderOptions) -> Result<Picture, RenderError> {
        let mut chart = Chart::new(self.size, options.settings, options.select);
        chart.show_file(snapshot);
        if let Some(LookAt { lat, lon, scale }) = options.look_at {
            chart.view.centre = crate::scene::ChartPoint::from_degrees(lat, lon);
            let middle = chart.view.to_screen(chart.view.centre);
            chart.view.zoom(scale / chart.view.scale, middle);
            chart.moved = true;
        }
        chart.link = options.link;
        chart.of_past = options.of_past;
        chart.plans = options.plans.into_iter().map(|plan| (plan.site.clone(), plan)).collect();
        if let Some(site) = options.inside {
            let selected = chart.selected.replace(ItemId::Site(site));
            chart.enter();
            chart.selected = selected;
        }
        if let Some((result, name, compare)) = options.what_if {
            let id = result.head.id.to_string();
            chart.what_if.run = Some((id.clone(), name));
            chart.what_if.compare = compare;
            if options.url.is_some() {
                chart.desk.want(Question::Weeks(id.clone()), Duration::MAX, Duration::ZERO);
                chart.desk.want(Question::Movements(id.clone()), Duration::MAX, Duration::ZERO);
            }
            if let Some(movements) = options.movements {
                let answer = Ok(Answer::Movements(Some(Box::new(movements))));
                chart.take_answer(&Question::Movements(id.clone()), answer);
            }
            chart.what_if.day = options.what_if_day;
            chart.take_answer(&Question::Outcome(id), Ok(Answer::Outcome(Box::new(result))));
        }
        chart.help_shown = options.over == Over::Help;
        chart.alerts_shown = options.over == Over::Alerts;
        chart.proposals_shown = options.over == Over::Proposals;
        chart.what_if.shown = options.over == Over::WhatIf;
        chart.notice = None;
        self.show(chart, options.url.as_deref())
    }

    /// Draws a chart as it is.
    pub(crate) fn show(&mut self, mut chart: Chart, url: Option<&str>) -> Result<Picture, RenderError> {
        // What was drawn before is not what is drawn now.
        chart.generation = self.app.world().resource::<Chart>().generation + 1;
        self.app.insert_resource(chart);
        for _ in 0..N_WARM_UP_FRAMES {
            update(&mut self.app);
        }
        self.ask(url);
        let view = self.app.world().resource::<Chart>().view;
        Ok(Picture { image: self.picture()?, view })
    }

    /// The next frame as a picture.
    pub(crate) fn picture(&mut self) -> Result<image::RgbImage, RenderError> {
        let slot: Arc<Mutex<Option<Image>>> = Arc::default();
        let filled = Arc::clone(&slot);
        self.app.world_mut().spawn(Screenshot::image(self.target.clone())).observe(
            move |captured: On<ScreenshotCaptured>| {
                if let Ok(mut slot) = filled.lock() {
                    *slot = Some(captured.image.clone());
                }
            },
        );
        for _ in 0..N_PICTURE_FRAMES {
            update(&mut self.app);
            if let Some(image) = slot.lock().ok().and_then(|mut slot| slot.take()) {
                return pixels(&image);
            }
        }
        Err(RenderError::NoPicture { n_frames: N_PICTURE_FRAMES })
    }

    /// Asks what the panels want to know until they want nothing more.
    fn ask(&mut self, url: Option<&str>) {
        /// An answer may lead to a question, and that to another.
        const N_ROUNDS: usize = 4;
        let Some(url) = url else { return };
        for _ in 0..N_ROUNDS {
            let questions = self.app.world_mut().resource_mut::<Chart>().desk.take_waiting();
            if questions.is_empty() {
                return;
            }
            for question in questions {
                let answer = ask_once(url, &question).map_err(|why| why.to_string());
                self.app.world_mut().resource_mut::<Chart>().take_answer(&question, answer);
            }
            for _ in 0..N_WARM_UP_FRAMES {
                update(&mut self.app);
            }
        }
    }
}

/// One frame, until the card has drawn it.
fn update(app: &mut App) {
    app.update();
    wait(app);
}

fn wait(app: &App) {
    let device = app.world().resource::<RenderDevice>().wgpu_device();
    // A time-out only means that the picture comes a frame later.
    device.poll(PollType::Wait { submission_index: None, timeout: None }).ok();
}

fn pixels(image: &Image) -> Result<image::RgbImage, RenderError> {
    let image = image.clone().try_into_dynamic().map_err(|why| RenderError::Convert(why.to_string()))?;
    Ok(image.to_rgb8())
}

/// Writes a picture that came from the card; the ending of the name says how.
pub(crate) fn save(image: &Image, path: &Path) -> Result<(), RenderError> {
    Ok(pixels(image)?.save(path)?)
}
