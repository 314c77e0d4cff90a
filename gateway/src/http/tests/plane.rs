//! A gateway for the tests of HTTP: the real control loop, journal and store, one after the other instead of
//! on threads, and a clock that stands.

use crate::config::Replan;
use crate::control::{Control, ControlConfig, Effect, Event, Reply, RequestError};
use crate::disk::Folder;
use crate::http::stream::Hub;
use crate::http::{App, Asked, Limits, Published, router};
use crate::instrument::{Health, Metrics, Part};
use crate::journal::test_folder::TestFolder;
use crate::journal::{Journal, JournalConfig, JournalReader};
use crate::past::Past;
use crate::planning::Planner;
use crate::ports::Clock;
use crate::routes::replanner::{self, Replanner};
use crate::store::{EmbeddedStore, Point, Store, StoreConfig, Upkeep};
use crate::webhooks::Webhooks;
use crate::what_if::{Settings, Sources, WhatIf};
use ::twin::Twin;
use ::twin::alert::AlertRules;
use ::twin::network::{Network, parse};
use ::twin::observe::ObserveRules;
use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use firmware_schemas::fact::{Fact, SeriesId};
use firmware_schemas::id::TenantId;
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::route::ReplanOutcome;
use firmware_schemas::view::Delta;
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tower::ServiceExt;

pub(super) const NOW: &str = "2026-11-22T12:00:00Z";

/// Shows what it was told.
pub(super) struct StandingClock(AtomicI64);

impl StandingClock {
    pub(super) fn pass(&self, span: Duration) {
        self.0.fetch_add(span.as_nanos() as i64, Ordering::SeqCst);
    }
}

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst) as u64)
    }
}

type Waiting = Option<oneshot::Sender<Result<Reply, RequestError>>>;

struct Core {
    control: Control<Waiting>,
    journal: Journal,
}

/// Everything behind the router.
pub(super) struct Plane {
    core: Mutex<Core>,
    store: Arc<EmbeddedStore>,
    pub(super) published: Arc<ArcSwap<Published>>,
    pub(super) hub: Arc<Hub>,
    pub(super) health: Arc<Health>,
    pub(super) clock: Arc<StandingClock>,
    pub(super) router: Router,
    /// Its thread is not started.
    pub(super) what_if: Arc<WhatIf>,
    /// Nor is its.
    pub(super) planner: Arc<Planner>,
    /// Nothing is sent.
    pub(super) webhooks: Arc<Webhooks>,
    requests: mpsc::Sender<Asked>,
    pub(super) past: Arc<Past>,
    /// The journal's.
    pub(super) disk: Arc<Folder>,
    tenant: TenantId,
    _folder: TestFolder,
}

const NETWORK: [(&str, &str); 9] = [
    (
        "network.toml",
        "format = 1\nname = \"Test\"\ntenant = \"acme\"\ncurrency = \"EUR\"\ntime_zone = \"Europe/Berlin\"\n",
    ),
    (
        "sites.csv",
        "site,kind,name,name_zh,lat,lon,country,time_zone,tier,partner_class\n\
         PORT-SHA,port,Port of Shanghai,上海港,31.23,121.49,CN,Asia/Shanghai,3,\n\
         PORT-HAM,port,Port of Hamburg,,53.54,9.97,DE,Europe/Berlin,2,\n\
         WH-HAM,central_warehouse,Hamburg warehouse,,53.50,10.02,DE,Europe/Berlin,1,\n\
         SHOP-1,shop,Shop in Kiel,,54.32,10.13,DE,Europe/Berlin,0,\n\
         SHOP-2,shop,Shop in Lyon,,45.76,4.83,FR,Europe/Paris,0,\n",
    ),
    (
        "lanes.csv",
        "lane,from,to,mode,lead_time_h,lead_time_sd_h,distance_m,via,cost_minor,cost_per_tonne_minor,departs_every_h,two_way\n\
         SHA-HAM,PORT-SHA,PORT-HAM,sea,720,24,20000000,1.2 104;36 -6,100,10,168,false\n\
         HAM-WH,PORT-HAM,WH-HAM,road,1,0,12000,,10,1,,true\n\
         WH-SHOP-1,WH-HAM,SHOP-1,road,2,0,100000,,10,1,,true\n",
    ),
    (
        "skus.csv",
        "sku,name,name_zh,unit,mass_g,volume_ml,value_minor,temperature,temperature_min_c,temperature_max_c,shelf_life_days\n\
         TEA-01,Green tea,绿茶,box,120,300,450,dry,,,\n\
         MILK-01,Milk,,bottle,1030,1000,99,chilled,2,8,10\n\
         RICE-01,Rice,,bag,1000,1200,210,dry,,,\n",
    ),
    (
        "stock.csv",
        "site,sku,on_hand,reserved,in_transit,on_order,reorder_point,order_up_to,source\n\
         WH-HAM,TEA-01,500,0,0,0,100,600,PORT-HAM\n\
         WH-HAM,MILK-01,80,0,0,0,60,200,\n\
         WH-HAM,RICE-01,30,0,0,0,50,200,\n\
         SHOP-1,TEA-01,4,0,0,0,5,20,WH-HAM\n\
         SHOP-1,MILK-01,0,0,0,0,5,20,WH-HAM\n\
         SHOP-2,TEA-01,9,0,0,0,5,20,WH-HAM\n",
    ),
    (
        "vehicles.csv",
        "vehicle,kind,name,capacity_g,temperature,home,route,progress_permille,speed_m_per_h,device\n\
         TRUCK-1,truck,Truck One,9000000,chilled,WH-HAM,,,70000,GPS-1\n",
    ),
    (
        "devices.csv",
        "device,site,kind,vehicle,interval_secs,metrics\n\
         COLD-1,WH-HAM,cold_room,,60,temperature:Cel:float:2..8;door.open::boolean\n\
         GPS-1,WH-HAM,tracker,TRUCK-1,30,speed:km/h:float\n\
         SCAN-1,WH-HAM,scanner,,300,\n",
    ),
    (
        "site_plans.csv",
        "site,part,x_m,y_m,width_m,height_m,sku,sensor\n\
         WH-HAM,hall,0,0,40,20.5,,\n\
         WH-HAM,chilled,0,5,20,10,,COLD-1\n\
         WH-HAM,slot,3,8,2.7,1.2,MILK-01,\n\
         WH-HAM,slot,5.7,8,2.7,1.2,,\n\
         WH-HAM,dock_in,10,0,,,,\n",
    ),
    (
        "demand.csv",
        "site,sku,rate_per_day,order_size,order_size_cv2,seasonality\n\
         SHOP-1,TEA-01,3,1.4,0.5,\n\
         SHOP-1,MILK-01,2,1.4,0.5,\n\
         SHOP-2,TEA-01,1,1.4,0.5,\n",
    ),
];

fn facts(network: &Network) -> Vec<Fact> {
    vec![
        Fact::NetworkDefined(network.head().clone()),
        Fact::SitesDefined(network.sites().to_vec()),
        Fact::LanesDefined(network.lanes().to_vec()),
        Fact::SkusDefined(network.skus().to_vec()),
        Fact::VehiclesDefined(network.vehicles().to_vec()),
        Fact::DevicesDefined(network.devices().to_vec()),
        Fact::StockDefined(network.stock().to_vec()),
        Fact::PlansDefined(network.plans().to_vec()),
    ]
}

impl Plane {
    /// The network above, with changes to the limits.
    pub(super) fn new(change: impl FnOnce(&mut Limits)) -> Arc<Self> {
        let file = |name: &str| {
            let text = NETWORK.iter().find(|(file, _)| *file == name).map(|(_, text)| *text);
            text.map(Cow::Borrowed)
        };
        let network = parse(&file).unwrap_or_else(|errors| panic!("{errors:#?}"));
        Self::of(&network, change)
    }

    pub(super) fn of(network: &Network, change: impl FnOnce(&mut Limits)) -> Arc<Self> {
        let start = Timestamp::parse_rfc3339(NOW).unwrap();
        let clock = Arc::new(StandingClock(AtomicI64::new(start.as_nanos())));
        let folder = TestFolder::new("http");
        let disk = Arc::new(Folder::open(folder.path().join("journal")).unwrap());
        let snapshots = disk.clone();
        let (journal, _) = Journal::open(disk, JournalConfig::default()).unwrap();
        let disk = Arc::new(Folder::open(folder.path().join("store")).unwrap());
        let config = StoreConfig { upkeep: Upkeep::Inline, ..StoreConfig::default() };
        let store = Arc::new(EmbeddedStore::open(disk, config).unwrap());
        let tenant = TenantId::new("acme").unwrap();
        let mut limits = Limits { reply_timeout: Duration::from_secs(5), ..Limits::default() };
        change(&mut limits);
        let config = ControlConfig {
            tenant: tenant.clone(),
            observe: ObserveRules::default(),
            alerts: AlertRules::default(),
            mappings: Arc::default(),
        };
        let control = Control::new(config, Twin::default(), start);
        let published = Arc::new(ArcSwap::from_pointee(Published::default()));
        let hub = Arc::new(Hub::new(1_000, 0));
        let health = Arc::new(Health::new(clock.clone()));
        for part in Part::ALL {
            health.ready(part, "well");
        }
        let (requests, mut asked) = mpsc::channel(4);
        let what_if = WhatIf::open(
            Settings { threads: 2, kept: 4, queue_max: 2, memory_bytes_max: 1 << 28 },
            Sources {
                published: published.clone(),
                journal: journal.reader(),
                snapshots: snapshots.clone(),
                network: Some(Arc::new(network.clone())),
                clock: clock.clone(),
            },
            Arc::new(Folder::open(folder.path().join("what-if")).unwrap()),
        )
        .unwrap();
        let asking = requests.clone();
        let planner = Planner::new(
            crate::planning::Settings { every: None, threads: 2 },
            published.clone(),
            clock.clone(),
            requests.clone(),
        );
        let disk = Arc::new(Folder::open(folder.path().join("webhooks")).unwrap());
        let config = (&crate::config::Webhooks { receivers_max: 2, ..crate::config::Webhooks::default() }).into();
        let webhooks = Webhooks::open(config, journal.reader(), published.clone(), disk).unwrap();
        let past = Arc::new(Past::new(snapshots.clone(), journal.reader(), tenant.clone(), 1));
        let router = router(App {
            tenant: tenant.clone(),
            published: published.clone(),
            clock: clock.clone(),
            requests,
            hub: hub.clone(),
            store: store.clone(),
            journal: journal.reader(),
            health: health.clone(),
            metrics: Arc::new(Metrics::new()),
            reads: App::reads(&limits),
            what_if: what_if.clone(),
            planner: planner.clone(),
            webhooks: webhooks.clone(),
            followers: App::followers(&limits),
            past: past.clone(),
            limits,
        });
        let core = Mutex::new(Core { control, journal });
        let plane = Arc::new(Self {
            core,
            store,
            published,
            hub,
            health,
            clock,
            router,
            what_if,
            planner,
            webhooks,
            requests: asking,
            past,
            disk: snapshots,
            tenant,
            _folder: folder,
        });
        plane.step(Event::NetworkGiven(facts(network)));
        let weak = Arc::downgrade(&plane);
        tokio::spawn(async move {
            while let Some(Asked { request, reply }) = asked.recv().await {
                let Some(plane) = weak.upgrade() else { return };
                plane.step(Event::Asked { ticket: Some(reply), request });
            }
        });
        plane
    }

    /// Takes an event, and does all that follows, down to the disk.
    pub(super) fn step(&self, event: Event<Waiting>) {
        let mut core = self.core.lock().unwrap();
        let now = self.clock.now();
        let mut effects = VecDeque::from(core.control.step(event, now).unwrap());
        effects.extend(core.control.step(Event::BatchDue, now).unwrap());
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Commit(records) => {
                    for record in records.iter() {
                        core.journal.append(record).unwrap();
                    }
                    let up_to = core.journal.commit().unwrap().0;
                    effects.extend(core.control.step(Event::Stored { up_to }, now).unwrap());
                }
                Effect::Publish(durable) => {
                    let seq = durable.twin.revision;
                    let points: Vec<(SeriesId, Point)> = durable
                        .points
                        .iter()
                        .map(|it| (it.series, Point { at: it.at, value: it.value.clone(), quality: it.quality }))
                        .collect();
                    self.store.append(seq, &points).unwrap();
                    let changes = durable.twin.changes(&durable.touched, &self.tenant, durable.at);
                    self.published.store(Arc::new(Published { twin: durable.twin, delta_seq: seq }));
                    self.hub.publish(Delta { seq, at: durable.at, changes });
                }
                Effect::Answer(ticket, answer) => {
                    if let Some(ticket) = ticket {
                        ticket.send(answer).ok();
                    }
                }
                Effect::Acknowledge(_) | Effect::Send { .. } => {}
            }
        }
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    pub(super) fn journal(&self) -> JournalReader {
        self.core.lock().unwrap().journal.reader()
    }

    /// Posts JSON to another router.
    pub(super) async fn ask(&self, router: &Router, path: &str, body: &str) -> Answer {
        let request = Request::post(path).header("Content-Type", "application/json");
        Answer::of(router, request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// A message comes in.
    pub(super) fn hear(&self, topic: &str, payload: &str) {
        let payload = Bytes::copy_from_slice(payload.as_bytes());
        self.step(Event::FrameArrived { ticket: None, topic: topic.into(), payload });
    }

    /// A temperature of COLD-1, so many seconds after the start, when it is measured.
    pub(super) fn hear_temperature(&self, secs: u64, celsius: f64) {
        let at = Timestamp::parse_rfc3339(NOW).unwrap().saturating_add(Duration::from_secs(secs));
        self.clock.0.fetch_max(at.as_nanos(), Ordering::SeqCst);
        let readings = format!(r#"[{{"metric":"temperature","at":"{at}","value":{celsius:?}}}]"#);
        self.hear(
            "portolan/v1/acme/WH-HAM/COLD-1/telemetry",
            &format!(r#"{{"device":"COLD-1","readings":{readings}}}"#),
        );
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(&self.router, request).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// With a body of JSON, or none where it is empty.
    pub(super) async fn post(&self, path: &str, key: Option<&str>, body: &str) -> Answer {
        let mut request = Request::post(path);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if !body.is_empty() {
            request = request.header("Content-Type", "application/json");
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }
}

impl Plane {
    /// Changes something versioned.
    pub(super) async fn change(&self, method: &str, path: &str, tag: &str, body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !tag.is_empty() {
            request = request.header("If-Match", tag);
        }
        if !body.is_empty() {
            request = request.header("Content-Type", "application/json");
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// A planning run, on a thread that may block.
    pub(super) async fn plan(&self) {
        let planner = self.planner.clone();
        tokio::task::spawn_blocking(move || planner.run_once()).await.unwrap();
    }
}

impl Plane {
    /// One look at what makes routes wrong, and what came of it.
    pub(super) async fn replan(&self, replan: Replan) -> Option<ReplanOutcome> {
        let settings =
            replanner::Settings { replan, iterations: Some(300), ..(&crate::config::Routes::default()).into() };
        let (published, clock) = (self.published.clone(), self.clock.clone());
        let replanner = Replanner::new(settings, published, clock, self.requests.clone(), self.what_if.clone());
        tokio::task::spawn_blocking(move || replanner.look().unwrap()).await.unwrap()
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.what_if.close();
    }
}

/// A response, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    async fn of(router: &Router, request: Request<Body>) -> Self {
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 64 << 20).await.unwrap();
        Self { status: parts.status, headers: parts.headers, body }
    }

    #[track_caller]
    pub(super) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|why| panic!("{why}: {:?}", self.body))
    }

    #[track_caller]
    pub(super) fn ok(&self) -> Json {
        assert!(self.status.is_success(), "{}: {:?}", self.status, self.body);
        self.json()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
