//! A what-if from choosing it to comparing, and the clock of the possible future.

use std::collections::BTreeMap;
use std::time::Duration;

use firmware_schemas::id::SiteId;

use crate::scene::movements::Movements;
use crate::scene::what_if::{Compare, Effect};

/// A what-if, from choosing to comparing.
#[derive(Clone, Debug, Default)]
pub(crate) struct WhatIf {
    /// The panel is open.
    pub(crate) shown: bool,
    /// The run that is under way or was last, and its scenario.
    pub(crate) run: Option<(String, String)>,
    /// How it is laid over what is.
    pub(crate) compare: Compare,
    /// What it does to sites.
    pub(crate) effects: BTreeMap<SiteId, Effect>,
    /// Counts up when effects or movements change.
    pub(crate) revision: u64,
    /// What moves in one replication.
    pub(crate) movements: Option<Movements>,
    /// Its clock, in days from its beginning.
    pub(crate) day: f64,
    /// The clock runs.
    pub(crate) runs: bool,
}

/// So many days of a what-if go by in a second.
const DAYS_PER_SEC: f64 = 1.0;

impl WhatIf {
    /// Another run: what came out of the last is forgotten.
    pub(crate) fn begin(&mut self, run: String, scenario: &str) {
        let (shown, compare, revision) = (self.shown, self.compare, self.revision + 1);
        *self = Self { shown, compare, revision, run: Some((run, scenario.to_owned())), ..Self::default() };
    }

    /// What moves is known.
    pub(crate) fn take_movements(&mut self, movements: Movements) {
        self.movements = Some(movements);
        self.revision += 1;
    }

    /// Whether there is something that moves on the map.
    pub(crate) fn moves(&self) -> bool {
        self.compare != Compare::Off && self.movements.is_some()
    }

    /// The last moment of its clock.
    fn last_day(&self) -> f64 {
        self.movements.as_ref().map_or(0.0, |movements| f64::from(movements.days()))
    }

    /// Shows another moment of the possible future.
    pub(crate) fn set_day(&mut self, day: f64) {
        self.day = day.clamp(0.0, self.last_day());
    }

    /// Lets the clock run, from the beginning if it is at its end, or stops it.
    pub(crate) fn run_or_stop(&mut self) {
        self.runs = self.moves() && !self.runs;
        if self.runs && self.day >= self.last_day() {
            self.day = 0.0;
        }
    }

    /// Lets its clock go on by so much of ours.
    pub(crate) fn advance(&mut self, by: Duration) {
        if self.runs && self.moves() {
            self.set_day(self.day + by.as_secs_f64() * DAYS_PER_SEC);
            self.runs = self.day < self.last_day();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware_schemas::api::what_if::WhatIfMovements;
    use firmware_schemas::id::OperationId;
    use firmware_schemas::quantity::Timestamp;

    fn what_if(compare: Compare) -> WhatIf {
        let told = WhatIfMovements {
            id: OperationId::new("w").unwrap(),
            replication: 0,
            start: Timestamp::EPOCH,
            days: 10,
            ways: Vec::new(),
            cases: Vec::new(),
        };
        let mut what_if = WhatIf { compare, ..WhatIf::default() };
        what_if.take_movements(Movements::of(&told).unwrap());
        what_if
    }

    #[test]
    fn the_clock_runs_to_the_last_day_stops_there_and_begins_anew() {
        let mut what_if = what_if(Compare::Ghost);
        what_if.advance(Duration::from_secs(3));
        assert_eq!(what_if.day, 0.0, "it stands until it is told to run");
        what_if.run_or_stop();
        what_if.advance(Duration::from_secs(3));
        assert_eq!((what_if.day, what_if.runs), (3.0, true));
        what_if.advance(Duration::from_secs(30));
        assert_eq!((what_if.day, what_if.runs), (10.0, false));
        what_if.run_or_stop();
        assert_eq!((what_if.day, what_if.runs), (0.0, true));
        what_if.set_day(-4.0);
        assert_eq!(what_if.day, 0.0);
    }

    #[test]
    fn without_anything_that_moves_it_does_not_run() {
        let mut off = what_if(Compare::Off);
        off.run_or_stop();
        assert!(!off.runs && !off.moves());
        let mut begun = what_if(Compare::Ghost);
        begun.run_or_stop();
        begun.begin("other".to_owned(), "suez_closed");
        assert_eq!((begun.runs, begun.day, begun.moves(), begun.compare), (false, 0.0, false, Compare::Ghost));
    }
}
