//! What the gateway asks of the machine, as traits with two implementations: the real one, and the
//! tests' faulty one. Nothing else in the gateway opens a file or reads a clock.

use bytes::Bytes;
use firmware_schemas::quantity::Timestamp;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;

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

/// Sends messages to devices. The real ones are [`crate::ingest::outbound::Outbound`] and
/// [`crate::ingest::broker::Broker`].
pub trait Bus: Send + Sync {
    /// Takes a message into a bounded queue, at QoS 1. Never blocks.
    fn publish(&self, topic: &str, payload: Bytes, retain: bool) -> Result<Ticket, BusError>;
}

/// Why a [`Bus`] did not take a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    #[error("too many messages wait to be sent")]
    Full,
    #[error("the bus is closed")]
    Closed,
    #[error("a message of {bytes} bytes exceeds the limit of {max}")]
    TooLong { bytes: usize, max: usize },
    #[error("nothing can be published to the topic {topic:?}")]
    Topic { topic: String },
}

/// Why a message that a [`Bus`] took was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Undelivered {
    #[error("the bus was closed before the broker had the message")]
    Closed,
    #[error("the broker refused the message: {reason}")]
    Refused { reason: String },
}

/// Resolves when the broker has taken responsibility for a message. May be dropped.
#[derive(Debug)]
pub struct Ticket(oneshot::Receiver<Result<(), Undelivered>>);

/// The other end of a [`Ticket`]. Dropped unresolved, it says [`Undelivered::Closed`].
#[derive(Debug)]
pub struct TicketSender(oneshot::Sender<Result<(), Undelivered>>);

impl Ticket {
    /// A ticket and the end that resolves it.
    pub fn pair() -> (TicketSender, Self) {
        let (sender, receiver) = oneshot::channel();
        (TicketSender(sender), Self(receiver))
    }

    /// The result, if it is known by now. After it was given once, asking again says `Closed`.
    pub fn try_result(&mut self) -> Option<Result<(), Undelivered>> {
        match self.0.try_recv() {
            Ok(result) => Some(result),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(Undelivered::Closed)),
        }
    }
}

impl Future for Ticket {
    type Output = Result<(), Undelivered>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|result| result.unwrap_or(Err(Undelivered::Closed)))
    }
}

impl TicketSender {
    /// Tells the holder of the ticket, if there still is one.
    pub fn resolve(self, result: Result<(), Undelivered>) {
        self.0.send(result).ok();
    }
}
