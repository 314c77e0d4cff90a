//! The picture of a small network has the right colours in the right places.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "fixture/mod.rs"]
mod fixture;
#[path = "fixture/skip.rs"]
mod skip;

use firmware_schemas::quantity::Position;
use viewer::Settings;
use viewer::palette::{self, Rgba, Theme};
use viewer::render::{Picture, RenderOptions, render};
use viewer::scene::{ChartPoint, Link};

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
    let found = pixel(picture, position);
    assert!(near(found, expected), "{what} at {position:?}: {found:?} is not {expected:?}");
}

fn draw(theme: Theme, link: Link) -> Picture {
    let settings = Settings { theme, ..Settings::default() };
    let options = RenderOptions { size: (1280, 720), settings, select: None, look_at: None, link };
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
    let column = (lane.y as u32 - 30..lane.y as u32 + 30).map(|y| picture.image.get_pixel(lane.x as u32, y).0);
    let n_lane_pixels = column.clone().filter(|pixel| bluish(*pixel)).count();
    assert!((1..=4).contains(&n_lane_pixels), "{n_lane_pixels} pixels of a sea lane in one column");

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
