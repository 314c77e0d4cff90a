//! GS1 keys: numbers that the whole trade shares, each with a check digit.
//!
//! The check digit is that of the GS1 General Specifications, 7.9: from the right, the digits before it are weighed by
//! 3 and 1 in turn; it is what the sum lacks to a multiple of ten.
//!
//! ```
//! use firmware_schemas::gs1::{Gs1Error, Gtin};
//!
//! let gtin: Gtin = "9521234543213".parse().unwrap();
//! assert_eq!(gtin.to_string(), "9521234543213");
//! assert_eq!("9521234543214".parse::<Gtin>(), Err(Gs1Error::CheckDigit { found: 4, expected: 3 }));
//! ```

use alloc::string::ToString;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is not a GS1 key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Gs1Error {
    /// Not as many digits as it must have.
    #[error("a {key} has {digits} digits, not {found}")]
    Length {
        /// Which key.
        key: &'static str,
        /// How many it must have.
        digits: &'static str,
        /// How many characters there are.
        found: usize,
    },
    /// Something that is no digit from 0 to 9.
    #[error("a {key} holds only digits, not {found:?} at character {at}")]
    Character {
        /// Which key.
        key: &'static str,
        /// Which character, from 1.
        at: usize,
        /// The character there.
        found: char,
    },
    /// The last digit does not follow from the others: a digit is wrong, or two are swapped.
    #[error("the check digit is {found}, and must be {expected} after these digits")]
    CheckDigit {
        /// The one that stands there.
        found: u8,
        /// The one that follows from the others.
        expected: u8,
    },
}

/// The check digit that belongs behind the digits of `body`.
pub const fn check_digit(body: u64) -> u8 {
    let (mut rest, mut weight, mut sum) = (body, 3, 0);
    while rest > 0 {
        sum += rest % 10 * weight;
        rest /= 10;
        weight = 4 - weight;
    }
    ((10 - sum % 10) % 10) as u8
}

/// The number of `text`, which has as many digits as one of `lengths`, the last of them right.
fn parse(text: &str, key: &'static str, lengths: &[usize], digits: &'static str) -> Result<u64, Gs1Error> {
    if let Some((at, found)) = text.chars().enumerate().find(|(_, found)| !found.is_ascii_digit()) {
        return Err(Gs1Error::Character { key, at: at + 1, found });
    }
    if !lengths.contains(&text.len()) {
        return Err(Gs1Error::Length { key, digits, found: text.len() });
    }
    // At most 18 digits, which a u64 holds.
    let number = text.bytes().fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'));
    let (found, expected) = ((number % 10) as u8, check_digit(number / 10));
    if found == expected { Ok(number) } else { Err(Gs1Error::CheckDigit { found, expected }) }
}

/// A Global Trade Item Number of 8, 12, 13 or 14 digits: what an item is to everybody.
///
/// A number is the same with zeros before it, so a GTIN-12 equals the GTIN-13 that begins with a zero; each is shown as
/// it was written.
#[derive(Clone, Copy)]
pub struct Gtin {
    number: u64,
    len: u8,
}

impl Gtin {
    /// With zeros before it, as data carriers and exchanges want it: 14 digits.
    pub const fn number(self) -> u64 {
        self.number
    }

    /// How many digits it is written with.
    pub const fn n_digits(self) -> u8 {
        self.len
    }
}

impl FromStr for Gtin {
    type Err = Gs1Error;
    fn from_str(text: &str) -> Result<Self, Gs1Error> {
        let number = parse(text, "GTIN", &[8, 12, 13, 14], "8, 12, 13 or 14")?;
        Ok(Self { number, len: text.len() as u8 })
    }
}

impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$}", self.number, width = usize::from(self.len))
    }
}

impl PartialEq for Gtin {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Gtin {}

impl PartialOrd for Gtin {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Gtin {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number.cmp(&other.number)
    }
}

impl Hash for Gtin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

macro_rules! key {
    ($(#[$doc:meta])* $name:ident, $title:literal, $len:literal, $digits:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// As a number.
            pub const fn number(self) -> u64 {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = Gs1Error;
            fn from_str(text: &str) -> Result<Self, Gs1Error> {
                parse(text, $title, &[$len], $digits).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:0width$}", self.0, width = $len)
            }
        }
    };
}

key! {
    /// A Global Location Number of 13 digits: what a party or a place is to everybody.
    Gln, "GLN", 13, "13"
}
key! {
    /// A Serial Shipping Container Code of 18 digits: one pallet, box or container on its way.
    Sscc, "SSCC", 18, "18"
}

macro_rules! as_text {
    ($($name:ident, $pattern:literal, $example:literal;)+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a GS1 key")
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(|why: Gs1Error| E::custom(why.to_string()))
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> alloc::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                    "examples": [$example],
                })
            }
        }
    )+};
}

as_text! {
    Gtin, "^([0-9]{8}|[0-9]{12,14})$", "9521234543213";
    Gln, "^[0-9]{13}$", "9521234000006";
    Sscc, "^[0-9]{18}$", "095212340000000017";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check<T: FromStr<Err = Gs1Error> + fmt::Display>(text: &str, expected: Result<(), Gs1Error>) {
        let read = text.parse::<T>();
        assert_eq!(read.as_ref().map(|_| ()).map_err(Clone::clone), expected, "{text:?}");
        if let Ok(key) = read {
            assert_eq!(key.to_string(), text);
        }
    }

    #[test]
    fn published_numbers_are_read_and_shown_as_they_are() {
        // The worked example of the General Specifications, 7.9.1 (6291041500213), and numbers on the market.
        for gtin in ["6291041500213", "4006381333931", "036000291452", "96385074", "10614141000415"] {
            check::<Gtin>(gtin, Ok(()));
        }
        check::<Gln>("6291041500213", Ok(()));
        // The same section's SSCC: 37610425002123456 and its check digit 9.
        check::<Sscc>("376104250021234569", Ok(()));
        check::<Sscc>("006141411234567890", Ok(()));
    }

    #[test]
    fn what_is_no_key_is_refused_with_the_digit_that_was_expected() {
        check::<Gtin>("6291041500214", Err(Gs1Error::CheckDigit { found: 4, expected: 3 }));
        check::<Gtin>("629104150021", Err(Gs1Error::CheckDigit { found: 1, expected: 4 }));
        let digits = "8, 12, 13 or 14";
        check::<Gtin>("62910415002", Err(Gs1Error::Length { key: "GTIN", digits, found: 11 }));
        check::<Gtin>("", Err(Gs1Error::Length { key: "GTIN", digits, found: 0 }));
        check::<Gln>("62910415OO213", Err(Gs1Error::Character { key: "GLN", at: 9, found: 'O' }));
        check::<Sscc>("37610425002123456٩", Err(Gs1Error::Character { key: "SSCC", at: 18, found: '٩' }));
        let why = "6291041500214".parse::<Gln>().unwrap_err().to_string();
        assert_eq!(why, "the check digit is 4, and must be 3 after these digits");
    }

    #[test]
    fn zeros_before_a_gtin_do_not_make_it_another() {
        let same: [Gtin; 3] = ["036000291452", "0036000291452", "00036000291452"].map(|text| text.parse().unwrap());
        assert!(same.iter().all(|gtin| *gtin == same[0]));
        assert_eq!(same.map(|gtin| gtin.to_string().len()), [12, 13, 14]);
        assert_eq!(serde_json::to_string(&same[0]).unwrap(), "\"036000291452\"");
        assert!(serde_json::from_str::<Gtin>("\"036000291453\"").unwrap_err().to_string().contains("must be 2"));
    }

    proptest! {
        #[test]
        fn with_its_check_digit_every_number_is_a_key(body in 0_u64..100_000_000_000_000_000) {
            let text = format!("{body:017}{}", check_digit(body));
            let key: Sscc = text.parse().unwrap();
            prop_assert_eq!(key.to_string(), text);
            prop_assert_eq!(postcard::from_bytes::<Sscc>(&postcard::to_allocvec(&key).unwrap()).unwrap(), key);
        }

        #[test]
        fn one_wrong_digit_is_always_found(body in 0_u64..1_000_000_000_000, at in 0_usize..13, add in 1_u8..10) {
            let mut digits = format!("{body:012}{}", check_digit(body)).into_bytes();
            digits[at] = b'0' + (digits[at] - b'0' + add) % 10;
            let text = String::from_utf8(digits).unwrap();
            prop_assert!(matches!(text.parse::<Gtin>(), Err(Gs1Error::CheckDigit { .. })), "{}", text);
        }

        #[test]
        fn two_neighbours_swapped_are_found_unless_they_differ_by_five(
            body in 0_u64..1_000_000_000_000, at in 0_usize..12,
        ) {
            let mut digits = format!("{body:012}{}", check_digit(body)).into_bytes();
            prop_assume!(digits[at].abs_diff(digits[at + 1]) % 5 != 0);
            digits.swap(at, at + 1);
            prop_assert!(String::from_utf8(digits).unwrap().parse::<Gln>().is_err());
        }

        #[test]
        fn no_text_is_a_panic(text in ".{0,30}") {
            drop((text.parse::<Gtin>(), text.parse::<Gln>(), text.parse::<Sscc>()));
        }
    }
}
