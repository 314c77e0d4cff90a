//! Merges neighbouring segments, so that there are few, with full blocks and without replaced points.
//!
//! Segments stand in the order of the journal, and only neighbours are merged; so which of two points
//! arrived later can still be told. Segments are tiered by size: as soon as [`FAN_IN`] neighbours are no
//! larger than a tier, they become one of the next. A reading is thus rewritten once for each tier, and
//! the number of segments grows with the logarithm of what is stored, up to the largest size.

use super::super::Result;
use super::columns::Columns;
use super::merge::{Body, Merge, Source};
use super::page::PageData;
use super::segment::{BlockQuality, Pages, Segment, TimeBlock};
use super::writer::SegmentWriter;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// So many neighbours of a tier are merged.
const FAN_IN: usize = 4;
/// No more segments than this are merged at once.
const FAN_IN_MAX: usize = 16;

/// What compaction is to keep.
pub(super) struct Limits {
    /// The largest segment of the smallest tier.
    pub(super) tier_points: u64,
    /// Segments are not merged into larger ones than this.
    pub(super) segment_points_max: u64,
    /// Points before it are left out.
    pub(super) oldest: i64,
}

/// Which neighbours to merge next; `None` if none is due.
pub(super) fn plan(segments: &[Arc<Segment>], limits: &Limits) -> Option<Range<usize>> {
    mergeable(segments, limits).or_else(|| {
        // Alone, if a quarter or more of it is older than retention.
        let stale = |segment: &Segment| -> u64 {
            let blocks = 0..segment.index.blocks.len();
            blocks.map(|block| older_points(segment.time_of(block), limits.oldest)).sum()
        };
        let idx = segments.iter().position(|segment| {
            !segment.is_damaged() && segment.first_at < limits.oldest && {
                let stale = stale(segment);
                stale > 0 && stale * 4 >= segment.points
            }
        })?;
        Some(idx..idx + 1)
    })
}

/// About how many of a block's points lie before `oldest`: not zero if any does.
fn older_points(time: &TimeBlock, oldest: i64) -> u64 {
    let count = u64::from(time.count);
    if time.first_at >= oldest {
        return 0;
    }
    if time.last_at < oldest {
        return count;
    }
    let older = i128::from(oldest) - i128::from(time.first_at);
    let whole = i128::from(time.last_at) - i128::from(time.first_at) + 1;
    u64::try_from(i128::from(count) * older / whole).unwrap_or(count).max(1)
}

fn mergeable(segments: &[Arc<Segment>], limits: &Limits) -> Option<Range<usize>> {
    let mut tier = limits.tier_points.max(1);
    loop {
        let mut start = 0;
        while start < segments.len() {
            let run = neighbours(&segments[start..], tier, limits.segment_points_max);
            if run >= FAN_IN {
                return Some(start..start + run);
            }
            start += run.max(1);
        }
        if tier >= limits.segment_points_max {
            return None;
        }
        tier = tier.saturating_mul(FAN_IN as u64);
    }
}

/// How many of the first segments are no larger than `tier`, and together no larger than `max`.
fn neighbours(segments: &[Arc<Segment>], tier: u64, max: u64) -> usize {
    let mut points = 0;
    let mut end: Option<u64> = None;
    let fits = |segment: &&Arc<Segment>| {
        points += segment.points;
        let adjoins = end.replace(segment.span.to).is_none_or(|end| end == segment.span.from);
        !segment.is_damaged() && adjoins && segment.points <= tier && points <= max
    };
    segments.iter().take(FAN_IN_MAX).take_while(fits).count()
}

/// Writes the points of `segments`, which are neighbours, into one. Memory: the pages that lie across the
/// series being merged, some dozens for each segment.
pub(super) fn write_merged(writer: &mut SegmentWriter<'_>, segments: &[Arc<Segment>], oldest: i64) -> Result<()> {
    let mut pages = PagesInUse::new(segments);
    let mut next = vec![0_usize; segments.len()];
    loop {
        let series_of = |(segment, block): (&Arc<Segment>, &usize)| segment.index.blocks.get(*block).map(|b| b.series);
        let Some(series) = segments.iter().zip(&next).filter_map(series_of).min() else { return Ok(()) };
        let mut sources = Vec::new();
        for (rank, (segment, next)) in segments.iter().zip(&mut next).enumerate() {
            let blocks = segment.blocks_of(series);
            *next = (*next).max(blocks.end);
            for block in blocks {
                let time = segment.time_of(block);
                if time.last_at >= oldest {
                    let body = Body::Block { segment: Arc::clone(segment), block };
                    sources.push(Source { first_at: time.first_at, last_at: time.last_at, rank: rank as u64, body });
                } else {
                    pages.pass_over(segment, block);
                }
            }
        }
        write_series(writer, series, Merge::new(sources, oldest, i64::MAX), &mut pages)?;
        pages.forget_used();
    }
}

/// Writes what `merge` gives as points of `series`, in stretches of one kind, none too long for memory.
pub(super) fn write_series(
    writer: &mut SegmentWriter<'_>,
    series: u32,
    mut merge: Merge,
    pages: &mut dyn Pages,
) -> Result<()> {
    /// Sixteen blocks; the last stretch of a series may be short.
    const STRETCH: usize = 16 * super::page::PAGE_POINTS;
    let mut stretch: Option<Columns> = None;
    while let Some(slice) = merge.next_slice(pages)? {
        let kind = slice.columns.kind();
        if let Some(full) = stretch.take_if(|s| s.kind() != kind || s.len() >= STRETCH) {
            writer.push(series, &full)?;
        }
        let columns = stretch.get_or_insert_with(|| Columns::new(kind, slice.range.len()));
        columns.extend(&slice.columns, slice.range);
    }
    stretch.map_or(Ok(()), |rest| writer.push(series, &rest))
}

/// Keeps each decompressed page until the last block on it was read.
struct PagesInUse {
    /// By generation of the segment and number of the page.
    held: BTreeMap<(u64, u32), Arc<PageData>>,
    /// How many blocks still need a page, by generation.
    needed: BTreeMap<u64, Vec<u32>>,
    /// Pages that the series being written has used up.
    used: Vec<(u64, u32)>,
}

impl PagesInUse {
    fn new(segments: &[Arc<Segment>]) -> Self {
        let needs = |segment: &Arc<Segment>| {
            let mut needed = vec![0; segment.index.pages.len()];
            for block in 0..segment.index.blocks.len() {
                for page in pages_of(segment, block) {
                    needed[page as usize] += 1;
                }
            }
            (segment.generation, needed)
        };
        Self { held: BTreeMap::new(), needed: segments.iter().map(needs).collect(), used: Vec::new() }
    }

    /// Notes that a block will not be read.
    fn pass_over(&mut self, segment: &Segment, block: usize) {
        for page in pages_of(segment, block) {
            self.note_use(segment.generation, page);
        }
    }

    fn note_use(&mut self, generation: u64, page: u32) {
        if let Some(needed) = self.needed.get_mut(&generation).and_then(|needed| needed.get_mut(page as usize)) {
            *needed = needed.saturating_sub(1);
            if *needed == 0 {
                self.used.push((generation, page));
            }
        }
    }

    fn forget_used(&mut self) {
        for page in self.used.drain(..) {
            self.held.remove(&page);
        }
    }
}

impl Pages for PagesInUse {
    fn page(&mut self, segment: &Segment, page: u32) -> Result<Arc<PageData>> {
        let key = (segment.generation, page);
        let data = match self.held.get(&key) {
            Some(data) => Arc::clone(data),
            None => {
                let data = Arc::new(segment.read_page(page)?);
                self.held.insert(key, Arc::clone(&data));
                data
            }
        };
        self.note_use(segment.generation, page);
        Ok(data)
    }
}

/// The pages that reading a block asks for, once each.
fn pages_of(segment: &Segment, block: usize) -> impl Iterator<Item = u32> {
    let time = &segment.time_of(block).ints;
    let block = &segment.index.blocks[block];
    let quality = match block.quality {
        BlockQuality::Same(_) => None,
        BlockQuality::Page { page, .. } => Some(page),
    };
    [time, &block.ints].into_iter().filter(|ints| !ints.is_pageless()).map(|ints| ints.page).chain(quality)
}
