//! Decompressed pages that were read lately, since series share pages and people ask for many series.

use super::super::Result;
use super::page::PageData;
use super::segment::{Pages, Segment};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Keeps the pages used last. The lock is never held while a page is read or decompressed.
pub(super) struct PageCache {
    capacity: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    uses: u64,
    /// By generation of the segment and number of the page; with each when it was last used.
    pages: BTreeMap<(u64, u32), (u64, Arc<PageData>)>,
}

impl PageCache {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, held: Mutex::default() }
    }

    /// Forgets the pages of a segment that is no longer read.
    pub(super) fn forget(&self, generation: u64) {
        super::locked(&self.held).pages.retain(|(of, _), _| *of != generation);
    }
}

impl Pages for &PageCache {
    fn page(&mut self, segment: &Segment, page: u32) -> Result<Arc<PageData>> {
        let key = (segment.generation, page);
        {
            let mut held = super::locked(&self.held);
            held.uses += 1;
            let now = held.uses;
            if let Some((used, data)) = held.pages.get_mut(&key) {
                *used = now;
                return Ok(Arc::clone(data));
            }
        }
        let data = Arc::new(segment.read_page(page)?);
        let mut held = super::locked(&self.held);
        if held.pages.len() >= self.capacity
            && let Some(oldest) = held.pages.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key)
        {
            held.pages.remove(&oldest);
        }
        if self.capacity > 0 {
            let now = held.uses;
            held.pages.insert(key, (now, Arc::clone(&data)));
        }
        Ok(data)
    }
}
