//! The `.vrp` dialect of TSPLIB, CVRPLIB and their users.

use super::{FormatError, Instance, Scale, number, quote};
use crate::plan::{Part, Visit};
use crate::problem::{
    Depot, Job, JobRules, MAX_AMOUNT, MAX_COORDINATE, MAX_ENTRY, MAX_TIME, MAX_UNIT_COST, Pace, Rules, Spec, Stop,
    Task, Terminal, Travel, Vehicle, Window,
};
use std::collections::BTreeMap;

/// The sections that are read; the number of columns after the row number.
const SECTIONS: &[(&str, usize)] = &[
    ("NODE_COORD_SECTION", 2),
    ("DEMAND_SECTION", 1),
    ("SERVICE_TIME_SECTION", 1),
    ("TIME_WINDOW_SECTION", 2),
    ("RELEASE_TIME_SECTION", 1),
    ("PRIZE_SECTION", 1),
    ("CAPACITY_SECTION", 1),
    ("VEHICLES_DEPOT_SECTION", 1),
    ("VEHICLES_UNIT_DISTANCE_COST_SECTION", 1),
    ("VEHICLES_FIXED_COST_SECTION", 1),
    ("VEHICLES_MAX_DISTANCE_SECTION", 1),
    ("VEHICLES_MAX_DURATION_SECTION", 1),
];

/// A line and what stands in it.
type Fields<'t> = (usize, Vec<&'t str>);

/// A line and what stands in it after the number of its row.
type Row<'p, 't> = (usize, &'p [&'t str]);

/// The text by parts, each with its line.
#[derive(Default)]
struct Parts<'t> {
    name: &'t str,
    keys: BTreeMap<&'static str, (usize, &'t str)>,
    sections: BTreeMap<&'static str, (usize, Vec<Fields<'t>>)>,
    depots: Option<(usize, Vec<(usize, &'t str)>)>,
    weights: Option<(usize, Vec<(usize, &'t str)>)>,
}

/// Keys that are read; others are passed over.
const KEYS: &[&str] = &[
    "DIMENSION",
    "VEHICLES",
    "CAPACITY",
    "SERVICE_TIME",
    "DISTANCE",
    "VEHICLES_MAX_DISTANCE",
    "VEHICLES_MAX_DURATION",
    "EDGE_WEIGHT_TYPE",
    "EDGE_WEIGHT_FORMAT",
];

/// Reads a problem. Coordinates, times and limits are scaled; fixed costs are too, so that money is in units of a
/// scaled length at a rate of 1. The fleet is free (one vehicle for each stop) where the file does not say.
///
/// # Errors
/// The first line that cannot be read, or why the problem cannot be.
pub fn read_vrplib(text: &str, scale: Scale) -> Result<Instance, FormatError> {
    let parts = split(text)?;
    let n = match parts.keys.get("DIMENSION") {
        Some(&(line, value)) => number::within(value, line, "DIMENSION", (1, i64::from(u32::MAX)))? as usize,
        None => return Err(FormatError::Missing { line: 1, field: "DIMENSION" }),
    };
    let travel = travel(&parts, n, scale)?;
    let time = (0, MAX_TIME);
    let demand = column(&parts, "DEMAND_SECTION", n, 1, (0, MAX_AMOUNT))?.unwrap_or_default();
    let service = column(&parts, "SERVICE_TIME_SECTION", n, scale.factor, time)?;
    let same_service = key(&parts, "SERVICE_TIME", scale.factor, time)?;
    let release = column(&parts, "RELEASE_TIME_SECTION", n, scale.factor, time)?;
    let prize = column(&parts, "PRIZE_SECTION", n, scale.factor, (0, MAX_AMOUNT))?;
    let windows = windows(&parts, n, scale)?;
    let mut depot_of = vec![None; n];
    let mut depots = Vec::new();
    let depot_rows = match &parts.depots {
        Some((_, rows)) => rows.clone(),
        None => vec![(1, "1")],
    };
    for (line, row) in depot_rows {
        let row = number::integer(row, line, "DEPOT_SECTION")?;
        if row == -1 {
            break;
        }
        let location = number::bounds(row, line, "DEPOT_SECTION", (1, n as i64))? as usize - 1;
        if depot_of[location].replace(depots.len()).is_some() {
            return Err(FormatError::Twice { line, field: "DEPOT_SECTION" });
        }
        depots.push(Depot { location, open: windows.as_ref().map_or(Window::ALWAYS, |w| w[location]) });
    }
    let vehicles = vehicles(&parts, n, depots.len(), scale)?;
    let most = vehicles.iter().map(|v| v.capacity[0]).max().unwrap_or(0);
    let (mut jobs, mut rows) = (Vec::new(), Vec::new());
    for location in 0..n {
        if depot_of[location].is_some() {
            rows.push(None);
            continue;
        }
        let amount = demand.get(location).map_or(0, |d| d.1);
        if let Some(&(line, _)) = demand.get(location) {
            number::bounds(amount, line, "DEMAND_SECTION", (0, most))?;
        }
        let service = service.as_ref().map_or(same_service.unwrap_or(0), |s| s[location].1);
        let window = windows.as_ref().map_or(Window::ALWAYS, |w| w[location]);
        rows.push(Some(Visit { job: jobs.len(), part: Part::Service }));
        jobs.push(Job {
            task: Task::Delivery(Stop { location, windows: vec![window], service }),
            amount: vec![amount],
            skills: Vec::new(),
            release: release.as_ref().map_or(0, |r| r[location].1),
            prize: prize.as_ref().map(|p| p[location].1),
            rules: JobRules::default(),
        });
    }
    let spec = Spec { travel, n_dimensions: 1, depots, vehicles, jobs, given: Vec::new(), rules: Rules::default() };
    Instance::new(parts.name.to_owned(), spec, rows)
}

fn split(text: &str) -> Result<Parts<'_>, FormatError> {
    enum At {
        Head,
        Section(&'static str),
        Depots,
        Weights,
        Skip,
    }
    let mut parts = Parts::default();
    let mut at = At::Head;
    for (i, row) in text.lines().enumerate() {
        let (line, row) = (i + 1, row.trim());
        if row.is_empty() {
            continue;
        }
        if row == "EOF" {
            break;
        }
        if row.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let (word, value) = row.split_once(':').unwrap_or((row, ""));
            let (word, value) = (word.trim(), value.trim());
            if word == "DEPOT_SECTION" {
                if parts.depots.replace((line, Vec::new())).is_some() {
                    return Err(FormatError::Twice { line, field: "DEPOT_SECTION" });
                }
                at = At::Depots;
            } else if word == "EDGE_WEIGHT_SECTION" {
                if parts.weights.replace((line, Vec::new())).is_some() {
                    return Err(FormatError::Twice { line, field: "EDGE_WEIGHT_SECTION" });
                }
                at = At::Weights;
            } else if let Some(&(section, _)) = SECTIONS.iter().find(|s| s.0 == word) {
                if parts.sections.insert(section, (line, Vec::new())).is_some() {
                    return Err(FormatError::Twice { line, field: section });
                }
                at = At::Section(section);
            } else if word.ends_with("_SECTION") {
                return Err(FormatError::Unsupported { line, field: "section", found: quote(word) });
            } else if word == "NAME" {
                (parts.name, at) = (value, At::Head);
            } else if let Some(key) = KEYS.iter().find(|k| **k == word) {
                if parts.keys.insert(key, (line, value)).is_some() {
                    return Err(FormatError::Twice { line, field: key });
                }
                at = At::Head;
            } else if row.contains(':') {
                at = At::Skip;
            } else {
                return Err(FormatError::NotUnderstood { line, found: quote(row) });
            }
            continue;
        }
        match at {
            At::Section(section) => {
                // Four columns are the most that any section has: what follows them is the next line's mistake.
                let fields = row.split_whitespace().take(4).collect();
                if let Some((_, rows)) = parts.sections.get_mut(section) {
                    rows.push((line, fields));
                }
            }
            At::Depots => parts.depots.iter_mut().for_each(|d| d.1.extend(row.split_whitespace().map(|f| (line, f)))),
            At::Weights => parts.weights.iter_mut().for_each(|w| w.1.extend(row.split_whitespace().map(|f| (line, f)))),
            At::Skip => {}
            At::Head => return Err(FormatError::NotUnderstood { line, found: quote(row) }),
        }
    }
    Ok(parts)
}

/// A key's value, scaled and within bounds.
fn key(parts: &Parts<'_>, key: &'static str, factor: i64, limits: (i64, i64)) -> Result<Option<i64>, FormatError> {
    let Some(&(line, value)) = parts.keys.get(key) else { return Ok(None) };
    number::bounds(number::scaled(value, factor, line, key)?, line, key, limits).map(Some)
}

/// The rows of a section in order: line and fields after the row number.
fn section<'p, 't>(
    parts: &'p Parts<'t>,
    field: &'static str,
    n: usize,
) -> Result<Option<Vec<Row<'p, 't>>>, FormatError> {
    let Some((line, rows)) = parts.sections.get(field) else { return Ok(None) };
    if rows.len() != n {
        return Err(FormatError::RowCount { line: *line, field, expected: n, found: rows.len() });
    }
    let columns = SECTIONS.iter().find(|s| s.0 == field).map_or(1, |s| s.1);
    let mut out = Vec::with_capacity(rows.len());
    for (i, (line, fields)) in rows.iter().enumerate() {
        let line = *line;
        let row = number::integer(fields[0], line, field)?;
        if row != i as i64 + 1 {
            return Err(FormatError::RowOrder { line, field, expected: i + 1, found: row });
        }
        if fields.len() <= columns {
            return Err(FormatError::Missing { line, field });
        }
        out.push((line, &fields[1..=columns]));
    }
    Ok(Some(out))
}

/// A section of one column: line and value.
fn column(
    parts: &Parts<'_>,
    field: &'static str,
    n: usize,
    factor: i64,
    limits: (i64, i64),
) -> Result<Option<Vec<(usize, i64)>>, FormatError> {
    let Some(rows) = section(parts, field, n)? else { return Ok(None) };
    let value = |(line, fields): &(usize, &[&str])| {
        number::bounds(number::scaled(fields[0], factor, *line, field)?, *line, field, limits).map(|v| (*line, v))
    };
    rows.iter().map(value).collect::<Result<_, _>>().map(Some)
}

fn windows(parts: &Parts<'_>, n: usize, scale: Scale) -> Result<Option<Vec<Window>>, FormatError> {
    let field = "TIME_WINDOW_SECTION";
    let Some(rows) = section(parts, field, n)? else { return Ok(None) };
    let mut out = Vec::with_capacity(rows.len());
    for (line, fields) in rows {
        let time = |text| number::bounds(number::scaled(text, scale.factor, line, field)?, line, field, (0, MAX_TIME));
        let window = Window { start: time(fields[0])?, end: time(fields[1])? };
        if window.end < window.start {
            return Err(FormatError::WindowEnds { line, start: window.start, end: window.end });
        }
        out.push(window);
    }
    Ok(Some(out))
}

fn travel(parts: &Parts<'_>, n: usize, scale: Scale) -> Result<Travel, FormatError> {
    let &(line, kind) = parts.keys.get("EDGE_WEIGHT_TYPE").unwrap_or(&(1, "EUC_2D"));
    match kind {
        "EUC_2D" => {
            let field = "NODE_COORD_SECTION";
            let rows = section(parts, field, n)?.ok_or(FormatError::Missing { line: 1, field })?;
            let mut points = Vec::with_capacity(rows.len());
            for (line, fields) in rows {
                let limits = (-MAX_COORDINATE, MAX_COORDINATE);
                let at = |text| number::bounds(number::scaled(text, scale.factor, line, field)?, line, field, limits);
                points.push([at(fields[0])?, at(fields[1])?]);
            }
            Ok(Travel::Plane { points, rounding: scale.rounding, pace: Pace::UNIT })
        }
        "EXPLICIT" => matrix(parts, n, scale),
        found => Err(FormatError::Unsupported { line, field: "EDGE_WEIGHT_TYPE", found: quote(found) }),
    }
}

/// A full matrix, or the rows below its diagonal.
fn matrix(parts: &Parts<'_>, n: usize, scale: Scale) -> Result<Travel, FormatError> {
    let field = "EDGE_WEIGHT_SECTION";
    let (at, weights) = parts.weights.as_ref().ok_or(FormatError::Missing { line: 1, field })?;
    let &(line, form) = parts.keys.get("EDGE_WEIGHT_FORMAT").unwrap_or(&(1, "FULL_MATRIX"));
    let expected = match form {
        "FULL_MATRIX" => n.saturating_mul(n),
        "LOWER_ROW" => n.saturating_mul(n - 1) / 2,
        found => return Err(FormatError::Unsupported { line, field: "EDGE_WEIGHT_FORMAT", found: quote(found) }),
    };
    if weights.len() != expected {
        return Err(FormatError::RowCount { line: *at, field, expected, found: weights.len() });
    }
    let mut values = Vec::with_capacity(weights.len());
    for &(line, text) in weights {
        values.push(number::bounds(number::scaled(text, scale.factor, line, field)?, line, field, (0, MAX_ENTRY))?);
    }
    if form == "FULL_MATRIX" {
        return Ok(Travel::Matrix { n, distance: values, duration: None });
    }
    let mut distance = vec![0; n * n];
    let mut values = values.into_iter();
    for i in 1..n {
        for (j, value) in values.by_ref().take(i).enumerate() {
            distance[i * n + j] = value;
            distance[j * n + i] = value;
        }
    }
    Ok(Travel::Matrix { n, distance, duration: None })
}

/// One entry for all vehicles where they are alike; otherwise one for each, in order.
fn vehicles(parts: &Parts<'_>, n: usize, n_depots: usize, scale: Scale) -> Result<Vec<Vehicle>, FormatError> {
    let listed = SECTIONS.iter().filter(|s| s.0 == "CAPACITY_SECTION" || s.0.starts_with("VEHICLES_"));
    let listed = listed.filter_map(|s| parts.sections.get(s.0)).map(|s| s.1.len()).next();
    let count = match key(parts, "VEHICLES", 1, (1, i64::from(u32::MAX)))? {
        Some(count) => count as usize,
        None => listed.unwrap_or(n),
    };
    let capacity = key(parts, "CAPACITY", 1, (0, MAX_AMOUNT))?;
    let far = [
        key(parts, "VEHICLES_MAX_DISTANCE", scale.factor, (0, MAX_TIME))?,
        key(parts, "DISTANCE", scale.factor, (0, MAX_TIME))?,
    ];
    let base = Vehicle {
        count: count as u32,
        max_distance: far[0].or(far[1]),
        max_duration: key(parts, "VEHICLES_MAX_DURATION", scale.factor, (0, MAX_TIME))?,
        ..Vehicle::at_depot(0, vec![capacity.unwrap_or(MAX_AMOUNT)])
    };
    if listed.is_none() {
        return Ok(vec![base]);
    }
    // From here on there are as many rows as vehicles, so that the count is no more than what was given.
    let whole = (0, MAX_AMOUNT);
    let capacities = column(parts, "CAPACITY_SECTION", count, 1, whole)?;
    let depots = column(parts, "VEHICLES_DEPOT_SECTION", count, 1, (1, n_depots as i64))?;
    let rates = column(parts, "VEHICLES_UNIT_DISTANCE_COST_SECTION", count, 1, (0, MAX_UNIT_COST))?;
    let fixed = column(parts, "VEHICLES_FIXED_COST_SECTION", count, scale.factor, whole)?;
    let distances = column(parts, "VEHICLES_MAX_DISTANCE_SECTION", count, scale.factor, (0, MAX_TIME))?;
    let durations = column(parts, "VEHICLES_MAX_DURATION_SECTION", count, scale.factor, (0, MAX_TIME))?;
    let of = |column: &Option<Vec<(usize, i64)>>, i: usize| column.as_ref().map(|c| c[i].1);
    let vehicle = |i| {
        let depot = Terminal::Depot(of(&depots, i).map_or(0, |d| d as usize - 1));
        Vehicle {
            count: 1,
            start: depot,
            end: depot,
            capacity: vec![of(&capacities, i).unwrap_or(base.capacity[0])],
            distance_cost: of(&rates, i).unwrap_or(1),
            fixed_cost: of(&fixed, i).unwrap_or(0),
            max_distance: of(&distances, i).or(base.max_distance),
            max_duration: of(&durations, i).or(base.max_duration),
            ..base.clone()
        }
    };
    Ok((0..count).map(vehicle).collect())
}
