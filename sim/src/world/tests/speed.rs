//! How fast a world runs. Not a check: run by hand, in release.

use super::super::*;
use super::small::{DAY, config, demo};
use std::time::Duration;

/// CPU time of this thread, since no clock may be read here.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

#[test]
#[allow(clippy::print_stderr, reason = "what it finds out is its output")]
#[ignore = "a measurement: cargo test --release -p sim speed -- --ignored --nocapture"]
fn speed_of_the_demo_world() {
    for (what, cbor_permille) in [("JSON", 0), ("CBOR", 1_000)] {
        let mut settings = config(1);
        settings.cbor_permille = cbor_permille;
        let mut world = World::new(&demo(), settings).unwrap();
        let (mut out, mut bytes, mut n) = (Vec::new(), 0, 0);
        let before = cpu();
        for _ in 0..20 * 24 {
            let until = world.now().saturating_add(DAY / 24);
            world.advance_to(until, &mut out);
            n += out.len();
            bytes += out.iter().map(|message| message.payload.len()).sum::<usize>();
            out.clear();
        }
        let secs = (cpu() - before).as_secs_f64();
        let (rate, mean) = (n as f64 / secs, bytes / n);
        eprintln!("{what}: {n} messages in {secs:.2} s of CPU: {rate:.0}/s, {mean} bytes each");
    }
}
