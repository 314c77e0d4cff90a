//! The twin as bytes: a private cache beside the journal, so that a restart need not replay everything.
//!
//! The encoding is postcard of the columns and changes with them; a snapshot of another
//! [`SNAPSHOT_VERSION`] is thrown away and the journal replayed instead.

use crate::state::Twin;

/// Changes whenever a column does.
pub const SNAPSHOT_VERSION: u32 = 6;

/// Why bytes are not a snapshot of this version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a twin: {0}")]
pub struct SnapshotError(pub String);

impl Twin {
    /// The twin as bytes; equal twins give equal bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SnapshotError> {
        postcard::to_extend(self, Vec::new()).map_err(|why| SnapshotError(why.to_string()))
    }

    /// Reads what [`Twin::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let (twin, rest) = postcard::take_from_bytes(bytes).map_err(|why| SnapshotError(why.to_string()))?;
        if rest.is_empty() { Ok(twin) } else { Err(SnapshotError(format!("{} bytes too many", rest.len()))) }
    }
}
