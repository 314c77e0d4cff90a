//! Milestones: snapshots of the twin on the way through the journal, so that a moment of the past is a short replay
//! from the one before it.
//!
//! ```text
//! journal ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━▶ now
//!         ▲ a day      ▲ a day      ▲  ▲  ▲ an hour ▲  ▲
//! ```
//!
//! A milestone is a file `milestone-<seq>-<nanos>.bin` in the container of a snapshot, its content packed with zstd.
//! They only save time: without them the past is replayed from the oldest snapshot, or the journal's beginning.

use super::snapshot::{self, SnapshotError};
use super::{ReplaceError, Seq};
use crate::ports::Disk;
use firmware_schemas::quantity::Timestamp;
use std::io;
use std::time::Duration;

const PREFIX: &str = "milestone-";
const SUFFIX: &str = ".bin";
const TEMPORARY: &str = "milestone-new.tmp";
/// Fast, and a fifth of the bytes.
const ZSTD_LEVEL: i32 = 1;

/// Where a milestone stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The last record that is in it.
    pub seq: Seq,
    /// No record up to that one is of later than this.
    pub at: Timestamp,
}

/// How many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Time between two; zero keeps none.
    pub every: Duration,
    /// For so long all of them are kept …
    pub all_for: Duration,
    /// … and for so long the first of each day.
    pub daily_for: Duration,
    /// The oldest go beyond this.
    pub bytes_max: u64,
}

const DAY: Duration = Duration::from_secs(86_400);

fn file_name(mark: Mark) -> String {
    format!("{PREFIX}{:020}-{:020}{SUFFIX}", mark.seq.0, mark.at.as_nanos())
}

fn parse_file_name(name: &str) -> Option<Mark> {
    let (seq, nanos) = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.split_once('-')?;
    let is_number = |text: &str| text.len() == 20 && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(seq) || !is_number(nanos) {
        return None;
    }
    Some(Mark { seq: Seq(seq.parse().ok()?), at: Timestamp::from_nanos(nanos.parse().ok()?) })
}

/// The milestones there are, ascending, without looking into them.
pub fn list(disk: &dyn Disk) -> Result<Vec<Mark>, SnapshotError> {
    let names = disk.list().map_err(|source| SnapshotError { step: "list", name: "the folder".to_owned(), source })?;
    let mut marks: Vec<Mark> = names.iter().filter_map(|name| parse_file_name(name)).collect();
    marks.sort_unstable();
    Ok(marks)
}

/// Saves `bytes`, the state at `mark`, durable on return. `mark.seq` must be durable in the journal.
pub fn save(disk: &dyn Disk, mark: Mark, version: u32, bytes: &[u8]) -> Result<(), ReplaceError> {
    let name = file_name(mark);
    let packed = zstd::bulk::compress(bytes, ZSTD_LEVEL);
    let packed = packed.map_err(|source| ReplaceError::Io { step: "pack", name: name.clone(), source })?;
    snapshot::write(disk, &name, TEMPORARY, mark.seq, version, &packed)
}

/// The state at `mark`; `None` when the file is damaged, gone, or of another version.
pub fn load(disk: &dyn Disk, mark: Mark, version: u32) -> Result<Option<Vec<u8>>, SnapshotError> {
    let name = file_name(mark);
    match snapshot::read(disk, &name, mark.seq, version) {
        Ok(Ok(snapshot)) => Ok(zstd::stream::decode_all(&snapshot.bytes[..]).ok()),
        Ok(Err(reason)) => {
            tracing::debug!(%name, %reason, "a milestone is skipped; more is replayed");
            Ok(None)
        }
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SnapshotError { step: "read", name, source }),
    }
}

/// Removes those that are too old, too many bytes, or not reached by a journal that begins with `first`.
pub fn thin(disk: &dyn Disk, keep: &Keep, now: Timestamp, first: Seq) -> Result<(), SnapshotError> {
    let marks = list(disk)?;
    let mut kept = kept(&marks, keep, now, first);
    let mut bytes = 0;
    let mut within = kept.len();
    for (nth, mark) in kept.iter().enumerate().rev() {
        let name = file_name(*mark);
        let len = disk.open(&name).and_then(|file| file.len());
        bytes += len.map_err(|source| SnapshotError { step: "look at", name, source })?;
        if bytes > keep.bytes_max {
            break;
        }
        within = nth;
    }
    kept.drain(..within);
    for mark in marks.into_iter().filter(|mark| !kept.contains(mark)) {
        let name = file_name(mark);
        disk.remove(&name).map_err(|source| SnapshotError { step: "remove", name, source })?;
    }
    Ok(())
}

/// Which of `marks`, ascending, are kept by their age.
fn kept(marks: &[Mark], keep: &Keep, now: Timestamp, first: Seq) -> Vec<Mark> {
    let mut last_day = None;
    let mut kept = Vec::new();
    for mark in marks.iter().filter(|mark| mark.seq.next() >= first) {
        let day = mark.at.as_secs().div_euclid(DAY.as_secs() as i64);
        let is_first = last_day.replace(day) != Some(day);
        let age = now.since(mark.at);
        if age <= keep.all_for || (is_first && age <= keep.daily_for) {
            kept.push(*mark);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Folder;
    use crate::journal::test_folder::TestFolder;

    const HOUR: u64 = 3_600;

    fn mark(hour: u64) -> Mark {
        Mark { seq: Seq(hour * 10), at: Timestamp::from_secs((1_000_000 + hour) as i64 * HOUR as i64).unwrap() }
    }

    fn keep(bytes_max: u64) -> Keep {
        Keep { every: Duration::from_secs(HOUR), all_for: DAY, daily_for: 30 * DAY, bytes_max }
    }

    #[test]
    fn names_are_read_back_and_foreign_ones_are_not() {
        assert_eq!(parse_file_name(&file_name(mark(7))), Some(mark(7)));
        for foreign in ["milestone-new.tmp", "milestone-1-2.bin", "snapshot-00000000000000000001.bin"] {
            assert_eq!(parse_file_name(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn an_hour_is_kept_for_a_day_a_day_for_a_month_and_no_more() {
        let marks: Vec<Mark> = (0..2_000).map(mark).collect();
        let kept = kept(&marks, &keep(u64::MAX), mark(1_999).at, Seq(1));
        let hours = kept.iter().filter(|it| mark(1_999).at.since(it.at) <= DAY).count();
        assert_eq!((kept.len(), hours), (25 + 29, 25));
        let later = super::kept(&marks, &keep(u64::MAX), mark(1_999).at, Seq(19_900));
        assert!(later.iter().all(|it| it.seq >= Seq(19_899)), "what the journal does not reach");
    }

    #[test]
    fn the_oldest_go_where_there_are_too_many_bytes() {
        let folder = TestFolder::new("milestones");
        let disk = Folder::open(folder.path().join("journal")).unwrap();
        let state: Vec<u8> = (0..20_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        for hour in 0..10 {
            save(&disk, mark(hour), 5, &state).unwrap();
        }
        assert_eq!(load(&disk, mark(3), 5).unwrap(), Some(state));
        assert_eq!(load(&disk, mark(3), 6).unwrap(), None, "another version");
        thin(&disk, &keep(250_000), mark(9).at, Seq(1)).unwrap();
        assert_eq!(list(&disk).unwrap(), [mark(7), mark(8), mark(9)]);
        assert_eq!(load(&disk, mark(3), 5).unwrap(), None, "gone");
    }
}
