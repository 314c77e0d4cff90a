//! Finding things: by what is typed, and from what an alert is about.

use firmware_schemas::fact::AlertSubject;
use firmware_schemas::view::AlertView;

use super::mark::ItemId;
use super::{Known, Words, facts};

/// Something that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What.
    pub item: ItemId,
    /// Its name.
    pub name: String,
    /// Its id and what it is.
    pub about: String,
}

/// What has exactly this id.
pub fn find(known: &Known, id: &str) -> Option<ItemId> {
    let site = || known.sites.keys().find(|it| it.as_str() == id).cloned().map(ItemId::Site);
    let vehicle = || known.vehicles.keys().find(|it| it.as_str() == id).cloned().map(ItemId::Vehicle);
    let device = || known.devices.keys().find(|it| it.as_str() == id).cloned().map(ItemId::Device);
    let sku = || known.skus.keys().find(|it| it.as_str() == id).cloned().map(ItemId::Sku);
    let shipment = || known.shipments.keys().find(|it| it.as_str() == id).cloned().map(ItemId::Shipment);
    site().or_else(vehicle).or_else(device).or_else(sku).or_else(shipment)
}

/// What `typed` may mean, the likeliest first, at most `n_max`: every word of it is in the id, a name or the kind.
pub fn search(known: &Known, typed: &str, n_max: usize, words: &Words) -> Vec<Found> {
    let needles: Vec<String> = typed.split_whitespace().map(str::to_lowercase).collect();
    if needles.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<(u8, usize, Found)> = Vec::new();
    let mut take = |item: ItemId, id: &str, names: [&str; 2], kind: &str| {
        let hay = [id, names[0], names[1], kind].map(str::to_lowercase);
        if !needles.iter().all(|needle| hay.iter().any(|text| text.contains(needle))) {
            return;
        }
        let first = &needles[0];
        let score = match () {
            () if hay[0] == *first || hay[1] == *first => 0,
            () if hay[..3].iter().any(|text| text.starts_with(first.as_str())) => 1,
            () if hay[..3].iter().any(|text| text.split([' ', '-']).any(|word| word.starts_with(first.as_str()))) => 2,
            () => 3,
        };
        let name = words.name(names[0], Some(names[1])).to_owned();
        found.push((score, name.len(), Found { item, name, about: format!("{id} · {kind}") }));
    };
    for (id, site) in &known.sites {
        let zh = site.name_zh.as_deref().unwrap_or_default();
        take(ItemId::Site(id.clone()), id.as_str(), [&site.name, zh], facts::site_kind(site.kind, words));
    }
    for (id, vehicle) in &known.vehicles {
        let kind = facts::vehicle_kind(vehicle.kind, words);
        take(ItemId::Vehicle(id.clone()), id.as_str(), [&vehicle.name, ""], kind);
    }
    for (id, sku) in &known.skus {
        let zh = sku.name_zh.as_deref().unwrap_or_default();
        take(ItemId::Sku(id.clone()), id.as_str(), [&sku.name, zh], words.pick("SKU", "品项"));
    }
    for (id, device) in &known.devices {
        take(ItemId::Device(id.clone()), id.as_str(), [id.as_str(), ""], device.kind.as_str());
    }
    for (id, shipment) in &known.shipments {
        let to = facts::site_name(known, &shipment.to, words);
        let name = format!("{id} → {to}");
        take(ItemId::Shipment(id.clone()), id.as_str(), [&name, ""], words.pick("shipment", "货运"));
    }
    found.sort_by(|a, b| (a.0, a.1, &a.2.item).cmp(&(b.0, b.1, &b.2.item)));
    found.truncate(n_max);
    found.into_iter().map(|(.., found)| found).collect()
}

/// What to show of an alert: the thing itself where it has a place, else its site.
pub fn item_of_alert(known: &Known, alert: &AlertView) -> Option<ItemId> {
    let site = || alert.site.clone().map(ItemId::Site);
    if let (Some(site), Some(sku)) = (&alert.site, facts::alert_sku(alert)) {
        return Some(ItemId::Position(site.clone(), sku.clone()));
    }
    match &alert.subject {
        AlertSubject::OutOfRange { device, .. } | AlertSubject::DeviceSilent { device } => {
            known.devices.contains_key(device).then(|| ItemId::Device(device.clone())).or_else(site)
        }
        subject => known.vehicle_of(subject).cloned().map(ItemId::Vehicle).or_else(site),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::known::testing;
    use firmware_schemas::network::SiteKind;
    use proptest::prelude::*;

    fn known() -> Known {
        let mut known = Known::default();
        let mut london = testing::site("RW-LONDON", SiteKind::RegionalWarehouse, 51.5, -0.1);
        (london.name, london.name_zh) = ("Regional warehouse London".to_owned(), Some("伦敦区域仓".to_owned()));
        let mut shop = testing::site("SHOP-1", SiteKind::Shop, 51.4, -0.1);
        shop.name = "New London Road".to_owned();
        known.take_snapshot(testing::snapshot(vec![london, shop]));
        known
    }

    #[track_caller]
    fn check(typed: &str, expected: &[&str]) {
        let words = Words::default();
        let found: Vec<String> = search(&known(), typed, 9, &words).into_iter().map(|found| found.about).collect();
        let found: Vec<&str> = found.iter().map(|about| about.split(' ').next().unwrap()).collect();
        assert_eq!(found, expected, "{typed:?}");
    }

    #[test]
    fn search_reads_ids_names_in_both_languages_and_kinds() {
        check("london", &["SHOP-1", "RW-LONDON"]);
        check("rw-lon", &["RW-LONDON"]);
        check("伦敦", &["RW-LONDON"]);
        check("shop london", &["SHOP-1"]);
        check("paris", &[]);
        check("  ", &[]);
    }

    proptest! {
        #[test]
        fn any_text_can_be_typed(typed in ".{0,40}") {
            prop_assert!(search(&known(), &typed, 3, &Words::default()).len() <= 3);
        }
    }
}
