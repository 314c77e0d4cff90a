//! The points that are only in memory, by series, in the order in which they arrived.

use super::super::{Point, SeriesId, Value};
use super::columns::{Columns, Kind};
use super::is_before;
use std::sync::Arc;

/// A chunk is closed at this many points. Closed chunks are shared with readers; the open one is copied.
const CHUNK_POINTS: usize = 1_024;
/// Capacity that a series' first chunk begins with.
const FIRST_CAPACITY: usize = 16;
/// Series per page of the directory.
const DIRECTORY_PAGE: usize = 1_024;
/// What a number takes in memory: its time and its value.
const POINT_BYTES: usize = 16;
const NO_SLOT: u32 = u32::MAX;

/// Points of one series and kind, in the order of arrival.
#[derive(Clone, Debug)]
struct Chunk {
    columns: Columns,
    /// True while every point is later than the one before.
    ordered: bool,
    first_at: i64,
    last_at: i64,
}

impl Chunk {
    fn new(kind: Kind, capacity: usize) -> Self {
        Self { columns: Columns::new(kind, capacity), ordered: true, first_at: i64::MAX, last_at: i64::MIN }
    }

    fn push(&mut self, point: &Point) {
        let at = point.at.as_nanos();
        self.ordered &= at > self.last_at || self.columns.len() == 0;
        self.first_at = self.first_at.min(at);
        self.last_at = self.last_at.max(at);
        self.columns.push(point);
    }

    fn overlaps(&self, from: i64, to: i64) -> bool {
        self.columns.len() > 0 && is_before(self.first_at, to) && self.last_at >= from
    }
}

/// A closed chunk, or a copy of an open one.
#[derive(Clone, Debug)]
pub(super) struct ChunkRef {
    columns: Arc<Columns>,
    ordered: bool,
    pub(super) first_at: i64,
    pub(super) last_at: i64,
}

impl ChunkRef {
    fn new(chunk: Chunk) -> Self {
        let Chunk { columns, ordered, first_at, last_at } = chunk;
        Self { columns: Arc::new(columns), ordered, first_at, last_at }
    }

    fn overlaps(&self, from: i64, to: i64) -> bool {
        is_before(self.first_at, to) && self.last_at >= from
    }

    /// The points ascending in time, without those that were replaced.
    pub(super) fn sorted(&self) -> Arc<Columns> {
        if self.ordered { Arc::clone(&self.columns) } else { Arc::new(self.columns.sorted()) }
    }
}

#[derive(Debug)]
struct SeriesHead {
    series: u32,
    closed: Vec<ChunkRef>,
    open: Chunk,
}

impl SeriesHead {
    /// Takes `point` and gives the bytes that this added beside the point's own.
    fn push(&mut self, point: &Point) -> usize {
        let kind = Kind::of(&point.value);
        let mut added = 0;
        if self.open.columns.len() >= CHUNK_POINTS || self.open.columns.kind() != kind {
            // A series that filled one chunk will fill the next.
            let capacity = self.open.columns.len().max(FIRST_CAPACITY);
            let full = std::mem::replace(&mut self.open, Chunk::new(kind, capacity));
            self.closed.push(ChunkRef::new(full));
            added = size_of::<Columns>() + size_of::<ChunkRef>() + FIRST_CAPACITY * 16;
        }
        self.open.push(point);
        added
    }
}

/// The points that arrived since the last seal.
#[derive(Debug)]
pub(super) struct Head {
    /// All points come from journal records after this one …
    pub(super) from: u64,
    /// … up to and including this one.
    pub(super) up_to: u64,
    directory: Vec<Option<Box<[u32; DIRECTORY_PAGE]>>>,
    series: Vec<SeriesHead>,
    pub(super) points: usize,
    pub(super) bytes: usize,
}

impl Head {
    pub(super) fn new(from: u64) -> Self {
        Self { from, up_to: from, directory: Vec::new(), series: Vec::new(), points: 0, bytes: 0 }
    }

    pub(super) fn append(&mut self, points: &[(SeriesId, Point)]) {
        for (series, point) in points {
            let slot = self.slot(series.0, &point.value);
            self.bytes += self.series[slot].push(point)
                + POINT_BYTES
                + match &point.value {
                    Value::Text(text) => 16 + text.len(),
                    _ => 0,
                };
        }
        self.points += points.len();
    }

    fn slot(&mut self, series: u32, value: &Value) -> usize {
        let (page, entry) = (series as usize / DIRECTORY_PAGE, series as usize % DIRECTORY_PAGE);
        if page >= self.directory.len() {
            self.directory.resize_with(page + 1, || None);
        }
        let slots = self.directory[page].get_or_insert_with(|| Box::new([NO_SLOT; DIRECTORY_PAGE]));
        if slots[entry] == NO_SLOT {
            slots[entry] = self.series.len() as u32;
            let open = Chunk::new(Kind::of(value), FIRST_CAPACITY);
            self.series.push(SeriesHead { series, closed: Vec::new(), open });
            self.bytes += size_of::<SeriesHead>() + FIRST_CAPACITY * 16;
        }
        slots[entry] as usize
    }

    fn find(&self, series: u32) -> Option<&SeriesHead> {
        let slots = self.directory.get(series as usize / DIRECTORY_PAGE)?.as_ref()?;
        let slot = slots[series as usize % DIRECTORY_PAGE];
        (slot != NO_SLOT).then(|| &self.series[slot as usize])
    }

    /// The series that have points here, ascending.
    pub(super) fn series(&self) -> Vec<u32> {
        let mut all: Vec<u32> = self.series.iter().map(|s| s.series).collect();
        all.sort_unstable();
        all
    }

    /// The chunks of `series` that reach into `from..to`, in the order of arrival. Copies at most the
    /// open chunk.
    pub(super) fn chunks(&self, series: u32, from: i64, to: i64) -> Vec<ChunkRef> {
        let Some(head) = self.find(series) else { return Vec::new() };
        let mut chunks: Vec<ChunkRef> = head.closed.iter().filter(|chunk| chunk.overlaps(from, to)).cloned().collect();
        if head.open.overlaps(from, to) {
            chunks.push(ChunkRef::new(head.open.clone()));
        }
        chunks
    }
}
