//! Results as flat tables.

use super::figures::{Compared, Line};
use crate::experiment::{Kpi, Outcome, Part, Scope};
use firmware_schemas::id::{LaneId, SiteId};
use std::collections::BTreeMap;

/// A key figure of a case: of one replication, or the mean of all.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Name of the case.
    pub case: String,
    /// `all`, `site`, `class`, `echelon` or `lane`.
    pub scope_kind: &'static str,
    /// Which one; empty for `all`.
    pub scope: String,
    /// [`Kpi::as_str`].
    pub kpi: &'static str,
    /// [`Kpi::unit`].
    pub unit: &'static str,
    /// `None`: the mean of all.
    pub replication: Option<u32>,
    /// In the unit.
    pub value: f64,
    /// Of the 95 % confidence interval of a mean; `None` with fewer than two replications.
    pub half_width: Option<f64>,
    /// Mean of the paired differences from the first case; `None` in that itself, and where there is no pair.
    pub difference: Option<f64>,
    /// Of its 95 % confidence interval.
    pub difference_half_width: Option<f64>,
}

/// Every key figure that says something: of the whole network by replication, and means of the whole network,
/// echelons, classes, sites and lanes. By case, then scope, then key figure, then replication.
///
/// Sites and lanes of different cases are the same where their identifiers are.
pub fn rows(outcomes: &[Outcome]) -> Vec<Row> {
    let Some(base) = outcomes.first() else { return Vec::new() };
    let mut rows = Vec::new();
    let base_scopes: BTreeMap<(&str, String), Part> =
        scopes(base).map(|(kind, name, scope)| ((kind, name), Part::of(&base.model, scope))).collect();
    for (i, outcome) in outcomes.iter().enumerate() {
        for (scope_kind, scope, of) in scopes(outcome) {
            let part = Part::of(&outcome.model, of);
            let base_part = base_scopes.get(&(scope_kind, scope.clone()));
            for &kpi in Kpi::ALL {
                let values = outcome.values_over(kpi, &part);
                let row = |replication, value| Row {
                    case: outcome.name.clone(),
                    scope_kind,
                    scope: scope.clone(),
                    kpi: kpi.as_str(),
                    unit: kpi.unit(),
                    replication,
                    value,
                    half_width: None,
                    difference: None,
                    difference_half_width: None,
                };
                if scope_kind == "all" {
                    let told = outcome.tally.replications().zip(&values);
                    rows.extend(told.filter_map(|(r, value)| Some(row(Some(r), (*value)?))));
                }
                let of_base = if i == 0 { None } else { base_part.map(|part| base.values_over(kpi, part)) };
                let compared = Compared::of(of_base.as_deref().unwrap_or(&[]), &values, kpi.better());
                if let Some(mean) = compared.case {
                    rows.push(Row {
                        half_width: mean.half_width,
                        difference: compared.difference.map(|d| d.mean),
                        difference_half_width: compared.difference.and_then(|d| d.half_width),
                        ..row(None, mean.mean)
                    });
                }
            }
        }
    }
    rows
}

/// All of an outcome: kind, name and scope.
fn scopes(outcome: &Outcome) -> impl Iterator<Item = (&'static str, String, Scope<'_>)> {
    let s = outcome.model.situation();
    let tiers = outcome.model.tiers().iter().map(|tier| ("echelon", tier.to_string(), Scope::Tier(*tier)));
    let classes = outcome.model.classes().iter().map(|class| ("class", class.clone(), Scope::Class(class)));
    let sites = s.sites.iter().zip(0..).map(|(site, at)| ("site", site.site.to_string(), Scope::Site(at)));
    let lanes = s.lanes.iter().zip(0..).map(|(lane, at)| ("lane", lane.lane.to_string(), Scope::Lane(at)));
    std::iter::once(("all", String::new(), Scope::All)).chain(tiers).chain(classes).chain(sites).chain(lanes)
}

/// As comma-separated values by RFC 4180, with a header; what is `None` is empty.
pub fn csv(rows: &[Row]) -> String {
    let mut out = String::from(
        "case,scope_kind,scope,kpi,unit,replication,value,half_width,difference,difference_half_width\r\n",
    );
    for row in rows {
        let number = |x: Option<f64>| x.map(|x| x.to_string()).unwrap_or_default();
        let fields = [
            quoted(&row.case),
            row.scope_kind.to_owned(),
            quoted(&row.scope),
            row.kpi.to_owned(),
            quoted(row.unit),
            row.replication.map(|r| r.to_string()).unwrap_or_default(),
            row.value.to_string(),
            number(row.half_width),
            number(row.difference),
            number(row.difference_half_width),
        ];
        out.push_str(&fields.join(","));
        out.push_str("\r\n");
    }
    out
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Sites by identifier.
pub(super) fn sites(outcome: &Outcome) -> BTreeMap<&SiteId, u32> {
    outcome.model.situation().sites.iter().zip(0..).map(|(site, at)| (&site.site, at)).collect()
}

/// Lanes by identifier.
pub(super) fn lanes(outcome: &Outcome) -> BTreeMap<&LaneId, u32> {
    outcome.model.situation().lanes.iter().zip(0..).map(|(lane, at)| (&lane.lane, at)).collect()
}

/// The whole network, by key figure, in the order of [`Kpi::ALL`].
pub(super) fn lines(outcomes: &[Outcome]) -> Vec<Line> {
    let parts = super::figures::parts(outcomes, Scope::All);
    Kpi::ALL.iter().map(|kpi| Line::of(outcomes, &parts, *kpi)).collect()
}
