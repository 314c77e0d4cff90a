//! The journal on a disk that tears: whatever happens, what was acknowledged stays, and nothing is invented.
//!
//! One seed again: `PORTOLAN_SEED=17 cargo test -p tests --test journal_crash`. More of them:
//! `PORTOLAN_SEEDS=100000 cargo test -p tests --test journal_crash`.

#![allow(clippy::print_stderr, clippy::unwrap_used)] // the seed to run again; a panic is how a test fails

use gateway::journal::{
    AppendError, CommitError, Journal, JournalConfig, JournalError, ReadError, Seq, Verify, cursor, snapshot,
};
use gateway::ports::Disk;
use std::sync::Arc;
use tests::disk::{SplitMix64, TearingDisk};

const SNAPSHOT_VERSION: u32 = 1;

/// Runs `story` for many seeds, or for the one in `PORTOLAN_SEED`; a panic names the seed.
fn for_seeds(count: u64, story: fn(u64)) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seeds = match number("PORTOLAN_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("PORTOLAN_SEEDS").unwrap_or(count),
    };
    for seed in seeds {
        if let Err(panic) = std::panic::catch_unwind(|| story(seed)) {
            eprintln!("seed {seed} fails; again: PORTOLAN_SEED={seed} cargo test -p tests --test journal_crash");
            std::panic::resume_unwind(panic);
        }
    }
}

/// A gateway's life after life on one disk, and what it was promised.
struct World {
    random: SplitMix64,
    disk: TearingDisk,
    config: JournalConfig,
    /// Every record that has a seq, by seq; beyond `acknowledged` they may be lost.
    records: Vec<Vec<u8>>,
    acknowledged: usize,
    /// Records before this may have been dropped.
    dropped_before: u64,
    snapshot_saved: Seq,
    cursor_stored: Seq,
    cursor_tried: Seq,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = SplitMix64(seed);
        let config = JournalConfig {
            segment_bytes_max: 1_024 << random.below(4),
            allocate_step_bytes: 256 << random.below(5),
            free_bytes_min: random.below(2) * 2_000,
            group_bytes_max: 200 << random.below(5),
            pending_bytes_max: 20_000,
            salt: random.next_u64(),
            verify: if random.chance(50) { Verify::Everything } else { Verify::LastSegment },
            known_durable: Seq::NONE,
        };
        Self {
            random,
            disk: TearingDisk::new(),
            config,
            records: Vec::new(),
            acknowledged: 0,
            dropped_before: 1,
            snapshot_saved: Seq::NONE,
            cursor_stored: Seq::NONE,
            cursor_tried: Seq::NONE,
        }
    }

    /// Opens the journal, through power cuts and failing syncs, and checks what is there.
    fn open(&mut self) -> Journal {
        loop {
            self.config.known_durable = Seq(self.acknowledged as u64);
            match Journal::open(Arc::new(self.disk.clone()), self.config.clone()) {
                Ok((journal, recovery)) => {
                    let durable = recovery.durable.0 as usize;
                    assert!(durable >= self.acknowledged, "{durable} left of {} acknowledged", self.acknowledged);
                    assert!(durable <= self.records.len(), "{durable} records, {} were written", self.records.len());
                    assert!(recovery.first.0 <= self.dropped_before, "{recovery:?}, {}", self.dropped_before);
                    assert_eq!(journal.durable(), recovery.durable);
                    self.records.truncate(durable);
                    self.acknowledged = durable; // who opened it may have told others
                    self.check_records(&journal, recovery.first);
                    self.check_beside();
                    return journal;
                }
                Err(JournalError::Io { .. }) if self.disk.is_off() => self.crash(),
                Err(JournalError::Io { .. }) => {
                    // A fault or a full disk; the operator mends it and starts again.
                    self.disk.set_write_budget(None);
                    self.disk.set_capacity(None);
                }
                Err(error) => panic!("refused: {error}"),
            }
        }
    }

    fn check_records(&mut self, journal: &Journal, from: Seq) {
        let mut expected = from.0 as usize;
        let mut records = journal.reader().read_from(from).unwrap();
        loop {
            match records.next_record() {
                Ok(Some(record)) => {
                    assert_eq!(record.seq.0 as usize, expected);
                    assert!(record.payload == self.records[expected - 1], "record {expected} is another");
                    expected += 1;
                }
                Ok(None) => break,
                Err(ReadError::Io { .. }) if self.disk.is_off() => return,
                Err(error) => panic!("record {expected}: {error}"),
            }
        }
        assert_eq!(expected, journal.durable().0 as usize + 1);
    }

    /// Snapshot and cursor: the last durable one, or one that was being written.
    fn check_beside(&mut self) {
        if let Ok(loaded) = snapshot::load_newest(&self.disk, SNAPSHOT_VERSION) {
            assert!(loaded.skipped.is_empty(), "{:?}", loaded.skipped);
            match loaded.snapshot {
                Some(found) => {
                    assert!(found.seq >= self.snapshot_saved);
                    assert_eq!(found.bytes, state_at(found.seq));
                    self.snapshot_saved = found.seq;
                }
                None => assert_eq!(self.snapshot_saved, Seq::NONE),
            }
        } else {
            assert!(self.disk.is_off());
        }
        match cursor::load(&self.disk, "test") {
            Ok(found) => {
                let found = found.unwrap_or(Seq::NONE);
                assert!(found >= self.cursor_stored && found <= self.cursor_tried, "{found}");
                self.cursor_stored = found;
                self.cursor_tried = found;
            }
            Err(error) => assert!(self.disk.is_off(), "{error}"),
        }
    }

    fn crash(&mut self) {
        self.disk = self.disk.crash(self.random.next_u64());
    }

    fn payload(&mut self) -> Vec<u8> {
        if self.random.chance(3) {
            // Bytes of the journal itself, as a stranger might send them.
            let names = self.disk.list().unwrap_or_default();
            let picked = self.random.below(names.len() as u64) as usize;
            let bytes = names.get(picked).and_then(|name| self.disk.contents(name)).unwrap_or_default();
            let from = self.random.below(bytes.len() as u64) as usize;
            let len = self.random.below(2_000) as usize;
            // With the salt a stranger could forge anything; without, each copied header is of a past seq.
            return bytes[from..].iter().copied().take(len).collect();
        }
        let len_max = [4, 100, 600, 3_000][self.random.below(4) as usize];
        let len = self.random.below(len_max) as usize;
        let fill = self.random.next_u64().to_le_bytes();
        (0..len).map(|i| fill[i % 8] ^ i as u8).collect()
    }

    fn append(&mut self, journal: &mut Journal) {
        let payload = self.payload();
        match journal.append(&payload) {
            Ok(seq) => {
                assert_eq!(seq.0 as usize, self.records.len() + 1);
                self.records.push(payload);
            }
            Err(AppendError::Poisoned { .. }) => assert!(journal.is_poisoned()),
            Err(AppendError::Full { .. }) => assert!(journal.pending().bytes > 15_000),
            Err(error) => panic!("{error}"),
        }
    }

    fn commit(&mut self, journal: &mut Journal) {
        match journal.commit() {
            Ok(seq) => {
                assert_eq!(seq.0 as usize, self.records.len());
                assert_eq!(journal.pending().records, 0);
            }
            Err(CommitError::NoSpace { .. }) => {
                assert!(!journal.is_poisoned());
                let waiting = self.records.len() - journal.durable().0 as usize;
                assert_eq!(journal.pending().records, waiting);
            }
            Err(CommitError::Poisoned { .. }) => assert!(journal.is_poisoned()),
            Err(error) => panic!("{error}"),
        }
        assert!(journal.durable().0 as usize >= self.acknowledged);
        self.acknowledged = journal.durable().0 as usize;
    }

    /// One thing that may happen.
    fn step(&mut self, journal: &mut Journal) {
        match self.random.below(100) {
            0..45 => self.append(journal),
            45..70 => self.commit(journal),
            70..73 => {
                let before = self.random.below(self.acknowledged as u64 + 2);
                self.dropped_before = self.dropped_before.max(before);
                if let Err(error) = journal.drop_before(Seq(before)) {
                    assert!(self.disk.is_off() || journal.is_poisoned(), "{error}");
                }
            }
            73..76 => {
                let seq = Seq(self.acknowledged as u64);
                if seq > self.snapshot_saved
                    && snapshot::save(&self.disk, seq, SNAPSHOT_VERSION, &state_at(seq)).is_ok()
                {
                    self.snapshot_saved = seq;
                }
            }
            76..80 => {
                let seq = Seq(self.acknowledged as u64);
                self.cursor_tried = self.cursor_tried.max(seq);
                if cursor::store(&self.disk, "test", seq).is_ok() {
                    self.cursor_stored = seq;
                }
            }
            80..84 => {
                let room = self.random.below(6_000);
                self.disk.set_capacity(Some(self.disk.used_bytes() + room));
            }
            84..86 => self.disk.set_write_budget(Some(self.random.below(4_000))),
            86..92 => {
                self.disk.set_capacity(None);
                self.disk.set_write_budget(None);
                if !journal.is_poisoned() && !self.disk.is_off() {
                    self.commit(journal);
                    assert!(
                        journal.is_poisoned() || self.disk.is_off() || journal.pending().records == 0,
                        "with space again, all is written"
                    );
                }
            }
            92 => self.disk.fail_syncs(1),
            93 => self.disk.fail_folder_syncs(1),
            94 => self.disk.cut_next_write(self.random.below(700) as usize),
            95 => self.disk.cut_power_after(self.random.below(8)),
            _ => {
                let first = journal.reader().first().0;
                let from = first + self.random.below(journal.durable().0 + 2 - first);
                if !self.disk.is_off() {
                    self.check_records(journal, Seq(from));
                }
            }
        }
    }
}

/// What a fold over the journal might look like: larger than a sector, and of its seq alone.
fn state_at(seq: Seq) -> Vec<u8> {
    (0..700 + seq.0 % 600).map(|i| (seq.0 * 31 + i * 7) as u8).collect()
}

fn lives_and_crashes(seed: u64) {
    let mut world = World::new(seed);
    for _ in 0..8 {
        let mut journal = world.open();
        for _ in 0..world.random.below(120) {
            world.step(&mut journal);
            if world.disk.is_off() || (journal.is_poisoned() && world.random.chance(30)) {
                break;
            }
        }
        drop(journal);
        // The process is killed, and perhaps the machine with it.
        if world.disk.is_off() || world.random.chance(70) {
            world.crash();
        }
    }
    world.open();
}

#[test]
fn what_was_acknowledged_survives_crashes_full_disks_and_failing_syncs() {
    for_seeds(600, lives_and_crashes);
}

/// Every crash state of every moment of one short run: each operation, many outcomes.
fn every_moment(seed: u64) {
    let operations = {
        let world = run_until(seed, None);
        world.disk.stats().operations
    };
    for operation in 0..operations {
        let mut world = run_until(seed, Some(operation));
        for outcome in 0..6 {
            let mut after = World::new(seed);
            after.disk = world.disk.after_crash(outcome);
            after.records.clone_from(&world.records);
            after.acknowledged = world.acknowledged;
            after.open();
        }
        world.crash();
    }
}

/// A run without faults, until the power fails.
fn run_until(seed: u64, operation: Option<u64>) -> World {
    let mut world = World::new(seed);
    let Ok((mut journal, _)) = Journal::open(Arc::new(world.disk.clone()), world.config.clone()) else {
        panic!("an empty disk is no journal");
    };
    if let Some(operation) = operation {
        let used = world.disk.stats().operations;
        world.disk.cut_power_after(operation.saturating_sub(used));
    }
    for _ in 0..60 {
        if world.random.chance(60) {
            world.append(&mut journal);
        } else {
            world.commit(&mut journal);
        }
    }
    world
}

#[test]
fn no_moment_to_lose_power_loses_an_acknowledged_record() {
    for_seeds(12, every_moment);
}

#[test]
fn a_full_disk_is_found_before_the_write_and_left_at_the_last_durable_byte() {
    let disk = TearingDisk::new();
    let config = JournalConfig { allocate_step_bytes: 4_096, free_bytes_min: 1_000, ..JournalConfig::default() };
    let (mut journal, _) = Journal::open(Arc::new(disk.clone()), config).unwrap();
    journal.append(&[1; 500]).unwrap();
    assert_eq!(journal.commit().unwrap(), Seq(1));
    let segment = disk.list().unwrap().remove(0);
    assert_eq!(disk.contents(&segment).unwrap().len(), 4_096, "a step is reserved");
    disk.set_capacity(Some(4_096));
    // What is reserved is there to be used, even though less is free than is kept back.
    journal.append(&[2; 500]).unwrap();
    assert_eq!(journal.commit().unwrap(), Seq(2));
    let written_bytes = disk.stats().written_bytes;
    let durable_end = written_bytes;
    for attempt in 1..=3 {
        journal.append(&[3; 4_000]).unwrap();
        let error = journal.commit().unwrap_err();
        assert!(matches!(error, CommitError::NoSpace { free_bytes_min: 1_000, .. }), "{error}");
        assert_eq!(disk.stats().written_bytes, written_bytes, "nothing is written in vain");
        assert_eq!(disk.contents(&segment).unwrap().len() as u64, durable_end);
        assert_eq!((journal.durable(), journal.pending().records), (Seq(2), attempt));
    }
    // Also what the cut gave back counts as kept back, until there is more.
    disk.set_capacity(Some(durable_end + 3 * 4_004 + 32 + 999));
    assert!(journal.commit().is_err());
    disk.set_capacity(Some(durable_end + 3 * 4_004 + 32 + 1_000));
    assert_eq!(journal.commit().unwrap(), Seq(5));
}

/// A byte decays in what was durable, and the last commit may have been torn besides.
fn decay(seed: u64) {
    let mut world = World::new(seed);
    world.config.verify = Verify::Everything;
    let mut journal = world.open();
    let mut last_commit_from = 0;
    for _ in 0..12 {
        last_commit_from = world.acknowledged;
        for _ in 0..1 + world.random.below(5) {
            world.append(&mut journal);
        }
        world.commit(&mut journal);
    }
    if world.random.chance(50) {
        world.disk.fail_syncs(1);
        world.append(&mut journal);
        world.commit(&mut journal);
    }
    drop(journal);
    world.crash();
    let segments: Vec<String> = world
        .disk
        .list()
        .unwrap()
        .into_iter()
        .filter(|name| name.starts_with("journal-") && name.ends_with("log"))
        .collect();
    let name = &segments[world.random.below(segments.len() as u64) as usize];
    let len = world.disk.contents(name).unwrap().len() as u64;
    let at = world.random.below(len);
    assert!(world.disk.flip(name, at, 1 << world.random.below(8)));
    match Journal::open(Arc::new(world.disk.clone()), world.config.clone()) {
        Err(JournalError::Corrupt(corruption)) => {
            assert_eq!(&corruption.segment, name);
            assert!(corruption.offset <= at, "{corruption}, decayed at {at}");
        }
        Err(error) => panic!("{error}"),
        Ok((journal, recovery)) => {
            // The byte was unused, or in the last group, which then looks torn: nothing older is lost.
            assert!(recovery.durable.0 as usize >= last_commit_from, "{recovery:?}");
            world.records.truncate(recovery.durable.0 as usize);
            world.check_records(&journal, recovery.first);
        }
    }
}

#[test]
fn a_decayed_byte_is_never_read_as_a_record() {
    for_seeds(600, decay);
}
