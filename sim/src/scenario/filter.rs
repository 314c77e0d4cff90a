//! Which stock positions, sites, SKUs and lanes a filter lets through.

use super::change::{Filter, LaneFilter};
use super::error::{At, Cause, Errors, Reported};
use crate::situation::{Situation, StockPosition};

/// What a filter lets through, by index.
pub(super) struct Chosen {
    pub(super) sites: Vec<bool>,
    pub(super) skus: Vec<bool>,
}

impl Chosen {
    pub(super) fn has(&self, position: &StockPosition) -> bool {
        let has = |list: &[bool], at: u32| list.get(at as usize).copied().unwrap_or(false);
        has(&self.sites, position.site) && has(&self.skus, position.sku)
    }
}

/// Marks those of `names` that are called so; a `*` at the end stands for any rest.
fn mark<'s>(
    patterns: &Option<Vec<At<String>>>,
    what: &'static str,
    names: impl Iterator<Item = &'s str> + Clone,
    errors: &mut Errors,
) -> Result<Option<Vec<bool>>, Reported> {
    let Some(patterns) = patterns else { return Ok(None) };
    let mut marked = vec![false; names.clone().count()];
    let mut result = Ok(());
    for pattern in patterns {
        let prefix = pattern.value.strip_suffix('*');
        let mut is_known = false;
        for (mark, name) in marked.iter_mut().zip(names.clone()) {
            if prefix.map_or(name == pattern.value, |prefix| name.starts_with(prefix)) {
                *mark = true;
                is_known = true;
            }
        }
        if !is_known {
            result = Err(errors.unknown(pattern, what, names.clone()));
        }
    }
    result.map(|()| Some(marked))
}

fn both(list: &mut [bool], also: impl Iterator<Item = bool>) {
    for (place, also) in list.iter_mut().zip(also) {
        *place &= also;
    }
}

impl Filter {
    pub(super) fn choose(&self, situation: &Situation, errors: &mut Errors) -> Result<Chosen, Reported> {
        let all = situation;
        let named = mark(&self.sites, "site", all.sites.iter().map(|site| site.site.as_str()), errors);
        let partners = all.sites.iter().map(|site| site.partner_class.as_deref().unwrap_or_default());
        let partners = mark(&self.partner_classes, "partner class", partners, errors);
        let skus = mark(&self.skus, "SKU", all.skus.iter().map(|sku| sku.sku.as_str()), errors);
        let classes = mark(&self.classes, "class of SKUs", all.skus.iter().map(|sku| sku.class.as_str()), errors);
        let mut chosen = Chosen { sites: vec![true; all.sites.len()], skus: vec![true; all.skus.len()] };
        for marked in [named?, partners?].into_iter().flatten() {
            both(&mut chosen.sites, marked.into_iter());
        }
        for marked in [skus?, classes?].into_iter().flatten() {
            both(&mut chosen.skus, marked.into_iter());
        }
        if let Some(kinds) = &self.site_kinds {
            both(&mut chosen.sites, all.sites.iter().map(|site| kinds.contains(&site.kind)));
        }
        if let Some(tiers) = &self.tiers {
            both(&mut chosen.sites, all.sites.iter().map(|site| tiers.contains(&site.tier)));
        }
        if let Some(temperatures) = &self.temperatures {
            both(&mut chosen.skus, all.skus.iter().map(|sku| temperatures.contains(&sku.temperature)));
        }
        Ok(chosen)
    }

    /// Indexes of the positions that pass and of which `also` holds; at least one.
    pub(super) fn positions(
        &self,
        situation: &Situation,
        what: &'static str,
        also: impl Fn(&StockPosition) -> bool,
        errors: &mut Errors,
    ) -> Result<Vec<usize>, Reported> {
        let chosen = self.choose(situation, errors)?;
        let passes = |position: &StockPosition| chosen.has(position) && also(position);
        let positions = situation.positions.iter().enumerate().filter(|(_, position)| passes(position));
        let found: Vec<usize> = positions.map(|(at, _)| at).collect();
        if found.is_empty() { Err(errors.push(&self.place, Cause::MatchesNothing { what })) } else { Ok(found) }
    }

    /// Indexes of the sites that pass; at least one.
    pub(super) fn sites(
        &self,
        situation: &Situation,
        what: &'static str,
        also: impl Fn(usize) -> bool,
        errors: &mut Errors,
    ) -> Result<Vec<usize>, Reported> {
        let chosen = self.choose(situation, errors)?;
        let found: Vec<usize> = (0..situation.sites.len()).filter(|at| chosen.sites[*at] && also(*at)).collect();
        if found.is_empty() { Err(errors.push(&self.place, Cause::MatchesNothing { what })) } else { Ok(found) }
    }
}

/// The sites that are named, as marks; `None` for no list.
pub(super) fn named_sites(
    names: &Option<Vec<At<String>>>,
    situation: &Situation,
    errors: &mut Errors,
) -> Result<Option<Vec<bool>>, Reported> {
    mark(names, "site", situation.sites.iter().map(|site| site.site.as_str()), errors)
}

impl LaneFilter {
    /// Indexes of the lanes that pass; at least one.
    pub(super) fn lanes(&self, situation: &Situation, errors: &mut Errors) -> Result<Vec<usize>, Reported> {
        let named = mark(&self.lanes, "lane", situation.lanes.iter().map(|lane| lane.lane.as_str()), errors);
        let from = named_sites(&self.from_sites, situation, errors);
        let to = named_sites(&self.to_sites, situation, errors);
        let (named, from, to) = (named?, from?, to?);
        let has = |list: &Option<Vec<bool>>, at: usize| list.as_ref().is_none_or(|list| list.get(at) == Some(&true));
        let passes = |at: usize| {
            let lane = &situation.lanes[at];
            has(&named, at)
                && has(&from, lane.from as usize)
                && has(&to, lane.to as usize)
                && self.modes.as_ref().is_none_or(|modes| modes.contains(&lane.mode))
        };
        let found: Vec<usize> = (0..situation.lanes.len()).filter(|at| passes(*at)).collect();
        if found.is_empty() { Err(errors.push(&self.place, Cause::MatchesNothing { what: "lane" })) } else { Ok(found) }
    }
}
