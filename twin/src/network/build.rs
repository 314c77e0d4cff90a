//! Entries go in one at a time, each checked against those before it; what refers forward is checked at the
//! end.

mod plan;

use std::hash::Hash;

use firmware_schemas::id::{LaneId, SiteId, SkuId, VehicleId};
use firmware_schemas::network::{
    DemandSpec, DeviceSpec, GlnSpec, GtinSpec, LaneSpec, MetricKind, NetworkSpec, SeasonalitySpec, ShipmentSpec,
    SiteSpec, SkuSpec, StockSpec, VehicleSpec,
};
use firmware_schemas::quantity::{MinorUnits, Pieces, Position};
use hashbrown::{HashMap, HashSet};
use petgraph::graph::NodeIndex;
use routing::{Arc, GraphError};

use crate::lead_times::LeadTimes;

use super::error::{Cause, Errors, Place, Reported, noted, shortened};
use super::{Index, Network, NetworkError, Parts, SiteGraph, field};

/// The most entries of one kind.
const ENTRIES_MAX: usize = 10_000_000;
/// The largest count of pieces, mass in grams, volume in millilitres, and amount of money.
const QUANTITY_MAX: i64 = 1_000_000_000_000_000;
/// The most SKUs in one shipment.
pub(super) const SHIPMENT_LINES_MAX: usize = 1_000;
/// Ten years.
const SPAN_SECS_MAX: u64 = 315_360_000;
/// A hundred thousand kilometres: more than twice round the earth.
const DISTANCE_M_MAX: u64 = 100_000_000;

/// A network in the making.
pub(super) struct Builder {
    parts: Parts,
    index: Index,
    /// Line of each entry in its file, by its place in the list.
    lines: Lines,
    seasonality: HashMap<String, u32>,
    demand: HashMap<(u32, u32), u32>,
    shipments: HashMap<firmware_schemas::id::ShipmentId, u32>,
    /// By SKU, and by key.
    gtins: [HashMap<u64, u32>; 2],
    /// By site, and by key.
    glns: [HashMap<u64, u32>; 2],
    /// Plans by site.
    plans: HashMap<u32, u32>,
    /// Start and end of each lane, as places in the list of sites.
    lane_ends: Vec<(u32, u32)>,
    refused: Refused,
}

/// Entries that are in the files and were refused: to miss them is no error of those who refer to them.
#[derive(Default)]
pub(super) struct Refused {
    /// Kinds of which nothing could be read.
    pub(super) kinds: Vec<&'static str>,
    /// Kind and identifier.
    pub(super) entries: HashSet<(&'static str, String)>,
}

impl Refused {
    fn holds(&self, what: &'static str, id: &str) -> bool {
        self.kinds.contains(&what) || (!self.entries.is_empty() && self.entries.contains(&(what, id.into())))
    }
}

#[derive(Default)]
struct Lines {
    sites: Vec<u64>,
    lanes: Vec<u64>,
    skus: Vec<u64>,
    stock: Vec<u64>,
    vehicles: Vec<u64>,
    devices: Vec<u64>,
    seasonality: Vec<u64>,
    demand: Vec<u64>,
    shipments: Vec<u64>,
    gtins: Vec<u64>,
    glns: Vec<u64>,
}

/// Checks parts that an importer made.
pub(super) fn from_parts(parts: Parts) -> Result<Network, Vec<NetworkError>> {
    let mut errors = Errors::default();
    let mut builder = Builder::new(parts.network, &mut errors);
    macro_rules! add {
        ($($list:ident, $file:literal, $add:ident;)+) => {
            $(for (spec, line) in parts.$list.into_iter().zip(1..) {
                if errors.is_full() {
                    break;
                }
                noted(builder.$add(spec, Place { file: $file, line }, &mut errors));
            })+
        };
    }
    add! {
        sites, "sites.csv", add_site;
        lanes, "lanes.csv", add_lane;
        skus, "skus.csv", add_sku;
        stock, "stock.csv", add_stock;
        vehicles, "vehicles.csv", add_vehicle;
        devices, "devices.csv", add_device;
        seasonality, "network.toml", add_seasonality;
        demand, "demand.csv", add_demand;
        shipments, "shipments.csv", add_shipment;
        gtins, "gtins.csv", add_gtin;
        glns, "glns.csv", add_gln;
    }
    for plan in parts.plans {
        for (part, line) in plan.parts.into_iter().zip(1..) {
            let place = Place { file: "site_plans.csv", line };
            noted(builder.add_plan_part(plan.site.clone(), part, place, &mut errors));
        }
    }
    builder.finish(errors)
}

impl Builder {
    pub(super) fn new(network: NetworkSpec, errors: &mut Errors) -> Self {
        let place = Place { file: "network.toml", line: 1 };
        for (field, read) in
            [("currency", field::currency(&network.currency)), ("time_zone", field::time_zone(&network.time_zone))]
        {
            if let Err(expected) = read {
                let found = if field == "currency" { &network.currency } else { &network.time_zone };
                errors.field(place, field, Cause::Malformed { expected, found: shortened(found) });
            }
        }
        Self {
            parts: Parts::empty(network),
            index: Index::default(),
            lines: Lines::default(),
            seasonality: HashMap::new(),
            demand: HashMap::new(),
            shipments: HashMap::new(),
            gtins: [HashMap::new(), HashMap::new()],
            glns: [HashMap::new(), HashMap::new()],
            plans: HashMap::new(),
            lane_ends: Vec::new(),
            refused: Refused::default(),
        }
    }

    /// Notes an entry that will be missing.
    pub(super) fn refused(&mut self) -> &mut Refused {
        &mut self.refused
    }

    /// The time zone of sites that name none.
    pub(super) fn time_zone(&self) -> &str {
        &self.parts.network.time_zone
    }

    /// Where a site that was added is.
    pub(super) fn position_of(&self, site: &SiteId) -> Option<Position> {
        self.index.sites.get(site).map(|i| self.parts.sites[*i as usize].position)
    }

    pub(super) fn add_site(&mut self, spec: SiteSpec, place: Place, errors: &mut Errors) -> Result<(), Reported> {
        let key = spec.site.clone();
        insert(&mut self.index.sites, key, spec, &mut self.parts.sites, &mut self.lines.sites, "site", place, errors)
    }

    pub(super) fn add_lane(&mut self, spec: LaneSpec, place: Place, errors: &mut Errors) -> Result<(), Reported> {
        let mut check = Check { place, errors, refused: &self.refused, failed: false };
        let from = check.site(&self.index, "from", &spec.from);
        let to = check.site(&self.index, "to", &spec.to);
        if spec.from == spec.to {
            check.wrong("to", format!("a lane leads from one site to another, and {:?} is both", spec.from));
        }
        check.at_most("lead_time_secs", spec.lead_time_secs.0, SPAN_SECS_MAX);
        check.at_most("lead_time_sd_secs", spec.lead_time_sd_secs.0, SPAN_SECS_MAX);
        check.at_most("distance_m", spec.distance_m.0, DISTANCE_M_MAX);
        check.money("cost_minor", spec.cost_minor);
        check.money("cost_per_tonne_minor", spec.cost_per_tonne_minor);
        if let Some(capacity) = spec.capacity_g_per_day {
            check.between("capacity_g_per_day", capacity.0, 1, QUANTITY_MAX as u64);
        }
        if let Some(every) = spec.departs_every_secs {
            check.between("departs_every_secs", every.0, 1, SPAN_SECS_MAX);
        }
        check.done()?;
        let (Some(from), Some(to)) = (from, to) else { return Err(Reported) };
        let key = spec.lane.clone();
        insert(&mut self.index.lanes, key, spec, &mut self.parts.lanes, &mut self.lines.lanes, "lane", place, errors)?;
        self.lane_ends.push((from, to));
        Ok(())
    }

    pub(super) fn add_sku(&mut self, spec: SkuSpec, place: Place, errors: &mut Errors) -> Result<(), Reported> {
        let mut check = Check { place, errors, refused: &self.refused, failed: false };
        check.at_most("mass_g", spec.mass_g.0, QUANTITY_MAX as u64);
        check.at_most("volume_ml", spec.volume_ml, QUANTITY_MAX as u64);
        check.money("value_minor", spec.value_minor);
        if let (Some(min), Some(max)) = (spec.temperature_min_milli_c, spec.temperature_max_milli_c)
            && min > max
        {
            check.wrong("temperature_min_c", "the coldest allowed is above the warmest".into());
        }
        check.done()?;
        let key = spec.sku.clone();
        insert(&mut self.index.skus, key, spec, &mut self.parts.skus, &mut self.lines.skus, "sku", place, errors)
    }

    pub(super) fn add_stock(&mut self, spec: StockSpec, place: Place, errors: &mut Errors) -> Result<(), Reported> {
        let mut check = Check { place, errors, refused: &self.refused, failed: false };
        let site = check.site(&self.index, "site", &spec.site);
        let sku = check.sku(&self.index, "sku", &spec.sku);
        check.pieces("on_hand", spec.on_hand);
        check.pieces("reserved", spec.reserved);
        check.pieces("in_transit", spec.in_transit);
        check.pieces("on_order", spec.on_order);
        for (field, pieces) in [("reorder_point", spec.reorder_point), ("order_up_to", spec.order_up_to)] {
            if let Some(pieces) = pieces {
                check.pieces(field, pieces);
            }
        }
        if let (Some(point), Some(up_to)) = (spec.reorder_point, spec.order_up_to)
            && up_to < point
        {
            check.wrong("order_up_to", format!("{up_to} is below the reorder point {point}"));
        }
        if let Some(source) = &spec.source {
            check.site(&self.index, "source", source);
            if *source == spec.site {
                check.wrong("source", format!("{source:?} cannot replenish itself"));
            }
        }
        check.done()?;
        let (Some(site), Some(sku)) = (site, sku) else { return Err(Reported) };
        let (list, lines) = (&mut self.parts.stock, &mut self.lines.stock);
        insert(&mut self.index.stock, (site, sku), spec, list, lines, "sku", place, errors)
    }

    pub(super) fn add_vehicle(&mut self, spec: VehicleSpec, place: Place, errors: &mut Errors) -> Result<(), Reported> {
        let mut check = Check { place, errors, refused: &self.refused, failed: false };
        check.site(&self.index, "home", &spec.home);
        check.between("capacity_g", spec.capacity_g.0, 1, QUANTITY_MAX as u64);
        check.between("speed_m_per_h", u64::from(spec.speed_m_per_h), 1, 5_000_000);
        if let Some(progress) = spec.progress_permille {
            check.at_most("progress_permille", u64::from(progress), 1_000);
            if spec.route.is_empty() {
                check.wrong("progress_permille", "a vehicle without a route is not under way on it".into());
            }
        }
        let mut stands_at: Option<&SiteId> = None;
        for lane in &spec.route {
            let Some(lane) = check.lane(&self.index, "route", lane).map(|i| &self.parts.lanes[i as usize]) else {
                continue;
            };
            if let Some(end) = stands_at
                && *end != lane.from
            {
                check.wrong(
                    "route",
                    format!("lane {:?} starts at {:?}, the one before it ends at {end:?}", lane.lane, lane.from),
                );
            }
            if lane.mode != spec.mode {
                check.wrong(
                    "route",
                    format!("lane {:?} is for {}, the vehicle goes by {}", lane.lane, lane.mode, spec.mode),
                );
            }
            stands_at = Some(&lane.to);
        }
        check.done()?;
        let key = spec.vehicle.clone();
        let (list, lines) = (&mut self.parts.vehicles, &mut self.lines.vehicles);
        insert(&mut self.index.vehicles, key, spec, list, lines, "vehicle", place, errors)
    }

    pub(super) fn add_device(&mut self, spec: DeviceSpec, place: Place, errors: &mut Errors) -> Result<(), Reported> {
        let mut check = Check { place, errors, refused: &self.refused, failed: false };
        check.site(&self.index, "site", &spec.site);
        if let Some(vehicle) = &spec.vehicle {
            let vehicle = check.vehicle(&self.index, "vehicle", vehicle).map(|i| &self.parts.vehicles[i as usize]);
            if let Some(vehicle) = vehicle.filter(|vehicle| vehicle.home != spec.site) {
                check
                    .wrong("site", format!("the device is on {:?}, whose home is {:?}", vehicle.vehicle, vehicle.home));
            }
        }
        check.between("interval_secs", spec.interval_secs.0, 1, SPAN_SECS_MAX);
        for (i, metric) in spec.metrics.iter().enumerate() {
            if spec.metrics[..i].iter().any(|before| before.metric == metric.metric) {
                check.wrong("metrics", format!("{:?} is listed twice", metric.metric));
            }
            let bounded = metric.min_milli.is_some() || metric.max_milli.is_some();
            if bounded && !matches!(metric.kind, MetricKind::Float | MetricKind::Integer) {
                check.wrong("metrics", format!("{:?} is {}, which has no limits", metric.metric, metric.kind));
            }
            if let (Some(min), Some(max)) = (metric.min_milli, metric.max_milli)
                && min > max
            {
                check.wrong("metrics", format!("the least of {:?} is above its most", metric.metric));
            }
        }
        check.done()?;
        let key = spec.device.clone();
        let (list, lines) = (&mut self.parts.devices, &mut self.lines.devices);
        insert(&mut self.index.devices, key, spec, list, lines, "device", place, errors)
    }

    pub(super) fn add_seasonality(
        &mut self,
        spec: SeasonalitySpec,
        place: Place,
        errors: &mut Errors,
    ) -> Result<(), Reported> {
        let mut check = Check { place, errors, refused: &self.refused, failed: false };
        let factors = [
            ("weekday", &spec.weekday_permille, 7_usize),
            ("month", &spec.month_permille, 12),
            ("hour", &spec.hour_permille, 24),
        ];
        for (field, list, len) in factors {
            let sum: u64 = list.iter().map(|factor| u64::from(*factor)).sum();
            if list.len() != len {
                check.wrong(field, format!("expected {len} factors, found {}", list.len()));
            } else if sum.abs_diff(len as u64 * 1_000) > len as u64 * 10 {
                check.wrong(field, format!("the factors average to {}, expected 1000 within 10", sum / len as u64));
            }
        }
        check.done()?;
        let key = spec.name.clone();
        let (list, lines) = (&mut self.parts.seasonality, &mut self.lines.seasonality);
        insert(&mut self.seasonality, key, spec, list, lines, "seasonality", place, errors)
    }

    pub(super) fn add_demand(&mut self, spec: DemandSpec, place: Place, errors: &mut Errors) -> Result<(), Reported> {
        let mut check = Check { place, errors, refused: &self.refused, failed: false };
        let site = check.site(&self.index, "site", &spec.site);
        let sku = check.sku(&self.index, "sku", &spec.sku);
        check.at_most("rate_per_day", spec.rate_micro, QUANTITY_MAX as u64);
        check.between("order_size", spec.order_size_milli, 1_000, QUANTITY_MAX as u64);
        check.at_most("order_size_cv2", spec.order_size_cv2_milli, 1_000_000);
        if let Some(name) = spec.seasonality.as_ref().filter(|name| !self.seasonality.contains_key(*name)) {
            check.dangling("seasonality", "seasonality", name);
        }
        check.done()?;
        let (Some(site), Some(sku)) = (site, sku) else { return Err(Reported) };
        let (list, lines) = (&mut self.parts.demand, &mut self.lines.demand);
        insert(&mut self.demand, (site, sku), spec, list, lines, "sku", place, errors)
    }

    pub(super) fn add_gtin(&mut self, spec: GtinSpec, place: Place, errors: &mut Errors) -> Result<(), Reported> {
        let mut check = Check { place, errors, refused: &self.refused, failed: false };
        let sku = check.sku(&self.index, "sku", &spec.sku);
        check.done()?;
        let Some(sku) = sku else { return Err(Reported) };
        let first = |line: u32, lines: &[u64]| lines[line as usize];
        let [by_sku, by_key] = &mut self.gtins;
        if let Some(line) = by_key.get(&spec.gtin.number()).copied() {
            let (found, first_line) = (spec.gtin.to_string(), first(line, &self.lines.gtins));
            return Err(errors.field(place, "gtin", Cause::Duplicate { found, first_line }));
        }
        by_key.insert(spec.gtin.number(), self.parts.gtins.len() as u32);
        let (list, lines) = (&mut self.parts.gtins, &mut self.lines.gtins);
        insert(by_sku, u64::from(sku), spec, list, lines, "sku", place, errors)
    }

    pub(super) fn add_gln(&mut self, spec: GlnSpec, place: Place, errors: &mut Errors) -> Result<(), Reported> {
        let mut check = Check { place, errors, refused: &self.refused, failed: false };
        let site = check.site(&self.index, "site", &spec.site);
        check.done()?;
        let Some(site) = site else { return Err(Reported) };
        let first = |line: u32, lines: &[u64]| lines[line as usize];
        let [by_site, by_key] = &mut self.glns;
        if let Some(line) = by_key.get(&spec.gln.number()).copied() {
            let (found, first_line) = (spec.gln.to_string(), first(line, &self.lines.glns));
            return Err(errors.field(place, "gln", Cause::Duplicate { found, first_line }));
        }
        by_key.insert(spec.gln.number(), self.parts.glns.len() as u32);
        let (list, lines) = (&mut self.parts.glns, &mut self.lines.glns);
        insert(by_site, u64::from(site), spec, list, lines, "site", place, errors)
    }

    pub(super) fn add_shipment(
        &mut self,
        spec: ShipmentSpec,
        place: Place,
        errors: &mut Errors,
    ) -> Result<(), Reported> {
        let mut check = Check { place, errors, refused: &self.refused, failed: false };
        check.site(&self.index, "from", &spec.from);
        check.site(&self.index, "to", &spec.to);
        if spec.from == spec.to {
            check.wrong("to", format!("a shipment goes from one site to another, and {:?} is both", spec.from));
        }
        if let Some(lane) = &spec.lane {
            check.lane(&self.index, "lane", lane);
        }
        if let Some(vehicle) = &spec.vehicle {
            check.vehicle(&self.index, "vehicle", vehicle);
        }
        check.at_most("due_in_secs", spec.due_in_secs.0, SPAN_SECS_MAX);
        if spec.lines.is_empty() {
            check.wrong("sku", "a shipment with nothing in it".into());
        }
        if spec.lines.len() > SHIPMENT_LINES_MAX {
            check.note("sku", Cause::TooMany { max: SHIPMENT_LINES_MAX });
        }
        for (i, line) in spec.lines.iter().take(SHIPMENT_LINES_MAX).enumerate() {
            check.sku(&self.index, "sku", &line.sku);
            check.pieces("quantity", line.quantity);
            if line.quantity == Pieces::ZERO {
                check.wrong("quantity", format!("no pieces of {:?}", line.sku));
            }
            if spec.lines[..i].iter().any(|before| before.sku == line.sku) {
                check.wrong("sku", format!("{:?} is listed twice in this shipment", line.sku));
            }
        }
        check.done()?;
        let key = spec.shipment.clone();
        let (list, lines) = (&mut self.parts.shipments, &mut self.lines.shipments);
        insert(&mut self.shipments, key, spec, list, lines, "shipment", place, errors)
    }

    /// Checks what refers forward, and makes the graphs.
    pub(super) fn finish(self, mut errors: Errors) -> Result<Network, Vec<NetworkError>> {
        for (vehicle, line) in self.parts.vehicles.iter().zip(&self.lines.vehicles) {
            let Some(device) = &vehicle.device else { continue };
            let place = Place { file: "vehicles.csv", line: *line };
            match self.index.devices.get(device).map(|i| &self.parts.devices[*i as usize]) {
                None if self.refused.holds("device", device.as_str()) => {}
                None => {
                    errors.field(place, "device", Cause::Dangling { what: "device", found: device.to_string() });
                }
                Some(found) if found.vehicle.as_ref() != Some(&vehicle.vehicle) => {
                    let why = format!("devices.csv does not put {device:?} on {:?}", vehicle.vehicle);
                    errors.field(place, "device", Cause::Contradiction(why));
                }
                Some(_) => {}
            }
        }
        if errors.len() > 0 {
            return Err(errors.into_inner());
        }
        let mut graph = SiteGraph::with_capacity(self.parts.sites.len(), self.parts.lanes.len());
        for i in 0..self.parts.sites.len() as u32 {
            graph.add_node(i);
        }
        for (&(from, to), i) in self.lane_ends.iter().zip(0..) {
            graph.add_edge(NodeIndex::new(from as usize), NodeIndex::new(to as usize), i);
        }
        match self.lead_times() {
            Ok(lead_times) => Ok(Network { parts: self.parts, index: self.index, graph, lead_times }),
            Err(why) => {
                errors.field(Place { file: "lanes.csv", line: 1 }, "lane", Cause::Contradiction(why.to_string()));
                Err(errors.into_inner())
            }
        }
    }

    fn lead_times(&self) -> Result<LeadTimes, GraphError> {
        let n_sites = self.parts.sites.len() as u32; // at most ENTRIES_MAX
        let lanes = self.parts.lanes.iter().zip(&self.lane_ends);
        let arc = |(lane, ends): (&LaneSpec, &(u32, u32))| {
            (lane.mode, Arc { from: ends.0, to: ends.1, weight: lane.lead_time_secs.0 })
        };
        LeadTimes::new(n_sites, &lanes.map(arc).collect::<Vec<_>>())
    }
}

/// Puts an entry at the end of its list, unless its key is there already or the list is full.
#[expect(clippy::too_many_arguments, reason = "one place for what every kind of entry does")]
fn insert<K: Hash + Eq, S: Named>(
    index: &mut HashMap<K, u32>,
    key: K,
    spec: S,
    list: &mut Vec<S>,
    lines: &mut Vec<u64>,
    field: &'static str,
    place: Place,
    errors: &mut Errors,
) -> Result<(), Reported> {
    if list.len() >= ENTRIES_MAX {
        return Err(errors.field(place, field, Cause::TooMany { max: ENTRIES_MAX }));
    }
    match index.entry(key) {
        hashbrown::hash_map::Entry::Occupied(first) => {
            let first_line = lines[*first.get() as usize];
            Err(errors.field(place, field, Cause::Duplicate { found: spec.named(), first_line }))
        }
        hashbrown::hash_map::Entry::Vacant(free) => {
            free.insert(list.len() as u32);
            list.push(spec);
            lines.push(place.line);
            Ok(())
        }
    }
}

/// What an entry is called in an error.
trait Named {
    fn named(&self) -> String;
}

macro_rules! named {
    ($($spec:ty: $($field:ident)+;)+) => {
        $(impl Named for $spec {
            fn named(&self) -> String {
                [$(self.$field.to_string()),+].join(" ")
            }
        })+
    };
}

named! {
    SiteSpec: site;
    LaneSpec: lane;
    SkuSpec: sku;
    StockSpec: site sku;
    VehicleSpec: vehicle;
    DeviceSpec: device;
    SeasonalitySpec: name;
    DemandSpec: site sku;
    ShipmentSpec: shipment;
    GtinSpec: sku;
    GlnSpec: site;
}

/// Notes everything that is wrong with one entry.
struct Check<'e> {
    place: Place,
    errors: &'e mut Errors,
    refused: &'e Refused,
    failed: bool,
}

impl Check<'_> {
    fn done(self) -> Result<(), Reported> {
        if self.failed { Err(Reported) } else { Ok(()) }
    }

    fn note(&mut self, field: &str, cause: Cause) {
        self.failed = true;
        self.errors.field(self.place, field, cause);
    }

    fn wrong(&mut self, field: &str, why: String) {
        self.note(field, Cause::Contradiction(why));
    }

    fn dangling(&mut self, field: &str, what: &'static str, found: &str) {
        self.failed = true;
        if self.refused.holds(what, found) {
            return;
        }
        self.note(field, Cause::Dangling { what, found: shortened(found) });
    }

    fn find<K: Hash + Eq + std::fmt::Display>(
        &mut self,
        index: &HashMap<K, u32>,
        field: &str,
        what: &'static str,
        id: &K,
    ) -> Option<u32> {
        let found = index.get(id).copied();
        if found.is_none() {
            self.dangling(field, what, &id.to_string());
        }
        found
    }

    fn site(&mut self, index: &Index, field: &str, id: &SiteId) -> Option<u32> {
        self.find(&index.sites, field, "site", id)
    }

    fn lane(&mut self, index: &Index, field: &str, id: &LaneId) -> Option<u32> {
        self.find(&index.lanes, field, "lane", id)
    }

    fn sku(&mut self, index: &Index, field: &str, id: &SkuId) -> Option<u32> {
        self.find(&index.skus, field, "sku", id)
    }

    fn vehicle(&mut self, index: &Index, field: &str, id: &VehicleId) -> Option<u32> {
        self.find(&index.vehicles, field, "vehicle", id)
    }

    fn at_most(&mut self, field: &str, found: u64, max: u64) {
        self.between(field, found, 0, max);
    }

    fn between(&mut self, field: &str, found: u64, min: u64, max: u64) {
        if found < min || found > max {
            self.wrong(field, format!("{found} is not within {min} to {max}"));
        }
    }

    fn pieces(&mut self, field: &str, found: Pieces) {
        if !(0..=QUANTITY_MAX).contains(&found.0) {
            self.wrong(field, format!("{found} is not within 0 to {QUANTITY_MAX}"));
        }
    }

    fn money(&mut self, field: &str, found: MinorUnits) {
        if !(0..=QUANTITY_MAX).contains(&found.0) {
            self.wrong(field, format!("{found} is not within 0 to {QUANTITY_MAX}"));
        }
    }
}
