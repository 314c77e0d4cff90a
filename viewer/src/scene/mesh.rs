//! Lines and symbols as triangles. A vertex has a place on the chart and an offset in pixels, so that panning and
//! zooming change nothing here.

use super::Look;
use super::chart::ChartPoint;
use super::mark::{Fill, Mark};
use super::network::LanePath;
use crate::palette::Rgba;

/// One corner of a triangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vertex {
    /// Where on the chart.
    pub at: ChartPoint,
    /// How far along its dashed line, in degrees of longitude on the chart; negative on what is not dashed.
    pub along: f32,
    /// From there, in pixels, `y` up.
    pub offset_px: [f32; 2],
    /// Its colour.
    pub colour: Rgba,
}

/// Triangles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Triangles {
    /// The corners.
    pub vertices: Vec<Vertex>,
    /// Three to a triangle.
    pub indices: Vec<u32>,
}

/// `along` of what is not dashed.
const SOLID: f32 = -1.0;

impl Triangles {
    fn vertex(&mut self, vertex: Vertex) -> u32 {
        self.vertices.push(vertex);
        (self.vertices.len() - 1) as u32 // four billion vertices do not fit in memory
    }

    /// Triangles over places of the chart, in one colour.
    pub fn area(&mut self, places: &[ChartPoint], indices: &[usize], colour: Rgba) {
        let first = self.vertices.len() as u32;
        for at in places {
            self.vertex(Vertex { at: *at, along: SOLID, offset_px: [0.0, 0.0], colour });
        }
        self.indices.extend(indices.iter().map(|index| first + *index as u32));
    }

    /// A line, with its corners mitred.
    pub fn line(&mut self, path: &LanePath) {
        let points = &path.points;
        let direction = |a: ChartPoint, b: ChartPoint| {
            let (dx, dy) = (b.x - a.x, b.y - a.y);
            let length = dx.hypot(dy).max(1e-12);
            [dx / length, dy / length]
        };
        let mut along = 0.0;
        let mut before: Option<[u32; 2]> = None;
        for at in 0..points.len() {
            let inward = (at > 0).then(|| direction(points[at - 1], points[at]));
            let outward = (at + 1 < points.len()).then(|| direction(points[at], points[at + 1]));
            let (Some(a), Some(b)) = (inward.or(outward), outward.or(inward)) else { return };
            // The mitre, held short where the line turns back on itself.
            let normal = [-(a[1] + b[1]) / 2.0, (a[0] + b[0]) / 2.0];
            let squared = (normal[0] * normal[0] + normal[1] * normal[1]).max(0.25);
            let half = path.width_px / 2.0 / squared;
            if at > 0 {
                along += (points[at].x - points[at - 1].x).hypot(points[at].y - points[at - 1].y);
            }
            let pair = [half, -half].map(|side| {
                let offset_px = [(normal[0] * side) as f32, (normal[1] * side) as f32];
                let along = if path.dashed { along as f32 } else { SOLID };
                self.vertex(Vertex { at: points[at], along, offset_px, colour: path.colour })
            });
            if let Some([left, right]) = before {
                self.indices.extend([left, right, pair[0], pair[0], right, pair[1]]);
            }
            before = Some(pair);
        }
    }

    /// A rectangle in pixels beside a place: its lower left corner, width and height, `y` up.
    pub fn bar(&mut self, at: ChartPoint, corner: [f64; 2], size: [f64; 2], colour: Rgba) {
        let [left, bottom] = corner;
        let [right, top] = [left + size[0], bottom + size[1]];
        let corners = [[left, bottom], [right, bottom], [right, top], [left, top]].map(|[x, y]| {
            let offset_px = [x as f32, y as f32];
            self.vertex(Vertex { at, along: SOLID, offset_px, colour })
        });
        let [a, b, c, d] = corners;
        self.indices.extend([a, b, c, a, c, d]);
    }

    /// A disc of so many pixels.
    pub fn disc(&mut self, at: ChartPoint, radius_px: f64, colour: Rgba) {
        self.fan(at, radius_px, (0.0, 1.0), (colour, colour));
    }

    /// A part of a disc, in turns clockwise from twelve o'clock.
    pub fn sector(&mut self, at: ChartPoint, radius_px: f64, turns: (f64, f64), colour: Rgba) {
        self.fan(at, radius_px, turns, (colour, colour));
    }

    /// A disc that fades out to its rim.
    pub fn glow(&mut self, at: ChartPoint, radius_px: f64, colour: Rgba) {
        let [.., alpha] = colour.0;
        let half = colour.with_alpha((f64::from(alpha) * 0.45) as u8);
        self.fan(at, radius_px * 0.5, (0.0, 1.0), (colour, half));
        // The outer half, from half as strong to nothing.
        const N_CORNERS: u32 = 24;
        let mut before: Option<[u32; 2]> = None;
        for corner in 0..=N_CORNERS {
            let (sin, cos) = (f64::from(corner) / f64::from(N_CORNERS) * std::f64::consts::TAU).sin_cos();
            let pair = [(0.5, half), (1.0, colour.with_alpha(0))].map(|(share, colour)| {
                let offset_px = [(sin * radius_px * share) as f32, (cos * radius_px * share) as f32];
                self.vertex(Vertex { at, along: SOLID, offset_px, colour })
            });
            if let Some([inner, outer]) = before {
                self.indices.extend([inner, outer, pair[0], pair[0], outer, pair[1]]);
            }
            before = Some(pair);
        }
    }

    /// A ring of dashes, so many pixels wide.
    pub fn dashed_ring(&mut self, at: ChartPoint, radius_px: f64, width_px: f64, colour: Rgba) {
        self.dashes(at, radius_px, width_px, (9, 3), colour);
    }

    /// The same for a small ring, of fewer dashes: there may be hundreds.
    pub fn small_dashed_ring(&mut self, at: ChartPoint, radius_px: f64, width_px: f64, colour: Rgba) {
        self.dashes(at, radius_px, width_px, (5, 2), colour);
    }

    fn dashes(&mut self, at: ChartPoint, radius_px: f64, width_px: f64, (n_dashes, n_parts): (u32, u32), colour: Rgba) {
        for dash in 0..n_dashes {
            let mut before: Option<[u32; 2]> = None;
            for part in 0..=n_parts {
                let turn = (f64::from(dash) + 0.6 * f64::from(part) / f64::from(n_parts)) / f64::from(n_dashes);
                let (sin, cos) = (turn * std::f64::consts::TAU).sin_cos();
                let pair = [radius_px, radius_px + width_px].map(|radius| {
                    let offset_px = [(sin * radius) as f32, (cos * radius) as f32];
                    self.vertex(Vertex { at, along: SOLID, offset_px, colour })
                });
                if let Some([inner, outer]) = before {
                    self.indices.extend([inner, outer, pair[0], pair[0], outer, pair[1]]);
                }
                before = Some(pair);
            }
        }
    }

    /// A triangle that points up or down, its base at an offset in pixels.
    pub fn arrow(&mut self, at: ChartPoint, base: [f64; 2], size_px: f64, up: bool, colour: Rgba) {
        let tip = if up { size_px } else { -size_px };
        let corners = [[-size_px * 0.7, 0.0], [size_px * 0.7, 0.0], [0.0, tip]];
        let corners = corners.map(|[x, y]| {
            let offset_px = [(base[0] + x) as f32, (base[1] + y) as f32];
            self.vertex(Vertex { at, along: SOLID, offset_px, colour })
        });
        self.indices.extend(corners);
    }

    fn fan(&mut self, at: ChartPoint, radius_px: f64, (from, to): (f64, f64), (inner, outer): (Rgba, Rgba)) {
        let n_corners = ((to - from) * 28.0).ceil().max(1.0) as u32;
        let hub = self.vertex(Vertex { at, along: SOLID, offset_px: [0.0, 0.0], colour: inner });
        let mut before = None;
        for corner in 0..=n_corners {
            let turn = from + (to - from) * f64::from(corner) / f64::from(n_corners);
            let (sin, cos) = (turn * std::f64::consts::TAU).sin_cos();
            let offset_px = [(sin * radius_px) as f32, (cos * radius_px) as f32];
            let rim = self.vertex(Vertex { at, along: SOLID, offset_px, colour: outer });
            if let Some(before) = before {
                self.indices.extend([hub, before, rim]);
            }
            before = Some(rim);
        }
    }

    /// A symbol with a halo around it.
    pub fn mark(&mut self, mark: &Mark, look: &Look) {
        let corners = corners(mark);
        let halo = look.theme.halo;
        match mark.fill {
            Fill::Solid => {
                self.polygon(mark, &grown(&corners, mark.radius_px, 1.4), halo);
                self.polygon(mark, &corners, mark.colour);
            }
            Fill::Hollow | Fill::Hatched => {
                // A small symbol has a thinner rim, so that one can see that it is hollow.
                let inside = grown(&corners, mark.radius_px, -(0.4 * mark.radius_px).min(1.7));
                self.polygon(mark, &grown(&corners, mark.radius_px, 1.2), halo);
                self.polygon(mark, &corners, mark.colour);
                self.polygon(mark, &inside, look.theme.hollow);
                if mark.fill == Fill::Hatched {
                    self.hatch(mark, &inside);
                }
            }
            Fill::Cross => {
                let reach = mark.radius_px;
                for (width, colour) in [(5.6, halo), (3.0, mark.colour)] {
                    for diagonal in [1.0, -1.0] {
                        self.polygon(mark, &bar(reach + (width - 3.0) / 2.0, width / 2.0, diagonal), colour);
                    }
                }
            }
            Fill::Ring | Fill::Dashed => self.ring(mark, &corners),
        }
    }

    fn ring(&mut self, mark: &Mark, corners: &[[f64; 2]]) {
        let inside = grown(corners, mark.radius_px, -1.5);
        let n_corners = corners.len();
        let place = |[x, y]: [f64; 2]| [(x + mark.offset_px[0]) as f32, (y + mark.offset_px[1]) as f32];
        let first = self.vertices.len() as u32;
        for corner in corners.iter().chain(&inside) {
            self.vertex(Vertex { at: mark.at, along: SOLID, offset_px: place(*corner), colour: mark.colour });
        }
        for at in 0..n_corners {
            let next = (at + 1) % n_corners;
            let [a, b, c, d] = [at, next, at + n_corners, next + n_corners].map(|index| first + index as u32);
            self.indices.extend([a, b, c, c, b, d]);
        }
    }

    /// Stripes from lower left to upper right, cut at the outline.
    fn hatch(&mut self, mark: &Mark, inside: &[[f64; 2]]) {
        const STRIPE_PX: f64 = 1.3;
        const EVERY_PX: f64 = 3.4;
        let level = |[x, y]: [f64; 2]| (x - y) * std::f64::consts::FRAC_1_SQRT_2;
        let reach = inside.iter().map(|corner| level(*corner).abs()).fold(0.0, f64::max);
        let n_stripes = (reach / EVERY_PX).ceil() as i32;
        for stripe in -n_stripes..=n_stripes {
            let middle = f64::from(stripe) * EVERY_PX;
            let above = cut(inside, |corner| level(corner) - (middle - STRIPE_PX / 2.0));
            let piece = cut(&above, |corner| (middle + STRIPE_PX / 2.0) - level(corner));
            if piece.len() >= 3 {
                self.polygon(mark, &piece, mark.colour);
            }
        }
    }

    /// A polygon as a fan around its middle, which must see all corners.
    fn polygon(&mut self, mark: &Mark, corners: &[[f64; 2]], colour: Rgba) {
        let n_corners = corners.len();
        let middle = corners.iter().fold([0.0, 0.0], |sum, corner| [sum[0] + corner[0], sum[1] + corner[1]]);
        let middle = middle.map(|sum| sum / n_corners as f64);
        let mut push = |[x, y]: [f64; 2]| {
            let offset_px = [(x + mark.offset_px[0]) as f32, (y + mark.offset_px[1]) as f32];
            self.vertex(Vertex { at: mark.at, along: SOLID, offset_px, colour })
        };
        let hub = push(middle);
        let rim: Vec<u32> = corners.iter().map(|corner| push(*corner)).collect();
        for at in 0..n_corners {
            self.indices.extend([hub, rim[at], rim[(at + 1) % n_corners]]);
        }
    }
}

/// The outline in pixels around its middle, turned.
fn corners(mark: &Mark) -> Vec<[f64; 2]> {
    let (sin, cos) = mark.turn_rad.sin_cos();
    let radius = mark.radius_px;
    mark.shape
        .outline()
        .into_iter()
        .map(|[x, y]| [radius * (x * cos + y * sin), radius * (y * cos - x * sin)])
        .collect()
}

/// The outline with its corners moved outward by about `by_px`.
fn grown(corners: &[[f64; 2]], radius_px: f64, by_px: f64) -> Vec<[f64; 2]> {
    let factor = ((radius_px + by_px) / radius_px).max(0.1);
    corners.iter().map(|[x, y]| [x * factor, y * factor]).collect()
}

/// One bar of a cross.
fn bar(reach: f64, half_width: f64, diagonal: f64) -> Vec<[f64; 2]> {
    let unit = std::f64::consts::FRAC_1_SQRT_2;
    let (u, v) = ([unit, unit * diagonal], [-unit * diagonal, unit]);
    [(reach, -half_width), (reach, half_width), (-reach, half_width), (-reach, -half_width)]
        .map(|(along, across)| [u[0] * along + v[0] * across, u[1] * along + v[1] * across])
        .to_vec()
}

/// What of a convex polygon is on the side where `side` is not negative.
fn cut(corners: &[[f64; 2]], side: impl Fn([f64; 2]) -> f64) -> Vec<[f64; 2]> {
    let mut kept = Vec::with_capacity(corners.len() + 2);
    for at in 0..corners.len() {
        let (a, b) = (corners[at], corners[(at + 1) % corners.len()]);
        let (side_a, side_b) = (side(a), side(b));
        if side_a >= 0.0 {
            kept.push(a);
        }
        if (side_a > 0.0 && side_b < 0.0) || (side_a < 0.0 && side_b > 0.0) {
            let t = side_a / (side_a - side_b);
            kept.push([a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t]);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::palette::{OK, Theme};
    use crate::scene::mark::Shape;

    fn mark(fill: Fill) -> Mark {
        Mark {
            at: ChartPoint { x: 10.0, y: 50.0 },
            offset_px: [0.0, 0.0],
            shape: Shape::House,
            radius_px: 10.0,
            turn_rad: 0.7,
            fill,
            colour: OK,
            item: None,
        }
    }

    #[test]
    fn every_filling_gives_whole_triangles_near_its_place() {
        let look = Look { theme: Theme::DARK, greyed: false };
        for fill in [Fill::Solid, Fill::Hollow, Fill::Hatched, Fill::Cross, Fill::Ring] {
            let mut triangles = Triangles::default();
            triangles.mark(&mark(fill), &look);
            assert!(!triangles.indices.is_empty() && triangles.indices.len().is_multiple_of(3), "{fill:?}");
            let n_vertices = triangles.vertices.len() as u32;
            assert!(triangles.indices.iter().all(|index| *index < n_vertices), "{fill:?}");
            for vertex in &triangles.vertices {
                assert!(vertex.offset_px[0].hypot(vertex.offset_px[1]) < 16.0, "{fill:?}: {vertex:?}");
            }
        }
    }

    #[test]
    fn a_line_is_as_wide_as_asked_and_measures_its_dashes() {
        let points = vec![ChartPoint { x: 0.0, y: 0.0 }, ChartPoint { x: 3.0, y: 4.0 }, ChartPoint { x: 6.0, y: 8.0 }];
        let mut triangles = Triangles::default();
        triangles.line(&LanePath { points: points.into(), colour: OK, width_px: 2.0, dashed: true });
        assert_eq!((triangles.vertices.len(), triangles.indices.len()), (6, 12));
        assert_eq!(triangles.vertices[5].along, 10.0);
        for vertex in &triangles.vertices {
            assert!((vertex.offset_px[0].hypot(vertex.offset_px[1]) - 1.0).abs() < 1e-6, "{vertex:?}");
        }
    }

    #[test]
    fn a_cut_keeps_one_side() {
        let square = [[1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]];
        let right = cut(&square, |[x, _]| x);
        assert!(right.len() == 4 && right.iter().all(|[x, _]| *x >= 0.0), "{right:?}");
        assert!(cut(&square, |[x, _]| x - 2.0).is_empty());
    }
}
