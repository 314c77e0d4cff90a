//! Numbers of a text, scaled to whole ones.

use super::{FormatError, quote};
use crate::problem::MAX_TIME;

/// A whole number.
pub(super) fn integer(text: &str, line: usize, field: &'static str) -> Result<i64, FormatError> {
    scaled(text, 1, line, field)
}

/// A whole number within bounds.
pub(super) fn within(text: &str, line: usize, field: &'static str, (min, max): (i64, i64)) -> Result<i64, FormatError> {
    bounds(integer(text, line, field)?, line, field, (min, max))
}

pub(super) fn bounds(value: i64, line: usize, field: &'static str, (min, max): (i64, i64)) -> Result<i64, FormatError> {
    if (min..=max).contains(&value) { Ok(value) } else { Err(FormatError::OutOfRange { line, field, value, min, max }) }
}

/// A decimal number times `factor`, the rest rounded to nearest, halves away from 0.
pub(super) fn scaled(text: &str, factor: i64, line: usize, field: &'static str) -> Result<i64, FormatError> {
    decimal(text, factor).ok_or_else(|| FormatError::NotANumber { line, field, found: quote(text) })
}

/// `None` if it is no number or more than [`MAX_TIME`] times `factor`.
fn decimal(text: &str, factor: i64) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok().filter(|e| e.abs() <= 30)?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (mut value, mut places) = (0_i128, -exponent);
    for (i, c) in whole.bytes().chain(fraction.bytes()).enumerate() {
        if !c.is_ascii_digit() {
            return None;
        }
        // Beyond 24 digits a fraction is below what the factor can lift to a whole number.
        if value < 10_i128.pow(24) {
            value = value * 10 + i128::from(c - b'0');
            places += i32::from(i >= whole.len());
        } else if i < whole.len() {
            return None;
        }
    }
    value *= i128::from(factor);
    while places < 0 && value != 0 {
        value = value.checked_mul(10)?;
        places += 1;
    }
    if places > 0 {
        let divisor = 10_i128.checked_pow(u32::try_from(places).ok()?).unwrap_or(i128::MAX);
        value = (value + divisor / 2) / divisor;
    }
    let value = i64::try_from(value).ok().filter(|&v| v <= MAX_TIME * 1_000)?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, factor: i64, expected: Option<i64>) {
        assert_eq!(decimal(text, factor), expected, "{text:?} times {factor}");
    }

    #[test]
    fn decimals_are_scaled_exactly() {
        check("2.958", 1_000, Some(2_958));
        check("-8.63", 1_000, Some(-8_630));
        check("35", 10, Some(350));
        check("+3.5", 1, Some(4));
        check("4.1e+01", 1, Some(41));
        check("1e-3", 1_000, Some(1));
        check(".5", 2, Some(1));
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", ".", "1.2.3", "0x10", "1e99", "nan", "inf", "99999999999999999999", "--1", "1e", "٣"] {
            check(text, 1, None);
        }
    }
}
