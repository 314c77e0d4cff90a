//! The topic grammar: `portolan/v1/{tenant}/{site}/{device}/{channel}`.
//!
//! One wildcard filters a tenant (`portolan/v1/acme/#`) or a site, and access lists follow the tree.

use crate::id::{DeviceId, IdError, SiteId, TenantId, validate_id};
use alloc::format;
use alloc::string::String;
use core::fmt;
use serde::{Deserialize, Serialize};

/// The first two levels of every topic. The version changes only when old frames could be misread.
pub const PREFIX: &str = "portolan/v1";

/// The quality of service of every channel: at least once.
pub const QOS: u8 = 1;

/// The longest topic, in bytes: the prefix, three identifiers, the longest channel, and separators.
pub const TOPIC_LEN_MAX: usize = PREFIX.len() + 3 * (crate::id::ID_LEN_MAX + 1) + 1 + "telemetry".len();

/// The last level of a topic: what kind of frame it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Device → Portolan, retained: what the device is and measures.
    Birth,
    /// Device → Portolan: readings.
    Telemetry,
    /// Device → Portolan: what happened to stock and shipments.
    Event,
    /// Device → Portolan: where a vehicle is.
    Position,
    /// Device → Portolan, retained, also the last will: online or not.
    Status,
    /// Device → Portolan, retained: the settings that are in force.
    Reported,
    /// Device → Portolan: the answer to a command.
    Ack,
    /// Portolan → device, retained: the settings that should be in force.
    Desired,
    /// Portolan → device: do this.
    Command,
}

impl Channel {
    /// All channels from devices to Portolan.
    pub const UP: [Self; 7] =
        [Self::Birth, Self::Telemetry, Self::Event, Self::Position, Self::Status, Self::Reported, Self::Ack];
    /// All channels from Portolan to devices.
    pub const DOWN: [Self; 2] = [Self::Desired, Self::Command];

    /// The topic level.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Birth => "birth",
            Self::Telemetry => "telemetry",
            Self::Event => "event",
            Self::Position => "position",
            Self::Status => "status",
            Self::Reported => "reported",
            Self::Ack => "ack",
            Self::Desired => "desired",
            Self::Command => "command",
        }
    }

    /// The channel of a topic level, `None` if there is no such channel.
    pub fn from_level(level: &str) -> Option<Self> {
        Self::UP.into_iter().chain(Self::DOWN).find(|channel| channel.as_str() == level)
    }

    /// True for what devices send.
    pub const fn is_up(self) -> bool {
        !matches!(self, Self::Desired | Self::Command)
    }

    /// True when the broker keeps the newest message for later subscribers.
    pub const fn is_retained(self) -> bool {
        matches!(self, Self::Birth | Self::Status | Self::Reported | Self::Desired)
    }
}

/// Why a topic is not of this contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopicError {
    /// It does not start with [`PREFIX`].
    #[error("topic does not start with {PREFIX}/")]
    Prefix,
    /// Not exactly six levels.
    #[error("topic has {found} levels, not 6: {PREFIX}/TENANT/SITE/DEVICE/CHANNEL")]
    Levels {
        /// How many there are.
        found: usize,
    },
    /// A level that is not an identifier.
    #[error("topic level {level}: {why}")]
    Id {
        /// `tenant`, `site` or `device`.
        level: &'static str,
        /// What is wrong with it.
        why: IdError,
    },
    /// The last level names no channel.
    #[error("unknown channel {0:?}")]
    Channel(String),
}

/// A parsed topic, borrowing its levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic<'a> {
    /// Whose network.
    pub tenant: &'a str,
    /// The site that the device belongs to.
    pub site: &'a str,
    /// The sender or receiver.
    pub device: &'a str,
    /// The kind of frame.
    pub channel: Channel,
}

impl<'a> Topic<'a> {
    /// Reads a topic; every level is checked.
    pub fn parse(topic: &'a str) -> Result<Self, TopicError> {
        let rest = topic.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('/')).ok_or(TopicError::Prefix)?;
        let mut levels = rest.split('/');
        let (Some(tenant), Some(site), Some(device), Some(channel), None) =
            (levels.next(), levels.next(), levels.next(), levels.next(), levels.next())
        else {
            return Err(TopicError::Levels { found: 2 + rest.split('/').count() });
        };
        for (level, text) in [("tenant", tenant), ("site", site), ("device", device)] {
            validate_id(text).map_err(|why| TopicError::Id { level, why })?;
        }
        let channel = Channel::from_level(channel).ok_or_else(|| TopicError::Channel(channel.into()))?;
        Ok(Self { tenant, site, device, channel })
    }
}

impl fmt::Display for Topic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tenant, site, device, channel } = self;
        write!(f, "{PREFIX}/{tenant}/{site}/{device}/{}", channel.as_str())
    }
}

/// The topic of one device's channel.
pub fn topic(tenant: &TenantId, site: &SiteId, device: &DeviceId, channel: Channel) -> String {
    format!("{}", Topic { tenant: tenant.as_str(), site: site.as_str(), device: device.as_str(), channel })
}

/// The filter for one upward channel of all sites and devices of a tenant.
pub fn filter(tenant: &TenantId, channel: Channel) -> String {
    format!("{PREFIX}/{tenant}/+/+/{}", channel.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_reads_back_as_it_was_written() {
        for channel in Channel::UP.into_iter().chain(Channel::DOWN) {
            let topic = Topic { tenant: "acme", site: "WH-01", device: "cold:7", channel };
            assert_eq!(Topic::parse(&format!("{topic}")), Ok(topic));
        }
    }

    #[test]
    fn a_foreign_topic_is_refused_with_its_reason() {
        let check = |text: &str, why: TopicError| assert_eq!(Topic::parse(text), Err(why), "{text}");
        check("factory/line1", TopicError::Prefix);
        check("portolan/v1/acme/WH/telemetry", TopicError::Levels { found: 5 });
        check("portolan/v1/acme/WH/d/telemetry/x", TopicError::Levels { found: 7 });
        check("portolan/v1/acme/WH/d/gossip", TopicError::Channel("gossip".into()));
        check("portolan/v1/acme//d/telemetry", TopicError::Id { level: "site", why: IdError::Empty });
    }
}
