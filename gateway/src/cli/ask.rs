//! A running gateway, asked over HTTP by `order`, `stock`, `replenish`, `forecast` and `route`.

use super::{Configured, Failure};
use anyhow::anyhow;
use clap::Args;
use firmware_schemas::api::Problem;
use gateway::config::Loaded;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value as Json;
use std::io::Write;
use std::time::Duration;

/// How long a connection may take to be made, and an answer to come.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// What has characters of its own meaning in a path or a query.
const ESCAPED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Which gateway.
#[derive(Args)]
pub(crate) struct At {
    /// The gateway to ask; the one that `http.listen` names when left out.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
}

/// Filters of a list; those left out fit all.
pub(crate) struct Query(String);

impl Query {
    pub(crate) fn new() -> Self {
        Self("?limit=1000".to_owned())
    }

    pub(crate) fn with(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            let value = value.to_string();
            let escaped = percent_encoding::utf8_percent_encode(&value, ESCAPED);
            self.0.push_str(&format!("&{name}={escaped}"));
        }
        self
    }
}

/// A path of these parts, each escaped.
pub(crate) fn path(parts: &[&str]) -> String {
    let escaped = parts.iter().map(|part| percent_encoding::utf8_percent_encode(part, ESCAPED).to_string());
    escaped.fold("/v1".to_owned(), |path, part| path + "/" + &part)
}

pub(crate) struct Gateway {
    url: String,
    client: Client,
    json: bool,
}

impl Gateway {
    pub(crate) fn new(configured: &Configured, at: &At) -> Result<Self, Failure> {
        let url = match &at.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => {
                let Loaded { config, .. } = configured.load(&[])?;
                format!("http://{}", config.http.listen)
            }
        };
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Failure::Usage(anyhow!("--url {url:?} does not begin with http:// or https://")));
        }
        let client = Client::builder().connect_timeout(CONNECT_WITHIN).timeout(ANSWER_WITHIN).build()?;
        Ok(Self { url, client, json: configured.json })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Json, Failure> {
        self.send(self.client.get(format!("{}{path}", self.url))).await
    }

    pub(crate) async fn post(&self, path: &str, key: Option<&str>, body: &Json) -> Result<Json, Failure> {
        let mut request = self.client.post(format!("{}{path}", self.url)).json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        self.send(request).await
    }

    /// Replaces, or takes back where there is no body, what has changed since it was read only by this.
    pub(crate) async fn change(&self, path: &str, body: Option<&Json>) -> Result<Json, Failure> {
        let url = format!("{}{path}", self.url);
        let known = self.client.get(&url).send().await.map_err(unreachable)?;
        let tag = known.headers().get("etag").and_then(|tag| tag.to_str().ok()).unwrap_or_default().to_owned();
        let method = if body.is_some() { Method::PUT } else { Method::DELETE };
        let mut request = self.client.request(method, url).header("If-Match", tag);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.send(request).await
    }

    /// All pages of a list.
    pub(crate) async fn list(&self, path: &str, query: Query) -> Result<Vec<Json>, Failure> {
        let mut items = Vec::new();
        let mut cursor = None;
        loop {
            let query = Query(query.0.clone()).with("cursor", cursor);
            let mut page = self.get(&format!("{path}{}", query.0)).await?;
            if let Some(Json::Array(more)) = page.get_mut("items").map(Json::take) {
                items.extend(more);
            }
            match page.get("next_cursor").and_then(Json::as_str) {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(items),
            }
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Json, Failure> {
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let text = response.text().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok(serde_json::from_str(&text)?);
        }
        match serde_json::from_str::<Problem>(&text) {
            Ok(problem) => Err(failure(problem)),
            Err(_no_problem) => Err(anyhow!("{} answered {status}; is it a gateway?", self.url).into()),
        }
    }

    /// Prints a value as JSON, or what `words` make of it.
    pub(crate) fn print(&self, value: &Json, words: impl FnOnce(&Json) -> String) -> Result<(), Failure> {
        let text = if self.json { serde_json::to_string_pretty(value)? } else { words(value) };
        let mut out = std::io::stdout().lock();
        Ok(writeln!(out, "{}", text.trim_end())?)
    }

    /// Prints a list as JSON, or as a table of these columns: a heading and a JSON pointer each.
    pub(crate) fn print_list(&self, items: &[Json], columns: &[(&str, &str)]) -> Result<(), Failure> {
        let all = Json::Array(items.to_vec());
        self.print(&all, |_| listed(items, columns))
    }
}

fn listed(items: &[Json], columns: &[(&str, &str)]) -> String {
    let cell = |item: &Json, pointer: &str| match item.pointer(pointer) {
        None | Some(Json::Null) => "–".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(number)) => match number.as_f64() {
            Some(x) if number.is_f64() => format!("{x:.1}"),
            _ => number.to_string(),
        },
        Some(other) => other.to_string(),
    };
    let head: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let rows = items.iter().map(|item| columns.iter().map(|(_, pointer)| cell(item, pointer)).collect());
    table(&head, rows.collect())
}

/// Columns as wide as what is in them.
pub(crate) fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let rows: Vec<Vec<String>> =
        std::iter::once(head.iter().map(|name| (*name).to_owned()).collect()).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let padded: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn unreachable(why: reqwest::Error) -> Failure {
    Failure::Unreachable(anyhow::Error::new(why).context("asking the gateway; is it running, and is --url right?"))
}

fn failure(problem: Problem) -> Failure {
    let each: Vec<String> = problem
        .errors
        .iter()
        .filter(|fault| fault.detail != problem.detail || fault.pointer.is_some())
        .map(|fault| match fault.pointer.as_ref().or(fault.parameter.as_ref()) {
            Some(place) => format!("\n  {place}: {}", fault.detail),
            None => format!("\n  {}", fault.detail),
        })
        .collect();
    let why = anyhow!("{}: {}{}", problem.title, problem.detail, each.concat());
    match problem.status {
        400 | 422 => Failure::Usage(why),
        404 => Failure::NotFound(why),
        409 | 410 | 412 | 428 => Failure::Conflict(why),
        _ => Failure::Failed(why),
    }
}

/// JSON from a file, or from standard input for `-`.
pub(crate) fn read(file: &str) -> Result<String, Failure> {
    let text = match file {
        "-" => std::io::read_to_string(std::io::stdin()),
        file => std::fs::read_to_string(file),
    };
    text.map_err(|why| Failure::Usage(anyhow!("cannot read {file}: {why}")))
}

/// The same as a document.
pub(crate) fn read_json(file: &str) -> Result<Json, Failure> {
    serde_json::from_str(&read(file)?).map_err(|why| Failure::Usage(anyhow!("{file} is not JSON: {why}")))
}
