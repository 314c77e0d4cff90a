//! What the gateway asks of the machine, as traits with two implementations: the real one, and the
//! tests' faulty one. Nothing else in the gateway opens a file or reads a clock.

use firmware_schemas::quantity::Timestamp;
use std::io;
use std::time::Duration;

/// Reads time. The real one is [`crate::clock::SystemClock`].
pub trait Clock: Send + Sync {
    /// Wall-clock time.
    fn now(&self) -> Timestamp;
    /// Time since an arbitrary fixed point, never going back.
    fn monotonic(&self) -> Duration;
}

/// One flat folder of files, as the journal, its snapshots and the store use it.
///
/// Names hold no separators. Nothing written is durable before [`DiskFile::sync`] on the file and, for
/// creation, renaming and removal, [`Disk::sync_folder`].
pub trait Disk: Send + Sync {
    /// The names of all files, sorted.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens a file for reading and writing. `AlreadyExists` if it is there.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Opens an existing file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Atomically gives `from` the name `to`, replacing what was there.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_folder(&self) -> io::Result<()>;
    /// Bytes free for this process on the file system.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// One open file of a [`Disk`].
pub trait DiskFile: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// True when the file holds no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Fills `buffer` from `offset`; `UnexpectedEof` if the file ends first.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`, growing the file as needed.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Reserves `len` bytes on disk without writing them; they read as zeros. Fails when there is no room.
    fn allocate(&self, len: u64) -> io::Result<()>;
    /// Cuts or grows the file to `len` bytes.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Returns when data and length are on the disk.
    fn sync(&self) -> io::Result<()>;
}
