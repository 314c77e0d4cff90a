//! For each stop the stops that are near it, nearest first.

use super::model::{Model, NONE};
use crate::problem::{Problem, Travel};

/// How many neighbours a stop has at most.
pub(super) const NEIGHBOURS: usize = 100;

/// Above this many stops in a plane, near stops are found in a grid.
const GRID_FROM: usize = 4_000;

/// A stop near another, and how far it is.
#[derive(Clone, Copy)]
pub(super) struct Near {
    pub(super) stop: u32,
    pub(super) length: u32,
}

pub(super) struct Neighbours {
    near: Vec<Near>,
    per_stop: usize,
}

impl Neighbours {
    /// O(n²) time up to 4,000 stops and where there is no plane, O(n) above.
    pub(super) fn new(model: &Model, problem: &Problem) -> Self {
        let n = model.stops.len();
        let per_stop = NEIGHBOURS.min(n.saturating_sub(1));
        let grid = match problem.travel() {
            Travel::Plane { points, .. } if n > GRID_FROM => Some(Grid::new(model, points)),
            _ => None,
        };
        let mut near = Vec::with_capacity(n * per_stop);
        let mut found: Vec<(i64, u32)> = Vec::new();
        for stop in 0..n as u32 {
            found.clear();
            match &grid {
                Some(grid) => {
                    grid.around(stop, 3 * per_stop, |other| found.push((nearness(model, stop, other), other)))
                }
                None => found.extend((0..n as u32).filter(|&o| o != stop).map(|o| (nearness(model, stop, o), o))),
            }
            if found.len() > per_stop && per_stop > 0 {
                found.select_nth_unstable(per_stop - 1);
                found.truncate(per_stop);
            }
            found.sort_unstable();
            let length = |other: u32| {
                let (a, b) = (model.stops[stop as usize].location, model.stops[other as usize].location);
                model.distance(a, b) as u32
            };
            near.extend(found.iter().map(|f| Near { stop: f.1, length: length(f.1) }));
            near.resize((stop as usize + 1) * per_stop, Near { stop: NONE, length: u32::MAX });
        }
        Self { near, per_stop }
    }

    #[inline]
    pub(super) fn of(&self, stop: u32) -> &[Near] {
        let from = stop as usize * self.per_stop;
        &self.near[from..from + self.per_stop]
    }
}

/// Length, and where time counts what must be waited and a large part of what would be late, in the better order;
/// after Vidal, Crainic, Gendreau, Prins (2013).
fn nearness(model: &Model, a: u32, b: u32) -> i64 {
    one_way(model, a, b).min(if model.symmetric && !model.timed { i64::MAX } else { one_way(model, b, a) })
}

fn one_way(model: &Model, a: u32, b: u32) -> i64 {
    let (from, to) = (&model.stops[a as usize], &model.stops[b as usize]);
    let length = 10 * model.distance(from.location, to.location);
    if !model.timed {
        return length;
    }
    let time = model.duration(from.location, to.location) + from.service;
    let wait = (to.open - time - from.close).clamp(0, 1 << 40);
    let late = (from.open + time - to.close).clamp(0, 1 << 40);
    length + 2 * wait + 10 * late
}

/// Stops of a plane by square.
struct Grid {
    cells: Vec<Vec<u32>>,
    side: i64,
    width: i64,
    origin: [i64; 2],
    points: Vec<[i64; 2]>,
}

impl Grid {
    fn new(model: &Model, points: &[[i64; 2]]) -> Self {
        let points: Vec<[i64; 2]> = model.stops.iter().map(|s| points[s.location as usize]).collect();
        let low = [0, 1].map(|k| points.iter().map(|p| p[k]).min().unwrap_or(0));
        let high = [0, 1].map(|k| points.iter().map(|p| p[k]).max().unwrap_or(0));
        let across = ((points.len() / 8) as f64).sqrt().max(1.0) as i64;
        let side = ((high[0] - low[0]).max(high[1] - low[1]) / across).max(1);
        let width = (high[0] - low[0]).max(high[1] - low[1]) / side + 1;
        let mut grid = Self { cells: vec![Vec::new(); (width * width) as usize], side, width, origin: low, points };
        for stop in 0..grid.points.len() {
            let [x, y] = grid.cell(stop);
            grid.cells[(x * width + y) as usize].push(stop as u32);
        }
        grid
    }

    fn cell(&self, stop: usize) -> [i64; 2] {
        [0, 1].map(|k| (self.points[stop][k] - self.origin[k]) / self.side)
    }

    /// At least `wanted` stops around one, those of whole rings of squares.
    fn around(&self, stop: u32, wanted: usize, mut found: impl FnMut(u32)) {
        let [x, y] = self.cell(stop as usize);
        let (mut n, mut last) = (0, i64::MAX);
        for ring in 0..self.width {
            for i in -ring..=ring {
                let step = if i.abs() == ring { 1 } else { (2 * ring).max(1) };
                let mut j = -ring;
                while j <= ring {
                    let (cx, cy) = (x + i, y + j);
                    if (0..self.width).contains(&cx) && (0..self.width).contains(&cy) {
                        for &other in self.cells[(cx * self.width + cy) as usize].iter().filter(|&&o| o != stop) {
                            found(other);
                            n += 1;
                        }
                    }
                    j += step;
                }
            }
            // A corner of a ring is farther than the next ring's side.
            if n >= wanted && last == i64::MAX {
                last = ring + 1 + ring / 2;
            }
            if ring >= last {
                return;
            }
        }
    }
}
