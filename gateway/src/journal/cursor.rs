//! How far someone downstream has read, kept beside the journal.

use super::Seq;
use super::replace::{ReplaceError, replace};
use crate::ports::Disk;
use std::io;

const MAGIC: [u8; 8] = *b"PTLNCURS";
const BYTES: usize = 20;

/// Why a cursor cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// The file does not hold a cursor, or not the one that was written.
    #[error("cursor {name} is damaged; remove the file to read from the start")]
    Damaged {
        /// The file's name.
        name: String,
    },
    /// The disk refused.
    #[error("cannot read cursor {name}: {source}")]
    Io {
        /// The file's name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

fn file_name(reader: &str) -> String {
    format!("cursor-{reader}.seq")
}

/// The last record that `reader` has done with; `None` if it has stored none yet.
pub fn load(disk: &dyn Disk, reader: &str) -> Result<Option<Seq>, CursorError> {
    let name = file_name(reader);
    let io_error = |source| CursorError::Io { name: file_name(reader), source };
    let file = match disk.open(&name) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io_error(source)),
    };
    let mut bytes = [0; BYTES];
    if file.len().map_err(io_error)? != BYTES as u64 {
        return Err(CursorError::Damaged { name });
    }
    file.read_exact_at(&mut bytes, 0).map_err(io_error)?;
    let (head, crc) = bytes.split_at(16);
    if head[..8] != MAGIC || crc32fast::hash(head).to_le_bytes() != crc {
        return Err(CursorError::Damaged { name });
    }
    let mut seq = [0; 8];
    seq.copy_from_slice(&head[8..]);
    Ok(Some(Seq(u64::from_le_bytes(seq))))
}

/// Remembers that `reader` has done with `seq` and all before; durable on return. One store at a time.
///
/// `reader` is a word of letters, digits and hyphens that names the file.
pub fn store(disk: &dyn Disk, reader: &str, seq: Seq) -> Result<(), ReplaceError> {
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..16].copy_from_slice(&seq.0.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..16]);
    bytes[16..].copy_from_slice(&crc.to_le_bytes());
    replace(disk, &file_name(reader), &format!("cursor-{reader}.tmp"), &[&bytes])
}
