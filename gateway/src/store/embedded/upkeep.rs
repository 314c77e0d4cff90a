//! Freezing, sealing, compacting and forgetting: what moves points from the head to disk and onwards.

use super::super::{Result, StoreError};
use super::compaction;
use super::head::Head;
use super::merge::{Body, Merge, Source};
use super::segment::{self, Segment, Span, Uncached};
use super::writer::SegmentWriter;
use super::{Core, Upkeep, contiguous, locked};
use std::io;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::{Builder, JoinHandle};

/// How much the compacting thread lowers its priority; 19 is the lowest.
const COMPACTION_NICE: i32 = 10;

/// What appenders and the threads tell each other.
#[derive(Default)]
pub(super) struct Signals {
    pub(super) stop: bool,
    seal_due: bool,
    compact_due: bool,
    /// Why the frozen head could not be sealed.
    seal_failure: Option<String>,
    compact_failure: Option<String>,
}

impl Signals {
    pub(super) fn failing(&self) -> Option<String> {
        self.seal_failure.clone().or_else(|| self.compact_failure.clone())
    }
}

/// Starts the threads that seal and compact.
pub(super) fn start(core: &Arc<Core>) -> io::Result<Vec<JoinHandle<()>>> {
    let thread = |name: &str, run: fn(&Core)| {
        let core = Arc::clone(core);
        Builder::new().name(name.to_owned()).spawn(move || run(&core))
    };
    Ok(vec![thread("store-seal", run_sealing)?, thread("store-compact", run_compacting)?])
}

/// Tells appenders, who would else wait for ever, that nobody seals any more.
struct Ending<'a>(&'a Core);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        locked(&self.0.signals).seal_failure = Some("the sealing thread has ended".to_owned());
        self.0.changed.notify_all();
    }
}

fn run_sealing(core: &Core) {
    let _ending = Ending(core);
    while core.wait_for(|signals| std::mem::take(&mut signals.seal_due)) {
        if core.try_seal() {
            core.after_seal();
        }
    }
}

fn run_compacting(core: &Core) {
    // Compaction is never urgent, so this thread lets all others go first. It works without that, too.
    rustix::process::nice(COMPACTION_NICE).ok();
    while core.wait_for(|signals| std::mem::take(&mut signals.compact_due)) {
        core.try_compact();
    }
}

impl Core {
    /// Waits until `due` holds, and gives false when the store is closing.
    fn wait_for(&self, mut due: impl FnMut(&mut Signals) -> bool) -> bool {
        let mut signals = locked(&self.signals);
        loop {
            if signals.stop {
                return false;
            }
            if due(&mut signals) {
                return true;
            }
            signals = self.changed.wait(signals).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_stopping(&self) -> bool {
        locked(&self.signals).stop
    }

    /// Makes the head ready for records up to `up_to`; false if it holds them already or they are sealed.
    /// `points` are what these records hold.
    pub(super) fn make_room(&self, up_to: u64, points: &[super::SeriesPoint]) -> Result<bool> {
        loop {
            let (known, gap_end, full) = {
                let state = self.read();
                let later = state.segments.iter().map(|segment| segment.span.from);
                let gap_end = later.filter(|from| *from >= state.live.from).min().unwrap_or(u64::MAX);
                let full = state.live.points >= self.config.head_points_max.max(1)
                    || state.live.bytes >= self.config.head_bytes_max;
                (state.live.up_to, gap_end, full)
            };
            if up_to <= known {
                return Ok(false);
            }
            if up_to > gap_end {
                // Segments follow the gap that is being filled. Some of these points may belong into the gap;
                // the others do no harm there, because what follows has them too and wins.
                if known < gap_end {
                    self.take(points);
                }
                self.fill_gap(gap_end)?;
            } else if full {
                self.freeze_full()?;
            } else {
                return Ok(true);
            }
        }
    }

    fn fill_gap(&self, gap_end: u64) -> Result<()> {
        self.seal_frozen()?;
        self.freeze(Some(gap_end));
        self.seal_frozen()?;
        let mut state = self.write();
        state.live = Head::new(contiguous(&state.segments));
        Ok(())
    }

    /// Freezes the full head as soon as the one before it is sealed.
    fn freeze_full(&self) -> Result<()> {
        if self.config.upkeep == Upkeep::Inline {
            if self.read().frozen.is_some() && !self.try_seal() {
                return Err(self.seal_fails());
            }
            self.freeze(None);
            if self.try_seal() {
                self.after_seal();
            }
            return Ok(());
        }
        let mut signals = locked(&self.signals);
        while self.read().frozen.is_some() {
            if signals.seal_failure.is_some() {
                signals.seal_due = true; // try again, and meanwhile refuse
                self.changed.notify_all();
                drop(signals);
                return Err(self.seal_fails());
            }
            signals = self.changed.wait(signals).unwrap_or_else(PoisonError::into_inner);
        }
        self.freeze(None);
        signals.seal_due = true;
        self.changed.notify_all();
        Ok(())
    }

    fn seal_fails(&self) -> StoreError {
        StoreError::SealFails { why: locked(&self.signals).seal_failure.clone().unwrap_or_default() }
    }

    /// Makes the live head the frozen one, if it has anything to say; there must be none. `to` is the
    /// record it then reaches to, where that is more than it was told.
    pub(super) fn freeze(&self, to: Option<u64>) {
        let mut state = self.write();
        let up_to = to.unwrap_or(state.live.up_to);
        if up_to > state.live.from && state.frozen.is_none() {
            let mut full = std::mem::replace(&mut state.live, Head::new(up_to));
            full.up_to = up_to;
            state.frozen = Some(Arc::new(full));
        }
    }

    /// Seals the frozen head and notes whether that went well.
    fn try_seal(&self) -> bool {
        let failure = self.seal_frozen().err().map(|error| error.to_string());
        let sealed = failure.is_none();
        if let Some(why) = &failure {
            tracing::warn!(why, "sealing failed, will retry");
        }
        locked(&self.signals).seal_failure = failure;
        self.changed.notify_all();
        sealed
    }

    /// Writes the frozen head as a segment, if there is one.
    pub(super) fn seal_frozen(&self) -> Result<()> {
        let _sealing = locked(&self.sealing);
        let Some(head) = self.read().frozen.clone() else { return Ok(()) };
        let span = Span { from: head.from, to: head.up_to };
        let segment = self.write_segment(span, |writer| write_head(writer, &head))?;
        self.seals.fetch_add(1, Ordering::Relaxed);
        {
            let mut state = self.write();
            let mut segments = state.segments.to_vec();
            let place = segments.partition_point(|other| other.span.from < segment.span.from);
            segments.insert(place, Arc::new(segment));
            state.segments = Arc::new(segments);
            state.frozen = None;
        }
        let mut signals = locked(&self.signals);
        signals.seal_failure = None;
        drop(signals);
        self.changed.notify_all();
        Ok(())
    }

    /// Writes a segment of `span`, filled by `fill`.
    fn write_segment(&self, span: Span, fill: impl FnOnce(&mut SegmentWriter<'_>) -> Result<()>) -> Result<Segment> {
        self.settle()?;
        let generation = self.next_generation();
        let mut writer = SegmentWriter::create(&*self.disk, span, generation, self.config.compression_level)?;
        if let Err(error) = fill(&mut writer) {
            writer.abandon();
            return Err(error);
        }
        writer.finish().inspect_err(|_| locked(&self.unsettled).push(segment::file_name(span, generation)))
    }

    /// Removes segments that were written but not taken, because the disk failed before they were surely
    /// durable. Nothing is written before they are surely gone: after a crash one of them might be back,
    /// and must not overlap what was written since.
    fn settle(&self) -> Result<()> {
        let mut unsettled = locked(&self.unsettled);
        if unsettled.is_empty() {
            return Ok(());
        }
        for name in unsettled.iter() {
            match self.disk.remove(name) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::Disk { doing: "removing", name: name.clone(), source });
                }
                _ => {}
            }
        }
        let failed = |source| StoreError::Disk { doing: "syncing", name: "the folder".to_owned(), source };
        self.disk.sync_folder().map_err(failed)?;
        unsettled.clear();
        Ok(())
    }

    /// Compacts, or has it done.
    pub(super) fn after_seal(&self) {
        match self.config.upkeep {
            Upkeep::Inline => self.try_compact(),
            Upkeep::Threads => {
                locked(&self.signals).compact_due = true;
                self.changed.notify_all();
            }
        }
    }

    fn try_compact(&self) {
        let failure = loop {
            match self.compact_once() {
                Ok(true) if !self.is_stopping() => {}
                Ok(_) => break None,
                Err(error) => break Some(error.to_string()),
            }
        };
        if let Some(why) = &failure {
            tracing::warn!(why, "compacting failed, will retry after the next seal");
        }
        locked(&self.signals).compact_failure = failure;
    }

    /// Does one compaction, if one is due.
    pub(super) fn compact_once(&self) -> Result<bool> {
        let _replacing = locked(&self.replacing);
        let (segments, oldest) = {
            let state = self.read();
            (Arc::clone(&state.segments), state.oldest)
        };
        let Some(range) = compaction::plan(&segments, &self.limits(oldest)) else { return Ok(false) };
        self.replace(&segments[range], oldest)?;
        self.compactions.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }

    /// Puts an empty segment into the place of those whose points are all older than retention: it keeps
    /// saying that these journal records need no replay.
    pub(super) fn drop_old(&self) -> Result<()> {
        let _replacing = locked(&self.replacing);
        let (segments, oldest) = {
            let state = self.read();
            (Arc::clone(&state.segments), state.oldest)
        };
        for range in old_neighbours(&segments, oldest) {
            self.replace(&segments[range], oldest)?;
        }
        Ok(())
    }

    /// Writes `old`, which are neighbours, as one segment, shows it to readers and removes the files.
    fn replace(&self, old: &[Arc<Segment>], oldest: i64) -> Result<()> {
        let (Some(first), Some(last)) = (old.first(), old.last()) else { return Ok(()) };
        let span = Span { from: first.span.from, to: last.span.to };
        let merged = self.write_segment(span, |writer| compaction::write_merged(writer, old, oldest))?;
        let merged = Arc::new(merged);
        {
            let mut state = self.write();
            let is_old = |segment: &Arc<Segment>| old.iter().any(|old| old.generation == segment.generation);
            let place = state.segments.iter().position(is_old).unwrap_or(0);
            let mut segments: Vec<_> = state.segments.iter().filter(|segment| !is_old(segment)).cloned().collect();
            segments.insert(place, merged);
            state.segments = Arc::new(segments);
        }
        for segment in old {
            self.cache.forget(segment.generation);
            let failed = |source| StoreError::Disk { doing: "removing", name: segment.name.clone(), source };
            self.disk.remove(&segment.name).map_err(failed)?;
        }
        let failed = |source| StoreError::Disk { doing: "syncing", name: "the folder".to_owned(), source };
        self.disk.sync_folder().map_err(failed)
    }
}

/// Runs of neighbours that hold nothing from `oldest` on, but something before it.
fn old_neighbours(segments: &[Arc<Segment>], oldest: i64) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    while start < segments.len() {
        let mut end = start;
        while end < segments.len()
            && segments[end].last_at < oldest
            && (end == start || segments[end - 1].span.to == segments[end].span.from)
        {
            end += 1;
        }
        if segments[start..end].iter().any(|segment| segment.points > 0) {
            runs.push(start..end);
        }
        start = end.max(start + 1);
    }
    runs
}

fn write_head(writer: &mut SegmentWriter<'_>, head: &Head) -> Result<()> {
    for series in head.series() {
        let chunks = head.chunks(series, i64::MIN, i64::MAX).into_iter().enumerate();
        let source = |(rank, chunk): (usize, super::head::ChunkRef)| Source {
            first_at: chunk.first_at,
            last_at: chunk.last_at,
            rank: rank as u64,
            body: Body::Chunk(chunk),
        };
        let merge = Merge::new(chunks.map(source).collect(), i64::MIN, i64::MAX);
        compaction::write_series(writer, series, merge, &mut Uncached)?;
    }
    Ok(())
}
