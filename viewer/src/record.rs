//! What is heard goes into history, and into a file while one is being recorded.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::scene::Known;
use crate::scene::history::{History, HistoryError, Limits, Line, MemoryShelf, Shelf, read_lines, write_line};

/// A shelf in a file without a name, which the system takes back when the viewer ends.
struct FileShelf {
    file: File,
    end: u64,
    /// Number, where it begins, how long it is.
    kept: std::collections::BTreeMap<u64, (u64, usize)>,
    next: u64,
}

impl FileShelf {
    fn new() -> std::io::Result<Self> {
        static NTH: AtomicU32 = AtomicU32::new(0);
        let nth = NTH.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("portolan-viewer-{}-{nth}.history", std::process::id()));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
        // Where a file cannot be removed while it is open, it stays until the next start.
        if let Err(why) = std::fs::remove_file(&path) {
            bevy::log::warn!("the history file stays behind: {why}");
        }
        Ok(Self { file, end: 0, kept: std::collections::BTreeMap::new(), next: 0 })
    }

    /// Where so many bytes fit: in the first gap that is wide enough, else at the end.
    fn room(&self, n_bytes: u64) -> u64 {
        let mut taken: Vec<(u64, u64)> = self.kept.values().map(|(at, len)| (*at, at + *len as u64)).collect();
        taken.sort_unstable();
        let mut free = 0;
        for (from, to) in taken {
            if from >= free + n_bytes {
                return free;
            }
            free = to;
        }
        free
    }
}

impl Shelf for FileShelf {
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<u64> {
        let at = self.room(bytes.len() as u64);
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(bytes)?;
        self.end = self.end.max(at + bytes.len() as u64);
        self.next += 1;
        self.kept.insert(self.next, (at, bytes.len()));
        Ok(self.next)
    }

    fn get(&mut self, number: u64) -> std::io::Result<Vec<u8>> {
        let Some((at, len)) = self.kept.get(&number).copied() else {
            return Err(std::io::ErrorKind::NotFound.into());
        };
        let mut bytes = vec![0; len];
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn forget(&mut self, number: u64) -> std::io::Result<()> {
        self.kept.remove(&number);
        Ok(())
    }
}

/// Keeps what is heard.
#[derive(Debug)]
pub struct Recorder {
    known: Known,
    /// What was heard, as far back as there is room.
    pub history: History,
    file: Option<(PathBuf, BufWriter<File>)>,
}

/// Shared between the thread that hears and the window that looks back.
pub type SharedRecorder = Arc<Mutex<Recorder>>;

impl Default for Recorder {
    fn default() -> Self {
        let shelf: Box<dyn Shelf> = match FileShelf::new() {
            Ok(shelf) => Box::new(shelf),
            Err(why) => {
                bevy::log::warn!("history is kept in memory: {why}");
                Box::new(MemoryShelf::default())
            }
        };
        Self { known: Known::default(), history: History::new(shelf, Limits::default()), file: None }
    }
}

impl Recorder {
    /// Takes what was heard.
    pub fn take(&mut self, line: &Line) -> Result<(), HistoryError> {
        match line {
            Line::Snapshot(snapshot) => self.known.take_snapshot((**snapshot).clone()),
            Line::Delta(delta) => {
                if !self.known.take_delta((**delta).clone()) {
                    return Ok(());
                }
            }
        }
        self.known.news = None;
        let written = self.history.take(line, &self.known)?;
        if let Some((_, file)) = &mut self.file {
            file.write_all(&written)?;
        }
        Ok(())
    }

    /// Begins to record into a file: what is known, and from then on every step.
    pub fn begin(&mut self, path: &Path) -> Result<(), HistoryError> {
        let mut file = BufWriter::new(File::create(path)?);
        if let Some(snapshot) = self.known.to_snapshot() {
            file.write_all(&write_line(&Line::Snapshot(Box::new(snapshot))))?;
        }
        self.file = Some((path.to_owned(), file));
        Ok(())
    }

    /// Ends the recording. Gives its path, if there was one.
    pub fn end(&mut self) -> Result<Option<PathBuf>, HistoryError> {
        let Some((path, mut file)) = self.file.take() else { return Ok(None) };
        file.flush()?;
        Ok(Some(path))
    }

    /// Whether one is under way.
    pub fn is_recording(&self) -> bool {
        self.file.is_some()
    }
}

/// Reads a recording whole.
pub fn read_recording(path: &Path) -> Result<Vec<Line>, HistoryError> {
    let text = std::fs::read(path)?;
    read_lines(&text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_file_gives_back_what_was_put_and_does_not_grow_without_end(sizes in prop::collection::vec(1usize..3_000, 1..200)) {
            let mut shelf = FileShelf::new().unwrap();
            let mut kept: std::collections::VecDeque<(u64, Vec<u8>)> = std::collections::VecDeque::new();
            for (n, size) in sizes.into_iter().enumerate() {
                let bytes = vec![n as u8; size];
                kept.push_back((shelf.put(&bytes).unwrap(), bytes));
                while kept.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > 10_000 {
                    let (number, _) = kept.pop_front().unwrap();
                    shelf.forget(number).unwrap();
                }
                for (number, bytes) in &kept {
                    prop_assert_eq!(&shelf.get(*number).unwrap(), bytes);
                }
            }
            prop_assert!(shelf.end <= 30_000, "{}", shelf.end);
        }
    }

    #[test]
    fn a_recording_begun_in_the_middle_replays_to_what_was_known() {
        use crate::scene::known::testing;
        use firmware_schemas::network::SiteKind;
        use firmware_schemas::quantity::Pieces;
        use firmware_schemas::view::{Change, Delta};
        let site = |on_hand| {
            let mut site = testing::site("WH-1", SiteKind::RegionalWarehouse, 50.0, 7.0);
            site.stock.on_hand = Pieces(on_hand);
            site
        };
        let step = |seq: u64| {
            let at = firmware_schemas::quantity::Timestamp::from_secs(100 + seq as i64).unwrap();
            Line::Delta(Box::new(Delta { seq: 10 + seq, at, changes: vec![Change::Site(site(seq as i64))] }))
        };
        let path = std::env::temp_dir().join(format!("portolan-recording-{}.jsonl", std::process::id()));
        let mut recorder = Recorder::default();
        recorder.take(&Line::Snapshot(Box::new(testing::snapshot(vec![site(0)])))).unwrap();
        (1..=5).for_each(|seq| recorder.take(&step(seq)).unwrap());
        recorder.begin(&path).unwrap();
        assert!(recorder.is_recording());
        (6..=9).for_each(|seq| recorder.take(&step(seq)).unwrap());
        assert_eq!(recorder.end().unwrap(), Some(path.clone()));
        recorder.take(&step(10)).unwrap(); // after its end: not in it
        let lines = read_recording(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(lines.len(), 5, "all that was known, and four steps");
        let mut replayed = Known::default();
        let mut written = Vec::new();
        for line in lines {
            written.extend(write_line(&line));
            match line {
                Line::Snapshot(snapshot) => replayed.take_snapshot(*snapshot),
                Line::Delta(delta) => assert!(replayed.take_delta(*delta)),
            }
        }
        assert_eq!((replayed.seq, replayed.sites.values().next().unwrap().stock.on_hand), (19, Pieces(9)));
        assert_eq!(read_lines(&written).count(), 5);
    }
}
