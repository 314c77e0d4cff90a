//! How much goes through each stock position on an average day.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Demand, FACTOR_ONE, Origin, Situation, Sourcing};

impl Situation {
    /// Pieces a day that leave each stock position on average if all that is asked for is served: to its own
    /// customers, and to those whose first source it is, or whose share it has. Positions on a cycle pass
    /// nothing on. O(n).
    #[must_use]
    pub fn mean_flow(&self) -> Vec<f64> {
        let level = |row: &[u32]| {
            let sum: f64 = row.iter().map(|factor| f64::from(*factor)).sum();
            sum / row.len().max(1) as f64 / f64::from(FACTOR_ONE)
        };
        let levels: Vec<f64> = self.factors.iter().map(|row| level(row)).collect();
        let mut flow: Vec<f64> = self
            .positions
            .iter()
            .map(|position| {
                let row = match position.demand {
                    Demand::None => None,
                    Demand::Random { factor, .. } | Demand::History { factor, .. } => factor,
                };
                position.mean_demand() * row.and_then(|row| levels.get(row as usize)).copied().unwrap_or(1.0)
            })
            .collect();
        let mut ordering = vec![0_u32; flow.len()]; // how many order here and have not been passed yet
        for at in 0..flow.len() {
            self.suppliers(at, |supplier, _| ordering[supplier] += 1);
        }
        let mut ready: Vec<usize> = (0..flow.len()).filter(|at| ordering[*at] == 0).collect();
        while let Some(at) = ready.pop() {
            let through = flow[at];
            self.suppliers(at, |supplier, share| {
                flow[supplier] += through * share;
                ordering[supplier] -= 1;
                if ordering[supplier] == 0 {
                    ready.push(supplier);
                }
            });
        }
        flow
    }

    /// The positions that supply one, and how many of their pieces go into one of its.
    fn suppliers(&self, at: usize, mut each: impl FnMut(usize, f64)) {
        let position = &self.positions[at];
        for (n, source) in position.sources.iter().enumerate() {
            let share = match position.sourcing {
                Sourcing::Share => f64::from(source.share_permille) / 1e3,
                Sourcing::Priority | Sourcing::Cheapest => f64::from(u8::from(n == 0)),
            };
            match &source.from {
                Origin::Outside { .. } => {}
                Origin::Position(supplier) if (*supplier as usize) < self.positions.len() => {
                    each(*supplier as usize, share);
                }
                Origin::Position(_) => {}
                Origin::Recipe { parts, .. } => {
                    for (part, pieces) in parts.iter().filter(|(part, _)| (*part as usize) < self.positions.len()) {
                        each(*part as usize, share * f64::from(*pieces));
                    }
                }
            }
        }
    }
}

impl Situation {
    /// Keeps each row of factors that is used once, in the order of their first use.
    pub(crate) fn share_rows(&mut self) {
        let mut new: Vec<Arc<[u32]>> = Vec::new();
        let mut by_row: BTreeMap<Arc<[u32]>, u32> = BTreeMap::new();
        let mut known: Vec<Option<u32>> = vec![None; self.factors.len()];
        for position in &mut self.positions {
            let (Demand::Random { factor: Some(row), .. } | Demand::History { factor: Some(row), .. }) =
                &mut position.demand
            else {
                continue;
            };
            let Some(place) = known.get_mut(*row as usize) else { continue };
            *row = *place.get_or_insert_with(|| {
                let factors = &self.factors[*row as usize];
                *by_row.entry(Arc::clone(factors)).or_insert_with(|| {
                    new.push(Arc::clone(factors));
                    new.len() as u32 - 1
                })
            });
        }
        self.factors = new;
    }
}
