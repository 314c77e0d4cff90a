//! The embedded store on a disk that tears, fails and fills up: whatever it claims to be applied is there,
//! and replaying the journal from behind it gives the whole again.

use firmware_schemas::quantity::Timestamp;
use gateway::ports::Disk;
use gateway::store::{EmbeddedStore, Point, Quality, SeriesId, Store, StoreConfig, StoreError, Upkeep, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use tests::disk::{SplitMix64, TearingDisk};

const SERIES: u64 = 5;
const SPAN: u64 = 2_000;

type Record = Vec<(SeriesId, Point)>;

/// The records that the journal holds; a crash does not take them.
#[derive(Default)]
struct Journal {
    records: Vec<Record>,
    oldest: i64,
}

impl Journal {
    /// What the first `count` records amount to.
    fn points(&self, count: u64) -> BTreeMap<(u32, i64), Point> {
        let points = self.records[..count as usize].iter().flatten();
        let kept = points.filter(|(_, point)| point.at.as_nanos() >= self.oldest);
        kept.map(|(series, point)| ((series.0, point.at.as_nanos()), point.clone())).collect()
    }

    fn open(&self, disk: &TearingDisk) -> Result<EmbeddedStore, StoreError> {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let config = StoreConfig {
            head_points_max: 60,
            segment_points_max: 700,
            upkeep: Upkeep::Inline,
            check_pages: true,
            oldest: Timestamp::from_nanos(self.oldest),
            ..StoreConfig::default()
        };
        EmbeddedStore::open(disk, config)
    }
}

fn contents(store: &EmbeddedStore) -> Result<BTreeMap<(u32, i64), Point>, StoreError> {
    let mut all = BTreeMap::new();
    for series in 0..SERIES as u32 {
        let page = store.range(SeriesId(series), Timestamp::MIN..Timestamp::MAX, usize::MAX, None)?;
        assert!(page.points.is_sorted_by(|a, b| a.at < b.at));
        all.extend(page.points.into_iter().map(|point| ((series, point.at.as_nanos()), point)));
    }
    Ok(all)
}

fn record(random: &mut SplitMix64) -> Record {
    let count = random.below(30);
    let point = |random: &mut SplitMix64| {
        let value = match random.below(4) {
            0 => Value::Integer(random.below(1_000) as i64),
            1 => Value::Boolean(random.chance(50)),
            2 => Value::Text(["idle", "running"][random.below(2) as usize].into()),
            _ => Value::Float(random.below(1_000) as f64 / 10.0),
        };
        let at = Timestamp::from_nanos(random.below(SPAN) as i64 * 1_000_000);
        Point { at, value, quality: Quality::Good }
    };
    (0..count).map(|_| (SeriesId(random.below(SERIES) as u32), point(random))).collect()
}

/// Does one thing to the store; an error is the disk's.
fn act(
    store: &EmbeddedStore,
    journal: &mut Journal,
    taken: &mut usize,
    random: &mut SplitMix64,
) -> Result<(), StoreError> {
    match random.below(20) {
        0 => store.seal(),
        1 => store.compact(),
        2 => {
            let oldest = random.below(SPAN / 4) as i64 * 1_000_000;
            journal.oldest = journal.oldest.max(oldest);
            store.retain(Timestamp::from_nanos(journal.oldest))
        }
        _ => {
            if *taken == journal.records.len() {
                journal.records.push(record(random));
            }
            store.append(*taken as u64 + 1, &journal.records[*taken])?;
            *taken += 1;
            Ok(())
        }
    }
}

/// Checks what a store that was just opened claims, and replays the journal behind it.
fn check_and_replay(store: &EmbeddedStore, journal: &Journal, seed: u64) -> Result<(), StoreError> {
    let applied = store.applied();
    assert!(applied <= journal.records.len() as u64, "seed {seed}: applied more than there is");
    assert_eq!(contents(store)?, journal.points(applied), "seed {seed}: after opening, {applied} applied");
    for (idx, record) in journal.records.iter().enumerate().skip(applied as usize) {
        store.append(idx as u64 + 1, record)?;
    }
    let all = journal.points(journal.records.len() as u64);
    assert_eq!(contents(store)?, all, "seed {seed}: after the replay from {applied}");
    Ok(())
}

/// The seeds to try: `0..count`, or the one that the environment names.
fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("PORTOLAN_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (0..count).collect(),
    }
}

/// A failure names its seed; `PORTOLAN_SEED=17 cargo test -p tests --test store_crash` tries that one again.
fn check_crashes(seed: u64) {
    let mut random = SplitMix64(seed);
    let mut journal = Journal::default();
    let mut disk = TearingDisk::new();
    for _ in 0..6 {
        disk.cut_power_after(random.below(60));
        // The power may also fail while the store opens or replays.
        if let Ok(store) = journal.open(&disk)
            && check_and_replay(&store, &journal, seed).is_ok()
        {
            let mut taken = journal.records.len();
            for _ in 0..100 {
                // A compaction that fails within an append is noted and not reported.
                if act(&store, &mut journal, &mut taken, &mut random).is_err() || disk.is_off() {
                    break;
                }
            }
        }
        disk = disk.crash(random.next_u64());
    }
    let store = journal.open(&disk).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    check_and_replay(&store, &journal, seed).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
}

fn check_faults(seed: u64) {
    let mut random = SplitMix64(seed);
    let mut journal = Journal::default();
    let mut disk = TearingDisk::new();
    for _ in 0..4 {
        let store = journal.open(&disk).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        check_and_replay(&store, &journal, seed).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let mut taken = journal.records.len();
        for _ in 0..100 {
            match random.below(30) {
                0 => disk.fail_syncs(1 + random.below(3) as u32),
                1 => disk.fail_folder_syncs(1 + random.below(3) as u32),
                2 => disk.cut_next_write(random.below(100) as usize),
                3 => disk.set_write_budget(Some(random.below(5_000))),
                4..8 => disk.set_write_budget(None),
                _ => {}
            }
            // Refused or not, what was taken stays visible.
            if act(&store, &mut journal, &mut taken, &mut random).is_err() {
                assert_eq!(
                    contents(&store).expect("contents"),
                    journal.points(taken as u64),
                    "seed {seed}: after an error"
                );
            }
        }
        // Once the disk works again, so does the store.
        disk.fail_syncs(0);
        disk.fail_folder_syncs(0);
        disk.set_write_budget(None);
        // All but the cut of a write, which may still be to come.
        while taken < journal.records.len() {
            taken += usize::from(store.append(taken as u64 + 1, &journal.records[taken]).is_ok());
        }
        store.seal().or_else(|_| store.seal()).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(store.applied(), taken as u64, "seed {seed}");
        assert_eq!(contents(&store).expect("contents"), journal.points(taken as u64), "seed {seed}: after sealing");
        drop(store);
        disk = disk.crash(random.next_u64());
    }
}

#[test]
fn after_a_crash_the_store_holds_what_it_claims_and_a_replay_gives_the_rest() {
    seeds(100).into_iter().for_each(check_crashes);
}

#[test]
fn after_faults_the_store_goes_on_and_has_lost_nothing() {
    seeds(50).into_iter().for_each(check_faults);
}

#[test]
fn a_segment_that_may_not_be_durable_is_removed_before_the_next_is_written() {
    let disk = TearingDisk::new();
    let mut journal = Journal::default();
    let store = journal.open(&disk).unwrap();
    journal
        .records
        .push(vec![(SeriesId(1), Point { at: Timestamp::EPOCH, value: Value::Integer(1), quality: Quality::Good })]);
    store.append(1, &journal.records[0]).unwrap();
    disk.fail_folder_syncs(1);
    assert!(matches!(store.seal(), Err(StoreError::Disk { .. })));
    assert_eq!((store.applied(), disk.list().unwrap().len()), (0, 1));
    store.seal().unwrap();
    assert_eq!((store.applied(), disk.list().unwrap().len()), (1, 1));
    assert_eq!(contents(&store).expect("contents"), journal.points(1));
}
