//! The store that needs nothing installed: an in-memory head, and immutable segments on a disk.
//!
//! - The **head** takes points in the order of arrival, in columns by series. When it is full it is
//!   frozen, and a thread seals it: sorts it and writes it as one segment.
//! - A **segment** says in its name which journal records it holds, so the files alone tell what is
//!   sealed; there is no list of files that could disagree with them. A merged segment holds the records
//!   of those it replaces; whichever of these a crash left over is removed at opening.
//! - A **read** takes the sources of its series under a short lock and decompresses outside of it.
//!
//! What is damaged is found by checksums: the index at opening, a page when it is read. A segment that
//! cannot be opened is refused by name, or set aside; then [`Store::applied`](super::Store::applied) ends
//! before it, and replaying the journal from there writes it anew, while all other segments stay.

mod cache;
mod columns;
mod compaction;
mod head;
mod merge;
mod pack;
mod page;
mod query;
mod segment;
#[cfg(test)]
mod tests;
mod upkeep;
mod writer;

use self::cache::PageCache;
use self::compaction::Limits;
use self::head::Head;
use self::merge::{Body, Source};
use self::query::SeriesView;
use self::segment::{SET_ASIDE, Segment, TEMPORARY, parse_file_name};
use self::upkeep::Signals;
use super::{Bucket, Page, Point, Result, SeriesId, Store, StoreError, StoreStats};
use crate::ports::Disk;
use firmware_schemas::quantity::Timestamp;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// Points are taken in portions of this size, so that readers never wait long for the head.
const PORTION: usize = 8_192;

/// What to do at opening about a segment that is damaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDamage {
    /// Refuse to open, naming the segment.
    #[default]
    Refuse,
    /// Rename the segment to `….damaged` and let the journal be replayed from before it.
    SetAside,
}

/// Who seals and compacts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upkeep {
    /// Two threads of the store. At most one full head waits for them; then `append` waits.
    #[default]
    Threads,
    /// Whoever appends, as part of the call: for tests that must run the same way every time.
    Inline,
}

/// How a store is kept.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The head is sealed when it holds so many points …
    pub head_points_max: usize,
    /// … or takes so many bytes. Twice this is held when points come faster than they are sealed. How old
    /// the head may grow is up to the owner, who has a clock and calls `seal`.
    pub head_bytes_max: usize,
    /// Segments are not merged into larger ones.
    pub segment_points_max: u64,
    /// Points before it are neither taken nor shown: retention as of opening.
    pub oldest: Timestamp,
    /// Who seals and compacts.
    pub upkeep: Upkeep,
    /// What to do about a damaged segment.
    pub on_damage: OnDamage,
    /// Also reads all pages at opening, so that a damaged one counts as a damaged segment.
    pub check_pages: bool,
    /// So many decompressed pages are kept for readers, of 64 KiB each at most.
    pub cached_pages_max: usize,
    /// How hard numbers are compressed, 0 to 12.
    pub compression_level: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            head_points_max: 1_000_000,
            head_bytes_max: 64 << 20,
            segment_points_max: 64_000_000,
            oldest: Timestamp::MIN,
            upkeep: Upkeep::default(),
            on_damage: OnDamage::default(),
            check_pages: false,
            cached_pages_max: 256,
            compression_level: 6,
        }
    }
}

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

/// True if `at` lies before the end `to`; the greatest `to` is no end.
fn is_before(at: i64, to: i64) -> bool {
    at < to || to == i64::MAX
}

type SeriesPoint = (SeriesId, Point);

/// The embedded store; see the module for how it works.
pub struct EmbeddedStore {
    core: Arc<Core>,
    threads: Vec<JoinHandle<()>>,
}

/// What readers see.
struct State {
    live: Head,
    /// A full head that is being sealed.
    frozen: Option<Arc<Head>>,
    /// In the order of the journal.
    segments: Arc<Vec<Arc<Segment>>>,
    oldest: i64,
}

struct Core {
    disk: Arc<dyn Disk>,
    config: StoreConfig,
    state: RwLock<State>,
    /// Held by whoever appends or freezes.
    writing: Mutex<()>,
    /// Held by whoever seals.
    sealing: Mutex<()>,
    /// Held by whoever replaces segments.
    replacing: Mutex<()>,
    signals: Mutex<Signals>,
    changed: Condvar,
    /// Names of segments that were written but not taken.
    unsettled: Mutex<Vec<String>>,
    cache: PageCache,
    generation: AtomicU64,
    set_aside: AtomicU64,
    seals: AtomicU64,
    compactions: AtomicU64,
}

/// A poisoned lock is taken all the same: state is only ever replaced as a whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl EmbeddedStore {
    /// Opens the store on `disk`, reading the index of each segment. Removes what an interrupted seal or
    /// compaction left over.
    pub fn open(disk: Arc<dyn Disk>, config: StoreConfig) -> Result<Self> {
        let (segments, set_aside) = open_segments(&*disk, &config)?;
        let generation = segments.iter().map(|segment| segment.generation).max().unwrap_or(0) + 1;
        let applied = contiguous(&segments);
        let state = State {
            live: Head::new(applied),
            frozen: None,
            segments: Arc::new(segments),
            oldest: config.oldest.as_nanos(),
        };
        let core = Arc::new(Core {
            disk,
            state: RwLock::new(state),
            writing: Mutex::new(()),
            sealing: Mutex::new(()),
            replacing: Mutex::new(()),
            signals: Mutex::new(Signals::default()),
            changed: Condvar::new(),
            unsettled: Mutex::default(),
            cache: PageCache::new(config.cached_pages_max),
            generation: AtomicU64::new(generation),
            set_aside: AtomicU64::new(set_aside),
            seals: AtomicU64::new(0),
            compactions: AtomicU64::new(0),
            config,
        });
        let threads = match core.config.upkeep {
            Upkeep::Inline => Vec::new(),
            Upkeep::Threads => upkeep::start(&core).map_err(StoreError::Thread)?,
        };
        Ok(Self { core, threads })
    }

    /// Reads every page of every segment, and gives the first damage found.
    pub fn verify(&self) -> Result<()> {
        let segments = Arc::clone(&self.core.read().segments);
        for segment in segments.iter() {
            segment.verify()?;
        }
        Ok(())
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        locked(&self.core.signals).stop = true;
        self.core.changed.notify_all();
        for thread in self.threads.drain(..) {
            thread.join().ok(); // a panic of the thread was printed by it
        }
    }
}

/// The segments on `disk` in the order of the journal, and how many were set aside.
fn open_segments(disk: &dyn Disk, config: &StoreConfig) -> Result<(Vec<Arc<Segment>>, u64)> {
    let failed = |doing, name: &str| {
        let name = name.to_owned();
        move |source| StoreError::Disk { doing, name, source }
    };
    let mut segments: Vec<Segment> = Vec::new();
    let mut set_aside = 0;
    let mut changed = false;
    for name in disk.list().map_err(failed("listing", "the folder"))? {
        if let Some(unfinished) = name.strip_suffix(TEMPORARY) {
            if parse_file_name(unfinished).is_some() {
                disk.remove(&name).map_err(failed("removing", &name))?;
                changed = true;
            }
            continue;
        }
        if parse_file_name(&name).is_none() {
            continue;
        }
        let opened = Segment::open(disk, &name)
            .and_then(|segment| if config.check_pages { segment.verify().map(|()| segment) } else { Ok(segment) });
        match opened {
            Ok(segment) => segments.push(segment),
            Err(StoreError::Damaged { .. }) if config.on_damage == OnDamage::SetAside => {
                disk.rename(&name, &format!("{name}{SET_ASIDE}")).map_err(failed("renaming", &name))?;
                set_aside += 1;
                changed = true;
            }
            Err(error) => return Err(error),
        }
    }
    // A segment that holds all of another comes before it.
    segments.sort_by_key(|s| (s.span.from, std::cmp::Reverse((s.span.to, s.generation))));
    let mut kept: Vec<Arc<Segment>> = Vec::new();
    for segment in segments {
        match kept.last() {
            Some(last) if last.span.holds(segment.span) => {
                disk.remove(&segment.name).map_err(failed("removing", &segment.name))?;
                changed = true;
            }
            Some(last) if last.span.to > segment.span.from => {
                return Err(StoreError::Overlap { one: last.name.clone(), other: segment.name });
            }
            _ => kept.push(Arc::new(segment)),
        }
    }
    if changed {
        disk.sync_folder().map_err(failed("syncing", "the folder"))?;
    }
    Ok((kept, set_aside))
}

/// Up to which record `segments` hold everything.
fn contiguous(segments: &[Arc<Segment>]) -> u64 {
    segments.iter().fold(0, |end, segment| if segment.span.from == end { segment.span.to } else { end })
}

impl Core {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_generation(&self) -> u64 {
        self.generation.fetch_add(1, Ordering::Relaxed)
    }

    fn limits(&self, oldest: i64) -> Limits {
        Limits {
            tier_points: self.config.head_points_max as u64,
            segment_points_max: self.config.segment_points_max,
            oldest,
        }
    }

    /// Adds `points` to the live head, except those before retention.
    fn take(&self, points: &[SeriesPoint]) {
        for portion in points.chunks(PORTION) {
            let mut state = self.write();
            let oldest = state.oldest;
            if portion.iter().all(|(_, point)| point.at.as_nanos() >= oldest) {
                state.live.append(portion);
            } else {
                let kept = portion.iter().filter(|(_, point)| point.at.as_nanos() >= oldest);
                let kept: Vec<SeriesPoint> = kept.cloned().collect();
                state.live.append(&kept);
            }
        }
    }

    /// The sources of `series` that reach into `from..to`, at one moment, and from when on points are shown.
    /// With `newest_only`, those that cannot hold the newest point may be missing.
    fn view(&self, series: SeriesId, from: i64, to: i64, newest_only: bool) -> (SeriesView, i64) {
        let (segments, chunks, oldest) = {
            let state = self.read();
            let from = from.max(state.oldest);
            let frozen = state.frozen.as_ref().map(|head| head.chunks(series.0, from, to)).unwrap_or_default();
            let live = state.live.chunks(series.0, from, to);
            (Arc::clone(&state.segments), [frozen, live], state.oldest)
        };
        let from = from.max(oldest);
        let mut sources = Vec::new();
        for (rank, segment) in segments.iter().enumerate() {
            if !is_before(segment.first_at, to) || segment.last_at < from {
                continue;
            }
            let mut blocks = segment.blocks_within(series.0, from, to);
            if newest_only {
                // Blocks of one segment do not overlap, and this one has a point before `to`.
                blocks.start = blocks.start.max(blocks.end.saturating_sub(1));
            }
            for block in blocks {
                let time = segment.time_of(block);
                let body = Body::Block { segment: Arc::clone(segment), block };
                let rank = (rank as u64) << 32;
                sources.push(Source { first_at: time.first_at, last_at: time.last_at, rank, body });
            }
        }
        for (after, chunk) in chunks.into_iter().flatten().enumerate() {
            let rank = ((segments.len() as u64) << 32) + after as u64;
            let (first_at, last_at) = (chunk.first_at, chunk.last_at);
            sources.push(Source { first_at, last_at, rank, body: Body::Chunk(chunk) });
        }
        (SeriesView { sources }, from)
    }
}

impl Store for EmbeddedStore {
    fn append(&self, up_to: u64, points: &[SeriesPoint]) -> Result<()> {
        let _writing = locked(&self.core.writing);
        if !self.core.make_room(up_to, points)? {
            return Ok(()); // sealed or taken before
        }
        self.core.take(points);
        self.core.write().live.up_to = up_to;
        Ok(())
    }

    fn latest_at(&self, series: SeriesId, at: Timestamp) -> Result<Option<Point>> {
        let at = at.as_nanos();
        let (view, from) = self.core.view(series, i64::MIN, at.saturating_add(1), true);
        view.latest(from, at, &mut &self.core.cache)
    }

    fn range(&self, series: SeriesId, span: Range<Timestamp>, limit: usize, after: Option<Timestamp>) -> Result<Page> {
        let start = after.map_or(i64::MIN, |after| after.as_nanos().saturating_add(1));
        let (from, to) = (span.start.as_nanos().max(start), span.end.as_nanos());
        let (view, from) = self.core.view(series, from, to, false);
        view.range(from, to, limit, &mut &self.core.cache)
    }

    fn downsample(&self, series: SeriesId, span: Range<Timestamp>, step: Duration) -> Result<Vec<Bucket>> {
        let (from, to) = (span.start.as_nanos(), span.end.as_nanos());
        let (view, visible_from) = self.core.view(series, from, to, false);
        let step = i64::try_from(step.as_nanos()).unwrap_or(i64::MAX);
        view.downsample(from, visible_from, to, step, &mut &self.core.cache)
    }

    fn applied(&self) -> u64 {
        contiguous(&self.core.read().segments)
    }

    fn seal(&self) -> Result<()> {
        let _writing = locked(&self.core.writing);
        self.core.seal_frozen()?;
        self.core.freeze(None);
        self.core.seal_frozen()?;
        self.core.after_seal();
        Ok(())
    }

    fn retain(&self, oldest: Timestamp) -> Result<()> {
        {
            let mut state = self.core.write();
            state.oldest = state.oldest.max(oldest.as_nanos());
        }
        self.core.drop_old()
    }

    fn compact(&self) -> Result<()> {
        while self.core.compact_once()? {}
        Ok(())
    }

    fn stats(&self) -> StoreStats {
        let (segments, frozen, mut series, live) = {
            let state = self.core.read();
            let series: BTreeSet<u32> = state.live.series().into_iter().collect();
            let live = (state.live.points, state.live.bytes);
            (Arc::clone(&state.segments), state.frozen.clone(), series, live)
        };
        if let Some(frozen) = &frozen {
            series.extend(frozen.series());
        }
        let mut stats = StoreStats {
            head_points: (live.0 + frozen.as_ref().map_or(0, |head| head.points)) as u64,
            head_bytes: (live.1 + frozen.as_ref().map_or(0, |head| head.bytes)) as u64,
            segments: segments.len() as u64,
            damaged: self.core.set_aside.load(Ordering::Relaxed),
            seals: self.core.seals.load(Ordering::Relaxed),
            compactions: self.core.compactions.load(Ordering::Relaxed),
            failing: locked(&self.core.signals).failing(),
            ..StoreStats::default()
        };
        for segment in segments.iter() {
            stats.sealed_points += segment.points;
            stats.bytes_on_disk += segment.bytes;
            stats.blocks += segment.index.blocks.len() as u64;
            stats.damaged += u64::from(segment.is_damaged());
            let mut last = None;
            for block in &segment.index.blocks {
                if last.replace(block.series) != Some(block.series) {
                    series.insert(block.series);
                }
            }
        }
        stats.points = stats.sealed_points + stats.head_points;
        stats.series = series.len() as u64;
        stats
    }
}
