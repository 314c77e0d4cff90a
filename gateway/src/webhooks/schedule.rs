//! When an event that was not taken is tried again.

use firmware_schemas::quantity::Timestamp;
use std::time::Duration;

/// The longest that a receiver can ask us to wait.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(86_400);

/// The wait before the try that follows `attempts` tries, spread by up to a fifth to either side, or `None` when
/// there have been enough. `seed` decides the spread.
pub fn wait_after(retry_secs: &[u64], attempts: u32, seed: u64) -> Option<Duration> {
    let secs = retry_secs.get((attempts as usize).checked_sub(1)?)?;
    Some(Duration::from_secs(*secs).mul_f64(0.8 + 0.4 * fraction(seed.wrapping_add(u64::from(attempts)))))
}

/// SplitMix64: spread is all that is asked of it.
fn fraction(seed: u64) -> f64 {
    let mut mixed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ (mixed >> 31)) >> 40) as f64 / (1_u64 << 24) as f64
}

/// Reads the header `Retry-After`: seconds, or an HTTP date.
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse() {
        Ok(secs) => Duration::from_secs(secs),
        Err(_not_seconds) => {
            let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            let at = Timestamp::from_nanos(i64::try_from(at.as_nanosecond()).ok()?);
            if at <= now { Duration::ZERO } else { at.since(now) }
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SCHEDULE: [u64; 3] = [5, 300, 1_800];

    proptest! {
        #[test]
        fn a_wait_is_that_of_the_schedule_within_a_fifth(seed: u64, attempts in 1_u32..=3) {
            let wait = wait_after(&SCHEDULE, attempts, seed).unwrap().as_secs_f64();
            let secs = SCHEDULE[attempts as usize - 1] as f64;
            prop_assert!((0.8 * secs..=1.2 * secs).contains(&wait), "{wait}");
        }
    }

    #[test]
    fn after_the_last_of_the_schedule_there_are_no_more() {
        assert_eq!(wait_after(&SCHEDULE, 4, 1), None);
        assert_eq!(wait_after(&[], 1, 1), None);
        assert_ne!(wait_after(&SCHEDULE, 3, 1), wait_after(&SCHEDULE, 3, 2));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_at_most_a_day() {
        let now = Timestamp::parse_rfc3339("2026-11-22T06:40:00Z").unwrap();
        let check = |text: &str, secs: Option<u64>| {
            assert_eq!(retry_after(text, now), secs.map(Duration::from_secs), "{text:?}");
        };
        check("120", Some(120));
        check("Sun, 22 Nov 2026 06:42:00 GMT", Some(120));
        check("Sun, 22 Nov 2026 06:30:00 GMT", Some(0));
        check("99999999", Some(86_400));
        check("soon", None);
    }
}
