//! A message on its way out, and the bounded queue that both kinds of [`crate::ports::Bus`] put it into.

use super::PACKET_BYTES_MAX;
use crate::ports::{BusError, Ticket, TicketSender};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

#[derive(Debug)]
pub(super) struct Letter {
    pub(super) topic: String,
    pub(super) payload: Bytes,
    pub(super) retain: bool,
    pub(super) ticket: TicketSender,
}

/// Checks a message and puts it into the queue if there is room. Never blocks.
pub(super) fn enqueue(
    queue: &mpsc::Sender<Letter>,
    topic: &str,
    payload: Bytes,
    retain: bool,
) -> Result<Ticket, BusError> {
    if topic.is_empty() || topic.contains(['+', '#', '\0']) || topic.len() > usize::from(u16::MAX) {
        return Err(BusError::Topic { topic: topic.to_owned() });
    }
    let size = topic.len() + payload.len() + 16;
    if size > PACKET_BYTES_MAX as usize {
        return Err(BusError::TooLong { bytes: size, max: PACKET_BYTES_MAX as usize });
    }
    let (sender, ticket) = Ticket::pair();
    match queue.try_send(Letter { topic: topic.to_owned(), payload, retain, ticket: sender }) {
        Ok(()) => Ok(ticket),
        Err(TrySendError::Full(_)) => Err(BusError::Full),
        Err(TrySendError::Closed(_)) => Err(BusError::Closed),
    }
}
