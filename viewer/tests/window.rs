//! A real window on a virtual screen follows a gateway: snapshot, delta, and a link that breaks.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "fixture/mod.rs"]
mod fixture;
#[path = "fixture/gateway.rs"]
mod real;
#[path = "fixture/skip.rs"]
mod skip;
#[path = "fixture/x11.rs"]
mod x11;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use firmware_schemas::fact::Severity;
use firmware_schemas::view::{Change, Delta};
use real::Running;
use viewer::palette;
use viewer::scene::{ChartPoint, Known, View, network};

/// A virtual screen, and its number.
fn screen() -> Option<(Running, String)> {
    let mut screen = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "1280x720x24", "-nolisten", "tcp"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut number = String::new();
    BufReader::new(screen.stdout.take()?).read_line(&mut number).ok()?;
    Some((Running(screen), format!(":{}", number.trim())))
}

/// Answers as the gateway does, and reports the head of each request. The stream ends after one delta when `breaks`.
fn gateway(breaks: bool) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = sync_channel(64);
    let serve = move || {
        let mut n_streams = 0;
        let mut open: Vec<TcpStream> = Vec::new(); // a stream that stays open is kept here
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let head = head.join("\n");
            if head.starts_with("GET /v1/snapshot") {
                answer_snapshot(stream);
            } else {
                n_streams += 1;
                match (breaks, n_streams) {
                    (true, 2..) => drop(stream), // and never again
                    _ => open.extend(answer_stream(stream).filter(|_| !breaks)),
                }
            }
            sender.send(head).ok();
        }
    };
    std::thread::Builder::new().name("gateway".to_owned()).spawn(serve).unwrap();
    (url, requests)
}

fn answer_snapshot(mut stream: TcpStream) {
    let body = serde_json::to_vec(&fixture::snapshot()).unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).ok();
}

/// One delta, in chunks as servers send them: the alert about Chicago becomes critical.
fn answer_stream(mut stream: TcpStream) -> Option<TcpStream> {
    let before = fixture::snapshot();
    let mut alert = before.alerts[1].clone();
    alert.severity = Severity::Critical;
    let delta = Delta { seq: before.seq + 1, at: before.at, changes: vec![Change::Alert(alert)] };
    let event = format!("event: delta\nid: {}\ndata: {}\n\n", delta.seq, serde_json::to_string(&delta).unwrap());
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let (first, rest) = event.split_at(event.len() / 2);
    let body: String =
        [": hello\n\n", first, rest].iter().map(|part| format!("{:x}\r\n{part}\r\n", part.len())).collect();
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).ok()?;
    Some(stream)
}

fn watch(display: &str, url: &str, name: &str) -> image::RgbImage {
    let out = std::env::temp_dir().join(format!("portolan-viewer-{}-{name}.png", std::process::id()));
    let mut viewer = Command::new(env!("CARGO_BIN_EXE_viewer"));
    viewer.args(["--url", url, "--size", "1280x720", "--exit-after", "20", "--screenshot"]).arg(&out);
    viewer.env("DISPLAY", display).env_remove("WAYLAND_DISPLAY");
    let ended = viewer.status().unwrap();
    assert!(ended.success(), "the viewer ended with {ended}");
    let picture = image::open(&out).unwrap().to_rgb8();
    std::fs::remove_file(&out).unwrap();
    picture
}

#[track_caller]
fn check(picture: &image::RgbImage, id: &str, is_right: impl Fn([u8; 3]) -> bool) {
    let mut known = Known::default();
    known.take_snapshot(fixture::snapshot());
    let mut view = View::world(f64::from(picture.width()), f64::from(picture.height()));
    network::fit(&known, &mut view, false);
    let place = view.to_screen(ChartPoint::of(known.sites[&fixture::site_id(id)].position));
    let found = picture.get_pixel(place.x as u32, place.y as u32).0;
    assert!(is_right(found), "{id} is {found:?}");
}

fn is(palette::Rgba([r, g, b, _]): palette::Rgba) -> impl Fn([u8; 3]) -> bool {
    move |pixel| pixel.iter().zip([r, g, b]).all(|(a, b)| a.abs_diff(b) <= 6)
}

#[test]
fn a_window_follows_the_gateway_and_greys_when_the_link_breaks() {
    let name = "a_window_follows_the_gateway_and_greys_when_the_link_breaks";
    if !skip::have_driver(name) {
        return;
    }
    let screen = screen();
    if !skip::have(name, screen.is_some(), "no Xvfb (Debian: apt-get install xvfb)") {
        return;
    }
    let (_running, display) = screen.unwrap();

    let (url, requests) = gateway(false);
    let picture = watch(&display, &url, "follows");
    check(&picture, "WH-VEN", is(palette::OK));
    check(&picture, "WH-CHI", is(palette::CRITICAL)); // by the delta; the snapshot says watch
    // How far back the gateway reaches is asked beside them, at any time.
    let of_the_link = |head: &String| !head.starts_with("GET /v1/past ");
    let heads: Vec<String> = requests.try_iter().filter(of_the_link).collect();
    assert_eq!(heads.len(), 2, "{heads:?}");
    assert!(heads[0].starts_with("GET /v1/snapshot "), "{heads:?}");
    assert!(heads[1].starts_with("GET /v1/stream ") && heads[1].contains("last-event-id: 41207"), "{heads:?}");

    let (url, requests) = gateway(true);
    let picture = watch(&display, &url, "breaks");
    check(&picture, "WH-VEN", |[r, g, b]| r == g && g == b && r > 60);
    let heads = std::iter::from_fn(|| requests.recv_timeout(Duration::from_millis(100)).ok());
    let heads: Vec<String> = heads.filter(of_the_link).collect();
    let resumed = heads.iter().skip(2).collect::<Vec<_>>();
    assert!(!resumed.is_empty(), "no further attempt: {heads:?}");
    assert!(
        resumed.iter().all(|head| head.starts_with("GET /v1/stream ") && head.contains("last-event-id: 41208")),
        "it resumes behind the delta: {resumed:?}"
    );
}

/// Waits until the screen shows what it should, and keeps the picture where somebody asked for it.
#[track_caller]
fn wait_for(screen: &mut x11::Screen, step: &str, holds: impl Fn(&image::RgbImage) -> bool) -> image::RgbImage {
    for _ in 0..120 {
        let picture = screen.picture();
        if holds(&picture) {
            std::thread::sleep(Duration::from_millis(400)); // what follows the first sign of it
            let picture = screen.picture();
            if let Ok(folder) = std::env::var("PORTOLAN_STORY") {
                picture.save(std::path::Path::new(&folder).join(format!("{step}.png"))).unwrap();
            }
            return picture;
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    let seen = std::env::temp_dir().join(format!("portolan-story-{step}.png"));
    screen.picture().save(&seen).unwrap();
    panic!("{step} never came, see {}", seen.display());
}

/// How many pixels of a part of the screen have this colour.
fn count(picture: &image::RgbImage, (x, y, width, height): (u32, u32, u32, u32), colour: palette::Rgba) -> usize {
    let is = is(colour);
    let columns = x..(x + width).min(picture.width());
    columns.flat_map(|x| (y..y + height).map(move |y| (x, y))).filter(|(x, y)| is(picture.get_pixel(*x, *y).0)).count()
}

#[test]
fn a_person_goes_from_the_map_to_an_alert_into_a_warehouse_and_back_in_time() {
    let name = "a_person_goes_from_the_map_to_an_alert_into_a_warehouse_and_back_in_time";
    if !skip::have_driver(name) {
        return;
    }
    let display = screen();
    if !skip::have(name, display.is_some(), "no Xvfb (Debian: apt-get install xvfb)") {
        return;
    }
    let (_screen, display) = display.unwrap();
    let (url, _requests) = gateway(false);
    let mut viewer = Command::new(env!("CARGO_BIN_EXE_viewer"));
    viewer.args(["--url", &url, "--size", "1280x720"]).env("DISPLAY", &display).env_remove("WAYLAND_DISPLAY");
    let _viewer = Running(viewer.spawn().unwrap());
    let mut screen = x11::Screen::open(&display);
    let theme = palette::Theme::DARK;
    screen.point(640.0, 600.0);

    // The map: land in the middle, a live link in the title bar.
    let title = (0, 0, 400, 44);
    wait_for(&mut screen, "1-map", |seen| {
        count(seen, (0, 44, 1_280, 600), theme.land) > 100_000 && count(seen, title, palette::OK) > 30
    });

    // The next alert: its place comes into the middle, and the panel tells of it.
    assert!(screen.focus(), "there is no window");
    let panel = (940, 44, 340, 600);
    screen.press(&[x11::key::A]);
    wait_for(&mut screen, "2-alert", |seen| {
        count(seen, panel, palette::CRITICAL) > 20 && count(seen, panel, theme.text) > 300
    });
    screen.press(&[x11::key::ESCAPE]);
    screen.press(&[x11::key::HOME]);
    wait_for(&mut screen, "3-map-again", |seen| {
        count(seen, (0, 44, 1_280, 600), theme.land) > 100_000 && count(seen, panel, theme.text) < 300
    });

    // The warehouse is clicked where the same mathematics puts it, and entered.
    let mut known = Known::default();
    known.take_snapshot(fixture::snapshot());
    let mut view = View::world(1_280.0, 720.0);
    network::fit(&known, &mut view, false);
    let place = view.to_screen(ChartPoint::of(known.sites[&fixture::site_id("WH-VEN")].position));
    screen.point(place.x, place.y);
    std::thread::sleep(Duration::from_millis(600));
    screen.click();
    wait_for(&mut screen, "4-site", |seen| count(seen, panel, theme.text) > 300);
    screen.press(&[x11::key::ENTER]);
    let inside = wait_for(&mut screen, "5-inside", |seen| count(seen, (0, 110, 900, 500), palette::OK) > 3_000);
    assert!(count(&inside, (0, 110, 900, 500), theme.land) > 20_000, "the hall has a floor");
    screen.press(&[x11::key::ESCAPE]);
    screen.press(&[x11::key::ESCAPE]);
    wait_for(&mut screen, "6-out", |seen| count(seen, (0, 44, 1_280, 600), theme.land) > 100_000);

    // Search finds it by name.
    screen.press(&[x11::key::SLASH]);
    wait_for(&mut screen, "7-search", |seen| {
        count(seen, (400, 50, 480, 60), palette::Rgba([10, 10, 10, 255])) > 2_000 // the field is the darkest there
    });
    // One key after the other: those that come in one frame while the field is open are typed into it.
    screen.press(&[x11::key::ESCAPE]);
    let field = palette::Rgba([10, 10, 10, 255]);
    wait_for(&mut screen, "7-search-closed", |seen| count(seen, (400, 50, 480, 60), field) < 2_000);

    // Back in time: the light beside `live` is amber and a triangle, until End.
    let light = (1_180, 676, 60, 44);
    screen.press(&[x11::key::SPACE]);
    std::thread::sleep(Duration::from_millis(1_000));
    screen.press(&[x11::key::LEFT]);
    wait_for(&mut screen, "8-past", |seen| count(seen, light, palette::WATCH) > 20);
    screen.press(&[x11::key::SPACE]);
    wait_for(&mut screen, "9-replay", |seen| count(seen, light, palette::WATCH) > 20);
    screen.press(&[x11::key::END]);
    wait_for(&mut screen, "10-live", |seen| count(seen, light, palette::OK) > 20);
}

#[test]
fn a_person_sees_the_demo_from_its_start_to_an_alert_a_warehouse_and_a_replay() {
    let name = "a_person_sees_the_demo_from_its_start_to_an_alert_a_warehouse_and_a_replay";
    let portolan = real::portolan();
    if !skip::have_driver(name) || !skip::have(name, portolan.is_some(), "no portolan (cargo build, or PORTOLAN_BIN)") {
        return;
    }
    let display = screen();
    if !skip::have(name, display.is_some(), "no Xvfb (Debian: apt-get install xvfb)") {
        return;
    }
    let (_screen, display) = display.unwrap();
    let (_demo, url, snapshot) = real::demo(&portolan.unwrap(), |it| it.seq > 20 && !it.alerts.is_empty());
    let warehouse = snapshot.sites.iter().max_by_key(|site| site.stock.positions).unwrap().site.to_string();
    let mut viewer = Command::new(env!("CARGO_BIN_EXE_viewer"));
    viewer.args(["--url", &url, "--size", "1280x720"]).env("DISPLAY", &display).env_remove("WAYLAND_DISPLAY");
    let _viewer = Running(viewer.spawn().unwrap());
    let mut screen = x11::Screen::open(&display);
    let theme = palette::Theme::DARK;
    screen.point(640.0, 640.0);

    // The network lives: land, a light that says so, symbols that are well.
    wait_for(&mut screen, "demo-1-start", |seen| {
        count(seen, (0, 44, 1_280, 600), theme.land) > 100_000
            && count(seen, (0, 0, 600, 44), palette::OK) > 30
            && count(seen, (0, 44, 1_280, 600), palette::OK) > 300
    });
    assert!(screen.focus(), "there is no window");

    // What is wrong, and where.
    let panel = (940, 44, 340, 600);
    screen.press(&[x11::key::A]);
    wait_for(&mut screen, "demo-2-alert", |seen| count(seen, panel, theme.text) > 300);
    screen.press(&[x11::key::ESCAPE]);
    wait_for(&mut screen, "demo-3-closed", |seen| count(seen, panel, theme.text) < 300);

    // The largest warehouse is found by its id, and entered.
    screen.press(&[x11::key::SLASH]);
    std::thread::sleep(Duration::from_millis(800));
    screen.write(&warehouse.to_lowercase());
    std::thread::sleep(Duration::from_millis(800));
    screen.press(&[x11::key::ENTER]);
    wait_for(&mut screen, "demo-4-warehouse", |seen| count(seen, panel, theme.text) > 300);
    screen.press(&[x11::key::ENTER]);
    wait_for(&mut screen, "demo-5-inside", |seen| count(seen, (0, 110, 900, 500), palette::OK) > 3_000);
    // A key that comes twice in one frame counts once.
    for key in [x11::key::ESCAPE, x11::key::ESCAPE, x11::key::HOME] {
        std::thread::sleep(Duration::from_millis(1_000));
        screen.press(&[key]);
    }
    wait_for(&mut screen, "demo-6-out", |seen| {
        count(seen, (0, 44, 1_280, 600), theme.land) > 100_000 && count(seen, panel, theme.text) < 300
    });

    // How it began: five minutes of its time ago, from there on again, and back to now.
    let light = (1_180, 676, 60, 44);
    screen.press(&[x11::key::SPACE]);
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(600));
        screen.press(&[x11::key::LEFT]);
    }
    wait_for(&mut screen, "demo-7-past", |seen| {
        count(seen, light, palette::WATCH) > 20 && count(seen, (0, 44, 1_280, 600), theme.land) > 100_000
    });
    screen.press(&[x11::key::SPACE]);
    wait_for(&mut screen, "demo-8-replay", |seen| count(seen, light, palette::WATCH) > 20);
    screen.press(&[x11::key::END]);
    wait_for(&mut screen, "demo-9-live", |seen| count(seen, light, palette::OK) > 20);
}
