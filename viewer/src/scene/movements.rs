//! What moves in a possible future: journeys along lanes on the clock of a what-if.

use std::collections::BTreeMap;
use std::time::Duration;

use firmware_schemas::api::what_if::{WayView, WhatIfMovements};
use firmware_schemas::id::LaneId;
use firmware_schemas::quantity::Timestamp;

use super::fleet::Lines;
use super::mesh::Triangles;
use super::network::LanePath;
use super::{ChartPoint, Known, Look};
use crate::palette::{self, Rgba};

/// A day, in seconds.
const DAY_SECS: f64 = 86_400.0;

/// Why movements cannot be shown.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MovementsError {
    /// The lists of a case are not as long as each other.
    #[error("the lists of case {case:?} differ in length")]
    Columns {
        /// Which.
        case: String,
    },
    /// A way without lanes, or whose ends do not rise to the last.
    #[error("way {nth} has {lanes} lanes and no ends that rise to 1,000")]
    Way {
        /// Which.
        nth: usize,
        /// Of so many lanes.
        lanes: usize,
    },
    /// A journey on a way that there is not, or that arrives before it leaves, or leaves before the one before it.
    #[error("journey {nth} of case {case:?} is none")]
    Journey {
        /// Which.
        nth: usize,
        /// Of which case.
        case: String,
    },
}

/// Goods under way.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Journey {
    leaves: u32,
    arrives: u32,
    way: u32,
    pieces: i64,
}

/// The journeys of a case, by the day on which they leave.
#[derive(Clone, Debug, Default, PartialEq)]
struct Case {
    journeys: Vec<Journey>,
    longest: u32,
    left_out: u64,
}

/// A place on a lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnLane<'a> {
    /// Which lane.
    pub lane: &'a LaneId,
    /// How far along it, from 0 to 1.
    pub share: f64,
    /// How many pieces.
    pub pieces: i64,
}

/// What moves in one replication of each case.
#[derive(Clone, Debug, PartialEq)]
pub struct Movements {
    /// Which replication, from 0.
    pub replication: u32,
    start: Timestamp,
    days: u32,
    ways: Vec<WayView>,
    cases: Vec<Case>,
}

impl Movements {
    /// Of what the gateway told.
    pub fn of(view: &WhatIfMovements) -> Result<Self, MovementsError> {
        for (nth, way) in view.ways.iter().enumerate() {
            let rises = way.ends_permille.is_sorted() && way.ends_permille.last() == Some(&1_000);
            if way.lanes.len() != way.ends_permille.len() || !rises {
                return Err(MovementsError::Way { nth, lanes: way.lanes.len() });
            }
        }
        let mut cases = Vec::with_capacity(view.cases.len());
        for told in &view.cases {
            let n = told.way.len();
            if [told.leaves.len(), told.arrives.len(), told.pieces.len()] != [n; 3] {
                return Err(MovementsError::Columns { case: told.case.clone() });
            }
            let mut case = Case { left_out: told.left_out, ..Case::default() };
            for nth in 0..n {
                let (leaves, arrives, way) = (told.leaves[nth], told.arrives[nth], told.way[nth]);
                let in_order = case.journeys.last().is_none_or(|before| before.leaves <= leaves);
                if !in_order || arrives <= leaves || way as usize >= view.ways.len() {
                    return Err(MovementsError::Journey { nth, case: told.case.clone() });
                }
                case.longest = case.longest.max(arrives - leaves);
                case.journeys.push(Journey { leaves, arrives, way, pieces: told.pieces[nth] });
            }
            cases.push(case);
        }
        let ways = view.ways.clone();
        Ok(Self { replication: view.replication, start: view.start, days: view.days, ways, cases })
    }

    /// For so many days departures are known.
    pub fn days(&self) -> u32 {
        self.days
    }

    /// The moment so many days after the beginning.
    pub fn moment(&self, day: f64) -> Timestamp {
        self.start.saturating_add(Duration::from_secs_f64((day * DAY_SECS).max(0.0)))
    }

    /// Journeys of a case that are not listed because they are too many.
    pub fn left_out(&self, case: usize) -> u64 {
        self.cases.get(case).map_or(0, |case| case.left_out)
    }

    /// What is under way in a case, `day` days after the beginning: evenly from the beginning of the day on which it
    /// leaves to that of the day on which it arrives, since days are the finest that is told.
    pub fn under_way(&self, case: usize, day: f64) -> impl Iterator<Item = OnLane<'_>> {
        let (journeys, longest) = self.cases.get(case).map_or((&[][..], 0), |it| (&it.journeys[..], it.longest));
        let first = journeys.partition_point(|journey| f64::from(journey.leaves) + f64::from(longest) <= day);
        let last = journeys.partition_point(|journey| f64::from(journey.leaves) <= day);
        journeys.get(first..last).unwrap_or(&[]).iter().filter_map(move |journey| {
            let t = (day - f64::from(journey.leaves)) / f64::from(journey.arrives - journey.leaves);
            (t < 1.0).then(|| self.on_lane(journey, t)).flatten()
        })
    }

    fn on_lane(&self, journey: &Journey, t: f64) -> Option<OnLane<'_>> {
        let way = &self.ways[journey.way as usize];
        let nth = way.ends_permille.partition_point(|end| f64::from(*end) <= t * 1_000.0).min(way.lanes.len() - 1);
        let from = nth.checked_sub(1).map_or(0.0, |before| f64::from(way.ends_permille[before]));
        let to = f64::from(way.ends_permille[nth]);
        let share = if to > from { ((t * 1_000.0 - from) / (to - from)).clamp(0.0, 1.0) } else { 0.0 };
        Some(OnLane { lane: way.lanes.get(nth)?, share, pieces: journey.pieces })
    }

    /// Pieces on each lane of what leaves in the [`FLOW_DAYS`] up to `day`: in the first case, and in `case`.
    pub fn flows(&self, case: usize, day: f64) -> BTreeMap<&LaneId, [i64; 2]> {
        let mut flows: BTreeMap<&LaneId, [i64; 2]> = BTreeMap::new();
        for (side, case) in [0, case].into_iter().enumerate() {
            let journeys = self.cases.get(case).map_or(&[][..], |case| &case.journeys[..]);
            let first = journeys.partition_point(|journey| f64::from(journey.leaves) + FLOW_DAYS <= day);
            let last = journeys.partition_point(|journey| f64::from(journey.leaves) <= day);
            for journey in journeys.get(first..last).unwrap_or(&[]) {
                for lane in &self.ways[journey.way as usize].lanes {
                    let sum = &mut flows.entry(lane).or_default()[side];
                    *sum = sum.saturating_add(journey.pieces);
                }
            }
        }
        flows
    }
}

/// Flows are those of so many days: a week, since orders have their days of the week.
pub const FLOW_DAYS: f64 = 7.0;

/// A flow that differs by less than this share of the greater one is the same.
const SAME_SHARE: f64 = 0.1;

/// Simulated vehicles: dashed rings on lanes. As it would be in purple; with `both`, as it is in grey within them, so
/// that what goes in both is a ring in a ring. What is on lanes that the network does not have is left out.
pub fn vehicles(
    movements: &Movements,
    (case, day, both): (usize, f64, bool),
    known: &Known,
    lines: &mut Lines,
    look: &Look,
) -> Triangles {
    let mut triangles = Triangles::default();
    let sides = [(0, -3.4, look.theme.text_faint), (case, 0.0, palette::SIMULATED)];
    for (case, less_px, colour) in sides.into_iter().skip(usize::from(!both)) {
        for (at, pieces) in places(movements, (case, day), known, lines) {
            triangles.small_dashed_ring(at, ring_px(pieces) + less_px, 1.7, look.of(colour));
        }
    }
    triangles
}

/// Where something is under way, and how many pieces there.
fn places(
    movements: &Movements,
    (case, day): (usize, f64),
    known: &Known,
    lines: &mut Lines,
) -> Vec<(ChartPoint, i64)> {
    // What leaves on one day for the same place is one ring.
    let mut sums: BTreeMap<(&LaneId, u64), i64> = BTreeMap::new();
    for it in movements.under_way(case, day) {
        let sum = sums.entry((it.lane, it.share.to_bits())).or_default(); // shares are not negative: bits order as they do
        *sum = sum.saturating_add(it.pieces);
    }
    let place = |((lane, share), pieces): ((&LaneId, u64), i64)| {
        let line = lines.of(known, lane)?;
        Some((line.at(f64::from_bits(share) * line.length_m()), pieces))
    };
    sums.into_iter().filter_map(place).collect()
}

/// Ten times the pieces are 1.2 pixels more.
fn ring_px(pieces: i64) -> f64 {
    5.0 + 1.2 * (pieces.max(1) as f64).log10()
}

/// Where flows would differ, in the week up to `day`: a whole band where more would go, a broken one where less would.
pub fn flow_differences(
    movements: &Movements,
    (case, day): (usize, f64),
    known: &Known,
    lines: &mut Lines,
    look: &Look,
) -> Vec<LanePath> {
    let mut paths = Vec::new();
    for (lane, [base, case]) in movements.flows(case, day) {
        let more = case.saturating_sub(base);
        if (more.unsigned_abs() as f64) < SAME_SHARE * base.max(case) as f64 || more == 0 {
            continue;
        }
        let Some(line) = lines.of(known, lane) else { continue };
        let width_px = 1.5 + 1.3 * (more.unsigned_abs() as f64).log10();
        let Rgba([r, g, b, _]) = look.of(palette::SIMULATED);
        paths.push(LanePath { points: line.points.clone(), colour: Rgba([r, g, b, 200]), width_px, dashed: more < 0 });
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::palette::Theme;
    use crate::scene::known::testing;
    use firmware_schemas::api::what_if::CaseMovements;
    use firmware_schemas::id::OperationId;
    use firmware_schemas::network::SiteKind;
    use proptest::prelude::*;

    fn lane(name: &str) -> LaneId {
        LaneId::new(name).unwrap()
    }

    fn case(name: &str, journeys: &[(u32, u32, u32, i64)]) -> CaseMovements {
        CaseMovements {
            case: name.to_owned(),
            total: journeys.len() as u64,
            left_out: 0,
            left_out_pieces: 0,
            way: journeys.iter().map(|it| it.0).collect(),
            leaves: journeys.iter().map(|it| it.1).collect(),
            arrives: journeys.iter().map(|it| it.2).collect(),
            pieces: journeys.iter().map(|it| it.3).collect(),
        }
    }

    /// Two ways: a lane alone, and one of three parts of the time before it.
    fn told(base: &[(u32, u32, u32, i64)], other: &[(u32, u32, u32, i64)]) -> WhatIfMovements {
        WhatIfMovements {
            id: OperationId::new("w").unwrap(),
            replication: 3,
            start: testing::snapshot(Vec::new()).at,
            days: 20,
            ways: vec![
                WayView { lanes: vec![lane("A-B")], ends_permille: vec![1_000] },
                WayView { lanes: vec![lane("X-A"), lane("A-B")], ends_permille: vec![750, 1_000] },
            ],
            cases: vec![case("as is", base), case("other", other)],
        }
    }

    #[track_caller]
    fn check(day: f64, expected: &[(&str, f64)]) {
        let movements = Movements::of(&told(&[(0, 2, 4, 5), (1, 2, 6, 9), (0, 3, 4, 1)], &[])).unwrap();
        let found: Vec<(&str, f64)> = movements.under_way(0, day).map(|it| (it.lane.as_str(), it.share)).collect();
        assert_eq!(found, expected, "day {day}");
        assert_eq!(movements.under_way(1, day).count() + movements.under_way(7, day).count(), 0);
    }

    #[test]
    fn goods_pass_their_lanes_one_after_the_other_and_are_gone_when_they_arrive() {
        check(1.9, &[]);
        check(2.0, &[("A-B", 0.0), ("X-A", 0.0)]);
        check(3.5, &[("A-B", 0.75), ("X-A", 0.5), ("A-B", 0.5)]);
        check(4.0, &[("X-A", 2.0 / 3.0)]);
        check(5.5, &[("A-B", 0.5)]);
        check(6.0, &[]);
    }

    #[test]
    fn flows_are_those_of_a_week_on_every_lane_that_is_passed() {
        let movements = Movements::of(&told(&[(0, 1, 3, 10), (1, 6, 9, 7)], &[(0, 6, 8, 30)])).unwrap();
        let flows = |day| movements.flows(1, day).into_iter().map(|(lane, it)| (lane.as_str(), it)).collect::<Vec<_>>();
        assert_eq!(flows(0.5), []);
        assert_eq!(flows(7.0), [("A-B", [17, 30]), ("X-A", [7, 0])]);
        assert_eq!(flows(8.0), [("A-B", [7, 30]), ("X-A", [7, 0])]);
    }

    #[test]
    fn what_is_no_list_of_journeys_is_refused() {
        let mut short = told(&[(0, 1, 2, 3)], &[]);
        short.cases[0].pieces.clear();
        assert_eq!(Movements::of(&short), Err(MovementsError::Columns { case: "as is".to_owned() }));
        for journeys in [&[(2, 1, 2, 3)][..], &[(0, 1, 1, 3)], &[(0, 2, 3, 3), (0, 1, 3, 3)]] {
            let nth = journeys.len() - 1;
            let expected = MovementsError::Journey { nth, case: "other".to_owned() };
            assert_eq!(Movements::of(&told(&[], journeys)), Err(expected), "{journeys:?}");
        }
        let mut way = told(&[], &[]);
        way.ways[1].ends_permille = vec![1_000, 900];
        assert_eq!(Movements::of(&way), Err(MovementsError::Way { nth: 1, lanes: 2 }));
    }

    fn network() -> Known {
        let sites = vec![testing::site("A", SiteKind::Port, 50.0, 0.0), testing::site("B", SiteKind::Port, 50.0, 10.0)];
        let mut snapshot = testing::snapshot(sites);
        snapshot.lanes.push(testing::lane("A-B", "A", "B"));
        let mut known = Known::default();
        known.take_snapshot(snapshot);
        known
    }

    #[test]
    fn both_cases_are_rings_in_rings_and_unknown_lanes_are_left_out() {
        let (known, look) = (network(), Look { theme: Theme::DARK, greyed: false });
        let movements = Movements::of(&told(&[(0, 2, 4, 5)], &[(0, 2, 4, 5), (1, 2, 6, 9)])).unwrap();
        let colours = |both| {
            let drawn = vehicles(&movements, (1, 3.0, both), &known, &mut Lines::default(), &look);
            let mut colours: Vec<Rgba> = drawn.vertices.iter().map(|vertex| vertex.colour).collect();
            colours.dedup();
            colours
        };
        assert_eq!(colours(false), [palette::SIMULATED]);
        assert_eq!(colours(true), [look.theme.text_faint, palette::SIMULATED]);
    }

    #[test]
    fn a_flow_that_falls_is_a_broken_band_and_one_that_stays_is_none() {
        let (known, look) = (network(), Look { theme: Theme::DARK, greyed: false });
        let drawn = |base, other| {
            let movements = Movements::of(&told(&[(0, 2, 4, base)], &[(0, 2, 4, other)])).unwrap();
            let paths = flow_differences(&movements, (1, 3.0), &known, &mut Lines::default(), &look);
            paths.iter().map(|path| path.dashed).collect::<Vec<_>>()
        };
        assert_eq!(drawn(100, 10), [true]);
        assert_eq!(drawn(100, 150), [false]);
        assert_eq!(drawn(100, 105), [false; 0]);
    }

    proptest! {
        #[test]
        fn everything_under_way_is_on_one_of_its_lanes_and_nothing_else_is(
            mut journeys in prop::collection::vec((0..2_u32, 0..20_u32, 1..9_u32, 1..99_i64), 0..40), day in -1.0..30.0_f64,
        ) {
            journeys.sort_by_key(|it| it.1);
            journeys.iter_mut().for_each(|it| it.2 += it.1);
            let movements = Movements::of(&told(&journeys, &[])).unwrap();
            let found: Vec<OnLane<'_>> = movements.under_way(0, day).collect();
            let expected = journeys.iter().filter(|it| f64::from(it.1) <= day && day < f64::from(it.2));
            prop_assert_eq!(found.len(), expected.clone().count());
            for (found, journey) in found.iter().zip(expected) {
                prop_assert!((0.0..=1.0).contains(&found.share) && found.pieces == journey.3, "{:?}", found);
            }
        }
    }
}
