use super::plane::Plane;
use super::routes::planned;
use crate::config::Replan;
use crate::control::Event;
use ::twin::Twin;
use ::twin::network::parse;
use axum::http::StatusCode;
use firmware_schemas::fact::Fact;
use firmware_schemas::network::{ShipmentLineSpec, ShipmentSpec};
use firmware_schemas::quantity::{Pieces, Seconds, Timestamp};
use firmware_schemas::route::ReplanOutcome;
use serde_json::{Value as Json, json};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A depot in Hamburg, three vans for a tonne each, and shops half an hour to the west, east, north and south, two by two;
/// the first by a lane.
fn plane() -> Arc<Plane> {
    let mut sites = "site,kind,name,name_zh,lat,lon,country,time_zone,tier,partner_class\n\
        W,central_warehouse,Warehouse,,53.50,10.00,DE,Europe/Berlin,1,\n"
        .to_owned();
    let around =
        [(53.48, 9.6), (53.52, 9.6), (53.48, 10.4), (53.52, 10.4), (53.74, 9.98), (53.74, 10.02), (53.26, 9.98)];
    for (i, (lat, lon)) in around.into_iter().enumerate() {
        sites += &format!("S{i},shop,Shop {i},,{lat},{lon},DE,Europe/Berlin,0,\n");
    }
    let mut vehicles =
        "vehicle,kind,name,capacity_g,temperature,home,route,progress_permille,speed_m_per_h,device\n".to_owned();
    let mut devices = "device,site,kind,vehicle,interval_secs,metrics\n".to_owned();
    for i in 1..=3 {
        vehicles += &format!("VAN-{i},van,Van {i},1000000,dry,W,,,60000,GPS-{i}\n");
        devices += &format!("GPS-{i},W,tracker,VAN-{i},30,speed:km/h:float\n");
    }
    let files: BTreeMap<&str, String> = BTreeMap::from([
        (
            "network.toml",
            "format = 1\nname = \"T\"\ntenant = \"acme\"\ncurrency = \"EUR\"\ntime_zone = \"Europe/Berlin\"\n".into(),
        ),
        ("sites.csv", sites),
        (
            "lanes.csv",
            "lane,from,to,mode,lead_time_h,lead_time_sd_h,distance_m,via,cost_minor,cost_per_tonne_minor,departs_every_h,two_way\n\
             W-S0,W,S0,road,1,0,30000,,10,1,,true\n"
                .into(),
        ),
        (
            "skus.csv",
            "sku,name,name_zh,unit,mass_g,volume_ml,value_minor,temperature,temperature_min_c,temperature_max_c,shelf_life_days\n\
             SACK,Sack,,sack,50000,1,100,dry,,,\n"
                .into(),
        ),
        ("vehicles.csv", vehicles),
        ("devices.csv", devices),
        ("stock.csv", "site,sku,on_hand,reserved,in_transit,on_order,reorder_point,order_up_to,source\n".into()),
    ]);
    let network = parse(&|name: &str| files.get(name).map(|text| Cow::Owned(text.clone())));
    let plane = Plane::of(&network.unwrap_or_else(|errors| panic!("{errors:#?}")), |_| {});
    plane.what_if.start().unwrap();
    for van in 1..=3 {
        stands(&plane, van, "W", 53.50, 10.00);
    }
    plane
}

fn now(plane: &Plane) -> Timestamp {
    use crate::ports::Clock;
    plane.clock.now()
}

fn stands(plane: &Plane, van: usize, site: &str, lat: f64, lon: f64) {
    let at = now(plane);
    let frame = json!({ "device": format!("GPS-{van}"), "at": at.to_string(), "position": { "lat": lat, "lon": lon }, "site": site });
    plane.hear(&format!("portolan/v1/acme/W/GPS-{van}/position"), &frame.to_string());
}

/// Sacks of 50 kg that wait at the depot.
fn wait(plane: &Plane, shipments: &[(&str, &str, i64)]) {
    wait_until(plane, shipments, 86_400);
}

fn wait_until(plane: &Plane, shipments: &[(&str, &str, i64)], due_in_secs: u64) {
    let spec = |(id, to, sacks): &(&str, &str, i64)| ShipmentSpec {
        shipment: id.parse().unwrap(),
        from: "W".parse().unwrap(),
        to: to.parse().unwrap(),
        lane: None,
        vehicle: None,
        due_in_secs: Seconds(due_in_secs),
        lines: vec![ShipmentLineSpec { sku: "SACK".parse().unwrap(), quantity: Pieces(*sacks) }],
    };
    let shipments = shipments.iter().map(spec).collect();
    plane.step(Event::NetworkGiven(vec![Fact::ShipmentsDefined { at: now(plane), shipments }]));
}

/// The command that a van has not answered with the end of it.
async fn command(plane: &Plane, van: usize) -> Option<Json> {
    let page = plane.get(&format!("/v1/commands?device=GPS-{van}")).await.ok();
    let open = |it: &&Json| it["state"] != "done" && it["state"] != "rejected";
    page["items"].as_array().unwrap().iter().find(open).cloned()
}

async fn answer(plane: &Plane, van: usize, outcome: &str) {
    let command = command(plane, van).await.unwrap_or_else(|| panic!("van {van} has no command"));
    let frame = json!({ "device": format!("GPS-{van}"), "command": command["command"], "outcome": outcome, "reason": "engine" });
    plane.hear(&format!("portolan/v1/acme/W/GPS-{van}/ack"), &frame.to_string());
    plane.step(Event::Tick);
}

async fn active(plane: &Plane) -> BTreeMap<String, Json> {
    let page = plane.get("/v1/active-routes").await.ok();
    let routes = page["items"].as_array().unwrap().iter();
    routes.map(|route| (route["vehicle"].as_str().unwrap().to_owned(), route.clone())).collect()
}

fn texts(value: &Json) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// What each van is to hand over yet.
fn to_bring(route: &Json) -> BTreeSet<String> {
    let stops = route["stops"].as_array().unwrap().iter();
    stops.filter(|stop| stop["done"] == false).flat_map(|stop| texts(&stop["unload"])).collect()
}

/// What the journal comes to is what is published.
fn check_journal(plane: &Plane) {
    let (mut twin, mut touched) = (Twin::default(), Vec::new());
    let published = plane.published.load_full();
    let journal = plane.journal();
    let mut records = journal.read_from(journal.first()).unwrap();
    while let Some(record) = records.next_record().unwrap() {
        twin.apply(record.seq.0, &Fact::decode(record.payload).unwrap(), &mut touched).unwrap();
    }
    assert_eq!(twin.to_bytes().unwrap(), published.twin.to_bytes().unwrap());
}

const SIX: [(&str, &str, i64); 6] =
    [("J-0", "S0", 9), ("J-1", "S1", 9), ("J-2", "S2", 9), ("J-3", "S3", 9), ("J-4", "S4", 9), ("J-5", "S5", 9)];

/// Three vans with two shipments each, which is all that they can bring in three hours, the first two of them under way with theirs, the third not willing.
async fn two_of_three_drive() -> (Arc<Plane>, usize) {
    let plane = plane();
    wait(&plane, &SIX);
    let routes = planned(&plane, "monday", &json!({ "iterations": 1_000, "horizon_secs": 10_800 })).await;
    assert_eq!((routes["unserved"].as_array().unwrap().len(), routes["routes"].as_array().unwrap().len()), (0, 3));
    assert_eq!(routes["repair"], Json::Null);
    plane.post("/v1/routes/monday/dispatch", None, "{}").await.ok();
    for van in 1..=2 {
        // To the depot, where it is, and off with what waits there.
        answer(&plane, van, "done").await;
        answer(&plane, van, "accepted").await;
    }
    assert_eq!(plane.replan(Replan::Automatic).await, None);
    answer(&plane, 3, "rejected").await;
    (plane, 3)
}

async fn stranded(plane: &Plane) -> usize {
    let alerts = plane.get("/v1/alerts?state=open").await.ok();
    alerts["items"].as_array().unwrap().iter().filter(|it| it["subject"]["stranded"].is_object()).count()
}

#[tokio::test]
async fn who_is_stranded_loses_its_work_to_others_who_go_first_where_they_were_going() {
    let (plane, van) = two_of_three_drive().await;
    let before = active(&plane).await;
    let lost = to_bring(&before[&format!("VAN-{van}")]);
    assert_eq!((before[&format!("VAN-{van}")]["progress"].as_str(), lost.len()), (Some("stranded"), 2));
    assert_eq!(stranded(&plane).await, 1);
    assert_eq!(plane.replan(Replan::Automatic).await, Some(ReplanOutcome::Given));

    let after = active(&plane).await;
    assert_eq!(after.keys().collect::<Vec<_>>(), ["VAN-1", "VAN-2"]);
    assert_eq!(stranded(&plane).await, 0);
    let mut brought = BTreeSet::new();
    for (van, route) in &after {
        let first = |route: &Json| {
            let stop = route["stops"].as_array().unwrap().iter().find(|stop| stop["done"] == false).unwrap().clone();
            (stop["site"].clone(), stop["unload"].clone())
        };
        assert_eq!(first(route), first(&before[van]), "{van} goes where it was going");
        assert!(to_bring(route).is_superset(&to_bring(&before[van])), "{van} has on board what it brought before");
        brought.extend(to_bring(route));
    }
    assert!(brought.is_superset(&lost) && brought.len() == 6, "{brought:?}");
    let replans = plane.get("/v1/replans").await.ok();
    let said = &replans["items"][0];
    assert_eq!((&said["outcome"], &said["causes"][0]["stranded"]["vehicle"]), (&json!("given"), &json!("VAN-3")));
    let routes = plane.get(&format!("/v1/routes/{}", said["plan"].as_str().unwrap())).await.ok();
    let repair = &routes["repair"];
    assert_eq!((&repair["promised"], &repair["broken"]), (&json!(6), &json!(0)), "{repair}");
    // What is fetched by others comes later; who has it on board comes as promised.
    let moved = repair["moved"].as_u64().unwrap();
    assert!((1..=3).contains(&moved), "{routes:#}");
    // Nothing is looked into twice.
    assert_eq!(plane.replan(Replan::Automatic).await, None);
    check_journal(&plane);
}

#[tokio::test]
async fn what_is_proposed_waits_for_a_person() {
    let (plane, _) = two_of_three_drive().await;
    let before = active(&plane).await;
    assert_eq!(plane.replan(Replan::Propose).await, Some(ReplanOutcome::Proposed));
    assert_eq!(plane.replan(Replan::Propose).await, None);
    assert_eq!(active(&plane).await, before);
    let replans = plane.get("/v1/replans").await.ok();
    let plan = replans["items"][0]["plan"].as_str().unwrap();
    let given = plane.post(&format!("/v1/routes/{plan}/dispatch"), None, r#"{"stop":["VAN-3"]}"#).await.ok();
    assert!(given["items"].as_array().unwrap().iter().any(|it| it["plan"] == *plan), "{given}");
    assert_eq!(stranded(&plane).await, 0);
    // Asked for once more it changes nothing.
    let revision = plane.published.load().twin.revision;
    plane.post(&format!("/v1/routes/{plan}/dispatch"), None, r#"{"stop":["VAN-3"]}"#).await.ok();
    assert_eq!(plane.published.load().twin.revision, revision);
}

#[tokio::test]
async fn what_was_done_since_the_search_is_left_out_and_who_has_another_route_is_refused() {
    let (plane, _) = two_of_three_drive().await;
    let before = active(&plane).await;
    assert_eq!(plane.replan(Replan::Propose).await, Some(ReplanOutcome::Proposed));
    let replans = plane.get("/v1/replans").await.ok();
    let plan = replans["items"][0]["plan"].as_str().unwrap().to_owned();
    let routes = plane.get(&format!("/v1/routes/{plan}")).await.ok();
    let changes = |it: &&Json| it["goes_on"]["unchanged"] == false;
    let changed = routes["routes"].as_array().unwrap().iter().find(changes).unwrap()["vehicle"].as_str().unwrap();
    // A van whose route changes is one stop on, and on its way to the next.
    let van: usize = changed.strip_prefix("VAN-").unwrap().parse().unwrap();
    plane.clock.pass(Duration::from_secs(7_200));
    answer(&plane, van, "done").await;
    let site = |stop: &Json| stop["site"].as_str().unwrap().to_owned();
    let next = site(&before[changed]["stops"][2]);
    plane.post(&format!("/v1/routes/{plan}/dispatch"), None, &json!({ "vehicles": [changed] }).to_string()).await.ok();
    let route = active(&plane).await[changed].clone();
    assert_eq!((site(&route["stops"][0]), &route["plan"]), (next, &json!(plan)), "{route:#}");

    // The other has been given something else meanwhile.
    let other = format!("VAN-{}", 3 - van);
    let found = planned(&plane, "other", &json!({ "vehicles": [other], "iterations": 50 })).await;
    assert_eq!(found["routes"][0]["vehicle"], other);
    plane.post("/v1/routes/other/dispatch", None, "{}").await.ok();
    let refused =
        plane.post(&format!("/v1/routes/{plan}/dispatch"), None, &json!({ "vehicles": [other] }).to_string()).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.json());
    assert!(refused.json()["detail"].as_str().unwrap().contains("look again"));
}

#[tokio::test]
async fn what_comes_to_wait_is_fetched_and_closed_lanes_are_no_way() {
    let (plane, _) = two_of_three_drive().await;
    assert_eq!(plane.replan(Replan::Automatic).await, Some(ReplanOutcome::Given));
    wait(&plane, &[("J-NEW", "S6", 2)]);
    assert_eq!(plane.replan(Replan::Automatic).await, Some(ReplanOutcome::Given));
    let routes = active(&plane).await;
    assert!(routes.values().any(|route| to_bring(route).contains("J-NEW")), "{routes:#?}");
    let replans = plane.get("/v1/replans").await.ok();
    assert_eq!(replans["items"][0]["causes"], json!([{ "waits": { "shipment": "J-NEW" } }]));

    let closed = plane.post("/v1/lanes/W-S0/close", None, r#"{"by":"police","reason":"snow"}"#).await.ok();
    assert_eq!(closed["items"][0]["lane"], "W-S0");
    assert_eq!(plane.post("/v1/lanes/NO-WAY/close", None, "{}").await.status, StatusCode::NOT_FOUND);
    // S0 has no other way by lanes.
    let job = json!({ "id": "J-X", "from": "W", "to": "S0", "mass_g": 1_000 });
    let request = json!({ "vehicles": ["VAN-3"], "shipments": ["J-NEW"], "jobs": [job], "iterations": 50 });
    let routes = planned(&plane, "closed", &request).await;
    assert!(routes["unserved"].as_array().unwrap().iter().any(|it| it["shipment"] == "J-X"), "{routes}");
    let outcome = plane.replan(Replan::Automatic).await;
    assert!(matches!(outcome, Some(ReplanOutcome::Unchanged | ReplanOutcome::Given)), "{outcome:?}");
    assert_eq!(plane.replan(Replan::Automatic).await, None);
    let opened = plane.post("/v1/lanes/W-S0/open", None, "{}").await.ok();
    assert_eq!(opened["items"], json!([]));
    check_journal(&plane);
}

#[tokio::test]
async fn forecasts_learn_from_legs_that_were_driven() {
    let plane = plane();
    let job = |n: usize| json!({ "id": format!("J-{n}"), "from": "W", "to": "S1", "mass_g": 1_000 });
    let span = |route: &Json, field: &str| {
        let stop = route["stops"].as_array().unwrap().iter().find(|stop| stop["done"] == false).unwrap();
        Timestamp::parse_rfc3339(stop[field].as_str().unwrap()).unwrap()
    };
    let mut seen = Vec::new();
    for n in 0..12 {
        let key = format!("day-{n}");
        let request = json!({ "vehicles": ["VAN-1"], "jobs": [job(n)], "iterations": 20 });
        planned(&plane, &key, &request).await;
        plane.post(&format!("/v1/routes/{key}/dispatch"), None, "{}").await.ok();
        answer(&plane, 1, "done").await;
        let route = active(&plane).await["VAN-1"].clone();
        let began = now(&plane);
        let secs = ["expected_at", "earliest_at", "latest_at"].map(|field| span(&route, field).since(began).as_secs());
        seen.push(secs);
        // Always half as long again as usual at its speed.
        plane.clock.pass(Duration::from_secs(seen[0][0] * 3 / 2));
        stands(&plane, 1, "S1", 53.52, 9.6);
        answer(&plane, 1, "done").await;
        plane.clock.pass(Duration::from_secs(3_600));
        stands(&plane, 1, "W", 53.50, 10.00);
    }
    let [first, last] = [seen[0], seen[11]];
    let halves = first[1].abs_diff(first[0] / 2) + first[2].abs_diff(first[0] * 2);
    assert!(halves <= 4, "nothing is known yet: half to twice the time: {seen:?}");
    assert!(last[0].abs_diff(first[0] * 3 / 2) <= 4, "it takes half as long again: {seen:?}");
    assert!(last[2] - last[1] < first[2] - first[1], "and that is surer than at first: {seen:?}");
    check_journal(&plane);
}

#[tokio::test]
async fn what_is_likely_late_is_said_before_it_is_and_no_more_once_it_is_there() {
    let plane = plane();
    wait_until(&plane, &[("J-SOON", "S1", 1), ("J-FAR", "S3", 1)], 3_600);
    let late = || async {
        let alerts = plane.get("/v1/alerts?state=open").await.ok();
        let subjects = alerts["items"].as_array().unwrap().iter().filter_map(|it| {
            Some((it["subject"]["late"]["shipment"].as_str()?.to_owned(), it["message"].as_str()?.to_owned()))
        });
        subjects.collect::<BTreeMap<_, _>>()
    };
    let request = json!({ "vehicles": ["VAN-1"], "iterations": 300 });
    let routes = planned(&plane, "r", &request).await;
    plane.post("/v1/routes/r/dispatch", None, "{}").await.ok();
    // One comes about when it is due, the other an hour and more after: on the other side of the depot.
    let said = late().await;
    let shipments = routes["shipments"].as_array().unwrap();
    let last = shipments.iter().max_by_key(|it| it["late_secs"].as_u64()).unwrap();
    assert_eq!(said.keys().collect::<Vec<_>>(), [last["shipment"].as_str().unwrap()], "{said:?} {shipments:#?}");
    assert!(said.values().all(|text| text.contains("more than 30 min late at ")), "{said:?}");
    let arrived = json!({ "device": "GPS-1", "boot": 1, "seq": 1, "events": [{ "at": now(&plane).to_string(), "site": last["to"],
        "happening": { "shipment_arrived": { "shipment": last["shipment"] } } }] });
    plane.hear("portolan/v1/acme/W/GPS-1/event", &arrived.to_string());
    plane.step(Event::Tick);
    assert_eq!(late().await, BTreeMap::new());
}
