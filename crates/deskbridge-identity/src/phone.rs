//! Phone numbers, compared by the number that is dialled and not by how it is written.

use std::{fmt, str::FromStr};

use phonenumber::{Mode, country};

/// Characters in a written number at most.
const CHARACTERS_MAX: usize = 40;

/// The country in which a number without a country code is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country(country::Id);

/// A text that names no country.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no country; write its two letters, such as VN")]
pub struct NotACountry(String);

impl FromStr for Country {
    type Err = NotACountry;

    fn from_str(text: &str) -> Result<Self, NotACountry> {
        let code = text.trim().to_uppercase();
        code.parse()
            .map(Self)
            .map_err(|_unknown| NotACountry(text.to_owned()))
    }
}

impl Default for Country {
    fn default() -> Self {
        Self(country::Id::VN)
    }
}

/// A phone number that can be dialled. An extension that was written behind it is no part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Phone {
    e164: String,
    national: String,
}

impl Phone {
    /// Reads a number; `None` when the text is none that can be dialled from `country`.
    pub fn parse(text: &str, country: Country) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > CHARACTERS_MAX {
            return None;
        }
        let number = phonenumber::parse(Some(country.0), text).ok()?;
        if !number.is_valid() {
            return None;
        }
        let e164 = number.format().mode(Mode::E164).to_string();
        // Read anew, because an extension would be written behind it.
        let number = phonenumber::parse(None, &e164).ok()?;
        let national = number.format().mode(Mode::National).to_string();
        let national = national.chars().filter(char::is_ascii_digit).collect();
        Some(Self { e164, national })
    }

    /// With a plus sign and the country code: `+84901234567`.
    pub fn e164(&self) -> &str {
        &self.e164
    }

    /// As dialled within its country, digits only: `0901234567`.
    pub fn national(&self) -> &str {
        &self.national
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.e164)
    }
}

/// Whether two texts name one number: by what is dialled where both can be read, else by their digits.
pub fn is_same_number(one: &str, other: &str, country: Country) -> bool {
    match (Phone::parse(one, country), Phone::parse(other, country)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => {
            let digits = |text: &str| {
                text.chars()
                    .filter(char::is_ascii_digit)
                    .collect::<String>()
            };
            let (one, other) = (digits(one), digits(other));
            !one.is_empty() && one == other
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_number_has_many_spellings() {
        let country = Country::default();
        for spelling in [
            "0901234567",
            "+84 901 234 567",
            "84901234567",
            "0901.234.567",
            "(090) 123-4567",
            "0901234567#12",
            "0901234567 ext. 12",
            "0901234567x12",
            "+84 901 234 567 x 12",
        ] {
            let phone = Phone::parse(spelling, country).unwrap();
            assert_eq!(
                (phone.e164(), phone.national()),
                ("+84901234567", "0901234567"),
                "{spelling}"
            );
        }
    }

    #[test]
    fn other_numbers_are_told_apart() {
        let country = Country::default();
        for (one, other, same) in [
            ("0901234567", "+84901234567", true),
            ("0901234567", "0901234568", false),
            ("1900 6750", "19006750", true),
            ("0901234567", "0901234567#12", true),
            ("+84901234567 ext. 12", "0901234567x7", true),
            ("0901234567 ext. 12", "0901234568 ext. 12", false),
            ("101", "101", true),
            ("101", "102", false),
            ("101", "0901234567", false),
            ("", "", false),
            ("abc", "def", false),
        ] {
            assert_eq!(
                is_same_number(one, other, country),
                same,
                "{one} and {other}"
            );
        }
    }

    #[test]
    fn a_country_is_named_by_two_letters() {
        assert_eq!("vn".parse::<Country>().unwrap(), Country::default());
        assert!("Vietnam".parse::<Country>().is_err());
        let russian = "ru".parse::<Country>().unwrap();
        assert_eq!(
            Phone::parse("8 912 345-67-89", russian).unwrap().e164(),
            "+79123456789"
        );
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "[+0-9 ().;=extA-Z-]{0,60}|.*") {
            if let Some(phone) = Phone::parse(&text, Country::default()) {
                prop_assert!(is_same_number(phone.e164(), &text, Country::default()));
            }
        }
    }
}
