//! ETA of a fleet from live positions: updates in a second of one core's processor time, beside a loop that only
//! reads the positions.

use super::{Figure, Goal, Options, median};
use anyhow::{Context, Result};
use routing::LatLon;
use routing::eta::{Eta, Line, Misses, Progress, Speeds, Trip, TripLane, update};
use std::time::Instant;

/// Rounds over the whole fleet.
const ROUNDS: usize = 20;

/// Lanes of a trip, and points of its line.
const LANES: usize = 4;
const POINTS: usize = 40;

/// Updates `--n` vehicles, 100,000 by default, each on a way of its own; every round all of them have moved on.
pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let n = options.n.unwrap_or(100_000) as usize;
    let mut speeds = Speeds::default();
    for lane in 0..200 {
        for hour in 0..24 {
            (0..8).for_each(|k| speeds.learn(0, lane, hour, 100.0, 95.0 + f64::from(k + u32::from(hour))));
        }
    }
    let mut misses = Misses::new(0.8);
    let pairs: Vec<(f64, f64)> = (0..8_000).map(|i| (f64::from(10 * i), f64::from(9 * i + i % 97 * 20))).collect();
    misses.learn_all(&pairs);
    let began = Instant::now();
    let trips = (0..n).map(|v| trip(v, &mut speeds)).collect::<Option<Vec<_>>>().context("trips that can be")?;
    let made = began.elapsed().as_secs_f64();
    let mut state = vec![(Progress::default(), Eta::default()); n];
    let (mut rounds, mut bare) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Positions come in from elsewhere: making them is not measured.
        let share = (round as f64 + 0.5) / ROUNDS as f64;
        let places: Vec<LatLon> = (0..n).map(|v| place(v, share)).collect();
        let now = 28_800 + 60 * round as u32;
        let began = cpu_secs()?;
        for ((trip, place), state) in trips.iter().zip(&places).zip(&mut state) {
            *state = update(trip, state.0, *place, now, (&speeds, &misses));
        }
        rounds.push(cpu_secs()? - began);
        let began = cpu_secs()?;
        let sum: f64 = places.iter().map(|p| p.lat + p.lon).sum();
        anyhow::ensure!(sum.is_finite(), "positions are numbers");
        bare.push((cpu_secs()? - began).max(1e-9));
    }
    let late = state.iter().filter(|(p, eta)| p.off_m > 500.0 || eta.latest_secs < eta.earliest_secs).count();
    anyhow::ensure!(late == 0, "{late} vehicles are off their way");
    let hertz = 1.0 / median(rounds);
    Ok(vec![
        Figure::alone(format!("updates of {n} vehicles, one thread"), hertz, "Hz", Goal::AtLeast(10.0)),
        Figure {
            figure: "vehicles updated".to_owned(),
            value: hertz * n as f64,
            unit: "/s",
            against: Some(("only reading the positions".to_owned(), n as f64 / median(bare))),
            goal: Goal::None,
        },
        Figure::alone("making a trip", made / n as f64 * 1e6, "µs", Goal::None),
    ])
}

/// Processor time of this thread.
fn cpu_secs() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").context("reading the processor time")?;
    let nanos = stat.split_whitespace().next().context("processor time")?;
    Ok(nanos.parse::<f64>()? / 1e9)
}

/// A winding way of some 200 km that is no other's.
fn way(vehicle: usize, share: f64) -> LatLon {
    let (row, column) = ((vehicle / 400) as f64, (vehicle % 400) as f64);
    let bend = libm::sin(share * 12.0 + row) * 0.05;
    LatLon { lat: 30.0 + row * 0.08 + bend, lon: -20.0 + column * 0.2 + 2.5 * share }
}

fn place(vehicle: usize, share: f64) -> LatLon {
    let at = way(vehicle, share);
    LatLon { lat: at.lat + 0.0005, ..at }
}

fn trip(vehicle: usize, speeds: &mut Speeds) -> Option<Trip> {
    let points: Vec<LatLon> = (0..POINTS).map(|i| way(vehicle, i as f64 / (POINTS - 1) as f64)).collect();
    let line = Line::new(&points)?;
    let length = line.length_m();
    let lane = |i: usize| TripLane {
        lane: ((vehicle + i) % 200) as u32,
        ends_at_m: length * (i + 1) as f64 / LANES as f64,
        secs: length / LANES as f64 / 18.0,
        stop_secs: 900.0,
    };
    Trip::new(0, line, (0..LANES).map(lane).collect(), speeds)
}
