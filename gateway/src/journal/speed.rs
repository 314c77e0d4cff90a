//! Measures the journal against a bare file, in the temporary folder (`TMPDIR` names another):
//! `cargo test --release -p gateway --lib journal::speed -- --ignored --nocapture`.
#![allow(clippy::print_stdout, clippy::disallowed_methods)] // a measurement prints and reads the clock

use super::test_folder::TestFolder;
use super::{Journal, JournalConfig, Seq};
use crate::disk::Folder;
use crate::ports::Disk;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const GROUPS: usize = 2_000;
const RECORDS_A_GROUP: usize = 256;
const RECORD_BYTES: usize = 100;
const READ_RECORDS: u64 = 10_000_000;

/// Groups of records, each group synced, against loops that write and sync the same bytes.
#[test]
#[ignore = "a measurement"]
fn writing_against_a_bare_file() {
    let folder = TestFolder::new("journal-speed");
    let records = (GROUPS * RECORDS_A_GROUP) as f64;
    let (mut bare_secs, mut reserved_secs, mut journal_secs) = (Vec::new(), Vec::new(), Vec::new());
    // In turn, so that a disk that slows down slows all.
    for round in 0..5 {
        bare_secs.push(bare(&folder.path().join(format!("bare-{round}")), 0));
        let step = JournalConfig::default().allocate_step_bytes;
        reserved_secs.push(bare(&folder.path().join(format!("reserved-{round}")), step));
        journal_secs.push(journal(&folder.path().join(format!("journal-{round}"))));
    }
    let (bare, reserved, journal) = (median(bare_secs), median(reserved_secs), median(journal_secs));
    println!("{GROUPS} groups of {RECORDS_A_GROUP} records of {RECORD_BYTES} bytes, one sync each; median of 5");
    println!("bare write + fdatasync, growing file   {:>11.0} records/s", records / bare);
    println!("bare write + fdatasync, reserved file  {:>11.0} records/s", records / reserved);
    println!("journal append + commit                {:>11.0} records/s", records / journal);
    println!("journal to bare                        {:>11.2} and {:.2}", bare / journal, reserved / journal);
}

/// Ten million small records, against reading the same files without looking at them.
#[test]
#[ignore = "a measurement"]
fn reading_against_a_bare_file() {
    let folder = TestFolder::new("journal-speed-read");
    let disk: Arc<dyn Disk> = Arc::new(Folder::open(folder.path()).unwrap());
    let (mut journal, _) = Journal::open(Arc::clone(&disk), JournalConfig::default()).unwrap();
    let mut payload = [0; 24];
    for seq in 1..=READ_RECORDS {
        payload[..8].copy_from_slice(&seq.to_le_bytes());
        journal.append(&payload).unwrap();
        if seq % 10_000 == 0 {
            journal.commit().unwrap();
        }
    }
    drop(journal);

    let start = Instant::now();
    let (journal, recovery) = Journal::open(Arc::clone(&disk), JournalConfig::default()).unwrap();
    println!("opening {} segments                     {:>11.1} ms", recovery.segments, secs(start) * 1e3);

    let start = Instant::now();
    let mut records = journal.reader().read_from(Seq::FIRST).unwrap();
    let mut sum = 0;
    while let Some(record) = records.next_record().unwrap() {
        sum += first_u64(record.payload);
    }
    println!("reading, lending                       {:>11.0} records/s", READ_RECORDS as f64 / secs(start));
    assert_eq!(sum, READ_RECORDS * (READ_RECORDS + 1) / 2);

    let start = Instant::now();
    let sum: u64 = journal.reader().read_from(Seq::FIRST).unwrap().map(|record| first_u64(&record.unwrap().1)).sum();
    println!("reading, owning                        {:>11.0} records/s", READ_RECORDS as f64 / secs(start));
    assert_eq!(sum, READ_RECORDS * (READ_RECORDS + 1) / 2);

    let start = Instant::now();
    let mut bytes = vec![0; 1 << 20];
    for name in disk.list().unwrap() {
        let file = disk.open(&name).unwrap();
        let (mut offset, len) = (0, file.len().unwrap());
        while offset < len {
            let n = (len - offset).min(bytes.len() as u64) as usize;
            file.read_exact_at(&mut bytes[..n], offset).unwrap();
            offset += n as u64;
        }
    }
    println!("reading the same bytes bare            {:>11.0} records/s", READ_RECORDS as f64 / secs(start));
}

fn secs(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}

fn median(mut secs: Vec<f64>) -> f64 {
    secs.sort_by(f64::total_cmp);
    secs[secs.len() / 2]
}

fn first_u64(payload: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&payload[..8]);
    u64::from_le_bytes(bytes)
}

/// Writes and syncs as many bytes as the journal, the file reserved in steps if `reserve_bytes` is not 0.
fn bare(folder: &Path, reserve_bytes: u64) -> f64 {
    let disk = Folder::open(folder).unwrap();
    let file = disk.create("bare").unwrap();
    let group = vec![0x5A; 32 + RECORDS_A_GROUP * (4 + RECORD_BYTES)];
    let start = Instant::now();
    let (mut end, mut reserved) = (0, 0);
    for _ in 0..GROUPS {
        if reserve_bytes > 0 && end + group.len() as u64 > reserved {
            reserved += reserve_bytes;
            file.allocate(reserved).unwrap();
        }
        file.write_all_at(&group, end).unwrap();
        file.sync().unwrap();
        end += group.len() as u64;
    }
    secs(start)
}

fn journal(folder: &Path) -> f64 {
    let disk = Arc::new(Folder::open(folder).unwrap());
    let (mut journal, _) = Journal::open(disk, JournalConfig::default()).unwrap();
    let start = Instant::now();
    for _ in 0..GROUPS {
        for _ in 0..RECORDS_A_GROUP {
            journal.append(&[0x5A; RECORD_BYTES]).unwrap();
        }
        journal.commit().unwrap();
    }
    secs(start)
}
