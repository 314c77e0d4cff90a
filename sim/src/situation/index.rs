//! Stock positions by site and SKU.

use super::Situation;

/// Finds a stock position by the indexes of its site and SKU.
#[derive(Clone, Debug, Default)]
pub struct PositionIndex {
    /// Where the positions of each site begin in `entries`; one more at the end.
    starts: Vec<u32>,
    /// SKU and position, by SKU within a site.
    entries: Vec<(u32, u32)>,
}

impl PositionIndex {
    /// Of positions in their order, as (site, SKU); those at no site are left out. O(n log n).
    pub(crate) fn new(n_sites: usize, keys: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut starts = vec![0_u32; n_sites + 1];
        for (site, _) in keys.clone() {
            if let Some(count) = starts.get_mut(site as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut entries = vec![(0, 0); sum as usize];
        for (at, (site, sku)) in (0..).zip(keys).filter(|(_, (site, _))| (*site as usize) < n_sites) {
            let place = &mut next[site as usize];
            entries[*place as usize] = (sku, at);
            *place += 1;
        }
        for site in starts.windows(2) {
            let entries = &mut entries[site[0] as usize..site[1] as usize];
            if !entries.is_sorted() {
                entries.sort_unstable();
            }
        }
        Self { starts, entries }
    }

    /// The position of a SKU at a site; the first where there are several.
    #[must_use]
    pub fn get(&self, site: u32, sku: u32) -> Option<u32> {
        let entries = self.at_site(site);
        let at = entries.partition_point(|(other, _)| *other < sku);
        entries.get(at).filter(|(other, _)| *other == sku).map(|(_, position)| *position)
    }

    /// SKU and position of all that is at a site, by SKU.
    #[must_use]
    pub fn at_site(&self, site: u32) -> &[(u32, u32)] {
        let bound = |at: usize| self.starts.get(at).map(|start| *start as usize);
        let (Some(from), Some(until)) = (bound(site as usize), bound(site as usize + 1)) else { return &[] };
        &self.entries[from..until]
    }
}

impl Situation {
    /// Its stock positions by site and SKU.
    #[must_use]
    pub fn index(&self) -> PositionIndex {
        PositionIndex::new(self.sites.len(), self.positions.iter().map(|position| (position.site, position.sku)))
    }
}
