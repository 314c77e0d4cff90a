//! The journal: the one source of truth, append-only, on a [`Disk`].
//!
//! ```text
//! append ─► group in memory ─► commit: write, sync ─► durable ─► JournalReader ─► twin, store, others
//!                                                        │            ▲
//!                                      snapshot (twin) ──┴── cursor ──┘ where to go on after a restart
//! ```
//!
//! What it promises, and the tests hold it to with a disk that tears and forgets:
//!
//! - A record whose seq [`Journal::commit`] has returned is never lost and never changed.
//! - What recovery or a reader returns was appended whole, in this order, with no gap.
//! - A full disk loses nothing: the records wait in memory and a later commit writes them.
//! - After a failed sync nothing more is written until the journal is opened anew, because the kernel may
//!   have dropped the pages and a second sync would then report a success that is none (the "fsyncgate" of
//!   PostgreSQL, <https://lwn.net/Articles/752063/>; Rebello et al., "Can Applications Recover from fsync
//!   Failures?", USENIX ATC 2020).
//!
//! # Torn or corrupt?
//!
//! One commit writes one or more groups, and each group is synced before the next is begun. So at any
//! moment at most one group is not yet durable, the last one, and this decides what damage means:
//!
//! - Damage with a valid group header of a later seq behind it, or a later segment, sits in something that
//!   was durable: corruption. The journal refuses and names segment, offset and seq.
//! - Damage with nothing valid behind it is the group in flight: it was never acknowledged, and is cut
//!   whole, together with the zeros of preallocation.
//!
//! A segment gets its final name only after its header was synced, so a missing header is corruption too.
//! What cannot be told apart is a decayed last group from a torn one; who knows better (a snapshot's or
//! cursor's seq) says so in [`JournalConfig::known_durable`], and a shorter journal is refused.
//!
//! The last group found may be in the page cache only, after a kill or a failed sync. Opening therefore
//! writes the same bytes again and syncs before it calls them durable.

pub mod cursor;
pub mod milestone;
mod policy;
mod reader;
mod recovery;
mod replace;
mod segment;
pub mod snapshot;
#[cfg(test)]
mod speed;
#[cfg(test)]
pub(crate) mod test_folder;
#[cfg(test)]
mod tests;
mod writer;

pub use policy::CommitPolicy;
pub use reader::{JournalReader, ReadError, Record, Records};
pub use recovery::{JournalError, Recovery, Verify};
pub use replace::ReplaceError;
pub(crate) use replace::replace;
pub use writer::{AppendError, CommitError, DropError, Journal, Pending};

use std::fmt;
use std::io;

/// The place of a record in the journal. The first record is 1; 0 means none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first record.
    pub const NONE: Self = Self(0);
    /// The first record's.
    pub const FIRST: Self = Self(1);

    /// The seq that follows.
    pub const fn next(self) -> Self {
        Self(self.0 + 1) // at a million records a second, u64 lasts half a million years
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How a journal uses memory and disk.
#[derive(Clone, Debug)]
pub struct JournalConfig {
    /// A segment is closed before it grows past this, unless one group alone is longer.
    pub segment_bytes_max: u64,
    /// Space is reserved in steps of this, so that a full disk is found before bytes are promised.
    pub allocate_step_bytes: u64,
    /// Space is reserved only while at least this much stays free.
    pub free_bytes_min: u64,
    /// What waits in memory is written and synced in groups of about this. At most 1 GiB.
    pub group_bytes_max: usize,
    /// What may wait in memory; beyond it [`Journal::append`] refuses.
    pub pending_bytes_max: usize,
    /// A number that strangers cannot guess, mixed into checksums of new segments: [`random_salt`], except
    /// where the same run must give the same bytes.
    pub salt: u64,
    /// How much of the journal is read and checked when it is opened.
    pub verify: Verify,
    /// A seq that is known to have been durable; opening refuses a journal that ends before it.
    pub known_durable: Seq,
}

const SALT_DEFAULT: u64 = 0x706f_7274_6f6c_616e;

impl JournalConfig {
    const GROUP_BYTES_CEILING: usize = 1 << 30;
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            segment_bytes_max: 64 << 20,
            allocate_step_bytes: 16 << 20,
            free_bytes_min: 16 << 20,
            group_bytes_max: 4 << 20,
            pending_bytes_max: 64 << 20,
            salt: SALT_DEFAULT,
            verify: Verify::LastSegment,
            known_durable: Seq::NONE,
        }
    }
}

/// A salt that nobody can guess, from the operating system's randomness.
pub fn random_salt() -> u64 {
    std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), SALT_DEFAULT)
}

/// Bytes that were durable and are not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("corrupt: {what}, in segment {segment} at offset {offset}, where record {seq} is expected")]
pub struct Corruption {
    /// The segment's file name.
    pub segment: String,
    /// Where in the file.
    pub offset: u64,
    /// The first record that cannot be read.
    pub seq: Seq,
    /// What was found.
    pub what: &'static str,
}

/// True when an error says that there is no room on the disk.
fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
