//! Names on the chart: the weighty ones first, none over another, and those shown before stay where they can.

use std::collections::BTreeMap;

use firmware_schemas::network::{SiteKind, VehicleKind};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::Freshness;

use super::chart::{ChartPoint, ScreenPoint, View};
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

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    pub(crate) fn contains(&self, other: &Self) -> bool {
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
    /// What it names, on the chart.
    pub place: ChartPoint,
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
    /// What it names, on the chart.
    pub place: ChartPoint,
    /// Where that was in the window when the name was placed.
    pub at: ScreenPoint,
    /// Where the name is.
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
    /// What is selected: its name goes before all others.
    pub selected: Option<&'a ItemId>,
    /// Names of sites and of vehicles are wanted.
    pub wanted: [bool; 2],
}

/// A name that may be worth its place: without a text, because most are not.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    /// Of the sites, else of the vehicles.
    is_site: bool,
    nth: u32,
    at: ScreenPoint,
    radius_px: f64,
    weight: u32,
}

/// Of the names that begin in one square of this side, in pixels, only the weightiest are looked at further.
const SQUARE_PX: f64 = 64.0;

/// So many.
const SQUARE_NAMES_MAX: usize = 4;

/// A city so near to a site is left out: its dot would lie on the symbol.
const NEAR_PX: f64 = 12.0;

/// Looks at everything that may have a name, some of it in each frame, so that no frame is long.
#[derive(Clone, Debug)]
pub struct Gathering {
    view: View,
    /// How many sites and vehicles are behind us.
    next: [usize; 2],
    symbols: Mask,
    near_sites: Mask,
    squares: Vec<[Option<Candidate>; SQUARE_NAMES_MAX]>,
    n_columns: usize,
}

impl Gathering {
    /// Begins with nothing, for what `view` shows.
    pub fn begin(view: View) -> Self {
        let n_columns = (view.width / SQUARE_PX).ceil().max(1.0) as usize;
        let n_rows = (view.height / SQUARE_PX).ceil().max(1.0) as usize;
        Self {
            view,
            next: [0; 2],
            symbols: Mask::new(view.width, view.height, MASK_PX),
            near_sites: Mask::new(view.width, view.height, NEAR_PX),
            squares: vec![[None; SQUARE_NAMES_MAX]; n_columns * n_rows],
            n_columns,
        }
    }

    /// Looks at `n_max` more sites and vehicles. True once it has seen all.
    pub fn go_on(&mut self, named: &Named<'_>, n_max: usize) -> bool {
        let Named { sites, fleet, now, selected, wanted, .. } = *named;
        let view = self.view;
        let detail = Detail::of(view.scale);
        let seen = |at: ScreenPoint| at.x >= 0.0 && at.y >= 0.0 && at.x <= view.width && at.y <= view.height;
        if self.next == [0; 2] {
            for cluster in sites.clusters() {
                self.cover(view.to_screen(cluster.at), cluster.radius_px);
            }
        }
        let mut n_left = n_max;
        while n_left > 0 && self.next[0] < sites.len() {
            let nth = self.next[0];
            (self.next[0], n_left) = (nth + 1, n_left - 1);
            let Some(spot) = sites.spot(nth) else { continue };
            let at = view.to_screen(spot.at);
            let radius_px = super::network::radius_px(spot.kind, detail);
            self.cover(at, radius_px);
            if !seen(at) {
                continue;
            }
            self.near_sites.cover(&ScreenRect::around(at, NEAR_PX));
            let chosen = matches!(selected, Some(ItemId::Site(id)) if id == spot.id);
            if !wanted[0] || (is_doorstep(spot.kind) && view.scale < DOORSTEP_SCALE_MIN && !chosen) {
                continue;
            }
            let weight = if chosen { CHOSEN } else { site_weight(spot.kind, spot.status) };
            self.consider(Candidate { is_site: true, nth: nth as u32, at, radius_px, weight });
        }
        let chosen_vehicle = selected.and_then(|item| match item {
            ItemId::Vehicle(id) => fleet.nth(id),
            _ => None,
        });
        while n_left > 0 && self.next[1] < fleet.len() {
            let nth = self.next[1];
            (self.next[1], n_left) = (nth + 1, n_left - 1);
            let Some(kind) = fleet.kind(nth) else { continue };
            let chosen = chosen_vehicle == Some(nth);
            let named = wanted[1] && (view.scale >= vehicle_scale_min(kind) || chosen);
            let radius_px = super::fleet::radius_px(kind, detail);
            if !named && radius_px < COVER_RADIUS_MIN_PX {
                continue; // neither has a name nor keeps one away
            }
            let Some(spot) = fleet.spot(nth, now) else { continue };
            let at = view.to_screen(spot.at);
            if !seen(at) {
                continue;
            }
            self.cover(at, radius_px);
            if named {
                let weight = if chosen { CHOSEN } else { vehicle_weight(spot.freshness, radius_px) };
                self.consider(Candidate { is_site: false, nth: nth as u32, at, radius_px, weight });
            }
        }
        self.next[0] >= sites.len() && self.next[1] >= fleet.len()
    }

    /// One that had a name, though it may not be among the weightiest of its square now.
    fn again(&self, named: &Named<'_>, item: &ItemId) -> Option<Candidate> {
        let Named { sites, fleet, now, wanted, .. } = *named;
        let (view, detail) = (self.view, Detail::of(self.view.scale));
        match item {
            ItemId::Site(id) if wanted[0] => {
                let nth = sites.nth(id)?;
                let spot = sites.spot(nth)?;
                if is_doorstep(spot.kind) && view.scale < DOORSTEP_SCALE_MIN {
                    return None;
                }
                let radius_px = super::network::radius_px(spot.kind, detail);
                let weight = site_weight(spot.kind, spot.status);
                Some(Candidate { is_site: true, nth: nth as u32, at: view.to_screen(spot.at), radius_px, weight })
            }
            ItemId::Vehicle(id) if wanted[1] => {
                let nth = fleet.nth(id)?;
                let spot = fleet.spot(nth, now)?;
                if view.scale < vehicle_scale_min(spot.kind) {
                    return None;
                }
                let radius_px = super::fleet::radius_px(spot.kind, detail);
                let weight = vehicle_weight(spot.freshness, radius_px);
                Some(Candidate { is_site: false, nth: nth as u32, at: view.to_screen(spot.at), radius_px, weight })
            }
            _ => None,
        }
    }

    fn cover(&mut self, at: ScreenPoint, radius_px: f64) {
        if radius_px >= COVER_RADIUS_MIN_PX {
            self.symbols.cover(&ScreenRect::around(at, radius_px));
        }
    }

    /// Keeps it while it is among the weightiest of its square; of equals the first.
    fn consider(&mut self, mut candidate: Candidate) {
        let (column, row) = ((candidate.at.x / SQUARE_PX) as usize, (candidate.at.y / SQUARE_PX) as usize);
        let square = row * self.n_columns + column.min(self.n_columns - 1);
        let Some(square) = self.squares.get_mut(square) else { return };
        for kept in square {
            match kept {
                Some(other) if other.weight >= candidate.weight => {}
                Some(other) => std::mem::swap(other, &mut candidate),
                None => {
                    *kept = Some(candidate);
                    return;
                }
            }
        }
    }

    /// The names that would like to be on the chart, those that were there `before` among them, and what they should
    /// not cover.
    pub fn end(self, named: &Named<'_>, cities: &[City], before: &BTreeMap<ItemId, u8>) -> (Vec<Wish>, Mask) {
        let mut candidates: BTreeMap<(bool, u32), Candidate> =
            self.squares.iter().flatten().flatten().map(|it| ((it.is_site, it.nth), *it)).collect();
        for candidate in before.keys().filter_map(|item| self.again(named, item)) {
            candidates.entry((candidate.is_site, candidate.nth)).or_insert(candidate);
        }
        let mut wishes: Vec<Wish> = candidates.values().filter_map(|it| wish(named, it)).collect();
        wishes.extend(city_wishes(cities, &self.near_sites, &self.view, named.words));
        (wishes, self.symbols)
    }
}

/// Symbols smaller than this keep no name away.
const COVER_RADIUS_MIN_PX: f64 = 4.5;

/// The weight of what is selected.
const CHOSEN: u32 = 10_000;

fn site_weight(kind: SiteKind, status: SiteStatus) -> u32 {
    let alert = match status {
        SiteStatus::Alert(severity) => 1 + severity as u32,
        _ => 0,
    };
    100 * u32::from(rank(kind)) + 30 * alert
}

/// Ships are few and far from other names; trucks wait for a closer look.
fn vehicle_weight(freshness: Freshness, radius_px: f64) -> u32 {
    let worry = u32::from(matches!(freshness, Freshness::Stale | Freshness::Lost));
    150 + radius_px as u32 * 10 + 120 * worry
}

fn wish(named: &Named<'_>, candidate: &Candidate) -> Option<Wish> {
    let Named { known, sites, fleet, now, words, .. } = *named;
    let Candidate { is_site, nth, at, radius_px, weight } = *candidate;
    let chosen = weight >= CHOSEN;
    if is_site {
        let spot = sites.spot(nth as usize)?;
        let site = known.sites.get(spot.id)?;
        let weighty = rank(spot.kind) >= 5;
        let size_px = if weighty { 14.0 } else { 12.0 };
        let text = words.name(&site.name, site.name_zh.as_deref()).to_owned();
        let item = ItemId::Site(spot.id.clone());
        let over_symbols = chosen || weighty;
        return Some(Wish { item, text, place: spot.at, at, radius_px, size_px, weight, over_symbols });
    }
    let spot = fleet.spot(nth as usize, now)?;
    let vehicle = known.vehicles.get(spot.id)?;
    let text = match (spot.freshness, vehicle.at) {
        (Freshness::Live | Freshness::Never, _) | (_, None) => vehicle.name.clone(),
        (_, Some(heard_at)) => format!("{} · {}", vehicle.name, words.span(now.since(heard_at))),
    };
    let item = ItemId::Vehicle(spot.id.clone());
    Some(Wish { item, text, place: spot.at, at, radius_px, size_px: 11.0, weight, over_symbols: chosen })
}

/// The names of cities, which give way to all others.
fn city_wishes(cities: &[City], near_sites: &Mask, view: &View, words: &Words) -> Vec<Wish> {
    let rank_max = city_rank_max(view.scale);
    let mut wishes = Vec::new();
    for (nth, city) in cities.iter().enumerate().take_while(|(_, city)| city.rank <= rank_max) {
        let at = view.to_screen(city.at);
        let seen = at.x >= 0.0 && at.y >= 0.0 && at.x <= view.width && at.y <= view.height;
        if !seen || !near_sites.is_free(&ScreenRect::around(at, 0.0)) {
            continue;
        }
        wishes.push(Wish {
            item: ItemId::City(nth as u32), // there are two thousand
            text: words.name(&city.name, city.name_zh.as_deref()).to_owned(),
            place: city.at,
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
    symbols: &Mask,
    window: ScreenRect,
    before: &BTreeMap<ItemId, u8>,
) -> (Vec<Label>, BTreeMap<ItemId, u8>) {
    wishes.retain(|wish| window.contains(&ScreenRect::around(wish.at, 0.0)));
    // A name that was there before wins against its equals, so that names do not flicker while the chart moves.
    for wish in &mut wishes {
        wish.weight += 20 * u32::from(before.contains_key(&wish.item));
    }
    wishes.sort_unstable_by(|a, b| b.weight.cmp(&a.weight).then_with(|| a.item.cmp(&b.item)));
    let area = (window.right - window.left) * (window.bottom - window.top);
    let n_labels_max = ((area / AREA_PER_LABEL_PX) as usize).clamp(8, LABELS_MAX);
    let mut taken = Grid::new(window, panels);
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
            let strong = wish.size_px > 12.0 || wish.weight >= CHOSEN;
            let Wish { item, text, place, at, size_px, .. } = wish;
            labels.push(Label { item, text, place, at, rect, size_px, strong });
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
        for cell in self.touched(&rect) {
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

/// What of the window is covered, in squares: one bit each, so that a hundred thousand symbols are soon looked through.
#[derive(Clone, Debug)]
pub struct Mask {
    square_px: f64,
    n_columns: usize,
    n_rows: usize,
    words_per_row: usize,
    bits: Vec<u64>,
}

/// The squares of symbols that names should not cover.
const MASK_PX: f64 = 2.0;

impl Mask {
    /// Nothing is covered.
    pub fn new(width: f64, height: f64, square_px: f64) -> Self {
        let n = |side: f64| (side / square_px).ceil().max(1.0) as usize;
        let (n_columns, n_rows) = (n(width), n(height));
        let words_per_row = n_columns.div_ceil(64);
        Self { square_px, n_columns, n_rows, words_per_row, bits: vec![0; words_per_row * n_rows] }
    }

    /// Columns and rows that a rectangle touches; `None` where it lies outside.
    fn squares(&self, rect: &ScreenRect) -> Option<(usize, usize, usize, usize)> {
        let (right, bottom) = (self.n_columns as f64 * self.square_px, self.n_rows as f64 * self.square_px);
        if rect.right < 0.0 || rect.bottom < 0.0 || rect.left >= right || rect.top >= bottom {
            return None;
        }
        // `as usize` takes what is left of the window, or above it, to its first square.
        let square = |at: f64, n: usize| ((at / self.square_px) as usize).min(n - 1);
        let (left, right) = (square(rect.left, self.n_columns), square(rect.right, self.n_columns));
        Some((left, right, square(rect.top, self.n_rows), square(rect.bottom, self.n_rows)))
    }

    /// The words of one row from one column to another, and which of their bits are meant.
    fn words(&self, row: usize, left: usize, right: usize) -> impl Iterator<Item = (usize, u64)> + use<> {
        let first = row * self.words_per_row;
        (left / 64..=right / 64).map(move |word| {
            let from = left.saturating_sub(word * 64).min(63);
            let to = (right - word * 64).min(63);
            (first + word, (u64::MAX << from) & (u64::MAX >> (63 - to)))
        })
    }

    /// Covers every square that a rectangle touches.
    pub fn cover(&mut self, rect: &ScreenRect) {
        let Some((left, right, top, bottom)) = self.squares(rect) else { return };
        for row in top..=bottom {
            for (word, bits) in self.words(row, left, right) {
                self.bits[word] |= bits;
            }
        }
    }

    /// Whether nothing that a rectangle touches is covered.
    pub fn is_free(&self, rect: &ScreenRect) -> bool {
        let Some((left, right, top, bottom)) = self.squares(rect) else { return true };
        (top..=bottom).all(|row| self.words(row, left, right).all(|(word, bits)| self.bits[word] & bits == 0))
    }
}

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
            place: ChartPoint { x: 0.0, y: 0.0 },
            at: ScreenPoint { x, y },
            radius_px: 5.0,
            size_px: 12.0,
            weight,
            over_symbols: false,
        }
    }

    fn nothing() -> Mask {
        Mask::new(WINDOW.right, WINDOW.bottom, MASK_PX)
    }

    proptest! {
        #[test]
        fn a_mask_hides_what_it_covers_and_little_more(
            (x, y) in (-50.0..250.0_f64, -50.0..250.0_f64), (width, height) in (0.0..180.0_f64, 0.0..90.0_f64),
            (left, top) in (-50.0..250.0_f64, -50.0..250.0_f64), side in 0.0..150.0_f64,
        ) {
            let mut mask = Mask::new(200.0, 200.0, MASK_PX);
            let covered = ScreenRect { left: x, top: y, right: x + width, bottom: y + height };
            mask.cover(&covered);
            let asked = ScreenRect { left, top, right: left + side, bottom: top + side };
            let grown = |rect: &ScreenRect, by: f64| {
                ScreenRect { left: rect.left - by, top: rect.top - by, right: rect.right + by, bottom: rect.bottom + by }
            };
            let window = ScreenRect { left: 0.0, top: 0.0, right: 200.0, bottom: 200.0 };
            if asked.overlaps(&covered) && asked.overlaps(&window) && covered.overlaps(&window) {
                let both = ScreenRect {
                    left: asked.left.max(covered.left), top: asked.top.max(covered.top),
                    right: asked.right.min(covered.right), bottom: asked.bottom.min(covered.bottom),
                };
                prop_assert!(!both.overlaps(&window) || !mask.is_free(&asked));
            }
            if !grown(&asked, 2.0 * MASK_PX).overlaps(&grown(&covered, 2.0 * MASK_PX)) {
                prop_assert!(mask.is_free(&asked));
            }
        }
    }

    #[test]
    fn the_weightier_of_two_in_one_place_goes_right() {
        let (labels, _) =
            place(vec![wish(1, 500.0, 500.0, 1), wish(2, 500.0, 500.0, 2)], &[], &nothing(), WINDOW, &BTreeMap::new());
        assert_eq!(labels[0].text, "Hafen 2");
        assert!(labels[0].rect.left > 500.0 && labels[1].rect.right < 500.0, "{labels:?}");
    }

    #[test]
    fn a_name_that_was_shown_stays_against_its_equals() {
        let crowd: Vec<Wish> = (0..9).map(|n| wish(n, 500.0, 500.0, 7)).collect();
        let (first, sides) = place(crowd.clone(), &[], &nothing(), WINDOW, &BTreeMap::new());
        assert_eq!(first.len(), 4);
        let last = ItemId::Site(SiteId::new("s8").unwrap());
        let (again, _) = place(crowd, &[], &nothing(), WINDOW, &BTreeMap::from([(last.clone(), 2)]));
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
            let mut symbols = nothing();
            symbols.cover(&symbol);
            let (labels, _) = place(wishes, &[obstacle], &symbols, WINDOW, &BTreeMap::new());
            prop_assert!(labels.len() <= LABELS_MAX);
            for (n, label) in labels.iter().enumerate() {
                prop_assert!(WINDOW.contains(&label.rect) && !label.rect.overlaps(&obstacle));
                prop_assert!(!label.rect.overlaps(&symbol));
                prop_assert!(labels[..n].iter().all(|other| !other.rect.overlaps(&label.rect)));
            }
        }
    }
}
