//! What holds for every network.

use super::*;
use crate::situation::{
    Allocation, Arrival, Capacity, DayLevels, Disruption, Lateral, LeadTime, Ordering, Review, Rounding, Smoothing,
    Source, Sourcing, Struck, Transshipment, When,
};
use proptest::prelude::*;
use proptest::sample::select;

const DAYS: u32 = 40;

/// What is drawn for one stock position; taken modulo what there is.
#[derive(Clone, Debug)]
struct Spec {
    on_hand: i64,
    backorders: i64,
    mean: f64,
    permille: u16,
    policy: u8,
    level: i64,
    review: (u16, u8),
    ordering: (i64, i64, u8),
    sources: Vec<(u8, u16, u8, bool)>,
    sourcing: u8,
    allocation: u8,
    arriving: Vec<(u16, i64)>,
    lateral: u8,
}

fn spec() -> impl Strategy<Value = Spec> {
    let orders = (1..8_i64, 1..6_i64, 0..3_u8);
    let sources = prop::collection::vec((any::<u8>(), 1..6_u16, any::<u8>(), any::<bool>()), 1..3);
    (
        (0..60_i64, 0..5_i64, 0.0..6.0_f64, select(vec![1_000_u16, 0, 400])),
        (0..9_u8, 0..70_i64, (1..5_u16, 1..128_u8), orders),
        (sources, 0..3_u8, 0..3_u8, prop::collection::vec((0..9_u16, 0..20_i64), 0..3), 0..6_u8),
    )
        .prop_map(|((on_hand, backorders, mean, permille), (policy, level, review, ordering), rest)| {
            let (sources, sourcing, allocation, arriving, lateral) = rest;
            Spec {
                on_hand,
                backorders,
                mean,
                permille,
                policy,
                level,
                review,
                ordering,
                sources,
                sourcing,
                allocation,
                arriving,
                lateral,
            }
        })
}

/// A network of `tiers` echelons of three sites each, two SKUs, the second made of the first where asked.
fn network(specs: &[Spec], extras: u16) -> Situation {
    let has = |bit: u16| extras >> bit & 1 == 1;
    let mut s = Situation::empty();
    for i in 0..2 {
        let sku = s.add_sku(&format!("SKU-{i}"));
        if has(i) {
            s.skus[sku as usize].shelf_life_days = Some(7);
        }
    }
    let names = ["D", "A", "F", "C", "B", "E"];
    for (i, name) in names.iter().enumerate() {
        s.add_site(name, (i / 3) as u8);
    }
    s.factors.push((0..14).map(|day| (1 << 19) * (1 + day % 3)).collect());
    for sku in 0..2_u32 {
        for site in 0..6_u32 {
            let spec = &specs[(sku * 6 + site) as usize];
            let upstream = site >= 3;
            let mut position = StockPosition::new(site, sku);
            position.on_hand = spec.on_hand;
            position.backorders = if upstream { 0 } else { spec.backorders };
            position.backorder_permille = spec.permille;
            position.demand = match (upstream, has(2)) {
                (true, _) => Demand::None,
                (false, false) => poisson(spec.mean),
                (false, true) => Demand::Random { pieces: Arc::new(Pmf::poisson(spec.mean).unwrap()), factor: Some(0) },
            };
            let level = spec.level;
            position.policy = match spec.policy {
                0 => Policy::Never,
                1 => Policy::BaseStock { level },
                2 => Policy::MinMax { min: level / 2, max: level },
                3 => Policy::ReorderLot { reorder_point: level / 2, lot: 1 + level / 3 },
                4 => Policy::EchelonBaseStock { level: level * 3 },
                5 => Policy::Forecast {
                    smoothing: Smoothing::Exponential { alpha_permille: 200 },
                    cover_days: 5.5,
                    safety: 4,
                },
                6 | 7 => {
                    let from = |from_day, min| DayLevels { from_day, min, max: min + level / 2, least: 1 + level % 4 };
                    let levels = [from(0, level / 3), from(6 + site, level), from(20, level / 2)];
                    Policy::Scheduled { levels: levels.into(), of_echelon: spec.policy == 7 }
                }
                _ => Policy::Forecast { smoothing: Smoothing::MovingAverage { days: 6 }, cover_days: 5.0, safety: 4 },
            };
            position.review = Review { every_days: spec.review.0, first_day: 0, weekdays: spec.review.1 };
            let rounding = [Rounding::Up, Rounding::Down, Rounding::Nearest][usize::from(spec.ordering.2)];
            position.ordering = Ordering { min: spec.ordering.0, multiple: spec.ordering.1, rounding, cost_minor: 3 };
            position.sourcing = [Sourcing::Priority, Sourcing::Share, Sourcing::Cheapest][usize::from(spec.sourcing)];
            position.allocation =
                [Allocation::Proportional, Allocation::Priority, Allocation::FairShare][usize::from(spec.allocation)];
            position.arriving =
                spec.arriving.iter().map(|(day, pieces)| Arrival { day: *day, pieces: *pieces }).collect();
            for (i, (pick, days, kind, partial)) in spec.sources.iter().enumerate() {
                let from = match upstream {
                    true => Origin::Outside { site: kind.is_multiple_of(2).then_some(site) },
                    false => Origin::Position(sku * 6 + 3 + u32::from(*pick) % 3),
                };
                let days = match kind % 3 {
                    0 => LeadTime::Constant(*days),
                    _ => LeadTime::Random(Arc::new(Pmf::poisson(f64::from(*days)).unwrap().at_least(1))),
                };
                position.sources.push(Source {
                    from,
                    route: Route::Direct { days, may_cross: kind.is_multiple_of(5) },
                    share_permille: if spec.sources.len() == 1 { 1_000 } else { [300, 700][i] },
                    prices: if upstream { vec![(0, 5.0), (10, 4.0)] } else { Vec::new() },
                    priority: pick % 3,
                    partial: *partial,
                });
            }
            if sku == 1 && upstream && has(3) {
                position.sources.truncate(1);
                position.sources[0].from = Origin::Recipe { parts: vec![(site, 2)], per_day_max: has(4).then_some(6) };
                position.sourcing = Sourcing::Priority;
            }
            if has(5) && !upstream && spec.lateral < 4 {
                let when = match spec.lateral {
                    0 | 1 => Transshipment::Reactive,
                    _ => Transshipment::Proactive { every_days: 3, lead_days: 2 },
                };
                position.lateral = Some(Lateral { pool: u32::from(spec.lateral), when, cost_minor: 2.0 });
            }
            s.add(position);
        }
    }
    if has(6) {
        s.sites[4].ships_per_day_max = Some(Capacity::Pieces(9));
        s.sites[3].ships_per_day_max = Some(Capacity::Grams(7_500));
    }
    let mut strike = |strikes, when| s.disruptions.push(Disruption { name: "it".to_owned(), strikes, when });
    if has(7) {
        strike(Struck::Site(4), When::Days { from: 5, until: 12 });
        strike(Struck::Site(0), When::Days { from: 9, until: 11 });
    }
    if has(8) {
        strike(Struck::Site(3), When::Random { mean_between: 10.0, mean_lasting: 3.0 });
        strike(Struck::Spoils(1, vec![0, 1]), When::Random { mean_between: 20.0, mean_lasting: 2.0 });
        strike(Struck::SiteCapacity(4, 0.5), When::Days { from: 3, until: 30 });
    }
    s
}

fn case() -> impl Strategy<Value = Situation> {
    (prop::collection::vec(spec(), 12), any::<u16>()).prop_map(|(specs, extras)| network(&specs, extras))
}

/// The same network, with a lane from each of its upper sites to each of its lower ones.
fn over_lanes(mut s: Situation, hours: &[(f64, f64)]) -> Situation {
    for (nth, (mean, sd)) in hours.iter().enumerate() {
        let (from, to) = (3 + nth as u32 / 3, nth as u32 % 3);
        s.lanes.push(crate::situation::Lane {
            lane: format!("LANE-{nth}").parse().unwrap(),
            from,
            to,
            mode: firmware_schemas::network::Mode::Road,
            via: Vec::new(),
            lead_time_h: *mean,
            lead_time_sd_h: *sd,
            distance: firmware_schemas::quantity::Metres(1_000),
            departure_cost_minor: 0,
            tonne_cost_minor: 0,
            capacity_per_day: None,
            departs_every_days: 1 + nth as u16 % 3,
        });
    }
    for source in s.positions.iter_mut().flat_map(|position| &mut position.sources) {
        if matches!(source.from, Origin::Position(_)) {
            source.route = Route::Lanes;
        }
    }
    s
}

/// The sums of a tally by names instead of numbers.
fn by_name(outcome: &Tally, model: &Model) -> std::collections::BTreeMap<(u32, String, String, usize), i64> {
    let s = model.situation();
    let mut named = std::collections::BTreeMap::new();
    for replication in outcome.replications() {
        for (cell, (site, class)) in model.cells().enumerate() {
            for stat in Stat::ALL {
                let name = s.sites[site as usize].site.to_string();
                let sum = outcome.sum(replication, cell, *stat);
                named.insert((replication, name, class.to_owned(), *stat as usize), sum);
            }
        }
    }
    named
}

fn permuted(s: &Situation, order: &[usize]) -> Situation {
    let mut place = [0_u32; 6];
    order.iter().enumerate().for_each(|(new, old)| place[*old] = new as u32);
    let at = |old: u32| {
        let (sku, site) = (old / 6, old % 6);
        (1 - sku) * 6 + place[site as usize]
    };
    let mut t = s.clone();
    t.sites = order.iter().map(|old| s.sites[*old].clone()).collect();
    t.skus.reverse();
    for (old, position) in s.positions.iter().enumerate() {
        let mut position = position.clone();
        position.site = place[position.site as usize];
        position.sku = 1 - position.sku;
        for source in &mut position.sources {
            match &mut source.from {
                Origin::Position(from) => *from = at(*from),
                Origin::Recipe { parts, .. } => parts.iter_mut().for_each(|(part, _)| *part = at(*part)),
                Origin::Outside { site } => *site = site.map(|site| place[site as usize]),
            }
        }
        t.positions[at(old as u32) as usize] = position;
    }
    for disruption in &mut t.disruptions {
        match &mut disruption.strikes {
            Struck::Site(site) | Struck::SiteCapacity(site, _) => *site = place[*site as usize],
            Struck::Spoils(site, skus) => {
                *site = place[*site as usize];
                skus.iter_mut().for_each(|sku| *sku = 1 - *sku);
            }
            _ => {}
        }
    }
    t
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn nothing_appears_and_nothing_disappears(s in case()) {
        let m = model(s, DAYS);
        let s = m.situation();
        let trace = m.trace(3, 5);
        let mut before: Vec<DayOfPosition> = s.positions.iter().map(|p| DayOfPosition {
            on_hand: p.on_hand as i32,
            backorders: p.backorders as i32,
            on_order: p.arriving.iter().map(|a| a.pieces as i32).sum(),
            ..DayOfPosition::default()
        }).collect();
        let helps = |sku: u32| s.positions.iter().any(|p| p.sku == sku && p.lateral.is_some());
        for day in 0..DAYS {
            let mut of_sku = [0_i64; 2];
            for (i, p) in s.positions.iter().enumerate() {
                let (now, was) = (trace.day(day, i), &before[i]);
                prop_assert!(now.on_hand >= 0 && now.backorders >= 0 && now.owed >= 0 && now.in_transit >= 0);
                let served = was.backorders + now.demand - now.lost - now.backorders;
                let out = served + now.sent + now.wasted;
                let left = was.on_hand + now.received - out - now.on_hand;
                if p.lateral.is_none() {
                    prop_assert_eq!(left, 0, "day {} of position {}: {:?} after {:?}", day, i, now, was);
                    prop_assert_eq!(now.on_order, was.on_order + now.ordered - now.received);
                }
                // What helps another today is served there; what moves proactively is on order there.
                let moved = now.on_order - (was.on_order + now.ordered - now.received);
                of_sku[p.sku as usize] += i64::from(left - moved);
            }
            for (sku, left) in of_sku.into_iter().enumerate() {
                prop_assert!(left == 0 || !helps(sku as u32), "day {}: {} pieces of SKU {}", day, left, sku);
                prop_assert_eq!(left, 0, "day {} of SKU {}", day, sku);
            }
            before = (0..s.positions.len()).map(|i| *trace.day(day, i)).collect();
        }
    }

    #[test]
    fn lanes_threads_and_batches_change_nothing(s in case()) {
        let m = Model::new(Arc::new(s), DAYS, 9);
        let run = |replications, threads, scalar| m.run(11, replications, Effort { threads, scalar, stop: None }).unwrap();
        let wide = run(0..21, 1, false);
        prop_assert_eq!(&wide, &run(0..21, 1, true));
        prop_assert_eq!(&wide, &run(0..21, 2, false));
        let mut parts = run(0..5, 2, false);
        parts.append(run(5..21, 1, false));
        prop_assert_eq!(&wide, &parts);
    }

    #[test]
    fn journeys_carry_what_lanes_carry(s in case(), hours in prop::collection::vec((5.0..90.0_f64, 0.0..30.0_f64), 9)) {
        let m = model(over_lanes(s, &hours), DAYS);
        let s = m.situation();
        let tally = m.run(3, 4..6, Effort::default()).unwrap();
        let all = m.journeys(3, 5, DAYS, None).unwrap();
        prop_assert_eq!(all.until, DAYS);
        let mut grams = vec![0_i64; s.lanes.len()];
        let mut days = vec![std::collections::BTreeSet::new(); s.lanes.len()];
        for journey in &all.journeys {
            prop_assert!(journey.arrives > journey.leaves && journey.pieces > 0, "{:?}", journey);
            for lane in &all.ways[journey.way as usize] {
                grams[*lane as usize] += journey.pieces * 1_000; // a piece is a kilogram
                days[*lane as usize].insert(journey.leaves);
            }
        }
        for lane in 0..s.lanes.len() {
            prop_assert_eq!(grams[lane], tally.grams(5, lane), "lane {}", lane);
            prop_assert_eq!(days[lane].len() as u32, tally.departures(5, lane), "lane {}", lane);
        }
        let some = m.journeys(3, 5, 9, None).unwrap();
        let first: Vec<_> = all.journeys.iter().filter(|journey| journey.leaves < 9).collect();
        let lanes = |all: &Journeys, journey: &Journey| (journey.leaves, all.ways[journey.way as usize].clone());
        prop_assert_eq!(some.journeys.len(), first.len());
        for (a, b) in some.journeys.iter().zip(first) {
            prop_assert_eq!(lanes(&some, a), lanes(&all, b));
            prop_assert_eq!((a.arrives, a.pieces), (b.arrives, b.pieces));
        }
        let stop = std::sync::atomic::AtomicBool::new(true);
        prop_assert_eq!(m.journeys(3, 5, DAYS, Some(&stop)), None);
    }

    #[test]
    fn the_order_of_sites_and_goods_is_of_no_account(
        s in case(),
        order in Just((0..6_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let (a, b) = (model(s.clone(), DAYS), model(permuted(&s, &order), DAYS));
        let run = |m: &Model| by_name(&m.run(2, 0..3, Effort::default()).unwrap(), m);
        prop_assert_eq!(run(&a), run(&b));
    }

    #[test]
    fn more_stock_never_serves_fewer(
        levels in prop::collection::vec((1..5_u16, 0..60_i64), 1..4),
        more in 1..40_i64,
        which in 0..4_usize,
        mean in 0.5..8.0_f64,
        seed in any::<u64>(),
    ) {
        let stages: Vec<(u16, i64, i64)> = levels.iter().map(|(lead, level)| (*lead, *level, *level)).collect();
        let mut richer = stages.clone();
        let at = which % stages.len();
        richer[at].1 += more;
        richer[at].2 += more;
        let served = |stages: &[(u16, i64, i64)]| {
            let m = model(serial(stages, poisson(mean)), 60);
            let tally = m.run(seed, 0..8, Effort::default()).unwrap();
            (0..8).map(|r| tally.total(r, Stat::ServedAtOnce)).collect::<Vec<_>>()
        };
        for (poor, rich) in served(&stages).into_iter().zip(served(&richer)) {
            prop_assert!(rich >= poor);
        }
    }
}
