//! What was, as far back as the viewer listened: snapshots with the steps behind them, packed, on a shelf of limited
//! length. A recording is the same lines in a file.
//!
//! ```text
//! {"snapshot": …}    all of it
//! {"delta": …}       a step
//! {"delta": …}
//! ```

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::time::Duration;

use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::{Delta, Snapshot};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::Known;
use super::past::{Chapter, Chapters};

/// A line of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// Everything, at the beginning and whenever the gateway sent it.
    Snapshot(Box<Snapshot>),
    /// A step.
    Delta(Box<Delta>),
}

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// A line is not one of a recording.
    #[error("line {line}: {why}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// The reader's words.
        why: serde_json::Error,
    },
    /// The shelf does not give back what was put there, or takes nothing.
    #[error("keeping history: {0}")]
    Shelf(#[from] std::io::Error),
}

/// Where packed segments are kept.
pub trait Shelf: Send {
    /// Keeps bytes, and gives the number that they are found by.
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<u64>;
    /// What was kept.
    fn get(&mut self, number: u64) -> std::io::Result<Vec<u8>>;
    /// The oldest is not needed any more.
    fn forget(&mut self, number: u64) -> std::io::Result<()>;
}

/// A shelf in memory.
#[derive(Debug, Default)]
pub struct MemoryShelf {
    kept: std::collections::BTreeMap<u64, Vec<u8>>,
    next: u64,
}

impl Shelf for MemoryShelf {
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<u64> {
        self.next += 1;
        self.kept.insert(self.next, bytes.to_vec());
        Ok(self.next)
    }

    fn get(&mut self, number: u64) -> std::io::Result<Vec<u8>> {
        self.kept.get(&number).cloned().ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))
    }

    fn forget(&mut self, number: u64) -> std::io::Result<()> {
        self.kept.remove(&number);
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    from: Timestamp,
    number: u64,
    n_bytes: u64,
}

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A segment is closed once it is this long, unpacked, or four times its snapshot.
    pub segment_bytes: usize,
    /// And after so much time.
    pub segment_span: Duration,
    /// The oldest segments are forgotten beyond this many packed bytes.
    pub packed_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { segment_bytes: 2 << 20, segment_span: Duration::from_secs(6 * 3_600), packed_bytes: 2 << 30 }
    }
}

/// Everything that was heard, as far as the shelf reaches.
pub struct History {
    shelf: Box<dyn Shelf>,
    limits: Limits,
    segments: VecDeque<Segment>,
    packed_bytes: u64,
    open: Vec<u8>,
    open_from: Option<Timestamp>,
    /// Counts the segments that were begun: an open one is told by it.
    n_begun: u64,
    snapshot_bytes: usize,
    newest: Option<Timestamp>,
}

impl std::fmt::Debug for History {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("History").field("segments", &self.segments.len()).field("span", &self.span()).finish()
    }
}

impl History {
    /// Nothing yet.
    pub fn new(shelf: Box<dyn Shelf>, limits: Limits) -> Self {
        Self {
            shelf,
            limits,
            segments: VecDeque::new(),
            packed_bytes: 0,
            open: Vec::new(),
            open_from: None,
            n_begun: 0,
            snapshot_bytes: 0,
            newest: None,
        }
    }

    /// Takes a line after `known` took it. Gives the bytes of the line.
    pub fn take(&mut self, line: &Line, known: &Known) -> Result<Vec<u8>, HistoryError> {
        let written = write_line(line);
        match line {
            Line::Snapshot(snapshot) => {
                self.close()?;
                self.begin(&written, snapshot.at);
            }
            Line::Delta(delta) => {
                let long = self.open.len() >= self.limits.segment_bytes.max(4 * self.snapshot_bytes);
                let old = self.open_from.is_some_and(|from| delta.at.since(from) >= self.limits.segment_span);
                if self.open_from.is_none() || long || old {
                    self.close()?;
                    let Some(snapshot) = known.to_snapshot() else { return Ok(written) };
                    let at = snapshot.at;
                    self.begin(&write_line(&Line::Snapshot(Box::new(snapshot))), at);
                } else {
                    self.open.extend_from_slice(&written);
                }
                self.newest = self.newest.max(Some(delta.at));
            }
        }
        Ok(written)
    }

    fn begin(&mut self, snapshot: &[u8], at: Timestamp) {
        self.n_begun += 1;
        self.open.clear();
        self.open.extend_from_slice(snapshot);
        self.snapshot_bytes = snapshot.len();
        self.open_from = Some(at);
        self.newest = self.newest.max(Some(at));
    }

    fn close(&mut self) -> Result<(), HistoryError> {
        let Some(from) = self.open_from.take() else { return Ok(()) };
        let packed = pack(&self.open)?;
        let number = self.shelf.put(&packed)?;
        let n_bytes = packed.len() as u64;
        self.segments.push_back(Segment { from, number, n_bytes });
        self.packed_bytes += n_bytes;
        while self.packed_bytes > self.limits.packed_bytes
            && let Some(oldest) = self.segments.pop_front()
        {
            self.packed_bytes -= oldest.n_bytes;
            self.shelf.forget(oldest.number)?;
        }
        self.open.clear();
        Ok(())
    }

    /// From when to when there is history. `None` without any.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let from = self.segments.front().map(|segment| segment.from).or(self.open_from)?;
        Some((from, self.newest.unwrap_or(from)))
    }

    /// Which segment `at` lies in; the first where it is before all. `None` without history.
    fn segment_of(&self, at: Timestamp) -> Option<Which> {
        if self.open_from.is_some_and(|from| from <= at || self.segments.is_empty()) {
            return Some(Which::Open(self.n_begun));
        }
        self.nth(at).map(|nth| Which::Closed(self.segments[nth].number))
    }

    /// What is written of a segment, from so many bytes on.
    fn read(&mut self, which: Which, from: usize) -> Result<Vec<u8>, HistoryError> {
        match which {
            Which::Open(_) => Ok(self.open.get(from..).unwrap_or_default().to_vec()),
            Which::Closed(number) => {
                let packed = self.shelf.get(number)?;
                Ok(unpack(&packed)?)
            }
            Which::Chapter(_) => Ok(Vec::new()), // those are the gateway's, and not here
        }
    }

    fn nth(&self, at: Timestamp) -> Option<usize> {
        let after = self.segments.partition_point(|segment| segment.from <= at);
        if self.segments.is_empty() { None } else { Some(after.saturating_sub(1)) }
    }
}

/// Makes lines short.
pub fn pack(lines: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packer = DeflateEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(lines)?;
    packer.finish()
}

fn unpack(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    DeflateDecoder::new(packed).read_to_end(&mut lines)?;
    Ok(lines)
}

/// A line with its end.
pub fn write_line(line: &Line) -> Vec<u8> {
    // Every type of the read model has text keys only, so this cannot fail.
    let mut written = serde_json::to_vec(line).unwrap_or_default();
    written.push(b'\n');
    written
}

/// Reads a recording. Errs on the first line that is none.
pub fn read_lines(text: &[u8]) -> impl Iterator<Item = Result<Line, HistoryError>> {
    let lines = text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    lines.map(|(nth, line)| serde_json::from_slice(line).map_err(|why| HistoryError::Line { line: nth + 1, why }))
}

/// A segment that is still written, one on the shelf, or a chapter of the gateway's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Open(u64),
    Closed(u64),
    Chapter(Chapter),
}

/// Shows moments of history, going on from the last where that is shorter.
#[derive(Debug, Default)]
pub struct Player {
    segment: Option<Which>,
    /// Bytes of the segment that are read.
    n_read: usize,
    /// Steps that are read and still to come.
    lines: VecDeque<Line>,
    at: Option<Timestamp>,
    /// What was known then.
    pub known: Known,
}

impl Player {
    /// Goes to `at`. True when it had to start anew rather than go on.
    pub fn go(&mut self, history: &mut History, at: Timestamp) -> Result<bool, HistoryError> {
        let Some(which) = history.segment_of(at) else { return Ok(false) };
        let forward = self.segment == Some(which) && self.at.is_some_and(|before| before <= at);
        if !forward {
            let text = history.read(which, 0)?;
            self.begin(which, &text)?;
        } else if let Which::Open(_) = which {
            // Of a segment that is still written there may be more now.
            let text = history.read(which, self.n_read)?;
            self.n_read += text.len();
            for line in read_lines(&text) {
                self.lines.push_back(line?);
            }
        }
        self.go_on(at);
        Ok(!forward)
    }

    /// Goes to `at` in a chapter that is here. True when it had to start anew rather than go on.
    pub fn go_in(&mut self, chapters: &Chapters, chapter: Chapter, at: Timestamp) -> Result<bool, HistoryError> {
        let which = Which::Chapter(chapter);
        let forward = self.segment == Some(which) && self.at.is_some_and(|before| before <= at);
        if !forward {
            let Some(packed) = chapters.packed(chapter) else { return Ok(false) };
            let text = unpack(packed)?;
            self.begin(which, &text)?;
        }
        self.go_on(at);
        Ok(!forward)
    }

    /// Whether what is shown is from the gateway's past, and what stock it has is of then.
    pub fn in_chapter(&self) -> bool {
        matches!(self.segment, Some(Which::Chapter(_)))
    }

    fn begin(&mut self, which: Which, text: &[u8]) -> Result<(), HistoryError> {
        self.lines = read_lines(text).collect::<Result<_, _>>()?;
        self.n_read = text.len();
        self.segment = Some(which);
        self.known = Known { epochs: self.known.epochs, ..Known::default() };
        match self.lines.pop_front() {
            Some(Line::Snapshot(snapshot)) => self.known.take_snapshot(*snapshot),
            other => self.lines.extend(other),
        }
        Ok(())
    }

    fn go_on(&mut self, at: Timestamp) {
        while let Some(Line::Delta(delta)) = self.lines.front() {
            if delta.at > at {
                break;
            }
            if let Some(Line::Delta(delta)) = self.lines.pop_front() {
                self.known.take_delta(*delta);
            }
        }
        self.at = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::known::testing;
    use firmware_schemas::network::SiteKind;
    use firmware_schemas::quantity::Pieces;
    use firmware_schemas::view::Change;
    use proptest::prelude::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs).unwrap()
    }

    /// One site whose stock is the second of the step.
    fn delta(seq: u64, secs: i64) -> Delta {
        let mut site = testing::site("WH-1", SiteKind::RegionalWarehouse, 50.0, 7.0);
        site.stock.on_hand = Pieces(secs);
        Delta { seq, at: at(secs), changes: vec![Change::Site(site)] }
    }

    fn stock(known: &Known) -> i64 {
        known.sites.values().next().unwrap().stock.on_hand.0
    }

    fn history(limits: Limits, n: i64) -> (History, Vec<Vec<u8>>) {
        let mut history = History::new(Box::new(MemoryShelf::default()), limits);
        let mut known = Known::default();
        let snapshot = testing::snapshot(vec![testing::site("WH-1", SiteKind::RegionalWarehouse, 50.0, 7.0)]);
        known.take_snapshot(snapshot.clone());
        let mut lines = vec![history.take(&Line::Snapshot(Box::new(snapshot)), &known).unwrap()];
        for n in 1..=n {
            let delta = delta(10 + n as u64, 100 + n);
            known.take_delta(delta.clone());
            lines.push(history.take(&Line::Delta(Box::new(delta)), &known).unwrap());
        }
        (history, lines)
    }

    const SMALL: Limits =
        Limits { segment_bytes: 2_000, segment_span: Duration::from_secs(3_600), packed_bytes: 1 << 20 };

    proptest! {
        #[test]
        fn any_moment_in_any_order_is_shown_as_it_was(moments in prop::collection::vec(101i64..400, 1..30)) {
            let (mut history, _) = history(SMALL, 300);
            let mut player = Player::default();
            for moment in moments {
                player.go(&mut history, at(moment)).unwrap();
                prop_assert_eq!(stock(&player.known), moment);
                prop_assert_eq!(player.known.at, Some(at(moment)));
            }
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in prop::collection::vec(any::<u8>(), 0..300)) {
            read_lines(&text).for_each(drop);
        }
    }

    #[test]
    fn a_recording_replays_exactly() {
        let (_, lines) = history(SMALL, 50);
        let mut first = Known::default();
        let mut again = Vec::new();
        for line in read_lines(&lines.concat()) {
            let line = line.unwrap();
            again.push(write_line(&line));
            match line {
                Line::Snapshot(snapshot) => first.take_snapshot(*snapshot),
                Line::Delta(delta) => drop(first.take_delta(*delta)),
            }
        }
        assert_eq!(again, lines, "byte for byte");
        assert_eq!((stock(&first), first.seq), (150, 60));
    }

    #[test]
    fn the_shelf_is_as_long_as_it_is() {
        let limits = Limits { packed_bytes: 3_000, ..SMALL };
        let (history, _) = history(limits, 3_000);
        assert!(history.packed_bytes <= 3_000, "{}", history.packed_bytes);
        let (from, to) = history.span().unwrap();
        assert!(from > at(2_000) && to == at(3_100), "{from} {to}");
    }
}
