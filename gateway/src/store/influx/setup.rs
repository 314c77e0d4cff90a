//! What InfluxDB must have before readings can go to it: a bucket, a token that may do no more than we need, and
//! two buckets with the tasks that fill them with minutes and hours.
//!
//! Everything is found again by its name or description, so that a second run makes nothing.

use super::client::{InfluxClient, RequestError, Token};
use super::{flux_string, line::MEASUREMENT};
use serde_json::{Value as Json, json};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Why it cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// InfluxDB refused something.
    #[error("{doing}: {source}")]
    Request {
        /// What was asked for.
        doing: String,
        /// What it said.
        source: RequestError,
    },
    /// InfluxDB's answer lacks something.
    #[error("{doing}: InfluxDB's answer has no {lacks}")]
    Answer {
        /// What was asked for.
        doing: String,
        /// What was not in the answer.
        lacks: &'static str,
    },
    /// The token cannot be put into its file.
    #[error("writing the token to {path}: {source}")]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
}

/// One thing that was made, or was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is.
    pub what: String,
    /// True if it was made now.
    pub made: bool,
    /// What a person should know about it; may be empty.
    pub note: String,
}

/// How finely a task sums up, and how far it looks back for late readings each time.
pub(super) struct Rollup {
    suffix: &'static str,
    pub(super) every_secs: u32,
    offset: &'static str,
    pub(super) look_back_secs: u32,
}

impl Rollup {
    /// Where it is kept.
    pub(super) fn bucket(&self, raw: &str) -> String {
        format!("{raw}-{}", self.suffix)
    }
}

pub(super) const ROLLUPS: [Rollup; 2] = [
    Rollup { suffix: "1m", every_secs: 60, offset: "10s", look_back_secs: 15 * 60 },
    Rollup { suffix: "1h", every_secs: 3_600, offset: "1m", look_back_secs: 25 * 3_600 },
];

/// Makes what is not there yet. `client` shows an operator's token; `token_file` is where the gateway's own token
/// goes, `None` when it comes from elsewhere. `retention_days` is for buckets that are made now.
pub async fn set_up(
    client: &InfluxClient,
    retention_days: u32,
    token_file: Option<&Path>,
) -> Result<Vec<Step>, SetupError> {
    let name = client.bucket();
    let doing = format!("looking for the organisation {:?}", client.org());
    let answer = ok(&doing, client.get("orgs", &[("org", client.org())]).await)?;
    let org = text(&answer["orgs"][0]["id"], doing, "id")?;
    let mut steps = Vec::new();
    let bucket = bucket(client, &org, name, retention_days, &mut steps).await?;
    let mut rolled_up = Vec::new();
    for rollup in &ROLLUPS {
        rolled_up.push(self::bucket(client, &org, &rollup.bucket(name), retention_days, &mut steps).await?);
    }
    steps.push(token(client, &org, &bucket, &rolled_up, token_file).await?);
    for rollup in &ROLLUPS {
        steps.push(task(client, &org, rollup).await?);
    }
    Ok(steps)
}

async fn bucket(
    client: &InfluxClient,
    org: &str,
    name: &str,
    retention_days: u32,
    steps: &mut Vec<Step>,
) -> Result<String, SetupError> {
    let what = format!("bucket {name:?}");
    let doing = format!("looking for the {what}");
    let known = match client.get("buckets", &[("orgID", org), ("name", name)]).await {
        Err(RequestError::Missing { .. }) => Json::Null,
        answer => ok(&doing, answer)?["buckets"][0].take(),
    };
    if !known.is_null() {
        let secs = retention_secs(&known);
        let wanted = u64::from(retention_days) * 86_400;
        let kept = secs.map_or("for ever".to_owned(), days);
        let note = match secs {
            Some(secs) if secs == wanted => format!("keeps points {kept}"),
            _ => format!("keeps points {kept}, which is left alone (store.retention_days is {retention_days})"),
        };
        steps.push(Step { what, made: false, note });
        return text(&known["id"], doing, "id");
    }
    let secs = u64::from(retention_days) * 86_400;
    let rules = json!([{ "type": "expire", "everySeconds": secs }]);
    let doing = format!("making the {what}");
    let made =
        ok(&doing, client.post("buckets", &json!({ "orgID": org, "name": name, "retentionRules": rules })).await)?;
    steps.push(Step { what, made: true, note: format!("keeps points {}", days(secs)) });
    text(&made["id"], doing, "id")
}

/// How long a bucket keeps points, in seconds; `None` when for ever.
pub(super) fn retention_secs(bucket: &Json) -> Option<u64> {
    let rules = bucket["retentionRules"].as_array()?;
    let expire = rules.iter().find(|rule| rule["type"].as_str().is_none_or(|kind| kind == "expire"))?;
    expire["everySeconds"].as_u64().filter(|secs| *secs > 0)
}

fn days(secs: u64) -> String {
    match (secs / 86_400, secs % 86_400) {
        (days, 0) => format!("for {days} days"),
        _ => format!("for {secs} s"),
    }
}

/// Reading and writing the one bucket, and reading what is summed up, is all that writer, reader and `portolan
/// doctor` ask for.
async fn token(
    client: &InfluxClient,
    org: &str,
    bucket: &str,
    rolled_up: &[String],
    file: Option<&Path>,
) -> Result<Step, SetupError> {
    let Some(file) = file else {
        let note = "it comes from store.influxdb2.token, so none is made".to_owned();
        return Ok(Step { what: "token".to_owned(), made: false, note });
    };
    let what = format!("token in {}", file.display());
    if file.exists() {
        return Ok(Step { what, made: false, note: "the file is left alone".to_owned() });
    }
    // A bucket that was made anew needs another token.
    let description = format!("Portolan: read and write {:?} ({bucket})", client.bucket());
    let doing = "looking for the token".to_owned();
    let known = ok(&doing, client.get("authorizations", &[("orgID", org)]).await)?;
    let known = known["authorizations"]
        .as_array()
        .and_then(|all| all.iter().find(|one| one["description"] == description.as_str() && one["status"] == "active"));
    let (token, note) = match known {
        Some(known) => (text(&known["token"], doing, "token")?, "InfluxDB had it, the file is new"),
        None => {
            let may = |action: &str, id: &str| json!({ "action": action, "resource": { "type": "buckets", "id": id, "orgID": org } });
            let mut permissions = vec![may("read", bucket), may("write", bucket)];
            permissions.extend(rolled_up.iter().map(|id| may("read", id)));
            let body = json!({ "orgID": org, "description": description, "permissions": permissions });
            let doing = "making the token".to_owned();
            let made = ok(&doing, client.post("authorizations", &body).await)?;
            (
                text(&made["token"], doing, "token")?,
                "may read and write the bucket, read the summed-up ones, and nothing else",
            )
        }
    };
    write_secret(file, &Token::new(&token))
        .map_err(|source| SetupError::TokenFile { path: file.to_path_buf(), source })?;
    Ok(Step { what, made: true, note: note.to_owned() })
}

/// Whole or not at all, and for nobody else's eyes.
fn write_secret(path: &Path, token: &Token) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    match fs::remove_file(&beside) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(format!("{}\n", token.reveal()).as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

async fn task(client: &InfluxClient, org: &str, rollup: &Rollup) -> Result<Step, SetupError> {
    let name = task_name(client.bucket(), rollup);
    let what = format!("task {name:?}");
    let flux = script(client.bucket(), rollup);
    let doing = format!("looking for the {what}");
    let known = ok(&doing, client.get("tasks", &[("orgID", org), ("name", &name)]).await)?;
    if let Some(known) = known["tasks"].as_array().and_then(|all| all.iter().find(|one| one["name"] == name.as_str())) {
        let note = match (known["status"].as_str(), known["flux"].as_str()) {
            (Some("inactive"), _) => "it is switched off, which is left alone",
            (_, Some(known)) if known.trim() != flux.trim() => {
                "its script is another than this version makes, which is left alone; delete the task for a new one"
            }
            _ => "",
        };
        return Ok(Step { what, made: false, note: note.to_owned() });
    }
    let description = "Minimum, maximum, mean, last and count of Portolan's readings";
    let body = json!({ "orgID": org, "flux": flux, "status": "active", "description": description });
    ok(&format!("making the {what}"), client.post("tasks", &body).await)?;
    let note = format!("every {}, back to {} s for late readings", rollup.suffix, rollup.look_back_secs);
    Ok(Step { what, made: true, note })
}

fn task_name(bucket: &str, rollup: &Rollup) -> String {
    format!("portolan {bucket} {}", rollup.suffix)
}

/// The task's script. As in our own reads, `kind` says which field of a point counts.
fn script(bucket: &str, rollup: &Rollup) -> String {
    let Rollup { suffix: every, offset, look_back_secs, .. } = rollup;
    let name = flux_string(&task_name(bucket, rollup));
    let (from, to) = (flux_string(bucket), flux_string(&rollup.bucket(bucket)));
    let points = |field: &str, kind: i64, value: &str| {
        let kinds = format!("r.kind == {kind} or r.kind == {} or r.kind == {}", kind + 10, kind + 20);
        format!(
            r#"from(bucket: {from})
    |> range(start: begin, stop: end)
    |> filter(fn: (r) => r._measurement == "{MEASUREMENT}" and (r._field == "kind" or r._field == "{field}"))
    |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
    |> filter(fn: (r) => exists r.kind and exists r.{field} and ({kinds}))
    |> map(fn: (r) => ({{_time: r._time, _start: begin, _stop: end, device: r.device, metric: r.metric, site: r.site, _value: {value}}}))
    |> group(columns: ["device", "metric", "site", "_start", "_stop"])"#
        )
    };
    let floats = points("float", 0, "float(v: r.float)");
    let integers = points("integer", 1, "float(v: r.integer)");
    let booleans = points("boolean", 2, "r.boolean");
    let texts = points("text", 3, "r.text");
    let mut script = format!(
        r#"import "date"

option task = {{name: {name}, every: {every}, offset: {offset}}}

end = date.truncate(t: now(), unit: {every})
begin = date.sub(d: {look_back_secs}s, from: end)

roll = (tables=<-, fn, as) => tables
    |> aggregateWindow(every: {every}, fn: fn, createEmpty: false, timeSrc: "_start")
    |> set(key: "_measurement", value: "{MEASUREMENT}")
    |> set(key: "_field", value: as)
    |> to(bucket: {to}, tagColumns: ["device", "metric", "site"])
    |> yield(name: as)

floats = {floats}

integers = {integers}

numbers = union(tables: [floats, integers])
    |> sort(columns: ["_time"])

booleans = {booleans}
    |> sort(columns: ["_time"])

texts = {texts}
    |> sort(columns: ["_time"])

kinds = from(bucket: {from})
    |> range(start: begin, stop: end)
    |> filter(fn: (r) => r._measurement == "{MEASUREMENT}" and r._field == "kind")
    |> keep(columns: ["_time", "_start", "_stop", "_value", "device", "metric", "site"])
    |> sort(columns: ["_time"])

"#
    );
    for (tables, function, field) in [
        ("numbers", "min", "min"),
        ("numbers", "max", "max"),
        ("numbers", "mean", "mean"),
        ("numbers", "last", "last"),
        ("numbers", "count", "count"),
        ("booleans", "last", "boolean_last"),
        ("booleans", "count", "boolean_count"),
        ("texts", "last", "text_last"),
        ("texts", "count", "text_count"),
        // Which of the three is the last, and whether a number is whole.
        ("kinds", "last", "kind_last"),
    ] {
        script.push_str(&format!("{tables} |> roll(fn: {function}, as: \"{field}\")\n"));
    }
    script
}

fn ok<T>(doing: &str, answer: Result<T, RequestError>) -> Result<T, SetupError> {
    answer.map_err(|source| SetupError::Request { doing: doing.to_owned(), source })
}

fn text(json: &Json, doing: String, lacks: &'static str) -> Result<String, SetupError> {
    json.as_str().map(str::to_owned).ok_or(SetupError::Answer { doing, lacks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_name_stays_a_string_in_the_script() {
        let script = script("a\"b\\ ${c}", &ROLLUPS[0]);
        assert!(script.contains(r#"from(bucket: "a\"b\\ \x24{c}")"#), "{script}");
        assert!(script.contains(r#"to(bucket: "a\"b\\ \x24{c}-1m""#), "{script}");
        assert!(script.contains(r#"name: "portolan a\"b\\ \x24{c} 1m""#), "{script}");
    }

    #[test]
    fn retention_is_read_as_influxdb_writes_it() {
        assert_eq!(retention_secs(&json!({"retentionRules": []})), None);
        assert_eq!(retention_secs(&json!({"retentionRules": [{"type": "expire", "everySeconds": 0}]})), None);
        assert_eq!(retention_secs(&json!({"retentionRules": [{"everySeconds": 3600}]})), Some(3_600));
    }
}
