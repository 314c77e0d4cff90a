//! The gateway over HTTP: one snapshot, then server-sent deltas, in a thread of its own.
//!
//! ```text
//! GET /v1/snapshot ─▶ Snapshot ─┐
//! GET /v1/stream   ─▶ Delta …  ─┴▶ channel of 1,024 ─▶ the window
//! ```
//! When the channel is full the thread waits, TCP waits behind it, and the gateway does with us what it does
//! with slow viewers; it is never slowed by us.

use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use firmware_schemas::view::{Delta, Snapshot};

use crate::record::{Recorder, SharedRecorder};
use crate::scene::history::Line;

/// What came from the gateway, or did not.
#[derive(Debug)]
pub enum FeedEvent {
    /// Everything.
    Snapshot(Box<Snapshot>),
    /// A step.
    Delta(Box<Delta>),
    /// The stream is open; what follows is live.
    Following,
    /// A sign of life without news.
    Heard,
    /// The link is gone; another attempt follows by itself.
    Lost(FeedError),
}

/// Why there is nothing from the gateway.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// No answer, or not one that can be used.
    #[error("{0}")]
    Http(#[from] ureq::Error),
    /// The answer broke off.
    #[error("reading the stream: {0}")]
    Read(#[from] std::io::Error),
    /// The gateway ended the stream.
    #[error("the gateway closed the stream")]
    Ended,
    /// An event that is longer than any should be.
    #[error("an event of more than {max} bytes")]
    TooLong {
        /// The limit.
        max: usize,
    },
    /// An event that cannot be read.
    #[error("event {event}: {why}")]
    Event {
        /// Its name.
        event: String,
        /// The reader's words.
        why: serde_json::Error,
    },
}

/// Events that wait for the window.
const EVENTS_MAX: usize = 1_024;

/// The longest snapshot or event: a million stock positions are a quarter of this.
const EVENT_BYTES_MAX: usize = 1 << 30;

/// A link that says nothing for so long is lost: the gateway sends a comment at least every 15 seconds.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// The first and the longest pause before another attempt.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(8));

/// Follows the gateway at `url` until the receiver is dropped. `wake` is called when there is something to receive.
/// What comes is kept by `recorder`.
pub fn start(
    url: &str,
    recorder: SharedRecorder,
    wake: impl Fn() + Send + 'static,
) -> std::io::Result<Receiver<FeedEvent>> {
    let (sender, receiver) = sync_channel(EVENTS_MAX);
    let url = url.trim_end_matches('/').to_owned();
    let follower = Follower { agent: agent(), url, sender, wake, last_seq: None, recorder };
    std::thread::Builder::new().name("feed".to_owned()).spawn(move || follower.run())?;
    Ok(receiver)
}

/// The snapshot of the gateway at `url`.
pub fn fetch_snapshot(url: &str) -> Result<Snapshot, FeedError> {
    snapshot(&agent(), url.trim_end_matches('/'))
}

pub(crate) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(5)))
        .timeout_per_read(Some(SILENCE_MAX))
        .user_agent(concat!("portolan-viewer/", env!("CARGO_PKG_VERSION")))
        .proxy(None)
        .build();
    config.new_agent()
}

fn snapshot(agent: &ureq::Agent, url: &str) -> Result<Snapshot, FeedError> {
    let mut response = agent.get(format!("{url}/v1/snapshot")).header("accept", "application/json").call()?;
    let bytes = response.body_mut().with_config().limit(EVENT_BYTES_MAX as u64).read_to_vec()?;
    serde_json::from_slice(&bytes).map_err(|why| FeedError::Event { event: "snapshot".to_owned(), why })
}

/// The window is gone.
struct Closed;

struct Follower<Wake> {
    agent: ureq::Agent,
    url: String,
    sender: SyncSender<FeedEvent>,
    wake: Wake,
    /// The newest step that was passed on; `None` when everything must be asked for again.
    last_seq: Option<u64>,
    recorder: SharedRecorder,
}

impl<Wake: Fn()> Follower<Wake> {
    fn run(mut self) {
        let mut pause = BACK_OFF.0;
        loop {
            let mut heard = false;
            let outcome = match self.follow(&mut heard) {
                Ok(Closed) => return,
                Err(why) => self.send(FeedEvent::Lost(why)),
            };
            if outcome.is_err() {
                return;
            }
            pause = if heard { BACK_OFF.0 } else { (pause * 2).min(BACK_OFF.1) };
            std::thread::sleep(pause);
        }
    }

    fn send(&self, event: FeedEvent) -> Result<(), Closed> {
        let event = self.keep(event);
        let sent = self.sender.send(event);
        (self.wake)();
        sent.map_err(|_gone| Closed)
    }

    /// History keeps it first.
    fn keep(&self, event: FeedEvent) -> FeedEvent {
        let Ok(mut recorder) = self.recorder.lock() else { return event };
        let keep = |line: &Line, recorder: &mut Recorder| {
            if let Err(why) = recorder.take(line) {
                bevy::log::warn!("history has a hole: {why}");
            }
        };
        match event {
            FeedEvent::Snapshot(snapshot) => {
                let line = Line::Snapshot(snapshot);
                keep(&line, &mut recorder);
                match line {
                    Line::Snapshot(snapshot) => FeedEvent::Snapshot(snapshot),
                    Line::Delta(delta) => FeedEvent::Delta(delta),
                }
            }
            FeedEvent::Delta(delta) => {
                let line = Line::Delta(delta);
                keep(&line, &mut recorder);
                match line {
                    Line::Snapshot(snapshot) => FeedEvent::Snapshot(snapshot),
                    Line::Delta(delta) => FeedEvent::Delta(delta),
                }
            }
            other => other,
        }
    }

    /// Follows the stream until it breaks, or until nobody listens.
    fn follow(&mut self, heard: &mut bool) -> Result<Closed, FeedError> {
        let last_seq = match self.last_seq {
            Some(seq) => seq,
            None => {
                let snapshot = snapshot(&self.agent, &self.url)?;
                let seq = snapshot.seq;
                if self.send(FeedEvent::Snapshot(Box::new(snapshot))).is_err() {
                    return Ok(Closed);
                }
                *heard = true;
                self.last_seq = Some(seq);
                seq
            }
        };
        let request = self.agent.get(format!("{}/v1/stream", self.url)).header("accept", "text/event-stream");
        let response = match request.header("last-event-id", last_seq.to_string()).call() {
            Err(ureq::Error::StatusCode(status @ 400..=499)) => {
                self.last_seq = None; // it cannot take up from there, so begin anew
                return Err(ureq::Error::StatusCode(status).into());
            }
            other => other?,
        };
        if self.send(FeedEvent::Following).is_err() {
            return Ok(Closed);
        }
        *heard = true;
        let mut stream = response.into_body().into_reader();
        let mut parser = EventParser::default();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let n_bytes = stream.read(&mut buffer)?;
            if n_bytes == 0 {
                return Err(FeedError::Ended);
            }
            parser.push(&buffer[..n_bytes])?;
            let mut news = false;
            while let Some(event) = parser.next() {
                let Some(event) = self.read_event(event)? else { continue };
                news = true;
                if self.send(event).is_err() {
                    return Ok(Closed);
                }
            }
            if !news && self.send(FeedEvent::Heard).is_err() {
                return Ok(Closed);
            }
        }
    }

    /// `None` for an event of a kind that we do not know, or that is old.
    fn read_event(&mut self, event: SentEvent) -> Result<Option<FeedEvent>, FeedError> {
        let parsed = match event.name.as_str() {
            "snapshot" => serde_json::from_str::<Snapshot>(&event.data).map(|snapshot| {
                self.last_seq = Some(snapshot.seq);
                Some(FeedEvent::Snapshot(Box::new(snapshot)))
            }),
            "delta" => serde_json::from_str::<Delta>(&event.data).map(|delta| {
                self.last_seq = self.last_seq.max(Some(delta.seq));
                Some(FeedEvent::Delta(Box::new(delta)))
            }),
            _ => Ok(None),
        };
        parsed.map_err(|why| {
            self.last_seq = None; // what we would miss is in the next snapshot
            FeedError::Event { event: event.name, why }
        })
    }
}

/// One server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentEvent {
    /// `message` when it has no name.
    pub name: String,
    /// Its lines, joined.
    pub data: String,
}

/// Takes a stream of server-sent events apart, in whatever pieces it comes (WHATWG HTML, section 9.2).
///
/// Comments and fields other than `event` and `data` are passed over; our sequence numbers are in the data.
#[derive(Debug, Default)]
pub struct EventParser {
    line: Vec<u8>,
    after_return: bool,
    name: String,
    data: String,
    n_data_lines: usize,
    ready: std::collections::VecDeque<SentEvent>,
}

impl EventParser {
    /// Takes the next bytes. Errs on an event that grows beyond the limit.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), FeedError> {
        for byte in bytes {
            let ends = match byte {
                b'\n' if self.after_return => false, // the second half of a line's end
                b'\n' | b'\r' => true,
                other => {
                    self.line.push(*other);
                    false
                }
            };
            self.after_return = *byte == b'\r';
            if ends {
                let line = std::mem::take(&mut self.line);
                self.take_line(&String::from_utf8_lossy(&line));
                self.line = line;
                self.line.clear();
            }
        }
        if self.line.len() + self.data.len() > EVENT_BYTES_MAX {
            return Err(FeedError::TooLong { max: EVENT_BYTES_MAX });
        }
        Ok(())
    }

    /// The next whole event.
    #[expect(clippy::should_implement_trait, reason = "more may follow after None")]
    pub fn next(&mut self) -> Option<SentEvent> {
        self.ready.pop_front()
    }

    fn take_line(&mut self, line: &str) {
        if line.is_empty() {
            if self.n_data_lines > 0 {
                let name = if self.name.is_empty() { "message".to_owned() } else { std::mem::take(&mut self.name) };
                self.ready.push_back(SentEvent { name, data: std::mem::take(&mut self.data) });
            }
            self.name.clear();
            self.n_data_lines = 0;
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if self.n_data_lines > 0 {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.n_data_lines += 1;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(pieces: &[&[u8]]) -> Vec<SentEvent> {
        let mut parser = EventParser::default();
        let mut events = Vec::new();
        for piece in pieces {
            parser.push(piece).unwrap();
            events.extend(std::iter::from_fn(|| parser.next()));
        }
        events
    }

    #[track_caller]
    fn check(stream: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|(name, data)| SentEvent { name: (*name).into(), data: (*data).into() }).collect();
        assert_eq!(events(&[stream.as_bytes()]), expected, "{stream:?}");
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        check("event: delta\nid: 7\ndata: {}\n\n", &[("delta", "{}")]);
        check("data:a\r\ndata: b\r\n\r\n", &[("message", "a\nb")]);
        check(": keep-alive\n\n", &[]);
        check("event: lonely\n\ndata: x\n\n", &[("message", "x")]);
        check("data\n\n", &[("message", "")]);
        check("data: unfinished", &[]);
    }

    proptest! {
        #[test]
        fn the_pieces_it_comes_in_do_not_matter(stream in "(data: [a-z]{0,5}|event: x|: c|\n|\r\n|\r){0,20}", cut in 0usize..200) {
            let bytes = stream.as_bytes();
            let cut = cut.min(bytes.len());
            prop_assert_eq!(events(&[bytes]), events(&[&bytes[..cut], &bytes[cut..]]));
        }

        #[test]
        fn any_bytes_are_taken_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            let mut parser = EventParser::default();
            prop_assert!(parser.push(&bytes).is_ok());
        }
    }
}
