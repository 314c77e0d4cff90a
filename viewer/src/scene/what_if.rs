//! A what-if beside what is: effects on sites, and key figures with their intervals.

use std::collections::BTreeMap;

use firmware_schemas::api::what_if::{Better, KpiView, WhatIfResult, WhatIfSeries};
use firmware_schemas::id::SiteId;

use super::chart::ChartPoint;
use super::mesh::Triangles;
use super::network::radius_px;
use super::series::SeriesPoint;
use super::{Detail, Known, Look, Words};
use crate::palette;

/// How a what-if is laid over what is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compare {
    /// Not at all.
    #[default]
    Off,
    /// What would be, in dashes over what is.
    Ghost,
    /// Both week by week on one clock.
    SideBySide,
    /// Only the differences.
    Differences,
}

impl Compare {
    /// The one after this.
    pub fn next(self) -> Self {
        match self {
            Self::Off => Self::Ghost,
            Self::Ghost => Self::SideBySide,
            Self::SideBySide => Self::Differences,
            Self::Differences => Self::Off,
        }
    }

    /// Its name.
    pub fn name(self, words: &Words) -> &'static str {
        match self {
            Self::Off => words.pick("live only", "仅实时"),
            Self::Ghost => words.pick("ghost", "虚影"),
            Self::SideBySide => words.pick("side by side", "并排"),
            Self::Differences => words.pick("differences", "差异"),
        }
    }
}

/// What a scenario does to a site.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// The key figure: of shops and warehouses the fill rate, else the mean stock as a share of what it is.
    pub share: f64,
    /// Half of its 95 % interval.
    pub half_width: f64,
    /// Better, worse, or neither.
    pub better: Option<bool>,
}

/// The effects on sites of the case with this number (1 is the first scenario) where the interval leaves no doubt.
pub fn effects(result: &WhatIfResult, case: usize) -> BTreeMap<SiteId, Effect> {
    let mut effects = BTreeMap::new();
    let (Some(base), Some(case)) = (result.results.first(), result.results.get(case)) else { return effects };
    let means: BTreeMap<(&str, &str), f64> = base
        .parts
        .iter()
        .flat_map(|part| part.kpis.iter().map(|kpi| ((part.part.as_str(), kpi.kpi.as_str()), kpi.mean)))
        .collect();
    for part in &case.parts {
        let Some(site) = SiteId::new(&part.part).ok() else { continue };
        let effect = ["fill_rate", "mean_on_hand"].iter().find_map(|wanted| {
            let kpi = part.kpis.iter().find(|kpi| kpi.kpi == *wanted)?;
            let difference = kpi.difference.as_ref().filter(|difference| difference.significant)?;
            // A rate is a share already; pieces become a share of what there is today.
            let unit = match *wanted {
                "fill_rate" => 1.0,
                _ => means.get(&(part.part.as_str(), *wanted)).copied().filter(|mean| *mean > 0.0)?,
            };
            let better = match kpi.better {
                Better::More => Some(difference.mean > 0.0),
                Better::Less => Some(difference.mean < 0.0),
                Better::Neither => None,
            };
            Some(Effect { share: difference.mean / unit, half_width: difference.half_width / unit, better })
        });
        if let Some(effect) = effect {
            effects.insert(site, effect);
        }
    }
    effects
}

/// Rings of dashes around sites that would be otherwise; an arrow says which way, its size how much.
pub fn ghosts(known: &Known, effects: &BTreeMap<SiteId, Effect>, look: &Look, detail: Detail) -> Triangles {
    let mut triangles = Triangles::default();
    for (id, effect) in effects {
        let Some(site) = known.sites.get(id) else { continue };
        let at = ChartPoint::of(site.position);
        let radius = radius_px(site.kind, detail) + 5.0;
        let colour = look.of(palette::SIMULATED);
        triangles.dashed_ring(at, radius, 1.8, colour);
        let size = 3.5 + 26.0 * effect.share.abs().min(0.4).sqrt();
        triangles.arrow(at, [0.0, (radius + 3.0) * effect.share.signum()], size, effect.share > 0.0, colour);
    }
    triangles
}

/// Filled discs in the colour of what is simulated, the fuller the more a site would change; arrows as for ghosts.
pub fn differences(known: &Known, effects: &BTreeMap<SiteId, Effect>, look: &Look, detail: Detail) -> Triangles {
    let mut triangles = Triangles::default();
    for (id, effect) in effects {
        let Some(site) = known.sites.get(id) else { continue };
        let at = ChartPoint::of(site.position);
        let strength = effect.share.abs().min(0.3) / 0.3;
        let colour = look.of(palette::SIMULATED);
        triangles.glow(
            at,
            radius_px(site.kind, detail) + 14.0 + 26.0 * strength,
            colour.with_alpha(90 + (140.0 * strength) as u8),
        );
        triangles.arrow(at, [0.0, 14.0 * effect.share.signum()], 5.0 + 8.0 * strength, effect.share > 0.0, colour);
    }
    triangles
}

/// A key figure of a case beside the first.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Its name, for people.
    pub name: String,
    /// As it is.
    pub base: (f64, f64),
    /// As it would be: mean and half of the interval.
    pub case: (f64, f64),
    /// The difference, half of its interval, and whether it leaves no doubt.
    pub difference: (f64, f64, bool),
    /// Which way it should go.
    pub better: Better,
    /// UCUM code.
    pub unit: String,
}

/// The figures that tell most, in a fixed order.
pub fn figures(result: &WhatIfResult, case: usize, words: &Words) -> Vec<Figure> {
    const NAMES: [(&str, &str, &str); 9] = [
        ("fill_rate", "fill rate", "满足率"),
        ("lost", "lost sales", "失销"),
        ("backorder_wait", "wait for backorders", "欠单等待"),
        ("mean_on_hand", "mean on hand", "平均库存"),
        ("days_of_cover", "days of cover", "库存天数"),
        ("wasted", "thrown away", "报废"),
        ("total_cost", "total cost", "总成本"),
        ("tonne_km", "tonne kilometres", "吨公里"),
        ("co2e", "CO2e", "碳排放"),
    ];
    let (Some(base), Some(case)) = (result.results.first(), result.results.get(case)) else { return Vec::new() };
    let find = |kpis: &[KpiView], name: &str| kpis.iter().find(|kpi| kpi.kpi == name).cloned();
    let figure = |(kpi, en, zh): &(&str, &str, &str)| {
        let (before, after) = (find(&base.kpis, kpi)?, find(&case.kpis, kpi)?);
        let difference = after.difference?;
        Some(Figure {
            name: words.pick(*en, *zh).to_owned(),
            base: (before.mean, before.half_width),
            case: (after.mean, after.half_width),
            difference: (difference.mean, difference.half_width, difference.significant),
            better: after.better,
            unit: after.unit,
        })
    };
    NAMES.iter().filter_map(figure).collect()
}

/// A figure of a case week by week, with the band that holds eight of ten replications: of the customers' tier.
pub fn weekly(series: &WhatIfSeries, case: &str, figure: &str) -> Vec<SeriesPoint> {
    let fits = series.items.iter().filter(|item| item.case == case && item.figure == figure);
    let Some(item) = fits.min_by_key(|item| item.tier) else { return Vec::new() };
    let values = item.mean.iter().zip(&item.p10).zip(&item.p90).zip(&series.at);
    values
        .filter_map(|(((mean, low), high), at)| {
            Some(SeriesPoint { at: *at, value: (*mean)?, low: (*low)?, high: (*high)? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware_schemas::api::what_if::{CaseResult, DifferenceView, OperationKind, PartResult, WhatIfHead};
    use firmware_schemas::id::OperationId;
    use firmware_schemas::quantity::Timestamp;

    fn kpi(name: &str, mean: f64, difference: Option<(f64, bool)>) -> KpiView {
        KpiView {
            kpi: name.to_owned(),
            unit: "1".to_owned(),
            better: Better::More,
            mean,
            half_width: 0.01,
            sd: 0.1,
            n: 8,
            difference: difference.map(|(mean, significant)| DifferenceView { mean, half_width: 0.01, significant }),
        }
    }

    fn case(name: &str, parts: Vec<(&str, Vec<KpiView>)>) -> CaseResult {
        let parts = parts.into_iter().map(|(part, kpis)| PartResult { part: part.to_owned(), kpis }).collect();
        CaseResult { case: name.to_owned(), story: String::new(), kpis: Vec::new(), parts }
    }

    #[test]
    fn only_effects_without_doubt_are_shown_and_pieces_become_shares() {
        let head = WhatIfHead {
            id: OperationId::new("w").unwrap(),
            created_at: Timestamp::EPOCH,
            ended_at: Timestamp::EPOCH,
            start: Timestamp::EPOCH,
            revision: None,
            currency: "EUR".to_owned(),
            days: 7,
            warm_up_days: 0,
            replications: 8,
            seed: 1,
            cases: Vec::new(),
            kind: OperationKind::WhatIf,
        };
        let base = case("as is", vec![("PORT", vec![kpi("mean_on_hand", 200.0, None)])]);
        let other = case(
            "closed",
            vec![
                ("PORT", vec![kpi("mean_on_hand", 150.0, Some((-50.0, true)))]),
                ("SHOP", vec![kpi("fill_rate", 0.8, Some((-0.1, true)))]),
                ("SURE", vec![kpi("fill_rate", 0.9, Some((0.001, false)))]),
            ],
        );
        let result = WhatIfResult { head, results: vec![base, other], selection: None };
        let found: Vec<_> = effects(&result, 1).into_iter().map(|(id, it)| (id.to_string(), it.share)).collect();
        assert_eq!(found, [("PORT".to_owned(), -0.25), ("SHOP".to_owned(), -0.1)]);
        assert!(effects(&result, 7).is_empty());
    }
}
