//! What the tests of situations and scenarios begin with.

use firmware_schemas::quantity::Timestamp;
use twin::network::Network;

/// A Monday at midnight, UTC.
pub(crate) fn start() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-23T00:00:00Z").unwrap()
}

/// The demo network.
pub(crate) fn demo() -> Network {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../networks/demo");
    let read = |name: &str| Some(std::fs::read_to_string(format!("{folder}/{name}")).ok()?.into());
    twin::network::parse(&read).unwrap()
}
