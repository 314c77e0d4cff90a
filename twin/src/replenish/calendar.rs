//! When a position is looked at.

/// Days on which orders are placed. Days count from 1970-01-01, a Thursday.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReviewCalendar {
    /// Every so many days (at least 1), from a first day on.
    Every {
        /// Days.
        days: u32,
        /// Any day of the series.
        first_day: u32,
    },
    /// On days of the week: bit 0 is Monday.
    Weekdays(u8),
    /// On these days, ascending.
    Days(std::sync::Arc<[u32]>),
}

/// Beyond this, a calendar has no next day.
const AHEAD_MAX_DAYS: u32 = 366;

impl ReviewCalendar {
    /// Every day.
    pub const DAILY: Self = Self::Every { days: 1, first_day: 0 };

    /// True where orders are placed on `day`.
    #[must_use]
    pub fn is_due(&self, day: u32) -> bool {
        match self {
            Self::Every { days, first_day } => day.abs_diff(*first_day).is_multiple_of((*days).max(1)),
            Self::Weekdays(mask) => mask >> ((day + 3) % 7) & 1 == 1,
            Self::Days(days) => days.binary_search(&day).is_ok(),
        }
    }

    /// Days from `day` until the next day of review after it; a year where there is none.
    #[must_use]
    pub fn days_until_next(&self, day: u32) -> u32 {
        match self {
            Self::Every { days, .. } if self.is_due(day) => (*days).max(1),
            _ => (1..AHEAD_MAX_DAYS).find(|ahead| self.is_due(day + ahead)).unwrap_or(AHEAD_MAX_DAYS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(calendar: ReviewCalendar, day: u32, due: bool, next: u32) {
        assert_eq!((calendar.is_due(day), calendar.days_until_next(day)), (due, next), "{calendar:?} on {day}");
    }

    #[test]
    fn each_calendar_knows_its_days() {
        check(ReviewCalendar::DAILY, 5, true, 1);
        check(ReviewCalendar::Every { days: 7, first_day: 3 }, 10, true, 7);
        check(ReviewCalendar::Every { days: 7, first_day: 3 }, 11, false, 6);
        // 1970-01-05 was a Monday; Mondays and Thursdays.
        check(ReviewCalendar::Weekdays(0b000_1001), 4, true, 3);
        check(ReviewCalendar::Weekdays(0b000_1001), 7, true, 4);
        check(ReviewCalendar::Days([3, 9].into()), 3, true, 6);
        check(ReviewCalendar::Days([3, 9].into()), 9, true, 366);
        check(ReviewCalendar::Weekdays(0), 9, false, 366);
    }
}
