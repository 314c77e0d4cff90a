//! What each position is missing, looked at by itself.

use super::position::{Inputs, Lead, Mode, Origin, Position, Source};
use super::projection::{Projector, Requirement, Stock};
use super::reason::{Gate, Reason};

/// The outcome of looking at one position.
#[derive(Clone, Debug)]
pub(super) struct Need {
    /// Pieces missing to its target; below 0, pieces that it can spare.
    pub(super) missing: i64,
    /// Why it does not order; `None` where it may.
    pub(super) gate: Option<Gate>,
}

/// Days that an order must reckon with.
pub(super) struct Horizon {
    pub(super) leads: Vec<(u32, f64)>,
    pub(super) lead_days: u32,
    pub(super) cover_days: u32,
    pub(super) level: f64,
}

/// The source that replenishes a position as a rule: no neighbour where there is another, by priority.
fn usual(position: &Position) -> Option<&Source> {
    let key = |it: &&Source| (matches!(it.origin, Origin::Neighbour(_)), it.priority, it.origin);
    position.sources.iter().min_by_key(key)
}

pub(super) fn horizon(position: &Position, today: u32) -> Horizon {
    let cover_days = position.review.days_until_next(today);
    let (leads, lead_days) = match usual(position).map(|it| &it.lead) {
        None => (vec![(0, 1.0)], 0),
        Some(Lead::Days(days)) => (vec![(*days, 1.0)], *days),
        Some(lead @ Lead::Mixed(leads)) => (leads.to_vec(), lead.longest()),
    };
    Horizon { leads, lead_days, cover_days, level: position.target.level(cover_days) }
}

pub(super) fn requirement(projector: &mut Projector, position: &Position, horizon: &Horizon) -> Requirement {
    let stock = Stock { free: position.free(), receipts: &position.receipts };
    projector.mixed(stock, &position.demand, &horizon.leads, horizon.cover_days, position.unmet)
}

/// The most pieces that an order may have so that all of it is asked for before it spoils, at the planned level:
/// the quantile of what is missing when its shelf life is over. `None` where it does not spoil.
pub(super) fn most_before_spoilt(projector: &mut Projector, position: &Position, horizon: &Horizon) -> Option<u64> {
    let life = position.shelf_life_days?;
    let stock = Stock { free: position.free(), receipts: &position.receipts };
    let until = projector.mixed(stock, &position.demand, &horizon.leads, life.min(SHELF_LIFE_DAYS_MAX), position.unmet);
    Some(if life == 0 { 0 } else { until.quantile(horizon.level) })
}

/// Goods that keep for longer do not spoil before they are sold.
const SHELF_LIFE_DAYS_MAX: u32 = 3_650;

/// Looks at one position. What it could spare is worked out only where somebody may ask for it.
pub(super) fn look(projector: &mut Projector, inputs: &Inputs, position: &Position, may_give: bool) -> Need {
    let gate = if inputs.modes.of(position.site, position.class) == Mode::Off {
        Some(Gate::Off)
    } else if !position.review.is_due(inputs.today) {
        Some(Gate::NotDue { days: position.review.days_until_next(inputs.today) })
    } else if position.sources.is_empty() {
        Some(Gate::NoSource)
    } else {
        None
    };
    // A position that is not planned gives nothing to neighbours either.
    if gate == Some(Gate::Off) || (gate.is_some() && !may_give) {
        return Need { missing: 0, gate };
    }
    let horizon = horizon(position, inputs.today);
    let missing = requirement(projector, position, &horizon).signed_quantile(horizon.level);
    Need { missing, gate: gate.or((missing <= 0).then_some(Gate::Enough)) }
}

/// The reasons that every proposal of a position begins with.
pub(super) fn facts(inputs: &Inputs, position: &Position, missing: i64) -> Vec<Reason> {
    let horizon = horizon(position, inputs.today);
    let end = horizon.lead_days + horizon.cover_days;
    let in_transit = position.in_transit();
    let have =
        i64::from(position.on_hand) - i64::from(position.reserved) - i64::from(position.backorders) + in_transit as i64;
    let mut reasons = Vec::with_capacity(12);
    reasons.extend([
        Reason::Due { mode: inputs.modes.of(position.site, position.class), next_days: horizon.cover_days },
        Reason::Horizon { lead_days: horizon.lead_days, cover_days: horizon.cover_days },
        Reason::Forecast { mean: position.demand.mean(0, end), deviation: position.demand.deviation(0, end) },
        Reason::OnHand(u64::from(position.on_hand)),
        Reason::InTransit(in_transit),
    ]);
    if position.reserved > 0 {
        reasons.push(Reason::Reserved(u64::from(position.reserved)));
    }
    if position.backorders > 0 {
        reasons.push(Reason::Backorders(u64::from(position.backorders)));
    }
    reasons.push(Reason::Target {
        pieces: (have + missing).max(0) as u64,
        level_permille: libm::round(horizon.level * 1_000.0) as u32,
    });
    if missing > 0 {
        reasons.push(Reason::Need(missing as u64));
    }
    reasons
}

/// Splits `n` items into even parts for so many threads, and puts the results together in their order.
pub(super) fn in_parts<T: Send>(
    n: usize,
    threads: usize,
    work: impl Fn(std::ops::Range<usize>) -> Vec<T> + Sync,
) -> Vec<T> {
    let threads = threads.clamp(1, n.div_ceil(1_024).max(1));
    if threads == 1 {
        return work(0..n);
    }
    let part = n.div_ceil(threads);
    let ranges: Vec<std::ops::Range<usize>> =
        (0..threads).map(|i| (i * part).min(n)..((i + 1) * part).min(n)).collect();
    std::thread::scope(|scope| {
        let work = &work;
        let handles: Vec<_> = ranges
            .iter()
            .map(|range| {
                let mine = range.clone();
                let builder = std::thread::Builder::new().name("replenish".into());
                (range, builder.spawn_scoped(scope, move || work(mine)))
            })
            .collect();
        handles
            .into_iter()
            .flat_map(|(range, handle)| match handle.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(part)) => part,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                // No thread to be had: the work is done here.
                Err(_) => work(range.clone()),
            })
            .collect()
    })
}
