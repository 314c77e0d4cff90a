//! Sites and lanes as symbols and lines.

use std::collections::{BTreeMap, BTreeSet};

use firmware_schemas::fact::Severity;
use firmware_schemas::id::SiteId;
use firmware_schemas::network::{Mode, SiteKind};
use firmware_schemas::view::SiteView;

use super::chart::{ChartPoint, Margins, View, great_circle};
use super::mark::{Fill, ItemId, Mark, Shape};
use super::{Detail, Known, Look};
use crate::palette::{self, Rgba, Theme};

/// A lane as a line.
#[derive(Clone, Debug, PartialEq)]
pub struct LanePath {
    /// From end to end, `x` running on over the antimeridian.
    pub points: Vec<ChartPoint>,
    /// Its colour.
    pub colour: Rgba,
    /// In pixels.
    pub width_px: f64,
    /// Broken, for rail and air.
    pub dashed: bool,
}

/// The colour of a mode, and whether its lines are broken.
pub fn mode_style(mode: Mode, theme: &Theme) -> (Rgba, bool) {
    match mode {
        Mode::Sea => (theme.lane_sea, false),
        Mode::Road => (theme.lane_road, false),
        Mode::Rail => (theme.lane_rail, true),
        Mode::Air => (theme.lane_air, true),
        Mode::Barge => (theme.lane_barge, false),
        Mode::Internal => (theme.text_faint, false),
    }
}

/// All lanes whose ends are known; those of little weight first, so that the others lie over them.
pub fn lanes(known: &Known, look: &Look) -> Vec<LanePath> {
    // There and back along the same way is one line.
    let mut drawn = BTreeSet::new();
    let mut paths: Vec<(bool, LanePath)> = Vec::with_capacity(known.lanes.len());
    for lane in known.lanes.values() {
        let (Some(from), Some(to)) = (known.sites.get(&lane.from), known.sites.get(&lane.to)) else { continue };
        let stops: Vec<_> =
            std::iter::once(from.position).chain(lane.via.iter().copied()).chain([to.position]).collect();
        let back: Vec<_> = stops.iter().rev().copied().collect();
        if !drawn.insert((lane.mode, stops.clone().min(back))) {
            continue;
        }
        let points = great_circle(&stops);
        if points.is_empty() {
            continue; // both ends in one place
        }
        let last_mile = is_doorstep(from.kind) || is_doorstep(to.kind);
        let (colour, dashed) = mode_style(lane.mode, &look.theme);
        let colour = look.of(colour.with_alpha(if last_mile { 80 } else { 190 }));
        let width_px = if last_mile { 0.9 } else { 1.7 };
        paths.push((!last_mile, LanePath { points, colour, width_px, dashed }));
    }
    paths.sort_by_key(|(trunk, _)| *trunk);
    paths.into_iter().map(|(_, path)| path).collect()
}

/// The width of the panel of what is selected, in pixels.
pub const PANEL_PX: f64 = 340.0;

/// The height of the title bar, in pixels.
pub const TITLE_BAR_PX: f64 = 44.0;

/// Fitting comes no closer than this many pixels to a degree.
const FIT_SCALE_MAX: f64 = 400.0;

/// Brings all sites, and the lanes between them, into the part of the window that no panel covers.
pub fn fit(known: &Known, view: &mut View, panel_shown: bool) {
    let look = Look { theme: Theme::DARK, greyed: false };
    let mut points: Vec<ChartPoint> = known.sites.values().map(|site| ChartPoint::of(site.position)).collect();
    points.extend(lanes(known, &look).into_iter().flat_map(|path| path.points));
    // Names stand beside the outermost symbols.
    let margins = Margins {
        top: TITLE_BAR_PX + 32.0,
        bottom: 40.0,
        left: 56.0,
        right: 90.0 + if panel_shown { PANEL_PX } else { 0.0 },
    };
    view.fit(&points, margins, FIT_SCALE_MAX);
}

/// Where goods leave us: there are hundreds of these, and each matters little on the whole map.
pub fn is_doorstep(kind: SiteKind) -> bool {
    matches!(kind, SiteKind::Shop | SiteKind::Customer)
}

/// How much a kind matters on the whole map: its symbol lies over, and its label goes before, those of lower rank.
pub fn rank(kind: SiteKind) -> u8 {
    match kind {
        SiteKind::CentralWarehouse => 6,
        SiteKind::RegionalWarehouse => 5,
        SiteKind::Factory | SiteKind::Port | SiteKind::Airport => 4,
        SiteKind::Supplier | SiteKind::CrossDock => 3,
        SiteKind::Shop => 1,
        SiteKind::Customer => 0,
    }
}

/// The radius of a site's symbol, in pixels.
pub fn radius_px(kind: SiteKind, detail: Detail) -> f64 {
    let factor = match detail {
        Detail::World if is_doorstep(kind) => 0.8,
        Detail::World => 0.85,
        Detail::Region => 1.0,
    };
    factor * radius_up_close_px(kind)
}

fn radius_up_close_px(kind: SiteKind) -> f64 {
    match kind {
        SiteKind::CentralWarehouse => 11.0,
        SiteKind::RegionalWarehouse => 8.5,
        SiteKind::Factory | SiteKind::Port | SiteKind::Airport => 6.5,
        SiteKind::Supplier | SiteKind::CrossDock => 6.0,
        SiteKind::Shop => 4.0,
        SiteKind::Customer => 3.4,
    }
}

/// What a site's colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteStatus {
    /// It keeps no stock and has no devices, so nobody tells us how it is.
    Unknown,
    /// Nothing is wrong.
    Ok,
    /// The gravest of its open alerts.
    Alert(Severity),
}

impl SiteStatus {
    /// Its colour.
    pub fn colour(self) -> Rgba {
        match self {
            Self::Unknown => palette::UNKNOWN,
            Self::Ok => palette::OK,
            Self::Alert(severity) => Shape::of_severity(severity).1,
        }
    }
}

/// The status of every site.
pub fn statuses(known: &Known) -> BTreeMap<&SiteId, SiteStatus> {
    let severities = known.severity_by_site();
    let with_devices: BTreeSet<&SiteId> =
        known.devices.values().filter(|device| device.vehicle.is_none()).map(|device| &device.site).collect();
    let status = |site: &SiteView| match severities.get(&site.site) {
        Some(severity) => SiteStatus::Alert(*severity),
        None if site.stock.positions > 0 || with_devices.contains(&site.site) => SiteStatus::Ok,
        None => SiteStatus::Unknown,
    };
    known.sites.iter().map(|(id, site)| (id, status(site))).collect()
}

/// The symbols of all sites, the weighty ones and those with alerts last, so that they lie on top.
pub fn sites(known: &Known, look: &Look, detail: Detail) -> Vec<Mark> {
    let statuses = statuses(known);
    /// By weight and alert, a site's symbol and its ring.
    type Weighed = ((u8, bool), [Option<Mark>; 2]);
    let mut marks: Vec<Weighed> = Vec::with_capacity(known.sites.len());
    for (id, site) in &known.sites {
        let status = statuses.get(id).copied().unwrap_or(SiteStatus::Unknown);
        let radius = radius_px(site.kind, detail);
        let symbol = Mark {
            at: ChartPoint::of(site.position),
            offset_px: [0.0, 0.0],
            shape: Shape::of_site(site.kind),
            radius_px: radius,
            turn_rad: 0.0,
            fill: if status == SiteStatus::Unknown { Fill::Hollow } else { Fill::Solid },
            colour: look.of(status.colour()),
            item: Some(ItemId::Site(id.clone())),
        };
        // Where the symbol is large enough, the status has its own shape at its shoulder.
        let badge = match status {
            SiteStatus::Alert(severity) if !is_doorstep(site.kind) => {
                let (shape, colour) = Shape::of_severity(severity);
                Some(Mark {
                    offset_px: [radius * 0.95, radius * 0.95],
                    shape,
                    radius_px: (radius * 0.55).max(4.5),
                    fill: Fill::Solid,
                    colour: look.of(colour),
                    item: None,
                    ..symbol.clone()
                })
            }
            _ => None,
        };
        let alerting = matches!(status, SiteStatus::Alert(_));
        marks.push(((rank(site.kind), alerting), [Some(symbol), badge]));
    }
    marks.sort_by_key(|(weight, _)| *weight);
    marks.into_iter().flat_map(|(_, pair)| pair).flatten().collect()
}
