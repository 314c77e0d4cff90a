//! The chart as a picture, without a window or a screen: a software Vulkan driver is enough.

use std::path::Path;
use std::sync::{Arc, Mutex};

use bevy::asset::RenderAssetUsages;
use bevy::camera::RenderTarget;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::pipelined_rendering::PipelinedRenderingPlugin;
use bevy::render::render_resource::{Extent3d, PollType, TextureDimension, TextureFormat, TextureUsages};
use bevy::render::renderer::RenderDevice;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::window::ExitCondition;
use bevy::winit::WinitPlugin;
use firmware_schemas::view::Snapshot;

use crate::app::{ChartPlugin, camera_parts, log_plugin};
use crate::chart::{Chart, Settings};
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
        )
        .insert_resource(Chart::new(size, Settings::default(), None))
        .add_plugins(ChartPlugin);
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
        self.show(chart)
    }

    /// Draws a chart as it is.
    pub(crate) fn show(&mut self, mut chart: Chart) -> Result<Picture, RenderError> {
        // What was drawn before is not what is drawn now.
        chart.generation = self.app.world().resource::<Chart>().generation + 1;
        self.app.insert_resource(chart);
        for _ in 0..N_WARM_UP_FRAMES {
            update(&mut self.app);
        }
        let view = self.app.world().resource::<Chart>().view;
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
                return Ok(Picture { image: pixels(&image)?, view });
            }
        }
        Err(RenderError::NoPicture { n_frames: N_PICTURE_FRAMES })
    }
}

/// One frame, until the card has drawn it.
fn update(app: &mut App) {
    app.update();
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
