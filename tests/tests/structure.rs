//! The rooms know only whom they may know: manifests and `use` lines against the picture in ARCHITECTURE.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and which of our rooms it may depend on.
const ROOMS: [(&str, &[&str]); 7] = [
    ("firmware-schemas", &[]),
    ("twin", &["firmware-schemas", "routing"]),
    ("routing", &[]),
    ("sim", &["firmware-schemas", "twin", "routing"]),
    ("gateway", &["firmware-schemas", "twin", "routing", "sim"]),
    ("viewer", &["firmware-schemas"]),
    ("tests", &["firmware-schemas", "twin", "routing", "sim", "gateway"]),
];

/// What pure rooms and files must not name, outside their tests.
const IMPURE: [&str; 8] =
    ["std::fs", "std::net", "std::env", "tokio::", "SystemTime::now", "Instant::now", "RandomState", "thread::sleep"];

const PURE: [&str; 7] = [
    "firmware-schemas/src",
    "twin/src",
    "routing/src",
    "sim/src",
    "gateway/src/control.rs",
    "viewer/src/scene",
    "viewer/src/scene.rs",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
        found.push(path.to_path_buf());
    }
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries {
        sources(&entry.expect("an entry").path(), found);
    }
}

/// The source without the test module at its foot.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

#[test]
fn a_room_depends_only_on_whom_it_may_know() {
    let names: BTreeSet<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    for (room, allowed) in ROOMS {
        let manifest = fs::read_to_string(root().join(room).join("Cargo.toml")).expect("a manifest");
        let manifest: toml::Table = manifest.parse().expect("TOML");
        let dependencies = manifest["dependencies"].as_table().expect("dependencies");
        for name in dependencies.keys().filter(|name| names.contains(name.as_str())) {
            assert!(allowed.contains(&name.as_str()), "{room} must not depend on {name}");
        }
    }
}

#[test]
fn a_room_names_only_whom_it_may_know() {
    for (room, allowed) in ROOMS {
        let mut files = Vec::new();
        sources(&root().join(room).join("src"), &mut files);
        assert!(!files.is_empty(), "{room} has no sources");
        for file in files {
            let text = fs::read_to_string(&file).expect("a source");
            for (other, _) in ROOMS {
                let is_own = other == room || allowed.contains(&other);
                let path = format!("{}::", other.replace('-', "_"));
                let used = without_tests(&text).lines().find(|line| {
                    let line = line.trim_start();
                    line.starts_with(&format!("use {path}")) || line.starts_with(&format!("pub use {path}"))
                });
                // Every room may have a module of its own called `tests` or `network`; `use` lines name crates.
                assert!(is_own || used.is_none(), "{}: {used:?}", file.display());
            }
        }
    }
}

#[test]
fn the_core_reads_no_clock_socket_file_or_environment() {
    let mut files = Vec::new();
    for path in PURE {
        sources(&root().join(path), &mut files);
    }
    assert!(files.len() > 30, "only {} files", files.len());
    let is_test = |file: &Path| {
        let below = file.strip_prefix(root()).unwrap_or(file);
        below.iter().any(|part| part == "tests" || part == "tests.rs")
    };
    for file in files.iter().filter(|file| !is_test(file)) {
        let text = fs::read_to_string(file).expect("a source");
        for (number, line) in without_tests(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let named = IMPURE.iter().find(|impure| code.contains(**impure));
            assert!(named.is_none(), "{}:{}: {line}", file.display(), number + 1);
        }
    }
}
