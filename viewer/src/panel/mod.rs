//! Text: names on the chart, the title bar, the legend, the panel of what is selected, lists, search, time and help.

mod bars;
mod inside;
mod lists;
mod memory;
mod names;
mod plots;
mod side;
mod what_if;

use bevy::prelude::*;
use bevy_egui::egui::{self, Color32, FontFamily, Pos2, RichText, Stroke};
use bevy_egui::{EguiContexts, EguiPrimaryContextPass};

use crate::chart::Chart;
use crate::desk::Question;
use crate::palette::{Rgba, Theme};
use crate::scene::Layers;
use crate::scene::facts;
use crate::scene::keys::Act;
use crate::scene::mark::{ItemId, Shape};

pub(crate) use memory::Memory;
use memory::{Counts, Slow};

/// Latin and Chinese in one file, because there is no list of fonts to fall back on.
const FONT: &[u8] = include_bytes!("../../assets/NotoSansCJKsc-Regular-GB2312.otf");

/// What a person asked for in a panel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wish {
    /// As a key would.
    Act(Act),
    /// Show this.
    JumpTo(ItemId),
    /// Show this moment.
    Seek(firmware_schemas::quantity::Timestamp),
    /// Show so many times as much of the past in the line of time.
    Widen(f64),
    /// What is typed into the search field.
    Typed(String),
    /// Ask the gateway for this, or have it done.
    Ask(Question),
    /// Run this scenario.
    Run(String),
    /// Out of the warehouse.
    Leave,
    /// Nothing is selected any more.
    Close,
}

pub(crate) fn add(app: &mut App) {
    app.init_resource::<Dressed>().add_systems(Update, wear).add_systems(EguiPrimaryContextPass, show);
}

/// Measures what the panels take.
pub(crate) fn add_stopwatch<A, B>(app: &mut App, begin: impl IntoSystem<(), (), A>, end: impl IntoSystem<(), (), B>) {
    let begin = IntoSystem::into_system(begin);
    let end = IntoSystem::into_system(end);
    app.add_systems(EguiPrimaryContextPass, (begin.before(show), end.after(show)));
}

/// How many draws the texts and panels need.
pub(crate) fn n_paint_jobs(world: &mut World) -> usize {
    let mut outputs = world.query::<&bevy_egui::EguiRenderOutput>();
    outputs.iter(world).map(|output| output.paint_jobs.len()).sum()
}

/// The colours that panels have by now; `None` while they have no font either.
#[derive(Resource, Default)]
struct Dressed(Option<Theme>);

/// Before the first pass: without a font nothing can be laid out.
fn wear(mut contexts: EguiContexts, chart: Res<Chart>, mut dressed: ResMut<Dressed>) {
    if dressed.0 == Some(chart.theme) {
        return;
    }
    let Ok(ctx) = contexts.ctx_mut() else { return };
    dress(ctx, &chart.theme, dressed.0.is_none());
    dressed.0 = Some(chart.theme);
}

fn show(mut contexts: EguiContexts, mut chart: ResMut<Chart>, dressed: Res<Dressed>) -> Result {
    let ctx = contexts.ctx_mut()?;
    if dressed.0.is_some() {
        show_all(ctx, chart.bypass_change_detection());
    }
    Ok(())
}

/// All panels, and what was asked for in them.
pub(crate) fn show_all(ctx: &egui::Context, chart: &mut Chart) {
    let mut memory = std::mem::take(&mut chart.memory);
    let wishes = show_with(ctx, chart, &mut memory);
    chart.memory = memory;
    grant(chart, wishes);
}

fn show_with(ctx: &egui::Context, chart: &mut Chart, memory: &mut Memory) -> Vec<Wish> {
    let look = chart.look();
    let mut wishes = Vec::new();
    chart.cursor = None;
    let legend_px = bars::legend_size(chart, bars::legend_rows(chart, memory));
    if chart.inside.is_some() {
        inside::show(ctx, chart, &look, &mut wishes);
    } else {
        names::paint(ctx, chart, &look, legend_px);
        names::paint_selection(ctx, chart, &look);
    }
    let heard = chart.live_now();
    let counts = memory.counts.get(Slow::of(chart, 0), || Counts {
        texts: facts::counts(chart.shown(), chart.now(), &chart.words),
        alerts: facts::alert_counts(chart.shown()),
    });
    let counts = (counts.texts.clone(), counts.alerts.clone());
    let title = facts::title(chart.shown(), &chart.link, chart.now(), heard, counts, &chart.words);
    bars::title_bar(ctx, &title, &look.theme, chart, &mut wishes);
    if chart.layers.on(Layers::LEGEND) && chart.inside.is_none() {
        bars::legend(ctx, chart, memory, &look);
    }
    bars::time_bar(ctx, chart, memory, &look.theme, &mut wishes);
    if chart.known.at.is_none() {
        bars::empty(ctx, chart, &look.theme);
    }
    if chart.hints_shown && chart.selected.is_none() && chart.known.at.is_some() {
        bars::hints(ctx, chart, &look.theme);
    }
    bars::notice(ctx, chart, &look.theme);
    if let (Some(now), Some(item)) = (chart.now(), chart.selected.clone()) {
        side::side_panel(ctx, chart, memory, &item, now, &mut wishes);
    }
    if chart.proposals_shown {
        lists::proposals(ctx, chart, &mut wishes);
    }
    what_if::show(ctx, chart, &mut wishes);
    if chart.alerts_shown {
        lists::alerts(ctx, chart, memory, &mut wishes);
    }
    if chart.search.is_some() {
        lists::search(ctx, chart, memory, &mut wishes);
    }
    if chart.help_shown {
        lists::help(ctx, chart);
    }
    if let (Some(now), Some(item)) = (chart.now(), &chart.hovered) {
        let tip = || facts::tip(chart.shown(), item, now, &chart.words);
        if let Some(tip) = memory.tip.get((item.clone(), Slow::of(chart, 1)), tip) {
            bars::tip_under_pointer(ctx, tip, &look.theme);
        }
    }
    wishes
}

/// Does what was asked for in the panels.
fn grant(chart: &mut Chart, wishes: Vec<Wish>) {
    for wish in wishes {
        match wish {
            Wish::Act(act) => chart.act(act),
            Wish::JumpTo(item) => {
                chart.search = None;
                chart.jump_to(item);
            }
            Wish::Seek(at) => chart.seek(at),
            Wish::Widen(factor) => chart.widen(factor),
            Wish::Typed(typed) => chart.search = Some(typed),
            Wish::Ask(question) => chart.desk.ask(question, chart.elapsed),
            Wish::Run(scenario) => chart.run_scenario(&scenario),
            Wish::Leave => chart.inside = None,
            Wish::Close => {
                chart.selected = None;
                chart.following = false;
            }
        }
    }
}

/// Font and colours.
pub(crate) fn dress(ctx: &egui::Context, theme: &Theme, first: bool) {
    if first {
        let mut fonts = egui::FontDefinitions::empty();
        fonts.font_data.insert("noto".to_owned(), egui::FontData::from_static(FONT).into());
        for family in [FontFamily::Proportional, FontFamily::Monospace] {
            fonts.families.insert(family, vec!["noto".to_owned()]);
        }
        ctx.set_fonts(fonts);
    }
    let mut visuals = if theme.is_dark() { egui::Visuals::dark() } else { egui::Visuals::light() };
    visuals.override_text_color = Some(colour(theme.text));
    visuals.panel_fill = colour(theme.panel);
    visuals.window_fill = colour(theme.panel);
    ctx.set_visuals(visuals);
}

fn colour(rgba: Rgba) -> Color32 {
    let [r, g, b, a] = rgba.0;
    Color32::from_rgba_unmultiplied(r, g, b, a)
}

fn mix(a: Rgba, b: Rgba) -> Rgba {
    let mixed = std::array::from_fn(|channel| ((u16::from(a.0[channel]) + u16::from(b.0[channel])) / 2) as u8);
    Rgba(mixed)
}

fn faint(ui: &mut egui::Ui, text: &str, theme: &Theme) {
    ui.label(RichText::new(text).size(13.0).color(colour(theme.text_faint)));
}

/// A symbol as a part of a line of text.
fn symbol(ui: &mut egui::Ui, shape: Shape, radius: f32, fill: Rgba) {
    let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(radius * 2.4), egui::Sense::hover());
    paint_symbol(ui.painter(), rect.center(), shape, radius, colour(fill), Stroke::NONE);
}

fn paint_symbol(painter: &egui::Painter, at: Pos2, shape: Shape, radius: f32, fill: Color32, stroke: Stroke) {
    let corners = shape.outline().iter().map(|[x, y]| at + egui::vec2(*x as f32, -*y as f32) * radius).collect();
    painter.add(egui::Shape::convex_polygon(corners, fill, stroke));
}

/// A text that can be clicked and looks like one.
fn link(ui: &mut egui::Ui, text: &str, size: f32, theme: &Theme) -> bool {
    let text = RichText::new(text).size(size).color(colour(mix(theme.lane_sea, theme.text)));
    let label = egui::Label::new(text).wrap().sense(egui::Sense::click());
    ui.add(label).on_hover_cursor(egui::CursorIcon::PointingHand).clicked()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Settings;
    use crate::scene::known::testing;
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable;
    use firmware_schemas::network::SiteKind;

    fn chart() -> Chart {
        let mut chart = Chart::new((1_280, 720), Settings::default(), None);
        let mut london = testing::site("RW-LONDON", SiteKind::RegionalWarehouse, 51.5, -0.1);
        (london.name, london.name_zh) = ("Warehouse London".to_owned(), Some("伦敦区域仓".to_owned()));
        chart.show_file(testing::snapshot(vec![london, testing::site("SHOP-1", SiteKind::Shop, 48.8, 2.3)]));
        chart.keep_up();
        chart
    }

    fn harness(chart: Chart) -> Harness<'static, Chart> {
        let mut dressed = false;
        let show = move |ui: &mut egui::Ui, chart: &mut Chart| {
            let ctx = ui.ctx().clone();
            if !dressed {
                dressed = true;
                dress(&ctx, &Theme::DARK, true);
                return;
            }
            show_all(&ctx, chart);
        };
        let mut harness = Harness::builder().with_size([1_280.0, 720.0]).build_ui_state(show, chart);
        harness.run_steps(3);
        harness
    }

    #[test]
    fn a_search_leads_to_the_panel_of_what_was_found() {
        let mut chart = chart();
        chart.search = Some("london".to_owned());
        let mut harness = harness(chart);
        harness.get_by_label_contains("Warehouse London").click();
        harness.run_steps(3);
        assert_eq!(harness.state().search, None);
        assert!(matches!(&harness.state().selected, Some(ItemId::Site(id)) if id.as_str() == "RW-LONDON"));
        harness.get_by_label_contains("regional warehouse");
    }

    #[test]
    fn the_panel_is_closed_by_its_button_and_speaks_chinese() {
        let mut chart = chart();
        chart.act(Act::Language);
        chart.selected = crate::scene::inspect::find(&chart.known, "RW-LONDON");
        let mut harness = harness(chart);
        harness.get_by_label("伦敦区域仓");
        harness.get_by_label("×").click();
        harness.run_steps(2);
        assert_eq!(harness.state().selected, None);
    }

    #[test]
    fn time_is_stopped_by_its_button_and_help_lists_the_keys() {
        let mut harness = harness(chart());
        harness.get_by_label("pause").click();
        harness.run_steps(2);
        assert!(!harness.state().timeline.runs());
        harness.get_by_label("live").click();
        harness.run_steps(2);
        assert!(harness.state().timeline.is_live());
        harness.state_mut().act(Act::Help);
        harness.run_steps(2);
        harness.get_by_label_contains("slower, faster");
    }

    #[test]
    fn the_font_can_write_the_chinese_name_of_every_city() {
        let harness = harness(chart());
        let written = harness.ctx.fonts_mut(|fonts| {
            fonts.fonts.font(&FontFamily::Proportional).characters().keys().copied().collect::<Vec<_>>()
        });
        for city in crate::land::cities() {
            let missing = city.name_zh.iter().flat_map(|name| name.chars()).find(|c| written.binary_search(c).is_err());
            assert_eq!(missing, None, "{city:?}");
        }
    }

    #[test]
    fn an_empty_window_says_why_and_what_to_do() {
        let harness = harness(Chart::new((1_280, 720), Settings::default(), None));
        harness.get_by_label_contains("portolan demo");
    }
}
