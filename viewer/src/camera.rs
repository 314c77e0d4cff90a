//! Pan, zoom, fit, point and choose.

use bevy::input::mouse::{MouseMotion, MouseScrollUnit, MouseWheel};
use bevy::prelude::*;
use bevy::window::PrimaryWindow;
use bevy_egui::input::EguiWantsInput;

use crate::app::Chart;
use crate::palette::Theme;
use crate::scene::chart::ScreenPoint;
use crate::scene::mark::{ItemId, Mark};

/// Takes the window's size over.
pub(crate) fn measure(window: Option<Single<&Window, With<PrimaryWindow>>>, mut chart: ResMut<Chart>) {
    let Some(window) = window else { return };
    let (width, height) = (f64::from(window.width()), f64::from(window.height()));
    if (chart.view.width, chart.view.height) != (width, height) && width > 0.0 && height > 0.0 {
        chart.view.resize(width, height);
        if !chart.moved {
            chart.fit();
        }
    }
}

/// A press that moves less than this, in pixels, is a click.
const CLICK_PX: f32 = 4.0;

/// How far the pointer may be off a symbol.
const REACH_PX: f64 = 5.0;

/// What a press of the button has become.
#[derive(Default)]
pub(crate) struct Press {
    travelled_px: f32,
    on_chart: bool,
}

/// Moves the chart as pointer and keys say.
#[expect(clippy::too_many_arguments, reason = "a Bevy system takes what it reads")]
pub(crate) fn steer(
    mut chart: ResMut<Chart>,
    window: Option<Single<&Window, With<PrimaryWindow>>>,
    panels: Option<Res<EguiWantsInput>>,
    buttons: Option<Res<ButtonInput<MouseButton>>>,
    keys: Option<Res<ButtonInput<KeyCode>>>,
    mut wheel: MessageReader<MouseWheel>,
    mut motion: MessageReader<MouseMotion>,
    mut press: Local<Press>,
    mut pointer_before: Local<Option<Vec2>>,
) {
    let (Some(window), Some(buttons), Some(keys)) = (window, buttons, keys) else { return };
    let (pointer_taken, keys_taken) =
        panels.map_or((false, false), |panels| (panels.wants_any_pointer_input(), panels.wants_any_keyboard_input()));
    motion.clear();
    let pointer = window.cursor_position();
    let moved = match (*pointer_before, pointer) {
        (Some(before), Some(now)) => now - before,
        _ => Vec2::ZERO,
    };
    *pointer_before = pointer;
    let at = pointer.map(|pointer| ScreenPoint { x: f64::from(pointer.x), y: f64::from(pointer.y) });

    if buttons.just_pressed(MouseButton::Left) {
        *press = Press { travelled_px: 0.0, on_chart: !pointer_taken };
    }
    if press.on_chart && buttons.pressed(MouseButton::Left) {
        press.travelled_px += moved.length();
        if press.travelled_px > CLICK_PX {
            chart.view.pan(f64::from(moved.x), f64::from(moved.y));
            chart.moved = true;
        }
    }
    let hovered = at.filter(|_| !pointer_taken).and_then(|at| pick(&chart, at));
    if press.on_chart && buttons.just_released(MouseButton::Left) && press.travelled_px <= CLICK_PX {
        chart.selected = hovered.clone();
    }
    chart.hovered = hovered;

    let notches: f64 = wheel
        .read()
        .map(|turned| match turned.unit {
            MouseScrollUnit::Line => f64::from(turned.y),
            MouseScrollUnit::Pixel => f64::from(turned.y) / 50.0,
        })
        .sum();
    if let Some(at) = at.filter(|_| notches != 0.0 && !pointer_taken) {
        chart.view.zoom(1.25_f64.powf(notches), at);
        chart.moved = true;
    }
    if !keys_taken {
        obey(&mut chart, &keys);
    }
}

fn obey(chart: &mut Chart, keys: &ButtonInput<KeyCode>) {
    let middle = ScreenPoint { x: chart.view.width / 2.0, y: chart.view.height / 2.0 };
    for key in keys.get_just_pressed() {
        match key {
            KeyCode::KeyF => match chart.selected_place() {
                Some(place) => {
                    chart.view.centre = place;
                    let scale = chart.view.scale;
                    chart.view.zoom((120.0 / scale).max(1.0), middle);
                    chart.moved = true;
                }
                None => {
                    chart.moved = false;
                    chart.fit();
                }
            },
            KeyCode::Home => {
                chart.moved = false;
                chart.fit();
            }
            KeyCode::Escape => chart.selected = None,
            KeyCode::KeyL => chart.labels_shown = !chart.labels_shown,
            KeyCode::KeyT => {
                chart.theme = if chart.theme == Theme::DARK { Theme::LIGHT } else { Theme::DARK };
            }
            KeyCode::Equal | KeyCode::NumpadAdd => {
                chart.view.zoom(1.5, middle);
                chart.moved = true;
            }
            KeyCode::Minus | KeyCode::NumpadSubtract => {
                chart.view.zoom(1.0 / 1.5, middle);
                chart.moved = true;
            }
            _ => {}
        }
    }
}

/// What is at a place of the window: vehicles before sites, the topmost first.
fn pick(chart: &Chart, at: ScreenPoint) -> Option<ItemId> {
    let under = |mark: &&Mark| {
        let place = chart.view.to_screen(mark.at);
        (place.x - at.x).hypot(place.y - at.y) <= mark.radius_px + REACH_PX
    };
    let far = |mark: &Mark| {
        let place = chart.view.to_screen(mark.at);
        (place.x - at.x).hypot(place.y - at.y) - mark.radius_px
    };
    let nearest = |marks: &[Mark]| {
        let mut best: Option<(f64, ItemId)> = None;
        for mark in marks.iter().filter(under) {
            let Some(item) = &mark.item else { continue };
            let distance = far(mark);
            if best.as_ref().is_none_or(|(so_far, _)| distance <= *so_far) {
                best = Some((distance, item.clone()));
            }
        }
        best.map(|(_, item)| item)
    };
    nearest(&chart.vehicle_marks).or_else(|| nearest(&chart.site_marks))
}
