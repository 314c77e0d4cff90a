//! Asks the gateway for its past, in a thread of its own: how far back it reaches, and chapters of it.

use firmware_schemas::api::past::{ChangesView, PastView};
use firmware_schemas::quantity::Timestamp;

use crate::ask::{AskError, get};
use crate::feed::agent;
use crate::scene::history::{Line, pack, write_line};
use crate::scene::past::Chapter;
use crate::worker::Worker;

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

/// The thread that asks.
pub type PastAsker = Worker<PastQuestion, PastAnswer>;

/// Begins to ask the gateway at `url`. `wake` is called when there is an answer.
pub fn start(url: &str, wake: impl Fn() + Send + 'static) -> std::io::Result<PastAsker> {
    let (agent, url) = (agent(), url.trim_end_matches('/').to_owned());
    Worker::start("past", QUESTIONS_MAX, move |question| answer(&agent, &url, question), wake)
}

/// Asks the gateway at `url`, and waits for the answer.
pub(crate) fn answer_once(url: &str, question: PastQuestion) -> PastAnswer {
    answer(&agent(), url.trim_end_matches('/'), question)
}

fn answer(agent: &ureq::Agent, url: &str, question: PastQuestion) -> PastAnswer {
    match question {
        PastQuestion::Reach => PastAnswer::Reach(reach(agent, url).map_err(|why| why.to_string())),
        PastQuestion::Chapter(it, with_stock) => {
            PastAnswer::Chapter(it, chapter(agent, url, it, with_stock).map_err(|why| why.to_string()))
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Chart, Settings};
    use crate::feed::FeedEvent;
    use crate::record::{Recorder, SharedRecorder};
    use crate::scene::clock::Shown;
    use crate::scene::keys::Act;
    use crate::scene::known::testing;
    use firmware_schemas::network::SiteKind;
    use firmware_schemas::quantity::Pieces;
    use firmware_schemas::view::{Change, Delta, SiteView, Snapshot};
    use std::sync::Mutex;
    use std::time::Duration;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs).unwrap()
    }

    fn site(on_hand: i64) -> SiteView {
        let mut site = testing::site("WH-1", SiteKind::RegionalWarehouse, 50.0, 7.0);
        site.stock.on_hand = Pieces(on_hand);
        site
    }

    /// A snapshot of a moment, when as much is there as the second says.
    fn snapshot(secs: i64) -> Box<Snapshot> {
        Box::new(Snapshot { seq: secs as u64, at: at(secs), ..testing::snapshot(vec![site(secs)]) })
    }

    /// What the gateway would give: a step each minute.
    fn give(chapter: Chapter) -> PastAnswer {
        let mut lines = write_line(&Line::Snapshot(snapshot(chapter.from.as_secs())));
        for secs in (chapter.from.as_secs() + 1..=chapter.to.as_secs()).filter(|secs| secs % 60 == 0) {
            let delta = Delta { seq: secs as u64, at: at(secs), changes: vec![Change::Site(site(secs))] };
            lines.extend_from_slice(&write_line(&Line::Delta(Box::new(delta))));
        }
        PastAnswer::Chapter(chapter, Ok(pack(&lines).unwrap()))
    }

    /// A viewer that has listened since 50,000, at 50,100; the gateway's past begins at 1,000.
    fn chart() -> Chart {
        let mut chart = Chart::new((800, 600), Settings::default(), None);
        let recorder = SharedRecorder::new(Mutex::new(Recorder::default()));
        for secs in [50_000, 50_100] {
            recorder.lock().unwrap().take(&Line::Snapshot(snapshot(secs))).unwrap();
            chart.take(FeedEvent::Snapshot(snapshot(secs)));
        }
        chart.recorder = Some(recorder);
        assert_eq!(chart.past_question(), Some(PastQuestion::Reach));
        chart.take_past(PastAnswer::Reach(Ok(Some(at(1_000)))));
        assert_eq!(chart.past_question(), None);
        chart
    }

    fn stock(chart: &Chart) -> i64 {
        chart.shown().sites.values().next().unwrap().stock.on_hand.0
    }

    /// Answers one question, if there is one.
    fn answer(chart: &mut Chart) -> bool {
        match chart.past_question() {
            Some(PastQuestion::Chapter(chapter, _)) => {
                chart.take_past(give(chapter));
                true
            }
            Some(PastQuestion::Reach) => answer(chart),
            None => false,
        }
    }

    #[test]
    fn a_moment_before_the_start_is_asked_for_and_shown() {
        let mut chart = chart();
        chart.seek(at(20_130));
        chart.keep_up();
        assert!(answer(&mut chart) && !answer(&mut chart), "one chapter is enough to stand still");
        chart.keep_up();
        assert_eq!((stock(&chart), chart.now()), (20_100, Some(at(20_130))), "as it was then");
        chart.seek(at(10));
        chart.keep_up();
        answer(&mut chart);
        chart.keep_up();
        assert_eq!((stock(&chart), chart.now()), (1_000, Some(at(1_000))), "no farther than the past reaches");
        chart.act(Act::Live);
        chart.keep_up();
        assert_eq!(stock(&chart), 50_100);
    }

    #[test]
    fn a_replay_runs_through_the_past_into_what_was_heard_and_waits_where_it_must() {
        let mut chart = chart();
        chart.seek(at(20_000));
        for _ in 0..4 {
            chart.act(Act::Speed(1)); // 3,600 seconds a second
        }
        chart.act(Act::Pause);
        assert!(matches!(chart.timeline.shown, Shown::Replay { .. }) && chart.timeline.speed() == 3_600);
        let (mut before, mut last) = (at(20_000), 0);
        for frame in 0..2_000 {
            chart.elapsed += Duration::from_millis(20);
            chart.keep_up();
            let now = chart.now().unwrap();
            assert!(now >= before, "it went back at {frame}");
            let step = now.since(before);
            assert!(step <= Duration::from_secs(73), "it leapt by {step:?} at {frame}");
            // The gateway takes its time.
            if frame % 25 == 0 {
                answer(&mut chart);
                chart.keep_up();
            }
            if chart.past.in_chapter() && now < at(50_000) {
                let then = stock(&chart);
                assert!(then >= last, "what is shown went back at {frame}");
                assert!(now.as_secs() - then <= 60 + 73, "{then} at {now}");
                last = then;
            }
            before = now;
        }
        assert!(before >= at(50_100) && stock(&chart) == 50_100, "{before} {}", stock(&chart));
    }

    #[test]
    fn what_the_gateway_refuses_is_said_and_asked_again_later() {
        let mut chart = chart();
        chart.seek(at(30_000));
        chart.keep_up();
        let Some(PastQuestion::Chapter(chapter, true)) = chart.past_question() else { panic!("no question") };
        chart.take_past(PastAnswer::Chapter(chapter, Err("too many questions".to_owned())));
        assert!(chart.notice.as_ref().is_some_and(|(said, _)| said.contains("too many questions")));
        chart.keep_up();
        assert!(!answer(&mut chart));
        chart.elapsed += Duration::from_secs(4);
        chart.keep_up();
        assert!(answer(&mut chart));
    }
}
