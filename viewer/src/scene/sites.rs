//! Sites as symbols, and where there is no room for each, clusters that show the mix of their states.

use std::collections::{BTreeMap, BTreeSet};

use firmware_schemas::fact::Severity;
use firmware_schemas::id::SiteId;
use firmware_schemas::network::SiteKind;
use firmware_schemas::quantity::Timestamp;

use super::chart::{ChartPoint, ScreenPoint, View};
use super::mark::{Fill, Shape};
use super::motion::Leg;
use super::network::{SiteStatus, is_doorstep, radius_px, rank, tellers};
use super::pool::{Pool, Symbol};
use super::{Detail, Known};

/// Shops and customers in one place of the window.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Its middle.
    pub at: ChartPoint,
    /// Who is in it, by id.
    pub members: Vec<SiteId>,
    /// How many of each status, as [`STATUSES`] has them.
    pub mix: [usize; 5],
    /// Its radius, in pixels.
    pub radius_px: f64,
}

/// The order of statuses in a cluster, the gravest first.
pub const STATUSES: [SiteStatus; 5] = [
    SiteStatus::Alert(Severity::Critical),
    SiteStatus::Alert(Severity::Watch),
    SiteStatus::Alert(Severity::Info),
    SiteStatus::Ok,
    SiteStatus::Unknown,
];

#[derive(Clone, Debug)]
struct Row {
    id: SiteId,
    kind: SiteKind,
    at: ChartPoint,
    status: SiteStatus,
    /// It keeps stock or has devices: without an alert it is well.
    tells: bool,
    slots: [Option<u32>; 2],
    clustered: bool,
}

/// All sites as records, and the clusters.
#[derive(Clone, Debug, Default)]
pub struct Sites {
    pool: Pool,
    rows: Vec<Row>,
    by_id: BTreeMap<SiteId, u32>,
    severities: BTreeMap<SiteId, Severity>,
    clusters: Vec<Cluster>,
    level: Option<i32>,
    revision: u64,
}

/// A site on the chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Spot<'a> {
    /// Which.
    pub id: &'a SiteId,
    /// What it does.
    pub kind: SiteKind,
    /// Where.
    pub at: ChartPoint,
    /// How it is.
    pub status: SiteStatus,
}

/// Symbols of shops and customers that are nearer to each other than this, in pixels, become one.
const CLUSTER_PX: f64 = 30.0;

/// Fewer than so many stay what they are.
const MEMBERS_MIN: usize = 3;

/// From this zoom on, in pixels to a degree, nothing is put together.
const CLUSTER_SCALE_MAX: f64 = 400.0;

/// Zooms in steps, so that clusters do not change with every turn of the wheel.
fn level(scale: f64) -> i32 {
    (scale.max(1e-3).ln() / 1.5_f64.ln()).floor() as i32
}

impl Sites {
    /// Starts anew with all sites of `known`.
    pub fn begin(&mut self, known: &Known, scale: f64) {
        let severities = known.severity_by_site();
        let revision = self.revision + 1;
        *self = Self { pool: Pool::new(Timestamp::EPOCH), revision, severities, ..Self::default() };
        let tell = tellers(known);
        let mut sites: Vec<_> = known.sites.values().collect();
        // The weighty ones lie on top.
        sites.sort_by_key(|site| (rank(site.kind), &site.site));
        for site in sites {
            let tells = tell.contains(&site.site);
            let status = match self.severities.get(&site.site) {
                Some(severity) => SiteStatus::Alert(*severity),
                None if tells => SiteStatus::Ok,
                None => SiteStatus::Unknown,
            };
            self.by_id.insert(site.site.clone(), self.rows.len() as u32); // fewer than 2³² sites
            // A site's records are claimed once, so that what lies on top stays there.
            let slots = [Some(self.pool.claim()), Some(self.pool.claim())];
            let at = ChartPoint::of(site.position);
            let id = site.site.clone();
            self.rows.push(Row { id, kind: site.kind, at, status, tells, slots, clustered: false });
        }
        self.level = None;
        self.arrange(scale);
    }

    /// Looks at the sites whose gravest alert is another now. True when a status changed.
    pub fn take_statuses(&mut self, known: &Known) -> bool {
        let severities = known.severity_by_site();
        let differ = |id: &&SiteId| self.severities.get(*id) != severities.get(*id);
        let ids: BTreeSet<&SiteId> = severities.keys().chain(self.severities.keys()).filter(differ).collect();
        let mut changed = Vec::new();
        for id in ids {
            let Some(at) = self.by_id.get(id).map(|at| *at as usize) else { continue };
            let row = &mut self.rows[at];
            let status = match severities.get(id) {
                Some(severity) => SiteStatus::Alert(*severity),
                None if row.tells => SiteStatus::Ok,
                None => SiteStatus::Unknown,
            };
            if row.status != status {
                row.status = status;
                changed.push(at);
            }
        }
        self.severities = severities;
        for at in &changed {
            self.write(*at);
        }
        if !changed.is_empty() {
            self.revision += 1;
            let rows = &self.rows;
            let by_id = &self.by_id;
            for cluster in &mut self.clusters {
                cluster.mix = mix(cluster.members.iter().map(|id| rows[by_id[id] as usize].status));
            }
        }
        !changed.is_empty()
    }

    /// Puts together what has no room at this zoom. True when that changed anything.
    pub fn arrange(&mut self, scale: f64) -> bool {
        let level = level(scale);
        if self.level == Some(level) {
            return false;
        }
        self.level = Some(level);
        self.revision += 1;
        let clusters = if scale >= CLUSTER_SCALE_MAX { Vec::new() } else { self.put_together(level) };
        let mut inside = vec![false; self.rows.len()];
        for cluster in &clusters {
            for member in &cluster.members {
                inside[self.by_id[member] as usize] = true;
            }
        }
        self.clusters = clusters;
        for (at, inside) in inside.into_iter().enumerate() {
            self.rows[at].clustered = inside;
            self.write(at);
        }
        true
    }

    fn put_together(&self, level: i32) -> Vec<Cluster> {
        let cell_deg = CLUSTER_PX / 1.5_f64.powi(level);
        let mut cells: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
        for (at, row) in self.rows.iter().enumerate().filter(|(_, row)| is_doorstep(row.kind)) {
            let cell = ((row.at.x / cell_deg).floor() as i64, (row.at.y / cell_deg).floor() as i64);
            cells.entry(cell).or_default().push(at);
        }
        // The fullest cell first; what lies in the cells around it and within reach goes along.
        let mut order: Vec<(usize, (i64, i64))> = cells.iter().map(|(cell, rows)| (rows.len(), *cell)).collect();
        order.sort_by_key(|(n, cell)| (std::cmp::Reverse(*n), *cell));
        let mut taken = vec![false; self.rows.len()];
        let mut clusters = Vec::new();
        for (_, (x, y)) in order {
            let near: Vec<usize> = (-1..=1)
                .flat_map(|dx| (-1..=1).map(move |dy| (x + dx, y + dy)))
                .filter_map(|cell| cells.get(&cell))
                .flatten()
                .copied()
                .filter(|at| !taken[*at])
                .collect();
            let own: Vec<usize> = cells[&(x, y)].iter().copied().filter(|at| !taken[*at]).collect();
            if own.is_empty() {
                continue;
            }
            let middle = self.middle(&own);
            let members: Vec<usize> = near
                .into_iter()
                .filter(|at| {
                    let place = self.rows[*at].at;
                    (place.x - middle.x).hypot(place.y - middle.y) <= cell_deg
                })
                .collect();
            if members.len() < MEMBERS_MIN {
                continue;
            }
            for at in &members {
                taken[*at] = true;
            }
            let mut ids: Vec<SiteId> = members.iter().map(|at| self.rows[*at].id.clone()).collect();
            ids.sort();
            let radius_px = 7.0 + 3.0 * (members.len() as f64).log10() * 1.6;
            clusters.push(Cluster {
                at: self.middle(&members),
                mix: mix(members.iter().map(|at| self.rows[*at].status)),
                members: ids,
                radius_px,
            });
        }
        clusters
    }

    fn middle(&self, rows: &[usize]) -> ChartPoint {
        let n = rows.len().max(1) as f64;
        let (x, y) = rows.iter().fold((0.0, 0.0), |(x, y), at| (x + self.rows[*at].at.x, y + self.rows[*at].at.y));
        ChartPoint { x: x / n, y: y / n }
    }

    fn write(&mut self, at: usize) {
        let row = &self.rows[at];
        let [symbol, badge] = if row.clustered { [None, None] } else { symbols(row) };
        for (slot, symbol) in row.slots.into_iter().flatten().zip([symbol, badge]) {
            match symbol {
                Some(symbol) => self.pool.put(slot, &symbol),
                None => self.pool.blank(slot),
            }
        }
    }

    /// The records.
    pub fn pool(&mut self) -> &mut Pool {
        &mut self.pool
    }

    /// Counts up whenever clusters change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The clusters.
    pub fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    /// The sites that stand for themselves, the weighty ones last.
    pub fn spots(&self) -> impl DoubleEndedIterator<Item = Spot<'_>> {
        let drawn = self.rows.iter().filter(|row| !row.clustered);
        drawn.map(|row| Spot { id: &row.id, kind: row.kind, at: row.at, status: row.status })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The `nth` site; `None` where it is in a cluster.
    pub fn spot(&self, nth: usize) -> Option<Spot<'_>> {
        let row = self.rows.get(nth).filter(|row| !row.clustered)?;
        Some(Spot { id: &row.id, kind: row.kind, at: row.at, status: row.status })
    }

    /// Which site this is.
    pub fn nth(&self, id: &SiteId) -> Option<usize> {
        self.by_id.get(id).map(|nth| *nth as usize)
    }

    /// What kinds of sites there are.
    pub fn kinds(&self) -> BTreeSet<SiteKind> {
        self.rows.iter().map(|row| row.kind).collect()
    }

    /// How a site is.
    pub fn status(&self, id: &SiteId) -> SiteStatus {
        self.by_id.get(id).map_or(SiteStatus::Unknown, |at| self.rows[*at as usize].status)
    }

    /// The site nearest to a place of the window, within reach.
    pub fn pick(&self, view: &View, at: ScreenPoint, reach_px: f64) -> Option<SiteId> {
        let detail = Detail::of(view.scale);
        // No symbol is larger than this: most are left out before anything is worked out of them.
        let far = (reach_px + 16.0) / view.scale;
        let pointed = view.to_chart(at);
        let mut best: Option<(f64, &SiteId)> = None;
        for spot in self.spots() {
            if (spot.at.y - pointed.y).abs() > far {
                continue;
            }
            let place = view.to_screen(spot.at);
            let off = (place.x - at.x).hypot(place.y - at.y) - radius_px(spot.kind, detail);
            if off <= reach_px && best.is_none_or(|(so_far, _)| off <= so_far) {
                best = Some((off, spot.id));
            }
        }
        best.map(|(_, id)| id.clone())
    }

    /// The cluster at a place of the window.
    pub fn pick_cluster(&self, view: &View, at: ScreenPoint) -> Option<&Cluster> {
        self.clusters.iter().find(|cluster| {
            let place = view.to_screen(cluster.at);
            (place.x - at.x).hypot(place.y - at.y) <= cluster.radius_px + 2.0
        })
    }
}

fn mix(statuses: impl Iterator<Item = SiteStatus>) -> [usize; 5] {
    let mut mix = [0; 5];
    for status in statuses {
        if let Some(at) = STATUSES.iter().position(|other| *other == status) {
            mix[at] += 1;
        }
    }
    mix
}

/// Its symbol, and the badge of its alert where it is large enough for one.
fn symbols(row: &Row) -> [Option<Symbol>; 2] {
    let radius_px = radius_px(row.kind, Detail::Region);
    let symbol = Symbol {
        leg: Leg::standing(row.at, Timestamp::EPOCH),
        offset_px: [0.0, 0.0],
        shape: Shape::of_site(row.kind),
        radius_px,
        world_percent: if is_doorstep(row.kind) { 80 } else { 85 },
        turn_rad: 0.0,
        fill: if row.status == SiteStatus::Unknown { Fill::Hollow } else { Fill::Solid },
        colour: row.status.colour(),
    };
    let badge = match row.status {
        SiteStatus::Alert(severity) if !is_doorstep(row.kind) => {
            let (shape, colour) = Shape::of_severity(severity);
            let offset_px = [radius_px * 0.95; 2];
            let radius_px = (radius_px * 0.55).max(4.8);
            Some(Symbol { shape, colour, offset_px, radius_px, world_percent: 100, fill: Fill::Solid, ..symbol })
        }
        _ => None,
    };
    [Some(symbol), badge]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::known::testing;
    use proptest::prelude::*;

    fn known(places: &[(f64, f64)]) -> Known {
        let mut known = Known::default();
        let sites = places
            .iter()
            .enumerate()
            .map(|(n, (lat, lon))| testing::site(&format!("C-{n:03}"), SiteKind::Customer, *lat, *lon))
            .collect();
        known.take_snapshot(testing::snapshot(sites));
        known
    }

    proptest! {
        #[test]
        fn every_site_is_drawn_once_at_every_zoom(
            places in prop::collection::vec((-60.0..60.0_f64, -179.0..179.0_f64), 0..120), scale in 1.0..1_000.0_f64,
        ) {
            let known = known(&places);
            let mut sites = Sites::default();
            sites.begin(&known, scale);
            let mut seen: Vec<String> = sites.spots().map(|spot| spot.id.to_string()).collect();
            for cluster in sites.clusters() {
                prop_assert!(cluster.members.len() >= MEMBERS_MIN);
                prop_assert_eq!(cluster.mix.iter().sum::<usize>(), cluster.members.len());
                seen.extend(cluster.members.iter().map(ToString::to_string));
            }
            seen.sort();
            let all: Vec<String> = known.sites.keys().map(ToString::to_string).collect();
            prop_assert_eq!(seen, all);
        }
    }

    #[test]
    fn what_is_far_apart_up_close_is_one_from_afar() {
        let known = known(&[(51.5, -0.1), (51.6, -0.2), (51.4, 0.1), (40.0, 22.3)]);
        let mut sites = Sites::default();
        sites.begin(&known, 5.0);
        assert_eq!((sites.clusters().len(), sites.spots().count()), (1, 1));
        assert!(sites.arrange(900.0));
        assert_eq!((sites.clusters().len(), sites.spots().count()), (0, 4));
        assert!(!sites.arrange(901.0), "a little more is the same");
    }
}
