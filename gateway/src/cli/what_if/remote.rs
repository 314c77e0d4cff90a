//! A gateway that is asked over HTTP.

use super::told;
use crate::cli::Failure;
use anyhow::anyhow;
use firmware_schemas::api::what_if::{ImprovementView, OperationView, WhatIfHead, WhatIfResult};
use firmware_schemas::api::{Page, Problem};
use firmware_schemas::id::OperationId;
use gateway::what_if::work::Request;
use reqwest::{Client, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A stream that says nothing for so long is broken; the gateway says something every 15 s.
const SILENT_MAX: Duration = Duration::from_secs(45);
/// How often a broken stream is taken up again.
const TRIES: u32 = 5;

pub(super) struct Gateway {
    url: String,
    client: Client,
}

impl Gateway {
    pub(super) fn new(url: &str) -> Result<Self, Failure> {
        let url = url.trim_end_matches('/').to_owned();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Failure::Usage(anyhow!("--url {url:?} does not begin with http:// or https://")));
        }
        let client = Client::builder().connect_timeout(CONNECT_WITHIN).read_timeout(SILENT_MAX).build()?;
        Ok(Self { url, client })
    }

    /// Asks for an experiment; `scenarios` are the names of the files, for errors.
    pub(super) async fn ask(
        &self,
        id: &str,
        request: &Request,
        scenarios: &[String],
    ) -> Result<OperationView, Failure> {
        let (path, body) = match request {
            Request::WhatIf(request) => ("what-if", serde_json::to_string(request)?),
            Request::Improve(request) => ("improvements", serde_json::to_string(request)?),
        };
        let request = self.client.post(format!("{}/v1/{path}", self.url));
        let request = request.header("Idempotency-Key", id).header("Content-Type", "application/json").body(body);
        self.json_of(request, scenarios).await
    }

    /// Calls an operation off.
    pub(super) async fn cancel(&self, id: &OperationId) -> Result<OperationView, Failure> {
        self.json_of(self.client.post(format!("{}/v1/operations/{id}/cancel", self.url)), &[]).await
    }

    /// Follows an operation to its end; gives how it stands then.
    pub(super) async fn follow(
        &self,
        id: &OperationId,
        mut each: impl FnMut(&OperationView),
    ) -> Result<OperationView, Failure> {
        let path = format!("{}/v1/operations/{id}/events", self.url);
        let mut broken = 0;
        loop {
            let ended = self.follow_once(&path, &mut each).await;
            match ended {
                Ok(Some(view)) => return Ok(view),
                Ok(None) | Err(Failure::Unreachable(_)) if broken < TRIES => {
                    broken += 1;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Ok(None) => return Err(Failure::Unreachable(anyhow!("the stream of {path} breaks again and again"))),
                Err(why) => return Err(why),
            }
        }
    }

    /// `None` when the stream broke before the end.
    async fn follow_once(
        &self,
        path: &str,
        each: &mut impl FnMut(&OperationView),
    ) -> Result<Option<OperationView>, Failure> {
        let mut response = self.answer_of(self.client.get(path), &[]).await?;
        let mut buffer = Vec::new();
        while let Ok(Some(piece)) = response.chunk().await {
            buffer.extend_from_slice(&piece);
            // Blocks end with an empty line.
            while let Some(end) = buffer.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = buffer.drain(..end + 2).collect();
                let text = String::from_utf8_lossy(&block);
                if !text.contains("event: state\n") {
                    continue;
                }
                let Some(data) = text.lines().find_map(|line| line.strip_prefix("data: ")) else { continue };
                let view: OperationView = serde_json::from_str(data)?;
                each(&view);
                if view.state.is_final() {
                    return Ok(Some(view));
                }
            }
        }
        Ok(None)
    }

    /// A result by its id.
    pub(super) async fn result(&self, id: &str) -> Result<WhatIfResult, Failure> {
        // Refused here where it cannot be an id, so that it never changes the path.
        let id =
            OperationId::new(id).map_err(|_no_id| Failure::NotFound(anyhow!("{id:?} is neither a file nor an id")))?;
        self.json_of(self.client.get(format!("{}/v1/what-if/{id}", self.url)), &[]).await
    }

    /// The levels that an operation found.
    pub(super) async fn improvement(&self, id: &OperationId) -> Result<ImprovementView, Failure> {
        self.json_of(self.client.get(format!("{}/v1/what-if/{id}/improvement", self.url)), &[]).await
    }

    /// All results that are kept, newest first.
    pub(super) async fn heads(&self) -> Result<Vec<WhatIfHead>, Failure> {
        let mut heads = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("{}/v1/what-if?limit=1000{cursor}", self.url);
            let page: Page<WhatIfHead> = self.json_of(self.client.get(path), &[]).await?;
            heads.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(heads),
            }
        }
    }

    /// The bytes at a path.
    pub(super) async fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let response = self.answer_of(self.client.get(format!("{}{path}", self.url)), &[]).await?;
        Ok(response.bytes().await.map_err(unreachable)?.to_vec())
    }

    async fn json_of<T: DeserializeOwned>(&self, request: RequestBuilder, scenarios: &[String]) -> Result<T, Failure> {
        let bytes = self.answer_of(request, scenarios).await?.bytes().await.map_err(unreachable)?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    async fn answer_of(&self, request: RequestBuilder, scenarios: &[String]) -> Result<Response, Failure> {
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.map_err(unreachable)?;
        match serde_json::from_str::<Problem>(&text) {
            Ok(problem) => Err(failure(problem, scenarios)),
            Err(_no_problem) => Err(anyhow!("{} answered {status}; is it a gateway?", self.url).into()),
        }
    }
}

fn unreachable(why: reqwest::Error) -> Failure {
    Failure::Unreachable(anyhow::Error::new(why).context("asking the gateway; is it running, and is --url right?"))
}

/// A problem as an exit code and a sentence.
pub(super) fn failure(problem: Problem, scenarios: &[String]) -> Failure {
    if problem.status == 422 && !problem.errors.is_empty() {
        return Failure::Usage(told(&problem.errors, scenarios));
    }
    let why = anyhow!("{}: {}", problem.title, problem.detail);
    match problem.status {
        400 | 422 => Failure::Usage(why),
        404 => Failure::NotFound(why),
        409 | 410 => Failure::Conflict(why),
        _ => Failure::Failed(why),
    }
}
