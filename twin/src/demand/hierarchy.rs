//! Forecasts of SKUs, classes, sites and regions that add up.
//!
//! Source: Hyndman and Athanasopoulos, *Forecasting: Principles and Practice* (3rd ed., 2021), chapter 11; Wickramasuriya,
//! Athanasopoulos and Hyndman, *Optimal forecast reconciliation* (2019).

use super::forecast::Forecast;
use super::maths::solve;

/// How forecasts of parts and wholes are made to agree.
#[derive(Clone, Debug, PartialEq)]
pub enum Reconciliation {
    /// The parts are right: wholes are their sums.
    BottomUp,
    /// The whole is right (the aggregate of this index): parts get shares of it, in proportion to these.
    TopDown {
        /// Which aggregate; it should contain every part.
        aggregate: usize,
        /// By part; not negative.
        shares: Vec<f64>,
    },
    /// All are nearly right: the least change, in which a whole of many parts may change more (WLS, structural).
    Structural,
    /// All are nearly right: the least change in units of these error variances, parts first, then aggregates.
    Variances(Vec<f64>),
}

/// Why forecasts cannot be reconciled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HierarchyError {
    /// An aggregate names a part that is not there.
    #[error("aggregate {aggregate} has part {part}, of {parts}")]
    UnknownPart {
        /// Which aggregate.
        aggregate: usize,
        /// What it names.
        part: usize,
        /// How many there are.
        parts: usize,
    },
    /// There is not a forecast for each part and aggregate.
    #[error("{given} values where {needed} are needed")]
    Missing {
        /// How many there are.
        given: usize,
        /// How many there should be.
        needed: usize,
    },
    /// The top is not an aggregate of the hierarchy.
    #[error("no aggregate {aggregate}, of {aggregates}")]
    UnknownAggregate {
        /// Which was named.
        aggregate: usize,
        /// How many there are.
        aggregates: usize,
    },
}

/// Parts (a SKU at a site) and aggregates of them: classes, sites, regions, all. They may overlap in any way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    parts: usize,
    aggregates: Vec<Vec<usize>>,
}

impl Hierarchy {
    /// Of `parts` parts; each aggregate lists its parts. What is listed twice counts once.
    ///
    /// # Errors
    /// [`HierarchyError::UnknownPart`].
    pub fn new(parts: usize, mut aggregates: Vec<Vec<usize>>) -> Result<Self, HierarchyError> {
        for (aggregate, members) in aggregates.iter_mut().enumerate() {
            members.sort_unstable();
            members.dedup();
            if let Some(&part) = members.last().filter(|part| **part >= parts) {
                return Err(HierarchyError::UnknownPart { aggregate, part, parts });
            }
        }
        Ok(Self { parts, aggregates })
    }

    /// Parts and aggregates together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts + self.aggregates.len()
    }

    /// True when there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The parts followed by the sums of the aggregates.
    #[must_use]
    pub fn sums(&self, parts: &[f64]) -> Vec<f64> {
        let sum = |members: &Vec<usize>| members.iter().filter_map(|part| parts.get(*part)).sum::<f64>();
        parts.iter().copied().chain(self.aggregates.iter().map(sum)).collect()
    }

    /// The histories of the parts followed by those of the aggregates, aligned at their ends, to be forecast as one panel.
    ///
    /// An aggregate is as long as the shortest of its parts; a part's missing point is missing in its aggregates.
    #[must_use]
    pub fn histories(&self, parts: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let of = |members: &Vec<usize>| {
            let parts: Vec<&Vec<f64>> = members.iter().filter_map(|part| parts.get(*part)).collect();
            let length = parts.iter().map(|part| part.len()).min().unwrap_or(0);
            (0..length).map(|at| parts.iter().map(|part| part[part.len() - length + at]).sum()).collect()
        };
        parts.iter().cloned().chain(self.aggregates.iter().map(of)).collect()
    }

    /// Forecasts whose means add up in every period, from those of the parts followed by those of the aggregates.
    ///
    /// Each keeps the distribution about its mean. Only steps that all forecasts have are reconciled.
    ///
    /// # Errors
    /// As [`Self::reconcile`].
    pub fn reconcile_forecasts(
        &self,
        base: &[Forecast],
        how: &Reconciliation,
    ) -> Result<Vec<Forecast>, HierarchyError> {
        let steps = base.iter().map(|forecast| forecast.mean().len()).min().unwrap_or(0);
        let mut means: Vec<Vec<f64>> = vec![Vec::with_capacity(steps); base.len()];
        for step in 0..steps {
            let of_step: Vec<f64> = base.iter().map(|forecast| forecast.mean()[step]).collect();
            for (mean, value) in means.iter_mut().zip(self.reconcile(&of_step, how)?) {
                mean.push(value);
            }
        }
        Ok(base.iter().zip(&means).map(|(forecast, mean)| forecast.clone().about(mean)).collect())
    }

    /// Forecasts of one period that add up, from `base`: those of the parts, then those of the aggregates.
    ///
    /// No part falls below zero unless its own forecast does. O(aggregates³ + sum of their sizes × aggregates).
    ///
    /// # Errors
    /// [`HierarchyError::Missing`] for too few forecasts, shares or variances; [`HierarchyError::UnknownAggregate`].
    pub fn reconcile(&self, base: &[f64], how: &Reconciliation) -> Result<Vec<f64>, HierarchyError> {
        let enough = |given: usize, needed: usize| {
            if given == needed { Ok(()) } else { Err(HierarchyError::Missing { given, needed }) }
        };
        enough(base.len(), self.len())?;
        let parts = match how {
            Reconciliation::BottomUp => base[..self.parts].to_vec(),
            Reconciliation::TopDown { aggregate, shares } => {
                enough(shares.len(), self.parts)?;
                let aggregates = self.aggregates.len();
                let Some(members) = self.aggregates.get(*aggregate) else {
                    return Err(HierarchyError::UnknownAggregate { aggregate: *aggregate, aggregates });
                };
                let of = |part: &usize| if shares[*part].is_finite() { shares[*part].max(0.0) } else { 0.0 };
                let total: f64 = members.iter().map(of).sum();
                let mut parts = base[..self.parts].to_vec();
                for part in members {
                    let share = if total > 0.0 { of(part) / total } else { 1.0 / members.len() as f64 };
                    parts[*part] = share * base[self.parts + aggregate];
                }
                parts
            }
            Reconciliation::Structural => {
                let sizes = self.aggregates.iter().map(|members| members.len() as f64);
                self.least_change(base, &std::iter::repeat_n(1.0, self.parts).chain(sizes).collect::<Vec<_>>())
            }
            Reconciliation::Variances(variances) => {
                enough(variances.len(), self.len())?;
                self.least_change(base, variances)
            }
        };
        Ok(self.sums(&parts))
    }

    /// The parts whose sums change `base` least, each squared change over its variance.
    ///
    /// With D the parts' precisions and C the aggregates', (D + U C U') x = D b + U C a is solved by Woodbury's identity,
    /// so that only a matrix as large as the aggregates are many is factorised.
    fn least_change(&self, base: &[f64], variances: &[f64]) -> Vec<f64> {
        let variance = |at: usize| if variances[at].is_finite() { variances[at].max(1e-12) } else { 1e12 };
        let m = self.aggregates.len();
        // What the aggregates say beyond the sums of the parts.
        let surplus = |at: usize| {
            let sum: f64 = self.aggregates[at].iter().map(|part| base[*part]).sum();
            base[self.parts + at] - sum
        };
        let mut gaps: Vec<f64> = (0..m).map(surplus).collect();
        let mut matrix = vec![0.0; m * m];
        let mut belongs: Vec<Vec<usize>> = vec![Vec::new(); self.parts];
        for (at, members) in self.aggregates.iter().enumerate() {
            matrix[at * m + at] += variance(self.parts + at);
            members.iter().for_each(|part| belongs[*part].push(at));
        }
        for (part, of) in belongs.iter().enumerate() {
            for a in of {
                for b in of {
                    matrix[a * m + b] += variance(part);
                }
            }
        }
        solve(&mut matrix, &mut gaps);
        let change = |part: usize| variance(part) * belongs[part].iter().map(|at| gaps[*at]).sum::<f64>();
        (0..self.parts).map(|part| (base[part] + change(part)).max(base[part].min(0.0))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Hierarchy {
        Hierarchy::new(4, vec![vec![0, 1], vec![2, 3], vec![0, 1, 2, 3]]).unwrap()
    }

    #[track_caller]
    fn check(base: [f64; 7], how: &Reconciliation, expected: [f64; 7]) {
        let made = tree().reconcile(&base, how).unwrap();
        assert!(made.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{made:?}, not {expected:?}");
    }

    #[test]
    fn bottom_up_adds_up() {
        check([1., 2., 3., 4., 9., 9., 9.], &Reconciliation::BottomUp, [1., 2., 3., 4., 3., 7., 10.]);
    }

    #[test]
    fn top_down_shares_out() {
        let how = Reconciliation::TopDown { aggregate: 2, shares: vec![1.0, 1.0, 2.0, 0.0] };
        check([1., 2., 3., 4., 9., 9., 20.], &how, [5., 5., 10., 0., 10., 10., 20.]);
    }

    #[test]
    fn what_already_adds_up_stays() {
        let base = [1., 2., 3., 4., 3., 7., 10.];
        check(base, &Reconciliation::Structural, base);
        check(base, &Reconciliation::Variances(vec![1., 2., 3., 4., 5., 6., 7.]), base);
    }

    #[test]
    fn structural_weights_solve_the_normal_equations() {
        // One aggregate of two parts, 3 too large: each part takes a quarter, the aggregate (variance 2) a half.
        let pair = Hierarchy::new(2, vec![vec![0, 1]]).unwrap();
        let made = pair.reconcile(&[1.0, 1.0, 6.0], &Reconciliation::Structural).unwrap();
        assert!(made.iter().zip([2.0, 2.0, 4.0]).all(|(a, b)| (a - b).abs() < 1e-9), "{made:?}");
    }

    #[test]
    fn forecasts_of_a_whole_hierarchy_add_up_in_every_period() {
        use super::super::{Calendar, Plan, tune};
        let wave = |k: usize, t: usize| 50.0 + 10.0 * k as f64 + ((t * (k + 3) * 7) % 13) as f64 + 0.3 * t as f64;
        let parts: Vec<Vec<f64>> = (0..4).map(|k| (0..60).map(|t| wave(k, t)).collect()).collect();
        let all = tree().histories(&parts);
        assert_eq!(all[6][59], parts.iter().map(|part| part[59]).sum::<f64>());
        let panel: Vec<&[f64]> = all.iter().map(|y| &y[..]).collect();
        let base = tune(&panel, &Plan::new(Calendar::Months, 6)).forecast(&panel);
        for how in [Reconciliation::BottomUp, Reconciliation::Structural] {
            let made = tree().reconcile_forecasts(&base, &how).unwrap();
            for step in 0..6 {
                let total: f64 = (0..4).map(|part| made[part].mean()[step]).sum();
                assert!((made[6].mean()[step] - total).abs() < 1e-6, "{how:?}, step {step}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(matches!(Hierarchy::new(2, vec![vec![0, 2]]), Err(HierarchyError::UnknownPart { part: 2, .. })));
        let missing = tree().reconcile(&[1.0], &Reconciliation::BottomUp);
        assert_eq!(missing, Err(HierarchyError::Missing { given: 1, needed: 7 }));
        let how = Reconciliation::TopDown { aggregate: 3, shares: vec![1.0; 4] };
        assert!(matches!(tree().reconcile(&[1.0; 7], &how), Err(HierarchyError::UnknownAggregate { .. })));
    }
}
