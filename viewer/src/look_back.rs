//! What a look back costs: from asking for a moment of a gateway's past until it is shown.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::sync::Mutex;
use std::time::{Duration, Instant};

use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::Snapshot;

use crate::bench::{Figure, figure};
use crate::chart::{Chart, Settings};
use crate::feed::{FeedError, FeedEvent, fetch_snapshot};
use crate::past::{PastAnswer, PastQuestion, answer_once};
use crate::record::{Recorder, SharedRecorder};
use crate::scene::history::Line;
use crate::scene::keys::Act;
use crate::scene::past::Grain;

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookBackError {
    /// The gateway gives no snapshot.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// It has no past, or says why it does not tell it.
    #[error("no past: {0}")]
    NoPast(String),
    /// It did not come.
    #[error("the moment {at} was not shown within {} s", LIMIT.as_secs())]
    TooLong {
        /// Which.
        at: Timestamp,
    },
}

/// A look back that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(300);

/// So far back moments are looked for.
const DAY: Duration = Duration::from_secs(86_400);

/// Looks at `n_moments` of the last day of the gateway's past, as far as there is one, each by a viewer that has just
/// been started: first in steps of a second, then of a minute.
pub fn look_back(url: &str, n_moments: u32) -> Result<Vec<Figure>, LookBackError> {
    let snapshot = fetch_snapshot(url)?;
    let begins = match answer_once(url, PastQuestion::Reach) {
        PastAnswer::Reach(Ok(Some(begins))) => begins.max(snapshot.at.saturating_sub(DAY)),
        PastAnswer::Reach(Ok(None)) => return Err(LookBackError::NoPast("there is none yet".to_owned())),
        PastAnswer::Reach(Err(why)) => return Err(LookBackError::NoPast(why)),
        PastAnswer::Chapter(..) => return Err(LookBackError::NoPast("an answer to something else".to_owned())),
    };
    let span = snapshot.at.since(begins);
    let hours = span.as_secs_f64() / 3_600.0;
    let mut figures = vec![figure("past that is looked at", hours, "h", None)];
    for (grain, name) in [(Grain::Fine, "second by second"), (Grain::Coarse, "minute by minute")] {
        let (mut first, mut next, mut packed) = (Vec::new(), Vec::new(), Vec::new());
        for nth in 0..n_moments {
            // Not where chapters begin.
            let at = begins.saturating_add(span.mul_f64((f64::from(nth) + 0.37) / f64::from(n_moments)));
            let mut viewer = Viewer::new(&snapshot, begins, grain);
            first.push(viewer.show(url, at)?);
            packed.push(viewer.packed_bytes as f64 / 1_048_576.0);
            // The chapter behind it, which the window asks for while the first is shown.
            let after = at.saturating_add(grain.span());
            if after < snapshot.at {
                next.push(viewer.show(url, after)?);
            }
        }
        figures.extend(summary(&format!("a moment, {name}"), first, "s"));
        figures.extend(summary(&format!("the chapter behind it, {name}"), next, "s"));
        figures.extend(summary(&format!("a chapter, packed, {name}"), packed, "MiB"));
    }
    Ok(figures)
}

/// The median and the greatest; nothing of nothing.
fn summary(name: &str, mut values: Vec<f64>, unit: &'static str) -> Vec<Figure> {
    values.sort_by(f64::total_cmp);
    let (Some(median), Some(most)) = (values.get(values.len() / 2), values.last()) else { return Vec::new() };
    let n = values.len();
    vec![
        figure(&format!("{name}, median of {n}"), *median, unit, None),
        figure(&format!("{name}, greatest"), *most, unit, None),
    ]
}

/// The window without the window.
struct Viewer {
    chart: Chart,
    began: Instant,
    packed_bytes: usize,
}

impl Viewer {
    fn new(snapshot: &Snapshot, begins: Timestamp, grain: Grain) -> Self {
        let mut recorder = Recorder::default();
        recorder.take(&Line::Snapshot(Box::new(snapshot.clone()))).ok();
        let mut chart = Chart::new((1_600, 900), Settings::default(), None);
        chart.take(FeedEvent::Snapshot(Box::new(snapshot.clone())));
        chart.recorder = Some(SharedRecorder::new(Mutex::new(recorder)));
        chart.past_question();
        chart.take_past(PastAnswer::Reach(Ok(Some(begins))));
        chart.keep_up();
        if grain == Grain::Coarse {
            // Stopped, and on as a replay at 300 seconds a second.
            [Act::Pause, Act::Pause, Act::Speed(1)].into_iter().for_each(|act| chart.act(act));
        }
        Self { chart, began: Instant::now(), packed_bytes: 0 }
    }

    /// Seconds from the wish until what was then is what is shown.
    fn show(&mut self, url: &str, at: Timestamp) -> Result<f64, LookBackError> {
        let began = Instant::now();
        self.chart.seek(at);
        while began.elapsed() < LIMIT {
            self.chart.elapsed = self.began.elapsed();
            self.chart.keep_up();
            let here = self.chart.past.in_chapter() && self.chart.now().is_some_and(|now| now >= at);
            let shown = self.chart.past.known.at;
            if here && shown.is_some_and(|shown| shown <= at.saturating_add(DAY) && at.since(shown) < GRAIN_MAX) {
                return Ok(began.elapsed().as_secs_f64());
            }
            match self.chart.past_question() {
                Some(question) => {
                    let answer = answer_once(url, question);
                    if let PastAnswer::Chapter(_, Ok(packed)) = &answer {
                        self.packed_bytes = packed.len();
                    }
                    self.chart.elapsed = self.began.elapsed();
                    self.chart.take_past(answer);
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
        Err(LookBackError::TooLong { at })
    }
}

/// What is shown is no older than the coarsest step, and a quiet minute.
const GRAIN_MAX: Duration = Duration::from_secs(180);
