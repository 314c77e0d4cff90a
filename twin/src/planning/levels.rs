//! How sure to be of having enough: chosen on the past of the network itself, each quarter.

use super::situation::terms_of;
use crate::demand_book::{Week, week_of};
use crate::order::Day;
use crate::replenish::calibrate::{Choice, Grid, Level, Start, Terms, Windows, calibrate};
use crate::replenish::history::{GROUPS, Panel};
use crate::replenish::projection::Unmet;
use crate::state::{StockIdx, Twin};

/// Positions that are played, evenly from all.
const POSITIONS_MAX: usize = 1_000;
/// Weeks that are looked at.
const WEEKS: usize = 104;
/// Windows of the past, and weeks that must be known before the first.
const WINDOWS: usize = 3;
const KNOWN_MIN: usize = 26;
/// The longest lead time that is played, weeks.
const LEAD_MAX: u32 = 8;

/// Levels by what becomes of unmet demand; none where too little is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels {
    lost: Option<Choice>,
    waits: Option<Choice>,
}

impl Levels {
    /// Of what was known before the week of `cut`.
    pub(super) fn calibrated(twin: &Twin, cut: Day, threads: usize) -> Self {
        let of = |unmet: Unmet| {
            let fits = |at: &StockIdx| {
                terms_of(twin, *at).filter(|it| it.unmet == unmet && it.lead_weeks <= LEAD_MAX).map(|it| (*at, it))
            };
            let known: Vec<(StockIdx, Terms)> = twin.demand.keys().filter_map(fits).collect();
            let n = known.len();
            let some = if n <= POSITIONS_MAX {
                known
            } else {
                (0..POSITIONS_MAX).map(|k| known[k * n / POSITIONS_MAX]).collect()
            };
            chosen(twin, cut, &some, threads)
        };
        Self { lost: of(Unmet::Lost), waits: of(Unmet::Waits) }
    }

    fn choice(&self, unmet: Unmet) -> Option<&Choice> {
        match unmet {
            Unmet::Lost => self.lost.as_ref(),
            Unmet::Waits => self.waits.as_ref(),
        }
    }

    pub(super) fn of(&self, pieces_per_week: f64, terms: &Terms) -> Option<f64> {
        self.choice(terms.unmet).map(|choice| choice.chance(pieces_per_week, terms))
    }

    pub(super) fn factors(&self) -> Vec<(Unmet, Vec<f64>)> {
        let factor = |level: &Level| match level {
            Level::OfCosts(times) => *times,
            Level::Chance(_) => 1.0,
        };
        let of = |unmet: Unmet| Some((unmet, self.choice(unmet)?.levels.iter().map(factor).collect()));
        [Unmet::Lost, Unmet::Waits].into_iter().filter_map(of).collect()
    }
}

fn chosen(twin: &Twin, cut: Day, positions: &[(StockIdx, Terms)], threads: usize) -> Option<Choice> {
    let end = week_of(cut);
    let first = |at: &StockIdx| twin.demand.get(at).map(|book| book.weeks().0);
    let oldest = positions.iter().filter_map(|(at, _)| first(at)).min()?;
    let n_weeks = usize::try_from(i64::from(end) - i64::from(oldest)).ok()?.min(WEEKS);
    let lead = positions.iter().map(|(_, terms)| terms.lead_weeks).max()?;
    let weeks = 8 + lead as usize;
    if n_weeks < KNOWN_MIN + WINDOWS * weeks {
        return None;
    }
    let from: Week = end.saturating_sub(n_weeks as i32);
    let (mut sold, mut on_sale, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for (at, _) in positions {
        let seen = twin.demand.get(at)?.observations(from, end, cut);
        // Weeks without stock, or before anything was asked for, tell nothing.
        on_sale.push(seen.iter().map(|it| it.demand.is_finite() && !it.stocked_out).collect());
        sold.push(seen.iter().map(|it| if it.demand.is_finite() { it.demand as u32 } else { 0 }).collect());
        let mut group = [0; GROUPS];
        group[0] = twin.stock[at.at()].sku.0;
        groups.push(group);
    }
    let terms: Vec<Terms> = positions.iter().map(|(_, terms)| *terms).collect();
    let panel = Panel::new(&sold, &on_sale, groups).ok()?;
    let longest = Terms { lead_weeks: lead, ..*terms.first()? };
    let known = (1..=WINDOWS).rev().map(|back| n_weeks - back * weeks).collect();
    let windows = Windows { known, weeks, start: Start::usual(&longest) };
    let trials = calibrate(&panel, &terms, &windows, &Grid::default(), threads).ok()?;
    Some(trials.choose(n_weeks))
}
