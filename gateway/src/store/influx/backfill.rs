//! Writes a span of the journal's readings to InfluxDB again. What is there already stays as it is.

use super::client::{Encoding, InfluxClient, RequestError};
use super::line::{LineError, Prefix, SeriesKey, encode};
use crate::ingest::wire::Backoff;
use crate::journal::{JournalReader, ReadError};
use bytes::Bytes;
use firmware_schemas::fact::{Fact, FactError};
use firmware_schemas::quantity::Timestamp;
use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;
use tokio::runtime::Runtime;
use twin::Twin;

/// How often one batch is sent before we give up.
const TRIES_MAX: u32 = 10;
/// How many reasons for refusals are kept.
const REASONS_MAX: usize = 20;

/// Why it did not come to its end. What was written before stays written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackfillError {
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
    /// A fact does not fit the facts before it.
    #[error(transparent)]
    Dangling(#[from] twin::apply::Dangling),
    /// InfluxDB does not take a batch.
    #[error("{0}")]
    Request(RequestError),
}

/// How batches are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackfillConfig {
    /// Points in one batch.
    pub batch_points: usize,
    /// Compress what is sent.
    pub gzip: bool,
    /// The longest wait between two tries.
    pub retry_ceiling: Duration,
}

/// What was done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backfilled {
    /// The journal record that was read last.
    pub seq: u64,
    /// Readings that InfluxDB took, or dropped as older than the bucket keeps.
    pub readings: u64,
    /// How many of them it dropped.
    pub beyond_retention: u64,
    /// Readings that it refuses, or that it cannot hold.
    pub refused: u64,
    /// Why it refused the first of them.
    pub reasons: Vec<String>,
    /// Batches that had to be sent again.
    pub retries: u64,
}

/// Writes all readings measured within `span`, in the order of the journal. `twin` is the state to begin with, see
/// [`oldest`](crate::recover::oldest). `tell` hears after every batch how far it is.
pub fn backfill(
    client: &InfluxClient,
    reader: &JournalReader,
    mut twin: Twin,
    span: &Range<Timestamp>,
    config: BackfillConfig,
    runtime: &Runtime,
    tell: &mut dyn FnMut(&Backfilled),
) -> Result<Backfilled, BackfillError> {
    let mut done = Backfilled::default();
    let (mut batch, mut touched) = (Batch::default(), Vec::new());
    // By series and site: the site is the one that the device had then.
    let mut prefixes: HashMap<(u32, usize), Result<Prefix, LineError>> = HashMap::new();
    let mut records = reader.read_from(reader.first())?;
    while let Some(record) = records.next_record()? {
        let seq = record.seq.0;
        let fact = Fact::decode(record.payload).map_err(|why| BackfillError::Fact { seq, why })?;
        if seq > twin.revision {
            touched.clear();
            twin.apply(seq, &fact, &mut touched)?;
        }
        done.seq = seq;
        let Fact::Readings { readings, .. } = fact else { continue };
        for reading in readings.iter().filter(|reading| span.contains(&reading.at)) {
            let Some(known) = twin.series.get(reading.series.0 as usize) else { continue };
            let device = &twin.devices[known.device as usize];
            let prefix = prefixes.entry((reading.series.0, device.site.at())).or_insert_with(|| {
                let site = &twin.sites[device.site.at()].spec.site;
                let (device, metric) = (device.device.as_str(), known.metric.as_str());
                Prefix::new(&SeriesKey { site: site.as_str(), device, metric })
            });
            let start = batch.lines.len();
            let encoded = match prefix {
                Ok(prefix) => encode(&mut batch.lines, prefix, reading.at, &reading.value, reading.quality),
                Err(why) => Err(why.clone()),
            };
            match encoded {
                Ok(()) => batch.starts.push(start),
                Err(why) => refuse(&mut done, why.to_string()),
            }
        }
        if batch.starts.len() >= config.batch_points {
            runtime.block_on(deliver(client, std::mem::take(&mut batch), config, &mut done))?;
            tell(&done);
        }
    }
    runtime.block_on(deliver(client, batch, config, &mut done))?;
    tell(&done);
    Ok(done)
}

#[derive(Default)]
struct Batch {
    lines: Vec<u8>,
    starts: Vec<usize>,
}

fn refuse(done: &mut Backfilled, why: String) {
    done.refused += 1;
    if done.reasons.len() < REASONS_MAX {
        done.reasons.push(why);
    }
}

/// Sends a batch; a refused one is halved until the bad points are alone.
async fn deliver(
    client: &InfluxClient,
    batch: Batch,
    config: BackfillConfig,
    done: &mut Backfilled,
) -> Result<(), BackfillError> {
    let Batch { lines, starts } = batch;
    let lines = Bytes::from(lines);
    let mut ranges = vec![(0, starts.len())];
    while let Some((from, to)) = ranges.pop().filter(|(from, to)| from < to) {
        let end = starts.get(to).copied().unwrap_or(lines.len());
        match send(client, lines.slice(starts[from]..end), config, done).await? {
            Ok(()) => done.readings += (to - from) as u64,
            Err(why) if to - from == 1 => refuse(done, why),
            Err(_halve) => {
                let middle = from.midpoint(to);
                ranges.push((middle, to));
                ranges.push((from, middle));
            }
        }
    }
    Ok(())
}

/// The inner error says why InfluxDB will never take this.
async fn send(
    client: &InfluxClient,
    lines: Bytes,
    config: BackfillConfig,
    done: &mut Backfilled,
) -> Result<Result<(), String>, BackfillError> {
    let encoding = if config.gzip { Encoding::Gzip } else { Encoding::Identity };
    let mut backoff = Backoff::new(Duration::from_millis(100), config.retry_ceiling, lines.len() as u64);
    let mut tries = 0;
    loop {
        tries += 1;
        let why = match client.write(lines.clone(), encoding).await {
            Ok(written) => {
                done.beyond_retention += written.beyond_retention;
                return Ok(Ok(()));
            }
            Err(why @ (RequestError::Refused { .. } | RequestError::TooLarge { .. })) => {
                return Ok(Err(why.to_string()));
            }
            Err(why) => why,
        };
        if !why.is_transient() || tries == TRIES_MAX {
            return Err(BackfillError::Request(why));
        }
        done.retries += 1;
        let asked = match &why {
            RequestError::Overloaded { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        tokio::time::sleep(backoff.next_wait().max(asked)).await;
    }
}
