//! Li and Lim's text form: Solomon's table with a pickup and a delivery to each request.

use super::{FormatError, Instance, Scale, number, solomon};
use crate::plan::{Part, Visit};
use crate::problem::{Depot, Job, JobRules, MAX_AMOUNT, Pace, Rules, Spec, Stop, Task, Travel, Vehicle};

/// Reads a problem: `vehicles capacity speed`, then `id x y demand ready due service pickup delivery`, the depot
/// first. The speed is taken as 1, as everybody does.
///
/// # Errors
/// The first line that cannot be read, or why the problem cannot be.
pub fn read_li_lim(text: &str, scale: Scale) -> Result<Instance, FormatError> {
    let mut lines = text.lines().enumerate().map(|(i, row)| (i + 1, row.trim())).filter(|(_, row)| !row.is_empty());
    let (line, first) = lines.next().ok_or(FormatError::Missing { line: 1, field: "vehicles, capacity, speed" })?;
    let head: Vec<&str> = first.split_whitespace().take(4).collect();
    let [count, capacity, ..] = head[..] else {
        return Err(FormatError::Missing { line, field: "capacity" });
    };
    let count = number::within(count, line, "vehicles", (1, i64::from(u32::MAX)))? as u32;
    let capacity = number::within(capacity, line, "capacity", (0, MAX_AMOUNT))?;
    let mut rows = Vec::new();
    for (line, row) in lines {
        let fields: Vec<&str> = row.split_whitespace().take(10).collect();
        let [.., pickup, delivery] = fields[..] else {
            return Err(FormatError::Missing { line, field: "delivery" });
        };
        if fields.len() < 9 {
            return Err(FormatError::Missing { line, field: "delivery" });
        }
        let partner = |text, field| number::within(text, line, field, (0, i64::from(u32::MAX))).map(|p| p as usize);
        let pair = (partner(pickup, "pickup")?, partner(delivery, "delivery")?);
        rows.push((line, solomon::row(&fields[..7], line, rows.len(), scale)?, pair));
    }
    let Some((_, depot, _)) = rows.first() else {
        return Err(FormatError::Missing { line: line + 1, field: "depot" });
    };
    let depot = Depot { location: 0, open: depot.window };
    let mut jobs = Vec::new();
    let mut visits = vec![None; rows.len()];
    for (id, (line, row, pair)) in rows.iter().enumerate().skip(1) {
        let (line, task) = (*line, id);
        match *pair {
            (0, delivery) if delivery != 0 => {
                let Some((_, to, back)) = rows.get(delivery) else { return Err(FormatError::Pair { line, task }) };
                if *back != (id, 0) || row.demand < 0 || to.demand != -row.demand {
                    return Err(FormatError::Pair { line, task });
                }
                number::bounds(row.demand, line, "demand", (0, capacity))?;
                let stop =
                    |r: &solomon::Row| Stop { location: r.location, windows: vec![r.window], service: r.service };
                visits[id] = Some(Visit { job: jobs.len(), part: Part::Pickup });
                visits[delivery] = Some(Visit { job: jobs.len(), part: Part::Delivery });
                jobs.push(Job {
                    task: Task::Shipment { pickup: stop(row), delivery: stop(to) },
                    amount: vec![row.demand],
                    skills: vec![],
                    release: 0,
                    prize: None,
                    rules: JobRules::default(),
                });
            }
            (pickup, 0) if rows.get(pickup).is_some_and(|(_, _, there)| pickup != 0 && *there == (0, id)) => {}
            _ => return Err(FormatError::Pair { line, task }),
        }
    }
    let points = rows.iter().map(|(_, row, _)| row.point).collect();
    let spec = Spec {
        travel: Travel::Plane { points, rounding: scale.rounding, pace: Pace::UNIT },
        n_dimensions: 1,
        depots: vec![depot],
        vehicles: vec![Vehicle { count, ..Vehicle::at_depot(0, vec![capacity]) }],
        jobs,
        given: Vec::new(),
        rules: Rules::default(),
    };
    Instance::new(String::new(), spec, visits)
}
