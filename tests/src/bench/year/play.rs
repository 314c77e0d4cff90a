//! Plays policies in the simulator, looks for the knob that gives a fill rate, and counts.

use super::levels::Set;
use super::network::{DAYS, GROUPS, Network, QUARTER, WEEKS_BEFORE};
use sim::experiment::{Kpi, Outcome, Part, Plan, Scope, run};
use sim::kernel::Stat;

/// Of all random lead times.
const SEED: u64 = 20_111_209;
/// The first day that counts and the last, of the played time.
pub(super) const YEAR: (usize, usize) = (QUARTER, DAYS);
/// The same of the weeks before it that choices are made on.
pub(super) const BEFORE: (usize, usize) = (QUARTER - 7 * (WEEKS_BEFORE - WEEKS_BEFORE / 2), QUARTER);

/// Runs one set of policies on one thread. Days before the first that counts warm up.
pub(super) fn play(network: &Network, policies: Set, days: (usize, usize), replications: u32) -> Outcome {
    let plan = Plan { warm_up_days: days.0 as u32, ..Plan::fixed(SEED, days.1 as u32, replications) };
    let cases = vec![(String::new(), network.with(policies))];
    let outcomes = run(cases, &plan, 1, None, &mut |_| {});
    outcomes.and_then(|mut it| it.pop()).unwrap_or_else(|| unreachable!("nobody stops it"))
}

/// The knob at which the fill rate is `goal`, between bounds, and the fill rate there: regula falsi on logarithms of
/// the knob and of the odds, which are nearly a straight line (Dowell and Jarratt 1971, the Illinois rule).
pub(super) fn search(
    network: &Network,
    goal: f64,
    bounds: (f64, f64),
    days: (usize, usize),
    replications: u32,
    policies: &dyn Fn(f64) -> Set,
) -> (f64, f64) {
    let odds = |share: f64| libm::log(share.clamp(1e-6, 1.0 - 1e-6) / (1.0 - share.clamp(1e-6, 1.0 - 1e-6)));
    let mut best = (bounds.0, 0.0_f64);
    let mut look = |x: f64| {
        let knob = libm::exp(x);
        let fill = fill(&play(network, policies(knob), days, replications));
        if (fill - goal).abs() < (best.1 - goal).abs() {
            best = (knob, fill);
        }
        ((fill - goal).abs() < CLOSE, odds(fill) - odds(goal))
    };
    let mut low = (libm::log(bounds.0), 0.0);
    let mut high = (libm::log(bounds.1), 0.0);
    low.1 = look(low.0).1;
    high.1 = look(high.0).1;
    // Where the goal is not between the bounds, the nearer bound is all there is.
    for _ in 0..if low.1 < 0.0 && high.1 > 0.0 { TURNS } else { 0 } {
        let part = (-low.1 / (high.1 - low.1)).clamp(0.05, 0.95);
        let x = low.0 + part * (high.0 - low.0);
        let (is_close, y) = look(x);
        if is_close {
            break;
        }
        if y < 0.0 {
            (low, high.1) = ((x, y), high.1 / 2.0);
        } else {
            (high, low.1) = ((x, y), low.1 / 2.0);
        }
    }
    best
}

/// A fill rate is found when it is within so much.
const CLOSE: f64 = 0.000_2;
/// The most steps of a search.
const TURNS: usize = 24;

fn fill(outcome: &Outcome) -> f64 {
    outcome.estimate(Kpi::FillRate, Scope::All).map_or(0.0, |it| it.mean)
}

/// What was counted, by replication.
pub(super) struct Measured {
    /// Name, unit and values.
    pub(super) kpis: Vec<(&'static str, &'static str, Vec<f64>)>,
    /// Stock turns of each group of goods, mean of all replications.
    pub(super) turns_of_groups: Vec<f64>,
}

impl Measured {
    /// Of one run.
    pub(super) fn of(network: &Network, outcome: &Outcome) -> Self {
        let days = f64::from(outcome.model.counted_days());
        let all = Part::of(&outcome.model, Scope::All);
        let replications = || outcome.tally.replications();
        let kpi = |kpi: Kpi, scope: Scope<'_>, times: f64| -> Vec<f64> {
            outcome.values(kpi, scope).into_iter().map(|it| it.unwrap_or(f64::NAN) * times).collect()
        };
        let value = |it| all.sum(outcome, it, Stat::ValueDays) as f64 / days / 100.0;
        let orders = |it| network.purchase_lanes.iter().map(|at| f64::from(outcome.tally.departures(it, *at))).sum();
        let centre = Part::of(&outcome.model, Scope::Tier(2));
        let bought = replications().map(|it| centre.sum(outcome, it, Stat::Received) as f64).collect();
        let year = 365.0 / days;
        let kpis = vec![
            ("fill rate", "%", kpi(Kpi::FillRate, Scope::All, 100.0)),
            ("pieces asked for", "", kpi(Kpi::Demand, Scope::All, 1.0)),
            ("mean stock at cost", "GBP", replications().map(value).collect()),
            ("stock turns", "a year", kpi(Kpi::Turns, Scope::All, 1.0)),
            ("bullwhip of the regions", "", kpi(Kpi::Bullwhip, Scope::Tier(1), 1.0)),
            ("bullwhip of the centre", "", kpi(Kpi::Bullwhip, Scope::Tier(2), 1.0)),
            ("purchase orders", "", replications().map(orders).collect()),
            ("purchase order lines", "", kpi(Kpi::Orders, Scope::Tier(2), 1.0)),
            ("transfer lines", "", kpi(Kpi::Orders, Scope::Tier(1), 1.0)),
            ("pieces received from suppliers", "", bought),
            ("tonne-kilometres", "t km", kpi(Kpi::TonneKm, Scope::All, 1.0)),
            ("CO2e of transport", "kg", kpi(Kpi::Co2e, Scope::All, 1.0)),
            ("cost of stock, orders and freight", "GBP a year", kpi(Kpi::RelevantCost, Scope::All, year / 100.0)),
        ];
        let turns = |group: usize| {
            let class = format!("G{group:02}");
            let values = outcome.values(Kpi::Turns, Scope::Class(&class));
            values.iter().flatten().sum::<f64>() / values.len() as f64
        };
        Self { kpis, turns_of_groups: (0..GROUPS).map(turns).collect() }
    }

    /// The mean of a figure over all replications.
    pub(super) fn mean(&self, name: &str) -> f64 {
        let values = self.kpis.iter().find(|(it, ..)| *it == name).map_or(&[][..], |(_, _, values)| values);
        values.iter().sum::<f64>() / values.len() as f64
    }
}
