//! Sites, regions and SKUs together: forecast by themselves, and reconciled with their positions.

use super::forecasts::PositionForecast;
use crate::demand::{Calendar, Forecast, Hierarchy, History, Reconciliation, Tuned};
use crate::state::{SiteIdx, SkuIdx, StockIdx, Twin};
use firmware_schemas::network::SiteKind;
use std::collections::BTreeMap;

/// Totals that are reconciled: the time that takes grows with their cube.
const TOTALS_MAX: usize = 400;

/// What is added up. Sites of one kind only: what a warehouse sends to shops is asked of both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Total {
    /// Everything at sites of a kind.
    Kind(SiteKind),
    /// Sites of a kind in a country.
    Region(SiteKind, String),
    /// All of a site.
    Site(SiteIdx),
    /// A SKU at all sites of a kind.
    Sku(SiteKind, SkuIdx),
}

/// What is expected of a total.
#[derive(Clone, Debug)]
pub struct TotalForecast {
    /// Of what.
    pub of: Total,
    /// It.
    pub forecast: PositionForecast,
}

/// Forecasts of positions, and of totals that they add up to.
pub(super) fn reconciled(
    twin: &Twin,
    positions: &[StockIdx],
    histories: &[History],
    tuned: &Tuned,
) -> (Vec<Forecast>, Vec<(Total, Forecast)>) {
    let parts = tuned.forecast_histories(histories);
    let mut members: BTreeMap<Total, Vec<usize>> = BTreeMap::new();
    let mut by_sku: BTreeMap<Total, Vec<usize>> = BTreeMap::new();
    for (part, at) in positions.iter().enumerate() {
        let stock = &twin.stock[at.at()];
        let site = &twin.sites[stock.site.at()].spec;
        let region = Total::Region(site.kind, site.country.clone().unwrap_or_default());
        for total in [Total::Kind(site.kind), region, Total::Site(stock.site)] {
            members.entry(total).or_default().push(part);
        }
        by_sku.entry(Total::Sku(site.kind, stock.sku)).or_default().push(part);
    }
    if members.len() + by_sku.len() <= TOTALS_MAX {
        members.append(&mut by_sku);
    }
    if members.len() > TOTALS_MAX {
        members.retain(|total, _| matches!(total, Total::Kind(_) | Total::Region(..)));
    }
    if members.is_empty() || members.len() > TOTALS_MAX {
        return (parts, Vec::new());
    }
    let longest = histories.iter().map(|history| history.periods.len()).max().unwrap_or(0);
    // Before a position was first asked for, nothing was asked of it.
    let padded = |history: &History| {
        let known = history.cleaned(Calendar::Weeks).demand;
        std::iter::repeat_n(0.0, longest - known.len()).chain(known).collect::<Vec<f64>>()
    };
    let demand: Vec<Vec<f64>> = histories.iter().map(padded).collect();
    let (totals, lists): (Vec<Total>, Vec<Vec<usize>>) = members.into_iter().unzip();
    let Ok(hierarchy) = Hierarchy::new(parts.len(), lists) else { return (parts, Vec::new()) };
    let all = hierarchy.histories(&demand);
    let of_totals: Vec<&[f64]> = all[parts.len()..].iter().map(|it| &it[..]).collect();
    let base: Vec<Forecast> = parts.into_iter().chain(tuned.forecast(&of_totals)).collect();
    // Totals do not know of promotions that are planned: then the parts lead.
    let is_promoted = histories.iter().any(|history| history.promotions_ahead.iter().any(|it| *it));
    let how = if is_promoted { Reconciliation::BottomUp } else { Reconciliation::Structural };
    let mut adding_up = hierarchy.reconcile_forecasts(&base, &how).unwrap_or(base);
    let of_totals = adding_up.split_off(histories.len());
    (adding_up, totals.into_iter().zip(of_totals).collect())
}
