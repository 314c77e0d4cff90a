//! Sites from above, over HTTP.

use crate::id::{DeviceId, SiteId, SkuId};
use crate::network::{PlanPart, PlanPartKind, SitePlanSpec};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

shape! {
    /// A rectangle in metres, `x` to the east and `y` to the north of a corner of the site's choice.
    PlanArea {
        /// West edge.
        x_m: f64,
        /// South edge.
        y_m: f64,
        /// To the east.
        width_m: f64,
        /// To the north.
        height_m: f64,
    }
}
choice! {
    /// What a zone is for.
    PlanZoneKind {
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
}
shape! {
    /// A zone.
    PlanZone {
        /// What it is for.
        kind: PlanZoneKind,
        /// Where.
        area: PlanArea,
        /// The device that measures its air.
        sensor: Option<DeviceId>,
    }
}
shape! {
    /// A place in a rack.
    PlanSlot {
        /// Where.
        area: PlanArea,
        /// What is kept there; `null` where it is free.
        sku: Option<SkuId>,
    }
}
shape! {
    /// A door.
    PlanDock {
        /// Its middle in the wall, metres to the east.
        x_m: f64,
        /// The same to the north.
        y_m: f64,
        /// For goods that come in, else for those that go out.
        inbound: bool,
    }
}
shape! {
    /// A site from above.
    SitePlanView {
        /// Whose.
        site: SiteId,
        /// The hall.
        hall: PlanArea,
        /// Areas of the hall, in the order of the network's file; what comes later lies over what came before.
        zones: Vec<PlanZone>,
        /// Slots of the racks, in the same order.
        slots: Vec<PlanSlot>,
        /// Doors.
        docks: Vec<PlanDock>,
    }
}

impl SitePlanView {
    /// Of what the network says; `None` of a plan without a hall, which no network has.
    pub fn of(spec: &SitePlanSpec) -> Option<Self> {
        let hall = spec.parts.iter().find(|part| part.kind == PlanPartKind::Hall)?;
        let mut view =
            Self { site: spec.site.clone(), hall: area(hall), zones: Vec::new(), slots: Vec::new(), docks: Vec::new() };
        for part in &spec.parts {
            let kind = match part.kind {
                PlanPartKind::Hall => continue,
                PlanPartKind::Receiving => PlanZoneKind::Receiving,
                PlanPartKind::Dry => PlanZoneKind::Dry,
                PlanPartKind::Chilled => PlanZoneKind::Chilled,
                PlanPartKind::Frozen => PlanZoneKind::Frozen,
                PlanPartKind::Shipping => PlanZoneKind::Shipping,
                PlanPartKind::Slot => {
                    view.slots.push(PlanSlot { area: area(part), sku: part.sku.clone() });
                    continue;
                }
                PlanPartKind::DockIn | PlanPartKind::DockOut => {
                    let inbound = part.kind == PlanPartKind::DockIn;
                    view.docks.push(PlanDock { x_m: metres(part.x_mm), y_m: metres(part.y_mm), inbound });
                    continue;
                }
            };
            view.zones.push(PlanZone { kind, area: area(part), sensor: part.sensor.clone() });
        }
        Some(view)
    }
}

fn metres(mm: i32) -> f64 {
    f64::from(mm) / 1e3
}

fn area(part: &PlanPart) -> PlanArea {
    PlanArea {
        x_m: metres(part.x_mm),
        y_m: metres(part.y_mm),
        width_m: metres(part.width_mm),
        height_m: metres(part.height_mm),
    }
}
