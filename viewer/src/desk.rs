//! Questions to the gateway and what came back: asked once, kept while it is fresh, and never many.

use std::collections::BTreeMap;
use std::time::Duration;

use firmware_schemas::api::order::OrderView;
use firmware_schemas::api::supply::{ForecastView, ProposalView};
use firmware_schemas::api::what_if::{OperationView, ScenarioView, WhatIfMovements, WhatIfResult, WhatIfSeries};
use firmware_schemas::api::{CommandView, MetricBuckets};
use firmware_schemas::command::Action;
use firmware_schemas::fact::AlertId;
use firmware_schemas::id::{DeviceId, MetricName, OrderId, SiteId, SkuId};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::supply::ProposalId;
use firmware_schemas::view::StockView;

use crate::scene::plan::SitePlan;

/// Something to ask, or to have done.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// The stock of a site, position by position.
    Stock(SiteId),
    /// The site from above.
    Plan(SiteId),
    /// A metric in steps of time.
    Series {
        /// Whose.
        device: DeviceId,
        /// Which.
        metric: MetricName,
        /// From when.
        from: Timestamp,
        /// Until when.
        to: Timestamp,
    },
    /// What is expected of a position.
    Forecast(SiteId, SkuId),
    /// An order.
    Order(OrderId),
    /// What is proposed and not decided.
    Proposals,
    /// Approve (true) or reject a proposal.
    Decide(ProposalId, bool),
    /// Tell a device to do something; the key makes it once.
    Command(DeviceId, Action, String),
    /// Somebody has seen an alert.
    Acknowledge(AlertId),
    /// The scenarios of the library.
    Scenarios,
    /// Run a scenario; the key names the run.
    Run(String, String),
    /// How far a run is.
    Progress(String),
    /// What came out, by site.
    Outcome(String),
    /// What came out, week by week.
    Weeks(String),
    /// What moves in one replication of it.
    Movements(String),
}

/// What came back.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Stock by SKU.
    Stock(Vec<StockView>),
    /// The plan of a site; `None` where the gateway has none.
    Plan(Option<Box<SitePlan>>),
    /// A series.
    Series(Box<MetricBuckets>),
    /// A forecast.
    Forecast(Box<ForecastView>),
    /// An order.
    Order(Box<OrderView>),
    /// Proposals.
    Proposals(Vec<ProposalView>),
    /// A proposal as it is now.
    Decided(Box<ProposalView>),
    /// A command and how far it got.
    Command(Box<CommandView>),
    /// It is done.
    Done,
    /// The library.
    Scenarios(Vec<ScenarioView>),
    /// A run.
    Operation(Box<OperationView>),
    /// Its result.
    Outcome(Box<WhatIfResult>),
    /// Its weeks.
    Weeks(Box<WhatIfSeries>),
    /// What moves in it; `None` where the gateway kept nothing of that.
    Movements(Option<Box<WhatIfMovements>>),
}

#[derive(Debug)]
struct Kept {
    asked: Duration,
    used: Duration,
    answer: Option<Result<Answer, String>>,
}

/// At most so many answers are kept; the one not used for longest goes.
const KEPT_MAX: usize = 64;

/// At most so many questions wait.
const WAITING_MAX: usize = 32;

/// What was asked, and what came back.
#[derive(Debug, Default)]
pub struct Desk {
    kept: BTreeMap<String, Kept>,
    waiting: Vec<Question>,
}

impl Desk {
    /// The answer to a question, asking it if it is new or older than `refresh`. An old answer stays until the next.
    pub fn want(&mut self, question: Question, refresh: Duration, now: Duration) -> Option<&Result<Answer, String>> {
        let key = key(&question);
        let due = self.kept.get(&key).is_none_or(|kept| now.saturating_sub(kept.asked) >= refresh);
        if due && self.waiting.len() < WAITING_MAX {
            let answer = self.kept.remove(&key).and_then(|kept| kept.answer);
            self.kept.insert(key.clone(), Kept { asked: now, used: now, answer });
            self.waiting.push(question);
            if self.kept.len() > KEPT_MAX {
                let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| key.clone());
                oldest.and_then(|oldest| self.kept.remove(&oldest));
            }
        }
        let kept = self.kept.get_mut(&key)?;
        kept.used = now;
        kept.answer.as_ref()
    }

    /// Has something done, once for each call.
    pub fn ask(&mut self, question: Question, now: Duration) {
        self.kept.remove(&key(&question));
        self.want(question, Duration::MAX, now);
    }

    /// The answer, if there is one, without asking.
    pub fn peek(&self, question: &Question) -> Option<&Result<Answer, String>> {
        self.kept.get(&key(question))?.answer.as_ref()
    }

    /// What came back.
    pub fn take(&mut self, question: &Question, answer: Result<Answer, String>, now: Duration) {
        let kept = self.kept.entry(key(question)).or_insert(Kept { asked: now, used: now, answer: None });
        kept.answer = Some(answer);
    }

    /// What must be asked now.
    pub fn take_waiting(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.waiting)
    }
}

/// Moments are asked for by the minute, so that a chart is not asked for with every frame.
fn key(question: &Question) -> String {
    match question {
        Question::Series { device, metric, from, to } => {
            format!("series {device} {metric} {} {}", from.as_secs() / 3_600, to.as_secs() / 600)
        }
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFRESH: Duration = Duration::from_secs(10);

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_question_is_asked_once_until_its_answer_is_old() {
        let mut desk = Desk::default();
        assert!(desk.want(Question::Scenarios, REFRESH, at(0)).is_none());
        assert!(desk.want(Question::Scenarios, REFRESH, at(5)).is_none());
        assert_eq!(desk.take_waiting(), [Question::Scenarios]);
        desk.take(&Question::Scenarios, Ok(Answer::Done), at(6));
        assert!(desk.want(Question::Scenarios, REFRESH, at(7)).is_some());
        assert!(desk.take_waiting().is_empty());
        assert!(desk.want(Question::Scenarios, REFRESH, at(11)).is_some(), "the old answer stays");
        assert_eq!(desk.take_waiting(), [Question::Scenarios]);
    }

    #[test]
    fn a_desk_never_grows_beyond_its_size() {
        let mut desk = Desk::default();
        for n in 0..1_000 {
            desk.want(Question::Progress(n.to_string()), REFRESH, at(n));
            if n % 7 == 0 {
                desk.take_waiting();
            }
        }
        assert!(desk.kept.len() <= KEPT_MAX && desk.waiting.len() <= WAITING_MAX);
        assert!(desk.peek(&Question::Progress("999".to_owned())).is_none());
    }
}
