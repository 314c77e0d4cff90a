//! The names on the chart, the numbers of clusters, and the rings around what is selected.

use std::collections::BTreeMap;
use std::time::Duration;

use bevy_egui::egui::{self, Align2, Color32, FontId, Pos2, Stroke};
use firmware_schemas::quantity::Timestamp;

use super::{colour, mix};
use crate::chart::{Chart, Placed};
use crate::land;
use crate::scene::labels::{self, Gathering, Named, ScreenRect};
use crate::scene::mark::ItemId;
use crate::scene::{Detail, Layers, Look, network};

/// Names are placed again at least so often, for what moves.
const PLACE_EVERY: Duration = Duration::from_millis(250);

/// And while the chart is moved: in between they go along with it.
const PLACE_MOVED_EVERY: Duration = Duration::from_millis(60);

/// So many sites and vehicles are looked at in a frame.
const LOOK_AT_MAX: usize = 4_096;

/// Letters are laid out again after this, in case that the picture they are taken from was made anew.
const LAID_OUT_AGAIN: Duration = Duration::from_secs(2);

pub(super) fn paint(ctx: &egui::Context, chart: &mut Chart, look: &Look, legend_px: (f64, f64)) {
    let painter = ctx.layer_painter(egui::LayerId::background());
    cluster_numbers(&painter, chart, look);
    if !chart.labels_shown {
        return;
    }
    let Some(now) = chart.now() else { return };
    keep_placed(&painter, chart, now, legend_px);
    for placed in &chart.labels {
        // Between placings a name goes along with what it names.
        let place = match &placed.label.item {
            ItemId::Vehicle(id) => chart.fleet.place(id, now).unwrap_or(placed.label.place),
            _ => placed.label.place,
        };
        let (at, was) = (chart.view.to_screen(place), placed.label.at);
        paint_name(&painter, placed, ((at.x - was.x) as f32, (at.y - was.y) as f32), look);
    }
}

/// Places names again where what they name has changed, a part of the work in each frame.
fn keep_placed(painter: &egui::Painter, chart: &mut Chart, now: Timestamp, legend_px: (f64, f64)) {
    let wanted = Some((chart.view, chart.generation, chart.known.seq, now));
    let since = chart.elapsed.saturating_sub(chart.labels_at);
    let moved = match (&chart.labels_for, &wanted) {
        (Some((before, ..)), Some((view, ..))) => before != view,
        _ => true,
    };
    let due = if moved { PLACE_MOVED_EVERY } else { PLACE_EVERY };
    if chart.labels_for.is_none() || (chart.gathering.is_none() && chart.labels_for != wanted && since >= due) {
        chart.gathering = Some(Gathering::begin(chart.view));
        chart.labels_for = wanted;
        chart.labels_at = chart.elapsed;
    }
    let Some(mut gathering) = chart.gathering.take() else { return };
    let layers = &chart.layers;
    let named = Named {
        known: chart.shown(),
        sites: &chart.sites,
        fleet: &chart.fleet,
        now,
        words: &chart.words,
        selected: chart.selected.as_ref(),
        wanted: [layers.on(Layers::SITES), layers.on(Layers::VEHICLES)],
    };
    let n_max = if chart.still { usize::MAX } else { LOOK_AT_MAX };
    if !gathering.go_on(&named, n_max) {
        chart.gathering = Some(gathering);
        return;
    }
    let view = chart.view;
    let right = view.width - if chart.selected.is_some() { network::PANEL_PX + 8.0 } else { 0.0 };
    let window = ScreenRect {
        left: 2.0,
        top: network::TITLE_BAR_PX + 2.0,
        right: right - 2.0,
        bottom: view.height - network::TIMELINE_PX - 2.0,
    };
    let panels = [ScreenRect {
        left: 0.0,
        top: view.height - network::TIMELINE_PX - legend_px.1 - 16.0,
        right: legend_px.0 + 20.0,
        bottom: view.height,
    }];
    let cities = if layers.on(Layers::CITIES) { land::cities() } else { &[] };
    let (wishes, symbols) = gathering.end(&named, cities, &chart.label_sides);
    let (names, sides) = labels::place(wishes, &panels, &symbols, window, &chart.label_sides);
    let mut before: BTreeMap<String, Placed> =
        std::mem::take(&mut chart.labels).into_iter().map(|placed| (placed.label.text.clone(), placed)).collect();
    let placed = names.into_iter().map(|label| {
        let fresh = |placed: &Placed| {
            // Not all at once.
            let again = LAID_OUT_AGAIN + PLACE_EVERY * (label.text.len() % 8) as u32;
            placed.label.size_px == label.size_px && chart.elapsed.saturating_sub(placed.laid_out) < again
        };
        if let Some(placed) = before.remove(&label.text).filter(fresh) {
            return Placed { label, ..placed };
        }
        // Laid out without a colour, because it is painted in two.
        let font = FontId::proportional(label.size_px as f32);
        let galley = painter.layout_no_wrap(label.text.clone(), font, Color32::PLACEHOLDER);
        Placed { label, galley, laid_out: chart.elapsed }
    });
    chart.labels = placed.collect();
    chart.label_sides = sides;
}

fn paint_name(painter: &egui::Painter, placed: &Placed, (dx, dy): (f32, f32), look: &Look) {
    let Placed { label: name, galley, .. } = placed;
    let theme = &look.theme;
    let is_city = matches!(name.item, ItemId::City(_));
    let text_colour = match () {
        () if is_city => theme.text_faint,
        () if name.strong => theme.text,
        () => mix(theme.text_faint, theme.text),
    };
    let middle_y = ((name.rect.top + name.rect.bottom) / 2.0) as f32 + dy;
    let at = Pos2::new(name.rect.left as f32 + dx + 1.0, middle_y - galley.size().y / 2.0).round();
    if is_city {
        // A city is a part of the map: its dot, and its name without weight.
        let dot = Pos2::new(name.at.x as f32 + dx, name.at.y as f32 + dy);
        painter.circle_filled(dot, 1.4, colour(look.of(theme.text_faint.with_alpha(170))));
        painter.galley(at, galley.clone(), colour(look.of(mix(theme.text_faint, theme.land))));
        return;
    }
    // Opaque: egui blends what is translucent as if it were darker. The rim of light letters would be grey, too, so
    // that dark names on a light map stand on a plate instead, as on a printed map.
    if theme.is_dark() {
        let halo = colour(theme.halo);
        for (dx, dy) in HALO_PX {
            painter.galley(at + egui::vec2(dx, dy), galley.clone(), halo);
        }
    } else {
        let plate = egui::Rect::from_min_size(at, galley.size()).expand2(egui::vec2(2.0, -1.0));
        painter.rect_filled(plate, 3.0, colour(theme.halo));
    }
    painter.galley(at, galley.clone(), colour(look.of(text_colour)));
}

/// Where a name is painted before it is painted itself, so that it stands off the chart.
const HALO_PX: [(f32, f32); 8] =
    [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (-1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (1.0, -1.0)];

/// How many are in each cluster.
fn cluster_numbers(painter: &egui::Painter, chart: &Chart, look: &Look) {
    if !chart.layers.on(Layers::SITES) || !chart.layers.on(Layers::CLUSTERS) {
        return;
    }
    for cluster in chart.sites.clusters() {
        let at = chart.view.to_screen(cluster.at);
        if at.x < -20.0 || at.y < -20.0 || at.x > chart.view.width + 20.0 || at.y > chart.view.height + 20.0 {
            continue;
        }
        let n = cluster.members.len();
        let text = if n < 1_000 { n.to_string() } else { format!("{:.0}k", n as f64 / 1_000.0) };
        let size = if n < 100 { 9.0 } else { 8.5 };
        let at = Pos2::new(at.x as f32, at.y as f32);
        painter.text(at, Align2::CENTER_CENTER, text, FontId::proportional(size), colour(look.theme.text));
    }
}

/// A ring around what is selected, a fainter one around what the pointer is on.
pub(super) fn paint_selection(ctx: &egui::Context, chart: &Chart, look: &Look) {
    let painter = ctx.layer_painter(egui::LayerId::background());
    let detail = Detail::of(chart.view.scale);
    for (item, alpha) in [(&chart.hovered, 150), (&chart.selected, 255)] {
        let Some(item) = item else { continue };
        let Some(place) = chart.place_of(item) else { continue };
        let known = chart.shown();
        let radius = match item {
            ItemId::Site(id) => known.sites.get(id).map(|site| network::radius_px(site.kind, detail)),
            ItemId::Vehicle(id) => {
                known.vehicles.get(id).map(|vehicle| crate::scene::fleet::radius_px(vehicle.kind, detail))
            }
            _ => Some(10.0),
        };
        let at = chart.view.to_screen(place);
        let stroke = Stroke::new(2.0, colour(look.theme.selection.with_alpha(alpha)));
        painter.circle_stroke(Pos2::new(at.x as f32, at.y as f32), radius.unwrap_or(8.0) as f32 + 5.0, stroke);
    }
}
