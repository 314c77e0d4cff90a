//! What came out of an experiment, as it is kept and shown.

use super::cases::Case;
use firmware_schemas::api::what_if::{
    Better, CaseResult, DifferenceView, Division, KpiView, PartResult, RankView, SelectionView, SeriesView, WhatIfHead,
    WhatIfResult, WhatIfSeries,
};
use firmware_schemas::quantity::Timestamp;
use serde::{Deserialize, Serialize};
use sim::experiment::{Estimate, Kpi, Outcome, Part, Scope, Selected};
use sim::kernel::{BUCKET_DAYS, SERIES, Stat};
use std::collections::BTreeSet;
use std::time::Duration;

/// A network with more parts of a kind has no figures by that kind.
pub const PARTS_MAX: usize = 1_000;

/// The ways to divide a network, in order.
pub const DIVISIONS: [Division; 4] = [Division::Site, Division::Class, Division::Tier, Division::Lane];

/// Figures by parts; of each division a list for each case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// A division that is missing has more than [`PARTS_MAX`] parts.
    pub divisions: Vec<(Division, Vec<Vec<PartResult>>)>,
}

impl Parts {
    /// Of each case; `None` where the network has too many parts.
    pub fn by(self, division: Division) -> Option<Vec<Vec<PartResult>>> {
        self.divisions.into_iter().find(|(kind, _)| *kind == division).map(|(_, cases)| cases)
    }
}

/// Everything that is kept of an experiment.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The figures of the whole network.
    pub result: WhatIfResult,
    /// Those of its parts.
    pub parts: Parts,
    /// Week by week.
    pub series: WhatIfSeries,
}

impl Summary {
    /// Of outcomes that belong to `cases`, one to one and in order. `head` has no names and replications yet.
    pub fn of(mut head: WhatIfHead, cases: &[Case], outcomes: &[Outcome]) -> Self {
        head.cases = outcomes.iter().map(|outcome| outcome.name.clone()).collect();
        head.replications = outcomes.first().map_or(0, |outcome| outcome.tally.replications().len() as u32);
        let network = kpis_of_all(outcomes, Scope::All);
        let results = outcomes.iter().zip(cases).zip(network);
        let results = results.map(|((outcome, case), kpis)| CaseResult {
            case: outcome.name.clone(),
            story: case.story.clone(),
            kpis,
            parts: Vec::new(),
        });
        let result = WhatIfResult { results: results.collect(), head, selection: None };
        let divisions = DIVISIONS.into_iter().filter_map(|division| Some((division, divided(division, outcomes)?)));
        let parts = Parts { divisions: divisions.collect() };
        let series = series(&result.head, outcomes);
        Self { result, parts, series }
    }
}

/// Of every case, in order.
fn kpis_of_all(outcomes: &[Outcome], scope: Scope<'_>) -> Vec<Vec<KpiView>> {
    kpis_of(outcomes, |_| Some(scope))
}

/// The same where a part has another index in each case, or is not there.
fn kpis_of<'a>(outcomes: &'a [Outcome], scope: impl Fn(&'a Outcome) -> Option<Scope<'a>>) -> Vec<Vec<KpiView>> {
    let parts: Vec<Option<Part>> =
        outcomes.iter().map(|outcome| Some(Part::of(&outcome.model, scope(outcome)?))).collect();
    let mut views = vec![Vec::new(); outcomes.len()];
    for kpi in Kpi::ALL.iter().copied() {
        let mut base: Option<Vec<Option<f64>>> = None;
        for (i, (outcome, part)) in outcomes.iter().zip(&parts).enumerate() {
            let values = part.as_ref().map(|part| outcome.values_over(kpi, part));
            if let Some(values) = &values
                && let Some(estimate) = estimate(values)
            {
                let difference = base.as_ref().and_then(|base| {
                    let pairs: Vec<Option<f64>> = values.iter().zip(base).map(|(a, b)| Some((*a)? - (*b)?)).collect();
                    self::estimate(&pairs)
                });
                views[i].push(view(kpi, estimate, difference));
            }
            if i == 0 {
                base = values;
            }
        }
    }
    views
}

/// `None` if any replication says nothing.
fn estimate(values: &[Option<f64>]) -> Option<Estimate> {
    Estimate::of(&values.iter().copied().collect::<Option<Vec<f64>>>()?)
}

fn view(kpi: Kpi, estimate: Estimate, difference: Option<Estimate>) -> KpiView {
    KpiView {
        kpi: kpi.as_str().to_owned(),
        unit: kpi.unit().to_owned(),
        better: match kpi.better() {
            1.. => Better::More,
            0 => Better::Neither,
            ..0 => Better::Less,
        },
        mean: estimate.mean,
        half_width: estimate.half_width,
        sd: estimate.sd,
        n: estimate.n,
        difference: difference.map(difference_view),
    }
}

fn difference_view(it: Estimate) -> DifferenceView {
    DifferenceView { mean: it.mean, half_width: it.half_width, significant: it.is_significant() }
}

/// How the best of the cases was found; `outcomes` in the order in which they were asked for.
pub fn selection(kpi: Kpi, probability_correct: f64, ranking: &[Selected], outcomes: &[Outcome]) -> SelectionView {
    let n = |outcome: &Outcome| outcome.tally.replications().len() as u32;
    let rank = |it: &Selected| RankView {
        case: outcomes[it.case].name.clone(),
        replications: n(&outcomes[it.case]),
        mean: it.estimate.map(|estimate| estimate.mean),
        half_width: it.estimate.map(|estimate| estimate.half_width),
        behind: it.behind.map(difference_view),
        probability_not_better: it.worse,
    };
    SelectionView {
        kpi: kpi.as_str().to_owned(),
        probability_correct,
        replications_total: outcomes.iter().map(n).sum(),
        ranking: ranking.iter().map(rank).collect(),
    }
}

/// Figures by part, for each case; `None` where there are too many parts.
fn divided(division: Division, outcomes: &[Outcome]) -> Option<Vec<Vec<PartResult>>> {
    let names: BTreeSet<String> = outcomes.iter().flat_map(|outcome| parts_of(division, outcome)).collect();
    if names.len() > PARTS_MAX {
        return None;
    }
    let mut cases = vec![Vec::new(); outcomes.len()];
    for part in names {
        let views = kpis_of(outcomes, |outcome| scope_of(division, outcome, &part));
        for (case, kpis) in cases.iter_mut().zip(views).filter(|(_, kpis)| !kpis.is_empty()) {
            case.push(PartResult { part: part.clone(), kpis });
        }
    }
    Some(cases)
}

/// Names of the parts; of the sites only those that keep stock, whose figures are not all empty.
fn parts_of(division: Division, outcome: &Outcome) -> Vec<String> {
    let situation = outcome.model.situation();
    match division {
        Division::Site => {
            let sites: BTreeSet<u32> = outcome.model.cells().map(|(site, _)| site).collect();
            sites.into_iter().map(|site| situation.sites[site as usize].site.to_string()).collect()
        }
        Division::Class => outcome.model.classes().to_vec(),
        Division::Tier => outcome.model.tiers().iter().map(ToString::to_string).collect(),
        Division::Lane => situation.lanes.iter().map(|lane| lane.lane.to_string()).collect(),
    }
}

fn scope_of<'a>(division: Division, outcome: &'a Outcome, part: &'a str) -> Option<Scope<'a>> {
    let situation = outcome.model.situation();
    match division {
        Division::Site => {
            let at = situation.sites.iter().position(|site| site.site.as_str() == part)?;
            Some(Scope::Site(at as u32))
        }
        Division::Class => outcome.model.classes().iter().any(|class| class == part).then_some(Scope::Class(part)),
        Division::Tier => part.parse().ok().filter(|tier| outcome.model.tiers().contains(tier)).map(Scope::Tier),
        Division::Lane => {
            let at = situation.lanes.iter().position(|lane| lane.lane.as_str() == part)?;
            Some(Scope::Lane(at as u32))
        }
    }
}

/// A figure of a series: its name and unit, and how it follows from the sums of a week of so many days.
type Figure = (&'static str, &'static str, fn(&Week, f64) -> Option<f64>);

/// The sums of [`SERIES`] over one week of one replication.
struct Week {
    demand: f64,
    served: f64,
    lost: f64,
    backorder_days: f64,
    on_hand_days: f64,
}

const FIGURES: [Figure; 5] = [
    ("fill_rate", "1", |week, _| (week.demand > 0.0).then(|| week.served / week.demand)),
    ("demand", "{piece}", |week, _| Some(week.demand)),
    ("lost", "{piece}", |week, _| Some(week.lost)),
    ("backorders", "{piece}", |week, days| Some(week.backorder_days / days)),
    ("on_hand", "{piece}", |week, days| Some(week.on_hand_days / days)),
];

fn series(head: &WhatIfHead, outcomes: &[Outcome]) -> WhatIfSeries {
    let day = |day: u32| head.start.saturating_add(Duration::from_secs(u64::from(day) * 86_400));
    let n_weeks = outcomes.first().map_or(0, |outcome| outcome.tally.n_buckets()) as u32;
    let at: Vec<Timestamp> = (0..n_weeks).map(|week| day(head.warm_up_days + week * BUCKET_DAYS)).collect();
    let mut items = Vec::new();
    for outcome in outcomes {
        for (idx, tier) in outcome.model.tiers().iter().enumerate() {
            for (figure, unit, of) in FIGURES {
                let mut item = SeriesView {
                    case: outcome.name.clone(),
                    tier: *tier,
                    figure: figure.to_owned(),
                    unit: unit.to_owned(),
                    mean: Vec::new(),
                    p10: Vec::new(),
                    p50: Vec::new(),
                    p90: Vec::new(),
                };
                for week in 0..n_weeks {
                    // The last week may be shorter.
                    let days = outcome.model.counted_days().saturating_sub(week * BUCKET_DAYS).min(BUCKET_DAYS);
                    let of_replication = |replication| of(&sums(outcome, replication, idx, week), f64::from(days));
                    let mut values: Vec<f64> = outcome.tally.replications().filter_map(of_replication).collect();
                    values.sort_by(f64::total_cmp);
                    let mean = values.iter().sum::<f64>() / values.len() as f64;
                    item.mean.push((!values.is_empty()).then_some(mean));
                    item.p10.push(quantile(&values, 0.1));
                    item.p50.push(quantile(&values, 0.5));
                    item.p90.push(quantile(&values, 0.9));
                }
                items.push(item);
            }
        }
    }
    WhatIfSeries { id: head.id.clone(), at, items }
}

fn sums(outcome: &Outcome, replication: u32, tier: usize, week: u32) -> Week {
    let point = |stat: Stat| {
        let at = SERIES.iter().position(|known| *known == stat);
        at.map_or(0.0, |at| outcome.tally.point(replication, tier, week as usize, at) as f64)
    };
    Week {
        demand: point(Stat::Demand),
        served: point(Stat::ServedAtOnce),
        lost: point(Stat::Lost),
        backorder_days: point(Stat::BackorderDays),
        on_hand_days: point(Stat::OnHandDays),
    }
}

/// Of sorted values, with a straight line between two of them (type 7 of Hyndman and Fan).
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = share * last as f64;
    let below = sorted[at as usize];
    let above = sorted[(at as usize + 1).min(last)];
    Some(below + (above - below) * at.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_on_straight_lines_between_values() {
        let check = |values: &[f64], share: f64, expected: Option<f64>| {
            assert_eq!(quantile(values, share), expected, "{values:?} at {share}");
        };
        check(&[], 0.5, None);
        check(&[3.0], 0.1, Some(3.0));
        check(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.5, Some(3.0));
        check(&[0.0, 10.0], 0.25, Some(2.5));
        check(&[0.0, 10.0], 1.0, Some(10.0));
    }
}
