//! A network of 10,000 sites, 100,000 lanes and 1,000,000 stock positions in a running gateway: how long its
//! first start takes, a start after `kill -9`, what the questions of its users cost, and how much memory it has.

use super::{Figure, Goal, Options, median};
use crate::big_network::{self, Size};
use crate::gateway::{Gateway, GatewayOptions, wait_until};
use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// A first start may take so long on a slow machine.
const READY_WITHIN: Duration = Duration::from_secs(300);

/// Questions, one of each kind.
const QUESTIONS: [(&str, &str); 7] = [
    ("a page of 100 sites", "/v1/sites?limit=100"),
    ("one site", "/v1/sites/S05000"),
    ("a page of 100 lanes", "/v1/lanes?limit=100"),
    ("the stock of a site", "/v1/sites/S05000/stock?limit=1000"),
    ("the stock of a SKU", "/v1/stock?sku=K0042&limit=1000"),
    ("a page of 1,000 positions in the middle", "/v1/stock?limit=1000&cursor=S05000/{sku}"),
    ("open alerts", "/v1/alerts?limit=100"),
];

pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let n = options.n;
    let n_questions = n.unwrap_or(200);
    let folder = super::folder("network")?;
    let mut options = GatewayOptions::new("network");
    options.data = folder.join("data");
    let texts = big_network::texts(Size::FULL, 1);
    let network = folder.join("network");
    std::fs::create_dir_all(&network)?;
    for (file, text) in &texts {
        std::fs::write(network.join(file), text)?;
    }
    options.network = Some(network.clone());
    options.tenant = "big".to_owned();
    let bytes: usize = texts.values().map(String::len).sum();
    let (fields, csv_secs) = bare_csv(&network)?;
    let began = Instant::now();
    let gateway = start(&options);
    let first_secs = began.elapsed().as_secs_f64();
    let mut figures = vec![Figure {
        against: Some((format!("reading its {fields} CSV fields alone"), csv_secs)),
        ..Figure::alone(format!("first start with {} MB of network", bytes / 1_000_000), first_secs, "s", Goal::None)
    }];
    let client = reqwest::blocking::Client::new();
    let some_sku = gateway.get("/v1/sites/S05000/stock?limit=1")["items"][0]["sku"].clone();
    for (what, path) in QUESTIONS {
        let path = &path.replace("{sku}", some_sku.as_str().context("a SKU of S05000")?);
        let mut millis = Vec::new();
        for _ in 0..n_questions {
            let began = Instant::now();
            let answer = client.get(gateway.url(path)).send()?;
            anyhow::ensure!(answer.status().is_success(), "{path}: {} {}", answer.status(), answer.text()?);
            answer.bytes()?;
            millis.push(began.elapsed().as_secs_f64() * 1e3);
        }
        figures.push(Figure::alone(
            format!("{what}, median of {n_questions}"),
            median(millis),
            "ms",
            Goal::AtMost(50.0),
        ));
    }
    let began = Instant::now();
    let whole = client.get(gateway.url("/v1/snapshot?stock=all")).send()?.bytes()?.len();
    let what = format!("snapshot with all stock, {} MB", whole / 1_000_000);
    figures.push(Figure::alone(what, began.elapsed().as_secs_f64(), "s", Goal::None));
    let mib = gateway.peak_memory_bytes() as f64 / f64::from(1 << 20);
    figures.push(Figure::alone("peak memory", mib, "MiB", Goal::None));
    gateway.kill();
    let began = Instant::now();
    let gateway = start(&options);
    figures.push(Figure::alone("ready again after kill -9", began.elapsed().as_secs_f64(), "s", Goal::None));
    drop(gateway);
    std::fs::remove_dir_all(folder)?;
    Ok(figures)
}

fn start(options: &GatewayOptions) -> Gateway {
    let gateway = Gateway::spawn(options);
    wait_until("ready", READY_WITHIN, || match gateway.readyz() {
        Some((200, _)) => Ok(()),
        other => Err(format!("{other:?}: {}", gateway.log())),
    });
    gateway
}

/// How many fields the files hold, and how long the CSV reader alone takes for them.
fn bare_csv(folder: &std::path::Path) -> Result<(usize, f64)> {
    let began = Instant::now();
    let mut fields = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|it| it != "csv") {
            continue;
        }
        let mut reader = csv::Reader::from_path(&path).with_context(|| path.display().to_string())?;
        let mut row = csv::ByteRecord::new();
        while reader.read_byte_record(&mut row)? {
            fields += row.len();
        }
    }
    Ok((fields, began.elapsed().as_secs_f64()))
}
