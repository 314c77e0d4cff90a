//! What is to be forecast: the calendar, the horizon, and what a good forecast is.

/// What a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Calendar {
    /// Days, with a season of 7.
    Days,
    /// Weeks, with a season of 52.
    Weeks,
    /// Months, with a season of 12.
    Months,
    /// Quarters, with a season of 4.
    Quarters,
}

impl Calendar {
    /// Periods to a season.
    #[must_use]
    pub const fn season(self) -> usize {
        match self {
            Self::Days => 7,
            Self::Weeks => 52,
            Self::Months => 12,
            Self::Quarters => 4,
        }
    }

    /// Periods to a year; for days 52 whole weeks, so that weekdays fall on weekdays.
    #[must_use]
    pub const fn year(self) -> usize {
        match self {
            Self::Days => 364,
            _ => self.season(),
        }
    }

    /// Whole periods to a quarter of a year: after so many, [`tune`](super::tune) again.
    #[must_use]
    pub const fn quarter(self) -> usize {
        self.year() / 4
    }
}

/// What makes one forecast better than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// Small absolute and relative errors of every period (sMAPE and MASE, as in M4): for regular demand.
    Absolute,
    /// Small root mean squared error (RMSSE, as in M5): for intermittent demand.
    RootSquared,
}

/// Which methods are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tried {
    /// Those that backtests have shown to be worth their time for the kind of demand.
    #[default]
    Usual,
    /// For regular demand also moving averages, MSTL and an LSTM for the whole panel, for irregular demand the LSTM. A
    /// network takes a second or so to train for every window, however few series there are.
    Everything,
}

/// What is to be forecast, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What a period is.
    pub calendar: Calendar,
    /// Periods ahead; at most 1,000 are made.
    pub horizon: usize,
    /// Windows of the past, one horizon apart, on which methods are compared. 3 is good; 0 uses what was learned elsewhere.
    pub origins: usize,
    /// Threads to work with; the results are the same for any number.
    pub threads: usize,
    /// Which methods are tried.
    pub tried: Tried,
}

impl Plan {
    /// With 3 origins, one thread and the usual methods.
    #[must_use]
    pub const fn new(calendar: Calendar, horizon: usize) -> Self {
        Self { calendar, horizon, origins: 3, threads: 1, tried: Tried::Usual }
    }

    /// A rolling year ahead.
    #[must_use]
    pub const fn year_ahead(calendar: Calendar) -> Self {
        Self::new(calendar, calendar.year())
    }

    /// The horizon that is worked with.
    pub(super) fn steps(&self) -> usize {
        self.horizon.min(1_000)
    }
}
