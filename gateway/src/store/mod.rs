//! The time-series store: what every series was, at any time within retention.
//!
//! The journal is the store's write-ahead log. The store is given points only after the journal has
//! made them durable, together with the journal's sequence number; [`Store::applied`] says from where the
//! journal must be replayed after a restart. A point's identity is its series and its time: the same
//! again replaces, and the last to arrive wins, so replaying is harmless.
//!
//! ```text
//! journal ─ (seq, points) ─▶ append ─▶ head ─ seal ─▶ segment ─┐
//!                                       │             segment ─┼─ compact ─▶ segment
//!                                       └─────────┬─────────── ┘
//!                             latest_at, range, downsample
//! ```

pub mod embedded;
#[cfg(feature = "influxdb2")]
pub mod influx;

pub use embedded::{EmbeddedStore, OnDamage, StoreConfig, Upkeep};
pub use firmware_schemas::fact::SeriesId;
pub use firmware_schemas::telemetry::{Quality, Value};
#[cfg(feature = "influxdb2")]
pub use influx::InfluxStore;

use firmware_schemas::quantity::Timestamp;
use std::io;
use std::ops::Range;
use std::time::Duration;

/// What a series was at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// When it was measured.
    pub at: Timestamp,
    /// What was measured.
    pub value: Value,
    /// How far to trust it.
    pub quality: Quality,
}

/// Consecutive points of one series, ascending in time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// At most as many as were asked for.
    pub points: Vec<Point>,
    /// Where the next page begins, to be passed as `after`; `None` when this is the last.
    pub next: Option<Timestamp>,
}

/// What a series did during one step of time. Steps in which nothing was measured have no bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// When the step begins.
    pub start: Timestamp,
    /// How many points lie in the step.
    pub count: u64,
    /// The value of the last of them.
    pub last: Value,
    /// Smallest, largest and mean of the numbers among them; `None` if none is a number.
    pub numbers: Option<NumberSummary>,
}

/// Smallest, largest and mean of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberSummary {
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The arithmetic mean.
    pub mean: f64,
}

/// How full a store is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreStats {
    /// Points held, sealed or not. A point that was replaced counts twice until compaction merges both.
    pub points: u64,
    /// Points in segments.
    pub sealed_points: u64,
    /// Points only in memory (and in the journal).
    pub head_points: u64,
    /// Bytes that the head takes in memory, about.
    pub head_bytes: u64,
    /// Bytes of all segments.
    pub bytes_on_disk: u64,
    /// Segment files.
    pub segments: u64,
    /// Blocks in all segments.
    pub blocks: u64,
    /// Different series.
    pub series: u64,
    /// Segments that were found damaged since opening, set aside or still in place.
    pub damaged: u64,
    /// Seals since opening.
    pub seals: u64,
    /// Compactions since opening.
    pub compactions: u64,
    /// Batches sent to a database.
    pub requests: u64,
    /// Batches that had to be sent again.
    pub retries: u64,
    /// Points that a database did not take, being older than it keeps.
    pub beyond_retention: u64,
    /// Points that a database refused, and that are in quarantine.
    pub refused_points: u64,
    /// When the oldest reading that a database lacks was heard; `None` when it lacks none.
    pub lacking_since: Option<Timestamp>,
    /// Why the last seal or compaction failed; `None` after one that did not.
    pub failing: Option<String>,
}

impl StoreStats {
    /// Bytes on disk for one sealed point; `None` when nothing is sealed.
    pub fn bytes_per_point(&self) -> Option<f64> {
        (self.sealed_points > 0).then(|| self.bytes_on_disk as f64 / self.sealed_points as f64)
    }
}

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk refused.
    #[error("{doing} {name}: {source}")]
    Disk {
        /// What was being done.
        doing: &'static str,
        /// The file.
        name: String,
        /// What the disk said.
        source: io::Error,
    },
    /// A segment is not what was written.
    #[error("segment {name} is damaged: {why}")]
    Damaged {
        /// The file.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// Two segments claim some of the same journal records, and neither holds all of the other's.
    #[error("segments {one} and {other} overlap")]
    Overlap {
        /// One of them.
        one: String,
        /// The other.
        other: String,
    },
    /// The head is full, and the one before it cannot be sealed; the points were not taken.
    #[error("cannot take more points, since sealing fails: {why}")]
    SealFails {
        /// Why sealing fails.
        why: String,
    },
    /// The step of a downsampling is zero.
    #[error("a step of zero")]
    ZeroStep,
    /// A downsampling would give more buckets than [`BUCKETS_MAX`].
    #[error("more than {BUCKETS_MAX} buckets")]
    TooManyBuckets,
    /// A number could not be compressed: a bug of ours or of the compressor.
    #[error("compressing: {0}")]
    Compress(String),
    /// InfluxDB did not answer the question.
    #[cfg(feature = "influxdb2")]
    #[error(transparent)]
    Influx(#[from] influx::RequestError),
    /// A thread of the store could not be started.
    #[error("starting a thread: {0}")]
    Thread(io::Error),
}

/// The most buckets that one downsampling gives.
pub const BUCKETS_MAX: usize = 100_000;

/// What the store's methods give.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Keeps points and answers what a series was.
///
/// One thread writes; any number read, and never wait for a file to be written.
pub trait Store: Send + Sync {
    /// Takes points that the journal holds durably in its records up to and including `up_to`.
    ///
    /// Numbers grow from call to call. A call whose `up_to` was taken before is ignored, so that a replay
    /// may begin anywhere at or before [`Store::applied`] as long as it gives one record at a time, or
    /// right behind it with any batching. Without points it only notes that the records held none.
    fn append(&self, up_to: u64, points: &[(SeriesId, Point)]) -> Result<()>;

    /// The newest point of `series` measured at or before `at`; `None` before the first.
    fn latest_at(&self, series: SeriesId, at: Timestamp) -> Result<Option<Point>>;

    /// The points of `series` within `span` and after `after`, ascending, at most `limit` (at least one).
    fn range(&self, series: SeriesId, span: Range<Timestamp>, limit: usize, after: Option<Timestamp>) -> Result<Page>;

    /// What `series` did in each `step` of `span`, counted from its start.
    fn downsample(&self, series: SeriesId, span: Range<Timestamp>, step: Duration) -> Result<Vec<Bucket>>;

    /// The journal record up to which all points are sealed: after a restart the journal is replayed from
    /// the next one on.
    fn applied(&self) -> u64;

    /// True when it must be given again what lies behind [`Store::applied`] after a restart; false when it reads
    /// the journal by itself.
    fn is_replayed(&self) -> bool {
        true
    }

    /// Writes all points in memory to disk, durably.
    fn seal(&self) -> Result<()>;

    /// Forgets all points before `oldest`, now for readers, and on disk where whole segments are older.
    fn retain(&self, oldest: Timestamp) -> Result<()>;

    /// Merges segments until none is due.
    fn compact(&self) -> Result<()>;

    /// How full the store is.
    fn stats(&self) -> StoreStats;
}
