//! What a bucket already holds, page by page in the order of time: for those who bring their history along.

use super::client::{InfluxClient, RequestError, Rows};
use super::line::{field_of_kind, quality_of_kind};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::{Quality, Value};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// Rows that are asked for at once.
const ROWS_MAX: usize = 10_000;

/// Which points, and what names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The measurement.
    pub measurement: String,
    /// The tag that names the device.
    pub device_tag: String,
    /// The tag that names the metric; `None`: each field is a metric of its own.
    pub metric_tag: Option<String>,
}

/// One value of the past. The names are as they were found, and may be no identifiers.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// The device's tag; empty where the point has none.
    pub device: String,
    /// What was measured.
    pub metric: String,
    /// When.
    pub at: Timestamp,
    /// How much.
    pub value: Value,
    /// How far to trust it.
    pub quality: Quality,
}

/// Reads a measurement from its beginning, or from where a reader before it stopped.
pub struct History {
    client: InfluxClient,
    source: Source,
    fields: BTreeMap<String, String>,
    is_ours: bool,
    after: Option<Timestamp>,
    to: Timestamp,
}

impl History {
    /// Asks what fields the measurement has. Points at or before `after`, and from `to` on, are left out.
    pub async fn open(
        client: InfluxClient,
        source: Source,
        after: Option<Timestamp>,
        to: Timestamp,
    ) -> Result<Self, RequestError> {
        let question = format!("SHOW FIELD KEYS FROM {}", identifier(&source.measurement));
        let answer = client.influxql(&question, &Map::new()).await?;
        let mut fields = BTreeMap::new();
        for row in answer.iter().flat_map(|rows| &rows.values) {
            if let [Json::String(name), Json::String(kind)] = row.as_slice() {
                fields.insert(name.clone(), kind.clone());
            }
        }
        // Our own schema says by `kind` which field counts.
        let is_ours = fields.contains_key("kind")
            && fields.keys().all(|name| ["kind", "float", "integer", "boolean", "text"].contains(&name.as_str()));
        Ok(Self { client, source, fields, is_ours, after, to })
    }

    /// True when the measurement has no fields: there is nothing of that name.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Up to where all points have been given.
    pub fn position(&self) -> Option<Timestamp> {
        self.after
    }

    /// The next values; `None` at the end.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Past>>, RequestError> {
        let after = self.after.map_or(i64::MIN + 2, |after| after.as_nanos().saturating_add(1));
        let to = self.to.as_nanos();
        let rows = self.ask(&format!("time >= {after} AND time < {to} ORDER BY time ASC LIMIT {ROWS_MAX}")).await?;
        let time = |row: &Vec<Json>| row.first().and_then(Json::as_i64).unwrap_or_default();
        let Some(last) = rows.values.last().map(time) else { return Ok(None) };
        if rows.values.len() < ROWS_MAX {
            self.after = Some(Timestamp::from_nanos(last));
            return Ok(Some(self.values(&rows)));
        }
        // Of the last instant some points may be on the next page.
        let whole = rows.values.partition_point(|row| time(row) < last);
        if whole > 0 {
            self.after = Some(Timestamp::from_nanos(time(&rows.values[whole - 1])));
            let whole = Rows { columns: rows.columns, values: rows.values[..whole].to_vec() };
            return Ok(Some(self.values(&whole)));
        }
        let rows = self.ask(&format!("time = {last}")).await?;
        self.after = Some(Timestamp::from_nanos(last));
        Ok(Some(self.values(&rows)))
    }

    async fn ask(&self, which: &str) -> Result<Rows, RequestError> {
        let question = format!("SELECT * FROM {} WHERE {which}", identifier(&self.source.measurement));
        Ok(self.client.influxql(&question, &Map::new()).await?.into_iter().next().unwrap_or_default())
    }

    fn values(&self, rows: &Rows) -> Vec<Past> {
        let column = |name: &str| rows.columns.iter().position(|column| column == name);
        let text =
            |row: &[Json], at: Option<usize>| at.and_then(|at| row.get(at)?.as_str()).unwrap_or_default().to_owned();
        let device = column(&self.source.device_tag);
        let metric_tag = self.source.metric_tag.as_ref().map(|tag| column(tag));
        let fields: Vec<(&String, &String, usize)> =
            self.fields.iter().filter_map(|(name, kind)| Some((name, kind, column(name)?))).collect();
        let kind_at = column("kind").filter(|_| self.is_ours);
        let mut values = Vec::new();
        for row in &rows.values {
            let at = Timestamp::from_nanos(row.first().and_then(Json::as_i64).unwrap_or_default());
            let kind = kind_at.and_then(|at| row.get(at)?.as_i64());
            for (name, field_kind, place) in &fields {
                if self.is_ours && kind.and_then(field_of_kind) != Some(name.as_str()) {
                    continue;
                }
                let Some(value) = row.get(*place).and_then(|json| value(json, field_kind)) else { continue };
                let metric = metric_tag.map_or_else(|| (*name).clone(), |at| text(row, at));
                let quality = kind.and_then(quality_of_kind).unwrap_or(Quality::Good);
                values.push(Past { device: text(row, device), metric, at, value, quality });
            }
        }
        values
    }
}

fn value(json: &Json, kind: &str) -> Option<Value> {
    match kind {
        "float" => json.as_f64().map(Value::Float),
        "integer" | "unsigned" => json.as_i64().map(Value::Integer),
        "boolean" => json.as_bool().map(Value::Boolean),
        _ => json.as_str().map(|text| Value::Text(text.into())),
    }
}

/// A name as InfluxQL quotes it.
fn identifier(name: &str) -> String {
    let mut quoted = String::from("\"");
    for character in name.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        for (name, quoted) in
            [("reading", r#""reading""#), (r#"a" WHERE "b"#, r#""a\" WHERE \"b""#), (r"a\", r#""a\\""#)]
        {
            assert_eq!(identifier(name), quoted, "{name}");
        }
    }
}
