//! Record ids.

use std::{fmt, num::NonZeroU64, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The id of a record.
///
/// A portal writes ids as strings in its older methods and as numbers in its newer ones, sometimes both in
/// one answer, and writes `0` where there is no record; this type reads both and cannot hold that zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(NonZeroU64);

impl Id {
    /// `None` for zero, which is how a portal says "no record".
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Text that is no record id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record id is a whole number above zero, written in digits")]
pub struct NotAnId;

impl FromStr for Id {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        // `u64::from_str` would also take a plus sign.
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAnId);
        }
        text.parse().ok().and_then(Self::new).ok_or(NotAnId)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.get())
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a record id as a number or in digits")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Id, E> {
                Id::new(number).ok_or_else(|| E::custom(NotAnId))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_digits_above_zero() {
        for (text, expected) in [
            ("1", Some(1)),
            ("0042", Some(42)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("0", None),
            ("", None),
            ("+1", None),
            ("-1", None),
            (" 1", None),
            ("1.0", None),
            ("1/../2", None),
            ("\u{663}", None),
        ] {
            assert_eq!(text.parse().ok().map(Id::get), expected, "{text:?}");
        }
    }

    #[test]
    fn strings_and_numbers_are_read_and_numbers_written() {
        let read: Vec<Id> = serde_json::from_str(r#"["7", 7]"#).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), "[7,7]");
        assert!(serde_json::from_str::<Id>("0").is_err());
    }
}
