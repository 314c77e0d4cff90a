//! A year of a wholesaler's real orders through the running system, counted to the last piece.

use firmware_schemas::codec::{Encoding, encode};
use firmware_schemas::id::{DeviceId, SiteId};
use firmware_schemas::quantity::Pieces;
use firmware_schemas::telemetry::{EventFrame, EventRecord, Happening};
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::time::Instant;
use tests::gateway::{Gateway, GatewayOptions, small_network, verify};
use tests::publisher::Publisher;
use tests::shared;
use twin::import::order_lines::OrderLines;

#[test]
fn the_real_orders_of_a_year_leave_exactly_the_stock_that_arithmetic_says() {
    const OPENING: i64 = 1_000;
    const LINES_IN_A_FRAME: usize = 100;
    let Some(folder) = shared::folder("retail_replay", "data/retail") else { return };
    let file = File::open(folder.join("order_lines.csv.gz")).expect("the order lines");
    let lines = OrderLines::new(BufReader::new(GzDecoder::new(file))).expect("a header");
    let lines: Vec<_> = lines.collect::<Result<_, _>>().expect("order lines");
    let skus: BTreeMap<_, _> = lines.iter().map(|line| (line.sku.clone(), ())).collect();
    let mut expected: BTreeMap<String, i64> = skus.keys().map(|sku| (sku.to_string(), OPENING)).collect();

    let mut options = GatewayOptions::new("retail");
    let network = options.data.with_extension("network");
    let names: Vec<_> = skus.keys().map(ToString::to_string).collect();
    small_network(&network, "t", &names).expect("a network folder");
    options.network = Some(network);
    let gateway = Gateway::start(&options);
    let publisher = Publisher::start("wms", gateway.mqtt_port(), 200);
    let device = DeviceId::new("WMS-1").expect("an id");
    let mut seq = 0;
    let mut send = |events: Vec<EventRecord>| {
        let frame = EventFrame { device: device.clone(), boot: 1, seq, sent_at: None, events };
        let payload = encode(&frame, Encoding::Json).expect("a frame");
        publisher.send(seq, "portolan/v1/t/WH/WMS-1/event".into(), payload);
        seq += 1;
    };
    let began = Instant::now();
    let first_at = lines[0].ordered_at;
    for skus in skus.keys().collect::<Vec<_>>().chunks(LINES_IN_A_FRAME) {
        let counted = |sku: &&firmware_schemas::id::SkuId| EventRecord {
            at: first_at,
            site: None,
            happening: Happening::StockCounted { sku: (*sku).clone(), on_hand: Pieces(OPENING) },
        };
        send(skus.iter().map(counted).collect());
    }
    let mut returns = 0;
    for chunk in lines.chunks(LINES_IN_A_FRAME) {
        let events = chunk.iter().map(|line| {
            *expected.get_mut(line.sku.as_str()).expect("a known SKU") -= line.quantity.0;
            let (sku, customer) = (line.sku.clone(), None::<SiteId>);
            let happening = if line.quantity.0 > 0 {
                Happening::StockIssued { sku, pieces: line.quantity, order: None, customer }
            } else {
                returns += 1;
                Happening::StockReturned { sku, pieces: Pieces(-line.quantity.0), customer }
            };
            EventRecord { at: line.ordered_at, site: None, happening }
        });
        send(events.collect());
    }
    let n_frames = seq;
    assert_eq!(publisher.finish(true).len() as u64, n_frames);
    let took = began.elapsed();
    assert_eq!(gateway.metric("portolan_quarantine"), 0.0, "{:?}", gateway.get("/v1/quarantine"));
    let stock = gateway.get_all("/v1/stock?site=WH&limit=1000");
    let actual: BTreeMap<String, i64> = stock
        .iter()
        .map(|position| {
            (position["sku"].as_str().expect("a SKU").to_owned(), position["on_hand"].as_i64().expect("pieces"))
        })
        .collect();
    assert_eq!(actual, expected);
    let total: i64 = expected.values().sum();
    println!(
        "{} order lines ({returns} returns) of {} SKUs in {:.1} s: {:.0} lines/s; {total} pieces in the books",
        lines.len(),
        expected.len(),
        took.as_secs_f64(),
        lines.len() as f64 / took.as_secs_f64()
    );
    gateway.kill();
    println!("{}", verify(&options.data));
}
