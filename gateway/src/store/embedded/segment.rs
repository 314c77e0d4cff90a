//! A segment: one immutable file of pages with an index at its end, and reading it.
//!
//! ```text
//! magic │ page │ page │ … │ index: pages, times, blocks │ trailer
//! ```
//!
//! A *block* is a stretch of points of one series and kind. It names a *time block*, which series that are
//! measured at the same instants share, and where on a page its values lie. The index is in memory while
//! the segment is open; a page is read when it is needed. All numbers are little-endian.

use super::super::{Quality, Result, StoreError, Value};
use super::columns::{Columns, Kind, Qualities, Values, quality_code, quality_from_code};
use super::is_before;
use super::pack::{self, NOT_DECIMAL, Shape};
use super::page::{self, Codec, PAGE_POINTS, PageData};
use crate::ports::{Disk, DiskFile};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) const MAGIC: [u8; 8] = *b"PTLNSEG1";
const TRAILER_MAGIC: [u8; 8] = *b"PTLNEND1";
const TRAILER_LEN: usize = 72;
/// No index has more pages, times or blocks than this: a block for each point of the largest segment.
const INDEX_ENTRIES_MAX: u32 = 1 << 26;
/// Ends the name of a segment that is still being written.
pub(super) const TEMPORARY: &str = ".tmp";
/// Ends the name of a segment that was set aside.
pub(super) const SET_ASIDE: &str = ".damaged";

/// Which journal records a segment holds: those after `from`, up to and including `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Span {
    pub(super) fn holds(self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }
}

/// The file name of a segment: what it holds, and which writing of it.
pub(super) fn file_name(span: Span, generation: u64) -> String {
    format!("store-{:016x}-{:016x}-{generation:08x}.seg", span.from, span.to)
}

/// What a file name says; `None` if it is no segment's.
pub(super) fn parse_file_name(name: &str) -> Option<(Span, u64)> {
    let mut parts = name.strip_prefix("store-")?.strip_suffix(".seg")?.split('-');
    let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
    let parsed = (Span { from: number()?, to: number()? }, number()?);
    (file_name(parsed.0, parsed.1) == name).then_some(parsed)
}

#[derive(Clone, Copy, Debug)]
pub(super) struct PageEntry {
    pub(super) offset: u64,
    pub(super) len: u32,
    pub(super) count: u32,
    pub(super) crc: u32,
    pub(super) codec: Codec,
}

/// Where integers lie, and how they are packed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ints {
    pub(super) page: u32,
    pub(super) start: u32,
    pub(super) shape: Shape,
    pub(super) first: i64,
    pub(super) step: i64,
}

impl Ints {
    /// True if nothing of it lies on a page.
    pub(super) fn is_pageless(&self) -> bool {
        self.shape == Shape::Line
    }
}

/// The times of one or more blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeBlock {
    /// Nanoseconds in one of the packed integers.
    pub(super) unit: i64,
    pub(super) count: u32,
    pub(super) first_at: i64,
    pub(super) last_at: i64,
    pub(super) ints: Ints,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum BlockQuality {
    Same(Quality),
    Page { page: u32, start: u32 },
}

/// Points of one series and kind.
///
/// `min`, `max` and `last` are integers as the exponent says; for doubles that are no decimals their bits;
/// for booleans 0 and 1; unused for texts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) series: u32,
    pub(super) time: u32,
    pub(super) kind: Kind,
    pub(super) exponent: u8,
    pub(super) ints: Ints,
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) last: i64,
    pub(super) sum: f64,
    pub(super) quality: BlockQuality,
}

impl Block {
    fn number(&self, int: i64) -> f64 {
        match (self.kind, self.exponent) {
            (Kind::Float, NOT_DECIMAL) => f64::from_bits(int as u64),
            (Kind::Float, exponent) => pack::from_decimal(int, exponent),
            _ => int as f64,
        }
    }

    /// Smallest and largest value and the sum; `None` if they are no numbers.
    pub(super) fn numbers(&self) -> Option<(f64, f64, f64)> {
        matches!(self.kind, Kind::Float | Kind::Integer)
            .then(|| (self.number(self.min), self.number(self.max), self.sum))
    }

    /// The last value; `None` for a text, which only its page knows.
    pub(super) fn last(&self) -> Option<Value> {
        match self.kind {
            Kind::Float => Some(Value::Float(self.number(self.last))),
            Kind::Integer => Some(Value::Integer(self.last)),
            Kind::Boolean => Some(Value::Boolean(self.last != 0)),
            Kind::Text => None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) pages: Vec<PageEntry>,
    pub(super) times: Vec<TimeBlock>,
    /// Ascending by series, then by time.
    pub(super) blocks: Vec<Block>,
}

/// Gives pages, from disk or from memory.
pub(super) trait Pages {
    fn page(&mut self, segment: &Segment, page: u32) -> Result<Arc<PageData>>;
}

/// Reads every page anew.
pub(super) struct Uncached;

impl Pages for Uncached {
    fn page(&mut self, segment: &Segment, page: u32) -> Result<Arc<PageData>> {
        segment.read_page(page).map(Arc::new)
    }
}

/// An open segment.
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) generation: u64,
    pub(super) index: Index,
    pub(super) points: u64,
    pub(super) bytes: u64,
    /// Of all points; `first_at > last_at` if there are none.
    pub(super) first_at: i64,
    pub(super) last_at: i64,
    /// Set when a page was found damaged. Such a segment is left alone by compaction.
    pub(super) damaged: AtomicBool,
    file: Box<dyn DiskFile>,
}

impl Segment {
    /// Opens `name`, reading its index only.
    pub(super) fn open(disk: &dyn Disk, name: &str) -> Result<Self> {
        let refuse = |why: String| StoreError::Damaged { name: name.to_owned(), why };
        let failed = |doing| move |source| StoreError::Disk { doing, name: name.to_owned(), source };
        let (span, generation) = parse_file_name(name).ok_or_else(|| refuse("a foreign name".to_owned()))?;
        let file = disk.open(name).map_err(failed("opening"))?;
        let bytes = file.len().map_err(failed("measuring"))?;
        let trailer_at = bytes.checked_sub(TRAILER_LEN as u64).ok_or_else(|| refuse("too short".to_owned()))?;
        let mut raw = [0; TRAILER_LEN];
        file.read_exact_at(&mut raw, trailer_at).map_err(failed("reading"))?;
        let trailer = Trailer::parse(&raw).map_err(refuse)?;
        if trailer.span != span {
            return Err(refuse("its name and its content say different journal records".to_owned()));
        }
        if trailer.index_offset.checked_add(trailer.index_len) != Some(trailer_at) {
            return Err(refuse("the index does not end where the trailer begins".to_owned()));
        }
        let mut raw = vec![0; trailer.index_len as usize];
        file.read_exact_at(&mut raw, trailer.index_offset).map_err(failed("reading"))?;
        if crc32fast::hash(&raw) != trailer.index_crc {
            return Err(refuse("the index has another checksum".to_owned()));
        }
        let index = Index::parse(&raw, &trailer).map_err(refuse)?;
        Ok(Self::new(name.to_owned(), span, generation, index, bytes, file))
    }

    pub(super) fn new(
        name: String,
        span: Span,
        generation: u64,
        index: Index,
        bytes: u64,
        file: Box<dyn DiskFile>,
    ) -> Self {
        let times = || index.blocks.iter().map(|block| &index.times[block.time as usize]);
        let points = times().map(|time| u64::from(time.count)).sum();
        let first_at = times().map(|time| time.first_at).min().unwrap_or(i64::MAX);
        let last_at = times().map(|time| time.last_at).max().unwrap_or(i64::MIN);
        let damaged = AtomicBool::new(false);
        Self { name, span, generation, index, points, bytes, first_at, last_at, damaged, file }
    }

    /// The blocks of `series`, as numbers into the index, ascending in time.
    pub(super) fn blocks_of(&self, series: u32) -> Range<usize> {
        let blocks = &self.index.blocks;
        let start = blocks.partition_point(|block| block.series < series);
        let len = blocks[start..].partition_point(|block| block.series == series);
        start..start + len
    }

    /// Those of them that reach into `from..to`.
    pub(super) fn blocks_within(&self, series: u32, from: i64, to: i64) -> Range<usize> {
        let all = self.blocks_of(series);
        let blocks = &self.index.blocks[all.clone()];
        let time = |block: &Block| &self.index.times[block.time as usize];
        let start = blocks.partition_point(|block| time(block).last_at < from);
        let len = blocks[start..].partition_point(|block| is_before(time(block).first_at, to));
        all.start + start..all.start + start + len
    }

    pub(super) fn time_of(&self, block: usize) -> &TimeBlock {
        &self.index.times[self.index.blocks[block].time as usize]
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    fn refuse(&self, why: String) -> StoreError {
        self.damaged.store(true, Ordering::Relaxed);
        StoreError::Damaged { name: self.name.clone(), why }
    }

    /// Reads, checks and decompresses one page.
    pub(super) fn read_page(&self, page: u32) -> Result<PageData> {
        let PageEntry { offset, len, count, crc, codec } = self.index.pages[page as usize];
        let mut raw = vec![0; len as usize];
        self.file.read_exact_at(&mut raw, offset).map_err(|source| StoreError::Disk {
            doing: "reading",
            name: self.name.clone(),
            source,
        })?;
        if crc32fast::hash(&raw) != crc {
            return Err(self.refuse(format!("page {page} at byte {offset} has another checksum")));
        }
        PageData::decode(codec, count as usize, &raw).map_err(|why| self.refuse(format!("page {page}: {why}")))
    }

    /// Reads all pages, and gives the first damage found.
    pub(super) fn verify(&self) -> Result<()> {
        (0..self.index.pages.len()).try_for_each(|page| self.read_page(page as u32).map(drop))
    }

    /// The points of a block.
    pub(super) fn columns(&self, block: usize, pages: &mut dyn Pages) -> Result<Columns> {
        let block = &self.index.blocks[block];
        let time = &self.index.times[block.time as usize];
        let count = time.count as usize;
        let mut at = self.ints(&time.ints, count, pages)?;
        if time.unit != 1 {
            for x in &mut at {
                *x = x.wrapping_mul(time.unit);
            }
        }
        let values = self.values(block, count, pages)?;
        let qualities = match block.quality {
            BlockQuality::Same(quality) => Qualities::Same(quality),
            BlockQuality::Page { page, start } => match &*pages.page(self, page)? {
                PageData::Bytes(codes) => {
                    let codes = codes[start as usize..][..count].iter();
                    let each: Option<Vec<Quality>> = codes.map(|code| quality_from_code(*code)).collect();
                    Qualities::Each(each.ok_or_else(|| self.refuse("an unknown quality".to_owned()))?)
                }
                _ => return Err(self.wrong_page()),
            },
        };
        Ok(Columns { at, values, qualities })
    }

    fn values(&self, block: &Block, count: usize, pages: &mut dyn Pages) -> Result<Values> {
        let (page, start) = (block.ints.page, block.ints.start as usize);
        Ok(match (block.kind, block.ints.shape) {
            (Kind::Integer, _) => Values::Integer(self.ints(&block.ints, count, pages)?),
            (Kind::Float, Shape::Verbatim) => match &*pages.page(self, page)? {
                PageData::Floats(all) => Values::Float(all[start..][..count].to_vec()),
                _ => return Err(self.wrong_page()),
            },
            (Kind::Float, _) => {
                let ints = self.ints(&block.ints, count, pages)?;
                Values::Float(ints.into_iter().map(|int| pack::from_decimal(int, block.exponent)).collect())
            }
            (Kind::Boolean, Shape::Verbatim) => match &*pages.page(self, page)? {
                PageData::Bits(all) => Values::Boolean(all[start..][..count].to_vec()),
                _ => return Err(self.wrong_page()),
            },
            (Kind::Boolean, _) => Values::Boolean(vec![block.ints.first != 0; count]),
            (Kind::Text, _) => match &*pages.page(self, page)? {
                PageData::Texts(all) => Values::Text(all[start..][..count].to_vec()),
                _ => return Err(self.wrong_page()),
            },
        })
    }

    fn ints(&self, ints: &Ints, count: usize, pages: &mut dyn Pages) -> Result<Vec<i64>> {
        let Ints { page, start, shape, first, step } = *ints;
        if shape == Shape::Line {
            return Ok(pack::unpack(shape, first, step, &[], count));
        }
        match &*pages.page(self, page)? {
            PageData::Ints(all) => {
                Ok(pack::unpack(shape, first, step, &all[start as usize..][..shape.residuals(count)], count))
            }
            _ => Err(self.wrong_page()),
        }
    }

    /// Cannot happen: opening checked that every block lies within a page of its kind.
    fn wrong_page(&self) -> StoreError {
        self.refuse("a page of another kind".to_owned())
    }
}

/// The fixed end of a segment file.
pub(super) struct Trailer {
    pub(super) span: Span,
    pub(super) index_offset: u64,
    pub(super) index_len: u64,
    pub(super) index_crc: u32,
    pages: u32,
    times: u32,
    blocks: u32,
}

impl Trailer {
    pub(super) fn new(span: Span, index_offset: u64, raw_index: &[u8], index: &Index) -> Self {
        Self {
            span,
            index_offset,
            index_len: raw_index.len() as u64,
            index_crc: crc32fast::hash(raw_index),
            pages: index.pages.len() as u32,
            times: index.times.len() as u32,
            blocks: index.blocks.len() as u32,
        }
    }

    pub(super) fn bytes(&self) -> [u8; TRAILER_LEN] {
        let mut raw = Vec::with_capacity(TRAILER_LEN);
        raw.extend(TRAILER_MAGIC);
        for wide in [self.span.from, self.span.to, self.index_offset, self.index_len, 0] {
            raw.extend(wide.to_le_bytes()); // the last is for later
        }
        for number in [self.index_crc, self.pages, self.times, self.blocks, 0] {
            raw.extend(number.to_le_bytes());
        }
        let crc = crc32fast::hash(&raw);
        raw.extend(crc.to_le_bytes());
        let mut whole = [0; TRAILER_LEN];
        whole.copy_from_slice(&raw);
        whole
    }

    fn parse(raw: &[u8; TRAILER_LEN]) -> Result<Self, String> {
        let number = |at: usize| u32::from_le_bytes([raw[at], raw[at + 1], raw[at + 2], raw[at + 3]]);
        let wide = |at: usize| u64::from(number(at)) | u64::from(number(at + 4)) << 32;
        if raw[..8] != TRAILER_MAGIC {
            return Err("no trailer".to_owned());
        }
        if crc32fast::hash(&raw[..TRAILER_LEN - 4]) != number(TRAILER_LEN - 4) {
            return Err("the trailer has another checksum".to_owned());
        }
        if [52, 56, 60].into_iter().any(|at| number(at) > INDEX_ENTRIES_MAX) {
            return Err("an index too large".to_owned());
        }
        Ok(Self {
            span: Span { from: wide(8), to: wide(16) },
            index_offset: wide(24),
            index_len: wide(32),
            index_crc: number(48),
            pages: number(52),
            times: number(56),
            blocks: number(60),
        })
    }
}

/// Writes columns of the index one behind the other.
#[derive(Default)]
struct ColumnWriter {
    raw: Vec<u8>,
}

impl ColumnWriter {
    fn put<T: pco::data_types::Number>(&mut self, numbers: impl Iterator<Item = T>) -> Result<(), String> {
        let numbers: Vec<T> = numbers.collect();
        if numbers.is_empty() {
            return Ok(());
        }
        let bytes = page::compress_column(&numbers)?;
        self.raw.extend((bytes.len() as u32).to_le_bytes());
        self.raw.extend(bytes);
        Ok(())
    }

    fn put_ints<'a>(&mut self, ints: impl Iterator<Item = &'a Ints> + Clone) -> Result<(), String> {
        self.put(ints.clone().map(|i| i.shape as u32))?;
        self.put(ints.clone().map(|i| i.page))?;
        self.put(ints.clone().map(|i| i.start))?;
        self.put(ints.clone().map(|i| i.first))?;
        self.put(ints.map(|i| i.step))
    }
}

struct ColumnReader<'a> {
    rest: &'a [u8],
}

impl ColumnReader<'_> {
    fn take<T: pco::data_types::Number>(&mut self, count: usize) -> Result<Vec<T>, String> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let short = || "the index ends early".to_owned();
        let (len, rest) = self.rest.split_first_chunk::<4>().ok_or_else(short)?;
        let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or_else(short)?;
        self.rest = rest;
        page::decompress(bytes, count)
    }

    fn take_ints(&mut self, count: usize) -> Result<Vec<Ints>, String> {
        let shapes: Vec<u32> = self.take(count)?;
        let pages: Vec<u32> = self.take(count)?;
        let starts: Vec<u32> = self.take(count)?;
        let firsts: Vec<i64> = self.take(count)?;
        let steps: Vec<i64> = self.take(count)?;
        (0..count)
            .map(|i| {
                let shape = Shape::from_code(shapes[i]).ok_or("an unknown shape")?;
                Ok(Ints { page: pages[i], start: starts[i], shape, first: firsts[i], step: steps[i] })
            })
            .collect()
    }
}

/// Stands in the page column of a quality for "all the same".
const NO_PAGE: u32 = u32::MAX;

impl Index {
    pub(super) fn bytes(&self) -> Result<Vec<u8>, String> {
        let mut out = ColumnWriter::default();
        let Self { pages, times, blocks } = self;
        out.put(pages.iter().map(|page| page.len))?;
        out.put(pages.iter().map(|page| page.count))?;
        out.put(pages.iter().map(|page| page.offset))?;
        out.put(pages.iter().map(|page| page.crc))?;
        out.put(pages.iter().map(|page| page.codec as u32))?;

        out.put(times.iter().map(|time| time.unit))?;
        out.put(times.iter().map(|time| time.count))?;
        out.put(times.iter().map(|time| time.first_at))?;
        out.put(times.iter().map(|time| time.last_at.wrapping_sub(time.first_at)))?;
        out.put_ints(times.iter().map(|time| &time.ints))?;

        out.put(blocks.iter().map(|block| block.series))?;
        out.put(blocks.iter().map(|block| block.time))?;
        out.put(blocks.iter().map(|block| block.kind as u32))?;
        out.put(blocks.iter().map(|block| u32::from(block.exponent)))?;
        out.put_ints(blocks.iter().map(|block| &block.ints))?;
        // Near the first, unless they are bits of doubles.
        out.put(blocks.iter().map(|block| block.min.wrapping_sub(block.ints.first)))?;
        out.put(blocks.iter().map(|block| block.max.wrapping_sub(block.ints.first)))?;
        out.put(blocks.iter().map(|block| block.last.wrapping_sub(block.ints.first)))?;
        out.put(blocks.iter().map(|block| block.sum))?;
        out.put(blocks.iter().map(|block| match block.quality {
            BlockQuality::Same(_) => NO_PAGE,
            BlockQuality::Page { page, .. } => page,
        }))?;
        out.put(blocks.iter().map(|block| match block.quality {
            BlockQuality::Same(quality) => u32::from(quality_code(quality)),
            BlockQuality::Page { start, .. } => start,
        }))?;
        Ok(out.raw)
    }

    fn parse(raw: &[u8], trailer: &Trailer) -> Result<Self, String> {
        let mut columns = ColumnReader { rest: raw };
        let pages = Self::parse_pages(&mut columns, trailer.pages as usize)?;
        let times = Self::parse_times(&mut columns, trailer.times as usize)?;
        let blocks = Self::parse_blocks(&mut columns, trailer.blocks as usize)?;
        let index = Self { pages, times, blocks };
        index.check(trailer)?;
        Ok(index)
    }

    fn parse_pages(columns: &mut ColumnReader<'_>, count: usize) -> Result<Vec<PageEntry>, String> {
        let lens: Vec<u32> = columns.take(count)?;
        let counts: Vec<u32> = columns.take(count)?;
        let offsets: Vec<u64> = columns.take(count)?;
        let crcs: Vec<u32> = columns.take(count)?;
        let codecs: Vec<u32> = columns.take(count)?;
        (0..count)
            .map(|i| {
                let codec = Codec::from_code(codecs[i]).ok_or("an unknown codec")?;
                Ok(PageEntry { offset: offsets[i], len: lens[i], count: counts[i], crc: crcs[i], codec })
            })
            .collect()
    }

    fn parse_times(columns: &mut ColumnReader<'_>, count: usize) -> Result<Vec<TimeBlock>, String> {
        let units: Vec<i64> = columns.take(count)?;
        let counts: Vec<u32> = columns.take(count)?;
        let firsts: Vec<i64> = columns.take(count)?;
        let spans: Vec<i64> = columns.take(count)?;
        let ints = columns.take_ints(count)?;
        let time = |(i, ints): (usize, Ints)| TimeBlock {
            unit: units[i],
            count: counts[i],
            first_at: firsts[i],
            last_at: firsts[i].wrapping_add(spans[i]),
            ints,
        };
        Ok(ints.into_iter().enumerate().map(time).collect())
    }

    fn parse_blocks(columns: &mut ColumnReader<'_>, count: usize) -> Result<Vec<Block>, String> {
        let series: Vec<u32> = columns.take(count)?;
        let times: Vec<u32> = columns.take(count)?;
        let kinds: Vec<u32> = columns.take(count)?;
        let exponents: Vec<u32> = columns.take(count)?;
        let ints = columns.take_ints(count)?;
        let mins: Vec<i64> = columns.take(count)?;
        let maxs: Vec<i64> = columns.take(count)?;
        let lasts: Vec<i64> = columns.take(count)?;
        let sums: Vec<f64> = columns.take(count)?;
        let quality_pages: Vec<u32> = columns.take(count)?;
        let quality_starts: Vec<u32> = columns.take(count)?;
        let block = |(i, ints): (usize, Ints)| {
            let quality = if quality_pages[i] == NO_PAGE {
                let code = u8::try_from(quality_starts[i]).ok();
                BlockQuality::Same(code.and_then(quality_from_code).ok_or("an unknown quality")?)
            } else {
                BlockQuality::Page { page: quality_pages[i], start: quality_starts[i] }
            };
            Ok(Block {
                series: series[i],
                time: times[i],
                kind: Kind::from_code(kinds[i]).ok_or("an unknown kind")?,
                exponent: u8::try_from(exponents[i])
                    .ok()
                    .filter(|e| *e == NOT_DECIMAL || pack::is_exponent(*e))
                    .ok_or("an unknown exponent")?,
                ints,
                min: mins[i].wrapping_add(ints.first),
                max: maxs[i].wrapping_add(ints.first),
                last: lasts[i].wrapping_add(ints.first),
                sum: sums[i],
                quality,
            })
        };
        ints.into_iter().enumerate().map(block).collect()
    }

    /// After this, no number in the index points outside what it points into.
    fn check(&self, trailer: &Trailer) -> Result<(), String> {
        let lies_on = |page: u32, start: u32, len: usize, codec: Codec| {
            let page = self.pages.get(page as usize);
            page.is_some_and(|p| p.codec == codec && start as usize + len <= p.count as usize)
        };
        for page in &self.pages {
            let end = page.offset.checked_add(u64::from(page.len));
            if end.is_none_or(|end| end > trailer.index_offset) || page.count as usize > PAGE_POINTS {
                return Err("a page lies outside the file".to_owned());
            }
        }
        for time in &self.times {
            let TimeBlock { ints, count, .. } = time;
            let count = *count as usize;
            if count == 0 || count > PAGE_POINTS || time.first_at > time.last_at || ints.shape == Shape::Verbatim {
                return Err("a time block of no times".to_owned());
            }
            if ints.shape != Shape::Line && !lies_on(ints.page, ints.start, ints.shape.residuals(count), Codec::Ints) {
                return Err("a time block lies outside its page".to_owned());
            }
        }
        for block in &self.blocks {
            let time = self.times.get(block.time as usize).ok_or("a block without times")?;
            let count = time.count as usize;
            let Ints { page, start, shape, .. } = block.ints;
            let codec = match (block.kind, shape) {
                (Kind::Float | Kind::Boolean | Kind::Integer, Shape::Line) => None,
                (Kind::Float, Shape::Verbatim) => Some(Codec::Floats),
                (Kind::Boolean, _) => Some(Codec::Bits),
                (Kind::Text, _) => Some(Codec::Texts),
                (Kind::Float | Kind::Integer, _) => Some(Codec::Ints),
            };
            if codec.is_some_and(|codec| !lies_on(page, start, shape.residuals(count), codec)) {
                return Err("a block lies outside its page".to_owned());
            }
            if let BlockQuality::Page { page, start } = block.quality
                && !lies_on(page, start, count, Codec::Bytes)
            {
                return Err("the qualities of a block lie outside their page".to_owned());
            }
        }
        let time = |block: &Block| &self.times[block.time as usize];
        let in_order =
            |pair: &[Block]| (pair[0].series, time(&pair[0]).last_at) < (pair[1].series, time(&pair[1]).first_at);
        if !self.blocks.windows(2).all(in_order) {
            return Err("blocks out of order".to_owned());
        }
        Ok(())
    }
}
