//! What lies over the map: heat, stock bars, the pies of clusters, the route of what is followed.

use std::collections::BTreeMap;

use firmware_schemas::id::SiteId;
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::Value;
use firmware_schemas::view::SiteView;

use super::chart::ChartPoint;
use super::mesh::Triangles;
use super::network::{is_doorstep, radius_px, rank};
use super::sites::{Cluster, STATUSES, Sites};
use super::{Detail, Known, Look};
use crate::palette::{self, Rgba};

/// What the heat map shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heat {
    /// Nothing.
    #[default]
    Off,
    /// The share of SKUs that are out of stock or about to be.
    StockOut,
    /// How long vehicles stand.
    Dwell,
    /// How near the warmest or coldest device is to the end of its range.
    Temperature,
}

impl Heat {
    /// The one after this.
    pub fn next(self) -> Self {
        match self {
            Self::Off => Self::StockOut,
            Self::StockOut => Self::Dwell,
            Self::Dwell => Self::Temperature,
            Self::Temperature => Self::Off,
        }
    }

    /// The one with this name: `off`, `stock-out`, `dwell` or `temperature`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "off" => Some(Self::Off),
            "stock-out" => Some(Self::StockOut),
            "dwell" => Some(Self::Dwell),
            "temperature" => Some(Self::Temperature),
            _ => None,
        }
    }
}

/// A stay of this many hours is as hot as it gets.
const DWELL_HOURS_MAX: f64 = 24.0;

/// How hot each site is, from 0 to 1. Sites of which nothing can be said are left out.
pub fn heat(known: &Known, heat: Heat, now: Timestamp) -> BTreeMap<SiteId, f64> {
    match heat {
        Heat::Off => BTreeMap::new(),
        Heat::StockOut => {
            let kept = known.sites.values().filter(|site| site.stock.positions > 0);
            kept.map(|site| (site.site.clone(), stock_out_risk(site))).collect()
        }
        Heat::Dwell => {
            let mut hours: BTreeMap<SiteId, (f64, f64)> = BTreeMap::new();
            for vehicle in known.vehicles.values() {
                let (Some(site), Some(since)) = (&vehicle.site, known.standing_since.get(&vehicle.vehicle)) else {
                    continue;
                };
                let (sum, n) = hours.entry(site.clone()).or_default();
                *sum += now.since(*since).as_secs_f64() / 3_600.0;
                *n += 1.0;
            }
            let share = |(sum, n): (f64, f64)| (sum / n / DWELL_HOURS_MAX).min(1.0);
            hours.into_iter().map(|(site, hours)| (site, share(hours))).collect()
        }
        Heat::Temperature => {
            let mut worst: BTreeMap<SiteId, f64> = BTreeMap::new();
            for device in known.devices.values().filter(|device| device.vehicle.is_none()) {
                for metric in &device.metrics {
                    let (Some(min), Some(max), Some(last)) = (metric.min, metric.max, &metric.last) else { continue };
                    let (Value::Float(value), "Cel") = (&last.value, metric.unit.as_str()) else { continue };
                    // 0 in the middle of the range, 1 at its ends and beyond.
                    let off = ((value - (min + max) / 2.0).abs() / ((max - min) / 2.0).max(0.1)).min(1.0);
                    let so_far = worst.entry(device.site.clone()).or_default();
                    *so_far = so_far.max(off);
                }
            }
            worst
        }
    }
}

/// The share of a site's SKUs that are out of stock, and half of those that will be unless something comes.
pub fn stock_out_risk(site: &SiteView) -> f64 {
    let positions = f64::from(site.stock.positions.max(1));
    let out = f64::from(site.stock.out_of_stock);
    let below = f64::from(site.stock.below_reorder_point.saturating_sub(site.stock.out_of_stock));
    ((out + below / 2.0) / positions).min(1.0)
}

/// From cool to hot: dark to bright in lightness too, so that it reads without colour (after Viridis and Inferno).
pub fn heat_colour(share: f64, dark: bool) -> Rgba {
    const COOL_TO_HOT: [[f64; 3]; 5] =
        [[40.0, 60.0, 120.0], [60.0, 120.0, 160.0], [150.0, 110.0, 140.0], [230.0, 120.0, 60.0], [255.0, 225.0, 90.0]];
    const PALE_TO_DEEP: [[f64; 3]; 5] =
        [[190.0, 205.0, 225.0], [150.0, 170.0, 210.0], [190.0, 130.0, 150.0], [200.0, 80.0, 40.0], [120.0, 20.0, 20.0]];
    let ramp = if dark { COOL_TO_HOT } else { PALE_TO_DEEP };
    let place = share.clamp(0.0, 1.0) * 4.0;
    let at = (place as usize).min(3);
    let t = place - at as f64;
    let [r, g, b] =
        [0, 1, 2].map(|channel| (ramp[at][channel] + (ramp[at + 1][channel] - ramp[at][channel]) * t) as u8);
    Rgba([r, g, b, 255])
}

/// Discs that fade out, the hottest on top.
pub fn heat_discs(known: &Known, heat_by_site: &BTreeMap<SiteId, f64>, look: &Look, dark: bool) -> Triangles {
    let mut order: Vec<(&SiteId, f64)> = heat_by_site.iter().map(|(site, share)| (site, *share)).collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(b.0)));
    let mut triangles = Triangles::default();
    for (site, share) in order {
        let Some(site) = known.sites.get(site) else { continue };
        let radius = if is_doorstep(site.kind) { 16.0 + 18.0 * share } else { 26.0 + 42.0 * share };
        let colour = look.of(heat_colour(share, dark));
        triangles.glow(ChartPoint::of(site.position), radius, colour.with_alpha(70 + (150.0 * share) as u8));
    }
    triangles
}

/// Beside each warehouse, and up close each site with stock: how many of its SKUs are fine, at or under the reorder point, and out.
///
/// Sites inside a cluster have none: their mix is in its ring.
pub fn stock_bars(known: &Known, sites: &Sites, look: &Look, detail: Detail) -> Triangles {
    let mut triangles = Triangles::default();
    for site in sites.spots().filter_map(|spot| known.sites.get(spot.id)) {
        if site.stock.positions == 0 || (detail == Detail::World && rank(site.kind) < 5) {
            continue;
        }
        let radius = radius_px(site.kind, detail);
        let (height, width) = (radius * 2.4, 4.0);
        let corner = [-radius - width - 3.0, -radius * 1.1];
        let at = ChartPoint::of(site.position);
        let total = f64::from(site.stock.positions);
        let out = f64::from(site.stock.out_of_stock) / total;
        let below = f64::from(site.stock.below_reorder_point.saturating_sub(site.stock.out_of_stock)) / total;
        triangles.bar(at, [corner[0] - 1.0, corner[1] - 1.0], [width + 2.0, height + 2.0], look.theme.halo);
        let mut bottom = 0.0;
        // What is out lies at the bottom, where it is missing.
        let parts = [(out, palette::CRITICAL), (below, palette::WATCH), ((1.0 - out - below).max(0.0), palette::OK)];
        for (share, colour) in parts {
            // The smallest part is seen, too.
            let part = if share > 0.0 { (share * height).max(1.5).min(height - bottom) } else { 0.0 };
            if part > 0.0 {
                triangles.bar(at, [corner[0], corner[1] + bottom], [width, part], look.of(colour));
                bottom += part;
            }
        }
    }
    triangles
}

/// Clusters as rings that show the mix of states, the gravest from twelve o'clock on.
pub fn cluster_pies(clusters: &[Cluster], look: &Look) -> Triangles {
    let mut triangles = Triangles::default();
    for cluster in clusters {
        let n: usize = cluster.mix.iter().sum();
        triangles.disc(cluster.at, cluster.radius_px + 1.5, look.theme.halo);
        let mut from = 0.0;
        for (n_of_status, status) in cluster.mix.into_iter().zip(STATUSES) {
            if n_of_status == 0 {
                continue;
            }
            let to = from + n_of_status as f64 / n.max(1) as f64;
            triangles.sector(cluster.at, cluster.radius_px, (from, to), look.of(status.colour()));
            from = to;
        }
        triangles.disc(cluster.at, cluster.radius_px - 3.6, look.of(look.theme.hollow));
    }
    triangles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::palette::Theme;
    use crate::scene::known::testing;
    use firmware_schemas::network::SiteKind;

    fn site(positions: u32, below: u32, out: u32) -> SiteView {
        let mut site = testing::site("WH-1", SiteKind::RegionalWarehouse, 50.0, 7.0);
        (site.stock.positions, site.stock.below_reorder_point, site.stock.out_of_stock) = (positions, below, out);
        site
    }

    #[track_caller]
    fn check(site: SiteView, expected: f64) {
        assert_eq!(stock_out_risk(&site), expected, "{:?}", site.stock);
    }

    #[test]
    fn risk_counts_what_is_out_whole_and_what_runs_low_half() {
        check(site(10, 0, 0), 0.0);
        check(site(10, 4, 2), 0.3);
        check(site(10, 10, 10), 1.0);
        check(site(0, 0, 0), 0.0);
    }

    #[test]
    fn hot_is_brighter_than_cool_in_the_dark_and_deeper_in_the_light() {
        let light = |Rgba([r, g, b, _]): Rgba| u32::from(r) * 54 + u32::from(g) * 183 + u32::from(b) * 19;
        for step in 0..10 {
            let (a, b) = (f64::from(step) / 10.0, f64::from(step + 1) / 10.0);
            if step != 4 {
                assert!(light(heat_colour(b, true)) + 600 >= light(heat_colour(a, true)), "{a}");
            }
            assert!(light(heat_colour(b, false)) <= light(heat_colour(a, false)) + 600, "{a}");
        }
    }

    #[test]
    fn a_bar_shows_the_smallest_part() {
        let mut known = Known::default();
        known.take_snapshot(testing::snapshot(vec![site(1_000, 1, 1)]));
        let mut sites = Sites::default();
        sites.begin(&known, 5.0);
        let bars = stock_bars(&known, &sites, &Look { theme: Theme::DARK, greyed: false }, Detail::World);
        assert!(bars.vertices.iter().any(|vertex| vertex.colour == palette::CRITICAL));
    }

    #[test]
    fn dwell_is_the_mean_stay_of_what_stands_at_a_site() {
        use firmware_schemas::id::VehicleId;
        use firmware_schemas::network::{Mode, VehicleKind};
        use firmware_schemas::quantity::{Grams, Seconds};
        use firmware_schemas::view::{Freshness, VehicleView};
        let mut snapshot = testing::snapshot(vec![site(1, 0, 0)]);
        let since = snapshot.at;
        for (name, standing) in [("van-1", true), ("van-2", true), ("van-3", false)] {
            snapshot.vehicles.push(VehicleView {
                vehicle: VehicleId::new(name).unwrap(),
                kind: VehicleKind::Van,
                mode: Mode::Road,
                name: name.to_owned(),
                capacity_g: Grams(1),
                home: SiteId::new("WH-1").unwrap(),
                position: None,
                at: Some(since),
                speed_mm_per_s: None,
                heading_cdeg: None,
                lane: None,
                site: standing.then(|| SiteId::new("WH-1").unwrap()),
                interval_secs: Seconds(60),
                freshness: Freshness::Live,
                shipments: Vec::new(),
            });
        }
        let mut known = Known::default();
        known.take_snapshot(snapshot);
        let six_hours = since.saturating_add(std::time::Duration::from_secs(6 * 3_600));
        let heat = heat(&known, Heat::Dwell, six_hours);
        assert_eq!(heat.into_iter().collect::<Vec<_>>(), [(SiteId::new("WH-1").unwrap(), 0.25)]);
    }
}
