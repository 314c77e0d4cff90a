//! Names on the chart: the weighty ones first, none over another, and those shown before stay where they can.

use std::collections::{BTreeMap, BTreeSet};

use firmware_schemas::network::VehicleKind;
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::Freshness;

use super::chart::{ScreenPoint, View};
use super::fleet::Fleet;
use super::mark::ItemId;
use super::network::{SiteStatus, is_doorstep, rank};
use super::sites::Sites;
use super::{Detail, Known, Words};
use crate::land::City;

/// A rectangle of the window, in logical pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScreenRect {
    /// Least `x`.
    pub left: f64,
    /// Least `y`.
    pub top: f64,
    /// Greatest `x`.
    pub right: f64,
    /// Greatest `y`.
    pub bottom: f64,
}

impl ScreenRect {
    /// The square around a circle.
    pub fn around(centre: ScreenPoint, radius: f64) -> Self {
        Self { left: centre.x - radius, top: centre.y - radius, right: centre.x + radius, bottom: centre.y + radius }
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    fn contains(&self, other: &Self) -> bool {
        self.left <= other.left && self.top <= other.top && self.right >= other.right && self.bottom >= other.bottom
    }
}

/// A name that would like to be on the chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// Whose.
    pub item: ItemId,
    /// The text.
    pub text: String,
    /// The middle of its symbol.
    pub at: ScreenPoint,
    /// The radius of its symbol.
    pub radius_px: f64,
    /// The height of its letters.
    pub size_px: f64,
    /// The greater goes first.
    pub weight: u32,
    /// It matters more than the symbols that it may cover.
    pub over_symbols: bool,
}

/// A name on the chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Whose.
    pub item: ItemId,
    /// The text.
    pub text: String,
    /// Where it is.
    pub rect: ScreenRect,
    /// The height of its letters.
    pub size_px: f64,
    /// It matters more than others and is drawn in the stronger colour.
    pub strong: bool,
}

/// Never more labels than these, however large the window.
pub const LABELS_MAX: usize = 300;

/// About so much of the window for each label.
const AREA_PER_LABEL_PX: f64 = 12_000.0;

/// From this zoom on, in pixels to a degree, customers and shops have names.
const DOORSTEP_SCALE_MIN: f64 = 60.0;

/// From this zoom on, in pixels to a degree, vehicles of a kind have names.
fn vehicle_scale_min(kind: VehicleKind) -> f64 {
    match kind {
        VehicleKind::Ship | VehicleKind::Aircraft => 0.0,
        VehicleKind::Train | VehicleKind::Barge => 20.0,
        VehicleKind::Truck => 70.0,
        VehicleKind::Van => 150.0,
        VehicleKind::Agv => 2_000.0,
    }
}

/// What the names are taken from.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    /// Names and freshness.
    pub known: &'a Known,
    /// Which sites stand for themselves, and how they are.
    pub sites: &'a Sites,
    /// Where vehicles are drawn.
    pub fleet: &'a Fleet,
    /// The moment that is shown.
    pub now: Timestamp,
    /// In which language.
    pub words: &'a Words,
}

/// The names that would like to be on the chart, cities left aside.
pub fn wishes(named: &Named<'_>, view: &View, selected: Option<&ItemId>) -> Vec<Wish> {
    let Named { known, sites, fleet, now, words } = *named;
    let mut wishes = Vec::new();
    let detail = Detail::of(view.scale);
    let seen = |at: ScreenPoint| at.x >= 0.0 && at.y >= 0.0 && at.x <= view.width && at.y <= view.height;
    for spot in sites.spots() {
        let at = view.to_screen(spot.at);
        if !seen(at) {
            continue;
        }
        let chosen = matches!(selected, Some(ItemId::Site(id)) if id == spot.id);
        if is_doorstep(spot.kind) && view.scale < DOORSTEP_SCALE_MIN && !chosen {
            continue;
        }
        let Some(site) = known.sites.get(spot.id) else { continue };
        let alert = match spot.status {
            SiteStatus::Alert(severity) => 1 + severity as u32,
            _ => 0,
        };
        let weight = if chosen { 10_000 } else { 100 * u32::from(rank(spot.kind)) + 30 * alert };
        let radius_px = super::network::radius_px(spot.kind, detail);
        let size_px = if rank(spot.kind) >= 5 { 14.0 } else { 12.0 };
        let over_symbols = chosen || rank(spot.kind) >= 5;
        let text = words.name(&site.name, site.name_zh.as_deref()).to_owned();
        let item = ItemId::Site(spot.id.clone());
        wishes.push(Wish { item, text, at, radius_px, size_px, weight, over_symbols });
    }
    for spot in fleet.spots(now) {
        let chosen = matches!(selected, Some(ItemId::Vehicle(id)) if id == spot.id);
        if view.scale < vehicle_scale_min(spot.kind) && !chosen {
            continue;
        }
        let at = view.to_screen(spot.at);
        if !seen(at) {
            continue;
        }
        let Some(vehicle) = known.vehicles.get(spot.id) else { continue };
        let radius_px = super::fleet::radius_px(spot.kind, detail);
        let worry = u32::from(matches!(spot.freshness, Freshness::Stale | Freshness::Lost));
        // Ships are few and far from other names; trucks wait for a closer look.
        let weight = if chosen { 10_000 } else { 150 + radius_px as u32 * 10 + 120 * worry };
        let text = match (spot.freshness, vehicle.at) {
            (Freshness::Live | Freshness::Never, _) | (_, None) => vehicle.name.clone(),
            (_, Some(heard_at)) => format!("{} · {}", vehicle.name, words.span(now.since(heard_at))),
        };
        let item = ItemId::Vehicle(spot.id.clone());
        wishes.push(Wish { item, text, at, radius_px, size_px: 11.0, weight, over_symbols: chosen });
    }
    wishes
}

/// The names of cities, which give way to all others.
pub fn city_wishes(cities: &[City], sites: &Sites, view: &View) -> Vec<Wish> {
    /// A city so near to a site is left out: its dot would lie on the symbol.
    const NEAR_PX: f64 = 12.0;
    let rank_max = city_rank_max(view.scale);
    let cell = |at: ScreenPoint| ((at.x / NEAR_PX).floor() as i64, (at.y / NEAR_PX).floor() as i64);
    let taken: BTreeSet<(i64, i64)> = sites.spots().map(|spot| cell(view.to_screen(spot.at))).collect();
    let mut wishes = Vec::new();
    for (nth, city) in cities.iter().enumerate().take_while(|(_, city)| city.rank <= rank_max) {
        let at = view.to_screen(city.at);
        if at.x < 0.0 || at.y < 0.0 || at.x > view.width || at.y > view.height {
            continue;
        }
        let (x, y) = cell(at);
        if (-1..=1).any(|dx| (-1..=1).any(|dy| taken.contains(&(x + dx, y + dy)))) {
            continue;
        }
        wishes.push(Wish {
            item: ItemId::City(nth as u32), // there are two thousand
            text: city.name.clone(),
            at,
            radius_px: 2.0,
            size_px: 11.0,
            weight: 40 - u32::from(city.rank) * 4,
            over_symbols: false,
        });
    }
    wishes
}

/// Up to which rank cities are shown at a zoom: the smaller the number, the greater the city.
pub fn city_rank_max(scale: f64) -> u8 {
    match scale {
        scale if scale < 6.0 => 0,
        scale if scale < 11.0 => 1,
        scale if scale < 20.0 => 2,
        scale if scale < 35.0 => 3,
        scale if scale < 70.0 => 4,
        scale if scale < 120.0 => 5,
        _ => 10,
    }
}

/// Places as many names as fit. No name covers a panel, and only weighty names cover symbols.
pub fn place(
    mut wishes: Vec<Wish>,
    panels: &[ScreenRect],
    symbols: &[ScreenRect],
    window: ScreenRect,
    before: &BTreeMap<ItemId, u8>,
) -> (Vec<Label>, BTreeMap<ItemId, u8>) {
    wishes.retain(|wish| window.contains(&ScreenRect::around(wish.at, 0.0)));
    // A name that was there before wins against its equals, so that names do not flicker while the chart moves.
    wishes.sort_by_key(|wish| {
        let kept = 20 * u32::from(before.contains_key(&wish.item));
        (std::cmp::Reverse(wish.weight + kept), wish.item.clone())
    });
    let area = (window.right - window.left) * (window.bottom - window.top);
    let n_labels_max = ((area / AREA_PER_LABEL_PX) as usize).clamp(8, LABELS_MAX);
    let mut taken = Grid::new(window, panels);
    let symbols = Grid::new(window, symbols);
    let mut labels = Vec::new();
    let mut sides = BTreeMap::new();
    for wish in wishes {
        if labels.len() >= n_labels_max {
            break;
        }
        let (width, height) = (text_width_px(&wish.text, wish.size_px), wish.size_px * 1.25);
        let first = before.get(&wish.item).copied().unwrap_or(0);
        let free = (0..4).map(|turn| (first + turn) % 4).find_map(|side| {
            let rect = beside(&wish, side, width, height);
            let free = taken.is_free(&rect) && (wish.over_symbols || symbols.is_free(&rect));
            (window.contains(&rect) && free).then_some((side, rect))
        });
        if let Some((side, rect)) = free {
            taken.take(rect);
            sides.insert(wish.item.clone(), side);
            let strong = wish.size_px > 12.0 || wish.weight >= 10_000;
            labels.push(Label { item: wish.item, text: wish.text, rect, size_px: wish.size_px, strong });
        }
    }
    (labels, sides)
}

/// Right of its symbol, left, above, below.
fn beside(wish: &Wish, side: u8, width: f64, height: f64) -> ScreenRect {
    let gap = wish.radius_px + 3.0;
    let (left, top) = match side {
        0 => (wish.at.x + gap, wish.at.y - height / 2.0),
        1 => (wish.at.x - gap - width, wish.at.y - height / 2.0),
        2 => (wish.at.x - width / 2.0, wish.at.y - gap - height),
        _ => (wish.at.x - width / 2.0, wish.at.y + gap),
    };
    ScreenRect { left, top, right: left + width, bottom: top + height }
}

/// About how wide a text is in Noto Sans: a little too wide rather than too narrow.
pub fn text_width_px(text: &str, size_px: f64) -> f64 {
    let ems: f64 = text
        .chars()
        .map(|letter| match letter {
            'i' | 'j' | 'l' | 'I' | '.' | ',' | '\'' | '|' | ' ' | '·' => 0.31,
            'm' | 'w' | 'M' | 'W' => 0.9,
            'A'..='Z' => 0.67,
            '\u{2e80}'..='\u{ffef}' => 1.0,
            _ => 0.56,
        })
        .sum();
    ems * size_px + 2.0
}

/// What of the window is taken, looked up by cells.
struct Grid {
    window: ScreenRect,
    n_columns: usize,
    cells: Vec<Vec<ScreenRect>>,
}

const CELL_PX: f64 = 64.0;

impl Grid {
    fn new(window: ScreenRect, obstacles: &[ScreenRect]) -> Self {
        let n_columns = ((window.right - window.left) / CELL_PX).ceil().max(1.0) as usize;
        let n_rows = ((window.bottom - window.top) / CELL_PX).ceil().max(1.0) as usize;
        let mut grid = Self { window, n_columns, cells: vec![Vec::new(); n_columns * n_rows] };
        for obstacle in obstacles {
            grid.take(*obstacle);
        }
        grid
    }

    fn take(&mut self, rect: ScreenRect) {
        let touched: BTreeSet<usize> = self.touched(&rect).collect();
        for cell in touched {
            self.cells[cell].push(rect);
        }
    }

    fn is_free(&self, rect: &ScreenRect) -> bool {
        self.touched(rect).all(|cell| self.cells[cell].iter().all(|taken| !taken.overlaps(rect)))
    }

    fn touched(&self, rect: &ScreenRect) -> impl Iterator<Item = usize> + use<> {
        let n_columns = self.n_columns;
        let n_rows = self.cells.len() / n_columns;
        // `as usize` takes what is left of the window, or above it, to its first cell.
        let cell = |offset: f64, n_cells: usize| ((offset / CELL_PX) as usize).min(n_cells - 1);
        let columns = cell(rect.left - self.window.left, n_columns)..=cell(rect.right - self.window.left, n_columns);
        let rows = cell(rect.top - self.window.top, n_rows)..=cell(rect.bottom - self.window.top, n_rows);
        rows.flat_map(move |row| columns.clone().map(move |column| row * n_columns + column))
    }
}

/// The squares of all symbols that a name should not cover.
pub fn obstacles(named: &Named<'_>, view: &View) -> Vec<ScreenRect> {
    let detail = Detail::of(view.scale);
    let sites = named.sites.spots().map(|spot| (spot.at, super::network::radius_px(spot.kind, detail)));
    let clusters = named.sites.clusters().iter().map(|cluster| (cluster.at, cluster.radius_px));
    let vehicles = named.fleet.spots(named.now).map(|spot| (spot.at, super::fleet::radius_px(spot.kind, detail)));
    let window = ScreenRect { left: 0.0, top: 0.0, right: view.width, bottom: view.height };
    let rects = sites.chain(clusters).chain(vehicles).filter(|(_, radius_px)| *radius_px >= 4.5);
    rects
        .map(|(at, radius_px)| ScreenRect::around(view.to_screen(at), radius_px))
        .filter(|rect| rect.overlaps(&window))
        .take(OBSTACLES_MAX)
        .collect()
}

/// Where there are more symbols than these, names lie over some.
const OBSTACLES_MAX: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;
    use firmware_schemas::id::SiteId;
    use proptest::prelude::*;

    const WINDOW: ScreenRect = ScreenRect { left: 0.0, top: 0.0, right: 1600.0, bottom: 900.0 };

    fn wish(n: usize, x: f64, y: f64, weight: u32) -> Wish {
        let item = ItemId::Site(SiteId::new(&format!("s{n}")).unwrap());
        Wish {
            item,
            text: format!("Hafen {n}"),
            at: ScreenPoint { x, y },
            radius_px: 5.0,
            size_px: 12.0,
            weight,
            over_symbols: false,
        }
    }

    #[test]
    fn the_weightier_of_two_in_one_place_goes_right() {
        let (labels, _) =
            place(vec![wish(1, 500.0, 500.0, 1), wish(2, 500.0, 500.0, 2)], &[], &[], WINDOW, &BTreeMap::new());
        assert_eq!(labels[0].text, "Hafen 2");
        assert!(labels[0].rect.left > 500.0 && labels[1].rect.right < 500.0, "{labels:?}");
    }

    #[test]
    fn a_name_that_was_shown_stays_against_its_equals() {
        let crowd: Vec<Wish> = (0..9).map(|n| wish(n, 500.0, 500.0, 7)).collect();
        let (first, sides) = place(crowd.clone(), &[], &[], WINDOW, &BTreeMap::new());
        assert_eq!(first.len(), 4);
        let last = ItemId::Site(SiteId::new("s8").unwrap());
        let (again, _) = place(crowd, &[], &[], WINDOW, &BTreeMap::from([(last.clone(), 2)]));
        assert_eq!(again[0].item, last);
        assert!(again[0].rect.bottom < 500.0, "above, as before");
        assert!(!sides.contains_key(&last));
    }

    proptest! {
        #[test]
        fn labels_never_overlap_and_stay_inside(places in prop::collection::vec((0.0..1600.0_f64, 0.0..900.0_f64, 0u32..50), 0..400)) {
            let wishes = places.iter().enumerate().map(|(n, (x, y, weight))| wish(n, *x, *y, *weight)).collect();
            let obstacle = ScreenRect { left: 600.0, top: 300.0, right: 900.0, bottom: 500.0 };
            let symbol = ScreenRect { left: 100.0, top: 100.0, right: 300.0, bottom: 200.0 };
            let (labels, _) = place(wishes, &[obstacle], &[symbol], WINDOW, &BTreeMap::new());
            prop_assert!(labels.len() <= LABELS_MAX);
            for (n, label) in labels.iter().enumerate() {
                prop_assert!(WINDOW.contains(&label.rect) && !label.rect.overlaps(&obstacle));
                prop_assert!(!label.rect.overlaps(&symbol));
                prop_assert!(labels[..n].iter().all(|other| !other.rect.overlaps(&label.rect)));
            }
        }
    }
}
