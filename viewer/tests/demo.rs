//! The whole against a running `portolan demo`: pictures of the map, of a panel with what the gateway was asked, and of
//! the inside of a warehouse.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "fixture/gateway.rs"]
mod gateway;
#[path = "fixture/skip.rs"]
mod skip;

use std::process::{Command, Stdio};

use viewer::ask::ask_once;
use viewer::desk::{Answer, Question};
use viewer::feed::fetch_snapshot;
use viewer::palette::{self, Rgba};

fn draw(url: &str, name: &str, more: &[&str]) -> image::RgbImage {
    let out = std::env::temp_dir().join(format!("portolan-demo-{}-{name}.png", std::process::id()));
    let mut viewer = Command::new(env!("CARGO_BIN_EXE_viewer"));
    viewer.args(["render", "--url", url, "--size", "1280x720"]).args(more).arg("-o").arg(&out);
    let ended = viewer.stdout(Stdio::null()).status().unwrap();
    assert!(ended.success(), "{name}: the viewer ended with {ended}");
    let picture = image::open(&out).unwrap().to_rgb8();
    std::fs::remove_file(&out).unwrap();
    picture
}

fn count(picture: &image::RgbImage, Rgba([r, g, b, _]): Rgba) -> usize {
    let near = |pixel: &&image::Rgb<u8>| pixel.0.iter().zip([r, g, b]).all(|(a, b)| a.abs_diff(b) <= 6);
    picture.pixels().filter(near).count()
}

#[test]
fn the_demo_is_drawn_from_the_network_to_the_inside_of_a_warehouse() {
    let name = "the_demo_is_drawn_from_the_network_to_the_inside_of_a_warehouse";
    let gateway = gateway::portolan();
    if !skip::have_driver(name) || !skip::have(name, gateway.is_some(), "no portolan (cargo build, or PORTOLAN_BIN)") {
        return;
    }
    let (_demo, url, _) = gateway::demo(&gateway.unwrap(), |snapshot| snapshot.seq > 20);
    let snapshot = fetch_snapshot(&url).unwrap();
    let warehouse = snapshot.sites.iter().max_by_key(|site| site.stock.positions).unwrap().site.clone();

    let Answer::Stock(rows) = ask_once(&url, &Question::Stock(warehouse.clone())).unwrap() else {
        panic!("stock is answered with stock")
    };
    assert_eq!(rows.len(), snapshot.sites.iter().map(|site| site.stock.positions).max().unwrap() as usize);
    let Answer::Scenarios(scenarios) = ask_once(&url, &Question::Scenarios).unwrap() else {
        panic!("scenarios are answered with scenarios")
    };
    assert!(!scenarios.is_empty());
    let refused = ask_once(&url, &Question::Progress("nobody-asked".to_owned())).unwrap_err().to_string();
    assert!(refused.contains("nobody-asked"), "{refused}");

    let theme = palette::Theme::DARK;
    let map = draw(&url, "map", &[]);
    assert!(count(&map, theme.land) > 100_000 && count(&map, palette::OK) > 300, "land, and symbols that are well");
    let panel = draw(&url, "panel", &["--select", warehouse.as_str(), "--lang", "zh"]);
    assert!(count(&panel, theme.text) > 1_000, "a panel full of text");
    let inside = draw(&url, "inside", &["--view", &format!("inside:{warehouse}")]);
    assert!(count(&inside, palette::OK) > 2_000, "slots that are full");
}
