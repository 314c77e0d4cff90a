//! Symbols: convex outlines of a size in pixels, at places of the chart.

use std::f64::consts::TAU;

use firmware_schemas::fact::Severity;
use firmware_schemas::id::{DeviceId, OrderId, ShipmentId, SiteId, SkuId, VehicleId};
use firmware_schemas::network::{SiteKind, VehicleKind};

use super::chart::ChartPoint;
use crate::palette::{self, Rgba};

/// What can be pointed at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemId {
    /// A vehicle.
    Vehicle(VehicleId),
    /// A site.
    Site(SiteId),
    /// A device.
    Device(DeviceId),
    /// A shipment.
    Shipment(ShipmentId),
    /// A stock keeping unit.
    Sku(SkuId),
    /// The stock of a SKU at a site.
    Position(SiteId, SkuId),
    /// An order.
    Order(OrderId),
    /// A city, by its place in the list: it has a name and nothing else.
    City(u32),
}

/// An outline, convex, about as large as a circle of radius one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A customer; a vehicle's uncertainty.
    Circle,
    /// A shop; an AGV; status info.
    Square,
    /// A factory.
    Diamond,
    /// Status watch.
    Triangle,
    /// A supplier.
    Pentagon,
    /// A cross-dock.
    Hexagon,
    /// Status critical.
    Octagon,
    /// A warehouse, with a roof.
    House,
    /// A port: a hull seen from its bow.
    Harbour,
    /// An airport, and an aeroplane: a dart.
    Dart,
    /// A ship or barge from above, bow up.
    Hull,
    /// A truck or van from above, front up.
    Truck,
    /// A train from above.
    Carriage,
}

impl Shape {
    /// Of a kind of site.
    pub fn of_site(kind: SiteKind) -> Self {
        match kind {
            SiteKind::Supplier => Self::Pentagon,
            SiteKind::Factory => Self::Diamond,
            SiteKind::Port => Self::Harbour,
            SiteKind::Airport => Self::Dart,
            SiteKind::CentralWarehouse | SiteKind::RegionalWarehouse => Self::House,
            SiteKind::CrossDock => Self::Hexagon,
            SiteKind::Shop => Self::Square,
            SiteKind::Customer => Self::Circle,
        }
    }

    /// Of a kind of vehicle, front up.
    pub fn of_vehicle(kind: VehicleKind) -> Self {
        match kind {
            VehicleKind::Ship | VehicleKind::Barge => Self::Hull,
            VehicleKind::Truck | VehicleKind::Van => Self::Truck,
            VehicleKind::Train => Self::Carriage,
            VehicleKind::Aircraft => Self::Dart,
            VehicleKind::Agv => Self::Square,
        }
    }

    /// Of a status, with its colour.
    pub fn of_severity(severity: Severity) -> (Self, Rgba) {
        match severity {
            Severity::Info => (Self::Square, palette::INFO),
            Severity::Watch => (Self::Triangle, palette::WATCH),
            Severity::Critical => (Self::Octagon, palette::CRITICAL),
        }
    }

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::Circle,
        Self::Square,
        Self::Diamond,
        Self::Triangle,
        Self::Pentagon,
        Self::Hexagon,
        Self::Octagon,
        Self::House,
        Self::Harbour,
        Self::Dart,
        Self::Hull,
        Self::Truck,
        Self::Carriage,
    ];

    /// The corners, anticlockwise, `y` up.
    pub fn outline(self) -> Vec<[f64; 2]> {
        match self {
            Self::Circle => regular(20, 0.0),
            Self::Square => vec![[0.86, -0.86], [0.86, 0.86], [-0.86, 0.86], [-0.86, -0.86]],
            Self::Diamond => regular(4, 0.25).into_iter().map(|[x, y]| [x * 1.15, y * 1.15]).collect(),
            Self::Triangle => vec![[1.08, -0.75], [0.0, 1.12], [-1.08, -0.75]],
            Self::Pentagon => regular(5, 0.25),
            Self::Hexagon => regular(6, 0.0),
            Self::Octagon => regular(8, 1.0 / 16.0),
            Self::House => vec![[0.9, -0.85], [0.9, 0.25], [0.0, 1.05], [-0.9, 0.25], [-0.9, -0.85]],
            Self::Harbour => vec![[0.55, -0.8], [1.05, 0.75], [-1.05, 0.75], [-0.55, -0.8]],
            Self::Dart => vec![[0.8, -0.8], [0.0, 1.2], [-0.8, -0.8], [0.0, -0.55]],
            Self::Hull => {
                vec![[0.42, -1.2], [0.5, 0.35], [0.0, 1.35], [-0.5, 0.35], [-0.42, -1.2]]
            }
            Self::Truck => {
                vec![[0.55, -1.05], [0.55, 0.75], [0.35, 1.1], [-0.35, 1.1], [-0.55, 0.75], [-0.55, -1.05]]
            }
            Self::Carriage => vec![[0.42, -1.25], [0.42, 1.25], [-0.42, 1.25], [-0.42, -1.25]],
        }
    }
}

/// A regular polygon whose first corner is `turns` of a full turn from east.
fn regular(n_corners: u32, turns: f64) -> Vec<[f64; 2]> {
    (0..n_corners)
        .map(|corner| {
            let (sin, cos) = ((f64::from(corner) / f64::from(n_corners) + turns) * TAU).sin_cos();
            [cos, sin]
        })
        .collect()
}

/// How a symbol is filled: how sure we are of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Live.
    Solid,
    /// Late, or unknown.
    Hollow,
    /// Stale.
    Hatched,
    /// Lost: a cross instead of the outline.
    Cross,
    /// Only a thin line around nothing: a halo of selection or uncertainty.
    Ring,
    /// A dashed line around nothing: an estimate.
    Dashed,
}

/// One symbol.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where.
    pub at: ChartPoint,
    /// From there, in pixels, `y` up.
    pub offset_px: [f64; 2],
    /// Its outline.
    pub shape: Shape,
    /// Its size.
    pub radius_px: f64,
    /// Clockwise from north, in radians.
    pub turn_rad: f64,
    /// Its filling.
    pub fill: Fill,
    /// Its colour.
    pub colour: Rgba,
    /// What it stands for, when it can be pointed at.
    pub item: Option<ItemId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlines_run_anticlockwise_around_their_middle() {
        for shape in Shape::ALL {
            let outline = shape.outline();
            for at in 0..outline.len() {
                let ([ax, ay], [bx, by]) = (outline[at], outline[(at + 1) % outline.len()]);
                assert!(ax * by - ay * bx > 0.0, "{shape:?} at corner {at}: a fan from the middle must not fold");
                assert!(ax.hypot(ay) <= 1.4, "{shape:?} is too large");
            }
        }
    }

    #[test]
    fn every_severity_has_a_shape_of_its_own() {
        let shapes =
            [Severity::Info, Severity::Watch, Severity::Critical].map(|severity| Shape::of_severity(severity).0);
        assert!(shapes[0] != shapes[1] && shapes[1] != shapes[2] && shapes[0] != shapes[2]);
    }
}
