//! Orders a second, acknowledged durably, one by one and in bulk; how long one waits for its answer.

use super::{Figure, Goal, Options};
use crate::gateway::{Gateway, GatewayOptions};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SKUS: u64 = 1_000;
const CONNECTIONS: usize = 32;
const BULK_LINES: u64 = 5_000;
/// A million orders within 200 seconds.
const PER_SECOND: f64 = 1_000_000.0 / 200.0;

pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let n = options.n.unwrap_or(200_000);
    let mut gateway_options = GatewayOptions::new("bench-orders");
    let network = gateway_options.data.with_extension("network");
    let skus: Vec<String> = (0..SKUS).map(|sku| format!("SKU-{sku}")).collect();
    crate::gateway::small_network(&network, "t", &skus)?;
    let stock: String =
        skus.iter().map(|sku| format!("SHOP,{sku},1000,0,0,0,,,WH\nWH,{sku},10000000,0,0,0,,,\n")).collect();
    let head = "site,sku,on_hand,reserved,in_transit,on_order,reorder_point,order_up_to,source\n";
    fs::write(network.join("stock.csv"), format!("{head}{stock}"))?;
    gateway_options.network = Some(network);
    let gateway = Gateway::start(&gateway_options);
    let url = gateway.url("");
    let (single, mut millis) = one_by_one(&url, n / 2)?;
    millis.sort_by(f64::total_cmp);
    let p99 = millis[(millis.len() * 99 / 100).min(millis.len() - 1)];
    let bulk = in_bulk(&url, n / 2)?;
    let mib = gateway.resident_bytes() as f64 / f64::from(1 << 20);
    gateway.stop();
    let answered = "response of a single call, p99, with 32 connections";
    Ok(vec![
        Figure::alone("single calls, durable and promised", single, "orders/s", Goal::AtLeast(PER_SECOND)),
        Figure::alone(answered, p99, "ms", Goal::None),
        Figure::alone("in bulk, durable and promised", bulk, "orders/s", Goal::AtLeast(PER_SECOND)),
        Figure::alone(format!("resident memory with {n} open orders"), mib, "MiB", Goal::None),
    ])
}

fn order(id: &str, n: u64) -> String {
    let lines = [n % SKUS, (n * 7 + 3) % SKUS].map(|sku| format!(r#"{{"sku":"SKU-{sku}","pieces":{}}}"#, n % 5 + 1));
    format!(r#"{{"order":"{id}","site":"SHOP","lines":[{}]}}"#, lines.join(","))
}

fn client() -> Result<reqwest::blocking::Client> {
    Ok(reqwest::blocking::Client::builder().timeout(Duration::from_secs(60)).build()?)
}

fn one_by_one(url: &str, n: u64) -> Result<(f64, Vec<f64>)> {
    let next = AtomicU64::new(0);
    let send = || -> Result<Vec<f64>> {
        let client = client()?;
        let mut millis = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= n {
                return Ok(millis);
            }
            let id = format!("S-{number}");
            let began = Instant::now();
            let answer = client
                .post(format!("{url}/v1/orders"))
                .header("Idempotency-Key", &id)
                .header("Content-Type", "application/json")
                .body(order(&id, number))
                .send()?;
            ensure!(answer.status() == 201, "{}", answer.text()?);
            answer.bytes()?;
            millis.push(began.elapsed().as_secs_f64() * 1e3);
        }
    };
    let began = Instant::now();
    let millis: Result<Vec<Vec<f64>>> = thread::scope(|scope| {
        let senders: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(send)).collect();
        senders
            .into_iter()
            .map(|sender| sender.join().map_err(|_panic| anyhow::anyhow!("a sender panicked"))?)
            .collect()
    });
    let secs = began.elapsed().as_secs_f64();
    Ok((n as f64 / secs, millis?.concat()))
}

fn in_bulk(url: &str, n: u64) -> Result<f64> {
    let client = client()?;
    let began = Instant::now();
    let mut sent = 0;
    while sent < n {
        let until = (sent + BULK_LINES).min(n);
        let lines: String =
            (sent..until).map(|number| format!("{{\"order\":{}}}\n", order(&format!("B-{number}"), number))).collect();
        let answer = client.post(format!("{url}/v1/orders:bulk"));
        let answer = answer.header("Content-Type", "application/x-ndjson").body(lines).send()?;
        ensure!(answer.status() == 200, "{}", answer.text()?);
        let text = answer.text()?;
        let taken = text.lines().filter(|line| line.contains("\"taken\"")).count() as u64;
        ensure!(
            taken == until - sent,
            "{taken} of {} taken: {}",
            until - sent,
            text.lines().next().context("no answer")?
        );
        sent = until;
    }
    Ok(n as f64 / began.elapsed().as_secs_f64())
}
