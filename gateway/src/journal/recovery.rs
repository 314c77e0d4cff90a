//! Opening: finds the durable end, cuts what is torn, refuses what is corrupt.

use super::segment::{
    Found, GROUP_HEADER_BYTES, GroupHeader, NEW_SEGMENT, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentHeaderError,
    Window, body_is_whole, corruption, find_group_magic, parse_segment_name, read_group, segment_name,
};
use super::writer::Active;
use super::{Corruption, JournalConfig, Seq};
use crate::ports::{Disk, DiskFile};
use std::io;

/// Bytes fetched at once.
const READ_BYTES: usize = 1 << 20;

/// How much of the journal is read when it is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// The last segment, and the headers of the others: readers find damage there when they come to it.
    #[default]
    LastSegment,
    /// Every byte.
    Everything,
}

/// What was found at opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The last record, now durable for certain.
    pub durable: Seq,
    /// The first record that is kept; the one after `durable` when there is none.
    pub first: Seq,
    /// Bytes of an unfinished commit that were cut.
    pub torn_bytes: u64,
    /// Segments that are kept.
    pub segments: usize,
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Bytes that were durable are damaged. Restore the segment, or move the journal away.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// A later version wrote this segment.
    #[error("segment {segment} is of the unknown version {version}")]
    UnknownVersion {
        /// The segment's file name.
        segment: String,
        /// Its version.
        version: u32,
    },
    /// The journal's end is missing: less is there than was durable once.
    #[error("the journal ends with record {durable}, but {known_durable} was durable before")]
    EndMissing {
        /// The last record found.
        durable: Seq,
        /// [`JournalConfig::known_durable`].
        known_durable: Seq,
    },
    /// The disk refused.
    #[error("cannot {step} {name}: {source}")]
    Io {
        /// What was being done.
        step: &'static str,
        /// The file's name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

/// What the writer and readers start from.
pub(super) struct Opened {
    pub(super) segments: Vec<Seq>,
    pub(super) active: Option<Active>,
}

pub(super) fn open(disk: &dyn Disk, config: &JournalConfig) -> Result<(Opened, Recovery), JournalError> {
    let names = disk.list().map_err(io_error("list", "the folder"))?;
    let segments: Vec<Seq> = names.iter().filter_map(|name| parse_segment_name(name)).collect();
    for (i, &first) in segments.iter().enumerate() {
        let Some(&until) = segments.get(i + 1) else { break };
        let (file, header) = open_segment(disk, first)?;
        if config.verify == Verify::Everything {
            verify_closed(file.as_ref(), header, until)?;
        }
    }
    let mut recovery = Recovery { durable: Seq::NONE, first: Seq::FIRST, torn_bytes: 0, segments: segments.len() };
    let active = match segments.last() {
        None => None,
        Some(&first) => {
            let (file, header) = open_segment(disk, first)?;
            let (active, torn_bytes, durable) = recover_last(file, header, config.known_durable)?;
            recovery.torn_bytes = torn_bytes;
            recovery.durable = durable;
            Some(active)
        }
    };
    if recovery.durable < config.known_durable {
        return Err(JournalError::EndMissing { durable: recovery.durable, known_durable: config.known_durable });
    }
    recovery.first = segments.first().copied().unwrap_or(Seq::FIRST);
    if names.iter().any(|name| name == NEW_SEGMENT) {
        disk.remove(NEW_SEGMENT).map_err(io_error("remove", NEW_SEGMENT))?;
    }
    disk.sync_folder().map_err(io_error("sync", "the folder"))?;
    Ok((Opened { segments, active }, recovery))
}

fn open_segment(disk: &dyn Disk, first: Seq) -> Result<(Box<dyn DiskFile>, SegmentHeader), JournalError> {
    let name = segment_name(first);
    let file = disk.open(&name).map_err(io_error("open", &name))?;
    match SegmentHeader::read(file.as_ref(), first).map_err(io_error("read", &name))? {
        Ok(header) => Ok((file, header)),
        Err(SegmentHeaderError::UnknownVersion(version)) => {
            Err(JournalError::UnknownVersion { segment: name, version })
        }
        Err(SegmentHeaderError::Damaged(what)) => Err(corruption(first, 0, first, what).into()),
    }
}

/// How far a segment holds sound groups in order.
struct Scan {
    /// Where the sound groups end.
    end: u64,
    /// The seq expected there.
    next: Seq,
    /// The last sound group.
    last: Option<(u64, GroupHeader)>,
    /// What stands there instead, `None` at the segment's end.
    bad: Option<&'static str>,
}

fn scan(file: &dyn DiskFile, header: SegmentHeader, limit: u64, until: Option<Seq>) -> io::Result<Scan> {
    let mut window = Window::new(READ_BYTES);
    let mut scan = Scan { end: SEGMENT_HEADER_BYTES, next: header.first, last: None, bad: None };
    // What stands behind the last record of a closed segment is what a full disk cut short; it is not read.
    while until.is_none_or(|until| scan.next < until) {
        match read_group(&mut window, file, limit, header.salt, scan.end, scan.next, true)? {
            Found::Group(group, from) => {
                let body = &window.bytes()[from..from + group.body_bytes as usize];
                if !body_is_whole(body, group.records) {
                    scan.bad = Some("the group does not hold its records");
                    break;
                }
                scan.last = Some((scan.end, group));
                scan.end += group.group_bytes();
                scan.next = group.end();
            }
            Found::End => break,
            Found::Bad(what) => {
                scan.bad = Some(what);
                break;
            }
        }
    }
    Ok(scan)
}

fn verify_closed(file: &dyn DiskFile, header: SegmentHeader, until: Seq) -> Result<(), JournalError> {
    let name = segment_name(header.first);
    let limit = file.len().map_err(io_error("measure", &name))?;
    let scan = scan(file, header, limit, Some(until)).map_err(io_error("read", &name))?;
    if scan.next == until {
        return Ok(());
    }
    let what = scan.bad.unwrap_or("the segment ends before the next one starts");
    Err(corruption(header.first, scan.end, scan.next, what).into())
}

/// Gives the last segment ready for writing, the torn bytes cut from it, and the last record.
fn recover_last(
    file: Box<dyn DiskFile>,
    header: SegmentHeader,
    known_durable: Seq,
) -> Result<(Active, u64, Seq), JournalError> {
    let name = segment_name(header.first);
    let len = file.len().map_err(io_error("measure", &name))?;
    let scan = scan(file.as_ref(), header, len, None).map_err(io_error("read", &name))?;
    let durable = Seq(scan.next.0 - 1);
    let tail = inspect_tail(file.as_ref(), header.salt, scan.end, len, scan.next).map_err(io_error("read", &name))?;
    if tail.later_group {
        let what = scan.bad.unwrap_or("the group cannot be read");
        return Err(corruption(header.first, scan.end, scan.next, what).into());
    }
    // Before anything is changed, so that the damage can still be looked at.
    if durable < known_durable {
        return Err(JournalError::EndMissing { durable, known_durable });
    }
    let torn_bytes = tail.used_end - scan.end;
    let mut allocated = len;
    if torn_bytes > 0 {
        file.set_len(scan.end).map_err(io_error("cut the torn tail of", &name))?;
        allocated = scan.end;
    }
    // Perhaps the last group is in the page cache only, and marked clean by a sync that failed. Written
    // again, the same bytes are dirty again.
    if let Some((offset, group)) = scan.last {
        let mut bytes = vec![0; group.group_bytes() as usize];
        file.read_exact_at(&mut bytes, offset).map_err(io_error("read", &name))?;
        file.write_all_at(&bytes, offset).map_err(io_error("write again the last group of", &name))?;
    }
    file.sync().map_err(io_error("sync", &name))?;
    Ok((Active { file, header, end: scan.end, allocated }, torn_bytes, durable))
}

struct Tail {
    /// A group header of a later seq stands in it: what is before it was durable.
    later_group: bool,
    /// Where the last byte that is not zero ends.
    used_end: u64,
}

/// Looks through everything behind the sound groups, in bounded memory.
fn inspect_tail(file: &dyn DiskFile, salt: u64, from: u64, len: u64, expected: Seq) -> io::Result<Tail> {
    let mut tail = Tail { later_group: false, used_end: from };
    let mut bytes = vec![0; READ_BYTES];
    let mut offset = from;
    while offset < len {
        let n = (len - offset).min(READ_BYTES as u64) as usize;
        let bytes = &mut bytes[..n];
        file.read_exact_at(bytes, offset)?;
        if let Some(last) = bytes.iter().rposition(|&byte| byte != 0) {
            tail.used_end = tail.used_end.max(offset + last as u64 + 1);
            tail.later_group |= holds_later_group(bytes, salt, expected);
        }
        if offset + n as u64 == len || tail.later_group {
            break;
        }
        // Read the last bytes again, for a header that lies across.
        offset += (n - (GROUP_HEADER_BYTES - 1)) as u64;
    }
    Ok(tail)
}

fn holds_later_group(bytes: &[u8], salt: u64, expected: Seq) -> bool {
    let mut rest = bytes;
    while let Some(at) = find_group_magic(rest) {
        if GroupHeader::decode(&rest[at..], salt).is_some_and(|header| header.first > expected) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

fn io_error(step: &'static str, name: &str) -> impl FnOnce(io::Error) -> JournalError {
    let name = name.to_owned();
    move |source| JournalError::Io { step, name, source }
}
