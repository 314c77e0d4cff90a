//! `cargo test --release -p sim -- --ignored --nocapture kernel_speed`

use super::*;
use std::time::Instant;

#[track_caller]
fn measure(name: &str, model: &Model, replications: u32, effort: Effort<'_>) {
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    let begun = Instant::now();
    let tally = model.run(1, 0..replications, effort).unwrap();
    let secs = begun.elapsed().as_secs_f64();
    let days = model.position_days() as f64 * f64::from(replications);
    let fill = tally.total(0, Stat::ServedAtOnce) as f64 / tally.total(0, Stat::Demand).max(1) as f64;
    eprintln!("{name:40} {:8.1} million SKU-site-days/s, {secs:.3} s, fill rate {fill:.3}", days / secs / 1e6);
}

#[test]
#[ignore = "a measurement"]
fn kernel_speed() {
    all("16 lanes", Effort::default());
}

#[test]
#[ignore = "a measurement"]
fn kernel_speed_of_one_lane() {
    all("1 lane", Effort { scalar: true, ..Effort::default() });
}

fn all(name: &str, effort: Effort<'_>) {
    {
        let many = |n: u32, demand: &dyn Fn(u32) -> Demand| {
            let mut s = Situation::empty();
            let site = s.add_site("A", 0);
            for i in 0..n {
                let sku = s.add_sku(&format!("SKU-{i}"));
                s.add(StockPosition {
                    on_hand: 30,
                    policy: Policy::MinMax { min: 20, max: 40 },
                    demand: demand(i),
                    ..StockPosition::new(site, sku).from(Origin::Outside { site: None }, Route::days(3))
                });
            }
            s
        };
        let random = model(many(600, &|i| poisson(f64::from(i % 40) / 10.0 + 0.1)), 365);
        measure(&format!("single stocks, random demand, {name}"), &random, 100, effort);
        let history: Vec<u32> = (0..365).map(|i| i * 7 % 11).collect();
        let replay = model(many(20_000, &|_| Demand::history(&history)), 365);
        measure(&format!("single stocks, history, {name}"), &replay, 1, effort);
        let chain = model(serial(&[(2, 30, 30), (4, 60, 60), (14, 150, 150)], poisson(5.0)), 365);
        measure(&format!("chain of three, {name}"), &chain, 6_400, effort);
    }
}

#[test]
#[ignore = "a measurement"]
fn kernel_speed_of_the_demo_network() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../networks/demo");
    let read = |name: &str| Some(std::fs::read_to_string(format!("{folder}/{name}")).ok()?.into());
    let network = twin::network::parse(&read).unwrap();
    let start = firmware_schemas::quantity::Timestamp::parse_rfc3339("2026-11-23T00:00:00Z").unwrap();
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    let begun = Instant::now();
    let situation = Situation::from_network(&network, start, &crate::situation::Assumptions::default());
    eprintln!("situation of {} positions: {:?}", situation.positions.len(), begun.elapsed());
    let mut situation = situation;
    for sku in &mut situation.skus {
        sku.class = format!(
            "{}-{}",
            sku.class,
            if sku.shelf_life_days.is_some_and(|days| days < 60) { "short" } else { "long" }
        );
    }
    situation.check().unwrap();
    Model::fits(&situation, 365).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    let begun = Instant::now();
    let base = Arc::new(model(situation.clone(), 365));
    eprintln!("model of {} groups: {:?}", base.n_groups(), begun.elapsed());
    measure("demo", &base, 100, Effort::default());
    let mut closed = situation.clone();
    let port = closed.sites.iter().position(|site| site.site.as_str() == "GBFXT").unwrap() as u32;
    closed.disruptions.push(crate::situation::Disruption {
        name: "port".to_owned(),
        strikes: crate::situation::Struck::Site(port),
        when: crate::situation::When::Days { from: 10, until: 31 },
    });
    let closed = Arc::new(model(closed, 365));
    measure("demo, port closed", &closed, 100, Effort::default());
    use crate::experiment::{Kpi, Outcome, Scope};
    let outcome = |model: &Arc<Model>| {
        let tally = model.run(1, 0..100, Effort { threads: 2, ..Effort::default() }).unwrap();
        Outcome { name: String::new(), model: model.clone(), tally }
    };
    let (base, closed) = (outcome(&base), outcome(&closed));
    for tier in base.model.tiers() {
        for class in base.model.classes() {
            let at = |stat| {
                (0..base.model.cells().len())
                    .filter(|c| {
                        let (site, of) = base.model.cells().nth(*c).unwrap();
                        of == class && base.model.situation().sites[site as usize].tier == *tier
                    })
                    .map(|c| base.tally.sum(0, c, stat))
                    .sum::<i64>()
            };
            eprintln!(
                "tier {tier} {class:10} demand {} at once {} lost {} wasted {} ordered {} received {} on hand {}",
                at(Stat::Demand),
                at(Stat::ServedAtOnce),
                at(Stat::Lost),
                at(Stat::Wasted),
                at(Stat::Ordered),
                at(Stat::Received),
                at(Stat::OnHandDays) / 365
            );
        }
    }
    for kpi in Kpi::ALL {
        let (a, d) = (base.estimate(*kpi, Scope::All), closed.difference(&base, *kpi, Scope::All));
        let ratio = closed.variance_ratio(&base, *kpi);
        if let (Some(a), Some(d)) = (a, d) {
            eprintln!(
                "{:20} {:14.4} ± {:10.4}   {:+14.4} ± {:10.4} variance {:.4}",
                kpi.as_str(),
                a.mean,
                a.half_width,
                d.mean,
                d.half_width,
                ratio.unwrap_or(f64::NAN)
            );
        }
    }
}
