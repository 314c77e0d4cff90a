//! The title bar, the legend, the bar with the time, hints and notices.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bevy_egui::egui::{self, Align2, FontId, Pos2, RichText, Stroke};
use firmware_schemas::fact::Severity;
use firmware_schemas::network::{Mode, SiteKind};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::Freshness;

use super::{Memory, Wish, colour, faint, paint_symbol, symbol};
use crate::chart::Chart;
use crate::palette::{self, Theme};
use crate::scene::facts::{self, LinkState, Title};
use crate::scene::keys::Act;
use crate::scene::mark::Shape;
use crate::scene::overlay::{Heat, heat_colour};
use crate::scene::{Detail, Look, network};

const TITLE_BAR_PX: f32 = network::TITLE_BAR_PX as f32;
const TIMELINE_PX: f32 = network::TIMELINE_PX as f32;

pub(super) fn title_bar(ctx: &egui::Context, title: &Title, theme: &Theme, chart: &Chart, wishes: &mut Vec<Wish>) {
    let width = chart.view.width as f32;
    let words = &chart.words;
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
                if width > 1_000.0 {
                    for count in &title.counts {
                        faint(ui, count, theme);
                    }
                }
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if let Some(clock) = &title.clock {
                        ui.label(RichText::new(clock).size(13.0));
                    }
                    for (severity, n_alerts) in title.alerts.iter().rev() {
                        let (shape, severity_colour) = Shape::of_severity(*severity);
                        let chip = ui.horizontal(|ui| {
                            ui.spacing_mut().item_spacing.x = 5.0;
                            let name = facts::severity_name(*severity, words);
                            let label = egui::Label::new(RichText::new(format!("{n_alerts} {name}")).size(13.0));
                            let clicked = ui.add(label.sense(egui::Sense::click())).clicked();
                            symbol(ui, shape, 6.0, severity_colour);
                            clicked
                        });
                        if chip.inner {
                            wishes.push(Wish::Act(Act::Alerts));
                        }
                    }
                    if title.alerts.is_empty() && title.revision.is_some() {
                        faint(ui, words.pick("no open alerts", "无告警"), theme);
                    }
                });
            });
        });
    });
}

pub(super) fn hints(ctx: &egui::Context, chart: &Chart, theme: &Theme) {
    let at = Pos2::new(chart.view.width as f32 - 12.0, chart.view.height as f32 - TIMELINE_PX - 8.0);
    let text = chart.words.pick(
        "drag to move · wheel to zoom · click for facts · / search · ? keys",
        "拖动移动 · 滚轮缩放 · 点击查看 · / 搜索 · ? 按键",
    );
    let font = FontId::proportional(12.0);
    let painter = ctx.layer_painter(egui::LayerId::background());
    painter.text(at, Align2::RIGHT_BOTTOM, text, font, colour(theme.text_faint));
}

/// A notice goes after so long.
const NOTICE_SPAN: Duration = Duration::from_secs(8);

pub(super) fn notice(ctx: &egui::Context, chart: &mut Chart, theme: &Theme) {
    let Some((text, at)) = &chart.notice else { return };
    if chart.elapsed.saturating_sub(*at) > NOTICE_SPAN {
        chart.notice = None;
        return;
    }
    let area = egui::Area::new("notice".into()).order(egui::Order::Foreground).movable(false);
    let area = area.anchor(Align2::CENTER_BOTTOM, [0.0, -TIMELINE_PX - 12.0]);
    area.show(ctx, |ui| {
        egui::Frame::new().fill(colour(theme.panel)).corner_radius(6).inner_margin(10).show(ui, |ui| {
            ui.set_max_width(640.0);
            ui.label(RichText::new(text).size(13.0));
        });
    });
}

/// Why there is nothing to see, and what to do about it.
pub(super) fn empty(ctx: &egui::Context, chart: &Chart, theme: &Theme) {
    let area = egui::Area::new("empty".into()).order(egui::Order::Middle).movable(false);
    area.anchor(Align2::CENTER_CENTER, [0.0, 0.0]).show(ctx, |ui| {
        egui::Frame::new().fill(colour(theme.panel)).corner_radius(8).inner_margin(22).show(ui, |ui| {
            ui.set_max_width(560.0);
            let words = &chart.words;
            ui.label(RichText::new(words.pick("Nothing to show yet", "暂无内容")).size(18.0));
            let title = facts::title(&chart.known, &chart.link, None, None, Default::default(), words);
            ui.label(RichText::new(title.link).size(13.0));
            ui.add_space(6.0);
            let todo = words.pick(
                "Start a gateway with `portolan demo` or `portolan serve`, and name it with --url if it is elsewhere. \
                 The viewer goes on trying by itself.",
                "用 `portolan demo` 或 `portolan serve` 启动网关；若在别处，请用 --url 指明。本窗口会自动重试。",
            );
            ui.label(RichText::new(todo).size(13.0).color(colour(theme.text_faint)));
        });
    });
}

/// A line of the legend.
#[derive(Debug)]
pub(super) enum LegendRow {
    Site(SiteKind),
    Lane(Mode),
    Planned,
    Freshness(Freshness),
    Heat,
}

/// What must be explained.
pub(super) fn legend_rows<'a>(chart: &Chart, memory: &'a mut Memory) -> &'a [LegendRow] {
    let known = chart.shown();
    let seen: Vec<Freshness> = chart.fleet.freshness_drawn().collect();
    let epochs = known.epochs;
    let key = ([chart.generation, epochs.snapshots, epochs.sites, epochs.lanes], chart.heat, seen.clone());
    memory.legend.get(key, || {
        let modes: BTreeSet<Mode> = known.lanes.values().map(|lane| lane.mode).collect();
        let sites = chart.sites.kinds().into_iter().map(LegendRow::Site);
        let mut rows: Vec<LegendRow> = sites.chain(modes.into_iter().map(LegendRow::Lane)).collect();
        if !known.lanes.is_empty() {
            rows.push(LegendRow::Planned);
        }
        rows.extend(seen.into_iter().map(LegendRow::Freshness));
        if chart.heat != Heat::Off {
            rows.push(LegendRow::Heat);
        }
        rows
    })
}

const LEGEND_ROW_PX: f64 = 19.0;

/// Width and height.
pub(super) fn legend_size(chart: &Chart, rows: &[LegendRow]) -> (f64, f64) {
    if !network::legend_fits(&chart.view) || !chart.layers.on(crate::scene::Layers::LEGEND) {
        return (0.0, 0.0);
    }
    (184.0, rows.len() as f64 * LEGEND_ROW_PX + 12.0)
}

pub(super) fn legend(ctx: &egui::Context, chart: &Chart, memory: &mut Memory, look: &Look) {
    let rows = legend_rows(chart, memory);
    if rows.is_empty() || !network::legend_fits(&chart.view) {
        return;
    }
    let (theme, words) = (&look.theme, &chart.words);
    let (width, height) = legend_size(chart, rows);
    let corner = Pos2::new(10.0, (chart.view.height - height) as f32 - 10.0 - TIMELINE_PX);
    let painter = ctx.layer_painter(egui::LayerId::background());
    let rect = egui::Rect::from_min_size(corner, egui::vec2(width as f32, height as f32));
    painter.rect_filled(rect, 6.0, colour(theme.panel.with_alpha(225)));
    for (nth, row) in rows.iter().enumerate() {
        let y = corner.y + 6.0 + (nth as f32 + 0.5) * LEGEND_ROW_PX as f32;
        let at = Pos2::new(corner.x + 20.0, y);
        let (left, right) = (Pos2::new(at.x - 11.0, y), Pos2::new(at.x + 11.0, y));
        let text = match row {
            LegendRow::Site(kind) => {
                let radius = (network::radius_px(*kind, Detail::Region) as f32 * 0.85).max(3.2);
                let stroke = Stroke::new(1.2, colour(theme.text_faint));
                paint_symbol(&painter, at, Shape::of_site(*kind), radius, colour(theme.text_faint), stroke);
                facts::site_kind(*kind, words).to_owned()
            }
            LegendRow::Lane(mode) => {
                let stroke = Stroke::new(2.0, colour(look.of(network::mode_colour(*mode, theme))));
                painter.line_segment([left, right], stroke);
                facts::mode_name(*mode, words).to_owned()
            }
            LegendRow::Planned => {
                let stroke = Stroke::new(2.0, colour(theme.text_faint));
                painter.extend(egui::Shape::dashed_line(&[left, right], stroke, 6.0, 4.0));
                words.pick("planned, nothing on it", "计划中，暂无货运").to_owned()
            }
            LegendRow::Freshness(freshness) => {
                freshness_symbol(&painter, at, *freshness, look);
                facts::freshness_name(*freshness, words).to_owned()
            }
            LegendRow::Heat => {
                for step in 0..22 {
                    let share = f64::from(step) / 21.0;
                    let from = Pos2::new(left.x + step as f32, y - 5.0);
                    let bar = egui::Rect::from_min_size(from, egui::vec2(1.2, 10.0));
                    painter.rect_filled(bar, 0.0, colour(heat_colour(share, theme.is_dark())));
                }
                heat_name(chart.heat, words).to_owned()
            }
        };
        let font = FontId::proportional(12.5);
        painter.text(Pos2::new(corner.x + 40.0, y), Align2::LEFT_CENTER, text, font, colour(theme.text));
    }
}

fn heat_name(heat: Heat, words: &crate::scene::Words) -> &'static str {
    match heat {
        Heat::Off => "",
        Heat::StockOut => words.pick("risk of stock-out", "缺货风险"),
        Heat::Dwell => words.pick("dwell of vehicles", "车辆停留"),
        Heat::Temperature => words.pick("near end of range", "温度接近限值"),
    }
}

/// How a vehicle of this freshness is filled.
fn freshness_symbol(painter: &egui::Painter, at: Pos2, freshness: Freshness, look: &Look) {
    let ok = colour(look.of(palette::OK));
    let (hollow, none) = (colour(look.theme.hollow), Stroke::NONE);
    let rim = Stroke::new(1.6, ok);
    match freshness {
        Freshness::Live => paint_symbol(painter, at, Shape::Hull, 6.5, ok, none),
        Freshness::Late => paint_symbol(painter, at, Shape::Hull, 6.5, hollow, rim),
        Freshness::Never => {
            let rim = Stroke::new(1.6, colour(look.of(palette::UNKNOWN)));
            paint_symbol(painter, at, Shape::Hull, 6.5, hollow, rim);
        }
        Freshness::Stale => {
            paint_symbol(painter, at, Shape::Hull, 6.5, hollow, rim);
            for y in [-4.0, 0.0, 4.0] {
                painter.line_segment([at + egui::vec2(-2.4, y + 2.0), at + egui::vec2(2.4, y - 2.0)], rim);
            }
        }
        Freshness::Lost => {
            let stroke = Stroke::new(2.4, ok);
            for flip in [1.0, -1.0] {
                painter.line_segment([at + egui::vec2(-4.0, -4.0 * flip), at + egui::vec2(4.0, 4.0 * flip)], stroke);
            }
        }
    }
}

/// Below: pause and live, how fast, and the line of time.
pub(super) fn time_bar(ctx: &egui::Context, chart: &Chart, memory: &mut Memory, theme: &Theme, wishes: &mut Vec<Wish>) {
    let Some(now) = chart.now() else { return };
    let words = &chart.words;
    let (width, height) = (chart.view.width as f32, chart.view.height as f32);
    let area = egui::Area::new("time".into()).order(egui::Order::Middle).movable(false);
    area.fixed_pos(Pos2::new(0.0, height - TIMELINE_PX)).show(ctx, |ui| {
        let frame =
            egui::Frame::new().fill(colour(theme.panel.with_alpha(240))).inner_margin(egui::Margin::symmetric(14, 0));
        frame.show(ui, |ui| {
            ui.set_width(width - 28.0);
            ui.set_height(TIMELINE_PX);
            ui.horizontal_centered(|ui| {
                ui.spacing_mut().item_spacing.x = 10.0;
                let runs = chart.timeline.runs();
                let name = if runs { words.pick("pause", "暂停") } else { words.pick("go on", "继续") };
                if ui.button(RichText::new(name).size(13.0)).clicked() {
                    wishes.push(Wish::Act(Act::Pause));
                }
                if ui.button(RichText::new("-").size(13.0)).clicked() {
                    wishes.push(Wish::Act(Act::Speed(-1)));
                }
                ui.label(RichText::new(format!("{}×", chart.timeline.speed())).size(13.0));
                if ui.button(RichText::new("+").size(13.0)).clicked() {
                    wishes.push(Wish::Act(Act::Speed(1)));
                }
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let live = ui.button(RichText::new(words.pick("live", "实时")).size(13.0));
                    if live.clicked() {
                        wishes.push(Wish::Act(Act::Live));
                    }
                    let state = if chart.timeline.is_live() { palette::OK } else { palette::WATCH };
                    symbol(ui, if chart.timeline.is_live() { Shape::Circle } else { Shape::Triangle }, 5.0, state);
                    time_line(ui, chart, memory, now, theme, wishes);
                });
            });
        });
    });
}

/// From a day ago, or as far as the wheel says, to now, with ticks, alerts and the moment that is shown.
fn time_line(
    ui: &mut egui::Ui,
    chart: &Chart,
    memory: &mut Memory,
    now: Timestamp,
    theme: &Theme,
    wishes: &mut Vec<Wish>,
) {
    let words = &chart.words;
    let live = chart.live_now().unwrap_or(now);
    let from = chart.line_begins(live);
    // A minute is a line's width even right after the start.
    let from = from.min(live.saturating_sub(Duration::from_secs(600)));
    let size = egui::vec2(ui.available_width() - 8.0, TIMELINE_PX);
    let (rect, response) = ui.allocate_exact_size(size, egui::Sense::click_and_drag());
    let span = (live.as_nanos() - from.as_nanos()) as f64;
    let x_of = |at: Timestamp| rect.left() + ((at.as_nanos() - from.as_nanos()) as f64 / span) as f32 * rect.width();
    let painter = ui.painter();
    let y = rect.center().y + 5.0;
    painter.line_segment(
        [Pos2::new(rect.left(), y), Pos2::new(rect.right(), y)],
        Stroke::new(2.0, colour(theme.text_faint.with_alpha(110))),
    );
    for (at, text) in ticks(from, live, (rect.width() / 90.0) as usize, words) {
        let x = x_of(at);
        let tick = [Pos2::new(x, y - 4.0), Pos2::new(x, y + 4.0)];
        painter.line_segment(tick, Stroke::new(1.0, colour(theme.text_faint.with_alpha(150))));
        let font = FontId::proportional(10.5);
        painter.text(Pos2::new(x, y - 6.0), Align2::CENTER_BOTTOM, text, font, colour(theme.text_faint));
    }
    // The gravest alert of each pixel, worked out again when the line has moved by one.
    let pixel = (span / f64::from(rect.width().max(1.0))).max(1.0) as i64;
    let grid = |at: Timestamp| Timestamp::from_nanos(at.as_nanos().div_euclid(pixel) * pixel);
    let epochs = chart.known.epochs;
    let key = ([chart.generation, epochs.snapshots, epochs.alerts], grid(from), grid(live), rect.width() as u32);
    let raised = memory.raised.get(key, || {
        let mut worst: BTreeMap<i64, Severity> = BTreeMap::new();
        for alert in chart.known.alerts.values().filter(|alert| alert.raised_at >= from && alert.raised_at <= live) {
            let at = worst.entry((alert.raised_at.as_nanos() - from.as_nanos()) / pixel).or_insert(alert.severity);
            *at = alert.severity.max(*at);
        }
        worst.into_iter().map(|(pixels, severity)| (pixels as f32, severity)).collect()
    });
    for (pixels, severity) in raised {
        let (shape, severity_colour) = Shape::of_severity(*severity);
        let at = Pos2::new(rect.left() + pixels, y + 9.0);
        paint_symbol(painter, at, shape, 3.0, colour(severity_colour), Stroke::NONE);
    }
    let x = x_of(now.max(from));
    painter.line_segment([Pos2::new(x, y - 9.0), Pos2::new(x, y + 9.0)], Stroke::new(2.0, colour(theme.selection)));
    painter.circle_filled(Pos2::new(x, y), 4.5, colour(theme.selection));
    let turned = if response.hovered() { ui.input(|input| input.smooth_scroll_delta.y) } else { 0.0 };
    if turned != 0.0 {
        wishes.push(Wish::Widen(1.25_f64.powf(-f64::from(turned) / 50.0)));
    }
    if let Some(at) = response.interact_pointer_pos().filter(|_| response.clicked() || response.dragged()) {
        let share = f64::from(((at.x - rect.left()) / rect.width()).clamp(0.0, 1.0));
        wishes.push(Wish::Seek(Timestamp::from_nanos(from.as_nanos() + (share * span) as i64)));
    }
}

/// Round moments between two, at most so many, by the clock that is shown.
pub(super) fn ticks(
    from: Timestamp,
    to: Timestamp,
    n_max: usize,
    words: &crate::scene::Words,
) -> Vec<(Timestamp, String)> {
    const STEPS_SECS: [i64; 12] =
        [60, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 7 * 86_400, 28 * 86_400];
    let span_secs = to.as_secs() - from.as_secs();
    let n_max = n_max.max(1) as i64;
    let step = STEPS_SECS.into_iter().find(|step| span_secs / step <= n_max).unwrap_or(365 * 86_400);
    let first = from.as_secs().div_euclid(step) + 1;
    let moments = (first..=to.as_secs().div_euclid(step)).filter_map(|nth| Timestamp::from_secs(nth * step));
    moments.map(|at| (at, if step >= 86_400 { words.short_day(at) } else { words.short_clock(at) })).collect()
}

pub(super) fn tip_under_pointer(ctx: &egui::Context, tip: &str, theme: &Theme) {
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
