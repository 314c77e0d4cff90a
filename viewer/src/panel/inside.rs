//! The inside of a warehouse, from above.

use std::collections::BTreeMap;

use bevy_egui::egui::{self, Align2, Color32, FontId, Pos2, Rect, Stroke, Vec2};
use firmware_schemas::id::{DeviceId, SkuId, VehicleId};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::Value;
use firmware_schemas::view::{DeviceView, Freshness};

use super::{Wish, colour, mix, paint_symbol};
use crate::chart::{Chart, STOCK_EVERY};
use crate::desk::Question;
use crate::palette::{self, Rgba};
use crate::scene::facts;
use crate::scene::hall::{self, Sight, ZoneText};
use crate::scene::labels::{self, Mask, ScreenRect};
use crate::scene::mark::{ItemId, Shape};
use crate::scene::plan::{self, PlanView, RectM, SitePlan, ZoneKind};
use crate::scene::{ChartPoint, Known, Look, ScreenPoint, Words, network};

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
        let known = chart.shown();
        let sight = Sight {
            view,
            middle: [f64::from(rect.center().x), f64::from(rect.center().y)],
            room: ScreenRect {
                left: f64::from(rect.left()),
                top: f64::from(rect.top()) + HEADING_PX,
                right: f64::from(rect.right()),
                bottom: f64::from(rect.bottom()),
            },
        };
        let drawing = Drawing { painter: ui.painter_at(rect), sight, look, words: &chart.words };
        drawing.painter.rect_filled(rect, 0.0, colour(look.of(look.theme.water)));
        let sensors = drawing.sensors(known, &inside.plan, now);
        let racks = hall::racks(&sight, &inside.plan);
        let (mut taken, sensors) = drawing.place_sensors(&inside.plan, &racks, sensors);
        drawing.hall(known, &inside.plan, now);
        drawing.slots(known, &inside.plan, chart.selected.as_ref());
        drawing.paint_sensors(&sensors);
        taken.extend(drawing.zone_names(&inside.plan, &racks, &taken));
        let mut named = drawing.docks(known, &inside.plan, &mut taken);
        named.extend(drawing.movers(known, &inside.plan, now, &mut taken));
        inside.sides = drawing.names(known, &named, &taken, &inside.sides);
        let name = facts::site_name(known, &inside.plan.site, &chart.words);
        drawing.heading(rect, &name, &inside.plan);
        inside.slot = response.hover_pos().and_then(|at| drawing.slot_at(&inside.plan, at));
        let sku = inside.slot.and_then(|slot| inside.plan.slots[slot].sku.clone());
        if let Some(at) = response.hover_pos() {
            if let Some(name) = named.iter().find_map(|named| named.pointed_at(at)) {
                drawing.tip(facts::vehicle_name(known, name), at);
            } else if let Some(sku) = &sku {
                drawing.tip(drawing.slot_facts(known, &inside.plan, sku), at);
            }
        }
        if response.clicked() {
            let sensor = response
                .interact_pointer_pos()
                .and_then(|at| sensors.iter().find(|sensor| sensor.pointed_at(at)))
                .map(|sensor| sensor.device.clone());
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

/// For the name of the warehouse.
const HEADING_PX: f64 = 44.0;

/// A device on a wall and what it says.
struct Sensor {
    device: DeviceId,
    zone: usize,
    shape: Shape,
    tint: Rgba,
    text: String,
    /// It must be read, even where that covers racks.
    grave: bool,
    /// The middle of its symbol.
    at: Pos2,
    /// Its text is shown.
    told: bool,
}

impl Sensor {
    fn pointed_at(&self, at: Pos2) -> bool {
        self.at.distance(at) < 14.0
    }
}

/// A vehicle in the hall or before it.
struct NamedVehicle {
    vehicle: VehicleId,
    /// What it covers.
    body: Rect,
    /// Its name is beside it where there is room. A lorry's is on its roof or nowhere.
    beside: bool,
}

impl NamedVehicle {
    fn pointed_at(&self, at: Pos2) -> Option<&VehicleId> {
        self.body.expand(2.0).contains(at).then_some(&self.vehicle)
    }
}

/// The radius of a sensor's symbol.
const SENSOR_PX: f32 = 6.5;

struct Drawing<'a> {
    painter: egui::Painter,
    sight: Sight,
    look: &'a Look,
    words: &'a Words,
}

impl Drawing<'_> {
    fn at(&self, metres: [f64; 2]) -> Pos2 {
        let [x, y] = self.sight.at(metres);
        Pos2::new(x as f32, y as f32)
    }

    fn rect(&self, area: &RectM) -> Rect {
        to_egui(&self.sight.rect(area))
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

    /// Doors, and the lorries before them.
    fn docks(&self, known: &Known, plan: &SitePlan, taken: &mut Vec<ScreenRect>) -> Vec<NamedVehicle> {
        let theme = &self.look.theme;
        let docked = plan::at_docks(known, plan);
        let mut lorries = Vec::new();
        for (nth, door) in hall::doors(&self.sight, plan).into_iter().enumerate() {
            let plate = to_egui(&door.plate);
            self.painter.rect_filled(plate, 2.0, self.colour(theme.text_faint));
            if let Some(px) = door.letters_px {
                let font = FontId::proportional(px as f32);
                self.painter.text(plate.center(), Align2::CENTER_CENTER, &door.name, font, self.colour(theme.halo));
            }
            taken.push(door.plate);
            let Some((_, vehicle)) = docked.iter().find(|(at, _)| *at == nth) else { continue };
            let body = to_egui(&door.lorry);
            self.painter.rect_filled(body, 2.0, self.colour(palette::OK));
            self.painter.rect_stroke(body, 2.0, Stroke::new(1.0, self.colour(theme.halo)), egui::StrokeKind::Outside);
            let name = facts::vehicle_name(known, vehicle);
            if let Some(px) = hall::roof_letters_px(&door.lorry, &name) {
                self.on_roof(body, name, px as f32);
            }
            taken.push(door.lorry);
            lorries.push(NamedVehicle { vehicle: (*vehicle).clone(), body, beside: false });
        }
        lorries
    }

    /// A name along a lorry, from bottom to top.
    fn on_roof(&self, body: Rect, name: String, letters_px: f32) {
        let galley = self.painter.layout_no_wrap(name, FontId::proportional(letters_px), Color32::PLACEHOLDER);
        let from = body.center() + egui::vec2(-galley.size().y / 2.0, galley.size().x / 2.0);
        let text = egui::epaint::TextShape::new(from, galley, Color32::WHITE);
        self.painter.add(text.with_angle(-std::f32::consts::FRAC_PI_2));
    }

    fn sensors(&self, known: &Known, plan: &SitePlan, now: Timestamp) -> Vec<Sensor> {
        let mut sensors = Vec::new();
        for (nth, zone) in plan.zones.iter().enumerate() {
            let Some(device) = zone.sensor.as_ref().and_then(|id| known.devices.get(id)) else { continue };
            let freshness = known.device_freshness(device, now);
            let (shape, tint) = match (freshness, out_of_range(device)) {
                (Freshness::Stale | Freshness::Lost | Freshness::Never, _) | (_, None) => {
                    (Shape::Square, palette::UNKNOWN)
                }
                (_, Some(true)) => (Shape::Octagon, palette::CRITICAL),
                (_, Some(false)) => (Shape::Circle, palette::OK),
            };
            let reading = device.metrics.iter().find_map(|metric| match &metric.last {
                Some(last) if metric.unit == "Cel" => Some(facts::value(&last.value, &metric.unit, self.words)),
                _ => None,
            });
            let state = if freshness == Freshness::Live {
                String::new()
            } else {
                format!(" · {}", facts::freshness_name(freshness, self.words))
            };
            sensors.push(Sensor {
                device: device.device.clone(),
                zone: nth,
                shape,
                tint,
                text: format!("{}{state}", reading.unwrap_or_else(|| device.device.to_string())),
                grave: shape == Shape::Octagon,
                at: self.rect(&zone.area).right_top() + egui::vec2(-14.0, 13.0),
                told: true,
            });
        }
        sensors
    }

    /// Puts sensors where they cover no rack. Where there is no room for what they say, only their symbols are shown,
    /// unless it is grave.
    fn place_sensors(
        &self,
        plan: &SitePlan,
        racks: &[ScreenRect],
        mut sensors: Vec<Sensor>,
    ) -> (Vec<ScreenRect>, Vec<Sensor>) {
        let symbol = f64::from(SENSOR_PX) * 2.0 + 2.0;
        let place = |sensors: &[Sensor], told: bool| {
            let size = |sensor: &Sensor| {
                let width = if told { labels::text_width_px(&sensor.text, READING_PX) + 8.0 } else { 0.0 };
                [symbol + width, symbol.max(if told { READING_PX * 1.25 + 2.0 } else { 0.0 })]
            };
            let text = |sensor: &Sensor| ZoneText { zone: sensor.zone, size_px: size(sensor), east: true };
            let texts: Vec<ZoneText> = sensors.iter().map(text).collect();
            hall::in_zones(&self.sight, plan, racks, &[], &texts)
        };
        let (with_text, alone) = (place(&sensors, true), place(&sensors, false));
        let mut taken = Vec::new();
        for (sensor, (with_text, alone)) in sensors.iter_mut().zip(with_text.into_iter().zip(alone)) {
            sensor.told = with_text.is_some() || sensor.grave;
            let rect = with_text.or(alone);
            if let Some(rect) = rect {
                let right = to_egui(&rect).right_center();
                sensor.at = right - egui::vec2(SENSOR_PX + 1.0, 0.0);
            }
            taken.extend(rect);
        }
        (taken, sensors)
    }

    fn paint_sensors(&self, sensors: &[Sensor]) {
        let theme = &self.look.theme;
        for sensor in sensors {
            let halo = Stroke::new(1.5, self.colour(theme.halo));
            paint_symbol(&self.painter, sensor.at, sensor.shape, SENSOR_PX, self.colour(sensor.tint), halo);
            if !sensor.told {
                continue;
            }
            let font = FontId::proportional(READING_PX as f32);
            let galley = self.painter.layout_no_wrap(sensor.text.clone(), font, self.colour(theme.text));
            let corner = sensor.at + egui::vec2(-SENSOR_PX - 6.0 - galley.size().x, -galley.size().y / 2.0);
            let plate = Rect::from_min_size(corner, galley.size()).expand2(egui::vec2(3.0, -1.0));
            self.painter.rect_filled(plate, 3.0, self.colour(theme.panel));
            self.painter.galley(corner, galley, Color32::WHITE);
        }
    }

    /// The names of zones, in the greatest letters in which all have room. Where some have none in any, they have no name.
    fn zone_names(&self, plan: &SitePlan, racks: &[ScreenRect], taken: &[ScreenRect]) -> Vec<ScreenRect> {
        let place = |px: f64| {
            let text = |(zone, area): (usize, &plan::ZoneArea)| {
                let name = zone_name(area.kind, self.words);
                ZoneText { zone, size_px: [labels::text_width_px(name, px), px * 1.25], east: false }
            };
            let texts: Vec<ZoneText> = plan.zones.iter().enumerate().map(text).collect();
            hall::in_zones(&self.sight, plan, racks, taken, &texts)
        };
        let sizes = ZONE_PX.map(|px| (px, place(px)));
        let all = sizes.iter().find(|(_, places)| places.iter().all(Option::is_some));
        let Some((px, places)) = all.or(sizes.last()) else { return Vec::new() };
        for (zone, place) in plan.zones.iter().zip(places) {
            let Some(place) = place else { continue };
            let font = FontId::proportional(*px as f32);
            let name = zone_name(zone.kind, self.words);
            let colour = self.colour(self.look.theme.text_faint);
            self.painter.text(to_egui(place).left_center(), Align2::LEFT_CENTER, name, font, colour);
        }
        places.iter().flatten().copied().collect()
    }

    fn movers(&self, known: &Known, plan: &SitePlan, now: Timestamp, taken: &mut Vec<ScreenRect>) -> Vec<NamedVehicle> {
        let theme = &self.look.theme;
        let mut named = Vec::new();
        for mover in plan::movers(known, &plan.site, now) {
            let at = self.at(mover.at_m);
            let radius = (0.9 * self.sight.view.scale as f32).clamp(4.0, 14.0);
            let (fill, stroke) = match mover.freshness {
                Freshness::Live => (self.colour(palette::OK), Stroke::new(1.4, self.colour(theme.halo))),
                _ => (self.colour(theme.hollow), Stroke::new(1.6, self.colour(palette::OK))),
            };
            paint_symbol(&self.painter, at, Shape::Hexagon, radius, fill, stroke);
            let body = Rect::from_center_size(at, Vec2::splat(2.0 * radius));
            taken.push(from_egui(body));
            named.push(NamedVehicle { vehicle: mover.vehicle, body, beside: true });
        }
        named
    }

    /// The names of vehicles, as many as have room; each stays on its side while that is free.
    fn names(
        &self,
        known: &Known,
        named: &[NamedVehicle],
        taken: &[ScreenRect],
        before: &BTreeMap<ItemId, u8>,
    ) -> BTreeMap<ItemId, u8> {
        let wish = |vehicle: &NamedVehicle| {
            let middle = vehicle.body.center();
            labels::Wish {
                item: ItemId::Vehicle(vehicle.vehicle.clone()),
                text: facts::vehicle_name(known, &vehicle.vehicle),
                place: ChartPoint { x: 0.0, y: 0.0 },
                at: ScreenPoint { x: f64::from(middle.x), y: f64::from(middle.y) },
                radius_px: f64::from(vehicle.body.width() / 2.0),
                size_px: 11.0,
                weight: 1,
                over_symbols: true,
            }
        };
        let wishes = named.iter().filter(|vehicle| vehicle.beside).map(wish).collect();
        let nothing = Mask::new(1.0, 1.0, 1.0);
        let (placed, sides) = labels::place(wishes, taken, &nothing, self.sight.room, before);
        let theme = &self.look.theme;
        for label in placed {
            let rect = to_egui(&label.rect);
            let font = FontId::proportional(label.size_px as f32);
            let galley = self.painter.layout_no_wrap(label.text, font, self.colour(theme.text));
            let corner = rect.left_center() - egui::vec2(-1.0, galley.size().y / 2.0);
            let plate = Rect::from_min_size(corner, galley.size()).expand2(egui::vec2(2.0, -1.5));
            self.painter.rect_filled(plate, 3.0, self.colour(theme.halo));
            self.painter.galley(corner, galley, Color32::WHITE);
        }
        sides
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
        let from = rect.right_bottom() + egui::vec2(-24.0 - 10.0 * self.sight.view.scale as f32, -16.0);
        let to = rect.right_bottom() + egui::vec2(-24.0, -16.0);
        self.painter.line_segment([from, to], Stroke::new(2.0, self.colour(theme.text)));
        let middle = Pos2::new((from.x + to.x) / 2.0, from.y - 3.0);
        self.painter.text(middle, Align2::CENTER_BOTTOM, "10 m", FontId::proportional(11.0), self.colour(theme.text));
    }

    fn slot_at(&self, plan: &SitePlan, at: Pos2) -> Option<usize> {
        plan.slots.iter().position(|slot| self.rect(&slot.area).contains(at))
    }

    fn slot_facts(&self, known: &Known, plan: &SitePlan, sku: &SkuId) -> String {
        let name = facts::sku_name(known, sku, self.words);
        let row = known.stock.get(&plan.site).and_then(|rows| rows.get(sku));
        match row {
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
        }
    }

    fn tip(&self, text: String, at: Pos2) {
        let theme = &self.look.theme;
        let galley = self.painter.layout(text, FontId::proportional(12.5), self.colour(theme.text), 320.0);
        let rect = Rect::from_min_size(at + egui::vec2(14.0, 12.0), galley.size() + Vec2::splat(10.0));
        self.painter.rect_filled(rect, 4.0, self.colour(theme.panel));
        self.painter.galley(rect.min + Vec2::splat(5.0), galley, Color32::WHITE);
    }
}

/// The height of the letters of a reading.
const READING_PX: f64 = 13.0;

/// The heights of the letters of a zone's name, the first where it has room.
const ZONE_PX: [f64; 2] = [12.5, 10.5];

fn to_egui(rect: &ScreenRect) -> Rect {
    Rect::from_min_max(Pos2::new(rect.left as f32, rect.top as f32), Pos2::new(rect.right as f32, rect.bottom as f32))
}

fn from_egui(rect: Rect) -> ScreenRect {
    ScreenRect {
        left: f64::from(rect.left()),
        top: f64::from(rect.top()),
        right: f64::from(rect.right()),
        bottom: f64::from(rect.bottom()),
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
