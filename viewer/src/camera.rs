//! Pan, zoom, fit, point and choose: pointer and keys become acts.

use bevy::input::mouse::{MouseScrollUnit, MouseWheel};
use bevy::prelude::*;
use bevy::window::PrimaryWindow;
use bevy_egui::input::EguiWantsInput;

use crate::chart::Chart;
use crate::scene::chart::ScreenPoint;
use crate::scene::keys::Act;

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

/// Two clicks within this are a double click.
const DOUBLE_CLICK_SECS: f32 = 0.4;

/// What a press of the button has become.
#[derive(Default)]
pub(crate) struct Press {
    travelled_px: f32,
    on_chart: bool,
    clicked_at: Option<f32>,
    pointer_before: Option<Vec2>,
}

/// Moves the chart as pointer and keys say.
#[expect(clippy::too_many_arguments, reason = "a Bevy system takes what it reads")]
pub(crate) fn steer(
    mut chart: ResMut<Chart>,
    window: Option<Single<&Window, With<PrimaryWindow>>>,
    panels: Option<Res<EguiWantsInput>>,
    buttons: Option<Res<ButtonInput<MouseButton>>>,
    keys: Option<Res<ButtonInput<KeyCode>>>,
    time: Res<Time<Real>>,
    mut wheel: MessageReader<MouseWheel>,
    mut press: Local<Press>,
) {
    let (Some(window), Some(buttons), Some(keys)) = (window, buttons, keys) else { return };
    let (pointer_taken, keys_taken) =
        panels.map_or((false, false), |panels| (panels.wants_any_pointer_input(), panels.wants_any_keyboard_input()));
    let pointer = window.cursor_position();
    let moved = match (press.pointer_before, pointer) {
        (Some(before), Some(now)) => now - before,
        _ => Vec2::ZERO,
    };
    press.pointer_before = pointer;
    // In a slow frame the pointer may have moved before the press: that is no drag.
    let dragged = if buttons.just_pressed(MouseButton::Left) { Vec2::ZERO } else { moved };
    let at = pointer.map(|pointer| ScreenPoint { x: f64::from(pointer.x), y: f64::from(pointer.y) });

    if buttons.just_pressed(MouseButton::Left) {
        press.travelled_px = 0.0;
        press.on_chart = !pointer_taken && chart.inside.is_none();
    }
    if press.on_chart && buttons.pressed(MouseButton::Left) {
        press.travelled_px += dragged.length();
        if press.travelled_px > CLICK_PX {
            chart.view.pan(f64::from(dragged.x), f64::from(dragged.y));
            chart.moved = true;
            chart.following = false;
        }
    }
    if chart.inside.is_some() {
        // The plan has a pointer of its own.
        chart.hovered = None;
        press.on_chart = false;
        wheel.clear();
    }
    if moved != Vec2::ZERO || buttons.just_pressed(MouseButton::Left) {
        chart.hovered = at.filter(|_| !pointer_taken && chart.inside.is_none()).and_then(|at| chart.pick(at, REACH_PX));
    }
    if press.on_chart
        && buttons.just_released(MouseButton::Left)
        && press.travelled_px <= CLICK_PX
        && let Some(at) = at
    {
        let now = time.elapsed_secs();
        let double = press.clicked_at.take().is_some_and(|before| now - before < DOUBLE_CLICK_SECS);
        chart.click(at, REACH_PX);
        if double {
            chart.act(Act::Enter);
        } else {
            press.clicked_at = Some(now);
        }
    }

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
    if keys_taken {
        return;
    }
    let shift = keys.any_pressed([KeyCode::ShiftLeft, KeyCode::ShiftRight]);
    let control = keys.any_pressed([KeyCode::ControlLeft, KeyCode::ControlRight]);
    for key in keys.get_just_pressed() {
        if let Some(act) = act(*key, shift, control) {
            chart.act(act);
        }
    }
}

/// What a key asks for.
pub(crate) fn act(key: KeyCode, shift: bool, control: bool) -> Option<Act> {
    let step = if shift { 10 } else { 1 };
    Some(match key {
        KeyCode::ArrowLeft if control => Act::Pan(-1, 0),
        KeyCode::ArrowRight if control => Act::Pan(1, 0),
        KeyCode::ArrowUp => Act::Pan(0, -1),
        KeyCode::ArrowDown => Act::Pan(0, 1),
        KeyCode::ArrowLeft => Act::Step(-step),
        KeyCode::ArrowRight => Act::Step(step),
        KeyCode::Space => Act::Pause,
        KeyCode::End => Act::Live,
        KeyCode::BracketLeft => Act::Speed(-1),
        KeyCode::BracketRight => Act::Speed(1),
        KeyCode::Slash if shift => Act::Help,
        KeyCode::F1 => Act::Help,
        KeyCode::Slash => Act::Search,
        KeyCode::KeyA if shift => Act::Alerts,
        KeyCode::KeyA => Act::NextAlert,
        KeyCode::KeyF => Act::Focus,
        KeyCode::Home => Act::Fit,
        KeyCode::KeyV => Act::Follow,
        KeyCode::Enter | KeyCode::NumpadEnter => Act::Enter,
        KeyCode::Escape => Act::Up,
        KeyCode::KeyW => Act::WhatIf,
        KeyCode::KeyC | KeyCode::KeyG => Act::Compare,
        KeyCode::KeyB => Act::RunFuture,
        KeyCode::Comma => Act::StepFuture(-step),
        KeyCode::Period => Act::StepFuture(step),
        KeyCode::KeyH => Act::Heat,
        KeyCode::KeyL => Act::Labels,
        KeyCode::KeyT => Act::Theme,
        KeyCode::KeyN => Act::Language,
        KeyCode::KeyZ => Act::Zone,
        KeyCode::KeyU => Act::Units,
        KeyCode::KeyO => Act::Proposals,
        KeyCode::KeyP => Act::Picture,
        KeyCode::KeyR => Act::Record,
        KeyCode::Equal | KeyCode::NumpadAdd => Act::Zoom(1),
        KeyCode::Minus | KeyCode::NumpadSubtract => Act::Zoom(-1),
        KeyCode::Digit1 => Act::Layer(0),
        KeyCode::Digit2 => Act::Layer(1),
        KeyCode::Digit3 => Act::Layer(2),
        KeyCode::Digit4 => Act::Layer(3),
        KeyCode::Digit5 => Act::Layer(4),
        KeyCode::Digit6 => Act::Layer(5),
        KeyCode::Digit7 => Act::Layer(6),
        KeyCode::Digit8 => Act::Layer(7),
        KeyCode::Digit9 => Act::Layer(8),
        _ => return None,
    })
}
