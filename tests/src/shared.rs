//! Real data and benchmark instances that live beside the repository, not in it.

use std::path::{Path, PathBuf};

/// Where the shared data should be: what `PORTOLAN_SHARED` names, else the folder `shared` beside the repository.
#[must_use]
pub fn root() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    std::env::var_os("PORTOLAN_SHARED").map_or(beside, PathBuf::from)
}

/// The folder `name` of the shared data, or a line on stdout that `test` is skipped for want of it.
///
/// # Panics
/// When it is missing although `PORTOLAN_REQUIRE_PEERS` is 1.
#[must_use]
pub fn folder(test: &str, name: &str) -> Option<PathBuf> {
    let folder = root().join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    let message = format!("{test}: no {} (name its parent with PORTOLAN_SHARED)", folder.display());
    assert!(std::env::var_os(crate::mosquitto::REQUIRE_PEERS).is_none_or(|value| value != "1"), "{message}");
    #[expect(clippy::print_stdout, reason = "a skipped test must be seen")]
    {
        println!("SKIPPED {message}");
    }
    None
}
