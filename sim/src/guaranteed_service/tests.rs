use super::reduction::Reduction;
use super::search::minimise_by_division;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A file of the shared folder; says so where it is missing.
fn shared(path: &str) -> Option<String> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let path = std::env::var_os("PORTOLAN_SHARED").map_or(beside, PathBuf::from).join(path);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("skipped: no {}", path.display());
        }
    }
    text
}

/// What a placement must be, whatever found it.
#[track_caller]
fn check_sound(chain: &Chain, placement: &Placement) {
    let n = chain.stages.len();
    assert_eq!((placement.outbound.len(), placement.inbound.len()), (n, n));
    let mut cost = 0.0;
    for (at, stage) in chain.stages().iter().enumerate() {
        let (inbound, outbound) = (placement.inbound[at], placement.outbound[at]);
        assert!(inbound >= stage.inbound_service_time, "stage {at} is served sooner than from outside: {placement:?}");
        assert!(stage.outbound_service_time_max.is_none_or(|quote| outbound <= quote), "stage {at}: {placement:?}");
        let net = inbound + stage.processing_time;
        assert!(outbound <= net, "stage {at} promises more than all: {placement:?}");
        assert_eq!(placement.net_replenishment_time[at], net - outbound, "stage {at}");
        cost += stage.holding_cost * stage.demand_bound * f64::from(net - outbound).sqrt();
    }
    for (from, to) in chain.arcs() {
        assert!(placement.inbound[to] >= placement.outbound[from], "arc {from} → {to}: {placement:?}");
    }
    assert!((placement.cost - cost).abs() <= 1e-9 * cost, "{} is said, {cost} it is", placement.cost);
    assert!(placement.lower_bound <= placement.cost, "{placement:?}");
    assert!((0.0..=1.0).contains(&placement.gap), "{placement:?}");
}

/// The least cost, by trying all promises of all stages.
fn brute_force(chain: &Chain) -> f64 {
    fn try_all(chain: &Chain, turn: usize, outbound: &mut Vec<u32>, so_far: f64, least: &mut f64) {
        if so_far >= *least {
            return;
        }
        let Some(stage) = chain.upstream_first.get(turn).copied() else {
            *least = so_far;
            return;
        };
        let given = chain.stages[stage];
        let promised = chain.predecessors[stage].iter().map(|supplier| outbound[*supplier]).max().unwrap_or(0);
        let able = promised.max(given.inbound_service_time) + given.processing_time;
        for promise in 0..=able.min(given.outbound_service_time_max.unwrap_or(u32::MAX)) {
            outbound[stage] = promise;
            let cost = given.holding_cost * given.demand_bound * f64::from(able - promise).sqrt();
            try_all(chain, turn + 1, outbound, so_far + cost, least);
        }
    }
    let mut least = f64::INFINITY;
    try_all(chain, 0, &mut vec![0; chain.stages.len()], 0.0, &mut least);
    least
}

/// The least cost of a tree, as Graves and Willems write it: a table over the outbound time of a stage whose
/// remaining neighbour is its customer, over the inbound time where it is a supplier.
fn tree_cost(chain: &Chain) -> f64 {
    let horizon: u32 = chain.stages.iter().map(|stage| stage.processing_time + stage.inbound_service_time).sum();
    let times = 0..=horizon as usize;
    let n = chain.stages.len();
    // For each stage, done neighbours' tables added up: over its inbound time and over its outbound time.
    let mut by_inbound = vec![vec![0.0; horizon as usize + 1]; n];
    let mut by_outbound = by_inbound.clone();
    let mut left: Vec<BTreeSet<usize>> = (0..n)
        .map(|stage| chain.predecessors[stage].iter().chain(&chain.successors[stage]).copied().collect())
        .collect();
    let mut done = vec![false; n];
    let mut total = 0.0;
    while let Some(stage) = (0..n).find(|stage| !done[*stage] && left[*stage].len() <= 1) {
        done[stage] = true;
        let given = chain.stages[stage];
        let quote = given.outbound_service_time_max.map_or(usize::MAX, |quote| quote as usize);
        let cost = |inbound: usize, outbound: usize| {
            let able = inbound + given.processing_time as usize;
            if inbound < given.inbound_service_time as usize || outbound > quote || outbound > able {
                return f64::INFINITY;
            }
            by_inbound[stage][inbound]
                + by_outbound[stage][outbound]
                + given.holding_cost * given.demand_bound * ((able - outbound) as f64).sqrt()
        };
        let neighbour = left[stage].pop_first();
        match neighbour {
            None => {
                let all = times.clone().flat_map(|inbound| times.clone().map(move |outbound| (inbound, outbound)));
                total += all.map(|(inbound, outbound)| cost(inbound, outbound)).fold(f64::INFINITY, f64::min);
            }
            Some(customer) if chain.successors[stage].contains(&customer) => {
                // The customer's inbound time is at least this outbound time.
                let mut least = f64::INFINITY;
                let mut table = Vec::new();
                for outbound in times.clone() {
                    least = times.clone().map(|inbound| cost(inbound, outbound)).fold(least, f64::min);
                    table.push(least);
                }
                by_inbound[customer].iter_mut().zip(table).for_each(|(sum, cost)| *sum += cost);
            }
            Some(supplier) => {
                // The supplier's outbound time is at most this inbound time.
                let mut least = f64::INFINITY;
                let mut table = vec![0.0; horizon as usize + 1];
                for inbound in times.clone().rev() {
                    least = times.clone().map(|outbound| cost(inbound, outbound)).fold(least, f64::min);
                    table[inbound] = least;
                }
                by_outbound[supplier].iter_mut().zip(table).for_each(|(sum, cost)| *sum += cost);
            }
        }
        if let Some(neighbour) = neighbour {
            left[neighbour].remove(&stage);
        }
    }
    assert!(done.iter().all(|done| *done), "not a tree");
    total
}

#[track_caller]
fn check_cost(chain: &Chain, expected: f64, rel: f64) {
    let placement = place(chain, &Effort::default());
    check_sound(chain, &placement);
    assert!(placement.proven, "not proven: {placement:?}");
    let off = (placement.cost - expected).abs();
    assert!(off <= rel * expected.abs().max(1e-9), "{} is not {expected}: {placement:?} of {chain:?}", placement.cost);
}

fn stages(processing_max: u32) -> impl Strategy<Value = Stage> {
    (
        0..=processing_max,
        prop_oneof![1 => Just(0.0), 9 => 0.1..5.0],
        prop_oneof![1 => Just(0.0), 9 => 0.5..2.0],
        prop_oneof![4 => Just(0_u32), 1 => 0_u32..4],
        prop_oneof![3 => Just(None), 2 => (0_u32..5).prop_map(Some)],
    )
        .prop_map(
            |(processing_time, holding_cost, demand_bound, inbound_service_time, outbound_service_time_max)| Stage {
                processing_time,
                holding_cost,
                demand_bound,
                inbound_service_time,
                outbound_service_time_max,
            },
        )
}

/// Stages without customers quote something, as demand stages do.
fn quoting(mut stages: Vec<Stage>, arcs: &[(usize, usize)]) -> Vec<Stage> {
    for (at, stage) in stages.iter_mut().enumerate() {
        if at % 4 != 3 && !arcs.iter().any(|(from, _)| *from == at) {
            stage.outbound_service_time_max.get_or_insert(at as u32 % 2);
        }
    }
    stages
}

/// A tree with its arcs in random directions.
fn trees(n_max: usize, processing_max: u32) -> impl Strategy<Value = Chain> {
    (1..=n_max)
        .prop_flat_map(move |n| {
            let links = (1..n).map(|at| (0..at, any::<bool>())).collect::<Vec<_>>();
            (prop::collection::vec(stages(processing_max), n), links)
        })
        .prop_map(|(stages, links)| {
            let arcs: Vec<(usize, usize)> = links
                .into_iter()
                .enumerate()
                .map(|(at, (other, down))| if down { (other, at + 1) } else { (at + 1, other) })
                .collect();
            Chain::new(quoting(stages, &arcs), arcs).unwrap()
        })
}

/// Any network; each pair of stages is an arc with this chance in percent.
fn networks(n: core::ops::RangeInclusive<usize>, processing_max: u32, percent: u32) -> impl Strategy<Value = Chain> {
    n.prop_flat_map(move |n| {
        let pairs = prop::collection::vec(0_u32..100, n * (n - 1) / 2);
        (prop::collection::vec(stages(processing_max), n), pairs)
    })
    .prop_map(move |(stages, pairs)| {
        let all = (0..stages.len()).flat_map(|to| (0..to).map(move |from| (from, to)));
        let arcs: Vec<(usize, usize)> =
            all.zip(pairs).filter(|(_, chance)| *chance < percent).map(|(arc, _)| arc).collect();
        Chain::new(quoting(stages, &arcs), arcs).unwrap()
    })
}

proptest! {
    #[test]
    fn small_trees_cost_what_brute_force_finds(chain in trees(6, 3)) {
        check_cost(&chain, brute_force(&chain), 1e-9);
    }

    #[test]
    fn trees_cost_what_the_dynamic_program_of_graves_and_willems_finds(chain in trees(14, 8)) {
        check_cost(&chain, tree_cost(&chain), 1e-9);
    }

    #[test]
    fn small_networks_cost_what_brute_force_finds(chain in networks(2..=7, 2, 45)) {
        check_cost(&chain, brute_force(&chain), 1e-9);
    }

    #[test]
    fn bound_and_division_find_what_brute_force_finds(chain in networks(5..=8, 2, 50)) {
        let reduction = Reduction::new(&chain);
        let found = minimise_by_division(&reduction.field, reduction.start.clone(), &Effort::default());
        let least = brute_force(&chain);
        prop_assert!((found.cost - least).abs() <= 1e-8 * least.max(1e-6), "{} is not {least}", found.cost);
        prop_assert!((found.bound - least).abs() <= 1e-8 * least.max(1e-6), "bound {} is not {least}", found.bound);
    }

    #[test]
    fn bound_and_division_find_what_elimination_finds(chain in networks(10..=16, 6, 30)) {
        let reduction = Reduction::new(&chain);
        let found = minimise_by_division(&reduction.field, reduction.start.clone(), &Effort::default());
        check_cost(&chain, found.cost, 1e-8);
        prop_assert!(found.cost - found.bound <= 1e-8 * found.cost, "bound {} of {}", found.bound, found.cost);
    }

    #[test]
    fn bound_stays_below_the_cost_whenever_the_work_ends(chain in networks(6..=8, 2, 50), cells in 0_u64..20_000) {
        let reduction = Reduction::new(&chain);
        let effort = Effort { cells, ..Effort::default() };
        let least = brute_force(&chain);
        let found = minimise_by_division(&reduction.field, reduction.start.clone(), &effort);
        prop_assert!(found.bound <= least + 1e-9 && least <= found.cost + 1e-9, "{found:?} {least}");
        let placement = place(&chain, &effort);
        check_sound(&chain, &placement);
        prop_assert!(placement.lower_bound <= least * (1.0 + 1e-9), "{placement:?} {least}");
    }

    #[test]
    fn order_of_the_stages_does_not_matter(
        (chain, order) in networks(4..=14, 9, 30)
            .prop_flat_map(|chain| { let n = chain.stages.len(); (Just(chain), Just((0..n).collect::<Vec<_>>()).prop_shuffle()) })
    ) {
        let mut moved = chain.stages.clone();
        for (at, stage) in chain.stages.iter().enumerate() {
            moved[order[at]] = *stage;
        }
        let arcs = chain.arcs().map(|(from, to)| (order[from], order[to])).collect();
        let cost = place(&Chain::new(moved, arcs).unwrap(), &Effort::default()).cost;
        check_cost(&chain, cost, 1e-9);
    }

    #[test]
    fn same_effort_gives_the_same_placement(chain in networks(8..=14, 9, 40), cells in 0_u64..1_000_000) {
        let effort = Effort { cells, ..Effort::default() };
        prop_assert_eq!(place(&chain, &effort), place(&chain, &effort));
    }
}

fn stage(processing_time: u32, cost: f64, quote: Option<u32>) -> Stage {
    Stage {
        processing_time,
        holding_cost: cost,
        demand_bound: 1.0,
        outbound_service_time_max: quote,
        ..Stage::default()
    }
}

#[test]
fn all_that_is_wrong_with_a_chain_is_said_at_once() {
    let wrong =
        vec![stage(1, f64::NAN, None), stage(1, -1.0, None), stage(HORIZON_MAX + 1, 1.0, None), stage(1, 1.0, None)];
    let errors = Chain::new(wrong, vec![(0, 1), (1, 0), (1, 3), (2, 9)]).unwrap_err();
    assert!(matches!(errors[0], ChainError::NotAQuantity { stage: 0, what: "holding cost", .. }), "{errors:?}");
    assert_eq!(errors[1], ChainError::NotAQuantity { stage: 1, what: "holding cost", value: -1.0 });
    assert_eq!(errors[2], ChainError::UnknownStage { from: 2, to: 9, n_stages: 4 });
    assert_eq!(errors[3], ChainError::Cycle(vec![0, 1]));
    assert_eq!(errors[4], ChainError::TooLong { stage: 2, periods: u64::from(HORIZON_MAX) + 1 });
    assert_eq!(errors.len(), 5);
}

#[test]
fn all_that_is_wrong_with_rows_is_said_at_once() {
    let quote = Quote { demand_sd: f64::INFINITY, service_level: 1.0, service_time_max: -1.0 };
    let rows = [StageRow { cost_added: f64::NAN, time: -1.0, quote: Some(quote) }];
    let errors = chain_of_rows(&rows, vec![(0, 0)], 0.2).unwrap_err();
    assert_eq!(errors.len(), 6, "{errors:?}");
}

#[test]
fn empty_chains_cost_nothing() {
    check_cost(&Chain::new(Vec::new(), Vec::new()).unwrap(), 0.0, 0.0);
}

#[test]
fn stages_nobody_waits_for_hold_nothing() {
    check_cost(&Chain::new(vec![stage(3, 2.0, None), stage(4, 2.0, None)], vec![(0, 1)]).unwrap(), 0.0, 0.0);
}

#[test]
fn quotes_that_nobody_can_use_up_are_no_quotes() {
    let chain = Chain::new(vec![stage(3, 2.0, Some(u32::MAX)), stage(4, 2.0, Some(u32::MAX))], vec![(0, 1)]);
    check_cost(&chain.unwrap(), 0.0, 0.0);
}

#[test]
fn long_horizons_are_planned() {
    let chain = Chain::new(
        vec![stage(9_000, 1.0, None), stage(HORIZON_MAX - 9_000, 3.0, None), stage(0, 9.0, Some(0))],
        vec![(0, 1), (1, 2)],
    );
    check_cost(&chain.unwrap(), 3.0 * f64::from(HORIZON_MAX - 9_000).sqrt() + 9_000_f64.sqrt(), 1e-12);
}

#[test]
fn a_stop_ends_the_search_with_a_sound_answer() {
    let Some(chain) = willems(34) else { return };
    let effort = Effort { stop: Some(&|| true), ..Effort::default() };
    check_sound(&chain, &place(&chain, &effort));
}

// The known answers.

fn fields(line: &str) -> Vec<&str> {
    line.split(',').collect()
}

/// A chain of the data set of Willems (2008); `None` where it is not there.
fn willems(number: u32) -> Option<Chain> {
    let stages = shared("data/network/willems2008/stages.csv")?;
    let arcs = shared("data/network/willems2008/arcs.csv")?;
    let mut places = BTreeMap::new();
    let mut rows = Vec::new();
    for line in stages.lines().skip(1) {
        let row = fields(line);
        if row[0] != number.to_string() {
            continue;
        }
        let number = |at: usize| row[at].parse::<f64>().ok();
        let quote = number(8).map(|demand_sd| Quote {
            demand_sd,
            service_level: number(10).unwrap(),
            service_time_max: number(9).unwrap_or(0.0),
        });
        places.insert(row[1], rows.len());
        rows.push(StageRow { cost_added: number(4).unwrap(), time: number(5).unwrap(), quote });
    }
    let arcs = arcs.lines().skip(1).map(fields).filter(|row| row[0] == number.to_string());
    let arcs = arcs.map(|row| (places[row[1]], places[row[2]])).collect();
    Some(chain_of_rows(&rows, arcs, 0.2).unwrap())
}

/// The part of a case of the known answers that stands between its name and the next case's.
fn case(name: &str) -> Option<String> {
    let all = shared("bench/inventory/known_answers.json")?;
    let start = all.find(&format!("\"name\": \"{name}\"")).unwrap_or_else(|| panic!("no case {name}"));
    let rest = &all[start + 8..];
    Some(rest[..rest.find("\"name\":").unwrap_or(rest.len())].to_owned())
}

/// The number after a key.
fn number_of(case: &str, key: &str) -> f64 {
    let after = case.split_once(&format!("\"{key}\":")).unwrap_or_else(|| panic!("no {key} in {case}")).1;
    let after = after.trim_start();
    after[..after.find([',', '}', '\n']).unwrap()].trim().parse().unwrap()
}

/// What a stage holds when every stage quotes nothing, which pins the builder alone.
fn cost_of_zero(chain: &Chain) -> f64 {
    (0..chain.stages.len()).map(|at| chain.cost_of(at) * root(chain.stages[at].processing_time as i32)).sum()
}

#[track_caller]
fn check_willems(number: u32) {
    let Some(case) = case(&format!("gsm_willems_chain_{number:02}")) else { return };
    let Some(chain) = willems(number) else { return };
    let zero = number_of(&case, "cost_if_every_stage_quotes_zero");
    assert!((cost_of_zero(&chain) - zero).abs() <= 1e-9 * zero, "{} is not {zero}", cost_of_zero(&chain));
    check_cost(&chain, number_of(&case, "optimal_cost_usd_per_year"), 1e-9);
}

#[track_caller]
fn check_willems_bounds(number: u32) {
    let Some(case) = case(&format!("gsm_willems_chain_{number:02}_bounds")) else { return };
    let Some(chain) = willems(number) else { return };
    let placement = place(&chain, &Effort::default());
    check_sound(&chain, &placement);
    let zero = number_of(&case, "cost_if_every_stage_quotes_zero");
    assert!((cost_of_zero(&chain) - zero).abs() <= 1e-9 * zero, "{} is not {zero}", cost_of_zero(&chain));
    assert!(placement.cost <= number_of(&case, "best_known_cost_usd_per_year"), "{}", placement.cost);
    assert!(placement.cost >= number_of(&case, "proven_lower_bound"), "{}", placement.cost);
    assert!(placement.proven, "gap {}", placement.gap);
}

#[test]
fn known_answer_gsm_tree_4() {
    // Nodes 1, 3, 2, 4 of the case.
    let rooted = core::f64::consts::SQRT_2;
    let demand = |stage: Stage, demand_bound: f64| Stage { demand_bound, ..stage };
    let stages = vec![
        Stage { inbound_service_time: 1, ..demand(stage(2, 1.0, None), rooted) },
        demand(stage(1, 2.0, None), rooted),
        stage(1, 3.0, Some(0)),
        stage(1, 3.0, Some(1)),
    ];
    check_cost(&Chain::new(stages, vec![(0, 1), (1, 2), (1, 3)]).unwrap(), 8.277_916_867_5, 1e-9);
}

#[test]
fn known_answer_gsm_tree_10_assembly() {
    let times = [2, 3, 2, 4, 2, 3, 6, 4, 3, 2];
    let costs = [0.01, 0.03, 0.04, 0.06, 0.12, 0.13, 0.2, 0.08, 0.04, 0.5];
    let stages = (0..10)
        .map(|at| Stage { demand_bound: 16.448_536_269_5, ..stage(times[at], costs[at], (at == 9).then_some(2)) });
    let arcs = [(1, 2), (2, 3), (3, 5), (4, 5), (5, 6), (6, 10), (7, 10), (8, 10), (9, 10)];
    let arcs = arcs.into_iter().map(|(from, to)| (from - 1, to - 1)).collect();
    check_cost(&Chain::new(stages.collect(), arcs).unwrap(), 18.824_004_472_6, 1e-9);
}

#[test]
fn known_answer_gsm_willems_chain_01() {
    check_willems(1);
}

#[test]
fn known_answer_gsm_willems_chain_02() {
    check_willems(2);
}

#[test]
fn known_answer_gsm_willems_chain_03() {
    check_willems(3);
}

#[test]
fn known_answer_gsm_willems_chain_04() {
    check_willems(4);
}

#[test]
fn known_answer_gsm_willems_chain_06() {
    check_willems(6);
}

#[test]
fn known_answer_gsm_willems_chain_07() {
    check_willems(7);
}

#[test]
fn known_answer_gsm_willems_chain_08() {
    check_willems(8);
}

#[test]
fn known_answer_gsm_willems_chain_10() {
    check_willems(10);
}

#[test]
fn known_answer_gsm_willems_chain_11() {
    check_willems(11);
}

#[test]
fn known_answer_gsm_willems_chain_14() {
    check_willems(14);
}

#[test]
fn known_answer_gsm_willems_chain_15() {
    check_willems(15);
}

#[test]
fn known_answer_gsm_willems_chain_20_bounds() {
    check_willems_bounds(20);
}

#[test]
fn known_answer_gsm_willems_chain_22_bounds() {
    check_willems_bounds(22);
}
