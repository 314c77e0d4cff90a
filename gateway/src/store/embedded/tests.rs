//! The store against a naive model: a map from series and time to the point.

use super::super::*;
use super::*;
use crate::ports::DiskFile;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io;

/// A disk in memory that fails when told to.
#[derive(Default)]
pub(super) struct MemoryDisk {
    files: Mutex<BTreeMap<String, Arc<Mutex<Vec<u8>>>>>,
    full: Arc<Mutex<bool>>,
}

struct MemoryFile {
    bytes: Arc<Mutex<Vec<u8>>>,
    full: Arc<Mutex<bool>>,
}

impl MemoryDisk {
    fn file(&self, bytes: &Arc<Mutex<Vec<u8>>>) -> Box<dyn DiskFile> {
        Box::new(MemoryFile { bytes: Arc::clone(bytes), full: Arc::clone(&self.full) })
    }
}

impl Disk for MemoryDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(locked(&self.files).keys().cloned().collect())
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut files = locked(&self.files);
        if files.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(self.file(files.entry(name.to_owned()).or_default()))
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        locked(&self.files).get(name).map(|bytes| self.file(bytes)).ok_or(io::ErrorKind::NotFound.into())
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = locked(&self.files);
        let bytes = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), bytes);
        Ok(())
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        locked(&self.files).remove(name).map(|_| ()).ok_or(io::ErrorKind::NotFound.into())
    }
    fn sync_folder(&self) -> io::Result<()> {
        Ok(())
    }
    fn free_bytes(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

impl DiskFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(locked(&self.bytes).len() as u64)
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = locked(&self.bytes);
        let part = bytes.get(offset as usize..offset as usize + buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(part);
        Ok(())
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if *locked(&self.full) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut all = locked(&self.bytes);
        let end = offset as usize + bytes.len();
        let len = all.len().max(end);
        all.resize(len, 0);
        all[offset as usize..end].copy_from_slice(bytes);
        Ok(())
    }
    fn allocate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        locked(&self.bytes).resize(len as usize, 0);
        Ok(())
    }
    fn sync(&self) -> io::Result<()> {
        if *locked(&self.full) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

fn point(at: i64, value: Value) -> Point {
    Point { at: Timestamp::from_nanos(at), value, quality: Quality::Good }
}

/// What the store must be: the records that a journal would hold, and what they amount to.
#[derive(Default)]
struct Model {
    records: Vec<Vec<(SeriesId, Point)>>,
    points: BTreeMap<(u32, i64), Point>,
    oldest: Option<Timestamp>,
}

impl Model {
    fn append(&mut self, points: &[(SeriesId, Point)]) -> u64 {
        for (series, point) in points {
            if self.oldest.is_none_or(|oldest| point.at >= oldest) {
                self.points.insert((series.0, point.at.as_nanos()), point.clone());
            }
        }
        self.records.push(points.to_vec());
        self.records.len() as u64
    }

    fn retain(&mut self, oldest: Timestamp) {
        self.oldest = self.oldest.max(Some(oldest));
        self.points.retain(|_, point| self.oldest.is_none_or(|oldest| point.at >= oldest));
    }

    fn of(&self, series: u32, from: i64, to: i64) -> Vec<&Point> {
        if from > to { Vec::new() } else { self.points.range((series, from)..(series, to)).map(|(_, p)| p).collect() }
    }

    fn buckets(&self, series: u32, from: i64, to: i64, step: i64) -> Vec<Bucket> {
        let mut steps: BTreeMap<i64, Vec<&Point>> = BTreeMap::new();
        for point in self.of(series, from, to) {
            steps.entry((point.at.as_nanos() - from) / step).or_default().push(point);
        }
        let bucket = |(number, points): (i64, Vec<&Point>)| {
            let numbers: Vec<f64> = points.iter().filter_map(|point| point.value.as_f64()).collect();
            let n = numbers.len() as f64;
            Bucket {
                start: Timestamp::from_nanos(from + number * step),
                count: points.len() as u64,
                last: points[points.len() - 1].value.clone(),
                numbers: (n > 0.0).then(|| NumberSummary {
                    min: numbers.iter().copied().fold(f64::INFINITY, f64::min),
                    max: numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    mean: numbers.iter().sum::<f64>() / n,
                }),
            }
        };
        steps.into_iter().map(bucket).collect()
    }

    /// Every kind of question about every series, over a few spans.
    #[track_caller]
    fn check(&self, store: &EmbeddedStore, series: u32, spans: &[(i64, i64)]) {
        let id = SeriesId(series);
        for &(from, to) in spans {
            let span = Timestamp::from_nanos(from)..Timestamp::from_nanos(to);
            let expected: Vec<Point> = self.of(series, from, to).into_iter().cloned().collect();
            let newest = self.of(series, i64::MIN, to.saturating_add(1)).last().map(|point| (*point).clone());
            assert_eq!(store.latest_at(id, span.end).unwrap(), newest, "latest of {series} at {to}");
            for limit in [1, 7, 10_000] {
                let (mut all, mut after) = (Vec::new(), None);
                loop {
                    let page = store.range(id, span.clone(), limit, after).unwrap();
                    assert!(page.points.len() <= limit);
                    all.extend(page.points);
                    after = page.next;
                    if after.is_none() || limit == 1 && all.len() > 20 {
                        break;
                    }
                }
                let compared = if limit == 1 { &expected[..expected.len().min(all.len())] } else { &expected[..] };
                assert_eq!(all, compared, "{series} in {from}..{to} by {limit}");
            }
            for step in [1, 13, 1_000] {
                let step = step * (1 + (to - from).max(0) / 5_000);
                let actual = store.downsample(id, span.clone(), Duration::from_nanos(step as u64)).unwrap();
                check_buckets(&actual, &self.buckets(series, from, to, step));
            }
        }
    }
}

#[track_caller]
fn check_buckets(actual: &[Bucket], expected: &[Bucket]) {
    assert_eq!(actual.len(), expected.len());
    for (a, e) in actual.iter().zip(expected) {
        assert_eq!((a.start, a.count, &a.last), (e.start, e.count, &e.last));
        match (&a.numbers, &e.numbers) {
            (Some(a), Some(e)) => {
                assert_eq!((a.min, a.max), (e.min, e.max));
                let scale = e.min.abs().max(e.max.abs()).max(1e-9);
                assert!((a.mean - e.mean).abs() <= scale * 1e-9, "mean {} not {}", a.mean, e.mean);
            }
            (a, e) => assert_eq!(a, e),
        }
    }
}

fn config() -> StoreConfig {
    StoreConfig { head_points_max: 40, segment_points_max: 400, upkeep: Upkeep::Inline, ..StoreConfig::default() }
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<(u32, i64, Value, Quality)>),
    Seal,
    Compact,
    Reopen,
    Retain(i64),
    LoseSegment(usize),
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (-500_i32..500).prop_map(|x| Value::Float(f64::from(x) / 10.0)),
        1 => (-1e9..1e9_f64).prop_map(Value::Float),
        2 => (-5_i64..5).prop_map(Value::Integer),
        1 => any::<i64>().prop_map(|x| Value::Integer(x >> 11)),
        2 => any::<bool>().prop_map(Value::Boolean),
        1 => "[ab]{0,2}".prop_map(|text| Value::Text(text.into())),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let quality = prop_oneof![8 => Just(Quality::Good), 1 => Just(Quality::Suspect), 1 => Just(Quality::Bad)];
    let points = prop::collection::vec((0..4_u32, -50_i64..1_000, value(), quality), 0..40);
    prop_oneof![
        12 => points.prop_map(Step::Append),
        2 => Just(Step::Seal),
        1 => Just(Step::Compact),
        2 => Just(Step::Reopen),
        1 => (-50_i64..300).prop_map(Step::Retain),
        1 => (0..8_usize).prop_map(Step::LoseSegment),
    ]
}

fn reopen(disk: &Arc<MemoryDisk>, model: &Model) -> EmbeddedStore {
    let config =
        StoreConfig { oldest: model.oldest.unwrap_or(Timestamp::MIN), on_damage: OnDamage::SetAside, ..config() };
    let disk: Arc<dyn Disk> = Arc::clone(disk) as _;
    let store = EmbeddedStore::open(disk, config).unwrap();
    for seq in store.applied() as usize..model.records.len() {
        store.append(seq as u64 + 1, &model.records[seq]).unwrap();
    }
    store
}

fn run(steps: Vec<Step>, units: i64) {
    let disk = Arc::new(MemoryDisk::default());
    let mut model = Model::default();
    let mut store = reopen(&disk, &model);
    for step in steps {
        match step {
            Step::Append(points) => {
                let point = |(series, at, value, quality)| {
                    (SeriesId(series), Point { at: Timestamp::from_nanos(at * units), value, quality })
                };
                let points: Vec<_> = points.into_iter().map(point).collect();
                let seq = model.append(&points);
                store.append(seq, &points).unwrap();
            }
            Step::Seal => {
                store.seal().unwrap();
                assert_eq!(store.applied(), model.records.len() as u64);
            }
            Step::Compact => store.compact().unwrap(),
            Step::Reopen => {
                drop(store);
                store = reopen(&disk, &model);
            }
            Step::Retain(oldest) => {
                let oldest = Timestamp::from_nanos(oldest * units);
                model.retain(oldest);
                store.retain(oldest).unwrap();
            }
            Step::LoseSegment(idx) => {
                drop(store);
                let name = locked(&disk.files).keys().nth(idx).cloned();
                if let Some(bytes) = name.and_then(|name| locked(&disk.files).get(&name).cloned()) {
                    let mut bytes = locked(&bytes);
                    let len = bytes.len();
                    bytes[len - 30] ^= 4;
                }
                store = reopen(&disk, &model);
            }
        }
    }
    let stats = store.stats();
    assert!(stats.points >= model.points.len() as u64, "{stats:?}");
    let spans = [(-60, 1_100), (0, 500), (100, 101), (333, 90)].map(|(from, to)| (from * units, to * units));
    for series in 0..5 {
        model.check(&store, series, &spans);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_a_map_would(steps in prop::collection::vec(step(), 0..60), millis in any::<bool>()) {
        run(steps, if millis { 1_000_000 } else { 1 });
    }
}

/// Some long series, so that blocks fill, with late points and points that come twice.
#[test]
fn long_series_in_many_blocks_answer_as_a_map_would() {
    let disk = Arc::new(MemoryDisk::default());
    let small = StoreConfig { head_points_max: 30_000, segment_points_max: 100_000, ..config() };
    let store = EmbeddedStore::open(Arc::clone(&disk) as _, small.clone()).unwrap();
    let mut model = Model::default();
    let mut random = 1_u64;
    let mut next = move |bound: i64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((random >> 33) % bound as u64) as i64
    };
    let mut temperature = 200_i64;
    for batch in 0..100_i64 {
        let mut points = Vec::new();
        for i in 0..1_000 {
            let late = if next(50) == 0 { next(200_000_000) } else { 0 };
            let at = (batch * 1_000 + i) * 10_000 + next(100) - late;
            temperature += next(5) - 2;
            points.push((SeriesId(0), point(at * 1_000_000, Value::Float(temperature as f64 / 10.0))));
            points.push((SeriesId(1), point(at * 1_000_000, Value::Integer(batch * 1_000 + i))));
        }
        store.append(model.append(&points), &points).unwrap();
    }
    store.seal().unwrap();
    store.compact().unwrap();
    let whole = 1_100_000_000_i64 * 1_000_000;
    for store in [store, EmbeddedStore::open(Arc::clone(&disk) as _, small).unwrap()] {
        assert!(store.stats().segments <= 8, "{:?}", store.stats());
        for series in 0..2 {
            let span = Timestamp::from_nanos(-whole)..Timestamp::from_nanos(whole);
            let page = store.range(SeriesId(series), span.clone(), usize::MAX, None).unwrap();
            let expected: Vec<Point> = model.of(series, -whole, whole).into_iter().cloned().collect();
            assert!(page.points == expected && page.next.is_none());
            for step_secs in [3_600, 86_400, 10_000_000] {
                let actual = store.downsample(SeriesId(series), span.clone(), Duration::from_secs(step_secs)).unwrap();
                check_buckets(&actual, &model.buckets(series, -whole, whole, step_secs as i64 * 1_000_000_000));
            }
        }
    }
}

#[test]
fn a_damaged_segment_is_refused_by_name() {
    let disk = Arc::new(MemoryDisk::default());
    let store = EmbeddedStore::open(Arc::clone(&disk) as _, config()).unwrap();
    store.append(7, &[(SeriesId(1), point(5, Value::Integer(3)))]).unwrap();
    store.seal().unwrap();
    drop(store);
    let (name, bytes) = locked(&disk.files).iter().map(|(n, b)| (n.clone(), Arc::clone(b))).next().unwrap();
    let whole = locked(&bytes).clone();
    for at in 8..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        *locked(&bytes) = damaged;
        match EmbeddedStore::open(Arc::clone(&disk) as _, config()) {
            Err(StoreError::Damaged { name: refused, .. }) => assert_eq!(refused, name),
            Err(other) => panic!("byte {at}: {other}"),
            Ok(_) => panic!("byte {at}: not refused"),
        }
    }
    for len in 0..whole.len() {
        *locked(&bytes) = whole[..len].to_vec();
        assert!(EmbeddedStore::open(Arc::clone(&disk) as _, config()).is_err(), "{len} bytes of {}", whole.len());
    }
}

#[test]
fn a_damaged_page_is_reported_when_it_is_read() {
    let disk = Arc::new(MemoryDisk::default());
    let store =
        EmbeddedStore::open(Arc::clone(&disk) as _, StoreConfig { head_points_max: 9_999, ..config() }).unwrap();
    let points: Vec<_> = (0..1_000).map(|i| (SeriesId(1), point(i, Value::Integer(i * i % 97)))).collect();
    store.append(1, &points).unwrap();
    store.seal().unwrap();
    store.verify().unwrap();
    let bytes = Arc::clone(locked(&disk.files).values().next().unwrap());
    locked(&bytes)[40] ^= 1;
    let all = Timestamp::MIN..Timestamp::MAX;
    assert!(matches!(store.range(SeriesId(1), all, 10, None), Err(StoreError::Damaged { .. })));
    assert!(matches!(store.verify(), Err(StoreError::Damaged { .. })));
    assert_eq!(store.stats().damaged, 1);
}

#[test]
fn a_full_disk_refuses_points_and_takes_them_again_when_there_is_room() {
    for upkeep in [Upkeep::Inline, Upkeep::Threads] {
        let disk = Arc::new(MemoryDisk::default());
        let store = EmbeddedStore::open(Arc::clone(&disk) as _, StoreConfig { upkeep, ..config() }).unwrap();
        let record = |seq: u64| vec![(SeriesId(1), point(seq as i64, Value::Integer(seq as i64))); 10];
        *locked(&disk.full) = true;
        let mut seq = 0;
        let refused = loop {
            match store.append(seq + 1, &record(seq + 1)) {
                Ok(()) => seq += 1,
                Err(error) => break error,
            }
            assert!(seq < 1_000, "{upkeep:?}: never refused");
        };
        assert!(matches!(refused, StoreError::SealFails { .. }), "{refused}");
        assert!(store.stats().failing.is_some());
        assert_eq!(store.applied(), 0);
        *locked(&disk.full) = false;
        let mut tries = 0;
        while seq < 2_000 {
            match store.append(seq + 1, &record(seq + 1)) {
                Ok(()) => seq += 1,
                Err(_) if tries < 10_000 => {
                    tries += 1;
                    std::thread::yield_now();
                }
                Err(error) => panic!("{upkeep:?}: {error}"),
            }
        }
        store.seal().unwrap();
        let page = store.range(SeriesId(1), Timestamp::MIN..Timestamp::MAX, usize::MAX, None).unwrap();
        assert_eq!(page.points.len(), 2_000);
        assert_eq!((store.applied(), store.stats().failing), (2_000, None));
    }
}

#[test]
fn readers_see_every_point_while_heads_become_segments() {
    let disk = Arc::new(MemoryDisk::default());
    let threads = StoreConfig { upkeep: Upkeep::Threads, head_points_max: 500, ..config() };
    let store = EmbeddedStore::open(disk, threads).unwrap();
    let known = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for seq in 1..=3_000_u64 {
                let points = [0, 1].map(|series| (SeriesId(series), point(seq as i64, Value::Integer(seq as i64))));
                store.append(seq, &points).unwrap();
                known.store(seq, Ordering::SeqCst);
            }
        });
        for series in [0, 1, 0] {
            let (store, known) = (&store, &known);
            scope.spawn(move || {
                let mut seen = 0;
                while seen < 3_000 {
                    let at_least = known.load(Ordering::SeqCst);
                    let all = Timestamp::MIN..Timestamp::MAX;
                    let page = store.range(SeriesId(series), all.clone(), usize::MAX, None).unwrap();
                    seen = page.points.len() as u64;
                    assert!(seen >= at_least, "{seen} of {at_least}");
                    assert!(page.points.iter().enumerate().all(|(i, p)| p.at.as_nanos() == i as i64 + 1));
                    let latest = store.latest_at(SeriesId(series), Timestamp::MAX).unwrap();
                    assert!(latest.is_none_or(|p| p.at.as_nanos() as u64 >= seen) || seen == 0);
                }
            });
        }
    });
    store.seal().unwrap();
    assert_eq!(store.stats().points, 6_000);
}

/// A store whose one segment has every kind of page.
fn motley() -> (Arc<MemoryDisk>, Vec<(SeriesId, Point)>) {
    let mut points = Vec::new();
    for i in 0..300_i64 {
        let quality = if i % 7 == 0 { Quality::Suspect } else { Quality::Good };
        let at = Timestamp::from_nanos(i * 1_000_000_000 + i * i % 37 * 1_000_000);
        let values = [
            Value::Float((i * i % 41) as f64 / 10.0),
            Value::Float((i as f64).sqrt()),
            Value::Integer(i * 3 + i * i % 5),
            Value::Boolean(i % 11 < 4),
            Value::Text(["idle", "running", "fault"][(i * i % 3) as usize].into()),
            Value::Float(4.0),
        ];
        let point = |value| Point { at, value, quality };
        points.extend(values.into_iter().enumerate().map(|(series, value)| (SeriesId(series as u32), point(value))));
    }
    let disk = Arc::new(MemoryDisk::default());
    let store =
        EmbeddedStore::open(Arc::clone(&disk) as _, StoreConfig { head_points_max: 9_999, ..config() }).unwrap();
    store.append(12, &points).unwrap();
    store.seal().unwrap();
    (disk, points)
}

/// Reads everything; what counts is that it ends.
fn read_all(store: &EmbeddedStore) {
    let all = Timestamp::MIN..Timestamp::MAX;
    for series in (0..7).map(SeriesId) {
        drop(store.range(series, all.clone(), usize::MAX, None));
        drop(store.latest_at(series, Timestamp::MAX));
        drop(store.downsample(series, all.clone(), Duration::from_secs(1 << 30)));
    }
    drop(store.compact());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// The checksums are made to fit, so that what is read behind them is foreign.
    #[test]
    fn a_segment_with_foreign_bytes_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        in_trailer in any::<bool>(),
    ) {
        let (disk, _) = motley();
        let file = Arc::clone(locked(&disk.files).values().next().unwrap());
        {
            let mut raw = locked(&file);
            let trailer = raw.len() - 72;
            let word = |raw: &[u8], at: usize| u32::from_le_bytes(raw[at..at + 4].try_into().unwrap()) as usize;
            let index = word(&raw, trailer + 24);
            for (at, byte) in changes {
                // Of the trailer only the counts: a wrong offset is refused before anything is read.
                let at = if in_trailer { trailer + [52, 56, 60][at.index(3)] } else { index + at.index(trailer - index) };
                raw[at] = byte;
            }
            let crc = crc32fast::hash(&raw[index..trailer]).to_le_bytes();
            raw[trailer + 48..trailer + 52].copy_from_slice(&crc);
            let crc = crc32fast::hash(&raw[trailer..trailer + 68]).to_le_bytes();
            raw[trailer + 68..].copy_from_slice(&crc);
        }
        if let Ok(store) = EmbeddedStore::open(Arc::clone(&disk) as _, config()) {
            read_all(&store);
        }
    }
}

#[test]
fn segments_of_the_first_version_are_read_for_ever() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/store");
    let name = "store-0000000000000000-000000000000000c-00000001.seg";
    let (motley, points) = motley();
    if std::env::var_os("PORTOLAN_WRITE_GOLDEN").is_some() {
        let bytes = locked(&locked(&motley.files)[name]).clone();
        std::fs::create_dir_all(&golden).unwrap();
        std::fs::write(golden.join(name), bytes).unwrap();
    }
    let bytes = std::fs::read(golden.join(name)).unwrap();
    let disk = Arc::new(MemoryDisk::default());
    locked(&disk.files).insert(name.to_owned(), Arc::new(Mutex::new(bytes)));
    let store = EmbeddedStore::open(disk, StoreConfig { check_pages: true, ..config() }).unwrap();
    assert_eq!(store.applied(), 12);
    for series in 0..6 {
        let expected: Vec<Point> = points.iter().filter(|(s, _)| s.0 == series).map(|(_, p)| p.clone()).collect();
        let page = store.range(SeriesId(series), Timestamp::MIN..Timestamp::MAX, usize::MAX, None).unwrap();
        assert_eq!(page.points, expected, "series {series}");
    }
}

#[test]
fn points_before_retention_are_gone_and_leave_no_gap() {
    let disk = Arc::new(MemoryDisk::default());
    let store = EmbeddedStore::open(Arc::clone(&disk) as _, config()).unwrap();
    for seq in 1..=50_u64 {
        store.append(seq, &[(SeriesId(0), point(seq as i64, Value::Integer(1)))]).unwrap();
        if seq % 5 == 0 {
            store.seal().unwrap();
        }
    }
    store.retain(Timestamp::from_nanos(41)).unwrap();
    store.compact().unwrap();
    let after = store.stats();
    assert!(after.sealed_points == 10, "{after:?}");
    assert_eq!(store.applied(), 50);
    store.append(51, &[(SeriesId(0), point(40, Value::Integer(1)))]).unwrap();
    assert_eq!(store.latest_at(SeriesId(0), Timestamp::from_nanos(40)).unwrap(), None);
    drop(store);
    let store = EmbeddedStore::open(Arc::clone(&disk) as _, config()).unwrap();
    assert_eq!((store.applied(), store.stats().points), (50, 10));
    store.retain(Timestamp::from_nanos(1_000)).unwrap();
    assert_eq!((store.applied(), store.stats().points), (50, 0));
}
