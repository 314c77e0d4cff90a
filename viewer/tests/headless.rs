//! The picture of a small network has the right colours in the right places.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "fixture/mod.rs"]
mod fixture;
#[path = "fixture/skip.rs"]
mod skip;

use std::time::Duration;

use firmware_schemas::fact::Severity;
use firmware_schemas::quantity::Position;
use firmware_schemas::view::{Change, Delta};
use viewer::Settings;
use viewer::palette::{self, Rgba, Theme};
use viewer::render::{Picture, RenderOptions, Studio, render};
use viewer::scene::history::{Line, write_line};
use viewer::scene::overlay::Heat;
use viewer::scene::{ChartPoint, Known, Link, View, network};

/// Antialiasing and blending move a channel by less.
const TOLERANCE: i32 = 6;

fn near(pixel: [u8; 3], Rgba([r, g, b, _]): Rgba) -> bool {
    pixel.iter().zip([r, g, b]).all(|(a, b)| (i32::from(*a) - i32::from(b)).abs() <= TOLERANCE)
}

fn pixel(picture: &Picture, position: Position) -> [u8; 3] {
    let place = picture.view.to_screen(ChartPoint::of(position));
    picture.image.get_pixel(place.x as u32, place.y as u32).0
}

#[track_caller]
fn check(picture: &Picture, what: &str, position: Position, expected: Rgba) {
    let place = picture.view.to_screen(ChartPoint::of(position));
    // The middle of a small symbol lies between pixels.
    let around =
        [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, y)| (place.x - 0.5 + f64::from(x), place.y - 0.5 + f64::from(y)));
    let found = around.map(|(x, y)| picture.image.get_pixel(x as u32, y as u32).0);
    assert!(
        found.iter().any(|found| near(*found, expected)),
        "{what} at {position:?}: none of {found:?} is {expected:?}"
    );
}

fn draw(theme: Theme, link: Link) -> Picture {
    let settings = Settings { theme, ..Settings::default() };
    let options = RenderOptions { settings, link, ..RenderOptions::new((1280, 720)) };
    render(fixture::snapshot(), options).unwrap()
}

fn site(id: &str) -> Position {
    let snapshot = fixture::snapshot();
    snapshot.sites.iter().find(|site| site.site == fixture::site_id(id)).unwrap().position
}

/// One test, because every picture brings up a renderer of its own.
#[test]
fn a_picture_has_the_colours_of_the_network_where_its_parts_are() {
    let name = "a_picture_has_the_colours_of_the_network_where_its_parts_are";
    if !skip::have_driver(name) {
        return;
    }
    let theme = Theme::DARK;
    let picture = draw(theme, Link::File);
    assert_eq!(picture.image.dimensions(), (1280, 720));
    check(&picture, "a warehouse without alerts", site("WH-VEN"), palette::OK);
    check(&picture, "a warehouse with a critical alert", site("WH-MAD"), palette::CRITICAL);
    check(&picture, "a warehouse with something to watch", site("WH-CHI"), palette::WATCH);
    check(&picture, "a port without alerts", site("PORT-SHA"), palette::OK);
    check(&picture, "a customer of whom nobody tells us", site("CUS-SYD"), theme.hollow);
    check(&picture, "a live ship", fixture::at(8.0, 88.0), palette::OK);
    check(&picture, "a late ship", fixture::at(46.0, -160.0), theme.hollow);
    check(&picture, "a lost ship", fixture::at(36.5, 16.0), palette::OK);
    check(&picture, "land", fixture::at(60.0, 100.0), theme.land);
    check(&picture, "water", fixture::at(-40.0, 90.0), theme.water);

    // The lane from Shanghai to Los Angeles crosses the antimeridian at its northernmost.
    let lane = picture.view.to_screen(ChartPoint::from_degrees(47.9, -175.0));
    let bluish = |[r, _, b]: [u8; 3]| i32::from(b) - i32::from(r) > 70;
    let n_in_column = |x: u32| {
        let column = (lane.y as u32 - 30..lane.y as u32 + 30).map(|y| picture.image.get_pixel(x, y).0);
        column.filter(|pixel| bluish(*pixel)).count()
    };
    // Nothing is under way on it, so that it is dashed: a column may lie between two dashes, thirty do not.
    let columns: Vec<usize> = (lane.x as u32 - 15..lane.x as u32 + 15).map(n_in_column).collect();
    assert!(columns.iter().all(|n| *n <= 5) && columns.iter().filter(|n| **n > 0).count() > 10, "{columns:?}");

    // A lost link leaves no colour on the chart: neither on symbols nor on lanes.
    let since = Some(fixture::now());
    let lost = draw(theme, Link::Lost { since, reason: "connection refused".to_owned() });
    for id in ["WH-VEN", "WH-MAD", "WH-CHI", "PORT-SHA"] {
        let [r, g, b] = pixel(&lost, site(id));
        assert!(r == g && g == b && r > 60, "{id} of a lost link is [{r}, {g}, {b}]");
    }

    let light = draw(Theme::LIGHT, Link::File);
    check(&light, "land in light colours", fixture::at(60.0, 100.0), Theme::LIGHT.land);
    check(&light, "a warehouse in light colours", site("WH-VEN"), palette::OK);
}

/// A picture of a recording, made as a person makes it.
fn recorded(recording: &std::path::Path, at: Option<&str>) -> Picture {
    let out = recording.with_extension("png");
    let mut viewer = std::process::Command::new(env!("CARGO_BIN_EXE_viewer"));
    viewer.args(["render", "--size", "1280x720", "--recording"]).arg(recording).arg("-o").arg(&out);
    viewer.args(at.iter().flat_map(|at| ["--at", at]));
    assert!(viewer.stdout(std::process::Stdio::null()).status().unwrap().success());
    let image = image::open(&out).unwrap().to_rgb8();
    std::fs::remove_file(&out).unwrap();
    let mut known = Known::default();
    known.take_snapshot(fixture::snapshot());
    let mut view = View::world(1_280.0, 720.0);
    network::fit(&known, &mut view, false);
    Picture { image, view }
}

#[test]
fn a_recording_shows_each_moment_as_it_was() {
    let name = "a_recording_shows_each_moment_as_it_was";
    if !skip::have_driver(name) {
        return;
    }
    let first = fixture::snapshot();
    let mut alert = first.alerts[1].clone();
    alert.severity = Severity::Critical;
    let at = first.at.saturating_add(Duration::from_secs(60));
    let delta = Delta { seq: first.seq + 1, at, changes: vec![Change::Alert(alert)] };
    let lines = [Line::Snapshot(Box::new(first)), Line::Delta(Box::new(delta))];
    let recording = std::env::temp_dir().join(format!("portolan-headless-{}.jsonl", std::process::id()));
    std::fs::write(&recording, lines.iter().flat_map(write_line).collect::<Vec<u8>>()).unwrap();
    check(&recorded(&recording, Some("2026-11-22T06:40:30Z")), "before", site("WH-CHI"), palette::WATCH);
    check(&recorded(&recording, Some("2026-11-22T06:41:00Z")), "then", site("WH-CHI"), palette::CRITICAL);
    check(&recorded(&recording, None), "at its end", site("WH-CHI"), palette::CRITICAL);
    std::fs::remove_file(&recording).unwrap();
}

#[test]
fn heat_lies_where_it_is_hot_and_nowhere_else() {
    let name = "heat_lies_where_it_is_hot_and_nowhere_else";
    if !skip::have_driver(name) {
        return;
    }
    let mut studio = Studio::new((1_280, 720)).unwrap();
    let mut draw = |heat| {
        let settings = Settings { heat, ..Settings::default() };
        studio.draw(fixture::snapshot(), RenderOptions { settings, ..RenderOptions::new((1_280, 720)) }).unwrap()
    };
    let cool = draw(Heat::Off);
    let beside = |id: &str, dx: f64| {
        let place = cool.view.to_screen(ChartPoint::of(site(id)));
        ((place.x + dx) as u32, (place.y + 22.0) as u32)
    };
    let differs = |hot: &Picture, (x, y): (u32, u32)| hot.image.get_pixel(x, y) != cool.image.get_pixel(x, y);
    for (heat, warm, cold) in
        [(Heat::StockOut, vec!["WH-VEN", "WH-MAD"], "CUS-SYD"), (Heat::Temperature, vec!["WH-VEN"], "WH-CHI")]
    {
        let hot = draw(heat);
        for id in warm {
            let changed = (-8..=8).filter(|dx| differs(&hot, beside(id, f64::from(*dx)))).count();
            assert!(changed > 8, "{heat:?} around {id}: {changed} of 17 pixels");
        }
        assert!(!differs(&hot, beside(cold, 0.0)), "{heat:?} around {cold}");
    }
}
