//! Solomon's text form, which Gehring and Homberger kept.

use super::{FormatError, Instance, Scale, number, quote};
use crate::plan::{Part, Visit};
use crate::problem::{
    Depot, Job, JobRules, MAX_AMOUNT, MAX_TIME, Pace, Rules, Spec, Stop, Task, Travel, Vehicle, Window,
};

/// Reads a problem: name, `NUMBER CAPACITY`, and rows `id x y demand ready due service`, the depot first.
///
/// # Errors
/// The first line that cannot be read, or why the problem cannot be.
pub fn read_solomon(text: &str, scale: Scale) -> Result<Instance, FormatError> {
    let mut name = String::new();
    let mut fleet = None;
    let mut rows = Vec::new();
    for (i, row) in text.lines().enumerate() {
        let line = i + 1;
        let row = row.trim();
        if !row.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            if name.is_empty() && fleet.is_none() {
                name = quote(row);
            }
            continue;
        }
        let fields: Vec<&str> = row.split_whitespace().take(8).collect();
        match fleet {
            None => fleet = Some(super::solomon::fleet(&fields, line)?),
            Some(_) => rows.push((line, self::row(&fields, line, rows.len(), scale)?)),
        }
    }
    let end = text.lines().count();
    let Some((count, capacity)) = fleet else {
        return Err(FormatError::Missing { line: end, field: "number and capacity" });
    };
    if rows.is_empty() {
        return Err(FormatError::Missing { line: end, field: "depot" });
    }
    let depot = Depot { location: 0, open: rows[0].1.window };
    let mut jobs = Vec::with_capacity(rows.len());
    for (line, row) in &rows[1..] {
        number::bounds(row.demand, *line, "demand", (0, capacity))?;
        let stop = Stop { location: row.location, windows: vec![row.window], service: row.service };
        jobs.push(Job {
            task: Task::Delivery(stop),
            amount: vec![row.demand],
            skills: vec![],
            release: 0,
            prize: None,
            rules: JobRules::default(),
        });
    }
    let visits = (0..rows.len()).map(|r| r.checked_sub(1).map(|job| Visit { job, part: Part::Service })).collect();
    let points = rows.iter().map(|(_, row)| row.point).collect();
    let spec = Spec {
        travel: Travel::Plane { points, rounding: scale.rounding, pace: Pace::UNIT },
        n_dimensions: 1,
        depots: vec![depot],
        vehicles: vec![Vehicle { count, ..Vehicle::at_depot(0, vec![capacity]) }],
        jobs,
        given: Vec::new(),
        rules: Rules::default(),
    };
    Instance::new(name, spec, visits)
}

fn fleet(fields: &[&str], line: usize) -> Result<(u32, i64), FormatError> {
    let [count, capacity, ..] = fields else {
        return Err(FormatError::Missing { line, field: "capacity" });
    };
    let count = number::within(count, line, "number of vehicles", (1, i64::from(u32::MAX)))?;
    Ok((count as u32, number::within(capacity, line, "capacity", (0, MAX_AMOUNT))?))
}

/// One line of Solomon's or Li and Lim's table.
pub(super) struct Row {
    pub(super) location: usize,
    pub(super) point: [i64; 2],
    pub(super) demand: i64,
    pub(super) window: Window,
    pub(super) service: i64,
}

pub(super) fn row(fields: &[&str], line: usize, expected: usize, scale: Scale) -> Result<Row, FormatError> {
    let [id, x, y, demand, ready, due, service, ..] = fields else {
        return Err(FormatError::Missing { line, field: "column of id, x, y, demand, ready, due, service" });
    };
    let id = number::integer(id, line, "id")?;
    if usize::try_from(id) != Ok(expected) {
        return Err(FormatError::RowOrder { line, field: "id", expected, found: id });
    }
    let coordinate = |text, field| {
        let limit = crate::problem::MAX_COORDINATE;
        number::bounds(number::scaled(text, scale.factor, line, field)?, line, field, (-limit, limit))
    };
    let time =
        |text, field| number::bounds(number::scaled(text, scale.factor, line, field)?, line, field, (0, MAX_TIME));
    let window = Window { start: time(ready, "ready")?, end: time(due, "due")? };
    if window.end < window.start {
        return Err(FormatError::WindowEnds { line, start: window.start, end: window.end });
    }
    Ok(Row {
        location: expected,
        point: [coordinate(x, "x")?, coordinate(y, "y")?],
        demand: number::within(demand, line, "demand", (-MAX_AMOUNT, MAX_AMOUNT))?,
        window,
        service: time(service, "service")?,
    })
}
