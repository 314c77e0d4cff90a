//! Where the names inside a warehouse stand: beside the racks and the doors, never over them.
//!
//! Everything here is in pixels of the window, `y` down.

use super::labels::{ScreenRect, text_width_px};
use super::plan::{PlanView, RectM, SitePlan};

/// A plan as a window shows it.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// Which part of the plan.
    pub view: PlanView,
    /// The middle of the room for it, in pixels of the window.
    pub middle: [f64; 2],
    /// What of the window there is for it.
    pub room: ScreenRect,
}

impl Sight {
    /// Where a point of the plan, in metres, is.
    pub fn at(&self, metres: [f64; 2]) -> [f64; 2] {
        let [x, y] = self.view.to_px(metres);
        [self.middle[0] + x, self.middle[1] + y]
    }

    /// Where an area of the plan is.
    pub fn rect(&self, area: &RectM) -> ScreenRect {
        let [left, bottom] = self.at([area.x_m, area.y_m]);
        let [right, top] = self.at([area.x_m + area.width_m, area.y_m + area.height_m]);
        ScreenRect { left, top, right, bottom }
    }
}

/// Between a name and what it stands beside.
const GAP_PX: f64 = 3.0;

/// Between a name and the rim of its zone.
const MARGIN_PX: f64 = 7.0;

/// It may come so near to the rim where there is little room.
const RIM_PX: f64 = 3.0;

/// Slots that touch in a row or a column, as one rectangle each: the racks.
pub fn racks(sight: &Sight, plan: &SitePlan) -> Vec<ScreenRect> {
    /// Slots so near to each other are one rack, in metres.
    const TOUCHING_M: f64 = 0.2;
    let same = |a: f64, b: f64| (a - b).abs() < TOUCHING_M;
    let mut racks: Vec<RectM> = Vec::new();
    for slot in &plan.slots {
        let area = slot.area;
        match racks.last_mut() {
            Some(rack)
                if same(rack.y_m, area.y_m)
                    && same(rack.height_m, area.height_m)
                    && same(rack.x_m + rack.width_m, area.x_m) =>
            {
                rack.width_m = area.x_m + area.width_m - rack.x_m;
            }
            Some(rack)
                if same(rack.x_m, area.x_m)
                    && same(rack.width_m, area.width_m)
                    && same(rack.y_m + rack.height_m, area.y_m) =>
            {
                rack.height_m = area.y_m + area.height_m - rack.y_m;
            }
            _ => racks.push(area),
        }
    }
    racks.iter().map(|rack| sight.rect(rack)).collect()
}

/// A text to be put into a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneText {
    /// Which zone of the plan.
    pub zone: usize,
    /// Its width and height in pixels.
    pub size_px: [f64; 2],
    /// At the east edge, else at the west edge.
    pub east: bool,
}

/// Where texts stand that belong to zones: all at the north edges if that suits as many as the south edges do, where
/// neither is free between racks, and `None` where nothing is. An earlier one goes before a later one.
pub fn in_zones(
    sight: &Sight,
    plan: &SitePlan,
    racks: &[ScreenRect],
    taken: &[ScreenRect],
    texts: &[ZoneText],
) -> Vec<Option<ScreenRect>> {
    let n_at_edge = |north: bool| {
        let fits = |text: &&ZoneText| {
            let rect = plan.zones.get(text.zone).map(|zone| sight.rect(&zone.area));
            rect.and_then(|zone| at_edge(&zone, text, north)).is_some_and(|rect| is_free(&rect, racks))
        };
        texts.iter().filter(fits).count()
    };
    let north = n_at_edge(true) >= n_at_edge(false);
    let mut taken = taken.to_vec();
    let mut places = Vec::with_capacity(texts.len());
    for text in texts {
        let zone = plan.zones.get(text.zone).map(|zone| seen(&sight.rect(&zone.area), &sight.room));
        let place = zone.and_then(|zone| {
            let in_zone: Vec<ScreenRect> =
                racks.iter().chain(&taken).filter(|it| it.overlaps(&zone)).copied().collect();
            free_place(&zone, text, north, &in_zone)
        });
        taken.extend(place);
        places.push(place);
    }
    places
}

/// What of a zone lies in the window: its name stays there while the plan is moved.
fn seen(zone: &ScreenRect, room: &ScreenRect) -> ScreenRect {
    ScreenRect {
        left: zone.left.max(room.left),
        top: zone.top.max(room.top),
        right: zone.right.min(room.right),
        bottom: zone.bottom.min(room.bottom),
    }
}

fn at_edge(zone: &ScreenRect, text: &ZoneText, north: bool) -> Option<ScreenRect> {
    let top = if north { zone.top + MARGIN_PX } else { zone.bottom - MARGIN_PX - text.size_px[1] };
    at_height(zone, text, text.east, top)
}

/// The place at one side of the zone whose upper edge is at `top`; `None` where it would not lie in the zone.
fn at_height(zone: &ScreenRect, text: &ZoneText, east: bool, top: f64) -> Option<ScreenRect> {
    let [width, height] = text.size_px;
    let left = if east { zone.right - MARGIN_PX - width } else { zone.left + MARGIN_PX };
    let rect = ScreenRect { left, top, right: left + width, bottom: top + height };
    let inside = rect.left >= zone.left + RIM_PX
        && rect.right <= zone.right - RIM_PX
        && rect.top >= zone.top + RIM_PX
        && rect.bottom <= zone.bottom - RIM_PX;
    inside.then_some(rect)
}

/// The free place that is nearest to the wanted edge, on the wanted side if there is one.
fn free_place(zone: &ScreenRect, text: &ZoneText, north: bool, taken: &[ScreenRect]) -> Option<ScreenRect> {
    let height = text.size_px[1];
    let (first, last) = (zone.top + MARGIN_PX, zone.bottom - MARGIN_PX - height);
    let mut tops = vec![first, last, zone.top + RIM_PX, zone.bottom - RIM_PX - height];
    for it in taken {
        tops.extend([it.bottom + GAP_PX, it.top - GAP_PX - height]);
    }
    let wanted = if north { first } else { last };
    tops.sort_by(|a, b| (a - wanted).abs().total_cmp(&(b - wanted).abs()).then(a.total_cmp(b)));
    tops.dedup();
    [text.east, !text.east].into_iter().find_map(|east| {
        let places = tops.iter().filter_map(|top| at_height(zone, text, east, *top));
        places.into_iter().find(|rect| is_free(rect, taken))
    })
}

fn is_free(rect: &ScreenRect, taken: &[ScreenRect]) -> bool {
    taken.iter().all(|other| !rect.overlaps(other))
}

/// A door on the wall.
#[derive(Clone, Debug, PartialEq)]
pub struct Door {
    /// Its plate, outside of the hall.
    pub plate: ScreenRect,
    /// `I` or `O` and its number.
    pub name: String,
    /// The height of the letters; `None` where the doors are too near to each other for names.
    pub letters_px: Option<f64>,
    /// Where a lorry stands before it.
    pub lorry: ScreenRect,
}

/// How wide a door is.
const DOOR_M: f64 = 3.2;

/// How wide and long a lorry is.
const LORRY_M: [f64; 2] = [2.6, 13.5];

/// The doors, by their order in the plan. Either all of a wall have names or none.
pub fn doors(sight: &Sight, plan: &SitePlan) -> Vec<Door> {
    let scale = sight.view.scale;
    let mut numbers = [0; 2];
    let names: Vec<String> = plan
        .docks
        .iter()
        .map(|dock| {
            let number = &mut numbers[usize::from(dock.inbound)];
            *number += 1;
            format!("{}{number}", if dock.inbound { "I" } else { "O" })
        })
        .collect();
    let letters = [false, true].map(|inbound| {
        let mut along: Vec<f64> =
            plan.docks.iter().filter(|dock| dock.inbound == inbound).map(|dock| dock.x_m * scale).collect();
        along.sort_by(f64::total_cmp);
        let room = along.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min) - 2.0;
        let ours = names.iter().zip(&plan.docks).filter(|(_, dock)| dock.inbound == inbound);
        let widest = |px: f64| ours.clone().map(|(name, _)| text_width_px(name, px) + 3.0).fold(0.0, f64::max);
        let letters_px = [11.0, 9.5].into_iter().find(|px| widest(*px) <= room);
        (letters_px, letters_px.map_or(0.0, widest), room)
    });
    let door = |(dock, name): (&super::plan::Dock, String)| {
        let (letters_px, widest, room) = letters[usize::from(dock.inbound)];
        let width = (DOOR_M * scale).max(widest).min(room.max(2.0));
        let height = letters_px.map_or((scale * 1.0).clamp(3.0, 8.0), |px| px + 4.0);
        let [x, y] = sight.at([dock.x_m, dock.y_m]);
        let [half, long] = [LORRY_M[0] * scale / 2.0, LORRY_M[1] * scale];
        // The wall is three pixels wide, and outside of the hall.
        let (plate, lorry) = if dock.inbound {
            ((y, y + height), (y + height, y + height + long))
        } else {
            ((y - height, y), (y - height - long, y - height))
        };
        Door {
            plate: ScreenRect { left: x - width / 2.0, top: plate.0, right: x + width / 2.0, bottom: plate.1 },
            name,
            letters_px,
            lorry: ScreenRect { left: x - half, top: lorry.0, right: x + half, bottom: lorry.1 },
        }
    };
    plan.docks.iter().zip(names).map(door).collect()
}

/// The height of letters with which a name fits along a lorry's roof; `None` where it does not.
pub fn roof_letters_px(lorry: &ScreenRect, name: &str) -> Option<f64> {
    let (width, length) = (lorry.right - lorry.left, lorry.bottom - lorry.top);
    let fits = |px: &f64| px * 1.15 <= width && text_width_px(name, *px) + 6.0 <= length;
    [12.0, 10.5, 9.0].into_iter().find(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::plan::{Dock, Slot, ZoneArea, ZoneKind};
    use firmware_schemas::id::SiteId;
    use proptest::prelude::*;

    fn rect_m(x_m: f64, y_m: f64, width_m: f64, height_m: f64) -> RectM {
        RectM { x_m, y_m, width_m, height_m }
    }

    /// A hall with one zone whose racks begin `above_m` under its north edge and end `below_m` over its south edge.
    fn plan(above_m: f64, below_m: f64) -> SitePlan {
        let zone = rect_m(0.0, 0.0, 40.0, 30.0);
        let mut slots = Vec::new();
        let mut y_m = 30.0 - above_m - 2.0;
        while y_m >= below_m {
            slots
                .extend((0..12).map(|nth| Slot { area: rect_m(2.0 + 3.0 * f64::from(nth), y_m, 3.0, 2.0), sku: None }));
            y_m -= 4.0;
        }
        SitePlan {
            site: SiteId::new("WH").unwrap(),
            hall: zone,
            zones: vec![ZoneArea { kind: ZoneKind::Dry, area: zone, sensor: None }],
            slots,
            docks: (0..5).map(|nth| Dock { x_m: 4.0 + 8.0 * f64::from(nth), y_m: 30.0, inbound: false }).collect(),
            generated: false,
        }
    }

    fn sight(plan: &SitePlan, width: f64, height: f64) -> Sight {
        let room = ScreenRect { left: 0.0, top: 0.0, right: width, bottom: height };
        Sight { view: PlanView::fit(plan, width, height), middle: [width / 2.0, height / 2.0], room }
    }

    fn name(width: f64, east: bool) -> ZoneText {
        ZoneText { zone: 0, size_px: [width, 15.0], east }
    }

    /// Whether the first name of a zone lies in the north half of it.
    #[track_caller]
    fn check_north(above_m: f64, below_m: f64, expected: Option<bool>) {
        let plan = plan(above_m, below_m);
        let sight = sight(&plan, 800.0, 700.0);
        let racks = racks(&sight, &plan);
        let place = in_zones(&sight, &plan, &racks, &[], &[name(60.0, false)])[0];
        let middle = sight.at([20.0, 15.0])[1];
        assert_eq!(
            place.map(|place| place.bottom < middle),
            expected,
            "{above_m} m above, {below_m} m below: {place:?}"
        );
    }

    #[test]
    fn a_name_stands_at_the_edge_that_is_free() {
        check_north(4.0, 4.0, Some(true));
        check_north(4.0, 0.0, Some(true));
        check_north(0.0, 4.0, Some(false));
    }

    #[test]
    fn slots_side_by_side_are_one_rack() {
        let plan = plan(2.0, 2.0);
        let racks = racks(&sight(&plan, 800.0, 600.0), &plan);
        assert_eq!(racks.len() * 12, plan.slots.len());
    }

    proptest! {
        #[test]
        fn no_name_lies_over_a_rack_a_zone_s_rim_or_another_name(
            above_m in 0.0..5.0_f64, below_m in 0.0..5.0_f64, width in 300.0..2_000.0_f64, height in 200.0..1_400.0_f64,
            widths in prop::collection::vec(10.0..120.0_f64, 1..4), zoom in 0.5..3.0_f64,
        ) {
            let plan = plan(above_m, below_m);
            let mut sight = sight(&plan, width, height);
            sight.view.zoom(zoom, [30.0, -20.0]);
            let racks = racks(&sight, &plan);
            let texts: Vec<ZoneText> =
                widths.iter().enumerate().map(|(nth, width)| name(*width, nth % 2 == 1)).collect();
            let places = in_zones(&sight, &plan, &racks, &[], &texts);
            let zone = seen(&sight.rect(&plan.zones[0].area), &sight.room);
            for (nth, place) in places.iter().enumerate() {
                let Some(place) = place else { continue };
                prop_assert!(is_free(place, &racks), "{place:?}");
                prop_assert!(zone.contains(place), "{place:?} in {zone:?}");
                prop_assert!(places[..nth].iter().flatten().all(|other| !other.overlaps(place)), "{places:?}");
            }
        }

        #[test]
        fn no_door_s_plate_lies_over_another_or_in_the_hall(width in 60.0..2_000.0_f64, height in 60.0..1_400.0_f64) {
            let plan = plan(2.0, 2.0);
            let sight = sight(&plan, width, height);
            let hall = sight.rect(&plan.hall);
            let doors = doors(&sight, &plan);
            for (nth, door) in doors.iter().enumerate() {
                prop_assert!(!door.plate.overlaps(&hall) && !door.lorry.overlaps(&door.plate));
                prop_assert!(doors[..nth].iter().all(|other| !other.plate.overlaps(&door.plate)), "{door:?}");
            }
        }
    }
}
