//! Snapshots of a fold over the journal, so that a restart replays only what came after.
//!
//! A snapshot is a file `snapshot-<seq>.bin`: magic 8 · container version u32 · content version u32 · seq
//! u64 · content bytes u64 · crc32 of the content · crc32 of what is before · content. The last two are kept.

use super::Seq;
use super::replace::{ReplaceError, replace};
use crate::ports::Disk;
use std::io;

/// How many snapshots are kept: the newest, and one to fall back on.
pub const KEPT: usize = 2;

const MAGIC: [u8; 8] = *b"PTLNSNAP";
const CONTAINER_VERSION: u32 = 1;
const HEADER_BYTES: usize = 40;
const PREFIX: &str = "snapshot-";
const SUFFIX: &str = ".bin";
const DAMAGED_SUFFIX: &str = ".damaged";
const TEMPORARY: &str = "snapshot-new.tmp";

/// The state after the record `seq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last record that is in it.
    pub seq: Seq,
    /// What was saved.
    pub bytes: Vec<u8>,
}

/// What loading found.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The newest usable snapshot; `None` when there is none, so that all must be replayed.
    pub snapshot: Option<Snapshot>,
    /// Newer ones that could not be used, newest first.
    pub skipped: Vec<Skipped>,
}

/// A snapshot that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("snapshot {name} is skipped: {reason}")]
pub struct Skipped {
    /// The file's name.
    pub name: String,
    /// Why.
    pub reason: SkipReason,
}

/// Why a snapshot could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// Its bytes are not what was written. It has been set aside under a name ending in `.damaged`.
    #[error("damaged, {0}")]
    Damaged(&'static str),
    /// It was written by another version.
    #[error("it is of version {found}, this is version {expected}")]
    OtherVersion {
        /// The version found.
        found: u32,
        /// The version that can be used.
        expected: u32,
    },
}

/// Why snapshots cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {name}: {source}")]
pub struct SnapshotError {
    /// What was being done.
    pub step: &'static str,
    /// The file's name.
    pub name: String,
    /// What the system said.
    pub source: io::Error,
}

fn file_name(seq: Seq) -> String {
    format!("{PREFIX}{:020}{SUFFIX}", seq.0)
}

fn parse_file_name(name: &str, suffix: &str) -> Option<Seq> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(suffix)?;
    (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok().map(Seq))?
}

/// Saves `bytes`, the state after record `seq`, durable on return; then removes all but the last [`KEPT`].
///
/// `version` is the content's; [`load_newest`] takes only its own. `seq` must be durable in the journal.
pub fn save(disk: &dyn Disk, seq: Seq, version: u32, bytes: &[u8]) -> Result<(), ReplaceError> {
    write(disk, &file_name(seq), TEMPORARY, seq, version, bytes)?;
    // The snapshot is safe; old ones that stay only take space, and the next save tries again.
    if let Err(error) = prune(disk) {
        tracing::warn!(%error, "old snapshots not removed");
    }
    Ok(())
}

/// Writes a file with the header above.
pub(super) fn write(
    disk: &dyn Disk,
    name: &str,
    temporary: &str,
    seq: Seq,
    version: u32,
    bytes: &[u8],
) -> Result<(), ReplaceError> {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&CONTAINER_VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&version.to_le_bytes());
    header[16..24].copy_from_slice(&seq.0.to_le_bytes());
    header[24..32].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
    header[32..36].copy_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    let crc = crc32fast::hash(&header[..36]);
    header[36..].copy_from_slice(&crc.to_le_bytes());
    replace(disk, name, temporary, &[&header, bytes])
}

fn prune(disk: &dyn Disk) -> io::Result<()> {
    let names = disk.list()?;
    let sound: Vec<&String> = names.iter().filter(|name| parse_file_name(name, SUFFIX).is_some()).collect();
    let damaged: Vec<&String> = names.iter().filter(|name| parse_file_name(name, DAMAGED_SUFFIX).is_some()).collect();
    for group in [sound, damaged] {
        for name in group.iter().rev().skip(KEPT) {
            disk.remove(name)?;
        }
    }
    Ok(())
}

/// The seqs of the snapshots there are, ascending, without looking into them.
pub fn list(disk: &dyn Disk) -> io::Result<Vec<Seq>> {
    Ok(disk.list()?.iter().filter_map(|name| parse_file_name(name, SUFFIX)).collect())
}

/// The newest snapshot that is whole and of `version`, and what was skipped to get to it.
pub fn load_newest(disk: &dyn Disk, version: u32) -> Result<Loaded, SnapshotError> {
    let seqs = list(disk).map_err(|source| SnapshotError { step: "list", name: "the folder".to_owned(), source })?;
    let mut loaded = Loaded::default();
    for seq in seqs.into_iter().rev() {
        let name = file_name(seq);
        let reason = match read(disk, &name, seq, version) {
            Ok(Ok(snapshot)) => {
                loaded.snapshot = Some(snapshot);
                break;
            }
            Ok(Err(reason)) => reason,
            Err(source) => return Err(SnapshotError { step: "read", name, source }),
        };
        if matches!(reason, SkipReason::Damaged(_)) {
            // Out of the way, so that it is not counted among those kept; for a look, not for use.
            let aside = format!("{}{DAMAGED_SUFFIX}", name.trim_end_matches(SUFFIX));
            if let Err(source) = disk.rename(&name, &aside) {
                return Err(SnapshotError { step: "set aside", name, source });
            }
        }
        loaded.skipped.push(Skipped { name, reason });
    }
    Ok(loaded)
}

/// The oldest snapshot that is whole and of `version`.
pub fn load_oldest(disk: &dyn Disk, version: u32) -> Result<Option<Snapshot>, SnapshotError> {
    let seqs = list(disk).map_err(|source| SnapshotError { step: "list", name: "the folder".to_owned(), source })?;
    for seq in seqs {
        let name = file_name(seq);
        match read(disk, &name, seq, version) {
            Ok(Ok(snapshot)) => return Ok(Some(snapshot)),
            Ok(Err(_unusable)) => {}
            Err(source) => return Err(SnapshotError { step: "read", name, source }),
        }
    }
    Ok(None)
}

/// Reads a file with the header above; `Err` within says why it cannot be used.
pub(super) fn read(disk: &dyn Disk, name: &str, seq: Seq, version: u32) -> io::Result<Result<Snapshot, SkipReason>> {
    let file = disk.open(name)?;
    let len = file.len()?;
    let mut header = [0; HEADER_BYTES];
    if len < HEADER_BYTES as u64 {
        return Ok(Err(SkipReason::Damaged("it is shorter than its header")));
    }
    file.read_exact_at(&mut header, 0)?;
    let u32_at = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
    if header[..8] != MAGIC || crc32fast::hash(&header[..36]) != u32_at(36) {
        return Ok(Err(SkipReason::Damaged("its header's checksum does not match")));
    }
    if u32_at(8) != CONTAINER_VERSION {
        return Ok(Err(SkipReason::OtherVersion { found: u32_at(8), expected: CONTAINER_VERSION }));
    }
    if u32_at(12) != version {
        return Ok(Err(SkipReason::OtherVersion { found: u32_at(12), expected: version }));
    }
    if u64_at(16) != seq.0 {
        return Ok(Err(SkipReason::Damaged("its name and header name different records")));
    }
    let content_bytes = len - HEADER_BYTES as u64;
    if u64_at(24) != content_bytes {
        return Ok(Err(SkipReason::Damaged("its length is not what the header says")));
    }
    let mut bytes = vec![0; content_bytes as usize]; // the file is as long, so the number is not a stranger's
    file.read_exact_at(&mut bytes, HEADER_BYTES as u64)?;
    if crc32fast::hash(&bytes) != u32_at(32) {
        return Ok(Err(SkipReason::Damaged("its checksum does not match")));
    }
    Ok(Ok(Snapshot { seq, bytes }))
}
