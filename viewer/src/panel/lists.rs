//! What lies over the chart for a while: search, the list of alerts, the help.

use std::time::Duration;

use bevy_egui::egui::{self, Align2, RichText};
use firmware_schemas::api::supply::ProposalView;
use firmware_schemas::id::OrderId;
use firmware_schemas::view::AlertView;

use super::memory::{Memory, Slow};
use super::{Wish, colour, faint, link, mix, symbol};
use crate::chart::Chart;
use crate::desk::{Answer, Question};
use crate::scene::mark::{ItemId, Shape};
use crate::scene::{Words, facts, inspect, keys, network};

fn sheet(ctx: &egui::Context, name: &str, chart: &Chart, align: Align2, add: impl FnOnce(&mut egui::Ui)) {
    let from_side = if align == Align2::LEFT_TOP { 12.0 } else { 0.0 };
    let offset = [from_side, network::TITLE_BAR_PX as f32 + 12.0];
    let area = egui::Area::new(name.to_owned().into()).order(egui::Order::Foreground).movable(false);
    area.anchor(align, offset).show(ctx, |ui| {
        let theme = &chart.theme;
        let stroke = egui::Stroke::new(1.0, colour(theme.text_faint.with_alpha(90)));
        let frame = egui::Frame::new().fill(colour(theme.panel)).stroke(stroke).corner_radius(8).inner_margin(16);
        frame.show(ui, add);
    });
}

pub(super) fn search(ctx: &egui::Context, chart: &Chart, memory: &mut Memory, wishes: &mut Vec<Wish>) {
    let Some(typed) = &chart.search else { return };
    sheet(ctx, "search", chart, Align2::CENTER_TOP, |ui| {
        ui.set_width(460.0);
        let mut text = typed.clone();
        let hint = chart.words.pick("site, vehicle, SKU, shipment, device", "站点、车船、品项、货运、设备");
        let field = egui::TextEdit::singleline(&mut text).hint_text(hint).desired_width(440.0);
        let response = ui.add(field);
        response.request_focus();
        // The key that opened the field is not meant to be in it.
        let text = text.trim_start_matches('/').to_owned();
        let key = (text.clone(), Slow::of(chart, 5));
        let found = memory.found.get(key, || inspect::search(chart.shown(), &text, 10, &chart.words));
        if ui.input(|input| input.key_pressed(egui::Key::Enter))
            && let Some(first) = found.first()
        {
            wishes.push(Wish::JumpTo(first.item.clone()));
        } else if ui.input(|input| input.key_pressed(egui::Key::Escape)) {
            wishes.push(Wish::Act(keys::Act::Up));
        } else if text != *typed {
            wishes.push(Wish::Typed(text.clone()));
        }
        ui.add_space(6.0);
        if found.is_empty() && !text.trim().is_empty() {
            faint(ui, chart.words.pick("nothing has this in its id or name", "没有匹配的编号或名称"), &chart.theme);
        }
        if let Ok(order) = OrderId::new(text.trim()) {
            let name = chart.words.pick(format!("order {order}"), format!("订单 {order}"));
            if link(ui, &name, 13.5, &chart.theme) {
                wishes.push(Wish::JumpTo(ItemId::Order(order)));
            }
        }
        for found in found {
            ui.horizontal(|ui| {
                if link(ui, &found.name, 13.5, &chart.theme) {
                    wishes.push(Wish::JumpTo(found.item.clone()));
                }
                faint(ui, &found.about, &chart.theme);
            });
        }
    });
}

/// At most so many proposals are listed.
const PROPOSALS_MAX: usize = 200;

/// The height of an alert in the list: when and where, and what.
const ALERT_PX: f32 = 46.0;

/// Only those that are seen are laid out, however many there are.
pub(super) fn alerts(ctx: &egui::Context, chart: &Chart, memory: &mut Memory, wishes: &mut Vec<Wish>) {
    let words = &chart.words;
    let known = chart.shown();
    let order = memory.alerts.get([chart.generation, known.epochs.snapshots, known.epochs.alerts], || {
        let mut alerts: Vec<_> = known.alerts.values().collect();
        alerts.sort_by_key(|alert| (std::cmp::Reverse(alert.severity), std::cmp::Reverse(alert.raised_at), alert.id));
        alerts.into_iter().map(|alert| alert.id).collect()
    });
    sheet(ctx, "alerts", chart, Align2::LEFT_TOP, |ui| {
        ui.set_width(420.0);
        let heading = words.pick(format!("{} open alerts", order.len()), format!("{} 条未处理告警", order.len()));
        ui.label(RichText::new(heading).size(16.0));
        ui.add_space(4.0);
        let height = chart.view.height as f32 - 200.0;
        let area = egui::ScrollArea::vertical().max_height(height).auto_shrink([false, true]);
        area.show_rows(ui, ALERT_PX, order.len(), |ui, rows| {
            let shown = order.get(rows).unwrap_or_default();
            for alert in shown.iter().filter_map(|id| known.alerts.get(id)) {
                let size = egui::vec2(ui.available_width(), ALERT_PX);
                ui.allocate_ui(size, |ui| {
                    ui.set_min_size(size);
                    alert_row(ui, chart, alert, wishes);
                });
            }
        });
    });
}

fn alert_row(ui: &mut egui::Ui, chart: &Chart, alert: &AlertView, wishes: &mut Vec<Wish>) {
    let (known, words) = (chart.shown(), &chart.words);
    let (shape, severity_colour) = Shape::of_severity(alert.severity);
    ui.spacing_mut().item_spacing.y = 2.0;
    ui.horizontal(|ui| {
        symbol(ui, shape, 6.0, severity_colour);
        let site = alert.site.as_ref().map(|id| facts::site_name(known, id, words));
        let head = format!("{} · {}", words.day_and_clock(alert.raised_at), site.unwrap_or_default());
        faint(ui, &head, &chart.theme);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if alert.acknowledged_by.is_none() && chart.recorder.is_some() {
                let seen = ui.button(RichText::new(words.pick("seen", "已知悉")).size(11.5));
                if seen.clicked() {
                    wishes.push(Wish::Ask(Question::Acknowledge(alert.id)));
                }
            }
            if chart.timeline.is_live() && link(ui, words.pick("then", "当时"), 12.0, &chart.theme) {
                wishes.push(Wish::Seek(alert.raised_at));
            }
        });
    });
    let text = RichText::new(&alert.message).size(13.0).color(colour(mix(chart.theme.lane_sea, chart.theme.text)));
    let message = egui::Label::new(text).truncate().sense(egui::Sense::click());
    let message = ui.add(message).on_hover_cursor(egui::CursorIcon::PointingHand);
    if message.clicked()
        && let Some(item) = inspect::item_of_alert(known, alert)
    {
        wishes.push(Wish::JumpTo(item));
    }
}

/// Proposals that nobody has decided on, of the site that is selected if one is.
pub(super) fn proposals(ctx: &egui::Context, chart: &mut Chart, wishes: &mut Vec<Wish>) {
    let refresh = Duration::from_secs(30);
    let answer = chart.desk.want(Question::Proposals, refresh, chart.elapsed).cloned();
    let words = chart.words.clone();
    let only = match &chart.selected {
        Some(ItemId::Site(site)) => Some((site.clone(), None)),
        Some(ItemId::Position(site, sku)) => Some((site.clone(), Some(sku.clone()))),
        _ => None,
    };
    sheet(ctx, "proposals", chart, Align2::LEFT_TOP, |ui| {
        ui.set_width(460.0);
        let theme = &chart.theme;
        let proposals = match answer {
            None => return faint(ui, words.pick("asking the gateway …", "正在询问网关……"), theme),
            Some(Err(why)) => return faint(ui, &why, theme),
            Some(Ok(Answer::Proposals(proposals))) => proposals,
            Some(Ok(_)) => return,
        };
        let fits = |view: &ProposalView| {
            only.as_ref().is_none_or(|(site, sku)| {
                view.proposal.site == *site && sku.as_ref().is_none_or(|sku| view.proposal.sku == *sku)
            })
        };
        let proposals: Vec<_> = proposals.iter().filter(|view| fits(view)).collect();
        let n = proposals.len();
        ui.label(RichText::new(words.pick(format!("{n} open proposals"), format!("{n} 条补货建议"))).size(16.0));
        if n == 0 {
            faint(ui, words.pick("Nothing is proposed here.", "此处没有建议。"), theme);
        }
        let height = chart.view.height as f32 - 220.0;
        egui::ScrollArea::vertical().max_height(height).show(ui, |ui| {
            for view in proposals.into_iter().take(PROPOSALS_MAX) {
                proposal(ui, chart, view, &words, wishes);
                ui.add_space(8.0);
            }
        });
    });
}

fn proposal(ui: &mut egui::Ui, chart: &Chart, view: &ProposalView, words: &Words, wishes: &mut Vec<Wish>) {
    let known = chart.shown();
    let it = &view.proposal;
    let (sku, site) = (facts::sku_name(known, &it.sku, words), facts::site_name(known, &it.site, words));
    let from = facts::site_name(known, &it.from, words);
    let n = facts::group(it.pieces.0);
    let head = words.pick(format!("{n} × {sku} to {site} from {from}"), format!("{sku} × {n}：{from} → {site}"));
    if link(ui, &head, 13.5, &chart.theme) {
        wishes.push(Wish::JumpTo(ItemId::Position(it.site.clone(), it.sku.clone())));
    }
    ui.add(egui::Label::new(RichText::new(words.pick(&it.text.en, &it.text.zh)).size(12.0)).wrap());
    ui.horizontal(|ui| {
        if ui.button(RichText::new(words.pick("approve", "批准")).size(12.5)).clicked() {
            wishes.push(Wish::Ask(Question::Decide(view.id, true)));
        }
        if ui.button(RichText::new(words.pick("reject", "拒绝")).size(12.5)).clicked() {
            wishes.push(Wish::Ask(Question::Decide(view.id, false)));
        }
    });
}

pub(super) fn help(ctx: &egui::Context, chart: &Chart) {
    let area = egui::Area::new("help".into()).order(egui::Order::Foreground).movable(false);
    area.anchor(Align2::CENTER_CENTER, [0.0, 0.0]).show(ctx, |ui| {
        let theme = &chart.theme;
        let frame = egui::Frame::new().fill(colour(theme.panel)).corner_radius(8).inner_margin(22);
        frame.show(ui, |ui| {
            ui.label(RichText::new(chart.words.pick("Keys", "按键")).size(18.0));
            ui.add_space(8.0);
            egui::Grid::new("keys").num_columns(4).spacing([18.0, 5.0]).show(ui, |ui| {
                let lines = keys::help(&chart.words);
                let half = lines.len().div_ceil(2);
                for row in 0..half {
                    for nth in [row, row + half] {
                        if let Some((key, what)) = lines.get(nth) {
                            ui.label(RichText::new(*key).size(13.0).strong());
                            faint(ui, what, theme);
                        }
                    }
                    ui.end_row();
                }
            });
            ui.add_space(8.0);
            let made = chart.words.pick(
                "Made with Natural Earth. Cities: GeoNames (CC BY 4.0).",
                "底图：Natural Earth；城市：GeoNames（CC BY 4.0）。",
            );
            faint(ui, made, theme);
        });
    });
}
