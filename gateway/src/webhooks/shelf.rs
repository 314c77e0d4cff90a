//! What outlives a restart: receivers, how far each is, and events that were not taken. A folder of its own below the
//! data folder, readable by its owner alone, as it holds secrets.
//!
//! ```text
//! source.json                     the gateway's own part of the ids of events
//! endpoint.{webhook}.json         a receiver; cursor-{webhook}.seq, how far it is
//! letter@{webhook}@{message}.json an event that was not taken
//! ```

use super::signature::{Secret, random_bytes};
use crate::journal::{ReplaceError, Seq, cursor, replace};
use crate::ports::Disk;
use firmware_schemas::api::webhook::{EventType, LetterView};
use firmware_schemas::id::{MessageId, SiteId, WebhookId};
use firmware_schemas::quantity::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::warn;

/// The folder below the data folder.
pub const WEBHOOKS_FOLDER: &str = "webhooks";
const SOURCE: &str = "source.json";
const TEMPORARY: &str = "new.tmp";

/// A receiver as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct EndpointRecord {
    /// Its place among all, the older the smaller.
    pub(super) number: u64,
    pub(super) webhook: WebhookId,
    /// A digest of the request that made it.
    pub(super) asked: String,
    pub(super) url: String,
    pub(super) event_types: Vec<EventType>,
    pub(super) sites: Vec<SiteId>,
    pub(super) description: Option<String>,
    pub(super) enabled: bool,
    /// Why it was switched off by itself.
    pub(super) off_because: Option<String>,
    pub(super) secret: Secret,
    /// The one before, until then.
    pub(super) former_secret: Option<(Secret, Timestamp)>,
    pub(super) created_at: Timestamp,
    pub(super) changed_at: Timestamp,
    pub(super) failing_since: Option<Timestamp>,
    pub(super) skipped_records: u64,
}

/// An event that was not taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Letter {
    pub(super) message: MessageId,
    pub(super) event_type: EventType,
    pub(super) at: Timestamp,
    pub(super) first_tried_at: Timestamp,
    pub(super) attempts: u32,
    /// `None` when it is dead.
    pub(super) next_at: Option<Timestamp>,
    pub(super) last_tried_at: Timestamp,
    pub(super) last_error: String,
}

impl Letter {
    pub(super) fn view(&self) -> LetterView {
        LetterView {
            message: self.message.clone(),
            event_type: self.event_type,
            at: self.at,
            first_tried_at: self.first_tried_at,
            attempts: self.attempts,
            next_at: self.next_at,
            last_error: self.last_error.clone(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    letter: Letter,
    body: String,
}

/// The folder.
pub(super) struct Shelf {
    disk: Arc<dyn Disk>,
    /// All is written by way of one name.
    writing: Mutex<()>,
}

impl Shelf {
    pub(super) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, writing: Mutex::new(()) }
    }

    /// The gateway's own part of the ids of events; made the first time.
    pub(super) fn source(&self) -> io::Result<u32> {
        match self.read::<u32>(SOURCE) {
            Ok(source) => Ok(source),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let source = u32::from_le_bytes(random_bytes::<4>().map_err(io::Error::other)?);
                self.write(SOURCE, &source).map_err(io::Error::other)?;
                Ok(source)
            }
            Err(error) => Err(error),
        }
    }

    /// All receivers, oldest first. What cannot be read is left alone, and said.
    pub(super) fn endpoints(&self) -> io::Result<Vec<EndpointRecord>> {
        let mut records: Vec<EndpointRecord> = Vec::new();
        for name in self.disk.list()? {
            if name.starts_with("endpoint.") && name.ends_with(".json") {
                match self.read(&name) {
                    Ok(record) => records.push(record),
                    Err(error) => warn!(%name, %error, "a receiver of webhooks cannot be read, and is left out"),
                }
            }
        }
        records.sort_by_key(|record| record.number);
        Ok(records)
    }

    pub(super) fn keep(&self, record: &EndpointRecord) -> Result<(), ReplaceError> {
        self.write(&format!("endpoint.{}.json", record.webhook), record)
    }

    /// How far a receiver is; `None` when that is not known.
    pub(super) fn cursor(&self, webhook: &WebhookId) -> Option<Seq> {
        match cursor::load(self.disk.as_ref(), webhook.as_str()) {
            Ok(seq) => seq,
            Err(why) => {
                warn!(%webhook, %why, "how far a receiver of webhooks is cannot be read: it goes on from now");
                None
            }
        }
    }

    pub(super) fn keep_cursor(&self, webhook: &WebhookId, seq: Seq) -> Result<(), ReplaceError> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        cursor::store(self.disk.as_ref(), webhook.as_str(), seq)
    }

    /// What was not taken by a receiver.
    pub(super) fn letters(&self, webhook: &WebhookId) -> io::Result<Vec<Letter>> {
        let prefix = letter_prefix(webhook);
        let mut letters = Vec::new();
        for name in self.disk.list()?.into_iter().filter(|name| name.starts_with(&prefix)) {
            match self.read::<Kept>(&name) {
                Ok(kept) => letters.push(kept.letter),
                Err(error) => warn!(%name, %error, "an event that was not taken cannot be read, and is left out"),
            }
        }
        Ok(letters)
    }

    pub(super) fn keep_letter(&self, webhook: &WebhookId, letter: &Letter, body: &str) -> Result<(), ReplaceError> {
        let kept = Kept { letter: letter.clone(), body: body.to_owned() };
        self.write(&letter_name(webhook, &letter.message), &kept)
    }

    pub(super) fn body(&self, webhook: &WebhookId, message: &MessageId) -> io::Result<String> {
        Ok(self.read::<Kept>(&letter_name(webhook, message))?.body)
    }

    /// Removes an event that was taken after all, or that nobody wants.
    pub(super) fn forget_letter(&self, webhook: &WebhookId, message: &MessageId) {
        self.remove(&letter_name(webhook, message));
    }

    /// Removes a receiver, itself first, so that it is not there again when the rest is not removed.
    pub(super) fn forget(&self, webhook: &WebhookId) -> io::Result<()> {
        self.disk.remove(&format!("endpoint.{webhook}.json"))?;
        self.disk.sync_folder()?;
        let prefix = letter_prefix(webhook);
        let cursor = format!("cursor-{webhook}.seq");
        for name in self.disk.list()?.into_iter().filter(|name| name.starts_with(&prefix) || *name == cursor) {
            self.remove(&name);
        }
        Ok(())
    }

    fn remove(&self, name: &str) {
        match self.disk.remove(name) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // Then it comes again, with the same id.
            Err(error) => warn!(%name, %error, "an old file of webhooks cannot be removed"),
        }
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<T> {
        let file = self.disk.open(name)?;
        let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), ReplaceError> {
        let bytes = serde_json::to_vec(value).map_err(|why| ReplaceError::Io {
            step: "encode",
            name: name.to_owned(),
            source: why.into(),
        })?;
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        replace(self.disk.as_ref(), name, TEMPORARY, &[&bytes])
    }
}

/// No id has an `@`, so no receiver has the letters of another.
fn letter_prefix(webhook: &WebhookId) -> String {
    format!("letter@{webhook}@")
}

fn letter_name(webhook: &WebhookId, message: &MessageId) -> String {
    format!("letter@{webhook}@{message}.json")
}
