//! Replacing a small file whole: after a crash either the old content is there or the new.

use super::is_no_space;
use crate::ports::Disk;
use std::io;

/// Why a file could not be replaced. The old one is still there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// There is no room for the new file beside the old.
    #[error("no space on the disk for {name}, which takes {len} bytes")]
    NoSpace {
        /// The file's name.
        name: String,
        /// Its length.
        len: u64,
    },
    /// The disk refused.
    #[error("cannot {step} {name}: {source}")]
    Io {
        /// What was being done.
        step: &'static str,
        /// The file's name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Gives `name` the content of `parts`, one after the other, by way of `temporary`.
pub(crate) fn replace(disk: &dyn Disk, name: &str, temporary: &str, parts: &[&[u8]]) -> Result<(), ReplaceError> {
    let result = write_and_rename(disk, name, temporary, parts);
    if result.is_err() {
        match disk.remove(temporary) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::debug!(%error, temporary, "unfinished file not removed"),
        }
    }
    result
}

fn write_and_rename(disk: &dyn Disk, name: &str, temporary: &str, parts: &[&[u8]]) -> Result<(), ReplaceError> {
    let len = parts.iter().map(|part| part.len() as u64).sum();
    let failed = |step| {
        move |source: io::Error| {
            if is_no_space(&source) {
                ReplaceError::NoSpace { name: name.to_owned(), len }
            } else {
                ReplaceError::Io { step, name: name.to_owned(), source }
            }
        }
    };
    let file = match disk.create(temporary) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            disk.remove(temporary).map_err(failed("remove the unfinished"))?;
            disk.create(temporary)
        }
        other => other,
    }
    .map_err(failed("create"))?;
    file.allocate(len).map_err(failed("reserve space for"))?;
    let mut offset = 0;
    for part in parts {
        file.write_all_at(part, offset).map_err(failed("write"))?;
        offset += part.len() as u64;
    }
    file.sync().map_err(failed("sync"))?;
    disk.rename(temporary, name).map_err(failed("rename"))?;
    disk.sync_folder().map_err(failed("sync the folder of"))
}
