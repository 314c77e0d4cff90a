//! What-if: choosing a scenario, how far it is, and what came out.

use std::time::Duration;

use bevy_egui::egui::{self, Align2, Pos2, RichText, Stroke};
use firmware_schemas::api::what_if::{Better, OperationState, WhatIfResult, WhatIfSeries};

use super::plots::{Plot, plot, short};
use super::{Wish, colour, faint};
use crate::chart::Chart;
use crate::desk::{Answer, Question};
use crate::palette;
use crate::scene::keys::Act;
use crate::scene::network;
use crate::scene::what_if::{Compare, Figure, figures, weekly};

pub(super) fn show(ctx: &egui::Context, chart: &mut Chart, wishes: &mut Vec<Wish>) {
    if chart.what_if.shown {
        panel(ctx, chart, wishes);
    }
    follow(chart);
    if chart.what_if.compare != Compare::Off && (chart.what_if.moves() || !chart.what_if.effects.is_empty()) {
        banner(ctx, chart, wishes);
    }
    if chart.what_if.compare == Compare::SideBySide {
        side_by_side(ctx, chart);
    }
}

/// Asks how far the run is, and for what came out once it is done.
fn follow(chart: &mut Chart) {
    let Some((run, _)) = chart.what_if.run.clone() else { return };
    if chart.desk.peek(&Question::Outcome(run.clone())).is_some()
        || chart.desk.peek(&Question::Progress(run.clone())).is_none()
    {
        return;
    }
    let every = Duration::from_millis(500);
    let done = match chart.desk.want(Question::Progress(run.clone()), every, chart.elapsed) {
        Some(Ok(Answer::Operation(operation))) => operation.state == OperationState::Succeeded,
        _ => false,
    };
    if done {
        chart.desk.want(Question::Outcome(run.clone()), Duration::MAX, chart.elapsed);
        chart.desk.want(Question::Weeks(run.clone()), Duration::MAX, chart.elapsed);
        chart.desk.want(Question::Movements(run), Duration::MAX, chart.elapsed);
    }
}

fn panel(ctx: &egui::Context, chart: &mut Chart, wishes: &mut Vec<Wish>) {
    let scenarios = chart.desk.want(Question::Scenarios, Duration::from_secs(300), chart.elapsed).cloned();
    let theme = chart.theme;
    let words = chart.words.clone();
    let area = egui::Area::new("what if".into()).order(egui::Order::Foreground).movable(false);
    area.anchor(Align2::LEFT_TOP, [12.0, network::TITLE_BAR_PX as f32 + 12.0]).show(ctx, |ui| {
        egui::Frame::new().fill(colour(theme.panel)).corner_radius(8).inner_margin(16).show(ui, |ui| {
            ui.set_width(430.0);
            ui.label(RichText::new(words.pick("What if …", "情景推演")).size(16.0));
            match &scenarios {
                None => faint(ui, words.pick("asking the gateway …", "正在询问网关……"), &theme),
                Some(Err(why)) => faint(ui, why, &theme),
                Some(Ok(Answer::Scenarios(scenarios))) => {
                    for scenario in scenarios {
                        let name = words.name(&scenario.name, scenario.name_zh.as_deref());
                        let story = words.name(&scenario.story, scenario.story_zh.as_deref());
                        let button = ui.button(RichText::new(name).size(13.0)).on_hover_text(story);
                        if button.clicked() {
                            wishes.push(Wish::Run(scenario.id.clone()));
                        }
                    }
                }
                Some(Ok(_)) => {}
            }
            ui.add_space(8.0);
            outcome(ui, chart, wishes);
        });
    });
}

fn outcome(ui: &mut egui::Ui, chart: &Chart, wishes: &mut Vec<Wish>) {
    let Some((run, scenario)) = &chart.what_if.run else { return };
    let (theme, words) = (&chart.theme, &chart.words);
    if let Some(Ok(Answer::Outcome(result))) = chart.desk.peek(&Question::Outcome(run.clone())) {
        figures_grid(ui, chart, result);
        ui.add_space(6.0);
        let name = chart.what_if.compare.name(words);
        if ui.button(RichText::new(format!("C · {name}")).size(13.0)).clicked() {
            wishes.push(Wish::Act(Act::Compare));
        }
        return;
    }
    match chart.desk.peek(&Question::Progress(run.clone())) {
        Some(Ok(Answer::Operation(operation))) => {
            ui.label(RichText::new(scenario).size(13.0));
            ui.add(egui::ProgressBar::new(operation.progress as f32).show_percentage().desired_width(400.0));
            if let Some(problem) = &operation.problem {
                faint(ui, &problem.detail, theme);
            }
        }
        Some(Err(why)) => faint(ui, why, theme),
        _ => faint(ui, words.pick("waiting to begin …", "等待开始……"), theme),
    }
}

fn figures_grid(ui: &mut egui::Ui, chart: &Chart, result: &WhatIfResult) {
    let words = &chart.words;
    let days = result.head.days;
    let n = result.head.replications;
    let head = words.pick(format!("{days} days, {n} replications"), format!("{days} 天，{n} 次重复"));
    if let Some(case) = result.results.get(1) {
        ui.label(RichText::new(&case.case).size(14.0));
    }
    faint(ui, &head, &chart.theme);
    egui::Grid::new("figures").num_columns(3).spacing([12.0, 6.0]).show(ui, |ui| {
        for figure in figures(result, 1, words) {
            faint(ui, &figure.name, &chart.theme);
            interval(ui, chart, &figure);
            let (mean, half_width, sure) = figure.difference;
            let sign = if mean > 0.0 { "+" } else { "" };
            let text = format!("{sign}{} ± {}", scaled(&figure, mean), scaled(&figure, half_width));
            let text = RichText::new(text).size(12.5);
            let text = match (sure, figure.better) {
                (false, _) => text.color(colour(chart.theme.text_faint)),
                (true, Better::Neither) => text,
                (true, _) => text.color(colour(palette::SIMULATED)),
            };
            ui.label(text);
            ui.end_row();
        }
    });
}

fn scaled(figure: &Figure, value: f64) -> String {
    match figure.unit.as_str() {
        "1" if figure.base.0.abs() <= 1.5 => format!("{:.2} %", value * 100.0),
        "minor" => short(value / 100.0),
        _ => short(value),
    }
}

/// Both means with their intervals on one scale: grey as it is, purple as it would be.
fn interval(ui: &mut egui::Ui, chart: &Chart, figure: &Figure) {
    let (rect, _) = ui.allocate_exact_size(egui::vec2(130.0, 16.0), egui::Sense::hover());
    let ends = [figure.base, figure.case].map(|(mean, half)| (mean - half, mean + half));
    let min = ends[0].0.min(ends[1].0);
    let max = ends[0].1.max(ends[1].1);
    let span = (max - min).max(1e-12);
    let x = |value: f64| rect.left() + 3.0 + ((value - min) / span) as f32 * (rect.width() - 6.0);
    let rows = [(figure.base, chart.theme.text_faint, 4.5), (figure.case, palette::SIMULATED, 11.5)];
    for ((mean, half), line_colour, y) in rows {
        let y = rect.top() + y;
        let line = [Pos2::new(x(mean - half), y), Pos2::new(x(mean + half), y)];
        ui.painter().line_segment(line, Stroke::new(2.0, colour(line_colour)));
        ui.painter().circle_filled(Pos2::new(x(mean), y), 3.2, colour(line_colour));
    }
}

/// Says aloud that a part of the picture is simulated.
fn banner(ctx: &egui::Context, chart: &mut Chart, wishes: &mut Vec<Wish>) {
    let words = chart.words.clone();
    let area = egui::Area::new("simulated".into()).order(egui::Order::Middle).movable(false);
    area.anchor(Align2::CENTER_TOP, [0.0, network::TITLE_BAR_PX as f32 + 8.0]).show(ctx, |ui| {
        let stroke = Stroke::new(1.5, colour(palette::SIMULATED));
        egui::Frame::new().fill(colour(chart.theme.panel)).stroke(stroke).corner_radius(6).inner_margin(8).show(
            ui,
            |ui| {
                ui.horizontal(|ui| {
                    let case = chart.what_if.run.as_ref().map_or("", |(_, scenario)| scenario.as_str());
                    let name = chart.what_if.compare.name(&words);
                    let n = chart.what_if.effects.len();
                    let text = words.pick(
                        format!("simulated · {case} · {name} · {n} sites would surely differ"),
                        format!("模拟 · {case} · {name} · {n} 个站点有确定差异"),
                    );
                    let label = egui::Label::new(RichText::new(text).size(13.0)).sense(egui::Sense::click());
                    if ui.add(label).clicked() {
                        wishes.push(Wish::Act(Act::Compare));
                    }
                });
                future_clock(ui, chart, wishes);
            },
        );
    });
}

/// The clock of the possible future: its moment, and how to move it.
fn future_clock(ui: &mut egui::Ui, chart: &mut Chart, wishes: &mut Vec<Wish>) {
    let Some(movements) = &chart.what_if.movements else { return };
    let (words, theme) = (&chart.words, chart.theme);
    let mut day = chart.what_if.day;
    let (days, replication) = (movements.days(), movements.replication + 1);
    let moment = words.day_and_clock(movements.moment(day));
    let nth = day.floor();
    let mut note = match chart.what_if.compare {
        Compare::SideBySide => words.pick(
            format!("grey as it is, purple as it would be · replication {replication} (median cost)"),
            format!("灰：现状，紫：推演 · 第 {replication} 次重复（成本中位）"),
        ),
        Compare::Differences => words.pick(
            format!("pieces in a week · whole: more, broken: fewer · replication {replication} (median cost)"),
            format!("一周件数 · 实线：增，虚线：减 · 第 {replication} 次重复（成本中位）"),
        ),
        Compare::Off | Compare::Ghost => words.pick(
            format!("dashed rings: simulated · replication {replication} (median cost), to the day"),
            format!("虚线圆：模拟 · 第 {replication} 次重复（成本中位），精确到天"),
        ),
    };
    let left_out = movements.left_out(1);
    if left_out > 0 {
        note.push_str(
            &words.pick(format!(" · {left_out} small journeys left out"), format!(" · 略去 {left_out} 次小批量")),
        );
    }
    ui.horizontal(|ui| {
        let name = if chart.what_if.runs { words.pick("stop", "停止") } else { words.pick("run", "运行") };
        if ui.button(RichText::new(format!("B · {name}")).size(12.5)).clicked() {
            wishes.push(Wish::Act(Act::RunFuture));
        }
        ui.spacing_mut().slider_width = 240.0;
        let slider = egui::Slider::new(&mut day, 0.0..=f64::from(days)).show_value(false);
        if ui.add(slider).changed() {
            chart.what_if.day = day;
        }
        let text = words.pick(format!("day {nth} · {moment}"), format!("第 {nth} 天 · {moment}"));
        ui.label(RichText::new(text).size(13.0));
    });
    faint(ui, &note, &theme);
}

/// As it is and as it would be, week by week, on one clock.
fn side_by_side(ctx: &egui::Context, chart: &mut Chart) {
    let Some((run, _)) = chart.what_if.run.clone() else { return };
    let Some(Ok(Answer::Weeks(weeks))) = chart.desk.peek(&Question::Weeks(run)) else { return };
    let weeks: Box<WhatIfSeries> = weeks.clone();
    let mut cases: Vec<&str> = Vec::new();
    for item in &weeks.items {
        if !cases.contains(&item.case.as_str()) {
            cases.push(&item.case);
        }
    }
    let (theme, words) = (chart.theme, chart.words.clone());
    let width = (chart.view.width as f32 - 40.0).min(1_100.0);
    let area = egui::Area::new("side by side".into()).order(egui::Order::Middle).movable(false);
    area.anchor(Align2::CENTER_BOTTOM, [0.0, -(network::TIMELINE_PX as f32) - 10.0]).show(ctx, |ui| {
        egui::Frame::new().fill(colour(theme.panel)).corner_radius(8).inner_margin(14).show(ui, |ui| {
            ui.set_width(width);
            ui.columns(2, |columns| {
                for (nth, (ui, case)) in columns.iter_mut().zip(&cases).enumerate() {
                    let colour = if nth == 0 { palette::INFO } else { palette::SIMULATED };
                    for (figure, name) in
                        [("fill_rate", words.pick("fill rate", "满足率")), ("on_hand", words.pick("on hand", "库存"))]
                    {
                        let line = [(weekly(&weeks, case, figure), colour)];
                        // One scale for both, so that they can be compared by eye.
                        let others = cases.iter().flat_map(|other| weekly(&weeks, other, figure));
                        let ends: Vec<f64> = others.flat_map(|point| [point.low, point.high]).collect();
                        let title = format!("{case} · {name}");
                        let least = ends.iter().copied().fold(f64::INFINITY, f64::min);
                        let most = ends.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                        let levels = [least, most];
                        let now = chart.what_if.movements.as_ref().map(|it| it.moment(chart.what_if.day));
                        let it = Plot { title: &title, lines: &line, levels: &levels, unit: "", now, height: 110.0 };
                        plot(ui, &it, &mut chart.cursor, &theme, &words);
                    }
                }
            });
        });
    });
}
