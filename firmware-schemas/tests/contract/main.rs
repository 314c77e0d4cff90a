//! What the contract promised stays true: golden frames and facts, and the documents made from the types.
//!
//! `UPDATE_GOLDEN=1 cargo test -p firmware-schemas` rewrites the documents and adds what is missing beside new
//! golden inputs. It never changes a golden file that exists: what was once released is read for ever.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

mod documents;
mod facts;
mod frames;
mod header;
mod mutations;

use std::path::{Path, PathBuf};

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::write(path, bytes).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
}

/// The files of a golden folder by name.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(at(folder)).unwrap_or_else(|why| panic!("{folder}: {why}"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_else(|| panic!("{}", path.display()))
}

/// Compares a generated file, or writes it.
#[track_caller]
fn check_generated(path: &str, text: &str) {
    let path = at(path);
    if updating() {
        write(&path, text);
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    assert!(
        kept == text,
        "{} differs from what the types say; UPDATE_GOLDEN=1 cargo test -p firmware-schemas rewrites it",
        path.display()
    );
}

/// Compares a golden file; writes it only where it is missing.
#[track_caller]
fn check_frozen(path: &Path, bytes: &[u8]) {
    if updating() && !path.exists() {
        write(path, bytes);
        return;
    }
    let kept = read(path);
    assert!(
        kept == bytes,
        "{} is frozen, and its meaning changed.\nkept: {}\nnow:  {}",
        path.display(),
        String::from_utf8_lossy(&kept),
        String::from_utf8_lossy(bytes)
    );
}
