//! A day's routes on the demo network: planned from the live twin, told to vans over MQTT, and repaired when one stands,
//! by a person or by the plane.

use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tests::gateway::{free_port, portolan, wait_until};

/// Customers and shops of London.
const TO: [&str; 12] = [
    "SHOP-001", "C-002", "C-003", "C-004", "SHOP-005", "C-006", "C-007", "C-008", "SHOP-009", "C-010", "C-011", "C-012",
];

/// In the world what waits comes by itself a little before it is due: long after the vans have been there.
const DUE_SECS: u32 = 86_400;

/// The demo's network with shipments that wait in London for a van.
fn network(folder: &Path) {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../networks/demo");
    fs::create_dir_all(folder).expect("a folder");
    for file in fs::read_dir(demo).expect("the demo's network") {
        let file = file.expect("a file");
        fs::copy(file.path(), folder.join(file.file_name())).expect("a copy");
    }
    let mut shipments = File::options().append(true).open(folder.join("shipments.csv")).expect("its shipments");
    for (i, to) in TO.iter().enumerate() {
        writeln!(shipments, "WAIT-{i:02},RW-LONDON,{to},,,{DUE_SECS},HOM-01,5").expect("a line");
    }
}

struct Demo {
    child: Child,
    http: u16,
    mqtt: u16,
    folder: PathBuf,
    client: reqwest::blocking::Client,
}

impl Demo {
    fn start(folder: &Path, set: &[&str]) -> Self {
        network(&folder.join("network"));
        let log = File::create(folder.join("log")).expect("a log file");
        let (http, mqtt) = (free_port(), free_port());
        let mut command = portolan();
        command.args(["demo", "--pace", "240", "--network"]).arg(folder.join("network"));
        command.args(["--http", &format!("127.0.0.1:{http}"), "--mqtt", &format!("127.0.0.1:{mqtt}")]);
        set.iter().for_each(|pair| {
            command.args(["--set", pair]);
        });
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("the portolan binary");
        let client = reqwest::blocking::Client::builder().timeout(Duration::from_secs(60)).build().expect("a client");
        let demo = Self { child, http, mqtt, folder: folder.to_owned(), client };
        // A busy machine runs the world behind its clock, so that what it reports is late at once.
        wait_until("the demo is ready and hears its vans", Duration::from_secs(120), || {
            let text =
                demo.client.get(demo.url("/v1/vehicles/VAN-01")).send().and_then(reqwest::blocking::Response::text);
            let is = |text: &str, freshness: &str| text.contains(&format!("\"freshness\":\"{freshness}\""));
            let heard = text.is_ok_and(|text| is(&text, "live") || is(&text, "late"));
            if heard { Ok(()) } else { Err(fs::read_to_string(demo.folder.join("log"))) }
        });
        demo
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.http)
    }

    fn get(&self, path: &str) -> Json {
        let answer = self.client.get(self.url(path)).send().expect("an answer");
        let text = answer.text().expect("a text");
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("{path}: {why}: {text}"))
    }

    fn items(&self, path: &str) -> Vec<Json> {
        self.get(path)["items"].as_array().cloned().unwrap_or_default()
    }

    fn post(&self, path: &str, key: &str, body: &Json) -> Json {
        let request = self.client.post(self.url(path)).header("Content-Type", "application/json");
        let answer = request.header("Idempotency-Key", key).body(body.to_string()).send().expect("an answer");
        let (status, body): (u16, Json) = (answer.status().as_u16(), answer.json().unwrap_or_default());
        assert!(status < 300, "{path}: {status} {body}");
        body
    }

    /// Routes for what waits, once they are found.
    fn plan(&self, key: &str, request: &Json) -> Json {
        self.post("/v1/routes:plan", key, request);
        wait_until("routes are found", Duration::from_secs(30), || {
            let operation = self.get(&format!("/v1/operations/{key}"));
            if operation["state"] == "succeeded" { Ok(()) } else { Err(operation) }
        });
        self.get(&format!("/v1/routes/{key}"))
    }

    fn active(&self) -> BTreeMap<String, Json> {
        let items = self.items("/v1/active-routes?limit=1000");
        items.into_iter().map(|route| (text(&route["vehicle"]), route)).collect()
    }

    fn shipment(&self, id: &str) -> Json {
        self.get(&format!("/v1/shipments/{id}"))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn ids(value: &Json) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

/// What a route still has to bring.
fn to_bring(route: &Json) -> BTreeSet<String> {
    let stops = route["stops"].as_array().into_iter().flatten();
    stops.filter(|stop| stop["done"] != true).flat_map(|stop| ids(&stop["unload"])).collect()
}

/// When each shipment is expected, by the routes under way.
fn expected(routes: &BTreeMap<String, Json>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for stop in routes.values().flat_map(|route| route["stops"].as_array().cloned().unwrap_or_default()) {
        for shipment in ids(&stop["unload"]).into_iter().filter(|_| stop["done"] != true) {
            found.insert(shipment, text(&stop["expected_at"]));
        }
    }
    found
}

/// What goes out over MQTT to these devices as part of a route.
fn listen(mqtt: u16) -> mpsc::Receiver<(String, Json)> {
    let mut options = rumqttc::MqttOptions::new("e2e-routes", "127.0.0.1", mqtt);
    options.set_keep_alive(Duration::from_secs(30));
    let (client, mut connection) = rumqttc::Client::new(options, 100);
    client.subscribe("portolan/v1/+/+/+/command", rumqttc::QoS::AtLeastOnce).expect("a subscription");
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let _kept = client;
        for event in connection.iter() {
            let Ok(event) = event else { return };
            let rumqttc::Event::Incoming(rumqttc::Packet::Publish(message)) = event else { continue };
            let device = message.topic.split('/').nth(4).unwrap_or_default().to_owned();
            let frame: Json = serde_json::from_slice(&message.payload).unwrap_or_default();
            if text(&frame["command"]).starts_with("rt-") && sender.send((device, frame)).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Who repairs the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repair {
    Person,
    Plane,
}

fn check_story(repair: Repair) {
    let folder = std::env::temp_dir().join(format!("portolan-e2e-{}-routes-{repair:?}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let set = ["routes.replan=automatic", "routes.search_secs=2"];
    let demo = Demo::start(&folder, if repair == Repair::Plane { &set } else { &[] });
    let told = listen(demo.mqtt);
    let vans = ["VAN-01", "VAN-03", "VAN-06"];
    let waiting: Vec<String> = (0..TO.len()).map(|i| format!("WAIT-{i:02}")).collect();
    // No van can bring all of it in five hours.
    let request = json!({ "vehicles": vans, "shipments": waiting, "search_secs": 3, "horizon_secs": 18_000 });
    let plan = demo.plan("morning", &request);
    assert_eq!(plan["unserved"], json!([]), "{plan}");
    let planned: BTreeSet<String> =
        plan["shipments"].as_array().expect("as the contract says").iter().map(|it| text(&it["shipment"])).collect();
    assert!(waiting.iter().all(|id| planned.contains(id)), "{plan}");
    assert!(plan["co2e_g"].as_u64().expect("as the contract says") > 0);

    demo.post("/v1/routes/morning/dispatch", "d1", &json!({ "by": "the planner" }));
    let again = demo.post("/v1/routes/morning/dispatch", "d2", &json!({}));
    assert_eq!(
        again["items"].as_array().expect("as the contract says").len(),
        plan["routes"].as_array().expect("as the contract says").len()
    );
    // The van with most to fetch gets under way, and then stands where it is.
    let busiest = demo.active().into_values().max_by_key(|route| to_bring(route).len()).expect("as the contract says");
    let van = text(&busiest["vehicle"]);
    wait_until("the van is under way", Duration::from_secs(60), || {
        let route = demo.active().remove(&van).unwrap_or_default();
        let moves = demo.get(&format!("/v1/vehicles/{van}"))["lane"].is_string();
        if route["progress"] == "driving" && moves { Ok(()) } else { Err(route) }
    });
    let mine: BTreeSet<String> = to_bring(&demo.active()[&van]);
    let device = format!("GPS-{van}");
    let hold = json!({ "action": { "hold": {} } });
    demo.post(&format!("/v1/devices/{device}/commands"), "breakdown", &hold);
    let alerts = || demo.items("/v1/alerts?limit=1000").into_iter().filter(|alert| alert["state"] != "cleared");
    let stranded = || alerts().find(|alert| alert["subject"]["stranded"]["vehicle"] == *van);
    let before = expected(&demo.active());
    let stuck: BTreeSet<String> = match repair {
        Repair::Person => repaired_by_a_person(&demo, &vans, &van, &waiting, &stranded),
        Repair::Plane => repaired_by_the_plane(&demo, &van),
    };
    let now = demo.active();
    assert!(!now.contains_key(&van), "{now:?}");
    let taken_over: Vec<&String> = mine.iter().filter(|id| !stuck.contains(*id)).collect();
    let after = expected(&now);
    for id in &taken_over {
        assert_ne!(before.get(*id), after.get(*id), "{id} is expected at the same time by another van");
        let said = now.values().flat_map(|route| route["stops"].as_array().cloned().unwrap_or_default());
        let stop = said.into_iter().find(|stop| ids(&stop["unload"]).contains(*id)).unwrap_or_default();
        if stop["done"] == false {
            let [early, at, late] = ["earliest_at", "expected_at", "latest_at"].map(|field| text(&stop[field]));
            assert!(early <= at && at <= late && early < late, "{stop}");
        }
    }
    assert!(!taken_over.is_empty(), "the van had fetched all of {mine:?} before it stood");
    wait_until("the alert is cleared", Duration::from_secs(30), || stranded().map_or(Ok(()), Err));

    // Repaired, it brings what it has.
    if !stuck.is_empty() {
        // What others are to bring stays with them.
        demo.plan("evening", &json!({ "vehicles": [van], "repair": true, "search_secs": 1, "horizon_secs": 172_800 }));
        demo.post("/v1/routes/evening/dispatch", "d4", &json!({}));
    }
    let late = || alerts().filter(|alert| text(&alert["subject"]["late"]["shipment"]).starts_with("WAIT-")).count();
    wait_until("everything is there", Duration::from_secs(300), || {
        let left: Vec<&String> = waiting.iter().filter(|id| demo.shipment(id)["state"] != "arrived").collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?} {:?}", demo.active())) }
    });
    // With the last of them there is nothing to be alarmed about.
    wait_until("no alert is left", Duration::from_secs(30), || match (late(), stranded()) {
        (0, None) => Ok(()),
        left => Err(format!("{left:?}")),
    });
    for id in &waiting {
        let by = text(&demo.shipment(id)["vehicle"]);
        assert!(vans.contains(&by.as_str()), "{id} came by {by:?}");
    }
    let heard: Vec<(String, Json)> = told.try_iter().collect();
    let carried = |(device, frame): &(String, Json)| {
        let others = vans.iter().any(|it| *device == format!("GPS-{it}") && *it != van);
        others && taken_over.iter().any(|id| ids(&frame["action"]["carry"]["shipments"]).contains(*id))
    };
    assert!(heard.iter().any(carried), "nobody was told over MQTT to carry {taken_over:?}: {heard:#?}");
    fs::remove_dir_all(&folder).ok();
}

/// Others take what the van has not fetched; gives what stays in it.
fn repaired_by_a_person(
    demo: &Demo,
    vans: &[&str],
    van: &str,
    waiting: &[String],
    stranded: &dyn Fn() -> Option<Json>,
) -> BTreeSet<String> {
    wait_until("it is said that the van stands", Duration::from_secs(60), || stranded().map(|_| ()).ok_or("no alert"));
    let still: Vec<&String> = waiting
        .iter()
        .filter(|id| {
            let shipment = demo.shipment(id);
            shipment["vehicle"].is_null() && shipment["state"] == "in_transit"
        })
        .collect();
    let others: Vec<&str> = vans.iter().copied().filter(|it| *it != van).collect();
    let request = json!({ "vehicles": others, "without": [van], "shipments": still, "search_secs": 2,
        "horizon_secs": 172_800 });
    let repaired = demo.plan("repaired", &request);
    let unserved = repaired["unserved"].as_array().expect("as the contract says");
    assert!(unserved.iter().all(|it| it["reason"] == "on_board"), "{repaired}");
    demo.post("/v1/routes/repaired/dispatch", "d3", &json!({ "stop": [van] }));
    unserved.iter().map(|it| text(&it["shipment"])).collect()
}

/// Nobody does anything.
fn repaired_by_the_plane(demo: &Demo, van: &str) -> BTreeSet<String> {
    let mut plan = String::new();
    wait_until("the plane has given routes without the van", Duration::from_secs(90), || {
        let replans = demo.items("/v1/replans");
        let about = |it: &&Json| {
            it["causes"].as_array().is_some_and(|all| all.iter().any(|cause| cause["stranded"]["vehicle"] == *van))
        };
        match replans.iter().find(about) {
            Some(replan) if replan["outcome"] == "given" => {
                plan = text(&replan["plan"]);
                Ok(())
            }
            _ => Err(format!("{replans:?}")),
        }
    });
    let routes = demo.get(&format!("/v1/routes/{plan}"));
    assert!(routes["repair"]["promised"].as_u64().expect("as the contract says") > 0, "{routes}");
    let stuck = routes["unserved"].as_array().expect("as the contract says").iter();
    stuck.filter(|it| it["reason"] == "on_board").map(|it| text(&it["shipment"])).collect()
}

#[test]
#[ignore = "its world runs 240 times as fast as its clock, which a machine with other work does not keep up with: run it alone"]
fn a_van_that_stands_loses_its_work_to_others_and_everything_arrives() {
    check_story(Repair::Person);
}

#[test]
#[ignore = "its world runs 240 times as fast as its clock, which a machine with other work does not keep up with: run it alone"]
fn the_plane_gives_the_work_of_a_van_that_stands_to_others_by_itself() {
    check_story(Repair::Plane);
}
