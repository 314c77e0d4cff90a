//! Reading what is durable, beside the writer.

use super::segment::{
    Found, RECORD_HEADER_BYTES, SegmentHeader, SegmentHeaderError, Window, corruption, decode_record_header,
    read_group, segment_name,
};
use super::{Corruption, Seq, segment};
use crate::ports::{Disk, DiskFile};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes fetched at once.
const READ_BYTES: usize = 1 << 20;

/// What writer and readers both know.
pub(super) struct Shared {
    disk: Arc<dyn Disk>,
    /// The same as in `view`, to be polled without the lock.
    durable: AtomicU64,
    view: Mutex<View>,
}

#[derive(Debug)]
struct View {
    /// First seqs of the segments, ascending.
    segments: Vec<Seq>,
    durable: Seq,
    /// Durable bytes of the last segment.
    end: u64,
}

/// Where a record is.
struct Place {
    segment: Seq,
    /// The first seq of the segment that follows.
    until: Option<Seq>,
    /// Durable bytes, of the last segment.
    end: u64,
    durable: Seq,
}

impl Shared {
    pub(super) fn new(disk: Arc<dyn Disk>, segments: Vec<Seq>, durable: Seq, end: u64) -> Self {
        Self { disk, durable: AtomicU64::new(durable.0), view: Mutex::new(View { segments, durable, end }) }
    }

    fn view(&self) -> MutexGuard<'_, View> {
        // Every change below is whole before the lock is released, so a panic elsewhere spoils nothing.
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn durable(&self) -> Seq {
        Seq(self.durable.load(Ordering::Acquire))
    }

    pub(super) fn advance(&self, durable: Seq, end: u64) {
        let mut view = self.view();
        view.durable = durable;
        view.end = end;
        self.durable.store(durable.0, Ordering::Release);
    }

    pub(super) fn start_segment(&self, first: Seq, end: u64) {
        let mut view = self.view();
        view.segments.push(first);
        view.end = end;
    }

    /// The first segment, if it holds only records before `seq` and more than `segments_max` (at least one) are
    /// kept.
    pub(super) fn first_droppable(&self, seq: Seq, segments_max: usize) -> Option<Seq> {
        let view = self.view();
        match view.segments[..] {
            [first, second, ..] if second <= seq && view.segments.len() > segments_max => Some(first),
            _ => None,
        }
    }

    pub(super) fn forget_first(&self, first: Seq) {
        self.view().segments.retain(|&segment| segment != first);
    }

    pub(super) fn remember_first(&self, first: Seq) {
        self.view().segments.insert(0, first);
    }

    fn first(&self) -> Seq {
        let view = self.view();
        view.segments.first().copied().unwrap_or(view.durable.next())
    }

    /// `None` when the record is in no segment: dropped, or none has been started.
    fn locate(&self, seq: Seq) -> Option<Place> {
        let view = self.view();
        let after = view.segments.partition_point(|&first| first <= seq);
        Some(Place {
            segment: *view.segments.get(after.checked_sub(1)?)?,
            until: view.segments.get(after).copied(),
            end: view.end,
            durable: view.durable,
        })
    }
}

/// Reads what is durable, from any thread, without holding up the writer.
#[derive(Clone)]
pub struct JournalReader {
    shared: Arc<Shared>,
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The record was removed; the journal starts later now.
    #[error("record {asked} is no longer kept, the journal starts with {first}")]
    Dropped {
        /// What was asked for.
        asked: Seq,
        /// The first record that is kept.
        first: Seq,
    },
    /// Whoever asks has seen more than the journal holds: it is another journal, or it lost its end.
    #[error("record {asked} is asked for, but the journal ends with {durable}")]
    Ahead {
        /// What was asked for.
        asked: Seq,
        /// The last durable record.
        durable: Seq,
    },
    /// The bytes are not what was written.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// A record of a kind that this version does not know.
    #[error("record {seq} is of the unknown kind {kind}")]
    UnknownKind {
        /// The record.
        seq: Seq,
        /// Its kind.
        kind: u8,
    },
    /// The segment is of a format that this version does not know.
    #[error("segment {segment} is of the unknown version {version}")]
    UnknownVersion {
        /// The segment's file name.
        segment: String,
        /// Its version.
        version: u32,
    },
    /// The disk refused.
    #[error("cannot read segment {segment}: {source}")]
    Io {
        /// The segment's file name.
        segment: String,
        /// What the system said.
        source: io::Error,
    },
}

/// One record, in the reader's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its place.
    pub seq: Seq,
    /// Its bytes, as they were appended.
    pub payload: &'a [u8],
}

impl JournalReader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The last record that is durable. Cheap: one atomic load.
    pub fn durable(&self) -> Seq {
        self.shared.durable()
    }

    /// The first record that is kept; the one after [`JournalReader::durable`] when there is none.
    pub fn first(&self) -> Seq {
        self.shared.first()
    }

    /// Reads from `seq` up to the durable end, wherever that is by then.
    ///
    /// `seq` may be one past the end, to wait for what comes. Takes about 1 MiB of memory, or the size of
    /// the largest group. Going to `seq` reads its segment from the start, without checking what is skipped.
    pub fn read_from(&self, seq: Seq) -> Result<Records, ReadError> {
        let asked = seq.max(Seq::FIRST);
        let first = self.first();
        if asked < first {
            return Err(ReadError::Dropped { asked, first });
        }
        let durable = self.durable();
        if asked > durable.next() {
            return Err(ReadError::Ahead { asked, durable });
        }
        Ok(Records {
            shared: Arc::clone(&self.shared),
            open: None,
            window: Window::new(READ_BYTES),
            durable,
            next: asked,
            left: 0,
            at: 0,
            body_end: 0,
            failed: false,
        })
    }
}

/// Records in order, streamed from the disk.
///
/// [`Records::next_record`] lends each record and copies nothing. As an [`Iterator`] it gives owned
/// payloads. Either ends at the durable end, and goes on from there when called again later.
pub struct Records {
    shared: Arc<Shared>,
    open: Option<OpenSegment>,
    window: Window,
    /// As far as is known here.
    durable: Seq,
    /// The record to give next.
    next: Seq,
    /// Records left in the group.
    left: u32,
    /// Where the next record starts, in the window.
    at: usize,
    /// Where the group ends, in the window.
    body_end: usize,
    failed: bool,
}

struct OpenSegment {
    file: Box<dyn DiskFile>,
    header: SegmentHeader,
    until: Option<Seq>,
    /// Bytes that may be read.
    limit: u64,
    /// Where the next group starts.
    offset: u64,
    /// The first seq of the next group.
    group_first: Seq,
}

impl Records {
    /// The seq of the record that comes next.
    pub fn position(&self) -> Seq {
        self.next
    }

    /// The next record; `None` at the durable end.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        if self.left == 0 && !self.enter_group()? {
            return Ok(None);
        }
        let seq = self.next;
        let Some(range) = self.take_record()? else {
            return Err(self.broken_group());
        };
        Ok(Some(Record { seq, payload: &self.window.bytes()[range] }))
    }

    /// Moves past one record of the group; `None` when the group does not hold what it says.
    fn take_record(&mut self) -> Result<Option<std::ops::Range<usize>>, ReadError> {
        let body = &self.window.bytes()[..self.body_end];
        let Some(head) = body.get(self.at..).and_then(|rest| rest.first_chunk::<RECORD_HEADER_BYTES>()) else {
            return Ok(None);
        };
        let (len, kind) = decode_record_header(*head);
        let from = self.at + RECORD_HEADER_BYTES;
        let to = from + len;
        if to > self.body_end || (self.left == 1 && to != self.body_end) {
            return Ok(None);
        }
        if kind != segment::KIND_OPAQUE {
            return Err(ReadError::UnknownKind { seq: self.next, kind });
        }
        self.at = to;
        self.left -= 1;
        self.next = self.next.next();
        Ok(Some(from..to))
    }

    fn broken_group(&self) -> ReadError {
        let (segment, offset) = self.open.as_ref().map_or((self.next, 0), |open| (open.header.first, open.offset));
        corruption(segment, offset, self.next, "the group before this offset does not hold its records").into()
    }

    /// Brings the group with the next record into memory; false at the durable end.
    fn enter_group(&mut self) -> Result<bool, ReadError> {
        if self.next > self.durable {
            self.durable = self.shared.durable();
            if self.next > self.durable {
                return Ok(false);
            }
            // The segment may have grown, or have been closed since.
            self.refresh_segment()?;
        }
        if self.open.as_ref().is_none_or(|open| open.until.is_some_and(|until| until <= self.next)) {
            self.open_segment()?;
        }
        let Some(open) = &mut self.open else { return Ok(false) };
        let (first, salt) = (open.header.first, open.header.salt);
        let io_error = |source| ReadError::Io { segment: segment_name(first), source };
        // Hop over groups that end before the record.
        let mut check_body = open.group_first >= self.next;
        loop {
            let (offset, expected) = (open.offset, open.group_first);
            let found =
                read_group(&mut self.window, open.file.as_ref(), open.limit, salt, offset, expected, check_body)
                    .map_err(io_error)?;
            match found {
                Found::Group(header, _) if header.end() <= self.next => {
                    open.offset += header.group_bytes();
                    open.group_first = header.end();
                }
                Found::Group(..) if !check_body => check_body = true,
                Found::Group(header, from) => {
                    open.offset += header.group_bytes();
                    open.group_first = header.end();
                    self.at = from;
                    self.body_end = from + header.body_bytes as usize;
                    self.left = header.records;
                    let wanted = std::mem::replace(&mut self.next, header.first);
                    while self.next < wanted {
                        if self.take_record()?.is_none() {
                            return Err(self.broken_group());
                        }
                    }
                    return Ok(true);
                }
                Found::End => return Err(corruption(first, offset, expected, "the segment ends here").into()),
                Found::Bad(what) => return Err(corruption(first, offset, expected, what).into()),
            }
        }
    }

    fn refresh_segment(&mut self) -> Result<(), ReadError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let first = open.header.first;
        if let Some(place) = self.shared.locate(first)
            && place.segment == first
        {
            open.until = place.until;
            open.limit = match place.until {
                None => place.end,
                Some(_) => open.file.len().map_err(|source| ReadError::Io { segment: segment_name(first), source })?,
            };
            self.durable = place.durable;
        }
        Ok(())
    }

    fn open_segment(&mut self) -> Result<(), ReadError> {
        self.open = None;
        self.window.clear();
        let dropped = || ReadError::Dropped { asked: self.next, first: self.shared.first() };
        let place = self.shared.locate(self.next).ok_or_else(dropped)?;
        let first = place.segment;
        let name = segment_name(first);
        let io_error = |source| ReadError::Io { segment: segment_name(first), source };
        let file = match self.shared.disk.open(&name) {
            Ok(file) => file,
            // Removed between the look at the view and now.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.shared.first() > first => {
                return Err(dropped());
            }
            Err(source) => return Err(io_error(source)),
        };
        let header = match SegmentHeader::read(file.as_ref(), first).map_err(io_error)? {
            Ok(header) => header,
            Err(SegmentHeaderError::UnknownVersion(version)) => {
                return Err(ReadError::UnknownVersion { segment: name, version });
            }
            Err(SegmentHeaderError::Damaged(what)) => return Err(corruption(first, 0, first, what).into()),
        };
        let limit = if place.until.is_some() { file.len().map_err(io_error)? } else { place.end };
        self.durable = place.durable;
        self.open = Some(OpenSegment {
            file,
            header,
            until: place.until,
            limit,
            offset: segment::SEGMENT_HEADER_BYTES,
            group_first: first,
        });
        Ok(())
    }
}

impl Iterator for Records {
    type Item = Result<(Seq, Vec<u8>), ReadError>;

    /// Ends for good after an error.
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let item = self.next_record().map(|record| record.map(|record| (record.seq, record.payload.to_vec())));
        self.failed = item.is_err();
        item.transpose()
    }
}
