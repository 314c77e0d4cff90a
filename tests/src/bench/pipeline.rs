//! Decoding, twin, journal and store on one thread, as the runtime joins them, without MQTT.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use firmware_schemas::id::TenantId;
use firmware_schemas::quantity::Timestamp;
use gateway::control::{Control, ControlConfig, Effect, Event};
use gateway::journal::{Journal, JournalConfig, JournalReader};
use gateway::recover::{JOURNAL_FOLDER, STORE_FOLDER, recover};
use gateway::store::{Point, SeriesId, Store, StoreConfig};
use gateway::{clock::SystemClock, store::EmbeddedStore};
use std::path::Path;
use std::sync::Arc;
use twin::Twin;
use twin::alert::AlertRules;
use twin::network::Network;
use twin::observe::ObserveRules;

/// The path of a frame behind the broker.
pub(super) struct Pipeline {
    control: Control<()>,
    journal: Journal,
    pub(super) store: Arc<EmbeddedStore>,
    /// Bytes of records and number of commits so far.
    pub(super) written: (u64, u64),
    newest: Option<Twin>,
}

impl Pipeline {
    /// A new one with its data below `folder`.
    pub(super) fn new(folder: &Path, network: &Network, now: Timestamp) -> Result<Self> {
        std::fs::create_dir_all(folder.join(JOURNAL_FOLDER))?;
        std::fs::create_dir_all(folder.join(STORE_FOLDER))?;
        let (recovered, store) = recover(folder, JournalConfig::default(), StoreConfig::default(), &SystemClock)?;
        let tenant = TenantId::new(network.head().tenant.as_str())?;
        let config = ControlConfig {
            tenant,
            observe: ObserveRules::default(),
            alerts: AlertRules::default(),
            mappings: Arc::default(),
        };
        let facts = recovered.twin.define(network, now);
        let control = Control::new(config, recovered.twin, now);
        let mut pipeline = Self { control, journal: recovered.journal, store, written: (0, 0), newest: None };
        pipeline.control.step(Event::NetworkGiven(facts), now)?;
        pipeline.commit(now)?;
        Ok(pipeline)
    }

    /// Takes one message into the open batch.
    pub(super) fn take(&mut self, topic: &str, payload: Bytes, now: Timestamp) -> Result<()> {
        self.control.step(Event::FrameArrived { ticket: (), topic: topic.to_owned(), payload }, now)?;
        Ok(())
    }

    /// Makes the open batch durable, and gives its points to the store.
    pub(super) fn commit(&mut self, now: Timestamp) -> Result<()> {
        for effect in self.control.step(Event::BatchDue, now)? {
            let Effect::Commit(records) = effect else { continue };
            self.written.0 += records.bytes_len() as u64;
            self.written.1 += 1;
            for record in records.iter() {
                self.journal.append(record)?;
            }
            let up_to = self.journal.commit()?.0;
            for effect in self.control.step(Event::Stored { up_to }, now)? {
                let Effect::Publish(durable) = effect else { continue };
                let points: Vec<(SeriesId, Point)> = durable.points.into_iter().map(gateway::recover::point).collect();
                self.store.append(durable.twin.revision, &points)?;
                if durable.counts.quarantined.iter().sum::<u64>() > 0 {
                    let why = durable.twin.quarantine.values().next().map(|entry| entry.reason.to_string());
                    bail!("a frame went to quarantine: {why:?}");
                }
                self.newest = Some(durable.twin);
            }
        }
        Ok(())
    }

    /// The journal, to be read.
    pub(super) fn journal_reader(&self) -> JournalReader {
        self.journal.reader()
    }

    /// The durable twin.
    pub(super) fn twin(&self) -> Result<&Twin> {
        self.newest.as_ref().context("nothing was committed")
    }
}
