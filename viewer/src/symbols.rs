//! Symbols on the graphics card: one table of records and one draw for all of a kind, however many there are.

use std::ops::Range;
use std::sync::OnceLock;

use bevy::asset::RenderAssetUsages;
use bevy::mesh::{Indices, MeshVertexBufferLayoutRef, PrimitiveTopology};
use bevy::prelude::*;
use bevy::render::render_resource::{
    AsBindGroup, Buffer, BufferDescriptor, BufferUsages, CommandEncoderDescriptor, RenderPipelineDescriptor,
    ShaderType, SpecializedMeshPipelineError,
};
use bevy::render::renderer::{RenderDevice, RenderQueue};
use bevy::shader::ShaderRef;
use bevy::sprite_render::{AlphaMode2d, Material2d, Material2dKey};

use crate::material::halves;
use crate::scene::pool::{Pool, RECORD_BYTES};
use crate::scene::{Look, Shape, View};

/// Where the window is, what time it is, and what symbols look like.
#[derive(ShaderType, Clone, Debug, PartialEq)]
pub(crate) struct SymbolFrame {
    centre: Vec4,
    frame: Vec4,
    clock: UVec4,
    halo: Vec4,
    hollow: Vec4,
    corners: [Vec4; 52],
    counts: [UVec4; 4],
}

impl SymbolFrame {
    /// At `now` as the pool tells time.
    pub(crate) fn new(view: &View, look: &Look, now: u32) -> Self {
        let (x_high, x_low) = halves(view.centre.x);
        let (y_high, y_low) = halves(view.centre.y);
        // From the whole map to up close within a factor of two around where the land changes.
        let closeness = ((view.scale / 13.0).log2()).clamp(0.0, 1.0) as f32;
        let linear = |colour: crate::palette::Rgba| Vec4::from_array(look.of(colour).to_linear());
        let (corners, counts) = *OUTLINES.get_or_init(outlines);
        Self {
            centre: Vec4::new(x_high, y_high, x_low, y_low),
            frame: Vec4::new(view.width as f32, view.height as f32, view.scale as f32, closeness),
            clock: UVec4::new(now, u32::from(look.greyed), 0, 0),
            halo: linear(look.theme.halo),
            hollow: linear(look.theme.hollow),
            corners,
            counts,
        }
    }
}

/// The corners of all shapes, two to a vector, and how many each has.
type Outlines = ([Vec4; 52], [UVec4; 4]);

static OUTLINES: OnceLock<Outlines> = OnceLock::new();

fn outlines() -> Outlines {
    let mut corners = [Vec4::ZERO; 52];
    let mut counts = [UVec4::ZERO; 4];
    for shape in Shape::ALL {
        let outline = if shape == Shape::Circle { Vec::new() } else { shape.outline() };
        let number = shape as usize;
        counts[number / 4][number % 4] = outline.len() as u32;
        for (at, [x, y]) in outline.into_iter().enumerate() {
            let pair = &mut corners[number * 4 + at / 2];
            let (first, second) = if at % 2 == 0 { (0, 1) } else { (2, 3) };
            pair[first] = x as f32;
            pair[second] = y as f32;
        }
    }
    (corners, counts)
}

/// What draws the records of one pool.
#[derive(Asset, TypePath, AsBindGroup, Clone)]
pub(crate) struct SymbolMaterial {
    #[uniform(0)]
    pub(crate) frame: SymbolFrame,
    #[storage(1, read_only, buffer)]
    pub(crate) records: Buffer,
}

impl Material2d for SymbolMaterial {
    fn vertex_shader() -> ShaderRef {
        "embedded://viewer/symbols.wgsl".into()
    }

    fn fragment_shader() -> ShaderRef {
        "embedded://viewer/symbols.wgsl".into()
    }

    fn alpha_mode(&self) -> AlphaMode2d {
        AlphaMode2d::Blend
    }

    fn specialize(
        descriptor: &mut RenderPipelineDescriptor,
        layout: &MeshVertexBufferLayoutRef,
        _key: Material2dKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        descriptor.vertex.buffers = vec![layout.0.get_layout(&[Mesh::ATTRIBUTE_POSITION.at_shader_location(0)])?];
        Ok(())
    }
}

/// Room for so many records at first.
const ROOM_MIN: usize = 1_024;

/// The table on the card, and what is drawn with it.
pub(crate) struct Table {
    /// For so many records.
    room: usize,
    pub(crate) mesh: Handle<Mesh>,
    pub(crate) material: Handle<SymbolMaterial>,
    records: Buffer,
    /// What changed lies here on its way to its places, and in here before that.
    letters: Option<(Buffer, usize)>,
    packed: Vec<u8>,
}

/// From so many spans on they are sent in one piece: each by itself costs more than its bytes.
const SPANS_MIN: usize = 4;

impl Table {
    pub(crate) fn new(
        device: &RenderDevice,
        meshes: &mut Assets<Mesh>,
        materials: &mut Assets<SymbolMaterial>,
        frame: SymbolFrame,
    ) -> Self {
        let records = buffer(device, ROOM_MIN);
        let material = materials.add(SymbolMaterial { frame, records: records.clone() });
        let mesh = meshes.add(quads(ROOM_MIN));
        Self { room: ROOM_MIN, mesh, material, records, letters: None, packed: Vec::new() }
    }

    /// Sends what changed. Gives the bytes that were sent.
    pub(crate) fn send(
        &mut self,
        pool: &mut Pool,
        device: &RenderDevice,
        queue: &RenderQueue,
        meshes: &mut Assets<Mesh>,
        materials: &mut Assets<SymbolMaterial>,
    ) -> usize {
        let spans = pool.take_changed();
        if pool.len() > self.room {
            self.room = pool.len().next_power_of_two();
            self.records = buffer(device, self.room);
            if let Err(why) = meshes.insert(&self.mesh, quads(self.room)) {
                error!("symbols cannot be drawn: {why}");
            }
            if let Some(mut material) = materials.get_mut(&self.material) {
                material.records = self.records.clone();
            }
            queue.write_buffer(&self.records, 0, pool.bytes());
            return pool.bytes().len();
        }
        let bytes_of = |span: &Range<usize>| span.start * RECORD_BYTES..span.end.min(pool.len()) * RECORD_BYTES;
        let n_bytes = spans.iter().map(|span| bytes_of(span).len()).sum();
        if spans.len() < SPANS_MIN {
            for span in &spans {
                let bytes = bytes_of(span);
                queue.write_buffer(&self.records, bytes.start as u64, &pool.bytes()[bytes]);
            }
            return n_bytes;
        }
        self.packed.clear();
        for span in &spans {
            self.packed.extend_from_slice(&pool.bytes()[bytes_of(span)]);
        }
        let letters = match self.letters.take().filter(|(_, room)| *room >= n_bytes) {
            Some(letters) => letters,
            None => {
                let room = n_bytes.next_power_of_two();
                let usage = BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
                let descriptor = BufferDescriptor {
                    label: Some("changed symbols"),
                    size: room as u64,
                    usage,
                    mapped_at_creation: false,
                };
                (device.create_buffer(&descriptor), room)
            }
        };
        queue.write_buffer(&letters.0, 0, &self.packed);
        let mut encoder = device.create_command_encoder(&CommandEncoderDescriptor { label: Some("changed symbols") });
        let mut from = 0;
        for span in &spans {
            let bytes = bytes_of(span);
            let n = bytes.len() as u64;
            encoder.copy_buffer_to_buffer(&letters.0, from, &self.records, bytes.start as u64, n);
            from += n;
        }
        queue.submit([encoder.finish()]);
        self.letters = Some(letters);
        n_bytes
    }

    /// Empties the table, when its pool begins anew.
    pub(crate) fn clear(&self, queue: &RenderQueue) {
        queue.write_buffer(&self.records, 0, &vec![0; self.room * RECORD_BYTES]);
    }
}

fn buffer(device: &RenderDevice, room: usize) -> Buffer {
    device.create_buffer(&BufferDescriptor {
        label: Some("symbols"),
        size: (room * RECORD_BYTES) as u64,
        usage: BufferUsages::STORAGE | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// Four corners for each record: its number, and which corner.
fn quads(n: usize) -> Mesh {
    let mut corners = Vec::with_capacity(n * 4);
    let mut indices = Vec::with_capacity(n * 6);
    for record in 0..n as u32 {
        corners.extend((0..4).map(|corner| [record as f32, corner as f32, 0.0])); // exact up to 16 million
        let first = record * 4;
        indices.extend([first, first + 1, first + 2, first + 2, first + 1, first + 3]);
    }
    Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::RENDER_WORLD)
        .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, corners)
        .with_inserted_indices(Indices::U32(indices))
}
