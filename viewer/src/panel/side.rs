//! The panel of what is selected: facts, stock beside its levels, series, forecast, and what can be done.

use std::time::Duration;

use bevy_egui::egui::{self, Pos2, Rect, RichText, Stroke};
use firmware_schemas::command::Action;
use firmware_schemas::id::{DeviceId, OrderId, SiteId, SkuId, VehicleId};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::MetricKind;

use super::memory::{Kept, Memory, Slow};
use super::plots::{Plot, plot};
use super::{Wish, colour, faint, link, symbol};
use crate::chart::{Chart, STOCK_EVERY};
use crate::desk::{Answer, Question};
use crate::palette::{self, Theme};
use crate::scene::facts::{self, Facts, StockLine};
use crate::scene::keys::Act;
use crate::scene::mark::{ItemId, Shape};
use crate::scene::network;
use crate::scene::series::SeriesPoint;

const PANEL_PX: f32 = network::PANEL_PX as f32;

/// How far back series go.
const SERIES_SPAN: Duration = Duration::from_secs(24 * 3_600);

/// Series are asked for again after this.
const SERIES_EVERY: Duration = Duration::from_secs(20);

/// Forecasts and orders are asked for again after this.
const SLOW_EVERY: Duration = Duration::from_secs(300);

pub(super) fn side_panel(
    ctx: &egui::Context,
    chart: &mut Chart,
    memory: &mut Memory,
    item: &ItemId,
    now: Timestamp,
    wishes: &mut Vec<Wish>,
) {
    let Memory { facts, trackers, stock, .. } = memory;
    let slow = Slow::of(chart, 2);
    let facts = facts.get((item.clone(), slow), || match item {
        ItemId::Order(order) => order_facts(chart, order),
        other => facts::facts(chart.shown(), other, now, &chart.words),
    });
    let Some(facts) = facts else { return };
    if let ItemId::Vehicle(id) = item {
        trackers.get((id.clone(), Slow::of(chart, 3)), || {
            let devices = chart.known.devices.values().filter(|device| device.vehicle.as_ref() == Some(id));
            devices.map(|device| device.device.clone()).collect()
        });
    }
    let trackers = trackers.peek().map_or(&[][..], |trackers| trackers);
    let theme = chart.theme;
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
            faint(ui, &facts.subtitle, &theme);
            ui.add_space(8.0);
            egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                actions(ui, chart, trackers, item, wishes);
                facts_head(ui, facts, &theme);
                sections(ui, chart, (trackers, stock), item, now, wishes);
                facts_lists(ui, facts, &theme, wishes);
            });
        });
    });
}

/// What can be done with it, before what is known of it.
fn actions(ui: &mut egui::Ui, chart: &Chart, trackers: &[DeviceId], item: &ItemId, wishes: &mut Vec<Wish>) {
    let words = &chart.words;
    let mut acts: Vec<(&str, Wish)> = Vec::new();
    match item {
        ItemId::Site(id) => {
            if chart.inside.is_none() && chart.shown().sites.get(id).is_some_and(|site| site.stock.positions > 0) {
                acts.push((words.pick("inside", "进入内部"), Wish::Act(Act::Enter)));
            }
            acts.push((words.pick("proposals", "补货建议"), Wish::Act(Act::Proposals)));
        }
        ItemId::Position(..) => acts.push((words.pick("proposals", "补货建议"), Wish::Act(Act::Proposals))),
        ItemId::Vehicle(id) => {
            let name = if chart.following {
                words.pick("stop following", "停止跟随")
            } else {
                words.pick("follow", "跟随")
            };
            acts.push((name, Wish::Act(Act::Follow)));
            acts.extend(commands(chart, trackers, id));
        }
        _ => {}
    }
    if acts.is_empty() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        for (name, wish) in acts {
            if ui.button(RichText::new(name).size(12.5)).clicked() {
                wishes.push(wish);
            }
        }
    });
    ui.add_space(8.0);
}

/// Commands to the tracker of a vehicle, where there is a link to give them by and now is shown.
fn commands(chart: &Chart, trackers: &[DeviceId], vehicle: &VehicleId) -> Vec<(&'static str, Wish)> {
    let words = &chart.words;
    let device = trackers.first().and_then(|device| chart.known.devices.get(device));
    let (Some(device), true, true) = (device, chart.recorder.is_some(), chart.timeline.is_live()) else {
        return Vec::new();
    };
    let key = |what: &str| {
        let key = format!("viewer-{what}-{}-{}", chart.known.seq, chart.elapsed.as_millis());
        key.chars().take(64).collect::<String>()
    };
    let command = |what: &str, action: Action| Wish::Ask(Question::Command(device.device.clone(), action, key(what)));
    let mut commands = vec![(words.pick("hold", "原地等待"), command("hold", Action::Hold { until: None }))];
    let view = chart.known.vehicles.get(vehicle);
    let lane = view.and_then(|view| chart.known.lanes.get(view.lane.as_ref()?));
    if let Some(lane) = lane {
        let action = Action::GoTo { site: lane.to.clone(), lane: Some(lane.lane.clone()) };
        commands.push((words.pick("go on to its stop", "继续前往下一站"), command("go", action)));
    }
    if let Some(view) = view {
        let action = Action::GoTo { site: view.home.clone(), lane: None };
        commands.push((words.pick("go home", "返回所属站点"), command("home", action)));
    }
    let often = Action::ReportEvery { interval_secs: 30 };
    commands.push((words.pick("report every 30 s", "每 30 秒上报"), command("often", often)));
    commands
}

fn facts_head(ui: &mut egui::Ui, facts: &Facts, theme: &Theme) {
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
    // By what it is about, so that the widths of another do not push it together.
    egui::Grid::new(("rows", &facts.title)).num_columns(2).spacing([14.0, 5.0]).show(ui, |ui| {
        for (name, value) in &facts.rows {
            faint(ui, name, theme);
            ui.add(egui::Label::new(RichText::new(value).size(13.0)).wrap());
            ui.end_row();
        }
    });
}

fn facts_lists(ui: &mut egui::Ui, facts: &Facts, theme: &Theme, wishes: &mut Vec<Wish>) {
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

/// Lines of stock, and what each leads to.
type StockLines = Kept<(ItemId, Slow), Vec<(ItemId, StockLine)>>;

/// What is asked for only once somebody looks.
fn sections(
    ui: &mut egui::Ui,
    chart: &mut Chart,
    (trackers, stock): (&[DeviceId], &mut StockLines),
    item: &ItemId,
    now: Timestamp,
    wishes: &mut Vec<Wish>,
) {
    match item {
        ItemId::Site(site) => stock_section(ui, chart, stock, site, wishes),
        ItemId::Position(site, sku) => {
            if chart.wants_stock() {
                chart.desk.want(Question::Stock(site.clone()), STOCK_EVERY, chart.elapsed);
            }
            forecast_section(ui, chart, site, sku, now);
        }
        ItemId::Sku(sku) => sku_section(ui, chart, stock, sku, wishes),
        ItemId::Device(device) => series_section(ui, chart, &device.clone(), now),
        ItemId::Vehicle(_) => {
            for device in trackers {
                series_section(ui, chart, device, now);
            }
        }
        _ => {}
    }
}

/// At most so many lines of stock in the panel.
const STOCK_LINES_MAX: usize = 14;

fn stock_section(ui: &mut egui::Ui, chart: &mut Chart, kept: &mut StockLines, site: &SiteId, wishes: &mut Vec<Wish>) {
    if chart.shown().sites.get(site).is_none_or(|site| site.stock.positions == 0) {
        return;
    }
    if chart.wants_stock() {
        chart.desk.want(Question::Stock(site.clone()), STOCK_EVERY, chart.elapsed);
    }
    let lines = kept.get((ItemId::Site(site.clone()), Slow::of(chart, 4)), || {
        let rows = chart.shown().stock.get(site).into_iter().flat_map(|rows| rows.values());
        let lines = facts::stock_lines(chart.shown(), rows, &chart.words);
        lines.into_iter().map(|line| (ItemId::Position(site.clone(), line.sku.clone()), line)).collect()
    });
    stock_lines(ui, chart, lines, wishes);
}

/// A SKU wherever it is kept, as far as that is known.
fn sku_section(ui: &mut egui::Ui, chart: &Chart, kept: &mut StockLines, sku: &SkuId, wishes: &mut Vec<Wish>) {
    let lines = kept.get((ItemId::Sku(sku.clone()), Slow::of(chart, 4)), || {
        let known = chart.shown();
        let rows = known.stock.iter().filter_map(|(site, rows)| Some((site, rows.get(sku)?)));
        let lines = rows.flat_map(|(site, row)| {
            let mut lines = facts::stock_lines(known, std::iter::once(row), &chart.words);
            lines.iter_mut().for_each(|line| line.name = facts::site_name(known, site, &chart.words));
            lines.into_iter().map(|line| (ItemId::Position(site.clone(), sku.clone()), line)).collect::<Vec<_>>()
        });
        lines.collect()
    });
    stock_lines(ui, chart, lines, wishes);
}

fn stock_lines(ui: &mut egui::Ui, chart: &Chart, lines: &[(ItemId, StockLine)], wishes: &mut Vec<Wish>) {
    if lines.is_empty() {
        return;
    }
    let (theme, words) = (&chart.theme, &chart.words);
    ui.add_space(10.0);
    let n = lines.len();
    faint(ui, &words.pick(format!("stock, most urgent first ({n})"), format!("库存，最急在前（{n}）")), theme);
    for (item, line) in lines.iter().take(STOCK_LINES_MAX) {
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(egui::vec2(96.0, 13.0), egui::Sense::hover());
            stock_bar(ui.painter(), rect, line, theme);
            let cover = line.days_of_cover.map(|days| format!(" · {days:.0} {}", words.pick("d", "天")));
            let text = format!("{} {}{}", facts::group(line.on_hand), line.name, cover.unwrap_or_default());
            if link(ui, &text, 12.0, theme) {
                wishes.push(Wish::JumpTo(item.clone()));
            }
        });
    }
}

/// On hand, what is coming behind it in outline, ticks at reorder point and target.
fn stock_bar(painter: &egui::Painter, rect: Rect, line: &StockLine, theme: &Theme) {
    let most = [line.on_hand.saturating_add(line.coming), line.target.unwrap_or(0), line.reorder_point.unwrap_or(0), 1];
    let most = most.into_iter().max().unwrap_or(1) as f32 * 1.04;
    let x = |pieces: i64| rect.left() + (pieces.max(0) as f32 / most).clamp(0.0, 1.0) * rect.width();
    painter.rect_filled(rect, 1.0, colour(theme.hollow));
    let tint = match line.reorder_point {
        _ if line.on_hand <= 0 => palette::CRITICAL,
        Some(point) if line.on_hand.saturating_add(line.coming) <= point => palette::WATCH,
        _ => palette::OK,
    };
    let bar = Rect::from_min_max(rect.min, Pos2::new(x(line.on_hand), rect.bottom()));
    painter.rect_filled(bar, 1.0, colour(tint));
    let coming =
        Rect::from_min_max(bar.right_top(), Pos2::new(x(line.on_hand.saturating_add(line.coming)), rect.bottom()));
    painter.rect_stroke(coming, 0.0, Stroke::new(1.0, colour(theme.text_faint)), egui::StrokeKind::Inside);
    if let Some(point) = line.reorder_point {
        let x = x(point);
        painter.line_segment(
            [Pos2::new(x, rect.top() - 1.0), Pos2::new(x, rect.bottom() + 1.0)],
            Stroke::new(1.6, colour(theme.text)),
        );
    }
    if let Some(target) = line.target {
        let at = Pos2::new(x(target), rect.top());
        let tick = vec![at + egui::vec2(-3.0, -2.0), at + egui::vec2(3.0, -2.0), at + egui::vec2(0.0, 4.0)];
        painter.add(egui::Shape::convex_polygon(tick, colour(theme.text), Stroke::NONE));
    }
}

/// Every metric of a device over the last day before `now`.
fn series_section(ui: &mut egui::Ui, chart: &mut Chart, device: &DeviceId, now: Timestamp) {
    let Some(view) = chart.known.devices.get(device).cloned() else { return };
    let from = now.saturating_sub(SERIES_SPAN);
    for metric in view.metrics.iter().filter(|metric| matches!(metric.kind, MetricKind::Float | MetricKind::Integer)) {
        let question = Question::Series { device: device.clone(), metric: metric.metric.clone(), from, to: now };
        let points: Vec<SeriesPoint> = match chart.desk.want(question, SERIES_EVERY, chart.elapsed) {
            Some(Ok(Answer::Series(series))) => {
                let points = series.items.iter().filter_map(|bucket| {
                    Some(SeriesPoint { at: bucket.start, value: bucket.mean?, low: bucket.min?, high: bucket.max? })
                });
                points.collect()
            }
            _ => continue,
        };
        ui.add_space(8.0);
        let levels: Vec<f64> = [metric.min, metric.max].into_iter().flatten().collect();
        let unit = chart.words.quantity(0.0, &metric.unit);
        let unit = unit.split_once(' ').map_or("", |(_, unit)| unit);
        let title = if unit.is_empty() { metric.metric.to_string() } else { format!("{} · {unit}", metric.metric) };
        let lines = [(points, palette::INFO)];
        let it =
            Plot { title: &title, lines: &lines, levels: &levels, unit: &metric.unit, now: Some(now), height: 96.0 };
        plot(ui, &it, &mut chart.cursor, &chart.theme, &chart.words);
    }
}

/// What is expected of a position in the next half year, with the band that holds 95 % of cases.
fn forecast_section(ui: &mut egui::Ui, chart: &mut Chart, site: &SiteId, sku: &SkuId, now: Timestamp) {
    const WEEKS: usize = 26;
    let question = Question::Forecast(site.clone(), sku.clone());
    let forecast = match chart.desk.want(question, SLOW_EVERY, chart.elapsed) {
        Some(Ok(Answer::Forecast(forecast))) => forecast.clone(),
        Some(Err(_)) => {
            ui.add_space(10.0);
            return faint(ui, chart.words.pick("no forecast yet", "尚无预测"), &chart.theme);
        }
        _ => return,
    };
    let points = forecast.weeks.iter().take(WEEKS);
    let points = points.map(|week| SeriesPoint { at: week.week, value: week.pieces, low: week.low, high: week.high });
    let lines = [(points.collect(), palette::INFO)];
    ui.add_space(10.0);
    let title = chart.words.pick("forecast, pieces a week, 95 % band", "预测：件 / 周，95% 区间");
    let it = Plot { title, lines: &lines, levels: &[], unit: "", now: Some(now), height: 120.0 };
    plot(ui, &it, &mut chart.cursor, &chart.theme, &chart.words);
    for basis in &forecast.basis {
        faint(ui, basis, &chart.theme);
    }
}

/// An order as the gateway tells it.
fn order_facts(chart: &mut Chart, order: &OrderId) -> Option<Facts> {
    let answer = chart.desk.want(Question::Order(order.clone()), SLOW_EVERY, chart.elapsed)?;
    let Ok(Answer::Order(view)) = answer else { return None };
    let view = view.clone();
    let (known, words) = (chart.shown(), &chart.words);
    let mut rows = vec![
        (words.pick("site", "站点").to_owned(), facts::site_name(known, &view.site, words)),
        (words.pick("taken", "接单").to_owned(), words.day_and_clock(view.taken_at)),
    ];
    rows.extend(view.customer.clone().map(|customer| (words.pick("customer", "客户").to_owned(), customer)));
    rows.extend(view.wanted_at.map(|at| (words.pick("wanted", "要求").to_owned(), words.day_and_clock(at))));
    let lines = view.lines.iter().map(|line| facts::Entry {
        text: format!(
            "{} × {} ({} {})",
            facts::group(line.pieces.0),
            facts::sku_name(known, &line.sku, words),
            words.pick("promised", "已承诺"),
            facts::group(line.promised.0)
        ),
        item: Some(ItemId::Position(view.site.clone(), line.sku.clone())),
    });
    Some(Facts {
        title: view.order.to_string(),
        subtitle: format!("{} · {:?}", words.pick("order", "订单"), view.status).to_lowercase(),
        rows,
        lists: vec![(words.pick("lines", "行").to_owned(), lines.collect())],
        ..Facts::default()
    })
}
