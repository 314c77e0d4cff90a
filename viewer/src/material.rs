//! The one material of the chart, and its meshes. Panning and zooming change a uniform and no mesh.

use bevy::asset::RenderAssetUsages;
use bevy::mesh::{Indices, MeshVertexAttribute, MeshVertexBufferLayoutRef, PrimitiveTopology, VertexFormat};
use bevy::prelude::*;
use bevy::render::render_resource::{AsBindGroup, RenderPipelineDescriptor, SpecializedMeshPipelineError};
use bevy::shader::ShaderRef;
use bevy::sprite_render::{AlphaMode2d, Material2d, Material2dKey};

use crate::scene::View;
use crate::scene::mesh::Triangles;

/// Where the window is on the chart.
#[derive(Asset, TypePath, AsBindGroup, Clone, Debug, Default, PartialEq)]
pub(crate) struct ChartMaterial {
    /// The middle of the window: high halves, low halves.
    #[uniform(0)]
    centre: Vec4,
    /// Width, height, pixels to a degree.
    #[uniform(0)]
    frame: Vec4,
}

impl ChartMaterial {
    /// For the copy of the world that is `shift` degrees east.
    pub(crate) fn new(view: &View, shift: f64) -> Self {
        let (x_high, x_low) = halves(view.centre.x - shift);
        let (y_high, y_low) = halves(view.centre.y);
        Self {
            centre: Vec4::new(x_high, y_high, x_low, y_low),
            frame: Vec4::new(view.width as f32, view.height as f32, view.scale as f32, 0.0),
        }
    }
}

/// A number as a float and what the float leaves over.
pub(crate) fn halves(number: f64) -> (f32, f32) {
    let high = number as f32;
    (high, (number - f64::from(high)) as f32)
}

const PLACE_LOW: MeshVertexAttribute = MeshVertexAttribute::new("PlaceLow", 771_038_541, VertexFormat::Float32x2);
const OFFSET_PX: MeshVertexAttribute = MeshVertexAttribute::new("OffsetPx", 771_038_542, VertexFormat::Float32x2);

impl Material2d for ChartMaterial {
    fn vertex_shader() -> ShaderRef {
        "embedded://viewer/map.wgsl".into()
    }

    fn fragment_shader() -> ShaderRef {
        "embedded://viewer/map.wgsl".into()
    }

    fn alpha_mode(&self) -> AlphaMode2d {
        AlphaMode2d::Blend
    }

    fn specialize(
        descriptor: &mut RenderPipelineDescriptor,
        layout: &MeshVertexBufferLayoutRef,
        _key: Material2dKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        let vertices = layout.0.get_layout(&[
            Mesh::ATTRIBUTE_POSITION.at_shader_location(0),
            PLACE_LOW.at_shader_location(1),
            OFFSET_PX.at_shader_location(2),
            Mesh::ATTRIBUTE_COLOR.at_shader_location(3),
        ])?;
        descriptor.vertex.buffers = vec![vertices];
        Ok(())
    }
}

/// Triangles as the graphics card wants them.
pub(crate) fn mesh(triangles: &Triangles) -> Mesh {
    let vertices = &triangles.vertices;
    let mut places = Vec::with_capacity(vertices.len());
    let mut places_low = Vec::with_capacity(vertices.len());
    for vertex in vertices {
        let ((x, x_low), (y, y_low)) = (halves(vertex.at.x), halves(vertex.at.y));
        places.push([x, y, vertex.along]);
        places_low.push([x_low, y_low]);
    }
    let offsets: Vec<[f32; 2]> = vertices.iter().map(|vertex| vertex.offset_px).collect();
    let colours: Vec<[f32; 4]> = vertices.iter().map(|vertex| vertex.colour.to_linear()).collect();
    Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::RENDER_WORLD)
        .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, places)
        .with_inserted_attribute(PLACE_LOW, places_low)
        .with_inserted_attribute(OFFSET_PX, offsets)
        .with_inserted_attribute(Mesh::ATTRIBUTE_COLOR, colours)
        .with_inserted_indices(Indices::U32(triangles.indices.clone()))
}
