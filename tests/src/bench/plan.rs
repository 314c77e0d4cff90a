//! A planning run over a million stock positions: shops served by warehouses and suppliers, with every limit.

use super::{Figure, Goal, Options};
use anyhow::{Result, ensure};
use std::sync::Arc;
use std::time::Instant;
use twin::replenish::demand::{DemandDistribution, Rate};
use twin::replenish::lot::{LotRules, PriceBreak};
use twin::replenish::projection::{Receipt, Unmet};
use twin::replenish::{
    Inputs, Lead, Mode, Modes, Origin, Position, ReviewCalendar, Source, Supplier, Target, plan, sentence,
};

const SITES: u32 = 200;
const SUPPLIERS: u32 = 500;
const WAREHOUSE: u32 = SITES - 1;
const TODAY: u32 = 20_000;

fn below(n: u64, limit: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) % limit
}

/// A shop's position: demand from slow to fast by periods or steady, some goods under way, a warehouse or a
/// neighbour beside the supplier.
fn position(site: u32, sku: u32) -> Position {
    let at = |k: u64| (u64::from(sku) * u64::from(SITES) + u64::from(site)) * 32 + k;
    let speed = below(u64::from(sku), 100) as f64;
    let mean = if site == WAREHOUSE { 40.0 + speed * 10.0 } else { 0.05 + speed * speed / 500.0 };
    let variance = mean * (1.0 + below(at(0), 20) as f64 / 10.0);
    let lead = if below(at(1), 5) == 0 {
        Lead::Mixed(Arc::from([(4, 0.6), (6, 0.3), (9, 0.1)]))
    } else {
        Lead::Days(2 + below(at(2), 12) as u32)
    };
    let price_minor = 50 + below(at(3), 5_000);
    let supplier = Source {
        lead,
        lot: LotRules { min: 1, multiple: 1 + below(at(4), 12), pallet: None, container: None },
        prices: Arc::from([
            PriceBreak { from: 0, price_minor },
            PriceBreak { from: 100, price_minor: price_minor * 9 / 10 },
        ]),
        ..Source::new(Origin::Supplier(sku % SUPPLIERS), 5)
    };
    let mut sources = vec![supplier];
    if site != WAREHOUSE && below(at(5), 2) == 0 {
        sources.push(Source::new(Origin::Warehouse(WAREHOUSE), 1));
    }
    if site != WAREHOUSE && below(at(6), 10) == 0 {
        sources.push(Source::new(Origin::Neighbour((site + 1) % WAREHOUSE), 1));
    }
    let rate = Rate { mean, variance };
    Position {
        site,
        sku,
        class: b'A' + below(at(7), 3) as u8,
        priority: below(at(8), 3) as u32,
        on_hand: (mean * below(at(9), 12) as f64) as u32,
        reserved: below(at(10), 3) as u32,
        backorders: 0,
        receipts: (0..below(at(11), 3))
            .map(|k| Receipt { period: below(at(12 + k), 10) as u32, pieces: (mean * 3.0) as u32 + 1 })
            .collect(),
        demand: if below(at(15), 4) == 0 {
            DemandDistribution::ByPeriod { rates: Arc::from([rate; 7]), level_cv: 0.2 }
        } else {
            DemandDistribution::Steady(rate)
        },
        unmet: if site == WAREHOUSE { Unmet::Waits } else { Unmet::Lost },
        target: Target {
            holding_minor_per_day: price_minor as f64 / 1_000.0,
            shortage_minor: price_minor as f64,
            level: None,
        },
        review: ReviewCalendar::Every { days: 1 + below(at(16), 3) as u32, first_day: TODAY },
        sources,
        load_per_piece: 1 + below(at(17), 4) as u32,
        shelf_life_days: None,
    }
}

pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let n = options.n.unwrap_or(1_000_000) as u32;
    let mut inputs = Inputs {
        today: TODAY,
        positions: (0..n).map(|i| position(i % SITES, i / SITES)).collect(),
        suppliers: vec![
            Supplier {
                min_pieces: 20,
                truck_load: Some(2_000),
                fill_from_permille: 10,
                ..Supplier::default()
            };
            SUPPLIERS as usize
        ],
        site_capacity: Vec::new(),
        budget_minor: None,
        modes: Modes { rules: vec![(None, None, Mode::Automatic), (None, Some(b'C'), Mode::Proposed)] },
    };
    for supplier in inputs.suppliers.iter_mut().step_by(2) {
        *supplier = Supplier::default();
    }
    let timed = |inputs: &Inputs, threads: usize| -> Result<_> {
        let begun = Instant::now();
        let plan = plan(inputs, threads)?;
        Ok((begun.elapsed().as_secs_f64(), plan))
    };
    let (one, free) = timed(&inputs, 1)?;
    let (two, same) = timed(&inputs, 2)?;
    ensure!(free == same, "two threads plan otherwise than one");
    let spent: u64 =
        free.proposals.iter().filter(|it| matches!(it.origin, Origin::Supplier(_))).map(|it| it.cost_minor).sum();
    inputs.budget_minor = Some(spent / 10 * 9);
    inputs.site_capacity =
        vec![Some(free.proposals.iter().map(|it| it.quantity).sum::<u64>() / u64::from(SITES)); SITES as usize];
    let (limited, cut) = timed(&inputs, 2)?;
    let bought: u64 =
        cut.proposals.iter().filter(|it| matches!(it.origin, Origin::Supplier(_))).map(|it| it.cost_minor).sum();
    ensure!(inputs.budget_minor.is_some_and(|most| bought <= most), "the budget was overrun");
    let begun = Instant::now();
    let letters: usize = cut.proposals.iter().map(|it| sentence::english(it).len()).sum();
    let sentences = cut.proposals.len() as f64 / begun.elapsed().as_secs_f64();
    ensure!(letters > 0, "no sentences");
    let secs = |name: &str, value: f64| Figure::alone(format!("{name}, {n} positions"), value, "s", Goal::AtMost(60.0));
    Ok(vec![
        Figure::alone(format!("planning run, one thread, {n} positions"), one, "s", Goal::None),
        secs("planning run, two threads", two),
        secs("the same with a budget of nine tenths and full sites", limited),
        Figure::alone("proposals", free.proposals.len() as f64, "", Goal::None),
        Figure::alone("proposals within the limits", cut.proposals.len() as f64, "", Goal::None),
        Figure::alone("proposals as English sentences", sentences, "a second", Goal::None),
    ])
}
