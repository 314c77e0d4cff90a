//! Portolan's viewer: a window on a running supply network, or a picture of it.
#![allow(clippy::print_stdout, reason = "this is a command")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use viewer::app::{WindowOptions, run_window};
use viewer::feed::fetch_snapshot;
use viewer::palette::Theme;
use viewer::render::{LookAt, RenderOptions, render};
use viewer::scene::Link;

/// Shows a running supply network.
///
/// Drag to pan, wheel to zoom, click to select. F fit or focus, Home fit, Esc deselect, L labels, T theme, + - zoom.
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
    Render(RenderArgs),
}

#[derive(clap::Args)]
struct Common {
    /// Width and height in pixels.
    #[arg(long, default_value = "1600x900", value_parser = parse_size)]
    size: (u32, u32),
    /// Colours: dark or light.
    #[arg(long, default_value = "dark", value_parser = parse_theme)]
    theme: Theme,
    /// Select a site or a vehicle by its id.
    #[arg(long, value_name = "ID")]
    select: Option<String>,
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
    #[arg(long, env = "PORTOLAN_URL", default_value = "http://127.0.0.1:8460", conflicts_with = "snapshot")]
    url: String,
    /// A snapshot from a file instead, as `GET /v1/snapshot` gives it.
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
    /// What to show instead of everything: latitude, longitude, pixels to a degree.
    #[arg(long, value_name = "LAT,LON,SCALE", value_parser = parse_look_at, allow_hyphen_values = true)]
    look_at: Option<LookAt>,
    /// Where to save the picture.
    #[arg(short, long, value_name = "FILE", default_value = "portolan.png")]
    out: PathBuf,
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
    Theme::from_name(text).ok_or_else(|| "want dark or light".to_owned())
}

fn parse_look_at(text: &str) -> Result<LookAt, String> {
    let numbers: Vec<f64> = text.split(',').filter_map(|part| part.trim().parse().ok()).collect();
    match numbers[..] {
        [lat, lon, scale] if lat.abs() <= 90.0 && lon.abs() <= 180.0 && scale > 0.0 => Ok(LookAt { lat, lon, scale }),
        _ => Err("want LAT,LON,SCALE, such as 50,10,30".to_owned()),
    }
}

fn main() -> anyhow::Result<()> {
    let Cli { command, window } = Cli::parse();
    match command {
        Some(Command::Render(args)) => draw_picture(args),
        None => {
            let WindowArgs { url, common: Common { size, theme, select }, exit_after, screenshot } = window;
            let exit_after = exit_after.map(Duration::try_from_secs_f64).transpose().context("--exit-after")?;
            let options = WindowOptions { url, size, theme, select, exit_after, screenshot };
            run_window(options).context("opening the window")
        }
    }
}

fn draw_picture(args: RenderArgs) -> anyhow::Result<()> {
    let RenderArgs { url, snapshot, common: Common { size, theme, select }, look_at, out } = args;
    let (snapshot, link) = match snapshot {
        Some(path) => {
            let text = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            let snapshot =
                serde_json::from_slice(&text).with_context(|| format!("{} is not a snapshot", path.display()))?;
            (snapshot, Link::File)
        }
        None => (fetch_snapshot(&url).with_context(|| format!("asking {url} for a snapshot"))?, Link::Live),
    };
    let picture = render(snapshot, RenderOptions { size, theme, select, look_at, link })?;
    picture.image.save(&out).with_context(|| format!("saving {}", out.display()))?;
    println!("{}", out.display());
    Ok(())
}
