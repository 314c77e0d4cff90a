//! Local days and hours, and times as text.

const DAY_SECS: i64 = 86_400;
pub(crate) const NANOS_PER_SEC: i64 = 1_000_000_000;
pub(crate) const NANOS_PER_MILLI: i64 = 1_000_000;

/// Hours in nanoseconds.
pub(crate) const fn hours(n: i64) -> i64 {
    n * 3_600 * NANOS_PER_SEC
}

/// Minutes in nanoseconds.
pub(crate) const fn minutes(n: i64) -> i64 {
    n * 60 * NANOS_PER_SEC
}

/// Seconds in nanoseconds, on whole milliseconds, so that times are short on the wire.
pub(crate) fn secs(seconds: f64) -> i64 {
    ((seconds * 1e3) as i64).saturating_mul(NANOS_PER_MILLI)
}

/// The mean solar offset of a longitude from UTC, in whole hours as seconds.
///
/// The world keeps solar hours: what shops and people do by the clock on the wall differs by an hour or two.
pub(crate) fn solar_offset_secs(lon: f64) -> i64 {
    libm::round(lon / 15.0) as i64 * 3_600
}

/// The day since 1970-01-01 of an instant at an offset from UTC.
pub(crate) fn local_day(at_nanos: i64, offset_secs: i64) -> i64 {
    (at_nanos.div_euclid(NANOS_PER_SEC) + offset_secs).div_euclid(DAY_SECS)
}

/// The second of the local day.
pub(crate) fn local_second(at_nanos: i64, offset_secs: i64) -> i64 {
    (at_nanos.div_euclid(NANOS_PER_SEC) + offset_secs).rem_euclid(DAY_SECS)
}

/// When a local day begins, in nanoseconds since the epoch.
pub(crate) fn day_start(day: i64, offset_secs: i64) -> i64 {
    (day * DAY_SECS - offset_secs).saturating_mul(NANOS_PER_SEC)
}

/// 0 for Monday to 6 for Sunday; 1970-01-01 was a Thursday.
pub(crate) fn weekday(day: i64) -> usize {
    (day + 3).rem_euclid(7) as usize
}

/// Year, month (1–12) and day of the month of a day since 1970-01-01, by Howard Hinnant's `civil_from_days`.
pub(crate) fn civil(day: i64) -> (i64, u32, u32) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, (day_of_year - (153 * shifted + 2) / 5 + 1) as u32)
}

/// Writes times as RFC 3339; remembers the last second, since neighbours share it.
#[derive(Clone, Debug)]
pub(crate) struct TimeText {
    second: i64,
    text: [u8; 19],
}

impl TimeText {
    pub(crate) fn new() -> Self {
        let mut new = Self { second: 1, text: *b"0000-00-00T00:00:00" };
        new.set_second(0);
        new
    }

    /// Appends `YYYY-MM-DDTHH:MM:SS[.fraction]Z` without quotes.
    pub(crate) fn write(&mut self, at_nanos: i64, out: &mut Vec<u8>) {
        let second = at_nanos.div_euclid(NANOS_PER_SEC);
        if second != self.second {
            self.set_second(second);
        }
        out.extend_from_slice(&self.text);
        let mut fraction = at_nanos.rem_euclid(NANOS_PER_SEC);
        if fraction != 0 {
            let mut digits = *b".000000000";
            for place in digits[1..].iter_mut().rev() {
                *place = b'0' + (fraction % 10) as u8;
                fraction /= 10;
            }
            let used = digits.iter().rposition(|d| *d != b'0').map_or(1, |last| last + 1);
            out.extend_from_slice(&digits[..used]);
        }
        out.push(b'Z');
    }

    fn set_second(&mut self, second: i64) {
        let (day, mut in_day) = (second.div_euclid(DAY_SECS), second.rem_euclid(DAY_SECS));
        if day != self.second.div_euclid(DAY_SECS) || self.text[0] == b'0' {
            let (year, month, day_of_month) = civil(day);
            let year = year.clamp(0, 9_999) as u32;
            two(&mut self.text[0..2], year / 100);
            two(&mut self.text[2..4], year % 100);
            two(&mut self.text[5..7], month);
            two(&mut self.text[8..10], day_of_month);
        }
        two(&mut self.text[17..19], (in_day % 60) as u32);
        in_day /= 60;
        two(&mut self.text[14..16], (in_day % 60) as u32);
        two(&mut self.text[11..13], (in_day / 60) as u32);
        self.second = second;
    }
}

fn two(place: &mut [u8], number: u32) {
    place[0] = b'0' + (number / 10) as u8;
    place[1] = b'0' + (number % 10) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware_schemas::quantity::Timestamp;

    #[test]
    fn times_are_written_as_the_contract_writes_them() {
        let mut text = TimeText::new();
        let mut check = |nanos: i64| {
            let mut out = Vec::new();
            text.write(nanos, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), Timestamp::from_nanos(nanos).to_string(), "{nanos}");
        };
        for nanos in [0, 1, -1, 1_795_329_600_000_000_000, 1_795_329_600_120_000_000, 951_826_800_000_000_001] {
            check(nanos);
        }
        for day in (-30_000..60_000).step_by(7) {
            check(day * DAY_SECS * NANOS_PER_SEC + day * 1_000_003);
        }
    }

    #[test]
    fn local_days_begin_at_local_midnight() {
        for offset in [-36_000, 0, 28_800] {
            let start = day_start(20_000, offset);
            assert_eq!((local_day(start, offset), local_second(start, offset)), (20_000, 0));
            assert_eq!(local_day(start - 1, offset), 19_999);
        }
        assert_eq!(weekday(0), 3);
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!((solar_offset_secs(121.5), solar_offset_secs(-74.0)), (28_800, -18_000));
    }
}
