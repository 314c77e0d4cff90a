//! What plays the game: the policies that ours must beat, and ours.

use super::game::{Policy, State, iso_week, recent_mean};
use std::collections::BTreeMap;
use std::sync::Arc;
use twin::replenish::demand::DemandDistribution;
use twin::replenish::history::{ErrorRow, Errors, Learned, Learning, Panel, distribution};
use twin::replenish::projection::{Projector, Receipt, Span, Stock, Unmet};

fn up_to(target: f64, state: &State, series: usize) -> u32 {
    let position = state.on_hand[series] + state.next[series] + state.after_next[series];
    (target - f64::from(position)).max(0.0).round() as u32
}

/// The organisers' benchmark: seasonal factors by ISO week (mean sales over all series on sale in such weeks, over
/// the mean of the factors), the mean of the last 13 weeks without their season, the coming weeks with it, and an
/// order up to the sum of the next four.
pub(super) struct Organisers {
    /// Monday of week 0 of the panel.
    pub(super) first_monday: i64,
}

impl Policy for Organisers {
    fn order(&mut self, known: &Panel, state: &State) -> Vec<u32> {
        let n = known.n_weeks();
        let iso = |week: usize| iso_week(self.first_monday + 7 * week as i64);
        let mut by_week = [(0.0, 0.0); 54];
        for week in 0..n {
            let (mut sold, mut on_sale) = (0.0, 0.0);
            for series in (0..known.n_series()).filter(|series| known.is_on_sale(*series, week)) {
                sold += f64::from(known.sold(series, week));
                on_sale += 1.0;
            }
            if on_sale > 0.0 {
                let cell = &mut by_week[iso(week)];
                *cell = (cell.0 + sold / on_sale, cell.1 + 1.0);
            }
        }
        let seen: Vec<f64> = by_week.iter().filter(|it| it.1 > 0.0).map(|it| it.0 / it.1).collect();
        let overall = seen.iter().sum::<f64>() / seen.len() as f64;
        let factor = |week: usize| match by_week[iso(week)] {
            (sum, weeks) if weeks > 0.0 && sum > 0.0 => sum / weeks / overall,
            _ => 1.0,
        };
        let past: Vec<f64> = (n.saturating_sub(13)..n).map(factor).collect();
        let coming: f64 = (n..n + 4).map(factor).sum();
        (0..known.n_series())
            .map(|series| {
                let (mut sum, mut weeks) = (0.0, 0.0);
                for (week, season) in (n.saturating_sub(13)..n).zip(&past) {
                    if known.is_on_sale(series, week) {
                        sum += f64::from(known.sold(series, week)) / season;
                        weeks += 1.0;
                    }
                }
                up_to(if weeks > 0.0 { sum / weeks * coming } else { 0.0 }, state, series)
            })
            .collect()
    }
}

/// Order up to so many weeks of the mean of the last 13.
pub(super) struct WeeksOfMean(pub f64);

impl Policy for WeeksOfMean {
    fn order(&mut self, known: &Panel, state: &State) -> Vec<u32> {
        (0..known.n_series()).map(|series| up_to(self.0 * recent_mean(known, series), state, series)).collect()
    }
}

/// The textbook: mean of three weeks and z·σ·√3, with σ from the last 52 weeks on sale.
pub(super) struct Normal {
    /// Standard deviations.
    pub(super) z: f64,
}

impl Policy for Normal {
    fn order(&mut self, known: &Panel, state: &State) -> Vec<u32> {
        let n = known.n_weeks();
        (0..known.n_series())
            .map(|series| {
                let sales: Vec<f64> = (n.saturating_sub(52)..n)
                    .filter(|week| known.is_on_sale(series, *week))
                    .map(|week| f64::from(known.sold(series, week)))
                    .collect();
                let mean = sales.iter().sum::<f64>() / sales.len().max(1) as f64;
                let variance =
                    sales.iter().map(|it| (it - mean) * (it - mean)).sum::<f64>() / sales.len().max(2) as f64;
                up_to(3.0 * recent_mean(known, series) + self.z * (3.0 * variance).sqrt(), state, series)
            })
            .collect()
    }
}

/// Weeks until an order comes.
const LEAD: u32 = 2;
/// Weeks of errors that the spread is learned from, at most.
const ERROR_WEEKS: usize = 52;

/// Expected pieces a week from which on a series is a middling and a fast mover.
pub(super) const CLASSES: [f64; 2] = [1.0, 4.0];

/// The class of a series: 0 slow, 1 middling, 2 fast.
pub(super) fn class_of(mean: f64) -> usize {
    CLASSES.iter().filter(|from| mean >= **from).count()
}

/// The demand of the coming weeks, for every series, after each of some numbers of weeks known. None reads a week
/// that was not known then.
pub(super) fn forecasts(
    panel: &Panel,
    learning: Learning,
    weeks_known: impl IntoIterator<Item = usize>,
) -> BTreeMap<usize, Vec<DemandDistribution>> {
    let ahead = LEAD as usize + 1;
    let learned = Learned::new(panel, learning);
    let mut rows: BTreeMap<usize, Arc<ErrorRow>> = BTreeMap::new();
    let mut of = |known: usize| {
        let Some(origin) = known.checked_sub(1).filter(|it| *it > ahead) else {
            return vec![DemandDistribution::certain(0.0); panel.n_series()];
        };
        let mut errors = Errors::default();
        for past in origin.saturating_sub(ERROR_WEEKS + ahead)..=origin - ahead {
            let row =
                rows.entry(past).or_insert_with(|| Errors::row(&learned.mean(panel, past, ahead), panel, past + ahead));
            errors.push(Arc::clone(row));
        }
        let (spread, own) = errors.fit(panel.n_series(), learning.variance_weeks);
        let means: Vec<Vec<f64>> = (1..=ahead).map(|ahead| learned.mean(panel, origin, ahead)).collect();
        (0..panel.n_series())
            .map(|series| {
                let of: Vec<f64> = means.iter().map(|week| week[series]).collect();
                distribution(&of, spread, own[series], learning.level_cv)
            })
            .collect()
    };
    weeks_known.into_iter().map(|known| (known, of(known))).collect()
}

/// Portolan: learned demand, projected stock, and the quantile of what is missing.
pub(super) struct Ours<'a> {
    learning: Learning,
    quantile: [f64; 3],
    /// Forecasts made before, by weeks known.
    made: Option<&'a BTreeMap<usize, Vec<DemandDistribution>>>,
    projector: Projector,
}

impl<'a> Ours<'a> {
    /// With demand learned so, and the chance of having enough of slow, middling and fast movers.
    pub(super) fn new(learning: Learning, quantile: [f64; 3]) -> Self {
        Self { learning, quantile, made: None, projector: Projector::default() }
    }

    /// The same with forecasts made before from the same weeks.
    pub(super) fn with(self, made: &'a BTreeMap<usize, Vec<DemandDistribution>>) -> Self {
        Self { made: Some(made), ..self }
    }
}

impl Policy for Ours<'_> {
    fn order(&mut self, known: &Panel, state: &State) -> Vec<u32> {
        let made = self.made.and_then(|it| it.get(&known.n_weeks()));
        let now;
        let demands = match made {
            Some(demands) => demands,
            None => {
                now = forecasts(known, self.learning, [known.n_weeks()]);
                &now[&known.n_weeks()]
            }
        };
        let span = Span { lead: LEAD, cover: 1 };
        let mut orders = Vec::with_capacity(demands.len());
        for (series, demand) in demands.iter().enumerate() {
            let receipts = [
                Receipt { period: 0, pieces: state.next[series] },
                Receipt { period: 1, pieces: state.after_next[series] },
            ];
            let stock = Stock { free: i64::from(state.on_hand[series]), receipts: &receipts };
            let requirement = self.projector.requirement(stock, demand, span, Unmet::Lost);
            let class = class_of(demand.mean(span.lead, span.lead + 1));
            orders.push(u32::try_from(requirement.quantile(self.quantile[class])).unwrap_or(u32::MAX));
        }
        orders
    }
}
