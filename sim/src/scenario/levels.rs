//! Levels of single stock positions: how a proposal is written, and read again.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{At, Cause, Errors, Place, Reported};
use super::node::{Keys, Node, Read, Whole};
use crate::situation::check::PIECES_MAX;
use crate::situation::{Policy, Situation};

type Pieces = Whole<0, PIECES_MAX>;

/// The levels that one stock position gets.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Level {
    place: Place,
    site: At<String>,
    sku: At<String>,
    policy: Policy,
}

impl Read for Level {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        let mut keys = Keys::read(node, place, errors)?;
        let site = keys.required("site", errors);
        let sku = keys.required("sku", errors);
        let mut number = |key| keys.optional::<Pieces>(key, errors).map(|pieces| pieces.map(|Whole(pieces)| pieces));
        let (level, echelon) = (number("level"), number("echelon_level"));
        let (min, max) = (number("min"), number("max"));
        let (reorder_point, lot) = (number("reorder_point"), number("lot"));
        let place = keys.place.clone();
        keys.finish(errors)?;
        let policy = match (level?, echelon?, min?, max?, reorder_point?, lot?) {
            (Some(level), None, None, None, None, None) => Policy::BaseStock { level },
            (None, Some(level), None, None, None, None) => Policy::EchelonBaseStock { level },
            (None, None, Some(min), Some(max), None, None) if min <= max => Policy::MinMax { min, max },
            (None, None, Some(_), Some(_), None, None) => {
                return Err(errors.contradiction(&place, "min is above max"));
            }
            (None, None, None, None, Some(reorder_point), Some(lot)) if lot > 0 => {
                Policy::ReorderLot { reorder_point, lot }
            }
            _ => {
                let why = "needs either level, or echelon_level, or min and max, or reorder_point and a lot above 0";
                return Err(errors.contradiction(&place, why));
            }
        };
        Ok(Self { place, site: site?, sku: sku?, policy })
    }
}

/// Gives positions their levels, or says of each row what does not fit.
pub(super) fn set(situation: &mut Situation, levels: &[Level], errors: &mut Errors) -> Result<(), Reported> {
    let sites: BTreeMap<String, u32> = (0..).zip(&situation.sites).map(|(at, it)| (it.site.to_string(), at)).collect();
    let skus: BTreeMap<String, u32> = (0..).zip(&situation.skus).map(|(at, it)| (it.sku.to_string(), at)).collect();
    let index = situation.index();
    let mut known = BTreeSet::new();
    let mut result = Ok(());
    for Level { place, site, sku, policy } in levels {
        let at_site = sites.get(&site.value).copied();
        let of_sku = skus.get(&sku.value).copied();
        if at_site.is_none() {
            result = Err(errors.unknown(site, "site", sites.keys().map(String::as_str)));
        }
        if of_sku.is_none() {
            result = Err(errors.unknown(sku, "SKU", skus.keys().map(String::as_str)));
        }
        let (Some(at_site), Some(of_sku)) = (at_site, of_sku) else { continue };
        match index.get(at_site, of_sku) {
            Some(at) if !known.insert(at) => {
                let why = format!("{} stands twice", situation.label(at as usize));
                result = Err(errors.contradiction(place, why));
            }
            Some(at) if !situation.positions[at as usize].sources.is_empty() => {
                situation.positions[at as usize].policy = policy.clone();
            }
            _ => result = Err(errors.push(place, Cause::MatchesNothing { what: "stock position with a source" })),
        }
    }
    result
}

/// The change of a scenario, in TOML, that gives positions the policies that they have in `situation`; one line
/// each. Those without levels are left out.
#[must_use]
pub fn levels_toml(situation: &Situation, positions: impl IntoIterator<Item = u32>) -> String {
    let mut text = "[[change]]\nkind = \"levels\"\nlevels = [\n".to_owned();
    for at in positions {
        let position = &situation.positions[at as usize];
        let levels = match &position.policy {
            Policy::BaseStock { level } => format!("level = {level}"),
            Policy::EchelonBaseStock { level } => format!("echelon_level = {level}"),
            Policy::MinMax { min, max } => format!("min = {min}, max = {max}"),
            Policy::ReorderLot { reorder_point, lot } => format!("reorder_point = {reorder_point}, lot = {lot}"),
            Policy::Never | Policy::Forecast { .. } | Policy::Scheduled { .. } => continue,
        };
        // Identifiers hold nothing that would have to be escaped.
        let (site, sku) = (&situation.sites[position.site as usize].site, &situation.skus[position.sku as usize].sku);
        text.push_str(&format!("  {{ site = \"{site}\", sku = \"{sku}\", {levels} }},\n"));
    }
    text + "]\n"
}
