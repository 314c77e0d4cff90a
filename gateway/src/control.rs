//! The control loop: `step(Event, now) -> Vec<Effect>`. Pure: it decides what follows from a frame, a
//! request or the passing of time; the runtime does it.

use firmware_schemas::command::Action;
use firmware_schemas::fact::{AlertId, QuarantineId};
use firmware_schemas::id::{CommandId, DeviceId};
use firmware_schemas::quantity::Timestamp;
use std::fmt;

/// What a person or a program asks the plane to do. Answered once what follows from it is durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// I have seen this alert.
    AcknowledgeAlert {
        /// Which.
        id: AlertId,
        /// Who says so.
        by: String,
        /// What they have to say.
        note: Option<String>,
    },
    /// Try a payload in quarantine again.
    Redrive {
        /// Which.
        id: QuarantineId,
        /// Its bytes, as the journal has them.
        payload: Vec<u8>,
    },
    /// Throw a payload in quarantine away.
    Discard {
        /// Which.
        id: QuarantineId,
    },
    /// Give a device a command. The id is the idempotency key: the same again is the same command.
    Command {
        /// To which device.
        device: DeviceId,
        /// The command's id.
        command: CommandId,
        /// What to do.
        action: Action,
        /// After this it must not be begun.
        expires_at: Option<Timestamp>,
    },
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done, and durable.
    Done,
    /// It was so already; nothing changed.
    Already,
    /// A payload that was tried again is refused again, and stays in quarantine.
    RefusedAgain(String),
}

/// Why a request cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// There is no such thing.
    #[error("no {what} {id:?}")]
    NotFound {
        /// `alert`, `quarantined payload`, `device`.
        what: &'static str,
        /// What it was called.
        id: String,
    },
    /// It contradicts what is so.
    #[error("{0}")]
    Conflict(String),
    /// The journal takes nothing at the moment; try again later.
    #[error("nothing can be stored: {0}")]
    Unavailable(String),
}

#[expect(dead_code, reason = "used by the step that follows")]
fn not_found(what: &'static str, id: impl fmt::Display) -> RequestError {
    RequestError::NotFound { what, id: id.to_string() }
}
