//! Answers questions about one series from everything that holds points of it.

use super::super::{BUCKETS_MAX, Bucket, NumberSummary, Page, Point, Result, StoreError, Value};
use super::columns::{Columns, Values};
use super::merge::{Body, Merge, Source};
use super::segment::{BlockQuality, Pages};
use std::ops::Range;

/// What one series has, taken from the store at one moment.
pub(super) struct SeriesView {
    /// All sources that reach into the span that was asked for.
    pub(super) sources: Vec<Source>,
}

impl SeriesView {
    /// The newest point at or before `at` and not before `from`.
    pub(super) fn latest(mut self, from: i64, at: i64, pages: &mut dyn Pages) -> Result<Option<Point>> {
        // Those that may hold the newest come first; of equal times the last to arrive.
        let most = |source: &Source| (source.last_at.min(at), source.rank);
        self.sources.sort_by_key(|source| std::cmp::Reverse(most(source)));
        let mut best: Option<((i64, u64), Point)> = None;
        for source in &self.sources {
            if best.as_ref().is_some_and(|(best, _)| *best > most(source)) {
                break;
            }
            let Some(point) = newest_of(source, at, pages)? else { continue };
            let found = (point.at.as_nanos(), source.rank);
            if found.0 >= from && best.as_ref().is_none_or(|(best, _)| *best < found) {
                best = Some((found, point));
            }
        }
        Ok(best.map(|(_, point)| point))
    }

    /// The first `limit` points of `from..to`.
    pub(super) fn range(self, from: i64, to: i64, limit: usize, pages: &mut dyn Pages) -> Result<Page> {
        let limit = limit.max(1);
        let mut merge = Merge::new(self.sources, from, to);
        let mut page = Page::default();
        while let Some(slice) = merge.next_slice(pages)? {
            let room = limit - page.points.len();
            if room == 0 {
                page.next = page.points.last().map(|point| point.at);
                break;
            }
            let fits = slice.range.start..slice.range.start + slice.range.len().min(room);
            let cut = fits.end < slice.range.end;
            page.points.extend(fits.map(|idx| slice.columns.point(idx)));
            if cut {
                page.next = page.points.last().map(|point| point.at);
                break;
            }
        }
        Ok(page)
    }

    /// What happened in each step, counted from `start`, of `from..to`, which begins no earlier.
    pub(super) fn downsample(
        self,
        start: i64,
        from: i64,
        to: i64,
        step: i64,
        pages: &mut dyn Pages,
    ) -> Result<Vec<Bucket>> {
        if step <= 0 {
            return Err(StoreError::ZeroStep);
        }
        let mut merge = Merge::new(self.sources, from, to);
        let mut buckets = Buckets { from: start, step, done: Vec::new(), current: None };
        loop {
            let index_knows = |source: &Source| {
                buckets.number(source.first_at) == buckets.number(source.last_at)
                    && matches!(&source.body, Body::Block { segment, block }
                        if segment.index.blocks[*block].last().is_some())
            };
            if let Some(source) = merge.take_whole(index_knows) {
                buckets.add_block(&source)?;
            } else if let Some(slice) = merge.next_slice(pages)? {
                buckets.add_slice(&slice.columns, slice.range)?;
            } else {
                return buckets.finish();
            }
        }
    }
}

/// The newest point of `source` at or before `at`, from the index where that knows it.
fn newest_of(source: &Source, at: i64, pages: &mut dyn Pages) -> Result<Option<Point>> {
    if source.last_at <= at
        && let Body::Block { segment, block } = &source.body
        && let block = &segment.index.blocks[*block]
        && let (Some(value), BlockQuality::Same(quality)) = (block.last(), block.quality)
    {
        return Ok(Some(Point { at: super::at(source.last_at), value, quality }));
    }
    let columns = source.load(pages)?;
    Ok(columns.at.partition_point(|x| *x <= at).checked_sub(1).map(|idx| columns.point(idx)))
}

/// Buckets that are being filled, in order.
struct Buckets {
    from: i64,
    step: i64,
    done: Vec<Bucket>,
    current: Option<Filling>,
}

struct Filling {
    number: u64,
    count: u64,
    last: Value,
    numbers: u64,
    min: f64,
    max: f64,
    sum: f64,
}

impl Filling {
    fn add_numbers(&mut self, count: u64, min: f64, max: f64, sum: f64) {
        self.numbers += count;
        self.min = self.min.min(min);
        self.max = self.max.max(max);
        self.sum += sum;
    }
}

impl Buckets {
    fn number(&self, at: i64) -> u64 {
        at.wrapping_sub(self.from) as u64 / self.step as u64 // `at` is not before `from`
    }

    fn start(&self, number: u64) -> i64 {
        self.from.wrapping_add(number.wrapping_mul(self.step as u64) as i64)
    }

    fn bucket(&mut self, number: u64, last: Value) -> Result<&mut Filling> {
        if self.current.as_ref().is_some_and(|current| current.number != number) {
            self.close()?;
        }
        let current = self.current.get_or_insert_with(|| Filling {
            number,
            count: 0,
            last: last.clone(),
            numbers: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            sum: 0.0,
        });
        current.last = last;
        Ok(current)
    }

    fn close(&mut self) -> Result<()> {
        if let Some(Filling { number, count, last, numbers, min, max, sum }) = self.current.take() {
            if self.done.len() == BUCKETS_MAX {
                return Err(StoreError::TooManyBuckets);
            }
            let start = super::at(self.start(number));
            let numbers = (numbers > 0).then(|| NumberSummary { min, max, mean: sum / numbers as f64 });
            self.done.push(Bucket { start, count, last, numbers });
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Bucket>> {
        self.close()?;
        Ok(self.done)
    }

    fn add_block(&mut self, source: &Source) -> Result<()> {
        let Body::Block { segment, block } = &source.body else { return Ok(()) };
        let number = self.number(source.first_at);
        let count = u64::from(segment.time_of(*block).count);
        let block = &segment.index.blocks[*block];
        if let Some(last) = block.last() {
            let bucket = self.bucket(number, last)?;
            bucket.count += count;
            if let Some((min, max, sum)) = block.numbers() {
                bucket.add_numbers(count, min, max, sum);
            }
        }
        Ok(())
    }

    fn add_slice(&mut self, columns: &Columns, range: Range<usize>) -> Result<()> {
        let mut start = range.start;
        while start < range.end {
            let number = self.number(columns.at[start]);
            // The last instant of the bucket; beyond the end of time there is no other bucket.
            let last_at = self.start(number).checked_add(self.step - 1).unwrap_or(i64::MAX);
            let end = start + columns.at[start..range.end].partition_point(|at| *at <= last_at);
            let bucket = self.bucket(number, columns.values.get(end - 1))?;
            bucket.count += (end - start) as u64;
            let count = (end - start) as u64;
            match &columns.values {
                Values::Float(values) => {
                    let (min, max, sum) = summary(values[start..end].iter().copied());
                    bucket.add_numbers(count, min, max, sum);
                }
                Values::Integer(values) => {
                    let (min, max, sum) = summary(values[start..end].iter().map(|x| *x as f64));
                    bucket.add_numbers(count, min, max, sum);
                }
                Values::Boolean(_) | Values::Text(_) => {}
            }
            start = end;
        }
        Ok(())
    }
}

fn summary(numbers: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    numbers.fold((f64::INFINITY, f64::NEG_INFINITY, 0.0), |(min, max, sum), x| (min.min(x), max.max(x), sum + x))
}
