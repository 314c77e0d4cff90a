//! The past before the viewer's own: chapters of the gateway's, a snapshot with the steps behind it each, as in a
//! recording. One is asked for at a time, and few are kept.
//!
//! ```text
//! begins ─┬────────┬────────┬─ … ─┬──▶ what the viewer heard itself
//!         chapter  chapter  …  the one that is shown, and the next while time runs
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use firmware_schemas::quantity::Timestamp;

/// How finely the past is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grain {
    /// Ten minutes in steps of a second: for standing still, and for up to 60 times our pace.
    Fine,
    /// Four hours in steps of a minute: for more than that.
    Coarse,
}

impl Grain {
    /// For so many seconds of the past to one of ours.
    pub fn of_speed(speed: u32) -> Self {
        if speed > 60 { Self::Coarse } else { Self::Fine }
    }

    /// How long a step is.
    pub fn step_secs(self) -> u64 {
        match self {
            Self::Fine => 1,
            Self::Coarse => 60,
        }
    }

    /// How long a chapter is.
    pub(crate) fn span(self) -> Duration {
        match self {
            Self::Fine => Duration::from_secs(600),
            Self::Coarse => Duration::from_secs(4 * 3_600),
        }
    }
}

/// A span of the past that is asked for at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chapter {
    /// How finely.
    pub grain: Grain,
    /// The moment of its snapshot.
    pub from: Timestamp,
    /// The end of its steps.
    pub to: Timestamp,
}

impl Chapter {
    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.to
    }
}

#[derive(Debug)]
struct Kept {
    chapter: Chapter,
    packed: Vec<u8>,
    used: u64,
}

/// So many packed bytes are kept; the chapter that was not shown for longest goes.
const KEPT_BYTES_MAX: usize = 96 << 20;

/// After a refusal nothing is asked for so long.
const REST: Duration = Duration::from_secs(3);

/// Chapters that are here, and the one that should be.
#[derive(Debug, Default)]
pub struct Chapters {
    begins: Option<Timestamp>,
    kept: BTreeMap<Chapter, Kept>,
    n_uses: u64,
    wanted: Option<Chapter>,
    under_way: Option<Chapter>,
    rests_until: Duration,
    /// Why the last was not given; `None` when it was.
    pub refusal: Option<String>,
}

impl Chapters {
    /// The gateway's past begins there.
    pub fn set_begins(&mut self, begins: Option<Timestamp>) {
        self.begins = begins;
    }

    /// The first moment that the gateway can show.
    pub fn begins(&self) -> Option<Timestamp> {
        self.begins
    }

    /// The chapter that shows `at`, which lies before `heard`, what the viewer heard itself. `None` where there is
    /// no past.
    pub fn of(&self, at: Timestamp, heard: Timestamp, grain: Grain) -> Option<Chapter> {
        let begins = self.begins.filter(|begins| *begins <= at && at < heard)?;
        let span = i64::try_from(grain.span().as_nanos()).unwrap_or(i64::MAX);
        let floor = at.as_nanos().div_euclid(span) * span;
        let from = Timestamp::from_nanos(floor).max(begins);
        let to = Timestamp::from_nanos(floor.saturating_add(span)).min(heard);
        Some(Chapter { grain, from, to })
    }

    /// The chapter to show `at` with: of this grain if it is here, else of the other.
    pub fn find(&mut self, at: Timestamp, grain: Grain) -> Option<Chapter> {
        let holding = self.kept.keys().filter(|chapter| chapter.holds(at));
        // A chapter ends where the next begins, and that one knows it better.
        let best = holding.max_by_key(|chapter| (chapter.grain == grain, chapter.from)).copied()?;
        self.n_uses += 1;
        let n_uses = self.n_uses;
        if let Some(kept) = self.kept.get_mut(&best) {
            kept.used = n_uses;
        }
        Some(best)
    }

    /// Its lines, packed.
    pub fn packed(&self, chapter: Chapter) -> Option<&[u8]> {
        self.kept.get(&chapter).map(|kept| &kept.packed[..])
    }

    /// Whether it is here.
    pub fn has(&self, chapter: Chapter) -> bool {
        self.kept.contains_key(&chapter)
    }

    /// Should be here; what was wanted before and is not under way is forgotten.
    pub fn want(&mut self, chapter: Chapter) {
        if !self.has(chapter) && self.under_way != Some(chapter) {
            self.wanted = Some(chapter);
        }
    }

    /// What to ask for now; nothing while something is under way.
    pub fn take_wanted(&mut self, now: Duration) -> Option<Chapter> {
        if self.under_way.is_some() || now < self.rests_until {
            return None;
        }
        self.under_way = self.wanted.take();
        self.under_way
    }

    /// Whether something is asked for or should be.
    pub fn waits(&self) -> bool {
        self.under_way.is_some() || self.wanted.is_some()
    }

    /// What came of asking.
    pub fn take(&mut self, chapter: Chapter, packed: Result<Vec<u8>, String>, now: Duration) {
        self.under_way = None;
        match packed {
            Ok(packed) => {
                self.refusal = None;
                self.n_uses += 1;
                self.kept.insert(chapter, Kept { chapter, packed, used: self.n_uses });
                self.make_room(chapter);
            }
            Err(why) => {
                self.refusal = Some(why);
                self.rests_until = now + REST;
            }
        }
    }

    fn make_room(&mut self, but: Chapter) {
        while self.kept.values().map(|kept| kept.packed.len()).sum::<usize>() > KEPT_BYTES_MAX {
            let others = self.kept.values().filter(|kept| kept.chapter != but);
            let Some(oldest) = others.min_by_key(|kept| kept.used).map(|kept| kept.chapter) else { return };
            self.kept.remove(&oldest);
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

    fn chapters() -> Chapters {
        let mut chapters = Chapters::default();
        chapters.set_begins(Some(at(1_000)));
        chapters
    }

    proptest! {
        #[test]
        fn chapters_lie_edge_to_edge_and_hold_the_moment(secs in 1_000i64..99_999, coarse in any::<bool>()) {
            let grain = if coarse { Grain::Coarse } else { Grain::Fine };
            let heard = at(100_000);
            let chapter = chapters().of(at(secs), heard, grain).unwrap();
            prop_assert!(chapter.holds(at(secs)) && chapter.to > at(secs));
            match chapters().of(chapter.to, heard, grain) {
                Some(next) => prop_assert_eq!(next.from, chapter.to),
                None => prop_assert_eq!(chapter.to, heard),
            }
        }
    }

    #[test]
    fn there_is_no_chapter_before_the_beginning_nor_of_what_was_heard() {
        assert_eq!(chapters().of(at(999), at(5_000), Grain::Fine), None);
        assert_eq!(chapters().of(at(5_000), at(5_000), Grain::Fine), None);
        assert_eq!(Chapters::default().of(at(2_000), at(5_000), Grain::Fine), None);
    }

    #[test]
    fn one_is_asked_for_at_a_time_and_the_last_wish_counts() {
        let mut chapters = chapters();
        let [first, second, third] =
            [1_200, 1_800, 2_400].map(|secs| chapters.of(at(secs), at(9_000), Grain::Fine).unwrap());
        let now = Duration::from_secs(1);
        chapters.want(first);
        assert_eq!(chapters.take_wanted(now), Some(first));
        chapters.want(second);
        chapters.want(third);
        assert_eq!(chapters.take_wanted(now), None, "one is under way");
        chapters.take(first, Ok(vec![1]), now);
        assert_eq!(chapters.take_wanted(now), Some(third));
        chapters.take(third, Err("busy".to_owned()), now);
        chapters.want(third);
        assert_eq!(chapters.take_wanted(now), None, "it rests after a refusal");
        assert_eq!(chapters.take_wanted(now + REST), Some(third));
    }

    #[test]
    fn the_other_grain_serves_until_the_right_one_is_here() {
        let mut chapters = chapters();
        let coarse = chapters.of(at(20_000), at(90_000), Grain::Coarse).unwrap();
        chapters.take(coarse, Ok(vec![1]), Duration::ZERO);
        assert_eq!(chapters.find(at(20_000), Grain::Fine), Some(coarse));
        let fine = chapters.of(at(20_000), at(90_000), Grain::Fine).unwrap();
        chapters.take(fine, Ok(vec![2]), Duration::ZERO);
        assert_eq!(chapters.find(at(20_000), Grain::Fine), Some(fine));
        assert_eq!(chapters.find(at(20_000), Grain::Coarse), Some(coarse));
    }

    #[test]
    fn chapters_never_take_more_than_their_room() {
        let mut chapters = chapters();
        for n in 0..40_i64 {
            let chapter = chapters.of(at(2_000 + n * 600), at(900_000), Grain::Fine).unwrap();
            chapters.take(chapter, Ok(vec![0; 8 << 20]), Duration::ZERO);
            assert!(chapters.has(chapter));
        }
        assert!(chapters.kept.len() <= KEPT_BYTES_MAX >> 23);
    }
}
