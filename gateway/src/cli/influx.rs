//! `portolan influx …`.

use super::serve::{Flags, runtime};
use super::{Configured, Ended, Failure};
use anyhow::{Context, anyhow};
use arc_swap::ArcSwap;
use firmware_schemas::quantity::Timestamp;
use gateway::clock::SystemClock;
use gateway::config::{Config, Loaded};
use gateway::http::Published;
use gateway::journal::{JournalConfig, Seq};
use gateway::ports::Clock;
use gateway::readings::{Readings, influx};
use gateway::recover::{Recovered, journal_disk, oldest, recover_from};
use gateway::store::influx::backfill::{BackfillConfig, BackfillError, Backfilled, backfill};
use gateway::store::influx::check::{CheckError, Checked, check};
use gateway::store::influx::setup::{SetupError, Step, set_up};
use gateway::store::influx::writer::mend;
use gateway::store::influx::{RequestError, Token};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where an operator's token may stand, as for InfluxDB's own command.
const TOKEN_VARIABLE: &str = "INFLUX_TOKEN";
/// How many differences are printed for people; `--json` has all.
const SHOWN_MAX: usize = 200;
/// How long InfluxDB may count at one time: some series, or the whole bucket.
const COUNT_WITHIN: Duration = Duration::from_secs(600);
/// How often a backfill says how far it is.
const TELL_EVERY: Duration = Duration::from_secs(2);

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make what InfluxDB needs: bucket, a token for the gateway, downsampling tasks. What is there is left alone.
    ///
    /// Needs an operator's or all-access token, from --token-file or INFLUX_TOKEN.
    Setup {
        /// The file that holds the operator's token.
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        #[command(flatten)]
        flags: Flags,
    },
    /// Compare journal and InfluxDB, by series and hour; exit code 6 when they differ. Stop the gateway first.
    Check {
        #[command(flatten)]
        flags: Flags,
    },
    /// Write the journal's readings of a span to InfluxDB again. Stop the gateway first.
    Backfill {
        /// Readings measured then or later, such as 2026-11-01T00:00:00Z.
        #[arg(long, value_name = "TIME", value_parser = time)]
        from: Timestamp,
        /// Readings measured before then.
        #[arg(long, value_name = "TIME", value_parser = time)]
        to: Timestamp,
        #[command(flatten)]
        flags: Flags,
    },
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| "not a time such as 2026-11-01T00:00:00Z".to_owned())
}

pub(crate) fn run(configured: &Configured, command: &Command) -> Ended {
    match command {
        Command::Setup { token_file, flags } => {
            run_setup(configured, &config(configured, flags)?, token_file.as_deref())
        }
        Command::Check { flags } => run_check(configured, &config(configured, flags)?),
        Command::Backfill { from, to, flags } if from < to => {
            run_backfill(configured, &config(configured, flags)?, *from, *to)
        }
        Command::Backfill { from, to, .. } => Err(Failure::Usage(anyhow!("--from {from} is not before --to {to}"))),
    }
}

/// As if InfluxDB were the store already, so that it can be set up and filled before it is.
fn config(configured: &Configured, flags: &Flags) -> Result<Config, Failure> {
    let Loaded { config, .. } =
        flags.load_with(configured, &[("store.kind", Some("influxdb2".to_owned()), "portolan influx")])?;
    Ok(config)
}

fn failed(why: RequestError, story: anyhow::Error, mend: &str) -> Failure {
    let told = anyhow!("{story:#}; mend: {mend}");
    match why {
        RequestError::Unreachable { .. } => Failure::Unreachable(told),
        _ => Failure::Failed(told),
    }
}

fn run_setup(configured: &Configured, config: &Config, token_file: Option<&Path>) -> Ended {
    let token = match (token_file, std::env::var(TOKEN_VARIABLE)) {
        (Some(path), _) => {
            std::fs::read_to_string(path).with_context(|| format!("reading the token in {}", path.display()))?
        }
        (None, Ok(token)) => token,
        (None, Err(_)) => {
            let why = format!("needs an operator's token, from --token-file FILE or {TOKEN_VARIABLE}");
            return Err(Failure::Usage(anyhow!(why)));
        }
    };
    let client = influx::client_with(config, &Token::new(&token))?;
    let own = Some(config.store.influxdb2.token_file.as_path()).filter(|path| !path.as_os_str().is_empty());
    let steps = match runtime()?.block_on(set_up(&client, config.store.retention_days, own)) {
        Ok(steps) => steps,
        Err(SetupError::Request { doing, source }) => {
            let mend = match &source {
                RequestError::Unauthorised { .. } | RequestError::Forbidden { .. } => {
                    "give an operator's or all-access token of this organisation"
                }
                RequestError::Missing { .. } => "check store.influxdb2.org, and that the token is of this organisation",
                other => mend(other),
            };
            return Err(failed(source.clone(), anyhow!("{doing}: {source}"), mend));
        }
        Err(why) => return Err(why.into()),
    };
    if configured.json {
        let entries: Vec<_> = steps
            .iter()
            .map(|Step { what, made, note }| serde_json::json!({"what": what, "made": made, "note": note}))
            .collect();
        println!("{}", serde_json::to_string_pretty(&entries)?);
    } else {
        for Step { what, made, note } in &steps {
            let (done, colon) = (if *made { "made  " } else { "there " }, if note.is_empty() { "" } else { ": " });
            println!("{done} {what}{colon}{note}");
        }
    }
    Ok(())
}

/// The journal of a gateway that is stopped, with its twin.
fn recovered(config: &Config) -> Result<(Recovered, Seq), Failure> {
    let from = || format!("recovering from {}", config.data_folder.display());
    let disk = journal_disk(&config.data_folder).with_context(from)?;
    let published = Arc::new(ArcSwap::from_pointee(Published::default()));
    let store = Readings::open(config, &disk, &published)?.store;
    let cursor = Seq(store.applied());
    let recovered = recover_from(disk, store.as_ref(), JournalConfig::default(), &SystemClock).with_context(from)?;
    Ok((recovered, cursor))
}

fn run_check(configured: &Configured, config: &Config) -> Ended {
    let (Recovered { journal, twin, .. }, cursor) = recovered(config)?;
    let client = influx::client(config)?.with_query_patience(COUNT_WITHIN);
    let reader = journal.reader();
    let checking = check(&client, &reader, &twin, cursor, SystemClock.now());
    let checked = match runtime()?.block_on(checking) {
        Ok(checked) => checked,
        Err(CheckError::Request(why)) => return Err(failed(why.clone(), anyhow!("{why}"), mend(&why))),
        Err(why) => return Err(why.into()),
    };
    let ok = checked.differences.is_empty();
    if configured.json {
        println!("{}", as_json(&checked));
    } else {
        print(&checked);
    }
    if ok { Ok(()) } else { Err(Failure::FoundProblems) }
}

fn as_json(checked: &Checked) -> serde_json::Value {
    let differences: Vec<_> = checked
        .differences
        .iter()
        .map(|it| {
            serde_json::json!({
                "site": it.site, "device": it.device, "metric": it.metric, "hour": it.hour.to_string(),
                "expected": it.expected, "found": it.found, "missing": it.missing, "surplus": it.surplus,
            })
        })
        .collect();
    serde_json::json!({
        "ok": checked.differences.is_empty(), "first": checked.first, "cursor": checked.cursor,
        "records": checked.durable, "series": checked.series, "hours": checked.hours,
        "points_expected": checked.expected, "points_present": checked.present, "not_yet": checked.not_yet,
        "beyond_retention": checked.beyond_retention, "refused": checked.refused,
        "before_journal": checked.before_journal, "points_of_other_series": checked.other_series,
        "differences": differences,
    })
}

fn print(checked: &Checked) {
    println!("records compared       {} to {} of {}", checked.first, checked.cursor, checked.durable);
    println!("points in InfluxDB     {} of {}", checked.present, checked.expected);
    println!("compared               {} hours of {} series", checked.hours, checked.series);
    for (n, what) in [
        (checked.not_yet, "readings that it has yet to get"),
        (checked.beyond_retention, "points older than the bucket keeps"),
        (checked.refused, "points in quarantine, refused by InfluxDB"),
        (checked.before_journal, "points from before the journal's first record"),
        (checked.other_series, "points of devices or metrics that the journal does not know"),
    ] {
        if n > 0 {
            println!("no difference          {n} {what}");
        }
    }
    for it in checked.differences.iter().take(SHOWN_MAX) {
        let at = format!("{} {} at {}, hour from {}", it.device, it.metric, it.site, it.hour);
        let more = if it.surplus > 0 { format!(", {} unknown", it.surplus) } else { String::new() };
        println!("DIFFERS {at}: {} of {} points, {} missing{more}", it.found, it.expected, it.missing);
    }
    if let Some(more) = checked.differences.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        println!("… and {more} more hours that differ (--json names all)");
    }
    if checked.differences.iter().any(|it| it.missing > 0) {
        println!("mend: portolan influx backfill --from TIME --to TIME writes a span again");
    }
}

fn run_backfill(configured: &Configured, config: &Config, from: Timestamp, to: Timestamp) -> Ended {
    let (Recovered { journal, disk, .. }, _) = recovered(config)?;
    let client = influx::client(config)?;
    let reader = journal.reader();
    let start = oldest(disk.as_ref(), &reader)?;
    let influx = &config.store.influxdb2;
    let how = BackfillConfig {
        batch_points: influx.batch_points,
        gzip: influx.gzip,
        retry_ceiling: Duration::from_secs(influx.retry_max_secs),
    };
    let durable = reader.durable();
    let mut told = SystemClock.monotonic();
    let mut tell = |done: &Backfilled| {
        let now = SystemClock.monotonic();
        if now.saturating_sub(told) >= TELL_EVERY {
            told = now;
            eprintln!("record {} of {durable}, {} readings written", done.seq, done.readings);
        }
    };
    let done = match backfill(&client, &reader, start, &(from..to), how, &runtime()?, &mut tell) {
        Ok(done) => done,
        Err(BackfillError::Request(why)) => return Err(failed(why.clone(), anyhow!("{why}"), mend(&why))),
        Err(why) => return Err(why.into()),
    };
    let Backfilled { readings, beyond_retention, refused, reasons, retries, .. } = &done;
    if configured.json {
        let report = serde_json::json!({
            "from": from.to_string(), "to": to.to_string(), "readings": readings,
            "beyond_retention": beyond_retention, "refused": refused, "reasons": reasons, "retries": retries,
        });
        println!("{report}");
    } else {
        println!("{readings} readings measured from {from} to {to} written");
        if *beyond_retention > 0 {
            println!("{beyond_retention} of them are older than the bucket keeps, and InfluxDB dropped them");
        }
        reasons.iter().for_each(|why| println!("REFUSED {why}"));
        if *refused > reasons.len() as u64 {
            println!("… and {} more refused", *refused - reasons.len() as u64);
        }
    }
    if *refused == 0 { Ok(()) } else { Err(Failure::FoundProblems) }
}
