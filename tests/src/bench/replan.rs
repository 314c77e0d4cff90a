//! A day of 200 open shipments is repaired while vans drive it: one is stranded, 20 shipments come. How long that
//! takes, what it costs and how many promised times move, beside a plan made anew.

use super::{Figure, Goal, Options};
use anyhow::{Context, Result, anyhow, ensure};
use firmware_schemas::api::routes::{RouteCosts, RoutesRequest, RoutesView};
use firmware_schemas::command::CommandFrame;
use firmware_schemas::fact::{DeviceIdx, Fact};
use firmware_schemas::id::{OperationId, ShipmentId, SiteId, SkuId, VehicleId};
use firmware_schemas::network::{ShipmentLineSpec, ShipmentSpec};
use firmware_schemas::quantity::{Pieces, Seconds, Timestamp};
use firmware_schemas::telemetry::{AckFrame, Outcome};
use gateway::routes::{Day, dispatch};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use twin::Twin;
use twin::network::parse;

const VANS: usize = 24;
const HUBS: usize = 4;
const SITES: usize = 80;
/// How long to look, in seconds: at first, and for a repair.
const FIRST_SECS: u32 = 20;
const REPAIR_SECS: u32 = 5;

/// `--n`: shipments that are open when the van is stranded, 200 by default.
pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let open = options.n.unwrap_or(200) as usize;
    let mut world = World::new(open)?;
    let first = world.look(&RoutesRequest { search_secs: FIRST_SECS, ..request() }, "first")?.0;
    world.give(first.clone(), Vec::new())?;
    let stranded = world.begin()?;
    world.shipments(open, 20)?;
    let vehicles = world.twin.routes.keys().filter(|it| **it != stranded).cloned().collect::<Vec<_>>();
    let without = vec![stranded];
    let base = RoutesRequest { vehicles, without, search_secs: REPAIR_SECS, repair: true, ..request() };
    let (repaired, took) = world.look(&base, "repaired")?;
    let free = RouteCosts { moved_per_hour_minor: 0, ..base.costs };
    let (unweighted, _) = world.look(&RoutesRequest { costs: free, ..base.clone() }, "unweighted")?;
    let few = RoutesRequest { search_secs: 1, ..base.clone() };
    let (quick, quick_took) = world.look(&few, "quick")?;
    let mut figures = vec![
        Figure::alone("open shipments", (open + 20) as f64, "", Goal::None),
        Figure::alone("vans that drive", base.vehicles.len() as f64, "", Goal::None),
        Figure::alone("repair: until it is judged", took.as_secs_f64(), "s", Goal::AtMost(5.5)),
        Figure::alone("repair of 1 s: until it is judged", quick_took.as_secs_f64(), "s", Goal::None),
    ];
    for (name, view) in [("repair", &repaired), ("repair of 1 s", &quick), ("repair, promises free", &unweighted)] {
        let kept = view.repair.as_ref().context("a repair")?;
        let unserved = view
            .unserved
            .iter()
            .filter(|it| !matches!(it.reason, firmware_schemas::api::routes::UnservedReason::OnBoard));
        let count = |what: &str, n: f64| Figure::alone(format!("{name}: {what}"), n, "", Goal::None);
        figures.extend([
            count("steps of the search", view.iterations as f64),
            count("promised", f64::from(kept.promised)),
            count("promised times that move", f64::from(kept.moved)),
            count("promises not kept at all", f64::from(kept.broken)),
            count("not done", unserved.count() as f64),
            Figure::alone(format!("{name}: driven"), view.distance_m.0 as f64 / 1e3, "km", Goal::None),
        ]);
    }
    Ok(figures)
}

fn request() -> RoutesRequest {
    RoutesRequest { horizon_secs: 16 * 3_600, ..RoutesRequest::default() }
}

struct World {
    twin: Twin,
    now: Timestamp,
    sites: Vec<SiteId>,
    state: u64,
}

impl World {
    fn new(open: usize) -> Result<Self> {
        let mut state = 2_026_u64;
        let mut sites = "site,kind,name,name_zh,lat,lon,country,time_zone,tier,partner_class\n".to_owned();
        let mut names = Vec::new();
        for i in 0..HUBS + SITES {
            let (lat, lon) = (51.3 + 0.4 * unit(&mut state), -0.5 + 0.7 * unit(&mut state));
            let (name, kind) =
                if i < HUBS { (format!("HUB-{i}"), "regional_warehouse") } else { (format!("S-{i}"), "shop") };
            sites += &format!("{name},{kind},{name},,{lat:.5},{lon:.5},GB,Europe/London,1,\n");
            names.push(SiteId::new(&name)?);
        }
        let mut vehicles =
            "vehicle,kind,name,capacity_g,temperature,home,route,progress_permille,speed_m_per_h,device\n".to_owned();
        let mut devices = "device,site,kind,vehicle,interval_secs,metrics\n".to_owned();
        for i in 0..VANS {
            let home = i % HUBS;
            vehicles += &format!("VAN-{i:02},van,Van,1000000,dry,HUB-{home},,,45000,GPS-{i:02}\n");
            devices += &format!("GPS-{i:02},HUB-{home},tracker,VAN-{i:02},30,speed:km/h:float\n");
        }
        let head = "format = 1\nname = \"B\"\ntenant = \"b\"\ncurrency = \"GBP\"\ntime_zone = \"Europe/London\"\n";
        let lanes = "lane,from,to,mode,lead_time_h,lead_time_sd_h,distance_m,via,cost_minor,cost_per_tonne_minor,departs_every_h,two_way\n";
        let skus = "sku,name,name_zh,unit,mass_g,volume_ml,value_minor,temperature,temperature_min_c,temperature_max_c,shelf_life_days\n\
            BOX,Box,,box,10000,1,100,dry,,,\n";
        let stock = "site,sku,on_hand,reserved,in_transit,on_order,reorder_point,order_up_to,source\n";
        let files: BTreeMap<&str, String> = BTreeMap::from([
            ("network.toml", head.to_owned()),
            ("sites.csv", sites),
            ("lanes.csv", lanes.to_owned()),
            ("skus.csv", skus.to_owned()),
            ("vehicles.csv", vehicles),
            ("devices.csv", devices),
            ("stock.csv", stock.to_owned()),
        ]);
        let network = parse(&|name: &str| files.get(name).map(|text| Cow::Owned(text.clone())))
            .map_err(|errors| anyhow!("{errors:?}"))?;
        let now = Timestamp::parse_rfc3339("2026-11-23T06:00:00Z").context("a time")?;
        let mut world = Self { twin: Twin::default(), now, sites: names, state };
        for fact in world.twin.define(&network, now) {
            world.take(&fact)?;
        }
        world.shipments(0, open)?;
        Ok(world)
    }

    fn take(&mut self, fact: &Fact) -> Result<()> {
        self.twin.apply(self.twin.revision + 1, fact, &mut Vec::new()).map_err(|why| anyhow!("{why}"))
    }

    /// Shipments of 30 to 150 kg from a hub to a shop near or far, due within 3 to 10 hours.
    fn shipments(&mut self, from: usize, n: usize) -> Result<()> {
        let mut below = |most: usize| ((unit(&mut self.state) * most as f64) as usize).min(most - 1);
        let mut shipments = Vec::new();
        for i in from..from + n {
            let (hub, shop) = (below(HUBS), HUBS + below(SITES));
            shipments.push(ShipmentSpec {
                shipment: ShipmentId::new(&format!("J-{i:04}"))?,
                from: self.sites[hub].clone(),
                to: self.sites[shop].clone(),
                lane: None,
                vehicle: None,
                due_in_secs: Seconds(3_600 * (3 + below(8) as u64)),
                lines: vec![ShipmentLineSpec { sku: SkuId::new("BOX")?, quantity: Pieces(3 + below(13) as i64) }],
            });
        }
        self.take(&Fact::ShipmentsDefined { at: self.now, shipments })
    }

    fn look(&self, request: &RoutesRequest, id: &str) -> Result<(RoutesView, Duration)> {
        let began = Instant::now();
        let day = Day::of(&self.twin, request, self.now).map_err(|faults| anyhow!("{faults:?}"))?;
        let found =
            day.solve(OperationId::new(id)?, || began.elapsed(), || false, |_| {}).map_err(|why| anyhow!(why))?;
        Ok((found.context("routes")?, began.elapsed()))
    }

    fn give(&mut self, found: RoutesView, stopped: Vec<VehicleId>) -> Result<()> {
        let give = dispatch::give(found, &self.twin, &[], stopped, None, Vec::new())?;
        self.take(&Fact::RoutesGiven {
            at: self.now,
            plan: give.plan,
            by: None,
            routes: give.routes,
            stopped: give.stopped,
        })
    }

    /// Vans are told to go, load where they stand, and drive off an hour after; gives one that does not.
    fn begin(&mut self) -> Result<VehicleId> {
        for _ in 0..2 {
            for vehicle in self.twin.routes.keys().cloned().collect::<Vec<_>>() {
                let Some((device, command, action)) = self.twin.next_command(&vehicle, self.now) else { continue };
                let frame = CommandFrame { command, issued_at: self.now, expires_at: None, action };
                self.take(&Fact::CommandIssued { device, command: frame.clone() })?;
                let carries = matches!(frame.action, firmware_schemas::command::Action::Carry { .. });
                self.answer(device, &frame, if carries { Outcome::Accepted } else { Outcome::Done })?;
            }
            self.now = self.now.saturating_add(Duration::from_secs(1_800));
        }
        let under_way = self.twin.routes.iter().filter(|(_, route)| route.is_under_way());
        let most = under_way.max_by_key(|(_, route)| route.to_come().len());
        let (vehicle, command) =
            most.map(|(vehicle, route)| (vehicle.clone(), route.command.clone())).context("a van")?;
        let record = self.twin.commands.get(&command.context("told")?).context("a command")?.clone();
        self.answer(DeviceIdx(record.device), &record.frame, Outcome::Rejected)?;
        ensure!(self.twin.routes[&vehicle].trouble.is_some(), "it is stranded");
        Ok(vehicle)
    }

    fn answer(&mut self, device: DeviceIdx, frame: &CommandFrame, outcome: Outcome) -> Result<()> {
        let id = self.twin.devices[device.0 as usize].device.clone();
        let answer = AckFrame { device: id, command: frame.command.clone(), at: None, outcome, reason: None };
        self.take(&Fact::CommandAnswered { device, received_at: self.now, answer })
    }
}

/// The next number in 0 to 1.
fn unit(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 11) as f64 / (1_u64 << 53) as f64
}
