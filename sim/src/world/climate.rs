//! The air in a cold room or a reefer: a thermostat with a compressor, the weather, doors and a battery.
//!
//! Only sums and products, so that a tick costs a few nanoseconds and is the same on every machine.

use firmware_schemas::network::MetricSpec;

/// Longest step of the integration.
const STEP_SECS: f64 = 60.0;
/// Time constants of the room with the compressor on, off, and with a dead compressor and a leaking door.
const COOLING_SECS: f64 = 3_600.0;
const WARMING_SECS: f64 = 18_000.0;
const FAILED_SECS: f64 = 5_400.0;
const DOOR_SECS: f64 = 7_200.0;
/// Someone changes the battery when this many percent are left.
const NEW_BATTERY_BELOW: f64 = 21.0;
/// How much colder than the set point the evaporator blows.
const BLOW_BELOW_C: f64 = 6.0;

/// The state of one room.
#[derive(Clone, Debug)]
pub(crate) struct Climate {
    set_c: f64,
    band_c: f64,
    air_c: f64,
    humidity: f64,
    compressor_on: bool,
    pub(crate) failed: bool,
    door_open_secs: f64,
    /// Percent.
    pub(crate) battery: f64,
    battery_per_sec: f64,
}

impl Climate {
    /// Settled, with the set point where the limits of the temperature metric want it.
    pub(crate) fn new(temperature: Option<&MetricSpec>, character: [u32; 4]) -> Self {
        let limit = |milli: Option<i64>| milli.map(|milli| milli as f64 / 1e3);
        let (low, high) = temperature.map_or((None, None), |m| (limit(m.min_milli), limit(m.max_milli)));
        let (set_c, span) = match (low, high) {
            (Some(low), Some(high)) => ((low + high) / 2.0, high - low),
            (Some(low), None) => (low + 4.0, 6.0),
            (None, Some(high)) => (high - 4.0, 6.0),
            (None, None) => (18.0, 10.0),
        };
        let share = |word: u32| f64::from(word) / 4_294_967_296.0;
        let band_c = (0.12 * span).clamp(0.05, 0.8);
        Self {
            set_c,
            band_c,
            air_c: set_c + band_c * (2.0 * share(character[0]) - 1.0),
            humidity: 68.0 + 14.0 * share(character[1]),
            compressor_on: character[2] & 1 == 1,
            failed: false,
            door_open_secs: 0.0,
            battery: 100.0 - 60.0 * share(character[2]),
            battery_per_sec: 100.0 / (86_400.0 * (200.0 + 400.0 * share(character[3]))),
        }
    }

    /// Lets `secs` pass with this temperature outside; `words` are random.
    #[inline]
    pub(crate) fn pass(&mut self, secs: f64, outside_c: f64, doors_per_hour: f64, words: [u32; 4]) {
        let opens = f64::from(words[0]) < 4_294_967_296.0 * doors_per_hour * secs / 3_600.0;
        if opens && !self.door_is_open() {
            self.door_open_secs = 40.0 + f64::from(words[1] & 0xff);
        }
        let mut left = secs.min(86_400.0);
        while left > 0.0 {
            let step = left.min(STEP_SECS);
            left -= step;
            let (towards, constant) = match (self.failed, self.compressor_on) {
                (true, _) => (outside_c, FAILED_SECS),
                (false, true) => (self.set_c - BLOW_BELOW_C, COOLING_SECS),
                (false, false) => (outside_c.max(self.set_c + 3.0), WARMING_SECS),
            };
            self.air_c += (towards - self.air_c) * (step / constant);
            if self.door_is_open() {
                self.air_c += (outside_c - self.air_c) * (step.min(self.door_open_secs) / DOOR_SECS);
                self.door_open_secs -= step;
            }
            if self.air_c > self.set_c + self.band_c {
                self.compressor_on = true;
            } else if self.air_c < self.set_c - self.band_c {
                self.compressor_on = false;
            }
        }
        let pull = if self.door_is_open() { 92.0 } else { 76.0 };
        self.humidity += (pull - self.humidity) * (secs / 7_200.0).min(0.5) + 0.6 * bell(words[2]);
        self.humidity = self.humidity.clamp(30.0, 99.0);
        self.battery -= self.battery_per_sec * secs;
        if self.battery < NEW_BATTERY_BELOW {
            self.new_battery();
        }
    }

    /// Thousandths of a degree, as a sensor of 0.02 °C with a little noise sees it.
    pub(crate) fn temperature_milli_c(&self, word: u32) -> i64 {
        let seen = self.air_c + 0.03 * bell(word);
        (seen * 50.0 + if seen < 0.0 { -0.5 } else { 0.5 }) as i64 * 20
    }

    /// Thousandths of a percent, in steps of a tenth.
    pub(crate) fn humidity_milli(&self) -> i64 {
        (self.humidity * 10.0) as i64 * 100
    }

    pub(crate) fn door_is_open(&self) -> bool {
        self.door_open_secs > 0.0
    }

    /// A fresh battery.
    pub(crate) fn new_battery(&mut self) {
        self.battery = 100.0;
    }
}

/// About normal, mean 0 and deviation 1: the sum of four bytes.
#[inline]
pub(crate) fn bell(word: u32) -> f64 {
    let sum: u32 = word.to_le_bytes().iter().map(|b| u32::from(*b)).sum();
    (f64::from(sum) - 510.0) / 147.8
}

/// The temperature outside at this second of the local day: 12 °C at five in the morning, 24 at five in the
/// afternoon, along two parabolas that meet in a smooth line.
#[inline]
pub(crate) fn outside_c(local_second: i64) -> f64 {
    let turn = (local_second - 11 * 3_600).rem_euclid(86_400) as f64 / 43_200.0; // 0 to 2, rising at 0
    let hump = |x: f64| 4.0 * x * (1.0 - x);
    18.0 + 6.0 * if turn < 1.0 { hump(turn) } else { -hump(turn - 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{BlockKey, Purpose, block};
    use firmware_schemas::id::MetricName;
    use firmware_schemas::network::MetricKind;

    fn limits(min_milli: i64, max_milli: i64) -> MetricSpec {
        MetricSpec {
            metric: MetricName::new("temperature").unwrap(),
            unit: "Cel".into(),
            kind: MetricKind::Float,
            min_milli: Some(min_milli),
            max_milli: Some(max_milli),
        }
    }

    /// Lowest and highest temperature of some days in steps of `secs`.
    fn run(climate: &mut Climate, secs: i64, days: i64) -> (i64, i64) {
        let key = BlockKey::new(1, Purpose::Measuring);
        (0..days * 86_400 / secs).fold((i64::MAX, i64::MIN), |(low, high), tick| {
            let words = block(key, 9, tick as u64);
            climate.pass(secs as f64, outside_c(tick * secs % 86_400), 1.0, words);
            let seen = climate.temperature_milli_c(words[3]);
            (low.min(seen), high.max(seen))
        })
    }

    #[test]
    fn a_healthy_room_stays_within_its_limits_at_any_interval() {
        for (min, max) in [(2_000, 8_000), (-25_000, -18_000), (15_000, 25_000)] {
            for secs in [1, 10, 60, 300, 900] {
                let mut climate = Climate::new(Some(&limits(min, max)), [1, 2, 3, 4]);
                let (low, high) = run(&mut climate, secs, 3);
                assert!(min < low && high < max, "{min}..{max} every {secs} s: {low} to {high}");
                assert!(high - low > (max - min) / 10, "the compressor cycles: {low} to {high}");
            }
        }
    }

    #[test]
    fn a_dead_compressor_warms_the_room_over_its_limit_within_an_hour() {
        let mut climate = Climate::new(Some(&limits(2_000, 8_000)), [1, 2, 3, 4]);
        run(&mut climate, 60, 1);
        climate.failed = true;
        for minute in 0..60 {
            climate.pass(60.0, 18.0, 0.0, [u32::MAX; 4]);
            if climate.temperature_milli_c(0x8080_8080) > 8_000 {
                assert!(minute > 5, "not at once");
                return;
            }
        }
        panic!("still {} m°C", climate.temperature_milli_c(0x8080_8080));
    }
}
