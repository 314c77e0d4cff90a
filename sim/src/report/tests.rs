//! Reports of small networks, and of a large one to look at.

use std::sync::Arc;

use expect_test::expect;
use firmware_schemas::network::{Mode, SiteKind, TemperatureClass};
use firmware_schemas::quantity::{Grams, Metres};

use super::*;
use crate::experiment::{Kpi, Outcome, Plan, run};
use crate::situation::{
    Demand, Disruption, FACTOR_ONE, Lane, Ordering, Origin, Policy, Route, Situation, StockPosition, Struck, When,
};
use crate::theory::distribution::Pmf;

/// A shop and the warehouse behind it; goods that ship in `lead` days.
fn small(level: i64, lead: u16, mean: f64) -> Situation {
    let mut s = Situation::empty();
    let sku = s.add_sku("SKU");
    let (shop, warehouse) = (s.add_site("SHOP", 0), s.add_site("DC", 1));
    s.add(StockPosition {
        on_hand: level,
        policy: Policy::BaseStock { level },
        demand: if mean > 0.0 { Demand::random(Pmf::poisson(mean).unwrap()) } else { Demand::None },
        holding_minor_per_year: 3_650.0,
        backorder_minor_per_day: 100.0,
        ..StockPosition::new(shop, sku).from(Origin::Position(1), Route::days(lead))
    });
    s.add(StockPosition {
        on_hand: 60,
        policy: Policy::BaseStock { level: 60 },
        holding_minor_per_year: 1_825.0,
        ..StockPosition::new(warehouse, sku).from(Origin::Outside { site: None }, Route::days(5))
    });
    s
}

fn outcomes(cases: Vec<(&str, Situation)>, days: u32, replications: u32) -> Vec<Outcome> {
    let cases = cases.into_iter().map(|(name, s)| (name.to_owned(), Arc::new(s))).collect();
    run(cases, &Plan::fixed(7, days, replications), 1, None, &mut |_| {}).unwrap()
}

/// As [`outcomes`], with one replication, which an experiment never makes.
fn once(cases: Vec<(&str, Situation)>) -> Vec<Outcome> {
    let of = |(name, s): (&str, Situation)| {
        let model = Arc::new(crate::kernel::Model::new(Arc::new(s), 60, 0));
        let tally = model.run(7, 0..1, crate::kernel::Effort::default()).unwrap();
        Outcome { name: name.to_owned(), model, tally: Arc::new(tally) }
    };
    cases.into_iter().map(of).collect()
}

fn about() -> About {
    About { title: "What if".to_owned(), seed: 7, made_at: "2026-11-23".to_owned(), ..About::default() }
}

/// Panics unless every tag that opens closes, in order, and all text is escaped.
#[track_caller]
fn check_well_formed(html: &str) {
    const VOID: [&str; 3] = ["meta", "!DOCTYPE", "br"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find(['<', '>']) {
        let text = &rest[..at];
        let entities = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&#160;"];
        for (i, _) in text.match_indices('&') {
            assert!(entities.iter().any(|e| text[i..].starts_with(e)), "a bare & in {text:?}");
        }
        assert!(rest[at..].starts_with('<'), "a bare > after {:?}", &rest[..at]);
        let end =
            rest[at..].find('>').map(|end| at + end).unwrap_or_else(|| panic!("an open tag at {:?}", &rest[at..]));
        let tag = &rest[at + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "a quote that does not end: <{tag}>");
        assert!(!tag.contains('<'), "a bare < in <{tag}>");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "in <{tag}>");
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
        rest = &rest[end + 1..];
        if name == "style" && !tag.starts_with('/') {
            rest = &rest[rest.find("</style>").unwrap()..];
        }
    }
    assert_eq!(open, Vec::<&str>::new(), "never closed");
    for word in ["NaN", "inf ", "http://", "https://", "<script"] {
        assert!(!html.contains(word), "{word}");
    }
}

/// What is read, a line for each row or paragraph, without the charts.
fn text(html: &str) -> String {
    let body = html.split_once("</head>").unwrap().1;
    let mut out = String::new();
    let mut rest = body;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let (tag, after) = after.split_once('>').unwrap();
        rest = if tag.starts_with("svg") { after.split_once("</svg>").unwrap().1 } else { after };
        match tag {
            "/td" | "/th" => out.push_str(" | "),
            tag if tag.starts_with("span class=\"d") => out.push_str(" // "),
            _ => {}
        }
    }
    let lines = out.replace('\u{a0}', " ");
    let lines: Vec<&str> = lines.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("\n") + "\n"
}

/// The sentence on each scenario.
fn headlines(html: &str) -> Vec<String> {
    let cards = html.split_once("<ul class=\"cards\">").unwrap().1.split_once("</ul>").unwrap().0;
    let of = |card: &str| card.rsplit_once("<p>").unwrap().1.split_once("</p>").unwrap().0.replace('\u{a0}', " ");
    cards.split("</li>").filter(|card| card.contains("<p>")).map(of).skip(1).collect()
}

#[test]
fn the_same_twice_is_no_difference() {
    let cases = outcomes(vec![("as is", small(20, 2, 5.0)), ("the same", small(20, 2, 5.0))], 100, 20);
    let html = html(&cases, &about());
    check_well_formed(&html);
    assert_eq!(headlines(&html), ["No difference that 20 replications can show."]);
}

#[test]
fn one_replication_claims_nothing() {
    let html = html(&once(vec![("as is", small(20, 2, 5.0)), ("less", small(5, 2, 5.0))]), &about());
    check_well_formed(&html);
    assert_eq!(headlines(&html), ["One replication cannot show a difference."]);
    for claim in [">better<", "</span> better", "</span> worse", "No site is shown to be served better"] {
        assert!(!html.contains(claim), "{claim}");
    }
}

#[test]
fn a_sentence_says_what_is_beyond_doubt() {
    let cases = outcomes(vec![("as is", small(20, 2, 5.0)), ("less", small(10, 2, 5.0))], 200, 50);
    let html = html(&cases, &about());
    check_well_formed(&html);
    let sentence = &headlines(&html)[0];
    let base = cases[0].estimate(Kpi::FillRate, crate::experiment::Scope::All).unwrap().mean * 100.0;
    assert!(sentence.starts_with("Fill rate falls from "), "{sentence}");
    assert!(sentence.contains(&format!("from {base:.1}")), "{sentence}: {base}");
    assert!(!sentence.contains("ask for"), "demand is the same: {sentence}");
}

#[test]
fn a_report_copes_with_little() {
    let page = html(&[], &about());
    check_well_formed(&page);
    for cases in [
        outcomes(vec![("only", small(20, 2, 5.0))], 60, 3),
        outcomes(vec![("nothing asked", small(20, 2, 0.0)), ("nothing either", small(10, 2, 0.0))], 60, 3),
        outcomes(vec![("empty", Situation::empty()), ("empty too", Situation::empty())], 30, 2),
        outcomes(vec![("short", small(20, 2, 5.0)), ("short too", small(9, 2, 5.0))], 3, 2),
        outcomes(vec![("nothing asked", small(20, 2, 0.0)), ("something asked", small(10, 2, 3.0))], 60, 3),
        outcomes((0..8).map(|i| ("one of eight", small(20 - i, 2, 5.0))).collect(), 60, 3),
        outcomes(vec![("years", small(20, 2, 5.0)), ("years too", small(9, 2, 5.0))], 3_000, 2),
    ] {
        for language in [Language::English, Language::Chinese] {
            let page = html(&cases, &About { language, ..about() });
            check_well_formed(&page);
            assert_eq!(page, html(&cases, &About { language, ..about() }));
        }
        assert!(csv(&rows(&cases)).lines().count() > 1);
    }
}

#[test]
fn names_are_not_taken_for_markup() {
    let evil = "</title><script>alert(\"1\")</script> & 'co'\u{0}";
    let mut s = small(20, 2, 5.0);
    s.skus[0].class = evil.to_owned();
    let mut other = s.clone();
    let sku = other.add_sku("SKU-2");
    other.positions[0].sku = sku;
    other.disruptions.push(Disruption {
        name: evil.to_owned(),
        strikes: Struck::Site(0),
        when: When::Days { from: 10, until: 20 },
    });
    other.positions[1].sku = sku;
    let cases = outcomes(vec![(evil, s), (evil, other)], 60, 4);
    let about = About {
        title: evil.to_owned(),
        stories: vec![evil.to_owned(), evil.to_owned()],
        made_at: evil.to_owned(),
        from: evil.to_owned(),
        ..about()
    };
    let page = html(&cases, &about);
    check_well_formed(&page);
    assert!(page.matches("&lt;script&gt;").count() > 8);
    assert!(!page.contains("alert(\"1\")"));
}

#[test]
fn rows_of_all_are_sums_of_their_parts() {
    let rows = rows(&outcomes(vec![("as is", small(20, 2, 5.0)), ("less", small(9, 2, 5.0))], 100, 5));
    let of = |case: &str, kind: &str, kpi: Kpi| -> f64 {
        let is_it = |r: &&Row| r.case == case && r.scope_kind == kind && r.kpi == kpi.as_str();
        rows.iter().filter(is_it).filter(|r| r.replication.is_none()).map(|r| r.value).sum()
    };
    for case in ["as is", "less"] {
        for kpi in [Kpi::Demand, Kpi::MeanOnHand, Kpi::Orders, Kpi::HoldingCost, Kpi::TotalCost] {
            for kind in ["site", "echelon", "class"] {
                let (part, all) = (of(case, kind, kpi), of(case, "all", kpi));
                assert!((part - all).abs() <= 1e-9 * all.abs(), "{case} {kind} {kpi:?}: {part}, {all}");
            }
        }
    }
    let of_one = |replication| {
        let is_it = |r: &&Row| r.case == "less" && r.scope_kind == "all" && r.kpi == "demand";
        rows.iter().filter(is_it).find(|r| r.replication == replication).unwrap()
    };
    let mean = (0..5).map(|r| of_one(Some(r)).value).sum::<f64>() / 5.0;
    assert!((of_one(None).value - mean).abs() < 1e-9);
    assert_eq!(of_one(None).difference, Some(0.0));
    assert_eq!(of_one(Some(0)).half_width, None);
}

#[test]
fn fields_of_csv_are_quoted_by_rfc_4180() {
    let row = Row {
        case: "less, \"far\" less\nthan".to_owned(),
        scope_kind: "site",
        scope: "A-1".to_owned(),
        kpi: "fill_rate",
        unit: "1",
        replication: None,
        value: 0.5,
        half_width: Some(0.25),
        difference: None,
        difference_half_width: None,
    };
    let text = csv(&[row.clone(), Row { case: "plain".to_owned(), replication: Some(3), half_width: None, ..row }]);
    let (head, body) = text.split_once("\r\n").unwrap();
    assert_eq!(head, "case,scope_kind,scope,kpi,unit,replication,value,half_width,difference,difference_half_width");
    assert_eq!(
        body,
        "\"less, \"\"far\"\" less\nthan\",site,A-1,fill_rate,1,,0.5,0.25,,\r\nplain,site,A-1,fill_rate,1,3,0.5,,,\r\n"
    );
}

#[test]
fn a_small_report_reads() {
    let cases = outcomes(vec![("as is", small(18, 2, 5.0)), ("lower stock", small(12, 2, 5.0))], 90, 10);
    let page = html(&cases, &About { from: "a small network".to_owned(), ..about() });
    let read = text(&page).split_once("How this was made").unwrap().0.to_owned();
    expect![[r#"
        What if
        Made 2026-11-23 from a small network · 90 days, 2026-01-05 to 2026-04-04 · 10 replications · seed 7
        In short
        as isFill rate 99.91 ± 0.15 %; total cost €230 ± 7.
        lower stockFill rate falls from 99.9 % to 89.5 % (−10 ± 2 points); mean stock falls by 5.47 ± 0.13 pieces (−12.7 %); in costs, no difference that 10 replications can show.
        Key figures
        Means over the whole network and all counted days, with 95 % confidence intervals. The second line of a cell is the paired difference from “as is”.
        Figure | Unit | as is | lower stock |
        Service |
        Fill rate | % | 99.91 ± 0.15 | 90 ± 2 // ✗ worse &#160;−10 ± 2 |
        Cycle service level | % | 99.88 ± 0.17 | 89 ± 3 // ✗ worse &#160;−11 ± 3 |
        Days with a shortage | % | 0.2 ± 0.3 | 23 ± 5 // ✗ worse &#160;+22 ± 5 |
        Demand | pieces | 456 ± 14 | 456 ± 14 // = |
        Mean wait of customers | days | 0.001 ± 0.002 | 0.11 ± 0.02 // ✗ worse &#160;+0.10 ± 0.02 |
        Mean backorders | pieces | 0.00 ± 0.01 | 0.54 ± 0.14 // ✗ worse &#160;+0.53 ± 0.13 |
        Stock and flow |
        Mean stock | pieces | 43.2 ± 1.1 | 37.7 ± 1.0 // ↓ less &#160;−5.47 ± 0.13 |
        Days of cover | days | 8.5 ± 0.5 | 7.5 ± 0.4 // ↓ less &#160;−1.08 ± 0.06 |
        Stock turns | a year | 43 ± 3 | 49 ± 3 // ✓ better &#160;+6.2 ± 0.4 |
        Bullwhip |  | 1.000 ± 0 | 1.000 ± 0 // = |
        Orders placed |  | 179.0 ± 1.0 | 179.0 ± 1.0 // = |
        Money |
        Total cost | EUR | 230 ± 7 | 229 ± 8 // ○ unclear &#160;−1 ± 13 |
        Relevant cost | EUR | 230 ± 7 | 229 ± 8 // ○ unclear &#160;−1 ± 13 |
        Holding | EUR | 230 ± 7 | 181 ± 6 // ✓ better &#160;−49.2 ± 1.2 |
        Customers’ waiting | EUR | 0.4 ± 0.7 | 48 ± 12 // ✗ worse &#160;+48 ± 12 |
        Zero or undefined in every case, and left out: Lost sales, Wasted, Transshipped, Lost sales, beyond margin, Ordering, Purchases, Transshipments, Waste, Freight, Margin of lost sales, Transport work, Greenhouse gases of transport.
        Service against cost
        Each case is a point; the bars are 95 % confidence intervals of its own mean. Up and to the left is better.
        Service over time
        A point is 7 days. The line is the median of the replications, the band holds 80 % of them (10 % to 90 %). Dashed grey is “as is”.
        Fill rate
        Pieces customers wait for
        Stock over time
        Echelon 0: shop – pieces on hand
        Echelon 1: regional warehouse – pieces on hand
        Differences
        Paired differences from “as is” as a share of its mean, with 95 % confidence intervals. An interval that crosses zero shows no difference. An arrow: beyond the axis.
        better &#160;  worse &#160;  more/less &#160;  unclear &#160;
        Where
        Echelons
        Figure | Unit | as is | lower stock |
        Echelon 0: shop |
        Fill rate | % | 99.91 ± 0.15 | 90 ± 2 // ✗ worse &#160;−10 ± 2 |
        Mean stock | pieces | 7.9 ± 0.3 | 2.5 ± 0.2 // ↓ less &#160;−5.47 ± 0.13 |
        Bullwhip |  | 1.000 ± 0 | 1.000 ± 0 // = |
        Echelon 1: regional warehouse |
        Mean stock | pieces | 35.3 ± 0.8 | 35.3 ± 0.8 // = |
        Bullwhip |  | 1.000 ± 0 | 1.000 ± 0 // = |
        Sites served worse
        Up to 15 sites by the rise of pieces that were not served on the day, among those where the difference is beyond doubt. First line: “as is”, second: the paired difference. The first of many are in part first by chance.
        lower stock
        Site | Echelon | Not served on the day (pieces) | Fill rate (%) | Lost sales (pieces) |
        SHOP | 0 | 0 // ✗ worse &#160;+48 ± 12 | 99.9 // ✗ worse &#160;−10 ± 2 | 0 // = |
    "#]].assert_eq(&read);
}

#[test]
fn a_report_of_many_sites_stays_small() {
    let many = |level: i64| {
        let mut s = Situation::empty();
        let sku = s.add_sku("SKU");
        let warehouse = s.add_site("DC", 1);
        let from = s.add(StockPosition {
            on_hand: 20_000,
            policy: Policy::BaseStock { level: 20_000 },
            ..StockPosition::new(warehouse, sku).from(Origin::Outside { site: None }, Route::days(3))
        });
        for i in 0..300 {
            let shop = s.add_site(&format!("SHOP-{i}"), 0);
            add_lane(&mut s, format!("LANE-{i}"), (warehouse, shop), 20.0, 100, 1_000);
            s.add(StockPosition {
                on_hand: level,
                policy: Policy::BaseStock { level },
                demand: Demand::random(Pmf::poisson(5.0).unwrap()),
                ..StockPosition::new(shop, sku).from(Origin::Position(from), Route::Lanes)
            });
        }
        s
    };
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let cases =
        outcomes(names.iter().zip([14, 13, 12, 11, 10, 9, 8, 7]).map(|(n, l)| (*n, many(l))).collect(), 365, 10);
    let page = html(&cases, &about());
    check_well_formed(&page);
    assert!(page.len() < 1_000_000, "{}", page.len());
    assert!(page.contains("285 more are served worse."));
}

fn add_lane(s: &mut Situation, name: String, (from, to): (u32, u32), hours: f64, km: u64, cost: i64) {
    s.lanes.push(Lane {
        lane: name.parse().unwrap(),
        from,
        to,
        mode: Mode::Road,
        via: Vec::new(),
        lead_time_h: hours,
        lead_time_sd_h: hours / 6.0,
        distance: Metres(km * 1_000),
        departure_cost_minor: cost,
        tonne_cost_minor: 2_500,
        capacity_per_day: None,
        departs_every_days: 1,
    });
}

/// A central warehouse, four regional ones, 20 shops and 30 SKUs.
fn network(scale: f64) -> Situation {
    let mut s = Situation::empty();
    s.currency = "GBP".to_owned();
    let central = s.add_site("DC-CENTRAL", 2);
    s.sites[0].kind = SiteKind::CentralWarehouse;
    let regions: Vec<u32> =
        ["NORTH", "EAST", "SOUTH", "WEST"].iter().map(|name| s.add_site(&format!("RDC-{name}"), 1)).collect();
    let shops: Vec<u32> = (0..20).map(|i| s.add_site(&format!("SHOP-{:02}", i + 1), 0)).collect();
    for (i, region) in regions.iter().enumerate() {
        add_lane(&mut s, format!("L-CENTRAL-{}", i + 1), (central, *region), 40.0, 180 + 60 * i as u64, 9_000);
    }
    for (i, shop) in shops.iter().enumerate() {
        add_lane(&mut s, format!("L-SHOP-{:02}", i + 1), (regions[i % 4], *shop), 20.0, 30 + 7 * i as u64, 2_000);
    }
    // A longer way from the neighbour, for when the lane to the north is closed.
    add_lane(&mut s, "L-EAST-NORTH".to_owned(), (regions[1], regions[0]), 60.0, 320, 14_000);
    s.disruptions.push(Disruption {
        name: "DC-CENTRAL cannot ship".to_owned(),
        strikes: Struck::Site(central),
        when: When::Random { mean_between: 80.0, mean_lasting: 3.0 },
    });
    let season: Vec<u32> = (0..364)
        .map(|day| {
            let year = 1.0 + 0.25 * libm::sin(f64::from(day) / 364.0 * core::f64::consts::TAU);
            let week = if day % 7 >= 5 { 1.35 } else { 0.86 };
            (year * week * f64::from(FACTOR_ONE)) as u32
        })
        .collect();
    s.factors.push(season.into());
    let level =
        |mean: f64, days: f64, z: f64| (scale * (mean * days + z * libm::sqrt(mean * days * 1.6))).ceil() as i64;
    for i in 0..30_u32 {
        let sku = s.add_sku(&format!("SKU-{:02}", i + 1));
        let goods = &mut s.skus[sku as usize];
        goods.class = ["A", "B", "C"][(i / 10) as usize].to_owned();
        goods.value_minor = 400 + 150 * i64::from(i);
        goods.margin_minor = 200 + 40 * i64::from(i);
        goods.mass = Grams(600 + 100 * u64::from(i % 7));
        goods.temperature = if i % 6 == 0 { TemperatureClass::Chilled } else { TemperatureClass::Dry };
        let value = goods.value_minor as f64;
        let mean = [9.0, 4.0, 1.2][(i / 10) as usize] * (1.0 + 0.05 * f64::from(i % 10));
        let position = |site: u32, level: i64| StockPosition {
            on_hand: level,
            policy: Policy::BaseStock { level },
            holding_minor_per_year: 0.22 * value,
            backorder_minor_per_day: 0.02 * value,
            lost_minor: 0.05 * value,
            ..StockPosition::new(site, sku)
        };
        let of_central = s.add(StockPosition {
            ordering: Ordering { cost_minor: 2_000, ..Ordering::FREE },
            policy: Policy::MinMax { min: level(mean * 20.0, 12.0, 2.0), max: level(mean * 20.0, 20.0, 2.0) },
            ..position(central, level(mean * 20.0, 16.0, 2.0)).from(Origin::Outside { site: None }, Route::days(9))
        });
        let of_regions: Vec<u32> = regions
            .iter()
            .map(|site| {
                let at = position(*site, level(mean * 5.0, 3.4, 1.8));
                s.add(at.from(Origin::Position(of_central), Route::Lanes))
            })
            .collect();
        for (at, shop) in shops.iter().enumerate() {
            let mean = mean * (0.7 + 0.03 * at as f64);
            s.add(StockPosition {
                demand: Demand::Random {
                    pieces: Arc::new(Pmf::negative_binomial(mean, mean * 1.6).unwrap()),
                    factor: Some(0),
                },
                backorder_permille: 400,
                ..position(*shop, level(mean, 2.6, 1.7)).from(Origin::Position(of_regions[at % 4]), Route::Lanes)
            });
        }
    }
    s
}

/// `cargo test --release -p sim -- --ignored report_to_look_at`; the folder is named by `REPORT_DIR`.
#[test]
#[ignore = "writes files to look at"]
#[expect(clippy::print_stderr, reason = "it is run by hand")]
fn report_to_look_at() {
    let mut closed = network(1.0);
    closed.disruptions.push(Disruption {
        name: "L-CENTRAL-1 closed".to_owned(),
        strikes: Struck::Lane(0),
        when: When::Days { from: 90, until: 111 },
    });
    let mut busy = network(1.0);
    let more = busy.factors[0].iter().map(|factor| factor * 13 / 10).collect();
    busy.factors[0] = more;
    let cases = vec![
        ("As is", network(1.0)),
        ("Lane to the north closed for three weeks", closed),
        ("Demand +30 %", busy),
        ("Order levels −15 %", network(0.85)),
    ];
    let stories = [
        "The network of today with its own order levels.",
        "Nothing enters L-CENTRAL-1 from 5 April to 26 April; goods for the north go by way of the east.",
        "Every customer asks for 30 % more from the first day on; order levels stay.",
        "All order levels are cut by 15 %.",
    ];
    let about = About {
        title: "Spring and summer 2026: three what-ifs".to_owned(),
        stories: stories.map(str::to_owned).to_vec(),
        made_at: "2026-11-23T10:04Z".to_owned(),
        from: "live twin at 2026-11-23T10:00Z, revision 1234".to_owned(),
        seed: 7,
        language: Language::English,
    };
    let cases = outcomes(cases, 240, 100);
    let folder = std::path::PathBuf::from(std::env::var_os("REPORT_DIR").unwrap_or_else(|| "target".into()));
    let write = |name: &str, text: String| {
        eprintln!("{name}: {} bytes", text.len());
        std::fs::write(folder.join(name), text).unwrap();
    };
    let page = html(&cases, &about);
    write("report.html", page.clone());
    check_well_formed(&page);
    write("report-zh.html", html(&cases, &About { language: Language::Chinese, ..about.clone() }));
    write("report.csv", csv(&rows(&cases)));
    write("report-one.html", html(&cases[..1], &about));
    let eight: Vec<Outcome> = cases.iter().chain(&cases).cloned().collect();
    write("report-eight.html", html(&eight, &about));
}
