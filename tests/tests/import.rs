//! Networks and orders as they come: the demo network, a big one, Willems' chains, the real order lines.
#![expect(clippy::print_stderr, reason = "a skipped test and a measured time must be seen")]

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use gateway::clock::SystemClock;
use gateway::ports::Clock;
use tests::big_network::{self, Size};
use tests::shared;
use twin::import::order_lines::{OrderLine, OrderLines, Place};
use twin::import::willems::{self, Texts};
use twin::network::{Network, parse};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap_or_else(|why| panic!("{file}: {why}"))
}

fn demo() -> Network {
    let folder = workspace().join("networks/demo");
    let network = twin::network::parse(&|name| fs::read_to_string(folder.join(name)).ok().map(Cow::Owned));
    network.unwrap_or_else(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        panic!("the demo network is wrong:\n{}", errors.join("\n"))
    })
}

fn seconds<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let clock = SystemClock;
    let start = clock.monotonic();
    let result = work();
    (result, (clock.monotonic() - start).as_secs_f64())
}

#[test]
fn the_demo_network_is_whole() {
    let network = demo();
    assert!(network.sites().len() > 300 && network.stock().len() > 2_000 && network.vehicles().len() > 50);
    for position in network.stock() {
        let Some(source) = &position.source else { continue };
        let lead_time = network.lead_time(source.as_str(), position.site.as_str());
        assert!(lead_time.is_some(), "no way from {source} to {}", position.site);
    }
    for shipment in network.shipments() {
        let way = network.lead_time(shipment.from.as_str(), shipment.to.as_str());
        let latest = way.map(|way| way.0 + way.0 / 20 + 3 * 3_600); // promised with some slack
        assert!(Some(shipment.due_in_secs.0) <= latest, "{} is due after {way:?}", shipment.shipment);
    }
    for position in network.stock() {
        let lines = network.shipments().iter().filter(|shipment| shipment.to == position.site).flat_map(|s| &s.lines);
        let coming: i64 = lines.filter(|line| line.sku == position.sku).map(|line| line.quantity.0).sum();
        assert_eq!(position.in_transit.0, coming, "{} at {}", position.sku, position.site);
    }
    let asked_without_stock = network.demand().iter().find(|demand| {
        let stocked = network.stock().iter().filter(|stock| stock.sku == demand.sku);
        !stocked.into_iter().any(|stock| network.lead_time(stock.site.as_str(), demand.site.as_str()).is_some())
    });
    assert_eq!(asked_without_stock, None);
}

#[test]
fn a_network_of_ten_thousand_sites_loads() {
    let texts = big_network::texts(Size::FULL, 1);
    let bytes: usize = texts.values().map(String::len).sum();
    let (network, secs) = seconds(|| big_network::load(&texts));
    let network = network.unwrap_or_else(|errors| panic!("{}", errors[0]));
    let found = (network.sites().len(), network.lanes().len(), network.skus().len(), network.stock().len());
    assert_eq!(found, (10_000, 100_000, 2_000, 1_000_000));
    let (times, search_secs) = seconds(|| network.lead_times_from("S00000"));
    assert!(times.len() == 10_000 && times.iter().all(Option::is_some), "the ring joins all sites");
    eprintln!("loaded {} MB in {secs:.2} s; lead times to all sites in {:.1} ms", bytes / 1_000_000, search_secs * 1e3);
    assert_eq!(texts, big_network::texts(Size::FULL, 1), "the same seed gives the same network");
}

#[test]
fn all_chains_of_willems_load() {
    let Some(folder) = shared::folder("all_chains_of_willems_load", "data/network/willems2008") else { return };
    let [stages, arcs, chains, distributions] =
        ["stages.csv", "arcs.csv", "chains.csv", "stage_time_dist.csv"].map(|file| read(&folder, file));
    let texts = Texts { stages: &stages, arcs: &arcs, chains: Some(&chains), stage_time_dist: Some(&distributions) };
    let chains = willems::parse(texts).unwrap_or_else(|errors| panic!("{}", errors[0]));
    assert_eq!(chains.len(), 30);
    assert_eq!(chains.iter().map(|chain| chain.network.sites().len()).sum::<usize>(), 13_441);
    assert_eq!(chains.iter().map(|chain| chain.network.lanes().len()).sum::<usize>(), 39_809);
    assert_eq!(chains.iter().map(|chain| chain.network.demand().len()).sum::<usize>(), 3_694);
    let with_distribution = chains.iter().flat_map(|chain| &chain.stages).filter(|s| !s.time_distribution.is_empty());
    assert_eq!(with_distribution.count(), 2_072);
    for chain in &chains {
        assert!(chain.network.demand().iter().all(|demand| demand.rate_micro > 0), "chain {}", chain.chain);
        check_written(&chain.network);
    }
}

/// Calls `take` for each real order line.
fn order_lines(folder: &Path, mut take: impl FnMut(OrderLine)) {
    let file = File::open(folder.join("order_lines.csv.gz")).unwrap_or_else(|why| panic!("order_lines.csv.gz: {why}"));
    let lines = OrderLines::new(BufReader::new(GzDecoder::new(file))).unwrap_or_else(|why| panic!("{why}"));
    for line in lines {
        take(line.unwrap_or_else(|why| panic!("{why}")));
    }
}

/// What is written is read back as it was.
fn check_written(network: &Network) {
    let files = twin::network::write(network.parts());
    let find = |name: &str| files.get(name).map(|text| Cow::Borrowed(text.as_str()));
    let again = parse(&find).unwrap_or_else(|errors| panic!("{}: {}", network.head().name, errors[0]));
    assert!(again.parts() == network.parts(), "{}", network.head().name);
}

#[test]
fn a_network_that_is_written_is_read_back_as_it_was() {
    check_written(&demo());
    let small = Size { sites: 50, lanes: 300, skus: 40, positions: 900 };
    check_written(&big_network::load(&big_network::texts(small, 3)).unwrap_or_else(|errors| panic!("{}", errors[0])));
}

#[test]
fn all_real_order_lines_are_read() {
    let Some(folder) = shared::folder("all_real_order_lines_are_read", "data/retail") else { return };
    let (mut n, mut returned, mut pieces) = (0, 0, 0);
    let (mut skus, mut customers, mut countries) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    order_lines(&folder, |line| {
        n += 1;
        returned += usize::from(line.quantity.0 < 0);
        pieces += line.quantity.0;
        skus.insert(line.sku);
        customers.insert(line.customer);
        if let Place::Country(country) = line.place {
            countries.insert(country);
        }
    });
    assert_eq!((n, returned, skus.len(), customers.len(), countries.len()), (403_428, 8_511, 3_856, 4_361, 37));
    // The same sum by other means: the quantity is the fifth field and nothing is quoted.
    let file = File::open(folder.join("order_lines.csv.gz")).unwrap_or_else(|why| panic!("{why}"));
    let texts = BufReader::new(GzDecoder::new(file)).lines().skip(1);
    let quantity = |text: String| text.split(',').nth(4).and_then(|field| field.parse::<i64>().ok());
    assert_eq!(texts.map(|text| text.ok().and_then(quantity).unwrap_or(0)).sum::<i64>(), pieces);
}

#[test]
fn the_demo_has_the_weekdays_of_the_real_orders() {
    let Some(folder) = shared::folder("the_demo_has_the_weekdays_of_the_real_orders", "data/retail") else { return };
    let mut lines = [0_f64; 7];
    order_lines(&folder, |line| {
        let day = line.ordered_at.as_secs().div_euclid(86_400);
        if line.quantity.0 > 0 && day < 15_309 {
            lines[(day + 3).rem_euclid(7) as usize] += 1.0; // 1970-01-01 was a Thursday; up to 2011-11-30
        }
    });
    let mean = lines.iter().sum::<f64>() / 7.0;
    let network = demo();
    let profile = network.seasonality().iter().find(|profile| profile.name == "orders").expect("a profile of orders");
    for (factor, lines) in profile.weekday_permille.iter().zip(lines) {
        let measured = lines / mean * 1_000.0;
        assert!((f64::from(*factor) - measured).abs() <= 1.0, "{factor} in the demo, {measured} in the orders");
    }
}
