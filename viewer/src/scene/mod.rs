//! What to draw: pure, in f64, without a window.
//!
//! ```text
//! Snapshot, Delta ─▶ Known ─┬▶ network::lanes   ─▶ paths ─┐
//!                           ├▶ network::sites   ─▶ marks ─┼▶ mesh (triangles)
//!                           ├▶ fleet::vehicles  ─▶ marks ─┘
//!                           ├▶ labels::place    ─▶ texts on the chart
//!                           └▶ facts            ─▶ title bar, panel, tip
//! ```

pub mod chart;
pub mod facts;
pub mod fleet;
pub mod known;
pub mod labels;
pub mod mark;
pub mod mesh;
pub mod network;

pub use chart::{ChartPoint, Margins, ScreenPoint, View};
pub use known::{Known, Link};
pub use mark::{Fill, ItemId, Mark, Shape};

use crate::palette::{Rgba, Theme};

/// How much there is room for at a zoom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Continents: small symbols, coarse coasts.
    World,
    /// Countries and closer.
    Region,
}

impl Detail {
    /// Of a zoom, in pixels to a degree.
    pub fn of(scale: f64) -> Self {
        if scale < 18.0 { Self::World } else { Self::Region }
    }
}

/// How things are coloured now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// The theme.
    pub theme: Theme,
    /// The link is lost: what we know is old, and shown in grey.
    pub greyed: bool,
}

impl Look {
    /// `colour`, or its grey while the link is lost.
    pub fn of(&self, colour: Rgba) -> Rgba {
        if self.greyed { colour.greyed() } else { colour }
    }
}
