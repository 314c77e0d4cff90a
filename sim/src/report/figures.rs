//! Means and differences of what is compared, and what may be said of them.

use crate::experiment::{Estimate, Kpi, Outcome, Part, Scope};
use crate::kernel::Stat;

/// A mean; without interval if there is only one replication.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure {
    pub(super) mean: f64,
    pub(super) half_width: Option<f64>,
}

impl Figure {
    /// Of each replication; `None` if any says nothing.
    pub(super) fn of(values: &[Option<f64>]) -> Option<Self> {
        let values: Vec<f64> = values.iter().copied().collect::<Option<_>>()?;
        match values[..] {
            [] => None,
            [mean] => Some(Self { mean, half_width: None }),
            _ => Estimate::of(&values).map(|e| Self { mean: e.mean, half_width: Some(e.half_width) }),
        }
    }
}

/// What a difference says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Better,
    Worse,
    /// Neither better nor worse, but more.
    More,
    Less,
    /// The interval does not exclude zero.
    Same,
    /// There is no interval.
    Unknown,
}

impl Verdict {
    pub(super) fn is_shown(self) -> bool {
        !matches!(self, Self::Same | Self::Unknown)
    }
}

/// A case beside the base.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Compared {
    pub(super) base: Option<Figure>,
    pub(super) case: Option<Figure>,
    pub(super) difference: Option<Figure>,
    pub(super) verdict: Verdict,
}

impl Compared {
    /// `better` is 1 where more is better, -1 where less is, else 0.
    pub(super) fn of(base: &[Option<f64>], case: &[Option<f64>], better: i8) -> Self {
        let pairs: Vec<Option<f64>> = case.iter().zip(base).map(|(a, b)| Some((*a)? - (*b)?)).collect();
        let (base, case, difference) = (Figure::of(base), Figure::of(case), Figure::of(&pairs));
        let scale = base.map_or(0.0, |f| f.mean.abs()).max(case.map_or(0.0, |f| f.mean.abs()));
        Self { base, case, difference, verdict: verdict(difference, scale, better) }
    }

    /// The difference as a share of the base.
    pub(super) fn relative(&self) -> Option<Figure> {
        let base = self.base?.mean;
        let d = self.difference?;
        let share = |x: f64| x / base.abs();
        (base.abs() > 0.0).then(|| Figure { mean: share(d.mean), half_width: d.half_width.map(share) })
    }
}

/// What may be said of a difference between numbers as large as `scale`; differences that are rounding errors of
/// floating point are none.
fn verdict(difference: Option<Figure>, scale: f64, better: i8) -> Verdict {
    let Some((d, half_width)) = difference.and_then(|d| Some((d.mean, d.half_width?))) else {
        return Verdict::Unknown;
    };
    if d.abs() <= half_width || d.abs() <= 1e-9 * scale {
        return Verdict::Same;
    }
    match (better.signum(), d > 0.0) {
        (0, true) => Verdict::More,
        (0, false) => Verdict::Less,
        (1, true) | (-1, false) => Verdict::Better,
        _ => Verdict::Worse,
    }
}

/// A key figure of the whole network in each case; the first is the base, compared with itself.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) kpi: Kpi,
    pub(super) cases: Vec<Compared>,
}

impl Line {
    /// `parts`: where to look in each case; `None` where a case has nothing of the kind.
    pub(super) fn of(outcomes: &[Outcome], parts: &[Option<Part>], kpi: Kpi) -> Self {
        let values = |(outcome, part): (&Outcome, &Option<Part>)| match part {
            Some(part) => outcome.values_over(kpi, part),
            None => vec![None; outcome.tally.replications().len()],
        };
        let values: Vec<Vec<Option<f64>>> = outcomes.iter().zip(parts).map(values).collect();
        let cases = values.iter().map(|case| Compared::of(&values[0], case, kpi.better())).collect();
        Self { kpi, cases }
    }

    /// The greatest mean of all cases, by magnitude.
    pub(super) fn widest(&self) -> f64 {
        self.cases.iter().filter_map(|c| c.case).fold(0.0, |widest, f| widest.max(f.mean.abs()))
    }

    /// Whether it says anything other than zero in any case.
    pub(super) fn is_told(&self) -> bool {
        self.widest() > 0.0
    }
}

/// The same scope in every case.
pub(super) fn parts(outcomes: &[Outcome], scope: Scope<'_>) -> Vec<Option<Part>> {
    outcomes.iter().map(|outcome| Some(Part::of(&outcome.model, scope))).collect()
}

/// Pieces that were not served on the day, in each replication.
pub(super) fn short(outcome: &Outcome, part: &Part) -> Vec<Option<f64>> {
    let of = |r| part.sum(outcome, r, Stat::Demand) - part.sum(outcome, r, Stat::ServedAtOnce);
    outcome.tally.replications().map(|r| Some(of(r) as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base: &[f64], case: &[f64], better: i8, expected: Verdict) {
        let some = |values: &[f64]| -> Vec<Option<f64>> { values.iter().copied().map(Some).collect() };
        assert_eq!(Compared::of(&some(base), &some(case), better).verdict, expected, "{base:?} {case:?}");
    }

    #[test]
    fn only_what_is_beyond_doubt_is_said() {
        check(&[1.0, 2.0, 3.0], &[2.0, 3.1, 4.2], 1, Verdict::Better);
        check(&[1.0, 2.0, 3.0], &[2.0, 3.1, 4.2], -1, Verdict::Worse);
        check(&[1.0, 2.0, 3.0], &[2.0, 3.1, 4.2], 0, Verdict::More);
        check(&[1.0, 2.0, 3.0], &[0.0, 3.0, 3.0], 1, Verdict::Same);
        check(&[1.0, 2.0], &[1.0, 2.0], 1, Verdict::Same);
        check(&[1.0], &[2.0], 1, Verdict::Unknown);
        check(&[], &[], 1, Verdict::Unknown);
    }

    #[test]
    fn rounding_errors_are_no_difference() {
        check(&[0.3, 0.3], &[0.1 + 0.2, 0.1 + 0.2], 1, Verdict::Same);
    }
}
