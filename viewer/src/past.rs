//! Asks the gateway for its past, in a thread of its own: how far back it reaches, and chapters of it.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use firmware_schemas::api::past::{ChangesView, PastView};
use firmware_schemas::quantity::Timestamp;

use crate::ask::{AskError, get};
use crate::feed::agent;
use crate::scene::history::{Line, pack, write_line};
use crate::scene::past::Chapter;

/// What can be asked of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PastQuestion {
    /// How far back it reaches.
    Reach,
    /// A chapter, with stock position by position or without.
    Chapter(Chapter, bool),
}

/// What came back.
#[derive(Debug)]
pub enum PastAnswer {
    /// The first moment.
    Reach(Result<Option<Timestamp>, String>),
    /// Its lines, packed.
    Chapter(Chapter, Result<Vec<u8>, String>),
}

/// Questions that wait. The window asks for one chapter at a time.
const QUESTIONS_MAX: usize = 4;

/// The other end of the thread.
pub struct PastAsker {
    questions: SyncSender<PastQuestion>,
    answers: Receiver<PastAnswer>,
}

impl PastAsker {
    /// For the gateway at `url`. `wake` is called when there is an answer.
    pub fn start(url: &str, wake: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (questions, asked) = sync_channel::<PastQuestion>(QUESTIONS_MAX);
        let (answered, answers) = sync_channel(QUESTIONS_MAX);
        let url = url.trim_end_matches('/').to_owned();
        let work = move || {
            let agent = agent();
            while let Ok(question) = asked.recv() {
                let answer = match question {
                    PastQuestion::Reach => PastAnswer::Reach(reach(&agent, &url).map_err(|why| why.to_string())),
                    PastQuestion::Chapter(it, with_stock) => {
                        let packed = chapter(&agent, &url, it, with_stock).map_err(|why| why.to_string());
                        PastAnswer::Chapter(it, packed)
                    }
                };
                if answered.send(answer).is_err() {
                    return;
                }
                wake();
            }
        };
        std::thread::Builder::new().name("past".to_owned()).spawn(work)?;
        Ok(Self { questions, answers })
    }

    /// Asks. False when too much waits already.
    pub fn ask(&self, question: PastQuestion) -> bool {
        !matches!(self.questions.try_send(question), Err(TrySendError::Full(_) | TrySendError::Disconnected(_)))
    }

    /// The next answer.
    pub fn next(&self) -> Option<PastAnswer> {
        self.answers.try_recv().ok()
    }
}

fn reach(agent: &ureq::Agent, url: &str) -> Result<Option<Timestamp>, AskError> {
    let view: PastView = serde_json::from_slice(&get(agent, &format!("{url}/v1/past"))?)?;
    Ok(view.begins)
}

/// A snapshot and the steps behind it, page by page.
fn chapter(agent: &ureq::Agent, url: &str, chapter: Chapter, with_stock: bool) -> Result<Vec<u8>, AskError> {
    let Chapter { grain, from, to } = chapter;
    let stock = if with_stock { "all" } else { "none" };
    let snapshot = get(agent, &format!("{url}/v1/snapshot?at={from}&stock={stock}"))?;
    let mut lines = write_line(&Line::Snapshot(Box::new(serde_json::from_slice(&snapshot)?)));
    let mut from = from;
    loop {
        let step_secs = grain.step_secs();
        let path = format!("{url}/v1/changes?from={from}&to={to}&step_secs={step_secs}&stock={stock}");
        let page: ChangesView = serde_json::from_slice(&get(agent, &path)?)?;
        for delta in page.deltas {
            lines.extend_from_slice(&write_line(&Line::Delta(Box::new(delta))));
        }
        match page.next {
            Some(next) if next > from => from = next,
            _ => return Ok(pack(&lines)?),
        }
    }
}
