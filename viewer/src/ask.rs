//! Asks the gateway what the desk wants to know, in a thread of its own.

use firmware_schemas::api::what_if::{CaseRequest, WhatIfRequest};
use firmware_schemas::api::{Acknowledgement, CommandRequest, Page, Problem};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::Snapshot;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::desk::{Answer, Question};
use crate::feed::agent;
use crate::scene::plan::{PlanError, SitePlan};
use crate::worker::Worker;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// No answer, or not one that can be used.
    #[error("{0}")]
    Http(#[from] ureq::Error),
    /// The gateway says no.
    #[error("{title}: {detail}")]
    Refused {
        /// The kind of problem.
        title: String,
        /// What was wrong.
        detail: String,
    },
    /// The answer is not what was asked for.
    #[error("the answer cannot be read: {0}")]
    Answer(#[from] serde_json::Error),
    /// The plan of a site cannot be used.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The answer cannot be kept.
    #[error("keeping the answer: {0}")]
    Keep(#[from] std::io::Error),
}

/// Questions that wait; more are dropped, and asked again.
const QUESTIONS_MAX: usize = 64;

/// Answers longer than this are not taken.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// The days that a what-if looks ahead, and its replications: quick enough to wait for.
const DAYS: u32 = 91;
const REPLICATIONS: u32 = 16;

/// The thread that asks.
pub type Asker = Worker<Question, (Question, Result<Answer, String>)>;

/// Begins to ask the gateway at `url`. `wake` is called when there is an answer.
pub fn start(url: &str, wake: impl Fn() + Send + 'static) -> std::io::Result<Asker> {
    let (agent, url) = (agent(), url.trim_end_matches('/').to_owned());
    let answer = move |question: Question| {
        let answer = ask(&agent, &url, &question).map_err(|why| why.to_string());
        (question, answer)
    };
    Worker::start("ask", QUESTIONS_MAX, answer, wake)
}

/// The gateway's snapshot of a moment of the past, with stock position by position.
pub fn snapshot_at(url: &str, at: Timestamp) -> Result<Snapshot, AskError> {
    parse(get(&agent(), &format!("{}/v1/snapshot?at={at}&stock=all", url.trim_end_matches('/')))?)
}

/// Asks the gateway at `url`, and waits for the answer.
pub fn ask_once(url: &str, question: &Question) -> Result<Answer, AskError> {
    ask(&agent(), url.trim_end_matches('/'), question)
}

fn ask(agent: &ureq::Agent, url: &str, question: &Question) -> Result<Answer, AskError> {
    let get = |path: String| get(agent, &format!("{url}{path}"));
    Ok(match question {
        Question::Stock(site) => {
            let mut rows = Vec::new();
            let mut cursor = String::new();
            loop {
                let page: Page<_> = parse(get(format!("/v1/stock?site={site}&limit=1000{cursor}"))?)?;
                rows.extend(page.items);
                match page.next_cursor {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break Answer::Stock(rows),
                }
            }
        }
        Question::Plan(site) => match get(format!("/v1/sites/{site}/plan")) {
            Ok(plan) => Answer::Plan(Some(Box::new(SitePlan::from_json(&String::from_utf8_lossy(&plan))?))),
            // It has none, or is too old to know what a plan is.
            Err(AskError::Refused { .. }) => Answer::Plan(None),
            Err(why) => return Err(why),
        },
        Question::Series { device, metric, from, to } => {
            let secs = to.since(*from).as_secs().div_ceil(160).max(1);
            let path = format!("/v1/devices/{device}/metrics/{metric}/buckets?from={from}&to={to}&step_secs={secs}");
            Answer::Series(Box::new(parse(get(path)?)?))
        }
        Question::Forecast(site, sku) => {
            Answer::Forecast(Box::new(parse(get(format!("/v1/forecasts/{site}/{sku}"))?)?))
        }
        Question::Order(order) => Answer::Order(Box::new(parse(get(format!("/v1/orders/{order}"))?)?)),
        Question::Proposals => {
            let page: Page<_> = parse(get("/v1/replenishment/proposals?status=open&limit=200".to_owned())?)?;
            Answer::Proposals(page.items)
        }
        Question::Decide(id, approve) => {
            let what = if *approve { "approve" } else { "reject" };
            let id = parse::<serde_json::Value>(serde_json::to_vec(id)?)?;
            let body = serde_json::json!({ "by": "viewer" });
            let answer = post(agent, &format!("{url}/v1/replenishment/proposals/{id}/{what}"), None, &body)?;
            Answer::Decided(Box::new(parse(answer)?))
        }
        Question::Command(device, action, key) => {
            let body = CommandRequest { action: action.clone(), expires_at: None };
            let answer = post(agent, &format!("{url}/v1/devices/{device}/commands"), Some(key), &body)?;
            Answer::Command(Box::new(parse(answer)?))
        }
        Question::Acknowledge(alert) => {
            let alert = parse::<serde_json::Value>(serde_json::to_vec(alert)?)?;
            let body = Acknowledgement { by: "viewer".to_owned(), note: None };
            post(agent, &format!("{url}/v1/alerts/{alert}/acknowledge"), None, &body)?;
            Answer::Done
        }
        Question::Scenarios => {
            let page: Page<_> = parse(get("/v1/scenarios".to_owned())?)?;
            Answer::Scenarios(page.items)
        }
        Question::Run(scenario, key) => {
            let case = CaseRequest { library: Some(scenario.clone()), ..CaseRequest::default() };
            let body = WhatIfRequest {
                scenarios: vec![case],
                days: DAYS,
                replications_min: REPLICATIONS,
                ..WhatIfRequest::default()
            };
            let answer = post(agent, &format!("{url}/v1/what-if"), Some(key), &body)?;
            Answer::Operation(Box::new(parse(answer)?))
        }
        Question::Progress(id) => Answer::Operation(Box::new(parse(get(format!("/v1/operations/{id}"))?)?)),
        Question::Outcome(id) => Answer::Outcome(Box::new(parse(get(format!("/v1/what-if/{id}?by=site"))?)?)),
        Question::Movements(id) => match get(format!("/v1/what-if/{id}/movements")) {
            Ok(movements) => Answer::Movements(Some(Box::new(parse(movements)?))),
            // It is of before they were kept, or the gateway is too old to know what they are.
            Err(AskError::Refused { .. }) => Answer::Movements(None),
            Err(why) => return Err(why),
        },
        Question::Weeks(id) => Answer::Weeks(Box::new(parse(get(format!("/v1/what-if/{id}/series"))?)?)),
    })
}

/// The body of an answer, or what was wrong.
pub(crate) fn get(agent: &ureq::Agent, url: &str) -> Result<Vec<u8>, AskError> {
    let call = agent.get(url).header("accept", "application/json");
    read(call.config().http_status_as_error(false).build().call()?)
}

fn post(agent: &ureq::Agent, url: &str, key: Option<&str>, body: &impl Serialize) -> Result<Vec<u8>, AskError> {
    let mut call = agent.post(url).header("content-type", "application/json");
    if let Some(key) = key {
        call = call.header("idempotency-key", key);
    }
    let body = serde_json::to_vec(body)?;
    read(call.config().http_status_as_error(false).build().send(&body[..])?)
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Vec<u8>, AskError> {
    let status = response.status();
    let bytes = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
    if status.is_success() {
        return Ok(bytes);
    }
    Err(match serde_json::from_slice::<Problem>(&bytes) {
        Ok(Problem { title, detail, .. }) => AskError::Refused { title, detail },
        Err(_) => ureq::Error::StatusCode(status.as_u16()).into(),
    })
}

fn parse<T: DeserializeOwned>(bytes: Vec<u8>) -> Result<T, AskError> {
    Ok(serde_json::from_slice(&bytes)?)
}
