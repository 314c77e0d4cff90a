use super::test_folder::TestFolder;
use super::*;
use crate::disk::Folder;
use crate::ports::Disk;
use proptest::prelude::*;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// A journal in a folder of its own, and what was committed to it.
struct Fixture {
    folder: TestFolder,
    config: JournalConfig,
    committed: Vec<Vec<u8>>,
}

impl Fixture {
    fn new(config: JournalConfig) -> Self {
        Self { folder: TestFolder::new("journal"), config, committed: Vec::new() }
    }

    fn small() -> Self {
        Self::new(JournalConfig {
            segment_bytes_max: 4_096,
            allocate_step_bytes: 1_024,
            free_bytes_min: 0,
            group_bytes_max: 1_024,
            ..JournalConfig::default()
        })
    }

    fn try_open(&self) -> Result<(Journal, Recovery), JournalError> {
        Journal::open(self.disk(), self.config.clone())
    }

    #[track_caller]
    fn open(&self) -> Journal {
        self.try_open().unwrap().0
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(Folder::open(self.folder.path()).unwrap())
    }

    /// Commits `groups` groups of `records` records.
    fn fill(&mut self, journal: &mut Journal, groups: usize, records: usize) {
        for _ in 0..groups {
            for _ in 0..records {
                let n = self.committed.len();
                let payload = format!("record {} {}", n + 1, "x".repeat(n % 90)).into_bytes();
                let seq = journal.append(&payload).unwrap();
                assert_eq!(seq.0 as usize, n + 1);
                self.committed.push(payload);
            }
            assert_eq!(journal.commit().unwrap().0 as usize, self.committed.len());
        }
    }

    /// Reads from `from` to the end and compares.
    #[track_caller]
    fn check(&self, reader: &JournalReader, from: u64) {
        let mut expected = from.max(1);
        for item in reader.read_from(Seq(from)).unwrap() {
            let (seq, payload) = item.unwrap();
            assert_eq!(seq, Seq(expected), "from {from}");
            assert_eq!(payload, self.committed[expected as usize - 1], "from {from}, record {seq}");
            expected += 1;
        }
        assert_eq!(expected, self.committed.len() as u64 + 1, "from {from}");
    }

    /// The segments' names, without the lock.
    fn segments(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("journal-"))
            .collect();
        names.sort();
        names
    }

    fn flip(&self, segment: &str, offset: u64) {
        let file = OpenOptions::new().read(true).write(true).open(self.folder.path().join(segment)).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset).unwrap();
        file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
    }
}

#[test]
fn records_come_back_in_order_from_every_seq_after_reopening() {
    let mut fixture = Fixture::small();
    let mut journal = fixture.open();
    fixture.fill(&mut journal, 40, 7);
    drop(journal);
    fixture.config.verify = Verify::Everything;
    let (journal, recovery) = fixture.try_open().unwrap();
    assert_eq!((recovery.durable, recovery.first, recovery.torn_bytes), (Seq(280), Seq(1), 0));
    assert!(recovery.segments > 3, "{recovery:?}");
    let reader = journal.reader();
    for from in 0..=281 {
        fixture.check(&reader, from);
    }
    let error = reader.read_from(Seq(282)).err().unwrap();
    assert!(matches!(error, ReadError::Ahead { asked: Seq(282), durable: Seq(280) }), "{error}");
}

#[test]
fn an_empty_journal_reads_as_empty() {
    let fixture = Fixture::small();
    let (mut journal, recovery) = fixture.try_open().unwrap();
    assert_eq!(recovery, Recovery { durable: Seq::NONE, first: Seq(1), torn_bytes: 0, segments: 0 });
    assert_eq!(journal.commit().unwrap(), Seq::NONE);
    fixture.check(&journal.reader(), 1);
}

#[test]
fn what_is_not_committed_is_not_read_and_gone_after_reopening() {
    let mut fixture = Fixture::small();
    let mut journal = fixture.open();
    fixture.fill(&mut journal, 1, 3);
    journal.append(b"waits").unwrap();
    assert_eq!(journal.pending().records, 1);
    fixture.check(&journal.reader(), 1);
    drop(journal);
    let journal = fixture.open();
    assert_eq!((journal.durable(), journal.next()), (Seq(3), Seq(4)));
}

#[test]
fn a_reader_goes_on_when_more_is_durable_and_over_segments() {
    let mut fixture = Fixture::small();
    let mut journal = fixture.open();
    let mut records = journal.reader().read_from(Seq(1)).unwrap();
    assert!(records.next_record().unwrap().is_none());
    let mut read = 0;
    for _ in 0..60 {
        fixture.fill(&mut journal, 1, 5);
        while let Some(record) = records.next_record().unwrap() {
            assert_eq!(record.payload, fixture.committed[read]);
            read += 1;
            assert_eq!(record.seq.0 as usize, read);
        }
        assert_eq!(read, fixture.committed.len());
    }
    assert!(fixture.segments().len() > 3);
}

#[test]
fn a_reader_on_another_thread_sees_only_whole_records() {
    let mut fixture = Fixture::small();
    let mut journal = fixture.open();
    let reader = journal.reader();
    let thread = std::thread::Builder::new()
        .name("reader".to_owned())
        .spawn(move || {
            let mut records = reader.read_from(Seq(1)).unwrap();
            let mut count = 0;
            while count < 1_500 {
                while let Some(record) = records.next_record().unwrap() {
                    count += 1;
                    assert_eq!(record.seq, Seq(count));
                    assert!(record.payload.starts_with(format!("record {count} ").as_bytes()));
                }
            }
        })
        .unwrap();
    fixture.fill(&mut journal, 300, 5);
    thread.join().unwrap();
}

#[test]
fn a_payload_larger_than_group_and_segment_is_kept() {
    let mut fixture = Fixture::small();
    let mut journal = fixture.open();
    fixture.fill(&mut journal, 2, 2);
    let large = vec![7; 50_000];
    journal.append(&large).unwrap();
    fixture.committed.push(large);
    fixture.fill(&mut journal, 2, 2);
    drop(journal);
    fixture.check(&fixture.open().reader(), 1);
    let error = fixture.open().append(&vec![0; 1 << 24]).unwrap_err();
    assert!(matches!(error, AppendError::TooLong { .. }), "{error}");
}

#[test]
fn append_refuses_when_too_much_waits_and_takes_again_after_a_commit() {
    let mut fixture = Fixture::small();
    fixture.config.pending_bytes_max = 1_000;
    let mut journal = fixture.open();
    while journal.append(&[0; 90]).is_ok() {}
    assert_eq!(journal.pending().records, 10);
    let error = journal.append(&[0; 90]).unwrap_err();
    assert!(matches!(error, AppendError::Full { max: 1_000, .. }), "{error}");
    assert_eq!(journal.commit().unwrap(), Seq(10));
    assert_eq!(journal.pending(), Pending::default());
    assert_eq!(journal.append(&[0; 90]).unwrap(), Seq(11));
}

#[test]
fn dropping_removes_whole_segments_and_never_the_last() {
    let mut fixture = Fixture::small();
    let mut journal = fixture.open();
    fixture.fill(&mut journal, 60, 5);
    assert!(fixture.segments().len() > 3);
    let reader = journal.reader();
    let mut held = reader.read_from(Seq(1)).unwrap();
    held.next_record().unwrap();
    assert_eq!(journal.drop_before(Seq(1)).unwrap(), 0);
    assert!(journal.drop_before(Seq(150)).unwrap() > 0);
    let first = reader.first();
    assert!(first > Seq(1) && first <= Seq(150), "{first}");
    fixture.check(&reader, first.0);
    let error = reader.read_from(Seq(first.0 - 1)).err().unwrap();
    assert!(matches!(error, ReadError::Dropped { first: f, .. } if f == first), "{error}");
    let late = loop {
        match held.next_record() {
            Ok(record) => assert!(record.is_some()),
            Err(error) => break error,
        }
    };
    assert!(matches!(late, ReadError::Dropped { .. }), "{late}");
    journal.drop_before(Seq(1_000_000)).unwrap();
    assert_eq!(fixture.segments().len(), 1);
    fixture.fill(&mut journal, 1, 1);
    drop((journal, reader, held));
    let (journal, recovery) = fixture.try_open().unwrap();
    assert_eq!(recovery.durable, Seq(301));
    fixture.check(&journal.reader(), recovery.first.0);
}

#[test]
fn a_flipped_bit_before_a_later_group_is_refused_with_its_place() {
    let mut fixture = Fixture::small();
    let mut journal = fixture.open();
    fixture.fill(&mut journal, 3, 2);
    drop(journal);
    // The second byte of the first group's magic, and one of its body.
    for offset in [33, 70] {
        fixture.flip(&fixture.segments()[0], offset);
        match fixture.try_open().err() {
            Some(JournalError::Corrupt(corruption)) => {
                assert_eq!((corruption.offset, corruption.seq), (32, Seq(1)), "{corruption}");
            }
            other => panic!("offset {offset}: {other:?}"),
        }
        fixture.flip(&fixture.segments()[0], offset);
    }
    fixture.check(&fixture.open().reader(), 1);
}

#[test]
fn damage_in_a_closed_segment_is_found_by_a_full_check_or_by_the_reader() {
    let mut fixture = Fixture::small();
    let mut journal = fixture.open();
    fixture.fill(&mut journal, 40, 5);
    drop(journal);
    let second = fixture.segments()[1].clone();
    fixture.flip(&second, 100);
    let error = fixture.open().reader().read_from(Seq(1)).unwrap().find_map(Result::err).unwrap();
    assert!(matches!(&error, ReadError::Corrupt(corruption) if corruption.segment == second), "{error}");
    fixture.config.verify = Verify::Everything;
    let error = fixture.try_open().err().unwrap();
    assert!(matches!(&error, JournalError::Corrupt(corruption) if corruption.segment == second), "{error}");
}

#[test]
fn a_journal_shorter_than_it_was_known_to_be_is_refused_and_left_as_it_is() {
    let mut fixture = Fixture::small();
    let mut journal = fixture.open();
    fixture.fill(&mut journal, 3, 2);
    drop(journal);
    let segment = fixture.segments()[0].clone();
    let path = fixture.folder.path().join(&segment);
    // Decay in the last group alone looks like a torn one.
    let before = std::fs::read(&path).unwrap();
    let last = before.iter().rposition(|&byte| byte != 0).unwrap() as u64;
    fixture.flip(&segment, last);
    fixture.config.known_durable = Seq(5);
    let error = fixture.try_open().err().unwrap();
    assert!(matches!(error, JournalError::EndMissing { durable: Seq(4), known_durable: Seq(5) }), "{error}");
    fixture.flip(&segment, last);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    fixture.check(&fixture.open().reader(), 1);
}

/// Opens a journal whose torn last group carries, as a payload, a segment written under `foreign_salt`.
fn open_with_foreign_segment_in_a_torn_group(salt: u64, foreign_salt: u64) -> Result<Seq, JournalError> {
    let mut other = Fixture::small();
    other.config.salt = foreign_salt;
    let mut journal = other.open();
    other.fill(&mut journal, 6, 1);
    let foreign = std::fs::read(other.folder.path().join(&other.segments()[0])).unwrap();

    let mut fixture = Fixture::small();
    fixture.config.salt = salt;
    let mut journal = fixture.open();
    fixture.fill(&mut journal, 1, 1);
    let first_group_bytes = 32 + 4 + fixture.committed[0].len() as u64;
    journal.append(&foreign).unwrap();
    journal.commit().unwrap();
    drop(journal);
    assert_eq!(fixture.segments().len(), 1);
    fixture.flip(&fixture.segments()[0], 32 + first_group_bytes + 1);
    fixture.try_open().map(|(_, recovery)| recovery.durable)
}

#[test]
fn a_payload_that_looks_like_a_later_group_is_not_taken_for_one() {
    assert_eq!(open_with_foreign_segment_in_a_torn_group(2, 1).unwrap(), Seq(1));
    // Only the salt makes the difference.
    assert!(matches!(open_with_foreign_segment_in_a_torn_group(2, 2), Err(JournalError::Corrupt(_))));
}

#[test]
fn snapshots_keep_the_last_two_and_fall_back_from_a_damaged_one() {
    let folder = TestFolder::new("snapshot");
    let disk = Folder::open(folder.path()).unwrap();
    assert!(snapshot::load_newest(&disk, 1).unwrap().snapshot.is_none());
    for seq in [5, 9, 12] {
        snapshot::save(&disk, Seq(seq), 1, format!("state {seq}").as_bytes()).unwrap();
    }
    assert_eq!(snapshot::list(&disk).unwrap(), [Seq(9), Seq(12)]);
    let loaded = snapshot::load_newest(&disk, 1).unwrap();
    assert_eq!(loaded.snapshot, Some(snapshot::Snapshot { seq: Seq(12), bytes: b"state 12".to_vec() }));
    assert!(loaded.skipped.is_empty());

    let newest = "snapshot-00000000000000000012.bin";
    let path = folder.path().join(newest);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let loaded = snapshot::load_newest(&disk, 1).unwrap();
    assert_eq!(loaded.snapshot.unwrap().seq, Seq(9));
    assert_eq!(loaded.skipped.len(), 1);
    assert_eq!(loaded.skipped[0].name, newest);
    assert!(matches!(loaded.skipped[0].reason, snapshot::SkipReason::Damaged(_)));
    // Set aside, so the good one is not pushed out by the next save.
    snapshot::save(&disk, Seq(13), 1, b"state 13").unwrap();
    assert_eq!(snapshot::list(&disk).unwrap(), [Seq(9), Seq(13)]);
}

#[test]
fn a_snapshot_of_another_version_is_skipped_and_said_so() {
    let folder = TestFolder::new("snapshot-version");
    let disk = Folder::open(folder.path()).unwrap();
    snapshot::save(&disk, Seq(3), 1, b"old").unwrap();
    snapshot::save(&disk, Seq(4), 2, b"new").unwrap();
    let loaded = snapshot::load_newest(&disk, 1).unwrap();
    assert_eq!(loaded.snapshot.unwrap().bytes, b"old");
    assert_eq!(loaded.skipped[0].reason, snapshot::SkipReason::OtherVersion { found: 2, expected: 1 });
    assert!(snapshot::load_newest(&disk, 3).unwrap().snapshot.is_none());
    assert_eq!(snapshot::list(&disk).unwrap(), [Seq(3), Seq(4)]);
}

#[test]
fn a_cursor_is_read_back_and_a_damaged_one_is_refused() {
    let folder = TestFolder::new("cursor");
    let disk = Folder::open(folder.path()).unwrap();
    assert_eq!(cursor::load(&disk, "influx").unwrap(), None);
    cursor::store(&disk, "influx", Seq(77)).unwrap();
    cursor::store(&disk, "influx", Seq(78)).unwrap();
    assert_eq!(cursor::load(&disk, "influx").unwrap(), Some(Seq(78)));
    let path = folder.path().join("cursor-influx.seq");
    let sound = std::fs::read(&path).unwrap();
    for bit in 0..sound.len() * 8 {
        let mut bytes = sound.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(cursor::load(&disk, "influx"), Err(cursor::CursorError::Damaged { .. })), "bit {bit}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens to the last segment's bytes: opening neither panics nor invents records.
    #[test]
    fn a_damaged_segment_gives_a_prefix_or_a_refusal(
        groups in 1usize..6,
        cut in 0.0f64..1.0,
        garbage in proptest::collection::vec(any::<u8>(), 0..200),
        flip in proptest::option::of(0.0f64..1.0),
    ) {
        let mut fixture = Fixture::small();
        let mut journal = fixture.open();
        fixture.fill(&mut journal, groups, 3);
        drop(journal);
        let path = fixture.folder.path().join(fixture.segments().last().unwrap());
        let mut bytes = std::fs::read(&path).unwrap();
        let keep = 32 + ((bytes.len() - 32) as f64 * cut) as usize;
        bytes.truncate(keep);
        bytes.extend_from_slice(&garbage);
        if let Some(flip) = flip {
            let at = (bytes.len() as f64 * flip) as usize;
            bytes[at] ^= 0x40;
        }
        std::fs::write(&path, &bytes).unwrap();
        match fixture.try_open() {
            Ok((mut journal, recovery)) => {
                let durable = recovery.durable.0 as usize;
                prop_assert!(durable <= fixture.committed.len());
                fixture.committed.truncate(durable);
                fixture.check(&journal.reader(), 1);
                fixture.fill(&mut journal, 2, 2);
                drop(journal);
                fixture.check(&fixture.open().reader(), 1);
            }
            Err(JournalError::Corrupt(_) | JournalError::UnknownVersion { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }

    /// Any bytes at all under a segment's name: a refusal or an empty journal, never a panic.
    #[test]
    fn foreign_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let fixture = Fixture::small();
        let path = fixture.folder.path().join(segment::segment_name(Seq(1)));
        std::fs::write(path, bytes).unwrap();
        prop_assert!(matches!(fixture.try_open(), Err(JournalError::Corrupt(_))));
    }
}
