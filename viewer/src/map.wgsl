// Everything on the chart: a place on the chart, an offset in pixels, a colour, and dashes.

struct Chart {
    // The middle of the window on the chart, as two floats for each coordinate: hi.xy, lo.xy.
    centre: vec4<f32>,
    // Width and height of the window in logical pixels, pixels to a degree, unused.
    frame: vec4<f32>,
};

@group(2) @binding(0) var<uniform> chart: Chart;

struct Vertex {
    // x and y on the chart, high halves; how far along a dashed line, negative if not dashed.
    @location(0) place: vec3<f32>,
    // The low halves.
    @location(1) place_low: vec2<f32>,
    @location(2) offset_px: vec2<f32>,
    @location(3) colour: vec4<f32>,
};

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) colour: vec4<f32>,
    @location(1) along_px: f32,
};

@vertex
fn vertex(vertex: Vertex) -> Corner {
    // First the high halves, then the low ones: the difference is exact however close we are.
    let from_centre = (vertex.place.xy - chart.centre.xy) + (vertex.place_low - chart.centre.zw);
    let at_px = from_centre * chart.frame.z + vertex.offset_px;
    var corner: Corner;
    corner.position = vec4<f32>(2.0 * at_px / chart.frame.xy, 0.0, 1.0);
    corner.colour = vertex.colour;
    corner.along_px = vertex.place.z * chart.frame.z;
    return corner;
}

const DASH_PX: f32 = 9.0;
const GAP_PX: f32 = 6.0;

@fragment
fn fragment(corner: Corner) -> @location(0) vec4<f32> {
    if corner.along_px >= 0.0 && corner.along_px % (DASH_PX + GAP_PX) > DASH_PX {
        discard;
    }
    return corner.colour;
}
