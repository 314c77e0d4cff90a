//! Two clocks: the gateway's, carried on by ours between what we hear, and the one that the picture is drawn by.

use std::collections::VecDeque;
use std::time::Duration;

use firmware_schemas::quantity::Timestamp;

/// The gateway's clock. It may run faster than ours, as in a demonstration; it is never shown going back, but by
/// a jump of more than ten seconds where it was set.
#[derive(Clone, Debug, Default)]
pub struct GatewayClock {
    /// What was shown when it was last heard: its time, our time.
    anchor: Option<(Timestamp, Duration)>,
    /// Its seconds to one of ours, corrections included.
    pace: f64,
    /// What was heard: our time, its time.
    heard: VecDeque<(Duration, Timestamp)>,
}

/// What is farther off than this, of the gateway's time at its pace, is set right at once.
const JUMP: Duration = Duration::from_secs(10);

/// The pace is measured over so much of our time.
const WINDOW: Duration = Duration::from_secs(20);

/// A difference is made good within so much of our time.
const CATCH_UP_SECS: f64 = 2.0;

/// At most so many samples are kept.
const SAMPLES_MAX: usize = 256;

impl GatewayClock {
    /// Starts anew at `at`.
    pub fn set(&mut self, at: Timestamp, elapsed: Duration) {
        *self = Self { anchor: Some((at, elapsed)), pace: 1.0, heard: VecDeque::from([(elapsed, at)]) };
    }

    /// Hears that it is `at` there.
    pub fn hear(&mut self, at: Timestamp, elapsed: Duration) {
        let Some(shown) = self.now(elapsed) else { return self.set(at, elapsed) };
        if self.heard.back().is_some_and(|(_, last)| at < *last) {
            return; // out of order: it says nothing about now
        }
        self.heard.push_back((elapsed, at));
        while self.heard.len() > SAMPLES_MAX
            || self.heard.front().is_some_and(|(first, _)| elapsed.saturating_sub(*first) > WINDOW)
        {
            self.heard.pop_front();
        }
        let pace = self.measured_pace();
        let off_secs = signed_secs(shown, at);
        if off_secs.abs() > JUMP.as_secs_f64() * pace.max(1.0) {
            self.anchor = Some((at, elapsed));
            self.pace = pace;
            return;
        }
        self.anchor = Some((shown, elapsed));
        self.pace = (pace + off_secs / CATCH_UP_SECS).clamp(0.0, pace * 4.0);
    }

    fn measured_pace(&self) -> f64 {
        let (Some((first, first_at)), Some((last, last_at))) = (self.heard.front(), self.heard.back()) else {
            return 1.0;
        };
        let span_secs = last.saturating_sub(*first).as_secs_f64();
        if span_secs < 1.0 {
            return 1.0;
        }
        let pace = signed_secs(*first_at, *last_at) / span_secs;
        // Clocks of people run alike; what differs by less is the network.
        if (pace - 1.0).abs() < 0.2 { 1.0 } else { pace.clamp(0.0, 10_000.0) }
    }

    /// What it shows now. `None` before it was heard.
    pub fn now(&self, elapsed: Duration) -> Option<Timestamp> {
        let (at, then) = self.anchor?;
        Some(at.saturating_add(elapsed.saturating_sub(then).mul_f64(self.pace)))
    }

    /// Its seconds to one of ours.
    pub fn pace(&self) -> f64 {
        if self.anchor.is_some() { self.measured_pace() } else { 1.0 }
    }
}

fn signed_secs(from: Timestamp, to: Timestamp) -> f64 {
    (to.as_nanos() - from.as_nanos()) as f64 / 1e9
}

/// The moment that the picture shows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Shown {
    /// Now.
    #[default]
    Live,
    /// A moment that stands still.
    Paused(Timestamp),
    /// The past, running.
    Replay {
        /// Where it began.
        from: Timestamp,
        /// Our clock then.
        since: Duration,
    },
}

/// How fast the past runs: 1 to 3,600 seconds a second.
pub const SPEEDS: [u32; 9] = [1, 2, 5, 10, 30, 60, 300, 900, 3_600];

/// Live, paused or replaying, and how fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timeline {
    /// What is shown.
    pub shown: Shown,
    /// Which of [`SPEEDS`].
    speed: usize,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { shown: Shown::Live, speed: 5 }
    }
}

impl Timeline {
    /// The moment to draw; `live` is the gateway's now. Never later than that.
    pub fn at(&self, live: Timestamp, elapsed: Duration) -> Timestamp {
        match self.shown {
            Shown::Live => live,
            Shown::Paused(at) => at.min(live),
            Shown::Replay { from, since } => {
                let span = elapsed.saturating_sub(since).saturating_mul(self.speed());
                from.saturating_add(span).min(live)
            }
        }
    }

    /// Seconds of the past to one of ours.
    pub fn speed(&self) -> u32 {
        SPEEDS[self.speed]
    }

    /// Whether time passes in the picture.
    pub fn runs(&self) -> bool {
        !matches!(self.shown, Shown::Paused(_))
    }

    /// Whether it is now that is shown.
    pub fn is_live(&self) -> bool {
        self.shown == Shown::Live
    }

    /// Stops where it is, or goes on from there: as a replay, even when it was live.
    pub fn toggle(&mut self, live: Timestamp, elapsed: Duration) {
        let at = self.at(live, elapsed);
        self.shown = match self.shown {
            Shown::Paused(_) => Shown::Replay { from: at, since: elapsed },
            Shown::Live | Shown::Replay { .. } => Shown::Paused(at),
        };
    }

    /// Back to now.
    pub fn go_live(&mut self) {
        self.shown = Shown::Live;
    }

    /// Shows another moment; runs on if it ran as a replay.
    pub fn seek(&mut self, at: Timestamp, elapsed: Duration) {
        self.shown = match self.shown {
            Shown::Replay { .. } => Shown::Replay { from: at, since: elapsed },
            Shown::Live | Shown::Paused(_) => Shown::Paused(at),
        };
    }

    /// A replay that has nothing to show stands at `at` until there is something.
    pub fn wait(&mut self, at: Timestamp, elapsed: Duration) {
        if let Shown::Replay { .. } = self.shown {
            self.shown = Shown::Replay { from: at, since: elapsed };
        }
    }

    /// Faster (positive) or slower, without a jump.
    pub fn change_speed(&mut self, by: i32, live: Timestamp, elapsed: Duration) {
        let at = self.at(live, elapsed);
        self.speed = self.speed.saturating_add_signed(by as isize).min(SPEEDS.len() - 1);
        if matches!(self.shown, Shown::Replay { .. }) {
            self.shown = Shown::Replay { from: at, since: elapsed };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs).unwrap()
    }

    #[test]
    fn a_gateway_that_runs_sixty_times_as_fast_is_followed_smoothly() {
        let mut clock = GatewayClock::default();
        let mut before = at(0);
        for tick in 0..200_u64 {
            let elapsed = Duration::from_millis(tick * 100);
            if tick % 4 == 0 {
                clock.hear(at(1_000 + tick as i64 * 6), elapsed);
            }
            let now = clock.now(elapsed).unwrap();
            assert!(now >= before, "it went back at {tick}");
            before = now;
        }
        assert!((clock.pace() - 60.0).abs() < 1.0, "{}", clock.pace());
        let off = signed_secs(before, at(1_000 + 199 * 6)).abs();
        assert!(off < 60.0, "{off} seconds off, which is one of ours");
    }

    #[test]
    fn a_steady_clock_keeps_its_pace_through_a_jittering_network() {
        let mut clock = GatewayClock::default();
        for tick in 0..100_u64 {
            clock.hear(at(tick as i64), Duration::from_millis(tick * 1_000 + (tick * 37) % 200));
        }
        assert_eq!(clock.pace(), 1.0);
    }

    proptest! {
        #[test]
        fn pausing_and_going_on_never_jumps(start in 0i64..1_000_000, pause in 1u64..10_000, rest in 0u64..100_000, speed in -9i32..9) {
            let live = at(start + 1_000_000_000);
            let mut line = Timeline { shown: Shown::Replay { from: at(start), since: Duration::ZERO }, speed: 0 };
            let paused = Duration::from_millis(pause);
            line.change_speed(speed, live, paused);
            let before = line.at(live, paused);
            line.toggle(live, paused);
            let resumed = paused + Duration::from_millis(rest);
            prop_assert_eq!(line.at(live, resumed), before);
            line.toggle(live, resumed);
            prop_assert_eq!(line.at(live, resumed), before);
            prop_assert!(line.at(live, resumed + Duration::from_secs(1)) > before);
        }

        #[test]
        fn nothing_later_than_now_is_shown(from in 0i64..2_000, elapsed in 0u64..100_000) {
            let line = Timeline { shown: Shown::Replay { from: at(from), since: Duration::ZERO }, speed: 8 };
            prop_assert!(line.at(at(1_000), Duration::from_millis(elapsed)) <= at(1_000));
        }
    }
}
