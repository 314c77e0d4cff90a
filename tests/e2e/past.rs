//! The past is the same whenever it is asked for, also after a kill, with a milestone on the way or without.

use super::no_loss::{base_millis, message, with_network};
use firmware_schemas::quantity::Timestamp;
use serde_json::Value;
use std::path::Path;
use std::thread;
use std::time::Duration;
use tests::gateway::{Gateway, wait_until};
use tests::publisher::Publisher;

fn milestones(data: &Path) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(data.join("journal")).expect("the journal's folder");
    let files = files.map(|file| file.expect("a file").path());
    files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("milestone-"))).collect()
}

/// What was known at each moment, and what changed from the first to the last.
fn look_back(gateway: &Gateway, moments: &[Timestamp]) -> Vec<Value> {
    let mut seen: Vec<Value> =
        moments.iter().map(|at| gateway.get(&format!("/v1/snapshot?at={at}&stock=all"))).collect();
    let (first, last) = (moments[0], moments[moments.len() - 1]);
    seen.push(gateway.get(&format!("/v1/changes?from={first}&to={last}&step_secs=1")));
    seen
}

#[test]
fn the_past_is_the_same_after_a_kill_with_milestones_and_without() {
    let mut options = with_network("past");
    options.set = vec!["past.every_secs=1".to_owned(), "journal.snapshot_facts=500".to_owned()];
    let gateway = Gateway::start(&options);
    let publisher = Publisher::start("past", gateway.mqtt_port(), 100);
    let base = base_millis();
    let mut sent = 0;
    // Long enough for a milestone: they are ten seconds of ours apart, whatever the configuration says.
    for _second in 0..13 {
        for _ in 0..200 {
            let (topic, payload) = message(sent, base);
            publisher.send(sent, topic, payload);
            sent += 1;
        }
        thread::sleep(Duration::from_secs(1));
    }
    assert_eq!(publisher.finish(true).len() as u64, sent);
    wait_until("a milestone", Duration::from_secs(30), || match milestones(&options.data).len() {
        0 => Err(0),
        _ => Ok(()),
    });
    let begins: Timestamp = serde_json::from_value(gateway.get("/v1/past")["begins"].clone()).expect("a time");
    let moments: Vec<Timestamp> =
        (0..12).map(|n| begins.saturating_add(Duration::from_millis(700 + 1_000 * n))).collect();
    let before = look_back(&gateway, &moments);
    let seqs: Vec<u64> = before.iter().filter_map(|seen| seen["seq"].as_u64()).collect();
    assert!(seqs.len() == 12 && seqs[0] < seqs[5] && seqs[5] < seqs[11], "{seqs:?}");
    assert!(before[12]["deltas"].as_array().is_some_and(|deltas| deltas.len() >= 8), "{}", before[12]);
    gateway.kill();
    let gateway = Gateway::start(&options);
    assert!(look_back(&gateway, &moments) == before, "after a kill");
    gateway.kill();
    for path in milestones(&options.data) {
        std::fs::remove_file(path).expect("it can be removed");
    }
    options.set[0] = "past.every_secs=0".to_owned();
    let gateway = Gateway::start(&options);
    assert!(look_back(&gateway, &moments) == before, "without a milestone");
    assert_eq!(gateway.try_get("/v1/snapshot?at=2020-01-01T00:00:00Z").0, 410);
    assert_eq!(gateway.try_get("/v1/snapshot?at=2100-01-01T00:00:00Z").0, 400);
}
