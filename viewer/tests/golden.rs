//! Pictures of a small network are what they were: views, themes and languages.
//!
//! `PORTOLAN_GOLDEN=write` makes them anew; look at each before it is kept.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "fixture/mod.rs"]
mod fixture;
#[path = "fixture/skip.rs"]
mod skip;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use firmware_schemas::api::what_if::{
    Better, CaseMovements, CaseResult, DifferenceView, KpiView, OperationKind, PartResult, WayView, WhatIfHead,
    WhatIfMovements, WhatIfResult,
};
use firmware_schemas::id::{LaneId, OperationId};
use image::RgbImage;
use viewer::Settings;
use viewer::palette::Theme;
use viewer::render::{LookAt, Over, RenderOptions, Studio};
use viewer::scene::overlay::Heat;
use viewer::scene::what_if::Compare;
use viewer::scene::{Language, Link, Words};

const SIZE: (u32, u32) = (920, 575);

/// A channel that differs by more than this differs: antialiasing is not the same on every driver.
const CHANNEL_TOLERANCE: u8 = 40;

/// So many of a thousand pixels may differ.
const PIXELS_PERMILLE: usize = 6;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn kpi(mean: f64, difference: Option<f64>) -> KpiView {
    KpiView {
        kpi: "fill_rate".to_owned(),
        unit: "1".to_owned(),
        better: Better::More,
        mean,
        half_width: 0.01,
        sd: 0.02,
        n: 16,
        difference: difference.map(|mean| DifferenceView { mean, half_width: 0.01, significant: true }),
    }
}

fn what_if() -> WhatIfResult {
    let part = |site: &str, mean, difference| PartResult { part: site.to_owned(), kpis: vec![kpi(mean, difference)] };
    let head = WhatIfHead {
        id: OperationId::new("golden").unwrap(),
        created_at: fixture::now(),
        ended_at: fixture::now(),
        start: fixture::now(),
        revision: None,
        currency: "EUR".to_owned(),
        days: 91,
        warm_up_days: 0,
        replications: 16,
        seed: 1,
        cases: vec!["as is".to_owned(), "Suez closed".to_owned()],
        kind: OperationKind::WhatIf,
    };
    let base = CaseResult {
        case: "as is".to_owned(),
        story: String::new(),
        kpis: vec![kpi(0.95, None)],
        parts: vec![part("WH-VEN", 0.96, None), part("WH-MAD", 0.94, None), part("WH-CHI", 0.9, None)],
    };
    let closed = CaseResult {
        case: "Suez closed".to_owned(),
        story: String::new(),
        kpis: vec![kpi(0.9, Some(-0.05))],
        parts: vec![
            part("WH-VEN", 0.84, Some(-0.12)),
            part("WH-MAD", 0.9, Some(-0.04)),
            part("WH-CHI", 0.93, Some(0.03)),
        ],
    };
    WhatIfResult { head, results: vec![base, closed], selection: None }
}

/// A ship a week from Shanghai and lorries each day to Rotterdam's shops; with the canal closed fewer of them.
fn movements() -> WhatIfMovements {
    let way = |lanes: &[&str], ends: &[u16]| WayView {
        lanes: lanes.iter().map(|lane| LaneId::new(lane).unwrap()).collect(),
        ends_permille: ends.to_vec(),
    };
    let case = |name: &str, journeys: &[(u32, u32, u32, i64)]| CaseMovements {
        case: name.to_owned(),
        total: journeys.len() as u64,
        left_out: 0,
        left_out_pieces: 0,
        way: journeys.iter().map(|it| it.0).collect(),
        leaves: journeys.iter().map(|it| it.1).collect(),
        arrives: journeys.iter().map(|it| it.2).collect(),
        pieces: journeys.iter().map(|it| it.3).collect(),
    };
    WhatIfMovements {
        id: OperationId::new("golden").unwrap(),
        replication: 6,
        start: fixture::now(),
        days: 91,
        ways: vec![
            way(&["PORT-SHA.PORT-RTM.sea", "PORT-RTM.WH-VEN.barge"], &[900, 1_000]),
            way(&["WH-VEN.SHOP-LON.road"], &[1_000]),
            way(&["WH-VEN.DOCK-LYO.road", "DOCK-LYO.WH-MAD.road"], &[500, 1_000]),
            way(&["WH-VEN.CUS-BER.road"], &[1_000]),
        ],
        cases: vec![
            case("as is", &[(0, 2, 32, 9_000), (0, 5, 31, 7_000), (1, 28, 31, 400), (2, 28, 32, 900), (3, 29, 32, 60)]),
            case("Suez closed", &[(0, 2, 40, 9_000), (1, 28, 31, 60), (2, 28, 32, 900), (3, 29, 32, 300)]),
        ],
    }
}

/// The views that are shown in both themes and both languages; the others by night in English, by day in Chinese.
const IN_ALL: [&str; 5] = ["network", "europe", "site", "inside", "ghost"];

/// Every view in themes and languages.
fn pictures() -> BTreeMap<String, RenderOptions> {
    let europe = Some(LookAt { lat: 48.5, lon: 6.0, scale: 28.0 });
    let base = || RenderOptions::new(SIZE);
    let with_heat = |heat| {
        let settings = Settings { heat, ..Settings::default() };
        RenderOptions { settings, look_at: europe, ..base() }
    };
    let lost = Link::Lost { since: Some(fixture::now()), reason: "connection refused".to_owned() };
    let what_if = |compare| Some((what_if(), "suez_closed".to_owned(), compare));
    let future = |compare| RenderOptions {
        what_if: what_if(compare),
        movements: Some(movements()),
        what_if_day: 29.7,
        look_at: Some(LookAt { lat: 50.5, lon: 6.0, scale: 28.0 }),
        ..base()
    };
    let views = [
        ("network", base()),
        ("europe", RenderOptions { look_at: europe, ..base() }),
        ("site", RenderOptions { select: Some("WH-VEN".to_owned()), look_at: europe, ..base() }),
        ("vehicle", RenderOptions { select: Some("ship-1".to_owned()), ..base() }),
        ("heat", with_heat(Heat::StockOut)),
        ("temperature", with_heat(Heat::Temperature)),
        ("lost", RenderOptions { link: lost, ..base() }),
        ("inside", RenderOptions { inside: Some(fixture::site_id("WH-VEN")), ..base() }),
        ("ghost", RenderOptions { what_if: what_if(Compare::Ghost), look_at: europe, ..base() }),
        ("moving", future(Compare::Ghost)),
        ("beside", future(Compare::SideBySide)),
        ("differences", future(Compare::Differences)),
        ("alerts", RenderOptions { over: Over::Alerts, ..base() }),
        ("help", RenderOptions { over: Over::Help, ..base() }),
    ];
    let mut pictures = BTreeMap::new();
    for (view, options) in views {
        for (theme_name, theme) in [("night", Theme::DARK), ("day", Theme::LIGHT)] {
            for (language_name, language) in [("en", Language::En), ("zh", Language::Zh)] {
                if (theme_name == "night") != (language_name == "en") && !IN_ALL.contains(&view) {
                    continue;
                }
                let words = Words { language, ..Words::default() };
                let settings = Settings { theme, words, ..options.settings.clone() };
                let options = RenderOptions { settings, ..options.clone() };
                pictures.insert(format!("{view}-{theme_name}-{language_name}"), options);
            }
        }
    }
    pictures
}

/// Pixels that differ, of a thousand.
fn permille_off(a: &RgbImage, b: &RgbImage) -> usize {
    if a.dimensions() != b.dimensions() {
        return 1_000;
    }
    let differs = |(a, b): &(&image::Rgb<u8>, &image::Rgb<u8>)| {
        a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > CHANNEL_TOLERANCE)
    };
    let n_off = a.pixels().zip(b.pixels()).filter(differs).count();
    (n_off * 1_000).div_ceil((a.width() * a.height()) as usize)
}

/// One test, because a studio is woken once.
#[test]
fn pictures_are_what_they_were() {
    let name = "pictures_are_what_they_were";
    if !skip::have_driver(name) {
        return;
    }
    let write = std::env::var("PORTOLAN_GOLDEN").as_deref() == Ok("write");
    let pictures = pictures();
    assert!(pictures.len() >= 24, "{}", pictures.len());
    let mut studio = Studio::new(SIZE).unwrap();
    let mut wrong = Vec::new();
    for (name, options) in pictures {
        let picture = studio.draw(fixture::snapshot(), options).unwrap().image;
        let path = folder().join(format!("{name}.png"));
        if write {
            std::fs::create_dir_all(folder()).unwrap();
            picture.save(&path).unwrap();
            continue;
        }
        let golden = image::open(&path).unwrap().to_rgb8();
        let off = permille_off(&golden, &picture);
        if off > PIXELS_PERMILLE {
            let seen = std::env::temp_dir().join(format!("portolan-golden-{name}.png"));
            picture.save(&seen).unwrap();
            wrong.push(format!("{name}: {off} of 1000 pixels differ, see {}", seen.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_picture_with_a_symbol_less_is_another() {
    let a = RgbImage::new(100, 100);
    let mut b = a.clone();
    for (x, y) in (40..50).flat_map(|x| (40..50).map(move |y| (x, y))) {
        b.put_pixel(x, y, image::Rgb([200, 0, 0]));
    }
    assert_eq!(permille_off(&a, &a), 0);
    assert!(permille_off(&a, &b) > PIXELS_PERMILLE);
    assert_eq!(permille_off(&a, &RgbImage::new(9, 9)), 1_000);
}
