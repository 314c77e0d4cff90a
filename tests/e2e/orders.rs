//! Orders that were acknowledged are there, once, whatever is killed.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tests::gateway::{Gateway, GatewayOptions, verify};

const KILLS: u32 = 20;
const SENDERS: u64 = 4;
/// Every so many of a sender's requests is a bulk of ten.
const BULK_EVERY: u64 = 5;

fn order(id: &str, pieces: u64) -> Value {
    json!({ "order": id, "site": "SHOP", "lines": [{ "sku": "tea", "pieces": pieces }] })
}

/// Sends orders until told to stop, and keeps the answer of each that was acknowledged.
struct Sender {
    number: u64,
    url: Arc<Mutex<String>>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<BTreeMap<String, Value>>>,
    asked: Arc<AtomicU64>,
}

impl Sender {
    fn run(self) {
        let client = reqwest::blocking::Client::builder().timeout(Duration::from_secs(5)).build().expect("a client");
        for n in 0.. {
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            let url = self.url.lock().expect("the address").clone();
            self.asked.fetch_add(1, Ordering::Relaxed);
            let id = format!("S{}-{n}", self.number);
            let sent = if n % BULK_EVERY == 0 {
                let orders = (0..10).map(|i| json!({ "order": order(&format!("{id}.{i}"), 1) }).to_string());
                let body = orders.collect::<Vec<_>>().join("\n");
                let request = client.post(format!("{url}/v1/orders:bulk"));
                request.header("Content-Type", "application/x-ndjson").body(body).send()
            } else {
                let request = client.post(format!("{url}/v1/orders")).header("Idempotency-Key", format!("key-{id}"));
                request.header("Content-Type", "application/json").body(order(&id, n % 3 + 1).to_string()).send()
            };
            // Killed meanwhile: whether it was taken is not known, and nothing is promised.
            let Ok(text) = sent.and_then(|answer| answer.error_for_status()).and_then(|answer| answer.text()) else {
                thread::sleep(Duration::from_millis(20));
                continue;
            };
            let mut acknowledged = self.acknowledged.lock().expect("the list");
            for answer in text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")) {
                if answer["outcome"].is_null() || answer["outcome"] == "taken" {
                    acknowledged.insert(answer["order"].as_str().expect("an id").to_owned(), answer);
                }
            }
        }
    }
}

#[test]
fn an_acknowledged_order_is_there_once_when_the_gateway_is_killed_again_and_again() {
    let mut options = GatewayOptions::new("orders");
    let network = options.data.with_extension("network");
    tests::gateway::small_network(&network, "t", &["tea".to_owned()]).expect("a network");
    std::fs::write(
        network.join("stock.csv"),
        "site,sku,on_hand,reserved,in_transit,on_order,reorder_point,order_up_to,source\n\
         SHOP,tea,500,0,0,0,,,WH\nWH,tea,100000,0,0,0,,,\n",
    )
    .expect("a file");
    options.network = Some(network);
    let mut gateway = Gateway::start(&options);
    let url = Arc::new(Mutex::new(gateway.url("")));
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let acknowledged = Arc::new(Mutex::new(BTreeMap::new()));
    let sender = |number| Sender {
        number,
        url: url.clone(),
        stop: stop.clone(),
        acknowledged: acknowledged.clone(),
        asked: asked.clone(),
    };
    let senders: Vec<_> = (0..SENDERS).map(sender).map(|it| thread::spawn(move || it.run())).collect();
    for kill in 0..KILLS {
        thread::sleep(Duration::from_millis(150 + u64::from(kill % 7) * 40));
        gateway.kill();
        gateway = Gateway::start(&options);
        *url.lock().expect("the address") = gateway.url("");
    }
    thread::sleep(Duration::from_millis(300));
    stop.store(true, Ordering::Release);
    senders.into_iter().for_each(|sender| sender.join().expect("a sender"));

    let acknowledged = acknowledged.lock().expect("the list").clone();
    let listed: Vec<String> = gateway
        .get_all("/v1/orders?limit=1000")
        .iter()
        .map(|order| order["order"].as_str().expect("an id").to_owned())
        .collect();
    let there: std::collections::BTreeSet<&String> = listed.iter().collect();
    assert_eq!(there.len(), listed.len(), "an order is listed twice");
    println!(
        "{} requests, {} orders acknowledged, {} there",
        asked.load(Ordering::Relaxed),
        acknowledged.len(),
        there.len()
    );
    assert!(acknowledged.len() > 100, "only {} orders were acknowledged", acknowledged.len());
    for (id, answer) in &acknowledged {
        assert!(there.contains(id), "order {id} was acknowledged, and is gone");
        if answer["outcome"].is_null() {
            let pieces = answer["lines"][0]["pieces"].as_u64().expect("pieces");
            let again = reqwest::blocking::Client::new()
                .post(gateway.url("/v1/orders"))
                .header("Idempotency-Key", format!("key-{id}"))
                .header("Content-Type", "application/json")
                .body(order(id, pieces).to_string())
                .send()
                .expect("an answer");
            assert_eq!(again.status(), 201);
            let again: Value = serde_json::from_str(&again.text().expect("a body")).expect("JSON");
            assert_eq!(again, *answer, "the first answer");
        }
    }
    // What is promised of the shop is no more than it has.
    let ask = json!({ "site": "SHOP", "lines": [{ "sku": "tea", "pieces": 1_000_000 }] });
    let client = reqwest::blocking::Client::new();
    let free = client.post(gateway.url("/v1/availability:check")).header("Content-Type", "application/json");
    let free = free.body(ask.to_string()).send().expect("an answer").text().expect("a body");
    let free: Value = serde_json::from_str(&free).expect("JSON");
    let promised: i64 = gateway
        .get_all("/v1/orders?limit=1000")
        .iter()
        .flat_map(|order| order["lines"].as_array().expect("lines").clone())
        .map(|line| line["promised"].as_i64().expect("a number"))
        .sum();
    assert_eq!(promised + free["lines"][0]["promised"].as_i64().expect("a number"), 100_500, "{free:#}");
    gateway.stop();
    println!("{}", verify(&options.data));
}
