//! Charts of series, all with one cursor in time.

use bevy_egui::egui::{self, Align2, Color32, FontId, Pos2, Rect, Stroke};
use firmware_schemas::quantity::Timestamp;

use super::colour;
use crate::palette::{Rgba, Theme};
use crate::scene::Words;
use crate::scene::series::{Axes, SeriesPoint, nearest};

/// A chart to be drawn.
pub(super) struct Plot<'a> {
    /// What it shows.
    pub(super) title: &'a str,
    /// Lines with their bands, in colours.
    pub(super) lines: &'a [(Vec<SeriesPoint>, Rgba)],
    /// Lines across, such as the ends of a range.
    pub(super) levels: &'a [f64],
    /// UCUM code.
    pub(super) unit: &'a str,
    /// The moment that the rest of the window shows.
    pub(super) now: Option<Timestamp>,
    /// In pixels.
    pub(super) height: f32,
}

/// Draws it as wide as there is room. The cursor is moved by the pointer and drawn wherever it is.
pub(super) fn plot(ui: &mut egui::Ui, it: &Plot<'_>, cursor: &mut Option<Timestamp>, theme: &Theme, words: &Words) {
    ui.label(egui::RichText::new(it.title).size(12.5).color(colour(theme.text_faint)));
    let (rect, response) = ui.allocate_exact_size(egui::vec2(ui.available_width(), it.height), egui::Sense::hover());
    let scaled: Vec<(Vec<SeriesPoint>, Rgba)> = it
        .lines
        .iter()
        .map(|(points, colour)| (points.iter().map(|point| in_units(point, it.unit, words)).collect(), *colour))
        .collect();
    let levels: Vec<f64> = it.levels.iter().map(|level| words.scaled(*level, it.unit)).collect();
    let Some(axes) = Axes::around(scaled.iter().flat_map(|(points, _)| points), &levels) else {
        let font = FontId::proportional(12.0);
        let text = words.pick("no readings in this span", "此时段没有读数");
        ui.painter().text(rect.left_center(), Align2::LEFT_CENTER, text, font, colour(theme.text_faint));
        return;
    };
    let frame = Rect::from_min_max(rect.min + egui::vec2(34.0, 4.0), rect.max - egui::vec2(4.0, 15.0));
    let painter = ui.painter();
    let place = |at: Timestamp, value: f64| {
        Pos2::new(
            frame.left() + axes.x(at) as f32 * frame.width(),
            frame.bottom() - axes.y(value) as f32 * frame.height(),
        )
    };
    let small = FontId::proportional(10.0);
    for level in axes.levels() {
        let y = place(axes.from, level).y;
        let line = [Pos2::new(frame.left(), y), Pos2::new(frame.right(), y)];
        painter.line_segment(line, Stroke::new(0.6, colour(theme.text_faint.with_alpha(60))));
        let text = short(level);
        painter.text(
            Pos2::new(frame.left() - 4.0, y),
            Align2::RIGHT_CENTER,
            text,
            small.clone(),
            colour(theme.text_faint),
        );
    }
    for (at, text) in super::bars::ticks(axes.from, axes.to, (frame.width() / 56.0) as usize, words) {
        let x = place(at, axes.min).x;
        let at = Pos2::new(x, frame.bottom() + 2.0);
        painter.text(at, Align2::CENTER_TOP, text, small.clone(), colour(theme.text_faint));
    }
    for level in &levels {
        let y = place(axes.from, *level).y;
        let line = [Pos2::new(frame.left(), y), Pos2::new(frame.right(), y)];
        painter.extend(egui::Shape::dashed_line(&line, Stroke::new(1.2, colour(crate::palette::WATCH)), 5.0, 4.0));
    }
    for (points, line_colour) in &scaled {
        let band = band(points, &place, colour(line_colour.with_alpha(60)));
        painter.add(egui::Shape::mesh(band));
        let line: Vec<Pos2> = points.iter().map(|point| place(point.at, point.value)).collect();
        painter.add(egui::Shape::line(line, Stroke::new(1.6, colour(*line_colour))));
    }
    if let Some(at) = response.hover_pos() {
        *cursor = Some(axes.at(f64::from((at.x - frame.left()) / frame.width())));
    }
    for (at, strength) in [(it.now, 120), (*cursor, 230)] {
        let Some(at) = at.filter(|at| *at >= axes.from && *at <= axes.to) else { continue };
        let x = place(at, axes.min).x;
        let line = [Pos2::new(x, frame.top()), Pos2::new(x, frame.bottom())];
        painter.line_segment(line, Stroke::new(1.0, colour(theme.selection.with_alpha(strength))));
    }
    if let Some(at) = cursor.filter(|at| *at >= axes.from && *at <= axes.to) {
        let mut y = frame.top();
        for (points, line_colour) in &scaled {
            let Some(point) = nearest(points, at) else { continue };
            painter.circle_filled(place(point.at, point.value), 2.6, colour(*line_colour));
            let text = format!("{}  {}", words.day_and_clock(point.at), short(point.value));
            let font = FontId::proportional(11.0);
            painter.text(Pos2::new(frame.right(), y), Align2::RIGHT_TOP, text, font, colour(theme.text));
            y += 13.0;
        }
    }
}

fn in_units(point: &SeriesPoint, unit: &str, words: &Words) -> SeriesPoint {
    let scaled = |value| words.scaled(value, unit);
    SeriesPoint { at: point.at, value: scaled(point.value), low: scaled(point.low), high: scaled(point.high) }
}

/// From low to high along the line.
fn band(points: &[SeriesPoint], place: &impl Fn(Timestamp, f64) -> Pos2, fill: Color32) -> egui::Mesh {
    let mut mesh = egui::Mesh::default();
    for point in points {
        mesh.colored_vertex(place(point.at, point.low), fill);
        mesh.colored_vertex(place(point.at, point.high), fill);
    }
    for nth in 1..points.len() as u32 {
        let first = 2 * (nth - 1);
        mesh.add_triangle(first, first + 1, first + 2);
        mesh.add_triangle(first + 1, first + 2, first + 3);
    }
    mesh
}

/// A number for an axis.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{:.1}M", value / 1e6),
        size if size >= 1e4 => format!("{:.0}k", value / 1e3),
        size if size >= 100.0 || value == value.round() => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
