//! Known answers, by formula or by hand.

use super::*;
use crate::situation::{Allocation, DayLevels, Demand, Lateral, Transshipment};

#[test]
fn a_serial_chain_orders_and_ships_in_the_stated_order() {
    let demand = Demand::history(&[5, 8, 3, 12, 0, 7, 9, 4, 15, 2, 6, 6]);
    let trace = model(serial(&[(1, 10, 10), (1, 8, 8), (2, 14, 14)], demand), 12).trace(1, 0);
    let row = |day, pick: fn(&DayOfPosition) -> i32| [0, 1, 2].map(|stage| pick(trace.day(day, stage)));
    // Period 3 and 8 of `trajectory_serial_base_stock`.
    assert_eq!(row(3, |d| d.received), [3, 3, 8]);
    assert_eq!(row(3, |d| d.on_hand), [0, 0, 0]);
    assert_eq!(row(3, |d| d.backorders + d.owed), [2, 4, 1]);
    assert_eq!(row(3, |d| d.ordered), [12, 12, 12]);
    assert_eq!(row(3, |d| d.in_transit), [8, 11, 15]);
    assert_eq!(row(8, |d| d.received), [5, 6, 9]);
    assert_eq!(row(8, |d| d.backorders + d.owed), [5, 7, 5]);
    assert_eq!(row(11, |d| d.in_transit), [7, 6, 12]);
    assert_eq!(row(11, |d| d.on_hand), [3, 2, 2]);
}

#[test]
fn scheduled_levels_hold_from_their_day_until_the_next() {
    let from = |from_day, min, max, least| DayLevels { from_day, min, max, least };
    let orders = |levels: &[DayLevels]| {
        let mut s = serial(&[(2, 0, 20)], Demand::history(&[4; 10]));
        s.positions[0].policy = Policy::Scheduled { levels: levels.into(), of_echelon: false };
        let trace = model(s, 10).trace(1, 0);
        (0..10).map(|day| trace.day(day, 0).ordered).collect::<Vec<_>>()
    };
    // Day by day: 16, 12 and 8 left; from day 3 on always up to 20; from day 6 on only at 3 or less.
    assert_eq!(orders(&[from(0, 0, 9, 1), from(3, 19, 20, 1), from(6, 3, 9, 1)]), [0, 0, 0, 16, 4, 4, 0, 0, 0, 0]);
    // An order is never smaller than the least one.
    assert_eq!(orders(&[from(0, 17, 18, 7)]), [7, 0, 7, 0, 7, 7, 0, 7, 0, 7]);
}

#[test]
fn levels_that_do_not_change_are_those_of_min_and_max() {
    let run = |policy: Policy| {
        let mut s = serial(&[(2, 0, 9), (3, 30, 30)], poisson(3.0));
        s.positions[0].policy = policy;
        model(s, 60).run(4, 0..20, Effort::default()).unwrap()
    };
    let same =
        [DayLevels { from_day: 0, min: 8, max: 14, least: 1 }, DayLevels { from_day: 9, min: 8, max: 14, least: 1 }];
    let scheduled = Policy::Scheduled { levels: same.into(), of_echelon: false };
    assert_eq!(run(scheduled), run(Policy::MinMax { min: 8, max: 14 }));
}

#[test]
fn what_is_carried_in_the_warm_up_is_not_counted() {
    let departures = |warm_up_days| {
        let mut s = serial(&[(1, 4, 4)], Demand::history(&[4; 10]));
        let plant = s.add_site("PLANT", 1);
        let hours = (24.0, 0.0);
        s.lanes.push(crate::situation::Lane {
            lane: "HAUL".parse().unwrap(),
            from: plant,
            to: 0,
            mode: firmware_schemas::network::Mode::Road,
            via: Vec::new(),
            lead_time_h: hours.0,
            lead_time_sd_h: hours.1,
            distance: firmware_schemas::quantity::Metres(1_000),
            departure_cost_minor: 0,
            tonne_cost_minor: 0,
            capacity_per_day: None,
            departs_every_days: 1,
        });
        s.positions[0].sources[0] =
            StockPosition::new(0, 0).from(Origin::Outside { site: Some(plant) }, Route::Lanes).sources[0].clone();
        let tally = Model::new(Arc::new(s), 10, warm_up_days).run(1, 0..1, Effort::default()).unwrap();
        (tally.departures(0, 0), tally.grams(0, 0))
    };
    assert_eq!(departures(0), (10, 40_000));
    assert_eq!(departures(7), (3, 12_000));
}

#[test]
fn a_warehouse_rations_in_proportion() {
    let mut s = Situation::empty();
    let sku = s.add_sku("SKU");
    let sites = [s.add_site("A", 0), s.add_site("B", 0), s.add_site("W", 1)];
    let demand: [&[u32]; 2] = [&[7, 9, 12, 3, 10, 6, 14, 1, 8, 5], &[4, 6, 8, 11, 2, 6, 9, 3, 8, 7]];
    for i in 0..2 {
        s.add(StockPosition {
            on_hand: 15,
            policy: Policy::MinMax { min: 12, max: 24 },
            demand: Demand::history(demand[i]),
            ..StockPosition::new(sites[i], sku).from(Origin::Position(2), Route::days(1 + i as u16))
        });
    }
    s.add(StockPosition {
        on_hand: 30,
        policy: Policy::ReorderLot { reorder_point: 25, lot: 30 },
        allocation: Allocation::Proportional,
        ..StockPosition::new(sites[2], sku).from(Origin::Outside { site: None }, Route::days(2))
    });
    let trace = model(s, 10).trace(1, 0);
    let stores = |pick: fn(&DayOfPosition) -> i32| -> Vec<[i32; 2]> {
        (0..10).map(|day| [pick(trace.day(day, 0)), pick(trace.day(day, 1))]).collect()
    };
    let orders: Vec<i32> = (0..10).map(|day| trace.day(day, 2).ordered).collect();
    assert_eq!(orders, [30, 0, 30, 0, 30, 0, 60, 0, 0, 30]);
    let sent = [[16, 13], [0, 0], [19, 12], [0, 0], [15, 15], [0, 0], [17, 13], [0, 0], [3, 2], [14, 18]];
    assert_eq!(stores(|d| d.sent_here), sent);
    let on_hand = [[8, 11], [15, 5], [3, 10], [19, 0], [9, 9], [18, 3], [4, 9], [20, 6], [12, 11], [10, 4]];
    assert_eq!(stores(|d| d.on_hand), on_hand);
}

/// Mean cost of a day per replication: holding and waiting at 1 each, times their rates.
fn mean_cost(model: &Model, holding: f64, backorder: f64, lost: f64) -> f64 {
    let tally = model.run(7, 0..200, Effort::default()).unwrap();
    let sum = |stat| (0..200).map(|r| tally.total(r, stat)).sum::<i64>() as f64;
    let days = 200.0 * f64::from(model.counted_days());
    (holding * sum(Stat::OnHandDays) + backorder * sum(Stat::BackorderDays) + lost * sum(Stat::Lost)) / days
}

#[track_caller]
fn close(found: f64, expected: f64, relative: f64) {
    assert!((found / expected - 1.0).abs() < relative, "{found} is not {expected}");
}

#[test]
fn a_newsvendor_costs_what_the_formula_says() {
    // Order before demand with no lead time is order after demand with one day of it.
    let s = serial(&[(1, 8, 8)], poisson(6.0));
    close(mean_cost(&model(s, 1_000), 1.0, 4.0, 0.0), 3.570_106_945_8, 0.005);
}

#[test]
fn an_s_s_policy_costs_what_the_renewal_formula_says() {
    let mut s = serial(&[(1, 40, 40)], poisson(10.0));
    s.positions[0].policy = Policy::MinMax { min: 6, max: 40 };
    let m = model(s, 1_000);
    let orders = m.run(7, 0..200, Effort::default()).map(|t| (0..200).map(|r| t.total(r, Stat::Orders)).sum::<i64>());
    let fixed = 64.0 * orders.unwrap() as f64 / 200_000.0;
    close(mean_cost(&m, 1.0, 9.0, 0.0) + fixed, 35.021_555_272_3, 0.005);
}

#[test]
fn lost_sales_cost_what_the_exact_chain_says() {
    for (lead, level, cost) in [(1, 12, 4.162_802_775), (2, 16, 4.638_644_112)] {
        let mut s = serial(&[(lead + 1, level, level)], poisson(5.0));
        s.positions[0].backorder_permille = 0;
        close(mean_cost(&Model::new(Arc::new(s), 1_100, 100), 1.0, 0.0, 4.0), cost, 0.005);
    }
}

#[test]
fn two_sites_that_help_each_other_cost_what_enumeration_says() {
    for (helps, cost) in [(true, 9.937_839_911_4), (false, 15.680_157_581_6)] {
        let mut s = Situation::empty();
        let sku = s.add_sku("SKU");
        for name in ["A", "B"] {
            let site = s.add_site(name, 0);
            s.add(StockPosition {
                on_hand: 12,
                policy: Policy::BaseStock { level: 12 },
                backorder_permille: 0,
                demand: poisson(10.0),
                lateral: helps.then_some(Lateral { pool: 0, when: Transshipment::Reactive, cost_minor: 1.0 }),
                ..StockPosition::new(site, sku).from(Origin::Outside { site: None }, Route::days(1))
            });
        }
        let m = model(s, 1_000);
        let tally = m.run(7, 0..200, Effort::default()).unwrap();
        let moved = (0..200).map(|r| tally.total(r, Stat::Transshipped)).sum::<i64>() as f64 / 200_000.0;
        close(mean_cost(&m, 1.0, 0.0, 10.0) + moved, cost, 0.01);
        assert!(!helps || (moved / 0.574_231_767 - 1.0).abs() < 0.02, "{moved}");
    }
}

#[test]
fn fill_rate_and_cycle_service_are_what_the_formula_says() {
    // Review every day, two days of lead time: an order covers three days of demand.
    let m = model(serial(&[(3, 25, 25)], poisson(6.0)), 2_000);
    let tally = m.run(7, 0..100, Effort::default()).unwrap();
    let sum = |stat| (0..100).map(|r| tally.total(r, stat)).sum::<i64>() as f64;
    close(sum(Stat::ServedAtOnce) / sum(Stat::Demand), 0.981_176_230_1, 0.002);
    close(1.0 - sum(Stat::ShortDays) / 200_000.0, 0.955_397, 0.004);
}
