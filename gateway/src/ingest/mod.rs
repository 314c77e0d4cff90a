//! What comes in over MQTT, before anything is decoded, and what goes out.
//!
//! ```text
//! external broker ── mqtt::Link ─────┐
//!                                    ├─► one bounded channel of Inbound ─► the core thread
//! embedded broker::Broker ── hook ───┘          │
//!        ▲                                      └─ durable ─► Ack::done ─► PUBACK
//!        └── outbound::Outbound, Broker: the two real implementations of ports::Bus
//! ```
//!
//! When the channel is full nobody reads from the sockets, so MQTT and TCP push back on the senders;
//! nothing is dropped. An [`Ack`] that is dropped without [`Ack::done`] never acknowledges, and has the
//! message sent again.

pub mod broker;
mod letter;
pub mod mapping;
pub mod mqtt;
pub mod outbound;
pub mod tls;
pub(crate) mod wire;

use bytes::Bytes;
use firmware_schemas::id::TenantId;
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::PAYLOAD_LEN_MAX;
use firmware_schemas::topic::{Channel, PREFIX, filter};
use std::path::Path;
use std::sync::Arc;
use std::{fmt, fs, io};
use tokio::sync::oneshot;

/// The largest MQTT packet we take or send: a full payload, the longest topic, and properties.
pub const PACKET_BYTES_MAX: u32 = PAYLOAD_LEN_MAX as u32 + 128 * 1024;

/// One PUBLISH as it came in, before anything is decoded.
#[derive(Debug)]
pub struct Inbound {
    pub topic: String,
    /// A view into the read buffer: copy what is to be kept for long.
    pub payload: Bytes,
    /// The sender asked the broker to keep it for later subscribers.
    pub retain: bool,
    pub ack: Ack,
}

/// Owed to the sender once the message is durable.
///
/// Dropping it without [`Ack::done`] never acknowledges and has the message sent again: the link to an
/// external broker connects anew, the embedded broker closes the sender's connection, both after a pause.
/// To hold messages back for longer, keep their acks.
#[derive(Debug)]
pub enum Ack {
    /// QoS 0, or a last will: nobody waits.
    None,
    External(mqtt::PubAckDue),
    Embedded(oneshot::Sender<()>),
}

impl Ack {
    /// Says that the message is durable. Never blocks and never fails; a sender that is gone by now
    /// sends again, and the twin drops the duplicate.
    pub fn done(self) {
        match self {
            Self::None => {}
            Self::External(due) => due.done(),
            Self::Embedded(sender) => {
                // An error only means that the connection's task has ended meanwhile.
                sender.send(()).ok();
            }
        }
    }
}

/// How a connection to an external broker stands, for `/readyz`, `doctor` and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    Connecting,
    /// Connected, and every subscription granted at QoS 1.
    Connected {
        since: Timestamp,
        /// False when the broker kept nothing for us: what was sent while we were away is lost.
        session_present: bool,
    },
    Lost {
        since: Timestamp,
        reason: String,
    },
    /// The broker answered and said no; we keep asking, but a person must mend it.
    Refused {
        reason: String,
    },
    /// Stopped by us.
    Closed,
}

impl fmt::Display for LinkState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => out.write_str("connecting"),
            Self::Connected { session_present: true, .. } => out.write_str("connected, session resumed"),
            Self::Connected { .. } => out.write_str("connected, new session"),
            Self::Lost { reason, .. } => write!(out, "lost: {reason}"),
            Self::Refused { reason } => write!(out, "refused: {reason}"),
            Self::Closed => out.write_str("closed"),
        }
    }
}

/// A password or token. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// From a file, without the line end that editors add.
    pub fn from_file(path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        Ok(Self::new(text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line))))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// A user name with its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: Secret,
}

/// Whether a topic is one that devices of the contract send to.
///
/// Looks only at the shape, `portolan/v1/{tenant}/{site}/{device}/{channel}`, so that a message with a
/// misspelt identifier goes to quarantine and is not lost; the decoder checks the rest.
pub fn is_upward(topic: &str) -> bool {
    let Some(rest) = topic.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('/')) else {
        return false;
    };
    let mut levels = rest.splitn(4, '/').skip(3);
    levels.next().and_then(Channel::from_level).is_some_and(Channel::is_up)
}

/// The subscriptions that hear every upward message of `tenant`, one for each channel.
///
/// `group` makes them shared: the broker splits the messages among all gateways of the group.
pub fn upward_filters(tenant: &TenantId, group: Option<&str>) -> Vec<String> {
    Channel::UP
        .into_iter()
        .map(|channel| match group {
            Some(group) => format!("$share/{group}/{}", filter(tenant, channel)),
            None => filter(tenant, channel),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(topic: &str, upward: bool) {
        assert_eq!(is_upward(topic), upward, "{topic:?}");
    }

    #[test]
    fn only_the_upward_channels_of_the_contract_go_to_the_core() {
        for channel in Channel::UP {
            check(&format!("portolan/v1/acme/depot-1/scale-7/{}", channel.as_str()), true);
        }
        for channel in Channel::DOWN {
            check(&format!("portolan/v1/acme/depot-1/scale-7/{}", channel.as_str()), false);
        }
        check("portolan/v1/acme/depot-1/scale-7", false);
        check("portolan/v1/acme/depot-1/scale-7/telemetry/more", false);
        check("portolan/v1x/acme/depot-1/scale-7/telemetry", false);
        check("portolan/v2/acme/depot-1/scale-7/telemetry", false);
        check("portolan/v1/acme/depot-1/telemetry", false);
        check("", false);
    }

    #[test]
    fn a_bad_identifier_still_goes_to_the_core_which_puts_it_in_quarantine() {
        check("portolan/v1/acme//scale 7/telemetry", true);
    }

    #[test]
    fn a_group_makes_every_subscription_shared() {
        let tenant = TenantId::new("acme").unwrap();
        let filters = upward_filters(&tenant, Some("gateways"));
        assert_eq!(filters.len(), Channel::UP.len());
        assert!(filters.contains(&"$share/gateways/portolan/v1/acme/+/+/telemetry".to_owned()), "{filters:?}");
    }

    #[test]
    fn a_secret_is_never_printed() {
        let login = Credentials { user: "gateway".into(), password: Secret::new("correct horse") };
        assert!(!format!("{login:?}").contains("horse"));
    }

    #[test]
    fn a_password_file_may_end_in_a_line_end() {
        let path = std::env::temp_dir().join(format!("portolan-password-{}", std::process::id()));
        for (written, read) in
            [("secret", "secret"), ("secret\n", "secret"), ("secret\r\n", "secret"), (" a b \n\n", " a b \n")]
        {
            fs::write(&path, written).unwrap();
            assert_eq!(Secret::from_file(&path).unwrap().reveal(), read, "{written:?}");
        }
        fs::remove_file(&path).unwrap();
    }
}
