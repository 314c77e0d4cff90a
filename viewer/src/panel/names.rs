//! The names on the chart, the numbers of clusters, and the rings around what is selected.

use bevy_egui::egui::{self, Align2, Color32, FontId, Pos2, Stroke};

use super::{colour, mix};
use crate::chart::{Chart, Placed};
use crate::land;
use crate::scene::labels::{self, Label, Named, ScreenRect};
use crate::scene::mark::ItemId;
use crate::scene::{Detail, Layers, Look, network};

/// Names are placed again at least so often, for what moves.
const PLACE_EVERY_MILLIS: u128 = 250;

pub(super) fn paint(ctx: &egui::Context, chart: &mut Chart, look: &Look) {
    let painter = ctx.layer_painter(egui::LayerId::background());
    cluster_numbers(&painter, chart, look);
    if !chart.labels_shown {
        return;
    }
    let Some(now) = chart.now() else { return };
    let wanted = Some((chart.view, (chart.elapsed.as_millis() / PLACE_EVERY_MILLIS) as u64, chart.generation));
    if chart.labels_for != wanted {
        chart.labels_for = wanted;
        place(chart, now);
    }
    for placed in &chart.labels {
        // Between placings a name goes along with its symbol.
        let at = match &placed.label.item {
            ItemId::Vehicle(id) => chart.fleet.place(id, now).map(|place| chart.view.to_screen(place)),
            _ => None,
        };
        let shift = at.map_or((0.0, 0.0), |at| (at.x - placed.anchor.x, at.y - placed.anchor.y));
        paint_name(&painter, &placed.label, shift, look);
    }
}

fn place(chart: &mut Chart, now: firmware_schemas::quantity::Timestamp) {
    let view = chart.view;
    let right = view.width - if chart.selected.is_some() { network::PANEL_PX + 8.0 } else { 0.0 };
    let window = ScreenRect {
        left: 2.0,
        top: network::TITLE_BAR_PX + 2.0,
        right: right - 2.0,
        bottom: view.height - network::TIMELINE_PX - 2.0,
    };
    let legend = super::bars::legend_size(chart);
    let panels = [ScreenRect {
        left: 0.0,
        top: view.height - network::TIMELINE_PX - legend.1 - 16.0,
        right: legend.0 + 20.0,
        bottom: view.height,
    }];
    let named = Named { known: chart.shown(), sites: &chart.sites, fleet: &chart.fleet, now, words: &chart.words };
    let obstacles = labels::obstacles(&named, &view);
    let mut wishes = labels::wishes(&named, &view, chart.selected.as_ref());
    if chart.layers.on(Layers::CITIES) {
        wishes.extend(labels::city_wishes(land::cities(), &chart.sites, &view));
    }
    let hidden = |item: &ItemId| match item {
        ItemId::Site(_) => !chart.layers.on(Layers::SITES),
        ItemId::Vehicle(_) => !chart.layers.on(Layers::VEHICLES),
        _ => false,
    };
    wishes.retain(|wish| !hidden(&wish.item));
    let (names, sides) = labels::place(wishes, &panels, &obstacles, window, &chart.label_sides);
    let anchor = |item: &ItemId| match item {
        ItemId::Vehicle(id) => chart.fleet.place(id, now).map(|place| view.to_screen(place)),
        _ => None,
    };
    let placed = names.into_iter().map(|label| {
        let anchor = anchor(&label.item).unwrap_or(crate::scene::ScreenPoint { x: 0.0, y: 0.0 });
        Placed { label, anchor }
    });
    let placed = placed.collect();
    chart.labels = placed;
    chart.label_sides = sides;
}

fn paint_name(painter: &egui::Painter, name: &Label, shift: (f64, f64), look: &Look) {
    let font = FontId::proportional(name.size_px as f32);
    let theme = &look.theme;
    let is_city = matches!(name.item, ItemId::City(_));
    let text_colour = match () {
        () if is_city => theme.text_faint,
        () if name.strong => theme.text,
        () => mix(theme.text_faint, theme.text),
    };
    // Laid out without a colour, because it is painted in two.
    let galley = painter.layout_no_wrap(name.text.clone(), font, Color32::PLACEHOLDER);
    let middle_y = ((name.rect.top + name.rect.bottom) / 2.0 + shift.1) as f32;
    let at = Pos2::new((name.rect.left + shift.0) as f32 + 1.0, middle_y - galley.size().y / 2.0).round();
    if is_city {
        // A city is a part of the map: its dot, and its name without weight.
        let dot = Pos2::new((name.rect.left - 4.0) as f32, middle_y);
        if name.rect.left > 4.0 {
            painter.circle_filled(dot, 1.4, colour(look.of(theme.text_faint.with_alpha(170))));
        }
        painter.galley(at, galley, colour(look.of(mix(theme.text_faint, theme.land))));
        return;
    }
    // Opaque: egui blends what is translucent as if it were darker. The rim of light letters would be grey, too, so
    // that dark names on a light map have no halo.
    let halo = colour(theme.halo);
    let halos = if theme.is_dark() { &HALO_PX[..] } else { &[] };
    for (dx, dy) in halos {
        painter.galley(at + egui::vec2(*dx, *dy), galley.clone(), halo);
    }
    painter.galley(at, galley, colour(look.of(text_colour)));
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
