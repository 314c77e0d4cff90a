//! The inside of a warehouse: zones, racks, docks and sensors in metres from its south-west corner.
//!
//! Where nobody gave a plan, one is made from what the twin knows: as many slots as SKUs are kept, a cold zone for each
//! cold room that reports, as many doors as lanes need.

use std::collections::BTreeMap;

use firmware_schemas::id::{DeviceId, SiteId, SkuId, VehicleId};
use firmware_schemas::network::{DeviceKind, TemperatureClass, VehicleKind};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::Value;
use firmware_schemas::view::{Freshness, StockView};
use serde::{Deserialize, Serialize};

use super::Known;

/// A rectangle in metres, `y` to the north.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RectM {
    /// West edge.
    pub x_m: f64,
    /// South edge.
    pub y_m: f64,
    /// To the east.
    pub width_m: f64,
    /// To the north.
    pub height_m: f64,
}

impl RectM {
    /// The middle.
    pub fn middle(&self) -> [f64; 2] {
        [self.x_m + self.width_m / 2.0, self.y_m + self.height_m / 2.0]
    }

    fn holds(&self, other: &Self) -> bool {
        const SLACK_M: f64 = 1e-6;
        other.x_m >= self.x_m - SLACK_M
            && other.y_m >= self.y_m - SLACK_M
            && other.x_m + other.width_m <= self.x_m + self.width_m + SLACK_M
            && other.y_m + other.height_m <= self.y_m + self.height_m + SLACK_M
    }
}

/// What an area is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZoneKind {
    /// Goods come in.
    Receiving,
    /// Racks at the temperature of the hall.
    Dry,
    /// Racks in the cold.
    Chilled,
    /// Racks in the frost.
    Frozen,
    /// Goods go out.
    Shipping,
}

/// An area.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneArea {
    /// What it is for.
    pub kind: ZoneKind,
    /// Where.
    pub area: RectM,
    /// The device that measures its air.
    #[serde(default)]
    pub sensor: Option<DeviceId>,
}

/// A place for one SKU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// Where.
    pub area: RectM,
    /// What is kept there; nothing where it is free.
    #[serde(default)]
    pub sku: Option<SkuId>,
}

/// A door with a lorry's length before it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dock {
    /// Its middle on the wall.
    pub x_m: f64,
    /// The wall that it is in.
    pub y_m: f64,
    /// For goods that come in, else for those that go out.
    pub inbound: bool,
}

/// A site seen from above.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SitePlan {
    /// Whose.
    pub site: SiteId,
    /// The hall.
    pub hall: RectM,
    /// Areas in it.
    pub zones: Vec<ZoneArea>,
    /// Slots of the racks, by rack and place.
    pub slots: Vec<Slot>,
    /// Doors.
    pub docks: Vec<Dock>,
    /// Made up from what the twin knows, rather than measured.
    #[serde(skip)]
    pub generated: bool,
}

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Not a plan.
    #[error("not a site plan: {0}")]
    Json(#[from] serde_json::Error),
    /// Something lies outside the hall.
    #[error("{what} {nth} lies outside the hall")]
    Outside {
        /// `zone` or `slot`.
        what: &'static str,
        /// Which, from 0.
        nth: usize,
    },
    /// The hall has no extent.
    #[error("the hall is {width_m} by {height_m} metres")]
    Empty {
        /// To the east.
        width_m: f64,
        /// To the north.
        height_m: f64,
    },
}

/// A slot is so wide along the rack, and so deep.
const SLOT_M: [f64; 2] = [2.7, 2.2];

/// Slots side by side in a rack.
const SLOTS_PER_RACK: usize = 12;

/// Between two racks.
const AISLE_M: f64 = 3.0;

/// For the name of a zone, at its north edge.
const NAME_M: f64 = 1.5;

/// Before the doors, on either side of the hall.
const APRON_M: f64 = 10.0;

/// Between two doors.
const DOOR_M: f64 = 5.0;

impl SitePlan {
    /// Reads a plan.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        let plan: Self = serde_json::from_str(text)?;
        let RectM { width_m, height_m, .. } = plan.hall;
        if !(width_m > 0.0 && height_m > 0.0) {
            return Err(PlanError::Empty { width_m, height_m });
        }
        if let Some(nth) = plan.zones.iter().position(|zone| !plan.hall.holds(&zone.area)) {
            return Err(PlanError::Outside { what: "zone", nth });
        }
        if let Some(nth) = plan.slots.iter().position(|slot| !plan.hall.holds(&slot.area)) {
            return Err(PlanError::Outside { what: "slot", nth });
        }
        Ok(plan)
    }

    /// A plan from what the twin knows; `None` where the site is not known.
    pub fn generate(known: &Known, site: &SiteId) -> Option<Self> {
        let view = known.sites.get(site)?;
        let mut by_class: BTreeMap<ZoneKind, Vec<SkuId>> = BTreeMap::new();
        match known.stock.get(site) {
            Some(rows) if !rows.is_empty() => {
                for sku in rows.keys() {
                    let class = known.skus.get(sku).map_or(TemperatureClass::Dry, |sku| sku.temperature);
                    by_class.entry(zone_of(class)).or_default().push(sku.clone());
                }
            }
            // Only how many are kept is known: the first SKUs stand for them.
            _ => {
                for sku in known.skus.values().take(view.stock.positions as usize) {
                    by_class.entry(zone_of(sku.temperature)).or_default().push(sku.sku.clone());
                }
            }
        }
        if by_class.is_empty() {
            by_class.insert(ZoneKind::Dry, Vec::new());
        }
        let cold_rooms = known
            .devices
            .values()
            .filter(|device| device.site == *site && device.vehicle.is_none() && device.kind == DeviceKind::ColdRoom);
        let mut sensors: Vec<DeviceId> = cold_rooms.map(|device| device.device.clone()).collect();
        sensors.reverse(); // taken from the end
        let mut plan = Self {
            site: site.clone(),
            hall: RectM { x_m: 0.0, y_m: 0.0, width_m: 0.0, height_m: 0.0 },
            zones: Vec::new(),
            slots: Vec::new(),
            docks: Vec::new(),
            generated: true,
        };
        let top = plan.place_racks(by_class, &mut sensors);
        let width_m = plan.zones.iter().map(|zone| zone.area.x_m + zone.area.width_m).fold(40.0, f64::max);
        plan.hall = RectM { x_m: 0.0, y_m: 0.0, width_m, height_m: top + APRON_M };
        let apron =
            |kind, y_m| ZoneArea { kind, area: RectM { x_m: 0.0, y_m, width_m, height_m: APRON_M }, sensor: None };
        plan.zones.push(apron(ZoneKind::Receiving, 0.0));
        plan.zones.push(apron(ZoneKind::Shipping, top));
        let inbound = known.lanes.values().filter(|lane| lane.to == *site).count();
        let outbound = known.lanes.values().filter(|lane| lane.from == *site).count();
        for (n_lanes, inbound) in [(inbound, true), (outbound, false)] {
            let room = (width_m / DOOR_M) as usize;
            let n_doors = (1 + n_lanes.div_ceil(4)).clamp(2, room.clamp(2, 16));
            for nth in 0..n_doors {
                let x_m = width_m * (nth as f64 + 0.5) / n_doors as f64;
                plan.docks.push(Dock { x_m, y_m: if inbound { 0.0 } else { plan.hall.height_m }, inbound });
            }
        }
        Some(plan)
    }

    /// Zones from west to east, each with racks from south to north. Gives the north edge of the highest.
    fn place_racks(&mut self, by_class: BTreeMap<ZoneKind, Vec<SkuId>>, sensors: &mut Vec<DeviceId>) -> f64 {
        /// Racks on top of each other before another column of them begins.
        const RACKS_PER_COLUMN: usize = 7;
        let column_m = SLOT_M[0] * SLOTS_PER_RACK as f64 + AISLE_M;
        let rows: usize = by_class.values().map(|skus| skus.len().div_ceil(SLOTS_PER_RACK).max(1)).max().unwrap_or(1);
        let n_rows = rows.clamp(3, RACKS_PER_COLUMN);
        let row_m = SLOT_M[1] + AISLE_M;
        let height_m = n_rows as f64 * row_m + AISLE_M + NAME_M;
        let mut x_m = 0.0;
        for (kind, skus) in by_class {
            let n_racks = skus.len().div_ceil(SLOTS_PER_RACK).max(1);
            let n_columns = n_racks.div_ceil(n_rows);
            let width_m = n_columns as f64 * column_m + AISLE_M;
            let sensor = if kind == ZoneKind::Dry { None } else { sensors.pop() };
            self.zones.push(ZoneArea { kind, area: RectM { x_m, y_m: APRON_M, width_m, height_m }, sensor });
            for rack in 0..n_columns * n_rows {
                let (column, row) = (rack / n_rows, rack % n_rows);
                for place in 0..SLOTS_PER_RACK {
                    let sku = skus.get(rack * SLOTS_PER_RACK + place).cloned();
                    let area = RectM {
                        x_m: x_m + AISLE_M + column as f64 * column_m + place as f64 * SLOT_M[0],
                        y_m: APRON_M + AISLE_M + row as f64 * row_m,
                        width_m: SLOT_M[0],
                        height_m: SLOT_M[1],
                    };
                    self.slots.push(Slot { area, sku });
                }
            }
            x_m += width_m;
        }
        APRON_M + height_m
    }
}

fn zone_of(class: TemperatureClass) -> ZoneKind {
    match class.as_str() {
        "frozen" => ZoneKind::Frozen,
        "chilled" => ZoneKind::Chilled,
        _ => ZoneKind::Dry,
    }
}

/// How full a slot is: pieces against the target, 1 and more is full. `None` where nobody knows.
pub fn fill(known: &Known, site: &SiteId, sku: &SkuId) -> Option<f64> {
    let row = known.stock.get(site)?.get(sku)?;
    let target = row.order_up_to.or(row.reorder_point).map_or(0, |target| target.0);
    let full = if target > 0 { target } else { row.on_hand.0.max(1) };
    Some((row.on_hand.0.max(0) as f64 / full as f64).min(1.5))
}

/// Whether what is there, is coming and is ordered is at or under the reorder point.
pub fn runs_low(row: &StockView) -> bool {
    let position = row.available.0.saturating_add(row.in_transit.0).saturating_add(row.on_order.0);
    row.reorder_point.is_some_and(|point| position <= point.0)
}

/// A vehicle in the hall.
#[derive(Clone, Debug, PartialEq)]
pub struct Mover {
    /// Which.
    pub vehicle: VehicleId,
    /// Where, in metres, by its own telemetry.
    pub at_m: [f64; 2],
    /// How fresh that is.
    pub freshness: Freshness,
}

/// The AGVs of a site whose devices report where they are in the hall, as metrics `x` and `y` (or `position.x` and
/// `position.y`) in metres.
pub fn movers(known: &Known, site: &SiteId, now: Timestamp) -> Vec<Mover> {
    let mut movers = Vec::new();
    for device in known.devices.values().filter(|device| device.site == *site) {
        let Some(vehicle) = &device.vehicle else { continue };
        if known.vehicles.get(vehicle).is_none_or(|vehicle| vehicle.kind != VehicleKind::Agv) {
            continue;
        }
        let metric = |names: [&str; 2]| {
            let found = device.metrics.iter().find(|metric| names.contains(&metric.metric.as_str()))?;
            match &found.last.as_ref()?.value {
                Value::Float(value) => Some(*value),
                Value::Integer(value) => Some(*value as f64),
                _ => None,
            }
        };
        if let (Some(x), Some(y)) = (metric(["x", "position.x"]), metric(["y", "position.y"])) {
            let freshness = known.device_freshness(device, now);
            movers.push(Mover { vehicle: vehicle.clone(), at_m: [x, y], freshness });
        }
    }
    movers
}

/// The vehicles at the doors: those that stand at the site and are no AGVs, on the outbound doors first where they are
/// at home here, else on the inbound ones.
pub fn at_docks<'a>(known: &'a Known, plan: &SitePlan) -> Vec<(usize, &'a VehicleId)> {
    let mut free: [Vec<usize>; 2] = [Vec::new(), Vec::new()];
    for (nth, dock) in plan.docks.iter().enumerate().rev() {
        free[usize::from(dock.inbound)].push(nth);
    }
    let mut docked = Vec::new();
    for vehicle in known.vehicles.values() {
        if vehicle.site.as_ref() != Some(&plan.site) || vehicle.kind == VehicleKind::Agv {
            continue;
        }
        let inbound = usize::from(vehicle.home != plan.site);
        if let Some(dock) = free[inbound].pop().or_else(|| free[1 - inbound].pop()) {
            docked.push((dock, &vehicle.vehicle));
        }
    }
    docked
}

/// What part of a plan the window shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlanView {
    /// Metres in the middle of the window.
    pub centre: [f64; 2],
    /// Logical pixels to a metre.
    pub scale: f64,
}

impl PlanView {
    /// All of a hall, and the lorries before it, in a window of this size.
    pub fn fit(plan: &SitePlan, width: f64, height: f64) -> Self {
        /// A lorry before its door.
        const BEFORE_DOORS_M: f64 = 17.0;
        let [x, y] = plan.hall.middle();
        let scale = (width / (plan.hall.width_m + 10.0)).min(height / (plan.hall.height_m + 2.0 * BEFORE_DOORS_M));
        Self { centre: [x, y], scale: scale.max(0.1) }
    }

    /// From metres to pixels from the middle of the window, `y` down.
    pub fn to_px(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [(x - self.centre[0]) * self.scale, (self.centre[1] - y) * self.scale]
    }

    /// Moves with the pointer.
    pub fn pan(&mut self, dx: f64, dy: f64) {
        self.centre[0] -= dx / self.scale;
        self.centre[1] += dy / self.scale;
    }

    /// Zooms and keeps what is so many pixels from the middle there.
    pub fn zoom(&mut self, factor: f64, [x, y]: [f64; 2]) {
        let scale = (self.scale * factor).clamp(0.5, 200.0);
        self.centre[0] += x / self.scale - x / scale;
        self.centre[1] -= y / self.scale - y / scale;
        self.scale = scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::known::testing;
    use firmware_schemas::network::SiteKind;
    use proptest::prelude::*;

    fn overlap(a: &RectM, b: &RectM) -> bool {
        a.x_m < b.x_m + b.width_m - 1e-6
            && b.x_m < a.x_m + a.width_m - 1e-6
            && a.y_m < b.y_m + b.height_m - 1e-6
            && b.y_m < a.y_m + a.height_m - 1e-6
    }

    fn plan(n_skus: usize) -> SitePlan {
        let mut snapshot = testing::snapshot(vec![testing::site("WH", SiteKind::RegionalWarehouse, 50.0, 7.0)]);
        snapshot.sites[0].stock.positions = n_skus as u32;
        snapshot.skus = (0..n_skus).map(testing::sku).collect();
        let mut known = Known::default();
        known.take_snapshot(snapshot);
        SitePlan::generate(&known, &SiteId::new("WH").unwrap()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn a_generated_plan_has_a_slot_for_each_sku_and_nothing_overlaps(n_skus in 0usize..400) {
            let plan = plan(n_skus);
            let kept: std::collections::BTreeSet<_> = plan.slots.iter().filter_map(|slot| slot.sku.as_ref()).collect();
            prop_assert_eq!(kept.len(), n_skus);
            for (nth, slot) in plan.slots.iter().enumerate() {
                prop_assert!(plan.hall.holds(&slot.area), "{:?}", slot);
                prop_assert!(plan.slots[..nth].iter().all(|other| !overlap(&slot.area, &other.area)));
            }
            for (nth, zone) in plan.zones.iter().enumerate() {
                prop_assert!(plan.hall.holds(&zone.area));
                prop_assert!(plan.zones[..nth].iter().all(|other| !overlap(&zone.area, &other.area)));
            }
            let text = serde_json::to_string(&plan).unwrap();
            prop_assert!(SitePlan::from_json(&text).is_ok());
        }

        #[test]
        fn zooming_keeps_what_is_under_the_pointer(x in -300.0..300.0_f64, y in -200.0..200.0_f64, factor in 0.5..2.0_f64) {
            let mut view = PlanView::fit(&plan(60), 1_000.0, 700.0);
            let under = [view.centre[0] + x / view.scale, view.centre[1] - y / view.scale];
            view.zoom(factor, [x, y]);
            let [after_x, after_y] = view.to_px(under);
            prop_assert!((after_x - x).abs() < 1e-6 && (after_y - y).abs() < 1e-6);
        }
    }

    #[test]
    fn what_lies_outside_the_hall_is_refused() {
        let mut plan = plan(5);
        plan.slots[2].area.x_m = 9_000.0;
        let refused = SitePlan::from_json(&serde_json::to_string(&plan).unwrap()).unwrap_err();
        assert_eq!(refused.to_string(), "slot 2 lies outside the hall");
        assert!(SitePlan::from_json("{}").is_err());
    }
}
