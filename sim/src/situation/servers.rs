//! Who serves whom: the sites from which a site's goods could come, the quickest first.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// How many sites are asked before a customer is nobody's.
pub(crate) const SERVERS_MAX: usize = 64;

/// Lanes backwards, to find who is near a site.
#[derive(Debug)]
pub(crate) struct Servers {
    /// Of each site: the lead time of each lane that ends there, and where it starts.
    lanes_in: Vec<Vec<(i64, u32)>>,
    passes: Vec<bool>,
}

/// A search that has gone as far as it was asked to.
#[derive(Debug)]
pub(crate) struct Search {
    /// Sites and their lead times, the quickest first.
    found: Vec<(u32, i64)>,
    seen: HashMap<u32, i64>, // only looked up, never listed
    open: BinaryHeap<Reverse<(i64, u32)>>,
}

impl Servers {
    /// Of lanes as (from, to, lead time), with of each site whether goods may pass through it.
    pub(crate) fn new(passes: Vec<bool>, lanes: impl IntoIterator<Item = (u32, u32, i64)>) -> Self {
        let mut lanes_in = vec![Vec::new(); passes.len()];
        for (from, to, lead) in lanes {
            lanes_in[to as usize].push((lead.max(1), from));
        }
        Self { lanes_in, passes }
    }

    /// A search that starts at a site and has found nothing yet.
    pub(crate) fn search(&self, site: u32) -> Search {
        Search { found: Vec::new(), seen: HashMap::from([(site, 0)]), open: BinaryHeap::from([Reverse((0, site))]) }
    }
}

impl Search {
    /// The site that is `n`-th nearest, and the lead time from it; the site itself is at 0. `None` where no
    /// more lead here.
    pub(crate) fn nth(&mut self, servers: &Servers, n: usize) -> Option<(u32, i64)> {
        while self.found.len() <= n {
            let Reverse((cost, at)) = self.open.pop()?;
            if self.seen.get(&at).is_some_and(|known| *known < cost) {
                continue;
            }
            self.found.push((at, cost));
            for (lead, from) in &servers.lanes_in[at as usize] {
                let there = cost.saturating_add(*lead);
                if servers.passes[*from as usize] && self.seen.get(from).is_none_or(|known| there < *known) {
                    self.seen.insert(*from, there);
                    self.open.push(Reverse((there, *from)));
                }
            }
        }
        self.found.get(n).copied()
    }
}
