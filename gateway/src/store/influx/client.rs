//! HTTP to an InfluxDB 2: writes, queries, and what setting up needs.
//!
//! `docs/decisions/influxdb-client.md` says why this is not the crate `influxdb2`.

use crate::ingest::tls::{TlsError, TlsOptions, without_roots};
use arc_swap::ArcSwap;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::{Map, Value as Json};
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tracing::info;

/// How much of an answer that reports an error is read and kept, in bytes.
const REASON_BYTES_MAX: usize = 2_048;

/// A token of InfluxDB. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// White space around it, as at the end of a file, is no part of it.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The token itself, for who must hand it on.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Where the readings are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `http://host:8086` or `https://host`, without `/api`.
    pub url: String,
    /// The organisation's name.
    pub org: String,
    /// The bucket's name.
    pub bucket: String,
    /// Which token to show.
    pub token: Token,
    /// Whom to believe when `url` is `https`.
    pub tls: TlsOptions,
    /// How long to wait.
    pub patience: Patience,
}

/// How long to wait for InfluxDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For a batch to be written.
    pub write: Duration,
    /// For the whole answer to a query, and to anything else.
    pub query: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), write: Duration::from_secs(30), query: Duration::from_secs(60) }
    }
}

/// Why no request can be made at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The address is none.
    #[error("not an address of an InfluxDB (http://host:8086): {0:?}")]
    Url(String),
    /// The token has characters that no header can hold.
    #[error("the token has characters that no token has")]
    Token,
    /// The certificates cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// The HTTP library refuses.
    #[error("HTTP: {0}")]
    Http(String),
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It is too busy (429, 503, or its write cache is full): wait, and send the same again.
    #[error("InfluxDB is overloaded ({status}): {reason:?}")]
    Overloaded {
        /// The HTTP status.
        status: u16,
        /// How long to wait, if it said so.
        retry_after: Option<Duration>,
        /// What it said.
        reason: String,
    },
    /// No connection, or no answer in time: whether the request was carried out is not known.
    #[error("InfluxDB cannot be reached: {reason}")]
    Unreachable {
        /// What happened.
        reason: String,
    },
    /// It failed (500, 502, 504): whether the request was carried out is not known.
    #[error("InfluxDB failed ({status}): {reason:?}")]
    Failed {
        /// The HTTP status.
        status: u16,
        /// What it said.
        reason: String,
    },
    /// The token is not known to it (401).
    #[error("InfluxDB does not know the token: {reason:?}")]
    Unauthorised {
        /// What it said.
        reason: String,
    },
    /// The token does not allow this (403).
    #[error("the token does not allow this: {reason:?}")]
    Forbidden {
        /// What it said.
        reason: String,
    },
    /// There is no such organisation or bucket (404).
    #[error("InfluxDB has no such organisation, bucket or address: {reason:?}")]
    Missing {
        /// What it said.
        reason: String,
    },
    /// Its disk is full (507, or 500 with that reason).
    #[error("InfluxDB's disk is full: {reason:?}")]
    Full {
        /// What it said.
        reason: String,
    },
    /// The batch is too large for it (413).
    #[error("too large for InfluxDB: {reason:?}")]
    TooLarge {
        /// What it said.
        reason: String,
    },
    /// It refuses what it was sent (400, 422). Of a batch with 400 nothing was written; with 422 all or none of
    /// the points that are good may have been written.
    #[error("InfluxDB refuses this ({status}): {reason:?}")]
    Refused {
        /// The HTTP status; 200 when the answer to a query carries an error.
        status: u16,
        /// What it said.
        reason: String,
    },
    /// Nothing that an InfluxDB answers.
    #[error("not an answer of InfluxDB ({status}): {reason:?}")]
    Unexpected {
        /// The HTTP status.
        status: u16,
        /// What was said, or what is wrong with it.
        reason: String,
    },
}

impl RequestError {
    /// True if the same request may succeed later without anybody mending anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Overloaded { .. } | Self::Unreachable { .. } | Self::Failed { .. })
    }
}

/// What became of a batch: all its points are durable, except those older than the bucket keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// How many were not taken, being beyond the bucket's retention.
    pub beyond_retention: u64,
}

/// What setting up asks of InfluxDB: paths below `/api/v2`, bodies and answers in JSON.
pub type JsonResult = Result<Json, RequestError>;

/// Speaks with one bucket of one InfluxDB. Cheap to clone; clones share their connections.
///
/// A connection lives on the runtime that opened it, so a client and its clones must stay on one runtime: on
/// another they would wait for a connection that nobody drives. Who has a runtime of its own makes its own client.
#[derive(Clone)]
pub struct InfluxClient {
    http: reqwest::Client,
    base: Url,
    write_url: Url,
    org: String,
    bucket: String,
    patience: Patience,
    token: Arc<ArcSwap<HeaderValue>>,
    /// Where a token lies that may be another by now.
    token_file: Option<PathBuf>,
}

impl fmt::Debug for InfluxClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, org, bucket, .. } = self;
        f.debug_struct("InfluxClient").field("base", &base.as_str()).field("org", org).field("bucket", bucket).finish()
    }
}

impl InfluxClient {
    /// Prepares; nothing is sent.
    pub fn new(target: &Target) -> Result<Self, ClientError> {
        let not_a_url = || ClientError::Url(target.url.clone());
        let base = Url::parse(&target.url).ok().ok_or_else(not_a_url)?;
        // Nothing but scheme, host, port and a path that a proxy may want.
        let bare = base.username().is_empty() && base.password().is_none() && base.query().is_none();
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() || !bare {
            return Err(not_a_url());
        }
        let token = authorization(&target.token).ok_or(ClientError::Token)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("portolan/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(target.patience.connect)
            .tcp_nodelay(true);
        // Without TLS nobody is believed, rather than that the library reads the system's certificates for nothing.
        let config = match base.scheme() {
            "https" => target.tls.client_config()?.as_ref().clone(),
            _ => without_roots().map_err(TlsError::Settings)?,
        };
        builder = builder.tls_backend_preconfigured(config);
        let http = builder.build().map_err(|error| ClientError::Http(chain(&error)))?;
        let mut write_url = join(&base, "api/v2/write");
        let pairs = [("org", target.org.as_str()), ("bucket", &target.bucket), ("precision", "ns")];
        write_url.query_pairs_mut().extend_pairs(pairs);
        let (org, bucket) = (target.org.clone(), target.bucket.clone());
        let token = Arc::new(ArcSwap::from_pointee(token));
        Ok(Self { http, base, write_url, org, bucket, patience: target.patience, token, token_file: None })
    }

    /// The same, reading the token from `file` again whenever InfluxDB does not accept the one we show: whoever puts
    /// another into the file need not restart us.
    #[must_use]
    pub fn with_token_file(mut self, file: PathBuf) -> Self {
        self.token_file = Some(file);
        self
    }

    /// The same, waiting so long for answers to queries.
    #[must_use]
    pub fn with_query_patience(mut self, query: Duration) -> Self {
        self.patience.query = query;
        self
    }

    /// The organisation's name.
    pub fn org(&self) -> &str {
        &self.org
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Writes lines as [`encode`](super::line::encode) makes them. Writing the same again changes nothing.
    pub async fn write(&self, lines: Bytes, encoding: Encoding) -> Result<Written, RequestError> {
        let request = self.http.post(self.write_url.clone()).timeout(self.patience.write);
        let request = request.header(CONTENT_TYPE, "text/plain; charset=utf-8");
        let request = match encoding {
            Encoding::Identity => request.body(lines),
            Encoding::Gzip => request.header(CONTENT_ENCODING, "gzip").body(gzip(&lines)),
        };
        match self.answer(request).await {
            Ok(_) => Ok(Written::default()),
            Err(RequestError::Refused { status: 422, reason }) => match beyond_retention(&reason) {
                Some(beyond_retention) => Ok(Written { beyond_retention }),
                None if reason.contains("pending deletion") => Err(RequestError::Failed { status: 422, reason }),
                None => Err(RequestError::Refused { status: 422, reason }),
            },
            Err(error) => Err(error),
        }
    }

    /// Runs InfluxQL statements on the bucket, giving one result a statement. Values from outside go into
    /// `params`, never into the text.
    pub async fn influxql(&self, statements: &str, params: &Map<String, Json>) -> Result<Vec<Rows>, RequestError> {
        self.influxql_of(&self.bucket, statements, params).await
    }

    /// The same on another bucket.
    pub async fn influxql_of(
        &self,
        bucket: &str,
        statements: &str,
        params: &Map<String, Json>,
    ) -> Result<Vec<Rows>, RequestError> {
        let mut url = join(&self.base, "query");
        // A bucket `a/b` is to InfluxQL the retention policy `b` of the database `a`.
        let (db, policy) = bucket.split_once('/').unwrap_or((bucket, ""));
        url.query_pairs_mut().append_pair("org", &self.org).append_pair("db", db).append_pair("rp", policy);
        let params = Json::Object(params.clone()).to_string();
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("q", statements), ("params", &params), ("epoch", "ns")])
            .finish();
        let request = self.http.post(url).timeout(self.patience.query);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        let body = body_of(self.answer(request).await?).await?;
        rows(&body)
    }

    /// Runs a Flux query and gives the answer as InfluxDB writes it: CSV with annotations. What comes from
    /// outside must have gone through [`flux_string`](super::flux_string).
    pub async fn flux(&self, query: &str) -> Result<Bytes, RequestError> {
        let mut url = join(&self.base, "api/v2/query");
        url.query_pairs_mut().append_pair("org", &self.org);
        let dialect = serde_json::json!({ "annotations": ["datatype", "group", "default"], "header": true });
        let body = serde_json::json!({ "query": query, "type": "flux", "dialect": dialect }).to_string();
        let request = self.http.post(url).timeout(self.patience.query).header(CONTENT_TYPE, "application/json");
        body_of(self.answer(request.body(body)).await?).await
    }

    /// Whether it is there and well; needs no token.
    pub async fn health(&self) -> Result<(), RequestError> {
        let request = self.http.get(join(&self.base, "health")).timeout(self.patience.connect);
        outcome(request).await.map(|_| ())
    }

    /// `GET /api/v2/{path}` with a query.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> JsonResult {
        self.json(Method::GET, path, query, None).await
    }

    /// `POST /api/v2/{path}`.
    pub async fn post(&self, path: &str, body: &Json) -> JsonResult {
        self.json(Method::POST, path, &[], Some(body)).await
    }

    /// `PATCH /api/v2/{path}`.
    pub async fn patch(&self, path: &str, body: &Json) -> JsonResult {
        self.json(Method::PATCH, path, &[], Some(body)).await
    }

    /// `DELETE /api/v2/{path}`.
    pub async fn delete(&self, path: &str) -> Result<(), RequestError> {
        self.json(Method::DELETE, path, &[], None).await.map(|_| ())
    }

    /// Shows our token, and asks once more where that is not accepted and the file holds another by now.
    async fn answer(&self, request: RequestBuilder) -> Result<Response, RequestError> {
        let again = request.try_clone();
        let shown = self.token.load_full();
        let answer = outcome(request.header(AUTHORIZATION, shown.as_ref().clone())).await;
        let Err(RequestError::Unauthorised { .. } | RequestError::Forbidden { .. }) = &answer else { return answer };
        match (again, self.another_token(&shown)) {
            (Some(again), Some(token)) => outcome(again.header(AUTHORIZATION, token.as_ref().clone())).await,
            _ => answer,
        }
    }

    /// The token that the file or a clone of ours has now; `None` if it is the one that was `shown`.
    fn another_token(&self, shown: &HeaderValue) -> Option<Arc<HeaderValue>> {
        let known = self.token.load_full();
        if known.as_ref() != shown {
            return Some(known);
        }
        let text = std::fs::read_to_string(self.token_file.as_ref()?).ok()?;
        let token = Some(Token::new(&text)).filter(|token| !token.reveal().is_empty())?;
        let token = authorization(&token).filter(|token| token != shown).map(Arc::new)?;
        info!("InfluxDB is shown the other token that is in the file now");
        self.token.store(token.clone());
        Some(token)
    }

    async fn json(&self, method: Method, path: &str, query: &[(&str, &str)], body: Option<&Json>) -> JsonResult {
        let mut url = join(&self.base, &format!("api/v2/{path}"));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url).timeout(self.patience.query);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let response = self.answer(request).await?;
        let status = response.status().as_u16();
        let body = body_of(response).await?;
        if body.is_empty() {
            return Ok(Json::Null);
        }
        serde_json::from_slice(&body)
            .map_err(|error| RequestError::Unexpected { status, reason: format!("{error}: {}", text(&body)) })
    }
}

/// How a batch is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    #[default]
    Identity,
    /// Compressed.
    Gzip,
}

/// What one InfluxQL statement gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// The columns' names, `time` first; empty when nothing was found.
    pub columns: Vec<String>,
    /// Rows of all groups, one behind the other.
    pub values: Vec<Vec<Json>>,
}

fn authorization(token: &Token) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Token {}", token.reveal())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn join(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let whole = format!("{}/{path}", base.path().trim_end_matches('/'));
    url.set_path(&whole);
    url
}

fn gzip(lines: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(lines.len() / 4), Compression::fast());
    // Writing to a vector cannot fail.
    encoder.write_all(lines).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// The error and all that caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !message.contains(&next) {
            message = format!("{message}: {next}");
        }
        cause = error.source();
    }
    message
}

fn unreachable(error: &reqwest::Error) -> RequestError {
    let what = if error.is_timeout() { "no answer in time: " } else { "" };
    // Without the address, which is known, and may be long.
    let reason = std::error::Error::source(error).map_or_else(|| error.to_string(), chain);
    RequestError::Unreachable { reason: format!("{what}{reason}") }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(REASON_BYTES_MAX)]).trim().to_owned()
}

async fn body_of(response: Response) -> Result<Bytes, RequestError> {
    response.bytes().await.map_err(|error| unreachable(&error))
}

/// Sends, and sorts out what came of it.
async fn outcome(request: RequestBuilder) -> Result<Response, RequestError> {
    let mut response = request.send().await.map_err(|error| unreachable(&error))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    // A date is not what InfluxDB sends; its own back-off serves then.
    let retry_after = retry_after.and_then(|secs| secs.trim().parse().ok()).map(Duration::from_secs);
    let mut body = Vec::new();
    while body.len() < REASON_BYTES_MAX
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    Err(refusal(status, retry_after, &body))
}

fn refusal(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> RequestError {
    let said = serde_json::from_slice::<Json>(body).ok();
    let said = said.as_ref().and_then(|json| json.get("message").or_else(|| json.get("error")));
    let reason = said.and_then(Json::as_str).map_or_else(|| text(body), str::to_owned);
    let full = reason.contains("no space left on device");
    let busy = reason.contains("cache-max-memory-size exceeded");
    let status = status.as_u16();
    match status {
        507 => RequestError::Full { reason },
        500.. if full => RequestError::Full { reason },
        429 | 503 => RequestError::Overloaded { status, retry_after, reason },
        500.. if busy => RequestError::Overloaded { status, retry_after, reason },
        408 | 500.. => RequestError::Failed { status, reason },
        401 => RequestError::Unauthorised { reason },
        403 => RequestError::Forbidden { reason },
        404 => RequestError::Missing { reason },
        413 => RequestError::TooLarge { reason },
        400 | 422 => RequestError::Refused { status, reason },
        _ => RequestError::Unexpected { status, reason },
    }
}

/// How many points were dropped, if retention is all that InfluxDB names as a reason.
fn beyond_retention(reason: &str) -> Option<u64> {
    // 2.7: "…: partial write: dropped 2 points outside retention policy of duration 1h0m0s - oldest point … dropped=2 …".
    // Before: "…: partial write: points beyond retention policy dropped=2". Anything else comes in its place, not
    // beside it: InfluxDB reports one reason, and a point that it refuses for another comes first.
    let (_, rest) = reason.split_once("partial write: ")?;
    if let Some(count) = rest.strip_prefix("points beyond retention policy dropped=") {
        return count.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    }
    let (count, rest) = rest.strip_prefix("dropped ")?.split_once(' ')?;
    if rest.starts_with("points outside retention policy") { count.parse().ok() } else { None }
}

fn rows(body: &[u8]) -> Result<Vec<Rows>, RequestError> {
    let unexpected = |reason: String| RequestError::Unexpected { status: 200, reason };
    let answer: Answer = serde_json::from_slice(body).map_err(|error| unexpected(error.to_string()))?;
    let failed = |reason: String| match () {
        () if reason.contains("database not found") || reason.contains("retention policy not found") => {
            RequestError::Missing { reason }
        }
        () => RequestError::Refused { status: 200, reason },
    };
    if let Some(error) = answer.error {
        return Err(failed(error));
    }
    let mut all = Vec::with_capacity(answer.results.len());
    for result in answer.results {
        if let Some(error) = result.error {
            return Err(failed(error));
        }
        let mut rows = Rows::default();
        for series in result.series {
            if result.partial || series.partial {
                return Err(unexpected("only a part of the rows".to_owned()));
            }
            rows.columns = series.columns;
            rows.values.extend(series.values);
        }
        all.push(rows);
    }
    Ok(all)
}

#[derive(serde::Deserialize)]
struct Answer {
    #[serde(default)]
    results: Vec<StatementResult>,
    error: Option<String>,
}

#[derive(serde::Deserialize)]
struct StatementResult {
    #[serde(default)]
    series: Vec<ResultSeries>,
    error: Option<String>,
    #[serde(default)]
    partial: bool,
}

#[derive(serde::Deserialize)]
struct ResultSeries {
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    values: Vec<Vec<Json>>,
    #[serde(default)]
    partial: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, expected: &RequestError) {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(&refusal(status, Some(Duration::from_secs(7)), body.as_bytes()), expected, "{status} {body}");
    }

    #[test]
    fn refusals_are_told_apart() {
        let retry_after = Some(Duration::from_secs(7));
        let reason = || "so".to_owned();
        let so = r#"{"code":"x","message":"so"}"#;
        check(429, so, &RequestError::Overloaded { status: 429, retry_after, reason: reason() });
        check(503, "so", &RequestError::Overloaded { status: 503, retry_after, reason: reason() });
        check(500, so, &RequestError::Failed { status: 500, reason: reason() });
        check(401, so, &RequestError::Unauthorised { reason: reason() });
        check(403, so, &RequestError::Forbidden { reason: reason() });
        check(404, so, &RequestError::Missing { reason: reason() });
        check(413, so, &RequestError::TooLarge { reason: reason() });
        check(507, so, &RequestError::Full { reason: reason() });
        check(400, so, &RequestError::Refused { status: 400, reason: reason() });
        check(302, so, &RequestError::Unexpected { status: 302, reason: reason() });
        let full = "write wal: no space left on device";
        check(500, full, &RequestError::Full { reason: full.to_owned() });
        let busy = "engine: cache-max-memory-size exceeded: (1/1)";
        check(500, busy, &RequestError::Overloaded { status: 500, retry_after, reason: busy.to_owned() });
    }

    #[test]
    fn points_beyond_retention_are_counted() {
        let begin = "failure writing points to database: partial write:";
        let now =
            format!("{begin} dropped 12 points outside retention policy of duration 1h0m0s - oldest x dropped=12");
        assert_eq!(beyond_retention(&now), Some(12));
        assert_eq!(beyond_retention(&format!("{begin} points beyond retention policy dropped=3 for x")), Some(3));
        assert_eq!(beyond_retention(&format!("{begin} field type conflict: input field dropped=1")), None);
    }

    /// An InfluxDB that knows one token; gives how often it was asked.
    async fn influx_knowing(token: &'static str) -> (String, Arc<std::sync::atomic::AtomicUsize>) {
        use std::sync::atomic::{AtomicUsize, Ordering};
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let n_asked = Arc::new(AtomicUsize::new(0));
        let count = n_asked.clone();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut heard = Vec::new();
                while !heard.ends_with(b"line") && socket.read_buf(&mut heard).await.unwrap() > 0 {}
                count.fetch_add(1, Ordering::Relaxed);
                let heard = String::from_utf8(heard).unwrap().to_lowercase();
                let known = heard.contains(&format!("authorization: token {token}\r\n"));
                let status = if known { "204 No Content" } else { "401 Unauthorized" };
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (url, n_asked)
    }

    #[tokio::test]
    async fn a_token_that_is_not_accepted_is_read_from_its_file_again() {
        use std::sync::atomic::Ordering;
        let (url, n_asked) = influx_knowing("new").await;
        let folder = std::env::temp_dir().join(format!("portolan-token-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("token");
        let tls = TlsOptions { roots: crate::ingest::tls::Roots::System, identity: None };
        let (org, bucket, patience) = ("o".to_owned(), "b".to_owned(), Patience::default());
        let target = Target { url, org, bucket, token: Token::new("old"), tls, patience };
        let client = InfluxClient::new(&target).unwrap().with_token_file(file.clone());
        let clone = client.clone();
        let write = async |client: &InfluxClient| client.write(Bytes::from_static(b"line"), Encoding::Identity).await;
        let refused = |outcome| matches!(outcome, Err(RequestError::Unauthorised { .. }));
        assert!(refused(write(&client).await), "there is no file");
        for same in ["old\n", "", " \n", "o\nld"] {
            std::fs::write(&file, same).unwrap();
            assert!(refused(write(&client).await), "{same:?}");
        }
        assert_eq!(n_asked.load(Ordering::Relaxed), 5, "the same token is not shown twice");
        std::fs::write(&file, "newer\n").unwrap();
        assert!(refused(write(&client).await), "another wrong one");
        std::fs::write(&file, "new\n").unwrap();
        assert_eq!(write(&client).await, Ok(Written::default()));
        assert_eq!(write(&clone).await, Ok(Written::default()), "clones share it");
        assert_eq!(n_asked.load(Ordering::Relaxed), 5 + 2 + 2 + 1);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn addresses_and_tokens_are_checked() {
        let tls = TlsOptions { roots: crate::ingest::tls::Roots::System, identity: None };
        let (org, bucket, patience) = ("o".to_owned(), "b".to_owned(), Patience::default());
        let target = |url: &str, token: &str| {
            let (org, bucket, tls) = (org.clone(), bucket.clone(), tls.clone());
            InfluxClient::new(&Target { url: url.to_owned(), org, bucket, token: Token::new(token), tls, patience })
        };
        for bad in ["", "localhost", "ftp://a", "http://user:word@a", "http://a?b", "mailto:a"] {
            assert!(matches!(target(bad, "x"), Err(ClientError::Url(_))), "{bad}");
        }
        assert!(matches!(target("http://a", "x\ny"), Err(ClientError::Token)));
        let client = target("http://a:8086/influx/", "secret\n").unwrap();
        assert_eq!(client.write_url.as_str(), "http://a:8086/influx/api/v2/write?org=o&bucket=b&precision=ns");
        assert!(!format!("{client:?} {:?}", Token::new("secret")).contains("secret"));
    }
}
