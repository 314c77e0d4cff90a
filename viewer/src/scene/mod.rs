//! What to draw: pure, in f64, without a window.
//!
//! ```text
//! Snapshot, Delta ─▶ Known ─┬▶ network, overlay ─▶ lines, areas ─▶ mesh (triangles)
//!        │                  ├▶ sites, fleet      ─▶ pool (records that move by themselves)
//!        ▼                  ├▶ labels            ─▶ names on the chart
//! history, past ─▶ Known then ├▶ plan, hall        ─▶ the inside of a warehouse
//!                           └▶ facts, inspect, series, what_if ─▶ panels; movements ─▶ mesh
//! ```

pub mod chart;
pub mod clock;
pub mod facts;
pub mod fleet;
pub mod hall;
pub mod history;
pub mod inspect;
pub mod keys;
pub mod known;
pub mod labels;
pub mod mark;
pub mod mesh;
pub mod motion;
pub mod movements;
pub mod network;
pub mod overlay;
pub mod past;
pub mod plan;
pub mod pool;
pub mod series;
pub mod sites;
pub mod what_if;
pub mod words;

pub use chart::{ChartPoint, Margins, ScreenPoint, View};
pub use known::{Known, Link};
pub use mark::{Fill, ItemId, Mark, Shape};
pub use words::{Language, Units, Words, Zone};

use crate::palette::{Rgba, Theme};

/// What is drawn, by layers that can be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layers(pub [bool; 9]);

impl Layers {
    /// Borders between countries.
    pub const BORDERS: usize = 0;
    /// Cities.
    pub const CITIES: usize = 1;
    /// Lanes.
    pub const LANES: usize = 2;
    /// Goods under way.
    pub const FLOWS: usize = 3;
    /// Sites.
    pub const SITES: usize = 4;
    /// Vehicles.
    pub const VEHICLES: usize = 5;
    /// Stock bars.
    pub const STOCK: usize = 6;
    /// Clusters instead of crowds.
    pub const CLUSTERS: usize = 7;
    /// The legend.
    pub const LEGEND: usize = 8;

    /// Their names, in English and Chinese.
    pub const NAMES: [(&'static str, &'static str); 9] = [
        ("borders", "边界"),
        ("cities", "城市"),
        ("lanes", "线路"),
        ("flows", "货流"),
        ("sites", "站点"),
        ("vehicles", "车船"),
        ("stock", "库存"),
        ("clusters", "聚合"),
        ("legend", "图例"),
    ];

    /// Whether one is on.
    pub fn on(&self, layer: usize) -> bool {
        self.0[layer]
    }
}

impl Default for Layers {
    fn default() -> Self {
        Self([true; 9])
    }
}

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
