//! The whole against a running `portolan demo`: pictures of the map, of a panel with what the gateway was asked, and of
//! the inside of a warehouse.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "fixture/skip.rs"]
mod skip;

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use viewer::ask::ask_once;
use viewer::desk::{Answer, Question};
use viewer::feed::fetch_snapshot;
use viewer::palette::{self, Rgba};

/// Ends its process when the test does, however that goes.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The gateway's binary: named by `PORTOLAN_BIN`, else beside the viewer's.
fn portolan() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_BIN_EXE_viewer")).with_file_name("portolan");
    let path = std::env::var_os("PORTOLAN_BIN").map_or_else(beside, PathBuf::from);
    path.is_file().then_some(path)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

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
    let gateway = portolan();
    if !skip::have_driver(name) || !skip::have(name, gateway.is_some(), "no portolan (cargo build, or PORTOLAN_BIN)") {
        return;
    }
    let (http, mqtt) = (free_port(), free_port());
    let mut demo = Command::new(gateway.unwrap());
    demo.env_clear(); // it reads every PORTOLAN_ variable as one of its own
    demo.args(["demo", "--http", &format!("127.0.0.1:{http}"), "--mqtt", &format!("127.0.0.1:{mqtt}")]);
    let _demo = Running(demo.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let url = format!("http://127.0.0.1:{http}");
    for _ in 0..240 {
        if TcpStream::connect(("127.0.0.1", http)).is_ok() && fetch_snapshot(&url).is_ok_and(|it| it.seq > 20) {
            break;
        }
        std::thread::sleep(Duration::from_millis(250));
    }
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
