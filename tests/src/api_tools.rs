//! The Python environment with the public tools that the HTTP interface is checked with.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test says what it skips, and runs on the machine's threads"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Its Python: `PORTOLAN_API_PYTHON`, which `tests/peers/api.sh` prints. `None` where it is missing, and that is said.
///
/// # Panics
/// When it is missing and `PORTOLAN_REQUIRE_PEERS` is 1.
#[must_use]
pub fn python(test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PORTOLAN_API_PYTHON").map(PathBuf::from);
    if let Some(path) = path.filter(|path| path.exists()) {
        return Some(path);
    }
    let why = format!("{test}: no public tools for the HTTP interface; PORTOLAN_API_PYTHON=$(tests/peers/api.sh)");
    assert!(std::env::var_os("PORTOLAN_REQUIRE_PEERS").is_none_or(|value| value != "1"), "{why}");
    println!("SKIPPED {why}");
    None
}

/// A program of the same environment.
#[must_use]
pub fn program(python: &Path, name: &str) -> PathBuf {
    python.with_file_name(name)
}

/// Runs a program to its end with this on stdin; gives what it wrote to stdout.
///
/// # Panics
/// When it fails; says what it wrote.
#[must_use]
pub fn run(program: &Path, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|why| panic!("{}: {why}", program.display()));
    let mut stdin = child.stdin.take().expect("its input");
    let input = input.to_owned();
    // On a thread, so that neither waits for the other. One that reads nothing may be gone already.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).ok());
    let output = child.wait_with_output().expect("its end");
    writer.join().expect("the writer");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{} {arguments:?}: {}\n{said}\n{told}", program.display(), output.status);
    said
}
