//! What others asked to be told arrives, at least once and signed, whatever is killed or broken.

use gateway::webhooks::signature::Secret;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use tests::api_tools;
use tests::disk::SplitMix64;
use tests::gateway::{Gateway, GatewayOptions, run_with, wait_until};
use tests::receiver::{Answer, Heard, Receiver};

const WITHIN: Duration = Duration::from_secs(60);

fn options(test: &str, set: &[&str]) -> GatewayOptions {
    let mut options = GatewayOptions::new(test);
    let network = options.data.with_extension("network");
    tests::gateway::small_network(&network, "t", &["tea".to_owned()]).expect("a network");
    let stock = "site,sku,on_hand,reserved,in_transit,on_order,reorder_point,order_up_to,source\n\
         SHOP,tea,100000,0,0,0,,,WH\nWH,tea,100000,0,0,0,,,\n";
    std::fs::write(network.join("stock.csv"), stock).expect("a file");
    options.network = Some(network);
    options.set = vec!["webhooks.allow_private=true".into()];
    options.set.extend(set.iter().map(|set| (*set).to_owned()));
    options
}

/// Asks the gateway to tell a receiver; gives the secret.
fn subscribe(gateway: &Gateway, id: &str, body: &Value) -> Secret {
    let (status, made) = keyed(gateway, "/v1/webhooks", id, body);
    assert_eq!(status, 201, "{made}");
    Secret::parse(made["secret"].as_str().expect("a secret")).expect("a secret")
}

fn keyed(gateway: &Gateway, path: &str, key: &str, body: &Value) -> (u16, Value) {
    let request = reqwest::blocking::Client::new().post(gateway.url(path)).header("Idempotency-Key", key);
    let answer = request.header("Content-Type", "application/json").body(body.to_string()).send().expect("an answer");
    (answer.status().as_u16(), answer.json().unwrap_or_default())
}

/// Takes an order; false when the gateway did not acknowledge it.
fn order(client: &reqwest::blocking::Client, gateway: &Gateway, id: &str) -> bool {
    let body = json!({ "order": id, "site": "SHOP", "lines": [{ "sku": "tea", "pieces": 1 }] });
    let request = client.post(gateway.url("/v1/orders")).header("Idempotency-Key", id);
    let answer = request.header("Content-Type", "application/json").body(body.to_string()).send();
    answer.is_ok_and(|answer| answer.status().is_success())
}

fn order_of(heard: &Heard) -> String {
    heard.json()["data"]["order"]["order"].as_str().unwrap_or_default().to_owned()
}

/// Every post is signed for what it carries, at a time that a receiver accepts, and an event has one id.
#[track_caller]
fn check_posts(posts: &[Heard], secret: &Secret) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    let mut bodies: BTreeMap<&str, &str> = BTreeMap::new();
    let mut ids: BTreeMap<String, &str> = BTreeMap::new();
    for heard in posts {
        let at: i64 = heard.headers["webhook-timestamp"].parse().expect("seconds");
        assert!((now - 300..=now + 1).contains(&at), "{heard:?}");
        assert_eq!(heard.headers["webhook-signature"], secret.sign(heard.id(), at, heard.body.as_bytes()), "{heard:?}");
        assert_eq!(*bodies.entry(heard.id()).or_insert(&heard.body), heard.body, "one id, two bodies");
        assert_eq!(*ids.entry(order_of(heard)).or_insert(heard.id()), heard.id(), "one event, two ids");
    }
}

#[test]
fn every_order_is_told_with_one_id_when_the_gateway_is_killed_again_and_again() {
    const KILLS: u64 = 8;
    let retries = "webhooks.retry_secs=[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]";
    let options = options("webhooks", &["webhooks.timeout_secs=1", "webhooks.probe_secs=1", retries]);
    let turn = AtomicU64::new(0);
    let receiver = Receiver::start(move |_| {
        let mut random = SplitMix64(turn.fetch_add(1, Ordering::Relaxed));
        match random.below(10) {
            0 | 1 => Answer::Status(500),
            2 => Answer::Late(1_500),
            3 => Answer::Close,
            _ => Answer::Status(204),
        }
    });
    let mut gateway = Gateway::start(&options);
    let secret = subscribe(&gateway, "erp", &json!({ "url": receiver.url(), "event_types": ["order.taken"] }));
    let client = reqwest::blocking::Client::builder().timeout(Duration::from_secs(5)).build().expect("a client");
    let mut acknowledged = BTreeSet::new();
    for kill in 0..KILLS {
        for n in 0..40 {
            let id = format!("SO-{kill}-{n}");
            if order(&client, &gateway, &id) {
                acknowledged.insert(id);
            }
        }
        // While some were tried and others are not.
        thread::sleep(Duration::from_millis(kill % 4 * 150));
        gateway.kill();
        gateway = Gateway::start(&options);
    }
    let lacking = || -> BTreeSet<String> {
        let taken: BTreeSet<String> = receiver.taken().iter().map(order_of).collect();
        acknowledged.difference(&taken).cloned().collect()
    };
    let before = lacking().len();
    receiver.answer(|_| Answer::Status(200));
    wait_until("all orders are told", WITHIN, || match lacking() {
        rest if rest.is_empty() => Ok(()),
        rest => Err((rest.len(), gateway.get("/v1/webhooks/erp"))),
    });
    let posts = receiver.heard();
    check_posts(&posts, &secret);
    let taken = receiver.taken().len();
    println!(
        "{KILLS} kills, {} orders, {before} told only at the end, {} posts, {taken} taken",
        acknowledged.len(),
        posts.len()
    );
    assert!(acknowledged.len() as u64 > KILLS * 30, "only {} orders", acknowledged.len());
    assert!(posts.len() > acknowledged.len() + 50, "nothing was tried again");
    wait_until("nothing waits", WITHIN, || {
        let view = gateway.get("/v1/webhooks/erp");
        if view["waiting"] == 0 && view["dead_letters"] == 0 && view["state"] == "active" { Ok(()) } else { Err(view) }
    });
    let log = gateway.log();
    assert!(!log.contains("whsec_") && !log.contains(&secret.reveal()[6..]), "a secret is in the log");
    gateway.stop();
    // The same posts before the eyes of the public library.
    let Some(python) = api_tools::python("webhooks") else { return };
    let lines: Vec<String> =
        posts.iter().map(|it| json!({ "headers": it.headers, "body": it.body }).to_string()).collect();
    let script = "import json, sys\nfrom standardwebhooks.webhooks import Webhook, WebhookVerificationError\n\
        hook = Webhook(sys.argv[1])\nn = 0\n\
        for line in sys.stdin:\n    post = json.loads(line)\n    hook.verify(post['body'], post['headers'])\n    n += 1\n\
        try:\n    hook.verify(post['body'] + ' ', post['headers'])\n    sys.exit('a forged body was taken')\n\
        except WebhookVerificationError:\n    print(n)\n";
    let said = api_tools::run(&python, &["-c", script, &secret.reveal()], &lines.join("\n"));
    assert_eq!(said.trim(), posts.len().to_string());
}

#[test]
fn one_that_is_slow_or_refuses_holds_up_no_other_and_dead_letters_are_sent_again() {
    let options =
        options("webhooks_dead", &["webhooks.timeout_secs=2", "webhooks.retry_secs=[1,1]", "webhooks.probe_secs=2"]);
    let good = Receiver::start(|_| Answer::Status(200));
    let slow = Receiver::start(|_| Answer::Late(60_000));
    // It never takes the orders that begin with an X.
    let picky = Receiver::start(|heard| Answer::Status(if order_of(heard).starts_with('X') { 500 } else { 200 }));
    let gateway = Gateway::start(&options);
    for (id, receiver) in [("good", &good), ("slow", &slow), ("picky", &picky)] {
        subscribe(&gateway, id, &json!({ "url": receiver.url(), "event_types": ["order.taken", "order.ended"] }));
    }
    let elsewhere = json!({ "url": good.url(), "sites": ["WH"], "event_types": ["order.taken"] });
    subscribe(&gateway, "elsewhere", &elsewhere);
    let client = reqwest::blocking::Client::new();
    let ids: Vec<String> = (0..30).map(|n| if n % 10 == 3 { format!("X-{n}") } else { format!("SO-{n}") }).collect();
    for id in &ids {
        assert!(order(&client, &gateway, id), "{id}");
    }
    let (status, _) = gateway.post("/v1/orders/SO-0/cancel", &json!({ "reason": "changed their mind" }));
    assert_eq!(status, 200);
    wait_until("the good one has all", WITHIN, || match good.taken().len() {
        31 => Ok(()),
        n => Err(n),
    });
    wait_until("the picky one has the rest", WITHIN, || match picky.taken().len() {
        28 => Ok(()),
        n => Err(n),
    });
    let ended = good.taken().into_iter().find(|heard| heard.json()["type"] == "order.ended").expect("the end");
    assert_eq!(ended.json()["data"], json!({ "order": "SO-0", "how": "cancelled", "reason": "changed their mind" }));
    wait_until("three are dead", WITHIN, || match gateway.get("/v1/webhooks/picky") {
        view if view["dead_letters"] == 3 => Ok(()),
        view => Err(view),
    });
    let state = gateway.get("/v1/webhooks/slow");
    assert_eq!(state["state"], "failing", "{state}");
    assert!(state["reason"].as_str().is_some_and(|why| why.contains("no answer within 2s")), "{state}");
    assert!(slow.heard().len() < 20, "the slow one is asked again and again: {}", slow.heard().len());
    let tried = gateway.get("/v1/webhooks/picky/deliveries?limit=2");
    assert_eq!((tried["items"].as_array().map(Vec::len), tried["next_cursor"].is_string()), (Some(2), true), "{tried}");
    assert_eq!(gateway.get_all("/v1/webhooks/picky/deliveries?limit=7").len(), picky.heard().len());
    gateway.kill();

    // They are there after a kill, are sent again with the same ids, or thrown away.
    let gateway = Gateway::start(&options);
    let dead = gateway.get_all("/v1/webhooks/picky/dead-letters?limit=2");
    let dead: Vec<String> = dead.iter().map(|it| it["message"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(dead.len(), 3);
    let letter = gateway.get(&format!("/v1/webhooks/picky/dead-letters/{}", dead[0]));
    assert_eq!((&letter["attempts"], &letter["last_error"]), (&json!(3), &json!("500: not taken")), "{letter}");
    assert!(letter["body"].as_str().is_some_and(|body| body.contains("order.taken")), "{letter}");
    picky.answer(|_| Answer::Status(200));
    let discarded = gateway.post(&format!("/v1/webhooks/picky/dead-letters/{}/discard", dead[0]), &json!({}));
    assert_eq!(discarded, (200, json!({ "count": 1 })));
    let redriven = gateway.post(&format!("/v1/webhooks/picky/dead-letters/{}/redrive", dead[1]), &json!({}));
    assert_eq!(redriven, (200, json!({ "count": 1 })));
    assert_eq!(gateway.post("/v1/webhooks/picky/redrive", &json!({})).0, 200);
    wait_until("two more are taken", WITHIN, || match picky.taken().len() {
        30.. => Ok(()),
        n => Err(n),
    });
    let taken: BTreeSet<String> = picky.taken().iter().map(|heard| heard.id().to_owned()).collect();
    assert!(!taken.contains(&dead[0]) && taken.contains(&dead[1]) && taken.contains(&dead[2]), "{dead:?}");

    // The slow one gets well: all that waited for it in the journal comes.
    slow.answer(|_| Answer::Status(200));
    wait_until("the slow one has all", WITHIN, || {
        // Some of it has been given up meanwhile.
        let (status, _) = gateway.post("/v1/webhooks/slow/redrive", &json!({}));
        assert_eq!(status, 200);
        let orders: BTreeSet<String> = slow.taken().iter().map(order_of).collect();
        if orders.len() == 31 { Ok(()) } else { Err((orders.len(), gateway.get("/v1/webhooks/slow"))) }
    });

    // One that says that it is gone is switched off, and on again by a person, and then has what it missed.
    good.answer(|_| Answer::Status(410));
    assert!(order(&client, &gateway, "SO-LATE"));
    wait_until("it is off", WITHIN, || match gateway.get("/v1/webhooks/good") {
        view if view["state"] == "off" => Ok(()),
        view => Err(view),
    });
    assert!(order(&client, &gateway, "SO-LATER"));
    let tested = gateway.post("/v1/webhooks/picky/test", &json!({}));
    assert_eq!((tested.0, &tested.1["outcome"], &tested.1["status"]), (200, &json!("delivered"), &json!(200)));
    gateway.stop();
    let (code, found, _) = run_with(&options, &["doctor"]);
    assert_eq!(code, Some(6), "{found}");
    assert!(found.to_string().contains("it answered 410"), "{found}");
    let gateway = Gateway::start(&options);
    assert_eq!(gateway.get("/v1/webhooks/good")["state"], "off");
    // And then it wants rest for two seconds, and gets it.
    let asked = std::sync::Arc::new(AtomicU64::new(0));
    let counted = asked.clone();
    good.answer(move |_| match counted.fetch_add(1, Ordering::Relaxed) {
        0 => Answer::RetryAfter(503, 2),
        _ => Answer::Status(200),
    });
    let before = good.taken().len();
    let (status, view) = gateway.post("/v1/webhooks/good/change", &json!({ "enabled": true }));
    assert_eq!((status, &view["state"]), (200, &json!("active")), "{view}");
    wait_until("it has what it missed", WITHIN, || match good.taken().len() - before {
        2.. => Ok(()),
        n => Err(n),
    });
    let missed: BTreeSet<String> = good.taken()[before..].iter().map(order_of).collect();
    assert_eq!(missed, ["SO-LATE", "SO-LATER"].map(str::to_owned).into());
    assert!(
        !good.taken().iter().any(|heard| heard.json()["data"]["order"]["site"] == "WH"),
        "a filter lets all through"
    );
    assert_eq!(gateway.get("/v1/webhooks/elsewhere")["waiting"], 0);
    assert_eq!(gateway.post("/v1/webhooks/slow/delete", &json!({})).1["deleted"], true);
    assert_eq!(gateway.try_get("/v1/webhooks/slow").0, 404);
    gateway.stop();
}

#[test]
fn by_default_nothing_is_posted_into_private_networks() {
    let mut options = options("webhooks_private", &[]);
    options.set.clear();
    let gateway = Gateway::start(&options);
    let receiver = Receiver::start(|_| Answer::Status(200));
    let (status, problem) = keyed(&gateway, "/v1/webhooks", "erp", &json!({ "url": receiver.url() }));
    assert_eq!((status, &problem["errors"][0]["pointer"]), (400, &json!("#/url")), "{problem}");
    // A name is looked up only when something is sent.
    subscribe(&gateway, "inside", &json!({ "url": "https://localhost:1/" }));
    let (status, tried) = gateway.post("/v1/webhooks/inside/test", &json!({}));
    assert_eq!((status, &tried["outcome"]), (200, &json!("unanswered")), "{tried}");
    assert!(tried["detail"].as_str().is_some_and(|why| why.contains("not a public address")), "{tried}");
    assert!(receiver.heard().is_empty());
    gateway.stop();
}
