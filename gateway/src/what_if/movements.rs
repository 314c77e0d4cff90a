//! What moves in one replication of each case, for those who want to see it.

use firmware_schemas::api::what_if::{CaseMovements, WayView, WhatIfHead, WhatIfMovements};
use firmware_schemas::id::LaneId;
use sim::experiment::{Kpi, Outcome, Scope};
use sim::kernel::{Journey, Journeys};
use sim::situation::Situation;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

/// Departures of so many days are listed at most.
const DAYS_MAX: u32 = 366;

/// So many journeys of all cases together are listed at most.
pub const JOURNEYS_MAX: usize = 100_000;

/// Of outcomes that were run with the seed of `head`; `None` if `stop` was set.
pub fn movements(head: &WhatIfHead, outcomes: &[Outcome], stop: &AtomicBool) -> Option<WhatIfMovements> {
    let replication = typical(outcomes);
    let mut ways = Ways::default();
    let mut days = head.days;
    let mut cases = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        let listed = outcome.model.journeys(head.seed, replication, head.days.min(DAYS_MAX), Some(stop))?;
        days = days.min(listed.until);
        let number: Vec<u32> = listed.ways.iter().map(|lanes| ways.number(outcome.model.situation(), lanes)).collect();
        cases.push((outcome.name.clone(), number, listed));
    }
    let most = JOURNEYS_MAX / outcomes.len().max(1);
    let cases = cases.into_iter().map(|(name, number, listed)| of_case(name, &number, listed, days, most)).collect();
    Some(WhatIfMovements { id: head.id.clone(), replication, start: head.start, days, ways: ways.views, cases })
}

/// The replication of the median relevant cost in the first case, the lower of two, among those that all cases have.
fn typical(outcomes: &[Outcome]) -> u32 {
    let Some(first) = outcomes.first() else { return 0 };
    let replications = first.tally.replications();
    let until = outcomes.iter().map(|outcome| outcome.tally.replications().end).min().unwrap_or(replications.end);
    let costs = replications.zip(first.values(Kpi::RelevantCost, Scope::All));
    let mut costs: Vec<(f64, u32)> =
        costs.filter(|(nth, _)| *nth < until).filter_map(|(nth, cost)| Some((cost?, nth))).collect();
    costs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let middle = costs.len().saturating_sub(1) / 2;
    costs.get(middle).map_or(0, |(_, nth)| *nth)
}

/// Ways by the names of their lanes: the same lane has another number in each case.
#[derive(Default)]
struct Ways {
    views: Vec<WayView>,
    known: BTreeMap<(Vec<LaneId>, Vec<u16>), u32>,
}

impl Ways {
    fn number(&mut self, situation: &Situation, lanes: &[u32]) -> u32 {
        let hours = |lane: &u32| situation.lanes[*lane as usize].lead_time_h.max(1e-3);
        let total: f64 = lanes.iter().map(hours).sum();
        let mut passed = 0.0;
        let mut ends_permille: Vec<u16> = lanes
            .iter()
            .map(|lane| {
                passed += hours(lane);
                (passed / total * 1_000.0) as u16
            })
            .collect();
        if let Some(last) = ends_permille.last_mut() {
            *last = 1_000;
        }
        let lanes: Vec<LaneId> = lanes.iter().map(|lane| situation.lanes[*lane as usize].lane.clone()).collect();
        let views = &mut self.views;
        *self.known.entry((lanes.clone(), ends_permille.clone())).or_insert_with(|| {
            views.push(WayView { lanes, ends_permille });
            views.len() as u32 - 1
        })
    }
}

fn of_case(case: String, number: &[u32], listed: Journeys, days: u32, most: usize) -> CaseMovements {
    let mut journeys = listed.journeys;
    journeys.retain(|journey| journey.leaves < days);
    let total = journeys.len() as u64;
    let mut left_out_pieces = 0;
    if journeys.len() > most {
        // Those of many pieces first; of equals, those that leave first.
        journeys.sort_unstable_by_key(|journey| (std::cmp::Reverse(journey.pieces), *journey));
        left_out_pieces = journeys.drain(most..).map(|journey| journey.pieces).sum();
        journeys.sort_unstable();
    }
    let column = |of: fn(&Journey) -> u32| journeys.iter().map(of).collect();
    CaseMovements {
        case,
        total,
        left_out: total - journeys.len() as u64,
        left_out_pieces,
        way: journeys.iter().map(|journey| number[journey.way as usize]).collect(),
        leaves: column(|journey| journey.leaves),
        arrives: column(|journey| journey.arrives),
        pieces: journeys.iter().map(|journey| journey.pieces).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(pieces: &[i64]) -> Journeys {
        let journey = |(nth, pieces): (usize, &i64)| Journey {
            leaves: nth as u32,
            way: 0,
            arrives: nth as u32 + 2,
            pieces: *pieces,
        };
        Journeys { ways: vec![vec![0]], journeys: pieces.iter().enumerate().map(journey).collect(), until: 9 }
    }

    #[track_caller]
    fn check(pieces: &[i64], days: u32, most: usize, kept: &[u32], left_out: (u64, i64)) {
        let case = of_case("case".to_owned(), &[7], listed(pieces), days, most);
        assert_eq!(case.leaves, kept, "{pieces:?}");
        assert_eq!((case.left_out, case.left_out_pieces), left_out, "{pieces:?}");
        assert_eq!(case.total, case.left_out + kept.len() as u64);
        assert!(case.way.iter().all(|way| *way == 7));
    }

    #[test]
    fn too_many_journeys_lose_those_of_the_fewest_pieces() {
        check(&[5, 1, 9, 3], 9, 10, &[0, 1, 2, 3], (0, 0));
        check(&[5, 1, 9, 3], 9, 2, &[0, 2], (2, 4));
        check(&[4, 4, 4], 9, 2, &[0, 1], (1, 4));
        check(&[5, 1, 9, 3], 2, 1, &[0], (1, 1));
    }
}
