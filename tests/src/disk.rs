//! A disk in memory that tears, forgets, fills up and fails, as its seed says.
//!
//! It keeps apart what was written and what is durable, in sectors of 512 bytes. A crash gives each sector
//! that was written since its file's last sync any of the contents it had since, each file any of its
//! lengths, and the folder some of the creations, renames and removals since its last sync: a beginning of
//! them, or any of them. That is more than real file systems do, so what survives here survives there.
//!
//! A sync that fails loses what it was to write, as Linux does: the pages read as before and count as
//! clean, so the next sync succeeds without writing them. For the folder this is not modelled; there the
//! next sync makes all durable.

use gateway::ports::{Disk, DiskFile};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SECTOR_BYTES: usize = 512;
/// Contents remembered for one sector; of more, the oldest are forgotten.
const VERSIONS_MAX: usize = 8;

type Sector = [u8; SECTOR_BYTES];

/// Small seeded random numbers (Steele, Lea and Flood's SplitMix64).
#[derive(Clone, Debug)]
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`, or 0 if `n` is 0. The bias is below n / 2^64.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A [`Disk`] in memory. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct TearingDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    /// Since the folder's last sync.
    changes: Vec<Change>,
    files: BTreeMap<u64, FileState>,
    next_file: u64,
    faults: Faults,
    stats: DiskStats,
}

#[derive(Debug, Default)]
struct Faults {
    is_off: bool,
    operations_left: Option<u64>,
    capacity_bytes: Option<u64>,
    write_budget_bytes: Option<u64>,
    syncs_to_fail: u32,
    folder_syncs_to_fail: u32,
    next_write_keeps_bytes: Option<usize>,
}

/// What a disk was asked for so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskStats {
    /// Operations that change something, syncs included.
    pub operations: u64,
    /// Files synced.
    pub syncs: u64,
    /// Bytes written.
    pub written_bytes: u64,
}

#[derive(Clone, Debug)]
enum Change {
    Bind { name: String, file: u64 },
    Move { from: String, to: String, file: u64 },
    Unbind { name: String },
}

#[derive(Debug, Default)]
struct FileState {
    /// What reads see.
    view: Vec<u8>,
    durable: Vec<u8>,
    /// Contents since the sector was durable, oldest first.
    versions: BTreeMap<usize, Vec<Sector>>,
    /// Sectors that the next sync writes.
    dirty: BTreeSet<usize>,
    /// Lengths since the last sync.
    lengths: Vec<usize>,
    /// Counts open handles.
    handle: Arc<()>,
}

impl TearingDisk {
    /// An empty disk without limits or faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts the power and gives the disk as it is found afterwards, decided by `seed`. This one is dead.
    pub fn crash(&self, seed: u64) -> Self {
        let after = self.after_crash(seed);
        self.state().faults.is_off = true;
        after
    }

    /// The disk as a crash would leave it; this one goes on. Limits stay, faults do not.
    pub fn after_crash(&self, seed: u64) -> Self {
        let state = self.state();
        let mut random = SplitMix64(seed);
        let names = state.names_after_crash(&mut random);
        // From "nothing of it arrived" to "all of it did", and all between.
        let arrived_percent = [0, 10, 50, 90, 100][random.below(5) as usize];
        let mut files = BTreeMap::new();
        for (&id, file) in &state.files {
            let content = file.after_crash(&mut random, arrived_percent);
            if names.values().any(|&named| named == id) {
                files.insert(id, FileState::durable(content));
            }
        }
        let faults = Faults { capacity_bytes: state.faults.capacity_bytes, ..Faults::default() };
        let after = State {
            durable_names: names.clone(),
            names,
            changes: Vec::new(),
            files,
            next_file: state.next_file,
            faults,
            stats: DiskStats::default(),
        };
        Self { state: Arc::new(Mutex::new(after)) }
    }

    /// The disk holds so many bytes in all; `None` for no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().faults.capacity_bytes = bytes;
    }

    /// After so many more bytes are written, also over old ones, there is no space; `None` ends that.
    pub fn set_write_budget(&self, bytes: Option<u64>) {
        self.state().faults.write_budget_bytes = bytes;
    }

    /// The next `n` syncs of files fail.
    pub fn fail_syncs(&self, n: u32) {
        self.state().faults.syncs_to_fail = n;
    }

    /// The next `n` syncs of the folder fail.
    pub fn fail_folder_syncs(&self, n: u32) {
        self.state().faults.folder_syncs_to_fail = n;
    }

    /// The next write keeps only the first `kept_bytes` and fails.
    pub fn cut_next_write(&self, kept_bytes: usize) {
        self.state().faults.next_write_keeps_bytes = Some(kept_bytes);
    }

    /// The power fails during the operation after the next `operations` that change something.
    pub fn cut_power_after(&self, operations: u64) {
        self.state().faults.operations_left = Some(operations);
    }

    /// Takes back every limit, and every fault that was not met yet. The power stays as it is.
    pub fn mend(&self) {
        let mut state = self.state();
        state.faults = Faults { is_off: state.faults.is_off, ..Faults::default() };
    }

    /// True when the power is off: nothing works until [`TearingDisk::crash`] gives the disk found afterwards.
    pub fn is_off(&self) -> bool {
        self.state().faults.is_off
    }

    /// What was asked for so far.
    pub fn stats(&self) -> DiskStats {
        self.state().stats
    }

    /// Bytes that the files take.
    pub fn used_bytes(&self) -> u64 {
        self.state().used_bytes()
    }

    /// What a file reads as, for a look from outside.
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(name).and_then(|id| state.files.get(id)).map(|file| file.view.clone())
    }

    /// Decay: changes the bits of `mask` at `offset`, on the disk and in the cache. False if there is no such byte.
    pub fn flip(&self, name: &str, offset: u64, mask: u8) -> bool {
        let mut state = self.state();
        let Some(id) = state.names.get(name).copied() else { return false };
        let Some(file) = state.files.get_mut(&id) else { return false };
        let Some(byte) = file.view.get_mut(offset as usize) else { return false };
        *byte ^= mask;
        if let Some(byte) = file.durable.get_mut(offset as usize) {
            *byte ^= mask;
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, id: u64, state: &State) -> io::Result<Box<dyn DiskFile>> {
        let handle = Arc::clone(&state.file(id)?.handle);
        Ok(Box::new(TearingFile { disk: self.clone(), id, _handle: handle }))
    }
}

impl State {
    fn check_power(&self) -> io::Result<()> {
        if self.faults.is_off { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    /// Counts an operation; true when the power fails during it.
    fn start_operation(&mut self) -> io::Result<bool> {
        self.check_power()?;
        self.stats.operations += 1;
        match &mut self.faults.operations_left {
            None => Ok(false),
            Some(0) => {
                self.faults.is_off = true;
                Ok(true)
            }
            Some(left) => {
                *left -= 1;
                Ok(false)
            }
        }
    }

    /// For operations that happen whole or not at all: whether they do shows after the crash.
    fn finish_operation(&self, power_fails: bool) -> io::Result<()> {
        if power_fails { self.check_power() } else { Ok(()) }
    }

    fn file(&self, id: u64) -> io::Result<&FileState> {
        self.files.get(&id).ok_or_else(|| io::Error::other("no such file any more"))
    }

    fn file_mut(&mut self, id: u64) -> io::Result<&mut FileState> {
        self.files.get_mut(&id).ok_or_else(|| io::Error::other("no such file any more"))
    }

    fn named(&self, name: &str) -> io::Result<u64> {
        self.names.get(name).copied().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, name.to_owned()))
    }

    fn used_bytes(&self) -> u64 {
        self.names.values().filter_map(|id| self.files.get(id)).map(|file| file.view.len() as u64).sum()
    }

    fn free_bytes(&self) -> u64 {
        let by_capacity = self.faults.capacity_bytes.map_or(1 << 50, |bytes| bytes.saturating_sub(self.used_bytes()));
        by_capacity.min(self.faults.write_budget_bytes.unwrap_or(1 << 50))
    }

    /// How many of `wanted` bytes at `offset` there is room for.
    fn room_for(&self, id: u64, offset: u64, wanted: usize) -> io::Result<usize> {
        let len = self.file(id)?.view.len() as u64;
        let room_to = match self.faults.capacity_bytes {
            None => u64::MAX,
            Some(_) => len.saturating_add(self.free_bytes()),
        };
        let by_capacity = room_to.saturating_sub(offset).min(wanted as u64);
        let by_budget = self.faults.write_budget_bytes.unwrap_or(u64::MAX);
        Ok(by_capacity.min(by_budget) as usize)
    }

    fn names_after_crash(&self, random: &mut SplitMix64) -> BTreeMap<String, u64> {
        let mut names = self.durable_names.clone();
        let in_order = random.chance(50);
        let kept = random.below(self.changes.len() as u64 + 1) as usize;
        for (i, change) in self.changes.iter().enumerate() {
            let arrives = if in_order { i < kept } else { random.chance(50) };
            if !arrives {
                continue;
            }
            match change {
                Change::Bind { name, file } => {
                    names.insert(name.clone(), *file);
                }
                Change::Move { from, to, file } => {
                    names.remove(from);
                    names.insert(to.clone(), *file);
                }
                Change::Unbind { name } => {
                    names.remove(name);
                }
            }
        }
        names
    }

    /// Forgets files that have neither a name, now or after a crash, nor a handle.
    fn collect(&mut self) {
        let State { files, names, durable_names, changes, .. } = self;
        files.retain(|id, file| {
            Arc::strong_count(&file.handle) > 1
                || names.values().any(|named| named == id)
                || durable_names.values().any(|named| named == id)
                || changes.iter().any(|change| match change {
                    Change::Bind { file, .. } | Change::Move { file, .. } => file == id,
                    Change::Unbind { .. } => false,
                })
        });
    }
}

impl FileState {
    fn durable(content: Vec<u8>) -> Self {
        Self { view: content.clone(), durable: content, ..Self::default() }
    }

    fn write(&mut self, bytes: &[u8], offset: usize) {
        if bytes.is_empty() {
            return;
        }
        let end = offset + bytes.len();
        if end > self.view.len() {
            self.view.resize(end, 0);
            self.lengths.push(end);
        }
        self.view[offset..end].copy_from_slice(bytes);
        for sector in offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            self.remember(sector);
        }
    }

    fn set_len(&mut self, len: usize) {
        let old = self.view.len();
        if len == old {
            return;
        }
        self.view.resize(len, 0);
        self.lengths.push(len);
        if len < old {
            for sector in len / SECTOR_BYTES..old.div_ceil(SECTOR_BYTES) {
                self.remember(sector);
            }
        }
    }

    fn remember(&mut self, sector: usize) {
        let content = sector_of(&self.view, sector);
        let versions = self.versions.entry(sector).or_default();
        if versions.len() == VERSIONS_MAX {
            versions.remove(0);
        }
        versions.push(content);
        self.dirty.insert(sector);
    }

    fn sync(&mut self) {
        self.durable.resize(self.view.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            put_sector(&mut self.durable, sector, &sector_of(&self.view, sector));
            self.versions.remove(&sector);
        }
        self.lengths.clear();
    }

    fn after_crash(&self, random: &mut SplitMix64, arrived_percent: u64) -> Vec<u8> {
        let len = match self.lengths.last() {
            None => self.durable.len(),
            Some(&last) if random.chance(arrived_percent) => last,
            Some(_) => match random.below(self.lengths.len() as u64 + 1) as usize {
                0 => self.durable.len(),
                i => self.lengths[i - 1],
            },
        };
        let mut content = self.durable.clone();
        content.resize(len, 0);
        for (&sector, versions) in &self.versions {
            let picked = if random.chance(arrived_percent) {
                versions.last()
            } else {
                match random.below(versions.len() as u64 + 1) as usize {
                    0 => None,
                    i => versions.get(i - 1),
                }
            };
            if let Some(version) = picked {
                put_sector(&mut content, sector, version);
            }
        }
        content
    }
}

fn sector_of(bytes: &[u8], sector: usize) -> Sector {
    let mut content = [0; SECTOR_BYTES];
    let from = (sector * SECTOR_BYTES).min(bytes.len());
    let to = (from + SECTOR_BYTES).min(bytes.len());
    content[..to - from].copy_from_slice(&bytes[from..to]);
    content
}

fn put_sector(bytes: &mut [u8], sector: usize, content: &Sector) {
    let from = (sector * SECTOR_BYTES).min(bytes.len());
    let to = (from + SECTOR_BYTES).min(bytes.len());
    bytes[from..to].copy_from_slice(&content[..to - from]);
}

fn no_space() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "no space on the tearing disk")
}

impl Disk for TearingDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.state();
        state.check_power()?;
        Ok(state.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        if state.names.contains_key(name) {
            state.check_power()?;
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, name.to_owned()));
        }
        let power_fails = state.start_operation()?;
        let id = state.next_file;
        state.next_file += 1;
        state.files.insert(id, FileState::default());
        state.names.insert(name.to_owned(), id);
        state.changes.push(Change::Bind { name: name.to_owned(), file: id });
        state.finish_operation(power_fails)?;
        self.handle(id, &state)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let state = self.state();
        state.check_power()?;
        self.handle(state.named(name)?, &state)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let power_fails = state.start_operation()?;
        let file = state.named(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), file);
        state.changes.push(Change::Move { from: from.to_owned(), to: to.to_owned(), file });
        state.finish_operation(power_fails)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        let power_fails = state.start_operation()?;
        state.named(name)?;
        state.names.remove(name);
        state.changes.push(Change::Unbind { name: name.to_owned() });
        state.finish_operation(power_fails)
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.start_operation()? {
            return state.check_power();
        }
        if state.faults.folder_syncs_to_fail > 0 {
            state.faults.folder_syncs_to_fail -= 1;
            return Err(io::Error::other("the sync of the folder failed, as asked for"));
        }
        state.durable_names = state.names.clone();
        state.changes.clear();
        state.collect();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let state = self.state();
        state.check_power()?;
        Ok(state.free_bytes())
    }
}

#[derive(Debug)]
struct TearingFile {
    disk: TearingDisk,
    id: u64,
    _handle: Arc<()>,
}

impl DiskFile for TearingFile {
    fn len(&self) -> io::Result<u64> {
        let state = self.disk.state();
        state.check_power()?;
        Ok(state.file(self.id)?.view.len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.state();
        state.check_power()?;
        let view = &state.file(self.id)?.view;
        let from = offset as usize;
        match view.get(from..from.saturating_add(buffer.len())) {
            Some(bytes) => {
                buffer.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let power_fails = state.start_operation()?;
        let cut = state.faults.next_write_keeps_bytes.take();
        let room = state.room_for(self.id, offset, bytes.len())?;
        let kept = room.min(cut.unwrap_or(usize::MAX));
        state.file_mut(self.id)?.write(&bytes[..kept], offset as usize);
        state.stats.written_bytes += kept as u64;
        if let Some(budget) = &mut state.faults.write_budget_bytes {
            *budget -= kept as u64;
        }
        state.finish_operation(power_fails)?;
        if kept < room {
            Err(io::Error::other("the write was cut short, as asked for"))
        } else if room < bytes.len() {
            Err(no_space())
        } else {
            Ok(())
        }
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let power_fails = state.start_operation()?;
        let old = state.file(self.id)?.view.len() as u64;
        let more = len.saturating_sub(old);
        let free = state.free_bytes();
        let fits = more <= free;
        // Real ones may keep a part of what they could not give whole.
        let reached = if fits { old.max(len) } else { old + free / 2 };
        state.file_mut(self.id)?.set_len(reached as usize);
        state.finish_operation(power_fails)?;
        if fits { Ok(()) } else { Err(no_space()) }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let power_fails = state.start_operation()?;
        state.file_mut(self.id)?.set_len(len as usize);
        state.finish_operation(power_fails)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.start_operation()? {
            return state.check_power();
        }
        if state.faults.syncs_to_fail > 0 {
            state.faults.syncs_to_fail -= 1;
            state.file_mut(self.id)?.dirty.clear();
            return Err(io::Error::other("the sync failed, as asked for"));
        }
        state.stats.syncs += 1;
        state.file_mut(self.id)?.sync();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_synced_survives_every_crash() {
        let disk = TearingDisk::new();
        let file = disk.create("a").unwrap();
        file.write_all_at(&[1; 3_000], 0).unwrap();
        file.sync().unwrap();
        disk.sync_folder().unwrap();
        file.write_all_at(&[2; 1_000], 2_500).unwrap();
        let mut outcomes = BTreeSet::new();
        for seed in 0..200 {
            let content = disk.after_crash(seed).contents("a").unwrap();
            // Sectors 0 to 3 were not touched since, nor were the first bytes of sector 4.
            assert_eq!(&content[..2_500], &[1; 2_500], "seed {seed}");
            assert!(content.len() == 3_000 || content.len() == 3_500, "seed {seed}: {}", content.len());
            outcomes.insert(content);
        }
        assert!(outcomes.len() > 5, "only {} different outcomes", outcomes.len());
    }

    #[test]
    fn a_file_without_a_folder_sync_may_be_gone() {
        let disk = TearingDisk::new();
        disk.create("a").unwrap().sync().unwrap();
        let survivals = (0..100).filter(|&seed| disk.after_crash(seed).contents("a").is_some()).count();
        assert!((1..100).contains(&survivals), "{survivals} of 100");
    }

    #[test]
    fn after_a_failed_sync_the_next_one_succeeds_and_writes_nothing() {
        let disk = TearingDisk::new();
        let file = disk.create("a").unwrap();
        disk.sync_folder().unwrap();
        file.write_all_at(&[1; 512], 0).unwrap();
        disk.fail_syncs(1);
        assert!(file.sync().is_err());
        file.sync().unwrap();
        let lost = (0..100).filter(|&seed| disk.after_crash(seed).contents("a") == Some(vec![0; 512])).count();
        assert!(lost > 0);
        file.write_all_at(&[1; 512], 0).unwrap();
        file.sync().unwrap();
        assert!((0..100).all(|seed| disk.after_crash(seed).contents("a") == Some(vec![1; 512])));
    }

    #[test]
    fn a_full_disk_takes_a_part_and_says_so() {
        let disk = TearingDisk::new();
        disk.set_capacity(Some(1_000));
        let file = disk.create("a").unwrap();
        assert_eq!(file.allocate(2_000).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(file.write_all_at(&[1; 1_200], 0).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(file.len().unwrap(), 1_000);
        assert_eq!(disk.free_bytes().unwrap(), 0);
        file.write_all_at(&[2; 1_000], 0).unwrap();
        disk.set_write_budget(Some(10));
        assert_eq!(file.write_all_at(&[3; 11], 0).unwrap_err().kind(), io::ErrorKind::StorageFull);
        disk.set_capacity(None);
        disk.set_write_budget(None);
        file.write_all_at(&[4; 2_000], 0).unwrap();
    }

    #[test]
    fn power_fails_at_the_operation_asked_for_and_stays_off() {
        let disk = TearingDisk::new();
        disk.cut_power_after(1);
        let file = disk.create("a").unwrap();
        assert!(file.write_all_at(b"abc", 0).is_err());
        assert!(disk.is_off() && disk.list().is_err());
        assert!(disk.crash(1).list().is_ok());
    }
}
