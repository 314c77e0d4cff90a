//! Whether InfluxDB has what the journal says that it should have, by series and hour.
//!
//! InfluxDB counts. Only for an hour in which the counts differ, or in which they cannot tell, are its times
//! fetched and compared one by one.

use super::client::{InfluxClient, RequestError, Rows};
use super::line::{MEASUREMENT, TIME_MAX, TIME_MIN};
use super::setup::retention_secs;
use crate::journal::{JournalReader, ReadError, Seq};
use firmware_schemas::codec::{self, Frame};
use firmware_schemas::fact::{Fact, FactError, RefusedBy};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::topic::{Channel, Topic};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use twin::Twin;

const HOUR_NANOS: i64 = 3_600_000_000_000;
/// The most rows that one statement gives.
const ROWS_MAX: usize = 10_000;
/// How many series are counted with one request.
const SERIES_AT_ONCE: usize = 20;
/// Closer to the ends of time InfluxDB's arithmetic overflows. No reading is taken from there.
const MARGIN: Duration = Duration::from_secs(7_200);

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record is not a fact that this build knows.
    #[error("journal record {seq}: {why}")]
    Fact {
        /// Which record.
        seq: u64,
        /// What is wrong with it.
        why: FactError,
    },
    /// InfluxDB does not answer.
    #[error("{0}")]
    Request(#[from] RequestError),
}

/// One hour of one series that is not as the journal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The site where the device is now.
    pub site: String,
    /// The device.
    pub device: String,
    /// What it measures.
    pub metric: String,
    /// When the hour begins.
    pub hour: Timestamp,
    /// How many points the journal says there should be.
    pub expected: u64,
    /// How many there are.
    pub found: u64,
    /// How many that should be there are not.
    pub missing: u64,
    /// How many are there that the journal knows nothing of.
    pub surplus: u64,
}

/// What was compared, and what differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The first record that the journal keeps.
    pub first: u64,
    /// The record up to which InfluxDB should have everything.
    pub cursor: u64,
    /// The journal's last record.
    pub durable: u64,
    /// Series that the journal knows.
    pub series: u64,
    /// Hours of series that were compared.
    pub hours: u64,
    /// Points that should be there: the last to arrive for each series and time.
    pub expected: u64,
    /// Of them, how many are.
    pub present: u64,
    /// Readings behind the cursor, which InfluxDB has yet to get.
    pub not_yet: u64,
    /// Points older than the bucket keeps; InfluxDB may have them or not.
    pub beyond_retention: u64,
    /// Points in quarantine, refused by the database; it may have them by now or not.
    pub refused: u64,
    /// Points from before the journal's first record, which it knows nothing of.
    pub before_journal: u64,
    /// Points of devices and metrics that the journal knows nothing of.
    pub other_series: u64,
    /// What differs, by series and hour.
    pub differences: Vec<Difference>,
}

/// The times of one series, ascending and each once.
#[derive(Default)]
struct Times {
    /// That InfluxDB must have.
    must: Vec<i64>,
    /// That it may have.
    may: Vec<i64>,
}

/// Compares the journal up to `cursor` with the bucket. `twin` knows all series; `now` says what the bucket's
/// retention has passed.
///
/// Eight bytes of memory for every reading in the journal.
pub async fn check(
    client: &InfluxClient,
    reader: &JournalReader,
    twin: &Twin,
    cursor: Seq,
    now: Timestamp,
) -> Result<Checked, CheckError> {
    let answer = client.get("buckets", &[("org", client.org()), ("name", client.bucket())]).await?;
    let bucket = &answer["buckets"][0];
    if bucket.is_null() {
        return Err(RequestError::Missing { reason: "no such bucket for this token".to_owned() }.into());
    }
    let oldest = retention_secs(bucket).map(|secs| now.saturating_sub(Duration::from_secs(secs)));
    let mut checked = Checked {
        first: reader.first().0,
        cursor: cursor.0,
        durable: reader.durable().0,
        series: twin.series.len() as u64,
        ..Checked::default()
    };
    let all = expected(reader, twin, cursor, oldest, &mut checked)?;
    // Hours that the bucket has let go of are not asked for.
    let from = oldest.unwrap_or(Timestamp::MIN).max(TIME_MIN.saturating_add(MARGIN)).as_nanos();
    let span = (hour_of(from), TIME_MAX.saturating_sub(MARGIN).as_nanos());
    let mut counted = 0;
    for (chunk_idx, chunk) in all.chunks(SERIES_AT_ONCE).enumerate() {
        let first = chunk_idx * SERIES_AT_ONCE;
        let names: Vec<_> = (first..first + chunk.len()).map(|series| Names::of(twin, series)).collect();
        let counts = count_hours(client, &names, span).await?;
        for ((names, times), counts) in names.iter().zip(chunk).zip(counts) {
            counted += counts.values().sum::<u64>();
            compare(client, names, times, &counts, &mut checked).await?;
        }
    }
    let question = format!(r#"SELECT count("kind") FROM "{MEASUREMENT}" WHERE time >= $from AND time <= $to"#);
    let answer = client.influxql(&question, &span_params(span)).await?;
    let total: u64 = answer.iter().flat_map(|rows| &rows.values).filter_map(|row| row.get(1)?.as_u64()).sum();
    checked.other_series = total.saturating_sub(counted);
    Ok(checked)
}

#[derive(Clone, Copy)]
struct Names<'t> {
    site: &'t str,
    device: &'t str,
    metric: &'t str,
}

impl<'t> Names<'t> {
    fn of(twin: &'t Twin, series: usize) -> Self {
        let known = &twin.series[series];
        let device = &twin.devices[known.device as usize];
        let site = twin.sites[device.site.at()].spec.site.as_str();
        Self { site, device: device.device.as_str(), metric: known.metric.as_str() }
    }
}

/// What InfluxDB must have of each series, and what it may have.
fn expected(
    reader: &JournalReader,
    twin: &Twin,
    cursor: Seq,
    oldest: Option<Timestamp>,
    checked: &mut Checked,
) -> Result<Vec<Times>, CheckError> {
    let mut all: Vec<Times> = Vec::new();
    all.resize_with(twin.series.len(), Times::default);
    let mut refused: BTreeSet<(String, String, i64)> = BTreeSet::new();
    let mut records = reader.read_from(reader.first())?;
    while let Some(record) = records.next_record()? {
        let seq = record.seq;
        match Fact::decode(record.payload).map_err(|why| CheckError::Fact { seq: seq.0, why })? {
            Fact::Readings { readings, .. } => {
                for reading in readings {
                    let Some(times) = all.get_mut(reading.series.0 as usize) else { continue };
                    if seq <= cursor {
                        times.must.push(reading.at.as_nanos());
                    } else {
                        times.may.push(reading.at.as_nanos());
                        checked.not_yet += 1;
                    }
                }
            }
            Fact::Quarantined { topic, payload, refused_by: RefusedBy::Database, .. } => {
                refused.extend(readings_of(&topic, &payload));
            }
            _ => {}
        }
    }
    let oldest = oldest.map_or(i64::MIN, Timestamp::as_nanos);
    for (series, times) in all.iter_mut().enumerate() {
        times.must.sort_unstable();
        times.must.dedup();
        let too_old = times.must.partition_point(|at| *at < oldest);
        checked.beyond_retention += too_old as u64;
        // Of these only the ones in the hour that retention cuts are ever looked at.
        times.may.extend(times.must.drain(..too_old).filter(|at| *at >= hour_of(oldest)));
        let names = Names::of(twin, series);
        let mut not_must = BTreeSet::new();
        let first = (names.device.to_owned(), names.metric.to_owned(), i64::MIN);
        for (device, metric, at) in refused.range(first..) {
            if (device.as_str(), metric.as_str()) != (names.device, names.metric) {
                break;
            }
            if times.must.binary_search(at).is_ok() {
                not_must.insert(*at);
            }
        }
        if !not_must.is_empty() {
            times.must.retain(|at| !not_must.contains(at));
            checked.refused += not_must.len() as u64;
            times.may.extend(not_must);
        }
        times.may.sort_unstable();
        times.may.dedup();
        checked.expected += times.must.len() as u64;
    }
    Ok(all)
}

/// Device, metric and time of what lies in quarantine.
fn readings_of(topic: &str, payload: &[u8]) -> Vec<(String, String, i64)> {
    let Ok(topic) = Topic::parse(topic) else { return Vec::new() };
    let Ok(Frame::Telemetry(frames)) = codec::decode(Channel::Telemetry, topic.device, payload) else {
        return Vec::new();
    };
    let of_frame = |frame: firmware_schemas::telemetry::TelemetryFrame| {
        let device = frame.device.as_str().to_owned();
        frame
            .readings
            .into_iter()
            .map(move |reading| (device.clone(), reading.metric.as_str().to_owned(), reading.at.as_nanos()))
    };
    frames.into_iter().flat_map(of_frame).collect()
}

fn hour_of(at: i64) -> i64 {
    at.saturating_sub(at.rem_euclid(HOUR_NANOS))
}

fn in_hour(times: &[i64], hour: i64) -> &[i64] {
    let from = times.partition_point(|at| *at < hour);
    let to = times.partition_point(|at| *at < hour.saturating_add(HOUR_NANOS));
    &times[from..to]
}

fn span_params((from, to): (i64, i64)) -> Map<String, Json> {
    Map::from_iter([("from".to_owned(), Json::from(from)), ("to".to_owned(), Json::from(to))])
}

/// How many points InfluxDB has in each hour of each series.
async fn count_hours(
    client: &InfluxClient,
    names: &[Names<'_>],
    span: (i64, i64),
) -> Result<Vec<BTreeMap<i64, u64>>, RequestError> {
    let mut all = vec![BTreeMap::new(); names.len()];
    let mut asked: Vec<(usize, i64)> = (0..names.len()).map(|idx| (idx, span.0)).collect();
    while !asked.is_empty() {
        let mut params = Map::from_iter([("to".to_owned(), Json::from(span.1))]);
        let mut question = String::new();
        for (idx, from) in &asked {
            params.insert(format!("d{idx}"), Json::from(names[*idx].device));
            params.insert(format!("m{idx}"), Json::from(names[*idx].metric));
            params.insert(format!("f{idx}"), Json::from(*from));
            question.push_str(&format!(
                r#"SELECT count("kind") FROM "{MEASUREMENT}" WHERE "device" = $d{idx} AND "metric" = $m{idx} AND time >= $f{idx} AND time <= $to GROUP BY time(1h) FILL(none) LIMIT {ROWS_MAX};"#
            ));
        }
        let answer = client.influxql(&question, &params).await?;
        if answer.len() != asked.len() {
            return Err(odd("another number of results than of statements"));
        }
        let mut rest = Vec::new();
        for ((idx, _), rows) in asked.into_iter().zip(&answer) {
            for row in &rows.values {
                let count = row.get(1).and_then(Json::as_u64).ok_or_else(|| odd("an hour without a count"))?;
                *all[idx].entry(hour_of(time(row)?)).or_default() += count;
            }
            if rows.values.len() == ROWS_MAX
                && let Some((last, _)) = all[idx].last_key_value()
            {
                rest.push((idx, last + HOUR_NANOS));
            }
        }
        asked = rest;
    }
    Ok(all)
}

/// The times of all points in one hour of one series, each once.
async fn times_of(client: &InfluxClient, names: &Names<'_>, hour: i64) -> Result<BTreeSet<i64>, RequestError> {
    let mut found = BTreeSet::new();
    let question = format!(
        r#"SELECT "kind" FROM "{MEASUREMENT}" WHERE "device" = $device AND "metric" = $metric AND time >= $from AND time <= $to ORDER BY time ASC LIMIT {ROWS_MAX}"#
    );
    let mut from = hour;
    loop {
        let mut params = span_params((from, hour.saturating_add(HOUR_NANOS - 1)));
        params.insert("device".to_owned(), Json::from(names.device));
        params.insert("metric".to_owned(), Json::from(names.metric));
        let answer = client.influxql(&question, &params).await?;
        let rows: &[Vec<Json>] = answer.first().map_or(&[], |rows: &Rows| &rows.values);
        for row in rows {
            from = time(row)? + 1;
            found.insert(from - 1);
        }
        if rows.len() < ROWS_MAX {
            return Ok(found);
        }
    }
}

async fn compare(
    client: &InfluxClient,
    names: &Names<'_>,
    times: &Times,
    counts: &BTreeMap<i64, u64>,
    checked: &mut Checked,
) -> Result<(), RequestError> {
    let mut hours: BTreeSet<i64> = counts.keys().copied().collect();
    for times in [&times.must, &times.may] {
        let mut rest = times.as_slice();
        while let Some(first) = rest.first() {
            let hour = hour_of(*first);
            hours.insert(hour);
            rest = &rest[in_hour(rest, hour).len()..];
        }
    }
    for hour in hours {
        let (must, may) = (in_hour(&times.must, hour), in_hour(&times.may, hour));
        let n_found = counts.get(&hour).copied().unwrap_or(0);
        checked.hours += 1;
        let (mut found, mut missing, mut surplus) = (n_found, 0, 0);
        let as_counted = n_found == must.len() as u64 && may.is_empty();
        if n_found == 0 {
            missing = must.len() as u64;
        } else if !as_counted {
            // A device that has moved may have two points of the same time, which count as one.
            let there = times_of(client, names, hour).await?;
            found = there.len() as u64;
            missing = must.iter().filter(|at| !there.contains(at)).count() as u64;
            let known = |at: &i64| must.binary_search(at).is_ok() || may.binary_search(at).is_ok();
            surplus = there.iter().filter(|at| !known(at)).count() as u64;
        }
        checked.present += must.len() as u64 - missing;
        if checked.first > Seq::FIRST.0 {
            checked.before_journal += surplus;
            surplus = 0;
        }
        if missing > 0 || surplus > 0 {
            checked.differences.push(Difference {
                site: names.site.to_owned(),
                device: names.device.to_owned(),
                metric: names.metric.to_owned(),
                hour: Timestamp::from_nanos(hour),
                expected: must.len() as u64,
                found,
                missing,
                surplus,
            });
        }
    }
    Ok(())
}

fn odd(what: &str) -> RequestError {
    RequestError::Unexpected { status: 200, reason: what.to_owned() }
}

fn time(row: &[Json]) -> Result<i64, RequestError> {
    row.first().and_then(Json::as_i64).ok_or_else(|| odd("a row without a time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(times: &[i64], hour: i64, expected: &[i64]) {
        assert_eq!(in_hour(times, hour), expected, "{times:?} in the hour of {hour}");
    }

    #[test]
    fn an_hour_begins_with_itself_and_ends_before_the_next() {
        let times = [-1, 0, 1, HOUR_NANOS - 1, HOUR_NANOS];
        check(&times, -HOUR_NANOS, &[-1]);
        check(&times, 0, &[0, 1, HOUR_NANOS - 1]);
        check(&times, HOUR_NANOS, &[HOUR_NANOS]);
        check(&times, 2 * HOUR_NANOS, &[]);
        assert_eq!(hour_of(-1), -HOUR_NANOS);
        assert_eq!(hour_of(HOUR_NANOS - 1), 0);
    }
}
