//! Writes a segment, series after series, in bounded memory.

use super::super::{Result, StoreError};
use super::columns::{Columns, Qualities, Values, quality_code};
use super::pack::{self, NOT_DECIMAL, Packing, Shape};
use super::page::{PAGE_POINTS, PAGE_TEXT_BYTES, PageData};
use super::segment::{
    self, Block, BlockQuality, Index, Ints, MAGIC, PageEntry, Segment, Span, TEMPORARY, TimeBlock, Trailer,
};
use crate::ports::{Disk, DiskFile};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Range;

/// Bytes are gathered up to this before they are written.
const WRITE_BYTES: usize = 1 << 20;
/// More pages than this are not filled at the same time; the fullest is closed early.
const OPEN_PAGES_MAX: usize = 192;
/// Of so many time blocks we remember the times, so that series of one device share them.
const TIMES_REMEMBERED: usize = 32;

/// Which columns share pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Times { shape: Shape, spread: u8 },
    Numbers { shape: Shape, exponent: u8, spread: u8 },
    Floats,
    Bits,
    Texts,
    Qualities,
}

struct OpenPage {
    number: u32,
    data: PageData,
    text_bytes: usize,
}

/// A segment that is being written.
pub(super) struct SegmentWriter<'a> {
    disk: &'a dyn Disk,
    span: Span,
    generation: u64,
    level: usize,
    temporary: String,
    file: Box<dyn DiskFile>,
    offset: u64,
    buffer: Vec<u8>,
    index: Index,
    open: BTreeMap<Class, OpenPage>,
    recent_times: VecDeque<(Vec<i64>, u32)>,
    ints: Vec<i64>,
}

impl<'a> SegmentWriter<'a> {
    /// Begins the segment that will hold the points of `span`. `level` is pco's.
    pub(super) fn create(disk: &'a dyn Disk, span: Span, generation: u64, level: usize) -> Result<Self> {
        let temporary = segment::file_name(span, generation) + TEMPORARY;
        let failed = |source| StoreError::Disk { doing: "creating", name: temporary.clone(), source };
        let file = match disk.create(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Left by an attempt that failed.
                disk.remove(&temporary).and_then(|()| disk.create(&temporary)).map_err(failed)?
            }
            other => other.map_err(failed)?,
        };
        Ok(Self {
            disk,
            span,
            generation,
            level,
            temporary,
            file,
            offset: 0,
            buffer: MAGIC.to_vec(),
            index: Index::default(),
            open: BTreeMap::new(),
            recent_times: VecDeque::new(),
            ints: Vec::new(),
        })
    }

    /// Appends points of `series`, ascending in time. Series must come in order, and time within each.
    pub(super) fn push(&mut self, series: u32, columns: &Columns) -> Result<()> {
        let count = columns.len();
        if count == 0 {
            return Ok(());
        }
        let per_block = count.div_ceil(count.div_ceil(PAGE_POINTS));
        for start in (0..count).step_by(per_block) {
            self.push_block(series, columns, start..count.min(start + per_block))?;
        }
        Ok(())
    }

    /// Completes the file, makes it durable under its own name, and opens it.
    ///
    /// After an error a file of that name may be there or not, now or after a crash.
    pub(super) fn finish(mut self) -> Result<Segment> {
        match self.complete() {
            Ok((name, file)) => Ok(Segment::new(name, self.span, self.generation, self.index, self.offset, file)),
            Err(error) => {
                self.abandon();
                Err(error)
            }
        }
    }

    fn complete(&mut self) -> Result<(String, Box<dyn DiskFile>)> {
        for (_, page) in std::mem::take(&mut self.open) {
            self.close(page)?;
        }
        let raw_index = self.index.bytes().map_err(StoreError::Compress)?;
        let index_offset = self.offset + self.buffer.len() as u64;
        let trailer = Trailer::new(self.span, index_offset, &raw_index, &self.index);
        self.buffer.extend(raw_index);
        self.buffer.extend(trailer.bytes());
        self.write_buffer()?;

        let name = segment::file_name(self.span, self.generation);
        let failed = |doing| {
            let name = name.clone();
            move |source| StoreError::Disk { doing, name, source }
        };
        self.file.sync().map_err(failed("syncing"))?;
        self.disk.rename(&self.temporary, &name).map_err(failed("renaming"))?;
        self.disk.sync_folder().map_err(failed("syncing the folder of"))?;
        let file = self.disk.open(&name).map_err(failed("opening"))?;
        Ok((name, file))
    }

    /// Removes what was written, as far as the disk lets us; opening the store removes the rest.
    pub(super) fn abandon(self) {
        drop(self.file);
        self.disk.remove(&self.temporary).ok();
    }

    fn push_block(&mut self, series: u32, columns: &Columns, range: Range<usize>) -> Result<()> {
        let time = self.time(&columns.at[range.clone()])?;
        let quality = self.quality(&columns.qualities, range.clone())?;
        let mut block = Block {
            series,
            time,
            kind: columns.kind(),
            exponent: 0,
            ints: Ints { page: 0, start: 0, shape: Shape::Line, first: 0, step: 0 },
            min: 0,
            max: 0,
            last: 0,
            sum: 0.0,
            quality,
        };
        match &columns.values {
            Values::Float(values) => self.floats(&values[range], &mut block)?,
            Values::Integer(values) => {
                let values = &values[range];
                block.sum = values.iter().map(|x| *x as f64).sum();
                self.numbers(values, &mut block)?;
            }
            Values::Boolean(values) => {
                let values = &values[range];
                block.last = i64::from(values[values.len() - 1]);
                if values.iter().all(|x| *x == values[0]) {
                    block.ints.first = block.last;
                } else {
                    self.put(Class::Bits, values.len(), 0, &mut block.ints, |page| {
                        if let PageData::Bits(all) = page {
                            all.extend_from_slice(values);
                        }
                    })?;
                    block.ints.shape = Shape::Verbatim;
                }
            }
            Values::Text(values) => {
                let values = &values[range];
                let bytes = values.iter().map(|text| text.len()).sum();
                self.put(Class::Texts, values.len(), bytes, &mut block.ints, |page| {
                    if let PageData::Texts(all) = page {
                        all.extend_from_slice(values);
                    }
                })?;
                block.ints.shape = Shape::Verbatim;
            }
        }
        self.index.blocks.push(block);
        Ok(())
    }

    fn floats(&mut self, values: &[f64], block: &mut Block) -> Result<()> {
        block.sum = values.iter().sum();
        let mut ints = std::mem::take(&mut self.ints);
        if let Some(exponent) = pack::decimals(values, &mut ints) {
            block.exponent = exponent;
            self.numbers(&ints, block)?;
        } else {
            block.exponent = NOT_DECIMAL;
            let bits = |x: f64| x.to_bits() as i64;
            block.min = bits(values.iter().copied().fold(f64::NAN, f64::min));
            block.max = bits(values.iter().copied().fold(f64::NAN, f64::max));
            block.last = bits(values[values.len() - 1]);
            self.put(Class::Floats, values.len(), 0, &mut block.ints, |page| {
                if let PageData::Floats(all) = page {
                    all.extend_from_slice(values);
                }
            })?;
            block.ints.shape = Shape::Verbatim;
        }
        self.ints = ints;
        Ok(())
    }

    fn numbers(&mut self, ints: &[i64], block: &mut Block) -> Result<()> {
        block.min = ints.iter().copied().min().unwrap_or(0);
        block.max = ints.iter().copied().max().unwrap_or(0);
        block.last = ints[ints.len() - 1];
        let packing = pack::choose(ints);
        let Packing { shape, spread, .. } = packing;
        block.ints = self.put_ints(Class::Numbers { shape, exponent: block.exponent, spread }, packing, ints)?;
        Ok(())
    }

    /// The number of the time block of exactly these times.
    fn time(&mut self, at: &[i64]) -> Result<u32> {
        if let Some((_, number)) = self.recent_times.iter().rev().find(|(times, _)| times == at) {
            return Ok(*number);
        }
        let unit = pack::unit_of(at);
        let mut ints = std::mem::take(&mut self.ints);
        ints.clear();
        ints.extend(at.iter().map(|nanos| nanos / unit));
        let packing = pack::choose(&ints);
        let class = Class::Times { shape: packing.shape, spread: packing.spread };
        let packed = self.put_ints(class, packing, &ints)?;
        self.ints = ints;
        let number = self.index.times.len() as u32;
        let (first_at, last_at) = (at[0], at[at.len() - 1]);
        self.index.times.push(TimeBlock { unit, count: at.len() as u32, first_at, last_at, ints: packed });

        let mut remembered =
            if self.recent_times.len() == TIMES_REMEMBERED { self.recent_times.pop_front() } else { None }
                .map(|(times, _)| times)
                .unwrap_or_default();
        remembered.clear();
        remembered.extend_from_slice(at);
        self.recent_times.push_back((remembered, number));
        Ok(number)
    }

    fn quality(&mut self, qualities: &Qualities, range: Range<usize>) -> Result<BlockQuality> {
        let first = qualities.get(range.start);
        let Qualities::Each(each) = qualities else { return Ok(BlockQuality::Same(first)) };
        let each = &each[range];
        if each.iter().all(|quality| *quality == first) {
            return Ok(BlockQuality::Same(first));
        }
        let mut place = Ints { page: 0, start: 0, shape: Shape::Verbatim, first: 0, step: 0 };
        self.put(Class::Qualities, each.len(), 0, &mut place, |page| {
            if let PageData::Bytes(all) = page {
                all.extend(each.iter().map(|quality| quality_code(*quality)));
            }
        })?;
        Ok(BlockQuality::Page { page: place.page, start: place.start })
    }

    fn put_ints(&mut self, class: Class, packing: Packing, ints: &[i64]) -> Result<Ints> {
        let Packing { shape, first, step, .. } = packing;
        let mut place = Ints { page: 0, start: 0, shape, first, step };
        let residuals = shape.residuals(ints.len());
        if residuals > 0 {
            self.put(class, residuals, 0, &mut place, |page| {
                if let PageData::Ints(all) = page {
                    pack::pack(&packing, ints, all);
                }
            })?;
        }
        Ok(place)
    }

    /// Puts `count` numbers on a page of `class` and writes into `place` where they lie.
    fn put(
        &mut self,
        class: Class,
        count: usize,
        text_bytes: usize,
        place: &mut Ints,
        add: impl FnOnce(&mut PageData),
    ) -> Result<()> {
        let full = |page: &OpenPage| {
            page.data.len() + count > PAGE_POINTS
                || page.text_bytes > 0 && page.text_bytes + text_bytes > PAGE_TEXT_BYTES
        };
        if self.open.get(&class).is_some_and(full)
            && let Some(page) = self.open.remove(&class)
        {
            self.close(page)?;
        }
        if !self.open.contains_key(&class) {
            if self.open.len() >= OPEN_PAGES_MAX {
                let fullest = self.open.iter().max_by_key(|(_, page)| page.data.len()).map(|(class, _)| *class);
                if let Some(page) = fullest.and_then(|class| self.open.remove(&class)) {
                    self.close(page)?;
                }
            }
            let number = self.index.pages.len() as u32;
            let data = class.empty_page();
            let codec = data.codec();
            self.index.pages.push(PageEntry { offset: 0, len: 0, count: 0, crc: 0, codec });
            self.open.insert(class, OpenPage { number, data, text_bytes: 0 });
        }
        if let Some(page) = self.open.get_mut(&class) {
            place.page = page.number;
            place.start = page.data.len() as u32;
            page.text_bytes += text_bytes;
            add(&mut page.data);
        }
        Ok(())
    }

    fn close(&mut self, page: OpenPage) -> Result<()> {
        let bytes = page.data.encode(self.level).map_err(StoreError::Compress)?;
        self.index.pages[page.number as usize] = PageEntry {
            offset: self.offset + self.buffer.len() as u64,
            len: bytes.len() as u32,
            count: page.data.len() as u32,
            crc: crc32fast::hash(&bytes),
            codec: page.data.codec(),
        };
        self.buffer.extend(bytes);
        if self.buffer.len() >= WRITE_BYTES { self.write_buffer() } else { Ok(()) }
    }

    fn write_buffer(&mut self) -> Result<()> {
        let failed = |source| StoreError::Disk { doing: "writing", name: self.temporary.clone(), source };
        self.file.write_all_at(&self.buffer, self.offset).map_err(failed)?;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl Class {
    fn empty_page(self) -> PageData {
        match self {
            Self::Times { .. } | Self::Numbers { .. } => PageData::Ints(Vec::new()),
            Self::Floats => PageData::Floats(Vec::new()),
            Self::Bits => PageData::Bits(Vec::new()),
            Self::Texts => PageData::Texts(Vec::new()),
            Self::Qualities => PageData::Bytes(Vec::new()),
        }
    }
}
