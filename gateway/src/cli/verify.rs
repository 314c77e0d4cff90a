//! `portolan verify`: the twin and the readings, rebuilt from the whole journal, against what a restart uses.

use super::serve::Flags;
use super::{Configured, Ended, Failure};
use anyhow::Context;
use arc_swap::ArcSwap;
use gateway::clock::SystemClock;
use gateway::config::Loaded;
use gateway::http::Published;
use gateway::journal::{JournalConfig, Verify};
use gateway::readings::Readings;
use gateway::recover::{Recovered, journal_disk, oldest, rebuild, recover_from};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) fn run(configured: &Configured, flags: &Flags) -> Ended {
    let Loaded { config, .. } = flags.load(configured)?;
    let journal_config = JournalConfig { verify: Verify::Everything, ..JournalConfig::default() };
    let from = || format!("recovering from {}", config.data_folder.display());
    let disk = journal_disk(&config.data_folder).with_context(from)?;
    let published = Arc::new(ArcSwap::from_pointee(Published::default()));
    let store = Readings::open(&config, &disk, &published)?.store;
    let Recovered { journal, disk, twin, snapshot_seq, .. } =
        recover_from(disk, store.as_ref(), journal_config, &SystemClock).with_context(from)?;
    // A database is asked by names, which the twin knows.
    published.store(Arc::new(Published { delta_seq: twin.revision, twin: twin.clone() }));
    // One that is fed from the journal by itself may not have come to its end.
    let applied = if store.is_replayed() { u64::MAX } else { store.applied() };
    // The store keeps one point for each series and time: the last that arrived.
    let mut points: BTreeMap<u32, BTreeMap<i64, u64>> = BTreeMap::new();
    let (mut readings, mut not_yet) = (0_u64, 0_u64);
    let start = oldest(disk.as_ref(), &journal.reader())?;
    let (from_seq, first) = (start.revision, journal.reader().first());
    let rebuilt = rebuild(&journal.reader(), start, &mut |seq, reading| {
        if seq > applied {
            not_yet += 1;
            return;
        }
        points.entry(reading.series.0).or_default().insert(reading.at.as_nanos(), seq);
        readings += 1;
    })?;
    let same_twin = rebuilt.to_bytes()? == twin.to_bytes()?;
    let (mut expected, mut found, mut wrong_series) = (0_u64, 0_u64, Vec::new());
    for (series, times) in &points {
        let (span, mut after, mut n) =
            (firmware_schemas::quantity::Timestamp::MIN..firmware_schemas::quantity::Timestamp::MAX, None, 0);
        loop {
            let page = store.range(firmware_schemas::fact::SeriesId(*series), span.clone(), 50_000, after)?;
            n += page.points.iter().filter(|point| times.contains_key(&point.at.as_nanos())).count() as u64;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        expected += times.len() as u64;
        found += n;
        if n != times.len() as u64 {
            wrong_series.push(*series);
        }
    }
    let ok = same_twin && wrong_series.is_empty();
    if configured.json {
        let report = serde_json::json!({
            "ok": ok, "first": first.0, "records": journal.durable().0, "rebuilt_from": from_seq, "snapshot": snapshot_seq, "same_twin": same_twin,
            "readings_in_journal": readings, "points_expected": expected, "points_in_store": found,
            "not_yet_in_store": not_yet, "series": points.len(), "wrong_series": wrong_series,
        });
        println!("{report}");
    } else {
        println!("records in the journal    {first} to {}", journal.durable());
        let same = if same_twin { "equal, byte for byte" } else { "DIFFERENT" };
        match from_seq {
            0 => println!("twin rebuilt from all     {same}"),
            seq => println!("twin rebuilt from {seq:<7} {same}"),
        }
        println!("readings in the journal   {readings} in {} series", points.len());
        println!("points in the store       {found} of {expected}");
        if not_yet > 0 {
            println!("readings that it has yet to get {not_yet}");
        }
        for series in wrong_series {
            println!("series {series} differs");
        }
    }
    if ok { Ok(()) } else { Err(Failure::FoundProblems) }
}
