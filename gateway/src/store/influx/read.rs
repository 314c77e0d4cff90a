//! What a series was, from InfluxDB, with the answers that the embedded store gives.
//!
//! Questions are InfluxQL, since it has bound parameters and gives a point's fields in one row; Flux has neither
//! in the open-source server. Times, strings and limits go in as parameters; the steps of a downsampling are
//! printed from integers.

mod rolled;

use super::client::{InfluxClient, RequestError, Rows};
use super::line::{MEASUREMENT, TIME_MAX, TIME_MIN, field_of_kind, quality_of_kind};
use super::writer::Progress;
use crate::caller::has_left;
use crate::store::{
    BUCKETS_MAX, Bucket, NumberSummary, Page, Point, Result, SeriesId, Store, StoreError, StoreStats, Value,
};
use compact_str::CompactString;
use firmware_schemas::id::{DeviceId, MetricName};
use firmware_schemas::quantity::Timestamp;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How often a thread that waits looks whether its caller still does.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The most rows that one request asks for.
const ROWS_MAX: usize = 10_000;

/// What readers find a series by. The site is not asked for: a device may have moved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricKey {
    /// The device.
    pub device: DeviceId,
    /// What it measures.
    pub metric: MetricName,
}

/// Knows the names of series: the twin, or a test's table.
pub trait SeriesNames: Send + Sync {
    /// The names of a series; `None` if there is no such series.
    fn name_of(&self, series: SeriesId) -> Option<MetricKey>;
}

impl<F: Fn(SeriesId) -> Option<MetricKey> + Send + Sync> SeriesNames for F {
    fn name_of(&self, series: SeriesId) -> Option<MetricKey> {
        self(series)
    }
}

/// Asks one bucket about series. A question whose future is dropped is cancelled, also in InfluxDB.
#[derive(Clone)]
pub struct InfluxReader {
    client: InfluxClient,
    names: Arc<dyn SeriesNames>,
    /// Spans at least so long are answered from what is summed up already.
    rolled_up_from: Option<Duration>,
}

impl InfluxReader {
    /// Reads with `client`, which should have a token that may read the bucket.
    pub fn new(client: InfluxClient, names: Arc<dyn SeriesNames>) -> Self {
        Self { client, names, rolled_up_from: None }
    }

    /// Has it answer questions over at least so long a span from what tasks have summed up, as far as steps allow.
    #[must_use]
    pub fn rolled_up_from(mut self, span: Option<Duration>) -> Self {
        self.rolled_up_from = span;
        self
    }

    /// As [`Store::latest_at`].
    pub async fn latest_at(&self, series: SeriesId, at: Timestamp) -> Result<Option<Point>> {
        let Some(key) = self.names.name_of(series) else { return Ok(None) };
        let Some(span) = Span::through(TIME_MIN, at) else { return Ok(None) };
        let question = format!("{POINTS} {} ORDER BY time DESC LIMIT 1", of_series(""));
        let answer = self.ask(&question, params(&key, span)).await?;
        Ok(points(&answer[0])?.pop())
    }

    /// As [`Store::range`].
    pub async fn range(
        &self,
        series: SeriesId,
        span: Range<Timestamp>,
        limit: usize,
        after: Option<Timestamp>,
    ) -> Result<Page> {
        let limit = limit.max(1);
        let mut page = Page::default();
        let Some(key) = self.names.name_of(series) else { return Ok(page) };
        let mut after = after;
        loop {
            let Some(rest) = Span::new(&span, after) else { return Ok(page) };
            // One more than asked for says whether there is a next page.
            let rows_max = (limit - page.points.len()).saturating_add(1).min(ROWS_MAX);
            let question = format!("{POINTS} {} ORDER BY time ASC LIMIT {rows_max}", of_series(""));
            let answer = self.ask(&question, params(&key, rest)).await?;
            let mut found = points(&answer[0])?;
            let more = answer[0].values.len() == rows_max;
            let room = limit - page.points.len();
            if found.len() > room {
                found.truncate(room);
                page.points.append(&mut found);
                page.next = page.points.last().map(|point| point.at);
                return Ok(page);
            }
            after = found.last().map(|point| point.at).or(after);
            page.points.append(&mut found);
            if !more {
                return Ok(page);
            }
        }
    }

    /// As [`Store::downsample`].
    pub async fn downsample(&self, series: SeriesId, span: Range<Timestamp>, step: Duration) -> Result<Vec<Bucket>> {
        let step = i64::try_from(step.as_nanos()).unwrap_or(i64::MAX);
        if step <= 0 {
            return Err(StoreError::ZeroStep);
        }
        let steps = Steps { start: span.start.as_nanos(), step };
        let mut buckets = Vec::new();
        let Some(key) = self.names.name_of(series) else { return Ok(buckets) };
        let Some(whole) = Span::new(&span, None) else { return Ok(buckets) };
        let mut rest = Some(whole);
        if let Some(rollup) = self.rolled_up_from.and_then(|from| rolled::rollup(whole, steps, from))
            && let Some(known) = self.rolled_up(&key, rollup, whole, steps).await?
        {
            self.add_points(&key, whole.until(known.from), steps, &mut buckets).await?;
            self.add_rollup(&key, rollup, known, steps, &mut buckets).await?;
            rest = whole.after(Timestamp::from_nanos(known.to));
        }
        self.add_points(&key, rest, steps, &mut buckets).await?;
        Ok(buckets)
    }

    async fn add_points(
        &self,
        key: &MetricKey,
        span: Option<Span>,
        steps: Steps,
        buckets: &mut Vec<Bucket>,
    ) -> Result<()> {
        let Some(span) = span else { return Ok(()) };
        let [early, middle, late] = steps.split(span);
        self.fold(key, early, steps, buckets).await?;
        self.summarise(key, middle, steps, buckets).await?;
        self.fold(key, late, steps, buckets).await
    }

    /// Lets InfluxDB fill the buckets.
    async fn summarise(
        &self,
        key: &MetricKey,
        span: Option<Span>,
        steps: Steps,
        buckets: &mut Vec<Bucket>,
    ) -> Result<()> {
        let question = steps.question();
        let mut rest = span;
        while let Some(span) = rest {
            let answer = self.ask(&question, params(key, span)).await?;
            let [counts, last, floats, integers] = answer.as_slice() else { return Err(odd("not four results")) };
            let found = steps.buckets(counts, last, [floats, integers])?;
            if buckets.len() + found.len() > BUCKETS_MAX {
                return Err(StoreError::TooManyBuckets);
            }
            buckets.extend(found);
            let full = counts.values.len() == ROWS_MAX;
            rest = buckets.last().filter(|_| full).and_then(|last| span.after(steps.last_of(last.start)));
        }
        Ok(())
    }

    /// Fills the buckets here, from all points.
    async fn fold(&self, key: &MetricKey, span: Option<Span>, steps: Steps, buckets: &mut Vec<Bucket>) -> Result<()> {
        let mut rest = span;
        let mut filling: Option<(Timestamp, u64, Value, Summary)> = None;
        loop {
            let mut found = Vec::new();
            if let Some(span) = rest {
                let question = format!("{POINTS} {} ORDER BY time ASC LIMIT {ROWS_MAX}", of_series(""));
                let answer = self.ask(&question, params(key, span)).await?;
                found = points(&answer[0])?;
                let full = answer[0].values.len() == ROWS_MAX;
                rest = found.last().filter(|_| full).and_then(|last| span.after(last.at));
            }
            let end = found.is_empty();
            for point in found {
                let start = steps.start_of(point.at);
                if filling.as_ref().is_some_and(|(current, ..)| *current != start) {
                    close(&mut filling, buckets)?;
                }
                let value = point.value.clone();
                let (_, count, last, summary) = filling.get_or_insert((start, 0, value, Summary::default()));
                *count += 1;
                if let Some(number) = point.value.as_f64() {
                    summary.add(1, number, number, number);
                }
                *last = point.value;
            }
            if end {
                return close(&mut filling, buckets);
            }
        }
    }

    async fn ask(&self, question: &str, params: Map<String, Json>) -> Result<Vec<Rows>> {
        let answer = self.client.influxql(question, &params).await?;
        if answer.is_empty() { Err(odd("no result")) } else { Ok(answer) }
    }
}

const POINTS: &str = r#"SELECT "kind", "float", "integer", "boolean", "text""#;

/// The points of one series within a span of time, of which `and` holds.
fn of_series(and: &str) -> String {
    format!(
        r#"FROM "{MEASUREMENT}" WHERE "device" = $device AND "metric" = $metric AND time >= $from AND time <= $to{and}"#
    )
}

fn params(key: &MetricKey, span: Span) -> Map<String, Json> {
    Map::from_iter([
        ("device".to_owned(), Json::from(key.device.as_str())),
        ("metric".to_owned(), Json::from(key.metric.as_str())),
        ("from".to_owned(), Json::from(span.from)),
        ("to".to_owned(), Json::from(span.to)),
    ])
}

/// Instants that InfluxDB can hold, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: i64,
    to: i64,
}

impl Span {
    fn through(from: Timestamp, to: Timestamp) -> Option<Self> {
        let span = Self { from: from.max(TIME_MIN).as_nanos(), to: to.min(TIME_MAX).as_nanos() };
        (span.from <= span.to).then_some(span)
    }

    fn after(self, after: Timestamp) -> Option<Self> {
        let from = after.as_nanos().checked_add(1)?;
        (from <= self.to).then_some(Self { from, to: self.to })
    }

    fn until(self, end: i64) -> Option<Self> {
        let to = end.checked_sub(1)?;
        (self.from <= to).then_some(Self { from: self.from, to: to.min(self.to) })
    }

    /// What of `span` lies after `after`; `None` if nothing does. The greatest end is no end.
    fn new(span: &Range<Timestamp>, after: Option<Timestamp>) -> Option<Self> {
        let from = match after {
            Some(Timestamp::MAX) => return None,
            Some(after) => span.start.max(Timestamp::from_nanos(after.as_nanos() + 1)),
            None => span.start,
        };
        let to = match span.end {
            Timestamp::MAX => TIME_MAX,
            end => Timestamp::from_nanos(end.as_nanos().checked_sub(1)?),
        };
        Self::through(from, to)
    }
}

/// The steps of a downsampling.
#[derive(Clone, Copy)]
struct Steps {
    start: i64,
    step: i64,
}

impl Steps {
    fn question(self) -> String {
        let Self { start, step } = self;
        // InfluxQL counts steps from the epoch, moved by the second number.
        let by = format!("GROUP BY time({step}ns, {}ns) FILL(none) LIMIT {ROWS_MAX}", start.rem_euclid(step));
        // Cast, since a sum of integers might overflow.
        let numbers =
            |field: &str| format!(r#"SELECT count("{field}"), min("{field}"), max("{field}"), sum("{field}"::float)"#);
        format!(
            r#"SELECT count("kind") {all} {by}; SELECT last("kind") AS "kind", "float", "integer", "boolean", "text" {all} {by}; {} {} {by}; {} {} {by}"#,
            numbers("float"),
            of_series(r#" AND ("kind" = 0 OR "kind" = 10 OR "kind" = 20)"#),
            numbers("integer"),
            of_series(r#" AND ("kind" = 1 OR "kind" = 11 OR "kind" = 21)"#),
            all = of_series(""),
        )
    }

    /// Cuts a span in three at bounds of steps. In the middle InfluxDB counts right; closer to the ends of time its
    /// arithmetic overflows, and a step that begins with its earliest time is answered as one of 1970.
    fn split(self, span: Span) -> [Option<Span>; 3] {
        let [start, step] = [self.start, self.step].map(i128::from);
        let margin = 2 * step + 2;
        // The first bound at or after `at`.
        let bound = |at: i128| at + (start - at).rem_euclid(step);
        let early = bound(i128::from(i64::MIN) + margin);
        let late = bound(i128::from(i64::MAX) - margin).max(early);
        let part = |from: i128, to: i128| {
            let from = i64::try_from(from.max(i128::from(span.from))).ok()?;
            let to = i64::try_from(to.min(i128::from(span.to))).ok()?;
            (from <= to).then_some(Span { from, to })
        };
        let (first, last) = (i128::from(span.from), i128::from(span.to));
        [part(first, early - 1), part(early, late - 1), part(late, last)]
    }

    /// When the step begins that `at` lies in. InfluxDB gives a later time for a step that begins before all time.
    fn start_of(self, at: Timestamp) -> Timestamp {
        let into = (i128::from(at.as_nanos()) - i128::from(self.start)).rem_euclid(i128::from(self.step));
        Timestamp::from_nanos(i64::try_from(i128::from(at.as_nanos()) - into).unwrap_or(i64::MIN))
    }

    fn last_of(self, start: Timestamp) -> Timestamp {
        Timestamp::from_nanos(start.as_nanos().saturating_add(self.step - 1))
    }

    fn buckets(self, counts: &Rows, last: &Rows, numbers: [&Rows; 2]) -> Result<Vec<Bucket>> {
        let mut found: BTreeMap<Timestamp, (u64, Option<Value>, Summary)> = BTreeMap::new();
        for row in &counts.values {
            let count = row.get(1).and_then(Json::as_u64).ok_or_else(|| odd("a step without a count"))?;
            found.entry(self.start_of(time(row)?)).or_default().0 += count;
        }
        // The others have no steps that this one has not, but may reach further.
        for point in points(last)? {
            if let Some(bucket) = found.get_mut(&self.start_of(point.at)) {
                bucket.1 = Some(point.value);
            }
        }
        for row in numbers.into_iter().flat_map(|rows| &rows.values) {
            if let Some(bucket) = found.get_mut(&self.start_of(time(row)?)) {
                bucket.2.add_row(row)?;
            }
        }
        let bucket = |(start, (count, last, summary)): (_, (u64, Option<Value>, Summary))| {
            let last = last.ok_or_else(|| odd("a step without its last point"))?;
            Ok(Bucket { start, count, last, numbers: summary.finish() })
        };
        found.into_iter().map(bucket).collect()
    }
}

#[derive(Default)]
struct Summary {
    count: u64,
    min: f64,
    max: f64,
    sum: f64,
}

impl Summary {
    /// Adds a row of time, count, smallest, largest and sum.
    fn add_row(&mut self, row: &[Json]) -> Result<()> {
        let number = |idx: usize| row.get(idx).and_then(Json::as_f64).ok_or_else(|| odd("a summary without a number"));
        let count = row.get(1).and_then(Json::as_u64).unwrap_or(0);
        if count > 0 {
            self.add(count, number(2)?, number(3)?, number(4)?);
        }
        Ok(())
    }

    fn add(&mut self, count: u64, min: f64, max: f64, sum: f64) {
        let first = self.count == 0;
        self.min = if first { min } else { self.min.min(min) };
        self.max = if first { max } else { self.max.max(max) };
        self.sum += sum;
        self.count += count;
    }

    fn finish(self) -> Option<NumberSummary> {
        let Self { count, min, max, sum } = self;
        (count > 0).then(|| NumberSummary { min, max, mean: sum / count as f64 })
    }
}

fn close(filling: &mut Option<(Timestamp, u64, Value, Summary)>, buckets: &mut Vec<Bucket>) -> Result<()> {
    if let Some((start, count, last, summary)) = filling.take() {
        if buckets.len() == BUCKETS_MAX {
            return Err(StoreError::TooManyBuckets);
        }
        buckets.push(Bucket { start, count, last, numbers: summary.finish() });
    }
    Ok(())
}

fn odd(what: &str) -> StoreError {
    StoreError::Influx(RequestError::Unexpected { status: 200, reason: what.to_owned() })
}

fn time(row: &[Json]) -> Result<Timestamp> {
    let nanos = row.first().and_then(Json::as_i64).ok_or_else(|| odd("a row without a time"))?;
    Ok(Timestamp::from_nanos(nanos))
}

/// The points in rows of time, kind, float, integer, boolean and text. Rows of equal times are one point: they
/// come from a device that has moved to another site.
fn points(rows: &Rows) -> Result<Vec<Point>> {
    let mut points: Vec<Point> = Vec::with_capacity(rows.values.len());
    for row in &rows.values {
        let point = point(row)?;
        match points.last_mut() {
            Some(last) if last.at == point.at => *last = point,
            _ => points.push(point),
        }
    }
    Ok(points)
}

fn point(row: &[Json]) -> Result<Point> {
    let [at, kind, float, integer, boolean, text] = row else { return Err(odd("a row of another width")) };
    let at = time(std::slice::from_ref(at))?;
    let foreign = || odd(&format!("the point at {at} was not written by Portolan"));
    let kind = kind.as_i64().ok_or_else(foreign)?;
    let quality = quality_of_kind(kind).ok_or_else(foreign)?;
    let value = match field_of_kind(kind) {
        Some("float") => float.as_f64().map(Value::Float),
        Some("integer") => integer.as_i64().map(Value::Integer),
        Some("boolean") => boolean.as_bool().map(Value::Boolean),
        Some("text") => text.as_str().map(|text| Value::Text(CompactString::from(text))),
        _ => None,
    };
    Ok(Point { at, value: value.ok_or_else(foreign)?, quality })
}

/// The store of a gateway whose readings are in InfluxDB.
///
/// It only reads: what is written comes from the journal, by its own cursor. The methods block, and may be called
/// on any thread, also one of an asynchronous runtime; that thread then waits.
pub struct InfluxStore {
    reader: InfluxReader,
    /// Of whoever writes.
    progress: Arc<Progress>,
    runtime: Option<Runtime>,
}

impl InfluxStore {
    /// Reads through `reader`, whose client must be used nowhere else, since this store has a runtime of its own;
    /// `progress` is of whoever writes.
    pub fn new(reader: InfluxReader, progress: Arc<Progress>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("influx-read")
            .enable_all()
            .build()?;
        Ok(Self { reader, progress, runtime: Some(runtime) })
    }

    /// The same questions without blocking.
    pub fn reader(&self) -> &InfluxReader {
        &self.reader
    }

    fn wait<T: Send + 'static>(&self, question: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        let stopped = || odd("the store is stopping");
        let (tell, hear) = std::sync::mpsc::sync_channel(1);
        let runtime = self.runtime.as_ref().ok_or_else(stopped)?;
        let asking = runtime.spawn(async move { tell.send(question.await) });
        loop {
            match hear.recv_timeout(LOOK_EVERY) {
                Ok(answer) => return answer,
                Err(RecvTimeoutError::Timeout) if has_left() => {
                    // Dropping the question closes its connection, at which InfluxDB stops working on it.
                    asking.abort();
                    return Err(odd("whoever asked has left"));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(stopped()),
            }
        }
    }
}

impl Drop for InfluxStore {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background(); // dropping it would panic on an asynchronous thread
        }
    }
}

impl Store for InfluxStore {
    /// Does nothing: the writer reads the journal.
    fn append(&self, _up_to: u64, _points: &[(SeriesId, Point)]) -> Result<()> {
        Ok(())
    }

    fn latest_at(&self, series: SeriesId, at: Timestamp) -> Result<Option<Point>> {
        let reader = self.reader.clone();
        self.wait(async move { reader.latest_at(series, at).await })
    }

    fn range(&self, series: SeriesId, span: Range<Timestamp>, limit: usize, after: Option<Timestamp>) -> Result<Page> {
        let reader = self.reader.clone();
        self.wait(async move { reader.range(series, span, limit, after).await })
    }

    fn downsample(&self, series: SeriesId, span: Range<Timestamp>, step: Duration) -> Result<Vec<Bucket>> {
        let reader = self.reader.clone();
        self.wait(async move { reader.downsample(series, span, step).await })
    }

    fn applied(&self) -> u64 {
        self.progress.written.load(Ordering::Acquire)
    }

    fn seal(&self) -> Result<()> {
        Ok(())
    }

    /// Does nothing: how long points are kept is the bucket's own setting.
    fn retain(&self, _oldest: Timestamp) -> Result<()> {
        Ok(())
    }

    fn compact(&self) -> Result<()> {
        Ok(())
    }

    fn is_replayed(&self) -> bool {
        false
    }

    /// What was written since the start; of what else InfluxDB holds nothing is known.
    fn stats(&self) -> StoreStats {
        self.progress.stats()
    }
}
