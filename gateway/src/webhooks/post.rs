//! One try: a signed POST, and how it went.

use super::schedule::retry_after;
use super::signature::Secret;
use super::target::{Allowed, Guarded};
use crate::clock::SystemClock;
use crate::ingest::tls::{Roots, TlsError, TlsOptions};
use crate::ports::Clock;
use firmware_schemas::api::webhook::DeliveryOutcome;
use firmware_schemas::id::MessageId;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// Posts to receivers. Its connections live on the runtime that it is used on.
pub(super) struct Poster {
    allowed: Arc<Allowed>,
    timeout: Duration,
    plain: reqwest::Client,
    /// Without roots of trust there is none, and why.
    tls: Result<reqwest::Client, String>,
}

/// How a try went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) outcome: DeliveryOutcome,
    pub(super) status: Option<u16>,
    pub(super) detail: String,
    /// What the receiver asked for.
    pub(super) retry_after: Option<Duration>,
    pub(super) took: Duration,
}

impl Outcome {
    pub(super) fn is_delivered(&self) -> bool {
        self.outcome == DeliveryOutcome::Delivered
    }

    /// The receiver wants nothing more, ever.
    pub(super) fn is_gone(&self) -> bool {
        self.status == Some(410)
    }
}

impl Poster {
    pub(super) fn new(allowed: Arc<Allowed>, timeout: Duration) -> Result<Self, reqwest::Error> {
        let builder = |tls| {
            reqwest::Client::builder()
                .user_agent(concat!("portolan/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                // A proxy would make the connection for us, to wherever.
                .no_proxy()
                .dns_resolver(Arc::new(Guarded { allowed: Arc::clone(&allowed), tls }))
                .connect_timeout(timeout)
                .timeout(timeout)
        };
        let config = TlsOptions { roots: Roots::System, identity: None }.client_config();
        let tls = match config {
            Ok(config) => {
                let client =
                    builder(true).https_only(true).tls_backend_preconfigured(config.as_ref().clone()).build()?;
                Ok(client)
            }
            Err(why) => Err(why.to_string()),
        };
        let nobody = crate::ingest::tls::without_roots().map_err(TlsError::from);
        let plain = match nobody {
            Ok(config) => builder(false).tls_backend_preconfigured(config).build()?,
            Err(_no_tls) => builder(false).build()?,
        };
        Ok(Self { allowed, timeout, plain, tls })
    }

    /// Posts once. The time in the header is that of the machine's clock, as receivers compare it with theirs.
    pub(super) async fn post(&self, url: &str, secrets: &[Secret], message: &MessageId, body: String) -> Outcome {
        let began = SystemClock.monotonic();
        let result = self.try_post(url, secrets, message, body).await;
        let took = SystemClock.monotonic().saturating_sub(began);
        match result {
            Ok((status, retry_after)) => {
                let detail = match status {
                    200..=299 => "taken",
                    300..=399 => "a redirect, which is not followed: give the address that it leads to",
                    410 => "gone: the receiver wants nothing more",
                    429 => "too many requests",
                    _ => "not taken",
                };
                let is_delivered = (200..300).contains(&status);
                let outcome = if is_delivered { DeliveryOutcome::Delivered } else { DeliveryOutcome::Refused };
                let detail = format!("{status}: {detail}");
                Outcome { outcome, status: Some(status), detail, retry_after, took }
            }
            Err(detail) => {
                Outcome { outcome: DeliveryOutcome::Unanswered, status: None, detail, retry_after: None, took }
            }
        }
    }

    async fn try_post(
        &self,
        url: &str,
        secrets: &[Secret],
        message: &MessageId,
        body: String,
    ) -> Result<(u16, Option<Duration>), String> {
        let url = self.allowed.url(url).map_err(|why| why.to_string())?;
        let client = if url.scheme() == "https" { self.tls.as_ref().map_err(Clone::clone)? } else { &self.plain };
        let now = SystemClock.now();
        let timestamp = now.as_millis().div_euclid(1_000);
        let signatures: Vec<String> =
            secrets.iter().map(|secret| secret.sign(message.as_str(), timestamp, body.as_bytes())).collect();
        let request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", message.as_str())
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signatures.join(" "))
            .body(body);
        // What it answers beyond the status is not read: whoever gave the address learns nothing from it.
        let response = request.send().await.map_err(|why| self.explain(why))?;
        let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        Ok((response.status().as_u16(), header.and_then(|text| retry_after(text, now))))
    }

    fn explain(&self, why: reqwest::Error) -> String {
        if why.is_timeout() {
            return format!("no answer within {:?}", self.timeout);
        }
        let why = why.without_url();
        let mut text = why.to_string();
        let mut source = why.source();
        while let Some(cause) = source {
            text = cause.to_string();
            source = cause.source();
        }
        text
    }
}
