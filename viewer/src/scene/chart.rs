//! Where things are: Web Mercator in f64, and the view of it that pans and zooms.

use firmware_schemas::quantity::Position;

/// The latitude at which Web Mercator ends, so that the world is a square.
pub const LATITUDE_MAX: f64 = 85.051_128_779_806_59;

/// Once around the world.
pub const WORLD: f64 = 360.0;

/// A place on the chart, in degrees of longitude; `y` grows to the north and is stretched by Mercator.
///
/// `x` may leave ±180 where a lane crosses the antimeridian: the chart repeats every [`WORLD`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChartPoint {
    /// East.
    pub x: f64,
    /// North.
    pub y: f64,
}

impl ChartPoint {
    /// From degrees; latitude is held within [`LATITUDE_MAX`].
    pub fn from_degrees(lat: f64, lon: f64) -> Self {
        let lat = lat.clamp(-LATITUDE_MAX, LATITUDE_MAX).to_radians();
        Self { x: lon, y: lat.tan().asinh().to_degrees() }
    }

    /// Of a place.
    pub fn of(position: Position) -> Self {
        Self::from_degrees(position.lat(), position.lon())
    }

    /// The latitude, in degrees.
    pub fn lat(self) -> f64 {
        self.y.to_radians().sinh().atan().to_degrees()
    }

    /// The longitude, in degrees within ±180.
    pub fn lon(self) -> f64 {
        self.x - WORLD * (self.x / WORLD).round()
    }

    /// The copy of this point that is nearest to `x`.
    pub fn nearest_to(self, x: f64) -> Self {
        Self { x: self.x + WORLD * ((x - self.x) / WORLD).round(), y: self.y }
    }
}

/// A place in the window, in logical pixels from its top left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScreenPoint {
    /// To the right.
    pub x: f64,
    /// Down.
    pub y: f64,
}

/// What part of the chart the window shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// What is in the middle of the window.
    pub centre: ChartPoint,
    /// Logical pixels to a degree of longitude.
    pub scale: f64,
    /// Of the window, in logical pixels.
    pub width: f64,
    /// Of the window, in logical pixels.
    pub height: f64,
}

/// Space kept free around what is fitted, in logical pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margins {
    /// At the top, where the title bar is.
    pub top: f64,
    /// At the bottom.
    pub bottom: f64,
    /// Left.
    pub left: f64,
    /// Right.
    pub right: f64,
}

/// The closest zoom: a pixel is about a metre at the equator.
const SCALE_MAX: f64 = 1e5;

impl View {
    /// The whole world in a window of this size.
    pub fn world(width: f64, height: f64) -> Self {
        let mut view = Self { centre: ChartPoint { x: 0.0, y: 20.0 }, scale: 1.0, width, height };
        view.scale = view.scale_min().max(width / WORLD);
        view.clamp();
        view
    }

    /// The widest zoom: never water beyond the poles, and the world once across, so that nothing is seen twice.
    fn scale_min(&self) -> f64 {
        (self.width / WORLD).max(self.height / WORLD).max(1e-3)
    }

    /// Where a place is in the window; the copy nearest to the middle.
    pub fn to_screen(&self, point: ChartPoint) -> ScreenPoint {
        let point = point.nearest_to(self.centre.x);
        ScreenPoint {
            x: (point.x - self.centre.x) * self.scale + self.width / 2.0,
            y: (self.centre.y - point.y) * self.scale + self.height / 2.0,
        }
    }

    /// What is at this place in the window.
    pub fn to_chart(&self, at: ScreenPoint) -> ChartPoint {
        ChartPoint {
            x: self.centre.x + (at.x - self.width / 2.0) / self.scale,
            y: self.centre.y - (at.y - self.height / 2.0) / self.scale,
        }
    }

    /// Moves the chart with the pointer.
    pub fn pan(&mut self, dx: f64, dy: f64) {
        self.centre.x -= dx / self.scale;
        self.centre.y += dy / self.scale;
        self.clamp();
    }

    /// Zooms by `factor` and keeps what is under `at` there.
    pub fn zoom(&mut self, factor: f64, at: ScreenPoint) {
        let before = self.to_chart(at);
        self.scale = (self.scale * factor).clamp(self.scale_min(), SCALE_MAX);
        let after = self.to_chart(at);
        self.centre.x += before.x - after.x;
        self.centre.y += before.y - after.y;
        self.clamp();
    }

    /// Takes a new size of the window and keeps the middle.
    pub fn resize(&mut self, width: f64, height: f64) {
        self.width = width.max(1.0);
        self.height = height.max(1.0);
        self.scale = self.scale.clamp(self.scale_min(), SCALE_MAX);
        self.clamp();
    }

    /// Shows all `points`, whichever way round the world is shorter, no closer than `scale_max` pixels to a degree.
    ///
    /// Without points, the whole world.
    pub fn fit(&mut self, points: &[ChartPoint], margins: Margins, scale_max: f64) {
        let Some(around) = bounds(points) else {
            *self = Self::world(self.width, self.height);
            return;
        };
        let room_x = (self.width - margins.left - margins.right).max(1.0);
        let room_y = (self.height - margins.top - margins.bottom).max(1.0);
        let scale = (room_x / around.width().max(1e-9)).min(room_y / around.height().max(1e-9));
        self.scale = scale.min(scale_max).clamp(self.scale_min(), SCALE_MAX);
        // The middle of the free room is not the middle of the window.
        let shift_x = (margins.left - margins.right) / 2.0 / self.scale;
        let shift_y = (margins.top - margins.bottom) / 2.0 / self.scale;
        self.centre = ChartPoint {
            x: (around.west + around.east) / 2.0 - shift_x,
            y: (around.south + around.north) / 2.0 + shift_y,
        };
        self.clamp();
    }

    fn clamp(&mut self) {
        self.centre.x = self.centre.lon();
        let edge = WORLD / 2.0 - self.height / 2.0 / self.scale;
        self.centre.y = if edge > 0.0 { self.centre.y.clamp(-edge, edge) } else { 0.0 };
    }
}

/// A rectangle of the chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChartRect {
    /// Least `x`.
    pub west: f64,
    /// Greatest `x`, perhaps beyond 180.
    pub east: f64,
    /// Least `y`.
    pub south: f64,
    /// Greatest `y`.
    pub north: f64,
}

impl ChartRect {
    /// In degrees of longitude.
    pub fn width(&self) -> f64 {
        self.east - self.west
    }

    /// In chart units.
    pub fn height(&self) -> f64 {
        self.north - self.south
    }
}

/// The smallest rectangle around `points`, which may cross the antimeridian. `None` without points.
pub fn bounds(points: &[ChartPoint]) -> Option<ChartRect> {
    let mut lons: Vec<f64> = points.iter().map(|point| point.lon()).collect();
    lons.sort_by(f64::total_cmp);
    let (first, last) = (*lons.first()?, *lons.last()?);
    // The window begins behind the widest gap without points.
    let mut west = first;
    let mut gap = first + WORLD - last;
    for pair in lons.windows(2) {
        if pair[1] - pair[0] > gap {
            gap = pair[1] - pair[0];
            west = pair[1];
        }
    }
    let south = points.iter().map(|point| point.y).fold(f64::INFINITY, f64::min);
    let north = points.iter().map(|point| point.y).fold(f64::NEG_INFINITY, f64::max);
    Some(ChartRect { west, east: west + WORLD - gap, south, north })
}

/// The great circle through `stops`, bent finely enough to draw, with `x` running on over the antimeridian.
///
/// Fewer than two stops give no line.
pub fn great_circle(stops: &[Position]) -> Vec<ChartPoint> {
    const STEP_RAD: f64 = 1.25 * std::f64::consts::PI / 180.0;
    let mut line: Vec<ChartPoint> = Vec::new();
    let mut push = |point: ChartPoint| {
        let point = line.last().map_or(point, |last| point.nearest_to(last.x));
        if line.last() != Some(&point) {
            line.push(point);
        }
    };
    for leg in stops.windows(2) {
        let (from, to) = (unit_vector(leg[0]), unit_vector(leg[1]));
        let angle = dot(from, to).clamp(-1.0, 1.0).acos();
        let n_steps = (angle / STEP_RAD).ceil().max(1.0) as usize;
        push(ChartPoint::of(leg[0]));
        for step in 1..n_steps {
            let t = step as f64 / n_steps as f64;
            let (a, b) = (((1.0 - t) * angle).sin(), (t * angle).sin());
            let [x, y, z] = [0, 1, 2].map(|axis| a * from[axis] + b * to[axis]);
            push(ChartPoint::from_degrees(z.atan2(x.hypot(y)).to_degrees(), y.atan2(x).to_degrees()));
        }
        push(ChartPoint::of(leg[1]));
    }
    if line.len() < 2 { Vec::new() } else { line }
}

fn unit_vector(position: Position) -> [f64; 3] {
    let (lat, lon) = (position.lat().to_radians(), position.lon().to_radians());
    [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NO_MARGINS: Margins = Margins { top: 0.0, bottom: 0.0, left: 0.0, right: 0.0 };

    fn at(lat: f64, lon: f64) -> Position {
        Position::from_degrees(lat, lon).unwrap()
    }

    #[test]
    fn mercator_is_a_square_and_comes_back() {
        let corner = ChartPoint::from_degrees(90.0, 180.0);
        assert!((corner.y - 180.0).abs() < 1e-9, "{corner:?}");
        let hamburg = ChartPoint::of(at(53.55, 9.99));
        assert!((hamburg.lat() - 53.55).abs() < 1e-9);
    }

    #[test]
    fn a_lane_over_the_pacific_runs_on_over_the_antimeridian() {
        let line = great_circle(&[at(31.2, 121.5), at(34.05, -118.25)]);
        assert!(line.windows(2).all(|pair| (pair[1].x - pair[0].x).abs() < 10.0), "{line:?}");
        let last = line[line.len() - 1];
        assert!((last.x - 241.75).abs() < 1e-6, "{last:?}");
        let highest = line.iter().map(|point| point.lat()).fold(0.0, f64::max);
        assert!(highest > 45.0, "a great circle bends north of both ends, to {highest}");
    }

    #[test]
    fn bounds_choose_the_shorter_way_round() {
        let around = bounds(&[ChartPoint { x: 170.0, y: 0.0 }, ChartPoint { x: -170.0, y: 1.0 }]).unwrap();
        assert_eq!((around.west, around.width()), (170.0, 20.0));
        assert_eq!(bounds(&[]), None);
    }

    #[test]
    fn fit_brings_every_point_into_the_window() {
        let points = [at(31.2, 121.5), at(34.05, -118.25), at(-33.9, 151.2)].map(ChartPoint::of);
        let mut view = View::world(1600.0, 900.0);
        view.fit(&points, Margins { top: 60.0, bottom: 20.0, left: 20.0, right: 20.0 }, 100.0);
        for point in points {
            let place = view.to_screen(point);
            assert!((19.9..=1580.1).contains(&place.x) && (59.9..=880.1).contains(&place.y), "{place:?}");
        }
    }

    proptest! {
        #[test]
        fn zooming_keeps_what_is_under_the_pointer(x in 300.0..1300.0_f64, y in 300.0..600.0_f64, factor in 1.0..4.0_f64) {
            let mut view = View::world(1600.0, 900.0);
            view.fit(&[ChartPoint { x: 10.0, y: 10.0 }], NO_MARGINS, 40.0);
            let under = view.to_chart(ScreenPoint { x, y });
            view.zoom(factor, ScreenPoint { x, y });
            let place = view.to_screen(under);
            prop_assert!((place.x - x).abs() < 1e-6 && (place.y - y).abs() < 1e-6, "{place:?}");
        }

        #[test]
        fn any_two_places_have_a_finite_line_without_jumps(
            a in -90.0..90.0_f64, b in -180.0..180.0_f64, c in -90.0..90.0_f64, d in -180.0..180.0_f64,
        ) {
            let line = great_circle(&[at(a, b), at(c, d)]);
            for pair in line.windows(2) {
                prop_assert!(pair[1].x.is_finite() && pair[1].y.is_finite());
                prop_assert!((pair[1].x - pair[0].x).abs() <= 180.0, "{pair:?}");
            }
        }
    }
}
