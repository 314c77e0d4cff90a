//! Numbers as people read them.

use super::words::{self, Language};
use crate::experiment::Kpi;

/// A minus as wide as a plus.
const MINUS: char = '\u{2212}';
/// Keeps a number and its unit on one line.
const NARROW: char = '\u{a0}';

/// How the numbers of a key figure are written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Style {
    /// What a number is multiplied by first.
    pub(super) scale: f64,
    prefix: String,
    suffix: String,
    suffix_of_difference: String,
    /// The last decimal place that means anything to people.
    floor: i32,
    /// The unit, for a column of its own.
    pub(super) unit: String,
}

impl Style {
    /// Of a key figure whose greatest value is `widest`, with money in `currency`.
    pub(super) fn of(kpi: Kpi, currency: &str, widest: f64, language: Language) -> Self {
        let plain = |unit: &str, floor| {
            let suffix = if unit.is_empty() { String::new() } else { format!("{NARROW}{unit}") };
            Self {
                scale: 1.0,
                prefix: String::new(),
                suffix_of_difference: suffix.clone(),
                suffix,
                floor,
                unit: unit.to_owned(),
            }
        };
        let say = |text: words::Text| text.of(language);
        match (kpi, kpi.unit()) {
            (_, "minor") => Self::money(currency),
            (Kpi::Bullwhip, _) => plain("", -3),
            (Kpi::Orders, _) => plain("", -1),
            (_, "1") => {
                let suffix_of_difference = format!("{NARROW}{}", say(words::POINTS));
                Self { scale: 100.0, suffix_of_difference, ..plain("%", -3) }
            }
            (_, "{piece}") => plain(say(words::PIECES), -2),
            (_, "d") => plain(say(words::DAYS), -3),
            (_, "/a") => plain(say(words::A_YEAR), -2),
            (_, "t.km") => plain("t·km", -1),
            (_, "kg") if widest >= 10_000.0 => Self { scale: 1e-3, ..plain("t CO₂e", -3) },
            (_, "kg") => plain("kg CO₂e", -1),
            (_, unit) => plain(unit, -3),
        }
    }

    /// Of shares that are shown with so many decimals of a percent at most.
    pub(super) fn percent(decimals: u8) -> Self {
        let suffix = format!("{NARROW}%");
        Self {
            scale: 100.0,
            prefix: String::new(),
            suffix_of_difference: suffix.clone(),
            suffix,
            floor: -i32::from(decimals),
            unit: "%".to_owned(),
        }
    }

    /// Of minor units of an ISO 4217 currency, shown in its major one.
    pub(super) fn money(currency: &str) -> Self {
        let symbol = match currency {
            "EUR" => "€",
            "GBP" => "£",
            "USD" => "$",
            "CNY" | "JPY" => "¥",
            "INR" => "₹",
            "KRW" => "₩",
            _ => "",
        };
        let prefix = if symbol.is_empty() { format!("{currency}{NARROW}") } else { symbol.to_owned() };
        Self {
            scale: 1.0 / libm::pow(10.0, f64::from(minor_digits(currency))),
            prefix,
            suffix: String::new(),
            suffix_of_difference: String::new(),
            floor: -i32::from(minor_digits(currency)),
            unit: currency.to_owned(),
        }
    }

    /// `97.1 ± 0.2`, without unit.
    pub(super) fn bare(&self, mean: f64, half_width: Option<f64>) -> String {
        self.written(mean, half_width, 5, false)
    }

    /// `−3.7 ± 0.3`, without unit.
    pub(super) fn bare_difference(&self, mean: f64, half_width: Option<f64>) -> String {
        self.written(mean, half_width, 4, true)
    }

    fn written(&self, mean: f64, half_width: Option<f64>, digits: i32, is_difference: bool) -> String {
        let (mean, half_width) = (mean * self.scale, half_width.map(|h| h * self.scale));
        let place = place(mean, half_width, digits, self.floor);
        let text = fixed(mean, place, is_difference);
        let is_lost = mean != 0.0 && half_width.is_none_or(|h| h < mean.abs()) && is_zero(&text);
        if is_lost && is_difference {
            let sign = if mean < 0.0 { MINUS } else { '+' };
            return format!("{sign}<{}", fixed(libm::pow(10.0, f64::from(place)), place, false));
        }
        format!("{text}{}", plus_minus(half_width, place))
    }

    /// A value, as exact as another interval.
    pub(super) fn plain_like(&self, value: f64, half_width: Option<f64>) -> String {
        let value = value * self.scale;
        let place = place(value, half_width.map(|h| h * self.scale), 5, self.floor);
        fixed(value, place.min(self.coarsest()), false)
    }

    /// Shares are never rounded to whole percents beside a difference: 99.9 % is not 100 %.
    fn coarsest(&self) -> i32 {
        if self.unit == "%" { -1 } else { i32::MAX }
    }

    /// `−3.7 ± 0.3 points`.
    pub(super) fn difference(&self, mean: f64, half_width: Option<f64>) -> String {
        let sign = if mean < 0.0 { MINUS } else { '+' };
        let text = self.written(mean.abs(), half_width, 3, false);
        format!("{sign}{}{text}{}", self.prefix, self.suffix_of_difference)
    }

    /// `−3.7 ± 0.3 %`, with three digits at most.
    pub(super) fn difference_of(&self, mean: f64, half_width: Option<f64>) -> String {
        format!("{}{}", self.written(mean, half_width, 3, true), self.suffix)
    }

    /// `−3.7 %`: as exact as its interval asks for, which stands elsewhere.
    pub(super) fn difference_alone(&self, mean: f64, half_width: Option<f64>) -> String {
        let mean = mean * self.scale;
        let place = place(mean, half_width.map(|h| h * self.scale), 3, self.floor);
        format!("{}{}", fixed(mean, place, true), self.suffix)
    }

    /// How far, without sign: `£12,300 ± 800`.
    pub(super) fn amount(&self, mean: f64, half_width: Option<f64>) -> String {
        format!("{}{}{}", self.prefix, self.written(mean.abs(), half_width, 3, false), self.suffix)
    }

    /// `97.1 ± 0.2 %`.
    pub(super) fn value(&self, mean: f64, half_width: Option<f64>) -> String {
        let text = self.bare(mean.abs(), half_width);
        let sign = if mean < 0.0 { MINUS.to_string() } else { String::new() };
        format!("{sign}{}{text}{}", self.prefix, self.suffix)
    }

    /// `97.1 %`, as exact as a difference with this interval asks for.
    pub(super) fn value_like(&self, value: f64, difference: f64, half_width: Option<f64>) -> String {
        let place = place(difference * self.scale, half_width.map(|h| h * self.scale), 3, self.floor);
        let text = fixed(value.abs() * self.scale, place.min(self.coarsest()), false);
        let sign = if value < 0.0 { MINUS.to_string() } else { String::new() };
        format!("{sign}{}{text}{}", self.prefix, self.suffix)
    }

    /// A number at an axis that reaches to `most` with ticks `step` apart, all scaled already.
    pub(super) fn tick(&self, value: f64, step: f64, most: f64) -> String {
        let (short, by) = match most.abs() {
            m if m >= 1e10 => ("G", 1e9),
            m if m >= 1e7 => ("M", 1e6),
            m if m >= 1e4 => ("k", 1e3),
            _ => ("", 1.0),
        };
        let decimals = (0..6).find(|d| {
            let steps = step / by * libm::pow(10.0, f64::from(*d));
            (steps - libm::rint(steps)).abs() < 1e-6 * steps
        });
        let text = fixed(value / by, -decimals.unwrap_or(6), false);
        let short = if is_zero(&text) { "" } else { short };
        let percent = if self.suffix.ends_with('%') { "%" } else { "" };
        match text.strip_prefix(MINUS) {
            Some(text) => format!("{MINUS}{}{text}{short}{percent}", self.prefix),
            None => format!("{}{text}{short}{percent}", self.prefix),
        }
    }
}

/// Digits after the point of a major unit, by ISO 4217.
pub(super) fn minor_digits(currency: &str) -> u8 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

/// The decimal place to round to: so that the interval keeps one digit, or two if the first is a 1; at most so
/// many digits of the mean, or four if there is no interval; and nothing below `floor`.
fn place(mean: f64, half_width: Option<f64>, digits: i32, floor: i32) -> i32 {
    let leading = |x: f64| libm::floor(libm::log10(x.abs())).clamp(-300.0, 300.0) as i32;
    let most = if mean == 0.0 { i32::MIN } else { leading(mean) + 1 - digits };
    let place = match half_width.filter(|h| *h > 0.0 && h.is_finite()) {
        Some(h) => {
            let first = leading(h);
            let is_one = h / libm::pow(10.0, f64::from(first)) < 1.95;
            // An interval wider than the mean is not cut to the mean's digits.
            (first - i32::from(is_one)).max(most)
        }
        None if mean == 0.0 => 0,
        None => leading(mean) - 3,
    };
    place.clamp(floor, 15)
}

/// Rounded up where the place is too coarse for it, so that nothing looks more exact than it is.
fn plus_minus(half_width: Option<f64>, place: i32) -> String {
    let unit = libm::pow(10.0, f64::from(place));
    match half_width {
        None => String::new(),
        Some(0.0) => format!("{NARROW}±{NARROW}0"),
        Some(h) if h < 0.95 * unit => format!("{NARROW}±{NARROW}{}", fixed(unit, place, false)),
        Some(h) => format!("{NARROW}±{NARROW}{}", fixed(h, place, false)),
    }
}

fn is_zero(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0' | b'.'))
}

/// Rounded to a decimal place, with thousands separated.
pub(super) fn fixed(value: f64, place: i32, signed: bool) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let unit = libm::pow(10.0, f64::from(place.max(0)));
    let rounded = libm::rint(value.abs() / unit) * unit;
    let decimals = usize::try_from(-place).unwrap_or(0);
    let text = if place > 0 { format!("{rounded:.0}") } else { format!("{:.decimals$}", value.abs()) };
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut out = String::new();
    let is_zero = is_zero(&text);
    if value < 0.0 && !is_zero {
        out.push(MINUS);
    } else if signed && !is_zero {
        out.push('+');
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(rest) = rest {
        out.push('.');
        out.push_str(rest);
    }
    out
}

/// A whole number with its thousands separated.
pub(super) fn whole(value: u64) -> String {
    fixed(value as f64, 0, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_as_exact_as_its_interval() {
        let check = |mean, half_width, expected: &str| {
            let plain = Style::of(Kpi::Bullwhip, "EUR", 0.0, Language::English);
            assert_eq!(plain.bare(mean, half_width).replace(NARROW, " "), expected, "{mean} {half_width:?}");
        };
        check(12_345.678, Some(812.0), "12,300 ± 800");
        check(12_345.678, Some(142.0), "12,350 ± 140");
        check(-3.712, Some(0.297), "−3.7 ± 0.3");
        check(3.712, Some(0.95), "3.7 ± 0.9");
        check(0.0, Some(0.02), "0.00 ± 0.02");
        check(-0.000_01, Some(0.02), "0.00 ± 0.02");
        check(1_234_567.0, None, "1,235,000");
        check(1_234_567.0, Some(0.0), "1,235,000 ± 0");
        check(7.0, Some(1e-12), "7.000 ± 0.001");
        check(59_302.123, Some(0.3), "59,302 ± 1");
        check(f64::NAN, None, "–");
    }

    #[test]
    fn a_difference_too_small_to_write_is_no_zero() {
        let share = Style::of(Kpi::FillRate, "EUR", 0.0, Language::English);
        let check = |mean, half_width, expected: &str| {
            assert_eq!(share.bare_difference(mean, Some(half_width)).replace(NARROW, " "), expected, "{mean}");
        };
        check(-0.000_000_2, 0.000_000_1, "−<0.001");
        check(-0.000_000_2, 0.000_000_3, "0.000 ± 0.001");
        check(-0.037_12, 0.000_29, "−3.71 ± 0.03");
        check(-0.372_123_4, 0.000_001, "−37.21 ± 0.01");
        check(0.0, 0.0, "0 ± 0");
    }

    #[test]
    fn money_is_in_the_major_unit() {
        let check = |currency: &str, expected: &str| {
            assert_eq!(Style::money(currency).difference(-1_230_000.0, Some(80_000.0)).replace(NARROW, " "), expected);
        };
        check("GBP", "−£12,300 ± 800");
        check("JPY", "−¥1,230,000 ± 80,000");
        check("KWD", "−KWD 1,230 ± 80");
    }

    #[test]
    fn ticks_are_short() {
        let money = Style::money("EUR");
        assert_eq!(money.tick(12_250_000.0, 250_000.0, 13e6), "€12.25M");
        assert_eq!(money.tick(1_250_000.0, 250_000.0, 2e6), "€1,250k");
        assert_eq!(money.tick(5_000.0, 5_000.0, 15_000.0), "€5k");
        assert_eq!(money.tick(-40.0, 20.0, 40.0), "−€40");
        assert_eq!(money.tick(0.0, 20_000.0, 1e5), "€0");
        assert_eq!(money.tick(0.75, 0.25, 1.0), "€0.75");
    }
}
