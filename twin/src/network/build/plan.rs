//! Sites from above, part by part.

use firmware_schemas::id::SiteId;
use firmware_schemas::network::{PlanPart, PlanPartKind, SitePlanSpec};

use super::super::error::{Cause, Errors, Place, Reported};
use super::{Builder, Check};

/// Parts of one site's plan: a fact holds all of them, and stays far below the limit of a journal record.
pub(in super::super) const PARTS_MAX: usize = 20_000;
/// No hall is longer, and no corner farther off.
const MM_MAX: i32 = 10_000_000;

impl Builder {
    /// Adds a part to the plan of a site; its hall comes first.
    pub(in super::super) fn add_plan_part(
        &mut self,
        site: SiteId,
        part: PlanPart,
        place: Place,
        errors: &mut Errors,
    ) -> Result<(), Reported> {
        let mut check = Check { place, errors, refused: &self.refused, failed: false };
        let at = check.site(&self.index, "site", &site);
        let is_dock = part.kind.is_dock();
        for (field, mm) in [("x_m", part.x_mm), ("y_m", part.y_mm)] {
            if mm.abs() > MM_MAX {
                check.wrong(field, format!("no plan reaches farther than {} m", MM_MAX / 1_000));
            }
        }
        for (field, mm) in [("width_m", part.width_mm), ("height_m", part.height_mm)] {
            if is_dock && mm != 0 {
                check.wrong(field, "of a door only its middle in the wall is given".into());
            } else if !is_dock && !(1..=MM_MAX).contains(&mm) {
                check.wrong(field, format!("must be above 0 and at most {} m", MM_MAX / 1_000));
            }
        }
        match &part.sku {
            Some(_) if part.kind != PlanPartKind::Slot => check.wrong("sku", "only a slot is for a SKU".into()),
            Some(sku) => {
                check.sku(&self.index, "sku", sku);
            }
            None => {}
        }
        match &part.sensor {
            Some(_) if !part.kind.is_zone() => check.wrong("sensor", "only a zone has a sensor".into()),
            Some(sensor) => match self.index.devices.get(sensor).map(|i| &self.parts.devices[*i as usize]) {
                None => check.dangling("sensor", "device", sensor.as_str()),
                Some(device) if device.site != site => {
                    check.wrong("sensor", format!("{sensor:?} reports under {:?}", device.site));
                }
                Some(_) => {}
            },
            None => {}
        }
        check.done()?;
        let Some(at) = at else { return Err(Reported) };
        let known = self.plans.get(&at).map(|plan| *plan as usize);
        let Some(plan) = known.map(|plan| &mut self.parts.plans[plan]) else {
            if part.kind != PlanPartKind::Hall {
                let why = format!("the hall of {site:?} must come before its other parts");
                return Err(errors.field(place, "part", Cause::Contradiction(why)));
            }
            self.plans.insert(at, self.parts.plans.len() as u32); // at most as many as sites
            self.parts.plans.push(SitePlanSpec { site, parts: vec![part] });
            return Ok(());
        };
        let hall = &plan.parts[0];
        let wrong = match part.kind {
            PlanPartKind::Hall => Some(("part", format!("{site:?} has a hall already"))),
            _ if is_dock && !is_in_wall(hall, &part) => Some(("x_m", "a door stands in a wall of the hall".into())),
            _ if !holds(hall, &part) => Some(("x_m", format!("this {} lies outside the hall", part.kind))),
            _ => None,
        };
        if let Some((field, why)) = wrong {
            return Err(errors.field(place, field, Cause::Contradiction(why)));
        }
        if plan.parts.len() >= PARTS_MAX {
            return Err(errors.field(place, "part", Cause::TooMany { max: PARTS_MAX }));
        }
        plan.parts.push(part);
        Ok(())
    }
}

/// Far edges, which fit as every number is at most [`MM_MAX`].
fn far(part: &PlanPart) -> [i32; 2] {
    [part.x_mm + part.width_mm, part.y_mm + part.height_mm]
}

fn holds(hall: &PlanPart, part: &PlanPart) -> bool {
    let ([hall_x, hall_y], [x, y]) = (far(hall), far(part));
    part.x_mm >= hall.x_mm && part.y_mm >= hall.y_mm && x <= hall_x && y <= hall_y
}

fn is_in_wall(hall: &PlanPart, door: &PlanPart) -> bool {
    let [x, y] = far(hall);
    holds(hall, door) && (door.x_mm == hall.x_mm || door.x_mm == x || door.y_mm == hall.y_mm || door.y_mm == y)
}
