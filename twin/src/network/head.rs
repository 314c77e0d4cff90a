//! `network.toml`: the head, the defaults, and the seasonal profiles.

use std::ops::Range;

use firmware_schemas::id::TenantId;
use firmware_schemas::network::{Mode, NetworkSpec, SeasonalitySpec};
use firmware_schemas::quantity::Seconds;
use toml::de::{DeTable, DeValue};

use super::error::{Cause, Errors, NetworkError, Place, Reported, shortened};
use super::field::{self, Expected};

/// The file's name.
pub(super) const FILE: &str = "network.toml";
/// The version of the format that this reader knows.
pub(super) const FORMAT: i64 = 1;
/// The longest file, in bytes.
const LEN_MAX: usize = 1_048_576;

/// What the file says.
pub(super) struct Head {
    pub(super) network: NetworkSpec,
    pub(super) defaults: Defaults,
    pub(super) seasonality: Vec<(SeasonalitySpec, Place)>,
}

/// What holds where a row says nothing.
pub(super) struct Defaults {
    pub(super) unit: String,
    pub(super) device_interval: Seconds,
    /// In metres an hour, by mode in the order of [`Mode::ALL`].
    speeds: Vec<u32>,
}

impl Defaults {
    fn usual() -> Self {
        let speed = |mode: &Mode| match mode {
            Mode::Sea => 30_000,
            Mode::Road => 60_000,
            Mode::Rail => 50_000,
            Mode::Air => 800_000,
            Mode::Barge => 12_000,
            Mode::Internal => 5_000,
        };
        Self { unit: "piece".into(), device_interval: Seconds(60), speeds: Mode::ALL.iter().map(speed).collect() }
    }

    pub(super) fn speed_m_per_h(&self, mode: Mode) -> u32 {
        self.speeds[Mode::ALL.iter().position(|other| *other == mode).unwrap_or(0)]
    }
}

type Entry<'t> = (toml::Spanned<toml::de::DeString<'t>>, toml::Spanned<DeValue<'t>>);

/// One table of the file: every key is taken once, and what is left is unknown.
struct Keys<'t, 'e> {
    text: &'t str,
    /// Dotted name of the table with a dot at its end; empty at the top.
    prefix: String,
    line: u64,
    entries: Vec<Entry<'t>>,
    known: Vec<&'static str>,
    errors: &'e mut Errors,
}

fn place_at(text: &str, span: &Range<usize>) -> Place {
    let before = text.as_bytes().get(..span.start).unwrap_or_default();
    Place { file: FILE, line: 1 + before.iter().filter(|b| **b == b'\n').count() as u64 }
}

impl<'t, 'e> Keys<'t, 'e> {
    fn new(text: &'t str, prefix: String, line: u64, table: DeTable<'t>, errors: &'e mut Errors) -> Self {
        Self { text, prefix, line, entries: table.into_iter().collect(), known: Vec::new(), errors }
    }

    fn take(&mut self, key: &'static str) -> Option<Entry<'t>> {
        self.known.push(key);
        let at = self.entries.iter().position(|(name, _)| name.get_ref() == key)?;
        Some(self.entries.swap_remove(at))
    }

    fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&DeValue<'t>) -> Result<T, Expected>,
    ) -> Result<Option<T>, Reported> {
        let Some((name, value)) = self.take(key) else { return Ok(None) };
        read(value.get_ref()).map(Some).map_err(|expected| {
            let found = self.text.get(value.span()).unwrap_or_default();
            let cause = Cause::Malformed { expected, found: shortened(found) };
            self.errors.field(place_at(self.text, &name.span()), &format!("{}{key}", self.prefix), cause)
        })
    }

    fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&DeValue<'t>) -> Result<T, Expected>,
    ) -> Result<T, Reported> {
        match self.optional(key, read)? {
            Some(value) => Ok(value),
            None => {
                let place = Place { file: FILE, line: self.line };
                Err(self.errors.field(place, &format!("{}{key}", self.prefix), Cause::FieldMissing))
            }
        }
    }

    /// The keys of a table inside this one, in the order in which they stand in the file.
    fn table(&mut self, key: &'static str) -> Option<(u64, DeTable<'t>)> {
        let (name, value) = self.take(key)?;
        let place = place_at(self.text, &name.span());
        as_table(value.into_inner(), place, &format!("{}{key}", self.prefix), self.errors)
            .map(|table| (place.line, table))
    }

    /// Refuses the keys that nobody took.
    fn finish(self) {
        let known = self.known.join(", ");
        for (name, _) in self.entries {
            let field = format!("{}{}", self.prefix, shortened(name.get_ref()));
            self.errors.field(place_at(self.text, &name.span()), &field, Cause::UnknownField { known: known.clone() });
        }
    }
}

fn as_table<'t>(value: DeValue<'t>, place: Place, field: &str, errors: &mut Errors) -> Option<DeTable<'t>> {
    match value {
        DeValue::Table(table) => Some(table),
        other => {
            let cause = Cause::Malformed { expected: "a table".into(), found: other.type_str().into() };
            errors.field(place, field, cause);
            None
        }
    }
}

fn string_as<T>(read: impl FnOnce(&str) -> Result<T, Expected>) -> impl FnOnce(&DeValue<'_>) -> Result<T, Expected> {
    move |value| read(value.as_str().ok_or("a string")?)
}

fn integer(value: &DeValue<'_>) -> Result<i64, Expected> {
    let number = value.as_integer().and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
    number.ok_or("a whole number".into())
}

fn factors(value: &DeValue<'_>) -> Result<Vec<u32>, Expected> {
    let expected = "a list of whole numbers from 0 to 1000000";
    let items = value.as_array().ok_or(expected)?;
    let factor = |item: &toml::Spanned<DeValue<'_>>| {
        let number = integer(item.get_ref())?;
        u32::try_from(number).ok().filter(|factor| *factor <= 1_000_000).ok_or(Expected::Borrowed(expected))
    };
    items.iter().take(25).map(factor).collect() // one more than the longest that is right
}

/// Reads the file. `None` when the head cannot be used; then the errors say why.
pub(super) fn parse(text: &str, errors: &mut Errors) -> Option<Head> {
    if text.len() > LEN_MAX {
        let cause = Cause::Syntax(format!("{} bytes exceed the limit of {LEN_MAX}", text.len()));
        errors.push(NetworkError { file: FILE, line: None, field: None, cause });
        return None;
    }
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(why) => {
            let line = why.span().map(|span| place_at(text, &span).line);
            let cause = Cause::Syntax(format!("not a TOML file: {}", why.message()));
            errors.push(NetworkError { file: FILE, line, field: None, cause });
            return None;
        }
    };
    let n_errors = errors.len();
    let mut keys = Keys::new(text, String::new(), 1, table, errors);
    let format = keys.required("format", |value| match integer(value)? {
        FORMAT => Ok(()),
        _ => Err(Expected::Owned(format!("format {FORMAT}"))),
    });
    let name = keys.required("name", string_as(field::text));
    let tenant = keys.required("tenant", string_as(field::id::<TenantId>));
    let currency = keys.required("currency", string_as(field::currency));
    let time_zone = keys.required("time_zone", string_as(field::time_zone));
    let defaults = keys.table("defaults");
    let profiles = keys.table("seasonality");
    keys.finish();

    let defaults =
        defaults.map_or_else(|| Ok(Defaults::usual()), |(line, table)| read_defaults(text, line, table, errors));
    let mut seasonality = Vec::new();
    for (name, value) in profiles.into_iter().flat_map(|(_, table)| table) {
        let place = place_at(text, &name.span());
        let field = format!("seasonality.{}", shortened(name.get_ref()));
        let Some(table) = as_table(value.into_inner(), place, &field, errors) else { continue };
        if let Ok(spec) = read_profile(text, name.get_ref(), place.line, table, errors) {
            seasonality.push((spec, place));
        }
    }
    if errors.len() != n_errors {
        return None;
    }
    format.ok()?;
    let network =
        NetworkSpec { name: name.ok()?, tenant: tenant.ok()?, currency: currency.ok()?, time_zone: time_zone.ok()? };
    Some(Head { network, defaults: defaults.ok()?, seasonality })
}

fn read_defaults(text: &str, line: u64, table: DeTable<'_>, errors: &mut Errors) -> Result<Defaults, Reported> {
    let mut defaults = Defaults::usual();
    let mut keys = Keys::new(text, "defaults.".into(), line, table, errors);
    let unit = keys.optional("unit", string_as(field::text));
    let positive = |value: &DeValue<'_>| {
        u32::try_from(integer(value)?).ok().filter(|n| *n > 0).ok_or(Expected::Borrowed("a whole number above 0"))
    };
    let interval = keys.optional("device_interval_secs", positive);
    let speeds = keys.table("speed_m_per_h");
    keys.finish();
    if let Some((line, table)) = speeds {
        let mut keys = Keys::new(text, "defaults.speed_m_per_h.".into(), line, table, errors);
        for (mode, speed) in Mode::ALL.iter().zip(&mut defaults.speeds) {
            if let Some(found) = keys.optional(mode.as_str(), positive)? {
                *speed = found;
            }
        }
        keys.finish();
    }
    if let Some(unit) = unit? {
        defaults.unit = unit;
    }
    if let Some(interval) = interval? {
        defaults.device_interval = Seconds(u64::from(interval));
    }
    Ok(defaults)
}

fn read_profile(
    text: &str,
    name: &str,
    line: u64,
    table: DeTable<'_>,
    errors: &mut Errors,
) -> Result<SeasonalitySpec, Reported> {
    let mut keys = Keys::new(text, format!("seasonality.{}.", shortened(name)), line, table, errors);
    let weekday = keys.optional("weekday_permille", factors);
    let month = keys.optional("month_permille", factors);
    let hour = keys.optional("hour_permille", factors);
    keys.finish();
    let or_even = |found: Option<Vec<u32>>, len| found.unwrap_or_else(|| vec![1_000; len]);
    Ok(SeasonalitySpec {
        name: name.into(),
        weekday_permille: or_even(weekday?, 7),
        month_permille: or_even(month?, 12),
        hour_permille: or_even(hour?, 24),
    })
}
