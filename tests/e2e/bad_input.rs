//! Whatever strangers send, the gateway stays up, and each refused payload is kept with its reason.

use std::time::Duration;
use tests::disk::SplitMix64;
use tests::gateway::{Gateway, GatewayOptions, small_network, wait_until};
use tests::publisher::Publisher;

/// Frames of every channel to begin with, with their channel.
const FRAMES: [(&str, &str); 6] = [
    (
        "telemetry",
        r#"{"device":"d0","boot":1,"seq":1,"readings":[{"metric":"t","at":1790000000000,"value":4.25,"quality":"good"}]}"#,
    ),
    (
        "event",
        r#"{"device":"d0","boot":1,"seq":2,"events":[{"at":"2026-11-22T06:40:00Z","happening":{"stock_received":{"sku":"A","pieces":5}}}]}"#,
    ),
    ("position", r#"{"device":"d0","boot":1,"seq":3,"at":"2026-11-22T06:40:00Z","position":{"lat":53.5,"lon":10.0}}"#),
    (
        "birth",
        r#"{"device":"d0","boot":1,"interval_secs":60,"metrics":[{"name":"t","unit":"Cel","kind":"float","min":2,"max":8}]}"#,
    ),
    ("status", r#"{"device":"d0","boot":1,"online":true}"#),
    ("ack", r#"{"device":"d0","command":"c1","outcome":"done"}"#),
];

/// Breaks a frame: bytes changed, cut, doubled, numbers made huge, members renamed.
fn mutate(frame: &str, random: &mut SplitMix64) -> Vec<u8> {
    let mut bytes = frame.as_bytes().to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(8) {
            0 => bytes[at] = random.below(256) as u8,
            1 => bytes.truncate(at.max(1)),
            2 => bytes.insert(at, b"[{\"\\,:-0e\xff"[random.below(10) as usize]),
            3 => {
                bytes.remove(at);
                if bytes.is_empty() {
                    bytes.push(b'{');
                }
            }
            4 => bytes.splice(at..at, b"99999999999999999999999".iter().copied()).for_each(drop),
            5 => bytes.splice(at..at, b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[".iter().copied()).for_each(drop),
            6 => bytes.rotate_left(at),
            _ => bytes.splice(at..at, b"\"\xc3\x28\"".iter().copied()).for_each(drop),
        }
    }
    bytes
}

#[test]
fn ten_thousand_mutated_frames_leave_the_gateway_up_and_are_kept_with_their_reasons() {
    const N_FRAMES: u64 = 10_000;
    let mut options = GatewayOptions::new("mutated");
    let network = options.data.with_extension("network");
    small_network(&network, "t", &["A".to_owned()]).expect("a network folder");
    options.network = Some(network);
    let gateway = Gateway::start(&options);
    let publisher = Publisher::start("stranger", gateway.mqtt_port(), 200);
    let mut random = SplitMix64(7);
    for number in 0..N_FRAMES {
        let (channel, frame) = FRAMES[random.below(FRAMES.len() as u64) as usize];
        let payload = mutate(frame, &mut random);
        publisher.send(number, format!("portolan/v1/t/WH/d0/{channel}"), payload);
    }
    // Bad or not: each is acknowledged once it is durable.
    assert_eq!(publisher.finish(true).len() as u64, N_FRAMES);
    assert_eq!(gateway.readyz().map(|(status, _)| status), Some(200));
    let metric = |name: &str| gateway.metric(name) as u64;
    let refused = metric("portolan_quarantine");
    assert!(refused > N_FRAMES / 2, "only {refused} of {N_FRAMES} were refused: the mutations are too kind");
    let kept = gateway.get_all("/v1/quarantine?limit=1000");
    assert_eq!(kept.len() as u64, refused);
    for entry in &kept {
        assert!(entry["reason"].as_str().is_some_and(|why| !why.is_empty()), "{entry}");
        assert!(entry["topic"].as_str().is_some_and(|topic| topic.starts_with("portolan/v1/t/WH/d0/")), "{entry}");
    }
    println!(
        "{refused} of {N_FRAMES} mutated frames are in quarantine, peak memory {} MiB",
        gateway.peak_memory_bytes() >> 20
    );
    // One of them is tried again, and thrown away.
    let id = kept[0]["id"].as_u64().expect("an id");
    let (status, body) = gateway.post(&format!("/v1/quarantine/{id}/redrive"), &serde_json::json!({}));
    assert!(status == 409 || status == 200 || status == 422, "{status} {body}");
    let (status, body) = gateway.post(&format!("/v1/quarantine/{id}/discard"), &serde_json::json!({}));
    assert!((200..300).contains(&status), "{status} {body}");
    assert_eq!(metric("portolan_quarantine"), refused - 1);
}

#[test]
fn a_payload_refused_for_an_unknown_site_is_taken_when_it_is_driven_again_after_the_site_is_known() {
    let mut options = GatewayOptions::new("redriven");
    let network = options.data.with_extension("network");
    small_network(&network, "t", &["A".to_owned()]).expect("a network folder");
    options.network = Some(network.clone());
    let gateway = Gateway::start(&options);
    let publisher = Publisher::start("early", gateway.mqtt_port(), 10);
    let frame = r#"{"device":"d9","boot":1,"seq":0,"events":[{"at":"2026-11-22T06:40:00Z","happening":{"stock_received":{"sku":"A","pieces":5}}}]}"#;
    publisher.send(0, "portolan/v1/t/NEW/d9/event".into(), frame.as_bytes().to_vec());
    assert_eq!(publisher.finish(true), [0]);
    let kept = gateway.get_all("/v1/quarantine");
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0]["reason"].as_str().is_some_and(|why| why.contains("unknown site")), "{kept:?}");
    gateway.stop();
    let sites = std::fs::read_to_string(network.join("sites.csv")).expect("the file") + "NEW,shop,New,52.0,9.0\n";
    std::fs::write(network.join("sites.csv"), sites).expect("the file");
    let gateway = Gateway::start(&options);
    let id = kept[0]["id"].as_u64().expect("an id");
    let (status, body) = gateway.post(&format!("/v1/quarantine/{id}/redrive"), &serde_json::json!({}));
    assert_eq!(status, 200, "{body}");
    wait_until("the stock is there", Duration::from_secs(10), || {
        let stock = gateway.get_all("/v1/stock?site=NEW");
        if stock.len() == 1 && stock[0]["on_hand"] == 5 { Ok(()) } else { Err(stock) }
    });
    assert_eq!(gateway.get_all("/v1/quarantine").len(), 0);
}
