// Symbols that move by themselves: each is four corners, looked up in a table of records.

struct Frame {
    // The middle of the window on the chart, as two floats for each coordinate: hi.xy, lo.xy.
    centre: vec4<f32>,
    // Width and height of the window in logical pixels, pixels to a degree, 0 on the whole map to 1 up close.
    frame: vec4<f32>,
    // The time in milliseconds, 1 for grey, unused.
    clock: vec4<u32>,
    // Linear light: around symbols, inside hollow ones.
    halo: vec4<f32>,
    hollow: vec4<f32>,
    // Up to eight corners of each shape, two to a vector; the first shape is a circle and has none.
    corners: array<vec4<f32>, 52>,
    // How many corners each shape has, four to a vector.
    counts: array<vec4<u32>, 4>,
};

struct Record {
    // hi.xy, lo.xy
    place: vec4<f32>,
    way: vec2<f32>,
    start: u32,
    rate: f32,
    colour: u32,
    style: u32,
    radius: f32,
    turn: f32,
    offset: vec2<f32>,
    unused: vec2<f32>,
};

@group(2) @binding(0) var<uniform> frame: Frame;
@group(2) @binding(1) var<storage, read> records: array<Record>;

struct Corner {
    @builtin(position) position: vec4<f32>,
    // In pixels from the symbol's middle, turned with it, y up.
    @location(0) at: vec2<f32>,
    @location(1) @interpolate(flat) record: u32,
    @location(2) @interpolate(flat) radius: f32,
};

@vertex
fn vertex(@location(0) vertex: vec3<f32>) -> Corner {
    let index = u32(vertex.x);
    var corner: Corner;
    corner.record = index;
    if index >= arrayLength(&records) {
        corner.position = vec4<f32>(2.0, 2.0, 0.0, 1.0);
        return corner;
    }
    let record = records[index];
    let world = f32((record.style >> 8u) & 127u) / 100.0;
    let radius = record.radius * mix(world, 1.0, frame.frame.w);
    let passed = f32(bitcast<i32>(frame.clock.x - record.start)) * record.rate;
    // First the high halves, then the low ones: the difference is exact however close we are.
    var from_centre = (record.place.xy - frame.centre.xy) + (record.place.zw - frame.centre.zw);
    from_centre += record.way * clamp(passed, 0.0, 1.0);
    // The copy of the world that is nearest.
    from_centre.x -= 360.0 * round(from_centre.x / 360.0);
    let which = u32(vertex.y);
    let unit = vec2<f32>(select(-1.0, 1.0, (which & 1u) == 1u), select(-1.0, 1.0, which >= 2u));
    let reach = radius * 1.45 + 3.0;
    corner.at = unit * reach;
    corner.radius = radius;
    let s = sin(record.turn);
    let c = cos(record.turn);
    let turned = vec2<f32>(corner.at.x * c + corner.at.y * s, corner.at.y * c - corner.at.x * s);
    let shoulder = record.offset * mix(world, 1.0, frame.frame.w);
    let at_px = from_centre * frame.frame.z + turned + shoulder;
    corner.position = vec4<f32>(2.0 * at_px / frame.frame.xy, 0.0, 1.0);
    if radius == 0.0 {
        corner.position = vec4<f32>(2.0, 2.0, 0.0, 1.0);
    }
    return corner;
}

fn corner_of(shape: u32, at: u32) -> vec2<f32> {
    let pair = frame.corners[shape * 4u + at / 2u];
    return select(pair.xy, pair.zw, (at & 1u) == 1u);
}

// How far outside the outline, in units of the radius; negative inside (Quilez, "2D distance functions").
fn outside(shape: u32, at: vec2<f32>) -> f32 {
    let n = frame.counts[shape / 4u][shape % 4u];
    if n == 0u {
        return length(at) - 1.0;
    }
    var d = 1e9;
    var sign = 1.0;
    var before = corner_of(shape, n - 1u);
    for (var i = 0u; i < n; i++) {
        let here = corner_of(shape, i);
        let edge = before - here;
        let w = at - here;
        let b = w - edge * clamp(dot(w, edge) / dot(edge, edge), 0.0, 1.0);
        d = min(d, dot(b, b));
        let above = at.y >= here.y;
        let below = at.y < before.y;
        let left = edge.x * w.y > edge.y * w.x;
        if (above && below && left) || (!above && !below && !left) {
            sign = -sign;
        }
        before = here;
    }
    return sign * sqrt(d);
}

// Smooth over a pixel: 1 where d is below zero.
fn inside(d: f32) -> f32 {
    return clamp(0.5 - d, 0.0, 1.0);
}

fn over(under: vec4<f32>, colour: vec3<f32>, alpha: f32) -> vec4<f32> {
    let a = alpha + under.a * (1.0 - alpha);
    let rgb = (colour * alpha + under.rgb * under.a * (1.0 - alpha)) / max(a, 1e-4);
    return vec4<f32>(rgb, a);
}

fn linear(c: vec3<f32>) -> vec3<f32> {
    return select(pow((c + 0.055) / 1.055, vec3<f32>(2.4)), c / 12.92, c <= vec3<f32>(0.04045));
}

@fragment
fn fragment(corner: Corner) -> @location(0) vec4<f32> {
    let record = records[corner.record];
    let shape = record.style & 15u;
    let fill = (record.style >> 4u) & 15u;
    var srgb = unpack4x8unorm(record.colour).rgb;
    if frame.clock.y == 1u {
        srgb = vec3<f32>(dot(srgb, vec3<f32>(54.0, 183.0, 19.0) / 256.0));
    }
    let colour = linear(srgb);
    let radius = corner.radius;
    let at = corner.at;
    let d = outside(shape, at / radius) * radius;
    var out = vec4<f32>(0.0);
    switch fill {
        case 0u: { // solid
            out = over(out, frame.halo.rgb, inside(d - 1.4));
            out = over(out, colour, inside(d));
        }
        case 1u, 2u: { // hollow, hatched
            let rim = min(0.4 * radius, 1.8);
            out = over(out, frame.halo.rgb, inside(d - 1.2));
            out = over(out, colour, inside(d));
            out = over(out, frame.hollow.rgb, inside(d + rim));
            if fill == 2u {
                let level = (at.x - at.y) * 0.70710678;
                let stripe = abs(level - 3.4 * round(level / 3.4)) - 0.75;
                out = over(out, colour, inside(stripe) * inside(d + rim));
            }
        }
        case 3u: { // a cross
            let turned = vec2<f32>(at.x + at.y, at.y - at.x) * 0.70710678;
            let bars = min(max(abs(turned.x) - radius, abs(turned.y) - 1.5), max(abs(turned.y) - radius, abs(turned.x) - 1.5));
            out = over(out, frame.halo.rgb, inside(bars - 1.3));
            out = over(out, colour, inside(bars));
        }
        case 4u: { // a ring
            out = over(out, colour, inside(abs(d) - 0.75));
        }
        default: { // dashes
            let turn = atan2(at.y, at.x) * radius;
            let dash = select(0.0, 1.0, fract(turn / 5.0) < 0.6);
            out = over(out, colour, 0.18 * inside(d));
            out = over(out, colour, dash * inside(abs(d) - 0.8));
        }
    }
    if out.a < 0.004 {
        discard;
    }
    return out;
}
