//! Series: what a device's metric was, from the store.

use super::api::{About, Api, Call};
use super::error::{Kind, Problem};
use super::params::{Nanos, ReadingLimit, path_params, query_params};
use crate::store::{Bucket, Point};
use ::twin::Twin;
use firmware_schemas::api::{BucketView, MetricBuckets, MetricReadings};
use firmware_schemas::fact::{DeviceIdx, SeriesId};
use firmware_schemas::id::{DeviceId, MetricName};
use firmware_schemas::quantity::{Seconds, Timestamp};
use firmware_schemas::view::ReadingView;
use std::time::Duration;

/// What is shown when `from` is absent.
const DEFAULT_SPAN: Duration = Duration::from_secs(86_400);
/// Buckets when `step_secs` is absent.
const DEFAULT_BUCKETS: u64 = 288;
/// The most buckets in one answer.
const BUCKETS_MAX: u64 = 10_000;

pub(super) fn add_to(api: &mut Api) {
    let about = |path, id, summary, description| About { path, id, tag: "devices", summary, description };
    let readings = "Ascending in time, `from` included and `to` not. Without `to` until now, without `from` the day \
        before `to`. What arrives late may appear behind a cursor that was already passed.";
    let path = "/v1/devices/{device}/metrics/{metric}/readings";
    api.get(about(path, "list_readings", "Readings of a metric", readings), list);
    let latest = "The newest reading at or before `at`, however late it arrived; without `at` the newest until now.";
    let path = "/v1/devices/{device}/metrics/{metric}/latest";
    api.get(about(path, "get_latest_reading", "The reading at an instant", latest), latest_at);
    let buckets = "The span is cut into steps from `from` on. Without `step_secs` into 288 of them; at most 10,000. \
        Steps in which nothing was measured are left out.";
    let path = "/v1/devices/{device}/metrics/{metric}/buckets";
    api.get(about(path, "list_buckets", "A metric in steps of time", buckets), downsample);
}

path_params! {
    /// Names a metric of a device.
    SeriesPath {
        /// The device's id.
        device: DeviceId = "COLD-DAVENTRY-1",
        /// The metric's name, unique within the device.
        metric: MetricName = "temperature",
    }
}
query_params! {
    /// Which readings.
    RangeQuery {
        /// Not before this; a day before `to` when absent.
        from: Timestamp = "2026-11-22T00:00:00Z",
        /// Before this; now when absent.
        to: Timestamp = "2026-11-23T00:00:00Z",
        /// At most so many.
        limit: ReadingLimit = 1_000,
        /// The `next_cursor` of the page before.
        cursor: Nanos = 1_795_329_600_000_000_000_i64,
    }
}
query_params! {
    /// Which instant.
    LatestQuery {
        /// At or before this; now when absent.
        at: Timestamp = "2026-11-22T06:40:00Z",
    }
}
query_params! {
    /// Which steps.
    BucketQuery {
        /// The first step begins here; a day before `to` when absent.
        from: Timestamp = "2026-11-22T00:00:00Z",
        /// The last step ends here or later; now when absent.
        to: Timestamp = "2026-11-23T00:00:00Z",
        /// The length of a step in seconds, at least 1.
        step_secs: u64 = 300,
    }
}

fn find(twin: &Twin, path: &SeriesPath) -> Result<SeriesId, Problem> {
    let device = twin.device_by_id.get(&path.device).copied();
    let device = device.ok_or_else(|| Problem::not_found("device", &path.device))?;
    let what = || format!("{}/{}", path.device, path.metric);
    twin.series_of(DeviceIdx(device), &path.metric).ok_or_else(|| Problem::not_found("metric", what()))
}

fn span(from: Option<Timestamp>, to: Option<Timestamp>, now: Timestamp) -> Result<(Timestamp, Timestamp), Problem> {
    // The end is not included, so that a reading of this very instant needs one more nanosecond.
    let to = to.unwrap_or_else(|| now.saturating_add(Duration::from_nanos(1)));
    let from = from.unwrap_or_else(|| to.saturating_sub(DEFAULT_SPAN));
    if from > to { Err(Problem::parameter("from", format!("{from} is after {to}"))) } else { Ok((from, to)) }
}

async fn list(call: Call<SeriesPath, RangeQuery>) -> Result<MetricReadings, Problem> {
    let Call { app, path, query, .. } = call;
    let (from, to) = span(query.from, query.to, app.clock.now())?;
    let limit = query.limit.unwrap_or_default().0;
    let after = query.cursor.map(|cursor| cursor.0);
    app.blocking(move |app| {
        let published = app.published.load();
        let series = find(&published.twin, &path)?;
        let page = app.store.range(series, from..to, limit, after)?;
        let about = published.twin.metric_view(series);
        Ok(MetricReadings {
            device: path.device,
            metric: path.metric,
            unit: about.unit,
            kind: about.kind,
            items: page.points.into_iter().map(reading).collect(),
            next_cursor: page.next.map(|at| at.as_nanos().to_string()),
        })
    })
    .await
}

async fn latest_at(call: Call<SeriesPath, LatestQuery>) -> Result<ReadingView, Problem> {
    let Call { app, path, query, .. } = call;
    let at = query.at.unwrap_or_else(|| app.clock.now());
    app.blocking(move |app| {
        let series = find(&app.published.load().twin, &path)?;
        let point = app.store.latest_at(series, at)?;
        let none =
            || Problem::new(Kind::NotFound, format!("{}/{} has no reading until {at}", path.device, path.metric));
        point.map(reading).ok_or_else(none)
    })
    .await
}

async fn downsample(call: Call<SeriesPath, BucketQuery>) -> Result<MetricBuckets, Problem> {
    let Call { app, path, query, .. } = call;
    let (from, to) = span(query.from, query.to, app.clock.now())?;
    let span_secs = to.since(from).as_nanos().div_ceil(1_000_000_000);
    let span_secs = u64::try_from(span_secs).unwrap_or(u64::MAX);
    let step_secs = query.step_secs.unwrap_or_else(|| span_secs.div_ceil(DEFAULT_BUCKETS).max(1));
    if step_secs == 0 {
        return Err(Problem::parameter("step_secs", "a step is at least one second"));
    }
    let n_buckets = span_secs.div_ceil(step_secs);
    if n_buckets > BUCKETS_MAX {
        let detail = format!("{n_buckets} steps exceed the limit of {BUCKETS_MAX}; take longer ones, or less at once");
        return Err(Problem::parameter("step_secs", detail));
    }
    app.blocking(move |app| {
        let published = app.published.load();
        let series = find(&published.twin, &path)?;
        let buckets = app.store.downsample(series, from..to, Duration::from_secs(step_secs))?;
        let about = published.twin.metric_view(series);
        Ok(MetricBuckets {
            device: path.device,
            metric: path.metric,
            unit: about.unit,
            kind: about.kind,
            step_secs: Seconds(step_secs),
            items: buckets.into_iter().map(bucket).collect(),
        })
    })
    .await
}

fn reading(point: Point) -> ReadingView {
    ReadingView { at: point.at, value: point.value, quality: point.quality }
}

fn bucket(bucket: Bucket) -> BucketView {
    let Bucket { start, count, last, numbers } = bucket;
    let [min, max, mean] = [numbers.map(|n| n.min), numbers.map(|n| n.max), numbers.map(|n| n.mean)];
    BucketView { start, count, last, min, max, mean }
}
