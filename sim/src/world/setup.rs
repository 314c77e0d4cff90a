//! From the specifications of a network to a world at its first instant.

use super::calendar::{hours, minutes, secs, solar_offset_secs};
use super::climate::Climate;
use super::demand::{Demand, Season, Zone};
use super::device::{Device, Model, Reach, model};
use super::geo::Track;
use super::hall::{Hall, Hauler};
use super::queue::{Event, Queue, Rank};
use super::stock::{Opening, Row, Site, Sku};
use super::transport::{Lane, Shipment, whole_millis};
use super::vehicle::{Place, Step, Vehicle};
use super::wire::Sample;
use super::{Totals, World, WorldConfig, WorldError, WorldInput};
use crate::rng::{BlockKey, Purpose, Stream, block, mix, subject};
use crate::situation::servers::{SERVERS_MAX, Search, Servers};
use firmware_schemas::codec::Encoding;
use firmware_schemas::id::{DeviceId, SiteId};
use firmware_schemas::network::{
    DemandSpec, DeviceKind, DeviceSpec, MetricSpec, SeasonalitySpec, SiteKind, VehicleKind, VehicleSpec,
};
use firmware_schemas::quantity::Seconds;
use firmware_schemas::topic::PREFIX;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Display;
use std::sync::Arc;

/// Used where the network has no scanner and no warehouse system: someone must report the goods.
const REPORTER: &str = "warehouse-system";

/// Looks a name up, or says what names it in vain.
fn find<K: Ord + Display>(
    index: &BTreeMap<K, u32>,
    kind: &'static str,
    key: &K,
    what: &'static str,
    of: &dyn Display,
) -> Result<u32, WorldError> {
    let missing = || WorldError::Missing { what, of: of.to_string(), kind, missing: key.to_string() };
    index.get(key).copied().ok_or_else(missing)
}

fn count(what: &'static str, found: usize) -> Result<(), WorldError> {
    if u32::try_from(found).is_ok_and(|n| n < u32::MAX / 2) { Ok(()) } else { Err(WorldError::TooMany { what, found }) }
}

pub(super) fn world(input: &WorldInput, config: WorldConfig) -> Result<World, WorldError> {
    if !(config.interval_scale.is_finite() && config.interval_scale > 0.0) {
        return Err(WorldError::IntervalScale(config.interval_scale.to_string()));
    }
    for (what, found) in [
        ("sites", input.sites.len()),
        ("lanes", input.lanes.len()),
        ("SKUs", input.skus.len()),
        ("stock positions", input.stock.len()),
        ("vehicles", input.vehicles.len()),
        ("devices", input.devices.len()),
        ("rows of demand", input.demand.len()),
    ] {
        count(what, found)?;
    }
    let seed = config.seed;
    let mut world = World {
        now: whole_millis(config.start.as_nanos()),
        tenant: input.head.tenant.clone(),
        queue: Queue::default(),
        sites: Vec::new(),
        lanes: Vec::new(),
        skus: Vec::new(),
        site_index: (0_u32..).zip(&input.sites).map(|(i, spec)| (spec.site.clone(), i)).collect(),
        lane_index: (0_u32..).zip(&input.lanes).map(|(i, spec)| (spec.lane.clone(), i)).collect(),
        sku_index: (0_u32..).zip(&input.skus).map(|(i, spec)| (spec.sku.clone(), i)).collect(),
        device_index: (0_u32..).zip(&input.devices).map(|(i, spec)| (spec.device.clone(), i)).collect(),
        vehicle_index: (0_u32..).zip(&input.vehicles).map(|(i, spec)| (spec.vehicle.clone(), i)).collect(),
        rows: Vec::new(),
        row_index: HashMap::new(),
        paths: BTreeMap::new(),
        opening: Vec::new(),
        orders: BTreeMap::new(),
        making: BTreeMap::new(),
        picks: BTreeMap::new(),
        deliveries: BTreeMap::new(),
        shipments: BTreeMap::new(),
        serial: 0,
        vehicles: Vec::new(),
        devices: Vec::new(),
        demand: Vec::new(),
        zones: Vec::new(),
        seasons: Vec::new(),
        resends: BTreeMap::new(),
        answers: BTreeMap::new(),
        measuring: BlockKey::new(seed, Purpose::Measuring),
        clock: super::TimeText::new(),
        totals: Totals::default(),
        config,
    };
    world.add_sites(input);
    world.add_lanes(input)?;
    world.add_stock(input)?;
    world.add_vehicles(input)?;
    world.add_devices(input)?;
    world.add_shipments(input)?;
    world.add_demand(input)?;
    world.plan_start();
    Ok(world)
}

impl World {
    fn add_sites(&mut self, input: &WorldInput) {
        let hall = |site: &SiteId| input.plans.iter().find(|plan| plan.site == *site).and_then(Hall::of).map(Arc::new);
        self.sites = input
            .sites
            .iter()
            .map(|spec| Site {
                id: spec.site.clone(),
                kind: spec.kind,
                position: spec.position,
                offset_secs: solar_offset_secs(spec.position.lon()),
                subject: subject(&[spec.site.as_str()]),
                lanes_out: Vec::new(),
                rows: Vec::new(),
                ships_on: Vec::new(),
                reporter: 0,
                height: 0,
                orders: 0,
                open_picks: 0,
                hall: hall(&spec.site),
            })
            .collect();
        self.skus = input
            .skus
            .iter()
            .map(|spec| Sku { id: spec.sku.clone(), mass_g: spec.mass_g.0, class: spec.temperature })
            .collect();
    }

    fn add_lanes(&mut self, input: &WorldInput) -> Result<(), WorldError> {
        for (index, spec) in (0_u32..).zip(&input.lanes) {
            let from = find(&self.site_index, "site", &spec.from, "lane", &spec.lane)?;
            let to = find(&self.site_index, "site", &spec.to, "lane", &spec.lane)?;
            let end = self.sites[to as usize].position;
            let track = Track::new(self.sites[from as usize].position, spec.via.iter().copied().chain([end]));
            let given_m = spec.distance_m.0 as f64;
            let span = |secs: Seconds| super::stock::nanos(secs.to_duration()).min(hours(24 * 3_660));
            self.lanes.push(Lane {
                id: spec.lane.clone(),
                from,
                to,
                mode: spec.mode,
                lead: span(spec.lead_time_secs),
                lead_sd: span(spec.lead_time_sd_secs),
                distance_m: if given_m > 0.0 { given_m } else { track.length_m() },
                track,
                departs_every: spec.departs_every_secs.map(span).filter(|every| *every > 0),
                has_vehicle: false,
                subject: subject(&["lane", spec.lane.as_str()]),
                waiting: VecDeque::new(),
                carrier_called: false,
                carriers: 0,
            });
            self.sites[from as usize].lanes_out.push(index);
        }
        Ok(())
    }

    fn add_stock(&mut self, input: &WorldInput) -> Result<(), WorldError> {
        for spec in &input.stock {
            let of = &format!("{} of {}", spec.sku, spec.site);
            let site = find(&self.site_index, "site", &spec.site, "stock", of)?;
            let sku = find(&self.sku_index, "sku", &spec.sku, "stock", of)?;
            let source = spec.source.as_ref().map(|source| find(&self.site_index, "site", source, "stock", of));
            let source = source.transpose()?.filter(|source| *source != site);
            let policy = spec.reorder_point.zip(spec.order_up_to).map(|(low, high)| (low.0, high.0));
            let index = self.row(site, sku);
            let row = &mut self.rows[index];
            row.on_hand = spec.on_hand.0;
            row.reserved = spec.reserved.0;
            row.in_transit = spec.in_transit.0;
            row.on_order = spec.on_order.0;
            row.policy = policy;
            row.source = source;
            if spec.on_order.0 > 0 {
                self.opening.push(Opening { row: index as u32, pieces: spec.on_order.0 });
            }
        }
        // Longest chain of sources above each site, within as many rounds as there can be links.
        let mut links: Vec<(u32, u32)> =
            self.rows.iter().filter_map(|row| row.source.map(|source| (row.site, source))).collect();
        links.sort_unstable();
        links.dedup();
        for _ in 0..32 {
            let mut changed = false;
            for &(site, source) in &links {
                let above = self.sites[site as usize].height + 1;
                if site != source && self.sites[source as usize].height < above && above <= 32 {
                    self.sites[source as usize].height = above;
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        Ok(())
    }

    fn add_vehicles(&mut self, input: &WorldInput) -> Result<(), WorldError> {
        for spec in &input.vehicles {
            let home = find(&self.site_index, "site", &spec.home, "vehicle", &spec.vehicle)?;
            let round = self.round(spec)?;
            let stands = round.first().map_or(home, |step| self.lanes[step.lane as usize].from);
            self.vehicles.push(Vehicle {
                id: spec.vehicle.clone(),
                subject: subject(&["vehicle", spec.vehicle.as_str()]),
                kind: spec.kind,
                mode: spec.mode,
                capacity_g: spec.capacity_g.0,
                class: spec.temperature,
                speed_m_per_s: f64::from(spec.speed_m_per_h) / 3_600.0,
                round,
                round_at: 0,
                place: Place::Site(stands),
                cargo: Vec::new(),
                mission: None,
                plan: 0,
                legs: 0,
                breakdowns: 0,
                broken: false,
                holds: 0,
                held: false,
            });
        }
        for index in 0..self.vehicles.len() {
            for step in self.vehicles[index].round.clone() {
                self.lanes[step.lane as usize].has_vehicle |= !step.reversed;
            }
        }
        Ok(())
    }

    /// A vehicle's route and, unless it ends where it starts, the way back: on the lanes back where there are
    /// such, else against the same ones.
    fn round(&self, spec: &VehicleSpec) -> Result<Vec<Step>, WorldError> {
        let mut round = Vec::new();
        for name in &spec.route {
            let lane = find(&self.lane_index, "lane", name, "vehicle", &spec.vehicle)?;
            let starts = self.lanes[lane as usize].from;
            if let Some(Step { lane: before, .. }) = round.last()
                && self.lanes[*before as usize].to != starts
            {
                return Err(WorldError::Route { vehicle: spec.vehicle.to_string(), lane: name.to_string() });
            }
            round.push(Step { lane, reversed: false });
        }
        let (Some(first), Some(last)) = (round.first(), round.last()) else { return Ok(round) };
        if self.lanes[first.lane as usize].from != self.lanes[last.lane as usize].to {
            let back: Vec<Step> = round.iter().rev().map(|step| self.back(step.lane)).collect();
            round.extend(back);
        }
        Ok(round)
    }

    fn back(&self, lane: u32) -> Step {
        let out = &self.lanes[lane as usize];
        let candidates = self.sites[out.to as usize].lanes_out.iter().copied();
        let back = candidates.into_iter().find(|back| {
            let back = &self.lanes[*back as usize];
            back.to == out.from && back.mode == out.mode
        });
        back.map_or(Step { lane, reversed: true }, |lane| Step { lane, reversed: false })
    }

    fn add_devices(&mut self, input: &WorldInput) -> Result<(), WorldError> {
        for spec in &input.devices {
            let site = find(&self.site_index, "site", &spec.site, "device", &spec.device)?;
            let named = spec.vehicle.as_ref();
            let on = named.map(|vehicle| find(&self.vehicle_index, "vehicle", vehicle, "device", &spec.device));
            let on = on.transpose()?.or_else(|| {
                let carries = |vehicle: &VehicleSpec| vehicle.device.as_ref() == Some(&spec.device);
                input.vehicles.iter().position(carries).map(|index| index as u32)
            });
            let is_tracker = spec.kind == DeviceKind::Tracker
                || on.is_some_and(|vehicle| input.vehicles[vehicle as usize].device.as_ref() == Some(&spec.device));
            self.add_device(spec, site, on, is_tracker);
        }
        let reports = |device: &Device| match device.kind {
            DeviceKind::WarehouseSystem => Some(0),
            DeviceKind::Scanner => Some(1),
            _ => None,
        };
        if !self.devices.iter().any(|device| reports(device).is_some())
            && let Some(site) = input.sites.first()
            && let Ok(device) = DeviceId::new(REPORTER)
        {
            let spec = DeviceSpec {
                device,
                site: site.site.clone(),
                kind: DeviceKind::WarehouseSystem,
                vehicle: None,
                interval_secs: Seconds(300),
                metrics: Vec::new(),
            };
            self.device_index.insert(spec.device.clone(), self.devices.len() as u32);
            self.add_device(&spec, 0, None, false);
        }
        let ranked = (0_u32..).zip(&self.devices);
        let mut best: Vec<(u32, u8, u32)> =
            ranked.filter_map(|(index, device)| reports(device).map(|rank| (device.site, rank, index))).collect();
        best.sort_unstable();
        if let Some(&(_, _, anyone)) = best.iter().min_by_key(|(site, rank, _)| (*rank, *site)) {
            self.sites.iter_mut().for_each(|site| site.reporter = anyone);
        }
        for &(site, _, device) in best.iter().rev() {
            self.sites[site as usize].reporter = device;
        }
        Ok(())
    }

    fn add_device(&mut self, spec: &DeviceSpec, site: u32, vehicle: Option<u32>, locates: bool) {
        let name = subject(&["device", spec.device.as_str()]);
        let character = block(BlockKey::new(self.config.seed, Purpose::Character), name, 0);
        let cbor = u64::from(character[0]) * 1_000 < u64::from(self.config.cbor_permille) << 32;
        let base = format!("{PREFIX}/{}/{}/{}/", self.tenant, self.sites[site as usize].id, spec.device);
        let hauler =
            vehicle.filter(|vehicle| self.vehicles[*vehicle as usize].kind == VehicleKind::Agv).and_then(|_| {
                let hall = self.sites[site as usize].hall.as_ref()?;
                Some(Box::new(Hauler::new(hall.clone(), self.config.seed, name, self.now)))
            });
        let measures = |metric: &MetricSpec| match metric.metric.as_str() {
            "x" if hauler.is_some() => Model::InHall { axis: 0 },
            "y" if hauler.is_some() => Model::InHall { axis: 1 },
            _ => model(metric),
        };
        let models: Vec<Model> = spec.metrics.iter().map(measures).collect();
        let thermometer = models.iter().position(|model| *model == Model::Temperature);
        let samples = spec.metrics.iter().zip(&models).map(|(metric, model)| {
            let first = match model {
                Model::Battery if metric.kind == firmware_schemas::network::MetricKind::Integer => Sample::Integer(0),
                Model::Level { low, span } => Sample::Milli(low + span / 2),
                Model::Count | Model::OpenOrders | Model::Scans => Sample::Integer(0),
                Model::Door | Model::Switch => Sample::Boolean(false),
                Model::Words => Sample::Text("ok"),
                _ => Sample::Milli(0),
            };
            (metric.metric.clone(), first)
        });
        let interval = spec.interval_secs.0.max(1) as f64 * self.config.interval_scale;
        self.devices.push(Device {
            id: spec.device.clone(),
            subject: name,
            site,
            vehicle,
            kind: spec.kind,
            encoding: if cbor { Encoding::Cbor } else { Encoding::Json },
            telemetry_topic: format!("{base}telemetry"),
            base,
            interval: secs(interval.clamp(0.001, 31_557_600.0)).max(1_000_000),
            samples: samples.collect(),
            metrics: spec.metrics.clone(),
            climate: Climate::new(
                thermometer.map(|at| &spec.metrics[at]),
                [character[1], character[2], character[3], character[0].rotate_left(16)],
            ),
            models,
            locates: locates && vehicle.is_some(),
            hauler,
            reports_goods: matches!(spec.kind, DeviceKind::WarehouseSystem | DeviceKind::Scanner),
            offset_secs: self.sites[site as usize].offset_secs,
            boot: u64::try_from(self.config.start.as_secs()).unwrap_or(0),
            seq: 0,
            ticks: 0,
            reports: 0,
            measured_at: self.now,
            said_something: true,
            reach: Reach::Online,
            clock_off: 0,
            faults: 0,
            kept: VecDeque::new(),
            inbox: VecDeque::new(),
            answered: VecDeque::new(),
        });
    }

    fn add_shipments(&mut self, input: &WorldInput) -> Result<(), WorldError> {
        for (index, spec) in (0_u32..).zip(&input.vehicles) {
            let lane = input.whereabouts.get(&spec.vehicle).and_then(|(lane, permille)| {
                let lane = *self.lane_index.get(lane)?;
                let round = &self.vehicles[index as usize].round;
                Some((round.iter().position(|step| step.lane == lane)?, *permille))
            });
            self.place_vehicle(index, lane.or(spec.progress_permille.map(|permille| (0, permille))));
        }
        for spec in &input.shipments {
            let from = find(&self.site_index, "site", &spec.from, "shipment", &spec.shipment)?;
            let to = find(&self.site_index, "site", &spec.to, "shipment", &spec.shipment)?;
            let lane = spec.lane.as_ref().map(|lane| find(&self.lane_index, "lane", lane, "shipment", &spec.shipment));
            let vehicle = spec.vehicle.as_ref();
            let vehicle = vehicle.map(|name| find(&self.vehicle_index, "vehicle", name, "shipment", &spec.shipment));
            let (lane, vehicle) = (lane.transpose()?, vehicle.transpose()?);
            let line = |line: &firmware_schemas::network::ShipmentLineSpec| {
                let sku = find(&self.sku_index, "sku", &line.sku, "shipment", &spec.shipment)?;
                Ok((sku, line.quantity.0))
            };
            let lines = spec.lines.iter().map(line).collect::<Result<Vec<_>, WorldError>>()?;
            let due_in = super::stock::nanos(spec.due_in_secs.to_duration()).min(hours(24 * 3_660));
            let name = subject(&["shipment", spec.shipment.as_str()]);
            let mut draw = Stream::new(self.config.seed, name, Purpose::Transport, 0);
            let early = secs(due_in as f64 / 1e9 * draw.between(0.8, 1.0)).max(minutes(1));
            // A vehicle brings it if it is under way on the shipment's lane; else it comes as if by a carrier.
            let under_way = vehicle.and_then(|vehicle| Some((vehicle, self.share_left(vehicle)?)));
            let brings = under_way.filter(|(_, (on, _))| lane == Some(*on)).and_then(|(vehicle, (on, left))| {
                let ashore = self.next_site(vehicle);
                let onward = self.path(ashore, to)?.iter().map(|lane| self.lanes[*lane as usize].lead).sum();
                let rest = self.lanes[on as usize].lead as f64 * left * draw.between(0.9, 1.0);
                Some((vehicle, ashore, onward, self.now + whole_millis(rest as i64)))
            });
            let number = self.next_serial();
            let (ashore, onward, not_before) =
                brings.map_or((to, 0, self.now), |(_, ashore, onward, not_before)| (ashore, onward, not_before));
            self.shipments.insert(
                number,
                Shipment {
                    id: spec.shipment.clone(),
                    from,
                    to,
                    lane,
                    vehicle: brings.map(|(vehicle, ..)| vehicle),
                    lines,
                    due: self.now + due_in,
                    ashore,
                    onward,
                    not_before,
                    waits: lane.is_none() && brings.is_none(),
                    unloading: false,
                    held_until: i64::MIN,
                },
            );
            match brings {
                Some((vehicle, ..)) => self.vehicles[vehicle as usize].cargo.push(number),
                None => self.queue.plan(self.now + early, Rank::Receipt, to, Event::Delivered(number)),
            }
        }
        Ok(())
    }

    fn add_demand(&mut self, input: &WorldInput) -> Result<(), WorldError> {
        let mut by_name = BTreeMap::new();
        for (index, spec) in (0_u32..).zip(&input.seasonality) {
            by_name.insert(spec.name.clone(), index);
            self.seasons.push(season(spec));
        }
        let passes = self.sites.iter().map(|site| site.kind != SiteKind::Customer).collect();
        let servers = Servers::new(passes, self.lanes.iter().map(|lane| (lane.from, lane.to, lane.lead)));
        let mut nearest: HashMap<u32, Search> = HashMap::new();
        let mut zones: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        for (index, spec) in (0_u32..).zip(&input.demand) {
            let of = &format!("{} at {}", spec.sku, spec.site);
            let site = find(&self.site_index, "site", &spec.site, "demand", of)?;
            let sku = find(&self.sku_index, "sku", &spec.sku, "demand", of)?;
            let season = spec.seasonality.as_ref().map(|name| find(&by_name, "seasonality", name, "demand", of));
            let near = nearest.entry(site).or_insert_with(|| servers.search(site));
            let sites = (0..SERVERS_MAX).map_while(|n| near.nth(&servers, n));
            let mut sources = sites.filter_map(|(from, _)| self.row_index.get(&(from, sku))).copied();
            let serves = |row: &u32| {
                let row: &Row = &self.rows[*row as usize];
                row.site == site || row.policy.is_some() || row.on_hand > 0 || row.source.is_some()
            };
            let row = sources.find(serves);
            self.demand.push(demand(spec, site, season.transpose()?, row));
            zones.entry(self.sites[site as usize].offset_secs).or_default().push(index);
        }
        self.zones =
            zones.into_iter().map(|(offset_secs, demand)| Zone { offset_secs, demand, today: Vec::new() }).collect();
        Ok(())
    }

    fn plan_start(&mut self) {
        for device in 0..self.devices.len() as u32 {
            self.queue.plan(self.now, Rank::Begin, device, Event::Begin(device));
        }
        if !self.opening.is_empty() {
            self.queue.plan(self.now, Rank::Begin, u32::MAX, Event::Opening);
        }
        for zone in 0..self.zones.len() as u32 {
            self.queue.plan(self.now, Rank::Midnight, zone, Event::Midnight(zone));
        }
        let every = super::stock::nanos(self.config.review_every).max(minutes(1));
        for (index, site) in (0_u32..).zip(&self.sites) {
            if site.rows.iter().any(|row| self.rows[*row as usize].policy.is_some()) {
                let spread = (mix(self.config.seed, site.subject) % 1_800_000) as i64 * 1_000_000 % every;
                let first = (self.now / every + 1) * every + spread;
                self.queue.plan(first, Rank::Review, site.height, Event::Review(index));
            }
        }
        if self.config.demo_story {
            self.plan_story();
        }
    }
}

fn season(spec: &SeasonalitySpec) -> Season {
    let factors = |permille: &[u32], n: usize| -> Vec<f64> {
        (0..n).map(|i| permille.get(i).map_or(1.0, |factor| f64::from(*factor) / 1e3)).collect()
    };
    let hours = factors(&spec.hour_permille, 24);
    let total: f64 = hours.iter().sum();
    let mut sum = 0.0;
    let hours_up_to = hours.iter().map(|factor| {
        sum += if total > 0.0 { factor / total } else { 1.0 / 24.0 };
        sum
    });
    Season {
        hours_up_to: hours_up_to.collect(),
        weekday: factors(&spec.weekday_permille, 7),
        month: factors(&spec.month_permille, 12),
    }
}

fn demand(spec: &DemandSpec, site: u32, season: Option<u32>, row: Option<u32>) -> Demand {
    let size_milli = spec.order_size_milli.max(1_000);
    Demand {
        site,
        subject: subject(&["demand", spec.site.as_str(), spec.sku.as_str()]),
        orders_per_day: spec.rate_micro as f64 / size_milli as f64 / 1e3,
        size: size_milli as f64 / 1e3,
        size_cv2: spec.order_size_cv2_milli as f64 / 1e3,
        season,
        row,
    }
}
