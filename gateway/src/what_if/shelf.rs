//! Where requests and results are kept: a folder of their own below the data folder, so that they outlive a
//! restart.
//!
//! `{id}.operation.json` is written, durable, before a request is answered, and again when the operation has
//! ended, after all files of its result.

use super::Wanted;
use crate::journal::{ReplaceError, replace};
use crate::ports::Disk;
use firmware_schemas::api::what_if::{OperationView, WhatIfHead};
use firmware_schemas::id::OperationId;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::warn;

/// The folder below the data folder.
pub const WHAT_IF_FOLDER: &str = "what-if";
/// A file that is not yet whole.
const TEMPORARY: &str = "new.tmp";

/// What is kept of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// The request, and how it went.
    Operation,
    /// The figures of the whole network.
    Result,
    /// Those of its parts.
    Parts,
    /// Week by week.
    Series,
    /// What moves in one replication.
    Movements,
    /// The page for people.
    Report,
    /// The same in Chinese.
    ReportZh,
    /// The table for other programs.
    Table,
    /// Better levels.
    Improvement,
    /// The same as a scenario.
    Proposal,
    /// Routes.
    Routes,
}

impl File {
    /// In the order in which they are removed: the operation last, so that the others are never without it.
    const ALL: [Self; 11] = [
        Self::Result,
        Self::Parts,
        Self::Series,
        Self::Movements,
        Self::Report,
        Self::ReportZh,
        Self::Table,
        Self::Improvement,
        Self::Proposal,
        Self::Routes,
        Self::Operation,
    ];

    fn suffix(self) -> &'static str {
        match self {
            Self::Operation => ".operation.json",
            Self::Result => ".result.json",
            Self::Parts => ".parts.json",
            Self::Series => ".series.json",
            Self::Movements => ".movements.json",
            Self::Report => ".report.html",
            Self::ReportZh => ".report.zh.html",
            Self::Table => ".csv",
            Self::Improvement => ".improvement.json",
            Self::Proposal => ".proposal.toml",
            Self::Routes => ".routes.json",
        }
    }

    fn name(self, id: &OperationId) -> String {
        format!("{id}{}", self.suffix())
    }
}

/// An operation as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Its place among all, the older the smaller.
    pub number: u64,
    /// What was asked for.
    #[serde(flatten)]
    pub request: Wanted,
    /// How it stands.
    pub view: OperationView,
    /// What its result is about.
    pub head: Option<WhatIfHead>,
}

/// The folder.
pub struct Shelf {
    disk: Arc<dyn Disk>,
    /// All is written by way of one name.
    writing: Mutex<()>,
}

impl Shelf {
    /// On this disk.
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, writing: Mutex::new(()) }
    }

    /// All that is kept, oldest first. What cannot be read is left alone, and said.
    pub fn load(&self) -> io::Result<Vec<Record>> {
        let mut records = Vec::new();
        for name in self.disk.list()? {
            let Some(id) = name.strip_suffix(File::Operation.suffix()) else { continue };
            let read = self.bytes(&name).and_then(|bytes| Ok(serde_json::from_slice::<Record>(&bytes)?));
            match read {
                Ok(record) if record.view.id.as_str() == id => records.push(record),
                Ok(_) => warn!(%name, "a what-if operation has the name of another, and is left out"),
                Err(error) => warn!(%name, %error, "a what-if operation cannot be read, and is left out"),
            }
        }
        records.sort_by_key(|record| record.number);
        Ok(records)
    }

    /// Keeps bytes; durable on return.
    pub fn write(&self, id: &OperationId, file: File, bytes: &[u8]) -> Result<(), ReplaceError> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        replace(self.disk.as_ref(), &file.name(id), TEMPORARY, &[bytes])
    }

    /// What was kept.
    pub fn read(&self, id: &OperationId, file: File) -> io::Result<Vec<u8>> {
        self.bytes(&file.name(id))
    }

    fn bytes(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.disk.open(name)?;
        let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Removes all that is kept of an operation. What cannot be removed only takes space.
    pub fn forget(&self, id: &OperationId) {
        for file in File::ALL {
            match self.disk.remove(&file.name(id)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => warn!(name = file.name(id), %error, "an old what-if result cannot be removed"),
            }
        }
        if let Err(error) = self.disk.sync_folder() {
            warn!(%error, "the folder of what-if results cannot be synced");
        }
    }
}
