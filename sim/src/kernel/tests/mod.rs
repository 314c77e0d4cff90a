//! The kernel against known answers, and against itself.

mod known;
mod laws;

use super::*;
use crate::situation::{Demand, Origin, Policy, Route, Situation, StockPosition};
use crate::theory::distribution::Pmf;
use std::sync::Arc;

fn model(situation: Situation, days: u32) -> Model {
    Model::new(Arc::new(situation), days, 0)
}

/// A chain of sites, the first sells: each with its lead time, base stock and stock at the start.
fn serial(stages: &[(u16, i64, i64)], demand: Demand) -> Situation {
    let mut s = Situation::empty();
    let sku = s.add_sku("SKU");
    for (i, (lead, level, on_hand)) in stages.iter().enumerate() {
        let site = s.add_site(&format!("STAGE-{i}"), i as u8);
        let last = i + 1 == stages.len();
        let from = if last { Origin::Outside { site: None } } else { Origin::Position(i as u32 + 1) };
        s.add(StockPosition {
            on_hand: *on_hand,
            policy: Policy::BaseStock { level: *level },
            demand: if i == 0 { demand.clone() } else { Demand::None },
            ..StockPosition::new(site, sku).from(from, Route::days(*lead))
        });
    }
    s
}

fn poisson(mean: f64) -> Demand {
    Demand::random(Pmf::poisson(mean).unwrap())
}
