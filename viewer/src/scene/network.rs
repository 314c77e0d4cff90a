//! Sites and lanes as symbols and lines.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use firmware_schemas::fact::Severity;
use firmware_schemas::id::{LaneId, SiteId};
use firmware_schemas::network::{Mode, SiteKind};

use super::chart::{ChartPoint, Margins, View};
use super::fleet::Lines;
use super::mark::Shape;
use super::{Detail, Known, Look};
use crate::palette::{self, Rgba, Theme};

/// A lane as a line.
#[derive(Clone, Debug, PartialEq)]
pub struct LanePath {
    /// From end to end, `x` running on over the antimeridian.
    pub points: Arc<Vec<ChartPoint>>,
    /// Its colour.
    pub colour: Rgba,
    /// In pixels.
    pub width_px: f64,
    /// Broken: planned, and nothing is under way.
    pub dashed: bool,
}

/// The colour of a mode.
pub fn mode_colour(mode: Mode, theme: &Theme) -> Rgba {
    match mode {
        Mode::Sea => theme.lane_sea,
        Mode::Road => theme.lane_road,
        Mode::Rail => theme.lane_rail,
        Mode::Air => theme.lane_air,
        Mode::Barge => theme.lane_barge,
        Mode::Internal => theme.text_faint,
    }
}

/// All lanes whose ends are known; those of little weight first, so that the others lie over them.
///
/// A lane is a broken line while it is only planned: nothing is under way on it.
pub fn lanes(known: &Known, lines: &mut Lines, look: &Look) -> Vec<LanePath> {
    // There and back along the same way is one line, whole if either is.
    let mut drawn: BTreeMap<(Mode, &SiteId, &SiteId, usize), usize> = BTreeMap::new();
    let mut paths: Vec<(bool, LanePath)> = Vec::with_capacity(known.lanes.len());
    for lane in known.lanes.values() {
        let (Some(from), Some(to)) = (known.sites.get(&lane.from), known.sites.get(&lane.to)) else { continue };
        let ends = if lane.from < lane.to { (&lane.from, &lane.to) } else { (&lane.to, &lane.from) };
        let dashed = !known.busy.contains_key(&lane.lane);
        let key = (lane.mode, ends.0, ends.1, lane.via.len());
        if let Some(at) = drawn.get(&key) {
            let (_, path): &mut (bool, LanePath) = &mut paths[*at];
            path.dashed &= dashed;
            continue;
        }
        let Some(line) = lines.of(known, &lane.lane) else { continue }; // both ends in one place
        drawn.insert(key, paths.len());
        let last_mile = is_doorstep(from.kind) || is_doorstep(to.kind);
        let colour = mode_colour(lane.mode, &look.theme);
        let colour = look.of(colour.with_alpha(if last_mile { 70 } else { 200 }));
        let width_px = if last_mile { 0.9 } else { 1.7 };
        paths.push((!last_mile, LanePath { points: Arc::clone(&line.points), colour, width_px, dashed }));
    }
    paths.sort_by_key(|(trunk, _)| *trunk);
    paths.into_iter().map(|(_, path)| path).collect()
}

/// Goods under way on each lane as a broad band under it, the broader the more pieces.
pub fn flows(known: &Known, lines: &mut Lines, look: &Look) -> Vec<LanePath> {
    let mut pieces: BTreeMap<&LaneId, i64> = BTreeMap::new();
    for shipment in known.shipments.values() {
        let Some(lane) = &shipment.lane else { continue };
        let sum: i64 = shipment.lines.iter().fold(0, |sum, line| sum.saturating_add(line.pieces.0));
        let so_far = pieces.entry(lane).or_default();
        *so_far = so_far.saturating_add(sum);
    }
    let mut paths = Vec::new();
    for (lane, pieces) in pieces {
        let (Some(view), Some(line)) = (known.lanes.get(lane), lines.of(known, lane)) else { continue };
        let colour = look.of(mode_colour(view.mode, &look.theme).with_alpha(55));
        // Ten times the pieces are 1.6 pixels more.
        let width_px = 2.0 + 1.6 * (pieces.max(1) as f64).log10();
        paths.push(LanePath { points: Arc::clone(&line.points), colour, width_px, dashed: false });
    }
    paths
}

/// The width of the panel of what is selected, in pixels.
pub const PANEL_PX: f64 = 340.0;

/// The height of the title bar, in pixels.
pub const TITLE_BAR_PX: f64 = 44.0;

/// The height of the bar with the time, in pixels.
pub const TIMELINE_PX: f64 = 44.0;

/// Fitting comes no closer than this many pixels to a degree.
const FIT_SCALE_MAX: f64 = 400.0;

/// Brings all sites, and the lanes between them, into the part of the window that no panel covers.
pub fn fit(known: &Known, view: &mut View, panel_shown: bool) {
    let mut points: Vec<ChartPoint> = known.sites.values().map(|site| ChartPoint::of(site.position)).collect();
    let mut lines = Lines::default();
    points.extend(known.lanes.keys().filter_map(|lane| lines.of(known, lane)).flat_map(|line| line.points.to_vec()));
    // Names stand beside the outermost symbols, and the legend at the left.
    let legend = if legend_fits(view) { 200.0 } else { 56.0 };
    let margins = Margins {
        top: TITLE_BAR_PX + 32.0,
        bottom: 40.0 + TIMELINE_PX,
        left: legend,
        right: 90.0 + if panel_shown { PANEL_PX } else { 0.0 },
    };
    view.fit(&points, margins, FIT_SCALE_MAX);
}

/// Whether there is room for the legend beside the map.
pub fn legend_fits(view: &View) -> bool {
    view.width >= 900.0 && view.height >= 560.0
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

/// The sites that tell us how they are: they keep stock or have devices.
pub fn tellers(known: &Known) -> BTreeSet<&SiteId> {
    let with_devices = known.devices.values().filter(|device| device.vehicle.is_none()).map(|device| &device.site);
    let with_stock = known.sites.values().filter(|site| site.stock.positions > 0).map(|site| &site.site);
    with_devices.chain(with_stock).collect()
}
