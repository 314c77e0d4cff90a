//! Text: names on the chart, the title bar, the legend, the panel of what is selected and the tip under the pointer.

use std::collections::BTreeSet;

use bevy::prelude::*;
use bevy_egui::egui::{self, Align2, Color32, FontFamily, FontId, Pos2, RichText, Stroke};
use bevy_egui::{EguiContexts, EguiPrimaryContextPass};
use firmware_schemas::fact::Severity;
use firmware_schemas::network::{Mode, SiteKind};
use firmware_schemas::quantity::Timestamp;

use crate::app::Chart;
use crate::palette::{self, Rgba, Theme};
use crate::scene::facts::{self, Facts, LinkState, Title};
use crate::scene::labels::{self, Label, ScreenRect};
use crate::scene::mark::Shape;
use crate::scene::{Detail, Look, network};

/// Latin and Chinese in one file, because there is no list of fonts to fall back on.
const FONT: &[u8] = include_bytes!("../assets/NotoSansCJKsc-Regular-GB2312.otf");

const TITLE_BAR_PX: f32 = network::TITLE_BAR_PX as f32;
const PANEL_PX: f32 = network::PANEL_PX as f32;

pub(crate) fn add(app: &mut App) {
    app.add_systems(EguiPrimaryContextPass, show);
}

fn show(mut contexts: EguiContexts, mut chart: ResMut<Chart>, mut dressed: Local<Option<Theme>>) -> Result {
    let ctx = contexts.ctx_mut()?;
    if *dressed != Some(chart.theme) {
        let first = dressed.is_none();
        *dressed = Some(chart.theme);
        dress(ctx, &chart.theme, first);
        if first {
            return Ok(()); // fonts are there from the next pass on
        }
    }
    let look = chart.look();
    let now = chart.now();
    let panel_shown = chart.selected.is_some();
    let below_title = paint_names(ctx, &mut chart, &look, now, panel_shown);
    paint_selection(ctx, &chart, &look);
    title_bar(ctx, &facts::title(&chart.known, &chart.link, now), &look.theme, chart.view.width as f32);
    legend(ctx, &chart, &look);
    if chart.hints_shown && !panel_shown {
        hints(ctx, &chart, &look.theme);
    }
    let Some(now) = now else { return Ok(()) };
    if let Some(facts) = chart.selected.as_ref().and_then(|item| facts::facts(&chart.known, item, now))
        && side_panel(ctx, &facts, &look.theme, &chart, below_title)
    {
        chart.selected = None;
    }
    if let Some(tip) = chart.hovered.as_ref().and_then(|item| facts::tip(&chart.known, item, now)) {
        tip_under_pointer(ctx, &tip, &look.theme);
    }
    Ok(())
}

fn dress(ctx: &egui::Context, theme: &Theme, first: bool) {
    if first {
        let mut fonts = egui::FontDefinitions::empty();
        fonts.font_data.insert("noto".to_owned(), egui::FontData::from_static(FONT).into());
        for family in [FontFamily::Proportional, FontFamily::Monospace] {
            fonts.families.insert(family, vec!["noto".to_owned()]);
        }
        ctx.set_fonts(fonts);
    }
    let dark = *theme == Theme::DARK;
    let mut visuals = if dark { egui::Visuals::dark() } else { egui::Visuals::light() };
    visuals.override_text_color = Some(colour(theme.text));
    visuals.panel_fill = colour(theme.panel);
    visuals.window_fill = colour(theme.panel);
    ctx.set_visuals(visuals);
}

fn colour(rgba: Rgba) -> Color32 {
    let [r, g, b, a] = rgba.0;
    Color32::from_rgba_unmultiplied(r, g, b, a)
}

/// The names on the chart. Gives the lower edge of the title bar.
fn paint_names(ctx: &egui::Context, chart: &mut Chart, look: &Look, now: Option<Timestamp>, panel_shown: bool) -> f32 {
    let Some(now) = now.filter(|_| chart.labels_shown) else { return TITLE_BAR_PX };
    let view = chart.view;
    let right = view.width - if panel_shown { f64::from(PANEL_PX) + 8.0 } else { 0.0 };
    let window =
        ScreenRect { left: 2.0, top: f64::from(TITLE_BAR_PX) + 2.0, right: right - 2.0, bottom: view.height - 2.0 };
    let mut obstacles = labels::obstacles(&chart.site_marks, &view);
    obstacles.extend(labels::obstacles(&chart.vehicle_marks, &view));
    let legend = legend_size(chart);
    let panels =
        [ScreenRect { left: 0.0, top: view.height - legend.1 - 16.0, right: legend.0 + 20.0, bottom: view.height }];
    let wishes = labels::wishes(&chart.known, &view, now, chart.selected.as_ref());
    let (names, sides) = labels::place(wishes, &panels, &obstacles, window, &chart.label_sides);
    chart.label_sides = sides;
    let painter = ctx.layer_painter(egui::LayerId::background());
    for name in &names {
        paint_name(&painter, name, look);
    }
    TITLE_BAR_PX
}

fn paint_name(painter: &egui::Painter, name: &Label, look: &Look) {
    let font = FontId::proportional(name.size_px as f32);
    let theme = &look.theme;
    let text_colour = if name.strong { theme.text } else { mix(theme.text_faint, theme.text) };
    // Laid out without a colour, because it is painted in two.
    let galley = painter.layout_no_wrap(name.text.clone(), font, Color32::PLACEHOLDER);
    let middle_y = (name.rect.top + name.rect.bottom) as f32 / 2.0;
    let at = Pos2::new(name.rect.left as f32 + 1.0, middle_y - galley.size().y / 2.0).round();
    // Opaque: egui blends what is translucent as if it were darker.
    let halo = colour(theme.halo);
    for (dx, dy) in HALO_PX {
        painter.galley(at + egui::vec2(dx, dy), galley.clone(), halo);
    }
    painter.galley(at, galley, colour(look.of(text_colour)));
}

/// Where a name is painted before it is painted itself, so that it stands off the chart.
const HALO_PX: [(f32, f32); 8] =
    [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (-1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (1.0, -1.0)];

fn mix(a: Rgba, b: Rgba) -> Rgba {
    let mixed = std::array::from_fn(|channel| ((u16::from(a.0[channel]) + u16::from(b.0[channel])) / 2) as u8);
    Rgba(mixed)
}

/// A ring around what is selected, a fainter one around what the pointer is on.
fn paint_selection(ctx: &egui::Context, chart: &Chart, look: &Look) {
    let painter = ctx.layer_painter(egui::LayerId::background());
    for (item, alpha) in [(&chart.hovered, 150), (&chart.selected, 255)] {
        let Some(item) = item else { continue };
        let mark = chart.vehicle_marks.iter().chain(&chart.site_marks).find(|mark| mark.item.as_ref() == Some(item));
        let Some(mark) = mark else { continue };
        let at = chart.view.to_screen(mark.at);
        let stroke = Stroke::new(2.0, colour(look.theme.selection.with_alpha(alpha)));
        painter.circle_stroke(Pos2::new(at.x as f32, at.y as f32), mark.radius_px as f32 + 5.0, stroke);
    }
}

fn title_bar(ctx: &egui::Context, title: &Title, theme: &Theme, width: f32) {
    let area = egui::Area::new("title".into()).fixed_pos(Pos2::ZERO).order(egui::Order::Middle).movable(false);
    area.show(ctx, |ui| {
        let frame =
            egui::Frame::new().fill(colour(theme.panel.with_alpha(240))).inner_margin(egui::Margin::symmetric(14, 0));
        frame.show(ui, |ui| {
            ui.set_width(width - 28.0);
            ui.set_height(TITLE_BAR_PX);
            ui.horizontal_centered(|ui| {
                ui.spacing_mut().item_spacing.x = 14.0;
                ui.label(RichText::new(&title.network).size(18.0));
                let (shape, link_colour) = match title.link_state {
                    LinkState::Well => (Shape::Circle, palette::OK),
                    LinkState::Waiting => (Shape::Square, palette::INFO),
                    LinkState::Broken => (Shape::Octagon, palette::CRITICAL),
                };
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 6.0;
                    symbol(ui, shape, 5.5, link_colour);
                    ui.label(RichText::new(&title.link).size(13.0));
                });
                if let Some(revision) = title.revision {
                    faint(
                        ui,
                        &format!("revision {}", facts::group(i64::try_from(revision).unwrap_or(i64::MAX))),
                        theme,
                    );
                }
                for count in &title.counts {
                    faint(ui, count, theme);
                }
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if let Some(clock) = &title.clock {
                        faint(ui, clock, theme);
                    }
                    for (severity, n_alerts) in title.alerts.iter().rev() {
                        let (shape, severity_colour) = Shape::of_severity(*severity);
                        ui.horizontal(|ui| {
                            ui.spacing_mut().item_spacing.x = 5.0;
                            ui.label(RichText::new(format!("{n_alerts} {}", severity_name(*severity))).size(13.0));
                            symbol(ui, shape, 6.0, severity_colour);
                        });
                    }
                    if title.alerts.is_empty() && title.revision.is_some() {
                        faint(ui, "no open alerts", theme);
                    }
                });
            });
        });
    });
}

fn faint(ui: &mut egui::Ui, text: &str, theme: &Theme) {
    ui.label(RichText::new(text).size(13.0).color(colour(theme.text_faint)));
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Watch => "watch",
        Severity::Critical => "critical",
    }
}

/// A symbol as a part of a line of text.
fn symbol(ui: &mut egui::Ui, shape: Shape, radius: f32, fill: Rgba) {
    let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(radius * 2.4), egui::Sense::hover());
    paint_symbol(ui.painter(), rect.center(), shape, radius, colour(fill), Stroke::NONE);
}

fn paint_symbol(painter: &egui::Painter, at: Pos2, shape: Shape, radius: f32, fill: Color32, stroke: Stroke) {
    let corners = shape.outline().iter().map(|[x, y]| at + egui::vec2(*x as f32, -*y as f32) * radius).collect();
    painter.add(egui::Shape::convex_polygon(corners, fill, stroke));
}

fn hints(ctx: &egui::Context, chart: &Chart, theme: &Theme) {
    let at = Pos2::new(chart.view.width as f32 - 12.0, chart.view.height as f32 - 10.0);
    let text = "drag to move · wheel to zoom · click for facts · F fit · L names · T colours";
    let font = FontId::proportional(12.0);
    let painter = ctx.layer_painter(egui::LayerId::background());
    painter.text(at, Align2::RIGHT_BOTTOM, text, font, colour(theme.text_faint));
}

/// A line of the legend.
enum LegendRow {
    Site(SiteKind),
    Lane(Mode),
}

fn legend_rows(chart: &Chart) -> Vec<LegendRow> {
    let kinds: BTreeSet<SiteKind> = chart.known.sites.values().map(|site| site.kind).collect();
    let modes: BTreeSet<Mode> = chart.known.lanes.values().map(|lane| lane.mode).collect();
    kinds.into_iter().map(LegendRow::Site).chain(modes.into_iter().map(LegendRow::Lane)).collect()
}

const LEGEND_ROW_PX: f64 = 19.0;

/// Width and height.
fn legend_size(chart: &Chart) -> (f64, f64) {
    (168.0, legend_rows(chart).len() as f64 * LEGEND_ROW_PX + 12.0)
}

fn legend(ctx: &egui::Context, chart: &Chart, look: &Look) {
    let rows = legend_rows(chart);
    if rows.is_empty() {
        return;
    }
    let theme = &look.theme;
    let (width, height) = legend_size(chart);
    let corner = Pos2::new(10.0, (chart.view.height - height) as f32 - 10.0);
    let painter = ctx.layer_painter(egui::LayerId::background());
    let rect = egui::Rect::from_min_size(corner, egui::vec2(width as f32, height as f32));
    painter.rect_filled(rect, 6.0, colour(theme.panel.with_alpha(225)));
    for (nth, row) in rows.iter().enumerate() {
        let y = corner.y + 6.0 + (nth as f32 + 0.5) * LEGEND_ROW_PX as f32;
        let at = Pos2::new(corner.x + 20.0, y);
        let text = match row {
            LegendRow::Site(kind) => {
                let radius = (network::radius_px(*kind, Detail::Region) as f32 * 0.85).max(3.2);
                let stroke = Stroke::new(1.2, colour(theme.text_faint));
                paint_symbol(&painter, at, Shape::of_site(*kind), radius, colour(theme.text_faint), stroke);
                facts::site_kind(*kind).to_owned()
            }
            LegendRow::Lane(mode) => {
                let (lane, dashed) = network::mode_style(*mode, theme);
                let stroke = Stroke::new(2.0, colour(look.of(lane)));
                let (left, right) = (Pos2::new(at.x - 11.0, y), Pos2::new(at.x + 11.0, y));
                if dashed {
                    painter.extend(egui::Shape::dashed_line(&[left, right], stroke, 6.0, 4.0));
                } else {
                    painter.line_segment([left, right], stroke);
                }
                format!("by {}", facts::mode_name(*mode))
            }
        };
        let font = FontId::proportional(12.5);
        painter.text(Pos2::new(corner.x + 40.0, y), Align2::LEFT_CENTER, text, font, colour(theme.text));
    }
}

/// The panel of what is selected. True when it was closed.
fn side_panel(ctx: &egui::Context, facts: &Facts, theme: &Theme, chart: &Chart, top: f32) -> bool {
    let (width, height) = (chart.view.width as f32, chart.view.height as f32);
    let corner = Pos2::new(width - PANEL_PX, top);
    let area = egui::Area::new("facts".into()).fixed_pos(corner).order(egui::Order::Middle).movable(false);
    let mut closed = false;
    area.show(ctx, |ui| {
        let frame = egui::Frame::new().fill(colour(theme.panel)).inner_margin(16);
        frame.show(ui, |ui| {
            ui.set_width(PANEL_PX - 32.0);
            ui.set_max_height(height - top - 32.0);
            ui.set_min_height(height - top - 32.0);
            ui.horizontal(|ui| {
                ui.add(egui::Label::new(RichText::new(&facts.title).size(19.0)).truncate());
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    closed = ui.button(RichText::new("×").size(16.0)).clicked();
                });
            });
            if let Some(title_zh) = &facts.title_zh {
                ui.label(RichText::new(title_zh).size(15.0));
            }
            faint(ui, &facts.subtitle, theme);
            ui.add_space(8.0);
            egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| facts_body(ui, facts, theme));
        });
    });
    closed
}

fn facts_body(ui: &mut egui::Ui, facts: &Facts, theme: &Theme) {
    for (severity, message) in &facts.alerts {
        let (shape, severity_colour) = Shape::of_severity(*severity);
        ui.horizontal_wrapped(|ui| {
            symbol(ui, shape, 6.0, severity_colour);
            ui.label(RichText::new(message).size(13.0));
        });
    }
    if !facts.alerts.is_empty() {
        ui.add_space(8.0);
    }
    egui::Grid::new("rows").num_columns(2).spacing([14.0, 5.0]).show(ui, |ui| {
        for (name, value) in &facts.rows {
            faint(ui, name, theme);
            ui.add(egui::Label::new(RichText::new(value).size(13.0)).wrap());
            ui.end_row();
        }
    });
    for (heading, lines) in &facts.lists {
        ui.add_space(10.0);
        faint(ui, heading, theme);
        for line in lines {
            ui.label(RichText::new(line).size(12.5));
        }
    }
}

fn tip_under_pointer(ctx: &egui::Context, tip: &str, theme: &Theme) {
    let Some(pointer) = ctx.pointer_hover_pos() else { return };
    let painter = ctx.layer_painter(egui::LayerId::new(egui::Order::Tooltip, "tip".into()));
    let galley = painter.layout(tip.to_owned(), FontId::proportional(13.0), colour(theme.text), 320.0);
    let size = galley.size() + egui::vec2(16.0, 12.0);
    let screen = ctx.content_rect();
    // To the right of the pointer and below it, unless the window ends there.
    let x = if pointer.x + 16.0 + size.x > screen.right() { pointer.x - 12.0 - size.x } else { pointer.x + 16.0 };
    let y = (pointer.y + 14.0).min(screen.bottom() - size.y);
    let rect = egui::Rect::from_min_size(Pos2::new(x, y), size);
    painter.rect_filled(rect, 5.0, colour(theme.panel.with_alpha(245)));
    painter.rect_stroke(
        rect,
        5.0,
        Stroke::new(1.0, colour(theme.text_faint.with_alpha(120))),
        egui::StrokeKind::Inside,
    );
    painter.galley(rect.min + egui::vec2(8.0, 6.0), galley, colour(theme.text));
}
