//! Merges the sources of one series into one ascending sequence, in which the last to arrive wins.
//!
//! Blocks are decompressed only when the merge reaches them, and what does not overlap is handed on in
//! long slices, so that a series which came in order costs no comparison for each point.

use super::super::Result;
use super::columns::Columns;
use super::head::ChunkRef;
use super::is_before;
use super::segment::{Pages, Segment};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::Range;
use std::sync::Arc;

/// Where some points of the series lie.
#[derive(Clone)]
pub(super) enum Body {
    Block { segment: Arc<Segment>, block: usize },
    Chunk(ChunkRef),
}

/// Some points of the series, ascending in time, not yet read.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) first_at: i64,
    pub(super) last_at: i64,
    /// Of two points at the same time that of the higher rank arrived later.
    pub(super) rank: u64,
    pub(super) body: Body,
}

impl Source {
    pub(super) fn load(&self, pages: &mut dyn Pages) -> Result<Arc<Columns>> {
        match &self.body {
            Body::Block { segment, block } => segment.columns(*block, pages).map(Arc::new),
            Body::Chunk(chunk) => Ok(chunk.sorted()),
        }
    }
}

/// Consecutive points of one source.
pub(super) struct Slice {
    pub(super) columns: Arc<Columns>,
    pub(super) range: Range<usize>,
}

/// A source that is being read.
struct Active {
    /// Of the point at `next`.
    at: i64,
    rank: u64,
    columns: Arc<Columns>,
    next: usize,
    end: usize,
}

impl Active {
    fn new(rank: u64, columns: Arc<Columns>, next: usize, end: usize) -> Option<Self> {
        (next < end).then(|| Self { at: columns.at[next], rank, columns, next, end })
    }

    /// Passes over `count` points; false when none is left.
    fn advance(&mut self, count: usize) -> bool {
        self.next += count;
        let left = self.next < self.end;
        if left {
            self.at = self.columns.at[self.next];
        }
        left
    }
}

impl PartialEq for Active {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Active {}
impl PartialOrd for Active {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Active {
    /// The greatest is the earliest, and of those the one that arrived last.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at).then(self.rank.cmp(&other.rank))
    }
}

/// The merge of some sources within `from..to`.
pub(super) struct Merge {
    /// Those not yet read, the earliest last.
    pending: Vec<Source>,
    active: BinaryHeap<Active>,
    from: i64,
    to: i64,
}

impl Merge {
    pub(super) fn new(mut sources: Vec<Source>, from: i64, to: i64) -> Self {
        sources.sort_by(|a, b| b.first_at.cmp(&a.first_at).then(b.rank.cmp(&a.rank)));
        Self { pending: sources, active: BinaryHeap::new(), from, to }
    }

    /// The next source as a whole, if no other overlaps it and `wanted` agrees. It is then passed over.
    pub(super) fn take_whole(&mut self, wanted: impl FnOnce(&Source) -> bool) -> Option<Source> {
        let next = self.pending.last()?;
        let alone = self.active.is_empty()
            && self.pending.iter().rev().nth(1).is_none_or(|after| after.first_at > next.last_at);
        let whole = next.first_at >= self.from && is_before(next.last_at, self.to);
        if alone && whole && wanted(next) { self.pending.pop() } else { None }
    }

    /// The next points, at least one; `None` at the end.
    pub(super) fn next_slice(&mut self, pages: &mut dyn Pages) -> Result<Option<Slice>> {
        self.activate(pages)?;
        let Some(mut top) = self.active.pop() else { return Ok(None) };
        while let Some(mut replaced) = self.active.peek_mut() {
            if replaced.at != top.at {
                break;
            }
            if !replaced.advance(1) {
                PeekMut::pop(replaced);
            }
        }
        let others = self.active.peek().map_or(i64::MAX, |other| other.at);
        let bound = others.min(self.pending.last().map_or(i64::MAX, |source| source.first_at));
        let rest = &top.columns.at[top.next..top.end];
        // The point itself is before every other's; with i64::MAX as its time it would not seem so.
        let len = if rest.last().is_some_and(|last| *last < bound) {
            rest.len()
        } else {
            rest.partition_point(|at| *at < bound).max(1)
        };
        let range = top.next..top.next + len;
        let columns = Arc::clone(&top.columns);
        if top.advance(len) {
            self.active.push(top);
        }
        Ok(Some(Slice { columns, range }))
    }

    /// Reads all sources that begin at or before the next point.
    fn activate(&mut self, pages: &mut dyn Pages) -> Result<()> {
        while let Some(next) = self.pending.last() {
            if self.active.peek().is_some_and(|top| top.at < next.first_at) {
                break;
            }
            let Some(source) = self.pending.pop() else { break };
            let columns = source.load(pages)?;
            let start = columns.at.partition_point(|at| *at < self.from);
            let end = columns.at.partition_point(|at| is_before(*at, self.to));
            self.active.extend(Active::new(source.rank, columns, start, end));
        }
        Ok(())
    }
}
