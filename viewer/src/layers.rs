//! The layers of the chart as meshes: drawn again only when what they are made from changed.

use std::time::Duration;

use bevy::camera::visibility::NoFrustumCulling;
use bevy::prelude::*;
use bevy::render::renderer::{RenderDevice, RenderQueue};
use bevy::tasks::{AsyncComputeTaskPool, Task, block_on, poll_once};

use crate::chart::Chart;
use crate::land;
use crate::material::{ChartMaterial, mesh};
use crate::palette::Theme;
use crate::scene::chart::{ChartPoint, WORLD};
use crate::scene::mark::ItemId;
use crate::scene::mesh::Triangles;
use crate::scene::network::LanePath;
use crate::scene::overlay::{self, Heat};
use crate::scene::what_if::{self, Compare};
use crate::scene::{Detail, Layers as Switches, Look, movements, network};
use crate::symbols::{SymbolFrame, SymbolMaterial, Table};

/// What lies under what.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    Land,
    Lakes,
    Borders,
    Heat,
    Flows,
    Lanes,
    Route,
    Clusters,
    Stock,
    Ghost,
    Future,
}

/// How many there are.
const N_LAYERS: usize = 11;

impl Layer {
    const ALL: [Self; N_LAYERS] = [
        Self::Land,
        Self::Lakes,
        Self::Borders,
        Self::Heat,
        Self::Flows,
        Self::Lanes,
        Self::Route,
        Self::Clusters,
        Self::Stock,
        Self::Ghost,
        Self::Future,
    ];

    fn is_on(self, chart: &Chart) -> bool {
        match self {
            Self::Land | Self::Lakes | Self::Route => true,
            Self::Borders => chart.layers.on(Switches::BORDERS),
            Self::Heat => chart.heat != Heat::Off,
            Self::Flows => chart.layers.on(Switches::FLOWS),
            Self::Lanes => chart.layers.on(Switches::LANES),
            Self::Clusters => chart.layers.on(Switches::SITES) && chart.layers.on(Switches::CLUSTERS),
            Self::Stock => chart.layers.on(Switches::STOCK) && chart.layers.on(Switches::SITES),
            Self::Ghost => matches!(chart.what_if.compare, Compare::Ghost | Compare::Differences),
            Self::Future => chart.what_if.moves(),
        }
    }
}

/// Which copy of the world: at -360°, 0° or 360°.
#[derive(Component, Clone, Copy)]
pub(crate) struct Copy3(usize);

/// Which records.
#[derive(Component, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SymbolLayer {
    Sites,
    Vehicles,
}

#[derive(Resource)]
pub(crate) struct LayerMeshes {
    meshes: [Handle<Mesh>; N_LAYERS],
    materials: [Handle<ChartMaterial>; 3],
    drawn: [Option<Drawn>; N_LAYERS],
    empty: [bool; N_LAYERS],
    making: [Option<Task<Made>>; N_LAYERS],
    view: Option<crate::scene::View>,
    routed: Duration,
}

/// What a layer was drawn from.
#[derive(Clone, PartialEq)]
struct Drawn {
    generation: u64,
    epoch: u64,
    look: Look,
    detail: Detail,
    level: i64,
    item: Option<ItemId>,
}

#[derive(Resource)]
pub(crate) struct Tables {
    sites: Table,
    vehicles: Table,
    begun: Option<(u64, u64)>,
    frame: Option<[SymbolFrame; 2]>,
}

pub(crate) fn make_layers(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<ChartMaterial>>,
) {
    let materials = std::array::from_fn(|_| materials.add(ChartMaterial::default()));
    let meshes = Layer::ALL.map(|_| meshes.add(mesh(&nothing())));
    for (layer, mesh) in Layer::ALL.into_iter().zip(&meshes) {
        for (nth, material) in materials.iter().enumerate() {
            commands.spawn((
                layer,
                Copy3(nth),
                Mesh2d(mesh.clone()),
                MeshMaterial2d(material.clone()),
                Transform::from_xyz(0.0, 0.0, layer as u8 as f32),
                NoFrustumCulling,
                Visibility::Hidden,
            ));
        }
    }
    commands.insert_resource(LayerMeshes {
        meshes,
        materials,
        drawn: std::array::from_fn(|_| None),
        empty: [true; N_LAYERS],
        making: std::array::from_fn(|_| None),
        view: None,
        routed: Duration::ZERO,
    });
}

pub(crate) fn make_tables(
    mut commands: Commands,
    chart: Res<Chart>,
    device: Option<Res<RenderDevice>>,
    mut meshes: ResMut<Assets<Mesh>>,
    materials: Option<ResMut<Assets<SymbolMaterial>>>,
) {
    let (Some(device), Some(mut materials)) = (device, materials) else { return };
    let mut table = || {
        let frame = SymbolFrame::new(&chart.view, &chart.look(), 0);
        Table::new(&device, &mut meshes, &mut materials, frame)
    };
    let (sites, vehicles) = (table(), table());
    let first = Layer::ALL.len() as f32;
    for (nth, (table, layer)) in
        [(&sites, SymbolLayer::Sites), (&vehicles, SymbolLayer::Vehicles)].into_iter().enumerate()
    {
        commands.spawn((
            layer,
            Mesh2d(table.mesh.clone()),
            MeshMaterial2d(table.material.clone()),
            Transform::from_xyz(0.0, 0.0, first + nth as f32),
            NoFrustumCulling,
        ));
    }
    commands.insert_resource(Tables { sites, vehicles, begun: None, frame: None });
}

/// One triangle without extent: a mesh without vertices cannot be sent to the graphics card.
fn nothing() -> Triangles {
    let mut triangles = Triangles::default();
    triangles.area(&[ChartPoint { x: 0.0, y: 0.0 }; 3], &[0, 1, 2], Theme::DARK.water.with_alpha(0));
    triangles
}

/// What changes all the time is drawn again no more often than this.
const SLOW_EVERY: Duration = Duration::from_secs(2);

pub(crate) fn draw(
    mut chart: ResMut<Chart>,
    mut layers: ResMut<LayerMeshes>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut clear: ResMut<ClearColor>,
) {
    let chart = chart.bypass_change_detection();
    let look = chart.look();
    let detail = Detail::of(chart.view.scale);
    let epochs = chart.shown().epochs;
    let second = (chart.elapsed.as_millis() / SLOW_EVERY.as_millis()) as u64;
    let mut slow_left = 1; // at most one of the slow layers in a frame
    layers.take_made(&mut meshes);
    for layer in Layer::ALL {
        let nth = layer as usize;
        if !layer.is_on(chart) {
            continue;
        }
        let (epoch, level, item, slow) = match layer {
            Layer::Land | Layer::Lakes | Layer::Borders => (0, 0, None, false),
            Layer::Heat => (chart.heat as u64, (epochs.stock + epochs.readings) as i64, None, true),
            Layer::Flows => (epochs.flows + epochs.lanes, 0, None, true),
            Layer::Lanes => (epochs.lanes, epochs.busy as i64, None, true),
            Layer::Route => (second, 0, chart.selected.clone(), false),
            Layer::Clusters => (epochs.alerts + epochs.sites, chart.sites.revision() as i64, None, false),
            Layer::Stock => (epochs.stock, chart.sites.revision() as i64, None, true),
            Layer::Ghost => (chart.what_if.revision, chart.what_if.compare as i64, None, false),
            // Flows change from day to day, vehicles from frame to frame.
            Layer::Future => {
                let day = match chart.what_if.compare {
                    Compare::Differences => chart.what_if.day.floor() * 1e6,
                    _ => chart.what_if.day * 1e6,
                };
                let which = (chart.what_if.revision << 2) + chart.what_if.compare as u64;
                ((epochs.lanes << 32) + which, day as i64, None, false)
            }
        };
        // The others are the same at every zoom.
        let detail = if matches!(layer, Layer::Land | Layer::Stock | Layer::Ghost) { detail } else { Detail::Region };
        // The map is the same at every moment and in every network.
        let is_map = matches!(layer, Layer::Land | Layer::Lakes | Layer::Borders);
        let generation = if is_map { 0 } else { chart.generation + (epochs.snapshots << 32) };
        let drawn = Some(Drawn { generation, epoch, look, detail, level, item });
        if layers.drawn[nth] == drawn {
            continue;
        }
        let must = match (&layers.drawn[nth], &drawn) {
            (Some(before), Some(now)) => {
                (before.look, before.detail, before.generation) != (now.look, now.detail, now.generation)
                    || (layer == Layer::Stock && before.level != now.level)
                    || (layer == Layer::Heat && before.epoch != now.epoch)
            }
            _ => true,
        };
        if slow && !must {
            if slow_left == 0 || chart.elapsed.saturating_sub(layers.routed) < SLOW_EVERY / 4 {
                continue;
            }
            slow_left -= 1;
            layers.routed = chart.elapsed;
        }
        if layers.making[nth].is_some() {
            continue; // one is under way, and what changed since then comes after it
        }
        layers.drawn[nth] = drawn;
        if layer == Layer::Future {
            layers.put(layer, made(future(chart, &look)), &mut meshes);
            continue;
        }
        if matches!(layer, Layer::Lanes | Layer::Flows) {
            let paths = paths(chart, layer, &look);
            let n_points: usize = paths.iter().map(|path| path.points.len()).sum();
            let make = move || {
                let mut triangles = Triangles::default();
                paths.iter().for_each(|path| triangles.line(path));
                made(triangles)
            };
            if chart.still || n_points < POINTS_AT_ONCE_MAX {
                layers.put(layer, make(), &mut meshes);
            } else {
                layers.making[nth] = Some(AsyncComputeTaskPool::get().spawn(async move { make() }));
            }
            continue;
        }
        let triangles = match layer {
            Layer::Land => {
                let [r, g, b, _] = look.of(look.theme.water).0;
                clear.0 = Color::srgb_u8(r, g, b);
                land::land(detail, look.of(look.theme.land)).unwrap_or_else(|why| {
                    error!("no land: {why}");
                    Triangles::default()
                })
            }
            Layer::Lakes => land::lakes(look.of(look.theme.water)).unwrap_or_else(|why| {
                warn!("lakes are left out: {why}");
                Triangles::default()
            }),
            Layer::Borders => land::borders(look.of(look.theme.border)).unwrap_or_default(),
            _ => moving(chart, layer, &look, detail),
        };
        layers.put(layer, made(triangles), &mut meshes);
    }
}

/// Lines of more points than these are made beside the frames.
const POINTS_AT_ONCE_MAX: usize = 20_000;

/// A mesh, and whether there is nothing to see in it.
type Made = (Mesh, bool);

fn made(triangles: Triangles) -> Made {
    let empty = triangles.indices.is_empty();
    (if empty { mesh(&nothing()) } else { mesh(&triangles) }, empty)
}

impl LayerMeshes {
    fn put(&mut self, layer: Layer, (mesh, empty): Made, meshes: &mut Assets<Mesh>) {
        self.empty[layer as usize] = empty;
        if let Err(why) = meshes.insert(&self.meshes[layer as usize], mesh) {
            error!("{layer:?} cannot be drawn: {why}");
        }
    }

    /// Shows what was made beside the frames.
    fn take_made(&mut self, meshes: &mut Assets<Mesh>) {
        for layer in Layer::ALL {
            let making = &mut self.making[layer as usize];
            if let Some(made) = making.as_mut().and_then(|task| block_on(poll_once(task))) {
                *making = None;
                self.put(layer, made, meshes);
            }
        }
    }
}

/// The lines of a layer. Their points are shared, not copied.
fn paths(chart: &mut Chart, layer: Layer, look: &Look) -> Vec<LanePath> {
    let mut lines = std::mem::take(&mut chart.lines);
    let known = chart.shown();
    let paths = match layer {
        Layer::Flows => network::flows(known, &mut lines, look),
        _ => network::lanes(known, &mut lines, look),
    };
    chart.lines = lines;
    paths
}

/// What moves in the possible future, or how its flows differ.
fn future(chart: &mut Chart, look: &Look) -> Triangles {
    let mut triangles = Triangles::default();
    let mut lines = std::mem::take(&mut chart.lines);
    if let Some(movements) = &chart.what_if.movements {
        let (known, day) = (chart.shown(), chart.what_if.day);
        match chart.what_if.compare {
            Compare::Off => {}
            Compare::Ghost => triangles = movements::vehicles(movements, (1, day, false), known, &mut lines, look),
            Compare::SideBySide => triangles = movements::vehicles(movements, (1, day, true), known, &mut lines, look),
            Compare::Differences => {
                let paths = movements::flow_differences(movements, (1, day.floor()), known, &mut lines, look);
                paths.iter().for_each(|path| triangles.line(path));
            }
        }
    }
    chart.lines = lines;
    triangles
}

fn moving(chart: &Chart, layer: Layer, look: &Look, detail: Detail) -> Triangles {
    let mut triangles = Triangles::default();
    let Some(now) = chart.now() else { return triangles };
    let known = chart.shown();
    match layer {
        Layer::Heat => {
            let heat = overlay::heat(known, chart.heat, now);
            triangles = overlay::heat_discs(known, &heat, look, look.theme.is_dark());
        }
        Layer::Route => {
            let route = match &chart.selected {
                Some(ItemId::Vehicle(id)) => chart.fleet.route(id, now),
                _ => None,
            };
            if let Some((behind, before)) = route {
                let colour = look.theme.selection;
                let path = |points: Vec<ChartPoint>, dashed, alpha| LanePath {
                    points: points.into(),
                    colour: look.of(colour.with_alpha(alpha)),
                    width_px: 2.4,
                    dashed,
                };
                triangles.line(&path(behind, false, 150));
                triangles.line(&path(before, true, 230));
            }
        }
        Layer::Clusters => triangles = overlay::cluster_pies(chart.sites.clusters(), look),
        Layer::Stock => triangles = overlay::stock_bars(known, &chart.sites, look, detail),
        Layer::Ghost => {
            let effects = &chart.what_if.effects;
            triangles = match chart.what_if.compare {
                Compare::Differences => what_if::differences(known, effects, look, detail),
                _ => what_if::ghosts(known, effects, look, detail),
            };
        }
        Layer::Land | Layer::Lakes | Layer::Borders | Layer::Lanes | Layer::Flows | Layer::Future => {}
    }
    triangles
}

pub(crate) fn show_view(
    chart: Res<Chart>,
    mut layers: ResMut<LayerMeshes>,
    mut materials: ResMut<Assets<ChartMaterial>>,
    mut shown: Query<(&Layer, &Copy3, &mut Visibility)>,
    mut symbols: Query<(&SymbolLayer, &mut Visibility), Without<Layer>>,
) {
    if layers.view != Some(chart.view) {
        layers.view = Some(chart.view);
        for (handle, shift) in layers.materials.iter().zip([-WORLD, 0.0, WORLD]) {
            if let Some(mut material) = materials.get_mut(handle) {
                *material = ChartMaterial::new(&chart.view, shift);
            }
        }
    }
    // Lanes may reach half a world beyond the antimeridian; land and lakes do not.
    let half = chart.view.width / 2.0 / chart.view.scale;
    let (west, east) = (chart.view.centre.x - half, chart.view.centre.x + half);
    for (layer, copy, mut visibility) in &mut shown {
        let shift = [-WORLD, 0.0, WORLD][copy.0];
        let reach = if *layer >= Layer::Flows { WORLD } else { WORLD / 2.0 };
        let seen = west < shift + reach && east > shift - reach;
        let wanted = if seen && layer.is_on(&chart) && !layers.empty[*layer as usize] {
            Visibility::Inherited
        } else {
            Visibility::Hidden
        };
        visibility.set_if_neq(wanted);
    }
    for (layer, mut visibility) in &mut symbols {
        let on = match layer {
            SymbolLayer::Sites => chart.layers.on(Switches::SITES),
            SymbolLayer::Vehicles => chart.layers.on(Switches::VEHICLES),
        };
        visibility.set_if_neq(if on { Visibility::Inherited } else { Visibility::Hidden });
    }
}

pub(crate) fn send_symbols(
    mut chart: ResMut<Chart>,
    tables: Option<ResMut<Tables>>,
    device: Option<Res<RenderDevice>>,
    queue: Option<Res<RenderQueue>>,
    mut meshes: ResMut<Assets<Mesh>>,
    materials: Option<ResMut<Assets<SymbolMaterial>>>,
) {
    let (Some(mut tables), Some(device), Some(queue), Some(mut materials)) = (tables, device, queue, materials) else {
        return;
    };
    let chart = chart.bypass_change_detection();
    let begun = Some((chart.generation, chart.shown().epochs.snapshots));
    if tables.begun != begun {
        tables.begun = begun;
        tables.sites.clear(&queue);
        tables.vehicles.clear(&queue);
    }
    tables.sites.send(chart.sites.pool(), &device, &queue, &mut meshes, &mut materials);
    tables.vehicles.send(chart.fleet.pool(), &device, &queue, &mut meshes, &mut materials);
    let Some(now) = chart.now() else { return };
    let look = chart.look();
    let frames = [
        SymbolFrame::new(&chart.view, &look, chart.sites.pool().time(now)),
        SymbolFrame::new(&chart.view, &look, chart.fleet.pool().time(now)),
    ];
    if tables.frame.as_ref() != Some(&frames) {
        for (frame, table) in frames.iter().zip([&tables.sites, &tables.vehicles]) {
            if let Some(mut material) = materials.get_mut(&table.material) {
                material.frame = frame.clone();
            }
        }
        tables.frame = Some(frames);
    }
}
