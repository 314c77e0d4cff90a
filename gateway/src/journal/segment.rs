//! The bytes of a segment: what is written where, and how damage shows.
//!
//! ```text
//! segment   header (32 bytes) · group · group · … · zeros up to the preallocated length
//! header    magic 8 · version u32 · salt u64 · first seq u64 · crc32 of the 28 bytes before it
//! group     group header (32 bytes) · record · record · …
//! group     magic u32 · body bytes u32 · records u32 · body crc32 u32 · first seq u64 · zero u32 ·
//! header    crc32 of the segment's salt and the 28 bytes before it
//! record    u32: payload bytes in the low 24 bits, kind in the high 8 · payload
//! ```
//!
//! All integers are little-endian. A group is what one sync makes durable: its records stand or fall
//! together, so the checksum is the group's, and a record pays four bytes. A record's seq is the group's
//! first plus its place. The salt keeps a payload that looks like a group header from being taken for one.

use super::{Corruption, Seq};
use crate::ports::DiskFile;
use std::io;

/// Bytes of a segment's header.
pub(super) const SEGMENT_HEADER_BYTES: u64 = 32;
/// Bytes of a group's header.
pub(super) const GROUP_HEADER_BYTES: usize = 32;
/// Bytes before a record's payload.
pub(super) const RECORD_HEADER_BYTES: usize = 4;
/// The longest payload.
pub(super) const PAYLOAD_BYTES_MAX: usize = (1 << 24) - 1;
/// The only kind of record so far: opaque bytes of the caller's.
pub(super) const KIND_OPAQUE: u8 = 0;

const SEGMENT_MAGIC: [u8; 8] = *b"PTLNJRNL";
const SEGMENT_VERSION: u32 = 1;
const GROUP_MAGIC: [u8; 4] = *b"\xC7PGr";

const NAME_PREFIX: &str = "journal-";
const NAME_SUFFIX: &str = ".log";
/// The name under which a segment is prepared.
pub(super) const NEW_SEGMENT: &str = "journal-new.tmp";

/// The file name of the segment whose first record is `first`; names sort as their seqs do.
pub(super) fn segment_name(first: Seq) -> String {
    format!("{NAME_PREFIX}{:020}{NAME_SUFFIX}", first.0)
}

/// The first seq of the segment called `name`, or `None` if it is no segment's name.
pub(super) fn parse_segment_name(name: &str) -> Option<Seq> {
    let digits = name.strip_prefix(NAME_PREFIX)?.strip_suffix(NAME_SUFFIX)?;
    if digits.len() != 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|&seq| seq > 0).map(Seq)
}

/// What a segment's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) salt: u64,
    pub(super) first: Seq,
}

/// Why a segment's header cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SegmentHeaderError {
    Damaged(&'static str),
    UnknownVersion(u32),
}

impl SegmentHeader {
    pub(super) fn encode(self) -> [u8; SEGMENT_HEADER_BYTES as usize] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES as usize];
        bytes[0..8].copy_from_slice(&SEGMENT_MAGIC);
        bytes[8..12].copy_from_slice(&SEGMENT_VERSION.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.salt.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.first.0.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..28]);
        bytes[28..32].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; SEGMENT_HEADER_BYTES as usize]) -> Result<Self, SegmentHeaderError> {
        if bytes[0..8] != SEGMENT_MAGIC {
            return Err(SegmentHeaderError::Damaged("the segment's magic is missing"));
        }
        // The version is read before the checksum, so that a later format may place its own elsewhere.
        let version = u32_at(bytes, 8);
        if version != SEGMENT_VERSION && crc32fast::hash(&bytes[..28]) == u32_at(bytes, 28) {
            return Err(SegmentHeaderError::UnknownVersion(version));
        }
        if crc32fast::hash(&bytes[..28]) != u32_at(bytes, 28) {
            return Err(SegmentHeaderError::Damaged("the segment header's checksum does not match"));
        }
        Ok(Self { salt: u64_at(bytes, 12), first: Seq(u64_at(bytes, 20)) })
    }

    /// Reads the header of the segment in `file`, whose name says that it starts with `first`.
    pub(super) fn read(file: &dyn DiskFile, first: Seq) -> io::Result<Result<Self, SegmentHeaderError>> {
        if file.len()? < SEGMENT_HEADER_BYTES {
            return Ok(Err(SegmentHeaderError::Damaged("the segment is shorter than its header")));
        }
        let mut bytes = [0; SEGMENT_HEADER_BYTES as usize];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(match Self::decode(&bytes) {
            Ok(header) if header.first != first => {
                Err(SegmentHeaderError::Damaged("the segment's name and header name different first records"))
            }
            other => other,
        })
    }
}

/// What a group's header says, its checksum having matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupHeader {
    pub(super) body_bytes: u32,
    pub(super) records: u32,
    pub(super) body_crc: u32,
    pub(super) first: Seq,
}

impl GroupHeader {
    /// Bytes of the whole group.
    pub(super) fn group_bytes(self) -> u64 {
        GROUP_HEADER_BYTES as u64 + u64::from(self.body_bytes)
    }

    /// The seq after the group's last.
    pub(super) fn end(self) -> Seq {
        Seq(self.first.0.saturating_add(u64::from(self.records)))
    }

    fn encode(self, salt: u64) -> [u8; GROUP_HEADER_BYTES] {
        let mut bytes = [0; GROUP_HEADER_BYTES];
        bytes[0..4].copy_from_slice(&GROUP_MAGIC);
        bytes[4..8].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.records.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.body_crc.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.0.to_le_bytes());
        let crc = salted_crc(salt, &bytes[..28]);
        bytes[28..32].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` when `bytes` do not hold a header of the segment with this `salt`.
    pub(super) fn decode(bytes: &[u8], salt: u64) -> Option<Self> {
        if bytes.len() < GROUP_HEADER_BYTES
            || bytes[0..4] != GROUP_MAGIC
            || salted_crc(salt, &bytes[..28]) != u32_at(bytes, 28)
        {
            return None;
        }
        let header = Self {
            body_bytes: u32_at(bytes, 4),
            records: u32_at(bytes, 8),
            body_crc: u32_at(bytes, 12),
            first: Seq(u64_at(bytes, 16)),
        };
        (header.records > 0).then_some(header)
    }
}

/// The place of the next possible group header in `bytes`, by its first byte sequence alone.
pub(super) fn find_group_magic(bytes: &[u8]) -> Option<usize> {
    bytes.windows(GROUP_MAGIC.len()).position(|window| window == GROUP_MAGIC)
}

/// Records that wait for one commit, already in the bytes that will be written.
#[derive(Debug)]
pub(super) struct Group {
    bytes: Vec<u8>,
    first: Seq,
    records: u32,
}

impl Group {
    /// An empty group that starts with `first`, in the allocation of `bytes`.
    pub(super) fn new(first: Seq, mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        bytes.resize(GROUP_HEADER_BYTES, 0);
        Self { bytes, first, records: 0 }
    }

    pub(super) fn push(&mut self, kind: u8, payload: &[u8]) {
        debug_assert!(payload.len() <= PAYLOAD_BYTES_MAX);
        let head = payload.len() as u32 | u32::from(kind) << 24;
        self.bytes.extend_from_slice(&head.to_le_bytes());
        self.bytes.extend_from_slice(payload);
        self.records += 1;
    }

    /// Bytes that the group takes on disk.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn records(&self) -> usize {
        self.records as usize
    }

    pub(super) fn first(&self) -> Seq {
        self.first
    }

    pub(super) fn last(&self) -> Seq {
        Seq(self.first.0 + u64::from(self.records) - 1)
    }

    /// Fills in the header and gives the bytes to write. May be called again, with another salt.
    pub(super) fn seal(&mut self, salt: u64) -> &[u8] {
        let body = &self.bytes[GROUP_HEADER_BYTES..];
        let header = GroupHeader {
            body_bytes: body.len() as u32, // at most one payload more than JournalConfig::GROUP_BYTES_CEILING
            records: self.records,
            body_crc: crc32fast::hash(body),
            first: self.first,
        };
        self.bytes[..GROUP_HEADER_BYTES].copy_from_slice(&header.encode(salt));
        &self.bytes
    }

    /// The allocation, for the next group.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// A record's header: payload bytes and kind.
pub(super) fn decode_record_header(bytes: [u8; RECORD_HEADER_BYTES]) -> (usize, u8) {
    let head = u32::from_le_bytes(bytes);
    ((head & 0x00FF_FFFF) as usize, (head >> 24) as u8)
}

/// True when `body` is exactly `records` records.
pub(super) fn body_is_whole(body: &[u8], records: u32) -> bool {
    let mut rest = body;
    for _ in 0..records {
        let Some((head, tail)) = rest.split_first_chunk() else { return false };
        let (len, _) = decode_record_header(*head);
        if tail.len() < len {
            return false;
        }
        rest = &tail[len..];
    }
    rest.is_empty()
}

/// A stretch of a file in memory, moved forward in large reads.
#[derive(Debug)]
pub(super) struct Window {
    bytes: Vec<u8>,
    start: u64,
    read_bytes: usize,
}

impl Window {
    /// A window that reads `read_bytes` at a time, or as many as one request needs if that is more.
    pub(super) fn new(read_bytes: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, read_bytes }
    }

    /// Forgets what was read, because the file or its content is another now.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    /// Reads so that `len` bytes from `offset` are in memory; gives their place in [`Window::bytes`].
    /// `None` when they would end behind `limit`.
    pub(super) fn locate(
        &mut self,
        file: &dyn DiskFile,
        offset: u64,
        len: usize,
        limit: u64,
    ) -> io::Result<Option<usize>> {
        let end = offset.saturating_add(len as u64);
        if end > limit {
            return Ok(None);
        }
        let held_to = self.start + self.bytes.len() as u64;
        if offset >= self.start && end <= held_to {
            return Ok(Some((offset - self.start) as usize));
        }
        // Keep what overlaps, so that each byte is read once when going forward.
        let kept = if offset >= self.start && offset < held_to {
            let from = (offset - self.start) as usize;
            self.bytes.copy_within(from.., 0);
            self.bytes.len() - from
        } else {
            0
        };
        let wanted = (limit - offset).min(len.max(self.read_bytes) as u64) as usize;
        self.start = offset;
        // On an error nothing is held, so that bytes which were not read are never taken for the file's.
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.resize(wanted.max(kept), 0);
        file.read_exact_at(&mut bytes[kept..], offset + kept as u64)?;
        self.bytes = bytes;
        Ok(Some(0))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// What stands at a place of a segment where a group is expected.
#[derive(Debug)]
pub(super) enum Found {
    /// A sound group; its body starts at this place in the window.
    Group(GroupHeader, usize),
    /// Nothing more fits before the limit.
    End,
    /// Something else, and why.
    Bad(&'static str),
}

/// Reads the group at `offset` and checks it; with `check_body` false only its header.
pub(super) fn read_group(
    window: &mut Window,
    file: &dyn DiskFile,
    limit: u64,
    salt: u64,
    offset: u64,
    expected: Seq,
    check_body: bool,
) -> io::Result<Found> {
    let Some(at) = window.locate(file, offset, GROUP_HEADER_BYTES, limit)? else { return Ok(Found::End) };
    let Some(header) = GroupHeader::decode(&window.bytes()[at..], salt) else {
        return Ok(Found::Bad("no group header with a matching checksum"));
    };
    if header.first != expected {
        return Ok(Found::Bad("the group carries another seq"));
    }
    if !check_body {
        return Ok(Found::Group(header, at + GROUP_HEADER_BYTES));
    }
    let body_bytes = header.body_bytes as usize;
    let Some(at) = window.locate(file, offset, GROUP_HEADER_BYTES + body_bytes, limit)? else {
        return Ok(Found::Bad("the group is longer than the segment"));
    };
    let from = at + GROUP_HEADER_BYTES;
    let body = &window.bytes()[from..from + body_bytes];
    if crc32fast::hash(body) != header.body_crc {
        return Ok(Found::Bad("the group's checksum does not match"));
    }
    Ok(Found::Group(header, from))
}

/// A corruption at `offset` of the segment that starts with `first`.
pub(super) fn corruption(first: Seq, offset: u64, seq: Seq, what: &'static str) -> Corruption {
    Corruption { segment: segment_name(first), offset, seq, what }
}

fn salted_crc(salt: u64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_their_seqs_do_and_read_back() {
        let names: Vec<String> = [1, 9, 10, 99_999, u64::MAX].map(|seq| segment_name(Seq(seq))).into();
        assert!(names.is_sorted(), "{names:?}");
        assert_eq!(parse_segment_name(&names[4]), Some(Seq(u64::MAX)));
        for foreign in ["journal-new.tmp", "journal-1.log", "snapshot-1", "journal-0000000000000000000x.log"] {
            assert_eq!(parse_segment_name(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_group_header_is_known_only_under_its_own_salt() {
        let mut group = Group::new(Seq(7), Vec::new());
        group.push(KIND_OPAQUE, b"abc");
        group.push(KIND_OPAQUE, b"");
        let bytes = group.seal(5).to_vec();
        let header = GroupHeader::decode(&bytes, 5).unwrap();
        assert_eq!((header.first, header.end(), header.group_bytes()), (Seq(7), Seq(9), bytes.len() as u64));
        assert_eq!(GroupHeader::decode(&bytes, 6), None);
        assert!(body_is_whole(&bytes[GROUP_HEADER_BYTES..], 2));
        assert!(!body_is_whole(&bytes[GROUP_HEADER_BYTES..], 3));
    }

    #[test]
    fn every_flipped_bit_of_a_segment_header_is_noticed() {
        let sound = SegmentHeader { salt: 99, first: Seq(3) }.encode();
        for bit in 0..sound.len() * 8 {
            let mut bytes = sound;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&bytes).is_err(), "bit {bit}");
        }
        assert_eq!(SegmentHeader::decode(&sound), Ok(SegmentHeader { salt: 99, first: Seq(3) }));
    }
}
