//! Long spans, from what tasks have summed up by minute and hour.

use super::super::client::RequestError;
use super::super::line::{MEASUREMENT, field_of_kind};
use super::super::setup::{ROLLUPS, Rollup};
use super::{InfluxReader, MetricKey, ROWS_MAX, Span, Steps, Summary, close, odd, params, time};
use crate::store::{Bucket, Result, Value};
use compact_str::CompactString;
use firmware_schemas::quantity::Timestamp;
use serde_json::Value as Json;
use std::time::Duration;

const SECOND: i64 = 1_000_000_000;

/// The coarsest sums that these steps are made of, if the span is long enough for them.
pub(super) fn rollup(span: Span, steps: Steps, from: Duration) -> Option<&'static Rollup> {
    if u128::from(span.to.abs_diff(span.from)) + 1 < from.as_nanos() {
        return None;
    }
    let fits = |rollup: &&Rollup| {
        let every = i64::from(rollup.every_secs) * SECOND;
        steps.step % every == 0 && steps.start % every == 0
    };
    ROLLUPS.iter().rev().find(fits)
}

impl InfluxReader {
    /// The steps of `span` that are summed up, all of them, and long enough ago for late readings to be in.
    pub(super) async fn rolled_up(
        &self,
        key: &MetricKey,
        rollup: &Rollup,
        span: Span,
        steps: Steps,
    ) -> Result<Option<Span>> {
        let ends = ["ASC", "DESC"].map(|order| format!("{} ORDER BY time {order} LIMIT 1", of_series()));
        let bucket = rollup.bucket(self.client.bucket());
        let answer = match self.client.influxql_of(&bucket, &ends.join("; "), &params(key, span)).await {
            // Nobody has set it up.
            Err(RequestError::Missing { .. }) => return Ok(None),
            answer => answer?,
        };
        let at = |n: usize| answer.get(n).and_then(|rows| rows.values.first()).map(|row| time(row)).transpose();
        let (Some(first), Some(last)) = (at(0)?, at(1)?) else { return Ok(None) };
        let [first, last] = [first, last].map(Timestamp::as_nanos);
        let summed_up = last + i64::from(rollup.every_secs) * SECOND - i64::from(rollup.look_back_secs) * SECOND;
        let from = match steps.start_of(Timestamp::from_nanos(first)).as_nanos() {
            start if start == first => first,
            start => start.saturating_add(steps.step),
        };
        let end = steps.start_of(Timestamp::from_nanos(summed_up)).as_nanos();
        Ok((from < end).then_some(Span { from, to: end - 1 }))
    }

    /// Fills the buckets from sums.
    pub(super) async fn add_rollup(
        &self,
        key: &MetricKey,
        rollup: &Rollup,
        span: Span,
        steps: Steps,
        buckets: &mut Vec<Bucket>,
    ) -> Result<()> {
        let bucket = rollup.bucket(self.client.bucket());
        let question = format!("{} ORDER BY time ASC LIMIT {ROWS_MAX}", of_series());
        let mut rest = Some(span);
        let mut filling: Option<(Timestamp, u64, Value, Summary)> = None;
        while let Some(span) = rest {
            let answer = self.client.influxql_of(&bucket, &question, &params(key, span)).await?;
            let rows = &answer.first().ok_or_else(|| odd("no result"))?.values;
            for row in rows {
                let start = steps.start_of(time(row)?);
                if filling.as_ref().is_some_and(|(current, ..)| *current != start) {
                    close(&mut filling, buckets)?;
                }
                let sums = Sums::of(row)?;
                let (_, count, last, summary) =
                    filling.get_or_insert_with(|| (start, 0, sums.last.clone(), Summary::default()));
                *count += sums.count;
                if let Some((numbers, min, max, mean)) = sums.numbers {
                    summary.add(numbers, min, max, mean * numbers as f64);
                }
                *last = sums.last;
            }
            let full = rows.len() == ROWS_MAX;
            rest = match rows.last().filter(|_| full) {
                Some(row) => span.after(time(row)?),
                None => None,
            };
        }
        close(&mut filling, buckets)
    }
}

/// One step of a task.
struct Sums {
    /// Points of any type.
    count: u64,
    /// How many numbers, smallest, largest, mean.
    numbers: Option<(u64, f64, f64, f64)>,
    last: Value,
}

impl Sums {
    fn of(row: &[Json]) -> Result<Self> {
        let [_, count, min, max, mean, last, booleans, boolean, texts, text, kind] = row else {
            return Err(odd("a row of another width"));
        };
        let lacks = || odd("a step of a task without its last reading: `portolan influx setup` says more");
        let value = match kind.as_i64().and_then(field_of_kind) {
            Some("float") => last.as_f64().map(Value::Float),
            // Whole numbers of readings are within 2^53, and so exact as floats.
            Some("integer") => last.as_f64().map(|last| Value::Integer(last as i64)),
            Some("boolean") => boolean.as_bool().map(Value::Boolean),
            Some("text") => text.as_str().map(|text| Value::Text(CompactString::from(text))),
            _ => None,
        };
        let n = |count: &Json| count.as_u64().unwrap_or(0);
        let numbers = match (n(count), min.as_f64(), max.as_f64(), mean.as_f64()) {
            (0, ..) => None,
            (count, Some(min), Some(max), Some(mean)) => Some((count, min, max, mean)),
            _ => return Err(lacks()),
        };
        Ok(Self { count: n(count) + n(booleans) + n(texts), numbers, last: value.ok_or_else(lacks)? })
    }
}

fn of_series() -> String {
    format!(
        r#"SELECT "count", "min", "max", "mean", "last", "boolean_count", "boolean_last", "text_count", "text_last", "kind_last" FROM "{MEASUREMENT}" WHERE "device" = $device AND "metric" = $metric AND time >= $from AND time <= $to"#
    )
}
