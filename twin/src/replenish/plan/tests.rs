//! What holds for every plan.

use super::*;
use crate::replenish::calendar::ReviewCalendar;
use crate::replenish::demand::{DemandDistribution, Rate};
use crate::replenish::lot::{LotRules, PriceBreak};
use crate::replenish::position::{Modes, Source, Supplier, Target};
use crate::replenish::projection::{Receipt, Unmet};
use crate::replenish::sentence::{chinese, english};
use crate::replenish::{SourceWhy, Together};
use proptest::prelude::*;
use std::sync::Arc;

fn position(site: u32, sku: u32) -> Position {
    Position {
        site,
        sku,
        class: 0,
        priority: 1,
        on_hand: 10,
        reserved: 0,
        backorders: 0,
        receipts: Vec::new(),
        demand: DemandDistribution::Steady(Rate { mean: 4.0, variance: 6.0 }),
        unmet: Unmet::Lost,
        target: Target { holding_minor_per_day: 1.0, shortage_minor: 50.0, level: None },
        review: ReviewCalendar::DAILY,
        sources: vec![Source::new(Origin::Supplier(0), 3)],
        load_per_piece: 1,
        shelf_life_days: None,
    }
}

fn inputs(positions: Vec<Position>) -> Inputs {
    Inputs { today: 20_000, positions, suppliers: vec![Supplier::default(); 2], ..Inputs::default() }
}

#[track_caller]
fn planned(inputs: &Inputs) -> Plan {
    plan(inputs, 1).unwrap()
}

fn quantities(plan: &Plan) -> Vec<(u32, u64)> {
    plan.proposals.iter().map(|it| (it.site, it.quantity)).collect()
}

fn has(proposal: &Proposal, fits: impl Fn(&Reason) -> bool) -> bool {
    proposal.reasons.iter().any(fits)
}

#[track_caller]
fn check_held(position: Position, gate: Gate) {
    let plan = planned(&inputs(vec![position]));
    assert_eq!((plan.proposals.len(), plan.held.first().map(|it| it.gate)), (0, Some(gate)));
}

#[test]
fn gates_say_why_nothing_is_ordered() {
    check_held(
        Position { review: ReviewCalendar::Every { days: 7, first_day: 20_002 }, ..position(0, 0) },
        Gate::NotDue { days: 2 },
    );
    check_held(Position { sources: Vec::new(), ..position(0, 0) }, Gate::NoSource);
    let empty = Source { capacity: Some(0), ..Source::new(Origin::Supplier(0), 3) };
    check_held(Position { sources: vec![empty], ..position(0, 0) }, Gate::SourcesEmpty);
    let off = Inputs { modes: Modes { rules: vec![(Some(0), None, Mode::Off)] }, ..inputs(vec![position(0, 0)]) };
    assert_eq!(planned(&off).held, [Held { position: 0, gate: Gate::Off }]);
    let full = Position { on_hand: 500, ..position(0, 0) };
    assert_eq!(planned(&inputs(vec![full])), Plan::default());
}

#[test]
fn modes_are_by_site_and_class_and_the_last_rule_counts() {
    let modes = Modes {
        rules: vec![(None, None, Mode::Automatic), (Some(1), None, Mode::Off), (Some(1), Some(7), Mode::Proposed)],
    };
    assert_eq!([modes.of(0, 7), modes.of(1, 0), modes.of(1, 7)], [Mode::Automatic, Mode::Off, Mode::Proposed]);
    assert_eq!(Modes::default().of(0, 0), Mode::Proposed);
}

#[test]
fn a_warehouse_that_is_short_serves_by_priority_and_the_rest_is_bought() {
    let shop = |site: u32, priority: u32| Position {
        on_hand: 0,
        priority,
        sources: vec![Source::new(Origin::Warehouse(9), 1), Source::new(Origin::Supplier(0), 3)],
        ..position(site, 0)
    };
    let warehouse =
        Position { on_hand: 15, demand: DemandDistribution::certain(0.0), sources: Vec::new(), ..position(9, 0) };
    let plan = planned(&inputs(vec![shop(1, 2), shop(0, 1), warehouse]));
    let moved: Vec<_> = plan.proposals.iter().filter(|it| it.origin == Origin::Warehouse(9)).collect();
    assert_eq!(moved.iter().map(|it| it.quantity).sum::<u64>(), 15);
    assert_eq!(moved[0].site, 0);
    let rest = plan.proposals.iter().find(|it| it.site == 1 && it.origin == Origin::Supplier(0)).unwrap();
    assert!(has(moved[0], |it| matches!(it, Reason::Source { why: SourceWhy::TransferFirst, .. })));
    assert!(has(rest, |it| matches!(it, Reason::Source { .. })));
}

#[test]
fn a_neighbour_gives_what_it_can_spare_and_no_more() {
    let short = Position {
        on_hand: 0,
        sources: vec![Source::new(Origin::Neighbour(1), 1), Source::new(Origin::Supplier(0), 3)],
        ..position(0, 0)
    };
    let rich = Position { on_hand: 40, ..position(1, 0) };
    let plan = planned(&inputs(vec![short.clone(), rich.clone()]));
    let moved = plan.proposals.iter().find(|it| it.origin == Origin::Neighbour(1)).unwrap().quantity;
    assert!(moved > 0 && plan.proposals.iter().all(|it| it.site == 0));
    let after = planned(&inputs(vec![short, Position { on_hand: 40 - moved as u32, ..rich }]));
    assert!(after.proposals.iter().all(|it| it.site == 0), "what it gave makes the neighbour order: {after:?}");
}

#[test]
fn an_order_near_a_full_truck_is_filled_and_one_far_from_it_is_cut() {
    let with = |truck: u64, from_permille: u32| {
        let mut inputs = inputs((0..4).map(|sku| position(0, sku)).collect());
        inputs.suppliers[0] =
            Supplier { truck_load: Some(truck), fill_from_permille: from_permille, ..Supplier::default() };
        planned(&inputs)
    };
    let need: u64 = with(1, 500).proposals.iter().map(|it| it.quantity).sum();
    let filled = with(need + 5, 800);
    assert_eq!(filled.proposals.iter().map(|it| it.quantity).sum::<u64>(), need + 5);
    assert!(filled.proposals.iter().any(|it| has(it, |r| matches!(r, Reason::Joint { why: Together::Truck, .. }))));
    let cut = with(need - 5, 800);
    assert_eq!(cut.proposals.iter().map(|it| it.quantity).sum::<u64>(), need - 5);
    assert!(with(need * 3, 800).proposals.is_empty());
    assert!(with(need * 3, 800).held.iter().all(|it| it.gate == Gate::BelowSupplierMinimum));
}

#[track_caller]
fn check_shelf_life(days: u32, lot: LotRules, expected: Result<u64, Gate>) {
    // Exactly 4 a day, none on the shelf, three days until it comes, looked at again after seven.
    let position = Position {
        on_hand: 12,
        demand: DemandDistribution::certain(4.0),
        review: ReviewCalendar::Every { days: 7, first_day: 20_000 },
        sources: vec![Source { lot, ..Source::new(Origin::Supplier(0), 3) }],
        shelf_life_days: Some(days),
        ..position(0, 0)
    };
    let plan = planned(&inputs(vec![position]));
    let held = plan.held.first().map(|it| it.gate);
    assert_eq!(plan.proposals.first().map(|it| it.quantity).ok_or(held), expected.map_err(Some), "{days} days");
    for proposal in &plan.proposals {
        let is_cut = has(proposal, |it| matches!(it, Reason::Cut { limit: Limit::ShelfLife, .. }));
        assert_eq!(is_cut, days < 8, "{}", english(proposal));
        assert_eq!(is_cut, english(proposal).contains("before it spoils") && chinese(proposal).contains("保质期"));
    }
}

#[test]
fn no_more_is_ordered_than_is_sold_before_it_spoils() {
    let by = |multiple| LotRules { multiple, ..LotRules::default() };
    check_shelf_life(100, by(1), Ok(28));
    check_shelf_life(5, by(1), Ok(20));
    // Two cartons of 15 last for eight days.
    check_shelf_life(8, by(15), Ok(30));
    check_shelf_life(7, by(15), Ok(15));
    check_shelf_life(3, by(15), Err(Gate::WouldSpoil));
    check_shelf_life(0, by(1), Err(Gate::WouldSpoil));
}

#[test]
fn items_with_enough_join_an_order_that_is_near_its_minimum() {
    let enough = Position { on_hand: 30, ..position(0, 1) };
    let mut given = inputs(vec![Position { on_hand: 0, ..position(0, 0) }, enough]);
    let need = planned(&given).proposals[0].quantity;
    given.suppliers[0] = Supplier { min_pieces: need + 6, fill_from_permille: 600, ..Supplier::default() };
    let plan = planned(&given);
    assert_eq!(plan.proposals.iter().map(|it| it.quantity).sum::<u64>(), need + 6);
}

#[test]
fn the_cheapest_of_equal_sources_is_chosen_and_breaks_are_used() {
    let at = |supplier: u32, price_minor: u64| Source {
        prices: Arc::from([
            PriceBreak { from: 0, price_minor },
            PriceBreak { from: 40, price_minor: price_minor * 8 / 10 },
        ]),
        ..Source::new(Origin::Supplier(supplier), 3)
    };
    let given = inputs(vec![Position { on_hand: 0, sources: vec![at(0, 300), at(1, 200)], ..position(0, 0) }]);
    let plan = planned(&given);
    assert_eq!((plan.proposals[0].origin, plan.proposals[0].quantity), (Origin::Supplier(1), 40));
    assert_eq!(plan.proposals[0].cost_minor, 40 * 160);
    assert!(has(&plan.proposals[0], |it| matches!(it, Reason::PriceBreak { to: 40, .. })));
    assert!(has(&plan.proposals[0], |it| matches!(it, Reason::Source { why: SourceWhy::Cheapest, .. })));
}

#[test]
fn a_proposal_reads_as_sentences_in_both_languages() {
    let source = Source { lot: LotRules { multiple: 6, ..LotRules::default() }, ..Source::new(Origin::Supplier(0), 3) };
    let given = inputs(vec![Position {
        reserved: 2,
        receipts: vec![Receipt { period: 1, pieces: 3 }],
        sources: vec![source],
        ..position(0, 0)
    }]);
    let plan = planned(&given);
    let text = english(&plan.proposals[0]);
    for part in [
        "Order 12 of # 0 for # 0 from supplier # 0.",
        "Promised to others: 2.",
        "Under way: 3.",
        "Rounded from",
        "The risk",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = chinese(&plan.proposals[0]);
    for part in ["订购", "已预留 2 件", "在途 3 件", "取整为 12 件", "风险"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    assert_eq!(plan(&inputs(vec![position(0, 0), position(0, 0)]), 1), Err(ReplenishError::Twice { site: 0, sku: 0 }));
    let stranger = Position { sources: vec![Source::new(Origin::Supplier(7), 1)], ..position(0, 0) };
    assert!(matches!(plan(&inputs(vec![stranger]), 1), Err(ReplenishError::Origin { .. })));
    let endless = Position { demand: DemandDistribution::certain(f64::NAN), ..position(0, 0) };
    assert!(matches!(plan(&inputs(vec![endless]), 1), Err(ReplenishError::Demand { .. })));
}

prop_compose! {
    fn any_position()(
        on_hand in 0_u32..40, reserved in 0_u32..6, mean in 0.0_f64..6.0, ratio in 0.5_f64..3.0,
        receipt in prop::option::of((0_u32..8, 1_u32..20)),
        lead in 1_u32..9, min in 0_u64..12, multiple in 1_u64..8, priority in 0_u32..3, waits in any::<bool>(),
        every in 1_u32..8, price_minor in 1_u64..90, capacity in prop::option::of(0_u64..60),
        transfer in 0_u32..4, shelf_life_days in prop::option::of(0_u32..20),
    ) -> Position {
        let mut source = Source {
            lot: LotRules { min, multiple, ..LotRules::default() },
            prices: Arc::from([PriceBreak { from: 0, price_minor: price_minor + 10 }, PriceBreak { from: 24, price_minor }]),
            capacity,
            ..Source::new(Origin::Supplier(priority % 2), lead)
        };
        source.priority = priority;
        let mut sources = vec![source.clone()];
        if transfer > 0 {
            let origin = if transfer == 1 { Origin::Warehouse(0) } else { Origin::Neighbour(transfer) };
            sources.push(Source { origin, lead: Lead::Days(1), capacity: None, prices: Arc::from([]), ..source });
        }
        Position {
            on_hand, reserved, priority,
            receipts: receipt.map(|(period, pieces)| Receipt { period, pieces }).into_iter().collect(),
            demand: DemandDistribution::Steady(Rate { mean, variance: mean * ratio }),
            unmet: if waits { Unmet::Waits } else { Unmet::Lost },
            review: ReviewCalendar::Every { days: every, first_day: 20_000 },
            sources,
            shelf_life_days,
            ..position(0, 0)
        }
    }
}

use crate::replenish::position::Lead;

prop_compose! {
    fn any_inputs()(
        positions in prop::collection::vec(any_position(), 1..16),
        budget_minor in prop::option::of(0_u64..4_000),
        site_capacity in prop::collection::vec(prop::option::of(0_u64..50), 4),
        capacity in prop::option::of(0_u64..80),
        min_pieces in 0_u64..30, truck_load in prop::option::of(5_u64..40), fill_from_permille in 0_u32..1_100,
    ) -> Inputs {
        let positions = positions
            .into_iter()
            .enumerate()
            .map(|(i, mut it)| {
                (it.site, it.sku) = (i as u32 % 4, i as u32 / 4);
                let site = it.site;
                it.sources.retain(|source| !matches!(source.origin, Origin::Warehouse(s) | Origin::Neighbour(s) if s == site));
                it
            })
            .collect();
        Inputs {
            budget_minor, site_capacity,
            suppliers: vec![Supplier { capacity, min_pieces, truck_load, fill_from_permille, min_value_minor: 0 }; 2],
            ..inputs(positions)
        }
    }
}

proptest! {
    #[test]
    fn proposals_keep_every_limit_and_rule(given in any_inputs()) {
        let plan = planned(&given);
        let mut money = 0;
        let (mut by_site, mut by_supplier) = ([0_u64; 4], [0_u64; 2]);
        for it in &plan.proposals {
            let position = &given.positions[it.position];
            let source = position.sources.iter().find(|source| source.origin == it.origin).unwrap();
            prop_assert!(it.quantity >= source.lot.min && it.quantity.is_multiple_of(source.lot.multiple), "{it:?}");
            prop_assert!(source.capacity.is_none_or(|most| it.quantity <= most));
            by_site[it.site as usize] += it.quantity;
            if let Origin::Supplier(supplier) = it.origin {
                money += it.cost_minor;
                by_supplier[supplier as usize] += it.quantity;
            }
        }
        prop_assert!(given.budget_minor.is_none_or(|most| money <= most));
        for (site, pieces) in by_site.into_iter().enumerate() {
            prop_assert!(given.site_capacity[site].is_none_or(|most| pieces <= most));
        }
        for (supplier, pieces) in by_supplier.into_iter().enumerate() {
            prop_assert!(given.suppliers[supplier].capacity.is_none_or(|most| pieces <= most));
            let per_site = |site: u32| -> u64 {
                let mine = |it: &&Proposal| it.site == site && it.origin == Origin::Supplier(supplier as u32);
                plan.proposals.iter().filter(mine).map(|it| it.quantity).sum()
            };
            prop_assert!((0..4).map(per_site).all(|it| it == 0 || it >= given.suppliers[supplier].min_pieces));
        }
        for (at, position) in given.positions.iter().enumerate() {
            let ordered: u64 = plan.proposals.iter().filter(|it| it.position == at).map(|it| it.quantity).sum();
            let horizon = horizon(position, given.today);
            let most = most_before_spoilt(&mut Projector::default(), position, &horizon);
            prop_assert!(most.is_none_or(|most| ordered <= most), "{ordered}, not {most:?}, of {position:?}");
        }
        // What is moved was there.
        for (giver, position) in given.positions.iter().enumerate() {
            let given_away: u64 = plan.proposals.iter()
                .filter(|it| it.sku == position.sku && matches!(it.origin, Origin::Warehouse(s) | Origin::Neighbour(s) if s == position.site))
                .map(|it| it.quantity)
                .sum();
            prop_assert!(given_away <= given.positions[giver].free().max(0) as u64);
        }
    }

    #[test]
    fn the_order_of_positions_and_the_number_of_threads_are_of_no_account(given in any_inputs(), turn in 0_usize..16) {
        let plan = planned(&given);
        let mut turned = given.clone();
        let n = turned.positions.len();
        turned.positions.rotate_left(turn % n);
        let mut other = super::plan(&turned, 3).unwrap();
        for it in &mut other.proposals {
            it.position = (it.position + turn) % n;
        }
        for it in &mut other.held {
            it.position = (it.position + turn) % n;
        }
        prop_assert_eq!(plan, other);
    }

    #[test]
    fn more_stock_never_raises_the_order(mut position in any_position(), more in 1_u32..30) {
        position.sources.truncate(1);
        let of = |position: &Position| quantities(&planned(&inputs(vec![position.clone()]))).first().map_or(0, |it| it.1);
        let before = of(&position);
        position.on_hand += more;
        prop_assert!(of(&position) <= before, "{} after {before}", of(&position));
    }
}
