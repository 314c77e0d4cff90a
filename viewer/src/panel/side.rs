//! The panel of what is selected.

use bevy_egui::egui::{self, Pos2, RichText};
use firmware_schemas::quantity::Timestamp;

use super::{Wish, colour, faint, link, symbol};
use crate::chart::Chart;
use crate::palette::Theme;
use crate::scene::facts::{self, Facts};
use crate::scene::mark::{ItemId, Shape};
use crate::scene::network;

const PANEL_PX: f32 = network::PANEL_PX as f32;

pub(super) fn side_panel(ctx: &egui::Context, chart: &Chart, item: &ItemId, now: Timestamp, wishes: &mut Vec<Wish>) {
    let Some(facts) = facts::facts(chart.shown(), item, now, &chart.words) else { return };
    let theme = &chart.theme;
    let top = network::TITLE_BAR_PX as f32;
    let (width, height) = (chart.view.width as f32, (chart.view.height - network::TIMELINE_PX) as f32);
    let corner = Pos2::new(width - PANEL_PX, top);
    let area = egui::Area::new("facts".into()).fixed_pos(corner).order(egui::Order::Middle).movable(false);
    area.show(ctx, |ui| {
        let frame = egui::Frame::new().fill(colour(theme.panel)).inner_margin(16);
        frame.show(ui, |ui| {
            ui.set_width(PANEL_PX - 32.0);
            ui.set_max_height(height - top - 32.0);
            ui.set_min_height(height - top - 32.0);
            ui.horizontal(|ui| {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if ui.button(RichText::new("×").size(16.0)).clicked() {
                        wishes.push(Wish::Close);
                    }
                    ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                        ui.add(egui::Label::new(RichText::new(&facts.title).size(19.0)).truncate());
                    });
                });
            });
            if let Some(other) = &facts.title_other {
                ui.label(RichText::new(other).size(14.0).color(colour(theme.text_faint)));
            }
            faint(ui, &facts.subtitle, theme);
            ui.add_space(8.0);
            egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                facts_body(ui, &facts, theme, wishes);
            });
        });
    });
}

fn facts_body(ui: &mut egui::Ui, facts: &Facts, theme: &Theme, wishes: &mut Vec<Wish>) {
    for (severity, message) in &facts.alerts {
        let (shape, severity_colour) = Shape::of_severity(*severity);
        ui.horizontal(|ui| {
            symbol(ui, shape, 6.0, severity_colour);
            ui.add(egui::Label::new(RichText::new(message).size(13.0)).wrap());
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
    for (heading, entries) in &facts.lists {
        ui.add_space(10.0);
        faint(ui, heading, theme);
        for entry in entries {
            match &entry.item {
                Some(item) => {
                    if link(ui, &entry.text, 12.5, theme) {
                        wishes.push(Wish::JumpTo(item.clone()));
                    }
                }
                None => {
                    ui.label(RichText::new(&entry.text).size(12.5));
                }
            }
        }
    }
}
