//! Writes the tests' small network as a snapshot, for `viewer render --snapshot`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "an example for people at work on the viewer")]

#[path = "../tests/fixture/mod.rs"]
mod fixture;

fn main() {
    println!("{}", serde_json::to_string(&fixture::snapshot()).unwrap());
}
