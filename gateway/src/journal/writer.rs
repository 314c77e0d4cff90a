//! The one writer: append, commit, drop.

use super::reader::{JournalReader, Shared};
use super::recovery::{self, JournalError, Recovery};
use super::segment::{
    Group, KIND_OPAQUE, NEW_SEGMENT, PAYLOAD_BYTES_MAX, RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader,
    segment_name,
};
use super::{JournalConfig, Seq, is_no_space};
use crate::ports::{Disk, DiskFile};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// An open journal; there is one for a folder.
pub struct Journal {
    disk: Arc<dyn Disk>,
    config: JournalConfig,
    shared: Arc<Shared>,
    active: Option<Active>,
    /// Closed groups and, last, the one that takes records.
    pending: VecDeque<Group>,
    pending_bytes: usize,
    next: Seq,
    poison: Option<Poison>,
    /// Allocations of written groups, for the next ones.
    spare: Vec<Vec<u8>>,
}

/// The segment that is written to.
pub(super) struct Active {
    pub(super) file: Box<dyn DiskFile>,
    pub(super) header: SegmentHeader,
    /// Durable bytes; the next group is written here.
    pub(super) end: u64,
    /// Bytes reserved, and the file's length.
    pub(super) allocated: u64,
}

/// Records that wait for a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// How many.
    pub records: usize,
    /// Bytes that they will take on disk.
    pub bytes: usize,
}

#[derive(Clone, Debug)]
struct Poison {
    step: &'static str,
    source: Arc<io::Error>,
}

/// Why a record was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The payload is longer than a record can be.
    #[error("payload of {len} bytes exceeds the limit of {max}")]
    TooLong {
        /// The payload's bytes.
        len: usize,
        /// What a record can hold.
        max: usize,
    },
    /// Too much waits already; commit first.
    #[error("{pending_bytes} bytes wait for a commit already, the limit is {max}")]
    Full {
        /// Bytes that wait.
        pending_bytes: usize,
        /// [`JournalConfig::pending_bytes_max`].
        max: usize,
    },
    /// The disk failed earlier; only opening anew helps.
    #[error("the journal takes nothing more since it failed to {step}: {source}")]
    Poisoned {
        /// What failed.
        step: &'static str,
        /// What the system said.
        source: Arc<io::Error>,
    },
}

/// Why records are not durable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// There is no room. The records still wait, and a later commit tries again.
    #[error("no space on the disk: {needed_bytes} bytes needed, {free_bytes} free, {free_bytes_min} of them kept back")]
    NoSpace {
        /// What was to be reserved.
        needed_bytes: u64,
        /// What the disk had.
        free_bytes: u64,
        /// [`JournalConfig::free_bytes_min`].
        free_bytes_min: u64,
    },
    /// The disk failed, now or earlier; only opening anew helps. Records that wait may or may not be there then.
    #[error("the journal takes nothing more since it failed to {step}: {source}")]
    Poisoned {
        /// What failed.
        step: &'static str,
        /// What the system said.
        source: Arc<io::Error>,
    },
}

/// Why old segments were not removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot remove segment {segment}: {source}")]
pub struct DropError {
    /// The segment's file name.
    pub segment: String,
    /// What the system said.
    pub source: io::Error,
}

/// How one attempt on the disk ended badly.
enum Failure {
    NoSpace { needed_bytes: u64 },
    Broken { step: &'static str, source: io::Error },
}

impl Failure {
    fn of(step: &'static str, needed_bytes: u64) -> impl FnOnce(io::Error) -> Self {
        move |source| {
            if is_no_space(&source) { Self::NoSpace { needed_bytes } } else { Self::Broken { step, source } }
        }
    }

    /// For syncs, after which nothing can be known, whatever the reason.
    fn broken(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Broken { step, source }
    }
}

impl Journal {
    /// Opens the journal on `disk`, or starts one there, and brings it to a state that is durable.
    ///
    /// Reads the last segment, or all of them with [`super::Verify::Everything`].
    pub fn open(disk: Arc<dyn Disk>, config: JournalConfig) -> Result<(Self, Recovery), JournalError> {
        let (opened, recovery) = recovery::open(disk.as_ref(), &config)?;
        let end = opened.active.as_ref().map_or(0, |active| active.end);
        let shared = Arc::new(Shared::new(Arc::clone(&disk), opened.segments, recovery.durable, end));
        let journal = Self {
            disk,
            config,
            shared,
            active: opened.active,
            pending: VecDeque::new(),
            pending_bytes: 0,
            next: recovery.durable.next(),
            poison: None,
            spare: Vec::new(),
        };
        Ok((journal, recovery))
    }

    /// Takes a record into memory. It is durable when a commit has returned its seq or a later one.
    pub fn append(&mut self, payload: &[u8]) -> Result<Seq, AppendError> {
        if let Some(Poison { step, source }) = self.poison.clone() {
            return Err(AppendError::Poisoned { step, source });
        }
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(AppendError::TooLong { len: payload.len(), max: PAYLOAD_BYTES_MAX });
        }
        let record_bytes = RECORD_HEADER_BYTES + payload.len();
        // One record is always taken, or a payload above the limit could never be.
        if self.pending_bytes > 0 && self.pending_bytes + record_bytes > self.config.pending_bytes_max {
            return Err(AppendError::Full { pending_bytes: self.pending_bytes, max: self.config.pending_bytes_max });
        }
        let group_bytes_max = self.config.group_bytes_max.min(JournalConfig::GROUP_BYTES_CEILING);
        let seq = self.next;
        match self.pending.back_mut() {
            Some(group) if group.len() + record_bytes <= group_bytes_max => group.push(KIND_OPAQUE, payload),
            _ => {
                let mut group = Group::new(seq, self.spare.pop().unwrap_or_default());
                self.pending_bytes += group.len();
                group.push(KIND_OPAQUE, payload);
                self.pending.push_back(group);
            }
        }
        self.pending_bytes += record_bytes;
        self.next = seq.next();
        Ok(seq)
    }

    /// Writes and syncs everything that waits; gives the last durable seq.
    ///
    /// With nothing waiting it touches no disk. On [`CommitError::NoSpace`] part of what waited may have
    /// become durable, see [`Journal::durable`]; the rest waits on.
    pub fn commit(&mut self) -> Result<Seq, CommitError> {
        if let Some(Poison { step, source }) = self.poison.clone() {
            return Err(CommitError::Poisoned { step, source });
        }
        while let Some(mut group) = self.pending.pop_front() {
            match self.write(&mut group) {
                Ok(()) => {
                    self.pending_bytes -= group.len();
                    if self.spare.len() < 2 {
                        self.spare.push(group.into_bytes());
                    }
                }
                Err(failure) => {
                    self.pending.push_front(group);
                    return Err(self.fail(failure));
                }
            }
        }
        Ok(self.durable())
    }

    /// The last record that is durable.
    pub fn durable(&self) -> Seq {
        self.shared.durable()
    }

    /// The seq that the next record will get.
    pub fn next(&self) -> Seq {
        self.next
    }

    /// What waits for a commit.
    pub fn pending(&self) -> Pending {
        Pending { records: self.pending.iter().map(Group::records).sum(), bytes: self.pending_bytes }
    }

    /// True when the disk has failed and the journal must be opened anew.
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_some()
    }

    /// A reader of what is durable, for any thread; clones share nothing but the view of the journal.
    pub fn reader(&self) -> JournalReader {
        JournalReader::new(Arc::clone(&self.shared))
    }

    /// Removes the segments that hold only records before `seq`; gives how many. The last one always stays.
    ///
    /// Readers of removed records get [`super::ReadError::Dropped`].
    pub fn drop_before(&mut self, seq: Seq) -> Result<usize, DropError> {
        self.drop_oldest(seq, 1)
    }

    /// The same, oldest first, but only as far as the journal takes more than `bytes_max` on disk.
    pub fn keep_within(&mut self, bytes_max: u64, seq: Seq) -> Result<usize, DropError> {
        // Counted in whole segments, as no closed one is longer.
        let segments_max = bytes_max / self.config.segment_bytes_max.max(1);
        self.drop_oldest(seq, usize::try_from(segments_max).unwrap_or(usize::MAX).max(1))
    }

    fn drop_oldest(&mut self, seq: Seq, segments_max: usize) -> Result<usize, DropError> {
        let mut dropped = 0;
        if self.is_poisoned() {
            return Ok(dropped); // nothing is written before the journal is opened anew
        }
        // One by one, oldest first, each made durable, so that a crash never leaves a gap.
        while let Some(first) = self.shared.first_droppable(seq, segments_max) {
            let segment = segment_name(first);
            self.shared.forget_first(first);
            if let Err(source) = self.disk.remove(&segment) {
                self.shared.remember_first(first);
                return Err(DropError { segment, source });
            }
            if let Err(source) = self.disk.sync_folder() {
                // The removal may come undone; after a second one behind it there would be a gap.
                let kind = source.kind();
                let copy = io::Error::new(kind, source.to_string());
                self.poison = Some(Poison { step: "sync the folder", source: Arc::new(copy) });
                return Err(DropError { segment, source });
            }
            dropped += 1;
        }
        Ok(dropped)
    }

    fn fail(&mut self, failure: Failure) -> CommitError {
        match failure {
            Failure::NoSpace { needed_bytes } => {
                if let Some(active) = &mut self.active {
                    // Back to the last durable byte. What a failed cut leaves is written over by the next try.
                    match active.file.set_len(active.end) {
                        Ok(()) => active.allocated = active.end,
                        Err(error) => tracing::warn!(%error, "journal segment not cut back on a full disk"),
                    }
                }
                CommitError::NoSpace {
                    needed_bytes,
                    free_bytes: self.disk.free_bytes().unwrap_or(0),
                    free_bytes_min: self.config.free_bytes_min,
                }
            }
            Failure::Broken { step, source } => {
                let source = Arc::new(source);
                self.poison = Some(Poison { step, source: Arc::clone(&source) });
                CommitError::Poisoned { step, source }
            }
        }
    }

    /// Makes one group durable.
    fn write(&mut self, group: &mut Group) -> Result<(), Failure> {
        let group_bytes = group.len() as u64;
        if self.active.as_ref().is_none_or(|active| {
            active.end > SEGMENT_HEADER_BYTES && active.end + group_bytes > self.config.segment_bytes_max
        }) {
            self.start_segment(group.first(), group_bytes)?;
        }
        // The segment was started just above if there was none.
        let Some(active) = &mut self.active else { return Ok(()) };
        let end = active.end + group_bytes;
        if end > active.allocated {
            active.allocated = reserve(self.disk.as_ref(), &self.config, active.file.as_ref(), active.allocated, end)?;
        }
        active
            .file
            .write_all_at(group.seal(active.header.salt), active.end)
            .map_err(Failure::of("write a group", group_bytes))?;
        active.file.sync().map_err(Failure::broken("sync a segment"))?;
        active.end = end;
        self.shared.advance(group.last(), end);
        Ok(())
    }

    /// Starts the segment whose first record is `first`, with room for `group_bytes`.
    fn start_segment(&mut self, first: Seq, group_bytes: u64) -> Result<(), Failure> {
        let header = SegmentHeader { salt: self.config.salt, first };
        match self.prepare_segment(header, group_bytes) {
            Ok(next) => {
                if let Some(old) = self.active.replace(next) {
                    // Only space: what stands behind the end of a closed segment is never read.
                    if let Err(error) = old.file.set_len(old.end) {
                        tracing::warn!(%error, "closed journal segment keeps its reserved space");
                    }
                }
                self.shared.start_segment(first, SEGMENT_HEADER_BYTES);
                Ok(())
            }
            Err(failure @ Failure::NoSpace { .. }) => {
                match self.disk.remove(NEW_SEGMENT) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => tracing::warn!(%error, "unfinished journal segment not removed"),
                }
                Err(failure)
            }
            Err(failure) => Err(failure),
        }
    }

    /// A segment gets its name when its header is durable, so a named segment without one is damage.
    fn prepare_segment(&self, header: SegmentHeader, group_bytes: u64) -> Result<Active, Failure> {
        let needed = SEGMENT_HEADER_BYTES + group_bytes;
        if let Err(error) = self.disk.remove(NEW_SEGMENT)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(Failure::Broken { step: "remove an unfinished segment", source: error });
        }
        let file = self.disk.create(NEW_SEGMENT).map_err(Failure::of("create a segment", needed))?;
        let allocated = reserve(self.disk.as_ref(), &self.config, file.as_ref(), 0, needed)?;
        file.write_all_at(&header.encode(), 0).map_err(Failure::of("write a segment's header", needed))?;
        file.sync().map_err(Failure::broken("sync a new segment"))?;
        self.disk.rename(NEW_SEGMENT, &segment_name(header.first)).map_err(Failure::of("name a segment", needed))?;
        self.disk.sync_folder().map_err(Failure::broken("sync the folder"))?;
        Ok(Active { file, header, end: SEGMENT_HEADER_BYTES, allocated })
    }
}

/// Reserves at least `needed` bytes for `file`, which has `allocated`; gives how many it has then.
///
/// A whole step if there is room for it, else just what is needed.
fn reserve(
    disk: &dyn Disk,
    config: &JournalConfig,
    file: &dyn DiskFile,
    allocated: u64,
    needed: u64,
) -> Result<u64, Failure> {
    let stepped = needed.next_multiple_of(config.allocate_step_bytes.max(1)).min(config.segment_bytes_max).max(needed);
    let free = disk.free_bytes().map_err(Failure::broken("ask for free space"))?;
    for size in [stepped, needed] {
        let more = size.saturating_sub(allocated);
        if free < config.free_bytes_min.saturating_add(more) {
            continue;
        }
        match file.allocate(size) {
            Ok(()) => return Ok(size),
            Err(error) if is_no_space(&error) => {}
            Err(source) => return Err(Failure::Broken { step: "reserve space", source }),
        }
    }
    Err(Failure::NoSpace { needed_bytes: needed.saturating_sub(allocated) })
}
