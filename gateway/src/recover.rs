//! From disk to a running state: the journal is the truth, the snapshot and the store's segments only
//! save time.

use crate::disk::{Folder, FolderError};
use crate::journal::{Journal, JournalConfig, JournalError, JournalReader, ReadError, Recovery, Seq, snapshot};
use crate::ports::{Clock, Disk};
use crate::store::{EmbeddedStore, Point, Store, StoreConfig, StoreError};
use firmware_schemas::fact::{Fact, FactError, SeriesId, SeriesReading};
use firmware_schemas::quantity::Timestamp;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};
use twin::Twin;
use twin::snapshot::SNAPSHOT_VERSION;

/// Why the state cannot be brought back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// A data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Snapshots cannot be looked at.
    #[error(transparent)]
    Snapshot(#[from] snapshot::SnapshotError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal has lost its beginning, as it may, and the snapshots that stood for it as well.
    #[error(
        "the journal starts with record {first}, and the twin is known only up to record {known}: restore a \
         snapshot of a later one into the journal's folder"
    )]
    SnapshotMissing {
        /// The first record that is kept.
        first: u64,
        /// The record of the newest usable snapshot; 0 when there is none.
        known: u64,
    },
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
    /// A state of the past is asked for that the journal does not reach back to.
    #[error("{asked} is too early: what is kept begins at {begins}")]
    TooEarly {
        /// When.
        asked: Timestamp,
        /// The first moment that is kept.
        begins: Timestamp,
    },
    /// Whoever asked called it off.
    #[error("called off")]
    Stopped,
}

/// Everything as it was when the process ended.
pub struct Recovered {
    /// The journal, ready to write.
    pub journal: Journal,
    /// Where journal and snapshots are.
    pub disk: Arc<dyn Disk>,
    /// The twin after the journal's last record.
    pub twin: Twin,
    /// The record in the newest snapshot.
    pub snapshot_seq: u64,
    /// What the journal's end looked like.
    pub recovery: Recovery,
    /// How many records were replayed.
    pub replayed: u64,
    /// How long it all took.
    pub took: Duration,
}

/// The folders below the data folder.
pub const JOURNAL_FOLDER: &str = "journal";
/// The folders below the data folder.
pub const STORE_FOLDER: &str = "store";

/// Opens the data folder with its embedded store, and brings twin and store up to the journal's end.
pub fn recover(
    data: &Path,
    journal_config: JournalConfig,
    store_config: StoreConfig,
    clock: &dyn Clock,
) -> Result<(Recovered, Arc<EmbeddedStore>), RecoverError> {
    let disk = journal_disk(data)?;
    let store = Arc::new(EmbeddedStore::open(Arc::new(Folder::open(data.join(STORE_FOLDER))?), store_config)?);
    Ok((recover_from(disk, store.as_ref(), journal_config, clock)?, store))
}

/// The disk of the journal, the snapshots and the cursors. One process at a time has it.
pub fn journal_disk(data: &Path) -> Result<Arc<dyn Disk>, RecoverError> {
    Ok(Arc::new(Folder::open(data.join(JOURNAL_FOLDER))?))
}

/// Brings the twin, and a store that is replayed, up to the end of the journal on this disk.
pub fn recover_from(
    disk: Arc<dyn Disk>,
    store: &dyn Store,
    mut journal_config: JournalConfig,
    clock: &dyn Clock,
) -> Result<Recovered, RecoverError> {
    let began = clock.monotonic();
    let loaded = snapshot::load_newest(disk.as_ref(), SNAPSHOT_VERSION)?;
    for skipped in &loaded.skipped {
        warn!(%skipped, "a snapshot of the twin cannot be used; more is replayed");
    }
    let mut twin = Twin::default();
    if let Some(snapshot) = loaded.snapshot {
        match Twin::from_bytes(&snapshot.bytes) {
            Ok(saved) => twin = saved,
            Err(why) => warn!(%why, "the snapshot of the twin cannot be used; all is replayed"),
        }
    }
    let snapshot_seq = twin.revision;
    // Both were written from durable records, so a journal that ends before them has lost its end.
    journal_config.known_durable = Seq(snapshot_seq.max(store.applied()));
    let (journal, recovery) = Journal::open(disk.clone(), journal_config)?;
    // What the store has not sealed is never dropped, so only the twin can lack something.
    if recovery.first > Seq(snapshot_seq).next() {
        return Err(RecoverError::SnapshotMissing { first: recovery.first.0, known: snapshot_seq });
    }
    let stored = if store.is_replayed() { store.applied() } else { u64::MAX };
    let replayed = replay(&journal.reader(), Seq(snapshot_seq.min(stored)).next(), &mut twin, store)?;
    let took = clock.monotonic().saturating_sub(began);
    info!(
        snapshot = snapshot_seq,
        sealed = store.applied(),
        durable = recovery.durable.0,
        replayed,
        torn_bytes = recovery.torn_bytes,
        took_millis = took.as_millis() as u64,
        "state recovered"
    );
    Ok(Recovered { journal, disk, twin, snapshot_seq, recovery, replayed, took })
}

/// Folds the records from `from` on into `twin` and `store`, each from where it is; gives how many.
fn replay(reader: &JournalReader, from: Seq, twin: &mut Twin, store: &dyn Store) -> Result<u64, RecoverError> {
    let mut records = reader.read_from(from)?;
    let applied = if store.is_replayed() { store.applied() } else { u64::MAX };
    let (mut touched, mut replayed) = (Vec::new(), 0);
    while let Some(record) = records.next_record()? {
        let seq = record.seq.0;
        let fact = Fact::decode(record.payload).map_err(|why| RecoverError::Fact { seq, why })?;
        if seq > twin.revision {
            touched.clear();
            twin.apply(seq, &fact, &mut touched)?;
        }
        if seq > applied
            && let Fact::Readings { readings, .. } = fact
        {
            let points: Vec<_> = readings.into_iter().map(point).collect();
            store.append(seq, &points)?;
        }
        replayed += 1;
    }
    if twin.revision > applied {
        store.append(twin.revision, &[])?;
    }
    Ok(replayed)
}

/// The oldest state that can be gone forward from: before the first record of the journal, or, where its
/// beginning was dropped, the oldest snapshot.
pub fn oldest(disk: &dyn Disk, reader: &JournalReader) -> Result<Twin, RecoverError> {
    if reader.first() == Seq::FIRST {
        return Ok(Twin::default());
    }
    let snapshot = snapshot::load_oldest(disk, SNAPSHOT_VERSION)?;
    let twin = snapshot.and_then(|snapshot| Twin::from_bytes(&snapshot.bytes).ok()).unwrap_or_default();
    match reader.first().0 {
        first if first > twin.revision + 1 => Err(RecoverError::SnapshotMissing { first, known: twin.revision }),
        _ => Ok(twin),
    }
}

/// The twin that follows from all records that the journal has, and the readings in them. `twin` is the state
/// to begin with, see [`oldest`].
pub fn rebuild(
    reader: &JournalReader,
    mut twin: Twin,
    each_reading: &mut dyn FnMut(u64, &SeriesReading),
) -> Result<Twin, RecoverError> {
    let mut touched = Vec::new();
    let mut records = reader.read_from(reader.first())?;
    while let Some(record) = records.next_record()? {
        let seq = record.seq.0;
        let fact = Fact::decode(record.payload).map_err(|why| RecoverError::Fact { seq, why })?;
        touched.clear();
        if seq > twin.revision {
            twin.apply(seq, &fact, &mut touched)?;
        }
        if let Fact::Readings { readings, .. } = &fact {
            readings.iter().for_each(|reading| each_reading(seq, reading));
        }
    }
    Ok(twin)
}

/// The newest time in the twin, for clocks that must not go back.
pub fn newest_time(twin: &Twin) -> Option<Timestamp> {
    let heard = twin.devices.iter().filter_map(|device| device.heard_at).max();
    let alerts = twin.alerts.values().map(|alert| alert.updated_at).max();
    heard.max(alerts)
}

/// A reading as the store keeps it.
pub fn point(reading: SeriesReading) -> (SeriesId, Point) {
    let SeriesReading { series, at, value, quality } = reading;
    (series, Point { at, value, quality })
}
