//! CVRPLIB's solutions: `Route #k: stops` and `Cost c`.

use super::{FormatError, Instance, number, quote};
use crate::plan::{Plan, Route, Visit};

/// A plan that was read, and the cost its file claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SolText {
    /// The plan.
    pub plan: Plan,
    /// As it is written, multiplied by the factor that was asked for.
    pub cost: Option<i64>,
}

impl Instance {
    /// Reads a solution; `cost_factor` lifts its claimed cost to the problem's units of money.
    ///
    /// Route `k` belongs to vehicle `k` where the file lists vehicles one by one; otherwise all are of the only kind.
    /// Stops are rows of the problem's file, from 0. Jobs that no route names are unserved.
    ///
    /// # Errors
    /// The first line that cannot be read.
    pub fn read_sol(&self, text: &str, cost_factor: i64) -> Result<SolText, FormatError> {
        let mut plan = Plan::default();
        let mut cost = None;
        let mut seen = vec![false; self.rows.len()];
        let vehicles = self.problem.vehicles().len();
        for (i, row) in text.lines().enumerate() {
            let (line, row) = (i + 1, row.trim());
            let lower = row.to_ascii_lowercase();
            if let Some(rest) = lower.strip_prefix("route") {
                let (k, stops) =
                    rest.split_once(':').ok_or_else(|| FormatError::NotUnderstood { line, found: quote(row) })?;
                let k =
                    number::within(k.trim().trim_start_matches('#').trim(), line, "route", (1, i64::from(u32::MAX)))?;
                let vehicle = if vehicles == 1 { 0 } else { k as usize - 1 };
                if vehicle >= vehicles {
                    return Err(FormatError::TooManyRoutes { line });
                }
                let visits = stops.split_whitespace().map(|stop| self.stop(stop, line, &mut seen)).collect::<Result<
                    Vec<Visit>,
                    _,
                >>(
                )?;
                if !visits.is_empty() {
                    plan.routes.push(Route::new(vehicle, visits));
                }
            } else if let Some(rest) = lower.strip_prefix("cost") {
                cost =
                    Some(number::scaled(rest.trim_start_matches([':', ' ', '\t']).trim(), cost_factor, line, "cost")?);
            }
        }
        let mut served = vec![false; self.problem.jobs().len()];
        for visit in plan.routes.iter().flat_map(|r| &r.visits) {
            served[visit.job] = true;
        }
        plan.unserved = (0..served.len()).filter(|&job| !served[job]).collect();
        Ok(SolText { plan, cost })
    }

    fn stop(&self, text: &str, line: usize, seen: &mut [bool]) -> Result<Visit, FormatError> {
        let stop = number::integer(text, line, "stop")?;
        let row = usize::try_from(stop).ok().filter(|&row| row < seen.len() && !seen[row]);
        let visit = row.and_then(|row| {
            seen[row] = true;
            self.rows[row]
        });
        visit.ok_or(FormatError::Stop { line, stop })
    }

    /// Writes a plan as [`Instance::read_sol`] reads it. Where vehicles are listed one by one, those without a
    /// route get an empty one.
    pub fn write_sol(&self, plan: &Plan, cost: &str) -> String {
        let mut row_of: Vec<(Visit, usize)> = Vec::with_capacity(self.rows.len());
        row_of.extend(self.rows.iter().enumerate().filter_map(|(row, visit)| visit.map(|v| (v, row))));
        row_of.sort_unstable();
        let row = |visit: &Visit| row_of.binary_search_by_key(visit, |&(v, _)| v).ok().map(|at| row_of[at].1);
        let mut out = String::new();
        let mut line = |k: usize, visits: &[Visit]| {
            out.push_str(&format!("Route #{k}:"));
            for row in visits.iter().filter_map(row) {
                out.push_str(&format!(" {row}"));
            }
            out.push('\n');
        };
        let vehicles = self.problem.vehicles().len();
        if vehicles == 1 {
            for (k, route) in plan.routes.iter().enumerate() {
                line(k + 1, &route.visits);
            }
        } else {
            for k in 0..vehicles {
                let route = plan.routes.iter().find(|r| r.vehicle == k);
                line(k + 1, route.map_or(&[], |r| &r.visits));
            }
        }
        out.push_str(&format!("Cost {cost}\n"));
        out
    }
}
