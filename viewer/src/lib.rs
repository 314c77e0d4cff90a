//! Draws a running supply network: land, lanes, sites, vehicles and what is wrong with them. It decides nothing.
//!
//! ```text
//! gateway ─ HTTP ─▶ feed ─ events ─▶ chart ─▶ scene (pure) ─▶ layers, symbols ─▶ Bevy ─▶ window, or an image
//!         │          └─▶ record ─ history ─┤              └─▶ panel ─▶ egui (text)
//!         └─ questions ─▶ ask, past ────────┘
//! ```
//!
//! ```
//! use viewer::scene::{ChartPoint, View};
//!
//! let mut view = View::world(1600.0, 900.0);
//! view.zoom(4.0, view.to_screen(ChartPoint::from_degrees(53.5, 10.0)));
//! assert!(view.scale > 4.0);
//! ```

pub mod app;
pub mod ask;
pub mod bench;
mod camera;
mod chart;
pub mod desk;
pub mod feed;
pub mod land;
mod layers;
pub mod look_back;
mod material;
pub mod palette;
mod panel;
pub mod past;
pub mod record;
pub mod render;
pub mod scene;
mod symbols;
mod what_if;
pub mod worker;

pub use chart::Settings;
