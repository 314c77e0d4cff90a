//! How fast simulated time runs against real time.

use firmware_schemas::quantity::Timestamp;
use std::time::Duration;

/// How fast a world runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As fast as the machine can.
    AsFast,
    /// This many simulated seconds in a real one. Not a number or below zero is zero: time stands still.
    Times(f64),
}

/// How far a world that began at `start_sim` when a monotonic clock read `start_real` should be when it
/// reads `now_real`.
pub fn paced_target(start_real: Duration, now_real: Duration, start_sim: Timestamp, pace: Pace) -> Timestamp {
    match pace {
        Pace::AsFast => Timestamp::MAX,
        Pace::Times(factor) => {
            let nanos = now_real.saturating_sub(start_real).as_nanos() as f64 * factor.max(0.0); // NaN gives 0
            start_sim.saturating_add(Duration::from_nanos(nanos as u64)) // `as` saturates
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_time_runs_as_many_times_faster_as_asked() {
        #[track_caller]
        fn check(real_millis: u64, pace: Pace, sim_millis: Option<i64>) {
            let start = Timestamp::from_millis(1_000_000).unwrap();
            let real = |millis| Duration::from_millis(5_000 + millis);
            let target = paced_target(real(0), real(real_millis), start, pace);
            let wanted = sim_millis.and_then(|millis| Timestamp::from_millis(1_000_000 + millis));
            assert_eq!(target, wanted.unwrap_or(Timestamp::MAX), "{pace:?} after {real_millis} ms");
        }
        check(0, Pace::Times(60.0), Some(0));
        check(250, Pace::Times(60.0), Some(15_000));
        check(4_000, Pace::Times(0.25), Some(1_000));
        check(4_000, Pace::Times(-1.0), Some(0));
        check(4_000, Pace::Times(f64::NAN), Some(0));
        check(4_000, Pace::Times(f64::INFINITY), None);
        check(0, Pace::AsFast, None);
    }
}
