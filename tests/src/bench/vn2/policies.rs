//! What plays the game: the policies that ours must beat, and ours.

use super::choose::TERMS;
use super::game::{Policy, State, iso_week, recent_mean};
use twin::replenish::calibrate::Choice;
use twin::replenish::history::{Panel, forecasts};
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
pub(super) const LEAD: u32 = 2;

/// Expected pieces a week from which on a series is a middling and a fast mover.
pub(super) const CLASSES: [f64; 2] = [1.0, 4.0];

/// Portolan: learned demand, projected stock, and the quantile of what is missing.
pub(super) struct Ours {
    choice: Choice,
    projector: Projector,
}

impl Ours {
    /// With demand learned, and the chances of having enough, as chosen.
    pub(super) fn new(choice: Choice) -> Self {
        Self { choice, projector: Projector::default() }
    }
}

impl Policy for Ours {
    fn order(&mut self, known: &Panel, state: &State) -> Vec<u32> {
        let span = Span { lead: LEAD, cover: 1 };
        let ahead = (span.lead + span.cover) as usize;
        let made = forecasts(known, self.choice.learning, ahead, [known.n_weeks()]);
        let mut orders = Vec::with_capacity(known.n_series());
        for (series, demand) in made.into_values().flatten().enumerate() {
            let receipts = [
                Receipt { period: 0, pieces: state.next[series] },
                Receipt { period: 1, pieces: state.after_next[series] },
            ];
            let stock = Stock { free: i64::from(state.on_hand[series]), receipts: &receipts };
            let requirement = self.projector.requirement(stock, &demand, span, Unmet::Lost);
            let level = self.choice.chance(demand.mean(span.lead, span.lead + span.cover), &TERMS);
            orders.push(u32::try_from(requirement.quantile(level)).unwrap_or(u32::MAX));
        }
        orders
    }
}
