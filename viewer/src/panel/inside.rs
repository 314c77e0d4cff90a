//! The inside of a warehouse, from above.

use bevy_egui::egui::{self, Align2, Color32, FontId, Pos2, Rect, Stroke, Vec2};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::Value;
use firmware_schemas::view::{DeviceView, Freshness};

use super::{Wish, colour, mix, paint_symbol};
use crate::chart::{Chart, STOCK_EVERY};
use crate::desk::Question;
use crate::palette::{self, Rgba};
use crate::scene::facts;
use crate::scene::mark::{ItemId, Shape};
use crate::scene::plan::{self, PlanView, RectM, SitePlan, ZoneKind};
use crate::scene::{Known, Look, Words, network};

pub(super) fn show(ctx: &egui::Context, chart: &mut Chart, look: &Look, wishes: &mut Vec<Wish>) {
    let (width, height) = (chart.view.width, chart.view.height);
    let right = if chart.selected.is_some() { network::PANEL_PX } else { 0.0 };
    let room = Rect::from_min_max(
        Pos2::new(0.0, network::TITLE_BAR_PX as f32),
        Pos2::new((width - right) as f32, (height - network::TIMELINE_PX) as f32),
    );
    let now = chart.now().unwrap_or(Timestamp::EPOCH);
    let elapsed = chart.elapsed;
    let Some(mut inside) = chart.inside.take() else { return };
    if chart.wants_stock() {
        chart.desk.want(Question::Stock(inside.plan.site.clone()), STOCK_EVERY, elapsed);
    }
    let fitted = PlanView::fit(&inside.plan, f64::from(room.width()), f64::from(room.height()) - 64.0);
    // The heading has its place above the hall.
    let fitted = PlanView { centre: [fitted.centre[0], fitted.centre[1] + 22.0 / fitted.scale], ..fitted };
    let mut view = inside.view.unwrap_or(fitted);
    let area = egui::Area::new("inside".into()).fixed_pos(room.min).order(egui::Order::Background).movable(false);
    area.show(ctx, |ui| {
        let (rect, response) = ui.allocate_exact_size(room.size(), egui::Sense::click_and_drag());
        if response.dragged() {
            let moved = response.drag_delta();
            view.pan(f64::from(moved.x), f64::from(moved.y));
            inside.view = Some(view);
        }
        let turned = ui.input(|input| input.smooth_scroll_delta.y);
        if let Some(at) = response.hover_pos().filter(|_| turned != 0.0) {
            let from_middle = at - rect.center();
            view.zoom(1.25_f64.powf(f64::from(turned) / 50.0), [f64::from(from_middle.x), f64::from(from_middle.y)]);
            inside.view = Some(view);
        }
        let drawing = Drawing { painter: ui.painter_at(rect), middle: rect.center(), view, look, words: &chart.words };
        let known = chart.shown();
        drawing.painter.rect_filled(rect, 0.0, colour(look.of(look.theme.water)));
        drawing.hall(known, &inside.plan, now);
        drawing.slots(known, &inside.plan, chart.selected.as_ref());
        drawing.docks(known, &inside.plan);
        drawing.sensors(known, &inside.plan, now);
        drawing.movers(known, &inside.plan, now);
        let name = facts::site_name(known, &inside.plan.site, &chart.words);
        drawing.heading(rect, &name, &inside.plan);
        inside.slot = response.hover_pos().and_then(|at| drawing.slot_at(&inside.plan, at));
        let sku = inside.slot.and_then(|slot| inside.plan.slots[slot].sku.clone());
        if let (Some(at), Some(sku)) = (response.hover_pos(), &sku) {
            drawing.slot_tip(known, &inside.plan, sku, at);
        }
        if response.clicked() {
            let sensor = response.interact_pointer_pos().and_then(|at| drawing.sensor_at(&inside.plan, at));
            if let Some(device) = sensor {
                wishes.push(Wish::JumpTo(ItemId::Device(device)));
            } else if let Some(sku) = sku {
                wishes.push(Wish::JumpTo(ItemId::Position(inside.plan.site.clone(), sku)));
            }
        }
        let back = Rect::from_min_size(rect.min + egui::vec2(14.0, 12.0), egui::vec2(96.0, 24.0));
        let text = chart.words.pick("< map (Esc)", "< 地图 (Esc)");
        if ui.put(back, egui::Button::new(egui::RichText::new(text).size(12.5))).clicked() {
            wishes.push(Wish::Leave);
        }
    });
    chart.inside = Some(inside);
}

struct Drawing<'a> {
    painter: egui::Painter,
    middle: Pos2,
    view: PlanView,
    look: &'a Look,
    words: &'a Words,
}

impl Drawing<'_> {
    fn at(&self, metres: [f64; 2]) -> Pos2 {
        let [x, y] = self.view.to_px(metres);
        self.middle + egui::vec2(x as f32, y as f32)
    }

    fn rect(&self, area: &RectM) -> Rect {
        let low = self.at([area.x_m, area.y_m]);
        let high = self.at([area.x_m + area.width_m, area.y_m + area.height_m]);
        Rect::from_two_pos(low, high)
    }

    fn colour(&self, rgba: Rgba) -> Color32 {
        colour(self.look.of(rgba))
    }

    fn hall(&self, known: &Known, plan: &SitePlan, now: Timestamp) {
        let theme = &self.look.theme;
        let hall = self.rect(&plan.hall);
        self.painter.rect_filled(hall, 2.0, self.colour(theme.land));
        for zone in &plan.zones {
            let area = self.rect(&zone.area).shrink(2.0);
            let tint = match zone.kind {
                ZoneKind::Receiving | ZoneKind::Shipping => theme.land,
                ZoneKind::Dry => mix(theme.land, theme.hollow),
                ZoneKind::Chilled => mix(theme.land, palette::INFO),
                ZoneKind::Frozen => mix(theme.land, theme.lane_sea),
            };
            let device = zone.sensor.as_ref().and_then(|id| known.devices.get(id));
            let tint = if zone.kind == ZoneKind::Chilled || zone.kind == ZoneKind::Frozen {
                mix(tint, theme.land)
            } else {
                tint
            };
            self.painter.rect_filled(area, 2.0, self.colour(tint));
            // Outside its range a zone has a rim, so that it is seen from afar.
            let out = device.is_some_and(|device| out_of_range(device) == Some(true));
            let fresh = device.is_none_or(|device| known.device_freshness(device, now) <= Freshness::Late);
            let rim = match (out, fresh) {
                (true, true) => Stroke::new(3.0, self.colour(palette::CRITICAL)),
                (true, false) => Stroke::new(3.0, self.colour(palette::UNKNOWN)),
                _ => Stroke::new(1.0, self.colour(theme.border)),
            };
            self.painter.rect_stroke(area, 2.0, rim, egui::StrokeKind::Inside);
            let font = FontId::proportional(12.0);
            let name = zone_name(zone.kind, self.words);
            let at = area.left_top() + egui::vec2(6.0, 4.0);
            self.painter.text(at, Align2::LEFT_TOP, name, font, self.colour(theme.text_faint));
        }
        self.painter.rect_stroke(hall, 2.0, Stroke::new(3.0, self.colour(theme.text_faint)), egui::StrokeKind::Outside);
    }

    fn slots(&self, known: &Known, plan: &SitePlan, selected: Option<&ItemId>) {
        let theme = &self.look.theme;
        for slot in &plan.slots {
            let area = self.rect(&slot.area).shrink(0.5);
            self.painter.rect_filled(area, 0.0, self.colour(theme.hollow));
            let rim = Stroke::new(0.6, self.colour(theme.border));
            let Some(sku) = &slot.sku else {
                self.painter.rect_stroke(area, 0.0, rim, egui::StrokeKind::Inside);
                continue;
            };
            match plan::fill(known, &plan.site, sku) {
                Some(fill) => {
                    let point = known.stock.get(&plan.site).and_then(|rows| rows.get(sku));
                    let tint = match point {
                        Some(row) if row.on_hand.0 <= 0 => palette::CRITICAL,
                        // What is coming counts, as it does for the planner.
                        Some(row) if plan::runs_low(row) => palette::WATCH,
                        _ => palette::OK,
                    };
                    let mut full = area;
                    full.set_right(area.left() + area.width() * fill.clamp(0.0, 1.0) as f32);
                    self.painter.rect_filled(full, 0.0, self.colour(tint));
                    if fill <= 0.0 {
                        // Empty and out of stock is a shape as well as a colour.
                        let stroke = Stroke::new(1.2, self.colour(palette::CRITICAL));
                        self.painter.line_segment([area.left_bottom(), area.right_top()], stroke);
                    }
                }
                None => {
                    let stroke = Stroke::new(0.8, self.colour(palette::UNKNOWN));
                    self.painter.line_segment([area.left_bottom(), area.right_top()], stroke);
                }
            }
            let chosen = matches!(selected, Some(ItemId::Position(site, it)) if *site == plan.site && it == sku);
            let rim = if chosen { Stroke::new(2.4, self.colour(theme.selection)) } else { rim };
            self.painter.rect_stroke(area, 0.0, rim, egui::StrokeKind::Outside);
            if area.height() > 13.0 && area.width() > 44.0 {
                let font = FontId::proportional(9.5);
                self.painter.text(area.center(), Align2::CENTER_CENTER, sku.as_str(), font, self.colour(theme.text));
            }
        }
    }

    fn docks(&self, known: &Known, plan: &SitePlan) {
        let theme = &self.look.theme;
        let docked = plan::at_docks(known, plan);
        let mut numbers = [0, 0];
        for (nth, dock) in plan.docks.iter().enumerate() {
            let number = &mut numbers[usize::from(dock.inbound)];
            *number += 1;
            let out = if dock.inbound { -1.0 } else { 1.0 };
            let door = RectM { x_m: dock.x_m - 1.6, y_m: dock.y_m - 0.5, width_m: 3.2, height_m: 1.0 };
            self.painter.rect_filled(self.rect(&door), 0.0, self.colour(theme.text_faint));
            let name = format!("{}{number}", if dock.inbound { "I" } else { "O" });
            let at = self.at([dock.x_m, dock.y_m - out * 2.2]);
            let font = FontId::proportional(11.0);
            self.painter.text(at, Align2::CENTER_CENTER, name, font.clone(), self.colour(theme.text));
            let Some((_, vehicle)) = docked.iter().find(|(at, _)| *at == nth) else { continue };
            let y_m = if dock.inbound { dock.y_m - 14.5 } else { dock.y_m + 1.0 };
            let lorry = self.rect(&RectM { x_m: dock.x_m - 1.3, y_m, width_m: 2.6, height_m: 13.5 });
            self.painter.rect_filled(lorry, 2.0, self.colour(palette::OK));
            self.painter.rect_stroke(lorry, 2.0, Stroke::new(1.0, self.colour(theme.halo)), egui::StrokeKind::Outside);
            let at = if dock.inbound { lorry.center_bottom() } else { lorry.center_top() };
            let (align, gap) = if dock.inbound { (Align2::CENTER_TOP, 2.0) } else { (Align2::CENTER_BOTTOM, -2.0) };
            let name = facts::vehicle_name(known, vehicle);
            self.painter.text(at + egui::vec2(0.0, gap), align, name, font, self.colour(theme.text));
        }
    }

    fn sensors(&self, known: &Known, plan: &SitePlan, now: Timestamp) {
        for zone in &plan.zones {
            let Some(device) = zone.sensor.as_ref().and_then(|id| known.devices.get(id)) else { continue };
            let at = self.sensor_place(zone);
            let freshness = known.device_freshness(device, now);
            let (shape, tint) = match (freshness, out_of_range(device)) {
                (Freshness::Stale | Freshness::Lost | Freshness::Never, _) | (_, None) => {
                    (Shape::Square, palette::UNKNOWN)
                }
                (_, Some(true)) => (Shape::Octagon, palette::CRITICAL),
                (_, Some(false)) => (Shape::Circle, palette::OK),
            };
            let halo = Stroke::new(1.5, self.colour(self.look.theme.halo));
            paint_symbol(&self.painter, at, shape, 6.5, self.colour(tint), halo);
            let reading = device.metrics.iter().find_map(|metric| match &metric.last {
                Some(last) if metric.unit == "Cel" => Some(facts::value(&last.value, &metric.unit, self.words)),
                _ => None,
            });
            let state = if freshness == Freshness::Live {
                String::new()
            } else {
                format!(" · {}", facts::freshness_name(freshness, self.words))
            };
            let text = format!("{}{state}", reading.unwrap_or_else(|| device.device.to_string()));
            let galley =
                self.painter.layout_no_wrap(text, FontId::proportional(13.0), self.colour(self.look.theme.text));
            let corner = at + egui::vec2(-12.0 - galley.size().x, -galley.size().y / 2.0);
            let back = Rect::from_min_size(corner, galley.size()).expand(3.0);
            self.painter.rect_filled(back, 3.0, self.colour(self.look.theme.panel));
            self.painter.galley(corner, galley, Color32::WHITE);
        }
    }

    fn sensor_place(&self, zone: &plan::ZoneArea) -> Pos2 {
        self.rect(&zone.area).right_top() + egui::vec2(-14.0, 13.0)
    }

    fn sensor_at(&self, plan: &SitePlan, at: Pos2) -> Option<firmware_schemas::id::DeviceId> {
        let near = plan.zones.iter().find(|zone| zone.sensor.is_some() && self.sensor_place(zone).distance(at) < 14.0);
        near.and_then(|zone| zone.sensor.clone())
    }

    fn movers(&self, known: &Known, plan: &SitePlan, now: Timestamp) {
        for mover in plan::movers(known, &plan.site, now) {
            let at = self.at(mover.at_m);
            let radius = (0.9 * self.view.scale as f32).clamp(4.0, 14.0);
            let theme = &self.look.theme;
            let (fill, stroke) = match mover.freshness {
                Freshness::Live => (self.colour(palette::OK), Stroke::new(1.4, self.colour(theme.halo))),
                _ => (self.colour(theme.hollow), Stroke::new(1.6, self.colour(palette::OK))),
            };
            paint_symbol(&self.painter, at, Shape::Hexagon, radius, fill, stroke);
            let font = FontId::proportional(10.5);
            let at = at + egui::vec2(0.0, radius + 2.0);
            self.painter.text(at, Align2::CENTER_TOP, mover.vehicle.as_str(), font, self.colour(theme.text));
        }
    }

    fn heading(&self, rect: Rect, name: &str, plan: &SitePlan) {
        let theme = &self.look.theme;
        let at = rect.min + egui::vec2(122.0, 24.0);
        let name =
            self.painter.text(at, Align2::LEFT_CENTER, name, FontId::proportional(17.0), self.colour(theme.text));
        let (width, height) = (plan.hall.width_m, plan.hall.height_m);
        let about = if plan.generated {
            self.words.pick(
                format!(
                    "{width:.0} × {height:.0} m, plan made from what is known; positions of goods are not measured"
                ),
                format!("{width:.0} × {height:.0} 米，按已知信息生成的示意图，货位并非实测"),
            )
        } else {
            format!("{width:.0} × {height:.0} m")
        };
        let at = name.right_center() + egui::vec2(14.0, 1.0);
        self.painter.text(at, Align2::LEFT_CENTER, about, FontId::proportional(12.0), self.colour(theme.text_faint));
        // A bar of ten metres.
        let from = rect.right_bottom() + egui::vec2(-24.0 - 10.0 * self.view.scale as f32, -16.0);
        let to = rect.right_bottom() + egui::vec2(-24.0, -16.0);
        self.painter.line_segment([from, to], Stroke::new(2.0, self.colour(theme.text)));
        let middle = Pos2::new((from.x + to.x) / 2.0, from.y - 3.0);
        self.painter.text(middle, Align2::CENTER_BOTTOM, "10 m", FontId::proportional(11.0), self.colour(theme.text));
    }

    fn slot_at(&self, plan: &SitePlan, at: Pos2) -> Option<usize> {
        plan.slots.iter().position(|slot| self.rect(&slot.area).contains(at))
    }

    fn slot_tip(&self, known: &Known, plan: &SitePlan, sku: &firmware_schemas::id::SkuId, at: Pos2) {
        let name = facts::sku_name(known, sku, self.words);
        let row = known.stock.get(&plan.site).and_then(|rows| rows.get(sku));
        let text = match row {
            Some(row) => {
                let level = |level: Option<firmware_schemas::quantity::Pieces>| {
                    level.map_or("–".to_owned(), |level| facts::group(level.0))
                };
                let (on_hand, point, target) =
                    (facts::group(row.on_hand.0), level(row.reorder_point), level(row.order_up_to));
                self.words.pick(
                    format!("{name}\n{on_hand} on hand · reorder at {point} · up to {target}"),
                    format!("{name}\n现有 {on_hand} · 再订货点 {point} · 目标 {target}"),
                )
            }
            None => name,
        };
        let theme = &self.look.theme;
        let galley = self.painter.layout(text, FontId::proportional(12.5), self.colour(theme.text), 320.0);
        let rect = Rect::from_min_size(at + egui::vec2(14.0, 12.0), galley.size() + Vec2::splat(10.0));
        self.painter.rect_filled(rect, 4.0, self.colour(theme.panel));
        self.painter.galley(rect.min + Vec2::splat(5.0), galley, Color32::WHITE);
    }
}

/// Whether its temperature is outside its range; `None` where there is none, or no range.
fn out_of_range(device: &DeviceView) -> Option<bool> {
    device.metrics.iter().find_map(|metric| match (&metric.last.as_ref()?.value, metric.min, metric.max) {
        (Value::Float(value), Some(min), Some(max)) if metric.unit == "Cel" => Some(*value < min || *value > max),
        _ => None,
    })
}

fn zone_name(kind: ZoneKind, words: &Words) -> &'static str {
    match kind {
        ZoneKind::Receiving => words.pick("receiving", "收货"),
        ZoneKind::Dry => words.pick("dry goods", "常温"),
        ZoneKind::Chilled => words.pick("chilled", "冷藏"),
        ZoneKind::Frozen => words.pick("frozen", "冷冻"),
        ZoneKind::Shipping => words.pick("shipping", "发货"),
    }
}
